/* SPDX-License-Identifier: MIT */
/* Making random sequences: the same seed always makes the same one. */
#ifndef DIFFERENTIAL_GENERATE_H
#define DIFFERENTIAL_GENERATE_H

#include "sequence.h"

/* @round varies the granularity and the commit limit. */
void generate(struct sequence *seq, u64 seed, unsigned int round, size_t steps);

/*
 * The same with bytes for chance, as long as they last; without forks. Who
 * changes a byte, changes a choice.
 */
void generate_from(struct sequence *seq, const uint8_t *bytes, size_t size,
		   size_t steps);

#endif
