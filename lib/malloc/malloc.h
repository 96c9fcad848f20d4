/* SPDX-License-Identifier: MIT */
/*
 * What libntmem-malloc.so puts in the place of the C library's: declared here,
 * since <malloc.h> and <stdlib.h> do not declare all of it.
 */
#ifndef MALLOC_MALLOC_H
#define MALLOC_MALLOC_H

#include <stddef.h>

#define MALLOC_API	__attribute__((visibility("default")))

MALLOC_API void *malloc(size_t size);
MALLOC_API void free(void *p);
MALLOC_API void *calloc(size_t count, size_t size);
MALLOC_API void *realloc(void *p, size_t size);
MALLOC_API void *reallocarray(void *p, size_t count, size_t size);
MALLOC_API size_t malloc_usable_size(void *p);
MALLOC_API void free_sized(void *p, size_t size);
MALLOC_API void free_aligned_sized(void *p, size_t align, size_t size);
MALLOC_API void *aligned_alloc(size_t align, size_t size);
MALLOC_API void *memalign(size_t align, size_t size);
MALLOC_API int posix_memalign(void **block, size_t align, size_t size);
MALLOC_API void *valloc(size_t size);
MALLOC_API void *pvalloc(size_t size);

/* The same without the C library's names, for operator new and delete. */
void *ntmem_malloc(size_t size);
void ntmem_free(void *p);
void *ntmem_aligned(size_t align, size_t size);

#endif
