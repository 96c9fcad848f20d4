// SPDX-License-Identifier: MIT
/*
 * Telling valgrind of heaps and blocks. See announce.h.
 */
#include "heap/announce.h"

bool heap_announces;

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>

#include "heap/find.h"

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

void announce_heap(const struct heap *heap)
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

/* What the block has, with what was not asked for. */
static size_t room_of(const struct heap *heap, const void *p, size_t size)
{
	const struct span *span = heap->region ? NULL : find_span(heap, p);

	return span ? find_block_size(span, p) :
		      (size + GRAIN - 1) & ~(size_t)(GRAIN - 1);
}

void announce_block(const struct heap *heap, void *p, size_t size, bool zero)
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

void announce_size(const struct heap *heap, void *p, size_t old, size_t size,
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

void announce_heap(const struct heap *heap)
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

void announce_block(const struct heap *heap, void *p, size_t size, bool zero)
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

void announce_size(const struct heap *heap, void *p, size_t old, size_t size,
		   bool zero)
{
	(void)heap;
	(void)p;
	(void)old;
	(void)size;
	(void)zero;
}

#endif
