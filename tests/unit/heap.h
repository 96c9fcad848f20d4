/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the heap share: blocks with a known content, walks.
 */
#ifndef UNIT_HEAP_H
#define UNIT_HEAP_H

#include "unit.h"

#define KIB	1024UL
#define MIB	(1024UL * 1024)

/* A heap with these options; maximum 0 for one that grows. */
HANDLE make_heap(DWORD options, SIZE_T maximum);
void destroy(HANDLE heap);

/* A block, aligned and of just this size, that holds its seed's pattern. */
unsigned char *make_block(HANDLE heap, SIZE_T size, unsigned int seed);
void free_block(HANDLE heap, void *block);

/* The pattern, from one offset to another. */
void fill(void *block, SIZE_T from, SIZE_T to, unsigned int seed);
bool is_filled(const void *block, SIZE_T from, SIZE_T to, unsigned int seed);
bool is_zero(const void *block, SIZE_T from, SIZE_T to);

/*
 * Walks a heap and checks each entry: sizes, regions, the order of addresses.
 * Returns the number of blocks, and their bytes.
 */
unsigned int walk(HANDLE heap, SIZE_T *bytes);

/* How often an allocated block of this address and size is in the heap. */
unsigned int times_in_walk(HANDLE heap, const void *block, SIZE_T size);

/* Fewer rounds where all is played slowly. */
unsigned int scaled(unsigned int rounds);

/* A size that the compiler does not know, so that it need not warn. */
SIZE_T unknown(SIZE_T size);

#endif
