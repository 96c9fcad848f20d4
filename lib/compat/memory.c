// SPDX-License-Identifier: MIT
/*
 * Objects of Global and Local memory, fixed or moveable. See memory.h.
 */
#include <string.h>

#include "compat/memory.h"

/* The bits have the same values in both families, but for DISCARDABLE. */
#define MOVEABLE	GMEM_MOVEABLE
#define MODIFY		GMEM_MODIFY

/* Ends a call: the result, or NULL and the last error. */
static HANDLE finish(DWORD error, HANDLE result)
{
	if (!error)
		return result;
	SetLastError(error);
	return NULL;
}

static DWORD heap_flags_of(UINT flags)
{
	return flags & GMEM_ZEROINIT ? HEAP_ZERO_MEMORY : 0;
}

static uintptr_t entry_flags_of(const struct memory_family *family, UINT flags)
{
	return (flags & family->discardable ? MEMORY_DISCARDABLE : 0) |
	       (flags & GMEM_DDESHARE ? MEMORY_DDESHARE : 0);
}

static SIZE_T fixed_size(const struct memory_family *family, SIZE_T size)
{
	return size > family->smallest ? size : family->smallest;
}

HANDLE ntmem_memory_alloc(const struct memory_family *family, UINT flags,
			  SIZE_T size)
{
	HANDLE handle = NULL;
	DWORD error;

	if (!(flags & MOVEABLE))
		return HeapAlloc(GetProcessHeap(), heap_flags_of(flags),
				 fixed_size(family, size));
	error = ntmem_moveable_alloc(entry_flags_of(family, flags), size,
				     heap_flags_of(flags), &handle);
	return finish(error, handle);
}

/* -------------------------------------------------------------- ReAlloc --- */

/* Moves the content of a fixed object to a new moveable one. */
static HANDLE make_moveable(const struct memory_family *family, void *block,
			    UINT flags)
{
	SIZE_T size = HeapSize(GetProcessHeap(), 0, block);
	HANDLE handle = NULL;
	void *address;
	bool still;
	DWORD error;

	error = ntmem_moveable_alloc(entry_flags_of(family, flags), size, 0,
				     &handle);
	if (error)
		return finish(error, NULL);
	if (!ntmem_moveable_lock(handle, &address)) {
		memcpy(address, block, size);
		ntmem_moveable_unlock(handle, &still);
	}
	HeapFree(GetProcessHeap(), 0, block);
	return handle;
}

static HANDLE realloc_fixed(const struct memory_family *family, void *block,
			    SIZE_T size, UINT flags)
{
	DWORD heap_flags = heap_flags_of(flags);

	if (!memory_is_block(block))
		return finish(ERROR_NOACCESS, NULL);
	if (flags & MODIFY)
		return (flags & MOVEABLE) && family->converts ?
		       make_moveable(family, block, flags) : block;
	if (!(flags & MOVEABLE))
		heap_flags |= HEAP_REALLOC_IN_PLACE_ONLY;
	return HeapReAlloc(GetProcessHeap(), heap_flags, block,
			   fixed_size(family, size));
}

static DWORD realloc_moveable(const struct memory_family *family,
			      HANDLE handle, SIZE_T size, UINT flags)
{
	if (flags & MODIFY)
		return ntmem_moveable_modify(handle,
					     entry_flags_of(family, flags));
	if (size)
		return ntmem_moveable_resize(handle, size,
					     heap_flags_of(flags),
					     flags & MOVEABLE);
	if (flags & MOVEABLE)
		return ntmem_moveable_discard(handle);
	return ERROR_INVALID_PARAMETER;
}

HANDLE ntmem_memory_realloc(const struct memory_family *family, HANDLE handle,
			    SIZE_T size, UINT flags)
{
	if (!moveable_looks_so(handle))
		return realloc_fixed(family, handle, size, flags);
	return finish(realloc_moveable(family, handle, size, flags), handle);
}

/* ------------------------------------------------------------------------ */

HANDLE ntmem_memory_free(HANDLE handle)
{
	DWORD error = ERROR_SUCCESS;

	if (!handle)
		return NULL;
	if (moveable_looks_so(handle))
		error = ntmem_moveable_free(handle);
	else if (!memory_is_block(handle))
		error = ERROR_NOACCESS;
	else
		HeapFree(GetProcessHeap(), 0, handle);
	if (!error)
		return NULL;
	SetLastError(error);
	return handle;
}

SIZE_T ntmem_memory_size(HANDLE handle)
{
	DWORD error = ERROR_SUCCESS;
	uintptr_t flags;
	SIZE_T size = 0;

	if (moveable_looks_so(handle))
		error = ntmem_moveable_query(handle, &flags, &size);
	else if (memory_is_block(handle))
		size = HeapSize(GetProcessHeap(), 0, handle);
	else
		error = ERROR_INVALID_HANDLE;
	if (error)
		SetLastError(error);
	return size;
}

HANDLE ntmem_memory_handle(LPCVOID address)
{
	HANDLE handle;

	if (!address)
		return finish(ERROR_INVALID_PARAMETER, NULL);
	if (!memory_is_block(address))
		return finish(ERROR_INVALID_HANDLE, NULL);
	handle = ntmem_moveable_of(address);
	return handle ? handle : (HANDLE)(uintptr_t)address;
}
