// SPDX-License-Identifier: MIT
/*
 * From a pointer to what it points to. See find.h.
 */
#include "heap/find.h"
#include "heap/heap.h"
#include "heap/huge.h"
#include "heap/mixed.h"
#include "heap/report.h"
#include "heap/span.h"

static bool is_of_process(const struct heap *heap)
{
	return heap == &heap_process || heap == &heap_malloc;
}

static bool is_of(const struct span *span, const struct heap *heap)
{
	const struct heap *owner = span_shard(span)->heap;

	return owner == heap || (is_of_process(owner) && is_of_process(heap));
}

/* Does a block begin at p? */
static bool begins(const struct span *span, const void *p)
{
	switch (span->kind) {
	case SPAN_BLOCKS:
		return span_has_block(span, p);
	case SPAN_MIXED:
		return mixed_has_block(span, p);
	case SPAN_RUN:
	case SPAN_HUGE:
		return p == span_base(span);
	default:
		return false;
	}
}

/* The span, also of another heap's block or of none. */
static struct span *look_up(const void *p)
{
	struct span *span = table_find(p);

	return span && span->kind != SPAN_NONE ? span_head(span) : NULL;
}

struct span *find_span(const struct heap *heap, const void *p)
{
	struct span *span = look_up(p);

	return span && begins(span, p) && is_of(span, heap) ? span : NULL;
}

/* In the order in which it is noticed. */
static const char *what_is_wrong(const struct span *span, const void *p)
{
	if (!span)
		return "not a block of any heap";
	if (span->kind == SPAN_RUN_FREE)
		return "the block is free already";
	if (!begins(span, p))
		return "no block begins there";
	return "a block of another heap";
}

struct span *find_block(const struct heap *heap, const void *p,
			const char *call)
{
	struct span *span = find_span(heap, p);

	if (!span)
		heap_report(heap, p, 0, call, what_is_wrong(look_up(p), p));
	return span;
}

size_t find_block_size(const struct span *span, const void *p)
{
	switch (span->kind) {
	case SPAN_BLOCKS:
		return span->list.size;
	case SPAN_MIXED:
		return mixed_size(span, p);
	case SPAN_RUN:
		return span->slices * SLICE;
	case SPAN_HUGE:
		return huge_committed(span);
	default:
		return 0;
	}
}

static bool is_in(const struct block *block, const void *p)
{
	for (; block; block = block_next(block))
		if (block == p)
			return true;
	return false;
}

bool find_is_free(struct shard *shard, struct span *span, const void *p)
{
	struct heap *heap = shard->heap;
	struct block *list;
	bool found;

	heap_close(heap);
	if (span->kind == SPAN_MIXED)
		list = shard->mixed[class_of(mixed_size(span, p))].free;
	else
		list = span->list.free;
	found = is_in(list, p) ||
		is_in((struct block *)__atomic_load_n(&span->remote,
						      __ATOMIC_ACQUIRE), p);
	heap_open(heap);
	return found;
}
