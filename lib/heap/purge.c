// SPDX-License-Identifier: MIT
/*
 * The thread that gives memory back. See purge.h.
 *
 * Who has too much writes that down, sets asked, and then looks whether the
 * thread is there. The thread clears asked before it looks at what was written
 * down, and looks at asked once more after it has said that it is not there any
 * more. So one of the two always notices the other.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "heap/check.h"
#include "heap/heap.h"
#include "heap/heaps.h"
#include "heap/huge.h"
#include "heap/purge.h"
#include "heap/store.h"
#include "heap/thread.h"

/*
 * What is free goes back after one to two of these. Whoever looks after a
 * second finds it gone.
 */
#define INTERVAL_NS	200000000L
#define STACK_BYTES	(256 * 1024)

uint32_t purge_state;

static uint32_t asked;		/* atomic */
static bool always;		/* however small the process is */
static pid_t process;		/* that a thread would belong to */

static bool change_state(uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&purge_state, &from, to, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

bool purge_later(bool large)
{
	uint32_t state = __atomic_load_n(&purge_state, __ATOMIC_RELAXED);

	if (state == PURGE_EAGER ||
	    (state == PURGE_IDLE && !large && !always))
		return false;
	__atomic_store_n(&asked, 1, __ATOMIC_SEQ_CST);
	change_state(PURGE_IDLE, PURGE_WANTED);
	return true;
}

bool purge_heap_later(struct heap *heap)
{
	__atomic_store_n(&heap->purge, 1, __ATOMIC_SEQ_CST);
	return purge_later(store_is_large(heap->store));
}

/* False when all is as small as it shall be. */
static bool pass(void)
{
	bool more = heaps_purge();

	store_enter();
	more |= store_purge(&store_data);
	more |= store_purge(&store_code);
	more |= huge_purge();
	store_leave();
	return more;
}

static void *run(void *arg)
{
	const struct timespec interval = { .tv_nsec = INTERVAL_NS };
	bool more;

	do {
		do {
			nanosleep(&interval, NULL);
			__atomic_store_n(&asked, 0, __ATOMIC_SEQ_CST);
			more = pass();
		} while (more || __atomic_load_n(&asked, __ATOMIC_SEQ_CST));
		__atomic_store_n(&purge_state, PURGE_IDLE, __ATOMIC_SEQ_CST);
	} while (__atomic_load_n(&asked, __ATOMIC_SEQ_CST) &&
		 change_state(PURGE_IDLE, PURGE_RUNNING));
	return arg;
}

/*
 * The program's signals are for the program's threads, and so is a real-time
 * policy that the maker may have: this one waits for others by yielding.
 */
static bool make_thread(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;
	int error;

	if (pthread_attr_init(&attr))
		return false;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&thread, &attr, run, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return !error;
}

/* What waited for a thread does so no longer. */
static void be_eager(void)
{
	__atomic_store_n(&purge_state, PURGE_EAGER, __ATOMIC_SEQ_CST);
	heaps_compact();
}

void purge_start(void)
{
	int saved_errno = errno;

	/* With a heap's lock held; the call's end comes here again. */
	if (thread_self.passing)
		return;
	/* A child of vfork would make a thread in its parent's memory. */
	if (getpid() == process && change_state(PURGE_WANTED, PURGE_RUNNING) &&
	    !make_thread())
		be_eager();
	errno = saved_errno;
}

void purge_init(void)
{
	process = getpid();
	if (check_purge_is("eager"))
		purge_state = PURGE_EAGER;
	always = check_purge_is("late");
}

/* Who was to be purged still is. */
void purge_after_fork(void)
{
	process = getpid();
	if (purge_state == PURGE_RUNNING)
		purge_state = PURGE_WANTED;
}
