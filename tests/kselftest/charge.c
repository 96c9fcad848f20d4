// SPDX-License-Identifier: GPL-2.0
/*
 * Commit is a promise: the three limits, exact counts whatever ends a process,
 * the memory cgroup that pays, and the kernel's own overcommit accounting.
 *
 * Needs root: the limits are module parameters.
 */
#include "ntmem_test.h"

#include <sched.h>

#define PARAM(name)	"/sys/module/ntmem/parameters/" name

static const char *const limit_files[] = {
	PARAM("commit_limit"), PARAM("user_limit"), PARAM("space_limit"),
};

FIXTURE(charge)
{
	int fd;
	struct ntmem_info start;
	char limits[3][64];	/* as they were, to be restored */
};

FIXTURE_SETUP(charge)
{
	unsigned int i;

	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, nt_read_file(limit_files[i], self->limits[i],
					  sizeof(self->limits[i])));
		ASSERT_EQ(0, nt_write_file(limit_files[i], "0"));
	}
	ASSERT_EQ(0, nt_info(self->fd, &self->start));
}

FIXTURE_TEARDOWN(charge)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, nt_write_file(limit_files[i], self->limits[i]));
	close(self->fd);
}

static int set_limit(int which, __u64 bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", bytes);
	return nt_write_file(limit_files[which], text);
}

static __u64 limit_of(const struct ntmem_info *info, int which)
{
	return which == 0 ? info->commit_limit :
	       which == 1 ? info->user_limit : info->space_limit;
}

static __u64 count_of(const struct ntmem_info *info, int which)
{
	return which == 0 ? info->committed :
	       which == 1 ? info->user_committed : info->space_committed;
}

/* Are all counts what they were at the start of the test? */
static bool settled(int fd, const struct ntmem_info *start)
{
	struct ntmem_info now;

	if (!nt_info(fd, &now) && now.committed == start->committed &&
	    now.user_committed == start->user_committed &&
	    now.space_committed == start->space_committed &&
	    now.space_reserved == start->space_reserved &&
	    now.resident == start->resident && now.spaces == start->spaces)
		return true;
	fprintf(stderr, "# committed %llu %llu %llu reserved %llu resident %llu spaces %llu\n",
		now.committed, now.user_committed, now.space_committed,
		now.space_reserved, now.resident, now.spaces);
	fprintf(stderr, "# start     %llu %llu %llu reserved %llu resident %llu spaces %llu\n",
		start->committed, start->user_committed,
		start->space_committed, start->space_reserved,
		start->resident, start->spaces);
	return false;
}

TEST_F(charge, defaults)
{
	__u64 half = nt_kb_line("/proc/meminfo", "MemTotal:") / 2;

	ASSERT_LE(half - MIB, self->start.commit_limit);
	ASSERT_GE(half + MIB, self->start.commit_limit);
	ASSERT_EQ(NONE, self->start.user_limit);
	ASSERT_EQ(NONE, self->start.space_limit);
}

TEST_F(charge, limits_are_bytes_with_suffixes)
{
	static const struct { const char *text; __u64 bytes; } good[] = {
		{ "4096", 4096 }, { "64K", 64 << 10 }, { "3M", 3 << 20 },
		{ "64m", 64 << 20 }, { "2G", 2ULL << 30 },
		{ "8192\n", 8192 },
	};
	static const char *const bad[] = { "abc", "12Q", "-1", "1M2" };
	struct ntmem_info info;
	unsigned int i;
	int which;

	for (which = 0; which < 3; which++) {
		for (i = 0; i < ARRAY_SIZE(good); i++) {
			ASSERT_EQ(0, nt_write_file(limit_files[which],
						   good[i].text));
			ASSERT_EQ(0, nt_info(self->fd, &info));
			ASSERT_EQ(good[i].bytes, limit_of(&info, which));
		}
		for (i = 0; i < ARRAY_SIZE(bad); i++) {
			ASSERT_EQ(EINVAL, nt_write_file(limit_files[which],
							bad[i])) {
				TH_LOG("'%s' was taken", bad[i]);
			}
			ASSERT_EQ(0, nt_info(self->fd, &info));
			ASSERT_EQ(8192ULL, limit_of(&info, which));
		}
		ASSERT_EQ(0, nt_write_file(limit_files[which], "0"));
		ASSERT_EQ(0, nt_info(self->fd, &info));
		ASSERT_EQ(limit_of(&self->start, which),
			  limit_of(&info, which));
	}
}

TEST_F(charge, over_the_limit)
{
	int which;

	for (which = 0; which < 3; which++) {
		__u64 base = nt_any(self->fd, 4 * MIB, 0), other = 0;
		struct ntmem_info info;

		ASSERT_NE(0ULL, base);
		ASSERT_EQ(0, nt_info(self->fd, &info));
		ASSERT_EQ(0, set_limit(which, count_of(&info, which) + MIB));
		ASSERT_UNCHANGED(ENOMEM, nt_commit(self->fd, base, MIB + PAGE,
						   RW));
		ASSERT_EQ(0, nt_commit(self->fd, base, MIB, RW));
		ASSERT_UNCHANGED(ENOMEM, nt_commit(self->fd, base + MIB, 1,
						   RW));
		/* What is committed costs nothing again; the rest does. */
		ASSERT_EQ(0, nt_commit(self->fd, base, MIB, RO));
		ASSERT_UNCHANGED(ENOMEM, nt_commit(self->fd, base + MIB / 2,
						   MIB, RW));
		ASSERT_EQ(-SIGSEGV, nt_poke(base + MIB / 2, 1));
		ASSERT_UNCHANGED(ENOMEM, nt_reserve(self->fd, &other, PAGE, RW,
						    NTMEM_RESERVE_COMMIT));
		/* Reservations are free. */
		ASSERT_NE(0ULL, nt_any(self->fd, TIB, 0));
		ASSERT_EQ(0, nt_decommit(self->fd, base, 4 * PAGE));
		ASSERT_EQ(0, nt_commit(self->fd, base + MIB, 4 * PAGE, RW));
		ASSERT_UNCHANGED(ENOMEM, nt_commit(self->fd, base, PAGE, RW));
		ASSERT_EQ(0, nt_release(self->fd, base + MIB, 3 * PAGE));
		ASSERT_EQ(0, nt_commit(self->fd, base, 3 * PAGE, RW));
		ASSERT_EQ(0, nt_release(self->fd, base, 0));
		ASSERT_EQ(0, set_limit(which, 0));
	}
}

TEST_F(charge, a_lowered_limit)
{
	__u64 base = nt_block(self->fd, MIB, RW);

	ASSERT_NE(0ULL, base);
	ASSERT_EQ(0, set_limit(2, PAGE));
	ASSERT_UNCHANGED(ENOMEM, nt_reserve(self->fd, &(__u64) { 0 }, PAGE,
					    RW, NTMEM_RESERVE_COMMIT));
	/* What was promised is kept. */
	memset(nt_ptr(base), 1, MIB);
	ASSERT_EQ(0, nt_decommit(self->fd, base, PAGE));
	ASSERT_UNCHANGED(ENOMEM, nt_commit(self->fd, base, PAGE, RW));
	ASSERT_EQ(0, nt_decommit(self->fd, base, MIB));
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
	ASSERT_UNCHANGED(ENOMEM, nt_commit(self->fd, base, 2 * PAGE, RW));
}

/* ------------------------------------------------------------------------
 * A space's own limit.
 */
static int set_own_limit(int fd, __u64 bytes)
{
	struct ntmem_limit limit = { .limit = bytes };

	return nt_call(fd, NTMEM_IOC_SET_LIMIT, &limit);
}

TEST_F(charge, own_limit)
{
	__u64 base = nt_any(self->fd, 4 * MIB, 0);
	struct ntmem_limit wrong = { .limit = MIB, .pad = 1 };
	struct ntmem_info info;

	ASSERT_NE(0ULL, self->start.features & NTMEM_FEATURE_LIMIT);
	ASSERT_UNCHANGED(EINVAL, nt_call(self->fd, NTMEM_IOC_SET_LIMIT,
					 &wrong));
	ASSERT_EQ(0, set_own_limit(self->fd, MIB + PAGE - 1));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(MIB, info.space_limit);
	ASSERT_UNCHANGED(ENOMEM, nt_commit(self->fd, base, MIB + PAGE, RW));
	ASSERT_EQ(0, nt_commit(self->fd, base, MIB, RW));
	ASSERT_UNCHANGED(ENOMEM, nt_commit(self->fd, base + MIB, PAGE, RW));
	/* The lower one counts, and what is committed stays. */
	ASSERT_EQ(0, set_limit(2, MIB / 2));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(MIB / 2, info.space_limit);
	ASSERT_TRUE(nt_run(self->fd, base, MIB, COMMITTED, RW));
	ASSERT_EQ(0, nt_decommit(self->fd, base, MIB));
	ASSERT_UNCHANGED(ENOMEM, nt_commit(self->fd, base, MIB, RW));
	ASSERT_EQ(0, set_limit(2, 0));
	ASSERT_EQ(0, nt_commit(self->fd, base, MIB, RW));
	ASSERT_EQ(0, set_own_limit(self->fd, 0));
	ASSERT_UNCHANGED(ENOMEM, nt_commit(self->fd, base + MIB, 1, RW));
	ASSERT_EQ(0, set_own_limit(self->fd, NONE));
	ASSERT_EQ(0, nt_commit(self->fd, base, 4 * MIB, RW));
}

/* A child has its parent's, and nobody can raise it but who may. */
static int keeps_limit(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);
	struct ntmem_info info;

	(void)data;
	CHECK(fd >= 0 && !nt_info(fd, &info));
	CHECK(info.space_limit == MIB);
	CHECK(!setresuid(65534, 65534, 65534));
	CHECK(set_own_limit(fd, NONE) == EPERM);
	CHECK(set_own_limit(fd, MIB + PAGE) == EPERM);
	CHECK(!set_own_limit(fd, MIB));
	CHECK(!nt_any(fd, 2 * MIB, NTMEM_RESERVE_COMMIT));
	CHECK(!set_own_limit(fd, MIB / 2));
	CHECK(set_own_limit(fd, MIB) == EPERM);
	CHECK(!nt_info(fd, &info) && info.space_limit == MIB / 2);
	return 0;
}

TEST_F(charge, own_limit_of_a_child)
{
	struct ntmem_info info;

	ASSERT_NE(0ULL, nt_block(self->fd, PAGE, RW));
	ASSERT_EQ(0, set_own_limit(self->fd, MIB));
	ASSERT_EQ(0, nt_in_child(keeps_limit, NULL));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(MIB, info.space_limit);
}

/* ------------------------------------------------------------------------ */

TEST_F(charge, in_a_batch)
{
	__u64 base = nt_any(self->fd, MIB, 0);
	struct ntmem_op ops[3];

	ASSERT_EQ(0, set_limit(2, 2 * PAGE));
	nt_op_range(&ops[0], NTMEM_NR_COMMIT, base, PAGE, RW);
	nt_op_range(&ops[1], NTMEM_NR_COMMIT, base + PAGE, 2 * PAGE, RW);
	nt_op_range(&ops[2], NTMEM_NR_COMMIT, base + PAGE, PAGE, RW);
	ASSERT_EQ(0, nt_batch(self->fd, ops, 3, 0, NULL));
	ASSERT_EQ(0, ops[0].status);
	ASSERT_EQ(-ENOMEM, ops[1].status);
	ASSERT_EQ(0, ops[2].status);
	ASSERT_TRUE(nt_run(self->fd, base, 2 * PAGE, COMMITTED, RW));
}

TEST_F(charge, first_touch_costs_nothing_more)
{
	__u64 base = nt_block(self->fd, MIB, RW);
	struct ntmem_info before, after;

	ASSERT_EQ(0, nt_info(self->fd, &before));
	memset(nt_ptr(base), 1, MIB);
	ASSERT_EQ(0, nt_info(self->fd, &after));
	ASSERT_EQ(before.committed, after.committed);
	ASSERT_EQ(before.resident + MIB, after.resident);
	ASSERT_EQ(0, nt_release(self->fd, base, 0));
	ASSERT_TRUE(settled(self->fd, &self->start));
}

/* Many refusals of every kind: nothing stays charged. */
TEST_F(charge, failed_calls)
{
	__u64 base = nt_any(self->fd, MIB, 0);
	struct ntmem_info before, after;
	unsigned int seed = 3, i;

	ASSERT_EQ(0, set_limit(2, 8 * PAGE));
	ASSERT_EQ(0, nt_info(self->fd, &before));
	for (i = 0; i < nt_rounds(3000); i++) {
		__u64 addr = base + rand_r(&seed) % 260 * PAGE;
		__u64 size = (9 + rand_r(&seed) % 300) * PAGE, any = 0;

		ASSERT_NE(0, nt_commit(self->fd, addr, size, RW));
		ASSERT_EQ(ENOMEM, nt_reserve(self->fd, &any, size, RW,
					     NTMEM_RESERVE_COMMIT));
		ASSERT_EQ(EINVAL, nt_commit(self->fd, base, PAGE, 0));
	}
	ASSERT_EQ(0, nt_info(self->fd, &after));
	ASSERT_EQ(0, memcmp(&before, &after, sizeof(after)));
}

/* ------------------------------------------------------------------------
 * Ends of processes.
 */
static int commits_and_exits(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);
	__u64 base = nt_block(fd, 4 * MIB, RW);

	CHECK(base);
	memset(nt_ptr(base), 1, 2 * MIB);
	CHECK(nt_block(fd, MIB, RWX));
	if (data)
		execl("/proc/self/exe", "charge", "-l", NULL);
	return 0;
}

TEST_F(charge, exit_and_exec)
{
	int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, nt_in_child(commits_and_exits, NULL));
		ASSERT_TRUE(settled(self->fd, &self->start));
	}
	/* "-l" lists the tests and leaves with the code for skipped. */
	ASSERT_EQ(0, dup2(open("/dev/null", O_WRONLY), 2) == 2 ? 0 : 1);
	ASSERT_EQ(KSFT_SKIP, nt_in_child(commits_and_exits, self));
	ASSERT_TRUE(settled(self->fd, &self->start));
}

struct churn {
	unsigned int seed;
	struct nt_gate started;
};

/* Everything at random, until killed. */
static int churn(void *data)
{
	struct churn *c = data;
	unsigned int seed = c->seed, step;
	int fd = open("/dev/ntmem", O_RDWR);
	__u64 base[4] = { 0 }, size = 64 * PAGE;

	CHECK(fd >= 0);
	for (step = 0; step < ~0U; step++) {
		__u64 *b = &base[rand_r(&seed) % 4];
		__u64 first = rand_r(&seed) % 64;
		__u64 length = (1 + rand_r(&seed) % (64 - first)) * PAGE;
		__u64 addr;

		if (step == seed % 8)
			nt_gate_open(&c->started);
		if (!*b)
			*b = nt_any(fd, size, 0);
		addr = *b + first * PAGE;
		switch (rand_r(&seed) % 8) {
		case 0:
		case 1:
			nt_commit(fd, addr, length, RW);
			break;
		case 2:
			nt_decommit(fd, addr, length);
			break;
		case 3:
			nt_release(fd, *b, 0);
			*b = 0;
			break;
		case 4:
			nt_release(fd, *b, size);
			*b = 0;
			break;
		case 5:
			nt_protect(fd, addr, PAGE, step % 2 ? RX : RW, NULL);
			break;
		default:
			nt_poke(addr, 1);
			break;
		}
	}
	return 0;
}

static int churn_and_fork(void *data)
{
	struct churn *c = data;
	pid_t pid;
	int i;

	/* Twins that die with the group that the parent kills. */
	setpgid(0, 0);
	pid = fork();
	for (i = 0; i < 2 && !pid; i++)
		pid = fork();
	c->seed += pid;
	return churn(c);
}

TEST_F_TIMEOUT(charge, kill_at_random_moments, 120)
{
	struct churn c;
	unsigned int seed = 99, i, n;

	/* Orphans are ours to reap. */
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	for (i = 0; i < nt_rounds(200); i++) {
		pid_t pid;

		c.seed = i;
		ASSERT_EQ(0, nt_gate_init(&c.started));
		pid = nt_spawn(i % 4 ? churn : churn_and_fork, &c);
		ASSERT_EQ(0, nt_gate_wait(&c.started));
		for (n = rand_r(&seed) % 20; n; n--)
			sched_yield();
		if (i % 4)
			kill(pid, SIGKILL);
		else
			kill(-pid, SIGKILL);
		while (wait(NULL) > 0)
			;
		close(c.started.pipe[0]);
		close(c.started.pipe[1]);
		ASSERT_TRUE(settled(self->fd, &self->start)) {
			TH_LOG("round %u", i);
		}
	}
}

/*
 * fork: the child's share comes and goes; if there is none it has no memory, and
 * the log says so.
 */
static int has_no_memory(void *data)
{
	__u64 base = *(__u64 *)data;

	CHECK(nt_peek(base) == -SIGBUS);
	CHECK(nt_peek(base + MIB - 1) == -SIGBUS);
	return 0;
}

TEST_F(charge, fork_over_the_limit)
{
	__u64 base = nt_block(self->fd, MIB, RW);
	int log = nt_log_open();
	struct ntmem_info info;

	ASSERT_LE(0, log);
	memset(nt_ptr(base), 5, MIB);
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(0, set_limit(0, info.committed + MIB - PAGE));
	ASSERT_UNCHANGED(0, nt_in_child(has_no_memory, &base));
	/* Who looks for the reason finds it. */
	ASSERT_EQ(1, nt_log_lines(log, "ntmem: fork of ", "commit limit"));
	close(log);
	ASSERT_TRUE(nt_all(base, MIB, 5));
	ASSERT_EQ(0, nt_poke(base, 6));
	ASSERT_EQ(0, nt_release(self->fd, base, 0));
	ASSERT_TRUE(settled(self->fd, &self->start));
}

/* ------------------------------------------------------------------------
 * Users.
 */
struct holder {
	uid_t uid;
	__u64 size;
	struct nt_gate ready;
	struct nt_gate leave;
};

/* Has committed its size when ready, until told to leave. */
static int holder(void *data)
{
	struct holder *h = data;
	struct ntmem_info info;
	int fd;

	CHECK(!setresuid(h->uid, h->uid, h->uid));
	fd = open("/dev/ntmem", O_RDWR);
	CHECK(fd >= 0);
	CHECK(!nt_info(fd, &info));
	CHECK(!info.user_committed);
	CHECK(info.user_limit == 2 * MIB);
	CHECK(!nt_any(fd, 4 * MIB, NTMEM_RESERVE_COMMIT));
	CHECK(nt_block(fd, h->size, RW));
	CHECK(!nt_info(fd, &info));
	CHECK(info.user_committed == h->size);
	CHECK(!nt_gate_open(&h->ready));
	CHECK(!nt_gate_wait(&h->leave));
	return 0;
}

/* One more of a user who has a holder of 1 MiB. */
static int same_user(void *data)
{
	struct holder *h = data;
	struct ntmem_info info;
	__u64 base;
	int fd;

	CHECK(!setresuid(h->uid, h->uid, h->uid));
	fd = open("/dev/ntmem", O_RDWR);
	CHECK(fd >= 0);
	CHECK(!nt_info(fd, &info));
	CHECK(info.user_committed == MIB);
	CHECK(!info.space_committed);
	base = nt_any(fd, 4 * MIB, 0);
	CHECK(nt_commit(fd, base, MIB + PAGE, RW) == ENOMEM);
	CHECK(!nt_commit(fd, base, MIB, RW));
	return 0;
}

/* All processes of a user together, each user alone. */
TEST_F(charge, per_user)
{
	struct holder holders[2] = {
		{ .uid = 65533, .size = MIB }, { .uid = 65532, .size = 2 * MIB },
	};
	struct ntmem_info info;
	pid_t pids[2];
	int i;

	ASSERT_EQ(0, chmod("/dev/ntmem", 0666));
	ASSERT_EQ(0, set_limit(1, 2 * MIB));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, nt_gate_init(&holders[i].ready));
		ASSERT_EQ(0, nt_gate_init(&holders[i].leave));
		pids[i] = nt_spawn(holder, &holders[i]);
		ASSERT_EQ(0, nt_gate_wait(&holders[i].ready));
	}
	ASSERT_EQ(0, nt_in_child(same_user, &holders[0]));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(self->start.user_committed, info.user_committed);
	ASSERT_EQ(self->start.committed + 3 * MIB, info.committed);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, nt_gate_open(&holders[i].leave));
		ASSERT_EQ(0, nt_reap(pids[i]));
	}
	ASSERT_TRUE(settled(self->fd, &self->start));
}

/* Who opened the space pays, also after a change of ids. */
static int changes_ids(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);
	struct ntmem_info info;

	(void)data;
	CHECK(nt_block(fd, MIB, RW));
	CHECK(!setresuid(65532, 65532, 65532));
	CHECK(nt_block(fd, MIB, RW));
	CHECK(!nt_info(fd, &info));
	CHECK(info.space_committed == 2 * MIB);
	return 0;
}

TEST_F(charge, change_of_ids)
{
	ASSERT_EQ(0, chmod("/dev/ntmem", 0666));
	ASSERT_EQ(0, nt_in_child(changes_ids, NULL));
	ASSERT_TRUE(settled(self->fd, &self->start));
}

/* ------------------------------------------------------------------------
 * The kernel's own accounts.
 */
#define CGROUP	"/sys/fs/cgroup/ntmem-charge-test"

static __u64 cgroup_current(void)
{
	char text[64];

	if (nt_read_file(CGROUP "/memory.current", text, sizeof(text)))
		return NONE;
	return strtoull(text, NULL, 10);
}

static int in_cgroup(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);
	__u64 before, touched, after, base;

	(void)data;
	CHECK(!nt_write_file(CGROUP "/cgroup.procs", "0"));
	base = nt_block(fd, 32 * MIB, RW);
	CHECK(base);
	before = cgroup_current();
	memset(nt_ptr(base), 1, 16 * MIB);
	touched = cgroup_current();
	CHECK(touched >= before + 15 * MIB);
	CHECK(touched <= before + 18 * MIB);
	CHECK(!nt_decommit(fd, base, 32 * MIB));
	after = cgroup_current();
	CHECK(after <= before + 2 * MIB);
	CHECK(!nt_commit(fd, base, 16 * MIB, RW));
	memset(nt_ptr(base), 1, 16 * MIB);
	return 0;
}

TEST_F(charge, memory_cgroup)
{
	__u64 left;
	int error;

	error = nt_write_file("/sys/fs/cgroup/cgroup.subtree_control",
			      "+memory");
	if (error)
		SKIP(return, "no memory controller: %s", strerror(error));
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
	EXPECT_EQ(0, nt_in_child(in_cgroup, NULL));
	left = cgroup_current();
	EXPECT_GE(2 * MIB, left);
	ASSERT_EQ(0, rmdir(CGROUP));
	ASSERT_TRUE(settled(self->fd, &self->start));
}

static __u64 committed_as(void)
{
	return nt_kb_line("/proc/meminfo", "Committed_AS:");
}

/* In steps, so up to one step more or less. */
TEST_F(charge, joins_committed_as)
{
	__u64 step = 64 * MIB, before = committed_as(), base, during, after;

	ASSERT_EQ(0, set_limit(0, GIB));
	base = nt_block(self->fd, 320 * MIB, RW);
	ASSERT_NE(0ULL, base);
	during = committed_as();
	ASSERT_LE(before + 320 * MIB - step, during);
	ASSERT_GE(before + 320 * MIB + step, during);
	ASSERT_EQ(0, nt_release(self->fd, base, 0));
	/* A worker of the kernel gives it back, when it is its turn. */
	do {
		sched_yield();
		after = committed_as();
	} while (after > before + step);
	ASSERT_LE(before, after + step);
}

/* With vm.overcommit_memory=2 the kernel's limit is a limit for us. */
TEST_F(charge, strict_overcommit)
{
	static const char *const mode = "/proc/sys/vm/overcommit_memory";
	__u64 room = nt_kb_line("/proc/meminfo", "CommitLimit:");
	__u64 size = room + 128 * MIB, base = nt_any(self->fd, size, 0), tiny;
	struct nt_snapshot before;
	char old[16];
	int refused, section;

	ASSERT_NE(0ULL, base);
	ASSERT_EQ(0, set_limit(0, 1024 * GIB));
	ASSERT_EQ(0, nt_read_file(mode, old, sizeof(old)));
	ASSERT_EQ(0, nt_write_file(mode, "2"));
	nt_snapshot(self->fd, &before);
	refused = nt_commit(self->fd, base, size, RW);
	section = nt_section(self->fd, NULL, size, RW, 0);
	tiny = nt_block(self->fd, PAGE, RW);
	ASSERT_EQ(0, nt_write_file(mode, old));
	ASSERT_EQ(ENOMEM, refused);
	ASSERT_EQ(-ENOMEM, section);
	ASSERT_NE(0ULL, tiny);
	ASSERT_EQ(0, nt_release(self->fd, tiny, 0));
	ASSERT_TRUE(nt_same(self->fd, &before));
}

TEST_HARNESS_MAIN
