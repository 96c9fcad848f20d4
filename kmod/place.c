// SPDX-License-Identifier: GPL-2.0
/*
 * Where reservations lie and what maps them.
 *
 * Mostly a reservation is carved out of an *arena*, a large VMA made once (see
 * arena.c): then neither making nor releasing it touches the core's mmap_lock or VMA
 * tree. A reservation at a wanted address gets what VMAs it lacks there, one
 * that is too large for an arena, or may execute, one of its own.
 *
 * A reservation belongs to the region tree, not to a VMA: a VMA is a window
 * through which addresses become pages, and its free parts are free to be
 * reserved. All here runs under space->map_lock.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/slab.h>
#include "compat.h"
#include "ntmem.h"
#include "test.h"

#define NTMEM_ARENA_CARVE	(64UL << 20)	/* largest reservation in one */

/* Distance that is kept below a VMA that grows down, like the core's own. */
#define NTMEM_STACK_GAP		(256UL << PAGE_SHIFT)

/* The highest address that a reservation may use, inclusive. */
unsigned long ntmem_top(const struct mm_struct *mm)
{
	unsigned long top = min_t(unsigned long, mm->task_size,
				  DEFAULT_MAP_WINDOW);

	return ALIGN(top, NTMEM_MIN_ADDRESS) - NTMEM_MIN_ADDRESS - 1;
}

/* Not what a fork without memory left behind. */
bool ntmem_is_ours(const struct ntmem_space *space,
		   const struct vm_area_struct *vma)
{
	return vma->vm_ops == &ntmem_vm_ops && vma->vm_private_data == space;
}

/* What mmap(2) refuses with, in the numbers of <linux/ntmem.h>. */
static int ntmem_map_error(int err, unsigned long flags)
{
	switch (err) {
	case -EAGAIN:
		/* Over RLIMIT_MEMLOCK, of a process that locks all it maps. */
		return -EDQUOT;
	case -EPERM:
		/* In place of a sealed mapping; below vm.mmap_min_addr. */
		return flags & MAP_FIXED ? -EACCES : -EINVAL;
	default:
		return err;
	}
}

/* What vm_mmap() and vm_munmap() are to do to the mm of a space. */
struct ntmem_mapping {
	struct ntmem_space *space;
	unsigned long start;
	unsigned long end;
	unsigned long flags;		/* MAP_* */
	bool nofork;
	bool exec;
	bool plain;			/* no access, and not ours */
};

static int ntmem_map_plain(const struct ntmem_mapping *map)
{
	unsigned long addr;

	addr = vm_mmap(NULL, map->start, map->end - map->start, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | map->flags,
		       0);
	return IS_ERR_VALUE(addr) ? ntmem_map_error(addr, map->flags) : 0;
}

/* With the space's mm as the current one. */
static int ntmem_map_inside(void *data)
{
	const struct ntmem_mapping *map = data;
	struct ntmem_space *space = map->space;
	unsigned long addr;

	space->map_nofork = map->nofork;
	WRITE_ONCE(space->map_task, current);
	addr = vm_mmap(space->file, map->start, map->end - map->start,
		       PROT_READ | PROT_WRITE | (map->exec ? PROT_EXEC : 0),
		       MAP_SHARED | map->flags, map->start);
	WRITE_ONCE(space->map_task, NULL);
	return IS_ERR_VALUE(addr) ? ntmem_map_error(addr, map->flags) : 0;
}

/*
 * Maps [start, end), nowhere else; -EEXIST when something is there. The
 * kernel's placement, limits and security checks of mmap(2) all apply, as they
 * do to the process whose space it is.
 */
static int ntmem_map(struct ntmem_space *space, unsigned long start,
		     unsigned long end, unsigned long flags, bool nofork,
		     bool exec)
{
	struct ntmem_mapping map = {
		.space = space, .start = start, .end = end, .flags = flags,
		.nofork = nofork, .exec = exec,
	};

	return ntmem_run_inside(space, ntmem_map_inside, &map);
}

/*
 * First part of [start, end) that no VMA covers; empty when there is none.
 * What flags VMAs in front of it have is added to @flags.
 */
static int ntmem_uncovered(struct ntmem_space *space, unsigned long *start,
			   unsigned long *end, unsigned long *flags)
{
	struct mm_struct *mm = space->mm;
	struct vm_area_struct *vma;
	int err = 0;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	while (*start < *end) {
		vma = find_vma(mm, *start);
		if (!vma || vma->vm_start >= *end)
			break;
		if (vma->vm_start > *start) {
			*end = vma->vm_start;
			break;
		}
		if (!ntmem_is_ours(space, vma)) {
			err = -EEXIST;
			break;
		}
		*flags |= vma->vm_flags;
		*start = vma->vm_end;
	}
	mmap_read_unlock(mm);
	return err;
}

/*
 * Is what was mapped and made known still mapped? User space may have unmapped
 * it before ->close could find what to take with it. From here on it will.
 */
bool ntmem_is_covered(struct ntmem_space *space, unsigned long start,
		      unsigned long end)
{
	unsigned long flags = 0;

	return !ntmem_uncovered(space, &start, &end, &flags) && start >= end;
}

/* --------------------------------------------------------------- holes --- */

/*
 * One step towards a hole in a tree of ranges, which is locked: the lowest or
 * highest gap of at least size in [min, max].
 */
static int ntmem_gap(struct maple_tree *tree, unsigned long min,
		     unsigned long max, unsigned long size, bool top_down,
		     unsigned long *addr)
{
	MA_STATE(mas, tree, 0, 0);
	int err;

	if (min > max || size - 1 > max - min)
		return -ENOSPC;
	if (mtree_empty(tree)) {
		*addr = top_down ? max + 1 - size : min;
		return 0;
	}
	if (top_down)
		err = mas_empty_area_rev(&mas, min, max, size);
	else
		err = mas_empty_area(&mas, min, max, size);
	if (err)
		return -ENOSPC;
	*addr = top_down ? mas.last + 1 - size : mas.index;
	return 0;
}

/* The same in our own tree, which is not. */
static int ntmem_gap_locked(struct maple_tree *tree, unsigned long min,
			    unsigned long max, unsigned long size,
			    bool top_down, unsigned long *addr)
{
	int err;

	mtree_lock(tree);
	err = ntmem_gap(tree, min, max, size, top_down, addr);
	mtree_unlock(tree);
	return err;
}

/* Is the hole at addr too near to a stack above it? Then how low must it end. */
static bool ntmem_near_stack(struct mm_struct *mm, unsigned long addr,
			     unsigned long size, unsigned long *below)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	if (!vma || !(vma->vm_flags & VM_GROWSDOWN) ||
	    vma->vm_start - (addr + size) >= NTMEM_STACK_GAP)
		return false;
	*below = max(vma->vm_start, NTMEM_STACK_GAP) - NTMEM_STACK_GAP;
	return true;
}

/*
 * A hole of place->size in the tree, aligned. mm is given for the core's tree
 * of VMAs, where stacks want distance; NULL for our own. That of arenas takes a
 * step for each gap that is large enough but has no aligned place.
 */
int ntmem_find_hole(struct maple_tree *tree, struct mm_struct *mm,
		    const struct ntmem_place *place, unsigned long *addr)
{
	unsigned long min = ALIGN(place->min, place->align);
	unsigned long max = place->max;
	unsigned long size = place->gap ?: place->size;
	unsigned long found, below;
	int err;

	for (;;) {
		/* The core's tree is locked by its mm. */
		err = mm ? ntmem_gap(tree, min, max, size, place->top_down,
				     &found) :
			   ntmem_gap_locked(tree, min, max, size,
					    place->top_down, &found);
		if (err)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		*addr = place->top_down ? ALIGN_DOWN(found, place->align) :
					  ALIGN(found, place->align);
		if (mm && ntmem_near_stack(mm, found, place->size, &below)) {
			if (!place->top_down) {
				/* Nothing fits between here and the stack? */
				min = find_vma(mm, found)->vm_end;
				min = ALIGN(min, place->align);
				continue;
			}
			if (below <= place->size)
				return -ENOSPC;
			max = min(max, below - 1);
			continue;
		}
		if (*addr == found)
			return 0;
		/* The gap may not reach over the aligned place: look there. */
		if (place->top_down)
			max = *addr + place->size - 1;
		else
			min = *addr;
		if (*addr < place->min || min < place->min)
			return -ENOSPC;
	}
}

/* A place for a new arena or large reservation, below the other mappings. */
static int ntmem_find_room(struct ntmem_space *space,
			   const struct ntmem_place *place,
			   unsigned long *addr)
{
	struct mm_struct *mm = space->mm;
	struct ntmem_place room = *place;
	int err;

	if (place->anywhere) {
		room.top_down = true;
		room.max = min(place->max, mm->mmap_base - 1);
	}
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	err = ntmem_find_hole(&mm->mm_mt, mm, &room, addr);
	mmap_read_unlock(mm);
	return err;
}

/* Maps one, for reservations of ours. */
int ntmem_map_room(struct ntmem_space *space, const struct ntmem_place *place,
		   unsigned long *addr)
{
	int err, tries;

	for (tries = 0; tries < NTMEM_PLACE_TRIES; tries++) {
		err = ntmem_find_room(space, place, addr);
		if (err)
			return err;
		err = ntmem_map(space, *addr, *addr + place->size,
				MAP_FIXED_NOREPLACE, place->nofork,
				place->exec);
		if (err != -EEXIST)
			return err;
	}
	return -ENOSPC;
}

/* ---------------------------------------------------------- placement --- */

/*
 * Maps a range of ours anew, as ours or plain, or what is plain as ours; the
 * core's ->close must not take it for lost. When the core finds no memory after
 * it has taken the old mapping away, it leaves a gap, which nobody may be left
 * with: that is mapped, as ours. -EEXIST there means that the old mapping has
 * stayed. Who is killed while he waits for mmap_lock has changed nothing.
 */
static int ntmem_remap_inside(void *data)
{
	struct ntmem_mapping map = *(struct ntmem_mapping *)data;
	struct ntmem_space *space = map.space;
	int err, gap, tries;

	space->remap_start = map.start;
	space->remap_end = map.end;
	WRITE_ONCE(space->remap_task, current);
	map.flags = MAP_FIXED;
	err = map.plain ? ntmem_map_plain(&map) : ntmem_map_inside(&map);
	map.flags = MAP_FIXED_NOREPLACE;
	for (tries = 0; err && err != -EINTR && tries < NTMEM_PLACE_TRIES;
	     tries++) {
		gap = ntmem_map_inside(&map);
		if (gap == -EEXIST)
			break;
		if (gap)
			continue;
		if (map.plain)
			break;
		err = 0;
	}
	WRITE_ONCE(space->remap_task, NULL);
	/* What was there may be gone all the same. */
	if (err && err != -EINTR &&
	    !ntmem_is_covered(space, map.start, map.end))
		ntmem_regions_unmapped(space, map.start, map.end);
	return err;
}

static int ntmem_remap(struct ntmem_space *space, unsigned long start,
		       unsigned long end, bool nofork, bool exec)
{
	struct ntmem_mapping map = {
		.space = space, .start = start, .end = end,
		.nofork = nofork, .exec = exec,
	};

	lockdep_assert_held(&space->map_lock);
	return ntmem_run_inside(space, ntmem_remap_inside, &map);
}

/* To split a mapping can take memory, too; the next time there may be some. */
static int ntmem_unmap_inside(void *data)
{
	const struct ntmem_mapping *map = data;
	int tries, err = 0;

	for (tries = 0; tries < NTMEM_PLACE_TRIES; tries++) {
		err = vm_munmap(map->start, map->end - map->start);
		if (err != -ENOMEM)
			break;
	}
	return err;
}

/* What cannot be unmapped stays, with nothing in it, for who reserves there. */
static void ntmem_unmap(struct ntmem_space *space, unsigned long start,
			unsigned long end)
{
	struct ntmem_mapping map = {
		.space = space, .start = start, .end = end,
	};
	int tries;

	for (tries = 0; tries < NTMEM_PLACE_TRIES; tries++)
		if (ntmem_run_inside(space, ntmem_unmap_inside, &map) !=
		    -ENOMEM)
			break;
}

static int ntmem_publish_at(struct ntmem_region *region, unsigned long addr,
			    unsigned long size)
{
	int err;

	region->start = addr;
	region->end = addr + size;
	region->chunk0 = ntmem_first(region) >> NTMEM_CHUNK_SHIFT;
	if (!region->segment)
		return ntmem_region_publish(region);
	err = ntmem_view_fill(region);
	if (err)
		return err;
	err = ntmem_region_publish(region);
	if (err)
		ntmem_view_empty(region);
	return err;
}

/* Its mapping went before it was published: it must not stay. */
static int ntmem_place_lost(struct ntmem_region *region)
{
	ntmem_region_kill(region, true);
	return -EAGAIN;
}

static int ntmem_place_own(struct ntmem_space *space,
			   struct ntmem_region *region,
			   const struct ntmem_place *place)
{
	unsigned long addr;
	int err;

	err = ntmem_map_room(space, place, &addr);
	if (err)
		return err;
	ntmem_stop_point("own_mapped");
	region->exec = place->exec;
	err = ntmem_publish_at(region, addr, place->size);
	if (err)
		ntmem_unmap(space, addr, addr + place->size);
	else if (!ntmem_is_covered(space, addr, addr + place->size))
		err = ntmem_place_lost(region);
	return err;
}

/* In an arena, which user space can unmap at any time. */
static int ntmem_place_carved(struct ntmem_space *space,
			      struct ntmem_region *region, unsigned long addr,
			      unsigned long size)
{
	int err;

	ntmem_stop_point("carved");
	err = ntmem_publish_at(region, addr, size);
	if (!err && !ntmem_is_in_arena(space, addr, addr + size))
		err = ntmem_place_lost(region);
	return err;
}

/**
 * ntmem_place_new() - find a place for a reservation, and publish it
 * @space: its space
 * @region: new
 * @place: what is wanted
 *
 * Return: 0; -ENOSPC without a hole; -ENOMEM; what mmap(2) refuses with;
 * -EAGAIN when user space was faster, and @region is used up.
 */
int ntmem_place_new(struct ntmem_space *space, struct ntmem_region *region,
		    const struct ntmem_place *place)
{
	unsigned long addr;
	int err;

	/* The highest hole is above the arenas, the lowest below. */
	if (!place->top_down && !place->exec &&
	    place->size <= NTMEM_ARENA_CARVE) {
		err = ntmem_arenas_carve(space, place, &addr);
		if (err == -ENOSPC && place->anywhere &&
		    place->align <= NTMEM_ARENA_CARVE)
			if (!ntmem_arena_make(space, place->align))
				err = ntmem_arenas_carve(space, place, &addr);
		if (!err)
			return ntmem_place_carved(space, region, addr,
						  place->size);
		if (err == -EINTR)
			return err;
	}
	err = ntmem_place_own(space, region, place);
	if (err != -ENOSPC || place->exec)
		return err;
	err = ntmem_arenas_carve(space, place, &addr);
	return err ?: ntmem_place_carved(space, region, addr, place->size);
}

/* Maps what of a new reservation's range nothing covers. */
static int ntmem_cover(struct ntmem_space *space,
		       const struct ntmem_region *region, unsigned long *flags)
{
	unsigned long start, end;
	int err;

	for (;;) {
		start = region->start;
		end = region->end;
		*flags = 0;
		err = ntmem_uncovered(space, &start, &end, flags);
		if (err || start >= end)
			return err;
		err = ntmem_map(space, start, end, MAP_FIXED_NOREPLACE,
				region->nofork, false);
		if (err && err != -EEXIST)
			return err;
	}
}

/* The first part of [*start, *end) that a VMA of ours has. */
static bool ntmem_next_ours(struct ntmem_space *space, unsigned long *start,
			    unsigned long *end)
{
	struct mm_struct *mm = space->mm;
	struct vm_area_struct *vma;
	bool found = false;

	if (mmap_read_lock_killable(mm))
		return false;
	for (vma = find_vma(mm, *start); vma && vma->vm_start < *end;
	     vma = find_vma(mm, vma->vm_end)) {
		found = ntmem_is_ours(space, vma);
		if (found) {
			*start = max(*start, vma->vm_start);
			*end = min(*end, vma->vm_end);
			break;
		}
	}
	mmap_read_unlock(mm);
	return found;
}

/* Unmaps of [start, end), in which is no region, what is ours and no arena's. */
static void ntmem_uncover(struct ntmem_space *space, unsigned long start,
			  unsigned long end)
{
	unsigned long lo = start, hi = end;

	while (lo < end && ntmem_next_ours(space, &lo, &hi)) {
		ntmem_unplace(space, lo, hi, false);
		lo = hi;
		hi = end;
		cond_resched();
	}
}

/**
 * ntmem_place_at() - publish a reservation at its address, and map it
 * @space: its space
 * @region: new, with @start and @end
 *
 * Return: 0; -EEXIST when the range, or a part, is in use.
 */
int ntmem_place_at(struct ntmem_space *space, struct ntmem_region *region)
{
	unsigned long start = region->start, end = region->end;
	unsigned long flags;
	int err;

	err = ntmem_publish_at(region, start, end - start);
	if (err)
		return err;
	err = ntmem_cover(space, region, &flags);
	/* Of an earlier reservation, where it could not be unmapped. */
	if (!err && flags & (VM_EXEC | (region->nofork ? 0 : VM_DONTCOPY)))
		err = ntmem_remap(space, start, end, region->nofork, false);
	if (!err)
		return 0;
	ntmem_region_kill(region, true);
	ntmem_uncover(space, start, end);
	return err;
}

/**
 * ntmem_map_exec() - map a reservation anew, with PROT_EXEC or without
 * @region: the caller has a reference; without pages, where @exec is false
 * @exec: its pages are to be executed
 *
 * Whether a page may be executed is in its PTE; that PTEs can allow it at all
 * is up to the VMA. The pages survive, since the region holds them.
 */
int ntmem_map_exec(struct ntmem_region *region, bool exec)
{
	unsigned long lo = region->start, hi = region->end;
	int err;

	/* A child gets the arena with what it has no region for. */
	ntmem_next_arena(region->space, &lo, &hi);
	err = ntmem_remap(region->space, region->start, region->end,
			  region->nofork && lo == hi, exec);
	if (err)
		return err;
	ntmem_stop_point("exec_mapped");
	down_write(&region->lock);
	region->exec = exec;
	/* Who came before did not know that data needs care here. */
	if (!region->dying)
		ntmem_zap(region, ntmem_first(region), ntmem_last(region));
	ntmem_region_unlock(region, true);
	return 0;
}

/**
 * ntmem_unplace() - give back the mapping of what was released
 * @space: whose
 * @start: first byte
 * @end: byte behind the last
 * @exec: it is mapped with PROT_EXEC
 *
 * What lies in an arena goes back to it, anything else is unmapped.
 */
void ntmem_unplace(struct ntmem_space *space, unsigned long start,
		   unsigned long end, bool exec)
{
	unsigned long lo, hi;

	for (; start < end; start = hi) {
		lo = start;
		hi = end;
		ntmem_next_arena(space, &lo, &hi);
		if (lo > start)
			ntmem_unmap(space, start, lo);
		if (lo < hi && exec &&
		    ntmem_remap(space, lo, hi, false, false)) {
			/* Never again, then. */
			ntmem_arenas_lost(space, lo, hi);
			ntmem_unmap(space, lo, hi);
		}
	}
}

/* ---------------------------------------------------------------- plain --- */

/**
 * ntmem_place_plain() - leave a placeholder's addresses to a plain mapping
 * @region: the caller has a reference
 *
 * Return: 0, and the region is gone; -ENOENT when user space has unmapped it
 * meanwhile; else it is what it was, unless there was no memory at all.
 */
int ntmem_place_plain(struct ntmem_region *region)
{
	struct ntmem_mapping map = {
		.space = region->space, .start = region->start,
		.end = region->end, .nofork = region->nofork,
		.exec = region->exec, .plain = true,
	};
	struct ntmem_arena *spare;
	int err;

	lockdep_assert_held(&region->space->map_lock);
	spare = ntmem_arena_alloc();
	if (!spare)
		return -ENOMEM;
	ntmem_stop_point("plain");
	err = ntmem_remap_inside(&map);
	/* Unmapped, it was killed before that, and what is mapped is a hole. */
	if (!err && READ_ONCE(region->dying)) {
		ntmem_unmap_inside(&map);
		err = -ENOENT;
	}
	if (!err) {
		ntmem_arenas_cut(map.space, map.start, map.end, &spare);
		ntmem_region_kill(region, false);
	}
	kfree(spare);
	return err;
}

/* Does every page of [start, end) have a VMA, and none of ours? */
static int ntmem_look_plain(struct ntmem_space *space, unsigned long start,
			    unsigned long end)
{
	struct mm_struct *mm = space->mm;
	struct vm_area_struct *vma;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	while (start < end) {
		vma = find_vma(mm, start);
		if (!vma || vma->vm_start > start || ntmem_is_ours(space, vma))
			break;
		start = vma->vm_end;
	}
	mmap_read_unlock(mm);
	return start < end ? -ENOENT : 0;
}

/**
 * ntmem_place_over() - publish a placeholder in the place of plain mappings
 * @region: new, with @start and @end
 *
 * Return: 0; -EEXIST when a part of the range is reserved; -ENOENT when a part
 * is not mapped; else the mappings are there still, unless there was no memory
 * at all.
 */
int ntmem_place_over(struct ntmem_region *region)
{
	struct ntmem_space *space = region->space;
	unsigned long start = region->start, end = region->end;
	int err;

	err = ntmem_publish_at(region, start, end - start);
	if (err)
		return err;
	err = ntmem_look_plain(space, start, end);
	ntmem_stop_point("over");
	if (!err)
		err = ntmem_remap(space, start, end, region->nofork, false);
	if (err)
		ntmem_region_kill(region, false);
	return err;
}
