// SPDX-License-Identifier: MIT
/*
 * HeapWalk and HeapSummary.
 */
#include <string.h>

#include "heap.h"

START_TEST(a_walk_begins_with_a_region_and_ends)
{
	PROCESS_HEAP_ENTRY entry;
	HANDLE heap = make_heap(0, 0);

	make_block(heap, 100, 1);
	memset(&entry, 0xcd, sizeof(entry));
	entry.lpData = NULL;
	assert_ok(HeapWalk(heap, &entry));
	ck_assert_uint_eq(entry.wFlags, PROCESS_HEAP_REGION);
	ck_assert_ptr_ne(entry.lpData, NULL);
	ck_assert(entry.Region.dwCommittedSize >= 100);
	SetLastError(UNTOUCHED);
	while (HeapWalk(heap, &entry))
		ck_assert_uint_eq(GetLastError(), UNTOUCHED);
	ck_assert_uint_eq(GetLastError(), ERROR_NO_MORE_ITEMS);
	destroy(heap);
}
END_TEST

START_TEST(an_entry_is_needed)
{
	HANDLE heap = make_heap(0, 0);

	assert_fails(ERROR_INVALID_PARAMETER, HeapWalk(heap, NULL));
	destroy(heap);
}
END_TEST

/* One that no walk has left so. */
START_TEST(an_entry_of_no_kind_is_refused)
{
	HANDLE heap = make_heap(0, 0);
	void *block = make_block(heap, 100, 1);
	PROCESS_HEAP_ENTRY entry = { 0 };

	assert_ok(HeapWalk(heap, &entry));
	entry.wFlags = 0xffff;
	assert_fails(ERROR_INVALID_PARAMETER, HeapWalk(heap, &entry));
	free_block(heap, block);
	destroy(heap);
}
END_TEST

static const struct {
	DWORD options;
	SIZE_T maximum;
	SIZE_T size;		/* of blocks, each one a little larger */
	unsigned int nr;
} kinds[] = {
	{ 0, 0, 0, 1 },
	{ 0, 0, 1, 200 },
	{ 0, 0, 100, 1000 },
	{ 0, 0, 5000, 200 },
	{ 0, 0, 70000, 40 },
	{ 0, 0, 2 * MIB, 8 },
	{ HEAP_NO_SERIALIZE, 0, 100, 1000 },
	{ 0, MIB, 100, 500 },
	{ HEAP_CREATE_ENABLE_EXECUTE, 0, 100, 500 },
};

/* A fourth of them freed, and all kinds in one heap. */
START_TEST(a_walk_meets_each_block_in_use_once)
{
	static unsigned char *blocks[1000];
	HANDLE heap = make_heap(kinds[_i].options, kinds[_i].maximum);
	unsigned int nr = kinds[_i].nr, left = nr, i;
	SIZE_T bytes, expected = 0;

	for (i = 0; i < nr; i++) {
		blocks[i] = make_block(heap, kinds[_i].size + i, i);
		expected += kinds[_i].size + i;
	}
	ck_assert_uint_eq(walk(heap, &bytes), nr);
	ck_assert_uint_eq(bytes, expected);
	for (i = 1; i < nr; i += 4) {
		free_block(heap, blocks[i]);
		expected -= kinds[_i].size + i;
		left--;
	}
	ck_assert_uint_eq(walk(heap, &bytes), left);
	ck_assert_uint_eq(bytes, expected);
	for (i = 0; i < nr; i += 1 + nr / 50)
		ck_assert_uint_eq(times_in_walk(heap, blocks[i],
						kinds[_i].size + i),
				  i % 4 != 1);
	for (i = 0; i < nr; i++)
		ck_assert(i % 4 == 1 ||
			  is_filled(blocks[i], 0, kinds[_i].size + i, i));
	destroy(heap);
}
END_TEST

START_TEST(blocks_of_all_sizes_are_met)
{
	unsigned char *blocks[COUNT(kinds)];
	HANDLE heap = make_heap(0, 0);
	SIZE_T bytes, expected = 0;
	unsigned int i;

	for (i = 0; i < COUNT(kinds); i++) {
		blocks[i] = make_block(heap, kinds[i].size, i);
		expected += kinds[i].size;
	}
	ck_assert_uint_eq(walk(heap, &bytes), COUNT(kinds));
	ck_assert_uint_eq(bytes, expected);
	for (i = 0; i < COUNT(kinds); i++)
		ck_assert_uint_eq(times_in_walk(heap, blocks[i],
						kinds[i].size), 1);
	for (i = 0; i < COUNT(kinds); i++)
		free_block(heap, blocks[i]);
	ck_assert_uint_eq(walk(heap, &bytes), 0);
	destroy(heap);
}
END_TEST

START_TEST(a_resized_block_is_met_with_its_new_size)
{
	HANDLE heap = make_heap(0, 0);
	unsigned char *block = make_block(heap, 100, 1);
	SIZE_T bytes;

	assert_ok(block = HeapReAlloc(heap, 0, block, 70));
	ck_assert_uint_eq(times_in_walk(heap, block, 70), 1);
	assert_ok(block = HeapReAlloc(heap, 0, block, 7000));
	ck_assert_uint_eq(times_in_walk(heap, block, 7000), 1);
	assert_ok(block = HeapReAlloc(heap, 0, block, 3 * MIB));
	ck_assert_uint_eq(times_in_walk(heap, block, 3 * MIB), 1);
	ck_assert_uint_eq(walk(heap, &bytes), 1);
	destroy(heap);
}
END_TEST

START_TEST(the_process_heap_can_be_walked)
{
	HANDLE heap = GetProcessHeap();
	unsigned char *block = make_block(heap, 1234, 1);

	assert_ok(HeapLock(heap));
	ck_assert_uint_eq(times_in_walk(heap, block, 1234), 1);
	assert_ok(HeapUnlock(heap));
	free_block(heap, block);
}
END_TEST

/* With a quadratic walk this would take minutes. */
START_TEST(a_walk_takes_linear_time)
{
	unsigned int nr = scaled(100000), i;
	HANDLE heap = make_heap(0, 0);
	SIZE_T bytes;

	for (i = 0; i < nr; i++)
		assert_ok(HeapAlloc(heap, 0, i % 64));
	ck_assert_uint_eq(walk(heap, &bytes), nr);
	assert_ok(HeapValidate(heap, 0, NULL));
	destroy(heap);
}
END_TEST

/* ------------------------------------------------------------- summaries --- */

static void summary(HANDLE heap, HEAP_SUMMARY *summary)
{
	memset(summary, 0xcd, sizeof(*summary));
	summary->cb = sizeof(*summary);
	assert_ok(HeapSummary(heap, 0, summary));
	ck_assert_uint_eq(summary->cb, 40);
	ck_assert_uint_le(summary->cbAllocated, summary->cbCommitted);
	ck_assert_uint_le(summary->cbCommitted, summary->cbReserved);
	ck_assert_uint_le(summary->cbReserved, summary->cbMaxReserve);
}

START_TEST(a_summary_tells_what_is_allocated)
{
	HANDLE heap = make_heap(0, 0);
	HEAP_SUMMARY before, after, end;
	unsigned char *blocks[4];
	unsigned int i;

	summary(heap, &before);
	for (i = 0; i < 4; i++)
		blocks[i] = make_block(heap, 1000 << 4 * i, i);
	summary(heap, &after);
	ck_assert_uint_ge(after.cbAllocated - before.cbAllocated,
			  1000 + 16000 + 256000 + 4096000);
	ck_assert_uint_le(after.cbAllocated - before.cbAllocated,
			  (1000 + 16000 + 256000 + 4096000) * 5 / 4);
	for (i = 0; i < 4; i++)
		free_block(heap, blocks[i]);
	summary(heap, &end);
	ck_assert_uint_eq(end.cbAllocated, before.cbAllocated);
	destroy(heap);
}
END_TEST

START_TEST(a_fixed_heap_reserves_no_more_than_its_maximum)
{
	HANDLE heap = make_heap(0, MIB);
	HEAP_SUMMARY now;

	summary(heap, &now);
	ck_assert_uint_le(now.cbMaxReserve, MIB);
	while (HeapAlloc(heap, 0, 3000))
		;
	summary(heap, &now);
	ck_assert_uint_le(now.cbMaxReserve, MIB);
	ck_assert_uint_ge(now.cbAllocated, MIB / 4);
	destroy(heap);
}
END_TEST

START_TEST(a_summary_of_another_size_is_refused)
{
	HANDLE heap = make_heap(0, 0);
	HEAP_SUMMARY now = { .cb = 0 };

	assert_fails(ERROR_INVALID_PARAMETER, HeapSummary(heap, 0, &now));
	now.cb = sizeof(now) - 1;
	assert_fails(ERROR_INVALID_PARAMETER, HeapSummary(heap, 0, &now));
	assert_fails(ERROR_INVALID_PARAMETER, HeapSummary(heap, 0, NULL));
	destroy(heap);
}
END_TEST

TCase *heap_walk_tests(void)
{
	TCase *tests = tcase_create("HeapWalk");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_walk_begins_with_a_region_and_ends);
	tcase_add_test(tests, an_entry_is_needed);
	tcase_add_test(tests, an_entry_of_no_kind_is_refused);
	tcase_add_loop_test(tests, a_walk_meets_each_block_in_use_once, 0,
			    COUNT(kinds));
	tcase_add_test(tests, blocks_of_all_sizes_are_met);
	tcase_add_test(tests, a_resized_block_is_met_with_its_new_size);
	tcase_add_test(tests, the_process_heap_can_be_walked);
	tcase_add_test(tests, a_walk_takes_linear_time);
	tcase_add_test(tests, a_summary_tells_what_is_allocated);
	tcase_add_test(tests, a_fixed_heap_reserves_no_more_than_its_maximum);
	tcase_add_test(tests, a_summary_of_another_size_is_refused);
	return tests;
}
