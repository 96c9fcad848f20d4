/* SPDX-License-Identifier: MIT */
/* Making random sequences: the same seed always makes the same one. */
#ifndef DIFFERENTIAL_GENERATE_H
#define DIFFERENTIAL_GENERATE_H

#include "sequence.h"

/* @round varies the granularity and the commit limit. */
void generate(struct sequence *seq, u64 seed, unsigned int round, size_t steps);

#endif
