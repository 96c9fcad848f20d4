/* SPDX-License-Identifier: MIT */
/*
 * The list of the process's heaps. Its lock is the outermost one.
 */
#ifndef HEAP_HEAPS_H
#define HEAP_HEAPS_H

#include "heap/types.h"

void heaps_take(void);
void heaps_give(void);

/* The process's heap and those created, from heap_process by next. */
uint32_t heaps_count(void);

/* Gives back all that no block of any heap needs. */
void heaps_compact(void);

/* Waits while a heap serves another thread alone. */
void heap_wait(struct heap *heap);

#endif
