// SPDX-License-Identifier: MIT
/*
 * How the embedded engine records which pages were written to.
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
#include <sys/mman.h>

#include "engine/embedded.h"
#include "engine/prot.h"
#include "engine/tracker.h"

static void *pointer(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

bool is_watched(const struct reservation *res)
{
	return res->flags & NTMEM_RESERVE_WATCH;
}

bool is_write_protected(const struct reservation *res)
{
	return is_watched(res) && embedded.watch_mode == WATCH_BY_PROTECTION;
}

bool is_tracked(const struct reservation *res)
{
	return is_watched(res) && embedded.watch_mode == WATCH_BY_TRACKER;
}

/* How Linux maps a page in this state. */
int linux_prot_of(const struct reservation *res, uint32_t state)
{
	int prot = ntmem_prot_to_linux(page_prot(res, state));

	if (is_write_protected(res) && !(state & RUN_WRITTEN))
		prot &= ~PROT_WRITE;
	if (state & RUN_AMISS)
		prot &= ~PROT_WRITE;
	return prot;
}

void record_written(struct reservation *res, uint64_t start, uint64_t end)
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

int scan_tracked(const struct reservation *res, struct ntmem_scan *scan)
{
	int error = ntmem_tracker_scan(scan);

	if (!error)
		return 0;
	error = begin_anew(res, error);
	return error || !ntmem_tracker_scan(scan) ? error : -ENOMEM;
}

int reset_tracked(const struct reservation *res, uint64_t start, uint64_t end)
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
		if (scan_tracked(res, &found)) {
			record_written(res, found.start, end);
			break;
		}
		for (i = 0; i < found.count; i++)
			record_written(res, found.written[i].start,
				       found.written[i].end);
	}
}

/*
 * Pages that are about to be committed: in a process that locks all it maps
 * Linux has written to them, to make them resident.
 */
void discard_fresh(const struct reservation *res, uint64_t start,
		   uint64_t end)
{
	struct ntmem_skip_node *run;

	for_each_run(run, &res->pages, start, end)
		if (is_tracked(res) && !(run->value & RUN_PROT))
			ntmem_tracker_reset(run->key,
					    ntmem_run_end(&res->pages, run));
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
void open_for_kernel(uint64_t addr, uint64_t size)
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

/* Out of the runs. */
int forget_written(struct reservation *res, uint64_t start, uint64_t end)
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
	if (ntmem_tracker_add(start, end))
		return -ENOMEM;
	ntmem_tracker_reset(start, end);
	return 0;
}

/*
 * In a child, where the memory is as it was and nothing is tracked; what the
 * parent's tracker knew is in the runs.
 */
static int go_on(const struct reservation *res)
{
	uint64_t start = res_base(res), end = res_end(res);
	int error, failed;

	if (is_tracked(res)) {
		error = ntmem_tracker_add(start, end);
		return error ? error : ntmem_tracker_reset(start, end);
	}
	error = watch_faults(res, 0);
	failed = reapply(res, start, end);
	return failed ? failed : error;
}

static void for_each_watched(void (*function)(struct reservation *res))
{
	struct ntmem_skip_node *node;

	if (!embedded.watched)
		return;
	for (node = ntmem_skip_first(&embedded.reservations); node;
	     node = node->next[0])
		if (is_watched(reservation_of(node)))
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
		record_written(res, res_base(res), res_end(res));
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
