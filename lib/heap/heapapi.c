// SPDX-License-Identifier: MIT
/*
 * Windows' heap functions: handles, flags, last errors. See heapapi.h for what
 * each one promises.
 */
#include "heap/fast.h"
#include "heap/find.h"
#include "heap/heap.h"
#include "heap/heaps.h"
#include "heap/region.h"
#include "heap/shard.h"
#include "heap/trailer.h"
#include "heap/uservalue.h"
#include "ntmem/windows.h"
#include "ntmem/winternl.h"
#include "virtual/exception.h"
#include "virtual/status.h"

/* A block of a fixed heap is a little less than 1 MiB, with its header. */
#define FIXED_BLOCK_MAX	0xfffe0
/* Flags that a fast path has no need to look at. */
#define QUIET_FLAGS	HEAP_NO_SERIALIZE
#define USER_FLAGS	(HEAP_SETTABLE_USER_VALUE | HEAP_SETTABLE_USER_FLAGS)

static struct heap *heap_of(HANDLE handle)
{
	return handle;
}

/* Refuses what is no heap, as far as that can be told. */
static struct heap *checked(HANDLE handle)
{
	struct heap *heap = handle;

	if (heap_is_live(heap))
		return heap;
	SetLastError(ERROR_INVALID_HANDLE);
	return NULL;
}

/* ------------------------------------------------------------ allocating --- */

static void *refuse_alloc(const struct heap *heap, DWORD flags)
{
	SetLastError(ERROR_NOT_ENOUGH_MEMORY);
	if ((flags | heap->flags) & HEAP_GENERATE_EXCEPTIONS)
		ntmem_raise(STATUS_NO_MEMORY);
	return NULL;
}

static bool fits(const struct heap *heap, SIZE_T size)
{
	return size <= PTRDIFF_MAX &&
	       (!heap->region || size <= FIXED_BLOCK_MAX);
}

__attribute__((noinline))
static void *alloc_slow(HANDLE handle, DWORD flags, SIZE_T size)
{
	struct heap *heap = handle;
	void *p = NULL;

	if (!heap_is_live(heap)) {
		SetLastError(ERROR_INVALID_HANDLE);
		return NULL;
	}
	heap_begin_call(heap, flags);
	if (fits(heap, size))
		p = heap_alloc(heap, size,
			       (flags | heap->flags) & HEAP_ZERO_MEMORY);
	if (p && (flags & USER_FLAGS) &&
	    !user_values_add(heap, p, flags & USER_FLAGS)) {
		heap_free(heap, p, "HeapAlloc");
		p = NULL;
	}
	heap_end_call(heap, flags);
	return p ? p : refuse_alloc(heap, flags);
}

LPVOID WINAPI HeapAlloc(HANDLE hHeap, DWORD dwFlags, SIZE_T dwBytes)
{
	struct heap *heap = heap_of(hHeap);
	struct blocks *list;
	struct shard *shard;
	void *p;

	if (unlikely((dwFlags & ~QUIET_FLAGS) | heap->slow) ||
	    dwBytes > STEP_MAX - TRAILER)
		return alloc_slow(heap, dwFlags, dwBytes);
	inside_begin();
	shard = heap_view(heap->index);
	list = shard->current[(dwBytes + TRAILER + GRAIN - 1) / GRAIN];
	p = fast_pop(list);
	if (unlikely(!p))
		p = shard_bump(shard, list);
	if (likely(p))
		trailer_set(p, list->size, dwBytes);
	inside_end();
	return likely(p) ? p : alloc_slow(heap, dwFlags, dwBytes);
}

LPVOID WINAPI HeapReAlloc(HANDLE hHeap, DWORD dwFlags, LPVOID lpMem,
			  SIZE_T dwBytes)
{
	struct heap *heap = checked(hHeap);
	bool zero;
	void *p = NULL;

	if (!heap)
		return NULL;
	if (!lpMem) {
		SetLastError(ERROR_SUCCESS);
		return NULL;
	}
	zero = (dwFlags | heap->flags) & HEAP_ZERO_MEMORY;
	if (!fits(heap, dwBytes))
		return refuse_alloc(heap, dwFlags);
	heap_begin_call(heap, dwFlags);
	if ((dwFlags | heap->flags) & HEAP_REALLOC_IN_PLACE_ONLY)
		p = heap_resize(heap, lpMem, dwBytes, zero, "HeapReAlloc") ?
		    lpMem : NULL;
	else
		p = heap_realloc(heap, lpMem, dwBytes, zero, "HeapReAlloc");
	heap_end_call(heap, dwFlags);
	return p ? p : refuse_alloc(heap, dwFlags);
}

/* Apart, so that what is quick need not save registers for it. */
__attribute__((noinline))
static BOOL free_slow(struct heap *heap, DWORD flags, struct span *span,
		      void *p, enum fast_push pushed)
{
	heap_begin_call(heap, flags);
	if (pushed == PUSH_LOW)
		heap_span_low(span_shard(span), span);
	else
		heap_free(heap, p, "HeapFree");
	heap_end_call(heap, flags);
	return TRUE;
}

BOOL WINAPI HeapFree(HANDLE hHeap, DWORD dwFlags, LPVOID lpMem)
{
	struct heap *heap = heap_of(hHeap);
	enum fast_push pushed = PUSH_MISSED;
	struct shard *shard;
	struct span *span;

	if (!lpMem)
		return TRUE;
	if (!heap_is_live(heap))
		return ntmem_refuse(ERROR_INVALID_HANDLE);
	span = table_quick(lpMem);
	inside_begin();
	shard = heap_view(heap->index);
	if (unlikely(OWNER(span) != (uintptr_t)shard))
		pushed = fast_push_mixed(shard, span, lpMem);
	else if (likely(trailer_is_whole(lpMem, span->list.size)))
		pushed = fast_push(shard, span, lpMem);
	inside_end();
	return likely(pushed == PUSH_DONE) ? TRUE :
	       free_slow(heap, dwFlags, span, lpMem, pushed);
}

SIZE_T WINAPI HeapSize(HANDLE hHeap, DWORD dwFlags, LPCVOID lpMem)
{
	struct heap *heap = heap_of(hHeap);
	size_t size;
	bool found;

	if (!heap_is_live(heap))
		return (SIZE_T)-1;
	heap_begin_call(heap, dwFlags);
	found = heap_ask_size(heap, lpMem, &size);
	heap_end_call(heap, dwFlags);
	return found ? size : (SIZE_T)-1;
}

/* ------------------------------------------------------------------ their life --- */

HANDLE WINAPI HeapCreate(DWORD flOptions, SIZE_T dwInitialSize,
			 SIZE_T dwMaximumSize)
{
	struct heap_options options = {
		.flags = flOptions & (HEAP_NO_SERIALIZE |
				      HEAP_GENERATE_EXCEPTIONS |
				      HEAP_CREATE_ENABLE_EXECUTE),
		.executable = flOptions & HEAP_CREATE_ENABLE_EXECUTE,
		.initial = dwInitialSize,
		.maximum = dwMaximumSize,
	};
	struct heap *heap = NULL;

	if (dwInitialSize <= PTRDIFF_MAX && dwMaximumSize <= PTRDIFF_MAX)
		heap = heap_create(&options);
	if (!heap)
		SetLastError(ERROR_NOT_ENOUGH_MEMORY);
	return heap;
}

BOOL WINAPI HeapDestroy(HANDLE hHeap)
{
	struct heap *heap = checked(hHeap);

	if (!heap)
		return FALSE;
	if (heap == &heap_process || heap == &heap_malloc)
		return ntmem_refuse(ERROR_INVALID_HANDLE);
	heap_destroy(heap);
	return TRUE;
}

HANDLE WINAPI GetProcessHeap(VOID)
{
	heap_init();
	return &heap_process;
}

DWORD WINAPI GetProcessHeaps(DWORD NumberOfHeaps, PHANDLE ProcessHeaps)
{
	struct heap *heap;
	DWORD count, i = 0;

	heap_init();
	heaps_take();
	count = heaps_count();
	if (ProcessHeaps && NumberOfHeaps >= count)
		for (heap = &heap_process; heap; heap = heap->next)
			ProcessHeaps[i++] = heap;
	heaps_give();
	return count;
}

/* ------------------------------------------------------------------- locks --- */

BOOL WINAPI HeapLock(HANDLE hHeap)
{
	struct heap *heap = checked(hHeap);

	if (!heap)
		return FALSE;
	if (!(heap->flags & HEAP_NO_SERIALIZE))
		heap_lock(heap);
	return TRUE;
}

BOOL WINAPI HeapUnlock(HANDLE hHeap)
{
	struct heap *heap = checked(hHeap);

	if (!heap)
		return FALSE;
	if (!(heap->flags & HEAP_NO_SERIALIZE) && !heap_unlock(heap))
		return ntmem_refuse(ERROR_NOT_OWNER);
	return TRUE;
}
