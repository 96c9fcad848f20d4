// SPDX-License-Identifier: GPL-2.0
/*
 * open(2) of the device, RESERVE, and the calls that only say something, with
 * each of their allocations and copies failing in turn.
 */
#include "failure_space.h"

/* ------------------------------------------------------------------------
 * open(2).
 */
static int run_open(struct step *s)
{
	s->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	return s->fd < 0 ? errno : 0;
}

static int run_open_again(struct step *s)
{
	int fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(s->fd);
	s->fd = fd;
	return 0;
}

static void nothing_opened(struct step *s, int error)
{
	(void)error;
	CHECK(s->fd < 0);
}

CASE(open) {
	.setup = nothing, .run = run_open, .done = works,
	.failed = nothing_opened,
};

CASE(open_again) {
	.setup = touched, .run = run_open_again, .done = works,
};

/* ------------------------------------------------------------------------
 * RESERVE.
 */
static void done_reserve(struct step *s)
{
	const struct ntmem_reserve *r = &s->is->op.reserve;
	__u32 prot = r->flags & NTMEM_RESERVE_COMMIT ? r->prot : 0;
	__u64 size = r->addr ? r->size + r->addr % GRAN : r->size;

	CHECK(s->base);
	CHECK(nt_in(s->fd, s->base, s->base, r->prot));
	CHECK(nt_run(s->fd, s->base, size, prot ? COMMITTED : RESERVED, prot));
	if (!prot) {
		CHECK(!nt_commit(s->fd, s->base, PAGE, RW));
		CHECK(!nt_commit(s->fd, s->base + size - PAGE, PAGE, RW));
	}
	CHECK(usable(s->base, prot ? prot : RW));
	CHECK(usable(s->base + size - PAGE, prot ? prot : RW));
}

/* As if there had never been a reservation. */
static void nothing_reserved(struct step *s, int error)
{
	(void)error;
	unchanged(s);
	CHECK(!nt_set_granularity(s->fd, GRAN));
}

/*
 * The same of one with a mapping of its own, which is gone, too, unless there
 * was no memory even to unmap it.
 */
static void nothing_mapped(struct step *s, int error)
{
	(void)error;
	unchanged(s);
	CHECK(s->times == ALL || mapped() == s->mapped);
	CHECK(s->before.reserved || !nt_set_granularity(s->fd, GRAN));
}

CASE(reserve_first) {
	.setup = opened, RESERVING(.size = MIB, .prot = RW),
	.done = done_reserve, .failed = nothing_reserved,
};

CASE(reserve_next) {
	.setup = touched, RESERVING(.size = MIB, .prot = RW),
	.done = done_reserve,
};

CASE(reserve_committed) {
	.setup = opened,
	RESERVING(.size = MIB, .prot = RW, .flags = NTMEM_RESERVE_COMMIT),
	.done = done_reserve, .failed = nothing_reserved,
};

CASE(reserve_committed_big) {
	.setup = opened,
	RESERVING(.size = 200 * MIB, .prot = RW, .flags = NTMEM_RESERVE_COMMIT),
	.done = done_reserve, .failed = nothing_reserved,
};

CASE(reserve_executable) {
	.setup = touched,
	RESERVING(.size = MIB, .prot = RWX, .flags = NTMEM_RESERVE_COMMIT),
	.done = done_reserve, .failed = nothing_mapped,
};

CASE(reserve_large) {
	.setup = opened, RESERVING(.size = GIB, .prot = RW),
	.done = done_reserve, .failed = nothing_mapped,
};

CASE(reserve_top_down) {
	.setup = touched,
	RESERVING(.size = MIB, .prot = RW, .flags = NTMEM_RESERVE_TOP_DOWN),
	.done = done_reserve, .failed = nothing_mapped,
};

CASE(reserve_not_for_a_child) {
	.setup = touched,
	RESERVING(.size = 65 * MIB, .prot = RW, .flags = NTMEM_RESERVE_NOFORK),
	.done = done_reserve, .failed = nothing_mapped,
};

CASE(reserve_in_a_range) {
	.setup = opened,
	RESERVING(.size = MIB, .prot = RW, .min_addr = WANTED,
		  .max_addr = WANTED + GIB - 1, .align = 8 * MIB),
	.done = done_reserve, .failed = nothing_mapped,
};

CASE(reserve_at) {
	.setup = opened,
	RESERVING(.addr = WANTED + 5 * PAGE, .size = MIB, .prot = RW),
	.done = done_reserve, .failed = nothing_mapped,
};

CASE(reserve_at_executable) {
	.setup = opened,
	RESERVING(.addr = WANTED, .size = MIB, .prot = RWX,
		  .flags = NTMEM_RESERVE_COMMIT),
	.done = done_reserve, .failed = nothing_mapped,
};

/* Between two others, so that a mapping is there in part. */
static void two_wanted(struct step *s)
{
	wanted(s);
	CHECK(!nt_reserve_at(s->fd, WANTED + 2 * MIB, MIB));
	CHECK(!nt_release(s->fd, WANTED + MIB / 2, MIB / 2));
}

CASE(reserve_at_between) {
	.setup = two_wanted,
	RESERVING(.addr = WANTED + MIB / 2, .size = MIB + MIB / 2, .prot = RW),
	.done = done_reserve, .failed = nothing_mapped,
};

/* No room is left in the first arena. */
static void full_arena(struct step *s)
{
	int i;

	opened(s);
	for (i = 0; i < 4; i++)
		CHECK(nt_any(s->fd, 64 * MIB, 0));
}

CASE(reserve_in_a_new_arena) {
	.setup = full_arena, RESERVING(.size = 32 * MIB, .prot = RW),
	.done = done_reserve,
};

/* ------------------------------------------------------------------------
 * Calls that only say something, or nearly.
 */
static int run_info(struct step *s)
{
	struct ntmem_info info;

	return nt_info(s->fd, &info);
}

static int run_query(struct step *s)
{
	struct ntmem_query q;
	int i, error = 0;

	/* Committed, reserved, free, and nobody's of ours. */
	__u64 places[] = {
		s->base + PAGE, s->base + 16 * MIB, s->base + 40 * MIB, WANTED,
		(uintptr_t)places,
	};

	for (i = 0; i < (int)ARRAY_SIZE(places) && !error; i++)
		error = nt_query(s->fd, places[i], &q);
	return error;
}

static int run_set_granularity(struct step *s)
{
	return nt_set_granularity(s->fd, MIB);
}

static void done_set_granularity(struct step *s)
{
	struct ntmem_info info;

	CHECK(!nt_info(s->fd, &info));
	CHECK(info.granularity == MIB);
}

static void same_granularity(struct step *s, int error)
{
	struct ntmem_info info;

	(void)error;
	CHECK(!nt_info(s->fd, &info));
	CHECK(info.granularity == GRAN);
}

CASE(info) {
	.setup = touched, .run = run_info, .done = nothing,
};

CASE(query) {
	.setup = mixed, .run = run_query, .done = nothing,
};

CASE(set_granularity) {
	.setup = opened, .run = run_set_granularity,
	.done = done_set_granularity, .failed = same_granularity,
};

static void refused(struct step *s)
{
	touched(s);
	CHECK(nt_peek(s->base + 2 * MIB) == -SIGSEGV);
}

/* A reason that could not be told is kept; afterwards there is none. */
static int run_last_fault(struct step *s)
{
	struct ntmem_fault f;
	int error = nt_last_fault(s->fd, &f);

	if (error)
		return error;
	CHECK(f.addr == s->base + 2 * MIB && f.reason == NTMEM_FAULT_RESERVED);
	return 0;
}

static void done_last_fault(struct step *s)
{
	struct ntmem_fault f;

	CHECK(nt_last_fault(s->fd, &f) == ENODATA);
}

CASE(last_fault) {
	.setup = refused, .run = run_last_fault, .done = done_last_fault,
};

FAILURE_MAIN
