// SPDX-License-Identifier: MIT
/*
 * What the heaps of one maker cost, as a line of JSON: a heap's life by the
 * number of blocks, in nanoseconds a block, and what a small heap holds.
 */
#include <stdio.h>
#include <string.h>

#include "heap.h"

#define BLOCKS		1000000UL	/* in all, for each count */
#define LIVES		20000UL		/* at most */
#define HEAPS		1000U
#define HEAP_BLOCKS	10U

static const struct maker *const makers[] = {
	&maker_ntmem, &maker_ntmem_unlocked, &maker_mimalloc, &maker_malloc,
	NULL,
};

static unsigned short sizes[SIZES];

static void draw_sizes(void)
{
	struct dice dice = { 1 };

	for (unsigned int i = 0; i < SIZES; i++)
		sizes[i] = dice_between(&dice, 16, 256);
}

static void measure_lives(const struct maker *maker, double scale)
{
	static const unsigned int counts[] = { 1, 10, 100, 1000, 10000 };

	for (unsigned int i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		unsigned int count = counts[i];
		struct bench bench = { .scale = scale };
		unsigned long lives = BLOCKS / count;

		lives = bench_count(&bench, lives < LIVES ? lives : LIVES);
		maker->live(sizes, count);
		bench_begin(&bench);
		for (unsigned long j = 0; j < lives; j++)
			maker->live(sizes, count);
		bench_end(&bench, lives * count);
		printf(", \"ns_%u\": %.2f, \"cpu_ns_%u\": %.2f", count,
		       bench.seconds * 1e9 / bench.operations, count,
		       bench.cpu_seconds * 1e9 / bench.operations);
	}
}

/* Resident memory that a thousand heaps of ten blocks add. */
static void measure_memory(const struct maker *maker)
{
	unsigned long before = resident_kib();

	for (unsigned int i = 0; i < HEAPS; i++)
		if (!maker->leave(sizes, HEAP_BLOCKS))
			abort();
	printf(", \"heap_kib\": %.2f", (double)(resident_kib() - before) /
	       HEAPS);
}

int main(int argc, char **argv)
{
	double scale = argc > 2 ? strtod(argv[2], NULL) : 1;
	const struct maker *maker = NULL;

	for (unsigned int i = 0; argc > 1 && makers[i]; i++)
		if (!strcmp(makers[i]->name, argv[1]))
			maker = makers[i];
	if (!maker || argc > 3 || !(scale > 0)) {
		fprintf(stderr, "usage: bench-heap ntmem|ntmem-unlocked|mimalloc|malloc [SCALE]\n");
		return 2;
	}
	if (!maker->open()) {
		fprintf(stderr, "bench-heap: there are no heaps of %s\n",
			maker->name);
		return 4;
	}
	draw_sizes();
	printf("{\"maker\": \"%s\"", maker->name);
	/* Memory first, as long as nothing is kept for the next heap. */
	measure_memory(maker);
	measure_lives(maker, scale);
	puts("}");
	return 0;
}
