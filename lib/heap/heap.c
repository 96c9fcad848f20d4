// SPDX-License-Identifier: MIT
/*
 * Heaps: their list, their life, their locks, and what fork does to them.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

#include "engine/forkorder.h"
#include "heap/announce.h"
#include "heap/fast.h"
#include "heap/fill.h"
#include "heap/guarded.h"
#include "heap/heap.h"
#include "heap/heaps.h"
#include "heap/huge.h"
#include "heap/inventory.h"
#include "heap/meta.h"
#include "heap/mixed.h"
#include "heap/purge.h"
#include "heap/region.h"
#include "heap/shard.h"
#include "heap/store.h"
#include "heap/trailer.h"
#include "heap/trim.h"
#include "heap/uservalue.h"
#include "heap/walk.h"
#include "ntmem/winnt.h"

uintptr_t heap_key;

struct heap heap_process = {
	.magic = HEAP_LIVE, .index = 0, .trailer = TRAILER,
	.store = &store_data,
};

struct heap heap_malloc = {
	.magic = HEAP_LIVE, .index = MALLOC_INDEX, .store = &store_data,
};

/* All heaps but malloc's, the process's first; and headers without a heap. */
static struct {
	struct heap_nested_mutex lock;
	struct heap *last;
	struct heap *unused;		/* by next; each keeps its index */
	uint32_t next_index;
	uint32_t count;
	bool ready;
} heaps = { .last = &heap_process, .next_index = 2, .count = 1 };

/* The holder may take it again: fork handlers of others may need heaps. */
void heaps_take(void)
{
	heap_nested_take(&heaps.lock);
}

void heaps_give(void)
{
	heap_nested_give(&heaps.lock);
}

uint32_t heaps_count(void)
{
	return heaps.count;
}

/* ---------------------------------------------------------- the first call --- */

static void key_init(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	int saved_errno = errno;

	if (getrandom(&heap_key, sizeof(heap_key), GRND_NONBLOCK) !=
	    sizeof(heap_key) && random)
		memcpy(&heap_key, random, sizeof(heap_key));
	/* Decoded garbage is no address of user space; 0 is none of a block. */
	heap_key |= 1ULL << 63 | 1;
	errno = saved_errno;
}

/* The environment may ask for what the fast paths do not do. */
static uint32_t is_slow(void)
{
	return heap_guarded || heap_fills_tail || heap_fills_free ||
	       heap_announces;
}

static void checks_init(void)
{
	guarded_init();
	fill_init();
	announce_init();
	heap_process.slow = is_slow();
	heap_malloc.slow = is_slow();
	heap_process.trailer = fill_trailer();
	if (heap_fills_tail)
		heap_malloc.trailer = fill_trailer();
}

void heap_init(void)
{
	if (__atomic_load_n(&heaps.ready, __ATOMIC_ACQUIRE))
		return;
	heaps_take();
	if (!heaps.ready) {
		key_init();
		table_init();
		threads_init();
		shard_init(&heap_process.first, &heap_process);
		shard_init(&heap_malloc.first, &heap_malloc);
		checks_init();
		purge_init();
		heap_process.shards = &heap_process.first;
		heap_malloc.shards = &heap_malloc.first;
		__atomic_store_n(&heaps.ready, true, __ATOMIC_RELEASE);
	}
	heaps_give();
}

/* ------------------------------------------------------------------ locks --- */

bool heap_is_held(const struct heap *heap)
{
	return __atomic_load_n(&heap->holder, __ATOMIC_RELAXED) ==
	       &thread_self;
}

static void set_holder(struct heap *heap, struct thread *thread)
{
	__atomic_store_n(&heap->holder, thread, __ATOMIC_RELAXED);
}

/*
 * Does a heap serve the calling thread? Asked with one of its locks held, or
 * inside. Who holds its lock although it is closed was let in by heap_begin_call().
 */
static bool serves(const struct heap *heap)
{
	struct thread *only = __atomic_load_n(&heap->only, __ATOMIC_ACQUIRE);

	return !only || only == &thread_self || heap_is_held(heap);
}

void heap_take(struct heap *heap)
{
	while (!heap_is_held(heap)) {
		heap_mutex_take(&heap->lock);
		if (likely(serves(heap)))
			set_holder(heap, &thread_self);
		else
			heap_gate_wait(&heap->gate, &heap->lock);
	}
	heap->depth++;
}

void heap_give(struct heap *heap)
{
	if (--heap->depth)
		return;
	set_holder(heap, NULL);
	heap_mutex_give(&heap->lock);
}

/* From now on whoever looks finds that the heap is another's. False if it was. */
static bool claim(struct heap *heap)
{
	heap_take(heap);
	if (heap->closed++)
		return false;
	heap_gate_close(&heap->gate);
	__atomic_store_n(&heap->only, &thread_self, __ATOMIC_RELAXED);
	return true;
}

/* Who is in the slow path comes to its end. */
static void flush_shards(struct heap *heap)
{
	struct shard *shard;

	for (shard = heap->shards; shard; shard = shard->next) {
		heap_mutex_take(&shard->lock);
		heap_mutex_give(&shard->lock);
	}
}

void heap_close(struct heap *heap)
{
	if (!claim(heap))
		return;
	threads_revoke(heap, true);
	flush_shards(heap);
}

void heap_open(struct heap *heap)
{
	if (!--heap->closed) {
		__atomic_store_n(&heap->only, NULL, __ATOMIC_RELEASE);
		heap_gate_open(&heap->gate);
	}
	heap_give(heap);
}

void heap_lock(struct heap *heap)
{
	heap_close(heap);
	heap_give(heap);
}

bool heap_unlock(struct heap *heap)
{
	if (__atomic_load_n(&heap->only, __ATOMIC_RELAXED) != &thread_self)
		return false;
	heap_take(heap);
	heap_open(heap);
	return true;
}

/* Who closes it for one call holds the lock all the time, so that is waited for. */
bool heap_close_unless_locked(struct heap *heap)
{
	if (!heap_is_held(heap)) {
		heap_mutex_take(&heap->lock);
		if (!serves(heap)) {
			heap_mutex_give(&heap->lock);
			return false;
		}
		set_holder(heap, &thread_self);
	}
	heap->depth++;
	heap_close(heap);
	heap_give(heap);
	return true;
}

bool heap_take_unless_closed(struct heap *heap)
{
	while (!heap_is_held(heap) && !heap_mutex_try(&heap->lock)) {
		if (!serves(heap))
			return false;
		sched_yield();
	}
	if (!serves(heap)) {
		heap_mutex_give(&heap->lock);
		return false;
	}
	set_holder(heap, &thread_self);
	heap->depth++;
	return true;
}

/*
 * The lock is held for the whole call, so that none that closes the heap for
 * itself meets it: a fork, or a walk of the thread that has locked the heap.
 */
void heap_begin_call(struct heap *heap, uint32_t flags)
{
	if (likely(!(flags & HEAP_NO_SERIALIZE)))
		return;
	heap_init();
	if (!heap_is_held(heap)) {
		heap_mutex_take(&heap->lock);
		set_holder(heap, &thread_self);
	}
	heap->depth++;
	thread_self.passing++;
}

void heap_end_call(struct heap *heap, uint32_t flags)
{
	if (likely(!(flags & HEAP_NO_SERIALIZE)))
		return;
	thread_self.passing--;
	heap_give(heap);
	purge_poll();
}

void heap_wait(struct heap *heap)
{
	if (serves(heap))
		return;
	heap_take(heap);
	heap_give(heap);
}

/* A thread that cannot be waited for takes the heap's lock. */
void heap_enter(struct heap *heap)
{
	if (unlikely(!thread_join())) {
		heap_take(heap);
		return;
	}
	for (;;) {
		inside_begin();
		if (likely(serves(heap)))
			return;
		inside_end();
		heap_wait(heap);
	}
}

void heap_leave(struct heap *heap)
{
	if (likely(thread_self.inside))
		inside_end();
	else
		heap_give(heap);
}

void shard_lock(struct shard *shard)
{
	struct heap *heap = shard->heap;

	heap_mutex_take(&shard->lock);
	while (!serves(heap)) {
		heap_mutex_give(&shard->lock);
		heap_wait(heap);
		heap_mutex_take(&shard->lock);
	}
}

/* -------------------------------------------------------- entering shards --- */

static struct shard *shard_add(struct heap *heap)
{
	struct shard *shard = meta_alloc(sizeof(*shard));

	if (!shard)
		return NULL;
	shard_init(shard, heap);
	shard->next = heap->shards;
	heap->shards = shard;
	return shard;
}

/* The calling thread's own, or else one that no thread has. */
static struct shard *shard_find(struct heap *heap, bool joined)
{
	struct shard *shard, *unowned = NULL;

	for (shard = heap->shards; shard; shard = shard->next) {
		struct thread *thread = __atomic_load_n(&shard->thread,
							__ATOMIC_RELAXED);

		if (joined && thread == &thread_self)
			return shard;
		if (!thread)
			unowned = shard;
	}
	if (!unowned)
		unowned = shard_add(heap);
	if (unowned && joined)
		thread_own(unowned);
	return unowned;
}

static struct shard *attach(struct heap *heap)
{
	bool joined = thread_join();
	struct shard *shard;

	heap_take(heap);
	shard = shard_find(heap, joined);
	if (shard) {
		heap_mutex_take(&shard->lock);
		if (joined && !heap->closed && !heap->slow &&
		    !heap->user_values)
			thread_set_view(shard);
	}
	heap_give(heap);
	return shard;
}

struct shard *shard_enter(struct heap *heap)
{
	struct shard *shard = heap_view(heap->index);

	if (shard != &shard_empty) {
		heap_mutex_take(&shard->lock);
		if (shard->heap == heap && shard_is_mine(shard) && serves(heap))
			return shard;
		heap_mutex_give(&shard->lock);
	}
	return attach(heap);
}

void shard_leave(struct shard *shard)
{
	heap_mutex_give(&shard->lock);
}

/* ------------------------------------------------------------- their life --- */

/* A header, without a heap in it. Stale handles find that, for ever. */
static struct heap *header_get(void)
{
	struct heap *heap = heaps.unused;

	if (heap) {
		heaps.unused = heap->next;
		return heap;
	}
	heap = meta_alloc(sizeof(*heap));
	if (heap)
		heap->index = heaps.next_index++;
	return heap;
}

static void header_put(struct heap *heap)
{
	heap->next = heaps.unused;
	heaps.unused = heap;
}

static void heap_link(struct heap *heap)
{
	heap->prev = heaps.last;
	heap->next = NULL;
	heaps.last->next = heap;
	heaps.last = heap;
	heaps.count++;
}

static void heap_unlink(struct heap *heap)
{
	heap->prev->next = heap->next;
	if (heap->next)
		heap->next->prev = heap->prev;
	else
		heaps.last = heap->prev;
	heaps.count--;
}

static bool heap_begin(struct heap *heap, const struct heap_options *options)
{
	heap->store = options->executable ? &store_code : &store_data;
	heap->region = NULL;
	if (options->maximum) {
		heap->region = heap_region_create(options->maximum,
						  options->initial,
						  store_prot(heap->store));
		if (!heap->region)
			return false;
	}
	heap->flags = options->flags;
	heap->slow = options->slow || heap->region || is_slow();
	heap->compatibility = 0;
	heap->trailer = fill_trailer();
	heap->mixed = heap_fills_free ? 0 : MIXED_SLICES;
	heap->huge = 0;
	heap->huge_bytes = 0;
	heap->purge = 0;
	shard_init(&heap->first, heap);
	heap->shards = &heap->first;
	if (heap_announces)
		announce_heap(heap);
	heap->magic = HEAP_LIVE;
	return true;
}

struct heap *heap_create(const struct heap_options *options)
{
	struct heap *heap;

	heap_init();
	heaps_take();
	heap = header_get();
	if (heap && !heap_begin(heap, options)) {
		header_put(heap);
		heap = NULL;
	}
	if (heap)
		heap_link(heap);
	heaps_give();
	return heap;
}

/* Slices of all kinds are in one list: the store takes it as it is. */
static void empty_shard(struct shard *shard)
{
	uint32_t slice = shard->all;

	for (; shard->mixed_slices && slice;
	     slice = table_span(slice)->next_of_shard) {
		if (table_span(slice)->kind != SPAN_MIXED)
			continue;
		mixed_free_tags(shard, table_span(slice));
		shard->mixed_slices--;
	}
	if (shard->all)
		store_give_many(shard->heap->store, shard->all);
	shard->all = 0;
}

static void heap_empty(struct heap *heap)
{
	struct shard *shard, *next;

	for (shard = heap->shards; shard; shard = next) {
		next = shard->next;
		thread_disown(shard);
		empty_shard(shard);
		if (shard != &heap->first)
			meta_free(shard, sizeof(*shard));
	}
	while (heap->huge)
		huge_free(heap, table_span(heap->huge));
	if (heap->region)
		heap_region_destroy(heap->region);
	heap->region = NULL;
	user_values_free(heap);
	if (heap_guarded)
		guarded_destroy(heap);
	heap->shards = NULL;
}

void heap_destroy(struct heap *heap)
{
	heaps_take();
	/* Whoever is freeing a block of it just now is wrong. */
	if (claim(heap)) {
		threads_revoke(heap, false);
		flush_shards(heap);
	}
	heap->magic = 0;
	heap->slow = 1;
	heap_unlink(heap);
	if (heap_announces)
		announce_no_heap(heap);
	heap_empty(heap);
	/* The caller may have locked it, too: the next heap here is nobody's. */
	heap->closed = 1;
	heap_open(heap);
	header_put(heap);
	heaps_give();
	purge_poll();
}

bool heap_is_live(const struct heap *heap)
{
	return heap && heap->magic == HEAP_LIVE;
}

/* Malloc's heap is not in the list: it comes last. */
struct heap *heaps_next(struct heap *heap)
{
	if (heap == &heap_malloc)
		return NULL;
	return heap->next ? heap->next : &heap_malloc;
}

/*
 * Not one that a thread has locked: it may keep it for long, and need the list of
 * heaps before it gives it back.
 */
static bool try_close(struct heap *heap)
{
	if (!heap_take_unless_closed(heap))
		return false;
	heap_close(heap);
	heap_give(heap);
	return true;
}

void heaps_compact(void)
{
	struct heap *heap;

	heaps_take();
	for (heap = &heap_process; heap; heap = heaps_next(heap)) {
		if (!try_close(heap))
			continue;
		heap_compact(heap);
		heap_open(heap);
	}
	heaps_give();
}

/* Closes a heap with too much that this pass has not looked at, or NULL. */
static struct heap *close_next(uint32_t pass, bool *more)
{
	struct heap *heap;

	heaps_take();
	for (heap = &heap_process; heap; heap = heaps_next(heap)) {
		if (!__atomic_load_n(&heap->purge, __ATOMIC_SEQ_CST) ||
		    heap->purge_pass == pass)
			continue;
		if (try_close(heap))
			break;
		heap->purge_pass = pass;
		*more = true;
	}
	heaps_give();
	return heap;
}

/*
 * What a thread has that made no slow call between two looks, one after the other,
 * it has for nothing. So no shard is looked at only once.
 */
static bool purge_shard(struct shard *shard, uint32_t pass)
{
	bool again = shard->purge_pass == pass - 1;

	if (shard->purge_pass == pass)
		return true;
	if (again && !shard->active)
		shard_release_free(shard);
	else if (!shard_purge(shard))
		return false;
	shard->active = false;
	shard->watched = !again;
	shard->purge_pass = pass;
	return true;
}

/* A bite, of a closed heap; false when there are more of them. */
static bool purge_some(struct heap *heap, uint32_t pass)
{
	struct shard *shard;
	bool done = true;

	announce_begin();
	for (shard = heap->shards; shard && done; shard = shard->next) {
		heap_mutex_take(&shard->lock);
		done = purge_shard(shard, pass);
		heap_mutex_give(&shard->lock);
	}
	announce_end();
	return done;
}

static bool has_too_much(const struct heap *heap)
{
	const struct shard *shard;

	for (shard = heap->shards; shard; shard = shard->next)
		if (shard->watched || trim_has_too_much(shard))
			return true;
	return false;
}

/* Others get at the heap between two bites. */
bool heaps_purge(void)
{
	static uint32_t pass = 1;
	struct heap *heap;
	bool more = false;

	pass++;
	while ((heap = close_next(pass, &more))) {
		if (purge_some(heap, pass)) {
			heap->purge_pass = pass;
			if (has_too_much(heap))
				more = true;
			else
				heap->purge = 0;
		}
		heap_open(heap);
	}
	return more;
}

/* ------------------------------------------------------------------- fork --- */

/* The heap that another thread has locked, with none claimed; NULL: all are. */
static struct heap *claim_all(void)
{
	struct heap *heap, *claimed;

	for (heap = &heap_process; heap; heap = heaps_next(heap)) {
		if (!heap_take_unless_closed(heap))
			break;
		claim(heap);
		heap_give(heap);
	}
	for (claimed = &heap_process; heap && claimed != heap;
	     claimed = heaps_next(claimed))
		heap_open(claimed);
	return heap;
}

/*
 * With all heaps closed, and the stores entered, no other thread is inside any:
 * the child finds everything whole. The handlers of others, which may run after
 * this one, can go on using heaps. Who has locked a heap may make another before
 * he unlocks it, so the list is not kept from him; a heap that is destroyed
 * meanwhile stays a lock that can be waited for.
 */
static void before_fork(void)
{
	struct heap *heap;

	heap_init();
	heaps_take();
	while ((heap = claim_all())) {
		heaps_give();
		heap_wait(heap);
		heaps_take();
	}
	store_enter();
	threads_revoke(NULL, true);
	for (heap = &heap_process; heap; heap = heaps_next(heap))
		flush_shards(heap);
}

static void after_fork(void)
{
	struct heap *heap;

	store_leave();
	for (heap = &heap_process; heap; heap = heaps_next(heap))
		heap_open(heap);
	heaps_give();
}

/*
 * A thread may have had a shard's lock, for as long as it takes to find the heap
 * closed. It is not there any more.
 */
static void disinherit(struct shard *shard)
{
	shard->lock = (struct heap_mutex){ 0 };
	if (shard->thread != &thread_self)
		shard->thread = NULL;
}

static void after_fork_in_child(void)
{
	struct shard *shard;
	struct heap *heap;

	threads_after_fork();
	guarded_after_fork();
	purge_after_fork();
	for (heap = &heap_process; heap; heap = heaps_next(heap))
		for (shard = heap->shards; shard; shard = shard->next)
			disinherit(shard);
	after_fork();
}

__attribute__((constructor(FORK_ORDER_HEAP)))
static void register_fork_handlers(void)
{
	pthread_atfork(before_fork, after_fork, after_fork_in_child);
	inventory_begin();
}
