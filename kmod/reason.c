// SPDX-License-Identifier: GPL-2.0
/*
 * Why a thread's last access was refused. The signal cannot say, so a handler
 * of SIGSEGV asks. Only faults of user mode are kept: those of the kernel end
 * as EFAULT.
 */
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "ntmem.h"

/* Threads that died without asking must not fill the kernel. */
#define NTMEM_REASONS_MAX	1024

/* Holds @thread, and so is no other's that gets its number. */
struct ntmem_reason {
	struct list_head node;
	struct pid *thread;
	struct ntmem_fault fault;
};

static struct ntmem_reason *ntmem_reason_find(struct ntmem_space *space)
{
	struct pid *thread = task_pid(current);
	struct ntmem_reason *reason;

	list_for_each_entry(reason, &space->reasons, node)
		if (reason->thread == thread)
			return reason;
	return NULL;
}

static void ntmem_reason_free(struct ntmem_reason *reason)
{
	if (!reason)
		return;
	put_pid(reason->thread);
	kfree(reason);
}

/* Puts a refusal in the place of the thread's last, if it has one. */
static bool ntmem_reason_renew(struct ntmem_space *space,
			       const struct ntmem_fault *fault)
{
	struct ntmem_reason *reason;

	spin_lock(&space->reason_lock);
	reason = ntmem_reason_find(space);
	if (reason) {
		reason->fault = *fault;
		list_move(&reason->node, &space->reasons);
	}
	spin_unlock(&space->reason_lock);
	return reason;
}

/*
 * Remembers a refusal, in the place of the thread's last, or of the oldest.
 * Without memory none is remembered, rather than a wrong one.
 */
void ntmem_reason_note(struct ntmem_space *space,
		       const struct ntmem_fault *fault)
{
	struct ntmem_reason *new, *old = NULL;

	if (ntmem_reason_renew(space, fault))
		return;
	new = kmalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return;
	new->thread = get_pid(task_pid(current));
	new->fault = *fault;

	spin_lock(&space->reason_lock);
	if (space->nr_reasons >= NTMEM_REASONS_MAX) {
		old = list_last_entry(&space->reasons, struct ntmem_reason,
				      node);
		list_del(&old->node);
	} else {
		space->nr_reasons++;
	}
	list_add(&new->node, &space->reasons);
	spin_unlock(&space->reason_lock);
	ntmem_reason_free(old);
}

/* LAST_FAULT: the calling thread's reason. */
int ntmem_reason_tell(struct ntmem_space *space, struct ntmem_fault *fault)
{
	struct ntmem_reason *reason;

	spin_lock(&space->reason_lock);
	reason = ntmem_reason_find(space);
	if (reason)
		*fault = reason->fault;
	spin_unlock(&space->reason_lock);
	return reason ? 0 : -ENODATA;
}

/* It was told. Until then it stays, since to put it back could fail. */
void ntmem_reason_forget(struct ntmem_space *space)
{
	struct ntmem_reason *reason;

	spin_lock(&space->reason_lock);
	reason = ntmem_reason_find(space);
	if (reason) {
		list_del(&reason->node);
		space->nr_reasons--;
	}
	spin_unlock(&space->reason_lock);
	ntmem_reason_free(reason);
}

/* No thread is left that could ask. */
void ntmem_reasons_free(struct ntmem_space *space)
{
	struct ntmem_reason *reason, *next;
	LIST_HEAD(gone);

	spin_lock(&space->reason_lock);
	list_splice_init(&space->reasons, &gone);
	space->nr_reasons = 0;
	spin_unlock(&space->reason_lock);
	list_for_each_entry_safe(reason, next, &gone, node)
		ntmem_reason_free(reason);
}
