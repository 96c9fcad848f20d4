// SPDX-License-Identifier: MIT
/*
 * Writing down what is in all heaps. See inventory.h.
 *
 * A heap is closed meanwhile, so nothing is allocated here: records go to the file
 * by way of the stack.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/engine.h"
#include "heap/announce.h"
#include "heap/freemap.h"
#include "heap/guarded.h"
#include "heap/heap.h"
#include "heap/heaps.h"
#include "heap/huge.h"
#include "heap/inventory.h"
#include "heap/mixed.h"
#include "heap/region.h"
#include "heap/shard.h"
#include "heap/store.h"

#define FILE_NAME	"ntmem-heaps"
#define RECORD		sizeof(union inventory_record)
#define BUFFERED	64

/* Headers of older systems lack it; so do older kernels. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	0x0008U
#endif

_Static_assert(INVENTORY_PAGES == SLICE_PAGES, "pages of a slice");

/* ----------------------------------------------------------- the writer --- */

struct writer {
	int fd;
	int error;			/* the first one, negative */
	size_t written;			/* bytes */
	unsigned int count;
	union inventory_record records[BUFFERED];
};

static int memory_file(void)
{
	int fd = memfd_create(FILE_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING |
					 MFD_NOEXEC_SEAL);

	if (fd < 0)
		fd = memfd_create(FILE_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

static void flush(struct writer *writer)
{
	size_t size = writer->count * RECORD, done = 0;
	ssize_t wrote;

	writer->count = 0;
	if (writer->written + size > INVENTORY_MAX && !writer->error)
		writer->error = -EFBIG;
	while (done < size && !writer->error) {
		wrote = write(writer->fd, (char *)writer->records + done,
			      size - done);
		if (wrote < 0 && errno != EINTR)
			writer->error = -errno;
		else if (wrote > 0)
			done += wrote;
	}
	writer->written += done;
}

/* The next record, all zero but for its kind. */
static union inventory_record *add(struct writer *writer, uint32_t kind)
{
	union inventory_record *record;

	if (writer->count == BUFFERED)
		flush(writer);
	record = &writer->records[writer->count++];
	*record = (union inventory_record){ .words = { 0 } };
	record->record = kind;
	return record;
}

static struct inventory_area *add_area(struct writer *writer,
				       enum inventory_area_kind kind,
				       const char *base, size_t size)
{
	struct inventory_area *area = &add(writer, INVENTORY_AREA)->area;

	area->kind = kind;
	area->addr = (uintptr_t)base;
	area->size = size;
	return area;
}

/* ---------------------------------------------------------------- slices --- */

/* A few slices side by side, while what is in their pages is added up. */
struct pages {
	uint32_t used[LARGE_SPAN * SLICE_PAGES];	/* bytes */
	bool has_memory[LARGE_SPAN * SLICE_PAGES];
	uint32_t busy[LARGE_SPAN], free[LARGE_SPAN];
};

/* A block in use, from one byte of the slices to another one. */
static void use(struct pages *pages, size_t start, size_t end)
{
	size_t next;

	for (; start < end; start = next) {
		next = (start & ~(PAGE_BYTES - 1)) + PAGE_BYTES;
		if (next > end)
			next = end;
		pages->used[start / PAGE_BYTES] += next - start;
	}
}

static void count_block(struct pages *pages, size_t start, size_t size,
			bool busy)
{
	if (busy) {
		pages->busy[start / SLICE]++;
		use(pages, start, start + size);
	} else {
		pages->free[start / SLICE]++;
	}
}

static uint8_t fill_of(const struct pages *pages, uint32_t page)
{
	uint32_t used = pages->used[page];

	if (!pages->has_memory[page] && !used)
		return INVENTORY_GONE;
	if (!used)
		return INVENTORY_FREE;
	if (used >= PAGE_BYTES)
		return INVENTORY_FULL;
	return INVENTORY_FREE + 1 +
	       used * (INVENTORY_FULL - INVENTORY_FREE - 1) / PAGE_BYTES;
}

static struct inventory_area *
add_slice(struct writer *writer, enum inventory_area_kind kind,
	  const char *base, const struct pages *pages, uint32_t slice)
{
	uint32_t page = slice * SLICE_PAGES, i;
	struct inventory_area *area;

	area = add_area(writer, kind, base + slice * SLICE, SLICE);
	area->busy = pages->busy[slice];
	area->free = pages->free[slice];
	for (i = 0; i < SLICE_PAGES; i++) {
		area->used += pages->used[page + i];
		area->fill[i] = fill_of(pages, page + i);
	}
	return area;
}

/* ----------------------------------------------------------------- spans --- */

static void count_span(const struct span *span, const struct freemap *map,
		       struct pages *pages)
{
	size_t size = span->list.size;
	uint32_t capacity = span_capacity(span), i;

	for (i = 0; i < span->slices * SLICE_PAGES; i++)
		pages->has_memory[i] = !span_is_dropped(span, i);
	for (i = 0; i < capacity; i++)
		count_block(pages, i * size, size,
			    i < span->made && !freemap_has(map, i));
}

static void count_mixed(const struct span *span, const struct freemap *map,
			struct pages *pages)
{
	char *base = span_base(span);
	uint32_t i;

	memset(pages->has_memory, true, sizeof(pages->has_memory));
	for (i = 0; i < SLICE / GRAIN; i++)
		if (mixed_has_block(span, base + i * GRAIN))
			count_block(pages, i * GRAIN,
				    mixed_size(span, base + i * GRAIN),
				    !freemap_has(map, i));
}

static void add_small(struct writer *writer, struct span *span)
{
	bool mixed = span->kind == SPAN_MIXED;
	struct inventory_area *area;
	struct pages pages = { 0 };
	struct freemap map;
	bool whole = freemap_make(&map, span);
	uint32_t i;

	if (mixed)
		count_mixed(span, &map, &pages);
	else
		count_span(span, &map, &pages);
	for (i = 0; i < span->slices; i++) {
		area = add_slice(writer, mixed ? INVENTORY_MIXED :
				 INVENTORY_BLOCKS, span_base(span), &pages, i);
		area->block_size = mixed ? 0 : span->list.size;
		area->damaged = !whole;
	}
}

static void add_large(struct writer *writer, const struct span *span)
{
	size_t size = span->slices * SLICE;
	bool busy = span->kind == SPAN_RUN;
	struct inventory_area *area;

	area = add_area(writer, busy ? INVENTORY_RUN : INVENTORY_CACHED,
			span_base(span), size);
	area->committed = size;
	area->busy = busy;
	area->used = busy ? span->bytes : 0;
}

static void add_shard(struct writer *writer, const struct shard *shard)
{
	uint32_t slice = shard->all;
	struct span *span;

	for (; slice; slice = span->next_of_shard) {
		span = table_span(slice);
		if (span_is_small(span))
			add_small(writer, span);
		else
			add_large(writer, span);
	}
}

static void add_huge(struct writer *writer, const struct heap *heap)
{
	uint32_t slice = heap->huge;
	struct inventory_area *area;
	const struct span *span;

	for (; slice; slice = span->next_of_shard) {
		span = table_span(slice);
		area = add_area(writer, INVENTORY_HUGE, span_base(span),
				huge_reserved(span));
		area->committed = huge_committed(span);
		area->busy = 1;
		area->used = span->bytes;
	}
}

static void add_guarded(struct writer *writer, struct heap *heap)
{
	struct heap_item item = { .addr = NULL };
	struct inventory_area *area;
	uintptr_t start, end;

	while (guarded_next(heap, &item)) {
		start = (uintptr_t)item.addr & ~(PAGE_BYTES - 1);
		end = ((uintptr_t)item.addr + item.size + PAGE_BYTES - 1) &
		      ~(PAGE_BYTES - 1);
		area = add_area(writer, INVENTORY_GUARDED, (char *)start,
				end - start);
		area->committed = end - start;
		area->busy = 1;
		area->used = item.size;
	}
}

/* --------------------------------------------------- heaps of fixed size --- */

/* The slice of a region that is being added up; those without memory are left out. */
struct region_slice {
	struct writer *writer;
	const char *base;		/* of the region */
	size_t size;
	size_t at;			/* of the slice, from there */
	bool any;
	struct pages pages;
};

static void finish_slice(struct region_slice *slice)
{
	struct inventory_area *area;

	if (!slice->any)
		return;
	area = add_slice(slice->writer, INVENTORY_FIXED,
			 slice->base + slice->at, &slice->pages, 0);
	if (area->size > slice->size - slice->at)
		area->size = slice->size - slice->at;
	slice->pages = (struct pages){ .used = { 0 } };
	slice->any = false;
}

static void begin_slice(struct region_slice *slice, size_t offset)
{
	size_t at = offset & ~(SLICE - 1);

	if (at == slice->at && slice->any)
		return;
	finish_slice(slice);
	slice->at = at;
	slice->any = true;
}

static void mark_memory(struct pages *pages, size_t start, size_t end)
{
	size_t page = start / PAGE_BYTES;

	for (; page * PAGE_BYTES < end; page++)
		pages->has_memory[page] = true;
}

/* A block or free memory, as far as it lies in each slice. */
static void add_entry(struct region_slice *slice,
		      const struct heap_region_entry *entry)
{
	size_t start = entry->addr - slice->base;
	size_t end = start + entry->size + entry->overhead, from, to;
	bool busy = entry->state == HEAP_REGION_BUSY;

	begin_slice(slice, start);
	if (busy)
		slice->pages.busy[0]++;
	else
		slice->pages.free[0]++;
	for (; start < end; start = slice->at + to) {
		begin_slice(slice, start);
		from = start - slice->at;
		to = end - slice->at < SLICE ? end - slice->at : SLICE;
		mark_memory(&slice->pages, from, to);
		if (busy)
			use(&slice->pages, from, to);
	}
}

static void add_region(struct writer *writer, const struct heap_region *region)
{
	struct heap_region_entry entry = { .addr = NULL };
	struct region_slice slice = {
		.writer = writer, .base = heap_region_base(region),
		.size = heap_region_reserved(region),
	};

	while (heap_region_next(region, &entry))
		if (entry.state != HEAP_REGION_UNCOMMITTED)
			add_entry(&slice, &entry);
	finish_slice(&slice);
}

/* ------------------------------------------------------------- all heaps --- */

static enum inventory_origin origin_of(const struct heap *heap)
{
	if (heap == &heap_malloc)
		return INVENTORY_MALLOC;
	return heap == &heap_process ? INVENTORY_PROCESS : INVENTORY_CREATED;
}

static struct inventory_heap *add_head(struct writer *writer,
				       const struct heap *heap)
{
	struct inventory_heap *head = &add(writer, INVENTORY_HEAP)->heap;

	head->flags = heap->flags;
	head->handle = (uintptr_t)heap;
	head->origin = origin_of(heap);
	if (heap->region)
		head->maximum = heap_region_reserved(heap->region);
	return head;
}

static void add_closed(struct writer *writer, struct heap *heap)
{
	struct inventory_heap *head = add_head(writer, heap);
	const struct shard *shard;

	for (shard = heap->shards; shard; shard = shard->next)
		head->shards++;
	for (shard = heap->shards; shard; shard = shard->next)
		add_shard(writer, shard);
	add_huge(writer, heap);
	if (heap->region)
		add_region(writer, heap->region);
	if (heap_guarded)
		add_guarded(writer, heap);
}

static void add_heap(struct writer *writer, struct heap *heap)
{
	if (!heap_close_unless_locked(heap)) {
		add_head(writer, heap)->locked = true;
		return;
	}
	add_closed(writer, heap);
	heap_open(heap);
}

/* Of a program whose malloc is another one nothing is in that heap. */
static uint32_t add_heaps(struct writer *writer)
{
	uint32_t count = 0;
	struct heap *heap;

	for (heap = &heap_process; heap; heap = heaps_next(heap), count++)
		add_heap(writer, heap);
	return count;
}

static void add_begin(struct writer *writer)
{
	struct inventory_head *head = &add(writer, INVENTORY_HEAD)->head;
	const struct ntmem_engine *engine = ntmem_engine();

	head->page = PAGE_BYTES;
	if (engine)
		snprintf(head->engine, sizeof(head->engine), "%s",
			 engine->name);
}

static void add_end(struct writer *writer, uint32_t heaps)
{
	struct inventory_end *end = &add(writer, INVENTORY_END)->end;
	struct store *const stores[] = { &store_data, &store_code };
	struct store_stats stats;
	unsigned int i;

	end->heaps = heaps;
	for (i = 0; i < 2; i++) {
		store_stats(stores[i], &stats);
		end->arenas += stats.reserved;
		end->in_use += stats.in_use;
		end->warm += stats.warm;
	}
}

static void write_all(struct writer *writer)
{
	uint32_t heaps;

	heap_init();
	add_begin(writer);
	announce_begin();
	heaps_take();
	heaps = add_heaps(writer);
	heaps_give();
	announce_end();
	add_end(writer, heaps);
	flush(writer);
	if (!writer->error &&
	    fcntl(writer->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW |
		  F_SEAL_WRITE | F_SEAL_SEAL))
		writer->error = -errno;
}

int inventory_make(void)
{
	struct writer writer = { .fd = memory_file() };

	if (writer.fd < 0)
		return writer.fd;
	write_all(&writer);
	if (!writer.error)
		return writer.fd;
	close(writer.fd);
	return writer.error;
}
