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

static uint64_t number(const char *at)
{
	return (uint64_t)(uintptr_t)at;
}

/* ---- ntmem ---- */

static const struct ntmem_engine *engine;

void cost_watch_use(const struct ntmem_engine *chosen)
{
	engine = chosen;
}

static int ntmem_map_watched(struct cost_area *area)
{
	struct ntmem_reserve wish = {
		.size = area->size, .prot = NTMEM_PAGE_READWRITE,
		.align = COST_HUGE,
		.flags = NTMEM_RESERVE_COMMIT | NTMEM_RESERVE_WATCH,
	};
	int error = engine->reserve(&wish);

	area->base = error ? NULL : (char *)(uintptr_t)wish.addr;
	return error;
}

static void ntmem_unmap_watched(struct cost_area *area)
{
	struct ntmem_range range = { .addr = number(area->base) };

	engine->release(&range);
}

static int ntmem_written(const struct cost_area *area, uint64_t *pages,
			 size_t *count)
{
	struct ntmem_watch watch = {
		.addr = number(area->base), .size = area->size,
		.pages = (uintptr_t)pages, .count = *count,
		.flags = NTMEM_WATCH_RESET,
	};
	int error = engine->watch(&watch);

	*count = watch.count;
	return error;
}

const struct cost_way cost_ntmem_watch = {
	.name = "ntmem", .what = "ntmem", .map = ntmem_map_watched,
	.unmap = ntmem_unmap_watched, .written = ntmem_written,
};

/* ---- userfaultfd: headers older than Linux 6.7 do not have all of it ---- */

#define UFFD_WP_UNPOPULATED	(1 << 13)
#define UFFD_WP_ASYNC		(1 << 15)

struct scan_range {
	uint64_t start, end, categories;
};

struct scan_request {
	uint64_t size, flags, start, end, walk_end;
	uint64_t ranges, range_count, max_pages;
	uint64_t inverted, all_of, any_of, returned;
};

#define SCAN_REQUEST _IOWR('f', 16, struct scan_request)
#define SCAN_WRITE_PROTECT	(1 << 0)
#define SCAN_CHECK_ASYNC	(1 << 1)
#define SCAN_IS_WRITTEN		(1 << 1)

static int uffd = -1, pagemap = -1;

static int uffd_open(void)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = UFFD_WP_UNPOPULATED | UFFD_WP_ASYNC,
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
	range.range.start = number(area->base);
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
	static struct scan_range ranges[4096];
	struct scan_request scan = {
		.size = sizeof(scan), .start = number(area->base),
		.end = number(area->base) + area->size,
		.flags = SCAN_WRITE_PROTECT | SCAN_CHECK_ASYNC,
		.ranges = (uintptr_t)ranges, .range_count = 4096,
		.all_of = SCAN_IS_WRITTEN, .returned = SCAN_IS_WRITTEN,
	};
	size_t found = 0;
	long got;

	while (scan.start < scan.end) {
		got = ioctl(pagemap, SCAN_REQUEST, &scan);
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
	uint64_t page = number(info->si_addr) & -COST_PAGE;

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

/* ---- the work: some pages are written to, and told ---- */

static uint64_t told[262144];

/* All pages are there, and all are taken for not written. */
static int watch_prepare(struct cost_cell *cell)
{
	size_t size = cell->row->size, count = size / COST_PAGE;
	int error;

	cell->area.size = size;
	error = cell->way->map(&cell->area);
	if (error) {
		cell->area.base = NULL;
		return error;
	}
	for (size_t i = 0; i < count; i++)
		((volatile char *)cell->area.base)[i * COST_PAGE] = 1;
	return cell->way->written(&cell->area, told, &count);
}

/* Each turn has pages of its own: an odd factor takes each page once. */
static int watch_once(struct cost_cell *cell, unsigned int turn,
		      int64_t *ticks)
{
	size_t pages = cell->row->size / COST_PAGE, count = pages;
	size_t from_page = (size_t)turn * cell->row->touched;
	volatile char *base = cell->area.base;
	int64_t from = cost_now();
	int error;

	for (size_t i = from_page; i < from_page + cell->row->touched; i++)
		base[(i * 40503 + 9973) % pages * COST_PAGE] = 2;
	error = cell->way->written(&cell->area, told, &count);
	*ticks = cost_since(from);
	if (!error && count != cell->row->touched)
		error = -EILSEQ;
	return error;
}

static void watch_finish(struct cost_cell *cell)
{
	if (cell->area.base)
		cell->way->unmap(&cell->area);
	cell->area.base = NULL;
}

const struct cost_work cost_watch = {
	watch_prepare, watch_once, watch_finish
};
