// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that are pinned for I/O while something else is done to them: what is
 * written to them later goes to whoever had them pinned, and to nobody else.
 */
#include "pin.h"

#define PAGES	32

FIXTURE(pinned)
{
	int fd;
	__u64 base;	/* PAGES pages committed READWRITE, 1 in every byte */
	struct pin pin;
	struct nt_gate gate;
};

FIXTURE_SETUP(pinned)
{
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->base = nt_block(self->fd, PAGES * PAGE, RW);
	ASSERT_NE(0ULL, self->base);
	memset(nt_ptr(self->base), 1, PAGES * PAGE);
	ASSERT_EQ(0, nt_gate_init(&self->gate));
}

FIXTURE_TEARDOWN(pinned)
{
	close(self->fd);
}

struct heir {
	__u64 base;
	struct nt_gate *gate;
};

/* Sees all as it was at the fork, whatever came later. */
static int has_what_was(void *data)
{
	const struct heir *heir = data;

	CHECK(nt_all(heir->base, PAGES * PAGE, 1));
	CHECK(!nt_gate_wait(heir->gate));
	CHECK(nt_all(heir->base, PAGES * PAGE, 1));
	memset(nt_ptr(heir->base), 9, PAGES * PAGE);
	CHECK(nt_all(heir->base, PAGES * PAGE, 9));
	return 0;
}

/* The page stays the parent's: the child has a copy from the start. */
TEST_F(pinned, fork)
{
	struct heir heir = { self->base, &self->gate };
	__u64 page = self->base + 3 * PAGE;
	pid_t pids[2];

	if (!pin_begin(&self->pin, page))
		SKIP(return, "no userfaultfd");
	pids[0] = nt_spawn(has_what_was, &heir);
	/* Once more, with the block shared by now. */
	pids[1] = nt_spawn(has_what_was, &heir);
	ASSERT_EQ(1, nt_peek(page));
	ASSERT_EQ(0, nt_poke(page - PAGE, 3));
	ASSERT_EQ(0, pin_end(&self->pin, 2));
	ASSERT_TRUE(nt_all(page, PAGE, 2));
	/* Once for each. */
	ASSERT_EQ(0, nt_gate_open(&self->gate));
	ASSERT_EQ(0, nt_gate_open(&self->gate));
	ASSERT_EQ(0, nt_reap(pids[0]));
	ASSERT_EQ(0, nt_reap(pids[1]));
	ASSERT_TRUE(nt_all(page, PAGE, 2));
	ASSERT_EQ(3, nt_peek(page - PAGE));
}

/* Among pages of many blocks, some without any. */
TEST_F(pinned, fork_of_a_large_reservation)
{
	__u64 base = nt_block(self->fd, 64 * MIB, RW);
	struct heir heir = { base + 40 * MIB, &self->gate };
	pid_t pid;

	ASSERT_NE(0ULL, base);
	memset(nt_ptr(heir.base), 1, PAGES * PAGE);
	ASSERT_EQ(0, nt_poke(base, 7));
	if (!pin_begin(&self->pin, heir.base + 5 * PAGE))
		SKIP(return, "no userfaultfd");
	pid = nt_spawn(has_what_was, &heir);
	ASSERT_EQ(0, pin_end(&self->pin, 2));
	ASSERT_TRUE(nt_all(heir.base + 5 * PAGE, PAGE, 2));
	ASSERT_EQ(7, nt_peek(base));
	ASSERT_EQ(0, nt_gate_open(&self->gate));
	ASSERT_EQ(0, nt_reap(pid));
}

/* What was given back is nobody's, until the write is over. */
TEST_F(pinned, decommit)
{
	/* A block, whose pages are kept for later, a part of it, and more. */
	static const __u64 sizes[] = { GRAN, PAGE, PAGES * PAGE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		memset(nt_ptr(self->base), 1, PAGES * PAGE);
		if (!pin_begin(&self->pin, self->base))
			SKIP(return, "no userfaultfd");
		ASSERT_EQ(0, nt_decommit(self->fd, self->base, sizes[i]));
		ASSERT_EQ(0, nt_commit(self->fd, self->base, sizes[i], RW));
		ASSERT_TRUE(nt_all(self->base, sizes[i], 0));
		ASSERT_EQ(0, pin_end(&self->pin, 2));
		ASSERT_TRUE(nt_all(self->base, sizes[i], 0)) {
			TH_LOG("of %llu bytes", sizes[i]);
		}
	}
}

TEST_F(pinned, release)
{
	__u64 other;

	if (!pin_begin(&self->pin, self->base))
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, nt_release(self->fd, self->base, 0));
	other = nt_block(self->fd, PAGES * PAGE, RW);
	ASSERT_NE(0ULL, other);
	memset(nt_ptr(other), 4, PAGES * PAGE);
	ASSERT_EQ(0, pin_end(&self->pin, 2));
	ASSERT_TRUE(nt_all(other, PAGES * PAGE, 4));
}

/* As with mprotect(2), what has begun is not stopped. */
TEST_F(pinned, protect)
{
	if (!pin_begin(&self->pin, self->base))
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, RO, NULL));
	ASSERT_EQ(-SIGSEGV, nt_poke(self->base, 3));
	ASSERT_EQ(0, pin_end(&self->pin, 2));
	ASSERT_TRUE(nt_all(self->base, PAGE, 2));
}

/* Under pressure the others go, and it stays. */
TEST_F(pinned, reset)
{
	int i, error = 0;

	if (!pin_begin(&self->pin, self->base + PAGE))
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, nt_range(self->fd, NTMEM_IOC_RESET, self->base,
			      PAGES * PAGE, 0));
	for (i = 0; i < 1000 && error != EBUSY; i++) {
		if (nt_write_file("/proc/sys/vm/drop_caches", "2"))
			break;
		error = nt_range(self->fd, NTMEM_IOC_RESET_UNDO, self->base,
				 PAGE, 0);
	}
	ASSERT_EQ(EBUSY, error);
	ASSERT_EQ(0, nt_peek(self->base));
	ASSERT_EQ(0, nt_range(self->fd, NTMEM_IOC_RESET_UNDO,
			      self->base + PAGE, PAGE, 0));
	ASSERT_EQ(0, pin_end(&self->pin, 2));
	ASSERT_TRUE(nt_all(self->base + PAGE, PAGE, 2));
}

TEST_HARNESS_MAIN
