/* SPDX-License-Identifier: MIT */
/*
 * Handles: of sections, so far. Each is a number of this process; what it
 * refers to lives as long as one of its handles, or views, in any process.
 */
#ifndef NTMEM_HANDLEAPI_H
#define NTMEM_HANDLEAPI_H

#include "minwindef.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * CloseHandle - end a handle
 * @hObject: a handle; GetCurrentProcess() may be given, without effect
 *
 * May be called from any thread; the same handle by one thread alone.
 * ERROR_INVALID_HANDLE for what is none. Microsoft's page: "CloseHandle
 * function (handleapi.h)".
 */
WINBASEAPI BOOL WINAPI CloseHandle(HANDLE hObject);

/*
 * DuplicateHandle - another handle of the same object
 * @hSourceProcessHandle, @hTargetProcessHandle: GetCurrentProcess()
 * @hSourceHandle: the handle
 * @lpTargetHandle: gets the new one
 * @dwDesiredAccess: SECTION_* rights, of those that the handle has; more is
 *	ERROR_ACCESS_DENIED
 * @bInheritHandle: a program that this one starts by exec(2) inherits it
 * @dwOptions: DUPLICATE_SAME_ACCESS: dwDesiredAccess does not matter;
 *	DUPLICATE_CLOSE_SOURCE: hSourceHandle is closed, whatever happens
 *
 * Any thread may call it. ERROR_INVALID_HANDLE for what is none, and for other
 * processes. Microsoft's page: "DuplicateHandle function (handleapi.h)".
 */
WINBASEAPI BOOL WINAPI DuplicateHandle(HANDLE hSourceProcessHandle,
				       HANDLE hSourceHandle,
				       HANDLE hTargetProcessHandle,
				       LPHANDLE lpTargetHandle,
				       DWORD dwDesiredAccess,
				       BOOL bInheritHandle, DWORD dwOptions);

#ifdef __cplusplus
}
#endif

#endif
