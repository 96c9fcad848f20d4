// SPDX-License-Identifier: MIT
/*
 * The _aligned functions: blocks inside blocks of the process heap.
 *
 * The outer block's address is kept below the inner one, in the last place
 * there that is aligned for it. Between the two, and behind the inner block,
 * lie as many bytes as make any start of the outer block do.
 */
#include <stdint.h>
#include <string.h>

#include "compat/crt.h"

/* How an inner block lies: block + offset is a multiple of alignment. */
struct layout {
	size_t alignment;
	size_t offset;
	size_t gap;		/* between the kept address and the block */
	size_t extra;		/* outer size without the inner one */
};

static bool layout_init(struct layout *layout, size_t alignment, size_t offset)
{
	if (alignment & (alignment - 1)) {
		errno = EINVAL;
		return false;
	}
	if (alignment < sizeof(void *))
		alignment = sizeof(void *);
	layout->alignment = alignment;
	layout->offset = offset;
	layout->gap = -offset % sizeof(void *);
	layout->extra = sizeof(void *) + layout->gap + alignment - 1;
	return true;
}

static void **outer_of(void *block)
{
	uintptr_t place = (uintptr_t)block & ~(sizeof(void *) - 1);

	return (void **)place - 1;
}

static bool lies_so(const struct layout *layout, const void *block)
{
	return !(((uintptr_t)block + layout->offset) &
		 (layout->alignment - 1));
}

static void *place_in(const struct layout *layout, char *outer)
{
	uintptr_t point = (uintptr_t)outer + sizeof(void *) + layout->gap +
			  layout->offset + layout->alignment - 1;
	void *block = (void *)((point & ~(layout->alignment - 1)) -
			       layout->offset);

	*outer_of(block) = outer;
	return block;
}

static void *allocate(const struct layout *layout, size_t size)
{
	char *outer;

	if (size > _HEAP_MAXREQ || layout->extra > _HEAP_MAXREQ - size)
		return crt_refuse(ENOMEM);
	outer = crt_alloc(size + layout->extra, 0);
	return outer ? place_in(layout, outer) : NULL;
}

/* The size that was asked for, or (size_t)-1. */
static size_t inner_size(const struct layout *layout, void *block)
{
	size_t size = HeapSize(GetProcessHeap(), 0, *outer_of(block));

	if (size != (size_t)-1 && size >= layout->extra)
		return size - layout->extra;
	errno = EINVAL;
	return (size_t)-1;
}

static void *move(const struct layout *layout, void *block, size_t old_size,
		  size_t size)
{
	void *moved = allocate(layout, size);

	if (moved) {
		memcpy(moved, block, old_size < size ? old_size : size);
		_aligned_free(block);
	}
	return moved;
}

/* Grows the outer block where it is; the inner one lies in it as before. */
static bool resize_in_place(const struct layout *layout, void *block,
			    size_t size)
{
	return lies_so(layout, block) &&
	       size <= _HEAP_MAXREQ - layout->extra &&
	       HeapReAlloc(GetProcessHeap(), HEAP_REALLOC_IN_PLACE_ONLY,
			   *outer_of(block), size + layout->extra);
}

static void *reallocate(const struct layout *layout, void *block, size_t size,
			bool clear)
{
	size_t old_size = inner_size(layout, block);

	if (old_size == (size_t)-1)
		return NULL;
	if (!resize_in_place(layout, block, size))
		block = move(layout, block, old_size, size);
	if (block && clear && size > old_size)
		memset((char *)block + old_size, 0, size - old_size);
	return block;
}

/* ------------------------------------------------------- the functions --- */

void _aligned_free(void *block)
{
	if (block)
		HeapFree(GetProcessHeap(), 0, *outer_of(block));
}

void *_aligned_offset_malloc(size_t size, size_t alignment, size_t offset)
{
	struct layout layout;

	if (offset && offset >= size)
		return crt_refuse(EINVAL);
	if (!layout_init(&layout, alignment, offset))
		return NULL;
	return allocate(&layout, size);
}

static void *offset_realloc(void *block, size_t size, size_t alignment,
			    size_t offset, bool clear)
{
	struct layout layout;

	if (block && !size) {
		_aligned_free(block);
		return NULL;
	}
	if (offset && offset >= size)
		return crt_refuse(EINVAL);
	if (!layout_init(&layout, alignment, offset))
		return NULL;
	if (block)
		return reallocate(&layout, block, size, clear);
	block = allocate(&layout, size);
	if (block && clear)
		memset(block, 0, size);
	return block;
}

void *_aligned_offset_realloc(void *block, size_t size, size_t alignment,
			      size_t offset)
{
	return offset_realloc(block, size, alignment, offset, false);
}

void *_aligned_offset_recalloc(void *block, size_t count, size_t size,
			       size_t alignment, size_t offset)
{
	if (__builtin_mul_overflow(count, size, &size))
		return crt_refuse(ENOMEM);
	return offset_realloc(block, size, alignment, offset, true);
}

void *_aligned_malloc(size_t size, size_t alignment)
{
	return _aligned_offset_malloc(size, alignment, 0);
}

void *_aligned_realloc(void *block, size_t size, size_t alignment)
{
	return _aligned_offset_realloc(block, size, alignment, 0);
}

void *_aligned_recalloc(void *block, size_t count, size_t size,
			size_t alignment)
{
	return _aligned_offset_recalloc(block, count, size, alignment, 0);
}

size_t _aligned_msize(void *block, size_t alignment, size_t offset)
{
	struct layout layout;

	if (!block) {
		errno = EINVAL;
		return (size_t)-1;
	}
	if (!layout_init(&layout, alignment, offset))
		return (size_t)-1;
	return inner_size(&layout, block);
}
