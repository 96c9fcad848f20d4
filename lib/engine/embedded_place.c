// SPDX-License-Identifier: MIT
/*
 * Where a reservation of the embedded engine comes to lie: the requests to
 * mmap, and the search for a hole where the caller limits the choice.
 */
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "engine/embedded.h"
#include "engine/maps.h"

#define MAP_FLAGS	(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
/* Address space below the main stack that is left for it to grow into. */
#define STACK_ROOM	(128ULL << 20)
#define STACK_ROOM_MAX	(USER_END / 6 * 5)
/* Searches that another thread's mmap may spoil. */
#define SEARCH_TRIES	8

static uint64_t align_up(uint64_t addr, uint64_t align)
{
	return (addr + align - 1) & ~(align - 1);
}

/* Why mmap() refused, in the numbers of <linux/ntmem.h>. */
static int map_error(void)
{
	if (errno == EAGAIN)	/* over RLIMIT_MEMLOCK, where all is locked */
		return -EDQUOT;
	if (errno == EPERM)	/* below vm.mmap_min_addr */
		return -EINVAL;
	return -errno;
}

static int map_at(uint64_t addr, uint64_t size, int prot)
{
	void *want = (void *)(uintptr_t)addr;
	void *got = mmap(want, size, prot, MAP_FLAGS | MAP_FIXED_NOREPLACE,
			 -1, 0);

	if (got == want)
		return 0;
	if (got == MAP_FAILED)
		return map_error();
	/* Something that does not know MAP_FIXED_NOREPLACE moved it. */
	munmap(got, size);
	return -EEXIST;
}

/* Wherever the kernel likes, aligned: map more, and give back the ends. */
static int map_anywhere(uint64_t size, uint64_t align, int prot,
			uint64_t *addr)
{
	uint64_t slack = align - PAGE_BYTES;
	uint64_t start, base;
	void *got;

	if (size > USER_END - slack)
		return -ENOSPC;
	got = mmap(NULL, size + slack, prot, MAP_FLAGS, -1, 0);
	if (got == MAP_FAILED)
		return errno == ENOMEM ? -ENOSPC : map_error();
	start = (uintptr_t)got;
	base = align_up(start, align);
	if (base > start)
		munmap(got, base - start);
	if (start + slack > base)
		munmap((void *)(uintptr_t)(base + size), start + slack - base);
	*addr = base;
	return 0;
}

/*
 * Where something was released, above the last reservation, the largest of such
 * places: so who reserves anew, and then releases what he had, again and again,
 * does not go through all of the address space.
 */
static int place_in_known_hole(uint64_t room, uint64_t size, int prot,
			       uint64_t *addr)
{
	int error;

	if (embedded.hole_end - embedded.hole_start < room)
		return -EEXIST;
	*addr = embedded.hole_end - room;
	error = map_at(*addr, size, prot);
	/* Somebody else has put something there. */
	embedded.hole_end = error ? embedded.hole_start : *addr;
	return error;
}

/*
 * Without wishes: next to another reservation, which costs one call and lets
 * the kernel merge the two mappings, else where the kernel likes.
 */
static int place_free(uint64_t size, uint64_t align, int prot, uint64_t *addr)
{
	uint64_t room = align_up(size, embedded.granularity);
	bool plain = align == embedded.granularity;
	int error = -EEXIST;

	if (plain && !place_in_known_hole(room, size, prot, addr))
		return 0;
	if (plain && embedded.hint > room &&
	    embedded.hint - room >= LOWEST_ADDRESS) {
		*addr = embedded.hint - room;
		error = map_at(*addr, size, prot);
	}
	if (error)
		error = map_anywhere(size, align, prot, addr);
	if (!error)
		embedded.hint = *addr;
	return error;
}

/* The last reservation's place is used again first, then the largest hole above. */
void note_hole(uint64_t start, uint64_t end)
{
	end = align_up(end, embedded.granularity);
	if (embedded.hint == start)
		embedded.hint = end;
	else if (end == embedded.hole_start)
		embedded.hole_start = start;
	else if (start == embedded.hole_end)
		embedded.hole_end = end;
	else if (start > embedded.hint &&
		 end - start > embedded.hole_end - embedded.hole_start) {
		embedded.hole_start = start;
		embedded.hole_end = end;
	}
}

static uint64_t stack_room(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) ||
	    limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur < STACK_ROOM)
		return STACK_ROOM;
	return limit.rlim_cur < STACK_ROOM_MAX ? limit.rlim_cur :
						 STACK_ROOM_MAX;
}

struct hole {
	uint64_t size;
	uint64_t align;
	uint64_t min;
	uint64_t end;		/* of what is acceptable */
	bool top_down;
	uint64_t found;		/* 0 = none */
};

/* Looks at the gap [start, end). Returns true when the search is over. */
static bool try_gap(struct hole *hole, uint64_t start, uint64_t end)
{
	uint64_t base;

	if (start < hole->min)
		start = hole->min;
	if (end > hole->end)
		end = hole->end;
	start = align_up(start, hole->align);
	if (start >= end || end - start < hole->size)
		return false;
	base = start;
	if (hole->top_down)
		base = (end - hole->size) & ~(hole->align - 1);
	hole->found = base;
	return !hole->top_down;
}

static int look_for_hole(struct hole *hole, struct ntmem_maps *maps)
{
	uint64_t stack = getauxval(AT_RANDOM);	/* lies on the main stack */
	struct ntmem_mapping map;
	uint64_t cursor = 0;
	int found;

	hole->found = 0;
	while (cursor < hole->end) {
		found = ntmem_maps_next(maps, cursor, &map);
		if (found < 0)
			return found;
		if (!found) {
			try_gap(hole, cursor, hole->end);
			break;
		}
		if (map.start <= stack && stack < map.end)
			map.start -= stack_room();
		if (map.start > cursor && try_gap(hole, cursor, map.start))
			break;
		cursor = map.end;
	}
	return hole->found ? 0 : -ENOSPC;
}

static int find_hole(struct hole *hole)
{
	struct ntmem_maps maps;
	int error = ntmem_maps_open(&maps);

	if (error)
		return error;
	error = look_for_hole(hole, &maps);
	ntmem_maps_close(&maps);
	return error;
}

static int place_in_hole(struct hole *hole, int prot, uint64_t *addr)
{
	int tries, error = -ENOSPC;

	for (tries = 0; tries < SEARCH_TRIES; tries++) {
		error = find_hole(hole);
		if (error)
			return error;
		error = map_at(hole->found, hole->size, prot);
		if (error != -EEXIST)
			break;
	}
	*addr = hole->found;
	return error == -EEXIST || error == -ENOMEM ? -ENOSPC : error;
}

int place_reservation(const struct ntmem_reserve *reserve, int linux_prot,
		      uint64_t *addr)
{
	uint64_t align = reserve->align;
	struct hole hole;

	if (align < embedded.granularity)
		align = embedded.granularity;
	if (*addr)
		return map_at(*addr, reserve->size, linux_prot);
	hole = (struct hole){
		.size = reserve->size,
		.align = align,
		.min = reserve->min_addr,
		.end = reserve->max_addr ? reserve->max_addr + 1 : USER_END,
		.top_down = reserve->flags & NTMEM_RESERVE_TOP_DOWN,
	};
	if (hole.min < LOWEST_ADDRESS)
		hole.min = LOWEST_ADDRESS;
	if (hole.top_down || reserve->min_addr || reserve->max_addr)
		return place_in_hole(&hole, linux_prot, addr);
	return place_free(reserve->size, align, linux_prot, addr);
}
