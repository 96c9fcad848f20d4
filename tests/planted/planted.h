/* SPDX-License-Identifier: MIT */
/*
 * Planted bugs: programs that do one thing wrong each, and the allocators that
 * are to notice.
 */
#ifndef PLANTED_H
#define PLANTED_H

#include <stdbool.h>
#include <stddef.h>

#define COUNT(array)	((int)(sizeof(array) / sizeof((array)[0])))
#define SIZES		5

/* The calls that the bugs are made with: C's, or Windows' on one heap. */
struct calls {
	void *(*alloc)(size_t size);
	void (*free)(void *p);
	void *(*realloc)(void *p, size_t size);
};

extern const struct calls malloc_calls, heap_calls;

/* What is asked of an allocator; the first ones are of struct bug. */
enum least { MALLOC, MALLOC_FILL, HEAP, HEAP_FILL, EVERYTHING, NOTHING };

/* A kind of bug, tried with a block of each of the sizes. */
struct bug {
	const char *name;
	void (*act)(const struct calls *calls, size_t size);
	bool heaps_only;	/* needs more heaps than C has */
	/* Of how many sizes ntmem notices it, unless told to look for all. */
	int least[4];
};

extern const struct bug bugs[];
extern const int bug_count;
extern const size_t bug_sizes[SIZES];

/* Windows' functions, where the allocator has them. */
bool heap_is_there(void);
/* Ends the process as who has noticed something. */
void heap_validate_all(void);
void *heap_new(void);
void *heap_of_calls(void);
void heap_destroy(void *heap);
void *heap_alloc(void *heap, size_t size);
bool heap_free(void *heap, void *p);

/* What the process ends with when a call refused, or a look found the bug. */
#define NOTICED		3

#endif
