/* SPDX-License-Identifier: MIT */
/*
 * What valgrind is told of the heap: a pool for each heap, its blocks, and that
 * the heap itself may look at what no block has. All calls take the slow
 * paths then. Where the library was built without valgrind's header nothing
 * is told. A build for the address sanitizer tells that one instead, always: see
 * poison.h.
 */
#ifndef HEAP_ANNOUNCE_H
#define HEAP_ANNOUNCE_H

#include "heap/heap.h"

/* Is there somebody to tell? Fixed once the heaps are usable. */
extern HEAP_HIDDEN bool heap_announces;

/* Before the first block is made. */
void announce_init(void);

void announce_heap(struct heap *heap);
void announce_no_heap(const struct heap *heap);

/* The heap's own accesses stand between these two, which may be nested. */
void announce_enter(void);
void announce_leave(void);

/* p may be NULL. */
void announce_block(struct heap *heap, void *p, size_t size, bool zero);
void announce_no_block(const struct heap *heap, void *p);
void announce_size(struct heap *heap, void *p, size_t old, size_t size,
		   bool zero);

static inline void announce_begin(void)
{
	if (__builtin_expect(heap_announces, 0))
		announce_enter();
}

static inline void announce_end(void)
{
	if (__builtin_expect(heap_announces, 0))
		announce_leave();
}

#endif
