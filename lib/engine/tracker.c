// SPDX-License-Identifier: MIT
/*
 * Written pages by userfaultfd and PAGEMAP_SCAN. See tracker.h.
 *
 * Both have a file descriptor, which the program may close, or put another file
 * under its number. The first one's end is the end of all tracking, so that it
 * begins anew with all pages that are there written.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/highfd.h"
#include "engine/page.h"
#include "engine/pagemap_scan.h"
#include "engine/tracker.h"

/* A descriptor, and how to know its file again. */
struct own_file {
	int fd;
	dev_t dev;
	ino_t ino;
};

static struct own_file faults = { .fd = -1 };
static struct own_file pagemap = { .fd = -1 };

static bool is_ours(const struct own_file *own)
{
	struct stat now;

	return own->fd >= 0 && !fstat(own->fd, &now) &&
	       now.st_dev == own->dev && now.st_ino == own->ino;
}

static int keep(struct own_file *own, int fd)
{
	struct stat now;

	fd = ntmem_highfd(fd);
	if (fstat(fd, &now)) {
		close(fd);
		return -EBADF;
	}
	*own = (struct own_file){ fd, now.st_dev, now.st_ino };
	return 0;
}

static int open_faults(void)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = WP_UNPOPULATED | WP_ASYNC,
	};
	/* Which is allowed to all: no fault of the kernel's is to be handled. */
	long fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd < 0)
		return -errno;
	if (ioctl((int)fd, UFFDIO_API, &api)) {
		close((int)fd);
		return -EOPNOTSUPP;
	}
	return keep(&faults, (int)fd);
}

static int open_pagemap(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : keep(&pagemap, fd);
}

static int call_scan(struct pagemap_scan *scan)
{
	int found = ioctl(pagemap.fd, SCAN_IOCTL, scan);
	int error = found < 0 ? -errno : 0;

	if (!error || is_ours(&pagemap))
		return error ? error : found;
	error = open_pagemap();
	if (error)
		return error;
	found = ioctl(pagemap.fd, SCAN_IOCTL, scan);
	return found < 0 ? -errno : found;
}

/*
 * Is it the page of zeroes that comes by reading? A kernel without one, as some
 * virtual machines have it, has such pages written, for all that it tells.
 */
static bool reads_zero_page(void)
{
	struct pagemap_range zero = { 0 };
	struct pagemap_scan call = {
		.size = sizeof(call), .vec = (uintptr_t)&zero, .vec_len = 1,
		.category_mask = PAGE_ZERO, .return_mask = PAGE_ZERO,
	};
	char *page = mmap(NULL, PAGE_BYTES, PROT_READ,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool reads;

	if (page == MAP_FAILED)
		return false;
	(void)*(volatile char *)page;
	call.start = (uintptr_t)page;
	call.end = call.start + PAGE_BYTES;
	reads = call_scan(&call) == 1;
	munmap(page, PAGE_BYTES);
	return reads;
}

static void leave(struct own_file *own)
{
	if (is_ours(own))
		close(own->fd);
	own->fd = -1;
}

void ntmem_tracker_leave(void)
{
	leave(&faults);
	leave(&pagemap);
}

int ntmem_tracker_open(void)
{
	static bool can_tell;
	int error = 0;

	if (!is_ours(&faults))
		error = open_faults();
	if (!error && !is_ours(&pagemap))
		error = open_pagemap();
	if (error || can_tell)
		return error;
	can_tell = reads_zero_page();
	if (can_tell)
		return 0;
	ntmem_tracker_leave();
	return -EOPNOTSUPP;
}

int ntmem_tracker_add(uint64_t start, uint64_t end)
{
	struct uffdio_register range = {
		.range = { .start = start, .len = end - start },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	int error = ntmem_tracker_open();

	if (error)
		return error;
	return ioctl(faults.fd, UFFDIO_REGISTER, &range) ? -errno : 0;
}

void ntmem_tracker_remove(uint64_t start, uint64_t end)
{
	struct uffdio_range range = { .start = start, .len = end - start };

	if (is_ours(&faults))
		ioctl(faults.fd, UFFDIO_UNREGISTER, &range);
}

int ntmem_tracker_scan(struct ntmem_scan *scan)
{
	struct pagemap_scan call = {
		.size = sizeof(call),
		.flags = SCAN_CHECK | (scan->reset ? SCAN_PROTECT : 0),
		.start = scan->start,
		.end = scan->end,
		.vec = (uintptr_t)scan->written,
		.vec_len = NTMEM_SCAN_ROOM,
		.max_pages = scan->pages,
		.category_inverted = PAGE_ZERO,
		.category_mask = PAGE_WRITTEN | PAGE_ZERO,
		.category_anyof_mask = PAGE_PRESENT | PAGE_SWAPPED,
		.return_mask = PAGE_WRITTEN,
	};
	int found;

	memset(scan->written, 0, sizeof(scan->written));
	found = call_scan(&call);
	if (found < 0)
		return found;
	scan->count = (unsigned int)found;
	scan->start = call.walk_end;
	return 0;
}

int ntmem_tracker_reset(uint64_t start, uint64_t end)
{
	struct ntmem_scan found = {
		.start = start, .end = end, .reset = true,
	};
	int error = 0;

	while (!error && found.start < end)
		error = ntmem_tracker_scan(&found);
	return error;
}
