/* SPDX-License-Identifier: MIT */
/*
 * Looking at a heap from outside: all that is in it, in order; whether it is
 * in order; how much it is. Each call closes the heap for as long as it takes.
 */
#ifndef HEAP_WALK_H
#define HEAP_WALK_H

#include "heap/types.h"

enum heap_item_kind {
	ITEM_REGION,		/* its blocks and free memory follow */
	ITEM_BUSY,
	ITEM_FREE,
	ITEM_LARGE,		/* a block in no region; after all regions */
};

struct heap_item {
	char *addr;
	size_t size;		/* of a block, what was asked for */
	size_t overhead;
	enum heap_item_kind kind;
};

/*
 * Steps from one item to the next. Begin with addr NULL; what is read is addr
 * and kind. False at the end, and for an item that is none. All steps
 * together take a time that is linear in the number of blocks, when the heap
 * does not change in between.
 */
bool heap_next(struct heap *heap, struct heap_item *item);

/* Is this a block in use; or with NULL, is all of the heap in order? */
bool heap_validate(struct heap *heap, const void *p);

struct heap_stats {
	size_t allocated;	/* bytes in blocks in use */
	size_t committed;	/* that the heap holds */
	size_t reserved;
	size_t limit;		/* how far that can grow; all ones = no limit */
	size_t largest_free;	/* bytes of the largest free block */
};

/* Takes as long as a walk. */
void heap_get_stats(struct heap *heap, struct heap_stats *stats);

/* Gives back all that no block needs. */
void heap_compact(struct heap *heap);

#endif
