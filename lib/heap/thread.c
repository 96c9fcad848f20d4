// SPDX-License-Identifier: MIT
/*
 * The list of threads, their views, and taking those away. See thread.h.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "heap/announce.h"
#include "heap/heap.h"
#include "heap/meta.h"
#include "heap/purge.h"
#include "heap/shard.h"
#include "heap/store.h"

__thread struct thread thread_self = { .malloc_view = &shard_empty };

static struct {
	struct heap_mutex lock;
	struct thread *first;
	uint32_t at[STORE_PLACES];	/* threads at each place in arenas */
	pthread_key_t key;		/* whose destructor sees threads end */
	bool ready;
} threads;

/* ------------------------------------------------------------------ views --- */

static void set_view(struct thread *thread, uint32_t index,
		     struct shard *shard)
{
	if (index == MALLOC_INDEX)
		__atomic_store_n(&thread->malloc_view, shard,
				 __ATOMIC_RELAXED);
	else if (index < thread->count)
		__atomic_store_n(&thread->views[index], shard,
				 __ATOMIC_RELAXED);
}

/* Room for the view of this index; where there is none, it stays empty. */
static void grow_views(uint32_t index)
{
	struct thread *self = &thread_self;
	struct shard **views, **old = self->views;
	uint32_t count = 16, old_count = self->count, i;

	while (count <= index)
		count *= 2;
	views = meta_alloc(count * sizeof(*views));
	if (!views)
		return;
	for (i = old_count; i < count; i++)
		views[i] = &shard_empty;
	/* Nobody empties a view meanwhile. */
	heap_mutex_take(&threads.lock);
	if (old)
		memcpy(views, old, old_count * sizeof(*views));
	self->views = views;
	self->count = count;
	heap_mutex_give(&threads.lock);
	if (old)
		meta_free(old, old_count * sizeof(*old));
}

void thread_set_view(struct shard *shard)
{
	uint32_t index = shard->heap->index;

	if (index != MALLOC_INDEX && index >= thread_self.count)
		grow_views(index);
	set_view(&thread_self, index, shard);
}

/* ------------------------------------------------------------ revocation --- */

static long barrier(int command)
{
	int saved_errno = errno;
	long result = syscall(SYS_membarrier, command, 0, 0);

	errno = saved_errno;
	return result;
}

/* True when the thread had one: then it has been in the slow path lately. */
static bool empty_view(struct thread *thread, uint32_t index)
{
	struct shard **view, *shard;

	if (index == MALLOC_INDEX)
		view = &thread->malloc_view;
	else if (index < thread->count)
		view = &thread->views[index];
	else
		return false;
	shard = __atomic_load_n(view, __ATOMIC_RELAXED);
	if (shard == &shard_empty)
		return false;
	shard->active = true;
	__atomic_store_n(view, &shard_empty, __ATOMIC_RELAXED);
	return true;
}

static bool empty_views(struct thread *thread)
{
	bool had = empty_view(thread, MALLOC_INDEX);
	uint32_t i;

	for (i = 0; i < thread->count; i++)
		had |= empty_view(thread, i);
	return had;
}

static void wait_until_outside(const struct thread *thread)
{
	while (__atomic_load_n(&thread->inside, __ATOMIC_ACQUIRE))
		sched_yield();
}

/* What was stored before is seen by who is inside after. */
static void wait_for_others(void)
{
	struct thread *thread, *self = &thread_self;

	if (barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
		barrier(MEMBARRIER_CMD_GLOBAL);
	for (thread = threads.first; thread; thread = thread->next)
		if (thread != self)
			wait_until_outside(thread);
}

void threads_revoke(struct heap *heap, bool all)
{
	struct thread *thread, *self = &thread_self;
	bool had, others = false;

	heap_mutex_take(&threads.lock);
	for (thread = threads.first; thread; thread = thread->next) {
		had = heap ? empty_view(thread, heap->index) :
			     empty_views(thread);
		others |= (had || all) && thread != self;
	}
	if (others)
		wait_for_others();
	heap_mutex_give(&threads.lock);
}

/* --------------------------------------------------------- coming, going --- */

void thread_own(struct shard *shard)
{
	heap_mutex_take(&threads.lock);
	shard->next_of_thread = thread_self.shards;
	thread_self.shards = shard;
	__atomic_store_n(&shard->thread, &thread_self, __ATOMIC_RELAXED);
	heap_mutex_give(&threads.lock);
}

static void disown_locked(struct shard *shard)
{
	struct thread *thread = shard->thread;
	struct shard **link = &thread->shards;

	while (*link != shard)
		link = &(*link)->next_of_thread;
	*link = shard->next_of_thread;
	/* From now on those who push here take the blocks in themselves. */
	__atomic_store_n(&shard->thread, NULL, __ATOMIC_SEQ_CST);
}

void thread_disown(struct shard *shard)
{
	heap_mutex_take(&threads.lock);
	if (shard->thread)
		disown_locked(shard);
	heap_mutex_give(&threads.lock);
}

static bool still_mine(struct shard *shard, struct heap *heap)
{
	return thread_self.shards == shard && shard->heap == heap;
}

/* False where the heap was destroyed meanwhile. */
static bool disown_mine(struct shard *shard, struct heap *heap)
{
	bool mine;

	heap_mutex_take(&threads.lock);
	mine = still_mine(shard, heap);
	if (mine) {
		set_view(&thread_self, heap->index, &shard_empty);
		disown_locked(shard);
	}
	heap_mutex_give(&threads.lock);
	return mine;
}

/*
 * Leaves a shard to the next thread, with nothing in it that no block needs. Who
 * has locked the heap may be waiting for the end of this thread: then it stays as
 * it is.
 */
static void leave_shard(struct shard *shard, struct heap *heap)
{
	if (!heap_take_unless_closed(heap)) {
		if (disown_mine(shard, heap))
			purge_heap_later(heap);
		return;
	}
	if (disown_mine(shard, heap)) {
		heap_mutex_take(&shard->lock);
		shard_release_free(shard);
		heap_mutex_give(&shard->lock);
	}
	heap_give(heap);
}

/* The first shard of the ending thread and its heap, which may go any time. */
static struct shard *first_shard(struct heap **heap)
{
	struct shard *shard;

	heap_mutex_take(&threads.lock);
	shard = thread_self.shards;
	if (shard)
		*heap = shard->heap;
	heap_mutex_give(&threads.lock);
	return shard;
}

static void unlink_self(void)
{
	struct thread *self = &thread_self;

	heap_mutex_take(&threads.lock);
	threads.at[self->place]--;
	if (self->prev)
		self->prev->next = self->next;
	else
		threads.first = self->next;
	if (self->next)
		self->next->prev = self->prev;
	heap_mutex_give(&threads.lock);
}

/*
 * What the thread allocates from now on, other destructors of its data for
 * example, it takes from shards without a thread.
 */
static void thread_end(void *arg)
{
	struct thread *self = arg;
	struct shard *shard;
	struct heap *heap;
	uint32_t count = self->count;

	self->ended = 1;
	announce_begin();
	while ((shard = first_shard(&heap)))
		leave_shard(shard, heap);
	announce_end();
	unlink_self();
	self->count = 0;
	/* Nobody forks meanwhile. */
	heap_take(&heap_malloc);
	if (self->views)
		meta_free(self->views, count * sizeof(*self->views));
	heap_give(&heap_malloc);
	self->views = NULL;
	purge_poll();
}

/* The first place of those with the fewest threads. */
static unsigned int choose_place(void)
{
	unsigned int place = 0, i;

	for (i = 1; i < STORE_PLACES; i++)
		if (threads.at[i] < threads.at[place])
			place = i;
	threads.at[place]++;
	return place;
}

bool thread_join(void)
{
	struct thread *self = &thread_self;

	if (self->ended || !threads.ready)
		return false;
	if (self->listed)
		return true;
	/* What follows may allocate. */
	self->listed = 1;
	heap_mutex_take(&threads.lock);
	self->next = threads.first;
	if (self->next)
		self->next->prev = self;
	threads.first = self;
	self->place = choose_place();
	heap_mutex_give(&threads.lock);
	pthread_setspecific(threads.key, self);
	return true;
}

void threads_init(void)
{
	if (barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED))
		return;
	threads.ready = !pthread_key_create(&threads.key, thread_end);
}

/* Whoever held the lock is not there any more. */
void threads_after_fork(void)
{
	struct thread *self = &thread_self;

	threads.lock = (struct heap_mutex){ 0 };
	threads.first = self->listed && !self->ended ? self : NULL;
	memset(threads.at, 0, sizeof(threads.at));
	if (threads.first)
		threads.at[self->place]++;
	self->next = NULL;
	self->prev = NULL;
	if (threads.ready)
		barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}
