/* SPDX-License-Identifier: MIT */
/*
 * What this process has of a section: the descriptor that its views map, the
 * bits of a section that is committed later, and its share of the commit
 * charge. A segment is there while the process has views of the section, or
 * handles that it knows of. The embedded engine's lock guards it.
 */
#ifndef NTMEM_SEGMENT_H
#define NTMEM_SEGMENT_H

#include <stdint.h>

#include "engine/section.h"

/* A descriptor that the program may close, and how to know its file again. */
struct segment_file {
	int fd;			/* -1 = none */
	dev_t dev;
	ino_t ino;
};

struct segment {
	struct segment *next;
	dev_t dev;		/* of the section's own file */
	ino_t ino;
	struct section_shape shape;
	struct segment_file file;	/* that has the pages */
	bool writable;		/* as the file is open */
	uint64_t *bits;		/* mapped, to commit; NULL until then */
	unsigned int handles;
	unsigned int views;
	uint64_t charged;	/* bytes, to this process */
};

/* The one of a handle; NULL if there is none. */
struct segment *segment_find(dev_t dev, ino_t ino);

/*
 * The same, made if need be, with a handle or a view more to come. 0, -ENOMEM, or
 * -EBADF where whoever made the section says of it what he did not say before.
 */
int segment_of(const struct section_handle *handle, struct segment **found);

/* What was made newly and has no handle and no view goes again. */
void segment_put(struct segment *segment);

/*
 * Sees to it that it has its file, by way of the handle in fd. 0 or a negative
 * errno: -EOPNOTSUPP where only the process that made it has the file.
 */
int segment_open(struct segment *segment, int fd,
		 const struct section_handle *handle);

/* Takes over a file that has the pages, as what makes the section found it. */
int segment_take_file(struct segment *segment, int fd, bool writable);

/* Its descriptor, or -EBADF when the program has closed it. */
int segment_fd(const struct segment *segment);

/* Is not all of it committed from the start? */
static inline bool segment_is_reserve(const struct segment *segment)
{
	return segment->shape.flags & NTMEM_SECTION_RESERVE;
}

/*
 * The next stretch of committed pages, by number, in [*first, end): 1 with
 * [*first, *last), 0 without, or a negative errno.
 */
int segment_committed(const struct segment *segment, uint64_t *first,
		      uint64_t *last, uint64_t end);

/*
 * Of a section that is committed later, the only kind that has pages to commit:
 * bytes of the pages [first, end) that are not.
 */
int segment_missing(const struct segment *segment, uint64_t first,
		    uint64_t end, uint64_t *bytes);

/* What can fail of their commit; -EACCES where the section may only be read. */
int segment_prepare(struct segment *segment, uint64_t first, uint64_t end);

/* Commits them, and charges for those that were not. */
void segment_commit(struct segment *segment, uint64_t first, uint64_t end);

/* Bytes that are charged as committed, and no more. */
void segment_charge(struct segment *segment, uint64_t bytes);

/* In a child: what was charged was so to its parent. */
void segment_leave_charges(void);

#endif
