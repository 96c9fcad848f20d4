// SPDX-License-Identifier: MIT
/*
 * Names of sections of files: who opens one gets the file itself, whichever
 * process has it, as long as one has a handle.
 */
#include <errno.h>
#include <fcntl.h>
#include <ntmem.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/embedded.h"
#include "inject.h"
#include "peer.h"
#include "unit.h"

#define NAME	"unit: a file's"
#define SIZE	(3 * PAGE)

/* Two that know nothing of each other's sections, nor we of theirs. */
static struct peer first, second;
static char path[] = "/tmp/ntmem-unit-XXXXXX";

/* A page of each letter from the first one on. */
static void make_file(char letter)
{
	char page[PAGE];
	int fd, i;

	memcpy(strrchr(path, '-'), "-XXXXXX", sizeof("-XXXXXX"));
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	for (i = 0; i < 3; i++) {
		memset(page, letter + i, PAGE);
		ck_assert_int_eq(write(fd, page, PAGE), PAGE);
	}
	close(fd);
}

static void setup(void)
{
	make_file('a');
	first = peer_start();
	second = peer_start();
}

static void teardown(void)
{
	unlink(path);
	peer_end(&first);
	peer_end(&second);
}

static HANDLE open_file(int mode)
{
	return ntmem_file_handle_from_fd(open(path, mode | O_CLOEXEC));
}

static HANDLE create_of(HANDLE file, DWORD protect, DWORD size)
{
	return CreateFileMappingA(file, NULL, protect, 0, size, NAME);
}

/* ------------------------------------------------- what the peers do --- */

/* The section, of a file that only it has open then. */
static uintptr_t create_there(uintptr_t protect)
{
	HANDLE file = open_file(protect == PAGE_READWRITE ? O_RDWR : O_RDONLY);
	HANDLE section = create_of(file, (DWORD)protect, 0);

	CloseHandle(file);
	return GetLastError() ? 0 : (uintptr_t)section;
}

static uintptr_t create_pages_there(uintptr_t size)
{
	HANDLE section = create_of(INVALID_HANDLE_VALUE, PAGE_READWRITE,
				   (DWORD)size);

	return GetLastError() ? 0 : (uintptr_t)section;
}

static uintptr_t open_there(uintptr_t access)
{
	return (uintptr_t)OpenFileMappingA((DWORD)access, FALSE, NAME);
}

static uintptr_t view_there(uintptr_t section)
{
	return (uintptr_t)MapViewOfFile((HANDLE)section, FILE_MAP_READ, 0, 0,
					0);
}

static uintptr_t byte_there(uintptr_t addr)
{
	return *(volatile unsigned char *)addr;
}

static uintptr_t close_there(uintptr_t section)
{
	return CloseHandle((HANDLE)section);
}

static uintptr_t descriptor_there(uintptr_t section)
{
	return ntmem_handle_to_fd((HANDLE)section);
}

/* Who was first? The handle stays until the next call. */
static HANDLE contested;

static uintptr_t contend_there(uintptr_t with_file)
{
	HANDLE file = with_file ? open_file(O_RDWR) : INVALID_HANDLE_VALUE;
	uintptr_t first_one;

	contested = create_of(file, PAGE_READWRITE, SIZE);
	first_one = contested && !GetLastError();
	if (with_file)
		CloseHandle(file);
	return first_one;
}

static uintptr_t give_up_there(uintptr_t unused)
{
	(void)unused;
	return CloseHandle(contested);
}

/* As a program may do that closes what it does not know. */
static uintptr_t close_file_there(uintptr_t unused)
{
	struct stat file, now;
	int fd;

	if (stat(path, &file))
		return unused;
	for (fd = 0; fd < 1200; fd++)
		if (!fstat(fd, &now) && now.st_ino == file.st_ino &&
		    now.st_dev == file.st_dev)
			close(fd);
	return 1;
}

static uintptr_t make_there(uintptr_t protect)
{
	uintptr_t section = peer_call(&first, create_there, protect);

	ck_assert_uint_ne(section, 0);
	return section;
}

static void new_peer(struct peer *peer)
{
	peer_end(peer);
	*peer = peer_start();
}

/* Another process shows these bytes, with any right, by its name. */
static void assert_shows(char letter)
{
	HANDLE section;
	char *p;

	assert_ok(section = OpenFileMappingA(FILE_MAP_READ, FALSE, NAME));
	assert_ok(p = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0));
	ck_assert_int_eq(peek(p), letter);
	ck_assert_int_eq(peek(p + 2 * PAGE), letter + 2);
	assert_ok(UnmapViewOfFile(p));
	assert_ok(CloseHandle(section));
}

static void assert_no_name(void)
{
	assert_fails(ERROR_FILE_NOT_FOUND,
		     OpenFileMappingA(FILE_MAP_READ, FALSE, NAME));
}

/* ------------------------------------------------------------ the tests --- */

START_TEST(a_name_finds_the_file)
{
	MEMORY_BASIC_INFORMATION info;
	uintptr_t there, section;
	HANDLE handle;
	char *p;

	assert_no_name();
	section = make_there(PAGE_READWRITE);
	there = peer_call(&first, view_there, section);
	/* What has no path has it still. */
	unlink(path);
	assert_ok(handle = OpenFileMappingA(FILE_MAP_WRITE, FALSE, NAME));
	assert_ok(p = MapViewOfFile(handle, FILE_MAP_WRITE, 0, 0, 0));
	query(p, &info);
	ck_assert_uint_eq(info.Type, MEM_MAPPED);
	ck_assert_uint_eq(info.RegionSize, SIZE);
	ck_assert_uint_eq(info.Protect, PAGE_READWRITE);
	ck_assert_int_eq(peek(p + PAGE), 'b');
	poke(p, 'z');
	ck_assert_uint_eq(peer_call(&first, byte_there, there), 'z');
	assert_ok(UnmapViewOfFile(p));
	assert_ok(CloseHandle(handle));
	ck_assert_uint_eq(peer_call(&first, close_there, section), 1);
}
END_TEST

START_TEST(a_handle_has_the_access_that_was_asked_for)
{
	HANDLE less;
	char *p;

	make_there(PAGE_READWRITE);
	assert_ok(less = OpenFileMappingA(FILE_MAP_READ, FALSE, NAME));
	assert_fails(ERROR_ACCESS_DENIED,
		     MapViewOfFile(less, FILE_MAP_WRITE, 0, 0, 0));
	assert_ok(p = MapViewOfFile(less, FILE_MAP_COPY, 0, 0, 0));
	poke(p, 'z');
	ck_assert_int_eq(peek(p), 'z');
	assert_ok(UnmapViewOfFile(p));
	assert_ok(CloseHandle(less));
	assert_shows('a');
}
END_TEST

/* No more than the section has, whatever the file would allow. */
START_TEST(a_section_that_is_for_reading)
{
	HANDLE handle;

	make_there(PAGE_READONLY);
	assert_ok(handle = OpenFileMappingA(FILE_MAP_ALL_ACCESS, FALSE, NAME));
	assert_fails(ERROR_INVALID_PARAMETER,
		     MapViewOfFile(handle, FILE_MAP_WRITE, 0, 0, 0));
	assert_ok(CloseHandle(handle));
	assert_shows('a');
}
END_TEST

/* Neither its file nor its size matters. */
START_TEST(a_name_that_is_there_already)
{
	HANDLE file, section;
	struct stat now;
	char *p;

	make_there(PAGE_READWRITE);
	unlink(path);
	make_file('k');
	file = open_file(O_RDWR);
	section = create_of(file, PAGE_READWRITE, 64 * PAGE);
	ck_assert_ptr_nonnull(section);
	ck_assert_uint_eq(GetLastError(), ERROR_ALREADY_EXISTS);
	ck_assert_int_eq(stat(path, &now), 0);
	ck_assert_int_eq(now.st_size, SIZE);
	assert_ok(p = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0));
	ck_assert_int_eq(peek(p), 'a');
	assert_run(p, SIZE, MEM_COMMIT, PAGE_READWRITE);
	assert_ok(UnmapViewOfFile(p));
	assert_ok(CloseHandle(section));
	assert_ok(CloseHandle(file));
}
END_TEST

/* What is asked for is looked at before the name is. */
START_TEST(a_file_that_will_not_do)
{
	HANDLE file = open_file(O_RDONLY);

	make_there(PAGE_READWRITE);
	assert_fails(ERROR_ACCESS_DENIED, create_of(file, PAGE_READWRITE, 0));
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     create_of(file, PAGE_READONLY, SIZE + 1));
	assert_ok(CloseHandle(file));
}
END_TEST

START_TEST(a_file_that_is_made_longer)
{
	HANDLE file = open_file(O_RDWR), section;
	uintptr_t there, view;

	section = create_of(file, PAGE_READWRITE, 8 * PAGE);
	ck_assert_ptr_nonnull(section);
	ck_assert_uint_eq(GetLastError(), ERROR_SUCCESS);
	assert_ok(CloseHandle(file));
	there = peer_call(&second, open_there, FILE_MAP_READ);
	view = peer_call(&second, view_there, there);
	ck_assert_uint_ne(view, 0);
	ck_assert_uint_eq(peer_call(&second, byte_there, view + 2 * PAGE), 'c');
	ck_assert_uint_eq(peer_call(&second, byte_there, view + 7 * PAGE), 0);
	assert_ok(CloseHandle(section));
}
END_TEST

/* The last byte of what it finds by the name. */
static uintptr_t last_byte_there(uintptr_t size)
{
	HANDLE section = OpenFileMappingA(FILE_MAP_READ, FALSE, NAME);
	const char *p = section ? MapViewOfFile(section, FILE_MAP_READ, 0, 0,
						size) : NULL;

	return p && can_read(p + size - 1) ? 1 : GetLastError() + 1;
}

/* Does the second one sleep, until it may look at names? As far as that is told. */
static bool second_waits(void)
{
	char status[32], line[32] = "";
	FILE *file;

	snprintf(status, sizeof(status), "/proc/%d/syscall", second.pid);
	file = fopen(status, "r");
	if (!file || !fgets(line, sizeof(line), file))
		snprintf(line, sizeof(line), "%d", SYS_clock_nanosleep);
	if (file)
		fclose(file);
	return strcmp(line, "running\n") && atoi(line) == SYS_clock_nanosleep;
}

/* It waits, or has found what is not there yet. */
static void ask_second(void)
{
	struct pollfd answer = { .fd = second.from, .events = POLLIN };

	peer_ask(&second, last_byte_there, 8 * PAGE);
	while (!second_waits() && !poll(&answer, 1, 0))
		sched_yield();
}

/* Nobody finds the name before the file is as long as the section. */
START_TEST(a_file_that_is_not_yet_longer)
{
	HANDLE file = open_file(O_RDWR), section;

	inject_before_extending(ask_second);
	section = create_of(file, PAGE_READWRITE, 8 * PAGE);
	ck_assert_ptr_nonnull(section);
	ck_assert_uint_eq(peer_answer(&second), 1);
	assert_ok(CloseHandle(file));
	assert_ok(CloseHandle(section));
}
END_TEST

START_TEST(a_name_lives_as_long_as_a_handle)
{
	uintptr_t one = make_there(PAGE_READWRITE), two, view;

	view = peer_call(&first, view_there, one);
	two = peer_call(&second, open_there, FILE_MAP_READ);
	ck_assert_uint_ne(two, 0);
	ck_assert_uint_eq(peer_call(&first, close_there, one), 1);
	assert_shows('a');
	ck_assert_uint_eq(peer_call(&second, close_there, two), 1);
	assert_no_name();
	/* A view does not keep it, nor needs it. */
	ck_assert_uint_eq(peer_call(&first, byte_there, view), 'a');
	make_there(PAGE_READWRITE);
	assert_shows('a');
}
END_TEST

/* Whoever was told of last may be gone; the others have the file, too. */
START_TEST(processes_that_end)
{
	make_there(PAGE_READWRITE);
	ck_assert_uint_ne(peer_call(&second, open_there, FILE_MAP_READ), 0);
	unlink(path);
	new_peer(&second);
	assert_shows('a');
	new_peer(&first);
	assert_no_name();
	make_file('k');
	new_peer(&first);
	make_there(PAGE_READWRITE);
	assert_shows('k');
}
END_TEST

/* A child has its parent's handle and file; the parent is who was told of. */
START_TEST(a_child_that_is_left)
{
	uintptr_t child;

	make_there(PAGE_READWRITE);
	child = peer_call(&first, peer_clone, 0);
	new_peer(&first);
	assert_shows('a');
	kill((pid_t)child, SIGKILL);
}
END_TEST

START_TEST(a_file_that_nobody_has_any_more)
{
	uintptr_t section = make_there(PAGE_READWRITE);

	ck_assert_uint_eq(peer_call(&first, close_file_there, 0), 1);
	assert_fails(ERROR_NOT_SUPPORTED,
		     OpenFileMappingA(FILE_MAP_READ, FALSE, NAME));
	ck_assert_uint_eq(peer_call(&first, close_there, section), 1);
	assert_no_name();
}
END_TEST

/* One name, whatever it is of. */
START_TEST(names_of_both_kinds)
{
	uintptr_t section = peer_call(&first, create_pages_there, 5 * PAGE);
	HANDLE file = open_file(O_RDWR), found;
	char *p;

	ck_assert_uint_ne(section, 0);
	found = create_of(file, PAGE_READWRITE, 0);
	ck_assert_ptr_nonnull(found);
	ck_assert_uint_eq(GetLastError(), ERROR_ALREADY_EXISTS);
	assert_ok(p = MapViewOfFile(found, FILE_MAP_READ, 0, 0, 0));
	assert_run(p, 5 * PAGE, MEM_COMMIT, PAGE_READONLY);
	ck_assert_int_eq(peek(p), 0);
	assert_ok(UnmapViewOfFile(p));
	assert_ok(CloseHandle(found));
	ck_assert_uint_eq(peer_call(&first, close_there, section), 1);

	make_there(PAGE_READWRITE);
	found = create_of(INVALID_HANDLE_VALUE, PAGE_READWRITE, 5 * PAGE);
	ck_assert_ptr_nonnull(found);
	ck_assert_uint_eq(GetLastError(), ERROR_ALREADY_EXISTS);
	assert_ok(p = MapViewOfFile(found, FILE_MAP_READ, 0, 0, 0));
	assert_run(p, SIZE, MEM_COMMIT, PAGE_READONLY);
	ck_assert_int_eq(peek(p), 'a');
	assert_ok(UnmapViewOfFile(p));
	assert_ok(CloseHandle(found));
	assert_ok(CloseHandle(file));
}
END_TEST

/* Two who make it at once get one section, whatever each would have made. */
START_TEST(two_that_make_it_at_once)
{
	unsigned int i, winners;

	for (i = 0; i < 100; i++) {
		peer_ask(&first, contend_there, 1);
		peer_ask(&second, contend_there, i % 4 == 0);
		winners = peer_answer(&first) + peer_answer(&second);
		ck_assert_uint_eq(winners, 1);
		ck_assert_uint_eq(peer_call(&first, give_up_there, 0), 1);
		ck_assert_uint_eq(peer_call(&second, give_up_there, 0), 1);
		assert_no_name();
	}
}
END_TEST

/* A section of the other engine, which this one cannot map. */
START_TEST(a_name_that_is_something_elses)
{
	struct ntmem_section other = {
		.size = PAGE, .prot = PAGE_READWRITE,
		.name = (uintptr_t)NAME, .name_len = strlen(NAME),
	};
	HANDLE file = open_file(O_RDWR), pages;

	if (!on_kernel_engine())
		return;
	ck_assert_int_eq(embedded_create_section(&other), 0);
	assert_fails(ERROR_INVALID_HANDLE, create_of(file, PAGE_READWRITE, 0));
	assert_no_name();
	pages = create_of(INVALID_HANDLE_VALUE, PAGE_READWRITE, PAGE);
	ck_assert_ptr_nonnull(pages);
	ck_assert_uint_eq(GetLastError(), ERROR_SUCCESS);
	assert_ok(CloseHandle(pages));
	ck_assert(embedded_close_section(other.fd));
	assert_ok(CloseHandle(file));
}
END_TEST

/* A handle that came as a descriptor can be mapped where its name would be. */
START_TEST(a_descriptor_from_another_process)
{
	uintptr_t section = make_there(PAGE_READWRITE);
	int there = (int)peer_call(&first, descriptor_there, section);
	int pidfd, fd;
	HANDLE handle;
	char *p;

	if (under_valgrind())
		return;
	pidfd = pidfd_open(first.pid, 0);
	fd = pidfd_getfd(pidfd, there, 0);
	ck_assert_int_ge(fd, 0);
	assert_ok(handle = ntmem_handle_from_fd(fd));
	assert_ok(p = MapViewOfFile(handle, FILE_MAP_WRITE, 0, 0, 0));
	ck_assert_int_eq(peek(p), 'a');
	assert_ok(UnmapViewOfFile(p));
	ck_assert_uint_eq(peer_call(&first, close_there, section), 1);
	assert_shows('a');
	assert_ok(CloseHandle(handle));
	assert_no_name();
	close(pidfd);
}
END_TEST

static bool step(enum inject_kind kind, unsigned int n)
{
	int before = count_files();
	HANDLE handle;
	DWORD code;
	bool hit;

	inject(kind, n, ENOMEM);
	handle = OpenFileMappingA(FILE_MAP_WRITE, FALSE, NAME);
	hit = inject_end();
	code = GetLastError();
	ck_assert(hit || handle);
	if (!handle)
		ck_assert_msg(code == ERROR_COMMITMENT_LIMIT ||
			      code == ERROR_NOT_ENOUGH_MEMORY ||
			      code == ERROR_NOT_SUPPORTED,
			      "call %u of kind %d: error %u", n, kind,
			      (unsigned int)code);
	else
		ck_assert(CloseHandle(handle));
	ck_assert_int_eq(count_files(), before);
	return hit;
}

#define NOBODY	65534

/* One whom others of that user may look into. */
static uintptr_t become_nobody(uintptr_t unused)
{
	(void)unused;
	return !setgid(NOBODY) && !setuid(NOBODY) &&
	       !prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

/* Not for good: what a child counts it writes down in files of its own. */
static void find_as_nobody(void *arg)
{
	HANDLE section = NULL;
	char *p = NULL;

	(void)arg;
	ntmem_engine();
	if (setegid(NOBODY) || seteuid(NOBODY))
		_exit(1);
	section = OpenFileMappingA(FILE_MAP_READ, FALSE, NAME);
	if (section)
		p = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0);
	if (seteuid(0) || !p || peek(p) != 'a')
		_exit(2);
}

/* They are passed over by who looks for the one that has the file. */
START_TEST(processes_that_one_may_not_look_into)
{
	if (geteuid())
		return;
	ck_assert_int_eq(chown(path, NOBODY, NOBODY), 0);
	ck_assert_uint_eq(peer_call(&first, become_nobody, 0), 1);
	ck_assert_uint_eq(peer_call(&second, become_nobody, 0), 1);
	make_there(PAGE_READWRITE);
	ck_assert_uint_ne(peer_call(&second, open_there, FILE_MAP_READ), 0);
	new_peer(&second);
	ck_assert_int_eq(in_child(find_as_nobody, NULL), 0);
}
END_TEST

/* What it has open stays so when it gives up the right to open it. */
static uintptr_t create_and_become_nobody(uintptr_t unused)
{
	HANDLE file = open_file(O_RDWR), section = NULL;

	if (become_nobody(unused))
		section = create_of(file, PAGE_READWRITE, 0);
	CloseHandle(file);
	return (uintptr_t)section;
}

static void open_without_right(void *arg)
{
	HANDLE section;
	DWORD error;

	(void)arg;
	ntmem_engine();
	if (setegid(NOBODY) || seteuid(NOBODY))
		_exit(1);
	SetLastError(UNTOUCHED);
	section = OpenFileMappingA(FILE_MAP_READ, FALSE, NAME);
	error = GetLastError();
	if (seteuid(0) || section || error != ERROR_ACCESS_DENIED)
		_exit(2);
}

START_TEST(a_file_that_one_may_not_open)
{
	if (geteuid())
		return;
	ck_assert_uint_ne(peer_call(&first, create_and_become_nobody, 0), 0);
	ck_assert_int_eq(in_child(open_without_right, NULL), 0);
}
END_TEST

/* What fails leaves nothing behind, and takes no name away. */
START_TEST(failures_on_the_way)
{
	static const enum inject_kind kinds[] = {
		INJECT_SYSTEM_CALL, INJECT_ALLOCATION, INJECT_OPERATION,
	};
	unsigned int i, n;

	if (under_valgrind())
		return;
	make_there(PAGE_READWRITE);
	assert_shows('a');
	for (i = 0; i < 3; i++)
		for (n = 1; step(kinds[i], n);)
			n++;
	/* Without the hint, too: all that may have the file are looked at. */
	ck_assert_uint_ne(peer_call(&second, open_there, FILE_MAP_READ), 0);
	new_peer(&second);
	for (n = 1; step(INJECT_SYSTEM_CALL, n);)
		n++;
	assert_shows('a');
}
END_TEST

TCase *section_names_tests(void)
{
	TCase *tests = tcase_create("names of file sections");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_name_finds_the_file);
	tcase_add_test(tests, a_handle_has_the_access_that_was_asked_for);
	tcase_add_test(tests, a_section_that_is_for_reading);
	tcase_add_test(tests, a_name_that_is_there_already);
	tcase_add_test(tests, a_file_that_will_not_do);
	tcase_add_test(tests, a_file_that_is_made_longer);
	tcase_add_test(tests, a_file_that_is_not_yet_longer);
	tcase_add_test(tests, a_name_lives_as_long_as_a_handle);
	tcase_add_test(tests, processes_that_end);
	tcase_add_test(tests, a_child_that_is_left);
	tcase_add_test(tests, a_file_that_nobody_has_any_more);
	tcase_add_test(tests, names_of_both_kinds);
	tcase_add_test(tests, two_that_make_it_at_once);
	tcase_add_test(tests, a_name_that_is_something_elses);
	tcase_add_test(tests, a_descriptor_from_another_process);
	tcase_add_test(tests, processes_that_one_may_not_look_into);
	tcase_add_test(tests, a_file_that_one_may_not_open);
	tcase_add_test(tests, failures_on_the_way);
	return tests;
}
