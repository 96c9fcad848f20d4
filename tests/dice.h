/* SPDX-License-Identifier: MIT */
/* Random numbers of one kind, the same from the same state (splitmix64). */
#ifndef NTMEM_DICE_H
#define NTMEM_DICE_H

#include <stdint.h>

struct dice {
	uint64_t state;
};

static inline uint64_t dice_u64(struct dice *dice)
{
	uint64_t x = dice->state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static inline unsigned int dice_below(struct dice *dice, unsigned int n)
{
	return (dice_u64(dice) >> 32) * n >> 32;
}

#endif /* NTMEM_DICE_H */
