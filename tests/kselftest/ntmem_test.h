/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all tests of the ioctls share: calls that return 0 or an errno and
 * check that a refused call left its argument alone, snapshots that show that
 * it left the space alone, accesses that survive SIGSEGV, and children.
 *
 * Each test runs in a process of its own (the harness sees to that), hence in
 * a space of its own.
 */
#ifndef NTMEM_TEST_H
#define NTMEM_TEST_H

#include "../patience.h"
#include "../proc.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define alarm(seconds) nt_alarm(seconds)
#include "kselftest_harness.h"
#undef alarm

#pragma GCC diagnostic pop
#ifndef __clang__
/* About the harness's setjmp, in every TEST_F. */
#pragma GCC diagnostic ignored "-Wclobbered"
#endif

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/ntmem.h>

#define PAGE	4096ULL
#define GRAN	0x10000ULL
#define MIB	(1ULL << 20)
#define GIB	(1ULL << 30)
#define TIB	(1ULL << 40)
#define NONE	(~0ULL)

/* Short names for what nearly every line of a test needs. */
#define NOACCESS	NTMEM_PAGE_NOACCESS
#define RO		NTMEM_PAGE_READONLY
#define RW		NTMEM_PAGE_READWRITE
#define X		NTMEM_PAGE_EXECUTE
#define RX		NTMEM_PAGE_EXECUTE_READ
#define RWX		NTMEM_PAGE_EXECUTE_READWRITE
#define GUARD		NTMEM_PAGE_GUARD

#define COMMITTED	NTMEM_STATE_COMMIT
#define RESERVED	NTMEM_STATE_RESERVE
#define FREE		NTMEM_STATE_FREE

/* A free address in every program: below the mmap area, above the heap. */
#define WANTED		0x50000000ULL

/* Added to the errno of a refused call that wrote to its argument. */
#define NT_TOUCHED	10000

FIXTURE(space)
{
	int fd;
};

FIXTURE_SETUP(space)
{
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd) {
		TH_LOG("/dev/ntmem: %s", strerror(errno));
	}
}

FIXTURE_TEARDOWN(space)
{
	close(self->fd);
}

/* ------------------------------------------------------------------------
 * Calls. All return 0 or an errno.
 */
#define NT_ARG_MAX	256

static inline int nt_call(int fd, unsigned long cmd, void *arg)
{
	unsigned char before[NT_ARG_MAX];
	size_t size = _IOC_SIZE(cmd);
	int error;

	memcpy(before, arg, size);
	if (!ioctl(fd, cmd, arg))
		return 0;
	error = errno;
	return memcmp(before, arg, size) ? NT_TOUCHED + error : error;
}

static inline int nt_info(int fd, struct ntmem_info *info)
{
	memset(info, 0xa5, sizeof(*info));
	return nt_call(fd, NTMEM_IOC_INFO, info);
}

/* Bytes, of all processes; NONE when the module does not tell. */
static inline __u64 nt_resident(int fd)
{
	struct ntmem_info info;

	return nt_info(fd, &info) ? NONE : info.resident;
}

/* A process, 0 being the caller, runs on one CPU from now on. */
static inline int nt_pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(pid, sizeof(set), &set);
}

/* *addr is the wanted address, and on success becomes the base. */
static inline int nt_reserve(int fd, __u64 *addr, __u64 size, __u32 prot,
			     __u32 flags)
{
	struct ntmem_reserve r = {
		.addr = *addr, .size = size, .prot = prot, .flags = flags,
	};
	int error = nt_call(fd, NTMEM_IOC_RESERVE, &r);

	if (!error)
		*addr = r.addr;
	return error;
}

/* RESERVE at an address; for tests that do not care for the outputs. */
static inline int nt_reserve_at(int fd, __u64 addr, __u64 size)
{
	return nt_reserve(fd, &addr, size, RW, 0);
}

/* A reservation wherever the system likes, or 0. */
static inline __u64 nt_any(int fd, __u64 size, __u32 flags)
{
	__u64 addr = 0;

	return nt_reserve(fd, &addr, size, RW, flags) ? 0 : addr;
}

/* The same, committed. */
static inline __u64 nt_block(int fd, __u64 size, __u32 prot)
{
	__u64 addr = 0;

	return nt_reserve(fd, &addr, size, prot, NTMEM_RESERVE_COMMIT) ?
		0 : addr;
}

static inline int nt_range(int fd, unsigned long cmd, __u64 addr, __u64 size,
			   __u32 prot)
{
	struct ntmem_range r = { .addr = addr, .size = size, .prot = prot };

	return nt_call(fd, cmd, &r);
}

static inline int nt_commit(int fd, __u64 addr, __u64 size, __u32 prot)
{
	return nt_range(fd, NTMEM_IOC_COMMIT, addr, size, prot);
}

static inline int nt_decommit(int fd, __u64 addr, __u64 size)
{
	return nt_range(fd, NTMEM_IOC_DECOMMIT, addr, size, 0);
}

static inline int nt_release(int fd, __u64 addr, __u64 size)
{
	return nt_range(fd, NTMEM_IOC_RELEASE, addr, size, 0);
}

/* RELEASE with a flag: PRESERVE or COALESCE. */
static inline int nt_release_as(int fd, __u64 addr, __u64 size, __u32 flags)
{
	struct ntmem_range r = { .addr = addr, .size = size, .flags = flags };

	return nt_call(fd, NTMEM_IOC_RELEASE, &r);
}

static inline int nt_lock(int fd, __u64 addr, __u64 size)
{
	return nt_range(fd, NTMEM_IOC_LOCK, addr, size, 0);
}

static inline int nt_unlock(int fd, __u64 addr, __u64 size)
{
	return nt_range(fd, NTMEM_IOC_UNLOCK, addr, size, 0);
}

static inline int nt_reset(int fd, __u64 addr, __u64 size)
{
	return nt_range(fd, NTMEM_IOC_RESET, addr, size, 0);
}

static inline int nt_reset_undo(int fd, __u64 addr, __u64 size)
{
	return nt_range(fd, NTMEM_IOC_RESET_UNDO, addr, size, 0);
}

/* old may be NULL. */
static inline int nt_protect(int fd, __u64 addr, __u64 size, __u32 prot,
			     __u32 *old)
{
	struct ntmem_protect p = {
		.addr = addr, .size = size, .prot = prot,
		.old_prot = 0xa5a5a5a5,
	};
	int error = nt_call(fd, NTMEM_IOC_PROTECT, &p);

	if (!error && old)
		*old = p.old_prot;
	return error;
}

static inline int nt_query(int fd, __u64 addr, struct ntmem_query *q)
{
	memset(q, 0xa5, sizeof(*q));
	q->addr = addr;
	q->flags = 0;
	q->marks = 0;
	return nt_call(fd, NTMEM_IOC_QUERY, q);
}

/* What lies at addr is one page of these marks, in a reservation. */
static inline bool nt_marked(int fd, __u64 addr, __u32 marks)
{
	struct ntmem_query q = { .addr = addr, .flags = NTMEM_QUERY_PAGE };
	int error = nt_call(fd, NTMEM_IOC_QUERY, &q);

	if (!error && q.size == PAGE && q.marks == marks)
		return true;
	fprintf(stderr, "# query of page %#llx: error %d, size %#llx marks %#x, not %#x\n",
		addr, error, q.size, q.marks, marks);
	return false;
}

static inline int nt_last_fault(int fd, struct ntmem_fault *fault)
{
	memset(fault, 0xa5, sizeof(*fault));
	return nt_call(fd, NTMEM_IOC_LAST_FAULT, fault);
}

/* count: room in pages; then how many there are in it. */
static inline int nt_watch(int fd, __u64 addr, __u64 size, __u64 *pages,
			   __u64 *count, __u32 flags)
{
	struct ntmem_watch w = {
		.addr = addr, .size = size, .pages = (uintptr_t)pages,
		.count = *count, .flags = flags,
	};
	int error = nt_call(fd, NTMEM_IOC_WATCH, &w);

	*count = w.count;
	return error;
}

/* A new section, or a negative errno. name may be NULL. */
static inline int nt_section(int fd, const char *name, __u64 size, __u32 prot,
			     __u32 flags)
{
	struct ntmem_section s = {
		.size = size, .name = (uintptr_t)name,
		.name_len = name ? strlen(name) : 0, .prot = prot,
		.flags = flags,
	};
	int error = nt_call(fd, NTMEM_IOC_CREATE_SECTION, &s);

	return error ? -error : s.fd;
}

/* A handle by name or, without one, of a handle; or a negative errno. */
static inline int nt_open_section(int fd, const char *name, int handle,
				  __u32 prot)
{
	struct ntmem_section s = {
		.name = (uintptr_t)name, .name_len = name ? strlen(name) : 0,
		.prot = prot, .fd = handle,
	};
	int error = nt_call(fd, NTMEM_IOC_OPEN_SECTION, &s);

	return error ? -error : s.fd;
}

/* A view; *addr is the wanted address, and on success becomes the base. */
static inline int nt_map(int fd, int section, __u64 offset, __u64 *addr,
			 __u64 size, __u32 prot, __u32 flags)
{
	struct ntmem_map_view v = {
		.fd = section, .offset = offset, .addr = *addr, .size = size,
		.prot = prot, .flags = flags,
	};
	int error = nt_call(fd, NTMEM_IOC_MAP_VIEW, &v);

	if (!error)
		*addr = v.addr;
	return error;
}

/* A view of all of it wherever the system likes, or 0. */
static inline __u64 nt_view(int fd, int section, __u32 prot)
{
	__u64 addr = 0;

	return nt_map(fd, section, 0, &addr, 0, prot, 0) ? 0 : addr;
}

static inline int nt_unmap(int fd, __u64 addr, __u32 flags)
{
	struct ntmem_unmap_view u = { .addr = addr, .flags = flags };

	return nt_call(fd, NTMEM_IOC_UNMAP_VIEW, &u);
}

/* A handle to the space of the device's opener, or a negative errno. */
static inline int nt_open_space(int fd)
{
	struct ntmem_open_space o = { .fd = -1 };
	int error = nt_call(fd, NTMEM_IOC_OPEN_SPACE, &o);

	return error ? -error : o.fd;
}

static inline int nt_set_granularity(int fd, __u64 granularity)
{
	struct ntmem_granularity g = { .granularity = granularity };

	return nt_call(fd, NTMEM_IOC_SET_GRANULARITY, &g);
}

static inline int nt_batch(int fd, struct ntmem_op *ops, __u32 count,
			   __u32 flags, __u32 *done)
{
	struct ntmem_batch b = {
		.ops = (uintptr_t)ops, .count = count, .flags = flags,
		.done = 0xa5a5a5a5,
	};
	int error = nt_call(fd, NTMEM_IOC_BATCH, &b);

	if (!error && done)
		*done = b.done;
	return error;
}

static inline void nt_op_range(struct ntmem_op *op, __u32 nr, __u64 addr,
			       __u64 size, __u32 prot)
{
	*op = (struct ntmem_op) {
		.op = nr, .status = 12345,
		.range = { .addr = addr, .size = size, .prot = prot },
	};
}

/* ------------------------------------------------------------------------
 * State.
 */

/* Does QUERY report exactly this run at addr? Says so when not. */
static inline bool nt_run(int fd, __u64 addr, __u64 size, __u32 state,
			  __u32 prot)
{
	struct ntmem_query q;
	int error = nt_query(fd, addr, &q);

	if (!error && q.base == addr && q.size == size && q.state == state &&
	    q.prot == prot && !q.marks)
		return true;
	fprintf(stderr, "# query of %#llx: error %d, %#llx size %#llx state %#x prot %#x\n",
		addr, error, q.base, q.size, q.state, q.prot);
	fprintf(stderr, "# expected size %#llx state %#x prot %#x\n",
		size, state, prot);
	return false;
}

/* Is addr in the reservation [base, ...) that was made with prot? */
static inline bool nt_in(int fd, __u64 addr, __u64 base, __u32 alloc_prot)
{
	struct ntmem_query q;
	int error = nt_query(fd, addr, &q);

	if (!error && q.alloc_base == base && q.alloc_prot == alloc_prot &&
	    q.type == NTMEM_TYPE_PRIVATE)
		return true;
	fprintf(stderr, "# query of %#llx: error %d, in %#llx prot %#x type %#x\n",
		addr, error, q.alloc_base, q.alloc_prot, q.type);
	fprintf(stderr, "# expected %#llx prot %#x\n", base, alloc_prot);
	return false;
}

/* Is [addr, addr + size) one placeholder, or looks so? */
static inline bool nt_is_placeholder(int fd, __u64 addr, __u64 size)
{
	return nt_run(fd, addr, size, RESERVED, 0) &&
	       nt_in(fd, addr, addr, NOACCESS);
}

static inline bool nt_is_free(int fd, __u64 addr)
{
	struct ntmem_query q;

	return !nt_query(fd, addr, &q) && q.state == FREE;
}

/* All runs of all reservations, as a number, and the accounts. */
struct nt_snapshot {
	__u64 hash;
	__u64 runs;
	__u64 committed;
	__u64 reserved;
};

static inline __u64 nt_hash(__u64 hash, __u64 value)
{
	return (hash ^ value) * 0x100000001b3ULL;
}

static inline void nt_snapshot(int fd, struct nt_snapshot *s)
{
	struct ntmem_info info;
	struct ntmem_query q;
	__u64 addr;

	memset(s, 0, sizeof(*s));
	if (nt_info(fd, &info))
		return;
	s->committed = info.space_committed;
	s->reserved = info.space_reserved;
	for (addr = 0; addr <= info.max_address; addr = q.base + q.size) {
		if (nt_query(fd, addr, &q) || !q.size)
			break;
		if (q.state != COMMITTED && q.state != RESERVED)
			continue;
		s->runs++;
		s->hash = nt_hash(s->hash, q.base);
		s->hash = nt_hash(s->hash, q.size);
		s->hash = nt_hash(s->hash, q.alloc_base);
		s->hash = nt_hash(s->hash, q.alloc_prot);
		s->hash = nt_hash(s->hash, q.state);
		s->hash = nt_hash(s->hash, q.prot);
		s->hash = nt_hash(s->hash, q.type);
	}
}

/* Is the space as it was? */
static inline bool nt_same(int fd, const struct nt_snapshot *before)
{
	struct nt_snapshot after;

	nt_snapshot(fd, &after);
	if (!memcmp(before, &after, sizeof(after)))
		return true;
	fprintf(stderr, "# space changed: %llu runs, committed %#llx, reserved %#llx\n",
		after.runs, after.committed, after.reserved);
	fprintf(stderr, "# was: %llu runs, committed %#llx, reserved %#llx\n",
		before->runs, before->committed, before->reserved);
	return false;
}

/*
 * The call must fail with this errno (0 for calls that must succeed without
 * effect) and leave every run and account of self->fd's space as they were.
 */
#define ASSERT_UNCHANGED(error, call) do {				\
	struct nt_snapshot _before;					\
									\
	nt_snapshot(self->fd, &_before);				\
	ASSERT_EQ(error, call);						\
	ASSERT_TRUE(nt_same(self->fd, &_before));			\
} while (0)

/* For errno and -1 style system calls inside ASSERT_UNCHANGED. */
#define ERRNO_OF(call)	((call) == -1 ? errno : 0)

/* ------------------------------------------------------------------------
 * Accesses. A refused one returns the negative signal number.
 */
static __thread sigjmp_buf nt_escape;
static __thread volatile sig_atomic_t nt_armed;
static __thread void *volatile nt_fault_addr;

static inline void nt_on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (!nt_armed) {
		signal(sig, SIG_DFL);
		return;
	}
	nt_fault_addr = info->si_addr;
	siglongjmp(nt_escape, sig);
}

static inline void nt_catch_faults(void)
{
	struct sigaction action = {
		.sa_sigaction = nt_on_fault, .sa_flags = SA_SIGINFO,
	};

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

static inline void *nt_ptr(__u64 addr)
{
	return (void *)(uintptr_t)addr;
}

enum nt_access { NT_READ, NT_WRITE, NT_RUN };

static inline int nt_access(__u64 addr, enum nt_access how, unsigned char value)
{
	volatile unsigned char *p = nt_ptr(addr);
	volatile int result = 0;
	int sig;

	nt_catch_faults();
	sig = sigsetjmp(nt_escape, 1);
	if (sig) {
		nt_armed = 0;
		return -sig;
	}
	nt_armed = 1;
	switch (how) {
	case NT_READ:
		result = *p;
		break;
	case NT_WRITE:
		*p = value;
		break;
	case NT_RUN:
		result = ((int (*)(void))nt_ptr(addr))();
		break;
	}
	nt_armed = 0;
	return result;
}

/* The byte at addr. */
static inline int nt_peek(__u64 addr)
{
	return nt_access(addr, NT_READ, 0);
}

static inline int nt_poke(__u64 addr, unsigned char value)
{
	return nt_access(addr, NT_WRITE, value);
}

/* What the function at addr returns. */
static inline int nt_exec(__u64 addr)
{
	return nt_access(addr, NT_RUN, 0);
}

/* "mov eax, value; ret" */
static inline void nt_write_code(__u64 addr, __u32 value)
{
	unsigned char *p = nt_ptr(addr);

	p[0] = 0xb8;
	memcpy(p + 1, &value, 4);
	p[5] = 0xc3;
}

/* The thread's last refused access must have had this reason. */
static inline bool nt_fault_was(int fd, __u64 addr, __u32 access, __u32 reason,
				__u32 prot)
{
	struct ntmem_fault f;
	int error = nt_last_fault(fd, &f);

	if (!error && f.addr == addr && f.access == access &&
	    f.reason == reason && f.prot == prot && !f.pad)
		return true;
	fprintf(stderr, "# last fault: error %d, %#llx access %u reason %u prot %#x\n",
		error, f.addr, f.access, f.reason, f.prot);
	fprintf(stderr, "# expected %#llx access %u reason %u prot %#x\n",
		addr, access, reason, prot);
	return false;
}

/* Are all bytes of the range equal to value? */
static inline bool nt_all(__u64 addr, __u64 size, unsigned char value)
{
	const unsigned char *p = nt_ptr(addr);

	return p[0] == value && !memcmp(p, p + 1, size - 1);
}

/* ------------------------------------------------------------------------
 * Children, which must not use the harness's macros. They return 0, or leave
 * with 1 after they said what failed.
 */
#define CHECK(condition)	nt_check(condition, __FILE__, __LINE__, #condition)

static inline void nt_check(bool ok, const char *file, int line,
			    const char *condition)
{
	if (ok)
		return;
	fprintf(stderr, "# %s:%d: failed: %s (errno %d)\n", file, line,
		condition, errno);
	_exit(1);
}

static inline pid_t nt_spawn(int (*run)(void *), void *data)
{
	pid_t pid = fork();

	if (!pid) {
		int status = run(data);

		fflush(stdout);
		_exit(status);
	}
	return pid;
}

/* The exit status of a child, 128 + signal, or -1. */
static inline int nt_reap(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static inline int nt_in_child(int (*run)(void *), void *data)
{
	return nt_reap(nt_spawn(run, data));
}

/* A one-byte rendezvous between processes. */
struct nt_gate {
	int pipe[2];
};

static inline int nt_gate_init(struct nt_gate *gate)
{
	return pipe(gate->pipe);
}

static inline int nt_gate_open(struct nt_gate *gate)
{
	return write(gate->pipe[1], "", 1) == 1 ? 0 : -1;
}

static inline int nt_gate_wait(struct nt_gate *gate)
{
	char c;

	return read(gate->pipe[0], &c, 1) == 1 ? 0 : -1;
}

/* ------------------------------------------------------------------------
 * Files.
 */
static inline int nt_read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0, got = -1;

	if (fd < 0)
		return -1;
	while (n < (ssize_t)size - 1) {
		got = read(fd, text + n, size - 1 - n);
		if (got <= 0)
			break;
		n += got;
	}
	close(fd);
	if (got < 0)
		return -1;
	text[n] = '\0';
	return 0;
}

/* 0 or an errno. */
static inline int nt_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		error = errno;
	close(fd);
	return error;
}

/* How many mappings of this process lie in the range, whole or in part. */
static inline int nt_count_vmas(__u64 start, __u64 end)
{
	FILE *file = fopen("/proc/self/maps", "r");
	unsigned long long from, to;
	char line[512];
	int count = 0;

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%llx-%llx", &from, &to) == 2 &&
		    from < end && to > start)
			count++;
	fclose(file);
	return count;
}

/* Passes a descriptor through a socket, with a byte; -1 when it cannot. */
static inline int nt_send_fd(int sock, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -1;
}

static inline int nt_receive_fd(int sock)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(sock, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

/* ------------------------------------------------------------------------
 * The kernel log.
 */

/* Reads what is logged from now on. */
static inline int nt_log_open(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (log >= 0)
		lseek(log, 0, SEEK_END);
	return log;
}

/* The lines since the last call that hold both words. */
static inline int nt_log_lines(int log, const char *one, const char *two)
{
	char line[2048];
	int count = 0;
	ssize_t n;

	for (;;) {
		n = read(log, line, sizeof(line) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			return count;
		line[n] = '\0';
		if (strstr(line, one) && strstr(line, two))
			count++;
	}
}

#endif /* NTMEM_TEST_H */
