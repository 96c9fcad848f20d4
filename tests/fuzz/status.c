// SPDX-License-Identifier: MIT
/*
 * GlobalMemoryStatusEx on a machine whose /proc says what the input does: the
 * first line is /proc/self/statm, the rest is /proc/meminfo. open() comes here
 * first (the linker's --wrap).
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <windows.h>

#include "target.h"

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

static const uint8_t *input;
static size_t statm_size, input_size;

int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list list;

	va_start(list, flags);
	mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, mode_t) : 0;
	va_end(list);
	if (input && !strcmp(path, "/proc/self/statm"))
		return fuzz_file(input, statm_size);
	if (input && !strcmp(path, "/proc/meminfo"))
		return fuzz_file(input + statm_size, input_size - statm_size);
	return __real_open(path, flags, mode);
}

static void check(const MEMORYSTATUSEX *status)
{
	MEMORYSTATUS old;

	fuzz_check(status->dwLength == sizeof(*status), "length %u",
		   status->dwLength);
	fuzz_check(status->dwMemoryLoad <= 100, "%u %% of %llu, %llu available",
		   status->dwMemoryLoad,
		   (unsigned long long)status->ullTotalPhys,
		   (unsigned long long)status->ullAvailPhys);
	fuzz_check(status->ullAvailPhys <= status->ullTotalPhys,
		   "%llu of %llu available",
		   (unsigned long long)status->ullAvailPhys,
		   (unsigned long long)status->ullTotalPhys);
	fuzz_check(status->ullAvailPageFile <= status->ullTotalPageFile,
		   "%llu of %llu can be committed",
		   (unsigned long long)status->ullAvailPageFile,
		   (unsigned long long)status->ullTotalPageFile);
	fuzz_check(status->ullAvailVirtual <= status->ullTotalVirtual,
		   "addresses");
	GlobalMemoryStatus(&old);
	fuzz_check(old.dwMemoryLoad == status->dwMemoryLoad, "two loads");
}

static void run(const uint8_t *data, size_t size)
{
	const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
	MEMORYSTATUSEX status = { .dwLength = sizeof(status) };

	input = size ? data : (const uint8_t *)"";
	input_size = size;
	statm_size = line ? (size_t)(line - data) + 1 : size;
	fuzz_check(GlobalMemoryStatusEx(&status), "error %u", GetLastError());
	check(&status);
	input = NULL;
}

static void open_target(void)
{
	setenv("NTMEM_ENGINE", "embedded", 1);
}

const struct fuzz_target status_target = {
	.name = "status",
	.open = open_target,
	.run = run,
};
