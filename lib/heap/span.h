/* SPDX-License-Identifier: MIT */
/*
 * Spans: slices of blocks of equal size. Called under the shard's lock, by its
 * thread or with the shard revoked. Blocks are made page by page, so that what
 * is not wanted stays untouched.
 */
#ifndef HEAP_SPAN_H
#define HEAP_SPAN_H

#include "heap/block.h"
#include "heap/table.h"

static inline struct span *span_of_list(struct blocks *list)
{
	return (struct span *)((char *)list - offsetof(struct span, list));
}

static inline struct shard *span_shard(const struct span *span)
{
	return (struct shard *)(__atomic_load_n(&span->owner,
						__ATOMIC_RELAXED) &
				~OWNER_FLAGS);
}

static inline uint32_t span_slices(unsigned int class)
{
	return class_size(class) > LARGE_BLOCK ? LARGE_SPAN : 1;
}

static inline uint32_t span_capacity(const struct span *span)
{
	return span->slices * SLICE / span->list.size;
}

/* Are its blocks of a class? Else it is one block. */
static inline bool span_is_small(const struct span *span)
{
	return span->kind == SPAN_BLOCKS || span->kind == SPAN_MIXED;
}

/* The descriptor of a block's span, from that of the slice it lies in. */
static inline struct span *span_head(struct span *span)
{
	return span->kind == SPAN_TAIL ? span - span->slices : span;
}

/* The pages without content: bit i of the span's descriptor i / 16. */
static inline bool span_is_dropped(const struct span *span, uint32_t page)
{
	return span[page / SLICE_PAGES].dropped >> page % SLICE_PAGES & 1;
}

/* Makes descriptors of slices just taken those of a span or run. */
void span_describe(struct span *span, struct shard *shard, unsigned int kind,
		   uint32_t slices);

/*
 * More free blocks for a span that has none: new ones, or those of pages that
 * were dropped. False when there are none, or no memory for them.
 */
bool span_refill(struct span *span);

/* Would that, or are there free ones? */
bool span_has_room(const struct span *span);

/* Into and out of a list by next_of_shard, whose first slice is *first. */
void span_link(uint32_t *first, struct span *span);
void span_unlink(uint32_t *first, struct span *span);

/* Is p the address of a block that was made? */
bool span_has_block(const struct span *span, const void *p);

/* Does a block's memory include a page without content? */
bool span_block_dropped(const struct span *span, const void *p);

#endif
