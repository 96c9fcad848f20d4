// SPDX-License-Identifier: MIT
/*
 * Walking through a heap. See walk.h.
 */
#include "heap/announce.h"
#include "heap/find.h"
#include "heap/freemap.h"
#include "heap/guarded.h"
#include "heap/heap.h"
#include "heap/heaps.h"
#include "heap/huge.h"
#include "heap/mixed.h"
#include "heap/region.h"
#include "heap/shard.h"
#include "heap/store.h"
#include "heap/trailer.h"
#include "heap/walk.h"

/*
 * What the last step of a walk found out about its span, for the next step. One
 * for all heaps: it is right for one that does not change, and a walk that
 * finds another's makes its own.
 */
static struct {
	struct heap_mutex lock;
	struct freemap map;
} last_step;

/* ------------------------------------------------------- one span's blocks --- */

/* Where blocks have not been made yet. */
static char *made_end(const struct span *span)
{
	const struct shard *shard = span_shard(span);
	char *base = span_base(span);

	if (span->kind == SPAN_BLOCKS)
		return base + (size_t)span->made * span->list.size;
	if (slice_of(shard->bump - 1) == slice_of(base))
		return shard->bump;
	return base + SLICE;
}

static bool map_says_free(const struct span *span, const char *p)
{
	size_t offset = p - span_base(span);

	return freemap_has(&last_step.map, span->kind == SPAN_BLOCKS ?
			   offset / span->list.size : offset / GRAIN);
}

/* The item that begins at p, behind which is only what was never used. */
static bool item_at(const struct span *span, char *p, struct heap_item *item)
{
	char *end = span_base(span) + span->slices * SLICE;
	size_t block_size, size;

	if (p >= made_end(span) ||
	    (span->kind == SPAN_MIXED && !mixed_has_block(span, p))) {
		*item = (struct heap_item){ p, end - p, 0, ITEM_FREE };
		return p < end;
	}
	block_size = find_block_size(span, p);
	*item = (struct heap_item){ p, block_size, 0, ITEM_FREE };
	if (map_says_free(span, p))
		return true;
	item->kind = ITEM_BUSY;
	size = span_shard(span)->heap->trailer ? trailer_get(p, block_size) :
						 block_size;
	if (size == (size_t)-1)
		size = block_size;
	item->overhead = block_size - size;
	item->size = size;
	return true;
}

static bool next_in_span(struct span *span, struct heap_item *item)
{
	char *p = item->addr;

	if (last_step.map.slice != table_slice(span))
		freemap_make(&last_step.map, span);
	if (item->kind == ITEM_REGION)
		return item_at(span, p, item);
	/* Free memory that was never used is the last item. */
	if (p >= made_end(span) ||
	    (span->kind == SPAN_MIXED && !mixed_has_block(span, p)))
		return false;
	return item_at(span, p + find_block_size(span, p), item);
}

/* ------------------------------------------------------------- all spans --- */

/* The first span from slice on, in this shard or those after it. */
static struct span *first_span(struct shard *shard, uint32_t slice,
			       bool regions)
{
	for (;;) {
		for (; slice; slice = table_span(slice)->next_of_shard) {
			struct span *span = table_span(slice);

			if (regions ? span_is_small(span) :
				      span->kind == SPAN_RUN)
				return span;
		}
		shard = shard->next;
		if (!shard)
			return NULL;
		slice = shard->all;
	}
}

static bool region_item(const struct span *span, struct heap_item *item)
{
	*item = (struct heap_item){
		span_base(span), span->slices * SLICE, 0, ITEM_REGION
	};
	return true;
}

static bool large_item(const struct span *span, struct heap_item *item)
{
	size_t room = find_block_size(span, span_base(span));
	size_t size = span_shard(span)->heap->trailer ? span->bytes : room;

	*item = (struct heap_item){
		span_base(span), size, room - size, ITEM_LARGE
	};
	return true;
}

static bool first_huge(const struct heap *heap, struct heap_item *item)
{
	return heap->huge && large_item(table_span(heap->huge), item);
}

static bool first_run(struct heap *heap, struct shard *shard, uint32_t slice,
		      struct heap_item *item)
{
	struct span *span = first_span(shard, slice, false);

	return span ? large_item(span, item) : first_huge(heap, item);
}

static bool first_region(struct heap *heap, struct shard *shard,
			 uint32_t slice, struct heap_item *item)
{
	struct span *span = first_span(shard, slice, true);

	if (span)
		return region_item(span, item);
	return first_run(heap, heap->shards, heap->shards->all, item);
}

static bool next_large(struct heap *heap, struct span *span,
		       struct heap_item *item)
{
	if (span->kind == SPAN_RUN)
		return first_run(heap, span_shard(span), span->next_of_shard,
				 item);
	return span->next_of_shard &&
	       large_item(table_span(span->next_of_shard), item);
}

static bool next_item(struct heap *heap, struct heap_item *item)
{
	struct span *span;

	if (!item->addr)
		return first_region(heap, heap->shards, heap->shards->all,
				    item);
	span = table_find(item->addr);
	if (!span || span->kind == SPAN_NONE)
		return false;
	span = span_head(span);
	if (item->kind == ITEM_LARGE)
		return next_large(heap, span, item);
	if (!span_is_small(span))
		return false;
	if (next_in_span(span, item))
		return true;
	return first_region(heap, span_shard(span), span->next_of_shard, item);
}

/* ------------------------------------------------------ heaps of fixed size --- */

static bool next_of_region(struct heap *heap, struct heap_item *item)
{
	struct heap_region_entry entry = {
		.addr = item->addr, .size = item->size,
		.overhead = item->overhead,
	};

	if (!item->addr) {
		*item = (struct heap_item){
			heap_region_base(heap->region),
			heap_region_reserved(heap->region), 0, ITEM_REGION
		};
		return true;
	}
	if (item->kind == ITEM_REGION)
		entry.addr = NULL;
	if (!heap_region_next(heap->region, &entry))
		return false;
	*item = (struct heap_item){
		entry.addr, entry.size, entry.overhead,
		entry.state == HEAP_REGION_BUSY ? ITEM_BUSY : ITEM_FREE
	};
	return true;
}

/* ------------------------------------------------------------ from outside --- */

static void collect(struct heap *heap)
{
	struct shard *shard;

	for (shard = heap->shards; shard; shard = shard->next) {
		heap_mutex_take(&shard->lock);
		shard_collect(shard);
		heap_mutex_give(&shard->lock);
	}
}

static bool next_of_spans(struct heap *heap, struct heap_item *item)
{
	bool found;

	if (!item->addr)
		collect(heap);
	heap_mutex_take(&last_step.lock);
	if (!item->addr)
		last_step.map.slice = 0;
	found = next_item(heap, item);
	heap_mutex_give(&last_step.lock);
	return found;
}

bool heap_next(struct heap *heap, struct heap_item *item)
{
	bool found = false;

	heap_init();
	announce_begin();
	heap_close(heap);
	if (!heap_guarded || !guarded_has(heap, item->addr))
		found = heap->region ? next_of_region(heap, item) :
				       next_of_spans(heap, item);
	/* Guarded blocks come last. */
	if (!found && heap_guarded)
		found = guarded_next(heap, item);
	heap_open(heap);
	announce_end();
	return found;
}

static void add_region_stats(struct heap *heap, struct heap_stats *stats)
{
	struct heap_region_stats region;

	heap_region_stats(heap->region, &region);
	stats->allocated = region.allocated;
	stats->committed = region.committed;
	stats->reserved = region.reserved;
	stats->limit = region.reserved;
	stats->largest_free = region.largest_free;
}

/* As if those of a heap of fixed size lay in its reservation. */
static void add_guarded_stats(const struct heap *heap,
			      struct heap_stats *stats)
{
	stats->committed += heap->guarded_bytes;
	if (!heap->region) {
		stats->reserved += heap->guarded_bytes;
		return;
	}
	stats->allocated += heap->guarded_bytes;
	if (stats->committed > stats->reserved)
		stats->committed = stats->reserved;
}

void heap_get_stats(struct heap *heap, struct heap_stats *stats)
{
	struct heap_item item = { .addr = NULL };
	struct shard *shard;
	size_t bytes = 0;

	*stats = (struct heap_stats){ .limit = SIZE_MAX };
	heap_close(heap);
	if (heap->region)
		add_region_stats(heap, stats);
	while (!heap->region && heap_next(heap, &item)) {
		if (item.kind == ITEM_BUSY || item.kind == ITEM_LARGE)
			stats->allocated += item.size;
		if (item.kind == ITEM_FREE && item.size > stats->largest_free)
			stats->largest_free = item.size;
	}
	for (shard = heap->shards; shard; shard = shard->next)
		bytes += shard->slices * SLICE;
	bytes += heap->huge_bytes;
	stats->committed += bytes;
	stats->reserved += bytes;
	add_guarded_stats(heap, stats);
	heap_open(heap);
}

void heap_compact(struct heap *heap)
{
	struct shard *shard;

	announce_begin();
	heap_close(heap);
	if (heap->region)
		heap_region_trim(heap->region);
	for (shard = heap->shards; shard; shard = shard->next) {
		heap_mutex_take(&shard->lock);
		shard_release_free(shard);
		heap_mutex_give(&shard->lock);
	}
	store_trim(heap->store);
	huge_trim();
	heap_open(heap);
	announce_end();
}
