/* SPDX-License-Identifier: MIT */
/*
 * Processes and threads, as far as work on memory needs them.
 *
 * A handle of a process stays with that one process, whatever else gets its
 * number after its end. What may be done to it the kernel decides by what it
 * lets ptrace(2) do; the rights of a handle can only be less.
 *
 * All may be called from any thread. On failure the last error is set, and
 * nothing has changed. Errors that several share: ERROR_INVALID_HANDLE (6) for
 * what is no handle of this kind, ERROR_ACCESS_DENIED (5) when the handle lacks
 * the right that is named in brackets, or the process has ended.
 */
#ifndef NTMEM_PROCESSTHREADSAPI_H
#define NTMEM_PROCESSTHREADSAPI_H

#include "minwinbase.h"

#ifdef __cplusplus
extern "C" {
#endif

#define STILL_ACTIVE	STATUS_PENDING

/* Flags of CreateThread. */
#define CREATE_SUSPENDED			0x00000004
#define STACK_SIZE_PARAM_IS_A_RESERVATION	0x00010000

/* What a thread runs: its argument, its exit code. */
typedef DWORD (WINAPI *LPTHREAD_START_ROUTINE)(LPVOID lpThreadParameter);
typedef LPTHREAD_START_ROUTINE PTHREAD_START_ROUTINE;

typedef struct _PROC_THREAD_ATTRIBUTE_LIST *LPPROC_THREAD_ATTRIBUTE_LIST;

/*
 * GetCurrentProcess - the pseudo handle of the calling process, (HANDLE)-1
 *
 * It has all rights and needs no closing. Microsoft's page:
 * "GetCurrentProcess function (processthreadsapi.h)".
 */
WINBASEAPI HANDLE WINAPI GetCurrentProcess(VOID);

/*
 * GetCurrentThread - the pseudo handle of the calling thread, (HANDLE)-2
 *
 * It needs no closing. Microsoft's page: "GetCurrentThread function
 * (processthreadsapi.h)".
 */
WINBASEAPI HANDLE WINAPI GetCurrentThread(VOID);

/*
 * GetCurrentProcessId, GetCurrentThreadId - Linux's numbers of both
 *
 * Those of the PID namespace that the caller lives in, getpid(2) and
 * gettid(2). Microsoft's pages: "GetCurrentProcessId function",
 * "GetCurrentThreadId function (processthreadsapi.h)".
 */
WINBASEAPI DWORD WINAPI GetCurrentProcessId(VOID);
WINBASEAPI DWORD WINAPI GetCurrentThreadId(VOID);

/*
 * OpenProcess - a handle of a process
 * @dwDesiredAccess: PROCESS_* and SYNCHRONIZE: what the handle is to be good
 *	for. Generic rights and MAXIMUM_ALLOWED are ERROR_NOT_SUPPORTED.
 * @bInheritHandle: exec(2) keeps the descriptor behind the handle
 * @dwProcessId: as pidfd_open(2) takes it
 *
 * Whoever sees a process may open it with SYNCHRONIZE and
 * PROCESS_QUERY_LIMITED_INFORMATION. PROCESS_TERMINATE wants the permission to
 * send it signals; the others want that of attaching to it with ptrace(2),
 * which the system's settings (Yama) may limit to a program's children.
 *
 * Returns a handle, NULL on failure: ERROR_INVALID_PARAMETER (87) when there is
 * no such process, ERROR_ACCESS_DENIED when it may not be opened so.
 * Microsoft's page: "OpenProcess function (processthreadsapi.h)".
 */
WINBASEAPI HANDLE WINAPI OpenProcess(DWORD dwDesiredAccess,
				     BOOL bInheritHandle, DWORD dwProcessId);

/*
 * GetProcessId - the number of a process
 * @Process: handle (PROCESS_QUERY_LIMITED_INFORMATION)
 *
 * The one that OpenProcess got, also when the process has ended. 0 on failure.
 * Microsoft's page: "GetProcessId function (processthreadsapi.h)".
 */
WINBASEAPI DWORD WINAPI GetProcessId(HANDLE Process);

/*
 * GetExitCodeProcess - how a process has ended
 * @hProcess: handle (PROCESS_QUERY_LIMITED_INFORMATION)
 * @lpExitCode: gets STILL_ACTIVE (259) while it lives; then its exit status, or
 *	128 and the number of the signal that ended it
 *
 * Linux forgets an exit status when the parent has taken it, and tells it
 * before to the parent, and to who may look into the process: else
 * ERROR_NOT_SUPPORTED. ERROR_NOACCESS (998) for a NULL lpExitCode. Microsoft's
 * page: "GetExitCodeProcess function (processthreadsapi.h)".
 */
WINBASEAPI BOOL WINAPI GetExitCodeProcess(HANDLE hProcess,
					  LPDWORD lpExitCode);

/*
 * TerminateProcess - end a process at once
 * @hProcess: handle (PROCESS_TERMINATE)
 * @uExitCode: the exit status of the calling process; others end by SIGKILL,
 *	which has none
 *
 * Does not wait for the end. Microsoft's page: "TerminateProcess function
 * (processthreadsapi.h)".
 */
WINBASEAPI BOOL WINAPI TerminateProcess(HANDLE hProcess, UINT uExitCode);

/*
 * CreateThread - run a function in a new thread of this process
 * @lpThreadAttributes: NULL, or whether exec(2) keeps the handle's descriptor
 * @dwStackSize: bytes, of address space; 0 for the system's default
 * @lpStartAddress: the function, not NULL; what it returns is the exit code
 * @lpParameter: its argument
 * @dwCreationFlags: CREATE_SUSPENDED: it waits for ResumeThread, and ends
 *	without having begun when the last handle is closed before;
 *	STACK_SIZE_PARAM_IS_A_RESERVATION, which a stack always is here
 * @lpThreadId: gets its number, gettid(2); may be NULL
 *
 * It is a thread as pthread_create(3) makes them, with the caller's signal mask.
 *
 * Returns a handle with all rights, NULL on failure: ERROR_NOT_ENOUGH_MEMORY
 * (8) also at the limit of threads, ERROR_TOO_MANY_OPEN_FILES (4).
 * Microsoft's page: "CreateThread function (processthreadsapi.h)".
 */
WINBASEAPI HANDLE WINAPI
CreateThread(LPSECURITY_ATTRIBUTES lpThreadAttributes, SIZE_T dwStackSize,
	     LPTHREAD_START_ROUTINE lpStartAddress, LPVOID lpParameter,
	     DWORD dwCreationFlags, LPDWORD lpThreadId);

/*
 * CreateRemoteThread - run a function in a new thread of another process
 * @hProcess: handle (PROCESS_CREATE_THREAD)
 * @lpStartAddress, @lpParameter: addresses of that process, and not checked: what
 *	happens there happens to it
 * @lpThreadId: gets the number of the thread in that process's PID namespace
 *
 * All else as for CreateThread. The other process must have called
 * ntmem_allow_remote_threads() (ntmem/ntmem.h), and gets a thread whose signal
 * mask is that of this call there; else ERROR_ACCESS_DENIED. What it does not
 * answer in ten seconds, being stopped perhaps, is ERROR_TIMEOUT (1460), and
 * will not run later. Microsoft's page: "CreateRemoteThread function
 * (processthreadsapi.h)".
 */
WINBASEAPI HANDLE WINAPI
CreateRemoteThread(HANDLE hProcess, LPSECURITY_ATTRIBUTES lpThreadAttributes,
		   SIZE_T dwStackSize, LPTHREAD_START_ROUTINE lpStartAddress,
		   LPVOID lpParameter, DWORD dwCreationFlags,
		   LPDWORD lpThreadId);

/*
 * CreateRemoteThreadEx - the same
 * @lpAttributeList: NULL; attributes are ERROR_NOT_SUPPORTED
 *
 * Microsoft's page: "CreateRemoteThreadEx function (processthreadsapi.h)".
 */
WINBASEAPI HANDLE WINAPI
CreateRemoteThreadEx(HANDLE hProcess, LPSECURITY_ATTRIBUTES lpThreadAttributes,
		     SIZE_T dwStackSize, LPTHREAD_START_ROUTINE lpStartAddress,
		     LPVOID lpParameter, DWORD dwCreationFlags,
		     LPPROC_THREAD_ATTRIBUTE_LIST lpAttributeList,
		     LPDWORD lpThreadId);

/*
 * ExitThread - end the calling thread
 * @dwExitCode: for GetExitCodeThread, where CreateThread or CreateRemoteThread
 *	made this thread
 *
 * As pthread_exit(3), with its cleanup. Microsoft's page: "ExitThread function
 * (processthreadsapi.h)".
 */
WINBASEAPI DECLSPEC_NORETURN VOID WINAPI ExitThread(DWORD dwExitCode);

/*
 * GetExitCodeThread - how a thread has ended
 * @hThread: handle (THREAD_QUERY_LIMITED_INFORMATION or
 *	THREAD_QUERY_INFORMATION)
 * @lpExitCode: gets STILL_ACTIVE (259) while it lives or has not begun, then its
 *	exit code; STATUS_UNSUCCESSFUL (0xC0000001) when it ended with its
 *	process
 *
 * ERROR_NOACCESS for a NULL lpExitCode. Microsoft's page: "GetExitCodeThread
 * function (processthreadsapi.h)".
 */
WINBASEAPI BOOL WINAPI GetExitCodeThread(HANDLE hThread, LPDWORD lpExitCode);

/*
 * ResumeThread - let a thread begin that was created suspended
 * @hThread: handle (THREAD_SUSPEND_RESUME)
 *
 * Threads cannot be suspended later. Returns 1 when it was waiting, 0 when it
 * was not, (DWORD)-1 on failure. Microsoft's page: "ResumeThread function
 * (processthreadsapi.h)".
 */
WINBASEAPI DWORD WINAPI ResumeThread(HANDLE hThread);

/*
 * GetThreadId - the number that creating a thread gave
 * @Thread: handle (THREAD_QUERY_LIMITED_INFORMATION or
 *	THREAD_QUERY_INFORMATION)
 *
 * 0 on failure. Microsoft's page: "GetThreadId function
 * (processthreadsapi.h)".
 */
WINBASEAPI DWORD WINAPI GetThreadId(HANDLE Thread);

#ifdef __cplusplus
}
#endif

#endif
