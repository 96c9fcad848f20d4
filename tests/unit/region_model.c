// SPDX-License-Identifier: MIT
/*
 * Regions under long random use, beside a model that knows only of granules:
 * which block, if any, each belongs to. Blocks keep their bytes and sizes and
 * lie apart; a block is refused only if there is no room; in the end everything
 * is one free extent again.
 */
#include <errno.h>
#include <string.h>

#include "heap/region.h"
#include "unit.h"

#define BLOCKS		600
#define LARGEST		(1024UL * 1024)

struct block {
	unsigned char *p;	/* NULL: there is none */
	size_t size;
	unsigned char seed;
};

static struct heap_region *region;
static size_t total;			/* granules */
static char *base;
static struct block blocks[BLOCKS];
static short owner[LARGEST / 16];	/* number of the block and one, or 0 */
static size_t allocated;
static uint64_t random_state;

static uint64_t any(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 11) % below;
}

static size_t granules(size_t size)
{
	return size ? (size + 15) / 16 : 1;
}

/* --------------------------------------------------------------- content --- */

static void fill(struct block *block)
{
	block->seed = (unsigned char)any(256);
	for (size_t i = 0; i < block->size; i++)
		block->p[i] = (unsigned char)(block->seed + i * 13);
}

static void assert_filled(const struct block *block, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (block->p[i] != (unsigned char)(block->seed + i * 13))
			ck_abort_msg("a byte has changed");
}

static void assert_zero(const unsigned char *p, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (p[i])
			ck_abort_msg("byte %zu is not zero", i);
}

/* ----------------------------------------------------------------- model --- */

static size_t index_of(const void *p)
{
	return (size_t)((const char *)p - base) / 16;
}

static void own(size_t from, size_t to, size_t before, size_t after)
{
	for (; from < to; from++) {
		ck_assert_int_eq(owner[from], (short)before);
		owner[from] = (short)after;
	}
}

static bool fits(size_t at, size_t length)
{
	if (at + length > total)
		return false;
	for (size_t i = 0; i < length; i++)
		if (owner[at + i])
			return false;
	return true;
}

static bool is_room(size_t length, size_t align)
{
	size_t step = align / 16;

	for (size_t at = 0; at < total; at += step)
		if (!owner[at] && fits(at, length))
			return true;
	return false;
}

/* ------------------------------------------------------------ operations --- */

static size_t any_size(void)
{
	switch (any(16)) {
	case 0: return 0;
	case 1: return any(total * 16 / 4);
	case 2: case 3: case 4: return any(20000);
	case 5: case 6: case 7: return any(2000);
	default: return any(200);
	}
}

static void allocate(size_t i)
{
	size_t align = any(8) ? 16 : 16UL << any(9);
	size_t size = any_size();
	bool zero = any(2);
	struct block *block = &blocks[i];

	block->p = heap_region_alloc(region, size, align, zero);
	if (!block->p) {
		ck_assert(!is_room(granules(size), align));
		return;
	}
	ck_assert_uint_eq((uintptr_t)block->p % align, 0);
	ck_assert(heap_region_contains(region, block->p));
	own(index_of(block->p), index_of(block->p) + granules(size), 0, i + 1);
	if (zero)
		assert_zero(block->p, 0, size);
	block->size = size;
	allocated += size;
	fill(block);
}

static void release(size_t i)
{
	struct block *block = &blocks[i];
	size_t at = index_of(block->p);

	ck_assert_uint_eq(heap_region_size(region, block->p), block->size);
	assert_filled(block, block->size);
	ck_assert_int_eq(heap_region_free(region, block->p), 0);
	ck_assert_int_eq(heap_region_free(region, block->p), -EALREADY);
	own(at, at + granules(block->size), i + 1, 0);
	allocated -= block->size;
	block->p = NULL;
}

static void resize(size_t i)
{
	struct block *block = &blocks[i];
	size_t old = granules(block->size), size = any_size();
	size_t at = index_of(block->p), new = granules(size);
	size_t kept = size < block->size ? size : block->size;
	bool zero = any(2);
	int error = heap_region_resize(region, block->p, size, zero);

	if (error) {
		ck_assert_int_eq(error, -ENOSPC);
		ck_assert(new > old && !fits(at + old, new - old));
		return;
	}
	if (new > old)
		own(at + old, at + new, 0, i + 1);
	else
		own(at + new, at + old, i + 1, 0);
	assert_filled(block, kept);
	if (zero)
		assert_zero(block->p, kept, size);
	allocated += size - block->size;
	block->size = size;
	fill(block);
}

/* A pointer that may be anything. */
static void free_anything(void)
{
	size_t at = any(total);
	char *p = base + at * 16 + (any(4) ? 0 : any(16));
	int wanted = -EALREADY;

	if ((uintptr_t)p % 16)
		wanted = -EINVAL;
	else if (owner[at] && (void *)p != blocks[owner[at] - 1].p)
		wanted = -EINVAL;
	else if (owner[at])
		return;
	ck_assert_int_eq(heap_region_free(region, p), wanted);
}

/* ------------------------------------------------------- what is all right --- */

static void assert_entry(const struct heap_region_entry *entry)
{
	size_t at = index_of(entry->addr);
	size_t end = at + (entry->size + entry->overhead) / 16;
	const struct block *block;

	if (entry->state != HEAP_REGION_BUSY) {
		ck_assert_uint_eq(entry->overhead, 0);
		own(at, end, 0, 0);
		return;
	}
	ck_assert_int_ne(owner[at], 0);
	block = &blocks[owner[at] - 1];
	ck_assert_ptr_eq(entry->addr, block->p);
	ck_assert_uint_eq(entry->size, block->size);
	ck_assert_uint_eq(end - at, granules(block->size));
}

/* Free memory that is in one state is in one piece. */
static void assert_walk(void)
{
	struct heap_region_entry entry = { .addr = NULL };
	enum heap_region_state before = HEAP_REGION_BUSY;
	char *next = base;

	while (heap_region_next(region, &entry)) {
		ck_assert_ptr_eq(entry.addr, next);
		assert_entry(&entry);
		ck_assert(entry.state == HEAP_REGION_BUSY ||
			  entry.state != before);
		before = entry.state;
		next += entry.size + entry.overhead;
	}
	ck_assert_ptr_eq(next, base + total * 16);
}

static void assert_all(void)
{
	struct heap_region_stats stats;

	ck_assert(heap_region_validate(region, NULL));
	heap_region_stats(region, &stats);
	ck_assert_uint_eq(stats.allocated, allocated);
	assert_walk();
	for (size_t i = 0; i < BLOCKS; i++) {
		if (blocks[i].p)
			assert_filled(&blocks[i], blocks[i].size);
	}
}

/* ------------------------------------------------------------------------ */

static void begin(size_t size)
{
	region = heap_region_create(size, 0, PAGE_READWRITE);
	ck_assert_ptr_nonnull(region);
	base = heap_region_base(region);
	total = size / 16;
	allocated = 0;
	memset(blocks, 0, sizeof(blocks));
	memset(owner, 0, sizeof(owner));
}

static void end(void)
{
	for (size_t i = 0, n = any(BLOCKS); i < BLOCKS; i++, n++)
		if (blocks[n % BLOCKS].p)
			release(n % BLOCKS);
	assert_all();
	ck_assert_ptr_eq(heap_region_alloc(region, total * 16, 0, false), base);
	heap_region_destroy(region);
}

/* Grows and shrinks in turn: most blocks there are, or few. */
static void step(bool fuller)
{
	size_t i = any(BLOCKS);

	if (!blocks[i].p) {
		if (fuller || !any(4))
			allocate(i);
	} else if (!any(3)) {
		resize(i);
	} else if (!fuller || !any(4)) {
		release(i);
	}
	if (!any(4))
		free_anything();
	if (!any(500))
		heap_region_trim(region);
}

START_TEST(a_region_is_as_the_model_says)
{
	static const size_t sizes[] = {
		PAGE, 16 * PAGE, 100 * PAGE, LARGEST, LARGEST,
	};
	int steps = under_valgrind() ? 300 : 1500;

	random_state = 0x9e3779b97f4a7c15 + (unsigned int)_i;
	begin(sizes[_i]);
	for (int n = 0; n < steps; n++) {
		step(n / 150 % 2 == 0);
		if (n % 50 == 0)
			assert_all();
	}
	end();
}
END_TEST

TCase *region_model_tests(void)
{
	TCase *tests = tcase_create("region model");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, a_region_is_as_the_model_says, 0, 5);
	return tests;
}
