// SPDX-License-Identifier: MIT
/*
 * Threads: made here or in another process, begun, asked how they ended. See
 * thread.h for how a thread and its handles know of each other.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/highfd.h"
#include "engine/lock.h"
#include "virtual/thread.h"

#define CREATE_FLAGS	(CREATE_SUSPENDED | STACK_SIZE_PARAM_IS_A_RESERVATION)
/* How long another process may take to answer. */
#define ANSWER_MS	10000

static unsigned int said;
/* Held from saying it until nobody can say it again. */
static struct ntmem_lock beginning = NTMEM_LOCK_INIT;

void thread_before_saying(void)
{
	__atomic_fetch_add(&said, 1, __ATOMIC_RELEASE);
}

void thread_after_hearing(void)
{
	__atomic_load_n(&said, __ATOMIC_ACQUIRE);
}

/* ------------------------------------------------------- in the thread --- */

struct running {
	struct thread_start start;
	sigset_t signals;
	int socket;		/* -1 in a child of fork */
	DWORD code;
};

/* What thread_begin() hands over, on its stack: valid until it is told. */
struct handover {
	struct running running;
	sem_t taken;
};

static __thread struct running *current
	__attribute__((tls_model("initial-exec")));

static bool answer(int socket, DWORD error, DWORD value)
{
	const struct thread_reply reply = {
		.error = (int32_t)error, .value = value,
	};

	return send(socket, &reply, sizeof(reply),
		    MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(reply);
}

static bool may_begin(int socket)
{
	ssize_t got;
	char byte;

	do {
		got = recv(socket, &byte, 1, 0);
	} while (got < 0 && errno == EINTR);
	return got == 1;
}

static void tell_end(void *arg)
{
	struct running *running = arg;

	current = NULL;
	if (running->socket < 0)
		return;
	thread_before_saying();
	answer(running->socket, 0, running->code);
	close(running->socket);
}

/* What the child of a thread does says nothing of its parent's thread. */
static void after_fork_in_child(void)
{
	beginning = (struct ntmem_lock)NTMEM_LOCK_INIT;
	if (!current || current->socket < 0)
		return;
	close(current->socket);
	current->socket = -1;
}

__attribute__((constructor)) static void register_fork_handler(void)
{
	pthread_atfork(NULL, NULL, after_fork_in_child);
}

/* All signals are blocked until it begins. */
static void *run(void *arg)
{
	struct handover *handover = arg;
	struct running running = handover->running;
	LPTHREAD_START_ROUTINE start =
		(LPTHREAD_START_ROUTINE)(uintptr_t)running.start.start;

	sem_post(&handover->taken);
	if (!answer(running.socket, 0, GetCurrentThreadId()) ||
	    !may_begin(running.socket)) {
		close(running.socket);
		return NULL;
	}
	thread_after_hearing();
	current = &running;
	pthread_cleanup_push(tell_end, &running);
	pthread_sigmask(SIG_SETMASK, &running.signals, NULL);
	running.code = start((void *)(uintptr_t)running.start.parameter);
	pthread_cleanup_pop(1);
	return NULL;
}

static int create(struct handover *handover)
{
	uint64_t stack = handover->running.start.stack;
	pthread_attr_t attr;
	pthread_t thread;
	int error;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (stack > VIRTUAL_HIGHEST)
		stack = VIRTUAL_HIGHEST;
	if (stack && stack < (uint64_t)PTHREAD_STACK_MIN)
		stack = PTHREAD_STACK_MIN;
	if (stack)
		pthread_attr_setstacksize(&attr, virtual_page(stack +
							      VIRTUAL_PAGE - 1));
	error = pthread_create(&thread, &attr, run, handover);
	pthread_attr_destroy(&attr);
	return error;
}

void thread_begin(const struct thread_start *start, int socket,
		  const sigset_t *signals)
{
	struct handover handover = {
		.running = {
			.start = *start, .socket = socket, .signals = *signals,
		},
	};
	sigset_t all, before;

	sem_init(&handover.taken, 0, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (create(&handover)) {
		answer(socket, ERROR_NOT_ENOUGH_MEMORY, 0);
		close(socket);
	} else {
		while (sem_wait(&handover.taken))
			continue;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	sem_destroy(&handover.taken);
}

VOID WINAPI ExitThread(DWORD dwExitCode)
{
	if (current)
		current->code = dwExitCode;
	pthread_exit(NULL);
}

HANDLE WINAPI GetCurrentThread(VOID)
{
	return (HANDLE)(LONG_PTR)-2;
}

DWORD WINAPI GetCurrentThreadId(VOID)
{
	return (DWORD)syscall(SYS_gettid);
}

/* --------------------------------------------------------------- create --- */

/* What CreateRemoteThread is asked for. */
struct creation {
	const SECURITY_ATTRIBUTES *attributes;
	struct thread_start start;
	DWORD flags;
	DWORD *id;
};

static DWORD check_creation(const struct creation *creation)
{
	if (!creation->start.start || creation->flags & ~(DWORD)CREATE_FLAGS)
		return ERROR_INVALID_PARAMETER;
	if (creation->attributes && creation->attributes->lpSecurityDescriptor)
		return ERROR_NOT_SUPPORTED;
	return ERROR_SUCCESS;
}

/*
 * The answer to a request; pidfd is -1 for this process. The socket ends with the
 * process, but for what the process may do with it: it is both that are looked at.
 */
static DWORD await_answer(int socket, int pidfd, struct thread_reply *reply)
{
	struct pollfd files[2] = {
		{ .fd = socket, .events = POLLIN },
		{ .fd = pidfd, .events = POLLIN },
	};

	if (!process_await(files, 2, pidfd < 0 ? -1 : ANSWER_MS))
		return ERROR_TIMEOUT;
	if (recv(socket, reply, sizeof(*reply), MSG_DONTWAIT) !=
	    sizeof(*reply))
		return ERROR_ACCESS_DENIED;
	return (DWORD)reply->error;
}

/* Has a thread made, which will answer over the socket. */
static DWORD make(const struct process *process,
		  const struct creation *creation, int socket)
{
	sigset_t signals;
	DWORD code;

	if (process->own) {
		pthread_sigmask(SIG_SETMASK, NULL, &signals);
		thread_begin(&creation->start, socket, &signals);
		return ERROR_SUCCESS;
	}
	code = thread_request(process, &creation->start, socket, ANSWER_MS);
	close(socket);
	return code;
}

/* 1 when it was waiting for it: only the first one gets to say it. */
static DWORD let_begin(int socket)
{
	struct ntmem_held held;
	DWORD first;

	ntmem_lock_take(&beginning, &held);
	thread_before_saying();
	first = send(socket, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
	if (first)
		shutdown(socket, SHUT_WR);
	ntmem_lock_give(&beginning, &held);
	return first;
}

/* A handle, which takes over the socket, or NULL with the last error set. */
static HANDLE handle_of(const struct process *process,
			const struct creation *creation, int socket,
			DWORD number)
{
	bool inherit = creation->attributes &&
		       creation->attributes->bInheritHandle;
	int helper = -1;
	HANDLE handle;

	if (!process->own) {
		helper = fcntl(process->pidfd, F_DUPFD_CLOEXEC, 3);
		if (helper < 0) {
			SetLastError(ERROR_TOO_MANY_OPEN_FILES);
			return NULL;
		}
		helper = ntmem_highfd(helper);
	}
	handle = handle_make_kind(HANDLE_THREAD, socket, THREAD_ALL_ACCESS,
				  (pid_t)number, helper);
	if (!handle && helper >= 0)
		close(helper);
	else if (handle && inherit)
		handle_inherit(socket, true);
	return handle;
}

/* The same of a thread that has answered, and begins if it is to. */
static HANDLE finish(const struct process *process,
		     const struct creation *creation, int socket)
{
	struct thread_reply reply = { 0 };
	int pidfd = process->own ? -1 : process->pidfd;
	DWORD code = await_answer(socket, pidfd, &reply);
	HANDLE handle;

	if (code) {
		SetLastError(code);
		return NULL;
	}
	handle = handle_of(process, creation, socket, reply.value);
	if (!handle)
		return NULL;
	if (creation->id)
		*creation->id = reply.value;
	if (!(creation->flags & CREATE_SUSPENDED))
		let_begin(socket);
	return handle;
}

static HANDLE create_thread(const struct process *process,
			    const struct creation *creation)
{
	HANDLE handle = NULL;
	int sockets[2];
	DWORD code;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets)) {
		SetLastError(ERROR_TOO_MANY_OPEN_FILES);
		return NULL;
	}
	sockets[0] = ntmem_highfd(sockets[0]);
	code = make(process, creation, ntmem_highfd(sockets[1]));
	if (code)
		SetLastError(code);
	else
		handle = finish(process, creation, sockets[0]);
	if (!handle)
		close(sockets[0]);
	return handle;
}

HANDLE WINAPI CreateRemoteThread(HANDLE hProcess,
				 LPSECURITY_ATTRIBUTES lpThreadAttributes,
				 SIZE_T dwStackSize,
				 LPTHREAD_START_ROUTINE lpStartAddress,
				 LPVOID lpParameter, DWORD dwCreationFlags,
				 LPDWORD lpThreadId)
{
	const struct creation creation = {
		.attributes = lpThreadAttributes,
		.start = {
			.start = (uintptr_t)lpStartAddress,
			.parameter = (uintptr_t)lpParameter,
			.stack = dwStackSize,
		},
		.flags = dwCreationFlags, .id = lpThreadId,
	};
	DWORD code = check_creation(&creation);
	int saved_errno = errno;
	struct process process;
	HANDLE handle;

	if (code) {
		SetLastError(code);
		return NULL;
	}
	if (!process_look(hProcess, PROCESS_CREATE_THREAD, &process))
		return NULL;
	handle = create_thread(&process, &creation);
	errno = saved_errno;
	return handle;
}

HANDLE WINAPI CreateRemoteThreadEx(HANDLE hProcess,
				   LPSECURITY_ATTRIBUTES lpThreadAttributes,
				   SIZE_T dwStackSize,
				   LPTHREAD_START_ROUTINE lpStartAddress,
				   LPVOID lpParameter, DWORD dwCreationFlags,
				   LPPROC_THREAD_ATTRIBUTE_LIST lpAttributeList,
				   LPDWORD lpThreadId)
{
	if (lpAttributeList) {
		SetLastError(ERROR_NOT_SUPPORTED);
		return NULL;
	}
	return CreateRemoteThread(hProcess, lpThreadAttributes, dwStackSize,
				  lpStartAddress, lpParameter, dwCreationFlags,
				  lpThreadId);
}

HANDLE WINAPI CreateThread(LPSECURITY_ATTRIBUTES lpThreadAttributes,
			   SIZE_T dwStackSize,
			   LPTHREAD_START_ROUTINE lpStartAddress,
			   LPVOID lpParameter, DWORD dwCreationFlags,
			   LPDWORD lpThreadId)
{
	return CreateRemoteThread(GetCurrentProcess(), lpThreadAttributes,
				  dwStackSize, lpStartAddress, lpParameter,
				  dwCreationFlags, lpThreadId);
}

/* ----------------------------------------------------------------- look --- */

/* NULL, with the last error set, unless the handle has one of the rights. */
static const struct handle_more *look(HANDLE handle, DWORD rights, int *socket)
{
	const struct handle_more *more;
	DWORD access;

	more = handle_look_kind(handle, HANDLE_THREAD, socket, &access);
	if (more && !(access & rights)) {
		SetLastError(ERROR_ACCESS_DENIED);
		return NULL;
	}
	return more;
}

#define QUERY_RIGHTS	(THREAD_QUERY_INFORMATION | \
			 THREAD_QUERY_LIMITED_INFORMATION)

/* The exit code, which stays there for others. */
static DWORD look_at_end(int socket, int pidfd)
{
	struct thread_reply reply;
	bool ended;
	ssize_t got;
	int tries;

	/* Looked at first: what it has said before its end is there then. */
	ended = pidfd >= 0 && process_has_ended(pidfd);

	/* An end with something unread is told once, before what there is. */
	for (tries = 0; tries < 2; tries++) {
		got = recv(socket, &reply, sizeof(reply),
			   MSG_PEEK | MSG_DONTWAIT);
		if (got == sizeof(reply)) {
			thread_after_hearing();
			return reply.value;
		}
		if (got >= 0 || errno != ECONNRESET)
			break;
	}
	if (got < 0 && errno == EAGAIN && !ended)
		return STILL_ACTIVE;
	return (DWORD)STATUS_UNSUCCESSFUL;
}

BOOL WINAPI GetExitCodeThread(HANDLE hThread, LPDWORD lpExitCode)
{
	const struct handle_more *more;
	int saved_errno = errno, socket;

	if (hThread == GetCurrentThread()) {
		if (!lpExitCode)
			return ntmem_refuse(ERROR_NOACCESS);
		*lpExitCode = STILL_ACTIVE;
		return TRUE;
	}
	more = look(hThread, QUERY_RIGHTS, &socket);
	if (!more)
		return FALSE;
	if (!lpExitCode)
		return ntmem_refuse(ERROR_NOACCESS);
	*lpExitCode = look_at_end(socket, handle_helper(more));
	errno = saved_errno;
	return TRUE;
}

DWORD WINAPI ResumeThread(HANDLE hThread)
{
	int saved_errno = errno, socket;
	DWORD before;

	if (hThread == GetCurrentThread())
		return 0;
	if (!look(hThread, THREAD_SUSPEND_RESUME, &socket))
		return (DWORD)-1;
	before = let_begin(socket);
	errno = saved_errno;
	return before;
}

DWORD WINAPI GetThreadId(HANDLE Thread)
{
	const struct handle_more *more;
	int socket;

	if (Thread == GetCurrentThread())
		return GetCurrentThreadId();
	more = look(Thread, QUERY_RIGHTS, &socket);
	return more ? (DWORD)more->id : 0;
}
