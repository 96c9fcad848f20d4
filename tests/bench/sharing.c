// SPDX-License-Identifier: MIT
/*
 * Who shares cache lines: one thread takes small blocks, which may lie in one
 * line, and gives one to each other thread. These free theirs, and from then on
 * take such a block, write to it often, and free it. An allocator that gives a
 * thread what another one's neighbour was makes them wait for each other.
 */
#include "workloads.h"

#define SIZE	16
#define ROUNDS	240000UL
#define WRITES	800

static void write_often(struct worker *worker)
{
	unsigned long n = bench_count(worker->bench, ROUNDS);
	char **given = worker->shared;

	free(given[worker->nr]);
	for (unsigned long i = 0; i < n; i++) {
		volatile char *block = take(SIZE);

		for (unsigned int j = 0; j < WRITES; j++)
			block[j % SIZE]++;
		free((void *)block);
	}
	worker->operations = n;
}

static void run(struct bench *bench)
{
	char **given = bench_array(bench->threads, sizeof(*given));

	for (unsigned int i = 0; i < bench->threads; i++)
		given[i] = take(SIZE);
	bench_parallel(bench, bench->threads, write_often, given);
}

const struct workload sharing = {
	"sharing", "threads write to blocks from one cache line", run,
};
