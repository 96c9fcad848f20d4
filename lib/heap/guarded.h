/* SPDX-License-Identifier: MIT */
/*
 * Guarded blocks, for NTMEM_HEAP_CHECK=full in the environment: each has pages
 * of its own, and ends, but for what its alignment leaves, where a page begins
 * that nobody can touch. What its pages have to spare is filled with a pattern
 * that is looked at when the block is freed. A freed block's pages cannot be
 * touched, and are used again late; new blocks are filled, too. So the first
 * wrong access faults, or is found soon.
 *
 * Every heap's blocks are made so then, and all calls take the slow paths,
 * which ask here first. Where there are as many such blocks as the system
 * allows mappings for, a heap gives ordinary ones besides.
 */
#ifndef HEAP_GUARDED_H
#define HEAP_GUARDED_H

#include "heap/types.h"
#include "heap/walk.h"

/* Are blocks guarded? Fixed once the heaps are usable. */
extern HEAP_HIDDEN bool heap_guarded;

/* Before the first block is made. */
void guarded_init(void);

/* NULL without memory or mappings, or when a heap of fixed size is full. */
void *guarded_alloc(struct heap *heap, size_t size, size_t align, bool zero);

/*
 * The following are for any pointer. False: it is no guarded block. Wrong uses
 * of guarded blocks end the process, as those of others do.
 */
bool guarded_free(struct heap *heap, void *p, const char *call);
bool guarded_size(struct heap *heap, const void *p, size_t *size,
		  const char *call);
/* *done: the block has the new size. */
bool guarded_resize(struct heap *heap, void *p, size_t size, bool zero,
		    const char *call, bool *done);

/* The same without the end. */
bool guarded_ask_size(struct heap *heap, const void *p, size_t *size);

/* The heap is locked: the next one in a walk, after others or with them. */
bool guarded_next(struct heap *heap, struct heap_item *item);
/* Is p one? */
bool guarded_has(const struct heap *heap, const void *p);

/* Was nothing written around any of the heap's blocks, or around p? */
bool guarded_is_whole(struct heap *heap, const void *p);

/* The heap is no more; its blocks go as if they were freed. */
void guarded_destroy(struct heap *heap);

/* In a child of fork, whose parent had all heaps closed. */
void guarded_after_fork(void);

#endif
