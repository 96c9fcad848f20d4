/* SPDX-License-Identifier: MIT */
/*
 * Errors and exceptions: the thread's last error, vectored handlers.
 */
#ifndef NTMEM_ERRHANDLINGAPI_H
#define NTMEM_ERRHANDLINGAPI_H

#include "minwindef.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a handler returns. */
#define EXCEPTION_CONTINUE_EXECUTION	(-1)
#define EXCEPTION_CONTINUE_SEARCH	0
#define EXCEPTION_EXECUTE_HANDLER	1

/*
 * GetLastError - the calling thread's last error code
 *
 * Failing calls set it; successful ones leave it alone. Safe from signal and
 * exception handlers. Microsoft's page: "GetLastError function
 * (errhandlingapi.h)".
 */
WINBASEAPI DWORD WINAPI GetLastError(VOID);

/*
 * SetLastError - sets the calling thread's last error code
 *
 * Microsoft's page: "SetLastError function (errhandlingapi.h)".
 */
WINBASEAPI VOID WINAPI SetLastError(DWORD dwErrCode);

/*
 * AddVectoredExceptionHandler - have a function called for exceptions
 * @First: non-zero: before all handlers there are; 0: after them
 * @Handler: is called on the faulting thread, as a signal handler, for
 *	EXCEPTION_ACCESS_VIOLATION and EXCEPTION_GUARD_PAGE, of which
 *	ExceptionInformation[0] is the kind of access (0 read, 1 write,
 *	8 execute) and [1] the address (all ones where it is not known)
 *
 * EXCEPTION_CONTINUE_EXECUTION resumes the thread with the registers that
 * ContextRecord holds then. EXCEPTION_CONTINUE_SEARCH goes on to the next
 * handler, last to the program's own action for SIGSEGV; with the default one
 * the process dies with a core dump that shows the faulting instruction.
 *
 * The first call installs a handler of SIGSEGV. A program that installs its
 * own later takes the exceptions over; the next call puts it behind again.
 *
 * Returns a handle for RemoveVectoredExceptionHandler; NULL on failure
 * (ERROR_INVALID_PARAMETER for a NULL Handler, ERROR_NOT_ENOUGH_MEMORY). Safe
 * from any thread, and from handlers. Microsoft's page:
 * "AddVectoredExceptionHandler function (errhandlingapi.h)".
 */
WINBASEAPI PVOID WINAPI
AddVectoredExceptionHandler(ULONG First, PVECTORED_EXCEPTION_HANDLER Handler);

/*
 * RemoveVectoredExceptionHandler - undo AddVectoredExceptionHandler
 * @Handle: what that returned
 *
 * A call of the handler that has begun on another thread may still run when
 * this returns. Returns non-zero, or 0 when there is no such handler. Safe
 * from any thread, and from handlers. Microsoft's page:
 * "RemoveVectoredExceptionHandler function (errhandlingapi.h)".
 */
WINBASEAPI ULONG WINAPI RemoveVectoredExceptionHandler(PVOID Handle);

#ifdef __cplusplus
}
#endif

#endif
