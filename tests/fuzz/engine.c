// SPDX-License-Identifier: MIT
/*
 * Sequences of calls on the embedded engine, beside the model of the
 * differential test: the bytes are the choices of its generator.
 */
#include "../differential/generate.h"
#include "calls.h"
#include "target.h"

#define STEPS	400

void fuzz_calls(const uint8_t *data, size_t size, run_wrapper *wrap,
		run_same_status *same_status)
{
	struct sequence seq;

	fuzz_renew_engine(0);
	generate_from(&seq, data, size, STEPS);
	if (!run_embedded(&seq, wrap, same_status)) {
		printf("the sequence:\n");
		sequence_print(stdout, &seq);
		fflush(stdout);
		fuzz_check(false, "what was called and its model disagree");
	}
	fuzz_count(seq.count);
	sequence_free(&seq);
}

static void run(const uint8_t *data, size_t size)
{
	fuzz_calls(data, size, NULL, NULL);
}

const struct fuzz_target engine_target = { .name = "engine", .run = run };
