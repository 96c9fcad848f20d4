// SPDX-License-Identifier: MIT
/*
 * The C run-time's functions of malloc.h, and the task allocator: blocks of the
 * process heap under other names.
 */
#include <errno.h>
#include <malloc.h>
#include <new.h>
#include <string.h>

#include "heap.h"

/* A call that fails, and what errno is then. */
#define assert_errno(code, result, call) do {				\
	errno = 0;							\
	ck_assert((call) == (result));					\
	ck_assert_int_eq(errno, code);					\
} while (0)

/* As malloc is not ours everywhere: a block of the process heap. */
static unsigned char *make_crt_block(size_t size, unsigned int seed)
{
	unsigned char *block = _recalloc(NULL, 1, size);

	ck_assert_ptr_ne(block, NULL);
	ck_assert_uint_eq((uintptr_t)block % 16, 0);
	ck_assert(is_zero(block, 0, size));
	fill(block, 0, size, seed);
	return block;
}

static void free_crt_block(void *block)
{
	ck_assert_ptr_eq(_recalloc(block, 0, 1), NULL);
}

static const size_t sizes[] = {
	0, 1, 7, 16, 100, 1000, 4096, 20000, 70000, 500000, 3 * MIB,
};

START_TEST(msize_is_exact)
{
	unsigned char *block;
	unsigned int i;

	for (i = 0; i < COUNT(sizes); i++) {
		block = make_crt_block(sizes[i], 1);
		ck_assert_uint_eq(_msize(block), sizes[i]);
		free_crt_block(block);
	}
}
END_TEST

START_TEST(nothing_has_no_size)
{
	assert_errno(EINVAL, (size_t)-1, _msize(NULL));
}
END_TEST

/* _i: from which size; to all of them. */
START_TEST(recalloc_clears_what_is_new)
{
	size_t from = sizes[_i], to, same;
	unsigned char *block;
	unsigned int i;

	for (i = 1; i < COUNT(sizes); i++) {
		to = sizes[i];
		same = from < to ? from : to;
		block = make_crt_block(from, 1);
		block = _recalloc(block, 1, to);
		ck_assert_ptr_ne(block, NULL);
		ck_assert_uint_eq(_msize(block), to);
		ck_assert(is_filled(block, 0, same, 1));
		ck_assert(is_zero(block, same, to));
		free_crt_block(block);
	}
}
END_TEST

START_TEST(recalloc_multiplies)
{
	unsigned char *block = make_crt_block(10, 1);

	block = _recalloc(block, 7, 13);
	ck_assert_uint_eq(_msize(block), 91);
	ck_assert(is_filled(block, 0, 10, 1));
	assert_errno(ENOMEM, NULL, _recalloc(block, SIZE_MAX / 2, 3));
	assert_errno(ENOMEM, NULL, _recalloc(block, unknown(SIZE_MAX / 4), 2));
	ck_assert_uint_eq(_msize(block), 91);
	ck_assert(is_filled(block, 0, 10, 1));
	assert_errno(ENOMEM, NULL, _recalloc(NULL, SIZE_MAX, SIZE_MAX));
	free_crt_block(block);
}
END_TEST

START_TEST(expand_moves_nothing)
{
	unsigned char *block = make_crt_block(0xc0000, 1);

	ck_assert_ptr_eq(_expand(block, 0x60000), block);
	ck_assert_uint_eq(_msize(block), 0x60000);
	ck_assert(is_filled(block, 0, 0x60000, 1));
	assert_errno(ENOMEM, NULL, _expand(block, unknown(SIZE_MAX / 2)));
	ck_assert_uint_eq(_msize(block), 0x60000);
	ck_assert(is_filled(block, 0, 0x60000, 1));
	free_crt_block(block);
	assert_errno(EINVAL, NULL, _expand(NULL, 10));
}
END_TEST

/* ------------------------------------------------------------- aligned --- */

static const struct {
	size_t size, alignment, offset;
} places[] = {
	{ 0, 16, 0 }, { 1, 1, 0 }, { 100, 0, 0 }, { 100, 2, 0 },
	{ 100, 8, 0 }, { 100, 16, 0 }, { 100, 32, 0 }, { 5000, 64, 0 },
	{ 100, 4096, 0 }, { 70000, 65536, 0 }, { 3 * MIB, 2 * MIB, 0 },
	{ 100, 16, 1 }, { 100, 16, 7 }, { 100, 16, 8 }, { 100, 16, 99 },
	{ 100, 64, 20 }, { 5000, 4096, 4095 }, { 20000, 256, 17000 },
	{ 100, 4, 3 }, { 3 * MIB, 65536, MIB + 5 },
};

static bool lies_right(const void *block, unsigned int place)
{
	size_t alignment = places[place].alignment;

	if (alignment < sizeof(void *))
		alignment = sizeof(void *);
	return ((uintptr_t)block + places[place].offset) % alignment == 0;
}

static unsigned char *make_aligned(unsigned int place)
{
	unsigned char *block =
		_aligned_offset_malloc(places[place].size,
				       places[place].alignment,
				       places[place].offset);

	ck_assert_ptr_ne(block, NULL);
	ck_assert(lies_right(block, place));
	fill(block, 0, places[place].size, 1);
	return block;
}

static size_t aligned_size(void *block, unsigned int place)
{
	return _aligned_msize(block, places[place].alignment,
			      places[place].offset);
}

START_TEST(an_aligned_block_lies_right_and_knows_its_size)
{
	size_t size = places[_i].size;
	unsigned char *blocks[10];
	int i;

	for (i = 0; i < 10; i++)
		blocks[i] = make_aligned(_i);
	for (i = 0; i < 10; i++) {
		ck_assert_uint_eq(aligned_size(blocks[i], _i), size);
		ck_assert(is_filled(blocks[i], 0, size, 1));
		_aligned_free(blocks[i]);
	}
	_aligned_free(NULL);
}
END_TEST

START_TEST(an_aligned_block_is_resized)
{
	size_t old = places[_i].size, size, same;
	unsigned char *block = make_aligned(_i);
	unsigned int i;

	for (i = 0; i < COUNT(sizes); i++) {
		size = sizes[i * 7 % COUNT(sizes)] + places[_i].offset + 1;
		same = old < size ? old : size;
		block = _aligned_offset_realloc(block, size,
						places[_i].alignment,
						places[_i].offset);
		ck_assert_ptr_ne(block, NULL);
		ck_assert(lies_right(block, _i));
		ck_assert_uint_eq(aligned_size(block, _i), size);
		ck_assert(is_filled(block, 0, same, 1));
		fill(block, 0, size, 1);
		old = size;
	}
	ck_assert_ptr_eq(_aligned_offset_realloc(block, 0,
						 places[_i].alignment, 0),
			 NULL);
}
END_TEST

START_TEST(and_what_is_new_is_cleared)
{
	size_t old = places[_i].size, size, same;
	unsigned char *block = make_aligned(_i);
	unsigned int i;

	for (i = 0; i < COUNT(sizes); i++) {
		size = sizes[i * 7 % COUNT(sizes)] + places[_i].offset + 1;
		same = old < size ? old : size;
		block = _aligned_offset_recalloc(block, 1, size,
						 places[_i].alignment,
						 places[_i].offset);
		ck_assert_ptr_ne(block, NULL);
		ck_assert(lies_right(block, _i));
		ck_assert(is_filled(block, 0, same, 1));
		ck_assert(is_zero(block, same, size));
		fill(block, 0, size, 1);
		old = size;
	}
	_aligned_free(block);
}
END_TEST

START_TEST(the_forms_without_an_offset)
{
	unsigned char *block = _aligned_malloc(100, 256);

	ck_assert_uint_eq((uintptr_t)block % 256, 0);
	ck_assert_uint_eq(_aligned_msize(block, 256, 0), 100);
	fill(block, 0, 100, 1);
	block = _aligned_realloc(block, 300, 256);
	ck_assert_uint_eq((uintptr_t)block % 256, 0);
	ck_assert(is_filled(block, 0, 100, 1));
	fill(block, 0, 300, 1);
	ck_assert_ptr_eq(_aligned_realloc(block, 0, 256), NULL);
	/* NULL is allocated. */
	block = _aligned_realloc(NULL, 100, 64);
	ck_assert_uint_eq((uintptr_t)block % 64, 0);
	_aligned_free(block);
}
END_TEST

START_TEST(the_form_that_clears)
{
	unsigned char *block = _aligned_recalloc(NULL, 20, 15, 256);

	ck_assert_uint_eq((uintptr_t)block % 256, 0);
	ck_assert(is_zero(block, 0, 300));
	fill(block, 0, 300, 1);
	block = _aligned_recalloc(block, 10, 50, 256);
	ck_assert_uint_eq((uintptr_t)block % 256, 0);
	ck_assert_uint_eq(_aligned_msize(block, 256, 0), 500);
	ck_assert(is_filled(block, 0, 300, 1));
	ck_assert(is_zero(block, 300, 500));
	assert_errno(ENOMEM, NULL,
		     _aligned_recalloc(block, SIZE_MAX / 2, 3, 256));
	ck_assert_uint_eq(_aligned_msize(block, 256, 0), 500);
	ck_assert_ptr_eq(_aligned_recalloc(block, 0, 50, 256), NULL);
}
END_TEST

START_TEST(wrong_alignments_and_offsets_are_refused)
{
	unsigned char *block = _aligned_malloc(100, 16);

	fill(block, 0, 100, 1);
	assert_errno(EINVAL, NULL, _aligned_malloc(100, 3));
	assert_errno(EINVAL, NULL, _aligned_malloc(100, 48));
	assert_errno(EINVAL, NULL, _aligned_offset_malloc(100, 16, 100));
	assert_errno(EINVAL, NULL, _aligned_offset_malloc(100, 16, 200));
	assert_errno(EINVAL, NULL, _aligned_realloc(block, 200, 3));
	assert_errno(EINVAL, NULL,
		     _aligned_offset_realloc(block, 200, 16, 200));
	ck_assert_uint_eq(_aligned_msize(block, 16, 0), 100);
	ck_assert(is_filled(block, 0, 100, 1));
	_aligned_free(block);
	assert_errno(EINVAL, (size_t)-1, _aligned_msize(NULL, 16, 0));
	assert_errno(EINVAL, (size_t)-1, _aligned_msize(&block, 3, 0));
}
END_TEST

START_TEST(too_large_aligned_blocks_are_refused)
{
	unsigned char *block = _aligned_malloc(100, 16);

	fill(block, 0, 100, 1);
	assert_errno(ENOMEM, NULL, _aligned_malloc(unknown(SIZE_MAX), 16));
	assert_errno(ENOMEM, NULL, _aligned_malloc(unknown(SIZE_MAX - 20), 16));
	assert_errno(ENOMEM, NULL, _aligned_malloc(unknown(SIZE_MAX / 2), 16));
	assert_errno(ENOMEM, NULL,
		     _aligned_malloc(100, unknown((SIZE_MAX >> 1) + 1)));
	assert_errno(ENOMEM, NULL,
		     _aligned_realloc(block, unknown(SIZE_MAX / 2), 16));
	ck_assert_uint_eq(_aligned_msize(block, 16, 0), 100);
	ck_assert(is_filled(block, 0, 100, 1));
	_aligned_free(block);
}
END_TEST

/* ------------------------------------------------------ the new handler --- */

#define TOO_MUCH	(SIZE_MAX / 4)

static int questions;		/* asked of the handler */
static size_t size_wanted;	/* by the last one */

/* To the third it says no. */
static int say_no_at_last(size_t size)
{
	size_wanted = size;
	return ++questions < 3;
}

static int say_no(size_t size)
{
	(void)size;
	return 0;
}

START_TEST(a_new_handler_is_set_and_asked_for)
{
	ck_assert_ptr_eq((void *)_query_new_handler(), NULL);
	ck_assert_ptr_eq((void *)_set_new_handler(say_no), NULL);
	ck_assert_ptr_eq((void *)_query_new_handler(), (void *)say_no);
	ck_assert_ptr_eq((void *)_set_new_handler(say_no_at_last),
			 (void *)say_no);
	ck_assert_ptr_eq((void *)_set_new_handler(NULL),
			 (void *)say_no_at_last);
	ck_assert_ptr_eq((void *)_query_new_handler(), NULL);
}
END_TEST

START_TEST(a_new_mode_is_set_and_asked_for)
{
	ck_assert_int_eq(_query_new_mode(), 0);
	ck_assert_int_eq(_set_new_mode(1), 0);
	ck_assert_int_eq(_query_new_mode(), 1);
	assert_errno(EINVAL, -1, _set_new_mode(2));
	assert_errno(EINVAL, -1, _set_new_mode(-1));
	ck_assert_int_eq(_query_new_mode(), 1);
	ck_assert_int_eq(_set_new_mode(0), 1);
	ck_assert_int_eq(_query_new_mode(), 0);
}
END_TEST

/* Fails as ever; returns how often the handler was asked. */
static int questions_of(int call)
{
	unsigned char *block = make_crt_block(100, 1);
	unsigned char *aligned = _aligned_malloc(100, 64);

	fill(aligned, 0, 100, 2);
	questions = 0;
	size_wanted = 0;
	switch (call) {
	case 0:
		assert_errno(ENOMEM, NULL, _recalloc(NULL, 1,
						     unknown(TOO_MUCH)));
		break;
	case 1:
		assert_errno(ENOMEM, NULL, _recalloc(block, 1,
						     unknown(TOO_MUCH)));
		break;
	case 2:
		assert_errno(ENOMEM, NULL, _aligned_malloc(unknown(TOO_MUCH),
							   64));
		break;
	default:
		assert_errno(ENOMEM, NULL, _aligned_realloc(aligned,
							    unknown(TOO_MUCH),
							    64));
		break;
	}
	ck_assert(is_filled(block, 0, 100, 1));
	ck_assert(is_filled(aligned, 0, 100, 2));
	ck_assert_uint_eq(_msize(block), 100);
	_aligned_free(aligned);
	free_crt_block(block);
	return questions;
}

START_TEST(the_new_handler_is_asked_until_it_says_no)
{
	_set_new_handler(say_no_at_last);
	ck_assert_int_eq(questions_of(_i), 0);
	_set_new_mode(1);
	ck_assert_int_eq(questions_of(_i), 3);
	ck_assert_uint_ge(size_wanted, TOO_MUCH);
	ck_assert_uint_lt(size_wanted, TOO_MUCH + 1000);
	_set_new_handler(NULL);
	ck_assert_int_eq(questions_of(_i), 0);
	_set_new_mode(0);
}
END_TEST

START_TEST(the_new_handler_is_not_asked_for_nothing)
{
	unsigned char *block;

	_set_new_handler(say_no_at_last);
	_set_new_mode(1);
	questions = 0;
	block = _aligned_malloc(100, 64);
	block = _aligned_realloc(block, 20000, 64);
	_aligned_free(block);
	block = make_crt_block(100, 1);
	/* It must not move; it cannot be. */
	assert_errno(ENOMEM, NULL, _expand(block, unknown(TOO_MUCH)));
	assert_errno(ENOMEM, NULL, _recalloc(block, SIZE_MAX / 2, 3));
	assert_errno(ENOMEM, NULL, _recalloc(block, 1, unknown(SIZE_MAX - 3)));
	free_crt_block(block);
	ck_assert_int_eq(questions, 0);
	_set_new_mode(0);
	_set_new_handler(NULL);
}
END_TEST

/* ------------------------------------------------------ the whole heap --- */

START_TEST(the_heap_of_the_c_run_time_is_the_process_heap)
{
	unsigned char *block = make_crt_block(100, 1);

	ck_assert_ptr_eq((HANDLE)_get_heap_handle(), GetProcessHeap());
	ck_assert_uint_eq(HeapSize(GetProcessHeap(), 0, block), 100);
	free_crt_block(block);
}
END_TEST

START_TEST(the_heap_is_in_order)
{
	unsigned char *block = make_crt_block(100, 1);

	ck_assert_int_eq(_heapchk(), _HEAPOK);
	ck_assert_int_eq(_heapmin(), 0);
	assert_errno(EINVAL, _HEAPBADPTR, _heapwalk(NULL));
	ck_assert(is_filled(block, 0, 100, 1));
	free_crt_block(block);
}
END_TEST

START_TEST(heapwalk_meets_a_block)
{
	unsigned char *block = make_crt_block(4711, 1);
	_HEAPINFO entry = { NULL, 0, 0 };
	int met = 0, result;

	while ((result = _heapwalk(&entry)) == _HEAPOK)
		if (entry._pentry == (int *)block) {
			ck_assert_int_eq(entry._useflag, _USEDENTRY);
			ck_assert_uint_eq(entry._size, 4711);
			met++;
		}
	ck_assert_int_eq(result, _HEAPEND);
	ck_assert_int_eq(met, 1);
	free_crt_block(block);
}
END_TEST

/* Two walks at once: each goes on from where it was. */
START_TEST(heapwalk_goes_on_from_its_entry)
{
	unsigned char *block = make_crt_block(4711, 1);
	_HEAPINFO one = { NULL, 0, 0 };
	_HEAPINFO other = { NULL, 0, 0 };
	int i;

	for (i = 0; i < 3 && _heapwalk(&one) == _HEAPOK; i++) {
		ck_assert_int_eq(_heapwalk(&other), _HEAPOK);
		ck_assert_ptr_eq(one._pentry, other._pentry);
		ck_assert_uint_eq(one._size, other._size);
	}
	free_crt_block(block);
}
END_TEST

/* ------------------------------------------------- memory on the stack --- */

__attribute__((noinline)) static uintptr_t use_malloca(size_t size)
{
	unsigned char *memory = _malloca(size);
	char here;
	uintptr_t distance;

	ck_assert_ptr_ne(memory, NULL);
	ck_assert_uint_eq((uintptr_t)memory % 16, 0);
	fill(memory, 0, size, 1);
	ck_assert(is_filled(memory, 0, size, 1));
	distance = (uintptr_t)memory - (uintptr_t)&here;
	_freea(memory);
	return distance + 4096;
}

START_TEST(little_memory_is_on_the_stack)
{
	static const size_t little[] = { 0, 1, 100, 1008 };
	static const size_t much[] = { 1009, 1024, 5000, 3 * MIB };
	int i;

	for (i = 0; i < 4; i++) {
		ck_assert_uint_lt(use_malloca(little[i]), 8192);
		ck_assert_uint_ge(use_malloca(much[i]), 8192);
	}
	_freea(NULL);
}
END_TEST

/* ------------------------------------------------------------ the task's --- */

START_TEST(task_memory_is_of_the_process_heap)
{
	unsigned char *block = CoTaskMemAlloc(100);

	ck_assert_ptr_ne(block, NULL);
	ck_assert_uint_eq(HeapSize(GetProcessHeap(), 0, block), 100);
	fill(block, 0, 100, 1);
	block = CoTaskMemRealloc(block, 5000);
	ck_assert(is_filled(block, 0, 100, 1));
	ck_assert_uint_eq(HeapSize(GetProcessHeap(), 0, block), 5000);
	ck_assert_ptr_eq(CoTaskMemRealloc(block, unknown(SIZE_MAX / 2)), NULL);
	ck_assert(is_filled(block, 0, 100, 1));
	CoTaskMemFree(block);
	CoTaskMemFree(NULL);
	ck_assert_ptr_eq(CoTaskMemAlloc(unknown(SIZE_MAX / 2)), NULL);
}
END_TEST

START_TEST(task_memory_of_no_size)
{
	void *block = CoTaskMemAlloc(0);

	ck_assert_ptr_ne(block, NULL);
	ck_assert_ptr_eq(CoTaskMemRealloc(block, 0), NULL);
	block = CoTaskMemRealloc(NULL, 10);
	ck_assert_ptr_ne(block, NULL);
	CoTaskMemFree(block);
	block = CoTaskMemRealloc(NULL, 0);
	ck_assert_ptr_ne(block, NULL);
	CoTaskMemFree(block);
}
END_TEST

TCase *crt_tests(void)
{
	TCase *tests = tcase_create("C run-time");

	tcase_add_test(tests, msize_is_exact);
	tcase_add_test(tests, nothing_has_no_size);
	tcase_add_loop_test(tests, recalloc_clears_what_is_new, 0,
			    COUNT(sizes));
	tcase_add_test(tests, recalloc_multiplies);
	tcase_add_test(tests, expand_moves_nothing);
	tcase_add_loop_test(tests,
			    an_aligned_block_lies_right_and_knows_its_size, 0,
			    COUNT(places));
	tcase_add_loop_test(tests, an_aligned_block_is_resized, 0,
			    COUNT(places));
	tcase_add_loop_test(tests, and_what_is_new_is_cleared, 0,
			    COUNT(places));
	tcase_add_test(tests, the_forms_without_an_offset);
	tcase_add_test(tests, the_form_that_clears);
	tcase_add_test(tests, wrong_alignments_and_offsets_are_refused);
	tcase_add_test(tests, too_large_aligned_blocks_are_refused);
	tcase_add_test(tests, a_new_handler_is_set_and_asked_for);
	tcase_add_test(tests, a_new_mode_is_set_and_asked_for);
	tcase_add_loop_test(tests, the_new_handler_is_asked_until_it_says_no,
			    0, 4);
	tcase_add_test(tests, the_new_handler_is_not_asked_for_nothing);
	tcase_add_test(tests,
		       the_heap_of_the_c_run_time_is_the_process_heap);
	tcase_add_test(tests, the_heap_is_in_order);
	tcase_add_test(tests, heapwalk_meets_a_block);
	tcase_add_test(tests, heapwalk_goes_on_from_its_entry);
	tcase_add_test(tests, little_memory_is_on_the_stack);
	tcase_add_test(tests, task_memory_is_of_the_process_heap);
	tcase_add_test(tests, task_memory_of_no_size);
	return tests;
}
