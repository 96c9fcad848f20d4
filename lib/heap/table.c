// SPDX-License-Identifier: MIT
/*
 * The table of slices. See table.h.
 */
#include <errno.h>
#include <sys/mman.h>

#include "heap/table.h"

#define LEAF_BYTES	(LEAF_SLICES * sizeof(struct span))

/* What every quick lookup finds where there is no table; never written. */
static const struct span nothing;

struct table table = { .base = (char *)&nothing };

/* They lead into the one table, or each to memory of its own. */
struct span *table_leaves[LEAVES];
static struct heap_mutex table_lock;
/* Which leaves there are: few, where it matters. */
static uint32_t leaf_numbers[LEAVES];
static uint32_t leaf_count;

static void *map(size_t size, int prot)
{
	void *p = mmap(NULL, size, prot,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, size, MADV_NOHUGEPAGE);
	return p;
}

void table_init(void)
{
	size_t size = sizeof(struct span) << (TABLE_BITS - SLICE_SHIFT);
	int saved_errno = errno;
	char *base = map(size, PROT_READ);

	if (base) {
		madvise(base, size, MADV_DONTDUMP);
		table.base = base;
		table.mask = size - sizeof(struct span);
	}
	errno = saved_errno;
}

static struct span *leaf_of(uint32_t slice)
{
	if (slice >> LEAF_SHIFT >= LEAVES)
		return NULL;
	return __atomic_load_n(&table_leaves[slice >> LEAF_SHIFT], __ATOMIC_ACQUIRE);
}

struct span *table_find(const void *p)
{
	struct span *leaf;

	if ((uintptr_t)p >> TABLE_BITS)
		return NULL;
	leaf = leaf_of(slice_of(p));
	return leaf ? leaf + slice_of(p) % LEAF_SLICES : NULL;
}

uint32_t table_slice(const struct span *span)
{
	uint32_t count = __atomic_load_n(&leaf_count, __ATOMIC_ACQUIRE), i;

	if (table.mask)
		return ((char *)span - table.base) / sizeof(*span);
	for (i = 0; i < count; i++) {
		struct span *leaf = table_leaves[leaf_numbers[i]];

		if ((uintptr_t)span - (uintptr_t)leaf < LEAF_BYTES)
			return (leaf_numbers[i] << LEAF_SHIFT) + (span - leaf);
	}
	return 0;
}

/* The leaf for a slice, made where there is none. */
static struct span *leaf_get(uint32_t slice)
{
	uint32_t number = slice >> LEAF_SHIFT;
	struct span *leaf = table_leaves[number];

	if (leaf)
		return leaf;
	if (table.mask)
		leaf = (struct span *)table.base + (number << LEAF_SHIFT);
	else
		leaf = map(LEAF_BYTES, PROT_READ | PROT_WRITE);
	if (!leaf)
		return NULL;
	__atomic_store_n(&table_leaves[number], leaf, __ATOMIC_RELEASE);
	leaf_numbers[leaf_count] = number;
	__atomic_store_n(&leaf_count, leaf_count + 1, __ATOMIC_RELEASE);
	return leaf;
}

static int make_writable(struct span *span, uint32_t count)
{
	uintptr_t start = (uintptr_t)span & ~(PAGE_BYTES - 1);
	uintptr_t end = (uintptr_t)(span + count);

	if (!table.mask)
		return 0;
	return mprotect((void *)start, end - start, PROT_READ | PROT_WRITE) ?
	       -ENOMEM : 0;
}

int table_cover(uint32_t slice, uint32_t count)
{
	int saved_errno = errno, error = -ENOMEM;
	struct span *leaf;

	heap_mutex_take(&table_lock);
	leaf = leaf_get(slice);
	if (leaf)
		error = make_writable(leaf + slice % LEAF_SLICES, count);
	heap_mutex_give(&table_lock);
	errno = saved_errno;
	return error;
}
