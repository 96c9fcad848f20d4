// SPDX-License-Identifier: MIT
/*
 * Sections and views: CreateFileMapping and what follows from it.
 */
#include <stdio.h>
#include <string.h>

#include "unit.h"

#define SIZE		(16 * PAGE)
#define NONE		INVALID_HANDLE_VALUE

static HANDLE make(DWORD protect, SIZE_T size)
{
	HANDLE section = CreateFileMappingA(NONE, NULL, protect, size >> 32,
					    (DWORD)size, NULL);

	ck_assert_msg(section != NULL, "error %u",
		      (unsigned int)GetLastError());
	return section;
}

static char *view(HANDLE section, DWORD access)
{
	char *p;

	assert_ok(p = MapViewOfFile(section, access, 0, 0, 0));
	return p;
}

static void end(void *p)
{
	assert_ok(UnmapViewOfFile(p));
}

static void assert_view(const char *p, const char *base, DWORD protect)
{
	MEMORY_BASIC_INFORMATION info;

	query(p, &info);
	ck_assert_ptr_eq(info.AllocationBase, (void *)base);
	ck_assert_uint_eq(info.AllocationProtect, protect);
	ck_assert_uint_eq(info.Type, MEM_MAPPED);
}

/* --------------------------------------------------------------- sections --- */

static const struct {
	DWORD protect;
	DWORD size;
	DWORD code;
} requests[] = {
	{ PAGE_READONLY, PAGE, 0 },
	{ PAGE_WRITECOPY, PAGE, 0 },
	{ PAGE_EXECUTE_READ, PAGE, 0 },
	{ PAGE_EXECUTE_READWRITE | SEC_COMMIT, PAGE, 0 },
	{ PAGE_EXECUTE_WRITECOPY | SEC_RESERVE, 1, 0 },
	{ PAGE_READWRITE | SEC_COMMIT | SEC_NOCACHE, PAGE, 0 },
	{ PAGE_READWRITE | SEC_COMMIT | SEC_WRITECOMBINE, PAGE, 0 },
	{ 0, PAGE, ERROR_INVALID_PARAMETER },
	{ PAGE_NOACCESS, PAGE, ERROR_INVALID_PARAMETER },
	{ PAGE_EXECUTE, PAGE, ERROR_INVALID_PARAMETER },
	{ PAGE_READONLY | PAGE_READWRITE, PAGE, ERROR_INVALID_PARAMETER },
	{ PAGE_READWRITE, 0, ERROR_INVALID_PARAMETER },
	{ PAGE_READWRITE | SEC_RESERVE | SEC_COMMIT, PAGE,
	  ERROR_INVALID_PARAMETER },
	{ PAGE_READWRITE | SEC_FILE, PAGE, ERROR_INVALID_PARAMETER },
	{ PAGE_READWRITE | SEC_NOCACHE, PAGE, ERROR_INVALID_PARAMETER },
	{ PAGE_READWRITE | SEC_WRITECOMBINE, PAGE, ERROR_INVALID_PARAMETER },
	{ PAGE_READWRITE | SEC_LARGE_PAGES, PAGE, ERROR_INVALID_PARAMETER },
	{ PAGE_READWRITE | SEC_RESERVE | SEC_LARGE_PAGES, PAGE,
	  ERROR_INVALID_PARAMETER },
	{ PAGE_READWRITE | SEC_IMAGE | SEC_RESERVE, PAGE,
	  ERROR_INVALID_PARAMETER },
	{ PAGE_READWRITE | SEC_IMAGE | SEC_COMMIT, PAGE,
	  ERROR_INVALID_PARAMETER },
	{ PAGE_READWRITE | SEC_IMAGE, PAGE, ERROR_BAD_EXE_FORMAT },
};

START_TEST(what_can_be_made)
{
	DWORD code = requests[_i].code;
	HANDLE section;

	if (code) {
		assert_fails(code,
			     CreateFileMappingA(NONE, NULL,
						requests[_i].protect, 0,
						requests[_i].size, NULL));
		return;
	}
	SetLastError(UNTOUCHED);
	section = CreateFileMappingA(NONE, NULL, requests[_i].protect, 0,
				     requests[_i].size, NULL);
	ck_assert(section != NULL);
	ck_assert_uint_eq(GetLastError(), ERROR_SUCCESS);
	assert_ok(CloseHandle(section));
}
END_TEST

START_TEST(a_file_has_to_be_one)
{
	assert_fails(ERROR_INVALID_HANDLE,
		     CreateFileMappingA(NULL, NULL, PAGE_READWRITE, 0, PAGE,
					NULL));
}
END_TEST

START_TEST(handles_that_are_none)
{
	HANDLE section, other;

	section = make(PAGE_READWRITE, PAGE);
	assert_ok(CloseHandle(section));
	assert_fails(ERROR_INVALID_HANDLE, CloseHandle(section));
	assert_fails(ERROR_INVALID_HANDLE, CloseHandle(NULL));
	assert_fails(ERROR_INVALID_HANDLE, MapViewOfFile(section, FILE_MAP_READ,
							 0, 0, 0));
	assert_fails(ERROR_INVALID_HANDLE, MapViewOfFile(NULL, FILE_MAP_READ, 0,
							 0, 0));
	assert_fails(ERROR_INVALID_HANDLE,
		     DuplicateHandle(GetCurrentProcess(), section,
				     GetCurrentProcess(), &other, 0, FALSE,
				     DUPLICATE_SAME_ACCESS));
}
END_TEST

START_TEST(a_duplicate_is_a_handle_of_its_own)
{
	HANDLE section, other, less;
	char *p;

	section = make(PAGE_READWRITE, PAGE);
	assert_ok(DuplicateHandle(GetCurrentProcess(), section,
				  GetCurrentProcess(), &other, 0, FALSE,
				  DUPLICATE_SAME_ACCESS |
				  DUPLICATE_CLOSE_SOURCE));
	assert_fails(ERROR_INVALID_HANDLE, CloseHandle(section));
	assert_ok(DuplicateHandle(GetCurrentProcess(), other,
				  GetCurrentProcess(), &less, SECTION_MAP_READ,
				  FALSE, 0));
	assert_fails(ERROR_ACCESS_DENIED,
		     DuplicateHandle(GetCurrentProcess(), less,
				     GetCurrentProcess(), &section,
				     SECTION_MAP_WRITE, FALSE, 0));
	assert_fails(ERROR_ACCESS_DENIED, MapViewOfFile(less, FILE_MAP_WRITE, 0,
							0, 0));
	p = view(other, FILE_MAP_WRITE);
	poke(p, 7);
	assert_ok(CloseHandle(other));
	end(p);
	p = view(less, FILE_MAP_READ);
	ck_assert_int_eq(peek(p), 7);
	end(p);
	assert_ok(CloseHandle(less));
}
END_TEST

/* ------------------------------------------------------------------ names --- */

START_TEST(a_name_is_opened_by_whoever_knows_it)
{
	static const WCHAR wide[] = u"Unit-name";
	static const char bytes[] = "Unit-name";
	HANDLE one, two, three;
	char *p, *q;

	assert_fails(ERROR_FILE_NOT_FOUND,
		     OpenFileMappingW(FILE_MAP_WRITE, FALSE, wide));
	one = CreateFileMappingW(NONE, NULL, PAGE_READWRITE, 0, SIZE, wide);
	ck_assert(one != NULL);
	ck_assert_uint_eq(GetLastError(), ERROR_SUCCESS);
	two = CreateFileMappingA(NONE, NULL, PAGE_READONLY, 0, 1, bytes);
	ck_assert(two != NULL);
	ck_assert_uint_eq(GetLastError(), ERROR_ALREADY_EXISTS);
	assert_ok(three = OpenFileMappingA(FILE_MAP_READ, FALSE, bytes));
	p = view(two, FILE_MAP_WRITE);
	assert_run(p, SIZE, MEM_COMMIT, PAGE_READWRITE);
	q = view(three, FILE_MAP_READ);
	poke(p + PAGE, 7);
	ck_assert_int_eq(peek(q + PAGE), 7);
	assert_fails(ERROR_ACCESS_DENIED, MapViewOfFile(three, FILE_MAP_WRITE,
							0, 0, 0));
	assert_ok(CloseHandle(one));
	assert_ok(CloseHandle(two));
	assert_ok(CloseHandle(three));
	/* The name is gone, though views are left. */
	assert_fails(ERROR_FILE_NOT_FOUND,
		     OpenFileMappingW(FILE_MAP_WRITE, FALSE, wide));
	ck_assert_int_eq(peek(q + PAGE), 7);
	end(p);
	end(q);
}
END_TEST

START_TEST(names_that_are_none)
{
	char name[MAX_PATH + 2];
	HANDLE one, two;

	memset(name, 'n', sizeof(name));
	name[MAX_PATH + 1] = '\0';
	assert_fails(ERROR_FILENAME_EXCED_RANGE,
		     CreateFileMappingA(NONE, NULL, PAGE_READWRITE, 0, PAGE,
					name));
	assert_fails(ERROR_PATH_NOT_FOUND,
		     CreateFileMappingA(NONE, NULL, PAGE_READWRITE, 0, PAGE,
					"here\\there"));
	assert_fails(ERROR_INVALID_PARAMETER,
		     OpenFileMappingA(FILE_MAP_READ, FALSE, NULL));
	/* An empty one is none at all, so that these are two. */
	one = CreateFileMappingA(NONE, NULL, PAGE_READWRITE, 0, PAGE, "");
	two = CreateFileMappingA(NONE, NULL, PAGE_READWRITE, 0, PAGE, "");
	ck_assert_uint_eq(GetLastError(), ERROR_SUCCESS);
	CloseHandle(one);
	CloseHandle(two);
	one = CreateFileMappingA(NONE, NULL, PAGE_READWRITE, 0, PAGE, "place");
	assert_ok(two = OpenFileMappingA(FILE_MAP_READ, FALSE, "Local\\place"));
	CloseHandle(one);
	CloseHandle(two);
}
END_TEST

/* ------------------------------------------------------------------ views --- */

START_TEST(views_see_the_same)
{
	HANDLE section;
	char *p, *q, *r;

	section = make(PAGE_READWRITE, 2 * GRANULE + 1);
	p = view(section, FILE_MAP_ALL_ACCESS & ~(DWORD)FILE_MAP_EXECUTE);
	assert_run(p, 2 * GRANULE + PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_view(p + PAGE, p, PAGE_READWRITE);
	q = view(section, FILE_MAP_READ);
	assert_ok(r = MapViewOfFile(section, FILE_MAP_WRITE, 0, GRANULE, 5));
	assert_run(r, PAGE, MEM_COMMIT, PAGE_READWRITE);
	ck_assert_int_eq(peek(q + GRANULE), 0);
	poke(p + GRANULE, 7);
	ck_assert_int_eq(peek(q + GRANULE), 7);
	ck_assert_int_eq(peek(r), 7);
	ck_assert(!can_write(q));
	/* Views keep the memory, and any address ends one. */
	assert_ok(CloseHandle(section));
	end(p);
	ck_assert(!can_read(p));
	ck_assert_int_eq(peek(q + GRANULE), 7);
	end(q + GRANULE + 5);
	end(r);
}
END_TEST

static const struct {
	DWORD section;
	DWORD access;
	DWORD protect;	/* 0: it is refused */
	DWORD code;
} accesses[] = {
	{ PAGE_READWRITE, FILE_MAP_COPY, PAGE_WRITECOPY, 0 },
	{ PAGE_READWRITE, FILE_MAP_WRITE, PAGE_READWRITE, 0 },
	{ PAGE_READWRITE, FILE_MAP_READ, PAGE_READONLY, 0 },
	{ PAGE_READWRITE, FILE_MAP_READ | FILE_MAP_COPY, PAGE_READONLY, 0 },
	{ PAGE_READWRITE, FILE_MAP_WRITE | FILE_MAP_COPY, PAGE_READWRITE, 0 },
	{ PAGE_READWRITE, 0, PAGE_NOACCESS, 0 },
	{ PAGE_READWRITE, FILE_MAP_EXECUTE, PAGE_NOACCESS, 0 },
	{ PAGE_READWRITE, FILE_MAP_READ | FILE_MAP_EXECUTE, 0,
	  ERROR_INVALID_PARAMETER },
	{ PAGE_READONLY, FILE_MAP_READ, PAGE_READONLY, 0 },
	{ PAGE_READONLY, FILE_MAP_COPY, PAGE_WRITECOPY, 0 },
	{ PAGE_READONLY, FILE_MAP_WRITE, 0, ERROR_INVALID_PARAMETER },
	{ PAGE_WRITECOPY, FILE_MAP_COPY, PAGE_WRITECOPY, 0 },
	{ PAGE_WRITECOPY, FILE_MAP_WRITE, 0, ERROR_INVALID_PARAMETER },
	{ PAGE_EXECUTE_READWRITE, FILE_MAP_WRITE | FILE_MAP_EXECUTE,
	  PAGE_EXECUTE_READWRITE, 0 },
	{ PAGE_EXECUTE_READ, FILE_MAP_READ | FILE_MAP_EXECUTE,
	  PAGE_EXECUTE_READ, 0 },
	{ PAGE_EXECUTE_READ, FILE_MAP_COPY | FILE_MAP_EXECUTE,
	  PAGE_EXECUTE_WRITECOPY, 0 },
};

START_TEST(access_and_protection)
{
	HANDLE section;
	char *p;

	section = make(accesses[_i].section, PAGE);
	if (accesses[_i].code) {
		assert_fails(accesses[_i].code,
			     MapViewOfFile(section, accesses[_i].access, 0, 0,
					   0));
	} else {
		p = view(section, accesses[_i].access);
		assert_run(p, PAGE, MEM_COMMIT, accesses[_i].protect);
		assert_view(p, p, accesses[_i].protect);
		end(p);
	}
	CloseHandle(section);
}
END_TEST

START_TEST(views_that_cannot_be)
{
	HANDLE section;
	char *hole, *p;

	section = make(PAGE_READWRITE, GRANULE + PAGE);
	assert_fails(ERROR_MAPPED_ALIGNMENT,
		     MapViewOfFile(section, FILE_MAP_READ, 0, PAGE, 0));
	assert_fails(ERROR_ACCESS_DENIED,
		     MapViewOfFile(section, FILE_MAP_READ, 0, 0,
				   GRANULE + 2 * PAGE));
	assert_fails(ERROR_ACCESS_DENIED,
		     MapViewOfFile(section, FILE_MAP_READ, 0, GRANULE,
				   PAGE + 1));
	assert_fails(ERROR_ACCESS_DENIED,
		     MapViewOfFile(section, FILE_MAP_READ, 1, 0, 0));
	hole = find_hole(4);
	assert_fails(ERROR_MAPPED_ALIGNMENT,
		     MapViewOfFileEx(section, FILE_MAP_READ, 0, 0, 0,
				     hole + PAGE));
	assert_ok(p = MapViewOfFileEx(section, FILE_MAP_READ, 0, 0, 0, hole));
	ck_assert_ptr_eq(p, hole);
	assert_fails(ERROR_INVALID_ADDRESS,
		     MapViewOfFileEx(section, FILE_MAP_READ, 0, 0, 0, hole));
	end(p);
	CloseHandle(section);
}
END_TEST

START_TEST(what_is_no_view)
{
	HANDLE section;
	char *plain, *p;

	plain = commit_pages(1, PAGE_READWRITE);
	section = make(PAGE_READWRITE, PAGE);
	p = view(section, FILE_MAP_WRITE);
	assert_fails(ERROR_INVALID_ADDRESS, UnmapViewOfFile(plain));
	assert_fails(ERROR_INVALID_ADDRESS, UnmapViewOfFile(NULL));
	assert_fails(ERROR_INVALID_ADDRESS, UnmapViewOfFile(find_hole(1)));
	assert_fails(ERROR_INVALID_PARAMETER, VirtualFree(p, 0, MEM_RELEASE));
	assert_fails(ERROR_INVALID_PARAMETER, VirtualFree(p, PAGE,
							  MEM_DECOMMIT));
	assert_ok(FlushViewOfFile(p, 0));
	end(p);
	assert_fails(ERROR_INVALID_ADDRESS, UnmapViewOfFile(p));
	drop(plain);
	CloseHandle(section);
}
END_TEST

/* --------------------------------------------------------------- protection --- */

START_TEST(a_view_is_protected_up_to_what_it_is)
{
	HANDLE section;
	char *p, *q;
	DWORD old;

	section = make(PAGE_READWRITE, SIZE);
	p = view(section, FILE_MAP_WRITE);
	q = view(section, FILE_MAP_READ);
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualProtect(q, PAGE, PAGE_READWRITE, &old));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualProtect(p, PAGE, PAGE_EXECUTE_READ, &old));
	assert_ok(VirtualProtect(q, PAGE, PAGE_WRITECOPY, &old));
	ck_assert_uint_eq(old, PAGE_READONLY);
	assert_ok(VirtualProtect(p, PAGE, PAGE_NOACCESS, &old));
	ck_assert_uint_eq(old, PAGE_READWRITE);
	ck_assert(!can_read(p));
	/* Committing again re-protects. */
	assert_ok(VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE));
	poke(p, 1);
	ck_assert_int_eq(peek(q), 1);
	poke(q, 2);
	ck_assert_int_eq(peek(p), 1);
	end(p);
	end(q);
	CloseHandle(section);
}
END_TEST

START_TEST(a_page_that_is_written_becomes_the_views_own)
{
	HANDLE section;
	char *p, *copy;
	DWORD old;

	section = make(PAGE_READWRITE, SIZE);
	p = view(section, FILE_MAP_WRITE);
	copy = view(section, FILE_MAP_COPY);
	poke(p + PAGE, 1);
	ck_assert_int_eq(peek(copy + PAGE), 1);
	poke(copy + PAGE, 2);
	poke(p + PAGE, 3);
	poke(p + 2 * PAGE, 4);
	ck_assert_int_eq(peek(copy + PAGE), 2);
	ck_assert_int_eq(peek(copy + 2 * PAGE), 4);
	assert_run(copy, PAGE, MEM_COMMIT, PAGE_WRITECOPY);
	assert_run(copy + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_run(copy + 2 * PAGE, SIZE - 2 * PAGE, MEM_COMMIT,
		   PAGE_WRITECOPY);
	assert_ok(VirtualProtect(copy, 2 * PAGE, PAGE_READONLY, &old));
	assert_ok(VirtualProtect(copy, 2 * PAGE, PAGE_WRITECOPY, &old));
	assert_run(copy + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE);
	end(copy);
	end(p);
	CloseHandle(section);
}
END_TEST

START_TEST(private_memory_knows_no_writecopy)
{
	char *p = commit_pages(1, PAGE_READWRITE);
	DWORD old;

	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualProtect(p, PAGE, PAGE_WRITECOPY, &old));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_WRITECOPY));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(NULL, PAGE, MEM_RESERVE, PAGE_WRITECOPY));
	drop(p);
}
END_TEST

/* ----------------------------------------------------------------- RESERVE --- */

START_TEST(all_views_see_what_is_committed_later)
{
	HANDLE section;
	char *p, *q;
	DWORD old;

	section = make(PAGE_READWRITE | SEC_RESERVE, SIZE);
	p = view(section, FILE_MAP_WRITE);
	q = view(section, FILE_MAP_READ);
	assert_run(p, SIZE, MEM_RESERVE, 0);
	assert_view(p, p, PAGE_READWRITE);
	ck_assert(!can_read(p));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualProtect(p, PAGE, PAGE_READONLY, &old));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualAlloc(q, PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_ok(VirtualAlloc(p + 2 * PAGE, 3 * PAGE, MEM_COMMIT,
			       PAGE_READWRITE));
	assert_run(p, 2 * PAGE, MEM_RESERVE, 0);
	assert_run(p + 2 * PAGE, 3 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_run(q + 2 * PAGE, 3 * PAGE, MEM_COMMIT, PAGE_READONLY);
	poke(p + 3 * PAGE, 7);
	ck_assert_int_eq(peek(q + 3 * PAGE), 7);
	assert_ok(VirtualAlloc(q, SIZE, MEM_COMMIT, PAGE_READONLY));
	assert_run(p, SIZE, MEM_COMMIT, PAGE_READWRITE);
	end(p);
	end(q);
	CloseHandle(section);
}
END_TEST

/* ------------------------------------------------------------ placeholders --- */

START_TEST(a_ring_of_two_views)
{
	const SIZE_T size = GRANULE;
	HANDLE section;
	char *ring;
	int i;

	section = make(PAGE_READWRITE, size);
	assert_ok(ring = VirtualAlloc2(NULL, NULL, 2 * size, MEM_RESERVE |
				       MEM_RESERVE_PLACEHOLDER, PAGE_NOACCESS,
				       NULL, 0));
	assert_ok(VirtualFree(ring, size,
			      MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER));
	assert_fails(ERROR_INVALID_ADDRESS,
		     MapViewOfFile3(section, NULL, ring, 0, PAGE,
				    MEM_REPLACE_PLACEHOLDER, PAGE_READWRITE,
				    NULL, 0));
	assert_ok(MapViewOfFile3(section, NULL, ring, 0, size,
				 MEM_REPLACE_PLACEHOLDER, PAGE_READWRITE, NULL,
				 0));
	assert_ok(MapViewOfFile3(section, NULL, ring + size, 0, size,
				 MEM_REPLACE_PLACEHOLDER, PAGE_READWRITE, NULL,
				 0));
	/* What is written here the compiler supposes to be only here. */
	for (i = 0; i < 6; i++)
		poke(ring + size - 3 + i, "abcdef"[i]);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(peek(ring + i), "def"[i]);
		ck_assert_int_eq(peek(ring + 2 * size - 3 + i), "abc"[i]);
	}
	assert_ok(UnmapViewOfFile2(GetCurrentProcess(), ring + size,
				   MEM_PRESERVE_PLACEHOLDER));
	assert_run(ring + size, size, MEM_RESERVE, 0);
	assert_ok(UnmapViewOfFileEx(ring, MEM_PRESERVE_PLACEHOLDER));
	assert_ok(VirtualFree(ring, 2 * size,
			      MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS));
	drop(ring);
	CloseHandle(section);
}
END_TEST

START_TEST(parameters_of_MapViewOfFile3)
{
	MEM_ADDRESS_REQUIREMENTS limits = { .Alignment = GRANULE };
	MEM_EXTENDED_PARAMETER parameter = { .Pointer = &limits };
	HANDLE section;
	char *hole, *p;

	parameter.Type = MemExtendedParameterAddressRequirements;
	section = make(PAGE_READWRITE, PAGE);
	assert_fails(ERROR_INVALID_PARAMETER,
		     MapViewOfFile3(section, NULL, NULL, 0, 0, 0,
				    PAGE_READWRITE, &parameter, 1));
	hole = find_hole(4);
	limits.Alignment = 0;
	limits.LowestStartingAddress = hole;
	limits.HighestEndingAddress = hole + 4 * GRANULE - 1;
	assert_ok(p = MapViewOfFile3(section, GetCurrentProcess(), NULL, 0, 0,
				     0, PAGE_READONLY, &parameter, 1));
	ck_assert(p >= hole);
	ck_assert(p < hole + 4 * GRANULE);
	end(p);
	assert_fails(ERROR_INVALID_PARAMETER,
		     MapViewOfFile3(section, NULL, NULL, 0, 0, MEM_RESERVE,
				    PAGE_READWRITE, NULL, 0));
	assert_fails(ERROR_INVALID_PARAMETER,
		     MapViewOfFile3(section, NULL, NULL, 0, 0, MEM_COMMIT,
				    PAGE_READWRITE, NULL, 0));
	assert_fails(ERROR_INVALID_HANDLE,
		     MapViewOfFile3(section, section, NULL, 0, 0, 0,
				    PAGE_READWRITE, NULL, 0));
	assert_fails(ERROR_INVALID_ADDRESS,
		     UnmapViewOfFileEx(hole, MEM_PRESERVE_PLACEHOLDER));
	assert_fails(ERROR_INVALID_PARAMETER, UnmapViewOfFileEx(hole, 4));
	CloseHandle(section);
}
END_TEST

TCase *section_tests(void)
{
	TCase *tests = tcase_create("section");

	tcase_add_loop_test(tests, what_can_be_made, 0, COUNT(requests));
	tcase_add_test(tests, a_file_has_to_be_one);
	tcase_add_test(tests, handles_that_are_none);
	tcase_add_test(tests, a_duplicate_is_a_handle_of_its_own);
	tcase_add_test(tests, a_name_is_opened_by_whoever_knows_it);
	tcase_add_test(tests, names_that_are_none);
	tcase_add_test(tests, views_see_the_same);
	tcase_add_loop_test(tests, access_and_protection, 0, COUNT(accesses));
	tcase_add_test(tests, views_that_cannot_be);
	tcase_add_test(tests, what_is_no_view);
	tcase_add_test(tests, a_view_is_protected_up_to_what_it_is);
	tcase_add_test(tests, a_page_that_is_written_becomes_the_views_own);
	tcase_add_test(tests, private_memory_knows_no_writecopy);
	tcase_add_test(tests, all_views_see_what_is_committed_later);
	tcase_add_test(tests, a_ring_of_two_views);
	tcase_add_test(tests, parameters_of_MapViewOfFile3);
	return tests;
}
