// SPDX-License-Identifier: MIT
/*
 * The rules of every operation, one function each, over the pages of model.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "model_inside.h"

/* ------------------------------------------------------------ the pages */

static struct area *area_of(struct model *m, u64 addr)
{
	for (int i = 0; i < AREAS; i++) {
		struct area *area = &m->areas[i];

		if (area->pages && addr >= area->base &&
		    addr - area->base < area->count * PAGE)
			return area;
	}
	return NULL;
}

struct page *model_page(struct model *m, u64 addr)
{
	struct area *area = area_of(m, addr);

	return area ? &area->pages[(addr - area->base) / PAGE] : NULL;
}

/* Free pages of an area may be given away by the system: nothing is known. */
bool known(struct model *m, u64 addr)
{
	struct area *area = area_of(m, addr);
	struct page *page = model_page(m, addr);

	return area && (area == &m->areas[0] || page->reservation);
}

uint32_t id_at(struct model *m, u64 addr)
{
	struct page *page = model_page(m, addr);

	return page ? page->reservation : 0;
}

u64 id_end(struct model *m, u64 addr)
{
	uint32_t id = id_at(m, addr);
	u64 end = page_down(addr);

	while (id_at(m, end) == id)
		end += PAGE;
	return end;
}

static struct area *area_new(struct area *area, u64 base, u64 count)
{
	area->base = base;
	area->count = count;
	area->pages = count ? calloc(count, sizeof(*area->pages)) : NULL;
	if (!area->pages)
		abort();
	return area;
}

struct model *model_new(u64 granularity, u64 window_size,
			u64 max_address, u64 commit_limit)
{
	struct model *m = calloc(1, sizeof(*m));
	u64 fence = FENCE_PAGES * PAGE;

	if (!m)
		abort();
	m->reservations = calloc(RESERVATIONS, sizeof(*m->reservations));
	if (!m->reservations)
		abort();
	m->granularity = granularity;
	m->max_address = max_address;
	m->commit_limit = commit_limit;
	m->window_size = window_size;
	m->next_reservation = 1;
	area_new(&m->areas[0], WINDOW_BASE - fence,
		 window_size / PAGE + 2 * FENCE_PAGES);
	model_add_foreign(m, WINDOW_BASE - fence, fence);
	model_add_foreign(m, WINDOW_BASE + window_size, fence);
	return m;
}

struct model *model_copy(const struct model *from)
{
	struct model *m = malloc(sizeof(*m));
	size_t size = RESERVATIONS * sizeof(*m->reservations);

	if (!m)
		abort();
	*m = *from;
	m->borrowed = true;
	m->reservations = malloc(size);
	if (!m->reservations)
		abort();
	memcpy(m->reservations, from->reservations, size);
	for (int i = 0; i < AREAS; i++) {
		struct area *area = &m->areas[i];

		if (!area->pages)
			continue;
		area_new(area, area->base, area->count);
		memcpy(area->pages, from->areas[i].pages,
		       area->count * sizeof(*area->pages));
	}
	return m;
}

void model_free(struct model *m)
{
	for (int i = 0; i < AREAS; i++)
		free(m->areas[i].pages);
	if (m->sections && !m->borrowed)
		munmap(m->sections, SECTIONS * sizeof(*m->sections));
	free(m->reservations);
	free(m);
}

void model_add_foreign(struct model *m, u64 addr, u64 size)
{
	for (u64 a = addr; a < addr + size; a += PAGE)
		model_page(m, a)->state = PAGE_FOREIGN;
}

void drop_empty_areas(struct model *m)
{
	for (int i = 1; i < AREAS; i++) {
		struct area *area = &m->areas[i];
		bool used = false;

		for (u64 p = 0; area->pages && p < area->count; p++)
			used |= area->pages[p].reservation != 0;
		if (!used) {
			free(area->pages);
			area->pages = NULL;
		}
	}
}

void model_fork(struct model *m)
{
	for (int i = 0; i < AREAS; i++) {
		struct area *area = &m->areas[i];

		for (u64 p = 0; area->pages && p < area->count; p++) {
			struct page *page = &area->pages[p];
			uint32_t id = page->reservation;

			page->lock_doubt |= page->locked;
			if (id && m->reservations[id].nofork)
				memset(page, 0, sizeof(*page));
		}
	}
	drop_empty_areas(m);
}

/* Pages of views are their sections', unless they may be copied. */
static bool is_charged(const struct model *m, const struct page *page)
{
	const struct reservation *of = &m->reservations[page->reservation];

	return page->reservation && of->section ?
	       of->charged : page->state == PAGE_COMMITTED;
}

u64 model_committed(const struct model *m)
{
	u64 n = 0;

	for (int i = 0; i < AREAS; i++) {
		const struct area *area = &m->areas[i];

		for (u64 p = 0; area->pages && p < area->count; p++)
			n += is_charged(m, &area->pages[p]);
	}
	return n * PAGE;
}

u64 model_reserved(const struct model *m)
{
	u64 n = 0;

	for (int i = 0; i < AREAS; i++) {
		const struct area *area = &m->areas[i];

		for (u64 p = 0; area->pages && p < area->count; p++)
			n += area->pages[p].state >= PAGE_RESERVED;
	}
	return n * PAGE;
}

/* ------------------------------------------------------------ protection */

bool model_prot_valid(uint32_t prot)
{
	static const uint32_t bases[] = {
		NTMEM_PAGE_NOACCESS, NTMEM_PAGE_READONLY, NTMEM_PAGE_READWRITE,
		NTMEM_PAGE_EXECUTE, NTMEM_PAGE_EXECUTE_READ,
		NTMEM_PAGE_EXECUTE_READWRITE,
	};
	uint32_t modifiers = prot & ~BASE_PROT;
	bool base_ok = false;

	for (unsigned int i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
		base_ok |= (prot & BASE_PROT) == bases[i];
	if (!base_ok)
		return false;
	if ((prot & BASE_PROT) == NTMEM_PAGE_NOACCESS && modifiers)
		return false;
	return !modifiers || modifiers == NTMEM_PAGE_GUARD ||
	       modifiers == NTMEM_PAGE_NOCACHE ||
	       modifiers == NTMEM_PAGE_WRITECOMBINE;
}

uint32_t model_reported_prot(struct model *m, const struct page *page)
{
	uint32_t prot = page->prot, cache;

	if (page->state != PAGE_COMMITTED)
		return 0;
	if (page->copied && prot & COPY_PROT)
		prot = (prot & ~BASE_PROT) | (prot & BASE_PROT) >> 1;
	/* Of NOACCESS pages they are left open, as for private memory. */
	cache = m->reservations[page->reservation].prot & CACHE_PROT;
	return prot | cache;
}

static bool base_is(const struct page *page, uint32_t any)
{
	return page->state == PAGE_COMMITTED && page->prot & any;
}

/* As on x86, where what may be executed may be read. */
bool model_readable(const struct page *page)
{
	return base_is(page, BASE_PROT & ~NTMEM_PAGE_NOACCESS);
}

bool model_writable(const struct page *page)
{
	return base_is(page, NTMEM_PAGE_READWRITE |
			     NTMEM_PAGE_EXECUTE_READWRITE | COPY_PROT);
}

bool model_executable(const struct page *page)
{
	return base_is(page, NTMEM_PAGE_EXECUTE | NTMEM_PAGE_EXECUTE_READ |
			     NTMEM_PAGE_EXECUTE_READWRITE |
			     NTMEM_PAGE_EXECUTE_WRITECOPY);
}

/* --------------------------------------------------------------- ranges */

/*
 * 0, or EINVAL when [addr, addr + size) is no range of user space. Nobody
 * knows how near the end of user space an area is.
 */
int check_bounds(struct model *m, u64 addr, u64 size)
{
	struct area *area = area_of(m, addr);

	if (addr > m->max_address || addr + size < addr ||
	    size > m->max_address + 1)
		return -EINVAL;
	if (area && area != &m->areas[0] &&
	    addr + size > area->base + area->count * PAGE)
		return UNSPECIFIED;
	return addr + size > m->max_address + 1 ? -EINVAL : 0;
}

/*
 * Says whether all pages from @start to @end are in one reservation. @crosses
 * is the error for a range that begins in one and leaves it.
 */
static int check_inside(struct model *m, u64 start, u64 end,
			int crosses)
{
	uint32_t id = id_at(m, start);

	if (!known(m, start))
		return start < 0x10000 ? -ENOENT : UNSPECIFIED;
	if (!id)
		return -ENOENT;
	for (u64 a = start; a < end; a += PAGE) {
		if (id_at(m, a) != id)
			return crosses;
	}
	return 0;
}

/* The common start of all operations on pages: rounded outwards. */
int check_range(struct model *m, const struct ntmem_range *r,
		       u64 *start, u64 *end)
{
	int err = check_bounds(m, r->addr, r->size);

	if (r->flags || !r->size)
		return -EINVAL;
	if (err)
		return err;
	*start = page_down(r->addr);
	*end = page_up(r->addr + r->size);
	return check_inside(m, *start, *end, -ENOENT);
}

/* The same for DECOMMIT and RELEASE, where size 0 is the whole reservation. */
static int check_free_range(struct model *m, const struct ntmem_range *r,
			    u64 *start, u64 *end)
{
	int err = check_bounds(m, r->addr, r->size);

	if (r->flags || r->prot)
		return -EINVAL;
	if (err)
		return err;
	*start = page_down(r->addr);
	*end = page_up(r->addr + r->size);
	if (view_at(m, *start))
		return -EPERM;
	if (r->size)
		return check_inside(m, *start, *end, -ERANGE);
	err = check_inside(m, *start, *start + PAGE, 0);
	if (err)
		return err;
	if (m->reservations[id_at(m, *start)].base != *start)
		return -EADDRNOTAVAIL;
	*end = id_end(m, *start);
	return 0;
}

/* ------------------------------------------------------------- RESERVE */

static bool over_limit(struct model *m, u64 more)
{
	return m->commit_limit != ~0ULL &&
	       model_committed(m) + more > m->commit_limit;
}

/* A placeholder takes few flags, and what replaces one takes its place. */
static bool placeholder_flags_valid(const struct ntmem_reserve *r)
{
	const uint32_t of_placeholder = NTMEM_RESERVE_PLACEHOLDER |
					NTMEM_RESERVE_TOP_DOWN |
					NTMEM_RESERVE_NOFORK;

	if (r->flags & NTMEM_RESERVE_PLACEHOLDER)
		return !(r->flags & ~of_placeholder) &&
		       r->prot == NTMEM_PAGE_NOACCESS;
	if (r->flags & NTMEM_RESERVE_REPLACE)
		return r->addr && !(r->flags & NTMEM_RESERVE_TOP_DOWN);
	return true;
}

static int check_reserve(struct model *m, const struct ntmem_reserve *r)
{
	const uint32_t flags = NTMEM_RESERVE_COMMIT | NTMEM_RESERVE_TOP_DOWN |
			       NTMEM_RESERVE_NOFORK | NTMEM_RESERVE_WATCH |
			       NTMEM_RESERVE_PLACEHOLDER |
			       NTMEM_RESERVE_REPLACE;

	if (!r->size || r->flags & ~flags || !model_prot_valid(r->prot) ||
	    !placeholder_flags_valid(r))
		return -EINVAL;
	if (r->addr && (r->min_addr || r->max_addr || r->align))
		return -EINVAL;
	if (r->addr)
		return check_bounds(m, r->addr, r->size);
	/* EINVAL since it leaves user space, or ENOSPC since nothing fits? */
	if (r->size > m->max_address + 1)
		return UNSPECIFIED;
	if (r->min_addr % m->granularity || r->min_addr > m->max_address)
		return -EINVAL;
	if (r->max_addr && ((r->max_addr + 1) % PAGE ||
			    r->max_addr <= r->min_addr ||
			    r->max_addr > m->max_address))
		return -EINVAL;
	if (r->align & (r->align - 1) ||
	    (r->align && r->align < m->granularity))
		return -EINVAL;
	return 0;
}

/* 0 when all pages are free, EEXIST, or UNSPECIFIED. */
int check_free(struct model *m, u64 start, u64 end)
{
	struct area *window = &m->areas[0];

	for (u64 a = start; a < end; a += PAGE) {
		if (area_of(m, a) != window)
			return UNSPECIFIED;
		if (model_page(m, a)->state != PAGE_FREE)
			return -EEXIST;
	}
	return 0;
}

/* The lowest or highest hole between two addresses inside the window. */
static int find_hole(struct model *m, const struct ntmem_reserve *r,
		     u64 size, u64 *base)
{
	u64 step = r->align ? r->align : m->granularity;
	u64 found = 0;

	for (u64 a = (r->min_addr + step - 1) & ~(step - 1);
	     a + size <= r->max_addr + 1 && a + size > a; a += step) {
		if (check_free(m, a, a + size))
			continue;
		found = a;
		if (!(r->flags & NTMEM_RESERVE_TOP_DOWN))
			break;
	}
	*base = found;
	return found ? 0 : -ENOSPC;
}

void take(struct model *m, u64 base, u64 size,
		 const struct ntmem_reserve *r)
{
	uint32_t id = m->next_reservation++;

	m->reservations[id].base = base;
	m->reservations[id].prot = r->prot;
	m->reservations[id].nofork = r->flags & NTMEM_RESERVE_NOFORK;
	m->reservations[id].watched = r->flags & NTMEM_RESERVE_WATCH;
	m->reservations[id].placeholder = r->flags & NTMEM_RESERVE_PLACEHOLDER;
	m->reservations[id].replaced = r->flags & NTMEM_RESERVE_REPLACE;
	for (u64 a = base; a < base + size; a += PAGE) {
		struct page *page = model_page(m, a);

		page->state = PAGE_RESERVED;
		page->reservation = id;
		if (r->flags & NTMEM_RESERVE_COMMIT) {
			page->state = PAGE_COMMITTED;
			page->prot = r->prot & ~CACHE_PROT;
		}
	}
}

/* Chooses the place: *area stays 0 unless the system chose it. */
static int place(struct model *m, const struct ntmem_reserve *r,
		 u64 *base, u64 *size)
{
	u64 window_end = WINDOW_BASE + m->window_size;

	if (r->addr) {
		*base = r->addr & ~(m->granularity - 1);
		*size = page_up(r->addr + r->size) - *base;
		return check_free(m, *base, *base + *size);
	}
	*size = page_up(r->size);
	if (*size > 0x700000000000ULL)
		return -ENOSPC;
	if (r->min_addr >= WINDOW_BASE && r->max_addr < window_end &&
	    r->max_addr)
		return find_hole(m, r, *size, base);
	*base = 0;
	if (*size > AREA_MAX_PAGES * PAGE)
		return UNSPECIFIED;
	return 0;
}

/* Is [start, end) all of a reservation? */
bool is_whole(struct model *m, u64 start, u64 end)
{
	uint32_t id = id_at(m, start);

	return id && m->reservations[id].base == start &&
	       id_end(m, start) == end;
}

/* A new reservation over a placeholder, which has no pages to lose. */
static int do_replace(struct model *m, struct ntmem_reserve *r)
{
	u64 start = page_down(r->addr), end = page_up(r->addr + r->size);
	struct ntmem_reserve place = *r;
	struct reservation *old;

	if (r->addr < 0x10000)
		return -EINVAL;
	if (!known(m, start))
		return UNSPECIFIED;
	old = &m->reservations[id_at(m, start)];
	if (!old->placeholder || !is_whole(m, start, end))
		return -ENOENT;
	if (m->next_reservation == RESERVATIONS)
		return UNSPECIFIED;
	if (r->flags & NTMEM_RESERVE_COMMIT && over_limit(m, end - start))
		return -ENOMEM;
	if (old->nofork)
		place.flags |= NTMEM_RESERVE_NOFORK;
	take(m, start, end - start, &place);
	r->addr = start;
	r->size = end - start;
	return 0;
}

static int do_reserve(struct model *m, struct ntmem_reserve *r, int area)
{
	bool commit = r->flags & NTMEM_RESERVE_COMMIT;
	u64 base = 0, size = 0;
	int err = check_reserve(m, r);

	if (err)
		return err;
	if (r->flags & NTMEM_RESERVE_REPLACE)
		return do_replace(m, r);
	err = place(m, r, &base, &size);
	if (err > 0 || m->next_reservation == RESERVATIONS)
		return UNSPECIFIED;
	if (commit && over_limit(m, size))
		return err ? UNSPECIFIED : -ENOMEM;
	if (err)
		return err;
	if (!base) {
		if (area <= 0 || area >= AREAS || m->areas[area].pages)
			return UNSPECIFIED;
		base = AREA_BASE(area);
		area_new(&m->areas[area], base, size / PAGE);
	}
	take(m, base, size, r);
	r->addr = base;
	r->size = size;
	return 0;
}

bool model_move_area(struct model *m, int n, u64 addr)
{
	struct area *area = &m->areas[n];
	u64 size = area->count * PAGE;

	if (check_free(m, addr, addr + size))
		return false;
	memcpy(model_page(m, addr), area->pages,
	       area->count * sizeof(*area->pages));
	m->reservations[area->pages->reservation].base = addr;
	free(area->pages);
	area->pages = NULL;
	return true;
}

/* ------------------------------------------- COMMIT, DECOMMIT, RELEASE */

static int do_commit(struct model *m, const struct ntmem_range *r)
{
	u64 start, end, more = 0;
	struct page *page, *last;
	int err;

	err = check_change(m, r, &start, &end);
	if (err)
		return err;
	if (view_at(m, start))
		return change_view(m, start, end, r->prot, true);
	if (m->reservations[id_at(m, start)].placeholder)
		return -EEXIST;
	/* Those of a reservation lie side by side. */
	page = model_page(m, start);
	if (!page)
		abort();
	last = page + (end - start) / PAGE;
	for (struct page *p = page; p < last; p++)
		more += p->state != PAGE_COMMITTED;
	if (more && over_limit(m, more * PAGE))
		return -ENOMEM;
	for (; page < last; page++) {
		page->state = PAGE_COMMITTED;
		page->prot = r->prot & ~CACHE_PROT;
	}
	return 0;
}

static void make_reserved(struct page *page)
{
	uint32_t id = page->reservation;
	bool written = page->written;

	memset(page, 0, sizeof(*page));
	page->state = PAGE_RESERVED;
	page->reservation = id;
	page->written = written;
}

static int do_decommit(struct model *m, const struct ntmem_range *r)
{
	u64 start, end;
	int err = check_free_range(m, r, &start, &end);

	if (err)
		return err;
	for (u64 a = start; a < end; a += PAGE)
		make_reserved(model_page(m, a));
	return 0;
}

/* What lies from @start on becomes a reservation, like the one it is in. */
static void split_at(struct model *m, u64 start)
{
	uint32_t id = id_at(m, start), behind;
	u64 end = id_end(m, start);

	if (m->reservations[id].base == start)
		return;
	behind = m->next_reservation++;
	m->reservations[behind] = m->reservations[id];
	m->reservations[behind].base = start;
	for (u64 a = start; a < end; a += PAGE)
		model_page(m, a)->reservation = behind;
}

/* A part of a placeholder, or all of what has taken the place of one. */
static int do_preserve(struct model *m, u64 start, u64 end)
{
	struct reservation *of = &m->reservations[id_at(m, start)];
	int err = check_inside(m, start, end, -ENOENT);
	bool whole = is_whole(m, start, end);

	if (view_at(m, start))
		return -EPERM;
	if (err)
		return err;
	if (of->placeholder ? whole : !of->replaced || !whole)
		return -ENOENT;
	if (m->next_reservation + 2 > RESERVATIONS)
		return UNSPECIFIED;
	if (of->placeholder) {
		split_at(m, start);
		if (id_at(m, end) == id_at(m, start))
			split_at(m, end);
		return 0;
	}
	for (u64 a = start; a < end; a += PAGE) {
		uint32_t id = id_at(m, a);

		memset(model_page(m, a), 0, sizeof(struct page));
		model_page(m, a)->state = PAGE_RESERVED;
		model_page(m, a)->reservation = id;
	}
	of->placeholder = true;
	of->replaced = false;
	of->watched = false;
	of->prot = NTMEM_PAGE_NOACCESS;
	return 0;
}

/* Two placeholders or more that are exactly the range become the first one. */
static int do_coalesce(struct model *m, u64 start, u64 end)
{
	uint32_t first = id_at(m, start), count = 0;
	bool nofork = false;

	for (u64 a = start; a < end; a = id_end(m, a)) {
		uint32_t id = id_at(m, a);

		if (!known(m, a))
			return UNSPECIFIED;
		if (!m->reservations[id].placeholder ||
		    m->reservations[id].base != a || id_end(m, a) > end)
			return -ENOENT;
		nofork |= m->reservations[id].nofork;
		count++;
	}
	if (count < 2)
		return -ENOENT;
	m->reservations[first].nofork = nofork;
	for (u64 a = start; a < end; a += PAGE)
		model_page(m, a)->reservation = first;
	return 0;
}

/* A RELEASE with flags. */
static int do_release_placeholder(struct model *m, const struct ntmem_range *r)
{
	u64 start = page_down(r->addr), end = page_up(r->addr + r->size);
	int err = check_bounds(m, r->addr, r->size);

	if (r->prot || !r->size ||
	    (r->flags != NTMEM_RELEASE_PRESERVE &&
	     r->flags != NTMEM_RELEASE_COALESCE))
		return -EINVAL;
	if (err)
		return err;
	return r->flags == NTMEM_RELEASE_PRESERVE ? do_preserve(m, start, end) :
						    do_coalesce(m, start, end);
}

static int do_release(struct model *m, const struct ntmem_range *r)
{
	u64 start, end;
	int err;

	if (r->flags)
		return do_release_placeholder(m, r);
	err = check_free_range(m, r, &start, &end);
	if (err)
		return err;
	if (m->next_reservation == RESERVATIONS)
		return UNSPECIFIED;
	if (id_at(m, end) == id_at(m, start))
		split_at(m, end);
	for (u64 a = start; a < end; a += PAGE)
		memset(model_page(m, a), 0, sizeof(struct page));
	drop_empty_areas(m);
	return 0;
}

/* -------------------------------------------------------------- PROTECT */

static int do_protect(struct model *m, struct ntmem_protect *p)
{
	struct ntmem_range r = {
		.addr = p->addr, .size = p->size, .prot = p->prot,
	};
	u64 start, end;
	uint32_t old;
	int err = check_change(m, &r, &start, &end);

	if (err)
		return err;
	for (u64 a = start; a < end; a += PAGE) {
		if (model_page(m, a)->state != PAGE_COMMITTED)
			return -ENODATA;
	}
	old = model_reported_prot(m, model_page(m, start));
	if (view_at(m, start))
		err = change_view(m, start, end, p->prot, false);
	for (u64 a = start; a < end; a += PAGE)
		model_page(m, a)->prot = p->prot & ~CACHE_PROT;
	p->old_prot = old;
	return err;
}

/* ---------------------------------------------------------------- QUERY */

static bool same_run(struct model *m, u64 a, u64 b)
{
	struct page *x = model_page(m, a), *y = model_page(m, b);

	if (!x || !y)
		return false;
	return x->state == y->state && x->reservation == y->reservation &&
	       model_reported_prot(m, x) == model_reported_prot(m, y);
}

static void query_foreign(struct model *m, struct ntmem_query *q)
{
	u64 base = q->base;

	while (same_run(m, base - PAGE, q->base))
		base -= PAGE;
	q->alloc_base = base;
	q->state = NTMEM_STATE_FOREIGN;
	q->prot = NTMEM_PAGE_READWRITE;
	q->type = NTMEM_TYPE_MAPPED;
}

/* Of one page of a reservation. */
static void query_page(struct model *m, struct ntmem_query *q,
		       const struct page *page)
{
	q->size = PAGE;
	if (page->locked)
		q->marks |= NTMEM_MARK_LOCKED;
	if (q->state == NTMEM_STATE_COMMIT && view_at(m, q->base) &&
	    !page->copied)
		q->marks |= NTMEM_MARK_SHARED;
}

static int do_query(struct model *m, struct ntmem_query *q)
{
	struct page *page;

	if (q->flags & ~NTMEM_QUERY_PAGE || q->marks ||
	    q->addr > m->max_address)
		return -EINVAL;
	if (!known(m, q->addr))
		return UNSPECIFIED;
	page = model_page(m, q->addr);
	if (q->flags && page->lock_doubt)
		return UNSPECIFIED;
	q->base = page_down(q->addr);
	q->alloc_base = 0;
	q->alloc_prot = 0;
	q->prot = NTMEM_PAGE_NOACCESS;
	q->state = NTMEM_STATE_FREE;
	q->type = 0;
	q->size = PAGE;
	while (same_run(m, q->base, q->base + q->size))
		q->size += PAGE;
	if (page->state == PAGE_FOREIGN)
		query_foreign(m, q);
	if (!page->reservation)
		return 0;
	q->alloc_base = m->reservations[page->reservation].base;
	q->alloc_prot = m->reservations[page->reservation].prot;
	q->prot = model_reported_prot(m, page);
	q->type = view_at(m, q->base) ? NTMEM_TYPE_MAPPED : NTMEM_TYPE_PRIVATE;
	q->state = page->state == PAGE_COMMITTED ? NTMEM_STATE_COMMIT :
						   NTMEM_STATE_RESERVE;
	if (q->flags & NTMEM_QUERY_PAGE)
		query_page(m, q, page);
	return 0;
}

/* --------------------------------------------------------- LOCK, UNLOCK */

static u64 locked_pages(struct model *m)
{
	u64 n = 0;

	for (int i = 0; i < AREAS; i++)
		for (u64 p = 0; m->areas[i].pages &&
		     p < m->areas[i].count; p++)
			n += m->areas[i].pages[p].locked;
	return n;
}

/* Several kinds of bad pages: which one is named is not said anywhere. */
static int do_lock(struct model *m, const struct ntmem_range *r)
{
	struct page *guard = NULL;
	int missing = 0, noaccess = 0;
	u64 start, end;
	int err = r->prot ? -EINVAL : check_range(m, r, &start, &end);

	if (err)
		return err;
	for (u64 a = start; a < end; a += PAGE) {
		struct page *page = model_page(m, a);

		if (page->state != PAGE_COMMITTED)
			missing = 1;
		else if (page->prot == NTMEM_PAGE_NOACCESS)
			noaccess = 1;
		else if (page->prot & NTMEM_PAGE_GUARD && !guard)
			guard = page;
	}
	if (missing + noaccess + (guard ? 1 : 0) > 1)
		return UNSPECIFIED;
	if (missing)
		return -ENODATA;
	if (noaccess)
		return -EACCES;
	if (guard) {
		guard->prot &= ~NTMEM_PAGE_GUARD;
		return -EKEYEXPIRED;
	}
	if (locked_pages(m) + (end - start) / PAGE > LOCKED_MAX)
		return UNSPECIFIED;
	for (u64 a = start; a < end; a += PAGE) {
		model_page(m, a)->locked = true;
		model_page(m, a)->lock_doubt = false;
	}
	return 0;
}

static int do_unlock(struct model *m, const struct ntmem_range *r)
{
	u64 start, end;
	int err = r->prot ? -EINVAL : check_range(m, r, &start, &end);
	bool doubt = false;

	if (err)
		return err;
	for (u64 a = start; a < end; a += PAGE) {
		if (!model_page(m, a)->locked)
			return -ENOLCK;
		doubt |= model_page(m, a)->lock_doubt;
	}
	if (doubt)
		return UNSPECIFIED;
	for (u64 a = start; a < end; a += PAGE)
		model_page(m, a)->locked = false;
	return 0;
}

/* ---------------------------------------------------------------- RESET */

/* All of the range is of one reservation; the pages wholly in it are meant. */
static int check_reset(struct model *m, const struct ntmem_range *r,
		       u64 *start, u64 *end)
{
	int err = r->prot ? -EINVAL : check_range(m, r, start, end);

	if (err)
		return err;
	*start = page_up(r->addr);
	*end = page_down(r->addr + r->size);
	return 0;
}

static int do_reset(struct model *m, const struct ntmem_range *r)
{
	u64 start, end;
	int err = check_reset(m, r, &start, &end);

	if (err)
		return err;
	for (u64 a = start; a < end; a += PAGE) {
		struct page *page = model_page(m, a);

		page->reset |= page->state == PAGE_COMMITTED &&
			       !view_at(m, a);
	}
	return 0;
}

/* The undo that finds everything in place. */
static int do_undo(struct model *m, const struct ntmem_range *r)
{
	u64 start, end;
	int err = check_reset(m, r, &start, &end);

	if (err)
		return err;
	for (u64 a = start; a < end; a += PAGE) {
		model_page(m, a)->reset = false;
		model_page(m, a)->lost = false;
	}
	return 0;
}

bool model_may_be_lost(struct model *m, const struct ntmem_range *r)
{
	u64 start, end;

	if (check_reset(m, r, &start, &end))
		return false;
	for (u64 a = start; a < end; a += PAGE) {
		if (model_page(m, a)->reset || model_page(m, a)->lost)
			return true;
	}
	return false;
}

bool model_must_be_lost(struct model *m, const struct ntmem_range *r)
{
	u64 start, end;

	if (check_reset(m, r, &start, &end))
		return false;
	for (u64 a = start; a < end; a += PAGE) {
		if (model_page(m, a)->lost)
			return true;
	}
	return false;
}

void model_lose(struct model *m, const struct ntmem_range *r)
{
	u64 start, end;

	if (check_reset(m, r, &start, &end))
		return;
	for (u64 a = start; a < end; a += PAGE) {
		struct page *page = model_page(m, a);

		page->doubt |= page->reset;
		page->reset = false;
		page->lost = false;
	}
}

/* --------------------------------------------------------------- access */

static void refuse(struct access *access, uint32_t reason, uint32_t prot)
{
	access->allowed = false;
	access->fault.reason = reason;
	access->fault.prot = prot;
}

/* One access to one page; a write that succeeds makes the page matter. */
int model_access(struct model *m, u64 addr, uint32_t kind,
		 struct access *access)
{
	struct page *page = model_page(m, addr);
	bool allowed;

	model_sync(m);
	if (!known(m, addr) || page->state == PAGE_FOREIGN)
		return UNSPECIFIED;
	memset(access, 0, sizeof(*access));
	access->fault.addr = addr;
	access->fault.access = kind;
	access->ours = page->reservation;
	access->allowed = true;
	allowed = kind == NTMEM_ACCESS_WRITE ? model_writable(page) :
		  kind == NTMEM_ACCESS_EXECUTE ? model_executable(page) :
		  model_readable(page);
	if (page->state == PAGE_FREE) {
		refuse(access, NTMEM_FAULT_FREE, 0);
	} else if (page->state == PAGE_RESERVED) {
		refuse(access, NTMEM_FAULT_RESERVED, 0);
	} else if (page->prot & NTMEM_PAGE_GUARD) {
		refuse(access, NTMEM_FAULT_GUARD, model_reported_prot(m, page));
		page->prot &= ~NTMEM_PAGE_GUARD;
	} else if (!allowed) {
		refuse(access, NTMEM_FAULT_PROTECTION,
		       model_reported_prot(m, page));
	} else if (kind == NTMEM_ACCESS_WRITE) {
		page->reset = false;
		page->doubt = false;
		page->lost = false;
		page->written = m->reservations[page->reservation].watched;
	}
	return 0;
}

/* ---------------------------------------------------------------- WATCH */

static bool watch_valid(const struct ntmem_watch *w)
{
	if (w->pad || w->flags & ~NTMEM_WATCH_RESET)
		return false;
	return w->count || (w->flags & NTMEM_WATCH_RESET && !w->pages);
}

int model_watch(struct model *m, struct ntmem_watch *w)
{
	struct ntmem_range r = { .addr = w->addr, .size = w->size };
	u64 *pages = (u64 *)w->pages;
	u64 start, end, told = 0;
	int err = watch_valid(w) ? check_range(m, &r, &start, &end) : -EINVAL;

	if (err)
		return err;
	if (!m->reservations[id_at(m, start)].watched)
		return -ENXIO;
	for (u64 a = start; a < end; a += PAGE) {
		struct page *page = model_page(m, a);

		if (!page->written || (w->count && told == w->count))
			continue;
		if (w->count)
			pages[told++] = a;
		page->written = !(w->flags & NTMEM_WATCH_RESET);
	}
	w->count = told;
	return 0;
}

/* ---------------------------------------------------------------- entry */

int model_apply(struct model *m, struct ntmem_op *op, int area)
{
	model_sync(m);
	switch (op->op) {
	case NTMEM_NR_RESERVE:
		return do_reserve(m, &op->reserve, area);
	case NTMEM_NR_COMMIT:
		return do_commit(m, &op->range);
	case NTMEM_NR_DECOMMIT:
		return do_decommit(m, &op->range);
	case NTMEM_NR_RELEASE:
		return do_release(m, &op->range);
	case NTMEM_NR_PROTECT:
		return do_protect(m, &op->protect);
	case NTMEM_NR_QUERY:
		return do_query(m, &op->query);
	case NTMEM_NR_LOCK:
		return do_lock(m, &op->range);
	case NTMEM_NR_UNLOCK:
		return do_unlock(m, &op->range);
	case NTMEM_NR_RESET:
		return do_reset(m, &op->range);
	case NTMEM_NR_RESET_UNDO:
		return do_undo(m, &op->range);
	default:
		return -ENOTTY;
	}
}
