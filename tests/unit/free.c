// SPDX-License-Identifier: MIT
/*
 * VirtualFree: release and decommit.
 */
#include "unit.h"

START_TEST(release_frees_the_whole)
{
	MEMORY_BASIC_INFORMATION info;
	char *p = reserve_pages(16);

	assert_ok(VirtualAlloc(p + 3 * PAGE, PAGE, MEM_COMMIT,
			       PAGE_READWRITE));
	assert_ok(VirtualFree(p, 0, MEM_RELEASE));
	query(p, &info);
	ck_assert_uint_eq(info.State, MEM_FREE);
	ck_assert(!can_read(p + 3 * PAGE));
	assert_fails(ERROR_INVALID_ADDRESS, VirtualFree(p, 0, MEM_RELEASE));
}
END_TEST

START_TEST(release_rounds_down_to_the_first_page)
{
	char *p = reserve_pages(2);

	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualFree(p + PAGE, 0, MEM_RELEASE));
	assert_ok(VirtualFree(p + PAGE - 1, 0, MEM_RELEASE));
}
END_TEST

START_TEST(release_takes_no_size)
{
	char *p = reserve_pages(2);

	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualFree(p, PAGE, MEM_RELEASE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualFree(p, 2 * PAGE, MEM_RELEASE));
	assert_run(p, 2 * PAGE, MEM_RESERVE, 0);
	drop(p);
}
END_TEST

START_TEST(bad_free_type)
{
	static const DWORD types[] = {
		0, MEM_FREE, MEM_COMMIT, MEM_RELEASE | MEM_DECOMMIT,
		MEM_RELEASE | 0x10, MEM_DECOMMIT | MEM_PRESERVE_PLACEHOLDER,
		MEM_COALESCE_PLACEHOLDERS, MEM_PRESERVE_PLACEHOLDER,
		MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER,
		MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS,
	};
	char *p = reserve_pages(1);

	assert_fails(ERROR_INVALID_PARAMETER, VirtualFree(p, 0, types[_i]));
	assert_run(p, PAGE, MEM_RESERVE, 0);
	drop(p);
}
END_TEST

START_TEST(free_elsewhere_is_refused)
{
	assert_fails(ERROR_INVALID_ADDRESS, VirtualFree(NULL, 0, MEM_RELEASE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualFree(find_hole(1), 0, MEM_RELEASE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualFree(find_hole(1), PAGE, MEM_DECOMMIT));
}
END_TEST

START_TEST(the_program_cannot_be_freed)
{
	void *code = (void *)(uintptr_t)&query;

	assert_fails(ERROR_INVALID_PARAMETER, VirtualFree(code, 0, MEM_RELEASE));
	assert_fails(ERROR_INVALID_PARAMETER, VirtualFree(code, 1, MEM_DECOMMIT));
	assert_fails(ERROR_INVALID_PARAMETER, VirtualFree(code, 0, MEM_DECOMMIT));
}
END_TEST

START_TEST(decommit_rounds_outwards)
{
	char *p = commit_pages(4, PAGE_READWRITE);

	assert_ok(VirtualFree(p + 2 * PAGE - 1, 2, MEM_DECOMMIT));
	assert_run(p, PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_run(p + PAGE, 2 * PAGE, MEM_RESERVE, 0);
	assert_run(p + 3 * PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE);
	ck_assert(!can_read(p + PAGE));
	drop(p);
}
END_TEST

START_TEST(decommit_passes_over_reserved_pages)
{
	char *p = reserve_pages(4);

	assert_ok(VirtualAlloc(p + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_ok(VirtualFree(p, 4 * PAGE, MEM_DECOMMIT));
	assert_run(p, 4 * PAGE, MEM_RESERVE, 0);
	assert_ok(VirtualFree(p, 4 * PAGE, MEM_DECOMMIT));
	drop(p);
}
END_TEST

START_TEST(decommit_of_size_0_takes_all)
{
	char *p = commit_pages(4, PAGE_READWRITE);

	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualFree(p + PAGE, 0, MEM_DECOMMIT));
	assert_run(p, 4 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_ok(VirtualFree(p + 1, 0, MEM_DECOMMIT));
	assert_run(p, 4 * PAGE, MEM_RESERVE, 0);
	drop(p);
}
END_TEST

START_TEST(decommit_past_the_end_is_refused)
{
	char *p = commit_pages(4, PAGE_READWRITE);

	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualFree(p + 3 * PAGE, PAGE + 1, MEM_DECOMMIT));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualFree(p, SIZE_MAX, MEM_DECOMMIT));
	assert_run(p, 4 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	drop(p);
}
END_TEST

START_TEST(released_place_can_be_reserved_again)
{
	char *hole = find_hole(2);
	int i;

	for (i = 0; i < 3; i++) {
		assert_ok(VirtualAlloc(hole, 2 * GRANULE,
				       MEM_RESERVE | MEM_COMMIT,
				       PAGE_READWRITE) == hole);
		ck_assert_int_eq(hole[GRANULE], 0);
		hole[GRANULE] = 1;
		drop(hole);
	}
}
END_TEST

TCase *free_tests(void)
{
	TCase *tests = tcase_create("VirtualFree");

	tcase_add_test(tests, release_frees_the_whole);
	tcase_add_test(tests, release_rounds_down_to_the_first_page);
	tcase_add_test(tests, release_takes_no_size);
	tcase_add_loop_test(tests, bad_free_type, 0, 10);
	tcase_add_test(tests, free_elsewhere_is_refused);
	tcase_add_test(tests, the_program_cannot_be_freed);
	tcase_add_test(tests, decommit_rounds_outwards);
	tcase_add_test(tests, decommit_passes_over_reserved_pages);
	tcase_add_test(tests, decommit_of_size_0_takes_all);
	tcase_add_test(tests, decommit_past_the_end_is_refused);
	tcase_add_test(tests, released_place_can_be_reserved_again);
	return tests;
}
