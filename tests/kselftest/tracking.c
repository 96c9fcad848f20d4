// SPDX-License-Identifier: GPL-2.0
/*
 * Linux's own way to find out which pages were written to, soft-dirty bits: what
 * they say of ntmem's pages is true.
 */
#include "ntmem_test.h"

#define PAGES	64

/* Of the 64 bits that pagemap has for a page. */
#define SOFT_DIRTY	(1ULL << 55)

FIXTURE(tracking)
{
	int fd;
	int pagemap;
	__u64 base;		/* PAGES pages, every byte 1 */
};

FIXTURE_SETUP(tracking)
{
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->pagemap);
	self->base = nt_block(self->fd, PAGES * PAGE, RW);
	ASSERT_NE(0ULL, self->base);
	memset(nt_ptr(self->base), 1, PAGES * PAGE);
}

FIXTURE_TEARDOWN(tracking)
{
	close(self->pagemap);
	close(self->fd);
}

static bool is_dirty(int pagemap, __u64 addr)
{
	__u64 entry = 0;

	CHECK(pread(pagemap, &entry, sizeof(entry), addr / PAGE * 8) == 8);
	return entry & SOFT_DIRTY;
}

/* How many of these pages are. */
static int count_dirty(int pagemap, __u64 addr, int pages)
{
	int i, n = 0;

	for (i = 0; i < pages; i++)
		n += is_dirty(pagemap, addr + i * PAGE);
	return n;
}

static int clean(void)
{
	return nt_write_file("/proc/self/clear_refs", "4");
}

/* Neighbours in one block, of which each write has to be seen. */
TEST_F(tracking, each_write)
{
	int i;

	if (!is_dirty(self->pagemap, self->base))
		SKIP(return, "no soft-dirty bits");
	ASSERT_EQ(0, clean());
	ASSERT_EQ(0, count_dirty(self->pagemap, self->base, PAGES));
	for (i = 17; i < 23; i++) {
		ASSERT_EQ(0, nt_poke(self->base + i * PAGE, 2));
		ASSERT_EQ(i - 16, count_dirty(self->pagemap, self->base,
					      PAGES));
	}
	ASSERT_EQ(1, nt_peek(self->base + 40 * PAGE));
	ASSERT_EQ(6, count_dirty(self->pagemap, self->base, PAGES));
	/* Content that is new is a change. */
	ASSERT_EQ(0, nt_decommit(self->fd, self->base, 16 * PAGE));
	ASSERT_EQ(0, nt_commit(self->fd, self->base, 16 * PAGE, RW));
	ASSERT_EQ(0, nt_poke(self->base + 3 * PAGE, 2));
	ASSERT_TRUE(is_dirty(self->pagemap, self->base + 3 * PAGE));
}

/* Pages that came by reading tell of what is written then, in a view, too. */
TEST_F(tracking, write_after_a_read)
{
	__u64 base = self->base, view;
	int section;

	if (!is_dirty(self->pagemap, base))
		SKIP(return, "no soft-dirty bits");
	section = nt_section(self->fd, NULL, GRAN, RW, 0);
	ASSERT_LE(0, section);
	view = nt_view(self->fd, section, RW);
	ASSERT_NE(0ULL, view);
	ASSERT_EQ(0, nt_decommit(self->fd, base, 16 * PAGE));
	ASSERT_EQ(0, nt_commit(self->fd, base, 16 * PAGE, RW));
	ASSERT_EQ(0, clean());
	ASSERT_EQ(0, nt_peek(base + 3 * PAGE));
	ASSERT_EQ(0, nt_peek(view + 3 * PAGE));
	ASSERT_EQ(0, count_dirty(self->pagemap, base, 16));
	ASSERT_EQ(0, count_dirty(self->pagemap, view, 16));
	ASSERT_EQ(0, nt_poke(base + 3 * PAGE, 2));
	EXPECT_EQ(1, count_dirty(self->pagemap, base, 16));
	ASSERT_EQ(0, nt_poke(view + 3 * PAGE, 2));
	EXPECT_EQ(1, count_dirty(self->pagemap, view, 16));
	EXPECT_TRUE(is_dirty(self->pagemap, base + 3 * PAGE));
	EXPECT_TRUE(is_dirty(self->pagemap, view + 3 * PAGE));
	close(section);
}

/* In a mapping with code, data that must not become executable. */
TEST_F(tracking, data_beside_code)
{
	__u64 data = self->base + 17 * PAGE;

	if (!is_dirty(self->pagemap, self->base))
		SKIP(return, "no soft-dirty bits");
	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, RX, NULL));
	memset(nt_ptr(data), 2, 4 * PAGE);
	ASSERT_EQ(0, clean());
	ASSERT_EQ(0, nt_poke(data + PAGE, 0xc3));
	ASSERT_EQ(0, nt_poke(data, 0xc3));
	ASSERT_EQ(-SIGSEGV, nt_exec(data));
	ASSERT_EQ(2, count_dirty(self->pagemap, data, 4));
	/* Likewise where it was read first. */
	ASSERT_EQ(0, nt_decommit(self->fd, data, PAGE));
	ASSERT_EQ(0, nt_commit(self->fd, data, PAGE, RW));
	ASSERT_EQ(0, nt_peek(data));
	ASSERT_EQ(1, count_dirty(self->pagemap, data, 4));
	ASSERT_EQ(0, nt_poke(data, 0xc3));
	ASSERT_EQ(-SIGSEGV, nt_exec(data));
	ASSERT_EQ(2, count_dirty(self->pagemap, data, 4));
}

TEST_HARNESS_MAIN
