/* SPDX-License-Identifier: MIT */
/*
 * Handles: numbers of this process that stand for a file descriptor and the
 * rights that its holder asked for.
 */
#ifndef NTMEM_HANDLE_H
#define NTMEM_HANDLE_H

#include <sys/types.h>

#include "virtual/virtual.h"

enum handle_kind {
	HANDLE_SECTION,
	HANDLE_FILE,		/* an open file, for a section of it */
	HANDLE_PROCESS,		/* a pidfd */
	HANDLE_THREAD,		/* a socket, see thread.h */
};

/*
 * What a handle has beside its descriptor. It is
 * whoever's has the handle; only helper may change, see below.
 */
struct handle_more {
	pid_t id;		/* of the process or the thread */
	/* Which file the descriptor was made for. */
	dev_t dev;
	ino_t ino;
	/*
	 * Atomic. A second descriptor, plus one, 0: none; and in the upper half
	 * the turn, another one for each handle that has this number.
	 */
	uint64_t helper;
};

/*
 * A new handle, which takes fd over; NULL, with the last error set, when there
 * are too many, and fd is still the caller's.
 */
HANDLE handle_make(enum handle_kind kind, int fd, DWORD access);
/* The same of a process or a thread; @helper, or -1, is taken over like fd. */
HANDLE handle_make_kind(enum handle_kind kind, int fd, DWORD access, pid_t id,
			int helper);

/* What one of this kind stands for; false, with the last error set, for none. */
bool handle_look(enum handle_kind kind, HANDLE handle, int *fd, DWORD *access);
/* The same of a process or a thread, or of any kind; NULL for none. */
struct handle_more *handle_look_kind(HANDLE handle, enum handle_kind kind,
				     int *fd, DWORD *access);
struct handle_more *handle_look_any(HANDLE handle, enum handle_kind *kind,
				    int *fd, DWORD *access);

/* The second descriptor; -1: none. */
int handle_helper(const struct handle_more *more);

/*
 * A handle that is closed meanwhile, and its number given to another one, must not
 * give nor take what is the other's: so its turn, as it was before one has looked
 * at the handle, comes along. handle_helper_take() returns -1 without one;
 * handle_helper_give() returns false where the helper stays the caller's.
 */
uint32_t handle_turn(HANDLE handle);
int handle_helper_take(struct handle_more *more, uint32_t turn);
bool handle_helper_give(struct handle_more *more, uint32_t turn, int helper);

/*
 * Is it still the file that the handle was made for? The program may have closed
 * it and opened another; what has no inode of its own is all alike to this.
 */
bool handle_is_whole(const struct handle_more *more, int fd);

/*
 * A handle of the section that a descriptor is one of, which it takes over; with
 * these rights, or all that the section gives. NULL, with the last error set.
 */
HANDLE handle_of_section(int fd, const DWORD *access);

/* Lets exec(2) keep the descriptor of a new handle, or close it. */
void handle_inherit(int fd, bool inherit);

#endif
