// SPDX-License-Identifier: MIT
/*
 * What a program holds when it has freed much and then does nothing: it takes
 * many small blocks, frees all but the last, or all but one of ten at random,
 * and sleeps for a second. Beside what is resident then stands what the pages
 * of the blocks that are left hold. The sleep is not part of the time.
 */
#include <unistd.h>

#include "workloads.h"

#define HELD	(100 * MIB)
#define LEAST	16
#define MOST	500

struct held {
	char **blocks;
	unsigned int *sizes;
	unsigned long count;
};

static void grow(struct held *held, struct dice *dice, size_t bytes)
{
	size_t most = bytes / LEAST + 1;

	held->blocks = bench_array(most, sizeof(*held->blocks));
	held->sizes = bench_array(most, sizeof(*held->sizes));
	for (size_t size, taken = 0; taken < bytes; taken += size) {
		size = dice_between(dice, LEAST, MOST);
		held->blocks[held->count] = take(size);
		held->sizes[held->count++] = size;
	}
}

static void shrink(struct held *held, struct dice *dice, unsigned int tenths)
{
	for (unsigned long i = 0; i < held->count - 1; i++)
		if (dice_below(dice, 10) < tenths) {
			free(held->blocks[i]);
			held->blocks[i] = NULL;
		}
}

/* A bit for each page of the blocks' addresses; they lie within a few GiB. */
static unsigned long live_pages(const struct held *held)
{
	uintptr_t least = UINTPTR_MAX, most = 0;
	unsigned long pages = 0;
	unsigned char *seen;

	for (unsigned long i = 0; i < held->count; i++) {
		uintptr_t at = (uintptr_t)held->blocks[i] / PAGE;

		if (!at)
			continue;
		least = at < least ? at : least;
		most = at > most ? at : most;
	}
	if (!most)
		return 0;
	seen = bench_array(most - least + 2, 1);
	for (unsigned long i = 0; i < held->count; i++) {
		uintptr_t first = (uintptr_t)held->blocks[i] / PAGE;
		uintptr_t last = ((uintptr_t)held->blocks[i] + held->sizes[i] -
				  1) / PAGE;

		for (; first && first <= last; first++) {
			pages += !seen[first - least];
			seen[first - least] = 1;
		}
	}
	return pages;
}

static void run(struct bench *bench, unsigned int tenths)
{
	size_t bytes = bench_count(bench, HELD);
	struct dice dice = dice_of(bench, 0);
	struct held held = { .blocks = NULL };

	bench_begin(bench);
	grow(&held, &dice, bytes);
	shrink(&held, &dice, tenths);
	bench_end(bench, held.count);
	sleep(1);
	bench->settled_kib = resident_kib();
	bench->live_kib = live_pages(&held) * (PAGE / KIB);
}

static void run_all(struct bench *bench)
{
	run(bench, 10);
}

static void run_most(struct bench *bench)
{
	run(bench, 9);
}

const struct workload idle_empty = {
	"idle-empty", "100 MiB of small blocks, all freed but one, a second idle",
	run_all,
};

const struct workload idle_sparse = {
	"idle-sparse", "the same, one of ten left", run_most,
};
