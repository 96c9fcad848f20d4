// SPDX-License-Identifier: MIT
/*
 * operator new in a program that is not C++: where there is no C++ library, and
 * where one came with dlopen.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tap.h"

#define MIB		((size_t)1 << 20)
#define ROOM		(500 * MIB)
#define TOO_MUCH	(SIZE_MAX / 4)
#define ALIGN		4096

static void *symbol(const char *name)
{
	void *found = dlsym(RTLD_DEFAULT, name);

	EXPECT(found);
	return found;
}

static void *get(size_t size)
{
	return ((void *(*)(size_t))symbol("_Znwm"))(size);
}

/* Those that do not throw. */
static void *get_plain(const char *name, size_t size)
{
	void *(*function)(size_t, const void *) =
		(void *(*)(size_t, const void *))symbol(name);

	return function(size, "");
}

static void *get_aligned(const char *name, size_t size)
{
	void *(*function)(size_t, size_t, const void *) =
		(void *(*)(size_t, size_t, const void *))symbol(name);

	return function(size, ALIGN, "");
}

static const struct form {
	void *(*get)(const char *name, size_t size);
	const char *name;
} forms[] = {
	{ get_plain, "_ZnwmRKSt9nothrow_t" },
	{ get_plain, "_ZnamRKSt9nothrow_t" },
	{ get_aligned, "_ZnwmSt11align_val_tRKSt9nothrow_t" },
	{ get_aligned, "_ZnamSt11align_val_tRKSt9nothrow_t" },
};

#define FORMS	(sizeof(forms) / sizeof(forms[0]))

/* What a handler can do without. */
static void *volatile reserve;
static int calls;

static void give_reserve(void)
{
	calls++;
	free(reserve);
	reserve = NULL;
}

static void limit_address_space(void)
{
	struct rlimit limit = { 1000000 * 1024UL, 1000000 * 1024UL };

	EXPECT(!setrlimit(RLIMIT_AS, &limit));
}

/* There is room for one of them at a time. */
static void makes_room(const struct form *form)
{
	void *volatile p;

	calls = 0;
	reserve = malloc(ROOM);
	EXPECT(reserve);
	p = form ? form->get(form->name, ROOM) : get(ROOM);
	EXPECT(p && calls == 1 && !reserve);
	free(p);
}

static void all_make_room(void)
{
	size_t i;

	for (i = 0; i < FORMS; i++)
		makes_room(&forms[i]);
}

/* ------------------------------------------------- without a C++ library --- */

HELPER(new_without_memory)
{
	get(TOO_MUCH);
}

TEST(new_that_cannot_throw_says_so)
{
	char text[256] = "";
	int status, ends[2];

	EXPECT(!pipe2(ends, O_NONBLOCK));
	dup2(ends[1], STDERR_FILENO);
	status = run_again("new_without_memory", NULL);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	EXPECT(read(ends[0], text, sizeof(text) - 1) > 0);
	EXPECT(strstr(text, "no memory, and no C++ library"));
}

TEST(new_that_does_not_throw_has_no_memory)
{
	size_t i;

	for (i = 0; i < FORMS; i++)
		EXPECT(!forms[i].get(forms[i].name, TOO_MUCH));
}

static int give_what_is_wanted(size_t size)
{
	EXPECT(size == ROOM);
	give_reserve();
	return 1;
}

HELPER(new_with_windows_handler)
{
	void (*set)(int (*)(size_t)) = (void (*)(int (*)(size_t)))
		symbol("_set_new_handler");

	set(give_what_is_wanted);
	makes_room(NULL);
	all_make_room();
}

TEST(windows_handler_makes_room_for_new)
{
	limit_address_space();
	EXPECT(!run_again("new_with_windows_handler", NULL));
}

/* ------------------------------------------------ one that came with dlopen --- */

typedef void (*handler)(void);

static handler (*set_handler)(handler function);

static void load_library(void)
{
	void *library = dlopen("libstdc++.so.6", RTLD_LAZY);

	if (!library)
		_exit(STATUS_SKIP);
	set_handler = (handler (*)(handler))
		dlsym(library, "_ZSt15set_new_handlerPFvvE");
	EXPECT(set_handler);
}

HELPER(new_with_a_late_handler)
{
	load_library();
	set_handler(give_reserve);
	makes_room(NULL);
	all_make_room();
}

static void give_up(void)
{
	calls++;
	set_handler(NULL);
}

/* It is the library that throws bad_alloc then, and catches it. */
HELPER(new_with_a_late_exception)
{
	size_t i;

	load_library();
	for (i = 0; i < FORMS; i++) {
		calls = 0;
		set_handler(give_up);
		EXPECT(!forms[i].get(forms[i].name, TOO_MUCH));
		EXPECT(calls == 1);
	}
}

static void runs_with_library(const char *name)
{
	int status = run_again(name, NULL);

	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SKIP)
		SKIP("there is no libstdc++");
	EXPECT(!status);
}

TEST(a_handler_of_a_late_library_makes_room)
{
	limit_address_space();
	runs_with_library("new_with_a_late_handler");
}

TEST(a_late_library_throws_and_catches)
{
	runs_with_library("new_with_a_late_exception");
}
