// SPDX-License-Identifier: MIT
/*
 * Who shares cache lines: one thread takes small blocks, neighbours of which lie
 * in one line, and deals them to the others. These free theirs, and from then on
 * take such blocks, write to each often, and free them. An allocator that gives
 * a thread again what it was dealt makes them wait for each other.
 */
#include "workloads.h"

#define SIZE	16
#define DEALT	16U		/* to each thread */
#define ROUNDS	200000UL
#define WRITES	50

struct hand {
	volatile char *blocks[DEALT];
};

static void write_often(struct worker *worker)
{
	unsigned long n = bench_count(worker->bench, ROUNDS);
	struct hand *hand = &((struct hand *)worker->shared)[worker->nr];

	for (unsigned long i = 0; i < n; i++) {
		for (unsigned int j = 0; j < DEALT; j++)
			free((void *)hand->blocks[j]);
		for (unsigned int j = 0; j < DEALT; j++)
			hand->blocks[j] = take(SIZE);
		for (unsigned int j = 0; j < DEALT; j++)
			for (unsigned int k = 0; k < WRITES; k++)
				hand->blocks[j][k % SIZE] = k;
	}
	worker->operations = n * DEALT;
}

static void run(struct bench *bench)
{
	struct hand *hands = bench_array(bench->threads, sizeof(*hands));

	for (unsigned int i = 0; i < DEALT * bench->threads; i++)
		hands[i % bench->threads].blocks[i / bench->threads] =
			take(SIZE);
	bench_parallel(bench, bench->threads, write_often, hands);
}

const struct workload sharing = {
	"sharing", "threads write to blocks from the same cache lines", run,
};
