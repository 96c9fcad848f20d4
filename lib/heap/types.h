/* SPDX-License-Identifier: MIT */
/*
 * What the heap is made of: blocks, spans, shards, heaps and threads.
 *
 * The unit is a slice, 64 KiB. Every slice has a descriptor that lies apart
 * from it (table.h), so that no overflow of a user's block reaches one. A
 * span is one slice, or four, of blocks of equal size; a run is slices that
 * make one block; a mixed slice has small blocks of any size.
 *
 * A heap has a shard for each thread that allocates from it. The shard's
 * thread pops and pushes without a lock while it says that it is inside
 * (thread.h); everything else happens under the shard's lock, or with the
 * shard revoked (revoke.h). Which of the three guards a member is said beside
 * it: "owner" is the shard's thread, inside or under the shard's lock.
 *
 * Lock order, outermost first:
 *
 *	heaps.lock		the list of heaps; fork
 *	heap->lock		a heap: its shards, its life
 *	outside			stores, by who has no heap; fork. Who finds no
 *				memory takes it under a shard's lock, too: but
 *				fork, with all heaps closed, nobody who has it
 *				takes a lock between
 *	threads.lock		the list of threads, their views
 *	shard->lock
 *	store->lock		slices
 *	meta.lock, table.lock	leaves
 */
#ifndef HEAP_TYPES_H
#define HEAP_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/class.h"
#include "heap/lock.h"

/* Of what the fast paths read: reached without a detour. */
#define HEAP_HIDDEN	__attribute__((visibility("hidden")))

#define PAGE_SHIFT	12
#define PAGE_BYTES	((size_t)1 << PAGE_SHIFT)
#define SLICE_SHIFT	16
#define SLICE		((size_t)1 << SLICE_SHIFT)
#define SLICE_PAGES	(SLICE / PAGE_BYTES)

#define RUN_SLICES	64		/* the longest run: 4 MiB */
#define RUN_MAX		(RUN_SLICES * SLICE)
#define LARGE_SPAN	4		/* slices, for classes above ... */
#define LARGE_BLOCK	8192		/* ... this size */
#define MIXED_CLASSES	STEP_CLASSES	/* mixed slices have blocks so large */
#define GROWN_MAX	((size_t)4096)	/* a block that grows beyond gets a run */

/*
 * A free block. The link is encoded (block.h). freed_to is there to notice
 * a second free: a block that has it is looked for before it is believed.
 */
struct block {
	uintptr_t next;
	struct shard *freed_to;
};

/* What a pop needs: a list of free blocks of one size. */
struct blocks {
	struct block *free;	/* owner */
	uint32_t used;		/* owner; see struct span */
	uint32_t size;		/* bytes of a block; fixed */
};

enum span_kind {
	SPAN_NONE,		/* not in use, or not ours */
	SPAN_BLOCKS,
	SPAN_MIXED,
	SPAN_RUN,
	SPAN_RUN_FREE,		/* in its shard's cache */
	SPAN_TAIL,		/* all slices of one of those but the first */
	SPAN_HUGE,		/* the first slice of a reservation of its own */
	SPAN_HEAP,		/* a struct heap lies there */
};

/* In the lowest bits of a span's owner, so that a push misses it. */
#define OWNER_FULL	1UL	/* in no list: must be listed again */
#define OWNER_MIXED	2UL
#define OWNER_RUN	4UL
#define OWNER_FLAGS	7UL

/*
 * The descriptor of a slice. Slices are named by their number, which is the
 * address by SLICE_SHIFT; 0 is none.
 *
 * list.used counts the blocks that are not in list.free, and the span's
 * being current as one more; so it cannot reach 0 then. Of a span that is
 * listed it is short by low: when it reaches 0 it is time to look at the span.
 * Blocks in remote count as used until the shard takes them in, which it does
 * only by way of its list of incoming spans: so a span cannot be given
 * back while somebody is about to name it there.
 */
struct span {
	uintptr_t owner;	/* shard and OWNER_*; owner */
	union {
		struct blocks list;	/* of SPAN_BLOCKS */
		uint8_t *tags;		/* of SPAN_MIXED: see mixed.h */
		size_t bytes;		/* of SPAN_RUN, SPAN_HUGE: asked for */
	};
	uintptr_t remote;	/* blocks that others freed; atomic */
	uint32_t next, prev;	/* in its list in the shard; owner */
	uint32_t next_of_shard;	/* all that the shard has; shard's lock */
	uint32_t prev_of_shard;
	uint32_t next_incoming;	/* who pushed it; then owner */
	uint16_t made;		/* blocks that exist; owner, atomic */
	uint16_t low;		/* owner, under the lock */
	uint16_t dropped;	/* pages without content, one bit each; same */
	uint8_t kind;		/* enum span_kind */
	uint8_t class;		/* of SPAN_BLOCKS */
	uint16_t slices;	/* of SPAN_TAIL: back to the first one */
	uint8_t zero;		/* the memory reads zero: nothing was there */
	uint8_t looked;		/* for empty pages, at this level; trim.c */
};

/* What one thread has of one heap. */
struct shard {
	/* Never NULL, so that a pop need not ask; owner. */
	struct blocks *current[CURRENT];
	struct blocks mixed[MIXED_CLASSES];	/* freed mixed blocks; owner */
	char *bump, *bump_end;		/* rest of the mixed slice; owner */
	uint8_t *tags;			/* of that slice; owner */
	uint32_t runs[RUN_SLICES + 1];	/* free runs by length; owner */
	/* Slices that those may have more, or have too many; owner. */
	int32_t cache_room;
	int32_t cache_limit;		/* with none; shard's lock */

	struct heap_mutex lock;
	uint32_t incoming;		/* spans with remote blocks; atomic */
	uint32_t incoming_count;	/* so many; atomic */
	/* Spans that may have room and are not current; shard's lock. */
	uint32_t first[CLASSES], last[CLASSES];
	uint32_t all;			/* all spans and runs; shard's lock */
	uint32_t slices;		/* that it has; shard's lock */
	uint32_t mixed_slices;		/* shard's lock */
	size_t loose;			/* bytes; see trim.h; shard's lock */
	size_t loose_low;		/* least since purge looked; same */
	uint8_t worn;			/* has had spans or runs; same */
	uint8_t active;			/* a view of it was emptied since purge looked */
	uint8_t watched;		/* purge is to look once more; heap's lock */
	uint32_t purge_pass;		/* when it looked last; same */

	struct heap *heap;		/* fixed while in use */
	struct thread *thread;		/* NULL: none; heap's and threads' lock */
	struct shard *next;		/* of the heap; heap's lock */
	struct shard *next_of_thread;	/* threads' lock */
};

#define HEAP_LIVE	0x70616548	/* "Heap" */

struct heap {
	uint32_t magic;			/* HEAP_LIVE, or it is no more */
	uint32_t index;			/* of the threads' views */
	uint32_t flags;			/* HEAP_* of HeapCreate */
	uint32_t slow;			/* every call takes the slow path */
	uint32_t compatibility;		/* HeapCompatibilityInformation; atomic */

	/*
	 * The lock is held for one call at most. Who has locked the heap with
	 * HeapLock has closed it, and holds the lock in its calls only: others
	 * wait at the gate, but for those who were told not to.
	 */
	struct heap_mutex lock;
	uint32_t depth;			/* of holder's calls; holder */
	struct thread *holder;		/* of lock */
	/* Whom alone the shards serve, NULL for all; heap's lock, atomic. */
	struct thread *only;
	struct heap_gate gate;		/* closed as long as there is one; same */
	uint32_t closed;		/* so often; heap's lock */
	uint32_t trailer;		/* bytes that blocks have for their size */
	uint32_t mixed;			/* mixed slices that a shard may have */
	uint32_t purge;			/* shards have too much; atomic */
	uint32_t purge_pass;		/* that has looked last; who purges */
	uint32_t huge;			/* blocks with reservations; heap's lock */
	size_t huge_bytes;		/* reserved for them; same */

	struct heap *next, *prev;	/* heaps.lock; order of creation */
	struct store *store;		/* fixed: where slices come from */
	struct guarded *guarded;	/* its guarded blocks; heap's lock */
	size_t guarded_bytes;		/* in those; same */
	struct heap_region *region;	/* of a heap of fixed size */
	size_t announced;		/* bytes of that, up to the last block */
	struct user_values *user_values;	/* or NULL; heap's lock */
	struct shard *shards;		/* heap's lock */
	struct shard first;
};

/*
 * A thread, in its thread-local memory. A view is the shard to use for a heap
 * without asking, or the empty shard; others empty it to revoke the shard.
 */
struct thread {
	uint32_t inside;		/* the thread is popping or pushing */
	uint32_t count;			/* of views; the thread */
	struct shard *malloc_view;	/* atomic, as all views */
	struct shard **views;		/* by heap->index */
	struct thread *next, *prev;	/* threads.lock */
	struct shard *shards;		/* threads.lock */
	uint8_t listed;			/* has been in the list; the thread */
	uint8_t ended;			/* and is there no more */
	uint8_t passing;		/* holds a heap's lock for a whole call */
	uint8_t place;			/* in arenas; the thread */
};

#endif
