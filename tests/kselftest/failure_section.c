// SPDX-License-Identifier: GPL-2.0
/*
 * Sections made and opened, views mapped, changed, touched and copied, with
 * each of the allocations and copies failing in turn.
 */
#include "failure_space.h"

#define SIZE	(4 * MIB + 3 * PAGE)
#define WC	NTMEM_PAGE_WRITECOPY
#define NAME	"failing"

static __u64 committed_by_user(struct step *s)
{
	struct ntmem_info info;

	CHECK(!nt_info(s->fd, &info));
	return info.user_committed;
}

/* A handle in s->file. */
static void section(struct step *s, __u32 flags)
{
	if (s->fd < 0)
		opened(s);
	s->file = nt_section(s->fd, NULL, SIZE, RW, flags);
	CHECK(s->file >= 0);
}

static void made(struct step *s)
{
	section(s, 0);
}

static void view(struct step *s, __u32 prot)
{
	s->base = nt_view(s->fd, s->file, prot);
	CHECK(s->base);
}

/* Views are no reservations that can be released. */
static void end(struct step *s)
{
	stop(s);
	CHECK(!nt_unmap(s->fd, s->base, 0));
	close(s->file);
	s->file = -1;
	CHECK(!committed_by_user(s));
}

/* ------------------------------------------------------------------------
 * Handles.
 */
static int create(struct step *s)
{
	int section = nt_section(s->fd, NAME, SIZE, RW, 0);

	if (section < 0)
		return -section;
	s->file = section;
	return 0;
}

static void created(struct step *s)
{
	int again = nt_open_section(s->fd, NAME, 0, RW);

	CHECK(again >= 0);
	close(again);
	CHECK(committed_by_user(s) == SIZE);
}

static void not_created(struct step *s, int error)
{
	(void)error;
	unchanged(s);
	CHECK(nt_open_section(s->fd, NAME, 0, RW) == -ENOENT);
	CHECK(!committed_by_user(s));
}

static int open_again(struct step *s)
{
	int again = nt_open_section(s->fd, NULL, s->file, RO);

	if (again < 0)
		return -again;
	close(again);
	return 0;
}

CASE(create) {
	.setup = opened, .run = create, .done = created,
	.failed = not_created, .alone = true,
};

CASE(open_again) {
	.setup = made, .run = open_again, .alone = true,
};

/* ------------------------------------------------------------------------
 * Views.
 */
static int map(struct step *s, __u32 prot)
{
	__u64 addr = 0;
	int error = nt_map(s->fd, s->file, 0, &addr, 0, prot, 0);

	if (!error)
		s->base = addr;
	return error;
}

static int map_shared(struct step *s)
{
	return map(s, RW);
}

static int map_copy(struct step *s)
{
	return map(s, WC);
}

static void mapped_shared(struct step *s)
{
	CHECK(nt_run(s->fd, s->base, SIZE, COMMITTED, RW));
	CHECK(!nt_poke(s->base + SIZE - 1, 1));
	end(s);
}

static void mapped_copy(struct step *s)
{
	CHECK(nt_run(s->fd, s->base, SIZE, COMMITTED, WC));
	CHECK(!nt_poke(s->base + SIZE - 1, 1));
	end(s);
}

static void placeholder(struct step *s)
{
	reserving(s, SIZE, NOACCESS, NTMEM_RESERVE_PLACEHOLDER);
	section(s, 0);
}

static int map_replace(struct step *s)
{
	__u64 addr = s->base;

	return nt_map(s->fd, s->file, 0, &addr, 0, RW, NTMEM_RESERVE_REPLACE);
}

static void replaced(struct step *s)
{
	placeholder(s);
	CHECK(!map_replace(s));
	CHECK(!nt_poke(s->base, 1));
}

static int map_back(struct step *s)
{
	return nt_unmap(s->fd, s->base, NTMEM_RELEASE_PRESERVE);
}

static void is_back(struct step *s)
{
	CHECK(nt_run(s->fd, s->base, SIZE, RESERVED, 0));
	CHECK(nt_in(s->fd, s->base, s->base, NOACCESS));
}

CASE(map_shared) {
	.setup = made, .run = map_shared, .done = mapped_shared, .alone = true,
};

CASE(map_copy) {
	.setup = made, .run = map_copy, .done = mapped_copy, .alone = true,
};

CASE(map_replace) {
	.setup = placeholder, .run = map_replace, .done = mapped_shared,
	.alone = true,
};

CASE(map_back) {
	.setup = replaced, .run = map_back, .done = is_back, .alone = true,
};

/* ------------------------------------------------------------------------
 * Commit, protection, touch and copy.
 */
static void later(struct step *s)
{
	opened(s);
	section(s, NTMEM_SECTION_RESERVE);
	view(s, RW);
	CHECK(!nt_commit(s->fd, s->base + MIB, GRAN, RO));
	CHECK(committed_by_user(s) == GRAN);
}

static int commit(struct step *s)
{
	return nt_commit(s->fd, s->base, 3 * MIB, RW);
}

static void is_committed(struct step *s)
{
	CHECK(nt_run(s->fd, s->base, 3 * MIB, COMMITTED, RW));
	CHECK(committed_by_user(s) == 3 * MIB);
	end(s);
}

static void not_committed(struct step *s, int error)
{
	(void)error;
	unchanged(s);
	CHECK(committed_by_user(s) == GRAN);
}

static void viewed(struct step *s)
{
	made(s);
	view(s, RW);
	CHECK(!nt_poke(s->base, 1));
}

static int make_copy(struct step *s)
{
	return nt_protect(s->fd, s->base, 3 * GRAN + PAGE, WC, NULL);
}

static void is_copy(struct step *s)
{
	CHECK(nt_run(s->fd, s->base, 3 * GRAN + PAGE, COMMITTED, WC));
	CHECK(!nt_poke(s->base, 2));
	end(s);
}

static void copying(struct step *s)
{
	viewed(s);
	CHECK(!make_copy(s));
}

/* The core tries again until there is memory. */
static int write_page(struct step *s)
{
	*(volatile unsigned char *)nt_ptr(s->base) = 9;
	return 0;
}

static void is_written(struct step *s)
{
	__u64 other;

	stop(s);
	other = nt_view(s->fd, s->file, RW);
	CHECK(nt_peek(s->base) == 9);
	CHECK(nt_peek(other) == 1);
	CHECK(!nt_unmap(s->fd, other, 0));
	end(s);
}

static void untouched(struct step *s)
{
	made(s);
	view(s, RW);
}

static void is_touched(struct step *s)
{
	stop(s);
	CHECK(nt_peek(s->base) == 9);
	end(s);
}

CASE(commit) {
	.setup = later, .run = commit, .done = is_committed,
	.failed = not_committed, .alone = true,
};

CASE(make_copy) {
	.setup = viewed, .run = make_copy, .done = is_copy, .alone = true,
};

CASE(copy) {
	.setup = copying, .run = write_page, .done = is_written, .alone = true,
};

CASE(touch) {
	.setup = untouched, .run = write_page, .done = is_touched,
	.alone = true,
};

FAILURE_MAIN
