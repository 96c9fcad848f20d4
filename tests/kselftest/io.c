// SPDX-License-Identifier: GPL-2.0
/*
 * The rest of Linux on this memory: system calls, direct and asynchronous I/O,
 * other processes' reads and writes, futexes, core dumps.
 */
#include "ntmem_test.h"

#include <elf.h>
#include <liburing.h>
#include <linux/futex.h>
#include <linux/loop.h>
#include <linux/userfaultfd.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#define PAGES	16

/*
 * Pages 0-7 READWRITE, 8 READONLY, 9 NOACCESS, from 10 on reserved. The first
 * nine hold their number + 1 in every byte.
 */
struct pages {
	__u64 base;
	__u64 ro;
	__u64 noaccess;
	__u64 reserved;
};

FIXTURE(io)
{
	int fd;
	__u64 base;
	__u64 ro;
	__u64 noaccess;
	__u64 reserved;
	struct pages pages;	/* the same, for children */
};

FIXTURE_SETUP(io)
{
	int i;

	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->base = nt_any(self->fd, PAGES * PAGE, 0);
	ASSERT_NE(0ULL, self->base);
	self->ro = self->base + 8 * PAGE;
	self->noaccess = self->base + 9 * PAGE;
	self->reserved = self->base + 10 * PAGE;
	ASSERT_EQ(0, nt_commit(self->fd, self->base, 10 * PAGE, RW));
	for (i = 0; i < 9; i++)
		memset(nt_ptr(self->base + i * PAGE), i + 1, PAGE);
	ASSERT_EQ(0, nt_protect(self->fd, self->ro, PAGE, RO, NULL));
	ASSERT_EQ(0, nt_protect(self->fd, self->noaccess, PAGE, NOACCESS,
				NULL));
	self->pages = (struct pages) {
		self->base, self->ro, self->noaccess, self->reserved,
	};
}

FIXTURE_TEARDOWN(io)
{
	close(self->fd);
}

/* The fixture's content, except in the pages of these bits. */
static bool intact(__u64 base, unsigned int except)
{
	int i;

	for (i = 0; i < 9; i++)
		if (!(except & (1U << i)) &&
		    !nt_all(base + i * PAGE, PAGE, i + 1))
			return false;
	return true;
}

/* A file with 16 pages of 0xc3, at its beginning. */
static int data_file(void)
{
	int fd = syscall(SYS_memfd_create, "data", 0), i;
	char page[PAGE];

	memset(page, 0xc3, sizeof(page));
	for (i = 0; i < PAGES; i++)
		if (write(fd, page, sizeof(page)) != sizeof(page))
			return -1;
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* A page at the beginning of a file; 0 or an errno. */
static int pread_page(int file, __u64 addr)
{
	return ERRNO_OF(pread(file, nt_ptr(addr), PAGE, 0));
}

static int pwrite_page(int file, __u64 addr)
{
	return ERRNO_OF(pwrite(file, nt_ptr(addr), PAGE, 0));
}

TEST_F(io, read_and_write)
{
	int file = data_file();
	char copy[PAGE];

	ASSERT_LE(0, file);
	ASSERT_EQ((ssize_t)(2 * PAGE), read(file, nt_ptr(self->base),
					    2 * PAGE));
	ASSERT_TRUE(nt_all(self->base, 2 * PAGE, 0xc3));
	ASSERT_UNCHANGED(EFAULT, ERRNO_OF(read(file, nt_ptr(self->ro),
					       PAGE)));
	ASSERT_UNCHANGED(EFAULT, ERRNO_OF(read(file, nt_ptr(self->noaccess),
					       PAGE)));
	ASSERT_UNCHANGED(EFAULT, ERRNO_OF(read(file, nt_ptr(self->reserved),
					       PAGE)));
	ASSERT_TRUE(intact(self->base, 3));
	/* Read-only pages can be written from, others not. */
	ASSERT_EQ((ssize_t)PAGE, pwrite(file, nt_ptr(self->ro), PAGE, 0));
	ASSERT_EQ((ssize_t)PAGE, pread(file, copy, PAGE, 0));
	ASSERT_TRUE(nt_all((uintptr_t)copy, PAGE, 9));
	ASSERT_UNCHANGED(EFAULT, pwrite_page(file, self->noaccess));
	ASSERT_UNCHANGED(EFAULT, pwrite_page(file, self->reserved));
}

TEST_F(io, untouched_pages_in_system_calls)
{
	__u64 base = nt_block(self->fd, 64 * PAGE, RW);
	int file = data_file();
	char copy[PAGE];

	ASSERT_EQ((ssize_t)(PAGES * PAGE), read(file, nt_ptr(base + PAGE),
						PAGES * PAGE));
	ASSERT_TRUE(nt_all(base + PAGE, PAGES * PAGE, 0xc3));
	ASSERT_TRUE(nt_all(base, PAGE, 0));
	ASSERT_EQ((ssize_t)PAGE, pwrite(file, nt_ptr(base + 40 * PAGE), PAGE,
					0));
	ASSERT_EQ((ssize_t)PAGE, pread(file, copy, PAGE, 0));
	ASSERT_TRUE(nt_all((uintptr_t)copy, PAGE, 0));
}

/* The pipe keeps the page itself; a decommit must not change what is in it. */
TEST_F(io, vmsplice)
{
	struct iovec iov = { nt_ptr(self->base + PAGE), 2 * PAGE };
	char copy[2 * PAGE];
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ((ssize_t)(2 * PAGE), vmsplice(pipes[1], &iov, 1, 0));
	ASSERT_EQ(0, nt_decommit(self->fd, self->base + PAGE, 2 * PAGE));
	ASSERT_EQ(0, nt_commit(self->fd, self->base + PAGE, 2 * PAGE, RW));
	ASSERT_TRUE(nt_all(self->base + PAGE, 2 * PAGE, 0));
	memset(nt_ptr(self->base + PAGE), 0x55, 2 * PAGE);
	ASSERT_EQ((ssize_t)(2 * PAGE), read(pipes[0], copy, 2 * PAGE));
	ASSERT_TRUE(nt_all((uintptr_t)copy, PAGE, 2));
	ASSERT_TRUE(nt_all((uintptr_t)copy + PAGE, PAGE, 3));
	iov.iov_base = nt_ptr(self->reserved);
	ASSERT_UNCHANGED(EFAULT, ERRNO_OF(vmsplice(pipes[1], &iov, 1, 0)));
	iov.iov_base = nt_ptr(self->noaccess);
	ASSERT_UNCHANGED(EFAULT, ERRNO_OF(vmsplice(pipes[1], &iov, 1, 0)));
}

/* ------------------------------------------------------------------------
 * A block device over a file, for real direct I/O.
 */
static int direct_device(char *reason, size_t size)
{
	struct loop_config config = { .fd = data_file() };
	int control = open("/dev/loop-control", O_RDWR), device, fd;
	char path[32];

	if (control < 0) {
		snprintf(reason, size, "no loop device: %s", strerror(errno));
		return -1;
	}
	device = ioctl(control, LOOP_CTL_GET_FREE);
	snprintf(path, sizeof(path), "/dev/loop%d", device);
	fd = open(path, O_RDWR);
	config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
	if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &config)) {
		snprintf(reason, size, "%s: %s", path, strerror(errno));
		return -1;
	}
	device = open(path, O_RDWR | O_DIRECT);
	snprintf(reason, size, "%s: %s", path, strerror(errno));
	close(fd);
	return device;
}

TEST_F(io, direct)
{
	char reason[128];
	int device = direct_device(reason, sizeof(reason));

	if (device < 0)
		SKIP(return, "%s", reason);
	ASSERT_EQ((ssize_t)(4 * PAGE), pread(device, nt_ptr(self->base),
					     4 * PAGE, 0));
	ASSERT_TRUE(nt_all(self->base, 4 * PAGE, 0xc3));
	ASSERT_EQ((ssize_t)PAGE, pwrite(device, nt_ptr(self->ro), PAGE,
					PAGE));
	ASSERT_EQ((ssize_t)(2 * PAGE), pread(device, nt_ptr(self->base),
					     2 * PAGE, PAGE));
	ASSERT_TRUE(nt_all(self->base, PAGE, 9));
	ASSERT_TRUE(nt_all(self->base + PAGE, PAGE, 0xc3));
	ASSERT_UNCHANGED(EFAULT, ERRNO_OF(pread(device, nt_ptr(self->ro),
						PAGE, 0)));
	ASSERT_UNCHANGED(EFAULT, pread_page(device, self->noaccess));
	ASSERT_UNCHANGED(EFAULT, pread_page(device, self->reserved));
	ASSERT_UNCHANGED(EFAULT, pwrite_page(device, self->reserved));
	ASSERT_TRUE(intact(self->base, 0xf));
}

static int direct_child(void *data)
{
	return !nt_all(*(__u64 *)data, PAGE, 9);
}

/* A read that is submitted before a fork arrives in the parent. */
TEST_F(io, direct_over_fork)
{
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	char reason[128];
	int device = direct_device(reason, sizeof(reason)), i;

	if (device < 0)
		SKIP(return, "%s", reason);
	if (io_uring_queue_init(8, &ring, 0))
		SKIP(return, "no io_uring");
	for (i = 0; i < 50; i++) {
		__u64 addr = self->base + i % 8 * PAGE;

		memset(nt_ptr(addr), 1, PAGE);
		io_uring_prep_read(io_uring_get_sqe(&ring), device,
				   nt_ptr(addr), PAGE, 0);
		ASSERT_EQ(1, io_uring_submit(&ring));
		ASSERT_EQ(0, nt_in_child(direct_child, &self->ro));
		ASSERT_EQ(0, io_uring_wait_cqe(&ring, &cqe));
		ASSERT_EQ((int)PAGE, cqe->res);
		io_uring_cqe_seen(&ring, cqe);
		ASSERT_TRUE(nt_all(addr, PAGE, 0xc3));
	}
	io_uring_queue_exit(&ring);
}

/* ------------------------------------------------------------------------
 * io_uring.
 */
static int ring_read(struct io_uring *ring, int file, __u64 addr, bool async)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	int result;

	io_uring_prep_read(sqe, file, nt_ptr(addr), PAGE, 0);
	if (async)
		sqe->flags |= IOSQE_ASYNC;
	if (io_uring_submit_and_wait(ring, 1) != 1 ||
	    io_uring_wait_cqe(ring, &cqe))
		return -EIO;
	result = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return result;
}

static int ring_write(struct io_uring *ring, int file, __u64 addr)
{
	struct io_uring_cqe *cqe;
	int result;

	io_uring_prep_write(io_uring_get_sqe(ring), file, nt_ptr(addr), PAGE,
			    0);
	if (io_uring_submit_and_wait(ring, 1) != 1 ||
	    io_uring_wait_cqe(ring, &cqe))
		return -EIO;
	result = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return result;
}

TEST_F(io, uring)
{
	struct io_uring ring;
	int file = data_file(), async;

	if (io_uring_queue_init(8, &ring, 0))
		SKIP(return, "no io_uring");
	for (async = 0; async < 2; async++) {
		memset(nt_ptr(self->base), 1, PAGE);
		ASSERT_EQ((int)PAGE, ring_read(&ring, file, self->base,
					       async));
		ASSERT_TRUE(nt_all(self->base, PAGE, 0xc3));
		ASSERT_UNCHANGED(-EFAULT, ring_read(&ring, file, self->ro,
						    async));
		ASSERT_UNCHANGED(-EFAULT, ring_read(&ring, file,
						    self->noaccess, async));
		ASSERT_UNCHANGED(-EFAULT, ring_read(&ring, file,
						    self->reserved, async));
	}
	ASSERT_TRUE(intact(self->base, 1));
	ASSERT_EQ((int)PAGE, ring_write(&ring, file, self->ro));
	ASSERT_EQ((int)PAGE, ring_read(&ring, file, self->base, false));
	ASSERT_TRUE(nt_all(self->base, PAGE, 9));
	ASSERT_UNCHANGED(-EFAULT, ring_write(&ring, file, self->reserved));
	io_uring_queue_exit(&ring);
}

TEST_F(io, uring_direct)
{
	struct io_uring ring;
	char reason[128];
	int device = direct_device(reason, sizeof(reason));

	if (device < 0)
		SKIP(return, "%s", reason);
	if (io_uring_queue_init(8, &ring, 0))
		SKIP(return, "no io_uring");
	ASSERT_EQ((int)PAGE, ring_read(&ring, device, self->base, false));
	ASSERT_TRUE(nt_all(self->base, PAGE, 0xc3));
	ASSERT_UNCHANGED(-EFAULT, ring_read(&ring, device, self->ro, false));
	ASSERT_UNCHANGED(-EFAULT, ring_read(&ring, device, self->reserved,
					    false));
	ASSERT_TRUE(intact(self->base, 1));
	io_uring_queue_exit(&ring);
}

/* ------------------------------------------------------------------------
 * Other processes.
 */
static ssize_t remote(bool write, pid_t pid, void *local, __u64 addr)
{
	struct iovec mine = { local, PAGE }, theirs = { nt_ptr(addr), PAGE };

	return write ? process_vm_writev(pid, &mine, 1, &theirs, 1, 0) :
		       process_vm_readv(pid, &mine, 1, &theirs, 1, 0);
}

static int peer(void *data)
{
	const struct pages *self = data;
	pid_t parent = getppid();
	char page[PAGE];

	CHECK(remote(false, parent, page, self->base) == PAGE);
	CHECK(nt_all((uintptr_t)page, PAGE, 1));
	CHECK(remote(false, parent, page, self->ro) == PAGE);
	CHECK(nt_all((uintptr_t)page, PAGE, 9));
	CHECK(remote(false, parent, page, self->noaccess) == -1);
	CHECK(errno == EFAULT);
	CHECK(remote(false, parent, page, self->reserved) == -1);
	CHECK(errno == EFAULT);
	memset(page, 0x70, PAGE);
	CHECK(remote(true, parent, page, self->base + PAGE) == PAGE);
	CHECK(remote(true, parent, page, self->ro) == -1);
	CHECK(errno == EFAULT);
	CHECK(remote(true, parent, page, self->noaccess) == -1);
	CHECK(errno == EFAULT);
	CHECK(remote(true, parent, page, self->reserved) == -1);
	CHECK(errno == EFAULT);
	/* What was written is the parent's, not ours. */
	CHECK(nt_all(self->base + PAGE, PAGE, 2));
	return 0;
}

TEST_F(io, process_vm)
{
	ASSERT_UNCHANGED(0, nt_in_child(peer, &self->pages));
	ASSERT_TRUE(nt_all(self->base + PAGE, PAGE, 0x70));
	ASSERT_TRUE(intact(self->base, 2));
}

static int tracee(void *data)
{
	const struct pages *self = data;

	CHECK(!ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	raise(SIGSTOP);
	CHECK(*(__u64 *)nt_ptr(self->base) == 0x1122334455667788ULL);
	CHECK(intact(self->base, 1));
	return 0;
}

TEST_F(io, ptrace)
{
	pid_t pid = nt_spawn(tracee, &self->pages);
	int status;

	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	errno = 0;
	ASSERT_EQ(0x0101010101010101L, ptrace(PTRACE_PEEKDATA, pid,
					      self->base, NULL));
	ASSERT_EQ(0x0909090909090909L, ptrace(PTRACE_PEEKDATA, pid, self->ro,
					      NULL));
	ASSERT_EQ(0, errno);
	ASSERT_EQ(-1L, ptrace(PTRACE_PEEKDATA, pid, self->reserved, NULL));
	ASSERT_EQ(EIO, errno);
	ASSERT_EQ(-1L, ptrace(PTRACE_PEEKDATA, pid, self->noaccess, NULL));
	ASSERT_EQ(EIO, errno);
	ASSERT_EQ(0L, ptrace(PTRACE_POKEDATA, pid, self->base,
			     0x1122334455667788UL));
	ASSERT_EQ(-1L, ptrace(PTRACE_POKEDATA, pid, self->ro, 1UL));
	ASSERT_EQ(EIO, errno);
	ASSERT_EQ(0L, ptrace(PTRACE_CONT, pid, NULL, NULL));
	ASSERT_EQ(0, nt_reap(pid));
	/* The child's page was copied for the poke. */
	ASSERT_TRUE(intact(self->base, 0));
}

TEST_F(io, proc_self_mem)
{
	int mem = open("/proc/self/mem", O_RDWR);
	char page[PAGE];

	ASSERT_LE(0, mem);
	ASSERT_EQ((ssize_t)PAGE, pread(mem, page, PAGE, self->base + PAGE));
	ASSERT_TRUE(nt_all((uintptr_t)page, PAGE, 2));
	memset(page, 0x21, PAGE);
	ASSERT_EQ((ssize_t)PAGE, pwrite(mem, page, PAGE, self->base));
	ASSERT_TRUE(nt_all(self->base, PAGE, 0x21));
	ASSERT_UNCHANGED(EIO, ERRNO_OF(pwrite(mem, page, PAGE, self->ro)));
	ASSERT_UNCHANGED(EIO, ERRNO_OF(pread(mem, page, PAGE,
					     self->reserved)));
	ASSERT_UNCHANGED(EIO, ERRNO_OF(pwrite(mem, page, PAGE,
					      self->reserved)));
	ASSERT_UNCHANGED(EIO, ERRNO_OF(pread(mem, page, PAGE,
					     self->noaccess)));
	ASSERT_TRUE(intact(self->base, 1));
}

/* ------------------------------------------------------------------------
 * Futexes, stacks, and calls about residence.
 */
struct sleeper {
	__u32 *word;
	int private;
};

static void *sleeper(void *data)
{
	struct sleeper *s = data;

	while (__atomic_load_n(s->word, __ATOMIC_SEQ_CST) == 1)
		if (syscall(SYS_futex, s->word, FUTEX_WAIT | s->private, 1,
			    NULL, NULL, 0) && errno != EAGAIN &&
		    errno != EINTR)
			return (void *)(long)errno;
	return NULL;
}

TEST_F(io, futex)
{
	static const int kinds[] = { FUTEX_PRIVATE_FLAG, 0 };
	__u32 *word = nt_ptr(self->base + 3 * PAGE);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct sleeper s = { word, kinds[i] };
		pthread_t thread;
		void *result;

		*word = 1;
		ASSERT_EQ(0, pthread_create(&thread, NULL, sleeper, &s));
		__atomic_store_n(word, 2, __ATOMIC_SEQ_CST);
		ASSERT_LE(0, syscall(SYS_futex, word, FUTEX_WAKE | kinds[i],
				     1, NULL, NULL, 0)) {
			TH_LOG("kind %u: %s", i, strerror(errno));
		}
		pthread_join(thread, &result);
		ASSERT_EQ(NULL, result);
	}
	ASSERT_EQ(EFAULT, ERRNO_OF(syscall(SYS_futex, self->reserved,
					   FUTEX_WAKE, 1, NULL, NULL, 0)));
}

static void *uses_its_stack(void *data)
{
	volatile char buffer[8192];

	memset((void *)buffer, 3, sizeof(buffer));
	return (void *)(long)(buffer[100] + *(int *)data);
}

/* The kernel itself wakes whoever joins a thread, on the thread's stack. */
TEST_F(io, thread_stacks)
{
	__u64 stack = nt_block(self->fd, 8 * GRAN, RW);
	pthread_attr_t attr;
	int i, four = 4;

	ASSERT_NE(0ULL, stack);
	pthread_attr_init(&attr);
	ASSERT_EQ(0, pthread_attr_setstack(&attr, nt_ptr(stack), 8 * GRAN));
	for (i = 0; i < 20; i++) {
		pthread_t thread;
		void *result;

		ASSERT_EQ(0, pthread_create(&thread, &attr, uses_its_stack,
					    &four));
		ASSERT_EQ(0, pthread_join(thread, &result));
		ASSERT_EQ(7L, (long)result);
	}
}

TEST_F(io, mlock_and_mincore)
{
	unsigned char vec[PAGES];

	ASSERT_UNCHANGED(0, mlock(nt_ptr(self->base), 8 * PAGE));
	ASSERT_UNCHANGED(0, munlock(nt_ptr(self->base), 8 * PAGE));
	ASSERT_UNCHANGED(0, mincore(nt_ptr(self->base), PAGES * PAGE, vec));
	ASSERT_UNCHANGED(0, msync(nt_ptr(self->base), PAGES * PAGE,
				  MS_SYNC));
	ASSERT_TRUE(intact(self->base, 0));
	ASSERT_EQ(1, nt_count_vmas(self->base, self->base + PAGES * PAGE));
}

/* mlockall() of what is and will be there fails nothing. */
TEST_F(io, mlockall)
{
	struct ntmem_info before, after;
	__u64 base;

	ASSERT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	ASSERT_EQ(0, nt_info(self->fd, &before));
	base = nt_any(self->fd, MIB, 0);
	ASSERT_NE(0ULL, base);
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
	ASSERT_EQ(0, nt_poke(base, 1));
	ASSERT_EQ(0, nt_info(self->fd, &after));
	ASSERT_EQ(before.space_committed + PAGE, after.space_committed);
	ASSERT_EQ(0, nt_decommit(self->fd, base, 0));
	ASSERT_EQ(-SIGSEGV, nt_peek(base));
	ASSERT_EQ(0, munlockall());
	ASSERT_TRUE(intact(self->base, 0));
}

/* Touched pages count as the process's, for ps and for the OOM killer. */
TEST_F(io, resident_set)
{
	__u64 base = nt_block(self->fd, 16 * MIB, RW);
	__u64 before = nt_kb_line("/proc/self/status", "VmRSS:"), after;

	memset(nt_ptr(base), 1, 16 * MIB);
	after = nt_kb_line("/proc/self/status", "VmRSS:");
	ASSERT_LE(before + 15 * MIB, after);
	ASSERT_EQ(0, nt_decommit(self->fd, base, 0));
	ASSERT_GE(before + MIB, nt_kb_line("/proc/self/status", "VmRSS:"));
}

TEST_F(io, userfaultfd_is_refused)
{
	struct uffdio_register reg = {
		.range = { self->base, PAGES * PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_api api = { .api = UFFD_API };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (uffd < 0)
		SKIP(return, "no userfaultfd: %s", strerror(errno));
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_API, &api));
	ASSERT_UNCHANGED(EINVAL, ERRNO_OF(ioctl(uffd, UFFDIO_REGISTER,
						&reg)));
	ASSERT_TRUE(intact(self->base, 0));
}

/* ------------------------------------------------------------------------
 * Core dumps: what was touched is there, the rest are holes.
 */
#define CORE_PAGES	1024

static int dumps_core(void *data)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	const __u64 *bases = data, base = bases[0], view = bases[1];

	CHECK(!setrlimit(RLIMIT_CORE, &unlimited));
	CHECK(!prctl(PR_SET_DUMPABLE, 1));
	memset(nt_ptr(base + 3 * PAGE), 0x33, PAGE);
	memset(nt_ptr(base + 500 * PAGE), 0x44, PAGE);
	memset(nt_ptr(view + PAGE), 0x55, PAGE);
	signal(SIGABRT, SIG_DFL);
	abort();
}

/* The two structures of a 64-bit ELF file that matter here. */
struct core_header {
	__u8 ident[16];
	__u16 type, machine;
	__u32 version;
	__u64 entry, e_phoff, shoff;
	__u32 flags;
	__u16 ehsize, phentsize, e_phnum, shentsize, shnum, shstrndx;
};

struct core_segment {
	__u32 p_type, flags;
	__u64 p_offset, p_vaddr, paddr, p_filesz, memsz, align;
};

/* The file offset of the dump of addr, or -1. */
static off_t core_offset(int core, __u64 addr, __u64 size)
{
	struct core_segment phdr;
	struct core_header ehdr;
	int i;

	if (pread(core, &ehdr, sizeof(ehdr), 0) != sizeof(ehdr))
		return -1;
	for (i = 0; i < ehdr.e_phnum; i++) {
		if (pread(core, &phdr, sizeof(phdr), ehdr.e_phoff +
			  i * sizeof(phdr)) != sizeof(phdr))
			return -1;
		if (phdr.p_type == PT_LOAD && phdr.p_vaddr <= addr &&
		    addr + size <= phdr.p_vaddr + phdr.p_filesz)
			return phdr.p_offset + addr - phdr.p_vaddr;
	}
	return -1;
}

/* It looks at every page of the mapping, which takes debug kernels long. */
TEST_F_TIMEOUT(io, core_dump, 150)
{
	static const char *const pattern = "/proc/sys/kernel/core_pattern";
	static char page[PAGE];
	struct ntmem_info before, after;
	char old[256], path[64];
	__u64 bases[2], base, view;
	struct stat stat;
	off_t offset;
	pid_t pid;
	int core;

	base = nt_any(self->fd, CORE_PAGES * PAGE, 0);
	ASSERT_EQ(0, nt_commit(self->fd, base, CORE_PAGES / 2 * PAGE, RW));
	view = nt_view(self->fd, nt_section(self->fd, NULL, 4 * PAGE, RW, 0),
		       RW);
	ASSERT_NE(0ULL, view);
	ASSERT_EQ(0, nt_poke(view + PAGE, 1));
	bases[0] = base;
	bases[1] = view;
	ASSERT_EQ(0, nt_info(self->fd, &before));
	ASSERT_EQ(0, nt_read_file(pattern, old, sizeof(old)));
	ASSERT_EQ(0, nt_write_file(pattern, "/tmp/ntmem-core.%p"));
	pid = nt_spawn(dumps_core, bases);
	EXPECT_EQ(128 + SIGABRT, nt_reap(pid));
	ASSERT_EQ(0, nt_write_file(pattern, old));
	snprintf(path, sizeof(path), "/tmp/ntmem-core.%d", pid);
	core = open(path, O_RDONLY);
	ASSERT_LE(0, core);
	unlink(path);

	offset = core_offset(core, base, CORE_PAGES * PAGE);
	ASSERT_LT(0, offset);
	ASSERT_EQ((ssize_t)PAGE, pread(core, page, PAGE, offset + 3 * PAGE));
	ASSERT_TRUE(nt_all((uintptr_t)page, PAGE, 0x33));
	ASSERT_EQ((ssize_t)PAGE, pread(core, page, PAGE,
				       offset + 500 * PAGE));
	ASSERT_TRUE(nt_all((uintptr_t)page, PAGE, 0x44));
	ASSERT_EQ((ssize_t)PAGE, pread(core, page, PAGE, offset + 4 * PAGE));
	ASSERT_TRUE(nt_all((uintptr_t)page, PAGE, 0));
	ASSERT_EQ((ssize_t)PAGE, pread(core, page, PAGE,
				       offset + 1000 * PAGE));
	ASSERT_TRUE(nt_all((uintptr_t)page, PAGE, 0));
	offset = core_offset(core, view, 4 * PAGE);
	ASSERT_LT(0, offset);
	ASSERT_EQ((ssize_t)PAGE, pread(core, page, PAGE, offset + PAGE));
	ASSERT_TRUE(nt_all((uintptr_t)page, PAGE, 0x55));
	ASSERT_EQ((ssize_t)PAGE, pread(core, page, PAGE, offset + 2 * PAGE));
	ASSERT_TRUE(nt_all((uintptr_t)page, PAGE, 0));
	/* A block of the file for each touched page, not for all. */
	ASSERT_EQ(0, fstat(core, &stat));
	ASSERT_GT((__s64)(CORE_PAGES / 2 * PAGE), stat.st_blocks * 512);
	ASSERT_EQ(0, nt_info(self->fd, &after));
	ASSERT_EQ(before.resident, after.resident);
}

TEST_HARNESS_MAIN
