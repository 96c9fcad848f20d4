/* SPDX-License-Identifier: MIT */
/*
 * What the address sanitizer is told in its builds: which memory has no block.
 * Free slices and blocks are poisoned, and what of a block was not asked for;
 * address space that is given back is not. In other builds this is nothing.
 */
#ifndef HEAP_POISON_H
#define HEAP_POISON_H

#include <stddef.h>

#ifndef __has_feature
#define __has_feature(feature)	0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define HEAP_POISONS
#else
#define __asan_poison_memory_region(p, size)	((void)(p), (void)(size))
#define __asan_unpoison_memory_region(p, size)	((void)(p), (void)(size))
#define __asan_address_is_poisoned(p)		((void)(p), 0)
#endif

/* Of functions that may look at poisoned memory: links, ends of blocks. */
#define HEAP_PEEKS	__attribute__((no_sanitize_address))

static inline void poison(const void *p, size_t size)
{
	__asan_poison_memory_region(p, size);
}

static inline void unpoison(const void *p, size_t size)
{
	__asan_unpoison_memory_region(p, size);
}

/*
 * The same for what is poisoned from its start on, or not at all: what was said
 * of much memory takes an eighth of it.
 */
static inline void unpoison_all(const void *p, size_t size)
{
	if (size && __asan_address_is_poisoned(p))
		unpoison(p, size);
}

#endif
