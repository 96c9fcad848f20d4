/* SPDX-License-Identifier: MIT */
/*
 * Waiting for processes and threads.
 */
#ifndef NTMEM_SYNCHAPI_H
#define NTMEM_SYNCHAPI_H

#include "minwindef.h"

#ifdef __cplusplus
extern "C" {
#endif

#define INFINITE	0xffffffff

#define WAIT_OBJECT_0	STATUS_WAIT_0
#define WAIT_TIMEOUT	258
#define WAIT_FAILED	((DWORD)0xffffffff)

/*
 * WaitForSingleObject - wait until a process or a thread has ended
 * @hHandle: of a process or a thread, with SYNCHRONIZE
 * @dwMilliseconds: how long at most; 0 only looks, INFINITE has no end. The
 *	clock stands while the machine sleeps.
 *
 * Returns WAIT_OBJECT_0, WAIT_TIMEOUT, or WAIT_FAILED: ERROR_ACCESS_DENIED
 * without the right, ERROR_INVALID_HANDLE for what is no such handle. Of
 * GetCurrentProcess() and GetCurrentThread() no end will be seen. May be
 * called from any thread, also while others wait for the same. Microsoft's
 * page: "WaitForSingleObject function (synchapi.h)".
 */
WINBASEAPI DWORD WINAPI WaitForSingleObject(HANDLE hHandle,
					    DWORD dwMilliseconds);

#ifdef __cplusplus
}
#endif

#endif
