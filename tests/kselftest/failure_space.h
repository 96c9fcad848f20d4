/* SPDX-License-Identifier: GPL-2.0 */
/* Spaces that the walks through the ioctls begin with, and their cases' form. */
#ifndef FAILURE_SPACE_H
#define FAILURE_SPACE_H

#include "failure.h"

/* ------------------------------------------------------------------------
 * Spaces to begin with.
 */
static inline void nothing(struct step *s)
{
	(void)s;
}

/* 32 MiB, which begin with a page table, reserved. */
static inline void reserved(struct step *s)
{
	reserving(s, 32 * MIB, RW, 0);
}

/* The first MiB committed; of it four blocks touched, one in part. */
static inline void touched(struct step *s)
{
	reserved(s);
	CHECK(!nt_commit(s->fd, s->base, MIB, RW));
	fill(s, s->base, 3 * GRAN, 1);
	fill(s, s->base + 5 * GRAN, 2 * PAGE, 2);
}

/* Blocks whose pages differ. */
static inline void mixed(struct step *s)
{
	int i;

	touched(s);
	for (i = 0; i < 3; i++)
		CHECK(!nt_protect(s->fd, s->base + i * GRAN + PAGE, PAGE, RO,
				  NULL));
	CHECK(!nt_commit(s->fd, s->base + 8 * GRAN + PAGE, PAGE, RW | GUARD));
}

/* All of it, as a run without tables but where it was touched. */
static inline void big(struct step *s)
{
	reserved(s);
	CHECK(!nt_commit(s->fd, s->base, 32 * MIB, RW));
	fill(s, s->base + 4 * MIB, 2 * PAGE, 3);
	fill(s, s->base + 31 * MIB, PAGE, 4);
}

/* At an address of its own. */
static inline void wanted(struct step *s)
{
	opened(s);
	s->base = WANTED;
	CHECK(!nt_reserve_at(s->fd, WANTED, MIB));
	CHECK(!nt_commit(s->fd, WANTED, GRAN, RW));
	fill(s, WANTED, 2 * PAGE, 7);
}

static inline void shared(struct step *s)
{
	mixed(s);
	share(s);
}

/* A MiB more works, and nothing else was lost. */
static inline void works(struct step *s)
{
	__u64 base = nt_block(s->fd, MIB, RW);

	CHECK(base);
	CHECK(usable(base, RW));
	CHECK(usable(base + MIB - PAGE, RW));
	CHECK(holds_all(s));
}

#define RESERVING(...)							\
	.op = { .op = NTMEM_NR_RESERVE, .reserve = { __VA_ARGS__ } }

#define RANGE(nr, at, length, protection)				\
	.op = { .op = NTMEM_NR_##nr,					\
		.range = { .addr = (at), .size = (length),		\
			   .prot = (protection) } }

#endif /* FAILURE_SPACE_H */
