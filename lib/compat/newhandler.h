/* SPDX-License-Identifier: MIT */
/*
 * Asking the new handler: only where an allocation has failed, so that nothing
 * else is the slower for it. No lock is held, and nobody inside a heap.
 */
#ifndef NTMEM_COMPAT_NEWHANDLER_H
#define NTMEM_COMPAT_NEWHANDLER_H

#include <stdbool.h>
#include <stddef.h>

/* Is there one? */
bool ntmem_has_new_handler(void);

/* For operator new. False when there is none, or it gives up. */
bool ntmem_new_handler_retries(size_t size);

/* For malloc: false, too, when it does not want that. */
bool ntmem_malloc_retries(size_t size);

#endif
