// SPDX-License-Identifier: MIT
/*
 * A heap beside a model of it: random calls, after which every block has the
 * bytes, size and place that it must have. First by one thread on several
 * heaps, then by several threads that hand each other their blocks. The same
 * numbers in each run: a failure names the seed and the step.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"

#define SEEDS	6

static unsigned int next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (unsigned int)(*state >> 16);
}

/* Small ones mostly; now and then one of up to 2 MiB. */
static SIZE_T random_size(uint64_t *state)
{
	unsigned int kind = next_random(state) % 64;
	unsigned int number = next_random(state);

	if (kind < 32)
		return number % 200;
	if (kind < 50)
		return number % 2500;
	if (kind < 60)
		return number % 40000;
	if (kind < 63)
		return number % 300000;
	return number % (2 * MIB);
}

/* -------------------------------------------------------- blocks' content --- */

#define WHOLE	1024		/* up to this size each byte is looked at */
#define EVERY	1021		/* then one of so many, and both ends */

static unsigned char byte_at(SIZE_T at, unsigned int seed)
{
	return (unsigned char)((at ^ at >> 8) * 13 + seed * 101 + 1);
}

static SIZE_T next_at(SIZE_T at, SIZE_T size)
{
	return size <= WHOLE || at < 64 || size - at <= 64 ? at + 1 :
	       at + EVERY < size - 64 ? at + EVERY : size - 64;
}

static void mark(unsigned char *block, SIZE_T size, unsigned int seed)
{
	SIZE_T at;

	for (at = 0; at < size; at = next_at(at, size))
		block[at] = byte_at(at, seed);
}

/* The bytes of a block that had size bytes, and has at least the first kept. */
static bool is_marked(const unsigned char *block, SIZE_T size, SIZE_T kept,
		      unsigned int seed)
{
	SIZE_T at;

	for (at = 0; at < kept; at = next_at(at, size))
		if (block[at] != byte_at(at, seed))
			return false;
	return true;
}

/* ------------------------------------------------------------- the model --- */

#define HEAPS	5
#define BLOCKS	300

struct block {
	unsigned char *address;	/* NULL: none */
	SIZE_T size;
	unsigned int seed;
};

struct heap {
	HANDLE handle;
	DWORD options;
	SIZE_T maximum;
	struct block blocks[BLOCKS];
};

static struct heap model[HEAPS] = {
	{ .options = 0 },
	{ .options = 0 },
	{ .options = HEAP_NO_SERIALIZE },
	{ .maximum = 2 * MIB },
	{ .options = HEAP_CREATE_ENABLE_EXECUTE },
};

static unsigned int run_seed, run_step;

#define confirm(condition)						\
	ck_assert_msg(condition, "seed %u, step %u: %s", run_seed,	\
		      run_step, #condition)

static void create(struct heap *heap)
{
	memset(heap->blocks, 0, sizeof(heap->blocks));
	heap->handle = make_heap(heap->options, heap->maximum);
}

static void check_block(const struct heap *heap, const struct block *block)
{
	confirm((uintptr_t)block->address % 16 == 0);
	confirm(HeapSize(heap->handle, 0, block->address) == block->size);
	confirm(is_marked(block->address, block->size, block->size,
			  block->seed));
}

static void set_block(struct block *block, unsigned char *address, SIZE_T size,
		      unsigned int seed)
{
	block->address = address;
	block->size = size;
	block->seed = seed;
	mark(address, size, seed);
}

/* Only a heap with a maximum may be full. */
static void allocate(struct heap *heap, struct block *block, uint64_t *state)
{
	SIZE_T size = random_size(state);
	DWORD flags = next_random(state) % 4 ? 0 : HEAP_ZERO_MEMORY;
	unsigned char *address = HeapAlloc(heap->handle, flags, size);

	confirm(address || heap->maximum);
	if (!address)
		return;
	confirm(!flags || is_zero(address, 0, size));
	set_block(block, address, size, next_random(state));
	check_block(heap, block);
}

static void resize(struct heap *heap, struct block *block, uint64_t *state)
{
	SIZE_T size = random_size(state);
	SIZE_T kept = size < block->size ? size : block->size;
	unsigned int kind = next_random(state) % 8;
	DWORD flags = (kind & 1 ? HEAP_ZERO_MEMORY : 0) |
		      (kind >= 6 ? HEAP_REALLOC_IN_PLACE_ONLY : 0);
	unsigned char *address = HeapReAlloc(heap->handle, flags,
					     block->address, size);

	if (!address) {
		confirm(heap->maximum || kind >= 6);
		check_block(heap, block);
		return;
	}
	confirm(kind < 6 || address == block->address);
	confirm(is_marked(address, block->size, kept, block->seed));
	confirm(!(kind & 1) || is_zero(address, kept, size));
	set_block(block, address, size, next_random(state));
	check_block(heap, block);
}

static void release(struct heap *heap, struct block *block)
{
	check_block(heap, block);
	confirm(HeapFree(heap->handle, 0, block->address));
	block->address = NULL;
}

static void one_call(struct heap *heap, uint64_t *state)
{
	struct block *block = &heap->blocks[next_random(state) % BLOCKS];

	if (!block->address)
		allocate(heap, block, state);
	else if (next_random(state) % 2)
		resize(heap, block, state);
	else
		release(heap, block);
}

/* ------------------------------------------------- the model beside a walk --- */

static int compare_addresses(const void *one, const void *other)
{
	const struct block *left = one, *right = other;

	return (left->address > right->address) -
	       (left->address < right->address);
}

/* The busy entries of a walk, in the order of their addresses. */
static unsigned int walk_blocks(HANDLE heap, struct block *found,
				unsigned int max)
{
	PROCESS_HEAP_ENTRY entry = { .lpData = NULL };
	unsigned int nr = 0;

	while (HeapWalk(heap, &entry))
		if (entry.wFlags & PROCESS_HEAP_ENTRY_BUSY) {
			confirm(nr < max);
			found[nr].address = entry.lpData;
			found[nr++].size = entry.cbData;
		}
	confirm(GetLastError() == ERROR_NO_MORE_ITEMS);
	qsort(found, nr, sizeof(*found), compare_addresses);
	return nr;
}

static void compare(const struct heap *heap)
{
	static struct block found[BLOCKS], known[BLOCKS];
	unsigned int nr = 0, i;

	for (i = 0; i < BLOCKS; i++)
		if (heap->blocks[i].address)
			known[nr++] = heap->blocks[i];
	qsort(known, nr, sizeof(*known), compare_addresses);
	confirm(walk_blocks(heap->handle, found, BLOCKS) == nr);
	for (i = 0; i < nr; i++) {
		confirm(found[i].address == known[i].address);
		confirm(found[i].size == known[i].size);
		confirm(!i || known[i - 1].address + known[i - 1].size <=
			      known[i].address);
		check_block(heap, &known[i]);
	}
	confirm(HeapValidate(heap->handle, 0, NULL));
}

static void free_all(struct heap *heap)
{
	unsigned int i;

	for (i = 0; i < BLOCKS; i++)
		if (heap->blocks[i].address)
			release(heap, &heap->blocks[i]);
	compare(heap);
}

/* Whatever else a program does now and then. */
static void something_rare(struct heap *heap, uint64_t *state)
{
	unsigned int kind = next_random(state) % 16;

	if (kind < 8) {
		compare(heap);
	} else if (kind < 11) {
		HeapCompact(heap->handle, 0);
		compare(heap);
	} else if (kind < 13) {
		free_all(heap);
	} else if (kind < 14) {
		destroy(heap->handle);
		create(heap);
	} else {
		confirm(HeapLock(heap->handle));
		one_call(heap, state);
		compare(heap);
		confirm(HeapUnlock(heap->handle));
	}
}

START_TEST(heaps_are_as_their_model)
{
	uint64_t state = 0x9e3779b97f4a7c15 * (_i + 1);
	unsigned int i;

	run_seed = _i;
	for (i = 0; i < HEAPS; i++)
		create(&model[i]);
	for (run_step = 0; run_step < scaled(20000); run_step++) {
		struct heap *heap = &model[next_random(&state) % HEAPS];

		if (next_random(&state) % 256)
			one_call(heap, &state);
		else
			something_rare(heap, &state);
	}
	for (i = 0; i < HEAPS; i++) {
		compare(&model[i]);
		if (i % 2)
			free_all(&model[i]);
		destroy(model[i].handle);
	}
}
END_TEST

/* --------------------------------------------------------------- threads --- */

#define THREADS		3
#define MAILBOXES	64
#define HELD		100	/* blocks that a thread keeps at most */

/* Blocks that go around say themselves what they are. */
struct parcel {
	SIZE_T size;		/* of all */
	unsigned int seed;	/* of the bytes behind */
	unsigned int heap;
};

static HANDLE shared[2];
static struct parcel *mailboxes[MAILBOXES];

/*
 * Calls that have begun, and calls that have come back. They only grow: what a
 * walk finds under the lock lies between what they say. A block that is being
 * resized may be there twice.
 */
static struct counts {
	int allocs_begun, allocs_done;
	int resizes_begun, resizes_done;
	int frees_begun, frees_done;
} counts[2];

static bool threads_stop;

static void count(int *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
}

static int counted(int *counter)
{
	return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static void label(struct parcel *parcel, SIZE_T size, unsigned int seed,
		  unsigned int heap)
{
	parcel->size = size;
	parcel->seed = seed;
	parcel->heap = heap;
	mark((unsigned char *)(parcel + 1), size - sizeof(*parcel), seed);
}

static bool is_whole(const struct parcel *parcel)
{
	return HeapSize(shared[parcel->heap], 0, parcel) == parcel->size &&
	       is_marked((const unsigned char *)(parcel + 1),
			 parcel->size - sizeof(*parcel),
			 parcel->size - sizeof(*parcel), parcel->seed);
}

static struct parcel *make_parcel(uint64_t *state)
{
	SIZE_T size = sizeof(struct parcel) + random_size(state);
	unsigned int heap = next_random(state) % 2;
	struct parcel *parcel;

	count(&counts[heap].allocs_begun);
	parcel = HeapAlloc(shared[heap], 0, size);
	count(&counts[heap].allocs_done);
	if (parcel)
		label(parcel, size, next_random(state), heap);
	return parcel;
}

static struct parcel *resize_parcel(struct parcel *parcel, uint64_t *state)
{
	SIZE_T size = sizeof(*parcel) + random_size(state);
	unsigned int heap = parcel->heap;

	count(&counts[heap].resizes_begun);
	parcel = HeapReAlloc(shared[heap], 0, parcel, size);
	count(&counts[heap].resizes_done);
	if (parcel)
		label(parcel, size, next_random(state), heap);
	return parcel;
}

static bool free_parcel(struct parcel *parcel)
{
	unsigned int heap = parcel->heap;
	bool ok = is_whole(parcel);

	count(&counts[heap].frees_begun);
	ok = HeapFree(shared[heap], 0, parcel) && ok;
	count(&counts[heap].frees_done);
	return ok;
}

/* Gives a parcel away, for the one that lies there. */
static struct parcel *exchange(struct parcel *parcel, uint64_t *state)
{
	return __atomic_exchange_n(&mailboxes[next_random(state) % MAILBOXES],
				   parcel, __ATOMIC_ACQ_REL);
}

static bool free_held(struct parcel **held)
{
	bool ok = true;
	int i;

	for (i = 0; i < HELD; i++)
		if (held[i])
			ok = free_parcel(held[i]) && ok;
	return ok;
}

/* The line of what went wrong, or NULL. */
#define demand(condition) do {						\
	if (!(condition))						\
		return (void *)(intptr_t)__LINE__;			\
} while (0)

static void *send_and_receive(void *arg)
{
	uint64_t state = 0xd1342543de82ef95 * ((uintptr_t)arg + 1);
	struct parcel *held[HELD] = { NULL };
	struct parcel **place;
	unsigned int i;

	for (i = 0; i < scaled(10000); i++) {
		place = &held[next_random(&state) % HELD];
		if (!*place) {
			*place = make_parcel(&state);
			demand(*place);
			continue;
		}
		demand(is_whole(*place));
		switch (next_random(&state) % 4) {
		case 0:
			demand(free_parcel(*place));
			*place = NULL;
			break;
		case 1:
			*place = resize_parcel(*place, &state);
			demand(*place);
			break;
		default:
			*place = exchange(*place, &state);
		}
	}
	demand(free_held(held));
	return NULL;
}

/* The number of blocks that a walk finds, while all else stands still. */
static void *look_under_the_lock(void *arg)
{
	PROCESS_HEAP_ENTRY entry;
	int least, most, nr, heap;

	(void)arg;
	for (heap = 0; !__atomic_load_n(&threads_stop, __ATOMIC_ACQUIRE);
	     heap = !heap) {
		nr = 0;
		entry.lpData = NULL;
		demand(HeapLock(shared[heap]));
		least = counted(&counts[heap].allocs_done) -
			counted(&counts[heap].frees_begun);
		while (HeapWalk(shared[heap], &entry))
			nr += !!(entry.wFlags & PROCESS_HEAP_ENTRY_BUSY);
		demand(GetLastError() == ERROR_NO_MORE_ITEMS);
		most = counted(&counts[heap].allocs_begun) -
		       counted(&counts[heap].frees_done) +
		       counted(&counts[heap].resizes_begun) -
		       counted(&counts[heap].resizes_done);
		demand(HeapUnlock(shared[heap]));
		demand(least <= nr && nr <= most);
		demand(HeapValidate(shared[heap], 0, NULL));
		sched_yield();
	}
	return NULL;
}

static void join(pthread_t thread)
{
	void *failure;

	ck_assert_int_eq(pthread_join(thread, &failure), 0);
	ck_assert_msg(!failure, "line %d", (int)(intptr_t)failure);
}

START_TEST(threads_hand_each_other_blocks)
{
	pthread_t threads[THREADS], watcher;
	SIZE_T bytes;
	uintptr_t i;

	threads_stop = false;
	memset(counts, 0, sizeof(counts));
	for (i = 0; i < 2; i++)
		shared[i] = make_heap(0, 0);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						send_and_receive,
						(void *)(_i * THREADS + i)),
				 0);
	ck_assert_int_eq(pthread_create(&watcher, NULL, look_under_the_lock,
					NULL), 0);
	for (i = 0; i < THREADS; i++)
		join(threads[i]);
	__atomic_store_n(&threads_stop, true, __ATOMIC_RELEASE);
	join(watcher);
	for (i = 0; i < MAILBOXES; i++) {
		ck_assert(!mailboxes[i] || free_parcel(mailboxes[i]));
		mailboxes[i] = NULL;
	}
	for (i = 0; i < 2; i++) {
		ck_assert_uint_eq(walk(shared[i], &bytes), 0);
		assert_ok(HeapValidate(shared[i], 0, NULL));
		destroy(shared[i]);
	}
}
END_TEST

TCase *heap_model_tests(void)
{
	TCase *tests = tcase_create("heap model");

	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, heaps_are_as_their_model, 0, SEEDS);
	tcase_add_loop_test(tests, threads_hand_each_other_blocks, 0, 2);
	return tests;
}
