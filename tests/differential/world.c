// SPDX-License-Identifier: MIT
/*
 * Setting a world up, and comparing all of it with its model.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "access.h"
#include "world.h"

#define FENCE	(FENCE_PAGES * PAGE)

const char *world_errno(int status)
{
	const char *name = status ? strerrorname_np(-status) : "0";

	return name ? name : "not an errno";
}

bool world_fail(struct world *w, const char *format, ...)
{
	va_list args;

	printf("# %s engine%s: ", w->engine->name, w->child ? ", child" : "");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	return false;
}

u64 world_addr(const struct world *w, u64 canonical)
{
	if (canonical - (WINDOW_BASE - FENCE) < (1ULL << 30))
		return canonical - WINDOW_BASE + w->window;
	for (int i = 1; i < AREAS; i++) {
		if (canonical - AREA_BASE(i) < AREA_STRIDE)
			return w->area[i] ? canonical - AREA_BASE(i) +
					    w->area[i] : 0;
	}
	return canonical;
}

/* ----------------------------------------------------------------- open */

static bool map_foreign(struct world *w, u64 canonical, u64 size)
{
	void *addr = (void *)world_addr(w, canonical);
	void *got = mmap(addr, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			 -1, 0);

	if (got == addr)
		return true;
	return world_fail(w, "mmap of a foreign page at %p: %m", addr);
}

/* The window: taken and given back by the engine, so that it is known free. */
static bool take_window(struct world *w)
{
	struct ntmem_reserve reserve = {
		.addr = w->window,
		.size = 1ULL << 30,
		.prot = NTMEM_PAGE_NOACCESS,
	};
	struct ntmem_range release = { .addr = w->window };
	int status = w->engine->reserve(&reserve);

	if (status || reserve.addr != w->window)
		return world_fail(w, "reserving the window: %s",
				  world_errno(status));
	status = w->engine->release(&release);
	if (status)
		return world_fail(w, "releasing the window: %s",
				  world_errno(status));
	return true;
}

/* They count against a commit limit: where there is one, there are none. */
static bool make_sections(struct world *w)
{
	for (int i = 0; i < SECTIONS && !w->has_sections; i++) {
		struct ntmem_section section = {
			.size = SECTION_PAGES * PAGE,
			.prot = section_kinds[i].prot,
			.flags = section_kinds[i].flags,
		};
		int status = w->engine->create_section(&section);

		if (status)
			return world_fail(w, "create_section: %s",
					  world_errno(status));
		w->section[i] = section.fd;
	}
	if (w->shown)
		model_share_sections(w->model, w->shown);
	else
		model_add_sections(w->model);
	return true;
}

static u64 least(u64 a, u64 b)
{
	return a < b ? a : b;
}

static bool equal_status(uint32_t op, int want, int got)
{
	(void)op;
	return want == got;
}

bool world_open(struct world *w, const struct ntmem_engine *engine,
		u64 window, const struct sequence *seq)
{
	struct ntmem_granularity granularity = { seq->granularity, 0 };
	u64 size = window_size(seq->granularity);
	struct ntmem_info info = { 0 };
	u64 limit;
	int status;

	if (!engine) {
		printf("# the engine does not open\n");
		return false;
	}
	w->engine = engine;
	w->window = window;
	w->same_status = equal_status;
	status = w->shared ? 0 : engine->set_granularity(&granularity);
	if (status)
		return world_fail(w, "set_granularity: %s",
				  world_errno(status));
	if (!take_window(w))
		return false;
	status = engine->info(&info);
	if (status)
		return world_fail(w, "info: %s", world_errno(status));
	limit = info.space_limit;
	if (!strcmp(engine->name, "embedded"))
		limit = least(limit, least(info.user_limit, info.commit_limit));
	w->model = model_new(seq->granularity, size, info.max_address, limit);
	if (seq->foreign_size)
		model_add_foreign(w->model, seq->foreign, seq->foreign_size);
	if (limit == ~0ULL && !make_sections(w))
		return false;
	return map_foreign(w, WINDOW_BASE - FENCE, FENCE) &&
	       map_foreign(w, WINDOW_BASE + size, FENCE) &&
	       (!seq->foreign_size ||
		map_foreign(w, seq->foreign, seq->foreign_size));
}

/* ---------------------------------------------------------------- close */

/* The reservation that begins at @addr, and all of its pages in the model. */
static bool release(struct world *w, u64 addr)
{
	struct ntmem_op want = { .op = NTMEM_NR_RELEASE };
	struct ntmem_range range = { .addr = world_addr(w, addr) };
	struct ntmem_unmap_view unmap = { range.addr, 0, 0 };
	int status = w->engine->unmap_view(&unmap);

	if (!status) {
		unmap.addr = addr;
		return !model_unmap(w->model, &unmap) ||
		       world_fail(w, "the model does not unmap %#llx", addr);
	}
	status = w->engine->release(&range);
	want.range.addr = addr;
	if (status)
		return world_fail(w, "releasing %#llx at the end: %s",
				  range.addr, world_errno(status));
	return !model_apply(w->model, &want, 0) ||
	       world_fail(w, "the model does not release %#llx", addr);
}

static bool release_all(struct world *w)
{
	for (int i = 0; i < AREAS; i++) {
		const struct area *area = &w->model->areas[i];

		/* The model drops an area with its last reservation. */
		for (u64 p = 0; area->pages && p < area->count; p++) {
			if (area->pages[p].reservation &&
			    !release(w, area->base + p * PAGE))
				return false;
		}
	}
	return world_check_info(w);
}

bool world_close(struct world *w, const struct sequence *seq)
{
	u64 size = w->model->window_size;
	bool ok = release_all(w);

	for (int i = 0; i < SECTIONS && w->model->sections; i++)
		w->engine->close_section(w->section[i]);
	munmap((void *)(w->window - FENCE), FENCE);
	munmap((void *)(w->window + size), FENCE);
	if (seq->foreign_size)
		munmap((void *)world_addr(w, seq->foreign), seq->foreign_size);
	model_free(w->model);
	return ok;
}

/* ---------------------------------------------------------------- check */

bool world_same_prot(uint32_t a, uint32_t b)
{
	const uint32_t cache = NTMEM_PAGE_NOCACHE | NTMEM_PAGE_WRITECOMBINE;

	return a == b || (a & b & NTMEM_PAGE_NOACCESS && !((a ^ b) & ~cache));
}

bool world_compare_query(struct world *w, const struct ntmem_query *want,
			 const struct ntmem_query *got)
{
	bool foreign = want->state == NTMEM_STATE_FOREIGN;

	if (got->base == world_addr(w, want->base) &&
	    got->alloc_base == world_addr(w, want->alloc_base) &&
	    got->size == want->size && got->state == want->state &&
	    (foreign || got->alloc_prot == want->alloc_prot) &&
	    world_same_prot(got->prot, want->prot) && got->type == want->type &&
	    got->marks == want->marks)
		return true;
	return world_fail(w, "query at %#llx: base %#llx of %#llx, size %#llx, state %#x, prot %#x (%#x), type %#x, marks %#x\n#   should be: base %#llx of %#llx, size %#llx, state %#x, prot %#x (%#x), type %#x, marks %#x",
			  world_addr(w, want->base), got->base,
			  got->alloc_base, got->size, got->state, got->prot,
			  got->alloc_prot, got->type, got->marks,
			  world_addr(w, want->base),
			  world_addr(w, want->alloc_base), want->size,
			  want->state, want->prot, want->alloc_prot,
			  want->type, want->marks);
}

/* One run at @addr; *size becomes its length, a page where nothing is said. */
static bool check_run(struct world *w, u64 addr, u64 *size)
{
	struct ntmem_op want = { .op = NTMEM_NR_QUERY };
	struct ntmem_query got = { 0 };
	int status;

	*size = PAGE;
	want.query.addr = addr;
	if (model_apply(w->model, &want, 0))
		return true;
	got.addr = world_addr(w, addr);
	status = w->engine->query(&got);
	if (status)
		return world_fail(w, "query: %s", world_errno(status));
	*size = want.query.size;
	return world_compare_query(w, &want.query, &got);
}

static bool check_walk(struct world *w, const struct area *area)
{
	u64 addr = area->base, end = addr + area->count * PAGE, size;

	for (; addr < end; addr += size) {
		if (!check_run(w, addr, &size))
			return false;
	}
	return true;
}

/* Settles what the model was in doubt about. */
static void saw_zeroes(struct page *page)
{
	page->lost |= page->reset && page->stamp;
	page->doubt = false;
	page->stamp = 0;
}

bool world_check_page(struct world *w, u64 addr)
{
	struct page *page = model_page(w->model, addr);
	u64 real = world_addr(w, page_down(addr));
	bool holds = false, zero = false;
	int sig = access_holds(real, page->stamp, &holds);

	if (!sig && holds) {
		page->doubt = false;
		return true;
	}
	if (!sig && (page->reset || page->doubt))
		sig = access_holds(real, 0, &zero);
	if (sig)
		return world_fail(w, "reading %#llx: signal %d", real, sig);
	if (zero) {
		saw_zeroes(page);
		return true;
	}
	return world_fail(w, "content of %#llx is not that of stamp %#llx",
			  real, page->stamp);
}

static bool check_content(struct world *w, const struct area *area, bool full)
{
	for (u64 i = 0; i < area->count; i++) {
		struct page *page = &area->pages[i];

		if (!model_readable(page) || page->prot & NTMEM_PAGE_GUARD)
			continue;
		if (!full && !page->stamp && i % 16)
			continue;
		if (!world_check_page(w, area->base + i * PAGE))
			return false;
	}
	return true;
}

bool world_check_info(struct world *w)
{
	u64 committed = model_committed(w->model);
	u64 reserved = model_reserved(w->model);
	struct ntmem_info info;
	int status;

	memset(&info, 0xa5, sizeof(info));
	status = w->engine->info(&info);
	if (status)
		return world_fail(w, "info: %s", world_errno(status));
	if (info.version != NTMEM_API_VERSION || info.pad ||
	    info.page_size != PAGE ||
	    info.granularity != w->model->granularity)
		return world_fail(w, "info: version %u, pad %u, page size %llu, granularity %#llx",
				  info.version, info.pad, info.page_size,
				  info.granularity);
	if (w->shared)
		return true;
	if (info.space_committed != committed || info.space_reserved != reserved)
		return world_fail(w, "info: committed %#llx, reserved %#llx, should be %#llx and %#llx",
				  info.space_committed, info.space_reserved,
				  committed, reserved);
	return true;
}

bool world_check(struct world *w, bool full)
{
	model_sync(w->model);
	for (int i = 0; i < AREAS; i++) {
		const struct area *area = &w->model->areas[i];

		if (!area->pages)
			continue;
		if (!check_walk(w, area) || !check_content(w, area, full))
			return false;
	}
	return world_check_info(w);
}
