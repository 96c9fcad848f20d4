// SPDX-License-Identifier: MIT
/*
 * MEM_WRITE_WATCH, GetWriteWatch and ResetWriteWatch.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

#define REFUSED	((UINT)-1)
#define RESET	WRITE_WATCH_FLAG_RESET
#define ROOM	2048

static char *watch_pages(size_t pages, DWORD protect)
{
	char *base;

	assert_ok(base = VirtualAlloc(NULL, pages * PAGE, MEM_RESERVE |
				      MEM_COMMIT | MEM_WRITE_WATCH, protect));
	return base;
}

static int page_of(const void *addr, const char *base)
{
	return (int)(((uintptr_t)addr - (uintptr_t)base) / PAGE);
}

/* What was written to, as numbers of pages: "1 2 5 ". */
static const char *written(DWORD flags, char *base, size_t pages)
{
	static char text[ROOM * 6];
	static PVOID found[ROOM];
	ULONG_PTR count = ROOM, i;
	DWORD granularity = 0;
	char *end = text;

	memset(found, 0xa5, sizeof(found));
	assert_ok(!GetWriteWatch(flags, base, pages * PAGE, found, &count,
				 &granularity));
	ck_assert_uint_eq(granularity, PAGE);
	ck_assert_uint_le(count, pages);
	*end = '\0';
	for (i = 0; i < count; i++)
		end += sprintf(end, "%d ", page_of(found[i], base));
	return text;
}

#define assert_written(pages_written, flags, base, pages) \
	ck_assert_str_eq(written(flags, base, pages), pages_written)

#define assert_refuses(code, call) do {					\
	SetLastError(UNTOUCHED);					\
	ck_assert_uint_eq(call, REFUSED);				\
	ck_assert_uint_eq(GetLastError(), code);			\
} while (0)

START_TEST(a_page_is_told_after_its_first_write)
{
	char *p = watch_pages(8, PAGE_READWRITE);

	assert_written("", 0, p, 8);
	p[5 * PAGE] = 1;
	p[2 * PAGE + 17] = 1;
	p[2 * PAGE] = 1;
	assert_written("2 5 ", 0, p, 8);
	assert_written("2 5 ", 0, p, 8);
	p[7 * PAGE] = 1;
	assert_written("2 5 7 ", RESET, p, 8);
	assert_written("", RESET, p, 8);
	p[5 * PAGE] = 1;
	assert_written("5 ", RESET, p, 8);
	assert_written("", 0, p, 8);
	drop(p);
}
END_TEST

START_TEST(what_is_read_is_not_told)
{
	char *p = watch_pages(8, PAGE_READWRITE);

	ck_assert_int_eq(peek(p + PAGE), 0);
	assert_written("", 0, p, 8);
	p[2 * PAGE] = 1;
	assert_written("2 ", RESET, p, 8);
	ck_assert_int_eq(peek(p + PAGE), 0);
	ck_assert_int_eq(peek(p + 2 * PAGE), 1);
	assert_written("", 0, p, 8);
	p[PAGE] = 1;
	assert_written("1 ", 0, p, 8);
	drop(p);
}
END_TEST

/* Zeroes are content, too. */
START_TEST(a_write_of_what_is_there_is_a_write)
{
	char *p = watch_pages(4, PAGE_READWRITE);

	*(volatile char *)p = 0;
	assert_written("0 ", RESET, p, 4);
	*(volatile char *)p = 0;
	assert_written("0 ", RESET, p, 4);
	drop(p);
}
END_TEST

START_TEST(a_write_over_a_boundary_is_two)
{
	char *p = watch_pages(4, PAGE_READWRITE);
	uint64_t value = ~0ULL;

	memcpy(p + 2 * PAGE - 4, &value, sizeof(value));
	assert_written("1 2 ", 0, p, 4);
	drop(p);
}
END_TEST

START_TEST(the_range_rounds_to_pages)
{
	char *p = watch_pages(4, PAGE_READWRITE);
	PVOID found[4];
	ULONG_PTR count = 4;
	DWORD granularity;

	memset(p, 1, 4 * PAGE);
	assert_ok(!GetWriteWatch(0, p + 2 * PAGE - 1, 2, found, &count,
				 &granularity));
	ck_assert_uint_eq(count, 2);
	ck_assert_ptr_eq(found[0], p + PAGE);
	ck_assert_ptr_eq(found[1], p + 2 * PAGE);
	assert_ok(!ResetWriteWatch(p + 2 * PAGE - 1, 2));
	assert_written("0 3 ", 0, p, 4);
	drop(p);
}
END_TEST

START_TEST(a_short_array_gets_the_first_ones)
{
	char *p = watch_pages(16, PAGE_READWRITE);
	ULONG_PTR count = 3;
	DWORD granularity;
	PVOID found[4];
	int i;

	for (i = 1; i < 16; i += 2)
		p[i * PAGE] = 1;
	memset(found, 0xa5, sizeof(found));
	assert_ok(!GetWriteWatch(0, p, 16 * PAGE, found, &count,
				 &granularity));
	ck_assert_uint_eq(count, 3);
	for (i = 0; i < 3; i++)
		ck_assert_ptr_eq(found[i], p + (2 * i + 1) * PAGE);
	ck_assert_uint_eq((uintptr_t)found[3], 0xa5a5a5a5a5a5a5a5);
	assert_ok(!GetWriteWatch(RESET, p, 16 * PAGE, found, &count,
				 &granularity));
	assert_written("7 9 11 13 15 ", RESET, p, 16);
	drop(p);
}
END_TEST

/* More than fit into anybody's buffer, of one run and of many. */
START_TEST(many_pages)
{
	char *p = watch_pages(1000, PAGE_READWRITE);
	PVOID found[1001];
	ULONG_PTR count = 1001;
	DWORD granularity;
	int i;

	memset(found, 0, sizeof(found));
	for (i = 0; i < 1000; i++)
		if (i < 300 || i % 2)
			p[i * PAGE] = 1;
	assert_ok(VirtualFree(p + 700 * PAGE, 200 * PAGE, MEM_DECOMMIT));
	assert_ok(!GetWriteWatch(RESET, p, 1000 * PAGE, found, &count,
				 &granularity));
	ck_assert_uint_eq(count, 650);
	for (i = 0; i < 300; i++)
		ck_assert_ptr_eq(found[i], p + i * PAGE);
	for (; i < 650; i++)
		ck_assert_ptr_eq(found[i], p + (2 * i - 299) * PAGE);
	assert_written("", 0, p, 1000);
	drop(p);
}
END_TEST

/* Where Linux might have a huge page. */
START_TEST(one_page_of_many)
{
	size_t pages = 16 << 20 >> 12;
	char *p = watch_pages(pages, PAGE_READWRITE);

	p[1500 * PAGE] = 1;
	assert_written("1500 ", RESET, p, pages);
	p[1501 * PAGE] = 1;
	assert_written("1501 ", RESET, p, pages);
	drop(p);
}
END_TEST

START_TEST(a_reset_of_a_range)
{
	char *p = watch_pages(8, PAGE_READWRITE);

	memset(p, 1, 8 * PAGE);
	assert_ok(VirtualFree(p + 3 * PAGE, PAGE, MEM_DECOMMIT));
	assert_ok(!ResetWriteWatch(p + 2 * PAGE, 3 * PAGE));
	assert_written("0 1 5 6 7 ", 0, p, 8);
	p[4 * PAGE] = 1;
	assert_written("0 1 4 5 6 7 ", 0, p, 8);
	assert_ok(!ResetWriteWatch(p, 8 * PAGE));
	assert_written("", 0, p, 8);
	p[PAGE] = 1;
	assert_written("1 ", 0, p, 8);
	drop(p);
}
END_TEST

/* --------------------------------------------------- what is no write --- */

START_TEST(protection_leaves_the_record_alone)
{
	char *p = watch_pages(6, PAGE_READWRITE);
	DWORD old;

	p[PAGE] = 1;
	assert_ok(VirtualProtect(p, 3 * PAGE, PAGE_READONLY, &old));
	assert_written("1 ", 0, p, 6);
	ck_assert(!can_write(p + 2 * PAGE));
	assert_ok(VirtualProtect(p, 6 * PAGE, PAGE_NOACCESS, &old));
	assert_written("1 ", RESET, p, 6);
	assert_ok(VirtualProtect(p, 6 * PAGE, PAGE_EXECUTE_READWRITE, &old));
	assert_written("", 0, p, 6);
	p[4 * PAGE] = 1;
	ck_assert_int_eq(p[PAGE], 1);
	assert_written("4 ", 0, p, 6);
	assert_ok(VirtualProtect(p, 6 * PAGE, PAGE_READWRITE, &old));
	p[PAGE] = 1;
	assert_written("1 4 ", 0, p, 6);
	drop(p);
}
END_TEST

START_TEST(a_write_that_is_refused_is_none)
{
	char *p = watch_pages(2, PAGE_READONLY);
	DWORD old;

	ck_assert(!can_write(p));
	assert_written("", 0, p, 2);
	assert_ok(VirtualProtect(p, PAGE, PAGE_READWRITE, &old));
	assert_written("", 0, p, 2);
	ck_assert(can_write(p));
	assert_written("0 ", 0, p, 2);
	drop(p);
}
END_TEST

START_TEST(commit_is_no_write)
{
	char *p;

	assert_ok(p = VirtualAlloc(NULL, 6 * PAGE, MEM_RESERVE |
				   MEM_WRITE_WATCH, PAGE_NOACCESS));
	assert_written("", 0, p, 6);
	assert_ok(VirtualAlloc(p + PAGE, 3 * PAGE, MEM_COMMIT,
			       PAGE_READWRITE));
	assert_written("", 0, p, 6);
	p[2 * PAGE] = 1;
	assert_ok(VirtualAlloc(p, 6 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_written("2 ", RESET, p, 6);
	assert_ok(VirtualAlloc(p, 6 * PAGE, MEM_COMMIT,
			       PAGE_EXECUTE_READWRITE));
	assert_written("", 0, p, 6);
	ck_assert_int_eq(p[2 * PAGE], 1);
	drop(p);
}
END_TEST

START_TEST(a_page_that_was_decommitted_is_told)
{
	char *p = watch_pages(8, PAGE_READWRITE);

	p[PAGE] = 1;
	p[2 * PAGE] = 1;
	p[6 * PAGE] = 1;
	assert_ok(VirtualFree(p, 4 * PAGE, MEM_DECOMMIT));
	assert_written("1 2 6 ", 0, p, 8);
	assert_run(p, 4 * PAGE, MEM_RESERVE, 0);
	assert_ok(VirtualAlloc(p + 2 * PAGE, PAGE, MEM_COMMIT,
			       PAGE_READWRITE));
	ck_assert_int_eq(p[2 * PAGE], 0);
	assert_written("1 2 6 ", RESET, p, 8);
	assert_written("", 0, p, 8);
	p[2 * PAGE] = 1;
	assert_ok(VirtualFree(p, 0, MEM_DECOMMIT));
	assert_written("2 ", 0, p, 8);
	assert_ok(VirtualAlloc(p, 8 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_written("2 ", RESET, p, 8);
	ck_assert_int_eq(peek(p + 2 * PAGE), 0);
	assert_written("", 0, p, 8);
	p[2 * PAGE] = 1;
	assert_written("2 ", 0, p, 8);
	drop(p);
}
END_TEST

START_TEST(lock_and_reset_are_no_writes)
{
	char *p = watch_pages(6, PAGE_READWRITE);
	DWORD old;

	assert_ok(VirtualLock(p, 3 * PAGE));
	assert_written("", 0, p, 6);
	p[PAGE] = 1;
	p[4 * PAGE] = 1;
	assert_written("1 4 ", RESET, p, 6);
	assert_ok(VirtualLock(p, 6 * PAGE));
	assert_written("", 0, p, 6);
	ck_assert_int_eq(p[PAGE], 1);
	assert_ok(VirtualProtect(p, 6 * PAGE, PAGE_READONLY, &old));
	assert_ok(VirtualProtect(p, 6 * PAGE, PAGE_READWRITE, &old));
	assert_written("", 0, p, 6);
	p[5 * PAGE] = 1;
	assert_written("5 ", 0, p, 6);
	assert_ok(VirtualUnlock(p, 6 * PAGE));
	assert_ok(VirtualAlloc(p, 6 * PAGE, MEM_RESET, PAGE_READWRITE));
	assert_written("5 ", RESET, p, 6);
	assert_ok(VirtualAlloc(p, 6 * PAGE, MEM_RESET, PAGE_READWRITE));
	assert_written("", RESET, p, 6);
	p[2 * PAGE] = 1;
	assert_written("2 ", RESET, p, 6);
	drop(p);
}
END_TEST

/* The guard fires first; the write that succeeds is the one. */
START_TEST(a_guard_that_is_hit_is_no_write)
{
	char *p = watch_pages(3, PAGE_READWRITE | PAGE_GUARD);

	ck_assert(!can_write(p + PAGE));
	assert_written("", 0, p, 3);
	ck_assert(can_write(p + PAGE));
	assert_written("1 ", RESET, p, 3);
	ck_assert(!can_read(p + 2 * PAGE));
	ck_assert(can_read(p + 2 * PAGE));
	assert_written("", 0, p, 3);
	drop(p);
}
END_TEST

/* ----------------------------------------------------------- refusals --- */

START_TEST(bad_arguments)
{
	char *p = watch_pages(4, PAGE_READWRITE);
	ULONG_PTR count = 4, none = 0;
	DWORD granularity = 77;
	PVOID found[4] = { p };

	p[PAGE] = 1;
	assert_refuses(ERROR_INVALID_PARAMETER,
		       GetWriteWatch(2, p, PAGE, found, &count, &granularity));
	assert_refuses(ERROR_INVALID_PARAMETER,
		       GetWriteWatch(~0u, p, PAGE, found, &count,
				     &granularity));
	assert_refuses(ERROR_INVALID_PARAMETER,
		       GetWriteWatch(0, p, 0, found, &count, &granularity));
	assert_refuses(ERROR_INVALID_PARAMETER,
		       GetWriteWatch(0, p, PAGE, found, &none, &granularity));
	assert_refuses(ERROR_INVALID_PARAMETER,
		       GetWriteWatch(0, p, PAGE, NULL, &none, &granularity));
	assert_refuses(ERROR_NOACCESS,
		       GetWriteWatch(0, p, PAGE, NULL, &count, &granularity));
	assert_refuses(ERROR_NOACCESS,
		       GetWriteWatch(0, p, PAGE, found, NULL, &granularity));
	assert_refuses(ERROR_NOACCESS,
		       GetWriteWatch(0, p, PAGE, found, &count, NULL));
	assert_refuses(ERROR_INVALID_PARAMETER,
		       GetWriteWatch(0, NULL, PAGE, found, &count,
				     &granularity));
	assert_refuses(ERROR_INVALID_PARAMETER, ResetWriteWatch(NULL, PAGE));
	assert_refuses(ERROR_INVALID_PARAMETER, ResetWriteWatch(p, 0));
	ck_assert_uint_eq(count, 4);
	ck_assert_uint_eq(granularity, 77);
	ck_assert_ptr_eq(found[0], p);
	assert_written("1 ", 0, p, 4);
	drop(p);
}
END_TEST

static void assert_unwatched(char *addr, SIZE_T size)
{
	ULONG_PTR count = 4;
	DWORD granularity;
	PVOID found[4];

	assert_refuses(ERROR_INVALID_PARAMETER,
		       GetWriteWatch(0, addr, size, found, &count,
				     &granularity));
	assert_refuses(ERROR_INVALID_PARAMETER,
		       GetWriteWatch(RESET, addr, size, found, &count,
				     &granularity));
	assert_refuses(ERROR_INVALID_PARAMETER, ResetWriteWatch(addr, size));
}

START_TEST(the_range_must_be_in_one_watched_reservation)
{
	char *hole = find_hole(4), *p = hole + GRANULE, *q = p + GRANULE;
	DWORD type = MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH;

	assert_ok(VirtualAlloc(hole, GRANULE, MEM_RESERVE | MEM_COMMIT,
			       PAGE_READWRITE));
	assert_ok(VirtualAlloc(p, GRANULE, type, PAGE_READWRITE));
	assert_ok(VirtualAlloc(q, GRANULE, type, PAGE_READWRITE));
	memset(hole, 1, 3 * GRANULE);
	assert_unwatched(hole, PAGE);
	assert_unwatched(p - PAGE, 2 * PAGE);
	assert_unwatched(q - PAGE, 2 * PAGE);
	assert_unwatched(p, 2 * GRANULE);
	assert_unwatched(q + GRANULE - PAGE, 2 * PAGE);
	assert_unwatched(q + GRANULE, PAGE);
	assert_unwatched(p, SIZE_MAX);
	assert_written("0 1 ", 0, q - 2 * PAGE, 2);
	drop(hole);
	drop(p);
	drop(q);
	assert_unwatched(p, PAGE);
}
END_TEST

/* Nothing is reset that was not told. */
START_TEST(an_array_that_cannot_be_written)
{
	char *p = watch_pages(4, PAGE_READWRITE);
	char *array = commit_pages(1, PAGE_READONLY);
	ULONG_PTR count = 4;
	DWORD granularity = 77;

	p[PAGE] = 1;
	p[2 * PAGE] = 1;
	assert_refuses(ERROR_NOACCESS,
		       GetWriteWatch(RESET, p, 4 * PAGE, (PVOID *)array,
				     &count, &granularity));
	ck_assert_uint_eq(count, 4);
	ck_assert_uint_eq(granularity, 77);
	assert_written("1 2 ", 0, p, 4);
	assert_ok(VirtualFree(p + PAGE, PAGE, MEM_DECOMMIT));
	assert_refuses(ERROR_NOACCESS,
		       GetWriteWatch(RESET, p, 4 * PAGE, (PVOID *)array,
				     &count, &granularity));
	assert_written("1 2 ", 0, p, 4);
	drop(array);
	drop(p);
}
END_TEST

START_TEST(a_new_reservation_knows_nothing_of_an_old_one)
{
	char *hole = find_hole(1);
	DWORD type = MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH | MEM_TOP_DOWN;

	assert_ok(VirtualAlloc(hole, 4 * PAGE, type, PAGE_READWRITE));
	memset(hole, 1, 4 * PAGE);
	drop(hole);
	assert_ok(VirtualAlloc(hole, 4 * PAGE, type, PAGE_READWRITE));
	assert_written("", 0, hole, 4);
	ck_assert_int_eq(hole[0], 0);
	drop(hole);
}
END_TEST

/* ------------------------------------------------------------ threads --- */

#define WRITERS		2
#define PAGES_EACH	512
#define ALL		(WRITERS * PAGES_EACH)
#define ROUNDS		20

struct writer {
	char *pages;
	bool done;
	pthread_t thread;
};

/* Each page once, so that no later write hides one that was lost. */
static void *write_each_page(void *arg)
{
	struct writer *writer = arg;
	int i;

	for (i = 0; i < PAGES_EACH; i++)
		__atomic_fetch_add(writer->pages + i * PAGE, 1,
				   __ATOMIC_RELAXED);
	__atomic_store_n(&writer->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void note_written(char *p, bool *told)
{
	PVOID found[ALL];
	ULONG_PTR count = ALL, i;
	DWORD granularity;

	ck_assert_uint_eq(GetWriteWatch(RESET, p, ALL * PAGE, found, &count,
					&granularity), 0);
	for (i = 0; i < count; i++)
		told[page_of(found[i], p)] = true;
}

START_TEST(no_write_beside_a_reset_is_lost)
{
	char *p = watch_pages(ALL, PAGE_READWRITE);
	struct writer writers[WRITERS];
	bool told[ALL] = { false };
	int i;

	for (i = 0; i < WRITERS; i++) {
		writers[i].done = false;
		writers[i].pages = p + i * PAGES_EACH * PAGE;
		ck_assert_int_eq(pthread_create(&writers[i].thread, NULL,
						write_each_page, &writers[i]),
				 0);
	}
	for (i = 0; i < WRITERS; i++) {
		while (!__atomic_load_n(&writers[i].done, __ATOMIC_ACQUIRE))
			note_written(p, told);
		pthread_join(writers[i].thread, NULL);
	}
	note_written(p, told);
	for (i = 0; i < ALL; i++)
		ck_assert_msg(told[i], "round %d: page %d was not told", _i, i);
	assert_written("", 0, p, ALL);
	drop(p);
}
END_TEST

TCase *watch_tests(void)
{
	TCase *tests = tcase_create("write watch");

	tcase_set_tags(tests, "watch");
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_page_is_told_after_its_first_write);
	tcase_add_test(tests, what_is_read_is_not_told);
	tcase_add_test(tests, a_write_of_what_is_there_is_a_write);
	tcase_add_test(tests, a_write_over_a_boundary_is_two);
	tcase_add_test(tests, the_range_rounds_to_pages);
	tcase_add_test(tests, a_short_array_gets_the_first_ones);
	tcase_add_test(tests, many_pages);
	tcase_add_test(tests, one_page_of_many);
	tcase_add_test(tests, a_reset_of_a_range);
	tcase_add_test(tests, protection_leaves_the_record_alone);
	tcase_add_test(tests, a_write_that_is_refused_is_none);
	tcase_add_test(tests, commit_is_no_write);
	tcase_add_test(tests, a_page_that_was_decommitted_is_told);
	tcase_add_test(tests, lock_and_reset_are_no_writes);
	tcase_add_test(tests, a_guard_that_is_hit_is_no_write);
	tcase_add_test(tests, bad_arguments);
	tcase_add_test(tests, the_range_must_be_in_one_watched_reservation);
	tcase_add_test(tests, an_array_that_cannot_be_written);
	tcase_add_test(tests, a_new_reservation_knows_nothing_of_an_old_one);
	tcase_add_loop_test(tests, no_write_beside_a_reset_is_lost, 0,
			    on_debug_kernel() ? ROUNDS / 4 : ROUNDS);
	return tests;
}
