// SPDX-License-Identifier: MIT
/*
 * The command line of the ioctl fuzzer, its loop, the replay of saved programs
 * as a test, and the shortening of one that fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "../../options.h"
#include "fuzz.h"

#define STATISTICS_SECONDS	10
#define MOST_FINDINGS		5
#define MINIMISE_TRIES		8

struct options {
	u64 seed;
	unsigned int seconds;
	unsigned int repeat;
	const char *corpus;
	const char *replay;
	const char *minimise;
	bool leaks;
};

static struct options options = {
	.seconds = 60, .repeat = 3, .corpus = "tests/fuzz/corpus/ioctl",
};

static u64 executions, operations;
static unsigned int findings;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static enum verdict run(const struct program *program, char *why)
{
	enum verdict verdict = server_run(program, why, REPORT_SIZE);

	executions++;
	operations += atomic_load(&shared->operations);
	return verdict;
}

static void print_program(const char *label, const struct program *program)
{
	char text[MAX_TEXT];

	program_print(program, text, sizeof(text));
	printf("%s %s\n", label, text);
	fflush(stdout);
}

/* -------------------------------------------------------------- fuzzing --- */

static void print_statistics(const char *label, double since)
{
	printf("%s %.0f s: %llu executions, %llu operations, %u PCs, %u edges, corpus %u, findings %u\n",
	       label, now() - since, executions, operations, cover_pcs,
	       cover_edges, corpus_count, findings);
	fflush(stdout);
}

/* Runs a program; false when it makes no sense to go on. */
static bool try(const struct program *program)
{
	char why[REPORT_SIZE];
	enum verdict verdict = run(program, why);

	if (cover_collect()) {
		corpus_add(program);
		print_program("corpus", program);
	}
	if (verdict == VERDICT_FINE)
		return true;
	findings++;
	printf("finding %s\n", why);
	print_program("program", program);
	return verdict == VERDICT_WRONG && findings < MOST_FINDINGS;
}

static bool go_on = true;

static void try_saved(const char *path, const struct program *program)
{
	if (!program)
		printf("# cannot read %s\n", path);
	else if (go_on)
		go_on = try(program);
}

static void next_program(struct program *program)
{
	const struct program *old = corpus_pick();

	if (!old || !random_below(5)) {
		program_generate(program);
		return;
	}
	*program = *old;
	program_mutate(program, corpus_pick());
}

static int fuzz(void)
{
	double start = now(), next = start + STATISTICS_SECONDS;
	bool traced = cover_init();
	struct program program;

	/* Who has KCOV is slow for other reasons. */
	server_hurries = traced;
	random_seed(options.seed);
	printf("# seed %llu, %s\n", options.seed,
	       traced ? "guided by KCOV" : "no KCOV: guided by results only");
	corpus_each(options.corpus, try_saved);
	while (go_on && now() - start < options.seconds) {
		next_program(&program);
		go_on = try(&program);
		if (now() >= next) {
			print_statistics("stat", start);
			next += STATISTICS_SECONDS;
		}
	}
	if (options.leaks && server_leaks()) {
		printf("finding kmemleak has suspects\n");
		findings++;
	}
	print_statistics("done", start);
	return findings ? 1 : 0;
}

/* --------------------------------------------------------------- replay --- */

static unsigned int tests, failed;

static void replay_one(const char *path, const struct program *program)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	char why[REPORT_SIZE] = "cannot be read";
	bool fine = program;

	for (unsigned int i = 0; fine && i < options.repeat; i++)
		fine = run(program, why) == VERDICT_FINE;
	printf("%sok %u - %s\n", fine ? "" : "not ", ++tests, name);
	if (!fine)
		printf("# %s\n", why);
	fflush(stdout);
	failed += !fine;
}

static int replay(void)
{
	printf("TAP version 13\n");
	corpus_each(options.replay, replay_one);
	printf("1..%u\n", tests);
	return failed || !tests;
}

/* ------------------------------------------------------------- minimise --- */

static bool fails(const struct program *program, char *why)
{
	for (unsigned int i = 0; i < MINIMISE_TRIES; i++)
		if (run(program, why) == VERDICT_WRONG)
			return true;
	return false;
}

static int minimise(void)
{
	struct program program, shorter;
	char why[REPORT_SIZE];
	bool changed = true;

	if (corpus_read_file(options.minimise, &program)) {
		fprintf(stderr, "ioctl: cannot read %s\n", options.minimise);
		return 2;
	}
	if (!fails(&program, why)) {
		printf("# it does not fail, or only in the kernel's log\n");
		return 1;
	}
	while (changed) {
		changed = false;
		for (unsigned int i = program.count; i-- > 0;) {
			shorter = program;
			shorter.count--;
			memmove(shorter.ops + i, shorter.ops + i + 1,
				(shorter.count - i) * sizeof(shorter.ops[0]));
			if (!shorter.count || !fails(&shorter, why))
				continue;
			program = shorter;
			changed = true;
		}
	}
	fails(&program, why);
	printf("# %s\n", why);
	print_program("minimal", &program);
	return 0;
}

/* --------------------------------------------------------- command line --- */

static const struct argp_option table[] = {
	{ "seconds", 't', "N", 0, "for how long (60)", 0 },
	{ "seed", 's', "N", 0, "of the random programs (random)", 0 },
	{ "corpus", 'c', "DIR", 0,
	  "programs to begin with (tests/fuzz/corpus/ioctl)", 0 },
	{ "leaks", 'l', NULL, 0, "ask kmemleak at the end", 0 },
	{ "replay", 'r', "DIR", 0,
	  "only run the programs of a folder; prints TAP", 0 },
	{ "repeat", 'n', "N", 0, "run each so often (3)", 0 },
	{ "minimise", 'm', "FILE", 0, "shorten a program that fails", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 't':
		options.seconds = option_number(arg, state);
		break;
	case 's':
		options.seed = option_number(arg, state);
		break;
	case 'c':
		options.corpus = arg;
		break;
	case 'l':
		options.leaks = true;
		break;
	case 'r':
		options.replay = arg;
		break;
	case 'n':
		options.repeat = option_number(arg, state);
		break;
	case 'm':
		options.minimise = arg;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = table,
	.parser = parse,
	.doc = "Runs random programs of ioctls and system calls on the memory of /dev/ntmem.\v"
	       "Lines that begin with \"corpus\" are programs that reached something new.",
};

int main(int argc, char **argv)
{
	/* What a program that replaces itself becomes. */
	if (argc == 2 && !strcmp(argv[1], "--nothing"))
		return 0;
	/* The same addresses in each run. */
	if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE)) {
		personality(ADDR_NO_RANDOMIZE);
		execv("/proc/self/exe", argv);
	}
	if (getrandom(&options.seed, 4, 0) != 4)
		return 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	server_init(options.leaks);
	if (options.replay)
		return replay();
	return options.minimise ? minimise() : fuzz();
}
