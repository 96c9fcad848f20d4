// SPDX-License-Identifier: MIT
/*
 * Runs of pages of equal state. See runs.h.
 */
#include <errno.h>
#include <string.h>

#include "engine/runs.h"

static size_t run_size(uint32_t height)
{
	return sizeof(struct ntmem_skip_node) + ntmem_skip_links(height);
}

static struct ntmem_skip_node *run_new(struct ntmem_runs *runs, uint64_t key,
				       uint32_t value)
{
	uint32_t height = ntmem_skip_height();
	struct ntmem_skip_node *run;

	run = ntmem_pool_alloc(runs->pool, run_size(height));
	if (!run)
		return NULL;
	run->key = key;
	run->value = value;
	run->height = height;
	ntmem_skip_insert(&runs->list, run);
	return run;
}

static void run_free(struct ntmem_runs *runs, struct ntmem_skip_node *run)
{
	ntmem_pool_free(runs->pool, run, run_size(run->height));
}

int ntmem_runs_init(struct ntmem_runs *runs, struct ntmem_pool *pool,
		    uint64_t start, uint64_t end, uint32_t value)
{
	memset(&runs->list, 0, sizeof(runs->list));
	runs->pool = pool;
	runs->end = end;
	return run_new(runs, start, value) ? 0 : -ENOMEM;
}

void ntmem_runs_clear(struct ntmem_runs *runs)
{
	struct ntmem_skip_node *run = ntmem_skip_first(&runs->list);

	while (run) {
		struct ntmem_skip_node *next = run->next[0];

		run_free(runs, run);
		run = next;
	}
	memset(&runs->list, 0, sizeof(runs->list));
}

static int run_split(struct ntmem_runs *runs, uint64_t at)
{
	struct ntmem_skip_node *run;

	if (at >= runs->end)
		return 0;
	run = ntmem_runs_at(runs, at);
	if (run->key == at)
		return 0;
	return run_new(runs, at, run->value) ? 0 : -ENOMEM;
}

int ntmem_runs_isolate(struct ntmem_runs *runs, uint64_t start, uint64_t end)
{
	if (!run_split(runs, start) && !run_split(runs, end))
		return 0;
	ntmem_runs_merge(runs, start, end);
	return -ENOMEM;
}

void ntmem_runs_merge(struct ntmem_runs *runs, uint64_t start, uint64_t end)
{
	struct ntmem_skip_node *run = NULL;

	if (start)
		run = ntmem_runs_at(runs, start - 1);
	if (!run)
		run = ntmem_skip_first(&runs->list);
	while (run && run->next[0] && run->next[0]->key <= end) {
		struct ntmem_skip_node *next = run->next[0];

		if (next->value != run->value) {
			run = next;
			continue;
		}
		ntmem_skip_remove(&runs->list, next);
		run_free(runs, next);
	}
}

void ntmem_runs_store(struct ntmem_runs *runs, uint64_t start, uint64_t end,
		      uint32_t value)
{
	ntmem_runs_change(runs, start, end, ~0u, value);
}

void ntmem_runs_change(struct ntmem_runs *runs, uint64_t start, uint64_t end,
		       uint32_t clear, uint32_t set)
{
	struct ntmem_skip_node *run;

	for_each_run(run, runs, start, end)
		run->value = (run->value & ~clear) | set;
	ntmem_runs_merge(runs, start, end);
}

uint64_t ntmem_runs_count(const struct ntmem_runs *runs, uint64_t start,
			  uint64_t end, uint32_t mask)
{
	struct ntmem_skip_node *run;
	uint64_t bytes = 0;

	for_each_run(run, runs, start, end) {
		uint64_t from = run->key > start ? run->key : start;
		uint64_t to = ntmem_run_end(runs, run);

		if (run->value & mask)
			bytes += (to < end ? to : end) - from;
	}
	return bytes;
}

void ntmem_runs_extract(struct ntmem_runs *runs, uint64_t start, uint64_t end,
			struct ntmem_runs *tail)
{
	struct ntmem_runs middle = { .pool = runs->pool, .end = end };

	tail->pool = runs->pool;
	tail->end = runs->end;
	ntmem_skip_cut(&runs->list, end, &tail->list);
	ntmem_skip_cut(&runs->list, start, &middle.list);
	ntmem_runs_clear(&middle);
	runs->end = start;
}
