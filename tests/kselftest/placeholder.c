// SPDX-License-Identifier: GPL-2.0
/*
 * Placeholders: nothing but what replaces one can have its addresses, and
 * nothing of what was there is seen by what comes next.
 */
#include "ntmem_test.h"

#include <sys/mman.h>
#include <sys/resource.h>

#define PLACEHOLDER	NTMEM_RESERVE_PLACEHOLDER
#define REPLACE		NTMEM_RESERVE_REPLACE
#define COMMIT		NTMEM_RESERVE_COMMIT
#define PRESERVE	NTMEM_RELEASE_PRESERVE
#define COALESCE	NTMEM_RELEASE_COALESCE
#define PLAIN		NTMEM_RELEASE_PLAIN
#define OVER		NTMEM_RESERVE_PLAIN

#define SIZE	(16 * PAGE)

FIXTURE(placeholder)
{
	int fd;
	__u64 base;	/* a placeholder of SIZE */
};

static __u64 placeholder(int fd, __u64 addr, __u64 size)
{
	return nt_reserve(fd, &addr, size, NOACCESS, PLACEHOLDER) ? 0 : addr;
}

static int replace(int fd, __u64 addr, __u64 size, __u32 prot, __u32 flags)
{
	__u64 base = addr;
	int error = nt_reserve(fd, &base, size, prot, REPLACE | flags);

	return error ? error : base == (addr & ~(PAGE - 1)) ? 0 : EBADMSG;
}

static int split(int fd, __u64 addr, __u64 size)
{
	return nt_release_as(fd, addr, size, PRESERVE);
}

static int coalesce(int fd, __u64 addr, __u64 size)
{
	return nt_release_as(fd, addr, size, COALESCE);
}

FIXTURE_SETUP(placeholder)
{
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->base = placeholder(self->fd, 0, SIZE);
	ASSERT_NE(0ULL, self->base);
}

FIXTURE_TEARDOWN(placeholder)
{
	close(self->fd);
}

/* ---------------------------------------------------------------- making --- */

TEST_F(placeholder, is_a_reservation)
{
	struct ntmem_info info;

	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_TRUE(info.features & NTMEM_FEATURE_PLACEHOLDER);
	ASSERT_EQ(SIZE, info.space_reserved);
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base, SIZE));
	ASSERT_EQ(-SIGSEGV, nt_peek(self->base));
	ASSERT_EQ(0, nt_release(self->fd, self->base, 0));
	ASSERT_TRUE(nt_is_free(self->fd, self->base));
}

TEST_F(placeholder, at_an_address_or_high)
{
	__u64 high = 0;

	ASSERT_EQ(WANTED, placeholder(self->fd, WANTED + PAGE, SIZE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, WANTED, SIZE + PAGE));
	ASSERT_EQ(0, nt_reserve(self->fd, &high, SIZE, NOACCESS,
				PLACEHOLDER | NTMEM_RESERVE_TOP_DOWN));
	ASSERT_TRUE(nt_is_placeholder(self->fd, high, SIZE));
}

TEST_F(placeholder, bad_arguments)
{
	static const __u32 with[] = {
		COMMIT, NTMEM_RESERVE_WATCH, REPLACE,
	};
	static const __u32 prot[] = { 0, RO, RW, RX, NOACCESS | GUARD };
	struct ntmem_reserve r = {
		.addr = self->base, .size = SIZE, .prot = RW,
		.flags = REPLACE,
	};
	__u64 addr = 0;
	unsigned int i;

	for (i = 0; i < 3; i++)
		ASSERT_UNCHANGED(EINVAL, nt_reserve(self->fd, &addr, SIZE,
						    NOACCESS,
						    PLACEHOLDER | with[i]));
	for (i = 0; i < 5; i++)
		ASSERT_UNCHANGED(EINVAL, nt_reserve(self->fd, &addr, SIZE,
						    prot[i], PLACEHOLDER));
	ASSERT_UNCHANGED(EINVAL, nt_reserve(self->fd, &addr, SIZE, RW, REPLACE));
	ASSERT_UNCHANGED(EINVAL, replace(self->fd, self->base, SIZE, RW,
					 NTMEM_RESERVE_TOP_DOWN));
	ASSERT_UNCHANGED(EINVAL, replace(self->fd, self->base, 0, RW, 0));
	ASSERT_UNCHANGED(EINVAL, replace(self->fd, self->base, SIZE, 0, 0));
	ASSERT_UNCHANGED(EINVAL, replace(self->fd, self->base, SIZE, RW,
					 1U << 7));
	r.align = 2 * MIB;
	ASSERT_UNCHANGED(EINVAL, nt_call(self->fd, NTMEM_IOC_RESERVE, &r));
}

TEST_F(placeholder, bad_releases)
{
	struct ntmem_range r = {
		.addr = self->base, .size = SIZE, .flags = PRESERVE, .prot = RW,
	};

	ASSERT_UNCHANGED(EINVAL, split(self->fd, self->base, 0));
	ASSERT_UNCHANGED(EINVAL, coalesce(self->fd, self->base, 0));
	ASSERT_UNCHANGED(EINVAL, nt_release_as(self->fd, self->base, PAGE,
					       PRESERVE | COALESCE));
	ASSERT_UNCHANGED(EINVAL, nt_release_as(self->fd, self->base, PAGE, 8));
	ASSERT_UNCHANGED(EINVAL, split(self->fd, self->base, NONE - PAGE));
	ASSERT_UNCHANGED(EINVAL, nt_call(self->fd, NTMEM_IOC_RELEASE, &r));
	r.prot = 0;
	r.size = PAGE;
	ASSERT_UNCHANGED(EINVAL, nt_call(self->fd, NTMEM_IOC_DECOMMIT, &r));
}

/* ------------------------------------------------------- nothing gets in --- */

TEST_F(placeholder, refuses_what_is_no_replacement)
{
	__u64 addr = self->base, pages[1], count = 1;

	ASSERT_UNCHANGED(EEXIST, nt_commit(self->fd, addr, SIZE, RW));
	ASSERT_UNCHANGED(EEXIST, nt_commit(self->fd, addr + PAGE, PAGE, RW));
	ASSERT_UNCHANGED(EEXIST, nt_commit(self->fd, addr, PAGE, RX));
	ASSERT_UNCHANGED(EEXIST, nt_reserve(self->fd, &addr, SIZE, RW, 0));
	ASSERT_UNCHANGED(EEXIST, nt_reserve(self->fd, &addr, SIZE, NOACCESS,
					    PLACEHOLDER));
	ASSERT_UNCHANGED(ENODATA, nt_protect(self->fd, addr, PAGE, RW, NULL));
	ASSERT_UNCHANGED(ENODATA, nt_lock(self->fd, addr, PAGE));
	ASSERT_UNCHANGED(0, nt_decommit(self->fd, addr, SIZE));
	ASSERT_UNCHANGED(0, nt_reset(self->fd, addr, SIZE));
	ASSERT_UNCHANGED(ENXIO, nt_watch(self->fd, addr, SIZE, pages, &count,
					 0));
}

/* A part of it cannot be unmapped; unmapping it whole releases it. */
TEST_F(placeholder, mmap_and_munmap)
{
	void *at = nt_ptr(self->base);

	ASSERT_EQ(MAP_FAILED, mmap(at, PAGE, PROT_READ,
				   MAP_PRIVATE | MAP_ANONYMOUS |
				   MAP_FIXED_NOREPLACE, -1, 0));
	ASSERT_EQ(EEXIST, errno);
	ASSERT_EQ(-1, munmap(at, PAGE));
	ASSERT_EQ(0, split(self->fd, self->base + PAGE, PAGE));
	ASSERT_EQ(0, munmap(nt_ptr(self->base + PAGE), PAGE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base, PAGE));
	ASSERT_TRUE(nt_is_free(self->fd, self->base + PAGE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base + 2 * PAGE,
				      SIZE - 2 * PAGE));
}

/* -------------------------------------------------------- split and join --- */

TEST_F(placeholder, split_of_the_head)
{
	ASSERT_EQ(0, split(self->fd, self->base, 3 * PAGE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base, 3 * PAGE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base + 3 * PAGE,
				      SIZE - 3 * PAGE));
}

TEST_F(placeholder, split_of_the_tail)
{
	ASSERT_EQ(0, split(self->fd, self->base + 3 * PAGE, SIZE - 3 * PAGE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base, 3 * PAGE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base + 3 * PAGE,
				      SIZE - 3 * PAGE));
}

/* The range rounds to pages. */
TEST_F(placeholder, split_of_the_middle)
{
	struct ntmem_info info;

	ASSERT_EQ(0, split(self->fd, self->base + 3 * PAGE + 5, PAGE - 1));
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base, 3 * PAGE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base + 3 * PAGE,
				      2 * PAGE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base + 5 * PAGE,
				      SIZE - 5 * PAGE));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(SIZE, info.space_reserved);
	ASSERT_EQ(0, nt_release(self->fd, self->base + 3 * PAGE, 0));
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base, 3 * PAGE));
	ASSERT_TRUE(nt_is_free(self->fd, self->base + 3 * PAGE));
}

TEST_F(placeholder, what_is_not_split)
{
	__u64 plain = nt_any(self->fd, SIZE, 0);

	ASSERT_UNCHANGED(ENOENT, split(self->fd, self->base, SIZE));
	ASSERT_UNCHANGED(ENOENT, split(self->fd, self->base + PAGE, SIZE));
	ASSERT_UNCHANGED(ENOENT, split(self->fd, self->base - PAGE, 2 * PAGE));
	ASSERT_UNCHANGED(ENOENT, split(self->fd, plain, PAGE));
	ASSERT_UNCHANGED(ENOENT, split(self->fd, plain, SIZE));
	ASSERT_UNCHANGED(ENOENT, split(self->fd, WANTED, PAGE));
}

TEST_F(placeholder, coalesce_two_or_more)
{
	__u64 at = self->base, i;
	struct ntmem_info info;

	for (i = 0; i < 15; i++)
		ASSERT_EQ(0, split(self->fd, at + i * PAGE, PAGE));
	ASSERT_EQ(0, coalesce(self->fd, at + PAGE, 2 * PAGE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, at, PAGE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, at + PAGE, 2 * PAGE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, at + 3 * PAGE, PAGE));
	ASSERT_EQ(0, coalesce(self->fd, at, SIZE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, at, SIZE));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(SIZE, info.space_reserved);
	ASSERT_EQ(0, replace(self->fd, at, SIZE, RW, COMMIT));
	ASSERT_EQ(0, nt_poke(at + SIZE - 1, 1));
}

TEST_F(placeholder, what_is_not_coalesced)
{
	__u64 at = self->base;

	ASSERT_UNCHANGED(ENOENT, coalesce(self->fd, at, SIZE));
	ASSERT_EQ(0, split(self->fd, at + 4 * PAGE, 4 * PAGE));
	ASSERT_EQ(0, split(self->fd, at + 8 * PAGE, 4 * PAGE));
	ASSERT_UNCHANGED(ENOENT, coalesce(self->fd, at, 4 * PAGE));
	ASSERT_UNCHANGED(ENOENT, coalesce(self->fd, at, 7 * PAGE));
	ASSERT_UNCHANGED(ENOENT, coalesce(self->fd, at + PAGE, 7 * PAGE));
	ASSERT_UNCHANGED(ENOENT, coalesce(self->fd, at - PAGE, 9 * PAGE));
	ASSERT_UNCHANGED(ENOENT, coalesce(self->fd, at, SIZE + PAGE));
	/* With one that is replaced, then with a hole. */
	ASSERT_EQ(0, replace(self->fd, at + 4 * PAGE, 4 * PAGE, RW, 0));
	ASSERT_UNCHANGED(ENOENT, coalesce(self->fd, at, 8 * PAGE));
	ASSERT_EQ(0, nt_release(self->fd, at + 4 * PAGE, 0));
	ASSERT_UNCHANGED(ENOENT, coalesce(self->fd, at, 12 * PAGE));
	ASSERT_UNCHANGED(ERANGE, nt_release(self->fd, at + 8 * PAGE, 8 * PAGE));
}

/* ------------------------------------------------------ replace and back --- */

TEST_F(placeholder, replaced_by_exactly_its_size)
{
	ASSERT_UNCHANGED(ENOENT, replace(self->fd, self->base, PAGE, RW, 0));
	ASSERT_UNCHANGED(ENOENT, replace(self->fd, self->base + PAGE,
					 SIZE - PAGE, RW, 0));
	ASSERT_UNCHANGED(ENOENT, replace(self->fd, self->base, SIZE + PAGE, RW,
					 0));
	ASSERT_UNCHANGED(ENOENT, replace(self->fd, WANTED, SIZE, RW, 0));
	/* Rounded to pages, not to the granularity. */
	ASSERT_EQ(0, split(self->fd, self->base + 5 * PAGE, 2 * PAGE));
	ASSERT_EQ(0, replace(self->fd, self->base + 5 * PAGE + 9, 2 * PAGE - 9,
			     RO, 0));
	ASSERT_TRUE(nt_run(self->fd, self->base + 5 * PAGE, 2 * PAGE, RESERVED,
			   0));
	ASSERT_TRUE(nt_in(self->fd, self->base + 6 * PAGE,
			  self->base + 5 * PAGE, RO));
	ASSERT_UNCHANGED(ENOENT, replace(self->fd, self->base + 5 * PAGE,
					 2 * PAGE, RO, 0));
	ASSERT_EQ(0, nt_commit(self->fd, self->base + 5 * PAGE, PAGE, RW));
	ASSERT_EQ(0, nt_poke(self->base + 5 * PAGE, 1));
}

TEST_F(placeholder, and_back)
{
	struct ntmem_info info;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, replace(self->fd, self->base, SIZE, RW, COMMIT));
		ASSERT_TRUE(nt_run(self->fd, self->base, SIZE, COMMITTED, RW));
		ASSERT_EQ(0, nt_peek(self->base + PAGE));
		ASSERT_EQ(0, nt_poke(self->base + PAGE, 7));
		ASSERT_EQ(0, nt_lock(self->fd, self->base, 2 * PAGE));
		ASSERT_UNCHANGED(ENOENT, split(self->fd, self->base, PAGE));
		ASSERT_UNCHANGED(ENOENT, coalesce(self->fd, self->base, SIZE));
		ASSERT_EQ(0, split(self->fd, self->base, SIZE));
		ASSERT_TRUE(nt_is_placeholder(self->fd, self->base, SIZE));
		ASSERT_EQ(-SIGSEGV, nt_peek(self->base + PAGE));
		ASSERT_UNCHANGED(EEXIST, nt_commit(self->fd, self->base, PAGE,
						   RW));
		ASSERT_EQ(0, nt_info(self->fd, &info));
		ASSERT_EQ(0ULL, info.space_committed);
		ASSERT_EQ(SIZE, info.space_reserved);
	}
	ASSERT_EQ(0, split(self->fd, self->base, PAGE));
}

/* Records of writes, guards and protections are not those of the next. */
TEST_F(placeholder, replaced_by_a_watched_one)
{
	__u64 pages[16], count = 16;

	ASSERT_EQ(0, replace(self->fd, self->base, SIZE, RW,
			     COMMIT | NTMEM_RESERVE_WATCH));
	ASSERT_EQ(0, nt_poke(self->base + 2 * PAGE, 7));
	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, RW | GUARD, NULL));
	ASSERT_EQ(0, nt_watch(self->fd, self->base, SIZE, pages, &count, 0));
	ASSERT_EQ(1ULL, count);
	ASSERT_EQ(0, split(self->fd, self->base, SIZE));
	ASSERT_UNCHANGED(ENXIO, nt_watch(self->fd, self->base, SIZE, pages,
					 &count, 0));
	ASSERT_EQ(0, replace(self->fd, self->base, SIZE, RO,
			     COMMIT | NTMEM_RESERVE_WATCH));
	count = 16;
	ASSERT_EQ(0, nt_watch(self->fd, self->base, SIZE, pages, &count, 0));
	ASSERT_EQ(0ULL, count);
	ASSERT_TRUE(nt_run(self->fd, self->base, SIZE, COMMITTED, RO));
	ASSERT_EQ(-SIGSEGV, nt_poke(self->base, 1));
}

/* Released, what has replaced one leaves no placeholder behind. */
TEST_F(placeholder, released_as_any_other)
{
	ASSERT_EQ(0, replace(self->fd, self->base, SIZE, RW, COMMIT));
	ASSERT_EQ(0, nt_release(self->fd, self->base + 4 * PAGE, PAGE));
	ASSERT_UNCHANGED(ERANGE, nt_release(self->fd, self->base, SIZE));
	/* What is left is two, and each can go back. */
	ASSERT_EQ(0, split(self->fd, self->base, 4 * PAGE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base, 4 * PAGE));
	ASSERT_EQ(0, nt_poke(self->base + 5 * PAGE, 1));
	ASSERT_EQ(0, split(self->fd, self->base + 5 * PAGE, SIZE - 5 * PAGE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base + 5 * PAGE,
				      SIZE - 5 * PAGE));
	ASSERT_EQ(0, nt_release(self->fd, self->base + 5 * PAGE, 0));
	ASSERT_TRUE(nt_is_free(self->fd, self->base + 5 * PAGE));
}

/* A commit that fails has made nothing: the placeholder is still there. */
TEST_F(placeholder, without_room_for_its_commit)
{
	__u64 big = placeholder(self->fd, 0, 8 * TIB);

	ASSERT_NE(0ULL, big);
	ASSERT_UNCHANGED(ENOMEM, replace(self->fd, big, 8 * TIB, RW, COMMIT));
	ASSERT_UNCHANGED(EEXIST, nt_commit(self->fd, big, PAGE, RW));
	ASSERT_UNCHANGED(ENOMEM, replace(self->fd, big, 8 * TIB, RWX, COMMIT));
	ASSERT_EQ(0, replace(self->fd, big, 8 * TIB, RW, 0));
	ASSERT_EQ(0, nt_commit(self->fd, big + TIB, PAGE, RW));
	ASSERT_EQ(0, nt_poke(big + TIB, 1));
}

/* Execute, in one of several that share a mapping, and after joining them. */
TEST_F(placeholder, replaced_by_code)
{
	__u64 code = self->base + 4 * PAGE;

	ASSERT_EQ(0, split(self->fd, code, 4 * PAGE));
	ASSERT_EQ(0, replace(self->fd, self->base, 4 * PAGE, RW, COMMIT));
	nt_write_code(self->base, 41);
	ASSERT_EQ(0, replace(self->fd, code, 4 * PAGE, RWX, COMMIT));
	nt_write_code(code, 42);
	ASSERT_EQ(42, nt_exec(code));
	ASSERT_EQ(-SIGSEGV, nt_exec(self->base));
	ASSERT_EQ(0, split(self->fd, self->base, 4 * PAGE));
	ASSERT_EQ(0, split(self->fd, code, 4 * PAGE));
	ASSERT_EQ(-SIGSEGV, nt_exec(code));
	/* Data in the place of code is none. */
	ASSERT_EQ(0, replace(self->fd, code, 4 * PAGE, RW, COMMIT));
	nt_write_code(code, 42);
	ASSERT_EQ(-SIGSEGV, nt_exec(code));
	ASSERT_EQ(0, split(self->fd, code, 4 * PAGE));

	ASSERT_EQ(0, coalesce(self->fd, self->base, SIZE));
	ASSERT_EQ(0, replace(self->fd, self->base, SIZE, RW, COMMIT));
	nt_write_code(self->base, 43);
	nt_write_code(code, 44);
	ASSERT_EQ(-SIGSEGV, nt_exec(code));
	ASSERT_EQ(0, nt_protect(self->fd, code, PAGE, RX, NULL));
	ASSERT_EQ(44, nt_exec(code));
	ASSERT_EQ(-SIGSEGV, nt_exec(self->base));
}

/* --------------------------------------------------------------- elsewhere --- */

TEST_F(placeholder, fork)
{
	__u64 other = self->base + 8 * PAGE, code = 0;
	pid_t pid;
	int fd;

	ASSERT_EQ(0, split(self->fd, other, 8 * PAGE));
	ASSERT_EQ(0, replace(self->fd, other, 8 * PAGE, RW, COMMIT));
	ASSERT_EQ(0, nt_poke(other, 7));
	pid = fork();
	if (!pid) {
		fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
		code = nt_commit(fd, self->base, PAGE, RW) != EEXIST ||
		       nt_peek(other) != 7 ||
		       replace(fd, self->base, 8 * PAGE, RW, COMMIT) ||
		       nt_poke(self->base, 8) ||
		       split(fd, other, 8 * PAGE) ||
		       !nt_is_placeholder(fd, other, 8 * PAGE);
		_exit(code);
	}
	ASSERT_EQ(0, nt_reap(pid));
	ASSERT_EQ(7, nt_peek(other));
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base, 8 * PAGE));
}

/* Whoever says NOFORK, the placeholder or what replaces it, is heard. */
TEST_F(placeholder, nofork)
{
	__u64 at = 0, half = SIZE / 2;
	pid_t pid;
	int fd;

	ASSERT_EQ(0, nt_reserve(self->fd, &at, SIZE, NOACCESS,
				PLACEHOLDER | NTMEM_RESERVE_NOFORK));
	ASSERT_EQ(0, split(self->fd, at, half));
	ASSERT_EQ(0, replace(self->fd, at, half, RW, COMMIT));
	ASSERT_EQ(0, split(self->fd, self->base, half));
	ASSERT_EQ(0, replace(self->fd, self->base + half, half, RW,
			     COMMIT | NTMEM_RESERVE_NOFORK));
	ASSERT_EQ(0, split(self->fd, self->base + half, half));
	ASSERT_EQ(0, coalesce(self->fd, self->base, SIZE));
	pid = fork();
	if (!pid) {
		fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
		_exit(!nt_is_free(fd, at) || !nt_is_free(fd, at + half) ||
		      !nt_is_free(fd, self->base));
	}
	ASSERT_EQ(0, nt_reap(pid));
}

/* What is not for a child leaves it a place that it can find, too. */
static int reserve_there(void *data)
{
	struct ntmem_reserve *r = data;
	int fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);

	CHECK(!nt_call(fd, NTMEM_IOC_RESERVE, r));
	return 0;
}

TEST_F(placeholder, nofork_leaves_a_hole)
{
	struct ntmem_reserve r = {
		.size = SIZE, .prot = RW, .min_addr = WANTED,
		.max_addr = WANTED + SIZE - 1,
	};
	__u64 half = SIZE / 2;

	ASSERT_EQ(WANTED, placeholder(self->fd, WANTED, SIZE));
	ASSERT_EQ(0, replace(self->fd, WANTED, SIZE, RW,
			     NTMEM_RESERVE_NOFORK));
	ASSERT_EQ(0, nt_in_child(reserve_there, &r));
	ASSERT_EQ(0, nt_release(self->fd, WANTED, 0));
	/* The same of one that was joined with such a one. */
	ASSERT_EQ(WANTED, placeholder(self->fd, WANTED, SIZE));
	ASSERT_EQ(0, split(self->fd, WANTED, half));
	ASSERT_EQ(0, replace(self->fd, WANTED, half, RW, NTMEM_RESERVE_NOFORK));
	ASSERT_EQ(0, split(self->fd, WANTED, half));
	ASSERT_EQ(0, coalesce(self->fd, WANTED, SIZE));
	ASSERT_EQ(0, nt_in_child(reserve_there, &r));
}

TEST_F(placeholder, in_a_batch)
{
	struct ntmem_op ops[6];
	__u32 done, i;

	nt_op_range(&ops[0], NTMEM_NR_RELEASE, self->base, PAGE, 0);
	ops[0].range.flags = PRESERVE;
	ops[1] = (struct ntmem_op) {
		.op = NTMEM_NR_RESERVE, .status = 12345,
		.reserve = {
			.addr = self->base, .size = PAGE, .prot = RW,
			.flags = REPLACE | COMMIT,
		},
	};
	nt_op_range(&ops[2], NTMEM_NR_RELEASE, self->base, SIZE, 0);
	ops[2].range.flags = COALESCE;
	nt_op_range(&ops[3], NTMEM_NR_RELEASE, self->base, PAGE, 0);
	ops[3].range.flags = PRESERVE;
	ops[4] = ops[2];
	nt_op_range(&ops[5], NTMEM_NR_RELEASE, self->base, 0, 0);
	ASSERT_EQ(0, nt_batch(self->fd, ops, 6, 0, &done));
	ASSERT_EQ(6U, done);
	for (i = 0; i < 6; i++)
		ASSERT_EQ(i == 2 ? -ENOENT : 0, ops[i].status);
	ASSERT_TRUE(nt_is_free(self->fd, self->base));
}

/* More of them than fit into any table of fixed size. */
TEST_F(placeholder, many)
{
	__u64 size = 4096 * PAGE, i, at = placeholder(self->fd, 0, size);

	ASSERT_NE(0ULL, at);
	for (i = 1; i < 4096; i++)
		ASSERT_EQ(0, split(self->fd, at + (4096 - i) * PAGE, PAGE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, at + 1000 * PAGE, PAGE));
	ASSERT_EQ(0, coalesce(self->fd, at, size));
	ASSERT_TRUE(nt_is_placeholder(self->fd, at, size));
	ASSERT_EQ(0, nt_release(self->fd, at, 0));
	ASSERT_TRUE(nt_is_free(self->fd, at));
}

/* ----------------------------------------------------------------- plain --- */

static int plain(int fd, __u64 addr, __u64 size)
{
	return nt_release_as(fd, addr, size, PLAIN);
}

static int over(int fd, __u64 addr, __u64 size, __u32 flags)
{
	__u64 base = addr;
	int error = nt_reserve(fd, &base, size, NOACCESS,
			       PLACEHOLDER | OVER | flags);

	return error ? error : base == (addr & ~(PAGE - 1)) ? 0 : EBADMSG;
}

/* Is the page nobody's whom mmap(2) would respect? */
static bool can_map(__u64 addr)
{
	void *at = mmap(nt_ptr(addr), PAGE, PROT_READ, MAP_PRIVATE |
			MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	return at != MAP_FAILED && !munmap(at, PAGE);
}

/* A file's pages, all 7, over what is there. */
static bool map_file(__u64 addr, __u64 size)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	void *at;

	if (ftruncate(fd, size))
		return false;
	at = mmap(nt_ptr(addr), size, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_FIXED, fd, 0);
	close(fd);
	if (at == MAP_FAILED)
		return false;
	memset(at, 7, size);
	return true;
}

TEST_F(placeholder, plain_and_back)
{
	struct ntmem_info info;
	struct ntmem_query q;
	int i;

	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_TRUE(info.features & NTMEM_FEATURE_PLAIN);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, plain(self->fd, self->base, SIZE));
		ASSERT_EQ(0, nt_info(self->fd, &info));
		ASSERT_EQ(0ULL, info.space_reserved);
		ASSERT_EQ(0, nt_query(self->fd, self->base, &q));
		ASSERT_EQ((__u32)NTMEM_STATE_FOREIGN, q.state);
		ASSERT_EQ((__u32)NOACCESS, q.prot);
		ASSERT_EQ((__u32)NTMEM_TYPE_PRIVATE, q.type);
		ASSERT_FALSE(can_map(self->base));
		ASSERT_FALSE(can_map(self->base + SIZE - PAGE));
		ASSERT_EQ(-SIGSEGV, nt_peek(self->base));
		ASSERT_UNCHANGED(ENOENT, nt_release(self->fd, self->base, 0));
		ASSERT_UNCHANGED(ENOENT, split(self->fd, self->base, PAGE));
		ASSERT_TRUE(map_file(self->base, SIZE));
		ASSERT_EQ(7, nt_peek(self->base + SIZE - 1));
		ASSERT_EQ(0, over(self->fd, self->base, SIZE, 0));
		ASSERT_TRUE(nt_is_placeholder(self->fd, self->base, SIZE));
		ASSERT_EQ(-SIGSEGV, nt_peek(self->base));
		ASSERT_EQ(0, nt_info(self->fd, &info));
		ASSERT_EQ(SIZE, info.space_reserved);
		ASSERT_EQ(0, replace(self->fd, self->base, SIZE, RW, COMMIT));
		ASSERT_TRUE(nt_all(self->base, SIZE, 0));
		ASSERT_EQ(0, split(self->fd, self->base, SIZE));
	}
	ASSERT_EQ(0, nt_release(self->fd, self->base, 0));
	ASSERT_TRUE(nt_is_free(self->fd, self->base));
	ASSERT_TRUE(can_map(self->base));
}

/* Parts are plain each for itself, and join those that never were. */
TEST_F(placeholder, a_part_is_plain)
{
	__u64 part = self->base + 4 * PAGE;

	ASSERT_EQ(0, split(self->fd, part, 2 * PAGE));
	ASSERT_EQ(0, plain(self->fd, part + 7, 2 * PAGE - 7));
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base, 4 * PAGE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, part + 2 * PAGE, 10 * PAGE));
	ASSERT_UNCHANGED(ENOENT, coalesce(self->fd, self->base, SIZE));
	ASSERT_TRUE(map_file(part, 2 * PAGE));
	ASSERT_EQ(0, over(self->fd, part + 7, 2 * PAGE - 7, 0));
	ASSERT_TRUE(nt_is_placeholder(self->fd, part, 2 * PAGE));
	ASSERT_EQ(0, coalesce(self->fd, self->base, SIZE));
	ASSERT_EQ(0, replace(self->fd, self->base, SIZE, RX, COMMIT));
	ASSERT_EQ(0, nt_peek(part));
	ASSERT_EQ(0, split(self->fd, self->base, SIZE));
	/* Of what may be executed, too. */
	ASSERT_EQ(0, plain(self->fd, self->base, SIZE));
	ASSERT_FALSE(can_map(self->base));
	ASSERT_EQ(0, over(self->fd, self->base, SIZE, 0));
}

TEST_F(placeholder, what_does_not_become_plain)
{
	__u64 at = self->base, reserved = nt_any(self->fd, SIZE, 0);

	ASSERT_UNCHANGED(EINVAL, plain(self->fd, at, 0));
	ASSERT_UNCHANGED(EINVAL, nt_release_as(self->fd, at, SIZE,
					       PLAIN | PRESERVE));
	ASSERT_UNCHANGED(EINVAL, nt_release_as(self->fd, at, SIZE,
					       PLAIN | COALESCE));
	ASSERT_UNCHANGED(ENOENT, plain(self->fd, at, SIZE - PAGE));
	ASSERT_UNCHANGED(ENOENT, plain(self->fd, at, SIZE + PAGE));
	ASSERT_UNCHANGED(ENOENT, plain(self->fd, at + PAGE, SIZE - PAGE));
	ASSERT_UNCHANGED(ENOENT, plain(self->fd, reserved, SIZE));
	ASSERT_UNCHANGED(ENOENT, plain(self->fd, WANTED, SIZE));
	ASSERT_EQ(0, split(self->fd, at, PAGE));
	ASSERT_UNCHANGED(ENOENT, plain(self->fd, at, SIZE));
	ASSERT_EQ(0, replace(self->fd, at, PAGE, RW, 0));
	ASSERT_UNCHANGED(ENOENT, plain(self->fd, at, PAGE));
}

TEST_F(placeholder, what_is_not_taken_over)
{
	struct ntmem_reserve r = {
		.addr = WANTED, .size = PAGE, .prot = NOACCESS,
		.flags = PLACEHOLDER | OVER, .align = 2 * MIB,
	};
	char *at = mmap(nt_ptr(WANTED), 3 * PAGE, PROT_READ, MAP_PRIVATE |
			MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	__u64 wanted = WANTED, zero = 0;

	ASSERT_EQ(nt_ptr(WANTED), at);
	ASSERT_EQ(0, munmap(at + 2 * PAGE, PAGE));
	ASSERT_UNCHANGED(ENOENT, over(self->fd, WANTED, 3 * PAGE, 0));
	ASSERT_UNCHANGED(ENOENT, over(self->fd, WANTED + PAGE, 2 * PAGE, 0));
	ASSERT_UNCHANGED(ENOENT, over(self->fd, WANTED - PAGE, 2 * PAGE, 0));
	/* What was never reserved of an arena. */
	ASSERT_UNCHANGED(ENOENT, over(self->fd, self->base + SIZE, PAGE, 0));
	ASSERT_UNCHANGED(EEXIST, over(self->fd, self->base, SIZE, 0));
	ASSERT_UNCHANGED(EEXIST, over(self->fd, self->base, PAGE, 0));
	ASSERT_UNCHANGED(EINVAL, over(self->fd, WANTED, 0, 0));
	ASSERT_UNCHANGED(EINVAL, over(self->fd, WANTED, PAGE, COMMIT));
	ASSERT_UNCHANGED(EINVAL, over(self->fd, WANTED, PAGE, REPLACE));
	ASSERT_UNCHANGED(EINVAL, over(self->fd, WANTED, PAGE,
				      NTMEM_RESERVE_TOP_DOWN));
	ASSERT_UNCHANGED(EINVAL, nt_reserve(self->fd, &zero, PAGE, NOACCESS,
					    PLACEHOLDER | OVER));
	ASSERT_UNCHANGED(EINVAL, nt_reserve(self->fd, &wanted, PAGE, RW,
					    PLACEHOLDER | OVER));
	ASSERT_UNCHANGED(EINVAL, nt_reserve(self->fd, &wanted, PAGE, NOACCESS,
					    OVER));
	ASSERT_UNCHANGED(EINVAL, nt_call(self->fd, NTMEM_IOC_RESERVE, &r));
	ASSERT_EQ(0, nt_peek(WANTED));
	ASSERT_EQ(0, nt_peek(WANTED + PAGE));
	/* More mappings than one, rounded to pages only. */
	ASSERT_EQ(0, mprotect(at, PAGE, PROT_NONE));
	ASSERT_EQ(0, over(self->fd, WANTED + 1, 2 * PAGE - 1, 0));
	ASSERT_TRUE(nt_is_placeholder(self->fd, WANTED, 2 * PAGE));
}

/* Nobody gets the addresses where the caller was not told. */
TEST_F(placeholder, taken_over_untold)
{
	struct ntmem_reserve *r = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, (void *)r);
	*r = (struct ntmem_reserve){
		.addr = self->base, .size = SIZE, .prot = NOACCESS,
		.flags = PLACEHOLDER | OVER,
	};
	ASSERT_EQ(0, plain(self->fd, self->base, SIZE));
	ASSERT_EQ(0, mprotect(r, PAGE, PROT_READ));
	ASSERT_EQ(EFAULT, ERRNO_OF(ioctl(self->fd, NTMEM_IOC_RESERVE, r)));
	ASSERT_FALSE(nt_is_placeholder(self->fd, self->base, SIZE));
	ASSERT_FALSE(can_map(self->base));
	ASSERT_EQ(0, over(self->fd, self->base, SIZE, 0));
}

#ifndef SYS_mseal
#define SYS_mseal	462
#endif

TEST_F(placeholder, a_sealed_mapping_stays)
{
	char *at = mmap(nt_ptr(WANTED), 2 * PAGE, PROT_READ, MAP_PRIVATE |
			MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	ASSERT_EQ(nt_ptr(WANTED), at);
	if (syscall(SYS_mseal, at + PAGE, PAGE, 0))
		SKIP(return, "mseal: %s", strerror(errno));
	ASSERT_UNCHANGED(EACCES, over(self->fd, WANTED, 2 * PAGE, 0));
	ASSERT_EQ(0, nt_peek(WANTED));
	ASSERT_EQ(0, nt_peek(WANTED + PAGE));
	ASSERT_EQ(0, syscall(SYS_mseal, self->base, SIZE, 0));
	ASSERT_UNCHANGED(EACCES, plain(self->fd, self->base, SIZE));
}

/* The rest of an arena is reserved from as before. */
TEST_F(placeholder, plain_leaves_the_arena)
{
	__u64 first = self->base, at, i;

	for (i = 0; i < 100; i++) {
		at = placeholder(self->fd, 0, SIZE);
		ASSERT_NE(0ULL, at);
		ASSERT_GT(100 * MIB, at > first ? at - first : first - at);
		ASSERT_EQ(0, plain(self->fd, at, SIZE));
		ASSERT_EQ(0, i % 2 ? munmap(nt_ptr(at), SIZE) :
				     over(self->fd, at, SIZE, 0));
	}
	/* Nor is anything carved where it is not any more. */
	ASSERT_EQ(0, plain(self->fd, first, SIZE));
	for (i = 0; i < 100; i++) {
		at = nt_block(self->fd, PAGE, RW);
		ASSERT_EQ(0, nt_poke(at, 7));
	}
	ASSERT_EQ(-SIGSEGV, nt_peek(first));
}

/* At the limit of address space nothing more is needed. */
TEST_F(placeholder, plain_within_limits)
{
	struct rlimit limit = {
		.rlim_cur = nt_kb_line("/proc/self/status", "VmSize:"),
	};

	limit.rlim_max = limit.rlim_cur;
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &limit));
	ASSERT_EQ(0, plain(self->fd, self->base, SIZE));
	ASSERT_EQ(0, over(self->fd, self->base, SIZE, 0));
}

struct family {
	__u64 plain, over, nofork;
};

/* A plain one is the child's as well, and it can take it over. */
static int child_of_plain(void *data)
{
	const struct family *f = data;
	int fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);

	CHECK(nt_peek(f->plain) == 7);
	CHECK(!over(fd, f->plain, SIZE, 0));
	CHECK(nt_is_placeholder(fd, f->plain, SIZE));
	CHECK(nt_is_placeholder(fd, f->over, SIZE));
	CHECK(nt_is_free(fd, f->nofork) && can_map(f->nofork));
	CHECK(!plain(fd, f->plain, SIZE));
	CHECK(!plain(fd, f->over, SIZE));
	CHECK(!can_map(f->plain) && !can_map(f->over));
	CHECK(nt_block(fd, PAGE, RW));
	CHECK(!over(fd, f->over, SIZE, 0));
	CHECK(!nt_release(fd, f->over, 0));
	return 0;
}

TEST_F(placeholder, fork_of_plain_ones)
{
	struct family f = { .plain = self->base };

	f.over = placeholder(self->fd, 0, SIZE);
	f.nofork = placeholder(self->fd, 0, SIZE);
	ASSERT_EQ(0, plain(self->fd, f.plain, SIZE));
	ASSERT_TRUE(map_file(f.plain, SIZE));
	ASSERT_EQ(0, plain(self->fd, f.over, SIZE));
	ASSERT_EQ(0, over(self->fd, f.over, SIZE, 0));
	ASSERT_EQ(0, plain(self->fd, f.nofork, SIZE));
	ASSERT_EQ(0, over(self->fd, f.nofork, SIZE, NTMEM_RESERVE_NOFORK));
	ASSERT_EQ(0, nt_in_child(child_of_plain, &f));
	ASSERT_EQ(7, nt_peek(f.plain));
	ASSERT_TRUE(nt_is_placeholder(self->fd, f.over, SIZE));
	ASSERT_TRUE(nt_is_placeholder(self->fd, f.nofork, SIZE));
	ASSERT_EQ(0, over(self->fd, f.plain, SIZE, 0));
}

TEST_HARNESS_MAIN
