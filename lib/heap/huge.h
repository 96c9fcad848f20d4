/* SPDX-License-Identifier: MIT */
/*
 * Huge blocks: reservations of their own. What is behind the block in its
 * reservation is not committed; a block that grows commits it. The heap's lock
 * is held.
 */
#ifndef HEAP_HUGE_H
#define HEAP_HUGE_H

#include "heap/types.h"

/* zero says whether it reads zero. NULL without memory. */
struct span *huge_alloc(struct heap *heap, size_t size, size_t align,
			size_t room);
void huge_free(struct heap *heap, struct span *span);

/* Releases all that is kept of blocks that were freed; false: there is nothing. */
bool huge_trim(void);

/*
 * Gives back all that is free and kept for later, of huge blocks and in the
 * stores, so that what is missing may be found. What the purge is just giving
 * back is waited for: it may be that which is missing. A heap's lock may be held.
 */
void huge_make_way(void);

/* The same for what nobody wanted since the last call; false: nothing is left. */
bool huge_purge(void);

/* In place. What is added reads zero from *zero_from on. */
bool huge_resize(struct heap *heap, struct span *span, size_t size,
		 size_t *zero_from);

/* Bytes that are reserved, that are committed. */
static inline size_t huge_reserved(const struct span *span)
{
	return (size_t)span->prev << PAGE_SHIFT;
}

static inline size_t huge_committed(const struct span *span)
{
	return (size_t)span->next << PAGE_SHIFT;
}

#endif
