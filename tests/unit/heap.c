// SPDX-License-Identifier: MIT
/*
 * Blocks with a known content, and walks. See heap.h.
 */
#include "heap.h"

HANDLE make_heap(DWORD options, SIZE_T maximum)
{
	HANDLE heap;

	assert_ok(heap = HeapCreate(options, 0, maximum));
	return heap;
}

void destroy(HANDLE heap)
{
	assert_ok(HeapDestroy(heap));
}

static unsigned char pattern(SIZE_T at, unsigned int seed)
{
	return (unsigned char)(seed * 31 + at * 7 + (at >> 8) + 1);
}

void fill(void *block, SIZE_T from, SIZE_T to, unsigned int seed)
{
	unsigned char *bytes = block;

	for (; from < to; from++)
		bytes[from] = pattern(from, seed);
}

bool is_filled(const void *block, SIZE_T from, SIZE_T to, unsigned int seed)
{
	const unsigned char *bytes = block;

	while (from < to && bytes[from] == pattern(from, seed))
		from++;
	return from >= to;
}

bool is_zero(const void *block, SIZE_T from, SIZE_T to)
{
	const unsigned char *bytes = block;

	while (from < to && !bytes[from])
		from++;
	return from >= to;
}

unsigned char *make_block(HANDLE heap, SIZE_T size, unsigned int seed)
{
	unsigned char *block;

	assert_ok(block = HeapAlloc(heap, 0, size));
	ck_assert_uint_eq((uintptr_t)block % 16, 0);
	ck_assert_uint_eq(HeapSize(heap, 0, block), size);
	fill(block, 0, size, seed);
	return block;
}

void free_block(HANDLE heap, void *block)
{
	assert_ok(HeapFree(heap, 0, block));
}

unsigned int scaled(unsigned int rounds)
{
	return under_valgrind() || UNDER_TSAN || on_debug_kernel() ?
	       rounds / 10 : rounds;
}

SIZE_T unknown(SIZE_T size)
{
	volatile SIZE_T it = size;

	return it;
}

/* --------------------------------------------------------------- walks --- */

/* Where a walk is: the region, and the end of the last entry in it. */
struct place {
	const char *low;
	const char *high;
	const char *end;
};

static void check_region(const PROCESS_HEAP_ENTRY *entry, struct place *place)
{
	place->low = entry->lpData;
	place->high = place->low + entry->Region.dwCommittedSize +
		      entry->Region.dwUnCommittedSize;
	place->end = place->low;
	ck_assert(entry->Region.dwCommittedSize > 0);
	ck_assert((char *)entry->Region.lpFirstBlock >= place->low);
	ck_assert((char *)entry->Region.lpLastBlock <= place->high);
}

/* A block on its own lies in no region. */
static void check_entry(const PROCESS_HEAP_ENTRY *entry, struct place *place)
{
	const char *data = entry->lpData;

	if (data < place->low || data >= place->high)
		return;
	ck_assert(data >= place->end);
	place->end = data + entry->cbData;
	ck_assert(place->end <= place->high);
}

unsigned int walk(HANDLE heap, SIZE_T *bytes)
{
	PROCESS_HEAP_ENTRY entry = { .lpData = NULL };
	struct place place = { NULL, NULL, NULL };
	unsigned int nr = 0;

	*bytes = 0;
	SetLastError(UNTOUCHED);
	while (HeapWalk(heap, &entry)) {
		if (entry.wFlags & PROCESS_HEAP_REGION)
			check_region(&entry, &place);
		else
			check_entry(&entry, &place);
		if (entry.wFlags & PROCESS_HEAP_ENTRY_BUSY) {
			nr++;
			*bytes += HeapSize(heap, 0, entry.lpData);
			ck_assert_uint_eq(entry.cbData,
					  HeapSize(heap, 0, entry.lpData));
		}
	}
	ck_assert_uint_eq(GetLastError(), ERROR_NO_MORE_ITEMS);
	return nr;
}

unsigned int times_in_walk(HANDLE heap, const void *block, SIZE_T size)
{
	PROCESS_HEAP_ENTRY entry = { .lpData = NULL };
	unsigned int nr = 0;

	while (HeapWalk(heap, &entry))
		if (entry.lpData == block && entry.cbData == size &&
		    (entry.wFlags & PROCESS_HEAP_ENTRY_BUSY))
			nr++;
	return nr;
}
