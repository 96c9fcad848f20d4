/* SPDX-License-Identifier: MIT */
/*
 * The task allocator: memory that one component allocates and another frees.
 *
 * The blocks are those of the process heap. Sizes are in bytes. The functions
 * may be called from any thread.
 */
#ifndef NTMEM_COMBASEAPI_H
#define NTMEM_COMBASEAPI_H

#include "minwindef.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WINOLEAPI_(type)	DECLSPEC_IMPORT type STDAPICALLTYPE

/*
 * CoTaskMemAlloc - a new block
 * @cb: 0 gives a block of size 0
 *
 * Returns NULL when there is no memory. Microsoft's page: "CoTaskMemAlloc
 * function (combaseapi.h)".
 */
WINOLEAPI_(LPVOID) CoTaskMemAlloc(SIZE_T cb);

/*
 * CoTaskMemRealloc - change the size of a block
 * @pv: the block; NULL allocates
 * @cb: 0 frees it
 *
 * Returns the block, perhaps elsewhere; NULL when it was freed, or when there
 * is no memory, and it is as it was. Microsoft's page: "CoTaskMemRealloc
 * function (combaseapi.h)".
 */
WINOLEAPI_(LPVOID) CoTaskMemRealloc(LPVOID pv, SIZE_T cb);

/*
 * CoTaskMemFree - free a block
 * @pv: the block, or NULL
 *
 * Microsoft's page: "CoTaskMemFree function (combaseapi.h)".
 */
WINOLEAPI_(void) CoTaskMemFree(LPVOID pv);

#ifdef __cplusplus
}
#endif

#endif
