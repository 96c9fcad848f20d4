// SPDX-License-Identifier: MIT
/*
 * What the machine allows: threads that only reckon, four sums at a time. Where
 * its processors share a core, or are shared with others, two of these do not do
 * the work of two, and no allocator's threads will.
 */
#include "workloads.h"

#define STEPS	100000000UL

static void reckon(struct worker *worker)
{
	unsigned long n = bench_count(worker->bench, STEPS);
	unsigned long a = worker->nr, b = 2, c = 3, d = 4;

	for (unsigned long i = 0; i < n; i++) {
		a = a * 3 + i;
		b += a ^ i;
		c ^= i + 7;
		d += c;
		/* The compiler must not take steps together. */
		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
	}
	worker->operations = n;
}

static void run(struct bench *bench)
{
	bench_parallel(bench, bench->threads, reckon, NULL);
}

const struct workload machine = {
	"machine", "threads that only reckon; compares no allocators", run,
};
