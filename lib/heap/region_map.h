/* SPDX-License-Identifier: MIT */
/*
 * What lies where in a region: blocks and free extents, which cover it without
 * gaps, and an index of the free ones. It deals in granules, from 0, and knows
 * nothing of memory.
 *
 * A leaf describes 64 granules in a cache line. Two bits for each granule say
 * what begins there. Only the last thing that begins in a leaf can leave it, so
 * one length for each leaf is enough, and one link to what begins before it:
 * neighbours and lengths are found without a search, however far they reach.
 *
 * The index is a tree of maxima: for each leaf the longest free extent that
 * begins in it, for 16 leaves the longest of theirs, and so on.
 */
#ifndef NTMEM_HEAP_REGION_MAP_H
#define NTMEM_HEAP_REGION_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGION_LEAF	64		/* granules of a leaf */
#define REGION_FAN	16		/* children of a node */
#define REGION_LEVELS	10		/* enough for 47 bits of addresses */
#define REGION_NONE	UINT64_MAX	/* no granule */

/* What begins at a granule. */
enum region_kind {
	REGION_INSIDE,		/* nothing: it belongs to what began before */
	REGION_BLOCK,
	REGION_EMPTY,		/* a block of size 0, one granule long */
	REGION_FREE,
};

/*
 * cross and lead mean something only where something begins in the leaf. A
 * leaf in which nothing begins is zero but for them, and may be all zero.
 */
struct region_leaf {
	uint64_t plane[2];	/* the two bits of the kinds */
	uint64_t cross;		/* length of the last thing that begins here */
	uint64_t lead;		/* where that before the first one begins */
	uint8_t slack[REGION_LEAF / 2];	/* bytes at a block's end not used */
};

struct region_map {
	uint64_t granules;
	uint64_t leaves;
	int levels;
	uint64_t width[REGION_LEVELS];	/* nodes, a multiple of the fan */
	uint32_t *level[REGION_LEVELS];	/* [0] has a node for each leaf */
	struct region_leaf *leaf;
};

/* granules: a multiple of those of a leaf. */
size_t region_map_bytes(uint64_t granules);

/* One free extent. memory is zeroed, and aligned to a leaf. */
void region_map_init(struct region_map *map, uint64_t granules, void *memory);

enum region_kind region_map_kind(const struct region_map *map, uint64_t at);

/* Of what begins at this granule: its length, and what comes before it. */
uint64_t region_map_length(const struct region_map *map, uint64_t at);
uint64_t region_map_before(const struct region_map *map, uint64_t at);

unsigned int region_map_slack(const struct region_map *map, uint64_t at);
void region_map_set_slack(struct region_map *map, uint64_t at,
			  unsigned int slack);

/* The first free extent of at least length that begins at or after from. */
uint64_t region_map_first(const struct region_map *map, uint64_t from,
			  uint64_t length);

/* The last one that begins at or before from. */
uint64_t region_map_last(const struct region_map *map, uint64_t from,
			 uint64_t length);

/* The free extent that this granule is in. */
uint64_t region_map_covering(const struct region_map *map, uint64_t at);

/* A block of this length, skip granules into the free extent at extent. */
void region_map_take(struct region_map *map, uint64_t extent, uint64_t skip,
		     uint64_t length, enum region_kind kind);

/* Frees a block. Returns the free extent that it is now part of. */
uint64_t region_map_give(struct region_map *map, uint64_t at);

/* How long can this block become? */
uint64_t region_map_room(const struct region_map *map, uint64_t at);

/* Gives a block another length, at most that. */
void region_map_resize(struct region_map *map, uint64_t at, uint64_t length,
		       enum region_kind kind);

/* Gives back what it takes to know that all this is one free extent. */
void region_map_drop(struct region_map *map, uint64_t from, uint64_t to);

/* Are the nodes above this leaf what they have to be? */
bool region_map_indexed(const struct region_map *map, uint64_t leaf);

#endif
