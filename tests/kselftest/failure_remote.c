// SPDX-License-Identifier: GPL-2.0
/*
 * Handles made, and what is done through them to another process, with each of
 * the caller's allocations and copies failing in turn: what was refused has not
 * happened there. What the kernel thread allocates that maps for the caller is
 * not counted; it is the same code as for the process itself.
 */
#include "failure_space.h"
#include "remote.h"

/* The target of a step; what is left of it goes with the step's process. */
static struct target target;

static void targeted(struct step *s)
{
	CHECK(target_start(&target, NULL));
	s->fd = target.handle;
	injection_open();
}

/* 32 MiB there; the first MiB committed, some of it touched. */
static void used(struct step *s)
{
	struct ntmem_reserve r = {
		.size = 32 * MIB, .prot = RW, .align = 2 * MIB,
	};

	targeted(s);
	CHECK(!nt_call(s->fd, NTMEM_IOC_RESERVE, &r));
	s->base = r.addr;
	CHECK(!nt_commit(s->fd, s->base, MIB, RW));
	CHECK(!target_poke(&target, s->base, 7));
	CHECK(!target_poke(&target, s->base + 2 * GRAN, 8));
}

static void end(struct step *s)
{
	stop(s);
	CHECK(target_kill(&target) == 128 + SIGKILL);
	close(target.handle);
	close(target.sock);
	s->fd = -1;
}

static void as_before(struct step *s, int error)
{
	(void)error;
	stop(s);
	CHECK(nt_same(s->fd, &s->before));
	if (s->base) {
		CHECK(target_peek(&target, s->base) == 7);
		CHECK(target_peek(&target, s->base + 2 * GRAN) == 8);
	}
}

/* ------------------------------------------------------------------------
 * The handle.
 */
static int open_space(struct step *s)
{
	int handle = nt_open_space(s->fd);

	if (handle < 0)
		return -handle;
	s->file = handle;
	return 0;
}

static void is_open(struct step *s)
{
	struct ntmem_info info;

	stop(s);
	CHECK(fcntl(s->file, F_GETFD) == FD_CLOEXEC);
	CHECK(!nt_info(s->file, &info));
}

CASE(open_space) {
	.setup = opened, .run = open_space, .done = is_open, .alone = true,
};

/* ------------------------------------------------------------------------
 * Calls.
 */
static int reserve(struct step *s)
{
	return nt_reserve_at(s->fd, WANTED, MIB);
}

static void is_reserved(struct step *s)
{
	stop(s);
	CHECK(nt_run(s->fd, WANTED, MIB, RESERVED, 0));
	CHECK(!nt_commit(s->fd, WANTED, PAGE, RW));
	CHECK(!target_poke(&target, WANTED, 1));
	end(s);
}

static int reserve_any(struct step *s)
{
	__u64 addr = 0;
	int error = nt_reserve(s->fd, &addr, MIB, RW, NTMEM_RESERVE_COMMIT);

	if (!error)
		s->base = addr;
	return error;
}

static void is_a_block(struct step *s)
{
	stop(s);
	CHECK(nt_run(s->fd, s->base, MIB, COMMITTED, RW));
	CHECK(!target_poke(&target, s->base, 1));
	end(s);
}

static int commit(struct step *s)
{
	return nt_commit(s->fd, s->base + PAGE, 3 * MIB, RO);
}

static void is_committed(struct step *s)
{
	stop(s);
	CHECK(nt_run(s->fd, s->base + PAGE, 3 * MIB, COMMITTED, RO));
	CHECK(target_peek(&target, s->base) == 7);
	CHECK(target_peek(&target, s->base + 2 * GRAN) == 8);
	CHECK(target_poke(&target, s->base + MIB, 1) == -SIGSEGV);
	end(s);
}

static int protect(struct step *s)
{
	return nt_protect(s->fd, s->base + GRAN, PAGE, RX, NULL);
}

static void is_protected(struct step *s)
{
	stop(s);
	CHECK(nt_run(s->fd, s->base + GRAN, PAGE, COMMITTED, RX));
	CHECK(target_peek(&target, s->base) == 7);
	end(s);
}

static int release(struct step *s)
{
	return nt_release(s->fd, s->base + GRAN, GRAN);
}

static void is_released(struct step *s)
{
	stop(s);
	CHECK(nt_is_free(s->fd, s->base + GRAN));
	CHECK(target_peek(&target, s->base) == 7);
	CHECK(target_peek(&target, s->base + GRAN) == -SIGSEGV);
	CHECK(target_peek(&target, s->base + 2 * GRAN) == 8);
	end(s);
}

static int lock(struct step *s)
{
	return nt_lock(s->fd, s->base, MIB);
}

static void is_locked(struct step *s)
{
	stop(s);
	CHECK(!nt_unlock(s->fd, s->base, MIB));
	end(s);
}

static void with_section(struct step *s)
{
	int fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);

	used(s);
	s->file = nt_section(fd, NULL, 4 * MIB, RW, 0);
	CHECK(s->file >= 0);
	close(fd);
}

static int map(struct step *s)
{
	__u64 addr = 0;

	return nt_map(s->fd, s->file, 0, &addr, 0, RW, 0);
}

static int batch(struct step *s)
{
	struct ntmem_op op;
	int error;

	nt_op_range(&op, NTMEM_NR_COMMIT, s->base + PAGE, 3 * MIB, RO);
	error = nt_batch(s->fd, &op, 1, 0, NULL);
	return error ? error : -op.status;
}

/* It may have been done when its result could not be told. */
static void maybe_committed(struct step *s, int error)
{
	struct ntmem_query q;

	stop(s);
	CHECK(!nt_query(s->fd, s->base + PAGE, &q));
	if (error == EFAULT && q.prot == RO)
		return;
	as_before(s, error);
}

CASE(reserve) {
	.setup = targeted, .run = reserve, .done = is_reserved,
	.failed = as_before, .alone = true,
};

CASE(reserve_any) {
	.setup = targeted, .run = reserve_any, .done = is_a_block,
	.failed = as_before, .alone = true,
};

CASE(commit) {
	.setup = used, .run = commit, .done = is_committed,
	.failed = as_before, .alone = true,
};

CASE(protect) {
	.setup = used, .run = protect, .done = is_protected,
	.failed = as_before, .alone = true,
};

CASE(release) {
	.setup = used, .run = release, .done = is_released,
	.failed = as_before, .alone = true,
};

CASE(lock) {
	.setup = used, .run = lock, .done = is_locked,
	.failed = as_before, .alone = true,
};

CASE(map) {
	.setup = with_section, .run = map, .done = end,
	.failed = as_before, .alone = true,
};

CASE(batch) {
	.setup = used, .run = batch, .done = is_committed,
	.failed = maybe_committed, .alone = true,
};

FAILURE_MAIN
