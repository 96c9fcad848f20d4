// SPDX-License-Identifier: MIT
/*
 * Blocks with a reservation each. See huge.h. The descriptor counts what is
 * committed and reserved in pages, in next and prev, which such a span has no
 * other use for.
 */
#include <string.h>

#include "engine/engine.h"
#include "heap/clock.h"
#include "heap/heap.h"
#include "heap/huge.h"
#include "heap/poison.h"
#include "heap/purge.h"
#include "heap/span.h"
#include "heap/store.h"
#include "heap/table.h"

/* Pages are counted in 32 bits: 16 TiB. */
#define HUGE_MAX	((size_t)UINT32_MAX << PAGE_SHIFT)

static size_t to_pages(size_t size)
{
	return (size + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

static bool release(void *base)
{
	struct ntmem_range range = { .addr = (uintptr_t)base };

	return !ntmem_engine()->release(&range);
}

static bool commit(const struct heap *heap, char *base, size_t from, size_t to)
{
	struct ntmem_range range = {
		.addr = (uintptr_t)base + from, .size = to - from,
		.prot = store_prot(heap->store),
	};

	return from >= to || !ntmem_engine()->commit(&range);
}

static void link_huge(struct heap *heap, struct span *span)
{
	span_link(&heap->huge, span);
	heap->huge_bytes += huge_reserved(span);
}

static void unlink_huge(struct heap *heap, struct span *span)
{
	span_unlink(&heap->huge, span);
	heap->huge_bytes -= huge_reserved(span);
}

/* ----------------------------------------------------------------- cache --- */

/*
 * Huge blocks that were freed, and not yet released: as many bytes as the
 * process was seen to miss soon after it gave them back, up to a limit; once it
 * has missed some, or where one is much, all up to that limit may wait (purge.h).
 * The newest is the last one.
 */
#define CACHED		8
#define CACHE_MAX	((size_t)64 << 20)

static struct {
	struct heap_mutex lock;
	uint32_t count;
	struct freed {
		char *base;
		uint32_t prot;
		uint32_t committed, reserved;	/* pages */
		bool seen;		/* by the last purge */
	} freed[CACHED];
	size_t bytes;			/* committed, in those */
	size_t limit;			/* of bytes */
	size_t released;		/* bytes, until they are missed */
	uint64_t released_at;
} cache;

static size_t freed_bytes(const struct freed *freed)
{
	return (size_t)freed->committed << PAGE_SHIFT;
}

static struct freed cache_remove(uint32_t i)
{
	struct freed freed = cache.freed[i];

	cache.count--;
	memmove(&cache.freed[i], &cache.freed[i + 1],
		(cache.count - i) * sizeof(freed));
	cache.bytes -= freed_bytes(&freed);
	return freed;
}

/* What was given back not long ago would have done. */
static void cache_miss(size_t size)
{
	if (cache.released < size || !is_soon_after(cache.released_at))
		return;
	cache.released -= size;
	cache.limit += size + size / 4;
	if (cache.limit > CACHE_MAX)
		cache.limit = CACHE_MAX;
}

/* One that is large enough, and not by more than a quarter. */
static bool cache_get(size_t size, uint32_t prot, struct freed *freed)
{
	uint32_t i;
	bool found = false;

	heap_mutex_take(&cache.lock);
	for (i = cache.count; i-- && !found;) {
		size_t bytes = freed_bytes(&cache.freed[i]);

		found = cache.freed[i].prot == prot && bytes >= size &&
			bytes - size <= size / 4;
		if (found)
			*freed = cache_remove(i);
	}
	if (!found)
		cache_miss(size);
	heap_mutex_give(&cache.lock);
	return found;
}

static void allow_more(const struct freed *freed)
{
	size_t bytes = freed_bytes(freed);

	if (bytes <= CACHE_MAX && cache.bytes + bytes > cache.limit &&
	    purge_later(cache.limit || bytes >= PURGE_MUCH))
		cache.limit = CACHE_MAX;
}

/* What cannot go now, since no mapping can be split, waits for the next time. */
static void release_all(const struct freed *freed, uint32_t count)
{
	while (count--) {
		unpoison_all(freed[count].base, freed_bytes(&freed[count]));
		if (release(freed[count].base))
			continue;
		heap_mutex_take(&cache.lock);
		if (cache.count < CACHED) {
			cache.freed[cache.count++] = freed[count];
			cache.bytes += freed_bytes(&freed[count]);
		}
		heap_mutex_give(&cache.lock);
	}
}

/* Of address space that was not used yet. */
static void give_up(char *base)
{
	const struct freed freed = { .base = base };

	release_all(&freed, 1);
}

/* What there is no room for is released. */
static void cache_put(struct freed freed)
{
	struct freed out[CACHED + 1];
	uint32_t n = 0;

	heap_mutex_take(&cache.lock);
	allow_more(&freed);
	while (cache.count && (cache.count == CACHED ||
			       cache.bytes + freed_bytes(&freed) > cache.limit))
		out[n++] = cache_remove(0);
	if (freed_bytes(&freed) <= cache.limit) {
		poison(freed.base, freed_bytes(&freed));
		cache.freed[cache.count++] = freed;
		cache.bytes += freed_bytes(&freed);
	} else {
		out[n++] = freed;
		cache.limit -= cache.limit / 8;
		cache.released = freed_bytes(&freed);
		cache.released_at = now_ns();
	}
	heap_mutex_give(&cache.lock);
	release_all(out, n);
}

bool huge_trim(void)
{
	struct freed out[CACHED];
	uint32_t n = 0;

	heap_mutex_take(&cache.lock);
	while (cache.count)
		out[n++] = cache_remove(0);
	cache.limit = 0;
	heap_mutex_give(&cache.lock);
	release_all(out, n);
	return n;
}

/* With nothing left it starts learning anew. */
bool huge_purge(void)
{
	struct freed out[CACHED];
	uint32_t n = 0, i;
	bool more;

	heap_mutex_take(&cache.lock);
	for (i = cache.count; i--;) {
		if (cache.freed[i].seen)
			out[n++] = cache_remove(i);
		else
			cache.freed[i].seen = true;
	}
	more = cache.count;
	if (n && !more)
		cache.limit = 0;
	heap_mutex_give(&cache.lock);
	release_all(out, n);
	return more;
}

void huge_make_way(void)
{
	store_enter();
	huge_trim();
	store_trim(&store_data);
	store_trim(&store_code);
	store_leave();
}

/* ------------------------------------------------------------ the blocks --- */

static char *reserve(const struct heap *heap, size_t size, size_t align)
{
	const struct ntmem_engine *engine = ntmem_engine();
	struct ntmem_reserve reserve = {
		.size = size, .prot = store_prot(heap->store),
		.align = align > SLICE ? align : 0,
	};

	if (!engine)
		return NULL;
	if (engine->reserve(&reserve) &&
	    (!store_release_empty(heap->store) || engine->reserve(&reserve)))
		return NULL;
	/* Windows' granularity may have been made smaller than a slice. */
	if (reserve.addr % SLICE || reserve.addr >> TABLE_BITS ||
	    table_cover(slice_of((void *)(uintptr_t)reserve.addr), 1)) {
		give_up((char *)(uintptr_t)reserve.addr);
		return NULL;
	}
	return (char *)(uintptr_t)reserve.addr;
}

/* New memory, with base NULL where there is none. */
static void get_new(const struct heap *heap, size_t size, size_t align,
		    size_t room, struct freed *got)
{
	got->base = reserve(heap, to_pages(room), align);
	if (!got->base && room > size) {
		room = size;
		got->base = reserve(heap, to_pages(room), align);
	}
	got->prot = store_prot(heap->store);
	got->committed = to_pages(size) >> PAGE_SHIFT;
	got->reserved = to_pages(room) >> PAGE_SHIFT;
	if (got->base && !commit(heap, got->base, 0, to_pages(size))) {
		give_up(got->base);
		got->base = NULL;
	}
}

/*
 * Memory for a block: one that was freed, or a new one, which reads zero. What is
 * kept for later makes way where there is nothing else.
 */
static bool huge_get(const struct heap *heap, size_t size, size_t align,
		     size_t room, struct freed *got)
{
	if (align <= SLICE &&
	    cache_get(to_pages(size), store_prot(heap->store), got))
		return false;
	get_new(heap, size, align, room, got);
	if (!got->base) {
		huge_make_way();
		get_new(heap, size, align, room, got);
	}
	return true;
}

struct span *huge_alloc(struct heap *heap, size_t size, size_t align,
			size_t room)
{
	struct freed got;
	struct span *span;
	bool zero;

	if (size > HUGE_MAX - PAGE_BYTES || room > HUGE_MAX - PAGE_BYTES)
		return NULL;
	if (room < size)
		room = size;
	zero = huge_get(heap, size, align, room, &got);
	if (!got.base)
		return NULL;
	span = table_find(got.base);
	memset(span, 0, sizeof(*span));
	span->kind = SPAN_HUGE;
	span->bytes = size;
	span->next = got.committed;
	span->prev = got.reserved;
	span->slices = 1;
	span->zero = zero;
	__atomic_store_n(&span->owner, (uintptr_t)&heap->first | OWNER_RUN,
			 __ATOMIC_RELEASE);
	link_huge(heap, span);
	return span;
}

void huge_free(struct heap *heap, struct span *span)
{
	struct freed freed = {
		.base = span_base(span), .prot = store_prot(heap->store),
		.committed = span->next, .reserved = span->prev,
	};

	/* What the block has left unused. */
	unpoison_all(freed.base + span->bytes,
		     huge_reserved(span) - span->bytes);
	unlink_huge(heap, span);
	memset(span, 0, sizeof(*span));
	cache_put(freed);
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
	span->zero = false;
	if (pages > committed)
		span->next = pages >> PAGE_SHIFT;
	else if (pages < committed)
		decommit(span, pages);
	span->bytes = size;
	return true;
}
