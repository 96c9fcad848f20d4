// SPDX-License-Identifier: MIT
/*
 * Runs tests, each in a process of its own. See check.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#include "check.h"

#define MAX_CASES	32
#define MAX_TESTS	256

struct entry {
	const TTest *test;
	int index;		/* of a loop; -1: none */
};

struct TCase {
	const char *name;
	DWORD timeout;		/* milliseconds */
	int nr;
	struct entry entries[MAX_TESTS];
};

struct Suite {
	int nr;
	TCase *cases[MAX_CASES];
};

struct SRunner {
	Suite *suite;
	int failed;
};

static volatile LONG differences;

/* ------------------------------------------------------- what there is --- */

static void *zeroed(size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		abort();
	return memory;
}

TCase *tcase_create(const char *name)
{
	TCase *tcase = zeroed(sizeof(*tcase));

	tcase->name = name;
	tcase->timeout = 30000;
	return tcase;
}

static void add_entry(TCase *tcase, const TTest *test, int index)
{
	if (tcase->nr == MAX_TESTS)
		abort();
	tcase->entries[tcase->nr++] = (struct entry){ test, index };
}

void tcase_add_test(TCase *tcase, const TTest *test)
{
	add_entry(tcase, test, -1);
}

void tcase_add_loop_test(TCase *tcase, const TTest *test, int start, int end)
{
	for (; start < end; start++)
		add_entry(tcase, test, start);
}

void tcase_set_timeout(TCase *tcase, double seconds)
{
	tcase->timeout = (DWORD)(seconds * 1000);
}

/* All run here. */
void tcase_set_tags(__attribute__((unused)) TCase *tcase,
		    __attribute__((unused)) const char *tags)
{
}

Suite *suite_create(__attribute__((unused)) const char *name)
{
	return zeroed(sizeof(Suite));
}

void suite_add_tcase(Suite *suite, TCase *tcase)
{
	if (suite->nr == MAX_CASES)
		abort();
	suite->cases[suite->nr++] = tcase;
}

SRunner *srunner_create(Suite *suite)
{
	SRunner *runner = zeroed(sizeof(*runner));

	runner->suite = suite;
	return runner;
}

int srunner_ntests_failed(SRunner *runner)
{
	return runner->failed;
}

void srunner_free(SRunner *runner)
{
	int i;

	for (i = 0; i < runner->suite->nr; i++)
		free(runner->suite->cases[i]);
	free(runner->suite);
	free(runner);
}

/* ------------------------------------------------------------- one test --- */

void check_differs(const char *file, int line, const char *format, ...)
{
	va_list arguments;

	InterlockedIncrement(&differences);
	va_start(arguments, format);
	printf("differs: ");
	vprintf(format, arguments);
	printf("\n# %s:%d\n", file, line);
	fflush(stdout);
	va_end(arguments);
}

void check_run_one(SRunner *runner, int number)
{
	Suite *suite = runner->suite;
	const struct entry *entry;
	int i;

	for (i = 0; i < suite->nr && number >= suite->cases[i]->nr; i++)
		number -= suite->cases[i]->nr;
	if (i == suite->nr)
		exit(EXIT_FAILURE);
	entry = &suite->cases[i]->entries[number];
	entry->test->run(entry->index < 0 ? 0 : entry->index);
	exit(differences ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* ------------------------------------------------------------ all tests --- */

/* The exit code of this program when it runs test number alone. */
static DWORD run_process(int number, DWORD timeout)
{
	STARTUPINFOA startup = { .cb = sizeof(startup) };
	PROCESS_INFORMATION process;
	char program[MAX_PATH];
	char command[MAX_PATH + 32];
	DWORD code = EXIT_FAILURE;

	GetModuleFileNameA(NULL, program, sizeof(program));
	snprintf(command, sizeof(command), "\"%s\" %d", program, number);
	if (!CreateProcessA(program, command, NULL, NULL, TRUE, 0, NULL, NULL,
			    &startup, &process)) {
		printf("differs: no process: error %lu\n", GetLastError());
		return EXIT_FAILURE;
	}
	if (WaitForSingleObject(process.hProcess, timeout) == WAIT_TIMEOUT) {
		printf("differs: took too long\n");
		TerminateProcess(process.hProcess, EXIT_FAILURE);
		WaitForSingleObject(process.hProcess, INFINITE);
	}
	GetExitCodeProcess(process.hProcess, &code);
	CloseHandle(process.hThread);
	CloseHandle(process.hProcess);
	return code;
}

static void run_case(SRunner *runner, const TCase *tcase, int *number)
{
	const struct entry *entry;
	DWORD code;
	int i;

	for (i = 0; i < tcase->nr; i++) {
		entry = &tcase->entries[i];
		code = run_process((*number)++, tcase->timeout);
		runner->failed += code != EXIT_SUCCESS;
		printf("%s %d - %s:%s", code == EXIT_SUCCESS ? "ok" : "not ok",
		       *number, tcase->name, entry->test->name);
		if (entry->index >= 0)
			printf(":%d", entry->index);
		printf("\n");
		fflush(stdout);
	}
}

void srunner_run_all(SRunner *runner, __attribute__((unused)) int mode)
{
	Suite *suite = runner->suite;
	int number = 0;
	int i;

	for (i = 0; i < suite->nr; i++)
		number += suite->cases[i]->nr;
	printf("1..%d\n", number);
	fflush(stdout);
	number = 0;
	for (i = 0; i < suite->nr; i++)
		run_case(runner, suite->cases[i], &number);
}
