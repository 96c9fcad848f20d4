/* SPDX-License-Identifier: MIT */
/*
 * Handles: numbers of this process that stand for a file descriptor and the
 * rights that its holder asked for.
 */
#ifndef NTMEM_HANDLE_H
#define NTMEM_HANDLE_H

#include "virtual/virtual.h"

/*
 * A new handle, which takes fd over; NULL, with the last error set, when there
 * are too many, and fd is still the caller's.
 */
HANDLE handle_make(int fd, DWORD access);

/* What a handle stands for; false, with the last error set, for none. */
bool handle_look(HANDLE handle, int *fd, DWORD *access);

/* Lets exec(2) keep the descriptor of a new handle, or close it. */
void handle_inherit(int fd, bool inherit);

#endif
