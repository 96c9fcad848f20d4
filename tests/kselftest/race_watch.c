// SPDX-License-Identifier: GPL-2.0
/*
 * The record of a write, and the reset of it, beside each other: whatever comes
 * first, a write that is not told is still recorded.
 */
#include "race.h"
#include "pin.h"

#define PAGES	16

static __u64 told[PAGES];

/* WATCH with a reset: how many pages it told, or a negative errno. */
static int race_take(struct racer *r)
{
	__u64 count = PAGES;
	int error = nt_watch(r->fd, r->addr, r->size, told, &count,
			     NTMEM_WATCH_RESET);

	return error ? -error : (int)count;
}

FIXTURE(race_watch)
{
	int fd;
	__u64 base;		/* PAGES committed pages, watched */
	__u64 page;		/* one of them */
	struct racer take, other;
};

FIXTURE_SETUP(race_watch)
{
	if (!race_open(_metadata, &self->fd))
		return;
	ASSERT_EQ(0, nt_reserve(self->fd, &self->base, PAGES * PAGE, RW,
				NTMEM_RESERVE_COMMIT | NTMEM_RESERVE_WATCH));
	self->page = self->base + 3 * PAGE;
	self->take = (struct racer) {
		.run = race_take, .fd = self->fd, .addr = self->base,
		.size = PAGES * PAGE,
	};
	self->other = (struct racer) {
		.run = race_write, .fd = self->fd, .addr = self->page,
		.size = PAGE, .value = 9,
	};
	/* The buffer's own first write is not to be waited for. */
	told[0] = 1;
}

FIXTURE_TEARDOWN(race_watch)
{
	close(self->fd);
}

/* The next write to the page is recorded, and it alone. */
static bool still_works(struct racer *take, __u64 page)
{
	take->run(take);
	if (take->run(take) || nt_poke(page, 1))
		return false;
	return take->run(take) == 1 && told[0] == page;
}

/* Its PTE is writable yet: nothing stops this write. It is told. */
TEST_F(race_watch, write_to_what_is_being_told)
{
	ASSERT_EQ(0, nt_poke(self->page, 1));
	ASSERT_TRUE(race(&self->take, "watch_forgot", &self->other));
	ASSERT_FALSE(self->other.waited);
	ASSERT_EQ(1, self->take.result);
	ASSERT_EQ(self->page, told[0]);
	ASSERT_EQ(9, nt_peek(self->page));
	ASSERT_TRUE(still_works(&self->take, self->page));
}

TEST_F(race_watch, first_write_to_another_page)
{
	ASSERT_EQ(0, nt_poke(self->base, 1));
	ASSERT_TRUE(race(&self->take, "watch_forgot", &self->other));
	ASSERT_EQ(1, self->take.result);
	ASSERT_EQ(self->base, told[0]);
	ASSERT_EQ(1, self->take.run(&self->take));
	ASSERT_EQ(self->page, told[0]);
}

/*
 * Recorded, and not yet writable: the reset is not to come between. Where it comes
 * before the write itself, that is told once more.
 */
TEST_F(race_watch, reset_of_what_is_being_written)
{
	ASSERT_TRUE(race(&self->other, "fault_recorded", &self->take));
	ASSERT_TRUE(self->take.waited);
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(1, self->take.result);
	ASSERT_GE(1, self->take.run(&self->take));
	ASSERT_TRUE(still_works(&self->take, self->page));
}

/*
 * The same of a page that was mapped by a read. The core has a reference to it
 * until the fault is over: if it is told before that, it is told once more.
 */
TEST_F(race_watch, reset_of_what_is_being_written_after_a_read)
{
	ASSERT_EQ(0, nt_peek(self->page));
	ASSERT_TRUE(race(&self->other, "fault_recorded", &self->take));
	ASSERT_TRUE(self->take.waited);
	ASSERT_EQ(1, self->take.result);
	ASSERT_GE(1, self->take.run(&self->take));
	ASSERT_TRUE(still_works(&self->take, self->page));
}

static int map_over(struct racer *r)
{
	void *p = mmap(nt_ptr(r->addr), r->size, PROT_NONE,
		       MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

/* Who has mmap_lock for writing is not waited for: PTEs go instead. */
TEST_F(race_watch, reset_during_an_mmap)
{
	__u64 other = 0;

	ASSERT_EQ(0, nt_reserve(self->fd, &other, GIB, RW, 0));
	ASSERT_EQ(0, nt_poke(self->page, 1));
	ASSERT_EQ(0, nt_poke(self->page + PAGE, 1));
	ASSERT_EQ(0, nt_poke(self->base, 1));
	self->other = (struct racer) {
		.run = map_over, .addr = other, .size = GIB,
	};
	ASSERT_TRUE(race(&self->other, "unmap_found", &self->take));
	ASSERT_FALSE(self->take.waited);
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(3, self->take.result);
	ASSERT_EQ(self->base, told[0]);
	ASSERT_EQ(self->page, told[1]);
	ASSERT_EQ(self->page + PAGE, told[2]);
	ASSERT_EQ(1, nt_peek(self->page));
	ASSERT_TRUE(still_works(&self->take, self->page));
	ASSERT_TRUE(still_works(&self->take, self->base));
}

static int race_pin(struct racer *r)
{
	static struct pin p;

	if (!r->other)
		return pin_end(&p, r->value);
	r->other = 0;
	return !pin_begin(&p, r->addr);
}

/* Pinned through a PTE that is writable yet: the write is still to come. */
TEST_F(race_watch, pin_of_what_is_being_told)
{
	ASSERT_EQ(0, nt_poke(self->page, 1));
	self->other.run = race_pin;
	self->other.other = 1;
	ASSERT_TRUE(race(&self->take, "watch_forgot", &self->other));
	if (self->other.result)
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(1, self->take.result);
	ASSERT_EQ(0, race_pin(&self->other));
	ASSERT_EQ(9, nt_peek(self->page));
	ASSERT_EQ(1, self->take.run(&self->take));
	ASSERT_EQ(self->page, told[0]);
	ASSERT_TRUE(still_works(&self->take, self->page));
}

TEST_F(race_watch, release)
{
	ASSERT_EQ(0, nt_poke(self->page, 1));
	self->other.run = race_release;
	self->other.addr = self->base;
	self->other.size = 0;
	ASSERT_TRUE(race(&self->take, "watch_forgot", &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(1, self->take.result);
	ASSERT_TRUE(nt_is_free(self->fd, self->base));
	ASSERT_EQ(-ENOENT, self->take.run(&self->take));
}

TEST_HARNESS_MAIN
