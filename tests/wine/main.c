// SPDX-License-Identifier: MIT
/*
 * Runs the unit tests that make only Windows calls, on Windows or Wine: all of
 * them, or the one whose number is given.
 */
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

int main(int argc, char **argv)
{
	Suite *suite = suite_create("windows");
	SRunner *runner = srunner_create(suite);
	int failed;

	install_fault_handler();
	add_windows_tests(suite);
	if (argc > 1)
		check_run_one(runner, atoi(argv[1]));
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
