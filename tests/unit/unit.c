// SPDX-License-Identifier: MIT
/*
 * What the tests share and Windows has too. See unit.h.
 */
#include <string.h>

#include "unit.h"

/* CK_EXCLUDE_TAGS=heap leaves these out, for a run of their own. */
void add_heap_case(Suite *suite, TCase *tests)
{
	tcase_set_tags(tests, "heap");
	suite_add_tcase(suite, tests);
}

/* And CK_EXCLUDE_TAGS=long these, where even that would take too long. */
void add_long_heap_case(Suite *suite, TCase *tests)
{
	tcase_set_tags(tests, "heap long");
	suite_add_tcase(suite, tests);
}

/* Those that make only Windows calls. */
void add_windows_tests(Suite *suite)
{
	suite_add_tcase(suite, system_tests());
	suite_add_tcase(suite, alloc_tests());
	suite_add_tcase(suite, alloc2_tests());
	suite_add_tcase(suite, free_tests());
	suite_add_tcase(suite, query_tests());
	suite_add_tcase(suite, protect_tests());
	suite_add_tcase(suite, guard_tests());
	suite_add_tcase(suite, lock_tests());
	suite_add_tcase(suite, hints_tests());
	suite_add_tcase(suite, exception_tests());
	suite_add_tcase(suite, thread_tests());
	suite_add_tcase(suite, watch_tests());
	suite_add_tcase(suite, placeholder_tests());
	suite_add_tcase(suite, section_tests());
	suite_add_tcase(suite, workingset_tests());
	add_heap_case(suite, heap_create_tests());
	add_heap_case(suite, heap_alloc_tests());
	add_long_heap_case(suite, heap_realloc_tests());
	add_heap_case(suite, heap_walk_tests());
	add_heap_case(suite, heap_lock_tests());
	add_heap_case(suite, heap_info_tests());
	add_long_heap_case(suite, heap_model_tests());
	add_heap_case(suite, global_tests());
	add_heap_case(suite, bstr_tests());
	add_heap_case(suite, crt_tests());
}

void query(const void *addr, MEMORY_BASIC_INFORMATION *info)
{
	memset(info, 0xa5, sizeof(*info));
	assert_ok(VirtualQuery(addr, info, sizeof(*info)) == sizeof(*info));
}

char *reserve_pages(size_t pages)
{
	char *base;

	assert_ok(base = VirtualAlloc(NULL, pages * PAGE, MEM_RESERVE,
				      PAGE_READWRITE));
	return base;
}

char *commit_pages(size_t pages, DWORD protect)
{
	char *base;

	assert_ok(base = VirtualAlloc(NULL, pages * PAGE,
				      MEM_RESERVE | MEM_COMMIT, protect));
	return base;
}

void drop(void *base)
{
	assert_ok(VirtualFree(base, 0, MEM_RELEASE));
}

bool is_free(const void *addr)
{
	MEMORY_BASIC_INFORMATION info;

	return VirtualQuery(addr, &info, sizeof(info)) &&
	       info.State == MEM_FREE;
}

/*
 * Far from where the system puts what has no wish. Each call gives another
 * one, so that tests that share a process do not meet.
 */
char *find_hole(size_t granules)
{
	static uintptr_t next = UNDER_TSAN ? 0x1000000000 : 0x100000000000;
	MEMORY_BASIC_INFORMATION info;
	uintptr_t hole;

	for (;;) {
		query((void *)next, &info);
		hole = next;
		next += granules * GRANULE;
		if (info.State == MEM_FREE &&
		    info.RegionSize >= granules * GRANULE)
			return (char *)hole;
	}
}
