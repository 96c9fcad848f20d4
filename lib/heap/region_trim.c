// SPDX-License-Identifier: MIT
/*
 * How much of a region stays committed: how far ahead of the blocks pages are
 * committed, and how many that are free are kept.
 *
 * What the region was created with is kept, and of what is free beyond that a
 * fixed amount, a sixteenth of what is in use, and what was earned: memory that
 * is missed after it was decommitted raises that by as much as was missed, and
 * each time some is decommitted it falls. So a program that takes and gives the
 * same large blocks in turn pays for it a few times only. Nothing is done
 * before twice as much is free, and then all in one call.
 */
#include "heap/region_internal.h"

#define KEEP		(64 * 1024)	/* every region */
#define EARN_MOST	(4 * 1024 * 1024)
#define AHEAD_LEAST	8		/* pages */
#define AHEAD_MOST	64
#define RUN_LEAST	4		/* pages worth a call */

/* Committed bytes that no block uses. Not all are whole pages. */
static size_t idle(const struct heap_region *region)
{
	return region->pages.committed * REGION_PAGE -
	       region->busy * HEAP_REGION_GRANULE;
}

static size_t kept(const struct heap_region *region)
{
	const struct region_warmth *warmth = &region->warmth;
	size_t busy = region->busy * HEAP_REGION_GRANULE;
	size_t keep = KEEP + busy / 16 + warmth->earned;

	return keep + busy < warmth->initial ? warmth->initial - busy : keep;
}

/* --------------------------------------------------------------- commit --- */

static void note_committed(struct region_warmth *warmth, size_t bytes)
{
	size_t missed = bytes < warmth->cold ? bytes : warmth->cold;

	warmth->cold -= missed;
	warmth->earned += missed;
	if (warmth->earned > EARN_MOST)
		warmth->earned = EARN_MOST;
}

static size_t ahead_of(const struct heap_region *region)
{
	size_t ahead = region->pages.committed / 8;

	if (ahead < AHEAD_LEAST)
		return AHEAD_LEAST;
	return ahead < AHEAD_MOST ? ahead : AHEAD_MOST;
}

int region_commit(struct heap_region *region, uint64_t from, uint64_t to)
{
	size_t got;
	int error = region_pages_commit(&region->pages, region_page(from),
					region_page_end(to), ahead_of(region),
					&got);

	if (got)
		note_committed(&region->warmth, got * REGION_PAGE);
	return error;
}

/* ------------------------------------------------------------- decommit --- */

/*
 * The whole pages of a free extent that can go, from its end: at most so many
 * bytes. False when it is not worth it.
 */
static bool run_of(const struct heap_region *region, uint64_t extent,
		   size_t most, size_t least, struct region_run *run)
{
	uint64_t end = extent + region_map_length(&region->map, extent);
	size_t pages;

	run->from = region_page_end(extent);
	run->to = region_page(end);
	if (run->from >= run->to)
		return false;
	pages = region_pages_count(&region->pages, run->from, run->to);
	while (pages > most / REGION_PAGE) {
		run->from += pages - most / REGION_PAGE;
		pages = region_pages_count(&region->pages, run->from, run->to);
	}
	return pages && pages >= least;
}

static void note_decommitted(struct region_warmth *warmth, size_t bytes)
{
	warmth->cold += bytes;
	warmth->earned -= warmth->earned / 8;
}

/*
 * Decommits up to so many bytes, in runs of at least so many pages, the highest
 * addresses first: blocks are put into low ones. *from is where it begins and
 * has come to. Returns what came back; 0 at the end.
 */
static size_t decommit_some(struct heap_region *region, uint64_t *from,
			    size_t most, size_t least)
{
	struct region_run run[REGION_RUNS];
	unsigned int runs = 0;
	size_t left = most, bytes;

	while (runs < REGION_RUNS && left >= REGION_PAGE &&
	       *from != REGION_NONE) {
		uint64_t extent = region_map_last(&region->map, *from,
						  least * GRANULES_PER_PAGE);

		*from = extent == REGION_NONE || !extent ? REGION_NONE :
							   extent - 1;
		if (extent == REGION_NONE ||
		    !run_of(region, extent, left, least, &run[runs]))
			continue;
		left -= region_pages_count(&region->pages, run[runs].from,
					   run[runs].to) * REGION_PAGE;
		runs++;
	}
	bytes = region_pages_decommit(&region->pages, run, runs) * REGION_PAGE;
	while (runs--)
		region_map_drop(&region->map,
				run[runs].from * GRANULES_PER_PAGE,
				run[runs].to * GRANULES_PER_PAGE);
	if (bytes)
		note_decommitted(&region->warmth, bytes);
	return bytes;
}

/*
 * What is idle may be so scattered that none of it can go: then nobody looks
 * again before there is more.
 */
void region_cool(struct heap_region *region)
{
	struct region_warmth *warmth = &region->warmth;
	uint64_t from = region->map.granules - 1;
	size_t now = idle(region), keep = kept(region);

	if (now + KEEP < warmth->look_at)
		warmth->look_at = now + KEEP;
	if (now <= 2 * keep || now < warmth->look_at)
		return;
	now -= decommit_some(region, &from, now - keep, RUN_LEAST);
	warmth->look_at = now + KEEP;
}

void heap_region_trim(struct heap_region *region)
{
	uint64_t from = region->map.granules - 1;

	while (from != REGION_NONE)
		decommit_some(region, &from, SIZE_MAX, 1);
}
