// SPDX-License-Identifier: MIT
/*
 * The soak test of the heap: rounds of random load on malloc and on Windows' heaps
 * at once, each in a process of its own, with other settings of the library in its
 * environment. Threads come and go, hand each other their blocks, and meet heaps
 * that are locked, walked, validated, created and destroyed, forks, and limits. At
 * the end of a round everything is freed, and the books must balance.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../clock.h"
#include "../options.h"
#include "soak-heap.h"

#define ROUND_SECONDS	12
#define ROUND_GRACE	60

static const struct setting {
	const char *name;
	const char *value;
} settings[] = {
	{ "NTMEM_HEAP_PURGE", "" },
	{ "NTMEM_HEAP_PURGE", "eager" },
	{ "NTMEM_HEAP_PURGE", "late" },
	{ "NTMEM_HEAP_CHECK", "fill" },
	{ "NTMEM_HEAP_CHECK", "tail" },
	{ "NTMEM_HEAP_CHECK", "full" },
	{ "NTMEM_COMMIT_LIMIT", "32M" },
	{ "NTMEM_COMMIT_LIMIT", "100M" },
};

#define SETTINGS	(sizeof(settings) / sizeof(*settings))

static unsigned int seconds = 60, seed = 1, one_round;

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 't':
		seconds = option_number(arg, state);
		return 0;
	case 'S':
		seed = option_number(arg, state);
		return 0;
	case 'r':
		one_round = option_number(arg, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "seconds", 't', "N", 0, "how long (60)", 0 },
	{ "seed", 'S', "N", 0, "of all that is random (1)", 0 },
	{ "round", 'r', "SECONDS", 0,
	  "one round here, with the environment as it is", 0 },
	{ 0 }
};

static const struct argp parser = {
	.options = options, .parser = parse,
	.doc = "Random load on the heap; prints TAP.",
};

/* A new program, so that the library reads its settings anew. */
static pid_t start_round(const struct setting *setting, unsigned int length)
{
	char seed_text[16], length_text[16];
	pid_t pid = fork();

	if (pid)
		return pid;
	snprintf(seed_text, sizeof(seed_text), "%u", seed);
	snprintf(length_text, sizeof(length_text), "%u", length);
	setenv(setting->name, setting->value, 1);
	alarm(length + ROUND_GRACE);
	execl("/proc/self/exe", "soak-heap", "--seed", seed_text, "--round",
	      length_text, NULL);
	_exit(127);
}

static bool run_round(const struct setting *setting, unsigned int length)
{
	pid_t pid = start_round(setting, length);
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		printf("# signal %d\n", WTERMSIG(status));
	return !status;
}

int main(int argc, char **argv)
{
	unsigned int rounds = 0, failed = 0;
	double end;

	argp_parse(&parser, argc, argv, 0, NULL, NULL);
	if (one_round)
		return !soak_round(one_round, seed);
	for (end = nt_seconds() + seconds; nt_seconds() < end; seed++) {
		const struct setting *setting = &settings[seed % SETTINGS];
		bool good = run_round(setting, ROUND_SECONDS);

		printf("%sok %u - seed %u, %s=%s\n", good ? "" : "not ",
		       ++rounds, seed, setting->name, setting->value);
		fflush(stdout);
		failed += !good;
	}
	printf("1..%u\n", rounds);
	return failed != 0;
}
