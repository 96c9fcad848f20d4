/* SPDX-License-Identifier: MIT */
/*
 * The lock that the library's own state stands behind. It belongs here, and
 * nowhere else, that such a lock is safe to take from a signal handler.
 *
 * While it is held, every signal is blocked in the holding thread. So a
 * handler never interrupts a holder, and may itself take the lock: whoever
 * holds it is another thread, which makes progress. errno is saved and
 * restored over the locked section, since the engine must not touch it.
 */
#ifndef NTMEM_LOCK_H
#define NTMEM_LOCK_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>

struct ntmem_lock {
	pthread_mutex_t mutex;
};

struct ntmem_held {
	sigset_t signals;	/* the thread's mask before */
	int saved_errno;
};

#define NTMEM_LOCK_INIT { PTHREAD_MUTEX_INITIALIZER }

static inline void ntmem_lock_take(struct ntmem_lock *lock,
				   struct ntmem_held *held)
{
	sigset_t all;

	held->saved_errno = errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &held->signals);
	pthread_mutex_lock(&lock->mutex);
}

static inline void ntmem_lock_give(struct ntmem_lock *lock,
				   const struct ntmem_held *held)
{
	pthread_mutex_unlock(&lock->mutex);
	pthread_sigmask(SIG_SETMASK, &held->signals, NULL);
	errno = held->saved_errno;
}

#endif
