// SPDX-License-Identifier: GPL-2.0
/*
 * COMMIT, DECOMMIT, PROTECT and RELEASE with each of their allocations and
 * copies failing in turn.
 */
#include "failure_space.h"

/* With a mapping that allows execution, in an arena. */
static void executable(struct step *s)
{
	touched(s);
	CHECK(!nt_protect(s->fd, s->base, GRAN, RX, NULL));
}

/* With a mapping of its own. */
static void own_mapping(struct step *s)
{
	reserving(s, 4 * MIB, RWX, NTMEM_RESERVE_COMMIT);
	fill(s, s->base, GRAN, 5);
	fill(s, s->base + 2 * MIB, 20 * PAGE, 6);
}

static void shared_big(struct step *s)
{
	big(s);
	share(s);
}

static void locked(struct step *s)
{
	touched(s);
	CHECK(!nt_lock(s->fd, s->base, 3 * GRAN));
}

/*
 * To allow execution the core maps the memory anew. If there is no memory for
 * that, however often it is asked, and the old mapping is gone, then so is the
 * reservation, as a whole.
 */
static void unchanged_or_gone(struct step *s, int error)
{
	(void)error;
	if (s->times != ALL || !nt_is_free(s->fd, s->base)) {
		unchanged(s);
		return;
	}
	CHECK(nt_peek(s->base) == -SIGSEGV);
	CHECK(nt_is_free(s->fd, s->base + 16 * PAGE));
	s->over = true;
}

static void first_commit(struct step *s)
{
	opened(s);
	s->base = nt_any(s->fd, GRAN, 0);
	CHECK(s->base);
}

/* ------------------------------------------------------------------------
 * COMMIT, DECOMMIT, PROTECT, RELEASE.
 */
CASE(commit_first) {
	.setup = first_commit, RANGE(COMMIT, 0, GRAN, RW),
};

CASE(commit_page) {
	.setup = reserved, RANGE(COMMIT, 3 * PAGE, PAGE, RW),
};

CASE(commit_block) {
	.setup = reserved, RANGE(COMMIT, GRAN, GRAN, RW),
};

CASE(commit_chunks) {
	.setup = reserved, RANGE(COMMIT, MIB + PAGE, 5 * MIB, RO),
};

CASE(commit_big) {
	.setup = reserved, RANGE(COMMIT, 0, 32 * MIB, RW),
};

CASE(commit_big_ragged) {
	.setup = touched, RANGE(COMMIT, MIB / 2 + PAGE, 30 * MIB, RW),
};

CASE(commit_again) {
	.setup = mixed, RANGE(COMMIT, PAGE, 10 * GRAN, RO),
};

CASE(commit_in_a_run) {
	.setup = big, RANGE(COMMIT, 9 * MIB, PAGE, RO),
};

CASE(commit_guard) {
	.setup = touched, RANGE(COMMIT, 2 * PAGE, PAGE, RW | GUARD),
};

CASE(commit_executable) {
	.setup = touched, RANGE(COMMIT, 0, MIB, RX),
	.failed = unchanged_or_gone,
};

CASE(commit_executable_wanted) {
	.setup = wanted, RANGE(COMMIT, 0, MIB, RWX),
	.failed = unchanged_or_gone,
};

CASE(commit_shared) {
	.setup = shared, RANGE(COMMIT, PAGE, 10 * GRAN, RO),
};

CASE(commit_shared_big) {
	.setup = shared_big, RANGE(COMMIT, MIB, 20 * MIB, RO),
};

CASE(decommit_page) {
	.setup = touched, RANGE(DECOMMIT, PAGE, PAGE, 0),
};

CASE(decommit_block) {
	.setup = touched, RANGE(DECOMMIT, GRAN, GRAN, 0),
};

CASE(decommit_mixed) {
	.setup = mixed, RANGE(DECOMMIT, PAGE, 9 * GRAN, 0),
};

CASE(decommit_in_a_run) {
	.setup = big, RANGE(DECOMMIT, 9 * MIB, PAGE, 0),
};

CASE(decommit_big) {
	.setup = big, RANGE(DECOMMIT, MIB, 30 * MIB + PAGE, 0),
};

CASE(decommit_all) {
	.setup = big, RANGE(DECOMMIT, 0, 0, 0),
};

CASE(decommit_shared) {
	.setup = shared, RANGE(DECOMMIT, PAGE, 9 * GRAN, 0),
};

CASE(decommit_shared_big) {
	.setup = shared_big, RANGE(DECOMMIT, 3 * MIB, 25 * MIB + PAGE, 0),
};

#define PROTECTING(at, length, protection)				\
	.op = { .op = NTMEM_NR_PROTECT,					\
		.protect = { .addr = (at), .size = (length),		\
			     .prot = (protection) } }

CASE(protect_page) {
	.setup = touched, PROTECTING(PAGE, PAGE, RO),
};

CASE(protect_block) {
	.setup = touched, PROTECTING(0, GRAN, NOACCESS),
};

CASE(protect_mixed) {
	.setup = mixed, PROTECTING(PAGE, 9 * GRAN, RO),
};

CASE(protect_in_a_run) {
	.setup = big, PROTECTING(9 * MIB, PAGE, RO),
};

CASE(protect_big) {
	.setup = big, PROTECTING(MIB, 30 * MIB + PAGE, RO),
};

CASE(protect_guard) {
	.setup = touched, PROTECTING(0, GRAN, RW | GUARD),
};

CASE(protect_executable) {
	.setup = touched, PROTECTING(0, GRAN, RWX),
	.failed = unchanged_or_gone,
};

CASE(protect_executable_wanted) {
	.setup = wanted, PROTECTING(0, PAGE, RX),
	.failed = unchanged_or_gone,
};

CASE(protect_executable_again) {
	.setup = executable, PROTECTING(0, MIB, RWX),
	.failed = unchanged_or_gone,
};

CASE(protect_shared) {
	.setup = shared, PROTECTING(PAGE, 9 * GRAN, RO),
};

CASE(protect_shared_executable) {
	.setup = shared, PROTECTING(0, GRAN, RX),
	.failed = unchanged_or_gone,
};

CASE(protect_shared_big) {
	.setup = shared_big, PROTECTING(3 * MIB, 25 * MIB + PAGE, RO),
};

/* Released, the place serves again, and for everything. */
static void done_release(struct step *s)
{
	__u64 addr = s->base + s->is->op.range.addr;
	__u64 size = s->is->op.range.size, base;
	int i;

	done_op(s);
	for (i = 0; i < 4; i++)
		works(s);
	base = addr - addr % GRAN;
	if (nt_is_free(s->fd, base) && (!size || size > GRAN)) {
		CHECK(!nt_reserve_at(s->fd, base, GRAN));
		CHECK(!nt_commit(s->fd, base, GRAN, RW));
		nt_write_code(base, 42);
		CHECK(nt_exec(base) == -SIGSEGV);
		CHECK(!nt_protect(s->fd, base, GRAN, RX, NULL));
		CHECK(nt_exec(base) == 42);
		CHECK(!nt_release(s->fd, base, 0));
	}
}

/* What lies around the released part is what it was. */
static void done_cut(struct step *s)
{
	__u64 addr = s->base + s->is->op.range.addr;
	__u64 end = s->is->op.range.size ? addr + s->is->op.range.size : ~0ULL;
	const struct span *p;
	__u64 page;
	int i;

	for (i = 0; i < s->spans; i++) {
		p = &s->span[i];
		for (page = p->addr; page < p->addr + p->size; page += PAGE)
			CHECK((page >= addr && page < end) ||
			      holds(page, PAGE, p->value));
	}
	/* Only the child has all of it. */
	s->spans = 0;
	done_release(s);
}

CASE(release_all) {
	.setup = mixed, RANGE(RELEASE, 0, 0, 0), .done = done_cut,
};

CASE(release_head) {
	.setup = mixed, RANGE(RELEASE, 0, GRAN + PAGE, 0), .done = done_cut,
};

CASE(release_middle) {
	.setup = mixed, RANGE(RELEASE, GRAN + PAGE, GRAN + 2 * PAGE, 0),
	.done = done_cut,
};

CASE(release_tail) {
	.setup = big, RANGE(RELEASE, 4 * MIB + PAGE, 28 * MIB - PAGE, 0),
	.done = done_cut,
};

CASE(release_middle_of_a_run) {
	.setup = big, RANGE(RELEASE, 4 * MIB + PAGE, 20 * MIB, 0),
	.done = done_cut,
};

CASE(release_executable) {
	.setup = executable, RANGE(RELEASE, 0, 32 * MIB, 0), .done = done_cut,
};

CASE(release_executable_middle) {
	.setup = executable, RANGE(RELEASE, 2 * GRAN, 2 * GRAN, 0),
	.done = done_cut,
};

CASE(release_own_middle) {
	.setup = own_mapping, RANGE(RELEASE, MIB, MIB + PAGE, 0),
	.done = done_cut,
};

CASE(release_own) {
	.setup = own_mapping, RANGE(RELEASE, 0, 4 * MIB, 0), .done = done_cut,
};

CASE(release_wanted_middle) {
	.setup = wanted, RANGE(RELEASE, PAGE, GRAN, 0), .done = done_cut,
};

CASE(release_locked) {
	.setup = locked, RANGE(RELEASE, PAGE, 2 * GRAN, 0), .done = done_cut,
};

CASE(release_shared_middle) {
	.setup = shared, RANGE(RELEASE, GRAN + PAGE, GRAN + 2 * PAGE, 0),
	.done = done_cut,
};

CASE(release_shared_tail) {
	.setup = shared_big, RANGE(RELEASE, 4 * MIB + PAGE, 28 * MIB - PAGE, 0),
	.done = done_cut,
};

FAILURE_MAIN
