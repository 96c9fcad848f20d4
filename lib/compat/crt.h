/* SPDX-License-Identifier: MIT */
/*
 * What the functions of Windows' C run-time share: its way of failing.
 */
#ifndef NTMEM_COMPAT_CRT_H
#define NTMEM_COMPAT_CRT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

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

#endif
