// SPDX-License-Identifier: GPL-2.0
/*
 * A 32-bit program on the 64-bit kernel: the same structures, and each call
 * at work. Built with -m32.
 */
#include "ntmem_test.h"
#include "abi_layout.h"

static_assert(sizeof(void *) == 4, "this is for 32-bit programs");

TEST_F(space, info)
{
	struct ntmem_info info;

	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(NTMEM_API_VERSION, (int)info.version);
	ASSERT_EQ(PAGE, info.page_size);
	ASSERT_GT(1ULL << 32, info.max_address);
	ASSERT_EQ(0ULL, (info.max_address + 1) % PAGE);
}

TEST_F(space, a_life)
{
	__u64 base = nt_any(self->fd, GRAN, 0);
	__u32 old;

	ASSERT_NE(0ULL, base);
	ASSERT_GT(1ULL << 32, base);
	ASSERT_EQ(0, nt_commit(self->fd, base, 4 * PAGE, RW));
	ASSERT_TRUE(nt_all(base, 4 * PAGE, 0));
	memset(nt_ptr(base), 7, 4 * PAGE);
	ASSERT_EQ(0, nt_protect(self->fd, base, PAGE, RO, &old));
	ASSERT_EQ(RW, (int)old);
	ASSERT_EQ(-SIGSEGV, nt_poke(base, 1));
	ASSERT_TRUE(nt_fault_was(self->fd, base, NTMEM_ACCESS_WRITE,
				 NTMEM_FAULT_PROTECTION, RO));
	ASSERT_EQ(7, nt_peek(base));
	ASSERT_EQ(0, nt_lock(self->fd, base, PAGE));
	ASSERT_EQ(0, nt_unlock(self->fd, base, PAGE));
	ASSERT_EQ(0, nt_reset(self->fd, base, PAGE));
	ASSERT_EQ(0, nt_reset_undo(self->fd, base, PAGE));
	ASSERT_TRUE(nt_run(self->fd, base, PAGE, COMMITTED, RO));
	ASSERT_TRUE(nt_run(self->fd, base + PAGE, 3 * PAGE, COMMITTED, RW));
	ASSERT_TRUE(nt_run(self->fd, base + 4 * PAGE, 12 * PAGE, RESERVED,
			   0));
	ASSERT_TRUE(nt_in(self->fd, base, base, RW));
	ASSERT_EQ(0, nt_decommit(self->fd, base, 0));
	ASSERT_EQ(0, nt_release(self->fd, base, 0));
	ASSERT_UNCHANGED(EBUSY, nt_set_granularity(self->fd, MIB));
}

TEST_F(space, batch)
{
	__u64 base = nt_any(self->fd, GRAN, 0);
	struct ntmem_op ops[2];
	__u32 done;

	nt_op_range(&ops[0], NTMEM_NR_COMMIT, base, PAGE, RW);
	nt_op_range(&ops[1], NTMEM_NR_COMMIT, base + GRAN, PAGE, RW);
	ASSERT_EQ(0, nt_batch(self->fd, ops, 2, 0, &done));
	ASSERT_EQ(2U, done);
	ASSERT_EQ(0, ops[0].status);
	ASSERT_EQ(-ENOENT, ops[1].status);
	ASSERT_EQ(0, nt_poke(base, 1));
}

/* Addresses that do not fit are no addresses, not cut ones. */
TEST_F(space, beyond_four_gigabytes)
{
	struct ntmem_batch batch = { .count = 1 };
	struct ntmem_query q;
	struct ntmem_op op;
	__u64 base = nt_block(self->fd, PAGE, RW);

	ASSERT_NE(0ULL, base);
	ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, (1ULL << 32) + WANTED,
					       PAGE));
	ASSERT_UNCHANGED(EINVAL, nt_commit(self->fd, (1ULL << 32) + base,
					   PAGE, RW));
	ASSERT_UNCHANGED(EINVAL, nt_decommit(self->fd, base,
					     (1ULL << 32) + PAGE));
	ASSERT_EQ(EINVAL, nt_query(self->fd, (1ULL << 32) + base, &q));
	ASSERT_UNCHANGED(ENOSPC, nt_reserve_at(self->fd, 0, 0xf0000000));
	nt_op_range(&op, NTMEM_NR_DECOMMIT, base, PAGE, 0);
	batch.ops = (1ULL << 32) + (uintptr_t)&op;
	ASSERT_UNCHANGED(EFAULT, nt_call(self->fd, NTMEM_IOC_BATCH, &batch));
}

TEST_F(space, top_down)
{
	__u64 high = nt_any(self->fd, GRAN, NTMEM_RESERVE_TOP_DOWN);
	__u64 low = nt_any(self->fd, GRAN, 0);

	ASSERT_NE(0ULL, low);
	ASSERT_LT(low, high);
	ASSERT_GT(1ULL << 32, high);
}

static int child(void *data)
{
	__u64 base = *(__u64 *)data;
	int fd = open("/dev/ntmem", O_RDWR);

	CHECK(nt_peek(base) == 3);
	CHECK(!nt_poke(base, 4));
	CHECK(nt_run(fd, base, PAGE, COMMITTED, RW));
	return 0;
}

TEST_F(space, fork)
{
	__u64 base = nt_block(self->fd, PAGE, RW);

	ASSERT_EQ(0, nt_poke(base, 3));
	ASSERT_EQ(0, nt_in_child(child, &base));
	ASSERT_EQ(3, nt_peek(base));
}

TEST_F(space, execute)
{
	__u64 base = nt_block(self->fd, PAGE, RW);

	nt_write_code(base, 12);
	ASSERT_EQ(0, nt_protect(self->fd, base, PAGE, RX, NULL));
	ASSERT_EQ(12, nt_exec(base));
}

TEST_HARNESS_MAIN
