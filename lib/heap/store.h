/* SPDX-License-Identifier: MIT */
/*
 * The store: where slices come from and go to, for all heaps.
 *
 * It has arenas, reservations of 64 MiB, with a bit map of the slices in use
 * and one of those that are committed. A free slice keeps its memory ("warm") as
 * long as there are few such; what is too much loses it ("cold"), in one call to
 * the engine for many, outside of the lock, and later, if that can be (purge.h).
 *
 * Memory that is missed soon after it was made cold raises what may stay warm,
 * by as much as was missed; each time that memory is made cold lowers it again.
 * So a program that takes and gives the same large blocks in turn pays for it a
 * few times only.
 */
#ifndef HEAP_STORE_H
#define HEAP_STORE_H

#include "heap/types.h"

struct store;

extern struct store store_data;		/* PAGE_READWRITE */
extern struct store store_code;		/* PAGE_EXECUTE_READWRITE */

/*
 * Places in an arena where threads begin to look for slices. Threads that take
 * slices in turn would else have theirs beside each other, and so the lines of
 * their descriptors, which a processor that fetches the next line, too, would
 * take from another one all the time.
 */
#define STORE_PLACES	8

/*
 * count slices, 1 to RUN_SLICES, if possible behind a place. Committed; *zero
 * says that all of it reads zero. Their descriptors are all zero. Returns the
 * first, or 0 without memory.
 */
uint32_t store_take(struct store *store, uint32_t count, unsigned int place,
		    bool *zero);

/* The slices behind some that are in use, if they are free. */
bool store_take_at(struct store *store, uint32_t slice, uint32_t count,
		   bool *zero);

/*
 * Gives slices back; clears their descriptors. store_give_many() takes the
 * lock once for a list linked by next_of_shard, of store.
 */
void store_give(struct store *store, uint32_t slice, uint32_t count);
void store_give_many(struct store *store, uint32_t first);

uint32_t store_prot(const struct store *store);

/* How many slices a shard may keep to itself. */
uint32_t store_slack(const struct store *store);

/*
 * So many pages of slices in use have lost their content; have one again, or
 * their slices are free. missed: that many had better kept it.
 */
void store_dropped(struct store *store, uint32_t pages);
void store_undropped(struct store *store, uint32_t pages, uint32_t missed);

/* Gives back address space that no slice is used of. False without any. */
bool store_release_empty(struct store *store);

/* Has the process had so much memory that giving it back may wait? */
bool store_is_large(const struct store *store);

/*
 * Makes cold what was too much, and free, all the time since the last call;
 * false when nothing is too much any more.
 */
bool store_purge(struct store *store);

/* Makes all that is free cold; bytes. */
size_t store_trim(struct store *store);

/*
 * Around what a thread does with stores, or with the cache of huge blocks, while it
 * has no heap closed: fork waits for that, too, and so does who finds no memory.
 * Nothing is allocated meanwhile, and no heap's lock taken. May be nested.
 */
void store_enter(void);
void store_leave(void);

struct store_stats {
	size_t reserved, in_use, warm;	/* bytes */
};

/* As if entered. */
void store_stats(struct store *store, struct store_stats *stats);

/*
 * Pages that lost their content and those that shall have one again: whole
 * pages inside of slices in use. Dropping cannot fail: at worst they stay.
 */
struct page_range {
	char *start;
	size_t size;
};

void store_drop(const struct page_range *ranges, uint32_t count);
/* False without memory. */
bool store_undrop(struct store *store, const struct page_range *range);

#endif
