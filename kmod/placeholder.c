// SPDX-License-Identifier: GPL-2.0
/*
 * Placeholders: replaced and made again, split and joined.
 *
 * A placeholder is a region in which nothing can be committed, so that it has
 * neither pages nor tables. What takes its place, and what it takes the place
 * of, is stored over the other in the space's tree; VMAs stay, or are mapped
 * anew where execution or fork want it. So the range belongs to some region at
 * every moment, and nobody else can get it. All of this happens under
 * space->map_lock, but munmap(2) and fork may come at any time.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include "compat.h"
#include "ntmem.h"
#include "test.h"

static struct ntmem_region *ntmem_placeholder_like(struct ntmem_region *region,
						   gfp_t gfp)
{
	struct ntmem_region *like;

	like = ntmem_region_like(region->space, region, region->start,
				 region->end, gfp);
	if (!like)
		return NULL;
	like->alloc_prot = NTMEM_PAGE_NOACCESS;
	like->placeholder = true;
	like->replaced = false;
	like->watch = false;
	like->dead = false;
	return like;
}

/* --------------------------------------------------------------- replace --- */

/* The placeholder that is exactly [start, end), locked for writing, or NULL. */
static struct ntmem_region *ntmem_placeholder_lock(struct ntmem_space *space,
						   unsigned long start,
						   unsigned long end)
{
	struct ntmem_region *region = ntmem_region_lock(space, start, true);

	if (!region)
		return NULL;
	if (region->placeholder && region->start == start && region->end == end)
		return region;
	ntmem_region_unlock(region, true);
	return NULL;
}

/*
 * Nobody has heard of the reservation: the placeholder is there again. map_lock
 * is held.
 */
static void ntmem_replace_undo(struct ntmem_region *region,
			       struct ntmem_region *back)
{
	down_write(&region->lock);
	back->nofork = region->nofork;
	back->exec = region->exec;
	/* Unless somebody has guessed where it is, and released some of it. */
	if (!region->dying && region->end == back->end)
		ntmem_region_supersede(region, back, GFP_KERNEL | __GFP_NOFAIL);
	ntmem_region_unlock(region, true);
}

/* Under map_lock: the new reservation instead of the placeholder. */
static int ntmem_replace_locked(struct ntmem_space *space,
				struct ntmem_region *region,
				struct ntmem_region *back, bool exec)
{
	struct ntmem_region *old;
	bool map = false;
	int err = -ENOENT;

	old = ntmem_placeholder_lock(space, region->start, region->end);
	if (old) {
		/* Nor is a child to get the mapping of what is not for it. */
		map = (exec && !old->exec) ||
		      (region->nofork && !old->nofork);
		region->nofork |= old->nofork;
		region->exec = old->exec;
		region->dead = old->dead;
		refcount_inc(&old->refs);
		err = ntmem_region_supersede(old, region, GFP_KERNEL_ACCOUNT);
		ntmem_region_unlock(old, true);
		ntmem_region_put(old);
	}
	if (err && region->segment)
		ntmem_view_empty(region);
	if (err || !map)
		return err;
	err = ntmem_map_exec(region, exec || region->exec);
	if (err)
		ntmem_replace_undo(region, back);
	return err;
}

static int ntmem_replace_commit(struct ntmem_space *space,
				struct ntmem_region *region,
				struct ntmem_region *back, u32 prot)
{
	const struct ntmem_range range = {
		.addr = region->start, .prot = prot,
		.size = region->end - region->start,
	};
	int err = ntmem_commit(space, &range);

	if (!err)
		return 0;
	/* Who is killed cannot wait for a process that holds this for ever. */
	if (mutex_lock_killable(&space->map_lock))
		return err;
	ntmem_replace_undo(region, back);
	mutex_unlock(&space->map_lock);
	return err;
}

/**
 * ntmem_replace() - RESERVE in the place of a placeholder
 * @space: in which
 * @reserve: what is wanted, checked; where it is, when this succeeds
 * @state: the state of @reserve->prot
 * @segment: what it is to be a view of, or NULL
 * @first: number there of the first page
 *
 * Takes map_lock, but not over the commit, which takes it where it has to.
 */
int ntmem_replace(struct ntmem_space *space, struct ntmem_reserve *reserve,
		  u8 state, struct ntmem_segment *segment, unsigned long first)
{
	bool exec = ntmem_rights[state & NTMEM_S_ACCESS] & NTMEM_R_EXEC;
	struct ntmem_region *region, *back;
	int err = -ENOMEM;

	region = ntmem_region_wanted(space, reserve, segment, first);
	if (!region)
		return -ENOMEM;
	region->start = reserve->addr & PAGE_MASK;
	region->end = PAGE_ALIGN(reserve->addr + reserve->size);
	region->chunk0 = ntmem_first(region) >> NTMEM_CHUNK_SHIFT;
	back = ntmem_placeholder_like(region, GFP_KERNEL_ACCOUNT);
	if (!back)
		goto put;
	err = segment ? ntmem_view_fill(region) : 0;
	if (err)
		goto put;
	if (mutex_lock_killable(&space->map_lock)) {
		err = -EINTR;
		if (segment)
			ntmem_view_empty(region);
		goto put;
	}
	err = ntmem_replace_locked(space, region, back, exec);
	mutex_unlock(&space->map_lock);
	ntmem_stop_point("replaced");
	if (!err && reserve->flags & NTMEM_RESERVE_COMMIT)
		err = ntmem_replace_commit(space, region, back, reserve->prot);
	if (!err) {
		reserve->addr = region->start;
		reserve->size = region->end - region->start;
	}
put:
	if (back)
		ntmem_region_put(back);
	ntmem_region_put(region);
	return err;
}

/* -------------------------------------------------------------- preserve --- */

/* A reservation that has replaced a placeholder becomes one again. */
static int ntmem_preserve_whole(struct ntmem_region *region, gfp_t gfp)
{
	struct ntmem_region *placeholder = ntmem_placeholder_like(region, gfp);
	int err;

	if (!placeholder)
		return -ENOMEM;
	err = ntmem_region_supersede(region, placeholder, gfp);
	ntmem_region_put(placeholder);
	return err;
}

/* Puts one into the tree, over what is there; the tree has a reference. */
static int ntmem_placeholder_store(struct ntmem_region *part, gfp_t gfp)
{
	struct maple_tree *tree = &part->space->regions;
	int err;

	refcount_inc(&part->refs);
	err = mtree_store_range(tree, part->start, part->end - 1, part, gfp);
	if (err)
		refcount_dec(&part->refs);
	else
		ntmem_note_memory(part->space, sizeof(*part));
	return err;
}

/*
 * [start, end) of a placeholder, not all of it, becomes one of its own, and so
 * does what is behind it. The part in front, or else the range itself, stays
 * what it was.
 */
static int ntmem_split(struct ntmem_region *region, unsigned long start,
		       unsigned long end)
{
	struct ntmem_region *part = NULL, *tail = NULL;
	int err = -ENOMEM;

	if (start > region->start) {
		part = ntmem_region_like(region->space, region, start, end,
					 GFP_KERNEL_ACCOUNT);
		if (!part)
			goto put;
	}
	if (end < region->end) {
		tail = ntmem_region_like(region->space, region, end,
					 region->end, GFP_KERNEL_ACCOUNT);
		if (!tail)
			goto put;
		err = ntmem_placeholder_store(tail, GFP_KERNEL_ACCOUNT);
		if (err)
			goto put;
	}
	err = 0;
	/* Once one part is there, the other must come. */
	if (part)
		err = ntmem_placeholder_store(part, tail ? GFP_KERNEL |
							   __GFP_NOFAIL :
							   GFP_KERNEL_ACCOUNT);
	if (!err)
		region->end = part ? start : end;
put:
	if (tail)
		ntmem_region_put(tail);
	if (part)
		ntmem_region_put(part);
	return err;
}

/**
 * ntmem_placeholder_preserve() - RELEASE, or UNMAP_VIEW, with PRESERVE
 * @space: in which; its map_lock is held
 * @start: first byte
 * @end: byte behind the last
 * @view: it has to be a view; else it must not be one
 * @gfp: how a reservation asks for memory that becomes one again
 */
int ntmem_placeholder_preserve(struct ntmem_space *space, unsigned long start,
			       unsigned long end, bool view, gfp_t gfp)
{
	struct ntmem_region *region = ntmem_region_lock(space, start, true);
	bool whole;
	int err = -ENOENT;

	if (!region)
		return -ENOENT;
	refcount_inc(&region->refs);
	whole = start == region->start && end == region->end;
	if (view != !!region->segment)
		err = view ? -ENOENT : -EPERM;
	else if (region->placeholder && !whole && end <= region->end)
		err = ntmem_split(region, start, end);
	else if (region->replaced && whole)
		err = ntmem_preserve_whole(region, gfp);
	ntmem_region_unlock(region, true);
	ntmem_region_put(region);
	return err;
}

/* ----------------------------------------------------------------- plain --- */

/**
 * ntmem_placeholder_plain() - RELEASE with PLAIN
 * @space: in which, the caller's own; its map_lock is held
 * @start: first byte
 * @end: byte behind the last
 */
int ntmem_placeholder_plain(struct ntmem_space *space, unsigned long start,
			    unsigned long end)
{
	struct ntmem_region *region = ntmem_placeholder_lock(space, start, end);
	int err;

	if (!region)
		return -ENOENT;
	refcount_inc(&region->refs);
	ntmem_region_unlock(region, true);
	err = ntmem_place_plain(region);
	ntmem_region_put(region);
	return err;
}

/* -------------------------------------------------------------- coalesce --- */

/* What placeholders side by side have, each or all. */
struct ntmem_row {
	unsigned long nr;
	bool nofork;		/* one is so */
	bool fork;		/* one is not */
	bool exec;		/* one is mapped so */
	bool plain;		/* one is not */
};

/* Are there placeholders from start to end, without a hole? */
static int ntmem_row_look(struct ntmem_space *space, unsigned long start,
			  unsigned long end, struct ntmem_row *row)
{
	struct ntmem_region *region;
	bool fits;

	*row = (struct ntmem_row){ };
	while (start < end) {
		region = ntmem_region_lock(space, start, false);
		if (!region)
			return -ENOENT;
		fits = region->placeholder && region->start == start &&
		       region->end <= end;
		row->nr++;
		row->nofork |= region->nofork;
		row->fork |= !region->nofork;
		row->exec |= region->exec;
		row->plain |= !region->exec;
		start = region->end;
		ntmem_region_unlock(region, false);
		if (!fits)
			return -ENOENT;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* Makes mappings alike, so that one region can say what they are. */
static int ntmem_row_align(struct ntmem_space *space, unsigned long start,
			   unsigned long end)
{
	struct ntmem_region *region;
	int err = 0;

	while (!err && (region = ntmem_region_next(space, start, end))) {
		start = region->end;
		if (region->exec)
			err = ntmem_map_exec(region, false);
		ntmem_region_put(region);
		cond_resched();
	}
	return err;
}

/*
 * Ends the regions that the new one has taken the place of. One of them may
 * have been unmapped meanwhile, and is then out of the tree with what the new
 * one has there: nothing of it may stay.
 */
static int ntmem_row_end(struct ntmem_region **regions, unsigned long nr,
			 struct ntmem_region *region)
{
	unsigned long i;
	int err = 0;

	ntmem_stop_point("coalesced");
	for (i = 0; i < nr; i++) {
		if (!ntmem_region_end(regions[i]))
			err = -ENOENT;
		cond_resched();
	}
	if (err)
		ntmem_region_kill(region, true);
	return err;
}

/* Takes references to the regions of a row; fewer when some are gone. */
static unsigned long ntmem_row_get(struct ntmem_space *space,
				   unsigned long start, unsigned long end,
				   struct ntmem_region **regions,
				   unsigned long nr)
{
	struct ntmem_region *region;
	unsigned long i = 0;

	while (i < nr && (region = ntmem_region_next(space, start, end))) {
		regions[i++] = region;
		start = region->end;
		cond_resched();
	}
	return i;
}

static int ntmem_row_join(struct ntmem_space *space, unsigned long start,
			  unsigned long end, const struct ntmem_row *row)
{
	struct ntmem_region **regions, *region = NULL;
	unsigned long i, nr = 0;
	int err = -ENOMEM;

	regions = kvmalloc_array(row->nr, sizeof(*regions), GFP_KERNEL_ACCOUNT);
	if (!regions)
		return -ENOMEM;
	nr = ntmem_row_get(space, start, end, regions, row->nr);
	if (nr == row->nr)
		region = ntmem_region_like(space, regions[0], start, end,
					   GFP_KERNEL_ACCOUNT);
	else
		err = -ENOENT;
	if (!region)
		goto put;
	region->nofork = row->nofork;
	region->exec = row->exec && !row->plain;

	/* A fork would miss those whose VMA it has not come to. */
	err = mmap_read_lock_killable(space->mm);
	if (err)
		goto put;
	err = ntmem_placeholder_store(region, GFP_KERNEL_ACCOUNT);
	if (!err) {
		atomic_long_add((end - start) >> PAGE_SHIFT, &space->reserved);
		err = ntmem_row_end(regions, nr, region);
	}
	mmap_read_unlock(space->mm);
	/*
	 * A child is not to get what of the mapping had been for it, in the way
	 * of its own. It is no harm but that where it cannot be mapped anew.
	 */
	if (!err && row->nofork && row->fork &&
	    ntmem_map_exec(region, region->exec) && region->dying)
		err = -ENOENT;
put:
	for (i = 0; i < nr; i++)
		ntmem_region_put(regions[i]);
	if (region)
		ntmem_region_put(region);
	kvfree(regions);
	return err;
}

/**
 * ntmem_placeholder_coalesce() - RELEASE with COALESCE
 * @space: in which; its map_lock is held
 * @start: first byte
 * @end: byte behind the last
 */
int ntmem_placeholder_coalesce(struct ntmem_space *space, unsigned long start,
			       unsigned long end)
{
	struct ntmem_row row;
	int err;

	err = ntmem_row_look(space, start, end, &row);
	if (err)
		return err;
	if (row.nr < 2)
		return -ENOENT;
	if (row.exec && row.plain) {
		err = ntmem_row_align(space, start, end);
		if (err)
			return err;
		row.exec = false;
	}
	return ntmem_row_join(space, start, end, &row);
}
