// SPDX-License-Identifier: MIT
/*
 * The heap's own memory. See meta.h. Sizes are rounded up to powers of two;
 * free objects are linked through their first word.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "heap/lock.h"
#include "heap/meta.h"

#define META_CHUNK	((size_t)256 * 1024)
#define META_LEAST	6		/* log2 of the smallest object */
#define META_SIZES	40

static struct {
	struct heap_mutex lock;
	void *free[META_SIZES];		/* by log2 of their size */
	void *kept[META_SIZES];		/* those that come back as they went */
	char *fresh;
	size_t fresh_size;
} meta;

static unsigned int order_of(size_t size)
{
	unsigned int order = META_LEAST;

	while (((size_t)1 << order) < size)
		order++;
	return order;
}

static void *map(size_t size)
{
	int saved_errno = errno;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	errno = saved_errno;
	return p == MAP_FAILED ? NULL : p;
}

/* Never given out before, so it reads zero. */
static void *fresh(size_t size)
{
	void *object;

	if (size >= META_CHUNK)
		return map(size);
	if (meta.fresh_size < size) {
		object = map(META_CHUNK);
		if (!object)
			return NULL;
		/* What is left of the old chunk is lost. */
		meta.fresh = object;
		meta.fresh_size = META_CHUNK;
	}
	object = meta.fresh;
	meta.fresh += size;
	meta.fresh_size -= size;
	return object;
}

static void *take(void **list, unsigned int order, bool *is_fresh)
{
	void *object;

	heap_mutex_take(&meta.lock);
	object = list[order];
	*is_fresh = !object;
	if (object)
		memcpy(&list[order], object, sizeof(void *));
	else
		object = fresh((size_t)1 << order);
	heap_mutex_give(&meta.lock);
	return object;
}

static void give(void **list, unsigned int order, void *object)
{
	heap_mutex_take(&meta.lock);
	memcpy(object, &list[order], sizeof(void *));
	list[order] = object;
	heap_mutex_give(&meta.lock);
}

void *meta_alloc(size_t size)
{
	bool is_fresh;
	void *object = take(meta.free, order_of(size), &is_fresh);

	if (object && !is_fresh)
		memset(object, 0, size);
	return object;
}

void meta_free(void *object, size_t size)
{
	give(meta.free, order_of(size), object);
}

void *meta_alloc_kept(size_t size)
{
	bool is_fresh;
	void *object = take(meta.kept, order_of(size), &is_fresh);

	if (object)
		memset(object, 0, sizeof(void *));
	return object;
}

void meta_free_kept(void *object, size_t size)
{
	give(meta.kept, order_of(size), object);
}
