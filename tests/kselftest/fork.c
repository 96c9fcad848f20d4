// SPDX-License-Identifier: GPL-2.0
/*
 * fork, vfork, clone, exec: a child has the same reservations, copy-on-write,
 * in a space of its own.
 */
#include "ntmem_test.h"

#include <sched.h>

#define PAGES	64

FIXTURE(fork)
{
	int fd;
	__u64 base;	/* PAGES pages; every byte of page i is i + 1 */
};

FIXTURE_SETUP(fork)
{
	int i;

	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->base = nt_block(self->fd, PAGES * PAGE, RW);
	ASSERT_NE(0ULL, self->base);
	for (i = 0; i < PAGES; i++)
		memset(nt_ptr(self->base + i * PAGE), i + 1, PAGE);
}

FIXTURE_TEARDOWN(fork)
{
	close(self->fd);
}

/* Does every page still have what the fixture wrote, plus delta? */
static bool intact(__u64 base, int delta)
{
	int i;

	for (i = 0; i < PAGES; i++)
		if (!nt_all(base + i * PAGE, PAGE, i + 1 + delta))
			return false;
	return true;
}

static void fill(__u64 base, int delta)
{
	int i;

	for (i = 0; i < PAGES; i++)
		memset(nt_ptr(base + i * PAGE), i + 1 + delta, PAGE);
}

static int child_writes(void *data)
{
	__u64 base = *(__u64 *)data;

	CHECK(intact(base, 0));
	fill(base, 100);
	CHECK(intact(base, 100));
	return 0;
}

TEST_F(fork, child_writes_are_its_own)
{
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_UNCHANGED(0, nt_in_child(child_writes, &self->base));
		ASSERT_TRUE(intact(self->base, 0));
	}
	fill(self->base, 1);
	ASSERT_TRUE(intact(self->base, 1));
}

struct two_sides {
	__u64 base;
	struct nt_gate go;
};

static int child_sees_the_fork(void *data)
{
	struct two_sides *t = data;

	CHECK(!nt_gate_wait(&t->go));
	CHECK(intact(t->base, 0));
	fill(t->base, 50);
	CHECK(intact(t->base, 50));
	return 0;
}

TEST_F(fork, parent_writes_are_its_own)
{
	struct two_sides t = { .base = self->base };
	pid_t pid;

	ASSERT_EQ(0, nt_gate_init(&t.go));
	pid = nt_spawn(child_sees_the_fork, &t);
	fill(self->base, 20);
	ASSERT_TRUE(intact(self->base, 20));
	ASSERT_EQ(0, nt_gate_open(&t.go));
	ASSERT_EQ(0, nt_reap(pid));
	ASSERT_TRUE(intact(self->base, 20));
}

/* Pages that only one side has touched, and pages nobody had. */
static int child_touches_new_pages(void *data)
{
	__u64 base = *(__u64 *)data;
	int i;

	for (i = 0; i < PAGES; i += 2) {
		CHECK(!nt_peek(base + i * PAGE));
		CHECK(!nt_poke(base + i * PAGE, 1));
	}
	return 0;
}

TEST_F(fork, untouched_pages)
{
	__u64 base = nt_block(self->fd, PAGES * PAGE, RW);
	int i;

	ASSERT_NE(0ULL, base);
	ASSERT_EQ(0, nt_peek(base));
	ASSERT_EQ(0, nt_in_child(child_touches_new_pages, &base));
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, nt_peek(base + i * PAGE));
}

/* A whole life in the child's own space; the parent's stays. */
static int child_reopens(void *data)
{
	__u64 base = *(__u64 *)data, other;
	int fd = open("/dev/ntmem", O_RDWR);
	struct ntmem_info info;

	CHECK(fd >= 0);
	CHECK(!nt_info(fd, &info));
	CHECK(info.space_reserved == PAGES * PAGE);
	CHECK(info.space_committed == PAGES * PAGE);
	CHECK(nt_run(fd, base, PAGES * PAGE, COMMITTED, RW));
	CHECK(nt_in(fd, base, base, RW));
	CHECK(nt_set_granularity(fd, PAGE) == EBUSY);
	CHECK(!nt_protect(fd, base, PAGE, RO, NULL));
	CHECK(nt_poke(base, 1) == -SIGSEGV);
	CHECK(nt_peek(base) == 1);
	CHECK(!nt_decommit(fd, base + PAGE, PAGE));
	CHECK(nt_peek(base + PAGE) == -SIGSEGV);
	CHECK(!nt_commit(fd, base + PAGE, PAGE, RW));
	CHECK(!nt_peek(base + PAGE));
	other = nt_block(fd, GRAN, RW);
	CHECK(other && other != base);
	CHECK(!nt_poke(other, 1));
	CHECK(!nt_release(fd, base + 8 * PAGE, PAGE));
	CHECK(nt_peek(base + 9 * PAGE) == 10);
	CHECK(!nt_release(fd, base, 0));
	CHECK(!nt_reserve_at(fd, base, PAGE));
	return 0;
}

TEST_F(fork, child_reopens_the_device)
{
	ASSERT_UNCHANGED(0, nt_in_child(child_reopens, &self->base));
	ASSERT_TRUE(intact(self->base, 0));
}

static int child_decommits(void *data)
{
	__u64 base = *(__u64 *)data;
	int fd = open("/dev/ntmem", O_RDWR);

	CHECK(!nt_decommit(fd, base, 0));
	CHECK(!nt_commit(fd, base, PAGES * PAGE, RW));
	CHECK(nt_all(base, PAGES * PAGE, 0));
	return 0;
}

static int child_reads_after_decommit(void *data)
{
	struct two_sides *t = data;

	CHECK(!nt_gate_wait(&t->go));
	CHECK(intact(t->base, 0));
	return 0;
}

TEST_F(fork, decommit_on_one_side)
{
	struct two_sides t = { .base = self->base };
	pid_t pid;

	ASSERT_EQ(0, nt_in_child(child_decommits, &self->base));
	ASSERT_TRUE(intact(self->base, 0));
	ASSERT_EQ(0, nt_gate_init(&t.go));
	pid = nt_spawn(child_reads_after_decommit, &t);
	ASSERT_EQ(0, nt_decommit(self->fd, self->base, 0));
	ASSERT_EQ(0, nt_commit(self->fd, self->base, PAGES * PAGE, RW));
	ASSERT_TRUE(nt_all(self->base, PAGES * PAGE, 0));
	ASSERT_EQ(0, nt_gate_open(&t.go));
	ASSERT_EQ(0, nt_reap(pid));
}

/* The parent may be gone before the child has looked. */
static int orphan(void *data)
{
	struct two_sides *t = data;
	int i;

	CHECK(!nt_gate_wait(&t->go));
	CHECK(intact(t->base, 7));
	fill(t->base, 9);
	CHECK(intact(t->base, 9));
	i = open("/dev/ntmem", O_RDWR);
	CHECK(nt_run(i, t->base, PAGES * PAGE, COMMITTED, RW));
	return 0;
}

static int parent_leaves_first(void *data)
{
	struct two_sides *t = data;

	fill(t->base, 7);
	return nt_spawn(orphan, t) < 0;
}

TEST_F(fork, parent_exits_first)
{
	struct two_sides t = { .base = self->base };
	int status;

	/* Orphans come to us. */
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	ASSERT_EQ(0, nt_gate_init(&t.go));
	ASSERT_EQ(0, nt_in_child(parent_leaves_first, &t));
	ASSERT_EQ(0, nt_gate_open(&t.go));
	ASSERT_LT(0, wait(&status));
	ASSERT_EQ(0, status);
	ASSERT_TRUE(intact(self->base, 0));
}

/* Five generations, each adds one and looks again after the next is gone. */
struct generation {
	__u64 base;
	int depth;
};

static int generation(void *data)
{
	struct generation next = *(struct generation *)data;
	int delta = 10 * next.depth;

	CHECK(intact(next.base, delta));
	if (next.depth == 5)
		return 0;
	next.depth++;
	fill(next.base, delta + 10);
	CHECK(!nt_in_child(generation, &next));
	CHECK(intact(next.base, delta + 10));
	return 0;
}

TEST_F(fork, grandchildren)
{
	struct generation first = { self->base, 0 };

	ASSERT_EQ(0, nt_in_child(generation, &first));
	ASSERT_TRUE(intact(self->base, 0));
}

/* Several children share the same pages with the parent at once. */
struct sibling {
	__u64 base;
	int delta;
	struct nt_gate *gate;
};

static int sibling(void *data)
{
	struct sibling *s = data;

	CHECK(!nt_gate_wait(s->gate));
	CHECK(intact(s->base, 0));
	fill(s->base, s->delta);
	CHECK(intact(s->base, s->delta));
	return 0;
}

TEST_F(fork, siblings)
{
	struct nt_gate gate;
	pid_t pids[8];
	int i;

	ASSERT_EQ(0, nt_gate_init(&gate));
	for (i = 0; i < 8; i++)
		pids[i] = nt_spawn(sibling, &(struct sibling) {
			self->base, 10 * i, &gate,
		});
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, nt_gate_open(&gate));
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, nt_reap(pids[i]));
	ASSERT_TRUE(intact(self->base, 0));
}

static int inherited_states(void *data)
{
	__u64 base = *(__u64 *)data;
	int fd = open("/dev/ntmem", O_RDWR);

	CHECK(fd >= 0);
	CHECK(nt_run(fd, base, PAGE, COMMITTED, RO));
	CHECK(nt_run(fd, base + PAGE, PAGE, COMMITTED, RW | GUARD));
	CHECK(nt_run(fd, base + 2 * PAGE, PAGE, COMMITTED, NOACCESS));
	CHECK(nt_run(fd, base + 3 * PAGE, PAGE, RESERVED, 0));
	CHECK(nt_run(fd, base + 4 * PAGE, PAGE, COMMITTED, RX));
	CHECK(nt_poke(base, 9) == -SIGSEGV);
	CHECK(nt_fault_was(fd, base, NTMEM_ACCESS_WRITE,
			   NTMEM_FAULT_PROTECTION, RO));
	CHECK(nt_peek(base) == 1);
	CHECK(nt_peek(base + PAGE) == -SIGSEGV);
	CHECK(nt_fault_was(fd, base + PAGE, NTMEM_ACCESS_READ,
			   NTMEM_FAULT_GUARD, RW | GUARD));
	CHECK(nt_peek(base + PAGE) == 2);
	CHECK(nt_peek(base + 2 * PAGE) == -SIGSEGV);
	CHECK(nt_peek(base + 3 * PAGE) == -SIGSEGV);
	CHECK(nt_exec(base + 4 * PAGE) == 31);
	CHECK(!nt_protect(fd, base + 4 * PAGE, PAGE, RW, NULL));
	nt_write_code(base + 4 * PAGE, 32);
	CHECK(!nt_protect(fd, base + 4 * PAGE, PAGE, RX, NULL));
	CHECK(nt_exec(base + 4 * PAGE) == 32);
	CHECK(!nt_protect(fd, base + 2 * PAGE, PAGE, RW, NULL));
	CHECK(nt_peek(base + 2 * PAGE) == 3);
	return 0;
}

TEST_F(fork, states_are_inherited)
{
	__u64 base = self->base;

	nt_write_code(base + 4 * PAGE, 31);
	ASSERT_EQ(0, nt_protect(self->fd, base, PAGE, RO, NULL));
	ASSERT_EQ(0, nt_protect(self->fd, base + PAGE, PAGE, RW | GUARD,
				NULL));
	ASSERT_EQ(0, nt_protect(self->fd, base + 2 * PAGE, PAGE, NOACCESS,
				NULL));
	ASSERT_EQ(0, nt_decommit(self->fd, base + 3 * PAGE, PAGE));
	ASSERT_EQ(0, nt_protect(self->fd, base + 4 * PAGE, PAGE, RX, NULL));
	ASSERT_UNCHANGED(0, nt_in_child(inherited_states, &base));
	ASSERT_EQ(31, nt_exec(base + 4 * PAGE));
	/* The child's hit was not ours. */
	ASSERT_EQ(-SIGSEGV, nt_peek(base + PAGE));
	ASSERT_EQ(2, nt_peek(base + PAGE));
}

static int inherited_granularity(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);
	struct ntmem_info info;

	(void)data;
	CHECK(!nt_info(fd, &info));
	CHECK(info.granularity == MIB);
	CHECK(nt_any(fd, PAGE, 0) % MIB == 0);
	return 0;
}

static int set_and_fork(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);

	(void)data;
	/* exec_clean() made a new mm: nothing is reserved in it. */
	CHECK(!nt_set_granularity(fd, MIB));
	CHECK(nt_any(fd, PAGE, 0));
	CHECK(!nt_in_child(inherited_granularity, NULL));
	return 0;
}

/* This program, run again: a space that never had a reservation. */
static void __attribute__((constructor)) after_exec(void)
{
	const char *addr = getenv("NTMEM_TEST_ADDR");
	int fd;

	if (!addr)
		return;
	fd = open("/dev/ntmem", O_RDWR);
	_exit(fd < 0 || nt_peek(strtoull(addr, NULL, 0)) != -SIGSEGV ||
	      !nt_is_free(fd, strtoull(addr, NULL, 0)) ||
	      set_and_fork(NULL));
}

static int exec_clean(void *data)
{
	char addr[32];

	snprintf(addr, sizeof(addr), "%llu", *(__u64 *)data);
	setenv("NTMEM_TEST_ADDR", addr, 1);
	execl("/proc/self/exe", "fork", NULL);
	return 1;
}

TEST_F(fork, exec_begins_anew)
{
	ASSERT_UNCHANGED(0, nt_in_child(exec_clean, &self->base));
	ASSERT_TRUE(intact(self->base, 0));
}

/* The same mm, hence the same space and fd. */
TEST_F(fork, vfork)
{
	pid_t pid = vfork();

	if (!pid) {
		struct ntmem_range r = {
			.addr = self->base, .size = PAGE, .prot = RO,
		};

		*(volatile char *)nt_ptr(self->base + PAGE) = 99;
		_exit(ioctl(self->fd, NTMEM_IOC_COMMIT, &r) ? errno : 0);
	}
	ASSERT_EQ(0, nt_reap(pid));
	ASSERT_EQ(99, nt_peek(self->base + PAGE));
	ASSERT_TRUE(nt_run(self->fd, self->base, PAGE, COMMITTED, RO));
}

struct clone_data {
	int fd;
	__u64 base;
};

static int clone_run(void *data)
{
	struct clone_data *c = data;

	*(volatile char *)nt_ptr(c->base) = 77;
	return nt_decommit(c->fd, c->base + PAGE, PAGE);
}

/* A process, not a thread, that shares the mm. */
TEST_F(fork, clone_with_the_same_mm)
{
	struct clone_data data = { self->fd, self->base };
	static long stack[8192];
	pid_t pid = clone(clone_run, stack + ARRAY_SIZE(stack),
			  CLONE_VM | SIGCHLD, &data);

	ASSERT_EQ(0, nt_reap(pid));
	ASSERT_EQ(77, nt_peek(self->base));
	ASSERT_TRUE(nt_run(self->fd, self->base + PAGE, PAGE, RESERVED, 0));
}

/*
 * Writers hammer while the process forks. Each page holds a counter twice,
 * written first then second, so in a copy first == second or second + 1. The
 * child looks twice with the parent running on: nothing may move.
 */
#define WRITERS	2

struct writer {
	__u64 base;
	int *stop;
};

static void *writer(void *data)
{
	struct writer *w = data;
	__u64 count = 0;
	int i;

	while (!__atomic_load_n(w->stop, __ATOMIC_RELAXED)) {
		count++;
		for (i = 0; i < PAGES; i++) {
			__u64 *page = nt_ptr(w->base + i * PAGE);

			__atomic_store_n(page, count, __ATOMIC_SEQ_CST);
			__atomic_store_n(page + 511, count, __ATOMIC_SEQ_CST);
		}
	}
	return NULL;
}

struct observer {
	__u64 base[WRITERS];
	struct nt_gate looked;
	struct nt_gate again;
};

static int observer(void *data)
{
	static __u64 first[WRITERS][PAGES], second[WRITERS][PAGES];
	struct observer *o = data;
	int i, j;

	for (i = 0; i < WRITERS; i++)
		for (j = 0; j < PAGES; j++) {
			__u64 *page = nt_ptr(o->base[i] + j * PAGE);

			first[i][j] = page[0];
			second[i][j] = page[511];
			CHECK(first[i][j] == second[i][j] ||
			      first[i][j] == second[i][j] + 1);
		}
	CHECK(!nt_gate_open(&o->looked));
	CHECK(!nt_gate_wait(&o->again));
	for (i = 0; i < WRITERS; i++)
		for (j = 0; j < PAGES; j++) {
			__u64 *page = nt_ptr(o->base[i] + j * PAGE);

			CHECK(page[0] == first[i][j]);
			CHECK(page[511] == second[i][j]);
			page[0] = 0;
			page[511] = 0;
		}
	return 0;
}

TEST_F_TIMEOUT(fork, during_writes_of_other_threads, 90)
{
	struct writer writers[WRITERS];
	struct observer o;
	pthread_t ids[WRITERS];
	int i, round, stop = 0;

	ASSERT_EQ(0, nt_gate_init(&o.looked));
	ASSERT_EQ(0, nt_gate_init(&o.again));
	for (i = 0; i < WRITERS; i++) {
		o.base[i] = nt_block(self->fd, PAGES * PAGE, RW);
		ASSERT_NE(0ULL, o.base[i]);
		writers[i] = (struct writer) { o.base[i], &stop };
		ASSERT_EQ(0, pthread_create(&ids[i], NULL, writer,
					    &writers[i]));
	}
	for (round = 0; round < 10; round++) {
		pid_t pid = nt_spawn(observer, &o);

		EXPECT_EQ(0, nt_gate_wait(&o.looked));
		EXPECT_EQ(0, nt_gate_open(&o.again));
		EXPECT_EQ(0, nt_reap(pid));
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < WRITERS; i++)
		pthread_join(ids[i], NULL);
	/* And the writers' own view was never disturbed by the children. */
	for (i = 0; i < WRITERS; i++) {
		__u64 *page = nt_ptr(o.base[i]);

		ASSERT_NE(0ULL, page[0]);
		ASSERT_EQ(page[0], page[511]);
	}
}

/*
 * Linux's madvise could take the module's own flags for fork away from a
 * mapping. Nothing may be shared by it.
 */
TEST_F(fork, isolation_survives_madvise)
{
	static const int advices[] = {
		MADV_KEEPONFORK, MADV_DOFORK, MADV_WIPEONFORK,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		madvise(nt_ptr(self->base), PAGES * PAGE, advices[i]);
		ASSERT_EQ(0, nt_in_child(child_writes, &self->base));
		ASSERT_TRUE(intact(self->base, 0));
	}
}

/* The child that fork cannot give a reservation. */
static int dontfork_child(void *data)
{
	CHECK(nt_peek(*(__u64 *)data) == -SIGSEGV);
	return 0;
}

TEST_F(fork, nofork_stays_nofork)
{
	__u64 base = 0;

	ASSERT_EQ(0, nt_reserve(self->fd, &base, GRAN, RW,
				NTMEM_RESERVE_NOFORK | NTMEM_RESERVE_COMMIT));
	ASSERT_EQ(0, nt_poke(base, 1));
	ASSERT_EQ(0, nt_in_child(dontfork_child, &base));
	ASSERT_EQ(1, nt_peek(base));
	ASSERT_TRUE(intact(self->base, 0));
}

/* A child carves from what it has the whole of, and from nothing else. */
static int reserves(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);
	__u64 base = nt_block(fd, GRAN, RW);

	CHECK(base);
	CHECK(!nt_poke(base, 1));
	CHECK(intact(*(__u64 *)data, 0));
	return 0;
}

TEST_F(fork, part_of_an_arena_is_not_inherited)
{
	unsigned long long start, end;

	ASSERT_TRUE(nt_mapping(self->base, &start, &end));
	ASSERT_LE(self->base + PAGES * PAGE + MIB, end);
	ASSERT_EQ(0, madvise(nt_ptr(end - MIB), MIB, MADV_DONTFORK));
	ASSERT_EQ(0, nt_in_child(reserves, &self->base));
	ASSERT_TRUE(intact(self->base, 0));
}

static int touches_and_leaves(void *data)
{
	__u64 base = *(__u64 *)data;

	fill(base, 3);
	return 0;
}

TEST_F(fork, many_forks_leak_nothing)
{
	struct ntmem_info before, after;
	int i;

	ASSERT_EQ(0, nt_info(self->fd, &before));
	for (i = 0; i < 200; i++)
		ASSERT_EQ(0, nt_in_child(i % 2 ? touches_and_leaves :
					 child_decommits, &self->base));
	ASSERT_TRUE(intact(self->base, 0));
	ASSERT_EQ(0, nt_info(self->fd, &after));
	ASSERT_EQ(before.committed, after.committed);
	ASSERT_EQ(before.user_committed, after.user_committed);
	ASSERT_EQ(before.space_committed, after.space_committed);
	ASSERT_EQ(before.resident, after.resident);
	ASSERT_EQ(before.spaces, after.spaces);
}

/* 64 MiB: as many pages are shared, and copied only where written. */
static int large_child(void *data)
{
	__u64 base = *(__u64 *)data, i;

	for (i = 0; i < 64 * MIB; i += 16 * PAGE) {
		CHECK(*(__u64 *)nt_ptr(base + i) == i);
		*(__u64 *)nt_ptr(base + i) = ~i;
	}
	for (i = 0; i < 64 * MIB; i += 16 * PAGE)
		CHECK(*(__u64 *)nt_ptr(base + i) == ~i);
	return 0;
}

TEST_F(fork, large)
{
	__u64 base = nt_block(self->fd, 64 * MIB, RW), i;

	ASSERT_NE(0ULL, base);
	for (i = 0; i < 64 * MIB; i += PAGE)
		*(__u64 *)nt_ptr(base + i) = i;
	ASSERT_EQ(0, nt_in_child(large_child, &base));
	for (i = 0; i < 64 * MIB; i += PAGE)
		ASSERT_EQ(i, *(__u64 *)nt_ptr(base + i));
}

/* Charged for the child too, since both may come to write every page. */
static int charged_child(void *data)
{
	struct ntmem_info *before = data, info;
	int fd = open("/dev/ntmem", O_RDWR);

	CHECK(!nt_info(fd, &info));
	CHECK(info.space_committed == before->space_committed);
	CHECK(info.committed == before->committed + before->space_committed);
	CHECK(info.spaces == before->spaces + 1);
	return 0;
}

TEST_F(fork, is_charged)
{
	struct ntmem_info before, after;

	ASSERT_EQ(0, nt_info(self->fd, &before));
	ASSERT_EQ(0, nt_in_child(charged_child, &before));
	ASSERT_EQ(0, nt_info(self->fd, &after));
	ASSERT_EQ(before.committed, after.committed);
}

TEST_HARNESS_MAIN
