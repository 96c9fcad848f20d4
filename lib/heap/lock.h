/* SPDX-License-Identifier: MIT */
/*
 * The heap's locks: a word, and a futex where somebody waits. Taking one that
 * is free is one atomic instruction; nothing is allocated; a child of fork may
 * give what its parent took.
 */
#ifndef HEAP_LOCK_H
#define HEAP_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct heap_mutex {
	uint32_t state;		/* 0: free, 1: held, 2: held and waited for */
};

/* Keep errno. */
void heap_mutex_wait(struct heap_mutex *mutex);
void heap_mutex_wake(struct heap_mutex *mutex);

static inline bool heap_mutex_try(struct heap_mutex *mutex)
{
	uint32_t unheld = 0;

	return __atomic_compare_exchange_n(&mutex->state, &unheld, 1, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void heap_mutex_take(struct heap_mutex *mutex)
{
	if (__builtin_expect(!heap_mutex_try(mutex), 0))
		heap_mutex_wait(mutex);
}

static inline void heap_mutex_give(struct heap_mutex *mutex)
{
	if (__atomic_exchange_n(&mutex->state, 0, __ATOMIC_RELEASE) == 2)
		heap_mutex_wake(mutex);
}

/*
 * What may stay closed for long, and is waited for without the mutex that
 * guards it. All but the waiting is done with that mutex held.
 */
struct heap_gate {
	uint32_t state;		/* 0: open, 1: closed, 2: closed and waited for */
};

static inline void heap_gate_close(struct heap_gate *gate)
{
	__atomic_store_n(&gate->state, 1, __ATOMIC_RELAXED);
}

/* Lets all come on that wait. Keeps errno. */
void heap_gate_open(struct heap_gate *gate);

/*
 * Gives the mutex, and comes back without it when the gate, which is closed, was
 * opened; it may be closed again by then. Keeps errno.
 */
void heap_gate_wait(struct heap_gate *gate, struct heap_mutex *mutex);

#endif
