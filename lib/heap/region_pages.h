/* SPDX-License-Identifier: MIT */
/*
 * The pages of a region: which are committed, and which of those still read
 * zero since no block has reached them. All calls of the engine for a region
 * that exists are made here.
 *
 * Offsets are in bytes from the region's base, pages in pages.
 */
#ifndef NTMEM_HEAP_REGION_PAGES_H
#define NTMEM_HEAP_REGION_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGION_PAGE	4096ULL

struct region_pages {
	char *base;
	size_t count;
	uint32_t prot;
	size_t committed;
	uint64_t *is_committed;	/* a bit for each page */
	uint64_t *is_clean;	/* committed, and zero */
};

/* Of the two maps of bits. */
size_t region_pages_bytes(size_t count);

/* Nothing is committed. memory is zeroed. */
void region_pages_init(struct region_pages *pages, char *base, size_t count,
		       uint32_t prot, void *memory);

bool region_pages_committed(const struct region_pages *pages, uint64_t page);

/* The end, up to limit, of the run of pages that are as this one is. */
uint64_t region_pages_run(const struct region_pages *pages, uint64_t page,
			  uint64_t limit);

/* How many of the pages [from, to) are committed? */
size_t region_pages_count(const struct region_pages *pages, uint64_t from,
			  uint64_t to);

/*
 * Commits what is missing of the pages [from, to), and up to ahead pages
 * behind them if that can be had. 0 or a negative errno; *got says how many
 * pages were committed.
 */
int region_pages_commit(struct region_pages *pages, uint64_t from, uint64_t to,
			size_t ahead, size_t *got);

/*
 * A block takes [from, to), which is committed: its pages are not clean any
 * more. With zero they are made so for the block.
 */
void region_pages_use(struct region_pages *pages, uint64_t from, uint64_t to,
		      bool zero);

#define REGION_RUNS	32

struct region_run {
	uint64_t from, to;	/* pages */
};

/*
 * Decommits up to REGION_RUNS runs of pages in one call. Returns how many
 * pages came back; those whose turn failed stay as they are.
 */
size_t region_pages_decommit(struct region_pages *pages,
			     const struct region_run *run, unsigned int runs);

#endif
