// SPDX-License-Identifier: MIT
/*
 * QueryWorkingSetEx of the own process.
 */
#include <string.h>

#include "unit.h"
#include <psapi.h>

typedef PSAPI_WORKING_SET_EX_INFORMATION entry_type;
typedef PSAPI_WORKING_SET_EX_BLOCK block_type;

/* What is said of one address. */
static block_type look(const void *addr)
{
	entry_type entry;

	memset(&entry, 0xa5, sizeof(entry));
	entry.VirtualAddress = (void *)(uintptr_t)addr;
	assert_ok(QueryWorkingSetEx(GetCurrentProcess(), &entry,
				    sizeof(entry)));
	ck_assert_ptr_eq(entry.VirtualAddress, addr);
	return entry.VirtualAttributes;
}

/* A page of private memory that is there. */
static void assert_private(const void *addr, DWORD protect)
{
	block_type block = look(addr);

	ck_assert_uint_eq(block.Valid, 1);
	ck_assert_uint_eq(block.Win32Protection, protect);
	ck_assert_uint_eq(block.Shared, 0);
	ck_assert_uint_eq(block.ShareCount, 0);
	ck_assert_uint_eq(block.LargePage, 0);
}

/* A page that a section has. */
static void assert_shared(const void *addr, DWORD protect, unsigned int count)
{
	block_type block = look(addr);

	ck_assert_uint_eq(block.Valid, 1);
	ck_assert_uint_eq(block.Win32Protection, protect);
	ck_assert_uint_eq(block.Shared, 1);
	ck_assert_uint_eq(block.ShareCount, count);
}

START_TEST(bits_are_those_of_windows)
{
	block_type block = { 0 };

	ck_assert_uint_eq(sizeof(block), 8);
	ck_assert_uint_eq(sizeof(entry_type), 16);
	block.Valid = 1;
	ck_assert_uint_eq(block.Flags, 1);
	block.ShareCount = 7;
	ck_assert_uint_eq(block.Flags, 0xf);
	block.Win32Protection = 0x7ff;
	ck_assert_uint_eq(block.Flags, 0x7fff);
	block.Shared = 1;
	ck_assert_uint_eq(block.Flags, 0xffff);
	block.Node = 63;
	ck_assert_uint_eq(block.Flags, 0x3fffff);
	block.Locked = 1;
	ck_assert_uint_eq(block.Flags, 0x7fffff);
	block.LargePage = 1;
	ck_assert_uint_eq(block.Flags, 0xffffff);
}
END_TEST

START_TEST(bad_arguments)
{
	entry_type entry = { .VirtualAddress = &entry };
	HANDLE self = GetCurrentProcess();

	assert_fails(ERROR_BAD_LENGTH, QueryWorkingSetEx(self, &entry, 0));
	assert_fails(ERROR_BAD_LENGTH, QueryWorkingSetEx(self, NULL, 0));
	assert_fails(ERROR_BAD_LENGTH,
		     QueryWorkingSetEx(self, &entry, sizeof(entry) - 1));
	assert_fails(ERROR_NOACCESS,
		     QueryWorkingSetEx(self, NULL, sizeof(entry)));
	assert_fails(ERROR_INVALID_HANDLE,
		     QueryWorkingSetEx(NULL, &entry, sizeof(entry)));
}
END_TEST

START_TEST(a_page_is_there_when_it_was_touched)
{
	char *p = commit_pages(32, PAGE_READWRITE);

	ck_assert_uint_eq(look(p).Flags, 0);
	ck_assert_int_eq(peek(p), 0);
	assert_private(p, PAGE_READWRITE);
	assert_private(p + PAGE - 1, PAGE_READWRITE);
	ck_assert_uint_eq(look(p + 16 * PAGE).Flags, 0);
	poke(p + 16 * PAGE, 1);
	assert_private(p + 16 * PAGE, PAGE_READWRITE);
	assert_ok(VirtualFree(p, PAGE, MEM_DECOMMIT));
	ck_assert_uint_eq(look(p).Flags, 0);
	drop(p);
	ck_assert_uint_eq(look(p).Flags, 0);
}
END_TEST

START_TEST(addresses_where_nothing_is)
{
	char *p = reserve_pages(1);

	ck_assert_uint_eq(look(p).Flags, 0);
	ck_assert_uint_eq(look(find_hole(1)).Flags, 0);
	ck_assert_uint_eq(look(NULL).Flags, 0);
	ck_assert_uint_eq(look((char *)-1).Flags, 0);
	ck_assert_uint_eq(look((char *)0x7fffffff0000).Flags, 0);
	drop(p);
}
END_TEST

START_TEST(protections)
{
	static const DWORD protects[] = {
		PAGE_READONLY, PAGE_READWRITE, PAGE_EXECUTE,
		PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE,
	};
	char *p = commit_pages(1, PAGE_READWRITE);
	unsigned int i;
	DWORD old;

	poke(p, 1);
	for (i = 0; i < sizeof(protects) / sizeof(protects[0]); i++) {
		assert_ok(VirtualProtect(p, PAGE, protects[i], &old));
		ck_assert_int_eq(peek(p), 1);
		assert_private(p, protects[i]);
	}
	drop(p);
}
END_TEST

START_TEST(a_page_that_cannot_be_accessed)
{
	char *p = commit_pages(2, PAGE_READWRITE);
	DWORD old;

	poke(p, 1);
	poke(p + PAGE, 1);
	assert_ok(VirtualProtect(p, PAGE, PAGE_NOACCESS, &old));
	assert_ok(VirtualProtect(p + PAGE, PAGE, PAGE_READWRITE | PAGE_GUARD,
				 &old));
	ck_assert_uint_eq(look(p).Valid, 0);
	ck_assert_uint_eq(look(p + PAGE).Valid, 0);
	assert_ok(VirtualProtect(p, PAGE, PAGE_READWRITE, &old));
	ck_assert_int_eq(peek(p), 1);
	assert_private(p, PAGE_READWRITE);
	drop(p);
}
END_TEST

START_TEST(locked_pages)
{
	char *p = commit_pages(3, PAGE_READWRITE);

	poke(p, 1);
	assert_ok(VirtualLock(p + PAGE, PAGE));
	assert_private(p + PAGE, PAGE_READWRITE);
	ck_assert_uint_eq(look(p + PAGE).Locked, 1);
	ck_assert_uint_eq(look(p).Locked, 0);
	ck_assert_uint_eq(look(p + 2 * PAGE).Locked, 0);
	assert_ok(VirtualUnlock(p + PAGE, PAGE));
	ck_assert_uint_eq(look(p + PAGE).Locked, 0);
	drop(p);
}
END_TEST

static HANDLE new_section(DWORD protect, DWORD pages)
{
	HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, protect,
					    0, pages * PAGE, NULL);

	ck_assert(section != NULL);
	return section;
}

START_TEST(pages_of_a_section)
{
	HANDLE section = new_section(PAGE_READWRITE, 32);
	char *p, *again;

	assert_ok(p = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0));
	assert_ok(again = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0));
	ck_assert_uint_eq(look(p).Valid, 0);
	poke(p, 1);
	assert_shared(p, PAGE_READWRITE, 1);
	ck_assert_uint_eq(look(again).Valid, 0);
	ck_assert_int_eq(peek(again), 1);
	assert_shared(p, PAGE_READWRITE, 2);
	assert_shared(again, PAGE_READONLY, 2);
	assert_ok(UnmapViewOfFile(again));
	assert_shared(p, PAGE_READWRITE, 1);
	assert_ok(UnmapViewOfFile(p));
	assert_ok(CloseHandle(section));
}
END_TEST

/* A page that was copied is the process's own, whatever becomes of it. */
START_TEST(copies_of_a_sections_pages)
{
	HANDLE section = new_section(PAGE_READWRITE, 2);
	char *p, *copy;
	DWORD old;

	assert_ok(p = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0));
	assert_ok(copy = MapViewOfFile(section, FILE_MAP_COPY, 0, 0, 0));
	ck_assert_int_eq(peek(copy), 0);
	assert_shared(copy, PAGE_WRITECOPY, 1);
	poke(copy, 1);
	assert_private(copy, PAGE_READWRITE);
	poke(p, 2);
	poke(p + PAGE, 2);
	assert_ok(VirtualProtect(p, PAGE, PAGE_WRITECOPY, &old));
	poke(p, 3);
	assert_private(p, PAGE_READWRITE);
	assert_ok(VirtualProtect(p, PAGE, PAGE_READWRITE, &old));
	poke(p, 4);
	assert_private(p, PAGE_READWRITE);
	assert_shared(p + PAGE, PAGE_READWRITE, 1);
	assert_ok(UnmapViewOfFile(copy));
	assert_ok(UnmapViewOfFile(p));
	assert_ok(CloseHandle(section));
}
END_TEST

/* A child of fork() has no page of a file until it touches it. */
START_TEST(pages_of_the_program)
{
	static char written[3 * PAGE];
	static const volatile char constant[3 * PAGE] = { 1 };
	block_type block;

	ck_assert_int_eq(constant[PAGE], 0);
	block = look((const void *)&constant[PAGE]);
	ck_assert_uint_eq(block.Valid, 1);
	ck_assert_uint_eq(block.Shared, 1);
	ck_assert_uint_ge(block.ShareCount, 1);
	poke(written + PAGE, 1);
	assert_private(written + PAGE, PAGE_READWRITE);
}
END_TEST

#define ENTRIES	400

/* In a row, in the other direction, and the last one cut off. */
START_TEST(many_pages_in_one_call)
{
	char *p = commit_pages(ENTRIES, PAGE_READWRITE);
	static entry_type entries[2 * ENTRIES + 1];
	unsigned int i;

	for (i = 0; i < ENTRIES; i++) {
		if (i % 3 == 0)
			poke(p + i * PAGE, 1);
		else
			assert_ok(VirtualFree(p + i * PAGE, PAGE,
					      MEM_DECOMMIT));
		entries[i].VirtualAddress = p + i * PAGE + i;
		entries[2 * ENTRIES - 1 - i].VirtualAddress = p + i * PAGE;
	}
	entries[2 * ENTRIES].VirtualAddress = p;
	entries[2 * ENTRIES].VirtualAttributes.Flags = 0xa5;
	assert_ok(QueryWorkingSetEx(GetCurrentProcess(), entries,
				    sizeof(entries) - 1));
	for (i = 0; i < ENTRIES; i++) {
		ck_assert_uint_eq(entries[i].VirtualAttributes.Valid,
				  i % 3 == 0);
		ck_assert_uint_eq(entries[2 * ENTRIES - 1 - i]
				  .VirtualAttributes.Valid, i % 3 == 0);
	}
	ck_assert_uint_eq(entries[2 * ENTRIES].VirtualAttributes.Flags, 0xa5);
	drop(p);
}
END_TEST

TCase *workingset_tests(void)
{
	TCase *tests = tcase_create("working set");

	tcase_add_test(tests, bits_are_those_of_windows);
	tcase_add_test(tests, bad_arguments);
	tcase_add_test(tests, a_page_is_there_when_it_was_touched);
	tcase_add_test(tests, addresses_where_nothing_is);
	tcase_add_test(tests, protections);
	tcase_add_test(tests, a_page_that_cannot_be_accessed);
	tcase_add_test(tests, locked_pages);
	tcase_add_test(tests, pages_of_a_section);
	tcase_add_test(tests, copies_of_a_sections_pages);
	tcase_add_test(tests, pages_of_the_program);
	tcase_add_test(tests, many_pages_in_one_call);
	return tests;
}
