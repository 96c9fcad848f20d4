// SPDX-License-Identifier: MIT
/*
 * Sizes of blocks, and changing them.
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
#include "heap/purge.h"
#include "heap/region.h"
#include "heap/report.h"
#include "heap/run.h"
#include "heap/trailer.h"
#include "heap/uservalue.h"

static bool has_trailer(const struct span *span)
{
	return span_is_small(span) && span_shard(span)->heap->trailer;
}

static bool keeps_size(const struct span *span)
{
	return !span_is_small(span) && span_shard(span)->heap->trailer;
}

static size_t checked_trailer(struct heap *heap, const void *p,
			      size_t block_size, const char *call)
{
	size_t size = trailer_get(p, block_size);

	if (size == (size_t)-1 ||
	    (unlikely(heap_fills_tail) && !fill_tail_is_whole(p, size)))
		heap_report(heap, p, block_size - heap->trailer, call,
			    "something was written beyond its end");
	return size;
}

void heap_check_end(const struct span *span, const void *p, const char *call)
{
	if (has_trailer(span))
		checked_trailer(span_shard(span)->heap, p,
				find_block_size(span, p), call);
}

static size_t size_of(struct heap *heap, const struct span *span,
		      const void *p, const char *call)
{
	size_t block_size;

	if (keeps_size(span))
		return span->bytes;
	block_size = find_block_size(span, p);
	return has_trailer(span) ? checked_trailer(heap, p, block_size, call) :
				   block_size;
}

static bool ask_region(struct heap *heap, const void *p, size_t *size)
{
	heap_take(heap);
	*size = heap_region_size(heap->region, p);
	heap_give(heap);
	return *size != (size_t)-1;
}

static bool ask_span(struct heap *heap, const void *p, size_t *size)
{
	const struct span *span = find_span(heap, p);

	if (!span)
		return false;
	if (keeps_size(span)) {
		*size = span->bytes;
		return true;
	}
	*size = find_block_size(span, p);
	if (has_trailer(span))
		*size = trailer_get(p, *size);
	return *size != (size_t)-1;
}

bool heap_ask_size(struct heap *heap, const void *p, size_t *size)
{
	bool found;

	heap_init();
	if (unlikely(heap_guarded) && guarded_ask_size(heap, p, size))
		return true;
	if (heap->region)
		return ask_region(heap, p, size);
	announce_begin();
	found = ask_span(heap, p, size);
	announce_end();
	return found;
}

size_t heap_size(struct heap *heap, const void *p, const char *call)
{
	size_t size;

	heap_init();
	if (unlikely(heap_guarded) && guarded_size(heap, p, &size, call))
		return size;
	if (heap->region) {
		if (!ask_region(heap, p, &size))
			heap_report(heap, p, 0, call, "not a block in use");
		return size;
	}
	announce_begin();
	size = size_of(heap, find_block(heap, p, call), p, call);
	announce_end();
	return size;
}

/* ------------------------------------------------------------- in place --- */

static bool resize_run(struct span *span, size_t size, size_t *zero_from)
{
	struct shard *shard = span_shard(span);
	bool done;

	if (size > RUN_MAX)
		return false;
	shard_lock(shard);
	done = run_resize(shard, span, size, zero_from);
	shard_leave(shard);
	return done;
}

static bool resize_huge(struct span *span, size_t size, size_t *zero_from)
{
	struct heap *heap = span_shard(span)->heap;
	bool done;

	heap_take(heap);
	done = huge_resize(heap, span, size, zero_from);
	heap_give(heap);
	return done;
}

static bool resize_block(const struct span *span, void *p, size_t size,
			 size_t *zero_from)
{
	size_t block_size = find_block_size(span, p);
	size_t trailer = span_shard(span)->heap->trailer;

	if (size > block_size - trailer)
		return false;
	if (trailer) {
		heap_enter(span_shard(span)->heap);
		trailer_set(p, block_size, size);
		if (unlikely(heap_fills_tail))
			fill_set_tail(p, size);
		heap_leave(span_shard(span)->heap);
	}
	*zero_from = size;
	return true;
}

static bool resize_region(struct heap *heap, void *p, size_t size, bool zero,
			  const char *call)
{
	size_t old;
	bool done;

	heap_take(heap);
	old = heap_region_size(heap->region, p);
	if (old == (size_t)-1)
		heap_report(heap, p, 0, call, "not a block in use");
	announce_begin();
	done = !heap_region_resize(heap->region, p, size, zero);
	announce_end();
	if (done && unlikely(heap_announces))
		announce_size(heap, p, old, size, zero);
	heap_give(heap);
	return done;
}

/* What was added reads zero, from where it does not by itself. */
static void clear(void *p, size_t from, size_t to)
{
	if (from >= to)
		return;
	unpoison((char *)p + from, to - from);
	memset((char *)p + from, 0, to - from);
}

static bool resize(struct span *span, void *p, size_t old, size_t size,
		   bool zero)
{
	size_t zero_from;
	bool done;

	announce_begin();
	if (span->kind == SPAN_RUN)
		done = resize_run(span, size, &zero_from);
	else if (span->kind == SPAN_HUGE)
		done = resize_huge(span, size, &zero_from);
	else
		done = resize_block(span, p, size, &zero_from);
	if (done && zero)
		clear(p, old, zero_from < size ? zero_from : size);
	announce_end();
	if (done && unlikely(heap_announces))
		announce_size(span_shard(span)->heap, p, old, size, zero);
	return done;
}

bool heap_resize(struct heap *heap, void *p, size_t size, bool zero,
		 const char *call)
{
	bool done;

	heap_init();
	if (unlikely(heap_guarded) &&
	    guarded_resize(heap, p, size, zero, call, &done))
		return done;
	if (heap->region)
		return resize_region(heap, p, size, zero, call);
	done = resize(find_block(heap, p, call), p, heap_size(heap, p, call),
		      size, zero);
	purge_poll();
	return done;
}

/* ----------------------------------------------------------------- moving --- */

/* Would a block that is kept in place be mostly waste? */
static bool is_waste(const struct span *span, const void *p, size_t size)
{
	size_t block_size = find_block_size(span, p);

	if (span->kind == SPAN_RUN && size >= span->bytes)
		return false;
	return size < block_size / 2 && block_size > 4 * GRAIN;
}

void *heap_realloc(struct heap *heap, void *p, size_t size, bool zero,
		   const char *call)
{
	size_t old = heap_size(heap, p, call);
	void *moved;

	if (unlikely(heap_guarded) && guarded_has(heap, p)) {
		/* It moves, so that the old pointer is of no use any more. */
		if (size == old)
			return p;
	} else if (heap->region) {
		if (heap_resize(heap, p, size, zero, call))
			return p;
	} else {
		struct span *span = find_block(heap, p, call);

		if (!is_waste(span, p, size) &&
		    resize(span, p, old, size, zero))
			return p;
	}
	moved = heap_alloc_with_room(heap, size,
				     size > old ? size * 2 : size);
	if (!moved)
		return size <= old && heap_resize(heap, p, size, false, call) ?
		       p : NULL;
	/* Of malloc's block, what was not asked for, too. */
	unpoison(p, old);
	memcpy(moved, p, old < size ? old : size);
	if (zero)
		clear(moved, old, size);
	user_values_move(heap, p, moved);
	heap_free(heap, p, call);
	return moved;
}
