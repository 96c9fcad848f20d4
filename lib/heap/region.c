// SPDX-License-Identifier: MIT
/*
 * A region's life, and its blocks. See region.h.
 */
#include <errno.h>
#include <sys/mman.h>

#include "engine/engine.h"
#include "heap/region_internal.h"

#define HUGE_PAGE	(2 << 20)

static size_t round_up(size_t size, size_t unit)
{
	return (size + unit - 1) / unit * unit;
}

/* ----------------------------------------------------------------- life --- */

static int release(char *base)
{
	struct ntmem_range range = { .addr = (uintptr_t)base };

	return ntmem_engine()->release(&range);
}

static char *reserve(size_t size, uint32_t prot)
{
	struct ntmem_reserve request = { .size = size, .prot = prot };

	if (!ntmem_engine() || ntmem_engine()->reserve(&request))
		return NULL;
	return (char *)(uintptr_t)request.addr;
}

/* Zeroed memory, by single pages as it is touched, between two guard pages. */
static void *map_guarded(size_t size)
{
	char *p = mmap(NULL, size + 2 * REGION_PAGE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (mprotect(p + REGION_PAGE, size, PROT_READ | PROT_WRITE)) {
		munmap(p, size + 2 * REGION_PAGE);
		return NULL;
	}
	if (size >= HUGE_PAGE)
		madvise(p + REGION_PAGE, size, MADV_NOHUGEPAGE);
	return p + REGION_PAGE;
}

static void unmap_guarded(void *p, size_t size)
{
	munmap((char *)p - REGION_PAGE, size + 2 * REGION_PAGE);
}

/* Where the parts of the mapping begin. */
#define PAGES_AT	round_up(sizeof(struct heap_region), 64)

static size_t map_at(size_t pages)
{
	return round_up(PAGES_AT + region_pages_bytes(pages), 64);
}

static struct heap_region *make(char *base, size_t size, uint32_t prot)
{
	size_t pages = size / REGION_PAGE;
	uint64_t granules = size / HEAP_REGION_GRANULE;
	size_t mapped = round_up(map_at(pages) + region_map_bytes(granules),
				 REGION_PAGE);
	struct heap_region *region = map_guarded(mapped);

	if (!region)
		return NULL;
	region->base = base;
	region->size = size;
	region->mapped = mapped;
	region_pages_init(&region->pages, base, pages, prot,
			  (char *)region + PAGES_AT);
	region_map_init(&region->map, granules,
			(char *)region + map_at(pages));
	return region;
}

struct heap_region *heap_region_create(size_t maximum, size_t initial,
				       uint32_t prot)
{
	size_t size = round_up(maximum, REGION_PAGE), got;
	struct heap_region *region = NULL;
	char *base = size >= maximum && size ? reserve(size, prot) : NULL;

	if (!base)
		return NULL;
	if (initial > maximum)
		initial = maximum;
	initial = initial ? round_up(initial, REGION_PAGE) : REGION_PAGE;
	region = make(base, size, prot);
	if (region) {
		region->warmth.initial = initial;
		if (!region_pages_commit(&region->pages, 0,
					 initial / REGION_PAGE, 0, &got))
			return region;
	}
	if (region)
		unmap_guarded(region, region->mapped);
	release(base);
	return NULL;
}

void heap_region_destroy(struct heap_region *region)
{
	release(region->base);
	unmap_guarded(region, region->mapped);
}

/* --------------------------------------------------------------- blocks --- */

static uint64_t granules_of(size_t size)
{
	return size ? (size + HEAP_REGION_GRANULE - 1) / HEAP_REGION_GRANULE : 1;
}

static enum region_kind kind_of(size_t size)
{
	return size ? REGION_BLOCK : REGION_EMPTY;
}

/* A place for a block within a free extent: granules. */
struct place {
	uint64_t extent;
	uint64_t skip;
	uint64_t length;
};

static uint64_t place_begin(const struct place *place)
{
	return place->extent + place->skip;
}

static uint64_t place_end(const struct place *place)
{
	return place_begin(place) + place->length;
}

/* The next free extent from place->extent on that has room. */
static bool find_place(const struct heap_region *region, size_t align,
		       struct place *place)
{
	const struct region_map *map = &region->map;
	uintptr_t addr;

	for (;; place->extent++) {
		place->extent = region_map_first(map, place->extent,
						 place->length);
		if (place->extent == REGION_NONE)
			return false;
		addr = (uintptr_t)region->base +
		       place->extent * HEAP_REGION_GRANULE;
		place->skip = (-addr & (align - 1)) / HEAP_REGION_GRANULE;
		if (place->skip + place->length <=
		    region_map_length(map, place->extent))
			return true;
	}
}

static bool is_committed(const struct heap_region *region,
			 const struct place *place)
{
	uint64_t from = region_page(place_begin(place));
	uint64_t to = region_page_end(place_end(place));

	return region_pages_count(&region->pages, from, to) == to - from;
}

/*
 * Finds a place and commits it. Where there is nothing more to commit, a place
 * that needs none will do, too.
 */
static bool make_place(struct heap_region *region, size_t align,
		       struct place *place)
{
	if (!find_place(region, align, place))
		return false;
	if (!region_commit(region, place_begin(place), place_end(place)))
		return true;
	do {
		place->extent++;
		if (!find_place(region, align, place))
			return false;
	} while (!is_committed(region, place));
	return true;
}

static void use(struct heap_region *region, uint64_t at, size_t from,
		size_t to, bool zero)
{
	size_t offset = at * HEAP_REGION_GRANULE;

	region_pages_use(&region->pages, offset + from, offset + to, zero);
}

/* The bytes of the last granule that a block of this size leaves unused. */
static unsigned int slack_of(size_t size)
{
	return -size % HEAP_REGION_GRANULE;
}

void *heap_region_alloc(struct heap_region *region, size_t size, size_t align,
			bool zero)
{
	struct place place = { .length = granules_of(size) };
	uint64_t at;

	if (size > region->size || align > region->size)
		return NULL;
	if (align < HEAP_REGION_GRANULE)
		align = HEAP_REGION_GRANULE;
	if (!make_place(region, align, &place))
		return NULL;
	region_map_take(&region->map, place.extent, place.skip, place.length,
			kind_of(size));
	at = place_begin(&place);
	region_map_set_slack(&region->map, at, slack_of(size));
	region->busy += place.length;
	region->allocated += size;
	use(region, at, 0, size, zero);
	return region->base + at * HEAP_REGION_GRANULE;
}

/* Why is there no block? */
static int no_block(const struct heap_region *region, const void *p)
{
	uint64_t at = region_granule(region, p);

	if (at == REGION_NONE ||
	    region_map_covering(&region->map, at) == REGION_NONE)
		return -EINVAL;
	return -EALREADY;
}

int heap_region_free(struct heap_region *region, void *block)
{
	uint64_t at = region_block(region, block);

	if (at == REGION_NONE)
		return no_block(region, block);
	region->allocated -= region_block_size(region, at);
	region->busy -= region_map_length(&region->map, at);
	region_map_give(&region->map, at);
	region_cool(region);
	return 0;
}

int heap_region_resize(struct heap_region *region, void *block, size_t size,
		       bool zero)
{
	uint64_t at = region_block(region, block);
	uint64_t length = granules_of(size), old_length;
	size_t old;

	if (at == REGION_NONE)
		return -EINVAL;
	if (size > region->size || length > region_map_room(&region->map, at))
		return -ENOSPC;
	old_length = region_map_length(&region->map, at);
	if (length > old_length &&
	    region_commit(region, at + old_length, at + length))
		return -ENOMEM;
	old = region_block_size(region, at);
	region_map_resize(&region->map, at, length, kind_of(size));
	region_map_set_slack(&region->map, at, slack_of(size));
	region->busy += length - old_length;
	region->allocated += size - old;
	if (size > old)
		use(region, at, old, size, zero);
	else if (length < old_length)
		region_cool(region);
	return 0;
}

/* ------------------------------------------------------------- questions --- */

size_t heap_region_size(const struct heap_region *region, const void *block)
{
	uint64_t at = region_block(region, block);

	return at == REGION_NONE ? (size_t)-1 : region_block_size(region, at);
}

bool heap_region_contains(const struct heap_region *region, const void *p)
{
	return (uintptr_t)p - (uintptr_t)region->base < region->size;
}

char *heap_region_base(const struct heap_region *region)
{
	return region->base;
}

size_t heap_region_reserved(const struct heap_region *region)
{
	return region->size;
}
