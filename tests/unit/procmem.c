// SPDX-License-Identifier: MIT
/*
 * ReadProcessMemory, WriteProcessMemory and VirtualQueryEx, which work for every
 * process and on both engines.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject.h"
#include "peer.h"
#include "unit.h"

#define UNSET	((SIZE_T)12345)

static struct peer peer;
static HANDLE process;

static void setup(void)
{
	peer = peer_start();
	process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, peer.pid);
	ck_assert_ptr_nonnull(process);
}

static void teardown(void)
{
	CloseHandle(process);
	peer_end(&peer);
}

static char *page_there(int prot)
{
	char *page = (char *)peer_call(&peer, peer_map, prot);

	ck_assert_ptr_nonnull(page);
	return page;
}

/* Two pages of the library's own: the first READWRITE, the second as asked. */
static uintptr_t allocate(uintptr_t protect)
{
	char *p = VirtualAlloc(NULL, 2 * PAGE, MEM_RESERVE | MEM_COMMIT,
			       PAGE_READWRITE);
	DWORD old;

	if (!p)
		return 0;
	memset(p, 0x5a, 2 * PAGE);
	return VirtualProtect(p + PAGE, PAGE, (DWORD)protect, &old) ?
	       (uintptr_t)p : 0;
}

static char *pages_there(DWORD protect)
{
	char *p = (char *)peer_call(&peer, allocate, protect);

	ck_assert_ptr_nonnull(p);
	return p;
}

static uintptr_t protection_of(uintptr_t addr)
{
	MEMORY_BASIC_INFORMATION info;

	return VirtualQuery((void *)addr, &info, sizeof(info)) ? info.Protect :
								 0;
}

static uintptr_t byte_at(uintptr_t addr)
{
	return *(volatile unsigned char *)addr;
}

/* ----------------------------------------------------------------- read --- */

START_TEST(bytes_of_another_process)
{
	char *page = page_there(PROT_READ), buffer[PAGE] = { 0 };
	SIZE_T count = UNSET;
	size_t i;

	assert_ok(ReadProcessMemory(process, page, buffer, PAGE, &count));
	ck_assert_uint_eq(count, PAGE);
	for (i = 0; i < PAGE; i++)
		ck_assert_int_eq(buffer[i], 0x5a);
	assert_ok(ReadProcessMemory(process, page + 7, buffer, 1, NULL));
	assert_ok(ReadProcessMemory(process, page, NULL, 0, &count));
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(a_page_that_cannot_be_read)
{
	char *p = pages_there(PAGE_NOACCESS), buffer[2 * PAGE] = { 0 };
	SIZE_T count = UNSET;

	assert_fails(ERROR_PARTIAL_COPY,
		     ReadProcessMemory(process, p + PAGE, buffer, 1, &count));
	ck_assert_uint_eq(count, 0);
	assert_fails(ERROR_PARTIAL_COPY,
		     ReadProcessMemory(process, p + PAGE - 100, buffer, 200,
				       &count));
	ck_assert_uint_eq(count, 100);
	ck_assert_int_eq(buffer[99], 0x5a);
	ck_assert_int_eq(buffer[100], 0);
	assert_fails(ERROR_PARTIAL_COPY,
		     ReadProcessMemory(process, NULL, buffer, 1, NULL));
	assert_fails(ERROR_PARTIAL_COPY,
		     ReadProcessMemory(process, (char *)-PAGE, buffer, 1,
				       NULL));
}
END_TEST

START_TEST(a_buffer_that_cannot_be_written)
{
	char *page = page_there(PROT_READ | PROT_WRITE);
	char *p = commit_pages(1, PAGE_READONLY);

	assert_fails(ERROR_NOACCESS,
		     ReadProcessMemory(process, page, p, 1, NULL));
	assert_fails(ERROR_NOACCESS,
		     ReadProcessMemory(process, page, NULL, 1, NULL));
	drop(p);
}
END_TEST

START_TEST(bytes_of_the_own_process)
{
	char *p = commit_pages(2, PAGE_READWRITE), buffer[2 * PAGE];
	HANDLE self = GetCurrentProcess();
	SIZE_T count = UNSET;
	DWORD old;

	poke(p, 3);
	assert_ok(ReadProcessMemory(self, p, buffer, 2 * PAGE, &count));
	ck_assert_uint_eq(count, 2 * PAGE);
	ck_assert_int_eq(buffer[0], 3);
	assert_ok(VirtualProtect(p + PAGE, PAGE, PAGE_NOACCESS, &old));
	assert_fails(ERROR_PARTIAL_COPY,
		     ReadProcessMemory(self, p, buffer, 2 * PAGE, &count));
	ck_assert_uint_eq(count, 0);
	assert_ok(WriteProcessMemory(self, p, "x", 1, &count));
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(peek(p), 'x');
	drop(p);
}
END_TEST

/* ---------------------------------------------------------------- write --- */

/* As much as there is, and then no more. */
START_TEST(more_bytes_than_there_can_be)
{
	char *from = reserve_pages(2), *to = commit_pages(2, PAGE_READWRITE);
	SIZE_T done = 1;

	ck_assert_ptr_nonnull(VirtualAlloc(from, PAGE, MEM_COMMIT,
					   PAGE_READWRITE));
	memset(from, 7, PAGE);
	assert_fails(ERROR_PARTIAL_COPY,
		     ReadProcessMemory(GetCurrentProcess(), from, to,
				       (SIZE_T)1 << 63, &done));
	ck_assert_uint_eq(done, 0);
	ck_assert_int_eq(to[PAGE - 1], 7);
	drop(from);
	drop(to);
}
END_TEST

START_TEST(bytes_for_another_process)
{
	char *page = page_there(PROT_READ | PROT_WRITE);
	SIZE_T count = UNSET;

	assert_ok(WriteProcessMemory(process, page + 3, "abc", 3, &count));
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(peer_call(&peer, byte_at, (uintptr_t)page + 5), 'c');
	ck_assert_uint_eq(peer_call(&peer, byte_at, (uintptr_t)page + 6), 0x5a);
	assert_ok(WriteProcessMemory(process, page, NULL, 0, &count));
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(a_page_that_is_not_for_writing)
{
	static const DWORD protects[] = { PAGE_READONLY, PAGE_NOACCESS };
	char *page = page_there(PROT_READ), *p;
	SIZE_T count;
	size_t i;

	for (i = 0; i < sizeof(protects) / sizeof(protects[0]); i++) {
		p = pages_there(protects[i]) + PAGE;
		count = UNSET;
		assert_fails(ERROR_NOACCESS,
			     WriteProcessMemory(process, p, "x", 1, &count));
		ck_assert_uint_eq(count, UNSET);
		ck_assert_uint_eq(peer_call(&peer, protection_of, (uintptr_t)p),
				  protects[i]);
	}
	assert_fails(ERROR_NOACCESS,
		     WriteProcessMemory(process, page, "x", 1, NULL));
	ck_assert_uint_eq(peer_call(&peer, byte_at, (uintptr_t)page), 0x5a);
	assert_fails(ERROR_NOACCESS,
		     WriteProcessMemory(process, NULL, "x", 1, NULL));
	assert_fails(ERROR_NOACCESS,
		     WriteProcessMemory(process, (char *)-PAGE, "x", 1, NULL));
}
END_TEST

/* In pages of the library, and in those of others, as program text is. */
START_TEST(code_is_written_to_nevertheless)
{
	char *code = pages_there(PAGE_EXECUTE_READ) + PAGE;
	char *text = page_there(PROT_READ | PROT_EXEC);
	char *both[] = { code, text };
	SIZE_T count = UNSET;
	int i;

	for (i = 0; i < 2; i++) {
		assert_ok(WriteProcessMemory(process, both[i] + 1, "abc", 3,
					     &count));
		ck_assert_uint_eq(count, 3);
		ck_assert_uint_eq(peer_call(&peer, byte_at,
					    (uintptr_t)both[i] + 3), 'c');
		ck_assert_uint_eq(peer_call(&peer, protection_of,
					    (uintptr_t)both[i]),
				  PAGE_EXECUTE_READ);
	}
}
END_TEST

START_TEST(own_code_is_written_to_nevertheless)
{
	char *p = commit_pages(1, PAGE_EXECUTE_READ);

	assert_ok(WriteProcessMemory(GetCurrentProcess(), p, "abc", 3, NULL));
	ck_assert_int_eq(peek(p + 2), 'c');
	assert_run(p, PAGE, MEM_COMMIT, PAGE_EXECUTE_READ);
	drop(p);
}
END_TEST

static char *code;

/* As another call with the same page does before it writes. */
static void lift_protection(void)
{
	DWORD old;

	VirtualProtect(code, PAGE, PAGE_EXECUTE_READWRITE, &old);
}

/* What another one has lifted is not taken for the page's own. */
START_TEST(code_that_another_one_is_writing_to)
{
	code = commit_pages(1, PAGE_EXECUTE_READ);
	inject_before_protect(lift_protection);
	assert_ok(WriteProcessMemory(GetCurrentProcess(), code, "c", 1, NULL));
	ck_assert_int_eq(peek(code), 'c');
	assert_run(code, PAGE, MEM_COMMIT, PAGE_EXECUTE_READ);
	drop(code);
}
END_TEST

START_TEST(a_range_goes_on_into_what_is_not_for_writing)
{
	static const DWORD protects[] = { PAGE_READONLY, PAGE_EXECUTE_READ };
	char *p, buffer[200];
	SIZE_T count;
	size_t i;

	memset(buffer, 'y', sizeof(buffer));
	for (i = 0; i < 2; i++) {
		p = pages_there(protects[i]);
		count = UNSET;
		assert_fails(ERROR_PARTIAL_COPY,
			     WriteProcessMemory(process, p + PAGE - 100,
						buffer, 200, &count));
		ck_assert_uint_eq(count, 100);
		p += PAGE;
		ck_assert_uint_eq(peer_call(&peer, byte_at, (uintptr_t)p - 1),
				  'y');
		ck_assert_uint_eq(peer_call(&peer, byte_at, (uintptr_t)p),
				  0x5a);
	}
}
END_TEST

/* What looks as if it were for writing, and is not: a file ends before it. */
START_TEST(a_page_behind_the_end_of_a_file)
{
	int fd = memfd_create("empty", MFD_CLOEXEC);
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	SIZE_T count = UNSET;

	ck_assert_ptr_ne(p, MAP_FAILED);
	assert_fails(ERROR_NOACCESS,
		     WriteProcessMemory(GetCurrentProcess(), p, "x", 1,
					&count));
	ck_assert_uint_eq(count, UNSET);
	munmap(p, PAGE);
	close(fd);
}
END_TEST

/* The protection of code cannot be lifted: it stays, as does the code. */
START_TEST(code_that_is_not_written_to)
{
	char *p = commit_pages(1, PAGE_EXECUTE_READ);
	SIZE_T count = UNSET;
	BOOL done;

	inject(INJECT_OPERATION, 2, ENOMEM);
	SetLastError(UNTOUCHED);
	done = WriteProcessMemory(GetCurrentProcess(), p, "x", 1, &count);
	ck_assert(inject_end());
	ck_assert(!done);
	ck_assert_uint_eq(GetLastError(), ERROR_NOT_ENOUGH_MEMORY);
	ck_assert_uint_eq(count, UNSET);
	ck_assert_int_eq(peek(p), 0);
	assert_run(p, PAGE, MEM_COMMIT, PAGE_EXECUTE_READ);
	drop(p);
}
END_TEST

START_TEST(a_buffer_that_cannot_be_read)
{
	char *page = page_there(PROT_READ | PROT_WRITE);
	char *p = commit_pages(2, PAGE_READWRITE);
	SIZE_T count = UNSET;
	DWORD old;

	assert_ok(VirtualProtect(p + PAGE, PAGE, PAGE_NOACCESS, &old));
	assert_fails(ERROR_PARTIAL_COPY,
		     WriteProcessMemory(process, page, p + PAGE - 8, 16,
					&count));
	ck_assert_uint_eq(count, 0);
	assert_fails(ERROR_PARTIAL_COPY,
		     WriteProcessMemory(process, page, NULL, 1, NULL));
	drop(p);
}
END_TEST

/* ---------------------------------------------------------------- query --- */

START_TEST(mappings_of_another_process)
{
	static const struct {
		int prot;
		DWORD protect;
	} cases[] = {
		{ PROT_NONE, PAGE_NOACCESS },
		{ PROT_READ, PAGE_READONLY },
		{ PROT_READ | PROT_WRITE, PAGE_READWRITE },
		{ PROT_READ | PROT_EXEC, PAGE_EXECUTE_READ },
	};
	MEMORY_BASIC_INFORMATION info;
	char *page;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		page = page_there(cases[i].prot);
		memset(&info, 0xa5, sizeof(info));
		assert_ok(VirtualQueryEx(process, page + 5, &info,
					 sizeof(info)) == sizeof(info));
		ck_assert_ptr_eq(info.BaseAddress, page);
		ck_assert_uint_eq(info.State, MEM_COMMIT);
		ck_assert_uint_eq(info.Type, MEM_PRIVATE);
		ck_assert_uint_eq(info.Protect, cases[i].protect);
		ck_assert_uint_ge(info.RegionSize, PAGE);
	}
	assert_fails(ERROR_BAD_LENGTH,
		     VirtualQueryEx(process, page, &info, 8));
	assert_fails(ERROR_NOACCESS,
		     VirtualQueryEx(process, page, NULL, sizeof(info)));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualQueryEx(process, (void *)-PAGE, &info,
				    sizeof(info)));
}
END_TEST

/* From the lowest address to the highest each run begins where one ended. */
START_TEST(a_walk_through_another_process)
{
	uintptr_t at = 0, own = (uintptr_t)page_there(PROT_READ), seen = 0;
	MEMORY_BASIC_INFORMATION info;

	while (VirtualQueryEx(process, (void *)at, &info, sizeof(info))) {
		ck_assert_uint_eq((uintptr_t)info.BaseAddress, at);
		ck_assert_uint_gt(info.RegionSize, 0);
		seen += own - at < info.RegionSize &&
			info.State == MEM_COMMIT;
		at += info.RegionSize;
	}
	ck_assert_uint_eq(GetLastError(), ERROR_INVALID_PARAMETER);
	ck_assert_uint_ge(at, 0x7fffffff0000);
	ck_assert_uint_eq(seen, 1);
}
END_TEST

/* ------------------------------------------------------- while it lives --- */

START_TEST(a_process_that_is_stopped)
{
	char *page = page_there(PROT_READ | PROT_WRITE), c = 0;
	MEMORY_BASIC_INFORMATION info;

	peer_stop(&peer);
	assert_ok(WriteProcessMemory(process, page, "q", 1, NULL));
	assert_ok(ReadProcessMemory(process, page, &c, 1, NULL));
	ck_assert_int_eq(c, 'q');
	assert_ok(VirtualQueryEx(process, page, &info, sizeof(info)));
	ck_assert_uint_eq(WaitForSingleObject(process, 0), WAIT_TIMEOUT);
	kill(peer.pid, SIGCONT);
	ck_assert_uint_eq(peer_call(&peer, byte_at, (uintptr_t)page), 'q');
}
END_TEST

/* It dies at any moment of these calls, which then say so and do not hang. */
START_TEST(a_process_that_is_killed_meanwhile)
{
	char *page = page_there(PROT_READ | PROT_WRITE), c;
	MEMORY_BASIC_INFORMATION info;
	unsigned int rounds = 0;
	pid_t killer;
	int go[2];

	ck_assert_int_eq(pipe(go), 0);
	killer = fork();
	if (!killer) {
		if (read(go[0], &c, 1) == 1)
			kill(peer.pid, SIGKILL);
		_exit(0);
	}
	while (ReadProcessMemory(process, page, &c, 1, NULL) &&
	       WriteProcessMemory(process, page, &c, 1, NULL) &&
	       VirtualQueryEx(process, page, &info, sizeof(info)))
		if (++rounds == 10)
			ck_assert_int_eq(write(go[1], "", 1), 1);
	close(go[0]);
	close(go[1]);
	ck_assert_uint_ge(rounds, 10);
	ck_assert_uint_eq(WaitForSingleObject(process, INFINITE),
			  WAIT_OBJECT_0);
	ck_assert_int_eq(waitpid(killer, NULL, 0), killer);
	assert_fails(ERROR_ACCESS_DENIED,
		     ReadProcessMemory(process, page, &c, 1, NULL));
	assert_fails(ERROR_ACCESS_DENIED,
		     WriteProcessMemory(process, page, &c, 1, NULL));
	assert_fails(ERROR_ACCESS_DENIED,
		     VirtualQueryEx(process, page, &info, sizeof(info)));
}
END_TEST

/* The handle is of the process, and its memory that of its new program. */
START_TEST(a_process_that_executes)
{
	char *page = page_there(PROT_READ), c;
	MEMORY_BASIC_INFORMATION info;

	assert_ok(VirtualQueryEx(process, page, &info, sizeof(info)));
	peer_ask(&peer, peer_exec, 0);
	ck_assert_uint_eq(peer_answer(&peer), 1);
	assert_ok(VirtualQueryEx(process, NULL, &info, sizeof(info)));
	while (info.State != MEM_COMMIT || info.Protect == PAGE_NOACCESS)
		assert_ok(VirtualQueryEx(process, (char *)info.BaseAddress +
					 info.RegionSize, &info,
					 sizeof(info)));
	assert_ok(ReadProcessMemory(process, info.BaseAddress, &c, 1, NULL));
}
END_TEST

TCase *procmem_tests(void)
{
	TCase *tests = tcase_create("process memory");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, bytes_of_another_process);
	tcase_add_test(tests, a_page_that_cannot_be_read);
	tcase_add_test(tests, a_buffer_that_cannot_be_written);
	tcase_add_test(tests, bytes_of_the_own_process);
	tcase_add_test(tests, more_bytes_than_there_can_be);
	tcase_add_test(tests, bytes_for_another_process);
	tcase_add_test(tests, a_page_that_is_not_for_writing);
	tcase_add_test(tests, code_is_written_to_nevertheless);
	tcase_add_test(tests, own_code_is_written_to_nevertheless);
	tcase_add_test(tests, code_that_another_one_is_writing_to);
	tcase_add_test(tests, a_range_goes_on_into_what_is_not_for_writing);
	tcase_add_test(tests, a_page_behind_the_end_of_a_file);
	tcase_add_test(tests, code_that_is_not_written_to);
	tcase_add_test(tests, a_buffer_that_cannot_be_read);
	tcase_add_test(tests, mappings_of_another_process);
	tcase_add_test(tests, a_walk_through_another_process);
	tcase_add_test(tests, a_process_that_is_stopped);
	tcase_add_test(tests, a_process_that_is_killed_meanwhile);
	tcase_add_test(tests, a_process_that_executes);
	return tests;
}
