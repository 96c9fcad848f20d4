// SPDX-License-Identifier: GPL-2.0
/*
 * Fork, and the writes, pins and releases of other threads on its way; and
 * the shares of a page after it, when one of a family lets go.
 */
#include "race.h"

#include <sys/uio.h>

#define PAGES	16

FIXTURE(fork)
{
	int fd;
	__u64 base;		/* PAGES pages, every byte 1 */
	struct racer first, other;
	struct nt_gate gate;	/* opened when the child may look */
};

FIXTURE_SETUP(fork)
{
	self->base = race_block(_metadata, &self->fd, PAGES, RW);
	if (!self->base)
		return;
	memset(nt_ptr(self->base), 1, PAGES * PAGE);
	ASSERT_EQ(0, nt_gate_init(&self->gate));
	self->first = (struct racer) {
		.fd = self->fd, .addr = self->base, .size = PAGES * PAGE,
		.other = self->gate.pipe[0],
	};
	self->other = self->first;
}

FIXTURE_TEARDOWN(fork)
{
	close(self->fd);
}

/* ------------------------------------------------------------------------
 * Fork on its way.
 */

/* The child waits, then tells the first byte of each page but its own sees. */
static int look(void *data)
{
	const struct racer *r = data;
	char c;

	CHECK(read(r->other, &c, 1) == 1);
	return nt_peek(r->addr);
}

/* The child's pid. */
static int fork_a_child(struct racer *r)
{
	return nt_spawn(look, r);
}

static const char * const forks[] = {
	"fork_protected", "fork_cloned", "fork_vma",
};

TEST_F(fork, write_of_another_thread)
{
	unsigned int i;
	int seen;

	for (i = 0; i < ARRAY_SIZE(forks); i++) {
		ASSERT_EQ(0, nt_poke(self->base, 1));
		self->first.run = fork_a_child;
		self->other.run = race_write;
		self->other.value = 2;
		ASSERT_TRUE(race(&self->first, forks[i], &self->other));
		ASSERT_EQ(0, self->other.result);
		ASSERT_EQ(2, nt_peek(self->base));
		/* What is written from now on is no business of the child's. */
		ASSERT_EQ(0, nt_poke(self->base, 3));
		ASSERT_EQ(0, nt_gate_open(&self->gate));
		seen = nt_reap(self->first.result);
		ASSERT_EQ(1, seen) {
			TH_LOG("%s", forks[i]);
		}
		ASSERT_EQ(3, nt_peek(self->base));
	}
}

/* The kernel writes, and pins. */
static int read_direct(struct racer *r)
{
	int file = open("/scratch/direct", O_RDONLY | O_DIRECT);
	int error = file < 0 ? errno :
		    ERRNO_OF(pread(file, nt_ptr(r->addr), PAGE, 0));

	close(file);
	return error;
}

/* Since the kernel came up. */
static unsigned long long pins_so_far(void)
{
	char text[64];

	/* Reading this adds up what each processor has counted. */
	nt_read_file("/proc/sys/vm/stat_refresh", text, sizeof(text));
	return nt_number_line("/proc/vmstat", "nr_foll_pin_acquired ");
}

/*
 * Older kernels' direct I/O only takes a reference, which no fork heeds: a
 * page of anonymous memory that is shared already goes to the child as well
 * (see open(2)).
 */
static bool direct_io_pins(struct racer *r)
{
	unsigned long long before = pins_so_far();

	return !read_direct(r) && pins_so_far() > before;
}

static bool direct_file(void)
{
	char page[2 * PAGE];
	int file = open("/scratch/direct", O_RDWR | O_CREAT, 0600);
	bool ok;

	memset(page, 2, sizeof(page));
	ok = file >= 0 && write(file, page, sizeof(page)) == sizeof(page) &&
	     !fsync(file);
	close(file);
	return ok;
}

TEST_F(fork, pin_of_another_thread)
{
	unsigned int i;

	if (!direct_file())
		SKIP(return, "no /scratch");
	for (i = 0; i < ARRAY_SIZE(forks); i++) {
		ASSERT_EQ(0, nt_poke(self->base, 1));
		self->first.run = fork_a_child;
		self->other.run = read_direct;
		ASSERT_TRUE(race(&self->first, forks[i], &self->other));
		ASSERT_EQ(0, self->other.result);
		ASSERT_EQ(2, nt_peek(self->base));
		ASSERT_EQ(0, nt_gate_open(&self->gate));
		ASSERT_EQ(1, nt_reap(self->first.result));
	}
}

static int protect_and_touch(struct racer *r)
{
	return nt_protect(r->fd, r->addr, PAGE, RO, NULL) ?:
	       nt_protect(r->fd, r->addr, PAGE, RW, NULL) ?: race_write(r);
}

TEST_F(fork, protect_of_another_thread)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(forks); i++) {
		ASSERT_EQ(0, nt_poke(self->base, 1));
		self->first.run = fork_a_child;
		self->other.run = protect_and_touch;
		self->other.value = 2;
		ASSERT_TRUE(race(&self->first, forks[i], &self->other));
		ASSERT_EQ(0, self->other.result);
		ASSERT_EQ(0, nt_gate_open(&self->gate));
		ASSERT_EQ(1, nt_reap(self->first.result));
		ASSERT_EQ(2, nt_peek(self->base));
	}
}

TEST_F(fork, release_by_another_thread)
{
	unsigned int i;
	int seen;

	for (i = 0; i < ARRAY_SIZE(forks); i++) {
		__u64 base = nt_block(self->fd, GRAN, RW);

		ASSERT_EQ(0, nt_poke(base, 1));
		self->first.run = fork_a_child;
		self->first.addr = base;
		self->other.run = race_release;
		self->other.addr = base;
		self->other.size = 0;
		ASSERT_TRUE(race(&self->first, forks[i], &self->other));
		ASSERT_EQ(0, self->other.result);
		ASSERT_EQ(-SIGSEGV, nt_peek(base));
		ASSERT_EQ(0, nt_gate_open(&self->gate));
		seen = nt_reap(self->first.result);
		/* Released before the child got it, or after. */
		ASSERT_TRUE(seen == 1 || seen == (unsigned char)-SIGSEGV);
	}
}

/* ------------------------------------------------------------------------
 * A page that a child shares. Who gives its share up must not see it any more,
 * since the child, then alone, writes to it.
 */
struct child {
	__u64 addr;
	int ask, answer;
};

static int write_when_asked(void *data)
{
	const struct child *child = data;
	char c;

	CHECK(read(child->ask, &c, 1) == 1);
	CHECK(!nt_poke(child->addr, 5));
	CHECK(write(child->answer, "", 1) == 1);
	CHECK(read(child->ask, &c, 1) == 1);
	return nt_peek(child->addr);
}

/* Has the child write, and then looks at the page. */
static int ask_and_look(struct racer *r)
{
	char c;

	if (write(r->other, "", 1) != 1 || read(r->fd, &c, 1) != 1)
		return -1;
	return nt_peek(r->addr);
}

/* What the parent sees beside its own first, when the child has written 5. */
static int beside(struct racer *first, const char *point, int *in_child)
{
	struct racer other = { .run = ask_and_look, .addr = first->addr };
	struct child child = { .addr = first->addr };
	int ask[2], answer[2];
	pid_t pid;

	if (pipe(ask) || pipe(answer))
		return -1;
	child.ask = ask[0];
	child.answer = answer[1];
	other.other = ask[1];
	other.fd = answer[0];
	pid = nt_spawn(write_when_asked, &child);
	if (nt_peek(first->addr) != 1 || !race(first, point, &other) ||
	    write(ask[1], "", 1) != 1)
		return -1;
	*in_child = nt_reap(pid);
	return other.result;
}

TEST_F(fork, copy_against_write_of_the_child)
{
	int in_child, seen;

	self->first.run = race_write;
	self->first.value = 7;
	seen = beside(&self->first, "cow_copied", &in_child);
	ASSERT_TRUE(seen == 1 || seen == 7) {
		TH_LOG("saw %d", seen);
	}
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(7, nt_peek(self->base));
	ASSERT_EQ(5, in_child);
}

TEST_F(fork, decommit_against_write_of_the_child)
{
	int in_child, seen;

	self->first.run = race_decommit;
	seen = beside(&self->first, "decommit_zap", &in_child);
	ASSERT_TRUE(seen == 1 || seen == -SIGSEGV) {
		TH_LOG("saw %d", seen);
	}
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(-SIGSEGV, nt_peek(self->base));
	ASSERT_EQ(5, in_child);
}

/* ------------------------------------------------------------------------
 * Mappings are copied one after the other, reservations may lie in two.
 */

static int release_and_reserve(struct racer *r)
{
	return nt_release(r->fd, r->addr, 0) ?:
	       nt_reserve_at(r->fd, r->addr - GRAN, 3 * GRAN);
}

/* What was made over the border of both is not the child's, or is. */
TEST_F(fork, reserve_across_mappings)
{
	unsigned long long start, end, low, border;
	__u64 kept, full;
	int i;

	/* Fills the first arena, so that a second one is made below it. */
	ASSERT_TRUE(nt_mapping(self->base, &start, &end));
	for (i = 0; i < 4; i++) {
		full = nt_any(self->fd, 64 * MIB, 0);
		ASSERT_NE(0ULL, full);
	}
	ASSERT_TRUE(nt_mapping(full, &low, &border));
	if (border != start || self->base != start)
		SKIP(return, "the arenas are not neighbours");
	kept = nt_block(self->fd, GRAN, RW);
	ASSERT_EQ(0, nt_poke(kept, 1));
	ASSERT_EQ(0, nt_release(self->fd, self->base, 0));
	ASSERT_EQ(0, nt_reserve_at(self->fd, border - GRAN, GRAN));
	self->first.run = fork_a_child;
	self->first.addr = kept;
	self->other.run = release_and_reserve;
	self->other.addr = border - GRAN;
	ASSERT_TRUE(race(&self->first, "fork_vma", &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(0, nt_gate_open(&self->gate));
	ASSERT_EQ(1, nt_reap(self->first.result));
}

/* A child gets no mapping of the arena, and so must not reserve from it. */
static int reserve_in_child(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);
	__u64 base = nt_block(fd, GRAN, RW);

	(void)data;
	CHECK(base);
	CHECK(!nt_poke(base, 1));
	CHECK(!nt_release(fd, base, 0));
	return 0;
}

TEST_F(fork, arena_that_is_not_inherited)
{
	unsigned long long start, end;

	/* A mapping of its own brings the child its space. */
	ASSERT_EQ(0, nt_reserve_at(self->fd, WANTED, GRAN));
	ASSERT_TRUE(nt_mapping(self->base, &start, &end));
	ASSERT_EQ(0, madvise(nt_ptr(start), end - start, MADV_DONTFORK));
	ASSERT_EQ(0, nt_in_child(reserve_in_child, NULL));
}

/* A page, which is pinned, and another, for which fork has to be over. */
static void *not_there;

static int read_direct_and_wait(struct racer *r)
{
	struct iovec iov[] = { { nt_ptr(r->addr), PAGE }, { not_there, PAGE } };

	return ERRNO_OF(preadv(r->other, iov, 2, 0));
}

/*
 * A reservation in two mappings: when the first is copied the child shares
 * all of its pages, but one in the second can still be pinned, and is when
 * the second is copied.
 */
TEST_F(fork, pin_between_two_mappings)
{
	unsigned long long start, end;
	__u64 base;

	if (!direct_file())
		SKIP(return, "no /scratch");
	if (!direct_io_pins(&self->first))
		SKIP(return, "direct I/O pins no page on this kernel");
	ASSERT_TRUE(nt_mapping(self->base, &start, &end));
	ASSERT_EQ(self->base, start);
	ASSERT_EQ(0, nt_release(self->fd, self->base, 0));
	base = start - GRAN;
	ASSERT_EQ(0, nt_reserve(self->fd, &base, 2 * GRAN, RW,
				NTMEM_RESERVE_COMMIT));
	ASSERT_EQ(2, nt_count_vmas(base, base + 2 * GRAN));
	ASSERT_EQ(0, nt_poke(base, 1));
	ASSERT_EQ(0, nt_poke(start, 1));
	self->first.run = fork_a_child;
	self->first.addr = start;
	self->other.run = read_direct_and_wait;
	self->other.addr = start;
	self->other.other = open("/scratch/direct", O_RDONLY | O_DIRECT);
	ASSERT_LE(0, self->other.other);
	not_there = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, not_there);
	ASSERT_TRUE(race(&self->first, "fork_vma", &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_TRUE(self->other.waited);
	ASSERT_EQ(2, nt_peek(start));
	ASSERT_EQ(0, nt_gate_open(&self->gate));
	ASSERT_EQ(1, nt_reap(self->first.result));
}

TEST_HARNESS_MAIN
