// SPDX-License-Identifier: MIT
/*
 * Allocation: which kind of block, and the ways to one from the quickest on.
 */
#include <string.h>

#include "heap/announce.h"
#include "heap/fast.h"
#include "heap/fill.h"
#include "heap/guarded.h"
#include "heap/heap.h"
#include "heap/heaps.h"
#include "heap/huge.h"
#include "heap/region.h"
#include "heap/report.h"
#include "heap/run.h"
#include "heap/trailer.h"

/*
 * A block says how large it is before anybody can look at the heap: so this is
 * called inside, or under the lock.
 */
static void *sign(const struct heap *heap, void *p, unsigned int class,
		  size_t size)
{
	if (p && heap->trailer)
		trailer_set(p, class_size(class), size);
	if (p && unlikely(heap_fills_tail))
		fill_set_tail(p, size);
	return p;
}

static void *pop(const struct heap *heap, struct blocks *list)
{
	void *p = shard_pop(list);

	if (unlikely(heap_fills_free) && !fill_freed_is_whole(p, list->size))
		heap_report(heap, p, list->size - heap->trailer,
			    heap == &heap_malloc ? "malloc" : "HeapAlloc",
			    "something was written to it after it was freed");
	return p;
}

/* Nobody was told of the block yet. */
static void *clear(void *p, size_t size)
{
	unpoison(p, size);
	return memset(p, 0, size);
}

static void *alloc_block_locked(struct heap *heap, unsigned int class,
				size_t size)
{
	struct shard *shard = shard_enter(heap);
	struct blocks *list;
	void *p = NULL;

	if (!shard)
		return NULL;
	list = shard->current[current_of(class_size(class))];
	if (!list->free)
		list = shard_refill(shard, class);
	if (list)
		p = list->free ? pop(heap, list) : shard_bump(shard, list);
	sign(heap, p, class, size);
	shard_leave(shard);
	return p;
}

static void *alloc_block(struct heap *heap, size_t size)
{
	unsigned int class = class_of(size + heap->trailer);
	struct blocks *list;
	struct shard *shard;
	void *p;

	inside_begin();
	shard = heap_view(heap->index);
	list = shard->current[current_of(class_size(class))];
	p = fast_pop(list);
	if (!p)
		p = shard_bump(shard, list);
	sign(heap, p, class, size);
	inside_end();
	return likely(p) ? p : alloc_block_locked(heap, class, size);
}

static void *alloc_run(struct heap *heap, size_t size, bool zero)
{
	struct shard *shard;
	struct span *span;

	inside_begin();
	span = run_pop(heap_view(heap->index), size);
	inside_end();
	if (!span) {
		shard = shard_enter(heap);
		if (!shard)
			return NULL;
		span = run_alloc(shard, size);
		shard_leave(shard);
	}
	if (!span)
		return NULL;
	if (zero && !span->zero)
		clear(span_base(span), size);
	span->zero = false;
	return span_base(span);
}

static void *alloc_roomy_run(struct heap *heap, size_t size, size_t room)
{
	struct shard *shard = shard_enter(heap);
	struct span *span;

	if (!shard)
		return NULL;
	span = run_alloc_roomy(shard, room);
	if (!span)
		span = run_alloc(shard, size);
	if (span) {
		span->bytes = size;
		span->zero = false;
	}
	shard_leave(shard);
	return span ? span_base(span) : NULL;
}

static void *alloc_huge(struct heap *heap, size_t size, size_t align,
			size_t room, bool zero)
{
	struct span *span;

	heap_take(heap);
	span = huge_alloc(heap, size, align, room);
	heap_give(heap);
	if (!span)
		return NULL;
	if (zero && !span->zero)
		clear(span_base(span), size);
	return span_base(span);
}

static void *alloc_region(struct heap *heap, size_t size, size_t align,
			  bool zero)
{
	void *p;

	heap_take(heap);
	p = heap_region_alloc(heap->region, size, align, zero);
	heap_give(heap);
	return p;
}

static void *clear_if(bool zero, void *p, size_t size)
{
	if (p && !zero && unlikely(heap_fills_free))
		fill_new(p, size);
	return p && zero ? clear(p, size) : p;
}

/* A guarded block; or the end of it, where no ordinary one may do instead. */
static bool alloc_guarded(struct heap *heap, size_t size, size_t align,
			  bool zero, void **p)
{
	*p = guarded_alloc(heap, size, align, zero);
	return *p || heap->region;
}

static void *alloc_plain(struct heap *heap, size_t size, bool zero)
{
	size_t need = size + heap->trailer;

	if (unlikely(heap->region))
		return alloc_region(heap, size, GRAIN, zero);
	if (size > RUN_MAX)
		return alloc_huge(heap, size, 0, 0, zero);
	if (need > CLASS_MAX)
		return alloc_run(heap, size, zero);
	return clear_if(zero, alloc_block(heap, size), size);
}

/* The end of what began with announce_begin(). */
static void *announced(struct heap *heap, void *p, size_t size, bool zero)
{
	announce_end();
	if (unlikely(heap_announces))
		announce_block(heap, p, size, zero);
	return p;
}

void *heap_alloc(struct heap *heap, size_t size, bool zero)
{
	void *p;

	heap_init();
	if (unlikely(heap_guarded) &&
	    alloc_guarded(heap, size, GRAIN, zero, &p))
		return p;
	announce_begin();
	p = alloc_plain(heap, size, zero);
	return announced(heap, p, size, zero);
}

void *heap_alloc_with_room(struct heap *heap, size_t size, size_t room)
{
	void *p;

	if (heap->region || heap_guarded || size <= GROWN_MAX || room <= size)
		return heap_alloc(heap, size, false);
	announce_begin();
	/* What is behind in a run and not touched costs next to nothing. */
	if (size > RUN_MAX)
		p = alloc_huge(heap, size, 0, room, false);
	else
		p = alloc_roomy_run(heap, size,
				    room < RUN_MAX ? room : RUN_MAX);
	return announced(heap, p, size, false);
}

/* ---------------------------------------------------------------- aligned --- */

/* The smallest class of blocks that are all aligned so. */
static unsigned int aligned_class(size_t size, size_t align)
{
	unsigned int class = class_of(size);

	while (class < CLASSES && class_size(class) % align)
		class++;
	return class;
}

static void *alloc_aligned_block(struct heap *heap, unsigned int class,
				 size_t size)
{
	struct shard *shard = shard_enter(heap);
	void *p;

	if (!shard)
		return NULL;
	p = sign(heap, shard_alloc_aligned(shard, class), class, size);
	shard_leave(shard);
	return p;
}

static void *alloc_aligned_plain(struct heap *heap, size_t size, size_t align,
				 bool zero)
{
	size_t need = size + heap->trailer;
	unsigned int class;

	if (heap->region)
		return alloc_region(heap, size, align, zero);
	if (size > RUN_MAX || align > SLICE)
		return alloc_huge(heap, size ? size : 1, align, 0, zero);
	class = need <= CLASS_MAX ? aligned_class(need, align) : CLASSES;
	if (class == CLASSES)
		return alloc_run(heap, size ? size : 1, zero);
	return clear_if(zero, alloc_aligned_block(heap, class, size), size);
}

void *heap_alloc_aligned(struct heap *heap, size_t size, size_t align,
			 bool zero)
{
	void *p;

	if (align <= GRAIN)
		return heap_alloc(heap, size, zero);
	heap_init();
	if (unlikely(heap_guarded) &&
	    alloc_guarded(heap, size, align, zero, &p))
		return p;
	announce_begin();
	p = alloc_aligned_plain(heap, size, align, zero);
	return announced(heap, p, size, zero);
}
