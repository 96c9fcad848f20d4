// SPDX-License-Identifier: MIT
/*
 * File descriptors at high numbers. See highfd.h.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/highfd.h"

#define HIGH_FD		1000

int ntmem_highfd(int fd)
{
	struct rlimit limit;
	int want = HIGH_FD, moved;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur <= HIGH_FD)
		want = (int)limit.rlim_cur / 2;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, want);
	if (moved < 0)
		return fd;
	close(fd);
	return moved;
}
