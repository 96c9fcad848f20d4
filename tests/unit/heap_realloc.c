// SPDX-License-Identifier: MIT
/*
 * HeapReAlloc.
 */
#include "heap.h"

static const SIZE_T some_sizes[] = {
	0, 1, 8, 16, 17, 31, 32, 100, 128, 255, 256, 1000, 1024, 4000, 4096,
	8192, 16000, 33000, 65536, 70000, 200000, 600000, 0xfe000, MIB,
	MIB + 5, 3 * MIB,
};

static SIZE_T smaller(SIZE_T one, SIZE_T other)
{
	return one < other ? one : other;
}

/* _i: from which size; to all of them. */
START_TEST(content_stays_and_the_size_is_exact)
{
	HANDLE heap = make_heap(0, 0);
	SIZE_T from = some_sizes[_i];
	unsigned char *block;
	unsigned int i;
	SIZE_T to;

	for (i = 0; i < COUNT(some_sizes); i++) {
		to = some_sizes[i];
		block = make_block(heap, from, i);
		assert_ok(block = HeapReAlloc(heap, 0, block, to));
		ck_assert_uint_eq((uintptr_t)block % 16, 0);
		ck_assert_uint_eq(HeapSize(heap, 0, block), to);
		ck_assert(is_filled(block, 0, smaller(from, to), i));
		fill(block, 0, to, i + 1);
		assert_ok(HeapValidate(heap, 0, block));
		free_block(heap, block);
	}
	assert_ok(HeapValidate(heap, 0, NULL));
	destroy(heap);
}
END_TEST

/* What a block gave up and gets back is cleared, too. */
START_TEST(zero_memory_clears_the_growth_and_nothing_else)
{
	HANDLE heap = make_heap(0, 0);
	SIZE_T from = some_sizes[_i];
	SIZE_T shrunk = from / 3;
	unsigned char *block;
	unsigned int i;
	SIZE_T to;

	for (i = 0; i < COUNT(some_sizes); i++) {
		to = some_sizes[i];
		block = make_block(heap, from, i);
		assert_ok(block = HeapReAlloc(heap, HEAP_ZERO_MEMORY, block,
					      shrunk));
		ck_assert(is_filled(block, 0, shrunk, i));
		assert_ok(block = HeapReAlloc(heap, HEAP_ZERO_MEMORY, block,
					      to));
		ck_assert(is_filled(block, 0, smaller(shrunk, to), i));
		ck_assert(is_zero(block, shrunk, to));
		free_block(heap, block);
	}
	destroy(heap);
}
END_TEST

START_TEST(in_place_only_moves_nothing)
{
	HANDLE heap = make_heap(0, 0);
	SIZE_T from = some_sizes[_i];
	unsigned char *block, *same;
	unsigned int i;
	SIZE_T to;

	for (i = 0; i < COUNT(some_sizes); i++) {
		to = some_sizes[i];
		block = make_block(heap, from, i);
		SetLastError(UNTOUCHED);
		same = HeapReAlloc(heap, HEAP_REALLOC_IN_PLACE_ONLY, block, to);
		if (same) {
			ck_assert_ptr_eq(same, block);
			ck_assert_uint_eq(GetLastError(), UNTOUCHED);
		} else {
			ck_assert_uint_eq(GetLastError(),
					  ERROR_NOT_ENOUGH_MEMORY);
			to = from;
		}
		ck_assert_uint_eq(HeapSize(heap, 0, block), to);
		ck_assert(is_filled(block, 0, smaller(from, to), i));
		fill(block, 0, to, i + 1);
		assert_ok(HeapValidate(heap, 0, NULL));
		free_block(heap, block);
	}
	destroy(heap);
}
END_TEST

START_TEST(a_large_block_shrinks_in_place)
{
	HANDLE heap = make_heap(0, 0);
	unsigned char *block = make_block(heap, 0xc0000, 1);

	assert_ok(HeapReAlloc(heap, HEAP_REALLOC_IN_PLACE_ONLY, block,
			      0x60000) == block);
	ck_assert_uint_eq(HeapSize(heap, 0, block), 0x60000);
	/* What it left is not taken yet. */
	assert_ok(HeapReAlloc(heap, HEAP_REALLOC_IN_PLACE_ONLY, block,
			      0x80000) == block);
	ck_assert_uint_eq(HeapSize(heap, 0, block), 0x80000);
	ck_assert(is_filled(block, 0, 0x60000, 1));
	fill(block, 0, 0x80000, 2);
	destroy(heap);
}
END_TEST

START_TEST(null_is_not_allocated)
{
	HANDLE heap = make_heap(0, 0);
	SIZE_T bytes;

	SetLastError(UNTOUCHED);
	ck_assert_ptr_eq(HeapReAlloc(heap, 0, NULL, 1), NULL);
	ck_assert_uint_eq(GetLastError(), NO_ERROR);
	ck_assert_uint_eq(walk(heap, &bytes), 0);
	destroy(heap);
}
END_TEST

START_TEST(size_zero_does_not_free)
{
	HANDLE heap = make_heap(0, 0);
	unsigned char *block = make_block(heap, some_sizes[_i], 1);

	assert_ok(block = HeapReAlloc(heap, 0, block, 0));
	ck_assert_uint_eq(HeapSize(heap, 0, block), 0);
	assert_ok(HeapValidate(heap, 0, block));
	assert_ok(block = HeapReAlloc(heap, HEAP_ZERO_MEMORY, block, 50));
	ck_assert(is_zero(block, 0, 50));
	free_block(heap, block);
	destroy(heap);
}
END_TEST

START_TEST(a_failure_leaves_the_block_as_it_was)
{
	static const SIZE_T sizes[] = {
		SIZE_MAX, SIZE_MAX - 7, SIZE_MAX / 2, (SIZE_T)1 << 47,
	};
	HANDLE heap = make_heap(0, 0);
	SIZE_T size = some_sizes[_i];
	unsigned char *block = make_block(heap, size, 1);
	unsigned int i;

	for (i = 0; i < COUNT(sizes); i++) {
		assert_fails(ERROR_NOT_ENOUGH_MEMORY,
			     HeapReAlloc(heap, 0, block, unknown(sizes[i])));
		assert_fails(ERROR_NOT_ENOUGH_MEMORY,
			     HeapReAlloc(heap, HEAP_ZERO_MEMORY |
					 HEAP_REALLOC_IN_PLACE_ONLY, block,
					 unknown(sizes[i])));
		ck_assert_uint_eq(HeapSize(heap, 0, block), size);
		ck_assert(is_filled(block, 0, size, 1));
		assert_ok(HeapValidate(heap, 0, block));
	}
	free_block(heap, block);
	destroy(heap);
}
END_TEST

START_TEST(blocks_of_a_fixed_heap_stay_below_a_megabyte)
{
	HANDLE heap = make_heap(0, 8 * MIB);
	unsigned char *block = make_block(heap, 100, 1);

	assert_ok(block = HeapReAlloc(heap, 0, block, 512 * KIB - 64));
	ck_assert(is_filled(block, 0, 100, 1));
	fill(block, 0, 512 * KIB - 64, 2);
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     HeapReAlloc(heap, 0, block, MIB));
	ck_assert_uint_eq(HeapSize(heap, 0, block), 512 * KIB - 64);
	ck_assert(is_filled(block, 0, 512 * KIB - 64, 2));
	destroy(heap);
}
END_TEST

START_TEST(a_full_fixed_heap_grows_no_block)
{
	HANDLE heap = make_heap(0, 256 * KIB);
	unsigned char *block = make_block(heap, 1000, 1);

	while (HeapAlloc(heap, 0, 1000))
		;
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     HeapReAlloc(heap, 0, block, 200 * KIB));
	ck_assert_uint_eq(HeapSize(heap, 0, block), 1000);
	ck_assert(is_filled(block, 0, 1000, 1));
	assert_ok(block = HeapReAlloc(heap, 0, block, 900));
	ck_assert(is_filled(block, 0, 900, 1));
	free_block(heap, block);
	assert_ok(HeapAlloc(heap, 0, 900));
	destroy(heap);
}
END_TEST

/* As a program does that reads a file of unknown length; others between. */
START_TEST(a_block_grows_and_shrinks_in_steps)
{
	HANDLE heap = make_heap(_i, 0);
	unsigned char *block = make_block(heap, 0, 1);
	unsigned char *others[200];
	unsigned int nr = 0;
	SIZE_T size, filled = 0;

	for (size = 0; size < 2 * MIB; size += size / 8 + 13) {
		assert_ok(block = HeapReAlloc(heap, 0, block, size));
		ck_assert(is_filled(block, 0, filled, 1));
		fill(block, filled, size, 1);
		filled = size;
		others[nr] = make_block(heap, size / 16, nr);
		nr++;
	}
	for (; size > 100; size -= size / 4) {
		assert_ok(block = HeapReAlloc(heap, 0, block, size / 2));
		ck_assert(is_filled(block, 0, size / 2, 1));
		assert_ok(block = HeapReAlloc(heap, 0, block, size));
		ck_assert(is_filled(block, 0, size / 2, 1));
		fill(block, 0, size, 1);
	}
	while (nr--)
		free_block(heap, others[nr]);
	free_block(heap, block);
	assert_ok(HeapValidate(heap, 0, NULL));
	destroy(heap);
}
END_TEST

TCase *heap_realloc_tests(void)
{
	TCase *tests = tcase_create("HeapReAlloc");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, content_stays_and_the_size_is_exact, 0,
			    COUNT(some_sizes));
	tcase_add_loop_test(tests,
			    zero_memory_clears_the_growth_and_nothing_else, 0,
			    COUNT(some_sizes));
	tcase_add_loop_test(tests, in_place_only_moves_nothing, 0,
			    COUNT(some_sizes));
	tcase_add_test(tests, a_large_block_shrinks_in_place);
	tcase_add_test(tests, null_is_not_allocated);
	tcase_add_loop_test(tests, size_zero_does_not_free, 0,
			    COUNT(some_sizes));
	tcase_add_loop_test(tests, a_failure_leaves_the_block_as_it_was, 0,
			    COUNT(some_sizes));
	tcase_add_test(tests, blocks_of_a_fixed_heap_stay_below_a_megabyte);
	tcase_add_test(tests, a_full_fixed_heap_grows_no_block);
	tcase_add_loop_test(tests, a_block_grows_and_shrinks_in_steps, 0, 2);
	return tests;
}
