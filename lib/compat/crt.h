/* SPDX-License-Identifier: MIT */
/*
 * What the functions of Windows' C run-time share: its way of failing.
 */
#ifndef NTMEM_COMPAT_CRT_H
#define NTMEM_COMPAT_CRT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "compat/newhandler.h"
#include "ntmem/heapapi.h"
#include "ntmem/malloc.h"

/* Sets errno; returns NULL. */
static inline void *crt_refuse(int error)
{
	errno = error;
	return NULL;
}

/* The block that an allocation has returned; without one errno is set. */
static inline void *crt_block(void *block)
{
	return block ? block : crt_refuse(ENOMEM);
}

/* As malloc would: the new handler may be asked. heap_flags are HEAP_*. */
static inline void *crt_alloc(size_t size, DWORD heap_flags)
{
	void *block;

	do
		block = HeapAlloc(GetProcessHeap(), heap_flags, size);
	while (!block && ntmem_malloc_retries(size));
	return crt_block(block);
}

static inline void *crt_realloc(void *block, size_t size, DWORD heap_flags)
{
	void *moved;

	do
		moved = HeapReAlloc(GetProcessHeap(), heap_flags, block, size);
	while (!moved && ntmem_malloc_retries(size));
	return crt_block(moved);
}

#endif
