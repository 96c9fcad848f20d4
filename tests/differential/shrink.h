/* SPDX-License-Identifier: MIT */
/* Running sequences in children, and making failing ones short. */
#ifndef DIFFERENTIAL_SHRINK_H
#define DIFFERENTIAL_SHRINK_H

#include <stdbool.h>
#include <stddef.h>

#include "sequence.h"

enum loudness {
	RUN_SILENT,
	RUN_NORMAL,
	RUN_VERBOSE,
};

/*
 * Runs @seq in a child of its own, since granularity and limits are fixed for
 * the life of a process. True when all agreed; else *failed_at says where.
 */
bool shrink_run(const struct sequence *seq, unsigned int engines,
		enum loudness loudness, size_t *failed_at);

/* Leaves out of @seq, which fails, whatever the failure does not need. */
void shrink(struct sequence *seq, unsigned int engines, size_t failed_at);

#endif
