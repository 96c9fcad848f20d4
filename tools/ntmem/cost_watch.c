// SPDX-License-Identifier: MIT
/*
 * Which pages were written to, in three ways: ntmem's write watch; userfaultfd's
 * asynchronous write protection with PAGEMAP_SCAN, where Linux has it (6.7);
 * and mprotect with a handler of SIGSEGV, as it is done anywhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cost.h"
#include "engine/pagemap_scan.h"

/* ---- ntmem ---- */

static int ntmem_map_watched(struct cost_area *area)
{
	struct ntmem_reserve wish = {
		.size = area->size, .prot = NTMEM_PAGE_READWRITE,
		.align = COST_HUGE,
		.flags = NTMEM_RESERVE_COMMIT | NTMEM_RESERVE_WATCH,
	};
	int error = cost_engine->reserve(&wish);

	area->base = error ? NULL : (char *)(uintptr_t)wish.addr;
	return error;
}

static int ntmem_written(const struct cost_area *area, uint64_t *pages,
			 size_t *count)
{
	struct ntmem_watch watch = {
		.addr = cost_number(area->base), .size = area->size,
		.pages = (uintptr_t)pages, .count = *count,
		.flags = NTMEM_WATCH_RESET,
	};
	int error = cost_engine->watch(&watch);

	*count = watch.count;
	return error;
}

const struct cost_way cost_ntmem_watch = {
	.name = "ntmem", .what = "ntmem", .map = ntmem_map_watched,
	.unmap = cost_ntmem_unmap, .written = ntmem_written,
};

/* ---- userfaultfd ---- */

static int uffd = -1, pagemap = -1;

static int uffd_open(void)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = WP_UNPOPULATED | WP_ASYNC,
	};

	uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (uffd < 0)
		return -errno;
	if (ioctl(uffd, UFFDIO_API, &api))
		return -errno;
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	return pagemap < 0 ? -errno : 0;
}

static void uffd_close(void)
{
	if (uffd >= 0)
		close(uffd);
	if (pagemap >= 0)
		close(pagemap);
	uffd = -1;
	pagemap = -1;
}

static int map_private(struct cost_area *area)
{
	area->base = mmap(NULL, area->size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (area->base == MAP_FAILED)
		return -errno;
	madvise(area->base, area->size, MADV_NOHUGEPAGE);
	return 0;
}

static int uffd_map(struct cost_area *area)
{
	struct uffdio_register range = {
		.range.len = area->size, .mode = UFFDIO_REGISTER_MODE_WP,
	};
	int error = uffd_open();

	error = error ? error : map_private(area);
	if (error) {
		uffd_close();
		return error;
	}
	range.range.start = cost_number(area->base);
	if (!ioctl(uffd, UFFDIO_REGISTER, &range))
		return 0;
	error = -errno;
	munmap(area->base, area->size);
	uffd_close();
	return error;
}

static void uffd_unmap(struct cost_area *area)
{
	munmap(area->base, area->size);
	uffd_close();
}

static int uffd_written(const struct cost_area *area, uint64_t *pages,
			size_t *count)
{
	static struct pagemap_range ranges[4096];
	struct pagemap_scan scan = {
		.size = sizeof(scan), .start = cost_number(area->base),
		.end = cost_number(area->base) + area->size,
		.flags = SCAN_PROTECT | SCAN_CHECK,
		.vec = (uintptr_t)ranges, .vec_len = 4096,
		.category_mask = PAGE_WRITTEN, .return_mask = PAGE_WRITTEN,
	};
	size_t found = 0;
	long got;

	while (scan.start < scan.end) {
		got = ioctl(pagemap, SCAN_IOCTL, &scan);
		if (got < 0)
			return -errno;
		for (long i = 0; i < got; i++)
			for (uint64_t at = ranges[i].start;
			     at < ranges[i].end && found < *count;
			     at += COST_PAGE)
				pages[found++] = at;
		scan.start = scan.walk_end;
	}
	*count = found;
	return 0;
}

const struct cost_way cost_linux_uffd = {
	.name = "linux-uffd", .what = "userfaultfd, PAGEMAP_SCAN",
	.map = uffd_map, .unmap = uffd_unmap, .written = uffd_written,
};

/* ---- mprotect ---- */

static struct {
	struct sigaction before;
	uint64_t *pages;
	size_t count, room;
} caught;

static void on_write(int sig, siginfo_t *info, void *context)
{
	uint64_t page = cost_number(info->si_addr) & -COST_PAGE;

	(void)sig;
	(void)context;
	if (caught.count == caught.room ||
	    mprotect((void *)(uintptr_t)page, COST_PAGE,
		     PROT_READ | PROT_WRITE))
		abort();
	caught.pages[caught.count++] = page;
}

static int segv_map(struct cost_area *area)
{
	struct sigaction action = {
		.sa_sigaction = on_write, .sa_flags = SA_SIGINFO,
	};
	int error = map_private(area);

	if (error)
		return error;
	caught.room = area->size / COST_PAGE;
	caught.count = 0;
	caught.pages = calloc(caught.room, sizeof(*caught.pages));
	if (!caught.pages)
		abort();
	sigaction(SIGSEGV, &action, &caught.before);
	return 0;
}

static void segv_unmap(struct cost_area *area)
{
	sigaction(SIGSEGV, &caught.before, NULL);
	free(caught.pages);
	munmap(area->base, area->size);
}

static int by_address(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static int segv_written(const struct cost_area *area, uint64_t *pages,
			size_t *count)
{
	if (mprotect(area->base, area->size, PROT_READ))
		return -errno;
	if (caught.count < *count)
		*count = caught.count;
	memcpy(pages, caught.pages, *count * sizeof(*pages));
	qsort(pages, *count, sizeof(*pages), by_address);
	caught.count = 0;
	return 0;
}

const struct cost_way cost_linux_segv = {
	.name = "linux-segv", .what = "mprotect, SIGSEGV",
	.map = segv_map, .unmap = segv_unmap, .written = segv_written,
};
