// SPDX-License-Identifier: GPL-2.0
/*
 * Pages: where they come from and go, and how they leave a page table. Every
 * page is ordinary, order 0 and reference counted; the block that holds it
 * has one reference and each PTE another, so that I/O in flight keeps a page
 * that its owner has given back.
 */
#include <linux/highmem.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include "compat.h"
#include "ntmem.h"

/* Pages that blocks hold, each counted once however many share it. */
static long __percpu *ntmem_resident;

void ntmem_pages_held(long nr)
{
	this_cpu_add(*ntmem_resident, nr);
}

/* Below zero at times: a page may come on one CPU and go on another. */
static long ntmem_resident_sum(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += *per_cpu_ptr(ntmem_resident, cpu);
	return sum;
}

unsigned long ntmem_pages_resident(void)
{
	return max(ntmem_resident_sum(), 0L);
}

/*
 * Whoever faults in a page of another process, a debugger for instance, or calls
 * through a handle of it, must not pay for it: the owner's memory cgroup does.
 */
struct mem_cgroup *ntmem_charge_owner(struct mm_struct *mm,
				      struct mem_cgroup **old)
{
	struct mem_cgroup *memcg;

	if (likely(mm == current->mm))
		return NULL;
	memcg = get_mem_cgroup_from_mm(mm);
	*old = set_active_memcg(memcg);
	return memcg;
}

void ntmem_charge_owner_end(struct mem_cgroup *memcg, struct mem_cgroup *old)
{
	if (likely(!memcg))
		return;
	set_active_memcg(old);
	mem_cgroup_put(memcg);
}

/**
 * ntmem_page_alloc() - one page
 * @mm: whose
 * @gfp: NTMEM_GFP_WAIT, which may kill in a full cgroup, or NTMEM_GFP_EASY;
 *	 and __GFP_ZERO
 */
struct page *ntmem_page_alloc(struct mm_struct *mm, gfp_t gfp)
{
	struct mem_cgroup *memcg, *old = NULL;
	struct page *page;

	memcg = ntmem_charge_owner(mm, &old);
	page = alloc_page(gfp);
	ntmem_charge_owner_end(memcg, old);
	return page;
}

/**
 * ntmem_pages_alloc() - pages ahead of their first use
 * @mm: whose
 * @pages: where to put them
 * @nr: how many would be good
 *
 * Only what is easily had, in blocks as large as possible, since the charge
 * and the way through the allocator cost by the call.
 *
 * Return: how many there are.
 */
unsigned int ntmem_pages_alloc(struct mm_struct *mm, struct page **pages,
			       unsigned int nr)
{
	struct mem_cgroup *memcg, *old = NULL;
	unsigned int order, i, done = 0;
	struct page *page;

	memcg = ntmem_charge_owner(mm, &old);
	while (done < nr) {
		order = ilog2(nr - done);
		page = alloc_pages(NTMEM_GFP_EASY | __GFP_ZERO, order);
		if (!page)
			break;
		if (order)
			split_page(page, order);
		for (i = 0; i < 1U << order; i++)
			pages[done++] = page + i;
	}
	ntmem_charge_owner_end(memcg, old);
	return done;
}

/*
 * A page is nobody's any more. Who still does I/O on it may mark it dirty, and
 * looks at its mapping then, under the page lock.
 */
static void ntmem_page_disown(struct page *page)
{
	int expected = atomic_read(&page->_mapcount) >= 0 ? 2 : 1;

	if (likely(page_count(page) <= expected)) {
		page->mapping = NULL;
		return;
	}
	lock_page(page);
	page->mapping = NULL;
	unlock_page(page);
}

/* ------------------------------------------------------------ spare pages --- */

/*
 * A space keeps a few pages that it gave back for the faults to come. They
 * stay charged to its cgroup; what they save is the way through the allocator
 * and the charge, which cost more than clearing a page.
 */
static unsigned int ntmem_spare_take(struct ntmem_space *space,
				     struct page **pages, unsigned int nr)
{
	unsigned int i;

	if (!READ_ONCE(space->nr_spare))
		return 0;
	spin_lock(&space->spare_lock);
	nr = min(nr, space->nr_spare);
	space->nr_spare -= nr;
	memcpy(pages, space->spare + space->nr_spare, nr * sizeof(*pages));
	spin_unlock(&space->spare_lock);
	for (i = 0; i < nr; i++)
		clear_highpage(pages[i]);
	return nr;
}

/* Cleared pages, as many as are easily had. */
unsigned int ntmem_pages_get(struct ntmem_space *space, struct page **pages,
			     unsigned int nr)
{
	unsigned int done = ntmem_spare_take(space, pages, nr);

	if (done < nr)
		done += ntmem_pages_alloc(space->mm, pages + done, nr - done);
	return done;
}

/*
 * Pages that left a block and all page tables; the caller's references go.
 * Only what nobody else has, a device for instance, can be used again.
 */
void ntmem_pages_recycle(struct ntmem_space *space, struct page **pages,
			 unsigned int nr)
{
	unsigned int i, left = 0;

	ntmem_pages_held(-(long)nr);
	for (i = 0; i < nr; i++)
		ntmem_page_disown(pages[i]);
	spin_lock(&space->spare_lock);
	for (i = 0; i < nr; i++) {
		if (space->nr_spare < NTMEM_SPARE_PAGES &&
		    page_count(pages[i]) == 1)
			space->spare[space->nr_spare++] = pages[i];
		else
			pages[left++] = pages[i];
	}
	spin_unlock(&space->spare_lock);
	for (i = 0; i < left; i++)
		put_page(pages[i]);
}

void ntmem_spare_free(struct ntmem_space *space)
{
	unsigned int i;

	spin_lock(&space->spare_lock);
	for (i = 0; i < space->nr_spare; i++)
		put_page(space->spare[i]);
	space->nr_spare = 0;
	spin_unlock(&space->spare_lock);
}

/* ----------------------------------------------------------- in and out --- */

/*
 * A block takes a new page. That it knows its place in the mapping is what
 * shared futexes need, and with them whoever joins a thread whose stack lies
 * in this memory.
 */
void ntmem_page_own(struct ntmem_region *region, struct page *page,
		    unsigned long index)
{
	page->mapping = region->space->file->f_mapping;
	page->index = index;
}

/* A block lets go of a page. */
void ntmem_page_put(struct page *page)
{
	/*
	 * The others that share it must see our page tables without it, or
	 * what they wrote before, when they find themselves alone.
	 */
	if (atomic_long_read(ntmem_page_shares(page)) &&
	    atomic_long_dec_return(ntmem_page_shares(page)) >= 0) {
		put_page(page);
		return;
	}
	set_page_private(page, 0);
	ntmem_page_disown(page);
	this_cpu_dec(*ntmem_resident);
	put_page(page);
}

/**
 * ntmem_zap() - take pages out of all page tables
 * @region: locked for writing
 * @first: first page
 * @last: last page
 *
 * The mapping is shared with the processes of the same fork family; what is
 * taken from their page tables needlessly they fault in again.
 */
void ntmem_zap(struct ntmem_region *region, unsigned long first,
	       unsigned long last)
{
	unmap_mapping_pages(region->space->file->f_mapping, first,
			    last - first + 1, true);
}

/* What leads to the page table of an address, or NULL where there is none. */
static pmd_t *ntmem_pmd(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	if (pgd_none(READ_ONCE(*pgd)))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(READ_ONCE(*p4d)))
		return NULL;
	pud = pud_offset(p4d, addr);
	if (pud_none(READ_ONCE(*pud)))
		return NULL;
	pmd = pmd_offset(pud, addr);
	return pmd_none(READ_ONCE(*pmd)) ? NULL : pmd;
}

/**
 * ntmem_find_pmd() - the page table of an address
 * @space: whose; its mmap_lock is held for reading
 * @addr: in a mapping of its
 * @end: where the page table, or the mapping, ends
 *
 * A VMA that is not found is on its way out, page tables and all.
 *
 * Return: what leads to it, or NULL when there is none up to @end.
 */
pmd_t *ntmem_find_pmd(struct ntmem_space *space, unsigned long addr,
		      unsigned long *end)
{
	struct vm_area_struct *vma = find_vma(space->mm, addr);

	*end = (addr | ~PMD_MASK) + 1;
	if (!vma || vma->vm_start > addr || !ntmem_is_ours(space, vma))
		return NULL;
	*end = min(*end, vma->vm_end);
	return ntmem_pmd(space->mm, addr);
}

/* PTEs of one page table; mmap_lock is held for reading. */
static void ntmem_wrprotect_table(struct mm_struct *mm, pmd_t *pmd,
				  unsigned long addr, unsigned long end)
{
	spinlock_t *ptl = pte_lockptr(mm, pmd);	/* of the page table */
	pte_t *ptep = pte_offset_kernel(pmd, addr);

	spin_lock(ptl);
	for (; addr < end; addr += PAGE_SIZE)
		ntmem_pte_wrprotect(mm, addr, ptep++);
	spin_unlock(ptl);
}

/*
 * May PTEs be changed in place? Then mmap_lock is held for reading, until
 * ntmem_wrprotect_end(); inside of a region's lock it is only tried. Somebody
 * who has page tables of his own for this memory, KVM for one, hears only of a
 * zap.
 */
bool ntmem_wrprotect_begin(struct mm_struct *mm)
{
	return !mm_has_notifiers(mm) && mmap_read_trylock(mm);
}

/* What was changed is what all CPUs see; the region is still locked. */
void ntmem_wrprotect_end(struct mm_struct *mm)
{
	mmap_read_unlock(mm);
	ntmem_flush_tlb(mm);
}

/**
 * ntmem_wrprotect() - take the right to write from PTEs, in place
 * @region: locked for writing
 * @first: first page
 * @last: last page
 *
 * Return: false when that is not possible now.
 */
bool ntmem_wrprotect(struct ntmem_region *region, unsigned long first,
		     unsigned long last)
{
	unsigned long addr = first << PAGE_SHIFT, end;
	unsigned long limit = (last + 1) << PAGE_SHIFT;
	struct mm_struct *mm = region->space->mm;
	pmd_t *pmd;

	if (!ntmem_wrprotect_begin(mm))
		return false;
	for (; addr < limit; addr = end) {
		pmd = ntmem_find_pmd(region->space, addr, &end);
		if (pmd)
			ntmem_wrprotect_table(mm, pmd, addr, min(end, limit));
		cond_resched();
	}
	ntmem_wrprotect_end(mm);
	return true;
}

int ntmem_page_init(void)
{
	ntmem_resident = alloc_percpu(long);
	return ntmem_resident ? 0 : -ENOMEM;
}

void ntmem_page_exit(void)
{
	WARN_ON(ntmem_resident_sum());
	free_percpu(ntmem_resident);
}
