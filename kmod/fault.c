// SPDX-License-Identifier: GPL-2.0
/*
 * Page faults: from an address to a page in the page table, or to a refusal.
 *
 * The region's lock is held from the look at the state to the last PTE, for
 * reading in nearly all faults, so that who takes something away (for writing)
 * comes before or after a fault and never between. What has to be changed
 * before the page can be mapped (a guard, shared pages after fork, content
 * that mattered no more) makes the fault begin again with the lock held for
 * writing. Nobody waits for a free page with the lock held, since reclaim may
 * find what it looks for in this very region: the fault begins again with the
 * page in hand.
 *
 * Only here do PTEs become writable. vm_insert_pages() makes them read-only,
 * since the VMA has a ->page_mkwrite; ntmem_upgrade() then gives what the state
 * allows. ->page_mkwrite does the same and answers VM_FAULT_NOPAGE. It does
 * not let the core finish: between its return and the core's own change of
 * the PTE a PROTECT, its zap and another thread's read would put an equal
 * read-only PTE back, which the core would make writable for good.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <asm/pgalloc.h>
#include "compat.h"
#include "event.h"
#include "fault.h"
#include "ntmem.h"
#include "test.h"

/* What is in the PTE of a data page, by whether it may be written. */
static pgprot_t ntmem_pte_prot[2] __ro_after_init;

/* The most pages that a fault brings; a block's at most. */
unsigned int ntmem_fault_window = NTMEM_BLOCK_PAGES;

static struct page **ntmem_slot(const struct ntmem_try *try,
				unsigned long index)
{
	return &try->block->page[index & NTMEM_BLOCK_MASK];
}

/* ------------------------------------------------------------ page tables --- */

/* A first look, to be confirmed by who inserts. */
static bool ntmem_pte_empty(const struct vm_fault *vmf, unsigned long index)
{
	return pmd_none(READ_ONCE(*vmf->pmd)) ||
	       pte_none(READ_ONCE(*ntmem_pte(vmf, index)));
}

/*
 * A zap may leave a marker of userfaultfd where the PTE was, which inserting
 * takes for an obstacle.
 */
void ntmem_clear_marker(const struct vm_fault *vmf, unsigned long index)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	spinlock_t *ptl;	/* of the page table */
	pte_t *ptep;

	if (likely(ntmem_pte_empty(vmf, index)))
		return;
	ptl = pte_lockptr(mm, vmf->pmd);
	spin_lock(ptl);
	ptep = ntmem_pte(vmf, index);
	if (!pte_none(*ptep) && !pte_present(*ptep))
		pte_clear(mm, index << PAGE_SHIFT, ptep);
	spin_unlock(ptl);
}

/* May this page's PTE be writable, beyond what the state says? */
static bool ntmem_page_exclusive(const struct ntmem_try *try, struct page *page)
{
	return !try->region->cow || !atomic_long_read(ntmem_page_shares(page));
}

static bool ntmem_block_exclusive(const struct ntmem_try *try)
{
	struct ntmem_table *table;

	if (likely(!try->region->cow))
		return true;
	table = ntmem_table_find(try->region, try->index);
	return refcount_read(&table->refs) == 1 &&
	       refcount_read(&try->block->refs) == 1;
}

/*
 * Pages become writable when they are read, and neighbours with the one that is
 * written, unless soft-dirty tracking is on: then each page's first write has to
 * be seen.
 */
static bool ntmem_writes_ahead(const struct vm_area_struct *vma)
{
	return !IS_ENABLED(CONFIG_MEM_SOFT_DIRTY) ||
	       (vma->vm_flags & VM_SOFTDIRTY);
}

/* A watched region's page is written down before it may be written to. */
static void ntmem_record_write(const struct ntmem_try *try)
{
	u16 bit;

	if (!try->region->watch || !ntmem_is_write(try->vmf))
		return;
	spin_lock(&try->region->state_lock);
	bit = BIT(try->index & NTMEM_BLOCK_MASK);
	if (!(try->block->written & bit))
		ntmem_count(try->region->space, NTMEM_COUNT_WATCHED, 1);
	WRITE_ONCE(try->block->written, try->block->written | bit);
	spin_unlock(&try->region->state_lock);
}

static bool ntmem_write_recorded(const struct ntmem_try *try,
				 unsigned long index)
{
	return !try->region->watch ||
	       READ_ONCE(try->block->written) & BIT(index & NTMEM_BLOCK_MASK);
}

/*
 * What a PTE becomes. Whether it may be executed was decided by its VMA when it
 * was made; where that allows it, the state has a say. What another thread has
 * made writable meanwhile stays so: nobody flushes.
 */
pte_t ntmem_upgraded(const struct ntmem_try *try, pte_t pte,
		     struct page *page, bool write, bool target)
{
	bool exec = ntmem_rights[try->state & NTMEM_S_ACCESS] & NTMEM_R_EXEC;
	bool written = target && ntmem_is_write(try->vmf);
	bool soft_dirty = pte_soft_dirty(pte);

	write = write && (written || ntmem_writes_ahead(try->vmf->vma));
	if (unlikely(try->region->exec && !exec)) {
		write = write || pte_write(pte);
		pte = pte_mkyoung(mk_pte(page, ntmem_pte_prot[write]));
		if (soft_dirty)
			pte = pte_mksoft_dirty(pte);
	} else if (write) {
		pte = pte_mkwrite_novma(pte);
	}
	if (write && written)
		pte = pte_mkdirty(pte);
	return pte;
}

/*
 * Gives the PTEs of [first, last], as far as they are there, the rights that
 * the state allows: write, and not execute in a VMA that allows it. With the
 * region locked, a PTE that is there maps the page of the block. An upgrade
 * needs no flush; a data page in such a VMA can be executed until here, which
 * its own process could have asked for anyway.
 */
static void ntmem_upgrade(const struct ntmem_try *try, unsigned long first,
			  unsigned long last)
{
	const struct vm_fault *vmf = try->vmf;
	u8 rights = ntmem_rights[try->state & NTMEM_S_ACCESS];
	struct mm_struct *mm = vmf->vma->vm_mm;
	bool plain, write, target;
	struct page *page;
	spinlock_t *ptl;	/* of the page table */
	pte_t *ptep;

	ntmem_stop_point("fault_upgrade");
	write = (rights & NTMEM_R_WRITE) && !(try->state & NTMEM_S_DISCARD) &&
		ntmem_block_exclusive(try);
	if (!write && (!try->region->exec || (rights & NTMEM_R_EXEC)))
		return;
	if (write)
		ntmem_record_write(try);
	ntmem_stop_point("fault_recorded");
	plain = write && ntmem_writes_ahead(vmf->vma) && !try->region->exec &&
		!try->region->cow && !try->region->watch;

	ptl = pte_lockptr(mm, vmf->pmd);
	spin_lock(ptl);
	ptep = ntmem_pte(vmf, first);
	for (; first <= last; first++, ptep++) {
		pte_t old = READ_ONCE(*ptep);

		target = first == try->index;
		if (!pte_present(old) || (!target && pte_uffd_wp(old)))
			continue;
		if (likely(plain && !target)) {
			set_pte_at(mm, first << PAGE_SHIFT, ptep,
				   pte_mkwrite_novma(old));
			continue;
		}
		page = *ntmem_slot(try, first);
		set_pte_at(mm, first << PAGE_SHIFT, ptep,
			   ntmem_upgraded(try, old, page,
					  write &&
					  ntmem_write_recorded(try, first) &&
					  ntmem_page_exclusive(try, page),
					  target));
	}
	spin_unlock(ptl);
}

/* Of a PTE beside another, in the same page table or in none. */
static bool ntmem_is_none(pte_t *ptep, long distance)
{
	return !ptep || pte_none(READ_ONCE(ptep[distance]));
}

/*
 * The core made a page table before it called us, in case that there is none,
 * and without our lock. To have vm_insert_page() make another one under it
 * would keep reclaim from what the region has to give. The region is locked.
 */
static void ntmem_use_page_table(struct vm_fault *vmf)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	spinlock_t *ptl;	/* of the middle level */

	if (likely(!pmd_none(READ_ONCE(*vmf->pmd))) || !vmf->prealloc_pte)
		return;
	ptl = pmd_lock(mm, vmf->pmd);
	if (likely(pmd_none(*vmf->pmd))) {
		mm_inc_nr_ptes(mm);
		/* Who walks the tables without a lock sees an empty one. */
		smp_wmb();
		pmd_populate(mm, vmf->pmd, vmf->prealloc_pte);
		vmf->prealloc_pte = NULL;
	}
	spin_unlock(ptl);
}

/*
 * Maps the page, the others of [first, last], which are there, and those
 * around that are there too: what a zap took from the page table comes back in
 * one fault.
 */
static vm_fault_t ntmem_map_around(const struct ntmem_try *try,
				   unsigned long first, unsigned long last)
{
	struct vm_fault *vmf = try->vmf;
	unsigned long nr;
	struct page **slot = ntmem_slot(try, try->index);
	pte_t *ptep;
	int err;

	ntmem_use_page_table(vmf);
	ntmem_clear_marker(vmf, try->index);
	ptep = pmd_none(READ_ONCE(*vmf->pmd)) ? NULL :
						ntmem_pte(vmf, try->index);
	while (first > try->first && READ_ONCE(slot[first - 1 - try->index]) &&
	       ntmem_is_none(ptep, first - 1 - try->index))
		first--;
	while (last < try->last && READ_ONCE(slot[last + 1 - try->index]) &&
	       ntmem_is_none(ptep, last + 1 - try->index))
		last++;

	ntmem_stop_point("fault_map");
	nr = last - first + 1;
	if (nr == 1)
		err = vm_insert_page(vmf->vma, first << PAGE_SHIFT,
				     *ntmem_slot(try, first));
	else
		err = vm_insert_pages(vmf->vma, first << PAGE_SHIFT,
				      ntmem_slot(try, first), &nr);
	if (unlikely(err == -EBUSY && first != last)) {
		/* Another thread was faster somewhere: just our page, then. */
		first = try->index;
		last = try->index;
		err = vm_insert_page(vmf->vma, first << PAGE_SHIFT,
				     *ntmem_slot(try, first));
	}
	if (unlikely(err && err != -EBUSY))
		return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
	ntmem_upgrade(try, first, last);
	return VM_FAULT_NOPAGE;
}

/* ------------------------------------------------------------------ pages --- */

/*
 * How many pages to bring at once: one, unless the faults go on in a sequence
 * or the block was used to the full in its last life.
 */
static void ntmem_choose_window(struct ntmem_try *try, unsigned long *first,
				unsigned long *last)
{
	struct ntmem_region *region = try->region;
	unsigned int window = 1;

	*first = try->index;
	if (try->block->window &&
	    try->block->window <= READ_ONCE(ntmem_fault_window)) {
		window = try->block->window;
		while (*first > try->first && !*ntmem_slot(try, *first - 1))
			(*first)--;
	} else if (READ_ONCE(region->seq_next) == try->index) {
		window = min(2 * READ_ONCE(region->seq_window),
			     READ_ONCE(ntmem_fault_window));
	}
	*last = try->index;
	while (*last < try->last && *last - *first + 1 < window &&
	       !*ntmem_slot(try, *last + 1))
		(*last)++;
	WRITE_ONCE(region->seq_window, window);
	WRITE_ONCE(region->seq_next, *last + 1);
}

static struct page *ntmem_page_in_hand(struct ntmem_try *try)
{
	struct page *page = try->page;

	try->page = NULL;
	try->wait = !page;
	return page;
}

/* Cleared pages, up to @nr; none when the fault has to wait for one. */
unsigned int ntmem_take_pages(struct ntmem_try *try, struct page **pages,
			      unsigned int nr)
{
	unsigned int got = ntmem_pages_get(try->region->space, pages, nr);

	if (likely(got))
		return got;
	pages[0] = ntmem_page_in_hand(try);
	return pages[0] ? 1 : 0;
}

/* Gives new pages to the block, where no other fault did so meanwhile. */
static void ntmem_install(struct ntmem_try *try, unsigned long first,
			  struct page **pages, unsigned int nr)
{
	unsigned int i, held = 0;
	struct page **slot = ntmem_slot(try, first);

	ntmem_stop_point("fault_install");
	spin_lock(&try->region->state_lock);
	for (i = 0; i < nr; i++) {
		if (slot[i])
			continue;
		ntmem_page_own(try->region, pages[i], first + i);
		WRITE_ONCE(slot[i], pages[i]);
		try->block->resident |= BIT((first + i) & NTMEM_BLOCK_MASK);
		pages[i] = NULL;
		held++;
	}
	spin_unlock(&try->region->state_lock);
	ntmem_pages_held(held);
	ntmem_count(try->region->space, NTMEM_COUNT_PAGES, held);
	if (likely(held == nr))
		return;
	for (i = 0; i < nr; i++)
		if (pages[i])
			__free_page(pages[i]);
}

static vm_fault_t ntmem_bring_window(struct ntmem_try *try,
				     unsigned long first, unsigned long last)
{
	struct page *pages[NTMEM_BLOCK_PAGES];
	unsigned int got = ntmem_take_pages(try, pages, last - first + 1);

	if (unlikely(!got))
		return NTMEM_FAULT_AGAIN;
	/* Too few reach from the page itself, as far as there are free slots. */
	if (got < last - first + 1)
		first = min(try->index, last - got + 1);
	ntmem_install(try, first, pages, got);
	return ntmem_map_around(try, first, first + got - 1);
}

static vm_fault_t ntmem_bring_pages(struct ntmem_try *try)
{
	unsigned long first, last;
	struct page *page;

	/* Who dumps core takes what is there. */
	if (current->flags & PF_DUMPCORE)
		return VM_FAULT_SIGSEGV;
	ntmem_choose_window(try, &first, &last);
	if (first != last)
		return ntmem_bring_window(try, first, last);
	if (unlikely(!ntmem_take_pages(try, &page, 1)))
		return NTMEM_FAULT_AGAIN;
	ntmem_install(try, first, &page, 1);
	return ntmem_map_around(try, first, first);
}

/* ---------------------------------------------------------------- attempt --- */

/* The pages around that the block, the region, the VMA and the state allow. */
static void ntmem_bounds(struct ntmem_try *try, const struct ntmem_table *table)
{
	const struct vm_area_struct *vma = try->vmf->vma;
	unsigned long block = try->index & ~NTMEM_BLOCK_MASK;
	u8 uniform = READ_ONCE(table->state[ntmem_block_nr(try->index)]);
	unsigned long lo, hi;

	lo = max3(block, ntmem_first(try->region), vma->vm_start >> PAGE_SHIFT);
	hi = min3(block + NTMEM_BLOCK_MASK, ntmem_last(try->region),
		  (vma->vm_end - 1) >> PAGE_SHIFT);
	try->first = lo;
	try->last = hi;
	if (likely(uniform != NTMEM_S_MIXED && !try->region->segment))
		return;
	try->first = try->index;
	try->last = try->index;
	/* The next page may be the segment's, and none to be written to. */
	if (try->region->segment)
		return;
	while (try->first > lo &&
	       READ_ONCE(try->block->state[(try->first - 1) &
					   NTMEM_BLOCK_MASK]) == try->state)
		try->first--;
	while (try->last < hi &&
	       READ_ONCE(try->block->state[(try->last + 1) &
					   NTMEM_BLOCK_MASK]) == try->state)
		try->last++;
}

/* Why the access is not allowed: NTMEM_FAULT_*, or 0 when it is. */
u32 ntmem_refusal(const struct ntmem_try *try)
{
	u8 rights = ntmem_rights[try->state & NTMEM_S_ACCESS];

	if (!try->state)
		return NTMEM_FAULT_RESERVED;
	if (try->state & NTMEM_S_GUARD)
		return NTMEM_FAULT_GUARD;
	if (!(rights & NTMEM_R_READ) ||
	    (ntmem_is_write(try->vmf) && !(rights & NTMEM_R_WRITE)) ||
	    ((try->vmf->flags & FAULT_FLAG_INSTRUCTION) &&
	     !(rights & NTMEM_R_EXEC)))
		return NTMEM_FAULT_PROTECTION;
	return 0;
}

/* Changes the state of the faulting page; the lock is held for writing. */
static int ntmem_fault_set(const struct ntmem_try *try, u8 keep)
{
	const struct ntmem_change change = { .keep = keep };
	int err;

	err = ntmem_state_prepare(try->region, try->index, try->index, true);
	if (!err)
		ntmem_state_set(try->region, try->index, try->index, &change);
	return err;
}

/*
 * A guard stops one access of user mode and is gone. An access of the kernel
 * is refused as long as it stands: the copy routines try again, byte by byte,
 * what faulted, so that a guard that went with the first fault would be lost
 * without anybody's notice.
 */
vm_fault_t ntmem_refuse(struct ntmem_try *try)
{
	if (try->reason != NTMEM_FAULT_GUARD ||
	    !(try->vmf->flags & FAULT_FLAG_USER))
		return VM_FAULT_SIGSEGV;
	if (!try->write)
		return NTMEM_FAULT_AGAIN;
	if (ntmem_fault_set(try, (u8)~NTMEM_S_GUARD))
		return VM_FAULT_OOM;
	return VM_FAULT_SIGSEGV;
}

/*
 * After fork: gives the region its own table and block, and a copy of the
 * page where it writes and others still share it.
 */
static int ntmem_unshare_page(struct ntmem_try *try)
{
	struct page *page, *copy;
	struct page **slot;
	int err;

	err = ntmem_unshare(try->region, try->index);
	if (err || !ntmem_is_write(try->vmf))
		return err;
	try->block = ntmem_block_find(try->region, try->index);
	if (!try->block)
		return 0;
	slot = ntmem_slot(try, try->index);
	page = *slot;
	if (!page || ntmem_page_exclusive(try, page))
		return 0;
	copy = ntmem_page_alloc(try->vmf->vma->vm_mm, NTMEM_GFP_EASY) ?:
	       ntmem_page_in_hand(try);
	if (!copy)
		return -EAGAIN;
	copy_user_highpage(copy, page, try->vmf->address, try->vmf->vma);
	ntmem_stop_point("cow_copied");
	/* Out of our page table before the others may find themselves alone. */
	if (!ntmem_pte_empty(try->vmf, try->index))
		ntmem_zap(try->region, try->index, try->index);
	ntmem_page_own(try->region, copy, try->index);
	*slot = copy;
	ntmem_pages_held(1);
	ntmem_count(try->region->space, NTMEM_COUNT_COPIES, 1);
	ntmem_page_put(page);
	return 0;
}

/* Whether this has to be done, with the lock for writing, before mapping. */
static bool ntmem_needs_repair(const struct ntmem_try *try,
			       const struct ntmem_table *table)
{
	bool write = ntmem_is_write(try->vmf);
	struct page *page;

	if (write && (try->state & NTMEM_S_DISCARD))
		return true;
	if (likely(!try->region->cow))
		return false;
	page = try->block ? *ntmem_slot(try, try->index) : NULL;
	if (page && !write)
		return false;
	return refcount_read(&table->refs) > 1 ||
	       (try->block && refcount_read(&try->block->refs) > 1) ||
	       (page && !ntmem_page_exclusive(try, page));
}

/* -EAGAIN: has to wait for a page first. */
static int ntmem_repair(struct ntmem_try *try)
{
	int err = 0;

	if (try->region->cow)
		err = ntmem_unshare_page(try);
	if (err || !(try->state & NTMEM_S_DISCARD) || !ntmem_is_write(try->vmf))
		return err;
	err = ntmem_fault_set(try, (u8)~NTMEM_S_DISCARD);
	if (!err)
		try->state &= ~NTMEM_S_DISCARD;
	return err;
}

/* What is not easily had is there for who has the lock for writing. */
static vm_fault_t ntmem_no_table(const struct ntmem_try *try)
{
	return try->write ? VM_FAULT_OOM : NTMEM_FAULT_AGAIN;
}

/*
 * One attempt, with the region locked. Where allocations let reclaim take the
 * page, its state is as good as before: what was reset and what was lost are
 * brought and mapped alike.
 */
static vm_fault_t ntmem_attempt(struct ntmem_try *try)
{
	struct ntmem_table *table;
	vm_fault_t ret;
	int err;

	if (unlikely(try->region->dead))
		return VM_FAULT_SIGBUS;
	try->state = ntmem_state_get(try->region, try->index);
	if (unlikely(try->region->segment)) {
		if (ntmem_view_attempt(try, &ret))
			return ret;
	} else {
		try->reason = ntmem_refusal(try);
		if (unlikely(try->reason))
			return ntmem_refuse(try);
		ntmem_stop_point("fault_look");
	}
	if (try->write) {
		err = ntmem_repair(try);
		if (err)
			return err == -EAGAIN ? NTMEM_FAULT_AGAIN :
						VM_FAULT_OOM;
	}
	table = ntmem_table_get(try->region, try->index, try->write);
	if (unlikely(!table))
		return ntmem_no_table(try);
	try->block = table->block[ntmem_block_nr(try->index) - table->first];
	if (!try->write && ntmem_needs_repair(try, table))
		return NTMEM_FAULT_AGAIN;
	if (!try->block)
		try->block = ntmem_block_get(table, try->index, try->write);
	if (unlikely(!try->block))
		return ntmem_no_table(try);
	ntmem_bounds(try, table);
	if (try->vmf->flags & FAULT_FLAG_MKWRITE &&
	    *ntmem_slot(try, try->index) == try->vmf->page) {
		if (try->region->watch)	/* one by one */
			ntmem_upgrade(try, try->index, try->index);
		else
			ntmem_upgrade(try, try->first, try->last);
		return VM_FAULT_NOPAGE;
	}
	return READ_ONCE(*ntmem_slot(try, try->index)) ?
	       ntmem_map_around(try, try->index, try->index) :
	       ntmem_bring_pages(try);
}

static void ntmem_note_refusal(struct ntmem_space *space,
			       const struct ntmem_try *try, u32 prot)
{
	struct ntmem_fault fault = {
		.addr = try->vmf->real_address, .access = NTMEM_ACCESS_READ,
		.reason = try->reason, .prot = prot,
	};

	/* The core does not tell ->page_mkwrite who writes; suppose the user. */
	if (!(try->vmf->flags & (FAULT_FLAG_USER | FAULT_FLAG_MKWRITE)) ||
	    current->mm != space->mm)
		return;
	if (ntmem_is_write(try->vmf))
		fault.access = NTMEM_ACCESS_WRITE;
	else if (try->vmf->flags & FAULT_FLAG_INSTRUCTION)
		fault.access = NTMEM_ACCESS_EXECUTE;
	ntmem_reason_note(space, &fault);
}

/*
 * A guard that is refused to the kernel, who tries here and there, is nobody's
 * news, nor is anything that a core dump finds on its way through all pages.
 */
static void ntmem_count_refusal(struct ntmem_space *space,
				const struct ntmem_try *try)
{
	if (current->flags & PF_DUMPCORE)
		return;
	if (try->reason != NTMEM_FAULT_GUARD) {
		ntmem_count(space, NTMEM_COUNT_REFUSED, 1);
	} else if (try->vmf->flags & FAULT_FLAG_USER) {
		ntmem_count(space, NTMEM_COUNT_GUARDS, 1);
		ntmem_tell(space, NTMEM_EVENT_GUARD,
			   try->vmf->address & PAGE_MASK, PAGE_SIZE);
	}
}

/* Gets what the last attempt lacked; false when there is no memory. */
static bool ntmem_next_try(struct ntmem_try *try)
{
	if (!try->wait) {
		try->write = true;
		return true;
	}
	try->wait = false;
	try->page = ntmem_page_alloc(try->vmf->vma->vm_mm,
				     NTMEM_GFP_WAIT | __GFP_ZERO);
	return try->page;
}

static vm_fault_t ntmem_handle(struct vm_fault *vmf)
{
	struct ntmem_space *space = vmf->vma->vm_private_data;
	struct ntmem_try try = {
		.vmf = vmf, .index = vmf->address >> PAGE_SHIFT,
	};
	u64 start = ntmem_trace_begin();
	u32 prot = 0;
	vm_fault_t ret;

	/* A fork went wrong here. */
	if (unlikely(!space || space->dead))
		return VM_FAULT_SIGBUS;
	for (;;) {
		try.region = ntmem_region_lock(space, vmf->address, try.write);
		if (unlikely(!try.region)) {
			try.reason = NTMEM_FAULT_FREE;
			ret = VM_FAULT_SIGSEGV;
			break;
		}
		ret = ntmem_attempt(&try);
		if (unlikely(ret == VM_FAULT_SIGSEGV) && try.state)
			prot = ntmem_state_to_prot(try.region, try.state);
		ntmem_region_unlock(try.region, try.write);
		if (likely(ret != NTMEM_FAULT_AGAIN))
			break;
		ntmem_stop_point("fault_again");
		if (!ntmem_next_try(&try)) {
			ret = VM_FAULT_OOM;
			break;
		}
	}
	if (unlikely(try.page))
		__free_page(try.page);
	if (unlikely(ret == VM_FAULT_SIGSEGV)) {
		ntmem_note_refusal(space, &try, prot);
		ntmem_count_refusal(space, &try);
	} else if (likely(!(ret & VM_FAULT_ERROR))) {
		ntmem_count(space, NTMEM_COUNT_FAULTS, 1);
	}
	ntmem_trace_fault(vmf, try.reason, ret, start);
	return ret;
}

/* ->fault: nothing is mapped at the address. */
vm_fault_t ntmem_fault(struct vm_fault *vmf)
{
	return ntmem_handle(vmf);
}

/* ->page_mkwrite: a page is mapped read-only, and somebody writes to it. */
vm_fault_t ntmem_page_mkwrite(struct vm_fault *vmf)
{
	vm_fault_t ret = ntmem_handle(vmf);

	ntmem_stop_point("mkwrite_done");
	return ret;
}

int ntmem_fault_init(void)
{
	ntmem_pte_prot[0] = vm_get_page_prot(VM_READ);
	ntmem_pte_prot[1] = vm_get_page_prot(VM_READ | VM_WRITE | VM_SHARED);
	return 0;
}
