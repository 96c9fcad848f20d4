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

/* From heap_process on, all those and malloc's; NULL at the end. */
struct heap *heaps_next(struct heap *heap);

/* Gives back all that no block of any heap needs. */
void heaps_compact(void);

/*
 * Gives back what was too much, and wanted by nobody, since the last call; false
 * when nothing is too much any more. Called by one thread.
 */
bool heaps_purge(void);

/*
 * Around what changes a block of any thread's without a lock: who closes the
 * heap waits for it, and it for who has closed it. Nothing may be locked inside.
 */
void heap_enter(struct heap *heap);
void heap_leave(struct heap *heap);

/* Waits while a heap serves another thread alone. */
void heap_wait(struct heap *heap);

#endif
