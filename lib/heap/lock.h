/* SPDX-License-Identifier: MIT */
/*
 * The heap's lock: a word, and a futex where somebody waits. Taking one that
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

#endif
