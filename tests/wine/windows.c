// SPDX-License-Identifier: MIT
/*
 * What the unit tests need of the system they run on, for Windows: accesses
 * whose fault nobody handles. See tests/unit/unit.h.
 */
#include <stdio.h>

#include "unit.h"

struct faults {
	void *jump[5];		/* of __builtin_setjmp, which unwinds nothing */
	volatile bool armed;
	volatile int count;
};

/* The thread's. GCC forgets that emulated thread variables are volatile. */
__attribute__((noinline)) static struct faults *mine(void)
{
	static __thread struct faults faults;

	return &faults;
}

bool under_valgrind(void)
{
	return false;
}

bool on_debug_kernel(void)
{
	return false;
}

__attribute__((noreturn)) static void jump_out(void)
{
	__builtin_longjmp(mine()->jump, 1);
}

/*
 * As a program's handler of SIGSEGV on Linux, the filter comes behind all
 * vectored handlers.
 */
static LONG WINAPI on_unhandled(EXCEPTION_POINTERS *pointers)
{
	CONTEXT *context = pointers->ContextRecord;

	mine()->count++;
	if (mine()->armed) {
		mine()->armed = false;
		context->Rip = (uintptr_t)jump_out;
		context->Rsp = (context->Rsp - 0x100) / 16 * 16 - 8;
		return EXCEPTION_CONTINUE_EXECUTION;
	}
	check_differs(__FILE__, __LINE__, "exception %08lx",
		      pointers->ExceptionRecord->ExceptionCode);
	TerminateProcess(GetCurrentProcess(), 1);
	return EXCEPTION_EXECUTE_HANDLER;
}

/* So that the C run-time returns errors, and does not end the process. */
static void ignore_parameter(const wchar_t *expression, const wchar_t *function,
			     const wchar_t *file, unsigned int line,
			     uintptr_t reserved)
{
	(void)expression;
	(void)function;
	(void)file;
	(void)line;
	(void)reserved;
}

void install_fault_handler(void)
{
	_set_invalid_parameter_handler(ignore_parameter);
	SetUnhandledExceptionFilter(on_unhandled);
}

int faults_seen(void)
{
	return mine()->count;
}

char peek(const void *addr)
{
	return *(const volatile char *)addr;
}

void poke(void *addr, char value)
{
	*(volatile char *)addr = value;
}

__attribute__((noinline)) bool can_read(const void *addr)
{
	if (__builtin_setjmp(mine()->jump))
		return false;
	mine()->armed = true;
	peek(addr);
	mine()->armed = false;
	return true;
}

__attribute__((noinline)) bool can_write(void *addr)
{
	if (__builtin_setjmp(mine()->jump))
		return false;
	mine()->armed = true;
	poke(addr, 0x5a);
	mine()->armed = false;
	return true;
}

__attribute__((noinline)) bool can_execute(const void *addr)
{
	void (*code)(void) = (void (*)(void))(uintptr_t)addr;

	if (__builtin_setjmp(mine()->jump))
		return false;
	mine()->armed = true;
	code();
	mine()->armed = false;
	return true;
}
