// SPDX-License-Identifier: GPL-2.0
/*
 * QUERY: runs and their borders, free and foreign ranges, walks of the whole
 * address space, and a reservation with a million runs.
 */
#include "ntmem_test.h"

TEST_F(space, runs)
{
	__u64 base = nt_any(self->fd, 16 * PAGE, 0);
	struct ntmem_query q;
	int i;

	ASSERT_NE(0ULL, base);
	ASSERT_EQ(0, nt_commit(self->fd, base + 2 * PAGE, 6 * PAGE, RW));
	ASSERT_EQ(0, nt_commit(self->fd, base + 4 * PAGE, PAGE, RO));
	ASSERT_EQ(0, nt_commit(self->fd, base + 5 * PAGE, PAGE, RO | GUARD));
	ASSERT_TRUE(nt_run(self->fd, base, 2 * PAGE, RESERVED, 0));
	ASSERT_TRUE(nt_run(self->fd, base + 2 * PAGE, 2 * PAGE, COMMITTED,
			   RW));
	ASSERT_TRUE(nt_run(self->fd, base + 4 * PAGE, PAGE, COMMITTED, RO));
	ASSERT_TRUE(nt_run(self->fd, base + 5 * PAGE, PAGE, COMMITTED,
			   RO | GUARD));
	ASSERT_TRUE(nt_run(self->fd, base + 6 * PAGE, 2 * PAGE, COMMITTED,
			   RW));
	ASSERT_TRUE(nt_run(self->fd, base + 8 * PAGE, 8 * PAGE, RESERVED, 0));
	/* From the middle of a run, and from the middle of a page. */
	ASSERT_TRUE(nt_run(self->fd, base + 3 * PAGE, PAGE, COMMITTED, RW));
	for (i = 0; i < 16; i++)
		ASSERT_TRUE(nt_in(self->fd, base + i * PAGE, base, RW));
	ASSERT_EQ(0, nt_query(self->fd, base + 3 * PAGE - 1, &q));
	ASSERT_EQ(base + 3 * PAGE - 1, q.addr);
	ASSERT_EQ(base + 2 * PAGE, q.base);
	ASSERT_EQ(2 * PAGE, q.size);
	/* Equal neighbours are one run however they came to be equal. */
	ASSERT_EQ(0, nt_commit(self->fd, base + 4 * PAGE, 2 * PAGE, RW));
	ASSERT_TRUE(nt_run(self->fd, base + 2 * PAGE, 6 * PAGE, COMMITTED,
			   RW));
	ASSERT_EQ(0, nt_poke(base + 3 * PAGE, 1));
	ASSERT_TRUE(nt_run(self->fd, base + 2 * PAGE, 6 * PAGE, COMMITTED,
			   RW));
	ASSERT_EQ(0, nt_decommit(self->fd, base + 2 * PAGE, 6 * PAGE));
	ASSERT_TRUE(nt_run(self->fd, base, 16 * PAGE, RESERVED, 0));
}

/* A lock, a reset and executability are no part of what makes a run. */
TEST_F(space, runs_ignore_what_is_not_reported)
{
	__u64 base = nt_block(self->fd, 16 * PAGE, RW);

	ASSERT_NE(0ULL, base);
	ASSERT_EQ(0, nt_lock(self->fd, base + PAGE, PAGE));
	ASSERT_EQ(0, nt_reset(self->fd, base + 3 * PAGE, PAGE));
	ASSERT_TRUE(nt_run(self->fd, base, 16 * PAGE, COMMITTED, RW));
	ASSERT_EQ(0, nt_protect(self->fd, base + 5 * PAGE, 3 * PAGE, RX,
				NULL));
	ASSERT_TRUE(nt_run(self->fd, base, 5 * PAGE, COMMITTED, RW));
	ASSERT_TRUE(nt_run(self->fd, base + 5 * PAGE, 3 * PAGE, COMMITTED,
			   RX));
	ASSERT_EQ(0, nt_protect(self->fd, base + 5 * PAGE, 3 * PAGE, RW,
				NULL));
	ASSERT_TRUE(nt_run(self->fd, base, 16 * PAGE, COMMITTED, RW));
}

/* ... but a page can be asked for it. */
TEST_F(space, one_page)
{
	__u64 base = nt_any(self->fd, 16 * PAGE, 0);
	struct ntmem_query q = { .flags = NTMEM_QUERY_PAGE };

	ASSERT_NE(0ULL, base);
	ASSERT_EQ(0, nt_commit(self->fd, base, 8 * PAGE, RW));
	ASSERT_EQ(0, nt_lock(self->fd, base + 2 * PAGE, PAGE));
	ASSERT_TRUE(nt_marked(self->fd, base, 0));
	ASSERT_TRUE(nt_marked(self->fd, base + 2 * PAGE,
			      NTMEM_MARK_LOCKED));
	ASSERT_TRUE(nt_marked(self->fd, base + 3 * PAGE - 1,
			      NTMEM_MARK_LOCKED));
	ASSERT_TRUE(nt_marked(self->fd, base + 3 * PAGE, 0));
	ASSERT_TRUE(nt_marked(self->fd, base + 8 * PAGE, 0));
	ASSERT_EQ(0, nt_unlock(self->fd, base + 2 * PAGE, PAGE));
	ASSERT_TRUE(nt_marked(self->fd, base + 2 * PAGE, 0));
	/* All else is as without. */
	q.addr = base + PAGE + 1;
	ASSERT_EQ(0, nt_call(self->fd, NTMEM_IOC_QUERY, &q));
	ASSERT_EQ(base + PAGE, q.base);
	ASSERT_EQ(base, q.alloc_base);
	ASSERT_EQ((int)COMMITTED, (int)q.state);
	ASSERT_EQ(RW, (int)q.prot);
	ASSERT_EQ((int)NTMEM_TYPE_PRIVATE, (int)q.type);
	q = (struct ntmem_query){ .addr = base + 16 * PAGE,
				  .flags = NTMEM_QUERY_PAGE };
	ASSERT_EQ(0, nt_call(self->fd, NTMEM_IOC_QUERY, &q));
	ASSERT_EQ((int)FREE, (int)q.state);
	ASSERT_EQ(0U, q.marks);
}

TEST_F(space, never_crosses_a_reservation)
{
	__u64 a = WANTED, b = a + GRAN;

	ASSERT_EQ(0, nt_reserve(self->fd, &a, GRAN, RW, NTMEM_RESERVE_COMMIT));
	ASSERT_EQ(0, nt_reserve(self->fd, &b, GRAN, RW, NTMEM_RESERVE_COMMIT));
	ASSERT_TRUE(nt_run(self->fd, a, GRAN, COMMITTED, RW));
	ASSERT_TRUE(nt_run(self->fd, b, GRAN, COMMITTED, RW));
	ASSERT_TRUE(nt_in(self->fd, a + GRAN - PAGE, a, RW));
	ASSERT_TRUE(nt_in(self->fd, b, b, RW));
	ASSERT_EQ(0, nt_decommit(self->fd, a, 0));
	ASSERT_EQ(0, nt_decommit(self->fd, b, 0));
	ASSERT_TRUE(nt_run(self->fd, a, GRAN, RESERVED, 0));
	ASSERT_TRUE(nt_run(self->fd, b, GRAN, RESERVED, 0));
}

TEST_F(space, free_ranges)
{
	struct ntmem_query q;
	void *map;

	ASSERT_EQ(0, nt_reserve_at(self->fd, WANTED, 3 * PAGE));
	ASSERT_EQ(0, nt_reserve_at(self->fd, WANTED + 4 * GRAN, GRAN));
	ASSERT_EQ(0, nt_query(self->fd, WANTED + 3 * PAGE + 77, &q));
	ASSERT_EQ(WANTED + 3 * PAGE, q.base);
	ASSERT_EQ(4 * GRAN - 3 * PAGE, q.size);
	ASSERT_EQ(0ULL, q.alloc_base);
	ASSERT_EQ(0, (int)q.alloc_prot);
	ASSERT_EQ((int)FREE, (int)q.state);
	ASSERT_EQ(NOACCESS, (int)q.prot);
	ASSERT_EQ(0, (int)q.type);
	/* Up to a foreign mapping. */
	map = mmap(nt_ptr(WANTED + 8 * GRAN), PAGE, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ASSERT_EQ(nt_ptr(WANTED + 8 * GRAN), map);
	ASSERT_TRUE(nt_run(self->fd, WANTED + 5 * GRAN, 3 * GRAN, FREE,
			   NOACCESS));
	/* After its release. */
	ASSERT_EQ(0, nt_release(self->fd, WANTED + 4 * GRAN, 0));
	ASSERT_TRUE(nt_run(self->fd, WANTED + 3 * PAGE, 8 * GRAN - 3 * PAGE,
			   FREE, NOACCESS));
}

TEST_F(space, foreign_mappings)
{
	static const struct { int prot; __u32 seen; } prots[] = {
		{ PROT_NONE, NOACCESS },
		{ PROT_READ, RO },
		{ PROT_READ | PROT_WRITE, RW },
		{ PROT_READ | PROT_EXEC, RX },
		{ PROT_READ | PROT_WRITE | PROT_EXEC, RWX },
	};
	int file = syscall(SYS_memfd_create, "data", 0), on_stack;
	struct ntmem_query q;
	unsigned int i;
	char *map;

	for (i = 0; i < ARRAY_SIZE(prots); i++) {
		/* A hole behind it, so that it merges with nothing. */
		map = mmap(nt_ptr(WANTED + 2 * i * GRAN), 3 * PAGE,
			   prots[i].prot, MAP_PRIVATE | MAP_ANONYMOUS |
			   MAP_FIXED_NOREPLACE, -1, 0);
		ASSERT_EQ(nt_ptr(WANTED + 2 * i * GRAN), (void *)map);
		ASSERT_EQ(0, nt_query(self->fd, (uintptr_t)map + PAGE + 5,
				      &q));
		ASSERT_EQ((uintptr_t)map + PAGE, q.base);
		ASSERT_EQ(2 * PAGE, q.size);
		ASSERT_EQ((uintptr_t)map, q.alloc_base);
		ASSERT_EQ(NTMEM_STATE_FOREIGN, q.state);
		ASSERT_EQ(prots[i].seen, q.prot);
		ASSERT_EQ((int)NTMEM_TYPE_PRIVATE, (int)q.type);
	}
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)map);
	ASSERT_EQ(0, nt_query(self->fd, (uintptr_t)map, &q));
	ASSERT_EQ(NTMEM_STATE_FOREIGN, q.state);
	ASSERT_EQ((int)NTMEM_TYPE_MAPPED, (int)q.type);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, PAGE));
	map = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0);
	ASSERT_NE(MAP_FAILED, (void *)map);
	ASSERT_EQ(0, nt_query(self->fd, (uintptr_t)map, &q));
	ASSERT_EQ(NTMEM_STATE_FOREIGN, q.state);
	ASSERT_EQ(RO, (int)q.prot);
	ASSERT_EQ((int)NTMEM_TYPE_MAPPED, (int)q.type);
	/* The program and its stack. */
	ASSERT_EQ(0, nt_query(self->fd, (uintptr_t)nt_on_fault, &q));
	ASSERT_EQ(NTMEM_STATE_FOREIGN, q.state);
	ASSERT_EQ((int)NTMEM_TYPE_IMAGE, (int)q.type);
	ASSERT_EQ(RX, (int)q.prot);
	ASSERT_EQ(0, nt_query(self->fd, (uintptr_t)&on_stack, &q));
	ASSERT_EQ(NTMEM_STATE_FOREIGN, q.state);
	ASSERT_EQ((int)NTMEM_TYPE_PRIVATE, (int)q.type);
}

TEST_F(space, above_user_space)
{
	struct ntmem_info info;
	struct ntmem_query q;

	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(EINVAL, nt_query(self->fd, info.max_address + 1, &q));
	ASSERT_EQ(EINVAL, nt_query(self->fd, 1ULL << 63, &q));
	ASSERT_EQ(EINVAL, nt_query(self->fd, NONE, &q));
	ASSERT_EQ(0, nt_query(self->fd, info.max_address, &q));
	ASSERT_EQ(info.max_address + 1, q.base + q.size);
	ASSERT_EQ(0, nt_query(self->fd, 0, &q));
	ASSERT_EQ(0ULL, q.base);
	ASSERT_EQ((int)FREE, (int)q.state);
}

/* Linux maps a little more than reservations can have. */
TEST_F(space, foreign_mapping_above_user_space)
{
	struct ntmem_info info;
	struct ntmem_query q;
	__u64 top;

	ASSERT_EQ(0, nt_info(self->fd, &info));
	top = info.max_address + 1;
	ASSERT_EQ(nt_ptr(top), mmap(nt_ptr(top), 2 * PAGE, PROT_READ,
				    MAP_PRIVATE | MAP_ANONYMOUS |
				    MAP_FIXED_NOREPLACE, -1, 0));
	ASSERT_EQ(0, nt_query(self->fd, top + PAGE + 5, &q));
	ASSERT_EQ(top, q.alloc_base);
	ASSERT_EQ(top + PAGE, q.base);
	ASSERT_EQ(PAGE, q.size);
	ASSERT_EQ(NTMEM_STATE_FOREIGN, q.state);
	ASSERT_EQ(0, munmap(nt_ptr(top), 2 * PAGE));
	ASSERT_EQ(EINVAL, nt_query(self->fd, top + PAGE, &q));
}

/* Each answer begins where the last one ended, up to the very end. */
TEST_F(space, walk_tiles_the_address_space)
{
	struct ntmem_info info;
	struct ntmem_query q;
	unsigned int i, runs = 0, ours = 0;
	__u64 addr, reserved = 0, committed = 0, last_state = 0;

	for (i = 0; i < 50; i++) {
		__u64 base = nt_any(self->fd, (1 + i % 20) * PAGE,
				    i % 2 ? NTMEM_RESERVE_TOP_DOWN : 0);

		ASSERT_NE(0ULL, base);
		if (i % 3)
			ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
	}
	ASSERT_EQ(0, nt_info(self->fd, &info));
	for (addr = 0; addr <= info.max_address; addr = q.base + q.size) {
		ASSERT_EQ(0, nt_query(self->fd, addr, &q));
		ASSERT_EQ(addr, q.base);
		ASSERT_LT(0ULL, q.size);
		ASSERT_EQ(0ULL, q.size % PAGE);
		ASSERT_LE(q.base + q.size - 1, info.max_address);
		ASSERT_GT(2000U, ++runs);
		if (q.state == RESERVED || q.state == COMMITTED) {
			reserved += q.size;
			ours += q.alloc_base == q.base;
		}
		if (q.state == COMMITTED)
			committed += q.size;
		/* Two free runs in a row would be one. */
		ASSERT_FALSE(last_state == FREE && q.state == FREE);
		last_state = q.state;
	}
	ASSERT_EQ(50U, ours);
	ASSERT_EQ(info.space_reserved, reserved);
	ASSERT_EQ(info.space_committed, committed);
}

/*
 * Every second page of 4 GiB committed: as many runs as there are pages, in
 * one mapping. Nearly none of the pages is ever touched; the limit on what may
 * be committed has to be out of the way all the same. A quarter of it on a debug
 * kernel.
 */
#define MILLION		((1U << 20) / (nt_patience() > 1 ? 4 : 1))
#define LIMIT		"/sys/module/ntmem/parameters/commit_limit"

FIXTURE(runs)
{
	int fd;
	__u64 base;
	char limit[64];
};

FIXTURE_SETUP(runs)
{
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->base = nt_any(self->fd, MILLION * PAGE, 0);
	ASSERT_NE(0ULL, self->base);
	ASSERT_EQ(0, nt_read_file(LIMIT, self->limit, sizeof(self->limit)));
	ASSERT_EQ(0, nt_write_file(LIMIT, "1024G"));
}

FIXTURE_TEARDOWN(runs)
{
	EXPECT_EQ(0, nt_write_file(LIMIT, self->limit));
	close(self->fd);
}

/* Even pages, READWRITE and READONLY in turn. */
static int commit_every_second(int fd, __u64 base)
{
	static struct ntmem_op ops[8192];
	unsigned int page, i;
	__u32 done;

	for (page = 0; page < MILLION; page += 2 * ARRAY_SIZE(ops)) {
		for (i = 0; i < ARRAY_SIZE(ops); i++)
			nt_op_range(&ops[i], NTMEM_NR_COMMIT,
				    base + (page + 2 * i) * PAGE, PAGE,
				    i % 2 ? RO : RW);
		CHECK(!nt_batch(fd, ops, ARRAY_SIZE(ops), NTMEM_BATCH_STOP,
				&done));
		CHECK(done == ARRAY_SIZE(ops));
		CHECK(!ops[done - 1].status);
	}
	return 0;
}

TEST_F_TIMEOUT(runs, a_million, 120)
{
	struct ntmem_info info;
	unsigned int page, i, seed = 7;
	__u64 base = self->base, part, size;

	ASSERT_EQ(0, commit_every_second(self->fd, base));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(MILLION / 2 * PAGE, info.space_committed);
	ASSERT_EQ(1, nt_count_vmas(base, base + MILLION * PAGE));
	for (i = 0; i < 2000; i++) {
		page = rand_r(&seed) % MILLION;
		ASSERT_TRUE(nt_run(self->fd, base + page * PAGE, PAGE,
				   page % 2 ? RESERVED : COMMITTED,
				   page % 2 ? 0 : page % 4 ? RO : RW));
		ASSERT_TRUE(nt_in(self->fd, base + page * PAGE, base, RW));
	}
	/* The far end works like the near one. */
	ASSERT_EQ(0, nt_poke(base, 1));
	ASSERT_EQ(-SIGSEGV, nt_poke(base + (MILLION - 2) * PAGE, 1));
	ASSERT_EQ(-SIGSEGV, nt_poke(base + (MILLION - 1) * PAGE, 1));
	ASSERT_EQ(0, nt_poke(base + (MILLION - 4) * PAGE, 1));
	/* And all of it one run again, in four steps. */
	size = MILLION / 4 * PAGE;
	for (part = 0; part < 4; part++)
		ASSERT_EQ(0, nt_commit(self->fd, base + part * size, size, RO));
	ASSERT_TRUE(nt_run(self->fd, base, MILLION * PAGE, COMMITTED, RO));
	ASSERT_EQ(1, nt_peek(base));
	ASSERT_EQ(0, nt_decommit(self->fd, base, 0));
	ASSERT_TRUE(nt_run(self->fd, base, MILLION * PAGE, RESERVED, 0));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(0ULL, info.space_committed);
}

TEST_HARNESS_MAIN
