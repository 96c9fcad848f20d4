/* SPDX-License-Identifier: MIT */
/*
 * Memory of free blocks goes back by pages. A listed span is watched: it is
 * noticed when it is down to three quarters of its blocks, and after each further
 * sixteenth. That is counted as loose; when the shard has too much of it, all that
 * was noticed is looked through for pages without a block in use, and those
 * lose their content in one call to the engine; later, if that can be
 * (purge.h). So a span that becomes empty soon is never looked at.
 */
#ifndef HEAP_TRIM_H
#define HEAP_TRIM_H

#include "heap/types.h"

/* A span is listed; it is not any more. Both count used right. */
void trim_watch(struct shard *shard, struct span *span);
void trim_unwatch(struct shard *shard, struct span *span);

/* It is down by one more step. */
void trim_lower(struct shard *shard, struct span *span);

/* Looks at all that was noticed. */
void trim_shard(struct shard *shard);

/*
 * Does so where too much was loose all the time since the last call, at most at
 * so many spans: false when there are more of them.
 */
bool trim_unwanted(struct shard *shard, uint32_t spans);

/* Is it still too much? */
bool trim_has_too_much(const struct shard *shard);

#endif
