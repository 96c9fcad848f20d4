// SPDX-License-Identifier: MIT
/*
 * Several threads at once.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "unit.h"

#define THREADS	4
#define ROUNDS	200

static char *common;

/* How many threads have come to the meeting, how often they met. */
static int arrived, meetings;
static bool failed;

/*
 * All go on when all are here, or one has failed. Not a pthread_barrier, which
 * on Windows spoils the last error.
 */
static void meet(void)
{
	int before = __atomic_load_n(&meetings, __ATOMIC_ACQUIRE);

	if (__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL) == THREADS) {
		__atomic_store_n(&arrived, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&meetings, before + 1, __ATOMIC_RELEASE);
		return;
	}
	while (__atomic_load_n(&meetings, __ATOMIC_ACQUIRE) == before &&
	       !__atomic_load_n(&failed, __ATOMIC_RELAXED))
		sched_yield();
}

static void run_threads(void *(*function)(void *arg))
{
	pthread_t threads[THREADS];
	void *failure;
	intptr_t i;

	arrived = 0;
	failed = false;
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, function,
						(void *)i), 0);
	for (i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &failure), 0);
		ck_assert_msg(!failure, "line %d", (int)(intptr_t)failure);
	}
}

/* In the threads: ends the thread with the line. */
#define confirm(condition) do {						\
	if (!(condition)) {						\
		__atomic_store_n(&failed, true, __ATOMIC_RELAXED);	\
		return (void *)(intptr_t)__LINE__;			\
	}								\
} while (0)

static void *own_last_error(void *arg)
{
	DWORD mine = 1000 + (DWORD)(intptr_t)arg;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		SetLastError(mine);
		VirtualAlloc(NULL, 0, MEM_RESERVE, PAGE_READWRITE);
		confirm(GetLastError() == ERROR_INVALID_PARAMETER);
		SetLastError(mine);
		meet();
		confirm(GetLastError() == mine);
	}
	return NULL;
}

START_TEST(each_thread_has_its_last_error)
{
	run_threads(own_last_error);
}
END_TEST

static void *whole_lives(void *arg)
{
	char fill = (char)(1 + (intptr_t)arg);
	DWORD old;
	char *p;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		p = VirtualAlloc(NULL, 4 * PAGE, MEM_RESERVE, PAGE_READWRITE);
		confirm(p);
		confirm(VirtualAlloc(p + PAGE, PAGE, MEM_COMMIT,
				     PAGE_READWRITE));
		confirm(p[PAGE] == 0);
		memset(p + PAGE, fill, PAGE);
		confirm(VirtualProtect(p + PAGE, 1, PAGE_READONLY, &old));
		confirm(p[2 * PAGE - 1] == fill);
		confirm(VirtualFree(p + PAGE, PAGE, MEM_DECOMMIT));
		confirm(VirtualFree(p, 0, MEM_RELEASE));
	}
	return NULL;
}

START_TEST(threads_use_reservations_of_their_own)
{
	run_threads(whole_lives);
}
END_TEST

/* Each thread has every fourth page of one reservation. */
static void *own_pages(void *arg)
{
	intptr_t me = (intptr_t)arg;
	char *p;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		p = common + (me + THREADS * (i % 16)) * PAGE;
		confirm(VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE));
		confirm(p[17] == 0);
		p[17] = (char)(me + 1);
		confirm(p[17] == (char)(me + 1));
		confirm(VirtualFree(p, PAGE, MEM_DECOMMIT));
	}
	return NULL;
}

START_TEST(threads_share_a_reservation)
{
	common = reserve_pages(THREADS * 16);
	run_threads(own_pages);
	assert_run(common, THREADS * 16 * PAGE, MEM_RESERVE, 0);
	drop(common);
}
END_TEST

/* ------------------------------------------------------------------------ */

static int guard_hits;
static int other_exceptions;

static LONG count_guards(EXCEPTION_POINTERS *pointers)
{
	if (pointers->ExceptionRecord->ExceptionCode != EXCEPTION_GUARD_PAGE) {
		__atomic_fetch_add(&other_exceptions, 1, __ATOMIC_RELAXED);
		return EXCEPTION_CONTINUE_SEARCH;
	}
	__atomic_fetch_add(&guard_hits, 1, __ATOMIC_RELAXED);
	return EXCEPTION_CONTINUE_EXECUTION;
}

static void *hit_guards(void *arg)
{
	int page;

	(void)arg;
	for (page = 0; page < 64; page++) {
		meet();
		confirm(can_read(common + page * PAGE));
	}
	return NULL;
}

START_TEST(a_guard_is_hit_by_one_thread_only)
{
	PVOID handler = AddVectoredExceptionHandler(1, count_guards);

	guard_hits = 0;
	other_exceptions = 0;
	common = commit_pages(64, PAGE_READWRITE | PAGE_GUARD);
	run_threads(hit_guards);
	ck_assert_int_eq(guard_hits, 64);
	ck_assert_int_eq(other_exceptions, 0);
	RemoveVectoredExceptionHandler(handler);
	drop(common);
}
END_TEST

/* ------------------------------------------------------------------------ */

static LONG commit_page(EXCEPTION_POINTERS *pointers)
{
	void *addr = (void *)
		pointers->ExceptionRecord->ExceptionInformation[1];

	return VirtualAlloc(addr, 1, MEM_COMMIT, PAGE_READWRITE) ?
		EXCEPTION_CONTINUE_EXECUTION : EXCEPTION_CONTINUE_SEARCH;
}

/* Adds and removes a handler all the while. */
static void *commit_on_demand(void *arg)
{
	intptr_t me = (intptr_t)arg;
	PVOID handler;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		handler = AddVectoredExceptionHandler(i & 1, commit_page);
		confirm(handler);
		poke(&common[(i * THREADS + me) % 997 * PAGE], 1);
		confirm(RemoveVectoredExceptionHandler(handler));
	}
	return NULL;
}

START_TEST(threads_fault_and_change_handlers_at_once)
{
	common = reserve_pages(997);
	run_threads(commit_on_demand);
	drop(common);
}
END_TEST

TCase *thread_tests(void)
{
	TCase *tests = tcase_create("threads");

	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, each_thread_has_its_last_error);
	tcase_add_test(tests, threads_use_reservations_of_their_own);
	tcase_add_test(tests, threads_share_a_reservation);
	tcase_add_test(tests, a_guard_is_hit_by_one_thread_only);
	tcase_add_test(tests, threads_fault_and_change_handlers_at_once);
	return tests;
}
