// SPDX-License-Identifier: MIT
/*
 * The pages of a region. See region_pages.h.
 */
#include <errno.h>
#include <string.h>

#include "engine/engine.h"
#include "heap/poison.h"
#include "heap/region_pages.h"

/* ------------------------------------------------------------ maps of bits --- */

static bool bit_get(const uint64_t *map, uint64_t bit)
{
	return map[bit / 64] >> bit % 64 & 1;
}

/* Of the word that this bit is in: the bits from it on, but none from to on. */
static uint64_t bit_mask(uint64_t bit, uint64_t to)
{
	uint64_t mask = ~0ULL << bit % 64;

	if (to / 64 == bit / 64)
		mask &= ~(~0ULL << to % 64);
	return mask;
}

static uint64_t bit_next_word(uint64_t bit)
{
	return (bit / 64 + 1) * 64;
}

static void bits_set(uint64_t *map, uint64_t from, uint64_t to)
{
	for (; from < to; from = bit_next_word(from))
		map[from / 64] |= bit_mask(from, to);
}

static void bits_clear(uint64_t *map, uint64_t from, uint64_t to)
{
	for (; from < to; from = bit_next_word(from))
		map[from / 64] &= ~bit_mask(from, to);
}

static size_t bits_count(const uint64_t *map, uint64_t from, uint64_t to)
{
	size_t count = 0;

	for (; from < to; from = bit_next_word(from))
		count += (unsigned int)__builtin_popcountll(map[from / 64] &
							    bit_mask(from, to));
	return count;
}

/* The first bit of [from, to) with this value, or to. */
static uint64_t bits_find(const uint64_t *map, uint64_t from, uint64_t to,
			  bool value)
{
	for (; from < to; from = bit_next_word(from)) {
		uint64_t word = map[from / 64] ^ (value ? 0 : ~0ULL);

		word &= bit_mask(from, to);
		if (word)
			return from / 64 * 64 +
			       (unsigned int)__builtin_ctzll(word);
	}
	return to;
}

static size_t bits_bytes(size_t count)
{
	return (count + 63) / 64 * sizeof(uint64_t);
}

/* ------------------------------------------------------------------------ */

size_t region_pages_bytes(size_t count)
{
	return 2 * bits_bytes(count);
}

void region_pages_init(struct region_pages *pages, char *base, size_t count,
		       uint32_t prot, void *memory)
{
	*pages = (struct region_pages){
		.base = base, .count = count, .prot = prot,
		.is_committed = memory,
		.is_clean = (void *)((char *)memory + bits_bytes(count)),
	};
}

bool region_pages_committed(const struct region_pages *pages, uint64_t page)
{
	return bit_get(pages->is_committed, page);
}

uint64_t region_pages_run(const struct region_pages *pages, uint64_t page,
			  uint64_t limit)
{
	return bits_find(pages->is_committed, page, limit,
			 !bit_get(pages->is_committed, page));
}

size_t region_pages_count(const struct region_pages *pages, uint64_t from,
			  uint64_t to)
{
	return bits_count(pages->is_committed, from, to);
}

/* --------------------------------------------------------------- commit --- */

static struct ntmem_range range_of(const struct region_pages *pages,
				   uint64_t from, uint64_t to)
{
	return (struct ntmem_range){
		.addr = (uintptr_t)pages->base + from * REGION_PAGE,
		.size = (to - from) * REGION_PAGE,
	};
}

/* The call passes over what is committed already, which stays as it is. */
static int commit_range(struct region_pages *pages, uint64_t from, uint64_t to)
{
	struct ntmem_range range = range_of(pages, from, to);
	int error;

	range.prot = pages->prot;
	error = ntmem_engine()->commit(&range);
	if (error)
		return error;
	while (from < to) {
		uint64_t end = region_pages_run(pages, from, to);

		if (!bit_get(pages->is_committed, from)) {
			bits_set(pages->is_committed, from, end);
			bits_set(pages->is_clean, from, end);
			pages->committed += end - from;
		}
		from = end;
	}
	return 0;
}

/* Where the pages end that can be committed together with those before to. */
static uint64_t end_ahead(const struct region_pages *pages, uint64_t to,
			  size_t ahead)
{
	uint64_t most = pages->count - to < ahead ? pages->count : to + ahead;

	return bits_find(pages->is_committed, to, most, true);
}

int region_pages_commit(struct region_pages *pages, uint64_t from, uint64_t to,
			size_t ahead, size_t *got)
{
	size_t before = pages->committed;
	uint64_t more;
	int error;

	*got = 0;
	from = bits_find(pages->is_committed, from, to, false);
	if (from == to)
		return 0;
	more = end_ahead(pages, to, ahead);
	/* A page in use at the end may have got another protection. */
	while (bit_get(pages->is_committed, to - 1))
		more = --to;
	error = commit_range(pages, from, more);
	if (error && more > to)
		error = commit_range(pages, from, to);
	*got = pages->committed - before;
	return error;
}

/* Zeroes what a page has of [from, to). */
static void clear_page(struct region_pages *pages, uint64_t page,
		       uint64_t from, uint64_t to)
{
	uint64_t begin = page * REGION_PAGE, end = begin + REGION_PAGE;

	begin = begin > from ? begin : from;
	end = end < to ? end : to;
	unpoison(pages->base + begin, end - begin);
	memset(pages->base + begin, 0, end - begin);
}

void region_pages_use(struct region_pages *pages, uint64_t from, uint64_t to,
		      bool zero)
{
	uint64_t first = from / REGION_PAGE;
	uint64_t end = (to + REGION_PAGE - 1) / REGION_PAGE;

	for (uint64_t page = first; zero && page < end; page++)
		if (!bit_get(pages->is_clean, page))
			clear_page(pages, page, from, to);
	bits_clear(pages->is_clean, first, end);
}

/* ------------------------------------------------------------- decommit --- */

static void forget_run(struct region_pages *pages, const struct region_run *run)
{
	pages->committed -= region_pages_count(pages, run->from, run->to);
	bits_clear(pages->is_committed, run->from, run->to);
	bits_clear(pages->is_clean, run->from, run->to);
}

/* A batch may end early: what has no status of 0 was not done. */
static void decommit_batch(struct region_pages *pages,
			   const struct region_run *run, unsigned int runs)
{
	struct ntmem_op op[REGION_RUNS];
	struct ntmem_batch batch = {
		.ops = (uintptr_t)op, .count = runs,
	};

	memset(op, 0, sizeof(op[0]) * runs);
	for (unsigned int i = 0; i < runs; i++) {
		op[i].op = NTMEM_NR_DECOMMIT;
		op[i].status = -ECANCELED;
		op[i].range = range_of(pages, run[i].from, run[i].to);
	}
	ntmem_engine()->batch(&batch);
	for (unsigned int i = 0; i < runs; i++)
		if (!op[i].status)
			forget_run(pages, &run[i]);
}

size_t region_pages_decommit(struct region_pages *pages,
			     const struct region_run *run, unsigned int runs)
{
	size_t before = pages->committed;

	if (runs == 1) {
		struct ntmem_range range = range_of(pages, run->from, run->to);

		if (!ntmem_engine()->decommit(&range))
			forget_run(pages, run);
	} else if (runs) {
		decommit_batch(pages, run, runs);
	}
	return before - pages->committed;
}
