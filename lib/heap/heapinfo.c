// SPDX-License-Identifier: MIT
/*
 * Windows' functions that look at heaps and choose how they behave. See
 * heapapi.h for what each one promises.
 */
#include "heap/heap.h"
#include "heap/heaps.h"
#include "heap/walk.h"
#include "ntmem/windows.h"
#include "virtual/status.h"

#define LARGE_INDEX	64	/* of a region, for blocks that are in none */
#define LFH		2

static struct heap *checked(HANDLE handle)
{
	struct heap *heap = handle;

	heap_init();
	if (heap_is_live(heap))
		return heap;
	SetLastError(ERROR_INVALID_HANDLE);
	return NULL;
}

/* ------------------------------------------------------------------- walking --- */

static const struct {
	enum heap_item_kind kind;
	WORD flags;
} item_flags[] = {
	{ ITEM_REGION, PROCESS_HEAP_REGION },
	{ ITEM_BUSY, PROCESS_HEAP_ENTRY_BUSY },
	{ ITEM_FREE, 0 },
	{ ITEM_LARGE, PROCESS_HEAP_ENTRY_BUSY },
};

static bool item_from(const PROCESS_HEAP_ENTRY *entry, struct heap_item *item)
{
	*item = (struct heap_item){
		.addr = entry->lpData, .size = entry->cbData,
		.overhead = entry->cbOverhead,
	};
	if (entry->wFlags == PROCESS_HEAP_REGION)
		item->kind = ITEM_REGION;
	else if (entry->wFlags == PROCESS_HEAP_ENTRY_BUSY)
		item->kind = entry->iRegionIndex == LARGE_INDEX ? ITEM_LARGE :
								  ITEM_BUSY;
	else if (!entry->wFlags)
		item->kind = ITEM_FREE;
	else
		return false;
	return true;
}

static void entry_from(const struct heap_item *item, PROCESS_HEAP_ENTRY *entry)
{
	*entry = (PROCESS_HEAP_ENTRY){
		.lpData = item->addr,
		.cbData = item->size < MAXDWORD ? item->size : MAXDWORD,
		.cbOverhead = item->overhead < 255 ? item->overhead : 255,
		.wFlags = item_flags[item->kind].flags,
	};
	if (item->kind == ITEM_LARGE)
		entry->iRegionIndex = LARGE_INDEX;
	if (item->kind == ITEM_REGION) {
		entry->Region.dwCommittedSize = entry->cbData;
		entry->Region.lpFirstBlock = item->addr;
		entry->Region.lpLastBlock = item->addr + item->size;
	}
}

BOOL WINAPI HeapWalk(HANDLE hHeap, LPPROCESS_HEAP_ENTRY lpEntry)
{
	struct heap *heap = checked(hHeap);
	struct heap_item item;

	if (!heap)
		return FALSE;
	if (!lpEntry)
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	if (!lpEntry->lpData)
		item = (struct heap_item){ .addr = NULL };
	else if (!item_from(lpEntry, &item))
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	if (!heap_next(heap, &item))
		return ntmem_refuse(ERROR_NO_MORE_ITEMS);
	entry_from(&item, lpEntry);
	return TRUE;
}

BOOL WINAPI HeapValidate(HANDLE hHeap, DWORD dwFlags, LPCVOID lpMem)
{
	struct heap *heap = hHeap;
	bool valid;

	heap_init();
	if (!heap_is_live(heap))
		return FALSE;
	heap_begin_call(heap, dwFlags);
	valid = heap_validate(heap, lpMem);
	heap_end_call(heap, dwFlags);
	return valid;
}

BOOL WINAPI HeapSummary(HANDLE hHeap, DWORD dwFlags, LPHEAP_SUMMARY lpSummary)
{
	struct heap *heap = checked(hHeap);
	struct heap_stats stats;

	(void)dwFlags;
	if (!heap)
		return FALSE;
	if (!lpSummary || lpSummary->cb != sizeof(*lpSummary))
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	heap_get_stats(heap, &stats);
	lpSummary->cbAllocated = stats.allocated;
	lpSummary->cbCommitted = stats.committed;
	lpSummary->cbReserved = stats.reserved;
	lpSummary->cbMaxReserve = stats.limit;
	return TRUE;
}

SIZE_T WINAPI HeapCompact(HANDLE hHeap, DWORD dwFlags)
{
	struct heap *heap = checked(hHeap);
	struct heap_stats stats;

	if (!heap)
		return 0;
	heap_begin_call(heap, dwFlags);
	heap_compact(heap);
	heap_get_stats(heap, &stats);
	heap_end_call(heap, dwFlags);
	if (!stats.largest_free)
		SetLastError(NO_ERROR);
	return stats.largest_free;
}

/* --------------------------------------------------------------- information --- */

static BOOL set_compatibility(HANDLE handle, const ULONG *value, SIZE_T length)
{
	struct heap *heap = checked(handle);

	if (!heap)
		return FALSE;
	if (length < sizeof(*value))
		return ntmem_refuse(ERROR_INSUFFICIENT_BUFFER);
	if (__atomic_load_n(&heap->compatibility, __ATOMIC_RELAXED))
		return ntmem_refuse(ERROR_GEN_FAILURE);
	if (!value || *value != LFH || (heap->flags & HEAP_NO_SERIALIZE))
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	if (__atomic_exchange_n(&heap->compatibility, LFH, __ATOMIC_RELAXED))
		return ntmem_refuse(ERROR_GEN_FAILURE);
	return TRUE;
}

static BOOL optimize(HANDLE handle,
		     const HEAP_OPTIMIZE_RESOURCES_INFORMATION *info,
		     SIZE_T length)
{
	struct heap *heap;

	if (length < sizeof(*info))
		return ntmem_refuse(ERROR_INSUFFICIENT_BUFFER);
	if (!info || info->Flags ||
	    info->Version != HEAP_OPTIMIZE_RESOURCES_CURRENT_VERSION)
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	if (handle) {
		heap = checked(handle);
		if (heap)
			heap_compact(heap);
		return heap != NULL;
	}
	heaps_compact();
	return TRUE;
}

BOOL WINAPI
HeapSetInformation(HANDLE HeapHandle,
		   HEAP_INFORMATION_CLASS HeapInformationClass,
		   PVOID HeapInformation, SIZE_T HeapInformationLength)
{
	switch (HeapInformationClass) {
	case HeapCompatibilityInformation:
		return set_compatibility(HeapHandle, HeapInformation,
					 HeapInformationLength);
	case HeapEnableTerminationOnCorruption:
		/* It never was otherwise. */
		if (HeapInformation || HeapInformationLength)
			return ntmem_refuse(ERROR_INVALID_PARAMETER);
		return TRUE;
	case HeapOptimizeResources:
		return optimize(HeapHandle, HeapInformation,
				HeapInformationLength);
	default:
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	}
}

BOOL WINAPI
HeapQueryInformation(HANDLE HeapHandle,
		     HEAP_INFORMATION_CLASS HeapInformationClass,
		     PVOID HeapInformation, SIZE_T HeapInformationLength,
		     PSIZE_T ReturnLength)
{
	struct heap *heap = HeapHandle;

	if (HeapInformationClass != HeapCompatibilityInformation)
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	if (!heap)
		return ntmem_refuse(ERROR_NOACCESS);
	if (!checked(heap))
		return FALSE;
	if (ReturnLength)
		*ReturnLength = sizeof(ULONG);
	if (HeapInformationLength < sizeof(ULONG) || !HeapInformation)
		return ntmem_refuse(ERROR_INSUFFICIENT_BUFFER);
	*(ULONG *)HeapInformation =
		__atomic_load_n(&heap->compatibility, __ATOMIC_RELAXED);
	return TRUE;
}
