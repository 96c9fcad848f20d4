/* SPDX-License-Identifier: MIT */
/*
 * Patterns in and around blocks, as Windows' global flags have them, when
 * NTMEM_HEAP_CHECK in the environment has the words:
 *
 *	tail	16 bytes of 0xAB behind each block, looked at when it is freed
 *		and by HeapValidate
 *	free	0xFEEEFEEE in free blocks, looked at when they are used again and
 *		by HeapValidate; 0xBAADF00D in new ones
 *	fill	both
 *
 * Blocks above CLASS_MAX and those of heaps of fixed size have none. All calls
 * take the slow paths then.
 */
#ifndef HEAP_FILL_H
#define HEAP_FILL_H

#include "heap/trailer.h"

#define FILL_TAIL	16	/* bytes, between a block and its trailer */

extern HEAP_HIDDEN bool heap_fills_tail, heap_fills_free;

/* Before the first block is made. */
void fill_init(void);

static inline uint32_t fill_trailer(void)
{
	return TRAILER + (heap_fills_tail ? FILL_TAIL : 0);
}

void fill_set_tail(void *p, size_t size);
bool fill_tail_is_whole(const void *p, size_t size);

void fill_new(void *p, size_t size);

/* Of a block with its trailer; its link stays. */
void fill_freed(void *p, size_t block_size);
bool fill_freed_is_whole(const void *p, size_t block_size);

#endif
