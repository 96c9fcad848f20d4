// SPDX-License-Identifier: MIT
/*
 * Sections beneath the public functions: handles as file descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <ntmem.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "refuse.h"
#include "unit.h"

static HANDLE make(SECURITY_ATTRIBUTES *attributes)
{
	HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, attributes,
					    PAGE_READWRITE, 0, PAGE, NULL);

	ck_assert_ptr_nonnull(section);
	return section;
}

static HANDLE make_named(void)
{
	return CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE,
				  0, PAGE, "unit: locked");
}

static void do_nothing(void *arg)
{
	(void)arg;
}

START_TEST(more_than_can_be_committed)
{
	/* The other engine has a limit only where it is told of one. */
	if (on_kernel_engine())
		assert_fails(ERROR_COMMITMENT_LIMIT,
			     CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
						PAGE_READWRITE, 0x1000, 0,
						NULL));
	assert_fails(ERROR_COMMITMENT_LIMIT,
		     CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
					PAGE_READWRITE, 0x7fffffff, 0, NULL));
	/* Nor can where names lie hold it; and the name is free. */
	assert_fails(ERROR_COMMITMENT_LIMIT,
		     CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
					PAGE_READWRITE, 0x4000, 0,
					"unit: too large"));
	assert_fails(ERROR_FILE_NOT_FOUND,
		     OpenFileMappingA(FILE_MAP_READ, FALSE,
				      "unit: too large"));
}
END_TEST

START_TEST(what_cannot_be_asked_for)
{
	SECURITY_ATTRIBUTES secure = {
		.nLength = sizeof(secure), .lpSecurityDescriptor = &secure,
	};
	WCHAR name[MAX_PATH + 2];
	size_t i;

	assert_fails(ERROR_NOT_SUPPORTED,
		     CreateFileMappingA(INVALID_HANDLE_VALUE, &secure,
					PAGE_READWRITE, 0, PAGE, NULL));
	assert_fails(ERROR_INVALID_PARAMETER,
		     OpenFileMappingA(FILE_MAP_READ, FALSE, ""));
	for (i = 0; i <= MAX_PATH; i++)
		name[i] = 'n';
	name[i] = 0;
	assert_fails(ERROR_FILENAME_EXCED_RANGE,
		     OpenFileMappingW(FILE_MAP_READ, FALSE, name));
}
END_TEST

/* There is nothing else to be opened by everybody, and so nowhere else. */
START_TEST(a_name_for_everybody)
{
	HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
					    PAGE_READWRITE, 0, PAGE,
					    "Global\\unit");
	HANDLE other;

	ck_assert_ptr_nonnull(section);
	assert_ok(other = OpenFileMappingA(FILE_MAP_READ, FALSE,
					   "Global\\unit"));
	assert_ok(CloseHandle(other));
	assert_fails(ERROR_FILE_NOT_FOUND,
		     OpenFileMappingA(FILE_MAP_READ, FALSE, "unit"));
	assert_fails(ERROR_PATH_NOT_FOUND,
		     OpenFileMappingA(FILE_MAP_READ, FALSE,
				      "Global\\unit\\unit"));
	assert_ok(CloseHandle(section));
}
END_TEST

/* A handle may have a right that the section has no use for. */
START_TEST(a_handle_for_more_than_there_is)
{
	HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
					    PAGE_READONLY, 0, PAGE,
					    "unit: to read");
	HANDLE more;

	ck_assert_ptr_nonnull(section);
	assert_ok(more = OpenFileMappingA(FILE_MAP_WRITE | FILE_MAP_READ,
					  FALSE, "unit: to read"));
	assert_fails(ERROR_INVALID_PARAMETER,
		     MapViewOfFile(more, FILE_MAP_WRITE, 0, 0, 0));
	assert_ok(UnmapViewOfFile(MapViewOfFile(more, FILE_MAP_READ, 0, 0,
						0)));
	assert_ok(CloseHandle(more));
	assert_ok(CloseHandle(section));
}
END_TEST

static HANDLE make2(PCWSTR name, MEM_EXTENDED_PARAMETER *parameter)
{
	return CreateFileMapping2(INVALID_HANDLE_VALUE, NULL,
				  SECTION_MAP_READ, PAGE_READWRITE, SEC_COMMIT,
				  2 * PAGE, name, parameter, !!parameter);
}

/* With no more rights than were asked for, though its maker has it. */
START_TEST(a_section_by_parameters)
{
	static const WCHAR name[] = u"unit: by parameters";
	MEM_ADDRESS_REQUIREMENTS high = { .Alignment = 1 << 20 };
	MEM_EXTENDED_PARAMETER place = {
		{ .Type = MemExtendedParameterAddressRequirements },
		{ .Pointer = &high },
	};
	MEM_EXTENDED_PARAMETER node = {
		{ .Type = MemExtendedParameterNumaNode }, { .ULong = 0 },
	};
	HANDLE section, other;
	char *p, *q;

	SetLastError(UNTOUCHED);
	section = make2(name, &node);
	ck_assert_ptr_nonnull(section);
	ck_assert_uint_eq(GetLastError(), ERROR_SUCCESS);
	assert_ok(other = OpenFileMappingW(FILE_MAP_WRITE, FALSE, name));
	assert_fails(ERROR_ACCESS_DENIED,
		     MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0));
	assert_ok(p = MapViewOfFile(other, FILE_MAP_WRITE, 0, 0, 0));
	assert_ok(q = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0));
	assert_run(q, 2 * PAGE, MEM_COMMIT, PAGE_READONLY);
	poke(p + PAGE, 7);
	ck_assert_int_eq(peek(q + PAGE), 7);
	assert_ok(UnmapViewOfFile(p));
	assert_ok(UnmapViewOfFile(q));
	assert_ok(CloseHandle(other));
	other = make2(name, NULL);
	ck_assert_ptr_nonnull(other);
	ck_assert_uint_eq(GetLastError(), ERROR_ALREADY_EXISTS);
	assert_ok(CloseHandle(other));
	assert_ok(CloseHandle(section));
	ck_assert(CloseHandle(make2(NULL, NULL)));
	/* It has no address. */
	assert_fails(ERROR_INVALID_PARAMETER, make2(NULL, &place));
	node.ULong = 4711;
	assert_fails(ERROR_INVALID_PARAMETER, make2(name, &node));
}
END_TEST

/* Rights to execute as well. */
START_TEST(a_descriptor_of_code)
{
	HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
					    PAGE_EXECUTE_READWRITE, 0, PAGE,
					    NULL), other;

	ck_assert_ptr_nonnull(section);
	assert_ok(other = ntmem_handle_from_fd(dup(ntmem_handle_to_fd(section))));
	assert_ok(UnmapViewOfFile(MapViewOfFile(other, FILE_MAP_WRITE |
						FILE_MAP_EXECUTE, 0, 0, 0)));
	assert_ok(CloseHandle(other));
	assert_ok(CloseHandle(section));
}
END_TEST

START_TEST(views_that_are_refused)
{
	HANDLE section = make(NULL), self = GetCurrentProcess();
	char *p, *hole = find_hole(16);
	MEM_ADDRESS_REQUIREMENTS limits = {
		.LowestStartingAddress = hole,
		.HighestEndingAddress = hole + 16 * GRANULE - 1,
	};
	MEM_EXTENDED_PARAMETER parameter = {
		{ .Type = MemExtendedParameterAddressRequirements },
		{ .Pointer = &limits },
	};

	assert_fails(ERROR_INVALID_PARAMETER,
		     MapViewOfFile3(section, self, NULL, 0, 0, 0, 0, NULL, 0));
	assert_fails(ERROR_INVALID_PARAMETER,
		     MapViewOfFileEx(section, FILE_MAP_READ, 0, 0, 0,
				     (void *)0x7fffffff0000));
	assert_fails(ERROR_INVALID_PARAMETER,
		     MapViewOfFile3(section, self, NULL, 0, 0,
				    MEM_REPLACE_PLACEHOLDER, PAGE_READONLY,
				    NULL, 0));
	assert_fails(ERROR_INVALID_PARAMETER,
		     MapViewOfFile3(section, self, hole, 0, 0, 0,
				    PAGE_READONLY, &parameter, 1));
	assert_fails(ERROR_INVALID_PARAMETER,
		     MapViewOfFileNuma2(section, self, 0, NULL, 0, 0,
					PAGE_READONLY, 4711));
	/* Within limits, from below and from above. */
	assert_ok(p = MapViewOfFile3(section, self, NULL, 0, 0, 0,
				     PAGE_READONLY, &parameter, 1));
	ck_assert_ptr_eq(p, hole);
	assert_ok(UnmapViewOfFile(p));
	assert_ok(p = MapViewOfFile3(section, self, NULL, 0, 0, MEM_TOP_DOWN,
				     PAGE_READONLY, &parameter, 1));
	ck_assert_ptr_eq(p, hole + 15 * GRANULE);
	assert_ok(UnmapViewOfFile(p));
	assert_ok(CloseHandle(section));
}
END_TEST

/* On Windows bytes are in a code page; here they are UTF-8. */
START_TEST(names_in_two_encodings)
{
	static const WCHAR wide[] = u"Unit-\u00e4\u20ac\U0001f600";
	static const char bytes[] = "Unit-\u00e4\u20ac\U0001f600";
	static const WCHAR half[] = { 0xd800, 'x', 0 };
	HANDLE section, other;

	section = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL,
				     PAGE_READWRITE, 0, PAGE, wide);
	ck_assert_ptr_nonnull(section);
	assert_ok(other = OpenFileMappingA(FILE_MAP_READ, FALSE, bytes));
	assert_ok(CloseHandle(section));
	assert_ok(CloseHandle(other));
	assert_fails(ERROR_NO_UNICODE_TRANSLATION,
		     OpenFileMappingW(FILE_MAP_READ, FALSE, half));
}
END_TEST

START_TEST(a_descriptor_becomes_a_handle)
{
	HANDLE section, other;
	char *p, *q;
	int fd;

	section = make(NULL);
	assert_ok((fd = ntmem_handle_to_fd(section)) >= 0);
	assert_ok(other = ntmem_handle_from_fd(dup(fd)));
	assert_ok(p = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0));
	assert_ok(q = MapViewOfFile(other, FILE_MAP_WRITE, 0, 0, 0));
	poke(p, 7);
	ck_assert_int_eq(peek(q), 7);
	assert_ok(UnmapViewOfFile(p));
	assert_ok(UnmapViewOfFile(q));
	assert_ok(CloseHandle(section));
	assert_ok(CloseHandle(other));
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

/* The rights go along with the descriptor, not with the handle's number. */
/* Whoever gets the descriptor cannot write. */
static void gives_no_write(HANDLE handle)
{
	HANDLE other;

	assert_ok(other = ntmem_handle_from_fd(dup(ntmem_handle_to_fd(handle))));
	assert_fails(ERROR_ACCESS_DENIED, MapViewOfFile(other, FILE_MAP_WRITE,
							0, 0, 0));
	CloseHandle(other);
	CloseHandle(handle);
}

/* Nor where the handle has rights that the section lacks, or was made so. */
START_TEST(a_descriptor_has_no_more_rights_than_its_handle)
{
	HANDLE section = make(NULL), less;

	assert_ok(DuplicateHandle(GetCurrentProcess(), section,
				  GetCurrentProcess(), &less, SECTION_MAP_READ |
				  SECTION_MAP_EXECUTE, FALSE, 0));
	gives_no_write(less);
	less = CreateFileMapping2(INVALID_HANDLE_VALUE, NULL, SECTION_MAP_READ,
				  PAGE_READWRITE, SEC_COMMIT, PAGE, NULL, NULL,
				  0);
	ck_assert_ptr_nonnull(less);
	gives_no_write(less);
	CloseHandle(section);
}
END_TEST

START_TEST(a_descriptor_has_the_rights_of_its_handle)
{
	HANDLE section, less, other;

	section = make(NULL);
	assert_ok(DuplicateHandle(GetCurrentProcess(), section,
				  GetCurrentProcess(), &less, SECTION_MAP_READ,
				  FALSE, 0));
	assert_ok(other = ntmem_handle_from_fd(dup(ntmem_handle_to_fd(less))));
	assert_fails(ERROR_ACCESS_DENIED, MapViewOfFile(other, FILE_MAP_WRITE,
							0, 0, 0));
	CloseHandle(section);
	CloseHandle(less);
	CloseHandle(other);
}
END_TEST

START_TEST(a_descriptor_of_something_else)
{
	int null = open("/dev/null", O_RDWR), before, i;

	assert_ok(VirtualFree(VirtualAlloc(NULL, PAGE, MEM_RESERVE,
					   PAGE_READWRITE), 0, MEM_RELEASE));
	before = open_files();
	for (i = 0; i < 10; i++) {
		assert_fails(ERROR_INVALID_HANDLE, ntmem_handle_from_fd(null));
		assert_fails(ERROR_INVALID_HANDLE, ntmem_handle_from_fd(-1));
		assert_fails(ERROR_INVALID_HANDLE,
			     ntmem_handle_to_fd((HANDLE)4000) >= 0);
	}
	ck_assert_int_eq(open_files(), before);
	close(null);
}
END_TEST

START_TEST(a_handle_is_inherited_when_it_is_said)
{
	SECURITY_ATTRIBUTES attributes = { .nLength = sizeof(attributes) };
	HANDLE section, other;

	section = make(&attributes);
	ck_assert_int_eq(fcntl(ntmem_handle_to_fd(section), F_GETFD),
			 FD_CLOEXEC);
	assert_ok(DuplicateHandle(GetCurrentProcess(), section,
				  GetCurrentProcess(), &other, 0, TRUE,
				  DUPLICATE_SAME_ACCESS));
	ck_assert_int_eq(fcntl(ntmem_handle_to_fd(other), F_GETFD), 0);
	CloseHandle(section);
	CloseHandle(other);
	attributes.bInheritHandle = TRUE;
	section = make(&attributes);
	ck_assert_int_eq(fcntl(ntmem_handle_to_fd(section), F_GETFD), 0);
	CloseHandle(section);
}
END_TEST

START_TEST(errno_stays)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	HANDLE file = ntmem_file_handle_from_fd(fd);

	ck_assert_ptr_nonnull(file);
	close(fd);
	errno = 4711;
	assert_fails(ERROR_INVALID_HANDLE,
		     CreateFileMappingA(file, NULL, PAGE_READONLY, 0, PAGE,
					NULL));
	ck_assert_int_eq(errno, 4711);
	CloseHandle(file);
}
END_TEST

/* The directory of names, locked as if by a process that was stopped just then. */
static int lock_names(void)
{
	char path[64];
	int dir;

	ck_assert(CloseHandle(make_named()));
	snprintf(path, sizeof(path), "/dev/shm/ntmem-%u", geteuid());
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir, 0);
	ck_assert_int_eq(flock(dir, LOCK_EX), 0);
	return dir;
}

static void *make_in_thread(void *started)
{
	__atomic_store_n((int *)started, 1, __ATOMIC_RELEASE);
	return make_named();
}

/* Who waits for names keeps nobody from forking. */
/* Not for as long as the other thread would wait: valgrind takes its time. */
START_TEST(a_fork_while_names_are_locked)
{
	int dir = lock_names(), started = 0, i;
	const time_t end = time(NULL) + 3;
	pthread_t thread;
	void *section;

	ck_assert_int_eq(pthread_create(&thread, NULL, make_in_thread,
					&started), 0);
	while (!__atomic_load_n(&started, __ATOMIC_ACQUIRE))
		sched_yield();
	for (i = 0; i < 50 && time(NULL) < end; i++)
		ck_assert_int_eq(in_child(do_nothing, NULL), 0);
	flock(dir, LOCK_UN);
	close(dir);
	pthread_join(thread, &section);
	ck_assert(CloseHandle(section));
}
END_TEST

/* Without the time that it takes. */
static void wait_for_names(void *arg)
{
	(void)arg;
	if (!refuse(SYS_clock_nanosleep, EINVAL))
		_exit(0);
	SetLastError(UNTOUCHED);
	_exit(make_named() || GetLastError() != ERROR_TIMEOUT);
}

START_TEST(names_that_stay_locked)
{
	int dir = lock_names();

	ck_assert_int_eq(in_child(wait_for_names, NULL), 0);
	close(dir);
}
END_TEST

TCase *section_host_tests(void)
{
	TCase *tests = tcase_create("section handles");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, more_than_can_be_committed);
	tcase_add_test(tests, what_cannot_be_asked_for);
	tcase_add_test(tests, a_name_for_everybody);
	tcase_add_test(tests, a_handle_for_more_than_there_is);
	tcase_add_test(tests, a_section_by_parameters);
	tcase_add_test(tests, a_descriptor_of_code);
	tcase_add_test(tests, views_that_are_refused);
	tcase_add_test(tests, names_in_two_encodings);
	tcase_add_test(tests, a_descriptor_becomes_a_handle);
	tcase_add_test(tests, a_descriptor_has_the_rights_of_its_handle);
	tcase_add_test(tests, a_descriptor_has_no_more_rights_than_its_handle);
	tcase_add_test(tests, a_descriptor_of_something_else);
	tcase_add_test(tests, a_handle_is_inherited_when_it_is_said);
	tcase_add_test(tests, errno_stays);
	tcase_add_test(tests, a_fork_while_names_are_locked);
	tcase_add_test(tests, names_that_stay_locked);
	return tests;
}
