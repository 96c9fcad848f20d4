// SPDX-License-Identifier: MIT
/*
 * _msize, _expand and _recalloc: the C run-time's view of blocks of the
 * process heap.
 */
#include "compat/crt.h"

static bool is_block(void *block)
{
	return block && HeapSize(GetProcessHeap(), 0, block) != (SIZE_T)-1;
}

size_t _msize(void *block)
{
	if (is_block(block))
		return HeapSize(GetProcessHeap(), 0, block);
	errno = EINVAL;
	return (size_t)-1;
}

void *_expand(void *block, size_t size)
{
	if (!is_block(block))
		return crt_refuse(EINVAL);
	return crt_block(HeapReAlloc(GetProcessHeap(),
				     HEAP_REALLOC_IN_PLACE_ONLY, block, size));
}

void *_recalloc(void *block, size_t count, size_t size)
{
	if (__builtin_mul_overflow(count, size, &size))
		return crt_refuse(ENOMEM);
	if (!block)
		return crt_alloc(size, HEAP_ZERO_MEMORY);
	if (!is_block(block))
		return crt_refuse(EINVAL);
	if (size)
		return crt_realloc(block, size, HEAP_ZERO_MEMORY);
	HeapFree(GetProcessHeap(), 0, block);
	return NULL;
}
