// SPDX-License-Identifier: MIT
/*
 * The task allocator: blocks of the process heap under another name.
 */
#include "ntmem/combaseapi.h"
#include "ntmem/heapapi.h"

LPVOID STDAPICALLTYPE CoTaskMemAlloc(SIZE_T cb)
{
	return HeapAlloc(GetProcessHeap(), 0, cb);
}

LPVOID STDAPICALLTYPE CoTaskMemRealloc(LPVOID pv, SIZE_T cb)
{
	if (!pv)
		return CoTaskMemAlloc(cb);
	if (cb)
		return HeapReAlloc(GetProcessHeap(), 0, pv, cb);
	CoTaskMemFree(pv);
	return NULL;
}

void STDAPICALLTYPE CoTaskMemFree(LPVOID pv)
{
	HeapFree(GetProcessHeap(), 0, pv);
}
