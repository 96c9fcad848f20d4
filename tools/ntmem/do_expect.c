// SPDX-License-Identifier: MIT
/*
 * What a script can expect of a step, and the names of faults that such
 * expectations and the reports use.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "do.h"

struct number_name {
	const char *name;
	uint32_t value;
};

static const struct number_name reasons[] = {
	{ "free", NTMEM_FAULT_FREE },
	{ "reserved", NTMEM_FAULT_RESERVED },
	{ "protection", NTMEM_FAULT_PROTECTION },
	{ "guard", NTMEM_FAULT_GUARD },
	{ NULL, 0 }
};

static const struct number_name accesses[] = {
	{ "read", NTMEM_ACCESS_READ },
	{ "write", NTMEM_ACCESS_WRITE },
	{ "execute", NTMEM_ACCESS_EXECUTE },
	{ NULL, 0 }
};

static const struct number_name signals[] = {
	{ "SIGSEGV", SIGSEGV },
	{ "SIGBUS", SIGBUS },
	{ "SIGILL", SIGILL },
	{ "SIGTRAP", SIGTRAP },
	{ "SIGFPE", SIGFPE },
	{ NULL, 0 }
};

static const struct number_name states[] = {
	{ "commit", NTMEM_STATE_COMMIT },
	{ "reserve", NTMEM_STATE_RESERVE },
	{ "freed", NTMEM_STATE_FREE },
	{ "foreign", NTMEM_STATE_FOREIGN },
	{ NULL, 0 }
};

static const char *name_of(const struct number_name *names, uint32_t value)
{
	for (; names->name; names++)
		if (names->value == value)
			return names->name;
	return "unknown";
}

static const struct number_name *find(const struct number_name *names,
				      const char *name)
{
	for (; names->name; names++)
		if (!strcasecmp(names->name, name))
			return names;
	return NULL;
}

const char *do_signal_name(int signal)
{
	return name_of(signals, (uint32_t)signal);
}

const char *do_reason_name(uint32_t reason)
{
	return name_of(reasons, reason);
}

const char *do_access_name(uint32_t access)
{
	return name_of(accesses, access);
}

static bool set(struct do_expect *expect, enum do_expect_kind kind,
		const struct number_name *found)
{
	if (!found)
		return false;
	expect->kind = kind;
	expect->value = found->value;
	return true;
}

/* "commit" or "commit,rw+guard" */
static bool parse_state(const char *word, struct do_expect *expect)
{
	size_t len = strcspn(word, ",");
	char state[16];	/* longer than any that is known */
	bool known;

	snprintf(state, sizeof(state), "%.*s", (int)len, word);
	known = set(expect, DO_EXPECT_STATE, find(states, state));
	if (known && word[len])
		return text_to_prot(word + len + 1, &expect->prot);
	return known;
}

bool do_expect_parse(const char *word, struct do_expect *expect)
{
	int error = errno_from_name(word);

	free(expect->word);
	expect->word = strdup(word);
	if (!strcasecmp(word, "ok"))
		return true;
	if (error) {
		expect->kind = DO_EXPECT_ERRNO;
		expect->value = (uint64_t)error;
		return true;
	}
	if (text_to_number(word, &expect->value)) {
		expect->kind = DO_EXPECT_VALUE;
		return true;
	}
	return set(expect, DO_EXPECT_SIGNAL, find(signals, word)) ||
	       set(expect, DO_EXPECT_REASON, find(reasons, word)) ||
	       parse_state(word, expect);
}

bool do_expect_met(const struct do_expect *expect,
		   const struct do_result *result)
{
	const struct do_fault *fault = &result->fault;
	bool success = !result->failed && !result->error && !fault->signal;

	switch (expect->kind) {
	case DO_EXPECT_SUCCESS:
		return success;
	case DO_EXPECT_ERRNO:
		return result->error == -(int)expect->value;
	case DO_EXPECT_SIGNAL:
		return fault->signal == (int)expect->value;
	case DO_EXPECT_REASON:
		return fault->signal && fault->explained &&
		       fault->why.reason == expect->value;
	case DO_EXPECT_VALUE:
		return success && result->has_value &&
		       result->value == expect->value;
	case DO_EXPECT_STATE:
		return success && result->has_state &&
		       result->state.state == expect->value &&
		       (!expect->prot || result->state.prot == expect->prot);
	}
	return false;
}
