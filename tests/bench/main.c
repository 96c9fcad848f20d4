// SPDX-License-Identifier: MIT
/*
 * One workload, run once with the allocator that this process has, and what was
 * measured as a line of JSON. tests/bench/run calls this for each allocator.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../options.h"
#include "workloads.h"

#define FEW_PAIRS	16UL
#define MANY_PAIRS	256UL

static struct bench bench = { .threads = 2, .scale = 1, .seed = 1 };
static const char *preload;
static size_t steps;
static bool list, launching;
static char **words;		/* the workload, or the command to launch */

static const struct argp_option table[] = {
	{ "list", 'l', 0, 0, "list the workloads", 0 },
	{ "threads", 't', "N", 0, "of the workloads that have some (2)", 0 },
	{ "scale", 's', "FACTOR", 0, "work so much more, or less (1)", 0 },
	{ "seed", 'S', "N", 0, "of all that is random (1)", 0 },
	{ "steps", 'i', "SIZE", 0,
	  "instead: instructions of a malloc and free of SIZE", 0 },
	{ "launch", 'L', 0, 0,
	  "instead: run a command, and tell its time and its peak", 0 },
	{ "preload", 'p', "LIBRARY", 0, "for the command", 0 },
	{ 0 },
};

static double option_factor(const char *text, struct argp_state *state)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value > 0) || value > 1000)
		argp_error(state, "\"%s\" is no factor", text);
	return value;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'l':
		list = true;
		break;
	case 't':
		bench.threads = option_number(arg, state);
		if (!bench.threads || bench.threads > 256)
			argp_error(state, "1 to 256 threads");
		break;
	case 's':
		bench.scale = option_factor(arg, state);
		break;
	case 'S':
		bench.seed = option_number(arg, state);
		break;
	case 'i':
		steps = option_number(arg, state);
		break;
	case 'L':
		launching = true;
		break;
	case 'p':
		preload = arg;
		break;
	case ARGP_KEY_ARGS:
		words = state->argv + state->next;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = table,
	.parser = parse,
	.args_doc = "WORKLOAD\n--launch -- COMMAND...",
	.doc = "Runs one workload, and prints what it took.",
};

static const struct workload *find(const char *name)
{
	if (!strcmp(machine.name, name))
		return &machine;
	for (unsigned int i = 0; workloads[i]; i++)
		if (!strcmp(workloads[i]->name, name))
			return workloads[i];
	return NULL;
}

/* The library whose malloc is called: a preload that failed goes unnoticed. */
static const char *allocator(void)
{
	Dl_info info;

	if (!dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info) || !info.dli_fname)
		return "";
	return info.dli_fname;
}

static int run(const struct workload *workload)
{
	workload->run(&bench);
	printf("{\"workload\": \"%s\", \"allocator\": \"%s\", \"threads\": %u, \"seconds\": %.6f, \"cpu_seconds\": %.6f, \"operations\": %lu, \"peak_kib\": %lu",
	       workload->name, allocator(), bench.threads, bench.seconds,
	       bench.cpu_seconds, bench.operations, peak_kib());
	if (bench.settled_kib)
		printf(", \"settled_kib\": %lu, \"live_kib\": %lu",
		       bench.settled_kib, bench.live_kib);
	puts("}");
	return 0;
}

int main(int argc, char **argv)
{
	const struct workload *workload;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (list) {
		for (unsigned int i = 0; workloads[i]; i++)
			printf("%-15s %s\n", workloads[i]->name,
			       workloads[i]->what);
		return 0;
	}
	if (steps)
		return count_steps(steps, steps > KIB ? FEW_PAIRS : MANY_PAIRS);
	if (!words || (!launching && words[1])) {
		fprintf(stderr, "bench: which workload? See --list\n");
		return 2;
	}
	if (launching)
		return launch(preload, words);
	workload = find(words[0]);
	if (!workload) {
		fprintf(stderr, "bench: no workload \"%s\"\n", words[0]);
		return 2;
	}
	return run(workload);
}
