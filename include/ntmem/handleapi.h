/* SPDX-License-Identifier: MIT */
/*
 * Handles: of sections, processes and threads. Each is a number of this process;
 * a section lives as long as one of its handles, or views, in any process.
 */
#ifndef NTMEM_HANDLEAPI_H
#define NTMEM_HANDLEAPI_H

#include "minwindef.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * CloseHandle - end a handle
 * @hObject: a handle; GetCurrentProcess() and GetCurrentThread() may be given,
 *	without effect
 *
 * May be called from any thread; the same handle by one thread alone.
 * ERROR_INVALID_HANDLE for what is none. Microsoft's page: "CloseHandle
 * function (handleapi.h)".
 */
WINBASEAPI BOOL WINAPI CloseHandle(HANDLE hObject);

/*
 * DuplicateHandle - another handle of the same object
 * @hSourceProcessHandle, @hTargetProcessHandle: GetCurrentProcess(), or handles
 *	(PROCESS_DUP_HANDLE) of processes that have called
 *	ntmem_allow_remote_handles() (ntmem.h). The target is NULL with
 *	DUPLICATE_CLOSE_SOURCE to have a handle closed, and nothing else
 * @hSourceHandle: the handle, as its process has it; also GetCurrentProcess(), of
 *	which the new one is a handle with the rights that are asked for
 * @lpTargetHandle: gets the new one, as its process has it
 * @dwDesiredAccess: rights, of those that the handle has; more is
 *	ERROR_ACCESS_DENIED
 * @bInheritHandle: a program that this one starts by exec(2) inherits it
 * @dwOptions: DUPLICATE_SAME_ACCESS: dwDesiredAccess does not matter;
 *	DUPLICATE_CLOSE_SOURCE: hSourceHandle is closed, whatever happens
 *
 * Any thread may call it. ERROR_INVALID_HANDLE for what is none, and for
 * GetCurrentThread(). Of another process: ERROR_ACCESS_DENIED where it does not
 * allow that, or has ended; ERROR_TIMEOUT when it has not answered in ten
 * seconds, since it is stopped, say; ERROR_NOT_SUPPORTED for threads' handles. What
 * cannot be mapped by whoever is given its descriptor (ntmem_handle_from_fd())
 * cannot be by who is given its handle.
 * Microsoft's page: "DuplicateHandle function (handleapi.h)".
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
