/* SPDX-License-Identifier: MIT */
/*
 * What this library has beside the Windows API, where Linux has other means:
 * handles go from process to process as file descriptors.
 */
#ifndef NTMEM_NTMEM_H
#define NTMEM_NTMEM_H

#include "minwindef.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * ntmem_handle_to_fd - the file descriptor behind a handle
 * @handle: of a section, or of a file
 *
 * It stays the handle's: dup(2) it, send it over a socket (SCM_RIGHTS), or let a
 * child inherit it. Whoever receives it has the handle's rights to the section and
 * nothing else. -1, with ERROR_INVALID_HANDLE, for what is no handle. May be
 * called from any thread.
 */
WINBASEAPI int ntmem_handle_to_fd(HANDLE handle);

/*
 * ntmem_handle_from_fd - a handle for a descriptor of a section
 * @fd: what ntmem_handle_to_fd() gave in this or another process, received or
 *	inherited; the handle takes it over, and CloseHandle() closes it
 *
 * NULL on failure, and fd is still the caller's: ERROR_INVALID_HANDLE for what
 * is no section, ERROR_TOO_MANY_OPEN_FILES. Views of a file's section can only be
 * mapped by the process that made it, and its children. May be called from any thread.
 */
WINBASEAPI HANDLE ntmem_handle_from_fd(int fd);

/*
 * ntmem_file_handle_from_fd - a handle for an open file, for CreateFileMapping()
 * @fd: open for reading, writing or both; that is what the handle has the right
 *	to, and to execute what it may read, unless the file system is mounted
 *	noexec. The handle takes it over, and CloseHandle() closes it; sections
 *	of the file stay
 *
 * NULL on failure, and fd is still the caller's: ERROR_INVALID_HANDLE for what is
 * no open file, ERROR_TOO_MANY_OPEN_FILES. May be called from any thread.
 */
WINBASEAPI HANDLE ntmem_file_handle_from_fd(int fd);

/*
 * ntmem_virtual_lock_ex, ntmem_virtual_unlock_ex - VirtualLock, VirtualUnlock in
 *	another process, as Windows has them below its public functions
 * @process: handle (PROCESS_VM_OPERATION)
 * @addr, @size: as for VirtualLock
 *
 * The limit is that process's RLIMIT_MEMLOCK. Else as VirtualAllocEx and
 * VirtualLock. May be called from any thread.
 */
WINBASEAPI BOOL ntmem_virtual_lock_ex(HANDLE process, LPVOID addr,
				      SIZE_T size);
WINBASEAPI BOOL ntmem_virtual_unlock_ex(HANDLE process, LPVOID addr,
					SIZE_T size);

/*
 * ntmem_allow_remote_threads - let other processes make threads in this one
 *
 * From now on CreateRemoteThread works on this process, for those who may attach
 * to it by ptrace(2), and could do as much without it. A thread of this library's
 * own makes them, which has all signals blocked; they get the signal mask that
 * the caller has now. A child made by fork(2) has to call for itself; one made by
 * a bare clone(2) has what its parent allows in its hands, as it has with
 * all of its parent's descriptors. The process ends, within a second, with the
 * last of its other threads, where /proc tells of them; once the first one has
 * ended, Linux lets nobody in to ask.
 *
 * May be called from any thread, and more than once. FALSE on failure:
 * ERROR_NOT_ENOUGH_MEMORY, ERROR_TOO_MANY_OPEN_FILES.
 */
WINBASEAPI BOOL ntmem_allow_remote_threads(void);

/*
 * ntmem_forbid_remote_threads - no more of it
 *
 * When this returns, no further thread comes; those that are there go on. TRUE,
 * also where it was not allowed. May be called from any thread.
 */
WINBASEAPI BOOL ntmem_forbid_remote_threads(void);

/*
 * ntmem_allow_remote_handles - let other processes duplicate handles to and from
 *	this one
 *
 * From now on DuplicateHandle works with this process, for those who may attach to
 * it by ptrace(2). A thread of this library's own does it, which has all signals
 * blocked. A child made by fork(2) has to call for itself.
 *
 * May be called from any thread, and more than once. FALSE on failure:
 * ERROR_NOT_ENOUGH_MEMORY, ERROR_TOO_MANY_OPEN_FILES.
 */
WINBASEAPI BOOL ntmem_allow_remote_handles(void);

/*
 * ntmem_forbid_remote_handles - no more of it
 *
 * When this returns, nobody else makes or closes a handle here. TRUE, also where
 * it was not allowed. May be called from any thread.
 */
WINBASEAPI BOOL ntmem_forbid_remote_handles(void);

/*
 * ntmem_allow_heap_reports - let other processes see how this one's heaps are used
 *
 * From now on "ntmem heap" shows sizes, blocks and fragmentation of all heaps of
 * this process, malloc's too if it is this library's, and nothing of what is in
 * blocks: to those who may attach to it by ptrace(2). A thread of this library's
 * own answers, which has all signals blocked. It closes one heap after the other
 * for as long as it takes to look through its blocks, and leaves out one that a
 * thread has locked; fork(2), HeapCreate() and HeapDestroy() wait meanwhile.
 *
 * The environment variable NTMEM_HEAP_REPORT=1 does the same from the beginning,
 * and in children; else a child made by fork(2) has to call for itself.
 *
 * May be called from any thread, and more than once. FALSE on failure:
 * ERROR_NOT_ENOUGH_MEMORY, ERROR_TOO_MANY_OPEN_FILES.
 */
WINBASEAPI BOOL ntmem_allow_heap_reports(void);

/*
 * ntmem_forbid_heap_reports - no more of it, in children neither
 *
 * When this returns, no further report is made. TRUE, also where it was not
 * allowed. May be called from any thread that has no heap locked.
 */
WINBASEAPI BOOL ntmem_forbid_heap_reports(void);

#ifdef __cplusplus
}
#endif

#endif
