// SPDX-License-Identifier: MIT
/*
 * The blocks of a span: making them, and bringing them back. See span.h.
 */
#include "heap/fill.h"
#include "heap/span.h"
#include "heap/store.h"

void span_describe(struct span *span, struct shard *shard, unsigned int kind,
		   uint32_t slices)
{
	uint32_t i;

	span->kind = kind;
	span->slices = slices;
	__atomic_store_n(&span->owner, (uintptr_t)shard, __ATOMIC_RELEASE);
	for (i = 1; i < slices; i++) {
		span[i].kind = SPAN_TAIL;
		span[i].slices = i;
	}
}

void span_link(uint32_t *first, struct span *span)
{
	uint32_t slice = table_slice(span);

	span->prev_of_shard = 0;
	span->next_of_shard = *first;
	if (*first)
		table_span(*first)->prev_of_shard = slice;
	*first = slice;
}

void span_unlink(uint32_t *first, struct span *span)
{
	if (span->next_of_shard)
		table_span(span->next_of_shard)->prev_of_shard =
			span->prev_of_shard;
	if (span->prev_of_shard)
		table_span(span->prev_of_shard)->next_of_shard =
			span->next_of_shard;
	else
		*first = span->next_of_shard;
}

static void add(struct span *span, char *p)
{
	struct block *block = (struct block *)p;

	if (heap_fills_free)
		fill_freed(p, span->list.size);
	block_set_freed_to(block, span_shard(span));
	block_link(block, span->list.free);
	span->list.free = block;
}

/* Blocks that begin up to the end of the page that the first one ends in. */
static bool make_blocks(struct span *span)
{
	char *base = span_base(span);
	size_t size = span->list.size;
	size_t first = span->made, capacity = span_capacity(span);
	size_t end, last, i;

	if (first == capacity)
		return false;
	end = ((first + 1) * size + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	last = end / size;
	if (last > capacity)
		last = capacity;
	for (i = last; i > first; i--)
		add(span, base + (i - 1) * size);
	__atomic_store_n(&span->made, last, __ATOMIC_RELAXED);
	return true;
}

bool span_block_dropped(const struct span *span, const void *p)
{
	size_t start = (const char *)p - span_base(span);
	uint32_t page = start / PAGE_BYTES;
	uint32_t last = (start + span->list.size - 1) / PAGE_BYTES;

	for (; page <= last; page++)
		if (span_is_dropped(span, page))
			return true;
	return false;
}

/* Lists the blocks that touch a page which has just got memory again. */
static void relist(struct span *span, uint32_t page)
{
	char *base = span_base(span);
	size_t size = span->list.size;
	size_t i = page * PAGE_BYTES / size;

	for (; i < span->made && i * size < (page + 1) * PAGE_BYTES; i++)
		if (!span_block_dropped(span, base + i * size))
			add(span, base + i * size);
}

/* One run of dropped pages gets its memory again. */
static bool undrop(struct span *span, uint32_t *page)
{
	uint32_t pages = span->slices * SLICE_PAGES, first, end;
	struct page_range range;

	for (first = *page; first < pages; first++)
		if (span_is_dropped(span, first))
			break;
	*page = first;
	if (first == pages)
		return false;
	for (end = first + 1; end < pages; end++)
		if (!span_is_dropped(span, end))
			break;
	range.start = span_base(span) + first * PAGE_BYTES;
	range.size = (end - first) * PAGE_BYTES;
	if (!store_undrop(span_shard(span)->heap->store, &range))
		return false;
	store_undropped(span_shard(span)->heap->store, end - first,
			end - first);
	for (; first < end; first++) {
		span[first / SLICE_PAGES].dropped &=
			~(1U << first % SLICE_PAGES);
		relist(span, first);
	}
	*page = end;
	return true;
}

bool span_refill(struct span *span)
{
	uint32_t page = 0;

	if (make_blocks(span))
		return true;
	while (!span->list.free)
		if (!undrop(span, &page))
			return false;
	return true;
}

/* A page that was dropped behind the last block brings none back. */
bool span_has_room(const struct span *span)
{
	size_t made = span->made * (size_t)span->list.size;
	uint32_t page;

	if (span->list.free || span->made < span_capacity(span))
		return true;
	for (page = 0; page * PAGE_BYTES < made; page++)
		if (span_is_dropped(span, page))
			return true;
	return false;
}

bool span_has_block(const struct span *span, const void *p)
{
	size_t offset = (const char *)p - span_base(span);

	/* Of a block of another thread, more may be made just now. */
	return offset % span->list.size == 0 &&
	       offset / span->list.size <
	       __atomic_load_n(&span->made, __ATOMIC_RELAXED);
}
