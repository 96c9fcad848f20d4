// SPDX-License-Identifier: MIT
/*
 * Telling valgrind, or the address sanitizer, of heaps and blocks. See
 * announce.h.
 */
#include "heap/announce.h"
#include "heap/find.h"
#include "heap/poison.h"
#include "heap/region.h"

bool heap_announces;

/* What the block has, with what was not asked for. */
__attribute__((unused))
static size_t room_of(const struct heap *heap, const void *p, size_t size)
{
	const struct span *span = heap->region ? NULL : find_span(heap, p);

	return span ? find_block_size(span, p) :
		      (size + GRAIN - 1) & ~(size_t)(GRAIN - 1);
}

#ifdef HEAP_POISONS

void announce_init(void)
{
	heap_announces = true;
}

void announce_heap(struct heap *heap)
{
	heap->announced = 0;
}

/* The store knows of what spans have. */
void announce_no_heap(const struct heap *heap)
{
	if (heap->region)
		unpoison(heap_region_base(heap->region), heap->announced);
}

void announce_enter(void)
{
}

void announce_leave(void)
{
}

static void note_end(struct heap *heap, const char *end)
{
	size_t bytes = end - heap_region_base(heap->region);

	if (bytes > heap->announced)
		heap->announced = bytes;
}

void announce_block(struct heap *heap, void *p, size_t size, bool zero)
{
	size_t room;

	(void)zero;
	if (!p)
		return;
	room = room_of(heap, p, size);
	if (heap->region)
		note_end(heap, (char *)p + room);
	/* Much memory is either new, or comes from the cache. */
	if (size > RUN_MAX)
		unpoison_all(p, size);
	else
		unpoison(p, size);
	poison((char *)p + size, room - size);
}

/* Of what is huge nothing is known any more, or the cache does it. */
void announce_no_block(const struct heap *heap, void *p)
{
	const struct span *span;
	size_t size;

	if (heap->region) {
		size = heap_region_size(heap->region, p);
		if (size != (size_t)-1)
			poison(p, room_of(heap, p, size));
		return;
	}
	span = find_span(heap, p);
	if (span->kind != SPAN_HUGE)
		poison(p, find_block_size(span, p));
}

void announce_size(struct heap *heap, void *p, size_t old, size_t size,
		   bool zero)
{
	size_t room = room_of(heap, p, size);

	(void)zero;
	if (heap->region)
		note_end(heap, (char *)p + room);
	/* Of malloc's blocks old is the room, which was not all asked for. */
	unpoison(p, size);
	poison((char *)p + size, (room > old ? room : old) - size);
}

#elif __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>

void announce_init(void)
{
	if (!RUNNING_ON_VALGRIND)
		return;
	heap_announces = true;
	/* The one pool of both heaps of the process. */
	announce_heap(&heap_process);
}

static const struct heap *pool_of(const struct heap *heap)
{
	return heap == &heap_malloc ? &heap_process : heap;
}

void announce_heap(struct heap *heap)
{
	VALGRIND_CREATE_MEMPOOL(heap, 0, 0);
}

void announce_no_heap(const struct heap *heap)
{
	VALGRIND_DESTROY_MEMPOOL(heap);
}

void announce_enter(void)
{
	VALGRIND_DISABLE_ERROR_REPORTING;
}

void announce_leave(void)
{
	VALGRIND_ENABLE_ERROR_REPORTING;
}

static void show(void *p, size_t size, bool zero)
{
	if (zero)
		VALGRIND_MAKE_MEM_DEFINED(p, size);
	else
		VALGRIND_MAKE_MEM_UNDEFINED(p, size);
}

void announce_block(struct heap *heap, void *p, size_t size, bool zero)
{
	if (!p)
		return;
	VALGRIND_MEMPOOL_ALLOC(pool_of(heap), p, size);
	show(p, size, zero);
	VALGRIND_MAKE_MEM_NOACCESS((char *)p + size,
				   room_of(heap, p, size) - size);
}

void announce_no_block(const struct heap *heap, void *p)
{
	VALGRIND_MEMPOOL_FREE(pool_of(heap), p);
}

void announce_size(struct heap *heap, void *p, size_t old, size_t size,
		   bool zero)
{
	VALGRIND_MEMPOOL_CHANGE(pool_of(heap), p, p, size);
	if (size > old)
		show((char *)p + old, size - old, zero);
	else
		VALGRIND_MAKE_MEM_NOACCESS((char *)p + size, old - size);
}

#else

void announce_init(void)
{
}

void announce_heap(struct heap *heap)
{
	(void)heap;
}

void announce_no_heap(const struct heap *heap)
{
	(void)heap;
}

void announce_enter(void)
{
}

void announce_leave(void)
{
}

void announce_block(struct heap *heap, void *p, size_t size, bool zero)
{
	(void)heap;
	(void)p;
	(void)size;
	(void)zero;
}

void announce_no_block(const struct heap *heap, void *p)
{
	(void)heap;
	(void)p;
}

void announce_size(struct heap *heap, void *p, size_t old, size_t size,
		   bool zero)
{
	(void)heap;
	(void)p;
	(void)old;
	(void)size;
	(void)zero;
}

#endif
