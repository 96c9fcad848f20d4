// SPDX-License-Identifier: GPL-2.0
/*
 * Views: reservations that show a part of a segment.
 *
 * A view is a region whose pages all have a state from the start, which is its
 * protection; whether they are committed is the segment's affair. A page that
 * was written to under WRITECOPY is in the region's block, as one of private
 * memory is; any other is the segment's. Which of both it is changes with the
 * region locked for writing and its PTE zapped, so that with the lock held a
 * PTE that is there maps the one or the other as it should.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include "compat.h"
#include "fault.h"
#include "ntmem.h"
#include "test.h"

/* The number in the segment of a page of a view. */
static unsigned long ntmem_view_index(const struct ntmem_region *region,
				      unsigned long index)
{
	return region->segment_first + index - ntmem_first(region);
}

/* ------------------------------------------------------------ protection --- */

/* What a protection lets its holder do, or asks for; WRITECOPY is to read. */
static u8 ntmem_prot_rights(u32 prot)
{
	u8 state;

	return ntmem_prot_to_state(prot, &state) ?
	       0 : ntmem_rights[state & NTMEM_S_ACCESS];
}

/* May a page have prot where the most is max? Both are valid. */
bool ntmem_view_allows(u32 max, u32 prot)
{
	return !(ntmem_prot_rights(prot) & ~ntmem_prot_rights(max));
}

/* Likewise of pages of a view. */
bool ntmem_view_takes(const struct ntmem_region *region, u8 state)
{
	return !(ntmem_rights[state & NTMEM_S_ACCESS] &
		 ~ntmem_prot_rights(region->alloc_prot));
}

/* The page is the view's own: what its state then means. */
static u8 ntmem_copied(u8 state)
{
	BUILD_BUG_ON(NTMEM_S_READONLY + 1 != NTMEM_S_READWRITE);
	BUILD_BUG_ON(NTMEM_S_EXECUTE_READ + 1 != NTMEM_S_EXECUTE_READWRITE);
	return (state & ~NTMEM_S_COPY) + 1;
}

bool ntmem_view_is_own(struct ntmem_region *region, unsigned long index)
{
	struct ntmem_block *block = ntmem_block_find(region, index);

	return block && block->page[index & NTMEM_BLOCK_MASK];
}

/* The state that a committed page of a view has for who uses it. */
static u8 ntmem_view_shown(struct ntmem_region *region, unsigned long index,
			   u8 state)
{
	if (state & NTMEM_S_COPY && ntmem_view_is_own(region, index))
		return ntmem_copied(state);
	return state;
}

/* The same of any page: 0 if it is not committed. */
u8 ntmem_view_state(struct ntmem_region *region, unsigned long index, u8 state)
{
	if (!ntmem_segment_is_committed(region->segment,
					ntmem_view_index(region, index)))
		return 0;
	return ntmem_view_shown(region, index, state);
}

/* Are all pages of a range committed? */
bool ntmem_view_committed(const struct ntmem_region *region,
			  const struct ntmem_pages *pages)
{
	unsigned long first = ntmem_view_index(region, pages->first);
	unsigned long last = ntmem_view_index(region, pages->last);
	bool committed;

	return ntmem_segment_run(region->segment, first, last, &committed) ==
	       last && committed;
}

/* Are all of them there, for good? A locked page is the one that is shown. */
bool ntmem_view_resident(struct ntmem_region *region,
			 const struct ntmem_pages *pages)
{
	unsigned long i;

	for (i = pages->first; i <= pages->last; i++) {
		if (!ntmem_view_is_own(region, i) &&
		    !ntmem_segment_page(region->segment,
					ntmem_view_index(region, i)))
			return false;
		cond_resched();
	}
	return true;
}

/* The last page that is private if index is, up to last. */
static unsigned long ntmem_private_run(struct ntmem_region *region,
				       unsigned long index, unsigned long last)
{
	bool private = ntmem_view_is_own(region, index);
	struct ntmem_table *table;

	while (index < last) {
		table = ntmem_table_find(region, index + 1);
		if (!private && (!table || !table->used)) {
			index = min(last, (index + 1) | (NTMEM_CHUNK_PAGES - 1));
			cond_resched();
			continue;
		}
		if (ntmem_view_is_own(region, index + 1) != private)
			break;
		index++;
		if (!(index & (NTMEM_CHUNK_PAGES - 1)))
			cond_resched();
	}
	return index;
}

/* The last page that is like index in all respects, and their state. */
static unsigned long ntmem_view_alike(struct ntmem_region *region,
				      unsigned long index, u8 *state)
{
	unsigned long last = ntmem_state_run(region, index, state);
	unsigned long first = ntmem_view_index(region, index);
	unsigned long end;
	bool committed;

	end = ntmem_segment_run(region->segment, first, first + last - index,
				&committed);
	last = index + end - first;
	if (*state & NTMEM_S_COPY)
		last = ntmem_private_run(region, index, last);
	*state = committed ? ntmem_view_shown(region, index, *state) : 0;
	return last;
}

/**
 * ntmem_view_run() - a run of pages of a view that look alike
 * @region: locked
 * @index: first page
 * @state: their state
 *
 * Return: last page of the run.
 */
unsigned long ntmem_view_run(struct ntmem_region *region, unsigned long index,
			     u8 *state)
{
	unsigned long last = ntmem_view_alike(region, index, state), next;
	u8 other;

	for (; last < ntmem_last(region); last = next) {
		next = ntmem_view_alike(region, last + 1, &other);
		if ((other ^ *state) & NTMEM_S_PROT)
			break;
		cond_resched();
	}
	return last;
}

/* ---------------------------------------------------------------- change --- */

/*
 * Pages that may be copied are charged, all of the view at once and once: then
 * no write fails for a limit.
 */
static int ntmem_view_charge(struct ntmem_region *region, u8 state,
			     unsigned long *need)
{
	unsigned long nr = ntmem_last(region) - ntmem_first(region) + 1;
	int err;

	if (!(state & NTMEM_S_COPY) || region->committed)
		return 0;
	err = ntmem_charge(region->space, nr);
	if (err == -EAGAIN)
		*need = nr;
	if (!err)
		region->committed = nr;
	return err;
}

/* Gives pages a state; the region is locked for writing or not yet known. */
static int ntmem_view_set(struct ntmem_region *region, unsigned long first,
			  unsigned long last, u8 state)
{
	struct ntmem_change change = {
		.keep = NTMEM_S_LOCKED, .set = state, .all = true,
	};
	int err;

	err = ntmem_state_prepare(region, first, last, true);
	if (!err)
		err = ntmem_state_store_runs(region, first, last, state);
	if (!err)
		ntmem_state_set(region, first, last, &change);
	return err;
}

/**
 * ntmem_view_change() - COMMIT and PROTECT in a view
 * @region: locked for writing
 * @pages: which
 * @state: of the new protection, which ntmem_view_takes()
 * @commit: pages may come to be committed; else all must be
 * @need: what to call ntmem_charge_more() with after -EAGAIN
 */
int ntmem_view_change(struct ntmem_region *region,
		      const struct ntmem_pages *pages, u8 state, bool commit,
		      unsigned long *need)
{
	unsigned long first = ntmem_view_index(region, pages->first);
	unsigned long last = ntmem_view_index(region, pages->last);
	struct ntmem_segment *segment = region->segment;
	unsigned long before;
	int err;

	if (!commit && !ntmem_view_committed(region, pages))
		return -ENODATA;
	before = region->committed;
	err = ntmem_view_charge(region, state, need);
	if (err)
		return err;
	err = ntmem_segment_commit_begin(segment, first, last, need);
	if (err == -EDQUOT)
		err = ntmem_limited(region->space);
	if (err) {
		/* Both at once is what there must be room for. */
		*need += region->committed - before;
		goto uncharge;
	}
	ntmem_stop_point("segment_commit");
	err = ntmem_view_set(region, pages->first, pages->last, state);
	ntmem_segment_commit_end(segment, first, last, *need, !err);
	if (err)
		goto uncharge;
	ntmem_stop_point("view_changed");
	ntmem_zap(region, pages->first, pages->last);
	return 0;

uncharge:
	ntmem_uncharge(region->space, region->committed - before);
	region->committed = before;
	return err;
}

/* ---------------------------------------------------------------- making --- */

/**
 * ntmem_view_fill() - make a view of a region that nobody knows yet
 * @region: with its range, its @segment and its @alloc_prot
 *
 * The region gets a reference of its own to the segment, unless this fails.
 */
int ntmem_view_fill(struct ntmem_region *region)
{
	unsigned long nr = ntmem_last(region) - ntmem_first(region) + 1;
	int err;
	u8 state;

	if (ntmem_prot_to_state(region->alloc_prot, &state))
		return -EINVAL;
	if (state & NTMEM_S_COPY) {
		err = ntmem_charge_wait(region->space, nr);
		if (err)
			return err;
		region->committed = nr;
	}
	ntmem_segment_get(region->segment);
	err = ntmem_view_set(region, ntmem_first(region), ntmem_last(region),
			     state);
	if (err)
		ntmem_view_empty(region);
	return err;
}

/* The reverse, where nobody has come to know it. */
void ntmem_view_empty(struct ntmem_region *region)
{
	ntmem_state_destroy(region);
	ntmem_uncharge(region->space, region->committed);
	region->committed = 0;
	ntmem_segment_put(region->segment);
}

/* ---------------------------------------------------------------- faults --- */

static struct page *ntmem_view_page(struct ntmem_try *try)
{
	struct ntmem_region *region = try->region;
	unsigned long index = ntmem_view_index(region, try->index);
	struct page *page = ntmem_segment_page(region->segment, index);

	if (likely(page))
		return page;
	/* Who dumps core takes what is there. */
	if (current->flags & PF_DUMPCORE)
		return ERR_PTR(-EFAULT);
	if (!ntmem_take_pages(try, &page, 1))
		return ERR_PTR(-EAGAIN);
	page = ntmem_segment_add(region->segment, index, page);
	return page ?: ERR_PTR(-ENOMEM);
}

static vm_fault_t ntmem_view_error(int err)
{
	switch (err) {
	case -EAGAIN:
		return NTMEM_FAULT_AGAIN;
	case -EFAULT:
		return VM_FAULT_SIGSEGV;
	default:
		return VM_FAULT_OOM;
	}
}

/* Gives the page's PTE, which is there, the rights that the state allows. */
static vm_fault_t ntmem_view_upgrade(const struct ntmem_try *try,
				     struct page *page)
{
	const struct vm_fault *vmf = try->vmf;
	u8 rights = ntmem_rights[try->state & NTMEM_S_ACCESS];
	bool write = rights & NTMEM_R_WRITE;
	spinlock_t *ptl;	/* of the page table */
	pte_t *ptep;

	ntmem_stop_point("fault_upgrade");
	if (!write && (!try->region->exec || (rights & NTMEM_R_EXEC)))
		return VM_FAULT_NOPAGE;
	ptl = pte_lockptr(vmf->vma->vm_mm, vmf->pmd);
	spin_lock(ptl);
	ptep = ntmem_pte(vmf, try->index);
	if (pte_present(*ptep))
		set_pte_at(vmf->vma->vm_mm, try->index << PAGE_SHIFT, ptep,
			   ntmem_upgraded(try, *ptep, page, write, true));
	spin_unlock(ptl);
	return VM_FAULT_NOPAGE;
}

static vm_fault_t ntmem_view_map(struct ntmem_try *try)
{
	struct vm_fault *vmf = try->vmf;
	struct page *page = ntmem_view_page(try);
	int err;

	if (IS_ERR(page))
		return ntmem_view_error(PTR_ERR(page));
	ntmem_clear_marker(vmf, try->index);
	ntmem_stop_point("fault_map");
	err = vm_insert_page(vmf->vma, try->index << PAGE_SHIFT, page);
	if (err && err != -EBUSY)
		return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
	return ntmem_view_upgrade(try, page);
}

/* The page becomes the view's own; the region is locked for writing. */
static int ntmem_view_copy(struct ntmem_try *try)
{
	struct ntmem_region *region = try->region;
	unsigned int i = try->index & NTMEM_BLOCK_MASK;
	struct page *page, *copy;
	struct ntmem_table *table;
	struct ntmem_block *block;
	int err = 0;

	if (region->cow)
		err = ntmem_unshare(region, try->index);
	if (err)
		return err;
	table = ntmem_table_get(region, try->index, true);
	block = table ? ntmem_block_get(table, try->index, true) : NULL;
	if (!block)
		return -ENOMEM;
	if (!ntmem_take_pages(try, &copy, 1))
		return -EAGAIN;
	page = ntmem_segment_page(region->segment,
				  ntmem_view_index(region, try->index));
	if (page)
		copy_user_highpage(copy, page, try->vmf->address,
				   try->vmf->vma);
	ntmem_stop_point("view_copied");
	ntmem_zap(region, try->index, try->index);
	ntmem_page_own(region, copy, try->index);
	block->page[i] = copy;
	block->resident |= BIT(i);
	ntmem_pages_held(1);
	ntmem_count(region->space, NTMEM_COUNT_COPIES, 1);
	return 0;
}

/**
 * ntmem_view_attempt() - one attempt at a fault in a view
 * @try: with the region locked and the state that its table says
 * @ret: the answer, where there is one
 *
 * Return: false when the page is the view's own, and to be mapped as any
 * other.
 */
bool ntmem_view_attempt(struct ntmem_try *try, vm_fault_t *ret)
{
	struct ntmem_region *region = try->region;
	u8 state = try->state;
	int err;

	try->state = ntmem_view_state(region, try->index, state);
	if (try->state & NTMEM_S_COPY && !(state & NTMEM_S_GUARD) &&
	    ntmem_is_write(try->vmf)) {
		*ret = NTMEM_FAULT_AGAIN;
		if (!try->write)
			return true;
		err = ntmem_view_copy(try);
		if (err) {
			*ret = ntmem_view_error(err);
			return true;
		}
		try->state = ntmem_copied(state);
	}
	try->reason = ntmem_refusal(try);
	if (try->reason) {
		*ret = ntmem_refuse(try);
		return true;
	}
	ntmem_stop_point("fault_look");
	if (ntmem_view_is_own(region, try->index))
		return false;
	*ret = ntmem_view_map(try);
	return true;
}
