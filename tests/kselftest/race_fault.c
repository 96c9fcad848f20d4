// SPDX-License-Identifier: GPL-2.0
/*
 * A fault on its way from the state of a page to its PTE, and those who change
 * the state meanwhile.
 */
#include "race.h"

#define PAGES	16

/* ------------------------------------------------------------------------
 * The first write to a page, stopped on its way.
 */
FIXTURE(first_write)
{
	int fd;
	__u64 base;		/* PAGES committed pages, none touched */
	struct racer fault, other;
};

FIXTURE_VARIANT(first_write)
{
	const char *stop;
};

FIXTURE_VARIANT_ADD(first_write, state_seen) { .stop = "fault_look" };
FIXTURE_VARIANT_ADD(first_write, page_allocated) { .stop = "fault_install" };
FIXTURE_VARIANT_ADD(first_write, page_installed) { .stop = "fault_map" };
FIXTURE_VARIANT_ADD(first_write, page_mapped) { .stop = "fault_upgrade" };

FIXTURE_SETUP(first_write)
{
	self->base = race_block(_metadata, &self->fd, PAGES, RW);
	if (!self->base)
		return;
	self->fault = (struct racer) {
		.run = race_write, .addr = self->base + 3 * PAGE, .value = 7,
	};
	self->other = (struct racer) {
		.fd = self->fd, .addr = self->base, .size = PAGES * PAGE,
	};
}

FIXTURE_TEARDOWN(first_write)
{
	close(self->fd);
}

/* The write itself came before or was refused. */
static bool is_read_only(const struct racer *fault)
{
	return nt_poke(fault->addr, 8) == -SIGSEGV &&
	       nt_peek(fault->addr) == (fault->result ? 0 : fault->value);
}

TEST_F(first_write, protect)
{
	self->other.run = race_protect;
	self->other.prot = RO;
	ASSERT_TRUE(race(&self->fault, variant->stop, &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_TRUE(is_read_only(&self->fault));
}

/* COMMIT takes rights away, too. */
TEST_F(first_write, commit_of_less)
{
	self->other.run = race_commit;
	self->other.prot = RO;
	ASSERT_TRUE(race(&self->fault, variant->stop, &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_TRUE(is_read_only(&self->fault));
}

TEST_F(first_write, commit_of_a_guard)
{
	self->other.run = race_commit;
	self->other.prot = RW | GUARD;
	ASSERT_TRUE(race(&self->fault, variant->stop, &self->other));
	ASSERT_EQ(0, self->other.result);
	/* It stops the write itself, when that comes again, or the next. */
	if (!self->fault.result)
		ASSERT_EQ(-SIGSEGV, nt_poke(self->fault.addr, 8));
	ASSERT_EQ(self->fault.result ? 0 : 7, nt_peek(self->fault.addr));
}

TEST_F(first_write, decommit)
{
	self->other.run = race_decommit;
	ASSERT_TRUE(race(&self->fault, variant->stop, &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(-SIGSEGV, nt_peek(self->fault.addr));
	ASSERT_EQ(0, nt_commit(self->fd, self->base, PAGES * PAGE, RW));
	ASSERT_TRUE(nt_all(self->base, PAGES * PAGE, 0));
}

/* By the page, the long way. */
TEST_F(first_write, decommit_of_a_page)
{
	self->other.run = race_decommit;
	self->other.addr = self->fault.addr;
	self->other.size = PAGE;
	ASSERT_TRUE(race(&self->fault, variant->stop, &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(-SIGSEGV, nt_peek(self->fault.addr));
	ASSERT_EQ(0, nt_commit(self->fd, self->base, PAGES * PAGE, RW));
	ASSERT_TRUE(nt_all(self->base, PAGES * PAGE, 0));
}

TEST_F(first_write, release)
{
	self->other.run = race_release;
	self->other.size = 0;
	ASSERT_TRUE(race(&self->fault, variant->stop, &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(-SIGSEGV, nt_peek(self->fault.addr));
	ASSERT_EQ(0, nt_reserve(self->fd, &self->base, PAGES * PAGE, RW,
				NTMEM_RESERVE_COMMIT));
	ASSERT_TRUE(nt_all(self->base, PAGES * PAGE, 0));
}

TEST_F(first_write, release_of_a_part)
{
	self->other.run = race_release;
	self->other.addr = self->fault.addr;
	self->other.size = PAGE;
	ASSERT_TRUE(race(&self->fault, variant->stop, &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(-SIGSEGV, nt_peek(self->fault.addr));
	ASSERT_TRUE(nt_is_free(self->fd, self->fault.addr));
}

/* Both come to the same page: neither's write is lost. */
TEST_F(first_write, write)
{
	self->other.run = race_write;
	self->other.addr = self->fault.addr + 1;
	self->other.value = 9;
	ASSERT_TRUE(race(&self->fault, variant->stop, &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_FALSE(self->other.waited);
	ASSERT_EQ(0, self->fault.result);
	/* Nor does it show only as long as the PTE stands. */
	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGES * PAGE, RO, NULL));
	ASSERT_EQ(7, nt_peek(self->fault.addr));
	ASSERT_EQ(9, nt_peek(self->other.addr));
}

/* ------------------------------------------------------------------------
 * A fault that brings its neighbours along.
 */
FIXTURE(neighbours)
{
	int fd;
	__u64 base;		/* a block that is brought in one fault */
	struct racer fault, other;
};

FIXTURE_SETUP(neighbours)
{
	self->base = race_block(_metadata, &self->fd, PAGES, RW);
	if (!self->base)
		return;
	/* Used to the full in its last life. */
	memset(nt_ptr(self->base), 1, PAGES * PAGE);
	ASSERT_EQ(0, nt_decommit(self->fd, self->base, PAGES * PAGE));
	ASSERT_EQ(0, nt_commit(self->fd, self->base, PAGES * PAGE, RW));
	self->fault = (struct racer) {
		.run = race_write, .addr = self->base, .value = 7,
	};
	self->other = (struct racer) {
		.fd = self->fd, .addr = self->base + 5 * PAGE, .size = PAGE,
	};
}

FIXTURE_TEARDOWN(neighbours)
{
	close(self->fd);
}

TEST_F(neighbours, decommit)
{
	self->other.run = race_decommit;
	ASSERT_TRUE(race(&self->fault, "fault_map", &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(-SIGSEGV, nt_peek(self->other.addr));
	ASSERT_EQ(7, nt_peek(self->base));
}

TEST_F(neighbours, protect)
{
	self->other.run = race_protect;
	self->other.prot = RO;
	ASSERT_TRUE(race(&self->fault, "fault_upgrade", &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(-SIGSEGV, nt_poke(self->other.addr, 1));
	ASSERT_EQ(0, nt_poke(self->base, 1));
}

/* One that another thread has brought and written to meanwhile stays. */
TEST_F(neighbours, write)
{
	self->other.run = race_write;
	self->other.value = 9;
	ASSERT_TRUE(race(&self->fault, "fault_install", &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGES * PAGE, RO, NULL));
	ASSERT_EQ(9, nt_peek(self->other.addr));
	ASSERT_EQ(7, nt_peek(self->base));
}

/* ------------------------------------------------------------------------
 * A write to a page that is mapped read-only, to be made writable.
 */
FIXTURE(upgrade)
{
	int fd;
	__u64 page;		/* READWRITE, and the PTE read-only */
	struct racer fault, other;
};

FIXTURE_SETUP(upgrade)
{
	self->page = race_block(_metadata, &self->fd, 1, RO);
	if (!self->page)
		return;
	ASSERT_EQ(0, nt_peek(self->page));
	ASSERT_EQ(0, nt_protect(self->fd, self->page, PAGE, RW, NULL));
	self->fault = (struct racer) {
		.run = race_write, .addr = self->page, .value = 7,
	};
	self->other = (struct racer) {
		.fd = self->fd, .addr = self->page, .size = PAGE, .prot = RO,
	};
}

FIXTURE_TEARDOWN(upgrade)
{
	close(self->fd);
}

/* PROTECT, and then the read that puts an equal PTE back. */
static int protect_and_read(struct racer *r)
{
	return race_protect(r) ?: nt_peek(r->addr);
}

TEST_F(upgrade, protect_before)
{
	self->other.run = protect_and_read;
	ASSERT_TRUE(race(&self->fault, "fault_upgrade", &self->other));
	ASSERT_TRUE(self->other.waited);
	ASSERT_EQ(-SIGSEGV, nt_poke(self->page, 8));
}

/* The decision is made, and the core about to retry. */
TEST_F(upgrade, protect_after)
{
	self->other.run = protect_and_read;
	ASSERT_TRUE(race(&self->fault, "mkwrite_done", &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(-SIGSEGV, self->fault.result);
	ASSERT_EQ(-SIGSEGV, nt_poke(self->page, 8));
	ASSERT_EQ(0, nt_peek(self->page));
}

static int decommit_and_commit(struct racer *r)
{
	return race_decommit(r) ?: nt_commit(r->fd, r->addr, r->size, RO) ?:
	       nt_peek(r->addr);
}

TEST_F(upgrade, another_life_after)
{
	self->other.run = decommit_and_commit;
	ASSERT_TRUE(race(&self->fault, "mkwrite_done", &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(-SIGSEGV, self->fault.result);
	ASSERT_EQ(-SIGSEGV, nt_poke(self->page, 8));
	ASSERT_EQ(0, nt_peek(self->page));
}

/* ------------------------------------------------------------------------
 * A fault on a guard, between the look at it and its end.
 */
FIXTURE(guard)
{
	int fd;
	__u64 page;		/* guarded */
	struct racer fault, other;
};

FIXTURE_SETUP(guard)
{
	self->page = race_block(_metadata, &self->fd, 1, RW | GUARD);
	if (!self->page)
		return;
	self->fault = (struct racer) {
		.run = race_write, .addr = self->page, .value = 7,
	};
	self->other = (struct racer) {
		.fd = self->fd, .addr = self->page, .size = PAGE,
	};
}

FIXTURE_TEARDOWN(guard)
{
	close(self->fd);
}

TEST_F(guard, stops_one_of_two)
{
	self->other.run = race_write;
	self->other.value = 9;
	ASSERT_TRUE(race(&self->fault, "fault_again", &self->other));
	ASSERT_EQ(-SIGSEGV, self->other.result);
	ASSERT_EQ(0, self->fault.result);
	ASSERT_EQ(7, nt_peek(self->page));
}

TEST_F(guard, is_gone_by_protect)
{
	self->other.run = race_protect;
	self->other.prot = RW;
	ASSERT_TRUE(race(&self->fault, "fault_again", &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(0, self->fault.result);
}

TEST_F(guard, of_a_new_life_stands)
{
	self->other.run = decommit_and_commit;
	ASSERT_TRUE(race(&self->fault, "fault_again", &self->other));
	ASSERT_EQ(-SIGSEGV, self->fault.result);
	/* The page of the new life had no guard, and is read-only. */
	ASSERT_TRUE(nt_run(self->fd, self->page, PAGE, COMMITTED, RO));
}

/* ------------------------------------------------------------------------
 * COMMITs of one range, which go on beside each other.
 */
FIXTURE(commit)
{
	int fd;
	__u64 base;		/* PAGES reserved pages */
	struct racer first, other;
};

FIXTURE_SETUP(commit)
{
	if (!race_open(_metadata, &self->fd))
		return;
	/* The kernel's own account has room from now on. */
	ASSERT_NE(0ULL, nt_block(self->fd, PAGE, RW));
	self->base = nt_any(self->fd, PAGES * PAGE, 0);
	ASSERT_NE(0ULL, self->base);
	self->first = (struct racer) {
		.run = race_commit, .fd = self->fd, .addr = self->base,
		.size = 3 * PAGE, .prot = RW,
	};
	self->other = self->first;
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

TEST_F(commit, is_charged_once)
{
	ASSERT_TRUE(race(&self->first, "commit_scan", &self->other));
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(0, self->other.result);
	ASSERT_TRUE(nt_run(self->fd, self->base, 3 * PAGE, COMMITTED, RW));
	ASSERT_EQ(4 * PAGE, committed(self->fd));
}

TEST_F(commit, against_decommit)
{
	self->other.run = race_decommit;
	ASSERT_TRUE(race(&self->first, "commit_scan", &self->other));
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(0, self->other.result);
	ASSERT_TRUE(nt_run(self->fd, self->base, PAGES * PAGE, RESERVED, 0));
	ASSERT_EQ(PAGE, committed(self->fd));
}

/* Both make the table, or the block, that they need. */
static void commit_twice(struct __test_metadata *_metadata,
			 struct racer *first, struct racer *other,
			 const char *stop)
{
	int fd = first->fd;

	other->addr = first->addr + 5 * PAGE;
	ASSERT_TRUE(race(first, stop, other));
	ASSERT_EQ(0, first->result);
	ASSERT_EQ(0, other->result);
	ASSERT_FALSE(other->waited);
	ASSERT_TRUE(nt_run(fd, first->addr, 3 * PAGE, COMMITTED, RW));
	ASSERT_TRUE(nt_run(fd, other->addr, 3 * PAGE, COMMITTED, RW));
	ASSERT_EQ(7 * PAGE, committed(fd));
}

TEST_F(commit, two_tables)
{
	commit_twice(_metadata, &self->first, &self->other, "table_store");
}

TEST_F(commit, two_blocks)
{
	commit_twice(_metadata, &self->first, &self->other, "block_store");
}

/* The block is made by a fault, with a page in it, while COMMIT makes one. */
TEST_F(commit, and_a_fault_make_a_block)
{
	ASSERT_EQ(0, nt_commit(self->fd, self->base, PAGES * PAGE, RW));
	self->first.run = race_write;
	self->first.addr = self->base + 7 * PAGE;
	self->first.value = 7;
	self->other.run = race_write;
	self->other.value = 9;
	ASSERT_TRUE(race(&self->first, "block_store", &self->other));
	ASSERT_EQ(7, nt_peek(self->first.addr));
	ASSERT_EQ(9, nt_peek(self->other.addr));
}

TEST_HARNESS_MAIN
