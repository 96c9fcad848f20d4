/* SPDX-License-Identifier: MIT */
/*
 * Heaps: create, allocate, free, walk, tune.
 *
 * All sizes are in bytes. A block begins at a multiple of 16 and has just the
 * size that was asked for. Every function may be called from any thread, on
 * the same heap at once, and a block may be freed by another thread than the
 * one that got it; with HEAP_NO_SERIALIZE, given to HeapCreate or to the call,
 * the caller sees to it that nobody else is in the heap. Such a call does not
 * wait for who has locked the heap with HeapLock; what the library does by
 * itself, in fork for example, does not meet it. None may be called from a
 * signal handler that can interrupt another.
 *
 * The flags of a call are added to those of HeapCreate. HEAP_TAIL_CHECKING_
 * ENABLED and HEAP_FREE_CHECKING_ENABLED given to either do nothing.
 *
 * A pointer that is not a block of the heap is refused where it is said so;
 * elsewhere it is an error of the program, as are writes beyond a block. Found,
 * they end the process with a message (see HeapSetInformation).
 */
#ifndef NTMEM_HEAPAPI_H
#define NTMEM_HEAPAPI_H

#include "minwinbase.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What HeapSummary tells of a heap, in bytes. */
typedef struct _HEAP_SUMMARY {
	DWORD cb;			/* set by the caller: 40 */
	SIZE_T cbAllocated;		/* in blocks */
	SIZE_T cbCommitted;		/* memory that the heap holds */
	SIZE_T cbReserved;		/* address space that the heap holds */
	SIZE_T cbMaxReserve;		/* how far cbReserved can grow */
} HEAP_SUMMARY, *PHEAP_SUMMARY;
typedef PHEAP_SUMMARY LPHEAP_SUMMARY;

/*
 * HeapCreate - a new heap
 * @flOptions: HEAP_NO_SERIALIZE, HEAP_GENERATE_EXCEPTIONS,
 *	HEAP_CREATE_ENABLE_EXECUTE (blocks may be executed); others, known or
 *	not, are accepted and mean nothing
 * @dwInitialSize: a hint of how much to commit at once
 * @dwMaximumSize: 0: the heap grows as long as there is memory. Otherwise its
 *	blocks never hold more than this, rounded up to pages, and none can be
 *	larger than a little less than 1 MiB.
 *
 * Returns a handle, NULL on failure: ERROR_NOT_ENOUGH_MEMORY (8), also for a
 * maximum that there is no address space for. Microsoft's page: "HeapCreate
 * function (heapapi.h)".
 */
WINBASEAPI HANDLE WINAPI HeapCreate(DWORD flOptions, SIZE_T dwInitialSize,
				    SIZE_T dwMaximumSize);

/*
 * HeapDestroy - free a heap with all of its blocks
 * @hHeap: not the process heap
 *
 * Takes a time that does not grow with the number of blocks. No other thread
 * may be in the heap, or have it locked; the caller may. FALSE with
 * ERROR_INVALID_HANDLE (6) for the process heap and for what is no heap.
 * Microsoft's page: "HeapDestroy function (heapapi.h)".
 */
WINBASEAPI BOOL WINAPI HeapDestroy(HANDLE hHeap);

/*
 * HeapAlloc - a new block
 * @hHeap: of HeapCreate or GetProcessHeap
 * @dwFlags: HEAP_ZERO_MEMORY, else the content is undefined;
 *	HEAP_GENERATE_EXCEPTIONS, HEAP_NO_SERIALIZE; HEAP_SETTABLE_USER_VALUE
 *	(see winternl.h)
 * @dwBytes: 0 gives a block of its own, of size 0
 *
 * Returns NULL with ERROR_NOT_ENOUGH_MEMORY when there is no memory, or when
 * the block is too large for the heap. With HEAP_GENERATE_EXCEPTIONS the
 * exception STATUS_NO_MEMORY is raised instead. Microsoft's page: "HeapAlloc
 * function (heapapi.h)".
 */
WINBASEAPI LPVOID WINAPI HeapAlloc(HANDLE hHeap, DWORD dwFlags, SIZE_T dwBytes)
	__attribute__((malloc, alloc_size(3)));

/*
 * HeapReAlloc - change the size of a block
 * @hHeap: the block's
 * @dwFlags: as of HeapAlloc. HEAP_ZERO_MEMORY clears what is beyond the old
 *	size; HEAP_REALLOC_IN_PLACE_ONLY refuses to move the block.
 * @lpMem: NULL does not allocate: returns NULL, and sets the last error to 0
 * @dwBytes: 0 leaves a block of size 0; nothing is freed
 *
 * Returns the block, perhaps elsewhere, with its content up to the smaller
 * size. On failure it is as it was, and the result as with HeapAlloc.
 * Microsoft's page: "HeapReAlloc function (heapapi.h)".
 */
WINBASEAPI LPVOID WINAPI HeapReAlloc(HANDLE hHeap, DWORD dwFlags, LPVOID lpMem,
				     SIZE_T dwBytes)
	__attribute__((alloc_size(4)));

/*
 * HeapFree - free a block
 * @hHeap: the block's
 * @dwFlags: HEAP_NO_SERIALIZE
 * @lpMem: NULL: TRUE, whatever hHeap is
 *
 * Microsoft's page: "HeapFree function (heapapi.h)".
 */
WINBASEAPI BOOL WINAPI HeapFree(HANDLE hHeap, DWORD dwFlags, LPVOID lpMem);

/*
 * HeapSize - the size of a block, as it was asked for
 * @hHeap: the block's
 * @dwFlags: HEAP_NO_SERIALIZE
 * @lpMem: the block
 *
 * Does not set the last error. (SIZE_T)-1 for what is seen to be no block of
 * the heap: another heap's, an address inside a block, one outside of heaps.
 * Microsoft's page: "HeapSize function (heapapi.h)".
 */
WINBASEAPI SIZE_T WINAPI HeapSize(HANDLE hHeap, DWORD dwFlags, LPCVOID lpMem);

/*
 * HeapValidate - whether a heap, or one block, is in order
 * @hHeap: the heap
 * @dwFlags: HEAP_NO_SERIALIZE
 * @lpMem: a block; NULL: the heap with all of its blocks, in a time that is
 *	linear in their number
 *
 * FALSE also when lpMem is not a block, or not of this heap, and when hHeap is
 * no heap. Never sets the last error. Right while other threads use the heap.
 * Microsoft's page: "HeapValidate function (heapapi.h)".
 */
WINBASEAPI BOOL WINAPI HeapValidate(HANDLE hHeap, DWORD dwFlags,
				    LPCVOID lpMem);

/*
 * HeapCompact - give free memory back
 * @hHeap: the heap
 * @dwFlags: HEAP_NO_SERIALIZE
 *
 * Returns the size of the largest committed free block, or 0: without one the
 * last error is NO_ERROR, for what is no heap ERROR_INVALID_HANDLE.
 * Microsoft's page: "HeapCompact function (heapapi.h)".
 */
WINBASEAPI SIZE_T WINAPI HeapCompact(HANDLE hHeap, DWORD dwFlags);

/*
 * HeapLock - keep other threads out of a heap
 * @hHeap: the heap
 *
 * The thread that has the lock may take it again, and uses the heap as ever;
 * others wait in their calls, but for those with HEAP_NO_SERIALIZE. (On Windows
 * most calls that need little memory do not wait either.) A heap created with
 * HEAP_NO_SERIALIZE has no lock: TRUE, and nobody waits.
 *
 * FALSE with ERROR_INVALID_HANDLE for what is no heap. Microsoft's page:
 * "HeapLock function (heapapi.h)".
 */
WINBASEAPI BOOL WINAPI HeapLock(HANDLE hHeap);

/*
 * HeapUnlock - undo one HeapLock
 * @hHeap: the heap
 *
 * FALSE with ERROR_INVALID_HANDLE for what is no heap; for a thread that has
 * not the lock, with ERROR_NOT_OWNER (288). Microsoft's page: "HeapUnlock
 * function (heapapi.h)".
 */
WINBASEAPI BOOL WINAPI HeapUnlock(HANDLE hHeap);

/*
 * HeapWalk - the next entry of a heap: region, block or uncommitted range
 * @hHeap: the heap, under HeapLock if other threads use it
 * @lpEntry: lpData NULL: filled with the first entry; otherwise with the one
 *	behind the one that the call before has filled
 *
 * wFlags is PROCESS_HEAP_REGION, whose blocks and uncommitted ranges follow in
 * the order of their addresses; PROCESS_HEAP_UNCOMMITTED_RANGE; PROCESS_HEAP_
 * ENTRY_BUSY for a block, with its size in cbData; 0 for free memory. Blocks
 * that have memory of their own come last, without a region. cbData has 32
 * bits: a block from 4 GiB on shows as 0xffffffff, and HeapSize knows.
 *
 * No call may allocate or free in the heap between two of a walk. All of them
 * together take a time that is linear in the number of entries.
 *
 * FALSE at the end with ERROR_NO_MORE_ITEMS (259); otherwise with
 * ERROR_INVALID_PARAMETER (87) for a NULL lpEntry or one that no call has
 * filled, ERROR_INVALID_HANDLE for what is no heap. Microsoft's page:
 * "HeapWalk function (heapapi.h)".
 */
WINBASEAPI BOOL WINAPI HeapWalk(HANDLE hHeap, LPPROCESS_HEAP_ENTRY lpEntry);

/*
 * HeapSummary - how much a heap holds
 * @hHeap: the heap
 * @dwFlags: 0
 * @lpSummary: filled; its cb must be sizeof(HEAP_SUMMARY)
 *
 * FALSE with ERROR_INVALID_PARAMETER for a NULL lpSummary or a wrong cb,
 * ERROR_INVALID_HANDLE for what is no heap. Microsoft's page: "HeapSummary
 * function".
 */
WINBASEAPI BOOL WINAPI HeapSummary(HANDLE hHeap, DWORD dwFlags,
				   LPHEAP_SUMMARY lpSummary);

/*
 * HeapSetInformation - choose how a heap behaves
 * @HeapHandle: the heap; NULL where it is said
 * @HeapInformationClass:
 *	HeapCompatibilityInformation: a ULONG, 2 for the low-fragmentation
 *	heap. Cannot be undone, and changes nothing but what
 *	HeapQueryInformation says: the heap is always as good.
 *	HeapEnableTerminationOnCorruption: HeapInformation is NULL and the
 *	length 0; HeapHandle does not matter. Cannot be undone.
 *	HeapOptimizeResources: a HEAP_OPTIMIZE_RESOURCES_INFORMATION with
 *	Version 1 and Flags 0: gives free memory back. NULL for all heaps.
 * @HeapInformation, @HeapInformationLength: as the class has it
 *
 * FALSE with ERROR_INSUFFICIENT_BUFFER (122) for a short buffer;
 * ERROR_GEN_FAILURE (31) for a heap for which 2 was set before;
 * ERROR_INVALID_PARAMETER for other classes and values, and for 2 with a heap
 * that has HEAP_NO_SERIALIZE. Microsoft's page: "HeapSetInformation function (heapapi.h)".
 */
WINBASEAPI BOOL WINAPI
HeapSetInformation(HANDLE HeapHandle,
		   HEAP_INFORMATION_CLASS HeapInformationClass,
		   PVOID HeapInformation, SIZE_T HeapInformationLength);

/*
 * HeapQueryInformation - how a heap behaves
 * @HeapHandle: the heap; NULL: ERROR_NOACCESS (998)
 * @HeapInformationClass: HeapCompatibilityInformation: a ULONG, 2 for a heap
 *	that has become a low-fragmentation heap, else 0
 * @HeapInformation, @HeapInformationLength: where to; a longer buffer is fine
 * @ReturnLength: gets the size of the answer, also when the buffer is short;
 *	may be NULL
 *
 * FALSE with ERROR_INSUFFICIENT_BUFFER for a short buffer,
 * ERROR_INVALID_PARAMETER for other classes. Microsoft's page:
 * "HeapQueryInformation function (heapapi.h)".
 */
WINBASEAPI BOOL WINAPI
HeapQueryInformation(HANDLE HeapHandle,
		     HEAP_INFORMATION_CLASS HeapInformationClass,
		     PVOID HeapInformation, SIZE_T HeapInformationLength,
		     PSIZE_T ReturnLength);

/*
 * GetProcessHeap - the heap that every process has
 *
 * GlobalAlloc, SysAllocString, CoTaskMemAlloc and the C run-time's functions
 * of malloc.h allocate there. Cannot fail; NULL only if not even this heap
 * could be made. Microsoft's page: "GetProcessHeap function (heapapi.h)".
 */
WINBASEAPI HANDLE WINAPI GetProcessHeap(VOID);

/*
 * GetProcessHeaps - all heaps of the process
 * @NumberOfHeaps: how many ProcessHeaps has room for
 * @ProcessHeaps: filled, if all fit: the process heap, then the others in the
 *	order of their creation. May be NULL for 0.
 *
 * Returns how many there are, which may be more than NumberOfHeaps.
 * Microsoft's page: "GetProcessHeaps function (heapapi.h)".
 */
WINBASEAPI DWORD WINAPI GetProcessHeaps(DWORD NumberOfHeaps,
					PHANDLE ProcessHeaps);

#ifdef __cplusplus
}
#endif

#endif
