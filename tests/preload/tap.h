/* SPDX-License-Identifier: MIT */
/*
 * Tests of malloc as a program finds it. Each runs in a process of its own, which
 * is the program itself, started again with the test's name: what one leaves
 * behind is in no other's way. EXPECT ends that process.
 */
#ifndef TAP_H
#define TAP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STATUS_SKIP	4

struct test {
	const char *name;
	void (*run)(void);
	int helper;		/* started by a test, not for itself */
	const char *todo;	/* why it may fail */
	const char *kernel_todo;	/* why on the kernel engine */
};

#define ADD_TEST(name, ...)						\
	static void name(void);						\
	static const struct test test_##name = {			\
		#name, name, __VA_ARGS__				\
	};								\
	static const struct test *const entry_##name			\
		__attribute__((section("preload_tests"), used)) =	\
		&test_##name;						\
	static void name(void)

#define TEST(name)			ADD_TEST(name, 0, NULL, NULL)
#define HELPER(name)			ADD_TEST(name, 1, NULL, NULL)
#define TODO_TEST(name, why)		ADD_TEST(name, 0, why, NULL)
#define KERNEL_TODO_TEST(name, why)	ADD_TEST(name, 0, NULL, why)

#define EXPECT(condition) do {						\
	if (!(condition)) {						\
		dprintf(STDOUT_FILENO, "# %s:%d: %s\n", __FILE__,	\
			__LINE__, #condition);				\
		_exit(1);						\
	}								\
} while (0)

#define SKIP(why) do {							\
	dprintf(STDOUT_FILENO, "# skipped: %s\n", why);			\
	_exit(STATUS_SKIP);						\
} while (0)

/* Where this program is, and what lies beside it. */
extern char program_path[4096];
const char *beside_program(const char *name);

/* Starts a test or helper; libraries are preloaded too. Its wait status. */
int run_again(const char *name, const char *libraries);

/* Writes to, and looks at, all bytes of a block. */
void fill(void *p, size_t size, unsigned int seed);
int is_filled(const void *p, size_t size, unsigned int seed);

/* Bytes. */
size_t resident(void);

#endif
