// SPDX-License-Identifier: MIT
/*
 * The goals that the project has set itself, and whether a study meets them.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "cost.h"

enum measure {
	MEASURE_MEDIAN,		/* ratio of the medians */
	MEASURE_BOTH,		/* and of the means */
	MEASURE_INSTRUCTIONS,	/* ours alone, median, under -icount only */
	MEASURE_THREADS,	/* two threads to one; more is better */
};

struct bar {
	const char *what;
	const char *row;
	const char *way;	/* Linux's */
	enum measure measure;
	double limit;
	bool below;		/* must be below it, not only at it */
};

static const struct bar bars[] = {
	{ "commit 64K, fresh range", "commit-fresh/64K", "linux",
	  MEASURE_BOTH, 0.10, false },
	{ "commit 64K, range used before", "commit-again/64K", "linux",
	  MEASURE_MEDIAN, 0.37, false },
	{ "life of 64K, 1 page", "life/64K/1", "linux",
	  MEASURE_BOTH, 0.65, false },
	{ "life of 64K, 16 pages", "life/64K/16", "linux",
	  MEASURE_BOTH, 0.42, false },
	{ "life of 64M, instructions a page", "life/64M/all", "linux",
	  MEASURE_INSTRUCTIONS, 2000, false },
	{ "reserve and release 4K", "reserve-release/4K", "linux",
	  MEASURE_MEDIAN, 1.0, false },
	{ "reserve and release 64K", "reserve-release/64K", "linux",
	  MEASURE_MEDIAN, 1.0, false },
	{ "reserve and release 64M", "reserve-release/64M", "linux",
	  MEASURE_MEDIAN, 1.0, false },
	{ "protect 64K to and fro, 16 pages written", "protect-cycle/64K",
	  "linux", MEASURE_MEDIAN, 0.8, false },
	{ "write watch, beside mprotect and SIGSEGV", "watch/1G", "linux-segv",
	  MEASURE_MEDIAN, 0.1, false },
	{ "write watch, beside PAGEMAP_SCAN", "watch/1G", "linux-uffd",
	  MEASURE_MEDIAN, 1.0, false },
	{ "fork with 64M", "fork/64M", "linux", MEASURE_MEDIAN, 1.0, true },
	{ "query, beside /proc/self/maps", "query/1", "linux-maps",
	  MEASURE_MEDIAN, 0.1, false },
	{ "query, beside PROCMAP_QUERY", "query/1", "linux-procmap",
	  MEASURE_MEDIAN, 1.0, true },
	{ "query among 500 ranges, beside PROCMAP_QUERY", "query/500",
	  "linux-procmap", MEASURE_MEDIAN, 1.0, true },
	{ "two threads to one", "threads", "linux", MEASURE_THREADS, 1.8,
	  false },
};

#define BARS (sizeof(bars) / sizeof(bars[0]))

static bool ratio(struct json_object *study, const struct bar *bar,
		  const char *key, double *value)
{
	double ours, theirs;

	if (!cost_figure(study, bar->row, "ntmem", key, &ours) ||
	    !cost_figure(study, bar->row, bar->way, key, &theirs) ||
	    theirs <= 0)
		return false;
	*value = ours / theirs;
	return true;
}

static bool holds(const struct bar *bar, double value)
{
	return bar->below ? value < bar->limit : value <= bar->limit;
}

/* The figure as text, and whether it meets the goal; false without data. */
static bool judge(struct json_object *study, const struct bar *bar,
		  char *text, size_t size, bool *met)
{
	double value, mean;
	struct json_object *unit;

	switch (bar->measure) {
	case MEASURE_MEDIAN:
	case MEASURE_BOTH:
		if (!ratio(study, bar, "median", &value) ||
		    !ratio(study, bar, "mean", &mean))
			return false;
		*met = holds(bar, value) &&
		       (bar->measure == MEASURE_MEDIAN || holds(bar, mean));
		snprintf(text, size, "%.3f (%.3f)", value, mean);
		return true;
	case MEASURE_INSTRUCTIONS:
		if (!json_object_object_get_ex(study, "unit", &unit) ||
		    strcmp(json_object_get_string(unit), "instructions") ||
		    !cost_figure(study, bar->row, "ntmem", "median", &value))
			return false;
		*met = holds(bar, value);
		snprintf(text, size, "%.0f", value);
		return true;
	case MEASURE_THREADS:
		if (!cost_figure(study, bar->row, "ntmem", "ratio", &value))
			return false;
		*met = value >= bar->limit;
		snprintf(text, size, "%.2f", value);
		return true;
	}
	return false;
}

static void print_goal(const struct bar *bar)
{
	if (bar->measure == MEASURE_THREADS)
		printf("| %s | at least %g |", bar->what, bar->limit);
	else
		printf("| %s | %s %g%s |", bar->what,
		       bar->below ? "below" : "at most", bar->limit,
		       bar->measure == MEASURE_BOTH ? ", mean too" : "");
}

unsigned int cost_bars(struct json_object *const *studies, size_t count)
{
	unsigned int missed = 0;

	for (size_t i = 0; i < BARS; i++) {
		print_goal(&bars[i]);
		for (size_t j = 0; j < count; j++) {
			char text[TEXT_MAX];
			bool met;

			if (!judge(studies[j], &bars[i], text, sizeof(text),
				   &met)) {
				fputs(" no data |", stdout);
				continue;
			}
			printf(" %s %s |", text, met ? "met" : "**missed**");
			missed += !met;
		}
		putchar('\n');
	}
	return missed;
}
