// SPDX-License-Identifier: MIT
/*
 * Regions: each thing that region.h promises, by itself. What a long random use
 * shows is in region_model.c, and what fails below them in region_failure.c.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "engine/engine.h"
#include "heap/region_internal.h"
#include "unit.h"

#define MIB		(1024UL * 1024)

static struct heap_region *make(size_t maximum, size_t initial)
{
	struct heap_region *region =
		heap_region_create(maximum, initial, NTMEM_PAGE_READWRITE);

	ck_assert_ptr_nonnull(region);
	return region;
}

static void *get(struct heap_region *region, size_t size)
{
	void *p = heap_region_alloc(region, size, 0, false);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq((uintptr_t)p % 16, 0);
	ck_assert_uint_eq(heap_region_size(region, p), size);
	return p;
}

static void put(struct heap_region *region, void *p)
{
	ck_assert_int_eq(heap_region_free(region, p), 0);
}

static void check(struct heap_region *region)
{
	ck_assert(heap_region_validate(region, NULL));
}

static struct heap_region_stats stats_of(struct heap_region *region)
{
	struct heap_region_stats stats;

	heap_region_stats(region, &stats);
	return stats;
}

static size_t committed(struct heap_region *region)
{
	return stats_of(region).committed;
}

/* As the engine has it. */
static size_t really_committed(struct heap_region *region)
{
	char *p = heap_region_base(region);
	char *end = p + heap_region_reserved(region);
	MEMORY_BASIC_INFORMATION run;
	size_t bytes = 0;

	for (; p < end; p += run.RegionSize) {
		query(p, &run);
		ck_assert_ptr_eq(run.AllocationBase, heap_region_base(region));
		if (run.State == MEM_COMMIT)
			bytes += run.RegionSize;
	}
	return bytes;
}

/* ----------------------------------------------------------------- life --- */

START_TEST(a_region_is_one_reservation)
{
	struct heap_region *region = make(10 * PAGE + 1, PAGE + 1);
	char *base = heap_region_base(region);
	struct heap_region_stats stats = stats_of(region);
	MEMORY_BASIC_INFORMATION run;

	ck_assert_uint_eq((uintptr_t)base % GRANULE, 0);
	ck_assert_uint_eq(heap_region_reserved(region), 11 * PAGE);
	ck_assert_uint_eq(stats.reserved, 11 * PAGE);
	ck_assert_uint_eq(stats.committed, 2 * PAGE);
	ck_assert_uint_eq(stats.allocated, 0);
	ck_assert_uint_eq(stats.largest_free, 2 * PAGE);
	assert_run(base, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_run(base + 2 * PAGE, 9 * PAGE, MEM_RESERVE, 0);
	ck_assert(heap_region_contains(region, base));
	ck_assert(heap_region_contains(region, base + 11 * PAGE - 1));
	ck_assert(!heap_region_contains(region, base + 11 * PAGE));
	ck_assert(!heap_region_contains(region, base - 1));
	ck_assert(!heap_region_contains(region, NULL));
	check(region);
	heap_region_destroy(region);
	query(base, &run);
	ck_assert_uint_eq(run.State, MEM_FREE);
}
END_TEST

START_TEST(a_region_of_code)
{
	struct heap_region *region =
		heap_region_create(16 * PAGE, 0, NTMEM_PAGE_EXECUTE_READWRITE);
	char *p;

	ck_assert_ptr_nonnull(region);
	ck_assert_uint_eq(committed(region), PAGE);
	p = get(region, 5 * PAGE);
	p[4 * PAGE] = (char)0xc3;
	ck_assert(can_execute(p + 4 * PAGE));
	heap_region_destroy(region);
}
END_TEST

START_TEST(sizes_that_cannot_be)
{
	struct heap_region *region;

	ck_assert_ptr_null(heap_region_create(0, 0, NTMEM_PAGE_READWRITE));
	ck_assert_ptr_null(heap_region_create(SIZE_MAX, 0,
					      NTMEM_PAGE_READWRITE));
	ck_assert_ptr_null(heap_region_create(SIZE_MAX / 2, 0,
					      NTMEM_PAGE_READWRITE));
	ck_assert_ptr_null(heap_region_create(PAGE, 0, 0));
	region = make(PAGE, SIZE_MAX);
	ck_assert_uint_eq(committed(region), PAGE);
	ck_assert_ptr_null(heap_region_alloc(region, PAGE + 1, 0, false));
	ck_assert_ptr_null(heap_region_alloc(region, SIZE_MAX, 0, false));
	ck_assert_ptr_null(heap_region_alloc(region, SIZE_MAX - 7, 0, true));
	ck_assert_ptr_null(heap_region_alloc(region, 1, 1UL << 63, false));
	heap_region_destroy(region);
}
END_TEST

/* Of what was reserved nothing is lost. */
START_TEST(all_of_it_can_be_had)
{
	static const size_t sizes[] = { 1, 16, 17, 4000, 100000 };
	struct heap_region *region = make(MIB, 0);
	size_t n = 0, granules = (sizes[_i] + 15) / 16;
	char *p = get(region, MIB);

	memset(p, 1, MIB);
	ck_assert_ptr_null(heap_region_alloc(region, 0, 0, false));
	put(region, p);
	while (heap_region_alloc(region, sizes[_i], 0, false))
		n++;
	ck_assert_uint_eq(n, MIB / 16 / granules);
	ck_assert_uint_eq(stats_of(region).allocated, n * sizes[_i]);
	check(region);
	heap_region_destroy(region);
}
END_TEST

/* Its memory costs nothing until it is touched. */
static void *map_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		       MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

/* Far more than could be committed here: only the map of it. */
START_TEST(a_large_map)
{
	const uint64_t granules = 64UL * 1024 * MIB / 16;
	size_t size = region_map_bytes(granules);
	void *memory = map_memory(size);
	struct region_map map;
	uint64_t all;

	region_map_init(&map, granules, memory);
	ck_assert_uint_eq(region_map_first(&map, 0, granules), 0);
	ck_assert_uint_eq(region_map_first(&map, 0, granules + 1), REGION_NONE);
	region_map_take(&map, 0, granules - 70, 70, REGION_BLOCK);
	region_map_take(&map, 0, 5, granules - 80, REGION_BLOCK);
	ck_assert_uint_eq(region_map_first(&map, 0, 5), 0);
	ck_assert_uint_eq(region_map_first(&map, 0, 6), REGION_NONE);
	ck_assert_uint_eq(region_map_first(&map, 1, 1), granules - 75);
	ck_assert_uint_eq(region_map_last(&map, granules - 1, 1),
			  granules - 75);
	ck_assert_uint_eq(region_map_last(&map, granules - 76, 5), 0);
	ck_assert_uint_eq(region_map_length(&map, 5), granules - 80);
	ck_assert_uint_eq(region_map_before(&map, granules - 75), 5);
	ck_assert_uint_eq(region_map_room(&map, 5), granules - 75);
	all = region_map_give(&map, 5);
	ck_assert_uint_eq(all, 0);
	ck_assert_uint_eq(region_map_length(&map, 0), granules - 70);
	ck_assert_uint_eq(region_map_covering(&map, granules / 2), 0);
	ck_assert_uint_eq(region_map_covering(&map, granules - 70),
			  REGION_NONE);
	ck_assert_uint_eq(region_map_give(&map, granules - 70), 0);
	ck_assert_uint_eq(region_map_length(&map, 0), granules);
	munmap(memory, size);
}
END_TEST

/* --------------------------------------------------------------- blocks --- */

START_TEST(sizes_are_exact)
{
	struct heap_region *region = make(MIB, 0);
	char *last = NULL;
	size_t size;

	for (size = 0; size < 600; size++) {
		char *p = get(region, size);
		size_t before = size < 2 ? 16 : (size + 14) / 16 * 16;

		if (last)
			ck_assert_ptr_eq(p, last + before);
		last = p;
	}
	check(region);
	heap_region_destroy(region);
}
END_TEST

START_TEST(blocks_are_aligned)
{
	struct heap_region *region = make(4 * MIB, 0);
	size_t align;

	for (align = 1; align <= MIB; align *= 2) {
		char *odd = get(region, 48);
		char *p = heap_region_alloc(region, 100, align, false);

		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % align, 0);
		ck_assert_uint_eq((uintptr_t)p % 16, 0);
		ck_assert_uint_eq(heap_region_size(region, p), 100);
		memset(p, 1, 100);
		check(region);
		put(region, odd);
	}
	heap_region_destroy(region);
}
END_TEST

/* A hole that is aligned as it happens is used, though none can be moved in. */
START_TEST(an_aligned_block_fits_just_so)
{
	struct heap_region *region = make(64 * PAGE, 0);
	char *base = get(region, 2 * PAGE), *hole = get(region, 2 * PAGE);

	ck_assert_ptr_nonnull(heap_region_alloc(region, 60 * PAGE, 0, false));
	put(region, hole);
	ck_assert_ptr_eq(heap_region_alloc(region, 2 * PAGE, 2 * PAGE, false),
			 base + 2 * PAGE);
	ck_assert_ptr_null(heap_region_alloc(region, 1, 2 * PAGE, false));
	heap_region_destroy(region);
}
END_TEST

START_TEST(what_is_no_block_is_told)
{
	struct heap_region *region = make(MIB, 0);
	struct heap_region *other = make(MIB, 0);
	char *a = get(region, 100), *b = get(region, 5000);
	char *c = get(region, 100), *foreign = get(other, 100);
	char here;

	for (size_t i = 1; i < 5008; i++) {
		ck_assert_int_eq(heap_region_free(region, b + i), -EINVAL);
		ck_assert(!heap_region_validate(region, b + i));
		ck_assert_uint_eq(heap_region_size(region, b + i), (size_t)-1);
		ck_assert_int_eq(heap_region_resize(region, b + i, 1, false),
				 -EINVAL);
	}
	ck_assert_int_eq(heap_region_free(region, NULL), -EINVAL);
	ck_assert_int_eq(heap_region_free(region, &here), -EINVAL);
	ck_assert_int_eq(heap_region_free(region, foreign), -EINVAL);
	ck_assert_int_eq(heap_region_free(region, a + MIB), -EINVAL);
	/* Never was one; is free all the same. */
	ck_assert_int_eq(heap_region_free(region, c + 112), -EALREADY);
	ck_assert_int_eq(heap_region_free(region, c + 113), -EINVAL);
	ck_assert(heap_region_validate(region, b));
	check(region);
	heap_region_destroy(region);
	heap_region_destroy(other);
}
END_TEST

/* Whatever order they go in, and whatever they have merged with since. */
START_TEST(each_block_is_freed_once)
{
	static const int orders[][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	struct heap_region *region = make(MIB, 0);
	char *p[3];

	for (int i = 0; i < 3; i++)
		p[i] = get(region, 3000);
	for (int i = 0; i < 3; i++) {
		put(region, p[orders[_i][i]]);
		for (int j = 0; j <= i; j++) {
			char *gone = p[orders[_i][j]];

			ck_assert_int_eq(heap_region_free(region, gone),
					 -EALREADY);
			ck_assert_uint_eq(heap_region_size(region, gone),
					  (size_t)-1);
			ck_assert_int_eq(heap_region_resize(region, gone, 1,
							    false), -EINVAL);
			ck_assert(!heap_region_validate(region, gone));
		}
		check(region);
	}
	ck_assert_uint_eq(stats_of(region).allocated, 0);
	ck_assert_ptr_eq(get(region, MIB), p[0]);
	heap_region_destroy(region);
}
END_TEST

START_TEST(a_block_that_writes_too_far_harms_no_more_than_blocks)
{
	struct heap_region *region = make(MIB, MIB);
	char *a = get(region, 100), *b = get(region, 100);
	char *c = get(region, 100);

	put(region, b);
	memset(heap_region_base(region), 0xff, MIB);
	check(region);
	ck_assert_uint_eq(heap_region_size(region, c), 100);
	ck_assert_int_eq(heap_region_free(region, b), -EALREADY);
	put(region, c);
	put(region, a);
	ck_assert_ptr_eq(get(region, MIB), a);
	heap_region_destroy(region);
}
END_TEST

/* --------------------------------------------------------------- resize --- */

static void fill(char *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		p[i] = (char)(i * 7 + 1);
}

static bool filled(const char *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] != (char)(i * 7 + 1))
			return false;
	return true;
}

START_TEST(blocks_change_size_in_place)
{
	static const size_t sizes[] = {
		0, 1, 16, 17, 5000, 300000, 4999, 64, 15, 0, 1000, 0, 700000,
	};
	struct heap_region *region = make(MIB, 0);
	char *p = get(region, 40);
	size_t size = 40;

	fill(p, 40);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t kept = size < sizes[i] ? size : sizes[i];

		ck_assert_int_eq(heap_region_resize(region, p, sizes[i],
						    i % 2), 0);
		ck_assert_uint_eq(heap_region_size(region, p), sizes[i]);
		ck_assert(filled(p, kept));
		for (size_t j = kept; i % 2 && j < sizes[i]; j++)
			ck_assert_int_eq(p[j], 0);
		size = sizes[i];
		fill(p, size);
		ck_assert_uint_eq(stats_of(region).allocated, size);
		check(region);
	}
	heap_region_destroy(region);
}
END_TEST

START_TEST(a_block_grows_as_far_as_the_next)
{
	struct heap_region *region = make(MIB, 0);
	char *a = get(region, 100), *b = get(region, 1000);
	char *c = get(region, MIB / 2);

	ck_assert_int_eq(heap_region_resize(region, a, 112, false), 0);
	ck_assert_int_eq(heap_region_resize(region, a, 113, false), -ENOSPC);
	ck_assert_uint_eq(heap_region_size(region, a), 112);
	put(region, b);
	ck_assert_int_eq(heap_region_resize(region, a, 112 + 1008, false), 0);
	ck_assert_int_eq(heap_region_resize(region, a, 112 + 1009, false),
			 -ENOSPC);
	ck_assert_int_eq(heap_region_resize(region, c, MIB, false), -ENOSPC);
	ck_assert_int_eq(heap_region_resize(region, c, SIZE_MAX, false),
			 -ENOSPC);
	ck_assert_int_eq(heap_region_resize(region, c, MIB - 112 - 1008, true),
			 0);
	check(region);
	put(region, a);
	put(region, c);
	ck_assert_ptr_eq(get(region, MIB), a);
	heap_region_destroy(region);
}
END_TEST

START_TEST(zero_is_zero)
{
	struct heap_region *region = make(MIB, 0);
	size_t size;

	for (size = 1; size < 400000; size = size * 3 + 1) {
		char *p = heap_region_alloc(region, size, 0, true);

		ck_assert_ptr_nonnull(p);
		for (size_t i = 0; i < size; i++)
			ck_assert_int_eq(p[i], 0);
		memset(p, 0x5a, size);
		put(region, p);
	}
	heap_region_destroy(region);
}
END_TEST

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_minflt;
}

/* What no block has reached is zero, and nobody need touch it to be sure. */
START_TEST(zero_costs_nothing_where_it_is)
{
	struct heap_region *region = make(16 * MIB, 0);
	char *p = get(region, MIB);
	long before;

	memset(p, 1, MIB);
	put(region, p);
	before = faults();
	p = heap_region_alloc(region, 9 * MIB, 0, true);
	ck_assert_ptr_nonnull(p);
	ck_assert_int_lt(faults() - before, 1000);
	for (size_t i = 0; i < 9 * MIB; i += 127)
		ck_assert_int_eq(p[i], 0);
	heap_region_destroy(region);
}
END_TEST

/* ---------------------------------------------------------------- pages --- */

START_TEST(pages_are_committed_as_they_are_needed)
{
	struct heap_region *region = make(16 * MIB, 3 * PAGE);
	size_t size = 0;

	get(region, 2 * PAGE);
	ck_assert_uint_eq(committed(region), 3 * PAGE);
	for (int i = 0; i < 2000; i++) {
		memset(get(region, 1000), 1, 1000);
		size += 1008;
		ck_assert_uint_ge(committed(region), size + 2 * PAGE);
		ck_assert_uint_le(committed(region), size + 70 * PAGE);
	}
	ck_assert_uint_eq(committed(region), really_committed(region));
	heap_region_destroy(region);
}
END_TEST

START_TEST(pages_come_back)
{
	struct heap_region *region = make(16 * MIB, 0);
	char *low = get(region, 100), *large = get(region, 8 * MIB);
	char *high = get(region, 100);

	memset(large, 1, 8 * MIB);
	put(region, large);
	ck_assert_uint_le(committed(region), MIB / 2);
	ck_assert_uint_eq(committed(region), really_committed(region));
	check(region);
	ck_assert_ptr_eq(heap_region_alloc(region, 8 * MIB, 0, true), large);
	for (size_t i = 0; i < 8 * MIB; i += 509)
		ck_assert_int_eq(large[i], 0);
	put(region, large);
	put(region, low);
	put(region, high);
	heap_region_trim(region);
	ck_assert_uint_eq(committed(region), 0);
	ck_assert_uint_eq(really_committed(region), 0);
	check(region);
	memset(get(region, MIB), 1, MIB);
	heap_region_destroy(region);
}
END_TEST

/* In a region full of holes, each a page and more. */
START_TEST(scattered_pages_come_back)
{
	struct heap_region *region = make(16 * MIB, 0);
	static char *p[400];

	for (int i = 0; i < 400; i++)
		p[i] = get(region, i % 2 ? 16 : 8 * PAGE);
	for (int i = 0; i < 400; i += 2)
		put(region, p[i]);
	ck_assert_uint_le(committed(region), 200 * 3 * PAGE);
	check(region);
	heap_region_trim(region);
	ck_assert_uint_le(committed(region), 200 * PAGE);
	ck_assert_uint_eq(committed(region), really_committed(region));
	for (int i = 1; i < 400; i += 2)
		memset(p[i], 1, 16);
	check(region);
	heap_region_destroy(region);
}
END_TEST

/* Else each turn would cost two calls and a fault for each page. */
START_TEST(blocks_in_turn_are_kept)
{
	struct heap_region *region = make(16 * MIB, 0);
	size_t before = 0;

	for (int i = 0; i < 20; i++) {
		char *p = get(region, MIB);

		put(region, p);
		if (i >= 4)
			ck_assert_uint_eq(committed(region), before);
		before = committed(region);
	}
	ck_assert_uint_ge(before, MIB);
	heap_region_destroy(region);
}
END_TEST

/* Pages of the program's own protection stay so while others are committed. */
START_TEST(a_protection_stays)
{
	struct heap_region *region = make(MIB, 0);
	char *a = get(region, 4 * PAGE - 64), *b = get(region, 60 * PAGE);
	char *c = get(region, 5 * PAGE);
	DWORD old;

	put(region, b);
	heap_region_trim(region);
	assert_ok(VirtualProtect(a, 4 * PAGE, PAGE_READONLY, &old));
	assert_ok(VirtualProtect(c, 4 * PAGE, PAGE_READONLY, &old));
	ck_assert_ptr_eq(get(region, 60 * PAGE), b);
	memset(b + PAGE, 1, 58 * PAGE);
	assert_run(a, 4 * PAGE, MEM_COMMIT, PAGE_READONLY);
	assert_run(a + 4 * PAGE, 59 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_run(a + 63 * PAGE, 5 * PAGE, MEM_COMMIT, PAGE_READONLY);
	heap_region_destroy(region);
}
END_TEST

START_TEST(what_it_knows_takes_little)
{
	struct heap_region *region = make(64 * MIB, 0);

	ck_assert_uint_le(region->mapped, 64 * MIB * 8 / 100);
	heap_region_destroy(region);
	region = make(64 * 1024, 0);
	ck_assert_uint_le(region->mapped, 3 * PAGE);
	heap_region_destroy(region);
}
END_TEST

/* ----------------------------------------------------------------- walk --- */

START_TEST(a_walk_sees_everything_in_order)
{
	struct heap_region *region = make(64 * PAGE, 0);
	char *base = get(region, 100), *b = get(region, 2 * PAGE);
	char *c = get(region, 0), *d = get(region, 8 * PAGE);
	char *e = get(region, 16), *end = base + 64 * PAGE;
	char *first = (char *)(((uintptr_t)d + PAGE - 1) & -PAGE);
	char *last = (char *)((uintptr_t)e & -PAGE);
	const struct heap_region_entry wanted[] = {
		{ base, 100, 12, HEAP_REGION_BUSY },
		{ b, 2 * PAGE, 0, HEAP_REGION_FREE },
		{ c, 0, 16, HEAP_REGION_BUSY },
		{ d, (size_t)(first - d), 0, HEAP_REGION_FREE },
		{ first, (size_t)(last - first), 0, HEAP_REGION_UNCOMMITTED },
		{ last, (size_t)(e - last), 0, HEAP_REGION_FREE },
		{ e, 16, 0, HEAP_REGION_BUSY },
		{ e + 16, PAGE - (uintptr_t)(e + 16) % PAGE, 0,
		  HEAP_REGION_FREE },
		{ last + PAGE, (size_t)(end - last - PAGE), 0,
		  HEAP_REGION_UNCOMMITTED },
	};
	struct heap_region_entry entry = { .addr = NULL };

	put(region, d);
	heap_region_trim(region);
	put(region, b);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		ck_assert(heap_region_next(region, &entry));
		ck_assert_ptr_eq(entry.addr, wanted[i].addr);
		ck_assert_uint_eq(entry.size, wanted[i].size);
		ck_assert_uint_eq(entry.overhead, wanted[i].overhead);
		ck_assert_int_eq(entry.state, wanted[i].state);
	}
	ck_assert(!heap_region_next(region, &entry));
	heap_region_destroy(region);
}
END_TEST

START_TEST(a_walk_from_nowhere_ends)
{
	struct heap_region *region = make(MIB, 0);
	char *p = get(region, 1000);
	struct heap_region_entry entry = { .addr = p, .size = 16 };

	ck_assert(!heap_region_next(region, &entry));
	entry.size = 15;
	ck_assert(!heap_region_next(region, &entry));
	entry.size = MIB;
	ck_assert(!heap_region_next(region, &entry));
	entry.size = SIZE_MAX;
	ck_assert(!heap_region_next(region, &entry));
	heap_region_destroy(region);
}
END_TEST

/* Each is undone again; then all is well. */
static void flip(struct heap_region *region, void *where, size_t size)
{
	char saved[64];

	memcpy(saved, where, size);
	for (size_t i = 0; i < size; i++)
		((char *)where)[i] ^= 0x01;
	ck_assert(!heap_region_validate(region, NULL));
	memcpy(where, saved, size);
	check(region);
}

START_TEST(a_check_finds_what_is_wrong)
{
	struct heap_region *region = make(MIB, 0);
	char *a = get(region, 100), *b = get(region, 8000);
	struct region_leaf *leaf = region->map.leaf;

	get(region, 200);
	put(region, b);
	flip(region, &leaf[0].plane[0], 2);
	flip(region, &leaf[0].plane[1], 2);
	flip(region, &leaf[0].plane[1], 8);
	flip(region, &leaf[0].cross, 8);
	flip(region, &leaf[7].lead, 8);
	flip(region, &leaf[0].slack[0], 1);
	flip(region, &leaf[3].plane[1], 8);
	flip(region, &region->map.level[0][0], 4);
	flip(region, &region->map.level[1][0], 4);
	flip(region, region->pages.is_committed, 1);
	flip(region, &region->pages.committed, 8);
	flip(region, &region->busy, 8);
	flip(region, &region->allocated, 8);
	put(region, a);
	heap_region_destroy(region);
}
END_TEST

TCase *region_tests(void)
{
	TCase *tests = tcase_create("region");

	tcase_add_test(tests, a_region_is_one_reservation);
	tcase_add_test(tests, a_region_of_code);
	tcase_add_test(tests, sizes_that_cannot_be);
	tcase_add_loop_test(tests, all_of_it_can_be_had, 0, 5);
	tcase_add_test(tests, a_large_map);
	tcase_add_test(tests, sizes_are_exact);
	tcase_add_test(tests, blocks_are_aligned);
	tcase_add_test(tests, an_aligned_block_fits_just_so);
	tcase_add_test(tests, what_is_no_block_is_told);
	tcase_add_loop_test(tests, each_block_is_freed_once, 0, 6);
	tcase_add_test(tests,
		       a_block_that_writes_too_far_harms_no_more_than_blocks);
	tcase_add_test(tests, blocks_change_size_in_place);
	tcase_add_test(tests, a_block_grows_as_far_as_the_next);
	tcase_add_test(tests, zero_is_zero);
	tcase_add_test(tests, zero_costs_nothing_where_it_is);
	tcase_add_test(tests, pages_are_committed_as_they_are_needed);
	tcase_add_test(tests, pages_come_back);
	tcase_add_test(tests, scattered_pages_come_back);
	tcase_add_test(tests, blocks_in_turn_are_kept);
	tcase_add_test(tests, a_protection_stays);
	tcase_add_test(tests, what_it_knows_takes_little);
	tcase_add_test(tests, a_walk_sees_everything_in_order);
	tcase_add_test(tests, a_walk_from_nowhere_ends);
	tcase_add_test(tests, a_check_finds_what_is_wrong);
	return tests;
}
