// SPDX-License-Identifier: GPL-2.0
/*
 * What changes the state of pages: COMMIT, DECOMMIT, PROTECT, LOCK, UNLOCK,
 * RESET, RESET_UNDO. Each checks its arguments, finds its region, looks at
 * what is in the range (a scan), refuses or allocates, and then changes state,
 * page tables and accounts, which cannot fail any more.
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/resource.h>
#include <linux/sched/signal.h>
#include "compat.h"
#include "ntmem.h"
#include "test.h"

/* Rounds outwards; refuses nothing, and what leaves user space. */
int ntmem_round_out(struct ntmem_space *space, u64 addr, u64 size,
		    struct ntmem_pages *pages)
{
	if (!size || addr + size < addr ||
	    addr + size - 1 > space->top)
		return -EINVAL;
	pages->first = addr >> PAGE_SHIFT;
	pages->last = (addr + size - 1) >> PAGE_SHIFT;
	return 0;
}

/* Locks the one region that has all the pages; NULL when there is none. */
struct ntmem_region *ntmem_range_lock(struct ntmem_space *space,
				      const struct ntmem_pages *pages,
				      bool write)
{
	struct ntmem_region *region;

	region = ntmem_region_lock(space, pages->first << PAGE_SHIFT, write);
	if (region && unlikely(pages->last > ntmem_last(region))) {
		ntmem_region_unlock(region, write);
		return NULL;
	}
	return region;
}

/* The same, for writing, of a call whose range has no protection. */
static struct ntmem_region *ntmem_range_begin(struct ntmem_space *space,
					      const struct ntmem_range *range,
					      struct ntmem_pages *pages)
{
	struct ntmem_region *region;

	if (range->flags || range->prot ||
	    ntmem_round_out(space, range->addr, range->size, pages))
		return ERR_PTR(-EINVAL);
	region = ntmem_range_lock(space, pages, true);
	return region ?: ERR_PTR(-ENOENT);
}

/*
 * Could a PTE that was made under a state that the scan saw allow what the
 * new state forbids, or keep what it allows from working? Nothing is ever
 * mapped under no state.
 */
static bool ntmem_is_stale(const struct ntmem_scan *scan, u8 state)
{
	u8 stale = state & NTMEM_S_GUARD ? 0xff :
					   ntmem_stale[state & NTMEM_S_ACCESS];

	return scan->access & stale & ~BIT(0);
}

static bool ntmem_must_zap(const struct ntmem_scan *scan, u8 state)
{
	return scan->resident && ntmem_is_stale(scan, state);
}

/*
 * Takes from the PTEs what the new state does not allow: the right to write in
 * place where that can be, which leaves the pages mapped for their readers; all
 * else with the PTEs. The region is locked for writing.
 */
static void ntmem_take_rights(struct ntmem_region *region,
			      const struct ntmem_scan *scan, u8 state)
{
	bool more = state & NTMEM_S_GUARD ||
		    scan->access & ntmem_stale_more[state & NTMEM_S_ACCESS];

	if (!ntmem_must_zap(scan, state))
		return;
	if (more || !ntmem_wrprotect(region, scan->first_resident,
				     scan->last_resident))
		ntmem_zap(region, scan->first_resident, scan->last_resident);
}

/* Maps the region so that its PTEs may allow execution, once. */
static int ntmem_gain_exec(struct ntmem_space *space,
			   const struct ntmem_pages *pages)
{
	struct ntmem_region *region;
	bool needed;
	int err = 0;

	if (mutex_lock_killable(&space->map_lock))
		return -EINTR;
	region = ntmem_range_lock(space, pages, false);
	if (!region) {
		err = -ENOENT;
		goto unlock;
	}
	refcount_inc(&region->refs);
	needed = !region->exec;
	ntmem_region_unlock(region, false);

	/* Nobody releases a part of it, or all, without map_lock. */
	if (needed)
		err = ntmem_map_exec(region, true);
	ntmem_region_put(region);
unlock:
	mutex_unlock(&space->map_lock);
	return err;
}

/* ---------------------------------------------------------------- commit --- */

static const u8 ntmem_sticky = NTMEM_S_LOCKED | NTMEM_S_DISCARD;

/* What a locked COMMIT finds that it cannot do as it is. */
#define NTMEM_NEEDS_WRITE	1	/* the lock for writing */
#define NTMEM_NEEDS_EXEC	2	/* ntmem_gain_exec() */

/* There is no reservation; and what only views can have is wrong anywhere else. */
static int ntmem_no_range(u8 state)
{
	return state & NTMEM_S_COPY ? -EINVAL : -ENOENT;
}

/* Can the region's pages have this state, and its mapping serve it? */
static int ntmem_region_takes(const struct ntmem_region *region, u8 state)
{
	if (region->segment ? !ntmem_view_takes(region, state) :
			      state & NTMEM_S_COPY)
		return -EINVAL;
	if (ntmem_rights[state & NTMEM_S_ACCESS] & NTMEM_R_EXEC &&
	    !region->exec)
		return NTMEM_NEEDS_EXEC;
	return 0;
}

/*
 * COMMIT with the region locked for reading: for a modest range that nothing
 * is taken away from. Faults and other commits go on beside it.
 */
static int ntmem_commit_read(struct ntmem_region *region,
			     const struct ntmem_pages *pages, u8 state,
			     unsigned long *need)
{
	struct ntmem_change change = {
		.keep = ntmem_sticky, .set = state, .all = true,
	};
	struct ntmem_scan scan;
	int err;

	if (region->cow || ntmem_state_is_big(region, pages->first, pages->last))
		return NTMEM_NEEDS_WRITE;

	if (ntmem_state_prepare(region, pages->first, pages->last, false))
		return NTMEM_NEEDS_WRITE;
	ntmem_stop_point("commit_scan");
	spin_lock(&region->state_lock);
	ntmem_state_scan(region, pages->first, pages->last, &scan);
	*need = pages->last - pages->first + 1 - scan.committed;
	/* A fault may be on its way with the old state: no page need be there. */
	if (ntmem_is_stale(&scan, state))
		err = NTMEM_NEEDS_WRITE;
	else
		err = ntmem_charge(region->space, *need);
	if (!err) {
		ntmem_state_set(region, pages->first, pages->last, &change);
		region->committed += *need;
	}
	spin_unlock(&region->state_lock);
	return err;
}

static int ntmem_commit_write(struct ntmem_region *region,
			      const struct ntmem_pages *pages, u8 state,
			      unsigned long *need)
{
	struct ntmem_change change = {
		.keep = ntmem_sticky, .set = state, .all = true,
	};
	struct ntmem_scan scan;
	int err;

	err = ntmem_state_prepare(region, pages->first, pages->last, true);
	if (err)
		return err;
	ntmem_state_scan(region, pages->first, pages->last, &scan);
	*need = pages->last - pages->first + 1 - scan.committed;
	err = ntmem_charge(region->space, *need);
	if (err)
		return err;
	err = ntmem_state_store_runs(region, pages->first, pages->last, state);
	if (err) {
		ntmem_uncharge(region->space, *need);
		return err;
	}
	ntmem_state_set(region, pages->first, pages->last, &change);
	region->committed += *need;
	ntmem_take_rights(region, &scan, state);
	return 0;
}

/* The region is locked as write says. */
static int ntmem_commit_locked(struct ntmem_region *region,
			       const struct ntmem_pages *pages, u8 state,
			       bool write, unsigned long *need)
{
	int err;

	if (region->placeholder && !(state & NTMEM_S_COPY))
		return -EEXIST;
	err = ntmem_region_takes(region, state);
	if (err)
		return err;
	if (region->segment)
		return write ? ntmem_view_change(region, pages, state, true,
						 need) : NTMEM_NEEDS_WRITE;
	return write ? ntmem_commit_write(region, pages, state, need) :
		       ntmem_commit_read(region, pages, state, need);
}

static noinline int ntmem_commit_any(struct ntmem_space *space,
				     const struct ntmem_pages *pages, u8 state)
{
	bool exec = ntmem_rights[state & NTMEM_S_ACCESS] & NTMEM_R_EXEC;
	struct ntmem_region *region;
	unsigned long need = 0;
	bool write = false;
	int err;

	if (exec && ntmem_denies_exec(space->mm))
		return -EACCES;
	for (;;) {
		region = ntmem_range_lock(space, pages, write);
		if (!region)
			return ntmem_no_range(state);
		err = ntmem_commit_locked(region, pages, state, write, &need);
		ntmem_region_unlock(region, write);

		if (likely(err <= 0 && err != -EAGAIN))
			return err;
		if (err == NTMEM_NEEDS_WRITE)
			write = true;
		else if (err == NTMEM_NEEDS_EXEC)
			err = ntmem_gain_exec(space, pages);
		else
			err = ntmem_charge_more(need);
		if (err < 0)
			return err;
	}
}

int ntmem_commit(struct ntmem_space *space, const struct ntmem_range *range)
{
	struct ntmem_region *region;
	struct ntmem_pages pages;
	int err;
	u8 state;

	if (range->flags || ntmem_prot_to_state(range->prot, &state))
		return -EINVAL;
	err = ntmem_round_out(space, range->addr, range->size, &pages);
	if (err)
		return err;
	region = ntmem_range_lock(space, &pages, false);
	if (!region)
		return ntmem_no_range(state);
	err = -EAGAIN;
	if (likely(!region->cow && state == NTMEM_S_READWRITE)) {
		spin_lock(&region->state_lock);
		err = ntmem_state_commit(region, pages.first, pages.last,
					 state);
		spin_unlock(&region->state_lock);
	}
	ntmem_region_unlock(region, false);
	if (likely(err <= 0 && err != -EAGAIN))
		return err;
	return ntmem_commit_any(space, &pages, state);
}

/* -------------------------------------------------------------- decommit --- */

static void ntmem_decommit_account(struct ntmem_region *region,
				   const struct ntmem_scan *scan)
{
	region->committed -= scan->committed;
	if (scan->locked) {
		region->locked -= scan->locked;
		atomic_long_sub(scan->locked, &region->space->locked);
	}
	ntmem_uncharge(region->space, scan->committed);
}

static int ntmem_decommit_locked(struct ntmem_region *region,
				 const struct ntmem_pages *pages)
{
	const struct ntmem_change change = { .all = true };
	struct page *gone[NTMEM_BLOCK_PAGES];
	struct ntmem_scan scan;
	int err;

	if (!region->cow && ntmem_state_decommit(region, pages->first,
						 pages->last, &scan, gone)) {
		ntmem_stop_point("decommit_zap");
		if (scan.resident) {
			ntmem_zap(region, scan.first_resident,
				  scan.last_resident);
			ntmem_pages_recycle(region->space, gone,
					    scan.resident);
		}
		ntmem_decommit_account(region, &scan);
		return 0;
	}
	ntmem_state_scan(region, pages->first, pages->last, &scan);
	if (!scan.committed)
		return 0;
	err = ntmem_state_prepare(region, pages->first, pages->last, true);
	if (!err)
		err = ntmem_state_store_runs(region, pages->first, pages->last,
					     0);
	if (err)
		return err;
	ntmem_state_set(region, pages->first, pages->last, &change);
	ntmem_stop_point("decommit_zap");
	if (scan.resident) {
		/*
		 * Dropped first, the pages are freed in the batches of the
		 * zap, which has the last reference. But who shares one must
		 * not find itself alone while our PTEs still show it.
		 */
		if (!region->cow)
			ntmem_state_drop(region, scan.first_resident,
					 scan.last_resident);
		ntmem_zap(region, scan.first_resident, scan.last_resident);
		if (region->cow)
			ntmem_state_drop(region, scan.first_resident,
					 scan.last_resident);
	}
	ntmem_decommit_account(region, &scan);
	return 0;
}

int ntmem_decommit(struct ntmem_space *space, const struct ntmem_range *range)
{
	unsigned long addr = range->addr & PAGE_MASK;
	struct ntmem_region *region;
	struct ntmem_pages pages;
	int err = 0;

	if (range->flags || range->prot ||
	    ntmem_round_out(space, range->addr, range->size ?: 1, &pages))
		return -EINVAL;
	region = ntmem_region_lock(space, addr, true);
	if (!region)
		return -ENOENT;
	if (region->segment) {
		err = -EPERM;
	} else if (!range->size) {
		pages.last = ntmem_last(region);
		if (addr != region->start)
			err = -EADDRNOTAVAIL;
	} else if (pages.last > ntmem_last(region)) {
		err = -ERANGE;
	}
	if (!err)
		err = ntmem_decommit_locked(region, &pages);
	ntmem_region_unlock(region, true);
	return err;
}

/* --------------------------------------------------------------- protect --- */

static int ntmem_protect_any(struct ntmem_region *region,
			     const struct ntmem_pages *pages, u8 state,
			     u8 *old, struct ntmem_scan *scan)
{
	struct ntmem_change change = {
		.keep = ntmem_sticky, .set = state, .all = true,
	};
	int err;

	ntmem_state_scan(region, pages->first, pages->last, scan);
	if (scan->access & BIT(0))
		return -ENODATA;
	*old = ntmem_state_get(region, pages->first);
	err = ntmem_state_prepare(region, pages->first, pages->last, true);
	if (!err)
		err = ntmem_state_store_runs(region, pages->first, pages->last,
					     state);
	if (!err)
		ntmem_state_set(region, pages->first, pages->last, &change);
	return err;
}

static int ntmem_protect_locked(struct ntmem_region *region,
				const struct ntmem_pages *pages, u8 state,
				u32 *old_prot)
{
	struct ntmem_scan scan;
	int err = 0;
	u8 old;

	if (region->cow ||
	    !ntmem_state_protect(region, pages->first, pages->last, state,
				 &old, &scan))
		err = ntmem_protect_any(region, pages, state, &old, &scan);
	if (err)
		return err;
	*old_prot = ntmem_state_to_prot(region, old);
	ntmem_take_rights(region, &scan, state);
	return 0;
}

/* The region is locked for writing; -EAGAIN as ntmem_charge() has it. */
static int ntmem_protect_view(struct ntmem_region *region,
			      const struct ntmem_pages *pages, u8 state,
			      u32 *old_prot, unsigned long *need)
{
	u8 old = ntmem_view_state(region, pages->first,
				  ntmem_state_get(region, pages->first));
	int err = ntmem_view_change(region, pages, state, false, need);

	if (!err)
		*old_prot = ntmem_state_to_prot(region, old);
	return err;
}

int ntmem_protect(struct ntmem_space *space, struct ntmem_protect *protect)
{
	struct ntmem_region *region;
	struct ntmem_pages pages;
	struct ntmem_scan scan;
	unsigned long need;
	bool exec;
	int err;
	u8 state;

	if (ntmem_prot_to_state(protect->prot, &state))
		return -EINVAL;
	err = ntmem_round_out(space, protect->addr, protect->size, &pages);
	if (err)
		return err;
	exec = ntmem_rights[state & NTMEM_S_ACCESS] & NTMEM_R_EXEC;
	if (exec && ntmem_denies_exec(space->mm))
		return -EACCES;

	for (;;) {
		region = ntmem_range_lock(space, &pages, true);
		if (!region)
			return ntmem_no_range(state);
		err = ntmem_region_takes(region, state);
		if (err == NTMEM_NEEDS_EXEC) {
			ntmem_state_scan(region, pages.first, pages.last,
					 &scan);
			if (scan.access & BIT(0))
				err = -ENODATA;
		} else if (!err && region->segment) {
			err = ntmem_protect_view(region, &pages, state,
						 &protect->old_prot, &need);
		} else if (!err) {
			err = ntmem_protect_locked(region, &pages, state,
						   &protect->old_prot);
		}
		ntmem_region_unlock(region, true);
		if (err == NTMEM_NEEDS_EXEC)
			err = ntmem_gain_exec(space, &pages);
		else if (err == -EAGAIN)
			err = ntmem_charge_more(need);
		else
			return err;
		if (err)
			return err;
	}
}

/* ----------------------------------------------------------- lock, unlock --- */

/* The pages of a range that are guarded: the first one's guard goes. */
static int ntmem_lock_guard(struct ntmem_region *region,
			    const struct ntmem_pages *pages)
{
	const struct ntmem_change change = { .keep = (u8)~NTMEM_S_GUARD };
	unsigned long index = pages->first, end;
	int err;
	u8 state;

	for (;; index = end + 1) {
		end = ntmem_state_run(region, index, &state);
		if (state & NTMEM_S_GUARD || end >= pages->last)
			break;
	}
	err = ntmem_state_prepare(region, index, index, true);
	if (err)
		return err;
	ntmem_state_set(region, index, index, &change);
	return -EKEYEXPIRED;
}

/* The region is locked for writing. */
static bool ntmem_is_resident(struct ntmem_region *region,
			      const struct ntmem_pages *pages,
			      const struct ntmem_scan *scan)
{
	return region->segment ? ntmem_view_resident(region, pages) :
				 scan->resident == pages->last - pages->first + 1;
}

/*
 * The region is locked for writing. What is not there, or not any more, the
 * caller brings, and comes again.
 */
static int ntmem_lock_pages(struct ntmem_region *region,
			    const struct ntmem_pages *pages,
			    struct ntmem_scan *scan)
{
	const struct ntmem_change change = {
		.keep = (u8)~NTMEM_S_LOCKED, .set = NTMEM_S_LOCKED,
	};
	int err;

	if (!ntmem_is_resident(region, pages, scan))
		return -EAGAIN;
	err = ntmem_state_prepare_flags(region, pages->first, pages->last,
					true);
	if (err)
		return err;
	/* Reclaim may have taken some meanwhile. */
	ntmem_state_scan(region, pages->first, pages->last, scan);
	if (!ntmem_is_resident(region, pages, scan))
		return -EAGAIN;
	ntmem_state_set(region, pages->first, pages->last, &change);
	return 0;
}

static int ntmem_lock_locked(struct ntmem_region *region,
			     const struct ntmem_pages *pages)
{
	struct ntmem_space *space = region->space;
	unsigned long limit = ntmem_rlimit(space->mm, RLIMIT_MEMLOCK) >>
			      PAGE_SHIFT;
	struct ntmem_scan scan;
	unsigned long more;
	int err;

	ntmem_state_scan(region, pages->first, pages->last, &scan);
	if (scan.access & BIT(0) ||
	    (region->segment && !ntmem_view_committed(region, pages)))
		return -ENODATA;
	if (scan.access & BIT(NTMEM_S_NOACCESS))
		return -EACCES;
	if (scan.flags & NTMEM_S_GUARD)
		return ntmem_lock_guard(region, pages);
	more = pages->last - pages->first + 1 - scan.locked;
	if (atomic_long_add_return(more, &space->locked) > limit &&
	    more && !capable(CAP_IPC_LOCK)) {
		atomic_long_sub(more, &space->locked);
		return -EDQUOT;
	}
	err = ntmem_lock_pages(region, pages, &scan);
	if (err)
		atomic_long_sub(more, &space->locked);
	else
		region->locked += more;
	return err;
}

struct ntmem_populate {
	struct ntmem_pages pages;
	size_t missing;			/* bytes that cannot be read */
};

/* Makes pages of the current mm resident. */
static int ntmem_populate(void *data)
{
	struct ntmem_populate *populate = data;
	unsigned long last = populate->pages.last, index, end;

	for (index = populate->pages.first; index <= last; index = end + 1) {
		end = min(last, index | (NTMEM_CHUNK_PAGES - 1));
		if (fatal_signal_pending(current))
			return -EINTR;
		populate->missing +=
			fault_in_readable((const char __user *)
					  (index << PAGE_SHIFT),
					  (end - index + 1) << PAGE_SHIFT);
		cond_resched();
	}
	return 0;
}

int ntmem_lock(struct ntmem_space *space, const struct ntmem_range *range)
{
	struct ntmem_populate populate = { };
	struct ntmem_region *region;
	int err;

	for (;;) {
		region = ntmem_range_begin(space, range, &populate.pages);
		if (IS_ERR(region))
			return PTR_ERR(region);
		err = ntmem_lock_locked(region, &populate.pages);
		ntmem_region_unlock(region, true);
		if (err != -EAGAIN)
			return err;
		/* Nothing else was found to be in the way. */
		if (populate.missing)
			return -ENOMEM;
		err = ntmem_run_inside(space, ntmem_populate, &populate);
		if (err)
			return err;
	}
}

int ntmem_unlock(struct ntmem_space *space, const struct ntmem_range *range)
{
	const struct ntmem_change change = { .keep = (u8)~NTMEM_S_LOCKED };
	struct ntmem_region *region;
	struct ntmem_pages pages;
	struct ntmem_scan scan;
	unsigned long nr;
	int err;

	region = ntmem_range_begin(space, range, &pages);
	if (IS_ERR(region))
		return PTR_ERR(region);
	nr = pages.last - pages.first + 1;
	ntmem_state_scan(region, pages.first, pages.last, &scan);
	err = scan.locked == nr ? 0 : -ENOLCK;
	if (!err)
		err = ntmem_state_flag(region, pages.first, pages.last,
				       &change);
	if (!err) {
		region->locked -= nr;
		atomic_long_sub(nr, &space->locked);
	}
	ntmem_region_unlock(region, true);
	return err;
}

/* ----------------------------------------------------------- reset, undo --- */

/*
 * Only pages that are there can be dropped. They leave the page tables, so
 * that the next write to one is seen and makes it matter again.
 */
static int ntmem_reset_locked(struct ntmem_region *region,
			      const struct ntmem_pages *pages)
{
	const struct ntmem_change change = {
		.keep = (u8)~NTMEM_S_RESET, .set = NTMEM_S_RESET,
	};
	struct ntmem_scan scan;
	int err;

	ntmem_state_scan(region, pages->first, pages->last, &scan);
	if (!scan.resident)
		return 0;
	err = ntmem_state_flag(region, scan.first_resident, scan.last_resident,
			       &change);
	if (err)
		return err;
	ntmem_zap(region, scan.first_resident, scan.last_resident);
	ntmem_reclaim_add(region, scan.resident);
	return 0;
}

static int ntmem_undo_locked(struct ntmem_region *region,
			     const struct ntmem_pages *pages)
{
	const struct ntmem_change change = { .keep = (u8)~NTMEM_S_DISCARD };
	struct ntmem_scan scan;
	int err;

	ntmem_state_scan(region, pages->first, pages->last, &scan);
	if (!(scan.flags & NTMEM_S_DISCARD))
		return 0;
	err = ntmem_state_prepare_flags(region, pages->first, pages->last,
					false);
	if (err)
		return err;
	/* Reclaim may have taken some meanwhile. */
	ntmem_state_scan(region, pages->first, pages->last, &scan);
	ntmem_state_set(region, pages->first, pages->last, &change);
	return scan.flags & NTMEM_S_LOST ? -EBUSY : 0;
}

static int ntmem_reset_or_undo(struct ntmem_space *space,
			       const struct ntmem_range *range,
			       int (*op)(struct ntmem_region *region,
					 const struct ntmem_pages *pages))
{
	struct ntmem_region *region;
	struct ntmem_pages pages;
	int err = 0;

	/* The range as it was given must lie in one region. */
	region = ntmem_range_begin(space, range, &pages);
	if (IS_ERR(region))
		return PTR_ERR(region);
	/* What shares a page with others is left alone. */
	pages.first = PAGE_ALIGN(range->addr) >> PAGE_SHIFT;
	pages.last = (range->addr + range->size) >> PAGE_SHIFT;
	if (pages.first < pages.last && !region->segment) {
		pages.last--;
		err = op(region, &pages);
	}
	ntmem_region_unlock(region, true);
	return err;
}

int ntmem_reset(struct ntmem_space *space, const struct ntmem_range *range)
{
	return ntmem_reset_or_undo(space, range, ntmem_reset_locked);
}

int ntmem_reset_undo(struct ntmem_space *space,
		     const struct ntmem_range *range)
{
	return ntmem_reset_or_undo(space, range, ntmem_undo_locked);
}
