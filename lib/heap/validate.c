// SPDX-License-Identifier: MIT
/*
 * Whether a heap is in order: every list leads only to free blocks of the span
 * it is of, each once, as many as are not in use; and nothing was written
 * beyond the end of a block in use.
 */
#include "heap/announce.h"
#include "heap/fill.h"
#include "heap/find.h"
#include "heap/freemap.h"
#include "heap/guarded.h"
#include "heap/heap.h"
#include "heap/meta.h"
#include "heap/mixed.h"
#include "heap/region.h"
#include "heap/shard.h"
#include "heap/trailer.h"
#include "heap/walk.h"

static bool end_is_whole(const struct span *span, const void *p)
{
	size_t size;

	if (!span_shard(span)->heap->trailer)
		return true;
	size = trailer_get(p, find_block_size(span, p));
	return size != (size_t)-1 &&
	       (!heap_fills_tail || fill_tail_is_whole(p, size));
}

static bool freed_is_whole(const struct span *span, const void *p)
{
	return !heap_fills_free || span_block_dropped(span, p) ||
	       fill_freed_is_whole(p, span->list.size);
}

/* Blocks that the span counts as in use. */
static uint32_t counted(const struct span *span)
{
	return span->list.used + span->low -
	       shard_is_current(span_shard(span), span);
}

static bool span_is_whole(struct freemap *map, struct span *span)
{
	char *base = span_base(span);
	uint32_t i, busy = 0;

	if (!freemap_make(map, span))
		return false;
	for (i = 0; i < span->made; i++) {
		if (freemap_has(map, i)) {
			if (!freed_is_whole(span, base + i * span->list.size))
				return false;
			continue;
		}
		if (!end_is_whole(span, base + i * span->list.size))
			return false;
		busy++;
	}
	/* Blocks that others freed just now still count. */
	return busy <= counted(span);
}

static bool mixed_is_whole(struct freemap *map, struct span *span)
{
	char *base = span_base(span);
	uint32_t i;

	if (!freemap_make(map, span))
		return false;
	for (i = 0; i < SLICE / GRAIN; i++)
		if (mixed_has_block(span, base + i * GRAIN) &&
		    !freemap_has(map, i) &&
		    !end_is_whole(span, base + i * GRAIN))
			return false;
	return true;
}

static bool is_whole(struct freemap *map, struct span *span)
{
	switch (span->kind) {
	case SPAN_BLOCKS:
		return span_is_whole(map, span);
	case SPAN_MIXED:
		return mixed_is_whole(map, span);
	default:
		return true;
	}
}

static bool shard_is_whole(struct freemap *map, struct shard *shard)
{
	uint32_t slice;

	for (slice = shard->all; slice;
	     slice = table_span(slice)->next_of_shard)
		if (!is_whole(map, table_span(slice)))
			return false;
	return true;
}

static bool validate_all(struct heap *heap)
{
	struct freemap map;
	struct shard *shard;
	bool whole = true;

	heap_close(heap);
	if (heap->region)
		whole = heap_region_validate(heap->region, NULL);
	for (shard = heap->shards; shard && whole; shard = shard->next)
		whole = shard_is_whole(&map, shard);
	if (heap_guarded)
		whole &= guarded_is_whole(heap, NULL);
	heap_open(heap);
	return whole;
}

static bool validate_block(struct heap *heap, const void *p)
{
	struct span *span;
	bool valid;

	heap_close(heap);
	if (heap_guarded && guarded_has(heap, p)) {
		valid = guarded_is_whole(heap, p);
	} else if (heap->region) {
		valid = heap_region_validate(heap->region, p);
	} else {
		span = find_span(heap, p);
		valid = span;
		if (span && span_is_small(span))
			valid = !find_is_free(span_shard(span), span, p) &&
				end_is_whole(span, p);
	}
	heap_open(heap);
	return valid;
}

bool heap_validate(struct heap *heap, const void *p)
{
	bool valid;

	heap_init();
	announce_begin();
	if (p)
		valid = validate_block(heap, p);
	else
		valid = validate_all(heap);
	/* Malloc's heap is a part of the process's. */
	if (!p && valid && heap == &heap_process)
		valid = validate_all(&heap_malloc);
	announce_end();
	return valid;
}
