// SPDX-License-Identifier: MIT
/*
 * Getting, giving and resizing runs. See run.h.
 */
#include <string.h>

#include "heap/run.h"
#include "heap/store.h"

/* A cached run that is longer, but not by much, may do. */
static struct span *pop_longer(struct shard *shard, size_t size)
{
	uint32_t slices = run_slices(size), most = slices + slices / 8;
	struct span *span;

	for (slices++; slices <= most && slices <= RUN_SLICES; slices++) {
		span = run_pop(shard, (size_t)slices << SLICE_SHIFT);
		if (span) {
			span->bytes = size;
			return span;
		}
	}
	return NULL;
}

struct span *run_alloc(struct shard *shard, size_t size)
{
	struct span *span = run_pop(shard, size);

	if (!span)
		span = pop_longer(shard, size);
	if (span)
		return span;
	span = shard_take_slices(shard, run_slices(size));
	if (!span)
		return NULL;
	shard->worn = true;
	span->kind = SPAN_RUN;
	span->bytes = size;
	__atomic_store_n(&span->owner, (uintptr_t)shard | OWNER_RUN,
			 __ATOMIC_RELAXED);
	return span;
}

struct span *run_alloc_roomy(struct shard *shard, size_t size)
{
	uint32_t slices = run_slices(size);

	for (; slices <= RUN_SLICES; slices++)
		if (shard->runs[slices])
			return run_pop(shard, (size_t)slices << SLICE_SHIFT);
	return run_alloc(shard, size);
}

void run_free_foreign(struct shard *shard, struct span *span)
{
	shard_unlink(shard, span);
	store_give(shard->heap->store, table_slice(span), span->slices);
}

/* ------------------------------------------------------------- resizing --- */

static void set_length(struct shard *shard, struct span *span,
		       uint32_t slices)
{
	uint32_t i;

	for (i = span->slices; i < slices; i++) {
		span[i].kind = SPAN_TAIL;
		span[i].slices = i;
	}
	shard->slices += slices - span->slices;
	span->slices = slices;
}

/* Who grows gets as much again, for the next time. */
static bool grow(struct shard *shard, struct span *span, uint32_t slices,
		 bool *zero)
{
	struct store *store = shard->heap->store;
	uint32_t have = span->slices, end = table_slice(span) + have;
	uint32_t more = have * 2;

	if (more > RUN_SLICES)
		more = RUN_SLICES;
	if (more > slices && store_take_at(store, end, more - have, zero)) {
		set_length(shard, span, more);
		return true;
	}
	if (!store_take_at(store, end, slices - have, zero))
		return false;
	set_length(shard, span, slices);
	return true;
}

static void shrink(struct shard *shard, struct span *span, uint32_t slices)
{
	uint32_t extra = span->slices - slices;

	if (extra <= span->slices / 8)
		return;
	store_give(shard->heap->store, table_slice(span) + slices, extra);
	shard->slices -= extra;
	span->slices = slices;
}

bool run_resize(struct shard *shard, struct span *span, size_t size,
		size_t *zero_from)
{
	uint32_t slices = run_slices(size);
	size_t had = span->slices * SLICE;
	bool zero = false;

	if (slices > span->slices && !grow(shard, span, slices, &zero))
		return false;
	if (slices < span->slices)
		shrink(shard, span, slices ? slices : 1);
	*zero_from = zero ? had : size;
	span->bytes = size;
	return true;
}
