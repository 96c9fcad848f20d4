// SPDX-License-Identifier: MIT
/*
 * The program's own handlers of SIGSEGV beside the library's: what reaches
 * them, in which order, and what happens without one.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static struct sigaction program;
static volatile sig_atomic_t hits;
static void *volatile hit_at;

static LONG search_on(EXCEPTION_POINTERS *pointers)
{
	(void)pointers;
	return EXCEPTION_CONTINUE_SEARCH;
}

/* Makes the page accessible, so that the instruction succeeds. */
static void open_page(int sig, siginfo_t *info, void *context)
{
	DWORD old;

	(void)sig;
	(void)context;
	hits++;
	hit_at = info->si_addr;
	VirtualProtect(info->si_addr, 1, PAGE_READWRITE, &old);
}

static void install(void (*handler)(int, siginfo_t *, void *), int flags,
		    struct sigaction *old)
{
	struct sigaction action = {
		.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags,
	};

	sigemptyset(&action.sa_mask);
	sigaction(SIGSEGV, &action, old);
}

START_TEST(a_handler_gets_the_address)
{
	char *p = commit_pages(1, PAGE_NOACCESS);

	hits = 0;
	install(open_page, 0, &program);
	poke(p + 123, 1);
	sigaction(SIGSEGV, &program, NULL);
	ck_assert_int_eq(hits, 1);
	ck_assert_ptr_eq(hit_at, p + 123);
	ck_assert_int_eq(p[123], 1);
	drop(p);
}
END_TEST

/* Installed after the library's: it is in the chain from the next guard on. */
START_TEST(a_handler_installed_late_does_not_break_guards)
{
	char *p = commit_pages(1, PAGE_READWRITE | PAGE_GUARD);

	ck_assert(!can_read(p));
	hits = 0;
	install(open_page, 0, &program);
	assert_ok(VirtualAlloc(p, PAGE, MEM_COMMIT,
			       PAGE_READWRITE | PAGE_GUARD));
	poke(p + 5, 1);
	ck_assert_int_eq(hits, 1);
	ck_assert_ptr_eq(hit_at, p + 5);
	assert_run(p, PAGE, MEM_COMMIT, PAGE_READWRITE);
	sigaction(SIGSEGV, &program, NULL);
	drop(p);
}
END_TEST

static void call_the_older_one(int sig, siginfo_t *info, void *context)
{
	hits++;
	if (program.sa_flags & SA_SIGINFO)
		program.sa_sigaction(sig, info, context);
	else
		program.sa_handler(sig);
}

/* A handler that calls what it found, which is the library's, ends there. */
START_TEST(handlers_that_chain_do_not_loop)
{
	char *p = commit_pages(1, PAGE_READWRITE | PAGE_GUARD);
	int seen = faults_seen();

	hits = 0;
	install(call_the_older_one, 0, &program);
	assert_ok(VirtualAlloc(p, PAGE, MEM_COMMIT,
			       PAGE_READWRITE | PAGE_GUARD));
	ck_assert(!can_read(p));
	ck_assert_int_eq(hits, 1);
	ck_assert_int_eq(faults_seen(), seen + 1);
	ck_assert(can_read(p));
	assert_ok(VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_NOACCESS));
	ck_assert(!can_read(p));
	ck_assert_int_eq(hits, 2);
	sigaction(SIGSEGV, &program, NULL);
	drop(p);
}
END_TEST

/* Makes the page accessible, as open_page() does, but is told less. */
static void *simple_at;

static void simple(int sig)
{
	DWORD old;

	(void)sig;
	hits++;
	VirtualProtect(simple_at, 1, PAGE_READWRITE, &old);
}

START_TEST(a_simple_handler_is_called)
{
	char *p = commit_pages(1, PAGE_READWRITE | PAGE_GUARD);
	struct sigaction action = { .sa_handler = simple };

	ck_assert(!can_read(p));
	hits = 0;
	simple_at = p;
	sigemptyset(&action.sa_mask);
	sigaction(SIGSEGV, &action, &program);
	/* The library's is over it from here on. */
	assert_ok(VirtualAlloc(p, PAGE, MEM_COMMIT,
			       PAGE_READWRITE | PAGE_GUARD));
	poke(p, 1);
	ck_assert_int_eq(hits, 1);
	assert_ok(VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_NOACCESS));
	poke(p, 2);
	ck_assert_int_eq(hits, 2);
	sigaction(SIGSEGV, &program, NULL);
	drop(p);
}
END_TEST

#define HANDLERS	12

static int called;

#define HANDLER(n)							\
static void handler_##n(int sig, siginfo_t *info, void *context)	\
{									\
	called = n;							\
	open_page(sig, info, context);					\
}

HANDLER(0)
HANDLER(1)
HANDLER(2)
HANDLER(3)
HANDLER(4)
HANDLER(5)
HANDLER(6)
HANDLER(7)
HANDLER(8)
HANDLER(9)
HANDLER(10)
HANDLER(11)

/* However often a program changes its mind, its last handler is called. */
static void change_handlers(void *arg)
{
	static void (*const handlers[])(int, siginfo_t *, void *) = {
		handler_0, handler_1, handler_2, handler_3, handler_4,
		handler_5, handler_6, handler_7, handler_8, handler_9,
		handler_10, handler_11,
	};
	char *p = arg;
	int i;

	for (i = 0; i < 2 * HANDLERS; i++) {
		install(handlers[i % HANDLERS], 0, NULL);
		if (!VirtualAlloc(p, PAGE, MEM_COMMIT,
				  PAGE_READWRITE | PAGE_GUARD))
			_exit(1);
		called = -1;
		poke(p, 1);
		if (called != i % HANDLERS)
			_exit(2 + i);
	}
}

START_TEST(the_newest_of_many_handlers_is_called)
{
	char *p = commit_pages(1, PAGE_READWRITE);

	ck_assert_int_eq(in_child(change_handlers, p), 0);
	drop(p);
}
END_TEST

/* The children: each ends by the signal, or exits with 0. */

static void touch(void *addr)
{
	signal(SIGSEGV, SIG_DFL);
	poke(addr, 1);
}

static void touch_guard(void *addr)
{
	signal(SIGSEGV, SIG_DFL);
	if (!VirtualAlloc(addr, PAGE, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD))
		_exit(1);
	poke(addr, 1);
}

static void touch_ignored(void *addr)
{
	signal(SIGSEGV, SIG_IGN);
	touch_guard(addr);
}

static void touch_unhandled(void *addr)
{
	signal(SIGSEGV, SIG_DFL);
	AddVectoredExceptionHandler(0, search_on);
	poke(addr, 1);
}

START_TEST(without_a_handler_the_process_dies)
{
	static void (*const cases[])(void *) = {
		touch, touch_guard, touch_ignored, touch_unhandled,
	};
	char *p;
	int status;

	if (under_valgrind())
		return;
	p = commit_pages(1, PAGE_NOACCESS);
	status = in_child(cases[_i], p);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGSEGV);
	drop(p);
}
END_TEST

static void send_ignored(void *arg)
{
	(void)arg;
	signal(SIGSEGV, SIG_IGN);
	AddVectoredExceptionHandler(0, search_on);
	raise(SIGSEGV);
}

START_TEST(a_sent_signal_may_be_ignored)
{
	ck_assert_int_eq(in_child(send_ignored, NULL), 0);
}
END_TEST

static void guard_on_a_signal_stack(void *addr)
{
	static char stack[64 * 1024];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };

	sigaltstack(&alternate, NULL);
	install(open_page, SA_ONSTACK | SA_RESETHAND, NULL);
	VirtualAlloc(addr, PAGE, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
	poke(addr, 1);
	if (hits != 1)
		_exit(1);
	/* The handler was for one signal only. */
	VirtualAlloc(addr, PAGE, MEM_COMMIT, PAGE_NOACCESS);
	poke(addr, 1);
	_exit(2);
}

START_TEST(flags_of_the_programs_handler_are_honoured)
{
	char *p;
	int status;

	if (under_valgrind())
		return;
	p = commit_pages(1, PAGE_READWRITE);
	hits = 0;
	status = in_child(guard_on_a_signal_stack, p);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGSEGV);
	drop(p);
}
END_TEST

TCase *signal_tests(void)
{
	TCase *tests = tcase_create("SIGSEGV");

	tcase_add_test(tests, a_handler_gets_the_address);
	tcase_add_test(tests, a_handler_installed_late_does_not_break_guards);
	tcase_add_test(tests, handlers_that_chain_do_not_loop);
	tcase_add_test(tests, a_simple_handler_is_called);
	tcase_add_test(tests, the_newest_of_many_handlers_is_called);
	tcase_add_loop_test(tests, without_a_handler_the_process_dies, 0, 4);
	tcase_add_test(tests, a_sent_signal_may_be_ignored);
	tcase_add_test(tests, flags_of_the_programs_handler_are_honoured);
	return tests;
}
