/* SPDX-License-Identifier: MIT */
/*
 * The printing of struct ntmem_info, for every subcommand that shows it.
 */
#ifndef NTMEM_TOOL_INFO_H
#define NTMEM_TOOL_INFO_H

#include <stdio.h>

#include "tool.h"

enum info_kind {
	INFO_VERSION,	/* 32 bits wide, the others 64 */
	INFO_COUNT,
	INFO_SIZE,	/* bytes, all ones = none */
	INFO_BITS,	/* hexadecimal */
};

struct info_field {
	const char *name;
	size_t offset;
	enum info_kind kind;
};

struct json_object;

void info_print(FILE *to, const struct ntmem_info *info);
void info_to_json(struct json_object *object, const struct ntmem_info *info);

#endif
