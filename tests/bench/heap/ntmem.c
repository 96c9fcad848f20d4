// SPDX-License-Identifier: MIT
/*
 * Ours: serialized, as HeapCreate makes them when no flag says otherwise, and
 * without. Until the library has heaps there is nothing to measure.
 */
#include "heap.h"

#if __has_include(<heapapi.h>)

#include <windows.h>

static bool is_there(void)
{
	return true;
}

static void *alloc(void *heap, size_t size)
{
	return HeapAlloc(heap, 0, size);
}

static void *create(DWORD flags)
{
	HANDLE heap = HeapCreate(flags, 0, 0);

	if (!heap)
		abort();
	return heap;
}

static void *leave(const unsigned short *sizes, unsigned int count)
{
	void *heap = create(0);

	fill(heap, alloc, sizes, count);
	return heap;
}

static void live(const unsigned short *sizes, unsigned int count)
{
	HeapDestroy(leave(sizes, count));
}

static void *leave_unlocked(const unsigned short *sizes, unsigned int count)
{
	void *heap = create(HEAP_NO_SERIALIZE);

	fill(heap, alloc, sizes, count);
	return heap;
}

static void live_unlocked(const unsigned short *sizes, unsigned int count)
{
	HeapDestroy(leave_unlocked(sizes, count));
}

#else

static bool is_there(void)
{
	return false;
}

#define live		NULL
#define leave		NULL
#define live_unlocked	NULL
#define leave_unlocked	NULL

#endif

const struct maker maker_ntmem = { "ntmem", is_there, live, leave };

const struct maker maker_ntmem_unlocked = {
	"ntmem-unlocked", is_there, live_unlocked, leave_unlocked,
};
