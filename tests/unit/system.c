// SPDX-License-Identifier: MIT
/*
 * GetSystemInfo, GlobalMemoryStatus and the last error.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "unit.h"

START_TEST(sizes_are_those_of_64_bit_windows)
{
	ck_assert_uint_eq(sizeof(DWORD), 4);
	ck_assert_uint_eq(sizeof(ULONG), 4);
	ck_assert_uint_eq(sizeof(LONG), 4);
	ck_assert_uint_eq(sizeof(BOOL), 4);
	ck_assert_uint_eq(sizeof(SIZE_T), 8);
	ck_assert_uint_eq(sizeof(ULONG_PTR), 8);
	ck_assert_uint_eq(sizeof(HANDLE), 8);
	ck_assert_uint_eq(sizeof(LARGE_INTEGER), 8);
	ck_assert_uint_eq(sizeof(SYSTEM_INFO), 48);
	ck_assert_uint_eq(sizeof(MEMORYSTATUSEX), 64);
	ck_assert_uint_eq(sizeof(MEMORYSTATUS), 56);
	ck_assert_uint_eq(sizeof(EXCEPTION_RECORD), 152);
	ck_assert_uint_eq(sizeof(CONTEXT), 1232);
	ck_assert_uint_eq(offsetof(CONTEXT, Rip), 0xf8);
	ck_assert_uint_eq(offsetof(CONTEXT, FltSave), 0x100);
}
END_TEST

START_TEST(constants_and_macros_are_those_of_windows)
{
	struct pair {
		char first;
		DWORD second;
	} pair;

	/* Of the type that functions return: no long of 64 bits. */
	ck_assert_uint_eq(sizeof(__typeof__(ERROR_SUCCESS)), sizeof(LONG));
	ck_assert_uint_eq(sizeof(__typeof__(ERROR_NOACCESS)),
			  sizeof(DWORD));
	ck_assert_uint_eq(sizeof(__typeof__(EXCEPTION_CONTINUE_SEARCH)),
			  sizeof(LONG));
	ck_assert_ptr_eq(INVALID_HANDLE_VALUE, (void *)-1);
	ck_assert_uint_eq(MAKEWORD(0x34, 0x12), 0x1234);
	ck_assert_uint_eq(MAKELONG(0x5678, 0x1234), 0x12345678);
	ck_assert_uint_eq(LOWORD(0x123456789abcdef0), 0xdef0);
	ck_assert_uint_eq(HIWORD(0x123456789abcdef0), 0x9abc);
	ck_assert_uint_eq(LOBYTE(0x1234), 0x34);
	ck_assert_uint_eq(HIBYTE(0x1234), 0x12);
	ck_assert_int_eq(FIELD_OFFSET(struct pair, second), 4);
	ck_assert_ptr_eq(CONTAINING_RECORD(&pair.second, struct pair, second),
			 &pair);
}
END_TEST

START_TEST(system_info)
{
	SYSTEM_INFO info, native;

	memset(&info, 0xa5, sizeof(info));
	memset(&native, 0x5a, sizeof(native));
	GetSystemInfo(&info);
	GetNativeSystemInfo(&native);
	ck_assert_uint_eq(info.dwPageSize, 0x1000);
	ck_assert_uint_eq(info.dwAllocationGranularity, 0x10000);
	ck_assert_ptr_eq(info.lpMinimumApplicationAddress, (void *)0x10000);
	ck_assert_ptr_eq(info.lpMaximumApplicationAddress,
			 (void *)0x7ffffffeffff);
	ck_assert_uint_eq(info.wProcessorArchitecture, 9);
	ck_assert_uint_eq(info.dwProcessorType, 8664);
	ck_assert_uint_ge(info.dwNumberOfProcessors, 1);
	ck_assert_uint_ne(info.dwActiveProcessorMask, 0);
	ck_assert_int_eq(memcmp(&info, &native, sizeof(info)), 0);
}
END_TEST

START_TEST(memory_status_ex)
{
	MEMORYSTATUSEX status = { .dwLength = sizeof(status) };

	assert_ok(GlobalMemoryStatusEx(&status));
	ck_assert_uint_eq(status.dwLength, 64);
	ck_assert_uint_ne(status.ullTotalPhys, 0);
	ck_assert_uint_le(status.ullAvailPhys, status.ullTotalPhys);
	ck_assert_uint_eq(status.dwMemoryLoad,
			  (status.ullTotalPhys - status.ullAvailPhys) /
			  (status.ullTotalPhys / 100));
	ck_assert_uint_ne(status.ullTotalPageFile, 0);
	ck_assert_uint_le(status.ullAvailPageFile, status.ullTotalPageFile);
	ck_assert_uint_eq(status.ullTotalVirtual,
			  0x7ffffffeffff - 0x10000 + 1);
	ck_assert_uint_lt(status.ullAvailVirtual, status.ullTotalVirtual);
	ck_assert_uint_eq(status.ullAvailExtendedVirtual, 0);
}
END_TEST

START_TEST(memory_status_ex_checks_its_length)
{
	MEMORYSTATUSEX status = { .dwLength = 63 };

	assert_fails(ERROR_INVALID_PARAMETER, GlobalMemoryStatusEx(&status));
	status.dwLength = 0;
	assert_fails(ERROR_INVALID_PARAMETER, GlobalMemoryStatusEx(&status));
	assert_fails(ERROR_NOACCESS, GlobalMemoryStatusEx(NULL));
}
END_TEST

START_TEST(memory_status_agrees_with_the_new_one)
{
	MEMORYSTATUSEX ex = { .dwLength = sizeof(ex) };
	MEMORYSTATUS status;

	memset(&status, 0xa5, sizeof(status));
	assert_ok(GlobalMemoryStatusEx(&ex));
	GlobalMemoryStatus(&status);
	ck_assert_uint_eq(status.dwLength, sizeof(status));
	ck_assert_uint_eq(status.dwTotalPhys, ex.ullTotalPhys);
	ck_assert_uint_eq(status.dwTotalPageFile, ex.ullTotalPageFile);
	ck_assert_uint_eq(status.dwTotalVirtual, ex.ullTotalVirtual);
	ck_assert_uint_le(status.dwMemoryLoad, 100);
}
END_TEST

START_TEST(address_space_that_is_reserved_is_not_available)
{
	MEMORYSTATUSEX before = { .dwLength = sizeof(before) };
	MEMORYSTATUSEX after = before;
	const SIZE_T size = (SIZE_T)1 << 32;
	char *p;

	assert_ok(GlobalMemoryStatusEx(&before));
	assert_ok(p = VirtualAlloc(NULL, size, MEM_RESERVE, PAGE_READWRITE));
	assert_ok(GlobalMemoryStatusEx(&after));
	ck_assert_uint_le(after.ullAvailVirtual,
			  before.ullAvailVirtual - size);
	drop(p);
}
END_TEST

START_TEST(last_error_is_kept)
{
	SetLastError(77);
	ck_assert_uint_eq(GetLastError(), 77);
	ck_assert_uint_eq(GetLastError(), 77);
	SetLastError(0);
	ck_assert_uint_eq(GetLastError(), 0);
}
END_TEST

START_TEST(errno_is_left_alone)
{
	MEMORY_BASIC_INFORMATION info;
	MEMORYSTATUSEX status = { .dwLength = sizeof(status) };
	SYSTEM_INFO system;
	char *p;

	errno = E2BIG;
	p = VirtualAlloc(NULL, PAGE, MEM_COMMIT, PAGE_READWRITE);
	VirtualAlloc(p, PAGE, MEM_RESERVE, PAGE_READWRITE);
	VirtualQuery(&info, &info, sizeof(info));
	VirtualLock((char *)p + PAGE, PAGE);
	GlobalMemoryStatusEx(&status);
	GetSystemInfo(&system);
	VirtualFree(p, 0, MEM_RELEASE);
	ck_assert_int_eq(errno, E2BIG);
}
END_TEST

START_TEST(the_current_process)
{
	ck_assert_ptr_eq(GetCurrentProcess(), (HANDLE)-1);
}
END_TEST

TCase *system_tests(void)
{
	TCase *tests = tcase_create("system");

	tcase_add_test(tests, sizes_are_those_of_64_bit_windows);
	tcase_add_test(tests, constants_and_macros_are_those_of_windows);
	tcase_add_test(tests, system_info);
	tcase_add_test(tests, memory_status_ex);
	tcase_add_test(tests, memory_status_ex_checks_its_length);
	tcase_add_test(tests, memory_status_agrees_with_the_new_one);
	tcase_add_test(tests, address_space_that_is_reserved_is_not_available);
	tcase_add_test(tests, last_error_is_kept);
	tcase_add_test(tests, errno_is_left_alone);
	tcase_add_test(tests, the_current_process);
	return tests;
}
