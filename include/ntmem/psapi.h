/* SPDX-License-Identifier: MIT */
/*
 * The working set: which pages of a process are in memory, and how. Of this
 * header of Windows only what is here is there.
 */
#ifndef NTMEM_PSAPI_H
#define NTMEM_PSAPI_H

#include "minwindef.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 1 asks for the functions by their older names, which do the same. */
#ifndef PSAPI_VERSION
#define PSAPI_VERSION	2
#endif

/* What is said of a page; of one with Valid 0 by Invalid. */
typedef union _PSAPI_WORKING_SET_EX_BLOCK {
	ULONG_PTR Flags;
	__extension__ union {
		__extension__ struct {
			ULONG_PTR Valid : 1;		/* in memory, and may be accessed */
			ULONG_PTR ShareCount : 3;
			ULONG_PTR Win32Protection : 11;	/* PAGE_* */
			ULONG_PTR Shared : 1;
			ULONG_PTR Node : 6;		/* of NUMA */
			ULONG_PTR Locked : 1;
			ULONG_PTR LargePage : 1;
			ULONG_PTR Reserved : 7;
			ULONG_PTR Bad : 1;
			ULONG_PTR ReservedUlong : 32;
		};
		struct {
			ULONG_PTR Valid : 1;		/* 0 */
			ULONG_PTR Reserved0 : 14;
			ULONG_PTR Shared : 1;
			ULONG_PTR Reserved1 : 15;
			ULONG_PTR Bad : 1;
			ULONG_PTR ReservedUlong : 32;
		} Invalid;
	};
} PSAPI_WORKING_SET_EX_BLOCK, *PPSAPI_WORKING_SET_EX_BLOCK;

typedef struct _PSAPI_WORKING_SET_EX_INFORMATION {
	PVOID VirtualAddress;		/* in: any address of the page */
	PSAPI_WORKING_SET_EX_BLOCK VirtualAttributes;	/* out */
} PSAPI_WORKING_SET_EX_INFORMATION, *PPSAPI_WORKING_SET_EX_INFORMATION;

/*
 * QueryWorkingSetEx, K32QueryWorkingSetEx - what is in memory at some addresses
 * @hProcess: handle (PROCESS_QUERY_INFORMATION)
 * @pv: array of PSAPI_WORKING_SET_EX_INFORMATION; its addresses may be any, in any
 *	order
 * @cb: bytes of it; a part of an entry at its end is left alone
 *
 * Valid is 1 for what the process can access without a page fault; 0, with all
 * else 0, for what is free, reserved, never touched, swapped out, NOACCESS or a
 * guard page. Win32Protection is what VirtualQuery reports. Shared says that
 * the page is a section's or a file's, which others may see, and not a copy of
 * the process's own; it is told of pages with Valid 0, too, where they are
 * committed in a view. ShareCount is 0 of pages that are not Shared, 1 of what
 * is mapped once, and 2 of what is mapped more often, however often that is.
 * Locked is told of what VirtualLock has locked, not mlock(2). LargePage
 * is told of the own process's views of such, and Bad is 0.
 *
 * Each page is looked at by itself, and may have changed when the call returns.
 * A page that the system has brought beforehand, or that was accessible before
 * PAGE_NOACCESS (on the embedded engine), is Valid without having been touched.
 * Of another process, on the embedded engine, nothing is known of locks.
 *
 * May be called from any thread. FALSE on failure, with the last error set:
 * ERROR_BAD_LENGTH (24) when there is no room for an entry, ERROR_NOACCESS (998)
 * for NULL, ERROR_INVALID_HANDLE (6), ERROR_ACCESS_DENIED (5) when the handle
 * lacks the right or the process has ended, ERROR_NOT_SUPPORTED (50) where
 * /proc/self/pagemap cannot be read. What it has written until then stays.
 * Microsoft's page: "QueryWorkingSetEx function (psapi.h)".
 */
WINBASEAPI BOOL WINAPI K32QueryWorkingSetEx(HANDLE hProcess, PVOID pv,
					    DWORD cb);
#if PSAPI_VERSION > 1
#define QueryWorkingSetEx	K32QueryWorkingSetEx
#else
WINBASEAPI BOOL WINAPI QueryWorkingSetEx(HANDLE hProcess, PVOID pv, DWORD cb);
#endif

#ifdef __cplusplus
}
#endif

#endif
