/* SPDX-License-Identifier: MIT */
/*
 * What the files of a region share. See region.h.
 */
#ifndef NTMEM_HEAP_REGION_INTERNAL_H
#define NTMEM_HEAP_REGION_INTERNAL_H

#include "heap/region.h"
#include "heap/region_map.h"
#include "heap/region_pages.h"

#define GRANULES_PER_PAGE	(REGION_PAGE / HEAP_REGION_GRANULE)

/*
 * How much stays committed though it is free: see region_trim.c. In bytes.
 */
struct region_warmth {
	size_t initial;		/* what it was created with */
	size_t earned;		/* beyond what every region keeps */
	size_t cold;		/* decommitted, and not committed again */
	size_t look_at;		/* when so much is free, look what can go */
};

/* It begins the mapping that holds its map and the bits of its pages. */
struct heap_region {
	char *base;
	size_t size;
	size_t mapped;		/* of that mapping, without its guards */
	size_t allocated;	/* bytes as asked for */
	size_t busy;		/* granules of blocks */
	struct region_map map;
	struct region_pages pages;
	struct region_warmth warmth;
};

/* Where a pointer points, as a granule; REGION_NONE where no block can be. */
static inline uint64_t region_granule(const struct heap_region *region,
				      const void *p)
{
	size_t offset = (uintptr_t)p - (uintptr_t)region->base;

	if (offset >= region->size || offset % HEAP_REGION_GRANULE)
		return REGION_NONE;
	return offset / HEAP_REGION_GRANULE;
}

/* The block that begins there, as a granule; else REGION_NONE. */
static inline uint64_t region_block(const struct heap_region *region,
				    const void *p)
{
	uint64_t at = region_granule(region, p);
	enum region_kind kind;

	if (at == REGION_NONE)
		return REGION_NONE;
	kind = region_map_kind(&region->map, at);
	return kind == REGION_BLOCK || kind == REGION_EMPTY ? at : REGION_NONE;
}

/* Of a block: the bytes that were asked for. */
static inline size_t region_block_size(const struct heap_region *region,
				       uint64_t at)
{
	if (region_map_kind(&region->map, at) == REGION_EMPTY)
		return 0;
	return region_map_length(&region->map, at) * HEAP_REGION_GRANULE -
	       region_map_slack(&region->map, at);
}

/* The pages that granules lie in, and the end of them. */
static inline uint64_t region_page(uint64_t granule)
{
	return granule / GRANULES_PER_PAGE;
}

static inline uint64_t region_page_end(uint64_t granule)
{
	return (granule + GRANULES_PER_PAGE - 1) / GRANULES_PER_PAGE;
}

/* Commits what [from, to) needs, and some more: granules. 0 or -errno. */
int region_commit(struct heap_region *region, uint64_t from, uint64_t to);

/* Gives back pages if there are too many that are free. */
void region_cool(struct heap_region *region);

#endif
