/* SPDX-License-Identifier: MIT */
/* What the command lines of test programs share, beside argp. */
#ifndef NTMEM_OPTIONS_H
#define NTMEM_OPTIONS_H

#include <argp.h>
#include <errno.h>
#include <stdlib.h>

/* A number that an option was given; whoever gives another thing is told. */
static inline unsigned long long option_number(const char *text,
					       const struct argp_state *state)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-')
		argp_error(state, "\"%s\" is no number", text);
	return value;
}

#endif /* NTMEM_OPTIONS_H */
