// SPDX-License-Identifier: GPL-2.0
/*
 * Placeholders split, joined, replaced and made again, with each of the
 * allocations and copies failing in turn.
 */
#include "failure_space.h"

#define PART	(4 * GRAN)

static void placeholder(struct step *s)
{
	reserving(s, 4 * MIB, NOACCESS, NTMEM_RESERVE_PLACEHOLDER);
}

static int split(struct step *s, __u64 addr)
{
	return nt_release_as(s->fd, addr, PART, NTMEM_RELEASE_PRESERVE);
}

static int replace(struct step *s, __u64 size, __u32 prot)
{
	struct ntmem_reserve r = {
		.addr = s->base, .size = size, .prot = prot,
		.flags = NTMEM_RESERVE_REPLACE | NTMEM_RESERVE_COMMIT,
	};

	return nt_call(s->fd, NTMEM_IOC_RESERVE, &r);
}

/* ------------------------------------------------------------------------
 * Split and join.
 */
static int split_head(struct step *s)
{
	return split(s, s->base);
}

static void head_is_split(struct step *s)
{
	CHECK(nt_is_placeholder(s->fd, s->base, PART));
	CHECK(nt_is_placeholder(s->fd, s->base + PART, 4 * MIB - PART));
}

static int split_middle(struct step *s)
{
	return split(s, s->base + PART);
}

static void middle_is_split(struct step *s)
{
	CHECK(nt_is_placeholder(s->fd, s->base, PART));
	CHECK(nt_is_placeholder(s->fd, s->base + PART, PART));
	CHECK(nt_is_placeholder(s->fd, s->base + 2 * PART, 4 * MIB - 2 * PART));
}

static void many_parts(struct step *s)
{
	__u64 at;

	placeholder(s);
	for (at = 0; at + PART < 4 * MIB; at += PART)
		CHECK(!split(s, s->base + at));
}

static int join(struct step *s)
{
	return nt_release_as(s->fd, s->base, 4 * MIB, NTMEM_RELEASE_COALESCE);
}

static void is_joined(struct step *s)
{
	CHECK(nt_is_placeholder(s->fd, s->base, 4 * MIB));
}

/* One of them mapped so that it may execute. */
static void unequal_parts(struct step *s)
{
	many_parts(s);
	CHECK(!replace(s, PART, RX));
	CHECK(!nt_release_as(s->fd, s->base, PART, NTMEM_RELEASE_PRESERVE));
}

static void unchanged_or_gone(struct step *s, int error)
{
	(void)error;
	if (s->times != ALL || !nt_is_free(s->fd, s->base)) {
		unchanged(s);
		return;
	}
	s->over = true;
}

CASE(split_head) {
	.setup = placeholder, .run = split_head, .done = head_is_split,
};

CASE(split_middle) {
	.setup = placeholder, .run = split_middle, .done = middle_is_split,
};

CASE(join) {
	.setup = many_parts, .run = join, .done = is_joined,
};

CASE(join_unequal) {
	.setup = unequal_parts, .run = join, .done = is_joined,
	.failed = unchanged_or_gone,
};

/* ------------------------------------------------------------------------
 * Replace, and back.
 */
static int replace_all(struct step *s)
{
	return replace(s, 4 * MIB, RW);
}

static void is_replaced(struct step *s)
{
	CHECK(nt_run(s->fd, s->base, 4 * MIB, COMMITTED, RW));
	CHECK(!nt_poke(s->base + MIB, 1));
}

static int replace_by_code(struct step *s)
{
	return replace(s, 4 * MIB, RWX);
}

static void is_code(struct step *s)
{
	CHECK(usable(s->base, RWX));
	CHECK(usable(s->base + 4 * MIB - PAGE, RWX));
}

static void replaced(struct step *s)
{
	placeholder(s);
	CHECK(!replace_all(s));
	fill(s, s->base, 3 * GRAN, 5);
	CHECK(!nt_lock(s->fd, s->base, GRAN));
}

static void replaced_shared(struct step *s)
{
	replaced(s);
	share(s);
}

static int back(struct step *s)
{
	return nt_release_as(s->fd, s->base, 4 * MIB, NTMEM_RELEASE_PRESERVE);
}

static void is_back(struct step *s)
{
	struct ntmem_info info;

	CHECK(nt_is_placeholder(s->fd, s->base, 4 * MIB));
	CHECK(nt_peek(s->base) == -SIGSEGV);
	CHECK(!nt_info(s->fd, &info));
	CHECK(!info.space_committed);
}

CASE(replace) {
	.setup = placeholder, .run = replace_all, .done = is_replaced,
};

CASE(replace_by_code) {
	.setup = placeholder, .run = replace_by_code, .done = is_code,
	.failed = unchanged_or_gone,
};

CASE(back) {
	.setup = replaced, .run = back, .done = is_back,
};

CASE(back_shared) {
	.setup = replaced_shared, .run = back, .done = is_back, .alone = true,
};

/* ------------------------------------------------------------------------
 * Plain, and back: of the middle of an arena, and of its own mapping.
 */
static void middle(struct step *s)
{
	placeholder(s);
	CHECK(!split(s, s->base + PART));
	s->base += PART;
}

static int make_plain(struct step *s)
{
	return nt_release_as(s->fd, s->base, PART, NTMEM_RELEASE_PLAIN);
}

static bool is_foreign(const struct step *s, __u64 addr)
{
	struct ntmem_query q;

	return !nt_query(s->fd, addr, &q) && q.state == NTMEM_STATE_FOREIGN;
}

static void is_plain(struct step *s)
{
	CHECK(is_foreign(s, s->base));
	CHECK(is_foreign(s, s->base + PART - PAGE));
	CHECK(!munmap(nt_ptr(s->base), PART));
}

static void plain(struct step *s)
{
	middle(s);
	CHECK(!make_plain(s));
}

static int take_over(struct step *s)
{
	__u64 addr = s->base;

	return nt_reserve(s->fd, &addr, PART, NOACCESS,
			  NTMEM_RESERVE_PLACEHOLDER | NTMEM_RESERVE_PLAIN);
}

static void is_taken_over(struct step *s)
{
	CHECK(nt_is_placeholder(s->fd, s->base, PART));
	CHECK(!replace(s, PART, RW));
	CHECK(!nt_poke(s->base, 1));
}

/* Only without any memory the addresses may be lost. */
static void plain_or_gone(struct step *s, int error)
{
	(void)error;
	unchanged(s);
	if (s->times == ALL && nt_is_free(s->fd, s->base))
		s->over = true;
	else
		CHECK(is_foreign(s, s->base));
}

CASE(plain) {
	.setup = middle, .run = make_plain, .done = is_plain,
	.failed = unchanged_or_gone,
};

CASE(over) {
	.setup = plain, .run = take_over, .done = is_taken_over,
	.failed = plain_or_gone,
};

/* ------------------------------------------------------------------------
 * RESERVE over the holes of an arena.
 */
static void holes(struct step *s)
{
	__u64 at;

	reserved(s);
	CHECK(!nt_release(s->fd, s->base, 0));
	for (at = 0; at < 4 * MIB; at += 2 * PART)
		CHECK(!munmap(nt_ptr(s->base + at), PART));
}

static int reserve_over(struct step *s)
{
	__u64 addr = s->base;

	return nt_reserve(s->fd, &addr, 4 * MIB, RW, NTMEM_RESERVE_COMMIT);
}

static void not_mapped(struct step *s, int error)
{
	(void)error;
	unchanged(s);
	/* The rest of the lost arena may go along. To unmap takes memory, too. */
	CHECK(s->times == ALL || mapped() <= s->mapped);
}

CASE(over_holes) {
	.setup = holes, .run = reserve_over, .done = is_replaced,
	.failed = not_mapped, .alone = true,
};

FAILURE_MAIN
