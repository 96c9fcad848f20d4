// SPDX-License-Identifier: MIT
/*
 * The kernel's list of a process's pages. See pagemap.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/page.h"
#include "engine/pagemap.h"

#define LOOK_PAGES	512

int ntmem_pagemap_open(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int ntmem_pagemap_open_of(int proc)
{
	int fd = openat(proc, "pagemap", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Of a process that has ended the list is empty. */
int ntmem_pagemap_read(int fd, uint64_t addr, uint64_t *entries,
		       unsigned int count)
{
	ssize_t size = count * sizeof(*entries);
	ssize_t got = pread(fd, entries, size,
			    (off_t)(addr / PAGE_BYTES * sizeof(*entries)));

	if (got < 0)
		return -errno;
	memset((char *)entries + got, 0, size - got);
	return 0;
}

static bool is_own(uint64_t entry)
{
	return entry & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED) &&
	       !(entry & PAGEMAP_FILE);
}

/* The first page of [*at, end) that is own, or is not; else end. */
static int find_page(int fd, uint64_t *at, uint64_t end, bool own)
{
	uint64_t entries[LOOK_PAGES], pages;
	ssize_t got;
	size_t i;

	while (*at < end) {
		pages = (end - *at) / PAGE_BYTES;
		if (pages > LOOK_PAGES)
			pages = LOOK_PAGES;
		got = pread(fd, entries, pages * sizeof(*entries),
			    (off_t)(*at / PAGE_BYTES * sizeof(*entries)));
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		for (i = 0; i < got / sizeof(*entries); i++) {
			if (is_own(entries[i]) == own)
				return 0;
			*at += PAGE_BYTES;
		}
	}
	return 0;
}

int ntmem_pagemap_own(int fd, uint64_t *start, uint64_t *stop, uint64_t end)
{
	int error = find_page(fd, start, end, true);

	if (error || *start == end)
		return error;
	*stop = *start + PAGE_BYTES;
	error = find_page(fd, stop, end, false);
	return error ? error : 1;
}
