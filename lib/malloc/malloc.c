// SPDX-License-Identifier: MIT
/*
 * malloc, free and their nearest relatives, over the process's heap. The fast
 * paths stand here whole; everything else is in lib/heap/.
 *
 * ISO C, POSIX and glibc's manual are followed where they differ from
 * Windows: malloc(0) is a block, free(NULL) nothing, errno says ENOMEM. Those
 * that Windows has, too, ask its new handler if that was chosen (ntmem/new.h).
 */
#include <errno.h>
#include <string.h>

#include "compat/newhandler.h"
#include "heap/fast.h"
#include "heap/heap.h"
#include "malloc/malloc.h"

/* No object is larger: differences of pointers must fit. */
#define MOST	((size_t)PTRDIFF_MAX)

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

__attribute__((noinline)) static void *alloc_slow(size_t size, bool zero)
{
	void *p;

	do
		p = size <= MOST ? heap_alloc(&heap_malloc, size, zero) : NULL;
	while (unlikely(!p) && ntmem_malloc_retries(size));
	return p ? p : no_memory();
}

__attribute__((noinline)) static void *alloc_larger(size_t size)
{
	void *p = NULL;

	inside_begin();
	if (likely(size <= RUN_MAX))
		p = fast_pop_larger(malloc_view(), size);
	inside_end();
	return likely(p) ? p : alloc_slow(size, false);
}

static inline void *alloc_fast(size_t size)
{
	struct shard *shard;
	void *p;

	inside_begin();
	shard = malloc_view();
	p = fast_pop(shard->current[(size + GRAIN - 1) / GRAIN]);
	inside_end();
	return p;
}

void *malloc(size_t size)
{
	void *p;

	if (likely(size <= STEP_MAX)) {
		p = alloc_fast(size);
		return likely(p) ? p : alloc_slow(size, false);
	}
	return alloc_larger(size);
}

/* Apart, so that what is quick need not save registers for it. */
__attribute__((noinline))
static void free_slow(struct span *span, void *p, enum fast_push pushed)
{
	if (pushed == PUSH_LOW)
		heap_span_low(span_shard(span), span);
	else if (p && !heap_free_to_others(&heap_malloc, span, p))
		heap_free(&heap_malloc, p, "free");
}

/* Called inside, which it leaves. */
__attribute__((noinline))
static void free_larger(struct span *span, void *p, enum fast_push pushed)
{
	if (pushed == PUSH_MISSED)
		pushed = fast_push_larger(malloc_view(), &span, p);
	inside_end();
	if (unlikely(pushed != PUSH_DONE))
		free_slow(span, p, pushed);
}

void free(void *p)
{
	struct span *span = table_quick(p);
	enum fast_push pushed;

	inside_begin();
	pushed = fast_push(malloc_view(), span, p);
	if (likely(pushed == PUSH_DONE)) {
		inside_end();
		return;
	}
	free_larger(span, p, pushed);
}

void *calloc(size_t count, size_t size)
{
	size_t bytes;
	void *p;

	if (unlikely(__builtin_mul_overflow(count, size, &bytes)))
		return no_memory();
	if (likely(bytes <= STEP_MAX)) {
		p = alloc_fast(bytes);
		if (likely(p))
			return memset(p, 0, bytes);
	}
	return alloc_slow(bytes, true);
}

/* A run that is growing may have much more room than it needs yet. */
static bool fits_run(struct span *span, const void *p, size_t size)
{
	size_t room = span->slices * SLICE;

	if (span->kind != SPAN_RUN || (uintptr_t)p % SLICE || size > room ||
	    (size < span->bytes && size < room / 2))
		return false;
	span->bytes = size;
	return true;
}

/* Can a block of the calling thread's take this size where it is? */
static bool fits(struct span *span, const void *p, size_t size)
{
	struct shard *shard = malloc_view();
	uintptr_t owner = OWNER(span);

	if (owner == ((uintptr_t)shard | OWNER_RUN))
		return fits_run(span, p, size);
	return owner == (uintptr_t)shard && size <= span->list.size &&
	       size >= span->list.size / 2;
}

/*
 * A small block of the calling thread's that grows; NULL where it is not. It will go
 * on growing: room for half as much again saves moves.
 */
static void *grow(struct span *span, void *p, size_t size)
{
	struct shard *shard = malloc_view();
	size_t old = span->list.size;
	int saved_errno = errno;
	void *moved;

	if ((OWNER(span) & ~OWNER_FULL) != (uintptr_t)shard ||
	    span->kind != SPAN_BLOCKS || size <= old || size > GROWN_MAX ||
	    block_freed_to(p) == shard)
		return NULL;
	moved = malloc(size + size / 2);
	if (unlikely(!moved)) {
		errno = saved_errno;
		return NULL;
	}
	memcpy(moved, p, old);
	free(p);
	return moved;
}

void *realloc(void *p, size_t size)
{
	struct span *span = table_quick(p);
	void *moved;

	if (!p)
		return malloc(size);
	if (size && fits(span, p, size))
		return p;
	moved = grow(span, p, size);
	if (moved)
		return moved;
	if (!size) {
		free(p);
		return NULL;
	}
	do
		moved = size <= MOST ? heap_realloc(&heap_malloc, p, size,
						    false, "realloc") : NULL;
	while (unlikely(!moved) && ntmem_malloc_retries(size));
	return moved ? moved : no_memory();
}

void *reallocarray(void *p, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return no_memory();
	return realloc(p, bytes);
}

size_t malloc_usable_size(void *p)
{
	return p ? heap_size(&heap_malloc, p, "malloc_usable_size") : 0;
}

/* C23: the size is a promise of the caller, and nothing that we need. */
void free_sized(void *p, size_t size)
{
	(void)size;
	free(p);
}

void free_aligned_sized(void *p, size_t align, size_t size)
{
	(void)align;
	(void)size;
	free(p);
}

/* ----------------------------------------------------------------- aligned --- */

static void *alloc_aligned(size_t align, size_t size)
{
	return size <= MOST ?
	       heap_alloc_aligned(&heap_malloc, size, align, false) : NULL;
}

static bool is_power_of_two(size_t n)
{
	return n && !(n & (n - 1));
}

void *aligned_alloc(size_t align, size_t size)
{
	void *p;

	if (!is_power_of_two(align)) {
		errno = EINVAL;
		return NULL;
	}
	p = alloc_aligned(align, size);
	return p ? p : no_memory();
}

/* As glibc does it, an alignment that is none becomes the next one. */
void *memalign(size_t align, size_t size)
{
	size_t power = GRAIN;

	if (align > MOST / 2 + 1) {
		errno = EINVAL;
		return NULL;
	}
	while (power < align)
		power *= 2;
	return aligned_alloc(power, size);
}

int posix_memalign(void **block, size_t align, size_t size)
{
	int saved_errno = errno;
	void *p;

	if (!is_power_of_two(align) || align % sizeof(void *))
		return EINVAL;
	p = alloc_aligned(align, size);
	errno = saved_errno;
	if (!p)
		return ENOMEM;
	*block = p;
	return 0;
}

void *valloc(size_t size)
{
	return aligned_alloc(PAGE_BYTES, size);
}

void *pvalloc(size_t size)
{
	size_t bytes;

	if (__builtin_add_overflow(size, PAGE_BYTES - 1, &bytes))
		return no_memory();
	bytes &= ~(PAGE_BYTES - 1);
	return aligned_alloc(PAGE_BYTES, bytes ? bytes : PAGE_BYTES);
}

void *ntmem_malloc(size_t size)
{
	return malloc(size);
}

void ntmem_free(void *p)
{
	free(p);
}

void *ntmem_aligned(size_t align, size_t size)
{
	return aligned_alloc(align, size);
}
