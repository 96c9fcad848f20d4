/* SPDX-License-Identifier: MIT */
/*
 * A region: blocks of any size in one reservation of a fixed size. A heap that
 * HeapCreate was given a maximum for lives in one.
 *
 * Blocks lie side by side in granules of 16 bytes, with nothing between them:
 * all that is known of them lies elsewhere, in a mapping of its own between
 * two guard pages, and takes a fifteenth of the memory in use. So a program
 * that writes past a block hits its neighbour, never the region's own data;
 * what is free holds no links; and any pointer is told to be a block, free
 * memory or neither, for sure.
 *
 * A block is put into the first hole that it fits, which the index finds in
 * logarithmic time and which leaves the end of the region free. Holes that
 * meet are one at once. Pages are committed as blocks reach them, a few ahead,
 * and decommitted when too many are free.
 *
 * The caller holds the heap's lock over each call. Nothing here allocates
 * through malloc, and no call that fails changes anything.
 */
#ifndef NTMEM_HEAP_REGION_H
#define NTMEM_HEAP_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_REGION_GRANULE	16

struct heap_region;

/*
 * Reserves maximum bytes and commits the first initial of them, at least one
 * page; both are rounded up to pages, and initial down to maximum. prot is that
 * of the pages: NTMEM_PAGE_READWRITE or NTMEM_PAGE_EXECUTE_READWRITE. NULL when
 * there is no memory, no address space, or maximum is 0.
 */
struct heap_region *heap_region_create(size_t maximum, size_t initial,
				       uint32_t prot);
void heap_region_destroy(struct heap_region *region);

/*
 * A block of size bytes, which may be 0, at a multiple of align: a power of
 * two, or 0 for 16. Its content is zero where asked for, else unspecified. NULL
 * when there is no room, or no page to be had.
 */
void *heap_region_alloc(struct heap_region *region, size_t size, size_t align,
			bool zero);

/*
 * 0; or -EALREADY when block points into free memory, as one does that was
 * freed and not used again; or -EINVAL when it is no block here otherwise.
 */
int heap_region_free(struct heap_region *region, void *block);

/*
 * Makes the block this large, where it is. With zero the bytes that are new
 * are zero. -ENOSPC when what lies behind is in use or the end, -ENOMEM when no
 * page is to be had, -EINVAL as heap_region_free(), for free memory too.
 */
int heap_region_resize(struct heap_region *region, void *block, size_t size,
		       bool zero);

/* The size that was asked for; (size_t)-1 when this is no block here. */
size_t heap_region_size(const struct heap_region *region, const void *block);

/* Does this point into the reservation? Anywhere: it need not be a block. */
bool heap_region_contains(const struct heap_region *region, const void *p);

char *heap_region_base(const struct heap_region *region);

/* Bytes of the reservation. */
size_t heap_region_reserved(const struct heap_region *region);

/* Decommits all pages that are free, however few. */
void heap_region_trim(struct heap_region *region);

/* ------------------------------------------------------------------------ */

enum heap_region_state {
	HEAP_REGION_BUSY,
	HEAP_REGION_FREE,
	HEAP_REGION_UNCOMMITTED,
};

/* The next one begins at addr + size + overhead. */
struct heap_region_entry {
	char *addr;
	size_t size;		/* of a block, what was asked for */
	size_t overhead;	/* of a block, the rest of its granules: 0 to 16 */
	enum heap_region_state state;
};

/*
 * Steps through all that the reservation consists of, in the order of
 * addresses. Begin with addr NULL; false at the end, and for an entry that
 * leads to where nothing begins. Nothing is kept besides the entry, and only
 * its address and lengths are read, so that the region may change in between.
 */
bool heap_region_next(const struct heap_region *region,
		      struct heap_region_entry *entry);

/* Is this a block? With NULL: is everything that the region knows in order? */
bool heap_region_validate(const struct heap_region *region, const void *block);

struct heap_region_stats {
	size_t reserved;
	size_t committed;
	size_t allocated;	/* bytes, as asked for */
	size_t largest_free;	/* bytes of the longest committed free run */
};

/* Takes as long as a walk. */
void heap_region_stats(const struct heap_region *region,
		       struct heap_region_stats *stats);

#endif
