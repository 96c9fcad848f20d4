/* SPDX-License-Identifier: MIT */
/*
 * Sections that are Linux files: what a descriptor of one says, and the files
 * that names stand for. The embedded engine's sections are such, and those of
 * files on either engine.
 *
 * A section is a file in memory: its pages; of one that is committed later, a
 * bit for each page that is; and at the end one page that says what it is,
 * struct section_header. Without a name it is a memfd, whose size is sealed. With
 * one it is a file in the user's own directory of names, which cannot be sealed:
 * only the user's own processes get at it by its name.
 *
 * A section of a file has no pages, and says where they are: without a name only
 * the process that made it knows, with one whoever has a handle.
 *
 * A handle is a descriptor with an open file description of its own: how that is
 * open says whether it may write, and its position, where nobody reads or
 * writes, is the most that its views may have.
 *
 * A descriptor may come from a stranger. What can change under our eyes is read
 * once, and looked at before it is believed; what cannot be cut short, is ours
 * alone, or is refused.
 */
#ifndef NTMEM_ENGINE_SECTION_H
#define NTMEM_ENGINE_SECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/engine.h"

/* What a section's pages are. */
enum section_kind {
	SECTION_PAGES,		/* those of this file */
	SECTION_FILE,		/* of another one, see struct section_source */
};

struct section_shape {
	uint64_t size;		/* bytes; only a file's are no whole pages */
	uint32_t prot;		/* the most that any view may have */
	uint32_t flags;		/* NTMEM_SECTION_RESERVE, SECTION_LARGE_PAGES */
	uint32_t kind;
	uint32_t pad;		/* 0: what others read has no gaps */
};

/* Has it large pages, which nothing can be done to a part of? */
static inline bool section_is_large(const struct section_shape *shape)
{
	return shape->flags & SECTION_LARGE_PAGES;
}

/* A name as a call has it: any bytes; none without a length. */
struct section_name {
	const char *text;
	uint32_t len;
};

/* The file of a section with a name, and a descriptor by which it was open. */
struct section_source {
	uint64_t dev;
	uint64_t ino;
	int32_t pid;
	int32_t fd;
};

/* What a descriptor refers to. */
struct section_handle {
	struct section_shape shape;
	uint32_t prot;		/* the most that views through it may have */
	bool writable;
	bool named;
	dev_t dev;
	ino_t ino;
};

/* All of these return 0, or a descriptor, or a negative errno. */

/* -EBADF for what is no section, or none that is safe to map. */
int section_look(int fd, struct section_handle *handle);

/* May a view of this protection be written to? */
bool section_writes(uint32_t prot);

/* In decimal, with a zero behind it. */
void section_put_number(char *to, unsigned int number);

/* Another open file description of the same file; -EOPNOTSUPP without /proc. */
int section_reopen(int fd, bool writable);

/* Another handle of the section of fd; prot is no more than that allows. */
int section_again(int fd, const struct section_handle *of, uint32_t prot);

/* A file in memory that can be sealed; flags are more of memfd_create()'s. */
int section_memfd(const char *name, unsigned int flags);

/* A new one without a name, and its handle. */
int section_make(const struct section_shape *shape);

/* May views of the second protection be where the most is the first? */
bool section_allows(uint32_t max, uint32_t prot);
bool section_prot_valid(uint32_t prot);

/* Bytes of the section's file in front of the bits, and of these. */
uint64_t section_bits_start(const struct section_shape *shape);
uint64_t section_bits_size(const struct section_shape *shape);

/* What a file holds at its end, and the writing of it; for the names' files. */
bool section_has_name(int fd, const struct section_name *name);
uint32_t section_read_name(int fd, char text[NTMEM_NAME_MAX]);
int section_fill(int fd, const struct section_shape *shape,
		 const struct section_name *name);

/* The source of one with a name; without an effect where that cannot be had. */
int section_read_source(int fd, struct section_source *source);
void section_tell_source(int fd, const struct section_source *source);

/*
 * The file itself, from a process that has it open; -EACCES where it may not be
 * opened so, -EOPNOTSUPP where we find no such process.
 */
int section_source_open(const struct section_source *source, bool writable);

/*
 * The user's names. Between begin and end nobody else looks at them or changes
 * them: begin gives the descriptor of their directory; -EOPNOTSUPP where there are
 * none, -ETIMEDOUT where another process has kept them too long.
 */
int section_names_begin(void);
void section_names_end(int dir);

/* A descriptor for reading and writing, that keeps the name; -ENOENT. */
int section_name_find(int dir, const struct section_name *name);

/* A new one, of a name that section_name_find() has not found, and its handle. */
int section_make_named(int dir, const struct section_shape *shape,
		       const struct section_name *name);
void section_name_remove(int dir, const struct section_name *name);

/* Takes away the file of one whose last handle was closed. */
void section_name_forget(const struct section_name *name);

/* Around fork, so that no child has the directory of names locked. */
void section_before_fork(void);
void section_after_fork(void);

#endif
