// SPDX-License-Identifier: MIT
/*
 * VirtualLock and VirtualUnlock.
 */
#include "unit.h"

START_TEST(locks_do_not_count)
{
	char *p = commit_pages(2, PAGE_READWRITE);

	assert_ok(VirtualLock(p, 2 * PAGE));
	assert_ok(VirtualLock(p, 2 * PAGE));
	assert_ok(VirtualUnlock(p, 2 * PAGE));
	assert_fails(ERROR_NOT_LOCKED, VirtualUnlock(p, 2 * PAGE));
	drop(p);
}
END_TEST

START_TEST(unlock_takes_any_locked_part)
{
	char *p = commit_pages(4, PAGE_READWRITE);

	assert_fails(ERROR_NOT_LOCKED, VirtualUnlock(p, PAGE));
	assert_ok(VirtualLock(p, 3 * PAGE));
	assert_ok(VirtualUnlock(p + PAGE + 1, 1));
	assert_fails(ERROR_NOT_LOCKED, VirtualUnlock(p, 2 * PAGE));
	assert_fails(ERROR_NOT_LOCKED, VirtualUnlock(p + 2 * PAGE, 2 * PAGE));
	assert_ok(VirtualUnlock(p, PAGE));
	assert_ok(VirtualUnlock(p + 2 * PAGE, PAGE));
	drop(p);
}
END_TEST

START_TEST(a_lock_does_not_split_runs)
{
	char *p = commit_pages(4, PAGE_READWRITE);

	assert_ok(VirtualLock(p + PAGE, PAGE));
	assert_run(p, 4 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_ok(VirtualUnlock(p + PAGE, PAGE));
	drop(p);
}
END_TEST

START_TEST(decommit_unlocks)
{
	char *p = commit_pages(2, PAGE_READWRITE);

	p[0] = 1;
	assert_ok(VirtualLock(p, 2 * PAGE));
	assert_ok(VirtualFree(p, PAGE, MEM_DECOMMIT));
	assert_ok(VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE));
	ck_assert_int_eq(p[0], 0);
	assert_fails(ERROR_NOT_LOCKED, VirtualUnlock(p, PAGE));
	assert_ok(VirtualUnlock(p + PAGE, PAGE));
	drop(p);
}
END_TEST

START_TEST(what_cannot_be_locked)
{
	char *p = reserve_pages(4);

	assert_ok(VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_ok(VirtualAlloc(p + PAGE, PAGE, MEM_COMMIT, PAGE_NOACCESS));
	assert_fails(ERROR_NOACCESS, VirtualLock(p, 2 * PAGE));
	assert_fails(ERROR_NOT_LOCKED, VirtualUnlock(p, PAGE));
	assert_fails(ERROR_NOACCESS, VirtualLock(p + 2 * PAGE, PAGE));
	assert_fails(ERROR_NOACCESS, VirtualLock(p, 5 * PAGE));
	assert_fails(ERROR_NOACCESS, VirtualLock(find_hole(1), PAGE));
	assert_fails(ERROR_NOT_LOCKED, VirtualUnlock(p + 2 * PAGE, PAGE));
	assert_fails(ERROR_NOT_LOCKED, VirtualUnlock(p, 5 * PAGE));
	assert_fails(ERROR_NOT_LOCKED, VirtualUnlock(find_hole(1), PAGE));
	assert_fails(ERROR_INVALID_PARAMETER, VirtualLock(p, 0));
	assert_fails(ERROR_INVALID_PARAMETER, VirtualUnlock(p, 0));
	assert_fails(ERROR_INVALID_PARAMETER, VirtualLock(p, SIZE_MAX));
	drop(p);
}
END_TEST

START_TEST(a_guard_page_fails_once)
{
	char *p = commit_pages(2, PAGE_READWRITE);
	DWORD old;

	assert_ok(VirtualProtect(p + PAGE, PAGE, PAGE_READWRITE | PAGE_GUARD,
				 &old));
	assert_fails(STATUS_GUARD_PAGE_VIOLATION, VirtualLock(p, 2 * PAGE));
	assert_run(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_ok(VirtualLock(p, 2 * PAGE));
	assert_ok(VirtualUnlock(p, 2 * PAGE));
	drop(p);
}
END_TEST

TCase *lock_tests(void)
{
	TCase *tests = tcase_create("VirtualLock");

	tcase_add_test(tests, locks_do_not_count);
	tcase_add_test(tests, unlock_takes_any_locked_part);
	tcase_add_test(tests, a_lock_does_not_split_runs);
	tcase_add_test(tests, decommit_unlocks);
	tcase_add_test(tests, what_cannot_be_locked);
	tcase_add_test(tests, a_guard_page_fails_once);
	return tests;
}
