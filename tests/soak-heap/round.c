// SPDX-License-Identifier: MIT
/*
 * One round: the load, and the books at its end.
 *
 * A block is its owner's alone, who knows what it holds. Blocks change owners by
 * way of a table that all threads share. What a heap that is destroyed held is
 * known by its owner: such heaps are one thread's. The shared ones stay for a round.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ntmem/windows.h>

#include "../dice.h"
#include "../proc.h"
#include "soak-heap.h"

#define KIB		((size_t)1 << 10)
#define MIB		((size_t)1 << 20)
#define WORKERS		4
#define BLOCKS		3000	/* of a worker */
#define SHARED		64	/* blocks between owners */
#define HEAPS		4	/* shared ones; one is of a fixed size */
#define FIXED_BYTES	(8 * MIB)
#define STEPS		20000	/* of a thread, before another takes its place */
#define KEPT_ANYWAY	(12 * MIB)	/* resident, with all freed and given back */
#define PATIENCE	20	/* seconds, for memory to go back */

struct block {
	unsigned char *bytes;
	size_t size;
	HANDLE heap;		/* NULL: malloc's */
	unsigned char fill;
};

struct worker {
	struct block blocks[BLOCKS];
	struct dice dice;
	unsigned long steps, refused;
	unsigned int most;	/* blocks to hold, of this phase */
};

static struct worker workers[WORKERS];
static struct block *_Atomic shared[SHARED];
static HANDLE heaps[HEAPS];
static atomic_bool stop;

static void fail(const char *what)
{
	printf("# %s\n", what);
	fflush(stdout);
	abort();
}

static unsigned int below(struct worker *worker, unsigned int n)
{
	return dice_below(&worker->dice, n);
}

/* ---------------------------------------------------------------- blocks --- */

/* The ends of a block and every page: enough to notice what is not its own. */
static void mark(const struct block *block)
{
	size_t i;

	for (i = 0; i < block->size; i += i < 32 ? 1 : 1021)
		block->bytes[i] = block->fill + i;
	if (block->size)
		block->bytes[block->size - 1] = block->fill + block->size - 1;
}

/* Of the first size bytes. */
static void expect_marks(const struct block *block, size_t size)
{
	size_t i;

	for (i = 0; i < size; i += i < 32 ? 1 : 1021)
		if (block->bytes[i] != (unsigned char)(block->fill + i))
			fail("a block does not hold what was written to it");
}

static size_t draw_size(struct worker *worker)
{
	switch (below(worker, 100)) {
	case 0:
		return below(worker, 9 * MIB);
	case 1 ... 3:
		return below(worker, 600 * KIB);
	case 4 ... 12:
		return below(worker, 40 * KIB);
	default:
		return below(worker, 1200);
	}
}

static void expect_zero(const unsigned char *bytes, size_t size)
{
	size_t i;

	for (i = 0; i < size; i += i < 64 ? 1 : 511)
		if (bytes[i])
			fail("a cleared block is not zero");
}

static void *take_cleared(HANDLE heap, size_t size)
{
	void *p = heap ? HeapAlloc(heap, HEAP_ZERO_MEMORY, size) :
			 calloc(1, size);

	if (p)
		expect_zero(p, size);
	return p;
}

static void *take(struct worker *worker, HANDLE heap, size_t size)
{
	if (heap)
		return HeapAlloc(heap, 0, size);
	if (!below(worker, 20))
		return aligned_alloc((size_t)16 << below(worker, 9), size);
	return malloc(size);
}

/* Only where there is a limit. */
static void refuse(struct worker *worker, HANDLE heap, size_t size)
{
	if (heap != heaps[0] && !getenv("NTMEM_COMMIT_LIMIT")) {
		printf("# %zu bytes, %s\n", size, heap ? "HeapAlloc" : "malloc");
		fail("no memory, and no limit");
	}
	worker->refused++;
}

static void fill_block(struct worker *worker, struct block *block)
{
	bool zero = !below(worker, 8);

	block->heap = below(worker, 2) ? heaps[below(worker, HEAPS)] : NULL;
	block->size = draw_size(worker);
	block->fill = below(worker, 256);
	block->bytes = zero ? take_cleared(block->heap, block->size) :
			      take(worker, block->heap, block->size);
	if (!block->bytes) {
		refuse(worker, block->heap, block->size);
		return;
	}
	if ((size_t)block->bytes % 16)
		fail("a block is not aligned");
	if (block->heap && HeapSize(block->heap, 0, block->bytes) !=
			   block->size)
		fail("HeapSize is not what was asked for");
	mark(block);
}

static void empty_block(struct block *block)
{
	expect_marks(block, block->size);
	if (block->heap && !HeapFree(block->heap, 0, block->bytes))
		fail("HeapFree was refused");
	if (!block->heap)
		free(block->bytes);
	block->bytes = NULL;
}

static void resize_block(struct worker *worker, struct block *block)
{
	size_t size = below(worker, 3) ? block->size + block->size / 4 + 1 :
					 draw_size(worker);
	void *bytes;

	size = size ? size : 1;
	if (block->heap)
		bytes = HeapReAlloc(block->heap, 0, block->bytes, size);
	else
		bytes = realloc(block->bytes, size);
	if (!bytes) {
		refuse(worker, block->heap, size);
		return;
	}
	block->bytes = bytes;
	expect_marks(block, size < block->size ? size : block->size);
	block->size = size;
	mark(block);
}

/* What is in the table becomes mine, and mine somebody else's. */
static void exchange(struct worker *worker, struct block *block)
{
	struct block *given = malloc(sizeof(*given)), *got;

	if (!given)
		return;
	*given = *block;
	got = atomic_exchange(&shared[below(worker, SHARED)], given);
	block->bytes = NULL;
	if (got)
		*block = *got;
	free(got);
}

/* ----------------------------------------------------------- whole heaps --- */

static void walk(HANDLE heap)
{
	PROCESS_HEAP_ENTRY entry = { .lpData = NULL };

	if (!HeapLock(heap))
		fail("HeapLock was refused");
	while (HeapWalk(heap, &entry))
		;
	if (GetLastError() != ERROR_NO_MORE_ITEMS)
		fail("HeapWalk did not come to its end");
	if (!HeapUnlock(heap))
		fail("HeapUnlock was refused");
}

/* A heap's short life. */
static void use_heap(struct worker *worker)
{
	HANDLE heap = HeapCreate(0, 0, below(worker, 4) ? 0 : MIB);
	unsigned int count = below(worker, 400), i;

	for (i = 0; heap && i < count; i++) {
		size_t size = below(worker, 700);
		unsigned char *p = HeapAlloc(heap, 0, size);

		if (p)
			memset(p, i, size);
		if (p && !below(worker, 3))
			HeapFree(heap, 0, p);
	}
	if (heap && !HeapDestroy(heap))
		fail("HeapDestroy was refused");
}

/* The child has its parent's blocks, and a heap that works. */
static void fork_child(struct worker *worker)
{
	unsigned int i;
	int status;
	pid_t pid = fork();

	if (!pid) {
		for (i = 0; i < BLOCKS; i += 3)
			if (worker->blocks[i].bytes)
				empty_block(&worker->blocks[i]);
		for (i = 0; i < BLOCKS; i += 3)
			fill_block(worker, &worker->blocks[i]);
		use_heap(worker);
		_exit(0);
	}
	if (pid > 0 && (waitpid(pid, &status, 0) != pid || status))
		fail("a child of fork did not end well");
}

/* ------------------------------------------------------------------ load --- */

static void step(struct worker *worker)
{
	struct block *block = &worker->blocks[below(worker, worker->most)];

	switch (below(worker, 4000)) {
	case 0:
		walk(heaps[below(worker, HEAPS)]);
		return;
	case 1:
		if (!HeapValidate(heaps[below(worker, HEAPS)], 0, NULL))
			fail("HeapValidate found something");
		return;
	case 2:
		fork_child(worker);
		return;
	case 3:
		malloc_trim(0);
		return;
	case 4:
		HeapCompact(heaps[below(worker, HEAPS)], 0);
		return;
	case 5 ... 40:
		use_heap(worker);
		return;
	case 41 ... 500:
		if (block->bytes)
			exchange(worker, block);
		return;
	case 501 ... 1200:
		if (block->bytes)
			resize_block(worker, block);
		return;
	default:
		if (block->bytes)
			empty_block(block);
		else
			fill_block(worker, block);
	}
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	unsigned int i;

	/* Grown to the full, or shrunk to little: a phase each. */
	worker->most = below(worker, 3) ? BLOCKS : BLOCKS / 20;
	for (i = worker->most; i < BLOCKS; i++)
		if (worker->blocks[i].bytes)
			empty_block(&worker->blocks[i]);
	for (i = 0; i < STEPS && !stop; i++)
		step(worker);
	worker->steps += i;
	return NULL;
}

/* Thread after thread in one place, until it is over. */
static void *keep_working(void *arg)
{
	pthread_t thread;

	while (!stop) {
		if (pthread_create(&thread, NULL, work, arg))
			work(arg);
		else
			pthread_join(thread, NULL);
	}
	return NULL;
}

static void make_heaps(void)
{
	unsigned int i;

	for (i = 0; i < HEAPS; i++) {
		heaps[i] = HeapCreate(0, 0, i ? 0 : FIXED_BYTES);
		if (!heaps[i])
			fail("HeapCreate was refused");
	}
}

static void load(unsigned int seconds)
{
	pthread_t threads[WORKERS];
	struct timespec length = { .tv_sec = seconds };
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		if (pthread_create(&threads[i], NULL, keep_working,
				   &workers[i]))
			fail("no thread");
	nanosleep(&length, NULL);
	stop = true;
	for (i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
}

/* ----------------------------------------------------------------- books --- */

static size_t resident(void)
{
	return nt_kb_line("/proc/self/status", "VmRSS:");
}

static void empty_all(void)
{
	unsigned int i, k;

	for (i = 0; i < SHARED; i++) {
		if (!shared[i])
			continue;
		empty_block(shared[i]);
		free(shared[i]);
	}
	for (i = 0; i < WORKERS; i++)
		for (k = 0; k < BLOCKS; k++)
			if (workers[i].blocks[k].bytes)
				empty_block(&workers[i].blocks[k]);
}

static void expect_empty(HANDLE heap)
{
	HEAP_SUMMARY summary = { .cb = sizeof(summary) };

	if (!HeapValidate(heap, 0, NULL))
		fail("HeapValidate found something at the end");
	if (!HeapSummary(heap, 0, &summary) || summary.cbAllocated)
		fail("a heap is not empty at its end");
	if (!HeapDestroy(heap))
		fail("HeapDestroy was refused at the end");
}

/*
 * Without a call; but where no thread does it, what was wanted again and again stays
 * until somebody asks. Freed blocks of the checks that reuse late count, too.
 */
static bool memory_goes_back(size_t before)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	const char *purge = getenv("NTMEM_HEAP_PURGE");
	unsigned int i;

	if (purge && !strcmp(purge, "eager"))
		malloc_trim(0);
	for (i = 0; i < PATIENCE * 100; i++) {
		if (resident() < before + KEPT_ANYWAY)
			return true;
		nanosleep(&moment, NULL);
	}
	printf("# resident: %zu KiB, before %zu\n", resident() >> 10,
	       before >> 10);
	return false;
}

bool soak_round(unsigned int seconds, unsigned int seed)
{
	unsigned long steps = 0, refused = 0;
	size_t before, used;
	unsigned int i;

	make_heaps();
	before = resident();
	used = mallinfo2().uordblks;
	for (i = 0; i < WORKERS; i++)
		workers[i].dice.state = seed * 1000003ULL + i;
	load(seconds);
	empty_all();
	for (i = 0; i < HEAPS; i++)
		expect_empty(heaps[i]);
	for (i = 0; i < WORKERS; i++) {
		steps += workers[i].steps;
		refused += workers[i].refused;
	}
	printf("# %lu steps, %lu refused for want of memory\n", steps, refused);
	/* The C library keeps some of its own, of stacks for example. */
	if (mallinfo2().uordblks > used + 64 * KIB)
		fail("blocks of malloc are lost");
	if (!memory_goes_back(before))
		fail("memory does not go back");
	return true;
}
