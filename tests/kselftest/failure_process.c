// SPDX-License-Identifier: GPL-2.0
/*
 * exec, exit, and what a process does to its mappings with the system calls of
 * Linux, with allocations and copies failing in turn.
 */
#include "failure_process.h"

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
		injection_open();
		ends(s);
	}
	CHECK(!waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	injection_times(0);
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
	inject(s->n, s->times);
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
	inject(s->n, s->times);
	execve("/proc/self/exe", argv, environment);
	inject_end(s->times);
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
