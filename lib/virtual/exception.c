// SPDX-License-Identifier: MIT
/*
 * Vectored exception handlers: from a SIGSEGV to an EXCEPTION_RECORD, and the
 * registers there and back.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "engine/forkorder.h"
#include "engine/lock.h"
#include "engine/pool.h"
#include "engine/segv.h"
#include "virtual/exception.h"
#include "virtual/virtual.h"

/*
 * A handler stays in the list while a call of it runs, so that the walk finds
 * on from it; what was removed meanwhile is passed over.
 */
struct vectored {
	struct vectored *next;
	PVECTORED_EXCEPTION_HANDLER call;
	unsigned int running;		/* calls, on any thread */
	bool removed;
};

/* The handlers in their order. The lock guards the list and its members. */
static struct {
	struct ntmem_lock lock;
	struct ntmem_pool pool;
	struct vectored *first;
} handlers = { .lock = NTMEM_LOCK_INIT };

/* ------------------------------------------------------------ the list --- */

static void unlink_handler(struct vectored *handler)
{
	struct vectored **link = &handlers.first;

	while (*link != handler)
		link = &(*link)->next;
	*link = handler->next;
	ntmem_pool_free(&handlers.pool, handler, sizeof(*handler));
}

static void link_handler(struct vectored *handler, bool first)
{
	struct vectored **link = &handlers.first;

	while (!first && *link)
		link = &(*link)->next;
	handler->next = *link;
	*link = handler;
}

/* Ends the call of one handler and begins that of the next, NULL at the end. */
static struct vectored *next_handler(struct vectored *handler)
{
	struct vectored *next;
	struct ntmem_held held;

	ntmem_lock_take(&handlers.lock, &held);
	next = handler ? handler->next : handlers.first;
	while (next && next->removed)
		next = next->next;
	if (next)
		next->running++;
	if (handler && --handler->running == 0 && handler->removed)
		unlink_handler(handler);
	ntmem_lock_give(&handlers.lock, &held);
	return next;
}

static void end_call(struct vectored *handler)
{
	struct ntmem_held held;

	ntmem_lock_take(&handlers.lock, &held);
	if (--handler->running == 0 && handler->removed)
		unlink_handler(handler);
	ntmem_lock_give(&handlers.lock, &held);
}

/* Held over fork. Nobody takes another lock inside it. */
static struct ntmem_held fork_held;

static void before_fork(void)
{
	struct ntmem_held held;

	ntmem_lock_take(&handlers.lock, &held);
	fork_held = held;
}

static void after_fork(void)
{
	struct ntmem_held held = fork_held;

	ntmem_lock_give(&handlers.lock, &held);
}

__attribute__((constructor(FORK_ORDER_EXCEPTION)))
static void register_fork_handlers(void)
{
	pthread_atfork(before_fork, after_fork, after_fork);
}

/* ------------------------------------------------------- the registers --- */

static const struct {
	size_t offset;		/* in CONTEXT */
	int greg;		/* in ucontext_t */
} registers[] = {
	{ offsetof(CONTEXT, Rax), REG_RAX }, { offsetof(CONTEXT, Rcx), REG_RCX },
	{ offsetof(CONTEXT, Rdx), REG_RDX }, { offsetof(CONTEXT, Rbx), REG_RBX },
	{ offsetof(CONTEXT, Rsp), REG_RSP }, { offsetof(CONTEXT, Rbp), REG_RBP },
	{ offsetof(CONTEXT, Rsi), REG_RSI }, { offsetof(CONTEXT, Rdi), REG_RDI },
	{ offsetof(CONTEXT, R8), REG_R8 },   { offsetof(CONTEXT, R9), REG_R9 },
	{ offsetof(CONTEXT, R10), REG_R10 }, { offsetof(CONTEXT, R11), REG_R11 },
	{ offsetof(CONTEXT, R12), REG_R12 }, { offsetof(CONTEXT, R13), REG_R13 },
	{ offsetof(CONTEXT, R14), REG_R14 }, { offsetof(CONTEXT, R15), REG_R15 },
	{ offsetof(CONTEXT, Rip), REG_RIP },
};

#define NR_REGISTERS	(sizeof(registers) / sizeof(registers[0]))

static void context_fill(CONTEXT *context, const ucontext_t *from)
{
	const greg_t *gregs = from->uc_mcontext.gregs;
	size_t i;

	memset(context, 0, sizeof(*context));
	context->ContextFlags = CONTEXT_CONTROL;
	context->ContextFlags |= CONTEXT_INTEGER;
	context->EFlags = gregs[REG_EFL];
	context->SegCs = gregs[REG_CSGSFS] & 0xffff;
	context->SegSs = (gregs[REG_CSGSFS] >> 48) & 0xffff;
	for (i = 0; i < NR_REGISTERS; i++)
		memcpy((char *)context + registers[i].offset,
		       &gregs[registers[i].greg], sizeof(DWORD64));
}

static void context_apply(const CONTEXT *context, ucontext_t *to)
{
	greg_t *gregs = to->uc_mcontext.gregs;
	size_t i;

	/* sigreturn keeps the flags that user space may not change. */
	gregs[REG_EFL] = context->EFlags;
	for (i = 0; i < NR_REGISTERS; i++)
		memcpy(&gregs[registers[i].greg],
		       (const char *)context + registers[i].offset,
		       sizeof(DWORD64));
}

/* ------------------------------------------------------- the exception --- */

/*
 * Whether a guard was hit only the engine knows, and it says so once; the
 * rest is in the signal.
 */
static void record_fill(EXCEPTION_RECORD *record,
			const struct ntmem_segv *segv)
{
	const struct ntmem_engine *engine = ntmem_engine();
	struct ntmem_fault fault;

	memset(record, 0, sizeof(*record));
	record->ExceptionCode = EXCEPTION_ACCESS_VIOLATION;
	record->ExceptionAddress =
		(void *)segv->context->uc_mcontext.gregs[REG_RIP];
	record->NumberParameters = 2;
	record->ExceptionInformation[0] = segv->access;
	record->ExceptionInformation[1] = segv->addr;
	if (!segv->mapped || !engine || engine->last_fault(&fault))
		return;
	if (virtual_page(fault.addr) == virtual_page(segv->addr) &&
	    fault.reason == NTMEM_FAULT_GUARD)
		record->ExceptionCode = EXCEPTION_GUARD_PAGE;
}

static bool on_exception(const struct ntmem_segv *segv)
{
	EXCEPTION_RECORD record;
	CONTEXT context;
	EXCEPTION_POINTERS pointers = { &record, &context };
	struct vectored *handler = next_handler(NULL);

	if (!handler)
		return false;
	record_fill(&record, segv);
	context_fill(&context, segv->context);
	for (; handler; handler = next_handler(handler)) {
		if (handler->call(&pointers) != EXCEPTION_CONTINUE_EXECUTION)
			continue;
		end_call(handler);
		context_apply(&context, segv->context);
		return true;
	}
	return false;
}

/* -------------------------------------------------- raised by ourselves --- */

static void die_of(DWORD code)
{
	char text[] = "ntmem: exception 0x00000000 was not handled\n";
	char *digit = text + 27;

	for (; code; code >>= 4)
		*--digit = "0123456789abcdef"[code & 15];
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		abort();
	abort();
}

void ntmem_raise(DWORD code)
{
	EXCEPTION_RECORD record = {
		.ExceptionCode = code,
		.ExceptionAddress = __builtin_return_address(0),
	};
	CONTEXT context;
	EXCEPTION_POINTERS pointers = { &record, &context };
	struct vectored *handler = next_handler(NULL);
	ucontext_t here;

	getcontext(&here);
	context_fill(&context, &here);
	for (; handler; handler = next_handler(handler)) {
		if (handler->call(&pointers) != EXCEPTION_CONTINUE_EXECUTION)
			continue;
		end_call(handler);
		return;
	}
	die_of(code);
}

/* ------------------------------------------------------- the functions --- */

PVOID WINAPI AddVectoredExceptionHandler(ULONG First,
					 PVECTORED_EXCEPTION_HANDLER Handler)
{
	struct vectored *handler;
	struct ntmem_held held;

	if (!Handler) {
		SetLastError(ERROR_INVALID_PARAMETER);
		return NULL;
	}
	ntmem_segv_set_hook(NTMEM_SEGV_VECTORED, on_exception);
	ntmem_lock_take(&handlers.lock, &held);
	handler = ntmem_pool_alloc(&handlers.pool, sizeof(*handler));
	if (handler) {
		handler->call = Handler;
		link_handler(handler, First);
	}
	ntmem_lock_give(&handlers.lock, &held);
	if (!handler)
		SetLastError(ERROR_NOT_ENOUGH_MEMORY);
	else
		ntmem_segv_install();
	return handler;
}

ULONG WINAPI RemoveVectoredExceptionHandler(PVOID Handle)
{
	struct vectored *handler;
	struct ntmem_held held;
	bool found;

	ntmem_lock_take(&handlers.lock, &held);
	handler = handlers.first;
	while (handler && (handler != Handle || handler->removed))
		handler = handler->next;
	found = handler;
	if (found) {
		handler->removed = true;
		if (!handler->running)
			unlink_handler(handler);
	}
	ntmem_lock_give(&handlers.lock, &held);
	return found;
}
