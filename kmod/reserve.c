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
				 NTMEM_RESERVE_REPLACE)
#define NTMEM_RELEASE_FLAGS	(NTMEM_RELEASE_PRESERVE | \
				 NTMEM_RELEASE_COALESCE)
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
		       NTMEM_RESERVE_NOFORK)))
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
		ntmem_region_release(space, region->start, 0);
	return err;
}

static int ntmem_reserve_once(struct ntmem_space *space,
			      struct ntmem_reserve *reserve, u8 state)
{
	bool exec = ntmem_rights[state & NTMEM_S_ACCESS] & NTMEM_R_EXEC;
	struct ntmem_region *region = ntmem_region_alloc(space);
	int err;

	if (!region)
		return -ENOMEM;
	region->alloc_prot = reserve->prot;
	region->nofork = reserve->flags & NTMEM_RESERVE_NOFORK;
	region->watch = reserve->flags & NTMEM_RESERVE_WATCH;
	region->placeholder = reserve->flags & NTMEM_RESERVE_PLACEHOLDER;
	if (reserve->addr)
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
				struct ntmem_reserve *reserve, u8 state)
{
	int err, tries;

	for (tries = 0; tries < NTMEM_RESERVE_TRIES; tries++) {
		err = ntmem_reserve_once(space, reserve, state);
		if (err != -EAGAIN)
			return err;
	}
	return -ENOSPC;
}

/* A reservation that nobody has heard of: as if it had not been made. */
void ntmem_reserve_undo(struct ntmem_space *space, unsigned long addr)
{
	mutex_lock(&space->map_lock);
	ntmem_region_release(space, addr, 0);
	space->made--;
	mutex_unlock(&space->map_lock);
}

int ntmem_reserve(struct ntmem_space *space, struct ntmem_reserve *reserve)
{
	struct ntmem_range range = { .prot = reserve->prot };
	struct ntmem_reserve done = *reserve;
	u8 state;
	int err;

	mutex_lock(&space->map_lock);
	err = ntmem_check_reserve(space, reserve, &state);
	if (!err && !(reserve->flags & NTMEM_RESERVE_REPLACE))
		err = ntmem_reserve_locked(space, &done, state);
	mutex_unlock(&space->map_lock);
	if (err)
		return err;
	if (reserve->flags & NTMEM_RESERVE_REPLACE)
		return ntmem_replace(space, reserve, state);
	if (reserve->flags & NTMEM_RESERVE_COMMIT) {
		range.addr = done.addr;
		range.size = done.size;
		err = ntmem_commit(space, &range);
		if (err) {
			ntmem_reserve_undo(space, done.addr);
			return err;
		}
	}
	*reserve = done;
	return 0;
}

int ntmem_release(struct ntmem_space *space, const struct ntmem_range *range)
{
	unsigned long addr = range->addr & PAGE_MASK;
	u64 size = range->size;
	int err;

	if (range->prot || range->flags & ~NTMEM_RELEASE_FLAGS ||
	    range->flags == NTMEM_RELEASE_FLAGS || (range->flags && !size))
		return -EINVAL;
	if (range->addr > space->top)
		return -EINVAL;
	if (size) {
		if (range->addr + size < size ||
		    range->addr + size - 1 > space->top)
			return -EINVAL;
		size = PAGE_ALIGN(range->addr + size) - addr;
	}
	mutex_lock(&space->map_lock);
	if (range->flags & NTMEM_RELEASE_PRESERVE)
		err = ntmem_placeholder_preserve(space, addr, addr + size);
	else if (range->flags & NTMEM_RELEASE_COALESCE)
		err = ntmem_placeholder_coalesce(space, addr, addr + size);
	else
		err = ntmem_region_release(space, addr, size);
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
	mutex_lock(&space->map_lock);
	if (space->made)
		err = -EBUSY;
	else
		space->granularity = granularity->granularity;
	mutex_unlock(&space->map_lock);
	return err;
}
