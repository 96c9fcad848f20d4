// SPDX-License-Identifier: MIT
/*
 * Sections beneath the public functions: handles as file descriptors.
 */
#include <dirent.h>
#include <fcntl.h>
#include <ntmem.h>
#include <unistd.h>

#include "unit.h"

static HANDLE make(SECURITY_ATTRIBUTES *attributes)
{
	HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, attributes,
					    PAGE_READWRITE, 0, PAGE, NULL);

	ck_assert_ptr_nonnull(section);
	return section;
}

static int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

START_TEST(a_descriptor_becomes_a_handle)
{
	HANDLE section, other;
	char *p, *q;
	int fd;

	if (!on_kernel_engine())
		return;
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
START_TEST(a_descriptor_has_the_rights_of_its_handle)
{
	HANDLE section, less, other;

	if (!on_kernel_engine())
		return;
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

	if (!on_kernel_engine())
		return;
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

	if (!on_kernel_engine())
		return;
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

TCase *section_host_tests(void)
{
	TCase *tests = tcase_create("section handles");

	tcase_add_test(tests, a_descriptor_becomes_a_handle);
	tcase_add_test(tests, a_descriptor_has_the_rights_of_its_handle);
	tcase_add_test(tests, a_descriptor_of_something_else);
	tcase_add_test(tests, a_handle_is_inherited_when_it_is_said);
	return tests;
}
