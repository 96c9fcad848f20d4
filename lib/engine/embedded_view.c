// SPDX-License-Identifier: MIT
/*
 * Views in the embedded engine: reservations that show a part of a section.
 *
 * All pages of a view have a state from the start, which is its protection. What
 * may be copied (WRITECOPY) is mapped privately and for writing, so that Linux
 * copies it, whoever writes; the rest is mapped shared. Which pages were copied
 * the kernel is asked when it matters, and RUN_COPIED remembers: such a page
 * stays the view's own, whatever becomes of its protection.
 *
 * Of a section that is committed later, pages are mapped without access until
 * they are known to be committed: RUN_SHOWN. Another process does that without
 * our notice, so that every operation, and a fault, looks at the section's bits
 * first. A system call does not, and fails with EFAULT where no access of the
 * program's own came before.
 *
 * Mappings are changed by mapping anew in place, so that the addresses are
 * nobody else's for a moment.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/embedded.h"
#include "engine/pagemap.h"
#include "engine/prot.h"
#include "engine/segment.h"

/* So much of a view QUERY looks at in one go. */
#define LOOK_BYTES	(16ULL << 20)

static void *pointer(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

/* The number in the section of a page of a view. */
static uint64_t index_of(const struct reservation *res, uint64_t addr)
{
	return (res->offset + addr - res_base(res)) / PAGE_BYTES;
}

static uint64_t addr_of(const struct reservation *res, uint64_t index)
{
	return res_base(res) + index * PAGE_BYTES - res->offset;
}

/* ---------------------------------------------------------------- Linux --- */

/* What pages in this state are mapped as: private or shared. */
static bool is_private(uint32_t value)
{
	return value & (RUN_COPIED | PROT_COPIES);
}

/* An mmap() that failed may have unmapped what was there: nobody is to get it. */
static void keep_addresses(uint64_t start, uint64_t end)
{
	(void)mmap(pointer(start), end - start, PROT_NONE, MAP_PRIVATE |
		   MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
}

static int map_over(const struct reservation *res, uint64_t start,
		    uint64_t end, int prot, int flags, int fd)
{
	off_t offset = fd < 0 ? 0 : (off_t)(index_of(res, start) * PAGE_BYTES);
	void *got = mmap(pointer(start), end - start, prot, flags | MAP_FIXED,
			 fd, offset);
	int error = errno;

	if (got == MAP_FAILED) {
		keep_addresses(start, end);
		/* EPERM: of a file system whose files are not executed. */
		return error == EAGAIN ? -EDQUOT :
		       error == EPERM ? -EACCES : -error;
	}
	if (res->flags & NTMEM_RESERVE_NOFORK)
		madvise(pointer(start), end - start, MADV_DONTFORK);
	return 0;
}

static int map_pages(const struct reservation *res, uint64_t start,
		     uint64_t end, uint32_t value)
{
	int fd = segment_fd(res->segment);
	int flags = is_private(value) ? MAP_PRIVATE | MAP_NORESERVE :
					MAP_SHARED;
	int error = fd < 0 ? fd : map_over(res, start, end,
					   linux_prot_of(res, value), flags,
					   fd);

	if (!error && value & RUN_LOCKED)
		syscall(SYS_mlock2, start, end - start, MLOCK_ONFAULT);
	return error;
}

/* Makes Linux's mapping of pages in one state that of another. */
static int remap(const struct reservation *res, uint64_t start, uint64_t end,
		 uint32_t from, uint32_t to)
{
	if (is_private(from) != is_private(to) || from & RUN_AMISS)
		return map_pages(res, start, end, to);
	return mprotect(pointer(start), end - start, linux_prot_of(res, to)) ?
	       -errno : 0;
}

/* ---------------------------------------------------------------- looking --- */

/* Gives pages that are known to be committed their access. */
static int show(struct reservation *res, uint64_t start, uint64_t end)
{
	struct ntmem_skip_node *run;
	int error = ntmem_runs_isolate(&res->pages, start, end);

	__atomic_fetch_add(&embedded.changes, 1, __ATOMIC_RELAXED);
	if (error)
		return error;
	for_each_run(run, &res->pages, start, end) {
		uint64_t run_end = ntmem_run_end(&res->pages, run);

		if (mprotect(pointer(run->key), run_end - run->key,
			     linux_prot_of(res, run->value | RUN_SHOWN)))
			error = -errno;
	}
	if (error) {
		reapply(res, start, end);
		ntmem_runs_merge(&res->pages, start, end);
		return error;
	}
	ntmem_runs_change(&res->pages, start, end, 0, RUN_SHOWN);
	return 0;
}

/* Of pages that were not committed when they were last looked at. */
static int look_at_bits(struct reservation *res, uint64_t start, uint64_t end)
{
	uint64_t first = index_of(res, start), last;
	uint64_t stop = index_of(res, end);
	int found, error;

	while ((found = segment_committed(res->segment, &first, &last,
					  stop)) > 0) {
		error = show(res, addr_of(res, first), addr_of(res, last));
		if (error)
			return error;
		first = last;
	}
	return found;
}

/* Of pages that may have been copied since they were last looked at. */
static int look_at_copies(struct reservation *res, uint64_t start,
			  uint64_t end)
{
	int fd = ntmem_pagemap_open(), found, error = 0;
	uint64_t stop;

	if (fd < 0)
		return fd;
	while ((found = ntmem_pagemap_own(fd, &start, &stop, end)) > 0) {
		error = ntmem_runs_isolate(&res->pages, start, stop);
		if (error)
			break;
		ntmem_runs_change(&res->pages, start, stop, 0, RUN_COPIED);
		start = stop;
	}
	close(fd);
	return found < 0 ? found : error;
}

/*
 * Pages that a change which failed has left mapped as shared instead of to be
 * copied, or the other way round. If they cannot be helped now, then later.
 */
static void set_right(struct reservation *res, uint64_t start, uint64_t end,
		      uint32_t value)
{
	if (ntmem_runs_isolate(&res->pages, start, end))
		return;
	if (map_pages(res, start, end, value & ~RUN_AMISS))
		ntmem_runs_merge(&res->pages, start, end);
	else
		ntmem_runs_change(&res->pages, start, end, RUN_AMISS, 0);
}

int view_look(struct reservation *res, uint64_t start, uint64_t end)
{
	uint64_t at, stop;
	int error = 0;

	for (at = start; at < end && !error; at = stop) {
		struct ntmem_skip_node *run = ntmem_runs_at(&res->pages, at);
		uint32_t value = run->value;

		stop = ntmem_run_end(&res->pages, run);
		if (stop > end)
			stop = end;
		if (value & RUN_AMISS)
			set_right(res, at, stop, value);
		if (!(value & RUN_SHOWN))
			error = look_at_bits(res, at, stop);
		if (!error && value & PROT_COPIES && !(value & RUN_COPIED))
			error = look_at_copies(res, at, stop);
	}
	return error;
}

/*
 * The end of the run of pages that look like the one at addr. What was looked at
 * may have become more than one run.
 */
int view_run(struct reservation *res, uint64_t addr, uint64_t *end)
{
	uint64_t looked = addr;
	uint32_t prot = 0;
	int error;

	for (*end = addr; *end < res_end(res);) {
		struct ntmem_skip_node *run;

		if (*end == looked) {
			looked += LOOK_BYTES;
			if (looked > res_end(res))
				looked = res_end(res);
			error = view_look(res, *end, looked);
			if (error)
				return error;
		}
		run = ntmem_runs_at(&res->pages, *end);
		if (*end == addr)
			prot = page_prot(res, run->value);
		else if (page_prot(res, run->value) != prot)
			break;
		*end = ntmem_run_end(&res->pages, run);
		if (*end > looked)
			*end = looked;
	}
	return 0;
}

uint64_t view_committed(const struct reservation *res, uint64_t start,
			uint64_t end)
{
	return ntmem_runs_count(&res->pages, start, end, RUN_SHOWN);
}

/* ---------------------------------------------------------------- change --- */

/* The state that a run comes to have. */
static uint32_t changed(uint32_t value, uint32_t prot)
{
	return (value & ~(RUN_PROT | RUN_AMISS)) | (prot & ~PROT_CACHE) |
	       RUN_SHOWN;
}

/*
 * Pages that may be copied, and shall not be any more: no thread is to copy one
 * between the look at it and its end as such. Who writes meanwhile faults, and
 * finds when it has our lock that it may.
 */
static int stop_copies(struct reservation *res, uint64_t start, uint64_t end)
{
	struct ntmem_skip_node *run;
	int prot;

	for_each_run(run, &res->pages, start, end) {
		uint64_t run_end = ntmem_run_end(&res->pages, run);

		prot = linux_prot_of(res, run->value);
		if (run->value & PROT_COPIES && !(run->value & RUN_COPIED) &&
		    mprotect(pointer(run->key), run_end - run->key,
			     prot & ~PROT_WRITE))
			return -errno;
	}
	return view_look(res, start, end);
}

/* Isolated pages that were changed become as they were, as far as they can. */
static void remap_back(struct reservation *res, uint64_t start, uint64_t end,
		       uint32_t prot)
{
	struct ntmem_skip_node *run;

	for_each_run(run, &res->pages, start, end) {
		uint32_t now = changed(run->value, prot);

		if (is_private(now) != is_private(run->value) &&
		    map_pages(res, run->key, ntmem_run_end(&res->pages, run),
			      run->value))
			run->value |= RUN_AMISS;
	}
}

static int remap_all(struct reservation *res, uint64_t start, uint64_t end,
		     uint32_t prot)
{
	struct ntmem_skip_node *run;
	int error;

	for_each_run(run, &res->pages, start, end) {
		error = remap(res, run->key, ntmem_run_end(&res->pages, run),
			      run->value, changed(run->value, prot));
		if (!error)
			continue;
		remap_back(res, start, run->key, prot);
		return error;
	}
	return 0;
}

static int change_pages(struct reservation *res, uint64_t start, uint64_t end,
			uint32_t prot)
{
	int error = ntmem_runs_isolate(&res->pages, start, end);

	__atomic_fetch_add(&embedded.changes, 1, __ATOMIC_RELAXED);
	if (!error && !(prot & PROT_COPIES))
		error = stop_copies(res, start, end);
	/* What was found there may have joined runs. */
	if (!error)
		error = ntmem_runs_isolate(&res->pages, start, end);
	if (!error)
		error = remap_all(res, start, end, prot);
	if (error) {
		reapply(res, start, end);
		ntmem_runs_merge(&res->pages, start, end);
	}
	return error;
}

/* What else this process has of the section: a system call does not look. */
static void show_in_others(const struct reservation *res, uint64_t start,
			   uint64_t end)
{
	uint64_t first = index_of(res, start), last = index_of(res, end);
	struct ntmem_skip_node *node;

	for (node = ntmem_skip_first(&embedded.reservations); node;
	     node = node->next[0]) {
		struct reservation *other = reservation_of(node);
		uint64_t from, to;

		if (other == res || other->segment != res->segment)
			continue;
		from = index_of(other, res_base(other));
		to = index_of(other, res_end(other));
		from = from > first ? from : first;
		to = to < last ? to : last;
		if (from < to)
			view_look(other, addr_of(other, from),
				  addr_of(other, to));
	}
}

/*
 * All of the view is charged to the process when a page of it may first be
 * copied, so that no copy can fail for a limit.
 */
static uint64_t copies_to_charge(const struct reservation *res, uint32_t prot)
{
	return prot & PROT_COPIES && !res->copies ?
	       res_end(res) - res_base(res) : 0;
}

/* Is the protection one that pages of it may have? */
bool view_takes(const struct reservation *res, uint32_t prot)
{
	return section_allows(res->prot, prot);
}

static int check_change(struct reservation *res, uint64_t start, uint64_t end,
			bool commit)
{
	int error;

	if (commit && res->segment->shape.kind == SECTION_FILE)
		return -EALREADY;
	if (section_is_large(&res->segment->shape))
		return -ENOENT;
	error = view_look(res, start, end);
	if (error)
		return error;
	if (!commit && view_committed(res, start, end) < end - start)
		return -ENODATA;
	return 0;
}

/* COMMIT and PROTECT of what view_takes(). */
int view_change(struct reservation *res, uint64_t start, uint64_t end,
		uint32_t prot, bool commit)
{
	uint64_t first = index_of(res, start), last = index_of(res, end);
	uint64_t copies = copies_to_charge(res, prot), missing = 0;
	bool fresh;
	int error = check_change(res, start, end, commit);

	if (error)
		return error;
	fresh = view_committed(res, start, end) < end - start;
	if (fresh)
		error = segment_missing(res->segment, first, last, &missing);
	if (!error && !commit_fits(missing + copies))
		error = -ENOMEM;
	if (!error && fresh)
		error = segment_prepare(res->segment, first, last);
	if (!error)
		error = watch_faults(NULL, NTMEM_PAGE_GUARD);
	if (!error)
		error = change_pages(res, start, end, prot);
	if (error)
		return error;
	embedded.committed += copies;
	res->copies += copies;
	if (fresh)
		segment_commit(res->segment, first, last);
	ntmem_runs_change(&res->pages, start, end, RUN_PROT | RUN_AMISS,
			  (prot & ~PROT_CACHE) | RUN_SHOWN);
	if (fresh)
		show_in_others(res, start, end);
	return 0;
}

int view_clear_guard(struct reservation *res, uint64_t page)
{
	uint32_t value = ntmem_runs_at(&res->pages, page)->value;
	uint64_t end = page + PAGE_BYTES;
	int error = ntmem_runs_isolate(&res->pages, page, end);

	if (error)
		return error;
	value &= ~NTMEM_PAGE_GUARD;
	if (mprotect(pointer(page), PAGE_BYTES, linux_prot_of(res, value))) {
		error = -errno;
		ntmem_runs_merge(&res->pages, page, end);
		return error;
	}
	ntmem_runs_store(&res->pages, page, end, value);
	return 0;
}

/* ------------------------------------------------------------ map, unmap --- */

#define VIEW_FLAGS	(NTMEM_RESERVE_TOP_DOWN | NTMEM_RESERVE_NOFORK | \
			 NTMEM_RESERVE_REPLACE)

/* Where it lies in the section, whose last page may be of a file's end. */
static int place_in_section(const struct section_shape *shape,
			    struct ntmem_map_view *view)
{
	uint64_t size = shape->size;

	if (view->offset % PAGE_BYTES)
		return -EINVAL;
	if (view->offset >= size || view->size > size - view->offset)
		return -ERANGE;
	if (!view->size)
		view->size = size - view->offset;
	if (section_is_large(shape) &&
	    ((view->offset | view->addr | view->size) % LARGE_PAGE_BYTES ||
	     view->prot & (PROT_COPIES | NTMEM_PAGE_GUARD)))
		return -EINVAL;
	return 0;
}

/* Makes a view of a reservation that has nothing committed, or changes nothing. */
static int fill(struct reservation *res, struct segment *segment,
		const struct ntmem_map_view *view)
{
	uint64_t start = res_base(res), end = res_end(res);
	uint32_t value = (view->prot & ~PROT_CACHE) |
			 (segment_is_reserve(segment) ? 0 : RUN_SHOWN);
	uint64_t copies = view->prot & PROT_COPIES ? end - start : 0;
	int error = 0;

	if (!commit_fits(copies))
		return -ENOMEM;
	if (value & (PROT_COPIES | NTMEM_PAGE_GUARD) ||
	    segment_is_reserve(segment))
		error = watch_faults(NULL, NTMEM_PAGE_GUARD);
	if (error)
		return error;
	res->segment = segment;
	res->offset = view->offset;
	error = map_pages(res, start, end, value);
	if (error) {
		res->segment = NULL;
		return error;
	}
	segment->views++;
	__atomic_fetch_add(&embedded.views, 1, __ATOMIC_RELAXED);
	res->prot = view->prot;
	res->copies = copies;
	embedded.committed += copies;
	ntmem_runs_store(&res->pages, start, end, value);
	return 0;
}

/*
 * Addresses without memory first, as a placeholder's or a new reservation's; then
 * the view over them.
 */
static int map_locked(struct ntmem_map_view *view, struct segment *segment)
{
	struct ntmem_reserve request = {
		.addr = view->addr, .size = view->size,
		.prot = NTMEM_PAGE_NOACCESS, .flags = view->flags,
		.min_addr = view->min_addr, .max_addr = view->max_addr,
	};
	bool replace = view->flags & NTMEM_RESERVE_REPLACE;
	struct reservation *res = reservation_at(view->addr);
	uint32_t old = res ? res->flags : NTMEM_RESERVE_PLACEHOLDER;
	int error;

	if (section_is_large(&segment->shape) && !view->addr)
		request.align = LARGE_PAGE_BYTES;
	/* A view shows what is asked for, and nothing in front of it. */
	if (view->addr && !replace && view->addr % embedded.granularity)
		return -EINVAL;
	error = reserve_locked(&request);
	if (error)
		return error;
	res = reservation_at(request.addr);
	error = fill(res, segment, view);
	if (error) {
		if (replace)
			placeholder_again(res, old);
		else
			reservation_end(res);
		return error;
	}
	view->addr = request.addr;
	view->size = request.size;
	return 0;
}

static int map_handle(struct ntmem_map_view *view,
		      const struct section_handle *handle)
{
	struct segment *segment;
	int error = segment_of(handle, &segment);

	if (error)
		return error;
	error = segment_open(segment, view->fd, handle);
	if (!error)
		error = map_locked(view, segment);
	segment_put(segment);
	return error;
}

int embedded_map_view(struct ntmem_map_view *view)
{
	struct ntmem_map_view request = *view;
	struct section_handle handle;
	int saved_errno = errno, error;
	struct ntmem_held held;

	if (view->pad || view->flags & ~VIEW_FLAGS ||
	    !ntmem_view_prot_valid(view->prot))
		return -EINVAL;
	error = section_look(view->fd, &handle);
	errno = saved_errno;
	if (error)
		return error;
	if (!section_allows(handle.prot, view->prot))
		return -EACCES;
	error = place_in_section(&handle.shape, &request);
	if (error)
		return error;
	ntmem_lock_take(&embedded.lock, &held);
	error = map_handle(&request, &handle);
	ntmem_lock_give(&embedded.lock, &held);
	if (!error)
		*view = request;
	return error;
}

/* What the books say of a view that is gone, or of none. */
void view_leave(struct reservation *res)
{
	struct segment *segment = res->segment;

	if (!segment)
		return;
	embedded.committed -= res->copies;
	res->copies = 0;
	res->segment = NULL;
	segment->views--;
	__atomic_fetch_sub(&embedded.views, 1, __ATOMIC_RELAXED);
	segment_put(segment);
}

/* A placeholder takes its place. */
static int preserve(struct reservation *res)
{
	uint64_t start = res_base(res), end = res_end(res);
	int error;

	if (!(res->flags & NTMEM_RESERVE_REPLACE))
		return -ENOENT;
	if (embedded.source)
		return placeholder_return(res);
	error = map_over(res, start, end, PROT_NONE, MAP_PRIVATE |
			 MAP_ANONYMOUS | MAP_NORESERVE, -1);
	if (error)
		return error;
	if (embedded.locked)
		embedded.locked -= ntmem_runs_count(&res->pages, start, end,
						    RUN_LOCKED);
	view_leave(res);
	ntmem_runs_store(&res->pages, start, end, 0);
	res->prot = NTMEM_PAGE_NOACCESS;
	res->flags = NTMEM_RESERVE_PLACEHOLDER |
		     (res->flags & NTMEM_RESERVE_NOFORK);
	return 0;
}

static int unmap_locked(const struct ntmem_unmap_view *unmap)
{
	struct reservation *res = reservation_at(unmap->addr);

	if (!res || !res->segment)
		return -ENOENT;
	return unmap->flags & NTMEM_RELEASE_PRESERVE ? preserve(res) :
						       reservation_end(res);
}

int embedded_unmap_view(const struct ntmem_unmap_view *unmap)
{
	struct ntmem_held held;
	int error;

	if (unmap->pad || unmap->flags & ~NTMEM_RELEASE_PRESERVE)
		return -EINVAL;
	ntmem_lock_take(&embedded.lock, &held);
	error = unmap_locked(unmap);
	ntmem_lock_give(&embedded.lock, &held);
	return error;
}
