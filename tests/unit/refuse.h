/* SPDX-License-Identifier: MIT */
/*
 * A Linux that refuses a system call: older, out of something, or told to by whom
 * the process is confined. For children, since it cannot be taken back.
 */
#ifndef REFUSE_H
#define REFUSE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * From now on the call fails with this errno; or only where an argument, from 0,
 * has this value. False where that cannot be had: under valgrind, and without
 * seccomp(2).
 */
bool refuse(long call, int error);
bool refuse_if(long call, unsigned int arg, uint32_t value, int error);

#endif
