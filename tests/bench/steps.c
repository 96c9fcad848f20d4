// SPDX-License-Identifier: MIT
/*
 * How many instructions a malloc and a free take together: with the processor's
 * trap flag set each instruction ends in a signal, whose handler counts. That is
 * done for n pairs and for 2n, and what the second n took is divided by n.
 * Counted so are the loop, a byte written, and the calls by way of the PLT: about
 * ten. 64 blocks of the size stay allocated. The count needs no counter of the
 * hardware, and does not depend on what else the machine does; with a tracer that
 * steps a child it would take much longer, who waits for a CPU twice a step.
 */
#include <signal.h>
#include <stdio.h>

#include "bench.h"

/* A test for NULL would be counted; a fault tells as well. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-possible-null-dereference"
#endif

#define ALIVE		64
#define CALL_PAIRS	1000UL

static volatile long steps;

static void on_step(int signal)
{
	(void)signal;
	steps++;
}

/* Below what the compiler may keep under the stack pointer. */
static inline __attribute__((always_inline)) void step_from_here(void)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
			 "pushfq\n\t"
			 "orq $0x100, (%%rsp)\n\t"
			 "popfq\n\t"
			 "lea 128(%%rsp), %%rsp" ::: "memory", "cc");
}

static inline __attribute__((always_inline)) void step_no_more(void)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
			 "pushfq\n\t"
			 "andq $~0x100, (%%rsp)\n\t"
			 "popfq\n\t"
			 "lea 128(%%rsp), %%rsp" ::: "memory", "cc");
}

__attribute__((noinline)) void take_and_free(size_t size, unsigned long pairs)
{
	while (pairs--) {
		volatile char *block = malloc(size);

		*block = 1;
		free((void *)block);
	}
}

static long count_pairs(size_t size, unsigned long pairs)
{
	steps = 0;
	step_from_here();
	take_and_free(size, pairs);
	step_no_more();
	return steps;
}

int count_steps(size_t size, unsigned long pairs)
{
	void *alive[ALIVE];
	long once, twice;
	double calls;

	signal(SIGTRAP, on_step);
	for (unsigned int i = 0; i < ALIVE; i++)
		alive[i] = take(size);
	take_and_free(size, 4 * CALL_PAIRS);
	calls = count_calls(size, CALL_PAIRS);
	once = count_pairs(size, pairs);
	twice = count_pairs(size, 2 * pairs);
	for (unsigned int i = 0; i < ALIVE; i++)
		free(alive[i]);
	if (calls < 0) {
		fprintf(stderr, "bench: the child could not be traced\n");
		return 1;
	}
	printf("{\"size\": %zu, \"pairs\": %lu, \"instructions\": %.1f, \"system_calls\": %.3f}\n",
	       size, pairs, (double)(twice - once) / pairs, calls);
	return 0;
}
