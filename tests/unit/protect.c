// SPDX-License-Identifier: MIT
/*
 * VirtualProtect: what each protection allows, and what is refused.
 */
#include "unit.h"

#define RET	0xc3	/* x86: return */

START_TEST(each_protection_allows_what_it_says)
{
	static const struct {
		DWORD protect;
		bool read, write, execute;
	} cases[] = {
		{ PAGE_NOACCESS, false, false, false },
		{ PAGE_READONLY, true, false, false },
		{ PAGE_READWRITE, true, true, false },
		{ PAGE_EXECUTE_READ, true, false, true },
		{ PAGE_EXECUTE_READWRITE, true, true, true },
	};
	unsigned char *p = (void *)commit_pages(2, PAGE_READWRITE);
	DWORD old;

	p[0] = RET;
	assert_ok(VirtualProtect(p, PAGE, cases[_i].protect, &old));
	ck_assert_uint_eq(old, PAGE_READWRITE);
	ck_assert(can_execute(p) == cases[_i].execute);
	ck_assert(can_read(p) == cases[_i].read);
	ck_assert(can_write(p + 8) == cases[_i].write);
	assert_ok(VirtualProtect(p, PAGE, PAGE_READWRITE, &old));
	ck_assert_uint_eq(old, cases[_i].protect);
	ck_assert_uint_eq(p[0], RET);
	drop(p);
}
END_TEST

START_TEST(execute_alone_can_be_executed_not_written)
{
	unsigned char *p = (void *)commit_pages(1, PAGE_READWRITE);
	DWORD old;

	p[0] = RET;
	assert_ok(VirtualProtect(p, 1, PAGE_EXECUTE, &old));
	ck_assert(can_execute(p));
	ck_assert(!can_write(p));
	drop(p);
}
END_TEST

START_TEST(old_protection_is_that_of_the_first_page)
{
	char *p = commit_pages(3, PAGE_READWRITE);
	DWORD old;

	assert_ok(VirtualProtect(p + PAGE, PAGE, PAGE_READONLY, &old));
	assert_ok(VirtualProtect(p + PAGE, 2 * PAGE, PAGE_NOACCESS, &old));
	ck_assert_uint_eq(old, PAGE_READONLY);
	assert_run(p + PAGE, 2 * PAGE, MEM_COMMIT, PAGE_NOACCESS);
	drop(p);
}
END_TEST

START_TEST(content_outlives_no_access)
{
	char *p = commit_pages(2, PAGE_READWRITE);
	DWORD old;

	p[0] = 1;
	p[PAGE] = 2;
	assert_ok(VirtualProtect(p, 2 * PAGE, PAGE_NOACCESS, &old));
	ck_assert(!can_read(p));
	assert_ok(VirtualProtect(p, 1, PAGE_READONLY, &old));
	ck_assert_uint_eq(old, PAGE_NOACCESS);
	ck_assert_int_eq(p[0], 1);
	ck_assert(!can_read(p + PAGE));
	assert_ok(VirtualProtect(p, PAGE + 1, PAGE_READWRITE, &old));
	ck_assert_uint_eq(old, PAGE_READONLY);
	ck_assert_int_eq(p[PAGE], 2);
	drop(p);
}
END_TEST

START_TEST(range_rounds_outwards)
{
	char *p = commit_pages(4, PAGE_READWRITE);
	DWORD old;

	assert_ok(VirtualProtect(p + 2 * PAGE - 1, 2, PAGE_READONLY, &old));
	assert_run(p, PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_run(p + PAGE, 2 * PAGE, MEM_COMMIT, PAGE_READONLY);
	drop(p);
}
END_TEST

START_TEST(a_reserved_page_in_the_range_spoils_it)
{
	char *p = reserve_pages(4);
	DWORD old;

	assert_ok(VirtualAlloc(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualProtect(p, 3 * PAGE, PAGE_READONLY, &old));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualProtect(p + 3 * PAGE, 1, PAGE_READONLY, &old));
	assert_run(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	ck_assert(can_write(p));
	drop(p);
}
END_TEST

START_TEST(range_stays_inside_one_reservation)
{
	char *hole = find_hole(2);
	DWORD old;
	int i;

	for (i = 0; i < 2; i++)
		assert_ok(VirtualAlloc(hole + i * GRANULE, GRANULE,
				       MEM_RESERVE | MEM_COMMIT,
				       PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualProtect(hole + GRANULE - 1, 2, PAGE_READONLY,
				    &old));
	drop(hole + GRANULE);
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualProtect(hole + GRANULE - 1, 2, PAGE_READONLY,
				    &old));
	assert_run(hole, GRANULE, MEM_COMMIT, PAGE_READWRITE);
	drop(hole);
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualProtect(hole, PAGE, PAGE_READONLY, &old));
}
END_TEST

START_TEST(bad_arguments)
{
	char *p = commit_pages(1, PAGE_READWRITE);
	DWORD old = UNTOUCHED;

	assert_fails(ERROR_NOACCESS,
		     VirtualProtect(p, PAGE, PAGE_READONLY, NULL));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualProtect(p, 0, PAGE_READONLY, &old));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualProtect(p, PAGE, 0, &old));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualProtect(p, PAGE, PAGE_READONLY | PAGE_EXECUTE,
				    &old));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualProtect(p, PAGE, PAGE_WRITECOPY, &old));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualProtect(p, PAGE, PAGE_EXECUTE_WRITECOPY, &old));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualProtect(p, PAGE, PAGE_NOACCESS | PAGE_GUARD,
				    &old));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualProtect(p, SIZE_MAX, PAGE_READONLY, &old));
	ck_assert_uint_eq(old, UNTOUCHED);
	assert_run(p, PAGE, MEM_COMMIT, PAGE_READWRITE);
	drop(p);
}
END_TEST

START_TEST(nocache_belongs_to_the_allocation)
{
	char *p = commit_pages(1, PAGE_READWRITE | PAGE_NOCACHE);
	DWORD old;

	assert_ok(VirtualProtect(p, PAGE, PAGE_READONLY, &old));
	ck_assert_uint_eq(old, PAGE_READWRITE | PAGE_NOCACHE);
	assert_run(p, PAGE, MEM_COMMIT, PAGE_READONLY | PAGE_NOCACHE);
	drop(p);
	p = commit_pages(1, PAGE_READWRITE);
	assert_ok(VirtualProtect(p, PAGE, PAGE_READONLY | PAGE_NOCACHE, &old));
	assert_run(p, PAGE, MEM_COMMIT, PAGE_READONLY);
	drop(p);
}
END_TEST

TCase *protect_tests(void)
{
	TCase *tests = tcase_create("VirtualProtect");

	tcase_add_loop_test(tests, each_protection_allows_what_it_says, 0, 5);
	tcase_add_test(tests, execute_alone_can_be_executed_not_written);
	tcase_add_test(tests, old_protection_is_that_of_the_first_page);
	tcase_add_test(tests, content_outlives_no_access);
	tcase_add_test(tests, range_rounds_outwards);
	tcase_add_test(tests, a_reserved_page_in_the_range_spoils_it);
	tcase_add_test(tests, range_stays_inside_one_reservation);
	tcase_add_test(tests, bad_arguments);
	tcase_add_test(tests, nocache_belongs_to_the_allocation);
	return tests;
}
