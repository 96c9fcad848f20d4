// SPDX-License-Identifier: MIT
/*
 * Regions when something below them fails: each call with the 1st, 2nd ... n-th
 * engine operation or system call that it makes failing, until it succeeds.
 */
#include <errno.h>
#include <string.h>

#include "engine/engine.h"
#include "heap/region_internal.h"
#include "inject.h"
#include "unit.h"

#define MIB	(1024UL * 1024)

/*
 * The same each time: two blocks with a hole between them, uncommitted but for
 * its ends, and an uncommitted end.
 */
static struct heap_region *region;
static char *low, *large, *high, *made;

static void make_scene(void)
{
	region = heap_region_create(8 * MIB, 0, NTMEM_PAGE_READWRITE);
	low = heap_region_alloc(region, 1000, 0, true);
	large = heap_region_alloc(region, 4 * MIB, 0, true);
	high = heap_region_alloc(region, 1000, 0, true);
	ck_assert(low && large && high);
	ck_assert_int_eq(heap_region_free(region, large), 0);
	heap_region_trim(region);
	memset(low, 1, 1000);
	memset(high, 2, 1000);
}

struct state {
	int entries;
	struct heap_region_entry entry[32];
	struct heap_region_stats stats;
	uint64_t reserved;
	uint64_t committed;
	int64_t mapped;
};

static void look_around(struct state *state)
{
	struct ntmem_info info;

	ck_assert_int_eq(ntmem_engine()->info(&info), 0);
	state->reserved = info.space_reserved;
	state->committed = info.space_committed;
	state->mapped = inject_mapped_bytes();
}

static void look(struct state *state)
{
	struct heap_region_entry entry = { .addr = NULL };

	memset(state, 0, sizeof(*state));
	ck_assert(heap_region_validate(region, NULL));
	while (heap_region_next(region, &entry))
		state->entry[state->entries++] = entry;
	heap_region_stats(region, &state->stats);
	look_around(state);
	for (int i = 0; i < 1000; i++)
		ck_assert(low[i] == 1 && high[i] == 2);
}

/* ------------------------------------------------------------------------ */

/* True for success. */
struct subject {
	const char *name;
	bool (*call)(void);
};

static bool alloc(void)
{
	made = heap_region_alloc(region, 2 * MIB, 0, true);
	return made;
}

/* It ends where a page is committed already. */
static bool alloc_all_of_the_hole(void)
{
	made = heap_region_alloc(region, 4 * MIB, 0, false);
	return made;
}

static bool alloc_aligned(void)
{
	made = heap_region_alloc(region, MIB, 1 * MIB, true);
	return made;
}

static bool grow(void)
{
	int error = heap_region_resize(region, low, MIB, true);

	ck_assert(!error || error == -ENOMEM);
	return !error;
}

static bool grow_at_the_end(void)
{
	int error = heap_region_resize(region, high, MIB, true);

	ck_assert(!error || error == -ENOMEM);
	return !error;
}

static const struct subject subjects[] = {
	{ "alloc", alloc },
	{ "alloc all of the hole", alloc_all_of_the_hole },
	{ "alloc aligned", alloc_aligned },
	{ "grow", grow },
	{ "grow at the end", grow_at_the_end },
};

#define SUBJECTS	(int)(sizeof(subjects) / sizeof(subjects[0]))

/* The n-th fails, alone or with all that follow. True when there was none. */
static bool step(const struct subject *subject, inject_order order,
		 enum inject_kind kind, unsigned int n)
{
	struct state before, after;
	bool ok, hit;

	make_scene();
	look(&before);
	order(kind, n, ENOMEM);
	ok = subject->call();
	hit = inject_end();
	ck_assert_msg(ok || hit, "%s, %u: failed", subject->name, n);
	if (!ok) {
		look(&after);
		ck_assert_msg(!memcmp(&before, &after, sizeof(before)),
			      "%s, %u: something has changed", subject->name,
			      n);
		ck_assert_msg(subject->call(), "%s, %u: fails again",
			      subject->name, n);
	}
	look(&after);
	heap_region_destroy(region);
	return !hit;
}

static unsigned int walk(const struct subject *subject, inject_order order,
			 enum inject_kind kind)
{
	unsigned int n = 1;

	while (!step(subject, order, kind, n))
		ck_assert_uint_lt(++n, 1000);
	return n;
}

START_TEST(what_fails_changes_nothing)
{
	const struct subject *subject = &subjects[_i];

	if (under_valgrind())
		return;
	ck_assert_uint_gt(walk(subject, inject, INJECT_OPERATION), 1);
	ck_assert_uint_gt(walk(subject, inject_from, INJECT_OPERATION), 1);
	walk(subject, inject, INJECT_SYSTEM_CALL);
	walk(subject, inject_from, INJECT_SYSTEM_CALL);
}
END_TEST

/* Pages ahead are no condition. */
START_TEST(what_can_do_without_more_does)
{
	make_scene();
	inject(INJECT_OPERATION, 1, ENOMEM);
	ck_assert(alloc());
	ck_assert(inject_end());
	heap_region_destroy(region);
}
END_TEST

/* The first hole needs pages; a later one has them. */
START_TEST(where_nothing_is_to_be_had_committed_memory_is_used)
{
	char *other;

	make_scene();
	other = heap_region_alloc(region, 5 * MIB / 2, 0, false);
	ck_assert_ptr_eq(other, large);
	made = heap_region_alloc(region, 40000, 0, false);
	ck_assert(made > other && made < high);
	ck_assert_ptr_nonnull(heap_region_alloc(region, 16, 0, false));
	ck_assert_int_eq(heap_region_free(region, other), 0);
	heap_region_trim(region);
	ck_assert_int_eq(heap_region_free(region, made), 0);
	inject_from(INJECT_OPERATION, 1, ENOMEM);
	ck_assert_ptr_null(heap_region_alloc(region, 40001, 0, false));
	ck_assert_ptr_nonnull(heap_region_alloc(region, 100, 0, false));
	ck_assert(inject_end());
	ck_assert(heap_region_validate(region, NULL));
	heap_region_destroy(region);
}
END_TEST

/* ------------------------------------------------------------------------ */

static bool create(enum inject_kind kind, unsigned int n)
{
	struct state before, after;
	bool hit;

	look_around(&before);
	inject(kind, n, ENOMEM);
	region = heap_region_create(64 * MIB, PAGE, NTMEM_PAGE_READWRITE);
	hit = inject_end();
	if (!region) {
		look_around(&after);
		ck_assert(hit);
		ck_assert_uint_eq(before.reserved, after.reserved);
		ck_assert_uint_eq(before.committed, after.committed);
		ck_assert(before.mapped == after.mapped || inject_hit_unmap());
		return true;
	}
	heap_region_destroy(region);
	return hit;
}

START_TEST(a_region_that_cannot_be_made_leaves_nothing)
{
	enum inject_kind kind = _i ? INJECT_SYSTEM_CALL : INJECT_OPERATION;
	unsigned int n = 1;

	if (under_valgrind())
		return;
	while (create(kind, n))
		ck_assert_uint_lt(++n, 1000);
	ck_assert_uint_gt(n, 2);
}
END_TEST

START_TEST(a_region_that_goes_leaves_nothing)
{
	struct state before, after;

	look_around(&before);
	make_scene();
	heap_region_destroy(region);
	look_around(&after);
	ck_assert_uint_eq(before.reserved, after.reserved);
	ck_assert_uint_eq(before.committed, after.committed);
	ck_assert_int_eq(before.mapped, after.mapped);
}
END_TEST

static size_t committed_of(struct heap_region *r)
{
	struct heap_region_stats stats;

	heap_region_stats(r, &stats);
	return stats.committed;
}

/* Several holes, so that they go in a batch. */
static bool free_and_trim(enum inject_kind kind, unsigned int n, bool batch)
{
	struct ntmem_info before, after;
	char *p[8];
	bool hit;

	make_scene();
	for (int i = 0; i < 8; i++)
		p[i] = heap_region_alloc(region, 100000, 0, true);
	ntmem_engine()->info(&before);
	before.space_committed -= committed_of(region);
	inject(kind, n, ENOMEM);
	for (int i = 0; i < 8; i += batch ? 2 : 1)
		ck_assert_int_eq(heap_region_free(region, p[i]), 0);
	heap_region_trim(region);
	hit = inject_end();
	ck_assert(heap_region_validate(region, NULL));
	ntmem_engine()->info(&after);
	after.space_committed -= committed_of(region);
	ck_assert_uint_eq(before.space_committed, after.space_committed);
	/* What is said to be committed is, and what is not comes back. */
	for (int i = 0; i < 8; i += batch ? 2 : 1) {
		p[i] = heap_region_alloc(region, 100000, 0, true);
		ck_assert_ptr_nonnull(p[i]);
		for (size_t j = 0; j < 100000; j += 100)
			ck_assert_int_eq(p[i][j], 0);
		memset(p[i], 3, 100000);
	}
	heap_region_destroy(region);
	return hit;
}

START_TEST(pages_that_cannot_be_given_back_stay)
{
	enum inject_kind kind = _i & 1 ? INJECT_SYSTEM_CALL : INJECT_OPERATION;
	unsigned int n = 1;

	if (under_valgrind())
		return;
	while (free_and_trim(kind, n, _i & 2))
		ck_assert_uint_lt(++n, 1000);
	ck_assert_uint_gt(n, 1);
}
END_TEST

TCase *region_failure_tests(void)
{
	TCase *tests = tcase_create("region failure");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, what_fails_changes_nothing, 0, SUBJECTS);
	tcase_add_test(tests, what_can_do_without_more_does);
	tcase_add_test(tests,
		       where_nothing_is_to_be_had_committed_memory_is_used);
	tcase_add_loop_test(tests, a_region_that_cannot_be_made_leaves_nothing,
			    0, 2);
	tcase_add_test(tests, a_region_that_goes_leaves_nothing);
	tcase_add_loop_test(tests, pages_that_cannot_be_given_back_stay, 0, 4);
	return tests;
}
