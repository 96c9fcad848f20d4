// SPDX-License-Identifier: MIT
/*
 * QUERY in the embedded engine: what lies at an address.
 */
#include "engine/embedded.h"
#include "engine/maps.h"
#include "engine/prot.h"

static void query_reservation(const struct reservation *res,
			      struct ntmem_query *query)
{
	struct ntmem_skip_node *run = ntmem_runs_at(&res->pages, query->base);
	uint32_t prot = run->value & RUN_PROT;

	/* Runs may differ in what QUERY does not show. */
	while (run->next[0] && (run->next[0]->value & RUN_PROT) == prot)
		run = run->next[0];
	query->size = ntmem_run_end(&res->pages, run) - query->base;
	query->alloc_base = res_base(res);
	query->alloc_prot = res->prot;
	query->state = prot ? NTMEM_STATE_COMMIT : NTMEM_STATE_RESERVE;
	query->prot = res_prot(res, run->value);
	query->type = NTMEM_TYPE_PRIVATE;
}

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

/*
 * Between reservations. The kernel may have merged a reservation with a
 * foreign neighbour into one mapping: [low, high), the gap between two
 * reservations, cuts it.
 */
static int query_gap(struct ntmem_query *query, uint64_t low, uint64_t high)
{
	struct ntmem_mapping map;
	struct ntmem_maps maps;
	int found = ntmem_maps_open(&maps);

	if (found)
		return found;
	found = ntmem_maps_next(&maps, query->base, &map);
	ntmem_maps_close(&maps);
	if (found < 0)
		return found;
	if (!found || map.start > query->base) {
		if (query->base >= USER_END)
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

static int query_locked(struct ntmem_query *query)
{
	struct ntmem_skip_node *node;
	uint64_t low = 0, high = USER_END;

	query->base = page_down(query->addr);
	/* Without randomization the stack lies behind what Windows uses. */
	if (query->base >= USER_END)
		return query_gap(query, low, UINT64_MAX);
	node = ntmem_skip_above(&embedded.reservations, query->base);
	if (node)
		high = node->key;
	node = ntmem_skip_floor(&embedded.reservations, query->base);
	if (node) {
		low = res_end(reservation_of(node));
		if (query->base < low) {
			query_reservation(reservation_of(node), query);
			return 0;
		}
	}
	return query_gap(query, low, high);
}

int embedded_query(struct ntmem_query *query)
{
	struct ntmem_query answer = *query;
	struct ntmem_held held;
	int error;

	if (query->flags || query->pad)
		return -EINVAL;
	ntmem_lock_take(&embedded.lock, &held);
	error = query_locked(&answer);
	ntmem_lock_give(&embedded.lock, &held);
	if (!error)
		*query = answer;
	return error;
}
