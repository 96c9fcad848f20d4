/* SPDX-License-Identifier: MIT */
/*
 * Heaps as the layers above see them: lib/heap/heapapi.c with Windows' names
 * and errors, lib/malloc/ with C's. Any thread may call anything here; calls on
 * one heap from many threads are safe.
 */
#ifndef HEAP_HEAP_H
#define HEAP_HEAP_H

#include "heap/types.h"

/*
 * The heap of the process is two: that of GetProcessHeap(), and that of malloc,
 * which keeps no sizes. Either one's functions take the other one's blocks.
 */
extern struct heap heap_process;
extern struct heap heap_malloc;

/* Makes the process's heaps usable; called by the slow paths. */
void heap_init(void);

struct heap_options {
	uint32_t flags;		/* HEAP_*, kept for the caller */
	uint32_t slow;		/* not 0: no call takes the fast path */
	bool executable;
	size_t initial;		/* bytes to commit, of a fixed heap */
	size_t maximum;		/* bytes, not 0: a heap of fixed size */
};

/* NULL without memory. */
struct heap *heap_create(const struct heap_options *options);
/* In a time that does not depend on the number of blocks. */
void heap_destroy(struct heap *heap);
/* Was it created, and is it still there? Of any pointer. */
bool heap_is_live(const struct heap *heap);

/*
 * Blocks are aligned to 16 bytes; align is a power of two. size is any. NULL
 * without memory, and nothing has changed.
 */
void *heap_alloc(struct heap *heap, size_t size, bool zero);
void *heap_alloc_aligned(struct heap *heap, size_t size, size_t align,
			 bool zero);

/* A block that will grow soon, maybe up to room. */
void *heap_alloc_with_room(struct heap *heap, size_t size, size_t room);

/*
 * A block that is not one of the heap's ends the process with a message, which
 * names call.
 */
void heap_free(struct heap *heap, void *p, const char *call);

/* A small block without a trailer, of another thread's shard; false else. */
bool heap_free_to_others(const struct heap *heap, struct span *span, void *p);

/* A span of the calling thread's shard is to be looked at: see fast.h. */
void heap_span_low(struct shard *shard, struct span *span);

/* Bytes that were asked for; of malloc's blocks what they have room for. */
size_t heap_size(struct heap *heap, const void *p, const char *call);

/* The same without the end: false when p is not a block of the heap in use. */
bool heap_ask_size(struct heap *heap, const void *p, size_t *size);

/* Ends the process when something was written beyond the end of a block. */
void heap_check_end(const struct span *span, const void *p, const char *call);

/* In place or not at all. zero: what is added reads zero. */
bool heap_resize(struct heap *heap, void *p, size_t size, bool zero,
		 const char *call);

/* NULL without memory, and the block is as it was. */
void *heap_realloc(struct heap *heap, void *p, size_t size, bool zero,
		   const char *call);

/*
 * The heap's lock, which its holder may take again; who takes it waits while
 * another thread has the heap closed. Closed, the heap serves one thread alone,
 * and no shard changes but by that thread, which holds the lock, too.
 */
void heap_take(struct heap *heap);
void heap_give(struct heap *heap);
/* Takes it, or is false at once where another thread has closed the heap. */
bool heap_take_unless_closed(struct heap *heap);
/* Closes it, or is false where another thread has locked it with HeapLock. */
bool heap_close_unless_locked(struct heap *heap);
void heap_close(struct heap *heap);
void heap_open(struct heap *heap);
/* Does the calling thread hold it? */
bool heap_is_held(const struct heap *heap);

/*
 * HeapLock: closes the heap until heap_unlock(), any number of calls later, and
 * gives the lock. heap_unlock() is false for a thread that has not closed it.
 */
void heap_lock(struct heap *heap);
bool heap_unlock(struct heap *heap);

/*
 * Around a call with these HEAP_* flags. With HEAP_NO_SERIALIZE it goes on in a heap
 * that another thread has locked, and waits for no more than the end of a call;
 * the caller promises that it meets none. No exception may leave it.
 */
void heap_begin_call(struct heap *heap, uint32_t flags);
void heap_end_call(struct heap *heap, uint32_t flags);

#endif
