/* SPDX-License-Identifier: MIT */
/* First-class heaps of several makers, and what is done with each. */
#ifndef NTMEM_BENCH_HEAP_H
#define NTMEM_BENCH_HEAP_H

#include <stdbool.h>

#include "../bench.h"

/* Blocks of 16 to 256 bytes; which, is drawn before the clock runs. */
#define SIZES	1024U

struct maker {
	const char *name;
	/* False where there is none on this machine. */
	bool (*open)(void);
	/* The life of one heap: create, take so many blocks, destroy. */
	void (*live)(const unsigned short *sizes, unsigned int count);
	/* A heap of so many blocks, which stays; NULL when none is to be had. */
	void *(*leave)(const unsigned short *sizes, unsigned int count);
};

extern const struct maker maker_ntmem;
extern const struct maker maker_ntmem_unlocked;
extern const struct maker maker_mimalloc;
extern const struct maker maker_malloc;

/* Inlined with the calls of one maker, so that none is by way of a table. */
static inline __attribute__((always_inline)) void
fill(void *heap, void *(*alloc)(void *heap, size_t size),
     const unsigned short *sizes, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		size_t size = sizes[i % SIZES];
		void *block = alloc(heap, size);

		if (!block)
			abort();
		touch(block, size);
	}
}

#endif /* NTMEM_BENCH_HEAP_H */
