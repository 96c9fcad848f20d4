// SPDX-License-Identifier: MIT
/*
 * What goes through a whole region: the walk, statistics, and the check of all
 * that is known of it.
 */
#include "heap/region_internal.h"

/* ----------------------------------------------------------------- walk --- */

static void enter(const struct heap_region *region, uint64_t from,
		  uint64_t to, size_t size, enum heap_region_state state,
		  struct heap_region_entry *entry)
{
	entry->addr = region->base + from * HEAP_REGION_GRANULE;
	entry->size = size;
	entry->overhead = (to - from) * HEAP_REGION_GRANULE - size;
	entry->state = state;
}

/* Of a free extent, from at on, what is equally committed. */
static void enter_free(const struct heap_region *region, uint64_t at,
		       uint64_t end, struct heap_region_entry *entry)
{
	uint64_t page = region_page(at);
	bool committed = region_pages_committed(&region->pages, page);
	uint64_t run = region_pages_run(&region->pages, page,
					region_page_end(end));

	run *= GRANULES_PER_PAGE;
	if (run < end)
		end = run;
	enter(region, at, end, (end - at) * HEAP_REGION_GRANULE,
	      committed ? HEAP_REGION_FREE : HEAP_REGION_UNCOMMITTED, entry);
}

bool heap_region_next(const struct heap_region *region,
		      struct heap_region_entry *entry)
{
	const struct region_map *map = &region->map;
	uint64_t at = 0, extent;

	if (entry->addr)
		at = region_granule(region, entry->addr + entry->size +
						    entry->overhead);
	if (at == REGION_NONE)
		return false;
	switch (region_map_kind(map, at)) {
	case REGION_BLOCK:
	case REGION_EMPTY:
		enter(region, at, at + region_map_length(map, at),
		      region_block_size(region, at), HEAP_REGION_BUSY, entry);
		return true;
	default:
		extent = region_map_covering(map, at);
		if (extent == REGION_NONE)
			return false;
		enter_free(region, at, extent + region_map_length(map, extent),
			   entry);
		return true;
	}
}

void heap_region_stats(const struct heap_region *region,
		       struct heap_region_stats *stats)
{
	struct heap_region_entry entry = { .addr = NULL };

	*stats = (struct heap_region_stats){
		.reserved = region->size,
		.committed = region->pages.committed * REGION_PAGE,
		.allocated = region->allocated,
	};
	while (heap_region_next(region, &entry))
		if (entry.state == HEAP_REGION_FREE &&
		    entry.size > stats->largest_free)
			stats->largest_free = entry.size;
}

/* ---------------------------------------------------------------- check --- */

/*
 * Does nothing begin inside of [at, end)? Leaves of memory that is not
 * committed are not looked at: there may be very many, never touched.
 */
static bool is_one(const struct heap_region *region, uint64_t at, uint64_t end)
{
	const struct region_map *map = &region->map;
	uint64_t leaf = at / REGION_LEAF + 1;

	for (; (leaf + 1) * REGION_LEAF <= end; leaf++) {
		uint64_t page = region_page(leaf * REGION_LEAF);

		if (region_pages_committed(&region->pages, page) &&
		    (map->leaf[leaf].plane[0] | map->leaf[leaf].plane[1]))
			return false;
	}
	return true;
}

/* What the check has seen so far. */
struct seen {
	uint64_t at;
	uint64_t before;
	enum region_kind kind;
	size_t busy;
	size_t allocated;
};

/* One block or free extent. */
static bool check_one(const struct heap_region *region, struct seen *seen)
{
	const struct region_map *map = &region->map;
	enum region_kind kind = region_map_kind(map, seen->at);
	uint64_t length, end;

	if (kind == REGION_INSIDE ||
	    (kind == REGION_FREE && seen->kind == REGION_FREE) ||
	    region_map_before(map, seen->at) != seen->before ||
	    !region_map_indexed(map, seen->at / REGION_LEAF))
		return false;
	length = region_map_length(map, seen->at);
	end = seen->at + length;
	if (!length || length > map->granules - seen->at ||
	    (kind == REGION_EMPTY && length != 1) ||
	    !is_one(region, seen->at, end))
		return false;
	if (kind != REGION_FREE) {
		uint64_t from = region_page(seen->at);
		uint64_t to = region_page_end(end);

		if (region_pages_count(&region->pages, from, to) != to - from)
			return false;
		seen->busy += length;
		seen->allocated += region_block_size(region, seen->at);
	}
	seen->before = seen->at;
	seen->at = end;
	seen->kind = kind;
	return true;
}

static bool check_all(const struct heap_region *region)
{
	struct seen seen = { .before = REGION_NONE, .kind = REGION_BLOCK };

	while (seen.at < region->map.granules)
		if (!check_one(region, &seen))
			return false;
	return seen.busy == region->busy &&
	       seen.allocated == region->allocated &&
	       region_pages_count(&region->pages, 0, region->pages.count) ==
	       region->pages.committed;
}

bool heap_region_validate(const struct heap_region *region, const void *block)
{
	if (block)
		return region_block(region, block) != REGION_NONE;
	return check_all(region);
}
