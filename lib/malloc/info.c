// SPDX-License-Identifier: MIT
/*
 * What glibc's <malloc.h> has for looking at malloc's heap and for setting it.
 * Looking walks through the whole heap, which is closed meanwhile.
 *
 * In glibc's words, what it has by mmap() are our blocks with reservations of
 * their own; everything else is one arena.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "heap/heap.h"
#include "heap/heaps.h"
#include "heap/huge.h"
#include "heap/store.h"
#include "heap/table.h"
#include "heap/walk.h"
#include "malloc/malloc.h"

#define KINDS	(CLASSES + 1)	/* of free blocks: classes, and larger ones */

struct amount {
	size_t count, bytes;
};

/* malloc's heap at one time. */
struct census {
	size_t committed, allocated;	/* bytes, but for huge blocks */
	struct amount huge, all_huge;	/* bytes in use, reserved */
	struct amount free[KINDS], all_free;
};

static void add(struct amount *amount, size_t bytes)
{
	amount->count++;
	amount->bytes += bytes;
}

static void count_huge(struct census *census)
{
	uint32_t slice = heap_malloc.huge;

	for (; slice; slice = table_span(slice)->next_of_shard) {
		add(&census->huge, huge_committed(table_span(slice)));
		add(&census->all_huge, huge_reserved(table_span(slice)));
	}
}

static void count_free(struct census *census)
{
	struct heap_item item = { .addr = NULL };

	while (heap_next(&heap_malloc, &item)) {
		if (item.kind != ITEM_FREE)
			continue;
		add(&census->free[item.size <= CLASS_MAX ?
				  class_of(item.size) : CLASSES], item.size);
		add(&census->all_free, item.size);
	}
}

static void take_census(struct census *census)
{
	struct heap_stats stats;

	*census = (struct census){ 0 };
	heap_init();
	heap_close(&heap_malloc);
	heap_get_stats(&heap_malloc, &stats);
	count_huge(census);
	count_free(census);
	census->allocated = stats.allocated - census->huge.bytes;
	census->committed = stats.committed - census->all_huge.bytes;
	heap_open(&heap_malloc);
}

/* Committed slices that no heap uses. */
static size_t warm_bytes(void)
{
	struct store_stats stats;

	store_stats(&store_data, &stats);
	return stats.warm;
}

/* -------------------------------------------------------------- mallinfo --- */

struct mallinfo2 mallinfo2(void)
{
	struct census census;

	take_census(&census);
	return (struct mallinfo2){
		.arena = census.committed,
		.ordblks = census.all_free.count,
		.hblks = census.huge.count,
		.hblkhd = census.all_huge.bytes,
		.uordblks = census.allocated,
		.fordblks = census.committed - census.allocated,
		.keepcost = warm_bytes(),
	};
}

static int at_most_int(size_t n)
{
	return n < INT_MAX ? (int)n : INT_MAX;
}

/* glibc lets numbers wrap around; the largest one is less of a lie. */
struct mallinfo mallinfo(void)
{
	struct mallinfo2 info = mallinfo2();

	return (struct mallinfo){
		.arena = at_most_int(info.arena),
		.ordblks = at_most_int(info.ordblks),
		.hblks = at_most_int(info.hblks),
		.hblkhd = at_most_int(info.hblkhd),
		.uordblks = at_most_int(info.uordblks),
		.fordblks = at_most_int(info.fordblks),
		.keepcost = at_most_int(info.keepcost),
	};
}

/* ------------------------------------------------------------------ text --- */

static void print_sizes(FILE *file, const struct census *census)
{
	unsigned int class;

	fprintf(file, "<sizes>\n");
	for (class = 0; class < CLASSES; class++)
		if (census->free[class].count)
			fprintf(file, "  <size from=\"%zu\" to=\"%zu\" "
				"total=\"%zu\" count=\"%zu\"/>\n",
				class ? class_size(class - 1) + 1 : 1,
				class_size(class), census->free[class].bytes,
				census->free[class].count);
	if (census->free[CLASSES].count)
		fprintf(file, "  <unsorted from=\"%d\" to=\"%zu\" "
			"total=\"%zu\" count=\"%zu\"/>\n", CLASS_MAX + 1,
			(size_t)RUN_MAX, census->free[CLASSES].bytes,
			census->free[CLASSES].count);
	fprintf(file, "</sizes>\n");
}

static void print_total(FILE *file, const char *type, struct amount amount)
{
	fprintf(file, "<total type=\"%s\" count=\"%zu\" size=\"%zu\"/>\n",
		type, amount.count, amount.bytes);
}

static void print_system(FILE *file, size_t bytes)
{
	static const char *const lines[] = {
		"system type=\"current\"", "system type=\"max\"",
		"aspace type=\"total\"", "aspace type=\"mprotect\"",
	};
	unsigned int i;

	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		fprintf(file, "<%s size=\"%zu\"/>\n", lines[i], bytes);
}

/* glibc's elements, all of them, since programs look for some. */
int malloc_info(int options, FILE *file)
{
	struct amount none = { 0, 0 };
	struct census census;

	if (options)
		return EINVAL;
	take_census(&census);
	fprintf(file, "<malloc version=\"1\">\n<heap nr=\"0\">\n");
	print_sizes(file, &census);
	print_total(file, "fast", none);
	print_total(file, "rest", census.all_free);
	print_system(file, census.committed);
	fprintf(file, "</heap>\n");
	print_total(file, "fast", none);
	print_total(file, "rest", census.all_free);
	print_total(file, "mmap", census.all_huge);
	print_system(file, census.committed);
	fprintf(file, "</malloc>\n");
	return 0;
}

static void print_bytes(size_t system, size_t in_use)
{
	fprintf(stderr, "system bytes     = %10zu\nin use bytes     = %10zu\n",
		system, in_use);
}

void malloc_stats(void)
{
	int saved_errno = errno;
	struct census census;

	take_census(&census);
	fprintf(stderr, "Arena 0:\n");
	print_bytes(census.committed, census.allocated);
	fprintf(stderr, "Total (incl. mmap):\n");
	print_bytes(census.committed + census.all_huge.bytes,
		    census.allocated + census.huge.bytes);
	fprintf(stderr, "max mmap regions = %10zu\nmax mmap bytes   = %10zu\n",
		census.all_huge.count, census.all_huge.bytes);
	errno = saved_errno;
}

/* --------------------------------------------------------------- setting --- */

static size_t store_bytes(void)
{
	struct store_stats stats;

	store_stats(&store_data, &stats);
	return stats.in_use + stats.warm;
}

/* What is to be kept at the end of glibc's heap has no counterpart. */
int malloc_trim(size_t pad)
{
	size_t before;

	(void)pad;
	heap_init();
	before = store_bytes();
	heaps_compact();
	return store_bytes() < before;
}

/*
 * Hints about glibc's inside are taken for granted. Refused is what would
 * change what a program sees and does not: fills, and other actions.
 */
int mallopt(int parameter, int value)
{
	switch (parameter) {
	case M_MXFAST:
		return value >= 0 && value <= M_MXFAST_MOST;
	case M_TRIM_THRESHOLD:
	case M_TOP_PAD:
	case M_MMAP_THRESHOLD:
	case M_MMAP_MAX:
	case M_ARENA_TEST:
	case M_ARENA_MAX:
		return 1;
	case M_CHECK_ACTION:
	case M_PERTURB:
		return value == 0;
	default:
		return 0;
	}
}
