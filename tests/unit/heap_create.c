// SPDX-License-Identifier: MIT
/*
 * HeapCreate, HeapDestroy, GetProcessHeap and GetProcessHeaps.
 */
#include "heap.h"

#define MANY	1000

START_TEST(a_new_heap_is_empty_and_in_order)
{
	HANDLE heap = make_heap(0, 0);
	SIZE_T bytes;

	ck_assert_ptr_ne(heap, GetProcessHeap());
	assert_ok(HeapValidate(heap, 0, NULL));
	ck_assert_uint_eq(walk(heap, &bytes), 0);
	destroy(heap);
}
END_TEST

START_TEST(the_process_heap_is_always_there)
{
	HANDLE heap;
	void *block;

	assert_ok(heap = GetProcessHeap());
	ck_assert_ptr_eq(GetProcessHeap(), heap);
	block = make_block(heap, 100, 1);
	assert_ok(HeapValidate(heap, 0, block));
	free_block(heap, block);
}
END_TEST

START_TEST(the_process_heap_cannot_be_destroyed)
{
	void *block = make_block(GetProcessHeap(), 100, 1);

	assert_fails(ERROR_INVALID_HANDLE, HeapDestroy(GetProcessHeap()));
	ck_assert(is_filled(block, 0, 100, 1));
	free_block(GetProcessHeap(), block);
}
END_TEST

/* Heaps that were there before stay where they are in the list. */
START_TEST(heaps_are_listed_as_they_were_created)
{
	DWORD before = GetProcessHeaps(0, NULL);
	HANDLE first = make_heap(0, 0);
	HANDLE second = make_heap(HEAP_NO_SERIALIZE, 0);
	HANDLE third = make_heap(0, 256 * KIB);
	HANDLE heaps[64];

	ck_assert_uint_ge(before, 1);
	ck_assert_uint_le(before, 60);
	ck_assert_uint_eq(GetProcessHeaps(0, NULL), before + 3);
	ck_assert_uint_eq(GetProcessHeaps(64, heaps), before + 3);
	ck_assert_ptr_eq(heaps[0], GetProcessHeap());
	ck_assert_ptr_eq(heaps[before], first);
	ck_assert_ptr_eq(heaps[before + 1], second);
	ck_assert_ptr_eq(heaps[before + 2], third);
	destroy(second);
	ck_assert_uint_eq(GetProcessHeaps(64, heaps), before + 2);
	ck_assert_ptr_eq(heaps[before], first);
	ck_assert_ptr_eq(heaps[before + 1], third);
	destroy(third);
	destroy(first);
	ck_assert_uint_eq(GetProcessHeaps(0, NULL), before);
}
END_TEST

START_TEST(a_short_list_is_not_filled)
{
	HANDLE heap = make_heap(0, 0);
	DWORD nr = GetProcessHeaps(0, NULL);
	HANDLE heaps[64];

	heaps[0] = NULL;
	ck_assert_uint_eq(GetProcessHeaps(nr - 1, heaps), nr);
	ck_assert_ptr_eq(heaps[0], NULL);
	ck_assert_uint_eq(GetProcessHeaps(nr, heaps), nr);
	ck_assert_ptr_eq(heaps[0], GetProcessHeap());
	destroy(heap);
}
END_TEST

static const struct {
	DWORD options;
	SIZE_T initial, maximum;
} creations[] = {
	{ 0, 0, 0 },
	{ 0, 1, 0 },
	{ 0, 0x12345, 0 },
	{ 0, 4 * MIB, 0 },
	{ 0, 0, 64 * KIB },
	{ 0, 0x1000, 64 * KIB },
	{ 0, 0x10000, 0x10001 },
	{ 0, 0, 0x2345 },
	{ 0, 0, 16 * MIB },
	{ HEAP_NO_SERIALIZE, 0, 0 },
	{ HEAP_NO_SERIALIZE, 0, 64 * KIB },
	{ HEAP_GENERATE_EXCEPTIONS, 0, 0 },
	{ HEAP_CREATE_ENABLE_EXECUTE, 0, 0 },
	{ HEAP_CREATE_ENABLE_EXECUTE, 0, 64 * KIB },
	{ HEAP_CREATE_ALIGN_16, 0, 0 },
	{ HEAP_GROWABLE | HEAP_ZERO_MEMORY, 0, 0 },
	{ HEAP_TAIL_CHECKING_ENABLED | HEAP_FREE_CHECKING_ENABLED, 0, 0 },
	{ HEAP_DISABLE_COALESCE_ON_FREE, 0, 0 },
};

START_TEST(a_heap_of_any_kind_works)
{
	unsigned char *blocks[16];
	HANDLE heap;
	unsigned int i;

	assert_ok(heap = HeapCreate(creations[_i].options,
				    creations[_i].initial,
				    creations[_i].maximum));
	for (i = 0; i < COUNT(blocks); i++)
		blocks[i] = make_block(heap, 17 * i, i);
	assert_ok(HeapValidate(heap, 0, NULL));
	for (i = 0; i < COUNT(blocks); i++) {
		ck_assert(is_filled(blocks[i], 0, 17 * i, i));
		assert_ok(HeapValidate(heap, 0, blocks[i]));
		free_block(heap, blocks[i]);
	}
	destroy(heap);
}
END_TEST

START_TEST(what_no_address_space_has_room_for_is_refused)
{
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     HeapCreate(0, 0, (SIZE_T)1 << 47));
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     HeapCreate(0, 0, (SIZE_T)1 << 62));
}
END_TEST

START_TEST(blocks_of_an_executable_heap_can_be_executed)
{
	static const SIZE_T sizes[] = { 1, 1000, 100 * KIB, 2 * MIB };
	HANDLE heap = make_heap(HEAP_CREATE_ENABLE_EXECUTE, 0);
	MEMORY_BASIC_INFORMATION info;
	unsigned char *code;

	code = make_block(heap, sizes[_i], 1);
	query(code, &info);
	ck_assert_uint_eq(info.Protect, PAGE_EXECUTE_READWRITE);
	code[0] = 0xc3;		/* ret */
	if (!under_valgrind())
		ck_assert(can_execute(code));
	destroy(heap);
}
END_TEST

START_TEST(blocks_of_other_heaps_cannot)
{
	static const SIZE_T sizes[] = { 1, 1000, 100 * KIB, 2 * MIB };
	HANDLE heap = make_heap(0, 0);
	MEMORY_BASIC_INFORMATION info;
	unsigned char *code = make_block(heap, sizes[_i], 1);

	query(code, &info);
	ck_assert_uint_eq(info.Protect, PAGE_READWRITE);
	destroy(heap);
}
END_TEST

START_TEST(heaps_are_independent)
{
	HANDLE one = make_heap(0, 0);
	HANDLE other = make_heap(0, 0);
	unsigned char *kept[64];
	unsigned char *gone[64];
	unsigned int i;
	SIZE_T bytes;

	for (i = 0; i < 64; i++) {
		kept[i] = make_block(one, 50 * i, i);
		gone[i] = make_block(other, 50 * i, i + 1);
	}
	ck_assert(!HeapValidate(one, 0, gone[3]));
	ck_assert(!HeapValidate(other, 0, kept[3]));
	ck_assert_uint_eq(walk(one, &bytes), 64);
	destroy(other);
	assert_ok(HeapValidate(one, 0, NULL));
	ck_assert_uint_eq(walk(one, &bytes), 64);
	for (i = 0; i < 64; i++)
		ck_assert(is_filled(kept[i], 0, 50 * i, i));
	destroy(one);
}
END_TEST

START_TEST(destroying_a_heap_frees_blocks_of_all_sizes)
{
	HANDLE heap;
	unsigned int round, i;

	for (round = 0; round < 20; round++) {
		heap = make_heap(0, 0);
		for (i = 0; i < 500; i++)
			make_block(heap, i * 13, i);
		for (i = 0; i < 8; i++)
			make_block(heap, MIB / 4 * i, i);
		destroy(heap);
	}
}
END_TEST

/* In the order of creation, in the opposite one, and across. */
START_TEST(many_heaps_live_at_once)
{
	static HANDLE heaps[MANY];
	static unsigned char *blocks[MANY];
	DWORD before = GetProcessHeaps(0, NULL);
	unsigned int i, at;

	for (i = 0; i < MANY; i++) {
		heaps[i] = make_heap(0, 0);
		blocks[i] = make_block(heaps[i], i, i);
	}
	ck_assert_uint_eq(GetProcessHeaps(0, NULL), before + MANY);
	for (i = 0; i < MANY; i++) {
		at = _i == 0 ? i : _i == 1 ? MANY - 1 - i : i * 37 % MANY;
		ck_assert(is_filled(blocks[at], 0, at, at));
		destroy(heaps[at]);
	}
	ck_assert_uint_eq(GetProcessHeaps(0, NULL), before);
}
END_TEST

TCase *heap_create_tests(void)
{
	TCase *tests = tcase_create("HeapCreate");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_new_heap_is_empty_and_in_order);
	tcase_add_test(tests, the_process_heap_is_always_there);
	tcase_add_test(tests, the_process_heap_cannot_be_destroyed);
	tcase_add_test(tests, heaps_are_listed_as_they_were_created);
	tcase_add_test(tests, a_short_list_is_not_filled);
	tcase_add_loop_test(tests, a_heap_of_any_kind_works, 0,
			    COUNT(creations));
	tcase_add_test(tests, what_no_address_space_has_room_for_is_refused);
	tcase_add_loop_test(tests, blocks_of_an_executable_heap_can_be_executed,
			    0, 4);
	tcase_add_loop_test(tests, blocks_of_other_heaps_cannot, 0, 4);
	tcase_add_test(tests, heaps_are_independent);
	tcase_add_test(tests, destroying_a_heap_frees_blocks_of_all_sizes);
	tcase_add_loop_test(tests, many_heaps_live_at_once, 0, 3);
	return tests;
}
