// SPDX-License-Identifier: MIT
/*
 * Freeing: whose block it is, and what becomes of it. Whatever is wrong with a
 * pointer is found here, or later by heap_validate().
 */
#include <string.h>

#include "heap/announce.h"
#include "heap/fast.h"
#include "heap/fill.h"
#include "heap/find.h"
#include "heap/guarded.h"
#include "heap/heap.h"
#include "heap/heaps.h"
#include "heap/huge.h"
#include "heap/mixed.h"
#include "heap/purge.h"
#include "heap/region.h"
#include "heap/report.h"
#include "heap/run.h"
#include "heap/store.h"
#include "heap/uservalue.h"

/* Without a lock, where the block is the calling thread's own. */
static enum fast_push push_inside(struct shard *shard, struct span *span,
				  void *p)
{
	if (span->kind == SPAN_BLOCKS)
		return fast_push(shard, span, p);
	if (span->kind == SPAN_MIXED)
		return fast_push_mixed(shard, span, p);
	return run_push(shard, span, p) ? PUSH_DONE : PUSH_MISSED;
}

void heap_span_low(struct shard *shard, struct span *span)
{
	shard_lock(shard);
	/* The shard may have been revoked, and looked at it meanwhile. */
	if (span->kind == SPAN_BLOCKS && span_shard(span) == shard &&
	    !(span->owner & OWNER_FULL) && !span->list.used)
		shard_span_low(shard, span);
	shard_leave(shard);
	purge_poll();
}

static bool free_own(struct shard *shard, struct span *span, void *p)
{
	enum fast_push pushed = PUSH_MISSED;

	inside_begin();
	if (heap_view(shard->heap->index) == shard)
		pushed = push_inside(shard, span, p);
	inside_end();
	if (unlikely(pushed == PUSH_LOW))
		heap_span_low(shard, span);
	return pushed != PUSH_MISSED;
}

/* ------------------------------------------------------------ other threads --- */

/* Spans that a thread may leave alone that does not allocate. */
#define INCOMING_MANY	24

/* Named only by who makes its list of remote blocks one that is not empty. */
__attribute__((noinline))
static void name_incoming(struct shard *shard, struct span *span)
{
	uint32_t slice = table_slice(span);
	uint32_t first = __atomic_load_n(&shard->incoming, __ATOMIC_RELAXED);

	do {
		span->next_incoming = first;
	} while (!__atomic_compare_exchange_n(&shard->incoming, &first, slice,
					      true, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	if (__atomic_add_fetch(&shard->incoming_count, 1, __ATOMIC_RELAXED) ==
	    INCOMING_MANY)
		purge_heap_later(shard->heap);
}

__attribute__((noinline))
static void collect_shard(struct shard *shard)
{
	shard_lock(shard);
	if (!__atomic_load_n(&shard->thread, __ATOMIC_RELAXED))
		shard_collect_unowned(shard);
	shard_leave(shard);
}

/* Who pushes to a shard without a thread takes it in, too. */
static inline void collect_unowned(struct shard *shard)
{
	if (unlikely(!__atomic_load_n(&shard->thread, __ATOMIC_SEQ_CST)))
		collect_shard(shard);
}

static inline void push_to_others(struct shard *shard, struct span *span,
				  void *p)
{
	struct block *block = p;
	uintptr_t first = __atomic_load_n(&span->remote, __ATOMIC_RELAXED);

	block_set_freed_to(block, shard);
	do {
		block_link(block, (struct block *)first);
	} while (!__atomic_compare_exchange_n(&span->remote, &first,
					      (uintptr_t)block, true,
					      __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	if (unlikely(!first))
		name_incoming(shard, span);
}

static void push_remote(struct shard *shard, struct span *span, void *p)
{
	struct heap *heap = shard->heap;

	heap_enter(heap);
	if (unlikely(heap_fills_free))
		fill_freed(p, find_block_size(span, p));
	push_to_others(shard, span, p);
	heap_leave(heap);
	collect_unowned(shard);
}

/* Inside. The shard that it was pushed to, or NULL. */
static inline struct shard *push_others_inside(const struct heap *heap,
					       struct span *span, void *p)
{
	uintptr_t owner = OWNER(span);
	struct shard *shard = (struct shard *)(owner & ~OWNER_FLAGS);

	if (!owner || span->kind != SPAN_BLOCKS || shard->heap != heap ||
	    __atomic_load_n(&heap->only, __ATOMIC_ACQUIRE) ||
	    block_freed_to(p) == shard ||
	    shard_is_mine(shard))
		return NULL;
	push_to_others(shard, span, p);
	return shard;
}

bool heap_free_to_others(const struct heap *heap, struct span *span, void *p)
{
	struct shard *shard;

	if (!thread_self.listed || thread_self.ended || heap->slow)
		return false;
	inside_begin();
	shard = push_others_inside(heap, span, p);
	inside_end();
	/* The span may be another one's by now. */
	if (shard)
		collect_unowned(shard);
	purge_poll();
	return shard;
}

/* -------------------------------------------------------------- the rest --- */

static void free_run(struct shard *shard, struct span *span)
{
	shard_lock(shard);
	if (shard_is_mine(shard))
		shard_cache_slices(shard, span);
	else
		run_free_foreign(shard, span);
	shard_leave(shard);
}

static void free_huge(struct heap *heap, struct span *span)
{
	heap_take(heap);
	huge_free(heap, span);
	heap_give(heap);
}

/* The shard is the calling thread's, or has none; what is pushed is checked. */
static void free_locked(struct shard *shard, struct span *span, void *p)
{
	shard_lock(shard);
	if (unlikely(heap_fills_free))
		fill_freed(p, find_block_size(span, p));
	shard_push(shard, span, p);
	shard_leave(shard);
}

/* What can be told of a block that is not in a cache of runs. */
static void check_block(struct shard *shard, struct span *span, void *p,
			const char *call)
{
	const struct block *block = p;

	if (!span_is_small(span))
		return;
	if (block_freed_to(block) == shard && find_is_free(shard, span, p))
		heap_report(shard->heap, p, find_block_size(span, p), call,
			    "the block is free already");
	heap_check_end(span, p, call);
}

static void free_block(struct shard *shard, struct span *span, void *p)
{
	if (shard_is_mine(shard))
		free_locked(shard, span, p);
	else
		push_remote(shard, span, p);
}

static void free_region(struct heap *heap, void *p, const char *call)
{
	int error;

	heap_take(heap);
	user_values_remove(heap, p);
	if (unlikely(heap_announces))
		announce_no_block(heap, p);
	error = heap_region_free(heap->region, p);
	heap_give(heap);
	if (error)
		heap_report(heap, p, 0, call, "not a block in use");
}

static void free_any(struct heap *heap, void *p, const char *call)
{
	struct shard *shard;
	struct span *span;

	if (unlikely(heap->region)) {
		free_region(heap, p, call);
		return;
	}
	span = find_block(heap, p, call);
	shard = span_shard(span);
	check_block(shard, span, p, call);
	user_values_remove(shard->heap, p);
	if (unlikely(heap_announces))
		announce_no_block(heap, p);
	if (span->kind == SPAN_HUGE)
		free_huge(shard->heap, span);
	else if (free_own(shard, span, p))
		return;
	else if (span->kind == SPAN_RUN)
		free_run(shard, span);
	else
		free_block(shard, span, p);
}

void heap_free(struct heap *heap, void *p, const char *call)
{
	heap_init();
	if (unlikely(heap_guarded) && guarded_free(heap, p, call))
		return;
	announce_begin();
	free_any(heap, p, call);
	announce_end();
	purge_poll();
}
