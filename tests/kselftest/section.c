// SPDX-License-Identifier: GPL-2.0
/*
 * Sections and views: one memory, seen by whoever maps it, as far as each may.
 */
#include "ntmem_test.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define WC		NTMEM_PAGE_WRITECOPY
#define XWC		NTMEM_PAGE_EXECUTE_WRITECOPY
#define LATER		NTMEM_SECTION_RESERVE
#define PLACEHOLDER	NTMEM_RESERVE_PLACEHOLDER
#define REPLACE		NTMEM_RESERVE_REPLACE
#define PRESERVE	NTMEM_RELEASE_PRESERVE

#define SIZE	(16 * PAGE)

FIXTURE(section)
{
	int fd;
	int section;	/* SIZE, READWRITE */
	__u64 base;	/* all of it */
};

FIXTURE_SETUP(section)
{
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->section = nt_section(self->fd, NULL, SIZE - 5, RW, 0);
	ASSERT_LE(0, self->section);
	self->base = nt_view(self->fd, self->section, RW);
	ASSERT_NE(0ULL, self->base);
}

FIXTURE_TEARDOWN(section)
{
	close(self->section);
	close(self->fd);
}

/* Is addr in the view [base, ...) that was made with prot? */
static bool in_view(int fd, __u64 addr, __u64 base, __u32 prot)
{
	struct ntmem_query q;

	return !nt_query(fd, addr, &q) && q.alloc_base == base &&
	       q.alloc_prot == prot && q.type == NTMEM_TYPE_MAPPED;
}

static __u64 part(int fd, int section, __u64 offset, __u64 size, __u32 prot)
{
	__u64 addr = 0;

	return nt_map(fd, section, offset, &addr, size, prot, 0) ? 0 : addr;
}

/* --------------------------------------------------------------- sections --- */

TEST_F(section, tells_of_itself)
{
	struct ntmem_section s = { .fd = self->section };
	struct ntmem_info info;

	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_TRUE(info.features & NTMEM_FEATURE_SECTION);
	ASSERT_EQ(0, nt_call(self->fd, NTMEM_IOC_QUERY_SECTION, &s));
	ASSERT_EQ(SIZE, s.size);
	ASSERT_EQ((__u32)RW, s.prot);
	ASSERT_EQ(0U, s.flags);
	ASSERT_TRUE(fcntl(self->section, F_GETFD) & FD_CLOEXEC);
}

TEST_F(section, bad_arguments)
{
	static const __u32 bad[] = {
		0, NOACCESS, X, RO | RW, RW | GUARD,
		RW | NTMEM_PAGE_NOCACHE, 0x800,
	};
	struct ntmem_section s = { .size = PAGE, .prot = RW, .fd = 1 };
	char name[NTMEM_NAME_MAX + 2];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ASSERT_EQ(-EINVAL, nt_section(self->fd, NULL, PAGE, bad[i], 0));
	ASSERT_EQ(-EINVAL, nt_section(self->fd, NULL, 0, RW, 0));
	ASSERT_EQ(-EINVAL, nt_section(self->fd, NULL, NONE, RW, 0));
	ASSERT_EQ(-EINVAL, nt_section(self->fd, NULL, PAGE, RW, 2));
	ASSERT_EQ(-EINVAL, nt_section(self->fd, NULL, PAGE, RW, 4));
	ASSERT_EQ(EINVAL, nt_call(self->fd, NTMEM_IOC_CREATE_SECTION, &s));
	memset(name, 'x', sizeof(name));
	name[NTMEM_NAME_MAX + 1] = '\0';
	ASSERT_EQ(-EINVAL, nt_section(self->fd, name, PAGE, RW, 0));
	ASSERT_EQ(-EINVAL, nt_section(self->fd, "", PAGE, RW, 0));
	s = (struct ntmem_section) {
		.size = PAGE, .prot = RW, .name = NONE, .name_len = 4,
	};
	ASSERT_EQ(EFAULT, nt_call(self->fd, NTMEM_IOC_CREATE_SECTION, &s));
}

TEST_F(section, bad_handles)
{
	struct ntmem_section s = { .fd = self->fd };
	__u64 addr = 0;

	ASSERT_EQ(EBADF, nt_map(self->fd, self->fd, 0, &addr, 0, RW, 0));
	ASSERT_EQ(EBADF, nt_map(self->fd, -1, 0, &addr, 0, RW, 0));
	ASSERT_EQ(EBADF, nt_map(self->fd, 999, 0, &addr, 0, RW, 0));
	ASSERT_EQ(-EBADF, nt_open_section(self->fd, NULL, self->fd, RW));
	ASSERT_EQ(EBADF, nt_call(self->fd, NTMEM_IOC_QUERY_SECTION, &s));
	s = (struct ntmem_section) { .fd = self->section, .flags = 1 };
	ASSERT_EQ(EINVAL, nt_call(self->fd, NTMEM_IOC_QUERY_SECTION, &s));
	/* Its size is told, not asked for. */
	s = (struct ntmem_section) { .fd = self->section, .size = SIZE };
	ASSERT_EQ(EINVAL, nt_call(self->fd, NTMEM_IOC_QUERY_SECTION, &s));
	ASSERT_EQ(EINVAL, nt_call(self->fd, NTMEM_IOC_OPEN_SECTION, &s));
	/* It is no device, and nothing to read or map. */
	ASSERT_EQ(-1, ioctl(self->section, NTMEM_IOC_INFO, &s));
	ASSERT_EQ(-1, read(self->section, &s, 1));
	ASSERT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED,
				   self->section, 0));
}

/* Nothing is left of what nobody could be told of. */
TEST_F(section, untold)
{
	struct ntmem_section *s;
	struct ntmem_info before, after;
	int next = dup(0);

	close(next);
	s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)s);
	*s = (struct ntmem_section) {
		.size = PAGE, .prot = RW, .name = (uintptr_t)"untold",
		.name_len = 6,
	};
	ASSERT_EQ(0, nt_info(self->fd, &before));
	ASSERT_EQ(0, mprotect(s, PAGE, PROT_READ));
	ASSERT_EQ(EFAULT, ERRNO_OF(ioctl(self->fd, NTMEM_IOC_CREATE_SECTION,
					 s)));
	ASSERT_EQ(-ENOENT, nt_open_section(self->fd, "untold", 0, RW));
	ASSERT_EQ(0, nt_info(self->fd, &after));
	ASSERT_EQ(0, memcmp(&before, &after, sizeof(before)));
	ASSERT_EQ(next, dup(0));
}

static const char unmade[] = "no_descriptor_is_left";

static int without_descriptors(void *data)
{
	const struct rlimit none = { 3, 3 };
	int fd = open("/dev/ntmem", O_RDWR);

	(void)data;
	CHECK(fd >= 0 && !setrlimit(RLIMIT_NOFILE, &none));
	CHECK(nt_section(fd, unmade, PAGE, RW, 0) == -EMFILE);
	CHECK(nt_open_section(fd, unmade, 0, RW) == -EMFILE);
	return 0;
}

TEST_F(section, no_descriptor_is_left)
{
	ASSERT_EQ(0, nt_in_child(without_descriptors, NULL));
	ASSERT_EQ(-ENOENT, nt_open_section(self->fd, unmade, 0, RW));
}

/* Charged once, to the user, as long as a handle or a view is left. */
TEST_F(section, is_charged_once)
{
	struct ntmem_info info;
	__u64 total;

	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(0ULL, info.space_committed);
	ASSERT_EQ(SIZE, info.user_committed);
	total = info.committed;
	ASSERT_NE(0ULL, nt_view(self->fd, self->section, RW));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(total, info.committed);
	close(self->section);
	ASSERT_EQ(0, nt_unmap(self->fd, self->base, 0));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(total, info.committed);
}

TEST_F(section, is_gone_with_handle_and_views)
{
	struct ntmem_info info;

	ASSERT_EQ(0, nt_poke(self->base, 1));
	close(self->section);
	ASSERT_EQ(1, nt_peek(self->base));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(PAGE, info.resident);
	ASSERT_EQ(0, nt_unmap(self->fd, self->base, 0));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(0ULL, info.committed);
	ASSERT_EQ(0ULL, info.resident);
	ASSERT_EQ(0ULL, info.space_reserved);
	ASSERT_EQ(-SIGSEGV, nt_peek(self->base));
}

TEST_F(section, too_large_to_commit)
{
	struct ntmem_info info;
	int section;

	ASSERT_UNCHANGED(-ENOMEM, nt_section(self->fd, NULL, 8 * TIB, RW, 0));
	section = nt_section(self->fd, NULL, 8 * TIB, RW, LATER);
	ASSERT_LE(0, section);
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(SIZE, info.user_committed);
	close(section);
}

/* ------------------------------------------------------------------ views --- */

TEST_F(section, views_see_the_same)
{
	__u64 other = nt_view(self->fd, self->section, RW);
	__u64 tail = part(self->fd, self->section, 4 * PAGE, 2 * PAGE, RO);

	ASSERT_NE(self->base, other);
	ASSERT_TRUE(nt_run(self->fd, self->base, SIZE, COMMITTED, RW));
	ASSERT_TRUE(nt_run(self->fd, tail, 2 * PAGE, COMMITTED, RO));
	ASSERT_TRUE(in_view(self->fd, self->base + PAGE, self->base, RW));
	ASSERT_TRUE(in_view(self->fd, tail + PAGE, tail, RO));
	ASSERT_EQ(0ULL, tail % GRAN);
	ASSERT_EQ(0, nt_peek(other + 4 * PAGE));
	ASSERT_EQ(0, nt_poke(self->base + 4 * PAGE, 7));
	ASSERT_EQ(7, nt_peek(other + 4 * PAGE));
	ASSERT_EQ(7, nt_peek(tail));
	ASSERT_EQ(0, nt_poke(other + 4 * PAGE, 8));
	ASSERT_EQ(8, nt_peek(self->base + 4 * PAGE));
	ASSERT_EQ(8, nt_peek(tail));
	ASSERT_EQ(-SIGSEGV, nt_poke(tail, 9));
	ASSERT_EQ(-SIGSEGV, nt_exec(self->base));
}

TEST_F(section, bad_views)
{
	struct ntmem_map_view v = {
		.fd = self->section, .prot = RW, .size = PAGE, .pad = 1,
	};
	static const __u32 flags[] = {
		NTMEM_RESERVE_COMMIT, NTMEM_RESERVE_WATCH, PLACEHOLDER, 1U << 6,
	};
	__u64 any = 0, at = WANTED + PAGE;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		ASSERT_UNCHANGED(EINVAL, nt_map(self->fd, self->section, 0,
						&any, 0, RW, flags[i]));
	ASSERT_UNCHANGED(EINVAL, nt_call(self->fd, NTMEM_IOC_MAP_VIEW, &v));
	ASSERT_UNCHANGED(EINVAL, nt_map(self->fd, self->section, 1, &any, 0, RW,
					0));
	ASSERT_UNCHANGED(EINVAL, nt_map(self->fd, self->section, 0, &any, 0, 0,
					0));
	ASSERT_UNCHANGED(EINVAL, nt_map(self->fd, self->section, 0, &at, 0, RW,
					0));
	ASSERT_UNCHANGED(ERANGE, nt_map(self->fd, self->section, SIZE, &any, 0,
					RW, 0));
	ASSERT_UNCHANGED(ERANGE, nt_map(self->fd, self->section, PAGE, &any,
					SIZE, RW, 0));
	ASSERT_UNCHANGED(ERANGE, nt_map(self->fd, self->section, 0, &any,
					SIZE + 1, RW, 0));
	at = self->base;
	ASSERT_UNCHANGED(EEXIST, nt_map(self->fd, self->section, 0, &at, 0, RW,
					0));
	ASSERT_UNCHANGED(EINVAL, nt_unmap(self->fd, self->base, 2));
}

TEST_F(section, places)
{
	__u64 at = WANTED, high = 0, any = 0;
	struct ntmem_map_view v = {
		.fd = self->section, .prot = RW, .min_addr = WANTED,
		.max_addr = WANTED + 2 * GRAN - 1,
	};

	ASSERT_EQ(0, nt_map(self->fd, self->section, 0, &at, PAGE + 1, RW, 0));
	ASSERT_EQ(WANTED, at);
	ASSERT_TRUE(nt_run(self->fd, at, 2 * PAGE, COMMITTED, RW));
	ASSERT_EQ(0, nt_map(self->fd, self->section, 0, &high, 0, RW,
			    NTMEM_RESERVE_TOP_DOWN));
	/* Where anything else that is to lie high would lie. */
	ASSERT_EQ(0, nt_unmap(self->fd, high, 0));
	ASSERT_EQ(0, nt_reserve(self->fd, &any, SIZE, RW,
				NTMEM_RESERVE_TOP_DOWN));
	ASSERT_EQ(high, any);
	ASSERT_EQ(0, nt_call(self->fd, NTMEM_IOC_MAP_VIEW, &v));
	ASSERT_EQ(WANTED + GRAN, v.addr);
	ASSERT_EQ(SIZE, v.size);
}

TEST_F(section, unmap)
{
	__u64 plain = nt_block(self->fd, PAGE, RW);

	ASSERT_UNCHANGED(ENOENT, nt_unmap(self->fd, plain, 0));
	ASSERT_UNCHANGED(ENOENT, nt_unmap(self->fd, WANTED, 0));
	ASSERT_UNCHANGED(ENOENT, nt_unmap(self->fd, NONE, 0));
	ASSERT_UNCHANGED(ENOENT, nt_unmap(self->fd, self->base, PRESERVE));
	ASSERT_UNCHANGED(EPERM, nt_release(self->fd, self->base, 0));
	ASSERT_UNCHANGED(EPERM, nt_release(self->fd, self->base, PAGE));
	ASSERT_UNCHANGED(EPERM, nt_decommit(self->fd, self->base, PAGE));
	ASSERT_UNCHANGED(EPERM, nt_decommit(self->fd, self->base, 0));
	ASSERT_EQ(-1, munmap(nt_ptr(self->base), PAGE));
	/* Any address in it will do. */
	ASSERT_EQ(0, nt_unmap(self->fd, self->base + 5 * PAGE + 5, 0));
	ASSERT_TRUE(nt_is_free(self->fd, self->base));
	self->base = nt_view(self->fd, self->section, RW);
	ASSERT_EQ(0, munmap(nt_ptr(self->base), SIZE));
	ASSERT_TRUE(nt_is_free(self->fd, self->base));
}

/* --------------------------------------------------------------- protection --- */

TEST_F(section, what_a_handle_allows)
{
	static const struct {
		__u32 section, view;
		int error;
	} cases[] = {
		{ RO, NOACCESS, 0 }, { RO, RO, 0 }, { RO, WC, 0 },
		{ RO, RW, EACCES }, { RO, RX, EACCES }, { RO, XWC, EACCES },
		{ RW, RW, 0 }, { RW, WC, 0 }, { RW, X, EACCES },
		{ WC, WC, 0 }, { WC, RO, 0 }, { WC, RW, EACCES },
		{ RX, X, 0 }, { RX, XWC, 0 }, { RX, RW, EACCES },
		{ RX, RWX, EACCES }, { XWC, XWC, 0 }, { XWC, RWX, EACCES },
		{ RWX, RWX, 0 }, { RWX, RW, 0 },
	};
	unsigned int i;
	__u64 addr;
	int handle, all;

	all = nt_section(self->fd, NULL, PAGE, RWX, 0);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		handle = nt_open_section(self->fd, NULL, all, cases[i].section);
		ASSERT_LE(0, handle);
		addr = 0;
		EXPECT_EQ(cases[i].error, nt_map(self->fd, handle, 0, &addr, 0,
						 cases[i].view, 0)) {
			TH_LOG("%#x of %#x", cases[i].view, cases[i].section);
		}
		/* Nor is a handle that allows it to be had. */
		if (cases[i].error && cases[i].view != X)
			EXPECT_EQ(-EACCES, nt_open_section(self->fd, NULL,
							   handle,
							   cases[i].view));
		close(handle);
	}
}

TEST_F(section, protect)
{
	__u64 ro = nt_view(self->fd, self->section, RO);
	__u64 none = nt_view(self->fd, self->section, NOACCESS);
	__u32 old = 0;

	ASSERT_UNCHANGED(EINVAL, nt_protect(self->fd, ro, PAGE, RW, NULL));
	ASSERT_UNCHANGED(EINVAL, nt_protect(self->fd, ro, PAGE, RX, NULL));
	ASSERT_UNCHANGED(EINVAL, nt_protect(self->fd, none, PAGE, RO, NULL));
	ASSERT_UNCHANGED(EINVAL, nt_protect(self->fd, self->base, PAGE, XWC,
					    NULL));
	ASSERT_EQ(-SIGSEGV, nt_peek(none));
	ASSERT_EQ(0, nt_poke(self->base + PAGE, 7));
	ASSERT_EQ(0, nt_protect(self->fd, self->base + PAGE, PAGE, RO, &old));
	ASSERT_EQ((__u32)RW, old);
	ASSERT_EQ(7, nt_peek(self->base + PAGE));
	ASSERT_EQ(-SIGSEGV, nt_poke(self->base + PAGE, 8));
	ASSERT_EQ(0, nt_poke(self->base + 2 * PAGE, 8));
	ASSERT_EQ(0, nt_protect(self->fd, self->base, SIZE, NOACCESS, &old));
	ASSERT_EQ(-SIGSEGV, nt_peek(self->base + PAGE));
	ASSERT_EQ(7, nt_peek(ro + PAGE));
	/* COMMIT does the same in such a section. */
	ASSERT_EQ(0, nt_commit(self->fd, self->base, SIZE, RW));
	ASSERT_EQ(0, nt_poke(self->base + PAGE, 8));
	ASSERT_EQ(8, nt_peek(ro + PAGE));
	ASSERT_UNCHANGED(EINVAL, nt_commit(self->fd, ro, PAGE, RW));
}

TEST_F(section, guard)
{
	struct ntmem_fault fault;

	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, RW | GUARD, NULL));
	ASSERT_EQ(-SIGSEGV, nt_poke(self->base, 1));
	ASSERT_EQ(0, nt_last_fault(self->fd, &fault));
	ASSERT_EQ((__u32)NTMEM_FAULT_GUARD, fault.reason);
	ASSERT_EQ(0, nt_poke(self->base, 1));
	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, WC | GUARD, NULL));
	ASSERT_EQ(-SIGSEGV, nt_poke(self->base, 2));
	ASSERT_EQ(0, nt_poke(self->base, 2));
	ASSERT_TRUE(nt_run(self->fd, self->base, SIZE, COMMITTED, RW));
}

TEST_F(section, execute)
{
	int section = nt_section(self->fd, NULL, SIZE, RWX, 0);
	__u64 code = nt_view(self->fd, section, RX);
	__u64 data = nt_view(self->fd, section, RW);
	__u64 all = nt_view(self->fd, section, RWX);

	nt_write_code(data, 42);
	ASSERT_EQ(42, nt_exec(code));
	ASSERT_EQ(42, nt_exec(all));
	ASSERT_EQ(-SIGSEGV, nt_exec(data));
	ASSERT_EQ(0, nt_protect(self->fd, all, PAGE, RW, NULL));
	ASSERT_EQ(-SIGSEGV, nt_exec(all));
	nt_write_code(all, 43);
	ASSERT_EQ(43, nt_exec(code));
	ASSERT_EQ(0, nt_protect(self->fd, all, PAGE, XWC, NULL));
	nt_write_code(all, 44);
	ASSERT_EQ(44, nt_exec(all));
	ASSERT_EQ(43, nt_exec(code));
}

/* -------------------------------------------------------------- WRITECOPY --- */

TEST_F(section, writecopy_by_page)
{
	__u64 copy = nt_view(self->fd, self->section, WC);
	struct ntmem_info info;
	__u32 old = 0;

	/* All that can be copied is charged to who may do it. */
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(SIZE, info.space_committed);
	ASSERT_EQ(0, nt_poke(self->base + PAGE, 7));
	ASSERT_EQ(0, nt_poke(self->base + 2 * PAGE - 1, 6));
	ASSERT_TRUE(nt_run(self->fd, copy, SIZE, COMMITTED, WC));
	ASSERT_EQ(7, nt_peek(copy + PAGE));
	ASSERT_EQ(0, nt_poke(copy + PAGE, 8));
	ASSERT_EQ(6, nt_peek(copy + 2 * PAGE - 1));
	ASSERT_EQ(7, nt_peek(self->base + PAGE));
	ASSERT_EQ(0, nt_poke(self->base + PAGE, 9));
	ASSERT_EQ(8, nt_peek(copy + PAGE));
	/* What is not copied still shows what the others write. */
	ASSERT_EQ(0, nt_poke(self->base + 2 * PAGE, 9));
	ASSERT_EQ(9, nt_peek(copy + 2 * PAGE));
	/* Untouched by anybody: its own zeros. */
	ASSERT_EQ(0, nt_poke(copy + 5 * PAGE + 1, 1));
	ASSERT_EQ(0, nt_peek(copy + 5 * PAGE));
	ASSERT_EQ(0, nt_poke(self->base + 5 * PAGE, 3));
	ASSERT_EQ(0, nt_peek(copy + 5 * PAGE));

	ASSERT_TRUE(nt_run(self->fd, copy, PAGE, COMMITTED, WC));
	ASSERT_TRUE(nt_run(self->fd, copy + PAGE, PAGE, COMMITTED, RW));
	ASSERT_TRUE(nt_run(self->fd, copy + 2 * PAGE, 3 * PAGE, COMMITTED, WC));
	ASSERT_TRUE(nt_run(self->fd, copy + 5 * PAGE, PAGE, COMMITTED, RW));
	ASSERT_TRUE(nt_run(self->fd, copy + 6 * PAGE, SIZE - 6 * PAGE,
			   COMMITTED, WC));
	ASSERT_TRUE(in_view(self->fd, copy + PAGE, copy, WC));

	/* A copied page set to WRITECOPY reads back READWRITE. */
	ASSERT_EQ(0, nt_protect(self->fd, copy + PAGE, PAGE, RO, &old));
	ASSERT_EQ((__u32)RW, old);
	ASSERT_EQ(-SIGSEGV, nt_poke(copy + PAGE, 1));
	ASSERT_EQ(0, nt_protect(self->fd, copy, 2 * PAGE, WC, &old));
	ASSERT_EQ((__u32)WC, old);
	ASSERT_TRUE(nt_run(self->fd, copy + PAGE, PAGE, COMMITTED, RW));
	ASSERT_EQ(0, nt_poke(copy + PAGE, 5));
	ASSERT_EQ(9, nt_peek(self->base + PAGE));
	/* More than a copy it cannot have. */
	ASSERT_UNCHANGED(EINVAL, nt_protect(self->fd, copy, PAGE, RW, NULL));
	ASSERT_EQ(0, nt_unmap(self->fd, copy, 0));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(0ULL, info.space_committed);
}

/* A page of a view that is otherwise shared, and back. */
TEST_F(section, writecopy_inside_a_shared_view)
{
	__u64 other = nt_view(self->fd, self->section, RW);

	ASSERT_EQ(0, nt_poke(self->base, 1));
	ASSERT_EQ(0, nt_poke(self->base + PAGE, 1));
	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, WC, NULL));
	ASSERT_EQ(0, nt_poke(self->base, 2));
	ASSERT_EQ(0, nt_poke(self->base + PAGE, 2));
	ASSERT_EQ(1, nt_peek(other));
	ASSERT_EQ(2, nt_peek(other + PAGE));
	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, RW, NULL));
	ASSERT_EQ(2, nt_peek(self->base));
	ASSERT_EQ(0, nt_poke(self->base, 3));
	ASSERT_EQ(1, nt_peek(other));
	/* One that was not written to meanwhile is shared again. */
	ASSERT_EQ(0, nt_protect(self->fd, self->base + PAGE, PAGE, WC, NULL));
	ASSERT_EQ(2, nt_peek(self->base + PAGE));
	ASSERT_EQ(0, nt_protect(self->fd, self->base + PAGE, PAGE, RW, NULL));
	ASSERT_EQ(0, nt_poke(self->base + PAGE, 4));
	ASSERT_EQ(4, nt_peek(other + PAGE));
}

/* What was copied is told from what is shown, whatever the protections are. */
TEST_F(section, whose_a_page_is)
{
	__u64 first = self->base, second = first + PAGE;

	ASSERT_TRUE(nt_marked(self->fd, first, NTMEM_MARK_SHARED));
	ASSERT_EQ(0, nt_protect(self->fd, first, 2 * PAGE, WC, NULL));
	ASSERT_EQ(0, nt_poke(first, 1));
	ASSERT_TRUE(nt_marked(self->fd, first, 0));
	ASSERT_TRUE(nt_marked(self->fd, second, NTMEM_MARK_SHARED));
	ASSERT_EQ(0, nt_protect(self->fd, first, 2 * PAGE, RW, NULL));
	ASSERT_TRUE(nt_run(self->fd, first, SIZE, COMMITTED, RW));
	ASSERT_TRUE(nt_marked(self->fd, first, 0));
	ASSERT_EQ(0, nt_lock(self->fd, first, 2 * PAGE));
	ASSERT_TRUE(nt_marked(self->fd, first, NTMEM_MARK_LOCKED));
	ASSERT_TRUE(nt_marked(self->fd, second, NTMEM_MARK_SHARED |
						NTMEM_MARK_LOCKED));
	ASSERT_EQ(0, nt_unlock(self->fd, first, 2 * PAGE));
}

TEST_F(section, writecopy_is_not_for_private_memory)
{
	__u64 plain = nt_block(self->fd, PAGE, RW), addr = 0;

	ASSERT_UNCHANGED(EINVAL, nt_protect(self->fd, plain, PAGE, WC, NULL));
	ASSERT_UNCHANGED(EINVAL, nt_commit(self->fd, plain, PAGE, XWC));
	ASSERT_UNCHANGED(EINVAL, nt_reserve(self->fd, &addr, PAGE, WC, 0));
	/* Nor for none, nor for a placeholder. */
	ASSERT_UNCHANGED(EINVAL, nt_commit(self->fd, WANTED, PAGE, WC));
	ASSERT_UNCHANGED(EINVAL, nt_protect(self->fd, WANTED, PAGE, XWC, NULL));
	ASSERT_EQ(0, nt_reserve(self->fd, &addr, PAGE, NOACCESS, PLACEHOLDER));
	ASSERT_UNCHANGED(EINVAL, nt_commit(self->fd, addr, PAGE, WC));
}

/* ---------------------------------------------------------------- RESERVE --- */

TEST_F(section, commit_later)
{
	int section = nt_section(self->fd, NULL, 8 * MIB, RW, LATER);
	__u64 one = nt_view(self->fd, section, RW);
	__u64 two = nt_view(self->fd, section, RO);
	struct ntmem_section s = { .fd = section };
	struct ntmem_fault fault;
	struct ntmem_info info;

	ASSERT_EQ(0, nt_call(self->fd, NTMEM_IOC_QUERY_SECTION, &s));
	ASSERT_EQ((__u32)LATER, s.flags);
	ASSERT_TRUE(nt_run(self->fd, one, 8 * MIB, RESERVED, 0));
	ASSERT_TRUE(in_view(self->fd, one, one, RW));
	ASSERT_EQ(-SIGSEGV, nt_peek(one));
	ASSERT_EQ(0, nt_last_fault(self->fd, &fault));
	ASSERT_EQ((__u32)NTMEM_FAULT_RESERVED, fault.reason);
	ASSERT_UNCHANGED(ENODATA, nt_protect(self->fd, one, PAGE, RW, NULL));
	ASSERT_UNCHANGED(ENODATA, nt_lock(self->fd, one, PAGE));
	ASSERT_UNCHANGED(EINVAL, nt_commit(self->fd, two, PAGE, RW));

	ASSERT_EQ(0, nt_commit(self->fd, one + MIB, 3 * MIB + PAGE, RW));
	ASSERT_TRUE(nt_run(self->fd, one, MIB, RESERVED, 0));
	ASSERT_TRUE(nt_run(self->fd, one + MIB, 3 * MIB + PAGE, COMMITTED, RW));
	ASSERT_TRUE(nt_run(self->fd, one + 4 * MIB + PAGE, 4 * MIB - PAGE,
			   RESERVED, 0));
	/* In others with their own protection. */
	ASSERT_TRUE(nt_run(self->fd, two + MIB, 3 * MIB + PAGE, COMMITTED, RO));
	ASSERT_EQ(0, nt_poke(one + 2 * MIB, 7));
	ASSERT_EQ(7, nt_peek(two + 2 * MIB));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(SIZE + 3 * MIB + PAGE, info.user_committed);
	/* Again, and over what is not. */
	ASSERT_EQ(0, nt_commit(self->fd, two, 2 * MIB, RO));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(SIZE + 4 * MIB + PAGE, info.user_committed);
	ASSERT_TRUE(nt_run(self->fd, one, 4 * MIB + PAGE, COMMITTED, RW));
	ASSERT_UNCHANGED(ENODATA, nt_protect(self->fd, one, 5 * MIB, RO, NULL));
	ASSERT_EQ(0, nt_protect(self->fd, one, PAGE, RO, NULL));
	ASSERT_TRUE(nt_run(self->fd, one, PAGE, COMMITTED, RO));
	close(section);
	ASSERT_EQ(0, nt_unmap(self->fd, one, 0));
	ASSERT_EQ(0, nt_unmap(self->fd, two, 0));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(SIZE, info.user_committed);
}

/* The module keeps what is committed by 2 MiB. */
TEST_F(section, commit_of_parts_between_nothing)
{
	int section = nt_section(self->fd, NULL, 12 * MIB, RW, LATER);
	__u64 view = nt_view(self->fd, section, RW);

	ASSERT_NE(0ULL, view);
	ASSERT_EQ(0, nt_commit(self->fd, view + 4 * MIB, 2 * MIB, RW));
	ASSERT_EQ(0, nt_commit(self->fd, view + 10 * MIB, 2 * MIB, RW));
	ASSERT_TRUE(nt_run(self->fd, view, 4 * MIB, RESERVED, 0));
	ASSERT_TRUE(nt_run(self->fd, view + 4 * MIB, 2 * MIB, COMMITTED, RW));
	ASSERT_TRUE(nt_run(self->fd, view + 6 * MIB, 4 * MIB, RESERVED, 0));
	ASSERT_TRUE(nt_run(self->fd, view + 10 * MIB, 2 * MIB, COMMITTED, RW));
}

/* The section's pages and the view's copies are charged by one call. */
TEST_F(section, commit_of_much_that_is_copied)
{
	int section = nt_section(self->fd, NULL, 160 * MIB, RW, LATER);
	__u64 view = nt_view(self->fd, section, RO);
	struct ntmem_info info;

	ASSERT_NE(0ULL, view);
	ASSERT_EQ(0, nt_commit(self->fd, view, 160 * MIB, WC));
	ASSERT_TRUE(nt_run(self->fd, view, 160 * MIB, COMMITTED, WC));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(160 * MIB, info.space_committed);
	ASSERT_EQ(SIZE + 320 * MIB, info.user_committed);
	ASSERT_EQ(0, nt_poke(view, 1));
}

/* Its copy is charged at once, which may need more than is at hand. */
TEST_F(section, writecopy_of_much)
{
	int section = nt_section(self->fd, NULL, 256 * MIB, RW, LATER);
	__u64 view = nt_view(self->fd, section, RO);
	struct ntmem_info info;

	ASSERT_NE(0ULL, view);
	ASSERT_EQ(0, nt_commit(self->fd, view, PAGE, RO));
	ASSERT_EQ(0, nt_protect(self->fd, view, PAGE, WC, NULL));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(256 * MIB, info.space_committed);
	ASSERT_EQ(0, nt_poke(view, 1));
}

TEST_F(section, a_page_that_is_not_committed_is_nobodys)
{
	int section = nt_section(self->fd, NULL, SIZE, RW, LATER);
	__u64 base = nt_view(self->fd, section, RW);

	ASSERT_LE(0, section);
	ASSERT_NE(0ULL, base);
	ASSERT_TRUE(nt_marked(self->fd, base, 0));
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
	ASSERT_TRUE(nt_marked(self->fd, base, NTMEM_MARK_SHARED));
	ASSERT_TRUE(nt_marked(self->fd, base + PAGE, 0));
}

TEST_F(section, commit_beyond_the_limit)
{
	int section = nt_section(self->fd, NULL, 8 * TIB, RW, LATER);
	__u64 view = nt_view(self->fd, section, RW);

	ASSERT_NE(0ULL, view);
	ASSERT_EQ(0, nt_commit(self->fd, view, PAGE, RO));
	ASSERT_UNCHANGED(ENOMEM, nt_commit(self->fd, view, 8 * TIB, RW));
	ASSERT_UNCHANGED(ENOMEM, nt_protect(self->fd, view, PAGE, WC, NULL));
	ASSERT_TRUE(nt_run(self->fd, view, PAGE, COMMITTED, RO));
	ASSERT_EQ(-SIGSEGV, nt_peek(view + PAGE));
	ASSERT_EQ(0, nt_commit(self->fd, view + 7 * TIB, PAGE, RW));
	ASSERT_EQ(0, nt_poke(view + 7 * TIB, 1));
}

/* ------------------------------------------------------------------ names --- */

TEST_F(section, names)
{
	struct ntmem_section s = {
		.size = PAGE, .name = (uintptr_t)"Name", .name_len = 4,
		.prot = RO,
	};
	__u64 a, b;
	int one, two;

	ASSERT_EQ(-ENOENT, nt_open_section(self->fd, "Name", 0, RW));
	one = nt_section(self->fd, "Name", SIZE, RW, LATER);
	ASSERT_LE(0, one);
	ASSERT_EQ(-ENOENT, nt_open_section(self->fd, "name", 0, RW));
	ASSERT_EQ(-ENOENT, nt_open_section(self->fd, "Nam", 0, RW));
	ASSERT_EQ(0, nt_call(self->fd, NTMEM_IOC_CREATE_SECTION, &s));
	ASSERT_EQ(SIZE, s.size);
	ASSERT_EQ((__u32)RW, s.prot);
	ASSERT_EQ(NTMEM_SECTION_EXISTED | LATER, s.flags);
	two = nt_open_section(self->fd, "Name", 0, RW);
	ASSERT_LE(0, two);
	ASSERT_EQ(-EACCES, nt_open_section(self->fd, "Name", 0, RX));
	close(s.fd);
	s = (struct ntmem_section) { .size = 0 };
	s.fd = nt_open_section(self->fd, "Name", 0, 0);
	ASSERT_LE(0, s.fd);
	ASSERT_EQ(0, nt_call(self->fd, NTMEM_IOC_QUERY_SECTION, &s));
	ASSERT_EQ((__u32)RW, s.prot);
	a = nt_view(self->fd, one, RW);
	b = nt_view(self->fd, two, RW);
	ASSERT_EQ(0, nt_commit(self->fd, a, PAGE, RW));
	ASSERT_EQ(0, nt_poke(a, 7));
	ASSERT_EQ(7, nt_peek(b));
	/* Its name goes with the last handle; the memory with the last view. */
	close(one);
	close(s.fd);
	one = nt_open_section(self->fd, "Name", 0, RW);
	ASSERT_LE(0, one);
	close(one);
	close(two);
	ASSERT_EQ(-ENOENT, nt_open_section(self->fd, "Name", 0, RW));
	two = nt_section(self->fd, "Name", PAGE, RW, 0);
	ASSERT_EQ(7, nt_peek(b));
	ASSERT_EQ(0, nt_peek(nt_view(self->fd, two, RW)));
}

/* One that exists is opened where there is no memory for another. */
TEST_F(section, name_of_one_that_could_not_be_made)
{
	int one = nt_section(self->fd, "small", PAGE, RW, 0), two;

	ASSERT_LE(0, one);
	two = nt_section(self->fd, "small", 8 * TIB, RW, 0);
	ASSERT_LE(0, two);
	ASSERT_NE(0ULL, nt_view(self->fd, two, RW));
}

static int finds_no_name(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);

	if (data)
		CHECK(!unshare(CLONE_NEWIPC));
	else
		CHECK(!setresuid(12345, 12345, 12345));
	CHECK(nt_open_section(fd, "mine", 0, RW) == -ENOENT);
	/* Nor has somebody else taken it. */
	CHECK(nt_section(fd, "mine", PAGE, RW, 0) >= 0);
	return 0;
}

TEST_F(section, names_are_a_users_own)
{
	int section = nt_section(self->fd, "mine", SIZE, RW, 0);
	struct ntmem_section s = { .fd = section };

	ASSERT_LE(0, section);
	ASSERT_EQ(0, nt_in_child(finds_no_name, NULL));
	ASSERT_EQ(0, nt_in_child(finds_no_name, ""));
	ASSERT_EQ(0, nt_call(self->fd, NTMEM_IOC_QUERY_SECTION, &s));
	ASSERT_EQ(SIZE, s.size);
}

static int ipc_namespace(char *text, size_t size)
{
	ssize_t len = readlink("/proc/self/ns/ipc", text, size - 1);

	CHECK(len > 0);
	text[len] = 0;
	return 0;
}

/*
 * Goes from one IPC namespace to the next, until one has the first's number. One
 * that was left goes later, after a grace period of RCU, and counts against the
 * limit until then: so this waits for one, too.
 */
static int finds_no_name_of_the_dead(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	char first[64], now[64];
	unsigned int i;

	(void)data;
	CHECK(!unshare(CLONE_NEWIPC));
	CHECK(!ipc_namespace(first, sizeof(first)));
	CHECK(nt_section(fd, "left", PAGE, RW, 0) >= 0);
	for (i = 0; i < 10000; i++) {
		CHECK(!unshare(CLONE_NEWIPC));
		CHECK(!ipc_namespace(now, sizeof(now)));
		if (!strcmp(first, now))
			break;
		CHECK(!syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
	}
	CHECK(i < 10000);
	CHECK(nt_open_section(fd, "left", 0, RW) == -ENOENT);
	return 0;
}

/* The number of an IPC namespace is given again when it is gone. */
TEST_F(section, names_end_with_their_namespace)
{
	if (access("/proc/sys/fs/mqueue", F_OK))
		SKIP(return, "a kernel without CONFIG_POSIX_MQUEUE");
	ASSERT_EQ(0, nt_in_child(finds_no_name_of_the_dead, NULL));
}

/* -------------------------------------------------------- other processes --- */

struct meeting {
	struct nt_gate there, go;
	const char *name;
	int sock;
};

/* A process that has nothing of the other's but a name or a socket. */
static int other_side(void *data)
{
	struct meeting *m = data;
	int fd, section;
	__u64 view;

	fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	CHECK(!nt_gate_wait(&m->go));
	if (m->name)
		section = nt_open_section(fd, m->name, 0, RW);
	else
		section = nt_receive_fd(m->sock);
	view = nt_view(fd, section, RW);
	CHECK(view);
	CHECK(nt_peek(view) == 7);
	CHECK(nt_peek(view + PAGE) == -SIGSEGV);
	CHECK(!nt_commit(fd, view + PAGE, PAGE, RW));
	CHECK(!nt_poke(view + PAGE, 8));
	CHECK(!nt_gate_open(&m->there));
	CHECK(!nt_gate_wait(&m->go));
	CHECK(nt_peek(view) == 9);
	return 0;
}

static void meet(struct __test_metadata *_metadata, const char *name)
{
	struct meeting m = { .name = name };
	int fd, section, socks[2];
	__u64 view;
	pid_t pid;

	ASSERT_EQ(0, nt_gate_init(&m.there));
	ASSERT_EQ(0, nt_gate_init(&m.go));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	m.sock = socks[1];
	pid = nt_spawn(other_side, &m);
	fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	section = nt_section(fd, name, SIZE, RW, LATER);
	view = nt_view(fd, section, RW);
	ASSERT_EQ(0, nt_commit(fd, view, PAGE, RW));
	ASSERT_EQ(0, nt_poke(view, 7));
	if (!name)
		ASSERT_EQ(0, nt_send_fd(socks[0], section));
	ASSERT_EQ(0, nt_gate_open(&m.go));
	ASSERT_EQ(0, nt_gate_wait(&m.there));
	ASSERT_EQ(8, nt_peek(view + PAGE));
	ASSERT_EQ(0, nt_poke(view, 9));
	ASSERT_EQ(0, nt_gate_open(&m.go));
	ASSERT_EQ(0, nt_reap(pid));
}

TEST_F(section, two_processes_by_name)
{
	meet(_metadata, "meeting");
}

TEST_F(section, two_processes_by_handle)
{
	meet(_metadata, NULL);
}

TEST_F(section, fork)
{
	__u64 copy = nt_view(self->fd, self->section, WC), own = 0;
	__u64 tail = part(self->fd, self->section, 8 * PAGE, PAGE, RW);
	struct nt_gate gate;
	pid_t pid;
	int fd;

	ASSERT_EQ(0, nt_map(self->fd, self->section, 0, &own, 0, RW,
			    NTMEM_RESERVE_NOFORK));
	ASSERT_EQ(0, nt_poke(self->base, 1));
	ASSERT_EQ(0, nt_poke(copy, 2));
	ASSERT_EQ(0, nt_poke(tail, 8));
	ASSERT_EQ(0, nt_gate_init(&gate));
	pid = fork();
	if (!pid) {
		fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
		CHECK(!nt_gate_wait(&gate));
		CHECK(nt_is_free(fd, own));
		CHECK(nt_peek(self->base) == 3);
		CHECK(nt_peek(copy) == 2);
		CHECK(nt_peek(tail) == 8);
		CHECK(!nt_poke(self->base, 5));
		CHECK(!nt_poke(copy, 6));
		CHECK(!nt_poke(copy + PAGE, 6));
		CHECK(nt_run(fd, copy, 2 * PAGE, COMMITTED, RW));
		CHECK(!nt_unmap(fd, self->base, 0));
		CHECK(nt_peek(copy) == 6);
		_exit(0);
	}
	ASSERT_EQ(0, nt_poke(self->base, 3));
	ASSERT_EQ(0, nt_poke(copy, 4));
	ASSERT_EQ(0, nt_gate_open(&gate));
	ASSERT_EQ(0, nt_reap(pid));
	ASSERT_EQ(5, nt_peek(self->base));
	ASSERT_EQ(4, nt_peek(copy));
	ASSERT_EQ(0, nt_peek(copy + PAGE));
	ASSERT_TRUE(nt_run(self->fd, copy + PAGE, SIZE - PAGE, COMMITTED, WC));
}

/* A shared futex finds its waiter in another view, of another process. */
TEST_F(section, futex)
{
	__u32 *word = nt_ptr(self->base + 8);
	__u64 other;
	pid_t pid;
	int fd;

	pid = fork();
	if (!pid) {
		fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
		other = nt_view(fd, self->section, RW);
		CHECK(other && other != self->base);
		word = nt_ptr(other + 8);
		while (!__atomic_load_n(word, __ATOMIC_ACQUIRE))
			CHECK(!syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL) ||
			      errno == EAGAIN);
		_exit(0);
	}
	__atomic_store_n(word, 1, __ATOMIC_RELEASE);
	ASSERT_LE(0, syscall(SYS_futex, word, FUTEX_WAKE, 1));
	ASSERT_EQ(0, nt_reap(pid));
}

/* ------------------------------------------------------------- the kernel --- */

TEST_F(section, the_kernel_reads_and_writes)
{
	__u64 copy = nt_view(self->fd, self->section, WC);
	__u64 ro = nt_view(self->fd, self->section, RO);
	struct iovec local = { "x", 1 };
	struct iovec remote = { nt_ptr(copy + 3 * PAGE), 1 };
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(3, write(fds[1], "abc", 3));
	ASSERT_EQ(1, read(fds[0], nt_ptr(self->base), 1));
	ASSERT_EQ('a', nt_peek(copy));
	ASSERT_EQ(1, read(fds[0], nt_ptr(copy), 1));
	ASSERT_EQ('b', nt_peek(copy));
	ASSERT_EQ('a', nt_peek(self->base));
	ASSERT_EQ(EFAULT, ERRNO_OF(read(fds[0], nt_ptr(ro), 1)));
	ASSERT_EQ(1, write(fds[1], nt_ptr(ro), 1));
	ASSERT_EQ(1, process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
	ASSERT_EQ('x', nt_peek(copy + 3 * PAGE));
	ASSERT_EQ(0, nt_peek(self->base + 3 * PAGE));
}

TEST_F(section, lock)
{
	__u64 copy = nt_view(self->fd, self->section, WC);
	struct ntmem_info info;

	ASSERT_EQ(0, nt_poke(copy, 1));
	ASSERT_EQ(0, nt_lock(self->fd, self->base, SIZE));
	ASSERT_EQ(0, nt_lock(self->fd, copy, 3 * PAGE));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(SIZE + PAGE, info.resident);
	ASSERT_EQ(0, nt_poke(copy + PAGE, 1));
	ASSERT_EQ(0, nt_unlock(self->fd, copy, 3 * PAGE));
	ASSERT_EQ(ENOLCK, nt_unlock(self->fd, copy, PAGE));
	ASSERT_EQ(0, nt_unlock(self->fd, self->base, SIZE));
}

TEST_F(section, reset_and_watch)
{
	__u64 pages[1], count = 1;

	ASSERT_EQ(0, nt_poke(self->base, 7));
	ASSERT_UNCHANGED(0, nt_reset(self->fd, self->base, SIZE));
	ASSERT_UNCHANGED(0, nt_reset_undo(self->fd, self->base, SIZE));
	ASSERT_UNCHANGED(ENXIO, nt_watch(self->fd, self->base, SIZE, pages,
					 &count, 0));
	ASSERT_EQ(7, nt_peek(self->base));
}

/* ------------------------------------------------------------ placeholders --- */

/* Of a view that is uniform nothing is known by page, but its PTEs are there. */
TEST_F(section, large_and_gone)
{
	int section = nt_section(self->fd, NULL, 4 * MIB, RW, 0);
	struct ntmem_reserve r = {
		.size = 4 * MIB, .prot = NOACCESS, .flags = PLACEHOLDER,
		.align = 2 * MIB,
	};

	ASSERT_EQ(0, nt_call(self->fd, NTMEM_IOC_RESERVE, &r));
	ASSERT_EQ(0, nt_map(self->fd, section, 0, &r.addr, 0, RW, REPLACE));
	ASSERT_EQ(0, nt_poke(r.addr, 1));
	ASSERT_EQ(0, nt_poke(r.addr + 3 * MIB, 1));
	ASSERT_EQ(0, nt_unmap(self->fd, r.addr, PRESERVE));
	ASSERT_EQ(-SIGSEGV, nt_peek(r.addr));
	ASSERT_EQ(0, nt_map(self->fd, section, 0, &r.addr, 0, RW, REPLACE));
	ASSERT_EQ(1, nt_peek(r.addr + 3 * MIB));
	ASSERT_EQ(0, nt_unmap(self->fd, r.addr, 0));
	ASSERT_EQ(-SIGSEGV, nt_peek(r.addr + 3 * MIB));
}

/* A ring whose end is followed by its beginning. */
TEST_F(section, ring)
{
	int section = nt_section(self->fd, NULL, 2 * PAGE, RW, 0);
	__u64 ring = 0, second;
	unsigned int i;

	ASSERT_EQ(0, nt_reserve(self->fd, &ring, 4 * PAGE, NOACCESS,
				PLACEHOLDER));
	second = ring + 2 * PAGE;
	ASSERT_EQ(0, nt_release_as(self->fd, ring, 2 * PAGE, PRESERVE));
	ASSERT_UNCHANGED(ENOENT, nt_map(self->fd, section, 0, &second, PAGE, RW,
					REPLACE));
	ASSERT_UNCHANGED(EACCES, nt_map(self->fd, section, 0, &second, 0, RX,
					REPLACE));
	ASSERT_EQ(0, nt_map(self->fd, section, 0, &ring, 0, RW, REPLACE));
	ASSERT_EQ(0, nt_map(self->fd, section, 0, &second, 0, RW, REPLACE));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, nt_poke(ring + 2 * PAGE - 2 + i, i + 1));
	ASSERT_EQ(3, nt_peek(ring));
	ASSERT_EQ(4, nt_peek(ring + 1));
	ASSERT_EQ(1, nt_peek(second + 2 * PAGE - 2));

	ASSERT_EQ(0, nt_unmap(self->fd, second + PAGE, PRESERVE));
	ASSERT_TRUE(nt_run(self->fd, second, 2 * PAGE, RESERVED, 0));
	ASSERT_TRUE(nt_in(self->fd, second, second, NOACCESS));
	ASSERT_EQ(-SIGSEGV, nt_peek(second));
	ASSERT_EQ(3, nt_peek(ring));
	ASSERT_UNCHANGED(EPERM, nt_release_as(self->fd, ring, 2 * PAGE,
					      PRESERVE));
	ASSERT_EQ(0, nt_unmap(self->fd, ring, PRESERVE));
	ASSERT_EQ(0, nt_release_as(self->fd, ring, 4 * PAGE,
				   NTMEM_RELEASE_COALESCE));
	ASSERT_EQ(0, nt_reserve(self->fd, &ring, 4 * PAGE, RW,
				REPLACE | NTMEM_RESERVE_COMMIT));
	ASSERT_EQ(0, nt_peek(ring));
}

TEST_HARNESS_MAIN
