// SPDX-License-Identifier: GPL-2.0
/*
 * WATCH: the pages of a watched reservation that were written to, by whom and
 * however, are told once, in order, and none is ever lost.
 */
#include "pin.h"

#include <sched.h>

/* One less than there are bits for: all ones is no answer. */
#define PAGES	63
#define ALL	(NONE >> 1)

FIXTURE(watch)
{
	int fd;
	__u64 base;	/* PAGES committed pages, watched */
	__u64 plain;	/* as many that are not */
};

static __u64 watched(int fd, __u64 size, __u32 flags)
{
	__u64 base = 0;

	return nt_reserve(fd, &base, size, RW, NTMEM_RESERVE_WATCH | flags) ?
	       0 : base;
}

FIXTURE_SETUP(watch)
{
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->base = watched(self->fd, PAGES * PAGE, NTMEM_RESERVE_COMMIT);
	ASSERT_NE(0ULL, self->base);
	self->plain = nt_block(self->fd, PAGES * PAGE, RW);
	ASSERT_NE(0ULL, self->plain);
}

FIXTURE_TEARDOWN(watch)
{
	close(self->fd);
}

/* The recorded pages, as bits; all ones when that fails. */
static __u64 records(int fd, __u64 base, __u32 flags)
{
	__u64 pages[PAGES], count = PAGES, mask = 0, i, nr, last = 0;

	if (nt_watch(fd, base, PAGES * PAGE, pages, &count, flags))
		return NONE;
	for (i = 0; i < count; i++) {
		nr = (pages[i] - base) / PAGE;
		if (pages[i] % PAGE || nr >= PAGES || (i && nr <= last))
			return NONE;
		mask |= 1ULL << nr;
		last = nr;
	}
	return mask;
}

static __u64 take(int fd, __u64 base)
{
	return records(fd, base, NTMEM_WATCH_RESET);
}

static __u64 bit(int page)
{
	return 1ULL << page;
}

/* ------------------------------------------------------------------------
 * What counts.
 */
TEST_F(watch, a_first_write_counts)
{
	ASSERT_EQ(0ULL, records(self->fd, self->base, 0));
	nt_poke(self->base + 3 * PAGE + 17, 1);
	nt_poke(self->base + 9 * PAGE, 1);
	nt_poke(self->base + 62 * PAGE + 4095, 1);
	ASSERT_EQ(bit(3) | bit(9) | bit(62), records(self->fd, self->base, 0));
	/* Asking is not resetting. */
	ASSERT_EQ(bit(3) | bit(9) | bit(62), records(self->fd, self->base, 0));
}

TEST_F(watch, a_read_does_not_count)
{
	int i;

	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, nt_peek(self->base + i * PAGE));
	ASSERT_EQ(0ULL, records(self->fd, self->base, 0));
	/* What was mapped by reading is still seen to be written. */
	for (i = 0; i < PAGES; i += 7)
		ASSERT_EQ(0, nt_poke(self->base + i * PAGE, 1));
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(i % 7 ? 0ULL : bit(i),
			  records(self->fd, self->base, 0) & bit(i));
}

TEST_F(watch, a_write_over_a_border_counts_twice)
{
	memset(nt_ptr(self->base + 5 * PAGE - 3), 1, 6);
	ASSERT_EQ(bit(4) | bit(5), records(self->fd, self->base, 0));
}

TEST_F(watch, each_page_is_told_once)
{
	int round, i;

	for (round = 0; round < 3; round++) {
		for (i = round; i < PAGES; i += 3)
			ASSERT_EQ(0, nt_poke(self->base + i * PAGE, i));
		ASSERT_NE(0ULL, take(self->fd, self->base));
		ASSERT_EQ(0ULL, records(self->fd, self->base, 0));
	}
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(i, nt_peek(self->base + i * PAGE));
	ASSERT_EQ(0ULL, take(self->fd, self->base));
}

/* Neighbours of a written page are not written, however they were mapped. */
TEST_F(watch, in_any_order)
{
	__u64 want;
	int i, k;

	for (k = 1; k < PAGES; k += 2) {
		want = 0;
		for (i = 0; i < 5; i++) {
			want |= bit((i * k + 11) % PAGES);
			ASSERT_EQ(0, nt_poke(self->base +
					     (i * k + 11) % PAGES * PAGE, 1));
			nt_peek(self->base + (i * k + 12) % PAGES * PAGE);
		}
		ASSERT_EQ(want, take(self->fd, self->base));
	}
}

TEST_F(watch, what_changes_no_content_does_not_count)
{
	ASSERT_EQ(0, nt_poke(self->base, 1));
	ASSERT_EQ(bit(0), take(self->fd, self->base));
	ASSERT_EQ(0, nt_commit(self->fd, self->base, PAGES * PAGE, RO));
	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGES * PAGE, RWX,
				NULL));
	ASSERT_EQ(0, nt_lock(self->fd, self->base, 8 * PAGE));
	ASSERT_EQ(0, nt_unlock(self->fd, self->base, 8 * PAGE));
	ASSERT_EQ(0, nt_reset(self->fd, self->base, PAGES * PAGE));
	nt_reset_undo(self->fd, self->base, PAGES * PAGE);
	ASSERT_EQ(0, nt_decommit(self->fd, self->base, PAGES * PAGE));
	ASSERT_EQ(0, nt_commit(self->fd, self->base, PAGES * PAGE, RW));
	ASSERT_EQ(0ULL, records(self->fd, self->base, 0));
	ASSERT_EQ(0, nt_poke(self->base + PAGE, 1));
	ASSERT_EQ(bit(1), records(self->fd, self->base, 0));
}

TEST_F(watch, a_refused_write_does_not_count)
{
	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, RO, NULL));
	ASSERT_EQ(0, nt_protect(self->fd, self->base + PAGE, PAGE, RW | GUARD,
				NULL));
	ASSERT_EQ(0, nt_decommit(self->fd, self->base + 2 * PAGE, PAGE));
	ASSERT_EQ(-SIGSEGV, nt_poke(self->base, 1));
	ASSERT_EQ(-SIGSEGV, nt_poke(self->base + PAGE, 1));
	ASSERT_EQ(-SIGSEGV, nt_poke(self->base + 2 * PAGE, 1));
	ASSERT_EQ(0ULL, records(self->fd, self->base, 0));
	ASSERT_EQ(0, nt_poke(self->base + PAGE, 1));
	ASSERT_EQ(bit(1), records(self->fd, self->base, 0));
}

TEST_F(watch, records_survive_what_takes_the_page)
{
	int i;

	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, nt_poke(self->base + i * PAGE, 1));
	ASSERT_EQ(0, nt_protect(self->fd, self->base, 8 * PAGE, NOACCESS,
				NULL));
	/* A whole block, a part of one, and all the rest. */
	ASSERT_EQ(0, nt_decommit(self->fd, self->base + 16 * PAGE,
				 16 * PAGE));
	ASSERT_EQ(0, nt_decommit(self->fd, self->base + 33 * PAGE, PAGE));
	ASSERT_EQ(ALL, records(self->fd, self->base, 0));
	ASSERT_EQ(0, nt_commit(self->fd, self->base + 16 * PAGE, 16 * PAGE,
			       RW));
	ASSERT_EQ(0, nt_decommit(self->fd, self->base, 0));
	ASSERT_EQ(ALL, take(self->fd, self->base));
	ASSERT_EQ(0ULL, records(self->fd, self->base, 0));
}

TEST_F(watch, reserved_first_and_committed_later)
{
	__u64 base = watched(self->fd, PAGES * PAGE, 0);

	ASSERT_NE(0ULL, base);
	ASSERT_EQ(0ULL, records(self->fd, base, 0));
	ASSERT_EQ(0, nt_commit(self->fd, base + 30 * PAGE, 4 * PAGE, RW));
	ASSERT_EQ(0, nt_poke(base + 31 * PAGE, 1));
	ASSERT_EQ(bit(31), take(self->fd, base));
}

/* ------------------------------------------------------------------------
 * What is asked for.
 */
TEST_F(watch, a_short_array)
{
	__u64 pages[4], count, i;

	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, nt_poke(self->base + i * 2 * PAGE, 1));
	count = 4;
	ASSERT_EQ(0, nt_watch(self->fd, self->base, PAGES * PAGE, pages,
			      &count, NTMEM_WATCH_RESET));
	ASSERT_EQ(4ULL, count);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(self->base + i * 2 * PAGE, pages[i]);
	ASSERT_EQ(0x55555ULL & ~0xffULL, records(self->fd, self->base, 0));
	count = 4;
	ASSERT_EQ(0, nt_watch(self->fd, self->base, PAGES * PAGE, pages,
			      &count, 0));
	ASSERT_EQ(self->base + 8 * PAGE, pages[0]);
}

TEST_F(watch, a_part_of_the_reservation)
{
	__u64 pages[PAGES], count = PAGES;
	int i;

	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, nt_poke(self->base + i * PAGE, 1));
	/* Outwards to pages. */
	ASSERT_EQ(0, nt_watch(self->fd, self->base + 7 * PAGE + 1,
			      20 * PAGE - 1, pages, &count,
			      NTMEM_WATCH_RESET));
	ASSERT_EQ(20ULL, count);
	ASSERT_EQ(self->base + 7 * PAGE, pages[0]);
	ASSERT_EQ(self->base + 26 * PAGE, pages[19]);
	ASSERT_EQ(ALL & ~(0xfffffULL << 7), take(self->fd, self->base));
}

TEST_F(watch, reset_without_asking)
{
	__u64 count = 0;
	int i;

	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, nt_poke(self->base + i * PAGE, 1));
	ASSERT_EQ(0, nt_watch(self->fd, self->base, 32 * PAGE, NULL, &count,
			      NTMEM_WATCH_RESET));
	ASSERT_EQ(0ULL, count);
	ASSERT_EQ(ALL & NONE << 32, records(self->fd, self->base, 0));
	ASSERT_EQ(0, nt_poke(self->base, 1));
	ASSERT_EQ((ALL & NONE << 32) | 1, records(self->fd, self->base, 0));
}

/* Of an array whose end cannot be written what could be told counts. */
TEST_F(watch, an_array_that_ends_early)
{
	__u64 size = 4 * MIB, base = watched(self->fd, size,
					     NTMEM_RESERVE_COMMIT);
	__u64 array = nt_block(self->fd, 3 * PAGE, RW);
	__u64 *pages = nt_ptr(array), count = size / PAGE, i;

	ASSERT_NE(0ULL, base);
	ASSERT_NE(0ULL, array);
	ASSERT_EQ(0, nt_protect(self->fd, array + PAGE, 2 * PAGE, NOACCESS,
				NULL));
	for (i = 0; i < size / PAGE; i++)
		ASSERT_EQ(0, nt_poke(base + i * PAGE, 1));
	ASSERT_EQ(0, nt_watch(self->fd, base, size, pages, &count,
			      NTMEM_WATCH_RESET));
	ASSERT_LT(0ULL, count);
	ASSERT_GE(PAGE / 8, count);
	for (i = 0; i < count; i++)
		ASSERT_EQ(base + i * PAGE, pages[i]);
	ASSERT_EQ(0, nt_protect(self->fd, array, 3 * PAGE, RW, NULL));
	i = count;
	count = PAGE / 8;
	ASSERT_EQ(0, nt_watch(self->fd, base, size, pages, &count, 0));
	ASSERT_EQ(PAGE / 8, count);
	ASSERT_EQ(base + i * PAGE, pages[0]);
}

/* More than the module looks for at a time. */
TEST_F(watch, many)
{
	__u64 size = 8 * MIB, base = watched(self->fd, size,
					     NTMEM_RESERVE_COMMIT);
	__u64 *pages = malloc(size / PAGE * 8), count, i;
	int pass;

	ASSERT_NE(0ULL, base);
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < size / PAGE; i++)
			ASSERT_EQ(0, nt_poke(base + i * PAGE, 1));
		count = size / PAGE;
		ASSERT_EQ(0, nt_watch(self->fd, base, size, pages, &count,
				      NTMEM_WATCH_RESET));
		ASSERT_EQ(size / PAGE, count);
		for (i = 0; i < count; i++)
			ASSERT_EQ(base + i * PAGE, pages[i]);
		ASSERT_EQ(0, nt_watch(self->fd, base, size, pages, &count, 0));
		ASSERT_EQ(0ULL, count);
	}
	free(pages);
}

TEST_F(watch, bad_arguments)
{
	__u64 pages[4], count = 4;
	struct ntmem_watch w = {
		.addr = self->base, .size = PAGE, .pages = (uintptr_t)pages,
		.count = 4,
	}, bad;

	ASSERT_EQ(0, nt_poke(self->base, 1));
	ASSERT_EQ(0, nt_call(self->fd, NTMEM_IOC_WATCH, &w));
	w.count = 4;
#define ASSERT_BAD(error, field, value) do {				\
	bad = w;							\
	bad.field = value;						\
	ASSERT_UNCHANGED(error, nt_call(self->fd, NTMEM_IOC_WATCH,	\
					&bad));				\
} while (0)
	ASSERT_BAD(EINVAL, size, 0);
	ASSERT_BAD(EINVAL, size, NONE);
	ASSERT_BAD(EINVAL, addr, NONE & ~(PAGE - 1));
	ASSERT_BAD(EINVAL, flags, 2);
	ASSERT_BAD(EINVAL, pad, 1);
	ASSERT_BAD(EINVAL, count, 0);
	ASSERT_BAD(ENOENT, size, PAGES * PAGE + 1);
	ASSERT_BAD(ENOENT, addr, 0);
	ASSERT_BAD(ENXIO, addr, self->plain);
	w.flags = NTMEM_WATCH_RESET;
	ASSERT_BAD(EINVAL, count, 0);	/* with an array */
	ASSERT_BAD(EFAULT, pages, 8);
	ASSERT_EQ(bit(0), records(self->fd, self->base, 0));
	ASSERT_EQ(0, nt_watch(self->fd, self->base, PAGE, pages, &count,
			      NTMEM_WATCH_RESET));
	ASSERT_EQ(1ULL, count);
}

/* What could not be told has not been reset. */
TEST_F(watch, an_array_that_cannot_be_written)
{
	__u64 array = nt_block(self->fd, 2 * PAGE, RW);
	__u64 count = PAGES, *pages = nt_ptr(array + PAGE - 8);
	int i;

	ASSERT_NE(0ULL, array);
	ASSERT_EQ(0, nt_protect(self->fd, array + PAGE, PAGE, NOACCESS, NULL));
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, nt_poke(self->base + i * PAGE, 1));
	ASSERT_EQ(EFAULT, nt_watch(self->fd, self->base, PAGES * PAGE, pages,
				   &count, NTMEM_WATCH_RESET));
	ASSERT_EQ(ALL, records(self->fd, self->base, 0));
	/* They are still recorded, and still there. */
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(1, nt_peek(self->base + i * PAGE));
}

TEST_F(watch, both_parts_of_a_release)
{
	__u64 pages[PAGES], count = PAGES;
	__u64 behind = self->base + 25 * PAGE;
	int i;

	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, nt_poke(self->base + i * PAGE, 1));
	ASSERT_EQ(0, nt_release(self->fd, self->base + 20 * PAGE, 5 * PAGE));
	ASSERT_EQ(0, nt_watch(self->fd, self->base, 20 * PAGE, pages, &count,
			      NTMEM_WATCH_RESET));
	ASSERT_EQ(20ULL, count);
	count = PAGES;
	ASSERT_EQ(0, nt_watch(self->fd, behind, 38 * PAGE, pages, &count,
			      NTMEM_WATCH_RESET));
	ASSERT_EQ(38ULL, count);
	ASSERT_EQ(0, nt_poke(behind + 15 * PAGE, 2));
	count = PAGES;
	ASSERT_EQ(0, nt_watch(self->fd, behind, 38 * PAGE, pages, &count, 0));
	ASSERT_EQ(1ULL, count);
	ASSERT_EQ(behind + 15 * PAGE, pages[0]);
}

/* ------------------------------------------------------------------------
 * The kernel's writes.
 */
TEST_F(watch, read_into_it_counts)
{
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	ASSERT_EQ((ssize_t)(3 * PAGE),
		  read(zero, nt_ptr(self->base + 2 * PAGE), 3 * PAGE));
	ASSERT_EQ(bit(2) | bit(3) | bit(4), take(self->fd, self->base));
	ASSERT_EQ((ssize_t)8, read(zero, nt_ptr(self->base + 3 * PAGE), 8));
	ASSERT_EQ(bit(3), take(self->fd, self->base));
	close(zero);
}

TEST_F(watch, write_from_it_does_not_count)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ((ssize_t)(3 * PAGE),
		  write(null, nt_ptr(self->base), 3 * PAGE));
	ASSERT_EQ((ssize_t)(2 * PAGE),
		  write(pipes[1], nt_ptr(self->base), 2 * PAGE));
	ASSERT_EQ(0ULL, records(self->fd, self->base, 0));
	close(null);
}

static ssize_t write_to(__u64 addr, size_t size)
{
	static char bytes[4 * PAGE];
	struct iovec mine = { bytes, size }, its = { nt_ptr(addr), size };

	return process_vm_writev(getpid(), &mine, 1, &its, 1, 0);
}

TEST_F(watch, another_process_counts)
{
	ASSERT_EQ((ssize_t)(2 * PAGE), write_to(self->base + PAGE, 2 * PAGE));
	ASSERT_EQ(bit(1) | bit(2), take(self->fd, self->base));
	ASSERT_EQ((ssize_t)1, write_to(self->base + PAGE, 1));
	ASSERT_EQ(bit(1), take(self->fd, self->base));
}

/* Told as long as it is pinned, and once more: the write may come yet. */
TEST_F(watch, a_pinned_page_stays_recorded)
{
	struct pin p;

	if (!pin_begin(&p, self->base + 6 * PAGE))
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, nt_poke(self->base + 7 * PAGE, 1));
	ASSERT_EQ(bit(6) | bit(7), take(self->fd, self->base));
	ASSERT_EQ(bit(6), take(self->fd, self->base));
	ASSERT_EQ(0, pin_end(&p, 9));
	ASSERT_EQ(9, nt_peek(self->base + 6 * PAGE));
	ASSERT_EQ(bit(6), take(self->fd, self->base));
	ASSERT_EQ(0ULL, take(self->fd, self->base));
}

/* ------------------------------------------------------------------------
 * Forks and threads.
 */
struct forked {
	__u64 base;
};

static int look_in_child(void *data)
{
	struct forked *forked = data;
	int fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);

	CHECK(records(fd, forked->base, 0) == (bit(1) | bit(17)));
	nt_poke(forked->base + PAGE, 7);
	CHECK(records(fd, forked->base, 0) == (bit(1) | bit(17)));
	CHECK(take(fd, forked->base) == (bit(1) | bit(17)));
	CHECK(!records(fd, forked->base, 0));
	/* A copy is made of a page that was written, or was not. */
	nt_poke(forked->base + 17 * PAGE, 8);
	nt_poke(forked->base + 18 * PAGE, 8);
	CHECK(take(fd, forked->base) == (bit(17) | bit(18)));
	CHECK(nt_peek(forked->base + PAGE) == 7);
	return 0;
}

TEST_F(watch, a_child_has_records_of_its_own)
{
	struct forked forked = { self->base };

	ASSERT_EQ(0, nt_poke(self->base + PAGE, 1));
	ASSERT_EQ(0, nt_poke(self->base + 17 * PAGE, 1));
	ASSERT_EQ(0, nt_peek(self->base + 18 * PAGE));
	ASSERT_EQ(0, nt_in_child(look_in_child, &forked));
	ASSERT_EQ(bit(1) | bit(17), records(self->fd, self->base, 0));
	ASSERT_EQ(0, nt_poke(self->base + 18 * PAGE, 1));
	ASSERT_EQ(bit(1) | bit(17) | bit(18), take(self->fd, self->base));
	ASSERT_EQ(0, nt_poke(self->base + 17 * PAGE, 1));
	ASSERT_EQ(bit(17), take(self->fd, self->base));
	ASSERT_EQ(1, nt_peek(self->base + PAGE));
}

static int decommit_in_child(void *data)
{
	struct forked *forked = data;
	int fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);

	/* A whole block, then the rest, while the parent has all of it, too. */
	CHECK(!nt_decommit(fd, forked->base + 16 * PAGE, 16 * PAGE));
	CHECK(records(fd, forked->base, 0) == (bit(1) | bit(17)));
	CHECK(!nt_decommit(fd, forked->base, 0));
	CHECK(take(fd, forked->base) == (bit(1) | bit(17)));
	CHECK(!nt_commit(fd, forked->base, PAGES * PAGE, RW));
	CHECK(!records(fd, forked->base, 0));
	CHECK(!nt_peek(forked->base + 17 * PAGE));
	return 0;
}

TEST_F(watch, records_survive_what_takes_a_shared_page)
{
	struct forked forked = { self->base };

	ASSERT_EQ(0, nt_poke(self->base + PAGE, 1));
	ASSERT_EQ(0, nt_poke(self->base + 17 * PAGE, 1));
	ASSERT_EQ(0, nt_in_child(decommit_in_child, &forked));
	ASSERT_EQ(bit(1) | bit(17), take(self->fd, self->base));
	ASSERT_EQ(1, nt_peek(self->base + 17 * PAGE));
}

struct writer {
	__u64 base;
	pthread_t thread;
	volatile bool stop;
	__u64 rounds;
};

/* Page by page a number that only grows. */
static void *write_on(void *data)
{
	struct writer *writer = data;

	while (!writer->stop) {
		volatile __u64 *word = nt_ptr(writer->base +
					      writer->rounds % PAGES * PAGE);

		*word = ++writer->rounds;
	}
	return NULL;
}

/*
 * Whoever copies what is told, when it is told, has all of it in the end. That
 * is what a snapshot of a running program stands on.
 */
TEST_F(watch, no_write_is_lost)
{
	struct writer writer = { .base = self->base };
	__u64 copy[PAGES] = { 0 }, told, calls;
	int i;

	ASSERT_EQ(0, pthread_create(&writer.thread, NULL, write_on, &writer));
	for (calls = 0; calls < 2000 || writer.rounds < 4 * PAGES; calls++) {
		if (calls == 2000)
			sched_yield();
		writer.stop = calls + 1 >= 2000 && writer.rounds >= 4 * PAGES;
		if (writer.stop)
			pthread_join(writer.thread, NULL);
		told = take(self->fd, self->base);
		for (i = 0; i < PAGES; i++)
			if (told & bit(i))
				copy[i] = *(volatile __u64 *)
					  nt_ptr(self->base + i * PAGE);
		if (writer.stop)
			break;
	}
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(*(__u64 *)nt_ptr(self->base + i * PAGE), copy[i]);
}

TEST_HARNESS_MAIN
