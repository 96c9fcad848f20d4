// SPDX-License-Identifier: MIT
/*
 * The model's own test: cases whose outcome on Windows is known, and those
 * that the uapi header names. A wrong model would blame right engines.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model.h"
#include "selftest.h"

#define W	WINDOW_BASE
#define WINDOW	(4ULL << 20)
#define NOLIMIT	(~0ULL)

#define RW	NTMEM_PAGE_READWRITE
#define RO	NTMEM_PAGE_READONLY
#define NONE	NTMEM_PAGE_NOACCESS
#define GUARD	NTMEM_PAGE_GUARD

static int failures;

static void expect_at(int line, const char *what, u64 got, u64 want)
{
	if (got == want)
		return;
	failures++;
	printf("# selftest.c:%d: %s is %#llx, should be %#llx\n", line, what,
	       got, want);
}

#define EXPECT(got, want) \
	expect_at(__LINE__, #got, (u64)(got), (u64)(want))

static struct model *fresh(void)
{
	return model_new(65536, WINDOW, 0x7fffffffefffULL, NOLIMIT);
}

static int reserve(struct model *m, struct ntmem_reserve *r)
{
	struct ntmem_op op = { .op = NTMEM_NR_RESERVE, .reserve = *r };
	int status = model_apply(m, &op, 1);

	*r = op.reserve;
	return status;
}

static int reserve_at(struct model *m, u64 addr, u64 size)
{
	struct ntmem_reserve r = { .addr = addr, .size = size, .prot = RW };

	return reserve(m, &r);
}

static int range(struct model *m, uint32_t kind, u64 addr, u64 size,
		 uint32_t prot)
{
	struct ntmem_op op = { .op = kind };

	op.range.addr = addr;
	op.range.size = size;
	op.range.prot = prot;
	return model_apply(m, &op, 0);
}

#define COMMIT(m, a, s, p)	range(m, NTMEM_NR_COMMIT, a, s, p)
#define DECOMMIT(m, a, s)	range(m, NTMEM_NR_DECOMMIT, a, s, 0)
#define RELEASE(m, a, s)	range(m, NTMEM_NR_RELEASE, a, s, 0)
#define LOCK(m, a, s)		range(m, NTMEM_NR_LOCK, a, s, 0)
#define UNLOCK(m, a, s)		range(m, NTMEM_NR_UNLOCK, a, s, 0)
#define RESET(m, a, s)		range(m, NTMEM_NR_RESET, a, s, 0)
#define UNDO(m, a, s)		range(m, NTMEM_NR_RESET_UNDO, a, s, 0)

/* The new protection goes in, the old one comes out in *prot. */
static int protect(struct model *m, u64 addr, u64 size, uint32_t *prot)
{
	struct ntmem_op op = { .op = NTMEM_NR_PROTECT };
	int status;

	op.protect.addr = addr;
	op.protect.size = size;
	op.protect.prot = *prot;
	status = model_apply(m, &op, 0);
	*prot = op.protect.old_prot;
	return status;
}

static struct ntmem_query query(struct model *m, u64 addr)
{
	struct ntmem_op op = { .op = NTMEM_NR_QUERY };

	op.query.addr = addr;
	EXPECT(model_apply(m, &op, 0), 0);
	return op.query;
}

static void test_rounding(void)
{
	static const u64 cases[][4] = {
		{ 0x8000, 0x1, 0, 0x9000 },
		{ 0x10, 0x1000, 0, 0x2000 },
		{ 0xffff, 0x3000, 0, 0x13000 },
		{ 0x1010, 0x7000, 0, 0x9000 },
		{ 0x1010, 0xc000, 0, 0xe000 },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct model *m = fresh();
		struct ntmem_reserve r = {
			.addr = W + cases[i][0],
			.size = cases[i][1],
			.prot = RW,
		};

		EXPECT(reserve(m, &r), 0);
		EXPECT(r.addr, W + cases[i][2]);
		EXPECT(r.size, cases[i][3]);
		EXPECT(query(m, W).size, cases[i][3]);
		model_free(m);
	}
}

/* What follows a reservation in its granule is free but cannot be taken. */
static void test_granule_tail(void)
{
	struct model *m = fresh();

	EXPECT(reserve_at(m, W, 0x1000), 0);
	EXPECT(query(m, W + 0x1000).state, NTMEM_STATE_FREE);
	EXPECT(reserve_at(m, W + 0x1000, 0x1000), -EEXIST);
	EXPECT(reserve_at(m, W + 0xffff, 0x1000), -EEXIST);
	EXPECT(reserve_at(m, W + 0x10000, 0x1000), 0);
	EXPECT(reserve_at(m, W - 0x1000, 0x1000), -EEXIST);
	model_free(m);
}

static void test_commit(void)
{
	struct model *m = fresh();

	EXPECT(reserve_at(m, W, 0x20000), 0);
	EXPECT(reserve_at(m, W + 0x20000, 0x10000), 0);
	EXPECT(COMMIT(m, W + 0x1f000, 0x2000, RW), -ENOENT);
	EXPECT(COMMIT(m, W + 0x2f000, 0x2000, RW), -ENOENT);
	EXPECT(query(m, W).size, 0x20000);
	EXPECT(COMMIT(m, W + 0x1fff, 2, RW), 0);
	EXPECT(query(m, W).size, 0x1000);
	EXPECT(query(m, W + 0x1000).size, 0x2000);
	EXPECT(query(m, W + 0x1000).state, NTMEM_STATE_COMMIT);
	model_page(m, W + 0x1000)->stamp = 7;
	EXPECT(COMMIT(m, W + 0x1000, 0x1000, RO), 0);
	EXPECT(model_page(m, W + 0x1000)->stamp, 7);
	EXPECT(query(m, W + 0x1000).prot, RO);
	EXPECT(query(m, W + 0x1000).size, 0x1000);
	EXPECT(DECOMMIT(m, W + 0x1000, 1), 0);
	EXPECT(COMMIT(m, W + 0x1000, 1, RW), 0);
	EXPECT(model_page(m, W + 0x1000)->stamp, 0);
	EXPECT(COMMIT(m, W, 0, RW), -EINVAL);
	EXPECT(COMMIT(m, W, 1, 0), -EINVAL);
	EXPECT(COMMIT(m, W, ~0ULL, RW), -EINVAL);
	model_free(m);
}

static void test_protection_values(void)
{
	EXPECT(model_prot_valid(0), false);
	EXPECT(model_prot_valid(RO | RW), false);
	EXPECT(model_prot_valid(NTMEM_PAGE_WRITECOPY), false);
	EXPECT(model_prot_valid(NTMEM_PAGE_EXECUTE_WRITECOPY), false);
	EXPECT(model_prot_valid(NONE), true);
	EXPECT(model_prot_valid(NONE | GUARD), false);
	EXPECT(model_prot_valid(NONE | NTMEM_PAGE_NOCACHE), false);
	EXPECT(model_prot_valid(NONE | NTMEM_PAGE_WRITECOMBINE), false);
	EXPECT(model_prot_valid(RW | GUARD), true);
	EXPECT(model_prot_valid(RW | NTMEM_PAGE_NOCACHE), true);
	EXPECT(model_prot_valid(RW | NTMEM_PAGE_NOCACHE | GUARD), false);
	EXPECT(model_prot_valid(RW | NTMEM_PAGE_NOCACHE |
				NTMEM_PAGE_WRITECOMBINE), false);
	EXPECT(model_prot_valid(RO | NTMEM_PAGE_WRITECOMBINE), true);
	EXPECT(model_prot_valid(RW | NTMEM_PAGE_WRITECOMBINE | GUARD), false);
	EXPECT(model_prot_valid(RW | 0x800), false);
}

static void test_query(void)
{
	struct model *m = fresh();
	struct ntmem_op op = { .op = NTMEM_NR_QUERY };
	struct ntmem_query q;

	EXPECT(reserve_at(m, W + 0x10000, 0x10000), 0);
	EXPECT(reserve_at(m, W + 0x20000, 0x10000), 0);
	q = query(m, W + 0x123);
	EXPECT(q.base, W);
	EXPECT(q.alloc_base, 0);
	EXPECT(q.alloc_prot, 0);
	EXPECT(q.size, 0x10000);
	EXPECT(q.prot, NONE);
	EXPECT(q.state, NTMEM_STATE_FREE);
	EXPECT(q.type, 0);
	q = query(m, W + 0x11fff);
	EXPECT(q.base, W + 0x11000);
	EXPECT(q.alloc_base, W + 0x10000);
	EXPECT(q.alloc_prot, RW);
	EXPECT(q.size, 0xf000);
	EXPECT(q.prot, 0);
	EXPECT(q.state, NTMEM_STATE_RESERVE);
	EXPECT(q.type, NTMEM_TYPE_PRIVATE);
	q = query(m, W - 1);
	EXPECT(q.state, NTMEM_STATE_FOREIGN);
	EXPECT(q.alloc_base, W - FENCE_PAGES * PAGE);
	op.query.addr = 0x800000000000ULL;
	EXPECT(model_apply(m, &op, 0), -EINVAL);
	model_free(m);
}

static void test_release(void)
{
	struct model *m = fresh();

	EXPECT(reserve_at(m, W, 0x10000), 0);
	EXPECT(RELEASE(m, W + 0x1000, 0), -EADDRNOTAVAIL);
	EXPECT(RELEASE(m, W + 0x20000, 0), -ENOENT);
	EXPECT(RELEASE(m, W + 0xf000, 0x2000), -ERANGE);
	EXPECT(RELEASE(m, W + 0x4000, 0x1000), 0);
	EXPECT(query(m, W).size, 0x4000);
	EXPECT(query(m, W + 0x4000).state, NTMEM_STATE_FREE);
	EXPECT(query(m, W + 0x5000).alloc_base, W + 0x5000);
	EXPECT(query(m, W + 0x5000).alloc_prot, RW);
	EXPECT(RELEASE(m, W, 0), 0);
	EXPECT(query(m, W).size, 0x5000);
	EXPECT(RELEASE(m, W + 0x5fff, 0), 0);
	EXPECT(query(m, W).size, WINDOW);
	/* A freed head can be taken again when its granule's base is free. */
	EXPECT(reserve_at(m, W, 0x10000), 0);
	EXPECT(RELEASE(m, W, 0x1000), 0);
	EXPECT(reserve_at(m, W, 0x1000), 0);
	EXPECT(reserve_at(m, W + 0x1000, 0x1000), -EEXIST);
	model_free(m);
}

static void test_decommit(void)
{
	struct model *m = fresh();

	EXPECT(reserve_at(m, W, 0x10000), 0);
	EXPECT(COMMIT(m, W + 0x1000, 0x1000, RW), 0);
	EXPECT(DECOMMIT(m, W + 0x1000, 0), -EADDRNOTAVAIL);
	EXPECT(DECOMMIT(m, W + 0xf000, 0x2000), -ERANGE);
	EXPECT(DECOMMIT(m, W + 0x20000, 0x1000), -ENOENT);
	EXPECT(model_committed(m), 0x1000);
	EXPECT(DECOMMIT(m, W, 0x3000), 0);
	EXPECT(model_committed(m), 0);
	EXPECT(COMMIT(m, W + 0x1000, 0x1000, RW), 0);
	EXPECT(DECOMMIT(m, W + 0xfff, 0), 0);
	EXPECT(query(m, W).size, 0x10000);
	EXPECT(model_reserved(m), 0x10000);
	model_free(m);
}

static void test_protect(void)
{
	struct model *m = fresh();
	uint32_t prot = RO;

	EXPECT(reserve_at(m, W, 0x10000), 0);
	EXPECT(COMMIT(m, W, 0x4000, RW), 0);
	EXPECT(protect(m, W + 0x3000, 0x2000, &prot), -ENODATA);
	EXPECT(query(m, W).size, 0x4000);
	prot = RO;
	EXPECT(protect(m, W + 0xf000, 0x2000, &prot), -ENOENT);
	prot = RO;
	EXPECT(protect(m, W + 0x1000, 1, &prot), 0);
	EXPECT(prot, RW);
	prot = NONE;
	EXPECT(protect(m, W + 0x1000, 0x3000, &prot), 0);
	EXPECT(prot, RO);
	EXPECT(query(m, W + 0x1000).size, 0x3000);
	prot = 0;
	EXPECT(protect(m, W, 1, &prot), -EINVAL);
	model_free(m);
}

/* NOCACHE is the reservation's: kept when given there, ignored afterwards. */
static void test_nocache(void)
{
	struct model *m = fresh();
	struct ntmem_reserve r = {
		.addr = W,
		.size = 0x10000,
		.prot = RW | NTMEM_PAGE_NOCACHE,
	};
	uint32_t prot = RO;

	EXPECT(reserve(m, &r), 0);
	EXPECT(COMMIT(m, W, 0x1000, RW), 0);
	EXPECT(query(m, W).prot, RW | NTMEM_PAGE_NOCACHE);
	EXPECT(protect(m, W, 0x1000, &prot), 0);
	EXPECT(prot, RW | NTMEM_PAGE_NOCACHE);
	EXPECT(query(m, W).prot, RO | NTMEM_PAGE_NOCACHE);
	EXPECT(reserve_at(m, W + 0x10000, 0x10000), 0);
	EXPECT(COMMIT(m, W + 0x10000, 1, RW | NTMEM_PAGE_NOCACHE), 0);
	EXPECT(query(m, W + 0x10000).prot, RW);
	model_free(m);
}

static void test_guard(void)
{
	struct model *m = fresh();
	struct access access;

	EXPECT(reserve_at(m, W, 0x10000), 0);
	EXPECT(COMMIT(m, W, 0x2000, RO | GUARD), 0);
	EXPECT(model_access(m, W + 5, NTMEM_ACCESS_WRITE, &access), 0);
	EXPECT(access.allowed, false);
	EXPECT(access.fault.reason, NTMEM_FAULT_GUARD);
	EXPECT(access.fault.prot, RO | GUARD);
	EXPECT(model_access(m, W + 5, NTMEM_ACCESS_WRITE, &access), 0);
	EXPECT(access.fault.reason, NTMEM_FAULT_PROTECTION);
	EXPECT(model_access(m, W + 5, NTMEM_ACCESS_READ, &access), 0);
	EXPECT(access.allowed, true);
	EXPECT(query(m, W).prot, RO);
	EXPECT(query(m, W + 0x1000).prot, RO | GUARD);
	EXPECT(LOCK(m, W, 0x2000), -EKEYEXPIRED);
	EXPECT(LOCK(m, W, 0x2000), 0);
	EXPECT(model_access(m, W + 0x2000, NTMEM_ACCESS_READ, &access), 0);
	EXPECT(access.fault.reason, NTMEM_FAULT_RESERVED);
	EXPECT(model_access(m, W + 0x10000, NTMEM_ACCESS_READ, &access), 0);
	EXPECT(access.fault.reason, NTMEM_FAULT_FREE);
	model_free(m);
}

static void test_lock(void)
{
	struct model *m = fresh();

	EXPECT(reserve_at(m, W, 0x10000), 0);
	EXPECT(LOCK(m, W, 0x1000), -ENODATA);
	EXPECT(COMMIT(m, W, 0x2000, RW), 0);
	EXPECT(UNLOCK(m, W, 0x1000), -ENOLCK);
	EXPECT(LOCK(m, W, 0x1000), 0);
	EXPECT(LOCK(m, W, 0x1000), 0);
	EXPECT(UNLOCK(m, W, 0x2000), -ENOLCK);
	EXPECT(UNLOCK(m, W, 0x1000), 0);
	EXPECT(UNLOCK(m, W, 0x1000), -ENOLCK);
	EXPECT(COMMIT(m, W, 0x1000, NONE), 0);
	EXPECT(LOCK(m, W, 0x2000), -EACCES);
	EXPECT(LOCK(m, W + 0xf000, 0x2000), -ENOENT);
	model_free(m);
}

static void test_reset(void)
{
	struct model *m = fresh();

	EXPECT(reserve_at(m, W, 0x10000), 0);
	EXPECT(RESET(m, W, 0x10000), 0);
	EXPECT(RESET(m, W, 0x11000), -ENOENT);
	EXPECT(RESET(m, W + 0x20001, 0x1000), -ENOENT);
	EXPECT(RESET(m, W + 0x1001, 0x1000), 0);
	EXPECT(RESET(m, W, 0), -EINVAL);
	EXPECT(COMMIT(m, W, 0x3000, RW), 0);
	EXPECT(RESET(m, W + 1, 0x2fff), 0);
	EXPECT(model_page(m, W)->reset, false);
	EXPECT(model_page(m, W + 0x1000)->reset, true);
	EXPECT(model_page(m, W + 0x2000)->reset, true);
	EXPECT(query(m, W).size, 0x3000);
	EXPECT(UNDO(m, W, 0x3000), 0);
	EXPECT(RESET(m, W, 0x1fff), 0);
	EXPECT(model_page(m, W)->reset, true);
	EXPECT(model_page(m, W + 0x1000)->reset, false);
	model_free(m);
}

static int ranged(struct model *m, u64 min, u64 max, u64 align,
		  uint32_t flags, u64 size, u64 *base)
{
	struct ntmem_reserve r = {
		.size = size, .prot = RW, .flags = flags,
		.min_addr = min, .max_addr = max, .align = align,
	};
	int status = reserve(m, &r);

	*base = r.addr;
	return status;
}

static void test_placement(void)
{
	const u64 top = W + WINDOW - 1;
	struct model *m = fresh();
	u64 base;

	EXPECT(ranged(m, W, top, 0, 0, 0x1000, &base), 0);
	EXPECT(base, W);
	EXPECT(ranged(m, W, top, 0, 0, 0x1000, &base), 0);
	EXPECT(base, W + 0x10000);
	EXPECT(ranged(m, W, top, 0, NTMEM_RESERVE_TOP_DOWN, 0x11000, &base), 0);
	EXPECT(base, W + WINDOW - 0x20000);
	EXPECT(ranged(m, W, top, 0x100000, 0, 0x1000, &base), 0);
	EXPECT(base, W + 0x100000);
	EXPECT(ranged(m, W, W + 0x2ffff, 0, 0, 0x20000, &base), -ENOSPC);
	EXPECT(ranged(m, W + 1, top, 0, 0, 0x1000, &base), -EINVAL);
	EXPECT(ranged(m, W, top + 1, 0, 0, 0x1000, &base), -EINVAL);
	EXPECT(ranged(m, W, W - 1, 0, 0, 0x1000, &base), -EINVAL);
	EXPECT(ranged(m, W, top, 0x8000, 0, 0x1000, &base), -EINVAL);
	EXPECT(ranged(m, W, top, 0x30000, 0, 0x1000, &base), -EINVAL);
	EXPECT(ranged(m, 0, 0, 0, 0, ~0ULL, &base), UNSPECIFIED);
	EXPECT(ranged(m, 0, 0, 0, 0, 0x7f0000000000, &base), -ENOSPC);
	EXPECT(ranged(m, 0, 0, 0, 0, 0x1001, &base), 0);
	EXPECT(base, AREA_BASE(1));
	EXPECT(query(m, base).size, 0x2000);
	model_free(m);
}

static void test_charge(void)
{
	struct model *m = model_new(65536, WINDOW, 0x7fffffffefffULL, 0x4000);
	struct ntmem_reserve r = {
		.addr = W + 0x10000, .size = 0x2000, .prot = RW,
		.flags = NTMEM_RESERVE_COMMIT,
	};

	EXPECT(reserve_at(m, W, 0x10000), 0);
	EXPECT(COMMIT(m, W, 0x5000, RW), -ENOMEM);
	EXPECT(model_committed(m), 0);
	EXPECT(COMMIT(m, W, 0x3000, RW), 0);
	EXPECT(reserve(m, &r), -ENOMEM);
	EXPECT(model_reserved(m), 0x10000);
	EXPECT(COMMIT(m, W + 0x1000, 0x3000, RO), 0);
	EXPECT(COMMIT(m, W, 0x4000, RW), 0);
	model_free(m);
}

static void test_fork(void)
{
	struct model *m = fresh(), *child;
	struct ntmem_reserve r = {
		.addr = W + 0x10000, .size = 0x10000, .prot = RW,
		.flags = NTMEM_RESERVE_COMMIT | NTMEM_RESERVE_NOFORK,
	};

	EXPECT(reserve_at(m, W, 0x10000), 0);
	EXPECT(COMMIT(m, W, 0x1000, RW | GUARD), 0);
	EXPECT(reserve(m, &r), 0);
	child = model_copy(m);
	model_fork(child);
	EXPECT(query(child, W).prot, RW | GUARD);
	EXPECT(query(child, W + 0x10000).state, NTMEM_STATE_FREE);
	EXPECT(query(m, W + 0x10000).state, NTMEM_STATE_COMMIT);
	EXPECT(model_committed(child), 0x1000);
	model_free(child);
	model_free(m);
}

static int touch(struct model *m, u64 addr, uint32_t kind)
{
	struct access access;
	int status = model_access(m, addr, kind, &access);

	return status ? status : !access.allowed;
}

/* The pages that were written to, of the first eight, as bits. */
static u64 watch(struct model *m, u64 addr, u64 room, uint32_t flags)
{
	u64 pages[8] = { 0 }, bits = 0;
	struct ntmem_watch w = {
		.addr = addr, .size = 0x8000, .pages = (u64)pages,
		.count = room, .flags = flags,
	};

	EXPECT(model_watch(m, &w), 0);
	for (u64 i = 0; i < w.count; i++)
		bits |= 1ULL << (pages[i] - addr) / PAGE;
	return bits;
}

static void test_watch(void)
{
	struct model *m = fresh();
	struct ntmem_reserve r = {
		.addr = W, .size = 0x8000, .prot = RW,
		.flags = NTMEM_RESERVE_COMMIT | NTMEM_RESERVE_WATCH,
	};
	struct ntmem_watch plain = { .addr = W + 0x10000, .size = 1,
				     .flags = NTMEM_WATCH_RESET };
	uint32_t prot = RO;

	EXPECT(reserve(m, &r), 0);
	EXPECT(reserve_at(m, W + 0x10000, 0x1000), 0);
	EXPECT(model_watch(m, &plain), -ENXIO);
	plain.flags = 0;
	EXPECT(model_watch(m, &plain), -EINVAL);
	plain.flags = NTMEM_WATCH_RESET;
	plain.addr = W + 0x7fff;
	plain.size = 2;
	EXPECT(model_watch(m, &plain), -ENOENT);
	EXPECT(touch(m, W + 0x1000, NTMEM_ACCESS_READ), 0);
	EXPECT(touch(m, W + 0x2000, NTMEM_ACCESS_WRITE), 0);
	EXPECT(touch(m, W + 0x5fff, NTMEM_ACCESS_WRITE), 0);
	EXPECT(DECOMMIT(m, W + 0x5000, 0x1000), 0);
	EXPECT(protect(m, W, 0x4000, &prot), 0);
	EXPECT(watch(m, W, 8, 0), 1 << 2 | 1 << 5);
	EXPECT(watch(m, W, 1, NTMEM_WATCH_RESET), 1 << 2);
	EXPECT(COMMIT(m, W + 0x5000, 0x1000, RW), 0);
	EXPECT(watch(m, W, 8, NTMEM_WATCH_RESET), 1 << 5);
	EXPECT(watch(m, W, 8, 0), 0);
	model_free(m);
}

static int flagged(struct model *m, u64 addr, u64 size, uint32_t flags)
{
	struct ntmem_op op = { .op = NTMEM_NR_RELEASE };

	op.range.addr = addr;
	op.range.size = size;
	op.range.flags = flags;
	return model_apply(m, &op, 0);
}

#define PRESERVE(m, a, s)	flagged(m, a, s, NTMEM_RELEASE_PRESERVE)
#define COALESCE(m, a, s)	flagged(m, a, s, NTMEM_RELEASE_COALESCE)

static int placeholder(struct model *m, u64 addr, u64 size, uint32_t prot,
		       uint32_t flags)
{
	struct ntmem_reserve r = {
		.addr = addr, .size = size, .prot = prot,
		.flags = flags | NTMEM_RESERVE_PLACEHOLDER,
	};

	return reserve(m, &r);
}

static int replace(struct model *m, u64 addr, u64 size, uint32_t flags)
{
	struct ntmem_reserve r = {
		.addr = addr, .size = size, .prot = RW,
		.flags = flags | NTMEM_RESERVE_REPLACE,
	};

	return reserve(m, &r);
}

static void test_placeholder(void)
{
	struct model *m = fresh();

	EXPECT(placeholder(m, W, 0x8000, RW, 0), -EINVAL);
	EXPECT(placeholder(m, W, 0x8000, NONE, NTMEM_RESERVE_COMMIT), -EINVAL);
	EXPECT(placeholder(m, W, 0x8000, NONE, NTMEM_RESERVE_WATCH), -EINVAL);
	EXPECT(placeholder(m, W, 0x8000, NONE, NTMEM_RESERVE_REPLACE), -EINVAL);
	EXPECT(placeholder(m, W, 0x8000, NONE, 0), 0);
	EXPECT(placeholder(m, W, 0x8000, NONE, 0), -EEXIST);
	EXPECT(query(m, W).state, NTMEM_STATE_RESERVE);
	EXPECT(query(m, W).alloc_prot, NONE);
	EXPECT(COMMIT(m, W, 0x1000, RW), -EEXIST);
	EXPECT(PRESERVE(m, W, 0x8000), -ENOENT);
	EXPECT(PRESERVE(m, W, 0), -EINVAL);
	EXPECT(flagged(m, W, 0x1000, 3), -EINVAL);
	EXPECT(PRESERVE(m, W + 0x7000, 0x2000), -ENOENT);
	EXPECT(PRESERVE(m, W + 0x2000, 0x3000), 0);
	EXPECT(query(m, W).size, 0x2000);
	EXPECT(query(m, W + 0x2000).size, 0x3000);
	EXPECT(query(m, W + 0x5000).alloc_base, W + 0x5000);
	EXPECT(COALESCE(m, W, 0x2000), -ENOENT);
	EXPECT(COALESCE(m, W, 0x4000), -ENOENT);
	EXPECT(COALESCE(m, W + 0x1000, 0x4000), -ENOENT);
	EXPECT(COALESCE(m, W, 0x9000), -ENOENT);
	EXPECT(RELEASE(m, W, 0x5000), -ERANGE);
	EXPECT(COALESCE(m, W, 0x8000), 0);
	EXPECT(query(m, W).size, 0x8000);
	EXPECT(reserve_at(m, W + 0x10000, 0x2000), 0);
	EXPECT(PRESERVE(m, W + 0x10000, 0x1000), -ENOENT);
	EXPECT(PRESERVE(m, W + 0x10000, 0x2000), -ENOENT);
	model_free(m);
}

static void test_replace(void)
{
	struct model *m = fresh();

	EXPECT(placeholder(m, W, 0x8000, NONE, 0), 0);
	EXPECT(PRESERVE(m, W + 0x2000, 0x3000), 0);
	EXPECT(replace(m, W, 0x3000, 0), -ENOENT);
	EXPECT(replace(m, W + 0x3000, 0x2000, 0), -ENOENT);
	EXPECT(replace(m, W + 0x2000, 0x3000, NTMEM_RESERVE_TOP_DOWN), -EINVAL);
	EXPECT(replace(m, 0, 0x3000, 0), -EINVAL);
	EXPECT(replace(m, W + 0x2001, 0x2001, NTMEM_RESERVE_COMMIT), 0);
	EXPECT(query(m, W + 0x2000).state, NTMEM_STATE_COMMIT);
	EXPECT(query(m, W + 0x2000).size, 0x3000);
	EXPECT(query(m, W + 0x2000).alloc_prot, RW);
	EXPECT(COALESCE(m, W, 0x5000), -ENOENT);
	EXPECT(PRESERVE(m, W + 0x2000, 0x1000), -ENOENT);
	model_page(m, W + 0x2000)->stamp = 7;
	EXPECT(PRESERVE(m, W + 0x2000, 0x3000), 0);
	EXPECT(query(m, W + 0x2000).state, NTMEM_STATE_RESERVE);
	EXPECT(query(m, W + 0x2000).alloc_prot, NONE);
	EXPECT(model_page(m, W + 0x2000)->stamp, 0);
	EXPECT(replace(m, W + 0x2000, 0x3000, 0), 0);
	EXPECT(COMMIT(m, W + 0x2000, 0x1000, RW), 0);
	EXPECT(RELEASE(m, W + 0x2000, 0), 0);
	EXPECT(query(m, W + 0x2000).state, NTMEM_STATE_FREE);
	EXPECT(replace(m, W + 0x2000, 0x3000, 0), -ENOENT);
	model_free(m);
}

/* Of two, one that is not for a child keeps both from it. */
static void test_placeholder_fork(void)
{
	struct model *m = fresh(), *child;

	EXPECT(placeholder(m, W, 0x8000, NONE, NTMEM_RESERVE_NOFORK), 0);
	EXPECT(replace(m, W, 0x8000, 0), 0);
	EXPECT(placeholder(m, W + 0x10000, 0x8000, NONE, 0), 0);
	EXPECT(PRESERVE(m, W + 0x10000, 0x4000), 0);
	EXPECT(replace(m, W + 0x14000, 0x4000, NTMEM_RESERVE_NOFORK), 0);
	EXPECT(PRESERVE(m, W + 0x14000, 0x4000), 0);
	child = model_copy(m);
	model_fork(child);
	EXPECT(query(child, W).state, NTMEM_STATE_FREE);
	EXPECT(query(child, W + 0x10000).size, 0x4000);
	EXPECT(query(child, W + 0x14000).state, NTMEM_STATE_FREE);
	model_free(child);
	EXPECT(COALESCE(m, W + 0x10000, 0x8000), 0);
	model_fork(m);
	EXPECT(query(m, W + 0x10000).state, NTMEM_STATE_FREE);
	model_free(m);
}

int selftest(void)
{
	failures = 0;
	test_rounding();
	test_granule_tail();
	test_commit();
	test_protection_values();
	test_query();
	test_release();
	test_decommit();
	test_protect();
	test_nocache();
	test_guard();
	test_lock();
	test_reset();
	test_placement();
	test_charge();
	test_fork();
	test_watch();
	test_placeholder();
	test_replace();
	test_placeholder_fork();
	return failures;
}
