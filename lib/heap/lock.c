// SPDX-License-Identifier: MIT
/*
 * Waiting for a lock. See lock.h.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "heap/lock.h"

#define SPINS	100

static bool spin(struct heap_mutex *mutex)
{
	int i;

	for (i = 0; i < SPINS; i++) {
		__builtin_ia32_pause();
		if (!__atomic_load_n(&mutex->state, __ATOMIC_RELAXED) &&
		    heap_mutex_try(mutex))
			return true;
	}
	return false;
}

void heap_mutex_wait(struct heap_mutex *mutex)
{
	int saved_errno = errno;

	if (spin(mutex))
		return;
	while (__atomic_exchange_n(&mutex->state, 2, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &mutex->state, FUTEX_WAIT_PRIVATE, 2, NULL);
	errno = saved_errno;
}

void heap_mutex_wake(struct heap_mutex *mutex)
{
	int saved_errno = errno;

	syscall(SYS_futex, &mutex->state, FUTEX_WAKE_PRIVATE, 1);
	errno = saved_errno;
}

static bool spin_at(const struct heap_gate *gate)
{
	int i;

	for (i = 0; i < SPINS; i++) {
		__builtin_ia32_pause();
		if (!__atomic_load_n(&gate->state, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

void heap_gate_open(struct heap_gate *gate)
{
	int saved_errno = errno;

	if (__atomic_exchange_n(&gate->state, 0, __ATOMIC_RELAXED) == 2)
		syscall(SYS_futex, &gate->state, FUTEX_WAKE_PRIVATE, INT_MAX);
	errno = saved_errno;
}

/* Who opens needs the mutex: it finds the 2, or the futex is not waited for. */
void heap_gate_wait(struct heap_gate *gate, struct heap_mutex *mutex)
{
	int saved_errno = errno;

	__atomic_store_n(&gate->state, 2, __ATOMIC_RELAXED);
	heap_mutex_give(mutex);
	if (!spin_at(gate))
		syscall(SYS_futex, &gate->state, FUTEX_WAIT_PRIVATE, 2, NULL);
	errno = saved_errno;
}
