/* SPDX-License-Identifier: MIT */
/*
 * Memory for what the heap needs itself: shards, tables of tags, arrays. It is
 * apart from the users' memory, and never given back to the system: a stale
 * pointer into it never faults. Freed objects are kept by size for the next.
 */
#ifndef HEAP_META_H
#define HEAP_META_H

#include <stddef.h>

/* Zeroed memory, aligned to 64 bytes, or NULL. */
void *meta_alloc(size_t size);

/* Takes back an object of the same size. Its content is not kept. */
void meta_free(void *object, size_t size);

/* The same without clearing: for who clears what it used, and no more. */
void *meta_alloc_kept(size_t size);
void meta_free_kept(void *object, size_t size);

#endif
