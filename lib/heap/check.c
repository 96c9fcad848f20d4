// SPDX-License-Identifier: MIT
/*
 * Which checks the environment asks for. See check.h.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heap/check.h"

#define NAME	"NTMEM_HEAP_CHECK="

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

static const char *value(void)
{
	char **variable = environment();

	for (; variable && *variable; variable++)
		if (!strncmp(*variable, NAME, strlen(NAME)))
			return *variable + strlen(NAME);
	return "";
}

bool check_is_wanted(const char *word)
{
	const char *text = value();
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
