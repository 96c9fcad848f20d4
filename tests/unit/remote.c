// SPDX-License-Identifier: MIT
/*
 * VirtualAlloc and its family in another process: the same results and errors as
 * there itself. Where there is no way, that is said, and nothing happens.
 */
#include <errno.h>
#include <ntmem.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/kernel_space.h"
#include "inject.h"
#include "peer.h"
#include "unit.h"

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

static uintptr_t use_engine(uintptr_t unused)
{
	void *p = VirtualAlloc(NULL, PAGE, MEM_COMMIT, PAGE_READWRITE);

	(void)unused;
	return p && VirtualFree(p, 0, MEM_RELEASE);
}

static uintptr_t put_byte(uintptr_t addr)
{
	*(volatile char *)addr = 'p';
	return *(volatile unsigned char *)addr;
}

static uintptr_t byte_at(uintptr_t addr)
{
	return *(volatile unsigned char *)addr;
}

/* What VirtualQuery says there; valid until the next call. */
static MEMORY_BASIC_INFORMATION answer;

static uintptr_t query_there(uintptr_t addr)
{
	return VirtualQuery((void *)addr, &answer, sizeof(answer)) ?
	       (uintptr_t)&answer : 0;
}

/* Both must see the same. */
static void query_both(void *addr, MEMORY_BASIC_INFORMATION *info)
{
	MEMORY_BASIC_INFORMATION there;
	uintptr_t at = peer_call(&peer, query_there, (uintptr_t)addr);

	ck_assert_uint_ne(at, 0);
	assert_ok(ReadProcessMemory(process, (void *)at, &there, sizeof(there),
				    NULL));
	memset(info, 0, sizeof(*info));
	assert_ok(VirtualQueryEx(process, addr, info, sizeof(*info)));
	ck_assert_ptr_eq(info->BaseAddress, there.BaseAddress);
	ck_assert_ptr_eq(info->AllocationBase, there.AllocationBase);
	ck_assert_uint_eq(info->AllocationProtect, there.AllocationProtect);
	ck_assert_uint_eq(info->RegionSize, there.RegionSize);
	ck_assert_uint_eq(info->State, there.State);
	ck_assert_uint_eq(info->Protect, there.Protect);
	ck_assert_uint_eq(info->Type, there.Type);
}

/* The embedded engine, and a module that is too old. */
START_TEST(there_is_no_way)
{
	char *p = (char *)0x10000;
	DWORD old;

	if (peers_have_spaces())
		return;
	ck_assert_uint_eq(peer_call(&peer, use_engine, 0), 1);
	assert_fails(ERROR_NOT_SUPPORTED,
		     VirtualAllocEx(process, NULL, PAGE, MEM_COMMIT,
				    PAGE_READWRITE));
	assert_fails(ERROR_NOT_SUPPORTED,
		     VirtualAlloc2(process, NULL, PAGE, MEM_RESERVE,
				   PAGE_READWRITE, NULL, 0));
	assert_fails(ERROR_NOT_SUPPORTED,
		     VirtualFreeEx(process, p, 0, MEM_RELEASE));
	assert_fails(ERROR_NOT_SUPPORTED,
		     VirtualProtectEx(process, p, 1, PAGE_READONLY, &old));
	assert_fails(ERROR_NOT_SUPPORTED,
		     UnmapViewOfFile2(process, p, 0));
	assert_fails(ERROR_NOT_SUPPORTED,
		     ntmem_virtual_lock_ex(process, p, 1));
	/* What is wrong anyway is said first. */
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAllocEx(process, NULL, 0, MEM_COMMIT,
				    PAGE_READWRITE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualFreeEx(process, p, 1, MEM_RELEASE));
	assert_fails(ERROR_NOACCESS,
		     VirtualProtectEx(process, p, 1, PAGE_READONLY, NULL));
}
END_TEST

START_TEST(memory_in_another_process)
{
	MEMORY_BASIC_INFORMATION info;
	DWORD old = 0;
	char *p, c;

	if (!peers_have_spaces())
		return;
	assert_ok(p = VirtualAllocEx(process, NULL, 4 * PAGE, MEM_RESERVE,
				     PAGE_READWRITE));
	query_both(p, &info);
	ck_assert_uint_eq(info.State, MEM_RESERVE);
	ck_assert_uint_eq(info.RegionSize, 4 * PAGE);
	assert_ok(VirtualAllocEx(process, p + PAGE, PAGE, MEM_COMMIT,
				 PAGE_READWRITE) == p + PAGE);
	ck_assert_uint_eq(peer_call(&peer, put_byte, (uintptr_t)p + PAGE), 'p');
	assert_ok(ReadProcessMemory(process, p + PAGE, &c, 1, NULL));
	ck_assert_int_eq(c, 'p');
	assert_ok(VirtualProtectEx(process, p + PAGE, 1, PAGE_READONLY, &old));
	ck_assert_uint_eq(old, PAGE_READWRITE);
	query_both(p + PAGE, &info);
	ck_assert_uint_eq(info.Protect, PAGE_READONLY);
	assert_fails(ERROR_NOACCESS,
		     WriteProcessMemory(process, p + PAGE, "x", 1, NULL));
	/* Of all that this process has seen nothing. */
	query(p, &info);
	ck_assert_uint_ne(info.State, MEM_RESERVE);
	assert_ok(VirtualFreeEx(process, p + PAGE, PAGE, MEM_DECOMMIT));
	query_both(p, &info);
	ck_assert_uint_eq(info.RegionSize, 4 * PAGE);
	assert_ok(VirtualFreeEx(process, p, 0, MEM_RELEASE));
	query_both(p, &info);
	ck_assert_uint_eq(info.State, MEM_FREE);
}
END_TEST

START_TEST(errors_are_those_of_the_process_itself)
{
	MEM_ADDRESS_REQUIREMENTS high = {
		.LowestStartingAddress = (void *)0x200000000000,
	};
	MEM_EXTENDED_PARAMETER parameter = {
		{ .Type = MemExtendedParameterAddressRequirements },
		{ .Pointer = &high },
	};
	char *p, *q;
	DWORD old;

	if (!peers_have_spaces())
		return;
	assert_ok(p = VirtualAllocExNuma(process, NULL, GRANULE, MEM_RESERVE,
					 PAGE_READWRITE, 0));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAllocExNuma(process, NULL, GRANULE, MEM_RESERVE,
					PAGE_READWRITE, 4711));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAllocEx(process, p, PAGE, MEM_RESERVE,
				    PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAllocEx(process, p, 2 * GRANULE, MEM_COMMIT,
				    PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualProtectEx(process, p, PAGE, PAGE_READONLY, &old));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualFreeEx(process, p + PAGE, 0, MEM_RELEASE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualFreeEx(process, p + PAGE, GRANULE, MEM_DECOMMIT));
	assert_fails(ERROR_NOACCESS, ntmem_virtual_lock_ex(process, p, 1));
	assert_fails(ERROR_NOT_LOCKED, ntmem_virtual_unlock_ex(process, p, 1));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc2(process, p + PAGE, PAGE, MEM_RESERVE,
				   PAGE_READWRITE, NULL, 0));
	assert_ok(q = VirtualAlloc2(process, NULL, PAGE, MEM_RESERVE,
				    PAGE_READWRITE, &parameter, 1));
	ck_assert(q >= (char *)high.LowestStartingAddress);
	assert_ok(VirtualFreeEx(process, q, 0, MEM_RELEASE));
	assert_ok(VirtualFreeEx(process, p, 0, MEM_RELEASE));
}
END_TEST

START_TEST(pages_are_locked_in_another_process)
{
	char *p;

	if (!peers_have_spaces())
		return;
	assert_ok(p = VirtualAllocEx(process, NULL, 2 * PAGE, MEM_COMMIT,
				     PAGE_READWRITE));
	assert_ok(ntmem_virtual_lock_ex(process, p, 2 * PAGE));
	assert_ok(ntmem_virtual_unlock_ex(process, p, PAGE));
	assert_fails(ERROR_NOT_LOCKED,
		     ntmem_virtual_unlock_ex(process, p, 2 * PAGE));
	assert_ok(VirtualFreeEx(process, p, 0, MEM_RELEASE));
}
END_TEST

/* A section of this process's, in a placeholder of the other one. */
START_TEST(a_view_in_another_process)
{
	HANDLE section;
	char *p, *view, *other;

	if (!peers_have_spaces())
		return;
	section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
				     PAGE_READWRITE, 0, GRANULE, NULL);
	ck_assert_ptr_nonnull(section);
	assert_ok(view = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0));
	assert_ok(p = VirtualAlloc2(process, NULL, GRANULE,
				    MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
				    PAGE_NOACCESS, NULL, 0));
	assert_ok(MapViewOfFile3(section, process, p, 0, GRANULE,
				 MEM_REPLACE_PLACEHOLDER, PAGE_READWRITE, NULL,
				 0) == p);
	assert_ok(other = MapViewOfFile2(section, process, 0, NULL, 0, 0,
					 PAGE_READONLY));
	ck_assert_uint_eq(peer_call(&peer, put_byte, (uintptr_t)p + 5), 'p');
	ck_assert_int_eq(peek(view + 5), 'p');
	ck_assert_uint_eq(peer_call(&peer, byte_at, (uintptr_t)other + 5), 'p');
	assert_ok(UnmapViewOfFile2(process, other, 0));
	assert_fails(ERROR_INVALID_ADDRESS,
		     UnmapViewOfFile2(process, other, 0));
	assert_ok(UnmapViewOfFile2(process, p, MEM_PRESERVE_PLACEHOLDER));
	assert_ok(VirtualFreeEx(process, p, 0, MEM_RELEASE));
	assert_ok(UnmapViewOfFile(view));
	CloseHandle(section);
}
END_TEST

START_TEST(code_for_another_process)
{
	DWORD old;
	char *p;

	if (!peers_have_spaces())
		return;
	assert_ok(p = VirtualAllocEx(process, NULL, PAGE, MEM_COMMIT,
				     PAGE_EXECUTE_READ));
	assert_ok(WriteProcessMemory(process, p, "abc", 3, NULL));
	ck_assert_uint_eq(peer_call(&peer, byte_at, (uintptr_t)p), 'a');
	assert_ok(VirtualProtectEx(process, p, 1, PAGE_READONLY, &old));
	ck_assert_uint_eq(old, PAGE_EXECUTE_READ);
	assert_ok(VirtualFreeEx(process, p, 0, MEM_RELEASE));
}
END_TEST

/* ------------------------------------------------------ which space it is --- */

/*
 * The peer has opened this process, and so has a handle of its space among its
 * descriptors, below its own one. Its own one is meant.
 */
static uintptr_t open_parent(uintptr_t unused)
{
	HANDLE parent = OpenProcess(PROCESS_ALL_ACCESS, FALSE, getppid());
	void *p = VirtualAllocEx(parent, NULL, PAGE, MEM_RESERVE,
				 PAGE_READWRITE);

	(void)unused;
	return p && VirtualFreeEx(parent, p, 0, MEM_RELEASE);
}

START_TEST(a_process_that_has_spaces_of_others)
{
	MEMORY_BASIC_INFORMATION info;
	char *p;

	if (!peers_have_spaces())
		return;
	ck_assert_uint_eq(peer_call(&peer, open_parent, 0), 1);
	assert_ok(p = VirtualAllocEx(process, NULL, PAGE, MEM_COMMIT,
				     PAGE_READWRITE));
	query_both(p, &info);
	ck_assert_uint_eq(info.State, MEM_COMMIT);
	ck_assert_uint_eq(peer_call(&peer, put_byte, (uintptr_t)p), 'p');
	assert_ok(VirtualFreeEx(process, p, 0, MEM_RELEASE));
}
END_TEST

/* Handles of spaces among the descriptors. */
static uintptr_t count_spaces(uintptr_t unused)
{
	uintptr_t count = 0;
	int fd;

	(void)unused;
	for (fd = 0; fd < 1100; fd++)
		count += ntmem_is_space(fd);
	return count;
}

/* A child has its own, whether it asks for it or not, and not its parent's. */
START_TEST(a_child_has_no_handle_of_its_parent)
{
	char *p;

	if (!peers_have_spaces())
		return;
	ck_assert_uint_eq(peer_call(&peer, count_spaces, 0), 1);
	assert_ok(p = VirtualAllocEx(process, NULL, PAGE, MEM_COMMIT,
				     PAGE_READWRITE));
	ck_assert_uint_eq(peer_call(&peer, put_byte, (uintptr_t)p), 'p');
	ck_assert(!can_read(p));
	assert_ok(VirtualFreeEx(process, p, 0, MEM_RELEASE));
}
END_TEST

/* One that the library did not hear of has the parent's; it is not its own. */
START_TEST(a_child_of_a_bare_clone_is_not_its_parent)
{
	pid_t pid = (pid_t)peer_call(&peer, peer_clone, 0);
	HANDLE child;

	assert_ok(child = OpenProcess(PROCESS_ALL_ACCESS, FALSE, pid));
	assert_fails(ERROR_NOT_SUPPORTED,
		     VirtualAllocEx(child, NULL, PAGE, MEM_RESERVE,
				    PAGE_READWRITE));
	CloseHandle(child);
	ck_assert_uint_eq(peer_call(&peer, peer_kill, pid), 1);
}
END_TEST

static uintptr_t close_all(uintptr_t unused)
{
	int fd;

	for (fd = 900; fd < 1100; fd++)
		close(fd);
	return unused;
}

/* A program may close what it does not know; the next call mends it. */
START_TEST(a_process_that_has_closed_all)
{
	if (!peers_have_spaces())
		return;
	peer_call(&peer, close_all, 0);
	assert_fails(ERROR_NOT_SUPPORTED,
		     VirtualAllocEx(process, NULL, PAGE, MEM_RESERVE,
				    PAGE_READWRITE));
	ck_assert_uint_eq(peer_call(&peer, use_engine, 0), 1);
	ck_assert_uint_eq(peer_call(&peer, count_spaces, 0), 1);
	assert_ok(VirtualAllocEx(process, NULL, PAGE, MEM_RESERVE,
				 PAGE_READWRITE));
}
END_TEST

/* Another file under the number of its space: what the page tells is not so. */
static uintptr_t put_file_there(uintptr_t unused)
{
	int fd;

	for (fd = 0; fd < 1100; fd++)
		if (ntmem_is_space(fd))
			return dup2(STDERR_FILENO, fd) == fd;
	return unused;
}

START_TEST(a_process_that_has_put_another_file_there)
{
	if (!peers_have_spaces())
		return;
	ck_assert_uint_eq(peer_call(&peer, put_file_there, 0), 1);
	assert_fails(ERROR_NOT_SUPPORTED,
		     VirtualAllocEx(process, NULL, PAGE, MEM_RESERVE,
				    PAGE_READWRITE));
	peer_call(&peer, close_all, 0);
	ck_assert_uint_eq(peer_call(&peer, use_engine, 0), 1);
	ck_assert_uint_eq(peer_call(&peer, count_spaces, 0), 1);
	assert_ok(VirtualAllocEx(process, NULL, PAGE, MEM_RESERVE,
				 PAGE_READWRITE));
}
END_TEST

/* Who knows no other process says so, also beneath the public functions. */
START_TEST(an_engine_for_the_own_process)
{
	struct ntmem_query query = { 0 };

	if (!on_kernel_engine())
		ck_assert_int_eq(ntmem_engine()->remote(-1, NTMEM_IOC_QUERY,
							&query), -EOPNOTSUPP);
}
END_TEST

START_TEST(the_handle_of_a_child_of_ours_is_the_parent)
{
	struct peer second;
	char *p;

	if (!peers_have_spaces())
		return;
	/* It inherits the handle of the first one, with a space in it. */
	assert_ok(p = VirtualAllocEx(process, NULL, PAGE, MEM_COMMIT,
				     PAGE_READWRITE));
	second = peer_start();
	ck_assert_uint_eq(peer_call(&second, use_engine, 0), 1);
	ck_assert_int_eq(peer_end(&second), 0);
	assert_ok(WriteProcessMemory(process, p, "x", 1, NULL));
	assert_ok(VirtualFreeEx(process, p, 0, MEM_RELEASE));
}
END_TEST

/* ------------------------------------------------------- while it lives --- */

START_TEST(a_process_that_is_stopped)
{
	DWORD old;
	char *p;

	if (!peers_have_spaces())
		return;
	peer_stop(&peer);
	assert_ok(p = VirtualAllocEx(process, NULL, PAGE, MEM_COMMIT,
				     PAGE_READWRITE));
	assert_ok(WriteProcessMemory(process, p, "s", 1, NULL));
	assert_ok(VirtualProtectEx(process, p, 1, PAGE_READONLY, &old));
	kill(peer.pid, SIGCONT);
	ck_assert_uint_eq(peer_call(&peer, byte_at, (uintptr_t)p), 's');
	assert_ok(VirtualFreeEx(process, p, 0, MEM_RELEASE));
}
END_TEST

START_TEST(a_process_that_is_killed_meanwhile)
{
	unsigned int rounds = 0;
	pid_t killer;
	int go[2];
	char *p, c;

	if (!peers_have_spaces())
		return;
	ck_assert_int_eq(pipe(go), 0);
	killer = fork();
	if (!killer) {
		if (read(go[0], &c, 1) == 1)
			kill(peer.pid, SIGKILL);
		_exit(0);
	}
	while ((p = VirtualAllocEx(process, NULL, GRANULE, MEM_COMMIT,
				   PAGE_READWRITE)) &&
	       VirtualFreeEx(process, p, 0, MEM_RELEASE))
		if (++rounds == 10)
			ck_assert_int_eq(write(go[1], "", 1), 1);
	ck_assert_uint_eq(GetLastError(), ERROR_ACCESS_DENIED);
	ck_assert_uint_ge(rounds, 10);
	ck_assert_int_eq(waitpid(killer, NULL, 0), killer);
	ck_assert_uint_eq(WaitForSingleObject(process, INFINITE),
			  WAIT_OBJECT_0);
	assert_fails(ERROR_ACCESS_DENIED,
		     VirtualAllocEx(process, NULL, PAGE, MEM_RESERVE,
				    PAGE_READWRITE));
	close(go[0]);
	close(go[1]);
}
END_TEST

START_TEST(a_process_that_executes)
{
	char *p;

	if (!peers_have_spaces())
		return;
	assert_ok(p = VirtualAllocEx(process, NULL, PAGE, MEM_COMMIT,
				     PAGE_READWRITE));
	peer_ask(&peer, peer_exec, 0);
	ck_assert_uint_eq(peer_answer(&peer), 1);
	assert_ok(p = VirtualAllocEx(process, NULL, PAGE, MEM_COMMIT,
				     PAGE_READWRITE));
	assert_ok(WriteProcessMemory(process, p, "x", 1, NULL));
	assert_ok(VirtualFreeEx(process, p, 0, MEM_RELEASE));
}
END_TEST

/* ------------------------------------------------------------ failures --- */

START_TEST(an_operation_that_fails_there)
{
	static const struct {
		int error;
		DWORD code;
	} cases[] = {
		{ ENOMEM, ERROR_COMMITMENT_LIMIT },
		{ EEXIST, ERROR_INVALID_ADDRESS },
		{ ENOSPC, ERROR_NOT_ENOUGH_MEMORY },
		{ EDQUOT, ERROR_WORKING_SET_QUOTA },
		{ EOPNOTSUPP, ERROR_NOT_SUPPORTED },
	};
	size_t i;
	void *p;

	if (!peers_have_spaces())
		return;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		inject(INJECT_OPERATION, 1, cases[i].error);
		SetLastError(UNTOUCHED);
		p = VirtualAllocEx(process, NULL, PAGE, MEM_COMMIT,
				   PAGE_READWRITE);
		ck_assert(inject_end());
		ck_assert_ptr_null(p);
		ck_assert_uint_eq(GetLastError(), cases[i].code);
	}
	assert_ok(p = VirtualAllocEx(process, NULL, PAGE, MEM_COMMIT,
				     PAGE_READWRITE));
	assert_ok(VirtualFreeEx(process, p, 0, MEM_RELEASE));
}
END_TEST

#define fails_with(code, call)	(SetLastError(0), !(call) &&		\
				 GetLastError() == (code))

static DWORD WINAPI run_nothing(LPVOID arg)
{
	(void)arg;
	return 0;
}

static void without_descriptors(void *arg)
{
	struct rlimit before, none;
	MEMORY_BASIC_INFORMATION info;
	HANDLE copy;
	char c;

	if (getrlimit(RLIMIT_NOFILE, &before))
		_exit(1);
	none = (struct rlimit){ 3, before.rlim_max };
	if (setrlimit(RLIMIT_NOFILE, &none))
		_exit(1);
	if (!fails_with(ERROR_TOO_MANY_OPEN_FILES,
			OpenProcess(PROCESS_ALL_ACCESS, FALSE, peer.pid)))
		_exit(2);
	if (!fails_with(ERROR_TOO_MANY_OPEN_FILES,
			VirtualAllocEx(process, NULL, PAGE, MEM_RESERVE,
				       PAGE_READWRITE)))
		_exit(3);
	if (!fails_with(ERROR_TOO_MANY_OPEN_FILES,
			VirtualQueryEx(process, arg, &info, sizeof(info))))
		_exit(4);
	if (!fails_with(ERROR_TOO_MANY_OPEN_FILES,
			CreateRemoteThread(process, NULL, 0, run_nothing, NULL,
					   0, NULL)))
		_exit(5);
	if (!fails_with(ERROR_TOO_MANY_OPEN_FILES,
			CreateThread(NULL, 0, run_nothing, NULL, 0, NULL)))
		_exit(6);
	if (!fails_with(ERROR_TOO_MANY_OPEN_FILES,
			DuplicateHandle(GetCurrentProcess(), process,
					GetCurrentProcess(), &copy, 0, FALSE,
					DUPLICATE_SAME_ACCESS)))
		_exit(7);
	if (!fails_with(ERROR_TOO_MANY_OPEN_FILES,
			ntmem_allow_remote_threads()))
		_exit(8);
	/* These need none. */
	if (!ReadProcessMemory(process, arg, &c, 1, NULL) ||
	    WaitForSingleObject(process, 0) != WAIT_TIMEOUT)
		_exit(9);
	/* To write down what was counted takes one. */
	setrlimit(RLIMIT_NOFILE, &before);
}

START_TEST(no_descriptors_are_left)
{
	void *page = (void *)peer_call(&peer, peer_map, PROT_READ);

	ck_assert_int_eq(in_child(without_descriptors, page), 0);
}
END_TEST

/* A hint, whatever becomes of it. */
START_TEST(prefetch_in_another_process)
{
	WIN32_MEMORY_RANGE_ENTRY entry = { (void *)0x10000, PAGE };

	assert_ok(PrefetchVirtualMemory(process, 1, &entry, 0));
	assert_fails(ERROR_INVALID_HANDLE,
		     PrefetchVirtualMemory(NULL, 1, &entry, 0));
}
END_TEST

static struct peer other;

/* Its number is the next one that is given. */
static void open_other_instead(void)
{
	HANDLE old = process;

	CloseHandle(process);
	process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, other.pid);
	if (process != old)
		process = NULL;
}

START_TEST(a_handle_that_is_closed_meanwhile)
{
	MEMORY_BASIC_INFORMATION info;
	int files;
	void *p;

	if (!peers_have_spaces())
		return;
	files = count_files();
	other = peer_start();
	inject_before_remote(open_other_instead);
	VirtualQueryEx(process, &info, &info, sizeof(info));
	ck_assert_ptr_nonnull(process);
	/* Nothing of the one's is left with the other's. */
	assert_ok(p = VirtualAllocEx(process, NULL, PAGE, MEM_COMMIT,
				     PAGE_READWRITE));
	ck_assert_uint_eq(peer_call(&other, put_byte, (uintptr_t)p), 'p');
	assert_ok(VirtualFreeEx(process, p, 0, MEM_RELEASE));
	CloseHandle(process);
	process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, peer.pid);
	peer_end(&other);
	ck_assert_int_eq(count_files(), files);
}
END_TEST

TCase *remote_tests(void)
{
	TCase *tests = tcase_create("remote");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, there_is_no_way);
	tcase_add_test(tests, memory_in_another_process);
	tcase_add_test(tests, errors_are_those_of_the_process_itself);
	tcase_add_test(tests, pages_are_locked_in_another_process);
	tcase_add_test(tests, a_view_in_another_process);
	tcase_add_test(tests, code_for_another_process);
	tcase_add_test(tests, a_process_that_has_spaces_of_others);
	tcase_add_test(tests, a_child_has_no_handle_of_its_parent);
	tcase_add_test(tests, a_child_of_a_bare_clone_is_not_its_parent);
	tcase_add_test(tests, a_process_that_has_closed_all);
	tcase_add_test(tests, a_process_that_has_put_another_file_there);
	tcase_add_test(tests, an_engine_for_the_own_process);
	tcase_add_test(tests, the_handle_of_a_child_of_ours_is_the_parent);
	tcase_add_test(tests, a_process_that_is_stopped);
	tcase_add_test(tests, a_process_that_is_killed_meanwhile);
	tcase_add_test(tests, a_process_that_executes);
	tcase_add_test(tests, an_operation_that_fails_there);
	tcase_add_test(tests, no_descriptors_are_left);
	tcase_add_test(tests, prefetch_in_another_process);
	tcase_add_test(tests, a_handle_that_is_closed_meanwhile);
	return tests;
}
