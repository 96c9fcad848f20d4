// SPDX-License-Identifier: GPL-2.0
/*
 * LOCK, UNLOCK, RESET, RESET_UNDO and BATCH with each of their allocations and
 * copies failing in turn.
 */
#include "failure_space.h"

static void locked(struct step *s)
{
	touched(s);
	CHECK(!nt_lock(s->fd, s->base, 3 * GRAN));
}

static void guarded(struct step *s)
{
	touched(s);
	CHECK(!nt_protect(s->fd, s->base + 3 * PAGE, PAGE, RW | GUARD, NULL));
}

static void reset(struct step *s)
{
	touched(s);
	CHECK(!nt_reset(s->fd, s->base, 2 * GRAN));
}

/* ------------------------------------------------------------------------
 * LOCK, UNLOCK, RESET, RESET_UNDO.
 */
static __u64 resident(struct step *s)
{
	struct ntmem_info info;

	CHECK(!nt_info(s->fd, &info));
	return info.resident;
}

/* All there, and locked: a second UNLOCK of any page has nothing to unlock. */
static void done_lock(struct step *s)
{
	__u64 addr = s->base + s->is->op.range.addr;
	__u64 size = s->is->op.range.size, page, before;

	before = resident(s);
	for (page = addr; page < addr + size; page += PAGE)
		CHECK(nt_peek(page) >= 0);
	CHECK(resident(s) == before);
	CHECK(!nt_unlock(s->fd, addr, size));
	CHECK(nt_unlock(s->fd, addr, PAGE) == ENOLCK);
	CHECK(holds_all(s));
}

/* Nothing of it is locked. */
static void not_locked(struct step *s, int error)
{
	__u64 addr = s->base + s->is->op.range.addr;
	__u64 end = addr + s->is->op.range.size;

	(void)error;
	unchanged(s);
	for (; addr < end; addr += PAGE)
		CHECK(nt_unlock(s->fd, addr, PAGE) == ENOLCK);
}

CASE(lock_untouched) {
	.setup = touched, RANGE(LOCK, 6 * GRAN, GRAN, 0), .done = done_lock,
	.failed = not_locked,
};

CASE(lock_page) {
	.setup = touched, RANGE(LOCK, PAGE, PAGE, 0), .done = done_lock,
	.failed = not_locked,
};

CASE(lock_mixed) {
	.setup = mixed, RANGE(LOCK, PAGE, 6 * GRAN, 0), .done = done_lock,
	.failed = not_locked,
};

CASE(lock_in_a_run) {
	.setup = big, RANGE(LOCK, 9 * MIB + PAGE, PAGE, 0), .done = done_lock,
	.failed = not_locked,
};

CASE(lock_shared) {
	.setup = shared, RANGE(LOCK, PAGE, 6 * GRAN, 0), .done = done_lock,
	.failed = not_locked,
};

static void done_lock_guarded(struct step *s)
{
	CHECK(nt_run(s->fd, s->base, MIB, COMMITTED, RW));
	CHECK(nt_unlock(s->fd, s->base, PAGE) == ENOLCK);
	CHECK(holds_all(s));
}

/* No snapshot: to look at what is there would take the guard. */
static void still_guarded(struct step *s, int error)
{
	(void)error;
	CHECK(nt_same(s->fd, &s->before));
	CHECK(nt_run(s->fd, s->base + 3 * PAGE, PAGE, COMMITTED, RW | GUARD));
}

CASE(lock_guarded) {
	.setup = guarded, RANGE(LOCK, 0, GRAN, 0), .done = done_lock_guarded,
	.failed = still_guarded, .result = EKEYEXPIRED,
};

static void done_unlock(struct step *s)
{
	__u64 addr = s->base + s->is->op.range.addr;
	__u64 end = addr + s->is->op.range.size, page;

	for (page = s->base; page < s->base + 3 * GRAN; page += PAGE)
		CHECK(nt_unlock(s->fd, page, PAGE) ==
		      (page >= addr && page < end ? ENOLCK : 0));
	CHECK(holds_all(s));
}

static void still_locked(struct step *s, int error)
{
	(void)error;
	unchanged(s);
	CHECK(!nt_unlock(s->fd, s->base, 3 * GRAN));
	CHECK(!nt_lock(s->fd, s->base, 3 * GRAN));
}

CASE(unlock_page) {
	.setup = locked, RANGE(UNLOCK, PAGE, PAGE, 0), .done = done_unlock,
	.failed = still_locked,
};

CASE(unlock_blocks) {
	.setup = locked, RANGE(UNLOCK, GRAN, 2 * GRAN, 0), .done = done_unlock,
	.failed = still_locked,
};

/* Drops what was reset, of everybody. */
static void drop(void)
{
	int i;

	for (i = 0; i < 3; i++)
		CHECK(!nt_write_file("/proc/sys/vm/drop_caches", "2"));
}

static void done_reset(struct step *s)
{
	__u64 addr = s->base + s->is->op.range.addr;
	__u64 end = addr + s->is->op.range.size, page;

	if (s->child) {
		CHECK(holds_all(s));
		return;
	}
	drop();
	for (page = s->base; page < s->base + 3 * GRAN; page += PAGE)
		CHECK(holds(page, PAGE, page >= addr && page < end ? 0 : 1));
}

static void not_reset(struct step *s, int error)
{
	(void)error;
	drop();
	unchanged(s);
}

CASE(reset_page) {
	.setup = touched, RANGE(RESET, PAGE, PAGE, 0), .done = done_reset,
	.failed = not_reset,
};

CASE(reset_blocks) {
	.setup = touched, RANGE(RESET, 0, 3 * GRAN, 0), .done = done_reset,
	.failed = not_reset,
};

CASE(reset_shared) {
	.setup = shared, RANGE(RESET, 0, 2 * GRAN, 0), .done = done_reset,
	.failed = not_reset,
};

/* It matters again, for good. */
static void done_undo(struct step *s)
{
	__u64 addr = s->base + s->is->op.range.addr;

	drop();
	CHECK(holds(addr, s->is->op.range.size, 1));
}

CASE(undo_page) {
	.setup = reset, RANGE(RESET_UNDO, PAGE, PAGE, 0), .done = done_undo,
};

CASE(undo_blocks) {
	.setup = reset, RANGE(RESET_UNDO, 0, 2 * GRAN, 0), .done = done_undo,
};

static void lost(struct step *s)
{
	reset(s);
	drop();
	s->spans = 0;
}

/* Said once. */
static void done_undo_lost(struct step *s)
{
	CHECK(!nt_reset_undo(s->fd, s->base + PAGE, 2 * PAGE));
	CHECK(nt_reset_undo(s->fd, s->base, MIB) == EBUSY);
	CHECK(holds(s->base, 2 * GRAN, 0));
}

CASE(undo_lost) {
	.setup = lost, RANGE(RESET_UNDO, PAGE, 2 * PAGE, 0),
	.done = done_undo_lost, .result = EBUSY,
};

/* ------------------------------------------------------------------------
 * BATCH.
 */
#define UNTOLD	12345
#define COMMITS	5

static struct ntmem_op ops[COMMITS + 2];
static __u32 done;

/* Each in a chunk of its own; then a reservation, and a look at it. */
static int run_batch(struct step *s)
{
	int i;

	for (i = 0; i < COMMITS; i++)
		nt_op_range(&ops[i], NTMEM_NR_COMMIT,
			    s->base + (i + 1) * 2 * MIB, PAGE, RW);
	ops[i++] = (struct ntmem_op) {
		.op = NTMEM_NR_RESERVE, .status = UNTOLD,
		.reserve = { .size = MIB, .prot = RO },
	};
	ops[i++] = (struct ntmem_op) {
		.op = NTMEM_NR_QUERY, .status = UNTOLD,
		.query = { .addr = s->base },
	};
	done = UNTOLD;
	return nt_batch(s->fd, ops, i, 0, &done);
}

static bool is_committed(struct step *s, int i)
{
	return became(s, NTMEM_NR_COMMIT, s->base + (i + 1) * 2 * MIB, PAGE,
		      RW);
}

/* Every status tells the truth, whatever it is. */
static void done_batch(struct step *s)
{
	int i;

	CHECK(done == COMMITS + 2);
	for (i = 0; i < COMMITS; i++) {
		CHECK(!ops[i].status || ops[i].status == -ENOMEM);
		CHECK(is_committed(s, i) == !ops[i].status);
	}
	CHECK(!ops[i].status || ops[i].status == -ENOMEM);
	CHECK(ops[i].status ||
	      nt_run(s->fd, ops[i].reserve.addr, MIB, RESERVED, 0));
	i++;
	CHECK(!ops[i].status && ops[i].query.size >= 2 * MIB);
	CHECK(holds_all(s));
}

/*
 * EFAULT: what was run has its status. The first that has none may have been
 * run, except RESERVE, whose result nobody would know.
 */
static void failed_batch(struct step *s, int error)
{
	struct ntmem_info info;
	int i, untold = 0;

	CHECK(error == EFAULT);
	CHECK(done == UNTOLD);
	for (i = 0; i < COMMITS; i++) {
		if (ops[i].status != UNTOLD) {
			CHECK(!untold && !ops[i].status);
			CHECK(is_committed(s, i));
		} else if (untold++) {
			CHECK(!is_committed(s, i));
		}
	}
	CHECK(!nt_info(s->fd, &info));
	CHECK(info.space_reserved ==
	      32 * MIB + (ops[COMMITS].status ? 0 : MIB));
	CHECK(holds_all(s));
}

CASE(batch) {
	.setup = reserved, .run = run_batch, .done = done_batch,
	.failed = failed_batch,
};

FAILURE_MAIN
