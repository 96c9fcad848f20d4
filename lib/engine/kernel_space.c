// SPDX-License-Identifier: MIT
/*
 * The handle to the own space. See kernel_space.h.
 */
#include <errno.h>
#include <linux/ntmem.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/beacon.h"
#include "engine/highfd.h"
#include "engine/kernel_space.h"

#define LINK		"anon_inode:[ntmem-space]"
#define NOT_OPEN	(-1)

static int space = NOT_OPEN;

/* "/proc/self/fd/" and the number; snprintf is not for signal handlers. */
static void path_of(char *path, int fd)
{
	char digits[12];
	int count = 0;

	path = stpcpy(path, "/proc/self/fd/");
	do {
		digits[count++] = '0' + fd % 10;
		fd /= 10;
	} while (fd);
	while (count)
		*path++ = digits[--count];
	*path = '\0';
}

/*
 * Where nobody can say what file it is: one without a type, which knows just this
 * of ntmem's calls only to refuse it, or that its process has ended.
 */
static bool acts_as_space(int fd)
{
	struct ntmem_open_space none = { .flags = ~0U };
	struct stat now;

	return !fstat(fd, &now) && !(now.st_mode & S_IFMT) &&
	       ioctl(fd, NTMEM_IOC_OPEN_SPACE, &none) &&
	       (errno == EOPNOTSUPP || errno == EIO);
}

bool ntmem_is_space(int fd)
{
	char path[32], link[sizeof(LINK)];
	ssize_t length;

	if (fd < 0)
		return false;
	path_of(path, fd);
	length = readlink(path, link, sizeof(link));
	if (length < 0)
		return acts_as_space(fd);
	return length == sizeof(LINK) - 1 &&
	       !memcmp(link, LINK, sizeof(LINK) - 1);
}

/* A program may have closed it, and the number be another file's. */
static void close_space(int fd)
{
	if (ntmem_is_space(fd))
		close(fd);
}

void ntmem_kernel_space_close(void)
{
	close_space(__atomic_exchange_n(&space, NOT_OPEN, __ATOMIC_ACQ_REL));
}

void ntmem_kernel_space_open(int device)
{
	struct ntmem_open_space open = { 0 };
	int fd = NOT_OPEN;

	/* Before the new one can have its number. */
	ntmem_kernel_space_close();
	if (!ioctl(device, NTMEM_IOC_OPEN_SPACE, &open))
		fd = ntmem_highfd(open.fd);
	close_space(__atomic_exchange_n(&space, fd, __ATOMIC_ACQ_REL));
	/* What is told last is what is kept, whoever else comes by here. */
	do {
		fd = __atomic_load_n(&space, __ATOMIC_ACQUIRE);
		ntmem_beacon_space(fd);
	} while (__atomic_load_n(&space, __ATOMIC_ACQUIRE) != fd);
}
