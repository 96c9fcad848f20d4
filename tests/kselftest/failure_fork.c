// SPDX-License-Identifier: GPL-2.0
/*
 * fork, with allocations and copies failing in turn.
 *
 * The child of a fork that found no memory may lack some of what its parent
 * has: then every access there is SIGBUS. All else it has, and can use.
 *
 * Most of what a fork allocates is none of ours, and each point is a process:
 * far from ours the walks take large steps, once they know where that is.
 */
#include "failure_process.h"
#include "pin.h"

static void mixed(struct step *s)
{
	filled(s);
	CHECK(!nt_protect(s->fd, s->base + PAGE, PAGE, RO, NULL));
	CHECK(!nt_lock(s->fd, s->base + 2 * MIB, 2 * PAGE));
	CHECK(!nt_reset(s->fd, s->base + 2 * MIB + 2 * PAGE, PAGE));
	CHECK(nt_any(s->fd, MIB, NTMEM_RESERVE_NOFORK));
}

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

#define LACKS	3	/* exit status of a child that has not all */

static int child(struct step *s)
{
	int i, status = 0;
	char injected;

	CHECK(read(s->tell.pipe[0], &injected, 1) == 1);
	for (i = 0; i < s->spans; i++) {
		CHECK(inherited(&s->span[i], injected));
		if (nt_peek(s->span[i].addr) == -SIGBUS)
			status = LACKS;
	}
	for (i = 0; i < s->spans; i++)
		nt_poke(s->span[i].addr, 99);
	child_uses(s, injected);
	return status;
}

/* The child waits to be told whether something failed. */
static int run_fork(struct step *s)
{
	pid_t pid = fork();
	int error = errno, status;
	char injected;

	if (!pid)
		_exit(child(s));
	stop(s);
	if (pid < 0)
		return error;
	injected = s->injected;
	CHECK(write(s->tell.pipe[1], &injected, 1) == 1);
	status = nt_reap(pid);
	CHECK(!status || status == LACKS);
	s->ours = status == LACKS;
	return 0;
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
	.sparse = true,
};

CASE(fork_several) {
	.setup = several, .run = run_fork, .done = done_fork, .also = EAGAIN,
	.sparse = true,
};

CASE(fork_big) {
	.setup = big, .run = run_fork, .done = done_fork, .also = EAGAIN,
	.sparse = true,
};

CASE(fork_mixed) {
	.setup = mixed, .run = run_fork, .done = done_fork, .also = EAGAIN,
	.sparse = true,
};

CASE(fork_shared) {
	.setup = shared, .run = run_fork, .done = done_fork, .also = EAGAIN,
	.sparse = true,
};

/* With a page that the kernel is about to write to, and a child gets a copy of. */
static struct pin pin;

static void pinned(struct step *s)
{
	filled(s);
	CHECK(pin_begin(&pin, s->base + PAGE));
}

static void done_pinned(struct step *s)
{
	done_fork(s);
	CHECK(!pin_end(&pin, 6));
	CHECK(nt_all(s->base + PAGE, PAGE, 6));
}

CASE(fork_pinned) {
	.setup = pinned, .run = run_fork, .done = done_pinned, .also = EAGAIN,
	.sparse = true,
};

FAILURE_MAIN
