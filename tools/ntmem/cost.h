/* SPDX-License-Identifier: MIT */
/*
 * ntmem cost: what one memory operation costs, beside Linux doing the same.
 *
 * A *row* is a piece of work at one size. A *way* is a system that can do it:
 * ntmem's engine, or Linux's calls in one of several manners. A *cell* is a row
 * done in one way, with its samples. A sample is one operation, timed singly.
 */
#ifndef NTMEM_TOOL_COST_H
#define NTMEM_TOOL_COST_H

#include <stdio.h>

#include "tool.h"

#define COST_PAGE 4096UL
#define COST_KIB 1024UL
#define COST_MIB (1024 * COST_KIB)
#define COST_HUGE (2 * COST_MIB)

#define COST_WAYS_MAX 5
#define COST_SAMPLES_MAX 8192

struct json_object;

/* ---- cost_clock.c ---- */

enum cost_unit {
	COST_AUTO,
	COST_NS,
	COST_INSTRUCTIONS,	/* a guest under qemu -icount shift=0 */
};

struct cost_clock {
	enum cost_unit unit;
	bool tsc;		/* ticks are the TSC's, else nanoseconds */
	int64_t cost;		/* of reading it, subtracted everywhere */
};

extern struct cost_clock cost_clock;

void cost_clock_start(enum cost_unit unit);
int64_t cost_now(void);
/* How long ago that was, reading the clock not counted. */
int64_t cost_since(int64_t from);
const char *cost_unit_name(enum cost_unit unit);

/* ---- cost_ways.c ---- */

/* Address space for a cell to work in, its base a multiple of 2 MiB. */
struct cost_area {
	char *base;
	size_t size;
};

/* All functions return 0 or a negative errno. */
struct cost_way {
	const char *name;
	const char *what;
	int (*reserve)(size_t size, char **base);
	int (*release)(char *base, size_t size);
	int (*map)(struct cost_area *area);
	void (*unmap)(struct cost_area *area);
	int (*commit)(char *at, size_t size);
	int (*commit_many)(char *at, size_t size, unsigned int count);
	int (*decommit)(char *at, size_t size);
	int (*protect)(char *at, size_t size, bool writable);
	int (*populate)(char *at, size_t size);	/* NULL: touching does it */
	int (*query)(const char *at);
	/* The pages written to since the last time, at most *count. */
	int (*written)(const struct cost_area *area, uint64_t *pages,
		       size_t *count);
	int (*null)(void);
};

/* commit_many() commits ranges of size, each this many sizes after the last. */
#define COST_STRIDE 2
#define COST_BATCH 256

extern const struct cost_way cost_ntmem, cost_linux, cost_linux_thp,
	cost_linux_populate, cost_linux_mmap, cost_linux_maps,
	cost_linux_procmap;

extern const struct ntmem_engine *cost_engine;

void cost_ways_use(const struct ntmem_engine *engine);
void cost_ntmem_unmap(struct cost_area *area);

static inline uint64_t cost_number(const char *at)
{
	return (uint64_t)(uintptr_t)at;
}

/* ---- cost_watch.c ---- */

extern const struct cost_way cost_ntmem_watch, cost_linux_uffd,
	cost_linux_segv;

/* ---- cost_work.c ---- */

struct cost_cell;

struct cost_work {
	int (*prepare)(struct cost_cell *cell);
	/* Turn number turn; its ticks go to *ticks. */
	int (*once)(struct cost_cell *cell, unsigned int turn, int64_t *ticks);
	void (*finish)(struct cost_cell *cell);
};

extern const struct cost_work cost_null, cost_reserve, cost_commit_fresh,
	cost_commit_again, cost_commit_batch, cost_decommit, cost_protect,
	cost_protect_cycle, cost_query, cost_touch, cost_touch_random,
	cost_touch_batch, cost_life, cost_fork, cost_fork_write,
	cost_watch;

/* ---- cost_rows.c ---- */

struct cost_row {
	const char *name;
	const char *what;
	const char *beside;	/* the calls that cost_linux makes for it */
	const struct cost_work *work;
	size_t size;
	size_t step;		/* touch: bytes from one sample to the next */
	unsigned int touched;	/* pages touched in one turn */
	unsigned int divide;	/* what a sample is divided by */
	const char *per;	/* what is left then: "call", "page" ... */
	unsigned int rounds;	/* the ways alternate this often */
	unsigned int turns;	/* timed in each round */
	unsigned int lead;	/* not timed, before them */
	const struct cost_way *ways[COST_WAYS_MAX];
};

extern const struct cost_row cost_rows[];
extern const size_t cost_row_count;

/* ---- cost_stats.c ---- */

struct cost_stats {
	unsigned int count;
	double median, mean, p10, p90, min, max;
};

void cost_stats(const int64_t *samples, unsigned int count, double divide,
		struct cost_stats *stats);

/* ---- cost_run.c ---- */

struct cost_cell {
	const struct cost_row *row;
	const struct cost_way *way;
	int error;
	unsigned int turns;	/* in a round, those not timed included */
	struct cost_area area;
	unsigned int slots;	/* ranges that are used in turn */
	int64_t *samples;
	unsigned int count;
	struct cost_stats stats;
};

struct cost_result {
	const struct cost_row *row;
	struct cost_cell cells[COST_WAYS_MAX];
	unsigned int cell_count;
};

struct cost_options {
	const char *engine;
	const char **patterns;
	size_t pattern_count;
	unsigned int turns;	/* at most, in a round; 0 = each row's own */
	enum cost_unit unit;
	bool progress;
	bool threads;
	unsigned int seconds;
};

bool cost_row_chosen(const struct cost_options *options, const char *name);

/* Runs the chosen rows; returns their number, results is malloc'd. */
size_t cost_run(const struct cost_options *options,
		struct cost_result **results);

/* ---- cost_threads.c ---- */

#define COST_THREAD_ROUNDS 5

struct cost_threads {
	const struct cost_way *way;
	int error;
	unsigned int rounds;
	double one, two;	/* lives of 64 KiB in a second, medians */
	double ratio;		/* median of the rounds' ratios */
};

void cost_threads_run(const struct cost_options *options,
		      struct cost_threads results[2]);

/* ---- cost_env.c ---- */

/* Makes runs repeat: one CPU, no address randomisation, own memory locked. */
void cost_settle(bool threads);

/* What was measured on, as it goes to the JSON output. */
struct json_object *cost_environment(const struct ntmem_engine *engine);

/* ---- cost_output.c ---- */

struct cost_study {
	struct json_object *environment;
	const struct cost_result *results;
	size_t count;
	const struct cost_threads *threads;	/* two, or NULL */
};

void cost_print_text(const struct cost_study *study);
void cost_print_json(const struct cost_study *study);
void cost_print_csv(const struct cost_study *study);

/* ---- cost_table.c, cost_bars.c ---- */

int cost_table(char **paths, size_t count);

/* One number of a JSON study; false where the study does not have it. */
bool cost_figure(struct json_object *study, const char *row, const char *way,
		 const char *key, double *value);

/* Judges the studies by the project's goals; how many they miss. */
unsigned int cost_bars(struct json_object *const *studies, size_t count);

#endif
