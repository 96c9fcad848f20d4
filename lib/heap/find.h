/* SPDX-License-Identifier: MIT */
/*
 * Finding blocks by their address, and what is to know about them.
 */
#ifndef HEAP_FIND_H
#define HEAP_FIND_H

#include "heap/types.h"

/*
 * The span of a block in use of a heap (or the other one of the process), as
 * far as its descriptor tells: find_is_free() knows more. NULL when p is none.
 */
struct span *find_span(const struct heap *heap, const void *p);

/* The same; ends the process when p is none. */
struct span *find_block(const struct heap *heap, const void *p,
			const char *call);

/* Bytes that the block has room for, the trailer included. */
size_t find_block_size(const struct span *span, const void *p);

/*
 * Is it in one of its shard's lists of free blocks? Closes the heap to look, in
 * a time that grows with the list.
 */
bool find_is_free(struct shard *shard, struct span *span, const void *p);

#endif
