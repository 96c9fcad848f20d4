/* SPDX-License-Identifier: MIT */
/*
 * Comes first in every file of a coverage build: _exit() and abort() do not write
 * the counts of what ran, and much of what children do would be missing. (So
 * would what ran in fork() itself, if gcc put its own in its place.)
 */
#ifndef COUNTS_H
#define COUNTS_H

#include <stdlib.h>
#include <unistd.h>

void __gcov_dump(void);

/* The status may be what a call returns, which counts, too. */
#define _exit(status) __extension__({					\
	int status_to_exit_with = (status);				\
									\
	__gcov_dump();							\
	_exit(status_to_exit_with);					\
})
#define abort()		(__gcov_dump(), abort())

#endif
