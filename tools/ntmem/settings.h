/* SPDX-License-Identifier: MIT */
/*
 * The settings of the module, as netlink gives and takes them.
 */
#ifndef NTMEM_TOOL_SETTINGS_H
#define NTMEM_TOOL_SETTINGS_H

#include <stdio.h>

#include "netlink.h"

struct json_object;

/**
 * struct settings - values by NTMEM_A_SETTINGS_*
 * @of: bytes, pages; all ones: no limit
 */
struct settings {
	uint64_t of[NTMEM_A_SETTINGS_MAX + 1];
};

int settings_get(struct netlink *nl, struct settings *settings);
void settings_print(FILE *to, const struct settings *settings);
struct json_object *settings_to_json(const struct settings *settings);

#endif
