// SPDX-License-Identifier: MIT
/*
 * Threads that come and go: each takes a few thousand blocks, frees them, and
 * ends. What an allocator keeps for a thread is made and given up each time.
 */
#include <pthread.h>

#include "workloads.h"

#define THREADS	1500UL
#define BLOCKS	3000UL

struct visit {
	pthread_t thread;
	struct dice dice;
	void *blocks[BLOCKS];
};

static void *visit(void *arg)
{
	struct visit *visit = arg;

	for (unsigned long i = 0; i < BLOCKS; i++)
		visit->blocks[i] = take(dice_doublings(&visit->dice, 16, 6));
	for (unsigned long i = 0; i < BLOCKS; i++)
		free(visit->blocks[i]);
	return NULL;
}

static void run(struct bench *bench)
{
	struct visit *visits = bench_array(bench->threads, sizeof(*visits));
	unsigned long n = bench_count(bench, THREADS / bench->threads);

	bench_begin(bench);
	for (unsigned long i = 0; i < n; i++) {
		for (unsigned int j = 0; j < bench->threads; j++) {
			visits[j].dice = dice_of(bench, i);
			if (pthread_create(&visits[j].thread, NULL, visit,
					   &visits[j]))
				abort();
		}
		for (unsigned int j = 0; j < bench->threads; j++)
			pthread_join(visits[j].thread, NULL);
	}
	bench_end(bench, n * bench->threads * BLOCKS);
}

const struct workload churn = {
	"churn", "threads of 3000 blocks each, one after the other", run,
};
