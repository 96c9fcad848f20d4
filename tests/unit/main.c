// SPDX-License-Identifier: MIT
/*
 * Runs the library's tests. Or, with the name of an engine, or "none", or an
 * allocation granularity, says by its exit status whether that is the one this
 * process has: the choice is made once in a process, so that a test of it starts
 * this program anew.
 */
#include <ntmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine.h"
#include "peer.h"
#include "unit.h"

#define fails(call)	(SetLastError(0), !(call) &&			\
			 GetLastError() == ERROR_NOT_SUPPORTED)

static bool no_section_works(void)
{
	HANDLE file = ntmem_file_handle_from_fd(STDIN_FILENO);

	return file && fails(FlushViewOfFile(&file, 0)) &&
	       fails(CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
					PAGE_READWRITE, 0, PAGE, NULL)) &&
	       fails(CreateFileMappingA(file, NULL, PAGE_READONLY, 0, PAGE,
					NULL)) &&
	       fails(CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
					PAGE_READWRITE | SEC_COMMIT |
					SEC_LARGE_PAGES, 0, 2 << 20, NULL)) &&
	       fails(OpenFileMappingA(FILE_MAP_READ, FALSE, "unit: none"));
}

/* Without an engine nothing works, and every function says so. */
static bool nothing_works(void)
{
	MEMORYSTATUSEX status = { .dwLength = sizeof(status) };
	MEMORY_BASIC_INFORMATION run;
	ULONG_PTR count = 1;
	SYSTEM_INFO info;
	char page[PAGE];
	PVOID written;
	DWORD old;

	GetSystemInfo(&info);
	return info.dwAllocationGranularity == GRANULE && no_section_works() &&
	       fails(VirtualAlloc(NULL, PAGE, MEM_COMMIT, PAGE_READWRITE)) &&
	       fails(VirtualAlloc2(NULL, NULL, PAGE, MEM_RESERVE,
				   PAGE_READWRITE, NULL, 0)) &&
	       fails(VirtualFree(page, 0, MEM_RELEASE)) &&
	       fails(VirtualProtect(page, 1, PAGE_READONLY, &old)) &&
	       fails(VirtualQuery(page, &run, sizeof(run))) &&
	       fails(VirtualLock(page, 1)) && fails(VirtualUnlock(page, 1)) &&
	       fails(!GetWriteWatch(0, page, PAGE, &written, &count, &old)) &&
	       fails(GlobalMemoryStatusEx(&status)) &&
	       DiscardVirtualMemory(page, PAGE) == ERROR_NOT_SUPPORTED;
}

static bool has_granularity(unsigned long granularity)
{
	SYSTEM_INFO info;
	char *page;

	GetSystemInfo(&info);
	page = VirtualAlloc(NULL, PAGE, MEM_RESERVE, PAGE_READWRITE);
	return page && (uintptr_t)page % granularity == 0 &&
	       info.dwAllocationGranularity == granularity;
}

static bool has_engine(const char *name)
{
	if (*name >= '0' && *name <= '9')
		return has_granularity(strtoul(name, NULL, 10));
	if (!strcmp(name, "none"))
		return !ntmem_engine() && nothing_works();
	return ntmem_engine() && !strcmp(ntmem_engine()->name, name);
}

int main(int argc, char **argv)
{
	Suite *suite;
	SRunner *runner;
	int failed;

	if (argc == 4 && !strcmp(argv[1], "peer"))
		return peer_main(argv[2], argv[3]);
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
	add_heap_case(suite, inventory_tests());
	suite_add_tcase(suite, section_host_tests());
	suite_add_tcase(suite, section_engine_tests());
	suite_add_tcase(suite, section_file_tests());
	suite_add_tcase(suite, section_large_tests());
	suite_add_tcase(suite, section_names_tests());
	suite_add_tcase(suite, section_failure_tests());
	/* Valgrind of Debian 12 does not know pidfd_getfd(2). */
	if (!under_valgrind()) {
		suite_add_tcase(suite, process_tests());
		suite_add_tcase(suite, procmem_tests());
		suite_add_tcase(suite, remote_tests());
		suite_add_tcase(suite, remote_handle_tests());
		suite_add_tcase(suite, remote_thread_tests());
		suite_add_tcase(suite, workingset_host_tests());
		add_heap_case(suite, heap_report_tests());
		suite_add_tcase(suite, descriptor_tests());
		suite_add_tcase(suite, refused_tests());
	}
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
