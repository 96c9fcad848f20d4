// SPDX-License-Identifier: MIT
/*
 * Runs the library's tests. Or, with the name of an engine, or "none", says by
 * its exit status whether that is the one this process has: the choice is made
 * once in a process, so that a test of it starts this program anew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "unit.h"

#define fails(call)	(SetLastError(0), !(call) &&			\
			 GetLastError() == ERROR_NOT_SUPPORTED)

/* Without an engine nothing works, and every function says so. */
static bool nothing_works(void)
{
	MEMORYSTATUSEX status = { .dwLength = sizeof(status) };
	MEMORY_BASIC_INFORMATION run;
	SYSTEM_INFO info;
	char page[PAGE];
	DWORD old;

	GetSystemInfo(&info);
	return info.dwAllocationGranularity == GRANULE &&
	       fails(VirtualAlloc(NULL, PAGE, MEM_COMMIT, PAGE_READWRITE)) &&
	       fails(VirtualFree(page, 0, MEM_RELEASE)) &&
	       fails(VirtualProtect(page, 1, PAGE_READONLY, &old)) &&
	       fails(VirtualQuery(page, &run, sizeof(run))) &&
	       fails(VirtualLock(page, 1)) && fails(VirtualUnlock(page, 1)) &&
	       fails(GlobalMemoryStatusEx(&status)) &&
	       DiscardVirtualMemory(page, PAGE) == ERROR_NOT_SUPPORTED;
}

static bool has_engine(const char *name)
{
	if (!strcmp(name, "none"))
		return !ntmem_engine() && nothing_works();
	return ntmem_engine() && !strcmp(ntmem_engine()->name, name);
}

int main(int argc, char **argv)
{
	Suite *suite;
	SRunner *runner;
	int failed;

	if (argc > 1)
		return has_engine(argv[1]) ? EXIT_SUCCESS : EXIT_FAILURE;
	if (!ntmem_engine()) {
		fprintf(stderr, "the engine that NTMEM_ENGINE asks for cannot work here\n");
		return EXIT_FAILURE;
	}
	install_fault_handler();
	suite = suite_create("libntmem");
	add_windows_tests(suite);
	suite_add_tcase(suite, host_tests());
	add_heap_case(suite, heap_host_tests());
	add_heap_case(suite, heap_user_tests());
	suite_add_tcase(suite, section_tests());
	suite_add_tcase(suite, section_host_tests());
	suite_add_tcase(suite, signal_tests());
	suite_add_tcase(suite, fork_tests());
	suite_add_tcase(suite, watch_host_tests());
	suite_add_tcase(suite, placeholder_host_tests());
	suite_add_tcase(suite, engine_tests());
	suite_add_tcase(suite, failure_tests());
	suite_add_tcase(suite, watch_failure_tests());
	suite_add_tcase(suite, placeholder_failure_tests());
	add_long_heap_case(suite, region_tests());
	add_long_heap_case(suite, region_model_tests());
	add_heap_case(suite, region_failure_tests());
	add_long_heap_case(suite, heap_failure_tests());
	add_heap_case(suite, heap_asan_tests());
	printf("engine: %s\n", ntmem_engine()->name);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
