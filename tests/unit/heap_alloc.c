// SPDX-License-Identifier: MIT
/*
 * HeapAlloc, HeapFree, HeapSize, and HeapValidate of blocks.
 */
#include "heap.h"

static const SIZE_T all_sizes[] = {
	0, 1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 100, 127,
	128, 129, 200, 255, 256, 257, 511, 512, 513, 1000, 1023, 1024, 1025,
	2048, 4095, 4096, 4097, 8191, 8192, 8193, 16367, 16368, 16384, 16385,
	32767, 32768, 32769, 65519, 65520, 65535, 65536, 65537, 100000, 131072,
	262143, 262144, 262145, 500000, 0xf0000, 0xfe000, 0xff000, 0xfffff,
	MIB, MIB + 1, 2 * MIB, 5 * MIB + 3, 16 * MIB,
};

/* The last ones are large. */
static unsigned int nr_sizes(void)
{
	return COUNT(all_sizes) - (scaled(10) < 10 ? 3 : 0);
}

START_TEST(a_block_has_just_the_size_that_was_asked_for)
{
	unsigned char *blocks[COUNT(all_sizes)];
	HANDLE heap = make_heap(_i, 0);
	unsigned int i;

	for (i = 0; i < nr_sizes(); i++)
		blocks[i] = make_block(heap, all_sizes[i], i);
	assert_ok(HeapValidate(heap, 0, NULL));
	for (i = 0; i < nr_sizes(); i++) {
		ck_assert_uint_eq(HeapSize(heap, 0, blocks[i]), all_sizes[i]);
		ck_assert(is_filled(blocks[i], 0, all_sizes[i], i));
		assert_ok(HeapValidate(heap, 0, blocks[i]));
		free_block(heap, blocks[i]);
	}
	assert_ok(HeapValidate(heap, 0, NULL));
	destroy(heap);
}
END_TEST

START_TEST(every_small_size_is_exact)
{
	static unsigned char *blocks[3000];
	HANDLE heap = _i ? GetProcessHeap() : make_heap(0, 0);
	unsigned int i;

	for (i = 0; i < COUNT(blocks); i++)
		blocks[i] = make_block(heap, i, i);
	for (i = 0; i < COUNT(blocks); i++) {
		ck_assert(is_filled(blocks[i], 0, i, i));
		free_block(heap, blocks[i]);
	}
	if (!_i)
		destroy(heap);
}
END_TEST

START_TEST(blocks_of_size_zero_are_distinct)
{
	HANDLE heap = make_heap(0, 0);
	unsigned char *blocks[100];
	unsigned int i, j;

	for (i = 0; i < 100; i++)
		blocks[i] = make_block(heap, 0, 0);
	for (i = 0; i < 100; i++)
		for (j = 0; j < i; j++)
			ck_assert_ptr_ne(blocks[i], blocks[j]);
	for (i = 0; i < 100; i++)
		free_block(heap, blocks[i]);
	destroy(heap);
}
END_TEST

/* Used memory, freed and given out again, is cleared; for HeapCreate's too. */
START_TEST(zero_memory_is_zero)
{
	HANDLE heap = make_heap(0, 0);
	unsigned char *block;
	unsigned int i, round;

	for (i = 0; i < nr_sizes(); i++)
		for (round = 0; round < 3; round++) {
			assert_ok(block = HeapAlloc(heap, HEAP_ZERO_MEMORY,
						    all_sizes[i]));
			ck_assert_uint_eq((uintptr_t)block % 16, 0);
			ck_assert(is_zero(block, 0, all_sizes[i]));
			fill(block, 0, all_sizes[i], i);
			free_block(heap, block);
		}
	destroy(heap);
}
END_TEST

START_TEST(freeing_null_succeeds_on_any_heap)
{
	assert_ok(HeapFree(GetProcessHeap(), 0, NULL));
	assert_ok(HeapFree(NULL, 0, NULL));
}
END_TEST

START_TEST(what_is_too_large_is_refused)
{
	static const SIZE_T sizes[] = {
		SIZE_MAX, SIZE_MAX - 7, SIZE_MAX - 15, SIZE_MAX - 0xffff,
		SIZE_MAX / 2 + 1, SIZE_MAX / 2, (SIZE_T)1 << 47,
	};
	static const DWORD flags[] = {
		0, HEAP_ZERO_MEMORY, HEAP_NO_SERIALIZE,
	};
	HANDLE heap = make_heap(0, 0);
	void *block = make_block(heap, 100, 1);
	unsigned int i;

	for (i = 0; i < COUNT(flags); i++)
		assert_fails(ERROR_NOT_ENOUGH_MEMORY,
			     HeapAlloc(heap, flags[i], unknown(sizes[_i])));
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     HeapAlloc(GetProcessHeap(), 0, unknown(sizes[_i])));
	assert_ok(HeapValidate(heap, 0, NULL));
	ck_assert(is_filled(block, 0, 100, 1));
	destroy(heap);
}
END_TEST

START_TEST(only_a_block_that_is_in_use_is_valid)
{
	static const SIZE_T sizes[] = { 0, 40, 5000, 100 * KIB, 3 * MIB };
	static unsigned char foreign[64] __attribute__((aligned(64)));
	HANDLE heap = make_heap(0, 0);
	HANDLE other = make_heap(0, 0);
	unsigned char *block = make_block(heap, sizes[_i], 1);

	assert_ok(HeapValidate(heap, 0, block));
	SetLastError(UNTOUCHED);
	ck_assert(!HeapValidate(other, 0, block));
	ck_assert(!HeapValidate(GetProcessHeap(), 0, block));
	ck_assert(!HeapValidate(heap, 0, foreign + 32));
	if (sizes[_i] > 32)
		ck_assert(!HeapValidate(heap, 0, block + 16));
	free_block(heap, block);
	ck_assert(!HeapValidate(heap, 0, block));
	ck_assert_uint_eq(GetLastError(), UNTOUCHED);
	assert_ok(HeapValidate(heap, 0, NULL));
	destroy(other);
	destroy(heap);
}
END_TEST

START_TEST(freed_memory_is_used_again)
{
	HANDLE heap = make_heap(0, 4 * MIB);
	unsigned char *block;
	unsigned int i;

	/* 40 times what the heap can hold. */
	for (i = 0; i < scaled(160 * MIB / (20 * KIB)); i++) {
		assert_ok(block = HeapAlloc(heap, 0, i % (40 * KIB)));
		if (i % (40 * KIB))
			block[i % (40 * KIB) - 1] = 1;
		free_block(heap, block);
	}
	destroy(heap);
}
END_TEST

/* Each third, then the others backwards. */
START_TEST(blocks_are_freed_in_any_order)
{
	static unsigned char *blocks[3000];
	HANDLE heap = make_heap(_i, 0);
	unsigned int i;

	for (i = 0; i < COUNT(blocks); i++)
		blocks[i] = make_block(heap, i * 37 % 2000, i);
	for (i = 0; i < COUNT(blocks); i += 3)
		free_block(heap, blocks[i]);
	for (i = 0; i < COUNT(blocks); i += 3)
		blocks[i] = make_block(heap, i * 11 % 3000, i);
	for (i = COUNT(blocks); i-- > 0;) {
		ck_assert(is_filled(blocks[i], 0, i % 3 ? i * 37 % 2000 :
				    i * 11 % 3000, i));
		free_block(heap, blocks[i]);
	}
	assert_ok(HeapValidate(heap, 0, NULL));
	destroy(heap);
}
END_TEST

/* ------------------------------------------------- heaps that do not grow --- */

START_TEST(a_block_of_a_fixed_heap_is_below_a_megabyte)
{
	HANDLE heap = make_heap(0, 8 * MIB);
	void *block = make_block(heap, 512 * KIB - 64, 1);

	assert_fails(ERROR_NOT_ENOUGH_MEMORY, HeapAlloc(heap, 0, MIB));
	assert_fails(ERROR_NOT_ENOUGH_MEMORY, HeapAlloc(heap, 0, 2 * MIB));
	ck_assert(is_filled(block, 0, 512 * KIB - 64, 1));
	assert_ok(HeapValidate(heap, 0, NULL));
	destroy(heap);
}
END_TEST

/* Until there is no more; the number of blocks. */
static unsigned int fill_heap(HANDLE heap, unsigned char **blocks,
			      unsigned int max, SIZE_T size)
{
	unsigned int nr = 0;

	SetLastError(UNTOUCHED);
	while (nr < max && (blocks[nr] = HeapAlloc(heap, 0, size))) {
		fill(blocks[nr], 0, size, nr);
		nr++;
	}
	ck_assert_uint_lt(nr, max);
	ck_assert_uint_eq(GetLastError(), ERROR_NOT_ENOUGH_MEMORY);
	return nr;
}

START_TEST(a_fixed_heap_becomes_full_and_is_usable_again)
{
	static const SIZE_T sizes[] = { 16, 100, 1000, 5000, 40000 };
	static unsigned char *blocks[64 * KIB + 1];
	HANDLE heap = make_heap(0, MIB);
	SIZE_T size = sizes[_i];
	unsigned int nr, i;

	if (under_valgrind() && size < 100)
		return;
	nr = fill_heap(heap, blocks, COUNT(blocks), size);
	ck_assert_uint_le(nr * size, MIB);
	ck_assert_uint_ge(nr * size, MIB / 4);
	assert_ok(HeapValidate(heap, 0, NULL));
	for (i = 0; i < nr; i++)
		ck_assert(is_filled(blocks[i], 0, size, i));
	free_block(heap, blocks[nr / 2]);
	blocks[nr / 2] = make_block(heap, size, nr / 2);
	for (i = 0; i < nr; i++) {
		ck_assert(is_filled(blocks[i], 0, size, i));
		free_block(heap, blocks[i]);
	}
	i = fill_heap(heap, blocks, COUNT(blocks), size);
	ck_assert_uint_ge(i, nr - nr / 16);
	destroy(heap);
}
END_TEST

/* What was small blocks can become large ones. */
START_TEST(a_fixed_heap_is_used_for_other_sizes_afterwards)
{
	static unsigned char *blocks[64 * KIB];
	HANDLE heap = make_heap(0, MIB);
	unsigned int nr = fill_heap(heap, blocks, COUNT(blocks), 100);
	unsigned int i;

	for (i = 0; i < nr; i++)
		free_block(heap, blocks[i]);
	free_block(heap, make_block(heap, 400 * KIB, 1));
	nr = fill_heap(heap, blocks, COUNT(blocks), 10 * KIB);
	ck_assert_uint_ge(nr * 10 * KIB, MIB / 2);
	destroy(heap);
}
END_TEST

/* ------------------------------------------------------------ exceptions --- */

static void *jump[5];
static EXCEPTION_RECORD raised;

/* Goes on behind the call that raised it. */
static LONG WINAPI jump_out(EXCEPTION_POINTERS *pointers)
{
	if (pointers->ExceptionRecord->ExceptionCode != STATUS_NO_MEMORY)
		return EXCEPTION_CONTINUE_SEARCH;
	raised = *pointers->ExceptionRecord;
	__builtin_longjmp(jump, 1);
}

/* Does the call raise STATUS_NO_MEMORY? */
__attribute__((noinline)) static bool raises(HANDLE heap, DWORD flags,
					     void *block, SIZE_T size)
{
	raised.ExceptionCode = 0;
	if (__builtin_setjmp(jump))
		return raised.ExceptionCode == STATUS_NO_MEMORY;
	if (block)
		ck_assert_ptr_eq(HeapReAlloc(heap, flags, block, size), NULL);
	else
		ck_assert_ptr_eq(HeapAlloc(heap, flags, size), NULL);
	return false;
}

/* _i: the flag is the heap's, or the call's. */
START_TEST(no_memory_is_an_exception_where_it_was_asked_for)
{
	DWORD flag = HEAP_GENERATE_EXCEPTIONS;
	HANDLE heap = make_heap(_i ? flag : 0, 0);
	HANDLE small = make_heap(_i ? flag : 0, 64 * KIB);
	PVOID handler = AddVectoredExceptionHandler(1, jump_out);
	unsigned char *block = make_block(heap, 1000, 1);
	DWORD flags = _i ? 0 : flag;

	if (!_i)
		ck_assert(!raises(heap, 0, NULL, unknown(SIZE_MAX)));
	ck_assert(raises(heap, flags, NULL, unknown(SIZE_MAX)));
	ck_assert_uint_eq(raised.ExceptionFlags & ~1u, 0);
	ck_assert(raises(heap, flags, NULL, unknown(SIZE_MAX / 2)));
	ck_assert(raises(heap, flags, block, unknown(SIZE_MAX / 2)));
	ck_assert(raises(small, flags, NULL, 100 * KIB));
	ck_assert(is_filled(block, 0, 1000, 1));
	/* The heap is not left locked, nor damaged. */
	assert_ok(HeapValidate(heap, 0, NULL));
	free_block(heap, block);
	free_block(small, make_block(small, 1000, 1));
	RemoveVectoredExceptionHandler(handler);
	destroy(small);
	destroy(heap);
}
END_TEST

TCase *heap_alloc_tests(void)
{
	TCase *tests = tcase_create("HeapAlloc");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests,
			    a_block_has_just_the_size_that_was_asked_for, 0, 2);
	tcase_add_loop_test(tests, every_small_size_is_exact, 0, 2);
	tcase_add_test(tests, blocks_of_size_zero_are_distinct);
	tcase_add_test(tests, zero_memory_is_zero);
	tcase_add_test(tests, freeing_null_succeeds_on_any_heap);
	tcase_add_loop_test(tests, what_is_too_large_is_refused, 0, 7);
	tcase_add_loop_test(tests, only_a_block_that_is_in_use_is_valid, 0, 5);
	tcase_add_test(tests, freed_memory_is_used_again);
	tcase_add_loop_test(tests, blocks_are_freed_in_any_order, 0, 2);
	tcase_add_test(tests, a_block_of_a_fixed_heap_is_below_a_megabyte);
	tcase_add_loop_test(tests,
			    a_fixed_heap_becomes_full_and_is_usable_again,
			    0, 5);
	tcase_add_test(tests, a_fixed_heap_is_used_for_other_sizes_afterwards);
	tcase_add_loop_test(tests,
			    no_memory_is_an_exception_where_it_was_asked_for,
			    0, 2);
	return tests;
}
