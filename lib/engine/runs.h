/* SPDX-License-Identifier: MIT */
/*
 * The state of the pages of one reservation, as runs of pages of equal state:
 * it costs memory by the number of runs, never by their length. The embedded
 * engine's lock guards it.
 *
 * A run begins at its node's key and ends where the next one begins, the last
 * one at the end of the reservation. Its state is the node's value: 0 for
 * reserved pages, else NTMEM_PAGE_* with the engine's own marks below.
 * Neighbours differ, except between an isolate and its merge.
 */
#ifndef NTMEM_RUNS_H
#define NTMEM_RUNS_H

#include "engine/pool.h"
#include "engine/skiplist.h"

#define RUN_PROT	0x0ffffu	/* NTMEM_PAGE_*; 0 = not committed */
#define RUN_LOCKED	0x10000u
#define RUN_WRITTEN	0x20000u	/* recorded for WATCH; reserved pages too */
/* Of views, see embedded_view.c. */
#define RUN_COPIED	0x40000u	/* the view's own page, for good */
#define RUN_SHOWN	0x80000u	/* known to be committed, and mapped so */
#define RUN_AMISS	0x100000u	/* mapped otherwise, and not for writing */

struct ntmem_runs {
	struct ntmem_skip list;
	uint64_t end;
	struct ntmem_pool *pool;
};

/* Makes [start, end) one run. Returns 0 or -ENOMEM. */
int ntmem_runs_init(struct ntmem_runs *runs, struct ntmem_pool *pool,
		    uint64_t start, uint64_t end, uint32_t value);

/* Frees all runs. */
void ntmem_runs_clear(struct ntmem_runs *runs);

/* The run that holds addr, which must be inside. */
static inline struct ntmem_skip_node *
ntmem_runs_at(const struct ntmem_runs *runs, uint64_t addr)
{
	return ntmem_skip_floor(&runs->list, addr);
}

static inline uint64_t ntmem_run_end(const struct ntmem_runs *runs,
				     const struct ntmem_skip_node *run)
{
	return run->next[0] ? run->next[0]->key : runs->end;
}

/*
 * Makes runs begin at start and at end, so that whole runs can be changed in
 * between. Returns 0, or -ENOMEM with nothing changed.
 */
int ntmem_runs_isolate(struct ntmem_runs *runs, uint64_t start, uint64_t end);

/* Joins equal neighbours from the run before start to the one at end. */
void ntmem_runs_merge(struct ntmem_runs *runs, uint64_t start, uint64_t end);

/* Sets the state of an isolated range, and merges. */
void ntmem_runs_store(struct ntmem_runs *runs, uint64_t start, uint64_t end,
		      uint32_t value);

/* Clears and sets bits in the state of an isolated range, and merges. */
void ntmem_runs_change(struct ntmem_runs *runs, uint64_t start, uint64_t end,
		       uint32_t clear, uint32_t set);

/* Bytes of [start, end) in runs that have any bit of mask. */
uint64_t ntmem_runs_count(const struct ntmem_runs *runs, uint64_t start,
			  uint64_t end, uint32_t mask);

/*
 * Takes the isolated range [start, end) out. What lies behind it goes to tail,
 * which is overwritten; runs ends at start then.
 */
void ntmem_runs_extract(struct ntmem_runs *runs, uint64_t start, uint64_t end,
			struct ntmem_runs *tail);

/* Every run of [start, end); the first one may begin before start. */
#define for_each_run(run, runs, start, limit)				\
	for ((run) = ntmem_runs_at(runs, start);			\
	     (run) && (run)->key < (limit);				\
	     (run) = (run)->next[0])

#endif
