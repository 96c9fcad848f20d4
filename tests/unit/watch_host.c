// SPDX-License-Identifier: MIT
/*
 * Write watch beside Linux: what its system calls write, fork, and what Win32
 * has no call for.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/pagemap_scan.h"
#include "refuse.h"
#include "unit.h"

#define PAGES	16

static char *watch_new(void)
{
	char *base;

	assert_ok(base = VirtualAlloc(NULL, PAGES * PAGE, MEM_RESERVE |
				      MEM_COMMIT | MEM_WRITE_WATCH,
				      PAGE_READWRITE));
	return base;
}

static int call(char *base, size_t size, uint64_t *pages, uint64_t *count,
		uint32_t flags)
{
	struct ntmem_watch watch = {
		.addr = (uintptr_t)base, .size = size,
		.pages = (uintptr_t)pages, .count = *count, .flags = flags,
	};
	int error = ntmem_engine()->watch(&watch);

	*count = watch.count;
	return error;
}

/* A bit for each written page of the range; all ones for a failure. */
static uint64_t written(char *base, size_t pages, uint32_t flags)
{
	uint64_t found[PAGES] = { 0 }, bits = 0, count = PAGES;

	if (call(base, pages * PAGE, found, &count, flags))
		return ~0ULL;
	while (count--)
		bits |= 1ULL << (found[count] - (uintptr_t)base) / PAGE;
	return bits;
}

static uint64_t all_written(char *base)
{
	return written(base, PAGES, 0);
}

static uint64_t reset_all(char *base)
{
	return written(base, PAGES, NTMEM_WATCH_RESET);
}

/* Not so where the machine's owner does without one. */
static bool linux_reads_zero_page(void)
{
	struct pagemap_range zero = { 0 };
	struct pagemap_scan scan = {
		.size = sizeof(scan), .vec = (uintptr_t)&zero, .vec_len = 1,
		.category_mask = PAGE_ZERO, .return_mask = PAGE_ZERO,
	};
	char *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), found;

	require(page != MAP_FAILED && !peek(page));
	scan.start = (uintptr_t)page;
	scan.end = scan.start + PAGE;
	found = ioctl(fd, SCAN_IOCTL, &scan);
	close(fd);
	munmap(page, PAGE);
	return found == 1;
}

static bool linux_tracks_writes(void)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = WP_UNPOPULATED | WP_ASYNC,
	};
	bool can;
	int fd;

	if (under_valgrind())
		return false;
	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	can = fd >= 0 && !ioctl(fd, UFFDIO_API, &api) &&
	      linux_reads_zero_page();
	close(fd);
	return can;
}

/* Else a system call that is the first to write fails. */
static bool system_calls_count(void)
{
	const char *forced = getenv("NTMEM_WATCH");

	return on_kernel_engine() ||
	       ((!forced || !*forced) && linux_tracks_writes());
}

START_TEST(the_engine_says_that_it_can)
{
	struct ntmem_info info;

	ck_assert_int_eq(ntmem_engine()->info(&info), 0);
	ck_assert(info.features & NTMEM_FEATURE_WATCH);
}
END_TEST

/* ------------------------------------------------------- system calls --- */

static ssize_t read_zeroes(void *to, size_t size)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	ssize_t got = read(fd, to, size);

	close(fd);
	return got;
}

static ssize_t write_memory(void *to, size_t size)
{
	char bytes[2 * PAGE] = { 1 };
	struct iovec from = { bytes, size }, there = { to, size };

	return process_vm_writev(getpid(), &from, 1, &there, 1, 0);
}

static void check_system_call(ssize_t (*write_there)(void *to, size_t size))
{
	char *p = watch_new();
	uint64_t expect = 0;
	DWORD old;

	if (system_calls_count()) {
		ck_assert_int_eq(write_there(p + 3 * PAGE - 1, 2), 2);
		expect = 3 << 2;
	} else {
		ck_assert_int_eq(write_there(p + 3 * PAGE - 1, 2), -1);
		ck_assert_int_eq(errno, EFAULT);
	}
	ck_assert_uint_eq(reset_all(p), expect);
	ck_assert_uint_eq(reset_all(p), 0);
	p[5 * PAGE] = 1;
	ck_assert_int_eq(write_there(p + 5 * PAGE, 2), 2);
	ck_assert_uint_eq(reset_all(p), 1 << 5);
	if (system_calls_count())
		ck_assert_int_eq(write_there(p + 5 * PAGE, 2), 2);
	ck_assert_uint_eq(reset_all(p), system_calls_count() ? 1 << 5 : 0);
	p[5 * PAGE] = 1;
	assert_ok(VirtualProtect(p, 8 * PAGE, PAGE_READONLY, &old));
	ck_assert_int_eq(write_there(p + 5 * PAGE, 2), -1);
	assert_ok(VirtualProtect(p, 8 * PAGE, PAGE_READWRITE, &old));
	ck_assert_int_eq(write_there(p + 5 * PAGE, 2), 2);
	ck_assert_uint_eq(reset_all(p), 1 << 5);
	drop(p);
}

START_TEST(what_read_writes_is_told)
{
	check_system_call(read_zeroes);
}
END_TEST

START_TEST(what_process_vm_writev_writes_is_told)
{
	check_system_call(write_memory);
}
END_TEST

/* Where the system reads, nothing is recorded. */
START_TEST(what_write_reads_is_not_told)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC), ends[2];
	char *p = watch_new();

	ck_assert_int_eq(write(fd, p + PAGE, 2 * PAGE), 2 * PAGE);
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], p + PAGE, PAGE), PAGE);
	ck_assert_uint_eq(all_written(p), 0);
	close(ends[0]);
	close(ends[1]);
	close(fd);
	drop(p);
}
END_TEST

/* Where the array lies is the caller's affair. */
START_TEST(an_array_that_is_watched)
{
	char *p = watch_new();
	uint64_t *array = (uint64_t *)(p + 15 * PAGE);
	uint64_t count = 512;

	p[PAGE] = 1;
	p[2 * PAGE] = 1;
	ck_assert_int_eq(call(p, 8 * PAGE, array, &count, NTMEM_WATCH_RESET),
			 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(array[0], (uintptr_t)p + PAGE);
	ck_assert_uint_eq(array[1], (uintptr_t)p + 2 * PAGE);
	ck_assert_uint_eq(all_written(p), 1 << 15);
	drop(p);
}
END_TEST

/* Linux writes to pages that a process has locked, as soon as it may. */
static void commit_locked(void *arg)
{
	DWORD old;
	char *p;

	(void)arg;
	if (syscall(SYS_mlockall, MCL_FUTURE))
		_exit(0);
	p = VirtualAlloc(NULL, PAGES * PAGE, MEM_RESERVE | MEM_COMMIT |
			 MEM_WRITE_WATCH, PAGE_READWRITE);
	require(p && all_written(p) == 0);
	p[PAGE] = 1;
	require(VirtualFree(p, 0, MEM_DECOMMIT));
	require(VirtualAlloc(p, 4 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	require(VirtualAlloc(p, PAGES * PAGE, MEM_COMMIT, PAGE_READONLY));
	require(reset_all(p) == 1 << 1);
	require(VirtualProtect(p, PAGES * PAGE, PAGE_READWRITE, &old));
	p[2 * PAGE] = 1;
	require(reset_all(p) & 1 << 2);
}

START_TEST(commit_in_a_process_that_locks_all)
{
	if (UNDER_ASAN || UNDER_TSAN)
		return;
	ck_assert_int_eq(in_child(commit_locked, NULL), 0);
}
END_TEST

/* ------------------------------------------------------- the contract --- */

static int refused(struct ntmem_watch watch)
{
	struct ntmem_watch sent = watch;
	int error = ntmem_engine()->watch(&sent);

	ck_assert(!memcmp(&sent, &watch, sizeof(sent)));
	return error;
}

#define refusal(...) refused((struct ntmem_watch){ __VA_ARGS__ })

START_TEST(arguments_that_are_refused)
{
	char *p = watch_new(), *other = reserve_pages(1);
	uint64_t at = (uintptr_t)p, pages[4];
	uint64_t array = (uintptr_t)pages;

	p[0] = 1;
	ck_assert_int_eq(refusal(at, 0, array, 4, 0, 0), -EINVAL);
	ck_assert_int_eq(refusal(at, PAGE, array, 4, 2, 0), -EINVAL);
	ck_assert_int_eq(refusal(at, PAGE, array, 4, 1U << 31, 0), -EINVAL);
	ck_assert_int_eq(refusal(at, PAGE, array, 4, 0, 1), -EINVAL);
	ck_assert_int_eq(refusal(at, PAGE, 0, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(refusal(at, PAGE, array, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(refusal(at, PAGE, array, 0, NTMEM_WATCH_RESET, 0),
			 -EINVAL);
	ck_assert_int_eq(refusal(at, ~0ULL, array, 4, 0, 0), -EINVAL);
	ck_assert_int_eq(refusal(at, (PAGES + 1) * PAGE, array, 4, 0, 0),
			 -ENOENT);
	ck_assert_int_eq(refusal((uintptr_t)find_hole(1), PAGE, array, 4, 0,
				 0), -ENOENT);
	ck_assert_int_eq(refusal((uintptr_t)other, PAGE, array, 4, 0, 0),
			 -ENXIO);
	ck_assert_int_eq(refusal((uintptr_t)other, PAGE, 0, 0,
				 NTMEM_WATCH_RESET, 0), -ENXIO);
	ck_assert_int_eq(refusal(at, PAGE, 8, 4, NTMEM_WATCH_RESET, 0),
			 -EFAULT);
	ck_assert_uint_eq(all_written(p), 1);
	drop(other);
	drop(p);
}
END_TEST

/* What could be told counts, if the call says so; all else stays recorded. */
START_TEST(an_array_that_ends_too_early)
{
	char *p, *array = reserve_pages(2);
	uint64_t count = 1000, told, i;
	int error;

	assert_ok(p = VirtualAlloc(NULL, 1000 * PAGE, MEM_RESERVE | MEM_COMMIT |
				   MEM_WRITE_WATCH, PAGE_READWRITE));
	assert_ok(VirtualAlloc(array, PAGE, MEM_COMMIT, PAGE_READWRITE));
	memset(p, 1, 1000 * PAGE);
	memset(array, 0, PAGE);
	error = call(p, 1000 * PAGE, (uint64_t *)array, &count,
		     NTMEM_WATCH_RESET);
	ck_assert(!error || error == -EFAULT);
	told = error ? 0 : count;
	ck_assert_uint_le(told, PAGE / 8);
	ck_assert_uint_eq(count, error ? 1000 : told);
	for (i = 0; i < 1000; i++)
		ck_assert_int_eq(written(p + i * PAGE, 1, 0), i >= told);
	for (i = 0; i < told; i++)
		ck_assert_uint_eq(((uint64_t *)array)[i],
				  (uintptr_t)p + i * PAGE);
	drop(array);
	drop(p);
}
END_TEST

START_TEST(both_parts_of_a_released_middle_are_watched)
{
	char *p = watch_new();
	struct ntmem_range middle = {
		.addr = (uintptr_t)p + 4 * PAGE, .size = 2 * PAGE,
	};

	p[PAGE] = 1;
	p[5 * PAGE] = 1;
	p[7 * PAGE] = 1;
	assert_ok(VirtualFree(p + 7 * PAGE, PAGE, MEM_DECOMMIT));
	ck_assert_int_eq(ntmem_engine()->release(&middle), 0);
	ck_assert_uint_eq(written(p, 4, 0), 1 << 1);
	ck_assert_uint_eq(written(p + 6 * PAGE, 10, 0), 1 << 1);
	p[2 * PAGE] = 1;
	p[15 * PAGE] = 1;
	ck_assert_uint_eq(written(p, 4, 1), 3 << 1);
	ck_assert_uint_eq(written(p + 6 * PAGE, 10, 1), 1 << 1 | 1 << 9);
	p[3 * PAGE] = 1;
	p[6 * PAGE] = 1;
	ck_assert_uint_eq(written(p, 4, 0), 1 << 3);
	ck_assert_uint_eq(written(p + 6 * PAGE, 10, 0), 1);
	ck_assert_uint_eq(written(p, 6, 0), ~0ULL);
	drop(p);
	drop(p + 6 * PAGE);
}
END_TEST

/* Neighbours that are merged, or not, with one that is watched. */
START_TEST(neighbours_are_not_watched)
{
	char *hole = find_hole(3), *p = hole + GRANULE;

	assert_ok(VirtualAlloc(hole, 3 * GRANULE, MEM_RESERVE | MEM_COMMIT,
			       PAGE_READWRITE));
	drop(hole);
	assert_ok(VirtualAlloc(hole, GRANULE, MEM_RESERVE | MEM_COMMIT,
			       PAGE_READWRITE));
	assert_ok(VirtualAlloc(p + GRANULE, GRANULE, MEM_RESERVE | MEM_COMMIT,
			       PAGE_READWRITE));
	assert_ok(VirtualAlloc(p, GRANULE, MEM_RESERVE | MEM_COMMIT |
			       MEM_WRITE_WATCH, PAGE_READWRITE));
	memset(hole, 1, GRANULE);
	memset(p + GRANULE, 1, GRANULE);
	ck_assert_uint_eq(all_written(p), 0);
	p[0] = 1;
	p[15 * PAGE] = 1;
	ck_assert_uint_eq(all_written(p), 1 | 1 << 15);
	drop(hole);
	drop(p + GRANULE);
	drop(p);
}
END_TEST

START_TEST(drop_is_no_write_and_keeps_the_record)
{
	char *p = watch_new();
	struct ntmem_range range = {
		.addr = (uintptr_t)p, .size = 4 * PAGE,
	};

	p[PAGE] = 1;
	p[5 * PAGE] = 1;
	ck_assert_int_eq(ntmem_engine()->drop(&range, 1), 0);
	ck_assert_uint_eq(all_written(p), 1 << 1 | 1 << 5);
	if (ntmem_engine()->drop_decommits)
		assert_ok(VirtualAlloc(p, 4 * PAGE, MEM_COMMIT,
				       PAGE_READWRITE));
	ck_assert_int_eq(peek(p + PAGE), 0);
	ck_assert_uint_eq(reset_all(p), 1 << 1 | 1 << 5);
	ck_assert_int_eq(peek(p + 2 * PAGE), 0);
	ck_assert_uint_eq(reset_all(p), 0);
	p[2 * PAGE] = 1;
	ck_assert_uint_eq(reset_all(p), 1 << 2);
	drop(p);
}
END_TEST

/* --------------------------------------------------------------- fork --- */

/* What the parent had before, in bits 1 and 2. */
static void use_records(void *arg)
{
	char *p = arg;

	require(all_written(p) == (1 << 1 | 1 << 2));
	require(p[PAGE] == 1 && p[3 * PAGE] == 1);
	require(all_written(p) == (1 << 1 | 1 << 2));
	p[PAGE] = 2;
	p[4 * PAGE] = 2;
	require(reset_all(p) == (1 << 1 | 1 << 2 | 1 << 4));
	require(reset_all(p) == 0);
	p[3 * PAGE] = 2;
	p[5 * PAGE] = 2;
	require(all_written(p) == (1 << 3 | 1 << 5));
	require(VirtualFree(p, 0, MEM_DECOMMIT));
	require(reset_all(p) == (1 << 3 | 1 << 5));
	require(VirtualFree(p, 0, MEM_RELEASE));
}

static char *watch_for_child(void)
{
	char *p = watch_new();

	p[3 * PAGE] = 1;
	ck_assert_uint_eq(reset_all(p), 1 << 3);
	p[PAGE] = 1;
	p[2 * PAGE] = 1;
	assert_ok(VirtualFree(p + 2 * PAGE, PAGE, MEM_DECOMMIT));
	return p;
}

START_TEST(a_child_begins_with_the_records_of_its_parent)
{
	char *p = watch_for_child();

	ck_assert_int_eq(in_child(use_records, p), 0);
	ck_assert_uint_eq(all_written(p), 1 << 1 | 1 << 2);
	p[6 * PAGE] = 1;
	p[3 * PAGE] = 1;
	ck_assert_uint_eq(reset_all(p), 1 << 1 | 1 << 2 | 1 << 3 | 1 << 6);
	ck_assert_uint_eq(reset_all(p), 0);
	ck_assert_int_eq(p[PAGE], 1);
	drop(p);
}
END_TEST

static void fork_again(void *arg)
{
	char *p = arg;

	require(in_child(use_records, p) == 0);
	require(all_written(p) == (1 << 1 | 1 << 2));
	p[7 * PAGE] = 1;
	require(reset_all(p) == (1 << 1 | 1 << 2 | 1 << 7));
}

START_TEST(a_grandchild_does_so_too)
{
	char *p = watch_for_child();

	ck_assert_int_eq(in_child(fork_again, p), 0);
	ck_assert_uint_eq(reset_all(p), 1 << 1 | 1 << 2);
	drop(p);
}
END_TEST

/* The first one of a process. */
static void watch_anew(void *arg)
{
	char *p;

	(void)arg;
	p = VirtualAlloc(NULL, PAGES * PAGE, MEM_RESERVE | MEM_COMMIT |
			 MEM_WRITE_WATCH, PAGE_READWRITE);
	require(p);
	p[PAGE] = 1;
	require(reset_all(p) == 1 << 1);
	require(reset_all(p) == 0);
}

START_TEST(a_child_whose_parent_has_none)
{
	char *p = watch_new();

	drop(p);
	ck_assert_int_eq(in_child(watch_anew, NULL), 0);
}
END_TEST

/* ------------------------------------------------- file descriptors --- */

static void close_all_files(void *arg)
{
	char *p = arg;

	require(reset_all(p) == 1 << 1);
	p[2 * PAGE] = 1;
	closefrom(3);
	p[3 * PAGE] = 1;
	/* What was told before may be told again. */
	require((reset_all(p) & ~(1ULL << 1)) == (1 << 2 | 1 << 3));
	require(reset_all(p) == 0);
	p[4 * PAGE] = 1;
	require(reset_all(p) == 1 << 4);
	closefrom(3);
	p[5 * PAGE] = 1;
	require(VirtualFree(p + 5 * PAGE, PAGE, MEM_DECOMMIT));
	require(all_written(p) & 1 << 5);
}

START_TEST(a_program_that_closes_all_files)
{
	char *p = watch_new();

	p[PAGE] = 1;
	ck_assert_int_eq(in_child(close_all_files, p), 0);
	ck_assert_uint_eq(all_written(p), 1 << 1);
	drop(p);
}
END_TEST

/* The low numbers are the program's, and what it puts under ours, too. */
static void reuse_files(void *arg)
{
	int fd, end = (int)sysconf(_SC_OPEN_MAX) - 8;
	char *p = arg;

	if (end > 1004)	/* a few behind ours, and a few are left */
		end = 1004;
	require(open("/dev/null", O_RDONLY | O_CLOEXEC) == 3);
	require(reset_all(p) == 1 << 1);
	require(dup(3) == 4);
	for (fd = 5; fd < end; fd++)
		require(dup2(3, fd) == fd);
	p[2 * PAGE] = 1;
	require((reset_all(p) & ~(1ULL << 1)) == 1 << 2);
	require(reset_all(p) == 0);
	p[3 * PAGE] = 1;
	require(reset_all(p) == 1 << 3);
	for (fd = 4; fd < end; fd++)
		require(read(fd, p, 0) == 0);
	require(in_child(watch_anew, NULL) == 0);
}

static void renumber(void *arg)
{
	closefrom(3);
	reuse_files(arg);
}

START_TEST(a_program_that_takes_the_numbers_of_files)
{
	char *p = watch_new();

	p[PAGE] = 1;
	ck_assert_int_eq(in_child(renumber, p), 0);
	ck_assert_uint_eq(all_written(p), 1 << 1);
	drop(p);
}
END_TEST

/* ----------------------------------------------- what Linux refuses --- */

static void without_userfaultfd(void *arg)
{
	if (refuse(SYS_userfaultfd, EPERM))
		watch_anew(arg);
}

static void with_less_of_userfaultfd(void *arg)
{
	if (refuse_if(SYS_ioctl, 1, (uint32_t)UFFDIO_API, EINVAL))
		watch_anew(arg);
}

START_TEST(a_kernel_that_tracks_no_writes)
{
	if (on_kernel_engine())
		return;
	ck_assert_int_eq(in_child(without_userfaultfd, NULL), 0);
	ck_assert_int_eq(in_child(with_less_of_userfaultfd, NULL), 0);
}
END_TEST

/* Its child has the records, and its own way to go on with them. */
static void fork_without_userfaultfd(void *arg)
{
	if (refuse(SYS_userfaultfd, EPERM))
		require(in_child(use_records, arg) == 0);
}

START_TEST(a_child_that_may_not_track_writes)
{
	char *p = watch_for_child();

	if (!on_kernel_engine())
		ck_assert_int_eq(in_child(fork_without_userfaultfd, p), 0);
	drop(p);
}
END_TEST

/* It may be told that it cannot be known, but not that nothing was written. */
static void miss_nothing(void *arg)
{
	const uint64_t before = 1 << 1 | 1 << 2;
	char *p = arg;

	p[5 * PAGE] = 1;
	require((all_written(p) & before) == before);
	require(all_written(p) & 1 << 5);
}

static void fork_without_memory(void *arg)
{
	if (refuse_if(SYS_ioctl, 1, (uint32_t)UFFDIO_REGISTER, ENOMEM))
		require(in_child(miss_nothing, arg) == 0);
}

START_TEST(a_child_that_has_no_memory_to_track_writes)
{
	char *p = watch_for_child();

	if (!on_kernel_engine())
		ck_assert_int_eq(in_child(fork_without_memory, p), 0);
	drop(p);
}
END_TEST

/* Another one cannot be had, and the first one comes back with the files. */
static void close_and_get_none(void *arg)
{
	struct rlimit before, none;
	uint64_t page, count = 1;
	char *p = arg;

	require(reset_all(p) == 1 << 1);
	closefrom(3);
	p[2 * PAGE] = 1;
	require(!getrlimit(RLIMIT_NOFILE, &before));
	none = (struct rlimit){ 3, before.rlim_max };
	require(!setrlimit(RLIMIT_NOFILE, &none));
	require(call(p, PAGE, &page, &count, 0) == -ENOMEM);
	SetLastError(UNTOUCHED);
	require(!VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_WRITE_WATCH,
			      PAGE_READWRITE));
	require(GetLastError() == ERROR_COMMITMENT_LIMIT);
	require(!setrlimit(RLIMIT_NOFILE, &before));
	require((reset_all(p) & ~(1ULL << 1)) == 1 << 2);
	require(reset_all(p) == 0);
}

START_TEST(a_program_that_leaves_no_files)
{
	char *p = watch_new();

	p[PAGE] = 1;
	if (!on_kernel_engine() && system_calls_count())
		ck_assert_int_eq(in_child(close_and_get_none, p), 0);
	drop(p);
}
END_TEST

/* ------------------------------------------- handlers of the program --- */

static int passed_on;

static void note(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	(void)context;
	passed_on++;
}

/* Writes that are watched are no faults to the program's handler. */
START_TEST(a_handler_sees_no_watched_write)
{
	struct sigaction action = {
		.sa_sigaction = note, .sa_flags = SA_SIGINFO,
	};
	struct sigaction old;
	char *p = watch_new();

	passed_on = 0;
	sigaction(SIGSEGV, &action, &old);
	ck_assert_uint_eq(reset_all(p), 0);
	p[PAGE] = 1;
	ck_assert_uint_eq(reset_all(p), 1 << 1);
	p[PAGE] = 1;
	ck_assert_uint_eq(all_written(p), 1 << 1);
	ck_assert_int_eq(passed_on, 0);
	sigaction(SIGSEGV, &old, NULL);
	drop(p);
}
END_TEST

/* As often as one likes, and each time after a reset. */
START_TEST(one_page_again_and_again)
{
	char *p = watch_new();

	for (int i = 0; i < 500; i++) {
		p[PAGE] = (char)i;
		ck_assert_uint_eq(reset_all(p), 1 << 1);
	}
	drop(p);
}
END_TEST

TCase *watch_host_tests(void)
{
	TCase *tests = tcase_create("write watch");

	tcase_set_tags(tests, "watch");
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, the_engine_says_that_it_can);
	tcase_add_test(tests, what_read_writes_is_told);
	tcase_add_test(tests, what_process_vm_writev_writes_is_told);
	tcase_add_test(tests, what_write_reads_is_not_told);
	tcase_add_test(tests, an_array_that_is_watched);
	tcase_add_test(tests, commit_in_a_process_that_locks_all);
	tcase_add_test(tests, arguments_that_are_refused);
	tcase_add_test(tests, an_array_that_ends_too_early);
	tcase_add_test(tests, both_parts_of_a_released_middle_are_watched);
	tcase_add_test(tests, neighbours_are_not_watched);
	tcase_add_test(tests, drop_is_no_write_and_keeps_the_record);
	tcase_add_test(tests, a_child_begins_with_the_records_of_its_parent);
	tcase_add_test(tests, a_grandchild_does_so_too);
	tcase_add_test(tests, a_child_whose_parent_has_none);
	tcase_add_test(tests, a_program_that_closes_all_files);
	tcase_add_test(tests, a_program_that_takes_the_numbers_of_files);
	tcase_add_test(tests, a_kernel_that_tracks_no_writes);
	tcase_add_test(tests, a_child_that_may_not_track_writes);
	tcase_add_test(tests, a_child_that_has_no_memory_to_track_writes);
	tcase_add_test(tests, a_program_that_leaves_no_files);
	tcase_add_test(tests, a_handler_sees_no_watched_write);
	tcase_add_test(tests, one_page_again_and_again);
	return tests;
}
