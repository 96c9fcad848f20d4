// SPDX-License-Identifier: MIT
/*
 * Batches of equal blocks, freed from the last to the first, from the first to
 * the last, or in an order that is drawn once. One thread.
 */
#include "workloads.h"

#define BATCH	2000U
#define ROUNDS	8000UL

static void shuffle(unsigned int *order, struct dice *dice)
{
	for (unsigned int i = 0; i < BATCH; i++)
		order[i] = i;
	for (unsigned int i = BATCH; i > 1; i--) {
		unsigned int j = dice_below(dice, i), kept = order[j];

		order[j] = order[i - 1];
		order[i - 1] = kept;
	}
}

static void free_batch(void **blocks, const unsigned int *order,
		       unsigned long round)
{
	unsigned int i;

	switch (round % 3) {
	case 0:
		for (i = BATCH; i--;)
			free(blocks[i]);
		break;
	case 1:
		for (i = 0; i < BATCH; i++)
			free(blocks[i]);
		break;
	default:
		for (i = 0; i < BATCH; i++)
			free(blocks[order[i]]);
	}
}

static void run(struct bench *bench, size_t size)
{
	unsigned long n = bench_count(bench, ROUNDS / 3) * 3;
	struct dice dice = dice_of(bench, 0);
	unsigned int order[BATCH];
	void *blocks[BATCH];

	shuffle(order, &dice);
	bench_begin(bench);
	for (unsigned long round = 0; round < n; round++) {
		for (unsigned int i = 0; i < BATCH; i++)
			blocks[i] = take(size);
		free_batch(blocks, order, round);
	}
	bench_end(bench, n * BATCH);
}

static void run_small(struct bench *bench)
{
	run(bench, 64);
}

static void run_medium(struct bench *bench)
{
	run(bench, 512);
}

const struct workload batch_small = {
	"batch-64", "2000 of 64 bytes, then freed in three orders", run_small,
};

const struct workload batch_medium = {
	"batch-512", "2000 of 512 bytes, the same", run_medium,
};
