// SPDX-License-Identifier: MIT
/*
 * The thread's last error.
 */
#include "ntmem/windows.h"

static __thread DWORD last_error __attribute__((tls_model("initial-exec")));

DWORD WINAPI GetLastError(VOID)
{
	return last_error;
}

VOID WINAPI SetLastError(DWORD dwErrCode)
{
	last_error = dwErrCode;
}
