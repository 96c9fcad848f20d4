// SPDX-License-Identifier: MIT
/*
 * HeapSetInformation and HeapQueryInformation, HeapCompact.
 */
#include "heap.h"

/* What the heap says of itself. */
static ULONG compatibility(HANDLE heap)
{
	ULONG value = 77;
	SIZE_T size = 77;

	assert_ok(HeapQueryInformation(heap, HeapCompatibilityInformation,
				       &value, sizeof(value), &size));
	ck_assert_uint_eq(size, sizeof(value));
	return value;
}

static BOOL set_compatibility(HANDLE heap, ULONG value)
{
	return HeapSetInformation(heap, HeapCompatibilityInformation, &value,
				  sizeof(value));
}

START_TEST(low_fragmentation_is_for_good)
{
	HANDLE heap = make_heap(0, 0);

	ck_assert_uint_eq(compatibility(heap), 0);
	assert_ok(set_compatibility(heap, 2));
	ck_assert_uint_eq(compatibility(heap), 2);
	assert_fails(ERROR_GEN_FAILURE, set_compatibility(heap, 0));
	assert_fails(ERROR_GEN_FAILURE, set_compatibility(heap, 1));
	assert_fails(ERROR_GEN_FAILURE, set_compatibility(heap, 2));
	ck_assert_uint_eq(compatibility(heap), 2);
	free_block(heap, make_block(heap, 100, 1));
	destroy(heap);
}
END_TEST

START_TEST(a_heap_without_a_lock_has_none)
{
	HANDLE heap = make_heap(HEAP_NO_SERIALIZE, 0);

	assert_fails(ERROR_INVALID_PARAMETER, set_compatibility(heap, 2));
	ck_assert_uint_eq(compatibility(heap), 0);
	destroy(heap);
}
END_TEST

START_TEST(a_longer_buffer_is_fine_and_a_short_one_not)
{
	HANDLE heap = make_heap(0, 0);
	ULONG value[4] = { 77, 77, 77, 77 };
	SIZE_T size = 77;

	assert_ok(HeapQueryInformation(heap, HeapCompatibilityInformation,
				       value, sizeof(value), NULL));
	ck_assert_uint_eq(value[0], 0);
	ck_assert_uint_eq(value[1], 77);
	assert_fails(ERROR_INSUFFICIENT_BUFFER,
		     HeapQueryInformation(heap, HeapCompatibilityInformation,
					  NULL, 0, &size));
	ck_assert_uint_eq(size, 4);
	size = 77;
	assert_fails(ERROR_INSUFFICIENT_BUFFER,
		     HeapQueryInformation(heap, HeapCompatibilityInformation,
					  value, 3, &size));
	ck_assert_uint_eq(size, 4);
	assert_fails(ERROR_INSUFFICIENT_BUFFER,
		     HeapQueryInformation(heap, HeapCompatibilityInformation,
					  NULL, 0, NULL));
	value[0] = 2;
	assert_fails(ERROR_INSUFFICIENT_BUFFER,
		     HeapSetInformation(heap, HeapCompatibilityInformation,
					value, 3));
	ck_assert_uint_eq(compatibility(heap), 0);
	destroy(heap);
}
END_TEST

START_TEST(no_heap_has_no_information)
{
	ULONG value = 77;
	SIZE_T size = 77;

	assert_fails(ERROR_NOACCESS,
		     HeapQueryInformation(NULL, HeapCompatibilityInformation,
					  &value, sizeof(value), &size));
	ck_assert_uint_eq(value, 77);
}
END_TEST

START_TEST(other_classes_are_refused)
{
	HANDLE heap = make_heap(0, 0);
	ULONG value = 2;

	assert_fails(ERROR_INVALID_PARAMETER,
		     HeapSetInformation(heap, (HEAP_INFORMATION_CLASS)0x7777,
					&value, sizeof(value)));
	assert_fails(ERROR_INVALID_PARAMETER,
		     HeapQueryInformation(heap, (HEAP_INFORMATION_CLASS)0x7777,
					  &value, sizeof(value), NULL));
	destroy(heap);
}
END_TEST

/* Whichever heap is named, and as often as one likes. */
START_TEST(termination_on_corruption_is_for_the_process)
{
	HANDLE heap = make_heap(0, 0);

	assert_ok(HeapSetInformation(NULL, HeapEnableTerminationOnCorruption,
				     NULL, 0));
	assert_ok(HeapSetInformation(heap, HeapEnableTerminationOnCorruption,
				     NULL, 0));
	free_block(heap, make_block(heap, 100, 1));
	destroy(heap);
}
END_TEST

START_TEST(resources_are_optimized_without_harm)
{
	HEAP_OPTIMIZE_RESOURCES_INFORMATION how = {
		HEAP_OPTIMIZE_RESOURCES_CURRENT_VERSION, 0
	};
	HANDLE heap = make_heap(0, 0);
	static unsigned char *blocks[1000];
	unsigned int i;

	for (i = 0; i < 1000; i++)
		blocks[i] = make_block(heap, i * 7, i);
	for (i = 0; i < 1000; i++)
		if (i % 10)
			free_block(heap, blocks[i]);
	assert_ok(HeapSetInformation(heap, HeapOptimizeResources, &how,
				     sizeof(how)));
	assert_ok(HeapSetInformation(NULL, HeapOptimizeResources, &how,
				     sizeof(how)));
	for (i = 0; i < 1000; i += 10)
		ck_assert(is_filled(blocks[i], 0, i * 7, i));
	assert_ok(HeapValidate(heap, 0, NULL));
	for (i = 0; i < 1000; i++)
		if (i % 10)
			make_block(heap, i * 7, i);
	destroy(heap);
}
END_TEST

START_TEST(what_is_set_is_looked_at_first)
{
	HEAP_OPTIMIZE_RESOURCES_INFORMATION how = {
		HEAP_OPTIMIZE_RESOURCES_CURRENT_VERSION, 0
	}, other = { HEAP_OPTIMIZE_RESOURCES_CURRENT_VERSION + 1, 0 };
	HANDLE heap = make_heap(0, 0), gone = make_heap(0, 0);
	ULONG value = 77;

	destroy(gone);
	assert_fails(ERROR_INVALID_PARAMETER,
		     HeapSetInformation(heap, HeapEnableTerminationOnCorruption,
					&value, sizeof(value)));
	assert_fails(ERROR_INSUFFICIENT_BUFFER,
		     HeapSetInformation(heap, HeapOptimizeResources, &how,
					sizeof(how) - 1));
	assert_fails(ERROR_INVALID_PARAMETER,
		     HeapSetInformation(heap, HeapOptimizeResources, NULL,
					sizeof(how)));
	assert_fails(ERROR_INVALID_PARAMETER,
		     HeapSetInformation(heap, HeapOptimizeResources, &other,
					sizeof(other)));
	how.Flags = 1;
	assert_fails(ERROR_INVALID_PARAMETER,
		     HeapSetInformation(heap, HeapOptimizeResources, &how,
					sizeof(how)));
	assert_fails(ERROR_INVALID_HANDLE,
		     HeapQueryInformation(gone, HeapCompatibilityInformation,
					  &value, sizeof(value), NULL));
	ck_assert_uint_eq(value, 77);
	destroy(heap);
}
END_TEST

START_TEST(a_compact_heap_has_its_blocks)
{
	HANDLE heap = make_heap(0, 0);
	static unsigned char *blocks[1000];
	unsigned int i;

	for (i = 0; i < 1000; i++)
		blocks[i] = make_block(heap, i * 7, i);
	for (i = 0; i < 1000; i++)
		if (i % 10)
			free_block(heap, blocks[i]);
	SetLastError(UNTOUCHED);
	if (!HeapCompact(heap, 0))
		ck_assert_uint_eq(GetLastError(), NO_ERROR);
	for (i = 0; i < 1000; i += 10)
		ck_assert(is_filled(blocks[i], 0, i * 7, i));
	assert_ok(HeapValidate(heap, 0, NULL));
	for (i = 0; i < 1000; i++)
		if (i % 10)
			make_block(heap, i * 7, i);
	destroy(heap);
}
END_TEST

#define LARGE	30000	/* bytes; a few pages of a span are behind the last one */
#define SPANS	3
#define EACH	8

/* A block that ends a span keeps what is free before it, and behind, apart. */
START_TEST(compacting_keeps_full_spans_out_of_use)
{
	HANDLE heap = make_heap(0, 0);
	unsigned char *blocks[SPANS * EACH], *more;
	unsigned int i, round;

	for (i = 0; i < SPANS * EACH; i++)
		blocks[i] = make_block(heap, LARGE, i);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < SPANS * EACH; i++)
			if (i % EACH != EACH - 1)
				free_block(heap, blocks[i]);
		HeapCompact(heap, 0);
		for (i = 0; i < SPANS * EACH; i++)
			if (i % EACH != EACH - 1)
				blocks[i] = make_block(heap, LARGE, i);
		HeapCompact(heap, 0);
		more = make_block(heap, LARGE, 77);
		free_block(heap, more);
	}
	for (i = 0; i < SPANS * EACH; i++) {
		ck_assert(is_filled(blocks[i], 0, LARGE, i));
		free_block(heap, blocks[i]);
	}
	assert_ok(HeapValidate(heap, 0, NULL));
	destroy(heap);
}
END_TEST

TCase *heap_info_tests(void)
{
	TCase *tests = tcase_create("heap information");

	tcase_add_test(tests, low_fragmentation_is_for_good);
	tcase_add_test(tests, a_heap_without_a_lock_has_none);
	tcase_add_test(tests, a_longer_buffer_is_fine_and_a_short_one_not);
	tcase_add_test(tests, no_heap_has_no_information);
	tcase_add_test(tests, other_classes_are_refused);
	tcase_add_test(tests, termination_on_corruption_is_for_the_process);
	tcase_add_test(tests, resources_are_optimized_without_harm);
	tcase_add_test(tests, what_is_set_is_looked_at_first);
	tcase_add_test(tests, a_compact_heap_has_its_blocks);
	tcase_add_test(tests, compacting_keeps_full_spans_out_of_use);
	return tests;
}
