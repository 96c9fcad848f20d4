// SPDX-License-Identifier: MIT
/*
 * The public functions beside Linux's own view: mappings that are not the
 * library's, residency, limits, the size of memory. And what headers for
 * Windows may lack.
 */
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

START_TEST(free_space_ends_at_a_linux_mapping)
{
	char *hole = find_hole(4);
	MEMORY_BASIC_INFORMATION info;
	char *map = mmap(hole + GRANULE, 2 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			 -1, 0);

	ck_assert_ptr_eq(map, hole + GRANULE);
	assert_run(hole, GRANULE, MEM_FREE, PAGE_NOACCESS);
	query(map + PAGE, &info);
	ck_assert_uint_eq(info.State, MEM_COMMIT);
	ck_assert_uint_eq(info.Protect, PAGE_READWRITE);
	ck_assert_uint_eq(info.Type, MEM_PRIVATE);
	ck_assert_ptr_eq(info.AllocationBase, map);
	ck_assert_uint_eq(info.RegionSize, PAGE);
	munmap(map, 2 * PAGE);
	query(map, &info);
	ck_assert_uint_eq(info.State, MEM_FREE);
}
END_TEST

START_TEST(shared_memory_is_mapped)
{
	MEMORY_BASIC_INFORMATION info;
	char *shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);

	ck_assert_ptr_ne(shared, MAP_FAILED);
	query(shared, &info);
	ck_assert_uint_eq(info.State, MEM_COMMIT);
	ck_assert_uint_eq(info.Type, MEM_MAPPED);
	ck_assert_uint_eq(info.Protect, PAGE_READONLY);
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualFree(shared, 0, MEM_RELEASE));
	munmap(shared, PAGE);
}
END_TEST

START_TEST(memory_of_others_has_a_windows_protection)
{
	static const struct {
		int prot;
		DWORD protect;
	} cases[] = {
		{ PROT_NONE, PAGE_NOACCESS },
		{ PROT_READ, PAGE_READONLY },
		{ PROT_WRITE, PAGE_READWRITE },
		{ PROT_READ | PROT_WRITE, PAGE_READWRITE },
		{ PROT_EXEC, PAGE_EXECUTE },
		{ PROT_READ | PROT_EXEC, PAGE_EXECUTE_READ },
		{ PROT_WRITE | PROT_EXEC, PAGE_EXECUTE_READWRITE },
		{ PROT_READ | PROT_WRITE | PROT_EXEC, PAGE_EXECUTE_READWRITE },
	};
	MEMORY_BASIC_INFORMATION info;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *map = mmap(NULL, PAGE, cases[i].prot,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		ck_assert_ptr_ne(map, MAP_FAILED);
		query(map, &info);
		ck_assert_uint_eq(info.State, MEM_COMMIT);
		ck_assert_uint_eq(info.Protect, cases[i].protect);
		ck_assert_uint_eq(info.AllocationProtect, cases[i].protect);
		munmap(map, PAGE);
	}
}
END_TEST

START_TEST(private_memory_of_others_cannot_be_freed)
{
	char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(map, MAP_FAILED);
	assert_fails(ERROR_INVALID_ADDRESS, VirtualFree(map, 0, MEM_RELEASE));
	assert_fails(ERROR_INVALID_ADDRESS, VirtualFree(map, 1, MEM_DECOMMIT));
	*map = 1;
	munmap(map, PAGE);
}
END_TEST

/* The kernel merges mappings that look alike; a reservation never shows it. */
START_TEST(a_foreign_neighbour_stays_foreign)
{
	char *hole = find_hole(3);
	MEMORY_BASIC_INFORMATION info;
	char *map;

	assert_ok(VirtualAlloc(hole + GRANULE, GRANULE, MEM_RESERVE,
			       PAGE_READWRITE));
	map = mmap(hole + 2 * GRANULE, GRANULE, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		   MAP_FIXED_NOREPLACE, -1, 0);
	ck_assert_ptr_eq(map, hole + 2 * GRANULE);
	assert_run(hole + GRANULE, GRANULE, MEM_RESERVE, 0);
	query(map, &info);
	ck_assert_uint_eq(info.State, MEM_COMMIT);
	ck_assert_ptr_eq(info.AllocationBase, map);
	ck_assert_uint_eq(info.RegionSize, GRANULE);
	munmap(map, GRANULE);
	drop(hole + GRANULE);
}
END_TEST

START_TEST(locked_pages_are_resident)
{
	unsigned char resident[4] = { 0 };
	char *p = commit_pages(4, PAGE_READWRITE);
	int i;

	assert_ok(VirtualLock(p, 4 * PAGE));
	if (!on_kernel_engine()) {
		ck_assert_int_eq(mincore(p, 4 * PAGE, resident), 0);
		for (i = 0; i < 4; i++)
			ck_assert(resident[i] & 1);
	}
	assert_ok(VirtualUnlock(p, 4 * PAGE));
	drop(p);
}
END_TEST

/* Without privileges, and 4 pages allowed. Exits with the first failure. */
static void lock_within_limit(void *arg)
{
	const struct rlimit limit = { 4 * PAGE, 4 * PAGE };
	char *p = arg;

	if (!VirtualLock(p, PAGE) || !VirtualUnlock(p, PAGE))
		_exit(1);
	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		_exit(2);
	if (!geteuid() && setresuid(65534, 65534, 65534))
		_exit(3);
	if (!VirtualLock(p, 4 * PAGE))
		_exit(4);
	if (!VirtualLock(p, 4 * PAGE))
		_exit(5);
	if (VirtualLock(p, 8 * PAGE))
		_exit(6);
	if (GetLastError() != ERROR_WORKING_SET_QUOTA)
		_exit(7);
	if (VirtualUnlock(p + 4 * PAGE, PAGE))
		_exit(8);
	if (!VirtualUnlock(p, 4 * PAGE) || !VirtualLock(p + PAGE, 4 * PAGE))
		_exit(9);
}

START_TEST(the_limit_is_rlimit_memlock)
{
	char *p = commit_pages(8, PAGE_READWRITE);

	ck_assert_int_eq(in_child(lock_within_limit, p), 0);
	drop(p);
}
END_TEST

/* The same limit, where all is locked that will be mapped. */
static void map_within_limit(void *arg)
{
	const struct rlimit limit = { 4 * PAGE, 4 * PAGE };

	(void)arg;
	/* What the library itself needs is there, then. */
	drop(commit_pages(8, PAGE_READWRITE));
	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		_exit(1);
	if (!geteuid() && setresuid(65534, 65534, 65534))
		_exit(2);
	if (syscall(SYS_mlockall, MCL_FUTURE))
		_exit(3);
	if (VirtualAlloc(NULL, 1 << 30, MEM_RESERVE, PAGE_READWRITE))
		_exit(4);
	if (GetLastError() != ERROR_WORKING_SET_QUOTA)
		_exit(5);
}

START_TEST(the_limit_holds_for_what_will_be_mapped)
{
	/* Those map memory of their own, which cannot be had then. */
	if (!UNDER_ASAN && !under_valgrind())
		ck_assert_int_eq(in_child(map_within_limit, NULL), 0);
}
END_TEST

/* The stack may grow by as much as its limit says: nothing comes in its way. */
static void reserve_below_stack(void *arg)
{
	const rlim_t *room = arg;
	const struct rlimit limit = { *room, *room };
	char here;
	char *p;

	if (setrlimit(RLIMIT_STACK, &limit))
		_exit(1);
	p = VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_TOP_DOWN,
			 PAGE_READWRITE);
	if (!p)
		_exit(2);
	if (p < &here && (rlim_t)(&here - p) < *room)
		_exit(3);
}

START_TEST(room_is_left_for_the_stack)
{
	rlim_t room = 1 << 30;

	ck_assert_int_eq(in_child(reserve_below_stack, &room), 0);
}
END_TEST

/* Larger than what Linux leaves free above or below the stack at random. */
static void reserve_without_room(void *arg)
{
	const rlim_t *room = arg;
	const struct rlimit limit = { *room, *room };

	if (setrlimit(RLIMIT_STACK, &limit))
		_exit(1);
	if (!VirtualAlloc(NULL, (SIZE_T)1 << 35, MEM_RESERVE | MEM_TOP_DOWN,
			  PAGE_READWRITE))
		_exit(2);
}

START_TEST(a_stack_limit_may_be_larger_than_memory)
{
	rlim_t room = (rlim_t)1 << 62;

	if (under_valgrind() || UNDER_TSAN)
		return;
	ck_assert_int_eq(in_child(reserve_without_room, &room), 0);
}
END_TEST

START_TEST(total_memory_is_that_of_linux)
{
	MEMORYSTATUSEX status = { .dwLength = sizeof(status) };

	assert_ok(GlobalMemoryStatusEx(&status));
	ck_assert_uint_eq(status.ullTotalPhys,
			  sysconf(_SC_PHYS_PAGES) * PAGE);
}
END_TEST

START_TEST(there_is_one_partition)
{
	MEMORY_BASIC_INFORMATION info = { 0 };

	ck_assert_uint_eq(offsetof(MEMORY_BASIC_INFORMATION, PartitionId), 20);
	query(&info, &info);
	ck_assert_uint_eq(info.PartitionId, 0);
}
END_TEST

TCase *host_tests(void)
{
	TCase *tests = tcase_create("host");

	tcase_add_test(tests, free_space_ends_at_a_linux_mapping);
	tcase_add_test(tests, shared_memory_is_mapped);
	tcase_add_test(tests, memory_of_others_has_a_windows_protection);
	tcase_add_test(tests, private_memory_of_others_cannot_be_freed);
	tcase_add_test(tests, a_foreign_neighbour_stays_foreign);
	tcase_add_test(tests, locked_pages_are_resident);
	tcase_add_test(tests, the_limit_is_rlimit_memlock);
	tcase_add_test(tests, the_limit_holds_for_what_will_be_mapped);
	tcase_add_test(tests, room_is_left_for_the_stack);
	tcase_add_test(tests, a_stack_limit_may_be_larger_than_memory);
	tcase_add_test(tests, total_memory_is_that_of_linux);
	tcase_add_test(tests, there_is_one_partition);
	return tests;
}
