// SPDX-License-Identifier: GPL-2.0
/*
 * Every kind of page fault, and every way in which the kernel itself gets at
 * the memory, with each allocation and copy failing in turn.
 *
 * A fault of the program that finds no memory is tried again by the core, so
 * that the program sees nothing of it. An access of the kernel fails.
 */
#include "failure.h"

#include <sys/ptrace.h>
#include <sys/uio.h>

/* 4 MiB, which begin with a page table, committed. */
static void committed(struct step *s)
{
	reserving(s, 4 * MIB, RW, 0);
	CHECK(!nt_commit(s->fd, s->base, 4 * MIB, RW));
}

/* As a run without tables. */
static void untouched(struct step *s)
{
	reserving(s, 32 * MIB, RW, NTMEM_RESERVE_COMMIT);
}

static void filled(struct step *s)
{
	committed(s);
	fill(s, s->base, 2 * GRAN, 1);
}

static void shared(struct step *s)
{
	filled(s);
	share(s);
}

/* The rest of the step runs in the child. */
static void forked(struct step *s)
{
	pid_t pid;

	filled(s);
	pid = fork();
	CHECK(pid >= 0);
	if (pid) {
		int status = nt_reap(pid);

		CHECK(holds_all(s));
		_exit(status);
	}
	injection_open();
	s->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	CHECK(s->fd >= 0);
}

/* ------------------------------------------------------------------------
 * Faults of the program.
 */
static volatile unsigned char *page(const struct step *s, int i)
{
	return nt_ptr(s->base + i * PAGE);
}

static int run_write(struct step *s)
{
	*page(s, 3) = 9;
	return 0;
}

static void done_write(struct step *s)
{
	CHECK(nt_peek(s->base + 3 * PAGE) == 9);
	*page(s, 3) = s->spans ? s->span[0].value : 0;
	CHECK(holds_all(s));
}

static int run_read(struct step *s)
{
	return *page(s, 3) == (s->spans ? s->span[0].value : 0) ? 0 : EIO;
}

static void done_nothing(struct step *s)
{
	CHECK(holds_all(s));
}

CASE(write_untouched) {
	.setup = untouched, .run = run_write, .done = done_write,
};

CASE(read_untouched) {
	.setup = untouched, .run = run_read, .done = done_nothing,
};

CASE(write_first) {
	.setup = committed, .run = run_write, .done = done_write,
};

/* A sequence of faults, each of which maps more. */
static int run_sequence(struct step *s)
{
	int i;

	for (i = 0; i < 48; i++)
		*page(s, i) = 5;
	return 0;
}

static void done_sequence(struct step *s)
{
	CHECK(holds(s->base + 48 * PAGE, 16 * PAGE, 0));
	CHECK(*page(s, 0) == 5 && *page(s, 47) == 5);
	CHECK(!*(page(s, 47) + 1));
}

CASE(write_sequence) {
	.setup = committed, .run = run_sequence, .done = done_sequence,
};

/* A block that was used to the full comes back as a whole. */
static void second_life(struct step *s)
{
	filled(s);
	CHECK(!nt_decommit(s->fd, s->base, 2 * GRAN));
	CHECK(!nt_commit(s->fd, s->base, 2 * GRAN, RW));
	/* Other blocks use up the spare pages. */
	fill(s, s->base + MIB, 2 * GRAN, 2);
	s->spans = 0;
}

CASE(write_second_life) {
	.setup = second_life, .run = run_write, .done = done_write,
};

/* What a PROTECT took from the page table is mapped again, read-only. */
static void unmapped(struct step *s)
{
	filled(s);
	CHECK(!nt_protect(s->fd, s->base, 2 * GRAN, NOACCESS, NULL));
	CHECK(!nt_protect(s->fd, s->base, 2 * GRAN, RW, NULL));
}

CASE(read_unmapped) {
	.setup = unmapped, .run = run_read, .done = done_nothing,
};

CASE(write_unmapped) {
	.setup = unmapped, .run = run_write, .done = done_write,
};

/* Its page table is gone, too. */
static void no_page_table(struct step *s)
{
	filled(s);
	CHECK(!nt_decommit(s->fd, s->base + MIB, MIB));
	CHECK(!nt_protect(s->fd, s->base, PAGE, RX, NULL));
	CHECK(!nt_protect(s->fd, s->base, PAGE, RW, NULL));
}

CASE(write_without_page_table) {
	.setup = no_page_table, .run = run_write, .done = done_write,
};

/* A page that was mapped read-only becomes writable. */
static void read_only(struct step *s)
{
	unmapped(s);
	CHECK(*page(s, 3) == 1);
}

CASE(write_read_only) {
	.setup = read_only, .run = run_write, .done = done_write,
};

static void coded(struct step *s)
{
	committed(s);
	CHECK(!nt_protect(s->fd, s->base, MIB, RWX, NULL));
	nt_write_code(s->base + 3 * PAGE, 42);
	CHECK(!nt_protect(s->fd, s->base, MIB, NOACCESS, NULL));
	CHECK(!nt_protect(s->fd, s->base, MIB, RX, NULL));
}

static int run_code(struct step *s)
{
	return ((int (*)(void))nt_ptr(s->base + 3 * PAGE))() == 42 ? 0 : EIO;
}

CASE(execute) {
	.setup = coded, .run = run_code, .done = done_nothing,
};

/* Copy-on-write, on either side, while the other side looks on. */
CASE(write_shared) {
	.setup = shared, .run = run_write, .done = done_write,
};

CASE(write_in_the_child) {
	.setup = forked, .alone = true, .run = run_write, .done = done_write,
};

CASE(read_in_the_child) {
	.setup = forked, .alone = true, .run = run_read, .done = done_nothing,
};

/* Nobody shares it any more, but it may still look like that. */
static void was_shared(struct step *s)
{
	shared(s);
	share_end(s);
}

CASE(write_once_shared) {
	.setup = was_shared, .run = run_write, .done = done_write,
};

static void untouched_shared(struct step *s)
{
	filled(s);
	s->base += MIB;
	share(s);
	s->spans = 0;
}

CASE(write_untouched_shared) {
	.setup = untouched_shared, .run = run_write, .done = done_write,
};

/* The content matters again with the first write. */
static void reset(struct step *s)
{
	filled(s);
	CHECK(!nt_reset(s->fd, s->base, 2 * GRAN));
}

static void done_reset(struct step *s)
{
	int i;

	CHECK(*page(s, 3) == 9);
	for (i = 0; i < 3; i++)
		CHECK(!nt_write_file("/proc/sys/vm/drop_caches", "2"));
	CHECK(*page(s, 3) == 9);
	CHECK(*page(s, 4) == 0);
	CHECK(nt_reset_undo(s->fd, s->base + 3 * PAGE, PAGE) == 0);
}

CASE(write_reset) {
	.setup = reset, .run = run_write, .done = done_reset,
};

static void lost(struct step *s)
{
	int i;

	reset(s);
	for (i = 0; i < 3; i++)
		CHECK(!nt_write_file("/proc/sys/vm/drop_caches", "2"));
	s->spans = 0;
}

CASE(write_lost) {
	.setup = lost, .run = run_write, .done = done_write,
};

CASE(read_lost) {
	.setup = lost, .run = run_read, .done = done_nothing,
};

/* ------------------------------------------------------------------------
 * Accesses that are refused.
 */
static void guarded(struct step *s)
{
	filled(s);
	CHECK(!nt_protect(s->fd, s->base + 3 * PAGE, PAGE, RW | GUARD, NULL));
	/* Another refusal before, whose reason nobody asked for. */
	CHECK(!nt_decommit(s->fd, s->base + MIB, PAGE));
	CHECK(nt_poke(s->base + MIB, 1) == -SIGSEGV);
}

static int run_refused(struct step *s)
{
	return nt_peek(s->base + 3 * PAGE);
}

/* The true reason, or none: there was no memory to remember it. */
static void reason_is(struct step *s, __u32 reason)
{
	struct ntmem_fault f;
	int error = nt_last_fault(s->fd, &f);

	CHECK(!error || (s->injected && error == ENODATA));
	if (!error)
		CHECK(f.addr == s->base + 3 * PAGE && f.reason == reason);
}

static void done_guarded(struct step *s)
{
	reason_is(s, NTMEM_FAULT_GUARD);
	CHECK(nt_run(s->fd, s->base, MIB, COMMITTED, RW));
	CHECK(holds_all(s));
}

CASE(guard) {
	.setup = guarded, .run = run_refused, .done = done_guarded,
	.result = -SIGSEGV, .may_die = true,
};

static void no_access(struct step *s)
{
	filled(s);
	CHECK(!nt_protect(s->fd, s->base + 3 * PAGE, PAGE, NOACCESS, NULL));
	s->spans = 0;
}

static void done_no_access(struct step *s)
{
	reason_is(s, NTMEM_FAULT_PROTECTION);
	CHECK(nt_run(s->fd, s->base + 3 * PAGE, PAGE, COMMITTED, NOACCESS));
}

CASE(no_access) {
	.setup = no_access, .run = run_refused, .done = done_no_access,
	.result = -SIGSEGV, .may_die = true,
};

/* A guard in memory that is shared: it goes on this side only. */
static void shared_guard(struct step *s)
{
	filled(s);
	s->spans = 0;
	fill(s, s->base + GRAN, GRAN, 1);
	CHECK(!nt_protect(s->fd, s->base + 3 * PAGE, PAGE, RW | GUARD, NULL));
	share(s);
}

static void done_shared_guard(struct step *s)
{
	reason_is(s, NTMEM_FAULT_GUARD);
	CHECK(nt_run(s->fd, s->base + 3 * PAGE, 4 * MIB - 3 * PAGE, COMMITTED,
		     RW));
	CHECK(holds(s->base, 2 * GRAN, 1));
}

CASE(guard_shared) {
	.setup = shared_guard, .run = run_refused, .done = done_shared_guard,
	.result = -SIGSEGV, .may_die = true,
};

/* ------------------------------------------------------------------------
 * Accesses of the kernel. What was not copied whole counts as EFAULT.
 */
#define IO_SIZE	(3 * PAGE)

/* Of whole pages, for direct I/O. */
static unsigned char *buffer;

static int whole(ssize_t n)
{
	if (n < 0)
		return errno;
	return n == (ssize_t)IO_SIZE ? 0 : EFAULT;
}

static void fill_buffer(void)
{
	if (!buffer)
		buffer = mmap(NULL, IO_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(buffer != MAP_FAILED);
	memset(buffer, 7, IO_SIZE);
}

/* A file of its own, full of sevens. */
static void with_file(struct step *s, const char *folder, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/failure-%d", folder, getpid());
	s->file = open(path, O_RDWR | O_CREAT | O_EXCL | flags, 0600);
	CHECK(s->file >= 0);
	CHECK(!unlink(path));
	fill_buffer();
	CHECK(!whole(pwrite(s->file, buffer, IO_SIZE, 0)));
	CHECK(!fsync(s->file));
}

static void memory_file(struct step *s)
{
	untouched(s);
	with_file(s, "/dev/shm", 0);
}

static void memory_file_filled(struct step *s)
{
	filled(s);
	with_file(s, "/dev/shm", 0);
}

static void memory_file_shared(struct step *s)
{
	with_file(s, "/dev/shm", 0);
	shared(s);
	/* What is shared is overwritten, on this side. */
	s->spans = 0;
}

static void disk_file(struct step *s)
{
	untouched(s);
	with_file(s, "/scratch", O_DIRECT);
}

static int run_file_read(struct step *s)
{
	return whole(pread(s->file, nt_ptr(s->base), IO_SIZE, 0));
}

static int run_file_write(struct step *s)
{
	return whole(pwrite(s->file, nt_ptr(s->base), IO_SIZE, 0));
}

static void done_file_read(struct step *s)
{
	CHECK(holds(s->base, IO_SIZE, 7));
}

static void done_file_write(struct step *s)
{
	CHECK(holds_all(s));
	CHECK(!whole(pread(s->file, nt_ptr(s->base + MIB), IO_SIZE, 0)));
	CHECK(holds(s->base + MIB, IO_SIZE, s->spans ? s->span[0].value : 0));
}

CASE(file_read) {
	.setup = memory_file, .run = run_file_read, .done = done_file_read,
};

CASE(file_write) {
	.setup = memory_file_filled, .run = run_file_write,
	.done = done_file_write,
};

CASE(file_write_untouched) {
	.setup = memory_file, .run = run_file_write, .done = done_file_write,
};

CASE(file_read_shared) {
	.setup = memory_file_shared, .run = run_file_read,
	.done = done_file_read,
};

CASE(direct_read) {
	.setup = disk_file, .run = run_file_read, .done = done_file_read,
	.also = EIO,
};

CASE(direct_write) {
	.setup = disk_file, .run = run_file_write, .done = done_file_write,
	.also = EIO,
};

static void untouched_and_buffer(struct step *s)
{
	untouched(s);
	fill_buffer();
}

static int run_vm_read(struct step *s)
{
	struct iovec there = { nt_ptr(s->base), IO_SIZE };
	struct iovec local = { .iov_len = IO_SIZE };

	local.iov_base = buffer;
	return whole(process_vm_readv(getpid(), &local, 1, &there, 1, 0));
}

static int run_vm_write(struct step *s)
{
	struct iovec there = { nt_ptr(s->base), IO_SIZE };
	struct iovec local = { .iov_len = IO_SIZE };

	local.iov_base = buffer;
	return whole(process_vm_writev(getpid(), &local, 1, &there, 1, 0));
}

CASE(vm_read) {
	.setup = untouched_and_buffer, .run = run_vm_read, .done = done_nothing,
};

CASE(vm_write) {
	.setup = untouched_and_buffer, .run = run_vm_write, .done = done_file_read,
};

static void shared_to_write(struct step *s)
{
	shared(s);
	s->spans = 0;
	fill_buffer();
}

CASE(vm_write_shared) {
	.setup = shared_to_write, .run = run_vm_write, .done = done_file_read,
};

/* A debugger, and a child with memory that it shares and has not touched. */
static void traced(struct step *s)
{
	int status;

	filled(s);
	s->file = fork();
	CHECK(s->file >= 0);
	if (!s->file) {
		CHECK(!ptrace(PTRACE_TRACEME, 0, NULL, NULL));
		raise(SIGSTOP);
		/* What the debugger wrote is there, and nothing else. */
		_exit(nt_peek(s->base + MIB) == 3 && nt_peek(s->base) == 3 &&
		      nt_peek(s->base + PAGE) == 1 ? 0 : 1);
	}
	CHECK(waitpid(s->file, &status, 0) == s->file && WIFSTOPPED(status));
}

static int run_trace(struct step *s)
{
	void *untouched = nt_ptr(s->base + MIB);
	bool ok;
	long word;

	errno = 0;
	word = ptrace(PTRACE_PEEKDATA, s->file, untouched, NULL);
	ok = !errno && !(word & ~3);
	ok = ok && !ptrace(PTRACE_POKEDATA, s->file, untouched, 3L);
	ok = ok && !ptrace(PTRACE_POKEDATA, s->file, nt_ptr(s->base), 3L);
	return ok ? 0 : EFAULT;
}

static void done_trace(struct step *s)
{
	CHECK(!ptrace(PTRACE_CONT, s->file, NULL, NULL));
	CHECK(!nt_reap(s->file));
	CHECK(holds_all(s));
	CHECK(nt_peek(s->base + MIB) == 0);
}

CASE(trace) {
	.setup = traced, .run = run_trace, .done = done_trace, .also = EIO,
};

static int run_populate(struct step *s)
{
	return madvise(nt_ptr(s->base), IO_SIZE, MADV_POPULATE_WRITE) ?
		errno : 0;
}

CASE(populate) {
	.setup = untouched, .run = run_populate, .done = done_nothing,
};

CASE(populate_shared) {
	.setup = shared, .run = run_populate, .done = done_nothing,
};

/* A shared futex is known by its page. */
static int run_futex(struct step *s)
{
	return syscall(SYS_futex, nt_ptr(s->base), 1 /* FUTEX_WAKE */, 1, NULL,
		       NULL, 0) < 0 ? errno : 0;
}

CASE(futex) {
	.setup = untouched, .run = run_futex, .done = done_nothing,
};

static void piped(struct step *s)
{
	filled(s);
	fill_buffer();
}

/* The pipe is emptied, so that it has room the second time. */
static int run_splice(struct step *s)
{
	struct iovec iov = { nt_ptr(s->base), IO_SIZE };
	ssize_t n = vmsplice(s->tell.pipe[1], &iov, 1, 0);
	int result = whole(n);

	while (n > 0) {
		ssize_t got = read(s->tell.pipe[0], buffer, n);

		CHECK(got > 0 || errno == EFAULT);
		n -= got > 0 ? got : 0;
	}
	return result;
}

CASE(splice) {
	.setup = piped, .run = run_splice, .done = done_nothing,
};

FAILURE_MAIN
