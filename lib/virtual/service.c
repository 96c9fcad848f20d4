// SPDX-License-Identifier: MIT
/*
 * The service. See service.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "engine/beacon.h"
#include "engine/highfd.h"
#include "engine/lock.h"
#include "virtual/service.h"
#include "virtual/status.h"

#define MOST_FILES	8
#define STACK_BYTES	(256 * 1024)

/* In /proc/PID/stat, from the parent to the nice value. */
#define SKIP_NUMBERS	" %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u" \
			" %*d %*d %*d %*d "

/* A descriptor of ours, unless the program has closed it. */
struct end {
	int fd;
	uint64_t inode;
};

static const struct end no_end = { .fd = -1 };

struct permission {
	service_function function;	/* NULL: it is not allowed */
	sigset_t signals;
	bool children;
};

static struct {
	struct ntmem_lock lock;		/* of who allows and forbids */
	bool on;
	struct end service;		/* the service reads from it */
	struct end client;		/* whoever asks writes to it */
	pthread_t thread;

	/* Held over each request, and to change the ends; inside lock. */
	struct ntmem_lock serving;
	struct permission permissions[SERVICE_KINDS];
} state = {
	.lock = NTMEM_LOCK_INIT, .service = { .fd = -1 },
	.client = { .fd = -1 }, .serving = NTMEM_LOCK_INIT,
};

static const uint64_t magics[SERVICE_KINDS] = {
	[SERVICE_THREADS] = SERVICE_MAGIC_THREADS,
	[SERVICE_HEAPS] = SERVICE_MAGIC_HEAPS,
	[SERVICE_HANDLES] = SERVICE_MAGIC_HANDLES,
};

/* Is this the socket, and not another file with its number? */
static bool is_socket(int fd, uint64_t inode)
{
	struct stat stat;

	return fd >= 0 && !fstat(fd, &stat) && S_ISSOCK(stat.st_mode) &&
	       stat.st_ino == inode;
}

/* ------------------------------------------------------------- messages --- */

bool service_send(int socket, const void *data, size_t size, int file)
{
	struct iovec iov = { (void *)data, size };
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *files;

	if (file >= 0) {
		message.msg_control = control.space;
		message.msg_controllen = sizeof(control.space);
		files = CMSG_FIRSTHDR(&message);
		files->cmsg_level = SOL_SOCKET;
		files->cmsg_type = SCM_RIGHTS;
		files->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(files), &file, sizeof(int));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)size;
}

/* The descriptors that came along: the first one is kept, if it is to be. */
static int take_files(struct msghdr *message, bool keep)
{
	struct cmsghdr *header;
	int kept = -1, fd;
	size_t i, count;

	for (header = CMSG_FIRSTHDR(message); header;
	     header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET ||
		    header->cmsg_type != SCM_RIGHTS)
			continue;
		count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < count; i++) {
			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int),
			       sizeof(int));
			if (keep && kept < 0)
				kept = fd;
			else
				close(fd);
		}
	}
	return kept;
}

ssize_t service_receive(int socket, void *data, size_t size, int *file)
{
	struct iovec iov = { data, size };
	union {
		char space[CMSG_SPACE(MOST_FILES * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);

	*file = -1;
	if (got >= 0)
		*file = take_files(&message, got == (ssize_t)size &&
				   !(message.msg_flags & MSG_TRUNC));
	return got;
}

/* ------------------------------------------------------------ the asker --- */

/* The socket by which the process takes requests; or a negative errno. */
static int fetch_client(const struct process *process)
{
	int proc = process_open_proc(process->pidfd), fd, error;
	struct ntmem_beacon beacon;

	if (proc < 0)
		return proc;
	error = ntmem_beacon_read(proc, process->pid, &beacon);
	close(proc);
	if (error || beacon.service < 0)
		return error ? error : -ENOENT;
	fd = pidfd_getfd(process->pidfd, beacon.service, 0);
	if (fd < 0)
		return errno == EBADF ? -ENOENT : -errno;
	/* It may be another file's number by now. */
	if (!is_socket(fd, beacon.service_inode)) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

static int send_request(int client, const struct service_request *request,
			int socket, int deadline_ms)
{
	struct pollfd room = { .fd = client, .events = POLLOUT };

	if (service_send(client, request, sizeof(*request), socket))
		return 0;
	/* That of a service that does not read is full after some. */
	if (errno == EAGAIN && process_await(&room, 1, deadline_ms) == 1 &&
	    service_send(client, request, sizeof(*request), socket))
		return 0;
	return errno == EPIPE || errno == ECONNRESET ? -ENOENT : -errno;
}

int service_ask(const struct process *process,
		const struct service_request *request, int socket,
		int deadline_ms)
{
	int client = fetch_client(process), error;

	if (client < 0)
		return client;
	error = send_request(client, request, socket, deadline_ms);
	close(client);
	return error;
}

DWORD service_error(int error)
{
	switch (error) {
	case 0:
		return ERROR_SUCCESS;
	case -EMFILE:
	case -ENFILE:
		return ERROR_TOO_MANY_OPEN_FILES;
	case -EAGAIN:
		return ERROR_TIMEOUT;
	default:
		return ERROR_ACCESS_DENIED;
	}
}

/* ---------------------------------------------------------- the service --- */

static void refuse(int socket, DWORD error)
{
	const struct service_answer answer = { .error = (int32_t)error };

	service_send(socket, &answer, sizeof(answer), -1);
	close(socket);
}

/* The kind of a request, of whatever version; SERVICE_KINDS: it is none. */
static unsigned int kind_of(uint64_t magic)
{
	unsigned int kind = 0;

	while (kind < SERVICE_KINDS &&
	       (magic ^ magics[kind]) & ((1ULL << SERVICE_VERSION_SHIFT) - 1))
		kind++;
	return kind;
}

static void serve_one(const struct service_request *request, int socket)
{
	unsigned int kind = kind_of(request->magic);
	const struct permission *permission;

	if (kind == SERVICE_KINDS) {
		close(socket);
		return;
	}
	permission = &state.permissions[kind];
	if (!permission->function)
		refuse(socket, ERROR_ACCESS_DENIED);
	else if (request->magic != magics[kind])
		refuse(socket, ERROR_NOT_SUPPORTED);
	else
		permission->function(request, ntmem_highfd(socket),
				     &permission->signals);
}

static struct end own_end(void)
{
	struct ntmem_held held;
	struct end end;

	ntmem_lock_take(&state.serving, &held);
	end = state.service;
	ntmem_lock_give(&state.serving, &held);
	return end;
}

/* And not just an empty message, with others behind it. */
static bool is_at_end(int fd)
{
	struct pollfd end = { .fd = fd, .events = POLLRDHUP };
	int bytes = 0;

	return poll(&end, 1, 0) == 1 &&
	       (ioctl(fd, FIONREAD, &bytes) || !bytes);
}

/*
 * Does no thread of the program's run any more, the first one included? That is
 * there as a zombie as long as this one is.
 */
static bool is_alone(void)
{
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	char text[1024], *end, state;
	long threads;
	ssize_t got;

	if (fd < 0)
		return false;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = 0;
	/* Its name may hold anything. */
	end = strrchr(text, ')');
	return end && sscanf(end, ") %c" SKIP_NUMBERS "%ld", &state,
			     &threads) == 2 && state == 'Z' && threads == 2;
}

/* EAGAIN: nothing came for as long as start() has set. */
static bool is_over(int error)
{
	return error == EAGAIN ? is_alone() :
				 error != EINTR && error != EMFILE;
}

/*
 * Who answers does so over the asker's socket, and must not wait for him. When the
 * last of the program's threads has ended, the process ends with this one.
 */
static void *serve(void *arg)
{
	const struct end end = own_end();
	struct service_request request = { 0 };
	struct ntmem_held held;
	ssize_t got;
	int socket;

	while (is_socket(end.fd, end.inode)) {
		got = service_receive(end.fd, &request, sizeof(request),
				      &socket);
		if (got < 0 ? is_over(errno) : !got && is_at_end(end.fd))
			break;
		if (socket < 0)
			continue;
		ntmem_lock_take(&state.serving, &held);
		serve_one(&request, socket);
		ntmem_lock_give(&state.serving, &held);
	}
	return arg;
}

/* ---------------------------------------------------------- start, stop --- */

static struct end end_of(int fd)
{
	struct end end = { .fd = ntmem_highfd(fd) };
	struct stat stat;

	if (!fstat(end.fd, &stat))
		end.inode = stat.st_ino;
	return end;
}

static void close_end(struct end end)
{
	if (is_socket(end.fd, end.inode))
		close(end.fd);
}

static bool shut_end(const struct end *end)
{
	return is_socket(end->fd, end->inode) &&
	       !shutdown(end->fd, SHUT_RDWR);
}

static void set_sockets(struct end service, struct end client)
{
	struct ntmem_held held;

	ntmem_lock_take(&state.serving, &held);
	state.service = service;
	state.client = client;
	ntmem_lock_give(&state.serving, &held);
}

static void close_sockets(void)
{
	close_end(state.service);
	close_end(state.client);
	set_sockets(no_end, no_end);
}

/*
 * What was asked for before is done. Others may still hold the socket; where the
 * program has closed both its ends the thread hears of nothing before they do.
 */
static void stop(void)
{
	bool shut;

	ntmem_beacon_service(-1, 0);
	shut = shut_end(&state.service);
	/* Both, in any case. */
	shut = shut_end(&state.client) || shut;
	if (shut)
		pthread_join(state.thread, NULL);
	else
		pthread_detach(state.thread);
	close_sockets();
	state.on = false;
}

/*
 * A real-time policy that the maker may have is not for it: who looks through heaps
 * waits for others by yielding.
 */
static bool make_thread(void)
{
	pthread_attr_t attr;
	int error;

	if (pthread_attr_init(&attr))
		return false;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	error = pthread_create(&state.thread, &attr, serve, NULL);
	pthread_attr_destroy(&attr);
	return !error;
}

/* With the lock held, and so all signals blocked, in the service as well. */
static DWORD start(void)
{
	const struct timeval look_around = { .tv_sec = 1 };
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return ERROR_TOO_MANY_OPEN_FILES;
	setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &look_around,
		   sizeof(look_around));
	set_sockets(end_of(sockets[0]), end_of(sockets[1]));
	if (!make_thread()) {
		close_sockets();
		return ERROR_NOT_ENOUGH_MEMORY;
	}
	state.on = true;
	if (!ntmem_beacon_service(state.client.fd, state.client.inode)) {
		stop();
		return ERROR_NOT_ENOUGH_MEMORY;
	}
	return ERROR_SUCCESS;
}

static bool anything_is_allowed(void)
{
	int kind = 0;

	while (kind < SERVICE_KINDS && !state.permissions[kind].function)
		kind++;
	return kind < SERVICE_KINDS;
}

/* ----------------------------------------------------------------- fork --- */

static void forget_what_is_not_for_children(void)
{
	int kind;

	for (kind = 0; kind < SERVICE_KINDS; kind++)
		if (!state.permissions[kind].children)
			state.permissions[kind].function = NULL;
}

/*
 * A child has no service, and must not keep the way to its parent's; it gets one of
 * its own for what is allowed in children, too. The locks are not taken over fork:
 * whoever held them is not there to give them back, and what it was about is
 * closed as far as it got.
 */
static void after_fork_in_child(void)
{
	struct ntmem_held held;

	state.lock = (struct ntmem_lock)NTMEM_LOCK_INIT;
	state.serving = (struct ntmem_lock)NTMEM_LOCK_INIT;
	ntmem_lock_take(&state.lock, &held);
	close_sockets();
	state.on = false;
	forget_what_is_not_for_children();
	if (anything_is_allowed() && start())
		memset(state.permissions, 0, sizeof(state.permissions));
	ntmem_lock_give(&state.lock, &held);
}

/*
 * Not before somebody allows something, so that a child has its heaps and its engine
 * already when its service starts: their handlers were registered before.
 */
static bool register_fork_handler(void)
{
	static bool done;

	done = done || !pthread_atfork(NULL, NULL, after_fork_in_child);
	return done;
}

/* -------------------------------------------------------- allow, forbid --- */

/* A program that closes all descriptors closes those of the service, too. */
static DWORD start_if_not_on(void)
{
	if (state.on && !(is_socket(state.client.fd, state.client.inode) &&
			  is_socket(state.service.fd, state.service.inode)))
		stop();
	if (!register_fork_handler())
		return ERROR_NOT_ENOUGH_MEMORY;
	return state.on ? ERROR_SUCCESS : start();
}

static void permit(enum service_kind kind, const struct permission *permission)
{
	struct ntmem_held held;

	ntmem_lock_take(&state.serving, &held);
	state.permissions[kind] = *permission;
	ntmem_lock_give(&state.serving, &held);
}

BOOL service_allow(enum service_kind kind, service_function function,
		   bool children)
{
	struct permission permission = {
		.function = function, .children = children,
	};
	struct ntmem_held held;
	DWORD code;

	ntmem_lock_take(&state.lock, &held);
	permission.signals = held.signals;
	code = start_if_not_on();
	if (!code && !state.permissions[kind].function)
		permit(kind, &permission);
	ntmem_lock_give(&state.lock, &held);
	return code ? ntmem_refuse(code) : TRUE;
}

void service_forbid(enum service_kind kind)
{
	const struct permission none = { .function = NULL };
	struct ntmem_held held;

	ntmem_lock_take(&state.lock, &held);
	permit(kind, &none);
	if (state.on && !anything_is_allowed())
		stop();
	ntmem_lock_give(&state.lock, &held);
}
