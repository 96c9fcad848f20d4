// SPDX-License-Identifier: MIT
/*
 * Finding pages without a block in use. See trim.h.
 */
#include <string.h>

#include "heap/purge.h"
#include "heap/span.h"
#include "heap/store.h"
#include "heap/trim.h"

#define STEPS_DOWN	16	/* of a span's blocks */
#define FIRST_STEP	12	/* as many are left when it is first noticed */
#define LOOSE_LEAST	(24 * SLICE)
#define RANGES		64
#define SPAN_PAGES	(LARGE_SPAN * SLICE_PAGES)
#define FOUND		UINT16_MAX	/* more than a page has bytes */
#define MOST_BLOCKS	(SLICE / GRAIN)	/* of a span */

/* What a look at a span finds. */
struct findings {
	uint16_t free[SPAN_PAGES];	/* bytes of each page; or FOUND */
	uint64_t marked[MOST_BLOCKS / 64];	/* blocks, one bit each */
};

/* Pages that are to lose their content in one call. */
struct dropping {
	struct page_range ranges[RANGES];
	uint32_t count;
};

static uint32_t step(const struct span *span)
{
	uint32_t blocks = span_capacity(span) / STEPS_DOWN;

	return blocks ? blocks : 1;
}

/* How many steps it is down; 1 at the first. */
static uint32_t level(const struct span *span)
{
	return FIRST_STEP - span->low / step(span);
}

/* What is free of it and was not looked at. */
static size_t loose(const struct span *span)
{
	uint32_t now = level(span);

	if (now <= span->looked)
		return 0;
	return (size_t)(now - span->looked) * step(span) * span->list.size;
}

static void set_low(struct span *span)
{
	uint32_t blocks = step(span);
	uint32_t low = (span->list.used - 1) / blocks * blocks;

	if (low > FIRST_STEP * blocks)
		low = FIRST_STEP * blocks;
	span->low = low;
	span->list.used -= low;
}

void trim_watch(struct shard *shard, struct span *span)
{
	set_low(span);
	shard->loose += loose(span);
}

void trim_unwatch(struct shard *shard, struct span *span)
{
	shard->loose -= loose(span);
	if (shard->loose < shard->loose_low)
		shard->loose_low = shard->loose;
	span->list.used += span->low;
	span->low = 0;
	span->looked = 0;
}

/* What may be loose: so much, that small programs are left alone. */
static size_t loose_limit(const struct shard *shard)
{
	size_t limit = store_slack(shard->heap->store) * SLICE / 2;

	return limit > LOOSE_LEAST ? limit : LOOSE_LEAST;
}

bool trim_has_too_much(const struct shard *shard)
{
	return shard->loose > loose_limit(shard);
}

void trim_lower(struct shard *shard, struct span *span)
{
	shard->loose -= loose(span);
	span->list.used = span->low;
	set_low(span);
	shard->loose += loose(span);
	if (trim_has_too_much(shard) && !purge_heap_later(shard->heap))
		trim_shard(shard);
}

/* --------------------------------------------------------------- looking --- */

/* Adds [start, start + size) of a span to what is free of each page. */
static void count_free(uint16_t *free, size_t start, size_t size)
{
	size_t end = start + size, part;

	while (start < end) {
		part = PAGE_BYTES - start % PAGE_BYTES;
		if (part > end - start)
			part = end - start;
		free[start / PAGE_BYTES] += part;
		start += part;
	}
}

/* Pages up to the last one that all blocks of were made; counts what is behind. */
static uint32_t made_pages(const struct span *span, uint16_t *free)
{
	size_t made = span->made * (size_t)span->list.size;
	size_t all = span->slices * SLICE;

	if (span->made < span_capacity(span))
		return made / PAGE_BYTES;
	count_free(free, made, all - made);
	return all / PAGE_BYTES;
}

/*
 * Does a block look like a free one? Of one in use, what is read there means
 * nothing, and its owner may be writing it.
 */
__attribute__((no_sanitize_thread)) HEAP_PEEKS
static bool is_marked(const struct span *span, const void *p)
{
	return ((const struct block *)p)->freed_to == span_shard(span);
}

/*
 * All free blocks are marked. When no more are than are free, the marks can be
 * believed, and tell in the order of memory what the list tells in any order.
 * Other threads mark what they free, too, at any time: so each mark is read
 * once. Blocks that touch a dropped page are in no list, and touch others, too.
 */
static bool count_by_marks(const struct span *span, struct findings *findings)
{
	uint32_t size = span->list.size, marked = 0, dropped = 0, i;
	char *base = span_base(span);

	for (i = 0; i < span->made; i++) {
		char *p = base + (size_t)i * size;

		if (span_block_dropped(span, p)) {
			dropped++;
		} else if (is_marked(span, p)) {
			findings->marked[i / 64] |= 1ULL << i % 64;
			marked++;
		} else {
			continue;
		}
		count_free(findings->free, p - base, size);
	}
	return marked + dropped + span->list.used + span->low == span->made;
}

static void take_out_by_marks(struct span *span,
			      const struct findings *findings)
{
	uint32_t size = span->list.size, i = span->made;
	char *base = span_base(span);
	struct block *kept = NULL;

	while (i--) {
		struct block *block = (void *)(base + (size_t)i * size);

		if (!(findings->marked[i / 64] >> i % 64 & 1) ||
		    span_block_dropped(span, block))
			continue;
		block_link(block, kept);
		kept = block;
	}
	span->list.free = kept;
}

/* Where something looks like a mark: another thread's free, or chance. */
static void count_by_list(const struct span *span, uint16_t *free)
{
	uint32_t size = span->list.size, i;
	char *base = span_base(span);
	struct block *block;

	for (block = span->list.free; block; block = block_next(block))
		count_free(free, (char *)block - base, size);
	for (i = 0; i < span->made; i++)
		if (span_block_dropped(span, base + (size_t)i * size))
			count_free(free, (size_t)i * size, size);
}

static void take_out_by_list(struct span *span)
{
	struct block *block = span->list.free, *next;
	struct block *kept = NULL;

	for (; block; block = next) {
		next = block_next(block);
		if (span_block_dropped(span, block))
			continue;
		block_link(block, kept);
		kept = block;
	}
	span->list.free = kept;
}

static void drop(struct dropping *dropping)
{
	if (dropping->count)
		store_drop(dropping->ranges, dropping->count);
	dropping->count = 0;
}

static void drop_page(struct dropping *dropping, char *page)
{
	struct page_range *last = &dropping->ranges[dropping->count];

	if (dropping->count && last[-1].start + last[-1].size == page) {
		last[-1].size += PAGE_BYTES;
		return;
	}
	last->start = page;
	last->size = PAGE_BYTES;
	dropping->count++;
}

/* Does every block that touches a page look like a free one? */
static bool seems_empty(const struct span *span, uint32_t page)
{
	size_t size = span->list.size, i = page * PAGE_BYTES / size;
	const char *base = span_base(span);

	for (; i < span->made && i * size < (page + 1) * PAGE_BYTES; i++) {
		const char *p = base + i * size;

		if (!span_block_dropped(span, p) && !is_marked(span, p))
			return false;
	}
	return true;
}

/* Quickly, and never false where there is one. */
static bool may_have_empty_page(const struct span *span)
{
	size_t made = span->made * (size_t)span->list.size;
	uint32_t page;

	for (page = 0; page * PAGE_BYTES < made; page++)
		if (!span_is_dropped(span, page) && seems_empty(span, page))
			return true;
	return false;
}

/* Marks pages without a block in use as dropped; how many are. */
static uint32_t find_empty(struct span *span, uint16_t *free, uint32_t pages)
{
	uint32_t page, found = 0;

	for (page = 0; page < pages; page++) {
		if (free[page] < PAGE_BYTES || span_is_dropped(span, page))
			continue;
		span[page / SLICE_PAGES].dropped |= 1U << page % SLICE_PAGES;
		free[page] = FOUND;
		found++;
	}
	return found;
}

static void look(struct span *span, struct dropping *dropping)
{
	struct findings findings = { 0 };
	uint16_t *free = findings.free;
	uint32_t pages, page, found;
	bool by_marks;

	if (!may_have_empty_page(span))
		return;
	by_marks = count_by_marks(span, &findings);
	if (!by_marks) {
		memset(free, 0, sizeof(findings.free));
		count_by_list(span, free);
	}
	pages = made_pages(span, free);
	found = find_empty(span, free, pages);
	if (!found)
		return;
	store_dropped(span_shard(span)->heap->store, found);
	if (by_marks)
		take_out_by_marks(span, &findings);
	else
		take_out_by_list(span);
	for (page = 0; page < pages; page++) {
		if (free[page] != FOUND)
			continue;
		if (dropping->count == RANGES)
			drop(dropping);
		drop_page(dropping, span_base(span) + page * PAGE_BYTES);
	}
}

/* At most at so many; false when there are more. */
static bool look_at_some(struct shard *shard, uint32_t spans)
{
	struct dropping dropping = { .count = 0 };
	unsigned int class;
	uint32_t slice;

	for (class = 0; class < CLASSES; class++) {
		for (slice = shard->first[class]; slice && spans;) {
			struct span *span = table_span(slice);

			slice = span->next;
			if (level(span) <= span->looked)
				continue;
			shard->loose -= loose(span);
			span->looked = level(span);
			look(span, &dropping);
			spans--;
		}
	}
	drop(&dropping);
	return spans;
}

void trim_shard(struct shard *shard)
{
	look_at_some(shard, UINT32_MAX);
}

bool trim_unwanted(struct shard *shard, uint32_t spans)
{
	if (shard->loose_low > loose_limit(shard) / 4 &&
	    !look_at_some(shard, spans))
		return false;
	shard->loose_low = shard->loose;
	return true;
}
