// SPDX-License-Identifier: MIT
/*
 * QueryWorkingSetEx of another process, and what Linux has that Windows has not.
 */
/* The older name, too. */
#define PSAPI_VERSION	1

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ntmem.h>
#include <psapi.h>

#include "inject.h"
#include "peer.h"
#include "refuse.h"
#include "unit.h"

typedef PSAPI_WORKING_SET_EX_INFORMATION entry_type;
typedef PSAPI_WORKING_SET_EX_BLOCK block_type;

static struct peer peer;
static HANDLE process;
static HANDLE section;

static void setup(void)
{
	section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
				     PAGE_READWRITE, 0, 2 * PAGE, NULL);
	ck_assert_ptr_nonnull(section);
	peer = peer_start();
	process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, peer.pid);
	ck_assert_ptr_nonnull(process);
}

static void teardown(void)
{
	CloseHandle(process);
	CloseHandle(section);
	peer_end(&peer);
}

static block_type look_at(HANDLE whose, const void *addr)
{
	entry_type entry;

	memset(&entry, 0xa5, sizeof(entry));
	entry.VirtualAddress = (void *)(uintptr_t)addr;
	assert_ok(K32QueryWorkingSetEx(whose, &entry, sizeof(entry)));
	return entry.VirtualAttributes;
}

static uintptr_t commit_there(uintptr_t size)
{
	return (uintptr_t)VirtualAlloc(NULL, size, MEM_COMMIT, PAGE_READWRITE);
}

static uintptr_t touch_there(uintptr_t addr)
{
	*(volatile char *)addr = 1;
	return 1;
}

static uintptr_t view_there(uintptr_t access)
{
	return (uintptr_t)MapViewOfFile(section, (DWORD)access, 0, 0, 0);
}

START_TEST(memory_of_another_process)
{
	char *p = (char *)peer_call(&peer, commit_there, 32 * PAGE);
	block_type block;

	ck_assert_uint_eq(look_at(process, p).Flags, 0);
	peer_call(&peer, touch_there, (uintptr_t)p);
	block = look_at(process, p);
	ck_assert_uint_eq(block.Valid, 1);
	ck_assert_uint_eq(block.Win32Protection, PAGE_READWRITE);
	ck_assert_uint_eq(block.Shared, 0);
	ck_assert_uint_eq(block.Locked, 0);
	ck_assert_uint_eq(look_at(process, p + 16 * PAGE).Flags, 0);
	ck_assert_uint_eq(look_at(process, (void *)-1).Flags, 0);
	ck_assert_uint_eq(look_at(GetCurrentProcess(), p).Flags, 0);
}
END_TEST

START_TEST(a_page_that_is_locked_there)
{
	char *p = (char *)peer_call(&peer, commit_there, PAGE);

	if (!peers_have_spaces())
		return;
	assert_ok(ntmem_virtual_lock_ex(process, p, PAGE));
	ck_assert_uint_eq(look_at(process, p).Valid, 1);
	ck_assert_uint_eq(look_at(process, p).Locked, 1);
	assert_ok(ntmem_virtual_unlock_ex(process, p, PAGE));
	ck_assert_uint_eq(look_at(process, p).Locked, 0);
}
END_TEST

/* Also of one that does not run. */
START_TEST(a_page_that_both_have)
{
	char *p = (char *)peer_call(&peer, view_there, FILE_MAP_WRITE);
	char *copy = (char *)peer_call(&peer, view_there, FILE_MAP_COPY);
	char *own;

	assert_ok(own = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0));
	peer_call(&peer, touch_there, (uintptr_t)p);
	peer_call(&peer, touch_there, (uintptr_t)copy);
	ck_assert_uint_eq(look_at(GetCurrentProcess(), own).Valid, 0);
	ck_assert_uint_eq(look_at(GetCurrentProcess(), own).Invalid.Shared, 1);
	kill(peer.pid, SIGSTOP);
	ck_assert_uint_eq(look_at(process, p).Shared, 1);
	ck_assert_uint_eq(look_at(process, p).ShareCount, 1);
	ck_assert_uint_eq(look_at(process, copy).Valid, 1);
	ck_assert_uint_eq(look_at(process, copy).Shared, 0);
	ck_assert_uint_eq(look_at(process, copy).Win32Protection,
			  PAGE_READWRITE);
	ck_assert_int_eq(peek(own), 1);
	ck_assert_uint_eq(look_at(process, p).ShareCount, 2);
	kill(peer.pid, SIGCONT);
	assert_ok(UnmapViewOfFile(own));
}
END_TEST

START_TEST(rights)
{
	entry_type entry = { .VirtualAddress = &entry };
	HANDLE less;

	assert_ok(less = OpenProcess(PROCESS_VM_READ |
				     PROCESS_QUERY_LIMITED_INFORMATION,
				     FALSE, peer.pid));
	assert_fails(ERROR_ACCESS_DENIED,
		     QueryWorkingSetEx(less, &entry, sizeof(entry)));
	assert_ok(CloseHandle(less));
	assert_ok(less = OpenProcess(PROCESS_QUERY_INFORMATION, FALSE,
				     peer.pid));
	assert_ok(QueryWorkingSetEx(less, &entry, sizeof(entry)));
	assert_ok(CloseHandle(less));
	assert_fails(ERROR_INVALID_HANDLE,
		     QueryWorkingSetEx(section, &entry, sizeof(entry)));
}
END_TEST

START_TEST(a_process_that_has_ended)
{
	entry_type entry = { .VirtualAddress = &entry };

	kill(peer.pid, SIGKILL);
	WaitForSingleObject(process, INFINITE);
	assert_fails(ERROR_ACCESS_DENIED,
		     QueryWorkingSetEx(process, &entry, sizeof(entry)));
}
END_TEST

/* The last error is the engine's, and what came before it is told. */
START_TEST(an_operation_that_fails)
{
	char *p = commit_pages(2, PAGE_READWRITE);
	entry_type entries[2] = { { .VirtualAddress = p },
				  { .VirtualAddress = p + PAGE } };
	bool ok;

	poke(p, 1);
	poke(p + PAGE, 1);
	inject(INJECT_OPERATION, 2, ENOMEM);
	SetLastError(UNTOUCHED);
	ok = QueryWorkingSetEx(GetCurrentProcess(), entries, sizeof(entries));
	ck_assert(inject_end());
	ck_assert(!ok);
	ck_assert_uint_eq(GetLastError(), ERROR_COMMITMENT_LIMIT);
	ck_assert_uint_eq(entries[0].VirtualAttributes.Valid, 1);
	ck_assert_uint_eq(entries[1].VirtualAttributes.Valid, 0);
	drop(p);
}
END_TEST

static bool fails_so(HANDLE whose, DWORD code)
{
	entry_type entry = { .VirtualAddress = &entry };

	SetLastError(0);
	return !QueryWorkingSetEx(whose, &entry, sizeof(entry)) &&
	       GetLastError() == code;
}

static void without_descriptors(void *unused)
{
	struct rlimit before, none;

	(void)unused;
	if (getrlimit(RLIMIT_NOFILE, &before))
		_exit(1);
	none = before;
	none.rlim_cur = 3;
	if (setrlimit(RLIMIT_NOFILE, &none))
		_exit(1);
	if (!fails_so(GetCurrentProcess(), ERROR_TOO_MANY_OPEN_FILES))
		_exit(2);
	if (!fails_so(process, ERROR_TOO_MANY_OPEN_FILES))
		_exit(3);
	/* To write down what it counts a child opens files. */
	setrlimit(RLIMIT_NOFILE, &before);
}

START_TEST(no_descriptors_are_left)
{
	ck_assert_int_eq(in_child(without_descriptors, NULL), 0);
}
END_TEST

static void without_a_list_of_pages(void *unused)
{
	(void)unused;
	if (!refuse(SYS_pread64, ENOMEM))
		_exit(0);
	if (!fails_so(GetCurrentProcess(), ERROR_COMMITMENT_LIMIT))
		_exit(1);
	if (!fails_so(process, ERROR_COMMITMENT_LIMIT))
		_exit(2);
}

START_TEST(a_list_of_pages_that_cannot_be_read)
{
	ck_assert_int_eq(in_child(without_a_list_of_pages, NULL), 0);
}
END_TEST

/* Pages of a file that is mapped as Linux does it. */
START_TEST(mappings_of_linux)
{
	int file = memfd_create("data", MFD_CLOEXEC);
	block_type block;
	char *p;

	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(ftruncate(file, 2 * PAGE), 0);
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	ck_assert_int_eq(write(file, "a", 1), 1);
	ck_assert_uint_eq(look_at(GetCurrentProcess(), p).Valid, 0);
	ck_assert_int_eq(peek(p), 'a');
	block = look_at(GetCurrentProcess(), p);
	ck_assert_uint_eq(block.Valid, 1);
	ck_assert_uint_eq(block.Shared, 1);
	ck_assert_uint_eq(block.ShareCount, 1);
	poke(p, 'b');
	block = look_at(GetCurrentProcess(), p);
	ck_assert_uint_eq(block.Shared, 0);
	ck_assert_uint_eq(block.ShareCount, 0);
	ck_assert_uint_eq(block.Win32Protection, PAGE_READWRITE);
	ck_assert_int_eq(mprotect(p, PAGE, PROT_NONE), 0);
	ck_assert_uint_eq(look_at(GetCurrentProcess(), p).Valid, 0);
	munmap(p, 2 * PAGE);
	close(file);
}
END_TEST

TCase *workingset_host_tests(void)
{
	TCase *tests = tcase_create("working set of others");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, memory_of_another_process);
	tcase_add_test(tests, a_page_that_is_locked_there);
	tcase_add_test(tests, a_page_that_both_have);
	tcase_add_test(tests, rights);
	tcase_add_test(tests, a_process_that_has_ended);
	tcase_add_test(tests, an_operation_that_fails);
	tcase_add_test(tests, no_descriptors_are_left);
	tcase_add_test(tests, a_list_of_pages_that_cannot_be_read);
	tcase_add_test(tests, mappings_of_linux);
	return tests;
}
