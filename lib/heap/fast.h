/* SPDX-License-Identifier: MIT */
/*
 * The fast paths: what most calls do, and nothing else. Each returns NULL or
 * false where there is more to it, and has changed nothing then.
 */
#ifndef HEAP_FAST_H
#define HEAP_FAST_H

#include "heap/mixed.h"
#include "heap/run.h"
#include "heap/trailer.h"

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

#ifdef __SANITIZE_THREAD__
#define OWNER(span)	__atomic_load_n(&(span)->owner, __ATOMIC_RELAXED)
#else
/* An atomic load would not be folded into the comparison. */
#define OWNER(span)	((span)->owner)
#endif

static inline void *fast_pop(struct blocks *list)
{
	struct block *block = list->free;

	if (unlikely(!block))
		return NULL;
	list->free = block_next(block);
	list->used++;
	block_set_freed_to(block, NULL);
	return block;
}

/* What became of a push. */
enum fast_push {
	PUSH_MISSED,		/* nothing */
	PUSH_DONE,
	PUSH_LOW,		/* done; now shard_span_low() is due */
};

/*
 * A block that has the shard's address in it may be free already: then the
 * slow path looks.
 */
static inline enum fast_push fast_push(struct shard *shard, struct span *span,
				       void *p)
{
	struct block *block = p;

	if (unlikely(OWNER(span) != (uintptr_t)shard))
		return PUSH_MISSED;
	if (unlikely(block_freed_to(block) == shard))
		return PUSH_MISSED;
	block_link(block, span->list.free);
	block_set_freed_to(block, shard);
	span->list.free = block;
	if (unlikely(!--span->list.used))
		return PUSH_LOW;
	return PUSH_DONE;
}

/* The same for a block of a mixed slice, which is never low. */
static inline enum fast_push fast_push_mixed(struct shard *shard,
					     struct span *span, void *p)
{
	struct block *block = p;
	struct blocks *list;
	uint8_t tag;

	if (OWNER(span) != ((uintptr_t)shard | OWNER_MIXED) ||
	    (uintptr_t)p % GRAIN || block_freed_to(block) == shard)
		return PUSH_MISSED;
	tag = span->tags[((uintptr_t)p & (SLICE - 1)) / GRAIN];
	if (unlikely(!tag))
		return PUSH_MISSED;
	list = &shard->mixed[tag - 1];
	if (unlikely(list->used >= MIXED_HOT) ||
	    (shard->heap->trailer && !trailer_is_whole(p, list->size)))
		return PUSH_MISSED;
	block_set_freed_to(block, shard);
	block_link(block, list->free);
	list->free = block;
	return PUSH_DONE;
}

/* A block above STEP_MAX, up to RUN_MAX. */
static inline void *fast_pop_larger(struct shard *shard, size_t size)
{
	if (size <= CLASS_MAX)
		return fast_pop(shard->current[STEPS + class_of(size) -
					       STEP_CLASSES]);
	return run_pop_base(shard, size);
}

/*
 * What fast_push() misses of malloc's heap, which has no mixed slices: runs, and
 * blocks in the further slices of a span. *span becomes the block's.
 */
static inline enum fast_push fast_push_larger(struct shard *shard,
					      struct span **span, void *p)
{
	if (OWNER(*span) == ((uintptr_t)shard | OWNER_RUN))
		return run_push(shard, *span, p) ? PUSH_DONE : PUSH_MISSED;
	if ((*span)->kind != SPAN_TAIL)
		return PUSH_MISSED;
	*span -= (*span)->slices;
	return fast_push(shard, *span, p);
}

#endif
