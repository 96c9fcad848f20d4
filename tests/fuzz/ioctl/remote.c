// SPDX-License-Identifier: MIT
/*
 * Calls through a handle of OPEN_SPACE: by a child on its parent, whose oracle
 * knows what that did, or by a parent on a child, whose memory nobody looks at
 * but which may end at any time. Both have one table of files, so that a number
 * is a handle.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

#define ON_CHILD	1	/* else on the parent */
#define CHILD_ENDS	2	/* meanwhile */

/* How this thread's next call is to go, plus 1; 0: as ever. */
static __thread unsigned int how_next;

struct answer {
	int error;
	int handle;
	unsigned char arg[MOST_ARGUMENT];
};

static pid_t fork_with_files(void)
{
	return syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL,
		       NULL);
}

static int open_space(int fd)
{
	struct ntmem_open_space space = { .flags = 0 };

	return ioctl(fd, NTMEM_IOC_OPEN_SPACE, &space) ? -errno : space.fd;
}

/* What the child has to say, unless it ends without a word. */
static bool hear(pid_t pid, int from, struct answer *answer)
{
	struct pollfd poll_fd = { .fd = from, .events = POLLIN };
	int ready = 0;

	while (ready <= 0) {
		ready = poll(&poll_fd, 1, 100);
		if (ready <= 0 && waitpid(pid, NULL, WNOHANG | __WALL) == pid)
			return false;
	}
	return read(from, answer, sizeof(*answer)) == sizeof(*answer);
}

/* A child does it to this process. */
static int call_by_child(const int pair[2], int handle, unsigned long cmd,
			 void *arg)
{
	struct answer answer = { .error = EAGAIN };
	pid_t pid = fork_with_files();

	if (!pid) {
		cover_thread();
		answer.error = result_of(ioctl(handle, cmd, arg));
		memcpy(answer.arg, arg, _IOC_SIZE(cmd));
		if (write(pair[1], &answer, sizeof(answer)) < 0)
			_exit(1);
		_exit(0);
	}
	if (pid > 0 && hear(pid, pair[0], &answer)) {
		memcpy(arg, answer.arg, _IOC_SIZE(cmd));
		waitpid(pid, NULL, __WALL);
	} else {
		/* It may have been done all the same. */
		oracle_resync();
	}
	return answer.error;
}

static void be_target(int to, bool ends)
{
	struct answer answer = { .handle = -1 };
	int fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);

	answer.handle = open_space(fd);
	close(fd);
	if (write(to, &answer, sizeof(answer)) > 0 && !ends)
		for (;;)
			pause();
	_exit(0);
}

/* This process does it to a child. */
static int call_on_child(const int pair[2], bool ends, unsigned long cmd,
			 void *arg)
{
	struct answer answer = { .handle = -EAGAIN };
	pid_t pid = fork_with_files();
	int error;

	if (!pid)
		be_target(pair[1], ends);
	if (pid < 0 || !hear(pid, pair[0], &answer))
		return EAGAIN;
	if (answer.handle < 0) {
		error = -answer.handle;
	} else {
		error = result_of(ioctl(answer.handle, cmd, arg));
		close(answer.handle);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, __WALL);
	return error;
}

/**
 * remote_call() - a call on the device, or as remote_next() wants it
 * @cmd: an ioctl
 * @arg: its argument
 * @ours: it was about the memory of this process
 */
int remote_call(unsigned long cmd, void *arg, bool *ours)
{
	unsigned int how = how_next;
	int pair[2], handle, error;

	how_next = 0;
	*ours = true;
	if (!how--)
		return result_of(ioctl(device, cmd, arg));
	if (pipe2(pair, O_CLOEXEC))
		return result_of(ioctl(device, cmd, arg));
	if (how & ON_CHILD) {
		*ours = false;
		error = call_on_child(pair, how & CHILD_ENDS, cmd, arg);
	} else {
		handle = open_space(device);
		error = handle < 0 ? -handle :
				     call_by_child(pair, handle, cmd, arg);
		close(handle);
	}
	close(pair[0]);
	close(pair[1]);
	return error;
}

/* Kind 0, 1: its next call is made by a child; 2: on one; 3: that ends. */
int remote_next(const struct op *op)
{
	static const unsigned int kinds[] = {
		0, 0, ON_CHILD, ON_CHILD | CHILD_ENDS,
	};

	how_next = kinds[op->arg[0].value & 3] + 1;
	return 0;
}
