/* SPDX-License-Identifier: MIT */
/*
 * What "ntmem map" has found of a process, and the ways to show it.
 */
#ifndef NTMEM_TOOL_MAP_H
#define NTMEM_TOOL_MAP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "netlink.h"

/**
 * struct map_run - pages of a reservation that are in one state
 * @addr: of the first, in bytes like the next three
 * @size: of all
 * @base: of the reservation
 * @resident: of these, are there
 * @alloc_prot: of the reservation, NTMEM_PAGE_*
 * @state: NTMEM_STATE_*
 * @prot: of the pages
 * @type: NTMEM_TYPE_*
 * @flags: of the reservation, NTMEM_RUN_*
 */
struct map_run {
	uint64_t addr;
	uint64_t size;
	uint64_t base;
	uint64_t resident;
	uint32_t alloc_prot;
	uint32_t state;
	uint32_t prot;
	uint32_t type;
	uint32_t flags;
};

/**
 * struct map_sum - sizes, in bytes
 * @reserved: all addresses, those that are committed included
 * @guarded: pages that are guards
 * @watched: in reservations that record writes
 */
struct map_sum {
	uint64_t reserved;
	uint64_t committed;
	uint64_t resident;
	uint64_t guarded;
	uint64_t watched;
};

/**
 * struct map - a process
 * @runs: by address; what changed meanwhile is in it as it was or as it is
 */
struct map {
	uint32_t pid;
	struct map_run *runs;
	size_t count;
	size_t room;
};

/* The index after the last run of the reservation that begins with this one. */
size_t map_reservation_end(const struct map *map, size_t first);

/* Of runs from first to before end. */
struct map_sum map_sum(const struct map *map, size_t first, size_t end);

void map_print(const struct map *map);
void map_print_json(const struct map *map);

/* A whole SVG document, of a struct map: for svg_into(). */
void map_draw(FILE *to, const void *what);

#endif
