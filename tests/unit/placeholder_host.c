// SPDX-License-Identifier: MIT
/*
 * Placeholders beneath the public functions: the engine's error numbers, its
 * accounts and limits, parts that are released, batches, fork.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/embedded.h"
#include "engine/engine.h"
#include "engine/tracker.h"
#include "unit.h"

static struct ntmem_reserve request(void *addr, size_t pages, uint32_t flags,
				    uint32_t prot)
{
	return (struct ntmem_reserve){
		.addr = (uintptr_t)addr, .size = pages * PAGE, .flags = flags,
		.prot = prot,
	};
}

static int reserve(void *addr, size_t pages, uint32_t flags, uint32_t prot)
{
	struct ntmem_reserve reserve = request(addr, pages, flags, prot);

	return ntmem_engine()->reserve(&reserve);
}

static int release(void *addr, size_t pages, uint32_t flags)
{
	const struct ntmem_range range = {
		.addr = (uintptr_t)addr, .size = pages * PAGE, .flags = flags,
	};

	return ntmem_engine()->release(&range);
}

static int replace(void *addr, size_t pages, uint32_t flags)
{
	return reserve(addr, pages, flags | NTMEM_RESERVE_REPLACE,
		       PAGE_READWRITE);
}

static int split(void *addr, size_t pages)
{
	return release(addr, pages, NTMEM_RELEASE_PRESERVE);
}

static int coalesce(void *addr, size_t pages)
{
	return release(addr, pages, NTMEM_RELEASE_COALESCE);
}

static char *make_placeholder(size_t pages, uint32_t flags)
{
	struct ntmem_reserve reserve = request(
		NULL, pages, flags | NTMEM_RESERVE_PLACEHOLDER, PAGE_NOACCESS);

	ck_assert_int_eq(ntmem_engine()->reserve(&reserve), 0);
	ck_assert_uint_eq(reserve.size, pages * PAGE);
	return (char *)(uintptr_t)reserve.addr;
}

START_TEST(the_engine_has_placeholders)
{
	struct ntmem_info info;

	ck_assert_int_eq(ntmem_engine()->info(&info), 0);
	ck_assert(info.features & NTMEM_FEATURE_PLACEHOLDER);
}
END_TEST

/* -------------------------------------------------------- error numbers --- */

START_TEST(reserves_that_are_refused)
{
	char *p = make_placeholder(4, 0);
	const struct {
		struct ntmem_reserve reserve;
		int error;
	} cases[] = {
		{ request(NULL, 1, NTMEM_RESERVE_PLACEHOLDER, PAGE_READWRITE),
		  -EINVAL },
		{ request(NULL, 1, NTMEM_RESERVE_PLACEHOLDER |
			  NTMEM_RESERVE_COMMIT, PAGE_NOACCESS), -EINVAL },
		{ request(NULL, 1, NTMEM_RESERVE_PLACEHOLDER |
			  NTMEM_RESERVE_WATCH, PAGE_NOACCESS), -EINVAL },
		{ request(p, 4, NTMEM_RESERVE_PLACEHOLDER |
			  NTMEM_RESERVE_REPLACE, PAGE_NOACCESS), -EINVAL },
		{ request(p, 4, NTMEM_RESERVE_REPLACE | NTMEM_RESERVE_TOP_DOWN,
			  PAGE_READWRITE), -EINVAL },
		{ request(p, 4, NTMEM_RESERVE_REPLACE, 0), -EINVAL },
		{ request(p, 0, NTMEM_RESERVE_REPLACE, PAGE_READWRITE),
		  -EINVAL },
		{ request(p, 4, NTMEM_RESERVE_REPLACE | 0x40, PAGE_READWRITE),
		  -EINVAL },
		{ request(NULL, 4, NTMEM_RESERVE_REPLACE, PAGE_READWRITE),
		  -EINVAL },
		{ request(p, 4, NTMEM_RESERVE_PLACEHOLDER, PAGE_NOACCESS),
		  -EEXIST },
		{ request(p, 4, 0, PAGE_READWRITE), -EEXIST },
		{ request(p, 3, NTMEM_RESERVE_REPLACE, PAGE_READWRITE),
		  -ENOENT },
		{ request(p + PAGE, 3, NTMEM_RESERVE_REPLACE, PAGE_READWRITE),
		  -ENOENT },
	};
	struct ntmem_reserve sent;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int error;

		sent = cases[i].reserve;
		error = ntmem_engine()->reserve(&sent);
		ck_assert_msg(error == cases[i].error, "case %zu: %d", i,
			      error);
		ck_assert(!memcmp(&sent, &cases[i].reserve, sizeof(sent)));
	}
	assert_run(p, 4 * PAGE, MEM_RESERVE, 0);
	drop(p);
}
END_TEST

START_TEST(limits_do_not_go_with_a_place)
{
	char *p = make_placeholder(4, 0);
	struct ntmem_reserve r = request(p, 4, NTMEM_RESERVE_REPLACE,
					 PAGE_READWRITE);

	r.min_addr = GRANULE;
	ck_assert_int_eq(ntmem_engine()->reserve(&r), -EINVAL);
	r.min_addr = 0;
	r.max_addr = 0x7fffffffffff;
	ck_assert_int_eq(ntmem_engine()->reserve(&r), -EINVAL);
	r.max_addr = 0;
	r.align = GRANULE;
	ck_assert_int_eq(ntmem_engine()->reserve(&r), -EINVAL);
	drop(p);
}
END_TEST

START_TEST(releases_that_are_refused)
{
	char *p = make_placeholder(4, 0);
	char *reserved = reserve_pages(4);
	struct ntmem_range bad = {
		.addr = (uintptr_t)p, .size = PAGE,
		.flags = NTMEM_RELEASE_PRESERVE, .prot = PAGE_NOACCESS,
	};

	ck_assert_int_eq(ntmem_engine()->release(&bad), -EINVAL);
	ck_assert_int_eq(release(p, 1, 3), -EINVAL);
	ck_assert_int_eq(release(p, 1, 8), -EINVAL);
	ck_assert_int_eq(split(p, 0), -EINVAL);
	ck_assert_int_eq(coalesce(p, 0), -EINVAL);
	ck_assert_int_eq(split(p, 1ULL << 51), -EINVAL);
	ck_assert_int_eq(split((void *)0x7fffffff0000, 1), -EINVAL);
	ck_assert_int_eq(split(p, 4), -ENOENT);
	ck_assert_int_eq(split(p, 5), -ENOENT);
	ck_assert_int_eq(split(reserved, 4), -ENOENT);
	ck_assert_int_eq(split(reserved, 1), -ENOENT);
	ck_assert_int_eq(coalesce(p, 4), -ENOENT);
	ck_assert_int_eq(coalesce(reserved, 4), -ENOENT);
	ck_assert_int_eq(release(p, 5, 0), -ERANGE);
	assert_run(p, 4 * PAGE, MEM_RESERVE, 0);
	drop(reserved);
	drop(p);
}
END_TEST

/* Nothing in it is committed, and nothing will be. */
START_TEST(pages_of_a_placeholder)
{
	const struct ntmem_engine *engine = ntmem_engine();
	char *p = make_placeholder(4, 0);
	struct ntmem_range range = {
		.addr = (uintptr_t)p + PAGE, .size = PAGE,
	};
	struct ntmem_protect protect = {
		.addr = range.addr, .size = PAGE, .prot = PAGE_READONLY,
	};
	struct ntmem_watch watch = {
		.addr = range.addr, .size = PAGE, .flags = NTMEM_WATCH_RESET,
	};

	ck_assert_int_eq(engine->decommit(&range), 0);
	ck_assert_int_eq(engine->reset(&range), 0);
	ck_assert_int_eq(engine->lock(&range), -ENODATA);
	ck_assert_int_eq(engine->unlock(&range), -ENOLCK);
	ck_assert_int_eq(engine->protect(&protect), -ENODATA);
	ck_assert_int_eq(engine->watch(&watch), -ENXIO);
	range.prot = PAGE_READWRITE;
	ck_assert_int_eq(engine->commit(&range), -EEXIST);
	range.size = 4 * PAGE;
	ck_assert_int_eq(engine->commit(&range), -ENOENT);
	/* A page of its own for none of this. */
	assert_run(p, 4 * PAGE, MEM_RESERVE, 0);
	ck_assert_int_eq(split(p, 2), 0);
	ck_assert_int_eq(coalesce(p, 4), 0);
	drop(p);
}
END_TEST

START_TEST(a_fault_in_a_placeholder)
{
	const struct ntmem_engine *engine = ntmem_engine();
	char *p = make_placeholder(1, 0);
	struct ntmem_fault fault;

	engine->last_fault(&fault);
	ck_assert(!can_read(p + 5));
	ck_assert_int_eq(engine->last_fault(&fault), 0);
	ck_assert_uint_eq(fault.addr, (uintptr_t)p + 5);
	ck_assert_uint_eq(fault.reason, NTMEM_FAULT_RESERVED);
	ck_assert_uint_eq(fault.prot, 0);
	drop(p);
}
END_TEST

/* -------------------------------------------------------------- accounts --- */

static void assert_accounts(const struct ntmem_info *before, int reserved,
			    int committed)
{
	struct ntmem_info now;

	ntmem_engine()->info(&now);
	ck_assert_int_eq((int64_t)(now.space_reserved -
				   before->space_reserved),
			 reserved * (int64_t)PAGE);
	ck_assert_int_eq((int64_t)(now.space_committed -
				   before->space_committed),
			 committed * (int64_t)PAGE);
}

START_TEST(accounts_of_placeholders)
{
	struct ntmem_info before;
	char *p;

	ntmem_engine()->info(&before);
	p = make_placeholder(16, 0);
	assert_accounts(&before, 16, 0);
	ck_assert_int_eq(split(p + 4 * PAGE, 8), 0);
	assert_accounts(&before, 16, 0);
	ck_assert_int_eq(replace(p + 4 * PAGE, 8, NTMEM_RESERVE_COMMIT), 0);
	assert_accounts(&before, 16, 8);
	ck_assert_int_eq(replace(p, 4, 0), 0);
	assert_accounts(&before, 16, 8);
	ck_assert_int_eq(split(p + 4 * PAGE, 8), 0);
	assert_accounts(&before, 16, 0);
	ck_assert_int_eq(coalesce(p + 4 * PAGE, 12), 0);
	assert_accounts(&before, 16, 0);
	ck_assert_int_eq(release(p, 0, 0), 0);
	assert_accounts(&before, 12, 0);
	ck_assert_int_eq(release(p + 4 * PAGE, 0, 0), 0);
	assert_accounts(&before, 0, 0);
}
END_TEST

static void replace_up_to_the_limit(void *arg)
{
	char *p = make_placeholder(64, 0);

	(void)arg;
	require(limit_commit(128 << 10));
	require(replace(p, 64, NTMEM_RESERVE_COMMIT) == -ENOMEM);
	require(split(p, 32) == 0);
	require(replace(p, 32, NTMEM_RESERVE_COMMIT) == 0);
	require(replace(p + 32 * PAGE, 32, NTMEM_RESERVE_COMMIT) == -ENOMEM);
	require(replace(p + 32 * PAGE, 32, 0) == 0);
	require(split(p, 32) == 0);
	require(VirtualAlloc(p + 32 * PAGE, 32 * PAGE, MEM_COMMIT,
			     PAGE_READWRITE));
}

START_TEST(a_place_within_the_commit_limit)
{
	if (on_kernel_engine())
		return;
	ck_assert_int_eq(in_child(replace_up_to_the_limit, NULL), 0);
}
END_TEST

/* ---------------------------------------------------------------- parts --- */

/* What is left of each is what it was. */
START_TEST(parts_can_be_released)
{
	char *p = make_placeholder(9, 0);

	ck_assert_int_eq(release(p + 3 * PAGE, 3, 0), 0);
	assert_run(p, 3 * PAGE, MEM_RESERVE, 0);
	ck_assert_int_eq(split(p, 1), 0);
	ck_assert_int_eq(coalesce(p, 3), 0);
	ck_assert_int_eq(coalesce(p, 9), -ENOENT);
	ck_assert_int_eq(replace(p + 6 * PAGE, 3, NTMEM_RESERVE_COMMIT), 0);
	p[6 * PAGE] = 1;
	ck_assert_int_eq(release(p + 7 * PAGE, 1, 0), 0);
	ck_assert_int_eq(p[6 * PAGE], 1);
	/* Each part has replaced a placeholder. */
	ck_assert_int_eq(split(p + 6 * PAGE, 1), 0);
	ck_assert_int_eq(split(p + 8 * PAGE, 1), 0);
	ck_assert_int_eq(replace(p + 8 * PAGE, 1, NTMEM_RESERVE_COMMIT), 0);
	ck_assert_int_eq(p[8 * PAGE], 0);
	ck_assert_int_eq(release(p, 1, 0), 0);
	ck_assert_int_eq(split(p + PAGE, 1), 0);
	drop(p + PAGE);
	drop(p + 2 * PAGE);
	drop(p + 6 * PAGE);
	drop(p + 8 * PAGE);
}
END_TEST

START_TEST(a_place_rounds_to_pages)
{
	char *p = make_placeholder(4, 0);
	struct ntmem_reserve r = {
		.addr = (uintptr_t)p + 2 * PAGE + 1, .size = PAGE,
		.prot = PAGE_READWRITE,
		.flags = NTMEM_RESERVE_REPLACE | NTMEM_RESERVE_COMMIT,
	};

	ck_assert_int_eq(split(p, 2), 0);
	ck_assert_int_eq(ntmem_engine()->reserve(&r), 0);
	ck_assert_uint_eq(r.addr, (uintptr_t)p + 2 * PAGE);
	ck_assert_uint_eq(r.size, 2 * PAGE);
	assert_run(p + 2 * PAGE, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	drop(p);
	drop(p + 2 * PAGE);
}
END_TEST

static struct ntmem_op op_of(uint32_t op, char *addr, size_t pages,
			     uint32_t flags)
{
	struct ntmem_op what = { .op = op, .status = 99 };

	if (op == NTMEM_NR_RESERVE) {
		what.reserve = request(addr, pages, flags,
				       flags & NTMEM_RESERVE_PLACEHOLDER ?
				       PAGE_NOACCESS : PAGE_READWRITE);
	} else {
		what.range.addr = (uintptr_t)addr;
		what.range.size = pages * PAGE;
		what.range.flags = flags;
	}
	return what;
}

START_TEST(a_batch_of_placeholders)
{
	char *p = find_hole(1);
	struct ntmem_op ops[] = {
		op_of(NTMEM_NR_RESERVE, p, 4, NTMEM_RESERVE_PLACEHOLDER),
		op_of(NTMEM_NR_RELEASE, p, 2, NTMEM_RELEASE_PRESERVE),
		op_of(NTMEM_NR_RESERVE, p, 2, NTMEM_RESERVE_REPLACE |
		      NTMEM_RESERVE_COMMIT),
		op_of(NTMEM_NR_RELEASE, p, 4, NTMEM_RELEASE_COALESCE),
		op_of(NTMEM_NR_RELEASE, p, 2, NTMEM_RELEASE_PRESERVE),
		op_of(NTMEM_NR_RELEASE, p, 4, NTMEM_RELEASE_COALESCE),
		op_of(NTMEM_NR_RELEASE, p, 4, 0),
	};
	struct ntmem_batch batch = {
		.ops = (uintptr_t)ops, .count = sizeof(ops) / sizeof(ops[0]),
	};

	ck_assert_int_eq(ntmem_engine()->batch(&batch), 0);
	ck_assert_uint_eq(batch.done, batch.count);
	for (uint32_t i = 0; i < batch.count; i++)
		ck_assert_msg(ops[i].status == (i == 3 ? -ENOENT : 0),
			      "operation %u: %d", i, ops[i].status);
	ck_assert(is_free(p));
}
END_TEST

/* ----------------------------------------------------------- write watch --- */

static ULONG_PTR count_written(char *p, size_t pages)
{
	PVOID found[64];
	ULONG_PTR count = 64;
	DWORD granularity;

	require(!GetWriteWatch(0, p, pages * PAGE, found, &count,
			       &granularity));
	return count;
}

/* Linux writes to pages that a process has locked, as soon as it may. */
static void replace_what_is_locked(void *arg)
{
	char *p;

	(void)arg;
	if (syscall(SYS_mlockall, MCL_FUTURE))
		_exit(0);
	p = make_placeholder(8, 0);
	require(replace(p, 8, NTMEM_RESERVE_WATCH | NTMEM_RESERVE_COMMIT) == 0);
	require(count_written(p, 8) == 0);
	p[PAGE] = 1;
	require(count_written(p, 8) == 1);
	require(split(p, 8) == 0);
	require(replace(p, 8, NTMEM_RESERVE_WATCH | NTMEM_RESERVE_COMMIT) == 0);
	require(count_written(p, 8) == 0);
	require(p[PAGE] == 0);
}

START_TEST(a_place_in_a_process_that_locks_all)
{
	if (UNDER_ASAN || UNDER_TSAN)
		return;
	ck_assert_int_eq(in_child(replace_what_is_locked, NULL), 0);
}
END_TEST

START_TEST(watched_places_are_counted)
{
	uint64_t before = embedded.watched;
	char *p = make_placeholder(4, 0);
	int i;

	if (!on_kernel_engine()) {
		for (i = 0; i < 2; i++) {
			ck_assert_int_eq(replace(p, 4, NTMEM_RESERVE_WATCH), 0);
			ck_assert_uint_eq(embedded.watched, before + 1);
			ck_assert_int_eq(split(p, 4), 0);
			ck_assert_uint_eq(embedded.watched, before);
		}
	}
	drop(p);
	ck_assert_uint_eq(embedded.watched, before);
}
END_TEST

/* What is not watched is not tracked: that would cost for nothing. */
START_TEST(a_place_is_tracked_while_it_is_watched)
{
	char *p = make_placeholder(4, 0);
	struct ntmem_scan scan = {
		.start = (uintptr_t)p, .end = (uintptr_t)p + 4 * PAGE,
	};

	ck_assert_int_eq(replace(p, 4, NTMEM_RESERVE_WATCH), 0);
	if (!on_kernel_engine() && embedded.watch_mode == WATCH_BY_TRACKER) {
		ck_assert_int_eq(ntmem_tracker_scan(&scan), 0);
		scan.start = (uintptr_t)p;
		ck_assert_int_eq(split(p, 4), 0);
		ck_assert_int_eq(ntmem_tracker_scan(&scan), -EPERM);
		ck_assert_int_eq(replace(p, 4, NTMEM_RESERVE_COMMIT), 0);
		ck_assert_int_eq(ntmem_tracker_scan(&scan), -EPERM);
	}
	drop(p);
}
END_TEST

/* ------------------------------------------------------------------ fork --- */

/* Also for Linux, unless there is a mapping of the module's own. */
static bool is_unmapped(void *addr)
{
	unsigned char there;

	return on_kernel_engine() ||
	       (mincore(addr, PAGE, &there) && errno == ENOMEM);
}

static void use_inherited(void *arg)
{
	char *p = arg;

	require(coalesce(p, 4) == -ENOENT);
	require(p[2 * PAGE] == 7);
	require(split(p + 2 * PAGE, 2) == 0);
	require(coalesce(p, 4) == 0);
	require(replace(p, 4, NTMEM_RESERVE_COMMIT) == 0);
	require(p[2 * PAGE] == 0);
	p[2 * PAGE] = 8;
	require(split(p, 4) == 0);
	require(release(p, 0, 0) == 0);
	require(is_free(p));
}

START_TEST(a_child_has_placeholders_of_its_own)
{
	char *p = make_placeholder(4, 0);

	ck_assert_int_eq(split(p, 2), 0);
	ck_assert_int_eq(replace(p + 2 * PAGE, 2, NTMEM_RESERVE_COMMIT), 0);
	p[2 * PAGE] = 7;
	ck_assert_int_eq(in_child(use_inherited, p), 0);
	ck_assert_int_eq(p[2 * PAGE], 7);
	assert_run(p, 2 * PAGE, MEM_RESERVE, 0);
	drop(p);
	drop(p + 2 * PAGE);
}
END_TEST

static void expect_nothing(void *arg)
{
	require(is_free(arg));
	require(is_unmapped(arg));
}

static void expect_content(void *arg)
{
	require(*(char *)arg == 7);
}

/* Whatever of both asked for it, and for good. */
START_TEST(what_is_not_for_a_child)
{
	const uint32_t first = _i & 1 ? NTMEM_RESERVE_NOFORK : 0;
	const uint32_t second = _i & 2 ? NTMEM_RESERVE_NOFORK : 0;
	char *p = make_placeholder(4, first);

	ck_assert_int_eq(replace(p, 4, second | NTMEM_RESERVE_COMMIT), 0);
	*p = 7;
	ck_assert_int_eq(in_child(first | second ? expect_nothing :
				  expect_content, p), 0);
	ck_assert_int_eq(split(p, 4), 0);
	ck_assert_int_eq(replace(p, 4, NTMEM_RESERVE_COMMIT), 0);
	*p = 7;
	ck_assert_int_eq(in_child(first | second ? expect_nothing :
				  expect_content, p), 0);
	drop(p);
}
END_TEST

START_TEST(parts_that_are_not_for_a_child)
{
	char *p = make_placeholder(6, NTMEM_RESERVE_NOFORK);
	int i;

	ck_assert_int_eq(split(p + 2 * PAGE, 2), 0);
	for (i = 0; i < 6; i += 2)
		ck_assert_int_eq(in_child(expect_nothing, p + i * PAGE), 0);
	ck_assert_int_eq(coalesce(p, 6), 0);
	ck_assert_int_eq(in_child(expect_nothing, p), 0);
	drop(p);
}
END_TEST

/* One of them that is not keeps the others from it. */
START_TEST(joined_with_what_is_not_for_a_child)
{
	char *p = make_placeholder(6, 0);

	ck_assert_int_eq(split(p + 2 * PAGE, 2), 0);
	ck_assert_int_eq(replace(p + 2 * PAGE, 2, NTMEM_RESERVE_NOFORK), 0);
	ck_assert_int_eq(split(p + 2 * PAGE, 2), 0);
	ck_assert_int_eq(in_child(expect_nothing, p + 2 * PAGE), 0);
	ck_assert_int_eq(coalesce(p, 6), 0);
	ck_assert_int_eq(in_child(expect_nothing, p), 0);
	ck_assert_int_eq(in_child(expect_nothing, p + 5 * PAGE), 0);
	ck_assert_int_eq(replace(p, 6, NTMEM_RESERVE_COMMIT), 0);
	ck_assert_int_eq(in_child(expect_nothing, p), 0);
	drop(p);
}
END_TEST

TCase *placeholder_host_tests(void)
{
	TCase *tests = tcase_create("placeholder");

	tcase_set_tags(tests, "watch");
	tcase_add_test(tests, the_engine_has_placeholders);
	tcase_add_test(tests, reserves_that_are_refused);
	tcase_add_test(tests, limits_do_not_go_with_a_place);
	tcase_add_test(tests, releases_that_are_refused);
	tcase_add_test(tests, pages_of_a_placeholder);
	tcase_add_test(tests, a_fault_in_a_placeholder);
	tcase_add_test(tests, accounts_of_placeholders);
	tcase_add_test(tests, a_place_within_the_commit_limit);
	tcase_add_test(tests, parts_can_be_released);
	tcase_add_test(tests, a_place_rounds_to_pages);
	tcase_add_test(tests, a_batch_of_placeholders);
	tcase_add_test(tests, a_place_in_a_process_that_locks_all);
	tcase_add_test(tests, watched_places_are_counted);
	tcase_add_test(tests, a_place_is_tracked_while_it_is_watched);
	tcase_add_test(tests, a_child_has_placeholders_of_its_own);
	tcase_add_loop_test(tests, what_is_not_for_a_child, 0, 4);
	tcase_add_test(tests, parts_that_are_not_for_a_child);
	tcase_add_test(tests, joined_with_what_is_not_for_a_child);
	return tests;
}
