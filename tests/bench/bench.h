/* SPDX-License-Identifier: MIT */
/*
 * What the workloads share with the program around them: the run with its
 * clock, the dice, and how a block is taken and touched.
 */
#ifndef NTMEM_BENCH_H
#define NTMEM_BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* gcc's analyzer loses sight of blocks in arrays that it did not see made. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

#define KIB	1024UL
#define MIB	(1024 * KIB)
#define PAGE	4096UL

/* One run of one workload: what is asked for, then what was measured. */
struct bench {
	unsigned int threads;
	double scale;		/* of the counts; 1 is a good third of a second */
	uint64_t seed;

	double began;
	double seconds;
	double cpu_began;
	double cpu_seconds;	/* of all threads */
	unsigned long operations;	/* blocks taken or resized */
	unsigned long settled_kib;	/* resident after a second idle, or 0 */
	unsigned long live_kib;		/* what the live blocks' pages hold then */
};

/* Each workload is a file, and has a line in workloads.c. */
struct workload {
	const char *name;
	const char *what;
	void (*run)(struct bench *bench);
};

extern const struct workload *const workloads[];

/* So many as asked for at scale 1, and at least one. */
unsigned long bench_count(const struct bench *bench, unsigned long count);

/* Around what is measured. Several stretches add up. */
void bench_begin(struct bench *bench);
void bench_end(struct bench *bench, unsigned long operations);

/* Memory of the workload's own, which the allocator does not see. */
void *bench_array(size_t count, size_t size);

unsigned long resident_kib(void);
unsigned long peak_kib(void);
double seconds_now(void);

/* ------------------------------------------------------------------ dice --- */

struct dice {
	uint64_t state;
};

static inline struct dice dice_of(const struct bench *bench, unsigned int nr)
{
	return (struct dice){ bench->seed + nr * 0x9e3779b97f4a7c15ULL };
}

static inline uint32_t dice_next(struct dice *dice)
{
	dice->state = dice->state * 6364136223846793005ULL +
		      1442695040888963407ULL;
	return dice->state >> 32;
}

static inline uint32_t dice_below(struct dice *dice, uint32_t n)
{
	return (uint64_t)dice_next(dice) * n >> 32;
}

static inline size_t dice_between(struct dice *dice, uint32_t least,
				  uint32_t most)
{
	return least + dice_below(dice, most - least + 1);
}

/* Small numbers as often as large ones: each doubling has the same chance. */
static inline size_t dice_doublings(struct dice *dice, size_t least,
				    unsigned int doublings)
{
	size_t size = least << dice_below(dice, doublings);

	return size + dice_below(dice, size);
}

/* ---------------------------------------------------------------- blocks --- */

static inline void touch(void *block, size_t size)
{
	volatile char *p = block;

	p[0] = 1;
	p[size - 1] = 1;
}

static inline void touch_pages(void *block, size_t from, size_t size)
{
	volatile char *p = block;

	for (size_t i = from; i < size; i += PAGE)
		p[i] = 1;
	p[size - 1] = 1;
}

static inline void *take(size_t size)
{
	void *block = malloc(size);

	if (!block)
		abort();
	touch(block, size);
	return block;
}

/* --------------------------------------------------------------- threads --- */

/* What one of several equal threads knows. */
struct worker {
	struct bench *bench;
	unsigned int nr;
	void *shared;
	unsigned long operations;
};

/* All threads at once, from the moment that they stand ready; measured. */
void bench_parallel(struct bench *bench, unsigned int threads,
		    void (*work)(struct worker *worker), void *shared);

/* ------------------------------------------------------ other ways to run --- */

/* steps.c: instructions of a malloc and free of a size, single-stepped. */
int count_steps(size_t size, unsigned long pairs);

/* launch.c: a command with the allocator preloaded; its time and peak. */
int launch(const char *preload, char **command);

#endif /* NTMEM_BENCH_H */
