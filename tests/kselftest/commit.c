// SPDX-License-Identifier: GPL-2.0
/*
 * COMMIT and DECOMMIT: states, contents, rounding, refusals, over ranges of
 * one page to many.
 */
#include "ntmem_test.h"

#define PAGES	64

FIXTURE(commit)
{
	int fd;
	__u64 base;	/* of a reservation of PAGES pages */
};

FIXTURE_SETUP(commit)
{
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->base = nt_any(self->fd, PAGES * PAGE, 0);
	ASSERT_NE(0ULL, self->base);
}

FIXTURE_TEARDOWN(commit)
{
	close(self->fd);
}

static __u64 committed(int fd)
{
	struct ntmem_info info;

	return nt_info(fd, &info) ? NONE : info.space_committed;
}

TEST_F(commit, rounds_outwards)
{
	static const struct { __u64 addr, size, first, pages; } cases[] = {
		{ 0, 1, 0, 1 },
		{ PAGE - 1, 1, 0, 1 },
		{ PAGE - 1, 2, 0, 2 },
		{ PAGE, PAGE, 1, 1 },
		{ PAGE + 1, PAGE, 1, 2 },
		{ 3 * PAGE + 100, 2 * PAGE - 100, 3, 2 },
		{ (PAGES - 1) * PAGE, PAGE, PAGES - 1, 1 },
		{ 0, PAGES * PAGE, 0, PAGES },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		__u64 addr = self->base + cases[i].addr;

		ASSERT_EQ(0, nt_commit(self->fd, addr, cases[i].size, RW));
		ASSERT_TRUE(nt_run(self->fd, self->base + cases[i].first * PAGE,
				   cases[i].pages * PAGE, COMMITTED, RW));
		ASSERT_EQ(cases[i].pages * PAGE, committed(self->fd));
		ASSERT_EQ(0, nt_decommit(self->fd, addr, cases[i].size));
		ASSERT_TRUE(nt_run(self->fd, self->base, PAGES * PAGE,
				   RESERVED, 0));
		ASSERT_EQ(0ULL, committed(self->fd));
	}
}

TEST_F(commit, only_committed_pages_are_accessible)
{
	ASSERT_EQ(0, nt_commit(self->fd, self->base + PAGE, 2 * PAGE, RW));
	ASSERT_EQ(-SIGSEGV, nt_peek(self->base + PAGE - 1));
	ASSERT_TRUE(nt_fault_was(self->fd, self->base + PAGE - 1,
				 NTMEM_ACCESS_READ, NTMEM_FAULT_RESERVED, 0));
	ASSERT_EQ(0, nt_peek(self->base + PAGE));
	ASSERT_EQ(0, nt_poke(self->base + 3 * PAGE - 1, 9));
	ASSERT_EQ(-SIGSEGV, nt_poke(self->base + 3 * PAGE, 9));
	ASSERT_TRUE(nt_fault_was(self->fd, self->base + 3 * PAGE,
				 NTMEM_ACCESS_WRITE, NTMEM_FAULT_RESERVED, 0));
	ASSERT_EQ(9, nt_peek(self->base + 3 * PAGE - 1));
}

TEST_F(commit, recommit_keeps_content_and_sets_protection)
{
	__u64 base = self->base;

	ASSERT_EQ(0, nt_commit(self->fd, base, 4 * PAGE, RW));
	memset(nt_ptr(base), 0x77, 4 * PAGE);
	ASSERT_EQ(0, nt_commit(self->fd, base + PAGE, 2 * PAGE, RO));
	ASSERT_EQ(4 * PAGE, committed(self->fd));
	ASSERT_TRUE(nt_run(self->fd, base, PAGE, COMMITTED, RW));
	ASSERT_TRUE(nt_run(self->fd, base + PAGE, 2 * PAGE, COMMITTED, RO));
	ASSERT_TRUE(nt_all(base, 4 * PAGE, 0x77));
	ASSERT_EQ(-SIGSEGV, nt_poke(base + PAGE, 1));
	ASSERT_EQ(-SIGSEGV, nt_poke(base + 2 * PAGE, 1));
	ASSERT_EQ(0, nt_poke(base + 3 * PAGE, 0x77));
	/* Over committed and reserved pages at once, and back to writable. */
	ASSERT_EQ(0, nt_commit(self->fd, base, 6 * PAGE, RW));
	ASSERT_TRUE(nt_run(self->fd, base, 6 * PAGE, COMMITTED, RW));
	ASSERT_EQ(6 * PAGE, committed(self->fd));
	ASSERT_TRUE(nt_all(base, 4 * PAGE, 0x77));
	ASSERT_TRUE(nt_all(base + 4 * PAGE, 2 * PAGE, 0));
	ASSERT_EQ(0, nt_poke(base + PAGE, 1));
	/* To no access, and back: still the same content. */
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, NOACCESS));
	ASSERT_EQ(-SIGSEGV, nt_peek(base));
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RO));
	ASSERT_TRUE(nt_all(base, PAGE, 0x77));
}

TEST_F(commit, zero_after_decommit)
{
	__u64 base = self->base;
	int round;

	for (round = 0; round < 4; round++) {
		ASSERT_EQ(0, nt_commit(self->fd, base, 20 * PAGE, RW));
		ASSERT_TRUE(nt_all(base, 20 * PAGE, 0));
		memset(nt_ptr(base), 0xee, 20 * PAGE);
		ASSERT_EQ(0, nt_decommit(self->fd, base, 20 * PAGE));
		ASSERT_EQ(-SIGSEGV, nt_peek(base));
		ASSERT_EQ(-SIGSEGV, nt_peek(base + 20 * PAGE - 1));
	}
	/* The neighbours of what is decommitted keep theirs. */
	ASSERT_EQ(0, nt_commit(self->fd, base, 20 * PAGE, RW));
	memset(nt_ptr(base), 0xdd, 20 * PAGE);
	ASSERT_EQ(0, nt_decommit(self->fd, base + 7 * PAGE, 5 * PAGE));
	ASSERT_EQ(0, nt_commit(self->fd, base + 7 * PAGE, 5 * PAGE, RW));
	ASSERT_TRUE(nt_all(base, 7 * PAGE, 0xdd));
	ASSERT_TRUE(nt_all(base + 7 * PAGE, 5 * PAGE, 0));
	ASSERT_TRUE(nt_all(base + 12 * PAGE, 8 * PAGE, 0xdd));
}

TEST_F(commit, decommit_passes_reserved_pages_over)
{
	__u64 base = self->base;
	int i;

	ASSERT_UNCHANGED(0, nt_decommit(self->fd, base, PAGES * PAGE));
	for (i = 0; i < PAGES; i += 3)
		ASSERT_EQ(0, nt_commit(self->fd, base + i * PAGE, PAGE, RW));
	ASSERT_EQ(0, nt_decommit(self->fd, base + PAGE, 10 * PAGE));
	ASSERT_TRUE(nt_run(self->fd, base, PAGE, COMMITTED, RW));
	ASSERT_TRUE(nt_run(self->fd, base + PAGE, 11 * PAGE, RESERVED, 0));
	ASSERT_EQ((22 - 3) * PAGE, committed(self->fd));
	ASSERT_EQ(0, nt_decommit(self->fd, base, PAGES * PAGE));
	ASSERT_TRUE(nt_run(self->fd, base, PAGES * PAGE, RESERVED, 0));
	ASSERT_EQ(0ULL, committed(self->fd));
}

TEST_F(commit, decommit_of_all)
{
	__u64 base = self->base;

	ASSERT_EQ(0, nt_commit(self->fd, base + PAGE, 2 * PAGE, RW));
	ASSERT_EQ(0, nt_poke(base + PAGE, 1));
	/* Only from the first page. */
	ASSERT_UNCHANGED(EADDRNOTAVAIL, nt_decommit(self->fd, base + PAGE, 0));
	ASSERT_UNCHANGED(EADDRNOTAVAIL,
			 nt_decommit(self->fd, base + PAGES * PAGE - 1, 0));
	ASSERT_UNCHANGED(ENOENT, nt_decommit(self->fd, base + PAGES * PAGE,
					     0));
	ASSERT_EQ(1, nt_peek(base + PAGE));
	ASSERT_EQ(0, nt_decommit(self->fd, base + PAGE - 1, 0));
	ASSERT_TRUE(nt_run(self->fd, base, PAGES * PAGE, RESERVED, 0));
	ASSERT_UNCHANGED(0, nt_decommit(self->fd, base, 0));
}

/* Two reservations that touch are two, and so are their ends. */
TEST_F(commit, crossing_reservations)
{
	__u64 a = WANTED, b = WANTED + GRAN;

	ASSERT_EQ(0, nt_reserve_at(self->fd, a, GRAN));
	ASSERT_EQ(0, nt_reserve_at(self->fd, b, GRAN));
	ASSERT_UNCHANGED(ENOENT, nt_commit(self->fd, b - PAGE, 2 * PAGE, RW));
	ASSERT_UNCHANGED(ENOENT, nt_commit(self->fd, b - 1, 2, RW));
	ASSERT_UNCHANGED(ENOENT, nt_commit(self->fd, a, 2 * GRAN, RW));
	ASSERT_UNCHANGED(ENOENT, nt_commit(self->fd, a - PAGE, 2 * PAGE, RW));
	ASSERT_UNCHANGED(ENOENT, nt_commit(self->fd, b, GRAN + 1, RW));
	ASSERT_UNCHANGED(ENOENT, nt_commit(self->fd, b + GRAN, PAGE, RW));
	ASSERT_UNCHANGED(ENOENT, nt_commit(self->fd, b + GRAN, PAGE, RX));
	ASSERT_UNCHANGED(ENOENT, nt_commit(self->fd, a, GIB, RW));

	ASSERT_EQ(0, nt_commit(self->fd, a, GRAN, RW));
	ASSERT_EQ(0, nt_commit(self->fd, b, GRAN, RW));
	memset(nt_ptr(a), 0x11, 2 * GRAN);
	/* What is committed already does not help. */
	ASSERT_UNCHANGED(ENOENT, nt_commit(self->fd, b - PAGE, 2 * PAGE, RO));
	ASSERT_UNCHANGED(ERANGE, nt_decommit(self->fd, b - PAGE, 2 * PAGE));
	ASSERT_UNCHANGED(ERANGE, nt_decommit(self->fd, b - 1, 2));
	ASSERT_UNCHANGED(ERANGE, nt_decommit(self->fd, b, GRAN + 1));
	ASSERT_UNCHANGED(ERANGE, nt_decommit(self->fd, a, GIB));
	ASSERT_UNCHANGED(ENOENT, nt_decommit(self->fd, a - PAGE, 2 * PAGE));
	ASSERT_UNCHANGED(ENOENT, nt_decommit(self->fd, b + GRAN, PAGE));
	ASSERT_TRUE(nt_all(a, 2 * GRAN, 0x11));
	ASSERT_EQ(2 * GRAN, committed(self->fd));
}

TEST_F(commit, tail_of_the_granule_is_not_part)
{
	__u64 a = WANTED;

	ASSERT_EQ(0, nt_reserve_at(self->fd, a, 3 * PAGE));
	ASSERT_UNCHANGED(ENOENT, nt_commit(self->fd, a + 3 * PAGE, PAGE, RW));
	ASSERT_UNCHANGED(ENOENT, nt_commit(self->fd, a + 2 * PAGE, 2 * PAGE,
					   RW));
	ASSERT_EQ(0, nt_commit(self->fd, a, 3 * PAGE, RW));
	ASSERT_EQ(-SIGSEGV, nt_peek(a + 3 * PAGE));
}

TEST_F(commit, refused_arguments)
{
	__u64 base = self->base;
	__u32 prot;

	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
	ASSERT_EQ(0, nt_poke(base, 5));
	ASSERT_UNCHANGED(EINVAL, nt_commit(self->fd, base, 0, RW));
	for (prot = 0; prot <= 0x800; prot++) {
		int error;

		/* Not one base value, or one that is for views. */
		if ((prot & 0xff) && !(prot & 0xff & ((prot & 0xff) - 1)) &&
		    (prot & 0xff) != NTMEM_PAGE_WRITECOPY &&
		    (prot & 0xff) != NTMEM_PAGE_EXECUTE_WRITECOPY)
			continue;
		error = nt_commit(self->fd, base, 2 * PAGE, prot);
		ASSERT_EQ(EINVAL, error) {
			TH_LOG("protection %#x", prot);
		}
	}
	ASSERT_TRUE(nt_run(self->fd, base, PAGE, COMMITTED, RW));
	ASSERT_UNCHANGED(EINVAL, nt_commit(self->fd, base, PAGE,
					   NOACCESS | GUARD));
	ASSERT_UNCHANGED(EINVAL, nt_commit(self->fd, base, PAGE, RW | 0x800));
	ASSERT_UNCHANGED(EINVAL, nt_commit(self->fd, base, PAGE,
					   RW | 0x80000000));
	ASSERT_EQ(5, nt_peek(base));
}

/* Zero-fill over 64 MiB, with pages of other content given back before. */
TEST_F(commit, large_ranges_read_zero)
{
	__u64 size = 32 * MIB, base = nt_block(self->fd, size, RW), addr;

	ASSERT_NE(0ULL, base);
	ASSERT_TRUE(nt_all(base, size, 0));
	memset(nt_ptr(base), 0xff, size);
	ASSERT_EQ(0, nt_decommit(self->fd, base, size));
	ASSERT_EQ(0, nt_commit(self->fd, base, size, RW));
	/* Backwards, and only then all of it. */
	for (addr = base + size; addr > base; addr -= PAGE)
		ASSERT_EQ(0, *(unsigned char *)nt_ptr(addr - 1));
	ASSERT_TRUE(nt_all(base, size, 0));
}

/* A model of 64 pages beside random calls. */
/*
 * Page tables' worth, of which some are described as a whole, some by a table,
 * and some in part.
 */
TEST_F(commit, large_range_that_ends_in_the_middle)
{
	struct ntmem_reserve r = {
		.size = 64 * MIB, .prot = RW, .align = 2 * MIB,
	};
	__u64 base;

	ASSERT_EQ(0, nt_call(self->fd, NTMEM_IOC_RESERVE, &r));
	base = r.addr;
	ASSERT_EQ(0, nt_commit(self->fd, base, 40 * MIB + GRAN, RW));
	ASSERT_EQ(40 * MIB + GRAN, committed(self->fd));
	ASSERT_TRUE(nt_run(self->fd, base, 40 * MIB + GRAN, COMMITTED, RW));
	ASSERT_EQ(0, nt_peek(base + 40 * MIB + GRAN - 1));
	ASSERT_EQ(-SIGSEGV, nt_peek(base + 40 * MIB + GRAN));
	/* Pages at both ends, nothing between. */
	ASSERT_EQ(0, nt_poke(base, 1));
	ASSERT_EQ(0, nt_poke(base + 40 * MIB, 1));
	ASSERT_EQ(0, nt_decommit(self->fd, base, 0));
	ASSERT_EQ(0ULL, committed(self->fd));
	ASSERT_TRUE(nt_run(self->fd, base, 64 * MIB, RESERVED, 0));
	/* A table without a page between two with some. */
	ASSERT_EQ(0, nt_commit(self->fd, base, 6 * MIB, RW));
	ASSERT_TRUE(nt_run(self->fd, base, 6 * MIB, COMMITTED, RW));
	ASSERT_EQ(0, nt_peek(base));
	ASSERT_EQ(0, nt_poke(base, 1));
	ASSERT_EQ(0, nt_poke(base + 4 * MIB, 1));
	ASSERT_EQ(0, nt_decommit(self->fd, base, 8 * MIB));
	ASSERT_TRUE(nt_run(self->fd, base, 64 * MIB, RESERVED, 0));
	ASSERT_EQ(-SIGSEGV, nt_peek(base));
	ASSERT_EQ(-SIGSEGV, nt_peek(base + 4 * MIB));
	ASSERT_EQ(0, nt_release(self->fd, base, 0));
}

TEST_F(commit, random_mixes)
{
	unsigned char model[PAGES] = { 0 }, content[PAGES] = { 0 };
	unsigned int seed = 20240607, step;

	for (step = 0; step < nt_rounds(3000); step++) {
		unsigned int first = rand_r(&seed) % PAGES;
		unsigned int count = 1 + rand_r(&seed) % (PAGES - first);
		__u64 addr = self->base + first * PAGE, charge = 0;
		unsigned int i, op = rand_r(&seed) % 4;
		__u32 prot = rand_r(&seed) % 2 ? RW : RO;

		if (op < 2) {
			count = op ? count : 1;
			ASSERT_EQ(0, nt_commit(self->fd, addr, count * PAGE,
					       prot));
			memset(model + first, prot, count);
		} else if (op == 2) {
			ASSERT_EQ(0, nt_decommit(self->fd, addr,
						 count * PAGE));
			memset(model + first, 0, count);
			memset(content + first, 0, count);
		} else {
			int expected = model[first] == RW ? 0 : -SIGSEGV;

			ASSERT_EQ(expected, nt_poke(addr, step));
			if (!expected)
				content[first] = step;
		}
		for (i = 0; i < PAGES; i++)
			charge += model[i] ? PAGE : 0;
		ASSERT_EQ(charge, committed(self->fd));
		i = rand_r(&seed) % PAGES;
		ASSERT_EQ(model[i] ? content[i] : -SIGSEGV,
			  nt_peek(self->base + i * PAGE));
	}
}

/* A protection that was never touched decides all the same. */
TEST_F(commit, untouched_pages_have_their_protection)
{
	ASSERT_EQ(0, nt_commit(self->fd, self->base, PAGE, RO));
	ASSERT_EQ(-SIGSEGV, nt_poke(self->base, 1));
	ASSERT_TRUE(nt_fault_was(self->fd, self->base, NTMEM_ACCESS_WRITE,
				 NTMEM_FAULT_PROTECTION, RO));
	ASSERT_EQ(0, nt_peek(self->base));
	ASSERT_EQ(-SIGSEGV, nt_poke(self->base, 1));
	ASSERT_EQ(0, nt_commit(self->fd, self->base + PAGE, PAGE, NOACCESS));
	ASSERT_EQ(-SIGSEGV, nt_peek(self->base + PAGE));
	ASSERT_TRUE(nt_fault_was(self->fd, self->base + PAGE,
				 NTMEM_ACCESS_READ, NTMEM_FAULT_PROTECTION,
				 NOACCESS));
}

TEST_F(commit, resident_pages_come_back)
{
	struct ntmem_info before, full, after;

	ASSERT_EQ(0, nt_info(self->fd, &before));
	ASSERT_EQ(0, nt_commit(self->fd, self->base, PAGES * PAGE, RW));
	ASSERT_EQ(0, nt_info(self->fd, &full));
	ASSERT_EQ(before.resident, full.resident);
	memset(nt_ptr(self->base), 1, PAGES * PAGE);
	ASSERT_EQ(0, nt_info(self->fd, &full));
	ASSERT_EQ(before.resident + PAGES * PAGE, full.resident);
	ASSERT_EQ(0, nt_decommit(self->fd, self->base, PAGES * PAGE / 2));
	ASSERT_EQ(0, nt_info(self->fd, &after));
	ASSERT_EQ(before.resident + PAGES * PAGE / 2, after.resident);
	ASSERT_EQ(0, nt_release(self->fd, self->base, 0));
	ASSERT_EQ(0, nt_info(self->fd, &after));
	ASSERT_EQ(before.resident, after.resident);
}

TEST_HARNESS_MAIN
