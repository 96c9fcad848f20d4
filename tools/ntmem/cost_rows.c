// SPDX-License-Identifier: MIT
/*
 * The rows of the study: which work, at which sizes, in which ways, how often.
 *
 * A round is long enough, and its untimed lead too, for work that the kernel
 * puts off (freed memory that waits for a grace period, for one) to be paid
 * for by the way that caused it.
 */
#include "cost.h"

#define KIB(n) ((n) * COST_KIB)
#define MIB(n) ((n) * COST_MIB)
#define PAGES(size) ((size) / COST_PAGE)

#define CALLS .divide = 1, .per = "call", .rounds = 4
#define PAIR .ways = { &cost_ntmem, &cost_linux }
#define MPROTECT .beside = "mprotect"
#define DONTNEED .beside = "MADV_DONTNEED, mprotect"
#define LIVES \
	.beside = "mprotect, MADV_DONTNEED, mprotect", \
	.ways = { &cost_ntmem, &cost_linux, &cost_linux_mmap, \
		  &cost_linux_thp, &cost_linux_populate }
#define TOUCHES \
	.beside = "4K pages", \
	.ways = { &cost_ntmem, &cost_linux, &cost_linux_thp, \
		  &cost_linux_populate }

#define RESERVE(text, bytes) { \
	.name = "reserve-release/" text, .work = &cost_reserve, \
	.what = "reserve and release " text, .beside = "mmap, munmap", \
	.size = (bytes), .turns = 250, .lead = 50, CALLS, PAIR }

#define FRESH(text, bytes, count) { \
	.name = "commit-fresh/" text, .work = &cost_commit_fresh, \
	.what = "commit " text ", a new range each time", \
	.size = (bytes), .turns = (count), .lead = 8, CALLS, \
	PAIR, MPROTECT }

#define AGAIN(text, bytes) { \
	.name = "commit-again/" text, .work = &cost_commit_again, \
	.what = "commit " text ", a range used before", \
	.size = (bytes), .touched = 1, .turns = 250, .lead = 150, \
	CALLS, PAIR, MPROTECT }

#define DECOMMIT(text, bytes, pages, how, words, count) { \
	.name = "decommit-" how "/" text, .work = &cost_decommit, \
	.what = "decommit " text ", " words, .size = (bytes), \
	.touched = (pages), .turns = (count), .lead = (count) / 2, \
	CALLS, PAIR, DONTNEED }

#define PROTECT(text, bytes, count) { \
	.name = "protect/" text, .work = &cost_protect, \
	.what = "protect " text ", rw to r", .size = (bytes), \
	.touched = (bytes) / COST_PAGE, .turns = (count), .lead = (count) / 2, \
	CALLS, PAIR, MPROTECT }

#define CYCLE(text, bytes, count) { \
	.name = "protect-cycle/" text, .work = &cost_protect_cycle, \
	.what = "protect " text ", rw to r to rw, all pages written again", \
	.size = (bytes), .touched = (bytes) / COST_PAGE, .turns = (count), \
	.lead = (count) / 2, CALLS, PAIR, MPROTECT }

#define QUERY(text, runs, count) { \
	.name = "query/" text, .work = &cost_query, \
	.what = "query among " text " committed ranges", \
	.touched = (runs), .turns = (count), .lead = 2, CALLS, \
	.ways = { &cost_ntmem, &cost_linux_maps, &cost_linux_procmap } }

#define LIFE(text, bytes, pages, words, count) { \
	.name = "life/" text "/" words, .work = &cost_life, \
	.what = "life of " text ": commit, touch " words ", decommit", \
	.size = (bytes), .touched = (pages), .turns = (count), \
	.lead = (count) / 2, CALLS, LIVES }

const struct cost_row cost_rows[] = {
	{ .name = "null", .what = "null call: INFO", .beside = "getppid",
	  .work = &cost_null, .turns = 250, .lead = 50, CALLS, PAIR },

	RESERVE("4K", KIB(4)), RESERVE("64K", KIB(64)), RESERVE("1M", MIB(1)),
	RESERVE("16M", MIB(16)), RESERVE("64M", MIB(64)),

	FRESH("4K", KIB(4), 500), FRESH("64K", KIB(64), 500),
	FRESH("1M", MIB(1), 50), FRESH("16M", MIB(16), 50),
	FRESH("64M", MIB(64), 50),
	AGAIN("4K", KIB(4)), AGAIN("64K", KIB(64)), AGAIN("1M", MIB(1)),
	AGAIN("16M", MIB(16)), AGAIN("64M", MIB(64)),
	{ .name = "commit-batch/64K", .work = &cost_commit_batch,
	  .what = "commit 64K, one of 256 ranges in a batch",
	  .size = KIB(64), .divide = COST_BATCH, .per = "range", .rounds = 2,
	  .turns = 5, .lead = 1, PAIR, .beside = "256 times mprotect" },

	DECOMMIT("4K", KIB(4), 0, "untouched", "nothing touched", 250),
	DECOMMIT("4K", KIB(4), 1, "one", "one page touched", 250),
	DECOMMIT("4K", KIB(4), 1, "all", "all pages touched", 250),
	DECOMMIT("64K", KIB(64), 0, "untouched", "nothing touched", 250),
	DECOMMIT("64K", KIB(64), 1, "one", "one page touched", 250),
	DECOMMIT("64K", KIB(64), 16, "all", "all pages touched", 150),
	DECOMMIT("1M", MIB(1), 0, "untouched", "nothing touched", 250),
	DECOMMIT("1M", MIB(1), 1, "one", "one page touched", 250),
	DECOMMIT("1M", MIB(1), 256, "all", "all pages touched", 10),
	DECOMMIT("16M", MIB(16), 0, "untouched", "nothing touched", 100),
	DECOMMIT("16M", MIB(16), 1, "one", "one page touched", 100),
	DECOMMIT("64M", MIB(64), 0, "untouched", "nothing touched", 100),
	DECOMMIT("64M", MIB(64), 1, "one", "one page touched", 100),
	{ .name = "decommit-all/64M", .work = &cost_decommit,
	  .what = "decommit 64M, all pages touched", .size = MIB(64),
	  .touched = PAGES(MIB(64)), .turns = 1, .rounds = 3,
	  .divide = PAGES(MIB(64)), .per = "page", PAIR, DONTNEED },

	PROTECT("4K", KIB(4), 250), CYCLE("4K", KIB(4), 250),
	PROTECT("64K", KIB(64), 100), CYCLE("64K", KIB(64), 100),
	PROTECT("1M", MIB(1), 10), CYCLE("1M", MIB(1), 10),
	{ .name = "protect-cycle/16M", .work = &cost_protect_cycle,
	  .what = "protect 16M, rw to r to rw, all pages written again",
	  .size = MIB(16), .touched = PAGES(MIB(16)), .turns = 2, .lead = 1,
	  .rounds = 2, .divide = PAGES(MIB(16)), .per = "page", PAIR,
	  MPROTECT },

	QUERY("1", 1, 50), QUERY("500", 500, 10),

	{ .name = "touch-sequential/64M", .work = &cost_touch,
	  .what = "first touch, page after page", .size = MIB(64),
	  .step = COST_HUGE, .touched = PAGES(COST_HUGE), .turns = 32,
	  .rounds = 2, .divide = PAGES(COST_HUGE), .per = "page", TOUCHES },
	{ .name = "touch-random/64M", .work = &cost_touch_random,
	  .what = "first touch, pages without order", .size = MIB(64),
	  .touched = PAGES(COST_HUGE), .turns = 32, .rounds = 2,
	  .divide = PAGES(COST_HUGE), .per = "page",
	  .beside = "4K pages",
	  .ways = { &cost_ntmem, &cost_linux, &cost_linux_thp } },
	{ .name = "touch-one/64K", .work = &cost_touch,
	  .what = "first touch, one page in each 64K", .size = MIB(32),
	  .step = KIB(64), .touched = 1, .turns = 448, .lead = 64,
	  .rounds = 2, .divide = 1, .per = "page",
	  .beside = "4K pages", PAIR },
	{ .name = "touch-batch/64K", .work = &cost_touch_batch,
	  .what = "first touch of all pages of 64K committed in a batch",
	  .size = KIB(64), .step = COST_STRIDE * KIB(64), .touched = 16,
	  .turns = COST_BATCH, .rounds = 2, .divide = 16, .per = "page",
	  TOUCHES },

	LIFE("4K", KIB(4), 1, "1", 250),
	LIFE("64K", KIB(64), 1, "1", 500),
	LIFE("64K", KIB(64), 16, "16", 150),
	LIFE("1M", MIB(1), 256, "all", 10),
	{ .name = "life/64M/all", .work = &cost_life,
	  .what = "life of 64M: commit, touch all, decommit",
	  .size = MIB(64), .touched = PAGES(MIB(64)), .turns = 1, .lead = 0,
	  .rounds = 3, .divide = PAGES(MIB(64)), .per = "page", LIVES },

	{ .name = "watch/1G", .work = &cost_watch,
	  .what = "one page of 100 written, of 1G, and told",
	  .size = MIB(1024), .touched = 2621, .turns = 4, .lead = 1,
	  .rounds = 2, .divide = 2621, .per = "page",
	  .ways = { &cost_ntmem_watch, &cost_linux_segv, &cost_linux_uffd } },

	{ .name = "fork/0", .what = "fork, exit and wait, no memory",
	  .work = &cost_fork, .turns = 15, .lead = 3, CALLS, PAIR,
	  .beside = "fork" },
	{ .name = "fork/64M", .what = "fork, exit and wait, 64M touched",
	  .work = &cost_fork, .size = MIB(64), .touched = PAGES(MIB(64)),
	  .turns = 10, .lead = 2, .divide = 1, .per = "call", .rounds = 2,
	  .beside = "fork",
	  .ways = { &cost_ntmem, &cost_linux, &cost_linux_thp } },
	{ .name = "fork-write/64M",
	  .what = "the same, and all 64M written again by the parent",
	  .work = &cost_fork_write, .size = MIB(64),
	  .touched = PAGES(MIB(64)), .turns = 2, .lead = 1, .divide = 1,
	  .per = "call", .rounds = 2, .beside = "fork",
	  .ways = { &cost_ntmem, &cost_linux, &cost_linux_thp } },
};

const size_t cost_row_count = sizeof(cost_rows) / sizeof(cost_rows[0]);
