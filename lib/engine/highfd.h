/* SPDX-License-Identifier: MIT */
/*
 * Where the library keeps its file descriptors: at high numbers, out of the way
 * of programs that close or count on the low ones.
 */
#ifndef NTMEM_HIGHFD_H
#define NTMEM_HIGHFD_H

/* Moves fd up, close-on-exec, where that is possible. Signal safe. */
int ntmem_highfd(int fd);

#endif
