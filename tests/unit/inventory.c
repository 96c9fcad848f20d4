// SPDX-License-Identifier: MIT
/*
 * Inventories: what is written down of the heaps of this process.
 */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "heap.h"
#include "inventory.h"

#define SECONDS	60

/* --------------------------------------------------------------- reading --- */

static void look_at_area(const struct inventory_area *area)
{
	bool slice = area->kind <= INVENTORY_FIXED;

	ck_assert_uint_lt(area->kind, INVENTORY_AREAS);
	ck_assert_uint_eq(area->damaged, 0);
	ck_assert_uint_eq(area->addr % PAGE, 0);
	ck_assert_uint_eq(area->size % PAGE, 0);
	ck_assert_uint_le(area->used, slice ? area->size : area->committed);
	if (slice)
		ck_assert_uint_le(area->size, 64 * KIB);
	else
		ck_assert_uint_le(area->committed, area->size);
	if (area->kind == INVENTORY_BLOCKS)
		ck_assert_uint_eq(area->block_size % 16, 0);
}

static void look_at_all(const struct inventory *inventory)
{
	const union inventory_record *at = inventory->records;
	size_t i;

	ck_assert_uint_ge(inventory->count, 3);
	ck_assert_uint_eq(at[0].record, INVENTORY_HEAD);
	ck_assert_uint_eq(at[0].head.page, PAGE);
	ck_assert_uint_eq(at[1].record, INVENTORY_HEAP);
	for (i = 2; i < inventory->count - 1; i++)
		if (at[i].record == INVENTORY_AREA)
			look_at_area(&at[i].area);
		else
			ck_assert_uint_eq(at[i].record, INVENTORY_HEAP);
	ck_assert_uint_eq(at[i].record, INVENTORY_END);
	ck_assert_uint_eq(at[i].end.heaps, inventory_heaps(inventory));
}

static struct inventory map(int file)
{
	struct inventory inventory;
	struct stat stat;
	void *records;

	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(fstat(file, &stat), 0);
	records = mmap(NULL, stat.st_size, PROT_READ, MAP_PRIVATE, file, 0);
	ck_assert_ptr_ne(records, MAP_FAILED);
	close(file);
	inventory.records = records;
	inventory.count = stat.st_size / sizeof(*inventory.records);
	return inventory;
}

struct inventory inventory_open(int file)
{
	struct inventory inventory = map(file);

	look_at_all(&inventory);
	return inventory;
}

void inventory_close(struct inventory *inventory)
{
	munmap((void *)inventory->records,
	       inventory->count * sizeof(*inventory->records));
}

static size_t committed(const struct inventory_area *area)
{
	size_t bytes = 0, i;

	if (area->kind > INVENTORY_FIXED)
		return area->committed;
	for (i = 0; i < area->size / PAGE; i++)
		if (area->fill[i] != INVENTORY_GONE)
			bytes += PAGE;
	return bytes;
}

static void add(struct stock *stock, const struct inventory_area *area)
{
	stock->areas++;
	stock->blocks += area->busy;
	stock->kinds[area->kind]++;
	stock->used += area->used;
	stock->committed += committed(area);
}

struct stock inventory_of(const struct inventory *inventory, HANDLE heap)
{
	const union inventory_record *at = inventory->records;
	struct stock stock = { .head = NULL };
	size_t i;

	for (i = 0; i < inventory->count; i++) {
		if (at[i].record == INVENTORY_HEAP &&
		    at[i].heap.handle == (uintptr_t)heap)
			stock.head = &at[i].heap;
		else if (at[i].record == INVENTORY_HEAP && stock.head)
			break;
		else if (at[i].record == INVENTORY_AREA && stock.head)
			add(&stock, &at[i].area);
	}
	return stock;
}

const struct inventory_area *inventory_at(const struct inventory *inventory,
					  const void *addr)
{
	const union inventory_record *at = inventory->records;
	size_t i;

	for (i = 0; i < inventory->count; i++)
		if (at[i].record == INVENTORY_AREA &&
		    (uintptr_t)addr - at[i].area.addr < at[i].area.size)
			return &at[i].area;
	ck_abort_msg("nothing is said of %p", addr);
}

unsigned int inventory_heaps(const struct inventory *inventory)
{
	unsigned int heaps = 0;
	size_t i;

	for (i = 0; i < inventory->count; i++)
		heaps += inventory->records[i].record == INVENTORY_HEAP;
	return heaps;
}

static struct inventory own(void)
{
	return inventory_open(inventory_make());
}

/* What is in a heap of this process. */
static struct stock stock_of(HANDLE heap)
{
	struct inventory inventory = own();
	struct stock stock = inventory_of(&inventory, heap);

	ck_assert_ptr_nonnull(stock.head);
	stock.head = NULL;
	inventory_close(&inventory);
	return stock;
}

/* ------------------------------------------------------------- the heaps --- */

#define MANY	1000

/* Blocks up to 1 KiB begin in mixed slices: some are there, and some in spans. */
START_TEST(blocks_of_all_kinds)
{
	static void *blocks[MANY];
	HANDLE heap = make_heap(0, 0);
	struct stock empty = stock_of(heap), stock;
	unsigned int i;
	void *large;

	ck_assert_uint_eq(empty.blocks, 0);
	ck_assert_uint_eq(empty.used, 0);
	for (i = 0; i < MANY; i++)
		blocks[i] = HeapAlloc(heap, 0, 1000);
	for (i = 0; i < MANY; i += 2)
		HeapFree(heap, 0, blocks[i]);
	for (i = 0; i < 3; i++)
		HeapAlloc(heap, 0, 100 * KIB);
	large = HeapAlloc(heap, 0, 8 * MIB);
	stock = stock_of(heap);
	ck_assert_uint_eq(stock.blocks, MANY / 2 + 3 + 1);
	ck_assert_uint_eq(stock.kinds[INVENTORY_RUN], 3);
	ck_assert_uint_eq(stock.kinds[INVENTORY_HUGE], 1);
	ck_assert_uint_gt(stock.kinds[INVENTORY_MIXED], 0);
	ck_assert_uint_gt(stock.kinds[INVENTORY_BLOCKS], 0);
	ck_assert_uint_eq(stock.used,
			  MANY / 2 * 1024 + 3 * 100 * KIB + 8 * MIB);
	ck_assert_uint_ge(stock.committed, stock.used);
	HeapFree(heap, 0, large);
	ck_assert_uint_eq(stock_of(heap).kinds[INVENTORY_HUGE], 0);
	destroy(heap);
}
END_TEST

/* The pages of one slice: no block in use, a half, all. */
START_TEST(pages_by_how_full_they_are)
{
	HANDLE heap = make_heap(0, 0);
	const struct inventory_area *area;
	struct inventory inventory;
	char *blocks[32], *base;
	unsigned int i;

	for (i = 0; i < 32; i++)
		blocks[i] = HeapAlloc(heap, 0, 2040);
	base = (char *)((uintptr_t)blocks[0] & ~(64 * KIB - 1));
	for (i = 0; i < 32; i++)
		if (blocks[i] - base < (ptrdiff_t)(6 * KIB))
			HeapFree(heap, 0, blocks[i]);
	inventory = own();
	area = inventory_at(&inventory, base);
	ck_assert_uint_eq(area->addr, (uintptr_t)base);
	ck_assert_uint_eq(area->kind, INVENTORY_BLOCKS);
	ck_assert_uint_eq(area->block_size, 2048);
	ck_assert_uint_eq(area->busy, 32 - 3);
	ck_assert_uint_eq(area->free, 3);
	ck_assert_uint_eq(area->used, (32 - 3) * 2048);
	ck_assert_uint_eq(area->fill[0], INVENTORY_FREE);
	ck_assert_uint_gt(area->fill[1], INVENTORY_FREE + 100);
	ck_assert_uint_lt(area->fill[1], INVENTORY_FULL - 100);
	for (i = 2; i < INVENTORY_PAGES; i++)
		ck_assert_uint_eq(area->fill[i], INVENTORY_FULL);
	inventory_close(&inventory);
	destroy(heap);
}
END_TEST

/* Blocks of a quarter of a slice each lie over the borders of slices. */
START_TEST(blocks_over_slices)
{
	HANDLE heap = make_heap(0, 0);
	struct stock stock;
	unsigned int i;

	for (i = 0; i < 12; i++)
		HeapAlloc(heap, 0, 20000);
	stock = stock_of(heap);
	ck_assert_uint_eq(stock.blocks, 12);
	ck_assert_uint_eq(stock.used, 12 * 20480);
	ck_assert_uint_eq(stock.kinds[INVENTORY_BLOCKS], 4);
	destroy(heap);
}
END_TEST

START_TEST(a_heap_of_fixed_size)
{
	HANDLE heap = make_heap(0, MIB);
	struct inventory inventory;
	struct stock stock;
	char *blocks[100];
	unsigned int i;

	for (i = 0; i < 100; i++)
		blocks[i] = HeapAlloc(heap, 0, 1000);
	HeapAlloc(heap, 0, 300 * KIB);
	for (i = 0; i < 100; i += 2)
		HeapFree(heap, 0, blocks[i]);
	inventory = own();
	stock = inventory_of(&inventory, heap);
	ck_assert_uint_eq(stock.head->maximum, MIB);
	ck_assert_uint_eq(stock.head->locked, 0);
	ck_assert_uint_eq(stock.blocks, 51);
	ck_assert_uint_eq(stock.used, 50 * 1008 + 300 * KIB);
	ck_assert_uint_eq(stock.areas, stock.kinds[INVENTORY_FIXED]);
	ck_assert_uint_ge(stock.committed, 100 * 1008 + 300 * KIB);
	ck_assert_uint_lt(stock.committed, MIB);
	ck_assert_uint_eq(inventory_at(&inventory, blocks[0])->kind,
			  INVENTORY_FIXED);
	inventory_close(&inventory);
	destroy(heap);
}
END_TEST

/* Nothing is told of what lies behind it. */
START_TEST(a_heap_that_ends_within_a_slice)
{
	const struct inventory_area *first, *last;
	char *block = NULL, *next, *start = NULL;
	HANDLE heap = make_heap(0, 100 * KIB);
	struct inventory inventory;
	struct stock stock;

	while ((next = HeapAlloc(heap, 0, 1000))) {
		block = next;
		start = start ? start : next;
	}
	inventory = own();
	stock = inventory_of(&inventory, heap);
	first = inventory_at(&inventory, start);
	last = inventory_at(&inventory, block);
	ck_assert_uint_ne(stock.head->maximum % (64 * KIB), 0);
	ck_assert_uint_eq(last->addr + last->size,
			  first->addr + stock.head->maximum);
	inventory_close(&inventory);
	destroy(heap);
}
END_TEST

/* As much as HeapSummary says, and what its handles say. */
START_TEST(all_heaps_are_there)
{
	HANDLE heaps[300];
	struct inventory inventory;
	struct stock stock;
	unsigned int i;

	for (i = 0; i < 300; i++) {
		heaps[i] = make_heap(i % 2 ? HEAP_NO_SERIALIZE :
					     HEAP_CREATE_ENABLE_EXECUTE,
				     i % 3 ? 0 : 64 * KIB);
		HeapAlloc(heaps[i], 0, 100 + i);
	}
	inventory = own();
	ck_assert_uint_ge(inventory_heaps(&inventory), 300 + 2);
	for (i = 0; i < 300; i++) {
		stock = inventory_of(&inventory, heaps[i]);
		ck_assert_ptr_nonnull(stock.head);
		ck_assert_uint_eq(stock.head->flags, i % 2 ? 1 : 0x40000);
		ck_assert_uint_eq(stock.head->origin, INVENTORY_CREATED);
		ck_assert_uint_eq(stock.blocks, 1);
		ck_assert_uint_eq(stock.head->maximum, i % 3 ? 0 : 64 * KIB);
	}
	ck_assert_uint_eq(inventory_of(&inventory, GetProcessHeap())
			  .head->origin, INVENTORY_PROCESS);
	inventory_close(&inventory);
	for (i = 0; i < 300; i++)
		destroy(heaps[i]);
}
END_TEST

/* More records than are written at a time, and than fit into a page. */
START_TEST(many_slices)
{
	HANDLE heap = make_heap(0, 0);
	unsigned int i, blocks = scaled(4000);
	struct stock stock;

	for (i = 0; i < blocks; i++)
		HeapAlloc(heap, 0, 16 * KIB);
	stock = stock_of(heap);
	ck_assert_uint_eq(stock.blocks, blocks);
	ck_assert_uint_ge(stock.areas, blocks * 16 / 64);
	destroy(heap);
}
END_TEST

/* Blocks of many sizes, so that none of these has slices of its own. */
static void fill_mixed(HANDLE heap, void **blocks, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		blocks[i] = HeapAlloc(heap, 0, 300 + i % 20 * 32);
		ck_assert_ptr_nonnull(blocks[i]);
	}
}

/* Who looks for what is free in another slice comes to its end. */
START_TEST(a_list_that_leads_to_itself)
{
	HANDLE heap = make_heap(0, 0);
	struct inventory inventory;
	struct stock stock;
	void *blocks[200];
	uintptr_t first, second, link;

	if (UNDER_ASAN || under_valgrind())
		return;
	fill_mixed(heap, blocks, 200);
	HeapFree(heap, 0, blocks[0]);
	HeapFree(heap, 0, blocks[20]);
	/* The newer one leads to the older one, which then leads back. */
	first = (uintptr_t)blocks[0];
	second = (uintptr_t)blocks[20];
	memcpy(&link, blocks[20], sizeof(link));
	link ^= first ^ second;
	memcpy(blocks[0], &link, sizeof(link));
	inventory = map(inventory_make());
	stock = inventory_of(&inventory, heap);
	ck_assert_uint_ge(stock.kinds[INVENTORY_MIXED], 2);
	ck_assert_uint_eq(inventory_at(&inventory, blocks[199])->damaged, 1);
	inventory_close(&inventory);
	destroy(heap);
}
END_TEST

/* What is free there is not known then, and counts as in use; the others are right. */
START_TEST(a_list_that_was_overwritten)
{
	HANDLE heap = make_heap(0, 0);
	const struct inventory_area *area;
	struct inventory inventory;
	void *blocks[3];
	unsigned int i;

	/* Who watches memory sees that, and says so. */
	if (UNDER_ASAN || under_valgrind())
		return;
	for (i = 0; i < 3; i++)
		blocks[i] = HeapAlloc(heap, 0, 2000 * (i + 1));
	HeapFree(heap, 0, blocks[1]);
	memset(blocks[1], 0x41, 100);
	inventory = map(inventory_make());
	area = inventory_at(&inventory, blocks[1]);
	ck_assert_uint_eq(area->damaged, 1);
	ck_assert_uint_ge(area->busy, 1);
	area = inventory_at(&inventory, blocks[0]);
	ck_assert_uint_eq(area->damaged, 0);
	ck_assert_uint_eq(area->busy, 1);
	inventory_close(&inventory);
	destroy(heap);
}
END_TEST

/* ------------------------------------------------------------ with others --- */

static void *lock_and_wait(void *arg)
{
	pthread_barrier_t *barrier = ((void **)arg)[0];
	HANDLE heap = ((void **)arg)[1];

	HeapLock(heap);
	pthread_barrier_wait(barrier);
	pthread_barrier_wait(barrier);
	HeapUnlock(heap);
	return NULL;
}

/* It is left out, and not waited for; the others are there. */
START_TEST(a_heap_that_another_thread_has_locked)
{
	HANDLE heap = make_heap(0, 0), other = make_heap(0, 0);
	struct inventory inventory;
	pthread_barrier_t barrier;
	void *args[] = { &barrier, heap };
	pthread_t thread;

	HeapAlloc(heap, 0, 100);
	HeapAlloc(other, 0, 100);
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, lock_and_wait, args);
	pthread_barrier_wait(&barrier);
	inventory = own();
	ck_assert_uint_eq(inventory_of(&inventory, heap).head->locked, 1);
	ck_assert_uint_eq(inventory_of(&inventory, heap).areas, 0);
	ck_assert_uint_eq(inventory_of(&inventory, other).blocks, 1);
	inventory_close(&inventory);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(stock_of(heap).blocks, 1);
	/* To the thread itself it is open. */
	HeapLock(heap);
	ck_assert_uint_eq(stock_of(heap).blocks, 1);
	HeapUnlock(heap);
	pthread_barrier_destroy(&barrier);
	destroy(other);
	destroy(heap);
}
END_TEST

static int stop;

/* Never more than eight blocks, of which others free some. */
static void *use_heap(void *arg)
{
	void *blocks[8] = { NULL };
	HANDLE heap = arg;
	unsigned int i = 0, size = 1;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		HeapFree(heap, 0, blocks[i]);
		size = (size * 1103515245 + 12345) & 0xffff;
		blocks[i] = HeapAlloc(heap, 0, size);
		i = (i + 1) % 8;
	}
	for (i = 0; i < 8; i++)
		HeapFree(heap, 0, blocks[i]);
	return NULL;
}

/* Each time the heap is as it was at one moment. */
START_TEST(a_heap_that_threads_use)
{
	HANDLE heap = make_heap(0, 0);
	pthread_t threads[3];
	struct stock stock;
	unsigned int i;

	__atomic_store_n(&stop, 0, __ATOMIC_RELAXED);
	for (i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, use_heap, heap);
	for (i = 0; i < scaled(100); i++) {
		stock = stock_of(heap);
		ck_assert_uint_le(stock.blocks, 24);
		ck_assert_uint_le(stock.used, stock.committed);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(stock_of(heap).blocks, 0);
	destroy(heap);
}
END_TEST

/* No more can be written to it, by whoever has it. */
START_TEST(it_does_not_change)
{
	int file = inventory_make();

	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(pwrite(file, "", 1, 0), -1);
	ck_assert_int_eq(ftruncate(file, 0), -1);
	ck_assert_int_eq(fcntl(file, F_ADD_SEALS, F_SEAL_SEAL), -1);
	close(file);
}
END_TEST

TCase *inventory_tests(void)
{
	TCase *tests = tcase_create("inventory");

	tcase_set_timeout(tests, SECONDS);
	tcase_add_test(tests, blocks_of_all_kinds);
	tcase_add_test(tests, pages_by_how_full_they_are);
	tcase_add_test(tests, blocks_over_slices);
	tcase_add_test(tests, a_heap_of_fixed_size);
	tcase_add_test(tests, a_heap_that_ends_within_a_slice);
	tcase_add_test(tests, all_heaps_are_there);
	tcase_add_test(tests, many_slices);
	tcase_add_test(tests, a_list_that_was_overwritten);
	tcase_add_test(tests, a_list_that_leads_to_itself);
	tcase_add_test(tests, a_heap_that_another_thread_has_locked);
	tcase_add_test(tests, a_heap_that_threads_use);
	tcase_add_test(tests, it_does_not_change);
	return tests;
}
