// SPDX-License-Identifier: MIT
/*
 * GlobalAlloc and its family. See memory.h.
 */
#include "compat/memory.h"

static const struct memory_family global = {
	.discardable = GMEM_DISCARDABLE,
	.smallest = 1,
	.converts = true,
};

HGLOBAL WINAPI GlobalAlloc(UINT uFlags, SIZE_T dwBytes)
{
	return ntmem_memory_alloc(&global, uFlags, dwBytes);
}

HGLOBAL WINAPI GlobalReAlloc(HGLOBAL hMem, SIZE_T dwBytes, UINT uFlags)
{
	return ntmem_memory_realloc(&global, hMem, dwBytes, uFlags);
}

HGLOBAL WINAPI GlobalFree(HGLOBAL hMem)
{
	return ntmem_memory_free(hMem);
}

SIZE_T WINAPI GlobalSize(HGLOBAL hMem)
{
	return ntmem_memory_size(hMem);
}

HGLOBAL WINAPI GlobalHandle(LPCVOID pMem)
{
	return ntmem_memory_handle(pMem);
}

LPVOID WINAPI GlobalLock(HGLOBAL hMem)
{
	DWORD error = ERROR_INVALID_HANDLE;
	void *address = NULL;

	if (moveable_looks_so(hMem))
		error = ntmem_moveable_lock(hMem, &address);
	else if (memory_is_block(hMem))
		return hMem;
	if (error)
		SetLastError(error);
	return address;
}

BOOL WINAPI GlobalUnlock(HGLOBAL hMem)
{
	bool still = false;
	DWORD error;

	if (!moveable_looks_so(hMem))
		return TRUE;
	error = ntmem_moveable_unlock(hMem, &still);
	if (!still)
		SetLastError(error);
	return still || error == ERROR_INVALID_HANDLE;
}

UINT WINAPI GlobalFlags(HGLOBAL hMem)
{
	DWORD error = ERROR_SUCCESS;
	uintptr_t flags = 0;
	SIZE_T size;

	if (moveable_looks_so(hMem))
		error = ntmem_moveable_query(hMem, &flags, &size);
	else if (!memory_is_block(hMem))
		error = ERROR_INVALID_HANDLE;
	if (error) {
		SetLastError(error);
		return GMEM_INVALID_HANDLE;
	}
	return flags >> MEMORY_LOCK_SHIFT |
	       (flags & MEMORY_DISCARDABLE ? GMEM_DISCARDABLE : 0) |
	       (flags & MEMORY_DISCARDED ? GMEM_DISCARDED : 0) |
	       (flags & MEMORY_DDESHARE ? GMEM_DDESHARE : 0);
}

/* ---------------------------------------------------------- obsolete names --- */

SIZE_T WINAPI GlobalCompact(DWORD dwMinFree)
{
	(void)dwMinFree;
	return HeapCompact(GetProcessHeap(), 0);
}

VOID WINAPI GlobalFix(HGLOBAL hMem)
{
	if (hMem != INVALID_HANDLE_VALUE)
		GlobalLock(hMem);
}

VOID WINAPI GlobalUnfix(HGLOBAL hMem)
{
	if (hMem != INVALID_HANDLE_VALUE)
		GlobalUnlock(hMem);
}

LPVOID WINAPI GlobalWire(HGLOBAL hMem)
{
	return GlobalLock(hMem);
}

BOOL WINAPI GlobalUnWire(HGLOBAL hMem)
{
	return GlobalUnlock(hMem);
}
