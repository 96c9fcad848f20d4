// SPDX-License-Identifier: MIT
/* A block of 64 bytes, taken and given back at once: the fast path alone. */
#include "workloads.h"

#define SIZE	64
#define PAIRS	50000000UL

static void run(struct bench *bench)
{
	unsigned long n = bench_count(bench, PAIRS);

	bench_begin(bench);
	for (unsigned long i = 0; i < n; i++)
		free(take(SIZE));
	bench_end(bench, n);
}

const struct workload pairs = {
	"pairs", "malloc and free of 64 bytes in turn", run,
};
