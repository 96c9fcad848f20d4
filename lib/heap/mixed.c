// SPDX-License-Identifier: MIT
/*
 * Blocks of mixed slices. See mixed.h.
 */
#include <string.h>

#include "heap/meta.h"
#include "heap/mixed.h"
#include "heap/shard.h"

#define TAGS		(SLICE / GRAIN)

static uint8_t tag_at(const struct span *span, const void *p)
{
	return span->tags[((uintptr_t)p & (SLICE - 1)) / GRAIN];
}

bool mixed_grow(struct shard *shard)
{
	struct span *span;
	uint8_t *tags;

	if (shard->mixed_slices == shard->heap->mixed)
		return false;
	tags = meta_alloc_kept(TAGS);
	if (!tags)
		return false;
	span = shard_take_slices(shard, 1);
	if (!span) {
		meta_free_kept(tags, TAGS);
		return false;
	}
	span->kind = SPAN_MIXED;
	span->tags = tags;
	span->remote = 0;
	__atomic_store_n(&span->owner, (uintptr_t)shard | OWNER_MIXED,
			 __ATOMIC_RELEASE);
	shard->mixed_slices++;
	shard->tags = tags;
	shard->bump = span_base(span);
	shard->bump_end = shard->bump + SLICE;
	return true;
}

void mixed_push(struct shard *shard, struct span *span, void *p)
{
	unsigned int class = tag_at(span, p) - 1;
	struct blocks *list = &shard->mixed[class];
	struct block *block = p;

	if (list->used >= MIXED_HOT) {
		list->used = 0;
		shard_use_span(shard, class);
	}

	block_set_freed_to(block, shard);
	block_link(block, list->free);
	list->free = block;
}

bool mixed_has_block(const struct span *span, const void *p)
{
	return (uintptr_t)p % GRAIN == 0 && tag_at(span, p);
}

size_t mixed_size(const struct span *span, const void *p)
{
	return class_size(tag_at(span, p) - 1);
}

/* It is cleared as far as blocks were made. */
void mixed_free_tags(const struct shard *shard, struct span *span)
{
	size_t made = TAGS;

	if (span->tags == shard->tags)
		made = (shard->bump - span_base(span)) / GRAIN;
	memset(span->tags, 0, made);
	meta_free_kept(span->tags, TAGS);
}
