/* SPDX-License-Identifier: MIT */
/*
 * Mixed slices: small blocks of any size one behind the other. A shard begins
 * with them, and goes over to spans when it has had a few: so a small heap
 * touches few pages. A table apart from the slice has a byte for each 16 bytes
 * of it: the class of the block that begins there, plus one. Freed blocks wait in
 * a list by class, which a pop takes them from as from a span's.
 */
#ifndef HEAP_MIXED_H
#define HEAP_MIXED_H

#include "heap/types.h"

#define MIXED_SLICES	4	/* of a shard of a heap that is created */
/* Taken so often from the list of a class, it gets a span. */
#define MIXED_HOT	64

/* One more mixed slice to bump from; false where a shard has had enough. */
bool mixed_grow(struct shard *shard);

/* Under the shard's lock. */
void mixed_push(struct shard *shard, struct span *span, void *p);

/* Does a block begin at p? */
bool mixed_has_block(const struct span *span, const void *p);

/* Bytes of the block that begins at p. */
size_t mixed_size(const struct span *span, const void *p);

/* The table of a slice that is given back. */
void mixed_free_tags(const struct shard *shard, struct span *span);

#endif
