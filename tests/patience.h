/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A debug kernel takes its time: NTMEM_PATIENCE multiplies time limits, and
 * divides how often what is left to chance is tried.
 */
#ifndef NTMEM_PATIENCE_H
#define NTMEM_PATIENCE_H

#include <stdlib.h>
#include <unistd.h>

static inline unsigned int nt_patience(void)
{
	const char *patience = getenv("NTMEM_PATIENCE");

	return patience && atoi(patience) > 0 ? atoi(patience) : 1;
}

/* How often to try what is left to chance. */
static inline unsigned int nt_rounds(unsigned int rounds)
{
	return rounds / nt_patience();
}

static inline unsigned int nt_alarm(unsigned int seconds)
{
	return alarm(seconds * nt_patience());
}

#endif /* NTMEM_PATIENCE_H */
