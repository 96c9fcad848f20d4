/* SPDX-License-Identifier: MIT */
/*
 * The values that a block of a heap carries beside its content. Windows has
 * the functions in ntdll, and Global and Local memory was built on them.
 *
 * They may be called from any thread, as those of heapapi.h.
 */
#ifndef NTMEM_WINTERNL_H
#define NTMEM_WINTERNL_H

#include "minwindef.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NTSYSAPI	DECLSPEC_IMPORT

/* Given to HeapAlloc: the block has a user value, which is 0 at first. */
#define HEAP_SETTABLE_USER_VALUE	0x00000100
/* Given to HeapAlloc: flags that the block keeps. */
#define HEAP_SETTABLE_USER_FLAG1	0x00000200
#define HEAP_SETTABLE_USER_FLAG2	0x00000400
#define HEAP_SETTABLE_USER_FLAG3	0x00000800
#define HEAP_SETTABLE_USER_FLAGS	0x00000e00

/*
 * RtlSetUserValueHeap - give a block another user value
 * @HeapHandle: the heap
 * @Flags: HEAP_NO_SERIALIZE
 * @BaseAddress: a block that has a user value
 * @UserValue: the value
 *
 * FALSE for a block without one. The value stays when HeapReAlloc moves the
 * block.
 */
NTSYSAPI BOOLEAN NTAPI RtlSetUserValueHeap(PVOID HeapHandle, ULONG Flags,
					   PVOID BaseAddress, PVOID UserValue);

/*
 * RtlGetUserInfoHeap - the user value and flags of a block
 * @HeapHandle: the heap
 * @Flags: HEAP_NO_SERIALIZE
 * @BaseAddress: a block
 * @UserValue: gets the value, if the block has one; may be NULL
 * @UserFlags: gets those of HEAP_SETTABLE_USER_FLAGS that HeapAlloc got; may be
 *	NULL
 *
 * FALSE for what is no block.
 */
NTSYSAPI BOOLEAN NTAPI RtlGetUserInfoHeap(PVOID HeapHandle, ULONG Flags,
					  PVOID BaseAddress, PVOID *UserValue,
					  PULONG UserFlags);

#ifdef __cplusplus
}
#endif

#endif
