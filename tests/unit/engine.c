// SPDX-License-Identifier: MIT
/*
 * The engine below, where the public functions do not reach: its choice, the
 * operations that Win32 has no call for, and its limits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine.h"
#include "refuse.h"
#include "unit.h"

START_TEST(info_is_consistent)
{
	struct ntmem_info info;

	memset(&info, 0xa5, sizeof(info));
	ck_assert_int_eq(ntmem_engine()->info(&info), 0);
	ck_assert_uint_eq(info.version, NTMEM_API_VERSION);
	ck_assert_uint_eq(info.pad, 0);
	ck_assert_uint_eq(info.page_size, PAGE);
	ck_assert_uint_eq(info.granularity, GRANULE);
	ck_assert_uint_eq(info.min_address, 0x10000);
	ck_assert_uint_eq(info.max_address, 0x7ffffffeffff);
	ck_assert_uint_ge(info.committed, info.space_committed);
}
END_TEST

START_TEST(accounts_are_exact)
{
	struct ntmem_info before, after;
	char *p;

	ntmem_engine()->info(&before);
	p = reserve_pages(32);
	assert_ok(VirtualAlloc(p, 5 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_ok(VirtualAlloc(p, 7 * PAGE, MEM_COMMIT, PAGE_READONLY));
	ntmem_engine()->info(&after);
	ck_assert_uint_eq(after.space_committed,
			  before.space_committed + 7 * PAGE);
	ck_assert_uint_eq(after.space_reserved,
			  before.space_reserved + 32 * PAGE);
	assert_ok(VirtualFree(p + PAGE, 20 * PAGE, MEM_DECOMMIT));
	ntmem_engine()->info(&after);
	ck_assert_uint_eq(after.space_committed,
			  before.space_committed + PAGE);
	drop(p);
	ntmem_engine()->info(&after);
	ck_assert_uint_eq(after.space_committed, before.space_committed);
	ck_assert_uint_eq(after.space_reserved, before.space_reserved);
}
END_TEST

START_TEST(partial_release_splits)
{
	char *p = commit_pages(8, PAGE_READWRITE);
	struct ntmem_range middle = {
		.addr = (uintptr_t)p + 3 * PAGE, .size = 2 * PAGE,
	};
	struct ntmem_range over = {
		.addr = (uintptr_t)p, .size = 4 * PAGE,
	};
	MEMORY_BASIC_INFORMATION info;

	p[0] = 1;
	p[5 * PAGE] = 5;
	ck_assert_int_eq(ntmem_engine()->release(&middle), 0);
	assert_run(p, 3 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	query(p + 5 * PAGE, &info);
	ck_assert_ptr_eq(info.AllocationBase, p + 5 * PAGE);
	ck_assert_uint_eq(info.RegionSize, 3 * PAGE);
	ck_assert_int_eq(p[0], 1);
	ck_assert_int_eq(p[5 * PAGE], 5);
	ck_assert_int_eq(ntmem_engine()->release(&over), -ERANGE);
	drop(p + 5 * PAGE);
	drop(p);
}
END_TEST

START_TEST(limits_of_a_reservation)
{
	const struct ntmem_engine *engine = ntmem_engine();
	uintptr_t hole = (uintptr_t)find_hole(64);
	struct ntmem_reserve low = {
		.size = PAGE, .prot = PAGE_READWRITE,
		.min_addr = hole, .max_addr = hole + 64 * GRANULE - 1,
		.align = 4 * GRANULE,
	};
	struct ntmem_reserve high = low;

	high.flags = NTMEM_RESERVE_TOP_DOWN;
	ck_assert_int_eq(engine->reserve(&low), 0);
	ck_assert_int_eq(engine->reserve(&high), 0);
	ck_assert_uint_eq(low.addr % (4 * GRANULE), 0);
	ck_assert_uint_ge(low.addr, hole);
	ck_assert_uint_lt(low.addr, high.addr);
	ck_assert_uint_eq(high.addr % (4 * GRANULE), 0);
	ck_assert_uint_le(high.addr, hole + 64 * GRANULE - PAGE);
	drop((void *)(uintptr_t)low.addr);
	drop((void *)(uintptr_t)high.addr);
	low.size = 65 * GRANULE;
	low.addr = 0;
	low.align = 0;
	ck_assert_int_eq(engine->reserve(&low), -ENOSPC);
}
END_TEST

START_TEST(batch_stops_where_asked)
{
	char *p = reserve_pages(4);
	struct ntmem_op ops[3];
	struct ntmem_batch batch = {
		.ops = (uintptr_t)ops, .count = 3, .flags = NTMEM_BATCH_STOP,
	};

	memset(ops, 0, sizeof(ops));
	ops[0].op = NTMEM_NR_COMMIT;
	ops[0].range.addr = (uintptr_t)p;
	ops[0].range.size = PAGE;
	ops[0].range.prot = PAGE_READWRITE;
	ops[1].op = NTMEM_NR_INFO;
	ops[2] = ops[0];
	ops[2].range.addr += PAGE;
	ops[2].status = 99;
	ck_assert_int_eq(ntmem_engine()->batch(&batch), 0);
	ck_assert_uint_eq(batch.done, 2);
	ck_assert_int_eq(ops[0].status, 0);
	ck_assert_int_eq(ops[1].status, -ENOTTY);
	ck_assert_int_eq(ops[2].status, 99);
	batch.flags = 0;
	batch.done = 0;
	ck_assert_int_eq(ntmem_engine()->batch(&batch), 0);
	ck_assert_uint_eq(batch.done, 3);
	assert_run(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	batch.count = 0;
	ck_assert_int_eq(ntmem_engine()->batch(&batch), -EINVAL);
	drop(p);
}
END_TEST

static struct ntmem_op on_range(uint32_t op, char *addr, uint32_t prot)
{
	return (struct ntmem_op){
		.op = op, .status = 99,
		.range = { .addr = (uintptr_t)addr, .size = PAGE,
			   .prot = prot },
	};
}

/* A life of a page in one call, the reservation's end included. */
START_TEST(batch_does_all_that_there_is)
{
	char *p = find_hole(1);
	struct ntmem_op ops[] = {
		on_range(NTMEM_NR_RESERVE, p, PAGE_READWRITE),
		on_range(NTMEM_NR_COMMIT, p, PAGE_READWRITE),
		on_range(NTMEM_NR_LOCK, p, 0),
		on_range(NTMEM_NR_UNLOCK, p, 0),
		on_range(NTMEM_NR_RESET, p, 0),
		on_range(NTMEM_NR_RESET_UNDO, p, 0),
		on_range(NTMEM_NR_PROTECT, p, PAGE_READONLY),
		on_range(NTMEM_NR_QUERY, p, 0),
		on_range(NTMEM_NR_DECOMMIT, p, 0),
		on_range(NTMEM_NR_QUERY, p, 0),
		on_range(NTMEM_NR_RELEASE, p, 0),
	};
	struct ntmem_batch batch = {
		.ops = (uintptr_t)ops, .count = sizeof(ops) / sizeof(ops[0]),
	};
	const struct ntmem_reserve reserve = {
		.addr = (uintptr_t)p, .size = PAGE, .prot = PAGE_READWRITE,
	};
	const struct ntmem_protect protect = {
		.addr = (uintptr_t)p, .size = PAGE, .prot = PAGE_READONLY,
	};
	const struct ntmem_query query = { .addr = (uintptr_t)p };
	MEMORY_BASIC_INFORMATION info;

	ops[0].reserve = reserve;
	ops[6].protect = protect;
	ops[7].query = query;
	ops[9].query = query;
	ck_assert_int_eq(ntmem_engine()->batch(&batch), 0);
	ck_assert_uint_eq(batch.done, batch.count);
	for (uint32_t i = 0; i < batch.count; i++)
		ck_assert_msg(!ops[i].status, "operation %u: %d", i,
			      ops[i].status);
	ck_assert_uint_eq(ops[6].protect.old_prot, PAGE_READWRITE);
	ck_assert_uint_eq(ops[7].query.state, NTMEM_STATE_COMMIT);
	ck_assert_uint_eq(ops[7].query.prot, PAGE_READONLY);
	ck_assert_uint_eq(ops[9].query.state, NTMEM_STATE_RESERVE);
	VirtualQuery(p, &info, sizeof(info));
	ck_assert_uint_eq(info.State, MEM_FREE);
	batch.ops = 0;
	ck_assert_int_eq(ntmem_engine()->batch(&batch), -EFAULT);
}
END_TEST

START_TEST(granularity_is_fixed_once_used)
{
	struct ntmem_granularity granularity = { .granularity = 2 * GRANULE };

	drop(reserve_pages(1));
	ck_assert_int_eq(ntmem_engine()->set_granularity(&granularity),
			 -EBUSY);
	granularity.granularity = 3 * PAGE;
	ck_assert_int_eq(ntmem_engine()->set_granularity(&granularity),
			 -EINVAL);
}
END_TEST

START_TEST(last_fault_is_told_once)
{
	const struct ntmem_engine *engine = ntmem_engine();
	char *p = commit_pages(1, PAGE_READONLY);
	struct ntmem_fault fault;

	engine->last_fault(&fault);
	ck_assert(!can_write(p + 33));
	ck_assert_int_eq(engine->last_fault(&fault), 0);
	ck_assert_uint_eq(fault.addr, (uintptr_t)p + 33);
	ck_assert_uint_eq(fault.access, NTMEM_ACCESS_WRITE);
	ck_assert_uint_eq(fault.reason, NTMEM_FAULT_PROTECTION);
	ck_assert_uint_eq(fault.prot, PAGE_READONLY);
	ck_assert_int_eq(engine->last_fault(&fault), -ENODATA);
	drop(p);
}
END_TEST

/*
 * Linux's protection was changed behind the engine's back: the program's own
 * handler sees the fault, and the access is not tried for ever.
 */
START_TEST(protection_by_others_is_a_fault)
{
	struct ntmem_fault fault;
	char *p;

	if (on_kernel_engine())
		return;
	p = commit_pages(1, PAGE_READWRITE);
	ntmem_engine()->last_fault(&fault);
	ck_assert_int_eq(mprotect(p, PAGE, PROT_READ), 0);
	ck_assert(!can_write(p));
	ck_assert_int_eq(mprotect(p, PAGE, PROT_READ | PROT_WRITE), 0);
	ck_assert(can_write(p));
	drop(p);
}
END_TEST

/* ------------------------------------------------------------ its choice --- */

/* This program anew, which then only says what it has; see main.c. */
static int start_anew(const char *engine, const char *what)
{
	char *const args[] = { "unit", (char *)what, NULL };
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (engine)
			setenv("NTMEM_ENGINE", engine, 1);
		else
			unsetenv("NTMEM_ENGINE");
		execv("/proc/self/exe", args);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

START_TEST(an_unknown_engine_is_none)
{
	if (under_valgrind())	/* which is then this program */
		return;
	ck_assert_int_eq(start_anew("imaginary", "none"), 0);
}
END_TEST

START_TEST(the_kernel_engine_is_chosen_where_it_works)
{
	bool device = !access("/dev/ntmem", R_OK | W_OK);

	if (under_valgrind())
		return;
	ck_assert_int_eq(start_anew(NULL, device ? "kernel" : "embedded"), 0);
	ck_assert_int_eq(start_anew("", device ? "kernel" : "embedded"), 0);
	ck_assert_int_eq(start_anew("embedded", "embedded"), 0);
	ck_assert_int_eq(start_anew("kernel", device ? "kernel" : "none"), 0);
}
END_TEST

/* This program as another user's, with an environment that asks for no engine. */
static int start_as_nobody(const char *what)
{
	char path[] = "/tmp/ntmem-unit-XXXXXX";
	char *const args[] = { "unit", (char *)what, NULL };
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), status;
	int to = mkostemp(path, O_CLOEXEC);
	struct stat stat;
	pid_t pid;

	ck_assert_int_eq(fstat(from, &stat), 0);
	while (stat.st_size > 0)
		stat.st_size -= sendfile(to, from, NULL, stat.st_size);
	ck_assert_int_eq(fchown(to, 65534, 65534) | fchmod(to, 04755), 0);
	close(from);
	close(to);
	pid = fork();
	if (!pid) {
		setenv("NTMEM_ENGINE", "imaginary", 1);
		execv(path, args);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	unlink(path);
	return status;
}

/* It does not trust that. */
START_TEST(a_program_with_more_rights_than_its_caller)
{
	struct statvfs system;

	if (geteuid() || under_valgrind() || UNDER_TSAN ||
	    statvfs("/tmp", &system) || system.f_flag & ST_NOSUID)
		return;
	ck_assert_int_eq(start_as_nobody("none"), EXIT_FAILURE << 8);
}
END_TEST

/* NTMEM_GRANULARITY: the engine has it, or there is none. */
START_TEST(the_granularity_of_the_environment_is_had)
{
	static const char *const cases[][2] = {
		{ "1M", "1048576" }, { "0x4000", "16384" }, { "4096", "4096" },
		{ "", "65536" }, { "0", "none" }, { "3", "none" },
		{ "2K", "none" }, { "2G", "none" }, { "64K ", "none" },
		{ "some", "none" },
	};

	if (under_valgrind())
		return;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setenv("NTMEM_GRANULARITY", cases[i][0], 1);
		ck_assert_msg(!start_anew(ntmem_engine()->name, cases[i][1]),
			      "NTMEM_GRANULARITY='%s'", cases[i][0]);
	}
	unsetenv("NTMEM_GRANULARITY");
}
END_TEST

/* ------------------------------------------------------- commit limits --- */

static void commit_to_the_limit(void *arg)
{
	struct ntmem_info info;
	char *p;

	(void)arg;
	require(limit_commit(256 << 10));
	require(!ntmem_engine()->info(&info));
	require(info.space_limit == info.space_committed + (256 << 10));
	p = VirtualAlloc(NULL, 1 << 20, MEM_RESERVE, PAGE_READWRITE);
	require(p);
	require(VirtualAlloc(p, 256 << 10, MEM_COMMIT, PAGE_READWRITE));
	require(!VirtualAlloc(p, 260 << 10, MEM_COMMIT, PAGE_READWRITE));
	require(GetLastError() == ERROR_COMMITMENT_LIMIT);
	require(!VirtualAlloc(NULL, PAGE, MEM_COMMIT, PAGE_READWRITE));
	require(GetLastError() == ERROR_COMMITMENT_LIMIT);
	require(VirtualAlloc(p, 256 << 10, MEM_COMMIT, PAGE_READONLY));
	require(VirtualFree(p, PAGE, MEM_DECOMMIT));
	require(VirtualAlloc(p + (512 << 10), PAGE, MEM_COMMIT,
			     PAGE_READWRITE));
	setenv("NTMEM_COMMIT_LIMIT", "lots", 1);
	require(open_again() == -EINVAL);
}

START_TEST(commit_stops_at_the_limit)
{
	ck_assert_int_eq(in_child(commit_to_the_limit, NULL), 0);
}
END_TEST

static void limit_where_none_can_be_set(void *arg)
{
	(void)arg;
	setenv("NTMEM_COMMIT_LIMIT", "1G", 1);
	if (!refuse_if(SYS_ioctl, 1, (uint32_t)NTMEM_IOC_INFO, EIO))
		_exit(0);
	require(open_again() == -EIO);
}

/* Without the limit that was asked for the program does not begin. */
START_TEST(a_limit_that_cannot_be_set)
{
	if (on_kernel_engine())
		ck_assert_int_eq(in_child(limit_where_none_can_be_set, NULL),
				 0);
}
END_TEST

/* Every other page, until Linux has no more mappings to give. */
static void use_up_mappings(void *arg)
{
	const size_t pages = 200000;
	MEMORY_BASIC_INFORMATION info;
	size_t page;
	DWORD old;
	char *p;

	(void)arg;
	p = VirtualAlloc(NULL, pages * PAGE, MEM_RESERVE, PAGE_READWRITE);
	require(p);
	for (page = 1; page < pages; page += 2)
		if (!VirtualAlloc(p + page * PAGE, PAGE, MEM_COMMIT,
				  PAGE_READWRITE))
			break;
	require(page < pages);
	require(GetLastError() == ERROR_COMMITMENT_LIMIT);
	require(VirtualQuery(p + page * PAGE, &info, sizeof(info)));
	require(info.State == MEM_RESERVE);
	/* The first half of this range would do; what is behind cannot. */
	require(!VirtualAlloc(p + (page - 3) * PAGE, 5 * PAGE, MEM_COMMIT,
			      PAGE_READONLY) ||
		VirtualFree(p + (page - 3) * PAGE, 5 * PAGE, MEM_DECOMMIT));
	require(!VirtualProtect(p + PAGE, 2 * PAGE, PAGE_READONLY, &old));
	for (page = 1; page < 2000; page += 2) {
		require(VirtualQuery(p + page * PAGE, &info, sizeof(info)));
		require(info.RegionSize == PAGE && info.State == MEM_COMMIT);
		require(can_write(p + page * PAGE));
		require(!can_read(p + (page + 1) * PAGE));
	}
	require(VirtualFree(p, 0, MEM_RELEASE));
}

START_TEST(running_out_of_mappings_changes_nothing)
{
	if (on_kernel_engine() || under_valgrind())
		return;
	ck_assert_int_eq(in_child(use_up_mappings, NULL), 0);
}
END_TEST

/* ------------------------------------------------- the kernel engine's fd --- */

static void close_everything(void *arg)
{
	char *p = arg;

	closefrom(3);
	require(VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE));
	p[0] = 1;
	closefrom(3);
	/* All numbers taken by something else. */
	while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
		;
	close(3);
	require(VirtualAlloc(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE));
	require(VirtualFree(p, 0, MEM_RELEASE));
	closefrom(4);
}

/* With few numbers to have, the library takes none of the low ones. */
static void open_few(void *arg)
{
	const struct rlimit few = { 64, 64 };

	require(!setrlimit(RLIMIT_NOFILE, &few));
	closefrom(3);
	require(VirtualAlloc(arg, PAGE, MEM_COMMIT, PAGE_READWRITE));
	require(open("/dev/null", O_RDONLY | O_CLOEXEC) == 3);
	require(open("/dev/null", O_RDONLY | O_CLOEXEC) == 4);
}

START_TEST(low_descriptors_are_the_programs)
{
	char *p;

	/* Which has a limit, and descriptors, of its own. */
	if (under_valgrind())
		return;
	p = reserve_pages(2);
	ck_assert_int_eq(in_child(open_few, p), 0);
	drop(p);
}
END_TEST

START_TEST(a_program_may_close_all_descriptors)
{
	char *p = reserve_pages(2);

	ck_assert_int_eq(in_child(close_everything, p), 0);
	drop(p);
}
END_TEST

static bool is_device(int fd)
{
	struct stat wanted, now;

	return !stat("/dev/ntmem", &wanted) && !fstat(fd, &now) &&
	       S_ISCHR(now.st_mode) && now.st_rdev == wanted.st_rdev;
}

/* One that is hung up refuses all calls with EIO. */
static int open_terminal(void)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY), fd = -1;

	if (terminal >= 0 && !unlockpt(terminal))
		fd = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	close(terminal);
	return fd;
}

/* As the device of a parent would, which may be replaced. */
static void put_terminal_there(void *arg)
{
	int fd = 3, terminal;
	struct stat before, after;

	require(VirtualAlloc(arg, PAGE, MEM_COMMIT, PAGE_READWRITE));
	while (!is_device(fd))
		require(++fd < 2000);
	terminal = open_terminal();
	if (terminal < 0)
		_exit(0);
	require(dup2(terminal, fd) == fd && !fstat(fd, &before));
	require(VirtualFree(arg, PAGE, MEM_DECOMMIT));
	require(!fstat(fd, &after) && after.st_rdev == before.st_rdev);
}

START_TEST(a_terminal_is_not_replaced)
{
	char *p;

	if (!on_kernel_engine())
		return;
	p = reserve_pages(2);
	ck_assert_int_eq(in_child(put_terminal_there, p), 0);
	drop(p);
}
END_TEST

/* Who reserves anew before he releases does not go through all addresses. */
START_TEST(places_are_used_again)
{
	size_t size = 256 * GRANULE;
	char *p = reserve_pages(size / PAGE), *first = p, *next;
	int i;

	for (i = 0; i < 100; i++) {
		next = reserve_pages(size / PAGE);
		drop(p);
		p = next;
	}
	ck_assert(p > first ? p - first < 8 * (ptrdiff_t)size :
			      first - p < 8 * (ptrdiff_t)size);
	drop(p);
}
END_TEST

#define DROPPED	150	/* more than go into one call */

/* What one in three pages holds goes, and nothing else, locked or not. */
static void expect_dropped(bool locked)
{
	const struct ntmem_engine *engine = ntmem_engine();
	char *p = VirtualAlloc(NULL, 3 * DROPPED * PAGE,
			       MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
	struct ntmem_range ranges[DROPPED] = { 0 };
	int i;

	assert_ok(p);
	memset(p, 1, 3 * DROPPED * PAGE);
	if (locked)
		assert_ok(VirtualLock(p + 60 * PAGE, 9 * PAGE));
	for (i = 0; i < DROPPED; i++) {
		ranges[i].addr = (uintptr_t)p + (3 * i + 1) * PAGE;
		ranges[i].size = PAGE;
	}
	ck_assert_int_eq(engine->drop(ranges, DROPPED), 0);
	for (i = 0; i < DROPPED && engine->drop_decommits; i++)
		assert_ok(VirtualAlloc((void *)(uintptr_t)ranges[i].addr, PAGE,
				       MEM_COMMIT, PAGE_READWRITE));
	for (i = 0; i < 3 * DROPPED; i++) {
		ck_assert_int_eq(p[i * PAGE], i % 3 != 1);
		ck_assert_int_eq(p[i * PAGE + PAGE - 1], i % 3 != 1);
	}
	drop(p);
}

START_TEST(many_ranges_are_dropped)
{
	expect_dropped(false);
	expect_dropped(true);
}
END_TEST

TCase *engine_tests(void)
{
	TCase *tests = tcase_create("engine");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, info_is_consistent);
	tcase_add_test(tests, accounts_are_exact);
	tcase_add_test(tests, partial_release_splits);
	tcase_add_test(tests, limits_of_a_reservation);
	tcase_add_test(tests, batch_stops_where_asked);
	tcase_add_test(tests, batch_does_all_that_there_is);
	tcase_add_test(tests, granularity_is_fixed_once_used);
	tcase_add_test(tests, last_fault_is_told_once);
	tcase_add_test(tests, protection_by_others_is_a_fault);
	tcase_add_test(tests, an_unknown_engine_is_none);
	tcase_add_test(tests, the_kernel_engine_is_chosen_where_it_works);
	tcase_add_test(tests, a_program_with_more_rights_than_its_caller);
	tcase_add_test(tests, the_granularity_of_the_environment_is_had);
	tcase_add_test(tests, commit_stops_at_the_limit);
	tcase_add_test(tests, a_limit_that_cannot_be_set);
	tcase_add_test(tests, running_out_of_mappings_changes_nothing);
	tcase_add_test(tests, a_program_may_close_all_descriptors);
	tcase_add_test(tests, a_terminal_is_not_replaced);
	tcase_add_test(tests, low_descriptors_are_the_programs);
	tcase_add_test(tests, many_ranges_are_dropped);
	tcase_add_test(tests, places_are_used_again);
	return tests;
}
