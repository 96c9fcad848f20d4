// SPDX-License-Identifier: MIT
/*
 * Placeholders: made, split, joined, replaced, and made again.
 */
#include <pthread.h>
#include <string.h>

#include "unit.h"

#define KEEP		(MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER)
#define JOIN		(MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS)

static char *alloc2(void *addr, SIZE_T size, DWORD type, DWORD protect)
{
	return VirtualAlloc2(NULL, addr, size, type, protect, NULL, 0);
}

static char *make_placeholder(size_t pages)
{
	char *p;

	assert_ok(p = alloc2(NULL, pages * PAGE,
			     MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
			     PAGE_NOACCESS));
	return p;
}

static char *replace(char *p, size_t pages, DWORD more, DWORD protect)
{
	return alloc2(p, pages * PAGE,
		      MEM_RESERVE | MEM_REPLACE_PLACEHOLDER | more, protect);
}

static bool split(char *p, size_t pages)
{
	return VirtualFree(p, pages * PAGE, KEEP);
}

static bool coalesce(char *p, size_t pages)
{
	return VirtualFree(p, pages * PAGE, JOIN);
}

/* A reservation of its own, with nothing committed, and of this protection. */
static void assert_reserved(const char *p, size_t pages, DWORD protect)
{
	MEMORY_BASIC_INFORMATION info;

	query(p, &info);
	ck_assert_ptr_eq(info.BaseAddress, (void *)p);
	ck_assert_ptr_eq(info.AllocationBase, (void *)p);
	ck_assert_uint_eq(info.RegionSize, pages * PAGE);
	ck_assert_uint_eq(info.State, MEM_RESERVE);
	ck_assert_uint_eq(info.Type, MEM_PRIVATE);
	ck_assert_uint_eq(info.Protect, 0);
	ck_assert_uint_eq(info.AllocationProtect, protect);
}

#define assert_placeholder(p, pages)	assert_reserved(p, pages, PAGE_NOACCESS)

/* All zero, and can be written. */
static void assert_fresh(char *p, size_t pages)
{
	size_t i;

	for (i = 0; i < pages * PAGE; i += PAGE / 2)
		ck_assert_int_eq(p[i], 0);
	memset(p, 0x77, pages * PAGE);
}

/* ---------------------------------------------------------------- making --- */

START_TEST(a_placeholder_looks_like_a_reservation)
{
	char *p = make_placeholder(16);

	assert_placeholder(p, 16);
	ck_assert_uint_eq((uintptr_t)p % GRANULE, 0);
	ck_assert(!can_read(p));
	ck_assert(!can_write(p + 15 * PAGE));
	drop(p);
	ck_assert(is_free(p));
}
END_TEST

START_TEST(a_placeholder_where_it_is_wanted)
{
	char *hole = find_hole(2);

	assert_ok(alloc2(hole, 3 * PAGE, MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
			 PAGE_NOACCESS) == hole);
	assert_placeholder(hole, 3);
	assert_fails(ERROR_INVALID_PARAMETER,
		     alloc2(hole + GRANULE + PAGE, PAGE,
			    MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
			    PAGE_NOACCESS));
	drop(hole);
}
END_TEST

START_TEST(a_placeholder_within_limits)
{
	char *hole = find_hole(8);
	MEM_ADDRESS_REQUIREMENTS where = { hole, hole + 8 * GRANULE - 1,
					   2 * GRANULE };
	MEM_EXTENDED_PARAMETER one = {
		.Type = MemExtendedParameterAddressRequirements,
		.Pointer = &where,
	};
	char *p;

	assert_ok(p = VirtualAlloc2(NULL, NULL, 3 * GRANULE, MEM_RESERVE |
				    MEM_RESERVE_PLACEHOLDER | MEM_TOP_DOWN,
				    PAGE_NOACCESS, &one, 1));
	ck_assert(p > hole + 2 * GRANULE && p <= hole + 5 * GRANULE);
	ck_assert_uint_eq((uintptr_t)p % (2 * GRANULE), 0);
	assert_placeholder(p, 48);
	drop(p);
}
END_TEST

static const DWORD not_noaccess[] = {
	0, PAGE_READONLY, PAGE_READWRITE, PAGE_EXECUTE_READ,
	PAGE_READWRITE | PAGE_GUARD,
};

START_TEST(a_placeholder_has_no_access)
{
	assert_fails(ERROR_INVALID_PARAMETER,
		     alloc2(NULL, PAGE, MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
			    not_noaccess[_i]));
}
END_TEST

static const DWORD bad_types[] = {
	MEM_RESERVE_PLACEHOLDER, MEM_COMMIT | MEM_RESERVE_PLACEHOLDER,
	MEM_RESERVE | MEM_COMMIT | MEM_RESERVE_PLACEHOLDER,
	MEM_RESERVE | MEM_RESERVE_PLACEHOLDER | MEM_WRITE_WATCH,
	MEM_RESERVE | MEM_RESERVE_PLACEHOLDER | MEM_REPLACE_PLACEHOLDER,
	MEM_RESET | MEM_RESERVE_PLACEHOLDER,
	MEM_REPLACE_PLACEHOLDER, MEM_COMMIT | MEM_REPLACE_PLACEHOLDER,
	MEM_RESET | MEM_REPLACE_PLACEHOLDER,
	MEM_RESERVE | MEM_REPLACE_PLACEHOLDER | MEM_PHYSICAL,
};

START_TEST(types_that_do_not_go_together)
{
	char *p = make_placeholder(1);

	assert_fails(ERROR_INVALID_PARAMETER,
		     alloc2(p, PAGE, bad_types[_i], PAGE_NOACCESS));
	assert_placeholder(p, 1);
	drop(p);
}
END_TEST

START_TEST(VirtualAlloc_knows_no_placeholders)
{
	char *p = make_placeholder(1);

	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(NULL, PAGE,
				  MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
				  PAGE_NOACCESS));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(p, PAGE,
				  MEM_RESERVE | MEM_REPLACE_PLACEHOLDER,
				  PAGE_READWRITE));
	assert_placeholder(p, 1);
	drop(p);
}
END_TEST

START_TEST(nothing_else_can_be_there)
{
	char *p = make_placeholder(16);

	assert_fails(ERROR_INVALID_ADDRESS,
		     alloc2(p, 16 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     alloc2(p + 3 * PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     alloc2(p, 16 * PAGE, MEM_RESERVE, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     alloc2(p, 16 * PAGE, MEM_RESERVE | MEM_COMMIT,
			    PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     alloc2(p, 16 * PAGE, MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
			    PAGE_NOACCESS));
	assert_placeholder(p, 16);
	drop(p);
}
END_TEST

START_TEST(pages_of_a_placeholder_are_not_committed)
{
	char *p = make_placeholder(2);
	DWORD old;

	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualProtect(p, PAGE, PAGE_READWRITE, &old));
	ck_assert(!VirtualLock(p, PAGE));
	assert_placeholder(p, 2);
	drop(p);
}
END_TEST

/* ------------------------------------------------------------- splitting --- */

START_TEST(a_head_is_split_off)
{
	char *p = make_placeholder(8);

	assert_ok(split(p, 3));
	assert_placeholder(p, 3);
	assert_placeholder(p + 3 * PAGE, 5);
	drop(p);
	ck_assert(is_free(p));
	assert_placeholder(p + 3 * PAGE, 5);
	drop(p + 3 * PAGE);
}
END_TEST

START_TEST(a_tail_is_split_off)
{
	char *p = make_placeholder(8);

	assert_ok(split(p + 7 * PAGE, 1));
	assert_placeholder(p, 7);
	assert_placeholder(p + 7 * PAGE, 1);
	drop(p + 7 * PAGE);
	drop(p);
}
END_TEST

START_TEST(a_middle_makes_three)
{
	char *p = make_placeholder(8);

	assert_ok(split(p + 2 * PAGE, 4));
	assert_placeholder(p, 2);
	assert_placeholder(p + 2 * PAGE, 4);
	assert_placeholder(p + 6 * PAGE, 2);
	/* And each may be split again. */
	assert_ok(split(p + 3 * PAGE, 1));
	assert_placeholder(p + 2 * PAGE, 1);
	assert_placeholder(p + 3 * PAGE, 1);
	assert_placeholder(p + 4 * PAGE, 2);
	drop(p + 3 * PAGE);
	ck_assert(is_free(p + 3 * PAGE));
	drop(p);
	drop(p + 2 * PAGE);
	drop(p + 4 * PAGE);
	drop(p + 6 * PAGE);
}
END_TEST

START_TEST(a_split_rounds_to_pages)
{
	char *p = make_placeholder(4);

	assert_ok(VirtualFree(p + PAGE + 1, PAGE - 2, KEEP));
	assert_placeholder(p, 1);
	assert_placeholder(p + PAGE, 1);
	assert_placeholder(p + 2 * PAGE, 2);
	drop(p);
	drop(p + PAGE);
	drop(p + 2 * PAGE);
}
END_TEST

START_TEST(what_cannot_be_split)
{
	char *p = make_placeholder(4);
	char *reserved = reserve_pages(4);

	assert_fails(ERROR_INVALID_ADDRESS, split(p, 4));
	assert_fails(ERROR_INVALID_PARAMETER, split(p, 0));
	assert_fails(ERROR_INVALID_ADDRESS, split(reserved, 2));
	assert_fails(ERROR_INVALID_ADDRESS, split(reserved, 4));
	assert_fails(ERROR_INVALID_ADDRESS, split(find_hole(1), 1));
	assert_placeholder(p, 4);
	assert_reserved(reserved, 4, PAGE_READWRITE);
	drop(reserved);
	drop(p);
}
END_TEST

/* Beyond its end, in both of two. */
START_TEST(a_split_stays_in_one)
{
	char *p = make_placeholder(8);

	assert_ok(split(p, 4));
	assert_fails(ERROR_INVALID_ADDRESS, split(p + 3 * PAGE, 2));
	assert_fails(ERROR_INVALID_ADDRESS, split(p, 8));
	assert_fails(ERROR_INVALID_ADDRESS, split(p + 7 * PAGE, 2));
	assert_placeholder(p, 4);
	assert_placeholder(p + 4 * PAGE, 4);
	drop(p);
	drop(p + 4 * PAGE);
}
END_TEST

static const DWORD bad_free_types[] = {
	MEM_PRESERVE_PLACEHOLDER, MEM_COALESCE_PLACEHOLDERS,
	MEM_DECOMMIT | MEM_PRESERVE_PLACEHOLDER,
	MEM_DECOMMIT | MEM_COALESCE_PLACEHOLDERS,
	KEEP | MEM_COALESCE_PLACEHOLDERS,
};

START_TEST(free_types_that_do_not_go_together)
{
	char *p = make_placeholder(4);

	assert_ok(split(p, 2));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualFree(p, 4 * PAGE, bad_free_types[_i]));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualFree(p, PAGE, bad_free_types[_i]));
	assert_placeholder(p, 2);
	assert_placeholder(p + 2 * PAGE, 2);
	drop(p);
	drop(p + 2 * PAGE);
}
END_TEST

/* --------------------------------------------------------------- joining --- */

/* Placeholders of one page each, side by side. */
static char *make_row(size_t pages)
{
	char *p = make_placeholder(pages);
	size_t i;

	for (i = 0; i + 1 < pages; i++)
		assert_ok(split(p + i * PAGE, 1));
	return p;
}

START_TEST(two_are_joined)
{
	char *p = make_placeholder(8);

	assert_ok(split(p, 3));
	assert_ok(coalesce(p, 8));
	assert_placeholder(p, 8);
	/* It is one like any other. */
	assert_ok(split(p, 5));
	assert_ok(replace(p, 5, MEM_COMMIT, PAGE_READWRITE) == p);
	assert_fresh(p, 5);
	drop(p);
	drop(p + 5 * PAGE);
}
END_TEST

START_TEST(many_are_joined)
{
	char *p = make_row(8);

	assert_ok(coalesce(p + 2 * PAGE, 4));
	assert_placeholder(p + PAGE, 1);
	assert_placeholder(p + 2 * PAGE, 4);
	assert_placeholder(p + 6 * PAGE, 1);
	assert_ok(coalesce(p, 8));
	assert_placeholder(p, 8);
	drop(p);
}
END_TEST

/* Also those that were not one before. */
START_TEST(neighbours_are_joined)
{
	char *hole = find_hole(2);

	assert_ok(alloc2(hole, GRANULE, MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
			 PAGE_NOACCESS));
	assert_ok(alloc2(hole + GRANULE, PAGE,
			 MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
			 PAGE_NOACCESS));
	assert_ok(VirtualFree(hole, GRANULE + PAGE, JOIN));
	assert_placeholder(hole, 17);
	drop(hole);
	ck_assert(is_free(hole + GRANULE));
}
END_TEST

START_TEST(what_cannot_be_joined)
{
	char *p = make_placeholder(9);

	assert_ok(split(p + 3 * PAGE, 3));
	assert_fails(ERROR_INVALID_PARAMETER, coalesce(p, 0));
	/* One alone, a part of one, more and less than they are. */
	assert_fails(ERROR_INVALID_ADDRESS, coalesce(p, 3));
	assert_fails(ERROR_INVALID_ADDRESS, coalesce(p, 2));
	assert_fails(ERROR_INVALID_ADDRESS, coalesce(p, 5));
	assert_fails(ERROR_INVALID_ADDRESS, coalesce(p, 7));
	assert_fails(ERROR_INVALID_ADDRESS, coalesce(p, 10));
	assert_fails(ERROR_INVALID_ADDRESS, coalesce(p + PAGE, 5));
	assert_fails(ERROR_INVALID_ADDRESS, coalesce(p + PAGE, 8));
	assert_fails(ERROR_INVALID_ADDRESS, coalesce(find_hole(1), 2));
	assert_placeholder(p, 3);
	assert_placeholder(p + 3 * PAGE, 3);
	assert_placeholder(p + 6 * PAGE, 3);
	drop(p);
	drop(p + 3 * PAGE);
	drop(p + 6 * PAGE);
}
END_TEST

START_TEST(what_lies_between_is_not_joined)
{
	char *p = make_row(6);

	assert_ok(replace(p + PAGE, 1, MEM_COMMIT, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS, coalesce(p, 3));
	assert_fails(ERROR_INVALID_ADDRESS, coalesce(p, 2));
	assert_fails(ERROR_INVALID_ADDRESS, coalesce(p + PAGE, 2));
	drop(p + 4 * PAGE);
	assert_fails(ERROR_INVALID_ADDRESS, coalesce(p + 3 * PAGE, 3));
	assert_fails(ERROR_INVALID_ADDRESS, coalesce(p + 3 * PAGE, 2));
	assert_fails(ERROR_INVALID_ADDRESS, coalesce(p + 4 * PAGE, 2));
	assert_run(p + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_placeholder(p + 3 * PAGE, 1);
	drop(p);
	drop(p + PAGE);
	drop(p + 2 * PAGE);
	drop(p + 3 * PAGE);
	drop(p + 5 * PAGE);
}
END_TEST

START_TEST(reservations_are_not_joined)
{
	char *hole = find_hole(2);

	assert_ok(VirtualAlloc(hole, GRANULE, MEM_RESERVE, PAGE_NOACCESS));
	assert_ok(VirtualAlloc(hole + GRANULE, GRANULE, MEM_RESERVE,
			       PAGE_NOACCESS));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualFree(hole, 2 * GRANULE, JOIN));
	drop(hole + GRANULE);
	drop(hole);
}
END_TEST

/* ------------------------------------------------------------- replacing --- */

START_TEST(memory_takes_its_place)
{
	char *p = make_placeholder(8);
	MEMORY_BASIC_INFORMATION info;
	DWORD old;

	assert_ok(replace(p, 8, MEM_COMMIT, PAGE_READWRITE) == p);
	assert_run(p, 8 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	query(p, &info);
	ck_assert_uint_eq(info.AllocationProtect, PAGE_READWRITE);
	assert_fresh(p, 8);
	assert_ok(VirtualProtect(p, PAGE, PAGE_READONLY, &old));
	assert_ok(VirtualFree(p + PAGE, PAGE, MEM_DECOMMIT));
	assert_run(p + PAGE, PAGE, MEM_RESERVE, 0);
	drop(p);
	ck_assert(is_free(p));
}
END_TEST

START_TEST(a_reservation_takes_its_place)
{
	char *p = make_placeholder(4);

	assert_ok(replace(p, 4, 0, PAGE_READONLY) == p);
	assert_reserved(p, 4, PAGE_READONLY);
	assert_ok(VirtualAlloc(p + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_fresh(p + PAGE, 1);
	assert_run(p, PAGE, MEM_RESERVE, 0);
	drop(p);
}
END_TEST

START_TEST(a_part_is_replaced_at_a_page)
{
	char *p = make_placeholder(4);

	assert_ok(split(p + PAGE, 1));
	assert_ok(replace(p + PAGE, 1, MEM_COMMIT, PAGE_READWRITE) ==
		  p + PAGE);
	assert_fresh(p + PAGE, 1);
	assert_placeholder(p, 1);
	assert_placeholder(p + 2 * PAGE, 2);
	ck_assert(!can_read(p));
	ck_assert(!can_read(p + 2 * PAGE));
	drop(p + PAGE);
	drop(p);
	drop(p + 2 * PAGE);
}
END_TEST

START_TEST(guards_take_its_place)
{
	char *p = make_placeholder(2);

	assert_ok(replace(p, 2, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD));
	ck_assert(!can_read(p));
	ck_assert(can_write(p));
	assert_run(p + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
	drop(p);
}
END_TEST

START_TEST(only_just_one_is_replaced)
{
	char *p = make_placeholder(8);
	char *reserved = reserve_pages(4);

	assert_ok(split(p, 4));
	assert_fails(ERROR_INVALID_ADDRESS, replace(p, 3, 0, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS, replace(p, 5, 0, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS, replace(p, 8, 0, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     replace(p + PAGE, 3, 0, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     replace(p + PAGE, 1, MEM_COMMIT, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     replace(reserved, 4, MEM_COMMIT, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     replace(find_hole(1), 1, MEM_COMMIT, PAGE_READWRITE));
	assert_placeholder(p, 4);
	assert_placeholder(p + 4 * PAGE, 4);
	assert_reserved(reserved, 4, PAGE_READWRITE);
	drop(reserved);
	drop(p);
	drop(p + 4 * PAGE);
}
END_TEST

START_TEST(what_has_replaced_is_no_placeholder)
{
	char *p = make_placeholder(4);

	assert_ok(replace(p, 4, MEM_COMMIT, PAGE_READWRITE));
	p[0] = 1;
	assert_fails(ERROR_INVALID_ADDRESS,
		     replace(p, 4, MEM_COMMIT, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS, split(p, 2));
	assert_fails(ERROR_INVALID_ADDRESS, split(p + 2 * PAGE, 2));
	assert_fails(ERROR_INVALID_ADDRESS, split(p, 5));
	assert_run(p, 4 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	ck_assert_int_eq(p[0], 1);
	drop(p);
}
END_TEST

START_TEST(a_place_without_a_base)
{
	assert_fails(ERROR_INVALID_PARAMETER,
		     replace(NULL, 1, MEM_COMMIT, PAGE_READWRITE));
}
END_TEST

START_TEST(a_place_at_no_page)
{
	char *p = make_placeholder(2);

	assert_fails(ERROR_INVALID_PARAMETER,
		     alloc2(p + 1, 2 * PAGE - 1,
			    MEM_RESERVE | MEM_REPLACE_PLACEHOLDER,
			    PAGE_READWRITE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     alloc2(p, PAGE + 1, MEM_RESERVE | MEM_REPLACE_PLACEHOLDER,
			    PAGE_READWRITE));
	assert_placeholder(p, 2);
	drop(p);
}
END_TEST

/* There is no choice to be made. */
START_TEST(a_place_from_the_top_down)
{
	char *p = make_placeholder(2);

	assert_ok(replace(p, 2, MEM_COMMIT | MEM_TOP_DOWN, PAGE_READWRITE) ==
		  p);
	assert_fresh(p, 2);
	drop(p);
}
END_TEST

/* ---------------------------------------------------------- the way back --- */

START_TEST(a_placeholder_is_there_again)
{
	char *p = make_placeholder(8);
	DWORD old;

	assert_ok(replace(p, 8, MEM_COMMIT, PAGE_READWRITE));
	assert_fresh(p, 8);
	assert_ok(VirtualProtect(p + PAGE, PAGE, PAGE_READONLY, &old));
	assert_ok(VirtualProtect(p + 2 * PAGE, PAGE,
				 PAGE_READWRITE | PAGE_GUARD, &old));
	assert_ok(VirtualFree(p + 3 * PAGE, PAGE, MEM_DECOMMIT));
	assert_ok(VirtualFree(p, 8 * PAGE, KEEP));
	assert_placeholder(p, 8);
	ck_assert(!can_read(p));
	ck_assert(!can_read(p + 7 * PAGE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_fails(ERROR_INVALID_ADDRESS, VirtualFree(p, 8 * PAGE, KEEP));
	assert_ok(split(p, 1));
	drop(p);
	drop(p + PAGE);
}
END_TEST

/* As often as one likes, and nothing of what was there is left. */
START_TEST(new_memory_is_zero_each_time)
{
	char *p = make_placeholder(4);
	int i;

	for (i = 0; i < 4; i++) {
		assert_ok(replace(p, 4, MEM_COMMIT, PAGE_READWRITE) == p);
		assert_fresh(p, 4);
		assert_ok(VirtualFree(p, 4 * PAGE, KEEP));
		assert_placeholder(p, 4);
	}
	assert_ok(split(p, 2));
	assert_ok(replace(p, 2, 0, PAGE_READWRITE));
	assert_ok(VirtualAlloc(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_fresh(p, 2);
	drop(p);
	drop(p + 2 * PAGE);
}
END_TEST

START_TEST(what_was_reserved_goes_back)
{
	char *p = make_placeholder(4);

	assert_ok(replace(p, 4, 0, PAGE_READWRITE));
	assert_ok(VirtualFree(p, 4 * PAGE, KEEP));
	assert_placeholder(p, 4);
	drop(p);
}
END_TEST

START_TEST(locks_do_not_come_back)
{
	char *p = make_placeholder(2);

	assert_ok(replace(p, 2, MEM_COMMIT, PAGE_READWRITE));
	assert_ok(VirtualLock(p, 2 * PAGE));
	p[0] = 1;
	assert_ok(VirtualFree(p, 2 * PAGE, KEEP));
	assert_placeholder(p, 2);
	assert_ok(replace(p, 2, MEM_COMMIT, PAGE_READWRITE));
	ck_assert(!VirtualUnlock(p, PAGE));
	assert_fresh(p, 2);
	drop(p);
}
END_TEST

START_TEST(guards_do_not_come_back)
{
	char *p = make_placeholder(2);

	assert_ok(replace(p, 2, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD));
	assert_ok(VirtualFree(p, 2 * PAGE, KEEP));
	assert_ok(replace(p, 2, MEM_COMMIT, PAGE_READWRITE));
	assert_run(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_fresh(p, 2);
	drop(p);
}
END_TEST

START_TEST(pieces_that_came_back_are_joined)
{
	char *p = make_row(4);
	int i;

	for (i = 0; i < 4; i++) {
		assert_ok(replace(p + i * PAGE, 1, MEM_COMMIT, PAGE_READWRITE));
		assert_fresh(p + i * PAGE, 1);
	}
	for (i = 0; i < 4; i++)
		assert_ok(VirtualFree(p + i * PAGE, PAGE, KEEP));
	assert_ok(coalesce(p, 4));
	assert_placeholder(p, 4);
	assert_ok(replace(p, 4, MEM_COMMIT, PAGE_READWRITE));
	assert_fresh(p, 4);
	drop(p);
}
END_TEST

/* ------------------------------------------------------------- releasing --- */

START_TEST(each_is_released_by_itself)
{
	char *p = make_placeholder(4);

	assert_ok(split(p, 2));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualFree(p, 4 * PAGE, MEM_RELEASE));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualFree(p + PAGE, 0, MEM_RELEASE));
	assert_ok(VirtualFree(p + 2 * PAGE, 0, MEM_RELEASE));
	ck_assert(is_free(p + 2 * PAGE));
	assert_placeholder(p, 2);
	drop(p);
}
END_TEST

START_TEST(what_has_replaced_one_is_released_for_good)
{
	char *hole = find_hole(1);

	assert_ok(alloc2(hole, GRANULE, MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
			 PAGE_NOACCESS));
	assert_ok(replace(hole, 16, MEM_COMMIT, PAGE_READWRITE));
	drop(hole);
	ck_assert(is_free(hole));
	assert_fails(ERROR_INVALID_ADDRESS, VirtualFree(hole, PAGE, KEEP));
	assert_ok(VirtualAlloc(hole, GRANULE, MEM_RESERVE, PAGE_READWRITE));
	/* Which is a reservation as any. */
	assert_fails(ERROR_INVALID_ADDRESS, VirtualFree(hole, GRANULE, KEEP));
	drop(hole);
}
END_TEST

/* ----------------------------------------------------------- write watch --- */

static ULONG_PTR written(char *p, size_t pages, DWORD flags, PVOID *first)
{
	PVOID found[16];
	ULONG_PTR count = COUNT(found);
	DWORD granularity;

	assert_ok(!GetWriteWatch(flags, p, pages * PAGE, found, &count,
				 &granularity));
	*first = count ? found[0] : NULL;
	return count;
}

START_TEST(its_place_is_watched)
{
	char *p = make_placeholder(4);
	PVOID first;

	assert_ok(replace(p, 4, MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE));
	ck_assert_uint_eq(written(p, 4, 0, &first), 0);
	p[2 * PAGE] = 1;
	ck_assert_uint_eq(written(p, 4, 0, &first), 1);
	ck_assert_ptr_eq(first, p + 2 * PAGE);
	drop(p);
}
END_TEST

START_TEST(records_do_not_come_back)
{
	char *p = make_placeholder(4);
	PVOID first;

	assert_ok(replace(p, 4, MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE));
	assert_fresh(p, 4);
	assert_ok(VirtualFree(p, PAGE, MEM_DECOMMIT));
	assert_ok(VirtualFree(p, 4 * PAGE, KEEP));
	assert_fails(ERROR_INVALID_PARAMETER, !ResetWriteWatch(p, 4 * PAGE));
	assert_ok(replace(p, 4, MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE));
	ck_assert_uint_eq(written(p, 4, 0, &first), 0);
	p[PAGE] = 1;
	ck_assert_uint_eq(written(p, 4, WRITE_WATCH_FLAG_RESET, &first), 1);
	ck_assert_ptr_eq(first, p + PAGE);
	assert_ok(VirtualFree(p, 4 * PAGE, KEEP));
	/* The next one need not be watched. */
	assert_ok(replace(p, 4, MEM_COMMIT, PAGE_READWRITE));
	assert_fresh(p, 4);
	assert_fails(ERROR_INVALID_PARAMETER, !ResetWriteWatch(p, 4 * PAGE));
	drop(p);
}
END_TEST

/* --------------------------------------------------------------- threads --- */

#define ROUNDS	2000

static char *place;
static bool over;
static int intrusions;

/* Nothing of it is ever free to others. */
static void *try_to_get_in(void *arg)
{
	char *got;

	(void)arg;
	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		got = VirtualAlloc(place, GRANULE, MEM_RESERVE, PAGE_READWRITE);
		if (got)
			intrusions++;
	}
	return NULL;
}

START_TEST(nobody_gets_in_between)
{
	int rounds = under_valgrind() ? ROUNDS / 40 :
		     on_debug_kernel() ? ROUNDS / 10 : ROUNDS;
	pthread_t thread;
	int i;

	intrusions = 0;
	over = false;
	place = find_hole(1);
	assert_ok(alloc2(place, GRANULE, MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
			 PAGE_NOACCESS));
	ck_assert_int_eq(pthread_create(&thread, NULL, try_to_get_in, NULL), 0);
	for (i = 0; i < rounds; i++) {
		assert_ok(split(place, 8));
		assert_ok(replace(place, 8, MEM_COMMIT, PAGE_READWRITE));
		place[0] = 1;
		assert_ok(VirtualFree(place, 8 * PAGE, KEEP));
		assert_ok(coalesce(place, 16));
	}
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	ck_assert_int_eq(intrusions, 0);
	drop(place);
}
END_TEST

TCase *placeholder_tests(void)
{
	TCase *tests = tcase_create("placeholder");

	tcase_set_tags(tests, "watch");
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, a_placeholder_looks_like_a_reservation);
	tcase_add_test(tests, a_placeholder_where_it_is_wanted);
	tcase_add_test(tests, a_placeholder_within_limits);
	tcase_add_loop_test(tests, a_placeholder_has_no_access, 0,
			    COUNT(not_noaccess));
	tcase_add_loop_test(tests, types_that_do_not_go_together, 0,
			    COUNT(bad_types));
	tcase_add_test(tests, VirtualAlloc_knows_no_placeholders);
	tcase_add_test(tests, nothing_else_can_be_there);
	tcase_add_test(tests, pages_of_a_placeholder_are_not_committed);
	tcase_add_test(tests, a_head_is_split_off);
	tcase_add_test(tests, a_tail_is_split_off);
	tcase_add_test(tests, a_middle_makes_three);
	tcase_add_test(tests, a_split_rounds_to_pages);
	tcase_add_test(tests, what_cannot_be_split);
	tcase_add_test(tests, a_split_stays_in_one);
	tcase_add_loop_test(tests, free_types_that_do_not_go_together, 0,
			    COUNT(bad_free_types));
	tcase_add_test(tests, two_are_joined);
	tcase_add_test(tests, many_are_joined);
	tcase_add_test(tests, neighbours_are_joined);
	tcase_add_test(tests, what_cannot_be_joined);
	tcase_add_test(tests, what_lies_between_is_not_joined);
	tcase_add_test(tests, reservations_are_not_joined);
	tcase_add_test(tests, memory_takes_its_place);
	tcase_add_test(tests, a_reservation_takes_its_place);
	tcase_add_test(tests, a_part_is_replaced_at_a_page);
	tcase_add_test(tests, guards_take_its_place);
	tcase_add_test(tests, only_just_one_is_replaced);
	tcase_add_test(tests, what_has_replaced_is_no_placeholder);
	tcase_add_test(tests, a_place_without_a_base);
	tcase_add_test(tests, a_place_at_no_page);
	tcase_add_test(tests, a_place_from_the_top_down);
	tcase_add_test(tests, a_placeholder_is_there_again);
	tcase_add_test(tests, new_memory_is_zero_each_time);
	tcase_add_test(tests, what_was_reserved_goes_back);
	tcase_add_test(tests, locks_do_not_come_back);
	tcase_add_test(tests, guards_do_not_come_back);
	tcase_add_test(tests, pieces_that_came_back_are_joined);
	tcase_add_test(tests, each_is_released_by_itself);
	tcase_add_test(tests, what_has_replaced_one_is_released_for_good);
	tcase_add_test(tests, its_place_is_watched);
	tcase_add_test(tests, records_do_not_come_back);
	tcase_add_test(tests, nobody_gets_in_between);
	return tests;
}
