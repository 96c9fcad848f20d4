/* SPDX-License-Identifier: MIT */
/* Several sequences at once, in threads of one process. */
#ifndef DIFFERENTIAL_THREADS_H
#define DIFFERENTIAL_THREADS_H

#include <stdbool.h>

#include "sequence.h"

#define THREADS_MAX	16

/*
 * Runs each of @count sequences, of one granularity and without a limit, in a
 * thread of its own for each engine, all in one child. True when all agreed
 * with their models and nothing was left at the end.
 */
bool threads_run(const struct sequence *seqs, unsigned int count,
		 unsigned int engines);

#endif
