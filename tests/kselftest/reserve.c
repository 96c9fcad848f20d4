// SPDX-License-Identifier: GPL-2.0
/*
 * RESERVE and SET_GRANULARITY: rounding, conflicts, the choice of an address,
 * limits, flags. What happens to reservations later is in other files.
 */
#include "ntmem_test.h"

static int reserve_in(int fd, struct ntmem_reserve *r)
{
	if (!r->prot)
		r->prot = RW;
	return nt_call(fd, NTMEM_IOC_RESERVE, r);
}

TEST_F(space, rounding)
{
	static const struct { __u64 addr, size, base, rounded; } cases[] = {
		{ 0x50008000, 0x1, 0x50000000, 0x9000 },
		{ 0x50000010, 0x1000, 0x50000000, 0x2000 },
		{ 0x5000ffff, 0x3000, 0x50000000, 0x13000 },
		{ 0x50001010, 0x7000, 0x50000000, 0x9000 },
		{ 0x50001010, 0xc000, 0x50000000, 0xe000 },
		{ 0x50000000, 0x1, 0x50000000, 0x1000 },
		{ 0x50000000, 0x1000, 0x50000000, 0x1000 },
		{ 0x50000000, 0x1001, 0x50000000, 0x2000 },
		{ 0x5000ffff, 0x1, 0x50000000, 0x10000 },
		{ 0x5000ffff, 0x2, 0x50000000, 0x11000 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ntmem_reserve r = {
			.addr = cases[i].addr, .size = cases[i].size,
			.prot = RO,
		};

		ASSERT_EQ(0, nt_call(self->fd, NTMEM_IOC_RESERVE, &r));
		ASSERT_EQ(cases[i].base, r.addr);
		ASSERT_EQ(cases[i].rounded, r.size);
		ASSERT_EQ(RO, (int)r.prot);
		ASSERT_EQ(0, (int)r.flags);
		ASSERT_EQ(0ULL, r.min_addr | r.max_addr | r.align);
		ASSERT_TRUE(nt_run(self->fd, r.addr, r.size, RESERVED, 0));
		ASSERT_TRUE(nt_in(self->fd, r.addr, r.addr, RO));
		ASSERT_TRUE(nt_is_free(self->fd, r.addr + r.size));
		ASSERT_EQ(-SIGSEGV, nt_peek(r.addr));
		ASSERT_EQ(0, nt_release(self->fd, r.addr, 0));
	}
}

TEST_F(space, size_rounds_to_pages_without_an_address)
{
	static const __u64 sizes[] = {
		1, PAGE - 1, PAGE, PAGE + 1, GRAN - 1, GRAN, GRAN + 1,
		5 * GRAN + 17,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct ntmem_reserve r = { .size = sizes[i] };

		ASSERT_EQ(0, reserve_in(self->fd, &r));
		ASSERT_EQ(0ULL, r.addr % GRAN);
		ASSERT_NE(0ULL, r.addr);
		ASSERT_EQ((sizes[i] + PAGE - 1) / PAGE * PAGE, r.size);
		ASSERT_TRUE(nt_run(self->fd, r.addr, r.size, RESERVED, 0));
	}
}

TEST_F(space, conflicts)
{
	__u64 w = WANTED;

	ASSERT_EQ(0, nt_reserve_at(self->fd, w + 4 * GRAN, 4 * GRAN));
	/* The same, inside, over either end, around. */
	ASSERT_UNCHANGED(EEXIST, nt_reserve_at(self->fd, w + 4 * GRAN,
					       4 * GRAN));
	ASSERT_UNCHANGED(EEXIST, nt_reserve_at(self->fd, w + 5 * GRAN, GRAN));
	ASSERT_UNCHANGED(EEXIST, nt_reserve_at(self->fd, w + 3 * GRAN,
					       2 * GRAN));
	ASSERT_UNCHANGED(EEXIST, nt_reserve_at(self->fd, w + 3 * GRAN,
					       GRAN + 1));
	ASSERT_UNCHANGED(EEXIST, nt_reserve_at(self->fd, w + 7 * GRAN,
					       2 * GRAN));
	ASSERT_UNCHANGED(EEXIST, nt_reserve_at(self->fd, w, 16 * GRAN));
	/* Next to it is free. */
	ASSERT_EQ(0, nt_reserve_at(self->fd, w + 3 * GRAN, GRAN));
	ASSERT_EQ(0, nt_reserve_at(self->fd, w + 8 * GRAN, GRAN));
	ASSERT_TRUE(nt_run(self->fd, w + 3 * GRAN, GRAN, RESERVED, 0));
	ASSERT_TRUE(nt_run(self->fd, w + 4 * GRAN, 4 * GRAN, RESERVED, 0));
	ASSERT_TRUE(nt_run(self->fd, w + 8 * GRAN, GRAN, RESERVED, 0));
}

/* Free for QUERY, but no reservation can begin there. */
TEST_F(space, tail_of_the_granule)
{
	__u64 w = WANTED, offset;

	ASSERT_EQ(0, nt_reserve_at(self->fd, w, GRAN + PAGE));
	ASSERT_TRUE(nt_is_free(self->fd, w + GRAN + PAGE));
	for (offset = PAGE; offset < GRAN; offset += PAGE)
		ASSERT_UNCHANGED(EEXIST, nt_reserve_at(self->fd,
						       w + GRAN + offset, 1));
	ASSERT_UNCHANGED(EEXIST, nt_reserve_at(self->fd, w + 2 * GRAN - 1, 1));
	ASSERT_UNCHANGED(EEXIST, nt_reserve_at(self->fd, w + 2 * GRAN - 1,
					       GRAN));
	ASSERT_EQ(0, nt_reserve_at(self->fd, w + 2 * GRAN, 1));
	/* Nor is it given to those who leave the choice. */
	ASSERT_EQ(ENOSPC, reserve_in(self->fd, &(struct ntmem_reserve) {
		.size = PAGE, .min_addr = w, .max_addr = w + 3 * GRAN - 1,
	}));
}

TEST_F(space, foreign_mapping_in_the_way)
{
	__u64 w = WANTED;
	void *map = mmap(nt_ptr(w + 2 * GRAN), PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			 -1, 0);
	struct ntmem_reserve r = {
		.size = 2 * GRAN, .min_addr = w + GRAN,
		.max_addr = w + 5 * GRAN - 1,
	};

	ASSERT_EQ(nt_ptr(w + 2 * GRAN), map);
	*(char *)map = 7;
	ASSERT_UNCHANGED(EEXIST, nt_reserve_at(self->fd, w, 3 * GRAN));
	ASSERT_UNCHANGED(EEXIST, nt_reserve_at(self->fd, w + 2 * GRAN, PAGE));
	ASSERT_UNCHANGED(EEXIST, nt_reserve_at(self->fd, w + GRAN,
					       GRAN + 1));
	ASSERT_EQ(0, reserve_in(self->fd, &r));
	ASSERT_EQ(w + 3 * GRAN, r.addr);
	ASSERT_EQ(0, nt_reserve_at(self->fd, w, 2 * GRAN));
	ASSERT_EQ(7, *(char *)map);
	/* Calls on it are calls on no reservation. */
	ASSERT_UNCHANGED(ENOENT, nt_commit(self->fd, w + 2 * GRAN, PAGE, RW));
	ASSERT_UNCHANGED(ENOENT, nt_protect(self->fd, w + 2 * GRAN, PAGE, RO,
					    NULL));
	ASSERT_UNCHANGED(ENOENT, nt_decommit(self->fd, w + 2 * GRAN, PAGE));
	ASSERT_UNCHANGED(ENOENT, nt_release(self->fd, w + 2 * GRAN, 0));
	ASSERT_EQ(7, *(char *)map);
}

/* What is left of an arena that the program has made holes in. */
static __u64 holes(int fd, unsigned int nr)
{
	__u64 addr = nt_any(fd, 4 * MIB, 0);
	unsigned int i;

	if (!addr || nt_release(fd, addr, 0))
		return 0;
	for (i = 0; i < nr; i++)
		if (munmap(nt_ptr(addr + 2 * i * GRAN), GRAN))
			return 0;
	return addr;
}

TEST_F(space, over_many_gaps)
{
	__u64 addr = holes(self->fd, 20);

	ASSERT_NE(0ULL, addr);
	ASSERT_EQ(0, nt_reserve(self->fd, &addr, 4 * MIB, RW,
				NTMEM_RESERVE_COMMIT));
	ASSERT_TRUE(nt_run(self->fd, addr, 4 * MIB, COMMITTED, RW));
	ASSERT_EQ(0, nt_poke(addr + 38 * GRAN, 1));
	ASSERT_EQ(0, nt_poke(addr + 39 * GRAN, 1));
	ASSERT_EQ(0, nt_release(self->fd, addr, 0));
	ASSERT_TRUE(nt_is_free(self->fd, addr));
}

/* What was mapped on the way to what is in the way is unmapped again. */
TEST_F(space, over_many_gaps_in_vain)
{
	__u64 addr = holes(self->fd, 20);
	void *last = nt_ptr(addr + 38 * GRAN);
	unsigned int i;

	ASSERT_NE(0ULL, addr);
	ASSERT_EQ(last, mmap(last, PAGE, PROT_READ, MAP_PRIVATE |
			     MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	ASSERT_UNCHANGED(EEXIST, nt_reserve(self->fd, &addr, 4 * MIB, RW, 0));
	for (i = 0; i < 19; i++)
		ASSERT_NE(MAP_FAILED,
			  mmap(nt_ptr(addr + 2 * i * GRAN), GRAN, PROT_READ,
			       MAP_PRIVATE | MAP_ANONYMOUS |
			       MAP_FIXED_NOREPLACE, -1, 0));
}

TEST_F(space, foreign_mapping_made_later)
{
	__u64 base = nt_any(self->fd, 4 * GRAN, 0);
	void *map;

	ASSERT_NE(0ULL, base);
	map = mmap(nt_ptr(base + GRAN), PAGE, PROT_READ,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ASSERT_EQ(MAP_FAILED, map);
	ASSERT_EQ(EEXIST, errno);
	map = mmap(nt_ptr(base + GRAN), PAGE, PROT_READ,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_TRUE((uintptr_t)map >= base + 4 * GRAN ||
		    (uintptr_t)map < base);
}

/* Without a wish: aligned, in what was free, nobody's neighbour cut. */
TEST_F(space, anywhere)
{
	static const __u64 sizes[] = {
		PAGE, GRAN, 3 * GRAN + PAGE, MIB, 17 * MIB + PAGE, GIB,
	};
	__u64 bases[60];
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		__u64 size = sizes[i % 6];

		bases[i] = nt_any(self->fd, size, 0);
		ASSERT_NE(0ULL, bases[i]);
		ASSERT_EQ(0ULL, bases[i] % GRAN);
		for (j = 0; j < i; j++)
			ASSERT_TRUE(bases[i] + size <= bases[j] ||
				    bases[j] + sizes[j % 6] <= bases[i]);
	}
	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		ASSERT_TRUE(nt_run(self->fd, bases[i], sizes[i % 6], RESERVED,
				   0));
		ASSERT_EQ(0, nt_release(self->fd, bases[i], 0));
		ASSERT_TRUE(nt_is_free(self->fd, bases[i]));
	}
}

/* In a range the lowest hole, which is found again when it is made. */
TEST_F(space, lowest_hole_of_a_range)
{
	struct ntmem_reserve r = {
		.size = 2 * GRAN, .min_addr = WANTED,
		.max_addr = WANTED + 16 * GRAN - 1,
	};
	struct ntmem_reserve one;
	int i;

	for (i = 0; i < 8; i++) {
		one = r;
		ASSERT_EQ(0, reserve_in(self->fd, &one));
		ASSERT_EQ(WANTED + 2 * i * GRAN, one.addr);
	}
	ASSERT_EQ(0, nt_release(self->fd, WANTED + 4 * GRAN, 0));
	ASSERT_EQ(0, nt_release(self->fd, WANTED + 8 * GRAN, 0));
	ASSERT_EQ(0, nt_release(self->fd, WANTED + 10 * GRAN, 0));
	one = r;
	one.size = 2 * GRAN + PAGE;
	ASSERT_EQ(0, reserve_in(self->fd, &one));
	ASSERT_EQ(WANTED + 8 * GRAN, one.addr);
	one = r;
	ASSERT_EQ(0, reserve_in(self->fd, &one));
	ASSERT_EQ(WANTED + 4 * GRAN, one.addr);
	ASSERT_UNCHANGED(ENOSPC, reserve_in(self->fd, &r));
}

TEST_F(space, top_down)
{
	struct ntmem_reserve r = {
		.size = GRAN, .flags = NTMEM_RESERVE_TOP_DOWN,
		.min_addr = WANTED, .max_addr = WANTED + 16 * GRAN - 1,
	};
	__u64 first = nt_any(self->fd, GRAN, NTMEM_RESERVE_TOP_DOWN);
	__u64 second = nt_any(self->fd, GRAN, NTMEM_RESERVE_TOP_DOWN);
	int i;

	ASSERT_NE(0ULL, second);
	ASSERT_EQ(0ULL, first % GRAN);
	ASSERT_LT(second, first);
	ASSERT_LT(1ULL << 32, second);

	for (i = 15; i >= 0; i--) {
		struct ntmem_reserve one = r;

		ASSERT_EQ(0, reserve_in(self->fd, &one));
		ASSERT_EQ(WANTED + i * GRAN, one.addr);
	}
	ASSERT_UNCHANGED(ENOSPC, reserve_in(self->fd, &r));
	/* The end of a smaller one is not at the end of the hole. */
	ASSERT_EQ(0, nt_release(self->fd, WANTED + 15 * GRAN, 0));
	r.size = PAGE;
	ASSERT_EQ(0, reserve_in(self->fd, &r));
	ASSERT_EQ(WANTED + 15 * GRAN, r.addr);
}

/* A mapping that grows down, of one page. */
static bool map_stack(__u64 addr)
{
	return mmap(nt_ptr(addr), PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN |
		    MAP_FIXED_NOREPLACE, -1, 0) == nt_ptr(addr);
}

/* Whatever is asked for, a stack can grow by what Linux keeps free below. */
TEST_F(space, distance_from_stacks)
{
	const __u64 stack = WANTED + 4 * MIB;
	struct ntmem_reserve r = {
		.size = GRAN, .min_addr = WANTED, .max_addr = stack - 1,
		.flags = NTMEM_RESERVE_TOP_DOWN,
	};
	struct ntmem_reserve one = r;

	ASSERT_TRUE(map_stack(stack));
	ASSERT_EQ(0, reserve_in(self->fd, &one));
	ASSERT_EQ(stack - MIB - GRAN, one.addr);
	one = r;
	one.min_addr = stack - MIB;
	ASSERT_UNCHANGED(ENOSPC, reserve_in(self->fd, &one));
	one.flags = 0;
	ASSERT_UNCHANGED(ENOSPC, reserve_in(self->fd, &one));
	/* Upwards there is room behind it. */
	one.max_addr = stack + 2 * GRAN - 1;
	ASSERT_EQ(0, reserve_in(self->fd, &one));
	ASSERT_EQ(stack + GRAN, one.addr);
}

TEST_F(space, a_stack_at_the_lowest_addresses)
{
	struct ntmem_reserve r = {
		.size = GRAN, .min_addr = GRAN, .max_addr = 4 * GRAN - 1,
		.flags = NTMEM_RESERVE_TOP_DOWN,
	};

	if (!map_stack(4 * GRAN))
		SKIP(return, "vm.mmap_min_addr");
	ASSERT_UNCHANGED(ENOSPC, reserve_in(self->fd, &r));
	r.flags = 0;
	ASSERT_UNCHANGED(ENOSPC, reserve_in(self->fd, &r));
}

TEST_F(space, address_range)
{
	__u64 w = WANTED;
	struct ntmem_reserve r = {
		.size = GRAN, .min_addr = w, .max_addr = w + 4 * GRAN - 1,
	};
	struct ntmem_reserve one;
	int i;

	for (i = 0; i < 4; i++) {
		one = r;
		ASSERT_EQ(0, reserve_in(self->fd, &one));
		ASSERT_EQ(w + i * GRAN, one.addr);
	}
	ASSERT_UNCHANGED(ENOSPC, reserve_in(self->fd, &r));
	ASSERT_EQ(0, nt_release(self->fd, w + 2 * GRAN, 0));
	one = r;
	one.size = GRAN + 1;
	ASSERT_UNCHANGED(ENOSPC, reserve_in(self->fd, &one));
	/* One bound alone. */
	one = r;
	one.max_addr = 0;
	ASSERT_EQ(0, reserve_in(self->fd, &one));
	ASSERT_EQ(w + 2 * GRAN, one.addr);
	one = r;
	one.max_addr = 0;
	ASSERT_EQ(0, reserve_in(self->fd, &one));
	ASSERT_EQ(w + 4 * GRAN, one.addr);
	one = r;
	one.min_addr = 0;
	one.max_addr = w - 1;
	one.flags = NTMEM_RESERVE_TOP_DOWN;
	ASSERT_EQ(0, reserve_in(self->fd, &one));
	ASSERT_EQ(w - GRAN, one.addr);
	/* The last byte may be max_addr, in the middle of a granule. */
	one = r;
	one.min_addr = w + 8 * GRAN;
	one.max_addr = w + 8 * GRAN + 3 * PAGE - 1;
	one.size = 3 * PAGE;
	ASSERT_EQ(0, reserve_in(self->fd, &one));
	ASSERT_EQ(w + 8 * GRAN, one.addr);
	ASSERT_EQ(3 * PAGE, one.size);
}

TEST_F(space, alignment)
{
	__u64 align;

	for (align = GRAN; align <= GIB; align *= 2) {
		struct ntmem_reserve r = { .size = GRAN, .align = align };

		ASSERT_EQ(0, reserve_in(self->fd, &r));
		ASSERT_EQ(0ULL, r.addr % align);
		r = (struct ntmem_reserve) {
			.size = GRAN, .align = align,
			.flags = NTMEM_RESERVE_TOP_DOWN,
		};
		ASSERT_EQ(0, reserve_in(self->fd, &r));
		ASSERT_EQ(0ULL, r.addr % align);
	}
}

TEST_F(space, alignment_in_a_range)
{
	struct ntmem_reserve r = {
		.size = GRAN, .align = MIB, .min_addr = WANTED + GRAN,
		.max_addr = WANTED + 2 * MIB - 1,
	};
	struct ntmem_reserve one = r;

	ASSERT_EQ(0, reserve_in(self->fd, &one));
	ASSERT_EQ(WANTED + MIB, one.addr);
	ASSERT_UNCHANGED(ENOSPC, reserve_in(self->fd, &r));
}

TEST_F(space, bad_requirements)
{
	struct ntmem_info info;
	unsigned int i;

	ASSERT_EQ(0, nt_info(self->fd, &info));

	const struct ntmem_reserve cases[] = {
		/* Requirements go with the system's choice only. */
		{ .addr = WANTED, .size = GRAN, .min_addr = WANTED },
		{ .addr = WANTED, .size = GRAN,
		  .max_addr = WANTED + GRAN - 1 },
		{ .addr = WANTED, .size = GRAN, .align = GRAN },
		{ .size = GRAN, .align = 1 },
		{ .size = GRAN, .align = PAGE },
		{ .size = GRAN, .align = GRAN / 2 },
		{ .size = GRAN, .align = GRAN + PAGE },
		{ .size = GRAN, .align = 3 * GRAN },
		{ .size = GRAN, .min_addr = 1 },
		{ .size = GRAN, .min_addr = WANTED + PAGE },
		{ .size = GRAN, .min_addr = (info.max_address + 1 + GRAN) /
					    GRAN * GRAN },
		{ .size = GRAN, .max_addr = 1 },
		{ .size = GRAN, .max_addr = WANTED },
		{ .size = GRAN, .max_addr = WANTED + GRAN - 2 },
		{ .size = GRAN, .max_addr = info.max_address + PAGE },
		{ .size = GRAN, .max_addr = NONE },
		{ .size = GRAN, .min_addr = WANTED, .max_addr = WANTED - 1 },
		{ .size = GRAN, .min_addr = 2 * WANTED,
		  .max_addr = WANTED - 1 },
	};

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ntmem_reserve r = cases[i];
		struct nt_snapshot before;

		nt_snapshot(self->fd, &before);
		ASSERT_EQ(EINVAL, reserve_in(self->fd, &r)) {
			TH_LOG("case %u", i);
		}
		ASSERT_TRUE(nt_same(self->fd, &before));
	}
}

TEST_F(space, address_limits)
{
	struct ntmem_info info;
	__u64 top;

	ASSERT_EQ(0, nt_info(self->fd, &info));
	top = info.max_address + 1;
	ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, 0, 0));
	ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, WANTED, 0));
	/* Below the lowest address, and around zero. */
	ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, 1, PAGE));
	ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, PAGE, PAGE));
	ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, info.min_address - 1,
					       PAGE));
	/* Above the highest, and across it. */
	ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, top, PAGE));
	ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, top - GRAN,
					       GRAN + PAGE));
	ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, WANTED, top));
	ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, 1ULL << 63, PAGE));
	ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, NONE, PAGE));
	/* Overflows. */
	ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, WANTED, NONE));
	ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, WANTED,
					       NONE - WANTED + 1));
	/* Larger than user space is no size; as large is no hole. */
	ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, 0, NONE));
	ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, 0, top + 1));
	ASSERT_UNCHANGED(ENOSPC, nt_reserve_at(self->fd, 0, top));
	ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, 0, 1ULL << 63));
	ASSERT_UNCHANGED(ENOSPC, nt_reserve_at(self->fd, 0,
					       top - info.min_address));
}

/* Exactly one base value; the modifiers as the header says. */
static bool prot_valid(__u32 prot)
{
	__u32 base = prot & 0xff, modifiers = prot & ~0xffU;

	if (modifiers & ~(GUARD | NTMEM_PAGE_NOCACHE |
			  NTMEM_PAGE_WRITECOMBINE))
		return false;
	if (!base || (base & (base - 1)) || base == NTMEM_PAGE_WRITECOPY ||
	    base == NTMEM_PAGE_EXECUTE_WRITECOPY)
		return false;
	if (base == NOACCESS && modifiers)
		return false;
	return !(modifiers & (modifiers - 1));
}

TEST_F(space, protections)
{
	struct nt_snapshot before;
	__u32 prot;

	nt_snapshot(self->fd, &before);
	for (prot = 0; prot < 0x1000; prot++) {
		__u64 base = 0;
		int expected = prot_valid(prot) ? 0 : EINVAL;

		ASSERT_EQ(expected, nt_reserve(self->fd, &base, GRAN, prot,
					       0)) {
			TH_LOG("protection %#x", prot);
		}
		if (expected)
			continue;
		ASSERT_TRUE(nt_run(self->fd, base, GRAN, RESERVED, 0));
		ASSERT_TRUE(nt_in(self->fd, base, base, prot));
		ASSERT_EQ(0, nt_release(self->fd, base, 0));
	}
	for (prot = 0x1000; prot; prot <<= 1) {
		__u64 base = 0;

		ASSERT_EQ(EINVAL, nt_reserve(self->fd, &base, GRAN, prot | RW,
					     0));
	}
	ASSERT_TRUE(nt_same(self->fd, &before));
}

TEST_F(space, alloc_prot_stays)
{
	__u64 base = 0;

	ASSERT_EQ(0, nt_reserve(self->fd, &base, GRAN, NOACCESS, 0));
	ASSERT_EQ(0, nt_commit(self->fd, base, GRAN, RW));
	ASSERT_TRUE(nt_in(self->fd, base, base, NOACCESS));
	ASSERT_EQ(0, nt_protect(self->fd, base, GRAN, RO, NULL));
	ASSERT_TRUE(nt_in(self->fd, base, base, NOACCESS));
	ASSERT_EQ(0, nt_decommit(self->fd, base, 0));
	ASSERT_TRUE(nt_in(self->fd, base, base, NOACCESS));
}

TEST_F(space, execute_at_an_address)
{
	__u64 addr = WANTED;

	ASSERT_EQ(0, nt_reserve(self->fd, &addr, GRAN, RX,
				NTMEM_RESERVE_COMMIT));
	ASSERT_EQ(WANTED, addr);
	ASSERT_EQ(0, nt_protect(self->fd, addr, PAGE, RW, NULL));
	nt_write_code(addr, 42);
	ASSERT_EQ(-SIGSEGV, nt_exec(addr));
	ASSERT_EQ(0, nt_protect(self->fd, addr, PAGE, RX, NULL));
	ASSERT_EQ(42, nt_exec(addr));
	ASSERT_UNCHANGED(EEXIST, nt_reserve(self->fd, &addr, GRAN, RX, 0));
}

TEST_F(space, reserve_and_commit)
{
	struct ntmem_reserve r = {
		.addr = WANTED + 5, .size = 3 * PAGE,
		.flags = NTMEM_RESERVE_COMMIT,
	};
	struct ntmem_info before, after;
	__u64 guarded;

	ASSERT_EQ(0, nt_info(self->fd, &before));
	ASSERT_EQ(0, reserve_in(self->fd, &r));
	ASSERT_EQ(WANTED, r.addr);
	ASSERT_EQ(4 * PAGE, r.size);
	ASSERT_EQ(0, nt_info(self->fd, &after));
	ASSERT_EQ(before.space_committed + 4 * PAGE, after.space_committed);
	ASSERT_EQ(before.space_reserved + 4 * PAGE, after.space_reserved);
	ASSERT_TRUE(nt_run(self->fd, r.addr, r.size, COMMITTED, RW));
	ASSERT_TRUE(nt_all(r.addr, r.size, 0));
	memset(nt_ptr(r.addr), 0x5a, r.size);
	ASSERT_TRUE(nt_all(r.addr, r.size, 0x5a));

	guarded = nt_block(self->fd, 2 * PAGE, RW | GUARD);
	ASSERT_NE(0ULL, guarded);
	ASSERT_TRUE(nt_run(self->fd, guarded, 2 * PAGE, COMMITTED,
			   RW | GUARD));
	ASSERT_TRUE(nt_in(self->fd, guarded, guarded, RW | GUARD));
}

static int nofork_child(void *data)
{
	__u64 base = *(__u64 *)data;
	int fd = open("/dev/ntmem", O_RDWR);

	CHECK(fd >= 0);
	CHECK(nt_is_free(fd, base));
	CHECK(nt_peek(base) == -SIGSEGV);
	/* The one behind came along. */
	CHECK(nt_run(fd, base + GRAN, PAGE, COMMITTED, RW));
	CHECK(nt_peek(base + GRAN) == 2);
	CHECK(!nt_reserve_at(fd, base, GRAN));
	return 0;
}

TEST_F(space, nofork)
{
	__u64 base = WANTED;

	ASSERT_EQ(0, nt_reserve(self->fd, &base, GRAN, RW,
				NTMEM_RESERVE_NOFORK | NTMEM_RESERVE_COMMIT));
	ASSERT_EQ(0, nt_reserve_at(self->fd, WANTED + GRAN, GRAN));
	ASSERT_EQ(0, nt_commit(self->fd, WANTED + GRAN, PAGE, RW));
	ASSERT_EQ(0, nt_poke(base, 1));
	ASSERT_EQ(0, nt_poke(base + GRAN, 2));
	ASSERT_UNCHANGED(0, nt_in_child(nofork_child, &base));
	ASSERT_EQ(1, nt_peek(base));
}

TEST_F(space, a_tebibyte)
{
	__u64 base[16], last;
	struct ntmem_info info;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(base); i++) {
		base[i] = nt_any(self->fd, TIB, 0);
		ASSERT_NE(0ULL, base[i]);
		ASSERT_TRUE(nt_run(self->fd, base[i], TIB, RESERVED, 0));
		ASSERT_EQ(1, nt_count_vmas(base[i], base[i] + TIB));
		last = base[i] + TIB - PAGE;
		ASSERT_EQ(0, nt_commit(self->fd, last, PAGE, RW));
		ASSERT_EQ(0, nt_peek(last));
		ASSERT_EQ(0, nt_poke(last, i + 1));
		ASSERT_TRUE(nt_run(self->fd, base[i], TIB - PAGE, RESERVED, 0));
		ASSERT_TRUE(nt_run(self->fd, last, PAGE, COMMITTED, RW));
	}
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(16 * TIB, info.space_reserved);
	ASSERT_EQ(16 * PAGE, info.space_committed);
	for (i = 0; i < ARRAY_SIZE(base); i++) {
		ASSERT_EQ((int)i + 1, nt_peek(base[i] + TIB - 1 - PAGE + 1));
		ASSERT_EQ(0, nt_release(self->fd, base[i], 0));
	}
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(0ULL, info.space_reserved);
	ASSERT_EQ(0ULL, info.space_committed);
}

TEST_F(space, many_reservations)
{
	static __u64 base[2000];
	struct ntmem_info info;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(base); i++) {
		base[i] = nt_any(self->fd, PAGE * (1 + i % 32), 0);
		ASSERT_NE(0ULL, base[i]);
	}
	for (i = 0; i < ARRAY_SIZE(base); i += 2)
		ASSERT_EQ(0, nt_release(self->fd, base[i], 0));
	for (i = 1; i < ARRAY_SIZE(base); i += 2) {
		ASSERT_TRUE(nt_run(self->fd, base[i], PAGE * (1 + i % 32),
				   RESERVED, 0));
		ASSERT_EQ(0, nt_release(self->fd, base[i], 0));
	}
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(0ULL, info.space_reserved);
}

/* ------------------------------------------------------------------------
 * Granularity.
 */
TEST_F(space, granularity_values)
{
	static const __u64 bad[] = {
		0, 1, PAGE / 2, PAGE - 1, PAGE + 1, 3 * PAGE, GRAN + PAGE,
		2 * GIB, 1ULL << 63, NONE,
	};
	struct ntmem_info info;
	unsigned int i;
	__u64 g;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_UNCHANGED(EINVAL, nt_set_granularity(self->fd, bad[i]));
		ASSERT_EQ(0, nt_info(self->fd, &info));
		ASSERT_EQ(GRAN, info.granularity);
	}
	for (g = PAGE; g <= GIB; g *= 2) {
		ASSERT_EQ(0, nt_set_granularity(self->fd, g));
		ASSERT_EQ(0, nt_info(self->fd, &info));
		ASSERT_EQ(g, info.granularity);
		ASSERT_EQ(0ULL, info.min_address % g);
		ASSERT_NE(0ULL, info.min_address);
	}
}

TEST_F(space, granularity_of_a_page)
{
	struct ntmem_reserve r = {
		.addr = WANTED + PAGE + 5, .size = PAGE,
	};

	ASSERT_EQ(0, nt_set_granularity(self->fd, PAGE));
	ASSERT_EQ(0, reserve_in(self->fd, &r));
	ASSERT_EQ(WANTED + PAGE, r.addr);
	ASSERT_EQ(2 * PAGE, r.size);
	ASSERT_EQ(0, nt_reserve_at(self->fd, WANTED, PAGE));
	ASSERT_EQ(0, nt_reserve_at(self->fd, WANTED + 3 * PAGE, PAGE));
	ASSERT_UNCHANGED(EBUSY, nt_set_granularity(self->fd, PAGE));
	ASSERT_UNCHANGED(EBUSY, nt_set_granularity(self->fd, GRAN));
}

TEST_F(space, granularity_larger)
{
	struct ntmem_reserve r = { .addr = 3 * GIB + 5 * MIB, .size = PAGE };
	__u64 first, second;

	ASSERT_EQ(0, nt_set_granularity(self->fd, 2 * MIB));
	ASSERT_EQ(0, reserve_in(self->fd, &r));
	ASSERT_EQ(3 * GIB + 4 * MIB, r.addr);
	ASSERT_EQ(MIB + PAGE, r.size);
	ASSERT_UNCHANGED(EEXIST, nt_reserve_at(self->fd,
					       3 * GIB + 6 * MIB - 1, 1));
	first = nt_any(self->fd, PAGE, 0);
	second = nt_any(self->fd, PAGE, 0);
	ASSERT_NE(0ULL, first);
	ASSERT_EQ(0ULL, first % (2 * MIB));
	ASSERT_EQ(0ULL, second % (2 * MIB));
	ASSERT_LE(first + 2 * MIB, second);
	ASSERT_UNCHANGED(EINVAL, reserve_in(self->fd, &(struct ntmem_reserve) {
		.size = PAGE, .align = GRAN,
	}));
	ASSERT_UNCHANGED(EINVAL, reserve_in(self->fd, &(struct ntmem_reserve) {
		.size = PAGE, .min_addr = 3 * GIB + GRAN,
	}));
}

/* Not only while there is a reservation. */
TEST_F(space, granularity_is_fixed_by_the_first)
{
	__u64 base = nt_any(self->fd, PAGE, 0);
	struct ntmem_info info;

	ASSERT_UNCHANGED(EBUSY, nt_set_granularity(self->fd, PAGE));
	ASSERT_UNCHANGED(EBUSY, nt_set_granularity(self->fd, GRAN));
	ASSERT_EQ(0, nt_release(self->fd, base, 0));
	ASSERT_UNCHANGED(EBUSY, nt_set_granularity(self->fd, PAGE));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(GRAN, info.granularity);
}

static int granularity_elsewhere(void *data)
{
	struct ntmem_info info;
	int fd = open("/dev/ntmem", O_RDWR);

	(void)data;
	CHECK(!nt_info(fd, &info));
	CHECK(info.granularity == GRAN);
	CHECK(!nt_set_granularity(fd, 16 * PAGE));
	return 0;
}

TEST_F(space, granularity_is_per_space)
{
	struct ntmem_info info;
	int pid = nt_spawn(granularity_elsewhere, NULL);

	ASSERT_EQ(0, nt_set_granularity(self->fd, MIB));
	ASSERT_EQ(0, nt_reap(pid));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(MIB, info.granularity);
}

TEST_HARNESS_MAIN
