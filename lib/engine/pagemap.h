/* SPDX-License-Identifier: MIT */
/*
 * The kernel's list of the pages of a process, /proc/PID/pagemap: which of them
 * are there, and which pages of a private mapping of a file it has written to,
 * so that they are its own, whoever wrote. Signal safe.
 */
#ifndef NTMEM_PAGEMAP_H
#define NTMEM_PAGEMAP_H

#include <stdbool.h>
#include <stdint.h>

/* What the kernel says of each page. */
#define PAGEMAP_ALONE	(1ULL << 56)	/* it is mapped only here */
#define PAGEMAP_FILE	(1ULL << 61)	/* or of shared memory */
#define PAGEMAP_SWAPPED	(1ULL << 62)
#define PAGEMAP_PRESENT	(1ULL << 63)

/* An open list, of this process; -1 or a negative errno is none. */
int ntmem_pagemap_open(void);
/* That of the process whose directory of /proc is open as proc. */
int ntmem_pagemap_open_of(int proc);

/* What it says of count pages from addr on; 0, or a negative errno. */
int ntmem_pagemap_read(int fd, uint64_t addr, uint64_t *entries,
		       unsigned int count);

/*
 * The next stretch of own pages in [*start, end): 1 with [*start, *stop), 0
 * without, or a negative errno. Swapped out ones are among them.
 */
int ntmem_pagemap_own(int fd, uint64_t *start, uint64_t *stop, uint64_t end);

#endif
