// SPDX-License-Identifier: MIT
/*
 * planted: plants each bug in a child under each allocator, and counts what was
 * noticed: the child was ended by a signal where it went wrong or soon after,
 * a call refused, or HeapValidate said so. Prints a table; with --check the
 * results of ntmem as TAP, beside what is expected of it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "planted.h"

#define DEBIAN	"/usr/lib/x86_64-linux-gnu/"
#define OURS	"../lib/libntmem-malloc.so"	/* from this program's folder */

static const struct column {
	const char *title;
	const char *library;	/* NULL: the C library's */
	const char *check;	/* NTMEM_HEAP_CHECK */
	bool heap;		/* Windows' calls, not C's */
	enum least least;	/* that is to be noticed */
} columns[] = {
	{ "malloc", OURS, NULL, false, MALLOC },
	{ "fill", OURS, "fill", false, MALLOC_FILL },
	{ "full", OURS, "full", false, EVERYTHING },
	{ "Heap", OURS, NULL, true, HEAP },
	{ "fill", OURS, "fill", true, HEAP_FILL },
	{ "full", OURS, "full", true, EVERYTHING },
	{ "glibc", NULL, NULL, false, NOTHING },
	{ "mimalloc", DEBIAN "libmimalloc.so.2", NULL, false, NOTHING },
	{ "jemalloc", DEBIAN "libjemalloc.so.2", NULL, false, NOTHING },
	{ "tcmalloc", DEBIAN "libtcmalloc_minimal.so.4", NULL, false, NOTHING },
};

static char self[4096];

/* ---------------------------------------------------------------- a child --- */

/* What a program does after it: some more blocks, filled and freed. */
static void go_on(const struct calls *calls, size_t size)
{
	void *blocks[40];
	int round, i;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < COUNT(blocks); i++) {
			blocks[i] = calls->alloc(size);
			memset(blocks[i], 0x33, size);
		}
		for (i = 0; i < COUNT(blocks); i++)
			calls->free(blocks[i]);
	}
	heap_validate_all();
}

static int be_child(char **words)
{
	const struct calls *calls = words[0][0] == 'h' ? &heap_calls :
							 &malloc_calls;
	const struct bug *bug = &bugs[atoi(words[1])];
	size_t size = strtoul(words[2], NULL, 10);

	bug->act(calls, size);
	go_on(calls, size);
	return 0;
}

static void silence(void)
{
	int nothing = open("/dev/null", O_WRONLY);
	struct rlimit none = { 0, 0 };

	dup2(nothing, STDERR_FILENO);
	dup2(nothing, STDOUT_FILENO);
	setrlimit(RLIMIT_CORE, &none);
	alarm(20);
}

static void choose(const struct column *column)
{
	char path[4200];

	unsetenv("LD_PRELOAD");
	unsetenv("NTMEM_HEAP_CHECK");
	if (column->check)
		setenv("NTMEM_HEAP_CHECK", column->check, 1);
	if (!column->library)
		return;
	if (column->library[0] == '/')
		snprintf(path, sizeof(path), "%s", column->library);
	else
		snprintf(path, sizeof(path), "%.*s/%s",
			 (int)(strrchr(self, '/') - self), self,
			 column->library);
	setenv("LD_PRELOAD", path, 1);
}

static int run_child(const struct column *column, int bug, size_t size)
{
	char number[16], bytes[32];
	int status;
	pid_t child = fork();

	if (!child) {
		snprintf(number, sizeof(number), "%d", bug);
		snprintf(bytes, sizeof(bytes), "%zu", size);
		silence();
		choose(column);
		execl(self, self, "--child", column->heap ? "heap" : "malloc",
		      number, bytes, NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		exit(2);
	return status;
}

static bool is_noticed(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status) == NOTICED;
	return WTERMSIG(status) != SIGALRM && WTERMSIG(status) != SIGKILL;
}

/* With how many of the sizes. */
static int count(const struct column *column, int bug)
{
	int i, noticed = 0;

	for (i = 0; i < SIZES; i++)
		noticed += is_noticed(run_child(column, bug, bug_sizes[i]));
	return noticed;
}

/* ---------------------------------------------------------------- reporting --- */

static bool is_there(const struct column *column)
{
	return !column->library || column->library[0] != '/' ||
	       !access(column->library, R_OK);
}

static bool has(const struct column *column, const struct bug *bug)
{
	return is_there(column) && (column->heap || !bug->heaps_only);
}

static void print_table(void)
{
	int sums[COUNT(columns)] = { 0 }, most[COUNT(columns)] = { 0 };
	int bug, i, noticed;

	printf("%-32s", "noticed, of 5 sizes");
	for (i = 0; i < COUNT(columns); i++)
		printf("%9s", columns[i].title);
	for (bug = 0; bug < bug_count; bug++) {
		printf("\n%-32s", bugs[bug].name);
		for (i = 0; i < COUNT(columns); i++) {
			if (!has(&columns[i], &bugs[bug])) {
				printf("%9s", "-");
				continue;
			}
			noticed = count(&columns[i], bug);
			printf("%9d", noticed);
			fflush(stdout);
			sums[i] += noticed;
			most[i] += SIZES;
		}
	}
	printf("\n%-32s", "all");
	for (i = 0; i < COUNT(columns); i++)
		printf("%5d/%3d", sums[i], most[i]);
	printf("\n");
}

static int expected(const struct column *column, const struct bug *bug)
{
	return column->least == EVERYTHING ? SIZES :
					     bug->least[column->least];
}

static int check(void)
{
	int bug, i, number = 0, failed = 0, noticed, least;

	for (bug = 0; bug < bug_count; bug++)
		for (i = 0; i < COUNT(columns); i++) {
			if (columns[i].least == NOTHING || !has(&columns[i], &bugs[bug]))
				continue;
			least = expected(&columns[i], &bugs[bug]);
			noticed = count(&columns[i], bug);
			failed += noticed < least;
			printf("%sok %d - %s, %s, %s: %d of %d noticed, at least %d wanted\n",
			       noticed < least ? "not " : "", ++number,
			       bugs[bug].name,
			       columns[i].heap ? "a heap" : "malloc",
			       columns[i].check ? columns[i].check : "default",
			       noticed, SIZES, least);
			fflush(stdout);
		}
	printf("1..%d\n", number);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (argc == 5 && !strcmp(argv[1], "--child"))
		return be_child(argv + 2);
	if (length < 0)
		return 2;
	if (argc == 2 && !strcmp(argv[1], "--check"))
		return check();
	if (argc != 1) {
		fprintf(stderr, "usage: planted [--check]\n");
		return 2;
	}
	print_table();
	return 0;
}
