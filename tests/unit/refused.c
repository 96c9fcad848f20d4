// SPDX-License-Identifier: MIT
/*
 * What becomes of a call when Linux refuses a system call that it needs: the
 * error is a promised one, nothing is left behind, and what was there is as it
 * was. And what has another way where there is no such system call.
 */
#include <errno.h>
#include <fcntl.h>
#include <ntmem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/engine.h"
#include "heap/inventory.h"
#include "inject.h"
#include "peer.h"
#include "refuse.h"
#include "unit.h"

#define SIZE	(4 * PAGE)

/* What cannot be refused here is not looked at. */
#define require_refused(condition) do {					\
	if (!(condition))						\
		_exit(0);						\
} while (0)

#define require_fails(code, call) do {					\
	SetLastError(UNTOUCHED);					\
	require(!(call) && GetLastError() == (code));			\
} while (0)

/* With those of the library's that a child has from its first call on. */
static int own_files(void)
{
	MEMORY_BASIC_INFORMATION info;

	VirtualQuery((void *)PAGE, &info, sizeof(info));
	return count_files();
}

static int create(const char *name, uint32_t prot)
{
	struct ntmem_section section = {
		.size = SIZE, .prot = prot, .name = (uintptr_t)name,
		.name_len = name ? strlen(name) : 0,
	};
	int error = ntmem_engine()->create_section(&section);

	return error ? error : section.fd;
}

static char *view_of(int fd, uint32_t prot)
{
	struct ntmem_map_view map = { .fd = fd, .prot = prot };

	require(!ntmem_engine()->map_view(&map));
	return (char *)(uintptr_t)map.addr;
}

static int protect(char *p, size_t size, uint32_t prot)
{
	struct ntmem_protect protect = {
		.addr = (uintptr_t)p, .size = size, .prot = prot,
	};

	return ntmem_engine()->protect(&protect);
}

static void in_children(void (*const *functions)(void *arg), size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		ck_assert_int_eq(in_child(functions[i], NULL), 0);
}

#define all_in_children(functions)					\
	in_children(functions, sizeof(functions) / sizeof((functions)[0]))

/* ------------------------------------------------------------- sections --- */

/* Before Linux 6.3 no file in memory says that it is never executed. */
static void without_noexec(void *arg)
{
	char *p, *q;
	int fd;

	(void)arg;
	require_refused(refuse_if(SYS_memfd_create, 1, MFD_CLOEXEC | 8,
				  EINVAL));
	fd = create(NULL, PAGE_READWRITE);
	require(fd >= 0);
	p = view_of(fd, PAGE_READWRITE);
	q = view_of(fd, PAGE_READONLY);
	poke(p + PAGE, 7);
	require(peek(q + PAGE) == 7);
	/* Nobody cuts it short all the same. */
	require(ftruncate(fd, PAGE) && errno == EPERM);
}

START_TEST(an_older_kernel_has_sections)
{
	if (!on_kernel_engine())
		ck_assert_int_eq(in_child(without_noexec, NULL), 0);
}
END_TEST

static void report_without_noexec(void *arg)
{
	struct stat now;
	int file;

	(void)arg;
	require_refused(refuse_if(SYS_memfd_create, 1, MFD_CLOEXEC |
				  MFD_ALLOW_SEALING | 8, EINVAL));
	file = inventory_make();
	require(file >= 0 && !fstat(file, &now) && now.st_size);
	require(ftruncate(file, 0) && errno == EPERM);
}

static void report_without_a_file(void *arg)
{
	int files = own_files();

	(void)arg;
	require_refused(refuse(SYS_memfd_create, ENOMEM));
	require(inventory_make() == -ENOMEM);
	require(own_files() == files);
}

START_TEST(no_file_for_a_report_of_heaps)
{
	ck_assert_int_eq(in_child(report_without_a_file, NULL), 0);
}
END_TEST

START_TEST(an_older_kernel_has_reports_of_heaps)
{
	ck_assert_int_eq(in_child(report_without_noexec, NULL), 0);
}
END_TEST

static void without_locks(void *arg)
{
	int files = own_files();

	(void)arg;
	require_refused(refuse(SYS_flock, ENOLCK));
	require(create(NULL, PAGE_READWRITE) == -ENOMEM);
	require(create(NULL, PAGE_READONLY) == -ENOMEM);
	require(create("unit: refused", PAGE_READWRITE) == -EOPNOTSUPP);
	require(own_files() == files);
}

/* That of the directory is had. */
static void without_a_lock_for_a_name(void *arg)
{
	int files = own_files();

	(void)arg;
	require_refused(refuse_if(SYS_flock, 1, LOCK_SH | LOCK_NB, ENOLCK));
	require(create("unit: refused", PAGE_READWRITE) == -ENOMEM);
	require(own_files() == files);
}

static void without_rights_to_give(void *arg)
{
	int files = own_files();

	(void)arg;
	require_refused(refuse(SYS_fchmod, EPERM));
	require(create(NULL, PAGE_READWRITE) == -EPERM);
	require(create(NULL, PAGE_READONLY) == -EPERM);
	require(own_files() == files);
}

static void without_room_for_a_directory(void *arg)
{
	(void)arg;
	require_refused(refuse(SYS_mkdir, ENOSPC));
	require(create("unit: refused", PAGE_READWRITE) == -ENOMEM);
	require(create(NULL, PAGE_READWRITE) >= 0);
}

static void where_nothing_is_made(void *arg)
{
	(void)arg;
	require_refused(refuse(SYS_mkdir, EROFS));
	require(create("unit: refused", PAGE_READWRITE) == -EOPNOTSUPP);
	require(create(NULL, PAGE_READWRITE) >= 0);
}

static void without_room_for_a_name(void *arg)
{
	int files = own_files();

	(void)arg;
	require_refused(refuse_if(SYS_openat, 2, O_RDWR | O_CREAT | O_EXCL |
				  O_CLOEXEC, ENOSPC));
	require(create("unit: refused", PAGE_READWRITE) == -ENOMEM);
	require(own_files() == files);
}

START_TEST(sections_that_cannot_be_made)
{
	static void (*const cases[])(void *arg) = {
		without_locks, without_a_lock_for_a_name,
		without_rights_to_give, without_room_for_a_directory,
		where_nothing_is_made, without_room_for_a_name,
	};

	if (!on_kernel_engine())
		all_in_children(cases);
}
END_TEST

/* What was copied is not lost when nobody can tell that it was. */
static void without_a_list_of_pages(void *arg)
{
	char *copy, *shared;
	int fd;

	(void)arg;
	fd = create(NULL, PAGE_READWRITE);
	shared = view_of(fd, PAGE_READWRITE);
	poke(shared, 1);
	copy = view_of(fd, PAGE_READWRITE);
	require(!protect(copy, SIZE, PAGE_WRITECOPY));
	poke(copy, 2);
	require_refused(refuse(SYS_pread64, ENOMEM));
	require(protect(copy, SIZE, PAGE_READWRITE) == -ENOMEM);
	require(peek(copy) == 2);
	require(peek(shared) == 1);
}

START_TEST(copies_that_cannot_be_looked_for)
{
	if (!on_kernel_engine())
		ck_assert_int_eq(in_child(without_a_list_of_pages, NULL), 0);
}
END_TEST

static HANDLE create_large(void)
{
	return CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE |
				  SEC_COMMIT | SEC_LARGE_PAGES, 0, 2 << 20,
				  NULL);
}

static void without_large_pages(void *arg)
{
	int files = own_files();

	(void)arg;
	require_refused(refuse(SYS_memfd_create, EINVAL));
	require_fails(ERROR_NOT_SUPPORTED, create_large());
	require(own_files() == files);
}

START_TEST(a_kernel_without_large_pages)
{
	ck_assert_int_eq(in_child(without_large_pages, NULL), 0);
}
END_TEST

/* No file may have a byte: to make one longer would be a signal. */
static void without_room_in_files(void *arg)
{
	struct rlimit before, none;
	int files, fd;
	char *p;

	(void)arg;
	require(!getrlimit(RLIMIT_FSIZE, &before));
	none = (struct rlimit){ 0, before.rlim_max };
	require(!setrlimit(RLIMIT_FSIZE, &none));
	p = VirtualAlloc(NULL, PAGE, MEM_COMMIT, PAGE_READWRITE);
	require(p);
	poke(p, 1);
	files = count_files();
	require_fails(ERROR_NOT_ENOUGH_MEMORY, ntmem_allow_remote_threads());
	fd = create(NULL, PAGE_READWRITE);
	require(on_kernel_engine() || fd == -ENOMEM);
	ntmem_engine()->close_section(fd);
	require(!create_large() &&
		(GetLastError() == ERROR_NO_SYSTEM_RESOURCES ||
		 GetLastError() == ERROR_NOT_SUPPORTED));
	require(own_files() == files);
	require(!setrlimit(RLIMIT_FSIZE, &before));
	require(ntmem_allow_remote_threads());
}

START_TEST(files_that_may_hold_nothing)
{
	ck_assert_int_eq(in_child(without_room_in_files, NULL), 0);
}
END_TEST

/* ---------------------------------------------------------------- files --- */

static int make_file(void)
{
	char path[] = "/tmp/ntmem-unit-XXXXXX";
	int fd = mkstemp(path);

	require(fd >= 0);
	unlink(path);
	require(!ftruncate(fd, PAGE));
	return fd;
}

static char *view_of_file(void)
{
	struct ntmem_file_section section = {
		.size = PAGE, .prot = PAGE_READWRITE, .file = make_file(),
	};

	require(!ntmem_engine()->create_file_section(&section));
	return view_of(section.fd, PAGE_READWRITE);
}

/* Is a disk full, or broken, that is said. */
static void flush_to(int error, int expected)
{
	struct ntmem_range range = { 0 };
	int files;

	range.addr = (uintptr_t)view_of_file();
	poke((char *)(uintptr_t)range.addr, 1);
	files = count_files();
	require_refused(refuse(SYS_sync_file_range, error));
	require(ntmem_engine()->flush_view(&range) == expected);
	require(own_files() == files);
}

static void to_a_broken_disk(void *arg)
{
	(void)arg;
	flush_to(EIO, -EIO);
}

static void to_a_full_disk(void *arg)
{
	(void)arg;
	flush_to(ENOSPC, -EIO);
}

static void to_what_is_no_disk(void *arg)
{
	(void)arg;
	flush_to(ESPIPE, 0);
}

START_TEST(views_that_are_flushed)
{
	static void (*const cases[])(void *arg) = {
		to_a_broken_disk, to_a_full_disk, to_what_is_no_disk,
	};

	all_in_children(cases);
}
END_TEST

static void without_fallocate(void *arg)
{
	int fd = make_file();
	HANDLE file = ntmem_file_handle_from_fd(fd);
	struct stat now;

	(void)arg;
	require_refused(refuse(SYS_fallocate, EOPNOTSUPP));
	require(CreateFileMappingA(file, NULL, PAGE_READWRITE, 0, 3 * PAGE,
				   NULL));
	require(!fstat(fd, &now) && now.st_size == 3 * PAGE);
}

static int growing;

static void grow(void)
{
	require(!ftruncate(growing, 5 * PAGE));
}

/* Another process makes it longer than we want it, after we have looked. */
static void grown_without_fallocate(void *arg)
{
	struct stat now;
	HANDLE file;

	(void)arg;
	growing = make_file();
	file = ntmem_file_handle_from_fd(growing);
	require_refused(refuse(SYS_fallocate, EOPNOTSUPP));
	inject_before_extending(grow);
	require(CreateFileMappingA(file, NULL, PAGE_READWRITE, 0, 3 * PAGE,
				   NULL));
	require(!fstat(growing, &now) && now.st_size == 5 * PAGE);
}

/* Not every file system has a way of its own. */
START_TEST(a_file_becomes_longer)
{
	static void (*const cases[])(void *arg) = {
		without_fallocate, grown_without_fallocate,
	};

	all_in_children(cases);
}
END_TEST

/* ------------------------------------------------------------- processes --- */

static struct peer peer;

static DWORD WINAPI run_nothing(LPVOID arg)
{
	return (DWORD)(uintptr_t)arg;
}

static uintptr_t allow(uintptr_t unused)
{
	(void)unused;
	return ntmem_allow_remote_threads();
}

static HANDLE open_peer(void)
{
	HANDLE process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, peer.pid);

	require(process);
	return process;
}

static void on_a_kernel_without_processes(void *arg)
{
	(void)arg;
	require_refused(refuse(SYS_pidfd_open, ENOSYS));
	require_fails(ERROR_NOT_SUPPORTED,
		      OpenProcess(SYNCHRONIZE, FALSE, peer.pid));
}

static void without_memory_for_a_process(void *arg)
{
	(void)arg;
	require_refused(refuse(SYS_pidfd_open, ENOMEM));
	require_fails(ERROR_NOT_ENOUGH_MEMORY,
		      OpenProcess(SYNCHRONIZE, FALSE, peer.pid));
}

#define PROC_FLAGS	(O_PATH | O_DIRECTORY | O_CLOEXEC)

/* The text of this program is memory that is not the library's. */
static void write_to_own_text(void)
{
	void *text = (void *)(uintptr_t)count_files;
	SIZE_T count = 4711;
	char byte = peek(text);

	require_fails(ERROR_ACCESS_DENIED,
		      WriteProcessMemory(GetCurrentProcess(), text, &byte, 1,
					 &count));
	require(count == 4711);
}

static void without_files_for_proc(void *arg)
{
	MEMORY_BASIC_INFORMATION info;
	HANDLE process = open_peer();
	int files = own_files();

	(void)arg;
	require_refused(refuse_if(SYS_openat, 2, PROC_FLAGS, ENFILE));
	require_fails(ERROR_TOO_MANY_OPEN_FILES,
		      VirtualQueryEx(process, arg, &info, sizeof(info)));
	write_to_own_text();
	require(own_files() == files);
}

static void without_memory_as_a_file(void *arg)
{
	int files = own_files();

	(void)arg;
	require_refused(refuse_if(SYS_openat, 2, O_WRONLY | O_CLOEXEC,
				  EACCES));
	write_to_own_text();
	require(own_files() == files);
}

static void without_a_file_for_a_thread(void *arg)
{
	HANDLE process = open_peer();
	int files = own_files();

	(void)arg;
	require_refused(refuse_if(SYS_fcntl, 1, F_DUPFD_CLOEXEC,
				  EMFILE));
	require_fails(ERROR_TOO_MANY_OPEN_FILES,
		      CreateRemoteThread(process, NULL, 0, run_nothing, NULL,
					 0, NULL));
	require(own_files() == files);
}

static void without_a_thread_for_requests(void *arg)
{
	int files = own_files();

	(void)arg;
	require_refused(refuse(SYS_clone3, EAGAIN) &&
			refuse(SYS_clone, EAGAIN));
	require_fails(ERROR_NOT_ENOUGH_MEMORY, ntmem_allow_remote_threads());
	require(ntmem_forbid_remote_threads());
	require(own_files() == files);
}

static void without_memory_to_wait(void *arg)
{
	HANDLE process = open_peer();

	(void)arg;
	require_refused(refuse(SYS_ppoll, ENOMEM));
	SetLastError(UNTOUCHED);
	require(WaitForSingleObject(process, 0) == WAIT_FAILED);
	require(GetLastError() == ERROR_NOT_ENOUGH_MEMORY);
}

START_TEST(other_processes)
{
	static void (*const cases[])(void *arg) = {
		on_a_kernel_without_processes, without_memory_for_a_process,
		without_files_for_proc, without_memory_as_a_file,
		without_a_file_for_a_thread, without_a_thread_for_requests,
		without_memory_to_wait,
	};

	peer = peer_start();
	ck_assert_uint_eq(peer_call(&peer, allow, 0), 1);
	all_in_children(cases);
	ck_assert_int_eq(peer_end(&peer), 0);
}
END_TEST

TCase *refused_tests(void)
{
	TCase *tests = tcase_create("refused");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, an_older_kernel_has_sections);
	tcase_add_test(tests, an_older_kernel_has_reports_of_heaps);
	tcase_add_test(tests, no_file_for_a_report_of_heaps);
	tcase_add_test(tests, sections_that_cannot_be_made);
	tcase_add_test(tests, copies_that_cannot_be_looked_for);
	tcase_add_test(tests, a_kernel_without_large_pages);
	tcase_add_test(tests, files_that_may_hold_nothing);
	tcase_add_test(tests, views_that_are_flushed);
	tcase_add_test(tests, a_file_becomes_longer);
	tcase_add_test(tests, other_processes);
	return tests;
}
