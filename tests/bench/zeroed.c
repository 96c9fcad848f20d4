// SPDX-License-Identifier: MIT
/* calloc, of small and medium sizes and now and then of large ones. */
#include "workloads.h"

#define SLOTS	500
#define BLOCKS	4000000UL

static void run(struct bench *bench)
{
	unsigned long n = bench_count(bench, BLOCKS);
	void **slots = bench_array(SLOTS, sizeof(*slots));
	struct dice dice = dice_of(bench, 0);

	bench_begin(bench);
	for (unsigned long i = 0; i < n; i++) {
		void **slot = &slots[dice_below(&dice, SLOTS)];
		size_t size = i % 5000 ? dice_doublings(&dice, 16, 8) :
			      256 * KIB;

		free(*slot);
		*slot = calloc(size / 8, 8);
		if (!*slot)
			abort();
		touch(*slot, size / 8 * 8);
	}
	for (unsigned int i = 0; i < SLOTS; i++)
		free(slots[i]);
	bench_end(bench, n);
}

const struct workload zeroed = {
	"calloc", "calloc, 16 bytes to 4 KiB, some of 256 KiB", run,
};
