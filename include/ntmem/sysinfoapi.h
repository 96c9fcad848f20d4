/* SPDX-License-Identifier: MIT */
/*
 * The machine and its memory: page size, granularity, how much there is.
 */
#ifndef NTMEM_SYSINFOAPI_H
#define NTMEM_SYSINFOAPI_H

#include "minwindef.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct _SYSTEM_INFO {
	__extension__ union {
		DWORD dwOemId;
		__extension__ struct {
			WORD wProcessorArchitecture;
			WORD wReserved;
		};
	};
	DWORD dwPageSize;		/* bytes */
	LPVOID lpMinimumApplicationAddress;
	LPVOID lpMaximumApplicationAddress;	/* inclusive */
	DWORD_PTR dwActiveProcessorMask;
	DWORD dwNumberOfProcessors;
	DWORD dwProcessorType;
	DWORD dwAllocationGranularity;	/* bytes */
	WORD wProcessorLevel;
	WORD wProcessorRevision;
} SYSTEM_INFO, *LPSYSTEM_INFO;

typedef struct _MEMORYSTATUSEX {
	DWORD dwLength;			/* set by the caller: 64 */
	DWORD dwMemoryLoad;		/* percent of physical memory in use */
	DWORDLONG ullTotalPhys;		/* all in bytes */
	DWORDLONG ullAvailPhys;
	DWORDLONG ullTotalPageFile;	/* how much can be committed at most */
	DWORDLONG ullAvailPageFile;	/* how much still can be */
	DWORDLONG ullTotalVirtual;
	DWORDLONG ullAvailVirtual;
	DWORDLONG ullAvailExtendedVirtual;	/* 0 */
} MEMORYSTATUSEX, *LPMEMORYSTATUSEX;

/*
 * GetSystemInfo - page size, allocation granularity, address range, processors
 * @lpSystemInfo: filled
 *
 * The highest application address is the last byte of the last whole 64 KiB
 * of user space, 0x7FFFFFFEFFFF, as on Windows. Cannot fail. Safe from any
 * thread. Microsoft's page: "GetSystemInfo function (sysinfoapi.h)".
 */
WINBASEAPI VOID WINAPI GetSystemInfo(LPSYSTEM_INFO lpSystemInfo);

/*
 * GetNativeSystemInfo - the same: there is no emulation to look behind
 *
 * Microsoft's page: "GetNativeSystemInfo function (sysinfoapi.h)".
 */
WINBASEAPI VOID WINAPI GetNativeSystemInfo(LPSYSTEM_INFO lpSystemInfo);

/*
 * GlobalMemoryStatusEx - physical memory, commit limit, address space
 * @lpBuffer: filled; its dwLength must be sizeof(MEMORYSTATUSEX)
 *
 * The "page file" sizes are the nearest commit limit and what is left below
 * it; where nothing limits commit, physical memory and swap together.
 *
 * FALSE with ERROR_INVALID_PARAMETER for a wrong dwLength, ERROR_NOACCESS for
 * NULL. Safe from any thread. Microsoft's page: "GlobalMemoryStatusEx function
 * (sysinfoapi.h)".
 */
WINBASEAPI BOOL WINAPI GlobalMemoryStatusEx(LPMEMORYSTATUSEX lpBuffer);

#ifdef __cplusplus
}
#endif

#endif
