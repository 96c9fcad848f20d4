// SPDX-License-Identifier: MIT
/*
 * Sequences of Windows' heap functions, beside a model: of each block it knows
 * the heap, the size and the content. What a call changed is looked at after
 * it; all blocks, and what a walk finds, now and then and at the end.
 *
 * Three threads take turns. A commit limit may come and go, so that calls fail
 * in their middle. Memory is given back at once: what happens shall depend on
 * the input, and not on the time.
 */
#include <stdlib.h>
#include <string.h>

#include <windows.h>
#include <winternl.h>

#include "blocks.h"
#include "target.h"

#define UNTOUCHED	0xdeadbeefu
#define MOST_STEPS	200
#define HEAPS		8		/* the first is the process's */
#define BLOCKS		256
#define FIXED_LARGEST	0xfffe0		/* block of a heap of fixed size */
#define TURNS		40		/* of other threads: switching is dear */
#define THREAD_ENDS	4		/* and so is making them */

struct heap {
	HANDLE handle;			/* NULL: none */
	DWORD options;
	SIZE_T maximum;			/* in pages; 0: it grows */
	SIZE_T bytes;			/* in its blocks */
	unsigned int blocks;
	unsigned int locks;		/* held by holder */
	unsigned int holder;
	ULONG compatibility;
};

struct block {
	uint8_t *address;		/* NULL: none */
	SIZE_T size;
	unsigned int seed;
	struct heap *heap;
	ULONG flags;			/* HEAP_SETTABLE_* */
	void *value;
};

static struct heap heaps[HEAPS];
static struct block blocks[BLOCKS];
static unsigned int entries;		/* of blocks, that have been in use */
static HANDLE stale;			/* of a heap that was destroyed */
static unsigned int self;		/* the thread that takes the step */
static unsigned int turns, ends;
static bool limited;			/* calls may lack memory */
static bool guarded;			/* so may those of full heaps */
static unsigned int raised;

#define check(condition)						\
	fuzz_check(condition, "line %d: %s", __LINE__, #condition)

static LONG count_exception(PEXCEPTION_POINTERS exception)
{
	if (exception->ExceptionRecord->ExceptionCode != STATUS_NO_MEMORY)
		return EXCEPTION_CONTINUE_SEARCH;
	raised++;
	return EXCEPTION_CONTINUE_EXECUTION;
}

/* --------------------------------------------------------------- results --- */

static void begin(void)
{
	SetLastError(UNTOUCHED);
	raised = 0;
}

static void succeeded(bool ok)
{
	check(ok);
	check(GetLastError() == UNTOUCHED);
	check(!raised);
}

static void failed(bool ok, DWORD error)
{
	check(!ok);
	fuzz_check(GetLastError() == error, "error %u, not %u",
		   GetLastError(), error);
}

static bool raises(const struct heap *heap, DWORD flags)
{
	return (heap->options | flags) & HEAP_GENERATE_EXCEPTIONS;
}

static void lacked_memory(const struct heap *heap, DWORD flags)
{
	failed(false, ERROR_NOT_ENOUGH_MEMORY);
	check(raised == raises(heap, flags));
}

/* --------------------------------------------------------- heaps, blocks --- */

/* None that is another thread's: this one would wait for it. */
static bool is_usable(const struct heap *heap)
{
	if (!heap->locks || heap->holder == self)
		return true;
	begin();
	failed(HeapUnlock(heap->handle), ERROR_NOT_OWNER);
	return false;
}

static struct heap *some_heap(void)
{
	struct heap *heap = &heaps[fuzz_take(1) % HEAPS];

	if (!heap->handle)
		heap = &heaps[0];
	return is_usable(heap) ? heap : NULL;
}

static struct block *some_block(void)
{
	unsigned int first = fuzz_take(1);

	for (unsigned int i = 0; i < entries; i++) {
		struct block *block = &blocks[(first + i) % entries];

		if (block->address)
			return is_usable(block->heap) ? block : NULL;
	}
	return NULL;
}

static struct block *free_entry(void)
{
	for (unsigned int i = 0; i < entries; i++)
		if (!blocks[i].address)
			return &blocks[i];
	return entries < BLOCKS ? &blocks[entries++] : NULL;
}

static void check_info(const struct block *block)
{
	void *value = (void *)(uintptr_t)UNTOUCHED;
	ULONG flags = UNTOUCHED;

	check(RtlGetUserInfoHeap(block->heap->handle, 0, block->address,
				 &value, &flags));
	check(flags == (block->flags & HEAP_SETTABLE_USER_FLAGS));
	check(value == (block->flags & HEAP_SETTABLE_USER_VALUE ?
			block->value : (void *)(uintptr_t)UNTOUCHED));
}

static void check_block(const struct block *block)
{
	HANDLE heap = block->heap->handle;

	check(!((uintptr_t)block->address % 16));
	begin();
	check(HeapSize(heap, 0, block->address) == block->size);
	check(HeapValidate(heap, 0, block->address));
	succeeded(true);
	check(fuzz_is_marked(block->address, block->size, block->size,
			     block->seed));
	check_info(block);
}

/* A block of size 0 has an address of its own. */
static uintptr_t end_of(const struct block *block)
{
	return (uintptr_t)block->address + block->size + !block->size;
}

static void check_place(const struct block *block)
{
	for (unsigned int i = 0; i < entries; i++)
		if (blocks[i].address && &blocks[i] != block)
			check(end_of(block) <= (uintptr_t)blocks[i].address ||
			      end_of(&blocks[i]) <= (uintptr_t)block->address);
}

/* A heap gives no more than it was made for. */
static void add_bytes(struct heap *heap, SIZE_T less, SIZE_T more)
{
	heap->bytes = heap->bytes - less + more;
	check(!heap->maximum || heap->bytes <= heap->maximum);
}

static void set_block(struct block *block, uint8_t *address, SIZE_T size)
{
	add_bytes(block->heap, block->address ? block->size : 0, size);
	block->address = address;
	block->size = size;
	block->seed = fuzz_take(1);
	check_place(block);
	fuzz_mark(address, size, block->seed);
	check_block(block);
}

static void forget(struct block *block)
{
	add_bytes(block->heap, block->size, 0);
	block->heap->blocks--;
	memset(block, 0, sizeof(*block));
}

/* ------------------------------------------------------ all of one heap --- */

static int compare_addresses(const void *one, const void *other)
{
	const struct block *left = one, *right = other;

	return (left->address > right->address) -
	       (left->address < right->address);
}

static unsigned int walk(HANDLE heap, struct block *found)
{
	PROCESS_HEAP_ENTRY entry = { .lpData = NULL };
	const char *low = NULL, *high = NULL, *end = NULL;
	unsigned int nr = 0;

	/* Else each step would wait for the threads. */
	begin();
	succeeded(HeapLock(heap));
	while (HeapWalk(heap, &entry)) {
		const char *data = entry.lpData;

		check(GetLastError() == UNTOUCHED);
		if (entry.wFlags & PROCESS_HEAP_REGION) {
			low = end = data;
			high = low + entry.Region.dwCommittedSize +
			       entry.Region.dwUnCommittedSize;
			check(entry.Region.dwCommittedSize);
		} else if (data >= low && data < high) {
			check(data >= end);
			end = data + entry.cbData;
			check(end <= high);
		}
		if (!(entry.wFlags & PROCESS_HEAP_ENTRY_BUSY))
			continue;
		check(nr < BLOCKS);
		found[nr].address = entry.lpData;
		found[nr++].size = entry.cbData;
	}
	failed(false, ERROR_NO_MORE_ITEMS);
	check(HeapUnlock(heap));
	qsort(found, nr, sizeof(*found), compare_addresses);
	return nr;
}

static void check_summary(const struct heap *heap)
{
	HEAP_SUMMARY summary = { .cb = sizeof(summary) };

	begin();
	succeeded(HeapSummary(heap->handle, 0, &summary));
	check(summary.cbAllocated == heap->bytes);
	check(summary.cbAllocated <= summary.cbCommitted);
	check(summary.cbCommitted <= summary.cbReserved);
	check(summary.cbReserved <= summary.cbMaxReserve);
}

static void check_heap(const struct heap *heap)
{
	static struct block found[BLOCKS], known[BLOCKS];
	unsigned int nr = 0;

	begin();
	check(HeapValidate(heap->handle, 0, NULL));
	succeeded(true);
	for (unsigned int i = 0; i < entries; i++)
		if (blocks[i].address && blocks[i].heap == heap)
			known[nr++] = blocks[i];
	check(nr == heap->blocks);
	qsort(known, nr, sizeof(*known), compare_addresses);
	fuzz_check(walk(heap->handle, found) == nr, "a walk does not find %u",
		   nr);
	for (unsigned int i = 0; i < nr; i++) {
		check(found[i].address == known[i].address);
		check(found[i].size == known[i].size);
		check_block(&known[i]);
	}
	check_summary(heap);
}

/* --------------------------------------------------------------- the calls --- */

static DWORD some_flags(void)
{
	static const DWORD flags[] = {
		HEAP_ZERO_MEMORY, HEAP_NO_SERIALIZE, HEAP_GENERATE_EXCEPTIONS,
	};
	unsigned int mask = fuzz_take(1);
	DWORD value = 0;

	for (unsigned int i = 0; i < 3; i++)
		value |= mask & 1u << i ? flags[i] : 0;
	return value;
}

static void create(void)
{
	static const DWORD options[] = {
		0, HEAP_NO_SERIALIZE, HEAP_GENERATE_EXCEPTIONS,
		HEAP_CREATE_ENABLE_EXECUTE,
	};
	struct heap *heap = &heaps[1 + fuzz_take(1) % (HEAPS - 1)];
	unsigned int kind = fuzz_take(1);
	SIZE_T maximum, initial = kind & 8 ? fuzz_take(3) : 0;

	if (heap->handle)
		return;
	memset(heap, 0, sizeof(*heap));
	heap->options = options[kind % 4];
	maximum = kind & 4 ? fuzz_take(3) % (4 * MIB) : 0;
	heap->maximum = (maximum + 4095) & ~(SIZE_T)4095;
	begin();
	heap->handle = HeapCreate(heap->options, initial, maximum);
	if (!heap->handle && limited)
		failed(false, ERROR_NOT_ENOUGH_MEMORY);
	else
		succeeded(heap->handle);
}

/* May this call lack memory, and does it have to? */
static bool may_fail(const struct heap *heap, SIZE_T size)
{
	if (limited)
		return true;
	return heap->maximum && (heap->blocks || guarded ||
				 size > heap->maximum || size > FIXED_LARGEST);
}

static bool must_fail(const struct heap *heap, SIZE_T size, bool impossible)
{
	return impossible || (heap->maximum && (size > heap->maximum ||
						size > FIXED_LARGEST));
}

static void alloc(void)
{
	struct heap *heap = some_heap();
	struct block *block = free_entry();
	DWORD flags = some_flags();
	uint8_t *address;
	bool impossible;
	ULONG user = 0;
	SIZE_T size;

	if (!heap || !block)
		return;
	size = fuzz_size(&impossible);
	/* The process heap would have no fast path from then on. */
	if (heap != &heaps[0] && fuzz_take(1) >= 224)
		user = fuzz_take(1) % 16 * HEAP_SETTABLE_USER_VALUE;
	begin();
	address = HeapAlloc(heap->handle, flags | user, size);
	if (!address) {
		check(impossible || may_fail(heap, size));
		lacked_memory(heap, flags);
		return;
	}
	succeeded(!must_fail(heap, size, impossible));
	check(!(flags & HEAP_ZERO_MEMORY) || fuzz_is_zero(address, 0, size));
	block->heap = heap;
	block->flags = user;
	block->value = NULL;
	heap->blocks++;
	set_block(block, address, size);
}

static void resize(void)
{
	struct block *block = some_block();
	DWORD flags = some_flags();
	uint8_t *address;
	bool impossible;
	SIZE_T size, kept;

	if (!block)
		return;
	size = fuzz_size(&impossible);
	flags |= fuzz_take(1) & 1 ? HEAP_REALLOC_IN_PLACE_ONLY : 0;
	kept = size < block->size ? size : block->size;
	fuzz_soil(block->address, size, block->size);
	begin();
	address = HeapReAlloc(block->heap->handle, flags, block->address,
			      size);
	if (!address) {
		check(size > block->size);
		check(impossible || flags & HEAP_REALLOC_IN_PLACE_ONLY ||
		      block->heap->maximum || limited);
		lacked_memory(block->heap, flags);
		check_block(block);
		return;
	}
	succeeded(!must_fail(block->heap, size, impossible));
	check(!(flags & HEAP_REALLOC_IN_PLACE_ONLY) ||
	      address == block->address);
	check(fuzz_is_marked(address, block->size, kept, block->seed));
	check(!(flags & HEAP_ZERO_MEMORY) ||
	      fuzz_is_zero(address, kept, size));
	set_block(block, address, size);
}

static void release_block(struct block *block)
{
	struct heap *heap = block->heap;
	uint8_t *address = block->address;

	check_block(block);
	begin();
	succeeded(HeapFree(heap->handle, 0, address));
	check(!HeapValidate(heap->handle, 0, address));
	forget(block);
}

static void release(void)
{
	struct block *block = some_block();

	if (block)
		release_block(block);
}

/* Every second one or so: holes, or nothing left. */
static void release_many(void)
{
	struct heap *heap = some_heap();
	unsigned int mask = fuzz_take(1);

	for (unsigned int i = 0; heap && i < entries; i++)
		if (blocks[i].address && blocks[i].heap == heap &&
		    mask & 1u << i % 8)
			release_block(&blocks[i]);
}

static void look(void)
{
	struct heap *heap = some_heap();

	if (heap)
		check_heap(heap);
}

static void compact(void)
{
	struct heap *heap = some_heap();
	SIZE_T largest;

	if (!heap)
		return;
	begin();
	largest = HeapCompact(heap->handle, 0);
	check(GetLastError() == (largest ? UNTOUCHED : NO_ERROR));
	check_heap(heap);
}

static void lock(void)
{
	struct heap *heap = some_heap();

	if (!heap)
		return;
	begin();
	succeeded(HeapLock(heap->handle));
	if (heap->options & HEAP_NO_SERIALIZE)
		return;
	heap->locks++;
	heap->holder = self;
}

static void unlock(void)
{
	struct heap *heap = some_heap();

	if (!heap)
		return;
	begin();
	if (!heap->locks && !(heap->options & HEAP_NO_SERIALIZE)) {
		failed(HeapUnlock(heap->handle), ERROR_NOT_OWNER);
		return;
	}
	succeeded(HeapUnlock(heap->handle));
	if (heap->locks)
		heap->locks--;
}

/* With all that is in it, locked or not. */
static void destroy_heap(struct heap *heap)
{
	for (unsigned int i = 0; i < entries; i++)
		if (blocks[i].address && blocks[i].heap == heap)
			forget(&blocks[i]);
	begin();
	succeeded(HeapDestroy(heap->handle));
	stale = heap->handle;
	memset(heap, 0, sizeof(*heap));
}

static void destroy(void)
{
	struct heap *heap = some_heap();

	if (heap && heap != &heaps[0])
		destroy_heap(heap);
}

static void set_value(void)
{
	struct block *block = some_block();
	void *value = (void *)(uintptr_t)fuzz_take(2);

	if (!block)
		return;
	check(RtlSetUserValueHeap(block->heap->handle, 0, block->address,
				  value) ==
	      !!(block->flags & HEAP_SETTABLE_USER_VALUE));
	block->value = value;
	check_info(block);
}

static void inform(void)
{
	struct heap *heap = some_heap();
	ULONG value = fuzz_take(1) % 4;

	if (!heap || heap == &heaps[0])
		return;
	begin();
	if (HeapSetInformation(heap->handle, HeapCompatibilityInformation,
			       &value, sizeof(value))) {
		check(value == 2 && !heap->compatibility);
		check(!(heap->options & HEAP_NO_SERIALIZE));
		heap->compatibility = 2;
	} else {
		failed(false, heap->compatibility ? ERROR_GEN_FAILURE :
						    ERROR_INVALID_PARAMETER);
	}
	check(HeapQueryInformation(heap->handle, HeapCompatibilityInformation,
				   &value, sizeof(value), NULL));
	check(value == heap->compatibility);
}

/* A block of another heap, and an address inside of one. */
static void ask_wrongly(void)
{
	struct block *block = some_block();
	struct heap *other = some_heap();
	SIZE_T inside;

	if (!block || !other)
		return;
	inside = block->size > 1 ? 1 + fuzz_take(3) % (block->size - 1) : 1;
	begin();
	check(other == block->heap ||
	      HeapSize(other->handle, 0, block->address) == (SIZE_T)-1);
	check(other == block->heap ||
	      !HeapValidate(other->handle, 0, block->address));
	check(HeapSize(block->heap->handle, 0, block->address + inside) ==
	      (SIZE_T)-1);
	check(!HeapValidate(block->heap->handle, 0, block->address + inside));
	succeeded(true);
}

static bool is_heap(HANDLE handle)
{
	for (unsigned int i = 0; i < HEAPS; i++)
		if (heaps[i].handle == handle)
			return true;
	return false;
}

/* What is no heap: NULL, and what was one. */
static void call_without_heap(void)
{
	struct block *block = some_block();
	HANDLE handle = fuzz_take(1) & 1 && !is_heap(stale) ? stale : NULL;

	begin();
	/* With NULL it faults, as on Windows. */
	if (handle)
		failed(HeapAlloc(handle, 0, 1), ERROR_INVALID_HANDLE);
	failed(HeapLock(handle), ERROR_INVALID_HANDLE);
	failed(HeapCompact(handle, 0), ERROR_INVALID_HANDLE);
	failed(HeapDestroy(handle), ERROR_INVALID_HANDLE);
	failed(HeapDestroy(heaps[0].handle), ERROR_INVALID_HANDLE);
	check(!HeapValidate(handle, 0, NULL));
	begin();
	succeeded(HeapFree(handle, 0, NULL));
	failed(HeapReAlloc(heaps[0].handle, 0, NULL, 1), ERROR_SUCCESS);
	if (!block)
		return;
	failed(HeapFree(handle, 0, block->address), ERROR_INVALID_HANDLE);
	failed(HeapReAlloc(handle, 0, block->address, 1),
	       ERROR_INVALID_HANDLE);
	check(HeapSize(handle, 0, block->address) == (SIZE_T)-1);
	check_block(block);
}

static void list_heaps(void)
{
	HANDLE handles[HEAPS + 1];
	unsigned int nr = 0;

	for (unsigned int i = 0; i < HEAPS; i++)
		nr += !!heaps[i].handle;
	check(GetProcessHeaps(nr - 1, handles) == nr);
	check(GetProcessHeaps(HEAPS + 1, handles) == nr);
	check(handles[0] == heaps[0].handle);
	for (unsigned int i = 0; i < nr; i++)
		check(is_heap(handles[i]));
}

static void limit(void)
{
	limited = fuzz_limit_commit();
}

/* Of all heaps at once. */
static void optimize(void)
{
	HEAP_OPTIMIZE_RESOURCES_INFORMATION info = {
		HEAP_OPTIMIZE_RESOURCES_CURRENT_VERSION, 0,
	};

	for (unsigned int i = 0; i < HEAPS; i++)
		if (heaps[i].handle && !is_usable(&heaps[i]))
			return;
	begin();
	succeeded(HeapSetInformation(NULL, HeapOptimizeResources, &info,
				     sizeof(info)));
}

/* ------------------------------------------------------------- sequences --- */

static void (*const calls[])(void) = {
	alloc, alloc, alloc, alloc, alloc, alloc, alloc, alloc, alloc, alloc,
	resize, resize, resize, resize, resize, resize,
	release, release, release, release, release, release,
	create, create, create, release_many, release_many, look, look,
	compact, lock, unlock, unlock, destroy, set_value, set_value,
	inform, ask_wrongly, call_without_heap, list_heaps, limit, optimize,
};

/* Of the thread that runs this. */
static void unlock_all(void)
{
	for (unsigned int i = 0; i < HEAPS; i++)
		for (; heaps[i].locks && heaps[i].holder == self;
		     heaps[i].locks--)
			check(HeapUnlock(heaps[i].handle));
}

/* By any thread, or by this one. */
static bool is_locked(bool by_self)
{
	for (unsigned int i = 0; i < HEAPS; i++)
		if (heaps[i].locks && (!by_self || heaps[i].holder == self))
			return true;
	return false;
}

/* A thread that ends waits for heaps that are locked, as any call does. */
static void end_thread(void)
{
	if (is_locked(true))
		fuzz_run_on(self, unlock_all);
	if (!is_locked(false) && ends++ < THREAD_ENDS)
		fuzz_end_thread(self);
}

static void step(void)
{
	unsigned int thread = fuzz_take(1);

	self = thread < 192 || turns >= TURNS ? 0 : 1 + thread % 2;
	turns += !!self;
	if (self && thread >= 254) {
		end_thread();
		return;
	}
	fuzz_run_on(self, calls[fuzz_take(1) %
				(sizeof(calls) / sizeof(calls[0]))]);
}

static void end(bool one_by_one)
{
	for (self = 0; self < FUZZ_THREADS; self++)
		if (is_locked(true))
			fuzz_run_on(self, unlock_all);
	self = 0;
	for (unsigned int i = 0; i < HEAPS; i++)
		if (heaps[i].handle)
			check_heap(&heaps[i]);
	for (unsigned int i = 0; i < entries; i++)
		if (blocks[i].address &&
		    (one_by_one || blocks[i].heap == &heaps[0]))
			release_block(&blocks[i]);
	for (unsigned int i = 0; i < HEAPS; i++) {
		if (heaps[i].handle)
			check_heap(&heaps[i]);
		if (heaps[i].handle && i)
			destroy_heap(&heaps[i]);
	}
	limited = false;
	optimize();
	list_heaps();
	fuzz_end_limit();
}

static void run(const uint8_t *data, size_t size)
{
	unsigned int steps = 0;
	bool one_by_one;

	fuzz_input(data, size);
	fuzz_begin_blocks();
	heaps[0].handle = GetProcessHeap();
	one_by_one = fuzz_take(1) & 1;
	turns = ends = 0;
	entries = 0;
	for (; steps < MOST_STEPS && fuzz_input_is_left(); steps++)
		step();
	fuzz_count(steps);
	end(one_by_one);
}

static void open_target(void)
{
	const char *checks = getenv("NTMEM_HEAP_CHECK");

	setenv("NTMEM_ENGINE", "embedded", 1);
	setenv("NTMEM_HEAP_PURGE", "eager", 1);
	guarded = checks && strstr(checks, "full");
	AddVectoredExceptionHandler(1, count_exception);
}

const struct fuzz_target heap_target = {
	.name = "heap",
	.open = open_target,
	.run = run,
};
