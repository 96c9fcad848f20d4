// SPDX-License-Identifier: MIT
/*
 * Failures on order. See inject.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/pool.h"
#include "heap/meta.h"
#include "inject.h"

static struct {
	bool armed;
	bool all;		/* of this name, once the first was hit */
	bool hit;
	bool unmap;
	const char *name;
	enum inject_kind kind;
	unsigned int left;
	int error;
	pid_t thread;
} order;

static int64_t pool_bytes, meta_bytes, mapped_bytes;

void inject(enum inject_kind kind, unsigned int n, int error)
{
	order.all = false;
	order.hit = false;
	order.unmap = false;
	order.kind = kind;
	order.left = n;
	order.error = error;
	order.armed = true;
	__atomic_store_n(&order.thread, gettid(), __ATOMIC_RELAXED);
}

void inject_from(enum inject_kind kind, unsigned int n, int error)
{
	inject(kind, n, error);
	order.all = true;
}

bool inject_end(void)
{
	order.armed = false;
	return order.hit;
}

bool inject_hit_unmap(void)
{
	return order.hit && order.unmap;
}

int64_t inject_pool_bytes(void)
{
	return __atomic_load_n(&pool_bytes, __ATOMIC_RELAXED);
}

int64_t inject_meta_bytes(void)
{
	return __atomic_load_n(&meta_bytes, __ATOMIC_RELAXED);
}

int64_t inject_mapped_bytes(void)
{
	return __atomic_load_n(&mapped_bytes, __ATOMIC_RELAXED);
}

static void count(int64_t *counter, int64_t bytes)
{
	__atomic_fetch_add(counter, bytes, __ATOMIC_RELAXED);
}

/*
 * Is this the one? Only the thread that gave the order is meant. The name is
 * that of the function here.
 */
static bool fails(enum inject_kind kind, const char *name)
{
	if (__atomic_load_n(&order.thread, __ATOMIC_RELAXED) != gettid() ||
	    !order.armed || order.kind != kind)
		return false;
	if (order.hit)
		return order.name == name;
	if (--order.left)
		return false;
	order.armed = order.all;
	order.hit = true;
	order.name = name;
	return true;
}

/* They read the list of mappings, one way or the other. */
static const char reading[] = "read";

static bool call_fails(const char *name)
{
	if (!fails(INJECT_SYSTEM_CALL, name))
		return false;
	errno = order.error;
	return true;
}

/* ------------------------------------------------- the engine's table --- */

static const struct ntmem_engine *real;

#define OPERATION(name, type)						\
static int failing_##name(type arg)					\
{									\
	return fails(INJECT_OPERATION, __func__) ? -order.error :		\
					 real->name(arg);		\
}

OPERATION(info, struct ntmem_info *)
OPERATION(reserve, struct ntmem_reserve *)
OPERATION(commit, const struct ntmem_range *)
OPERATION(decommit, const struct ntmem_range *)
OPERATION(query, struct ntmem_query *)
OPERATION(lock, const struct ntmem_range *)
OPERATION(unlock, const struct ntmem_range *)
OPERATION(reset, const struct ntmem_range *)
OPERATION(reset_undo, const struct ntmem_range *)
OPERATION(set_granularity, const struct ntmem_granularity *)
OPERATION(batch, struct ntmem_batch *)
OPERATION(last_fault, struct ntmem_fault *)
OPERATION(watch, struct ntmem_watch *)
OPERATION(create_section, struct ntmem_section *)
OPERATION(open_section, struct ntmem_section *)
OPERATION(query_section, struct ntmem_section *)
OPERATION(map_view, struct ntmem_map_view *)
OPERATION(unmap_view, const struct ntmem_unmap_view *)
OPERATION(create_file_section, struct ntmem_file_section *)
OPERATION(flush_view, const struct ntmem_range *)

/* What cannot fail. */
static void unfailing_adopt_section(int fd)
{
	real->adopt_section(fd);
}

static void unfailing_close_section(int fd)
{
	real->close_section(fd);
}

static void (*before_protect)(void), (*before_remote)(void);
static void (*before_extending)(void), (*before_release)(void);

void inject_before_protect(void (*function)(void))
{
	before_protect = function;
}

void inject_before_release(void (*function)(void))
{
	before_release = function;
}

void inject_before_remote(void (*function)(void))
{
	before_remote = function;
}

static void call_once(void (**function)(void))
{
	void (*once)(void) = *function;

	/* Nobody else's calls write to it. */
	if (!once)
		return;
	*function = NULL;
	once();
}

static int failing_protect(struct ntmem_protect *protect)
{
	call_once(&before_protect);
	return fails(INJECT_OPERATION, __func__) ? -order.error :
						   real->protect(protect);
}

static int failing_release(const struct ntmem_range *range)
{
	call_once(&before_release);
	return fails(INJECT_OPERATION, __func__) ? -order.error :
						   real->release(range);
}

static int failing_remote(int space, unsigned long request, void *arg)
{
	call_once(&before_remote);
	return fails(INJECT_OPERATION, __func__) ? -order.error :
		     real->remote(space, request, arg);
}

static bool decommits;

static int decommit_all(const struct ntmem_range *ranges, unsigned int count)
{
	int error = 0;

	for (; count && !error; ranges++, count--)
		error = real->decommit(ranges);
	return error;
}

static int failing_drop(const struct ntmem_range *ranges, unsigned int count)
{
	if (fails(INJECT_OPERATION, __func__))
		return -order.error;
	return decommits ? decommit_all(ranges, count) :
			   real->drop(ranges, count);
}

static struct ntmem_engine failing = {
	.info = failing_info,
	.reserve = failing_reserve,
	.commit = failing_commit,
	.decommit = failing_decommit,
	.release = failing_release,
	.protect = failing_protect,
	.query = failing_query,
	.lock = failing_lock,
	.unlock = failing_unlock,
	.reset = failing_reset,
	.reset_undo = failing_reset_undo,
	.set_granularity = failing_set_granularity,
	.batch = failing_batch,
	.last_fault = failing_last_fault,
	.watch = failing_watch,
	.create_section = failing_create_section,
	.open_section = failing_open_section,
	.query_section = failing_query_section,
	.map_view = failing_map_view,
	.unmap_view = failing_unmap_view,
	.remote = failing_remote,
	.create_file_section = failing_create_file_section,
	.flush_view = failing_flush_view,
	.adopt_section = unfailing_adopt_section,
	.close_section = unfailing_close_section,
	.drop = failing_drop,
};

static const struct ntmem_engine *over(const struct ntmem_engine *engine)
{
	if (!engine)
		return NULL;
	real = engine;
	failing.name = engine->name;
	failing.drop_decommits = engine->drop_decommits || decommits;
	return &failing;
}

void inject_decommits(bool on)
{
	decommits = on;
	failing.drop_decommits = real->drop_decommits || on;
}

const struct ntmem_engine *__real_ntmem_engine_open_kernel(int *error);
const struct ntmem_engine *__wrap_ntmem_engine_open_kernel(int *error);
const struct ntmem_engine *__real_ntmem_engine_open_embedded(int *error);
const struct ntmem_engine *__wrap_ntmem_engine_open_embedded(int *error);

const struct ntmem_engine *__wrap_ntmem_engine_open_kernel(int *error)
{
	return over(__real_ntmem_engine_open_kernel(error));
}

const struct ntmem_engine *__wrap_ntmem_engine_open_embedded(int *error)
{
	return over(__real_ntmem_engine_open_embedded(error));
}

/* -------------------------------------------------------- allocations --- */

void *__real_ntmem_pool_alloc(struct ntmem_pool *pool, size_t size);
void *__wrap_ntmem_pool_alloc(struct ntmem_pool *pool, size_t size);
void __real_ntmem_pool_free(struct ntmem_pool *pool, void *object,
			    size_t size);
void __wrap_ntmem_pool_free(struct ntmem_pool *pool, void *object,
			    size_t size);

void *__wrap_ntmem_pool_alloc(struct ntmem_pool *pool, size_t size)
{
	void *object;

	if (fails(INJECT_ALLOCATION, __func__))
		return NULL;
	object = __real_ntmem_pool_alloc(pool, size);
	if (object)
		count(&pool_bytes, (int64_t)size);
	return object;
}

void __wrap_ntmem_pool_free(struct ntmem_pool *pool, void *object, size_t size)
{
	count(&pool_bytes, -(int64_t)size);
	__real_ntmem_pool_free(pool, object, size);
}

void *__real_meta_alloc(size_t size);
void *__wrap_meta_alloc(size_t size);
void __real_meta_free(void *object, size_t size);
void __wrap_meta_free(void *object, size_t size);
void *__real_meta_alloc_kept(size_t size);
void *__wrap_meta_alloc_kept(size_t size);
void __real_meta_free_kept(void *object, size_t size);
void __wrap_meta_free_kept(void *object, size_t size);

static void *count_meta(void *object, size_t size)
{
	if (object)
		count(&meta_bytes, (int64_t)size);
	return object;
}

void *__wrap_meta_alloc(size_t size)
{
	if (fails(INJECT_ALLOCATION, __func__))
		return NULL;
	return count_meta(__real_meta_alloc(size), size);
}

void __wrap_meta_free(void *object, size_t size)
{
	count(&meta_bytes, -(int64_t)size);
	__real_meta_free(object, size);
}

void *__wrap_meta_alloc_kept(size_t size)
{
	if (fails(INJECT_ALLOCATION, __func__))
		return NULL;
	return count_meta(__real_meta_alloc_kept(size), size);
}

void __wrap_meta_free_kept(void *object, size_t size)
{
	count(&meta_bytes, -(int64_t)size);
	__real_meta_free_kept(object, size);
}

/* ------------------------------------------------------- system calls --- */

void *__real_mmap(void *addr, size_t size, int prot, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *addr, size_t size, int prot, int flags, int fd,
		  off_t offset);
int __real_munmap(void *addr, size_t size);
int __wrap_munmap(void *addr, size_t size);
int __real_mprotect(void *addr, size_t size, int prot);
int __wrap_mprotect(void *addr, size_t size, int prot);
int __real_madvise(void *addr, size_t size, int advice);
int __wrap_madvise(void *addr, size_t size, int advice);
int __real_sigaction(int sig, const struct sigaction *action,
		     struct sigaction *old);
int __wrap_sigaction(int sig, const struct sigaction *action,
		     struct sigaction *old);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
ssize_t __real_read(int fd, void *to, size_t size);
ssize_t __wrap_read(int fd, void *to, size_t size);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static void (*before_mapping)(void);

void inject_before_mapping(void (*function)(void))
{
	before_mapping = function;
}

static void map_over(int flags)
{
	void (*function)(void) = before_mapping;

	if (!function || !(flags & MAP_FIXED))
		return;
	before_mapping = NULL;
	function();
}

/* Reservations are what is mapped so; a pool is not. */
void *__wrap_mmap(void *addr, size_t size, int prot, int flags, int fd,
		  off_t offset)
{
	void *got;

	if (call_fails(__func__))
		return MAP_FAILED;
	map_over(flags);
	got = __real_mmap(addr, size, prot, flags, fd, offset);
	if (got != MAP_FAILED && (flags & MAP_NORESERVE))
		count(&mapped_bytes, (int64_t)size);
	return got;
}

int __wrap_munmap(void *addr, size_t size)
{
	int error;

	if (call_fails(__func__)) {
		order.unmap = true;
		return -1;
	}
	error = __real_munmap(addr, size);
	if (!error)
		count(&mapped_bytes, -(int64_t)size);
	return error;
}

int __wrap_mprotect(void *addr, size_t size, int prot)
{
	return call_fails(__func__) ? -1 : __real_mprotect(addr, size, prot);
}

int __wrap_madvise(void *addr, size_t size, int advice)
{
	return call_fails(__func__) ? -1 : __real_madvise(addr, size, advice);
}

int __wrap_sigaction(int sig, const struct sigaction *action,
		     struct sigaction *old)
{
	return call_fails(__func__) ? -1 : __real_sigaction(sig, action, old);
}

int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list list;

	va_start(list, flags);
	mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, mode_t) : 0;
	va_end(list);
	return call_fails(__func__) ? -1 : __real_open(path, flags, mode);
}

ssize_t __wrap_read(int fd, void *to, size_t size)
{
	return call_fails(reading) ? -1 : __real_read(fd, to, size);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *arg;

	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);
	return call_fails(reading) ? -1 : __real_ioctl(fd, request, arg);
}

int __real_fallocate(int fd, int mode, off_t offset, off_t size);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t size);

void inject_before_extending(void (*function)(void))
{
	before_extending = function;
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t size)
{
	call_once(&before_extending);
	return __real_fallocate(fd, mode, offset, size);
}

/* In coverage builds. */
void __gcov_dump(void) __attribute__((weak));

long __wrap_syscall(long number, ...)
{
	bool memory = number == SYS_mlock || number == SYS_mlock2 ||
		      number == SYS_munlock;
	long arg[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arg[i] = va_arg(list, long);
	va_end(list);
	if (memory && call_fails(__func__))
		return -1;
	/* The signal that it dies of: its last word. */
	if (number == SYS_rt_tgsigqueueinfo && __gcov_dump)
		__gcov_dump();
	return __real_syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4],
			      arg[5]);
}
