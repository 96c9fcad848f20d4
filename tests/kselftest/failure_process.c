// SPDX-License-Identifier: GPL-2.0
/*
 * fork, exec, exit, and what a process does to its mappings with the system
 * calls of Linux, with each allocation and copy failing in turn.
 *
 * The child of a fork that found no memory may lack some of what its parent
 * has: then every access there is SIGBUS. All else it has, and can use.
 */
#include "failure.h"

/* 4 MiB in an arena. */
static void filled(struct step *s)
{
	reserving(s, 4 * MIB, RW, 0);
	CHECK(!nt_commit(s->fd, s->base, 3 * MIB, RW));
	fill(s, s->base, GRAN, 1);
	fill(s, s->base + 2 * MIB, 3 * PAGE, 2);
}

/* In mappings of their own as well, below and above the arena. */
static void several(struct step *s)
{
	__u64 addr;

	filled(s);
	CHECK(!nt_reserve_at(s->fd, WANTED, MIB));
	CHECK(!nt_commit(s->fd, WANTED, MIB, RW));
	fill(s, WANTED + GRAN, 2 * PAGE, 3);
	addr = nt_block(s->fd, MIB, RWX);
	CHECK(addr);
	fill(s, addr, 2 * PAGE, 4);
	addr = nt_block(s->fd, MIB, RW);
	CHECK(addr);
	fill(s, addr + MIB - PAGE, PAGE, 5);
}

static void big(struct step *s)
{
	__u64 addr;

	opened(s);
	addr = nt_block(s->fd, 64 * MIB, RW);
	CHECK(addr);
	fill(s, addr + 5 * MIB, 2 * PAGE, 1);
	fill(s, addr + 50 * MIB, 2 * PAGE, 2);
	CHECK(!nt_decommit(s->fd, addr + 20 * MIB, 20 * MIB));
	s->base = addr;
}

static void mixed(struct step *s)
{
	filled(s);
	CHECK(!nt_protect(s->fd, s->base + PAGE, PAGE, RO, NULL));
	CHECK(!nt_lock(s->fd, s->base + 2 * MIB, 2 * PAGE));
	CHECK(!nt_reset(s->fd, s->base + 2 * MIB + 2 * PAGE, PAGE));
	CHECK(nt_any(s->fd, MIB, NTMEM_RESERVE_NOFORK));
}

/* Shared already, in part. */
static void shared(struct step *s)
{
	filled(s);
	share(s);
	memset(nt_ptr(s->base), 1, PAGE);
}

/* ------------------------------------------------------------------------
 * fork.
 */

/* All there, or, after a failure, all gone. */
static bool inherited(const struct span *p, bool injected)
{
	__u64 page;

	if (!injected || nt_peek(p->addr) != -SIGBUS)
		return holds(p->addr, p->size, p->value);
	for (page = p->addr; page < p->addr + p->size; page += PAGE)
		if (nt_peek(page) != -SIGBUS || nt_poke(page, 1) != -SIGBUS)
			return false;
	return true;
}

/* What the child has in its own space it can use, as far as it has one. */
static void child_uses(struct step *s, bool injected)
{
	int fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC), i;
	struct ntmem_info info;
	__u64 addr = 0;

	CHECK(fd >= 0);
	if (injected && nt_info(fd, &info) == EIO)
		return;
	for (i = 0; i < 4; i++) {
		addr = nt_block(fd, MIB, RW);
		CHECK(addr);
		CHECK(usable(addr, RW));
		CHECK(usable(addr + MIB - PAGE, RW));
	}
	/* Where it lacks something, nothing can be put. */
	for (i = 0; i < s->spans; i++) {
		addr = s->span[i].addr & -GRAN;
		if (!nt_is_free(fd, addr))
			continue;
		CHECK(injected);
		CHECK(!nt_reserve_at(fd, addr, GRAN));
		CHECK(!nt_commit(fd, addr, GRAN, RW));
		CHECK(usable(addr, RW));
	}
}

static void child(struct step *s)
{
	char injected;
	int i;

	CHECK(read(s->tell.pipe[0], &injected, 1) == 1);
	for (i = 0; i < s->spans; i++)
		CHECK(inherited(&s->span[i], injected));
	for (i = 0; i < s->spans; i++)
		nt_poke(s->span[i].addr, 99);
	child_uses(s, injected);
}

/* The child waits to be told whether something failed. */
static int run_fork(struct step *s)
{
	pid_t pid = fork();
	int error = errno;
	char injected;

	if (!pid) {
		child(s);
		_exit(0);
	}
	stop(s);
	injected = s->injected;
	if (pid > 0) {
		CHECK(write(s->tell.pipe[1], &injected, 1) == 1);
		CHECK(!nt_reap(pid));
	}
	return pid < 0 ? error : 0;
}

/* The parent has all it had, and what it writes is its own. */
static void done_fork(struct step *s)
{
	int i;

	unchanged(s);
	for (i = 0; i < s->spans; i++)
		nt_poke(s->span[i].addr, 98);
}

CASE(fork) {
	.setup = filled, .run = run_fork, .done = done_fork, .also = EAGAIN,
};

CASE(fork_several) {
	.setup = several, .run = run_fork, .done = done_fork, .also = EAGAIN,
};

CASE(fork_big) {
	.setup = big, .run = run_fork, .done = done_fork, .also = EAGAIN,
};

CASE(fork_mixed) {
	.setup = mixed, .run = run_fork, .done = done_fork, .also = EAGAIN,
};

CASE(fork_shared) {
	.setup = shared, .run = run_fork, .done = done_fork, .also = EAGAIN,
};

/* ------------------------------------------------------------------------
 * exec and exit, which happen to a child. How many failures came to pass is
 * in its fail-nth until it is reaped.
 */
#define REFUSED	77

static int run_child(struct step *s, void (*ends)(struct step *s))
{
	char path[64], text[16];
	siginfo_t info;
	pid_t pid;
	int status;

	if (s->stopped)
		s->n = 0;
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		s->nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
		CHECK(s->nth >= 0);
		ends(s);
	}
	CHECK(!waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	snprintf(path, sizeof(path), "/proc/%d/fail-nth", pid);
	CHECK(!nt_read_file(path, text, sizeof(text)));
	s->injected = s->n && !strtoul(text, NULL, 10);
	s->stopped = true;
	status = nt_reap(pid);
	CHECK(status != 1);
	CHECK(s->injected || !status || status == REFUSED);
	return 0;
}

static void exits(struct step *s)
{
	inject(s->nth, s->n);
	syscall(SYS_exit_group, 0);
}

static int run_exit(struct step *s)
{
	return run_child(s, exits);
}

/* Who comes back from exec, why ever, has all it had, its space included. */
static void executes(struct step *s)
{
	static char *const argv[] = { "failure", "exit", NULL };
	static char *const environment[] = { NULL };
	int i;

	s->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	CHECK(s->fd >= 0);
	CHECK(nt_block(s->fd, MIB, RW));
	inject(s->nth, s->n);
	execve("/proc/self/exe", argv, environment);
	inject_end(s->nth);
	CHECK(holds_all(s));
	for (i = 0; i < s->spans; i++)
		CHECK(!nt_poke(s->span[i].addr, 99));
	CHECK(nt_block(s->fd, MIB, RW));
	_exit(REFUSED);
}

static int run_exec(struct step *s)
{
	return run_child(s, executes);
}

CASE(exit) {
	.setup = several, .run = run_exit, .done = unchanged, .itself = true,
};

CASE(exit_big) {
	.setup = big, .run = run_exit, .done = unchanged, .itself = true,
};

CASE(exec) {
	.setup = several, .run = run_exec, .done = unchanged, .itself = true,
};

static int run_close(struct step *s)
{
	int fd = s->fd;

	s->fd = -1;
	return close(fd) ? errno : 0;
}

static void done_close(struct step *s)
{
	(void)s;
}

CASE(close) {
	.setup = opened, .run = run_close, .done = done_close,
};

/* ------------------------------------------------------------------------
 * Mappings.
 */
static void check_free(struct step *s)
{
	__u64 addr;
	int i;

	CHECK(nt_is_free(s->fd, s->base));
	CHECK(nt_peek(s->base) == -SIGSEGV);
	for (i = 0; i < 4; i++) {
		addr = nt_block(s->fd, MIB, RW);
		CHECK(addr);
		CHECK(usable(addr, RW));
		CHECK(usable(addr + MIB - PAGE, RW));
	}
}

static int run_unmap(struct step *s)
{
	return munmap(nt_ptr(s->base), 4 * MIB) ? errno : 0;
}

static void own_mapping(struct step *s)
{
	reserving(s, 4 * MIB, RWX, NTMEM_RESERVE_COMMIT);
	fill(s, s->base, GRAN, 5);
}

CASE(unmap) {
	.setup = filled, .run = run_unmap, .done = check_free,
};

CASE(unmap_own) {
	.setup = own_mapping, .run = run_unmap, .done = check_free,
};

CASE(unmap_shared) {
	.setup = shared, .run = run_unmap, .done = check_free,
};

static void many(struct step *s)
{
	int i;

	filled(s);
	for (i = 0; i < 40; i++)
		CHECK(nt_block(s->fd, GRAN, RW));
}

/* All of them, and nothing else. */
static int run_unmap_many(struct step *s)
{
	return munmap(nt_ptr(s->base), 4 * MIB + 40 * GRAN) ? errno : 0;
}

CASE(unmap_many) {
	.setup = many, .run = run_unmap_many, .done = check_free,
};

static int run_unmap_part(struct step *s)
{
	return munmap(nt_ptr(s->base), PAGE) ? errno : 0;
}

CASE(unmap_part) {
	.setup = filled, .run = run_unmap_part, .done = unchanged,
	.result = EINVAL,
};

/* What mmap(2) puts there instead, or nothing: there was no way back. */
static int run_map_over(struct step *s)
{
	return mmap(nt_ptr(s->base), 4 * MIB, PROT_READ,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		MAP_FAILED ? errno : 0;
}

static void done_map_over(struct step *s)
{
	struct ntmem_query q;

	CHECK(!nt_query(s->fd, s->base, &q));
	CHECK(q.state == NTMEM_STATE_FOREIGN);
	CHECK(nt_peek(s->base) == 0);
}

static void free_or_unchanged(struct step *s, int error)
{
	(void)error;
	if (nt_is_free(s->fd, s->base))
		check_free(s);
	else
		unchanged(s);
}

CASE(map_over) {
	.setup = filled, .run = run_map_over, .done = done_map_over,
	.failed = free_or_unchanged,
};

static int run_mprotect(struct step *s)
{
	return mprotect(nt_ptr(s->base), 4 * MIB, PROT_READ) ? errno : 0;
}

CASE(mprotect) {
	.setup = filled, .run = run_mprotect, .done = unchanged,
	.result = EACCES,
};

static int run_mremap(struct step *s)
{
	return mremap(nt_ptr(s->base), 4 * MIB, 4 * MIB,
		      MREMAP_MAYMOVE | MREMAP_FIXED, nt_ptr(WANTED)) ==
		MAP_FAILED ? errno : 0;
}

CASE(mremap) {
	.setup = filled, .run = run_mremap, .done = unchanged,
	.result = EINVAL,
};

static int run_dont_need(struct step *s)
{
	return madvise(nt_ptr(s->base), 4 * MIB, MADV_DONTNEED) ? errno : 0;
}

CASE(madvise_dont_need) {
	.setup = filled, .run = run_dont_need, .done = unchanged,
};

static int run_dont_fork(struct step *s)
{
	return madvise(nt_ptr(s->base), 4 * MIB, MADV_DONTFORK) ? errno : 0;
}

CASE(madvise_dont_fork) {
	.setup = filled, .run = run_dont_fork, .done = unchanged,
	.also = EAGAIN,
};

static int run_mlock(struct step *s)
{
	return mlock(nt_ptr(s->base), 4 * MIB) ? errno : 0;
}

CASE(mlock) {
	.setup = own_mapping, .run = run_mlock, .done = unchanged,
	.also = EAGAIN,
};

FAILURE_MAIN
