// SPDX-License-Identifier: MIT
/*
 * Runs the library's tests.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "unit.h"

int main(void)
{
	Suite *suite = suite_create("libntmem");
	SRunner *runner;
	int failed;

	if (!ntmem_engine()) {
		fprintf(stderr, "the engine that NTMEM_ENGINE asks for cannot work here\n");
		return EXIT_FAILURE;
	}
	install_fault_handler();
	suite_add_tcase(suite, system_tests());
	suite_add_tcase(suite, alloc_tests());
	suite_add_tcase(suite, free_tests());
	suite_add_tcase(suite, query_tests());
	suite_add_tcase(suite, protect_tests());
	suite_add_tcase(suite, guard_tests());
	suite_add_tcase(suite, lock_tests());
	suite_add_tcase(suite, hints_tests());
	suite_add_tcase(suite, signal_tests());
	suite_add_tcase(suite, exception_tests());
	suite_add_tcase(suite, fork_tests());
	suite_add_tcase(suite, thread_tests());
	suite_add_tcase(suite, engine_tests());
	printf("engine: %s\n", ntmem_engine()->name);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
