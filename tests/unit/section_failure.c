// SPDX-License-Identifier: MIT
/*
 * What happens to sections and views when something below fails, and when what
 * claims to be a section is none. The failing allocations and system calls are
 * the embedded engine's; on the kernel engine few are left to fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/engine.h"
#include "inject.h"
#include "unit.h"

#define PAGES	16
#define SIZE	(PAGES * PAGE)
#define COPIED	2	/* page that the view has copied */
#define LATER	8	/* pages from here on are not committed */

/*
 * A section that is committed later, as far as LATER, and a view of it in the
 * place of a placeholder: half may be copied, and a page was; and another
 * placeholder of that size.
 */
static int section;
static char *view, *place;
/* One that the process has a descriptor of, and knows nothing about. */
static int unknown;
/* What the operation at hand has made. */
static int made_fd = -1;
static char *made_view;

static int map_at(char **addr, uint32_t prot, uint32_t flags)
{
	struct ntmem_map_view map = {
		.fd = section, .prot = prot, .addr = (uintptr_t)*addr,
		.flags = flags,
	};
	int error = ntmem_engine()->map_view(&map);

	*addr = error ? NULL : (char *)(uintptr_t)map.addr;
	return error;
}

static int unmap(void *addr, uint32_t flags)
{
	const struct ntmem_unmap_view unmap = {
		.addr = (uintptr_t)addr, .flags = flags,
	};

	return ntmem_engine()->unmap_view(&unmap);
}

static int commit(size_t page, size_t pages)
{
	const struct ntmem_range range = {
		.addr = (uintptr_t)view + page * PAGE, .size = pages * PAGE,
		.prot = PAGE_READWRITE,
	};

	return ntmem_engine()->commit(&range);
}

static int protect(size_t page, size_t pages, uint32_t prot)
{
	struct ntmem_protect protect = {
		.addr = (uintptr_t)view + page * PAGE, .size = pages * PAGE,
		.prot = prot,
	};

	return ntmem_engine()->protect(&protect);
}

static int make(uint32_t prot, uint32_t flags)
{
	struct ntmem_section make = {
		.size = SIZE, .prot = prot, .flags = flags,
	};

	ck_assert_int_eq(ntmem_engine()->create_section(&make), 0);
	return make.fd;
}

static char *make_place(void)
{
	char *p;

	assert_ok(p = VirtualAlloc2(NULL, NULL, SIZE, MEM_RESERVE |
				    MEM_RESERVE_PLACEHOLDER, PAGE_NOACCESS,
				    NULL, 0));
	return p;
}

static void make_scene(void)
{
	size_t i;
	int fd;

	section = make(PAGE_READWRITE, NTMEM_SECTION_RESERVE);
	fd = make(PAGE_READWRITE, 0);
	unknown = dup(fd);
	ntmem_engine()->close_section(fd);
	view = make_place();
	place = make_place();
	ck_assert_int_eq(map_at(&view, PAGE_READWRITE, NTMEM_RESERVE_REPLACE),
			 0);
	ck_assert_int_eq(commit(0, LATER), 0);
	for (i = 0; i < LATER; i++)
		poke(view + i * PAGE, (char)i);
	ck_assert_int_eq(protect(0, LATER / 2, PAGE_WRITECOPY), 0);
	poke(view + COPIED * PAGE, 77);
}

static void drop_scene(void)
{
	MEMORY_BASIC_INFORMATION run;

	if (made_view)
		ck_assert_int_eq(unmap(made_view, 0), 0);
	if (made_fd >= 0)
		ntmem_engine()->close_section(made_fd);
	made_view = NULL;
	made_fd = -1;
	query(view, &run);
	if (run.Type == MEM_MAPPED)
		ck_assert_int_eq(unmap(view, 0), 0);
	else if (run.State != MEM_FREE)
		drop(view);
	query(place, &run);
	if (run.State != MEM_FREE)
		drop(place);
	close(unknown);
	ntmem_engine()->close_section(section);
}

/* ------------------------------------------------------------ the state --- */

struct state {
	MEMORY_BASIC_INFORMATION run[PAGES];
	MEMORY_BASIC_INFORMATION place;
	char content[LATER];
	uint64_t reserved, committed;
	bool placeholder;
	int files;
	int64_t pool;
};

/* Also what Linux knows: what cannot be read there would kill. */
static void look(struct state *state)
{
	struct ntmem_info info;
	int i;

	memset(state, 0, sizeof(*state));
	for (i = 0; i < PAGES; i++)
		query(view + i * PAGE, &state->run[i]);
	query(place, &state->place);
	for (i = 0; i < LATER; i++)
		state->content[i] = peek(view + i * PAGE);
	state->placeholder = !VirtualAlloc(place, PAGE, MEM_COMMIT,
					   PAGE_READWRITE);
	ck_assert_int_eq(ntmem_engine()->info(&info), 0);
	state->reserved = info.space_reserved;
	state->committed = info.user_committed;
	state->files = open_files();
	state->pool = inject_pool_bytes();
}

/* ------------------------------------------------------------ the subjects --- */

static int create_unnamed(void)
{
	struct ntmem_section make = { .size = SIZE, .prot = PAGE_READONLY };
	int error = ntmem_engine()->create_section(&make);

	made_fd = error ? -1 : make.fd;
	return error;
}

static int create_named(void)
{
	struct ntmem_section make = {
		.size = SIZE, .prot = PAGE_READONLY,
		.name = (uintptr_t)"unit: failing", .name_len = 13,
	};
	int error = ntmem_engine()->create_section(&make);

	made_fd = error ? -1 : make.fd;
	return error;
}

static int make_of_file(const char *name)
{
	struct ntmem_file_section make = {
		.size = SIZE, .prot = PAGE_READWRITE,
		.name = (uintptr_t)name, .name_len = name ? strlen(name) : 0,
	};
	int error;

	make.file = memfd_create("file", MFD_CLOEXEC);
	ck_assert_int_ge(make.file, 0);
	error = ntmem_engine()->create_file_section(&make);
	ck_assert(error || !make.flags);
	close(make.file);
	made_fd = error ? -1 : make.fd;
	return error;
}

/* A name that was not made is there for the next one. */
static int create_of_file(void)
{
	return make_of_file("unit: failing");
}

static int open_another(void)
{
	struct ntmem_section open = { .fd = section };
	int error = ntmem_engine()->open_section(&open);

	made_fd = error ? -1 : open.fd;
	return error;
}

static int create_unnamed_of_file(void)
{
	return make_of_file(NULL);
}

static int open_unknown(void)
{
	struct ntmem_section open = { .fd = unknown };
	int error = ntmem_engine()->open_section(&open);

	made_fd = error ? -1 : open.fd;
	return error;
}

static int map_unknown(void)
{
	struct ntmem_map_view map = { .fd = unknown, .prot = PAGE_READWRITE };
	int error = ntmem_engine()->map_view(&map);

	made_view = error ? NULL : (char *)(uintptr_t)map.addr;
	return error;
}

static int map_anywhere(void)
{
	made_view = NULL;
	return map_at(&made_view, PAGE_WRITECOPY, NTMEM_RESERVE_NOFORK);
}

static int map_in_place(void)
{
	made_view = place;
	return map_at(&made_view, PAGE_READWRITE, NTMEM_RESERVE_REPLACE |
		      NTMEM_RESERVE_NOFORK);
}

static int commit_more(void)
{
	return commit(LATER - 1, 3);
}

static int let_copy(void)
{
	return protect(2, 4, PAGE_WRITECOPY);
}

static int stop_copies(void)
{
	return protect(1, 5, PAGE_READWRITE);
}

static int stop_all_copies(void)
{
	return protect(0, 6, PAGE_READWRITE);
}

static int unmap_all(void)
{
	return unmap(view, 0);
}

static int keep_place(void)
{
	return unmap(view, NTMEM_RELEASE_PRESERVE);
}

static int (*const subjects[])(void) = {
	create_unnamed, create_named, create_of_file, create_unnamed_of_file,
	open_another,
	open_unknown, map_unknown, map_anywhere, map_in_place, commit_more,
	let_copy, stop_copies, stop_all_copies, unmap_all, keep_place,
};

/* What is shared is so, and what is copied is not, whatever QUERY says. */
static void check_sharing(void)
{
	char *other = NULL;
	int i;

	ck_assert_int_eq(map_at(&other, PAGE_READONLY, 0), 0);
	for (i = 0; i < LATER; i++) {
		poke(view + i * PAGE, 99);
		ck_assert_int_eq(peek(other + i * PAGE),
				 i < LATER / 2 ? i : 99);
	}
	ck_assert_int_eq(unmap(other, 0), 0);
}

/*
 * What a change that failed has left amiss stays so as long as it cannot be
 * helped, and then is set right.
 */
static void look_in_vain(enum inject_kind kind)
{
	struct ntmem_query query;
	size_t i;

	for (i = PAGES; i--;) {
		query = (struct ntmem_query){
			.addr = (uintptr_t)view + i * PAGE,
		};
		inject_from(kind, 1, ENOMEM);
		ntmem_engine()->query(&query);
		inject_end();
	}
}

static bool step(int (*subject)(void), inject_order order,
		 enum inject_kind kind, unsigned int n)
{
	struct state before, after;
	bool hit, unmaps;
	int error;

	make_scene();
	look(&before);
	order(kind, n, ENOMEM);
	error = subject();
	hit = inject_end();
	unmaps = inject_hit_unmap();
	ck_assert(hit || !error);
	if (error) {
		look_in_vain(INJECT_SYSTEM_CALL);
		look_in_vain(INJECT_ALLOCATION);
		look(&after);
		/* What QUERY has learned meanwhile is no loss. */
		after.pool = before.pool;
		ck_assert_msg(!memcmp(&before, &after, sizeof(before)),
			      "call %u of kind %d changed something", n, kind);
		ck_assert_msg(error == -ENOMEM || error == -ENOSPC || unmaps,
			      "error %d", error);
		check_sharing();
	}
	drop_scene();
	return hit;
}

static void walk(int (*subject)(void), inject_order order,
		 enum inject_kind kind)
{
	unsigned int n = 1;

	while (step(subject, order, kind, n))
		n++;
}

START_TEST(no_failure_changes_a_view)
{
	if (under_valgrind())
		return;
	walk(subjects[_i], inject, INJECT_ALLOCATION);
	walk(subjects[_i], inject_from, INJECT_ALLOCATION);
	walk(subjects[_i], inject, INJECT_SYSTEM_CALL);
	walk(subjects[_i], inject_from, INJECT_SYSTEM_CALL);
}
END_TEST

/* Nothing is lost, however often. */
START_TEST(failures_lose_nothing)
{
	int64_t pool = 0;
	int files = 0, i;

	if (under_valgrind() || on_kernel_engine())
		return;
	for (i = 0; i < 3; i++) {
		walk(subjects[_i], inject, INJECT_ALLOCATION);
		walk(subjects[_i], inject, INJECT_SYSTEM_CALL);
		ck_assert(!i || inject_pool_bytes() == pool);
		ck_assert(!i || open_files() == files);
		pool = inject_pool_bytes();
		files = open_files();
	}
}
END_TEST

static int query_page(size_t page, uint32_t *state)
{
	struct ntmem_query query = { .addr = (uintptr_t)view + page * PAGE };
	int error = ntmem_engine()->query(&query);

	*state = query.state;
	return error;
}

typedef bool (*step_of)(enum inject_kind kind, unsigned int n);

/* How many can fail. */
static unsigned int walk_through(step_of step, enum inject_kind kind)
{
	unsigned int n = 1;

	while (step(kind, n))
		n++;
	return n - 1;
}

/* A page that another process has committed, when there is no memory to see it. */
static bool look_at_bit(enum inject_kind kind, unsigned int n)
{
	char *p, byte = 1;
	uint32_t state = 0;
	int error;
	bool hit;

	make_scene();
	p = view + (LATER + 2) * PAGE;
	ck_assert_int_eq(pwrite(section, "\4", 1, (off_t)SIZE + 1), 1);
	inject(kind, n, ENOMEM);
	error = query_page(LATER + 2, &state);
	hit = inject_end();
	ck_assert(!error || (hit && error == -ENOMEM));
	ck_assert_int_eq(query_page(LATER + 2, &state), 0);
	ck_assert_uint_eq(state, MEM_COMMIT);
	ck_assert_int_eq(query_page(LATER + 3, &state), 0);
	ck_assert_uint_eq(state, MEM_RESERVE);
	/* It is there for the kernel, too, which does not fault. */
	assert_ok(ReadProcessMemory(GetCurrentProcess(), p, &byte, 1, NULL));
	ck_assert_int_eq(byte, 0);
	ck_assert_int_eq(peek(p), 0);
	drop_scene();
	return hit;
}

START_TEST(bits_that_come_without_memory)
{
	if (on_kernel_engine() || under_valgrind())
		return;
	ck_assert_uint_gt(walk_through(look_at_bit, INJECT_ALLOCATION), 0);
	ck_assert_uint_gt(walk_through(look_at_bit, INJECT_SYSTEM_CALL), 0);
}
END_TEST

static uint32_t prot_of(size_t page)
{
	struct ntmem_query query = { .addr = (uintptr_t)view + page * PAGE };

	ck_assert_int_eq(ntmem_engine()->query(&query), 0);
	return query.prot;
}

/* A page that the program has copied, when there is no memory to see it. */
static bool look_at_copy(enum inject_kind kind, unsigned int n)
{
	uint32_t state;
	int error;
	bool hit;

	make_scene();
	poke(view, 9);
	inject(kind, n, ENOMEM);
	error = query_page(0, &state);
	hit = inject_end();
	ck_assert(!error || (hit && error == -ENOMEM));
	ck_assert_uint_eq(prot_of(0), PAGE_READWRITE);
	ck_assert_uint_eq(prot_of(1), PAGE_WRITECOPY);
	ck_assert_int_eq(peek(view), 9);
	drop_scene();
	return hit;
}

START_TEST(copies_that_come_without_memory)
{
	if (on_kernel_engine() || under_valgrind())
		return;
	ck_assert_uint_gt(walk_through(look_at_copy, INJECT_ALLOCATION), 0);
	ck_assert_uint_gt(walk_through(look_at_copy, INJECT_SYSTEM_CALL), 0);
}
END_TEST

static int lock_page(size_t page)
{
	const struct ntmem_range range = {
		.addr = (uintptr_t)view + page * PAGE, .size = PAGE,
	};

	return ntmem_engine()->lock(&range);
}

/* It guards on, and is there once. */
static bool lock_guard(enum inject_kind kind, unsigned int n)
{
	int error;
	bool hit;

	make_scene();
	ck_assert_int_eq(protect(4, 3, PAGE_READWRITE | PAGE_GUARD), 0);
	inject(kind, n, ENOMEM);
	error = lock_page(5);
	hit = inject_end();
	ck_assert_int_eq(error, hit ? -ENOMEM : -EKEYEXPIRED);
	if (hit) {
		assert_run(view + 4 * PAGE, 3 * PAGE, MEM_COMMIT,
			   PAGE_READWRITE | PAGE_GUARD);
		ck_assert_int_eq(lock_page(5), -EKEYEXPIRED);
	}
	assert_run(view + 5 * PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE);
	drop_scene();
	return hit;
}

START_TEST(a_guard_that_cannot_be_cleared)
{
	if (on_kernel_engine() || under_valgrind())
		return;
	ck_assert_uint_gt(walk_through(lock_guard, INJECT_ALLOCATION), 0);
	ck_assert_uint_gt(walk_through(lock_guard, INJECT_SYSTEM_CALL), 0);
}
END_TEST

/* What it needs the process for comes with the first commit. */
static bool commit_first(enum inject_kind kind, unsigned int n)
{
	int fd = make(PAGE_READWRITE, NTMEM_SECTION_RESERVE), error;
	struct ntmem_map_view map = { .fd = fd, .prot = PAGE_READWRITE };
	struct ntmem_range range = { .size = PAGE, .prot = PAGE_READWRITE };
	bool hit;

	ck_assert_int_eq(ntmem_engine()->map_view(&map), 0);
	range.addr = map.addr + 3 * PAGE;
	inject(kind, n, ENOMEM);
	error = ntmem_engine()->commit(&range);
	hit = inject_end();
	ck_assert_int_eq(error, hit ? -ENOMEM : 0);
	if (hit)
		assert_run((char *)(uintptr_t)map.addr, SIZE, MEM_RESERVE, 0);
	ck_assert_int_eq(ntmem_engine()->commit(&range), 0);
	ck_assert_int_eq(peek((char *)(uintptr_t)range.addr), 0);
	ck_assert_int_eq(unmap((void *)(uintptr_t)map.addr, 0), 0);
	ntmem_engine()->close_section(fd);
	return hit;
}

START_TEST(a_first_commit_that_fails)
{
	if (on_kernel_engine() || under_valgrind())
		return;
	ck_assert_uint_gt(walk_through(commit_first, INJECT_SYSTEM_CALL), 1);
}
END_TEST

/* -------------------------------------------------------------- a window --- */

static int pipe_of[2];
static bool written;

static void write_late(void)
{
	written = read(pipe_of[0], view, 1) == 1;
}

/*
 * Between the look at which pages were copied, and the end of copying, nobody
 * may copy one: what was written then would be lost.
 */
START_TEST(no_page_is_copied_too_late)
{
	if (on_kernel_engine())
		return;
	make_scene();
	ck_assert_int_eq(pipe(pipe_of), 0);
	ck_assert_int_eq(write(pipe_of[1], "x", 1), 1);
	inject_before_mapping(write_late);
	ck_assert_int_eq(protect(0, 2, PAGE_READWRITE), 0);
	inject_before_mapping(NULL);
	ck_assert(!written);
	ck_assert_int_eq(read(pipe_of[0], view, 1), 1);
	ck_assert_int_eq(peek(view), 'x');
	close(pipe_of[0]);
	close(pipe_of[1]);
	drop_scene();
}
END_TEST

/* ----------------------------------------------------- what is no section --- */

static int query_section(int fd)
{
	struct ntmem_section query = { .fd = fd };

	return ntmem_engine()->query_section(&query);
}

/* And unmaps again. */
static int map_any(int fd, uint32_t prot)
{
	struct ntmem_map_view map = { .fd = fd, .prot = prot };
	int error = ntmem_engine()->map_view(&map);

	return error ? error : unmap((void *)(uintptr_t)map.addr, 0);
}

/* The same bytes in another file. */
static int copy_of(int from, int seals)
{
	int fd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stat now;
	off_t offset = 0;
	char page[PAGE];

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(from, &now), 0);
	for (; offset < now.st_size; offset += (off_t)PAGE) {
		ck_assert_int_eq(pread(from, page, PAGE, offset), PAGE);
		ck_assert_int_eq(pwrite(fd, page, PAGE, offset), PAGE);
	}
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

/* What could be cut short under our mapping is none. */
START_TEST(a_file_that_is_not_sealed)
{
	static const int missing[] = {
		F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, 0,
	};
	const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int from, fd, i;

	if (on_kernel_engine())
		return;
	from = make(PAGE_READWRITE, NTMEM_SECTION_RESERVE);
	for (i = 0; i < 5; i++) {
		fd = copy_of(from, all & ~missing[i]);
		ck_assert_int_eq(query_section(fd), missing[i] ? -EBADF : 0);
		ck_assert_int_eq(map_any(fd, PAGE_READWRITE),
				 missing[i] ? -EBADF : 0);
		close(fd);
	}
	ntmem_engine()->close_section(from);
}
END_TEST

/* Every word of what it says of itself, by somebody who may write to it. */
START_TEST(a_section_that_lies)
{
	static const uint64_t lies[] = {
		0, 1, PAGE, SIZE - PAGE, SIZE + PAGE, 2 * SIZE, 0x40000000,
		1ULL << 47, 1ULL << 63, ~0ULL,
	};
	struct ntmem_map_view map = { .prot = PAGE_READONLY };
	uint64_t word;
	struct stat now;
	size_t i, k;
	off_t at;

	if (on_kernel_engine())
		return;
	map.fd = make(PAGE_READWRITE, NTMEM_SECTION_RESERVE);
	ck_assert_int_eq(fstat(map.fd, &now), 0);
	for (k = 0; k < 6; k++) {
		at = now.st_size - (off_t)PAGE + (off_t)(k * sizeof(word));
		ck_assert_int_eq(pread(map.fd, &word, sizeof(word), at),
				 sizeof(word));
		for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
			ck_assert_int_eq(pwrite(map.fd, &lies[i],
						sizeof(word), at),
					 sizeof(word));
			map.addr = 0;
			map.size = 0;
			if (ntmem_engine()->map_view(&map))
				continue;
			ck_assert_uint_le(map.size, SIZE);
			ck_assert_int_eq(unmap((void *)(uintptr_t)map.addr, 0),
					 0);
		}
		ck_assert_int_eq(pwrite(map.fd, &word, sizeof(word), at),
				 sizeof(word));
	}
	ck_assert_int_eq(query_section(map.fd), 0);
	ntmem_engine()->close_section(map.fd);
}
END_TEST

/*
 * That it is one of another kind, and so much longer that the file is as long as it
 * was: pages of which no bit tells whether they are committed.
 */
START_TEST(a_section_that_becomes_another)
{
	const uint64_t size = 128 << 20, longer = size + PAGE;
	const uint64_t plain = PAGE_READWRITE;
	struct ntmem_section section = {
		.size = size, .prot = PAGE_READWRITE,
		.flags = NTMEM_SECTION_RESERVE,
	};
	struct ntmem_map_view map = { .prot = PAGE_READWRITE };
	uint64_t words[8];
	struct stat now;
	off_t at;
	int i = 0;

	if (on_kernel_engine())
		return;
	ck_assert_int_eq(ntmem_engine()->create_section(&section), 0);
	ck_assert_int_eq(fstat(section.fd, &now), 0);
	at = now.st_size - (off_t)PAGE;
	ck_assert_int_eq(pread(section.fd, words, sizeof(words), at),
			 sizeof(words));
	while (i < 6 && words[i] != size)
		i++;
	ck_assert_uint_eq(words[i + 1],
			  plain | (uint64_t)NTMEM_SECTION_RESERVE << 32);
	at += (off_t)(i * sizeof(*words));
	ck_assert_int_eq(pwrite(section.fd, &longer, 8, at), 8);
	ck_assert_int_eq(pwrite(section.fd, &plain, 8, at + 8), 8);
	map.fd = section.fd;
	ck_assert_int_eq(ntmem_engine()->map_view(&map), -EBADF);
	ntmem_engine()->close_section(section.fd);
}
END_TEST

START_TEST(files_that_are_no_sections)
{
	int null = open("/dev/null", O_RDWR), dir = open("/", O_RDONLY);
	int empty = memfd_create("empty", MFD_CLOEXEC), fds[2];
	struct ntmem_section open_null = { .fd = null };

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(ntmem_engine()->open_section(&open_null), -EBADF);
	/* It is no handle, and so none more. */
	ntmem_engine()->adopt_section(null);
	ck_assert_int_eq(query_section(null), -EBADF);
	ck_assert_int_eq(query_section(dir), -EBADF);
	ck_assert_int_eq(query_section(empty), -EBADF);
	ck_assert_int_eq(query_section(fds[0]), -EBADF);
	ck_assert_int_eq(map_any(fds[1], PAGE_READONLY), -EBADF);
	/* A handle that has become one of something else is closed. */
	ntmem_engine()->close_section(null);
	ck_assert_int_eq(fcntl(null, F_GETFD), -1);
	close(dir);
	close(empty);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

#define ALL_SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Memory that is sealed like one. */
static void is_no_section(const char *name, unsigned int flags, off_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);

	if (fd < 0)	/* no huge pages here */
		return;
	ck_assert_int_eq(ftruncate(fd, size), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, ALL_SEALS), 0);
	ck_assert_int_eq(query_section(fd), -EBADF);
	ck_assert_int_eq(map_any(fd, PAGE_READONLY), -EBADF);
	close(fd);
}

START_TEST(memory_that_is_no_section)
{
	is_no_section("empty", 0, 0);
	is_no_section("short", 0, 100);
	is_no_section("odd", 0, (off_t)PAGE + 100);
	is_no_section("zeros", 0, 4 * (off_t)PAGE);
	is_no_section("huge", MFD_HUGETLB, 0);
}
END_TEST

/* A name whose file somebody has cut short is taken, and leads nowhere. */
START_TEST(a_name_that_is_damaged)
{
	static const char name[] = "unit: damaged";
	struct ntmem_section make = {
		.size = SIZE, .prot = PAGE_READWRITE,
		.name = (uintptr_t)name, .name_len = sizeof(name) - 1,
	};
	struct ntmem_section open = {
		.name = make.name, .name_len = make.name_len,
	};

	if (on_kernel_engine())
		return;
	ck_assert_int_eq(ntmem_engine()->create_section(&make), 0);
	ck_assert_int_eq(ftruncate(make.fd, 0), 0);
	ck_assert_int_eq(ntmem_engine()->open_section(&open), -EEXIST);
	ntmem_engine()->close_section(make.fd);
	ck_assert_int_eq(fcntl(make.fd, F_GETFD), -1);
	make.fd = 0;
	ck_assert_int_eq(ntmem_engine()->create_section(&make), 0);
	ck_assert_uint_eq(make.flags, 0);
	ntmem_engine()->close_section(make.fd);
}
END_TEST

/* It is not the library alone that sees to what a handle allows. */
START_TEST(a_handle_that_may_only_read)
{
	struct ntmem_section less = { .prot = PAGE_READONLY };
	int all;

	if (on_kernel_engine())
		return;
	all = make(PAGE_READWRITE, 0);
	less.fd = all;
	ck_assert_int_eq(ntmem_engine()->open_section(&less), 0);
	ck_assert_int_eq(write(less.fd, "x", 1), -1);
	ck_assert_ptr_eq(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			      less.fd, 0), MAP_FAILED);
	ck_assert_int_eq(lseek(less.fd, PAGE_READWRITE, SEEK_SET),
			 PAGE_READWRITE);
	ck_assert_int_eq(map_any(less.fd, PAGE_READWRITE), -EACCES);
	ck_assert_int_eq(lseek(less.fd, 0, SEEK_SET), 0);
	less.prot = 0;
	less.size = 0;
	ck_assert_int_eq(ntmem_engine()->query_section(&less), 0);
	ck_assert_uint_eq(less.prot, PAGE_READONLY);
	ck_assert_int_eq(map_any(less.fd, PAGE_READWRITE), -EACCES);
	ck_assert_int_eq(map_any(less.fd, PAGE_EXECUTE_READ), -EACCES);
	ntmem_engine()->close_section(less.fd);
	ntmem_engine()->close_section(all);
}
END_TEST

/* Bits that another process takes back change nothing that we have. */
START_TEST(bits_that_go)
{
	static const char zeros[PAGE];

	if (on_kernel_engine())
		return;
	make_scene();
	ck_assert_int_eq(pwrite(section, zeros, PAGE, (off_t)SIZE), PAGE);
	ck_assert_int_eq(peek(view + 5 * PAGE), 5);
	assert_run(view + 4 * PAGE, (LATER - 4) * PAGE, MEM_COMMIT,
		   PAGE_READWRITE);
	ck_assert_int_eq(commit(0, PAGES), 0);
	ck_assert_int_eq(peek(view + 5 * PAGE), 5);
	drop_scene();
}
END_TEST

/*
 * A page that another process has committed is there with the first access,
 * also where that has been so often.
 */
START_TEST(bits_that_come)
{
	struct ntmem_map_view map = { .prot = PAGE_READWRITE };
	char *hole = find_hole(1);
	int i;

	if (on_kernel_engine())
		return;
	for (i = 0; i < 200; i++) {
		map.fd = make(PAGE_READWRITE, NTMEM_SECTION_RESERVE);
		map.addr = (uintptr_t)hole;
		map.size = 0;
		ck_assert_int_eq(ntmem_engine()->map_view(&map), 0);
		ck_assert_int_eq(pwrite(map.fd, "\1", 1, (off_t)SIZE), 1);
		ck_assert(can_write(hole));
		ck_assert_int_eq(unmap(hole, 0), 0);
		ntmem_engine()->close_section(map.fd);
	}
}
END_TEST

/* A program that closes what it does not know. */
static void close_all(void *arg)
{
	uint32_t state;

	(void)arg;
	make_scene();
	closefrom(3);
	require(peek(view + 5 * PAGE) == 5);
	require(query_page(LATER, &state) == -EBADF);
	require(lock_page(LATER) == -EBADF);
	require(protect(5, 1, PAGE_WRITECOPY) == -EBADF);
	require(commit(LATER, 1) == -EBADF);
	require(!protect(5, 1, PAGE_READONLY));
	require(peek(view + 5 * PAGE) == 5);
	require(!unmap(view, 0));
	/* Nor is another file under its number taken for it. */
	require(!can_read(view));
}

START_TEST(a_section_whose_descriptors_are_closed)
{
	if (!on_kernel_engine())
		ck_assert_int_eq(in_child(close_all, NULL), 0);
}
END_TEST

TCase *section_failure_tests(void)
{
	TCase *tests = tcase_create("section failure");

	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, no_failure_changes_a_view, 0,
			    sizeof(subjects) / sizeof(subjects[0]));
	tcase_add_loop_test(tests, failures_lose_nothing, 0,
			    sizeof(subjects) / sizeof(subjects[0]));
	tcase_add_test(tests, bits_that_come_without_memory);
	tcase_add_test(tests, copies_that_come_without_memory);
	tcase_add_test(tests, a_guard_that_cannot_be_cleared);
	tcase_add_test(tests, a_first_commit_that_fails);
	tcase_add_test(tests, no_page_is_copied_too_late);
	tcase_add_test(tests, a_file_that_is_not_sealed);
	tcase_add_test(tests, a_section_that_lies);
	tcase_add_test(tests, a_section_that_becomes_another);
	tcase_add_test(tests, files_that_are_no_sections);
	tcase_add_test(tests, memory_that_is_no_section);
	tcase_add_test(tests, a_name_that_is_damaged);
	tcase_add_test(tests, a_handle_that_may_only_read);
	tcase_add_test(tests, bits_that_go);
	tcase_add_test(tests, bits_that_come);
	tcase_add_test(tests, a_section_whose_descriptors_are_closed);
	return tests;
}
