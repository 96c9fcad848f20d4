/* SPDX-License-Identifier: MIT */
/*
 * The calling process, as far as calls on memory name it.
 */
#ifndef NTMEM_PROCESSTHREADSAPI_H
#define NTMEM_PROCESSTHREADSAPI_H

#include "minwindef.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * GetCurrentProcess - the pseudo handle of the calling process, (HANDLE)-1
 *
 * Needs no closing. Safe from any thread. Microsoft's page:
 * "GetCurrentProcess function (processthreadsapi.h)".
 */
WINBASEAPI HANDLE WINAPI GetCurrentProcess(VOID);

#ifdef __cplusplus
}
#endif

#endif
