// SPDX-License-Identifier: MIT
/*
 * HeapLock and HeapUnlock, and heaps that several threads use.
 */
#include <pthread.h>
#include <sched.h>

#include "heap.h"

/* Larger than what Windows allocates without regard to the lock. */
#define SIZE	(20 * KIB)
#define YIELDS	100
#define THREADS	3

/* One other thread, and how far it is. */
struct other {
	HANDLE heap;
	bool locks;		/* takes the heap's lock itself */
	bool started;
	bool done;
};

static void *allocate_once(void *arg)
{
	struct other *other = arg;
	void *block;
	bool ok = true;

	__atomic_store_n(&other->started, true, __ATOMIC_RELEASE);
	if (other->locks)
		ok = HeapLock(other->heap);
	block = HeapAlloc(other->heap, 0, SIZE);
	ok = ok && block && HeapFree(other->heap, 0, block);
	if (other->locks)
		ok = HeapUnlock(other->heap) && ok;
	__atomic_store_n(&other->done, true, __ATOMIC_RELEASE);
	return ok ? other : NULL;
}

static pthread_t start(struct other *other)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, allocate_once, other),
			 0);
	while (!__atomic_load_n(&other->started, __ATOMIC_ACQUIRE))
		sched_yield();
	return thread;
}

static void finish(struct other *other, pthread_t thread)
{
	void *result;

	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_eq(result, other);
	ck_assert(other->done);
}

/* Given time, the other thread does not come on. _i: it locks, too. */
START_TEST(a_lock_keeps_others_out)
{
	HANDLE heap = make_heap(0, 0);
	struct other other = { .heap = heap, .locks = _i };
	pthread_t thread;
	int i;

	assert_ok(HeapLock(heap));
	thread = start(&other);
	for (i = 0; i < YIELDS; i++) {
		sched_yield();
		free_block(heap, make_block(heap, SIZE, i));
		ck_assert(!__atomic_load_n(&other.done, __ATOMIC_ACQUIRE));
	}
	assert_ok(HeapUnlock(heap));
	finish(&other, thread);
	destroy(heap);
}
END_TEST

START_TEST(a_lock_is_taken_as_often_as_one_likes)
{
	HANDLE heap = make_heap(0, 0);
	struct other other = { .heap = heap };
	pthread_t thread;
	SIZE_T bytes;
	int i;

	for (i = 0; i < 10; i++)
		assert_ok(HeapLock(heap));
	thread = start(&other);
	for (i = 0; i < 9; i++) {
		free_block(heap, make_block(heap, SIZE, i));
		assert_ok(HeapValidate(heap, 0, NULL));
		ck_assert_uint_eq(walk(heap, &bytes), 0);
		assert_ok(HeapUnlock(heap));
		sched_yield();
		ck_assert(!__atomic_load_n(&other.done, __ATOMIC_ACQUIRE));
	}
	assert_ok(HeapUnlock(heap));
	finish(&other, thread);
	destroy(heap);
}
END_TEST

/* These end, or the test runs into its time limit. */
START_TEST(another_heap_is_not_locked)
{
	HANDLE heap = make_heap(0, 0);
	struct other other = { .heap = make_heap(0, 0), .locks = _i };

	assert_ok(HeapLock(heap));
	finish(&other, start(&other));
	assert_ok(HeapUnlock(heap));
	destroy(other.heap);
	destroy(heap);
}
END_TEST

START_TEST(a_heap_without_serialization_is_not_locked)
{
	HANDLE heap = make_heap(HEAP_NO_SERIALIZE, 0);
	struct other other = { .heap = heap, .locks = _i };

	assert_ok(HeapLock(heap));
	finish(&other, start(&other));
	assert_ok(HeapUnlock(heap));
	destroy(heap);
}
END_TEST

START_TEST(a_locked_heap_can_be_destroyed_after_it_is_unlocked)
{
	HANDLE heap = make_heap(0, 0);

	assert_ok(HeapLock(heap));
	make_block(heap, 100, 1);
	assert_ok(HeapUnlock(heap));
	assert_ok(HeapLock(heap));
	assert_ok(HeapUnlock(heap));
	destroy(heap);
}
END_TEST

/* The heap that is made next is nobody's. */
START_TEST(a_heap_can_be_destroyed_by_who_has_locked_it)
{
	struct other other = { .heap = make_heap(0, 0) };

	assert_ok(HeapLock(other.heap));
	assert_ok(HeapLock(other.heap));
	make_block(other.heap, 100, 1);
	destroy(other.heap);
	other.heap = make_heap(0, 0);
	finish(&other, start(&other));
	destroy(other.heap);
}
END_TEST

/* ------------------------------------------------ calls that do not wait --- */

/* What a thread does in a heap that another one has locked. */
struct passer {
	HANDLE heap;
	unsigned char *block;		/* the locker's; freed here */
	unsigned char *kept;		/* filled, for the locker to free */
};

static const SIZE_T passed_sizes[] = { 1, 100, 5000, SIZE, 300 * KIB };
#define KEPT	3000

static bool pass_with_size(HANDLE heap, SIZE_T size)
{
	unsigned char *block, *larger;
	bool ok;

	block = HeapAlloc(heap, HEAP_NO_SERIALIZE, size);
	if (!block)
		return false;
	fill(block, 0, size, 1);
	larger = HeapReAlloc(heap, HEAP_NO_SERIALIZE, block, 3 * size);
	if (!larger)
		return false;
	ok = is_filled(larger, 0, size, 1) &&
	     HeapReAlloc(heap, HEAP_NO_SERIALIZE | HEAP_REALLOC_IN_PLACE_ONLY,
			 larger, 3 * size) == larger &&
	     HeapSize(heap, HEAP_NO_SERIALIZE, larger) == 3 * size &&
	     HeapValidate(heap, HEAP_NO_SERIALIZE, larger);
	return HeapFree(heap, HEAP_NO_SERIALIZE, larger) && ok;
}

static void *pass(void *arg)
{
	struct passer *passer = arg;
	HANDLE heap = passer->heap;
	unsigned int i;
	bool ok = true;

	for (i = 0; i < COUNT(passed_sizes); i++)
		ok = ok && pass_with_size(heap, passed_sizes[i]);
	/* A failure leaves nothing behind either. */
	ok = ok && !HeapAlloc(heap, HEAP_NO_SERIALIZE, unknown(SIZE_MAX / 2));
	ok = ok && HeapFree(heap, HEAP_NO_SERIALIZE, passer->block);
	passer->kept = HeapAlloc(heap, HEAP_NO_SERIALIZE, KEPT);
	if (!ok || !passer->kept)
		return NULL;
	fill(passer->kept, 0, KEPT, 3);
	HeapCompact(heap, HEAP_NO_SERIALIZE);
	return HeapValidate(heap, HEAP_NO_SERIALIZE, NULL) ? passer : NULL;
}

static void run_passer(struct passer *passer)
{
	pthread_t thread;
	void *result;

	passer->block = make_block(passer->heap, SIZE, 2);
	ck_assert_int_eq(pthread_create(&thread, NULL, pass, passer), 0);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_eq(result, passer);
	ck_assert(is_filled(passer->kept, 0, KEPT, 3));
	free_block(passer->heap, passer->kept);
}

/* It ends while the lock is held, or the test runs into its time limit. */
START_TEST(a_call_without_serialization_passes_the_lock)
{
	struct passer passer = { .heap = make_heap(0, _i ? 4 * MIB : 0) };
	unsigned char *block = make_block(passer.heap, 100, 4);
	SIZE_T bytes;

	assert_ok(HeapLock(passer.heap));
	run_passer(&passer);
	run_passer(&passer);
	ck_assert_uint_eq(walk(passer.heap, &bytes), 1);
	ck_assert_uint_eq(bytes, 100);
	ck_assert(is_filled(block, 0, 100, 4));
	assert_ok(HeapUnlock(passer.heap));
	run_passer(&passer);
	destroy(passer.heap);
}
END_TEST

/* And no others with it, while it is in the heap and afterwards. */
START_TEST(the_lock_that_was_passed_keeps_others_out)
{
	struct other other = { .heap = make_heap(0, _i ? 4 * MIB : 0) };
	struct passer passer = { .heap = other.heap };
	pthread_t thread;
	int i;

	assert_ok(HeapLock(other.heap));
	thread = start(&other);
	for (i = 0; i < YIELDS / 10; i++) {
		run_passer(&passer);
		sched_yield();
		ck_assert(!__atomic_load_n(&other.done, __ATOMIC_ACQUIRE));
	}
	assert_ok(HeapUnlock(other.heap));
	finish(&other, thread);
	destroy(other.heap);
}
END_TEST

/* ------------------------------------------------------------------------ */

static HANDLE common;
static bool stop;
static int counter;

/* Allocates and frees all the time, blocks of SIZE and above. */
static void *use_heap(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg, i;
	unsigned char *blocks[8] = { NULL };

	for (i = 0; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); i++) {
		unsigned char **block = &blocks[i % 8];
		SIZE_T size = SIZE + i * 97 % SIZE;

		if (*block && !HeapFree(common, 0, *block))
			return NULL;
		*block = HeapAlloc(common, 0, size);
		if (!*block)
			return NULL;
		fill(*block, 0, 64, seed);
		if (!is_filled(*block, 0, 64, seed))
			return NULL;
	}
	for (i = 0; i < 8; i++)
		if (!HeapFree(common, 0, blocks[i]))
			return NULL;
	return &common;
}

static void run_threads(pthread_t *threads, void *(*function)(void *arg))
{
	uintptr_t i;

	stop = false;
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, function,
						(void *)i), 0);
}

static void join_threads(pthread_t *threads)
{
	void *result;
	int i;

	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &result), 0);
		ck_assert_ptr_ne(result, NULL);
	}
}

/* What is seen under the lock does not change as long as it is held. */
START_TEST(nothing_moves_under_the_lock)
{
	pthread_t threads[THREADS];
	SIZE_T bytes, again;
	unsigned int nr;
	int i;

	common = make_heap(0, 0);
	run_threads(threads, use_heap);
	for (i = 0; i < YIELDS; i++) {
		assert_ok(HeapLock(common));
		nr = walk(common, &bytes);
		sched_yield();
		ck_assert_uint_eq(walk(common, &again), nr);
		ck_assert_uint_eq(again, bytes);
		assert_ok(HeapValidate(common, 0, NULL));
		assert_ok(HeapUnlock(common));
		sched_yield();
	}
	join_threads(threads);
	ck_assert_uint_eq(walk(common, &bytes), 0);
	destroy(common);
}
END_TEST

/* Without the lock a whole validation is right all the same. */
START_TEST(a_heap_in_use_can_be_validated)
{
	pthread_t threads[THREADS];
	unsigned char *block;
	int i;

	common = make_heap(0, 0);
	run_threads(threads, use_heap);
	for (i = 0; i < YIELDS; i++) {
		block = make_block(common, 100 * i, i);
		assert_ok(HeapValidate(common, 0, NULL));
		assert_ok(HeapValidate(common, 0, block));
		ck_assert(is_filled(block, 0, 100 * i, i));
		free_block(common, block);
	}
	join_threads(threads);
	destroy(common);
}
END_TEST

static void *count_under_lock(void *arg)
{
	int i, before;

	(void)arg;
	for (i = 0; i < YIELDS; i++) {
		if (!HeapLock(common))
			return NULL;
		before = counter;
		sched_yield();
		counter = before + 1;
		if (!HeapUnlock(common))
			return NULL;
	}
	return &common;
}

START_TEST(one_thread_has_the_lock_at_a_time)
{
	pthread_t threads[THREADS];

	common = make_heap(0, 0);
	counter = 0;
	run_threads(threads, count_under_lock);
	join_threads(threads);
	ck_assert_int_eq(counter, THREADS * YIELDS);
	destroy(common);
}
END_TEST

/* ------------------------------------------------------------------------ */

#define HANDED	2000

static unsigned char *handed[HANDED];

/* Frees what the main thread allocates, as it comes. */
static void *free_what_comes(void *arg)
{
	unsigned char *block;
	unsigned int i;

	(void)arg;
	for (i = 0; i < HANDED; i++) {
		while (!(block = __atomic_load_n(&handed[i],
						 __ATOMIC_ACQUIRE)))
			sched_yield();
		if (HeapSize(common, 0, block) != i ||
		    !is_filled(block, 0, i, i) || !HeapFree(common, 0, block))
			return NULL;
	}
	return &common;
}

START_TEST(a_block_is_freed_by_another_thread)
{
	pthread_t thread;
	SIZE_T bytes;
	void *result;
	unsigned int i;

	common = make_heap(0, 0);
	for (i = 0; i < HANDED; i++)
		handed[i] = NULL;
	ck_assert_int_eq(pthread_create(&thread, NULL, free_what_comes, NULL),
			 0);
	for (i = 0; i < HANDED; i++)
		__atomic_store_n(&handed[i], make_block(common, i, i),
				 __ATOMIC_RELEASE);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_ne(result, NULL);
	ck_assert_uint_eq(walk(common, &bytes), 0);
	destroy(common);
}
END_TEST

static void *allocate_and_end(void *arg)
{
	unsigned int i;

	for (i = 0; i < 100; i++) {
		((unsigned char **)arg)[i] = HeapAlloc(common, 0, i * 20);
		if (!((unsigned char **)arg)[i])
			return NULL;
		fill(((unsigned char **)arg)[i], 0, i * 20, i);
	}
	return arg;
}

/* In a heap that is too small for all that the threads had in turn. */
START_TEST(what_a_thread_leaves_behind_is_not_lost)
{
	unsigned char *blocks[100];
	pthread_t thread;
	unsigned int round, i;
	SIZE_T bytes;
	void *result;

	common = make_heap(0, MIB);
	for (round = 0; round < 50; round++) {
		ck_assert_int_eq(pthread_create(&thread, NULL,
						allocate_and_end, blocks), 0);
		ck_assert_int_eq(pthread_join(thread, &result), 0);
		ck_assert_ptr_eq(result, blocks);
		ck_assert_uint_eq(walk(common, &bytes), 100);
		for (i = 0; i < 100; i++) {
			ck_assert(is_filled(blocks[i], 0, i * 20, i));
			free_block(common, blocks[i]);
		}
	}
	assert_ok(HeapValidate(common, 0, NULL));
	destroy(common);
}
END_TEST

static void *allocate_and_wait(void *arg)
{
	struct other *other = arg;
	void *block = HeapAlloc(other->heap, 0, SIZE);

	__atomic_store_n(&other->started, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&other->done, __ATOMIC_ACQUIRE))
		sched_yield();
	return block;
}

/* As on Windows, where an ending thread asks no heap. */
START_TEST(a_thread_ends_whose_heap_is_locked)
{
	struct other other = { .heap = make_heap(0, 0) };
	pthread_t thread;
	void *block;

	ck_assert_int_eq(pthread_create(&thread, NULL, allocate_and_wait,
					&other), 0);
	while (!__atomic_load_n(&other.started, __ATOMIC_ACQUIRE))
		sched_yield();
	assert_ok(HeapLock(other.heap));
	__atomic_store_n(&other.done, true, __ATOMIC_RELEASE);
	ck_assert_int_eq(pthread_join(thread, &block), 0);
	assert_ok(HeapUnlock(other.heap));
	assert_ok(block);
	assert_ok(HeapFree(other.heap, 0, block));
	assert_ok(HeapValidate(other.heap, 0, NULL));
	ck_assert_uint_eq(walk(other.heap, &(SIZE_T){ 0 }), 0);
	destroy(other.heap);
}
END_TEST

TCase *heap_lock_tests(void)
{
	TCase *tests = tcase_create("HeapLock");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, a_lock_keeps_others_out, 0, 2);
	tcase_add_test(tests, a_lock_is_taken_as_often_as_one_likes);
	tcase_add_loop_test(tests, another_heap_is_not_locked, 0, 2);
	tcase_add_loop_test(tests, a_heap_without_serialization_is_not_locked,
			    0, 2);
	tcase_add_loop_test(tests,
			    a_call_without_serialization_passes_the_lock, 0, 2);
	tcase_add_loop_test(tests, the_lock_that_was_passed_keeps_others_out,
			    0, 2);
	tcase_add_test(tests,
		       a_locked_heap_can_be_destroyed_after_it_is_unlocked);
	tcase_add_test(tests, a_heap_can_be_destroyed_by_who_has_locked_it);
	tcase_add_test(tests, nothing_moves_under_the_lock);
	tcase_add_test(tests, a_heap_in_use_can_be_validated);
	tcase_add_test(tests, one_thread_has_the_lock_at_a_time);
	tcase_add_test(tests, a_block_is_freed_by_another_thread);
	tcase_add_test(tests, what_a_thread_leaves_behind_is_not_lost);
	tcase_add_test(tests, a_thread_ends_whose_heap_is_locked);
	return tests;
}
