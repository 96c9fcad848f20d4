// SPDX-License-Identifier: GPL-2.0
/*
 * BATCH: each operation with its own result, the stop flag, limits.
 */
#include "ntmem_test.h"

#define UNTOUCHED	12345

FIXTURE(batch)
{
	int fd;
	__u64 base;	/* of a reservation of one granule */
};

FIXTURE_SETUP(batch)
{
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->base = nt_any(self->fd, GRAN, 0);
	ASSERT_NE(0ULL, self->base);
}

FIXTURE_TEARDOWN(batch)
{
	close(self->fd);
}

/* A life: all ten operations, in order, in one call. */
TEST_F(batch, every_operation)
{
	__u64 w = WANTED;
	struct ntmem_op ops[12] = {
		{ .op = NTMEM_NR_RESERVE, .status = UNTOUCHED,
		  .reserve = { .addr = w + 5, .size = GRAN, .prot = RW } },
		[9] = { .op = NTMEM_NR_PROTECT, .status = UNTOUCHED,
			.protect = { .addr = w, .size = PAGE, .prot = RO } },
		[10] = { .op = NTMEM_NR_QUERY, .status = UNTOUCHED,
			 .query = { .addr = w + 1 } },
	};
	__u32 done;
	int i;

	nt_op_range(&ops[1], NTMEM_NR_COMMIT, w, 4 * PAGE, RW);
	nt_op_range(&ops[2], NTMEM_NR_LOCK, w, PAGE, 0);
	nt_op_range(&ops[3], NTMEM_NR_UNLOCK, w, PAGE, 0);
	nt_op_range(&ops[4], NTMEM_NR_RESET, w, PAGE, 0);
	nt_op_range(&ops[5], NTMEM_NR_RESET_UNDO, w, PAGE, 0);
	nt_op_range(&ops[6], NTMEM_NR_DECOMMIT, w, 4 * PAGE, 0);
	nt_op_range(&ops[7], NTMEM_NR_COMMIT, w, 2 * PAGE, RW);
	nt_op_range(&ops[8], NTMEM_NR_RELEASE, w + 2 * PAGE, PAGE, 0);
	nt_op_range(&ops[11], NTMEM_NR_RELEASE, self->base, 0, 0);
	ASSERT_EQ(0, nt_batch(self->fd, ops, 12, 0, &done));
	ASSERT_EQ(12U, done);
	for (i = 0; i < 12; i++) {
		ASSERT_EQ(0, ops[i].status) {
			TH_LOG("operation %d", i);
		}
	}
	/* Outputs are where they belong. */
	ASSERT_EQ(w, ops[0].reserve.addr);
	ASSERT_EQ(GRAN + PAGE, ops[0].reserve.size);
	ASSERT_EQ(RW, (int)ops[9].protect.old_prot);
	ASSERT_EQ(w, ops[10].query.base);
	ASSERT_EQ(PAGE, ops[10].query.size);
	ASSERT_EQ(RO, (int)ops[10].query.prot);
	ASSERT_EQ(w, ops[10].query.alloc_base);
	ASSERT_TRUE(nt_run(self->fd, w, PAGE, COMMITTED, RO));
	ASSERT_TRUE(nt_run(self->fd, w + PAGE, PAGE, COMMITTED, RW));
	ASSERT_TRUE(nt_is_free(self->fd, w + 2 * PAGE));
	ASSERT_TRUE(nt_run(self->fd, w + 3 * PAGE, GRAN - 2 * PAGE, RESERVED,
			   0));
	ASSERT_TRUE(nt_is_free(self->fd, self->base));
}

static void half_bad(struct ntmem_op *ops, __u64 base)
{
	nt_op_range(&ops[0], NTMEM_NR_COMMIT, base, PAGE, RW);
	nt_op_range(&ops[1], NTMEM_NR_COMMIT, base + GRAN, PAGE, RW);
	nt_op_range(&ops[2], NTMEM_NR_COMMIT, base + PAGE, PAGE, 0);
	nt_op_range(&ops[3], NTMEM_NR_COMMIT, base + 2 * PAGE, PAGE, RO);
}

TEST_F(batch, failures_do_not_stop_it)
{
	struct ntmem_op ops[4];
	__u32 done;

	half_bad(ops, self->base);
	ASSERT_EQ(0, nt_batch(self->fd, ops, 4, 0, &done));
	ASSERT_EQ(4U, done);
	ASSERT_EQ(0, ops[0].status);
	ASSERT_EQ(-ENOENT, ops[1].status);
	ASSERT_EQ(-EINVAL, ops[2].status);
	ASSERT_EQ(0, ops[3].status);
	ASSERT_TRUE(nt_run(self->fd, self->base, PAGE, COMMITTED, RW));
	ASSERT_TRUE(nt_run(self->fd, self->base + PAGE, PAGE, RESERVED, 0));
	ASSERT_TRUE(nt_run(self->fd, self->base + 2 * PAGE, PAGE, COMMITTED,
			   RO));
}

TEST_F(batch, unless_asked_to)
{
	struct ntmem_op ops[4];
	__u32 done;

	half_bad(ops, self->base);
	ASSERT_EQ(0, nt_batch(self->fd, ops, 4, NTMEM_BATCH_STOP, &done));
	ASSERT_EQ(2U, done);
	ASSERT_EQ(0, ops[0].status);
	ASSERT_EQ(-ENOENT, ops[1].status);
	ASSERT_EQ(UNTOUCHED, ops[2].status);
	ASSERT_EQ(UNTOUCHED, ops[3].status);
	ASSERT_TRUE(nt_run(self->fd, self->base, PAGE, COMMITTED, RW));
	ASSERT_TRUE(nt_run(self->fd, self->base + PAGE, GRAN - PAGE, RESERVED,
			   0));
	/* The first one, and none. */
	half_bad(ops, self->base);
	ASSERT_EQ(0, nt_batch(self->fd, ops + 1, 3, NTMEM_BATCH_STOP, &done));
	ASSERT_EQ(1U, done);
	ASSERT_EQ(UNTOUCHED, ops[2].status);
	ASSERT_EQ(0, nt_batch(self->fd, ops + 3, 1, NTMEM_BATCH_STOP, &done));
	ASSERT_EQ(1U, done);
	ASSERT_EQ(0, ops[3].status);
}

TEST_F(batch, failed_operations_leave_their_outputs)
{
	struct ntmem_op ops[3] = {
		{ .op = NTMEM_NR_RESERVE,
		  .reserve = { .addr = self->base, .size = 3, .prot = RW } },
		{ .op = NTMEM_NR_PROTECT,
		  .protect = { .addr = self->base, .size = PAGE, .prot = RO,
			       .old_prot = 0xa5a5a5a5 } },
		{ .op = NTMEM_NR_QUERY },
	};
	struct ntmem_op before[3];
	int i;

	ops[2].query.addr = NONE;
	ops[2].query.base = 0xa5a5a5a5;
	ops[2].query.type = 0xa5a5a5a5;
	memcpy(before, ops, sizeof(ops));
	ASSERT_UNCHANGED(0, nt_batch(self->fd, ops, 3, 0, NULL));
	ASSERT_EQ(-EEXIST, ops[0].status);
	ASSERT_EQ(-ENODATA, ops[1].status);
	ASSERT_EQ(-EINVAL, ops[2].status);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, memcmp(ops[i].raw, before[i].raw,
				    sizeof(ops[i].raw)));
}

TEST_F(batch, operations_that_do_not_exist)
{
	static const __u32 numbers[] = {
		NTMEM_NR_INFO, NTMEM_NR_SET_GRANULARITY, NTMEM_NR_BATCH,
		NTMEM_NR_LAST_FAULT, NTMEM_NR_WATCH, NTMEM_NR_CREATE_SECTION,
		NTMEM_NR_MAP_VIEW, NTMEM_NR_UNMAP_VIEW, NTMEM_NR_SET_LIMIT,
		0xff, 0x100,
		0x102, NTMEM_IOC_COMMIT, 0x80000002, 0xffffffff,
	};
	struct ntmem_op inner, op;
	unsigned int i;
	__u32 done;

	nt_op_range(&inner, NTMEM_NR_COMMIT, self->base, PAGE, RW);
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		nt_op_range(&op, numbers[i], (uintptr_t)&inner, 1, 0);
		ASSERT_UNCHANGED(0, nt_batch(self->fd, &op, 1, 0, &done));
		ASSERT_EQ(-ENOTTY, op.status) {
			TH_LOG("operation %#x", numbers[i]);
		}
		ASSERT_EQ(1U, done);
	}
	ASSERT_EQ(UNTOUCHED, inner.status);
}

TEST_F(batch, unknown_flags_of_an_operation)
{
	struct ntmem_op ops[2];

	nt_op_range(&ops[0], NTMEM_NR_COMMIT, self->base, PAGE, RW);
	ops[0].range.flags = 1;
	nt_op_range(&ops[1], NTMEM_NR_DECOMMIT, self->base, PAGE, RW);
	ASSERT_UNCHANGED(0, nt_batch(self->fd, ops, 2, 0, NULL));
	ASSERT_EQ(-EINVAL, ops[0].status);
	ASSERT_EQ(-EINVAL, ops[1].status);
}

/* A compiler may leave there what it likes, and an earlier operation does. */
TEST_F(batch, what_is_behind_an_operation)
{
	struct ntmem_op ops[2];

	memset(ops, 0xa5, sizeof(ops));
	ops[0].op = NTMEM_NR_COMMIT;
	ops[0].range = (struct ntmem_range) {
		.addr = self->base, .size = PAGE, .prot = RW,
	};
	ops[1].op = NTMEM_NR_PROTECT;
	ops[1].protect = (struct ntmem_protect) {
		.addr = self->base, .size = PAGE, .prot = RO,
		.old_prot = 0xa5a5a5a5,
	};
	ASSERT_EQ(0, nt_batch(self->fd, ops, 2, 0, NULL));
	ASSERT_EQ(0, ops[0].status);
	ASSERT_EQ(0, ops[1].status);
	ASSERT_EQ(RW, (int)ops[1].protect.old_prot);
	ASSERT_EQ(~0ULL / 0xff * 0xa5, ops[0].raw[7]);
	ASSERT_TRUE(nt_run(self->fd, self->base, PAGE, COMMITTED, RO));
}

TEST_F(batch, limits_of_count)
{
	static struct ntmem_op ops[NTMEM_BATCH_MAX + 1];
	unsigned int i;
	__u32 done;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		nt_op_range(&ops[i], i % 2 ? NTMEM_NR_DECOMMIT :
			    NTMEM_NR_COMMIT, self->base + i / 2 % 16 * PAGE,
			    PAGE, i % 2 ? 0 : RW);
	ASSERT_UNCHANGED(EINVAL, nt_batch(self->fd, ops, 0, 0, NULL));
	ASSERT_UNCHANGED(EINVAL, nt_batch(self->fd, ops, NTMEM_BATCH_MAX + 1,
					  0, NULL));
	ASSERT_UNCHANGED(EINVAL, nt_batch(self->fd, ops, 0xffffffff, 0,
					  NULL));
	ASSERT_EQ(UNTOUCHED, ops[0].status);
	ASSERT_UNCHANGED(0, nt_batch(self->fd, ops, NTMEM_BATCH_MAX, 0,
				     &done));
	ASSERT_EQ((unsigned int)NTMEM_BATCH_MAX, done);
	for (i = 0; i < NTMEM_BATCH_MAX; i++)
		ASSERT_EQ(0, ops[i].status);
	ASSERT_EQ(UNTOUCHED, ops[NTMEM_BATCH_MAX].status);
}

TEST_F(batch, unreadable_array)
{
	char *map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ntmem_op *last = (void *)(map + PAGE - sizeof(*last));

	ASSERT_NE(MAP_FAILED, (void *)map);
	ASSERT_EQ(0, mprotect(map + PAGE, PAGE, PROT_NONE));
	ASSERT_UNCHANGED(EFAULT, nt_batch(self->fd, NULL, 1, 0, NULL));
	ASSERT_UNCHANGED(EFAULT, nt_batch(self->fd, (void *)(map + PAGE), 1,
					  0, NULL));
	ASSERT_UNCHANGED(EFAULT, nt_batch(self->fd, nt_ptr(NONE - 71), 1, 0,
					  NULL));
	ASSERT_UNCHANGED(EFAULT, nt_batch(self->fd, nt_ptr(1ULL << 63), 65536,
					  0, NULL));
	/* Cut in the middle of an operation: that one is not run. */
	nt_op_range(last, NTMEM_NR_COMMIT, self->base, PAGE, RW);
	ASSERT_UNCHANGED(EFAULT, nt_batch(self->fd, (void *)(map + PAGE - 36),
					  1, 0, NULL));
	/* What is there runs or not, but the call fails. */
	ASSERT_EQ(EFAULT, nt_batch(self->fd, last, 2, 0, NULL));
}

/* Results that cannot be told: the call fails and says so. */
TEST_F(batch, unwritable_array)
{
	struct ntmem_op *ops = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, (void *)ops);
	nt_op_range(&ops[0], NTMEM_NR_COMMIT, self->base, PAGE, RW);
	ASSERT_EQ(0, mprotect(ops, PAGE, PROT_READ));
	ASSERT_EQ(EFAULT, nt_batch(self->fd, ops, 1, 0, NULL));
	ASSERT_EQ(UNTOUCHED, ops[0].status);
}

/* The array may lie in the memory that it is about. */
TEST_F(batch, array_in_the_space_itself)
{
	__u64 base = nt_block(self->fd, GRAN, RW);
	struct ntmem_op *ops = nt_ptr(base);
	__u32 done;

	ASSERT_NE(0ULL, base);
	nt_op_range(&ops[0], NTMEM_NR_COMMIT, self->base, PAGE, RW);
	nt_op_range(&ops[1], NTMEM_NR_PROTECT, base + PAGE, PAGE, RO);
	ASSERT_EQ(0, nt_batch(self->fd, ops, 2, 0, &done));
	ASSERT_EQ(2U, done);
	ASSERT_EQ(0, ops[0].status);
	ASSERT_EQ(0, ops[1].status);
	ASSERT_EQ(RW, (int)ops[1].protect.old_prot);
	/* It takes its own page away: an error, and no more than that. */
	nt_op_range(&ops[0], NTMEM_NR_DECOMMIT, base, PAGE, 0);
	ASSERT_EQ(EFAULT, nt_batch(self->fd, ops, 1, 0, NULL));
	ASSERT_EQ(-SIGSEGV, nt_peek(base));
	ASSERT_TRUE(nt_run(self->fd, base + PAGE, PAGE, COMMITTED, RO));
}

TEST_HARNESS_MAIN
