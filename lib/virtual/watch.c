// SPDX-License-Identifier: MIT
/*
 * GetWriteWatch and ResetWriteWatch: which pages were written to.
 */
#include <errno.h>

#include "virtual/virtual.h"

#define FAILED	((UINT)-1)

static UINT refuse(DWORD code)
{
	ntmem_refuse(code);
	return FAILED;
}

/*
 * A range that is not watched is a bad argument, wherever it lies; and the
 * array was not written.
 */
static UINT watch_result(int error)
{
	if (error == -ENOENT)
		error = -ENXIO;
	if (error == -EFAULT)
		error = -EACCES;
	return ntmem_result(error) ? 0 : FAILED;
}

UINT WINAPI GetWriteWatch(DWORD dwFlags, PVOID lpBaseAddress,
			  SIZE_T dwRegionSize, PVOID *lpAddresses,
			  ULONG_PTR *lpdwCount, LPDWORD lpdwGranularity)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct ntmem_watch watch = {
		.addr = (uintptr_t)lpBaseAddress, .size = dwRegionSize,
		.pages = (uintptr_t)lpAddresses,
		.flags = dwFlags ? NTMEM_WATCH_RESET : 0,
	};
	UINT result;

	if (!engine)
		return FAILED;
	if ((dwFlags & ~WRITE_WATCH_FLAG_RESET) || !dwRegionSize)
		return refuse(ERROR_INVALID_PARAMETER);
	if (!lpdwCount || !lpdwGranularity)
		return refuse(ERROR_NOACCESS);
	if (!*lpdwCount)
		return refuse(ERROR_INVALID_PARAMETER);
	if (!lpAddresses)
		return refuse(ERROR_NOACCESS);
	watch.count = *lpdwCount;
	result = watch_result(engine->watch(&watch));
	if (result)
		return result;
	*lpdwCount = watch.count;
	*lpdwGranularity = VIRTUAL_PAGE;
	return 0;
}

UINT WINAPI ResetWriteWatch(LPVOID lpBaseAddress, SIZE_T dwRegionSize)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct ntmem_watch watch = {
		.addr = (uintptr_t)lpBaseAddress, .size = dwRegionSize,
		.flags = NTMEM_WATCH_RESET,
	};

	return engine ? watch_result(engine->watch(&watch)) : FAILED;
}
