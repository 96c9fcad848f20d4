// SPDX-License-Identifier: MIT
/*
 * The steps that are operations of the engine: each becomes a struct ntmem_op,
 * which is either run alone or put into a batch.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "do.h"
#include "info.h"

static uint32_t flags_of(const struct do_verb *verb)
{
	if (!strcmp(verb->name, "preserve"))
		return NTMEM_RELEASE_PRESERVE;
	if (!strcmp(verb->name, "coalesce"))
		return NTMEM_RELEASE_COALESCE;
	return 0;
}

bool do_build_op(struct do_session *session, const struct do_step *step,
		 struct ntmem_op *op, struct do_result *result)
{
	uint64_t address;

	memset(op, 0, sizeof(*op));
	op->op = (uint32_t)step->verb->nr;
	if (!do_resolve(session, step, &address, result))
		return false;
	switch (step->verb->nr) {
	case NTMEM_NR_RESERVE:
		if (do_find(session, step->name)) {
			do_fail(result, "'%s' is in use", step->name);
			return false;
		}
		op->reserve = step->wish;
		op->reserve.size = step->size;
		op->reserve.prot = step->prot;
		return true;
	case NTMEM_NR_PROTECT:
		op->protect.addr = address;
		op->protect.size = step->size;
		op->protect.prot = step->prot;
		return true;
	case NTMEM_NR_QUERY:
		op->query.addr = address;
		return true;
	}
	op->range.addr = address;
	op->range.size = step->size;
	op->range.flags = flags_of(step->verb);
	if (step->verb->nr == NTMEM_NR_COMMIT)
		op->range.prot = step->prot;
	return true;
}

static int call(const struct ntmem_engine *engine, struct ntmem_op *op)
{
	switch (op->op) {
	case NTMEM_NR_RESERVE:
		return engine->reserve(&op->reserve);
	case NTMEM_NR_COMMIT:
		return engine->commit(&op->range);
	case NTMEM_NR_DECOMMIT:
		return engine->decommit(&op->range);
	case NTMEM_NR_RELEASE:
		return engine->release(&op->range);
	case NTMEM_NR_PROTECT:
		return engine->protect(&op->protect);
	case NTMEM_NR_QUERY:
		return engine->query(&op->query);
	case NTMEM_NR_LOCK:
		return engine->lock(&op->range);
	case NTMEM_NR_UNLOCK:
		return engine->unlock(&op->range);
	case NTMEM_NR_RESET:
		return engine->reset(&op->range);
	case NTMEM_NR_RESET_UNDO:
		return engine->reset_undo(&op->range);
	}
	return -EOPNOTSUPP;
}

static void add_number(struct do_result *result, const char *key,
		       uint64_t value)
{
	json_object_object_add(result->json, key,
			       json_object_new_uint64(value));
}

static void add_text(struct json_object *json, const char *key,
		     const char *value)
{
	json_object_object_add(json, key, json_object_new_string(value));
}

static void show_run(const struct ntmem_query *run, FILE *text,
		     struct json_object *json)
{
	char size[TEXT_MAX], prot[TEXT_MAX], alloc[TEXT_MAX];

	number_to_text(run->size, size);
	prot_to_text(run->prot, prot);
	prot_to_text(run->alloc_prot, alloc);
	fprintf(text, "0x%" PRIx64 " %s %s", (uint64_t)run->base, size,
		state_name(run->state));
	if (run->prot && run->state != NTMEM_STATE_FREE)
		fprintf(text, " %s", prot);
	if (run->type)
		fprintf(text, " %s", type_name(run->type));
	if (run->alloc_base)
		fprintf(text, ", of 0x%" PRIx64 " %s", (uint64_t)run->alloc_base,
			alloc);
	json_object_object_add(json, "base",
			       json_object_new_uint64(run->base));
	json_object_object_add(json, "size",
			       json_object_new_uint64(run->size));
	add_text(json, "state", state_name(run->state));
	add_text(json, "protection", prot);
	add_text(json, "type", type_name(run->type));
	json_object_object_add(json, "allocation_base",
			       json_object_new_uint64(run->alloc_base));
	add_text(json, "allocation_protection", alloc);
}

static void reserved(struct do_session *session, const struct do_step *step,
		     const struct ntmem_reserve *got,
		     struct do_result *result)
{
	char size[TEXT_MAX];

	do_define(session, step->name, got->addr, got->size);
	fprintf(result->text, "0x%" PRIx64 " %s", (uint64_t)got->addr,
		number_to_text(got->size, size));
	add_number(result, "base", got->addr);
	add_number(result, "size", got->size);
	result->has_value = true;
	result->value = got->addr;
}

static void released(struct do_session *session, const struct do_step *step)
{
	const struct do_name *name = do_find(session, step->name);

	if (name && (!step->size ||
		     (!step->offset && step->size >= name->size)))
		do_forget(session, step->name);
}

void do_op_done(struct do_session *session, const struct do_step *step,
		const struct ntmem_op *op, struct do_result *result)
{
	char prot[TEXT_MAX];

	result->error = op->status;
	if (op->status)
		return;
	switch (op->op) {
	case NTMEM_NR_RESERVE:
		reserved(session, step, &op->reserve, result);
		break;
	case NTMEM_NR_RELEASE:
		if (!op->range.flags)
			released(session, step);
		break;
	case NTMEM_NR_PROTECT:
		prot_to_text(op->protect.old_prot, prot);
		fprintf(result->text, "was %s", prot);
		add_text(result->json, "old_protection", prot);
		break;
	case NTMEM_NR_QUERY:
		show_run(&op->query, result->text, result->json);
		result->has_state = true;
		result->state = op->query;
		break;
	}
}

void do_engine_call(struct do_session *session, const struct do_step *step,
		    struct do_result *result)
{
	struct ntmem_op op;

	if (!do_build_op(session, step, &op, result))
		return;
	op.status = call(session->engine, &op);
	do_op_done(session, step, &op, result);
}

void do_info(struct do_session *session, const struct do_step *step,
	     struct do_result *result)
{
	struct ntmem_info info;

	(void)step;
	memset(&info, 0, sizeof(info));
	result->error = session->engine->info(&info);
	if (result->error)
		return;
	fprintf(result->text, "engine %s\n", session->engine->name);
	info_print(result->text, &info);
	add_text(result->json, "engine", session->engine->name);
	info_to_json(result->json, &info);
}

void do_granularity(struct do_session *session, const struct do_step *step,
		    struct do_result *result)
{
	struct ntmem_granularity want = { .granularity = step->size };

	result->error = session->engine->set_granularity(&want);
}

void do_last_fault(struct do_session *session, const struct do_step *step,
		   struct do_result *result)
{
	struct ntmem_fault fault = { 0 };
	char prot[TEXT_MAX];

	(void)step;
	result->error = session->engine->last_fault(&fault);
	if (result->error)
		return;
	fprintf(result->text, "%s of 0x%" PRIx64 ": %s, %s",
		do_access_name(fault.access), (uint64_t)fault.addr,
		do_reason_name(fault.reason),
		prot_to_text(fault.prot, prot));
	add_number(result, "address", fault.addr);
	add_text(result->json, "access", do_access_name(fault.access));
	add_text(result->json, "reason", do_reason_name(fault.reason));
	add_text(result->json, "protection", prot);
}

/* Up to so many pages are told at once; a reset leaves the others as they are. */
#define WATCH_MAX 4096

static void tell_written(struct do_session *session, const struct do_step *step,
			 uint32_t flags, struct do_result *result)
{
	static uint64_t pages[WATCH_MAX];
	struct json_object *list = json_object_new_array();
	struct ntmem_watch watch = {
		.size = step->size, .pages = (uintptr_t)pages,
		.count = WATCH_MAX, .flags = flags,
	};
	uint64_t address;

	json_object_object_add(result->json, "pages", list);
	if (!do_resolve(session, step, &address, result))
		return;
	watch.addr = address;
	result->error = session->engine->watch(&watch);
	if (result->error)
		return;
	fprintf(result->text, "%" PRIu64 " pages",
		(uint64_t)watch.count);
	for (uint64_t i = 0; i < watch.count; i++) {
		fprintf(result->text, "\n0x%" PRIx64, pages[i]);
		json_object_array_add(list, json_object_new_uint64(pages[i]));
	}
	result->has_value = true;
	result->value = watch.count;
}

void do_watch(struct do_session *session, const struct do_step *step,
	      struct do_result *result)
{
	tell_written(session, step, 0, result);
}

void do_rewatch(struct do_session *session, const struct do_step *step,
		struct do_result *result)
{
	tell_written(session, step, NTMEM_WATCH_RESET, result);
}

/* All runs from 'at' up to, not including, 'end'. */
static void walk(struct do_session *session, uint64_t at, uint64_t end,
		 struct do_result *result)
{
	struct json_object *runs = json_object_new_array();
	unsigned int count = 0;

	json_object_object_add(result->json, "runs", runs);
	while (at < end) {
		struct ntmem_query run = { .addr = at };
		struct json_object *json = json_object_new_object();

		result->error = session->engine->query(&run);
		if (result->error || !run.size) {
			json_object_put(json);
			break;
		}
		if (count++)
			fputc('\n', result->text);
		show_run(&run, result->text, json);
		json_object_array_add(runs, json);
		at = run.base + run.size;
	}
	result->has_value = !result->error;
	result->value = count;
}

void do_walk(struct do_session *session, const struct do_step *step,
	     struct do_result *result)
{
	const struct do_name *name = do_find(session, step->name);
	struct ntmem_query run = { 0 };
	struct ntmem_info info = { 0 };
	uint64_t at;

	if (!do_resolve(session, step, &at, result))
		return;
	if (!step->has_target) {
		result->error = session->engine->info(&info);
		if (!result->error)
			walk(session, 0, info.max_address, result);
		return;
	}
	if (name) {
		walk(session, at, name->base + name->size, result);
		return;
	}
	run.addr = at;
	result->error = session->engine->query(&run);
	if (!result->error)
		walk(session, at, run.base + run.size, result);
}
