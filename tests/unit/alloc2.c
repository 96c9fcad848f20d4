// SPDX-License-Identifier: MIT
/*
 * VirtualAlloc2: what it has beyond VirtualAlloc, but for placeholders.
 */
#include <string.h>

#include "unit.h"

#define TOP		((char *)0x7ffffffeffff)

static MEM_EXTENDED_PARAMETER parameter(DWORD64 type, DWORD64 value)
{
	return (MEM_EXTENDED_PARAMETER){ .Type = type, .ULong64 = value };
}

static char *reserve_with(MEM_EXTENDED_PARAMETER *parameters, ULONG count)
{
	return VirtualAlloc2(NULL, NULL, PAGE, MEM_RESERVE, PAGE_READWRITE,
			     parameters, count);
}

/* With these requirements, and no wish where. */
static char *reserve_where(void *lowest, void *highest, SIZE_T align,
			   SIZE_T size)
{
	MEM_ADDRESS_REQUIREMENTS where = { lowest, highest, align };
	MEM_EXTENDED_PARAMETER one = parameter(
		MemExtendedParameterAddressRequirements, (uintptr_t)&where);

	return VirtualAlloc2(NULL, NULL, size, MEM_RESERVE, PAGE_READWRITE,
			     &one, 1);
}

START_TEST(without_more_it_is_virtual_alloc)
{
	char *p, *q;

	assert_ok(p = VirtualAlloc2(NULL, NULL, 4 * PAGE, MEM_RESERVE,
				    PAGE_READWRITE, NULL, 0));
	assert_run(p, 4 * PAGE, MEM_RESERVE, 0);
	assert_ok(VirtualAlloc2(GetCurrentProcess(), p + PAGE, PAGE, MEM_COMMIT,
				PAGE_READWRITE, NULL, 0) == p + PAGE);
	p[PAGE] = 1;
	assert_run(p + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_ok(VirtualAlloc2(NULL, p + PAGE, PAGE, MEM_RESET, PAGE_READWRITE,
				NULL, 0));
	assert_ok(q = VirtualAlloc2(NULL, NULL, PAGE + 1,
				    MEM_RESERVE | MEM_COMMIT | MEM_TOP_DOWN,
				    PAGE_READONLY, NULL, 0));
	assert_run(q, 2 * PAGE, MEM_COMMIT, PAGE_READONLY);
	drop(q);
	drop(p);
}
END_TEST

START_TEST(another_process_is_refused)
{
	HANDLE bad = (HANDLE)(ULONG_PTR)0xdeadbee0;

	assert_fails(ERROR_INVALID_HANDLE,
		     VirtualAlloc2(bad, NULL, PAGE, MEM_RESERVE, PAGE_READWRITE,
				   NULL, 0));
}
END_TEST

START_TEST(a_base_is_aligned_and_a_size_is_of_pages)
{
	char *hole = find_hole(4);

	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc2(NULL, hole + PAGE, PAGE, MEM_RESERVE,
				   PAGE_READWRITE, NULL, 0));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc2(NULL, hole + GRANULE - 1, PAGE, MEM_RESERVE,
				   PAGE_READWRITE, NULL, 0));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc2(NULL, hole, PAGE + 1, MEM_RESERVE,
				   PAGE_READWRITE, NULL, 0));
	assert_ok(VirtualAlloc2(NULL, hole + GRANULE, PAGE, MEM_RESERVE,
				PAGE_READWRITE, NULL, 0) == hole + GRANULE);
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAlloc2(NULL, hole, 2 * GRANULE, MEM_RESERVE,
				   PAGE_READWRITE, NULL, 0));
	drop(hole + GRANULE);
}
END_TEST

static const DWORD bad_types[] = {
	0, MEM_TOP_DOWN, MEM_RELEASE, MEM_RESERVE | 0x40000000,
	MEM_RESET | MEM_COMMIT, MEM_COMMIT | MEM_WRITE_WATCH,
};

START_TEST(a_bad_type)
{
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc2(NULL, NULL, PAGE, bad_types[_i],
				   PAGE_READWRITE, NULL, 0));
}
END_TEST

START_TEST(a_bad_size_or_protection)
{
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc2(NULL, NULL, 0, MEM_RESERVE, PAGE_READWRITE,
				   NULL, 0));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc2(NULL, NULL, PAGE, MEM_RESERVE, 0, NULL, 0));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc2(NULL, NULL, PAGE, MEM_RESERVE,
				   PAGE_WRITECOPY, NULL, 0));
}
END_TEST

/* ----------------------------------------------------- the parameters --- */

START_TEST(an_array_is_there_when_it_has_members)
{
	char *p;

	assert_fails(ERROR_INVALID_PARAMETER, reserve_with(NULL, 1));
	assert_ok(p = reserve_with(NULL, 0));
	drop(p);
}
END_TEST

static const DWORD64 bad_parameter_types[] = {
	MemExtendedParameterInvalidType, 7, 8, 31, 32, 33, 64, 65, 255,
};

START_TEST(a_parameter_of_unknown_type)
{
	MEM_EXTENDED_PARAMETER two[2] = {
		parameter(MemExtendedParameterNumaNode, 0),
		parameter(bad_parameter_types[_i], 0),
	};

	assert_fails(ERROR_INVALID_PARAMETER, reserve_with(two, 2));
	assert_fails(ERROR_INVALID_PARAMETER, reserve_with(two + 1, 1));
}
END_TEST

START_TEST(the_same_type_twice)
{
	MEM_ADDRESS_REQUIREMENTS none = { 0 };
	MEM_EXTENDED_PARAMETER nodes[2] = {
		parameter(MemExtendedParameterNumaNode, 0),
		parameter(MemExtendedParameterNumaNode, 0),
	};
	MEM_EXTENDED_PARAMETER places[3] = {
		parameter(MemExtendedParameterAddressRequirements,
			  (uintptr_t)&none),
		parameter(MemExtendedParameterNumaNode, 0),
		parameter(MemExtendedParameterAddressRequirements,
			  (uintptr_t)&none),
	};
	char *p;

	assert_fails(ERROR_INVALID_PARAMETER, reserve_with(nodes, 2));
	assert_fails(ERROR_INVALID_PARAMETER, reserve_with(places, 3));
	assert_ok(p = reserve_with(places, 2));
	drop(p);
}
END_TEST

/* A hint, but of a node that there is. */
START_TEST(a_node_is_a_hint)
{
	MEM_EXTENDED_PARAMETER one = parameter(MemExtendedParameterNumaNode, 0);
	char *p;

	assert_ok(p = reserve_with(&one, 1));
	drop(p);
	one.ULong = NUMA_NO_PREFERRED_NODE;
	assert_ok(p = reserve_with(&one, 1));
	drop(p);
	one.ULong = 123456;
	assert_fails(ERROR_INVALID_PARAMETER, reserve_with(&one, 1));
}
END_TEST

START_TEST(attribute_flags)
{
	MEM_EXTENDED_PARAMETER one = parameter(
		MemExtendedParameterAttributeFlags, 0);
	char *p;

	assert_ok(p = reserve_with(&one, 1));
	drop(p);
	one.ULong64 = MEM_EXTENDED_PARAMETER_ZERO_PAGES_OPTIONAL |
		      MEM_EXTENDED_PARAMETER_SOFT_FAULT_PAGES;
	assert_ok(p = reserve_with(&one, 1));
	drop(p);
	one.ULong64 = 0x100;
	assert_fails(ERROR_INVALID_PARAMETER, reserve_with(&one, 1));
	one.ULong64 = 1ULL << 63;
	assert_fails(ERROR_INVALID_PARAMETER, reserve_with(&one, 1));
}
END_TEST

/* A mistake beside it counts more. */
START_TEST(a_parameter_that_is_missing_says_so)
{
	MEM_EXTENDED_PARAMETER what[] = {
		parameter(MemExtendedParameterPartitionHandle, 0),
		parameter(MemExtendedParameterUserPhysicalHandle, 0),
		parameter(MemExtendedParameterImageMachine, 0x8664),
		parameter(MemExtendedParameterAttributeFlags,
			  MEM_EXTENDED_PARAMETER_NONPAGED),
		parameter(MemExtendedParameterAttributeFlags,
			  MEM_EXTENDED_PARAMETER_EC_CODE),
	};
	MEM_EXTENDED_PARAMETER two[2] = { what[_i], what[_i] };

	assert_fails(ERROR_NOT_SUPPORTED, reserve_with(&what[_i], 1));
	assert_fails(ERROR_INVALID_PARAMETER, reserve_with(two, 2));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc2(NULL, NULL, PAGE, MEM_RESERVE, 0, &what[_i],
				   1));
}
END_TEST

START_TEST(what_is_missing_in_VirtualAlloc_is_missing_here)
{
	assert_fails(ERROR_NOT_SUPPORTED,
		     VirtualAlloc2(NULL, NULL, PAGE, MEM_RESERVE | MEM_PHYSICAL,
				   PAGE_READWRITE, NULL, 0));
	assert_fails(ERROR_NOT_SUPPORTED,
		     VirtualAlloc2(NULL, NULL, 0x200000, MEM_RESERVE |
				   MEM_COMMIT | MEM_LARGE_PAGES, PAGE_READWRITE,
				   NULL, 0));
}
END_TEST

/* --------------------------------------------------- address requirements --- */

START_TEST(requirements_of_zero_are_none)
{
	MEM_ADDRESS_REQUIREMENTS none = { 0 };
	MEM_EXTENDED_PARAMETER one = parameter(
		MemExtendedParameterAddressRequirements, (uintptr_t)&none);
	char *hole = find_hole(1);
	char *p;

	assert_ok(p = reserve_with(&one, 1));
	drop(p);
	assert_ok(VirtualAlloc2(NULL, hole, PAGE, MEM_RESERVE, PAGE_READWRITE,
				&one, 1) == hole);
	assert_ok(VirtualAlloc2(NULL, hole, PAGE, MEM_COMMIT, PAGE_READWRITE,
				&one, 1) == hole);
	drop(hole);
}
END_TEST

START_TEST(requirements_are_somewhere)
{
	MEM_EXTENDED_PARAMETER one = parameter(
		MemExtendedParameterAddressRequirements, 0);

	assert_fails(ERROR_NOACCESS, reserve_with(&one, 1));
}
END_TEST

START_TEST(lowest_and_highest_are_kept)
{
	char *hole = find_hole(8);
	char *p, *q;

	assert_ok(p = reserve_where(hole + 2 * GRANULE, hole + 3 * GRANULE - 1,
				    0, GRANULE));
	ck_assert_ptr_eq(p, hole + 2 * GRANULE);
	/* The highest address is the last byte's. */
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     reserve_where(hole + 2 * GRANULE, hole + 3 * GRANULE - 1,
				   0, PAGE));
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     reserve_where(hole + 3 * GRANULE,
				   hole + 4 * GRANULE - PAGE - 1, 0, GRANULE));
	assert_ok(q = reserve_where(hole + 2 * GRANULE,
				    hole + 4 * GRANULE - PAGE - 1, 0,
				    GRANULE - PAGE));
	ck_assert_ptr_eq(q, hole + 3 * GRANULE);
	drop(q);
	drop(p);
}
END_TEST

START_TEST(one_limit_alone)
{
	char *hole = find_hole(1);
	char *p;

	assert_ok(p = reserve_where(hole, NULL, 0, PAGE));
	ck_assert(p >= hole);
	drop(p);
	assert_ok(p = reserve_where(NULL, hole + GRANULE - 1, 0, PAGE));
	ck_assert(p + PAGE <= hole + GRANULE);
	drop(p);
	assert_ok(p = reserve_where(NULL, TOP, 0, PAGE));
	drop(p);
}
END_TEST

START_TEST(top_down_takes_the_highest_place)
{
	char *hole = find_hole(8);
	MEM_ADDRESS_REQUIREMENTS where = { hole, hole + 8 * GRANULE - 1,
					   4 * GRANULE };
	MEM_EXTENDED_PARAMETER one = parameter(
		MemExtendedParameterAddressRequirements, (uintptr_t)&where);
	uintptr_t top = ((uintptr_t)hole + 8 * GRANULE - PAGE) &
			~(4 * GRANULE - 1);

	assert_ok(VirtualAlloc2(NULL, NULL, PAGE, MEM_RESERVE | MEM_TOP_DOWN,
				PAGE_READWRITE, &one, 1) == (void *)top);
	drop((void *)top);
}
END_TEST

START_TEST(alignment_is_kept)
{
	SIZE_T align;
	char *p;

	for (align = GRANULE; align <= 1 << 26; align *= 4) {
		assert_ok(p = reserve_where(NULL, NULL, align, PAGE));
		ck_assert_uint_eq((uintptr_t)p % align, 0);
		assert_run(p, PAGE, MEM_RESERVE, 0);
		drop(p);
	}
}
END_TEST

START_TEST(a_bad_alignment)
{
	static const SIZE_T bad[] = {
		1, PAGE, GRANULE / 2, GRANULE + 1, 3 * GRANULE,
		GRANULE + PAGE, ~(SIZE_T)0,
	};

	assert_fails(ERROR_INVALID_PARAMETER,
		     reserve_where(NULL, NULL, bad[_i], PAGE));
}
END_TEST

START_TEST(a_bad_lowest_address)
{
	char *hole = find_hole(2);

	assert_fails(ERROR_INVALID_PARAMETER,
		     reserve_where(hole + 1, NULL, 0, PAGE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     reserve_where(hole + PAGE, NULL, 0, PAGE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     reserve_where(TOP + 1, NULL, 0, PAGE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     reserve_where((void *)0xffffffffffff0000, NULL, 0, PAGE));
}
END_TEST

START_TEST(a_bad_highest_address)
{
	char *hole = find_hole(2);

	assert_fails(ERROR_INVALID_PARAMETER,
		     reserve_where(NULL, hole + GRANULE, 0, PAGE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     reserve_where(NULL, hole + GRANULE - 2, 0, PAGE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     reserve_where(NULL, TOP + PAGE, 0, PAGE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     reserve_where(hole + GRANULE, hole + GRANULE - 1, 0,
				   PAGE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     reserve_where(hole + GRANULE, hole - 1, 0, PAGE));
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     reserve_where(NULL, (void *)(PAGE - 1), 0, PAGE));
}
END_TEST

/* Who names a base has none of them, nor who commits there. */
START_TEST(requirements_go_with_no_base)
{
	char *hole = find_hole(2);
	MEM_ADDRESS_REQUIREMENTS which[] = {
		{ hole, NULL, 0 }, { NULL, hole + GRANULE - 1, 0 },
		{ NULL, NULL, GRANULE },
	};
	MEM_EXTENDED_PARAMETER one = parameter(
		MemExtendedParameterAddressRequirements,
		(uintptr_t)&which[_i]);

	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc2(NULL, hole, PAGE, MEM_RESERVE,
				   PAGE_READWRITE, &one, 1));
	assert_ok(VirtualAlloc2(NULL, hole, PAGE, MEM_RESERVE, PAGE_READWRITE,
				NULL, 0));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc2(NULL, hole, PAGE, MEM_COMMIT,
				   PAGE_READWRITE, &one, 1));
	assert_run(hole, PAGE, MEM_RESERVE, 0);
	drop(hole);
}
END_TEST

START_TEST(an_app_gets_nothing_to_execute)
{
	static const DWORD executes[] = {
		PAGE_EXECUTE, PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE,
		PAGE_EXECUTE_WRITECOPY,
	};
	char *p;
	int i;

	for (i = 0; i < COUNT(executes); i++)
		assert_fails(ERROR_INVALID_PARAMETER,
			     VirtualAlloc2FromApp(NULL, NULL, PAGE,
						  MEM_RESERVE, executes[i],
						  NULL, 0));
	assert_ok(p = VirtualAlloc2FromApp(NULL, NULL, PAGE, MEM_RESERVE |
					   MEM_COMMIT, PAGE_READWRITE, NULL,
					   0));
	p[0] = 1;
	drop(p);
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc2FromApp(NULL, NULL, PAGE, MEM_RESERVE,
					  PAGE_READWRITE, NULL, 1));
}
END_TEST

TCase *alloc2_tests(void)
{
	TCase *tests = tcase_create("VirtualAlloc2");

	tcase_add_test(tests, without_more_it_is_virtual_alloc);
	tcase_add_test(tests, another_process_is_refused);
	tcase_add_test(tests, a_base_is_aligned_and_a_size_is_of_pages);
	tcase_add_loop_test(tests, a_bad_type, 0, COUNT(bad_types));
	tcase_add_test(tests, a_bad_size_or_protection);
	tcase_add_test(tests, an_array_is_there_when_it_has_members);
	tcase_add_loop_test(tests, a_parameter_of_unknown_type, 0,
			    COUNT(bad_parameter_types));
	tcase_add_test(tests, the_same_type_twice);
	tcase_add_test(tests, a_node_is_a_hint);
	tcase_add_test(tests, attribute_flags);
	tcase_add_loop_test(tests, a_parameter_that_is_missing_says_so, 0, 5);
	tcase_add_test(tests, what_is_missing_in_VirtualAlloc_is_missing_here);
	tcase_add_test(tests, requirements_of_zero_are_none);
	tcase_add_test(tests, requirements_are_somewhere);
	tcase_add_test(tests, lowest_and_highest_are_kept);
	tcase_add_test(tests, one_limit_alone);
	tcase_add_test(tests, top_down_takes_the_highest_place);
	tcase_add_test(tests, alignment_is_kept);
	tcase_add_loop_test(tests, a_bad_alignment, 0, 7);
	tcase_add_test(tests, a_bad_lowest_address);
	tcase_add_test(tests, a_bad_highest_address);
	tcase_add_loop_test(tests, requirements_go_with_no_base, 0, 3);
	tcase_add_test(tests, an_app_gets_nothing_to_execute);
	return tests;
}
