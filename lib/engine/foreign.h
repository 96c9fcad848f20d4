/* SPDX-License-Identifier: MIT */
/*
 * QUERY of what is not ntmem's: mappings of Linux, and nothing at all.
 */
#ifndef NTMEM_FOREIGN_H
#define NTMEM_FOREIGN_H

#include <linux/ntmem.h>

#include "engine/maps.h"

/* The end of user space, as far as Windows uses it; exclusive. */
#define FOREIGN_END	0x7fffffff0000ULL

/*
 * Answers @query, whose base is set, from one pass over the mappings of a
 * process. The kernel may have merged a reservation with a foreign neighbour
 * into one mapping: [low, high), the gap between two reservations, cuts it.
 * Returns 0 or a negative errno. Signal safe.
 */
int ntmem_foreign_query(struct ntmem_maps *maps, struct ntmem_query *query,
			uint64_t low, uint64_t high);

#endif
