// SPDX-License-Identifier: MIT
/*
 * Check writes to the parent of a test where each assertion held, to be able to
 * say where the test was when it dies. In a loop, once is enough: a million system
 * calls tell no more. Takes the place of Check's function: see mk/user.mk.
 */
void __real__mark_point(const char *file, int line);
void __wrap__mark_point(const char *file, int line);

void __wrap__mark_point(const char *file, int line)
{
	static __thread const char *last_file;
	static __thread int last_line;

	if (file == last_file && line == last_line)
		return;
	last_file = file;
	last_line = line;
	__real__mark_point(file, line);
}
