/* SPDX-License-Identifier: MIT */
/*
 * What is in the heaps of a process, for another process to look at: records in a
 * file in memory, which is sealed. What there is to count and to divide the
 * reader does; these only say what lies where. ntmem_allow_heap_reports() lets
 * others have one, by the service (virtual/service.h).
 *
 * The records are a struct inventory_head, then for each heap a struct
 * inventory_heap with its areas behind it, then a struct inventory_end.
 */
#ifndef HEAP_INVENTORY_H
#define HEAP_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define INVENTORY_MAX	((size_t)256 << 20)	/* bytes of all records */
#define INVENTORY_PAGES	16			/* of a slice, 64 KiB */

enum inventory_record_kind {
	INVENTORY_HEAD = 1,
	INVENTORY_HEAP,
	INVENTORY_AREA,
	INVENTORY_END,
};

struct inventory_head {
	uint32_t record;
	uint32_t page;			/* bytes */
	char engine[48];		/* its name */
};

enum inventory_origin {
	INVENTORY_CREATED,		/* by HeapCreate */
	INVENTORY_PROCESS,		/* GetProcessHeap() */
	INVENTORY_MALLOC,
	INVENTORY_ORIGINS,
};

struct inventory_heap {
	uint32_t record;
	uint32_t flags;			/* HEAP_* of HeapCreate */
	uint64_t handle;
	uint32_t origin;		/* enum inventory_origin */
	/* A thread has it by HeapLock: nothing is known of what is in it. */
	uint32_t locked;
	uint64_t maximum;		/* bytes reserved, of a fixed size; or 0 */
	uint64_t shards;		/* as many threads have used it at once */
};

/* Slices are 64 KiB of addresses, each an area; large blocks are one each. */
enum inventory_area_kind {
	INVENTORY_BLOCKS,		/* a slice of blocks of one size */
	INVENTORY_MIXED,		/* of blocks of any size */
	INVENTORY_FIXED,		/* the same, in a heap of fixed size */
	INVENTORY_RUN,			/* one block of whole slices */
	INVENTORY_CACHED,		/* such, free, and kept for the next */
	INVENTORY_HUGE,			/* one block with a reservation */
	INVENTORY_GUARDED,		/* one block with a guard behind it */
	INVENTORY_AREAS,
};

/* How full a page of a slice is: what lies between is partly in use. */
#define INVENTORY_GONE	0		/* it has no memory */
#define INVENTORY_FREE	1		/* no block in use touches it */
#define INVENTORY_FULL	255		/* all of it is in blocks in use */

struct inventory_area {
	uint32_t record;
	uint16_t kind;			/* enum inventory_area_kind */
	uint16_t damaged;		/* what is free there is not known */
	uint64_t addr;
	uint64_t size;			/* bytes of addresses */
	uint64_t used;			/* bytes of that in blocks in use */
	uint32_t block_size;		/* of INVENTORY_BLOCKS */
	uint32_t busy;			/* blocks in use that begin here */
	uint32_t free;			/* and that are free, or could be made */
	uint32_t reserved;
	union {
		uint8_t fill[INVENTORY_PAGES];	/* of slices: of each page */
		uint64_t committed;		/* of others: bytes */
	};
};

/* Memory of the process's that no heap has. */
struct inventory_end {
	uint32_t record;
	uint32_t reserved;
	uint64_t heaps;
	uint64_t arenas;		/* bytes reserved for slices */
	uint64_t in_use;		/* of these, in slices of heaps */
	uint64_t warm;			/* and with memory though they are free */
};

union inventory_record {
	uint32_t record;		/* enum inventory_record_kind */
	struct inventory_head head;
	struct inventory_heap heap;
	struct inventory_area area;
	struct inventory_end end;
	uint64_t words[8];
};

_Static_assert(sizeof(union inventory_record) == 64, "as others read it");

/*
 * The inventory of this process, as a descriptor; or a negative errno, EFBIG where
 * it would be larger than INVENTORY_MAX. One heap is closed at a time while it is
 * written down, and heaps neither come nor go, nor does the process fork.
 */
int inventory_make(void);

/* Allows reports where the environment asks for it, once. */
void inventory_begin(void);

/*
 * The inventory of another process, as a descriptor of a file that cannot change any
 * more. What is in it that process may have made up. A negative errno:
 *	ESRCH		there is no such process
 *	EPERM, EACCES	the kernel does not let this one look into it
 *	ENOENT		it does not allow reports
 *	EPROTO		it speaks another version
 *	ETIMEDOUT	it does not answer
 *	ENOMEM		it could not make one
 *	EBADMSG		what it has answered is nonsense
 */
int inventory_ask(pid_t pid);

#endif
