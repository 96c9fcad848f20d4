// SPDX-License-Identifier: MIT
/*
 * Two processes that know nothing of each other but a name, and a table that
 * grows: a section of 1 GiB is only reserved, and what one process commits of
 * it the other one can use at once, at whatever address it has mapped it. The
 * second view is one of its own to the one who writes to it: the first
 * process sees nothing of that.
 *
 * share; exit status 0 when both saw what they should; 77 where the engine has
 * no sections.
 */
#include <windows.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME	"ntmem example"
#define TABLE	(1UL << 30)
#define PART	(1UL << 20)

static int fail(const char *what)
{
	fprintf(stderr, "%s: error %u\n", what, (unsigned int)GetLastError());
	return 1;
}

/* The other process: opens, reads, commits more, and writes. */
static int other(int ready)
{
	HANDLE section;
	char *table, *mine, c;

	if (read(ready, &c, 1) != 1)
		return 1;
	section = OpenFileMapping(FILE_MAP_WRITE | FILE_MAP_READ, FALSE, NAME);
	if (!section)
		return fail("OpenFileMapping");
	table = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
	mine = MapViewOfFile(section, FILE_MAP_COPY, 0, 0, PART);
	if (!table || !mine)
		return fail("MapViewOfFile");
	if (strcmp(table, "from the first"))
		return fail("the first part");
	/* Private from here on. */
	strcpy(mine, "from nobody");
	if (!VirtualAlloc(table + PART, PART, MEM_COMMIT, PAGE_READWRITE))
		return fail("VirtualAlloc");
	strcpy(table + PART, "from the second");
	return strcmp(table, "from the first") ? 1 : 0;
}

int main(void)
{
	int ready[2], status;
	HANDLE section;
	char *table;
	pid_t pid;

	if (pipe(ready))
		return fail("pipe");
	/* Before there is anything that it could inherit. */
	pid = fork();
	if (!pid) {
		close(ready[1]);
		_exit(other(ready[0]));
	}
	section = CreateFileMapping(INVALID_HANDLE_VALUE, NULL,
				    PAGE_READWRITE | SEC_RESERVE, 0, TABLE,
				    NAME);
	if (!section && GetLastError() == ERROR_NOT_SUPPORTED) {
		puts("this engine has no sections");
		return 77;
	}
	if (!section)
		return fail("CreateFileMapping");
	table = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
	if (!table || !VirtualAlloc(table, PART, MEM_COMMIT, PAGE_READWRITE))
		return fail("the first view");
	strcpy(table, "from the first");
	if (write(ready[1], "", 1) != 1)
		return 1;
	if (waitpid(pid, &status, 0) != pid || status)
		return fail("the other process");
	if (strcmp(table + PART, "from the second") ||
	    strcmp(table, "from the first"))
		return fail("what the other process wrote");
	puts("both saw what they should");
	return 0;
}
