// SPDX-License-Identifier: MIT
/*
 * The map of a region. See region_map.h.
 */
#include <sys/mman.h>

#include "heap/region_map.h"

#define PAGE		4096
#define DROP_LEAST	(16 * PAGE)	/* of leaves, worth a call */

static uint64_t round_up(uint64_t number, uint64_t unit)
{
	return (number + unit - 1) / unit * unit;
}

static struct region_leaf *leaf_of(const struct region_map *map, uint64_t at)
{
	return &map->leaf[at / REGION_LEAF];
}

static uint64_t bits_before(unsigned int bit)
{
	return (1ULL << bit) - 1;
}

static uint64_t bits_after(unsigned int bit)
{
	return ~1ULL << bit;
}

static uint64_t starts(const struct region_leaf *leaf)
{
	return leaf->plane[0] | leaf->plane[1];
}

static uint64_t free_starts(const struct region_leaf *leaf)
{
	return leaf->plane[0] & leaf->plane[1];
}

static uint64_t length_in(const struct region_leaf *leaf, unsigned int bit)
{
	uint64_t later = starts(leaf) & bits_after(bit);

	return later ? (unsigned int)__builtin_ctzll(later) - bit : leaf->cross;
}

/* ------------------------------------------------------------ the index --- */

static uint32_t node_value(uint64_t length)
{
	return length < UINT32_MAX ? length : UINT32_MAX;
}

static uint32_t longest_in_leaf(const struct region_leaf *leaf)
{
	uint64_t left = free_starts(leaf);
	uint64_t longest = 0;

	for (; left; left &= left - 1) {
		uint64_t length = length_in(leaf, __builtin_ctzll(left));

		if (length > longest)
			longest = length;
	}
	return node_value(longest);
}

static uint32_t longest_of_children(const uint32_t *child)
{
	uint32_t longest = 0;

	for (int i = 0; i < REGION_FAN; i++)
		longest = child[i] > longest ? child[i] : longest;
	return longest;
}

/* Brings the index up to date with the leaf of this granule. */
static void index_leaf(struct region_map *map, uint64_t at)
{
	uint64_t i = at / REGION_LEAF;
	uint32_t longest = longest_in_leaf(&map->leaf[i]);
	int level = 0;

	while (map->level[level][i] != longest) {
		map->level[level][i] = longest;
		if (++level == map->levels)
			return;
		i /= REGION_FAN;
		longest = longest_of_children(&map->level[level - 1]
							 [i * REGION_FAN]);
	}
}

bool region_map_indexed(const struct region_map *map, uint64_t leaf)
{
	uint32_t longest = longest_in_leaf(&map->leaf[leaf]);
	int level = 0;

	for (;;) {
		if (map->level[level][leaf] != longest)
			return false;
		if (++level == map->levels)
			return true;
		leaf /= REGION_FAN;
		longest = longest_of_children(&map->level[level - 1]
							 [leaf * REGION_FAN]);
	}
}

/* The first leaf from this one on that has an extent of this length. */
static uint64_t leaf_up(const struct region_map *map, uint64_t i, uint32_t want)
{
	int level = 0;
	uint64_t end;

	for (;;) {
		if (i >= map->width[level])
			return REGION_NONE;
		end = round_up(i + 1, REGION_FAN);
		while (i < end && map->level[level][i] < want)
			i++;
		if (i < end)
			break;
		if (++level == map->levels)
			return REGION_NONE;
		i = end / REGION_FAN;
	}
	while (level--) {
		i *= REGION_FAN;
		while (map->level[level][i] < want)
			i++;
	}
	return i;
}

/* The last one, down from this. */
static uint64_t leaf_down(const struct region_map *map, uint64_t i,
			  uint32_t want)
{
	int level = 0;
	uint64_t begin;

	for (;;) {
		begin = i / REGION_FAN * REGION_FAN;
		while (i > begin && map->level[level][i] < want)
			i--;
		if (map->level[level][i] >= want)
			break;
		if (!begin || ++level == map->levels)
			return REGION_NONE;
		i = begin / REGION_FAN - 1;
	}
	while (level--) {
		i = i * REGION_FAN + REGION_FAN - 1;
		while (map->level[level][i] < want)
			i--;
	}
	return i;
}

uint64_t region_map_first(const struct region_map *map, uint64_t from,
			  uint64_t length)
{
	uint64_t i = from / REGION_LEAF;
	uint64_t among = ~bits_before(from % REGION_LEAF);

	while (i < map->leaves) {
		const struct region_leaf *leaf = &map->leaf[i];
		uint64_t left = free_starts(leaf) & among;

		for (; left; left &= left - 1) {
			unsigned int bit = __builtin_ctzll(left);

			if (length_in(leaf, bit) >= length)
				return i * REGION_LEAF + bit;
		}
		among = ~0ULL;
		i = leaf_up(map, i + 1, node_value(length));
	}
	return REGION_NONE;
}

uint64_t region_map_last(const struct region_map *map, uint64_t from,
			 uint64_t length)
{
	uint64_t i = from / REGION_LEAF;
	uint64_t among = ~bits_after(from % REGION_LEAF);

	while (i < map->leaves) {
		const struct region_leaf *leaf = &map->leaf[i];
		uint64_t left = free_starts(leaf) & among;

		while (left) {
			unsigned int bit = 63 - __builtin_clzll(left);

			if (length_in(leaf, bit) >= length)
				return i * REGION_LEAF + bit;
			left &= bits_before(bit);
		}
		among = ~0ULL;
		i = i ? leaf_down(map, i - 1, node_value(length)) : REGION_NONE;
	}
	return REGION_NONE;
}

/* ------------------------------------------------------ single questions --- */

enum region_kind region_map_kind(const struct region_map *map, uint64_t at)
{
	const struct region_leaf *leaf = leaf_of(map, at);
	unsigned int bit = at % REGION_LEAF;

	return (leaf->plane[0] >> bit & 1) | (leaf->plane[1] >> bit & 1) << 1;
}

uint64_t region_map_length(const struct region_map *map, uint64_t at)
{
	return length_in(leaf_of(map, at), at % REGION_LEAF);
}

uint64_t region_map_before(const struct region_map *map, uint64_t at)
{
	const struct region_leaf *leaf = leaf_of(map, at);
	unsigned int bit = at % REGION_LEAF;
	uint64_t earlier = starts(leaf) & bits_before(bit);

	if (!at)
		return REGION_NONE;
	if (!earlier)
		return leaf->lead;
	return at - bit + 63 - (unsigned int)__builtin_clzll(earlier);
}

unsigned int region_map_slack(const struct region_map *map, uint64_t at)
{
	const struct region_leaf *leaf = leaf_of(map, at);

	return leaf->slack[at % REGION_LEAF / 2] >> at % 2 * 4 & 15;
}

void region_map_set_slack(struct region_map *map, uint64_t at,
			  unsigned int slack)
{
	uint8_t *byte = &leaf_of(map, at)->slack[at % REGION_LEAF / 2];

	*byte = (*byte & ~(15u << at % 2 * 4)) | slack << at % 2 * 4;
}

uint64_t region_map_covering(const struct region_map *map, uint64_t at)
{
	uint64_t extent = region_map_last(map, at, 1);

	if (extent == REGION_NONE ||
	    at - extent >= region_map_length(map, extent))
		return REGION_NONE;
	return extent;
}

static bool is_free(const struct region_map *map, uint64_t at)
{
	return at < map->granules && region_map_kind(map, at) == REGION_FREE;
}

uint64_t region_map_room(const struct region_map *map, uint64_t at)
{
	uint64_t room = region_map_length(map, at);

	if (is_free(map, at + room))
		room += region_map_length(map, at + room);
	return room;
}

/* -------------------------------------------------------------- changes --- */

static void set_kind(struct region_map *map, uint64_t at,
		     enum region_kind kind)
{
	struct region_leaf *leaf = leaf_of(map, at);
	unsigned int bit = at % REGION_LEAF;

	for (int i = 0; i < 2; i++)
		leaf->plane[i] = (leaf->plane[i] & ~(1ULL << bit)) |
				 (uint64_t)(kind >> i & 1) << bit;
}

/*
 * Says what is at [at, at + length). Nothing may begin inside any more, and
 * what follows must have been put before, since both ends are looked at.
 */
static void put(struct region_map *map, uint64_t at, uint64_t length,
		enum region_kind kind)
{
	struct region_leaf *leaf = leaf_of(map, at);
	uint64_t end = at + length;

	set_kind(map, at, kind);
	if (!(starts(leaf) & bits_after(at % REGION_LEAF)))
		leaf->cross = length;
	if (end < map->granules && leaf_of(map, end) != leaf)
		leaf_of(map, end)->lead = at;
}

void region_map_take(struct region_map *map, uint64_t extent, uint64_t skip,
		     uint64_t length, enum region_kind kind)
{
	uint64_t at = extent + skip, end = at + length;
	uint64_t rest = extent + region_map_length(map, extent) - end;

	if (rest)
		put(map, end, rest, REGION_FREE);
	put(map, at, length, kind);
	if (skip)
		put(map, extent, skip, REGION_FREE);
	index_leaf(map, extent);
	if (rest)
		index_leaf(map, end);
}

uint64_t region_map_give(struct region_map *map, uint64_t at)
{
	uint64_t room = region_map_room(map, at);
	uint64_t next = at + region_map_length(map, at);
	uint64_t before = region_map_before(map, at);
	uint64_t extent = at;

	if (next < at + room)
		set_kind(map, next, REGION_INSIDE);
	if (before != REGION_NONE && is_free(map, before)) {
		set_kind(map, at, REGION_INSIDE);
		room += at - before;
		extent = before;
	}
	put(map, extent, room, REGION_FREE);
	if (next < extent + room)
		index_leaf(map, next);
	index_leaf(map, extent);
	return extent;
}

void region_map_resize(struct region_map *map, uint64_t at, uint64_t length,
		       enum region_kind kind)
{
	uint64_t room = region_map_room(map, at);
	uint64_t next = at + region_map_length(map, at);
	uint64_t end = at + length;

	if (next < at + room)
		set_kind(map, next, REGION_INSIDE);
	if (length < room)
		put(map, end, room - length, REGION_FREE);
	put(map, at, length, kind);
	if (next < at + room)
		index_leaf(map, next);
	if (length < room)
		index_leaf(map, end);
}

/* --------------------------------------------------------- its own memory --- */

/* Counts leaves and nodes. */
static void measure(struct region_map *map, uint64_t granules)
{
	uint64_t width = granules / REGION_LEAF;

	map->granules = granules;
	map->leaves = width;
	map->levels = 0;
	do {
		map->width[map->levels++] = round_up(width, REGION_FAN);
		width = (width + REGION_FAN - 1) / REGION_FAN;
	} while (width > 1);
}

size_t region_map_bytes(uint64_t granules)
{
	struct region_map map;
	size_t bytes;

	measure(&map, granules);
	bytes = map.leaves * sizeof(struct region_leaf);
	for (int i = 0; i < map.levels; i++)
		bytes += map.width[i] * sizeof(uint32_t);
	return bytes;
}

/* The top comes first: in a small region it shares a page with what is used. */
void region_map_init(struct region_map *map, uint64_t granules, void *memory)
{
	measure(map, granules);
	for (int i = map->levels - 1; i >= 0; i--) {
		map->level[i] = memory;
		memory = map->level[i] + map->width[i];
	}
	map->leaf = memory;
	put(map, 0, granules, REGION_FREE);
	index_leaf(map, 0);
}

/* The first of the leaves is not of them: the extent may begin there. */
void region_map_drop(struct region_map *map, uint64_t from, uint64_t to)
{
	uint64_t begin = (uintptr_t)&map->leaf[from / REGION_LEAF + 1];
	uint64_t end = (uintptr_t)&map->leaf[to / REGION_LEAF];

	begin = round_up(begin, PAGE);
	end = end / PAGE * PAGE;
	if (begin < end && end - begin >= DROP_LEAST)
		madvise((void *)begin, end - begin, MADV_DONTNEED);
}
