// SPDX-License-Identifier: MIT
/*
 * QUERY in the embedded engine: what lies at an address.
 */
#include "engine/embedded.h"
#include "engine/foreign.h"
#include "engine/segment.h"

/* Runs may differ in what QUERY does not show. */
static uint64_t end_of_run(const struct reservation *res, uint64_t addr)
{
	struct ntmem_skip_node *run = ntmem_runs_at(&res->pages, addr);
	uint32_t prot = run->value & RUN_PROT;

	while (run->next[0] && (run->next[0]->value & RUN_PROT) == prot)
		run = run->next[0];
	return ntmem_run_end(&res->pages, run);
}

/* What is asked for alone is looked at alone. */
static int find_end(struct reservation *res, const struct ntmem_query *query,
		    uint64_t *end)
{
	if (query->flags & NTMEM_QUERY_PAGE) {
		*end = query->base + PAGE_BYTES;
		return res->segment ? view_look(res, query->base, *end) : 0;
	}
	if (res->segment)
		return view_run(res, query->base, end);
	*end = end_of_run(res, query->base);
	return 0;
}

static uint32_t marks_of(const struct reservation *res, uint32_t state)
{
	uint32_t marks = state & RUN_LOCKED ? NTMEM_MARK_LOCKED : 0;

	if (res->segment && state & RUN_SHOWN && !(state & RUN_COPIED))
		marks |= NTMEM_MARK_SHARED;
	if (res->segment && section_is_large(&res->segment->shape))
		marks |= MARK_LARGE_PAGE;
	return marks;
}

static int query_reservation(struct reservation *res,
			     struct ntmem_query *query)
{
	uint32_t state;
	uint64_t end;
	int error = find_end(res, query, &end);

	if (error)
		return error;
	state = ntmem_runs_at(&res->pages, query->base)->value;
	if (query->flags & NTMEM_QUERY_PAGE)
		query->marks = marks_of(res, state);
	query->size = end - query->base;
	query->alloc_base = res_base(res);
	query->alloc_prot = res->prot;
	query->prot = res_prot(res, state);
	query->state = query->prot ? NTMEM_STATE_COMMIT : NTMEM_STATE_RESERVE;
	query->type = res->segment ? NTMEM_TYPE_MAPPED : NTMEM_TYPE_PRIVATE;
	return 0;
}

/* Between reservations. */
static int query_gap(struct ntmem_query *query, uint64_t low, uint64_t high)
{
	struct ntmem_maps maps;
	int error = ntmem_maps_open(&maps);

	if (error)
		return error;
	error = ntmem_foreign_query(&maps, query, low, high);
	ntmem_maps_close(&maps);
	return error;
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
		if (query->base < low)
			return query_reservation(reservation_of(node), query);
	}
	return query_gap(query, low, high);
}

int embedded_query(struct ntmem_query *query)
{
	struct ntmem_query answer = *query;
	struct ntmem_held held;
	int error;

	if (query->flags & ~NTMEM_QUERY_PAGE || query->marks)
		return -EINVAL;
	ntmem_lock_take(&embedded.lock, &held);
	error = query_locked(&answer);
	ntmem_lock_give(&embedded.lock, &held);
	if (!error)
		*query = answer;
	return error;
}
