// SPDX-License-Identifier: MIT
/*
 * Blocks that one thread takes and another one frees, by way of a ring: half of
 * the threads produce, the other half consume. Of one size, and of mixed sizes.
 */
#include <sched.h>
#include <stdatomic.h>

#include "workloads.h"

#define RING	8192UL		/* blocks under way */
#define GROUP	64UL		/* handed over together */
#define SMALL	7000000UL	/* blocks in all */
#define MIXED	1500000UL

struct ring {
	_Alignas(64) atomic_ulong made;
	_Alignas(64) atomic_ulong used;
	_Alignas(64) void *blocks[RING];
};

struct handover {
	struct ring *rings;
	unsigned int least;
	unsigned int most;
	unsigned long groups;
};

/* Until the other side has come so far. */
static void wait_for(atomic_ulong *count, unsigned long least)
{
	while ((long)(atomic_load_explicit(count, memory_order_acquire) -
		      least) < 0)
		sched_yield();
}

static void produce(const struct handover *handover, struct ring *ring,
		    struct dice dice)
{
	unsigned long end = handover->groups * GROUP;

	for (unsigned long n = 0; n < end; n += GROUP) {
		if (n >= RING)
			wait_for(&ring->used, n + GROUP - RING);
		for (unsigned long i = n; i < n + GROUP; i++)
			ring->blocks[i % RING] =
				take(dice_between(&dice, handover->least,
						  handover->most));
		atomic_store_explicit(&ring->made, n + GROUP,
				      memory_order_release);
	}
}

static void consume(const struct handover *handover, struct ring *ring)
{
	unsigned long end = handover->groups * GROUP;

	for (unsigned long n = 0; n < end; n += GROUP) {
		wait_for(&ring->made, n + GROUP);
		for (unsigned long i = n; i < n + GROUP; i++) {
			volatile char *block = ring->blocks[i % RING];

			block[0]++;
			free((void *)block);
		}
		atomic_store_explicit(&ring->used, n + GROUP,
				      memory_order_release);
	}
}

static void take_part(struct worker *worker)
{
	const struct handover *handover = worker->shared;
	struct ring *ring = &handover->rings[worker->nr / 2];

	if (worker->nr % 2) {
		consume(handover, ring);
	} else {
		produce(handover, ring, dice_of(worker->bench, worker->nr));
		worker->operations = handover->groups * GROUP;
	}
}

static void run(struct bench *bench, unsigned int least, unsigned int most,
		unsigned long blocks)
{
	unsigned int couples = bench->threads > 1 ? bench->threads / 2 : 1;
	struct handover handover = {
		.rings = bench_array(couples, sizeof(struct ring)),
		.least = least,
		.most = most,
		.groups = bench_count(bench, blocks / GROUP),
	};

	bench_parallel(bench, 2 * couples, take_part, &handover);
}

static void run_one_size(struct bench *bench)
{
	run(bench, 64, 64, SMALL);
}

static void run_mixed(struct bench *bench)
{
	run(bench, 16, 1023, MIXED);
}

const struct workload handover_one_size = {
	"handover-64", "64 bytes, freed by another thread", run_one_size,
};

const struct workload handover_mixed = {
	"handover-mixed", "16 to 1023 bytes, freed by another thread",
	run_mixed,
};
