/* SPDX-License-Identifier: MIT */
/*
 * Running a sequence on one or two engines, each beside a model of its own,
 * and comparing after every call.
 */
#ifndef DIFFERENTIAL_RUN_H
#define DIFFERENTIAL_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/engine.h"
#include "sequence.h"

#define RUN_KERNEL	1U
#define RUN_EMBEDDED	2U

/* Where the windows lie; the thread sanitizer has most other places. */
#ifdef __SANITIZE_THREAD__
#define KERNEL_WINDOW	0x550000000000ULL
#define EMBEDDED_WINDOW	0x567000000000ULL
#else
#define KERNEL_WINDOW	0x100000000000ULL
#define EMBEDDED_WINDOW	0x180000000000ULL
#endif

/*
 * Runs @seq in this process, which must not have used an engine before. The
 * first disagreement is described on stdout, each line behind "# ", and its
 * step returned through @failed_at.
 */
bool run_sequence(const struct sequence *seq, unsigned int engines,
		  bool verbose, size_t *failed_at);

/*
 * Runs @seq on the embedded engine, or on what @wrap makes of it, if given.
 * May be called again in the same process when the engine was made as new.
 * @same_status, if given, compares the model's result of an operation with the
 * engine's.
 */
typedef const struct ntmem_engine *
run_wrapper(const struct ntmem_engine *engine);
typedef bool run_same_status(uint32_t op, int want, int got);

bool run_embedded(const struct sequence *seq, run_wrapper *wrap,
		  run_same_status *same_status);

/*
 * One of several threads that each run a sequence on the same engine, in a
 * window of its own; access_init() was called and the granularity set.
 */
bool run_shared(const struct sequence *seq, const struct ntmem_engine *engine,
		u64 window);

/* One of two processes that take turns, as pair.h has it. */
struct pair;
bool run_paired(const struct sequence *seq, struct pair *pair);

/* Counts the operations and accesses from now on, those of children too. */
bool run_count_operations(void);
unsigned long run_operations(void);

/* What the module has charged to all spaces; 0 without a module. */
u64 run_charged(void);

/* Which engines work on this machine. */
unsigned int run_available(void);

#endif
