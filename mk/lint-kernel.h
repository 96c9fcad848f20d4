/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What gcc's analyzer cannot know of the kernel: which function frees what
 * another one allocates. Included before each file of the module by mk/lint.
 * Not alloc_pages(): of a block that is split it believes that it leaks.
 */
#include <linux/slab.h>

#define FREED_BY(...) __attribute__((__malloc__(__VA_ARGS__)))

void *__kmalloc_noprof(size_t size, gfp_t flags) FREED_BY(kfree, 1);
void *__kmalloc_cache_noprof(struct kmem_cache *cache, gfp_t flags, size_t size)
	FREED_BY(kfree, 1);
void *__kmalloc_large_noprof(size_t size, gfp_t flags) FREED_BY(kfree, 1);
void *kmem_cache_alloc_noprof(struct kmem_cache *cache, gfp_t flags)
	FREED_BY(kmem_cache_free, 2);
