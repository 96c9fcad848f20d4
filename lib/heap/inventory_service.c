// SPDX-License-Identifier: MIT
/*
 * Inventories for other processes: allowed, made, asked for. See inventory.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "heap/check.h"
#include "heap/inventory.h"
#include "ntmem/ntmem.h"
#include "ntmem/winerror.h"
#include "virtual/service.h"

/* How long another process may take to make one. */
#define ANSWER_MS	10000
#define SEALS		(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* ----------------------------------------------------- in this process --- */

/* Who asked takes the file from the socket, now or never. */
static void serve(const struct service_request *request, int socket,
		  const sigset_t *signals)
{
	struct service_answer answer = { .error = ERROR_SUCCESS };
	int file = inventory_make();

	(void)request;
	(void)signals;
	if (file < 0)
		answer.error = ERROR_NOT_ENOUGH_MEMORY;
	service_send(socket, &answer, sizeof(answer), file);
	if (file >= 0)
		close(file);
	close(socket);
}

BOOL ntmem_allow_heap_reports(void)
{
	return service_allow(SERVICE_HEAPS, serve, check_report_is_allowed());
}

BOOL ntmem_forbid_heap_reports(void)
{
	service_forbid(SERVICE_HEAPS);
	return TRUE;
}

/* By the public name: the heaps may be those of another library that has it. */
void inventory_begin(void)
{
	if (check_report_is_allowed())
		ntmem_allow_heap_reports();
}

/* ----------------------------------------------------- of another process --- */

/* Is it a file that nobody can change, and that can be read without waiting? */
static bool is_sealed(int file)
{
	int seals = fcntl(file, F_GET_SEALS);
	struct stat stat;

	return seals >= 0 && (seals & SEALS) == SEALS && !fstat(file, &stat) &&
	       S_ISREG(stat.st_mode) &&
	       (uint64_t)stat.st_size <= INVENTORY_MAX;
}

static int error_of(const struct service_answer *answer)
{
	switch (answer->error) {
	case ERROR_SUCCESS:
		return 0;
	case ERROR_ACCESS_DENIED:
		return -ENOENT;
	case ERROR_NOT_SUPPORTED:
		return -EPROTO;
	case ERROR_NOT_ENOUGH_MEMORY:
		return -ENOMEM;
	default:
		return -EBADMSG;
	}
}

/* 0 once there is something on the socket, or can be no more. */
static int await(const struct process *process, int socket)
{
	struct pollfd files[2] = {
		{ .fd = socket, .events = POLLIN },
		{ .fd = process->pidfd, .events = POLLIN },
	};

	return process_await(files, 2, ANSWER_MS) ? 0 : -ETIMEDOUT;
}

static int take_answer(const struct process *process, int socket)
{
	struct service_answer answer = { 0 };
	int error = await(process, socket), file;
	ssize_t got;

	if (error)
		return error;
	got = service_receive(socket, &answer, sizeof(answer), &file);
	if (got != sizeof(answer))
		/* One that knows of no such requests just closes the socket. */
		error = process_has_ended(process->pidfd) ? -ESRCH : -EPROTO;
	else
		error = error_of(&answer);
	if (!error && (file < 0 || !is_sealed(file)))
		error = -EBADMSG;
	if (!error)
		return file;
	if (file >= 0)
		close(file);
	return error;
}

static int ask(const struct process *process)
{
	const struct service_request request = { .magic = SERVICE_MAGIC_HEAPS };
	int sockets[2], result;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, sockets))
		return -errno;
	result = service_ask(process, &request, sockets[1], ANSWER_MS);
	close(sockets[1]);
	if (!result)
		result = take_answer(process, sockets[0]);
	close(sockets[0]);
	return result;
}

int inventory_ask(pid_t pid)
{
	struct process process = { .pidfd = pidfd_open(pid, 0), .pid = pid };
	int result;

	if (process.pidfd < 0)
		return errno == EINVAL ? -ESRCH : -errno;
	result = ask(&process);
	if (result == -ENOENT && process_has_ended(process.pidfd))
		result = -ESRCH;
	if (result == -EAGAIN)
		result = -ETIMEDOUT;
	close(process.pidfd);
	return result;
}
