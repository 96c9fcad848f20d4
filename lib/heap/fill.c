// SPDX-License-Identifier: MIT
/*
 * Patterns in and around blocks. See fill.h.
 */
#include "heap/check.h"
#include "heap/fill.h"
#include "heap/poison.h"

#define TAIL	0xab
#define NEW	0xbaadf00d
#define FREED	0xfeeefeee

bool heap_fills_tail, heap_fills_free;

void fill_init(void)
{
	bool both = check_is_wanted("fill");

	heap_fills_tail = both || check_is_wanted("tail");
	heap_fills_free = both || check_is_wanted("free");
}

/* As Windows does it, a last word that is not whole is not filled. */
static HEAP_PEEKS void fill(char *p, size_t size, uint32_t word)
{
	size_t i;

	for (i = 0; i + sizeof(word) <= size; i += sizeof(word))
		memcpy(p + i, &word, sizeof(word));
}

HEAP_PEEKS void fill_set_tail(void *p, size_t size)
{
	memset((char *)p + size, TAIL, FILL_TAIL);
}

HEAP_PEEKS bool fill_tail_is_whole(const void *p, size_t size)
{
	const unsigned char *tail = (const unsigned char *)p + size;
	int i;

	for (i = 0; i < FILL_TAIL; i++)
		if (tail[i] != TAIL)
			return false;
	return true;
}

void fill_new(void *p, size_t size)
{
	fill(p, size, NEW);
}

/* A free block's first 16 bytes are its link. */
static size_t filled_bytes(size_t block_size)
{
	return block_size - sizeof(struct block);
}

void fill_freed(void *p, size_t block_size)
{
	fill((char *)p + sizeof(struct block), filled_bytes(block_size),
	     FREED);
}

HEAP_PEEKS bool fill_freed_is_whole(const void *p, size_t block_size)
{
	const char *from = (const char *)p + sizeof(struct block);
	uint32_t word;
	size_t i;

	for (i = 0; i < filled_bytes(block_size); i += sizeof(word)) {
		memcpy(&word, from + i, sizeof(word));
		if (word != FREED)
			return false;
	}
	return true;
}
