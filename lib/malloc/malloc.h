/* SPDX-License-Identifier: MIT */
/*
 * What libntmem-malloc.so puts in the place of the C library's: declared here,
 * since <malloc.h> and <stdlib.h> do not declare all of it, and none of it to
 * be seen from outside.
 */
#ifndef MALLOC_MALLOC_H
#define MALLOC_MALLOC_H

#include <stddef.h>

#define MALLOC_API	__attribute__((visibility("default")))

/* NOLINTBEGIN(readability-redundant-declaration) */
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
/* NOLINTEND(readability-redundant-declaration) */

/* As in glibc's <malloc.h>. */
struct mallinfo2 {
	size_t arena, ordblks, smblks, hblks, hblkhd;
	size_t usmblks, fsmblks, uordblks, fordblks, keepcost;
};

struct mallinfo {
	int arena, ordblks, smblks, hblks, hblkhd;
	int usmblks, fsmblks, uordblks, fordblks, keepcost;
};

/* Parameters of mallopt(). */
#define M_MXFAST		1
#define M_MXFAST_MOST		(80 * (int)sizeof(size_t) / 4)
#define M_TRIM_THRESHOLD	(-1)
#define M_TOP_PAD		(-2)
#define M_MMAP_THRESHOLD	(-3)
#define M_MMAP_MAX		(-4)
#define M_CHECK_ACTION		(-5)
#define M_PERTURB		(-6)
#define M_ARENA_TEST		(-7)
#define M_ARENA_MAX		(-8)

struct _IO_FILE;

MALLOC_API struct mallinfo2 mallinfo2(void);
MALLOC_API struct mallinfo mallinfo(void);
MALLOC_API int malloc_info(int options, struct _IO_FILE *file);
MALLOC_API void malloc_stats(void);
MALLOC_API int malloc_trim(size_t pad);
MALLOC_API int mallopt(int parameter, int value);

/* The same without the C library's names, for operator new and delete. */
void *ntmem_malloc(size_t size);
void ntmem_free(void *p);
void *ntmem_aligned(size_t align, size_t size);

#endif
