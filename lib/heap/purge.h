/* SPDX-License-Identifier: MIT */
/*
 * Giving memory back later. What is free is often wanted again at once, and
 * giving it back costs a system call and a fault each time; so who has too much
 * only says so. A thread of the library's own looks again and again, and gives
 * back what nobody wanted in between. It exists as long as there is something to
 * look at, and not in a process that was always small, unless the environment
 * has NTMEM_HEAP_PURGE=late: there, and where a thread cannot be made, or with
 * NTMEM_HEAP_PURGE=eager, memory goes back at once.
 */
#ifndef HEAP_PURGE_H
#define HEAP_PURGE_H

#include "heap/types.h"

/* Bytes that a process has had when it was not always small. */
#define PURGE_MUCH	((size_t)8 << 20)

enum purge_state {
	PURGE_IDLE,
	PURGE_WANTED,		/* the thread is to be made, by who can */
	PURGE_RUNNING,
	PURGE_EAGER,		/* there will be none */
};

extern HEAP_HIDDEN uint32_t purge_state;	/* enum purge_state; atomic */

/*
 * May giving back wait? Asked by who has too much, and has written down that it
 * does; any locks may be held. large: the process has had much memory.
 */
bool purge_later(bool large);

/* The same, of memory in a heap's shards. */
bool purge_heap_later(struct heap *heap);

void purge_start(void);

/*
 * Makes the thread if one is wanted; where no lock is held and nobody inside, but
 * for that of heap_begin_call().
 */
static inline void purge_poll(void)
{
	if (__builtin_expect(__atomic_load_n(&purge_state, __ATOMIC_RELAXED) ==
			     PURGE_WANTED, 0))
		purge_start();
}

/* Before the first call; in a child of fork, where no such thread is. */
void purge_init(void);
void purge_after_fork(void);

#endif
