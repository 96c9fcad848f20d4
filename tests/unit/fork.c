// SPDX-License-Identifier: MIT
/*
 * What a child made by fork has: the same reservations, copy-on-write.
 */
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static bool is_run(const void *addr, SIZE_T size, DWORD state, DWORD protect)
{
	MEMORY_BASIC_INFORMATION info;

	return VirtualQuery(addr, &info, sizeof(info)) &&
	       info.BaseAddress == addr && info.RegionSize == size &&
	       info.State == state && info.Protect == protect;
}

static void use_copy(void *arg)
{
	char *p = arg;
	DWORD old;

	require(is_run(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	require(is_run(p + 2 * PAGE, 14 * PAGE, MEM_RESERVE, 0));
	require(p[0] == 1 && p[PAGE] == 2);
	p[0] = 100;
	require(VirtualAlloc(p + 4 * PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE));
	p[4 * PAGE] = 1;
	require(VirtualProtect(p + PAGE, PAGE, PAGE_READONLY, &old));
	require(!can_write(p + PAGE));
	require(VirtualFree(p, PAGE, MEM_DECOMMIT));
	require(!can_read(p));
	require(VirtualFree(p, 0, MEM_RELEASE));
	require(VirtualAlloc(p, PAGE, MEM_RESERVE, PAGE_READWRITE) == p);
}

START_TEST(the_child_has_a_copy)
{
	char *p = reserve_pages(16);

	assert_ok(VirtualAlloc(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	p[0] = 1;
	p[PAGE] = 2;
	ck_assert_int_eq(in_child(use_copy, p), 0);
	assert_run(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_run(p + 2 * PAGE, 14 * PAGE, MEM_RESERVE, 0);
	ck_assert_int_eq(p[0], 1);
	ck_assert_int_eq(p[PAGE], 2);
	drop(p);
}
END_TEST

static void hit_guard(void *arg)
{
	char *p = arg;

	require(!can_read(p));
	require(can_read(p));
	require(is_run(p, PAGE, MEM_COMMIT, PAGE_READWRITE));
}

START_TEST(guards_are_hit_on_both_sides)
{
	char *p = commit_pages(2, PAGE_READWRITE | PAGE_GUARD);

	ck_assert_int_eq(in_child(hit_guard, p), 0);
	assert_run(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
	ck_assert(!can_read(p));
	drop(p);
}
END_TEST

static void unlock(void *arg)
{
	require(!VirtualUnlock(arg, PAGE));
	require(GetLastError() == ERROR_NOT_LOCKED);
	require(VirtualLock(arg, PAGE));
}

START_TEST(locks_are_not_inherited)
{
	char *p = commit_pages(1, PAGE_READWRITE);

	assert_ok(VirtualLock(p, PAGE));
	ck_assert_int_eq(in_child(unlock, p), 0);
	assert_ok(VirtualUnlock(p, PAGE));
	drop(p);
}
END_TEST

static void grandchild(void *arg)
{
	int status = in_child(use_copy, arg);

	require(status == 0);
	use_copy(arg);
}

START_TEST(a_grandchild_has_a_copy)
{
	char *p = reserve_pages(16);

	assert_ok(VirtualAlloc(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	p[0] = 1;
	p[PAGE] = 2;
	ck_assert_int_eq(in_child(grandchild, p), 0);
	drop(p);
}
END_TEST

static bool stop;

static void *allocate_until_stopped(void *arg)
{
	void *p;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		p = VirtualAlloc(NULL, GRANULE, MEM_COMMIT, PAGE_READWRITE);
		VirtualFree(p, 0, MEM_RELEASE);
	}
	return arg;
}

static LONG CALLBACK ignore(EXCEPTION_POINTERS *exception)
{
	(void)exception;
	return EXCEPTION_CONTINUE_SEARCH;
}

/* Looks for it among all that there are, with the lock. */
static void *remove_until_stopped(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		RemoveVectoredExceptionHandler(&stop);
	return arg;
}

static void allocate(void *arg)
{
	char *p = VirtualAlloc(NULL, GRANULE, MEM_COMMIT, PAGE_READWRITE);

	(void)arg;
	require(p);
	p[0] = 1;
	require(VirtualFree(p, 0, MEM_RELEASE));
	require(!RemoveVectoredExceptionHandler(&stop));
}

#define HANDLERS	500

/* The child must find no lock held by a thread that it does not have. */
START_TEST(fork_while_other_threads_allocate)
{
	void *handlers[HANDLERS];
	pthread_t threads[2];
	int i;

	for (i = 0; i < HANDLERS; i++) {
		handlers[i] = AddVectoredExceptionHandler(0, ignore);
		ck_assert_ptr_nonnull(handlers[i]);
	}
	stop = false;
	pthread_create(&threads[0], NULL, allocate_until_stopped, NULL);
	pthread_create(&threads[1], NULL, remove_until_stopped, NULL);
	for (i = 0; i < 50; i++)
		ck_assert_int_eq(in_child(allocate, NULL), 0);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < HANDLERS; i++)
		assert_ok(RemoveVectoredExceptionHandler(handlers[i]));
}
END_TEST

TCase *fork_tests(void)
{
	TCase *tests = tcase_create("fork");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, the_child_has_a_copy);
	tcase_add_test(tests, guards_are_hit_on_both_sides);
	tcase_add_test(tests, locks_are_not_inherited);
	tcase_add_test(tests, a_grandchild_has_a_copy);
	tcase_add_test(tests, fork_while_other_threads_allocate);
	return tests;
}
