/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ntmem's data structures, the locks that guard them, and what the files of
 * the module offer to each other, in the order of a page's life.
 *
 * Lock order, outermost first:
 *
 *	space->map_lock		reservations come and go; VMAs are made
 *	mmap_lock or VMA lock	the core's; held by faults, fork and munmap
 *	space->arena_lock	arenas; nothing sleeps for another lock inside
 *	region->lock		state of a region's pages
 *	i_mmap_rwsem		the core's; inside unmap_mapping_pages()
 *	region->state_lock	spinlock
 *	lock of space->regions	spinlock; the tree takes it for changes, we to
 *				find the next region
 *	lock of ntmem_reset_lru	spinlock, the core's; alone inside region->lock
 *	page table lock		spinlock; never together with state_lock
 *
 * Nothing takes mmap_lock inside region->lock, and nothing copies to or from
 * user space, which may fault and so take region->lock, under either.
 */
#ifndef NTMEM_H
#define NTMEM_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/list.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/xarray.h>
#include <uapi/linux/ntmem.h>

#undef pr_fmt
#define pr_fmt(fmt) "ntmem: " fmt

/*
 * The state of a page is one byte: how it may be accessed, 0 for a page that
 * is reserved but not committed, and flags that only committed pages have.
 */
#define NTMEM_S_ACCESS		0x07	/* index into ntmem_rights */
#define NTMEM_S_NOACCESS	1
#define NTMEM_S_READONLY	2
#define NTMEM_S_READWRITE	3
#define NTMEM_S_EXECUTE		4
#define NTMEM_S_EXECUTE_READ	5
#define NTMEM_S_EXECUTE_READWRITE 6
#define NTMEM_S_GUARD		0x08
#define NTMEM_S_LOCKED		0x10
#define NTMEM_S_RESET		0x20	/* content may be dropped */
#define NTMEM_S_LOST		0x40	/* content was dropped */
#define NTMEM_S_COPY		0x80	/* of a view: what is written is copied */
#define NTMEM_S_MIXED		0xff	/* of a block: see its pages */

#define NTMEM_S_PROT		(NTMEM_S_ACCESS | NTMEM_S_GUARD | \
				 NTMEM_S_COPY)
#define NTMEM_S_DISCARD		(NTMEM_S_RESET | NTMEM_S_LOST)

#define NTMEM_R_READ	1
#define NTMEM_R_WRITE	2
#define NTMEM_R_EXEC	4

/* The accesses that the hardware is to allow, by state & NTMEM_S_ACCESS. */
extern const u8 ntmem_rights[8];

/*
 * By the access of a new state: the accesses, as bits, under which a PTE may
 * have been made that allows what the new state forbids, or the other way
 * round where the core would not ask us again.
 */
extern u8 ntmem_stale[8];

/* Likewise, those that allow more of it than to write. */
extern u8 ntmem_stale_more[8];

/* NT keeps the first 64 KiB of the address space free. */
#define NTMEM_MIN_ADDRESS	0x10000UL

/* A block is 64 KiB of pages, a table the blocks of one 2 MiB page table. */
#define NTMEM_BLOCK_SHIFT	4
#define NTMEM_BLOCK_PAGES	(1UL << NTMEM_BLOCK_SHIFT)
#define NTMEM_BLOCK_MASK	(NTMEM_BLOCK_PAGES - 1)
#define NTMEM_CHUNK_SHIFT	9
#define NTMEM_CHUNK_PAGES	(1UL << NTMEM_CHUNK_SHIFT)
#define NTMEM_CHUNK_BLOCKS	(NTMEM_CHUNK_PAGES / NTMEM_BLOCK_PAGES)

/**
 * struct ntmem_block - the pages of 64 KiB that have been in use
 * @refs: tables that point to it; above 1, what it holds is immutable
 * @window: pages to map at the first fault of a life; learned from the last
 * @lives: how often that was believed since it was last proved
 * @resident: bit mask of the pages that are there
 * @written: likewise, of a watched region: pages whose write is recorded; stays
 *	when they go
 * @state: state of each page, valid while the table says NTMEM_S_MIXED
 * @page: the pages; each holds a reference
 *
 * Made at the first touch or the first state of its own, and kept until the
 * region goes, so that a range that is used again allocates only pages.
 * Pages and records are added under region->lock held for reading and
 * state_lock, and taken away under region->lock held for writing.
 */
struct ntmem_block {
	refcount_t refs;
	u8 window;
	u8 lives;
	u16 resident;
	u16 written;
	u8 state[NTMEM_BLOCK_PAGES];
	struct page *page[NTMEM_BLOCK_PAGES];
};

/**
 * struct ntmem_table - the blocks of one 2 MiB chunk that belong to a region
 * @refs: regions that share it after fork; above 1 it is immutable
 * @chunk: number of the chunk
 * @first: number in the chunk of the first block
 * @nr: number of blocks
 * @used: it has had a block
 * @state: per block of the chunk, its state or NTMEM_S_MIXED
 * @block: the blocks, NULL where nothing was ever touched
 */
struct ntmem_table {
	refcount_t refs;
	unsigned long chunk;
	u8 first;
	u8 nr;
	bool used;
	u8 state[NTMEM_CHUNK_BLOCKS] __aligned(sizeof(u64));
	struct ntmem_block *block[];
};

/**
 * struct ntmem_region - one reservation
 * @space: the space it belongs to; valid until @dying
 * @start: first byte
 * @end: byte behind the last; only a partial release moves it, downwards
 * @chunk0: number of the chunk that index 0 of @tables stands for
 * @alloc_prot: protection given to RESERVE, as user space wrote it
 * @nofork: a child does not get it
 * @watch: writes to its pages are recorded
 * @placeholder: keeps addresses; nothing is ever committed in it
 * @replaced: has taken a placeholder's place and can become one again
 * @segment: what it is a view of, with a reference; NULL for private memory
 * @segment_first: number there of the view's first page
 * @exec: its VMA has VM_EXEC
 * @cow: it has shared tables with another region; reference counts of tables,
 *	blocks and pages must be looked at before a change
 * @dead: a fork could not finish it; every access is SIGBUS
 * @dying: released; set under @lock held for writing, never cleared
 * @refs: the space's tree, plus those who sleep for @lock
 * @lock: held for writing to take away: pages, rights, the region itself;
 *	for reading to fault pages in and to commit
 * @state_lock: guards additions by holders of @lock for reading: states,
 *	pages of a block, @committed, @locked
 * @tables: tables by chunk, where something is or was in use
 * @runs: states that are uniform over whole chunks without a table; changed
 *	under @lock held for writing
 * @committed: pages charged; of a view none, or all that may be copied
 * @locked: pages with NTMEM_S_LOCKED
 * @reset_pages: estimate of the resident pages with NTMEM_S_RESET
 * @reclaim_next: index of the table that reclaim looks at next
 * @reclaim_left: reset pages before it that had to stay
 * @seq_next: page that the next fault of a sequence would hit
 * @seq_window: pages that the last fault mapped
 * @recent: the table used last, or NULL; cleared when tables go
 * @writer: who has it locked for writing, by ntmem_region_lock(): reclaim that
 *	the same task comes to, in an allocation, takes reset pages all the same
 * @reset_node: on the list of regions with reset pages
 * @rcu: for readers of the space's tree
 */
struct ntmem_region {
	struct ntmem_space *space;
	unsigned long start;
	unsigned long end;
	unsigned long chunk0;
	u32 alloc_prot;
	bool nofork;
	bool watch;
	bool placeholder;
	bool replaced;
	bool exec;
	bool cow;
	bool dead;
	bool dying;
	struct ntmem_segment *segment;
	unsigned long segment_first;
	refcount_t refs;
	struct rw_semaphore lock;
	spinlock_t state_lock;	/* additions under a read lock */
	struct xarray tables;
	struct maple_tree runs;
	unsigned long committed;
	unsigned long locked;
	unsigned long reset_pages;
	unsigned long reclaim_next;
	unsigned long reclaim_left;
	unsigned long seq_next;
	unsigned int seq_window;
	struct ntmem_table *recent;
	struct task_struct *writer;
	struct list_head reset_node;
	struct rcu_head rcu;
};

/**
 * struct ntmem_user - what the processes of one user have committed
 * @node: on the list of users
 * @uid: whose
 * @refs: spaces
 * @committed: pages charged
 */
struct ntmem_user {
	struct list_head node;
	kuid_t uid;
	refcount_t refs;
	atomic_long_t committed;
};

/* What is counted of each space; see NTMEM_A_STATS_*. */
enum ntmem_count {
	NTMEM_COUNT_FAULTS,
	NTMEM_COUNT_PAGES,
	NTMEM_COUNT_COPIES,
	NTMEM_COUNT_WATCHED,
	NTMEM_COUNT_GUARDS,
	NTMEM_COUNT_REFUSED,
	NTMEM_COUNT_DROPPED,
	NTMEM_COUNT_LIMITED,
	NTMEM_NR_COUNTS
};

struct ntmem_counts {
	unsigned long nr[NTMEM_NR_COUNTS];
};

/* Slots of space->recent; each stands for every so many granules. */
#define NTMEM_RECENT	16

/* Pages that a space keeps for its next faults. */
#define NTMEM_SPARE_PAGES	64

/**
 * struct ntmem_space - the reservations of one address space
 * @mm: whose; pinned by mmgrab(), so that its address stays unique
 * @refs: open device files, handles of OPEN_SPACE and VMAs
 * @node: in the hash of spaces, by @mm
 * @file: pseudo file that the VMAs map; a forked child shares its parent's.
 *	Its offsets are the virtual addresses, so that unmap_mapping_pages()
 *	finds the PTEs of a page by its address
 * @regions: regions by address; RCU for who looks one address up, the tree's
 *	lock for who looks for the next one
 * @recent: regions used last, by address; only ones that are not dying
 * @map_lock: serializes RESERVE, what releases VMAs, SET_GRANULARITY
 * @arena_lock: guards the next two
 * @arenas: large mappings that reservations are carved from
 * @nr_arenas: how many
 * @top: last byte that a reservation may use
 * @granularity: of allocation, in bytes
 * @limit: pages that may be charged, where ntmem_space_limit is not lower
 * @made: reservations made; above 0, @granularity is final
 * @dead: a fork could not even begin; every access is SIGBUS
 * @map_task: who maps @file just now; nobody else may, and at no other offset
 * @map_nofork: what is being mapped is not for a forked child
 * @remap_start: range that ntmem itself maps anew, see ntmem_remap_inside();
 * @remap_end:	its ->close must release nothing
 * @remap_task: who does it
 * @user: who pays
 * @id: number, by which all are found in turn
 * @counts: what has happened, by CPU
 * @pid: the process, once known; see ntmem_space_identify()
 * @uid: its effective user then
 * @limited: who was refused a charge at a limit last; see ntmem_tell_begin()
 * @peak: most pages that were charged before some were not any more; may miss
 *	what two threads did at once
 * @committed: pages charged
 * @reserved: pages of address space
 * @locked: pages locked
 * @spare_lock: guards the next two
 * @nr_spare: how many
 * @spare: pages that were given back and that nobody else refers to
 * @reason_lock: guards the next two
 * @reasons: last refused fault of each thread, newest first
 * @nr_reasons: how many
 */
struct ntmem_space {
	struct mm_struct *mm;
	refcount_t refs;
	struct hlist_node node;
	struct file *file;
	struct maple_tree regions;
	struct ntmem_region *recent[NTMEM_RECENT];
	struct mutex map_lock;	/* reservations come and go */
	struct mutex arena_lock;	/* arenas, nr_arenas */
	struct list_head arenas;
	unsigned int nr_arenas;
	unsigned long top;
	unsigned long granularity;
	unsigned long limit;
	unsigned long made;
	bool dead;
	struct task_struct *map_task;
	bool map_nofork;
	unsigned long remap_start;
	unsigned long remap_end;
	struct task_struct *remap_task;
	struct ntmem_user *user;
	u32 id;
	struct ntmem_counts __percpu *counts;
	struct pid *pid;
	kuid_t uid;
	struct task_struct *limited;
	unsigned long peak;
	atomic_long_t committed ____cacheline_aligned_in_smp;
	atomic_long_t reserved;
	atomic_long_t locked;
	spinlock_t spare_lock;	/* nr_spare, spare */
	unsigned int nr_spare;
	struct page *spare[NTMEM_SPARE_PAGES];
	spinlock_t reason_lock;	/* reasons, nr_reasons */
	struct list_head reasons;
	unsigned int nr_reasons;
};

/* What ntmem_state_scan() found in a range. */
struct ntmem_scan {
	unsigned long committed;	/* pages */
	unsigned long locked;		/* pages */
	unsigned long resident;		/* pages */
	unsigned long first_resident;	/* page numbers, where resident != 0 */
	unsigned long last_resident;
	u8 access;			/* bit mask of state & NTMEM_S_ACCESS */
	u8 flags;			/* all flags seen, or-ed */
};

/* New state = (old & keep) | set, for all pages or the committed ones. */
struct ntmem_change {
	u8 keep;
	u8 set;
	bool all;
};

static inline u8 ntmem_changed(const struct ntmem_change *change, u8 old)
{
	if (!old && !change->all)
		return 0;
	return (old & change->keep) | change->set;
}

/* device.c */
extern unsigned long ntmem_granularity;
bool ntmem_granularity_valid(u64 granularity);
unsigned int ntmem_prot_to_state(u32 prot, u8 *state);
u32 ntmem_state_to_prot(const struct ntmem_region *region, u8 state);
long ntmem_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
long ntmem_ioctl_space(struct ntmem_space *space, unsigned int cmd,
		       void __user *user);

/* space.c */
extern const struct vm_operations_struct ntmem_vm_ops;
struct ntmem_space *ntmem_space_open(void);
struct ntmem_space *ntmem_space_make(struct mm_struct *mm, struct file *file);
struct ntmem_space *ntmem_space_find(struct mm_struct *mm);
void ntmem_space_publish(struct ntmem_space *space);
void ntmem_space_put(struct ntmem_space *space);
struct inode *ntmem_inode_make(void);
unsigned long ntmem_space_count(void);
int ntmem_space_init(void);
void ntmem_space_exit(void);
static inline void ntmem_space_get(struct ntmem_space *space)
{
	refcount_inc(&space->refs);
}

/*
 * What the kernel keeps for a process counts with its page tables, so that the
 * OOM killer knows whom to blame for it.
 */
static inline void ntmem_note_memory(struct ntmem_space *space, long bytes)
{
	atomic_long_add(bytes, &space->mm->pgtables_bytes);
}

/* place.c */

/* A hole that somebody else takes first is looked for again. */
#define NTMEM_PLACE_TRIES	16

struct ntmem_place {
	unsigned long size;
	unsigned long gap;	/* of what length to look for holes; 0 = size */
	unsigned long min;	/* first byte that may be used */
	unsigned long max;	/* last byte that may be used */
	unsigned long align;
	bool exec;
	bool nofork;
	bool top_down;
	bool anywhere;		/* min and max are only the defaults */
};

int ntmem_place_new(struct ntmem_space *space, struct ntmem_region *region,
		    const struct ntmem_place *place);
int ntmem_place_at(struct ntmem_space *space, struct ntmem_region *region);
int ntmem_place_over(struct ntmem_region *region);
int ntmem_place_plain(struct ntmem_region *region);
int ntmem_map_exec(struct ntmem_region *region, bool exec);
bool ntmem_is_ours(const struct ntmem_space *space,
		   const struct vm_area_struct *vma);
void ntmem_unplace(struct ntmem_space *space, unsigned long start,
		   unsigned long end, bool exec);
int ntmem_find_hole(struct maple_tree *tree, struct mm_struct *mm,
		    const struct ntmem_place *place, unsigned long *addr);
int ntmem_map_room(struct ntmem_space *space, const struct ntmem_place *place,
		   unsigned long *addr);
bool ntmem_is_covered(struct ntmem_space *space, unsigned long start,
		      unsigned long end);
unsigned long ntmem_top(const struct mm_struct *mm);

/* arena.c */
struct ntmem_arena;
struct ntmem_arena *ntmem_arena_alloc(void);
int ntmem_arena_make(struct ntmem_space *space, unsigned long align);
bool ntmem_is_in_arena(struct ntmem_space *space, unsigned long start,
		       unsigned long end);
int ntmem_arenas_carve(struct ntmem_space *space,
		       const struct ntmem_place *place, unsigned long *addr);
void ntmem_arenas_cut(struct ntmem_space *space, unsigned long start,
		      unsigned long end, struct ntmem_arena **spare);
void ntmem_arenas_lost(struct ntmem_space *space, unsigned long start,
		       unsigned long end);
void ntmem_arenas_copy(struct ntmem_space *to, struct ntmem_space *from,
		       unsigned long start, unsigned long end);
void ntmem_arenas_free(struct ntmem_space *space);
void ntmem_next_arena(struct ntmem_space *space, unsigned long *start,
		      unsigned long *end);

/* region.c */
struct ntmem_region *ntmem_region_alloc(struct ntmem_space *space, gfp_t gfp);
struct ntmem_region *ntmem_region_lock(struct ntmem_space *space,
				       unsigned long addr, bool write);
void ntmem_region_unlock(struct ntmem_region *region, bool write);
void ntmem_region_put(struct ntmem_region *region);
struct ntmem_region *ntmem_region_like(struct ntmem_space *space,
				       const struct ntmem_region *region,
				       unsigned long start, unsigned long end,
				       gfp_t gfp);
int ntmem_region_publish(struct ntmem_region *region);
int ntmem_region_supersede(struct ntmem_region *old,
			   struct ntmem_region *region, gfp_t gfp);
void ntmem_region_kill(struct ntmem_region *region, bool zap);
bool ntmem_region_end(struct ntmem_region *region);
struct ntmem_region *ntmem_region_next(struct ntmem_space *space,
				       unsigned long start, unsigned long end);
void ntmem_regions_unmapped(struct ntmem_space *space, unsigned long start,
			    unsigned long end);
int ntmem_region_release(struct ntmem_space *space, unsigned long addr,
			 unsigned long size, bool view);
int ntmem_region_init(void);
void ntmem_region_exit(void);

/* table.c */
u8 ntmem_run_load(struct ntmem_region *region, unsigned long index);
void ntmem_block_put(struct ntmem_block *block);
struct ntmem_table *ntmem_table_get(struct ntmem_region *region,
				    unsigned long index, bool write);
struct ntmem_block *ntmem_block_get(struct ntmem_table *table,
				    unsigned long index, bool write);
struct ntmem_table *ntmem_unshare_table(struct ntmem_region *region,
					unsigned long index);
int ntmem_unshare_block(struct ntmem_table *table, unsigned long index);
int ntmem_unshare(struct ntmem_region *region, unsigned long index);
int ntmem_state_clone(struct ntmem_region *to, struct ntmem_region *from);
int ntmem_state_trim(struct ntmem_region *region);
void ntmem_state_destroy(struct ntmem_region *region);
int ntmem_table_init(void);
void ntmem_table_exit(void);

/* state.c */
u8 ntmem_state_get(struct ntmem_region *region, unsigned long index);
unsigned long ntmem_state_run(struct ntmem_region *region, unsigned long index,
			      u8 *state);
void ntmem_state_scan(struct ntmem_region *region, unsigned long first,
		      unsigned long last, struct ntmem_scan *scan);
bool ntmem_state_is_big(struct ntmem_region *region, unsigned long first,
			unsigned long last);
int ntmem_state_prepare(struct ntmem_region *region, unsigned long first,
			unsigned long last, bool write);
int ntmem_state_store_runs(struct ntmem_region *region, unsigned long first,
			   unsigned long last, u8 state);
void ntmem_state_set(struct ntmem_region *region, unsigned long first,
		     unsigned long last, const struct ntmem_change *change);
int ntmem_state_prepare_flags(struct ntmem_region *region, unsigned long first,
			      unsigned long last, bool everywhere);
int ntmem_state_flag(struct ntmem_region *region, unsigned long first,
		     unsigned long last, const struct ntmem_change *change);
void ntmem_state_set_one(struct ntmem_table *table, struct ntmem_block *block,
			 unsigned long index, u8 state);
int ntmem_state_commit(struct ntmem_region *region, unsigned long first,
		       unsigned long last, u8 state);
bool ntmem_state_protect(struct ntmem_region *region, unsigned long first,
			 unsigned long last, u8 state, u8 *old,
			 struct ntmem_scan *scan);
bool ntmem_state_decommit(struct ntmem_region *region, unsigned long first,
			  unsigned long last, struct ntmem_scan *scan,
			  struct page **pages);
void ntmem_state_drop(struct ntmem_region *region, unsigned long first,
		      unsigned long last);

/* The table of a page, if it has one; the region is locked. */
static inline struct ntmem_table *
ntmem_table_find(struct ntmem_region *region, unsigned long index)
{
	unsigned long chunk = index >> NTMEM_CHUNK_SHIFT;
	struct ntmem_table *table = READ_ONCE(region->recent);

	if (likely(table && table->chunk == chunk))
		return table;
	table = xa_load(&region->tables, chunk - region->chunk0);
	if (table)
		WRITE_ONCE(region->recent, table);
	return table;
}

static inline unsigned int ntmem_block_nr(unsigned long index)
{
	return (index >> NTMEM_BLOCK_SHIFT) & (NTMEM_CHUNK_BLOCKS - 1);
}

/* The block of a page, if it has one; the region is locked for writing. */
static inline struct ntmem_block *
ntmem_block_find(struct ntmem_region *region, unsigned long index)
{
	struct ntmem_table *table = ntmem_table_find(region, index);

	return table ? table->block[ntmem_block_nr(index) - table->first] :
		       NULL;
}

/* The first page of the i-th block of a table. */
static inline unsigned long ntmem_block_first(const struct ntmem_table *table,
					      unsigned int i)
{
	return (table->chunk << NTMEM_CHUNK_SHIFT) +
	       ((unsigned long)(table->first + i) << NTMEM_BLOCK_SHIFT);
}

/* First and last page of a region. */
static inline unsigned long ntmem_first(const struct ntmem_region *region)
{
	return region->start >> PAGE_SHIFT;
}

static inline unsigned long ntmem_last(const struct ntmem_region *region)
{
	return (region->end - 1) >> PAGE_SHIFT;
}

/* page.c */

/* Pages of user memory: by all means, or without waiting. */
#define NTMEM_GFP_WAIT	(GFP_HIGHUSER | __GFP_ACCOUNT)
#define NTMEM_GFP_EASY	((NTMEM_GFP_WAIT | __GFP_NORETRY | __GFP_NOWARN) & \
			 ~__GFP_DIRECT_RECLAIM)

struct mem_cgroup *ntmem_charge_owner(struct mm_struct *mm,
				      struct mem_cgroup **old);
void ntmem_charge_owner_end(struct mem_cgroup *memcg, struct mem_cgroup *old);
struct page *ntmem_page_alloc(struct mm_struct *mm, gfp_t gfp);
unsigned int ntmem_pages_alloc(struct mm_struct *mm, struct page **pages,
			       unsigned int nr);
unsigned int ntmem_pages_get(struct ntmem_space *space, struct page **pages,
			     unsigned int nr);
void ntmem_pages_recycle(struct ntmem_space *space, struct page **pages,
			 unsigned int nr);
void ntmem_spare_free(struct ntmem_space *space);
void ntmem_page_put(struct page *page);
void ntmem_page_own(struct ntmem_region *region, struct page *page,
		    unsigned long index);
void ntmem_pages_held(long nr);
unsigned long ntmem_pages_resident(void);
int ntmem_page_init(void);
void ntmem_page_exit(void);

/*
 * Blocks beyond the first that hold a page, after fork. Kept in the page's
 * private word, which is the owner's, and only for pages of ours.
 */
static inline atomic_long_t *ntmem_page_shares(struct page *page)
{
	return (atomic_long_t *)&page->private;
}

void ntmem_zap(struct ntmem_region *region, unsigned long first,
	       unsigned long last);
pmd_t *ntmem_find_pmd(struct ntmem_space *space, unsigned long addr,
		      unsigned long *end);
bool ntmem_wrprotect_begin(struct mm_struct *mm);
void ntmem_wrprotect_end(struct mm_struct *mm);
bool ntmem_wrprotect(struct ntmem_region *region, unsigned long first,
		     unsigned long last);

static inline void ntmem_pte_wrprotect(struct mm_struct *mm,
				       unsigned long addr, pte_t *ptep)
{
	if (pte_present(*ptep) && pte_write(*ptep))
		ptep_set_wrprotect(mm, addr, ptep);
}

/* What user space is told of pages; no limit is all ones. */
static inline u64 ntmem_bytes(unsigned long pages)
{
	return pages > ULONG_MAX >> PAGE_SHIFT ? U64_MAX :
						 (u64)pages << PAGE_SHIFT;
}

/* charge.c */
extern unsigned long ntmem_commit_limit;
extern unsigned long ntmem_user_limit;
extern unsigned long ntmem_space_limit;

/* Pages that a space may commit; the lower of its own limit and that of all. */
static inline unsigned long
ntmem_space_limit_of(const struct ntmem_space *space)
{
	return min(READ_ONCE(space->limit), READ_ONCE(ntmem_space_limit));
}

int ntmem_set_limit(struct ntmem_space *space, const struct ntmem_limit *arg);
int ntmem_limited(struct ntmem_space *space);
int ntmem_charge_user(struct ntmem_user *user, unsigned long pages);
void ntmem_uncharge_user(struct ntmem_user *user, unsigned long pages);
int ntmem_charge(struct ntmem_space *space, unsigned long pages);
int ntmem_charge_wait(struct ntmem_space *space, unsigned long pages);
void ntmem_uncharge(struct ntmem_space *space, unsigned long pages);
unsigned long ntmem_peak(const struct ntmem_space *space);
int ntmem_charge_more(unsigned long pages);
void ntmem_charge_idle(void);
unsigned long ntmem_charged(void);
kuid_t ntmem_payer(void);
struct ntmem_user *ntmem_user_get(void);
void ntmem_user_put(struct ntmem_user *user);
int ntmem_charge_init(void);
void ntmem_charge_exit(void);

/* ops.c */

/* A range in pages. */
struct ntmem_pages {
	unsigned long first;
	unsigned long last;
};

int ntmem_round_out(struct ntmem_space *space, u64 addr, u64 size,
		    struct ntmem_pages *pages);
struct ntmem_region *ntmem_range_lock(struct ntmem_space *space,
				      const struct ntmem_pages *pages,
				      bool write);
int ntmem_commit(struct ntmem_space *space, const struct ntmem_range *range);
int ntmem_decommit(struct ntmem_space *space, const struct ntmem_range *range);
int ntmem_protect(struct ntmem_space *space, struct ntmem_protect *protect);
int ntmem_lock(struct ntmem_space *space, const struct ntmem_range *range);
int ntmem_unlock(struct ntmem_space *space, const struct ntmem_range *range);
int ntmem_reset(struct ntmem_space *space, const struct ntmem_range *range);
int ntmem_reset_undo(struct ntmem_space *space,
		     const struct ntmem_range *range);

/* placeholder.c */
int ntmem_replace(struct ntmem_space *space, struct ntmem_reserve *reserve,
		  u8 state, struct ntmem_segment *segment,
		  unsigned long first);
int ntmem_placeholder_preserve(struct ntmem_space *space, unsigned long start,
			       unsigned long end, bool view, gfp_t gfp);
int ntmem_placeholder_plain(struct ntmem_space *space, unsigned long start,
			    unsigned long end);
int ntmem_placeholder_coalesce(struct ntmem_space *space, unsigned long start,
			       unsigned long end);

/* reserve.c */
struct ntmem_region *ntmem_region_wanted(struct ntmem_space *space,
					 const struct ntmem_reserve *reserve,
					 struct ntmem_segment *segment,
					 unsigned long first);
int ntmem_map_view(struct ntmem_space *space, struct ntmem_map_view *view);
int ntmem_unmap_view(struct ntmem_space *space,
		     const struct ntmem_unmap_view *unmap);
int ntmem_reserve(struct ntmem_space *space, struct ntmem_reserve *reserve);
void ntmem_reserve_undo(struct ntmem_space *space, unsigned long addr,
			unsigned long size, u32 flags, bool view);
int ntmem_release(struct ntmem_space *space, const struct ntmem_range *range);
int ntmem_set_granularity(struct ntmem_space *space,
			  const struct ntmem_granularity *granularity);

/* section.c */
struct ntmem_segment;
bool ntmem_segment_is_committed(struct ntmem_segment *segment,
				unsigned long index);
unsigned long ntmem_segment_run(struct ntmem_segment *segment,
				unsigned long first, unsigned long last,
				bool *committed);
int ntmem_segment_commit_begin(struct ntmem_segment *segment,
			       unsigned long first, unsigned long last,
			       unsigned long *need);
void ntmem_segment_commit_end(struct ntmem_segment *segment,
			      unsigned long first, unsigned long last,
			      unsigned long need, bool commit);
struct page *ntmem_segment_page(struct ntmem_segment *segment,
				unsigned long index);
struct page *ntmem_segment_add(struct ntmem_segment *segment,
			       unsigned long index, struct page *page);
void ntmem_segment_get(struct ntmem_segment *segment);
void ntmem_segment_put(struct ntmem_segment *segment);
unsigned long ntmem_segment_pages(const struct ntmem_segment *segment);
struct ntmem_segment *ntmem_segment_of(int fd, u32 prot);
long ntmem_ioctl_section(struct ntmem_space *space, unsigned int cmd,
			 struct ntmem_section __user *user);

/* view.c */
bool ntmem_view_allows(u32 max, u32 prot);
bool ntmem_view_takes(const struct ntmem_region *region, u8 state);
bool ntmem_view_committed(const struct ntmem_region *region,
			  const struct ntmem_pages *pages);
bool ntmem_view_resident(struct ntmem_region *region,
			 const struct ntmem_pages *pages);
bool ntmem_view_is_own(struct ntmem_region *region, unsigned long index);
u8 ntmem_view_state(struct ntmem_region *region, unsigned long index, u8 state);
unsigned long ntmem_view_run(struct ntmem_region *region, unsigned long index,
			     u8 *state);
int ntmem_view_change(struct ntmem_region *region,
		      const struct ntmem_pages *pages, u8 state, bool commit,
		      unsigned long *need);
int ntmem_view_fill(struct ntmem_region *region);
void ntmem_view_empty(struct ntmem_region *region);

/* query.c */
void ntmem_query_region(struct ntmem_region *region, struct ntmem_query *query);
int ntmem_query(struct ntmem_space *space, struct ntmem_query *query);
void ntmem_info(struct ntmem_space *space, struct ntmem_info *info);

/* watch.c */
int ntmem_watch(struct ntmem_space *space, struct ntmem_watch *watch);

/* stats.c */
DECLARE_PER_CPU(struct ntmem_counts, ntmem_counts_of_all);
int ntmem_stats_make(struct ntmem_space *space);
void ntmem_stats_free(struct ntmem_space *space);
bool ntmem_space_identify(struct ntmem_space *space);
static __always_inline void ntmem_count(struct ntmem_space *space,
					enum ntmem_count what,
					unsigned long times)
{
	this_cpu_add(space->counts->nr[what], times);
	this_cpu_add(ntmem_counts_of_all.nr[what], times);
}

/* netlink.c */
int ntmem_netlink_init(void);
void ntmem_netlink_exit(void);

/* remote.c */

/**
 * struct ntmem_visit - a call on the space of another process, while it lasts
 * @mm: the target's, with a reference to its users; NULL for the caller's own
 * @memcg: the target's, which is charged
 * @old_memcg: that before
 * @cred: those of the target, which rule
 * @old_cred: those before
 */
struct ntmem_visit {
	struct mm_struct *mm;
	struct mem_cgroup *memcg;
	struct mem_cgroup *old_memcg;
	const struct cred *cred;
	const struct cred *old_cred;
};

int ntmem_visit_slow(struct ntmem_visit *visit, struct ntmem_space *space);
void ntmem_visit_leave(struct ntmem_visit *visit);
int ntmem_run_inside(struct ntmem_space *space, int (*run)(void *data),
		     void *data);
unsigned long ntmem_rlimit(struct mm_struct *mm, unsigned int which);
long ntmem_ioctl_open_space(struct ntmem_space *space,
			    struct ntmem_open_space __user *user);

/* Around what works on a space that may be another process's; -ESRCH. */
static inline int ntmem_visit_begin(struct ntmem_visit *visit,
				    struct ntmem_space *space)
{
	visit->mm = NULL;
	if (likely(space->mm == current->mm))
		return 0;
	return ntmem_visit_slow(visit, space);
}

static inline void ntmem_visit_end(struct ntmem_visit *visit)
{
	if (unlikely(visit->mm))
		ntmem_visit_leave(visit);
}

/* fault.c */
extern unsigned int ntmem_fault_window;
vm_fault_t ntmem_fault(struct vm_fault *vmf);
vm_fault_t ntmem_page_mkwrite(struct vm_fault *vmf);
int ntmem_fault_init(void);

/* reason.c */
void ntmem_reason_note(struct ntmem_space *space,
		       const struct ntmem_fault *fault);
int ntmem_reason_tell(struct ntmem_space *space, struct ntmem_fault *fault);
void ntmem_reason_forget(struct ntmem_space *space);
void ntmem_reasons_free(struct ntmem_space *space);

/* fork.c */
void ntmem_fork_vma(struct vm_area_struct *vma);

/* reclaim.c */
void ntmem_reclaim_add(struct ntmem_region *region, unsigned long pages);
void ntmem_reclaim_remove(struct ntmem_region *region);
int ntmem_reclaim_init(void);
void ntmem_reclaim_exit(void);
extern struct list_lru ntmem_reset_lru;

#endif
