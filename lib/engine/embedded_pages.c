// SPDX-License-Identifier: MIT
/*
 * The state of pages in the embedded engine: COMMIT, DECOMMIT and PROTECT.
 *
 * Each one splits the runs first, then asks Linux, then stores the new state,
 * so that nothing has changed when one of the first two fails.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "engine/embedded.h"
#include "engine/prot.h"

static void *pointer(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

bool commit_fits(uint64_t bytes)
{
	return embedded.committed <= embedded.limit &&
	       bytes <= embedded.limit - embedded.committed;
}

int range_in_one(uint64_t addr, uint64_t size, struct reservation **res,
		 uint64_t *start, uint64_t *end)
{
	if (!size || !in_user_space(addr, size))
		return -EINVAL;
	*start = page_down(addr);
	*end = page_up(addr + size);
	*res = reservation_at(*start);
	return *res && *end <= res_end(*res) ? 0 : -ENOENT;
}

/* The range of a DECOMMIT or RELEASE. */
int free_range(const struct ntmem_range *range, struct reservation **res,
	       uint64_t *start, uint64_t *end)
{
	if (range->prot || range->flags ||
	    !in_user_space(range->addr, range->size))
		return -EINVAL;
	*start = page_down(range->addr);
	*res = reservation_at(*start);
	if (!*res)
		return -ENOENT;
	if ((*res)->segment)
		return -EPERM;
	if (!range->size) {
		*end = res_end(*res);
		return *start == res_base(*res) ? 0 : -EADDRNOTAVAIL;
	}
	*end = page_up(range->addr + range->size);
	return *end <= res_end(*res) ? 0 : -ERANGE;
}

/* Makes Linux's protection again what the runs say, as far as it can be. */
int reapply(const struct reservation *res, uint64_t start, uint64_t end)
{
	struct ntmem_skip_node *run;
	int error = 0;

	for_each_run(run, &res->pages, start, end) {
		uint64_t run_end = ntmem_run_end(&res->pages, run);

		if (mprotect(pointer(run->key), run_end - run->key,
			     linux_prot_of(res, run->value)))
			error = -errno;
	}
	return error;
}

/*
 * Gives an isolated range Linux's form of prot. A recorded page that then cannot
 * be written, since there was no memory to say so, is helped by its fault.
 */
static int set_access(const struct reservation *res, uint64_t start,
		      uint64_t end, uint32_t prot)
{
	struct ntmem_skip_node *run;
	int plain = linux_prot_of(res, prot);
	int recorded = linux_prot_of(res, prot | RUN_WRITTEN);

	if (mprotect(pointer(start), end - start, plain))
		return -1;
	if (recorded == plain)
		return 0;
	for_each_run(run, &res->pages, start, end)
		if (run->value & RUN_WRITTEN)
			mprotect(pointer(run->key),
				 ntmem_run_end(&res->pages, run) - run->key,
				 recorded);
	return 0;
}

/* Isolates a range and gives it Linux's form of prot, or changes nothing. */
int change_access(struct reservation *res, uint64_t start, uint64_t end,
		  uint32_t prot)
{
	int error = ntmem_runs_isolate(&res->pages, start, end);

	if (error)
		return error;
	if (!set_access(res, start, end, prot))
		return 0;
	error = -errno;
	/* mprotect may have come half way through several mappings. */
	reapply(res, start, end);
	ntmem_runs_merge(&res->pages, start, end);
	return error;
}

/*
 * The range of a COMMIT or PROTECT, if it may have this protection: what only
 * views can have is wrong anywhere else.
 */
static int changed_range(const struct ntmem_range *range,
			 struct reservation **res, uint64_t *start,
			 uint64_t *end)
{
	bool copies = range->prot & PROT_COPIES;
	int error;

	if (!ntmem_view_prot_valid(range->prot))
		return -EINVAL;
	error = range_in_one(range->addr, range->size, res, start, end);
	if (error)
		return error == -ENOENT && copies ? -EINVAL : error;
	if ((*res)->segment)
		return view_takes(*res, range->prot) ? 0 : -EINVAL;
	return copies ? -EINVAL : 0;
}

static int commit_locked(const struct ntmem_range *range)
{
	struct reservation *res;
	uint64_t start, end, fresh;
	int error;

	if (range->flags)
		return -EINVAL;
	error = changed_range(range, &res, &start, &end);
	if (error)
		return error;
	if (res->segment)
		return view_change(res, start, end, range->prot, true);
	if (is_placeholder(res))
		return -EEXIST;
	fresh = end - start - ntmem_runs_count(&res->pages, start, end,
					       RUN_PROT);
	if (!commit_fits(fresh))
		return -ENOMEM;
	error = watch_faults(res, range->prot);
	if (error)
		return error;
	error = change_access(res, start, end, range->prot);
	if (error)
		return error;
	discard_fresh(res, start, end);
	ntmem_runs_change(&res->pages, start, end, RUN_PROT,
			  range->prot & ~PROT_CACHE);
	embedded.committed += fresh;
	return 0;
}

int embedded_commit(const struct ntmem_range *range)
{
	struct ntmem_held held;
	int error;

	ntmem_lock_take(&embedded.lock, &held);
	error = commit_locked(range);
	ntmem_lock_give(&embedded.lock, &held);
	return error;
}

/* Linux before 5.18, and headers as old. */
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED	24
#endif

/*
 * Plain DONTNEED refuses what is locked, be it by LOCK or by the program, with
 * mlockall() for one, and only when it has dropped what lies in front.
 */
static int drop_content(uint64_t start, uint64_t end)
{
	size_t size = end - start;

	if (!madvise(pointer(start), size, MADV_DONTNEED_LOCKED))
		return 0;
	if (errno != EINVAL)
		return -errno;
	if (syscall(SYS_munlock, start, size) ||
	    madvise(pointer(start), size, MADV_DONTNEED))
		return -errno;
	return 0;
}

/* A page whose content goes stays recorded. The range remains isolated. */
static int keep_records(struct reservation *res, uint64_t start, uint64_t end)
{
	if (!is_tracked(res))
		return 0;
	record_tracked(res, start, end);
	return ntmem_runs_isolate(&res->pages, start, end);
}

/*
 * Access goes first, so that no thread writes into a page between the
 * dropping of its content and its end. (Mapping it anew with MAP_FIXED would
 * be one call, but may fail with the old mapping gone, and forgets DONTFORK.)
 */
int decommit_pages(struct reservation *res, uint64_t start, uint64_t end)
{
	uint64_t locked = 0;
	int error = change_access(res, start, end, 0);

	if (error)
		return error;
	error = keep_records(res, start, end);
	if (!error)
		error = drop_content(start, end);
	if (error) {
		reapply(res, start, end);
		ntmem_runs_merge(&res->pages, start, end);
		return error;
	}
	if (embedded.locked)
		locked = ntmem_runs_count(&res->pages, start, end, RUN_LOCKED);
	if (locked) {
		syscall(SYS_munlock, start, end - start);
		embedded.locked -= locked;
	}
	embedded.committed -= ntmem_runs_count(&res->pages, start, end,
					       RUN_PROT);
	ntmem_runs_change(&res->pages, start, end, ~RUN_WRITTEN, 0);
	return 0;
}

static int decommit_locked(const struct ntmem_range *range)
{
	struct reservation *res;
	uint64_t start, end;
	int error = free_range(range, &res, &start, &end);

	return error ? error : decommit_pages(res, start, end);
}

int embedded_decommit(const struct ntmem_range *range)
{
	struct ntmem_held held;
	int error;

	ntmem_lock_take(&embedded.lock, &held);
	error = decommit_locked(range);
	ntmem_lock_give(&embedded.lock, &held);
	return error;
}

/* Linux before 6.14, and headers as old: the calling thread, for pidfds. */
#ifndef PIDFD_SELF_THREAD
#define PIDFD_SELF_THREAD	(-10000)
#endif
#define DROPS	64

/*
 * Many ranges in one call, where the kernel lets a process do that to itself
 * (since 6.14). How many were dropped: the next one may be what is refused.
 */
static unsigned int drop_many(const struct ntmem_range *ranges,
			      unsigned int count)
{
	static int refused;
	struct iovec vectors[DROPS];
	unsigned int i, done;
	long bytes;

	if (count == 1 || __atomic_load_n(&refused, __ATOMIC_RELAXED))
		return 0;
	if (count > DROPS)
		count = DROPS;
	for (i = 0; i < count; i++) {
		vectors[i].iov_base = pointer(ranges[i].addr);
		vectors[i].iov_len = ranges[i].size;
	}
	bytes = syscall(SYS_process_madvise, PIDFD_SELF_THREAD, vectors, count,
			MADV_DONTNEED_LOCKED, 0);
	if (bytes < 0)
		__atomic_store_n(&refused, 1, __ATOMIC_RELAXED);
	for (done = 0; done < count && bytes >= (long)ranges[done].size; done++)
		bytes -= ranges[done].size;
	return done;
}

static void keep_dropped_records(const struct ntmem_range *ranges,
				 unsigned int count)
{
	struct ntmem_held held;

	ntmem_lock_take(&embedded.lock, &held);
	for (; embedded.watched && count; ranges++, count--) {
		struct reservation *res = reservation_at(ranges->addr);

		if (res)
			record_tracked(res, ranges->addr,
				       ranges->addr + ranges->size);
	}
	ntmem_lock_give(&embedded.lock, &held);
}

/* Access and the books stay as they are. */
int embedded_drop(const struct ntmem_range *ranges, unsigned int count)
{
	int saved_errno = errno, error = 0;
	unsigned int done;

	if (__atomic_load_n(&embedded.watched, __ATOMIC_RELAXED))
		keep_dropped_records(ranges, count);
	while (count && !error) {
		done = drop_many(ranges, count);
		if (!done) {
			error = drop_content(ranges->addr,
					     ranges->addr + ranges->size);
			done = 1;
		}
		ranges += done;
		count -= done;
	}
	errno = saved_errno;
	return error;
}

static int protect_view(struct reservation *res, uint64_t start, uint64_t end,
			uint32_t prot, uint32_t *old)
{
	int error = view_look(res, start, start + PAGE_BYTES);

	if (error)
		return error;
	*old = res_prot(res, ntmem_runs_at(&res->pages, start)->value);
	return view_change(res, start, end, prot, false);
}

static int protect_locked(struct ntmem_protect *protect, uint32_t *old)
{
	const struct ntmem_range range = {
		.addr = protect->addr, .size = protect->size,
		.prot = protect->prot,
	};
	struct reservation *res;
	uint64_t start, end;
	int error = changed_range(&range, &res, &start, &end);

	if (error)
		return error;
	if (res->segment)
		return protect_view(res, start, end, protect->prot, old);
	if (ntmem_runs_count(&res->pages, start, end, RUN_PROT) < end - start)
		return -ENODATA;
	error = watch_faults(res, protect->prot);
	if (error)
		return error;
	*old = res_prot(res, ntmem_runs_at(&res->pages, start)->value);
	error = change_access(res, start, end, protect->prot);
	if (error)
		return error;
	ntmem_runs_change(&res->pages, start, end, RUN_PROT,
			  protect->prot & ~PROT_CACHE);
	return 0;
}

int embedded_protect(struct ntmem_protect *protect)
{
	struct ntmem_held held;
	uint32_t old = 0;
	int error;

	ntmem_lock_take(&embedded.lock, &held);
	error = protect_locked(protect, &old);
	ntmem_lock_give(&embedded.lock, &held);
	if (!error)
		protect->old_prot = old;
	return error;
}

/* A guard page was touched: its other protection rules from now on. */
int clear_guard(struct reservation *res, uint64_t page)
{
	uint32_t prot = ntmem_runs_at(&res->pages, page)->value & RUN_PROT;
	int error;

	if (res->segment)
		return view_clear_guard(res, page);
	error = change_access(res, page, page + PAGE_BYTES,
			      prot & ~NTMEM_PAGE_GUARD);
	if (error)
		return error;
	ntmem_runs_change(&res->pages, page, page + PAGE_BYTES,
			  NTMEM_PAGE_GUARD, 0);
	return 0;
}
