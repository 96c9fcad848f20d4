/* SPDX-License-Identifier: MIT */
/*
 * The service: a thread by which a process does what others ask it for. There is
 * one as long as the process allows any kind of request, and nothing else of it.
 *
 * The service reads from one end of a pair of sockets. The other end lies among
 * the descriptors of this process, and the beacon tells its number: whoever may
 * take it from there (pidfd_getfd(2)) could attach to this process by ptrace(2)
 * just as well, and have it do anything. No name leads to it.
 *
 * With each request comes a socket of the asker's (SOCK_SEQPACKET), for answers;
 * what they are, the kind says. One that is refused gets a struct service_answer
 * with an error, and what is no request at all gets none.
 */
#ifndef NTMEM_SERVICE_H
#define NTMEM_SERVICE_H

#include <signal.h>

#include "virtual/process.h"

enum service_kind {
	SERVICE_THREADS,	/* thread.h */
	SERVICE_HEAPS,		/* heap/inventory.h */
	SERVICE_HANDLES,	/* duplicate.h */
	SERVICE_KINDS,
};

struct service_request {
	uint64_t magic;		/* the kind, and in the highest byte its version */
	uint64_t arg[3];
};

#define SERVICE_MAGIC_THREADS	0x01647268746d746eULL
#define SERVICE_MAGIC_HEAPS	0x01706165686d746eULL
#define SERVICE_MAGIC_HANDLES	0x01646e68646d746eULL
#define SERVICE_VERSION_SHIFT	56

/* What every answer begins with. */
struct service_answer {
	int32_t error;		/* 0, or a Win32 error code */
	uint32_t value;
};

/*
 * Called by the service, with all signals blocked. The socket is the function's to
 * close. signals: the mask that who allowed it had.
 */
typedef void (*service_function)(const struct service_request *request,
				 int socket, const sigset_t *signals);

/*
 * Allows a kind, which function serves from now on; it stays as it is where it is
 * allowed already. children: in those made by fork(2), too. FALSE with the error as
 * the thread's last one.
 */
BOOL service_allow(enum service_kind kind, service_function function,
		   bool children);

/* When this returns, no request of that kind is being served, and none will be. */
void service_forbid(enum service_kind kind);

/*
 * Asks another process; the socket stays the caller's. A service that does not
 * read is waited for up to deadline_ms. A negative errno: ENOENT where the
 * process has no service, EPERM or EACCES where the kernel does not let this one
 * know, EAGAIN after the deadline.
 */
int service_ask(const struct process *process,
		const struct service_request *request, int socket,
		int deadline_ms);

/* The Win32 error code of what service_ask() returned. */
DWORD service_error(int error);

/* One message, with a descriptor or -1. False unless it is sent at once. */
bool service_send(int socket, const void *data, size_t size, int file);

/*
 * The next message, with the descriptor that came first in it, if it has just this
 * size, or -1; others are closed. Returns as recvmsg(2), 0 at the end.
 */
ssize_t service_receive(int socket, void *data, size_t size, int *file);

#endif
