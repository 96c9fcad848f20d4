// SPDX-License-Identifier: MIT
/*
 * VirtualLock and VirtualUnlock.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

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
	assert_fails(ERROR_INVALID_ADDRESS, VirtualLock(p + 2 * PAGE, PAGE));
	assert_fails(ERROR_INVALID_ADDRESS, VirtualLock(p, 5 * PAGE));
	assert_fails(ERROR_INVALID_ADDRESS, VirtualLock(find_hole(1), PAGE));
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

TCase *lock_tests(void)
{
	TCase *tests = tcase_create("VirtualLock");

	tcase_add_test(tests, locked_pages_are_resident);
	tcase_add_test(tests, locks_do_not_count);
	tcase_add_test(tests, unlock_takes_any_locked_part);
	tcase_add_test(tests, a_lock_does_not_split_runs);
	tcase_add_test(tests, decommit_unlocks);
	tcase_add_test(tests, what_cannot_be_locked);
	tcase_add_test(tests, a_guard_page_fails_once);
	tcase_add_test(tests, the_limit_is_rlimit_memlock);
	return tests;
}
