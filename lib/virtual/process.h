/* SPDX-License-Identifier: MIT */
/*
 * Handles of processes: what they stand for, and what they are good for.
 */
#ifndef NTMEM_PROCESS_H
#define NTMEM_PROCESS_H

#include <poll.h>

#include "virtual/handle.h"

/* A process, as one call finds it. */
struct process {
	int pidfd;		/* -1 of GetCurrentProcess() */
	pid_t pid;
	bool own;
	struct handle_more *more;	/* NULL of GetCurrentProcess() */
	uint32_t turn;		/* of the handle */
};

/*
 * The process of a handle that has these rights; false, with the last error set,
 * when there is none.
 */
bool process_look(HANDLE handle, DWORD rights, struct process *process);

/*
 * The number that /proc knows a process by, which may be that of another PID
 * namespace; or a negative errno: ESRCH when it has ended.
 */
int process_number(int pidfd);

/* A handle of this process itself. NULL, with the last error set. */
HANDLE process_self(DWORD access, bool inherit);

/*
 * Is the number still this process's? Until its end has been seen by its parent
 * nobody else gets it.
 */
bool process_has_number(int pidfd);

/* Has it ended? */
bool process_has_ended(int pidfd);

/* poll(2), which signals neither end nor prolong. */
int process_await(struct pollfd *files, nfds_t count, int deadline_ms);

/*
 * Its directory of /proc, O_PATH, which is no other one's even if the number
 * is. A negative errno: ESRCH when it is gone.
 */
int process_open_proc(int pidfd);

#endif
