/* SPDX-License-Identifier: MIT */
/*
 * Threads that a handle is kept of. Between a thread and its handles is a pair of
 * sockets (SOCK_SEQPACKET), whoever made it:
 *
 *   the thread:  struct thread_reply, once it is there or cannot be
 *   the maker:   one byte: begin; and that is all that it has to say
 *   the thread:  struct thread_reply, with its exit code
 *
 * A thread that sees the end of its socket before it may begin never does: so
 * nothing runs for a maker that has given up, or died. The exit code stays in the
 * socket, where each handle sees it; the end of the socket without one is the
 * end of the thread's process.
 */
#ifndef NTMEM_THREAD_H
#define NTMEM_THREAD_H

#include <signal.h>

#include "virtual/process.h"

struct thread_reply {
	int32_t error;		/* 0, or a Win32 error code: there is none */
	uint32_t value;		/* its number; its exit code */
};

/* What a thread is to run: the arguments of a request, from another process. */
struct thread_start {
	uint64_t start;
	uint64_t parameter;
	uint64_t stack;		/* bytes; 0: the default */
};

/*
 * Starts a thread in this process, which takes its end of the sockets over and
 * has this mask of signals once it begins. It has answered over the socket when
 * this returns, or will.
 */
void thread_begin(const struct thread_start *start, int socket,
		  const sigset_t *signals);

/*
 * Asks the process for a thread: 0 or a Win32 error code. The socket is still the
 * caller's, who waits for the answer, but no longer than deadline_ms from now.
 */
DWORD thread_request(const struct process *process,
		     const struct thread_start *start, int socket,
		     int deadline_ms);

/*
 * What one side has done before it says something over the socket the other one
 * sees once it has heard it. The kernel sees to that; these tell compilers, and
 * sanitizers, who do not know what goes through a socket.
 */
void thread_before_saying(void);
void thread_after_hearing(void);

#endif
