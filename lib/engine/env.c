// SPDX-License-Identifier: MIT
/*
 * What the environment says of engines. One that has more rights than its caller
 * does not listen.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/env.h"

bool ntmem_env_size(const char *name, uint64_t *size)
{
	static const char suffixes[] = "KMGT";
	const char *text = secure_getenv(name), *suffix;
	char *rest;
	uint64_t value;
	unsigned int shift = 0;

	if (!text || !*text)
		return true;
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoull(text, &rest, 0);
	if (errno)
		return false;
	if (*rest) {
		suffix = strchr(suffixes, toupper((unsigned char)*rest));
		if (!suffix || rest[1])
			return false;
		shift = 10 * (suffix - suffixes + 1);
	}
	if (value > UINT64_MAX >> shift)
		return false;
	*size = value << shift;
	return true;
}
