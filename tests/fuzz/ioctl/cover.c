// SPDX-License-Identifier: MIT
/*
 * What a program reached: the edges of the module's code that KCOV saw, where
 * the kernel has it, and otherwise which operations ended with which result.
 */
#include <fcntl.h>
#include <linux/ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define KCOV_INIT_TRACE	_IOR('c', 1, unsigned long)
#define KCOV_ENABLE	_IO('c', 100)
#define KCOV_TRACE_PC	0

#define EDGE_BITS	18
#define PC_SLOTS	(1 << 15)

unsigned int cover_pcs;
unsigned int cover_edges;

static int fds[COVERS];
static u64 *words[COVERS];

static uint8_t edges[1 << EDGE_BITS];
static u64 pcs[PC_SLOTS];
static uint8_t results[128][MAX_RESULT];

/* The trace buffers, below what programs may unmap. */
bool cover_init(void)
{
	for (unsigned int i = 0; i < COVERS; i++) {
		void *at = (void *)(0x20000000UL + i * COVER_WORDS * sizeof(u64));

		fds[i] = open("/sys/kernel/debug/kcov", O_RDWR);
		if (fds[i] < 0 || ioctl(fds[i], KCOV_INIT_TRACE, COVER_WORDS))
			return false;
		words[i] = mmap(at, COVER_WORDS * sizeof(u64),
				PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
				fds[i], 0);
		if (words[i] == MAP_FAILED) {
			words[i] = NULL;
			return false;
		}
	}
	return true;
}

void cover_reset(void)
{
	for (unsigned int i = 0; i < COVERS; i++)
		if (words[i])
			words[i][0] = 0;
}

static __thread u64 *mine;

/* The calling thread is traced from here on, while buffers last. */
void cover_thread(void)
{
	unsigned int i;

	if (!words[0])
		return;
	i = atomic_fetch_add(&shared->covers, 1);
	mine = NULL;
	if (i < COVERS && words[i] &&
	    !ioctl(fds[i], KCOV_ENABLE, KCOV_TRACE_PC))
		mine = words[i];
}

/* What lies between pause and resume does not count: checks, for instance. */
u64 cover_pause(void)
{
	return mine ? __atomic_load_n(mine, __ATOMIC_RELAXED) : 0;
}

void cover_resume(u64 paused)
{
	if (mine)
		__atomic_store_n(mine, paused, __ATOMIC_RELAXED);
}

static bool new_pc(u64 pc)
{
	unsigned int i = pc * 0x9e3779b97f4a7c15ULL >> 49;

	while (pcs[i % PC_SLOTS]) {
		if (pcs[i % PC_SLOTS] == pc)
			return false;
		i++;
	}
	if (cover_pcs >= PC_SLOTS / 2)
		return false;
	pcs[i % PC_SLOTS] = pc;
	cover_pcs++;
	return true;
}

static unsigned int collect_trace(const u64 *trace)
{
	u64 count = __atomic_load_n(&trace[0], __ATOMIC_RELAXED);
	unsigned int news = 0;
	u64 before = 0;

	if (count > COVER_WORDS - 1)
		count = COVER_WORDS - 1;
	for (u64 i = 1; i <= count; i++) {
		u64 hash = (trace[i] ^ before * 31) * 0x9e3779b97f4a7c15ULL;

		before = trace[i];
		hash >>= 64 - EDGE_BITS;
		if (edges[hash])
			continue;
		edges[hash] = 1;
		cover_edges++;
		news++;
		new_pc(trace[i]);
	}
	return news;
}

/* How much of what the last program reached nothing had reached before. */
unsigned int cover_collect(void)
{
	unsigned int news = 0;

	for (unsigned int i = 0; i < COVERS; i++)
		if (words[i])
			news += collect_trace(words[i]);
	for (unsigned int i = 0; i < op_count; i++) {
		for (unsigned int k = 0; k < MAX_RESULT; k++) {
			if (!shared->result[i][k] || results[i][k])
				continue;
			results[i][k] = 1;
			news++;
		}
	}
	return news;
}
