// SPDX-License-Identifier: MIT
/* No heap, for comparison: malloc, and a free of each block. */
#include "heap.h"

#define MOST	10000

static void *blocks[MOST];

static bool is_there(void)
{
	return true;
}

static void live(const unsigned short *sizes, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		blocks[i] = take(sizes[i % SIZES]);
	for (unsigned int i = 0; i < count; i++)
		free(blocks[i]);
}

static void *leave(const unsigned short *sizes, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		blocks[i] = take(sizes[i % SIZES]);
	return blocks;
}

const struct maker maker_malloc = { "malloc", is_there, live, leave };
