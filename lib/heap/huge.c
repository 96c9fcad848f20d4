// SPDX-License-Identifier: MIT
/*
 * Blocks with a reservation each. See huge.h. The descriptor counts what is
 * committed and reserved in pages, in next and prev, which such a span has no
 * other use for.
 */
#include <string.h>

#include "engine/engine.h"
#include "heap/arena.h"
#include "heap/heap.h"
#include "heap/huge.h"
#include "heap/table.h"

/* Pages are counted in 32 bits: 16 TiB. */
#define HUGE_MAX	((size_t)UINT32_MAX << PAGE_SHIFT)

static size_t to_pages(size_t size)
{
	return (size + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

static void release(void *base)
{
	struct ntmem_range range = { .addr = (uintptr_t)base };

	ntmem_engine()->release(&range);
}

static char *reserve(const struct heap *heap, size_t size, size_t align)
{
	const struct ntmem_engine *engine = ntmem_engine();
	struct ntmem_reserve reserve = {
		.size = size, .prot = heap->store->prot,
		.align = align > SLICE ? align : 0,
	};

	if (!engine || engine->reserve(&reserve))
		return NULL;
	/* Windows' granularity may have been made smaller than a slice. */
	if (reserve.addr % SLICE || reserve.addr >> TABLE_BITS ||
	    table_cover(slice_of((void *)(uintptr_t)reserve.addr), 1)) {
		release((void *)(uintptr_t)reserve.addr);
		return NULL;
	}
	return (char *)(uintptr_t)reserve.addr;
}

static bool commit(const struct heap *heap, char *base, size_t from, size_t to)
{
	struct ntmem_range range = {
		.addr = (uintptr_t)base + from, .size = to - from,
		.prot = heap->store->prot,
	};

	return from >= to || !ntmem_engine()->commit(&range);
}

static void link_huge(struct heap *heap, struct span *span)
{
	uint32_t slice = table_slice(span);

	span->prev_of_shard = 0;
	span->next_of_shard = heap->huge;
	if (heap->huge)
		table_span(heap->huge)->prev_of_shard = slice;
	heap->huge = slice;
	heap->huge_bytes += huge_reserved(span);
}

static void unlink_huge(struct heap *heap, struct span *span)
{
	if (span->next_of_shard)
		table_span(span->next_of_shard)->prev_of_shard =
			span->prev_of_shard;
	if (span->prev_of_shard)
		table_span(span->prev_of_shard)->next_of_shard =
			span->next_of_shard;
	else
		heap->huge = span->next_of_shard;
	heap->huge_bytes -= huge_reserved(span);
}

struct span *huge_alloc(struct heap *heap, size_t size, size_t align,
			size_t room)
{
	struct span *span;
	char *base;

	if (size > HUGE_MAX - PAGE_BYTES || room > HUGE_MAX - PAGE_BYTES)
		return NULL;
	if (room < size)
		room = size;
	base = reserve(heap, to_pages(room), align);
	if (!base)
		return NULL;
	if (!commit(heap, base, 0, to_pages(size))) {
		release(base);
		return NULL;
	}
	span = table_find(base);
	memset(span, 0, sizeof(*span));
	span->kind = SPAN_HUGE;
	span->bytes = size;
	span->next = to_pages(size) >> PAGE_SHIFT;
	span->prev = to_pages(room) >> PAGE_SHIFT;
	span->slices = 1;
	__atomic_store_n(&span->owner, (uintptr_t)&heap->first | OWNER_RUN,
			 __ATOMIC_RELEASE);
	link_huge(heap, span);
	return span;
}

void huge_free(struct heap *heap, struct span *span)
{
	char *base = span_base(span);

	unlink_huge(heap, span);
	memset(span, 0, sizeof(*span));
	release(base);
}

/* Shrinking gives back what is behind; that cannot fail, or does no harm. */
static void decommit(struct span *span, size_t to)
{
	struct ntmem_range range = {
		.addr = (uintptr_t)span_base(span) + to,
		.size = huge_committed(span) - to,
	};

	if (!ntmem_engine()->decommit(&range))
		span->next = to >> PAGE_SHIFT;
}

bool huge_resize(struct heap *heap, struct span *span, size_t size,
		 size_t *zero_from)
{
	size_t committed = huge_committed(span), pages;

	if (size > huge_reserved(span))
		return false;
	pages = size ? to_pages(size) : PAGE_BYTES;
	if (!commit(heap, span_base(span), committed, pages))
		return false;
	*zero_from = committed;
	if (pages > committed)
		span->next = pages >> PAGE_SHIFT;
	else if (pages < committed)
		decommit(span, pages);
	span->bytes = size;
	return true;
}
