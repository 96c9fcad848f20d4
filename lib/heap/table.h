/* SPDX-License-Identifier: MIT */
/*
 * The table of slices: from any address to the descriptor of its slice.
 *
 * It covers the 47 bits of user space, as a private read-only mapping that
 * reads zero, of which only the pages for our own slices are made writable. So
 * a lookup is a shift, a mask and an addition, and right for every number: what
 * is not ours has no owner, and the slow path finds kind SPAN_NONE.
 *
 * Where there is no room for that (RLIMIT_AS, valgrind), table.mask is 0: every
 * quick lookup then finds one descriptor without an owner, and the slow path
 * goes by table_find(), through leaves of 1 GiB of address space each.
 */
#ifndef HEAP_TABLE_H
#define HEAP_TABLE_H

#include "heap/types.h"

#define TABLE_BITS	47
#define TABLE_SHIFT	10	/* SLICE_SHIFT less that of sizeof(struct span) */

struct table {
	char *base;
	uintptr_t mask;
};

extern HEAP_HIDDEN struct table table;

_Static_assert(sizeof(struct span) == SLICE >> TABLE_SHIFT, "shift");

/* Its owner field alone may be believed. */
static inline struct span *table_quick(const void *p)
{
	return (struct span *)(table.base +
			       ((uintptr_t)p >> TABLE_SHIFT & table.mask));
}

/* The descriptor, or NULL where nothing can be ours. */
struct span *table_find(const void *p);

/* The descriptors that may be used, by leaves of 1 GiB of address space. */
#define LEAF_SHIFT	14
#define LEAF_SLICES	(1U << LEAF_SHIFT)
#define LEAVES		(1U << (TABLE_BITS - SLICE_SHIFT - LEAF_SHIFT))

extern HEAP_HIDDEN struct span *table_leaves[LEAVES];

/* Of a slice that is known to be ours. */
static inline struct span *table_span(uint32_t slice)
{
	return table_leaves[slice >> LEAF_SHIFT] + slice % LEAF_SLICES;
}

uint32_t table_slice(const struct span *span);

static inline char *slice_base(uint32_t slice)
{
	return (char *)((uintptr_t)slice << SLICE_SHIFT);
}

static inline uint32_t slice_of(const void *p)
{
	return (uintptr_t)p >> SLICE_SHIFT;
}

static inline char *span_base(const struct span *span)
{
	return slice_base(table_slice(span));
}

/*
 * Makes the descriptors of slices writable, for good. They must not cross a
 * multiple of 1 GiB. 0 or -ENOMEM.
 */
int table_cover(uint32_t slice, uint32_t count);

/* Once, before anything else here; table_find() is right before, too. */
void table_init(void);

#endif
