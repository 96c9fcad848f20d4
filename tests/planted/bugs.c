// SPDX-License-Identifier: MIT
/*
 * The bugs. Each has other blocks of the same size around its own, so that what
 * goes astray finds something.
 */
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "planted.h"

#define OTHERS	16

const size_t bug_sizes[SIZES] = { 24, 100, 1000, 20000, 3 << 20 };

static const struct calls *calls;
static void *before[OTHERS], *behind[OTHERS];

/* The compiler is not to know where it comes from. */
static char *hide(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

static char *plant(const struct calls *these, size_t size)
{
	char *p;
	int i;

	calls = these;
	for (i = 0; i < OTHERS; i++)
		before[i] = calls->alloc(size);
	p = calls->alloc(size);
	memset(p, 0x11, size);
	for (i = 0; i < OTHERS; i++)
		behind[i] = calls->alloc(size);
	return hide(p);
}

static void free_all(void *blocks[OTHERS])
{
	int i;

	for (i = 0; i < OTHERS; i++) {
		calls->free(hide(blocks[i]));
		blocks[i] = NULL;
	}
}

/* ------------------------------------------------------------------- frees --- */

static void free_at_once(const struct calls *these, size_t size)
{
	char *p = plant(these, size);

	calls->free(p);
	calls->free(hide(p));
}

static void free_after_others(const struct calls *these, size_t size)
{
	char *p = plant(these, size);

	calls->free(p);
	free_all(before);
	calls->free(hide(p));
}

static void *free_there(void *p)
{
	calls->free(p);
	return NULL;
}

static void free_in_another_thread(const struct calls *these, size_t size)
{
	char *p = plant(these, size);
	pthread_t thread;

	calls->free(p);
	if (!pthread_create(&thread, NULL, free_there, hide(p)))
		pthread_join(thread, NULL);
}

static void free_twice_in_another_thread(const struct calls *these,
					 size_t size)
{
	char *p = plant(these, size);
	pthread_t thread;

	if (!pthread_create(&thread, NULL, free_there, hide(p)))
		pthread_join(thread, NULL);
	calls->free(hide(p));
}

static void free_large_twice(const struct calls *these, size_t size)
{
	char *p;

	plant(these, 64);
	p = calls->alloc(200000 + 64 * size);
	calls->free(p);
	calls->free(hide(p));
}

static void free_inside(const struct calls *these, size_t size)
{
	calls->free(plant(these, size) + 16);
}

static void free_off_the_grain(const struct calls *these, size_t size)
{
	calls->free(plant(these, size) + 8);
}

static void free_stack(const struct calls *these, size_t size)
{
	char here[64] __attribute__((aligned(16)));

	memset(here, 0x22, sizeof(here));
	plant(these, size);
	calls->free(hide(here + 16));
}

static void free_global(const struct calls *these, size_t size)
{
	static char here[64] __attribute__((aligned(16)));

	memset(here, 0x22, sizeof(here));
	plant(these, size);
	calls->free(hide(here + 16));
}

static void resize_what_is_free(const struct calls *these, size_t size)
{
	char *p = plant(these, size);

	calls->free(p);
	calls->realloc(hide(p), 2 * size);
}

/* -------------------------------------------------------- reads and writes --- */

static void write_behind(const struct calls *these, size_t size, size_t bytes)
{
	char *p = plant(these, size);

	memset(hide(p + size), 0x41, bytes);
	calls->free(p);
}

#define OVERFLOW(bytes)							\
static void overflow_##bytes(const struct calls *these, size_t size)	\
{									\
	write_behind(these, size, bytes);				\
}

OVERFLOW(1)
OVERFLOW(8)
OVERFLOW(16)
OVERFLOW(64)
OVERFLOW(4096)

static void underflow_8(const struct calls *these, size_t size)
{
	char *p = plant(these, size);

	memset(hide(p - 8), 0x41, 8);
	calls->free(p);
}

static void underflow_64(const struct calls *these, size_t size)
{
	char *p = plant(these, size);

	memset(hide(p - 64), 0x41, 64);
	calls->free(p);
}

static void write_after_free(const struct calls *these, size_t size)
{
	char *p = plant(these, size);

	calls->free(p);
	memset(hide(p), 0x41, 16);
}

static void write_inside_after_free(const struct calls *these, size_t size)
{
	char *p = plant(these, size);

	calls->free(p);
	*hide(p + size / 2 + 4) = 0x41;
}

static void read_after_free(const struct calls *these, size_t size)
{
	char *p = plant(these, size);

	calls->free(p);
	(void)*(volatile char *)hide(p + size / 2);
}

/* ------------------------------------------------------------------- heaps --- */

static void free_in_the_wrong_heap(const struct calls *these, size_t size)
{
	plant(these, size);
	calls->free(heap_alloc(heap_new(), size));
}

static void free_of_malloc_in_a_heap(const struct calls *these, size_t size)
{
	plant(these, size);
	calls->free(malloc_calls.alloc(size));
}

static void alloc_in_a_destroyed_heap(const struct calls *these, size_t size)
{
	void *heap = heap_new();

	plant(these, size);
	heap_alloc(heap, size);
	heap_destroy(heap);
	heap_alloc(hide(heap), size);
}

static void destroy_twice(const struct calls *these, size_t size)
{
	void *heap = heap_new();

	plant(these, size);
	heap_alloc(heap, size);
	heap_destroy(heap);
	heap_destroy(hide(heap));
}

static void free_of_a_destroyed_heap(const struct calls *these, size_t size)
{
	void *heap = heap_new();
	char *p;

	plant(these, size);
	p = heap_alloc(heap, size);
	heap_destroy(heap);
	calls->free(hide(p));
}

static void write_to_a_destroyed_heap(const struct calls *these, size_t size)
{
	void *heap = heap_new();
	char *p;

	plant(these, size);
	p = heap_alloc(heap, size);
	heap_destroy(heap);
	memset(hide(p), 0x41, size);
}

/* Of five sizes: malloc's, with patterns; a heap's, with patterns. */
const struct bug bugs[] = {
	{ "double free, at once", free_at_once, false, { 5, 5, 5, 5 } },
	{ "double free, after others", free_after_others, false,
	  { 5, 5, 5, 5 } },
	{ "double free, then in a thread", free_in_another_thread, false,
	  { 5, 5, 5, 5 } },
	{ "double free, first in a thread", free_twice_in_another_thread, false,
	  { 5, 5, 5, 5 } },
	{ "double free of large blocks", free_large_twice, false,
	  { 5, 5, 5, 5 } },
	{ "realloc of a free block", resize_what_is_free, false,
	  { 5, 5, 5, 5 } },
	{ "free of block + 16", free_inside, false, { 5, 5, 5, 5 } },
	{ "free of block + 8", free_off_the_grain, false, { 5, 5, 5, 5 } },
	{ "free of the stack", free_stack, false, { 5, 5, 5, 5 } },
	{ "free of a variable", free_global, false, { 5, 5, 5, 5 } },
	{ "overflow by 1", overflow_1, false, { 0, 4, 0, 4 } },
	{ "overflow by 8", overflow_8, false, { 0, 4, 1, 4 } },
	{ "overflow by 16", overflow_16, false, { 0, 4, 2, 4 } },
	{ "overflow by 64", overflow_64, false, { 0, 4, 3, 4 } },
	{ "overflow by 4096", overflow_4096, false, { 2, 4, 4, 4 } },
	{ "underflow by 8", underflow_8, false, { 0, 4, 4, 4 } },
	{ "underflow by 64", underflow_64, false, { 0, 4, 4, 4 } },
	{ "write after free", write_after_free, false, { 4, 4, 4, 4 } },
	{ "write inside, after free", write_inside_after_free, false,
	  { 0, 4, 0, 4 } },
	{ "read after free", read_after_free, false, { 0, 0, 0, 0 } },
	{ "free in the wrong heap", free_in_the_wrong_heap, true,
	  { 0, 0, 5, 5 } },
	{ "malloc's block in a heap", free_of_malloc_in_a_heap, true,
	  { 0, 0, 5, 5 } },
	{ "alloc in a destroyed heap", alloc_in_a_destroyed_heap, true,
	  { 0, 0, 5, 5 } },
	{ "destroy twice", destroy_twice, true, { 0, 0, 5, 5 } },
	{ "free of a destroyed heap's", free_of_a_destroyed_heap, true,
	  { 0, 0, 5, 5 } },
	{ "write to a destroyed heap", write_to_a_destroyed_heap, true,
	  { 0, 0, 0, 0 } },
};

const int bug_count = COUNT(bugs);
