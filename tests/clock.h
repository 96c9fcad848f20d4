/* SPDX-License-Identifier: MIT */
#ifndef NTMEM_CLOCK_H
#define NTMEM_CLOCK_H

#include <time.h>

/* Of a clock that nobody sets. */
static inline double nt_seconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

#endif /* NTMEM_CLOCK_H */
