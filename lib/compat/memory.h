/* SPDX-License-Identifier: MIT */
/*
 * What Global and Local memory have in common. Their objects are of one kind,
 * and the public functions differ only in details of what they answer.
 *
 * A fixed object is a block of the process heap, and its handle the address,
 * which is a multiple of 16. A moveable object is an entry of a table: its
 * handle is the address of the entry's pointer to the block, 8 beyond a
 * multiple of 16. So a handle tells which of the two it is, and a program that
 * reads through the handle of a moveable object finds the address, as on
 * Windows.
 */
#ifndef NTMEM_COMPAT_MEMORY_H
#define NTMEM_COMPAT_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "ntmem/windows.h"

/* What a table entry says of a moveable object, in the bits of Windows. */
#define MEMORY_USED		0x0001
#define MEMORY_MOVEABLE		0x0002
#define MEMORY_DISCARDABLE	0x0004
#define MEMORY_DISCARDED	0x0008
#define MEMORY_DDESHARE		0x8000
#define MEMORY_LOCK_SHIFT	16	/* how often it is locked */
#define MEMORY_LOCK_MAX		0xff

/* One of the two families of functions. */
struct memory_family {
	UINT discardable;	/* any of these bits makes an object so */
	SIZE_T smallest;	/* size of a fixed object, bytes */
	bool converts;		/* ReAlloc makes a fixed object moveable */
};

/* -------------------------------------------------- moveable objects --- */

/*
 * These return a Win32 error code, ERROR_INVALID_HANDLE for a handle that is
 * not in use.
 */

/* Is it the handle of a moveable object, or nearly? Else of a fixed one. */
static inline bool moveable_looks_so(HANDLE handle)
{
	return (uintptr_t)handle % 16 == 8;
}

DWORD ntmem_moveable_alloc(uintptr_t flags, SIZE_T size, DWORD heap_flags,
			   HANDLE *handle);
DWORD ntmem_moveable_free(HANDLE handle);

/* With at_once, a locked object may move too. A discarded one gets a block. */
DWORD ntmem_moveable_resize(HANDLE handle, SIZE_T size, DWORD heap_flags,
			    bool at_once);

/* Frees the block and keeps the handle; ERROR_INVALID_PARAMETER if locked. */
DWORD ntmem_moveable_discard(HANDLE handle);

/* Adds flags. */
DWORD ntmem_moveable_modify(HANDLE handle, uintptr_t flags);

DWORD ntmem_moveable_lock(HANDLE handle, void **address);

/* NO_ERROR, with whether it is still locked; ERROR_NOT_LOCKED. */
DWORD ntmem_moveable_unlock(HANDLE handle, bool *still);

/* The entry's flags, and the size of the block (0 for a discarded one). */
DWORD ntmem_moveable_query(HANDLE handle, uintptr_t *flags, SIZE_T *size);

/* The object whose block this is, or NULL. */
HANDLE ntmem_moveable_of(const void *block);

/* ------------------------------------------------------ both families --- */

/* Is there a block of the process heap at this address? */
static inline bool memory_is_block(LPCVOID address)
{
	return address &&
	       HeapSize(GetProcessHeap(), 0, address) != (SIZE_T)-1;
}

HANDLE ntmem_memory_alloc(const struct memory_family *family, UINT flags,
			  SIZE_T size);
HANDLE ntmem_memory_realloc(const struct memory_family *family, HANDLE handle,
			    SIZE_T size, UINT flags);
HANDLE ntmem_memory_free(HANDLE handle);
SIZE_T ntmem_memory_size(HANDLE handle);
HANDLE ntmem_memory_handle(LPCVOID address);

#endif
