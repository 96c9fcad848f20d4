// SPDX-License-Identifier: GPL-2.0
/*
 * RESERVE, RELEASE and SET_GRANULARITY: the calls by which reservations come
 * and go. What they do is in region.c and place.c; here are their rules.
 */
#include <linux/mm.h>
#include "compat.h"
#include "ntmem.h"

#define NTMEM_RESERVE_FLAGS	(NTMEM_RESERVE_COMMIT | \
				 NTMEM_RESERVE_TOP_DOWN | \
				 NTMEM_RESERVE_NOFORK | \
				 NTMEM_RESERVE_WATCH | \
				 NTMEM_RESERVE_PLACEHOLDER | \
				 NTMEM_RESERVE_REPLACE | \
				 NTMEM_RESERVE_PLAIN)
#define NTMEM_VIEW_FLAGS	(NTMEM_RESERVE_TOP_DOWN | \
				 NTMEM_RESERVE_NOFORK | \
				 NTMEM_RESERVE_REPLACE)
#define NTMEM_RESERVE_TRIES	16

/* The rules of min_addr, max_addr and align, of a RESERVE without address. */
static int ntmem_check_place(struct ntmem_space *space,
			     const struct ntmem_reserve *reserve)
{
	unsigned long top = space->top;

	if (!reserve->min_addr && !reserve->max_addr && !reserve->align)
		return 0;
	if (reserve->addr)
		return -EINVAL;
	if (!IS_ALIGNED(reserve->min_addr, space->granularity) ||
	    reserve->min_addr > top)
		return -EINVAL;
	if (reserve->max_addr &&
	    (!PAGE_ALIGNED(reserve->max_addr + 1) ||
	     reserve->max_addr <= reserve->min_addr ||
	     reserve->max_addr > top))
		return -EINVAL;
	if (reserve->align && (!is_power_of_2(reserve->align) ||
			       reserve->align < space->granularity))
		return -EINVAL;
	return 0;
}

/* The flags of RESERVE, and what else they ask for or exclude. */
static int ntmem_check_flags(const struct ntmem_reserve *reserve)
{
	u32 flags = reserve->flags;

	if (flags & ~NTMEM_RESERVE_FLAGS)
		return -EINVAL;
	if (flags & NTMEM_RESERVE_PLACEHOLDER &&
	    (reserve->prot != NTMEM_PAGE_NOACCESS ||
	     flags & ~(NTMEM_RESERVE_PLACEHOLDER | NTMEM_RESERVE_TOP_DOWN |
		       NTMEM_RESERVE_NOFORK | NTMEM_RESERVE_PLAIN)))
		return -EINVAL;
	if (flags & NTMEM_RESERVE_PLAIN &&
	    (!(flags & NTMEM_RESERVE_PLACEHOLDER) || !reserve->addr ||
	     flags & NTMEM_RESERVE_TOP_DOWN))
		return -EINVAL;
	if (flags & NTMEM_RESERVE_REPLACE &&
	    (!reserve->addr || flags & NTMEM_RESERVE_TOP_DOWN))
		return -EINVAL;
	return 0;
}

/* What of the arguments does not depend on the state of the space. */
static int ntmem_check_reserve(struct ntmem_space *space,
			       const struct ntmem_reserve *reserve, u8 *state)
{
	u64 top = space->top;

	if (ntmem_check_flags(reserve) ||
	    ntmem_prot_to_state(reserve->prot, state))
		return -EINVAL;
	if (!reserve->size || reserve->size - 1 > top || reserve->addr > top)
		return -EINVAL;
	if (reserve->addr && (reserve->addr < NTMEM_MIN_ADDRESS ||
			      reserve->size - 1 > top - reserve->addr))
		return -EINVAL;
	return ntmem_check_place(space, reserve);
}

static int ntmem_reserve_new(struct ntmem_space *space,
			     struct ntmem_region *region,
			     const struct ntmem_reserve *reserve, bool exec)
{
	unsigned long top = space->top;
	struct ntmem_place place = {
		.min = max_t(unsigned long, reserve->min_addr,
			     max(NTMEM_MIN_ADDRESS, space->granularity)),
		.max = reserve->max_addr ?: top,
		.align = reserve->align ?: space->granularity,
		.exec = exec,
		.nofork = region->nofork,
		.top_down = reserve->flags & NTMEM_RESERVE_TOP_DOWN,
		.anywhere = !reserve->min_addr && !reserve->max_addr,
	};

	place.size = PAGE_ALIGN(reserve->size);
	return ntmem_place_new(space, region, &place);
}

static int ntmem_reserve_at(struct ntmem_space *space,
			    struct ntmem_region *region,
			    const struct ntmem_reserve *reserve, bool exec)
{
	int err;

	region->start = ALIGN_DOWN(reserve->addr, space->granularity);
	region->end = PAGE_ALIGN(reserve->addr + reserve->size);
	/* Pages below the first 64 KiB stay unmapped, as on NT. */
	if (region->start < NTMEM_MIN_ADDRESS)
		return -EINVAL;
	err = ntmem_place_at(space, region);
	if (err || !exec)
		return err;
	err = ntmem_map_exec(region, true);
	if (err)
		ntmem_region_release(space, region->start, 0,
				     region->segment);
	return err;
}

/* Of exactly the pages that are named, in the caller's own space. */
static int ntmem_reserve_over(struct ntmem_space *space,
			      struct ntmem_region *region,
			      const struct ntmem_reserve *reserve)
{
	if (space->mm != current->mm)
		return -EOPNOTSUPP;
	region->start = reserve->addr & PAGE_MASK;
	region->end = PAGE_ALIGN(reserve->addr + reserve->size);
	return ntmem_place_over(region);
}

/**
 * ntmem_region_wanted() - a region without a place, as a call wants it
 * @space: in which
 * @reserve: what is wanted
 * @segment: what it is to be a view of, or NULL
 * @first: number there of the first page
 *
 * It has no reference to @segment before ntmem_view_fill().
 */
struct ntmem_region *ntmem_region_wanted(struct ntmem_space *space,
					 const struct ntmem_reserve *reserve,
					 struct ntmem_segment *segment,
					 unsigned long first)
{
	struct ntmem_region *region = ntmem_region_alloc(space,
							 GFP_KERNEL_ACCOUNT);

	if (!region)
		return NULL;
	region->alloc_prot = reserve->prot;
	region->nofork = reserve->flags & NTMEM_RESERVE_NOFORK;
	region->watch = reserve->flags & NTMEM_RESERVE_WATCH;
	region->placeholder = reserve->flags & NTMEM_RESERVE_PLACEHOLDER;
	region->replaced = reserve->flags & NTMEM_RESERVE_REPLACE;
	region->segment = segment;
	region->segment_first = first;
	return region;
}

static int ntmem_reserve_once(struct ntmem_space *space,
			      struct ntmem_reserve *reserve, u8 state,
			      struct ntmem_segment *segment,
			      unsigned long first)
{
	bool exec = ntmem_rights[state & NTMEM_S_ACCESS] & NTMEM_R_EXEC;
	struct ntmem_region *region;
	int err;

	region = ntmem_region_wanted(space, reserve, segment, first);
	if (!region)
		return -ENOMEM;
	if (reserve->flags & NTMEM_RESERVE_PLAIN)
		err = ntmem_reserve_over(space, region, reserve);
	else if (reserve->addr)
		err = ntmem_reserve_at(space, region, reserve, exec);
	else
		err = ntmem_reserve_new(space, region, reserve, exec);
	if (!err) {
		space->made++;
		reserve->addr = region->start;
		reserve->size = region->end - region->start;
	}
	ntmem_region_put(region);
	return err;
}

/* User space may unmap what was chosen for it before it is told of it. */
static int ntmem_reserve_locked(struct ntmem_space *space,
				struct ntmem_reserve *reserve, u8 state,
				struct ntmem_segment *segment,
				unsigned long first)
{
	int err, tries;

	for (tries = 0; tries < NTMEM_RESERVE_TRIES; tries++) {
		err = ntmem_reserve_once(space, reserve, state, segment, first);
		if (err != -EAGAIN)
			return err;
	}
	return -ENOSPC;
}

/* To a plain mapping: nobody else is to get these addresses. */
static bool ntmem_reserve_give_back(struct ntmem_space *space,
				    unsigned long start, unsigned long end)
{
	int tries, err = -ENOMEM;

	for (tries = 0; err == -ENOMEM && tries < NTMEM_PLACE_TRIES; tries++)
		err = ntmem_placeholder_plain(space, start, end);
	return !err;
}

/**
 * ntmem_reserve_undo() - as if a reservation, or view, had not been made
 * @space: in which
 * @addr: where; user space has not been told, but may have guessed
 * @size: of what was made
 * @flags: NTMEM_RESERVE_*, what it was made with
 * @view: it is a view
 */
void ntmem_reserve_undo(struct ntmem_space *space, unsigned long addr,
			unsigned long size, u32 flags, bool view)
{
	/* Who is killed cannot wait for a process that holds this for ever. */
	if (mutex_lock_killable(&space->map_lock))
		return;
	if (flags & NTMEM_RESERVE_REPLACE) {
		ntmem_placeholder_preserve(space, addr, addr + size, view,
					   GFP_KERNEL | __GFP_NOFAIL);
	} else {
		if (!(flags & NTMEM_RESERVE_PLAIN) ||
		    !ntmem_reserve_give_back(space, addr, addr + size))
			ntmem_region_release(space, addr, 0, view);
		space->made--;
	}
	mutex_unlock(&space->map_lock);
}

int ntmem_reserve(struct ntmem_space *space, struct ntmem_reserve *reserve)
{
	struct ntmem_range range = { .prot = reserve->prot };
	struct ntmem_reserve done = *reserve;
	u8 state;
	int err;

	if (mutex_lock_killable(&space->map_lock))
		return -EINTR;
	err = ntmem_check_reserve(space, reserve, &state);
	if (!err && state & NTMEM_S_COPY)
		err = -EINVAL;
	if (!err && !(reserve->flags & NTMEM_RESERVE_REPLACE))
		err = ntmem_reserve_locked(space, &done, state, NULL, 0);
	mutex_unlock(&space->map_lock);
	if (err)
		return err;
	if (reserve->flags & NTMEM_RESERVE_REPLACE)
		return ntmem_replace(space, reserve, state, NULL, 0);
	if (reserve->flags & NTMEM_RESERVE_COMMIT) {
		range.addr = done.addr;
		range.size = done.size;
		err = ntmem_commit(space, &range);
		if (err) {
			ntmem_reserve_undo(space, done.addr, done.size,
					   done.flags, false);
			return err;
		}
	}
	*reserve = done;
	return 0;
}

/* By its flags, of which there may be one. */
static int ntmem_release_locked(struct ntmem_space *space, unsigned long addr,
				unsigned long size, u32 flags)
{
	switch (flags) {
	case NTMEM_RELEASE_PRESERVE:
		return ntmem_placeholder_preserve(space, addr, addr + size,
						  false, GFP_KERNEL_ACCOUNT);
	case NTMEM_RELEASE_COALESCE:
		return ntmem_placeholder_coalesce(space, addr, addr + size);
	case NTMEM_RELEASE_PLAIN:
		return space->mm == current->mm ?
		       ntmem_placeholder_plain(space, addr, addr + size) :
		       -EOPNOTSUPP;
	case 0:
		return ntmem_region_release(space, addr, size, false);
	default:
		return -EINVAL;
	}
}

int ntmem_release(struct ntmem_space *space, const struct ntmem_range *range)
{
	unsigned long addr = range->addr & PAGE_MASK;
	u64 size = range->size;
	int err;

	if (range->prot || (range->flags && !size))
		return -EINVAL;
	if (range->addr > space->top)
		return -EINVAL;
	if (size) {
		if (range->addr + size < size ||
		    range->addr + size - 1 > space->top)
			return -EINVAL;
		size = PAGE_ALIGN(range->addr + size) - addr;
	}
	if (mutex_lock_killable(&space->map_lock))
		return -EINTR;
	err = ntmem_release_locked(space, addr, size, range->flags);
	mutex_unlock(&space->map_lock);
	return err;
}

/* ----------------------------------------------------------------- views --- */

/* Checks what the segment has to say about where the view lies in it. */
static int ntmem_view_place(struct ntmem_segment *segment,
			    struct ntmem_map_view *view, unsigned long *first)
{
	u64 size = (u64)ntmem_segment_pages(segment) << PAGE_SHIFT;

	if (!PAGE_ALIGNED(view->offset))
		return -EINVAL;
	if (view->offset >= size || view->size > size - view->offset)
		return -ERANGE;
	if (!view->size)
		view->size = size - view->offset;
	*first = view->offset >> PAGE_SHIFT;
	return 0;
}

static int ntmem_map_segment(struct ntmem_space *space,
			     struct ntmem_map_view *view,
			     struct ntmem_segment *segment, unsigned long first)
{
	struct ntmem_reserve reserve = {
		.addr = view->addr, .size = view->size, .prot = view->prot,
		.flags = view->flags, .min_addr = view->min_addr,
		.max_addr = view->max_addr,
	};
	u8 state;
	int err;

	if (mutex_lock_killable(&space->map_lock))
		return -EINTR;
	err = ntmem_check_reserve(space, &reserve, &state);
	/* A view shows what is asked for, and nothing in front of it. */
	if (!err && reserve.addr && !(view->flags & NTMEM_RESERVE_REPLACE) &&
	    !IS_ALIGNED(reserve.addr, space->granularity))
		err = -EINVAL;
	if (!err && !(view->flags & NTMEM_RESERVE_REPLACE))
		err = ntmem_reserve_locked(space, &reserve, state, segment,
					   first);
	mutex_unlock(&space->map_lock);
	if (!err && view->flags & NTMEM_RESERVE_REPLACE)
		err = ntmem_replace(space, &reserve, state, segment, first);
	if (err)
		return err;
	view->addr = reserve.addr;
	view->size = reserve.size;
	return 0;
}

int ntmem_map_view(struct ntmem_space *space, struct ntmem_map_view *view)
{
	struct ntmem_segment *segment;
	struct ntmem_map_view done = *view;
	unsigned long first;
	u8 state;
	int err;

	if (view->pad || view->flags & ~NTMEM_VIEW_FLAGS ||
	    ntmem_prot_to_state(view->prot, &state))
		return -EINVAL;
	segment = ntmem_segment_of(view->fd, view->prot);
	if (IS_ERR(segment))
		return PTR_ERR(segment);
	err = ntmem_view_place(segment, &done, &first);
	if (!err)
		err = ntmem_map_segment(space, &done, segment, first);
	ntmem_segment_put(segment);
	if (!err)
		*view = done;
	return err;
}

/* The pages of the view that an address lies in; -ENOENT without one. */
static int ntmem_view_find(struct ntmem_space *space, u64 addr,
			   struct ntmem_pages *pages)
{
	struct ntmem_region *region;
	bool view;

	if (addr > space->top)
		return -ENOENT;
	region = ntmem_region_lock(space, addr, false);
	if (!region)
		return -ENOENT;
	view = region->segment;
	pages->first = ntmem_first(region);
	pages->last = ntmem_last(region);
	ntmem_region_unlock(region, false);
	return view ? 0 : -ENOENT;
}

int ntmem_unmap_view(struct ntmem_space *space,
		     const struct ntmem_unmap_view *unmap)
{
	struct ntmem_pages pages;
	int err;

	if (unmap->pad || unmap->flags & ~NTMEM_RELEASE_PRESERVE)
		return -EINVAL;
	if (mutex_lock_killable(&space->map_lock))
		return -EINTR;
	err = ntmem_view_find(space, unmap->addr, &pages);
	if (!err && unmap->flags & NTMEM_RELEASE_PRESERVE)
		err = ntmem_placeholder_preserve(space,
						 pages.first << PAGE_SHIFT,
						 (pages.last + 1) << PAGE_SHIFT,
						 true, GFP_KERNEL_ACCOUNT);
	else if (!err)
		err = ntmem_region_release(space, pages.first << PAGE_SHIFT, 0,
					   true);
	mutex_unlock(&space->map_lock);
	return err;
}

int ntmem_set_granularity(struct ntmem_space *space,
			  const struct ntmem_granularity *granularity)
{
	int err = 0;

	if (granularity->pad ||
	    !ntmem_granularity_valid(granularity->granularity))
		return -EINVAL;
	if (mutex_lock_killable(&space->map_lock))
		return -EINTR;
	if (space->made)
		err = -EBUSY;
	else
		space->granularity = granularity->granularity;
	mutex_unlock(&space->map_lock);
	return err;
}
