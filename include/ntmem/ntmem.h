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
 * @handle: of a section
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
 * is no section, ERROR_TOO_MANY_OPEN_FILES. May be called from any thread.
 */
WINBASEAPI HANDLE ntmem_handle_from_fd(int fd);

#ifdef __cplusplus
}
#endif

#endif
