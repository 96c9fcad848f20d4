// SPDX-License-Identifier: MIT
/*
 * GlobalMemoryStatus and GlobalMemoryStatusEx: how much memory there is.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "virtual/virtual.h"

/* Reads a small file of /proc as text. Returns false when it cannot. */
static bool read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, text, size - 1);
	close(fd);
	if (len < 0)
		return false;
	text[len] = 0;
	return true;
}

static uint64_t parse_number(const char *text)
{
	uint64_t number = 0;

	while (*text == ' ')
		text++;
	while (*text >= '0' && *text <= '9')
		number = number * 10 + (*text++ - '0');
	return number;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The bytes of a line "name:  N kB"; 0 where there is none. */
static uint64_t meminfo(const char *text, const char *name)
{
	const char *line = strstr(text, name);

	return line ? parse_number(line + strlen(name)) * 1024 : 0;
}

/* Whoever makes up a /proc for a container need not be careful with it. */
static void physical(const char *text, LPMEMORYSTATUSEX status)
{
	uint64_t total = meminfo(text, "MemTotal:");
	uint64_t avail = lower(meminfo(text, "MemAvailable:"), total);

	status->ullTotalPhys = total;
	status->ullAvailPhys = avail;
	if (total)
		status->dwMemoryLoad = lower((total - avail) / (total / 100),
					     100);
}

/* One of the limits on commit, with what is charged under it. */
static void commit_limit(LPMEMORYSTATUSEX status, uint64_t limit,
			 uint64_t committed)
{
	uint64_t left = limit > committed ? limit - committed : 0;

	if (limit == UINT64_MAX)
		return;
	status->ullTotalPageFile = lower(limit, status->ullTotalPageFile);
	status->ullAvailPageFile = lower(left, status->ullAvailPageFile);
}

static void page_file(const char *text, const struct ntmem_info *info,
		      LPMEMORYSTATUSEX status)
{
	uint64_t swap;

	status->ullTotalPageFile = UINT64_MAX;
	status->ullAvailPageFile = UINT64_MAX;
	commit_limit(status, info->commit_limit, info->committed);
	commit_limit(status, info->user_limit, info->user_committed);
	commit_limit(status, info->space_limit, info->space_committed);
	if (status->ullTotalPageFile != UINT64_MAX)
		return;
	swap = meminfo(text, "SwapTotal:");
	status->ullTotalPageFile = status->ullTotalPhys + swap;
	status->ullAvailPageFile = status->ullAvailPhys +
				   lower(meminfo(text, "SwapFree:"), swap);
}

static void address_space(LPMEMORYSTATUSEX status)
{
	char text[128];
	uint64_t used = 0;

	if (read_text("/proc/self/statm", text, sizeof(text)))
		used = parse_number(text) * VIRTUAL_PAGE;
	status->ullTotalVirtual = VIRTUAL_HIGHEST - VIRTUAL_LOWEST + 1;
	if (used < status->ullTotalVirtual)
		status->ullAvailVirtual = status->ullTotalVirtual - used;
}

static bool memory_status(LPMEMORYSTATUSEX status)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct ntmem_info info;
	char text[4096];
	int saved_errno = errno;
	bool known;

	memset(status, 0, sizeof(*status));
	status->dwLength = sizeof(*status);
	if (!engine || !ntmem_result(engine->info(&info)))
		return false;
	known = read_text("/proc/meminfo", text, sizeof(text));
	errno = saved_errno;
	if (!known)
		return ntmem_refuse(ERROR_GEN_FAILURE);
	physical(text, status);
	page_file(text, &info, status);
	address_space(status);
	errno = saved_errno;
	return true;
}

BOOL WINAPI GlobalMemoryStatusEx(LPMEMORYSTATUSEX lpBuffer)
{
	if (!lpBuffer)
		return ntmem_refuse(ERROR_NOACCESS);
	if (lpBuffer->dwLength != sizeof(*lpBuffer))
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	return memory_status(lpBuffer);
}

static SIZE_T clamp(DWORDLONG bytes)
{
	return bytes < SIZE_MAX / 2 ? bytes : SIZE_MAX / 2;
}

VOID WINAPI GlobalMemoryStatus(LPMEMORYSTATUS lpBuffer)
{
	MEMORYSTATUSEX status;

	memory_status(&status);
	lpBuffer->dwLength = sizeof(*lpBuffer);
	lpBuffer->dwMemoryLoad = status.dwMemoryLoad;
	lpBuffer->dwTotalPhys = clamp(status.ullTotalPhys);
	lpBuffer->dwAvailPhys = clamp(status.ullAvailPhys);
	lpBuffer->dwTotalPageFile = status.ullTotalPageFile;
	lpBuffer->dwAvailPageFile = status.ullAvailPageFile;
	lpBuffer->dwTotalVirtual = status.ullTotalVirtual;
	lpBuffer->dwAvailVirtual = status.ullAvailVirtual;
}
