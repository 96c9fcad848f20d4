/* SPDX-License-Identifier: MIT */
/*
 * Runs: blocks of whole slices, up to 4 MiB. Free ones stay with the shard, by
 * their length and up to a total, so that a large block, too, costs neither a
 * lock nor a system call.
 */
#ifndef HEAP_RUN_H
#define HEAP_RUN_H

#include "heap/shard.h"

static inline uint32_t run_slices(size_t size)
{
	return (size + SLICE - 1) >> SLICE_SHIFT;
}

/* From the shard's cache, or NULL. Inside, or under the shard's lock. */
static inline struct span *run_pop(struct shard *shard, size_t size)
{
	uint32_t slices = run_slices(size);
	uint32_t slice = shard->runs[slices];
	struct span *span;

	if (!slice)
		return NULL;
	span = table_span(slice);
	shard->runs[slices] = span->next;
	shard->cache_room += slices;
	span->kind = SPAN_RUN;
	span->bytes = size;
	return span;
}

static inline void *run_pop_base(struct shard *shard, size_t size)
{
	uint32_t slice = shard->runs[run_slices(size)];

	return run_pop(shard, size) ? slice_base(slice) : NULL;
}

/*
 * Into the cache of its own shard, where p is a block and the cache may have
 * it. The same.
 */
static inline bool run_push(struct shard *shard, struct span *span, void *p)
{
	uint32_t slices = span->slices;

	if (span->kind != SPAN_RUN || (uintptr_t)p % SLICE ||
	    (int32_t)slices > shard->cache_room)
		return false;
	span->kind = SPAN_RUN_FREE;
	span->next = shard->runs[slices];
	shard->runs[slices] = slice_of(p);
	shard->cache_room -= slices;
	return true;
}

/* Under the shard's lock; NULL without memory. */
struct span *run_alloc(struct shard *shard, size_t size);

/* The same for a block that will grow: all the room that a free run has. */
struct span *run_alloc_roomy(struct shard *shard, size_t size);

/* A run of a shard that is not the calling thread's, whose lock is held. */
void run_free_foreign(struct shard *shard, struct span *span);

/*
 * Makes a run longer or shorter in place, where the slices behind allow it. The
 * shard's lock is held, by whatever thread. *zero_from: what begins there in
 * the block reads zero.
 */
bool run_resize(struct shard *shard, struct span *span, size_t size,
		size_t *zero_from);

#endif
