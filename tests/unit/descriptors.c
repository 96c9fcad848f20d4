// SPDX-License-Identifier: MIT
/*
 * Without descriptors and handles: each call that needs some is made with none
 * left, with one, two, and so on, until it succeeds; and with a table of handles
 * that is full. Each time it says what is missing, and leaves nothing open.
 */
#include <errno.h>
#include <fcntl.h>
#include <ntmem.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine.h"
#include "heap/inventory.h"
#include "peer.h"
#include "unit.h"

#define LIMIT		64
#define NAME		"unit: descriptors"

static struct peer peer;
static HANDLE process, thread, section, file;
/* Of the peer: text that is not the library's; a child of it that has ended. */
static char *text;
static HANDLE ended;

static uintptr_t allow(uintptr_t unused)
{
	(void)unused;
	return ntmem_allow_remote_threads() && ntmem_allow_heap_reports() &&
	       ntmem_allow_remote_handles();
}

/* What a large section lacks where there are descriptors. */
static DWORD large_error;

static HANDLE create_large(void)
{
	return CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE |
				  SEC_COMMIT | SEC_LARGE_PAGES, 0, 2 << 20,
				  NULL);
}

/* A child that has ended with 33, and that nobody asks. */
static uintptr_t end_child(uintptr_t unused)
{
	siginfo_t info;
	pid_t pid = fork();

	(void)unused;
	if (!pid)
		_exit(33);
	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) ? 0 : pid;
}

static DWORD WINAPI run_nothing(LPVOID arg)
{
	return (DWORD)(uintptr_t)arg;
}

static void setup(void)
{
	HANDLE large;
	DWORD child;

	peer = peer_start();
	ck_assert_uint_eq(peer_call(&peer, allow, 0), 1);
	text = (char *)peer_call(&peer, peer_map, PROT_READ | PROT_EXEC);
	child = (DWORD)peer_call(&peer, end_child, 0);
	assert_ok(process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, peer.pid));
	assert_ok(ended = OpenProcess(PROCESS_ALL_ACCESS, FALSE, child));
	assert_ok(thread = CreateRemoteThread(process, NULL, 0, run_nothing,
					      NULL, CREATE_SUSPENDED, NULL));
	section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
				     PAGE_READWRITE, 0, PAGE, NAME);
	ck_assert_ptr_nonnull(section);
	file = ntmem_file_handle_from_fd(memfd_create("file", MFD_CLOEXEC));
	ck_assert_ptr_nonnull(file);
	large = create_large();
	large_error = GetLastError();
	if (large)
		CloseHandle(large);
}

static void teardown(void)
{
	CloseHandle(file);
	CloseHandle(section);
	CloseHandle(thread);
	CloseHandle(ended);
	CloseHandle(process);
	peer_end(&peer);
}

/* ------------------------------------------------------------- the calls --- */

static bool made(HANDLE handle)
{
	return handle && CloseHandle(handle);
}

static bool made_thread(HANDLE handle)
{
	return handle && WaitForSingleObject(handle, INFINITE) ==
			 WAIT_OBJECT_0 && CloseHandle(handle);
}

static bool open_process(void)
{
	return made(OpenProcess(PROCESS_ALL_ACCESS, FALSE, peer.pid));
}

static bool copy_of(HANDLE handle)
{
	HANDLE self = GetCurrentProcess(), copy;

	return DuplicateHandle(self, handle, self, &copy, 0, FALSE,
			       DUPLICATE_SAME_ACCESS) && CloseHandle(copy);
}

static bool copy_self(void)
{
	return copy_of(GetCurrentProcess());
}

static bool copy_process(void)
{
	return copy_of(process);
}

static bool copy_thread(void)
{
	return copy_of(thread);
}

static bool copy_section(void)
{
	return copy_of(section);
}

static bool make_thread(void)
{
	return made_thread(CreateThread(NULL, 0, run_nothing, NULL, 0, NULL));
}

static bool make_thread_there(void)
{
	return made_thread(CreateRemoteThread(process, NULL, 0, run_nothing,
					      NULL, 0, NULL));
}

static bool make_section(void)
{
	return made(CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
				       PAGE_READWRITE, 0, PAGE, NULL));
}

static bool make_named(void)
{
	return made(CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
				       PAGE_READWRITE, 0, PAGE,
				       NAME ", another"));
}

static bool open_named(void)
{
	return made(OpenFileMappingA(FILE_MAP_WRITE, FALSE, NAME));
}

static bool make_of_file(void)
{
	return made(CreateFileMappingA(file, NULL, PAGE_READWRITE, 0, PAGE,
				       NULL));
}

/* Which may not be possible either. */
static bool make_large(void)
{
	return made(create_large()) || GetLastError() == large_error;
}

/* A function of the tool's alone. */
static bool ask_for_report(void)
{
	int file = inventory_ask(peer.pid);

	if (file == -EMFILE)
		SetLastError(ERROR_TOO_MANY_OPEN_FILES);
	return file >= 0 && !close(file);
}

/* What could not be closed there ends with the peer. */
static bool give_section(void)
{
	HANDLE self = GetCurrentProcess(), there;

	return DuplicateHandle(self, section, process, &there, 0, FALSE,
			       DUPLICATE_SAME_ACCESS) &&
	       DuplicateHandle(process, there, NULL, NULL, 0, FALSE,
			       DUPLICATE_CLOSE_SOURCE);
}

static bool query_there(void)
{
	MEMORY_BASIC_INFORMATION info;

	return VirtualQueryEx(process, text, &info, sizeof(info));
}

/* Which may not be possible at all. */
static bool allocate_there(void)
{
	void *p = VirtualAllocEx(process, NULL, PAGE, MEM_RESERVE,
				 PAGE_READWRITE);

	return p ? VirtualFreeEx(process, p, 0, MEM_RELEASE) :
		   !peers_have_spaces() &&
		   GetLastError() == ERROR_NOT_SUPPORTED;
}

static bool write_text_there(void)
{
	return WriteProcessMemory(process, text, "x", 1, NULL);
}

static bool ask_for_end(void)
{
	DWORD code = 0;

	return GetExitCodeProcess(ended, &code) && code == 33;
}

static bool begin_service(void)
{
	return ntmem_allow_remote_threads() && ntmem_forbid_remote_threads();
}

static const struct call {
	bool (*make)(void);
	DWORD code;		/* the other one that there may be */
	bool handle;		/* does it make one? */
	bool keeps;		/* may what it was about keep a descriptor? */
} calls[] = {
	{ open_process, 0, true, false },
	{ copy_self, 0, true, false },
	{ copy_process, 0, true, false },
	{ copy_thread, 0, true, false },
	{ copy_section, 0, true, false },
	{ make_thread, 0, true, false },
	{ make_thread_there, 0, true, false },
	{ make_section, 0, true, false },
	{ make_named, 0, true, false },
	{ open_named, 0, true, false },
	{ make_of_file, 0, true, false },
	{ make_large, 0, false, false },
	{ ask_for_report, 0, false, false },
	{ give_section, 0, false, false },
	{ query_there, 0, false, false },
	{ allocate_there, 0, false, false },
	/* Windows tells nothing else of what cannot be written or known. */
	{ write_text_there, ERROR_ACCESS_DENIED, false, true },
	{ ask_for_end, ERROR_NOT_SUPPORTED, false, false },
	/* What the page of a process is in. */
	{ begin_service, ERROR_NOT_ENOUGH_MEMORY, false, false },
};

/* ------------------------------------------------------------ descriptors --- */

static struct rlimit before;

/* All below the limit are in use, up to the number that it returns. */
static int use_all(void)
{
	struct rlimit limit;
	int fd, last = -1;

	require(!getrlimit(RLIMIT_NOFILE, &before));
	limit = before;
	limit.rlim_cur = LIMIT;
	require(!setrlimit(RLIMIT_NOFILE, &limit));
	while ((fd = dup(STDERR_FILENO)) >= 0)
		last = fd;
	return last;
}

/* What a child counts it writes down, for which it opens files. */
static void leave(void)
{
	require(!setrlimit(RLIMIT_NOFILE, &before));
	_exit(0);
}

static void call_with_few(void *arg)
{
	const struct call *call = arg;
	MEMORY_BASIC_INFORMATION info;
	int files, last;

	/* What the library itself has is there, then. */
	VirtualQuery(arg, &info, sizeof(info));
	for (last = use_all();; close(last--)) {
		require(last > STDERR_FILENO);
		files = count_files();
		SetLastError(UNTOUCHED);
		if (call->make())
			break;
		require(GetLastError() == ERROR_TOO_MANY_OPEN_FILES ||
			GetLastError() == call->code);
		files = count_files() - files;
		require(!files || (call->keeps && files == 1));
	}
	leave();
}

START_TEST(few_descriptors)
{
	struct call call = calls[_i];

	ck_assert_int_eq(in_child(call_with_few, &call), 0);
}
END_TEST

/* The name is free all the same. */
static void close_without_any(void *arg)
{
	HANDLE handle = *(HANDLE *)arg;
	int last;

	last = use_all();
	require(CloseHandle(handle));
	close(last);
	/* The parent's is the one that keeps it. */
	require(!setrlimit(RLIMIT_NOFILE, &before));
	require(OpenFileMappingA(FILE_MAP_READ, FALSE, NAME));
	handle = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE,
				    0, PAGE, NAME ", alone");
	require(handle);
	use_all();
	require(CloseHandle(handle));
	require(!setrlimit(RLIMIT_NOFILE, &before));
	SetLastError(UNTOUCHED);
	require(!OpenFileMappingA(FILE_MAP_READ, FALSE, NAME ", alone"));
	require(GetLastError() == ERROR_FILE_NOT_FOUND);
}

START_TEST(a_name_is_closed_without_descriptors)
{
	ck_assert_int_eq(in_child(close_without_any, &section), 0);
}
END_TEST

/* ---------------------------------------------------------------- handles --- */

static void call_with_full_table(void *arg)
{
	const struct call *call = arg;
	int fd = dup(STDERR_FILENO), files;
	MEMORY_BASIC_INFORMATION info;
	unsigned int count = 0;
	HANDLE last = NULL, next;

	VirtualQuery(arg, &info, sizeof(info));
	SetLastError(UNTOUCHED);
	/* A descriptor may have many. */
	while ((next = ntmem_file_handle_from_fd(fd))) {
		last = next;
		count++;
	}
	require(GetLastError() == ERROR_TOO_MANY_OPEN_FILES);
	require(count > 10000);
	files = count_files();
	SetLastError(UNTOUCHED);
	require(!call->make());
	require(GetLastError() == ERROR_TOO_MANY_OPEN_FILES);
	/* A thread that is not wanted closes its socket when it comes to it. */
	while (count_files() != files)
		sched_yield();
	require(CloseHandle(last));
	require(call->make());
}

START_TEST(no_handles_are_left)
{
	struct call call = calls[_i];

	if (call.handle)
		ck_assert_int_eq(in_child(call_with_full_table, &call), 0);
}
END_TEST

TCase *descriptor_tests(void)
{
	TCase *tests = tcase_create("descriptors");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, few_descriptors, 0, COUNT(calls));
	tcase_add_test(tests, a_name_is_closed_without_descriptors);
	tcase_add_loop_test(tests, no_handles_are_left, 0, COUNT(calls));
	return tests;
}
