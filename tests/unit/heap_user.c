// SPDX-License-Identifier: MIT
/*
 * The values and flags that blocks carry: RtlSetUserValueHeap,
 * RtlGetUserInfoHeap.
 */
#include <pthread.h>
#include <winternl.h>

#include "heap.h"

#define WITH_VALUE	(HEAP_SETTABLE_USER_VALUE | HEAP_SETTABLE_USER_FLAG2)
#define MANY		3000

static void *value_of(SIZE_T number)
{
	return (void *)(number * 7 + 1);
}

static void check_info(HANDLE heap, void *block, void *value, ULONG flags)
{
	PVOID read = (void *)0x5a5a;
	ULONG read_flags = 0x5a5a5a5a;

	assert_ok(RtlGetUserInfoHeap(heap, 0, block, &read, &read_flags));
	ck_assert_ptr_eq(read, value);
	ck_assert_uint_eq(read_flags, flags);
}

static void *block_with_value(HANDLE heap, SIZE_T size, SIZE_T number)
{
	void *block;

	assert_ok(block = HeapAlloc(heap, WITH_VALUE, size));
	assert_ok(RtlSetUserValueHeap(heap, 0, block, value_of(number)));
	return block;
}

static const SIZE_T sizes[] = { 0, 24, 1000, 20000, 100 * KIB, 900 * KIB };

static HANDLE heap_of_kind(int fixed)
{
	return make_heap(0, fixed ? 16 * MIB : 0);
}

START_TEST(a_heap_that_is_no_more_has_no_values)
{
	HANDLE heap = heap_of_kind(_i);
	void *block = block_with_value(heap, 100, 1), *value = heap;
	ULONG flags = 7;

	destroy(heap);
	ck_assert(!RtlSetUserValueHeap(heap, 0, block, heap));
	ck_assert(!RtlGetUserInfoHeap(heap, 0, block, &value, &flags));
	ck_assert_ptr_eq(value, heap);
	ck_assert_uint_eq(flags, 7);
}
END_TEST

START_TEST(a_block_has_a_value_and_flags_when_asked_for)
{
	HANDLE heap = heap_of_kind(_i);
	unsigned int i;

	for (i = 0; i < COUNT(sizes); i++) {
		void *block, *plain, *flagged;

		assert_ok(block = HeapAlloc(heap, WITH_VALUE, sizes[i]));
		ck_assert_uint_eq(HeapSize(heap, 0, block), sizes[i]);
		check_info(heap, block, NULL, HEAP_SETTABLE_USER_FLAG2);
		assert_ok(RtlSetUserValueHeap(heap, 0, block, &heap));
		check_info(heap, block, &heap, HEAP_SETTABLE_USER_FLAG2);
		assert_ok(RtlGetUserInfoHeap(heap, 0, block, NULL, NULL));

		plain = make_block(heap, sizes[i], 1);
		check_info(heap, plain, (void *)0x5a5a, 0);
		assert_fails(UNTOUCHED,
			     RtlSetUserValueHeap(heap, 0, plain, &heap));

		assert_ok(flagged = HeapAlloc(heap, HEAP_SETTABLE_USER_FLAGS,
					      sizes[i]));
		check_info(heap, flagged, (void *)0x5a5a,
			   HEAP_SETTABLE_USER_FLAGS);
		assert_fails(UNTOUCHED,
			     RtlSetUserValueHeap(heap, 0, flagged, &heap));
	}
	assert_ok(HeapValidate(heap, 0, NULL));
	destroy(heap);
}
END_TEST

START_TEST(what_is_no_block_has_no_value)
{
	HANDLE heap = heap_of_kind(_i), other = make_heap(0, 0);
	char *block = block_with_value(heap, 1000, 1);
	PVOID value;

	assert_fails(UNTOUCHED,
		     RtlGetUserInfoHeap(heap, 0, block + 16, &value, NULL));
	assert_fails(UNTOUCHED,
		     RtlSetUserValueHeap(heap, 0, block + 16, &value));
	assert_fails(UNTOUCHED,
		     RtlGetUserInfoHeap(other, 0, block, &value, NULL));
	assert_fails(UNTOUCHED, RtlSetUserValueHeap(other, 0, block, &value));
	assert_fails(UNTOUCHED, RtlGetUserInfoHeap(NULL, 0, block, &value,
						   NULL));
	destroy(other);
	destroy(heap);
}
END_TEST

START_TEST(values_stay_when_blocks_move)
{
	HANDLE heap = heap_of_kind(_i);
	unsigned int from, to;
	void *block;

	for (from = 0; from < COUNT(sizes); from++)
		for (to = 0; to < COUNT(sizes); to++) {
			block = block_with_value(heap, sizes[from], to);
			assert_ok(block = HeapReAlloc(heap, 0, block,
						      sizes[to]));
			check_info(heap, block, value_of(to),
				   HEAP_SETTABLE_USER_FLAG2);
			free_block(heap, block);
		}
	destroy(heap);
}
END_TEST

/* Nor has a new block what one had that was there. */
START_TEST(values_go_with_their_blocks)
{
	HANDLE heap = heap_of_kind(_i);
	void *blocks[64];
	unsigned int i, round;

	for (round = 0; round < 4; round++) {
		for (i = 0; i < COUNT(blocks); i++)
			blocks[i] = block_with_value(heap, 100, i);
		for (i = 0; i < COUNT(blocks); i++)
			free_block(heap, blocks[i]);
		for (i = 0; i < COUNT(blocks); i++) {
			blocks[i] = make_block(heap, 100, i);
			check_info(heap, blocks[i], (void *)0x5a5a, 0);
		}
		for (i = 0; i < COUNT(blocks); i++)
			free_block(heap, blocks[i]);
	}
	destroy(heap);
}
END_TEST

/* Every third goes, and leaves the others theirs. */
START_TEST(many_blocks_have_values)
{
	static void *blocks[MANY];
	HANDLE heap = heap_of_kind(_i);
	unsigned int i, bytes = 24;

	for (i = 0; i < MANY; i++)
		blocks[i] = block_with_value(heap, bytes + i % 80, i);
	for (i = 0; i < MANY; i += 3)
		free_block(heap, blocks[i]);
	for (i = 0; i < MANY; i++)
		if (i % 3)
			check_info(heap, blocks[i], value_of(i),
				   HEAP_SETTABLE_USER_FLAG2);
	destroy(heap);
}
END_TEST

/* The process's heap has values, too, and its blocks are freed by other threads. */
static void *free_it(void *block)
{
	return HeapFree(GetProcessHeap(), 0, block) ? block : NULL;
}

START_TEST(another_thread_frees_a_block_with_a_value)
{
	HANDLE heap = GetProcessHeap();
	void *block = block_with_value(heap, 100, 1), *result, *again;
	pthread_t thread;
	int i;

	ck_assert_int_eq(pthread_create(&thread, NULL, free_it, block), 0);
	pthread_join(thread, &result);
	ck_assert_ptr_eq(result, block);
	for (i = 0; i < 1000; i++) {
		again = HeapAlloc(heap, 0, 100);
		check_info(heap, again, (void *)0x5a5a, 0);
	}
}
END_TEST

/* In a heap that another thread has locked. */
static void *use_values(void *heap)
{
	void *block, *value = NULL;
	bool ok;

	block = HeapAlloc(heap, HEAP_NO_SERIALIZE | WITH_VALUE, 100);
	ok = block &&
	     RtlSetUserValueHeap(heap, HEAP_NO_SERIALIZE, block, heap) &&
	     RtlGetUserInfoHeap(heap, HEAP_NO_SERIALIZE, block, &value, NULL) &&
	     value == heap;
	return HeapFree(heap, HEAP_NO_SERIALIZE, block) && ok ? heap : NULL;
}

/* It ends while the lock is held, or the test runs into its time limit. */
START_TEST(calls_without_serialization_pass_a_lock)
{
	HANDLE heap = heap_of_kind(_i);
	pthread_t thread;
	void *result;

	assert_ok(HeapLock(heap));
	ck_assert_int_eq(pthread_create(&thread, NULL, use_values, heap), 0);
	pthread_join(thread, &result);
	ck_assert_ptr_eq(result, heap);
	assert_ok(HeapUnlock(heap));
	destroy(heap);
}
END_TEST

TCase *heap_user_tests(void)
{
	TCase *tests = tcase_create("heaps, user values");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests,
			    a_block_has_a_value_and_flags_when_asked_for, 0, 2);
	tcase_add_loop_test(tests, a_heap_that_is_no_more_has_no_values, 0, 2);
	tcase_add_loop_test(tests, what_is_no_block_has_no_value, 0, 2);
	tcase_add_loop_test(tests, values_stay_when_blocks_move, 0, 2);
	tcase_add_loop_test(tests, values_go_with_their_blocks, 0, 2);
	tcase_add_loop_test(tests, many_blocks_have_values, 0, 2);
	tcase_add_test(tests, another_thread_frees_a_block_with_a_value);
	tcase_add_loop_test(tests, calls_without_serialization_pass_a_lock, 0,
			    2);
	return tests;
}
