// SPDX-License-Identifier: MIT
/*
 * WATCH in the embedded engine: which pages were written to.
 *
 * A page is recorded in its run, as RUN_WRITTEN, or in the kernel's page
 * tables, or in both. Where Linux has a tracker (see tracker.h) it records what
 * is written, and before page tables go, with the content or to a child, what
 * they say moves to the runs. Elsewhere the runs have it all: a page that may be
 * written and is not recorded is mapped read-only, and the fault records it. A
 * system call that would be the first to write there fails with EFAULT, since
 * no signal tells the process of it.
 *
 * When there is no memory for a page's own record, its whole run is recorded:
 * better a page too many than a write lost.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "engine/embedded.h"
#include "engine/prot.h"
#include "engine/tracker.h"

static void *pointer(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

static bool watched(const struct reservation *res)
{
	return res->flags & NTMEM_RESERVE_WATCH;
}

bool is_write_protected(const struct reservation *res)
{
	return watched(res) && embedded.watch_mode == WATCH_BY_PROTECTION;
}

bool is_tracked(const struct reservation *res)
{
	return watched(res) && embedded.watch_mode == WATCH_BY_TRACKER;
}

/* How Linux maps a page in this state. */
int linux_prot_of(const struct reservation *res, uint32_t state)
{
	int prot = ntmem_prot_to_linux(state & RUN_PROT);

	if (is_write_protected(res) && !(state & RUN_WRITTEN))
		prot &= ~PROT_WRITE;
	return prot;
}

static void record(struct reservation *res, uint64_t start, uint64_t end)
{
	ntmem_runs_isolate(&res->pages, start, end);
	ntmem_runs_change(&res->pages, start, end, 0, RUN_WRITTEN);
}

/* ------------------------------------------------------- the tracker --- */

/*
 * When the program has closed the tracker's descriptor it begins anew: pages
 * that were not written since they were told are told once more then.
 */
static int begin_anew(const struct reservation *res, int error)
{
	if (error == -EPERM)
		error = ntmem_tracker_add(res_base(res), res_end(res));
	return error ? -ENOMEM : 0;
}

static int scan(const struct reservation *res, struct ntmem_scan *scan)
{
	int error = ntmem_tracker_scan(scan);

	if (!error)
		return 0;
	error = begin_anew(res, error);
	return error || !ntmem_tracker_scan(scan) ? error : -ENOMEM;
}

static int reset(const struct reservation *res, uint64_t start, uint64_t end)
{
	int error = ntmem_tracker_reset(start, end);

	if (!error)
		return 0;
	error = begin_anew(res, error);
	return error || !ntmem_tracker_reset(start, end) ? error : -ENOMEM;
}

void record_tracked(struct reservation *res, uint64_t start, uint64_t end)
{
	struct ntmem_scan found = {
		.start = start, .end = end, .reset = true,
	};
	unsigned int i;

	while (is_tracked(res) && found.start < end) {
		if (scan(res, &found)) {
			record(res, found.start, end);
			break;
		}
		for (i = 0; i < found.count; i++)
			record(res, found.written[i].start,
			       found.written[i].end);
	}
}

/* ----------------------------------------------- where there is none --- */

/*
 * Maps a page of a run that is not recorded for writing. Linux may have no
 * mapping to spare for a page of its own: the whole run needs none.
 */
static bool open_page(struct reservation *res, uint64_t page)
{
	struct ntmem_skip_node *run = ntmem_runs_at(&res->pages, page);
	uint64_t start = run->key, end = ntmem_run_end(&res->pages, run);
	int prot = ntmem_prot_to_linux(run->value & RUN_PROT);

	if (!ntmem_runs_isolate(&res->pages, page, page + PAGE_BYTES) &&
	    !mprotect(pointer(page), PAGE_BYTES, prot)) {
		start = page;
		end = page + PAGE_BYTES;
	} else if (mprotect(pointer(start), end - start, prot)) {
		ntmem_runs_merge(&res->pages, start, end);
		return false;
	}
	ntmem_runs_change(&res->pages, start, end, 0, RUN_WRITTEN);
	return true;
}

bool record_fault(struct reservation *res, uint64_t addr, uint32_t access)
{
	uint32_t state = ntmem_runs_at(&res->pages, addr)->value;

	if (!is_write_protected(res) || access != NTMEM_ACCESS_WRITE ||
	    !ntmem_prot_allows(state & RUN_PROT, access))
		return false;
	return open_page(res, page_down(addr));
}

/* The kernel is about to write there for us, and would fail. */
static void open_range(uint64_t addr, uint64_t size)
{
	uint64_t page;

	for (page = page_down(addr); page < addr + size; page += PAGE_BYTES) {
		struct reservation *res = reservation_at(page);

		if (res)
			record_fault(res, page, NTMEM_ACCESS_WRITE);
	}
}

/* Of an isolated range, as if nothing of it were recorded. */
static int protect_again(const struct reservation *res, uint64_t start,
			 uint64_t end)
{
	struct ntmem_skip_node *run;

	for_each_run(run, &res->pages, start, end) {
		uint64_t run_end = ntmem_run_end(&res->pages, run);

		if (mprotect(pointer(run->key), run_end - run->key,
			     linux_prot_of(res, run->value & ~RUN_WRITTEN)))
			return -errno;
	}
	return 0;
}

/* ---------------------------------------------------- a reservation's --- */

void choose_watch(void)
{
	if (embedded.watch_mode == WATCH_UNDECIDED)
		embedded.watch_mode = ntmem_tracker_open() ?
				      WATCH_BY_PROTECTION : WATCH_BY_TRACKER;
}

int begin_watch(uint64_t start, uint64_t end)
{
	if (embedded.watch_mode != WATCH_BY_TRACKER)
		return 0;
	/* Fails where the kernel has none. */
	madvise(pointer(start), end - start, MADV_NOHUGEPAGE);
	return ntmem_tracker_add(start, end) ? -ENOMEM : 0;
}

/*
 * In a child, where the memory is as it was and nothing is tracked; what the
 * parent's tracker knew is in the runs.
 */
static int go_on(struct reservation *res)
{
	uint64_t start = res_base(res), end = res_end(res);
	struct ntmem_skip_node *run;
	int error;

	if (is_tracked(res)) {
		error = ntmem_tracker_add(start, end);
		return error ? error : ntmem_tracker_reset(start, end);
	}
	error = watch_faults(res, 0);
	for_each_run(run, &res->pages, start, end)
		if (mprotect(pointer(run->key),
			     ntmem_run_end(&res->pages, run) - run->key,
			     linux_prot_of(res, run->value)))
			error = -errno;
	return error;
}

static void for_each_watched(void (*function)(struct reservation *res))
{
	struct ntmem_skip_node *node;

	if (!embedded.watched)
		return;
	for (node = ntmem_skip_first(&embedded.reservations); node;
	     node = node->next[0])
		if (watched(reservation_of(node)))
			function(reservation_of(node));
}

static void record_for_child(struct reservation *res)
{
	if (!(res->flags & NTMEM_RESERVE_NOFORK))
		record_tracked(res, res_base(res), res_end(res));
}

void watch_before_fork(void)
{
	for_each_watched(record_for_child);
}

static void go_on_in_child(struct reservation *res)
{
	if (go_on(res))
		record(res, res_base(res), res_end(res));
}

/* What other threads of the parent wrote during fork is not recorded here. */
void watch_after_fork(void)
{
	if (embedded.watch_mode != WATCH_BY_TRACKER)
		return;
	ntmem_tracker_leave();
	embedded.watch_mode = WATCH_UNDECIDED;
	if (!embedded.watched)
		return;
	choose_watch();
	for_each_watched(go_on_in_child);
}

/* ---------------------------------------------------------- the call --- */

#define TOLD	128

/* Recorded pages of [start, at), the next ones to be told. */
struct telling {
	struct reservation *res;
	uint64_t start;
	uint64_t at;
	uint64_t end;
	bool reset;
	unsigned int room;
	unsigned int count;
	uint64_t pages[TOLD];
};

/* As far as there is room. */
static void add_pages(struct telling *t, uint64_t start, uint64_t end)
{
	for (; start < end && t->count < t->room; start += PAGE_BYTES)
		t->pages[t->count++] = start;
	t->at = start;
}

static int add_recorded(struct telling *t, uint64_t end)
{
	uint64_t start = t->at;

	add_pages(t, start, end);
	return t->reset && is_tracked(t->res) ? reset(t->res, start, t->at) : 0;
}

static int add_tracked(struct telling *t, uint64_t end)
{
	struct ntmem_scan found = {
		.start = t->at, .end = end, .pages = t->room - t->count,
		.reset = t->reset,
	};
	unsigned int i;
	int error = is_tracked(t->res) ? scan(t->res, &found) : 0;

	if (error)
		return error;
	for (i = 0; is_tracked(t->res) && i < found.count; i++)
		add_pages(t, found.written[i].start, found.written[i].end);
	t->at = is_tracked(t->res) ? found.start : end;
	return 0;
}

static int find_pages(struct telling *t)
{
	int error = 0;

	t->start = t->at;
	t->count = 0;
	while (t->at < t->end && t->count < t->room && !error) {
		struct ntmem_skip_node *run = ntmem_runs_at(&t->res->pages,
							    t->at);
		uint64_t end = ntmem_run_end(&t->res->pages, run);

		if (end > t->end)
			end = t->end;
		error = run->value & RUN_WRITTEN ? add_recorded(t, end) :
						   add_tracked(t, end);
	}
	return error;
}

/*
 * To where the caller says, which may be nowhere: so a system call tries, and
 * then what watches the program's own writes sees one.
 */
static int tell(const struct telling *t, uint64_t array)
{
	size_t size = t->count * sizeof(t->pages[0]);
	struct iovec from = { pointer((uintptr_t)t->pages), size };
	struct iovec to = { pointer(array), size };
	long done;

	if (!size)
		return 0;
	open_range(array, size);
	done = syscall(SYS_process_vm_writev, getpid(), &from, 1, &to, 1, 0);
	if (done != (long)size && (done >= 0 || errno == EFAULT))
		return -EFAULT;
	memcpy(pointer(array), t->pages, size);	/* or it is forbidden */
	return 0;
}

static void undo_reset(const struct telling *t)
{
	unsigned int i;

	for (i = 0; t->reset && i < t->count; i++)
		record(t->res, t->pages[i], t->pages[i] + PAGE_BYTES);
}

/* Out of the runs. */
static int forget(struct reservation *res, uint64_t start, uint64_t end)
{
	int error;

	if (!ntmem_runs_count(&res->pages, start, end, RUN_WRITTEN))
		return 0;
	error = ntmem_runs_isolate(&res->pages, start, end);
	if (error)
		return error;
	if (is_write_protected(res))
		error = protect_again(res, start, end);
	ntmem_runs_change(&res->pages, start, end, error ? 0 : RUN_WRITTEN, 0);
	return error;
}

static int forget_all(struct reservation *res, uint64_t start, uint64_t end)
{
	int error = forget(res, start, end);

	return error || !is_tracked(res) ? error : reset(res, start, end);
}

static int tell_all(struct telling *t, const struct ntmem_watch *watch,
		    uint64_t *told)
{
	int error = 0;

	*told = 0;
	while (t->at < t->end && *told < watch->count && !error) {
		uint64_t room = watch->count - *told;

		t->room = room < TOLD ? (unsigned int)room : TOLD;
		error = find_pages(t);
		if (!error)
			error = tell(t, watch->pages + *told * sizeof(*told));
		if (error)
			undo_reset(t);
		else if (t->reset)
			error = forget(t->res, t->start, t->at);
		*told += t->count;
	}
	return error;
}

static int watch_locked(const struct ntmem_watch *watch, uint64_t *told)
{
	struct telling t = { .reset = watch->flags & NTMEM_WATCH_RESET };
	int error;

	if (watch->pad || watch->flags & ~NTMEM_WATCH_RESET ||
	    (!watch->count && (!t.reset || watch->pages)))
		return -EINVAL;
	error = range_in_one(watch->addr, watch->size, &t.res, &t.at, &t.end);
	if (error)
		return error;
	if (!watched(t.res))
		return -ENXIO;
	error = watch_faults(t.res, 0);
	if (error)
		return error;
	if (!watch->count)
		return forget_all(t.res, t.at, t.end);
	return tell_all(&t, watch, told);
}

int embedded_watch(struct ntmem_watch *watch)
{
	struct ntmem_held held;
	uint64_t told = 0;
	int error;

	ntmem_lock_take(&embedded.lock, &held);
	error = watch_locked(watch, &told);
	ntmem_lock_give(&embedded.lock, &held);
	if (!error)
		watch->count = told;
	return error;
}
