// SPDX-License-Identifier: MIT
/*
 * Finding out which blocks are free. See freemap.h.
 */
#include <string.h>

#include "heap/freemap.h"
#include "heap/mixed.h"
#include "heap/span.h"

static bool mark(struct freemap *map, uint32_t i)
{
	if (freemap_has(map, i))
		return false;
	map->bits[i / 64] |= 1ULL << i % 64;
	return true;
}

static bool in_slice(const struct freemap *map, const void *p)
{
	return slice_of(p) == map->slice;
}

/* ------------------------------------------------------------------ spans --- */

static bool mark_block(struct freemap *map, const struct span *span,
		       const struct block *block)
{
	size_t offset = (const char *)block - slice_base(map->slice);

	if (offset >= span->slices * SLICE || !span_has_block(span, block) ||
	    span_block_dropped(span, block) ||
	    block_freed_to(block) != span_shard(span))
		return false;
	return mark(map, offset / span->list.size);
}

static bool mark_list(struct freemap *map, const struct span *span,
		      const struct block *block)
{
	for (; block; block = block_next(block))
		if (!mark_block(map, span, block))
			return false;
	return true;
}

static void mark_dropped(struct freemap *map, const struct span *span)
{
	char *base = slice_base(map->slice);
	uint32_t i;

	for (i = 0; i < span->made; i++)
		if (span_block_dropped(span, base + i * span->list.size))
			mark(map, i);
}

static bool has_dropped(const struct span *span)
{
	uint32_t i, dropped = 0;

	for (i = 0; i < span->slices; i++)
		dropped |= span[i].dropped;
	return dropped;
}

static bool make_of_span(struct freemap *map, struct span *span)
{
	uintptr_t remote = __atomic_load_n(&span->remote, __ATOMIC_ACQUIRE);

	if (!mark_list(map, span, span->list.free) ||
	    !mark_list(map, span, (struct block *)remote))
		return false;
	if (has_dropped(span))
		mark_dropped(map, span);
	return true;
}

/* ------------------------------------------------------------ mixed slices --- */

static bool mark_mixed(struct freemap *map, const struct span *span,
		       const struct block *block)
{
	size_t offset = (uintptr_t)block & (SLICE - 1);

	return mixed_has_block(span, block) &&
	       block_freed_to(block) == span_shard(span) &&
	       mark(map, offset / GRAIN);
}

/* More than all mixed slices of the shard have: the list leads to itself. */
static size_t too_many(const struct span *span)
{
	return span_shard(span)->mixed_slices * (SLICE / GRAIN) + 1;
}

/* The lists are of all mixed slices of the shard. */
static bool mark_mixed_list(struct freemap *map, const struct span *span,
			    const struct block *block, size_t size)
{
	size_t left = too_many(span);
	const struct span *other;

	for (; block; block = block_next(block)) {
		other = table_find(block);
		if (!--left || !other || other->kind != SPAN_MIXED ||
		    !mixed_has_block(other, block) ||
		    (size && mixed_size(other, block) != size))
			return false;
		if (in_slice(map, block) && !mark_mixed(map, span, block))
			return false;
	}
	return true;
}

static bool make_of_mixed(struct freemap *map, struct span *span)
{
	struct shard *shard = span_shard(span);
	uintptr_t remote = __atomic_load_n(&span->remote, __ATOMIC_ACQUIRE);
	unsigned int i;

	for (i = 0; i < MIXED_CLASSES; i++)
		if (!mark_mixed_list(map, span, shard->mixed[i].free,
				     shard->mixed[i].size))
			return false;
	return mark_mixed_list(map, span, (struct block *)remote, 0);
}

bool freemap_make(struct freemap *map, struct span *span)
{
	memset(map->bits, 0, sizeof(map->bits));
	map->slice = table_slice(span);
	return span->kind == SPAN_MIXED ? make_of_mixed(map, span) :
					  make_of_span(map, span);
}
