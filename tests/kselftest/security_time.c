// SPDX-License-Identifier: GPL-2.0
/*
 * How long a call may go on, and what it keeps others from: calls about large
 * ranges give way to other tasks and end when their process is killed. The
 * lines of doc/threat-model.md that begin with "security_time".
 *
 * With NTMEM_FIGURES in the environment it prints what the longest calls cost
 * by table (2 MiB of a reservation in which something was ever done), instead:
 *
 *	tests/guest/run -i -e NTMEM_FIGURES=1 \
 *		-f build/tests/kselftest/security_time \
 *		-- build/tests/kselftest/security_time
 */
#include "netlink.h"

#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#define CGROUP	"/sys/fs/cgroup/ntmem-security-time"
#define DEVICE	"/dev/ntmem"
#define CHUNK	(2 * MIB)

/* What a test shares with its children. */
struct shared {
	int runs;		/* who wants the CPU */
	int stop;
	struct ntmem_op ops[NTMEM_BATCH_MAX];
};

FIXTURE(calls)
{
	int fd;
	struct shared *shared;
};

FIXTURE_SETUP(calls)
{
	self->fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->shared = mmap(NULL, sizeof(*self->shared),
			    PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->shared);
}

FIXTURE_TEARDOWN(calls)
{
	close(self->fd);
}

/* A reservation of which every chunk has a table, with one committed page. */
static __u64 make_tables(int fd, unsigned long chunks)
{
	static struct ntmem_op ops[4096];
	unsigned long i, done, nr;
	__u64 base = nt_any(fd, chunks * CHUNK, NTMEM_RESERVE_WATCH);

	for (done = 0; base && done < chunks; done += nr) {
		nr = chunks - done < ARRAY_SIZE(ops) ? chunks - done :
						       ARRAY_SIZE(ops);
		for (i = 0; i < nr; i++)
			nt_op_range(&ops[i], NTMEM_NR_COMMIT,
				    base + (done + i) * CHUNK, PAGE, RW);
		if (nt_batch(fd, ops, nr, NTMEM_BATCH_STOP, NULL) ||
		    ops[nr - 1].status)
			return 0;
	}
	return base;
}

/* ------------------------------------------------------------------------
 * Ends with the process.
 */
struct batch {
	struct shared *shared;
	__u64 base;
};

static int runs_a_batch(void *data)
{
	struct batch *b = data;
	int fd = open(DEVICE, O_RDWR);
	unsigned int i;

	b->base = nt_block(fd, 16 * MIB, RW);
	CHECK(b->base);
	for (i = 0; i < NTMEM_BATCH_MAX; i++)
		nt_op_range(&b->shared->ops[i], NTMEM_NR_COMMIT, b->base,
			    16 * MIB, i % 2 ? RO : RW);
	nt_batch(fd, b->shared->ops, NTMEM_BATCH_MAX, 0, NULL);
	return 0;
}

TEST_F(calls, a_batch_ends_with_its_process)
{
	struct batch b = { .shared = self->shared };
	struct ntmem_op *ops = self->shared->ops;
	pid_t pid = nt_spawn(runs_a_batch, &b);
	unsigned int i, left = 0;

	ops[16].status = 1;
	while (__atomic_load_n(&ops[16].status, __ATOMIC_ACQUIRE))
		sched_yield();
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(128 + SIGKILL, nt_reap(pid));
	for (i = 0; i < NTMEM_BATCH_MAX; i++)
		left += ops[i].status == 12345;
	ASSERT_LT(0U, left);
}

#define LOCKED	(128 * MIB)

static int locks_much(void *data)
{
	int fd = open(DEVICE, O_RDWR);
	__u64 base;

	(void)data;
	CHECK(!nt_write_file(CGROUP "/cgroup.procs", "0"));
	base = nt_block(fd, LOCKED, RW);
	CHECK(base);
	nt_lock(fd, base, LOCKED);
	return 0;
}

/* Of the pages that LOCK was to bring, the killed one never had all. */
TEST_F(calls, lock_ends_with_its_process)
{
	__u64 before = nt_resident(self->fd);
	char text[64];
	pid_t pid;

	rmdir(CGROUP);
	nt_write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	if (mkdir(CGROUP, 0755) ||
	    nt_read_file(CGROUP "/memory.peak", text, sizeof(text)))
		SKIP(return, "no memory.peak");
	pid = nt_spawn(locks_much, NULL);
	while (nt_resident(self->fd) < before + 4 * MIB)
		sched_yield();
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, nt_reap(pid));
	EXPECT_EQ(0, nt_read_file(CGROUP "/memory.peak", text,
				  sizeof(text)));
	EXPECT_GT(LOCKED, strtoull(text, NULL, 10));
	EXPECT_EQ(before, nt_resident(self->fd));
	ASSERT_EQ(0, rmdir(CGROUP));
}

/* ------------------------------------------------------------------------
 * Gives way.
 */
static int wants_the_cpu(void *data)
{
	struct shared *s = data;

	CHECK(!nt_pin(0, 0));
	__atomic_store_n(&s->runs, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE))
		;
	return 0;
}

/* Somebody else who wants the CPU that we are on, all the time. */
static pid_t start_rival(struct shared *s)
{
	pid_t pid = nt_spawn(wants_the_cpu, s);

	while (!__atomic_load_n(&s->runs, __ATOMIC_ACQUIRE))
		sched_yield();
	CHECK(!nt_pin(0, 0));
	return pid;
}

static int end_rival(struct shared *s, pid_t pid)
{
	__atomic_store_n(&s->stop, 1, __ATOMIC_RELEASE);
	return nt_reap(pid);
}

/* How often this thread had to leave the CPU to another. */
static long switches(void)
{
	struct rusage usage;

	CHECK(!getrusage(RUSAGE_THREAD, &usage));
	return usage.ru_nivcsw;
}

/*
 * Did the rival get the CPU since then, in a call that began with a slice of
 * its own? As it ends he gets it in any case, once.
 */
static bool gave_way(long since)
{
	return switches() - since > 1;
}

static bool gives_way(int fd, unsigned long cmd, void *arg, int error)
{
	long since;
	int result;

	sched_yield();
	since = switches();
	result = ioctl(fd, cmd, arg) ? errno : 0;
	return gave_way(since) && result == error;
}

#define TABLES	(48UL << 10)
#define ROUNDS	12

/* 96 GiB: a look at all of it takes many times what a task gets at once. */
TEST_F_TIMEOUT(calls, about_large_ranges_give_way, 100)
{
	const unsigned long tables = nt_rounds(nt_rounds(TABLES));
	struct ntmem_range range = { .size = tables * CHUNK };
	struct ntmem_watch watch = {
		.size = tables * CHUNK, .flags = NTMEM_WATCH_RESET,
	};
	unsigned int i, gave = 0, gave_watch = 0;
	pid_t pid;

	range.addr = make_tables(self->fd, tables);
	ASSERT_NE(0ULL, range.addr);
	watch.addr = range.addr;
	pid = start_rival(self->shared);
	for (i = 0; i < ROUNDS; i++) {
		gave += gives_way(self->fd, NTMEM_IOC_RESET, &range, 0);
		gave_watch += gives_way(self->fd, NTMEM_IOC_WATCH, &watch, 0);
	}
	EXPECT_LE(ROUNDS / 2, gave);
	EXPECT_LE(1, gave_watch);
	EXPECT_TRUE(gives_way(self->fd, NTMEM_IOC_DECOMMIT, &range, 0));
	ASSERT_EQ(0, end_rival(self->shared, pid));
}

/* Who counts the pages of reservations that have none. */
TEST_F_TIMEOUT(calls, a_look_at_many_reservations_gives_way, 100)
{
	unsigned int nr = nt_rounds(nt_rounds(NTMEM_BATCH_MAX));
	struct ntmem_op *ops = self->shared->ops;
	unsigned int i, gave = 0;
	struct nl nl;
	long since;
	pid_t pid;

	for (i = 0; i < nr; i++)
		ops[i] = (struct ntmem_op) {
			.op = NTMEM_NR_RESERVE,
			.reserve = { .size = PAGE, .prot = RW },
		};
	ASSERT_EQ(0, nt_batch(self->fd, ops, nr, NTMEM_BATCH_STOP, NULL));
	ASSERT_EQ(0, ops[nr - 1].status);
	ASSERT_TRUE(nl_open(&nl));
	pid = start_rival(self->shared);
	for (i = 0; i < ROUNDS; i++) {
		sched_yield();
		since = switches();
		EXPECT_EQ(0, nl_ask(&nl, NTMEM_CMD_SPACE_GET));
		gave += gave_way(since);
	}
	EXPECT_LE(ROUNDS / 2, gave);
	ASSERT_EQ(0, end_rival(self->shared, pid));
	close(nl.fd);
}

/* ------------------------------------------------------------------------
 * Stays cheap.
 */

/*
 * A page in each granule leaves 60 KiB in it that no reservation can begin in.
 * Looking through all those for each new one would take minutes here.
 */
TEST_F_TIMEOUT(calls, a_reservation_among_many, 100)
{
	unsigned int i;

	for (i = 0; i < nt_rounds(nt_rounds(30000)); i++)
		ASSERT_NE(0ULL, nt_any(self->fd, PAGE, 0));
}

/* Reclaim looks at a few tables at a time, and yet comes to all of them. */
TEST_F(calls, reset_pages_far_apart_are_dropped)
{
	unsigned int i, chunks = 600;
	__u64 base = make_tables(self->fd, chunks);
	__u64 before = nt_resident(self->fd);

	ASSERT_NE(0ULL, base);
	for (i = 0; i < chunks; i++)
		ASSERT_EQ(0, nt_poke(base + i * CHUNK, 1));
	ASSERT_EQ(before + chunks * PAGE, nt_resident(self->fd));
	ASSERT_EQ(0, nt_reset(self->fd, base, chunks * CHUNK));
	for (i = 0; i < 10 && nt_resident(self->fd) != before; i++)
		ASSERT_EQ(0, nt_write_file("/proc/sys/vm/drop_caches", "2"));
	ASSERT_EQ(before, nt_resident(self->fd));
	ASSERT_EQ(EBUSY, nt_reset_undo(self->fd, base, chunks * CHUNK));
	for (i = 0; i < chunks; i++)
		ASSERT_EQ(0, nt_peek(base + i * CHUNK));
}

/* ------------------------------------------------------------------------
 * Figures.
 */
static unsigned long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void figure(const char *what, unsigned long long since,
		   unsigned long count)
{
	unsigned long long ns = now() - since;

	printf("%-44s %10lu tables %14llu ns %8llu ns a table\n", what, count,
	       ns, ns / count);
}

static void forks(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	nt_reap(pid);
}

__attribute__((constructor)) static void figures(void)
{
	const unsigned long tables = 32UL << 10;
	unsigned long long since;
	__u64 base, size = tables * CHUNK;
	int fd;

	if (!getenv("NTMEM_FIGURES"))
		return;
	fd = open(DEVICE, O_RDWR);
	base = make_tables(fd, tables);
	CHECK(base);
	since = now();
	CHECK(!nt_reset(fd, base, size));
	figure("RESET, nothing resident (one look)", since, tables);
	since = now();
	CHECK(nt_lock(fd, base, size) == ENODATA);
	figure("LOCK, refused (one look)", since, tables);
	since = now();
	forks();
	figure("fork, exit of the child", since, tables);
	since = now();
	CHECK(!nt_release(fd, base + CHUNK, CHUNK));
	figure("RELEASE of a part", since, tables);
	since = now();
	CHECK(!nt_decommit(fd, base + 2 * CHUNK, size - 2 * CHUNK));
	figure("DECOMMIT", since, tables);
	since = now();
	CHECK(!nt_release(fd, base + 2 * CHUNK, 0));
	figure("RELEASE", since, tables);
	_exit(0);
}

TEST_HARNESS_MAIN
