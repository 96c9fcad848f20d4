// SPDX-License-Identifier: MIT
/*
 * Threads, of this process and in another one.
 */
#include <errno.h>
#include <fcntl.h>
#include <ntmem.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/beacon.h"
#include "inject.h"
#include "peer.h"
#include "unit.h"

#define SECONDS	60

static struct peer peer;
static HANDLE process;

static uintptr_t allow(uintptr_t unused)
{
	(void)unused;
	return ntmem_allow_remote_threads();
}

static uintptr_t forbid(uintptr_t unused)
{
	(void)unused;
	return ntmem_forbid_remote_threads();
}

static void setup(void)
{
	peer = peer_start();
	process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, peer.pid);
	ck_assert_ptr_nonnull(process);
	ck_assert_uint_eq(peer_call(&peer, allow, 0), 1);
}

static void teardown(void)
{
	CloseHandle(process);
	peer_end(&peer);
}

/* Waits for the end of a thread, and closes its handle. */
static DWORD end_of(HANDLE thread)
{
	DWORD code = 0;

	ck_assert_ptr_nonnull(thread);
	ck_assert_uint_eq(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
	assert_ok(GetExitCodeThread(thread, &code));
	assert_ok(CloseHandle(thread));
	return code;
}

static DWORD WINAPI add_one(LPVOID arg)
{
	return (DWORD)(uintptr_t)arg + 1;
}

static DWORD WINAPI tell_itself(LPVOID arg)
{
	peer_heard();
	*(DWORD *)arg = GetCurrentThreadId();
	return GetCurrentProcessId();
}

static DWORD WINAPI exit_early(LPVOID arg)
{
	ExitThread((DWORD)(uintptr_t)arg);
}

static DWORD WINAPI wait_for_byte(LPVOID arg)
{
	char c;

	peer_heard();
	return read((int)(uintptr_t)arg, &c, 1) == 1 ? (DWORD)c : 0;
}

static DWORD WINAPI use_stack(LPVOID arg)
{
	size_t size = (size_t)(uintptr_t)arg, i;
	char here[size];

	for (i = 0; i < size; i += PAGE)
		*(volatile char *)(here + i) = 1;
	return 1;
}

/* ----------------------------------------------------------------- here --- */

START_TEST(a_thread_of_this_process)
{
	DWORD id = 0, told = 0, code = 0;
	HANDLE thread;

	assert_ok(thread = CreateThread(NULL, 0, tell_itself, &told, 0, &id));
	ck_assert_uint_eq(GetThreadId(thread), id);
	ck_assert_uint_eq(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
	ck_assert_uint_eq(WaitForSingleObject(thread, 0), WAIT_OBJECT_0);
	assert_ok(GetExitCodeThread(thread, &code));
	ck_assert_uint_eq(code, getpid());
	/* The code stays, however often it is asked for. */
	assert_ok(GetExitCodeThread(thread, &code));
	ck_assert_uint_eq(code, getpid());
	ck_assert_uint_eq(told, id);
	ck_assert_uint_ne(id, GetCurrentThreadId());
	assert_ok(CloseHandle(thread));
	ck_assert_uint_eq(end_of(CreateThread(NULL, 0, exit_early, (void *)77,
					      0, NULL)), 77);
	/* More than by default. */
	ck_assert_uint_eq(end_of(CreateThread(NULL, 64 << 20, use_stack,
					      (void *)(48 << 20), 0, NULL)),
			  1);
	/* A stack of a byte is as large as it has to be. */
	ck_assert_uint_eq(end_of(CreateThread(NULL, 1, add_one, (void *)1, 0,
					      NULL)), 2);
	assert_ok(GetExitCodeThread(GetCurrentThread(), &code));
	ck_assert_uint_eq(code, STILL_ACTIVE);
	assert_fails(ERROR_NOACCESS,
		     GetExitCodeThread(GetCurrentThread(), NULL));
	ck_assert_uint_eq(ResumeThread(GetCurrentThread()), 0);
	ck_assert_uint_eq(GetThreadId(GetCurrentThread()), gettid());
}
END_TEST

START_TEST(a_thread_that_still_runs)
{
	HANDLE thread, copy, self = GetCurrentProcess();
	int pipes[2];
	DWORD code;

	ck_assert_int_eq(pipe(pipes), 0);
	assert_ok(thread = CreateThread(NULL, 0, wait_for_byte,
					(void *)(uintptr_t)pipes[0], 0, NULL));
	assert_ok(GetExitCodeThread(thread, &code));
	ck_assert_uint_eq(code, STILL_ACTIVE);
	ck_assert_uint_eq(WaitForSingleObject(thread, 10), WAIT_TIMEOUT);
	ck_assert_uint_eq(ResumeThread(thread), 0);
	assert_ok(DuplicateHandle(self, thread, self, &copy, SYNCHRONIZE,
				  FALSE, 0));
	assert_fails(ERROR_ACCESS_DENIED, GetExitCodeThread(copy, &code));
	assert_fails(ERROR_ACCESS_DENIED, GetThreadId(copy));
	assert_fails(ERROR_ACCESS_DENIED, ResumeThread(copy) != (DWORD)-1);
	assert_fails(ERROR_NOACCESS, GetExitCodeThread(thread, NULL));
	assert_fails(ERROR_INVALID_HANDLE, GetProcessId(thread));
	ck_assert_int_eq(write(pipes[1], "c", 1), 1);
	ck_assert_uint_eq(WaitForSingleObject(copy, INFINITE), WAIT_OBJECT_0);
	ck_assert_uint_eq(end_of(thread), 'c');
	CloseHandle(copy);
	close(pipes[0]);
	close(pipes[1]);
}
END_TEST

START_TEST(a_thread_begins_when_it_is_resumed)
{
	HANDLE thread;
	DWORD told = 0, id, code;

	assert_ok(thread = CreateThread(NULL, 0, tell_itself, &told,
					CREATE_SUSPENDED, &id));
	ck_assert_uint_eq(WaitForSingleObject(thread, 20), WAIT_TIMEOUT);
	assert_ok(GetExitCodeThread(thread, &code));
	ck_assert_uint_eq(code, STILL_ACTIVE);
	ck_assert_uint_eq(__atomic_load_n(&told, __ATOMIC_RELAXED), 0);
	ck_assert_uint_eq(ResumeThread(thread), 1);
	ck_assert_uint_eq(ResumeThread(thread), 0);
	ck_assert_uint_eq(end_of(thread), getpid());
	ck_assert_uint_eq(told, id);
}
END_TEST

START_TEST(threads_that_cannot_be)
{
	SECURITY_ATTRIBUTES secure = {
		.nLength = sizeof(secure), .lpSecurityDescriptor = &secure,
	};

	assert_fails(ERROR_INVALID_PARAMETER,
		     CreateThread(NULL, 0, NULL, NULL, 0, NULL));
	assert_fails(ERROR_INVALID_PARAMETER,
		     CreateThread(NULL, 0, add_one, NULL, 0x80, NULL));
	assert_fails(ERROR_NOT_SUPPORTED,
		     CreateThread(&secure, 0, add_one, NULL, 0, NULL));
	assert_fails(ERROR_NOT_SUPPORTED,
		     CreateRemoteThreadEx(process, NULL, 0, add_one, NULL, 0,
					  (void *)8, NULL));
	if (!UNDER_TSAN) {
		assert_fails(ERROR_NOT_ENOUGH_MEMORY,
			     CreateThread(NULL, (SIZE_T)1 << 46, add_one, NULL,
					  0, NULL));
		assert_fails(ERROR_NOT_ENOUGH_MEMORY,
			     CreateThread(NULL, ~(SIZE_T)0, add_one, NULL, 0,
					  NULL));
	}
	assert_fails(ERROR_INVALID_HANDLE,
		     CreateRemoteThread(NULL, NULL, 0, add_one, NULL, 0,
					NULL));
}
END_TEST

/* Two children: one that ends as the thread would, one that looks what it has. */
static DWORD WINAPI fork_twice(LPVOID arg)
{
	int files = count_files(), status;
	pid_t pid = fork();

	(void)arg;
	if (!pid)
		return 1;
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		return 2;
	pid = fork();
	if (!pid)
		_exit(count_files() == files - 1 ? 0 : 1);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		return 3;
	return 4;
}

START_TEST(a_thread_that_forks)
{
	/* Which looks for leaks in the first child, as its last thread ends. */
	if (UNDER_ASAN)
		return;
	ck_assert_uint_eq(end_of(CreateThread(NULL, 0, fork_twice, NULL, 0,
					      NULL)), 4);
}
END_TEST

/* ---------------------------------------------------------------- there --- */

static uintptr_t word_there(uintptr_t unused)
{
	static DWORD word;

	(void)unused;
	return (uintptr_t)&word;
}

START_TEST(a_thread_in_another_process)
{
	void *word = (void *)peer_call(&peer, word_there, 0);
	DWORD id = 0, told = 0;
	HANDLE thread;

	assert_ok(thread = CreateRemoteThread(process, NULL, 0, tell_itself,
					      word, 0, &id));
	ck_assert_uint_eq(GetThreadId(thread), id);
	ck_assert_uint_eq(end_of(thread), peer.pid);
	assert_ok(ReadProcessMemory(process, word, &told, sizeof(told), NULL));
	ck_assert_uint_eq(told, id);
	ck_assert_uint_ne(id, peer.pid);
	ck_assert_uint_eq(end_of(CreateRemoteThread(process, NULL, 0, add_one,
						    (void *)41, 0, NULL)), 42);
	ck_assert_uint_eq(end_of(CreateRemoteThreadEx(process, NULL, 1 << 20,
						      exit_early, (void *)8, 0,
						      NULL, NULL)), 8);
}
END_TEST

/* Where no high number is left, and what is executed would have the low one. */
static void without_high_numbers(void *arg)
{
	struct rlimit limit = { 64, 64 };
	HANDLE thread;
	int fd;

	(void)arg;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		_exit(1);
	for (fd = 20; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    fcntl(0, F_DUPFD_CLOEXEC, fd) != fd)
			_exit(2);
	thread = CreateRemoteThread(process, NULL, 0, add_one, NULL,
				    CREATE_SUSPENDED, NULL);
	if (!thread)
		_exit(3);
	for (fd = 3; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) == 0)
			close(fd);
	if (ResumeThread(thread) != 1 ||
	    WaitForSingleObject(thread, INFINITE) != WAIT_OBJECT_0)
		_exit(4);
}

START_TEST(a_program_that_is_executed_has_no_part)
{
	ck_assert_int_eq(in_child(without_high_numbers, NULL), 0);
}
END_TEST

#define RESUMERS	4

static HANDLE suspended;
static pthread_barrier_t barrier;

static void *resume(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&barrier);
	return (void *)(uintptr_t)ResumeThread(suspended);
}

START_TEST(a_thread_that_many_resume)
{
	pthread_t threads[RESUMERS];
	uintptr_t sum;
	void *count;
	int round, i;

	pthread_barrier_init(&barrier, NULL, RESUMERS);
	for (round = 0; round < 300; round++) {
		assert_ok(suspended = CreateThread(NULL, 0, add_one, NULL,
						   CREATE_SUSPENDED, NULL));
		for (i = 0; i < RESUMERS; i++)
			ck_assert_int_eq(pthread_create(&threads[i], NULL,
							resume, NULL), 0);
		for (i = 0, sum = 0; i < RESUMERS; i++) {
			pthread_join(threads[i], &count);
			sum += (uintptr_t)count;
		}
		ck_assert_uint_eq(sum, 1);
		ck_assert_uint_eq(end_of(suspended), 1);
	}
	pthread_barrier_destroy(&barrier);
}
END_TEST

START_TEST(many_threads_in_another_process)
{
	HANDLE threads[40];
	int i;

	for (i = 0; i < 40; i++)
		assert_ok(threads[i] = CreateRemoteThread(process, NULL, 0,
							  add_one,
							  (void *)(uintptr_t)i,
							  CREATE_SUSPENDED,
							  NULL));
	for (i = 0; i < 40; i++)
		ck_assert_uint_eq(ResumeThread(threads[i]), 1);
	for (i = 0; i < 40; i++)
		ck_assert_uint_eq(end_of(threads[i]), i + 1);
}
END_TEST

START_TEST(a_process_that_does_not_allow_it)
{
	struct peer other = peer_start();
	HANDLE handle = OpenProcess(PROCESS_ALL_ACCESS, FALSE, other.pid);

	assert_fails(ERROR_ACCESS_DENIED,
		     CreateRemoteThread(handle, NULL, 0, add_one, NULL, 0,
					NULL));
	CloseHandle(handle);
	ck_assert_int_eq(peer_end(&other), 0);
	/* No more; and again. */
	ck_assert_uint_eq(peer_call(&peer, forbid, 0), 1);
	ck_assert_uint_eq(peer_call(&peer, forbid, 0), 1);
	assert_fails(ERROR_ACCESS_DENIED,
		     CreateRemoteThread(process, NULL, 0, add_one, NULL, 0,
					NULL));
	ck_assert_uint_eq(peer_call(&peer, allow, 0), 1);
	ck_assert_uint_eq(peer_call(&peer, allow, 0), 1);
	ck_assert_uint_eq(end_of(CreateRemoteThread(process, NULL, 0, add_one,
						    (void *)1, 0, NULL)), 2);
}
END_TEST

START_TEST(a_right_that_is_missing)
{
	HANDLE less;

	assert_ok(less = OpenProcess(PROCESS_ALL_ACCESS &
				     ~PROCESS_CREATE_THREAD, FALSE, peer.pid));
	assert_fails(ERROR_ACCESS_DENIED,
		     CreateRemoteThread(less, NULL, 0, add_one, NULL, 0, NULL));
	CloseHandle(less);
}
END_TEST

/* A child of fork: its number, when it has not what its parent allowed. */
static uintptr_t fork_there(uintptr_t unused)
{
	pid_t pid = fork();

	(void)unused;
	if (!pid)
		pause();
	return pid;
}

/*
 * How many descriptors a child of fork has less, once it has those of its own that
 * come with the first call.
 */
static uintptr_t files_less_in_child(uintptr_t unused)
{
	int files = count_files(), status;
	MEMORY_BASIC_INFORMATION info;
	pid_t pid = fork();

	(void)unused;
	if (!pid) {
		VirtualQuery(&info, &info, sizeof(info));
		_exit(files - count_files());
	}
	return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : 0;
}

START_TEST(a_child_has_not_its_parents_sockets)
{
	ck_assert_uint_eq(peer_call(&peer, files_less_in_child, 0), 2);
	peer_call(&peer, forbid, 0);
	ck_assert_uint_eq(peer_call(&peer, files_less_in_child, 0), 0);
}
END_TEST

static void is_not_reached(peer_function start)
{
	pid_t pid = (pid_t)peer_call(&peer, start, 0);
	HANDLE child;

	assert_ok(child = OpenProcess(PROCESS_ALL_ACCESS, FALSE, pid));
	assert_fails(ERROR_ACCESS_DENIED,
		     CreateRemoteThread(child, NULL, 0, add_one, NULL, 0,
					NULL));
	CloseHandle(child);
	ck_assert_uint_eq(peer_call(&peer, peer_kill, pid), 1);
}

/* Nor is what it has of its parent taken for its own. */
START_TEST(a_child_does_not_allow_what_its_parent_does)
{
	is_not_reached(fork_there);
	is_not_reached(peer_clone);
}
END_TEST

/* The signals that are blocked in a thread, as bits 1 to 63. */
static DWORD WINAPI tell_signals(LPVOID arg)
{
	sigset_t set;
	DWORD bits = 0;
	int i;

	(void)arg;
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	for (i = 1; i < 32; i++)
		bits |= (DWORD)sigismember(&set, i) << i;
	return bits;
}

static uintptr_t block_usr1(uintptr_t how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return pthread_sigmask((int)how, &set, NULL);
}

START_TEST(signals_are_as_where_it_was_allowed)
{
	peer_call(&peer, forbid, 0);
	peer_call(&peer, block_usr1, SIG_BLOCK);
	peer_call(&peer, allow, 0);
	peer_call(&peer, block_usr1, SIG_UNBLOCK);
	ck_assert_uint_eq(end_of(CreateRemoteThread(process, NULL, 0,
						    tell_signals, NULL, 0,
						    NULL)), 1U << SIGUSR1);
	/* And here as in the caller. */
	block_usr1(SIG_BLOCK);
	ck_assert_uint_eq(end_of(CreateThread(NULL, 0, tell_signals, NULL, 0,
					      NULL)), 1U << SIGUSR1);
	block_usr1(SIG_UNBLOCK);
	ck_assert_uint_eq(tell_signals(NULL), 0);
}
END_TEST

/* ------------------------------------------------------- while it lives --- */

/* Of the peer. */
static int pipes[2];

static uintptr_t pipe_there(uintptr_t unused)
{
	(void)unused;
	return pipe(pipes) ? 0 : pipes[0];
}

static uintptr_t into_pipe(uintptr_t unused)
{
	(void)unused;
	return pipes[1];
}

START_TEST(a_process_that_is_killed)
{
	void *in = (void *)peer_call(&peer, pipe_there, 0);
	HANDLE running, waiting;
	DWORD code = 0;

	assert_ok(running = CreateRemoteThread(process, NULL, 0, wait_for_byte,
					       in, 0, NULL));
	assert_ok(waiting = CreateRemoteThread(process, NULL, 0, add_one, NULL,
					       CREATE_SUSPENDED, NULL));
	ck_assert_uint_eq(WaitForSingleObject(running, 0), WAIT_TIMEOUT);
	kill(peer.pid, SIGKILL);
	ck_assert_uint_eq(WaitForSingleObject(waiting, INFINITE),
			  WAIT_OBJECT_0);
	assert_ok(GetExitCodeThread(waiting, &code));
	ck_assert_uint_eq(code, 0xc0000001);
	ck_assert_uint_eq(end_of(running), 0xc0000001);
	ck_assert_uint_eq(ResumeThread(waiting), 0);
	assert_fails(ERROR_ACCESS_DENIED,
		     CreateRemoteThread(process, NULL, 0, add_one, NULL, 0,
					NULL));
	CloseHandle(waiting);
}
END_TEST

/* A child of it that has inherited the sockets keeps nobody waiting. */
START_TEST(a_process_that_is_killed_and_has_a_child)
{
	void *in = (void *)peer_call(&peer, pipe_there, 0);
	HANDLE running;
	pid_t child;

	assert_ok(running = CreateRemoteThread(process, NULL, 0, wait_for_byte,
					       in, 0, NULL));
	child = (pid_t)peer_call(&peer, fork_there, 0);
	kill(peer.pid, SIGKILL);
	ck_assert_uint_eq(end_of(running), 0xc0000001);
	kill(child, SIGKILL);
}
END_TEST

static uintptr_t word_at(uintptr_t addr)
{
	return *(volatile DWORD *)addr;
}

/* What has been given up does not run later. */
static void no_handler(int sig)
{
	(void)sig;
}

/* Or no more. */
static void catch_alarms(bool on)
{
	const struct sigaction action = {
		.sa_handler = on ? no_handler : SIG_DFL,
	};

	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
}

/* One each second. */
static void send_alarms(bool on)
{
	const struct itimerval timer = { { on, 0 }, { on, 0 } };

	ck_assert_int_eq(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

/* Signals make the time that it has no longer. */
static uintptr_t leave(uintptr_t unused)
{
	(void)unused;
	pthread_exit(NULL);
}

/* Of the process's first thread. */
static bool is_zombie(pid_t pid)
{
	char name[32], text[64];
	const char *end;
	FILE *file;
	bool read;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	file = fopen(name, "r");
	ck_assert_ptr_nonnull(file);
	read = fgets(text, sizeof(text), file);
	fclose(file);
	end = read ? strrchr(text, ')') : NULL;
	return end && end[2] == 'Z';
}

/* The one that makes threads for others is none of its own. */
START_TEST(a_process_whose_threads_have_ended)
{
	void *in = (void *)peer_call(&peer, pipe_there, 0);
	int pidfd = pidfd_open(peer.pid, 0);
	int to = pidfd_getfd(pidfd, (int)peer_call(&peer, into_pipe, 0), 0);
	HANDLE waiting = CreateRemoteThread(process, NULL, 0, wait_for_byte, in,
					    0, NULL);
	DWORD code = 1;

	ck_assert_ptr_nonnull(waiting);
	peer_ask(&peer, leave, 0);
	while (!is_zombie(peer.pid))
		sched_yield();
	ck_assert_uint_eq(WaitForSingleObject(process, 0), WAIT_TIMEOUT);
	ck_assert_int_eq(write(to, "x", 1), 1);
	ck_assert_uint_eq(end_of(waiting), 'x');
	ck_assert_uint_eq(WaitForSingleObject(process, INFINITE),
			  WAIT_OBJECT_0);
	assert_ok(GetExitCodeProcess(process, &code));
	ck_assert_uint_eq(code, 0);
	close(to);
	close(pidfd);
}
END_TEST

START_TEST(a_process_that_is_stopped)
{
	void *word = (void *)peer_call(&peer, word_there, 0);

	peer_stop(&peer);
	catch_alarms(true);
	send_alarms(true);
	assert_fails(ERROR_TIMEOUT,
		     CreateRemoteThread(process, NULL, 0, tell_itself, word, 0,
					NULL));
	send_alarms(false);
	catch_alarms(false);
	kill(peer.pid, SIGCONT);
	/* The one that comes after it has seen the end of the one before. */
	ck_assert_uint_eq(end_of(CreateRemoteThread(process, NULL, 0, add_one,
						    (void *)1, 0, NULL)), 2);
	ck_assert_uint_eq(peer_call(&peer, word_at, (uintptr_t)word), 0);
}
END_TEST

START_TEST(a_thread_that_nobody_wants_any_more)
{
	void *word = (void *)peer_call(&peer, word_there, 0);
	HANDLE thread;

	assert_ok(thread = CreateRemoteThread(process, NULL, 0, tell_itself,
					      word, CREATE_SUSPENDED, NULL));
	CloseHandle(thread);
	ck_assert_uint_eq(end_of(CreateRemoteThread(process, NULL, 0, add_one,
						    (void *)1, 0, NULL)), 2);
	ck_assert_uint_eq(peer_call(&peer, word_at, (uintptr_t)word), 0);
}
END_TEST

/* ------------------------------------------------------------- hostile --- */

/* Nonsense, with files and without, is not answered and leaves nothing. */
START_TEST(requests_that_are_none)
{
	uintptr_t files = peer_call(&peer, peer_files, 0);
	int service = peer_service(&peer), many[4] = { 0, 1, 2, 0 };
	union {
		char space[CMSG_SPACE(sizeof(many))];
		struct cmsghdr align;
	} control = { { 0 } };
	char garbage[100];
	struct iovec data = { garbage, sizeof(garbage) };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	size_t len;

	memset(garbage, 0xa5, sizeof(garbage));
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(many));
	memcpy(CMSG_DATA(header), many, sizeof(many));
	for (len = 1; len <= sizeof(garbage); len++) {
		data.iov_len = len;
		ck_assert_int_eq(sendmsg(service, &message, 0), (ssize_t)len);
		ck_assert_int_eq(send(service, garbage, len, 0), (ssize_t)len);
	}
	ck_assert_uint_eq(end_of(CreateRemoteThread(process, NULL, 0, add_one,
						    (void *)1, 0, NULL)), 2);
	/* A thread tells its end just before it closes its socket. */
	while (peer_call(&peer, peer_files, 0) != files)
		sched_yield();
	close(service);
}
END_TEST

/* Where there is no memory for the page that tells of it. */
static void allow_without_memory(void *arg)
{
	int files = count_files();
	unsigned int n = 0;
	bool done, hit;

	(void)arg;
	do {
		inject(INJECT_SYSTEM_CALL, ++n, ENOMEM);
		SetLastError(UNTOUCHED);
		done = ntmem_allow_remote_threads();
		hit = inject_end();
		if (done == hit)
			_exit(1);
		if (hit && GetLastError() != ERROR_NOT_ENOUGH_MEMORY)
			_exit(2);
		if (hit && count_files() != files)
			_exit(3);
	} while (hit);
	/* The other engine has had it since the child began. */
	if (n < 3 && !on_kernel_engine())
		_exit(4);
}

START_TEST(a_service_without_memory)
{
	ck_assert_int_eq(in_child(allow_without_memory, NULL), 0);
}
END_TEST

static void refuses_us(void)
{
	int before = count_files();

	assert_fails(ERROR_ACCESS_DENIED,
		     CreateRemoteThread(process, NULL, 0, add_one, NULL, 0,
					NULL));
	ck_assert_int_eq(count_files(), before);
}

static uintptr_t tell_service(uintptr_t fd)
{
	struct stat stat = { 0 };

	fstat((int)fd, &stat);
	return ntmem_beacon_service((int)fd, stat.st_ino);
}

static uintptr_t tell_another_inode(uintptr_t fd)
{
	return ntmem_beacon_service((int)fd, 4711);
}

/* A socket that nobody reads from. */
static uintptr_t tell_deaf(uintptr_t unused)
{
	int sockets[2];

	(void)unused;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets))
		return 0;
	close(sockets[0]);
	return tell_service(sockets[1]);
}

/* The page of a process is its own, and may tell anything. */
START_TEST(a_page_that_lies)
{
	ck_assert_uint_eq(peer_call(&peer, tell_service, 4000), 1);
	refuses_us();
	ck_assert_uint_eq(peer_call(&peer, tell_service, STDERR_FILENO), 1);
	refuses_us();
	ck_assert_uint_eq(peer_call(&peer, tell_another_inode, STDERR_FILENO),
			  1);
	refuses_us();
	ck_assert_uint_eq(peer_call(&peer, tell_deaf, 0), 1);
	refuses_us();
}
END_TEST

/* What is made so that not even its owner reads it. */
static uintptr_t hide_page(uintptr_t unused)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start = 0;
	char line[512];

	(void)unused;
	while (maps && !start && fgets(line, sizeof(line), maps))
		if (strstr(line, "/memfd:ntmem-process "))
			start = strtoul(line, NULL, 16);
	if (maps)
		fclose(maps);
	return start && !mprotect((void *)start, PAGE, PROT_NONE);
}

START_TEST(a_page_that_is_hidden)
{
	struct ntmem_beacon beacon;
	char path[32];
	int proc;

	ck_assert_uint_eq(peer_call(&peer, hide_page, 0), 1);
	snprintf(path, sizeof(path), "/proc/%d", peer.pid);
	proc = open(path, O_PATH | O_DIRECTORY);
	ck_assert_int_eq(ntmem_beacon_read(proc, peer.pid, &beacon), -EFAULT);
	close(proc);
	refuses_us();
}
END_TEST

/* As another copy of the library has it, or a thread that is about to give it up. */
static uintptr_t map_below(uintptr_t prot)
{
	int fd = memfd_create("ntmem-process", MFD_CLOEXEC);
	struct ntmem_beacon *page;

	if (ftruncate(fd, PAGE))
		return 0;
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_32BIT, fd, 0);
	close(fd);
	if (page == MAP_FAILED)
		return 0;
	*page = (struct ntmem_beacon){
		.magic = NTMEM_BEACON_MAGIC, .space = -1, .service = -1,
	};
	return !mprotect(page, PAGE, (int)prot);
}

/* The library's own is found behind them. */
START_TEST(two_pages)
{
	const struct ntmem_beacon told = peer_beacon(&peer);
	struct ntmem_beacon now;

	ck_assert_uint_eq(peer_call(&peer, map_below, PROT_READ), 1);
	ck_assert_uint_eq(peer_call(&peer, map_below, PROT_NONE), 1);
	now = peer_beacon(&peer);
	ck_assert_int_eq(now.space, told.space);
	ck_assert_int_eq(now.service, told.service);
	ck_assert_uint_eq(now.service_inode, told.service_inode);
	ck_assert_uint_eq(end_of(CreateRemoteThread(process, NULL, 0, add_one,
						    (void *)1, 0, NULL)), 2);
}
END_TEST

/* The other end of the service that the page tells of. */
static uintptr_t tell_own_service(uintptr_t fill)
{
	static const char none[64];
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) ||
	    !tell_service(sockets[1]))
		return 0;
	while (fill && send(sockets[1], none, sizeof(none), MSG_DONTWAIT) > 0)
		continue;
	return sockets[0];
}

/* Takes requests until one is real, and gives no answer. */
static uintptr_t take_request(uintptr_t service)
{
	char data[256], control[CMSG_SPACE(sizeof(int))];
	struct iovec bytes = { data, sizeof(data) };
	const struct cmsghdr *header;
	struct msghdr message;
	int fd;

	do {
		message = (struct msghdr){
			.msg_iov = &bytes, .msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		if (recvmsg((int)service, &message, 0) <= 0)
			return 0;
		header = CMSG_FIRSTHDR(&message);
	} while (!header);
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return !close(fd);
}

START_TEST(a_service_that_does_not_answer)
{
	uintptr_t service = peer_call(&peer, tell_own_service, 0);

	ck_assert_uint_ne(service, 0);
	peer_ask(&peer, take_request, service);
	refuses_us();
	ck_assert_uint_eq(peer_answer(&peer), 1);
}
END_TEST

/* In poll(2), as far as one is let know. */
static bool parent_waits(void)
{
	char path[32], line[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/syscall", getppid());
	file = fopen(path, "r");
	if (!file || !fgets(line, sizeof(line), file))
		snprintf(line, sizeof(line), "%d", SYS_poll);
	if (file)
		fclose(file);
	return strcmp(line, "running\n") && atoi(line) == SYS_poll;
}

static uintptr_t take_request_late(uintptr_t service)
{
	int i;

	for (i = 0; i < 100; i++) {
		while (!parent_waits())
			sched_yield();
		kill(getppid(), SIGALRM);
	}
	return take_request(service);
}

/* Who comes while it is full waits, whatever signals come, and then is heard. */
START_TEST(a_service_that_is_full)
{
	uintptr_t service = peer_call(&peer, tell_own_service, 1);

	ck_assert_uint_ne(service, 0);
	peer_ask(&peer, take_request_late, service);
	catch_alarms(true);
	refuses_us();
	ck_assert_uint_eq(peer_answer(&peer), 1);
	catch_alarms(false);
}
END_TEST

/* A program that does something to all its sockets. */
static uintptr_t want_credentials(uintptr_t unused)
{
	int fd, on = 1, count = 0;

	(void)unused;
	for (fd = 0; fd < 1200; fd++)
		count += !setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on,
				     sizeof(on));
	return count;
}

/* They come where descriptors are looked for, and are not taken for some. */
START_TEST(requests_with_credentials)
{
	uintptr_t files = peer_call(&peer, peer_files, 0);

	ck_assert_uint_ge(peer_call(&peer, want_credentials, 0), 2);
	refuses_us();
	ck_assert_uint_eq(peer_call(&peer, peer_files, 0), files);
}
END_TEST

START_TEST(nothing_is_left_behind)
{
	int before, i;
	uintptr_t files;
	HANDLE thread;

	end_of(CreateRemoteThread(process, NULL, 0, add_one, NULL, 0, NULL));
	end_of(CreateThread(NULL, 0, add_one, NULL, 0, NULL));
	before = count_files();
	files = peer_call(&peer, peer_files, 0);
	for (i = 0; i < 20; i++) {
		end_of(CreateRemoteThread(process, NULL, 0, add_one, NULL, 0,
					  NULL));
		thread = CreateThread(NULL, 0, add_one, NULL, 0, NULL);
		ck_assert_uint_eq(end_of(thread), 1);
		thread = OpenProcess(PROCESS_ALL_ACCESS, FALSE, peer.pid);
		VirtualAllocEx(thread, NULL, PAGE, MEM_RESERVE,
			       PAGE_READWRITE);
		CloseHandle(thread);
		CloseHandle(OpenProcess(PROCESS_ALL_ACCESS, FALSE, 1));
	}
	/* A thread tells its end just before it closes its socket. */
	while (count_files() > before || peer_call(&peer, peer_files, 0) >
					 files)
		sched_yield();
	peer_call(&peer, forbid, 0);
	ck_assert_uint_lt(peer_call(&peer, peer_files, 0), files);
}
END_TEST

TCase *remote_thread_tests(void)
{
	TCase *tests = tcase_create("remote threads");

	tcase_set_timeout(tests, SECONDS);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_thread_of_this_process);
	tcase_add_test(tests, a_thread_that_still_runs);
	tcase_add_test(tests, a_thread_begins_when_it_is_resumed);
	tcase_add_test(tests, threads_that_cannot_be);
	tcase_add_test(tests, a_thread_that_forks);
	tcase_add_test(tests, a_program_that_is_executed_has_no_part);
	tcase_add_test(tests, a_thread_that_many_resume);
	tcase_add_test(tests, a_thread_in_another_process);
	tcase_add_test(tests, many_threads_in_another_process);
	tcase_add_test(tests, a_process_that_does_not_allow_it);
	tcase_add_test(tests, a_right_that_is_missing);
	tcase_add_test(tests, a_child_does_not_allow_what_its_parent_does);
	tcase_add_test(tests, a_child_has_not_its_parents_sockets);
	tcase_add_test(tests, signals_are_as_where_it_was_allowed);
	tcase_add_test(tests, a_process_that_is_killed);
	tcase_add_test(tests, a_process_that_is_killed_and_has_a_child);
	/* The thread sanitizer has a thread of its own. */
	if (!UNDER_TSAN)
		tcase_add_test(tests, a_process_whose_threads_have_ended);
	tcase_add_test(tests, a_process_that_is_stopped);
	tcase_add_test(tests, a_thread_that_nobody_wants_any_more);
	tcase_add_test(tests, requests_that_are_none);
	tcase_add_test(tests, a_service_without_memory);
	tcase_add_test(tests, a_page_that_lies);
	tcase_add_test(tests, a_page_that_is_hidden);
	tcase_add_test(tests, two_pages);
	tcase_add_test(tests, a_service_that_does_not_answer);
	tcase_add_test(tests, a_service_that_is_full);
	tcase_add_test(tests, requests_with_credentials);
	tcase_add_test(tests, nothing_is_left_behind);
	return tests;
}
