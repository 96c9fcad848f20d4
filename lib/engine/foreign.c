// SPDX-License-Identifier: MIT
/*
 * QUERY of what is not ntmem's. See foreign.h.
 */
#include <errno.h>

#include "engine/foreign.h"
#include "engine/prot.h"

static void query_free(struct ntmem_query *query, uint64_t end)
{
	query->size = end - query->base;
	query->alloc_base = 0;
	query->alloc_prot = 0;
	query->state = NTMEM_STATE_FREE;
	query->prot = NTMEM_PAGE_NOACCESS;
	query->type = 0;
}

static uint32_t foreign_type(const struct ntmem_mapping *map)
{
	if (map->file && (map->prot & PROT_EXEC))
		return NTMEM_TYPE_IMAGE;
	return map->file || map->shared ? NTMEM_TYPE_MAPPED :
					  NTMEM_TYPE_PRIVATE;
}

int ntmem_foreign_query(struct ntmem_maps *maps, struct ntmem_query *query,
			uint64_t low, uint64_t high)
{
	struct ntmem_mapping map;
	int found = ntmem_maps_next(maps, query->base, &map);

	if (found < 0)
		return found;
	if (!found || map.start > query->base) {
		if (query->base >= FOREIGN_END)
			return -EINVAL;
		query_free(query, found && map.start < high ? map.start : high);
		return 0;
	}
	query->alloc_base = map.start > low ? map.start : low;
	query->size = (map.end < high ? map.end : high) - query->base;
	query->prot = ntmem_prot_from_linux(map.prot);
	query->alloc_prot = query->prot;
	query->state = NTMEM_STATE_FOREIGN;
	query->type = foreign_type(&map);
	return 0;
}
