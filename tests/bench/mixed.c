// SPDX-License-Identifier: MIT
/*
 * Blocks of 16 to 1023 bytes that live for a while: a table of a thousand, of
 * which one at random is replaced. By one thread, and by several that share
 * nothing, where twice the threads should do twice the work.
 */
#include "workloads.h"

#define SLOTS		1000
#define REPLACEMENTS	12000000UL

static void replace(struct worker *worker)
{
	unsigned long n = bench_count(worker->bench, REPLACEMENTS);
	struct dice dice = dice_of(worker->bench, worker->nr);
	void **slots = bench_array(SLOTS, sizeof(*slots));

	for (unsigned long i = 0; i < n; i++) {
		void **slot = &slots[dice_below(&dice, SLOTS)];

		free(*slot);
		*slot = take(dice_between(&dice, 16, 1023));
	}
	for (unsigned int i = 0; i < SLOTS; i++)
		free(slots[i]);
	worker->operations = n;
}

static void run_one(struct bench *bench)
{
	struct worker worker = { .bench = bench };

	bench_begin(bench);
	replace(&worker);
	bench_end(bench, worker.operations);
}

static void run_threads(struct bench *bench)
{
	bench_parallel(bench, bench->threads, replace, NULL);
}

const struct workload mixed = {
	"mixed", "16 to 1023 bytes, replaced at random", run_one,
};

const struct workload disjoint = {
	"disjoint", "the same, in threads that share nothing", run_threads,
};
