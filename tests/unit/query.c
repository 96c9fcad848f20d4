// SPDX-License-Identifier: MIT
/*
 * VirtualQuery: runs, free space, the program itself, walks.
 */
#include <stddef.h>

#include "unit.h"

START_TEST(layout_is_that_of_windows)
{
	ck_assert_uint_eq(sizeof(MEMORY_BASIC_INFORMATION), 48);
	ck_assert_uint_eq(offsetof(MEMORY_BASIC_INFORMATION, RegionSize), 24);
	ck_assert_uint_eq(offsetof(MEMORY_BASIC_INFORMATION, Type), 40);
}
END_TEST

START_TEST(address_rounds_down_to_a_page)
{
	MEMORY_BASIC_INFORMATION info;
	char *p = reserve_pages(4);

	query(p + 2 * PAGE + 17, &info);
	ck_assert_ptr_eq(info.BaseAddress, p + 2 * PAGE);
	ck_assert_ptr_eq(info.AllocationBase, p);
	ck_assert_uint_eq(info.RegionSize, 2 * PAGE);
	drop(p);
}
END_TEST

START_TEST(runs_are_of_equal_state_and_protection)
{
	char *p = reserve_pages(8);
	DWORD old;

	assert_ok(VirtualAlloc(p + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_ok(VirtualAlloc(p + 2 * PAGE, 4 * PAGE, MEM_COMMIT,
			       PAGE_READWRITE));
	assert_ok(VirtualProtect(p + 3 * PAGE, PAGE, PAGE_READONLY, &old));
	assert_run(p, PAGE, MEM_RESERVE, 0);
	assert_run(p + PAGE, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_run(p + 3 * PAGE, PAGE, MEM_COMMIT, PAGE_READONLY);
	assert_run(p + 4 * PAGE, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_run(p + 6 * PAGE, 2 * PAGE, MEM_RESERVE, 0);
	assert_ok(VirtualProtect(p + 3 * PAGE, PAGE, PAGE_READWRITE, &old));
	assert_run(p + PAGE, 5 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	drop(p);
}
END_TEST

START_TEST(a_run_ends_with_its_reservation)
{
	char *hole = find_hole(2);
	MEMORY_BASIC_INFORMATION info;
	int i;

	for (i = 0; i < 2; i++)
		assert_ok(VirtualAlloc(hole + i * GRANULE, GRANULE,
				       MEM_RESERVE | MEM_COMMIT,
				       PAGE_READWRITE));
	assert_run(hole, GRANULE, MEM_COMMIT, PAGE_READWRITE);
	query(hole + GRANULE, &info);
	ck_assert_ptr_eq(info.AllocationBase, hole + GRANULE);
	drop(hole);
	drop(hole + GRANULE);
}
END_TEST

START_TEST(private_memory_says_so)
{
	MEMORY_BASIC_INFORMATION info;
	char *p = reserve_pages(1);

	query(p, &info);
	ck_assert_uint_eq(info.Type, MEM_PRIVATE);
	ck_assert_uint_eq(info.AllocationProtect, PAGE_READWRITE);
	assert_ok(VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READONLY));
	query(p, &info);
	ck_assert_uint_eq(info.Type, MEM_PRIVATE);
	drop(p);
}
END_TEST

START_TEST(free_space_reaches_to_the_next_mapping)
{
	char *hole = find_hole(4);
	MEMORY_BASIC_INFORMATION info;

	assert_ok(VirtualAlloc(hole + 2 * GRANULE, PAGE, MEM_RESERVE,
			       PAGE_READWRITE));
	query(hole + PAGE, &info);
	ck_assert_uint_eq(info.State, MEM_FREE);
	ck_assert_ptr_eq(info.BaseAddress, hole + PAGE);
	ck_assert_ptr_eq(info.AllocationBase, NULL);
	ck_assert_uint_eq(info.AllocationProtect, 0);
	ck_assert_uint_eq(info.Protect, PAGE_NOACCESS);
	ck_assert_uint_eq(info.Type, 0);
	ck_assert_uint_eq(info.RegionSize, 2 * GRANULE - PAGE);
	drop(hole + 2 * GRANULE);
}
END_TEST

START_TEST(the_program_is_committed_by_somebody)
{
	static volatile char bss[PAGE];
	MEMORY_BASIC_INFORMATION info;

	query((void *)(uintptr_t)&query, &info);
	ck_assert_uint_eq(info.State, MEM_COMMIT);
	ck_assert_uint_eq(info.Type, MEM_IMAGE);
	ck_assert_uint_eq(info.Protect, PAGE_EXECUTE_READ);
	bss[0] = 1;
	query((void *)&bss[0], &info);
	ck_assert_uint_eq(info.State, MEM_COMMIT);
	ck_assert_uint_eq(info.Protect, PAGE_READWRITE);
}
END_TEST

START_TEST(bad_arguments)
{
	MEMORY_BASIC_INFORMATION info;

	assert_fails(ERROR_BAD_LENGTH, VirtualQuery(&info, &info, 47));
	assert_fails(ERROR_BAD_LENGTH, VirtualQuery(&info, &info, 0));
	assert_fails(ERROR_NOACCESS, VirtualQuery(&info, NULL, sizeof(info)));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualQuery((void *)0x7fffffff0000, &info,
				  sizeof(info)));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualQuery((void *)-1, &info, sizeof(info)));
	assert_ok(VirtualQuery((void *)0x7ffffffeffff, &info, 100) == 48);
	assert_ok(VirtualQuery(NULL, &info, sizeof(info)) == 48);
	ck_assert_uint_eq(info.State, MEM_FREE);
}
END_TEST

START_TEST(a_walk_covers_user_space_without_gaps)
{
	MEMORY_BASIC_INFORMATION info;
	char *p = reserve_pages(16);
	uintptr_t at = 0;
	bool seen = false;

	assert_ok(VirtualAlloc(p + 5 * PAGE, PAGE, MEM_COMMIT,
			       PAGE_READWRITE));
	while (VirtualQuery((void *)at, &info, sizeof(info))) {
		ck_assert_ptr_eq(info.BaseAddress, (void *)at);
		ck_assert_uint_ne(info.RegionSize, 0);
		ck_assert_uint_eq(info.RegionSize % PAGE, 0);
		seen = seen || info.BaseAddress == (void *)(p + 5 * PAGE);
		at += info.RegionSize;
	}
	ck_assert_uint_eq(at, 0x7fffffff0000);
	ck_assert(seen);
	drop(p);
}
END_TEST

TCase *query_tests(void)
{
	TCase *tests = tcase_create("VirtualQuery");

	tcase_add_test(tests, layout_is_that_of_windows);
	tcase_add_test(tests, address_rounds_down_to_a_page);
	tcase_add_test(tests, runs_are_of_equal_state_and_protection);
	tcase_add_test(tests, a_run_ends_with_its_reservation);
	tcase_add_test(tests, private_memory_says_so);
	tcase_add_test(tests, free_space_reaches_to_the_next_mapping);
	tcase_add_test(tests, the_program_is_committed_by_somebody);
	tcase_add_test(tests, bad_arguments);
	tcase_add_test(tests, a_walk_covers_user_space_without_gaps);
	return tests;
}
