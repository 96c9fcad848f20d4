// SPDX-License-Identifier: GPL-2.0
/*
 * Arenas: large VMAs that reservations are carved from.
 *
 * A space makes them one after the other, each time that none has room. What
 * user space unmaps a part of is forgotten as an arena; what a placeholder left
 * to a plain mapping is cut out of one. The list is guarded by arena_lock, and
 * only made longer under space->map_lock.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include "ntmem.h"
#include "test.h"

#define NTMEM_ARENA_FIRST	(256UL << 20)
#define NTMEM_ARENA_NEXT	(1UL << 30)

/* After every so many arenas the next are twice as large, up to a limit. */
#define NTMEM_ARENAS_EQUAL	16
#define NTMEM_ARENA_DOUBLINGS	10

/**
 * struct ntmem_arena - a VMA that reservations are carved from
 * @node: in space->arenas, oldest first
 * @start: first byte
 * @end: byte behind the last
 * @mapped: how much of it has a VMA; less than all, nothing is carved from it
 * @rest: what is behind a placeholder that is plain now; not in nr_arenas
 *
 * Forgotten, its reservations not, when user space unmaps a part of it.
 */
struct ntmem_arena {
	struct list_head node;
	unsigned long start;
	unsigned long end;
	unsigned long mapped;
	bool rest;
};

struct ntmem_arena *ntmem_arena_alloc(void)
{
	return kzalloc(sizeof(struct ntmem_arena), GFP_KERNEL_ACCOUNT);
}

int ntmem_arena_make(struct ntmem_space *space, unsigned long align)
{
	unsigned int doublings = space->nr_arenas / NTMEM_ARENAS_EQUAL;
	struct ntmem_place place = {
		.size = !space->nr_arenas ? NTMEM_ARENA_FIRST :
			NTMEM_ARENA_NEXT << min_t(unsigned int, doublings,
						  NTMEM_ARENA_DOUBLINGS),
		.min = NTMEM_MIN_ADDRESS,
		.max = space->top,
		/* Whole page tables, so that a chunk never has two VMAs. */
		.align = max(align, PMD_SIZE),
		.anywhere = true,
	};
	struct ntmem_arena *arena;
	unsigned long start;
	int err;

	arena = ntmem_arena_alloc();
	if (!arena)
		return -ENOMEM;
	err = ntmem_map_room(space, &place, &start);
	if (err) {
		kfree(arena);
		return err;
	}
	arena->start = start;
	arena->end = start + place.size;
	arena->mapped = place.size;
	ntmem_stop_point("arena_mapped");
	mutex_lock(&space->arena_lock);
	list_add_tail(&arena->node, &space->arenas);
	space->nr_arenas++;
	mutex_unlock(&space->arena_lock);
	if (ntmem_is_covered(space, start, start + place.size))
		return 0;
	ntmem_arenas_lost(space, start, start + place.size);
	return -ENOSPC;
}

bool ntmem_is_in_arena(struct ntmem_space *space, unsigned long start,
		       unsigned long end)
{
	struct ntmem_arena *arena;
	bool found = false;

	mutex_lock(&space->arena_lock);
	list_for_each_entry(arena, &space->arenas, node)
		found |= arena->start <= start && end <= arena->end;
	mutex_unlock(&space->arena_lock);
	return found;
}

static int ntmem_arena_carve(struct ntmem_space *space,
			     const struct ntmem_arena *arena,
			     const struct ntmem_place *place,
			     unsigned long *addr)
{
	struct ntmem_place part = *place;

	part.min = max(place->min, arena->start);
	part.max = min(place->max, arena->end - 1);
	/* Where any place will do: none of the rests of others' granules. */
	if (place->anywhere && !place->top_down)
		part.gap = ALIGN(place->size, space->granularity);
	return ntmem_find_hole(&space->regions, NULL, &part, addr);
}

/* A free place in some arena, of which user space may only take it away. */
int ntmem_arenas_carve(struct ntmem_space *space,
		       const struct ntmem_place *place, unsigned long *addr)
{
	struct ntmem_arena *arena;
	int err = -ENOSPC;

	mutex_lock(&space->arena_lock);
	list_for_each_entry(arena, &space->arenas, node) {
		if (arena->mapped != arena->end - arena->start)
			continue;
		err = ntmem_arena_carve(space, arena, place, addr);
		if (err != -ENOSPC)
			break;
	}
	mutex_unlock(&space->arena_lock);
	return err;
}

static void ntmem_arena_drop(struct ntmem_space *space,
			     struct ntmem_arena *arena)
{
	list_del(&arena->node);
	space->nr_arenas -= !arena->rest;
	kfree(arena);
}

/* User space unmapped [start, end): carve nothing from there any more. */
void ntmem_arenas_lost(struct ntmem_space *space, unsigned long start,
		       unsigned long end)
{
	struct ntmem_arena *arena, *next;

	mutex_lock(&space->arena_lock);
	list_for_each_entry_safe(arena, next, &space->arenas, node)
		if (arena->start < end && arena->end > start)
			ntmem_arena_drop(space, arena);
	mutex_unlock(&space->arena_lock);
}

/* Of one in which [start, end) is another's now, what is in front and behind. */
static void ntmem_arena_cut(struct ntmem_space *space,
			    struct ntmem_arena *arena, unsigned long start,
			    unsigned long end, struct ntmem_arena **spare)
{
	bool whole = arena->mapped == arena->end - arena->start;
	struct ntmem_arena *rest = *spare;

	/* Of a child's, which is not all there, nothing is carved anyway. */
	if (!whole || (start <= arena->start && end >= arena->end)) {
		ntmem_arena_drop(space, arena);
		return;
	}
	if (start <= arena->start) {
		arena->start = end;
	} else {
		if (end < arena->end) {
			*rest = *arena;
			rest->start = end;
			rest->mapped = rest->end - end;
			rest->rest = true;
			list_add(&rest->node, &arena->node);
			*spare = NULL;
		}
		arena->end = start;
	}
	arena->mapped = arena->end - arena->start;
}

/* [start, end) is mapped by another; spare is for the one arena that it splits. */
void ntmem_arenas_cut(struct ntmem_space *space, unsigned long start,
		      unsigned long end, struct ntmem_arena **spare)
{
	struct ntmem_arena *arena, *next;

	mutex_lock(&space->arena_lock);
	list_for_each_entry_safe(arena, next, &space->arenas, node)
		if (arena->start < end && arena->end > start)
			ntmem_arena_cut(space, arena, start, end, spare);
	mutex_unlock(&space->arena_lock);
}

/* A part of an arena has got a VMA in a forked child. */
static void ntmem_arena_copy(struct ntmem_space *to,
			     const struct ntmem_arena *arena,
			     unsigned long mapped)
{
	struct ntmem_arena *copy;

	list_for_each_entry(copy, &to->arenas, node) {
		if (copy->start == arena->start) {
			copy->mapped += mapped;
			return;
		}
	}
	copy = kmemdup(arena, sizeof(*arena), GFP_KERNEL_ACCOUNT);
	if (!copy)
		return;
	copy->mapped = mapped;
	list_add_tail(&copy->node, &to->arenas);
	to->nr_arenas += !copy->rest;
}

/*
 * A forked child carves from the same arenas, as far as it gets the VMAs, of
 * which [start, end) is one; without memory, from none.
 */
void ntmem_arenas_copy(struct ntmem_space *to, struct ntmem_space *from,
		       unsigned long start, unsigned long end)
{
	struct ntmem_arena *arena;

	mutex_lock(&from->arena_lock);
	list_for_each_entry(arena, &from->arenas, node)
		if (arena->start < end && arena->end > start)
			ntmem_arena_copy(to, arena, min(end, arena->end) -
					 max(start, arena->start));
	mutex_unlock(&from->arena_lock);
}

void ntmem_arenas_free(struct ntmem_space *space)
{
	ntmem_arenas_lost(space, 0, ULONG_MAX);
}

/* The first part of [*start, end) that an arena has; empty at the end. */
void ntmem_next_arena(struct ntmem_space *space, unsigned long *start,
		      unsigned long *end)
{
	unsigned long lo = *end, hi = *end;
	struct ntmem_arena *arena;

	mutex_lock(&space->arena_lock);
	list_for_each_entry(arena, &space->arenas, node) {
		if (arena->end <= *start || arena->start >= lo)
			continue;
		lo = max(arena->start, *start);
		hi = min(arena->end, *end);
	}
	mutex_unlock(&space->arena_lock);
	*start = lo;
	*end = hi;
}
