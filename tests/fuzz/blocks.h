/* SPDX-License-Identifier: MIT */
/*
 * What the targets that allocate share: sizes of blocks out of the input,
 * blocks' content, and threads that do steps in the place of the first one.
 */
#ifndef FUZZ_BLOCKS_H
#define FUZZ_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input.h"

#define MIB	((size_t)1 << 20)

/* At the beginning of a run. */
void fuzz_begin_blocks(void);

/*
 * The size of a block, small mostly. Up to 8 MiB; or, if *impossible is set,
 * one that no heap can give. All of a run together are bounded.
 */
size_t fuzz_size(bool *impossible);

/*
 * Up to 16 MiB more can be committed from now on, or all, which is said: calls
 * may fail in their middle. The second says that there is no limit any more,
 * at the end of a run, when address space must be given back, too.
 */
bool fuzz_limit_commit(void);
void fuzz_end_limit(void);

/*
 * The content of a block, by its seed. Of large blocks some bytes only are
 * written and looked at. size is what the block had when it was marked, from
 * the beginning of which kept are there.
 */
void fuzz_mark(uint8_t *block, size_t size, unsigned int seed);
bool fuzz_is_marked(const uint8_t *block, size_t size, size_t kept,
		    unsigned int seed);
bool fuzz_is_zero(const uint8_t *block, size_t from, size_t to);
/* Before a block is made smaller: what it loses shall not come back. */
void fuzz_soil(uint8_t *block, size_t from, size_t to);

/*
 * Runs a step on a thread: the first, 0, is the caller. One runs at a time,
 * so what happens depends on the input alone.
 */
#define FUZZ_THREADS	3

void fuzz_run_on(unsigned int thread, void (*step)(void));
/* Ends a thread but the first; the next step makes a new one. */
void fuzz_end_thread(unsigned int thread);

#endif
