// SPDX-License-Identifier: MIT
/*
 * Windows' functions, asked for by name: the program runs with allocators, too,
 * that have none.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "planted.h"

static void *call(const char *name)
{
	return dlsym(RTLD_DEFAULT, name);
}

bool heap_is_there(void)
{
	return call("HeapCreate");
}

void *heap_new(void)
{
	void *(*create)(uint32_t, size_t, size_t) = call("HeapCreate");

	return create(0, 0, 0);
}

void heap_destroy(void *heap)
{
	int (*destroy)(void *) = call("HeapDestroy");

	if (!destroy(heap))
		_exit(NOTICED);
}

void *heap_alloc(void *heap, size_t size)
{
	void *(*alloc)(void *, uint32_t, size_t) = call("HeapAlloc");
	void *p = alloc(heap, 0, size);

	if (!p)
		_exit(NOTICED);
	return p;
}

bool heap_free(void *heap, void *p)
{
	int (*give)(void *, uint32_t, void *) = call("HeapFree");

	return give(heap, 0, p);
}

void *heap_of_calls(void)
{
	static void *heap;

	if (!heap)
		heap = heap_new();
	return heap;
}

void heap_validate_all(void)
{
	int (*validate)(void *, uint32_t, const void *) = call("HeapValidate");
	void *(*process)(void) = call("GetProcessHeap");

	if (validate && (!validate(process(), 0, NULL) ||
			 !validate(heap_of_calls(), 0, NULL)))
		_exit(NOTICED);
}

/* ------------------------------------------------------------ the two ways --- */

static void *alloc_of_heap(size_t size)
{
	return heap_alloc(heap_of_calls(), size);
}

static void free_of_heap(void *p)
{
	if (!heap_free(heap_of_calls(), p))
		_exit(NOTICED);
}

static void *realloc_of_heap(void *p, size_t size)
{
	void *(*change)(void *, uint32_t, void *, size_t) =
		call("HeapReAlloc");

	return change(heap_of_calls(), 0, p, size);
}

const struct calls heap_calls = {
	alloc_of_heap, free_of_heap, realloc_of_heap,
};

const struct calls malloc_calls = { malloc, free, realloc };
