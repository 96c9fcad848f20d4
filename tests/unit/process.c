// SPDX-License-Identifier: MIT
/*
 * Processes: who may open them, what a handle is good for, how they end.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <ntmem.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/highfd.h"
#include "peer.h"
#include "unit.h"

#define NOBODY		65534
#define HARMLESS	(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION)

static HANDLE open_peer(const struct peer *peer, DWORD access)
{
	HANDLE process;

	assert_ok(process = OpenProcess(access, FALSE, peer->pid));
	return process;
}

static DWORD WINAPI run_nothing(LPVOID arg)
{
	(void)arg;
	return 0;
}

/* ----------------------------------------------------------------- open --- */

START_TEST(the_own_process_has_a_handle)
{
	HANDLE process;
	char *p;

	assert_ok(process = OpenProcess(PROCESS_ALL_ACCESS, FALSE,
					GetCurrentProcessId()));
	ck_assert_uint_eq(GetCurrentProcessId(), getpid());
	ck_assert_uint_eq(GetProcessId(process), getpid());
	ck_assert_uint_eq(GetProcessId(GetCurrentProcess()), getpid());
	/* Also where other processes are out of reach: it is no other one. */
	assert_ok(p = VirtualAllocEx(process, NULL, PAGE, MEM_COMMIT,
				     PAGE_READWRITE));
	*p = 1;
	assert_run(p, PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_ok(VirtualFreeEx(process, p, 0, MEM_RELEASE));
	assert_ok(CloseHandle(process));
	assert_fails(ERROR_INVALID_HANDLE, GetProcessId(process));
}
END_TEST

static void *tell_number(void *arg)
{
	int *pipes = arg;
	DWORD number = GetCurrentThreadId();
	char c;

	if (write(pipes[1], &number, sizeof(number)) != sizeof(number))
		return NULL;
	return read(pipes[2], &c, 1) ? NULL : arg;
}

START_TEST(there_is_no_such_process)
{
	int pipes[4];
	pthread_t thread;
	DWORD number;

	assert_fails(ERROR_INVALID_PARAMETER, OpenProcess(HARMLESS, FALSE, 0));
	assert_fails(ERROR_INVALID_PARAMETER,
		     OpenProcess(HARMLESS, FALSE, 0x7fffffff));
	assert_fails(ERROR_INVALID_PARAMETER,
		     OpenProcess(HARMLESS, FALSE, 0xffffffff));
	/* A thread is none. */
	ck_assert_int_eq(pipe(pipes) | pipe(pipes + 2), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, tell_number, pipes), 0);
	ck_assert_int_eq(read(pipes[0], &number, sizeof(number)),
			 sizeof(number));
	ck_assert_uint_ne(number, GetCurrentThreadId());
	assert_fails(ERROR_INVALID_PARAMETER,
		     OpenProcess(HARMLESS, FALSE, number));
	close(pipes[3]);
	pthread_join(thread, NULL);
	close(pipes[0]);
	close(pipes[1]);
	close(pipes[2]);
}
END_TEST

START_TEST(rights_that_are_not_there)
{
	assert_fails(ERROR_NOT_SUPPORTED,
		     OpenProcess(0x80000000, FALSE, GetCurrentProcessId()));
	assert_fails(ERROR_NOT_SUPPORTED,
		     OpenProcess(0x02000000, FALSE, GetCurrentProcessId()));
}
END_TEST

/* What each call wants, and that it is this right which it misses. */
#define wants(call) do {						\
	HANDLE process = without;					\
									\
	assert_fails(ERROR_ACCESS_DENIED, call);			\
	process = with;							\
	SetLastError(UNTOUCHED);					\
	if (!(call))							\
		ck_assert_uint_ne(GetLastError(), ERROR_ACCESS_DENIED);	\
} while (0)

#define each_wants(right, calls) do {					\
	HANDLE with = open_peer(&peer, (right));			\
	HANDLE without = open_peer(&peer,				\
				   PROCESS_ALL_ACCESS & ~(right));	\
	calls;								\
	CloseHandle(with);						\
	CloseHandle(without);						\
} while (0)

START_TEST(each_call_wants_its_right)
{
	struct peer peer = peer_start();
	MEMORY_BASIC_INFORMATION info;
	const DWORD limited = PROCESS_QUERY_INFORMATION |
			      PROCESS_QUERY_LIMITED_INFORMATION;
	DWORD old, code;
	char c, *at = (char *)0x10000;

	each_wants(PROCESS_VM_OPERATION, {
		wants(VirtualAllocEx(process, NULL, PAGE, MEM_RESERVE,
					    PAGE_READWRITE));
		wants(VirtualAllocExNuma(process, NULL, PAGE,
						MEM_RESERVE, PAGE_READWRITE,
						0));
		wants(VirtualAlloc2(process, NULL, PAGE, MEM_RESERVE,
					   PAGE_READWRITE, NULL, 0));
		wants(VirtualFreeEx(process, at, 0, MEM_RELEASE));
		wants(VirtualProtectEx(process, at, 1, PAGE_READONLY,
					      &old));
		wants(MapViewOfFile3(NULL, process, NULL, 0, 0, 0,
					    PAGE_READWRITE, NULL, 0));
		wants(MapViewOfFileNuma2(NULL, process, 0, NULL, 0, 0,
						PAGE_READWRITE, 0));
		wants(UnmapViewOfFile2(process, at, 0));
		wants(ntmem_virtual_lock_ex(process, at, 1));
		wants(ntmem_virtual_unlock_ex(process, at, 1));
	});
	each_wants(PROCESS_VM_WRITE | PROCESS_VM_OPERATION,
		   wants(WriteProcessMemory(process, at, "", 1, NULL)));
	each_wants(PROCESS_VM_READ,
		   wants(ReadProcessMemory(process, at, &c, 1, NULL)));
	each_wants(PROCESS_QUERY_INFORMATION,
		   wants(VirtualQueryEx(process, at, &info,
					       sizeof(info))));
	each_wants(limited, {
		wants(GetExitCodeProcess(process, &code));
		wants(GetProcessId(process));
	});
	each_wants(SYNCHRONIZE,
		   wants(WaitForSingleObject(process, 0) !=
				WAIT_FAILED));
	/* At the end, of which it is. */
	each_wants(PROCESS_TERMINATE,
		   wants(TerminateProcess(process, 0)));
	ck_assert_int_eq(WTERMSIG(peer_end(&peer)), SIGKILL);
}
END_TEST

START_TEST(one_kind_of_handle_is_no_other)
{
	HANDLE process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, getppid());
	HANDLE none[] = { NULL, (HANDLE)4000, (HANDLE)3, GetCurrentThread() };
	MEMORY_BASIC_INFORMATION info;
	DWORD code;
	char c;
	size_t i;

	ck_assert_ptr_nonnull(process);
	assert_fails(ERROR_INVALID_HANDLE, ntmem_handle_to_fd(process) >= 0);
	if (on_kernel_engine())
		assert_fails(ERROR_INVALID_HANDLE,
			     MapViewOfFile(process, FILE_MAP_READ, 0, 0, 0));
	assert_fails(ERROR_INVALID_HANDLE, GetThreadId(process));
	assert_fails(ERROR_INVALID_HANDLE, GetExitCodeThread(process, &code));
	assert_fails(ERROR_INVALID_HANDLE,
		     ResumeThread(process) != (DWORD)-1);
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_fails(ERROR_INVALID_HANDLE, GetProcessId(none[i]));
		assert_fails(ERROR_INVALID_HANDLE,
			     TerminateProcess(none[i], 0));
		assert_fails(ERROR_INVALID_HANDLE,
			     ReadProcessMemory(none[i], &c, &c, 1, NULL));
		assert_fails(ERROR_INVALID_HANDLE,
			     VirtualQueryEx(none[i], &c, &info,
					    sizeof(info)));
		assert_fails(ERROR_INVALID_HANDLE,
			     VirtualAllocEx(none[i], NULL, PAGE, MEM_RESERVE,
					    PAGE_READWRITE));
	}
	assert_ok(CloseHandle(process));
	assert_fails(ERROR_INVALID_HANDLE, CloseHandle(process));
}
END_TEST

START_TEST(a_handle_is_duplicated_with_its_rights_or_less)
{
	HANDLE self = GetCurrentProcess(), process, copy;
	struct peer peer = peer_start();

	process = open_peer(&peer, HARMLESS | PROCESS_VM_READ);
	assert_fails(ERROR_ACCESS_DENIED,
		     DuplicateHandle(self, process, self, &copy,
				     PROCESS_VM_WRITE, FALSE, 0));
	assert_ok(DuplicateHandle(self, process, self, &copy, HARMLESS, FALSE,
				  DUPLICATE_CLOSE_SOURCE));
	assert_fails(ERROR_INVALID_HANDLE, GetProcessId(process));
	ck_assert_uint_eq(GetProcessId(copy), peer.pid);
	assert_fails(ERROR_ACCESS_DENIED,
		     DuplicateHandle(copy, copy, self, &process, 0, FALSE, 0));
	ck_assert_uint_eq(WaitForSingleObject(copy, 0), WAIT_TIMEOUT);
	ck_assert_int_eq(peer_end(&peer), 0);
	ck_assert_uint_eq(WaitForSingleObject(copy, 0), WAIT_OBJECT_0);
	CloseHandle(copy);
	/* What is no handle becomes one. */
	assert_ok(DuplicateHandle(self, self, self, &copy, HARMLESS, FALSE, 0));
	ck_assert_uint_eq(GetProcessId(copy), getpid());
	assert_fails(ERROR_ACCESS_DENIED,
		     VirtualAllocEx(copy, NULL, PAGE, MEM_RESERVE,
				    PAGE_READWRITE));
	CloseHandle(copy);
}
END_TEST

/* Descriptors that a program would have which this one executes. */
static int count_inherited(void)
{
	int fd, count = 0;

	for (fd = 0; fd < 1200; fd++)
		count += fcntl(fd, F_GETFD) == 0;
	return count;
}

START_TEST(handles_are_inherited_when_it_is_said)
{
	SECURITY_ATTRIBUTES attributes = { .nLength = sizeof(attributes) };
	HANDLE self = GetCurrentProcess(), process, copy, thread;
	int before = count_inherited();

	assert_ok(process = OpenProcess(HARMLESS, FALSE, getppid()));
	assert_ok(thread = CreateThread(&attributes, 0, run_nothing, NULL, 0,
					NULL));
	ck_assert_int_eq(count_inherited(), before);
	assert_ok(DuplicateHandle(self, process, self, &copy, 0, TRUE,
				  DUPLICATE_SAME_ACCESS));
	ck_assert_int_eq(count_inherited(), before + 1);
	assert_ok(CloseHandle(copy));
	assert_ok(CloseHandle(process));
	assert_ok(process = OpenProcess(HARMLESS, TRUE, getppid()));
	ck_assert_int_eq(count_inherited(), before + 1);
	assert_ok(CloseHandle(process));
	assert_ok(CloseHandle(thread));
	attributes.bInheritHandle = TRUE;
	assert_ok(thread = CreateThread(&attributes, 0, run_nothing, NULL, 0,
					NULL));
	ck_assert_int_eq(count_inherited(), before + 1);
	assert_ok(CloseHandle(thread));
	ck_assert_int_eq(count_inherited(), before);
}
END_TEST

/* What is asked to be closed is so, whatever becomes of the copy. */
START_TEST(handles_that_are_not_duplicated)
{
	HANDLE self = GetCurrentProcess(), process, copy = self;

	assert_ok(process = OpenProcess(HARMLESS, FALSE, getppid()));
	assert_fails(ERROR_INVALID_PARAMETER,
		     DuplicateHandle(self, process, self, &copy, 0, FALSE, 4));
	assert_fails(ERROR_INVALID_PARAMETER,
		     DuplicateHandle(self, process, self, NULL, 0, FALSE,
				     DUPLICATE_SAME_ACCESS));
	ck_assert_uint_eq(GetProcessId(process), getppid());
	assert_fails(ERROR_INVALID_PARAMETER,
		     DuplicateHandle(self, process, self, NULL, 0, FALSE,
				     DUPLICATE_CLOSE_SOURCE));
	assert_fails(ERROR_INVALID_HANDLE, GetProcessId(process));
	/* Nobody is to have a copy. */
	assert_ok(process = OpenProcess(HARMLESS, FALSE, getppid()));
	assert_ok(DuplicateHandle(self, process, NULL, NULL, 0, FALSE,
				  DUPLICATE_CLOSE_SOURCE));
	assert_fails(ERROR_INVALID_HANDLE, GetProcessId(process));
	assert_fails(ERROR_INVALID_HANDLE,
		     DuplicateHandle(self, process, NULL, NULL, 0, FALSE,
				     DUPLICATE_CLOSE_SOURCE));
	/* Nor can that one have it. */
	assert_ok(process = OpenProcess(HARMLESS, FALSE, getppid()));
	assert_fails(ERROR_ACCESS_DENIED,
		     DuplicateHandle(self, process, process, &copy, 0, FALSE,
				     DUPLICATE_CLOSE_SOURCE));
	assert_fails(ERROR_INVALID_HANDLE, GetProcessId(process));
	ck_assert_ptr_eq(copy, self);
	/* These are no handles that could be closed. */
	assert_ok(CloseHandle(self));
	assert_ok(CloseHandle(GetCurrentThread()));
	ck_assert_uint_eq(GetProcessId(self), getpid());
}
END_TEST

/* The number that the library's next one will get. */
static int next_descriptor(void)
{
	int fd = ntmem_highfd(memfd_create("process", MFD_CLOEXEC));

	ck_assert_int_ge(fd, 0);
	close(fd);
	return fd;
}

/* Its number may be another file's by then. */
START_TEST(a_descriptor_that_the_program_has_closed)
{
	HANDLE process;
	int fd = next_descriptor(), file;

	assert_ok(process = OpenProcess(HARMLESS, FALSE, getppid()));
	ck_assert_uint_eq(WaitForSingleObject(process, 0), WAIT_TIMEOUT);
	ck_assert_int_eq(close(fd), 0);
	assert_fails(ERROR_INVALID_HANDLE,
		     WaitForSingleObject(process, INFINITE) != WAIT_FAILED);
	file = memfd_create("another", MFD_CLOEXEC);
	ck_assert_int_eq(dup2(file, fd), fd);
	assert_fails(ERROR_INVALID_HANDLE,
		     WaitForSingleObject(process, INFINITE) != WAIT_FAILED);
	assert_ok(CloseHandle(process));
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	close(fd);
	close(file);
}
END_TEST

/* ------------------------------------------------------------------ end --- */

static uintptr_t leave(uintptr_t status)
{
	_exit((int)status);
}

START_TEST(waiting_for_an_end)
{
	struct peer peer = peer_start();
	HANDLE process = open_peer(&peer, PROCESS_ALL_ACCESS);
	DWORD code;

	ck_assert_uint_eq(WaitForSingleObject(process, 0), WAIT_TIMEOUT);
	ck_assert_uint_eq(WaitForSingleObject(process, 20), WAIT_TIMEOUT);
	assert_ok(GetExitCodeProcess(process, &code));
	ck_assert_uint_eq(code, STILL_ACTIVE);
	peer_ask(&peer, leave, 42);
	ck_assert_uint_eq(WaitForSingleObject(process, INFINITE),
			  WAIT_OBJECT_0);
	ck_assert_uint_eq(WaitForSingleObject(process, 1000), WAIT_OBJECT_0);
	assert_ok(GetExitCodeProcess(process, &code));
	ck_assert_uint_eq(code, 42);
	assert_fails(ERROR_ACCESS_DENIED, TerminateProcess(process, 1));
	assert_fails(ERROR_NOACCESS, GetExitCodeProcess(process, NULL));
	/* Once its parent has asked nobody knows. */
	ck_assert_int_eq(WEXITSTATUS(peer_end(&peer)), 42);
	assert_fails(ERROR_NOT_SUPPORTED, GetExitCodeProcess(process, &code));
	ck_assert_uint_eq(WaitForSingleObject(process, INFINITE),
			  WAIT_OBJECT_0);
	ck_assert_uint_eq(GetProcessId(process), peer.pid);
	CloseHandle(process);
}
END_TEST

/* A process that is no child: how it ended its parent need not tell. */
static uintptr_t start_another(uintptr_t unused)
{
	pid_t pid = fork();

	(void)unused;
	if (!pid)
		pause();
	return pid;
}

static uintptr_t end_another(uintptr_t status)
{
	siginfo_t info;
	pid_t pid = fork();

	if (!pid)
		_exit((int)status);
	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) ? 0 : pid;
}

static uintptr_t wait_for_child(uintptr_t pid)
{
	return waitpid((pid_t)pid, NULL, 0) == (pid_t)pid;
}

START_TEST(the_end_of_a_process_that_is_no_child)
{
	struct peer peer = peer_start();
	pid_t pid = (pid_t)peer_call(&peer, start_another, 0);
	HANDLE process;
	DWORD code;

	assert_ok(process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, pid));
	assert_ok(TerminateProcess(process, 1));
	ck_assert_uint_eq(WaitForSingleObject(process, INFINITE),
			  WAIT_OBJECT_0);
	assert_ok(GetExitCodeProcess(process, &code));
	ck_assert_uint_eq(code, 128 + SIGKILL);
	ck_assert_uint_eq(peer_call(&peer, wait_for_child, pid), 1);
	assert_fails(ERROR_NOT_SUPPORTED, GetExitCodeProcess(process, &code));
	CloseHandle(process);
	/* One that ends by itself. */
	pid = (pid_t)peer_call(&peer, end_another, 33);
	assert_ok(process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, pid));
	assert_ok(GetExitCodeProcess(process, &code));
	ck_assert_uint_eq(code, 33);
	ck_assert_uint_eq(peer_call(&peer, wait_for_child, pid), 1);
	CloseHandle(process);
	ck_assert_int_eq(peer_end(&peer), 0);
}
END_TEST

/* Linux tells others an end, but not which. */
static void ask_as_nobody(void *arg)
{
	DWORD code = 4711;
	HANDLE process;

	if (setresuid(NOBODY, NOBODY, 0))
		_exit(1);
	process = OpenProcess(HARMLESS, FALSE, *(pid_t *)arg);
	if (!process || WaitForSingleObject(process, 0) != WAIT_OBJECT_0)
		_exit(2);
	if (GetExitCodeProcess(process, &code) ||
	    GetLastError() != ERROR_NOT_SUPPORTED || code != 4711)
		_exit(3);
	if (setresuid(0, 0, 0))
		_exit(4);
}

START_TEST(the_end_of_another_users_process)
{
	struct peer peer;
	pid_t pid;

	if (geteuid())
		return;
	peer = peer_start();
	pid = (pid_t)peer_call(&peer, end_another, 33);
	ck_assert_int_eq(in_child(ask_as_nobody, &pid), 0);
	ck_assert_uint_eq(peer_call(&peer, wait_for_child, pid), 1);
	ck_assert_int_eq(peer_end(&peer), 0);
}
END_TEST

START_TEST(the_end_of_a_child_by_a_signal)
{
	struct peer peer = peer_start();
	HANDLE process = open_peer(&peer, PROCESS_ALL_ACCESS);
	DWORD code;

	assert_ok(TerminateProcess(process, 1));
	ck_assert_uint_eq(WaitForSingleObject(process, INFINITE),
			  WAIT_OBJECT_0);
	assert_ok(GetExitCodeProcess(process, &code));
	ck_assert_uint_eq(code, 128 + SIGKILL);
	ck_assert_int_eq(WTERMSIG(peer_end(&peer)), SIGKILL);
	CloseHandle(process);
}
END_TEST

static void terminate_self(void *arg)
{
	(void)arg;
	TerminateProcess(GetCurrentProcess(), 7);
}

START_TEST(a_process_ends_itself)
{
	ck_assert_int_eq(WEXITSTATUS(in_child(terminate_self, NULL)), 7);
}
END_TEST

START_TEST(what_there_is_no_waiting_for)
{
	HANDLE section;

	assert_fails(ERROR_INVALID_HANDLE,
		     WaitForSingleObject(NULL, 0) != WAIT_FAILED);
	ck_assert_uint_eq(WaitForSingleObject(GetCurrentProcess(), 1),
			  WAIT_TIMEOUT);
	ck_assert_uint_eq(WaitForSingleObject(GetCurrentThread(), 0),
			  WAIT_TIMEOUT);
	if (!on_kernel_engine())
		return;
	section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
				     PAGE_READWRITE, 0, PAGE, NULL);
	ck_assert_ptr_nonnull(section);
	assert_fails(ERROR_INVALID_HANDLE,
		     WaitForSingleObject(section, 0) != WAIT_FAILED);
	assert_fails(ERROR_INVALID_HANDLE, GetProcessId(section));
	assert_fails(ERROR_INVALID_HANDLE, GetThreadId(section));
	CloseHandle(section);
}
END_TEST

/* --------------------------------------------------------- other people --- */

/* A child with just this number, which ends when it is told. */
static pid_t start_with_number(pid_t pid, int *end)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};
	int pipes[2];
	pid_t made;
	char c;

	ck_assert_int_eq(pipe(pipes), 0);
	made = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (!made) {
		close(pipes[1]);
		_exit(read(pipes[0], &c, 1) ? 1 : 0);
	}
	close(pipes[0]);
	*end = pipes[1];
	return made;
}

static uintptr_t address_of_word(uintptr_t unused)
{
	static volatile long word;

	word = 1;
	return unused ? 0 : (uintptr_t)&word;
}

/* All that goes by a handle misses the process that has the number now. */
START_TEST(a_handle_is_of_no_other_process_with_the_number)
{
	struct peer peer = peer_start();
	HANDLE process = open_peer(&peer, PROCESS_ALL_ACCESS), other;
	MEMORY_BASIC_INFORMATION info;
	long word = 5, *there;
	int status, end;
	DWORD code;
	pid_t pid;

	there = (long *)peer_call(&peer, address_of_word, 0);
	ck_assert_int_eq(peer_end(&peer), 0);
	pid = start_with_number(peer.pid, &end);
	if (pid != peer.pid) {
		/* Not for us to choose here. */
		CloseHandle(process);
		return;
	}
	assert_ok(other = OpenProcess(PROCESS_ALL_ACCESS, FALSE, pid));
	assert_ok(ReadProcessMemory(other, there, &word, sizeof(word), NULL));
	word = 9;
	assert_fails(ERROR_ACCESS_DENIED,
		     ReadProcessMemory(process, there, &word, sizeof(word),
				       NULL));
	assert_fails(ERROR_ACCESS_DENIED,
		     WriteProcessMemory(process, there, &word, sizeof(word),
					NULL));
	assert_fails(ERROR_ACCESS_DENIED,
		     VirtualQueryEx(process, there, &info, sizeof(info)));
	assert_fails(ERROR_ACCESS_DENIED,
		     VirtualAllocEx(process, NULL, PAGE, MEM_RESERVE,
				    PAGE_READWRITE));
	assert_fails(ERROR_ACCESS_DENIED,
		     CreateRemoteThread(process, NULL, 0,
					run_nothing, NULL, 0, NULL));
	assert_fails(ERROR_ACCESS_DENIED, TerminateProcess(process, 1));
	assert_fails(ERROR_NOT_SUPPORTED, GetExitCodeProcess(process, &code));
	ck_assert_uint_eq(WaitForSingleObject(process, 0), WAIT_OBJECT_0);
	assert_ok(ReadProcessMemory(other, there, &word, sizeof(word), NULL));
	ck_assert_int_ne(word, 9);
	close(end);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	CloseHandle(process);
	CloseHandle(other);
}
END_TEST

/* Status 0 when the process of this number cannot be opened for more. */
static void cannot_open(void *arg)
{
	static const DWORD rights[] = {
		PROCESS_VM_READ, PROCESS_VM_WRITE, PROCESS_VM_OPERATION,
		PROCESS_CREATE_THREAD, PROCESS_QUERY_INFORMATION,
		PROCESS_ALL_ACCESS,
	};
	pid_t pid = *(pid_t *)arg;
	HANDLE process;
	size_t i;

	for (i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
		if (OpenProcess(rights[i], FALSE, pid) ||
		    GetLastError() != ERROR_ACCESS_DENIED)
			_exit(1);
	process = OpenProcess(HARMLESS, FALSE, pid);
	if (!process || WaitForSingleObject(process, 0) != WAIT_TIMEOUT)
		_exit(2);
}

/* Who may become root again can write down what was counted. */
static void as_nobody(void *arg)
{
	if (setresuid(NOBODY, NOBODY, 0))
		_exit(3);
	cannot_open(arg);
	if (OpenProcess(PROCESS_TERMINATE, FALSE, *(pid_t *)arg) ||
	    GetLastError() != ERROR_ACCESS_DENIED)
		_exit(4);
	if (setresuid(0, 0, 0))
		_exit(5);
}

START_TEST(the_process_of_another_user)
{
	pid_t self = getpid();

	if (!geteuid())
		ck_assert_int_eq(in_child(as_nobody, &self), 0);
}
END_TEST

static uintptr_t become_nobody(uintptr_t dumpable)
{
	return setresuid(NOBODY, NOBODY, NOBODY) ||
	       prctl(PR_SET_DUMPABLE, dumpable);
}

static void as_same_nobody(void *arg)
{
	if (setresuid(NOBODY, NOBODY, NOBODY) || prctl(PR_SET_DUMPABLE, 1))
		_exit(3);
	cannot_open(arg);
}

START_TEST(a_process_that_is_not_to_be_dumped)
{
	struct peer peer;

	if (geteuid())
		return;
	peer = peer_start();
	ck_assert_uint_eq(peer_call(&peer, become_nobody, 0), 0);
	ck_assert_int_eq(in_child(as_same_nobody, &peer.pid), 0);
	ck_assert_int_eq(peer_end(&peer), 0);
}
END_TEST

/* What Yama allows: 0 all of the same user, 1 descendants; -1 without it. */
static int yama_scope(void)
{
	FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "r");
	int scope = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%d", &scope) != 1)
		scope = -1;
	fclose(file);
	return scope;
}

static void can_open(pid_t pid)
{
	HANDLE process = OpenProcess(PROCESS_VM_READ, FALSE, pid);
	char byte;

	if (!process ||
	    !ReadProcessMemory(process, &yama_scope, &byte, 1, NULL) ||
	    !CloseHandle(process))
		_exit(5);
}

/* A brother, and a child that is ours. */
static void beside_yama(void *arg)
{
	pid_t child;

	if (setresuid(NOBODY, NOBODY, NOBODY) || prctl(PR_SET_DUMPABLE, 1))
		_exit(3);
	if (yama_scope() > 0)
		cannot_open(arg);
	else
		can_open(*(pid_t *)arg);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
	}
	if (yama_scope() < 2)
		can_open(child);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void allowed_by_yama(void *arg)
{
	if (setresuid(NOBODY, NOBODY, NOBODY) || prctl(PR_SET_DUMPABLE, 1))
		_exit(3);
	can_open(*(pid_t *)arg);
}

static uintptr_t allow_any(uintptr_t unused)
{
	(void)unused;
	return prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
}

/* The suite yama has a guest whose kernel.yama.ptrace_scope is 1. */
START_TEST(a_process_that_yama_keeps_from_its_brothers)
{
	int scope = yama_scope();
	struct peer peer;

	if (geteuid() || scope < 0)
		return;
	peer = peer_start();
	ck_assert_uint_eq(peer_call(&peer, become_nobody, 1), 0);
	ck_assert_int_eq(in_child(beside_yama, &peer.pid), 0);
	if (scope < 2) {
		ck_assert_uint_eq(peer_call(&peer, allow_any, 0), 0);
		ck_assert_int_eq(in_child(allowed_by_yama, &peer.pid), 0);
	}
	ck_assert_int_eq(peer_end(&peer), 0);
}
END_TEST

static void in_user_namespace(void *arg)
{
	if (setresuid(NOBODY, NOBODY, NOBODY) || prctl(PR_SET_DUMPABLE, 1))
		_exit(3);
	if (unshare(CLONE_NEWUSER))
		_exit(errno == EPERM || errno == ENOSPC || errno == EINVAL ?
		      0 : 4);
	cannot_open(arg);
}

/* With all capabilities there, and none here. */
START_TEST(a_process_of_the_user_namespace_above)
{
	struct peer peer;

	if (geteuid())
		return;
	peer = peer_start();
	ck_assert_uint_eq(peer_call(&peer, become_nobody, 1), 0);
	ck_assert_int_eq(in_child(in_user_namespace, &peer.pid), 0);
	ck_assert_int_eq(peer_end(&peer), 0);
}
END_TEST

static void cannot_name(void *arg)
{
	if (OpenProcess(HARMLESS, FALSE, *(pid_t *)arg) ||
	    GetLastError() != ERROR_INVALID_PARAMETER)
		_exit(1);
}

static void in_pid_namespace(void *arg)
{
	if (!unshare(CLONE_NEWPID) && in_child(cannot_name, arg))
		_exit(1);
}

START_TEST(a_process_of_the_pid_namespace_above)
{
	pid_t self = getpid();

	/* It is number 1 there that is the child itself. */
	ck_assert_int_gt(self, 1);
	if (!geteuid())
		ck_assert_int_eq(in_child(in_pid_namespace, &self), 0);
}
END_TEST

/* Or ends this child. */
static void hide_proc(void)
{
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/proc", "tmpfs", 0, NULL))
		_exit(0);
}

static void without_proc(void *arg)
{
	pid_t pid = *(pid_t *)arg;
	MEMORY_BASIC_INFORMATION info;
	HANDLE process;

	hide_proc();
	process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, pid);
	if (!process)
		_exit(1);
	if (VirtualQueryEx(process, &pid, &info, sizeof(info)) ||
	    GetLastError() != ERROR_ACCESS_DENIED)
		_exit(2);
	if (VirtualAllocEx(process, NULL, PAGE, MEM_RESERVE, PAGE_READWRITE) ||
	    GetLastError() != ERROR_ACCESS_DENIED)
		_exit(3);
}

/* What is not seen is not guessed. */
START_TEST(a_process_that_proc_does_not_show)
{
	struct peer peer;

	if (geteuid())
		return;
	peer = peer_start();
	ck_assert_int_eq(in_child(without_proc, &peer.pid), 0);
	ck_assert_int_eq(peer_end(&peer), 0);
}
END_TEST

static void has_fewer_files(void *arg)
{
	if (count_files() != *(int *)arg - 1)
		_exit(1);
}

static void forks_without_proc(void *arg)
{
	int files;

	(void)arg;
	hide_proc();
	drop(commit_pages(1, PAGE_READWRITE));
	files = count_files();
	if (in_child(has_fewer_files, &files))
		_exit(1);
}

/* By that it could work on its parent's memory. */
START_TEST(a_child_does_not_keep_its_parents_space)
{
	if (!geteuid() && peers_have_spaces())
		ck_assert_int_eq(in_child(forks_without_proc, NULL), 0);
}
END_TEST

static bool is_refused(HANDLE section)
{
	return !section && GetLastError() == ERROR_NOT_SUPPORTED;
}

static void sections_without_proc(void *arg)
{
	HANDLE self = GetCurrentProcess(), section, copy = NULL;

	(void)arg;
	hide_proc();
	section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
				     PAGE_READWRITE, 0, PAGE, NULL);
	if (!section)
		_exit(1);
	DuplicateHandle(self, section, self, &copy, 0, FALSE,
			DUPLICATE_SAME_ACCESS);
	if (!is_refused(copy))
		_exit(2);
	if (!is_refused(CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
					   PAGE_READWRITE, 0, PAGE,
					   "unit: without proc")) ||
	    !is_refused(CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
					   PAGE_READONLY, 0, PAGE, NULL)))
		_exit(3);
}

/* The other engine has its sections from the module. */
START_TEST(sections_that_want_proc)
{
	if (!geteuid() && !on_kernel_engine())
		ck_assert_int_eq(in_child(sections_without_proc, NULL), 0);
}
END_TEST

TCase *process_tests(void)
{
	TCase *tests = tcase_create("process");

	tcase_add_test(tests, the_own_process_has_a_handle);
	tcase_add_test(tests, there_is_no_such_process);
	tcase_add_test(tests, rights_that_are_not_there);
	tcase_add_test(tests, each_call_wants_its_right);
	tcase_add_test(tests, one_kind_of_handle_is_no_other);
	tcase_add_test(tests, a_handle_is_duplicated_with_its_rights_or_less);
	tcase_add_test(tests, handles_are_inherited_when_it_is_said);
	tcase_add_test(tests, handles_that_are_not_duplicated);
	tcase_add_test(tests, a_descriptor_that_the_program_has_closed);
	tcase_add_test(tests, waiting_for_an_end);
	tcase_add_test(tests, the_end_of_a_process_that_is_no_child);
	tcase_add_test(tests, the_end_of_another_users_process);
	tcase_add_test(tests, the_end_of_a_child_by_a_signal);
	tcase_add_test(tests, a_process_ends_itself);
	tcase_add_test(tests, what_there_is_no_waiting_for);
	tcase_add_test(tests, a_handle_is_of_no_other_process_with_the_number);
	tcase_add_test(tests, the_process_of_another_user);
	tcase_add_test(tests, a_process_that_is_not_to_be_dumped);
	tcase_add_test(tests, a_process_that_yama_keeps_from_its_brothers);
	tcase_add_test(tests, a_process_of_the_user_namespace_above);
	tcase_add_test(tests, a_process_of_the_pid_namespace_above);
	tcase_add_test(tests, a_process_that_proc_does_not_show);
	tcase_add_test(tests, a_child_does_not_keep_its_parents_space);
	tcase_add_test(tests, sections_that_want_proc);
	return tests;
}
