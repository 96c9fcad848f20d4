// SPDX-License-Identifier: MIT
/*
 * DuplicateHandle to and from other processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <ntmem.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer.h"
#include "refuse.h"
#include "unit.h"
#include "virtual/handle.h"
#include "virtual/service.h"

#define SAME	DUPLICATE_SAME_ACCESS
#define CLOSE	DUPLICATE_CLOSE_SOURCE

static struct peer peer, second;
static HANDLE process, second_process;
static HANDLE self;

/* ------------------------------------------------------ what peers do --- */

static uintptr_t allow(uintptr_t unused)
{
	(void)unused;
	return ntmem_allow_remote_handles();
}

static uintptr_t forbid(uintptr_t unused)
{
	(void)unused;
	return ntmem_forbid_remote_handles();
}

static HANDLE make_section(void)
{
	return CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0,
				  PAGE, NULL);
}

/* A section whose first byte is this. */
static uintptr_t make_there(uintptr_t byte)
{
	HANDLE section = make_section();
	char *p = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);

	*p = (char)byte;
	UnmapViewOfFile(p);
	return (uintptr_t)section;
}

/* Its first byte, which becomes one more if it may; or the error, negative. */
static uintptr_t use_there(uintptr_t section)
{
	char *p = MapViewOfFile((HANDLE)section, FILE_MAP_WRITE, 0, 0, 0);
	uintptr_t was;

	if (!p)
		p = MapViewOfFile((HANDLE)section, FILE_MAP_READ, 0, 0, 0);
	else
		++*p;
	if (!p)
		return -(uintptr_t)GetLastError();
	was = (unsigned char)*p;
	UnmapViewOfFile(p);
	return was;
}

static uintptr_t close_there(uintptr_t handle)
{
	return CloseHandle((HANDLE)handle) ? 0 : GetLastError();
}

static uintptr_t flags_there(uintptr_t handle)
{
	return (uintptr_t)fcntl(ntmem_handle_to_fd((HANDLE)handle), F_GETFD);
}

static uintptr_t process_id_there(uintptr_t handle)
{
	return GetProcessId((HANDLE)handle);
}

static uintptr_t section_of_file_there(uintptr_t file)
{
	return (uintptr_t)CreateFileMappingA((HANDLE)file, NULL, PAGE_READONLY,
					     0, 0, NULL);
}

static DWORD WINAPI end_at_once(LPVOID arg)
{
	return (DWORD)(uintptr_t)arg;
}

/* ------------------------------------------------------------------------ */

static uintptr_t call(peer_function function, HANDLE handle)
{
	return peer_call(&peer, function, (uintptr_t)handle);
}

static int files_there(void)
{
	return (int)peer_call(&peer, peer_files, 0);
}

/* The service answers before it closes what it has sent, and where. */
static void await_files_there(int files)
{
	while (files_there() != files)
		sched_yield();
}

/* Once each way, so that what a process needs only once is there. */
static void warm_up(void)
{
	HANDLE section = make_section(), there, back;

	assert_ok(DuplicateHandle(self, section, process, &there, 0, FALSE,
				  SAME));
	call(use_there, there);
	assert_ok(DuplicateHandle(process, there, self, &back, 0, FALSE,
				  SAME | CLOSE));
	CloseHandle(back);
	CloseHandle(section);
	/* The end of the service waits until it has closed what it sent. */
	ck_assert_uint_eq(peer_call(&peer, forbid, 0), 1);
	ck_assert_uint_eq(peer_call(&peer, allow, 0), 1);
}

static void setup(void)
{
	self = GetCurrentProcess();
	peer = peer_start();
	second = peer_start();
	process = OpenProcess(PROCESS_DUP_HANDLE, FALSE, peer.pid);
	second_process = OpenProcess(PROCESS_DUP_HANDLE, FALSE, second.pid);
	ck_assert_uint_eq(peer_call(&peer, allow, 0), 1);
	ck_assert_uint_eq(peer_call(&second, allow, 0), 1);
	warm_up();
}

static void teardown(void)
{
	CloseHandle(process);
	CloseHandle(second_process);
	peer_end(&peer);
	peer_end(&second);
}

/* ------------------------------------------------------------- sections --- */

START_TEST(a_section_is_given)
{
	HANDLE section = make_section(), there = NULL;
	char *p = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
	int files = files_there();

	*p = 5;
	assert_ok(DuplicateHandle(self, section, process, &there, 0, FALSE,
				  SAME));
	/* Theirs is as good without ours. */
	CloseHandle(section);
	ck_assert_uint_eq(call(use_there, there), 6);
	ck_assert_int_eq(*p, 6);
	ck_assert_uint_eq(call(close_there, there), 0);
	await_files_there(files);
	assert_ok(UnmapViewOfFile(p));
}
END_TEST

START_TEST(a_section_is_taken)
{
	int files = files_there(), own = count_files();
	HANDLE there = (HANDLE)peer_call(&peer, make_there, 7), here = NULL;

	assert_ok(DuplicateHandle(process, there, self, &here, 0, FALSE, SAME));
	ck_assert_uint_eq(call(close_there, there), 0);
	ck_assert_uint_eq(use_there((uintptr_t)here), 8);
	CloseHandle(here);
	await_files_there(files);
	ck_assert_int_eq(count_files(), own);
}
END_TEST

START_TEST(a_section_goes_from_one_to_another)
{
	HANDLE first = (HANDLE)peer_call(&peer, make_there, 1), other = NULL;
	int own = count_files();

	assert_ok(DuplicateHandle(process, first, second_process, &other, 0,
				  FALSE, SAME));
	ck_assert_int_eq(count_files(), own);
	ck_assert_uint_eq(peer_call(&second, use_there, (uintptr_t)other), 2);
	ck_assert_uint_eq(call(use_there, first), 3);
}
END_TEST

START_TEST(with_fewer_rights)
{
	HANDLE section = make_section(), there = NULL, back = NULL, less;

	assert_ok(DuplicateHandle(self, section, process, &there, FILE_MAP_READ,
				  FALSE, 0));
	ck_assert_uint_eq(call(use_there, there), 0);
	/* What it has not it cannot give. */
	assert_fails(ERROR_ACCESS_DENIED,
		     DuplicateHandle(process, there, self, &back,
				     FILE_MAP_WRITE, FALSE, 0));
	assert_ok(DuplicateHandle(process, there, self, &back, 0, FALSE, SAME));
	assert_fails(ERROR_ACCESS_DENIED,
		     MapViewOfFile(back, FILE_MAP_WRITE, 0, 0, 0));
	assert_ok(DuplicateHandle(self, section, self, &less, FILE_MAP_READ,
				  FALSE, 0));
	assert_fails(ERROR_ACCESS_DENIED,
		     DuplicateHandle(self, less, process, &there,
				     FILE_MAP_WRITE, FALSE, 0));
	CloseHandle(less);
	CloseHandle(back);
	CloseHandle(section);
}
END_TEST

START_TEST(for_programs_that_it_starts)
{
	HANDLE section = make_section(), there = NULL, here = NULL;

	assert_ok(DuplicateHandle(self, section, process, &there, 0, TRUE,
				  SAME));
	ck_assert_uint_eq(call(flags_there, there), 0);
	assert_ok(DuplicateHandle(process, there, self, &here, 0, FALSE, SAME));
	ck_assert_int_eq(flags_there((uintptr_t)here), FD_CLOEXEC);
	CloseHandle(here);
	assert_ok(DuplicateHandle(process, there, self, &here, 0, TRUE, SAME));
	ck_assert_int_eq(flags_there((uintptr_t)here), 0);
	CloseHandle(here);
	assert_ok(DuplicateHandle(self, section, process, &there, 0, FALSE,
				  SAME));
	ck_assert_uint_eq(call(flags_there, there), FD_CLOEXEC);
	CloseHandle(section);
}
END_TEST

/* -------------------------------------------------------- other objects --- */

START_TEST(files)
{
	char path[] = "/tmp/ntmem-unit-XXXXXX";
	int fd = mkstemp(path);
	HANDLE file, there = NULL;

	unlink(path);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	assert_ok(file = ntmem_file_handle_from_fd(fd));
	assert_ok(DuplicateHandle(self, file, process, &there, 0, FALSE, SAME));
	CloseHandle(file);
	there = (HANDLE)call(section_of_file_there, there);
	ck_assert_uint_eq(call(use_there, there), 'x');
}
END_TEST

START_TEST(processes)
{
	HANDLE there = NULL, here = NULL, own;

	/* Of the target itself, of this process, of somebody else. */
	assert_ok(DuplicateHandle(process, self, self, &here,
				  PROCESS_QUERY_LIMITED_INFORMATION, FALSE, 0));
	ck_assert_uint_eq(GetProcessId(here), peer.pid);
	CloseHandle(here);
	assert_ok(DuplicateHandle(self, self, process, &there,
				  PROCESS_QUERY_LIMITED_INFORMATION, FALSE, 0));
	ck_assert_uint_eq(call(process_id_there, there), getpid());
	own = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, second.pid);
	assert_ok(DuplicateHandle(self, own, process, &there, 0, FALSE, SAME));
	ck_assert_uint_eq(call(process_id_there, there), second.pid);
	assert_fails(ERROR_ACCESS_DENIED,
		     DuplicateHandle(process, there, self, &here,
				     PROCESS_VM_OPERATION, FALSE, 0));
	CloseHandle(own);
}
END_TEST

/* A handle of this process is as good as GetCurrentProcess(). */
START_TEST(by_a_handle_of_ones_own)
{
	HANDLE section = make_section(), own, copy = NULL;

	own = OpenProcess(PROCESS_DUP_HANDLE, FALSE, getpid());
	assert_ok(DuplicateHandle(own, section, own, &copy, 0, FALSE, SAME));
	CloseHandle(copy);
	CloseHandle(own);
	own = OpenProcess(PROCESS_VM_OPERATION, FALSE, getpid());
	assert_fails(ERROR_ACCESS_DENIED,
		     DuplicateHandle(own, section, self, &copy, 0, FALSE,
				     SAME));
	CloseHandle(own);
	CloseHandle(section);
}
END_TEST

START_TEST(no_threads)
{
	HANDLE thread, there = NULL;

	assert_ok(thread = CreateThread(NULL, 0, end_at_once, NULL, 0, NULL));
	assert_fails(ERROR_NOT_SUPPORTED,
		     DuplicateHandle(self, thread, process, &there, 0, FALSE,
				     SAME));
	ck_assert_ptr_null(there);
	WaitForSingleObject(thread, INFINITE);
	CloseHandle(thread);
}
END_TEST

/* -------------------------------------------------------------- closing --- */

START_TEST(the_source_is_closed)
{
	HANDLE there = (HANDLE)peer_call(&peer, make_there, 3), here = NULL;

	assert_ok(DuplicateHandle(process, there, self, &here, 0, FALSE,
				  SAME | CLOSE));
	ck_assert_uint_eq(call(close_there, there), ERROR_INVALID_HANDLE);
	ck_assert_uint_eq(use_there((uintptr_t)here), 4);
	/* Whatever becomes of the other one. */
	assert_fails(ERROR_INVALID_HANDLE,
		     DuplicateHandle(self, here, (HANDLE)8888, &there, 0, FALSE,
				     SAME | CLOSE));
	assert_fails(ERROR_INVALID_HANDLE, CloseHandle(here));
	there = (HANDLE)peer_call(&peer, make_there, 3);
	assert_fails(ERROR_ACCESS_DENIED,
		     DuplicateHandle(process, there, self, &here,
				     PROCESS_ALL_ACCESS, FALSE, CLOSE));
	ck_assert_uint_eq(call(close_there, there), ERROR_INVALID_HANDLE);
}
END_TEST

START_TEST(only_to_be_closed)
{
	HANDLE there = (HANDLE)peer_call(&peer, make_there, 3);
	HANDLE section = make_section();

	assert_ok(DuplicateHandle(process, there, NULL, NULL, 0, FALSE, CLOSE));
	ck_assert_uint_eq(call(close_there, there), ERROR_INVALID_HANDLE);
	assert_fails(ERROR_INVALID_HANDLE,
		     DuplicateHandle(process, there, NULL, NULL, 0, FALSE,
				     CLOSE));
	assert_ok(DuplicateHandle(self, section, NULL, NULL, 0, FALSE, CLOSE));
	assert_fails(ERROR_INVALID_HANDLE, CloseHandle(section));
}
END_TEST

/* ------------------------------------------------------------- refusals --- */

START_TEST(who_does_not_allow_it)
{
	HANDLE section = make_section(), there = NULL, less;
	int own = count_files(), files;

	assert_fails(ERROR_INVALID_HANDLE,
		     DuplicateHandle(process, (HANDLE)8888, self, &there, 0,
				     FALSE, SAME));
	less = OpenProcess(PROCESS_VM_OPERATION, FALSE, peer.pid);
	assert_fails(ERROR_ACCESS_DENIED,
		     DuplicateHandle(self, section, less, &there, 0, FALSE,
				     SAME));
	CloseHandle(less);
	ck_assert_uint_eq(peer_call(&peer, forbid, 0), 1);
	files = files_there();
	assert_fails(ERROR_ACCESS_DENIED,
		     DuplicateHandle(self, section, process, &there, 0, FALSE,
				     SAME));
	assert_fails(ERROR_ACCESS_DENIED,
		     DuplicateHandle(process, section, self, &there, 0, FALSE,
				     SAME));
	await_files_there(files);
	kill(second.pid, SIGKILL);
	ck_assert_int_eq(waitid(P_PID, (id_t)second.pid, &(siginfo_t){ 0 },
				WEXITED | WNOWAIT), 0);
	assert_fails(ERROR_ACCESS_DENIED,
		     DuplicateHandle(self, section, second_process, &there, 0,
				     FALSE, SAME));
	ck_assert_ptr_null(there);
	ck_assert_int_eq(count_files(), own);
	CloseHandle(section);
}
END_TEST

/* Without the time that it takes: whoever polls hears that it has passed. */
static void ask_in_vain(void *arg)
{
	HANDLE there = NULL;

	if (!refuse(SYS_poll, 0))
		return;
	SetLastError(UNTOUCHED);
	require(!DuplicateHandle(self, (HANDLE)arg, process, &there, 0, FALSE,
				 SAME));
	require(GetLastError() == ERROR_TIMEOUT && !there);
}

/* What it is given when it goes on it does not keep. */
START_TEST(who_does_not_answer)
{
	HANDLE section = make_section();
	int files = files_there();

	peer_stop(&peer);
	ck_assert_int_eq(in_child(ask_in_vain, section), 0);
	kill(peer.pid, SIGCONT);
	await_files_there(files);
	CloseHandle(section);
}
END_TEST

static void *give_in_thread(void *section)
{
	HANDLE there = NULL;

	if (DuplicateHandle(self, section, process, &there, 0, FALSE, SAME))
		return NULL;
	return (void *)(uintptr_t)GetLastError();
}

START_TEST(who_ends_without_an_answer)
{
	HANDLE section = make_section();
	int service, bytes, own;
	pthread_t thread;
	void *code;

	own = count_files();
	service = peer_service(&peer);
	peer_stop(&peer);
	ck_assert_int_eq(pthread_create(&thread, NULL, give_in_thread,
					section), 0);
	do {
		ck_assert_int_eq(ioctl(service, TIOCOUTQ, &bytes), 0);
	} while (!bytes);
	close(service);
	kill(peer.pid, SIGKILL);
	pthread_join(thread, &code);
	ck_assert_uint_eq((uintptr_t)code, ERROR_ACCESS_DENIED);
	ck_assert_int_eq(count_files(), own);
	CloseHandle(section);
}
END_TEST

/* A request of somebody who does not use this library, and what it answers. */
static uint32_t raw_request(uint64_t what, uint64_t handle, uint32_t kind,
			    bool listens)
{
	const struct service_request request = {
		.magic = SERVICE_MAGIC_HANDLES, .arg = { what, handle },
	};
	const struct {
		struct service_answer answer;
		uint32_t kind, access;
	} parcel = { .kind = kind };
	struct service_answer answer = { 0 };
	struct process target;
	int sockets[2], file;

	ck_assert(process_look(process, PROCESS_DUP_HANDLE, &target));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				    sockets), 0);
	file = open("/dev/null", O_RDONLY);
	if (kind != ~0U)
		ck_assert(service_send(sockets[0], &parcel, sizeof(parcel),
				       file));
	close(file);
	if (!listens)
		close(sockets[0]);
	ck_assert_int_eq(service_ask(&target, &request, sockets[1], 1000), 0);
	close(sockets[1]);
	if (!listens)
		return 0;
	ck_assert_int_ge(service_receive(sockets[0], &answer, sizeof(answer),
					 &file), sizeof(answer));
	close(sockets[0]);
	return (uint32_t)answer.error;
}

START_TEST(requests_that_are_none)
{
	int files = files_there();

	ck_assert_uint_eq(raw_request(77, 0, ~0U, true), ERROR_NOT_SUPPORTED);
	/* Nothing has come along; something else than it says. */
	ck_assert_uint_eq(raw_request(1, 0, ~0U, true),
			  ERROR_INVALID_PARAMETER);
	ck_assert_uint_eq(raw_request(1, 0, 77, true), ERROR_INVALID_HANDLE);
	ck_assert_uint_eq(raw_request(1, 0, HANDLE_SECTION, true),
			  ERROR_INVALID_HANDLE);
	ck_assert_uint_eq(raw_request(1, 0, HANDLE_PROCESS, true),
			  ERROR_ACCESS_DENIED);
	ck_assert_uint_eq(raw_request(1, 0, HANDLE_THREAD, true),
			  ERROR_INVALID_HANDLE);
	/* Who does not hear of the handle has none. One request after the other. */
	raw_request(1, 0, HANDLE_FILE, false);
	ck_assert_uint_eq(raw_request(77, 0, ~0U, true), ERROR_NOT_SUPPORTED);
	await_files_there(files);
}
END_TEST

TCase *remote_handle_tests(void)
{
	TCase *tests = tcase_create("remote handle");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_section_is_given);
	tcase_add_test(tests, a_section_is_taken);
	tcase_add_test(tests, a_section_goes_from_one_to_another);
	tcase_add_test(tests, with_fewer_rights);
	tcase_add_test(tests, for_programs_that_it_starts);
	tcase_add_test(tests, files);
	tcase_add_test(tests, processes);
	tcase_add_test(tests, by_a_handle_of_ones_own);
	tcase_add_test(tests, no_threads);
	tcase_add_test(tests, the_source_is_closed);
	tcase_add_test(tests, only_to_be_closed);
	tcase_add_test(tests, who_does_not_allow_it);
	tcase_add_test(tests, who_does_not_answer);
	tcase_add_test(tests, who_ends_without_an_answer);
	tcase_add_test(tests, requests_that_are_none);
	return tests;
}
