// SPDX-License-Identifier: MIT
/*
 * Blocks that end at a page which nobody can touch. See guarded.h.
 *
 * A block in use is in its heap's list, under the heap's lock, too: who closes
 * the heap finds nothing change. All else is under one lock of this file's.
 */
#include <string.h>

#include "heap/check.h"
#include "heap/fast.h"
#include "heap/fill.h"
#include "heap/guarded.h"
#include "heap/heap.h"
#include "heap/heaps.h"
#include "heap/meta.h"
#include "heap/region.h"
#include "heap/report.h"
#include "heap/slot.h"
#include "heap/store.h"
#include "heap/uservalue.h"

#define AROUND		0xab		/* in the bytes around a block */
#define FREED		0xfe		/* where a freed one stays open */
#define BUCKETS		4096		/* at first */
/* What is freed is used again after so much else was freed. */
#define LATE_BLOCKS	16384
#define LATE_BYTES	((size_t)256 << 20)
/* What HeapAlloc gives at most of a heap of fixed size. */
#define FIXED_BLOCK_MAX	0xfffe0

/* A slot, and the block that is or was in it. */
struct guarded {
	char *p;			/* the block */
	size_t size;			/* as asked for */
	char *end;			/* the page that nobody can touch */
	char *base;			/* of the slot */
	size_t pages;			/* of the slot */
	struct heap *heap;		/* NULL: the block was freed */
	struct guarded *next, *prev;	/* of the heap; late; of free slots */
	struct guarded *next_in_bucket;
	bool dirty;			/* the slot could not be closed */
};

bool heap_guarded;

static struct {
	struct heap_mutex lock;
	struct guarded **buckets;	/* by the block's address */
	size_t bucket_count, count;
	struct guarded *late, *latest;	/* freed, from the oldest on */
	size_t late_blocks, late_bytes;
	struct guarded *unused[SLOT_PAGES + 1];	/* by pages */
	size_t open, open_limit;
} all;

void guarded_init(void)
{
	if (!check_is_wanted("full"))
		return;
	all.buckets = meta_alloc(BUCKETS * sizeof(*all.buckets));
	if (!all.buckets)
		return;
	all.bucket_count = BUCKETS;
	all.open_limit = slot_limit();
	heap_guarded = true;
}

/* ------------------------------------------------------- finding by address --- */

static struct guarded **bucket_of(const void *p)
{
	uint64_t key = (uintptr_t)p / GRAIN * 0x9e3779b97f4a7c15;

	return &all.buckets[key >> 32 & (all.bucket_count - 1)];
}

static void grow_buckets(void)
{
	struct guarded **old = all.buckets, *block, *next, **bucket;
	size_t count = all.bucket_count, i;

	all.buckets = meta_alloc(2 * count * sizeof(*old));
	if (!all.buckets) {
		all.buckets = old;
		return;
	}
	all.bucket_count = 2 * count;
	for (i = 0; i < count; i++)
		for (block = old[i]; block; block = next) {
			next = block->next_in_bucket;
			bucket = bucket_of(block->p);
			block->next_in_bucket = *bucket;
			*bucket = block;
		}
	meta_free(old, count * sizeof(*old));
}

static void enter(struct guarded *block)
{
	struct guarded **bucket;

	if (++all.count > all.bucket_count)
		grow_buckets();
	bucket = bucket_of(block->p);
	block->next_in_bucket = *bucket;
	*bucket = block;
}

static void forget(struct guarded *block)
{
	struct guarded **link = bucket_of(block->p);

	while (*link != block)
		link = &(*link)->next_in_bucket;
	*link = block->next_in_bucket;
	all.count--;
}

/* The block that begins at p, or was freed there and nothing came since. */
static struct guarded *find_locked(const void *p)
{
	struct guarded *block = *bucket_of(p);

	while (block && block->p != p)
		block = block->next_in_bucket;
	return block;
}

static struct guarded *find(const void *p)
{
	struct guarded *block;

	heap_mutex_take(&all.lock);
	block = find_locked(p);
	heap_mutex_give(&all.lock);
	return block;
}

static bool is_of_process(const struct heap *heap)
{
	return heap == &heap_process || heap == &heap_malloc;
}

static bool is_of(const struct guarded *block, const struct heap *heap)
{
	return block->heap == heap ||
	       (is_of_process(block->heap) && is_of_process(heap));
}

/* Ends the process for p that is no block of the heap, if it lies in a slot. */
static struct guarded *find_block(const struct heap *heap, const void *p,
				  const char *call)
{
	struct guarded *block = find(p);

	if (block && !block->heap)
		heap_report(heap, p, block->size, call,
			    "the block is free already");
	if (block && !is_of(block, heap))
		heap_report(heap, p, block->size, call,
			    "a block of another heap");
	if (!block && slot_is_known(p))
		heap_report(heap, p, 0, call, "no block begins there");
	return block;
}

/* --------------------------------------------------------- around the block --- */

static char *open_start(const struct guarded *block)
{
	return (char *)((uintptr_t)block->p & ~(PAGE_BYTES - 1));
}

static bool is_around(const char *from, const char *to)
{
	for (; from < to; from++)
		if ((unsigned char)*from != AROUND)
			return false;
	return true;
}

static const char *what_is_written(const struct guarded *block)
{
	if (!is_around(block->p + block->size, block->end))
		return "something was written beyond its end";
	if (!is_around(open_start(block), block->p))
		return "something was written before its start";
	return NULL;
}

static void check_around(const struct guarded *block, const char *call)
{
	const char *what = what_is_written(block);

	if (what)
		heap_report(block->heap, block->p, block->size, call, what);
}

static void check_blocks(struct heap *heap, const char *call)
{
	struct guarded *block;

	for (block = heap->guarded; block; block = block->next)
		check_around(block, call);
}

static void fill_block(struct guarded *block, bool zero)
{
	char *end = block->p + block->size;

	memset(open_start(block), AROUND, block->p - open_start(block));
	memset(end, AROUND, block->end - end);
	if (!zero)
		fill_new(block->p, block->size);
	else if (block->dirty)
		memset(block->p, 0, block->size);
}

/* --------------------------------------------------------------- its slot --- */

static struct guarded *slot_get(size_t pages)
{
	struct guarded *block = pages <= SLOT_PAGES ? all.unused[pages] : NULL;

	if (block) {
		all.unused[pages] = block->next;
		forget(block);
		return block;
	}
	block = meta_alloc(sizeof(*block));
	if (!block)
		return NULL;
	block->base = slot_make(pages);
	block->pages = pages;
	if (block->base)
		return block;
	meta_free(block, sizeof(*block));
	return NULL;
}

/* Of a block that is in no bucket. */
static void slot_drop(struct guarded *block)
{
	slot_unmake(block->base, block->pages);
	meta_free(block, sizeof(*block));
}

/* The block that was in it is known until the slot is used again. */
static void slot_put(struct guarded *block)
{
	if (block->pages > SLOT_PAGES) {
		forget(block);
		slot_drop(block);
		return;
	}
	block->next = all.unused[block->pages];
	all.unused[block->pages] = block;
}

/*
 * As far to the right as the alignment lets it. A block of size 0 has a byte,
 * so that it is in the slot.
 */
static void place(struct guarded *block, size_t size, size_t align)
{
	uintptr_t end = (uintptr_t)block->base + block->pages * PAGE_BYTES;
	size_t least = size ? size : 1;

	block->size = size;
	block->p = (char *)((end - least) & ~(align - 1));
	end = (uintptr_t)block->p + least + PAGE_BYTES - 1;
	block->end = (char *)(end & ~(PAGE_BYTES - 1));
}

static struct guarded *make(struct heap *heap, size_t size, size_t align)
{
	size_t pages = ((size ? size : 1) + PAGE_BYTES - 1) / PAGE_BYTES;
	struct guarded *block;

	if (all.open >= all.open_limit)
		return NULL;
	if (align > PAGE_BYTES)
		pages += align / PAGE_BYTES - 1;
	block = slot_get(pages);
	if (!block)
		return NULL;
	place(block, size, align);
	if (slot_open(open_start(block), block->end - open_start(block),
		      heap->store == &store_code)) {
		all.open++;
		enter(block);
		return block;
	}
	if (pages > SLOT_PAGES) {
		slot_drop(block);
	} else {
		enter(block);
		slot_put(block);
	}
	return NULL;
}

/* --------------------------------------------------------------- allocating --- */

static void link_block(struct heap *heap, struct guarded *block)
{
	block->heap = heap;
	block->prev = NULL;
	block->next = heap->guarded;
	if (block->next)
		block->next->prev = block;
	heap->guarded = block;
	heap->guarded_bytes += block->size;
}

static void unlink_block(struct heap *heap, struct guarded *block)
{
	if (block->prev)
		block->prev->next = block->next;
	else
		heap->guarded = block->next;
	if (block->next)
		block->next->prev = block->prev;
	heap->guarded_bytes -= block->size;
	block->heap = NULL;
}

static bool is_full(const struct heap *heap, size_t size)
{
	return heap->region &&
	       (size > FIXED_BLOCK_MAX || size + heap->guarded_bytes >
					  heap_region_reserved(heap->region));
}

void *guarded_alloc(struct heap *heap, size_t size, size_t align, bool zero)
{
	struct guarded *block = NULL;

	if (size > PTRDIFF_MAX || align > PTRDIFF_MAX / 2)
		return NULL;
	heap_take(heap);
	heap_mutex_take(&all.lock);
	if (!is_full(heap, size))
		block = make(heap, size, align < GRAIN ? GRAIN : align);
	if (block) {
		fill_block(block, zero);
		link_block(heap, block);
	}
	heap_mutex_give(&all.lock);
	heap_give(heap);
	return block ? block->p : NULL;
}

/* ----------------------------------------------------------------- freeing --- */

static void use_again(void)
{
	struct guarded *block = all.late;

	all.late = block->next;
	all.late_blocks--;
	all.late_bytes -= block->pages * PAGE_BYTES;
	slot_put(block);
}

static void put_late(struct guarded *block)
{
	block->next = NULL;
	if (all.late)
		all.latest->next = block;
	else
		all.late = block;
	all.latest = block;
	all.late_blocks++;
	all.late_bytes += block->pages * PAGE_BYTES;
	while (all.late && (all.late_blocks > LATE_BLOCKS ||
			    all.late_bytes > LATE_BYTES))
		use_again();
}

static void retire(struct heap *heap, struct guarded *block)
{
	char *start = open_start(block);

	unlink_block(heap, block);
	block->dirty = !slot_close(start, block->end - start);
	if (block->dirty)
		memset(block->p, FREED, block->size);
	all.open--;
	put_late(block);
}

bool guarded_free(struct heap *heap, void *p, const char *call)
{
	struct guarded *block = find_block(heap, p, call);
	struct heap *owner = block ? block->heap : NULL;
	bool freed = false;

	if (!owner)
		return false;
	heap_take(owner);
	user_values_remove(owner, p);
	check_around(block, call);
	heap_mutex_take(&all.lock);
	/* Another thread may have been quicker. */
	if (find_locked(p) == block && block->heap == owner) {
		retire(owner, block);
		freed = true;
	}
	heap_mutex_give(&all.lock);
	heap_give(owner);
	return freed || guarded_free(heap, p, call);
}

void guarded_destroy(struct heap *heap)
{
	check_blocks(heap, "HeapDestroy");
	heap_mutex_take(&all.lock);
	while (heap->guarded)
		retire(heap, heap->guarded);
	heap_mutex_give(&all.lock);
}

/* ------------------------------------------------------------------- sizes --- */

bool guarded_has(const struct heap *heap, const void *p)
{
	struct guarded *block = find(p);

	return block && block->heap && is_of(block, heap);
}

bool guarded_ask_size(struct heap *heap, const void *p, size_t *size)
{
	struct guarded *block = find(p);

	if (!block || !block->heap || !is_of(block, heap))
		return false;
	*size = block->size;
	return true;
}

bool guarded_size(struct heap *heap, const void *p, size_t *size,
		  const char *call)
{
	struct guarded *block = find_block(heap, p, call);

	if (!block)
		return false;
	*size = block->size;
	return true;
}

/* In the pages that are open; one that is needed no more stays so. */
static bool resize(struct guarded *block, size_t size, bool zero)
{
	size_t old = block->size, room = block->end - block->p;

	if (size > room)
		return false;
	block->size = size;
	block->heap->guarded_bytes += size - old;
	memset(block->p + size, AROUND, room - size);
	if (size > old && zero)
		memset(block->p + old, 0, size - old);
	return true;
}

bool guarded_resize(struct heap *heap, void *p, size_t size, bool zero,
		    const char *call, bool *done)
{
	struct guarded *block = find_block(heap, p, call);

	if (!block)
		return false;
	heap_take(block->heap);
	check_around(block, call);
	*done = resize(block, size, zero);
	heap_give(block->heap);
	return true;
}

/* ------------------------------------------------------------ from outside --- */

bool guarded_next(struct heap *heap, struct heap_item *item)
{
	struct guarded *block = item->addr ? find(item->addr) : NULL;

	if (block && block->heap == heap)
		block = block->next;
	else
		block = heap->guarded;
	if (!block)
		return false;
	*item = (struct heap_item){ block->p, block->size, 0, ITEM_LARGE };
	return true;
}

bool guarded_is_whole(struct heap *heap, const void *p)
{
	struct guarded *block;

	if (p) {
		block = find(p);
		return block && !what_is_written(block);
	}
	for (block = heap->guarded; block; block = block->next)
		if (what_is_written(block))
			return false;
	return true;
}

void guarded_after_fork(void)
{
	all.lock = (struct heap_mutex){ 0 };
}

/* Whoever has locked it may never give the lock back. */
static void check_heap_at_exit(struct heap *heap)
{
	if (heap_is_held(heap)) {
		check_blocks(heap, "exit");
	} else if (heap_mutex_try(&heap->lock)) {
		check_blocks(heap, "exit");
		heap_mutex_give(&heap->lock);
	}
}

/* What was not freed until the end is looked at there. */
__attribute__((destructor)) static void check_at_exit(void)
{
	struct heap *heap;

	if (!heap_guarded)
		return;
	heaps_take();
	for (heap = &heap_process; heap; heap = heap->next)
		check_heap_at_exit(heap);
	check_heap_at_exit(&heap_malloc);
	heaps_give();
}
