// SPDX-License-Identifier: MIT
/*
 * Large blocks: 64 KiB to 4 MiB, of which the first and the last byte are
 * written, sixteen alive; and 8 MiB, of which every byte is.
 */
#include <string.h>

#include "workloads.h"

#define SLOTS	16
#define LARGE	150000UL
#define HUGE	400UL

static void run_large(struct bench *bench)
{
	unsigned long n = bench_count(bench, LARGE);
	struct dice dice = dice_of(bench, 0);
	void *slots[SLOTS] = { NULL };

	bench_begin(bench);
	for (unsigned long i = 0; i < n; i++) {
		void **slot = &slots[dice_below(&dice, SLOTS)];

		free(*slot);
		*slot = take(dice_doublings(&dice, 64 * KIB, 6));
	}
	for (unsigned int i = 0; i < SLOTS; i++)
		free(slots[i]);
	bench_end(bench, n);
}

static void run_huge(struct bench *bench)
{
	unsigned long n = bench_count(bench, HUGE);

	bench_begin(bench);
	for (unsigned long i = 0; i < n; i++) {
		void *block = take(8 * MIB);

		memset(block, 1, 8 * MIB);
		free(block);
	}
	bench_end(bench, n);
}

const struct workload large = {
	"large", "64 KiB to 4 MiB, the ends written", run_large,
};

const struct workload huge = {
	"huge", "8 MiB, all written", run_huge,
};
