/* SPDX-License-Identifier: GPL-2.0 */
/* Spaces that the walks through fork, exit and munmap begin with. */
#ifndef FAILURE_PROCESS_H
#define FAILURE_PROCESS_H

#include "failure.h"

/* 4 MiB in an arena. */
static inline void filled(struct step *s)
{
	reserving(s, 4 * MIB, RW, 0);
	CHECK(!nt_commit(s->fd, s->base, 3 * MIB, RW));
	fill(s, s->base, GRAN, 1);
	fill(s, s->base + 2 * MIB, 3 * PAGE, 2);
}

/* In mappings of their own as well, below and above the arena. */
static inline void several(struct step *s)
{
	__u64 addr;

	filled(s);
	CHECK(!nt_reserve_at(s->fd, WANTED, MIB));
	CHECK(!nt_commit(s->fd, WANTED, MIB, RW));
	fill(s, WANTED + GRAN, 2 * PAGE, 3);
	addr = nt_block(s->fd, MIB, RWX);
	CHECK(addr);
	fill(s, addr, 2 * PAGE, 4);
	addr = nt_block(s->fd, MIB, RW);
	CHECK(addr);
	fill(s, addr + MIB - PAGE, PAGE, 5);
}

static inline void big(struct step *s)
{
	__u64 addr;

	opened(s);
	addr = nt_block(s->fd, 64 * MIB, RW);
	CHECK(addr);
	fill(s, addr + 5 * MIB, 2 * PAGE, 1);
	fill(s, addr + 50 * MIB, 2 * PAGE, 2);
	CHECK(!nt_decommit(s->fd, addr + 20 * MIB, 20 * MIB));
	s->base = addr;
}

/* Shared already, in part. */
static inline void shared(struct step *s)
{
	filled(s);
	share(s);
	memset(nt_ptr(s->base), 1, PAGE);
}

#endif /* FAILURE_PROCESS_H */
