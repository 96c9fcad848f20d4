// SPDX-License-Identifier: MIT
/*
 * Faults on the embedded engine's memory: guard pages, writes that are watched,
 * and LAST_FAULT.
 *
 * The handler is installed when the first guard page is made or LAST_FAULT is
 * first asked for. A system call that touches a guard page fails with EFAULT,
 * as with any inaccessible page, but does not consume the guard: no signal
 * tells the process of it.
 */
#include <string.h>

#include "engine/embedded.h"
#include "engine/prot.h"
#include "engine/segv.h"

/* How often a thread runs one instruction again before the fault counts. */
#define RETRIES	64

struct thread_faults {
	struct ntmem_fault last;	/* reason 0 = none */
	uint64_t retried;		/* address that was found accessible */
	uint64_t changes;		/* of protections, until then */
	unsigned int retries;
};

static __thread struct thread_faults faults
	__attribute__((tls_model("initial-exec")));

static bool watching;

/*
 * Another thread has made the page accessible since the fault: the access
 * succeeds when it runs again. Not for ever, in case that Linux's protection
 * was changed behind the engine's back.
 */
static bool retry(uint64_t addr)
{
	uint64_t changes = __atomic_load_n(&embedded.changes,
					   __ATOMIC_RELAXED);

	if (faults.retried != addr || faults.changes != changes) {
		faults.retried = addr;
		faults.changes = changes;
		faults.retries = 0;
	}
	return ++faults.retries <= RETRIES;
}

/*
 * What of a view is otherwise than it was when the access faulted: another
 * process may have committed the page; or a change of protections that failed
 * could not give back what it had taken.
 */
static void look_at_view(struct reservation *res, const struct ntmem_segv *segv)
{
	uint64_t page = page_down(segv->addr);
	struct ntmem_skip_node *run;

	view_look(res, page, page + PAGE_BYTES);
	run = ntmem_runs_at(&res->pages, page);
	if (ntmem_prot_allows(res_prot(res, run->value), segv->access))
		reapply(res, run->key, ntmem_run_end(&res->pages, run));
}

static bool fault_locked(const struct ntmem_segv *segv,
			 struct ntmem_fault *fault)
{
	struct reservation *res = reservation_at(segv->addr);
	uint32_t state;

	if (!res)
		return false;
	if (res->segment)
		look_at_view(res, segv);
	state = ntmem_runs_at(&res->pages, segv->addr)->value;
	fault->addr = segv->addr;
	fault->access = segv->access;
	fault->prot = res_prot(res, state);
	if (!fault->prot)
		fault->reason = NTMEM_FAULT_RESERVED;
	else if (!(fault->prot & NTMEM_PAGE_GUARD))
		fault->reason = NTMEM_FAULT_PROTECTION;
	else if (!clear_guard(res, page_down(segv->addr)))
		fault->reason = NTMEM_FAULT_GUARD;
	else	/* no memory to say so: still no access */
		fault->reason = NTMEM_FAULT_PROTECTION;
	return true;
}

/* The first write to a page that is watched. */
static bool write_locked(const struct ntmem_segv *segv)
{
	struct reservation *res = reservation_at(segv->addr);

	return res && record_fault(res, segv->addr, segv->access);
}

static bool on_fault(const struct ntmem_segv *segv)
{
	struct ntmem_fault fault = { 0 };
	struct ntmem_held held;
	bool recorded, ours;

	if (!segv->mapped)
		return false;
	ntmem_lock_take(&embedded.lock, &held);
	recorded = write_locked(segv);
	ours = recorded || fault_locked(segv, &fault);
	ntmem_lock_give(&embedded.lock, &held);
	if (recorded || !ours)
		return recorded;
	if (ntmem_prot_allows(fault.prot, fault.access) && retry(fault.addr))
		return true;
	faults.retried = 0;
	faults.last = fault;
	return false;
}

static int watch(void)
{
	int error;

	ntmem_segv_set_hook(NTMEM_SEGV_ENGINE, on_fault);
	error = ntmem_segv_install();
	if (!error)	/* not before: others do not look any further */
		__atomic_store_n(&watching, true, __ATOMIC_RELEASE);
	return error;
}

/*
 * Sees to it that guard pages are noticed, where prot has a guard, and writes,
 * where the reservation, if any, has them noticed by faults.
 */
int watch_faults(const struct reservation *res, uint32_t prot)
{
	bool needed = prot & NTMEM_PAGE_GUARD ||
		      (res && is_write_protected(res));

	return needed ? watch() : 0;
}

int embedded_last_fault(struct ntmem_fault *fault)
{
	if (!__atomic_load_n(&watching, __ATOMIC_ACQUIRE))
		watch();
	if (!faults.last.reason)
		return -ENODATA;
	*fault = faults.last;
	faults.last.reason = 0;
	return 0;
}
