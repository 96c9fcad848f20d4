// SPDX-License-Identifier: GPL-2.0
/*
 * RELEASE, whole and in parts, and what Linux's own calls on mappings may do
 * to a reservation.
 */
#include "ntmem_test.h"

#define SIZE	(16 * GRAN)

FIXTURE(release)
{
	int fd;
	__u64 base;	/* SIZE bytes committed READWRITE, 0x66 in every byte */
};

FIXTURE_SETUP(release)
{
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->base = WANTED;
	ASSERT_EQ(0, nt_reserve(self->fd, &self->base, SIZE, RW,
				NTMEM_RESERVE_COMMIT));
	memset(nt_ptr(self->base), 0x66, SIZE);
}

FIXTURE_TEARDOWN(release)
{
	close(self->fd);
}

static bool accounts(int fd, __u64 reserved, __u64 committed)
{
	struct ntmem_info info;

	return !nt_info(fd, &info) && info.space_reserved == reserved &&
	       info.space_committed == committed;
}

TEST_F(release, whole)
{
	ASSERT_EQ(0, nt_release(self->fd, self->base, 0));
	ASSERT_TRUE(nt_is_free(self->fd, self->base));
	ASSERT_TRUE(nt_is_free(self->fd, self->base + SIZE - 1));
	ASSERT_EQ(0, nt_count_vmas(self->base, self->base + SIZE));
	ASSERT_TRUE(accounts(self->fd, 0, 0));
	ASSERT_EQ(-SIGSEGV, nt_peek(self->base));
	ASSERT_UNCHANGED(ENOENT, nt_release(self->fd, self->base, 0));
	/* New memory there is new. */
	ASSERT_EQ(0, nt_reserve_at(self->fd, self->base, SIZE));
	ASSERT_EQ(0, nt_commit(self->fd, self->base, SIZE, RW));
	ASSERT_TRUE(nt_all(self->base, SIZE, 0));
}

TEST_F(release, anywhere_in_the_first_page)
{
	ASSERT_EQ(0, nt_release(self->fd, self->base + PAGE - 1, 0));
	ASSERT_TRUE(accounts(self->fd, 0, 0));
}

TEST_F(release, not_at_the_base)
{
	ASSERT_UNCHANGED(EADDRNOTAVAIL, nt_release(self->fd,
						   self->base + PAGE, 0));
	ASSERT_UNCHANGED(EADDRNOTAVAIL, nt_release(self->fd,
						   self->base + GRAN, 0));
	ASSERT_UNCHANGED(EADDRNOTAVAIL, nt_release(self->fd,
						   self->base + SIZE - 1, 0));
	ASSERT_UNCHANGED(ENOENT, nt_release(self->fd, self->base + SIZE, 0));
	ASSERT_UNCHANGED(ENOENT, nt_release(self->fd, self->base - 1, 0));
	ASSERT_TRUE(nt_all(self->base, SIZE, 0x66));
}

TEST_F(release, bad_ranges)
{
	__u64 base = self->base;

	ASSERT_EQ(0, nt_reserve_at(self->fd, base + SIZE, GRAN));
	ASSERT_UNCHANGED(ERANGE, nt_release(self->fd, base, SIZE + 1));
	ASSERT_UNCHANGED(ERANGE, nt_release(self->fd, base + SIZE - PAGE,
					    2 * PAGE));
	ASSERT_UNCHANGED(ERANGE, nt_release(self->fd, base + SIZE - 1, 2));
	ASSERT_UNCHANGED(ERANGE, nt_release(self->fd, base, SIZE + GRAN));
	ASSERT_UNCHANGED(ERANGE, nt_release(self->fd, base, GIB));
	ASSERT_UNCHANGED(ENOENT, nt_release(self->fd, base - PAGE, 2 * PAGE));
	ASSERT_UNCHANGED(ENOENT, nt_release(self->fd, base + SIZE + GRAN,
					    PAGE));
	ASSERT_TRUE(nt_all(base, SIZE, 0x66));
}

TEST_F(release, whole_by_its_size)
{
	ASSERT_EQ(0, nt_release(self->fd, self->base + 1, SIZE - 1));
	ASSERT_TRUE(nt_is_free(self->fd, self->base));
	ASSERT_TRUE(accounts(self->fd, 0, 0));
}

TEST_F(release, head)
{
	__u64 base = self->base, rest = base + 3 * PAGE;

	ASSERT_EQ(0, nt_release(self->fd, base, 3 * PAGE));
	ASSERT_TRUE(nt_is_free(self->fd, base));
	ASSERT_TRUE(nt_is_free(self->fd, rest - 1));
	/* What is behind is a reservation of its own, where it begins. */
	ASSERT_TRUE(nt_run(self->fd, rest, SIZE - 3 * PAGE, COMMITTED, RW));
	ASSERT_TRUE(nt_in(self->fd, base + SIZE - 1, rest, RW));
	ASSERT_TRUE(nt_all(rest, SIZE - 3 * PAGE, 0x66));
	ASSERT_TRUE(accounts(self->fd, SIZE - 3 * PAGE, SIZE - 3 * PAGE));
	ASSERT_EQ(-SIGSEGV, nt_peek(base));
	ASSERT_EQ(-SIGSEGV, nt_peek(rest - 1));
	ASSERT_UNCHANGED(ENOENT, nt_commit(self->fd, base, PAGE, RW));
	ASSERT_UNCHANGED(ENOENT, nt_decommit(self->fd, base, 0));
	ASSERT_EQ(0, nt_decommit(self->fd, rest, 0));
	ASSERT_EQ(0, nt_release(self->fd, rest, 0));
	ASSERT_TRUE(accounts(self->fd, 0, 0));
}

TEST_F(release, tail)
{
	__u64 base = self->base, end = base + SIZE;

	ASSERT_EQ(0, nt_release(self->fd, end - PAGE - 1, PAGE + 1));
	ASSERT_TRUE(nt_is_free(self->fd, end - 2 * PAGE));
	ASSERT_TRUE(nt_is_free(self->fd, end - 1));
	ASSERT_TRUE(nt_run(self->fd, base, SIZE - 2 * PAGE, COMMITTED, RW));
	ASSERT_TRUE(nt_all(base, SIZE - 2 * PAGE, 0x66));
	ASSERT_TRUE(accounts(self->fd, SIZE - 2 * PAGE, SIZE - 2 * PAGE));
	ASSERT_EQ(-SIGSEGV, nt_peek(end - 2 * PAGE));
	ASSERT_UNCHANGED(ERANGE, nt_decommit(self->fd, end - 3 * PAGE,
					     2 * PAGE));
	ASSERT_EQ(0, nt_release(self->fd, base, 0));
	ASSERT_TRUE(accounts(self->fd, 0, 0));
	ASSERT_EQ(0, nt_count_vmas(base, end));
}

TEST_F(release, middle)
{
	__u64 base = self->base, hole = base + 5 * PAGE;
	__u64 rest = hole + 7 * PAGE;

	/* States on both sides stay, by page. */
	ASSERT_EQ(0, nt_protect(self->fd, base + PAGE, PAGE, RO, NULL));
	ASSERT_EQ(0, nt_decommit(self->fd, base + 2 * PAGE, PAGE));
	ASSERT_EQ(0, nt_protect(self->fd, rest + PAGE, PAGE, NOACCESS, NULL));
	ASSERT_EQ(0, nt_protect(self->fd, rest + 2 * PAGE, PAGE, RO | GUARD,
				NULL));
	ASSERT_EQ(0, nt_release(self->fd, hole, 7 * PAGE));

	ASSERT_TRUE(nt_run(self->fd, base, PAGE, COMMITTED, RW));
	ASSERT_TRUE(nt_run(self->fd, base + PAGE, PAGE, COMMITTED, RO));
	ASSERT_TRUE(nt_run(self->fd, base + 2 * PAGE, PAGE, RESERVED, 0));
	ASSERT_TRUE(nt_run(self->fd, base + 3 * PAGE, 2 * PAGE, COMMITTED,
			   RW));
	ASSERT_TRUE(nt_run(self->fd, hole, 7 * PAGE, FREE, NOACCESS));
	ASSERT_TRUE(nt_run(self->fd, rest, PAGE, COMMITTED, RW));
	ASSERT_TRUE(nt_run(self->fd, rest + PAGE, PAGE, COMMITTED, NOACCESS));
	ASSERT_TRUE(nt_run(self->fd, rest + 2 * PAGE, PAGE, COMMITTED,
			   RO | GUARD));
	ASSERT_TRUE(nt_in(self->fd, hole - 1, base, RW));
	ASSERT_TRUE(nt_in(self->fd, rest, rest, RW));
	ASSERT_TRUE(nt_in(self->fd, base + SIZE - 1, rest, RW));
	ASSERT_TRUE(accounts(self->fd, SIZE - 7 * PAGE, SIZE - 8 * PAGE));

	ASSERT_TRUE(nt_all(base, 2 * PAGE, 0x66));
	ASSERT_EQ(-SIGSEGV, nt_poke(base + PAGE, 1));
	ASSERT_EQ(-SIGSEGV, nt_peek(hole));
	ASSERT_EQ(0x66, nt_peek(rest));
	ASSERT_EQ(-SIGSEGV, nt_peek(rest + 2 * PAGE));
	ASSERT_EQ(0x66, nt_peek(rest + 2 * PAGE));
	ASSERT_EQ(0, nt_protect(self->fd, rest + PAGE, PAGE, RO, NULL));
	ASSERT_TRUE(nt_all(rest, base + SIZE - rest, 0x66));

	/* Two reservations, for every call. */
	ASSERT_UNCHANGED(ERANGE, nt_decommit(self->fd, base, SIZE));
	ASSERT_UNCHANGED(ENOENT, nt_commit(self->fd, hole - PAGE, 9 * PAGE,
					   RW));
	ASSERT_UNCHANGED(EADDRNOTAVAIL, nt_release(self->fd, rest + PAGE, 0));
	ASSERT_EQ(0, nt_release(self->fd, base, 0));
	ASSERT_EQ(0x66, nt_peek(rest));
	ASSERT_EQ(0, nt_release(self->fd, rest, 0));
	ASSERT_TRUE(accounts(self->fd, 0, 0));
	ASSERT_EQ(0, nt_count_vmas(base, base + SIZE));
}

/* A freed granule is free for others; a freed page in a used one is not. */
TEST_F(release, reserve_again_what_was_freed)
{
	__u64 base = self->base;

	ASSERT_EQ(0, nt_release(self->fd, base + 4 * GRAN, 2 * GRAN));
	ASSERT_EQ(0, nt_reserve_at(self->fd, base + 4 * GRAN, GRAN));
	ASSERT_EQ(0, nt_commit(self->fd, base + 4 * GRAN, GRAN, RW));
	ASSERT_TRUE(nt_all(base + 4 * GRAN, GRAN, 0));
	ASSERT_EQ(0, nt_reserve_at(self->fd, base + 5 * GRAN, GRAN));
	ASSERT_TRUE(nt_in(self->fd, base + 5 * GRAN, base + 5 * GRAN, RW));
	ASSERT_TRUE(nt_all(base, 4 * GRAN, 0x66));
	ASSERT_TRUE(nt_all(base + 6 * GRAN, 10 * GRAN, 0x66));

	ASSERT_EQ(0, nt_release(self->fd, base + PAGE, PAGE));
	ASSERT_UNCHANGED(EEXIST, nt_reserve_at(self->fd, base + PAGE, PAGE));
	/* The first page of a granule, the rest of which is in use. */
	ASSERT_EQ(0, nt_release(self->fd, base + GRAN, PAGE));
	ASSERT_EQ(0, nt_reserve_at(self->fd, base + GRAN, PAGE));
	ASSERT_TRUE(nt_in(self->fd, base + GRAN, base + GRAN, RW));
	ASSERT_UNCHANGED(EEXIST, nt_reserve_at(self->fd, base + GRAN, PAGE));
}

/*
 * To unmap a part can need one mapping more than there may be. It stays, then,
 * where the next reservation may be.
 */
static bool release_mapped(int fd, __u64 addr)
{
	const char *file = "/proc/sys/vm/max_map_count";
	bool released;
	char old[64];

	CHECK(!nt_read_file(file, old, sizeof(old)));
	CHECK(!nt_write_file(file, "0"));
	released = !nt_release(fd, addr, GRAN);
	CHECK(!nt_write_file(file, old));
	return released && nt_is_free(fd, addr) &&
	       nt_count_vmas(addr, addr + GRAN) == 1;
}

/* Which has not asked for code, */
TEST_F(release, mapping_of_code_that_stays)
{
	__u64 hole = self->base + 4 * GRAN;

	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, RWX, NULL));
	ASSERT_TRUE(release_mapped(self->fd, hole));
	ASSERT_EQ(-SIGSEGV, nt_peek(hole));
	ASSERT_EQ(0, nt_reserve_at(self->fd, hole, GRAN));
	ASSERT_EQ(0, nt_commit(self->fd, hole, 2 * PAGE, RW));
	nt_write_code(hole, 42);
	ASSERT_EQ(-SIGSEGV, nt_exec(hole));
	ASSERT_EQ(0, nt_protect(self->fd, hole, PAGE, RX, NULL));
	ASSERT_EQ(42, nt_exec(hole));
	ASSERT_EQ(0, nt_poke(hole + PAGE, 1));
	ASSERT_TRUE(nt_all(self->base + PAGE, 4 * GRAN - PAGE, 0x66));
}

/* The same in an arena, which is one no more. */
TEST_F(release, mapping_of_code_that_stays_in_an_arena)
{
	__u64 base = nt_block(self->fd, 4 * GRAN, RW), hole = base + GRAN, next;

	ASSERT_NE(0ULL, base);
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RX));
	ASSERT_TRUE(release_mapped(self->fd, hole));
	next = nt_block(self->fd, GRAN, RW);
	ASSERT_NE(0ULL, next);
	ASSERT_NE(hole, next);
	ASSERT_EQ(0, nt_reserve_at(self->fd, hole, GRAN));
	ASSERT_EQ(0, nt_commit(self->fd, hole, PAGE, RW));
	nt_write_code(hole, 42);
	ASSERT_EQ(-SIGSEGV, nt_exec(hole));
	ASSERT_TRUE(nt_all(base + 2 * GRAN, 2 * GRAN, 0));
}

/* or wants to be in a child. */
TEST_F(release, mapping_without_fork_that_stays)
{
	__u64 base = WANTED + SIZE, hole = base + 4 * GRAN;
	pid_t pid;

	ASSERT_EQ(0, nt_reserve(self->fd, &base, SIZE, RW,
				NTMEM_RESERVE_NOFORK));
	ASSERT_TRUE(release_mapped(self->fd, hole));
	ASSERT_EQ(0, nt_reserve_at(self->fd, hole, GRAN));
	ASSERT_EQ(0, nt_commit(self->fd, hole, PAGE, RW));
	ASSERT_EQ(0, nt_poke(hole, 1));
	pid = fork();
	if (!pid)
		_exit(nt_peek(hole) == 1 && nt_peek(base) == -SIGSEGV);
	ASSERT_EQ(1, nt_reap(pid));
}

TEST_F(release, many_pieces)
{
	__u64 base = self->base, pages = SIZE / PAGE, i;

	for (i = 1; i < pages; i += 2)
		ASSERT_EQ(0, nt_release(self->fd, base + i * PAGE, PAGE));
	ASSERT_TRUE(accounts(self->fd, SIZE / 2, SIZE / 2));
	for (i = 0; i < pages; i += 2) {
		__u64 addr = base + i * PAGE;

		ASSERT_TRUE(nt_run(self->fd, addr, PAGE, COMMITTED, RW));
		ASSERT_TRUE(nt_in(self->fd, addr, addr, RW));
		ASSERT_TRUE(nt_all(addr, PAGE, 0x66));
		ASSERT_EQ(0, nt_release(self->fd, addr, 0));
	}
	ASSERT_TRUE(accounts(self->fd, 0, 0));
	ASSERT_EQ(0, nt_count_vmas(base, base + SIZE));
}

/* ------------------------------------------------------------------------
 * Linux's own calls.
 */
TEST_F(release, munmap_of_all)
{
	ASSERT_EQ(0, munmap(nt_ptr(self->base), SIZE));
	ASSERT_TRUE(nt_is_free(self->fd, self->base));
	ASSERT_TRUE(accounts(self->fd, 0, 0));
	ASSERT_UNCHANGED(ENOENT, nt_commit(self->fd, self->base, PAGE, RW));
	ASSERT_EQ(0, nt_reserve_at(self->fd, self->base, SIZE));
}

TEST_F(release, munmap_of_several)
{
	ASSERT_EQ(0, nt_reserve_at(self->fd, self->base + SIZE, GRAN));
	ASSERT_EQ(0, munmap(nt_ptr(self->base - GRAN), SIZE + 4 * GRAN));
	ASSERT_TRUE(nt_is_free(self->fd, self->base));
	ASSERT_TRUE(nt_is_free(self->fd, self->base + SIZE));
	ASSERT_TRUE(accounts(self->fd, 0, 0));
}

/* Where the system chose, reservations may share a mapping. */
TEST_F(release, munmap_of_one_of_many)
{
	__u64 bases[5], size = 3 * PAGE;
	struct ntmem_info before, after;
	int i;

	for (i = 0; i < 5; i++) {
		bases[i] = nt_block(self->fd, size, RW);
		ASSERT_NE(0ULL, bases[i]);
		memset(nt_ptr(bases[i]), i + 1, size);
	}
	ASSERT_UNCHANGED(EINVAL, ERRNO_OF(munmap(nt_ptr(bases[2]), PAGE)));
	ASSERT_UNCHANGED(EINVAL, ERRNO_OF(munmap(nt_ptr(bases[2] + PAGE),
						 2 * PAGE)));
	ASSERT_EQ(0, nt_info(self->fd, &before));
	ASSERT_EQ(0, munmap(nt_ptr(bases[2]), size));
	ASSERT_EQ(0, nt_info(self->fd, &after));
	ASSERT_EQ(before.space_reserved - size, after.space_reserved);
	ASSERT_EQ(before.space_committed - size, after.space_committed);
	ASSERT_EQ(before.resident - size, after.resident);
	ASSERT_TRUE(nt_is_free(self->fd, bases[2]));
	ASSERT_EQ(-SIGSEGV, nt_peek(bases[2]));
	for (i = 0; i < 5; i++)
		ASSERT_TRUE(i == 2 || nt_all(bases[i], size, i + 1));
	/* The hole can be reserved again, and more be made. */
	ASSERT_EQ(0, nt_reserve_at(self->fd, bases[2], size));
	ASSERT_EQ(0, nt_commit(self->fd, bases[2], size, RW));
	ASSERT_TRUE(nt_all(bases[2], size, 0));
	ASSERT_NE(0ULL, nt_block(self->fd, size, RW));
	ASSERT_EQ(0, nt_release(self->fd, bases[2], 0));
	for (i = 0; i < 5; i++)
		ASSERT_TRUE(i == 2 || nt_all(bases[i], size, i + 1));
}

TEST_F(release, other_calls_on_one_of_many)
{
	__u64 bases[3], size = 3 * PAGE;
	struct nt_snapshot before;
	void *map;
	int i;

	for (i = 0; i < 3; i++) {
		bases[i] = nt_block(self->fd, size, RW);
		ASSERT_NE(0ULL, bases[i]);
		memset(nt_ptr(bases[i]), i + 1, size);
	}
	nt_snapshot(self->fd, &before);
	map = nt_ptr(bases[1]);
	ASSERT_EQ(-1, mprotect(map, size, PROT_READ));
	ASSERT_EQ(MAP_FAILED, mremap(map, size, size,
				     MREMAP_MAYMOVE | MREMAP_FIXED,
				     nt_ptr(2 * WANTED)));
	ASSERT_EQ(MAP_FAILED, mremap(map, size, 2 * size, MREMAP_MAYMOVE));
	ASSERT_EQ(MAP_FAILED, mmap(map, PAGE, PROT_READ, MAP_FIXED |
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	for (i = 0; i < 128; i++)
		if (i != 100 && i != 101)
			madvise(map, size, i);
	ASSERT_TRUE(nt_same(self->fd, &before));
	for (i = 0; i < 3; i++)
		ASSERT_TRUE(nt_all(bases[i], size, i + 1));
}

TEST_F(release, munmap_of_a_part)
{
	__u64 base = self->base;

	ASSERT_UNCHANGED(EINVAL, ERRNO_OF(munmap(nt_ptr(base), PAGE)));
	ASSERT_UNCHANGED(EINVAL, ERRNO_OF(munmap(nt_ptr(base + SIZE - PAGE),
						 PAGE)));
	ASSERT_UNCHANGED(EINVAL, ERRNO_OF(munmap(nt_ptr(base + GRAN), GRAN)));
	ASSERT_UNCHANGED(EINVAL, ERRNO_OF(munmap(nt_ptr(base - GRAN),
						 2 * GRAN)));
	ASSERT_TRUE(nt_all(base, SIZE, 0x66));
}

TEST_F(release, mprotect)
{
	static const int prots[] = {
		PROT_NONE, PROT_READ, PROT_WRITE, PROT_EXEC,
		PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE | PROT_EXEC,
	};
	unsigned int i;

	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, RO, NULL));
	for (i = 0; i < ARRAY_SIZE(prots); i++) {
		struct nt_snapshot before;

		nt_snapshot(self->fd, &before);
		ASSERT_EQ(-1, mprotect(nt_ptr(self->base), SIZE, prots[i]));
		ASSERT_EQ(-1, mprotect(nt_ptr(self->base), PAGE, prots[i]));
		ASSERT_EQ(-1, mprotect(nt_ptr(self->base + GRAN), PAGE,
				       prots[i]));
		ASSERT_TRUE(nt_same(self->fd, &before));
	}
	ASSERT_EQ(-SIGSEGV, nt_poke(self->base, 1));
	ASSERT_EQ(-SIGSEGV, nt_exec(self->base));
	ASSERT_EQ(0, nt_poke(self->base + PAGE, 0x66));
	ASSERT_TRUE(nt_all(self->base, SIZE, 0x66));
}

TEST_F(release, mremap)
{
	void *base = nt_ptr(self->base), *to = nt_ptr(2 * WANTED);
	struct nt_snapshot before;

	nt_snapshot(self->fd, &before);
	ASSERT_EQ(MAP_FAILED, mremap(base, SIZE, SIZE / 2, 0));
	ASSERT_EQ(MAP_FAILED, mremap(base, SIZE, 2 * SIZE, 0));
	ASSERT_EQ(MAP_FAILED, mremap(base, SIZE, 2 * SIZE, MREMAP_MAYMOVE));
	ASSERT_EQ(MAP_FAILED, mremap(base, SIZE, SIZE,
				     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	ASSERT_EQ(MAP_FAILED, mremap(base, PAGE, PAGE,
				     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	/* Old size 0 means a second mapping of shared memory. */
	ASSERT_EQ(MAP_FAILED, mremap(base, 0, SIZE, MREMAP_MAYMOVE));
	ASSERT_EQ(MAP_FAILED, mremap(base, SIZE, SIZE,
				     MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
	ASSERT_TRUE(nt_same(self->fd, &before));
	ASSERT_TRUE(nt_all(self->base, SIZE, 0x66));
}

/* Each advice: refused, or of no effect on what the calls promise. */
TEST_F(release, madvise)
{
	static const int skipped[] = {
		100, 101,	/* MADV_HWPOISON, MADV_SOFT_OFFLINE: machine */
	};
	struct nt_snapshot before;
	int advice;

	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, RO, NULL));
	nt_snapshot(self->fd, &before);
	for (advice = 0; advice < 128; advice++) {
		if (advice == skipped[0] || advice == skipped[1])
			continue;
		madvise(nt_ptr(self->base), SIZE, advice);
		madvise(nt_ptr(self->base + PAGE), 3 * PAGE, advice);
		ASSERT_TRUE(nt_same(self->fd, &before)) {
			TH_LOG("advice %d", advice);
		}
		ASSERT_TRUE(nt_all(self->base, SIZE, 0x66)) {
			TH_LOG("advice %d", advice);
		}
		ASSERT_EQ(-SIGSEGV, nt_poke(self->base, 1)) {
			TH_LOG("advice %d", advice);
		}
	}
	ASSERT_EQ(1, nt_count_vmas(self->base, self->base + SIZE));
	ASSERT_EQ(0, nt_release(self->fd, self->base, 0));
	ASSERT_TRUE(accounts(self->fd, 0, 0));
}

TEST_F(release, madvise_of_reserved_pages)
{
	__u64 base = nt_any(self->fd, GRAN, 0);

	ASSERT_NE(0ULL, base);
	/* MADV_POPULATE_READ, MADV_POPULATE_WRITE */
	ASSERT_UNCHANGED(EFAULT, ERRNO_OF(madvise(nt_ptr(base), GRAN, 22)));
	ASSERT_UNCHANGED(EFAULT, ERRNO_OF(madvise(nt_ptr(base), GRAN, 23)));
}

TEST_F(release, map_fixed_over_a_part)
{
	struct nt_snapshot before;
	void *map;

	nt_snapshot(self->fd, &before);
	map = mmap(nt_ptr(self->base + GRAN), PAGE, PROT_READ,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ASSERT_EQ(MAP_FAILED, map);
	map = mmap(nt_ptr(self->base), PAGE, PROT_READ,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ASSERT_EQ(MAP_FAILED, map);
	ASSERT_TRUE(nt_same(self->fd, &before));
	ASSERT_TRUE(nt_all(self->base, SIZE, 0x66));
}

TEST_F(release, map_fixed_over_all)
{
	struct ntmem_query q;
	void *map = mmap(nt_ptr(self->base), SIZE, PROT_READ,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	ASSERT_EQ(nt_ptr(self->base), map);
	ASSERT_TRUE(accounts(self->fd, 0, 0));
	ASSERT_EQ(0, nt_query(self->fd, self->base, &q));
	ASSERT_EQ(NTMEM_STATE_FOREIGN, q.state);
	ASSERT_EQ(0, nt_peek(self->base));
	ASSERT_UNCHANGED(ENOENT, nt_release(self->fd, self->base, 0));
}

/* With executable pages inside, a reservation is several mappings. */
TEST_F(release, munmap_with_code_inside)
{
	ASSERT_EQ(0, nt_protect(self->fd, self->base + GRAN, GRAN, RX, NULL));
	ASSERT_EQ(0, munmap(nt_ptr(self->base), SIZE));
	ASSERT_TRUE(nt_is_free(self->fd, self->base));
	ASSERT_TRUE(nt_is_free(self->fd, self->base + GRAN));
	ASSERT_TRUE(accounts(self->fd, 0, 0));
}

TEST_HARNESS_MAIN
