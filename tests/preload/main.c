// SPDX-License-Identifier: MIT
/* Starts the tests, and what all of them use. */
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "tap.h"

/*
 * Seconds for a test. It ends one that hangs; a busy machine may take a hundred
 * times what an idle one does.
 */
#define LIMIT	300

extern const struct test *const __start_preload_tests[];
extern const struct test *const __stop_preload_tests[];

char program_path[4096];

const char *beside_program(const char *name)
{
	static char path[sizeof(program_path) + 256];
	char *slash = strrchr(program_path, '/');

	snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - program_path),
		 program_path, name);
	return path;
}

static char *preload_setting(const char *libraries)
{
	const char *now = getenv("LD_PRELOAD");
	char *setting;

	if (asprintf(&setting, "LD_PRELOAD=%s:%s", now ? now : "",
		     libraries) < 0)
		abort();
	return setting;
}

int run_again(const char *name, const char *libraries)
{
	char *argv[] = { program_path, (char *)name, NULL };
	char *env[256], *preload = NULL;
	int count, status;
	pid_t pid;

	for (count = 0; count < 250 && environ[count]; count++) {
		env[count] = environ[count];
		if (libraries && !strncmp(env[count], "LD_PRELOAD=", 11))
			env[count] = preload = preload_setting(libraries);
	}
	if (libraries && !preload)
		env[count++] = preload = preload_setting(libraries);
	env[count] = NULL;
	if (posix_spawn(&pid, program_path, NULL, NULL, argv, env))
		return -1;
	free(preload);
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	if (WIFSIGNALED(status))
		dprintf(STDOUT_FILENO, "# %s: %s\n", name,
			strsignal(WTERMSIG(status)));
	return status;
}

static unsigned char byte_at(size_t i, unsigned int seed)
{
	return (i * 2654435761U >> 13) + seed;
}

void fill(void *p, size_t size, unsigned int seed)
{
	unsigned char *bytes = p;
	size_t i;

	for (i = 0; i < size; i++)
		bytes[i] = byte_at(i, seed);
}

int is_filled(const void *p, size_t size, unsigned int seed)
{
	const unsigned char *bytes = p;
	size_t i;

	for (i = 0; i < size; i++)
		if (bytes[i] != byte_at(i, seed))
			return 0;
	return 1;
}

size_t resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	size_t total, pages = 0;

	if (!file || fscanf(file, "%zu %zu", &total, &pages) != 2)
		abort();
	fclose(file);
	return pages * 4096;
}

static int run_one(const char *name)
{
	const struct test *const *test;

	for (test = __start_preload_tests; test < __stop_preload_tests; test++) {
		if (strcmp((*test)->name, name))
			continue;
		alarm(LIMIT);
		(*test)->run();
		return 0;
	}
	fprintf(stderr, "there is no test %s\n", name);
	return 2;
}

static const char *todo(const struct test *test)
{
	const char *engine = getenv("NTMEM_ENGINE");

	if (test->kernel_todo && engine && !strcmp(engine, "kernel"))
		return test->kernel_todo;
	return test->todo;
}

/* True unless the test failed. */
static int report(int number, const struct test *test, int status)
{
	int skipped = WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SKIP;
	int ok = status == 0 || skipped;

	printf("%s %d %s%s", ok ? "ok" : "not ok", number, test->name,
	       skipped ? " # SKIP" : "");
	if (!ok && todo(test))
		printf(" # TODO %s", todo(test));
	printf("\n");
	fflush(stdout);
	return ok || todo(test);
}

int main(int argc, char **argv)
{
	const struct test *const *test;
	int number = 0, failed = 0, count = 0;

	if (readlink("/proc/self/exe", program_path,
		     sizeof(program_path) - 1) < 0)
		return 2;
	if (argc > 1)
		return run_one(argv[1]);
	for (test = __start_preload_tests; test < __stop_preload_tests; test++)
		count += !(*test)->helper;
	printf("1..%d\n", count);
	fflush(stdout);
	for (test = __start_preload_tests; test < __stop_preload_tests; test++)
		if (!(*test)->helper)
			failed += !report(++number, *test,
					  run_again((*test)->name, NULL));
	return failed ? 1 : 0;
}
