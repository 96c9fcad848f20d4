// SPDX-License-Identifier: MIT
/*
 * VirtualAlloc: rounding, reserve and commit, content, and what it refuses.
 */
#include <string.h>

#include "unit.h"

static const DWORD good_protections[] = {
	PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE, PAGE_EXECUTE,
	PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE,
	PAGE_READWRITE | PAGE_GUARD, PAGE_READONLY | PAGE_GUARD,
	PAGE_READWRITE | PAGE_NOCACHE, PAGE_READONLY | PAGE_WRITECOMBINE,
};

static const DWORD bad_protections[] = {
	0, PAGE_READONLY | PAGE_READWRITE, PAGE_NOACCESS | PAGE_READONLY,
	PAGE_WRITECOPY, PAGE_EXECUTE_WRITECOPY, PAGE_GUARD,
	PAGE_NOACCESS | PAGE_GUARD, PAGE_NOACCESS | PAGE_NOCACHE,
	PAGE_NOACCESS | PAGE_WRITECOMBINE,
	PAGE_READWRITE | PAGE_NOCACHE | PAGE_WRITECOMBINE,
	PAGE_READWRITE | PAGE_NOCACHE | PAGE_GUARD,
	PAGE_READWRITE | PAGE_WRITECOMBINE | PAGE_GUARD,
	PAGE_READWRITE | 0x800, 0xffffffff,
};

static const DWORD bad_types[] = {
	0, MEM_TOP_DOWN, MEM_FREE, MEM_DECOMMIT, MEM_RELEASE,
	MEM_RESERVE | 0x40000000, MEM_RESERVE | 1, MEM_COMMIT | MEM_ROTATE,
	MEM_RESERVE | MEM_4MB_PAGES,
	MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
	MEM_RESERVE | MEM_REPLACE_PLACEHOLDER,
	MEM_RESET | MEM_COMMIT, MEM_RESET | MEM_RESERVE,
	MEM_RESET | MEM_RESET_UNDO, MEM_RESET_UNDO | MEM_COMMIT,
	MEM_RESET | MEM_TOP_DOWN,
	MEM_WRITE_WATCH, MEM_COMMIT | MEM_WRITE_WATCH,
	MEM_PHYSICAL, MEM_COMMIT | MEM_RESERVE | MEM_PHYSICAL,
	MEM_LARGE_PAGES, MEM_RESERVE | MEM_LARGE_PAGES,
	MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES | MEM_WRITE_WATCH,
	MEM_RESERVE | MEM_LARGE_PAGES | MEM_PHYSICAL,
};

START_TEST(null_address_is_aligned_and_rounds_to_pages)
{
	char *p;

	assert_ok(p = VirtualAlloc(NULL, PAGE + 1, MEM_RESERVE,
				   PAGE_READWRITE));
	ck_assert_uint_eq((uintptr_t)p % GRANULE, 0);
	assert_run(p, 2 * PAGE, MEM_RESERVE, 0);
	drop(p);
}
END_TEST

/* Offsets into a hole: the cases of semantics measured on NT. */
START_TEST(reserve_rounds_base_down_and_end_up)
{
	static const struct {
		size_t offset, size, base, rounded;
	} cases[] = {
		{ 0x8000, 1, 0, 0x9000 },
		{ 0x10, 0x1000, 0, 0x2000 },
		{ 0xffff, 0x3000, 0, 0x13000 },
		{ 0x1010, 0x7000, 0, 0x9000 },
		{ 0x1010, 0xc000, 0, 0xe000 },
		{ 0x1ffff, 1, 0x10000, 0x10000 },
	};
	char *hole = find_hole(4);
	char *p;

	assert_ok(p = VirtualAlloc(hole + cases[_i].offset, cases[_i].size,
				   MEM_RESERVE, PAGE_READWRITE));
	ck_assert_ptr_eq(p, hole + cases[_i].base);
	assert_run(p, cases[_i].rounded, MEM_RESERVE, 0);
	drop(p);
}
END_TEST

START_TEST(reserve_and_commit_together_round_as_reserve)
{
	char *hole = find_hole(2);

	assert_ok(VirtualAlloc(hole + 2 * PAGE + 1, PAGE,
			       MEM_RESERVE | MEM_COMMIT,
			       PAGE_READWRITE) == hole);
	assert_run(hole, 4 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	hole[0] = 1;
	drop(hole);
}
END_TEST

START_TEST(commit_rounds_outwards_to_pages)
{
	char *p = reserve_pages(4);

	assert_ok(VirtualAlloc(p + 2 * PAGE - 1, 2, MEM_COMMIT,
			       PAGE_READWRITE) == p + PAGE);
	assert_run(p, PAGE, MEM_RESERVE, 0);
	assert_run(p + PAGE, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_run(p + 3 * PAGE, PAGE, MEM_RESERVE, 0);
	drop(p);
}
END_TEST

START_TEST(commit_of_null_reserves)
{
	MEMORY_BASIC_INFORMATION info;
	char *p;

	assert_ok(p = VirtualAlloc(NULL, 3 * PAGE, MEM_COMMIT,
				   PAGE_READONLY));
	query(p, &info);
	ck_assert_ptr_eq(info.AllocationBase, p);
	ck_assert_uint_eq(info.AllocationProtect, PAGE_READONLY);
	assert_run(p, 3 * PAGE, MEM_COMMIT, PAGE_READONLY);
	drop(p);
}
END_TEST

START_TEST(tail_of_granule_is_free_but_taken)
{
	char *hole = find_hole(2);
	MEMORY_BASIC_INFORMATION info;

	assert_ok(VirtualAlloc(hole, PAGE, MEM_RESERVE, PAGE_READWRITE));
	query(hole + PAGE, &info);
	ck_assert_uint_eq(info.State, MEM_FREE);
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAlloc(hole + PAGE, PAGE, MEM_RESERVE,
				  PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAlloc(hole + PAGE, PAGE, MEM_COMMIT,
				  PAGE_READWRITE));
	drop(hole);
}
END_TEST

START_TEST(reserve_in_use_is_refused)
{
	char *hole = find_hole(4);

	assert_ok(VirtualAlloc(hole + GRANULE, GRANULE, MEM_RESERVE,
			       PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAlloc(hole + GRANULE, PAGE, MEM_RESERVE,
				  PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAlloc(hole, 2 * GRANULE, MEM_RESERVE,
				  PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAlloc(hole, 4 * GRANULE,
				  MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
	/* A Linux mapping is in the way just so. */
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAlloc((void *)&bad_types, PAGE, MEM_RESERVE,
				  PAGE_READWRITE));
	drop(hole + GRANULE);
}
END_TEST

START_TEST(commit_stays_inside_one_reservation)
{
	char *hole = find_hole(2);

	assert_ok(VirtualAlloc(hole, GRANULE, MEM_RESERVE, PAGE_READWRITE));
	assert_ok(VirtualAlloc(hole + GRANULE, GRANULE, MEM_RESERVE,
			       PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAlloc(hole + GRANULE - PAGE, 2 * PAGE, MEM_COMMIT,
				  PAGE_READWRITE));
	assert_run(hole, GRANULE, MEM_RESERVE, 0);
	assert_run(hole + GRANULE, GRANULE, MEM_RESERVE, 0);
	drop(hole + GRANULE);
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAlloc(hole, GRANULE + 1, MEM_COMMIT,
				  PAGE_READWRITE));
	assert_run(hole, GRANULE, MEM_RESERVE, 0);
	drop(hole);
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAlloc(hole, PAGE, MEM_COMMIT, PAGE_READWRITE));
}
END_TEST

START_TEST(recommit_keeps_content_and_changes_protection)
{
	char *p = commit_pages(3, PAGE_READWRITE);

	memset(p, 0x77, 3 * PAGE);
	assert_ok(VirtualAlloc(p + PAGE, PAGE, MEM_COMMIT, PAGE_READONLY));
	assert_run(p + PAGE, PAGE, MEM_COMMIT, PAGE_READONLY);
	ck_assert(!can_write(p + PAGE));
	ck_assert_int_eq(p[PAGE], 0x77);
	assert_ok(VirtualAlloc(p, 3 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	ck_assert_int_eq(p[0], 0x77);
	ck_assert_int_eq(p[2 * PAGE - 1], 0x77);
	ck_assert(can_write(p + PAGE));
	drop(p);
}
END_TEST

START_TEST(commit_makes_a_mixture_uniform)
{
	char *p = reserve_pages(6);
	DWORD old;

	assert_ok(VirtualAlloc(p + PAGE, 3 * PAGE, MEM_COMMIT,
			       PAGE_READWRITE));
	p[PAGE] = 1;
	p[2 * PAGE] = 2;
	assert_ok(VirtualProtect(p + 2 * PAGE, PAGE, PAGE_NOACCESS, &old));
	assert_ok(VirtualProtect(p + 3 * PAGE, PAGE,
				 PAGE_READWRITE | PAGE_GUARD, &old));
	assert_ok(VirtualAlloc(p, 5 * PAGE, MEM_COMMIT, PAGE_READWRITE) == p);
	assert_run(p, 5 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_run(p + 5 * PAGE, PAGE, MEM_RESERVE, 0);
	ck_assert_int_eq(p[0], 0);
	ck_assert_int_eq(p[PAGE], 1);
	ck_assert_int_eq(p[2 * PAGE], 2);
	ck_assert(can_write(p + 3 * PAGE));
	drop(p);
}
END_TEST

START_TEST(new_pages_read_zero_also_after_decommit)
{
	static const char zero[PAGE];
	char *p = commit_pages(2, PAGE_READWRITE);

	ck_assert_int_eq(memcmp(p, zero, PAGE), 0);
	memset(p, 0x11, 2 * PAGE);
	assert_ok(VirtualFree(p, PAGE, MEM_DECOMMIT));
	assert_ok(VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE));
	ck_assert_int_eq(memcmp(p, zero, PAGE), 0);
	ck_assert_int_eq(p[PAGE], 0x11);
	drop(p);
}
END_TEST

START_TEST(allocation_protect_is_fixed_at_reserve)
{
	MEMORY_BASIC_INFORMATION info;
	char *p;
	DWORD old;

	assert_ok(p = VirtualAlloc(NULL, 2 * PAGE, MEM_RESERVE,
				   PAGE_NOACCESS));
	assert_ok(VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_ok(VirtualProtect(p, PAGE, PAGE_READONLY, &old));
	query(p, &info);
	ck_assert_uint_eq(info.AllocationProtect, PAGE_NOACCESS);
	ck_assert_uint_eq(info.Protect, PAGE_READONLY);
	drop(p);
}
END_TEST

START_TEST(reserved_pages_cannot_be_accessed)
{
	char *p = reserve_pages(1);

	ck_assert(!can_read(p));
	ck_assert(!can_write(p));
	drop(p);
}
END_TEST

START_TEST(good_protection)
{
	MEMORY_BASIC_INFORMATION info;
	char *p = commit_pages(2, good_protections[_i]);

	query(p, &info);
	ck_assert_uint_eq(info.Protect, good_protections[_i]);
	ck_assert_uint_eq(info.AllocationProtect, good_protections[_i]);
	drop(p);
}
END_TEST

START_TEST(bad_protection)
{
	char *p = reserve_pages(1);

	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(NULL, PAGE, MEM_RESERVE,
				  bad_protections[_i]));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(p, PAGE, MEM_COMMIT, bad_protections[_i]));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(p, PAGE, MEM_RESET, bad_protections[_i]));
	assert_run(p, PAGE, MEM_RESERVE, 0);
	drop(p);
}
END_TEST

START_TEST(bad_type)
{
	char *p = reserve_pages(1);

	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(NULL, PAGE, bad_types[_i], PAGE_READWRITE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(p, PAGE, bad_types[_i], PAGE_READWRITE));
	drop(p);
}
END_TEST

START_TEST(bad_size_or_address)
{
	char *p = reserve_pages(1);

	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(NULL, 0, MEM_RESERVE, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(p, 0, MEM_COMMIT, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc((void *)PAGE, PAGE, MEM_RESERVE,
				  PAGE_READWRITE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc((void *)0x800000000000, PAGE, MEM_RESERVE,
				  PAGE_READWRITE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(p, SIZE_MAX, MEM_COMMIT, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(NULL, SIZE_MAX, MEM_RESERVE,
				  PAGE_READWRITE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(p, 0x7fffffffffff, MEM_RESERVE,
				  PAGE_READWRITE));
	drop(p);
}
END_TEST

START_TEST(no_hole_is_large_enough)
{
	if (under_valgrind())
		return;
	/* In range, but something always lies in the way. */
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     VirtualAlloc(NULL, 0x7ffffff00000, MEM_RESERVE,
				  PAGE_READWRITE));
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     VirtualAlloc(NULL, 0x7fffffff0000, MEM_RESERVE,
				  PAGE_READWRITE));
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     VirtualAlloc(NULL, 0x7ffffff00000,
				  MEM_RESERVE | MEM_TOP_DOWN,
				  PAGE_READWRITE));
}
END_TEST

START_TEST(what_is_missing_says_so)
{
	assert_fails(ERROR_NOT_SUPPORTED,
		     VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_PHYSICAL,
				  PAGE_READWRITE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_PHYSICAL,
				  PAGE_READONLY));
	assert_fails(ERROR_NOT_SUPPORTED,
		     VirtualAlloc(NULL, 0x200000, MEM_RESERVE | MEM_COMMIT |
				  MEM_LARGE_PAGES, PAGE_READWRITE));
}
END_TEST

START_TEST(top_down_is_above_the_rest)
{
	char *low = reserve_pages(1);
	char *high;

	assert_ok(high = VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_TOP_DOWN,
				      PAGE_READWRITE));
	ck_assert(high > low);
	ck_assert_uint_eq((uintptr_t)high % GRANULE, 0);
	drop(high);
	drop(low);
	low = find_hole(1);
	assert_ok(VirtualAlloc(low, PAGE, MEM_RESERVE | MEM_TOP_DOWN,
			       PAGE_READWRITE) == low);
	drop(low);
}
END_TEST

START_TEST(huge_reservation_commits_its_last_page)
{
	const SIZE_T size = (SIZE_T)1 << 40;
	char *p;

	if (under_valgrind() || UNDER_TSAN)
		return;
	assert_ok(p = VirtualAlloc(NULL, size, MEM_RESERVE, PAGE_READWRITE));
	assert_ok(VirtualAlloc(p + size - 1, 1, MEM_COMMIT, PAGE_READWRITE));
	p[size - 1] = 1;
	assert_run(p, size - PAGE, MEM_RESERVE, 0);
	drop(p);
}
END_TEST

TCase *alloc_tests(void)
{
	TCase *tests = tcase_create("VirtualAlloc");

	tcase_add_test(tests, null_address_is_aligned_and_rounds_to_pages);
	tcase_add_loop_test(tests, reserve_rounds_base_down_and_end_up, 0, 6);
	tcase_add_test(tests, reserve_and_commit_together_round_as_reserve);
	tcase_add_test(tests, commit_rounds_outwards_to_pages);
	tcase_add_test(tests, commit_of_null_reserves);
	tcase_add_test(tests, tail_of_granule_is_free_but_taken);
	tcase_add_test(tests, reserve_in_use_is_refused);
	tcase_add_test(tests, commit_stays_inside_one_reservation);
	tcase_add_test(tests, recommit_keeps_content_and_changes_protection);
	tcase_add_test(tests, commit_makes_a_mixture_uniform);
	tcase_add_test(tests, new_pages_read_zero_also_after_decommit);
	tcase_add_test(tests, allocation_protect_is_fixed_at_reserve);
	tcase_add_test(tests, reserved_pages_cannot_be_accessed);
	tcase_add_loop_test(tests, good_protection, 0,
			    COUNT(good_protections));
	tcase_add_loop_test(tests, bad_protection, 0, COUNT(bad_protections));
	tcase_add_loop_test(tests, bad_type, 0, COUNT(bad_types));
	tcase_add_test(tests, bad_size_or_address);
	tcase_add_test(tests, no_hole_is_large_enough);
	tcase_add_test(tests, what_is_missing_says_so);
	tcase_add_test(tests, top_down_is_above_the_rest);
	tcase_add_test(tests, huge_reservation_commits_its_last_page);
	return tests;
}
