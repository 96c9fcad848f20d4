/* SPDX-License-Identifier: MIT */
/*
 * How HeapSize() is exact: in the last four bytes of a block of a class, how much
 * of it was not asked for, twice and encoded. What was written beyond the
 * block's end is noticed by it, and so is a pointer to where no block begins.
 */
#ifndef HEAP_TRAILER_H
#define HEAP_TRAILER_H

#include <string.h>

#include "heap/block.h"

#define TRAILER		4

static inline uint32_t trailer_key(void)
{
	return heap_key >> 8;
}

static inline HEAP_PEEKS void trailer_set(void *block, size_t block_size,
					  size_t size)
{
	uint32_t slack = (uint32_t)(block_size - size) * 0x10001;

	slack ^= trailer_key();
	memcpy((char *)block + block_size - TRAILER, &slack, TRAILER);
}

/* The size that was asked for, or -1 when it was overwritten. */
static inline HEAP_PEEKS size_t trailer_get(const void *block,
					    size_t block_size)
{
	uint32_t slack;

	memcpy(&slack, (const char *)block + block_size - TRAILER, TRAILER);
	slack ^= trailer_key();
	if (__builtin_expect(slack >> 16 != (slack & 0xffff), 0))
		return (size_t)-1;
	slack >>= 16;
	return slack <= block_size ? block_size - slack : (size_t)-1;
}

static inline bool trailer_is_whole(const void *block, size_t block_size)
{
	return trailer_get(block, block_size) != (size_t)-1;
}

#endif
