/* SPDX-License-Identifier: MIT */
/*
 * Threads: what each one may use without asking, and how it says that it is
 * just doing so.
 *
 * A thread that pops or pushes stores that it is inside, loads its view of the
 * heap, does it, and stores that it is inside no more. Who revokes a shard
 * empties the view, calls membarrier(2), and waits until the thread is not
 * inside. Either the thread's store comes before the barrier, and is seen, or
 * its load comes after, and finds the empty shard, which has no blocks and owns
 * none. So that being revocable costs two stores and no test.
 */
#ifndef HEAP_THREAD_H
#define HEAP_THREAD_H

#include "heap/types.h"

/* In the memory that every thread has from the start: no call finds it. */
#define HEAP_TLS	__attribute__((tls_model("initial-exec")))

extern __thread struct thread thread_self HEAP_TLS HEAP_HIDDEN;

/* Has no blocks and owns none; nobody writes to it. */
extern HEAP_HIDDEN struct shard shard_empty;

/* The heap of malloc has its view in a place of its own. */
#define MALLOC_INDEX	1

static inline void inside_begin(void)
{
	__atomic_store_n(&thread_self.inside, 1, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void inside_end(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&thread_self.inside, 0, __ATOMIC_RELEASE);
}

static inline struct shard *malloc_view(void)
{
	return __atomic_load_n(&thread_self.malloc_view, __ATOMIC_RELAXED);
}

static inline struct shard *heap_view(uint32_t index)
{
	if (index == MALLOC_INDEX)
		return malloc_view();
	if (__builtin_expect(index >= thread_self.count, 0))
		return &shard_empty;
	return __atomic_load_n(&thread_self.views[index], __ATOMIC_RELAXED);
}

/* Another thread's may be about to lose it. */
static inline bool shard_is_mine(const struct shard *shard)
{
	return __atomic_load_n(&shard->thread, __ATOMIC_RELAXED) ==
	       &thread_self;
}

/* A mutex that its holder may take again. */
struct heap_nested_mutex {
	struct heap_mutex mutex;
	struct thread *holder;
	uint32_t depth;
};

static inline void heap_nested_take(struct heap_nested_mutex *nested)
{
	if (__atomic_load_n(&nested->holder, __ATOMIC_RELAXED) !=
	    &thread_self) {
		heap_mutex_take(&nested->mutex);
		__atomic_store_n(&nested->holder, &thread_self,
				 __ATOMIC_RELAXED);
	}
	nested->depth++;
}

static inline void heap_nested_give(struct heap_nested_mutex *nested)
{
	if (--nested->depth)
		return;
	__atomic_store_n(&nested->holder, NULL, __ATOMIC_RELAXED);
	heap_mutex_give(&nested->mutex);
}

/* Makes a shard of the calling thread one that it may use without asking. */
void thread_set_view(struct shard *shard);

/*
 * The calling thread's place among the threads, at its first call; false for
 * one that has ended, or where shards cannot be revoked: it has no views.
 */
bool thread_join(void);

/* Makes the calling thread, which has joined, the shard's; or takes it away. */
void thread_own(struct shard *shard);
void thread_disown(struct shard *shard);

/*
 * Empties all views of shards of a heap, and waits until no thread is inside
 * with one; all: nor inside without a view. Without a heap: of all heaps.
 */
void threads_revoke(struct heap *heap, bool all);

/* Once, before the first call. */
void threads_init(void);

/* In a child of fork: the calling thread is the only one. */
void threads_after_fork(void);

#endif
