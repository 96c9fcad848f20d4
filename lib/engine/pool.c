// SPDX-License-Identifier: MIT
/*
 * The pool: free lists by size over chunks from mmap. See pool.h.
 */
#include <string.h>
#include <sys/mman.h>

#include "engine/pool.h"

#define POOL_CHUNK	(64 * 1024)

static size_t class_of(size_t size)
{
	return (size + NTMEM_POOL_UNIT - 1) / NTMEM_POOL_UNIT;
}

static int pool_grow(struct ntmem_pool *pool)
{
	void *chunk = mmap(NULL, POOL_CHUNK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (chunk == MAP_FAILED)
		return -1;
	/* What is left of the old chunk is smaller than one object: lost. */
	pool->fresh = chunk;
	pool->fresh_size = POOL_CHUNK;
	return 0;
}

void *ntmem_pool_alloc(struct ntmem_pool *pool, size_t size)
{
	size_t class = class_of(size);
	size_t bytes = class * NTMEM_POOL_UNIT;
	void *object = pool->free[class];

	if (object) {
		memcpy(&pool->free[class], object, sizeof(void *));
		return memset(object, 0, bytes);
	}
	if (pool->fresh_size < bytes && pool_grow(pool))
		return NULL;
	object = pool->fresh;
	pool->fresh += bytes;
	pool->fresh_size -= bytes;
	return object;
}

void ntmem_pool_free(struct ntmem_pool *pool, void *object, size_t size)
{
	size_t class = class_of(size);

	memcpy(object, &pool->free[class], sizeof(void *));
	pool->free[class] = object;
}
