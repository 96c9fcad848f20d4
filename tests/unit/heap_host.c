// SPDX-License-Identifier: MIT
/*
 * What is ours about the heap: wrong uses that end the process, with a message,
 * or are refused where Windows promises nothing; and children.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/forkorder.h"
#include "heap.h"
#include "heap/purge.h"
#include "heap/shard.h"
#include "heap/thread.h"
#include "heap/types.h"
#include "inject.h"

/* ------------------------------------------------ wrong uses that are fatal --- */

static const SIZE_T sizes[] = { 24, 1000, 20000, 100 * KIB, 3 * MIB };

/* What a child does wrong, with a block of one of the sizes. */
struct wrong {
	void (*act)(SIZE_T size);
	const char *call;	/* that the message names */
	SIZE_T size;
	int output;
};

static HANDLE new_heap(void)
{
	return HeapCreate(0, 0, 0);
}

static unsigned char *new_block(HANDLE heap, SIZE_T size)
{
	unsigned char *block = HeapAlloc(heap, 0, size);

	if (!block)
		_exit(2);
	memset(block, 0x11, size);
	return block;
}

static void free_twice(SIZE_T size)
{
	HANDLE heap = new_heap();
	unsigned char *block = new_block(heap, size);

	new_block(heap, size);
	HeapFree(heap, 0, block);
	HeapFree(heap, 0, block);
}

static void free_twice_with_others_between(SIZE_T size)
{
	HANDLE heap = new_heap();
	unsigned char *block = new_block(heap, size);
	unsigned char *other = new_block(heap, size);

	new_block(heap, size);
	HeapFree(heap, 0, block);
	HeapFree(heap, 0, other);
	HeapFree(heap, 0, block);
}

static void free_twice_in_the_process_heap(SIZE_T size)
{
	unsigned char *block = new_block(GetProcessHeap(), size);

	new_block(GetProcessHeap(), size);
	HeapFree(GetProcessHeap(), 0, block);
	HeapFree(GetProcessHeap(), 0, block);
}

static void free_the_inside(SIZE_T size)
{
	HANDLE heap = new_heap();

	HeapFree(heap, 0, new_block(heap, size) + 16);
}

static void free_off_the_grain(SIZE_T size)
{
	HANDLE heap = new_heap();

	HeapFree(heap, 0, new_block(heap, size) + 1);
}

static void free_of_another_heap(SIZE_T size)
{
	HANDLE heap = new_heap();

	new_block(heap, size);
	HeapFree(heap, 0, new_block(new_heap(), size));
}

static void free_a_variable(SIZE_T size)
{
	static unsigned char variable[64] __attribute__((aligned(64)));
	HANDLE heap = new_heap();

	new_block(heap, size);
	HeapFree(heap, 0, variable + 16);
}

static void free_the_stack(SIZE_T size)
{
	unsigned char variable[64] __attribute__((aligned(16)));
	HANDLE heap = new_heap();

	new_block(heap, size);
	HeapFree(heap, 0, variable);
}

static void free_nowhere(SIZE_T size)
{
	HANDLE heap = new_heap();

	new_block(heap, size);
	HeapFree(heap, 0, (void *)0x123456780);
}

static void resize_what_is_free(SIZE_T size)
{
	HANDLE heap = new_heap();
	unsigned char *block = new_block(heap, size);

	new_block(heap, size);
	HeapFree(heap, 0, block);
	if (!HeapReAlloc(heap, 0, block, 2 * size))
		_exit(3);
}

static void resize_of_another_heap(SIZE_T size)
{
	HANDLE heap = new_heap();

	if (!HeapReAlloc(heap, 0, new_block(new_heap(), size), 2 * size))
		_exit(3);
}

static const struct wrong wrongs[] = {
	{ .act = free_twice, .call = "HeapFree" },
	{ .act = free_twice_with_others_between, .call = "HeapFree" },
	{ .act = free_twice_in_the_process_heap, .call = "HeapFree" },
	{ .act = free_the_inside, .call = "HeapFree" },
	{ .act = free_off_the_grain, .call = "HeapFree" },
	{ .act = free_of_another_heap, .call = "HeapFree" },
	{ .act = free_a_variable, .call = "HeapFree" },
	{ .act = free_the_stack, .call = "HeapFree" },
	{ .act = free_nowhere, .call = "HeapFree" },
	{ .act = resize_what_is_free, .call = "HeapReAlloc" },
	{ .act = resize_of_another_heap, .call = "HeapReAlloc" },
};

static void act(void *arg)
{
	struct wrong *wrong = arg;

	dup2(wrong->output, STDERR_FILENO);
	wrong->act(wrong->size);
}

START_TEST(a_wrong_use_ends_the_process_with_a_message)
{
	struct wrong wrong = wrongs[_i];
	char text[8192];
	int ends[2], status;
	unsigned int i;
	ssize_t length;

	/* The address sanitizer sees what is copied. */
	if (UNDER_ASAN && wrong.act == resize_what_is_free)
		return;
	for (i = 0; i < COUNT(sizes); i += scaled(10) < 10 ? 2 : 1) {
		ck_assert_int_eq(pipe(ends), 0);
		wrong.output = ends[1];
		wrong.size = sizes[i];
		status = in_child(act, &wrong);
		ck_assert_msg(WIFSIGNALED(status) &&
			      WTERMSIG(status) == SIGABRT,
			      "size %zu: status %#x", (size_t)sizes[i], status);
		close(ends[1]);
		length = read(ends[0], text, sizeof(text) - 1);
		close(ends[0]);
		ck_assert_int_ge(length, 1);
		text[length] = '\0';
		ck_assert_msg(strstr(text, "ntmem: ") &&
			      strstr(text, wrong.call), "%s", text);
	}
}
END_TEST

/*
 * Whoever writes on into the next block is found, at the latest when the heap
 * is validated. What a small block has to spare is less than a fourth of it.
 */
START_TEST(a_write_beyond_the_end_is_found)
{
	static const SIZE_T all[] = { 24, 100, 1000, 5000 };
	SIZE_T size = all[_i];
	HANDLE heap = make_heap(0, 0);
	unsigned char *block = make_block(heap, size, 1);
	int i;

	/* They find it before. */
	if (under_valgrind() || UNDER_ASAN)
		return;
	for (i = 0; i < 8; i++)
		make_block(heap, size, 2);
	assert_ok(HeapValidate(heap, 0, NULL));
	memset(block + size, 0x41, size / 4 + 16);
	SetLastError(UNTOUCHED);
	ck_assert(!HeapValidate(heap, 0, NULL) ||
		  !HeapValidate(heap, 0, block));
	ck_assert_uint_eq(GetLastError(), UNTOUCHED);
	destroy(heap);
}
END_TEST

static LONG search_on(EXCEPTION_POINTERS *pointers)
{
	(void)pointers;
	return EXCEPTION_CONTINUE_SEARCH;
}

static void want_too_much(void *arg)
{
	HANDLE heap = HeapCreate(HEAP_GENERATE_EXCEPTIONS, 0, 0);

	(void)arg;
	AddVectoredExceptionHandler(1, search_on);
	if (!HeapAlloc(heap, 0, unknown(SIZE_MAX / 2)))
		_exit(3);
}

START_TEST(an_exception_that_nobody_handles_ends_the_process)
{
	int status = in_child(want_too_much, NULL);

	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGABRT);
}
END_TEST

static int exceptions;

static LONG go_on(EXCEPTION_POINTERS *pointers)
{
	exceptions +=
		pointers->ExceptionRecord->ExceptionCode == STATUS_NO_MEMORY;
	return EXCEPTION_CONTINUE_EXECUTION;
}

START_TEST(an_exception_that_is_handled_ends_the_call)
{
	HANDLE heap = make_heap(HEAP_GENERATE_EXCEPTIONS, 0);
	PVOID handler = AddVectoredExceptionHandler(1, go_on);
	unsigned char *block = make_block(heap, 100, 1);

	exceptions = 0;
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     HeapAlloc(heap, 0, unknown(SIZE_MAX / 2)));
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     HeapReAlloc(heap, 0, block, unknown(SIZE_MAX / 2)));
	ck_assert_int_eq(exceptions, 2);
	ck_assert(is_filled(block, 0, 100, 1));
	RemoveVectoredExceptionHandler(handler);
	destroy(heap);
}
END_TEST

/* --------------------------------------------------- what is no heap, no block --- */

static void check_no_heap(HANDLE heap)
{
	static unsigned char block[64] __attribute__((aligned(64)));
	PROCESS_HEAP_ENTRY entry = { .lpData = NULL };
	HEAP_SUMMARY summary = { .cb = sizeof(summary) };
	ULONG value = 2;

	assert_fails(ERROR_INVALID_HANDLE, HeapDestroy(heap));
	assert_fails(ERROR_INVALID_HANDLE, HeapLock(heap));
	assert_fails(ERROR_INVALID_HANDLE, HeapUnlock(heap));
	assert_fails(ERROR_INVALID_HANDLE, HeapWalk(heap, &entry));
	assert_fails(ERROR_INVALID_HANDLE, HeapSummary(heap, 0, &summary));
	assert_fails(ERROR_INVALID_HANDLE, HeapCompact(heap, 0));
	assert_fails(ERROR_INVALID_HANDLE,
		     HeapSetInformation(heap, HeapCompatibilityInformation,
					&value, sizeof(value)));
	assert_fails(UNTOUCHED, HeapValidate(heap, 0, NULL));
	assert_fails(UNTOUCHED, HeapValidate(heap, 0, block));
	SetLastError(UNTOUCHED);
	ck_assert_uint_eq(HeapSize(heap, 0, block), (SIZE_T)-1);
	ck_assert_uint_eq(GetLastError(), UNTOUCHED);
}

START_TEST(what_is_no_heap_is_refused)
{
	static uint64_t memory[1024] __attribute__((aligned(4096)));

	check_no_heap(NULL);
	check_no_heap(memory);
}
END_TEST

START_TEST(a_destroyed_heap_is_none)
{
	HANDLE heap = make_heap(0, 0);
	void *block = make_block(heap, 100, 1);

	destroy(heap);
	check_no_heap(heap);
	assert_fails(UNTOUCHED, HeapValidate(heap, 0, block));
	assert_fails(ERROR_INVALID_HANDLE, HeapAlloc(heap, 0, 1));
	assert_fails(ERROR_INVALID_HANDLE, HeapReAlloc(heap, 0, block, 1));
	assert_fails(ERROR_INVALID_HANDLE, HeapFree(heap, 0, block));
}
END_TEST

START_TEST(what_is_no_block_has_no_size)
{
	static unsigned char foreign[64] __attribute__((aligned(64)));
	HANDLE heap = make_heap(0, 0);
	HANDLE other = make_heap(0, 0);
	unsigned char *block = make_block(heap, sizes[_i], 1);

	SetLastError(UNTOUCHED);
	ck_assert_uint_eq(HeapSize(other, 0, block), (SIZE_T)-1);
	ck_assert_uint_eq(HeapSize(heap, 0, foreign + 16), (SIZE_T)-1);
	ck_assert_uint_eq(HeapSize(heap, 0, &block), (SIZE_T)-1);
	ck_assert_uint_eq(HeapSize(heap, 0, NULL), (SIZE_T)-1);
	ck_assert_uint_eq(HeapSize(heap, 0, block + 1), (SIZE_T)-1);
	ck_assert_uint_eq(HeapSize(heap, 0, block + 16), (SIZE_T)-1);
	ck_assert(!HeapValidate(heap, 0, block + 1));
	ck_assert(!HeapValidate(heap, 0, block + 16));
	ck_assert(!HeapValidate(heap, 0, &block));
	ck_assert(!HeapValidate(heap, 0, (void *)0x123456780));
	ck_assert_uint_eq(GetLastError(), UNTOUCHED);
	destroy(other);
	destroy(heap);
}
END_TEST

static SIZE_T committed(HANDLE heap)
{
	HEAP_SUMMARY summary = { .cb = sizeof(summary) };

	assert_ok(HeapSummary(heap, 0, &summary));
	return summary.cbCommitted;
}

/* _i: the other names of HeapCompact. */
START_TEST(compacting_gives_memory_of_the_process_heap_back)
{
	void *blocks[64];
	SIZE_T before;
	unsigned int i;

	/* There it goes back when it is freed. */
	if (getenv("NTMEM_HEAP_PURGE"))
		return;
	for (i = 0; i < 64; i++)
		assert_ok(blocks[i] = LocalAlloc(LMEM_FIXED, 20000));
	for (i = 0; i < 64; i++)
		LocalFree(blocks[i]);
	before = committed(GetProcessHeap());
	if (_i)
		LocalCompact(0);
	else
		GlobalCompact(0);
	ck_assert_uint_lt(committed(GetProcessHeap()), before);
}
END_TEST

static void *unlock(void *heap)
{
	SetLastError(UNTOUCHED);
	return !HeapUnlock(heap) && GetLastError() == ERROR_NOT_OWNER ? heap :
									NULL;
}

START_TEST(only_who_has_the_lock_gives_it_back)
{
	HANDLE heap = make_heap(0, 0);
	pthread_t thread;
	void *result;

	assert_fails(ERROR_NOT_OWNER, HeapUnlock(heap));
	assert_ok(HeapLock(heap));
	ck_assert_int_eq(pthread_create(&thread, NULL, unlock, heap), 0);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_eq(result, heap);
	assert_ok(HeapUnlock(heap));
	assert_fails(ERROR_NOT_OWNER, HeapUnlock(heap));
	destroy(heap);
}
END_TEST

START_TEST(a_block_of_malloc_is_not_known_to_the_c_run_time)
{
	void *block = malloc(100);

	/* malloc is libc's in this program. */
	ck_assert_uint_eq(HeapSize(GetProcessHeap(), 0, block), (SIZE_T)-1);
	ck_assert_uint_eq(GlobalSize(block), 0);
	free(block);
}
END_TEST

/* ------------------------------------------------------------- children --- */

/* What a child is given. */
struct given {
	HANDLE heap;
	unsigned char *blocks[200];
	HANDLE object;
};

static void use_heaps(void *arg)
{
	struct given *given = arg;
	HANDLE heap = HeapCreate(0, 0, 0);
	unsigned char *block;
	unsigned int i;

	require(HeapValidate(given->heap, 0, NULL));
	for (i = 0; i < 200; i++) {
		require(is_filled(given->blocks[i], 0, i * 100, i));
		if (i % 2)
			require(HeapFree(given->heap, 0, given->blocks[i]));
		block = HeapAlloc(given->heap, 0, i * 100);
		require(block);
		fill(block, 0, i * 100, 77);
		require(HeapAlloc(heap, HEAP_ZERO_MEMORY, i * 100));
		require(HeapAlloc(GetProcessHeap(), 0, i * 100));
	}
	require(HeapLock(given->heap) && HeapUnlock(given->heap));
	block = GlobalLock(given->object);
	require(block && is_filled(block, 0, 100, 1));
	require(GlobalReAlloc(given->object, 5000, GMEM_MOVEABLE) ==
		given->object);
	require(GlobalAlloc(GMEM_MOVEABLE, 100));
	require(HeapDestroy(given->heap) && HeapDestroy(heap));
	require(HeapValidate(GetProcessHeap(), 0, NULL));
}

static void make_given(struct given *given)
{
	unsigned char *block;
	unsigned int i;

	given->heap = make_heap(0, 0);
	for (i = 0; i < 200; i++)
		given->blocks[i] = make_block(given->heap, i * 100, i);
	assert_ok(given->object = GlobalAlloc(GMEM_MOVEABLE, 100));
	block = GlobalLock(given->object);
	fill(block, 0, 100, 1);
	GlobalUnlock(given->object);
}

static void check_given(struct given *given)
{
	unsigned int i;
	SIZE_T bytes;

	ck_assert_uint_eq(walk(given->heap, &bytes), 200);
	for (i = 0; i < 200; i++)
		ck_assert(is_filled(given->blocks[i], 0, i * 100, i));
	ck_assert_uint_eq(GlobalSize(given->object), 100);
	ck_assert_ptr_eq(GlobalFree(given->object), NULL);
	destroy(given->heap);
}

START_TEST(a_child_has_heaps_of_its_own)
{
	struct given given;

	make_given(&given);
	ck_assert_int_eq(in_child(use_heaps, &given), 0);
	check_given(&given);
}
END_TEST

static HANDLE busy_heap;
static bool stop;

/* Keeps locks of all kinds busy. */
static void *be_busy(void *arg)
{
	void *blocks[32] = { NULL };
	unsigned int i;
	HANDLE object;

	for (i = 0; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); i++) {
		HeapFree(busy_heap, 0, blocks[i % 32]);
		blocks[i % 32] = HeapAlloc(busy_heap, 0, i * 7919 % 50000);
		object = GlobalAlloc(GMEM_MOVEABLE, i % 1000);
		GlobalReAlloc(object, i * 31 % 2000, GMEM_MOVEABLE);
		GlobalFree(object);
		if (i % 16 == 0)
			HeapDestroy(HeapCreate(0, 0, 0));
	}
	for (i = 0; i < 32; i++)
		HeapFree(busy_heap, 0, blocks[i]);
	return arg;
}

START_TEST(a_child_of_a_process_with_threads_too)
{
	struct given given;
	pthread_t threads[2];
	int forks = on_debug_kernel() ? 5 : 20;
	int i;

	make_given(&given);
	stop = false;
	busy_heap = make_heap(0, 0);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, be_busy,
						NULL), 0);
	for (i = 0; i < forks; i++)
		ck_assert_int_eq(in_child(use_heaps, &given), 0);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_ok(HeapValidate(busy_heap, 0, NULL));
	destroy(busy_heap);
	check_given(&given);
}
END_TEST

/* Is in the heap again and again, whoever has locked it. */
static void *pass_locks(void *arg)
{
	void *blocks[32] = { NULL };
	unsigned int i;

	for (i = 0; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); i++) {
		HeapFree(busy_heap, HEAP_NO_SERIALIZE, blocks[i % 32]);
		blocks[i % 32] = HeapAlloc(busy_heap, HEAP_NO_SERIALIZE,
					   i * 7919 % 50000);
		/* Who never sleeps leaves a lock to those who do by luck only. */
		sched_yield();
	}
	for (i = 0; i < 32; i++)
		HeapFree(busy_heap, HEAP_NO_SERIALIZE, blocks[i]);
	return arg;
}

static void use_locked_heap(void *arg)
{
	unsigned int i;

	(void)arg;
	require(HeapValidate(busy_heap, 0, NULL));
	for (i = 0; i < 100; i++)
		require(HeapAlloc(busy_heap, 0, i * 100));
	HeapCompact(busy_heap, 0);
	require(HeapValidate(busy_heap, 0, NULL));
	require(HeapUnlock(busy_heap));
	require(!HeapUnlock(busy_heap));
}

/*
 * Neither of them is a use of the heap by who has locked it: the other thread
 * promised to meet none of those.
 */
START_TEST(a_fork_and_an_unlock_meet_no_call_that_passes_the_lock)
{
	/* In a guest, a fork takes ten times as long. */
	const unsigned int forks = scaled(on_kernel_engine() ? 50 : 500);
	pthread_t thread;
	unsigned int i;

	stop = false;
	busy_heap = make_heap(0, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, pass_locks, NULL), 0);
	for (i = 0; i < forks; i++) {
		assert_ok(HeapLock(busy_heap));
		ck_assert_int_eq(in_child(use_locked_heap, NULL), 0);
		assert_ok(HeapUnlock(busy_heap));
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_ok(HeapValidate(busy_heap, 0, NULL));
	destroy(busy_heap);
}
END_TEST

/* Called by fork when all heaps are closed, and in the parent before they open. */
static void (*when_closed)(void), (*when_forked)(void);

static void call_when_closed(void)
{
	if (when_closed)
		when_closed();
}

static void call_when_forked(void)
{
	if (when_forked)
		when_forked();
}

/* Before the heap's own handlers: what is to be called before a fork is so in reverse. */
__attribute__((constructor(FORK_ORDER_ENGINE)))
static void register_fork_handlers(void)
{
	pthread_atfork(call_when_closed, call_when_forked, NULL);
}

/* As another thread does in shard_lock() at any time, to find the heap closed. */
static struct shard *caught;

static void catch_shard(void)
{
	heap_mutex_take(&caught->lock);
}

static void leave_shard(void)
{
	heap_mutex_give(&caught->lock);
}

static void use_caught_shard(void *arg)
{
	HANDLE heap = arg;
	void *block = HeapAlloc(heap, 0, 100);

	require(block && HeapFree(heap, 0, block));
	require(HeapValidate(heap, 0, NULL));
	HeapCompact(heap, 0);
}

/* Or the test runs into its time limit. */
START_TEST(a_child_inherits_no_lock_of_a_thread_that_is_not_there)
{
	HANDLE heap = make_heap(0, 0);
	unsigned char *block = make_block(heap, 100, 1);

	caught = &((struct heap *)heap)->first;
	when_closed = catch_shard;
	when_forked = leave_shard;
	ck_assert_int_eq(in_child(use_caught_shard, heap), 0);
	when_closed = NULL;
	when_forked = NULL;
	free_block(heap, block);
	destroy(heap);
}
END_TEST

/* The call of another thread, and how far that and the fork are. */
static void (*other_call)(struct heap *heap);
static bool begun, inside, closed, forked;

static void note_closed(void)
{
	__atomic_store_n(&closed, true, __ATOMIC_RELEASE);
	ck_assert(!__atomic_load_n(&inside, __ATOMIC_ACQUIRE));
}

static void note_inside(void)
{
	__atomic_store_n(&inside, true, __ATOMIC_RELEASE);
	__atomic_store_n(&begun, true, __ATOMIC_RELEASE);
}

/* A thread that ended before the child did would be a leak to a sanitizer. */
static void *call_and_stay(void *heap)
{
	other_call(heap);
	while (!__atomic_load_n(&forked, __ATOMIC_ACQUIRE))
		sched_yield();
	return NULL;
}

/* A call that is half way at a fork stays so in the child, where nobody ends it. */
static void fork_beside(void (*call)(struct heap *heap))
{
	HANDLE heap = make_heap(0, 0);
	pthread_t thread;

	other_call = call;
	begun = false;
	inside = false;
	closed = false;
	forked = false;
	ck_assert_int_eq(pthread_create(&thread, NULL, call_and_stay, heap), 0);
	while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
		sched_yield();
	when_closed = note_closed;
	ck_assert_int_eq(in_child(use_caught_shard, heap), 0);
	when_closed = NULL;
	__atomic_store_n(&forked, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	destroy(heap);
}

/* As in a call on the fast path, until its shard is taken away; and some more. */
static void be_inside(struct heap *heap)
{
	int i;

	HeapFree(heap, 0, HeapAlloc(heap, 0, 24));
	if (!thread_join()) {		/* there is no fast path */
		__atomic_store_n(&begun, true, __ATOMIC_RELEASE);
		return;
	}
	inside_begin();
	note_inside();
	while (heap_view(heap->index) != &shard_empty &&
	       !__atomic_load_n(&closed, __ATOMIC_ACQUIRE))
		sched_yield();
	for (i = 0; i < 1000; i++)
		sched_yield();
	__atomic_store_n(&inside, false, __ATOMIC_RELEASE);
	inside_end();
}

START_TEST(a_fork_waits_for_a_call_that_takes_no_lock)
{
	fork_beside(be_inside);
}
END_TEST

static pid_t forker;

static void make_a_heap(void *arg)
{
	(void)arg;
	require(HeapDestroy(HeapCreate(0, 0, 0)));
}

static void *fork_once(void *arg)
{
	(void)arg;
	__atomic_store_n(&forker, gettid(), __ATOMIC_RELEASE);
	return in_child(make_a_heap, NULL) ? &forker : NULL;
}

/* It waits for something, and so for the heap that is locked. */
static bool sleeps(const pid_t *thread)
{
	pid_t tid = __atomic_load_n(thread, __ATOMIC_ACQUIRE);
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = tid ? fopen(path, "r") : NULL;
	if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (file)
		fclose(file);
	return state == 'S';
}

static void wait_for_sleep(const pid_t *thread)
{
	while (!sleeps(thread))
		sched_yield();
}

/* As in a call on the slow path, until the fork waits for it. */
static void hold_shard(struct heap *heap)
{
	const pid_t main_thread = getpid();

	heap_mutex_take(&heap->first.lock);
	note_inside();
	while (!__atomic_load_n(&closed, __ATOMIC_ACQUIRE) &&
	       !sleeps(&main_thread))
		sched_yield();
	__atomic_store_n(&inside, false, __ATOMIC_RELEASE);
	heap_mutex_give(&heap->first.lock);
}

START_TEST(a_fork_waits_for_a_call_that_has_a_lock)
{
	fork_beside(hold_shard);
}
END_TEST

static pid_t passer;
static bool forking, passed;

/* A free, since an allocation waits for more than its turn. */
static void *pass_once(void *block)
{
	BOOL done;

	__atomic_store_n(&passer, gettid(), __ATOMIC_RELEASE);
	while (!__atomic_load_n(&forking, __ATOMIC_ACQUIRE))
		sched_yield();
	done = HeapFree(busy_heap, HEAP_NO_SERIALIZE, block);
	__atomic_store_n(&passed, true, __ATOMIC_RELEASE);
	return done ? block : NULL;
}

/* Either it comes to wait for the fork, or is in the heap that a child will see. */
static void let_pass(void)
{
	__atomic_store_n(&forking, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&passed, __ATOMIC_ACQUIRE) && !sleeps(&passer))
		sched_yield();
	ck_assert(!__atomic_load_n(&passed, __ATOMIC_ACQUIRE));
}

static void unlock_once(void *arg)
{
	SIZE_T bytes;

	(void)arg;
	require(walk(busy_heap, &bytes) == 1 && bytes == 100);
	require(HeapUnlock(busy_heap));
}

START_TEST(a_call_that_passes_the_lock_does_not_pass_a_fork)
{
	void *block, *freed;
	pthread_t thread;
	SIZE_T bytes;

	forking = false;
	passed = false;
	busy_heap = make_heap(0, 0);
	block = make_block(busy_heap, 100, 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, pass_once, block), 0);
	assert_ok(HeapLock(busy_heap));
	when_closed = let_pass;
	ck_assert_int_eq(in_child(unlock_once, NULL), 0);
	when_closed = NULL;
	pthread_join(thread, &freed);
	ck_assert_ptr_eq(freed, block);
	ck_assert_uint_eq(walk(busy_heap, &bytes), 0);
	assert_ok(HeapUnlock(busy_heap));
	destroy(busy_heap);
}
END_TEST

/* What he does with the list of heaps does not wait for the fork. */
START_TEST(a_fork_waits_for_who_has_locked_a_heap)
{
	HANDLE heap = make_heap(0, 0);
	HANDLE others[2];
	pthread_t thread;
	void *failed;

	forker = 0;
	assert_ok(HeapLock(heap));
	ck_assert_int_eq(pthread_create(&thread, NULL, fork_once, NULL), 0);
	wait_for_sleep(&forker);
	others[0] = make_heap(0, 0);
	others[1] = make_heap(0, 0);
	destroy(others[0]);
	ck_assert_uint_ge(GetProcessHeaps(0, NULL), 3);
	assert_ok(HeapUnlock(heap));
	pthread_join(thread, &failed);
	ck_assert_ptr_null(failed);
	destroy(others[1]);
	destroy(heap);
}
END_TEST

static void *compact_all(void *arg)
{
	HEAP_OPTIMIZE_RESOURCES_INFORMATION info = {
		.Version = HEAP_OPTIMIZE_RESOURCES_CURRENT_VERSION,
	};

	assert_ok(HeapSetInformation(NULL, HeapOptimizeResources, &info,
				     sizeof(info)));
	return arg;
}

START_TEST(a_look_at_all_heaps_does_not_wait_for_a_locked_one)
{
	HANDLE heap = make_heap(0, 0);
	pthread_t thread;

	assert_ok(HeapLock(heap));
	ck_assert_int_eq(pthread_create(&thread, NULL, compact_all, NULL), 0);
	pthread_join(thread, NULL);
	assert_ok(HeapUnlock(heap));
	destroy(heap);
}
END_TEST

#define MANY	64

/*
 * A call without serialization has the heap's lock, and so does not make the
 * thread that gives memory back: its end does.
 */
static void free_without_serialization(void *arg)
{
	HANDLE heap = HeapCreate(0, 0, 0);
	void *blocks[MANY];
	int i;

	(void)arg;
	for (i = 0; i < MANY; i++)
		blocks[i] = memset(HeapAlloc(heap, 0, 700 * KIB), 1,
				   700 * KIB);
	for (i = 0; i < MANY; i++) {
		if (!HeapFree(heap, HEAP_NO_SERIALIZE, blocks[i]))
			_exit(1);
		if (__atomic_load_n(&purge_state, __ATOMIC_SEQ_CST) ==
		    PURGE_WANTED)
			_exit(2);
	}
}

START_TEST(calls_without_serialization_give_memory_back_later)
{
	ck_assert_int_eq(in_child(free_without_serialization, NULL), 0);
}
END_TEST

static sem_t releasing;

/* Long enough for the other thread to ask for memory, unless it waits. */
static void release_late(void)
{
	const struct timespec late = { .tv_nsec = 300000000 };

	sem_post(&releasing);
	nanosleep(&late, NULL);
}

/* Those that are wanted again and again are kept, until nobody wants them. */
static void allocate_what_goes_back(void *arg)
{
	HANDLE heap = HeapCreate(0, 0, 0);
	void *p, *q;

	(void)arg;
	if (!limit_commit(64 * MIB) || sem_init(&releasing, 0, 0))
		_exit(1);
	while (__atomic_load_n(&purge_state, __ATOMIC_SEQ_CST) !=
	       PURGE_RUNNING) {
		p = HeapAlloc(heap, 0, 25 * MIB);
		q = HeapAlloc(heap, 0, 25 * MIB);
		if (!p || !q)
			_exit(2);
		HeapFree(heap, 0, p);
		HeapFree(heap, 0, q);
	}
	inject_before_release(release_late);
	sem_wait(&releasing);
	p = HeapAlloc(heap, 0, 50 * MIB);
	if (!p)
		_exit(3);
	HeapFree(heap, 0, p);
}

/* The thread sanitizer makes no threads in a child. */
START_TEST(what_just_goes_back_can_be_had)
{
	if (!UNDER_TSAN)
		ck_assert_int_eq(in_child(allocate_what_goes_back, NULL), 0);
}
END_TEST

/* ------------------------------------------------------------------ places --- */

#define AT_ONCE		5
#define IN_A_ROW	20
#define PART		(8 * MIB)	/* of the 64 MiB that a heap reserves */

struct keeper {
	pthread_t thread;
	pthread_barrier_t *all_have_theirs;
	void *block;
};

static void *allocate_and_keep(void *arg)
{
	struct keeper *keeper = arg;

	keeper->block = HeapAlloc(GetProcessHeap(), 0, 200 * KIB);
	if (keeper->all_have_theirs)
		pthread_barrier_wait(keeper->all_have_theirs);
	return NULL;
}

static uintptr_t part_of(const void *block)
{
	ck_assert_ptr_ne(block, NULL);
	return (uintptr_t)block / PART;
}

/* So that processors do not take lines beside each other from one another. */
START_TEST(threads_at_work_have_memory_far_from_each_other)
{
	struct keeper keepers[AT_ONCE] = { 0 };
	pthread_barrier_t barrier;
	unsigned int i, k;

	pthread_barrier_init(&barrier, NULL, AT_ONCE);
	for (i = 0; i < AT_ONCE; i++) {
		keepers[i].all_have_theirs = &barrier;
		ck_assert_int_eq(pthread_create(&keepers[i].thread, NULL,
						allocate_and_keep,
						&keepers[i]), 0);
	}
	for (i = 0; i < AT_ONCE; i++)
		pthread_join(keepers[i].thread, NULL);
	for (i = 0; i < AT_ONCE; i++)
		for (k = 0; k < i; k++)
			ck_assert_uint_ne(part_of(keepers[i].block),
					  part_of(keepers[k].block));
	for (i = 0; i < AT_ONCE; i++)
		assert_ok(HeapFree(GetProcessHeap(), 0, keepers[i].block));
}
END_TEST

/*
 * So that a process uses no more of its memory here and there than it must: in a
 * part, and in the next one where that is full. In a process that had other
 * tests before, it comes from where they left some.
 */
START_TEST(threads_one_after_the_other_have_theirs_in_one_place)
{
	struct keeper keepers[IN_A_ROW] = { 0 };
	unsigned int i, k, parts = 0;

	if (under_valgrind())
		return;
	for (i = 0; i < IN_A_ROW; i++) {
		ck_assert_int_eq(pthread_create(&keepers[i].thread, NULL,
						allocate_and_keep,
						&keepers[i]), 0);
		pthread_join(keepers[i].thread, NULL);
		for (k = 0; part_of(keepers[k].block) !=
			    part_of(keepers[i].block); k++)
			;
		parts += k == i;
	}
	ck_assert_uint_le(parts, 2);
	for (i = 0; i < IN_A_ROW; i++)
		assert_ok(HeapFree(GetProcessHeap(), 0, keepers[i].block));
}
END_TEST

TCase *heap_host_tests(void)
{
	TCase *tests = tcase_create("heaps, ours");

	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, a_wrong_use_ends_the_process_with_a_message,
			    0, COUNT(wrongs));
	tcase_add_loop_test(tests, a_write_beyond_the_end_is_found, 0, 4);
	tcase_add_test(tests,
		       an_exception_that_nobody_handles_ends_the_process);
	tcase_add_test(tests, an_exception_that_is_handled_ends_the_call);
	tcase_add_test(tests, what_is_no_heap_is_refused);
	tcase_add_test(tests, a_destroyed_heap_is_none);
	tcase_add_loop_test(tests, what_is_no_block_has_no_size, 0,
			    COUNT(sizes));
	tcase_add_loop_test(tests,
			    compacting_gives_memory_of_the_process_heap_back, 0,
			    2);
	tcase_add_test(tests, only_who_has_the_lock_gives_it_back);
	tcase_add_test(tests,
		       a_block_of_malloc_is_not_known_to_the_c_run_time);
	tcase_add_test(tests, a_child_has_heaps_of_its_own);
	tcase_add_test(tests, a_child_of_a_process_with_threads_too);
	tcase_add_test(tests,
		       a_fork_and_an_unlock_meet_no_call_that_passes_the_lock);
	tcase_add_test(tests, a_fork_waits_for_a_call_that_takes_no_lock);
	tcase_add_test(tests, a_fork_waits_for_a_call_that_has_a_lock);
	tcase_add_test(tests,
		       a_child_inherits_no_lock_of_a_thread_that_is_not_there);
	tcase_add_test(tests,
		       a_call_that_passes_the_lock_does_not_pass_a_fork);
	tcase_add_test(tests, a_fork_waits_for_who_has_locked_a_heap);
	tcase_add_test(tests,
		       a_look_at_all_heaps_does_not_wait_for_a_locked_one);
	tcase_add_test(tests,
		       calls_without_serialization_give_memory_back_later);
	tcase_add_test(tests, what_just_goes_back_can_be_had);
	tcase_add_test(tests, threads_at_work_have_memory_far_from_each_other);
	tcase_add_test(tests,
		       threads_one_after_the_other_have_theirs_in_one_place);
	return tests;
}
