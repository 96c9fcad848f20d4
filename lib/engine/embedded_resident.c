// SPDX-License-Identifier: MIT
/*
 * What pages hold, in the embedded engine: LOCK and UNLOCK, RESET and
 * RESET_UNDO.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/embedded.h"
#include "engine/segment.h"

/*
 * The calls themselves, since the sanitizers replace libc's mlock by one that
 * does nothing.
 */
static int call_mlock(uint64_t start, uint64_t end)
{
	return syscall(SYS_mlock, start, end - start) ? -errno : 0;
}

static int call_munlock(uint64_t start, uint64_t end)
{
	return syscall(SYS_munlock, start, end - start) ? -errno : 0;
}

/* Linux 5.14, and headers as old. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#endif

/* mlock would write to the pages, or copy them, to make them resident. */
static int lock_unwritten(uint64_t start, uint64_t end)
{
	if (syscall(SYS_mlock2, start, end - start, MLOCK_ONFAULT))
		return -errno;
	/* No memory for the pages, which is not the limit. */
	if (madvise((void *)(uintptr_t)start, end - start, MADV_POPULATE_READ))
		return -EAGAIN;
	return 0;
}

/* Unlocks what a LOCK that failed half way has locked newly. */
static void undo_lock(struct reservation *res, uint64_t start, uint64_t end)
{
	struct ntmem_skip_node *run;

	for_each_run(run, &res->pages, start, end) {
		uint64_t run_end = ntmem_run_end(&res->pages, run);

		if (!(run->value & RUN_LOCKED))
			call_munlock(run->key, run_end);
	}
}

/* All pages must be accessible; then the first guard page spoils it. */
static int check_lockable(struct reservation *res, uint64_t start,
			  uint64_t end)
{
	struct ntmem_skip_node *run;
	uint32_t committed = res->segment ? RUN_SHOWN : RUN_PROT;
	int error = res->segment ? view_look(res, start, end) : 0;

	if (error)
		return error;
	if (ntmem_runs_count(&res->pages, start, end, committed) < end - start)
		return -ENODATA;
	if (ntmem_runs_count(&res->pages, start, end, NTMEM_PAGE_NOACCESS))
		return -EACCES;
	for_each_run(run, &res->pages, start, end) {
		if (!(run->value & NTMEM_PAGE_GUARD))
			continue;
		error = clear_guard(res, run->key > start ? run->key : start);
		return error ? error : -EKEYEXPIRED;
	}
	return 0;
}

static int lock_locked(const struct ntmem_range *range)
{
	struct reservation *res;
	uint64_t start, end;
	int error;

	if (range->prot || range->flags)
		return -EINVAL;
	error = range_in_one(range->addr, range->size, &res, &start, &end);
	if (!error)
		error = check_lockable(res, start, end);
	if (!error)
		error = ntmem_runs_isolate(&res->pages, start, end);
	if (error)
		return error;
	error = is_tracked(res) || res->segment ? lock_unwritten(start, end) :
						  call_mlock(start, end);
	if (error) {
		undo_lock(res, start, end);
		ntmem_runs_merge(&res->pages, start, end);
		/* EAGAIN: no memory for the pages. The others: the limit. */
		return error == -EAGAIN ? -ENOMEM : -EDQUOT;
	}
	embedded.locked += end - start -
		ntmem_runs_count(&res->pages, start, end, RUN_LOCKED);
	ntmem_runs_change(&res->pages, start, end, 0, RUN_LOCKED);
	return 0;
}

int embedded_lock_pages(const struct ntmem_range *range)
{
	struct ntmem_held held;
	int error;

	ntmem_lock_take(&embedded.lock, &held);
	error = lock_locked(range);
	ntmem_lock_give(&embedded.lock, &held);
	return error;
}

static int unlock_locked(const struct ntmem_range *range)
{
	struct reservation *res;
	uint64_t start, end;
	int error;

	if (range->prot || range->flags)
		return -EINVAL;
	error = range_in_one(range->addr, range->size, &res, &start, &end);
	if (error)
		return error;
	if (ntmem_runs_count(&res->pages, start, end, RUN_LOCKED) <
	    end - start)
		return -ENOLCK;
	error = ntmem_runs_isolate(&res->pages, start, end);
	if (error)
		return error;
	error = call_munlock(start, end);
	if (error) {
		ntmem_runs_merge(&res->pages, start, end);
		return error;
	}
	embedded.locked -= end - start;
	ntmem_runs_change(&res->pages, start, end, RUN_LOCKED, 0);
	return 0;
}

int embedded_unlock_pages(const struct ntmem_range *range)
{
	struct ntmem_held held;
	int error;

	ntmem_lock_take(&embedded.lock, &held);
	error = unlock_locked(range);
	ntmem_lock_give(&embedded.lock, &held);
	return error;
}

/* ------------------------------------------------------------------------
 * RESET says that content may be dropped; nobody is obliged to. This engine
 * keeps it (and does not claim NTMEM_FEATURE_RESET), so that RESET_UNDO never
 * has a loss to report: after MADV_FREE a process cannot tell a page that was
 * dropped and read again from one that was kept.
 */
static int check_reset(const struct ntmem_range *range)
{
	struct reservation *res;
	struct ntmem_held held;
	uint64_t start, end;
	int error;

	if (range->prot || range->flags)
		return -EINVAL;
	ntmem_lock_take(&embedded.lock, &held);
	error = range_in_one(range->addr, range->size, &res, &start, &end);
	/* The file has the content. */
	if (!error && res->segment &&
	    res->segment->shape.kind == SECTION_FILE)
		error = -EALREADY;
	ntmem_lock_give(&embedded.lock, &held);
	return error;
}

int embedded_reset(const struct ntmem_range *range)
{
	return check_reset(range);
}

int embedded_reset_undo(const struct ntmem_range *range)
{
	return check_reset(range);
}
