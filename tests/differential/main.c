// SPDX-License-Identifier: MIT
/*
 * The differential test: both engines and a plain model of the semantics get
 * the same long random sequences of calls and must agree about all of it.
 *
 * This file is the command line and the TAP output.
 */
#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "../options.h"
#include "generate.h"
#include "pair.h"
#include "run.h"
#include "selftest.h"
#include "shrink.h"
#include "threads.h"

#define LAST_CALLS	12

struct options {
	u64 seed;
	unsigned long steps;
	unsigned long rounds;
	unsigned long seconds;
	unsigned long threads;
	unsigned int engines;
	bool pairs;
	bool verbose;
	bool print;
	bool no_shrink;
	bool only_selftest;
	const char *replay;
	const char *corpus;
};

static int tests;
static bool all_ok = true;

__attribute__((format(printf, 2, 3)))
static void result(bool ok, const char *format, ...)
{
	va_list args;

	printf("%s %d - ", ok ? "ok" : "not ok", ++tests);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	all_ok &= ok;
}

static void print_commented(const struct sequence *seq)
{
	char *text = NULL, *line, *rest;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	sequence_print(out, seq);
	fclose(out);
	rest = text;
	while ((line = strsep(&rest, "\n")) && *line)
		printf("#   %s\n", line);
	free(text);
}

static void explain(struct sequence *seq, const struct options *options,
		    size_t failed_at)
{
	size_t end = failed_at < seq->count ? failed_at + 1 : seq->count;
	size_t first = end > LAST_CALLS ? end - LAST_CALLS : 0;

	printf("# the last calls:\n");
	for (size_t i = first; i < end; i++) {
		printf("#   %zu: ", i);
		op_print(stdout, &seq->ops[i]);
		putchar('\n');
	}
	if (options->no_shrink)
		return;
	shrink(seq, options->engines, failed_at);
	printf("# what is left when calls that do not matter are left out:\n");
	print_commented(seq);
	printf("# which gives:\n");
	shrink_run(seq, options->engines, RUN_NORMAL, &failed_at);
}

static bool run_one(struct sequence *seq, const struct options *options)
{
	size_t failed_at;
	bool ok = shrink_run(seq, options->engines,
			     options->verbose ? RUN_VERBOSE : RUN_NORMAL,
			     &failed_at);

	if (!ok)
		explain(seq, options, failed_at);
	return ok;
}

static void run_file(const char *path, const struct options *options)
{
	struct sequence seq;
	bool ok = sequence_read(&seq, path) && run_one(&seq, options);

	result(ok, "%s", path);
	sequence_free(&seq);
}

static void run_corpus(const struct options *options)
{
	struct dirent **names = NULL;
	int n = options->corpus ?
		scandir(options->corpus, &names, NULL, alphasort) : 0;

	if (n < 0)
		printf("# no folder %s, so no regression sequences\n",
		       options->corpus);
	for (int i = 0; i < n; i++) {
		const char *end = strrchr(names[i]->d_name, '.');
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", options->corpus,
			 names[i]->d_name);
		if (end && !strcmp(end, ".txt"))
			run_file(path, options);
		free(names[i]);
	}
	if (n > 0)
		free(names);
}

/* Of one granularity, and without a limit, which all would share. */
static bool run_together(u64 seed, const struct options *options)
{
	struct sequence seqs[THREADS_MAX];
	bool ok;

	for (unsigned long i = 0; i < options->threads; i++)
		generate(&seqs[i], seed * THREADS_MAX + i, seed % 3,
			 options->steps);
	ok = threads_run(seqs, options->threads, options->engines);
	for (unsigned long i = 0; i < options->threads; i++)
		sequence_free(&seqs[i]);
	return ok;
}

/* Of one granularity, and without a limit, so that there are sections. */
static bool run_pair(u64 seed, const struct options *options)
{
	struct sequence seqs[2];
	bool ok;

	for (int i = 0; i < 2; i++)
		generate(&seqs[i], seed * 2 + i, seed % 3, options->steps);
	ok = pair_run(seqs, options->engines);
	for (int i = 0; i < 2; i++)
		sequence_free(&seqs[i]);
	return ok;
}

static void run_round(u64 seed, const struct options *options)
{
	struct sequence seq;

	if (options->pairs) {
		result(run_pair(seed, options),
		       "a random sequence in each of two processes, seed %llu",
		       seed);
		return;
	}
	if (options->threads) {
		result(run_together(seed, options),
		       "%lu random sequences at once, seed %llu",
		       options->threads, seed);
		return;
	}
	/* The seed alone decides everything, so --rounds 1 repeats. */
	generate(&seq, seed, seed % 12, options->steps);
	if (options->print)
		sequence_print(stdout, &seq);
	else
		result(run_one(&seq, options), "random sequence, seed %llu",
		       seed);
	sequence_free(&seq);
}

static void run_rounds(const struct options *options)
{
	time_t end = time(NULL) + (time_t)options->seconds;

	for (unsigned long i = 0; i < options->rounds; i++) {
		run_round(options->seed + i, options);
		if (options->seconds && time(NULL) >= end)
			break;
	}
}

static const char *engines_name(unsigned int engines)
{
	switch (engines) {
	case RUN_KERNEL:
		return "kernel";
	case RUN_EMBEDDED:
		return "embedded";
	default:
		return "both";
	}
}

static unsigned int parse_engines(const char *name)
{
	if (!strcmp(name, "kernel"))
		return RUN_KERNEL;
	if (!strcmp(name, "embedded"))
		return RUN_EMBEDDED;
	if (!strcmp(name, "both"))
		return RUN_KERNEL | RUN_EMBEDDED;
	fprintf(stderr, "differential: no engine \"%s\"\n", name);
	exit(2);
}

static const struct argp_option table[] = {
	{ "engine", 'e', "kernel|embedded|both", 0,
	  "default: NTMEM_ENGINE, else all there are", 0 },
	{ "seed", 's', "N", 0, "seed of the first round (random)", 0 },
	{ "steps", 'n', "N", 0, "calls in a round (4000)", 0 },
	{ "rounds", 'r', "N", 0, "rounds, each with the next seed (36)", 0 },
	{ "seconds", 'd', "N", 0,
	  "begin no round after so many; no other limit", 0 },
	{ "threads", 'j', "N", 0,
	  "N sequences at once in each round, and no corpus", 0 },
	{ "pairs", 'P', NULL, 0,
	  "two sequences, in processes that take turns, and no corpus", 0 },
	{ "verbose", 'v', NULL, 0, "print each call and its result", 0 },
	{ "print", 'p', NULL, 0,
	  "print the sequences instead of running them", 0 },
	{ "replay", 'f', "FILE", 0, "run only the sequence in FILE", 0 },
	{ "corpus", 'c', "DIR", 0,
	  "regression sequences (tests/differential/corpus)", 0 },
	{ "self-test", 't', NULL, 0, "only test the model", 0 },
	{ "no-shrink", 'x', NULL, 0, "do not shorten a failing sequence", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'e':
		o->engines = parse_engines(arg);
		break;
	case 's':
		o->seed = option_number(arg, state);
		break;
	case 'n':
		o->steps = option_number(arg, state);
		break;
	case 'r':
		o->rounds = option_number(arg, state);
		break;
	case 'd':
		o->seconds = option_number(arg, state);
		o->rounds = ULONG_MAX;
		break;
	case 'j':
		o->threads = option_number(arg, state);
		if (o->threads > THREADS_MAX)
			argp_error(state, "at most %d threads", THREADS_MAX);
		break;
	case 'P':
		o->pairs = true;
		break;
	case 'v':
		o->verbose = true;
		break;
	case 'p':
		o->print = true;
		break;
	case 'f':
		o->replay = arg;
		break;
	case 'c':
		o->corpus = arg;
		break;
	case 't':
		o->only_selftest = true;
		break;
	case 'x':
		o->no_shrink = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = table,
	.parser = parse,
	.doc = "Random sequences of calls, on the engines and on a model of them.",
};

int main(int argc, char **argv)
{
	const char *engine = getenv("NTMEM_ENGINE");
	struct options o = {
		.steps = 4000,
		.rounds = 36,
		.corpus = "tests/differential/corpus",
	};

	if (getrandom(&o.seed, sizeof(o.seed), 0) != sizeof(o.seed))
		return 2;
	o.seed >>= 32;
	o.engines = engine ? parse_engines(engine) : run_available();
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (o.print) {
		run_rounds(&o);
		return 0;
	}
	run_count_operations();
	printf("TAP version 13\n");
	if (o.replay) {
		run_file(o.replay, &o);
	} else {
		result(!selftest(), "the model's self-test");
		if (!o.only_selftest) {
			printf("# engines: %s, first seed %llu\n",
			       engines_name(o.engines), o.seed);
			if (!o.threads && !o.pairs)
				run_corpus(&o);
			run_rounds(&o);
		}
	}
	printf("# operations: %lu\n", run_operations());
	printf("1..%d\n", tests);
	return !all_ok;
}
