// SPDX-License-Identifier: MIT
/* mimalloc's heaps, from its library where that is installed. */
#include <dlfcn.h>

#include "heap.h"

static struct {
	void *(*new)(void);
	void *(*malloc)(void *heap, size_t size);
	void (*destroy)(void *heap);
} mi;

static bool is_there(void)
{
	void *library = dlopen("libmimalloc.so.2", RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return false;
	*(void **)&mi.new = dlsym(library, "mi_heap_new");
	*(void **)&mi.malloc = dlsym(library, "mi_heap_malloc");
	*(void **)&mi.destroy = dlsym(library, "mi_heap_destroy");
	return mi.new && mi.malloc && mi.destroy;
}

static void *leave(const unsigned short *sizes, unsigned int count)
{
	void *heap = mi.new();

	if (!heap)
		abort();
	fill(heap, mi.malloc, sizes, count);
	return heap;
}

static void live(const unsigned short *sizes, unsigned int count)
{
	mi.destroy(leave(sizes, count));
}

const struct maker maker_mimalloc = { "mimalloc", is_there, live, leave };
