// SPDX-License-Identifier: MIT
/*
 * System calls of memory management on memory that ntmem manages, or that it
 * managed a moment ago.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fuzz.h"

/* Since 6.7; Debian 12's headers do not know it. */
struct scan_arg {
	u64 size, flags, start, end, walk_end, vec, vec_len, max_pages;
	u64 category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define PAGEMAP_SCAN		_IOWR('f', 16, struct scan_arg)
#define SCAN_WP_MATCHING	1
#define SCAN_IS_WRITTEN		2
#define WP_ASYNC		(1 << 15)

#define CLEAR_REFS_SOFT_DIRTY	"4"

/* What brings every page of a range is not for large ones: it takes minutes. */
static bool modest(u64 size)
{
	return size <= 4 << 20;
}

static bool all_modest(void)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		if (!modest(slots[i].end - slots[i].start))
			return false;
	return true;
}

int mm_range(const struct op *op)
{
	static unsigned char vector[4096];
	const char *name = op_kinds[op->code].name;
	u64 addr = arg_address(&op->arg[0]) & -PAGE, size = op->arg[1].value;
	void *p = (void *)(uintptr_t)addr;
	int kind = op->arg[2].value;
	int error;

	if (!strcmp(name, "munmap")) {
		if (!memory_is_expendable(addr, size))
			return EINVAL;
		error = result_of(munmap(p, size));
		oracle_resync();
	} else if (!strcmp(name, "mprotect")) {
		error = result_of(mprotect(p, size, kind & 7));
	} else if (!strcmp(name, "madvise")) {
		if (!memory_is_expendable(addr, size) || !modest(size))
			return EINVAL;
		error = result_of(madvise(p, size, kind));
	} else if (!strcmp(name, "mlock")) {
		if (!modest(size))
			return EINVAL;
		error = result_of(kind & 1 ? mlock2(p, size, MLOCK_ONFAULT) :
					     mlock(p, size));
	} else if (!strcmp(name, "munlock")) {
		error = result_of(munlock(p, size));
	} else if (!strcmp(name, "msync")) {
		error = result_of(msync(p, size, kind & 7));
	} else if (!strcmp(name, "remap-pages")) {
		error = result_of(syscall(SYS_remap_file_pages, p, size, 0,
					  kind & 3, 0));
	} else {
		if (size > sizeof(vector) * PAGE)
			size = sizeof(vector) * PAGE;
		error = result_of(mincore(p, size, vector));
	}
	return error;
}

int mm_mremap(const struct op *op)
{
	u64 addr = arg_address(&op->arg[0]) & -PAGE;
	u64 to = arg_address(&op->arg[4]) & -PAGE;
	u64 size = op->arg[2].value;
	void *result;

	if (!memory_is_expendable(addr, op->arg[1].value) ||
	    !memory_is_expendable(to, size))
		return EINVAL;
	result = mremap((void *)(uintptr_t)addr, op->arg[1].value, size,
			op->arg[3].value & 7, (void *)(uintptr_t)to);
	oracle_resync();
	return result == MAP_FAILED ? errno : 0;
}

/* A mapping of somebody else, beside ntmem's or over it. */
int mm_mmap(const struct op *op)
{
	u64 addr = arg_address(&op->arg[0]) & -PAGE, size = op->arg[1].value;
	int kind = op->arg[2].value;
	int flags = kind & 1 ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	void *result;

	if (!memory_is_expendable(addr, size) || size > 64 << 20)
		return EINVAL;
	flags |= kind & 2 ? MAP_SHARED : MAP_PRIVATE;
	if (kind & 4)
		flags |= MAP_NORESERVE;
	result = mmap((void *)(uintptr_t)addr, size, op->arg[3].value & 7,
		      flags | MAP_ANONYMOUS, -1, 0);
	oracle_resync();
	return result == MAP_FAILED ? errno : 0;
}

int mm_lockall(const struct op *op)
{
	if (op->arg[0].value & 4)
		return result_of(munlockall());
	if (!all_modest())
		return EINVAL;
	return result_of(mlockall((op->arg[0].value & 3) | MCL_ONFAULT));
}

/* Reads, or writes, what /proc tells of the address space. */
int mm_proc(const struct op *op)
{
	static const char *const files[] = {
		"maps", "smaps", "smaps_rollup", "numa_maps", "clear_refs",
		"status", "statm", "clear_refs",
	};
	unsigned int kind = op->arg[0].value & 7;
	char path[64], text[4096];
	int fd, error = 0;
	long n = 1;

	snprintf(path, sizeof(path), "/proc/thread-self/%s", files[kind]);
	fd = open(path, (kind & 3 ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (fd < 0 && kind == 4)
		fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	if (kind == 7)
		fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (kind == 4 || kind == 7)
		error = result_of(write(fd, kind == 4 ? CLEAR_REFS_SOFT_DIRTY :
							"1", 1));
	else
		while (n > 0)
			n = read(fd, text, sizeof(text));
	close(fd);
	return error;
}

/* The pagemap of a range, by reading or by PAGEMAP_SCAN. */
int mm_scan(const struct op *op)
{
	u64 addr = arg_address(&op->arg[0]) & -PAGE, size = op->arg[1].value;
	u64 kind = op->arg[2].value, words[256];
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct scan_arg arg = {
		.size = sizeof(arg), .start = addr,
		.end = addr + (size & -PAGE),
		.flags = kind & 3, .vec = (uintptr_t)words, .vec_len = 16,
		.category_anyof_mask = kind & 4 ? SCAN_IS_WRITTEN : ~0ULL >> 57,
		.return_mask = SCAN_IS_WRITTEN,
	};
	int error;

	if (fd < 0)
		return errno;
	if (kind & 1)
		error = result_of(ioctl(fd, PAGEMAP_SCAN, &arg));
	else
		error = result_of(pread(fd, words, sizeof(words),
					addr / PAGE * 8));
	close(fd);
	return error;
}

/* ---------------------------------------------------------- userfaultfd --- */

static atomic_int userfault = -1;

/* Of modes that block no access: there is nobody here to resolve one. */
static int userfault_open(void)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = UFFD_FEATURE_SIGBUS | WP_ASYNC,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api)) {
		close(fd);
		fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
		api = (struct uffdio_api){
			.api = UFFD_API, .features = UFFD_FEATURE_SIGBUS,
		};
		if (fd >= 0 && ioctl(fd, UFFDIO_API, &api)) {
			close(fd);
			fd = -1;
		}
	}
	return fd;
}

int mm_uffd(const struct op *op)
{
	u64 addr = arg_address(&op->arg[0]) & -PAGE;
	u64 size = op->arg[1].value & -PAGE;
	unsigned int kind = op->arg[2].value & 7;
	struct uffdio_register reg = { .range = { addr, size } };
	struct uffdio_writeprotect protect = { .range = { addr, size } };
	int none = -1, fd = atomic_load(&userfault);

	if (!memory_is_expendable(addr, size))
		return EINVAL;
	if (fd < 0) {
		fd = userfault_open();
		if (fd < 0)
			return errno;
		if (!atomic_compare_exchange_strong(&userfault, &none, fd)) {
			close(fd);
			fd = none;
		}
	}
	switch (kind) {
	case 0:
	case 1:
	case 2:
		reg.mode = kind ? UFFDIO_REGISTER_MODE_WP :
				  UFFDIO_REGISTER_MODE_MISSING |
				  UFFDIO_REGISTER_MODE_WP;
		return result_of(ioctl(fd, UFFDIO_REGISTER, &reg));
	case 3:
	case 4:
	case 5:
		if (kind != 5)
			protect.mode = UFFDIO_WRITEPROTECT_MODE_WP;
		return result_of(ioctl(fd, UFFDIO_WRITEPROTECT, &protect));
	case 6:
		return result_of(ioctl(fd, UFFDIO_UNREGISTER, &reg.range));
	default:
		atomic_store(&userfault, -1);
		close(fd);
		return 0;
	}
}
