// SPDX-License-Identifier: MIT
/*
 * Sizes, content and threads for the targets that allocate. See blocks.h.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "blocks.h"
#include "engine/embedded.h"
#include "target.h"

/* Bytes in all blocks of a run; then they are small. */
#define BUDGET		(96 * MIB)
#define LARGEST		(8 * MIB)
/* Bytes; heaps keep arenas of 64 MiB. */
#define RESERVED_MOST	((uint64_t)1 << 30)

static size_t budget;

void fuzz_begin_blocks(void)
{
	budget = BUDGET;
}

/* Near a power of two, where kinds of blocks begin and end. */
static size_t edge(void)
{
	size_t size = (size_t)16 << fuzz_take(1) % 20;
	int8_t delta = (int8_t)fuzz_take(1);

	return size + delta;
}

static size_t possible_size(unsigned int kind)
{
	if (kind < 110)
		return fuzz_take(1);
	if (kind < 170)
		return fuzz_take(2) % 4096;
	if (kind < 200)
		return fuzz_take(2);
	return kind < 230 ? edge() : fuzz_take(3) % LARGEST;
}

size_t fuzz_size(bool *impossible)
{
	static const size_t too_large[] = {
		SIZE_MAX, SIZE_MAX - 15, SIZE_MAX - 4096, PTRDIFF_MAX,
		(size_t)PTRDIFF_MAX + 1, (size_t)1 << 47, (size_t)1 << 62,
	};
	unsigned int kind = fuzz_take(1);
	size_t size;

	*impossible = kind >= 252;
	if (*impossible)
		return too_large[fuzz_take(1) % (sizeof(too_large) /
						 sizeof(too_large[0]))];
	size = possible_size(kind);
	if (size > budget)
		size %= 4096;
	budget -= size < budget ? size : budget;
	return size;
}

bool fuzz_limit_commit(void)
{
	uint64_t more = fuzz_take(1);

	embedded.limit = more < 192 ? embedded.committed + more * 65536 :
				      UINT64_MAX;
	return more < 192;
}

void fuzz_end_limit(void)
{
	embedded.limit = UINT64_MAX;
	fuzz_check(embedded.reserved < RESERVED_MOST, "%#llx bytes reserved",
		   (unsigned long long)embedded.reserved);
}

/* --------------------------------------------------------------- content --- */

#define WHOLE	1024		/* up to this size each byte is looked at */
#define ENDS	64		/* bytes at both ends, of all blocks */

static uint8_t byte_at(size_t at, unsigned int seed)
{
	return (uint8_t)((at ^ at >> 8 ^ at >> 16) * 13 + seed * 101 + 1);
}

/* Places of large blocks are places of smaller ones, too. */
static size_t stride(size_t size)
{
	return size <= 64 * 1024 ? 256 : size <= MIB ? 4096 : 32768;
}

static size_t next_at(size_t at, size_t size)
{
	size_t next;

	if (size <= WHOLE || at < ENDS || size - at <= ENDS)
		return at + 1;
	next = (at | (stride(size) - 1)) + 1;
	return next < size - ENDS ? next : size - ENDS;
}

void fuzz_mark(uint8_t *block, size_t size, unsigned int seed)
{
	for (size_t at = 0; at < size; at = next_at(at, size))
		block[at] = byte_at(at, seed);
}

bool fuzz_is_marked(const uint8_t *block, size_t size, size_t kept,
		    unsigned int seed)
{
	for (size_t at = 0; at < kept; at = next_at(at, size))
		if (block[at] != byte_at(at, seed))
			return false;
	return true;
}

#define SOILED		4096

void fuzz_soil(uint8_t *block, size_t from, size_t to)
{
	if (from < to)
		memset(block + from, 0xee,
		       to - from < SOILED ? to - from : SOILED);
}

static bool are_zero(const uint8_t *bytes_at, size_t size)
{
	return !size || (!*bytes_at &&
			 !memcmp(bytes_at, bytes_at + 1, size - 1));
}

/* Each byte, but for what is far behind in large blocks. */
bool fuzz_is_zero(const uint8_t *block, size_t from, size_t to)
{
	size_t whole = to - from;

	if (from >= to)
		return true;
	if (whole > MIB)
		whole = MIB / 8;
	if (!are_zero(block + from, whole))
		return false;
	for (size_t at = from + whole; at < to; at = next_at(at, to))
		if (block[at])
			return false;
	return true;
}

/* --------------------------------------------------------------- threads --- */

static struct helper {
	pthread_t thread;
	sem_t wanted;
	sem_t done;
	void (*step)(void);	/* NULL: end */
	bool exists;
} helpers[FUZZ_THREADS];

static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) && errno == EINTR)
		;
}

static void *help(void *arg)
{
	struct helper *helper = arg;

	for (;;) {
		wait_for(&helper->wanted);
		if (!helper->step)
			return NULL;
		helper->step();
		sem_post(&helper->done);
	}
}

static void make_helper(struct helper *helper)
{
	sem_init(&helper->wanted, 0, 0);
	sem_init(&helper->done, 0, 0);
	fuzz_check(!pthread_create(&helper->thread, NULL, help, helper),
		   "no thread");
	helper->exists = true;
}

void fuzz_run_on(unsigned int thread, void (*step)(void))
{
	struct helper *helper = &helpers[thread];

	if (!thread) {
		step();
		return;
	}
	if (!helper->exists)
		make_helper(helper);
	helper->step = step;
	sem_post(&helper->wanted);
	wait_for(&helper->done);
}

void fuzz_end_thread(unsigned int thread)
{
	struct helper *helper = &helpers[thread];

	if (!helper->exists)
		return;
	helper->step = NULL;
	sem_post(&helper->wanted);
	pthread_join(helper->thread, NULL);
	helper->exists = false;
}
