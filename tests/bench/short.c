// SPDX-License-Identifier: MIT
/*
 * Many sizes that live shortly: 8 bytes to 16 KiB, the small ones as often as
 * the large ones, each gone when 200 others have come. One thread.
 */
#include "workloads.h"

#define WINDOW	200
#define BLOCKS	6000000UL

static void run(struct bench *bench)
{
	unsigned long n = bench_count(bench, BLOCKS);
	void **window = bench_array(WINDOW, sizeof(*window));
	struct dice dice = dice_of(bench, 0);
	unsigned int at = 0;

	bench_begin(bench);
	for (unsigned long i = 0; i < n; i++) {
		free(window[at]);
		window[at] = take(dice_doublings(&dice, 8, 11));
		at = at + 1 < WINDOW ? at + 1 : 0;
	}
	for (at = 0; at < WINDOW; at++)
		free(window[at]);
	bench_end(bench, n);
}

const struct workload short_lived = {
	"short", "8 bytes to 16 KiB, each lives shortly", run,
};
