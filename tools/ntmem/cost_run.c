// SPDX-License-Identifier: MIT
/*
 * Runs rows: the ways of a row alternate in rounds, each way's turns in a
 * round are done one after the other.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cost.h"

bool cost_row_chosen(const struct cost_options *options, const char *name)
{
	if (!options->pattern_count)
		return true;
	for (size_t i = 0; i < options->pattern_count; i++)
		if (!fnmatch(options->patterns[i], name, 0))
			return true;
	return false;
}

static void progress(const struct cost_options *options, size_t at,
		     size_t count, const char *name)
{
	if (!options->progress)
		return;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%zu/%zu %s", at, count, name);
	else if (*name)
		fprintf(stderr, "cost: %zu/%zu %s\n", at + 1, count, name);
	if (!*name && isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	fflush(stderr);
}

static void rest(long milliseconds)
{
	struct timespec time = {
		.tv_sec = milliseconds / 1000,
		.tv_nsec = milliseconds % 1000 * 1000000,
	};

	nanosleep(&time, NULL);
}

/* Lets the work that the way before put off come to its end. */
static void rest_between(void)
{
	rest(cost_clock.unit == COST_INSTRUCTIONS ? 20 : 2);
}

/*
 * A guest that has just booted still tests its ciphers and the like. Where
 * instructions are counted, sleeping costs no time unless it does.
 */
static void rest_before(void)
{
	if (cost_clock.unit == COST_INSTRUCTIONS)
		rest(3000);
}

/* What the timed turns of one round of a row may be, given --turns. */
static unsigned int timed_turns(const struct cost_options *options,
				const struct cost_row *row)
{
	if (options->turns && options->turns < row->turns)
		return options->turns;
	return row->turns;
}

static void run_round(struct cost_cell *cell, unsigned int timed)
{
	const struct cost_work *work = cell->row->work;
	unsigned int lead = cell->turns - timed;

	rest_between();
	cell->error = work->prepare(cell);
	for (unsigned int turn = 0; turn < cell->turns && !cell->error;
	     turn++) {
		int64_t ticks = 0;

		cell->error = work->once(cell, turn, &ticks);
		if (turn >= lead && !cell->error)
			cell->samples[cell->count++] = ticks;
	}
	work->finish(cell);
}

/* One untimed round of few turns brings code and tables into use. */
static void warm_up(struct cost_cell *cell)
{
	unsigned int turns = cell->turns;

	if (cell->turns > 4)
		cell->turns = 4;
	run_round(cell, 0);
	cell->turns = turns;
	cell->count = 0;
}

static void begin_cell(struct cost_cell *cell, const struct cost_row *row,
		       const struct cost_way *way, unsigned int timed,
		       int64_t *samples)
{
	memset(cell, 0, sizeof(*cell));
	cell->row = row;
	cell->way = way;
	cell->turns = row->lead + timed;
	cell->samples = samples;
}

static int64_t *room_for_samples(size_t count)
{
	int64_t *samples = calloc(count, sizeof(*samples));

	if (!samples)
		abort();
	/* Not on the first sample: the pages behind them. */
	memset(samples, 1, count * sizeof(*samples));
	return samples;
}

static void run_row(const struct cost_options *options,
		    const struct cost_row *row, struct cost_result *result)
{
	unsigned int timed = timed_turns(options, row);
	size_t room = (size_t)row->rounds * timed;
	int64_t *samples = room_for_samples(COST_WAYS_MAX * room);

	result->row = row;
	for (size_t i = 0; i < COST_WAYS_MAX && row->ways[i]; i++) {
		struct cost_cell *cell = &result->cells[i];

		begin_cell(cell, row, row->ways[i], timed, samples + i * room);
		result->cell_count++;
		if (row->turns * row->rounds > 100)
			warm_up(cell);
	}
	for (unsigned int round = 0; round < row->rounds; round++)
		for (size_t i = 0; i < result->cell_count; i++)
			if (!result->cells[i].error)
				run_round(&result->cells[i], timed);
	for (size_t i = 0; i < result->cell_count; i++) {
		struct cost_cell *cell = &result->cells[i];

		cost_stats(cell->samples, cell->count, row->divide,
			   &cell->stats);
		cell->samples = NULL;
	}
	free(samples);
}

size_t cost_run(const struct cost_options *options,
		struct cost_result **results)
{
	size_t count = 0, at = 0;

	for (size_t i = 0; i < cost_row_count; i++)
		count += cost_row_chosen(options, cost_rows[i].name);
	*results = calloc(count + 1, sizeof(**results));
	if (!*results)
		abort();
	rest_before();
	for (size_t i = 0; i < cost_row_count; i++) {
		if (!cost_row_chosen(options, cost_rows[i].name))
			continue;
		progress(options, at, count, cost_rows[i].name);
		run_row(options, &cost_rows[i], &(*results)[at++]);
	}
	progress(options, at, count, "");
	return count;
}
