// SPDX-License-Identifier: MIT
/*
 * A program that lives long: it grows, frees nine blocks of ten at random, and
 * grows again with blocks of other sizes, which have to fit between those that
 * stayed. What it holds at the end of each growth is the same.
 */
#include "workloads.h"

#define HELD	(24 * MIB)

static const struct growth {
	unsigned int least;
	unsigned int most;
} growths[] = {
	{ 16, 200 }, { 100, 900 }, { 24, 96 }, { 1000, 6000 }, { 16, 400 },
};

struct held {
	struct block {
		void *address;
		size_t size;
	} *blocks;
	unsigned long count;
	size_t bytes;
};

static void grow(struct held *held, struct dice *dice,
		 const struct growth *growth, size_t bytes)
{
	while (held->bytes < bytes) {
		size_t size = dice_between(dice, growth->least, growth->most);

		held->blocks[held->count++] = (struct block){
			take(size), size
		};
		held->bytes += size;
	}
}

static void shrink(struct held *held, struct dice *dice)
{
	unsigned long left = held->count / 10;

	while (held->count > left) {
		struct block *block =
			&held->blocks[dice_below(dice, held->count)];

		free(block->address);
		held->bytes -= block->size;
		*block = held->blocks[--held->count];
	}
}

static void run(struct bench *bench)
{
	size_t bytes = bench_count(bench, HELD);
	struct held held = {
		.blocks = bench_array(bytes / 16 + 1, sizeof(*held.blocks)),
	};
	struct dice dice = dice_of(bench, 0);
	unsigned long taken = 0;

	bench_begin(bench);
	for (unsigned int i = 0; i < sizeof(growths) / sizeof(*growths); i++) {
		taken -= held.count;
		grow(&held, &dice, &growths[i], bytes);
		taken += held.count;
		shrink(&held, &dice);
	}
	while (held.count)
		free(held.blocks[--held.count].address);
	bench_end(bench, taken);
}

const struct workload fragment = {
	"fragment", "grow, free 90 % at random, grow with other sizes", run,
};
