// SPDX-License-Identifier: MIT
/*
 * MEM_RESET and MEM_RESET_UNDO, DiscardVirtualMemory, PrefetchVirtualMemory.
 */
#include <string.h>

#include "unit.h"

START_TEST(reset_leaves_state_and_old_or_zero_content)
{
	char *p = commit_pages(4, PAGE_READWRITE);
	int i;

	memset(p, 0x33, 4 * PAGE);
	assert_ok(VirtualAlloc(p, 4 * PAGE, MEM_RESET, PAGE_NOACCESS) == p);
	assert_run(p, 4 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	for (i = 0; i < 4; i++)
		ck_assert(p[i * PAGE] == 0x33 || p[i * PAGE] == 0);
	drop(p);
}
END_TEST

START_TEST(a_write_after_reset_stays)
{
	char *p = commit_pages(1, PAGE_READWRITE);

	p[0] = 1;
	assert_ok(VirtualAlloc(p, PAGE, MEM_RESET, PAGE_READWRITE));
	p[0] = 2;
	ck_assert_int_eq(p[0], 2);
	drop(p);
}
END_TEST

START_TEST(reset_leaves_protections_and_guards)
{
	static const DWORD protections[] = {
		PAGE_READONLY, PAGE_NOACCESS, PAGE_READWRITE | PAGE_GUARD,
	};
	char *p = commit_pages(3, PAGE_READWRITE);
	DWORD old;
	int i;

	for (i = 0; i < 3; i++)
		assert_ok(VirtualProtect(p + i * PAGE, PAGE, protections[i],
					 &old));
	assert_ok(VirtualAlloc(p, 3 * PAGE, MEM_RESET, PAGE_READWRITE));
	for (i = 0; i < 3; i++)
		assert_run(p + i * PAGE, PAGE, MEM_COMMIT, protections[i]);
	ck_assert(!can_write(p));
	ck_assert(!can_read(p + PAGE));
	ck_assert(!can_read(p + 2 * PAGE));
	ck_assert(can_read(p + 2 * PAGE));
	drop(p);
}
END_TEST

START_TEST(undo_says_whether_content_is_intact)
{
	char *p = commit_pages(2, PAGE_READWRITE);

	memset(p, 0x33, 2 * PAGE);
	assert_ok(VirtualAlloc(p, 2 * PAGE, MEM_RESET, PAGE_READWRITE));
	SetLastError(UNTOUCHED);
	if (VirtualAlloc(p, 2 * PAGE, MEM_RESET_UNDO, PAGE_READWRITE)) {
		ck_assert_int_eq(p[0], 0x33);
		ck_assert_int_eq(p[2 * PAGE - 1], 0x33);
	} else {
		ck_assert_uint_eq(GetLastError(), ERROR_BUSY);
	}
	drop(p);
}
END_TEST

START_TEST(reset_rounds_inwards)
{
	char *p = commit_pages(3, PAGE_READWRITE);

	p[0] = 1;
	p[2 * PAGE] = 2;
	assert_ok(VirtualAlloc(p + 1, 2 * PAGE, MEM_RESET, PAGE_READWRITE));
	assert_ok(VirtualAlloc(p + 1, PAGE - 2, MEM_RESET, PAGE_READWRITE));
	ck_assert_int_eq(p[0], 1);
	ck_assert_int_eq(p[2 * PAGE], 2);
	drop(p);
}
END_TEST

START_TEST(reset_takes_reserved_pages)
{
	char *p = reserve_pages(4);

	assert_ok(VirtualAlloc(p, 4 * PAGE, MEM_RESET, PAGE_READWRITE));
	assert_ok(VirtualAlloc(p + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_ok(VirtualAlloc(p, 4 * PAGE, MEM_RESET, PAGE_READWRITE));
	assert_run(p, PAGE, MEM_RESERVE, 0);
	drop(p);
}
END_TEST

START_TEST(reset_stays_inside_one_reservation)
{
	char *p = commit_pages(16, PAGE_READWRITE);

	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAlloc(p, 17 * PAGE, MEM_RESET, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAlloc(find_hole(1), PAGE, MEM_RESET,
				  PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAlloc(NULL, PAGE, MEM_RESET, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(p, 0, MEM_RESET, PAGE_READWRITE));
	drop(p);
}
END_TEST

START_TEST(discard_wants_whole_read_write_pages)
{
	char *p = commit_pages(4, PAGE_READWRITE);
	DWORD old;

	SetLastError(UNTOUCHED);
	p[0] = 1;
	ck_assert_uint_eq(DiscardVirtualMemory(p, 4 * PAGE), ERROR_SUCCESS);
	p[0] = 2;
	ck_assert_int_eq(p[0], 2);
	ck_assert_uint_eq(DiscardVirtualMemory(p + 1, PAGE),
			  ERROR_INVALID_PARAMETER);
	ck_assert_uint_eq(DiscardVirtualMemory(p, PAGE + 1),
			  ERROR_INVALID_PARAMETER);
	ck_assert_uint_eq(DiscardVirtualMemory(p, 0),
			  ERROR_INVALID_PARAMETER);
	ck_assert_uint_eq(DiscardVirtualMemory(p, 5 * PAGE),
			  ERROR_INVALID_ADDRESS);
	assert_ok(VirtualProtect(p + PAGE, PAGE, PAGE_READONLY, &old));
	ck_assert_uint_eq(DiscardVirtualMemory(p, 2 * PAGE),
			  ERROR_INVALID_PARAMETER);
	assert_ok(VirtualFree(p + PAGE, PAGE, MEM_DECOMMIT));
	ck_assert_uint_eq(DiscardVirtualMemory(p, 2 * PAGE),
			  ERROR_INVALID_ADDRESS);
	ck_assert_uint_eq(GetLastError(), UNTOUCHED);
	drop(p);
}
END_TEST

START_TEST(prefetch_is_a_pure_hint)
{
	char *p = commit_pages(4, PAGE_READWRITE);
	WIN32_MEMORY_RANGE_ENTRY entries[] = {
		{ p, 4 * PAGE }, { p + 7, 11 }, { NULL, 1 },
		{ find_hole(1), PAGE }, { (void *)-1, 100 },
	};

	p[3] = 3;
	assert_ok(PrefetchVirtualMemory(GetCurrentProcess(), 5, entries, 0));
	ck_assert_int_eq(p[3], 3);
	drop(p);
}
END_TEST

START_TEST(prefetch_checks_its_arguments)
{
	WIN32_MEMORY_RANGE_ENTRY entry = { NULL, PAGE };
	WIN32_MEMORY_RANGE_ENTRY empty = { NULL, 0 };
	HANDLE self = GetCurrentProcess();

	assert_fails(ERROR_INVALID_PARAMETER,
		     PrefetchVirtualMemory(self, 0, &entry, 0));
	assert_fails(ERROR_INVALID_PARAMETER,
		     PrefetchVirtualMemory(self, 0, NULL, 0));
	assert_fails(ERROR_NOACCESS, PrefetchVirtualMemory(self, 1, NULL, 0));
	assert_fails(ERROR_INVALID_PARAMETER,
		     PrefetchVirtualMemory(self, 1, &empty, 0));
	assert_fails(ERROR_INVALID_PARAMETER,
		     PrefetchVirtualMemory(self, 1, &entry, 1));
	assert_fails(ERROR_INVALID_HANDLE,
		     PrefetchVirtualMemory(NULL, 1, &entry, 0));
}
END_TEST

TCase *hints_tests(void)
{
	TCase *tests = tcase_create("reset, discard, prefetch");

	tcase_add_test(tests, reset_leaves_state_and_old_or_zero_content);
	tcase_add_test(tests, a_write_after_reset_stays);
	tcase_add_test(tests, reset_leaves_protections_and_guards);
	tcase_add_test(tests, undo_says_whether_content_is_intact);
	tcase_add_test(tests, reset_rounds_inwards);
	tcase_add_test(tests, reset_takes_reserved_pages);
	tcase_add_test(tests, reset_stays_inside_one_reservation);
	tcase_add_test(tests, discard_wants_whole_read_write_pages);
	tcase_add_test(tests, prefetch_is_a_pure_hint);
	tcase_add_test(tests, prefetch_checks_its_arguments);
	return tests;
}
