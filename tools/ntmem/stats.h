/* SPDX-License-Identifier: MIT */
/*
 * Statistics of the system and of processes, as netlink tells them: asked for by
 * stat, top and info.
 */
#ifndef NTMEM_TOOL_STATS_H
#define NTMEM_TOOL_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netlink.h"

struct json_object;

/**
 * struct stats - one answer
 * @id: of a space; 0 where the answer is not about one
 * @pid: of a process, or 0
 * @uid: whose
 * @of: values, by NTMEM_A_STATS_*
 */
struct stats {
	uint32_t id;
	uint32_t pid;
	uint32_t uid;
	uint64_t of[NTMEM_A_STATS_MAX + 1];
};

/**
 * struct stats_field - a value that has a name
 * @name: in JSON and in text
 * @attr: NTMEM_A_STATS_*
 * @counts: only ever grows: it says what has happened, not what is
 */
struct stats_field {
	const char *name;
	int attr;
	bool counts;
};

extern const struct stats_field stats_fields[];
extern const size_t stats_nr_fields;

/* These return 0 or a negative errno. A uid that is NULL means the system. */
int stats_get(struct netlink *nl, const uint32_t *uid, struct stats *stats);
int stats_get_process(struct netlink *nl, uint32_t pid, struct stats *stats);

/* Every process that may be seen; list is malloc()ed, also where it is empty. */
int stats_get_all(struct netlink *nl, struct stats **list, size_t *count);

/* Adds all values; those since before, with "change", where that is given. */
void stats_to_json(struct json_object *object, const struct stats *stats,
		   const struct stats *before);

#endif
