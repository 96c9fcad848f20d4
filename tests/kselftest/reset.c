// SPDX-License-Identifier: GPL-2.0
/*
 * RESET and RESET_UNDO: content that does not matter is the old one or zero,
 * page by page, and matters again after a write or an UNDO that says so.
 */
#include "ntmem_test.h"

#define PAGES	64

FIXTURE(reset)
{
	int fd;
	__u64 base;	/* PAGES pages; every byte of page i is i + 1 */
};

FIXTURE_SETUP(reset)
{
	int i;

	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->base = nt_block(self->fd, PAGES * PAGE, RW);
	ASSERT_NE(0ULL, self->base);
	for (i = 0; i < PAGES; i++)
		memset(nt_ptr(self->base + i * PAGE), i + 1, PAGE);
}

FIXTURE_TEARDOWN(reset)
{
	close(self->fd);
}

/* Has every reclaimable cache of the kernel shrunk. */
static int squeeze(void)
{
	return nt_write_file("/proc/sys/vm/drop_caches", "2");
}

/* How many pages lost their content; -1 if one holds anything else. */
static int lost(__u64 base, int first, int count)
{
	int i, n = 0;

	for (i = first; i < first + count; i++) {
		__u64 addr = base + i * PAGE;

		if (nt_all(addr, PAGE, i + 1))
			continue;
		if (!nt_all(addr, PAGE, 0))
			return -1;
		n++;
	}
	return n;
}

TEST_F(reset, undone_at_once)
{
	ASSERT_UNCHANGED(0, nt_reset(self->fd, self->base, PAGES * PAGE));
	ASSERT_UNCHANGED(0, nt_reset_undo(self->fd, self->base,
					  PAGES * PAGE));
	ASSERT_EQ(0, lost(self->base, 0, PAGES));
}

TEST_F(reset, undo_says_whether_content_was_lost)
{
	int error, n;

	ASSERT_EQ(0, nt_reset(self->fd, self->base, PAGES * PAGE));
	ASSERT_EQ(0, squeeze());
	error = nt_reset_undo(self->fd, self->base, PAGES * PAGE);
	n = lost(self->base, 0, PAGES);
	ASSERT_LE(0, n);
	ASSERT_EQ(n ? EBUSY : 0, error);
	ASSERT_TRUE(nt_run(self->fd, self->base, PAGES * PAGE, COMMITTED,
			   RW));
	/* All pages matter again, the lost ones too. */
	ASSERT_EQ(0, squeeze());
	ASSERT_EQ(n, lost(self->base, 0, PAGES));
	memset(nt_ptr(self->base), 0x99, PAGES * PAGE);
	ASSERT_EQ(0, squeeze());
	ASSERT_TRUE(nt_all(self->base, PAGES * PAGE, 0x99));
	ASSERT_EQ(0, nt_reset_undo(self->fd, self->base, PAGES * PAGE));
}

/* With the feature, pressure does take reset pages, and no others. */
TEST_F(reset, dropped_under_pressure)
{
	struct ntmem_info before, after;
	int n;

	ASSERT_EQ(0, nt_info(self->fd, &before));
	if (!(before.features & NTMEM_FEATURE_RESET))
		SKIP(return, "this module does not reclaim reset pages");
	ASSERT_EQ(0, nt_reset(self->fd, self->base + 8 * PAGE, 32 * PAGE));
	ASSERT_EQ(0, squeeze());
	ASSERT_EQ(0, nt_info(self->fd, &after));
	ASSERT_EQ(before.space_committed, after.space_committed);
	n = lost(self->base, 8, 32);
	ASSERT_LT(0, n);
	ASSERT_EQ(EBUSY, nt_reset_undo(self->fd, self->base + 8 * PAGE,
				       32 * PAGE));
	ASSERT_EQ(0, lost(self->base, 0, 8));
	ASSERT_EQ(0, lost(self->base, 40, 24));
	ASSERT_LE(after.resident, before.resident);
}

/* Only UNDO, or a write, may forget that content was lost. */
TEST_F(reset, another_reset_forgets_no_loss)
{
	int n;

	ASSERT_EQ(0, nt_reset(self->fd, self->base, PAGES * PAGE));
	ASSERT_EQ(0, squeeze());
	n = lost(self->base, 0, PAGES);
	ASSERT_EQ(0, nt_reset(self->fd, self->base, PAGES * PAGE));
	ASSERT_EQ(n ? EBUSY : 0,
		  nt_reset_undo(self->fd, self->base, PAGES * PAGE));
	ASSERT_EQ(0, nt_reset_undo(self->fd, self->base, PAGES * PAGE));
}

TEST_F(reset, a_write_makes_it_matter)
{
	int i;

	ASSERT_EQ(0, nt_reset(self->fd, self->base, PAGES * PAGE));
	for (i = 0; i < PAGES; i += 2)
		ASSERT_EQ(0, nt_poke(self->base + i * PAGE + 9, 0xaa));
	ASSERT_EQ(0, squeeze());
	for (i = 0; i < PAGES; i += 2)
		ASSERT_EQ(0xaa, nt_peek(self->base + i * PAGE + 9));
	ASSERT_EQ(0, squeeze());
	for (i = 0; i < PAGES; i += 2)
		ASSERT_EQ(0xaa, nt_peek(self->base + i * PAGE + 9));
}

/* The kernel's writes count as writes. */
TEST_F(reset, a_read_call_makes_it_matter)
{
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(4, write(pipes[1], "abcd", 4));
	ASSERT_EQ(0, nt_reset(self->fd, self->base, PAGES * PAGE));
	ASSERT_EQ(4, read(pipes[0], nt_ptr(self->base + PAGE), 4));
	ASSERT_EQ(0, squeeze());
	ASSERT_EQ(0, memcmp(nt_ptr(self->base + PAGE), "abcd", 4));
}

TEST_F(reset, reading_is_allowed)
{
	ASSERT_EQ(0, nt_reset(self->fd, self->base, PAGES * PAGE));
	ASSERT_LE(0, lost(self->base, 0, PAGES));
	ASSERT_EQ(0, squeeze());
	ASSERT_LE(0, lost(self->base, 0, PAGES));
	/* Once lost, it does not come back. */
	ASSERT_EQ(lost(self->base, 0, PAGES), lost(self->base, 0, PAGES));
}

/* Inwards: the pages of the neighbours are safe. */
TEST_F(reset, rounds_inwards)
{
	__u64 base = self->base;

	ASSERT_EQ(0, nt_reset(self->fd, base + 1, PAGE - 1));
	ASSERT_EQ(0, nt_reset(self->fd, base + 1, PAGE));
	ASSERT_EQ(0, nt_reset(self->fd, base + PAGE, PAGE - 1));
	ASSERT_EQ(0, nt_reset(self->fd, base + 2 * PAGE - 1, 2));
	ASSERT_EQ(0, nt_reset(self->fd, base, 1));
	ASSERT_EQ(0, nt_reset(self->fd, base + 3 * PAGE + 1, 2 * PAGE - 2));
	ASSERT_EQ(0, squeeze());
	ASSERT_EQ(0, lost(base, 0, PAGES));
	ASSERT_EQ(0, nt_reset(self->fd, base + 5 * PAGE + 1, 3 * PAGE - 2));
	ASSERT_EQ(0, squeeze());
	ASSERT_EQ(0, lost(base, 0, 6));
	ASSERT_LE(0, lost(base, 6, 1));
	ASSERT_EQ(0, lost(base, 7, PAGES - 7));
	ASSERT_EQ(0, nt_reset_undo(self->fd, base + 1, PAGE - 1));
}

TEST_F(reset, refused)
{
	__u64 base = self->base, size = PAGES * PAGE;

	ASSERT_UNCHANGED(EINVAL, nt_reset(self->fd, base, 0));
	ASSERT_UNCHANGED(EINVAL, nt_reset_undo(self->fd, base, 0));
	ASSERT_UNCHANGED(ENOENT, nt_reset(self->fd, base + size, PAGE));
	ASSERT_UNCHANGED(ENOENT, nt_reset(self->fd, base, size + PAGE));
	ASSERT_UNCHANGED(ENOENT, nt_reset(self->fd, base - PAGE, 2 * PAGE));
	ASSERT_UNCHANGED(ENOENT, nt_reset_undo(self->fd, base, size + PAGE));
	ASSERT_UNCHANGED(ENOENT, nt_reset_undo(self->fd, base + size, PAGE));
	ASSERT_EQ(0, squeeze());
	ASSERT_EQ(0, lost(base, 0, PAGES));
}

TEST_F(reset, passes_uncommitted_pages_over)
{
	__u64 base = self->base;

	ASSERT_EQ(0, nt_decommit(self->fd, base + 3 * PAGE, 2 * PAGE));
	ASSERT_UNCHANGED(0, nt_reset(self->fd, base, PAGES * PAGE));
	ASSERT_UNCHANGED(0, nt_reset(self->fd, base + 3 * PAGE, PAGE));
	ASSERT_EQ(0, nt_reset_undo(self->fd, base, PAGES * PAGE));
	ASSERT_EQ(-SIGSEGV, nt_peek(base + 3 * PAGE));
	ASSERT_EQ(0, lost(base, 0, 3));
	ASSERT_EQ(0, lost(base, 5, PAGES - 5));
}

/* Pages that were never touched have nothing to lose. */
TEST_F(reset, untouched_pages)
{
	__u64 base = nt_block(self->fd, PAGES * PAGE, RW);

	ASSERT_EQ(0, nt_reset(self->fd, base, PAGES * PAGE));
	ASSERT_EQ(0, squeeze());
	ASSERT_EQ(0, nt_reset_undo(self->fd, base, PAGES * PAGE));
	ASSERT_TRUE(nt_all(base, PAGES * PAGE, 0));
}

TEST_F(reset, keeps_protection_and_locks)
{
	__u64 base = self->base;
	int n;

	ASSERT_EQ(0, nt_protect(self->fd, base, PAGE, RO, NULL));
	ASSERT_EQ(0, nt_reset(self->fd, base, 2 * PAGE));
	ASSERT_EQ(0, squeeze());
	ASSERT_EQ(-SIGSEGV, nt_poke(base, 1));
	ASSERT_TRUE(nt_run(self->fd, base, PAGE, COMMITTED, RO));
	/* Locked pages stay: what is resident by order is not dropped. */
	ASSERT_EQ(0, nt_lock(self->fd, base + 8 * PAGE, PAGE));
	ASSERT_EQ(0, nt_reset(self->fd, base + 8 * PAGE, PAGE));
	ASSERT_EQ(0, squeeze());
	n = lost(base, 8, 1);
	ASSERT_LE(0, n);
	ASSERT_EQ(0, nt_unlock(self->fd, base + 8 * PAGE, PAGE));
}

/* A child shares the page; neither side's reset is the other's loss. */
static int reset_in_child(void *data)
{
	__u64 base = *(__u64 *)data;
	int fd = open("/dev/ntmem", O_RDWR);

	CHECK(!nt_reset(fd, base, PAGES * PAGE));
	CHECK(!squeeze());
	CHECK(lost(base, 0, PAGES) >= 0);
	return 0;
}

TEST_F(reset, fork)
{
	ASSERT_EQ(0, nt_in_child(reset_in_child, &self->base));
	ASSERT_EQ(0, squeeze());
	ASSERT_EQ(0, lost(self->base, 0, PAGES));
}

/* What lies behind a part that is released has its own place in the queue. */
TEST_F(reset, dropped_behind_a_cut)
{
	ASSERT_EQ(0, nt_reset(self->fd, self->base, PAGES * PAGE));
	ASSERT_EQ(0, nt_release(self->fd, self->base + 20 * PAGE, 8 * PAGE));
	ASSERT_EQ(0, squeeze());
	ASSERT_EQ(EBUSY, nt_reset_undo(self->fd, self->base + 28 * PAGE,
				       PAGE));
	ASSERT_EQ(36, lost(self->base, 28, 36));
	ASSERT_EQ(EBUSY, nt_reset_undo(self->fd, self->base, PAGE));
	ASSERT_EQ(20, lost(self->base, 0, 20));
}

/*
 * Reclaim runs inside of anybody's allocation: a call looks at a few page
 * tables' worth only, and the next goes on from there.
 */
#define CHUNK	(2 * MIB)
#define CHUNKS	2048		/* calls of one squeeze() see fewer */

TEST_F(reset, pressure_looks_at_a_little_at_a_time)
{
	__u64 base = nt_any(self->fd, CHUNKS * CHUNK, 0), last;
	static struct ntmem_op ops[256];
	unsigned int i, k;
	__u32 done;

	ASSERT_NE(0ULL, base);
	for (i = 0; i < CHUNKS; i += k) {
		for (k = 0; k < ARRAY_SIZE(ops); k++)
			nt_op_range(&ops[k], NTMEM_NR_COMMIT,
				    base + (i + k) * CHUNK, PAGE, RW);
		ASSERT_EQ(0, nt_batch(self->fd, ops, k, NTMEM_BATCH_STOP,
				      &done));
		ASSERT_EQ(k, done);
	}
	last = base + (CHUNKS - 1) * CHUNK;
	memset(nt_ptr(last), 1, PAGE);
	ASSERT_EQ(0, nt_reset(self->fd, last, PAGE));
	ASSERT_EQ(0, squeeze());
	ASSERT_EQ(0, lost(last, 0, 1));
	for (i = 0; i < CHUNKS && !lost(last, 0, 1); i++)
		ASSERT_EQ(0, squeeze());
	ASSERT_EQ(1, lost(last, 0, 1));
}

/* What a child shares cannot go, and is looked at no longer than the rest. */
static int waits(void *gate)
{
	return nt_gate_wait(gate);
}

TEST_F(reset, pressure_on_what_a_child_shares)
{
	const unsigned int chunks = 130;
	struct nt_gate gate;
	__u64 base[2];
	unsigned int i, k;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(base); i++) {
		base[i] = nt_any(self->fd, chunks * CHUNK, 0);
		ASSERT_NE(0ULL, base[i]);
		for (k = 0; k < chunks; k++) {
			ASSERT_EQ(0, nt_commit(self->fd, base[i] + k * CHUNK,
					       PAGE, RW));
			ASSERT_EQ(0, nt_poke(base[i] + k * CHUNK, 1));
		}
		ASSERT_EQ(0, nt_reset(self->fd, base[i], chunks * CHUNK));
	}
	ASSERT_EQ(0, nt_gate_init(&gate));
	pid = nt_spawn(waits, &gate);
	ASSERT_EQ(0, squeeze());
	for (i = 0; i < ARRAY_SIZE(base); i++)
		ASSERT_EQ(0, nt_reset_undo(self->fd, base[i],
					   chunks * CHUNK));
	ASSERT_EQ(0, nt_gate_open(&gate));
	ASSERT_EQ(0, nt_reap(pid));
	for (i = 0; i < ARRAY_SIZE(base); i++)
		for (k = 0; k < chunks; k++)
			ASSERT_EQ(1, nt_peek(base[i] + k * CHUNK));
}

TEST_HARNESS_MAIN
