/* SPDX-License-Identifier: MIT */
/*
 * A pool of small objects on memory of its own: what the library allocates
 * for itself comes from here, since malloc will stand on the library.
 *
 * Its owner's lock guards it. Memory that the pool took is kept for good and
 * reused, so a stale pointer into it never faults.
 */
#ifndef NTMEM_POOL_H
#define NTMEM_POOL_H

#include <stddef.h>

#define NTMEM_POOL_UNIT		16
#define NTMEM_POOL_MAX		512	/* largest object, bytes */
#define NTMEM_POOL_CLASSES	(NTMEM_POOL_MAX / NTMEM_POOL_UNIT + 1)

struct ntmem_pool {
	void *free[NTMEM_POOL_CLASSES];	/* freed objects, by size in units */
	char *fresh;			/* memory never given out yet */
	size_t fresh_size;
};

/* Zeroed memory for an object of size bytes, or NULL. */
void *ntmem_pool_alloc(struct ntmem_pool *pool, size_t size);

/* Takes back an object of the same size as it was allocated with. */
void ntmem_pool_free(struct ntmem_pool *pool, void *object, size_t size);

#endif
