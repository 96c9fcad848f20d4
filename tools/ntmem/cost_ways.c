// SPDX-License-Identifier: MIT
/*
 * The ways to do a piece of work: through ntmem's engine, or as Linux programs
 * do it. The work itself is written once, over this table, so that both are
 * measured by the same code.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cost.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

const struct ntmem_engine *cost_engine;
static struct ntmem_op batch_ops[COST_BATCH];

void cost_ways_use(const struct ntmem_engine *chosen)
{
	cost_engine = chosen;
}

/* ---- ntmem ---- */

static int ntmem_reserve(size_t size, char **base)
{
	struct ntmem_reserve wish = {
		.size = size, .prot = NTMEM_PAGE_READWRITE,
	};
	int error = cost_engine->reserve(&wish);

	*base = (char *)(uintptr_t)wish.addr;
	return error;
}

static int ntmem_release(char *base, size_t size)
{
	struct ntmem_range range = { .addr = cost_number(base) };

	(void)size;
	return cost_engine->release(&range);
}

static int ntmem_map(struct cost_area *area)
{
	struct ntmem_reserve wish = {
		.size = area->size, .prot = NTMEM_PAGE_READWRITE,
		.align = COST_HUGE,
	};
	int error = cost_engine->reserve(&wish);

	area->base = error ? NULL : (char *)(uintptr_t)wish.addr;
	return error;
}

void cost_ntmem_unmap(struct cost_area *area)
{
	ntmem_release(area->base, 0);
}

static int ntmem_commit(char *at, size_t size)
{
	struct ntmem_range range = {
		.addr = cost_number(at), .size = size, .prot = NTMEM_PAGE_READWRITE,
	};

	return cost_engine->commit(&range);
}

static int ntmem_commit_many(char *at, size_t size, unsigned int count)
{
	struct ntmem_batch batch = {
		.ops = cost_number((char *)batch_ops), .count = count,
		.flags = NTMEM_BATCH_STOP,
	};
	int error;

	for (unsigned int i = 0; i < count; i++) {
		struct ntmem_op *op = &batch_ops[i];

		op->op = NTMEM_NR_COMMIT;
		op->status = 0;
		op->range = (struct ntmem_range) {
			.addr = cost_number(at + i * COST_STRIDE * size),
			.size = size, .prot = NTMEM_PAGE_READWRITE,
		};
	}
	error = cost_engine->batch(&batch);
	return error ? error : batch_ops[batch.done - 1].status;
}

static int ntmem_decommit(char *at, size_t size)
{
	struct ntmem_range range = { .addr = cost_number(at), .size = size };

	return cost_engine->decommit(&range);
}

static int ntmem_protect(char *at, size_t size, bool writable)
{
	struct ntmem_protect protect = {
		.addr = cost_number(at), .size = size,
		.prot = writable ? NTMEM_PAGE_READWRITE : NTMEM_PAGE_READONLY,
	};

	return cost_engine->protect(&protect);
}

static int ntmem_query(const char *at)
{
	struct ntmem_query query = { .addr = cost_number(at) };

	return cost_engine->query(&query);
}

static int ntmem_null(void)
{
	struct ntmem_info info;

	return cost_engine->info(&info);
}

const struct cost_way cost_ntmem = {
	.name = "ntmem", .what = "ntmem",
	.reserve = ntmem_reserve, .release = ntmem_release,
	.map = ntmem_map, .unmap = cost_ntmem_unmap, .commit = ntmem_commit,
	.commit_many = ntmem_commit_many, .decommit = ntmem_decommit,
	.protect = ntmem_protect, .query = ntmem_query, .null = ntmem_null,
};

/* ---- Linux ---- */

#define MAP_AREA (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
#define RW (PROT_READ | PROT_WRITE)

static int linux_reserve(size_t size, char **base)
{
	*base = mmap(NULL, size, PROT_NONE, MAP_AREA, -1, 0);
	return *base == MAP_FAILED ? -errno : 0;
}

static int linux_release(char *base, size_t size)
{
	return munmap(base, size) ? -errno : 0;
}

/* A mapping with its base at a multiple of 2 MiB, for huge pages. */
static int map_aligned(struct cost_area *area)
{
	size_t room = area->size + COST_HUGE, front;
	char *map;
	int error = linux_reserve(room, &map);

	if (error)
		return error;
	front = -cost_number(map) % COST_HUGE;
	if (front)
		munmap(map, front);
	munmap(map + front + area->size, COST_HUGE - front);
	area->base = map + front;
	return 0;
}

static int map_advised(struct cost_area *area, int advice)
{
	int error = map_aligned(area);

	if (!error && madvise(area->base, area->size, advice)) {
		error = -errno;
		munmap(area->base, area->size);
	}
	return error;
}

static int linux_map(struct cost_area *area)
{
	return map_advised(area, MADV_NOHUGEPAGE);
}

static int thp_map(struct cost_area *area)
{
	return map_advised(area, MADV_HUGEPAGE);
}

static void linux_unmap(struct cost_area *area)
{
	munmap(area->base, area->size);
}

static int linux_commit(char *at, size_t size)
{
	return mprotect(at, size, RW) ? -errno : 0;
}

static int linux_commit_many(char *at, size_t size, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (mprotect(at + i * COST_STRIDE * size, size, RW))
			return -errno;
	return 0;
}

static int linux_decommit(char *at, size_t size)
{
	if (madvise(at, size, MADV_DONTNEED))
		return -errno;
	return mprotect(at, size, PROT_NONE) ? -errno : 0;
}

static int linux_protect(char *at, size_t size, bool writable)
{
	return mprotect(at, size, writable ? RW : PROT_READ) ? -errno : 0;
}

static int linux_populate(char *at, size_t size)
{
	return madvise(at, size, MADV_POPULATE_WRITE) ? -errno : 0;
}

static int linux_null(void)
{
	return syscall(SYS_getppid) < 0 ? -errno : 0;
}

#define LINUX_CALLS \
	.reserve = linux_reserve, .release = linux_release, \
	.unmap = linux_unmap, .commit = linux_commit, \
	.commit_many = linux_commit_many, .decommit = linux_decommit, \
	.protect = linux_protect, .null = linux_null

const struct cost_way cost_linux = {
	.name = "linux", .what = "mprotect, madvise", .map = linux_map,
	LINUX_CALLS,
};

const struct cost_way cost_linux_thp = {
	.name = "linux-thp", .what = "with MADV_HUGEPAGE",
	.map = thp_map, LINUX_CALLS,
};

const struct cost_way cost_linux_populate = {
	.name = "linux-populate", .what = "with MADV_POPULATE_WRITE",
	.map = linux_map, .populate = linux_populate, LINUX_CALLS,
};

/* ---- Linux, mapping and unmapping instead of protecting ---- */

/*
 * A new mapping would need a further call to keep huge pages out of it, so the
 * whole process does without them meanwhile.
 */
static int mmap_map(struct cost_area *area)
{
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	return map_aligned(area);
}

static void mmap_unmap(struct cost_area *area)
{
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	munmap(area->base, area->size);
}

static int mmap_commit(char *at, size_t size)
{
	void *got = mmap(at, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			 -1, 0);

	return got == MAP_FAILED ? -errno : 0;
}

static int mmap_decommit(char *at, size_t size)
{
	return munmap(at, size) ? -errno : 0;
}

const struct cost_way cost_linux_mmap = {
	.name = "linux-mmap", .what = "mmap, munmap",
	.map = mmap_map, .unmap = mmap_unmap,
	.commit = mmap_commit, .decommit = mmap_decommit,
};

/* ---- Linux, asking what is mapped ---- */

static char maps_text[64 * 1024];

static int maps_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	return fd;
}

static int maps_query(const char *at)
{
	off_t offset = 0;
	ssize_t got;

	(void)at;
	while ((got = pread(maps_fd(), maps_text, sizeof(maps_text),
			    offset)) > 0)
		offset += got;
	return got < 0 ? -errno : 0;
}

const struct cost_way cost_linux_maps = {
	.name = "linux-maps", .what = "reading /proc/self/maps",
	.map = linux_map, .query = maps_query, LINUX_CALLS,
};

/* <linux/fs.h> has this since Linux 6.11; older headers need it spelled. */
struct procmap_request {
	uint64_t size;
	uint64_t flags;
	uint64_t address;
	uint64_t start, end, access, page_size, offset, inode;
	uint32_t device_major, device_minor;
	uint32_t name_size, build_id_size;
	uint64_t name, build_id;
};

#define PROCMAP_REQUEST _IOWR('f', 17, struct procmap_request)

static int procmap_query(const char *at)
{
	struct procmap_request request = {
		.size = sizeof(request), .address = cost_number(at),
	};

	return ioctl(maps_fd(), PROCMAP_REQUEST, &request) ? -errno : 0;
}

const struct cost_way cost_linux_procmap = {
	.name = "linux-procmap", .what = "PROCMAP_QUERY",
	.map = linux_map, .query = procmap_query, LINUX_CALLS,
};
