/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A target: a process of its own with a space of its own, that has sent a
 * handle to it and does what it is asked for. Being a child it knows the same
 * functions.
 */
#ifndef REMOTE_H
#define REMOTE_H

#include "ntmem_test.h"

#include <sys/mman.h>

/**
 * struct target - another process
 * @pid: its
 * @sock: to ask
 * @handle: of its space
 */
struct target {
	pid_t pid;
	int sock;
	int handle;
};

/* What it is asked: run is called with its device, and what that returns told. */
struct question {
	int (*run)(int fd, const struct question *question);
	__u64 addr;
	__u64 size;
	__u32 value;
};

static inline void target_serve(int sock, int fd)
{
	struct question question;
	int answer;

	while (read(sock, &question, sizeof(question)) == sizeof(question)) {
		answer = question.run(fd, &question);
		if (write(sock, &answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	_exit(0);
}

/* before: what the target does before it opens the device, or NULL. */
static inline void target_main(int sock, void (*before)(void))
{
	int fd, handle;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (before)
		before();
	fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0);
	handle = nt_open_space(fd);
	CHECK(handle >= 0);
	CHECK(!nt_send_fd(sock, handle));
	target_serve(sock, fd);
}

static inline bool target_start(struct target *target, void (*before)(void))
{
	int socks[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, socks))
		return false;
	target->pid = fork();
	if (!target->pid) {
		close(socks[0]);
		target_main(socks[1], before);
	}
	close(socks[1]);
	target->sock = socks[0];
	target->handle = nt_receive_fd(socks[0]);
	return target->handle >= 0;
}

/* Its answer; -1000 when it has none to give. */
static inline int target_ask(const struct target *target,
			     int (*run)(int fd, const struct question *q),
			     __u64 addr, __u64 size, __u32 value)
{
	const struct question question = { run, addr, size, value };
	int answer;

	if (write(target->sock, &question, sizeof(question)) !=
	    sizeof(question) ||
	    read(target->sock, &answer, sizeof(answer)) != sizeof(answer))
		return -1000;
	return answer;
}

static inline int target_kill(const struct target *target)
{
	kill(target->pid, SIGKILL);
	return nt_reap(target->pid);
}

static inline int target_does_peek(int fd, const struct question *q)
{
	(void)fd;
	return nt_peek(q->addr);
}

static inline int target_does_poke(int fd, const struct question *q)
{
	(void)fd;
	return nt_poke(q->addr, q->value);
}

static inline int target_peek(const struct target *target, __u64 addr)
{
	return target_ask(target, target_does_peek, addr, 0, 0);
}

static inline int target_poke(const struct target *target, __u64 addr,
			      unsigned char value)
{
	return target_ask(target, target_does_poke, addr, 0, value);
}

/* ------------------------------------------------------------------------
 * Another program.
 */

/* Runs instead of the test, in the program that a target has become. */
static void __attribute__((constructor)) another_program(void)
{
	const char *sock = getenv("NTMEM_REMOTE_SOCK");
	int fd;

	if (!sock)
		return;
	fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	CHECK(nt_reserve_at(fd, WANTED, GRAN) == 0);
	CHECK(write(atoi(sock), "", 1) == 1);
	target_serve(atoi(sock), fd);
}

static inline int target_execs(int fd, const struct question *q)
{
	char text[16];

	(void)fd;
	snprintf(text, sizeof(text), "%u", q->value);
	setenv("NTMEM_REMOTE_SOCK", text, 1);
	execl("/proc/self/exe", "another", NULL);
	return errno;
}

/* The target's own end of the socket: the highest that is one. */
static inline int target_sock(int fd, const struct question *q)
{
	struct stat status;
	int i, found = -1;

	(void)fd;
	(void)q;
	for (i = 0; i < 64; i++)
		if (!fstat(i, &status) && S_ISSOCK(status.st_mode))
			found = i;
	return found;
}

/* It is this program anew, and has GRAN reserved at WANTED. */
static inline bool target_exec(const struct target *target)
{
	struct question exec = {
		.run = target_execs,
		.value = target_ask(target, target_sock, 0, 0, 0),
	};
	char byte;

	return write(target->sock, &exec, sizeof(exec)) == sizeof(exec) &&
	       read(target->sock, &byte, 1) == 1;
}

#endif /* REMOTE_H */
