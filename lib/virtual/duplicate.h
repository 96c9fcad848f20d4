/* SPDX-License-Identifier: MIT */
/*
 * Another handle of what a handle stands for: here, or from one process's table to
 * another's. A process that allows that (ntmem_allow_remote_handles()) does on
 * request what is to be done to its own.
 *
 * All of these return 0 or a Win32 error code, unless they say otherwise.
 */
#ifndef NTMEM_DUPLICATE_H
#define NTMEM_DUPLICATE_H

#include "virtual/process.h"

struct handle_wish {
	DWORD access;
	bool same_access;	/* whatever access is */
	bool inherit;
};

/* In this process. NULL, with the last error set. */
HANDLE handle_duplicate(HANDLE source, const struct handle_wish *wish);

/* Of a handle in another process one here. */
DWORD handle_take(const struct process *from, HANDLE source,
		  const struct handle_wish *wish, HANDLE *made);

/* Of a handle here one in another process, with the same rights. */
DWORD handle_put(const struct process *to, HANDLE source, bool inherit,
		 HANDLE *made);

DWORD handle_close_there(const struct process *there, HANDLE handle);

#endif
