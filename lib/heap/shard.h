/* SPDX-License-Identifier: MIT */
/*
 * Shards: what one thread has of one heap, and the slow path of its calls. All
 * but the first four functions here are called with the shard's lock held, by
 * its thread or with the shard revoked.
 */
#ifndef HEAP_SHARD_H
#define HEAP_SHARD_H

#include "heap/span.h"
#include "heap/thread.h"

/* A shard without anything. The memory is zero, or that of a shard before. */
void shard_init(struct shard *shard, struct heap *heap);

/*
 * The calling thread's shard of a heap, locked; made where there is none. NULL
 * without memory. Waits while another thread has the heap for itself alone.
 */
struct shard *shard_enter(struct heap *heap);
void shard_leave(struct shard *shard);

/* Locks any shard; the same. */
void shard_lock(struct shard *shard);

/* What a pop finds at a current_of() index. */
void *shard_pop(struct blocks *list);

/* A list of a class with a free block, or without memory NULL. */
struct blocks *shard_refill(struct shard *shard, unsigned int class);

/* A class gets a span to pop from, if that can be. */
void shard_use_span(struct shard *shard, unsigned int class);

/* A block whose address is a multiple of align, as the class's size is. */
void *shard_alloc_aligned(struct shard *shard, unsigned int class);

/* A block of the shard's own comes back. */
void shard_push(struct shard *shard, struct span *span, void *p);

/* A listed span has fewer blocks in use than was waited for. */
void shard_span_low(struct shard *shard, struct span *span);

/* Takes in what other threads have freed. */
void shard_collect(struct shard *shard);

/*
 * Gives back pages that were too many, and wanted by nobody, since the last call;
 * after some, false: there are more.
 */
bool shard_purge(struct shard *shard);

/* Takes in what others freed to a shard without a thread, and keeps none of it. */
void shard_collect_unowned(struct shard *shard);

/* Gives everything back that no block needs, and no next block either. */
void shard_release_free(struct shard *shard);

/* The list of all that a shard has. */
void shard_link(struct shard *shard, struct span *span);
void shard_unlink(struct shard *shard, struct span *span);

/* Slices for a span or run, from the cache or the store: SPAN_NONE, linked. */
struct span *shard_take_slices(struct shard *shard, uint32_t slices);
/* Slices that hold nothing any more go to the cache. */
void shard_cache_slices(struct shard *shard, struct span *span);

static inline bool shard_is_mixed(const struct shard *shard,
				  const struct blocks *list)
{
	return list >= shard->mixed && list < shard->mixed + MIXED_CLASSES;
}

/* Is a span the one to pop from? */
static inline bool shard_is_current(const struct shard *shard,
				    const struct span *span)
{
	return shard->current[current_of(span->list.size)] == &span->list;
}

/* A block from the untouched rest of the mixed slice, NULL at its end. Owner. */
static inline void *shard_bump(struct shard *shard, struct blocks *list)
{
	char *p = shard->bump;

	if (!shard_is_mixed(shard, list) || list->free ||
	    (size_t)(shard->bump_end - p) < list->size)
		return NULL;
	shard->tags[((uintptr_t)p & (SLICE - 1)) / GRAIN] =
		list - shard->mixed + 1;
	shard->bump = p + list->size;
	return p;
}

#endif
