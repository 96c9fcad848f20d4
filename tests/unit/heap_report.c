// SPDX-License-Identifier: MIT
/*
 * Reports of heaps, asked of another process.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ntmem.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/beacon.h"
#include "heap.h"
#include "inventory.h"
#include "peer.h"
#include "refuse.h"
#include "virtual/service.h"

#define SECONDS	60
#define VARIABLE "NTMEM_HEAP_REPORT"

static struct peer peer;

static uintptr_t allow(uintptr_t unused)
{
	(void)unused;
	return ntmem_allow_heap_reports();
}

static uintptr_t forbid(uintptr_t unused)
{
	(void)unused;
	return ntmem_forbid_heap_reports();
}

static uintptr_t allow_threads(uintptr_t unused)
{
	(void)unused;
	return ntmem_allow_remote_threads();
}

static uintptr_t forbid_threads(uintptr_t unused)
{
	(void)unused;
	return ntmem_forbid_remote_threads();
}

static void setup(void)
{
	unsetenv(VARIABLE);
	peer = peer_start();
	ck_assert_uint_eq(peer_call(&peer, allow, 0), 1);
}

static void teardown(void)
{
	peer_end(&peer);
}

static struct inventory ask(void)
{
	return inventory_open(inventory_ask(peer.pid));
}

/*
 * To be called before it forks: what the service's thread does at its start takes
 * locks of the address sanitizer, and those would be taken for ever in the child.
 */
static void await_service(void)
{
	struct inventory inventory = ask();

	inventory_close(&inventory);
}

/* What is asked for is refused, with this errno. */
static void assert_refused(pid_t pid, int error)
{
	int file = inventory_ask(pid);

	ck_assert_int_eq(file, -error);
}

static uintptr_t fill_heap(uintptr_t blocks)
{
	HANDLE heap = make_heap(0, 0);

	while (blocks--)
		HeapAlloc(heap, 0, 100);
	return (uintptr_t)heap;
}

/* ------------------------------------------------------------ permission --- */

START_TEST(heaps_of_another_process)
{
	HANDLE heap = (HANDLE)peer_call(&peer, fill_heap, 500);
	struct inventory inventory = ask();

	ck_assert_uint_eq(inventory_of(&inventory, heap).blocks, 500);
	ck_assert_uint_eq(inventory_of(&inventory, heap).used, 500 * 112);
	inventory_close(&inventory);
}
END_TEST

START_TEST(a_process_that_does_not_allow_it)
{
	struct inventory inventory;

	ck_assert_uint_eq(peer_call(&peer, forbid, 0), 1);
	ck_assert_uint_eq(peer_call(&peer, forbid, 0), 1);
	assert_refused(peer.pid, ENOENT);
	ck_assert_uint_eq(peer_call(&peer, allow, 0), 1);
	ck_assert_uint_eq(peer_call(&peer, allow, 0), 1);
	inventory = ask();
	inventory_close(&inventory);
}
END_TEST

static DWORD WINAPI add_one(LPVOID arg)
{
	return (DWORD)(uintptr_t)arg + 1;
}

static bool makes_threads(void)
{
	HANDLE process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, peer.pid);
	HANDLE thread = CreateRemoteThread(process, NULL, 0, add_one, NULL, 0,
					   NULL);

	CloseHandle(process);
	if (!thread)
		return false;
	WaitForSingleObject(thread, INFINITE);
	return CloseHandle(thread);
}

/* One does not allow the other, nor forbid it. */
START_TEST(threads_and_reports_are_allowed_apart)
{
	struct inventory inventory;

	ck_assert(!makes_threads());
	peer_call(&peer, allow_threads, 0);
	ck_assert(makes_threads());
	peer_call(&peer, forbid, 0);
	assert_refused(peer.pid, ENOENT);
	ck_assert(makes_threads());
	peer_call(&peer, allow, 0);
	peer_call(&peer, forbid_threads, 0);
	ck_assert(!makes_threads());
	inventory = ask();
	inventory_close(&inventory);
}
END_TEST

START_TEST(no_process)
{
	siginfo_t info;

	assert_refused(0, ESRCH);
	assert_refused(0x3fffffff, ESRCH);
	kill(peer.pid, SIGKILL);
	ck_assert_int_eq(waitid(P_PID, peer.pid, &info, WEXITED | WNOWAIT), 0);
	assert_refused(peer.pid, ESRCH);
}
END_TEST

/* ---------------------------------------------------------------- children --- */

/* A child of fork that has come out of it, and has called a function. */
static pid_t fork_and_call(void (*prepare)(void), bool (*first)(void))
{
	int pipes[2];
	pid_t pid;
	char c = 0;

	if (pipe(pipes))
		return 0;
	prepare();
	pid = fork();
	if (!pid && first() && write(pipes[1], &c, 1) == 1)
		for (;;)
			pause();
	close(pipes[1]);
	if (read(pipes[0], &c, 1) != 1)
		return 0;
	close(pipes[0]);
	return pid;
}

static void prepare_nothing(void)
{
}

static bool do_nothing(void)
{
	return true;
}

static uintptr_t fork_there(uintptr_t unused)
{
	(void)unused;
	return fork_and_call(prepare_nothing, do_nothing);
}

static uintptr_t set_variable(uintptr_t unused)
{
	(void)unused;
	return setenv(VARIABLE, "1", 1);
}

static void is_not_reached(peer_function start)
{
	pid_t pid = (pid_t)peer_call(&peer, start, 0);

	assert_refused(pid, ENOENT);
	ck_assert_uint_eq(peer_call(&peer, peer_kill, pid), 1);
}

START_TEST(a_child_does_not_allow_what_its_parent_does)
{
	is_not_reached(fork_there);
	is_not_reached(peer_clone);
}
END_TEST

/*
 * Unless the environment says so. The thread sanitizer makes no threads in a child
 * of a process that had several.
 */
START_TEST(a_child_of_one_whose_environment_allows_it)
{
	struct inventory inventory;
	HANDLE heap;
	pid_t pid;

	if (UNDER_TSAN)
		return;
	peer_call(&peer, forbid, 0);
	peer_call(&peer, set_variable, 0);
	ck_assert_uint_eq(peer_call(&peer, allow, 0), 1);
	ck_assert_uint_eq(peer_call(&peer, allow_threads, 0), 1);
	heap = (HANDLE)peer_call(&peer, fill_heap, 10);
	await_service();
	pid = (pid_t)peer_call(&peer, fork_there, 0);
	inventory = inventory_open(inventory_ask(pid));
	ck_assert_uint_eq(inventory_of(&inventory, heap).blocks, 10);
	inventory_close(&inventory);
	inventory = ask();
	ck_assert_uint_eq(inventory_of(&inventory, heap).blocks, 10);
	inventory_close(&inventory);
	ck_assert_uint_eq(peer_call(&peer, peer_kill, pid), 1);
	/* Forbidden it is in children, too. */
	peer_call(&peer, forbid, 0);
	is_not_reached(fork_there);
}
END_TEST

static struct rlimit files;

static void have_no_files(void)
{
	struct rlimit none;

	getrlimit(RLIMIT_NOFILE, &files);
	none = files;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
}

static bool have_files_and_threads(void)
{
	return !setrlimit(RLIMIT_NOFILE, &files) &&
	       ntmem_allow_remote_threads();
}

/* Its child has none when it comes out of fork. */
static uintptr_t fork_without_descriptors(uintptr_t unused)
{
	pid_t pid = fork_and_call(have_no_files, have_files_and_threads);

	(void)unused;
	setrlimit(RLIMIT_NOFILE, &files);
	return pid;
}

/* What it could not have at once does not come with what it allows later. */
START_TEST(a_child_that_cannot_allow_it)
{
	if (UNDER_TSAN)
		return;
	peer_call(&peer, forbid, 0);
	peer_call(&peer, set_variable, 0);
	ck_assert_uint_eq(peer_call(&peer, allow, 0), 1);
	await_service();
	is_not_reached(fork_without_descriptors);
}
END_TEST

/* ------------------------------------------------------ while it does more --- */

static void *allocate_and_free(void *arg)
{
	void *blocks[16] = { NULL };
	unsigned int i = 0, size = 1;

	for (;;) {
		HeapFree(GetProcessHeap(), 0, blocks[i]);
		size = (size * 1103515245 + 12345) & 0xffff;
		blocks[i] = HeapAlloc(GetProcessHeap(), 0, size);
		i = (i + 1) % 16;
	}
	return arg;
}

static uintptr_t start_threads(uintptr_t count)
{
	pthread_t thread;

	while (count--)
		if (pthread_create(&thread, NULL, allocate_and_free, NULL))
			return 0;
	return 1;
}

static uintptr_t fork_and_wait(uintptr_t unused)
{
	pid_t pid = fork();

	(void)unused;
	if (!pid)
		_exit(HeapFree(GetProcessHeap(), 0,
			       HeapAlloc(GetProcessHeap(), 0, 100)) ? 0 : 1);
	return waitpid(pid, NULL, 0) == pid;
}

START_TEST(a_process_whose_threads_allocate)
{
	struct inventory inventory;
	unsigned int i;

	ck_assert_uint_eq(peer_call(&peer, start_threads, 3), 1);
	for (i = 0; i < scaled(50); i++) {
		inventory = ask();
		inventory_close(&inventory);
	}
}
END_TEST

/* Its fork and a report wait for each other, and not for ever. */
START_TEST(a_process_that_forks)
{
	struct inventory inventory;
	unsigned int i;

	if (!UNDER_TSAN)
		peer_call(&peer, set_variable, 0);
	peer_call(&peer, forbid, 0);
	peer_call(&peer, allow, 0);
	peer_call(&peer, start_threads, 2);
	for (i = 0; i < scaled(30); i++) {
		peer_ask(&peer, fork_and_wait, 0);
		inventory = ask();
		inventory_close(&inventory);
		ck_assert_uint_eq(peer_answer(&peer), 1);
	}
}
END_TEST

static uintptr_t limit_files(uintptr_t bytes)
{
	const struct rlimit limit = { bytes, RLIM_INFINITY };

	return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

START_TEST(a_process_that_cannot_make_one)
{
	struct inventory inventory;

	ck_assert_uint_eq(peer_call(&peer, limit_files, 64), 1);
	assert_refused(peer.pid, ENOMEM);
	ck_assert_uint_eq(peer_call(&peer, limit_files, RLIM_INFINITY), 1);
	inventory = ask();
	inventory_close(&inventory);
}
END_TEST

/* Without a descriptor to be had, and with some again. */
static uintptr_t allow_without_descriptors(uintptr_t unused)
{
	struct rlimit limit, none;
	DWORD error;

	(void)unused;
	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	error = ntmem_allow_heap_reports() ? ERROR_SUCCESS : GetLastError();
	setrlimit(RLIMIT_NOFILE, &limit);
	return error;
}

START_TEST(a_process_without_descriptors)
{
	struct inventory inventory;

	peer_call(&peer, forbid, 0);
	ck_assert_uint_eq(peer_call(&peer, allow_without_descriptors, 0),
			  ERROR_TOO_MANY_OPEN_FILES);
	assert_refused(peer.pid, ENOENT);
	ck_assert_uint_eq(peer_call(&peer, allow, 0), 1);
	inventory = ask();
	inventory_close(&inventory);
}
END_TEST

/* Programs close what is not their own, and use the numbers. */
static uintptr_t close_all(uintptr_t unused)
{
	int fd;

	for (fd = 1000; fd < 1010; fd++)
		close(fd);
	return unused;
}

/* What they open there stays. */
static uintptr_t use_numbers_and_forbid(uintptr_t unused)
{
	int fd, file, left = 0;

	(void)unused;
	file = open("/dev/null", O_RDONLY);
	for (fd = 1000; fd < 1010; fd++)
		dup2(file, fd);
	close(file);
	ntmem_forbid_heap_reports();
	for (fd = 1000; fd < 1010; fd++)
		left += fcntl(fd, F_GETFD) >= 0;
	return left;
}

/* The thread sanitizer does not like to see the service's closed under it. */
START_TEST(a_process_that_closes_all_descriptors)
{
	struct inventory inventory;
	uintptr_t files;

	if (UNDER_TSAN)
		return;
	peer_call(&peer, close_all, 0);
	assert_refused(peer.pid, ENOENT);
	ck_assert_uint_eq(peer_call(&peer, allow, 0), 1);
	files = peer_call(&peer, peer_files, 0);
	inventory = ask();
	inventory_close(&inventory);
	/* The service answers just before it closes what it has answered to. */
	while (peer_call(&peer, peer_files, 0) != files)
		sched_yield();
	peer_call(&peer, close_all, 0);
	ck_assert_uint_eq(peer_call(&peer, use_numbers_and_forbid, 0), 10);
	assert_refused(peer.pid, ENOENT);
}
END_TEST

/* Of its sockets, to one of which others write. */
static uintptr_t close_all_but(uintptr_t kept)
{
	int fd;

	for (fd = 1000; fd < 1010; fd++)
		if (fd != (int)kept)
			close(fd);
	return 0;
}

/* The state of the one thread of the peer that is not its first one. */
static char state_of_service(void)
{
	char path[64], text[256] = "", *end;
	struct dirent *entry;
	DIR *tasks;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/task", peer.pid);
	tasks = opendir(path);
	ck_assert_ptr_nonnull(tasks);
	do {
		entry = readdir(tasks);
		ck_assert_ptr_nonnull(entry);
	} while (*entry->d_name == '.' || atoi(entry->d_name) == peer.pid);
	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/stat", peer.pid,
		 entry->d_name);
	closedir(tasks);
	stat = fopen(path, "r");
	ck_assert_ptr_nonnull(stat);
	ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, stat), 0);
	fclose(stat);
	end = strrchr(text, ')');
	ck_assert_ptr_nonnull(end);
	return end[2];
}

/* It has answered, and waits for the next request. */
static void wait_for_service(void)
{
	struct inventory inventory = ask();

	inventory_close(&inventory);
	while (state_of_service() != 'S')
		sched_yield();
}

/* The service hears one request more, since it waits for it already. */
START_TEST(a_process_that_closes_one_descriptor)
{
	struct inventory inventory;

	if (UNDER_TSAN)
		return;
	wait_for_service();
	peer_call(&peer, close_all_but, peer_beacon(&peer).service);
	inventory = ask();
	inventory_close(&inventory);
	ck_assert_uint_eq(peer_call(&peer, allow, 0), 1);
	inventory = ask();
	inventory_close(&inventory);
}
END_TEST

/* The service hears of no end then. */
START_TEST(a_process_that_closes_what_another_keeps)
{
	int service = peer_service(&peer);
	struct inventory inventory;

	if (UNDER_TSAN)
		return;
	wait_for_service();
	peer_call(&peer, close_all, 0);
	ck_assert_uint_eq(peer_call(&peer, forbid, 0), 1);
	assert_refused(peer.pid, ENOENT);
	ck_assert_uint_eq(peer_call(&peer, allow, 0), 1);
	inventory = ask();
	inventory_close(&inventory);
	close(service);
}
END_TEST

/* It has a number 1 of its own. */
static void be_first_in_namespace(void *child)
{
	if (!ntmem_allow_heap_reports())
		_exit(1);
	if (child && (unshare(CLONE_NEWPID) ||
		      in_child(be_first_in_namespace, NULL)))
		_exit(2);
	if (!ntmem_forbid_heap_reports())
		_exit(3);
}

static void with_namespaces(void *arg)
{
	if (!unshare(CLONE_NEWPID) && in_child(be_first_in_namespace, arg))
		_exit(1);
}

START_TEST(a_child_with_the_number_of_its_parent)
{
	int child;

	/* Which know threads by their numbers, too. */
	if (UNDER_TSAN || UNDER_ASAN)
		return;
	ck_assert_int_eq(in_child(with_namespaces, &child), 0);
}
END_TEST

/* -------------------------------------------------------------- hostile --- */

START_TEST(an_empty_message)
{
	int service = peer_service(&peer);
	struct inventory inventory;

	ck_assert_int_eq(send(service, "", 0, 0), 0);
	close(service);
	inventory = ask();
	inventory_close(&inventory);
}
END_TEST

/* The answer to a request by which nothing but the magic is right. */
static DWORD answer_to(uint64_t magic)
{
	const struct service_request request = { .magic = magic };
	struct service_answer answer = { .error = ERROR_SUCCESS };
	int service = peer_service(&peer), sockets[2], file;
	struct pollfd ready = { .events = POLLIN };

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
	ck_assert(service_send(service, &request, sizeof(request),
			       sockets[1]));
	close(sockets[1]);
	close(service);
	ready.fd = sockets[0];
	ck_assert_int_eq(poll(&ready, 1, -1), 1);
	if (service_receive(sockets[0], &answer, sizeof(answer), &file) !=
	    sizeof(answer))
		answer.error = ERROR_GEN_FAILURE;
	if (file >= 0)
		close(file);
	close(sockets[0]);
	return answer.error;
}

START_TEST(requests_of_another_version)
{
	const uint64_t next = 1ULL << SERVICE_VERSION_SHIFT;

	ck_assert_uint_eq(answer_to(SERVICE_MAGIC_HEAPS), ERROR_SUCCESS);
	ck_assert_uint_eq(answer_to(SERVICE_MAGIC_HEAPS + next),
			  ERROR_NOT_SUPPORTED);
	ck_assert_uint_eq(answer_to(SERVICE_MAGIC_THREADS),
			  ERROR_ACCESS_DENIED);
	/* What it has never heard of is not answered. */
	ck_assert_uint_eq(answer_to(SERVICE_MAGIC_HEAPS + 1),
			  ERROR_GEN_FAILURE);
	ck_assert_uint_eq(answer_to(0), ERROR_GEN_FAILURE);
}
END_TEST

/* Who asks and goes away, or never reads, is no trouble. */
START_TEST(askers_that_do_not_wait)
{
	const struct service_request request = { .magic = SERVICE_MAGIC_HEAPS };
	uintptr_t files = peer_call(&peer, peer_files, 0);
	int service = peer_service(&peer), silent[2], gone[2], small = 1, i;
	struct inventory inventory;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, silent), 0);
	ck_assert_int_eq(setsockopt(silent[1], SOL_SOCKET, SO_SNDBUF, &small,
				    sizeof(small)), 0);
	for (i = 0; i < 100; i++) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, gone),
				 0);
		close(gone[0]);
		while (!service_send(service, &request, sizeof(request),
				     gone[1]))
			sched_yield();
		close(gone[1]);
		/* All of them into one socket, which is full after some. */
		while (!service_send(service, &request, sizeof(request),
				     silent[1]))
			sched_yield();
	}
	inventory = ask();
	inventory_close(&inventory);
	close(silent[0]);
	close(silent[1]);
	close(service);
	/* The service answers just before it closes what it has answered to. */
	while (peer_call(&peer, peer_files, 0) != files)
		sched_yield();
}
END_TEST

/* Not a socket, but a pipe, a file ... */
START_TEST(answers_to_what_is_no_socket)
{
	const struct service_request request = { .magic = SERVICE_MAGIC_HEAPS };
	int service = peer_service(&peer), pipes[2], null;
	struct inventory inventory;

	ck_assert_int_eq(pipe(pipes), 0);
	null = open("/dev/null", O_RDWR);
	ck_assert(service_send(service, &request, sizeof(request), pipes[1]));
	ck_assert(service_send(service, &request, sizeof(request), pipes[0]));
	ck_assert(service_send(service, &request, sizeof(request), null));
	ck_assert(service_send(service, &request, sizeof(request), service));
	ck_assert(service_send(service, &request, sizeof(request), -1));
	inventory = ask();
	inventory_close(&inventory);
	close(pipes[0]);
	close(pipes[1]);
	close(null);
	close(service);
}
END_TEST

/* A process that answers something else: in the peer, in the service's place. */
enum lie {
	LIE_NOTHING,
	LIE_SHORT,
	LIE_LONG,
	LIE_NO_FILE,
	LIE_PIPE,
	LIE_UNSEALED,
	LIE_ERROR,
	LIE_VERSION,
	LIES,
};

static const int errors[LIES] = {
	[LIE_NOTHING] = EPROTO, [LIE_SHORT] = EPROTO, [LIE_LONG] = EBADMSG,
	[LIE_NO_FILE] = EBADMSG, [LIE_PIPE] = EBADMSG,
	[LIE_UNSEALED] = EBADMSG, [LIE_ERROR] = EBADMSG,
	[LIE_VERSION] = EPROTO,
};

static int lying_service;

/* Without data there is no message, and so none with a file. */
static void lie(int socket, enum lie how)
{
	struct service_answer answer[3] = { { .error = ERROR_SUCCESS } };
	int file = -1, pipes[2] = { -1, -1 };

	if (how == LIE_ERROR)
		answer[0].error = 12345;
	if (how == LIE_VERSION)
		answer[0].error = ERROR_NOT_SUPPORTED;
	if (how == LIE_PIPE && !pipe(pipes))
		file = pipes[0];
	if (how == LIE_UNSEALED)
		file = memfd_create("lie", MFD_ALLOW_SEALING);
	if (how != LIE_NOTHING)
		service_send(socket, answer, how == LIE_SHORT ? 4 :
			     how == LIE_LONG ? sizeof(answer) :
			     sizeof(answer[0]), file);
}

static uintptr_t begin_lying(uintptr_t unused)
{
	struct stat stat;
	int sockets[2];

	(void)unused;
	ntmem_forbid_heap_reports();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) ||
	    fstat(sockets[1], &stat))
		return 0;
	lying_service = sockets[0];
	return ntmem_beacon_service(sockets[1], stat.st_ino);
}

static uintptr_t lie_once(uintptr_t how)
{
	struct service_request request = { 0 };
	int socket;

	service_receive(lying_service, &request, sizeof(request), &socket);
	lie(socket, (enum lie)how);
	close(socket);
	return 1;
}

START_TEST(a_process_that_lies)
{
	enum lie how;

	ck_assert_uint_eq(peer_call(&peer, begin_lying, 0), 1);
	for (how = 0; how < LIES; how++) {
		peer_ask(&peer, lie_once, how);
		assert_refused(peer.pid, errors[how]);
		ck_assert_uint_eq(peer_answer(&peer), 1);
	}
}
END_TEST

/* Without the time that it takes: whoever polls hears that it has passed. */
static void ask_in_vain(void *process)
{
	int files = count_files();

	if (!refuse(SYS_poll, 0))
		return;
	require(inventory_ask(peer.pid) == -ETIMEDOUT);
	SetLastError(UNTOUCHED);
	require(!CreateRemoteThread((HANDLE)process, NULL, 0, add_one, NULL, 0,
				    NULL));
	require(GetLastError() == ERROR_TIMEOUT);
	require(count_files() == files);
}

/* Nobody reads what it is asked, and there is no room for more. */
START_TEST(a_process_that_does_not_listen)
{
	HANDLE process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, peer.pid);
	static const char none[64];
	int service;

	ck_assert_uint_eq(peer_call(&peer, begin_lying, 0), 1);
	service = peer_service(&peer);
	while (send(service, none, sizeof(none), MSG_DONTWAIT) > 0)
		continue;
	close(service);
	ck_assert_int_eq(in_child(ask_in_vain, process), 0);
	CloseHandle(process);
}
END_TEST

START_TEST(nothing_is_left_behind)
{
	uintptr_t there = peer_call(&peer, peer_files, 0);
	struct inventory inventory;
	int here = count_files(), i;

	for (i = 0; i < 20; i++) {
		inventory = ask();
		inventory_close(&inventory);
		assert_refused(getpid(), ENOENT);
	}
	ck_assert_int_eq(count_files(), here);
	while (peer_call(&peer, peer_files, 0) != there)
		sched_yield();
	peer_call(&peer, forbid, 0);
	ck_assert_uint_eq(peer_call(&peer, peer_files, 0), there - 2);
}
END_TEST

TCase *heap_report_tests(void)
{
	TCase *tests = tcase_create("heap reports");

	tcase_set_timeout(tests, SECONDS);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, heaps_of_another_process);
	tcase_add_test(tests, a_process_that_does_not_allow_it);
	tcase_add_test(tests, threads_and_reports_are_allowed_apart);
	tcase_add_test(tests, no_process);
	tcase_add_test(tests, a_child_does_not_allow_what_its_parent_does);
	tcase_add_test(tests, a_child_of_one_whose_environment_allows_it);
	tcase_add_test(tests, a_child_that_cannot_allow_it);
	tcase_add_test(tests, a_process_whose_threads_allocate);
	tcase_add_test(tests, a_process_that_forks);
	tcase_add_test(tests, a_process_that_cannot_make_one);
	tcase_add_test(tests, a_process_without_descriptors);
	tcase_add_test(tests, a_process_that_closes_all_descriptors);
	tcase_add_test(tests, a_process_that_closes_one_descriptor);
	tcase_add_test(tests, a_process_that_closes_what_another_keeps);
	tcase_add_test(tests, a_child_with_the_number_of_its_parent);
	tcase_add_test(tests, an_empty_message);
	tcase_add_test(tests, requests_of_another_version);
	tcase_add_test(tests, askers_that_do_not_wait);
	tcase_add_test(tests, answers_to_what_is_no_socket);
	tcase_add_test(tests, a_process_that_lies);
	tcase_add_test(tests, a_process_that_does_not_listen);
	tcase_add_test(tests, nothing_is_left_behind);
	return tests;
}
