// SPDX-License-Identifier: MIT
/*
 * The list of targets, and what they share. See target.h.
 */
#include <ctype.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/embedded.h"
#include "target.h"

const struct fuzz_target *const fuzz_targets[] = {
	&arguments_target,
	&engine_target,
	&heap_target,
	&malloc_target,
	&maps_target,
	&script_target,
	&sequence_target,
	&settings_target,
	&status_target,
	&text_target,
	&virtual_target,
	NULL
};

const struct fuzz_target *fuzz_find(const char *name)
{
	const struct fuzz_target *const *target;

	for (target = fuzz_targets; *target; target++)
		if (!strcmp((*target)->name, name))
			return *target;
	return NULL;
}

void fuzz_check(bool ok, const char *format, ...)
{
	char text[512];
	va_list list;

	if (ok)
		return;
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	dprintf(STDERR_FILENO, "finding: %s\n", text);
	abort();
}

char *fuzz_string(const uint8_t *data, size_t size)
{
	char *text = strndup(size ? (const char *)data : "", size);

	if (!text)
		abort();
	return text;
}

int fuzz_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || (size && pwrite(fd, data, size, 0) != (ssize_t)size))
		abort();
	return fd;
}

void fuzz_be_quiet(void)
{
	FILE *null = fopen("/dev/null", "we");

	if (!null)
		abort();
	stdout = null;
	stderr = null;
}

bool fuzz_matches(const char *expression, const char *text)
{
	regmatch_t match;
	regex_t regex;
	bool all;

	if (regcomp(&regex, expression, REG_EXTENDED))
		abort();
	all = !regexec(&regex, text, 1, &match, 0) && match.rm_so == 0 &&
	      text[match.rm_eo] == '\0';
	regfree(&regex);
	return all;
}

bool fuzz_number(const char *text, unsigned int base, uint64_t *number)
{
	static const char suffixes[] = "KMGT";
	unsigned __int128 value = 0;
	const char *suffix;

	for (; isxdigit((unsigned char)*text); text++) {
		unsigned int c = tolower((unsigned char)*text);

		value = value * base + (c <= '9' ? c - '0' : c - 'a' + 10);
		if (value > UINT64_MAX)
			return false;
	}
	suffix = *text ? strchr(suffixes, toupper((unsigned char)*text)) : NULL;
	if (suffix)
		value <<= 10 * (suffix - suffixes + 1);
	if (value > UINT64_MAX)
		return false;
	*number = value;
	return true;
}

static void release_all(const struct ntmem_engine *engine)
{
	struct ntmem_skip_node *node;

	while ((node = ntmem_skip_first(&embedded.reservations))) {
		struct ntmem_range range = { .addr = node->key };
		int error = engine->release(&range);

		fuzz_check(!error, "releasing %#llx: error %d",
			   (unsigned long long)range.addr, error);
	}
}

void fuzz_renew_engine(uint64_t commit_limit)
{
	const struct ntmem_engine *engine;
	char limit[32];
	int error;

	snprintf(limit, sizeof(limit), "%llu",
		 (unsigned long long)commit_limit);
	setenv("NTMEM_COMMIT_LIMIT", commit_limit ? limit : "", 1);
	setenv("NTMEM_ENGINE", "embedded", 1);
	engine = ntmem_engine_open_embedded(&error);
	fuzz_check(engine, "the engine does not open: error %d", error);
	release_all(engine);
	fuzz_check(!embedded.reserved && !embedded.committed &&
		   !embedded.locked && !embedded.watched,
		   "left: reserved %#llx, committed %#llx, locked %#llx, watched %llu",
		   (unsigned long long)embedded.reserved,
		   (unsigned long long)embedded.committed,
		   (unsigned long long)embedded.locked,
		   (unsigned long long)embedded.watched);
	embedded.granularity = 64 * 1024;
	embedded.used = false;
	embedded.hint = 0;
}

static unsigned long operations;

static void print_operations(void)
{
	dprintf(STDERR_FILENO, "operations: %lu\n", operations);
}

void fuzz_count(unsigned long more)
{
	static bool known;

	if (!known)
		atexit(print_operations);
	known = true;
	operations += more;
}
