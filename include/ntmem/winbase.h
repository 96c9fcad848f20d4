/* SPDX-License-Identifier: MIT */
/*
 * The functions of the Windows API: the headers that declare them, and the
 * old-style ones that have no header of their own.
 */
#ifndef NTMEM_WINBASE_H
#define NTMEM_WINBASE_H

#include "minwindef.h"
#include "winerror.h"
#include "errhandlingapi.h"
#include "heapapi.h"
#include "memoryapi.h"
#include "minwinbase.h"
#include "processthreadsapi.h"
#include "sysinfoapi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define INVALID_HANDLE_VALUE	((HANDLE)(LONG_PTR)-1)

/* GlobalMemoryStatus: as MEMORYSTATUSEX, in bytes, without dwLength's check. */
typedef struct _MEMORYSTATUS {
	DWORD dwLength;
	DWORD dwMemoryLoad;		/* percent of physical memory in use */
	SIZE_T dwTotalPhys;
	SIZE_T dwAvailPhys;
	SIZE_T dwTotalPageFile;
	SIZE_T dwAvailPageFile;
	SIZE_T dwTotalVirtual;
	SIZE_T dwAvailVirtual;
} MEMORYSTATUS, *LPMEMORYSTATUS;

/*
 * GlobalMemoryStatus - the older form of GlobalMemoryStatusEx
 * @lpBuffer: filled whole; dwLength is set, not checked
 *
 * Physical sizes are at most SIZE_MAX / 2. Safe from any thread. Microsoft's
 * page: "GlobalMemoryStatus function (winbase.h)".
 */
WINBASEAPI VOID WINAPI GlobalMemoryStatus(LPMEMORYSTATUS lpBuffer);

#ifdef __cplusplus
}
#endif

#endif
