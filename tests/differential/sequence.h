/* SPDX-License-Identifier: MIT */
/*
 * A sequence: the list of calls that one round makes, in canonical addresses
 * (see model.h), and its text form, which is that of "ntmem do".
 */
#ifndef DIFFERENTIAL_SEQUENCE_H
#define DIFFERENTIAL_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <linux/ntmem.h>

#include "types.h"

/* What is not an operation of the engine's; the rest are NTMEM_NR_*. */
enum {
	OP_READ = 0x100,	/* one byte at addr, then the page's content */
	OP_WRITE,		/* one byte at addr, then the page from stamp */
	OP_EXEC,		/* call the page's first byte */
	OP_BATCH,		/* the ops up to END in one call */
	OP_FORK,		/* the ops up to END in a child */
	OP_END,
	OP_CHECK,		/* compare everything */
	OP_BAD,			/* a call with bad arguments, by number */
	OP_PRESSURE,		/* have the kernel drop what was reset */
	OP_WATCH,		/* of the range, with an array of arg pages */
	OP_MAP,			/* a view of section arg */
	OP_UNMAP,		/* of what addr is in, with the flags in arg */
};

/*
 * @area: for a reservation at no particular address, where the model puts it.
 * @arg: OP_BATCH: the flags; OP_FORK: how many of the parent's ops run before
 *	the child starts; OP_BAD: which; OP_WATCH: the room in the array.
 */
struct op {
	struct ntmem_op nt;
	int area;
	uint32_t arg;
	u64 addr;
	u64 stamp;
	struct ntmem_map_view view;
};

/*
 * @foreign: a mapping that is not ours, in the window; size 0 = none.
 * @commit_limit: for the embedded engine; 0 = none.
 */
struct sequence {
	u64 granularity;
	u64 foreign;
	u64 foreign_size;
	u64 commit_limit;
	struct op *ops;
	size_t count;
	size_t room;
};

/* How much address space a round plays in. */
u64 window_size(u64 granularity);

void sequence_add(struct sequence *seq, const struct op *op);
void sequence_free(struct sequence *seq);

/* Index of the END of the block that begins at @i, or @count. */
size_t sequence_block_end(const struct sequence *seq, size_t i);

void op_print(FILE *out, const struct op *op);
void sequence_print(FILE *out, const struct sequence *seq);

/*
 * Reads a whole file; false with a message on stderr. Either way @seq is then
 * a sequence, to be freed.
 */
bool sequence_read(struct sequence *seq, const char *path);
bool sequence_parse(struct sequence *seq, FILE *in, const char *name);

const char *op_name(uint32_t op);

#endif
