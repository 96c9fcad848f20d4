/* SPDX-License-Identifier: MIT */
/*
 * The process's SIGSEGV action, as far as the library has to own it: it is
 * installed when something needs it, lets the engine and then the vectored
 * exception handlers see the fault, and passes on what they leave to the
 * program's own action, or to the default one.
 *
 * A program may install its own handler before or after. Before: ours calls
 * it. After: ours is not called until the next ntmem_segv_install(), which
 * takes the program's new handler into the chain.
 */
#ifndef NTMEM_SEGV_H
#define NTMEM_SEGV_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

struct ntmem_segv {
	siginfo_t *info;
	ucontext_t *context;
	uint64_t addr;		/* that was accessed; all ones = unknown */
	uint32_t access;	/* NTMEM_ACCESS_* */
	bool mapped;		/* a page fault: addr is known */
};

/* True when the instruction shall run again. */
typedef bool (*ntmem_segv_hook)(const struct ntmem_segv *fault);

/* The hooks, in the order in which they see a fault. */
enum ntmem_segv_stage {
	NTMEM_SEGV_ENGINE,
	NTMEM_SEGV_VECTORED,
	NTMEM_SEGV_STAGES,
};

void ntmem_segv_set_hook(enum ntmem_segv_stage stage, ntmem_segv_hook hook);

/*
 * Makes the library's handler the process's action, if it is not. Signal
 * safe. Returns 0 or a negative errno.
 */
int ntmem_segv_install(void);

/*
 * Around fork: the lock is taken before, and given back on both sides. It is
 * a leaf: the embedded engine calls these with its own lock held.
 */
void ntmem_segv_before_fork(void);
void ntmem_segv_after_fork(void);

#endif
