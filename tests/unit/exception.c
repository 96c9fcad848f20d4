// SPDX-License-Identifier: MIT
/*
 * Vectored exception handlers.
 */
#include <string.h>
#include <valgrind/valgrind.h>

#include "unit.h"

#define LOG_MAX	16

/* What handlers saw, and in which order. */
static __thread EXCEPTION_RECORD seen[LOG_MAX];
static __thread int order[LOG_MAX];
static __thread volatile int nr_seen;

static void note(EXCEPTION_POINTERS *pointers, int who)
{
	if (nr_seen == LOG_MAX)
		return;
	seen[nr_seen] = *pointers->ExceptionRecord;
	order[nr_seen++] = who;
}

static LONG search_first(EXCEPTION_POINTERS *pointers)
{
	note(pointers, 1);
	return EXCEPTION_CONTINUE_SEARCH;
}

static LONG search_second(EXCEPTION_POINTERS *pointers)
{
	note(pointers, 2);
	return EXCEPTION_CONTINUE_SEARCH;
}

/* Commits the page of the access: memory on demand. */
static LONG commit_on_demand(EXCEPTION_POINTERS *pointers)
{
	EXCEPTION_RECORD *record = pointers->ExceptionRecord;

	note(pointers, 3);
	if (record->ExceptionCode != EXCEPTION_ACCESS_VIOLATION ||
	    !VirtualAlloc((void *)record->ExceptionInformation[1], 1,
			  MEM_COMMIT, PAGE_READWRITE))
		return EXCEPTION_CONTINUE_SEARCH;
	return EXCEPTION_CONTINUE_EXECUTION;
}

static LONG run_again(EXCEPTION_POINTERS *pointers)
{
	note(pointers, 4);
	return EXCEPTION_CONTINUE_EXECUTION;
}

START_TEST(continue_execution_runs_the_access_again)
{
	char *p = reserve_pages(16);
	PVOID handler = AddVectoredExceptionHandler(1, commit_on_demand);
	int i;

	ck_assert_ptr_ne(handler, NULL);
	nr_seen = 0;
	for (i = 0; i < 8; i++)
		poke(p + 2 * i * PAGE + i, i);
	ck_assert_int_eq(nr_seen, 8);
	for (i = 0; i < 8; i++) {
		ck_assert_int_eq(p[2 * i * PAGE + i], i);
		assert_run(p + (2 * i + 1) * PAGE, PAGE, MEM_RESERVE, 0);
	}
	ck_assert_uint_ne(RemoveVectoredExceptionHandler(handler), 0);
	ck_assert(!can_read(p + PAGE));
	drop(p);
}
END_TEST

START_TEST(record_says_what_was_done_where)
{
	static const struct {
		bool (*access)(void *addr);
		ULONG_PTR kind;
	} cases[] = {
		{ (bool (*)(void *))can_read, EXCEPTION_READ_FAULT },
		{ can_write, EXCEPTION_WRITE_FAULT },
		{ (bool (*)(void *))can_execute, EXCEPTION_EXECUTE_FAULT },
	};
	PVOID handler;
	char *p;

	if (under_valgrind() && cases[_i].kind == EXCEPTION_EXECUTE_FAULT)
		return;
	handler = AddVectoredExceptionHandler(1, search_first);
	p = reserve_pages(2);
	nr_seen = 0;
	ck_assert(!cases[_i].access(p + PAGE + 0x123));
	ck_assert_int_eq(nr_seen, 1);
	ck_assert_uint_eq(seen[0].ExceptionCode, EXCEPTION_ACCESS_VIOLATION);
	ck_assert_uint_eq(seen[0].ExceptionFlags, 0);
	ck_assert_ptr_eq(seen[0].ExceptionRecord, NULL);
	ck_assert_uint_eq(seen[0].NumberParameters, 2);
	ck_assert_uint_eq(seen[0].ExceptionInformation[0], cases[_i].kind);
	ck_assert_uint_eq(seen[0].ExceptionInformation[1],
			  (uintptr_t)p + PAGE + 0x123);
	ck_assert_ptr_ne(seen[0].ExceptionAddress, NULL);
	if (cases[_i].kind == EXCEPTION_EXECUTE_FAULT)
		ck_assert_ptr_eq(seen[0].ExceptionAddress, p + PAGE + 0x123);
	RemoveVectoredExceptionHandler(handler);
	drop(p);
}
END_TEST

START_TEST(a_protected_page_gives_the_same_record)
{
	static const struct {
		DWORD protect;
		bool (*access)(void *addr);
		ULONG_PTR kind;
	} cases[] = {
		{ PAGE_NOACCESS, (bool (*)(void *))can_read,
		  EXCEPTION_READ_FAULT },
		{ PAGE_READONLY, can_write, EXCEPTION_WRITE_FAULT },
		{ PAGE_EXECUTE_READ, can_write, EXCEPTION_WRITE_FAULT },
		{ PAGE_READWRITE, (bool (*)(void *))can_execute,
		  EXCEPTION_EXECUTE_FAULT },
	};
	PVOID handler;
	DWORD old;
	char *p;

	if (under_valgrind() && cases[_i].kind == EXCEPTION_EXECUTE_FAULT)
		return;
	handler = AddVectoredExceptionHandler(1, search_first);
	p = commit_pages(2, PAGE_READWRITE);
	p[PAGE] = 1;
	assert_ok(VirtualProtect(p, 2 * PAGE, cases[_i].protect, &old));
	nr_seen = 0;
	ck_assert(!cases[_i].access(p + PAGE + 77));
	ck_assert_int_eq(nr_seen, 1);
	ck_assert_uint_eq(seen[0].ExceptionCode, EXCEPTION_ACCESS_VIOLATION);
	ck_assert_uint_eq(seen[0].NumberParameters, 2);
	ck_assert_uint_eq(seen[0].ExceptionInformation[0], cases[_i].kind);
	ck_assert_uint_eq(seen[0].ExceptionInformation[1],
			  (uintptr_t)p + PAGE + 77);
	RemoveVectoredExceptionHandler(handler);
	drop(p);
}
END_TEST

/* The first bytes of the access would be allowed; none is written before. */
START_TEST(an_access_over_a_border_faults_at_the_border)
{
	uint64_t value;
	PVOID handler;
	char *p;

	if (under_valgrind())
		return;
	p = reserve_pages(2);
	assert_ok(VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE));
	handler = AddVectoredExceptionHandler(1, commit_on_demand);
	nr_seen = 0;
	__asm__ volatile("movq %1, (%0)"
			 : : "r"(p + PAGE - 3), "r"(~0ULL) : "memory");
	ck_assert_int_eq(nr_seen, 1);
	ck_assert_uint_eq(seen[0].ExceptionInformation[0],
			  EXCEPTION_WRITE_FAULT);
	ck_assert_uint_eq(seen[0].ExceptionInformation[1],
			  (uintptr_t)p + PAGE);
	assert_run(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	memcpy(&value, p + PAGE - 3, sizeof(value));
	ck_assert_uint_eq(value, ~0ULL);
	RemoveVectoredExceptionHandler(handler);
	drop(p);
}
END_TEST

START_TEST(a_guard_page_has_its_own_code)
{
	PVOID handler = AddVectoredExceptionHandler(1, run_again);
	char *p = commit_pages(2, PAGE_READWRITE | PAGE_GUARD);

	nr_seen = 0;
	poke(p + 7, 7);
	ck_assert_int_eq(peek(p + PAGE + 9), 0);
	ck_assert_int_eq(nr_seen, 2);
	ck_assert_uint_eq(seen[0].ExceptionCode, EXCEPTION_GUARD_PAGE);
	ck_assert_uint_eq(seen[0].ExceptionInformation[0],
			  EXCEPTION_WRITE_FAULT);
	ck_assert_uint_eq(seen[0].ExceptionInformation[1], (uintptr_t)p + 7);
	ck_assert_uint_eq(seen[1].ExceptionCode, EXCEPTION_GUARD_PAGE);
	ck_assert_uint_eq(seen[1].ExceptionInformation[0],
			  EXCEPTION_READ_FAULT);
	ck_assert_uint_eq(seen[1].ExceptionInformation[1],
			  (uintptr_t)p + PAGE + 9);
	ck_assert_int_eq(p[7], 7);
	RemoveVectoredExceptionHandler(handler);
	drop(p);
}
END_TEST

START_TEST(a_guard_hit_is_followed_by_a_plain_violation)
{
	PVOID handler = AddVectoredExceptionHandler(1, search_first);
	char *p = commit_pages(1, PAGE_READONLY | PAGE_GUARD);

	nr_seen = 0;
	ck_assert(!can_write(p));
	ck_assert(!can_write(p));
	ck_assert_int_eq(nr_seen, 2);
	ck_assert_uint_eq(seen[0].ExceptionCode, EXCEPTION_GUARD_PAGE);
	ck_assert_uint_eq(seen[1].ExceptionCode, EXCEPTION_ACCESS_VIOLATION);
	RemoveVectoredExceptionHandler(handler);
	drop(p);
}
END_TEST

START_TEST(faults_outside_are_exceptions_too)
{
	PVOID handler = AddVectoredExceptionHandler(1, search_first);

	nr_seen = 0;
	ck_assert(!can_read((void *)8));
	ck_assert_int_eq(nr_seen, 1);
	ck_assert_uint_eq(seen[0].ExceptionCode, EXCEPTION_ACCESS_VIOLATION);
	ck_assert_uint_eq(seen[0].ExceptionInformation[1], 8);
	/* No address at all: the CPU does not say which. */
	if (!under_valgrind()) {
		ck_assert(!can_read((void *)0x8000000000000000));
		ck_assert_int_eq(nr_seen, 2);
		ck_assert_uint_eq(seen[1].ExceptionInformation[1],
				  UINTPTR_MAX);
	}
	RemoveVectoredExceptionHandler(handler);
}
END_TEST

START_TEST(handlers_are_called_in_their_order)
{
	char *p = reserve_pages(1);
	PVOID last = AddVectoredExceptionHandler(0, commit_on_demand);
	PVOID second = AddVectoredExceptionHandler(1, search_second);
	PVOID first = AddVectoredExceptionHandler(1, search_first);

	nr_seen = 0;
	poke(p, 1);
	ck_assert_int_eq(nr_seen, 3);
	ck_assert_int_eq(order[0], 1);
	ck_assert_int_eq(order[1], 2);
	ck_assert_int_eq(order[2], 3);
	RemoveVectoredExceptionHandler(second);
	assert_ok(VirtualFree(p, 0, MEM_DECOMMIT));
	nr_seen = 0;
	poke(p, 1);
	ck_assert_int_eq(nr_seen, 2);
	ck_assert_int_eq(order[1], 3);
	RemoveVectoredExceptionHandler(first);
	RemoveVectoredExceptionHandler(last);
	drop(p);
}
END_TEST

START_TEST(the_programs_handler_comes_last)
{
	PVOID handler = AddVectoredExceptionHandler(1, search_first);
	char *p = reserve_pages(1);
	int faults = faults_seen();

	nr_seen = 0;
	ck_assert(!can_read(p));
	ck_assert_int_eq(nr_seen, 1);
	ck_assert_int_eq(faults_seen(), faults + 1);
	RemoveVectoredExceptionHandler(handler);
	nr_seen = 0;
	ck_assert(!can_read(p));
	ck_assert_int_eq(nr_seen, 0);
	drop(p);
}
END_TEST

/* ------------------------------------------------------------ registers --- */

static char *substitute;

/* Sends the load, which goes through rcx, elsewhere. */
static LONG change_address(EXCEPTION_POINTERS *pointers)
{
	pointers->ContextRecord->Rcx = (uintptr_t)substitute;
	return EXCEPTION_CONTINUE_EXECUTION;
}

/* Goes on behind the load, which was given in rdx, with a result in rax. */
static LONG skip_instruction(EXCEPTION_POINTERS *pointers)
{
	CONTEXT *context = pointers->ContextRecord;

	if ((context->ContextFlags & CONTEXT_INTEGER) != CONTEXT_INTEGER ||
	    context->Rip != (uintptr_t)
	    pointers->ExceptionRecord->ExceptionAddress)
		return EXCEPTION_CONTINUE_SEARCH;
	context->Rax = 0x1234;
	context->Rip = context->Rdx;
	return EXCEPTION_CONTINUE_EXECUTION;
}

static uint64_t load(const void *addr)
{
	uint64_t value;

	VALGRIND_DISABLE_ERROR_REPORTING;
	__asm__ volatile("lea 1f(%%rip), %%rdx\n\t"
			 "mov (%%rcx), %%rax\n"
			 "1:"
			 : "=a"(value) : "c"(addr) : "rdx", "memory");
	VALGRIND_ENABLE_ERROR_REPORTING;
	return value;
}

START_TEST(a_changed_register_is_used)
{
	PVOID handler = AddVectoredExceptionHandler(1, change_address);
	uint64_t here = 0xabcdef;
	char *p = reserve_pages(1);

	substitute = (char *)&here;
	ck_assert_uint_eq(load(p), 0xabcdef);
	RemoveVectoredExceptionHandler(handler);
	drop(p);
}
END_TEST

START_TEST(execution_goes_on_where_rip_says)
{
	PVOID handler = AddVectoredExceptionHandler(1, skip_instruction);
	char *p = reserve_pages(1);

	ck_assert_uint_eq(load(p), 0x1234);
	RemoveVectoredExceptionHandler(handler);
	drop(p);
}
END_TEST

/* ------------------------------------------------------- inside handlers --- */

static PVOID own_handle;
static char *nested_page;

static LONG remove_itself(EXCEPTION_POINTERS *pointers)
{
	note(pointers, 5);
	RemoveVectoredExceptionHandler(own_handle);
	return EXCEPTION_CONTINUE_SEARCH;
}

static LONG touch_another(EXCEPTION_POINTERS *pointers)
{
	ULONG_PTR addr = pointers->ExceptionRecord->ExceptionInformation[1];

	note(pointers, 6);
	if (addr == (uintptr_t)nested_page)
		return EXCEPTION_CONTINUE_EXECUTION;
	poke(nested_page, 1);
	return EXCEPTION_CONTINUE_SEARCH;
}

static LONG remove_itself_and_commit(EXCEPTION_POINTERS *pointers)
{
	RemoveVectoredExceptionHandler(own_handle);
	return commit_on_demand(pointers);
}

/* Is not in the list any more when it faults. */
static LONG remove_itself_and_fault(EXCEPTION_POINTERS *pointers)
{
	note(pointers, 7);
	if (RemoveVectoredExceptionHandler(own_handle))
		poke(nested_page, 1);
	return EXCEPTION_CONTINUE_SEARCH;
}

START_TEST(a_handler_may_remove_itself)
{
	char *p = reserve_pages(1);
	PVOID last = AddVectoredExceptionHandler(0, commit_on_demand);

	own_handle = AddVectoredExceptionHandler(1, remove_itself);
	nr_seen = 0;
	poke(p, 1);
	ck_assert_int_eq(nr_seen, 2);
	assert_ok(VirtualFree(p, 0, MEM_DECOMMIT));
	poke(p, 1);
	ck_assert_int_eq(nr_seen, 3);
	ck_assert_int_eq(order[2], 3);
	ck_assert_uint_eq(RemoveVectoredExceptionHandler(own_handle), 0);
	RemoveVectoredExceptionHandler(last);
	drop(p);
}
END_TEST

START_TEST(a_handler_may_remove_itself_and_go_on)
{
	char *p = reserve_pages(2);

	own_handle = AddVectoredExceptionHandler(1, remove_itself_and_commit);
	nr_seen = 0;
	poke(p, 1);
	ck_assert_int_eq(nr_seen, 1);
	ck_assert(!can_read(p + PAGE));
	ck_assert_int_eq(nr_seen, 1);
	ck_assert_uint_eq(RemoveVectoredExceptionHandler(own_handle), 0);
	drop(p);
}
END_TEST

START_TEST(a_removed_handler_is_not_called_while_it_runs)
{
	PVOID last;
	char *p;

	if (under_valgrind() || UNDER_TSAN)
		return;
	p = reserve_pages(2);
	nested_page = p + PAGE;
	last = AddVectoredExceptionHandler(0, commit_on_demand);
	own_handle = AddVectoredExceptionHandler(1, remove_itself_and_fault);
	nr_seen = 0;
	poke(p, 1);
	ck_assert_int_eq(nr_seen, 3);
	ck_assert_int_eq(order[0], 7);
	ck_assert_int_eq(order[1], 3);
	ck_assert_uint_eq(seen[1].ExceptionInformation[1],
			  (uintptr_t)nested_page);
	ck_assert_int_eq(order[2], 3);
	RemoveVectoredExceptionHandler(last);
	drop(p);
}
END_TEST

START_TEST(a_handler_may_fault_itself)
{
	PVOID first, last;
	char *p;

	if (under_valgrind() || UNDER_TSAN)
		return;
	p = reserve_pages(1);
	last = AddVectoredExceptionHandler(0, commit_on_demand);
	first = AddVectoredExceptionHandler(1, touch_another);
	nested_page = commit_pages(1, PAGE_READWRITE | PAGE_GUARD);
	nr_seen = 0;
	poke(p, 1);
	ck_assert_int_eq(nr_seen, 3);
	ck_assert_uint_eq(seen[0].ExceptionCode, EXCEPTION_ACCESS_VIOLATION);
	ck_assert_uint_eq(seen[1].ExceptionCode, EXCEPTION_GUARD_PAGE);
	ck_assert_int_eq(order[2], 3);
	ck_assert_int_eq(*nested_page, 1);
	RemoveVectoredExceptionHandler(first);
	RemoveVectoredExceptionHandler(last);
	drop(nested_page);
	drop(p);
}
END_TEST

START_TEST(bad_arguments)
{
	int local;

	assert_fails(ERROR_INVALID_PARAMETER,
		     AddVectoredExceptionHandler(1, NULL));
	ck_assert_uint_eq(RemoveVectoredExceptionHandler(NULL), 0);
	ck_assert_uint_eq(RemoveVectoredExceptionHandler(&local), 0);
}
END_TEST

TCase *exception_tests(void)
{
	TCase *tests = tcase_create("vectored exception handlers");

	tcase_add_test(tests, continue_execution_runs_the_access_again);
	tcase_add_loop_test(tests, record_says_what_was_done_where, 0, 3);
	tcase_add_loop_test(tests, a_protected_page_gives_the_same_record, 0,
			    4);
	tcase_add_test(tests, an_access_over_a_border_faults_at_the_border);
	tcase_add_test(tests, a_guard_page_has_its_own_code);
	tcase_add_test(tests, a_guard_hit_is_followed_by_a_plain_violation);
	tcase_add_test(tests, faults_outside_are_exceptions_too);
	tcase_add_test(tests, handlers_are_called_in_their_order);
	tcase_add_test(tests, the_programs_handler_comes_last);
	tcase_add_test(tests, a_changed_register_is_used);
	tcase_add_test(tests, execution_goes_on_where_rip_says);
	tcase_add_test(tests, a_handler_may_remove_itself);
	tcase_add_test(tests, a_handler_may_remove_itself_and_go_on);
	tcase_add_test(tests, a_removed_handler_is_not_called_while_it_runs);
	tcase_add_test(tests, a_handler_may_fault_itself);
	tcase_add_test(tests, bad_arguments);
	return tests;
}
