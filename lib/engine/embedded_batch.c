// SPDX-License-Identifier: MIT
/*
 * BATCH in the embedded engine: one operation after the other.
 */
#include "engine/embedded.h"

static int run_op(struct ntmem_op *op)
{
	switch (op->op) {
	case NTMEM_NR_RESERVE:
		return embedded_reserve(&op->reserve);
	case NTMEM_NR_COMMIT:
		return embedded_commit(&op->range);
	case NTMEM_NR_DECOMMIT:
		return embedded_decommit(&op->range);
	case NTMEM_NR_RELEASE:
		return embedded_release(&op->range);
	case NTMEM_NR_PROTECT:
		return embedded_protect(&op->protect);
	case NTMEM_NR_QUERY:
		return embedded_query(&op->query);
	case NTMEM_NR_LOCK:
		return embedded_lock_pages(&op->range);
	case NTMEM_NR_UNLOCK:
		return embedded_unlock_pages(&op->range);
	case NTMEM_NR_RESET:
		return embedded_reset(&op->range);
	case NTMEM_NR_RESET_UNDO:
		return embedded_reset_undo(&op->range);
	default:
		return -ENOTTY;
	}
}

int embedded_batch(struct ntmem_batch *batch)
{
	struct ntmem_op *ops = (void *)(uintptr_t)batch->ops;
	bool stop = batch->flags & NTMEM_BATCH_STOP;
	uint32_t i;

	if ((batch->flags & ~NTMEM_BATCH_STOP) || batch->pad ||
	    !batch->count || batch->count > NTMEM_BATCH_MAX)
		return -EINVAL;
	if (!ops)
		return -EFAULT;
	for (i = 0; i < batch->count; i++) {
		ops[i].status = run_op(&ops[i]);
		if (ops[i].status && stop) {
			i++;
			break;
		}
	}
	batch->done = i;
	return 0;
}
