// SPDX-License-Identifier: GPL-2.0
/*
 * Views that change, and sections that come and go, while others use them:
 * nobody is left with a page or a right that the other call took away.
 */
#include "race.h"

#define WC	NTMEM_PAGE_WRITECOPY
#define SIZE	(16 * PAGE)

FIXTURE(race_section)
{
	int fd;
	int section;		/* SIZE, committed later */
	__u64 base, other;	/* two views of it; of one its first page */
	struct racer first, second;
};

FIXTURE_SETUP(race_section)
{
	if (!race_open(_metadata, &self->fd))
		return;
	self->section = nt_section(self->fd, NULL, SIZE, RW,
				   NTMEM_SECTION_RESERVE);
	ASSERT_LE(0, self->section);
	self->base = nt_view(self->fd, self->section, RW);
	self->other = nt_view(self->fd, self->section, RW);
	ASSERT_EQ(0, nt_commit(self->fd, self->base, 2 * PAGE, RW));
	self->first = (struct racer) {
		.fd = self->fd, .addr = self->base, .size = PAGE, .prot = RW,
		.value = 7, .other = self->section,
	};
	self->second = self->first;
}

FIXTURE_TEARDOWN(race_section)
{
	close(self->fd);
}

static int unmap(struct racer *r)
{
	return nt_unmap(r->fd, r->addr, 0);
}

static const char * const faults[] = {
	"fault_look", "fault_map", "fault_upgrade",
};

TEST_F(race_section, first_write_against_protect)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, RW, NULL));
		self->first.run = race_write;
		self->second.run = race_protect;
		self->second.prot = RO;
		ASSERT_TRUE(race(&self->first, faults[i], &self->second));
		ASSERT_TRUE(self->second.waited);
		ASSERT_EQ(0, self->second.result);
		ASSERT_EQ(-SIGSEGV, nt_poke(self->base, 9));
		/* It came before, or was refused after. */
		ASSERT_EQ(self->first.result ? 0 : 7, nt_peek(self->other));
		ASSERT_EQ(0, nt_poke(self->other, 0));
	}
}

TEST_F(race_section, first_write_against_unmap)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		self->first.run = race_write;
		self->second.run = unmap;
		ASSERT_TRUE(race(&self->first, faults[i], &self->second));
		ASSERT_TRUE(self->second.waited);
		ASSERT_EQ(0, self->second.result);
		ASSERT_EQ(-SIGSEGV, nt_peek(self->base));
		self->base = nt_view(self->fd, self->section, RW);
		self->first.addr = self->base;
		self->second.addr = self->base;
	}
}

/* What another view commits while a run is looked for; see ntmem_segment_run(). */
static void query_against_commit(struct __test_metadata *_metadata,
				 struct _test_data_race_section *self,
				 const char *point, __u64 query, __u64 commit,
				 __u64 size)
{
	int section = nt_section(self->fd, NULL, 8 * MIB, RW,
				 NTMEM_SECTION_RESERVE);
	__u64 base = nt_view(self->fd, section, RW);
	__u64 other = nt_view(self->fd, section, RW);

	ASSERT_NE(0ULL, base);
	ASSERT_NE(0ULL, other);
	ASSERT_EQ(0, nt_commit(self->fd, base + PAGE, PAGE, RW));
	self->first.run = race_query;
	self->first.addr = base + query;
	self->second.run = race_commit;
	self->second.addr = other + commit;
	ASSERT_TRUE(race(&self->first, point, &self->second));
	EXPECT_FALSE(self->second.waited);
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(0, self->second.result);
	EXPECT_EQ(base + query, self->first.query.base);
	EXPECT_EQ((__u32)RESERVED, self->first.query.state);
	EXPECT_EQ(size, self->first.query.size);
	ASSERT_TRUE(nt_run(self->fd, base + commit, commit ? PAGE : 2 * PAGE,
			   COMMITTED, RW));
}

TEST_F(race_section, query_against_commit_of_the_page)
{
	query_against_commit(_metadata, self, "segment_seen", 0, 0, PAGE);
}

TEST_F(race_section, query_against_commit_of_a_page_before)
{
	query_against_commit(_metadata, self, "segment_look",
			     2 * MIB + 3 * PAGE, 2 * MIB,
			     6 * MIB - 3 * PAGE);
}

/* PROTECT has told the state, and PTEs are as they were. */
TEST_F(race_section, protect_against_write)
{
	ASSERT_EQ(0, nt_poke(self->base, 1));
	self->first.run = race_protect;
	self->first.prot = NOACCESS;
	self->second.run = race_write;
	self->second.addr = self->base + PAGE;
	ASSERT_TRUE(race(&self->first, "view_changed", &self->second));
	ASSERT_TRUE(self->second.waited);
	ASSERT_EQ(-SIGSEGV, nt_peek(self->base));
	ASSERT_EQ(7, nt_peek(self->other + PAGE));
}

/* Two views bring the same page: one of both is the section's. */
TEST_F(race_section, first_touch_of_two)
{
	struct ntmem_info info;

	self->first.run = race_write;
	self->second.run = race_write;
	self->second.addr = self->other + 8;
	self->second.value = 8;
	ASSERT_TRUE(race(&self->first, "segment_add", &self->second));
	ASSERT_FALSE(self->second.waited);
	ASSERT_EQ(7, nt_peek(self->other));
	ASSERT_EQ(8, nt_peek(self->base + 8));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(PAGE, info.resident);
}

/* The page is copied, and still mapped as it was. */
TEST_F(race_section, copy_against_read_and_write)
{
	ASSERT_EQ(0, nt_poke(self->other, 1));
	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, WC, NULL));
	ASSERT_EQ(1, nt_peek(self->base));
	self->first.run = race_write;
	self->second.run = race_write;
	self->second.addr = self->other;
	self->second.value = 2;
	ASSERT_TRUE(race(&self->first, "view_copied", &self->second));
	ASSERT_EQ(0, self->second.result);
	ASSERT_EQ(2, nt_peek(self->other));
	ASSERT_EQ(7, nt_peek(self->base));
	ASSERT_EQ(0, nt_poke(self->base, 8));
	ASSERT_EQ(2, nt_peek(self->other));
}

TEST_F(race_section, copy_against_copy)
{
	struct ntmem_info info;

	ASSERT_EQ(0, nt_poke(self->other, 1));
	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, WC, NULL));
	self->first.run = race_write;
	self->second.run = race_write;
	self->second.addr = self->base + 1;
	self->second.value = 9;
	ASSERT_TRUE(race(&self->first, "view_copied", &self->second));
	ASSERT_TRUE(self->second.waited);
	ASSERT_EQ(7, nt_peek(self->base));
	ASSERT_EQ(9, nt_peek(self->base + 1));
	ASSERT_EQ(1, nt_peek(self->other));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(2 * PAGE, info.resident);
}

/* Charged once, by whoever comes first. */
TEST_F(race_section, commit_in_two_views)
{
	struct ntmem_info before, after;

	ASSERT_EQ(0, nt_info(self->fd, &before));
	self->first.run = race_commit;
	self->first.size = 4 * PAGE;
	self->second.run = race_commit;
	self->second.addr = self->other + 3 * PAGE;
	self->second.size = 3 * PAGE;
	ASSERT_TRUE(race(&self->first, "segment_commit", &self->second));
	ASSERT_TRUE(self->second.waited);
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(0, self->second.result);
	ASSERT_EQ(0, nt_info(self->fd, &after));
	ASSERT_EQ(before.user_committed + 4 * PAGE, after.user_committed);
	ASSERT_TRUE(nt_run(self->fd, self->base, 6 * PAGE, COMMITTED, RW));
}

/* ------------------------------------------------------------------ names --- */

#define NAME	"contended"

static int create(struct racer *r)
{
	return nt_section(r->fd, NAME, r->size, RW, 0);
}

static int open_it(struct racer *r)
{
	return nt_open_section(r->fd, NAME, 0, RW);
}

static int close_it(struct racer *r)
{
	return ERRNO_OF(close(r->other));
}

static __u64 size_of(int fd, int section)
{
	struct ntmem_section s = { .fd = section };

	return nt_call(fd, NTMEM_IOC_QUERY_SECTION, &s) ? 0 : s.size;
}

/* Whoever is second opens what the first has made. */
TEST_F(race_section, two_of_one_name)
{
	struct ntmem_info before, after;

	ASSERT_EQ(0, nt_info(self->fd, &before));
	self->first.run = create;
	self->second.run = create;
	self->second.size = 2 * PAGE;
	ASSERT_TRUE(race(&self->first, "name_enter", &self->second));
	ASSERT_LE(0, self->first.result);
	ASSERT_LE(0, self->second.result);
	ASSERT_EQ(2 * PAGE, size_of(self->fd, self->first.result));
	ASSERT_EQ(2 * PAGE, size_of(self->fd, self->second.result));
	ASSERT_EQ(0, nt_info(self->fd, &after));
	ASSERT_EQ(before.committed + 2 * PAGE, after.committed);
}

/* The last handle is on its way out: what is opened now lives on. */
TEST_F(race_section, open_against_the_last_close)
{
	self->first.other = nt_section(self->fd, NAME, PAGE, RW, 0);
	ASSERT_LE(0, self->first.other);
	self->first.run = close_it;
	self->second.run = open_it;
	ASSERT_TRUE(race(&self->first, "handle_gone", &self->second));
	ASSERT_LE(0, self->second.result);
	ASSERT_EQ(PAGE, size_of(self->fd, self->second.result));
	ASSERT_NE(0ULL, nt_view(self->fd, self->second.result, RW));
	self->first.run(&self->second);
	close(self->second.result);
	ASSERT_EQ(-ENOENT, nt_open_section(self->fd, NAME, 0, RW));
}

TEST_HARNESS_MAIN
