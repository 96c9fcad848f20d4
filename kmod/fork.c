// SPDX-License-Identifier: GPL-2.0
/*
 * Fork is copy-on-write, and lazy: the child's regions share the tables of
 * the parent's, the parent's PTEs become read-only, and the first write on
 * either side takes apart what it needs. So the fork itself costs by tables
 * and by PTEs, never by pages copied.
 *
 * The core calls ->open on the copy of each VMA while it holds both mmap_locks
 * for writing (and the VMA's own lock), so that neither side can fault; it
 * flushes the parent's TLB before either can run on what this did. ->open
 * cannot fail: where memory or commit run out, the child gets regions, or a
 * space, whose every access is SIGBUS.
 */
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched/coredump.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "compat.h"
#include "ntmem.h"
#include "test.h"

/* ----------------------------------------------------------- page tables --- */

static int ntmem_wrprotect_pte(pte_t *ptep, unsigned long addr, void *data)
{
	ntmem_pte_wrprotect(data, addr, ptep);
	return 0;
}

/* ---------------------------------------------------------- pinned pages --- */

/* Does the child still share this page? */
static bool ntmem_has_page(struct ntmem_region *child, unsigned long index,
			   const struct page *page)
{
	struct ntmem_block *block = ntmem_block_find(child, index);

	return block && block->page[index & NTMEM_BLOCK_MASK] == page;
}

/*
 * A page that a device may be writing to stays the parent's; the child gets
 * a copy now. The child's block is its own then, so that the parent's share
 * of the page ends with it.
 */
static int ntmem_copy_pinned(struct ntmem_region *child, unsigned long index,
			     struct page *page)
{
	struct ntmem_block *block;
	struct page *copy;
	unsigned int i = index & NTMEM_BLOCK_MASK;
	int err;

	if (!ntmem_has_page(child, index, page))
		return 0;
	copy = ntmem_page_alloc(current->mm, NTMEM_GFP_WAIT);
	if (!copy)
		return -ENOMEM;
	err = ntmem_unshare(child, index);
	if (err) {
		__free_page(copy);
		return err;
	}
	block = ntmem_block_find(child, index);
	copy_highpage(copy, page);
	ntmem_page_own(child, copy, index);
	block->page[i] = copy;
	ntmem_pages_held(1);
	ntmem_page_put(page);
	return 0;
}

static int ntmem_copy_pinned_table(struct ntmem_region *child,
				   const struct ntmem_table *table)
{
	const struct ntmem_block *block;
	unsigned long index, mask;
	unsigned int i, k;
	int err;

	for (i = 0; i < table->nr; i++) {
		block = table->block[i];
		if (!block)
			continue;
		mask = block->resident;
		index = ntmem_block_first(table, i);
		for_each_set_bit(k, &mask, NTMEM_BLOCK_PAGES) {
			if (!folio_maybe_dma_pinned(page_folio(block->page[k])))
				continue;
			err = ntmem_copy_pinned(child, index + k,
						block->page[k]);
			if (err)
				return err;
		}
	}
	return 0;
}

/* parent is locked for writing; its tables are the ones looked through. */
static int ntmem_copy_all_pinned(struct ntmem_region *child,
				 struct ntmem_region *parent)
{
	struct ntmem_table *table;
	unsigned long i;
	int err;

	if (!test_bit(MMF_HAS_PINNED, &parent->space->mm->flags))
		return 0;
	xa_for_each(&parent->tables, i, table) {
		err = ntmem_copy_pinned_table(child, table);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/* --------------------------------------------------------------- regions --- */

/* Locks are not inherited, like those of mlock(2). */
static int ntmem_fork_unlock(struct ntmem_region *child)
{
	const struct ntmem_change change = { .keep = (u8)~NTMEM_S_LOCKED };

	return ntmem_state_flag(child, ntmem_first(child), ntmem_last(child),
				&change);
}

/* Fills the child's region; the parent's is locked for writing. */
static int ntmem_fork_fill(struct ntmem_region *child,
			   struct ntmem_region *parent)
{
	int err;

	err = ntmem_charge_wait(child->space, parent->committed);
	if (err)
		return err;
	child->committed = parent->committed;
	err = ntmem_state_clone(child, parent);
	ntmem_stop_point("fork_cloned");
	if (!err)
		err = ntmem_copy_all_pinned(child, parent);
	if (!err && parent->locked)
		err = ntmem_fork_unlock(child);
	return err;
}

/*
 * The fork itself cannot fail any more. Without a word of why, the child's
 * SIGBUS would be a riddle.
 */
static void ntmem_fork_warn(void)
{
	pr_warn_ratelimited("fork of %s[%d]: no memory, or over a commit limit: the child lacks reservations (SIGBUS)\n",
			    current->comm, task_tgid_nr(current));
}

/* What could not be filled is emptied, and never touched again. */
static void ntmem_fork_failed(struct ntmem_region *child)
{
	ntmem_fork_warn();
	ntmem_state_destroy(child);
	ntmem_uncharge(child->space, child->committed);
	child->committed = 0;
	child->dead = true;
}

static int ntmem_fork_region(struct ntmem_space *space,
			     struct ntmem_region *parent, bool exec)
{
	struct ntmem_region *child = ntmem_region_like(space, parent,
						       parent->start,
						       parent->end,
						       GFP_KERNEL_ACCOUNT);
	int err;

	if (!child)
		return -ENOMEM;
	child->segment = parent->segment;
	child->segment_first = parent->segment_first;
	if (child->segment)
		ntmem_segment_get(child->segment);
	/* The parent may be about to note what its VMA says already. */
	child->exec |= exec;
	if (!child->dead && ntmem_fork_fill(child, parent))
		ntmem_fork_failed(child);
	err = ntmem_region_publish(child);
	if (err) {
		ntmem_uncharge(space, child->committed);
		ntmem_state_destroy(child);
		if (child->segment)
			ntmem_segment_put(child->segment);
	} else if (parent->reset_pages) {
		ntmem_reclaim_add(child, parent->reset_pages);
	}
	ntmem_region_put(child);
	/* One that the parent had there when an earlier VMA was copied. */
	return err == -EEXIST ? 0 : err;
}

/*
 * An earlier VMA of this fork has brought the region. But until now its pages
 * in this VMA could be written to by the parent, and be pinned.
 */
static void ntmem_fork_again(struct ntmem_region *child,
			     struct ntmem_region *parent)
{
	down_write_nested(&child->lock, SINGLE_DEPTH_NESTING);
	if (!child->dead && child->chunk0 == parent->chunk0 &&
	    ntmem_copy_all_pinned(child, parent))
		ntmem_fork_failed(child);
	ntmem_region_unlock(child, true);
}

/* Each region of the VMA, as far as an earlier VMA did not bring it. */
static int ntmem_fork_regions(struct ntmem_space *space,
			      struct ntmem_space *from,
			      const struct vm_area_struct *vma)
{
	unsigned long start = vma->vm_start, end = vma->vm_end;
	struct ntmem_region *parent, *child;
	int err = 0;

	while (start < end) {
		parent = ntmem_region_next(from, start, end);
		if (!parent)
			break;
		start = max(start, parent->start);
		ntmem_region_put(parent);
		parent = ntmem_region_lock(from, start, true);
		if (!parent) {
			/* Released meanwhile by another thread. */
			start += PAGE_SIZE;
			continue;
		}
		child = mtree_load(&space->regions, parent->start);
		if (child)
			ntmem_fork_again(child, parent);
		else if (!parent->nofork)
			err = ntmem_fork_region(space, parent,
						vma->vm_flags & VM_EXEC);
		start = parent->end;
		ntmem_region_unlock(parent, true);
		/* The core gives this fork up, too. */
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/* ------------------------------------------------------------------- VMAs --- */

static struct ntmem_space *ntmem_fork_space(struct vm_area_struct *vma,
					    struct ntmem_space *from)
{
	struct ntmem_space *space = ntmem_space_find(vma->vm_mm);

	if (space)
		return space;
	space = ntmem_space_make(vma->vm_mm, get_file(from->file));
	if (!space) {
		fput(from->file);
		return NULL;
	}
	space->granularity = from->granularity;
	space->limit = READ_ONCE(from->limit);
	space->made = from->made;
	ntmem_space_publish(space);
	return space;
}

/**
 * ntmem_fork_vma() - bring a VMA and its reservations into the child
 * @vma: the child's copy, not yet linked to the file's mapping
 */
void ntmem_fork_vma(struct vm_area_struct *vma)
{
	struct ntmem_space *from = vma->vm_private_data;
	struct ntmem_space *space = ntmem_fork_space(vma, from);

	/* Whatever madvise(2) says, the core copies no PTE of ours. */
	vm_flags_set(vma, VM_WIPEONFORK);
	vma->vm_private_data = space;
	if (!space) {
		ntmem_fork_warn();
		return;
	}
	ntmem_arenas_copy(space, from, vma->vm_start, vma->vm_end);

	/*
	 * First the PTEs, then the look for pinned pages: a fast pin that
	 * comes between sees the count move and gives up.
	 */
	raw_write_seqcount_begin(&from->mm->write_protect_seq);
	apply_to_existing_page_range(from->mm, vma->vm_start,
				     vma->vm_end - vma->vm_start,
				     ntmem_wrprotect_pte, from->mm);
	ntmem_stop_point("fork_protected");
	if (ntmem_fork_regions(space, from, vma)) {
		ntmem_fork_warn();
		space->dead = true;
	}
	raw_write_seqcount_end(&from->mm->write_protect_seq);
	ntmem_stop_point("fork_vma");
}
