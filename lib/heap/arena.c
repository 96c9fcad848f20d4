// SPDX-License-Identifier: MIT
/*
 * Arenas and their bits. See arena.h.
 */
#include <string.h>

#include "engine/engine.h"
#include "heap/arena.h"
#include "heap/meta.h"
#include "heap/poison.h"
#include "heap/table.h"

#define ARENA_SHIFT	10		/* log2 of ARENA_SLICES */
#define ARENAS		(1U << (TABLE_BITS - SLICE_SHIFT - ARENA_SHIFT))
#define ARENA_LEAST	8		/* slices, where space is short */
#define COMMIT_GROUP	8		/* slices that are committed together */

/* By the address, of which an arena's base is a multiple. */
static struct arena *arenas[ARENAS];

struct arena *arena_of(uint32_t slice)
{
	if (slice >> ARENA_SHIFT >= ARENAS)
		return NULL;
	return __atomic_load_n(&arenas[slice >> ARENA_SHIFT],
			       __ATOMIC_ACQUIRE);
}

/* ------------------------------------------------------------------- bits --- */

static void bits_set(uint64_t *bits, uint32_t at, uint32_t count)
{
	for (; count; at++, count--)
		bits[at / 64] |= 1ULL << at % 64;
}

static void bits_clear(uint64_t *bits, uint32_t at, uint32_t count)
{
	for (; count; at++, count--)
		bits[at / 64] &= ~(1ULL << at % 64);
}

static uint32_t bits_count(const uint64_t *bits, uint32_t at, uint32_t count)
{
	uint32_t n = 0;

	for (; count; at++, count--)
		n += bits[at / 64] >> at % 64 & 1;
	return n;
}

/* The first bit from at on that has this value; end without. */
static uint32_t bits_next(const uint64_t *bits, uint32_t at, uint32_t end,
			  bool value)
{
	uint64_t invert = value ? 0 : ~0ULL, word;

	if (at >= end)
		return end;
	word = (bits[at / 64] ^ invert) >> at % 64;
	if (word) {
		at += __builtin_ctzl(word);
		return at < end ? at : end;
	}
	for (at = (at / 64 + 1) * 64; at < end; at += 64) {
		word = bits[at / 64] ^ invert;
		if (!word)
			continue;
		at += __builtin_ctzl(word);
		return at < end ? at : end;
	}
	return end;
}

/* -------------------------------------------------------------- finding --- */

/* So many set bits in a row between from and end: the first one, or -1. */
static int bits_find(const uint64_t *bits, uint32_t count, uint32_t from,
		     uint32_t end)
{
	uint32_t at = from, stop;

	for (;;) {
		at = bits_next(bits, at, end, true);
		if (at + count > end)
			return -1;
		stop = bits_next(bits, at, at + count, false);
		if (stop == at + count)
			return at;
		at = stop + 1;
	}
}

int arena_find(const struct arena *arena, uint32_t count, uint32_t from,
	       bool warm)
{
	uint64_t want[ARENA_WORDS];
	uint32_t i;
	int at;

	if ((warm ? arena->warm : arena->free) < count)
		return -1;
	for (i = 0; i < ARENA_WORDS; i++)
		want[i] = ~arena->used[i] & (warm ? arena->dirty[i] : ~0ULL);
	at = bits_find(want, count, from, arena->slices);
	return at < 0 && from ? bits_find(want, count, 0, arena->slices) : at;
}

bool arena_is_free(const struct arena *arena, uint32_t at, uint32_t count)
{
	return bits_next(arena->used, at, at + count, true) == at + count;
}

uint32_t arena_warm(const struct arena *arena, uint32_t at, uint32_t count)
{
	return bits_count(arena->dirty, at, count);
}

uint32_t arena_next_warm(const struct arena *arena, uint32_t *at)
{
	uint64_t want[ARENA_WORDS];
	uint32_t i;

	if (!arena->warm)
		return 0;
	for (i = 0; i < ARENA_WORDS; i++)
		want[i] = ~arena->used[i] & arena->dirty[i];
	*at = bits_next(want, *at, arena->slices, true);
	return bits_next(want, *at, arena->slices, false) - *at;
}

/* ------------------------------------------------------------- changing --- */

void arena_use(struct arena *arena, uint32_t at, uint32_t count)
{
	arena->warm -= arena_warm(arena, at, count);
	arena->free -= count;
	bits_set(arena->used, at, count);
	bits_set(arena->dirty, at, count);
}

void arena_unuse(struct arena *arena, uint32_t at, uint32_t count)
{
	bits_clear(arena->used, at, count);
	arena->free += count;
	arena->warm += count;
}

void arena_uncommit(struct arena *arena, uint32_t at, uint32_t count)
{
	bits_clear(arena->committed, at, count);
}

void arena_hold(struct arena *arena, uint32_t at, uint32_t count)
{
	bits_set(arena->used, at, count);
	arena->free -= count;
	arena->warm -= count;
}

void arena_unhold(struct arena *arena, uint32_t at, uint32_t count,
		  enum arena_fate fate)
{
	bits_clear(arena->used, at, count);
	arena->free += count;
	if (fate == ARENA_WARM) {
		arena->warm += count;
		return;
	}
	bits_clear(arena->dirty, at, count);
	if (fate == ARENA_COLD)
		bits_clear(arena->committed, at, count);
}

/* The end of what to commit: of a group, as far as that is free and cold. */
static uint32_t commit_end(const struct arena *arena, uint32_t at,
			   uint32_t end)
{
	uint32_t group = (end + COMMIT_GROUP - 1) & ~(COMMIT_GROUP - 1);

	if (group > arena->slices || group - at > 2 * COMMIT_GROUP)
		return end;
	group = bits_next(arena->used, end, group, true);
	return bits_next(arena->committed, end, group, true);
}

static bool commit(struct arena *arena, uint32_t at, uint32_t end)
{
	struct ntmem_range range = {
		.addr = (uintptr_t)slice_base(arena->first + at),
		.size = (end - at) * SLICE, .prot = arena->store->prot,
	};

	if (ntmem_engine()->commit(&range))
		return false;
	bits_set(arena->committed, at, end - at);
	return true;
}

bool arena_commit(struct arena *arena, uint32_t at, uint32_t count)
{
	uint32_t end = at + count, ahead;

	at = bits_next(arena->committed, at, end, false);
	if (at == end)
		return true;
	ahead = commit_end(arena, at, end);
	return commit(arena, at, ahead) ||
	       (ahead > end && commit(arena, at, end));
}

/* --------------------------------------------------------------- making --- */

static char *reserve(const struct store *store, uint32_t slices)
{
	const struct ntmem_engine *engine = ntmem_engine();
	struct ntmem_reserve reserve = {
		.size = slices * SLICE, .prot = store->prot,
		.align = ARENA_SLICES * SLICE,
	};

	if (!engine || engine->reserve(&reserve))
		return NULL;
	return (char *)(uintptr_t)reserve.addr;
}

static bool release(char *base)
{
	struct ntmem_range range = { .addr = (uintptr_t)base };

	return !ntmem_engine()->release(&range);
}

static struct arena *arena_describe(struct store *store, char *base,
				    uint32_t slices)
{
	struct arena *arena;

	if ((uintptr_t)base >> TABLE_BITS ||
	    table_cover(slice_of(base), slices))
		return NULL;
	arena = meta_alloc(sizeof(*arena));
	if (!arena)
		return NULL;
	arena->store = store;
	arena->first = slice_of(base);
	arena->slices = slices;
	arena->free = slices;
	return arena;
}

struct arena *arena_make(struct store *store, uint32_t count)
{
	struct arena *arena;
	char *base = NULL;
	uint32_t slices;

	for (slices = ARENA_SLICES; slices >= ARENA_LEAST && slices >= count;
	     slices /= 4) {
		base = reserve(store, slices);
		if (base)
			break;
	}
	if (!base)
		return NULL;
	arena = arena_describe(store, base, slices);
	if (!arena) {
		release(base);
		return NULL;
	}
	__atomic_store_n(&arenas[arena->first >> ARENA_SHIFT], arena,
			 __ATOMIC_RELEASE);
	arena->next = store->arenas;
	store->arenas = arena;
	return arena;
}

/* No slice is in use: each is poisoned as a whole, if it ever was. */
static void unpoison_slices(const struct arena *arena)
{
	uint32_t i;

	for (i = 0; i < arena->slices; i++)
		unpoison_all(slice_base(arena->first + i), SLICE);
}

/* Once it is released, the same place may be another store's. */
static bool arena_release(struct arena *arena)
{
	struct arena **place = &arenas[arena->first >> ARENA_SHIFT];

	unpoison_slices(arena);
	__atomic_store_n(place, NULL, __ATOMIC_RELEASE);
	if (release(slice_base(arena->first)))
		return true;
	__atomic_store_n(place, arena, __ATOMIC_RELEASE);
	return false;
}

bool arenas_release(struct store *store)
{
	struct arena **link = &store->arenas, *arena;
	bool released = false;

	while ((arena = *link)) {
		if (arena->free < arena->slices || !arena_release(arena)) {
			link = &arena->next;
			continue;
		}
		*link = arena->next;
		store->warm -= arena->warm;
		meta_free(arena, sizeof(*arena));
		released = true;
	}
	return released;
}
