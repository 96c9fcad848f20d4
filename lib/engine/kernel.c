// SPDX-License-Identifier: MIT
/*
 * The kernel engine: each operation is the ioctl of the same name.
 *
 * The file descriptor of /dev/ntmem is the process's one resource here. It is
 * kept at a high number, out of the way of programs that close or count on
 * the low ones. It is replaced when it stopped working: after fork, where the
 * child inherited its parent's (EIO), or when the program closed it (EBADF,
 * or whatever another file under its number says).
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/highfd.h"

#define DEVICE		"/dev/ntmem"
#define NOT_OPEN	(-1)

static int device = NOT_OPEN;

static int check_version(int fd)
{
	struct ntmem_info info;

	if (ioctl(fd, NTMEM_IOC_INFO, &info))
		return -errno;
	return info.version == NTMEM_API_VERSION ? 0 : -EOPNOTSUPP;
}

/* A checked descriptor of the device, or a negative errno. */
static int open_device(void)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	error = check_version(fd);
	if (error) {
		close(fd);
		return error;
	}
	return ntmem_highfd(fd);
}

/*
 * Replaces the descriptor stale, unless another thread has done so. Async
 * signal safe, as QUERY and LAST_FAULT must be.
 */
static int reopen(int stale, int error)
{
	int fd = open_device();

	if (fd < 0)
		return fd;
	/* An inherited descriptor of ours makes way; a stranger's stays. */
	if (error == EIO && stale >= 0 && dup3(fd, stale, O_CLOEXEC) == stale) {
		close(fd);
		return 0;
	}
	if (!__atomic_compare_exchange_n(&device, &stale, fd, 0,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		close(fd);
	return 0;
}

static int call(unsigned long request, void *arg)
{
	int saved_errno = errno;
	int fd = __atomic_load_n(&device, __ATOMIC_ACQUIRE);
	int error = ioctl(fd, request, arg) ? errno : 0;

	/* Is it the device that is closed, or a handle in the argument? */
	if (error == EBADF && !check_version(fd)) {
		errno = saved_errno;
		return -EBADF;
	}
	if (error == EIO || error == EBADF || error == ENOTTY) {
		if (!reopen(fd, error)) {
			fd = __atomic_load_n(&device, __ATOMIC_ACQUIRE);
			error = ioctl(fd, request, arg) ? errno : 0;
		}
	}
	errno = saved_errno;
	return -error;
}

/* For the ioctls that only read their argument. */
static int call_const(unsigned long request, const void *arg)
{
	return call(request, (void *)(unsigned long)arg);
}

static int kernel_info(struct ntmem_info *info)
{
	return call(NTMEM_IOC_INFO, info);
}

static int kernel_reserve(struct ntmem_reserve *reserve)
{
	return call(NTMEM_IOC_RESERVE, reserve);
}

static int kernel_commit(const struct ntmem_range *range)
{
	return call_const(NTMEM_IOC_COMMIT, range);
}

static int kernel_decommit(const struct ntmem_range *range)
{
	return call_const(NTMEM_IOC_DECOMMIT, range);
}

static int kernel_release(const struct ntmem_range *range)
{
	return call_const(NTMEM_IOC_RELEASE, range);
}

static int kernel_protect(struct ntmem_protect *protect)
{
	return call(NTMEM_IOC_PROTECT, protect);
}

static int kernel_query(struct ntmem_query *query)
{
	return call(NTMEM_IOC_QUERY, query);
}

static int kernel_lock(const struct ntmem_range *range)
{
	return call_const(NTMEM_IOC_LOCK, range);
}

static int kernel_unlock(const struct ntmem_range *range)
{
	return call_const(NTMEM_IOC_UNLOCK, range);
}

static int kernel_reset(const struct ntmem_range *range)
{
	return call_const(NTMEM_IOC_RESET, range);
}

static int kernel_reset_undo(const struct ntmem_range *range)
{
	return call_const(NTMEM_IOC_RESET_UNDO, range);
}

static int kernel_set_granularity(const struct ntmem_granularity *granularity)
{
	return call_const(NTMEM_IOC_SET_GRANULARITY, granularity);
}

static int kernel_batch(struct ntmem_batch *batch)
{
	return call(NTMEM_IOC_BATCH, batch);
}

static int kernel_last_fault(struct ntmem_fault *fault)
{
	return call(NTMEM_IOC_LAST_FAULT, fault);
}

static int kernel_watch(struct ntmem_watch *watch)
{
	return call(NTMEM_IOC_WATCH, watch);
}

static int kernel_create_section(struct ntmem_section *section)
{
	return call(NTMEM_IOC_CREATE_SECTION, section);
}

static int kernel_open_section(struct ntmem_section *section)
{
	return call(NTMEM_IOC_OPEN_SECTION, section);
}

static int kernel_query_section(struct ntmem_section *section)
{
	return call(NTMEM_IOC_QUERY_SECTION, section);
}

static int kernel_map_view(struct ntmem_map_view *view)
{
	return call(NTMEM_IOC_MAP_VIEW, view);
}

static int kernel_unmap_view(const struct ntmem_unmap_view *unmap)
{
	return call_const(NTMEM_IOC_UNMAP_VIEW, unmap);
}

#define DROPS	64

/* All in as few calls as there are times DROPS. */
static int kernel_drop(const struct ntmem_range *ranges, unsigned int count)
{
	struct ntmem_op ops[DROPS];
	struct ntmem_batch batch = { .ops = (unsigned long)ops };
	unsigned int i;
	int error = 0;

	for (; count && !error; ranges += batch.count, count -= batch.count) {
		batch.count = count < DROPS ? count : DROPS;
		memset(ops, 0, batch.count * sizeof(*ops));
		for (i = 0; i < batch.count; i++) {
			ops[i].op = NTMEM_NR_DECOMMIT;
			ops[i].range = ranges[i];
		}
		error = kernel_batch(&batch);
		for (i = 0; i < batch.count && !error; i++)
			error = ops[i].status;
	}
	return error;
}

static const struct ntmem_engine kernel_engine = {
	.name = "kernel",
	.info = kernel_info,
	.reserve = kernel_reserve,
	.commit = kernel_commit,
	.decommit = kernel_decommit,
	.release = kernel_release,
	.protect = kernel_protect,
	.query = kernel_query,
	.lock = kernel_lock,
	.unlock = kernel_unlock,
	.reset = kernel_reset,
	.reset_undo = kernel_reset_undo,
	.set_granularity = kernel_set_granularity,
	.batch = kernel_batch,
	.last_fault = kernel_last_fault,
	.watch = kernel_watch,
	.create_section = kernel_create_section,
	.open_section = kernel_open_section,
	.query_section = kernel_query_section,
	.map_view = kernel_map_view,
	.unmap_view = kernel_unmap_view,
	.drop = kernel_drop,
	.drop_decommits = true,
};

const struct ntmem_engine *ntmem_engine_open_kernel(int *error)
{
	int saved_errno = errno;

	*error = 0;
	if (__atomic_load_n(&device, __ATOMIC_ACQUIRE) == NOT_OPEN)
		*error = reopen(NOT_OPEN, EBADF);
	errno = saved_errno;
	return *error ? NULL : &kernel_engine;
}
