/* SPDX-License-Identifier: MIT */
/*
 * The exception codes, under the names that handlers use; what HeapWalk tells;
 * the flags of local memory.
 */
#ifndef NTMEM_MINWINBASE_H
#define NTMEM_MINWINBASE_H

#include "minwindef.h"

#define EXCEPTION_ACCESS_VIOLATION	STATUS_ACCESS_VIOLATION
#define EXCEPTION_GUARD_PAGE		STATUS_GUARD_PAGE_VIOLATION

/*
 * Who may use a new object, and whether a program that this one starts by
 * exec(2) inherits its handle. There are no security descriptors: NULL.
 */
typedef struct _SECURITY_ATTRIBUTES {
	DWORD nLength;
	LPVOID lpSecurityDescriptor;
	BOOL bInheritHandle;
} SECURITY_ATTRIBUTES, *PSECURITY_ATTRIBUTES, *LPSECURITY_ATTRIBUTES;

/*
 * One entry of HeapWalk. Only the member of the union that wFlags selects is
 * filled: Region for PROCESS_HEAP_REGION.
 */
typedef struct _PROCESS_HEAP_ENTRY {
	PVOID lpData;
	DWORD cbData;			/* bytes of data */
	BYTE cbOverhead;		/* bytes of the heap's own with them */
	BYTE iRegionIndex;
	WORD wFlags;			/* PROCESS_HEAP_*; 0: free */
	__extension__ union {
		struct {
			HANDLE hMem;
			DWORD dwReserved[3];
		} Block;
		struct {
			DWORD dwCommittedSize;	/* bytes */
			DWORD dwUnCommittedSize;
			LPVOID lpFirstBlock;
			LPVOID lpLastBlock;	/* first byte behind it */
		} Region;
	};
} PROCESS_HEAP_ENTRY, *LPPROCESS_HEAP_ENTRY, *PPROCESS_HEAP_ENTRY;

#define PROCESS_HEAP_REGION		0x0001
#define PROCESS_HEAP_UNCOMMITTED_RANGE	0x0002
#define PROCESS_HEAP_ENTRY_BUSY		0x0004
#define PROCESS_HEAP_SEG_ALLOC		0x0008
#define PROCESS_HEAP_ENTRY_MOVEABLE	0x0010
#define PROCESS_HEAP_ENTRY_DDESHARE	0x0020

/* Flags of local memory; see LocalAlloc and LocalFlags in winbase.h. */
#define LMEM_FIXED		0x0000
#define LMEM_MOVEABLE		0x0002
#define LMEM_NOCOMPACT		0x0010
#define LMEM_NODISCARD		0x0020
#define LMEM_ZEROINIT		0x0040
#define LMEM_MODIFY		0x0080
#define LMEM_DISCARDABLE	0x0F00
#define LMEM_VALID_FLAGS	0x0F72
#define LMEM_INVALID_HANDLE	0x8000
#define LMEM_DISCARDED		0x4000
#define LMEM_LOCKCOUNT		0x00FF
#define LHND			(LMEM_MOVEABLE | LMEM_ZEROINIT)
#define LPTR			(LMEM_FIXED | LMEM_ZEROINIT)
#define NONZEROLHND		(LMEM_MOVEABLE)
#define NONZEROLPTR		(LMEM_FIXED)
#define LocalDiscard(hMem)	LocalReAlloc((hMem), 0, LMEM_MOVEABLE)

#endif
