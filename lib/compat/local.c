// SPDX-License-Identifier: MIT
/*
 * LocalAlloc and its family. See memory.h.
 */
#include "compat/memory.h"

static const struct memory_family local = {
	.discardable = LMEM_DISCARDABLE,
	.smallest = 0,
	.converts = false,
};

HLOCAL WINAPI LocalAlloc(UINT uFlags, SIZE_T uBytes)
{
	return ntmem_memory_alloc(&local, uFlags, uBytes);
}

HLOCAL WINAPI LocalReAlloc(HLOCAL hMem, SIZE_T uBytes, UINT uFlags)
{
	return ntmem_memory_realloc(&local, hMem, uBytes, uFlags);
}

HLOCAL WINAPI LocalFree(HLOCAL hMem)
{
	return ntmem_memory_free(hMem);
}

SIZE_T WINAPI LocalSize(HLOCAL hMem)
{
	return ntmem_memory_size(hMem);
}

HLOCAL WINAPI LocalHandle(LPCVOID pMem)
{
	return ntmem_memory_handle(pMem);
}

LPVOID WINAPI LocalLock(HLOCAL hMem)
{
	void *address = NULL;
	DWORD error;

	if (!moveable_looks_so(hMem))
		return memory_is_block(hMem) ? hMem : NULL;
	error = ntmem_moveable_lock(hMem, &address);
	if (error)
		SetLastError(error);
	return address;
}

BOOL WINAPI LocalUnlock(HLOCAL hMem)
{
	DWORD error = ERROR_NOT_LOCKED;
	bool still = false;

	if (moveable_looks_so(hMem))
		error = ntmem_moveable_unlock(hMem, &still);
	if (!still)
		SetLastError(error);
	return still;
}

UINT WINAPI LocalFlags(HLOCAL hMem)
{
	DWORD error = ERROR_SUCCESS;
	uintptr_t flags = 0;
	SIZE_T size;

	if (moveable_looks_so(hMem))
		error = ntmem_moveable_query(hMem, &flags, &size);
	else if (!memory_is_block(hMem))
		error = ERROR_NOACCESS;
	if (error) {
		SetLastError(error);
		return LMEM_INVALID_HANDLE;
	}
	return flags >> MEMORY_LOCK_SHIFT |
	       (flags & MEMORY_DISCARDABLE ? LMEM_DISCARDABLE : 0) |
	       (flags & MEMORY_DISCARDED ? LMEM_DISCARDED : 0);
}

/* ---------------------------------------------------------- obsolete names --- */

SIZE_T WINAPI LocalCompact(UINT uMinFree)
{
	(void)uMinFree;
	return HeapCompact(GetProcessHeap(), 0);
}

SIZE_T WINAPI LocalShrink(HLOCAL hMem, UINT cbNewSize)
{
	(void)hMem;
	(void)cbNewSize;
	return HeapCompact(GetProcessHeap(), 0);
}
