// SPDX-License-Identifier: GPL-2.0
/*
 * LOCK and UNLOCK: residence, no count, refusals, limits.
 */
#include "ntmem_test.h"

#define PAGES	16

FIXTURE(lock)
{
	int fd;
	__u64 base;	/* PAGES pages committed READWRITE, as many reserved */
};

FIXTURE_SETUP(lock)
{
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->base = nt_any(self->fd, 2 * PAGES * PAGE, 0);
	ASSERT_NE(0ULL, self->base);
	ASSERT_EQ(0, nt_commit(self->fd, self->base, PAGES * PAGE, RW));
}

FIXTURE_TEARDOWN(lock)
{
	close(self->fd);
}

TEST_F(lock, makes_resident)
{
	__u64 before = nt_resident(self->fd);
	unsigned char vec[PAGES];
	int i;

	ASSERT_EQ(0, nt_lock(self->fd, self->base, PAGES * PAGE));
	ASSERT_EQ(before + PAGES * PAGE, nt_resident(self->fd));
	ASSERT_EQ(0, mincore(nt_ptr(self->base), PAGES * PAGE, vec));
	ASSERT_TRUE(nt_all(self->base, PAGES * PAGE, 0));
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, nt_poke(self->base + i * PAGE, i));
	ASSERT_EQ(0, nt_unlock(self->fd, self->base, PAGES * PAGE));
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(i, nt_peek(self->base + i * PAGE));
}

TEST_F(lock, there_is_no_count)
{
	__u64 base = self->base;
	int i;

	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, nt_lock(self->fd, base, 4 * PAGE));
	ASSERT_EQ(0, nt_unlock(self->fd, base, 4 * PAGE));
	ASSERT_UNCHANGED(ENOLCK, nt_unlock(self->fd, base, 4 * PAGE));
	ASSERT_UNCHANGED(ENOLCK, nt_unlock(self->fd, base, PAGE));
}

TEST_F(lock, any_part_can_be_unlocked)
{
	__u64 base = self->base;

	ASSERT_EQ(0, nt_lock(self->fd, base, 8 * PAGE));
	ASSERT_EQ(0, nt_unlock(self->fd, base + 3 * PAGE - 1, 2));
	/* 2 and 3 are not locked now: a range with them is refused whole. */
	ASSERT_UNCHANGED(ENOLCK, nt_unlock(self->fd, base, 8 * PAGE));
	ASSERT_UNCHANGED(ENOLCK, nt_unlock(self->fd, base + PAGE, 2 * PAGE));
	ASSERT_UNCHANGED(ENOLCK, nt_unlock(self->fd, base + 7 * PAGE,
					   2 * PAGE));
	ASSERT_EQ(0, nt_unlock(self->fd, base, 2 * PAGE));
	ASSERT_EQ(0, nt_unlock(self->fd, base + 4 * PAGE, 4 * PAGE));
	ASSERT_UNCHANGED(ENOLCK, nt_unlock(self->fd, base + 4 * PAGE, PAGE));
}

TEST_F(lock, refused)
{
	__u64 base = self->base, end = base + PAGES * PAGE;
	__u64 before = nt_resident(self->fd);

	ASSERT_UNCHANGED(EINVAL, nt_lock(self->fd, base, 0));
	ASSERT_UNCHANGED(EINVAL, nt_unlock(self->fd, base, 0));
	ASSERT_UNCHANGED(ENODATA, nt_lock(self->fd, end, PAGE));
	ASSERT_UNCHANGED(ENODATA, nt_lock(self->fd, base, PAGES * PAGE + 1));
	ASSERT_UNCHANGED(ENOENT, nt_lock(self->fd, base + 2 * PAGES * PAGE,
					 PAGE));
	ASSERT_UNCHANGED(ENOENT, nt_lock(self->fd, base,
					 2 * PAGES * PAGE + 1));
	ASSERT_UNCHANGED(ENOENT, nt_unlock(self->fd, base,
					   2 * PAGES * PAGE + 1));
	ASSERT_UNCHANGED(ENOENT, nt_unlock(self->fd, base - 1, 2));
	ASSERT_EQ(0, nt_protect(self->fd, base + 3 * PAGE, PAGE, NOACCESS,
				NULL));
	ASSERT_UNCHANGED(EACCES, nt_lock(self->fd, base, PAGES * PAGE));
	ASSERT_UNCHANGED(EACCES, nt_lock(self->fd, base + 3 * PAGE, PAGE));
	/* None of it was locked, and none made resident by the refusals. */
	ASSERT_UNCHANGED(ENOLCK, nt_unlock(self->fd, base, PAGE));
	ASSERT_UNCHANGED(ENOLCK, nt_unlock(self->fd, base, PAGES * PAGE));
	ASSERT_UNCHANGED(ENOLCK, nt_unlock(self->fd, end, PAGE));
	ASSERT_EQ(before, nt_resident(self->fd));
}

TEST_F(lock, read_only_and_executable_pages)
{
	__u64 base = self->base;

	nt_write_code(base + PAGE, 4);
	ASSERT_EQ(0, nt_protect(self->fd, base, PAGE, RO, NULL));
	ASSERT_EQ(0, nt_protect(self->fd, base + PAGE, PAGE, RX, NULL));
	ASSERT_EQ(0, nt_lock(self->fd, base, 3 * PAGE));
	ASSERT_EQ(-SIGSEGV, nt_poke(base, 1));
	ASSERT_EQ(4, nt_exec(base + PAGE));
	ASSERT_EQ(0, nt_unlock(self->fd, base, 3 * PAGE));
}

/* The lock is the page's; it goes with the page. */
TEST_F(lock, ends_with_decommit_and_release)
{
	__u64 base = self->base;

	ASSERT_EQ(0, nt_lock(self->fd, base, 4 * PAGE));
	ASSERT_EQ(0, nt_poke(base, 1));
	ASSERT_EQ(0, nt_decommit(self->fd, base, 2 * PAGE));
	ASSERT_EQ(0, nt_commit(self->fd, base, 2 * PAGE, RW));
	ASSERT_EQ(0, nt_peek(base));
	ASSERT_UNCHANGED(ENOLCK, nt_unlock(self->fd, base, PAGE));
	ASSERT_EQ(0, nt_unlock(self->fd, base + 2 * PAGE, 2 * PAGE));
	ASSERT_EQ(0, nt_lock(self->fd, base, 4 * PAGE));
	ASSERT_EQ(0, nt_release(self->fd, base, 0));
	ASSERT_EQ(0, nt_reserve_at(self->fd, base, PAGE));
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
	ASSERT_UNCHANGED(ENOLCK, nt_unlock(self->fd, base, PAGE));
}

TEST_F(lock, stays_over_protect)
{
	ASSERT_EQ(0, nt_lock(self->fd, self->base, PAGE));
	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, NOACCESS, NULL));
	ASSERT_EQ(-SIGSEGV, nt_peek(self->base));
	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, RW, NULL));
	ASSERT_EQ(0, nt_unlock(self->fd, self->base, PAGE));
}

/*
 * Without CAP_IPC_LOCK, in a child that gives its rights up: 8 pages, however
 * often and in whatever pieces; what ends a lock gives its share back.
 */
static int limited(void *data)
{
	struct rlimit limit = { 8 * PAGE, 8 * PAGE };
	struct nt_snapshot before;
	__u64 base, other;
	int fd, i;

	(void)data;
	CHECK(!setrlimit(RLIMIT_MEMLOCK, &limit));
	CHECK(!setresuid(65534, 65534, 65534));
	fd = open("/dev/ntmem", O_RDWR);
	CHECK(fd >= 0);
	base = nt_block(fd, PAGES * PAGE, RW);
	CHECK(base);
	nt_snapshot(fd, &before);
	CHECK(nt_lock(fd, base, 9 * PAGE) == EDQUOT);
	CHECK(nt_unlock(fd, base, PAGE) == ENOLCK);
	CHECK(!nt_lock(fd, base, 8 * PAGE));
	CHECK(!nt_lock(fd, base, 8 * PAGE));
	CHECK(nt_lock(fd, base + 8 * PAGE, PAGE) == EDQUOT);
	CHECK(nt_lock(fd, base + 4 * PAGE, 5 * PAGE) == EDQUOT);
	CHECK(nt_unlock(fd, base + 8 * PAGE, PAGE) == ENOLCK);
	CHECK(!nt_unlock(fd, base, 4 * PAGE));
	CHECK(!nt_lock(fd, base + 8 * PAGE, 4 * PAGE));
	CHECK(nt_same(fd, &before));
	/* Decommit and release free the share of what was locked. */
	CHECK(!nt_decommit(fd, base, 0));
	other = nt_block(fd, 8 * PAGE, RW);
	for (i = 0; i < 3; i++) {
		CHECK(!nt_lock(fd, other, 8 * PAGE));
		CHECK(!nt_release(fd, other, 0));
		other = nt_block(fd, 8 * PAGE, RW);
	}
	return 0;
}

TEST_F(lock, limit)
{
	ASSERT_EQ(0, chmod("/dev/ntmem", 0666));
	ASSERT_UNCHANGED(0, nt_in_child(limited, NULL));
}

static int privileged(void *data)
{
	struct rlimit limit = { 0, 0 };
	int fd = open("/dev/ntmem", O_RDWR);
	__u64 base = nt_block(fd, PAGES * PAGE, RW);

	(void)data;
	CHECK(!setrlimit(RLIMIT_MEMLOCK, &limit));
	CHECK(base);
	CHECK(!nt_lock(fd, base, PAGES * PAGE));
	return 0;
}

TEST_F(lock, no_limit_with_the_capability)
{
	ASSERT_EQ(0, nt_in_child(privileged, NULL));
}

/* A child has the memory but not the locks, as with mlock(2). */
static int unlocked_child(void *data)
{
	__u64 base = *(__u64 *)data;
	int fd = open("/dev/ntmem", O_RDWR);

	CHECK(nt_unlock(fd, base, PAGE) == ENOLCK);
	CHECK(nt_peek(base) == 6);
	CHECK(!nt_lock(fd, base, PAGE));
	return 0;
}

TEST_F(lock, fork)
{
	ASSERT_EQ(0, nt_lock(self->fd, self->base, PAGE));
	ASSERT_EQ(0, nt_poke(self->base, 6));
	ASSERT_EQ(0, nt_in_child(unlocked_child, &self->base));
	ASSERT_EQ(0, nt_unlock(self->fd, self->base, PAGE));
}

TEST_HARNESS_MAIN
