/* SPDX-License-Identifier: MIT */
/*
 * What Windows' C run-time has in its <malloc.h>, beside what the system's has.
 *
 * Windows' malloc allocates in the process heap, and _msize, _expand and
 * _recalloc take what malloc has returned. Here they take the blocks of
 * HeapAlloc(GetProcessHeap(), ...) and of each other; what malloc returned only
 * where malloc is this library's, too. Another malloc's block is not known to
 * them: EINVAL.
 *
 * Sizes are in bytes. The functions may be called from any thread. They fail
 * with errno EINVAL for an argument that cannot be (and go on: there is no
 * handler of invalid parameters) and ENOMEM when there is no memory.
 */
#ifndef NTMEM_MALLOC_H
#define NTMEM_MALLOC_H

/* #include_next is not standard C; so that -Wpedantic does not say so. */
#pragma GCC system_header
#include_next <malloc.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

#define _CRTIMP	__attribute__((visibility("default")))

/* The largest size that can be asked for. */
#define _HEAP_MAXREQ	0xFFFFFFFFFFFFFFE0

/* ------------------------------------------------------------------------
 * Blocks of the process heap.
 */

/*
 * _msize - the size of a block, as it was asked for
 * @block: the block; of one that malloc has returned, what can be used of it
 *
 * (size_t)-1 on failure (EINVAL). Microsoft's page: "_msize".
 */
_CRTIMP size_t _msize(void *block);

/*
 * _expand - change the size of a block where it is
 * @block: the block
 * @size: the new size
 *
 * Returns the block; NULL when it would have to move (ENOMEM), and it is as it
 * was. Microsoft's page: "_expand".
 */
_CRTIMP void *_expand(void *block, size_t size);

/*
 * _recalloc - change the size of a block, and clear what is new of it
 * @block: the block; NULL allocates
 * @count, @size: count times size is the new size; 0 frees the block
 *
 * Returns the block, perhaps elsewhere; NULL when it was freed, and on failure
 * (ENOMEM, also when the product is too large), and it is as it was.
 * Microsoft's page: "_recalloc".
 */
_CRTIMP void *_recalloc(void *block, size_t count, size_t size);

/* ------------------------------------------------------------------------
 * Blocks with an alignment of their own. They are freed by _aligned_free, and
 * by nothing else.
 */

/*
 * _aligned_free - free a block of one of the functions below
 * @block: the block, or NULL
 *
 * Microsoft's page: "_aligned_free".
 */
_CRTIMP void _aligned_free(void *block);

/*
 * _aligned_malloc - a block at a multiple of the alignment
 * @size: of the block; 0 gives a block of size 0
 * @alignment: a power of two; less than the size of a pointer counts as that
 *
 * Microsoft's page: "_aligned_malloc".
 */
_CRTIMP void *_aligned_malloc(size_t size, size_t alignment);

/*
 * _aligned_offset_malloc - a block of which an inner point is aligned
 * @size, @alignment: as above
 * @offset: of the point in the block; 0, or less than size
 *
 * Microsoft's page: "_aligned_offset_malloc".
 */
_CRTIMP void *_aligned_offset_malloc(size_t size, size_t alignment,
				     size_t offset);

/*
 * _aligned_realloc - change the size of a block
 * @block: of _aligned_malloc; NULL allocates
 * @size: the new size; 0 frees the block
 * @alignment: as it was
 *
 * Returns the block, perhaps elsewhere; NULL when it was freed, and on failure,
 * and it is as it was. Microsoft's page: "_aligned_realloc".
 */
_CRTIMP void *_aligned_realloc(void *block, size_t size, size_t alignment);

/*
 * _aligned_recalloc - change the size of a block, and clear what is new of it
 * @block, @alignment: as above
 * @count, @size: count times size is the new size
 *
 * Microsoft's page: "_aligned_recalloc".
 */
_CRTIMP void *_aligned_recalloc(void *block, size_t count, size_t size,
				size_t alignment);

/*
 * _aligned_offset_realloc - _aligned_realloc with an offset
 *
 * Microsoft's page: "_aligned_offset_realloc".
 */
_CRTIMP void *_aligned_offset_realloc(void *block, size_t size,
				      size_t alignment, size_t offset);

/*
 * _aligned_offset_recalloc - _aligned_recalloc with an offset
 *
 * Microsoft's page: "_aligned_offset_recalloc".
 */
_CRTIMP void *_aligned_offset_recalloc(void *block, size_t count, size_t size,
				       size_t alignment, size_t offset);

/*
 * _aligned_msize - the size of a block, as it was asked for
 * @block: the block
 * @alignment, @offset: as they were given for it
 *
 * (size_t)-1 on failure (EINVAL). Microsoft's page: "_aligned_msize".
 */
_CRTIMP size_t _aligned_msize(void *block, size_t alignment, size_t offset);

/* ------------------------------------------------------------------------
 * The process heap as a whole.
 */

/* What _heapchk and _heapwalk return. */
#define _HEAPEMPTY	(-1)	/* there is no heap */
#define _HEAPOK		(-2)
#define _HEAPBADBEGIN	(-3)	/* the heap itself is damaged */
#define _HEAPBADNODE	(-4)	/* a block is damaged */
#define _HEAPEND	(-5)	/* the walk has ended */
#define _HEAPBADPTR	(-6)	/* _pentry is not an entry of the heap */

#define _FREEENTRY	0
#define _USEDENTRY	1

typedef struct _heapinfo {
	int *_pentry;		/* NULL begins the walk */
	size_t _size;
	int _useflag;		/* _FREEENTRY or _USEDENTRY */
} _HEAPINFO;

/*
 * _heapchk - whether the heap and all of its blocks are in order
 *
 * Returns _HEAPOK or _HEAPBADNODE. Microsoft's page: "_heapchk".
 */
_CRTIMP int _heapchk(void);

/*
 * _heapmin - give free memory back
 *
 * Returns 0. Microsoft's page: "_heapmin".
 */
_CRTIMP int _heapmin(void);

/*
 * _heapwalk - the next entry of the heap
 * @entry: _pentry NULL for the first entry; filled, and given again for the
 *	next one. No other thread may use the heap meanwhile (see HeapLock).
 *
 * Returns _HEAPOK, _HEAPEND after the last entry, _HEAPBADPTR for a _pentry
 * that is no entry (any more), _HEAPBADNODE for a damaged one. Microsoft's
 * page: "_heapwalk".
 */
_CRTIMP int _heapwalk(_HEAPINFO *entry);

/*
 * _get_heap_handle - GetProcessHeap()
 *
 * Microsoft's page: "_get_heap_handle".
 */
_CRTIMP intptr_t _get_heap_handle(void);

/* ------------------------------------------------------------------------
 * Memory on the stack, if it is little.
 *
 * _malloca(size) - memory that _freea takes back before the function returns
 *
 * Up to 1,024 bytes, 16 for a mark of what it is included, are on the stack,
 * more come from malloc: NULL without memory (ENOMEM). The memory is aligned
 * to 16 bytes, and 0 bytes are some, too. Microsoft's pages: "_malloca",
 * "_freea".
 */
#define _ALLOCA_S_THRESHOLD	1024
#define _ALLOCA_S_STACK_MARKER	0xCCCC
#define _ALLOCA_S_HEAP_MARKER	0xDDDD
#define _ALLOCA_S_MARKER_SIZE	16

#define _alloca(size)	__builtin_alloca(size)

#define _malloca(size)							\
	((size_t)(size) <= _ALLOCA_S_THRESHOLD - _ALLOCA_S_MARKER_SIZE ? \
	 _MarkAllocaS(_alloca((size_t)(size) + _ALLOCA_S_MARKER_SIZE),	\
		      _ALLOCA_S_STACK_MARKER) : _MallocS(size))

static inline void *_MarkAllocaS(void *memory, unsigned int marker)
{
	if (!memory)
		return NULL;
	*(unsigned int *)memory = marker;
	return (char *)memory + _ALLOCA_S_MARKER_SIZE;
}

static inline void *_MallocS(size_t size)
{
	size_t all = size < PTRDIFF_MAX - _ALLOCA_S_MARKER_SIZE ?
		     size + _ALLOCA_S_MARKER_SIZE : PTRDIFF_MAX;

	return _MarkAllocaS(malloc(all), _ALLOCA_S_HEAP_MARKER);
}

/* _freea - free what _malloca returned; NULL does nothing */
static inline void _freea(void *memory)
{
	char *marked = (char *)memory;

	if (!memory)
		return;
	marked -= _ALLOCA_S_MARKER_SIZE;
	if (*(unsigned int *)(void *)marked == _ALLOCA_S_HEAP_MARKER)
		free(marked);	/* NOLINT(clang-analyzer-unix.Malloc) */
}

#ifdef __cplusplus
}
#endif

#endif
