// SPDX-License-Identifier: MIT
/*
 * Sections and views beneath the public functions: the engine's error numbers,
 * its accounts, copies, fork, other processes, and what the kernel does with
 * such memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine.h"
#include "peer.h"
#include "unit.h"

#define SIZE	(16 * PAGE)
#define LATER	NTMEM_SECTION_RESERVE
#define WC	PAGE_WRITECOPY

static int create(const char *name, size_t size, uint32_t prot, uint32_t flags)
{
	struct ntmem_section section = {
		.size = size, .name = (uintptr_t)name,
		.name_len = name ? strlen(name) : 0, .prot = prot,
		.flags = flags,
	};
	int error = ntmem_engine()->create_section(&section);

	return error ? error : section.fd;
}

static int open_section(const char *name, int fd, uint32_t prot)
{
	struct ntmem_section section = {
		.name = (uintptr_t)name, .name_len = name ? strlen(name) : 0,
		.prot = prot, .fd = fd,
	};
	int error = ntmem_engine()->open_section(&section);

	return error ? error : section.fd;
}

static void end_section(int fd)
{
	ntmem_engine()->close_section(fd);
}

static int map(int fd, uint64_t offset, char **addr, size_t size, uint32_t prot,
	       uint32_t flags)
{
	struct ntmem_map_view view = {
		.fd = fd, .prot = prot, .offset = offset, .size = size,
		.addr = (uintptr_t)*addr, .flags = flags,
	};
	int error = ntmem_engine()->map_view(&view);

	if (!error)
		*addr = (char *)(uintptr_t)view.addr;
	return error;
}

static char *view_of(int fd, uint32_t prot)
{
	char *addr = NULL;

	return map(fd, 0, &addr, 0, prot, 0) ? NULL : addr;
}

static int unmap(void *addr, uint32_t flags)
{
	const struct ntmem_unmap_view view = {
		.addr = (uintptr_t)addr, .flags = flags,
	};

	return ntmem_engine()->unmap_view(&view);
}

static int on_range(int (*op)(const struct ntmem_range *range), void *addr,
		    size_t size, uint32_t prot)
{
	const struct ntmem_range range = {
		.addr = (uintptr_t)addr, .size = size, .prot = prot,
	};

	return op(&range);
}

static int commit(void *addr, size_t size, uint32_t prot)
{
	return on_range(ntmem_engine()->commit, addr, size, prot);
}

static int protect(void *addr, size_t size, uint32_t prot, uint32_t *old)
{
	struct ntmem_protect protect = {
		.addr = (uintptr_t)addr, .size = size, .prot = prot,
	};
	int error = ntmem_engine()->protect(&protect);

	if (old)
		*old = protect.old_prot;
	return error;
}

static bool is_run(void *addr, size_t size, uint32_t state, uint32_t prot)
{
	struct ntmem_query query = { .addr = (uintptr_t)addr };

	return !ntmem_engine()->query(&query) && query.size == size &&
	       query.state == state && query.prot == prot;
}

static struct ntmem_info info_now(void)
{
	struct ntmem_info info;

	ck_assert_int_eq(ntmem_engine()->info(&info), 0);
	return info;
}

/* -------------------------------------------------------------- arguments --- */

START_TEST(sections_that_are_refused)
{
	static const uint32_t bad[] = {
		0, PAGE_NOACCESS, PAGE_EXECUTE, PAGE_READONLY | PAGE_READWRITE,
		PAGE_READWRITE | PAGE_GUARD, PAGE_READWRITE | PAGE_NOCACHE,
	};
	struct ntmem_section section = {
		.size = PAGE, .prot = PAGE_READWRITE, .fd = 1,
	};
	char name[NTMEM_NAME_MAX + 2];
	int i;

	ck_assert(info_now().features & NTMEM_FEATURE_SECTION);
	for (i = 0; i < COUNT(bad); i++)
		ck_assert_int_eq(create(NULL, PAGE, bad[i], 0), -EINVAL);
	ck_assert_int_eq(create(NULL, 0, PAGE_READWRITE, 0), -EINVAL);
	ck_assert_int_eq(create(NULL, ~0UL, PAGE_READWRITE, 0), -EINVAL);
	ck_assert_int_eq(create(NULL, PAGE, PAGE_READWRITE, 2), -EINVAL);
	ck_assert_int_eq(create("", PAGE, PAGE_READWRITE, 0), -EINVAL);
	ck_assert_int_eq(ntmem_engine()->create_section(&section), -EINVAL);
	memset(name, 'x', sizeof(name));
	name[NTMEM_NAME_MAX + 1] = '\0';
	ck_assert_int_eq(create(name, PAGE, PAGE_READWRITE, 0), -EINVAL);
	ck_assert_int_eq(open_section(NULL, 0, PAGE_NOACCESS), -EINVAL);
	section = (struct ntmem_section){ .size = PAGE };
	ck_assert_int_eq(ntmem_engine()->open_section(&section), -EINVAL);
	section = (struct ntmem_section){ .fd = -1 };
	ck_assert_int_eq(ntmem_engine()->query_section(&section), -EBADF);
	section.flags = 1;
	ck_assert_int_eq(ntmem_engine()->query_section(&section), -EINVAL);
}
END_TEST

START_TEST(views_that_are_refused)
{
	static const uint32_t flags[] = {
		NTMEM_RESERVE_COMMIT, NTMEM_RESERVE_WATCH,
		NTMEM_RESERVE_PLACEHOLDER, 1U << 6,
	};
	struct ntmem_info before = info_now();
	int section = create(NULL, SIZE, PAGE_READWRITE, 0), i;
	char *any = NULL, *plain = commit_pages(1, PAGE_READWRITE), *at;

	for (i = 0; i < COUNT(flags); i++)
		ck_assert_int_eq(map(section, 0, &any, 0, PAGE_READWRITE,
				     flags[i]), -EINVAL);
	ck_assert_int_eq(map(section, 1, &any, 0, PAGE_READWRITE, 0), -EINVAL);
	ck_assert_int_eq(map(section, 0, &any, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(map(section, SIZE, &any, 0, PAGE_READWRITE, 0),
			 -ERANGE);
	ck_assert_int_eq(map(section, PAGE, &any, SIZE, PAGE_READWRITE, 0),
			 -ERANGE);
	ck_assert_int_eq(map(section, 0, &any, 0, PAGE_EXECUTE_READ, 0),
			 -EACCES);
	ck_assert_int_eq(map(0, 0, &any, 0, PAGE_READWRITE, 0), -EBADF);
	at = plain;
	ck_assert_int_eq(map(section, 0, &at, 0, PAGE_READWRITE, 0), -EEXIST);
	at = find_hole(1) + PAGE;
	ck_assert_int_eq(map(section, 0, &at, 0, PAGE_READWRITE, 0), -EINVAL);
	at = find_hole(1);
	ck_assert_int_eq(map(section, 0, &at, 0, PAGE_READWRITE,
			     NTMEM_RESERVE_REPLACE), -ENOENT);
	ck_assert_int_eq(unmap(plain, 0), -ENOENT);
	ck_assert_int_eq(unmap(plain, 2), -EINVAL);
	end_section(section);
	drop(plain);
	ck_assert_uint_eq(info_now().space_reserved, before.space_reserved);
	ck_assert_uint_eq(info_now().user_committed, before.user_committed);
}
END_TEST

START_TEST(a_view_is_not_released)
{
	int section = create(NULL, SIZE, PAGE_READWRITE, 0);
	char *p = view_of(section, PAGE_READWRITE);
	uint64_t page, count = 1;
	struct ntmem_watch watch = {
		.addr = (uintptr_t)p, .size = PAGE, .pages = (uintptr_t)&page,
		.count = count,
	};

	ck_assert_int_eq(on_range(ntmem_engine()->release, p, 0, 0), -EPERM);
	ck_assert_int_eq(on_range(ntmem_engine()->release, p + PAGE, PAGE, 0),
			 -EPERM);
	ck_assert_int_eq(on_range(ntmem_engine()->decommit, p, 0, 0), -EPERM);
	ck_assert_int_eq(ntmem_engine()->watch(&watch), -ENXIO);
	ck_assert_int_eq(unmap(p, NTMEM_RELEASE_PRESERVE), -ENOENT);
	poke(p, 7);
	ck_assert_int_eq(on_range(ntmem_engine()->reset, p, SIZE, 0), 0);
	ck_assert_int_eq(on_range(ntmem_engine()->reset_undo, p, SIZE, 0), 0);
	ck_assert_int_eq(peek(p), 7);
	ck_assert_int_eq(unmap(p + 5 * PAGE + 5, 0), 0);
	end_section(section);
}
END_TEST

static const struct {
	uint32_t handle, view;
	int error;
} allowed[] = {
	{ PAGE_READONLY, PAGE_NOACCESS, 0 }, { PAGE_READONLY, WC, 0 },
	{ PAGE_READONLY, PAGE_READWRITE, -EACCES },
	{ PAGE_READONLY, PAGE_EXECUTE_READ, -EACCES },
	{ PAGE_READWRITE, PAGE_READWRITE, 0 },
	{ PAGE_READWRITE, PAGE_EXECUTE_READ, -EACCES },
	{ WC, WC, 0 }, { WC, PAGE_READWRITE, -EACCES },
	{ PAGE_EXECUTE_READ, PAGE_EXECUTE_WRITECOPY, 0 },
	{ PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, -EACCES },
	{ PAGE_EXECUTE_WRITECOPY, PAGE_READWRITE, -EACCES },
	{ PAGE_EXECUTE_READWRITE, PAGE_READWRITE, 0 },
};

START_TEST(what_a_handle_allows)
{
	int all = create(NULL, PAGE, PAGE_EXECUTE_READWRITE, 0);
	int less = open_section(NULL, all, allowed[_i].handle), more;
	struct ntmem_section section = { .fd = less };
	char *p = NULL;

	ck_assert_int_ge(less, 0);
	ck_assert_int_eq(ntmem_engine()->query_section(&section), 0);
	ck_assert_uint_eq(section.prot, allowed[_i].handle);
	ck_assert_int_eq(map(less, 0, &p, 0, allowed[_i].view, 0),
			 allowed[_i].error);
	/* Nor is a handle that allows it to be had. */
	if (allowed[_i].error)
		ck_assert_int_eq(open_section(NULL, less, allowed[_i].view),
				 -EACCES);
	else
		ck_assert_int_eq(unmap(p, 0), 0);
	more = open_section(NULL, all, 0);
	section = (struct ntmem_section){ .fd = more };
	ck_assert_int_eq(ntmem_engine()->query_section(&section), 0);
	ck_assert_uint_eq(section.prot, PAGE_EXECUTE_READWRITE);
	end_section(more);
	end_section(less);
	end_section(all);
}
END_TEST

/* ----------------------------------------------------------------- charge --- */

START_TEST(a_section_is_charged_once)
{
	struct ntmem_info before = info_now();
	int section = create(NULL, SIZE, PAGE_READWRITE, 0), again;
	char *p = view_of(section, PAGE_READWRITE);
	char *copy = view_of(section, WC);

	ck_assert_uint_eq(info_now().user_committed, before.user_committed +
			  2 * SIZE);
	ck_assert_uint_eq(info_now().space_committed,
			  before.space_committed + SIZE);
	ck_assert_int_eq(unmap(copy, 0), 0);
	ck_assert_uint_eq(info_now().space_committed, before.space_committed);
	again = open_section(NULL, section, PAGE_READONLY);
	end_section(section);
	ck_assert_int_eq(unmap(p, 0), 0);
	ck_assert_uint_eq(info_now().user_committed, before.user_committed +
			  SIZE);
	end_section(again);
	ck_assert_uint_eq(info_now().user_committed, before.user_committed);
	ck_assert_uint_eq(info_now().space_reserved, before.space_reserved);
}
END_TEST

START_TEST(commits_are_charged_once)
{
	struct ntmem_info before = info_now();
	int section = create(NULL, 8 << 20, PAGE_READWRITE, LATER);
	char *p = view_of(section, PAGE_READWRITE);
	char *q = view_of(section, PAGE_READONLY);

	ck_assert_int_eq(commit(p + (1 << 20), (3 << 20) + PAGE,
				PAGE_READWRITE), 0);
	ck_assert_uint_eq(info_now().user_committed, before.user_committed +
			  (3 << 20) + PAGE);
	ck_assert(is_run(p, 1 << 20, MEM_RESERVE, 0));
	ck_assert(is_run(q + (1 << 20), (3 << 20) + PAGE, MEM_COMMIT,
			 PAGE_READONLY));
	ck_assert(is_run(q + (4 << 20) + PAGE, (4 << 20) - PAGE, MEM_RESERVE,
			 0));
	ck_assert_int_eq(commit(q, 2 << 20, PAGE_READONLY), 0);
	ck_assert_uint_eq(info_now().user_committed, before.user_committed +
			  (4 << 20) + PAGE);
	ck_assert_int_eq(protect(p, 5 << 20, PAGE_READONLY, NULL), -ENODATA);
	ck_assert_int_eq(on_range(ntmem_engine()->lock, p, 5 << 20, 0),
			 -ENODATA);
	ck_assert_int_eq(commit(q, PAGE, PAGE_READWRITE), -EINVAL);
	end_section(section);
	ck_assert_int_eq(unmap(p, 0), 0);
	ck_assert_int_eq(unmap(q, 0), 0);
	ck_assert_uint_eq(info_now().user_committed, before.user_committed);
}
END_TEST

/* Limits of its own has the embedded engine alone. */
static void sections_up_to_the_limit(void *arg)
{
	const struct ntmem_engine *engine = ntmem_engine();
	struct ntmem_info info;
	char limit[32], *p, *copy;
	int error, one, two;

	(void)arg;
	engine->info(&info);
	snprintf(limit, sizeof(limit), "%llu",
		 (unsigned long long)info.user_committed + 2 * SIZE);
	setenv("NTMEM_COMMIT_LIMIT", limit, 1);
	require(ntmem_engine_open_embedded(&error));
	require(create(NULL, 3 * SIZE, PAGE_READWRITE, 0) == -ENOMEM);
	one = create("limited", SIZE, PAGE_READWRITE, 0);
	require(one >= 0);
	require(create(NULL, SIZE + PAGE, PAGE_READWRITE, 0) == -ENOMEM);
	require(create("more", SIZE + PAGE, PAGE_READWRITE, 0) == -ENOMEM);
	require(open_section("more", 0, PAGE_READWRITE) == -ENOENT);
	/* Whoever only opens it, needs no memory for it. */
	two = create("limited", 3 * SIZE, PAGE_READWRITE, 0);
	require(two >= 0);
	copy = view_of(one, WC);
	require(copy);
	require(!view_of(two, WC));
	p = view_of(two, PAGE_READWRITE);
	require(protect(p, PAGE, WC, NULL) == -ENOMEM);
	require(is_run(p, SIZE, MEM_COMMIT, PAGE_READWRITE));
	require(!unmap(copy, 0));
	require(!protect(p, PAGE, WC, NULL));
	require(!unmap(p, 0));
	end_section(one);
	end_section(two);
	one = create(NULL, 4 * SIZE, PAGE_READWRITE, LATER);
	p = view_of(one, PAGE_READWRITE);
	require(commit(p, 2 * SIZE + PAGE, PAGE_READWRITE) == -ENOMEM);
	require(is_run(p, 4 * SIZE, MEM_RESERVE, 0));
	require(!commit(p + SIZE, 2 * SIZE, PAGE_READWRITE));
	require(commit(p, PAGE, PAGE_READWRITE) == -ENOMEM);
}

START_TEST(sections_within_the_commit_limit)
{
	if (!on_kernel_engine())
		ck_assert_int_eq(in_child(sections_up_to_the_limit, NULL), 0);
}
END_TEST

/* So large that nobody looks at all of it at once. */
START_TEST(a_large_section)
{
	const size_t size = 128 << 20, end = size - 100 * PAGE;
	int section = create(NULL, size, PAGE_READWRITE, LATER);
	char *p = view_of(section, PAGE_READWRITE), *copy;

	ck_assert(is_run(p, size, MEM_RESERVE, 0));
	ck_assert_int_eq(commit(p + end, 50 * PAGE, PAGE_READWRITE), 0);
	ck_assert(is_run(p, end, MEM_RESERVE, 0));
	ck_assert(is_run(p + end, 50 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	ck_assert(is_run(p + end + 50 * PAGE, 50 * PAGE, MEM_RESERVE, 0));
	ck_assert_int_eq(commit(p, size, PAGE_READWRITE), 0);
	ck_assert(is_run(p, size, MEM_COMMIT, PAGE_READWRITE));
	copy = view_of(section, WC);
	ck_assert(is_run(copy, size, MEM_COMMIT, WC));
	poke(copy + end, 1);
	ck_assert(is_run(copy, end, MEM_COMMIT, WC));
	ck_assert(is_run(copy + end, PAGE, MEM_COMMIT, PAGE_READWRITE));
	ck_assert_int_eq(unmap(copy, 0), 0);
	ck_assert_int_eq(unmap(p, 0), 0);
	end_section(section);
}
END_TEST

/* The process's own way to the pages lets it write as soon as a handle does. */
START_TEST(a_handle_with_less_is_mapped_first)
{
	int section = create(NULL, SIZE, PAGE_READWRITE, 0);
	int less = open_section(NULL, section, PAGE_READONLY);
	char *p = view_of(less, PAGE_READONLY), *q;
	int files = count_files();

	q = view_of(section, PAGE_READWRITE);
	ck_assert_ptr_nonnull(q);
	ck_assert_int_eq(count_files(), files);
	poke(q + PAGE, 7);
	ck_assert_int_eq(peek(p + PAGE), 7);
	ck_assert(!can_write(p));
	ck_assert_int_eq(unmap(p, 0), 0);
	ck_assert_int_eq(unmap(q, 0), 0);
	end_section(less);
	end_section(section);
}
END_TEST

/* ------------------------------------------------------- of another user --- */

#define NOBODY	65534

/* Descriptors only: what the process knew of the sections is forgotten. */
static int given(uint32_t prot, uint32_t flags)
{
	int made = create(NULL, SIZE, PAGE_READWRITE, flags);
	int less = open_section(NULL, made, prot), fd = dup(less);

	require(made >= 0 && less >= 0 && fd >= 0);
	end_section(less);
	end_section(made);
	return fd;
}

/* Such a one cannot be opened again for writing, but is good for all it allows. */
static void use_as_nobody(void *arg)
{
	int all = given(PAGE_READWRITE, LATER), again;
	int less = given(PAGE_READONLY, LATER);
	char *p, *q;

	(void)arg;
	require(!seteuid(NOBODY));
	again = open_section(NULL, all, 0);
	require(again >= 0 && again != all);
	require(open_section(NULL, less, PAGE_READWRITE) == -EACCES);
	p = view_of(again, PAGE_READWRITE);
	require(p && !commit(p, PAGE, PAGE_READWRITE));
	poke(p, 7);
	q = view_of(less, PAGE_READONLY);
	require(q && is_run(q, SIZE, MEM_RESERVE, 0));
	/* To commit is to write. */
	require(commit(q, PAGE, PAGE_READONLY) == -EACCES);
	require(is_run(q, SIZE, MEM_RESERVE, 0));
	require(!unmap(p, 0) && !unmap(q, 0));
	end_section(again);
	require(!seteuid(0));
}

START_TEST(sections_of_another_user)
{
	if (!on_kernel_engine() && !geteuid())
		ck_assert_int_eq(in_child(use_as_nobody, NULL), 0);
}
END_TEST

/* ----------------------------------------------------------------- copies --- */

START_TEST(copies_by_page)
{
	int section = create(NULL, SIZE, PAGE_READWRITE, 0);
	char *p = view_of(section, PAGE_READWRITE);
	char *copy = view_of(section, WC);
	uint32_t old;

	poke(p + PAGE, 7);
	poke(p + 2 * PAGE - 1, 6);
	ck_assert(is_run(copy, SIZE, MEM_COMMIT, WC));
	poke(copy + PAGE, 8);
	ck_assert_int_eq(peek(copy + 2 * PAGE - 1), 6);
	ck_assert_int_eq(peek(p + PAGE), 7);
	poke(p + PAGE, 9);
	ck_assert_int_eq(peek(copy + PAGE), 8);
	poke(p + 2 * PAGE, 9);
	ck_assert_int_eq(peek(copy + 2 * PAGE), 9);
	/* Untouched by anybody: its own zeros. */
	poke(copy + 5 * PAGE + 1, 1);
	poke(p + 5 * PAGE, 3);
	ck_assert_int_eq(peek(copy + 5 * PAGE), 0);
	ck_assert(is_run(copy, PAGE, MEM_COMMIT, WC));
	ck_assert(is_run(copy + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE));
	ck_assert(is_run(copy + 2 * PAGE, 3 * PAGE, MEM_COMMIT, WC));
	ck_assert(is_run(copy + 5 * PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE));
	ck_assert_int_eq(protect(copy + PAGE, PAGE, PAGE_READONLY, &old), 0);
	ck_assert_uint_eq(old, PAGE_READWRITE);
	ck_assert(!can_write(copy + PAGE));
	ck_assert_int_eq(protect(copy, 2 * PAGE, WC, &old), 0);
	ck_assert_uint_eq(old, WC);
	ck_assert(is_run(copy + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE));
	ck_assert_int_eq(peek(copy + PAGE), 8);
	ck_assert_int_eq(protect(copy, PAGE, PAGE_READWRITE, NULL), -EINVAL);
	ck_assert_int_eq(unmap(copy, 0), 0);
	ck_assert_int_eq(unmap(p, 0), 0);
	end_section(section);
}
END_TEST

/* A page of a view that is otherwise shared, and back. */
START_TEST(copies_inside_a_shared_view)
{
	int section = create(NULL, SIZE, PAGE_READWRITE, 0);
	char *p = view_of(section, PAGE_READWRITE);
	char *other = view_of(section, PAGE_READWRITE);

	poke(p, 1);
	poke(p + PAGE, 1);
	ck_assert_int_eq(protect(p, PAGE, WC, NULL), 0);
	poke(p, 2);
	poke(p + PAGE, 2);
	ck_assert_int_eq(peek(other), 1);
	ck_assert_int_eq(peek(other + PAGE), 2);
	ck_assert_int_eq(protect(p, PAGE, PAGE_READWRITE, NULL), 0);
	ck_assert_int_eq(peek(p), 2);
	poke(p, 3);
	ck_assert_int_eq(peek(other), 1);
	/* One that was not written to meanwhile is shared again. */
	ck_assert_int_eq(protect(p + PAGE, 2 * PAGE, WC, NULL), 0);
	poke(p + 2 * PAGE, 5);
	ck_assert_int_eq(protect(p, 4 * PAGE, PAGE_READWRITE, NULL), 0);
	poke(p + PAGE, 4);
	poke(p + 2 * PAGE, 6);
	ck_assert_int_eq(peek(other + PAGE), 4);
	ck_assert_int_eq(peek(other + 2 * PAGE), 0);
	poke(other + 3 * PAGE, 7);
	ck_assert_int_eq(peek(p + 3 * PAGE), 7);
	ck_assert_int_eq(unmap(p, 0), 0);
	ck_assert_int_eq(unmap(other, 0), 0);
	end_section(section);
}
END_TEST

START_TEST(guards_in_a_view)
{
	int section = create(NULL, SIZE, PAGE_READWRITE, LATER);
	char *p = view_of(section, PAGE_READWRITE);
	struct ntmem_fault fault;

	ck_assert(!can_read(p));
	ck_assert_int_eq(ntmem_engine()->last_fault(&fault), 0);
	ck_assert_uint_eq(fault.reason, NTMEM_FAULT_RESERVED);
	ck_assert_int_eq(commit(p, 2 * PAGE, PAGE_READWRITE | PAGE_GUARD), 0);
	ck_assert(!can_write(p));
	ck_assert_int_eq(ntmem_engine()->last_fault(&fault), 0);
	ck_assert_uint_eq(fault.reason, NTMEM_FAULT_GUARD);
	ck_assert(can_write(p));
	ck_assert(is_run(p, PAGE, MEM_COMMIT, PAGE_READWRITE));
	ck_assert_int_eq(on_range(ntmem_engine()->lock, p, 2 * PAGE, 0),
			 -EKEYEXPIRED);
	ck_assert_int_eq(protect(p, PAGE, WC | PAGE_GUARD, NULL), 0);
	ck_assert(!can_write(p));
	ck_assert(can_write(p));
	ck_assert(is_run(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	ck_assert_int_eq(unmap(p, 0), 0);
	end_section(section);
}
END_TEST

struct writer {
	char *byte;
	int stop;
	int lost;	/* rounds in which what was written was not there */
	int rounds;
};

static void *write_on(void *arg)
{
	struct writer *w = arg;
	char value = 0;

	while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
		value++;
		poke(w->byte, value);
		w->lost += peek(w->byte) != value;
		__atomic_fetch_add(&w->rounds, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void wait_for_rounds(struct writer *w, int more)
{
	int until = __atomic_load_n(&w->rounds, __ATOMIC_ACQUIRE) + more;

	while (__atomic_load_n(&w->rounds, __ATOMIC_ACQUIRE) < until)
		sched_yield();
}

/* A page is shared and then copied, over and over, while it is written to. */
START_TEST(no_write_is_lost_beside_protect)
{
	int section = create(NULL, SIZE, PAGE_READWRITE, 0), i;
	struct writer w = { 0 };
	pthread_t thread;
	char *p;

	/* A page that was copied stays so: another view each time. */
	for (i = 0; i < 60; i++) {
		p = view_of(section, PAGE_READWRITE);
		w.byte = p + 3 * PAGE;
		w.stop = 0;
		pthread_create(&thread, NULL, write_on, &w);
		wait_for_rounds(&w, 1);
		ck_assert_int_eq(protect(p, SIZE, WC, NULL), 0);
		ck_assert_int_eq(protect(p, SIZE, PAGE_READWRITE, NULL), 0);
		ck_assert_int_eq(protect(p, SIZE, WC, NULL), 0);
		wait_for_rounds(&w, 2);
		__atomic_store_n(&w.stop, 1, __ATOMIC_RELEASE);
		pthread_join(thread, NULL);
		ck_assert_int_eq(unmap(p, 0), 0);
	}
	ck_assert_int_eq(w.lost, 0);
	end_section(section);
}
END_TEST

/* ------------------------------------------------------------- the kernel --- */

START_TEST(the_kernel_reads_and_writes)
{
	int section = create(NULL, SIZE, PAGE_READWRITE, 0), fds[2];
	char *p = view_of(section, PAGE_READWRITE);
	char *copy = view_of(section, WC);
	char *ro = view_of(section, PAGE_READONLY);

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "abc", 3), 3);
	ck_assert_int_eq(read(fds[0], p, 1), 1);
	ck_assert_int_eq(peek(copy), 'a');
	ck_assert_int_eq(read(fds[0], copy, 1), 1);
	ck_assert_int_eq(peek(copy), 'b');
	ck_assert_int_eq(peek(p), 'a');
	ck_assert(is_run(copy, PAGE, MEM_COMMIT, PAGE_READWRITE));
	ck_assert_int_eq(read(fds[0], ro, 1), -1);
	ck_assert_int_eq(errno, EFAULT);
	close(fds[0]);
	close(fds[1]);
	ck_assert_int_eq(unmap(p, 0), 0);
	ck_assert_int_eq(unmap(copy, 0), 0);
	ck_assert_int_eq(unmap(ro, 0), 0);
	end_section(section);
}
END_TEST

/* What one view commits the kernel can write to in another one. */
START_TEST(the_kernel_writes_to_what_was_just_committed)
{
	int section = create(NULL, SIZE, PAGE_READWRITE, LATER), fds[2];
	char *p = view_of(section, PAGE_READWRITE);
	char *q = view_of(section, PAGE_READWRITE);

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "ab", 2), 2);
	/* Which valgrind would tell of. */
	if (!under_valgrind())
		ck_assert_int_eq(read(fds[0], q + PAGE, 1), -1);
	ck_assert_int_eq(commit(p + PAGE, PAGE, PAGE_READWRITE), 0);
	ck_assert_int_eq(read(fds[0], q + PAGE, 1), 1);
	ck_assert_int_eq(peek(p + PAGE), 'a');
	close(fds[0]);
	close(fds[1]);
	ck_assert_int_eq(unmap(p, 0), 0);
	ck_assert_int_eq(unmap(q, 0), 0);
	end_section(section);
}
END_TEST

/* Locking a page copies none. */
START_TEST(locked_views)
{
	int section = create(NULL, SIZE, PAGE_READWRITE, 0);
	char *p = view_of(section, PAGE_READWRITE);
	char *copy = view_of(section, WC);

	if (under_valgrind())		/* which has no mlock2(2) */
		return;
	poke(copy, 1);
	ck_assert_int_eq(on_range(ntmem_engine()->lock, copy, 3 * PAGE, 0), 0);
	ck_assert(is_run(copy + PAGE, SIZE - PAGE, MEM_COMMIT, WC));
	poke(p + PAGE, 7);
	ck_assert_int_eq(peek(copy + PAGE), 7);
	ck_assert_int_eq(protect(copy, SIZE, PAGE_READONLY, NULL), 0);
	ck_assert_int_eq(on_range(ntmem_engine()->unlock, copy, 3 * PAGE, 0),
			 0);
	ck_assert_int_eq(on_range(ntmem_engine()->unlock, copy, PAGE, 0),
			 -ENOLCK);
	ck_assert_int_eq(unmap(p, 0), 0);
	ck_assert_int_eq(unmap(copy, 0), 0);
	end_section(section);
}
END_TEST

/* ------------------------------------------------------------ placeholders --- */

START_TEST(views_take_the_place_of_placeholders)
{
	struct ntmem_info before = info_now();
	int section = create(NULL, 2 * PAGE, PAGE_READWRITE, 0);
	struct ntmem_reserve place = {
		.size = 4 * PAGE, .prot = PAGE_NOACCESS,
		.flags = NTMEM_RESERVE_PLACEHOLDER,
	};
	struct ntmem_range range = { .flags = NTMEM_RELEASE_PRESERVE };
	char *p, *q;

	ck_assert_int_eq(ntmem_engine()->reserve(&place), 0);
	p = (char *)(uintptr_t)place.addr;
	q = p + 2 * PAGE;
	range.addr = place.addr;
	range.size = 2 * PAGE;
	ck_assert_int_eq(ntmem_engine()->release(&range), 0);
	ck_assert_int_eq(map(section, 0, &q, PAGE, PAGE_READWRITE,
			     NTMEM_RESERVE_REPLACE), -ENOENT);
	ck_assert_int_eq(map(section, 0, &p, 0, PAGE_EXECUTE_READ,
			     NTMEM_RESERVE_REPLACE), -EACCES);
	ck_assert_int_eq(map(section, 0, &p, 0, PAGE_READWRITE,
			     NTMEM_RESERVE_REPLACE), 0);
	ck_assert_int_eq(map(section, 0, &q, 0, WC, NTMEM_RESERVE_REPLACE), 0);
	poke(p, 7);
	ck_assert_int_eq(peek(q), 7);
	poke(q, 8);
	ck_assert_int_eq(ntmem_engine()->release(&range), -EPERM);
	ck_assert_int_eq(unmap(q + PAGE, NTMEM_RELEASE_PRESERVE), 0);
	ck_assert(is_run(q, 2 * PAGE, MEM_RESERVE, 0));
	ck_assert(!can_read(q));
	ck_assert_int_eq(commit(q, PAGE, PAGE_READWRITE), -EEXIST);
	ck_assert_int_eq(unmap(p, NTMEM_RELEASE_PRESERVE), 0);
	range.size = 4 * PAGE;
	range.flags = NTMEM_RELEASE_COALESCE;
	ck_assert_int_eq(ntmem_engine()->release(&range), 0);
	place.flags = NTMEM_RESERVE_REPLACE | NTMEM_RESERVE_COMMIT;
	place.prot = PAGE_READWRITE;
	ck_assert_int_eq(ntmem_engine()->reserve(&place), 0);
	ck_assert_int_eq(peek(p), 0);
	ck_assert_int_eq(peek(q), 0);
	drop(p);
	end_section(section);
	ck_assert_uint_eq(info_now().user_committed, before.user_committed);
	ck_assert_uint_eq(info_now().space_reserved, before.space_reserved);
}
END_TEST

/* --------------------------------------------------------- other processes --- */

struct views {
	char *shared, *copy, *own;
};

static void use_inherited(void *arg)
{
	struct views *v = arg;

	struct ntmem_info info;

	require(!ntmem_engine()->info(&info));
	/* What its parent made it has not made. */
	require(on_kernel_engine() ||
		info.user_committed == info.space_committed);
	require(is_run(v->shared, SIZE, MEM_COMMIT, PAGE_READWRITE));
	require(!can_read(v->own));
	require(peek(v->shared) == 1 && peek(v->copy) == 2);
	poke(v->shared, 5);
	poke(v->copy, 6);
	poke(v->copy + PAGE, 6);
	require(is_run(v->copy, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	require(!unmap(v->shared, 0));
	require(peek(v->copy) == 6);
}

START_TEST(a_child_shares_views)
{
	int section = create(NULL, SIZE, PAGE_READWRITE, 0);
	struct views v = {
		.shared = view_of(section, PAGE_READWRITE),
		.copy = view_of(section, WC),
	};

	ck_assert_int_eq(map(section, 0, &v.own, 0, PAGE_READWRITE,
			     NTMEM_RESERVE_NOFORK), 0);
	/* So it stays when pages are mapped anew. */
	ck_assert_int_eq(protect(v.own, SIZE, WC, NULL), 0);
	poke(v.shared, 1);
	poke(v.copy, 2);
	ck_assert_int_eq(in_child(use_inherited, &v), 0);
	ck_assert_int_eq(peek(v.shared), 5);
	ck_assert_int_eq(peek(v.copy), 2);
	ck_assert(is_run(v.copy + PAGE, SIZE - PAGE, MEM_COMMIT, WC));
	ck_assert_int_eq(unmap(v.shared, 0), 0);
	ck_assert_int_eq(unmap(v.copy, 0), 0);
	ck_assert_int_eq(unmap(v.own, 0), 0);
	end_section(section);
}
END_TEST

/* One end of a conversation in which each turn is one byte. */
static void turn(int fd)
{
	require(write(fd, "", 1) == 1);
}

static void wait_for_turn(int fd)
{
	char byte;

	require(read(fd, &byte, 1) == 1);
}

static void send_fd(int sock, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	ck_assert_int_eq(sendmsg(sock, &message, 0), 1);
}

static int receive_fd(int sock)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	require(recvmsg(sock, &message, 0) == 1);
	require(CMSG_FIRSTHDR(&message));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* A process that has nothing of the other's but a name or a socket. */
static void other_side(int sock, const char *name)
{
	int section;
	char *p;

	if (name) {
		wait_for_turn(sock);
		section = open_section(name, 0, PAGE_READWRITE);
	} else {
		section = receive_fd(sock);
	}
	require(section >= 0);
	p = view_of(section, PAGE_READWRITE);
	require(p);
	require(peek(p) == 7);
	require(!can_read(p + PAGE));
	require(!commit(p + PAGE, PAGE, PAGE_READWRITE));
	poke(p + PAGE, 8);
	turn(sock);
	wait_for_turn(sock);
	require(peek(p) == 9);
	/* Committed by the other one, seen by the fault alone. */
	require(peek(p + 3 * PAGE) == 4);
	_exit(0);
}

START_TEST(two_processes)
{
	const char *name = _i ? "unit: a meeting" : NULL;
	int section, socks[2], status;
	char *p, byte;
	pid_t pid;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, socks), 0);
	pid = fork();
	if (!pid)
		other_side(socks[1], name);
	section = create(name, SIZE, PAGE_READWRITE, LATER);
	ck_assert_int_ge(section, 0);
	p = view_of(section, PAGE_READWRITE);
	ck_assert_int_eq(commit(p, PAGE, PAGE_READWRITE), 0);
	poke(p, 7);
	if (name)
		ck_assert_int_eq(write(socks[0], "", 1), 1);
	else
		send_fd(socks[0], section);
	ck_assert_int_eq(read(socks[0], &byte, 1), 1);
	ck_assert_int_eq(peek(p + PAGE), 8);
	ck_assert(is_run(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	poke(p, 9);
	ck_assert_int_eq(commit(p + 3 * PAGE, PAGE, PAGE_READWRITE), 0);
	poke(p + 3 * PAGE, 4);
	ck_assert_int_eq(write(socks[0], "", 1), 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	close(socks[0]);
	close(socks[1]);
	ck_assert_int_eq(unmap(p, 0), 0);
	end_section(section);
}
END_TEST

static uint64_t commit_by_turns(char *p, size_t size)
{
	struct ntmem_info before, after;
	size_t at;

	ntmem_engine()->info(&before);
	for (at = 0; at < size; at += PAGE)
		require(!commit(p + at, PAGE, PAGE_READWRITE));
	ntmem_engine()->info(&after);
	return after.user_committed - before.user_committed;
}

/* Two processes that commit the same pages at once pay for each page once. */
START_TEST(pages_that_two_commit_are_charged_once)
{
	const size_t size = 1024 * PAGE;
	int section, socks[2], status;
	uint64_t ours, theirs;
	char *p, byte;
	pid_t pid;

	/* The module's accounts are for both of them. */
	if (on_kernel_engine())
		return;
	section = create(NULL, size, PAGE_READWRITE, LATER);
	p = view_of(section, PAGE_READWRITE);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, socks), 0);
	pid = fork();
	if (!pid) {
		turn(socks[1]);
		theirs = commit_by_turns(p, size);
		require(write(socks[1], &theirs, sizeof(theirs)) ==
			sizeof(theirs));
		_exit(0);
	}
	ck_assert_int_eq(read(socks[0], &byte, 1), 1);
	ours = commit_by_turns(p, size);
	ck_assert_int_eq(read(socks[0], &theirs, sizeof(theirs)),
			 sizeof(theirs));
	ck_assert_uint_eq(ours + theirs, size);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	close(socks[0]);
	close(socks[1]);
	ck_assert_int_eq(unmap(p, 0), 0);
	end_section(section);
}
END_TEST

/* ------------------------------------------------------------------ names --- */

/* Where names lie that is somebody else's, or leads elsewhere, there are none. */
static void name_as_stranger(void *arg)
{
	require(!seteuid(*(uid_t *)arg));
	require(create("unit: strange", PAGE, PAGE_READWRITE, 0) ==
		-EOPNOTSUPP);
	require(open_section("unit: strange", 0, 0) == -EOPNOTSUPP);
	require(create(NULL, PAGE, PAGE_READWRITE, 0) >= 0);
	require(!seteuid(0));
}

START_TEST(a_directory_of_names_that_is_not_ones_own)
{
	/* One that has no names, and no other test has. */
	uid_t stranger = 4000000000u + (uid_t)getpid();
	char path[64], other[64];

	if (on_kernel_engine() || geteuid())
		return;
	snprintf(path, sizeof(path), "/dev/shm/ntmem-%u", stranger);
	snprintf(other, sizeof(other), "/dev/shm/ntmem-unit-%u", stranger);
	ck_assert_int_eq(mkdir(path, 0777), 0);
	ck_assert_int_eq(in_child(name_as_stranger, &stranger), 0);
	ck_assert_int_eq(rmdir(path), 0);
	/* Not even to one of one's own. */
	ck_assert_int_eq(mkdir(other, 0700), 0);
	ck_assert_int_eq(chown(other, stranger, stranger), 0);
	ck_assert_int_eq(symlink(other, path), 0);
	ck_assert_int_eq(in_child(name_as_stranger, &stranger), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(other), 0);
}
END_TEST

/* What lies there and is no name is left alone. */
START_TEST(names_beside_something_else)
{
	char path[128];
	int section;

	if (on_kernel_engine())
		return;
	section = create("unit: first", PAGE, PAGE_READWRITE, 0);
	snprintf(path, sizeof(path), "/dev/shm/ntmem-%u/%032d", geteuid(),
		 getpid());
	ck_assert_int_eq(symlink("/dev/null", path), 0);
	end_section(section);
	section = create("unit: second", PAGE, PAGE_READWRITE, 0);
	ck_assert_int_ge(section, 0);
	end_section(section);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(names)
{
	char longest[NTMEM_NAME_MAX + 1];
	int one, two, three;

	ck_assert_int_eq(open_section("Unit/..", 0, PAGE_READWRITE), -ENOENT);
	one = create("Unit/..", SIZE, PAGE_READWRITE, LATER);
	ck_assert_int_ge(one, 0);
	ck_assert_int_eq(open_section("unit/..", 0, PAGE_READWRITE), -ENOENT);
	ck_assert_int_eq(open_section("Unit/.", 0, PAGE_READWRITE), -ENOENT);
	ck_assert_int_eq(open_section("Unit/..", 0, PAGE_EXECUTE_READ),
			 -EACCES);
	ck_assert_int_eq(open_section("Unit/..", one, 0), -EINVAL);
	two = open_section("Unit/..", 0, PAGE_READONLY);
	ck_assert_int_ge(two, 0);
	/* A handle of a handle keeps it as well. */
	three = open_section(NULL, two, 0);
	ck_assert_int_ge(three, 0);
	end_section(one);
	end_section(two);
	one = open_section("Unit/..", 0, 0);
	ck_assert_int_ge(one, 0);
	end_section(three);
	/* As does one that was not closed as one. */
	two = dup(one);
	end_section(one);
	one = open_section("Unit/..", 0, 0);
	ck_assert_int_ge(one, 0);
	close(one);
	close(two);
	ck_assert_int_eq(open_section("Unit/..", 0, 0), -ENOENT);
	memset(longest, 'n', sizeof(longest));
	longest[NTMEM_NAME_MAX] = '\0';
	one = create(longest, PAGE, PAGE_READWRITE, 0);
	ck_assert_int_ge(one, 0);
	two = open_section(longest, 0, PAGE_READWRITE);
	ck_assert_int_ge(two, 0);
	end_section(one);
	end_section(two);
}
END_TEST

static void die_with_a_name(void *arg)
{
	(void)arg;
	require(create("unit: left", PAGE, PAGE_READWRITE, 0) >= 0);
	kill(getpid(), SIGKILL);
}

/* However its last process ended. */
START_TEST(a_name_ends_with_its_process)
{
	int section;
	char *p;

	ck_assert_int_eq(in_child(die_with_a_name, NULL), SIGKILL);
	ck_assert_int_eq(open_section("unit: left", 0, PAGE_READWRITE),
			 -ENOENT);
	ck_assert_int_eq(in_child(die_with_a_name, NULL), SIGKILL);
	section = create("unit: left", 2 * PAGE, PAGE_READWRITE, 0);
	ck_assert_int_ge(section, 0);
	p = view_of(section, PAGE_READWRITE);
	ck_assert(is_run(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	ck_assert_int_eq(unmap(p, 0), 0);
	end_section(section);
}
END_TEST

TCase *section_engine_tests(void)
{
	TCase *tests = tcase_create("section engine");

	tcase_add_test(tests, sections_that_are_refused);
	tcase_add_test(tests, views_that_are_refused);
	tcase_add_test(tests, a_view_is_not_released);
	tcase_add_loop_test(tests, what_a_handle_allows, 0, COUNT(allowed));
	tcase_add_test(tests, a_section_is_charged_once);
	tcase_add_test(tests, commits_are_charged_once);
	tcase_add_test(tests, sections_within_the_commit_limit);
	tcase_add_test(tests, a_large_section);
	tcase_add_test(tests, a_handle_with_less_is_mapped_first);
	tcase_add_test(tests, sections_of_another_user);
	tcase_add_test(tests, copies_by_page);
	tcase_add_test(tests, copies_inside_a_shared_view);
	tcase_add_test(tests, guards_in_a_view);
	tcase_add_test(tests, no_write_is_lost_beside_protect);
	tcase_add_test(tests, the_kernel_reads_and_writes);
	tcase_add_test(tests, the_kernel_writes_to_what_was_just_committed);
	tcase_add_test(tests, locked_views);
	tcase_add_test(tests, views_take_the_place_of_placeholders);
	tcase_add_test(tests, a_child_shares_views);
	tcase_add_loop_test(tests, two_processes, 0, 2);
	tcase_add_test(tests, pages_that_two_commit_are_charged_once);
	tcase_add_test(tests, a_directory_of_names_that_is_not_ones_own);
	tcase_add_test(tests, names_beside_something_else);
	tcase_add_test(tests, names);
	tcase_add_test(tests, a_name_ends_with_its_process);
	return tests;
}
