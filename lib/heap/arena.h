/* SPDX-License-Identifier: MIT */
/*
 * Arenas: reservations that slices come from, and the bits about each slice.
 * Everything here is called with the store's lock held.
 */
#ifndef HEAP_ARENA_H
#define HEAP_ARENA_H

#include "heap/store.h"

#define ARENA_SLICES	1024		/* 64 MiB */
#define ARENA_WORDS	(ARENA_SLICES / 64)

struct arena {
	struct arena *next;
	struct store *store;
	uint32_t first;			/* slice */
	uint32_t slices;
	uint32_t free;			/* slices that are not in use */
	uint32_t warm;			/* of those, that were used before */
	uint64_t used[ARENA_WORDS];
	uint64_t committed[ARENA_WORDS];
	uint64_t dirty[ARENA_WORDS];	/* committed, and used since */
};

struct store {
	struct heap_mutex lock;
	uint32_t prot;
	struct arena *arenas;
	uint32_t in_use;		/* slices; atomic, for store_slack() */
	uint32_t most;			/* that ever were in use; atomic */
	uint32_t warm;			/* free and dirty */
	uint32_t warm_low;		/* least since purge looked */
	uint32_t grace;			/* atomic, for store_slack() */
	int32_t dropped;		/* pages in use without content; atomic */
	uint32_t missed_pages;		/* less than those of a slice */
	uint64_t pages_at;		/* when the last pages were dropped */
	uint32_t cooled;		/* slices, until they are missed */
	uint64_t cooled_at;
};

/* A new arena with room for count slices, or NULL. */
struct arena *arena_make(struct store *store, uint32_t count);

/* Releases those that have no slice in use; false where there is none. */
bool arenas_release(struct store *store);

/* That a slice lies in, or NULL. Needs no lock. */
struct arena *arena_of(uint32_t slice);

/*
 * A place for count free slices, -1 without; only warm ones. The first one
 * from a slice on, or else the first of all.
 */
int arena_find(const struct arena *arena, uint32_t count, uint32_t from,
	       bool warm);

bool arena_is_free(const struct arena *arena, uint32_t at, uint32_t count);

/* How many of these free slices are warm. */
uint32_t arena_warm(const struct arena *arena, uint32_t at, uint32_t count);

/* Commits what is not; a few more, as commit without touch costs little. */
bool arena_commit(struct arena *arena, uint32_t at, uint32_t count);

void arena_use(struct arena *arena, uint32_t at, uint32_t count);
void arena_unuse(struct arena *arena, uint32_t at, uint32_t count);

/* They must be committed anew before they are used, though a part is yet. */
void arena_uncommit(struct arena *arena, uint32_t at, uint32_t count);

/* The next warm slices from *at on; 0 at the end. */
uint32_t arena_next_warm(const struct arena *arena, uint32_t *at);

/* What has become of warm slices that were held. */
enum arena_fate {
	ARENA_WARM,			/* nothing */
	ARENA_CLEAN,			/* committed, read zero */
	ARENA_COLD,			/* decommitted */
};

/* Keeps warm slices from being taken; lets them go again. */
void arena_hold(struct arena *arena, uint32_t at, uint32_t count);
void arena_unhold(struct arena *arena, uint32_t at, uint32_t count,
		  enum arena_fate fate);

#endif
