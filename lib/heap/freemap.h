/* SPDX-License-Identifier: MIT */
/*
 * Which blocks of a span are free: a bit for each, computed from the lists. Of
 * a mixed slice a bit for each 16 bytes. With the heap closed.
 */
#ifndef HEAP_FREEMAP_H
#define HEAP_FREEMAP_H

#include "heap/types.h"

#define FREEMAP_BITS	(SLICE / GRAIN)

struct freemap {
	uint32_t slice;			/* of the span it is about; 0: none */
	uint64_t bits[FREEMAP_BITS / 64];
};

/* False when a list leads to what is no block, or twice to the same one. */
bool freemap_make(struct freemap *map, struct span *span);

static inline bool freemap_has(const struct freemap *map, uint32_t i)
{
	return map->bits[i / 64] >> i % 64 & 1;
}

#endif
