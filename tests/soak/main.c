// SPDX-License-Identifier: MIT
/*
 * The soak test, in a guest: rounds of random load. Each loads the module with
 * random parameters, lets processes with threads work against its limits and
 * under memory pressure, kills them at random, and then looks whether the books
 * are balanced, the module can be unloaded, and nothing of it is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../clock.h"
#include "../options.h"
#include "soak.h"

#define CGROUP		"/sys/fs/cgroup/soak"
#define SWAP		"/dev/ram2"
#define MOST_WORKERS	6
#define TOOL		"build/bin/ntmem"	/* where the guest has it */
#define ROUND_SECONDS	12
/* Shells and relays of the guest may grow a little meanwhile. */
#define COMMIT_NOISE	MIB

struct tally *tally;

static struct dice dice;
static unsigned int tests, failed;
static unsigned long lost;	/* in all rounds */

struct round {
	char parameters[160];
	unsigned int workers;
	unsigned int threads;
	u64 memory;		/* of the cgroup */
	bool swap;
	unsigned int killed;
};

void wrong(const char *format, ...)
{
	va_list list;

	if (atomic_exchange(&tally->wrong, 1))
		return;
	va_start(list, format);
	vsnprintf(tally->why, sizeof(tally->why), format, list);
	va_end(list);
}

static void check(bool good, const char *what, const char *why)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++tests, what);
	if (!good && *why)
		printf("# %s\n", why);
	fflush(stdout);
	failed += !good;
}

/* ---------------------------------------------------------------- rounds --- */

static void choose(struct round *round)
{
	static const char *const granularities[] = { "4K", "64K", "64K", "1M" };
	static const char *const limits[] = { "0", "0", "8M", "24M", "48M" };

	*round = (struct round){
		.workers = 2 + dice_below(&dice, MOST_WORKERS - 1),
		.threads = 1 + dice_below(&dice, 4),
		.memory = (32 + 16 * dice_below(&dice, 6)) * MIB,
		.swap = dice_below(&dice, 2),
	};
	snprintf(round->parameters, sizeof(round->parameters),
		 "granularity=%s commit_limit=%s user_limit=%s space_limit=%s",
		 granularities[dice_below(&dice, 4)],
		 limits[dice_below(&dice, 5)], limits[dice_below(&dice, 5)],
		 limits[dice_below(&dice, 5)]);
}

static void set_memory(const char *file, u64 bytes)
{
	char path[64], text[32];

	snprintf(path, sizeof(path), CGROUP "/%s", file);
	snprintf(text, sizeof(text), "%llu", bytes);
	write_file(path, text);
}

/* Memory of the ordinary kind, so that there is something to swap. */
static void be_hog(u64 size)
{
	volatile char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (;;)
		for (u64 i = 0; i < size; i += PAGE)
			p[i]++;
}

/* The tool, which listens to all events, or looks at all there is. */
static void be_onlooker(bool listens)
{
	static const char looks[] =
		"while :; do " TOOL " stat --count 1; for p in /proc/[0-9]*; do "
		TOOL " map ${p#/proc/}; done; done";

	int null = open("/dev/null", O_WRONLY);

	if (access(TOOL, X_OK))
		_exit(0);
	if (dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
		_exit(1);
	if (listens)
		execl(TOOL, TOOL, "trace", NULL);
	else
		execlp("sh", "sh", "-c", looks, NULL);
	_exit(1);
}

enum role { HOG, LISTENER, ONLOOKER, WORKER };

/* Whoever begins or ends to listen has the kernel patch the module's code. */
static bool events = true;

static pid_t start(const struct round *round, unsigned int i)
{
	u64 seed = dice_u64(&dice);
	pid_t pid = fork();

	if (pid)
		return pid;
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (i == LISTENER || i == ONLOOKER)
		be_onlooker(i == LISTENER && events);
	write_file(CGROUP "/cgroup.procs", "0");
	if (i == HOG)
		be_hog(round->memory / 3);
	worker_run(seed, round->threads);
}

/* A worker's end is by SIGKILL, from here or from the OOM killer. */
static void reap(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		return;
	if (WTERMSIG(status) != SIGKILL)
		wrong("a worker died of signal %d", WTERMSIG(status));
}

/* 2: shrinkers run, so what was reset goes; 1: the page cache, too. */
static void drop_caches(const char *which)
{
	int error = write_file("/proc/sys/vm/drop_caches", which);

	if (error)
		wrong("drop_caches takes no %s: errno %d", which, error);
}

static void disturb(const struct round *round)
{
	drop_caches("2");
	switch (dice_below(&dice, 3)) {
	case 0:
		set_memory("memory.high", round->memory / 2);
		break;
	case 1:
		write_file(CGROUP "/memory.high", "max");
		break;
	default:
		if (round->swap && !swapoff(SWAP))
			swapon(SWAP, 0);
	}
}

static void work(struct round *round)
{
	const struct timespec little = { .tv_nsec = 300000000 };
	pid_t workers[WORKER + MOST_WORKERS] = { 0 };
	unsigned int n = WORKER + round->workers, i;
	double end = nt_seconds() + ROUND_SECONDS;

	for (i = 0; i < n; i++)
		workers[i] = start(round, i);
	while (nt_seconds() < end && !atomic_load(&tally->wrong)) {
		nanosleep(&little, NULL);
		disturb(round);
		if (dice_below(&dice, 3))
			continue;
		i = dice_below(&dice, n);
		/* The group: the worker and its children. */
		kill(-workers[i], SIGKILL);
		kill(workers[i], SIGKILL);
		reap(workers[i]);
		round->killed++;
		workers[i] = start(round, i);
	}
	for (i = 0; i < n; i++) {
		kill(-workers[i], SIGKILL);
		kill(workers[i], SIGKILL);
	}
	for (i = 0; i < n; i++)
		reap(workers[i]);
	/* Children of those who were killed came to us. */
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

static void end_round(const struct books *before)
{
	char why[256] = "";
	struct books after;
	u64 more;

	check(!atomic_load(&tally->wrong), "all pages showed what was written",
	      tally->why);
	check(module_is_idle(why, sizeof(why)), "all counters are zero", why);
	check(module_unload(), "the module unloads", "");
	snprintf(why, sizeof(why), "%lu objects", slab_objects());
	check(!slab_objects(), "its slab caches are gone", why);
	books_read(&after);
	more = after.committed_as > before->committed_as ?
	       after.committed_as - before->committed_as : 0;
	snprintf(why, sizeof(why), "%llu, was %llu", after.committed_as,
		 before->committed_as);
	check(more <= COMMIT_NOISE, "Committed_AS is as before", why);
	printf("# MemFree %lld KiB, before %lld\n", (long long)(after.free / KIB),
	       (long long)(before->free / KIB));
}

static void run_round(unsigned int nr)
{
	struct books before;
	struct round round;

	choose(&round);
	memset(tally, 0, sizeof(*tally));
	drop_caches("3");
	books_read(&before);
	if (!module_load(round.parameters)) {
		check(false, "the module loads", round.parameters);
		return;
	}
	round.swap = round.swap && !swapon(SWAP, 0);
	set_memory("memory.max", round.memory);
	work(&round);
	if (round.swap)
		swapoff(SWAP);
	printf("# round %u: %s, %u workers of %u threads, %llu MiB, swap %s: %lu calls, %lu refused, %lu forks, %lu without memory, %lu lost, %lu views, %lu placeholders, %lu from outside, %u killed\n",
	       nr, round.parameters, round.workers, round.threads,
	       round.memory / MIB, round.swap ? "on and off" : "off",
	       atomic_load(&tally->operations), atomic_load(&tally->refused),
	       atomic_load(&tally->forks), atomic_load(&tally->dead),
	       atomic_load(&tally->lost), atomic_load(&tally->views),
	       atomic_load(&tally->replaced), atomic_load(&tally->remote),
	       round.killed);
	lost += atomic_load(&tally->lost);
	end_round(&before);
}

/* ----------------------------------------------------------------- setup --- */

static void set_up(void)
{
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED)
		exit(2);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* What is dropped is not to be told in the kernel's log. */
	write_file("/proc/sys/vm/drop_caches", "4");
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	mkdir(CGROUP, 0700);
	if (system("mkswap " SWAP " >/dev/null 2>&1"))
		printf("# no swap: %s is missing\n", SWAP);
	if (access(TOOL, X_OK))
		printf("# nobody listens: %s is missing\n", TOOL);
	if (!module_unload()) {
		fprintf(stderr, "soak: the module is in use\n");
		exit(2);
	}
}

static unsigned int seconds = 60;

static const struct argp_option table[] = {
	{ "seconds", 't', "N", 0, "begin no round after so many (60)", 0 },
	{ "seed", 's', "N", 0, "of all that is random (random)", 0 },
	{ "no-events", 'n', NULL, 0, "nobody listens: no code is patched", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 't':
		seconds = option_number(arg, state);
		break;
	case 's':
		dice.state = option_number(arg, state);
		break;
	case 'n':
		events = false;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = table,
	.parser = parse,
	.doc = "Rounds of random load on the module, in a guest.",
};

int main(int argc, char **argv)
{
	unsigned int nr = 0;
	struct utsname name;
	double end;

	if (getrandom(&dice.state, 4, 0) != 4)
		return 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	uname(&name);
	printf("TAP version 13\n# Linux %s, seed %llu\n", name.release,
	       (unsigned long long)dice.state);
	set_up();
	end = nt_seconds() + seconds;
	do
		run_round(++nr);
	while (nt_seconds() < end && !failed);
	check(failed || lost, "pressure dropped what was reset", "");
	printf("1..%u\n", tests);
	module_load("");
	return failed != 0;
}
