// SPDX-License-Identifier: MIT
/*
 * Heaps that grow when something below them fails: each call with the 1st,
 * 2nd ... n-th engine operation, allocation of the heap's own or system call
 * that it makes failing, until it succeeds. Who allocates is told so, and gives
 * back all the same; no other block notices, and nothing is lost.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <winternl.h>

#include "engine/engine.h"
#include "heap.h"
#include "heap/arena.h"
#include "heap/heap.h"
#include "heap/heaps.h"
#include "heap/huge.h"
#include "heap/purge.h"
#include "heap/walk.h"
#include "inject.h"

/* ---------------------------------------------------------- the failure --- */

static struct {
	inject_order order;
	enum inject_kind kind;
	unsigned int n;		/* 0: nothing fails */
} failing;

/* Of the calling thread. */
static void arm(void)
{
	if (failing.n)
		failing.order(failing.kind, failing.n, ENOMEM);
}

/* ----------------------------------------------------------- the blocks --- */

static HANDLE heap;
static DWORD options;

/* All that are in use. Of large ones only the ends are filled. */
#define MANY	512
#define END	(8 * KIB)

static struct kept {
	unsigned char *block;
	SIZE_T size;
	unsigned int seed;
	bool seen;
} kept[MANY];

static unsigned int nr_kept, last_seed;

static void fill_ends(const struct kept *it)
{
	if (it->size <= 2 * END) {
		fill(it->block, 0, it->size, it->seed);
		return;
	}
	fill(it->block, 0, END, it->seed);
	fill(it->block, it->size - END, it->size, it->seed);
}

static bool ends_are_filled(const struct kept *it)
{
	if (it->size <= 2 * END)
		return is_filled(it->block, 0, it->size, it->seed);
	return is_filled(it->block, 0, END, it->seed) &&
	       is_filled(it->block, it->size - END, it->size, it->seed);
}

/* True where there is a block, which is in use from now on. */
static bool keep(void *block, SIZE_T size)
{
	struct kept *it = &kept[nr_kept];

	if (!block)
		return false;
	assert_quietly(nr_kept < MANY);
	*it = (struct kept){ block, size, ++last_seed, false };
	fill_ends(it);
	nr_kept++;
	return true;
}

static void free_kept(unsigned int i)
{
	assert_quietly(ends_are_filled(&kept[i]));
	free_block(heap, kept[i].block);
	kept[i] = kept[--nr_kept];
}

static void see(const PROCESS_HEAP_ENTRY *entry)
{
	unsigned int i = 0;

	while (i < nr_kept && kept[i].block != entry->lpData)
		i++;
	if (i == nr_kept)
		ck_abort_msg("a walk finds a block that is not there");
	assert_quietly(kept[i].size == entry->cbData);
	assert_quietly(!kept[i].seen);
	kept[i].seen = true;
}

/* The heap is in order, and has just the blocks that it should. */
static void check_heap(void)
{
	PROCESS_HEAP_ENTRY entry = { .lpData = NULL };
	unsigned int i;

	ck_assert(HeapValidate(heap, 0, NULL));
	for (i = 0; i < nr_kept; i++) {
		kept[i].seen = false;
		assert_quietly(HeapSize(heap, 0, kept[i].block) ==
			       kept[i].size);
		assert_quietly(ends_are_filled(&kept[i]));
	}
	while (HeapWalk(heap, &entry))
		if (entry.wFlags & PROCESS_HEAP_ENTRY_BUSY)
			see(&entry);
	for (i = 0; i < nr_kept; i++)
		assert_quietly(kept[i].seen);
}

/* Looks at some of it, where it is large. */
static bool reads_zero(const unsigned char *block, SIZE_T from, SIZE_T to)
{
	SIZE_T step = to - from > 2 * END ? 509 : 1;

	for (; from < to; from += step)
		if (block[from])
			return false;
	return true;
}

/* --------------------------------------------------------- the accounts --- */

/* What no arena accounts for, with all given back that nothing needs. */
struct accounts {
	int64_t reserved, committed;
	int64_t meta;
	int64_t in_use, dropped;
};

static void count_arenas(struct accounts *accounts, struct store *store)
{
	const struct arena *arena;
	unsigned int i;

	store_trim(store);
	store_release_empty(store);
	accounts->in_use += store->in_use;
	accounts->dropped += store->dropped;
	for (arena = store->arenas; arena; arena = arena->next) {
		accounts->reserved -= arena->slices * SLICE;
		accounts->meta -= sizeof(*arena);
		for (i = 0; i < ARENA_WORDS; i++)
			accounts->committed -= SLICE *
				__builtin_popcountl(arena->committed[i]);
	}
}

static struct accounts look(void)
{
	struct accounts accounts = { 0 };
	struct ntmem_info info;

	huge_trim();
	count_arenas(&accounts, &store_data);
	count_arenas(&accounts, &store_code);
	ck_assert_int_eq(ntmem_engine()->info(&info), 0);
	accounts.reserved += info.space_reserved;
	accounts.committed += info.space_committed;
	accounts.meta += inject_meta_bytes();
	return accounts;
}

#define assert_same(what)						\
	ck_assert_msg(before->what == after.what, "%lld more " #what,	\
		      (long long)(after.what - before->what))

static void assert_nothing_lost(const struct accounts *before)
{
	struct accounts after = look();

	assert_same(reserved);
	assert_same(committed);
	assert_same(meta);
	assert_same(in_use);
	assert_same(dropped);
}

/* Slices that are committed and free. */
static unsigned int spare_slices(void)
{
	const struct arena *arena;
	unsigned int i, spare = 0;

	for (arena = store_data.arenas; arena; arena = arena->next)
		for (i = 0; i < ARENA_WORDS; i++)
			spare += __builtin_popcountl(arena->committed[i] &
						     ~arena->used[i]);
	return spare;
}

/* What is wanted next must be committed first. */
static void use_up(void)
{
	unsigned int most = 100;

	HeapCompact(heap, 0);
	while (spare_slices() && most--)
		assert_quietly(keep(HeapAlloc(heap, 0, SLICE), SLICE));
}

/* ------------------------------------------------------------ the calls --- */

/* Does the call need memory that is not there yet? */
enum need {
	NEEDS_NONE,		/* whatever fails, it succeeds */
	MAY_NEED,		/* there is another way, or not always */
	NEEDS_UNDROP,		/* where dropped pages have none */
	NEEDS_MEMORY,
};

struct subject {
	const char *name;
	bool (*call)(const struct subject *subject);
	void (*prepare)(const struct subject *subject);
	enum need need;
	SIZE_T size, old;
	SIZE_T align;
	unsigned int count;
	DWORD flags;
};

static bool alloc(const struct subject *subject)
{
	unsigned char *block = HeapAlloc(heap, subject->flags, subject->size);

	if (block && (subject->flags & HEAP_ZERO_MEMORY))
		ck_assert(reads_zero(block, 0, subject->size));
	return keep(block, subject->size);
}

static bool alloc_many(const struct subject *subject)
{
	unsigned int i;

	for (i = 0; i < subject->count; i++)
		if (!alloc(subject))
			return false;
	return true;
}

/* No function of Windows' for heaps does this: what stands above them says so. */
static bool alloc_aligned(const struct subject *subject)
{
	void *block = heap_alloc_aligned(heap, subject->size, subject->align,
					 false);

	ck_assert_uint_eq((uintptr_t)block % subject->align, 0);
	if (!block)
		SetLastError(ERROR_NOT_ENOUGH_MEMORY);
	return keep(block, subject->size);
}

static void on_uncommitted(const struct subject *subject)
{
	(void)subject;
	use_up();
}

/* Nothing of it is there yet. */
static void on_nothing(const struct subject *subject)
{
	(void)subject;
	while (nr_kept)
		free_kept(0);
	destroy(heap);
	look();
	heap = make_heap(options, 0);
}

static void behind_mixed(const struct subject *subject)
{
	const struct shard *shard = &((struct heap *)heap)->first;

	while (shard->bump_end - shard->bump >= (ptrdiff_t)subject->size + 16)
		assert_quietly(keep(HeapAlloc(heap, 0, subject->size),
				    subject->size));
	use_up();
}

/* Four spans with a block in the middle of each, whose other pages are dropped. */
static void on_dropped(const struct subject *subject)
{
	unsigned int first = nr_kept, each, i;

	each = (subject->size > LARGE_BLOCK ? LARGE_SPAN : 1) * SLICE /
	       subject->size;
	for (i = 0; i < 4 * each; i++)
		assert_quietly(keep(HeapAlloc(heap, 0, subject->size),
				    subject->size));
	for (i = nr_kept; i-- > first;)
		if ((i - first) % each != each / 2)
			free_kept(i);
	use_up();
	ck_assert_int_gt(store_data.dropped, 0);
}

/* A block to resize is the last one. */
static void with_room_behind(const struct subject *subject)
{
	use_up();
	assert_quietly(keep(HeapAlloc(heap, 0, subject->old), subject->old));
}

/* Where it is it can hardly grow. */
static void with_block(const struct subject *subject)
{
	struct kept *it, swapped;

	with_room_behind(subject);
	it = &kept[nr_kept - 1];
	assert_quietly(keep(HeapAlloc(heap, 0, SLICE), SLICE));
	use_up();
	swapped = *it;
	*it = kept[nr_kept - 1];
	kept[nr_kept - 1] = swapped;
}

/* With room behind it in its reservation. */
static void with_huge_block(const struct subject *subject)
{
	struct kept *it = &kept[nr_kept];

	/* Little, so that little is copied. */
	assert_quietly(keep(HeapAlloc(heap, 0, KIB), KIB));
	it->block = HeapReAlloc(heap, 0, it->block, subject->old);
	ck_assert_ptr_nonnull(it->block);
	it->size = subject->old;
	fill_ends(it);
}

static bool resize(const struct subject *subject)
{
	struct kept *it = &kept[nr_kept - 1];
	SIZE_T least = subject->old < subject->size ? subject->old :
						      subject->size;
	unsigned char *block = HeapReAlloc(heap, subject->flags, it->block,
					   subject->size);

	if (!block)
		return false;
	ck_assert(is_filled(block, 0, least < END ? least : END, it->seed));
	if (subject->flags & HEAP_ZERO_MEMORY)
		ck_assert(reads_zero(block, subject->old, subject->size));
	it->block = block;
	it->size = subject->size;
	fill_ends(it);
	return true;
}

/* What could not be given back reads zero all the same. */
static bool shrink_and_grow(const struct subject *subject)
{
	const struct subject back = {
		.old = subject->size, .size = subject->old,
		.flags = HEAP_REALLOC_IN_PLACE_ONLY | HEAP_ZERO_MEMORY,
	};

	return resize(subject) && resize(&back);
}

/* ---------------------------------------------------------- giving back --- */

/* So much that some of it goes back. */
static void with_much(const struct subject *subject)
{
	unsigned int i;

	for (i = 0; i < subject->count; i++)
		assert_quietly(keep(HeapAlloc(heap, 0, subject->size),
				    subject->size));
}

static bool free_all(const struct subject *subject)
{
	(void)subject;
	while (nr_kept)
		free_kept(nr_kept - 1);
	return true;
}

static bool free_most(const struct subject *subject)
{
	unsigned int i;

	(void)subject;
	for (i = nr_kept; i--;)
		if (i % 29)
			free_kept(i);
	return true;
}

static bool compact(const struct subject *subject)
{
	(void)subject;
	HeapCompact(heap, 0);
	return true;
}

static void with_dropped_and_free(const struct subject *subject)
{
	on_dropped(subject);
	while (nr_kept > 10)
		free_kept(0);
}

static bool free_most_and_compact(const struct subject *subject)
{
	return free_most(subject) && compact(subject);
}

/* What another thread does, sooner or later. */
static bool purge(const struct subject *subject)
{
	unsigned int i;

	free_most(subject);
	for (i = 0; i < 3; i++) {
		((struct heap *)heap)->purge = 1;
		heaps_purge();
		store_purge(&store_data);
		huge_purge();
	}
	return true;
}

static bool destroy_it(const struct subject *subject)
{
	(void)subject;
	ck_assert(HeapDestroy(heap));
	heap = NULL;
	nr_kept = 0;
	return true;
}

/* ------------------------------------------------------------- the rest --- */

/* It has no shard yet, frees what is not its own, and leaves what it has. */
static void *in_thread(void *arg)
{
	const struct subject *subject = arg;
	bool done;

	arm();
	SetLastError(UNTOUCHED);
	done = alloc_many(subject);
	if (!done)
		ck_assert_uint_eq(GetLastError(), ERROR_NOT_ENOUGH_MEMORY);
	free_kept(0);
	free_kept(0);
	return done ? arg : NULL;
}

static bool alloc_in_thread(const struct subject *subject)
{
	pthread_t thread;
	void *done;

	ck_assert_int_eq(pthread_create(&thread, NULL, in_thread,
					(void *)subject), 0);
	ck_assert_int_eq(pthread_join(thread, &done), 0);
	if (!done)
		SetLastError(ERROR_NOT_ENOUGH_MEMORY);
	return done;
}

static bool lock_and_walk(const struct subject *subject)
{
	(void)subject;
	ck_assert(HeapLock(heap));
	check_heap();
	ck_assert(HeapUnlock(heap));
	return true;
}

/* Each has a value of its own. */
static bool alloc_with_values(const struct subject *subject)
{
	unsigned int first = nr_kept, i;
	bool done = alloc_many(subject);
	void *value;

	for (i = first; i < nr_kept; i++)
		ck_assert(RtlSetUserValueHeap(heap, 0, kept[i].block,
					      &kept[i]));
	for (i = first; i < nr_kept; i++) {
		ck_assert(RtlGetUserInfoHeap(heap, 0, kept[i].block, &value,
					     NULL));
		ck_assert_ptr_eq(value, &kept[i]);
	}
	return done;
}

#define IN_PLACE	HEAP_REALLOC_IN_PLACE_ONLY
#define ZERO		HEAP_ZERO_MEMORY

static const struct subject subjects[] = {
	{ "first block", alloc, on_nothing, NEEDS_MEMORY, .size = 24 },
	{ "first run", alloc, on_nothing, NEEDS_MEMORY, .size = MIB },
	{ "first zeroed", alloc, on_nothing, NEEDS_MEMORY, .size = 2000,
	  .flags = ZERO },
	{ "first huge", alloc, on_nothing, NEEDS_MEMORY, .size = 5 * MIB },
	{ "behind a mixed slice", alloc, behind_mixed, NEEDS_MEMORY,
	  .size = 1000 },
	{ "new span", alloc, on_uncommitted, NEEDS_MEMORY, .size = 4000 },
	{ "new large span", alloc, on_uncommitted, NEEDS_MEMORY,
	  .size = 20000 },
	{ "spans", alloc_many, on_uncommitted, NEEDS_MEMORY, .size = 2000,
	  .count = 100 },
	{ "dropped pages", alloc_many, on_dropped, NEEDS_UNDROP,
	  .size = 2000, .count = 100 },
	{ "dropped pages of large blocks", alloc_many, on_dropped,
	  NEEDS_UNDROP, .size = 20000, .count = 40 },
	{ "aligned in dropped pages", alloc_aligned, on_dropped, MAY_NEED,
	  .size = 2000, .align = 256 },
	{ "run", alloc, on_uncommitted, NEEDS_MEMORY, .size = 64 * KIB },
	{ "large run", alloc, on_uncommitted, NEEDS_MEMORY,
	  .size = 3 * MIB + 5 },
	{ "largest run", alloc, on_uncommitted, NEEDS_MEMORY, .size = 4 * MIB },
	{ "zeroed run", alloc, on_uncommitted, NEEDS_MEMORY, .size = MIB,
	  .flags = ZERO },
	{ "huge", alloc, on_uncommitted, NEEDS_MEMORY, .size = 4 * MIB + 1 },
	{ "zeroed huge", alloc, NULL, NEEDS_MEMORY, .size = 6 * MIB,
	  .flags = ZERO },
	{ "aligned", alloc_aligned, on_uncommitted, NEEDS_MEMORY,
	  .size = 3000, .align = 1024 },
	{ "aligned run", alloc_aligned, on_uncommitted, NEEDS_MEMORY,
	  .size = 100 * KIB, .align = 64 * KIB },
	{ "aligned huge", alloc_aligned, NULL, NEEDS_MEMORY, .size = 3000,
	  .align = 8 * MIB },
	{ "grow within", resize, with_block, NEEDS_NONE, .old = 1985,
	  .size = 1990 },
	{ "grow a block", resize, with_block, NEEDS_MEMORY, .old = 1200,
	  .size = 4000 },
	{ "grow a block, zeroed", resize, with_block, NEEDS_MEMORY,
	  .old = 1200, .size = 4000, .flags = ZERO },
	{ "a block becomes a run", resize, with_block, NEEDS_MEMORY,
	  .old = 3000, .size = 100 * KIB },
	{ "a run grows in place", resize, with_room_behind, NEEDS_MEMORY,
	  .old = 70 * KIB, .size = 900 * KIB, .flags = IN_PLACE },
	{ "a run grows", resize, with_room_behind, NEEDS_MEMORY,
	  .old = 70 * KIB, .size = 900 * KIB, .flags = ZERO },
	{ "a run grows and moves", resize, with_block, NEEDS_MEMORY,
	  .old = 70 * KIB, .size = 900 * KIB },
	{ "a run becomes huge", resize, with_block, NEEDS_MEMORY,
	  .old = 3 * MIB, .size = 5 * MIB },
	{ "a huge block grows in place", resize, with_huge_block, NEEDS_MEMORY,
	  .old = 6 * MIB, .size = 8 * MIB, .flags = IN_PLACE | ZERO },
	{ "a huge block grows", resize, with_huge_block, NEEDS_MEMORY,
	  .old = 6 * MIB, .size = 8 * MIB },
	{ "a huge block grows and moves", resize, with_block, NEEDS_MEMORY,
	  .old = 5 * MIB, .size = 7 * MIB, .flags = ZERO },
	{ "a huge block shrinks", resize, with_huge_block, NEEDS_NONE,
	  .old = 7 * MIB, .size = 5 * MIB },
	{ "a huge block shrinks and grows", shrink_and_grow, with_huge_block,
	  MAY_NEED, .old = 7 * MIB, .size = 5 * MIB },
	{ "a run shrinks and grows", shrink_and_grow, with_room_behind,
	  MAY_NEED, .old = 3 * MIB, .size = 200 * KIB },
	{ "a huge block shrinks to a block", resize, with_block, NEEDS_NONE,
	  .old = 5 * MIB, .size = 3000 },
	{ "a run shrinks", resize, with_block, NEEDS_NONE, .old = 3 * MIB,
	  .size = 200 * KIB },
	{ "a run shrinks in place", resize, with_block, NEEDS_NONE,
	  .old = 3 * MIB, .size = 200 * KIB, .flags = IN_PLACE },
	{ "a block shrinks", resize, with_block, NEEDS_NONE, .old = 20000,
	  .size = 3000 },
	{ "free all", free_all, with_much, NEEDS_NONE, .size = 130 * KIB,
	  .count = 40 },
	{ "free all blocks", free_all, with_much, NEEDS_NONE, .size = 8000,
	  .count = 300 },
	{ "free what has dropped pages", free_all, on_dropped, NEEDS_NONE,
	  .size = 2000 },
	{ "free most", free_most, with_much, NEEDS_NONE, .size = 8000,
	  .count = 300 },
	{ "free huge", free_all, with_much, NEEDS_NONE, .size = 5 * MIB,
	  .count = 2 },
	{ "compact", free_most_and_compact, with_much, NEEDS_NONE,
	  .size = 4000, .count = 100 },
	{ "compact large", free_most_and_compact, with_much, NEEDS_NONE,
	  .size = 20000, .count = 40 },
	{ "compact again", compact, with_dropped_and_free, NEEDS_NONE,
	  .size = 2000 },
	{ "purge", purge, with_much, NEEDS_NONE, .size = 4000, .count = 100 },
	{ "purge large", purge, with_much, NEEDS_NONE, .size = 100 * KIB,
	  .count = 40 },
	{ "destroy", destroy_it, with_much, NEEDS_NONE, .size = 100 * KIB,
	  .count = 40 },
	{ "destroy with dropped pages", destroy_it, on_dropped, NEEDS_NONE,
	  .size = 2000 },
	{ "destroy huge", destroy_it, with_much, NEEDS_NONE,
	  .size = 5 * MIB, .count = 2 },
	{ "another thread", alloc_in_thread, on_uncommitted, NEEDS_MEMORY,
	  .size = 3000, .count = 30 },
	{ "another thread's runs", alloc_in_thread, on_uncommitted,
	  NEEDS_MEMORY, .size = 300 * KIB, .count = 2 },
	{ "lock and walk", lock_and_walk, NULL, NEEDS_NONE, .size = 0 },
	{ "user values", alloc_with_values, NULL, MAY_NEED, .size = 30,
	  .count = 40, .flags = HEAP_SETTABLE_USER_VALUE },
	{ "user values of runs", alloc_with_values, on_uncommitted,
	  NEEDS_MEMORY, .size = 70 * KIB, .count = 2,
	  .flags = HEAP_SETTABLE_USER_VALUE },
};

/* ------------------------------------------------------------- the walk --- */

/* What is tried of each: where drop keeps access, where not, exceptions. */
enum mode {
	AS_IT_IS,
	DECOMMITTING,
	RAISING,
	MODES,
};

static unsigned int raised;

static LONG WINAPI count_raised(EXCEPTION_POINTERS *pointers)
{
	if (pointers->ExceptionRecord->ExceptionCode != STATUS_NO_MEMORY)
		return EXCEPTION_CONTINUE_SEARCH;
	raised++;
	return EXCEPTION_CONTINUE_EXECUTION;
}

static void make_scene(enum mode mode)
{
	static const SIZE_T sizes[] = {
		0, 100, 1000, 2000, 9000, 30000, 100 * KIB, 5 * MIB,
	};
	unsigned int i;

	nr_kept = 0;
	options = mode == RAISING ? HEAP_GENERATE_EXCEPTIONS : 0;
	heap = make_heap(options, 0);
	for (i = 0; i < COUNT(sizes); i++)
		assert_quietly(keep(HeapAlloc(heap, 0, sizes[i]), sizes[i]));
}

/* Blocks of all kinds come and go. */
static void use_heap(void)
{
	static const SIZE_T sizes[] = {
		24, 1000, 2000, 3000, 20000, 70 * KIB, MIB, 5 * MIB,
	};
	unsigned int first = nr_kept, i, j;

	for (i = 0; i < COUNT(sizes); i++)
		for (j = 0; j < 3 && sizes[i] * j < 2 * MIB; j++)
			assert_quietly(keep(HeapAlloc(heap, 0, sizes[i]),
					    sizes[i]));
	while (nr_kept > first)
		free_kept(first);
}

static void after_failure(const struct subject *subject, DWORD code,
			  bool raises)
{
	ck_assert_uint_ne(subject->need, NEEDS_NONE);
	ck_assert_uint_eq(code, ERROR_NOT_ENOUGH_MEMORY);
	if (subject->call != alloc_aligned)
		ck_assert_uint_eq(raised, raises);
	check_heap();
	failing.n = 0;
	ck_assert(subject->call(subject));
}

/* One call with the n-th failing. True when there was no n-th. */
static bool step(const struct subject *subject, enum mode mode, unsigned int n,
		 bool *failed)
{
	bool ok, hit;
	DWORD code;

	failing.n = n;
	make_scene(mode);
	if (subject->prepare)
		subject->prepare(subject);
	check_heap();
	raised = 0;
	SetLastError(UNTOUCHED);
	arm();
	ok = subject->call(subject);
	hit = inject_end() && n;
	code = GetLastError();
	ck_assert(ok || hit);
	if (!ok) {
		*failed = true;
		after_failure(subject, code, mode == RAISING);
	}
	if (heap) {
		check_heap();
		use_heap();
		check_heap();
		destroy(heap);
	}
	return !hit;
}

static void walk_all(const struct subject *subject, enum mode mode,
		     bool *failed)
{
	struct accounts before;
	unsigned int n = 0;
	bool done;

	/* What is made once, and kept, is there. */
	step(subject, mode, 0, failed);
	before = look();
	do {
		ck_assert_uint_lt(++n, 2000);
		done = step(subject, mode, n, failed);
		assert_nothing_lost(&before);
	} while (!done);
}

static bool must_fail(const struct subject *subject)
{
	return subject->need == NEEDS_MEMORY ||
	       (subject->need == NEEDS_UNDROP &&
		ntmem_engine()->drop_decommits);
}

/* Alone, or with all like it that follow. */
static void walk_both(const struct subject *subject, enum mode mode,
		      enum inject_kind kind)
{
	bool failed = false;

	failing.kind = kind;
	failing.order = inject;
	walk_all(subject, mode, &failed);
	failing.order = inject_from;
	walk_all(subject, mode, &failed);
	ck_assert(failed || kind != INJECT_OPERATION || !must_fail(subject));
}

/* Memory goes back at once, and by whom the order is meant for. */
static void be_eager(void)
{
	const struct timespec soon = { .tv_nsec = 10000000 };

	while (__atomic_load_n(&purge_state, __ATOMIC_SEQ_CST) ==
	       PURGE_RUNNING)
		nanosleep(&soon, NULL);
	__atomic_store_n(&purge_state, PURGE_EAGER, __ATOMIC_SEQ_CST);
}

static void be_eager_no_more(void)
{
	__atomic_store_n(&purge_state, PURGE_IDLE, __ATOMIC_SEQ_CST);
}

/*
 * The last mode does what the second one does, the kernel engine decommits in any
 * case, and what is huge is dropped by no mode. Who looks for races has nothing
 * to see where there is one thread.
 */
static bool takes_too_long(const struct subject *subject, enum mode mode)
{
	bool decommits = ntmem_engine()->drop_decommits;
	bool huge = subject->old > RUN_MAX || subject->size > RUN_MAX;

	if (UNDER_TSAN)
		return mode != RAISING || subject->call != alloc_in_thread;
	return (UNDER_ASAN || decommits || huge) && mode == DECOMMITTING;
}

START_TEST(what_fails_harms_nobody)
{
	static const enum inject_kind kinds[] = {
		INJECT_OPERATION, INJECT_ALLOCATION, INJECT_SYSTEM_CALL,
	};
	const struct subject *subject = &subjects[_i / MODES];
	enum mode mode = _i % MODES;
	PVOID handler;
	unsigned int i;

	if (takes_too_long(subject, mode))
		return;
	handler = AddVectoredExceptionHandler(1, count_raised);
	be_eager();
	inject_decommits(mode != AS_IT_IS);
	for (i = 0; i < COUNT(kinds); i++)
		walk_both(subject, mode, kinds[i]);
	inject_decommits(false);
	be_eager_no_more();
	RemoveVectoredExceptionHandler(handler);
}
END_TEST

/* ------------------------------------------------------- what is special --- */

/* With what is made once, and kept. */
static struct accounts begin_scene(void)
{
	struct accounts before;

	make_scene(AS_IT_IS);
	destroy(heap);
	before = look();
	make_scene(AS_IT_IS);
	return before;
}

static void end_scene(const struct accounts *before)
{
	check_heap();
	use_heap();
	destroy(heap);
	assert_nothing_lost(before);
}

/* Several slices are committed at once, where that can be. */
START_TEST(pages_ahead_are_no_condition)
{
	struct accounts before = begin_scene();

	use_up();
	inject(INJECT_OPERATION, 1, ENOMEM);
	ck_assert(keep(HeapAlloc(heap, 0, SLICE), SLICE));
	ck_assert(inject_end());
	end_scene(&before);
}
END_TEST

/* Address space for twice its size, so that it need not move again. */
START_TEST(room_to_grow_is_no_condition)
{
	const struct subject subject = { .old = 5 * MIB, .size = 7 * MIB };
	struct accounts before = begin_scene();

	with_block(&subject);
	inject(INJECT_OPERATION, 1, ENOMEM);
	ck_assert(resize(&subject));
	ck_assert(inject_end());
	end_scene(&before);
}
END_TEST

START_TEST(address_space_that_cannot_go_stays_known)
{
	struct accounts before = begin_scene();

	destroy(heap);
	inject(INJECT_OPERATION, 1, ENOMEM);
	ck_assert(!store_release_empty(&store_data));
	ck_assert(inject_end());
	make_scene(AS_IT_IS);
	end_scene(&before);
}
END_TEST

/* Headers of heaps are never given back: a stale handle finds one. */
static unsigned int use_up_headers(HANDLE *heaps, unsigned int most)
{
	int64_t before = inject_meta_bytes();
	unsigned int nr = 0;

	while (nr < most && inject_meta_bytes() == before)
		heaps[nr++] = make_heap(0, 0);
	ck_assert_int_ne(inject_meta_bytes(), before);
	return nr;
}

START_TEST(a_heap_that_cannot_be_made_is_none)
{
	HANDLE heaps[MANY];
	unsigned int nr = use_up_headers(heaps, MANY), n = 0;

	options = _i ? HEAP_GENERATE_EXCEPTIONS : 0;
	do {
		heap = NULL;
		inject(INJECT_ALLOCATION, ++n, ENOMEM);
		if (n > 1)
			assert_ok(heap = HeapCreate(options, 0, 0));
		else
			assert_fails(ERROR_NOT_ENOUGH_MEMORY,
				     HeapCreate(options, 0, 0));
	} while (inject_end());
	free_block(heap, make_block(heap, 100, 1));
	destroy(heap);
	while (nr)
		destroy(heaps[--nr]);
}
END_TEST

TCase *heap_failure_tests(void)
{
	TCase *tests = tcase_create("heap failure");

	tcase_set_timeout(tests, 120);
	/* Its process has seen other tests, and is full of memory to use. */
	if (under_valgrind())
		return tests;
	tcase_add_loop_test(tests, what_fails_harms_nobody, 0,
			    COUNT(subjects) * MODES);
	tcase_add_test(tests, pages_ahead_are_no_condition);
	tcase_add_test(tests, room_to_grow_is_no_condition);
	tcase_add_test(tests, address_space_that_cannot_go_stays_known);
	tcase_add_loop_test(tests, a_heap_that_cannot_be_made_is_none, 0, 2);
	return tests;
}
