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
	add_windows_tests(suite);
	suite_add_tcase(suite, host_tests());
	suite_add_tcase(suite, signal_tests());
	suite_add_tcase(suite, fork_tests());
	suite_add_tcase(suite, engine_tests());
	suite_add_tcase(suite, failure_tests());
	printf("engine: %s\n", ntmem_engine()->name);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
