// SPDX-License-Identifier: GPL-2.0
/*
 * WATCH with each of its allocations and copies failing in turn: what was not
 * told is still recorded.
 */
#include "failure_space.h"

#define WATCHED	(4 * MIB)
#define STEP	(5 * PAGE)
#define WRITTEN	((WATCHED + STEP - 1) / STEP)

static __u64 pages[WATCHED / PAGE];

static void written(struct step *s)
{
	__u64 at;

	reserving(s, WATCHED, RW, NTMEM_RESERVE_COMMIT | NTMEM_RESERVE_WATCH);
	for (at = 0; at < WATCHED; at += STEP)
		nt_poke(s->base + at, 7);
}

static void written_shared(struct step *s)
{
	written(s);
	share(s);
}

static int get(struct step *s, __u64 *count, __u32 flags)
{
	*count = WATCHED / PAGE;
	return nt_watch(s->fd, s->base, WATCHED, pages, count, flags);
}

/* All there are, from the nr-th on. */
static void told(struct step *s, __u64 nr, __u64 count)
{
	__u64 i;

	for (i = 0; i < count; i++)
		CHECK(pages[i] == s->base + (nr + i) * STEP);
}

static __u64 taken;

static int take(struct step *s)
{
	return get(s, &taken, NTMEM_WATCH_RESET);
}

static void done(struct step *s)
{
	__u64 left;

	told(s, 0, taken);
	stop(s);
	CHECK(!get(s, &left, 0));
	CHECK(taken + left == WRITTEN);
	told(s, taken, left);
	nt_poke(s->base + PAGE, 8);
	CHECK(!get(s, &left, NTMEM_WATCH_RESET));
	CHECK(!get(s, &left, 0) && !left);
}

static void failed(struct step *s, int error)
{
	__u64 left;

	(void)error;
	CHECK(!get(s, &left, 0));
	CHECK(left == WRITTEN);
	told(s, 0, left);
	unchanged(s);
}

CASE(watch) {
	.setup = written, .run = take, .done = done, .failed = failed,
	.alone = true,
};

CASE(watch_shared) {
	.setup = written_shared, .run = take, .done = done, .failed = failed,
	.alone = true,
};

FAILURE_MAIN
