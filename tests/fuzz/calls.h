/* SPDX-License-Identifier: MIT */
/* Sequences of calls beside their model, for the targets that make them. */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

#include <stdint.h>

#include "../differential/run.h"

/* Runs what the bytes make on a new embedded engine; see run_embedded(). */
void fuzz_calls(const uint8_t *data, size_t size, run_wrapper *wrap,
		run_same_status *same_status);

#endif
