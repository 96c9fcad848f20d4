// SPDX-License-Identifier: MIT
/*
 * What the environment asks for, of a program that has no more rights than its
 * caller. See check.h.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "heap/check.h"

/* Where the kernel put the arguments: their count, they, NULL, the environment. */
extern void *__libc_stack_end __attribute__((weak));

/* The first block may be wanted before the C library knows of it. */
static char **environment(void)
{
	char **arguments;
	long count;

	if (environ || !&__libc_stack_end || !__libc_stack_end)
		return environ;
	memcpy(&count, __libc_stack_end, sizeof(count));
	arguments = (char **)__libc_stack_end + 1;
	return arguments + count + 1;
}

/* name ends with a =. */
static const char *value(const char *name)
{
	char **variable = getauxval(AT_SECURE) ? NULL : environment();

	for (; variable && *variable; variable++)
		if (!strncmp(*variable, name, strlen(name)))
			return *variable + strlen(name);
	return "";
}

bool check_is_wanted(const char *word)
{
	const char *text = value("NTMEM_HEAP_CHECK=");
	size_t length;

	for (;;) {
		length = strcspn(text, ",");
		if (length == strlen(word) && !memcmp(text, word, length))
			return true;
		if (!text[length])
			return false;
		text += length + 1;
	}
}

bool check_purge_is(const char *word)
{
	return !strcmp(value("NTMEM_HEAP_PURGE="), word);
}

bool check_report_is_allowed(void)
{
	return !strcmp(value("NTMEM_HEAP_REPORT="), "1");
}
