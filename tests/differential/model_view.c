// SPDX-License-Identifier: MIT
/*
 * The rules of sections and views. A section's pages are its own; a page of a
 * view says which of them it shows, unless it was copied.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "model_inside.h"

const struct section_kind section_kinds[SECTIONS] = {
	{ NTMEM_PAGE_READWRITE, 0 },
	{ NTMEM_PAGE_EXECUTE_READWRITE, NTMEM_SECTION_RESERVE },
	{ NTMEM_PAGE_EXECUTE_READ, 0 },
};

void model_fill_sections(struct section *sections)
{
	for (int i = 0; i < SECTIONS; i++) {
		for (u64 p = 0; p < SECTION_PAGES; p++)
			sections[i].page[p].committed =
				!(section_kinds[i].flags &
				  NTMEM_SECTION_RESERVE);
	}
}

void model_share_sections(struct model *m, struct section *sections)
{
	m->sections = sections;
	m->borrowed = true;
}

void model_add_sections(struct model *m)
{
	size_t size = SECTIONS * sizeof(*m->sections);

	m->sections = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m->sections == MAP_FAILED)
		abort();
	model_fill_sections(m->sections);
}

struct reservation *view_at(struct model *m, u64 addr)
{
	struct reservation *of = &m->reservations[id_at(m, addr)];

	return id_at(m, addr) && of->section ? of : NULL;
}

static struct section_page *shown(struct model *m, const struct page *page)
{
	unsigned int section = m->reservations[page->reservation].section;

	return &m->sections[section - 1].page[page->index];
}

static void sync_page(struct model *m, struct page *page)
{
	const struct section_page *of;

	if (!page->reservation || !m->reservations[page->reservation].section)
		return;
	of = shown(m, page);
	page->state = of->committed ? PAGE_COMMITTED : PAGE_RESERVED;
	if (!page->copied)
		page->stamp = of->stamp;
}

void model_sync(struct model *m)
{
	for (int i = 0; i < AREAS && m->has_views; i++) {
		struct area *area = &m->areas[i];

		for (u64 p = 0; area->pages && p < area->count; p++)
			sync_page(m, &area->pages[p]);
	}
}

void model_wrote(struct model *m, u64 addr, u64 stamp)
{
	struct page *page = model_page(m, addr);

	page->stamp = stamp;
	if (!view_at(m, addr))
		return;
	page->copied |= page->prot & COPY_PROT;
	if (!page->copied)
		shown(m, page)->stamp = stamp;
}

/* ------------------------------------------------------------ protection */

#define MAY_READ	1U
#define MAY_WRITE	2U
#define MAY_EXECUTE	4U

static unsigned int rights(uint32_t prot)
{
	const struct page page = { .state = PAGE_COMMITTED, .prot = prot };

	return (model_readable(&page) ? MAY_READ : 0) |
	       (model_writable(&page) && !(prot & COPY_PROT) ? MAY_WRITE : 0) |
	       (model_executable(&page) ? MAY_EXECUTE : 0);
}

static bool allows(uint32_t max, uint32_t prot)
{
	return !(rights(prot) & ~rights(max));
}

/* What may be copied is like what can be read, in all else. */
static bool view_prot_valid(uint32_t prot)
{
	uint32_t base = prot & BASE_PROT;

	if (base == NTMEM_PAGE_WRITECOPY ||
	    base == NTMEM_PAGE_EXECUTE_WRITECOPY)
		prot = (prot & ~BASE_PROT) | NTMEM_PAGE_READONLY;
	return model_prot_valid(prot);
}

int check_change(struct model *m, const struct ntmem_range *r, u64 *start,
		 u64 *end)
{
	bool copies = r->prot & COPY_PROT;
	struct reservation *view;
	int err;

	if (!view_prot_valid(r->prot))
		return -EINVAL;
	err = check_range(m, r, start, end);
	if (err)
		return err == -ENOENT && copies ? -EINVAL : err;
	view = view_at(m, *start);
	if (view)
		return allows(view->prot, r->prot) ? 0 : -EINVAL;
	return copies ? -EINVAL : 0;
}

int change_view(struct model *m, u64 start, u64 end, uint32_t prot,
		bool commit)
{
	struct reservation *view = view_at(m, start);

	if (!view)
		abort();
	view->charged |= prot & COPY_PROT;
	for (u64 a = start; a < end; a += PAGE) {
		struct page *page = model_page(m, a);

		if (commit)
			shown(m, page)->committed = true;
		page->prot = prot & ~CACHE_PROT;
	}
	model_sync(m);
	return 0;
}

/* ------------------------------------------------------------ map, unmap */

/* What the section has to say; @size is of the view then. */
static int check_section(struct model *m, unsigned int section,
			 const struct ntmem_map_view *v, u64 *size)
{
	const u64 all = SECTION_PAGES * PAGE;
	const uint32_t flags = NTMEM_RESERVE_TOP_DOWN | NTMEM_RESERVE_NOFORK |
			       NTMEM_RESERVE_REPLACE;

	if (!m->sections || section >= SECTIONS || !v->addr)
		return UNSPECIFIED;
	if (v->pad || v->flags & ~flags || !view_prot_valid(v->prot))
		return -EINVAL;
	if (!allows(section_kinds[section].prot, v->prot))
		return -EACCES;
	if (v->offset % PAGE)
		return -EINVAL;
	if (v->offset >= all || v->size > all - v->offset)
		return -ERANGE;
	*size = v->size ? v->size : all - v->offset;
	return 0;
}

/* Exactly one placeholder, or a place that is free. */
static int check_place(struct model *m, const struct ntmem_map_view *v,
		       u64 *start, u64 *end)
{
	bool replace = v->flags & NTMEM_RESERVE_REPLACE;
	int err = check_bounds(m, v->addr, *end);

	*start = page_down(v->addr);
	*end = page_up(v->addr + *end);
	if (v->min_addr || v->max_addr ||
	    (replace && v->flags & NTMEM_RESERVE_TOP_DOWN))
		return -EINVAL;
	if (err)
		return err;
	if (!replace)
		return v->addr % m->granularity ? -EINVAL :
						  check_free(m, *start, *end);
	if (!known(m, *start) || v->addr < 0x10000)
		return UNSPECIFIED;
	return m->reservations[id_at(m, *start)].placeholder &&
	       is_whole(m, *start, *end) ? 0 : -ENOENT;
}

int model_map(struct model *m, unsigned int section, struct ntmem_map_view *v)
{
	struct ntmem_reserve reserve = { .prot = v->prot, .flags = v->flags };
	struct reservation *view;
	u64 start, end;
	int err;

	model_sync(m);
	err = check_section(m, section, v, &end);
	if (!err)
		err = check_place(m, v, &start, &end);
	if (!err && m->next_reservation == RESERVATIONS)
		err = UNSPECIFIED;
	if (err)
		return err;
	if (v->flags & NTMEM_RESERVE_REPLACE &&
	    m->reservations[id_at(m, start)].nofork)
		reserve.flags |= NTMEM_RESERVE_NOFORK;
	take(m, start, end - start, &reserve);
	view = &m->reservations[id_at(m, start)];
	view->section = section + 1;
	view->charged = v->prot & COPY_PROT;
	for (u64 a = start; a < end; a += PAGE) {
		model_page(m, a)->index = (v->offset + a - start) / PAGE;
		model_page(m, a)->prot = v->prot & ~CACHE_PROT;
	}
	m->has_views = true;
	model_sync(m);
	v->addr = start;
	v->size = end - start;
	return 0;
}

int model_unmap(struct model *m, const struct ntmem_unmap_view *u)
{
	struct reservation *view = view_at(m, u->addr);
	uint32_t id = id_at(m, u->addr);
	bool preserve = u->flags & NTMEM_RELEASE_PRESERVE;
	u64 base, end;

	if (!m->sections || (!known(m, u->addr) && u->addr <= m->max_address))
		return UNSPECIFIED;
	if (u->pad || u->flags & ~NTMEM_RELEASE_PRESERVE)
		return -EINVAL;
	if (!view || (preserve && !view->replaced))
		return -ENOENT;
	base = view->base;
	end = id_end(m, u->addr);
	for (u64 a = base; a < end; a += PAGE) {
		memset(model_page(m, a), 0, sizeof(struct page));
		if (!preserve)
			continue;
		model_page(m, a)->state = PAGE_RESERVED;
		model_page(m, a)->reservation = id;
	}
	view->section = 0;
	view->charged = false;
	if (preserve) {
		view->placeholder = true;
		view->replaced = false;
		view->prot = NTMEM_PAGE_NOACCESS;
	}
	drop_empty_areas(m);
	return 0;
}
