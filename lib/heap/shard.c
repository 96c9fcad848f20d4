// SPDX-License-Identifier: MIT
/*
 * A shard's spans: which one is current, which are listed, which are full; and
 * what comes back from other threads. See shard.h.
 */
#include <string.h>

#include "engine/engine.h"
#include "heap/fast.h"
#include "heap/heap.h"
#include "heap/huge.h"
#include "heap/meta.h"
#include "heap/mixed.h"
#include "heap/purge.h"
#include "heap/shard.h"
#include "heap/store.h"
#include "heap/trim.h"

static struct blocks blocks_none;

struct shard shard_empty = {
	.current = { [0 ... CURRENT - 1] = &blocks_none },
};

/* Of a heap in the same place that had mixed slices only. */
static void init_again(struct shard *shard)
{
	unsigned int i;

	for (i = 0; i < MIXED_CLASSES; i++) {
		shard->mixed[i].free = NULL;
		shard->mixed[i].used = 0;
	}
	shard->bump = NULL;
	shard->bump_end = NULL;
	shard->cache_room = 0;
	shard->cache_limit = 0;
	shard->incoming = 0;
	shard->incoming_count = 0;
	shard->all = 0;
	shard->slices = 0;
	shard->mixed_slices = 0;
	shard->thread = NULL;
	shard->next = NULL;
}

void shard_init(struct shard *shard, struct heap *heap)
{
	unsigned int i;

	if (shard->heap == heap && heap->mixed && !shard->worn) {
		init_again(shard);
		return;
	}

	memset(shard->current + STEPS, 0, sizeof(*shard) -
	       offsetof(struct shard, current[STEPS]));
	for (i = heap->mixed ? STEPS : 0; i < CURRENT; i++)
		shard->current[i] = &blocks_none;
	for (i = 0; i < MIXED_CLASSES; i++)
		shard->mixed[i].size = class_size(i);
	for (i = 0; i < STEPS && heap->mixed; i++)
		shard->current[i] = &shard->mixed[class_of(i * GRAIN)];
	shard->heap = heap;
}

/* ---------------------------------------------------------- lists of spans --- */

void shard_link(struct shard *shard, struct span *span)
{
	span_link(&shard->all, span);
	shard->slices += span->slices;
}

void shard_unlink(struct shard *shard, struct span *span)
{
	span_unlink(&shard->all, span);
	shard->slices -= span->slices;
}

/* At the end: who has had time to collect free blocks is at the front. */
static void list_span(struct shard *shard, struct span *span)
{
	uint32_t slice = table_slice(span), last = shard->last[span->class];

	span->next = 0;
	span->prev = last;
	if (last)
		table_span(last)->next = slice;
	else
		shard->first[span->class] = slice;
	shard->last[span->class] = slice;
	trim_watch(shard, span);
}

static void unlist_span(struct shard *shard, struct span *span)
{
	trim_unwatch(shard, span);
	if (span->next)
		table_span(span->next)->prev = span->prev;
	else
		shard->last[span->class] = span->prev;
	if (span->prev)
		table_span(span->prev)->next = span->next;
	else
		shard->first[span->class] = span->next;
}

static void set_current(struct shard *shard, unsigned int class,
			struct blocks *list)
{
	unsigned int i = current_first(class);
	unsigned int last = current_of(class_size(class));

	for (; i <= last; i++)
		shard->current[i] = list;
}

static struct blocks *make_current(struct shard *shard, struct span *span)
{
	span->list.used++;
	set_current(shard, span->class, &span->list);
	return &span->list;
}

/* The current span has no blocks left. */
static void set_full(struct shard *shard, struct span *span)
{
	span->list.used--;
	set_current(shard, span->class, &blocks_none);
	__atomic_store_n(&span->owner, (uintptr_t)shard | OWNER_FULL,
			 __ATOMIC_RELAXED);
}

static void unset_full(struct shard *shard, struct span *span)
{
	__atomic_store_n(&span->owner, (uintptr_t)shard, __ATOMIC_RELAXED);
	list_span(shard, span);
}

/* ------------------------------------------------------------- slices --- */

static uint32_t cached(const struct shard *shard)
{
	return shard->cache_limit - shard->cache_room;
}

/* As much as the process can spare now. */
static void limit_cache(struct shard *shard)
{
	int32_t limit = store_slack(shard->heap->store);

	shard->cache_room += limit - shard->cache_limit;
	shard->cache_limit = limit;
}

struct span *shard_take_slices(struct shard *shard, uint32_t slices)
{
	struct store *store = shard->heap->store;
	uint32_t slice = shard->runs[slices];
	struct span *span;
	bool zero;

	if (slice) {
		span = table_span(slice);
		shard->runs[slices] = span->next;
		shard->cache_room += slices;
		return span;
	}
	slice = store_take(store, slices, thread_self.place, &zero);
	if (!slice) {
		huge_make_way();
		slice = store_take(store, slices, thread_self.place, &zero);
	}
	if (!slice)
		return NULL;
	span = table_span(slice);
	span_describe(span, shard, SPAN_NONE, slices);
	span->zero = zero;
	limit_cache(shard);
	shard_link(shard, span);
	return span;
}

/* Gives cached runs to the store, the longest first, until so many are left. */
static void uncache(struct shard *shard, uint32_t left)
{
	uint32_t slices, slice, list = 0;

	for (slices = RUN_SLICES; slices && cached(shard) > left; slices--) {
		while (shard->runs[slices] && cached(shard) > left) {
			struct span *span;

			slice = shard->runs[slices];
			span = table_span(slice);
			shard->runs[slices] = span->next;
			shard->cache_room += slices;
			shard_unlink(shard, span);
			span->next_of_shard = list;
			list = slice;
		}
	}
	if (list)
		store_give_many(shard->heap->store, list);
}

void shard_cache_slices(struct shard *shard, struct span *span)
{
	limit_cache(shard);
	span->kind = SPAN_RUN_FREE;
	span->zero = false;
	__atomic_store_n(&span->owner, (uintptr_t)shard | OWNER_RUN,
			 __ATOMIC_RELAXED);
	span->next = shard->runs[span->slices];
	shard->runs[span->slices] = table_slice(span);
	shard->cache_room -= span->slices;
	if (shard->cache_room < 0) {
		uncache(shard, shard->cache_limit / 2);
		purge_heap_later(shard->heap);
	}
}

/* So many spans: a millisecond. */
#define PURGE_SPANS	32

bool shard_purge(struct shard *shard)
{
	shard_collect(shard);
	/* It costs little to take them again, and the store can wait, too. */
	uncache(shard, shard->cache_limit / 8);
	return trim_unwanted(shard, PURGE_SPANS);
}

void shard_collect_unowned(struct shard *shard)
{
	shard_collect(shard);
	uncache(shard, 0);
}

/* ------------------------------------------------------------- getting --- */

static struct span *new_span(struct shard *shard, unsigned int class)
{
	struct span *span = shard_take_slices(shard, span_slices(class));

	if (!span)
		return NULL;
	shard->worn = true;
	span->kind = SPAN_BLOCKS;
	span->class = class;
	span->list.free = NULL;
	span->list.used = 0;
	span->list.size = class_size(class);
	span->made = 0;
	span->low = 0;
	span->remote = 0;
	__atomic_store_n(&span->owner, (uintptr_t)shard, __ATOMIC_RELEASE);
	return span;
}

/* A span with room that is not current, which it is to be. */
static struct span *get_span(struct shard *shard, unsigned int class)
{
	struct span *span;

	if (!shard->first[class])
		return new_span(shard, class);
	span = table_span(shard->first[class]);
	unlist_span(shard, span);
	return span;
}

/* NULL, and the span as it was, where dropped pages find no memory. */
static struct blocks *use_span(struct shard *shard, struct span *span)
{
	if (span->list.free || span_refill(span))
		return make_current(shard, span);
	list_span(shard, span);
	return NULL;
}

static struct blocks *refill_mixed(struct shard *shard, unsigned int class)
{
	struct blocks *list = &shard->mixed[class];

	if (!list->free &&
	    (size_t)(shard->bump_end - shard->bump) < list->size &&
	    !mixed_grow(shard))
		return NULL;
	set_current(shard, class, list);
	return list;
}

struct blocks *shard_refill(struct shard *shard, unsigned int class)
{
	struct blocks *list;
	struct span *span;

	shard_collect(shard);
	list = shard->current[current_of(class_size(class))];
	if (list->free)
		return list;
	if (list != &blocks_none && !shard_is_mixed(shard, list)) {
		if (span_refill(span_of_list(list)))
			return list;
		set_full(shard, span_of_list(list));
	}
	if (class < MIXED_CLASSES) {
		list = refill_mixed(shard, class);
		if (list)
			return list;
	}
	span = get_span(shard, class);
	return span ? use_span(shard, span) : NULL;
}

void shard_use_span(struct shard *shard, unsigned int class)
{
	struct span *span;

	if (shard->current[current_of(class_size(class))] !=
	    &shard->mixed[class])
		return;
	span = get_span(shard, class);
	if (span)
		use_span(shard, span);
}

void *shard_pop(struct blocks *list)
{
	return fast_pop(list);
}

void *shard_alloc_aligned(struct shard *shard, unsigned int class)
{
	struct blocks *list;
	struct span *span;
	bool is_span;

	shard_collect(shard);
	list = shard->current[current_of(class_size(class))];
	is_span = list != &blocks_none && !shard_is_mixed(shard, list);
	if (is_span && (list->free || span_refill(span_of_list(list))))
		return shard_pop(list);
	if (is_span)
		set_full(shard, span_of_list(list));
	span = get_span(shard, class);
	list = span ? use_span(shard, span) : NULL;
	return list ? shard_pop(list) : NULL;
}

/* -------------------------------------------------------------- giving --- */

/* Where dropped pages are decommitted, only the store can mend that. */
static void release_span(struct shard *shard, struct span *span)
{
	uint32_t i, dropped = 0;

	for (i = 0; i < span->slices; i++)
		dropped += __builtin_popcount(span[i].dropped);
	if (dropped && ntmem_engine()->drop_decommits) {
		shard_unlink(shard, span);
		store_give(shard->heap->store, table_slice(span),
			   span->slices);
		return;
	}
	if (dropped)
		store_undropped(shard->heap->store, dropped, dropped / 8);
	for (i = 0; i < span->slices; i++)
		span[i].dropped = 0;
	shard_cache_slices(shard, span);
}

/* It is the one to pop from no longer. */
static void retire(struct shard *shard, struct span *span)
{
	if (!span_has_room(span)) {
		set_full(shard, span);
		return;
	}
	set_current(shard, span->class, &blocks_none);
	if (--span->list.used)
		list_span(shard, span);
	else
		release_span(shard, span);
}

static void retire_all(struct shard *shard)
{
	unsigned int class;
	struct blocks *list;

	for (class = 0; class < CLASSES; class++) {
		list = shard->current[current_of(class_size(class))];
		if (list != &blocks_none && !shard_is_mixed(shard, list))
			retire(shard, span_of_list(list));
	}
}

void shard_release_free(struct shard *shard)
{
	shard_collect(shard);
	retire_all(shard);
	trim_shard(shard);
	uncache(shard, 0);
}

void shard_span_low(struct shard *shard, struct span *span)
{
	if (span->low) {
		trim_lower(shard, span);
		return;
	}
	unlist_span(shard, span);
	release_span(shard, span);
}

void shard_push(struct shard *shard, struct span *span, void *p)
{
	struct block *block = p;

	if (span->kind == SPAN_MIXED) {
		mixed_push(shard, span, p);
		return;
	}
	/* Its thread has just made it low, and not come to look at it yet. */
	if (unlikely(!span->list.used))
		shard_span_low(shard, span);
	block_set_freed_to(block, shard);
	block_link(block, span->list.free);
	span->list.free = block;
	span->list.used--;
	if (span->owner & OWNER_FULL)
		unset_full(shard, span);
	else if (!span->list.used)
		shard_span_low(shard, span);
}

/* The length of a list that is not empty, and its last block. */
static uint32_t list_length(struct block *block, struct block **last)
{
	struct block *next;
	uint32_t count = 1;

	while ((next = block_next(block))) {
		block = next;
		count++;
	}
	*last = block;
	return count;
}

/* All at once, where nothing but the span's list changes; false else. */
static bool push_list(struct span *span, struct block *first)
{
	struct block *last;
	uint32_t count = list_length(first, &last);

	if (span->owner & OWNER_FULL || count >= span->list.used)
		return false;
	block_link(last, span->list.free);
	span->list.free = first;
	span->list.used -= count;
	return true;
}

/* Everything that others freed to one span. */
static void collect_span(struct shard *shard, struct span *span)
{
	struct block *block = blocks_take_remote(&span->remote), *next;
	bool quick = span->kind == SPAN_BLOCKS;

	for (; block; block = next) {
		next = block_next(block);
		/* The first one may list the span. */
		shard_push(shard, span, block);
		if (quick && next && push_list(span, next))
			return;
		quick = false;
	}
}

void shard_collect(struct shard *shard)
{
	uint32_t slice = __atomic_load_n(&shard->incoming, __ATOMIC_RELAXED);
	struct span *span;

	if (!slice)
		return;
	slice = __atomic_exchange_n(&shard->incoming, 0, __ATOMIC_ACQUIRE);
	__atomic_store_n(&shard->incoming_count, 0, __ATOMIC_RELAXED);
	while (slice) {
		span = table_span(slice);
		/* Once its blocks are taken, it may be named again. */
		slice = span->next_incoming;
		collect_span(shard, span);
	}
}
