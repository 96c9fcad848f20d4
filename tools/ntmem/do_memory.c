// SPDX-License-Identifier: MIT
/*
 * The steps that access memory as a program does. A fault ends the step, not
 * the tool.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "do.h"

static sigjmp_buf escape;
static volatile sig_atomic_t armed;
static struct do_fault caught;
static const struct do_session *catcher;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (!armed) {
		/* The tool's own mistake: die of it. */
		struct sigaction plain = { .sa_handler = SIG_DFL };

		sigaction(signal, &plain, NULL);
		return;
	}
	armed = 0;
	memset(&caught, 0, sizeof(caught));
	caught.signal = signal;
	caught.address = (uint64_t)(uintptr_t)info->si_addr;
	if (signal == SIGSEGV && catcher->engine)
		caught.explained = !catcher->engine->last_fault(&caught.why);
	siglongjmp(escape, 1);
}

void do_catch_faults(struct do_session *session)
{
	static const int signals[] = {
		SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE
	};
	struct sigaction action = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};

	catcher = session;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

/* Any alignment is allowed: the user asks for it. */
struct any8 { uint8_t value; } __attribute__((packed, may_alias));
struct any16 { uint16_t value; } __attribute__((packed, may_alias));
struct any32 { uint32_t value; } __attribute__((packed, may_alias));
struct any64 { uint64_t value; } __attribute__((packed, may_alias));

static uint64_t load(uint64_t address, unsigned int width)
{
	const void *at = (const void *)(uintptr_t)address;

	switch (width) {
	case 2:
		return ((const volatile struct any16 *)at)->value;
	case 4:
		return ((const volatile struct any32 *)at)->value;
	case 8:
		return ((const volatile struct any64 *)at)->value;
	}
	return ((const volatile struct any8 *)at)->value;
}

static void store(uint64_t address, unsigned int width, uint64_t value)
{
	void *at = (void *)(uintptr_t)address;

	switch (width) {
	case 2:
		((volatile struct any16 *)at)->value = (uint16_t)value;
		break;
	case 4:
		((volatile struct any32 *)at)->value = (uint32_t)value;
		break;
	case 8:
		((volatile struct any64 *)at)->value = value;
		break;
	default:
		((volatile struct any8 *)at)->value = (uint8_t)value;
	}
}

struct access {
	uint64_t address;
	uint64_t size;
	uint64_t value;
	unsigned int width;
	uint8_t *to;
};

/* Runs the access; false when it faulted, with the fault in result. */
static bool guarded(void (*run)(struct access *access), struct access *access,
		    struct do_result *result)
{
	struct ntmem_fault old;

	/* Forgets an old reason; an engine may not note any until asked. */
	catcher->engine->last_fault(&old);
	if (sigsetjmp(escape, 1)) {
		result->fault = caught;
		return false;
	}
	armed = 1;
	run(access);
	armed = 0;
	return true;
}

static void run_load(struct access *access)
{
	access->value = load(access->address, access->width);
}

static void run_store(struct access *access)
{
	store(access->address, access->width, access->value);
}

static void run_fill(struct access *access)
{
	for (uint64_t i = 0; i < access->size; i++)
		store(access->address + i, 1, access->value);
}

static void run_copy(struct access *access)
{
	for (uint64_t i = 0; i < access->size; i++)
		access->to[i] = (uint8_t)load(access->address + i, 1);
}

static void run_code(struct access *access)
{
	uint64_t (*code)(void);
	void *at = (void *)(uintptr_t)access->address;

	memcpy(&code, &at, sizeof(code));
	access->value = code();
}

static void show_value(struct do_result *result, uint64_t value)
{
	result->has_value = true;
	result->value = value;
	fprintf(result->text, "0x%" PRIx64, value);
	json_object_object_add(result->json, "value",
			       json_object_new_uint64(value));
}

void do_peek(struct do_session *session, const struct do_step *step,
	     struct do_result *result)
{
	struct access access = { .width = step->width };

	if (!do_resolve(session, step, &access.address, result))
		return;
	if (guarded(run_load, &access, result))
		show_value(result, access.value);
}

void do_poke(struct do_session *session, const struct do_step *step,
	     struct do_result *result)
{
	struct access access = { .width = step->width, .value = step->value };

	if (!do_resolve(session, step, &access.address, result))
		return;
	if (step->width < 8 && step->value >> (8 * step->width)) {
		do_fail(result, "the value does not fit");
		return;
	}
	guarded(run_store, &access, result);
}

void do_fill(struct do_session *session, const struct do_step *step,
	     struct do_result *result)
{
	struct access access = { .size = step->size, .value = step->value };

	if (!do_resolve(session, step, &access.address, result))
		return;
	if (step->value > UINT8_MAX) {
		do_fail(result, "the value is not a byte");
		return;
	}
	guarded(run_fill, &access, result);
}

void do_exec(struct do_session *session, const struct do_step *step,
	     struct do_result *result)
{
	struct access access = { 0 };

	if (!do_resolve(session, step, &access.address, result))
		return;
	if (guarded(run_code, &access, result))
		show_value(result, access.value);
}

#define DUMP_ROW 16

static void show_row(FILE *to, uint64_t address, const uint8_t *bytes,
		     uint64_t size)
{
	fprintf(to, "0x%" PRIx64 " ", address);
	for (uint64_t i = 0; i < DUMP_ROW; i++) {
		if (i < size)
			fprintf(to, " %02x", bytes[i]);
		else
			fputs("   ", to);
	}
	fputs("  ", to);
	for (uint64_t i = 0; i < size; i++)
		fputc(bytes[i] >= ' ' && bytes[i] < 127 ? bytes[i] : '.', to);
}

void do_dump(struct do_session *session, const struct do_step *step,
	     struct do_result *result)
{
	struct json_object *list = json_object_new_array();
	uint8_t bytes[DUMP_ROW];
	struct access access = { .to = bytes };
	uint64_t left = step->size;

	json_object_object_add(result->json, "bytes", list);
	if (!do_resolve(session, step, &access.address, result))
		return;
	while (left) {
		access.size = left < DUMP_ROW ? left : DUMP_ROW;
		if (!guarded(run_copy, &access, result))
			return;
		if (left != step->size)
			fputc('\n', result->text);
		show_row(result->text, access.address, bytes, access.size);
		for (uint64_t i = 0; i < access.size; i++)
			json_object_array_add(list,
					      json_object_new_int(bytes[i]));
		access.address += access.size;
		left -= access.size;
	}
}
