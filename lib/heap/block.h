/* SPDX-License-Identifier: MIT */
/*
 * Free blocks: their links, which are encoded with a number that is drawn
 * anew for each process, so that what a stray write leaves there is noticed or
 * leads nowhere, and cannot be made to lead where somebody wants.
 */
#ifndef HEAP_BLOCK_H
#define HEAP_BLOCK_H

#include "heap/poison.h"
#include "heap/types.h"

extern HEAP_HIDDEN uintptr_t heap_key;

static inline HEAP_PEEKS struct block *block_next(const struct block *block)
{
	return (struct block *)(block->next ^ heap_key);
}

static inline HEAP_PEEKS void block_link(struct block *block,
					 const struct block *next)
{
	block->next = (uintptr_t)next ^ heap_key;
}

/* The shard that it was freed to, where it is a free one. */
static inline HEAP_PEEKS struct shard *block_freed_to(const struct block *block)
{
	return block->freed_to;
}

static inline HEAP_PEEKS void block_set_freed_to(struct block *block,
						 struct shard *shard)
{
	block->freed_to = shard;
}

/* What others freed to a span or shard, newest first; empties it. */
static inline struct block *blocks_take_remote(uintptr_t *remote)
{
	return (struct block *)__atomic_exchange_n(remote, 0,
						   __ATOMIC_ACQ_REL);
}

#endif
