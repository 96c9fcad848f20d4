// SPDX-License-Identifier: MIT
/*
 * Runs one step: from its expectation to its report. The names that a script
 * gives to reservations live here too.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "do.h"

const struct do_name *do_find(const struct do_session *session,
			      const char *name)
{
	for (size_t i = 0; i < session->name_count; i++)
		if (!strcmp(session->names[i].name, name))
			return &session->names[i];
	return NULL;
}

void do_define(struct do_session *session, const char *name, uint64_t base,
	       uint64_t size)
{
	struct do_name *new;

	do_forget(session, name);
	session->names = reallocarray(session->names, session->name_count + 1,
				      sizeof(*new));
	if (!session->names)
		abort();
	new = &session->names[session->name_count++];
	strcpy(new->name, name);
	new->base = base;
	new->size = size;
}

void do_forget(struct do_session *session, const char *name)
{
	for (size_t i = 0; i < session->name_count; i++) {
		if (strcmp(session->names[i].name, name))
			continue;
		session->names[i] = session->names[--session->name_count];
		return;
	}
}

void do_fail(struct do_result *result, const char *format, ...)
{
	va_list list;

	result->failed = true;
	va_start(list, format);
	vfprintf(result->text, format, list);
	va_end(list);
}

bool do_resolve(struct do_session *session, const struct do_step *step,
		uint64_t *address, struct do_result *result)
{
	const struct do_name *name;

	*address = step->address + step->offset;
	if (!step->has_target || !*step->name)
		return true;
	name = do_find(session, step->name);
	if (!name) {
		do_fail(result, "no reservation is called '%s'", step->name);
		return false;
	}
	*address = name->base + step->offset;
	return true;
}

bool do_run_step(struct do_session *session, const struct do_step *step)
{
	struct do_result result;
	bool passed;

	do_result_begin(&result);
	if (step->verb->run)
		step->verb->run(session, step, &result);
	else
		do_fail(&result, "no block is open");
	passed = do_expect_met(&step->expect, &result);
	do_report(session, step, &result, passed);
	if (!passed)
		session->failures++;
	return (passed || session->keep_going) && !session->quit;
}
