// SPDX-License-Identifier: GPL-2.0
/*
 * WATCH: which pages of a watched reservation have been written to. The record
 * is a bit in the page's block, which stays when the page goes. A fault sets it
 * before it makes a PTE writable (fault.c), under the region's lock for reading;
 * a reset clears it and takes the right to write from the PTE, under that lock
 * for writing, so that the next write faults again.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include "compat.h"
#include "ntmem.h"
#include "test.h"

/* Pages that are looked for at a time: as many as a page has addresses for. */
#define NTMEM_FINDS	(PAGE_SIZE / sizeof(u64))

/* Tables that are looked through at a time. */
#define NTMEM_FIND_LOOKS	512

/**
 * struct ntmem_finds - recorded pages that one look has found
 * @left: the pages that were not looked at yet
 * @nr: how many were found
 * @room: how many there is room for
 * @addr: their addresses
 */
struct ntmem_finds {
	struct ntmem_pages left;
	unsigned int nr;
	unsigned int room;
	u64 *addr;
};

/* The recorded pages of a block; false when there was no room for all. */
static bool ntmem_find_block(struct ntmem_finds *finds,
			     const struct ntmem_block *block,
			     unsigned long first)
{
	unsigned long written = READ_ONCE(block->written);
	unsigned int i;

	for_each_set_bit(i, &written, NTMEM_BLOCK_PAGES) {
		if (first + i < finds->left.first || first + i > finds->left.last)
			continue;
		if (finds->nr == finds->room) {
			finds->left.first = first + i;
			return false;
		}
		finds->addr[finds->nr++] = (u64)(first + i) << PAGE_SHIFT;
	}
	return true;
}

static bool ntmem_find_table(struct ntmem_finds *finds,
			     struct ntmem_table *table)
{
	struct ntmem_block *block;
	unsigned int i;

	for (i = 0; i < table->nr; i++) {
		/* Pairs with the cmpxchg in ntmem_block_get(). */
		block = smp_load_acquire(&table->block[i]);
		if (block && !ntmem_find_block(finds, block,
					       ntmem_block_first(table, i)))
			return false;
	}
	return true;
}

/*
 * Looks for recorded pages in what is left, as far as there is room, and not for
 * so long that a fault would notice. The region is locked at least for reading.
 */
static void ntmem_find(struct ntmem_region *region, struct ntmem_finds *finds)
{
	unsigned long lo = finds->left.first >> NTMEM_CHUNK_SHIFT;
	unsigned long hi = finds->left.last >> NTMEM_CHUNK_SHIFT;
	unsigned long i = lo - region->chunk0;
	unsigned int looks = NTMEM_FIND_LOOKS;
	struct ntmem_table *table;

	finds->nr = 0;
	xa_for_each_range(&region->tables, i, table, i, hi - region->chunk0) {
		if (READ_ONCE(table->used) && !ntmem_find_table(finds, table))
			return;
		finds->left.first = (table->chunk + 1) << NTMEM_CHUNK_SHIFT;
		if (!--looks)
			return;
	}
	finds->left.first = finds->left.last + 1;
}

/* The next run of pages among those found, from the i-th on. */
static unsigned int ntmem_found_run(const struct ntmem_finds *finds,
				    unsigned int i)
{
	do
		i++;
	while (i < finds->nr && finds->addr[i] == finds->addr[i - 1] + PAGE_SIZE);
	return i;
}

static void ntmem_zap_found(struct ntmem_region *region,
			    const struct ntmem_finds *finds)
{
	unsigned int i, next;

	for (i = 0; i < finds->nr; i = next) {
		next = ntmem_found_run(finds, i);
		ntmem_zap(region, finds->addr[i] >> PAGE_SHIFT,
			  finds->addr[next - 1] >> PAGE_SHIFT);
	}
}

/*
 * Those from the i-th on that are in one page table; returns the next. The region
 * is locked for writing, mmap_lock is held for reading.
 */
static unsigned int ntmem_wrprotect_some(struct ntmem_region *region,
					 const struct ntmem_finds *finds,
					 unsigned int i)
{
	struct mm_struct *mm = region->space->mm;
	unsigned int next = i;
	unsigned long end;
	pmd_t *pmd = ntmem_find_pmd(region->space, finds->addr[i], &end);
	spinlock_t *ptl;	/* of the page table */

	while (next < finds->nr && finds->addr[next] < end)
		next++;
	if (!pmd)
		return next;
	ptl = pte_lockptr(mm, pmd);
	spin_lock(ptl);
	for (; i < next; i++)
		ntmem_pte_wrprotect(mm, finds->addr[i],
				    pte_offset_kernel(pmd, finds->addr[i]));
	spin_unlock(ptl);
	return next;
}

/* The same to the PTEs in place, with one flush for all, where that can be. */
static bool ntmem_wrprotect_found(struct ntmem_region *region,
				  const struct ntmem_finds *finds)
{
	struct mm_struct *mm = region->space->mm;
	unsigned int i = 0;

	if (!ntmem_wrprotect_begin(mm))
		return false;
	while (i < finds->nr)
		i = ntmem_wrprotect_some(region, finds, i);
	ntmem_wrprotect_end(mm);
	return true;
}

/*
 * Somebody beside block and page tables refers to the page: a device perhaps,
 * which may yet write to it. Asked after the flush: who finds the page from then
 * on finds it read-only.
 */
static bool ntmem_page_busy(struct page *page)
{
	long known = 1 + atomic_long_read(ntmem_page_shares(page)) +
		     atomic_read(&page->_mapcount) + 1;

	return page_count(page) > known;
}

/*
 * Forgets the records of what was found. What belongs to others since a fork
 * has to become the region's own first; where memory is short for that, less
 * was found.
 */
static int ntmem_forget_found(struct ntmem_region *region,
			      struct ntmem_finds *finds)
{
	struct ntmem_block *block;
	unsigned long index;
	unsigned int i;
	int err;

	for (i = 0; i < finds->nr; i++) {
		index = finds->addr[i] >> PAGE_SHIFT;
		err = region->cow ? ntmem_unshare(region, index) : 0;
		if (err) {
			finds->nr = i;
			finds->left.first = index;
			return i ? 0 : err;
		}
		block = ntmem_block_find(region, index);
		block->written &= ~BIT(index & NTMEM_BLOCK_MASK);
	}
	return 0;
}

/* Writes down again; of a region that is locked for writing. */
static void ntmem_record_found(struct ntmem_region *region,
			       const struct ntmem_finds *finds, bool busy_only)
{
	struct ntmem_block *block;
	unsigned long index;
	struct page *page;
	unsigned int i;

	for (i = 0; i < finds->nr; i++) {
		index = finds->addr[i] >> PAGE_SHIFT;
		/* Only for who gave a bad address and has forked meanwhile. */
		if (region->cow && ntmem_unshare(region, index))
			continue;
		block = ntmem_block_find(region, index);
		if (!block)
			continue;
		page = block->page[index & NTMEM_BLOCK_MASK];
		if (!busy_only || (page && ntmem_page_busy(page)))
			block->written |= BIT(index & NTMEM_BLOCK_MASK);
	}
}

/* The region is locked for writing. */
static int ntmem_reset_found(struct ntmem_region *region,
			     struct ntmem_finds *finds)
{
	int err = ntmem_forget_found(region, finds);

	if (err || !finds->nr)
		return err;
	ntmem_stop_point("watch_forgot");
	if (!ntmem_wrprotect_found(region, finds))
		ntmem_zap_found(region, finds);
	ntmem_record_found(region, finds, true);
	return 0;
}

/* Locks the watched region that has all the pages. */
static struct ntmem_region *ntmem_watch_lock(struct ntmem_space *space,
					     const struct ntmem_pages *pages,
					     bool write)
{
	struct ntmem_region *region = ntmem_range_lock(space, pages, write);

	if (!region)
		return ERR_PTR(-ENOENT);
	if (region->watch)
		return region;
	ntmem_region_unlock(region, write);
	return ERR_PTR(-ENXIO);
}

/* One look, and the reset of what it found. */
static int ntmem_watch_look(struct ntmem_space *space,
			    struct ntmem_finds *finds, bool reset)
{
	struct ntmem_region *region;
	int err = 0;

	region = ntmem_watch_lock(space, &finds->left, reset);
	if (IS_ERR(region))
		return PTR_ERR(region);
	ntmem_find(region, finds);
	if (reset)
		err = ntmem_reset_found(region, finds);
	ntmem_region_unlock(region, reset);
	return err ?: fatal_signal_pending(current) ? -EINTR : 0;
}

static int ntmem_watch_some(struct ntmem_space *space,
			    struct ntmem_finds *finds, bool reset)
{
	struct ntmem_visit visit;
	int err = ntmem_visit_begin(&visit, space);

	if (err)
		return err;
	err = ntmem_watch_look(space, finds, reset);
	ntmem_visit_end(&visit);
	return err;
}

/* Nobody was told: as if it had not been reset. */
static void ntmem_watch_undo(struct ntmem_space *space,
			     const struct ntmem_finds *finds)
{
	const struct ntmem_pages pages = {
		.first = finds->addr[0] >> PAGE_SHIFT,
		.last = finds->left.last,
	};
	struct ntmem_region *region;
	struct ntmem_visit visit;

	if (ntmem_visit_begin(&visit, space))
		return;
	region = ntmem_watch_lock(space, &pages, true);
	if (!IS_ERR(region)) {
		ntmem_record_found(region, finds, false);
		ntmem_region_unlock(region, true);
	}
	ntmem_visit_end(&visit);
}

static int ntmem_tell_found(struct ntmem_space *space,
			    const struct ntmem_finds *finds,
			    u64 __user *addrs, bool reset)
{
	if (!copy_to_user(addrs, finds->addr, finds->nr * sizeof(u64)))
		return 0;
	if (reset && finds->nr)
		ntmem_watch_undo(space, finds);
	return -EFAULT;
}

static int ntmem_watch_range(struct ntmem_space *space,
			     struct ntmem_watch *watch,
			     struct ntmem_finds *finds)
{
	u64 __user *addrs = u64_to_user_ptr(watch->pages);
	bool reset = watch->flags & NTMEM_WATCH_RESET;
	u64 left = watch->count ?: U64_MAX;
	u64 told;
	int err = 0;

	while (left && finds->left.first <= finds->left.last) {
		finds->room = min_t(u64, left, NTMEM_FINDS);
		err = ntmem_watch_some(space, finds, reset);
		if (!err && watch->count)
			err = ntmem_tell_found(space, finds, addrs, reset);
		if (err)
			break;
		addrs += finds->nr;
		left -= finds->nr;
		cond_resched();
	}
	told = watch->count ? watch->count - left : 0;
	if (err && !told)
		return err;
	watch->count = told;
	return 0;
}

/* WATCH: locks the region for a part of the range at a time. */
int ntmem_watch(struct ntmem_space *space, struct ntmem_watch *watch)
{
	bool reset = watch->flags & NTMEM_WATCH_RESET;
	struct ntmem_finds finds;
	int err;

	if (watch->flags & ~NTMEM_WATCH_RESET || watch->pad)
		return -EINVAL;
	if (!watch->count && (!reset || watch->pages))
		return -EINVAL;
	err = ntmem_round_out(space, watch->addr, watch->size, &finds.left);
	if (err)
		return err;
	finds.addr = (u64 *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!finds.addr)
		return -ENOMEM;
	err = ntmem_watch_range(space, watch, &finds);
	free_page((unsigned long)finds.addr);
	return err;
}
