// SPDX-License-Identifier: MIT
/*
 * The kernel engine: each operation is the ioctl of the same name. Views of
 * files are plain mappings, which the module does not know: what is done to
 * them, by address, or to their sections, by descriptor, goes to embedded_file.c
 * and its neighbours. A BATCH knows nothing of them.
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
#include <sys/stat.h>
#include <unistd.h>

#include "engine/embedded.h"
#include "engine/engine.h"
#include "engine/env.h"
#include "engine/forkorder.h"
#include "engine/highfd.h"
#include "engine/kernel_space.h"
#include "engine/section.h"

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

/* Do both lead to the device? */
static bool is_same_device(int fd, int other)
{
	struct stat one, two;

	return !fstat(fd, &one) && !fstat(other, &two) &&
	       S_ISCHR(two.st_mode) && one.st_rdev == two.st_rdev;
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
	if (error == EIO && is_same_device(fd, stale) &&
	    dup3(fd, stale, O_CLOEXEC) == stale) {
		close(fd);
		ntmem_kernel_space_open(stale);
		return 0;
	}
	if (__atomic_compare_exchange_n(&device, &stale, fd, 0,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		ntmem_kernel_space_open(fd);
	else
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

/* In a view of a file, which the other engine has: few programs make any. */
static inline bool in_file_view(uint64_t addr)
{
	return __builtin_expect(__atomic_load_n(&embedded.views,
						__ATOMIC_RELAXED) != 0, 0) &&
	       embedded_has_view(addr);
}

static int on_range(unsigned long request,
		    int (*embedded_call)(const struct ntmem_range *range),
		    const struct ntmem_range *range)
{
	if (in_file_view(range->addr))
		return embedded_call(range);
	return call_const(request, range);
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
	return on_range(NTMEM_IOC_COMMIT, embedded_commit, range);
}

static int kernel_decommit(const struct ntmem_range *range)
{
	return on_range(NTMEM_IOC_DECOMMIT, embedded_decommit, range);
}

static int kernel_release(const struct ntmem_range *range)
{
	return on_range(NTMEM_IOC_RELEASE, embedded_release, range);
}

static int kernel_protect(struct ntmem_protect *protect)
{
	if (in_file_view(protect->addr))
		return embedded_protect(protect);
	return call(NTMEM_IOC_PROTECT, protect);
}

static int kernel_query(struct ntmem_query *query)
{
	if (in_file_view(query->addr))
		return embedded_query(query);
	return call(NTMEM_IOC_QUERY, query);
}

static int kernel_lock(const struct ntmem_range *range)
{
	return on_range(NTMEM_IOC_LOCK, embedded_lock_pages, range);
}

static int kernel_unlock(const struct ntmem_range *range)
{
	return on_range(NTMEM_IOC_UNLOCK, embedded_unlock_pages, range);
}

static int kernel_reset(const struct ntmem_range *range)
{
	return on_range(NTMEM_IOC_RESET, embedded_reset, range);
}

static int kernel_reset_undo(const struct ntmem_range *range)
{
	return on_range(NTMEM_IOC_RESET_UNDO, embedded_reset_undo, range);
}

static int kernel_set_granularity(const struct ntmem_granularity *granularity)
{
	int error = call_const(NTMEM_IOC_SET_GRANULARITY, granularity);

	return error ? error : embedded_set_granularity(granularity);
}

static int kernel_batch(struct ntmem_batch *batch)
{
	return call(NTMEM_IOC_BATCH, batch);
}

static int kernel_last_fault(struct ntmem_fault *fault)
{
	int error = call(NTMEM_IOC_LAST_FAULT, fault);

	if (error != -ENODATA ||
	    !__atomic_load_n(&embedded.views, __ATOMIC_RELAXED))
		return error;
	return embedded_last_fault(fault);
}

static int kernel_watch(struct ntmem_watch *watch)
{
	if (in_file_view(watch->addr))
		return embedded_watch(watch);
	return call(NTMEM_IOC_WATCH, watch);
}

/* ------------------------------------------------------------------------
 * A name is the module's, or that of a section of a file in the user's
 * directory. With that locked, who looks for a name finds it in both places
 * before it is made in one. Sections of the embedded engine's own are not ours.
 */

/* What is found there is told as the module would. */
static int tell_found(struct ntmem_section *section, int fd, uint32_t flags)
{
	if (fd < 0)
		return fd == -EEXIST ? -ENOENT : fd;
	section->flags = flags;
	embedded_tell_section(section, fd);
	section->fd = fd;
	return 0;
}

static int create_named(struct ntmem_section *section,
			const struct section_name *name)
{
	int dir = section_names_begin();
	int error = dir == -EOPNOTSUPP ? -ENOENT : dir;

	if (dir >= 0)
		error = tell_found(section,
				   embedded_open_found(dir, name, 0, true),
				   NTMEM_SECTION_EXISTED);
	if (error == -ENOENT)
		error = call(NTMEM_IOC_CREATE_SECTION, section);
	if (dir >= 0)
		section_names_end(dir);
	return error;
}

static int kernel_create_section(struct ntmem_section *section)
{
	int saved_errno = errno, error;
	struct section_name name;

	if (embedded_take_name(section->name, section->name_len, &name) ||
	    !name.len)
		return call(NTMEM_IOC_CREATE_SECTION, section);
	error = create_named(section, &name);
	errno = saved_errno;
	return error;
}

/* Of a name that the module does not know. */
static int open_of_file(struct ntmem_section *section)
{
	int saved_errno = errno, dir = section_names_begin(), error;
	struct section_name name;

	embedded_take_name(section->name, section->name_len, &name);
	error = dir == -EOPNOTSUPP ? -ENOENT : dir;
	if (dir >= 0) {
		error = tell_found(section,
				   embedded_open_found(dir, &name,
						       section->prot, true), 0);
		section_names_end(dir);
	}
	errno = saved_errno;
	return error;
}

static int kernel_open_section(struct ntmem_section *section)
{
	int error = call(NTMEM_IOC_OPEN_SECTION, section);

	if (error == -ENOENT)
		return open_of_file(section);
	if (error == -EBADF && embedded_is_file_section(section->fd))
		return embedded_open_section(section);
	return error;
}

/* What has the name of a section that is to be made of a file. */
static int find_name(const struct section_name *name, int dir)
{
	struct ntmem_section section = {
		.name = (uintptr_t)name->text, .name_len = name->len,
	};
	int error = call(NTMEM_IOC_OPEN_SECTION, &section);

	if (error == -ENOENT)
		return embedded_open_found(dir, name, 0, true);
	return error ? error : section.fd;
}

static int kernel_create_file_section(struct ntmem_file_section *section)
{
	return file_section_create(section, find_name);
}

/* ------------------------------------------------------------------------ */

static int kernel_query_section(struct ntmem_section *section)
{
	int error = call(NTMEM_IOC_QUERY_SECTION, section);

	if (error == -EBADF && embedded_is_file_section(section->fd))
		return embedded_query_section(section);
	return error;
}

/* For a view of a file, whose place a module that is older cannot give. */
static int take_placeholder(uint64_t addr, uint64_t size)
{
	struct ntmem_range range = {
		.addr = addr, .size = size, .flags = NTMEM_RELEASE_PLAIN,
	};
	int error = call(NTMEM_IOC_RELEASE, &range);

	return error == -EINVAL ? -EOPNOTSUPP : error;
}

static int give_placeholder(uint64_t addr, uint64_t size, uint32_t flags)
{
	struct ntmem_reserve reserve = {
		.addr = addr, .size = size, .prot = NTMEM_PAGE_NOACCESS,
		.flags = NTMEM_RESERVE_PLACEHOLDER | NTMEM_RESERVE_PLAIN |
			 flags,
	};

	return call(NTMEM_IOC_RESERVE, &reserve);
}

static const struct placeholder_source module_placeholders = {
	.take = take_placeholder,
	.give = give_placeholder,
};

static int kernel_map_view(struct ntmem_map_view *view)
{
	int error = call(NTMEM_IOC_MAP_VIEW, view);

	if (error != -EBADF || !embedded_is_file_section(view->fd))
		return error;
	return embedded_map_view(view);
}

static int kernel_unmap_view(const struct ntmem_unmap_view *unmap)
{
	if (in_file_view(unmap->addr))
		return embedded_unmap_view(unmap);
	return call_const(NTMEM_IOC_UNMAP_VIEW, unmap);
}

/* Through another process's handle: that is not reopened. */
static int kernel_remote(int space, unsigned long request, void *arg)
{
	int saved_errno = errno;
	int error = ioctl(space, request, arg) ? errno : 0;

	errno = saved_errno;
	return -error;
}

/* In a view that is not of a file, nothing has to be written. */
static int kernel_flush_view(const struct ntmem_range *range)
{
	struct ntmem_query query = { .addr = range->addr };
	int error;

	if (in_file_view(range->addr))
		return embedded_flush_view(range);
	error = kernel_query(&query);
	return error || query.type != NTMEM_TYPE_MAPPED ? -ENOENT : 0;
}

static void kernel_adopt_section(int fd)
{
	if (embedded_is_file_section(fd))
		embedded_adopt_section(fd);
}

static void kernel_close_section(int fd)
{
	if (!embedded_close_section(fd))
		close(fd);
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
	.remote = kernel_remote,
	.create_file_section = kernel_create_file_section,
	.flush_view = kernel_flush_view,
	.adopt_section = kernel_adopt_section,
	.close_section = kernel_close_section,
	.drop = kernel_drop,
	.drop_decommits = true,
};

/* A lower one that is set already, for a parent perhaps, stays. */
static int set_limit(void)
{
	uint64_t wanted = UINT64_MAX;
	struct ntmem_limit limit = { 0 };
	struct ntmem_info info;
	int error;

	if (!ntmem_env_size("NTMEM_COMMIT_LIMIT", &wanted))
		return -EINVAL;
	if (wanted == UINT64_MAX)
		return 0;
	limit.limit = wanted;
	error = kernel_info(&info);
	if (error)
		return error;
	if (!(info.features & NTMEM_FEATURE_LIMIT))
		return -EOPNOTSUPP;
	error = call_const(NTMEM_IOC_SET_LIMIT, &limit);
	return error == -EPERM ? 0 : error;
}

const struct ntmem_engine *ntmem_engine_open_kernel(int *error)
{
	int saved_errno = errno;

	*error = 0;
	if (__atomic_load_n(&device, __ATOMIC_ACQUIRE) == NOT_OPEN)
		*error = reopen(NOT_OPEN, EBADF);
	if (!*error)
		*error = set_limit();
	if (!*error)
		embedded.source = &module_placeholders;
	errno = saved_errno;
	return *error ? NULL : &kernel_engine;
}

/*
 * The handle of the parent's space is nothing for a child. Its own comes with the
 * first call, as its device does: most children soon execute another program.
 */
static void after_fork_in_child(void)
{
	ntmem_kernel_space_close();
}

__attribute__((constructor(FORK_ORDER_ENGINE)))
static void register_fork_handler(void)
{
	pthread_atfork(NULL, NULL, after_fork_in_child);
}
