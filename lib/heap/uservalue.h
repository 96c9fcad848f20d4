/* SPDX-License-Identifier: MIT */
/*
 * Values and flags that blocks carry beside their content: a table of the
 * heap's, by address. Few blocks have any, so the others pay nothing for it;
 * but a heap that has had such a block has no fast path any more, so that none
 * is freed unnoticed.
 */
#ifndef HEAP_USERVALUE_H
#define HEAP_USERVALUE_H

#include "heap/types.h"

/*
 * flags are those of HEAP_SETTABLE_* that the new block p is to keep; its value
 * is 0. False without memory.
 */
bool user_values_add(struct heap *heap, void *p, uint32_t flags);

/* The block is freed, or has moved. Of any block. */
void user_values_remove(struct heap *heap, void *p);
void user_values_move(struct heap *heap, void *from, void *to);

/* The heap is no more. */
void user_values_free(struct heap *heap);

#endif
