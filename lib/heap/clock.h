/* SPDX-License-Identifier: MIT */
/*
 * What counts as soon, for memory that is missed after it was given back.
 */
#ifndef HEAP_CLOCK_H
#define HEAP_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define SOON_NS		200000000ULL

/* Coarse, as it is asked often. */
static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static inline bool is_soon_after(uint64_t ns)
{
	return now_ns() - ns <= SOON_NS;
}

#endif
