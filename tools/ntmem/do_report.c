// SPDX-License-Identifier: MIT
/*
 * Shows what became of a step: a line for people, or an object on one line for
 * programs.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "do.h"

void do_result_begin(struct do_result *result)
{
	memset(result, 0, sizeof(*result));
	result->text = open_memstream(&result->words, &result->words_size);
	if (!result->text)
		abort();
	result->json = json_object_new_object();
}

static void add_text(struct json_object *json, const char *key,
		     const char *value)
{
	json_object_object_add(json, key, json_object_new_string(value));
}

static const char *fault_words(const struct do_fault *fault, char *buf,
			       size_t size)
{
	char prot[TEXT_MAX];

	if (!fault->explained) {
		snprintf(buf, size, "%s at 0x%" PRIx64,
			 do_signal_name(fault->signal), fault->address);
		return buf;
	}
	snprintf(buf, size, "%s, %s of 0x%" PRIx64 ": %s%s%s",
		 do_signal_name(fault->signal),
		 do_access_name(fault->why.access),
		 (uint64_t)fault->why.addr, do_reason_name(fault->why.reason),
		 fault->why.prot ? " " : "",
		 fault->why.prot ? prot_to_text(fault->why.prot, prot) : "");
	return buf;
}

static void report_text(const struct do_step *step,
			const struct do_result *result, const char *text,
			bool passed)
{
	const char *word = step->expect.word;
	char words[256];

	printf("%s:%s", step->text, strchr(text, '\n') ? "\n" : " ");
	if (result->error)
		printf("%s (%s)", errno_name(result->error),
		       strerror(-result->error));
	else if (*text)
		fputs(text, stdout);
	else if (!result->fault.signal)
		fputs("ok", stdout);
	if (result->fault.signal)
		printf("%s%s", *text ? "\n" : "",
		       fault_words(&result->fault, words, sizeof(words)));
	if (word)
		printf(passed ? " (expected)" : " (expected %s)", word);
	putchar('\n');
}

static void add_fault(struct json_object *json, const struct do_fault *fault)
{
	struct json_object *object = json_object_new_object();
	char prot[TEXT_MAX];

	json_object_object_add(json, "fault", object);
	add_text(object, "signal", do_signal_name(fault->signal));
	json_object_object_add(object, "address",
			       json_object_new_uint64(fault->address));
	if (!fault->explained)
		return;
	add_text(object, "access", do_access_name(fault->why.access));
	add_text(object, "reason", do_reason_name(fault->why.reason));
	add_text(object, "protection", prot_to_text(fault->why.prot, prot));
}

static void report_json(const struct do_step *step,
			const struct do_result *result, const char *text,
			bool passed)
{
	struct json_object *object = json_object_new_object();

	add_text(object, "step", step->text);
	json_object_object_add(object, "ok", json_object_new_boolean(passed));
	if (step->expect.word)
		add_text(object, "expected", step->expect.word);
	if (result->error)
		add_text(object, "error", errno_name(result->error));
	if (result->fault.signal)
		add_fault(object, &result->fault);
	if (result->failed)
		add_text(object, "message", text);
	json_object_object_foreach(result->json, key, value)
		json_object_object_add(object, key, json_object_get(value));
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

void do_report(struct do_session *session, const struct do_step *step,
	       struct do_result *result, bool passed)
{
	fclose(result->text);
	if (session->json)
		report_json(step, result, result->words, passed);
	else
		report_text(step, result, result->words, passed);
	fflush(stdout);
	free(result->words);
	json_object_put(result->json);
}
