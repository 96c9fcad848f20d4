// SPDX-License-Identifier: MIT
/*
 * Taking and giving slices. See store.h.
 */
#include <errno.h>
#include <string.h>

#include "engine/engine.h"
#include "heap/arena.h"
#include "heap/clock.h"
#include "heap/poison.h"
#include "heap/purge.h"
#include "heap/table.h"
#include "heap/thread.h"

#define SLACK_LEAST	16		/* slices that may be warm in any case */
#define SLACK_SHARE	48		/* and one of so many that are in use */
#define GRACE_MAX	1024		/* 64 MiB more, where it is missed */
#define COOL_RANGES	64		/* in one call to the engine */

struct store store_data = { .prot = NTMEM_PAGE_READWRITE };
struct store store_code = { .prot = NTMEM_PAGE_EXECUTE_READWRITE };

uint32_t store_prot(const struct store *store)
{
	return store->prot;
}

/* Of slices in use, without what has lost its content. */
static uint32_t live(const struct store *store)
{
	uint32_t in_use = __atomic_load_n(&store->in_use, __ATOMIC_RELAXED);
	int32_t dropped = __atomic_load_n(&store->dropped, __ATOMIC_RELAXED);

	dropped /= (int32_t)SLICE_PAGES;
	return dropped > 0 && (uint32_t)dropped < in_use ? in_use - dropped :
							   in_use;
}

uint32_t store_slack(const struct store *store)
{
	return SLACK_LEAST + __atomic_load_n(&store->grace, __ATOMIC_RELAXED) +
	       live(store) / SLACK_SHARE;
}

static void set_grace(struct store *store, uint32_t slices)
{
	__atomic_store_n(&store->grace,
			 slices < GRACE_MAX ? slices : GRACE_MAX,
			 __ATOMIC_RELAXED);
}

static void count_dropped(struct store *store, int32_t pages)
{
	__atomic_fetch_add(&store->dropped, pages, __ATOMIC_RELAXED);
}

void store_dropped(struct store *store, uint32_t pages)
{
	count_dropped(store, pages);
	heap_mutex_take(&store->lock);
	set_grace(store, store->grace - store->grace / 32);
	store->pages_at = now_ns();
	heap_mutex_give(&store->lock);
}

void store_undropped(struct store *store, uint32_t pages, uint32_t missed)
{
	count_dropped(store, -(int32_t)pages);
	heap_mutex_take(&store->lock);
	if (is_soon_after(store->pages_at)) {
		store->missed_pages += missed;
		set_grace(store, store->grace +
			  store->missed_pages / SLICE_PAGES);
		store->missed_pages %= SLICE_PAGES;
	}
	heap_mutex_give(&store->lock);
}

/* ---------------------------------------------------------------- taking --- */

/* What was made cold not long ago is missed now. */
static void miss(struct store *store, uint32_t slices)
{
	uint32_t missed = slices < store->cooled ? slices : store->cooled;

	if (!missed)
		return;
	if (!is_soon_after(store->cooled_at)) {
		store->cooled = 0;
		return;
	}
	store->cooled -= missed;
	set_grace(store, store->grace + missed);
}

static uint32_t take_from(struct store *store, struct arena *arena,
			  uint32_t at, uint32_t count, bool *zero)
{
	uint32_t warm = arena_warm(arena, at, count);

	if (!arena_commit(arena, at, count))
		return 0;
	if (warm < count)
		miss(store, count - warm);
	*zero = !warm;
	arena_use(arena, at, count);
	poison(slice_base(arena->first + at), count * SLICE);
	store->warm -= warm;
	if (store->warm < store->warm_low)
		store->warm_low = store->warm;
	__atomic_store_n(&store->in_use, store->in_use + count,
			 __ATOMIC_RELAXED);
	if (store->in_use > store->most)
		__atomic_store_n(&store->most, store->in_use,
				 __ATOMIC_RELAXED);
	return arena->first + at;
}

static uint32_t take_locked(struct store *store, uint32_t count,
			    unsigned int place, bool *zero)
{
	uint32_t from = place * (ARENA_SLICES / STORE_PLACES);
	struct arena *arena;
	int at;

	for (arena = store->arenas; store->warm >= count && arena;
	     arena = arena->next) {
		at = arena_find(arena, count, from, true);
		if (at >= 0)
			return take_from(store, arena, at, count, zero);
	}
	for (arena = store->arenas; arena; arena = arena->next) {
		at = arena_find(arena, count, from, false);
		if (at >= 0)
			return take_from(store, arena, at, count, zero);
	}
	arena = arena_make(store, count);
	/* Address space is short: holes elsewhere may make one larger hole. */
	if (!arena && arenas_release(store))
		arena = arena_make(store, count);
	if (!arena)
		return 0;
	at = arena_find(arena, count, from, false);
	return take_from(store, arena, at, count, zero);
}

bool store_release_empty(struct store *store)
{
	bool released;

	heap_mutex_take(&store->lock);
	released = arenas_release(store);
	heap_mutex_give(&store->lock);
	return released;
}

uint32_t store_take(struct store *store, uint32_t count, unsigned int place,
		    bool *zero)
{
	uint32_t slice;

	heap_mutex_take(&store->lock);
	slice = take_locked(store, count, place, zero);
	heap_mutex_give(&store->lock);
	return slice;
}

bool store_take_at(struct store *store, uint32_t slice, uint32_t count,
		   bool *zero)
{
	struct arena *arena = arena_of(slice);
	uint32_t at = slice - (arena ? arena->first : 0);
	bool taken = false;

	if (!arena || arena->store != store || at + count > arena->slices)
		return false;
	heap_mutex_take(&store->lock);
	if (arena_is_free(arena, at, count))
		taken = take_from(store, arena, at, count, zero);
	heap_mutex_give(&store->lock);
	return taken;
}

/* ---------------------------------------------------------------- giving --- */

/* Ranges of free slices on their way to be cold; nobody takes them meanwhile. */
struct cooling {
	struct ntmem_op ops[COOL_RANGES];
	struct arena *arenas[COOL_RANGES];
	uint32_t at[COOL_RANGES];
	uint32_t counts[COOL_RANGES];
	enum arena_fate fates[COOL_RANGES];
	uint32_t ranges;
};

static void cooling_add(struct cooling *cooling, struct arena *arena,
			uint32_t at, uint32_t count)
{
	struct ntmem_op *op = &cooling->ops[cooling->ranges];

	memset(op, 0, sizeof(*op));
	op->op = NTMEM_NR_DECOMMIT;
	op->range.addr = (uintptr_t)slice_base(arena->first + at);
	op->range.size = count * SLICE;
	cooling->arenas[cooling->ranges] = arena;
	cooling->at[cooling->ranges] = at;
	cooling->counts[cooling->ranges] = count;
	cooling->ranges++;
}

/* Takes warm slices until so many are left, or the ranges are full. */
static void cooling_pick(struct cooling *cooling, struct store *store,
			 uint32_t left)
{
	struct arena *arena;
	uint32_t at, count;

	cooling->ranges = 0;
	for (arena = store->arenas; arena; arena = arena->next) {
		for (at = 0; store->warm > left &&
		     cooling->ranges < COOL_RANGES &&
		     (count = arena_next_warm(arena, &at)); at += count) {
			if (count > store->warm - left)
				count = store->warm - left;
			arena_hold(arena, at, count);
			store->warm -= count;
			cooling_add(cooling, arena, at, count);
		}
	}
}

/* Where a mapping cannot be split any more, the content goes all the same. */
static enum arena_fate fate_of(const struct ntmem_op *op)
{
	if (!op->status)
		return ARENA_COLD;
	if (op->status != -ENOMEM || ntmem_engine()->drop(&op->range, 1))
		return ARENA_WARM;
	return ntmem_engine()->drop_decommits ? ARENA_COLD : ARENA_CLEAN;
}

static void cooling_decommit(struct cooling *cooling)
{
	struct ntmem_batch batch = {
		.ops = (uintptr_t)cooling->ops, .count = cooling->ranges,
	};
	uint32_t i;

	for (i = 0; i < cooling->ranges; i++)
		cooling->ops[i].status = -EINTR;
	ntmem_engine()->batch(&batch);
	for (i = 0; i < cooling->ranges; i++)
		cooling->fates[i] = fate_of(&cooling->ops[i]);
}

/* Access stays, and no mapping is split. */
static void cooling_drop(struct cooling *cooling)
{
	struct ntmem_range ranges[COOL_RANGES];
	enum arena_fate fate;
	uint32_t i;

	for (i = 0; i < cooling->ranges; i++)
		ranges[i] = cooling->ops[i].range;
	fate = ntmem_engine()->drop(ranges, cooling->ranges) ? ARENA_WARM :
							       ARENA_CLEAN;
	for (i = 0; i < cooling->ranges; i++)
		cooling->fates[i] = fate;
}

/*
 * What is committed and not used costs nothing, unless somebody counts it. (An
 * engine whose drop decommits has commits as cheap as drops.)
 */
static bool commit_costs(void)
{
	struct ntmem_info info;

	return ntmem_engine()->drop_decommits ||
	       ntmem_engine()->info(&info) ||
	       info.space_limit != UINT64_MAX;
}

/* Without the lock. */
static void cooling_run(struct cooling *cooling)
{
	if (commit_costs())
		cooling_decommit(cooling);
	else
		cooling_drop(cooling);
}

/* How many slices are not warm any more. */
static uint32_t cooling_end(struct cooling *cooling, struct store *store)
{
	uint32_t i, done = 0;

	for (i = 0; i < cooling->ranges; i++) {
		arena_unhold(cooling->arenas[i], cooling->at[i],
			     cooling->counts[i], cooling->fates[i]);
		if (cooling->fates[i] == ARENA_WARM)
			store->warm += cooling->counts[i];
		else
			done += cooling->counts[i];
	}
	store->cooled += done;
	store->cooled_at = now_ns();
	return done;
}

/* Called with the lock, which it lets go of meanwhile. */
static void cool(struct store *store, uint32_t left)
{
	struct cooling cooling;
	uint32_t done;

	do {
		cooling_pick(&cooling, store, left);
		if (!cooling.ranges)
			return;
		heap_mutex_give(&store->lock);
		cooling_run(&cooling);
		heap_mutex_take(&store->lock);
		done = cooling_end(&cooling, store);
	} while (done && cooling.ranges == COOL_RANGES);
}

/* Pages of slices that have lost their content. */
static uint32_t count_holes(const struct span *span, uint32_t count)
{
	uint32_t dropped = 0;

	for (; count; span++, count--)
		dropped += __builtin_popcount(span->dropped);
	return dropped;
}

static void give_locked(struct store *store, uint32_t slice, uint32_t count)
{
	struct arena *arena = arena_of(slice);
	struct span *span = table_span(slice);
	uint32_t holes = count_holes(span, count);

	memset(span, 0, count * sizeof(*span));
	arena_unuse(arena, slice - arena->first, count);
	poison(slice_base(slice), count * SLICE);
	if (holes)
		count_dropped(store, -(int32_t)holes);
	if (holes && ntmem_engine()->drop_decommits)
		arena_uncommit(arena, slice - arena->first, count);
	store->warm += count;
	__atomic_store_n(&store->in_use, store->in_use - count,
			 __ATOMIC_RELAXED);
}

static void cool_what_is_too_much(struct store *store)
{
	uint32_t slack = store_slack(store);

	if (store->warm <= slack || purge_later(store_is_large(store)))
		return;
	cool(store, slack / 2);
	set_grace(store, store->grace - store->grace / 8);
}

void store_give(struct store *store, uint32_t slice, uint32_t count)
{
	heap_mutex_take(&store->lock);
	give_locked(store, slice, count);
	cool_what_is_too_much(store);
	heap_mutex_give(&store->lock);
}

void store_give_many(struct store *store, uint32_t first)
{
	heap_mutex_take(&store->lock);
	while (first) {
		struct span *span = table_span(first);
		uint32_t next = span->next_of_shard;

		give_locked(store, first, span->slices);
		first = next;
	}
	cool_what_is_too_much(store);
	heap_mutex_give(&store->lock);
}

bool store_is_large(const struct store *store)
{
	return __atomic_load_n(&store->most, __ATOMIC_RELAXED) >=
	       PURGE_MUCH / SLICE;
}

/* What is wanted often shows by itself here, and needs no grace. */
bool store_purge(struct store *store)
{
	uint32_t slack;
	bool more;

	heap_mutex_take(&store->lock);
	set_grace(store, 0);
	slack = store_slack(store) / 2;
	if (store->warm_low > slack)
		cool(store, store->warm - store->warm_low + slack / 2);
	store->warm_low = store->warm;
	more = store->warm > slack;
	heap_mutex_give(&store->lock);
	return more;
}

size_t store_trim(struct store *store)
{
	size_t before;

	heap_mutex_take(&store->lock);
	before = store->warm;
	cool(store, 0);
	before -= store->warm < before ? store->warm : before;
	heap_mutex_give(&store->lock);
	return before * SLICE;
}

/* ----------------------------------------------------------------- pages --- */

void store_drop(const struct page_range *ranges, uint32_t count)
{
	const struct ntmem_engine *engine = ntmem_engine();
	struct ntmem_range drop[COOL_RANGES] = { 0 };
	uint32_t i, n;

	while (count) {
		n = count < COOL_RANGES ? count : COOL_RANGES;
		for (i = 0; i < n; i++) {
			drop[i].addr = (uintptr_t)ranges[i].start;
			drop[i].size = ranges[i].size;
		}
		engine->drop(drop, n);
		ranges += n;
		count -= n;
	}
}

bool store_undrop(struct store *store, const struct page_range *range)
{
	const struct ntmem_engine *engine = ntmem_engine();
	struct ntmem_range commit = {
		.addr = (uintptr_t)range->start, .size = range->size,
		.prot = store->prot,
	};

	return !engine->drop_decommits || !engine->commit(&commit);
}

/* ---------------------------------------------------------------- the rest --- */

static struct heap_nested_mutex outside;

void store_enter(void)
{
	heap_nested_take(&outside);
}

void store_leave(void)
{
	heap_nested_give(&outside);
}

void store_stats(struct store *store, struct store_stats *stats)
{
	struct arena *arena;

	store_enter();
	heap_mutex_take(&store->lock);
	stats->reserved = 0;
	for (arena = store->arenas; arena; arena = arena->next)
		stats->reserved += arena->slices * SLICE;
	stats->in_use = store->in_use * SLICE;
	stats->warm = store->warm * SLICE;
	heap_mutex_give(&store->lock);
	store_leave();
}
