// SPDX-License-Identifier: MIT
/*
 * The generator. It plays the sequence on a model while it makes it, so that
 * most calls are about something that is there, and leaves out what the
 * header does not specify. No engine takes part.
 */
#include <stdlib.h>
#include <string.h>

#include "../dice.h"
#include "generate.h"
#include "model.h"

#define CHECK_EVERY	48
#define FORK_DEPTH	2

/*
 * Chance comes from @dice, or from the bytes that somebody chose; a search for
 * a page has only its beginning from there, so that it does not use them up.
 */
struct generator {
	struct sequence *seq;
	struct model *model;
	struct dice dice;
	const uint8_t *bytes;
	size_t left;
	int searches;
	u64 window_end;
	int depth;
	u64 since_check;
};

/* ---------------------------------------------------------------- chance */

/* As few bytes as hold a number below @n; zeroes when they are used up. */
static u64 from_bytes(struct generator *g, u64 n)
{
	u64 x = 0;

	for (u64 room = 1; room < n; room <<= 8) {
		x <<= 8;
		if (g->left) {
			x |= *g->bytes++;
			g->left--;
		}
		if (room > ~0ULL >> 8)
			break;
	}
	return x % n;
}

static u64 below(struct generator *g, u64 n)
{
	if (g->bytes && !g->searches)
		return from_bytes(g, n);
	return dice_u64(&g->dice) % n;
}

static void begin_search(struct generator *g)
{
	if (g->bytes && !g->searches)
		g->dice.state = from_bytes(g, 1 << 16);
	g->searches++;
}

static void end_search(struct generator *g)
{
	g->searches--;
}

static bool one_in(struct generator *g, u64 n)
{
	return below(g, n) == 0;
}

static u64 pick(struct generator *g, const u64 *values, u64 n)
{
	return values[below(g, n)];
}

#define PICK(g, values) pick(g, values, sizeof(values) / sizeof((values)[0]))

/* -------------------------------------------------------------- operands */

static u64 nowhere(struct generator *g)
{
	static const u64 places[] = {
		0, 1, 0x800, 0x8000, 0x7ffffffff000ULL, 0x800000000000ULL,
		0xffff800000000000ULL, 0xfffffffffffff000ULL, ~0ULL,
	};

	return PICK(g, places);
}

static u64 some_page(struct generator *g)
{
	u64 pages = g->model->areas[0].count;

	return g->model->areas[0].base + below(g, pages) * PAGE;
}

static u64 page_of_area(struct generator *g)
{
	const struct area *area = &g->model->areas[1 + below(g, AREAS - 1)];

	if (!area->pages)
		return some_page(g);
	return area->base + below(g, area->count) * PAGE;
}

/* A page that is in a reservation, mostly; in the window, mostly. */
static u64 used_page(struct generator *g)
{
	u64 addr;

	begin_search(g);
	addr = some_page(g);
	for (int i = 0; i < 24; i++) {
		struct page *page;

		addr = one_in(g, 4) ? page_of_area(g) : some_page(g);
		page = model_page(g->model, addr);
		if (page->reservation)
			break;
	}
	end_search(g);
	return addr;
}

/* Draws until a page is wanted, or so many times; tried says how often yet. */
static u64 search(struct generator *g, u64 (*draw)(struct generator *g),
		  bool (*wanted)(const struct generator *g,
				 const struct page *page, int tried),
		  int tries)
{
	u64 addr;

	begin_search(g);
	addr = draw(g);
	for (int i = 0; i < tries; i++) {
		if (wanted(g, model_page(g->model, addr), i))
			break;
		addr = draw(g);
	}
	end_search(g);
	return addr;
}

static bool is_committed(const struct generator *g, const struct page *page,
			 int tried)
{
	(void)g;
	(void)tried;
	return page->state == PAGE_COMMITTED;
}

/* One where most operations have an effect. */
static u64 committed_page(struct generator *g)
{
	return search(g, used_page, is_committed, 24);
}

static bool is_locked(const struct generator *g, const struct page *page,
		      int tried)
{
	(void)g;
	(void)tried;
	return page->locked;
}

static u64 locked_page(struct generator *g)
{
	return search(g, committed_page, is_locked, 100);
}

static bool is_watched(const struct generator *g, const struct page *page,
		       int tried)
{
	return page->written ||
	       (g->model->reservations[page->reservation].watched &&
		tried > 8);
}

/* One that was written to, or of which that would be known. */
static u64 watched_page(struct generator *g)
{
	return search(g, used_page, is_watched, 24);
}

static bool is_callable(const struct generator *g, const struct page *page,
			int tried)
{
	(void)g;
	(void)tried;
	return page->stamp && model_executable(page);
}

/* One that holds something to call. */
static u64 callable_page(struct generator *g)
{
	return search(g, committed_page, is_callable, 100);
}

static const struct reservation *reservation_of(const struct generator *g,
						const struct page *page)
{
	return &g->model->reservations[page->reservation];
}

static bool is_of_placeholder(const struct generator *g,
			      const struct page *page, int tried)
{
	(void)tried;
	return reservation_of(g, page)->placeholder;
}

static u64 placeholder_page(struct generator *g)
{
	return search(g, used_page, is_of_placeholder, 60);
}

static bool has_replaced(const struct generator *g, const struct page *page,
			 int tried)
{
	(void)tried;
	return reservation_of(g, page)->replaced;
}

static u64 replaced_page(struct generator *g)
{
	return search(g, used_page, has_replaced, 60);
}

static void extent(struct generator *g, u64 addr, u64 *base, u64 *end)
{
	struct page *page = model_page(g->model, addr);
	uint32_t id = page ? page->reservation : 0;

	*base = addr;
	*end = addr + PAGE;
	if (!id)
		return;
	*base = g->model->reservations[id].base;
	while ((page = model_page(g->model, *end)) && page->reservation == id)
		*end += PAGE;
}

/* Bytes into a page; off by one is where rounding goes wrong. */
static u64 odd_bytes(struct generator *g)
{
	switch (below(g, 3)) {
	case 0:
		return 1;
	case 1:
		return PAGE - 1;
	default:
		return below(g, PAGE);
	}
}

static u64 few_pages(struct generator *g)
{
	static const u64 pages[] = { 1, 1, 1, 2, 2, 3, 4, 5, 7, 8, 15, 16,
				     17, 33, 64 };

	return PICK(g, pages) * PAGE;
}

static u64 huge(struct generator *g)
{
	static const u64 sizes[] = {
		1ULL << 30, 1ULL << 40, 0x7f0000000000ULL, 1ULL << 47,
		1ULL << 63, ~0ULL, ~0xfffULL, ~0ULL - 0x100000000000ULL,
	};

	return PICK(g, sizes);
}

/* Part of a reservation, all of it, or a little too much. */
static void range_at(struct generator *g, u64 page, u64 *addr, u64 *size)
{
	u64 base, end;

	extent(g, page, &base, &end);
	*addr = page;
	*size = few_pages(g);
	switch (below(g, 8)) {
	case 0:
		*addr = base;
		*size = end - base;
		break;
	case 1:
		*size = end - page;
		break;
	case 2:
		*size = end - page + PAGE;
		break;
	case 3:
		*addr = base;
		break;
	case 4:
		*addr = end - PAGE;
		*size = PAGE;
		break;
	default:
		if (*size > end - page && !one_in(g, 4))
			*size = end - page;
	}
	if (one_in(g, 6))
		*addr += odd_bytes(g);
	if (one_in(g, 6))
		*size -= odd_bytes(g);
	if (one_in(g, 100))
		*size = huge(g);
	if (one_in(g, 100))
		*addr = nowhere(g);
}

static uint32_t some_prot(struct generator *g)
{
	static const u64 common[] = {
		NTMEM_PAGE_READWRITE, NTMEM_PAGE_READWRITE,
		NTMEM_PAGE_READWRITE, NTMEM_PAGE_READWRITE,
		NTMEM_PAGE_READWRITE, NTMEM_PAGE_READONLY,
		NTMEM_PAGE_READONLY, NTMEM_PAGE_NOACCESS,
		NTMEM_PAGE_EXECUTE, NTMEM_PAGE_EXECUTE_READ,
		NTMEM_PAGE_EXECUTE_READWRITE,
		NTMEM_PAGE_READWRITE | NTMEM_PAGE_GUARD,
		NTMEM_PAGE_READWRITE | NTMEM_PAGE_GUARD,
		NTMEM_PAGE_READONLY | NTMEM_PAGE_GUARD,
		NTMEM_PAGE_EXECUTE_READ | NTMEM_PAGE_GUARD,
		NTMEM_PAGE_READWRITE | NTMEM_PAGE_NOCACHE,
		NTMEM_PAGE_READONLY | NTMEM_PAGE_WRITECOMBINE,
	};
	static const u64 bad[] = {
		0, NTMEM_PAGE_WRITECOPY, NTMEM_PAGE_EXECUTE_WRITECOPY, 3, 6,
		NTMEM_PAGE_GUARD, NTMEM_PAGE_NOACCESS | NTMEM_PAGE_GUARD,
		NTMEM_PAGE_NOACCESS | NTMEM_PAGE_NOCACHE,
		NTMEM_PAGE_NOACCESS | NTMEM_PAGE_WRITECOMBINE,
		NTMEM_PAGE_READWRITE | NTMEM_PAGE_NOCACHE | NTMEM_PAGE_GUARD,
		NTMEM_PAGE_READONLY | NTMEM_PAGE_WRITECOMBINE |
			NTMEM_PAGE_GUARD,
		NTMEM_PAGE_READWRITE | 0x600, NTMEM_PAGE_READWRITE | 0x800,
		NTMEM_PAGE_READWRITE | 0x40000000, 0xffffffff,
	};

	return one_in(g, 40) ? PICK(g, bad) : PICK(g, common);
}

static uint32_t bad_bits(struct generator *g, uint32_t known)
{
	return one_in(g, 120) ? (1U << below(g, 32)) & ~known : 0;
}

/* ------------------------------------------------------------- the calls */

static void make_reserve_placed(struct generator *g, struct ntmem_reserve *r)
{
	u64 granularity = g->model->granularity;
	u64 granules = (g->window_end - WINDOW_BASE) / granularity;

	r->addr = WINDOW_BASE + below(g, granules) * granularity;
	r->size = one_in(g, 2) ? few_pages(g) :
				 (1 + below(g, 6)) * granularity;
	if (one_in(g, 3))
		r->addr += below(g, granularity);
	if (one_in(g, 3))
		r->size += one_in(g, 2) ? odd_bytes(g) : below(g, granularity);
	if (r->size > (8ULL << 20))
		r->size = 8ULL << 20;
	if (one_in(g, 100))
		r->size = huge(g);
	if (one_in(g, 60))
		r->addr = used_page(g);
	if (one_in(g, 200)) {
		static const u64 high[] = {
			0x800000000000ULL, 0xffff800000000000ULL,
			0xfffffffffffff000ULL, ~0ULL,
		};

		r->addr = PICK(g, high);
	}
}

/* At the system's choice, inside a part of the window. */
static void make_reserve_ranged(struct generator *g, struct ntmem_reserve *r)
{
	u64 granularity = g->model->granularity;
	u64 granules = (g->window_end - WINDOW_BASE) / granularity;
	u64 first = below(g, granules), last = first + 1 + below(g, 16);

	if (last > granules)
		last = granules;
	r->min_addr = WINDOW_BASE + first * granularity;
	r->max_addr = WINDOW_BASE + last * granularity - 1;
	r->size = one_in(g, 2) ? few_pages(g) :
				 (1 + below(g, 4)) * granularity;
	if (one_in(g, 4))
		r->align = granularity << below(g, 4);
	if (one_in(g, 8))
		r->max_addr -= below(g, 8) * PAGE;
	if (one_in(g, 60))
		r->min_addr += PICK(g, ((u64[]){ 1, 2048, PAGE }));
	if (one_in(g, 60))
		r->max_addr += PICK(g, ((u64[]){ 1, 2048 }));
	if (one_in(g, 60))
		r->align = PICK(g, ((u64[]){ 1, 3, 2048, 0x18000 }));
	if (one_in(g, 100))
		r->addr = r->min_addr;
}

/* The thread sanitizer has what lies at the lower one. */
#ifdef __SANITIZE_THREAD__
#define SOMEWHERE_HIGH	0x7f0000000000ULL
#else
#define SOMEWHERE_HIGH	0x400000000000ULL
#endif

static void make_reserve_free(struct generator *g, struct ntmem_reserve *r)
{
	r->size = one_in(g, 4) ? below(g, 4ULL << 20) :
				 few_pages(g) + odd_bytes(g);
	if (one_in(g, 4))
		r->align = g->model->granularity << below(g, 8);
	if (one_in(g, 6))
		r->min_addr = SOMEWHERE_HIGH;
	else if (one_in(g, 6))
		r->max_addr = 0x0effffffffffULL;
	if (one_in(g, 40))
		r->size = huge(g);
}

static void make_reserve(struct generator *g, struct op *op)
{
	struct ntmem_reserve *r = &op->nt.reserve;

	switch (below(g, 8)) {
	case 0:
		make_reserve_free(g, r);
		op->area = 1 + below(g, AREAS - 1);
		break;
	case 1:
	case 2:
		make_reserve_ranged(g, r);
		break;
	default:
		make_reserve_placed(g, r);
	}
	r->prot = some_prot(g);
	r->flags = bad_bits(g, 127);
	if (one_in(g, 3))
		r->flags |= NTMEM_RESERVE_COMMIT;
	if (one_in(g, 3))
		r->flags |= NTMEM_RESERVE_TOP_DOWN;
	if (one_in(g, 8))
		r->flags |= NTMEM_RESERVE_NOFORK;
	if (one_in(g, 3))
		r->flags |= NTMEM_RESERVE_WATCH;
	if (one_in(g, 100))
		r->size = 0;
}

static void make_release(struct generator *g, struct ntmem_range *r)
{
	u64 page = used_page(g), base, end;

	extent(g, page, &base, &end);
	switch (below(g, 4)) {
	case 0:
		range_at(g, page, &r->addr, &r->size);
		break;
	case 1:
		r->addr = page + odd_bytes(g);
		break;
	default:
		r->addr = base + (one_in(g, 4) ? odd_bytes(g) : 0);
	}
}

static void make_range(struct generator *g, struct op *op)
{
	struct ntmem_range *r = &op->nt.range;
	uint32_t kind = op->nt.op;

	if (kind == NTMEM_NR_RELEASE)
		make_release(g, r);
	else if (kind == NTMEM_NR_COMMIT)
		range_at(g, used_page(g), &r->addr, &r->size);
	else if (kind == NTMEM_NR_UNLOCK)
		range_at(g, locked_page(g), &r->addr, &r->size);
	else
		range_at(g, committed_page(g), &r->addr, &r->size);
	if (kind == NTMEM_NR_COMMIT)
		r->prot = some_prot(g);
	else if (one_in(g, 150))
		r->prot = NTMEM_PAGE_READWRITE;
	if (kind == NTMEM_NR_UNLOCK && one_in(g, 2))
		r->size = PAGE;
	if (kind == NTMEM_NR_DECOMMIT && one_in(g, 12))
		r->size = 0;
	if (one_in(g, 150))
		r->size = 0;
	r->flags = bad_bits(g, 0);
}

static void make_query(struct generator *g, struct ntmem_query *q)
{
	q->addr = one_in(g, 3) ? some_page(g) : used_page(g);
	q->addr += one_in(g, 2) ? odd_bytes(g) : 0;
	if (one_in(g, 60))
		q->addr = nowhere(g);
	q->flags = bad_bits(g, NTMEM_QUERY_PAGE);
	if (one_in(g, 4))
		q->flags |= NTMEM_QUERY_PAGE;
	if (one_in(g, 120))
		q->marks = 1;
}

static void make_protect(struct generator *g, struct ntmem_protect *p)
{
	range_at(g, committed_page(g), &p->addr, &p->size);
	p->prot = some_prot(g);
	if (one_in(g, 150))
		p->size = 0;
}

/* ---------------------------------------------------------- placeholders */

/* Flags that do not go with what is asked for, most of them. */
static uint32_t stray_flag(struct generator *g)
{
	static const u64 flags[] = {
		NTMEM_RESERVE_COMMIT, NTMEM_RESERVE_TOP_DOWN,
		NTMEM_RESERVE_WATCH, NTMEM_RESERVE_PLACEHOLDER,
		NTMEM_RESERVE_REPLACE, NTMEM_RESERVE_PLAIN << 1,
	};

	return one_in(g, 30) ? PICK(g, flags) : 0;
}

static void make_placeholder(struct generator *g, struct op *op)
{
	struct ntmem_reserve *r = &op->nt.reserve;

	op->nt.op = NTMEM_NR_RESERVE;
	make_reserve(g, op);
	r->flags &= NTMEM_RESERVE_TOP_DOWN | NTMEM_RESERVE_NOFORK;
	r->flags |= NTMEM_RESERVE_PLACEHOLDER | stray_flag(g);
	if (!one_in(g, 30))
		r->prot = NTMEM_PAGE_NOACCESS;
}

/* Just one, but for a part, or a little too much. */
static void make_replace(struct generator *g, struct op *op)
{
	struct ntmem_reserve *r = &op->nt.reserve;
	u64 page = placeholder_page(g), end;

	op->nt.op = NTMEM_NR_RESERVE;
	if (one_in(g, 8)) {
		range_at(g, page, &r->addr, &r->size);
	} else {
		extent(g, page, &r->addr, &end);
		r->size = end - r->addr;
	}
	r->prot = some_prot(g);
	r->flags = NTMEM_RESERVE_REPLACE | stray_flag(g);
	if (!one_in(g, 4))
		r->flags |= NTMEM_RESERVE_COMMIT;
	if (one_in(g, 8))
		r->flags |= NTMEM_RESERVE_NOFORK;
	if (one_in(g, 3))
		r->flags |= NTMEM_RESERVE_WATCH;
	if (one_in(g, 60))
		r->align = g->model->granularity;
	if (one_in(g, 60))
		r->addr = 0;
}

static void make_preserve(struct generator *g, struct ntmem_range *r)
{
	u64 page, end;

	if (one_in(g, 2)) {
		range_at(g, placeholder_page(g), &r->addr, &r->size);
		return;
	}
	page = replaced_page(g);
	extent(g, page, &r->addr, &end);
	r->size = end - r->addr;
	if (one_in(g, 8))
		range_at(g, page, &r->addr, &r->size);
}

static bool begins_placeholder(struct generator *g, u64 addr)
{
	const struct page *page = model_page(g->model, addr);

	return page && reservation_of(g, page)->placeholder;
}

/* From one on, that has another one behind it, over some of those. */
static void make_coalesce(struct generator *g, struct ntmem_range *r)
{
	u64 base, end;

	begin_search(g);
	for (int i = 0; i < 12; i++) {
		extent(g, placeholder_page(g), &r->addr, &end);
		if (begins_placeholder(g, end))
			break;
	}
	end_search(g);
	while (begins_placeholder(g, end) && !one_in(g, 5))
		extent(g, end, &base, &end);
	if (one_in(g, 12) && model_page(g->model, end))
		extent(g, end, &base, &end);
	r->size = end - r->addr;
	if (one_in(g, 8))
		r->addr += PAGE;
	if (one_in(g, 8))
		r->size += PAGE;
	if (one_in(g, 8))
		r->size -= odd_bytes(g);
}

static void make_of_placeholders(struct generator *g, struct op *op)
{
	struct ntmem_range *r = &op->nt.range;
	u64 what = below(g, 10);

	if (what < 2) {
		make_placeholder(g, op);
		return;
	}
	if (what < 5) {
		make_replace(g, op);
		return;
	}
	op->nt.op = NTMEM_NR_RELEASE;
	if (what < 8) {
		r->flags = NTMEM_RELEASE_PRESERVE;
		make_preserve(g, r);
	} else {
		r->flags = NTMEM_RELEASE_COALESCE;
		make_coalesce(g, r);
	}
	if (one_in(g, 60))
		r->flags = PICK(g, ((u64[]){ 3, 8, 0x80000000 }));
	if (one_in(g, 60))
		r->size = 0;
	if (one_in(g, 60))
		r->prot = NTMEM_PAGE_NOACCESS;
}

static void make_operation(struct generator *g, struct op *op)
{
	static const u64 kinds[] = {
		NTMEM_NR_RESERVE, NTMEM_NR_RESERVE, NTMEM_NR_RESERVE,
		NTMEM_NR_COMMIT, NTMEM_NR_COMMIT, NTMEM_NR_COMMIT,
		NTMEM_NR_COMMIT, NTMEM_NR_DECOMMIT, NTMEM_NR_DECOMMIT,
		NTMEM_NR_RELEASE, NTMEM_NR_RELEASE,
		NTMEM_NR_PROTECT, NTMEM_NR_PROTECT, NTMEM_NR_PROTECT,
		NTMEM_NR_QUERY, NTMEM_NR_QUERY, NTMEM_NR_LOCK,
		NTMEM_NR_UNLOCK, NTMEM_NR_RESET, NTMEM_NR_RESET_UNDO,
	};

	if (one_in(g, 5)) {
		make_of_placeholders(g, op);
		return;
	}
	op->nt.op = PICK(g, kinds);
	if (op->nt.op == NTMEM_NR_RESERVE)
		make_reserve(g, op);
	else if (op->nt.op == NTMEM_NR_PROTECT)
		make_protect(g, &op->nt.protect);
	else if (op->nt.op == NTMEM_NR_QUERY)
		make_query(g, &op->nt.query);
	else
		make_range(g, op);
}

/* ----------------------------------------------------------------- views */

static uint32_t view_prot(struct generator *g)
{
	static const u64 copies[] = {
		NTMEM_PAGE_WRITECOPY, NTMEM_PAGE_EXECUTE_WRITECOPY,
		NTMEM_PAGE_WRITECOPY | NTMEM_PAGE_GUARD,
	};

	return one_in(g, 3) ? PICK(g, copies) : some_prot(g);
}

static bool is_of_view(const struct generator *g, const struct page *page,
		       int tried)
{
	(void)tried;
	return reservation_of(g, page)->section;
}

static u64 view_page(struct generator *g)
{
	return search(g, used_page, is_of_view, 60);
}

static void make_map(struct generator *g, struct op *op)
{
	struct ntmem_map_view *v = &op->view;
	u64 granularity = g->model->granularity, end;
	u64 granules = (g->window_end - WINDOW_BASE) / granularity;

	op->nt.op = OP_MAP;
	op->arg = below(g, SECTIONS);
	v->offset = below(g, SECTION_PAGES) * PAGE;
	v->size = (1 + below(g, SECTION_PAGES)) * PAGE;
	v->addr = WINDOW_BASE + below(g, granules) * granularity;
	v->prot = view_prot(g);
	if (one_in(g, 3)) {
		extent(g, placeholder_page(g), &v->addr, &end);
		v->flags = NTMEM_RESERVE_REPLACE;
		v->size = end - v->addr;
	}
	if (!one_in(g, 8) && v->size > SECTION_PAGES * PAGE - v->offset)
		v->offset = v->size < SECTION_PAGES * PAGE ?
			    SECTION_PAGES * PAGE - v->size : 0;
	if (one_in(g, 6) && !v->flags)
		v->size = one_in(g, 2) ? 0 : v->size - odd_bytes(g);
	if (one_in(g, 8))
		v->flags |= NTMEM_RESERVE_NOFORK;
	if (one_in(g, 30))
		v->addr += one_in(g, 2) ? PAGE : odd_bytes(g);
	if (one_in(g, 30))
		v->offset += odd_bytes(g);
	v->flags |= bad_bits(g, NTMEM_RESERVE_TOP_DOWN);
}

/* COMMIT, PROTECT and the rest, where it is likely that something is shown. */
static void make_in_view(struct generator *g, struct op *op)
{
	static const u64 kinds[] = {
		NTMEM_NR_COMMIT, NTMEM_NR_COMMIT, NTMEM_NR_PROTECT,
		NTMEM_NR_PROTECT, NTMEM_NR_PROTECT, NTMEM_NR_QUERY,
		NTMEM_NR_LOCK, NTMEM_NR_UNLOCK, NTMEM_NR_RESET,
		NTMEM_NR_DECOMMIT, NTMEM_NR_RELEASE,
	};

	op->nt.op = PICK(g, kinds);
	if (op->nt.op == NTMEM_NR_PROTECT) {
		range_at(g, view_page(g), &op->nt.protect.addr,
			 &op->nt.protect.size);
		op->nt.protect.prot = view_prot(g);
	} else if (op->nt.op == NTMEM_NR_QUERY) {
		op->nt.query.addr = view_page(g) + odd_bytes(g);
	} else {
		range_at(g, view_page(g), &op->nt.range.addr,
			 &op->nt.range.size);
		if (op->nt.op == NTMEM_NR_COMMIT)
			op->nt.range.prot = view_prot(g);
	}
}

static void make_of_views(struct generator *g, struct op *op)
{
	u64 what = below(g, 20);

	if (what < 4) {
		make_map(g, op);
	} else if (what < 6) {
		op->nt.op = OP_UNMAP;
		op->addr = (one_in(g, 8) ? used_page(g) : view_page(g)) +
			   odd_bytes(g);
		op->arg = one_in(g, 3) ? NTMEM_RELEASE_PRESERVE :
					 bad_bits(g, 0);
	} else if (what < 12) {
		op->nt.op = what < 9 ? OP_WRITE : OP_READ;
		op->addr = view_page(g) + below(g, PAGE);
		op->stamp = 1 + below(g, 0xffffffff);
	} else {
		make_in_view(g, op);
	}
}

static void make_access(struct generator *g, struct op *op)
{
	static const u64 kinds[] = { OP_READ, OP_READ, OP_WRITE, OP_WRITE,
				     OP_WRITE, OP_EXEC };

	op->nt.op = PICK(g, kinds);
	op->addr = one_in(g, 6) ? used_page(g) : committed_page(g);
	if (op->nt.op == OP_EXEC && one_in(g, 2))
		op->addr = callable_page(g);
	op->stamp = 1 + below(g, 0xffffffff);
	if (op->nt.op != OP_EXEC)
		op->addr += below(g, PAGE);
}

static void make_watch(struct generator *g, struct op *op)
{
	static const u64 rooms[] = { 0, 1, 2, 5, 64, 300, 70000 };
	struct ntmem_range *r = &op->nt.range;

	op->nt.op = OP_WATCH;
	range_at(g, watched_page(g), &r->addr, &r->size);
	op->arg = PICK(g, rooms);
	r->flags = bad_bits(g, NTMEM_WATCH_RESET);
	if (one_in(g, 2) || (!op->arg && !one_in(g, 20)))
		r->flags |= NTMEM_WATCH_RESET;
}

/* ---------------------------------------------------------- playing them */

static bool play_watch(struct generator *g, const struct op *op)
{
	u64 *pages = malloc((op->arg + 1) * sizeof(*pages));
	struct ntmem_watch watch = {
		.addr = op->nt.range.addr, .size = op->nt.range.size,
		.pages = op->arg ? (u64)pages : 0, .count = op->arg,
		.flags = op->nt.range.flags,
	};
	bool known;

	if (!pages)
		abort();
	known = model_watch(g->model, &watch) != UNSPECIFIED;
	free(pages);
	return known;
}

/* Keeps the op when the model knows its outcome. */
static bool play(struct generator *g, const struct op *op)
{
	struct ntmem_op nt = op->nt;
	struct access access;
	uint32_t kind = nt.op == OP_WRITE ? NTMEM_ACCESS_WRITE :
			nt.op == OP_EXEC ? NTMEM_ACCESS_EXECUTE :
			NTMEM_ACCESS_READ;

	if (nt.op >= OP_READ && nt.op <= OP_EXEC) {
		if (model_access(g->model, op->addr, kind, &access))
			return false;
		if (access.allowed && nt.op == OP_WRITE)
			model_wrote(g->model, op->addr, op->stamp);
	} else if (nt.op == OP_MAP) {
		struct ntmem_map_view view = op->view;

		if (model_map(g->model, op->arg, &view) == UNSPECIFIED)
			return false;
	} else if (nt.op == OP_UNMAP) {
		const struct ntmem_unmap_view unmap = { op->addr, op->arg, 0 };

		if (model_unmap(g->model, &unmap) == UNSPECIFIED)
			return false;
	} else if (nt.op == OP_WATCH) {
		if (!play_watch(g, op))
			return false;
	} else if (nt.op < NTMEM_NR_SET_GRANULARITY &&
		   model_apply(g->model, &nt, op->area) == UNSPECIFIED) {
		return false;
	}
	sequence_add(g->seq, op);
	return true;
}

static void add_mark(struct generator *g, uint32_t kind, uint32_t arg)
{
	struct op op = { .nt.op = kind, .arg = arg };

	sequence_add(g->seq, &op);
}

static void make_batch(struct generator *g)
{
	u64 count = 1 + below(g, one_in(g, 4) ? 40 : 6);
	uint32_t flags = one_in(g, 2) ? NTMEM_BATCH_STOP : 0;

	add_mark(g, OP_BATCH, flags);
	for (u64 i = 0; i < count; i++) {
		struct op op = { 0 };

		make_operation(g, &op);
		if (one_in(g, 80))
			op.nt.op = PICK(g, ((u64[]){ NTMEM_NR_INFO,
						     NTMEM_NR_BATCH, 0x55 }));
		if (op.nt.op < NTMEM_NR_SET_GRANULARITY && op.nt.op)
			play(g, &op);
		else
			sequence_add(g->seq, &op);
	}
	add_mark(g, OP_END, 0);
}

static void make_steps(struct generator *g, size_t steps);

/* Also a kind of gap: late children start when the parent is ahead of them. */
static void make_fork(struct generator *g)
{
	struct model *parent = g->model;

	add_mark(g, OP_FORK, one_in(g, 2) ? 1 + below(g, 30) : 0);
	g->model = model_copy(parent);
	model_fork(g->model);
	g->depth++;
	make_steps(g, 10 + below(g, 40));
	g->depth--;
	model_free(g->model);
	g->model = parent;
	add_mark(g, OP_END, 0);
}

static void make_step(struct generator *g)
{
	struct op op = { 0 };
	u64 what;

	if (g->model->sections && one_in(g, 4)) {
		make_of_views(g, &op);
		play(g, &op);
		return;
	}
	what = below(g, 1000);
	if (what < 4 && g->depth < FORK_DEPTH) {
		make_fork(g);
	} else if (what < 30) {
		make_batch(g);
	} else if (what < 36) {
		add_mark(g, OP_BAD, below(g, 256));
	} else if (what < 40) {
		add_mark(g, OP_PRESSURE, 0);
	} else if (what < 50) {
		add_mark(g, NTMEM_NR_INFO, 0);
	} else if (what < 90) {
		make_watch(g, &op);
		play(g, &op);
	} else if (what < 400) {
		make_access(g, &op);
		play(g, &op);
	} else {
		make_operation(g, &op);
		play(g, &op);
	}
}

static void make_steps(struct generator *g, size_t steps)
{
	for (size_t i = 0; i < steps && (!g->bytes || g->left); i++) {
		make_step(g);
		if (++g->since_check < CHECK_EVERY)
			continue;
		g->since_check = 0;
		add_mark(g, OP_CHECK, one_in(g, 4));
	}
}

static void make_sequence(struct generator *g, unsigned int round, size_t steps)
{
	static const u64 granularities[] = { 1ULL << 16, 1ULL << 12, 1ULL << 20 };
	struct sequence *seq = g->seq;
	u64 size;

	memset(seq, 0, sizeof(*seq));
	seq->granularity = granularities[round % 3];
	size = window_size(seq->granularity);
	seq->commit_limit = round % 4 == 3 ? size / 8 : 0;
	seq->foreign = WINDOW_BASE + (1 + below(g, size / PAGE - 4)) * PAGE;
	seq->foreign_size = (1 + below(g, 2)) * PAGE;
	g->window_end = WINDOW_BASE + size;
	g->model = model_new(seq->granularity, size, 0x7fffffffefffULL,
			     seq->commit_limit ? seq->commit_limit : ~0ULL);
	model_add_foreign(g->model, seq->foreign, seq->foreign_size);
	/* Chosen bytes keep what they have meant. */
	if (!g->bytes && !seq->commit_limit)
		model_add_sections(g->model);
	make_steps(g, steps);
	model_free(g->model);
}

void generate(struct sequence *seq, u64 seed, unsigned int round, size_t steps)
{
	struct generator g = { .seq = seq, .dice = { seed } };

	make_sequence(&g, round, steps);
}

void generate_from(struct sequence *seq, const uint8_t *bytes, size_t size,
		   size_t steps)
{
	struct generator g = {
		.seq = seq, .bytes = bytes, .left = size,
		.depth = FORK_DEPTH,
	};

	make_sequence(&g, below(&g, 12), steps);
}
