// SPDX-License-Identifier: MIT
/*
 * Sections of large pages. The machine has to have some to spare, which the
 * suites large-* see to; without any, what is left is how they are refused.
 */
#include <errno.h>
#include <ntmem.h>
#include <psapi.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine.h"
#include "peer.h"
#include "unit.h"

#define LARGE	(2UL << 20)
#define SIZE	(3 * LARGE)
#define NAME	"unit: large"

/* Large pages that nobody has; -1 where Linux has no such thing. */
static int pages_left(void)
{
	static const char path[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/"
				   "free_hugepages";
	FILE *file = fopen(path, "r");
	int pages = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%d", &pages) != 1)
		pages = -1;
	fclose(file);
	return pages;
}

static HANDLE create(DWORD protect, SIZE_T size, const char *name)
{
	return CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, protect |
				  SEC_COMMIT | SEC_LARGE_PAGES,
				  (DWORD)(size >> 32), (DWORD)size, name);
}

/* A section of three, or NULL where there are none. */
static HANDLE make(DWORD protect)
{
	int left = pages_left();
	HANDLE section;

	if (left < 3)
		return NULL;
	SetLastError(UNTOUCHED);
	section = create(protect, SIZE, NULL);
	ck_assert_msg(section != NULL, "error %u", GetLastError());
	ck_assert_uint_eq(GetLastError(), ERROR_SUCCESS);
	/* They are all there from the start. */
	ck_assert_int_eq(pages_left(), left - 3);
	return section;
}

static char *view(HANDLE section, DWORD access)
{
	char *p;

	assert_ok(p = MapViewOfFile(section, access, 0, 0, 0));
	ck_assert_uint_eq((uintptr_t)p % LARGE, 0);
	return p;
}

START_TEST(the_size_of_a_large_page)
{
	ck_assert_uint_eq(GetLargePageMinimum(),
			  pages_left() < 0 ? 0 : LARGE);
}
END_TEST

/* Nothing is left of what could not be made. */
START_TEST(there_are_not_enough)
{
	int left = pages_left(), files = 0, round;
	SIZE_T size = left > 0 ? (SIZE_T)(left + 1) * LARGE : LARGE;
	DWORD code = left < 0 ? ERROR_NOT_SUPPORTED : ERROR_NO_SYSTEM_RESOURCES;

	/* The first round brings what the process needs once. */
	for (round = 0; round < 2; round++) {
		files = count_files();
		assert_fails(code, create(PAGE_READWRITE, size, NULL));
		assert_fails(code, create(PAGE_READWRITE, size, NAME));
		assert_fails(ERROR_FILE_NOT_FOUND,
			     OpenFileMappingA(FILE_MAP_READ, FALSE, NAME));
	}
	ck_assert_int_eq(pages_left(), left);
	ck_assert_int_eq(count_files(), files);
}
END_TEST

START_TEST(sizes_that_they_cannot_have)
{
	HANDLE none = INVALID_HANDLE_VALUE;

	assert_fails(ERROR_INVALID_PARAMETER, create(PAGE_READWRITE, 0, NULL));
	assert_fails(ERROR_INVALID_PARAMETER,
		     create(PAGE_READWRITE, LARGE + PAGE, NULL));
	assert_fails(ERROR_INVALID_PARAMETER,
		     create(PAGE_READWRITE, LARGE / 2, NULL));
	assert_fails(ERROR_INVALID_PARAMETER,
		     CreateFileMappingA(none, NULL, PAGE_READWRITE |
					SEC_LARGE_PAGES, 0, LARGE, NULL));
	assert_fails(ERROR_INVALID_PARAMETER,
		     CreateFileMappingA(none, NULL, PAGE_READWRITE |
					SEC_RESERVE | SEC_LARGE_PAGES, 0, LARGE,
					NULL));
}
END_TEST

static bool is_large(const void *addr)
{
	PSAPI_WORKING_SET_EX_INFORMATION entry = {
		.VirtualAddress = (void *)(uintptr_t)addr,
	};

	assert_ok(QueryWorkingSetEx(GetCurrentProcess(), &entry,
				    sizeof(entry)));
	return entry.VirtualAttributes.LargePage;
}

START_TEST(views_are_of_large_pages)
{
	HANDLE section = make(PAGE_READWRITE);
	MEMORY_BASIC_INFORMATION info;
	int left = pages_left();
	char *first, *second;

	if (!section)
		return;
	first = view(section, FILE_MAP_WRITE);
	assert_ok(second = MapViewOfFile(section, FILE_MAP_READ |
					 FILE_MAP_LARGE_PAGES, 0, LARGE, LARGE));
	ck_assert_uint_eq((uintptr_t)second % LARGE, 0);
	poke(first + LARGE + PAGE, 7);
	ck_assert_int_eq(peek(second + PAGE), 7);
	ck_assert(!can_write(second));
	ck_assert(is_large(first + LARGE + PAGE));
	query(first + PAGE, &info);
	ck_assert_ptr_eq(info.AllocationBase, first);
	ck_assert_uint_eq(info.RegionSize, SIZE - PAGE);
	ck_assert_uint_eq(info.State, MEM_COMMIT);
	ck_assert_uint_eq(info.Type, MEM_MAPPED);
	ck_assert_uint_eq(info.Protect, PAGE_READWRITE);
	assert_ok(FlushViewOfFile(first, 0));
	assert_ok(UnmapViewOfFile(first));
	CloseHandle(section);
	/* The last view has them. */
	ck_assert_int_eq(peek(second + PAGE), 7);
	ck_assert_int_eq(pages_left(), left);
	assert_ok(UnmapViewOfFile(second));
	ck_assert_int_eq(pages_left(), left + 3);
}
END_TEST

/* A place that a view could have, and one that it could not. */
START_TEST(places_that_views_can_have)
{
	HANDLE section = make(PAGE_READWRITE);
	char *p, *place;

	if (!section)
		return;
	place = find_hole(4 * LARGE / GRANULE);
	place += -(uintptr_t)place % LARGE;
	assert_fails(ERROR_MAPPED_ALIGNMENT,
		     MapViewOfFileEx(section, FILE_MAP_READ, 0, 0, LARGE,
				     place + GRANULE));
	assert_fails(ERROR_MAPPED_ALIGNMENT,
		     MapViewOfFile(section, FILE_MAP_READ, 0, GRANULE, LARGE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     MapViewOfFile(section, FILE_MAP_READ, 0, 0, PAGE));
	assert_fails(ERROR_ACCESS_DENIED,
		     MapViewOfFile(section, FILE_MAP_READ, 0, LARGE, SIZE));
	assert_ok(p = MapViewOfFileEx(section, FILE_MAP_READ, 0, 0, LARGE,
				      place));
	ck_assert_ptr_eq(p, place);
	assert_fails(ERROR_INVALID_ADDRESS,
		     MapViewOfFileEx(section, FILE_MAP_READ, 0, 0, LARGE,
				     place));
	assert_ok(UnmapViewOfFile(p));
	assert_ok(p = MapViewOfFile3(section, NULL, NULL, LARGE, LARGE,
				     MEM_LARGE_PAGES | MEM_TOP_DOWN,
				     PAGE_READWRITE, NULL, 0));
	ck_assert_uint_eq((uintptr_t)p % LARGE, 0);
	assert_ok(UnmapViewOfFile(p));
	CloseHandle(section);
}
END_TEST

START_TEST(not_of_small_pages)
{
	HANDLE section;

	section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE,
				     0, LARGE, NULL);
	assert_fails(ERROR_INVALID_PARAMETER,
		     MapViewOfFile(section, FILE_MAP_READ |
				   FILE_MAP_LARGE_PAGES, 0, 0, 0));
	assert_fails(ERROR_INVALID_PARAMETER,
		     MapViewOfFile3(section, NULL, NULL, 0, 0, MEM_LARGE_PAGES,
				    PAGE_READONLY, NULL, 0));
	CloseHandle(section);
}
END_TEST

/* What would be done to a part of a large page. */
START_TEST(what_is_not_done_to_them)
{
	HANDLE section = make(PAGE_EXECUTE_READWRITE);
	DWORD old = UNTOUCHED;
	char *p;

	if (!section)
		return;
	assert_fails(ERROR_INVALID_PARAMETER,
		     MapViewOfFile(section, FILE_MAP_COPY, 0, 0, 0));
	p = view(section, FILE_MAP_WRITE);
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualProtect(p, PAGE, PAGE_READONLY, &old));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualProtect(p, SIZE, PAGE_READONLY, &old));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualFree(p, LARGE, MEM_DECOMMIT));
	assert_fails(ERROR_ACCESS_DENIED,
		     VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE));
	assert_ok(VirtualLock(p, PAGE));
	assert_ok(VirtualUnlock(p, PAGE));
	poke(p, 3);
	ck_assert_int_eq(peek(p), 3);
	assert_ok(UnmapViewOfFile(p));
	CloseHandle(section);
}
END_TEST

START_TEST(large_views_in_placeholders)
{
	HANDLE section = make(PAGE_READWRITE);
	MEM_ADDRESS_REQUIREMENTS limits = { .Alignment = LARGE };
	MEM_EXTENDED_PARAMETER parameter = {
		.Type = MemExtendedParameterAddressRequirements,
		.Pointer = &limits,
	};
	char *place;

	if (!section)
		return;
	assert_ok(place = VirtualAlloc2(NULL, NULL, LARGE, MEM_RESERVE |
					MEM_RESERVE_PLACEHOLDER, PAGE_NOACCESS,
					&parameter, 1));
	assert_ok(MapViewOfFile3(section, NULL, place, LARGE, LARGE,
				 MEM_REPLACE_PLACEHOLDER, PAGE_READWRITE, NULL,
				 0));
	poke(place, 5);
	assert_ok(UnmapViewOfFileEx(place, MEM_PRESERVE_PLACEHOLDER));
	assert_fails(ERROR_MAPPED_ALIGNMENT,
		     MapViewOfFile3(section, NULL, place, PAGE, LARGE,
				    MEM_REPLACE_PLACEHOLDER, PAGE_READWRITE,
				    NULL, 0));
	assert_run(place, LARGE, MEM_RESERVE, 0);
	drop(place);
	CloseHandle(section);
}
END_TEST

/* --------------------------------------------------------- other processes --- */

/* Makes a byte of the section one more; what it was. */
static uintptr_t count_there(uintptr_t at)
{
	HANDLE section = OpenFileMappingA(FILE_MAP_WRITE, FALSE, NAME);
	char *p = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
	uintptr_t was = p ? (uintptr_t)p[at]++ : GetLastError() << 8;

	UnmapViewOfFile(p);
	CloseHandle(section);
	return was;
}

START_TEST(others_find_them_by_name)
{
	struct peer peer = peer_start();
	int left = pages_left();
	HANDLE section, again;
	char *p;

	if (left >= 3) {
		section = create(PAGE_READWRITE, SIZE, NAME);
		/* There are none left for another one, nor need there be. */
		again = create(PAGE_READWRITE, (SIZE_T)left * LARGE, NAME);
		ck_assert_ptr_nonnull(again);
		ck_assert_uint_eq(GetLastError(), ERROR_ALREADY_EXISTS);
		CloseHandle(again);
		p = view(section, FILE_MAP_WRITE);
		p[SIZE - 1] = 5;
		ck_assert_uint_eq(peer_call(&peer, count_there, SIZE - 1), 5);
		ck_assert_int_eq(p[SIZE - 1], 6);
		assert_ok(UnmapViewOfFile(p));
		CloseHandle(section);
		ck_assert_int_eq(pages_left(), left);
	}
	ck_assert_int_eq(peer_end(&peer), 0);
}
END_TEST

static void write_here(void *arg)
{
	*(char *)arg = 9;
}

START_TEST(a_child_shares_them)
{
	HANDLE section = make(PAGE_READWRITE);
	char *p;

	if (!section)
		return;
	p = view(section, FILE_MAP_WRITE);
	ck_assert_int_eq(in_child(write_here, p + LARGE), 0);
	ck_assert_int_eq(p[LARGE], 9);
	assert_ok(UnmapViewOfFile(p));
	CloseHandle(section);
}
END_TEST

/* As engine.h has it. */
START_TEST(what_the_engine_says_of_them)
{
	HANDLE section = make(PAGE_READONLY);
	struct ntmem_section answer = { 0 };
	struct ntmem_map_view map = { .prot = PAGE_READONLY };

	if (!section)
		return;
	answer.fd = ntmem_handle_to_fd(section);
	ck_assert_int_eq(ntmem_engine()->query_section(&answer), 0);
	ck_assert_uint_eq(answer.size, SIZE);
	ck_assert_uint_eq(answer.flags, SECTION_LARGE_PAGES);
	map.fd = answer.fd;
	map.prot = PAGE_READONLY | PAGE_GUARD;
	ck_assert_int_eq(ntmem_engine()->map_view(&map), -EINVAL);
	CloseHandle(section);
}
END_TEST

TCase *section_large_tests(void)
{
	TCase *tests = tcase_create("section large");

	tcase_add_test(tests, the_size_of_a_large_page);
	tcase_add_test(tests, there_are_not_enough);
	tcase_add_test(tests, sizes_that_they_cannot_have);
	tcase_add_test(tests, views_are_of_large_pages);
	tcase_add_test(tests, places_that_views_can_have);
	tcase_add_test(tests, not_of_small_pages);
	tcase_add_test(tests, what_is_not_done_to_them);
	tcase_add_test(tests, large_views_in_placeholders);
	tcase_add_test(tests, others_find_them_by_name);
	tcase_add_test(tests, a_child_shares_them);
	tcase_add_test(tests, what_the_engine_says_of_them);
	return tests;
}
