// SPDX-License-Identifier: MIT
/*
 * The address sanitizer is told what is free: a child that touches what it has
 * not dies with a report. Where it is not built in there is nothing to see.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap.h"
#include "heap/store.h"

#if UNDER_ASAN
#include <sanitizer/asan_interface.h>

#define REPORTED	42

static void look_at_report(const char *report)
{
	if (strstr(report, "AddressSanitizer") && !strstr(report, "SEGV"))
		_exit(REPORTED);
}

struct wrong {
	void (*act)(HANDLE heap, volatile char *block, SIZE_T size);
	HANDLE heap;
	SIZE_T size;
};

static void do_wrong(void *arg)
{
	const struct wrong *wrong = arg;

	/* Nobody shall read of it. */
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	__asan_set_error_report_callback(look_at_report);
	wrong->act(wrong->heap, HeapAlloc(wrong->heap, 0, wrong->size),
		   wrong->size);
}

static void assert_reported(const struct wrong *wrong)
{
	int status = in_child(do_wrong, (void *)wrong);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == REPORTED,
		      "size %zu: status %#x", wrong->size, status);
}

static void read_freed(HANDLE heap, volatile char *block, SIZE_T size)
{
	HeapFree(heap, 0, (void *)block);
	(void)block[size / 2];
}

static void read_first_of_freed(HANDLE heap, volatile char *block, SIZE_T size)
{
	(void)size;
	HeapFree(heap, 0, (void *)block);
	(void)block[0];
}

static void read_beyond(HANDLE heap, volatile char *block, SIZE_T size)
{
	(void)heap;
	(void)block[size];
}

static void write_beyond(HANDLE heap, volatile char *block, SIZE_T size)
{
	(void)heap;
	memset((char *)block, 1, unknown(size + 1));
}

/* Where there never was a block. */
static void read_far_beyond(HANDLE heap, volatile char *block, SIZE_T size)
{
	(void)heap;
	(void)block[size + 100];
}

static void read_what_was_cut_off(HANDLE heap, volatile char *block,
				  SIZE_T size)
{
	if (HeapReAlloc(heap, HEAP_REALLOC_IN_PLACE_ONLY, (void *)block,
			size - 1) != block)
		_exit(1);
	(void)block[size - 1];
}

static void read_where_it_was(HANDLE heap, volatile char *block, SIZE_T size)
{
	if (HeapReAlloc(heap, 0, (void *)block, 700000) == block)
		_exit(REPORTED);
	(void)block[size / 2];
}

static void read_of_destroyed(HANDLE heap, volatile char *block, SIZE_T size)
{
	HeapDestroy(heap);
	(void)block[size / 2];
}

static const SIZE_T sizes[] = { 1, 24, 28, 1000, 3000, 20001, 100 * KIB };

#define WRONGS		8

/* _i: half of them in a heap of a fixed size. */
START_TEST(what_is_not_ours_is_reported)
{
	static void (*const wrongs[WRONGS])(HANDLE, volatile char *, SIZE_T) = {
		read_freed, read_first_of_freed, read_beyond, write_beyond,
		read_what_was_cut_off, read_where_it_was, read_far_beyond,
		read_of_destroyed,
	};
	bool fixed = _i >= WRONGS;
	struct wrong wrong = { .act = wrongs[_i % WRONGS] };
	unsigned int i;

	/* Its reservation is no more, or may have never been a block's. */
	if (fixed && (wrong.act == read_of_destroyed ||
		      wrong.act == read_far_beyond))
		return;
	for (i = 0; i < COUNT(sizes); i++) {
		wrong.heap = make_heap(0, fixed ? 4 * MIB : 0);
		wrong.size = sizes[i];
		/* At the end of what a block has there is another one. */
		if (!fixed || sizes[i] % 16 || wrong.act == read_freed)
			assert_reported(&wrong);
		destroy(wrong.heap);
	}
}
END_TEST

START_TEST(beyond_a_huge_block_is_reported)
{
	struct wrong wrong = {
		.act = read_beyond, .heap = make_heap(0, 0),
		.size = 5 * MIB + 100,
	};

	assert_reported(&wrong);
	destroy(wrong.heap);
}
END_TEST

/* What others get there later is theirs: where was one block, a heap, all. */
START_TEST(what_is_given_back_is_not_poisoned)
{
	static const SIZE_T kinds[] = { 4 * MIB + 100, 500000, 500000 };
	HANDLE heap = make_heap(0, _i == 1 ? 4 * MIB : 0);
	SIZE_T size = kinds[_i], room = _i ? 4 * MIB : 4 * MIB + PAGE;
	unsigned char *block = make_block(heap, size, 1);
	void *place = (void *)((uintptr_t)block & -GRANULE);
	char *p;

	free_block(heap, make_block(heap, 100000, 2));
	destroy(heap);
	HeapCompact(GetProcessHeap(), 0);
	store_release_empty(&store_data);
	assert_ok(p = VirtualAlloc(place, room, MEM_RESERVE | MEM_COMMIT,
				   PAGE_READWRITE));
	memset(p, 1, room);
	drop(p);
}
END_TEST

TCase *heap_asan_tests(void)
{
	TCase *tests = tcase_create("heap asan");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, what_is_not_ours_is_reported, 0,
			    2 * WRONGS);
	tcase_add_test(tests, beyond_a_huge_block_is_reported);
	tcase_add_loop_test(tests, what_is_given_back_is_not_poisoned, 0, 3);
	return tests;
}

#else

TCase *heap_asan_tests(void)
{
	return tcase_create("heap asan");
}

#endif
