// SPDX-License-Identifier: MIT
/*
 * Guard pages, as a program without exception handlers sees them: one SIGSEGV
 * per page, then the page's other protection.
 */
#include "unit.h"

START_TEST(first_touch_faults_once)
{
	char *p = commit_pages(1, PAGE_READWRITE | PAGE_GUARD);
	MEMORY_BASIC_INFORMATION info;

	ck_assert(_i ? !can_write(p) : !can_read(p));
	ck_assert(can_read(p));
	ck_assert(can_write(p));
	query(p, &info);
	ck_assert_uint_eq(info.Protect, PAGE_READWRITE);
	ck_assert_uint_eq(info.AllocationProtect,
			  PAGE_READWRITE | PAGE_GUARD);
	drop(p);
}
END_TEST

START_TEST(only_the_touched_page_loses_its_guard)
{
	char *p = commit_pages(3, PAGE_READWRITE | PAGE_GUARD);

	ck_assert(!can_read(p + PAGE + 100));
	assert_run(p, PAGE, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
	assert_run(p + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_run(p + 2 * PAGE, PAGE, MEM_COMMIT,
		   PAGE_READWRITE | PAGE_GUARD);
	ck_assert(!can_write(p));
	ck_assert(!can_write(p + 2 * PAGE));
	assert_run(p, 3 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	drop(p);
}
END_TEST

START_TEST(base_protection_rules_after_the_guard)
{
	char *p = commit_pages(1, PAGE_READONLY | PAGE_GUARD);

	ck_assert(!can_write(p));
	assert_run(p, PAGE, MEM_COMMIT, PAGE_READONLY);
	ck_assert(!can_write(p));
	ck_assert(can_read(p));
	drop(p);
}
END_TEST

START_TEST(execution_hits_the_guard_too)
{
	unsigned char *p = (void *)commit_pages(1, PAGE_EXECUTE_READWRITE);
	DWORD old;

	p[0] = 0xc3;
	assert_ok(VirtualProtect(p, 1, PAGE_EXECUTE_READ | PAGE_GUARD, &old));
	ck_assert(!can_execute(p));
	ck_assert(can_execute(p));
	drop(p);
}
END_TEST

START_TEST(guard_keeps_the_content)
{
	char *p = commit_pages(1, PAGE_READWRITE);
	DWORD old;

	p[5] = 55;
	assert_ok(VirtualProtect(p, 1, PAGE_READWRITE | PAGE_GUARD, &old));
	ck_assert_uint_eq(old, PAGE_READWRITE);
	ck_assert(!can_read(p));
	ck_assert_int_eq(p[5], 55);
	drop(p);
}
END_TEST

START_TEST(protect_takes_the_guard_away)
{
	char *p = commit_pages(1, PAGE_READWRITE | PAGE_GUARD);
	DWORD old;

	assert_ok(VirtualProtect(p, 1, PAGE_READWRITE, &old));
	ck_assert_uint_eq(old, PAGE_READWRITE | PAGE_GUARD);
	ck_assert(can_read(p));
	drop(p);
}
END_TEST

START_TEST(recommit_sets_a_guard)
{
	char *p = commit_pages(2, PAGE_READWRITE);

	assert_ok(VirtualAlloc(p, PAGE, MEM_COMMIT,
			       PAGE_READWRITE | PAGE_GUARD));
	ck_assert(!can_write(p));
	ck_assert(can_write(p));
	drop(p);
}
END_TEST

/* A stack that grows: each guard hit moves the guard one page down. */
START_TEST(a_growing_stack)
{
	char *p = reserve_pages(8);
	int page;

	for (page = 7; page >= 0; page--) {
		assert_ok(VirtualAlloc(p + page * PAGE, PAGE, MEM_COMMIT,
				       PAGE_READWRITE | PAGE_GUARD));
		ck_assert(!can_write(p + page * PAGE));
		ck_assert(can_write(p + page * PAGE));
	}
	assert_run(p, 8 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	drop(p);
}
END_TEST

TCase *guard_tests(void)
{
	TCase *tests = tcase_create("guard pages");

	tcase_add_loop_test(tests, first_touch_faults_once, 0, 2);
	tcase_add_test(tests, only_the_touched_page_loses_its_guard);
	tcase_add_test(tests, base_protection_rules_after_the_guard);
	tcase_add_test(tests, execution_hits_the_guard_too);
	tcase_add_test(tests, guard_keeps_the_content);
	tcase_add_test(tests, protect_takes_the_guard_away);
	tcase_add_test(tests, recommit_sets_a_guard);
	tcase_add_test(tests, a_growing_stack);
	return tests;
}
