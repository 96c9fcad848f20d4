// SPDX-License-Identifier: MIT
/*
 * Another process for a test. See peer.h.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/beacon.h"
#include "engine/engine.h"
#include "peer.h"
#include "unit.h"

struct message {
	peer_function function;
	uintptr_t arg;
};

/* The peer's own ends, in the peer. */
static int own_to, own_from;

/* Where this process writes to each peer that it has; 0 for none. */
static int ends[8];

static void ends_replace(int old, int new)
{
	int i;

	for (i = 0; i < COUNT(ends); i++)
		if (ends[i] == old) {
			ends[i] = new;
			return;
		}
	ck_abort_msg("more peers than ends[] has room for");
}

/* A peer that kept them would keep the others from seeing their end. */
static void ends_close(void)
{
	int i;

	for (i = 0; i < COUNT(ends); i++)
		if (ends[i]) {
			close(ends[i]);
			ends[i] = 0;
		}
}

static unsigned int told;

static void tell(uintptr_t value)
{
	__atomic_fetch_add(&told, 1, __ATOMIC_RELEASE);
	if (write(own_to, &value, sizeof(value)) != sizeof(value))
		_exit(1);
}

void peer_heard(void)
{
	__atomic_load_n(&told, __ATOMIC_ACQUIRE);
}

/* A child has a handle of its own space from its first call on. */
static void obey(void)
{
	MEMORY_BASIC_INFORMATION info;
	struct message message;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	VirtualQuery(&message, &info, sizeof(info));
	tell(1);
	while (read(own_from, &message, sizeof(message)) == sizeof(message))
		tell(message.function(message.arg));
	_exit(0);
}

void peer_ask(const struct peer *peer, peer_function function, uintptr_t arg)
{
	const struct message message = { function, arg };

	ck_assert_int_eq(write(peer->to, &message, sizeof(message)),
			 sizeof(message));
}

uintptr_t peer_answer(const struct peer *peer)
{
	uintptr_t value = 0;

	ck_assert_int_eq(read(peer->from, &value, sizeof(value)),
			 sizeof(value));
	return value;
}

struct peer peer_start(void)
{
	int there[2], back[2];
	struct peer peer;

	ck_assert_int_eq(pipe(there), 0);
	ck_assert_int_eq(pipe(back), 0);
	fflush(NULL);
	peer.pid = fork();
	if (!peer.pid) {
		close(there[1]);
		close(back[0]);
		ends_close();
		own_from = there[0];
		own_to = back[1];
		obey();
	}
	ck_assert_int_gt(peer.pid, 0);
	close(there[0]);
	close(back[1]);
	peer.to = there[1];
	peer.from = back[0];
	ends_replace(0, peer.to);
	/* It is there when fork has returned there, too. */
	ck_assert_uint_eq(peer_answer(&peer), 1);
	return peer;
}

uintptr_t peer_call(const struct peer *peer, peer_function function,
		    uintptr_t arg)
{
	peer_ask(peer, function, arg);
	return peer_answer(peer);
}

void peer_stop(const struct peer *peer)
{
	int status;

	ck_assert_int_eq(kill(peer->pid, SIGSTOP), 0);
	ck_assert_int_eq(waitpid(peer->pid, &status, WUNTRACED), peer->pid);
}

int peer_end(struct peer *peer)
{
	int status;

	ends_replace(peer->to, 0);
	close(peer->to);
	close(peer->from);
	ck_assert_int_eq(waitpid(peer->pid, &status, 0), peer->pid);
	return status;
}

struct ntmem_beacon peer_beacon(const struct peer *peer)
{
	struct ntmem_beacon beacon;
	char path[32];
	int proc;

	snprintf(path, sizeof(path), "/proc/%d", peer->pid);
	proc = open(path, O_PATH | O_DIRECTORY);
	ck_assert_int_eq(ntmem_beacon_read(proc, peer->pid, &beacon), 0);
	close(proc);
	return beacon;
}

int peer_service(const struct peer *peer)
{
	int pidfd = pidfd_open(peer->pid, 0), fd;

	fd = pidfd_getfd(pidfd, peer_beacon(peer).service, 0);
	ck_assert_int_ge(fd, 0);
	close(pidfd);
	return fd;
}

int count_files(void)
{
	int fd, count = 0;

	for (fd = 0; fd < 1200; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

uintptr_t peer_files(uintptr_t unused)
{
	(void)unused;
	return count_files();
}

uintptr_t peer_map(uintptr_t prot)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return 0;
	memset(page, 0x5a, PAGE);
	return mprotect(page, PAGE, (int)prot) ? 0 : (uintptr_t)page;
}

uintptr_t peer_clone(uintptr_t unused)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	(void)unused;
	if (!pid)
		pause();
	return pid;
}

uintptr_t peer_kill(uintptr_t pid)
{
	kill((pid_t)pid, SIGKILL);
	return waitpid((pid_t)pid, NULL, 0) == (pid_t)pid;
}

uintptr_t peer_exec(uintptr_t unused)
{
	char to[12], from[12];
	char *argv[] = { "unit", "peer", to, from, NULL };

	snprintf(to, sizeof(to), "%d", own_to);
	snprintf(from, sizeof(from), "%d", own_from);
	execv("/proc/self/exe", argv);
	return unused;
}

/* Says that it is there, and stays until it is told to end. */
int peer_main(const char *to, const char *from)
{
	char byte;

	own_to = atoi(to);
	own_from = atoi(from);
	if (!VirtualAlloc(NULL, PAGE, MEM_COMMIT, PAGE_READWRITE))
		return EXIT_FAILURE;
	tell(1);
	return read(own_from, &byte, 1) ? EXIT_FAILURE : EXIT_SUCCESS;
}

bool peers_have_spaces(void)
{
	struct ntmem_info info = { 0 };

	return !ntmem_engine()->info(&info) &&
	       (info.features & NTMEM_FEATURE_REMOTE);
}
