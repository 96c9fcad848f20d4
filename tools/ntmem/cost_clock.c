// SPDX-License-Identifier: MIT
/*
 * The clock: which one is read, what a tick of it is, and what reading costs.
 *
 * In a guest under "qemu -icount shift=0" each instruction takes a nanosecond
 * and the TSC, where the guest has one, counts instructions. That is found out
 * by timing two loops with a known number of instructions: no real processor
 * takes exactly a nanosecond for each instruction of both.
 */
#include <stdlib.h>
#include <time.h>

#include "cost.h"

#define LOOP 50000
#define TRIES 25

struct cost_clock cost_clock = { .unit = COST_NS };

static int64_t nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

#ifdef __x86_64__
static int64_t tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (int64_t)((uint64_t)high << 32 | low);
}

/* 2 instructions a turn. */
static void loop_of_two(void)
{
	unsigned long turns = LOOP;

	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(turns) : : "cc");
}

/* 6 instructions a turn, four of them in a slow chain. */
static void loop_of_six(void)
{
	unsigned long turns = LOOP, value = 3;

	__asm__ volatile("1: imul %1, %1\n\timul %1, %1\n\timul %1, %1\n\t"
			 "imul %1, %1\n\tdec %0\n\tjnz 1b"
			 : "+r"(turns), "+r"(value) : : "cc");
}

/* The loop's shortest time, so that no interrupt is in it. */
static int64_t shortest(int64_t (*now)(void), void (*loop)(void))
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		int64_t from = now(), ticks;

		loop();
		ticks = now() - from;
		if (ticks < best)
			best = ticks;
	}
	return best;
}

/* Reading the clock itself may add up to a twentieth. */
static bool about(int64_t ticks, int64_t instructions)
{
	return ticks >= instructions - instructions / 500 &&
	       ticks <= instructions + instructions / 20;
}

static bool counts_instructions(int64_t (*now)(void))
{
	return about(shortest(now, loop_of_two), 2 * LOOP) &&
	       about(shortest(now, loop_of_six), 6 * LOOP);
}
#else
static int64_t tsc(void)
{
	return 0;
}

static bool counts_instructions(int64_t (*now)(void))
{
	(void)now;
	return false;
}
#endif

int64_t cost_now(void)
{
	return cost_clock.tsc ? tsc() : nanoseconds();
}

int64_t cost_since(int64_t from)
{
	return cost_now() - from - cost_clock.cost;
}

static int compare(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

void cost_clock_start(enum cost_unit unit)
{
	static int64_t samples[1001];

	if (unit == COST_AUTO)
		unit = counts_instructions(nanoseconds) ? COST_INSTRUCTIONS :
			COST_NS;
	cost_clock.unit = unit;
	cost_clock.tsc = unit == COST_INSTRUCTIONS && counts_instructions(tsc);
	for (size_t i = 0; i < 1001; i++) {
		int64_t from = cost_now();

		samples[i] = cost_now() - from;
	}
	qsort(samples, 1001, sizeof(samples[0]), compare);
	cost_clock.cost = samples[500];
}

const char *cost_unit_name(enum cost_unit unit)
{
	return unit == COST_INSTRUCTIONS ? "instructions" : "ns";
}
