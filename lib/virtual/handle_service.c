// SPDX-License-Identifier: MIT
/*
 * Handles in other processes' tables. What they stand for goes as a descriptor,
 * with what else a handle has, over the socket that comes with each request.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/highfd.h"
#include "ntmem/ntmem.h"
#include "virtual/duplicate.h"
#include "virtual/section.h"
#include "virtual/service.h"

/* How long another process may take to answer. */
#define ANSWER_MS	10000

/* What is asked for, and of whom: args 0 and 1 of a request. */
enum request {
	REQUEST_TAKE,		/* the handle; arg 2 is the wish */
	REQUEST_PUT,		/* 0; arg 2 is the wish; a parcel is there already */
	REQUEST_CLOSE,		/* the handle */
};

#define WISH_SAME	(1ULL << 32)
#define WISH_INHERIT	(1ULL << 33)

/* What a handle is, with a descriptor; an answer without one has an error. */
struct parcel {
	struct service_answer answer;	/* value: the handle that was made */
	uint32_t kind;
	uint32_t access;
};

/* ---------------------------------------------------------------- parcels --- */

static uint64_t wish_word(const struct handle_wish *wish)
{
	return wish->access | (wish->same_access ? WISH_SAME : 0) |
	       (wish->inherit ? WISH_INHERIT : 0);
}

static struct handle_wish wish_of(uint64_t word)
{
	return (struct handle_wish){
		.access = (DWORD)word, .same_access = word & WISH_SAME,
		.inherit = word & WISH_INHERIT,
	};
}

/* Its descriptor stays the handle's. A thread's end is told to its maker alone. */
static DWORD pack(HANDLE handle, struct parcel *parcel, int *fd)
{
	enum handle_kind kind;
	DWORD access;

	if (!handle_look_any(handle, &kind, fd, &access))
		return ERROR_INVALID_HANDLE;
	if (kind == HANDLE_THREAD)
		return ERROR_NOT_SUPPORTED;
	*parcel = (struct parcel){ .kind = kind, .access = access };
	return ERROR_SUCCESS;
}

static HANDLE unpack_process(int fd, DWORD access)
{
	int number = process_number(fd);

	if (number > 0)
		return handle_make_kind(HANDLE_PROCESS, fd, access, number, -1);
	SetLastError(number == -ESRCH ? ERROR_INVALID_PARAMETER :
					ERROR_ACCESS_DENIED);
	return NULL;
}

/* A handle, which takes over the descriptor; it is closed where there is none. */
static DWORD unpack(const struct parcel *parcel, int file, bool inherit,
		    HANDLE *made)
{
	int fd = ntmem_highfd(file);
	HANDLE handle = NULL;
	DWORD code;

	if (parcel->kind == HANDLE_SECTION)
		handle = handle_of_section(fd, &parcel->access);
	else if (parcel->kind == HANDLE_FILE)
		handle = handle_make(HANDLE_FILE, fd, parcel->access);
	else if (parcel->kind == HANDLE_PROCESS)
		handle = unpack_process(fd, parcel->access);
	else
		SetLastError(ERROR_INVALID_HANDLE);
	if (!handle) {
		code = GetLastError();
		close(fd);
		return code;
	}
	if (inherit)
		handle_inherit(fd, true);
	*made = handle;
	return ERROR_SUCCESS;
}

/* ------------------------------------------------------------- the asker --- */

/* A process that ends closes the socket, but for what others hold of it. */
static DWORD await(int socket, int pidfd, struct parcel *parcel, int *file)
{
	struct pollfd files[2] = {
		{ .fd = socket, .events = POLLIN },
		{ .fd = pidfd, .events = POLLIN },
	};

	if (!process_await(files, 2, ANSWER_MS))
		return ERROR_TIMEOUT;
	if (!(files[0].revents & POLLIN) ||
	    service_receive(socket, parcel, sizeof(*parcel), file) <
	    (ssize_t)sizeof(parcel->answer))
		return ERROR_ACCESS_DENIED;
	return (DWORD)parcel->answer.error;
}

/* Sends the parcel with file, if there is one, and replaces both by the answer. */
static DWORD ask(const struct process *process,
		 const struct service_request *request, struct parcel *parcel,
		 int *file)
{
	bool brings = *file >= 0;
	int sockets[2], error = 0;
	DWORD code;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return ERROR_TOO_MANY_OPEN_FILES;
	sockets[0] = ntmem_highfd(sockets[0]);
	if (brings && !service_send(sockets[0], parcel, sizeof(*parcel), *file))
		error = -errno;
	if (!error)
		error = service_ask(process, request, sockets[1], ANSWER_MS);
	close(sockets[1]);
	*file = -1;
	code = error ? service_error(error) :
		       await(sockets[0], process->pidfd, parcel, file);
	close(sockets[0]);
	return code;
}

DWORD handle_take(const struct process *from, HANDLE source,
		  const struct handle_wish *wish, HANDLE *made)
{
	const struct service_request request = {
		.magic = SERVICE_MAGIC_HANDLES,
		.arg = { REQUEST_TAKE, (uintptr_t)source, wish_word(wish) },
	};
	int saved_errno = errno, file = -1;
	struct parcel parcel;
	DWORD code = ask(from, &request, &parcel, &file);

	if (!code)
		code = file < 0 ? ERROR_TOO_MANY_OPEN_FILES :
				  unpack(&parcel, file, wish->inherit, made);
	else if (file >= 0)
		close(file);
	errno = saved_errno;
	return code;
}

DWORD handle_put(const struct process *to, HANDLE source, bool inherit,
		 HANDLE *made)
{
	const struct service_request request = {
		.magic = SERVICE_MAGIC_HANDLES,
		.arg = { REQUEST_PUT, 0, inherit ? WISH_INHERIT : 0 },
	};
	int saved_errno = errno, file;
	struct parcel parcel;
	DWORD code = pack(source, &parcel, &file);

	if (!code)
		code = ask(to, &request, &parcel, &file);
	if (!code)
		*made = (HANDLE)(uintptr_t)parcel.answer.value;
	errno = saved_errno;
	return code;
}

DWORD handle_close_there(const struct process *there, HANDLE handle)
{
	const struct service_request request = {
		.magic = SERVICE_MAGIC_HANDLES,
		.arg = { REQUEST_CLOSE, (uintptr_t)handle },
	};
	int saved_errno = errno, file = -1;
	struct parcel parcel;
	DWORD code = ask(there, &request, &parcel, &file);

	errno = saved_errno;
	return code;
}

/* ------------------------------------------------------------ the service --- */

static bool answer(int socket, DWORD error, HANDLE made)
{
	const struct parcel parcel = {
		.answer = { (int32_t)error, (uint32_t)(uintptr_t)made },
	};

	return service_send(socket, &parcel, sizeof(parcel), -1);
}

static void give(int socket, HANDLE source, const struct handle_wish *wish)
{
	struct parcel parcel;
	HANDLE own;
	DWORD code;
	int fd = -1;

	own = handle_duplicate(source, wish);
	code = own ? pack(own, &parcel, &fd) : GetLastError();
	if (code)
		answer(socket, code, NULL);
	else
		service_send(socket, &parcel, sizeof(parcel), fd);
	if (own)
		CloseHandle(own);
}

/* Who asks has sent it before; nobody is waited for. */
static DWORD take_parcel(int socket, bool inherit, HANDLE *made)
{
	struct pollfd there = { .fd = socket, .events = POLLIN };
	struct parcel parcel;
	int file;

	if (poll(&there, 1, 0) != 1 ||
	    service_receive(socket, &parcel, sizeof(parcel), &file) < 0)
		return ERROR_INVALID_PARAMETER;
	return file < 0 ? ERROR_TOO_MANY_OPEN_FILES :
			  unpack(&parcel, file, inherit, made);
}

/* A handle that nobody is told of any more is none. */
static void put(int socket, bool inherit)
{
	HANDLE made = NULL;
	DWORD code = take_parcel(socket, inherit, &made);

	if (!answer(socket, code, made) && made)
		CloseHandle(made);
}

static void serve_handles(const struct service_request *request, int socket,
			  const sigset_t *signals)
{
	HANDLE handle = (HANDLE)(uintptr_t)request->arg[1];
	const struct handle_wish wish = wish_of(request->arg[2]);

	(void)signals;
	switch (request->arg[0]) {
	case REQUEST_TAKE:
		give(socket, handle, &wish);
		break;
	case REQUEST_PUT:
		put(socket, wish.inherit);
		break;
	case REQUEST_CLOSE:
		answer(socket, CloseHandle(handle) ? 0 : GetLastError(), NULL);
		break;
	default:
		answer(socket, ERROR_NOT_SUPPORTED, NULL);
		break;
	}
	close(socket);
}

BOOL ntmem_allow_remote_handles(void)
{
	/* Sections are the engine's. */
	ntmem_engine();
	return service_allow(SERVICE_HANDLES, serve_handles, false);
}

BOOL ntmem_forbid_remote_handles(void)
{
	service_forbid(SERVICE_HANDLES);
	return TRUE;
}
