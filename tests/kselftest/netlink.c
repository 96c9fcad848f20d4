// SPDX-License-Identifier: GPL-2.0
/*
 * The netlink family: settings, statistics, spaces, runs and events, and who may
 * have which. Needs root, to become others.
 */
#include "netlink.h"

#include <sched.h>
#include <sys/mount.h>
#include <time.h>

#define ALICE	65533
#define BOB	65532

FIXTURE(netlink)
{
	int fd;
	struct nl nl;
};

FIXTURE_SETUP(netlink)
{
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_TRUE(nl_open(&self->nl));
}

FIXTURE_TEARDOWN(netlink)
{
	close(self->nl.fd);
	close(self->fd);
}

static void become(uid_t uid)
{
	CHECK(!setresgid(uid, uid, uid));
	CHECK(!setresuid(uid, uid, uid));
	/* A change of ids has hidden this process from its new user. */
	CHECK(!prctl(PR_SET_DUMPABLE, 1));
}

/* --------------------------------------------------------------- settings --- */

static const __u16 limits[] = {
	NTMEM_A_SETTINGS_COMMIT_LIMIT, NTMEM_A_SETTINGS_USER_LIMIT,
	NTMEM_A_SETTINGS_SPACE_LIMIT,
};

static int set(struct nl *nl, __u16 type, __u64 value)
{
	nl_begin(nl, nl->family, NTMEM_CMD_SETTINGS_SET, 0);
	nl_put_u64(nl, type, value);
	return nl_do(nl);
}

TEST_F(netlink, settings_are_those_of_info)
{
	struct ntmem_info info;

	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(0, nl_ask(&self->nl, NTMEM_CMD_SETTINGS_GET));
	EXPECT_EQ(info.granularity,
		  nl_u64(&self->nl, NTMEM_A_SETTINGS_GRANULARITY));
	EXPECT_EQ(info.commit_limit, nl_u64(&self->nl, limits[0]));
	EXPECT_EQ(info.user_limit, nl_u64(&self->nl, limits[1]));
	EXPECT_EQ(info.space_limit, nl_u64(&self->nl, limits[2]));
	EXPECT_EQ(16U, nl_u32(&self->nl, NTMEM_A_SETTINGS_FAULT_WINDOW));
}

static int space_of_granularity(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);
	struct ntmem_info info;

	/* Forked before it had a space of its own. */
	CHECK(fd >= 0 && !nt_info(fd, &info));
	CHECK(info.granularity == *(__u64 *)data);
	return 0;
}

/* Whose parent has the device, but nothing reserved that would be inherited. */
TEST_F(netlink, a_new_granularity_is_for_new_spaces)
{
	__u64 granularity = 1 << 20, usual = GRAN;

	ASSERT_EQ(0, set(&self->nl, NTMEM_A_SETTINGS_GRANULARITY, 1 << 20));
	EXPECT_EQ(0, nt_in_child(space_of_granularity, &granularity));
	ASSERT_EQ(0, set(&self->nl, NTMEM_A_SETTINGS_GRANULARITY, GRAN));
	EXPECT_EQ(0, nt_in_child(space_of_granularity, &usual));
}

TEST_F(netlink, limits_are_set_and_lifted)
{
	struct ntmem_info info;
	__u64 before[3];
	unsigned int i;

	ASSERT_EQ(0, nl_ask(&self->nl, NTMEM_CMD_SETTINGS_GET));
	for (i = 0; i < 3; i++)
		before[i] = nl_u64(&self->nl, limits[i]);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, set(&self->nl, limits[i], GRAN));
		ASSERT_EQ(0, nt_info(self->fd, &info));
		EXPECT_EQ(GRAN, i == 0 ? info.commit_limit :
				i == 1 ? info.user_limit : info.space_limit);
		EXPECT_EQ(0ULL, nt_block(self->fd, 2 * GRAN, RW));
		ASSERT_EQ(0, set(&self->nl, limits[i], before[i]));
		EXPECT_NE(0ULL, nt_block(self->fd, 2 * GRAN, RW));
	}
}

TEST_F(netlink, one_wrong_setting_changes_none)
{
	struct nl *nl = &self->nl;
	__u32 wrong;

	nl_begin(nl, nl->family, NTMEM_CMD_SETTINGS_SET, 0);
	nl_put_u64(nl, NTMEM_A_SETTINGS_SPACE_LIMIT, GRAN);
	wrong = nl_put_u64(nl, NTMEM_A_SETTINGS_GRANULARITY, 3 * GRAN);
	ASSERT_EQ(EINVAL, nl_do(nl));
	EXPECT_EQ(wrong, nl->error_at);
	EXPECT_STRNE("", nl->error_text);
	nl_begin(nl, nl->family, NTMEM_CMD_SETTINGS_SET, 0);
	nl_put_u64(nl, NTMEM_A_SETTINGS_SPACE_LIMIT, GRAN);
	wrong = nl_put_u32(nl, NTMEM_A_SETTINGS_FAULT_WINDOW, 17);
	ASSERT_EQ(ERANGE, nl_do(nl));
	EXPECT_EQ(wrong, nl->error_at);
	ASSERT_EQ(0, nl_ask(nl, NTMEM_CMD_SETTINGS_GET));
	EXPECT_EQ(NONE, nl_u64(nl, NTMEM_A_SETTINGS_SPACE_LIMIT));
	EXPECT_EQ(GRAN, nl_u64(nl, NTMEM_A_SETTINGS_GRANULARITY));
}

/* One page a fault, however the faults follow each other. */
TEST_F(netlink, a_fault_brings_no_more_than_the_window)
{
	__u64 base = nt_block(self->fd, MIB, RW), pages, faults;
	struct nl *nl = &self->nl;

	nl_begin(nl, nl->family, NTMEM_CMD_SETTINGS_SET, 0);
	nl_put_u32(nl, NTMEM_A_SETTINGS_FAULT_WINDOW, 1);
	ASSERT_EQ(0, nl_do(nl));
	ASSERT_EQ(0, nl_ask(nl, NTMEM_CMD_SPACE_GET));
	pages = nl_u64(nl, NTMEM_A_STATS_PAGES);
	faults = nl_u64(nl, NTMEM_A_STATS_FAULTS);
	memset(nt_ptr(base), 1, MIB);
	ASSERT_EQ(0, nl_ask(nl, NTMEM_CMD_SPACE_GET));
	EXPECT_EQ(MIB / PAGE, nl_u64(nl, NTMEM_A_STATS_PAGES) - pages);
	EXPECT_EQ(MIB / PAGE, nl_u64(nl, NTMEM_A_STATS_FAULTS) - faults);
	nl_begin(nl, nl->family, NTMEM_CMD_SETTINGS_SET, 0);
	nl_put_u32(nl, NTMEM_A_SETTINGS_FAULT_WINDOW, 16);
	ASSERT_EQ(0, nl_do(nl));
}

static int set_as_user(void *data)
{
	struct nl *nl = data;
	struct nl own;

	/* Neither by a socket of its own, nor by root's. */
	become(ALICE);
	CHECK(set(nl, NTMEM_A_SETTINGS_SPACE_LIMIT, GRAN) == EPERM);
	CHECK(nl_open(&own));
	CHECK(set(&own, NTMEM_A_SETTINGS_SPACE_LIMIT, GRAN) == EPERM);
	CHECK(!nl_ask(&own, NTMEM_CMD_SETTINGS_GET));
	CHECK(nl_u64(&own, NTMEM_A_SETTINGS_SPACE_LIMIT) == NONE);
	return 0;
}

TEST_F(netlink, settings_are_not_for_users)
{
	ASSERT_EQ(0, nt_in_child(set_as_user, &self->nl));
}

static int set_in_namespace(void *data)
{
	struct nl *nl = data;

	CHECK(!unshare(CLONE_NEWUSER | CLONE_NEWNET));
	CHECK(nl_open(nl));
	CHECK(set(nl, NTMEM_A_SETTINGS_SPACE_LIMIT, GRAN) == EPERM);
	return 0;
}

TEST_F(netlink, settings_are_not_for_root_of_a_namespace)
{
	ASSERT_EQ(0, nt_in_child(set_in_namespace, &self->nl));
}

/* -------------------------------------------------------- what is refused --- */

TEST_F(netlink, what_is_malformed_is_refused)
{
	static const __u8 cmds[] = {
		NTMEM_CMD_SETTINGS_GET, NTMEM_CMD_SETTINGS_SET,
		NTMEM_CMD_STATS_GET, NTMEM_CMD_SPACE_GET, NTMEM_CMD_SUBSCRIBE,
	};
	struct nl *nl = &self->nl;
	__u32 wrong;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		nl_begin(nl, nl->family, cmds[i], 0);
		wrong = nl_put_u32(nl, 31, 1);
		EXPECT_EQ(EINVAL, nl_do(nl));
		EXPECT_EQ(wrong, nl->error_at);
		nl_begin(nl, nl->family, cmds[i], 0);
		nl_put(nl, 2, "x", 1);	/* too short for any of them */
		EXPECT_NE(0, nl_do(nl));
	}
	EXPECT_EQ(EOPNOTSUPP, nl_ask(nl, NTMEM_CMD_EVENT));
	EXPECT_EQ(EOPNOTSUPP, nl_ask(nl, 200));
	EXPECT_EQ(EOPNOTSUPP, nl_ask(nl, NTMEM_CMD_RUN_GET));
	EXPECT_EQ(ERANGE, nl_ask_u32(nl, NTMEM_CMD_SUBSCRIBE,
				     NTMEM_A_EVENT_RATE, 0));
	EXPECT_EQ(EINVAL, nl_ask_u32(nl, NTMEM_CMD_SUBSCRIBE,
				     NTMEM_A_EVENT_KINDS, 1U << 31));
}

/* What an answer does not depend on is not taken silently. */
TEST_F(netlink, a_process_where_none_is_asked_for)
{
	struct nl *nl = &self->nl;
	__u32 wrong;

	nl_begin(nl, nl->family, NTMEM_CMD_STATS_GET, 0);
	wrong = nl_put_u32(nl, NTMEM_A_STATS_PID, getpid());
	EXPECT_EQ(EINVAL, nl_do(nl));
	EXPECT_EQ(wrong, nl->error_at);
	nl_begin(nl, nl->family, NTMEM_CMD_SPACE_GET, NLM_F_DUMP);
	nl_put_u32(nl, NTMEM_A_STATS_PID, getpid());
	/* 6.1 does not say more of a dump that does not begin. */
	EXPECT_EQ(EINVAL, nl_do(nl));
}

struct random {
	struct nl nl;
	unsigned int seed;
	pid_t pids[4];
};

/* A message of the family, or nearly one. */
static void send_any(struct random *random)
{
	unsigned int *seed = &random->seed;
	struct nl *nl = &random->nl;
	__u32 value[4];
	int attrs, i;

	nl_begin(nl, nl->family, rand_r(seed) % 10,
		 rand_r(seed) % 3 ? 0 : NLM_F_DUMP);
	for (attrs = rand_r(seed) % 4; attrs; attrs--) {
		for (i = 0; i < 4; i++)
			value[i] = rand_r(seed) % 2 ? (__u32)rand_r(seed) :
				   (__u32)random->pids[rand_r(seed) % 4];
		nl_put(nl, rand_r(seed) % 24 |
		       (rand_r(seed) % 8 ? 0 : NLA_F_NESTED), value,
		       rand_r(seed) % 2 ? 4 : rand_r(seed) % 17);
	}
	if (rand_r(seed) % 16 == 0)
		nl->out.nlmsg_len -= rand_r(seed) % 8;
	CHECK(!nl_send(nl));
}

/* As a user, so that no setting changes; what it is told is thrown away. */
static int send_at_random(void *data)
{
	static struct random random;
	__u64 base;
	int i, fd;

	become(ALICE);
	random.seed = *(unsigned int *)data;
	random.pids[0] = getpid();
	random.pids[1] = getppid();
	random.pids[2] = 1;
	CHECK(nl_open(&random.nl));
	CHECK(!fcntl(random.nl.fd, F_SETFL, O_NONBLOCK));
	fd = open("/dev/ntmem", O_RDWR);
	base = nt_any(fd, GRAN, 0);
	for (i = 0; i < 400; i++) {
		send_any(&random);
		nt_commit(fd, base, PAGE, RW);
		nt_decommit(fd, base, PAGE);
		while (recv(random.nl.fd, random.nl.in[0], NL_ROOM, 0) > 0)
			;
	}
	return 0;
}

TEST_F(netlink, messages_at_random)
{
	__u64 space_limit;
	unsigned int seed;
	pid_t pids[4];

	ASSERT_EQ(0, nl_ask(&self->nl, NTMEM_CMD_SETTINGS_GET));
	space_limit = nl_u64(&self->nl, NTMEM_A_SETTINGS_SPACE_LIMIT);
	for (seed = 0; seed < 4; seed++)
		pids[seed] = nt_spawn(send_at_random, &seed);
	for (seed = 0; seed < 4; seed++)
		EXPECT_EQ(0, nt_reap(pids[seed]));
	ASSERT_EQ(0, nl_ask(&self->nl, NTMEM_CMD_SETTINGS_GET));
	EXPECT_EQ(space_limit,
		  nl_u64(&self->nl, NTMEM_A_SETTINGS_SPACE_LIMIT));
	EXPECT_EQ(16U, nl_u32(&self->nl, NTMEM_A_SETTINGS_FAULT_WINDOW));
}

TEST_F(netlink, processes_that_are_not_there)
{
	struct nl *nl = &self->nl;
	pid_t gone = fork();

	if (!gone)
		_exit(0);
	ASSERT_EQ(0, nt_reap(gone));
	EXPECT_EQ(ESRCH, nl_ask_u32(nl, NTMEM_CMD_SPACE_GET, NTMEM_A_STATS_PID,
				    gone));
	EXPECT_EQ(ESRCH, nl_ask_u32(nl, NTMEM_CMD_SUBSCRIBE, NTMEM_A_EVENT_PID,
				    gone));
	/* There, but without ntmem; a thread of the kernel, too. */
	EXPECT_EQ(ESRCH, nl_ask_u32(nl, NTMEM_CMD_SPACE_GET, NTMEM_A_STATS_PID,
				    1));
	EXPECT_EQ(ESRCH, nl_ask_u32(nl, NTMEM_CMD_SPACE_GET, NTMEM_A_STATS_PID,
				    2));
	EXPECT_EQ(ESRCH, nl_ask_u32(nl, NTMEM_CMD_SPACE_GET, NTMEM_A_STATS_PID,
				    0));
	EXPECT_STRNE("", nl->error_text);
	/* No user has this number. */
	EXPECT_EQ(EINVAL, nl_ask_u32(nl, NTMEM_CMD_STATS_GET,
				     NTMEM_A_STATS_UID, -1));
	EXPECT_STRNE("", nl->error_text);
}

struct thread_number {
	struct nt_gate there, go;
	pid_t tid;
};

/* Tells the number of this thread, and stays until the gate opens. */
static void *be_a_thread(void *data)
{
	struct thread_number *number = data;

	number->tid = gettid();
	if (nt_gate_open(&number->there) || nt_gate_wait(&number->go))
		return NULL;
	return data;
}

/* A thread is no process; nor is one of the kernel, which has no memory. */
TEST_F(netlink, threads_are_no_processes)
{
	struct nl *nl = &self->nl;
	struct thread_number number;
	pthread_t thread;

	ASSERT_EQ(0, nt_gate_init(&number.there));
	ASSERT_EQ(0, nt_gate_init(&number.go));
	ASSERT_EQ(0, pthread_create(&thread, NULL, be_a_thread, &number));
	ASSERT_EQ(0, nt_gate_wait(&number.there));
	EXPECT_EQ(ESRCH, nl_ask_u32(nl, NTMEM_CMD_SPACE_GET, NTMEM_A_STATS_PID,
				    number.tid));
	EXPECT_EQ(ESRCH, nl_ask_u32(nl, NTMEM_CMD_SUBSCRIBE, NTMEM_A_EVENT_PID,
				    number.tid));
	EXPECT_EQ(ESRCH, nl_ask_u32(nl, NTMEM_CMD_SUBSCRIBE, NTMEM_A_EVENT_PID,
				    2));
	EXPECT_STRNE("", nl->error_text);
	ASSERT_EQ(0, nt_gate_open(&number.go));
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

static int asks_for_its_space(void *data)
{
	struct nl nl;

	(void)data;
	CHECK(nl_open(&nl));
	CHECK(nl_ask(&nl, NTMEM_CMD_SPACE_GET) == ESRCH);
	CHECK(nl.error_text[0]);
	return 0;
}

/* Whose parent has the device, but nothing reserved that would be inherited. */
TEST_F(netlink, a_caller_that_has_no_space)
{
	EXPECT_EQ(0, nt_in_child(asks_for_its_space, NULL));
}

/* ------------------------------------------------------------- statistics --- */

static __u64 stat_of(struct nl *nl, __u16 type)
{
	return nl_ask(nl, NTMEM_CMD_SPACE_GET) ? NONE : nl_u64(nl, type);
}

#define MANY_SPACES	150

static int has_a_space(void *ready)
{
	int fd = open("/dev/ntmem", O_RDWR);

	CHECK(fd >= 0);
	CHECK(!nt_gate_open(ready));
	pause();
	return 0;
}

/* More than one message of a dump has room for: each comes once. */
TEST_F(netlink, many_spaces)
{
	unsigned int times[MANY_SPACES] = { 0 }, i;
	struct nl *nl = &self->nl;
	pid_t pids[MANY_SPACES];
	struct nt_gate ready;
	int error;

	ASSERT_EQ(0, nt_gate_init(&ready));
	for (i = 0; i < MANY_SPACES; i++) {
		pids[i] = nt_spawn(has_a_space, &ready);
		ASSERT_LT(0, pids[i]);
	}
	for (i = 0; i < MANY_SPACES; i++)
		ASSERT_EQ(0, nt_gate_wait(&ready));
	nl_begin(nl, nl->family, NTMEM_CMD_SPACE_GET, NLM_F_DUMP);
	ASSERT_EQ(0, nl_send(nl));
	while (nl_next(nl, &error) == NL_MESSAGE)
		for (i = 0; i < MANY_SPACES; i++)
			times[i] += nl_u32(nl, NTMEM_A_STATS_PID) ==
				    (__u32)pids[i];
	EXPECT_EQ(0, error);
	for (i = 0; i < MANY_SPACES; i++) {
		EXPECT_EQ(1U, times[i]);
		kill(pids[i], SIGKILL);
		nt_reap(pids[i]);
	}
}

/* Counted by pieces, so that nobody has to wait for all of it. */
TEST_F(netlink, pages_of_a_large_reservation)
{
	__u64 base = nt_any(self->fd, 3 * GIB, 0), i;

	ASSERT_NE(0ULL, base);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, nt_commit(self->fd, base + i * GIB, PAGE, RW));
		ASSERT_EQ(0, nt_poke(base + i * GIB, 1));
	}
	EXPECT_EQ(3 * PAGE, stat_of(&self->nl, NTMEM_A_STATS_RESIDENT));
}

TEST_F(netlink, a_space_counts_what_happens_in_it)
{
	__u64 base = nt_any(self->fd, MIB, 0);
	struct nl *nl = &self->nl;
	unsigned int i;

	ASSERT_EQ(0, nl_ask(nl, NTMEM_CMD_SPACE_GET));
	EXPECT_EQ((__u32)getpid(), nl_u32(nl, NTMEM_A_STATS_PID));
	EXPECT_EQ(0U, nl_u32(nl, NTMEM_A_STATS_UID));
	EXPECT_EQ(MIB, nl_u64(nl, NTMEM_A_STATS_RESERVED));
	EXPECT_EQ(0ULL, nl_u64(nl, NTMEM_A_STATS_COMMITTED));
	ASSERT_EQ(0, nt_commit(self->fd, base, 8 * PAGE, RW));
	ASSERT_EQ(0, nt_decommit(self->fd, base + 4 * PAGE, 4 * PAGE));
	ASSERT_EQ(0, nt_lock(self->fd, base, PAGE));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, nt_poke(base + i * PAGE, 1));
	ASSERT_EQ(0, nl_ask(nl, NTMEM_CMD_SPACE_GET));
	EXPECT_EQ(4 * PAGE, nl_u64(nl, NTMEM_A_STATS_COMMITTED));
	EXPECT_EQ(8 * PAGE, nl_u64(nl, NTMEM_A_STATS_PEAK));
	EXPECT_EQ(4 * PAGE, nl_u64(nl, NTMEM_A_STATS_RESIDENT));
	EXPECT_EQ(PAGE, nl_u64(nl, NTMEM_A_STATS_LOCKED));
	EXPECT_EQ(4ULL, nl_u64(nl, NTMEM_A_STATS_PAGES));
	EXPECT_LE(1ULL, nl_u64(nl, NTMEM_A_STATS_FAULTS));
	EXPECT_EQ(-SIGSEGV, nt_peek(base + 5 * PAGE));
	EXPECT_EQ(1ULL, stat_of(nl, NTMEM_A_STATS_REFUSED));
	ASSERT_EQ(0, nt_protect(self->fd, base, PAGE, RW | GUARD, NULL));
	EXPECT_EQ(-SIGSEGV, nt_peek(base));
	EXPECT_EQ(1ULL, stat_of(nl, NTMEM_A_STATS_GUARDS));
	EXPECT_EQ(1ULL, stat_of(nl, NTMEM_A_STATS_REFUSED));
	ASSERT_EQ(0, nt_unlock(self->fd, base, PAGE));
}

struct touch {
	struct nl *nl;
	__u64 base;
};

/* In a child that could not have its parent's memory. */
static int touch_what_is_not_there(void *data)
{
	struct touch *touch = data;

	CHECK(nt_poke(touch->base, 1) == -SIGBUS);
	CHECK(nt_peek(touch->base) == -SIGBUS);
	CHECK(stat_of(touch->nl, NTMEM_A_STATS_FAULTS) == 0);
	CHECK(stat_of(touch->nl, NTMEM_A_STATS_REFUSED) == 0);
	return 0;
}

TEST_F(netlink, a_fault_that_brings_nothing_is_not_served)
{
	struct touch touch = {
		.nl = &self->nl, .base = nt_block(self->fd, GRAN, RW),
	};
	int status;

	ASSERT_NE(0ULL, touch.base);
	ASSERT_EQ(0, set(&self->nl, NTMEM_A_SETTINGS_SPACE_LIMIT, PAGE));
	status = nt_in_child(touch_what_is_not_there, &touch);
	ASSERT_EQ(0, set(&self->nl, NTMEM_A_SETTINGS_SPACE_LIMIT, NONE));
	EXPECT_EQ(0, status);
}

static int dumps_core(void *data)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	int fd = open("/dev/ntmem", O_RDWR);

	(void)data;
	/* In a mapping of its own, of which each page is looked at. */
	CHECK(fd >= 0 && !nt_reserve_at(fd, WANTED, GRAN));
	CHECK(!nt_commit(fd, WANTED, 4 * PAGE, RW));
	CHECK(!nt_poke(WANTED, 1));
	CHECK(!setrlimit(RLIMIT_CORE, &all));
	CHECK(!prctl(PR_SET_DUMPABLE, 1));
	signal(SIGABRT, SIG_DFL);
	abort();
}

/* It looks at all pages, those too that nobody may touch or that are not there. */
TEST_F(netlink, a_core_dump_is_refused_nothing)
{
	static const char *const pattern = "/proc/sys/kernel/core_pattern";
	struct nl *nl = &self->nl;
	char old[256], path[64];
	__u64 refused;
	pid_t pid;

	ASSERT_EQ(0, nt_read_file(pattern, old, sizeof(old)));
	ASSERT_EQ(0, nl_ask(nl, NTMEM_CMD_STATS_GET));
	refused = nl_u64(nl, NTMEM_A_STATS_REFUSED);
	ASSERT_EQ(0, nt_write_file(pattern, "/tmp/ntmem-core.%p"));
	pid = nt_spawn(dumps_core, NULL);
	EXPECT_EQ(128 + SIGABRT, nt_reap(pid));
	ASSERT_EQ(0, nt_write_file(pattern, old));
	snprintf(path, sizeof(path), "/tmp/ntmem-core.%d", pid);
	EXPECT_EQ(0, unlink(path));
	ASSERT_EQ(0, nl_ask(nl, NTMEM_CMD_STATS_GET));
	EXPECT_EQ(refused, nl_u64(nl, NTMEM_A_STATS_REFUSED));
}

static int touch_page(void *data)
{
	return nt_poke(*(__u64 *)data, 2) ? 1 : 0;
}

TEST_F(netlink, copies_and_watched_writes_are_counted)
{
	__u64 base = nt_block(self->fd, GRAN, RW);
	__u64 watched = nt_any(self->fd, GRAN,
			       NTMEM_RESERVE_WATCH | NTMEM_RESERVE_COMMIT);
	struct nl *nl = &self->nl;

	ASSERT_EQ(0, nt_poke(base, 1));
	ASSERT_EQ(0, nt_in_child(touch_page, &base));
	/* The child is gone, and its copy with it; the parent's needs none. */
	ASSERT_EQ(0, nt_poke(base, 1));
	EXPECT_EQ(0ULL, stat_of(nl, NTMEM_A_STATS_COPIES));
	ASSERT_EQ(0, nt_poke(watched, 1));
	ASSERT_EQ(0, nt_poke(watched, 2));
	ASSERT_EQ(0, nt_poke(watched + PAGE, 1));
	EXPECT_EQ(2ULL, stat_of(nl, NTMEM_A_STATS_WATCHED));
}

TEST_F(netlink, a_commit_beyond_the_limit_is_counted)
{
	struct nl *nl = &self->nl;
	__u64 base = nt_any(self->fd, MIB, 0);

	ASSERT_EQ(0, set(nl, NTMEM_A_SETTINGS_SPACE_LIMIT, GRAN));
	EXPECT_EQ(ENOMEM, nt_commit(self->fd, base, MIB, RW));
	ASSERT_EQ(0, set(nl, NTMEM_A_SETTINGS_SPACE_LIMIT, NONE));
	EXPECT_EQ(1ULL, stat_of(nl, NTMEM_A_STATS_LIMITED));
}

/* A section's pages are its maker's, and so are the refusals. */
TEST_F(netlink, a_section_beyond_the_limit_is_counted)
{
	struct nl *nl = &self->nl;
	static struct nl events;
	__u64 view;
	int section;

	ASSERT_TRUE(nl_open(&events));
	ASSERT_EQ(0, nl_ask_u32(&events, NTMEM_CMD_SUBSCRIBE,
				NTMEM_A_EVENT_KINDS, 1 << NTMEM_EVENT_LIMIT));
	section = nt_section(self->fd, NULL, MIB, RW, NTMEM_SECTION_RESERVE);
	view = nt_view(self->fd, section, RW);
	ASSERT_NE(0ULL, view);
	ASSERT_LE(0, nt_section(self->fd, "small", PAGE, RW, 0));
	ASSERT_EQ(0, set(nl, NTMEM_A_SETTINGS_USER_LIMIT, GRAN));
	EXPECT_EQ(-ENOMEM, nt_section(self->fd, NULL, MIB, RW, 0));
	EXPECT_EQ(1ULL, stat_of(nl, NTMEM_A_STATS_LIMITED));
	EXPECT_FALSE(nl_event(&events));
	EXPECT_EQ(ENOMEM, nt_commit(self->fd, view, MIB, RW));
	EXPECT_EQ(2ULL, stat_of(nl, NTMEM_A_STATS_LIMITED));
	EXPECT_TRUE(nl_event(&events));
	EXPECT_EQ(view, nl_u64(&events, NTMEM_A_EVENT_ADDR));
	/* One that is there is only opened. */
	EXPECT_LE(0, nt_section(self->fd, "small", MIB, RW, 0));
	EXPECT_EQ(2ULL, stat_of(nl, NTMEM_A_STATS_LIMITED));
	ASSERT_EQ(0, set(nl, NTMEM_A_SETTINGS_USER_LIMIT, NONE));
	close(events.fd);
}

/* What is the system's stays its own when the process is gone. */
static int touch_a_block(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);
	__u64 base = fd < 0 ? 0 : nt_block(fd, MIB, RW);

	(void)data;
	CHECK(base);
	memset(nt_ptr(base), 1, MIB);
	return 0;
}

TEST_F(netlink, the_system_counts_those_that_are_gone)
{
	struct nl *nl = &self->nl;
	struct ntmem_info info;
	__u64 before;

	ASSERT_EQ(0, nl_ask(nl, NTMEM_CMD_STATS_GET));
	before = nl_u64(nl, NTMEM_A_STATS_PAGES);
	ASSERT_EQ(0, nt_in_child(touch_a_block, NULL));
	ASSERT_EQ(0, nl_ask(nl, NTMEM_CMD_STATS_GET));
	EXPECT_EQ(before + MIB / PAGE, nl_u64(nl, NTMEM_A_STATS_PAGES));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	EXPECT_EQ(info.committed, nl_u64(nl, NTMEM_A_STATS_COMMITTED));
	EXPECT_EQ(info.resident, nl_u64(nl, NTMEM_A_STATS_RESIDENT));
	EXPECT_EQ(info.spaces, nl_u64(nl, NTMEM_A_STATS_SPACES));
}

/* ------------------------------------------------------- whose is whose --- */

struct other {
	struct nt_gate ready, done;
	uid_t uid;
	bool hidden;
	__u64 base;
};

/* A process of another user with memory, until it is told to go. */
static int be_other(void *data)
{
	struct other *other = data;
	int fd;

	become(other->uid);
	if (other->hidden)
		CHECK(!prctl(PR_SET_DUMPABLE, 0));
	fd = open("/dev/ntmem", O_RDWR);
	CHECK(fd >= 0 && nt_block(fd, GRAN, RW));
	CHECK(!nt_gate_open(&other->ready));
	CHECK(!nt_gate_wait(&other->done));
	return 0;
}

static pid_t start_other(struct other *other, uid_t uid, bool hidden)
{
	pid_t pid;

	other->uid = uid;
	other->hidden = hidden;
	if (nt_gate_init(&other->ready) || nt_gate_init(&other->done))
		return -1;
	pid = nt_spawn(be_other, other);
	return nt_gate_wait(&other->ready) ? -1 : pid;
}

static int end_other(struct other *other, pid_t pid)
{
	return nt_gate_open(&other->done) ? -1 : nt_reap(pid);
}

/* Is a process in the dump of all spaces? -1: the dump failed. */
static int is_listed(struct nl *nl, pid_t pid)
{
	enum nl_got got;
	int error, found = 0;

	nl_begin(nl, nl->family, NTMEM_CMD_SPACE_GET, NLM_F_DUMP);
	if (nl_send(nl))
		return -1;
	while ((got = nl_next(nl, &error)) == NL_MESSAGE)
		if (nl_u32(nl, NTMEM_A_STATS_PID) == (__u32)pid)
			found++;
	return got == NL_END && !error ? found : -1;
}

struct looker {
	uid_t uid;
	pid_t pid;
	int want;
};

static int look_at_other(void *data)
{
	const struct looker *looker = data;
	enum nl_got got;
	struct nl nl;
	int error;

	become(looker->uid);
	CHECK(nl_open(&nl));
	CHECK(is_listed(&nl, looker->pid) == looker->want);
	CHECK(nl_ask_u32(&nl, NTMEM_CMD_SPACE_GET, NTMEM_A_STATS_PID,
			 looker->pid) == (looker->want ? 0 : ESRCH));
	CHECK(nl_ask_u32(&nl, NTMEM_CMD_SUBSCRIBE, NTMEM_A_EVENT_PID,
			 looker->pid) == (looker->want ? 0 : ESRCH));
	nl_begin(&nl, nl.family, NTMEM_CMD_RUN_GET, NLM_F_DUMP);
	nl_put_u32(&nl, NTMEM_A_RUN_PID, looker->pid);
	CHECK(!nl_send(&nl));
	got = nl_next(&nl, &error);
	CHECK(looker->want ? got == NL_MESSAGE :
			     got == NL_END && error == ESRCH);
	return 0;
}

TEST_F(netlink, users_see_their_own_processes)
{
	struct looker looker = { .uid = ALICE, .want = 1 };
	struct other other;

	looker.pid = start_other(&other, ALICE, false);
	ASSERT_LT(0, looker.pid);
	EXPECT_EQ(0, nt_in_child(look_at_other, &looker));
	EXPECT_EQ(1, is_listed(&self->nl, looker.pid));
	looker.uid = BOB;
	looker.want = 0;
	EXPECT_EQ(0, nt_in_child(look_at_other, &looker));
	EXPECT_EQ(0, end_other(&other, looker.pid));
	EXPECT_EQ(0, is_listed(&self->nl, looker.pid));
}

TEST_F(netlink, what_is_not_dumpable_is_for_root)
{
	struct looker looker = { .uid = ALICE };
	struct other other;

	looker.pid = start_other(&other, ALICE, true);
	ASSERT_LT(0, looker.pid);
	EXPECT_EQ(0, nt_in_child(look_at_other, &looker));
	EXPECT_EQ(1, is_listed(&self->nl, looker.pid));
	EXPECT_EQ(0, end_other(&other, looker.pid));
}

/* The same user in a namespace of his own is not let out of it. */
static int look_from_user_namespace(void *data)
{
	struct nl nl;

	become(ALICE);
	CHECK(!unshare(CLONE_NEWUSER));
	CHECK(nl_open(&nl));
	CHECK(is_listed(&nl, *(pid_t *)data) == 0);
	CHECK(nl_ask_u32(&nl, NTMEM_CMD_SPACE_GET, NTMEM_A_STATS_PID,
			 *(pid_t *)data) == ESRCH);
	return 0;
}

TEST_F(netlink, a_user_namespace_does_not_see_the_one_above)
{
	struct other other;
	pid_t pid = start_other(&other, ALICE, false);

	ASSERT_LT(0, pid);
	EXPECT_EQ(0, nt_in_child(look_from_user_namespace, &pid));
	EXPECT_EQ(0, end_other(&other, pid));
}

/* This program, started again, has a space, and says so to a descriptor. */
#define HOLDER	"NTMEM_NETLINK_HOLDER"

__attribute__((constructor)) static void begin(void)
{
	const char *ready = getenv(HOLDER);

	if (!ready)
		return;
	if (open("/dev/ntmem", O_RDWR) < 0 || write(atoi(ready), "", 1) != 1)
		_exit(1);
	pause();
}

/* Only by execve(2) does a mm become that of its user's namespace. */
static int holds_a_space(void *data)
{
	struct nt_gate *ready = data;
	char text[16];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(text, sizeof(text), "%d", ready->pipe[1]);
	setenv(HOLDER, text, 1);
	execl("/proc/self/exe", "netlink", NULL);
	return 1;
}

static int holds_in_a_namespace(void *data)
{
	become(ALICE);
	CHECK(!unshare(CLONE_NEWUSER));
	return holds_a_space(data);
}

struct asker {
	struct nl *nl;
	struct nt_gate ready;
};

/* Begins to look from a namespace that goes when this ends. */
static int asks_and_goes(void *data)
{
	struct asker *asker = data;
	pid_t pid;

	become(ALICE);
	CHECK(!unshare(CLONE_NEWUSER));
	pid = nt_spawn(holds_a_space, &asker->ready);
	CHECK(!nt_gate_wait(&asker->ready));
	CHECK(!nl_send(asker->nl));
	kill(pid, SIGKILL);
	nt_reap(pid);
	return 0;
}

#define NAMESPACES	32

/* One that comes to lie where that was is another. */
TEST_F(netlink, a_dump_is_of_the_namespace_it_began_in)
{
	struct asker asker = { .nl = &self->nl };
	unsigned int i, seen = 0, others = 0;
	pid_t pids[NAMESPACES];
	int error;

	ASSERT_EQ(0, nt_gate_init(&asker.ready));
	nl_begin(&self->nl, self->nl.family, NTMEM_CMD_SPACE_GET, NLM_F_DUMP);
	ASSERT_EQ(0, nt_in_child(asks_and_goes, &asker));
	for (i = 0; i < NAMESPACES; i++) {
		pids[i] = nt_spawn(holds_in_a_namespace, &asker.ready);
		ASSERT_EQ(0, nt_gate_wait(&asker.ready));
	}
	while (nl_next(&self->nl, &error) == NL_MESSAGE) {
		seen++;
		for (i = 0; i < NAMESPACES; i++)
			others += nl_u32(&self->nl, NTMEM_A_STATS_PID) ==
				  (__u32)pids[i];
	}
	EXPECT_EQ(0, error);
	EXPECT_EQ(0U, others);
	EXPECT_EQ(1U, seen);
	for (i = 0; i < NAMESPACES; i++) {
		kill(pids[i], SIGKILL);
		nt_reap(pids[i]);
	}
}

/* A request without an address, or to the kernel by its address. */
static int ask_of(struct nl *nl, pid_t pid, bool addressed)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	enum nl_got got;
	int error;

	nl_begin(nl, nl->family, NTMEM_CMD_SPACE_GET, 0);
	if (pid)
		nl_put_u32(nl, NTMEM_A_STATS_PID, pid);
	nl->out.nlmsg_flags |= NLM_F_ACK;
	if (sendto(nl->fd, &nl->out, nl->out.nlmsg_len, 0,
		   addressed ? (void *)&kernel : NULL,
		   addressed ? sizeof(kernel) : 0) < 0)
		return errno;
	do {
		got = nl_next(nl, &error);
	} while (got == NL_MESSAGE);
	return error;
}

/* As a set-uid program does whose stdout is its user's socket. */
static int writes_to_a_users_socket(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);
	pid_t pid = *(pid_t *)data;
	struct nl nl;

	CHECK(fd >= 0);
	CHECK(!setresuid(ALICE, ALICE, 0));
	CHECK(nl_open(&nl));
	CHECK(!setresuid(ALICE, 0, 0));
	CHECK(is_listed(&nl, pid) == 0);
	CHECK(ask_of(&nl, pid, false) == ESRCH);
	CHECK(ask_of(&nl, 0, false) == ESRCH);
	CHECK(nl_ask_u32(&nl, NTMEM_CMD_STATS_GET, NTMEM_A_STATS_UID, 0) ==
	      EPERM);
	/* Who gives an address knows that it is a socket. */
	CHECK(ask_of(&nl, pid, true) == 0);
	CHECK(ask_of(&nl, 0, true) == 0);
	return 0;
}

/* Who opened the socket gets what is written to it. */
TEST_F(netlink, a_users_socket_tells_nothing_of_root)
{
	struct other other;
	pid_t pid = start_other(&other, 0, false);

	ASSERT_LT(0, pid);
	EXPECT_EQ(0, nt_in_child(writes_to_a_users_socket, &pid));
	EXPECT_EQ(0, end_other(&other, pid));
}

static int uses_roots_socket(void *data)
{
	pid_t pid = *(pid_t *)data;
	struct nl nl;

	CHECK(nl_open(&nl));
	become(ALICE);
	CHECK(ask_of(&nl, pid, false) == 0);
	CHECK(ask_of(&nl, getppid(), false) == ESRCH);
	return 0;
}

/* Root, who may see all, has given it to who sees what is his. */
TEST_F(netlink, roots_socket_is_good_for_a_user)
{
	struct other other;
	pid_t pid = start_other(&other, ALICE, false);

	ASSERT_LT(0, pid);
	EXPECT_EQ(0, nt_in_child(uses_roots_socket, &pid));
	EXPECT_EQ(0, end_other(&other, pid));
}

static int sums_of_others(void *data)
{
	struct nl nl;

	(void)data;
	become(ALICE);
	CHECK(nl_open(&nl));
	CHECK(nl_ask_u32(&nl, NTMEM_CMD_STATS_GET, NTMEM_A_STATS_UID, BOB) ==
	      EPERM);
	CHECK(!nl_ask_u32(&nl, NTMEM_CMD_STATS_GET, NTMEM_A_STATS_UID, ALICE));
	CHECK(nl_u64(&nl, NTMEM_A_STATS_COMMITTED) == GRAN);
	CHECK(nl_u64(&nl, NTMEM_A_STATS_SPACES) == 1);
	return 0;
}

TEST_F(netlink, a_users_sum_is_for_the_user)
{
	struct other other;
	pid_t pid = start_other(&other, ALICE, false);

	ASSERT_LT(0, pid);
	EXPECT_EQ(0, nt_in_child(sums_of_others, NULL));
	EXPECT_EQ(0, end_other(&other, pid));
}

/* Init of a namespace of its own sees itself as 1, and nobody outside. */
static int look_from_inside(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);
	struct nl nl;

	CHECK(getpid() == 1);
	CHECK(fd >= 0 && nl_open(&nl));
	CHECK(is_listed(&nl, 1) == 1);
	CHECK(is_listed(&nl, *(pid_t *)data) == 0);
	/* Nor those without a number here. */
	CHECK(is_listed(&nl, 0) == 0);
	CHECK(nl_ask_u32(&nl, NTMEM_CMD_SPACE_GET, NTMEM_A_STATS_PID,
			 *(pid_t *)data) == ESRCH);
	return 0;
}

static int make_inside(void *data)
{
	CHECK(!unshare(CLONE_NEWPID | CLONE_NEWNET));
	return nt_in_child(look_from_inside, data);
}

TEST_F(netlink, a_pid_namespace_sees_its_own)
{
	pid_t pid = getpid();

	ASSERT_EQ(0, nt_in_child(make_inside, &pid));
}

/* ------------------------------------------------------------------- runs --- */

static void begin_runs(struct nl *nl)
{
	nl_begin(nl, nl->family, NTMEM_CMD_RUN_GET, NLM_F_DUMP);
}

/* The dump of the own runs says what QUERY says; their number, or -1. */
static int compare_runs(int fd, struct nl *nl)
{
	struct ntmem_query q;
	__u64 addr = 0;
	int error, runs = 0;
	enum nl_got got;

	begin_runs(nl);
	if (nl_send(nl))
		return -1;
	while ((got = nl_next(nl, &error)) == NL_MESSAGE) {
		if (nl_u64(nl, NTMEM_A_RUN_ADDR) < addr)
			return -1;
		addr = nl_u64(nl, NTMEM_A_RUN_ADDR);
		if (nt_query(fd, addr, &q) || q.base != addr ||
		    q.size != nl_u64(nl, NTMEM_A_RUN_SIZE) ||
		    q.alloc_base != nl_u64(nl, NTMEM_A_RUN_BASE) ||
		    q.alloc_prot != nl_u32(nl, NTMEM_A_RUN_ALLOC_PROT) ||
		    q.state != nl_u32(nl, NTMEM_A_RUN_STATE) ||
		    q.prot != nl_u32(nl, NTMEM_A_RUN_PROT) ||
		    q.type != nl_u32(nl, NTMEM_A_RUN_TYPE))
			return -1;
		addr += q.size;
		runs++;
	}
	return got == NL_END && !error ? runs : -1;
}

TEST_F(netlink, a_space_without_reservations_has_no_runs)
{
	EXPECT_EQ(0, compare_runs(self->fd, &self->nl));
}

TEST_F(netlink, runs_are_those_of_query)
{
	struct nt_snapshot all;
	unsigned int i;
	__u64 base;

	for (i = 0; i < 500; i++) {
		base = nt_any(self->fd, (i % 7 + 1) * GRAN, i % 5 ? 0 :
			      NTMEM_RESERVE_WATCH);
		ASSERT_NE(0ULL, base);
		ASSERT_EQ(0, nt_commit(self->fd, base + i % 16 * PAGE, PAGE,
				       i % 2 ? RW : RO | GUARD));
	}
	nt_snapshot(self->fd, &all);
	EXPECT_EQ((int)all.runs, compare_runs(self->fd, &self->nl));
}

TEST_F(netlink, a_run_tells_what_it_is)
{
	__u64 base = nt_any(self->fd, GRAN, NTMEM_RESERVE_WATCH |
			    NTMEM_RESERVE_NOFORK | NTMEM_RESERVE_COMMIT);
	struct nl *nl = &self->nl;
	int error;

	ASSERT_EQ(0, nt_poke(base, 1));
	ASSERT_EQ(0, nt_poke(base + 8 * PAGE, 1));
	begin_runs(nl);
	ASSERT_EQ(0, nl_send(nl));
	ASSERT_EQ(NL_MESSAGE, nl_next(nl, &error));
	EXPECT_EQ(base, nl_u64(nl, NTMEM_A_RUN_ADDR));
	EXPECT_EQ(2 * PAGE, nl_u64(nl, NTMEM_A_RUN_RESIDENT));
	EXPECT_EQ(NTMEM_RUN_WATCH | NTMEM_RUN_NOFORK,
		  nl_u32(nl, NTMEM_A_RUN_FLAGS));
	ASSERT_EQ(NL_END, nl_next(nl, &error));
	EXPECT_EQ(0, error);
}

static int subscribe(struct nl *nl, __u32 kinds, pid_t pid, __u32 rate)
{
	nl_begin(nl, nl->family, NTMEM_CMD_SUBSCRIBE, 0);
	nl_put_u32(nl, NTMEM_A_EVENT_KINDS, kinds);
	if (pid)
		nl_put_u32(nl, NTMEM_A_EVENT_PID, pid);
	if (rate)
		nl_put_u32(nl, NTMEM_A_EVENT_RATE, rate);
	return nl_do(nl);
}

struct changer {
	int fd;
	__u64 base;
	__u64 many;
	bool stop;
};

/* Every other reservation comes and goes all the time. */
static void *change_runs(void *data)
{
	struct changer *changer = data;
	unsigned int i;
	__u64 addr;

	for (i = 0; !__atomic_load_n(&changer->stop, __ATOMIC_ACQUIRE); i++) {
		addr = changer->base + (2 * (i % changer->many) + 1) * PAGE;
		nt_commit(changer->fd, addr, PAGE, i % 3 ? RW : RO);
		nt_decommit(changer->fd, addr, PAGE);
	}
	return NULL;
}

#define MANY	100000ULL

/*
 * Those that nobody changes come once each, whatever happens between them. Fewer
 * where the kernel takes its time.
 */
TEST_F(netlink, a_hundred_thousand_runs_while_others_change)
{
	__u64 many = nt_rounds(nt_rounds(MANY));
	__u64 size = 2 * many * PAGE, addr, i, seen = 0, last = 0;
	struct changer changer = { .fd = self->fd, .many = many };
	struct nl *nl = &self->nl;
	struct nl listener;
	pthread_t thread;
	enum nl_got got;
	int error;

	/*
	 * The last listener of an earlier test may just have gone: then the
	 * module's code is changed in a second, and an emulated CPU that is in it
	 * all the time may never see that. Another one keeps it as it is.
	 */
	ASSERT_TRUE(nl_open(&listener));
	ASSERT_EQ(0, subscribe(&listener, 1 << NTMEM_EVENT_LIMIT, getpid(), 0));
	changer.base = nt_any(self->fd, size, 0);
	ASSERT_NE(0ULL, changer.base);
	for (i = 0; i < many; i++)
		ASSERT_EQ(0, nt_commit(self->fd, changer.base + 2 * i * PAGE,
				       PAGE, RW));
	ASSERT_EQ(0, pthread_create(&thread, NULL, change_runs, &changer));
	begin_runs(nl);
	ASSERT_EQ(0, nl_send(nl));
	while ((got = nl_next(nl, &error)) == NL_MESSAGE) {
		addr = nl_u64(nl, NTMEM_A_RUN_ADDR);
		ASSERT_LE(last, addr);
		last = addr + nl_u64(nl, NTMEM_A_RUN_SIZE);
		if (nl_u32(nl, NTMEM_A_RUN_STATE) != COMMITTED)
			continue;
		/* Two that met are one. */
		for (; addr < last; addr += PAGE)
			seen += (addr - changer.base) / PAGE % 2 == 0;
	}
	__atomic_store_n(&changer.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	EXPECT_EQ(NL_END, got);
	EXPECT_EQ(0, error);
	EXPECT_EQ(many, seen);
}

/* ----------------------------------------------------------------- events --- */

#define ALL_KINDS	((1U << __NTMEM_EVENT_MAX) - 1)

/* Is the next event this one? Says so when not. */
static bool event_is(struct nl *nl, __u32 kind, __u64 addr, __u64 size,
		     int result)
{
	if (!nl_event(nl)) {
		fprintf(stderr, "# no event, not one of kind %u\n", kind);
		return false;
	}
	if (nl_u32(nl, NTMEM_A_EVENT_KIND) == kind &&
	    nl_u64(nl, NTMEM_A_EVENT_ADDR) == addr &&
	    nl_u64(nl, NTMEM_A_EVENT_SIZE) == size &&
	    (int)nl_u32(nl, NTMEM_A_EVENT_RESULT) == result)
		return true;
	fprintf(stderr, "# event %u of %#llx size %#llx result %d\n",
		nl_u32(nl, NTMEM_A_EVENT_KIND), nl_u64(nl, NTMEM_A_EVENT_ADDR),
		nl_u64(nl, NTMEM_A_EVENT_SIZE),
		(int)nl_u32(nl, NTMEM_A_EVENT_RESULT));
	fprintf(stderr, "# expected %u of %#llx size %#llx result %d\n", kind,
		addr, size, result);
	return false;
}

static __u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* A kernel that does not trust its TSC may have a clock of jiffies only. */
static bool clock_is_fine(void)
{
	struct timespec res;

	return !clock_getres(CLOCK_MONOTONIC, &res) && !res.tv_sec &&
	       res.tv_nsec == 1;
}

TEST_F(netlink, events_come_in_the_order_of_calls)
{
	struct nl *nl = &self->nl;
	__u64 base, begin = now_ns(), duration;

	ASSERT_EQ(0, subscribe(nl, ALL_KINDS, getpid(), 0));
	base = nt_any(self->fd, GRAN, 0);
	ASSERT_EQ(0, nt_commit(self->fd, base, 2 * PAGE, RW | GUARD));
	EXPECT_EQ(-SIGSEGV, nt_peek(base));
	ASSERT_EQ(0, nt_protect(self->fd, base, PAGE, RO, NULL));
	EXPECT_EQ(EINVAL, nt_commit(self->fd, base, PAGE, 3));
	ASSERT_EQ(0, nt_decommit(self->fd, base, PAGE));
	ASSERT_EQ(0, nt_release(self->fd, base, 0));
	EXPECT_TRUE(event_is(nl, NTMEM_EVENT_RESERVE, base, GRAN, 0));
	EXPECT_EQ((__u32)getpid(), nl_u32(nl, NTMEM_A_EVENT_PID));
	EXPECT_EQ((__u32)gettid(), nl_u32(nl, NTMEM_A_EVENT_TID));
	EXPECT_TRUE(event_is(nl, NTMEM_EVENT_COMMIT, base, 2 * PAGE, 0));
	EXPECT_EQ(RW | GUARD, nl_u32(nl, NTMEM_A_EVENT_PROT));
	duration = nl_u64(nl, NTMEM_A_EVENT_DURATION);
	EXPECT_LE(duration, now_ns() - begin);
	if (clock_is_fine())
		EXPECT_NE(0ULL, duration);
	EXPECT_TRUE(event_is(nl, NTMEM_EVENT_GUARD, base, PAGE, 0));
	EXPECT_TRUE(event_is(nl, NTMEM_EVENT_PROTECT, base, PAGE, 0));
	EXPECT_TRUE(event_is(nl, NTMEM_EVENT_COMMIT, base, PAGE, -EINVAL));
	EXPECT_TRUE(event_is(nl, NTMEM_EVENT_DECOMMIT, base, PAGE, 0));
	EXPECT_TRUE(event_is(nl, NTMEM_EVENT_RELEASE, base, 0, 0));
	EXPECT_FALSE(nl_event(nl));
}

TEST_F(netlink, views_are_reserved_and_released)
{
	int section = nt_section(self->fd, NULL, GRAN, RW, 0);
	__u64 addr = 0;

	ASSERT_LE(0, section);
	ASSERT_EQ(0, subscribe(&self->nl, ALL_KINDS, getpid(), 0));
	ASSERT_EQ(0, nt_map(self->fd, section, 0, &addr, PAGE, RW, 0));
	ASSERT_EQ(0, nt_unmap(self->fd, addr, 0));
	EXPECT_TRUE(event_is(&self->nl, NTMEM_EVENT_RESERVE, addr, PAGE, 0));
	EXPECT_TRUE(event_is(&self->nl, NTMEM_EVENT_RELEASE, addr, 0, 0));
	EXPECT_FALSE(nl_event(&self->nl));
}

TEST_F(netlink, operations_of_a_batch_are_events_each)
{
	__u64 base = nt_any(self->fd, GRAN, 0);
	struct nl *nl = &self->nl;
	struct ntmem_op ops[2];
	__u32 done;

	nt_op_range(&ops[0], NTMEM_NR_COMMIT, base, PAGE, RW);
	nt_op_range(&ops[1], NTMEM_NR_DECOMMIT, base, PAGE, 0);
	ASSERT_EQ(0, subscribe(nl, ALL_KINDS, getpid(), 0));
	ASSERT_EQ(0, nt_batch(self->fd, ops, 2, 0, &done));
	EXPECT_TRUE(event_is(nl, NTMEM_EVENT_COMMIT, base, PAGE, 0));
	EXPECT_TRUE(event_is(nl, NTMEM_EVENT_DECOMMIT, base, PAGE, 0));
}

TEST_F(netlink, only_the_kinds_that_were_asked_for)
{
	__u64 base = nt_any(self->fd, GRAN, 0);
	struct nl *nl = &self->nl;

	ASSERT_EQ(0, subscribe(nl, 1 << NTMEM_EVENT_DECOMMIT, getpid(), 0));
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
	ASSERT_EQ(0, nt_decommit(self->fd, base, PAGE));
	EXPECT_TRUE(event_is(nl, NTMEM_EVENT_DECOMMIT, base, PAGE, 0));
	EXPECT_FALSE(nl_event(nl));
	ASSERT_EQ(0, subscribe(nl, 0, 0, 0));
	ASSERT_EQ(0, nt_decommit(self->fd, base, PAGE));
	EXPECT_FALSE(nl_event(nl));
}

static int commits_when_told(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);
	__u64 base = nt_any(fd, GRAN, 0);

	CHECK(!nt_gate_wait(data));
	CHECK(!nt_commit(fd, base, PAGE, RW));
	return 0;
}

TEST_F(netlink, only_the_process_that_was_asked_for)
{
	__u64 base = nt_any(self->fd, GRAN, 0);
	struct nl *nl = &self->nl;
	struct nt_gate go;
	pid_t pid;

	ASSERT_EQ(0, nt_gate_init(&go));
	pid = nt_spawn(commits_when_told, &go);
	ASSERT_EQ(0, subscribe(nl, 1 << NTMEM_EVENT_COMMIT, pid, 0));
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
	ASSERT_EQ(0, nt_gate_open(&go));
	ASSERT_EQ(0, nt_reap(pid));
	ASSERT_TRUE(nl_event(nl));
	EXPECT_EQ((__u32)pid, nl_u32(nl, NTMEM_A_EVENT_PID));
	EXPECT_FALSE(nl_event(nl));
}

TEST_F(netlink, a_refused_commit_is_a_limit_that_was_hit)
{
	__u64 base = nt_any(self->fd, MIB, 0);
	struct nl events;

	ASSERT_TRUE(nl_open(&events));
	ASSERT_EQ(0, subscribe(&events, 1 << NTMEM_EVENT_LIMIT, getpid(), 0));
	ASSERT_EQ(0, set(&self->nl, NTMEM_A_SETTINGS_SPACE_LIMIT, GRAN));
	EXPECT_EQ(ENOMEM, nt_commit(self->fd, base, MIB, RW));
	ASSERT_EQ(0, set(&self->nl, NTMEM_A_SETTINGS_SPACE_LIMIT, NONE));
	EXPECT_EQ(0, nt_commit(self->fd, base, MIB, RW));
	EXPECT_TRUE(event_is(&events, NTMEM_EVENT_LIMIT, base, MIB, -ENOMEM));
	EXPECT_FALSE(nl_event(&events));
	close(events.fd);
}

/* What was refused while nobody listened is not told of another refusal. */
TEST_F(netlink, a_limit_is_not_told_later)
{
	__u64 base = nt_any(self->fd, MIB, 0), addr = 0;
	struct rlimit most = { 64 * GIB, RLIM_INFINITY };
	static struct nl events;

	ASSERT_TRUE(nl_open(&events));
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &most));
	ASSERT_EQ(0, set(&self->nl, NTMEM_A_SETTINGS_SPACE_LIMIT, GRAN));
	EXPECT_EQ(ENOMEM, nt_commit(self->fd, base, MIB, RW));
	ASSERT_EQ(0, subscribe(&events, 1 << NTMEM_EVENT_LIMIT, getpid(), 0));
	/* Only address space is short. */
	EXPECT_EQ(ENOMEM, nt_reserve(self->fd, &addr, 64 * GIB, RW, 0));
	EXPECT_FALSE(nl_event(&events));
	EXPECT_EQ(ENOMEM, nt_commit(self->fd, base, MIB, RW));
	EXPECT_TRUE(event_is(&events, NTMEM_EVENT_LIMIT, base, MIB, -ENOMEM));
	ASSERT_EQ(0, set(&self->nl, NTMEM_A_SETTINGS_SPACE_LIMIT, NONE));
	close(events.fd);
}

TEST_F(netlink, what_is_too_fast_is_counted)
{
	__u64 base = nt_any(self->fd, GRAN, 0), got = 0, lost = 0;
	struct nl *nl = &self->nl;
	unsigned int i;

	ASSERT_EQ(0, subscribe(nl, 1 << NTMEM_EVENT_COMMIT, getpid(), 5));
	/* The last event that comes knows of those lost before it. */
	for (i = 0; !lost && i < 100000000; i++) {
		ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
		while (nl_event(nl)) {
			got++;
			lost = nl_u64(nl, NTMEM_A_EVENT_LOST);
		}
	}
	EXPECT_LE(5ULL, got);
	EXPECT_EQ(i, got + lost);
}

TEST_F(netlink, spaces_come_and_go)
{
	struct nl *nl = &self->nl;
	struct other other;
	pid_t pid;

	ASSERT_EQ(0, subscribe(nl, 1 << NTMEM_EVENT_CREATED |
			       1 << NTMEM_EVENT_GONE, 0, 0));
	pid = start_other(&other, ALICE, false);
	ASSERT_LT(0, pid);
	ASSERT_TRUE(event_is(nl, NTMEM_EVENT_CREATED, 0, 0, 0));
	EXPECT_EQ((__u32)pid, nl_u32(nl, NTMEM_A_EVENT_PID));
	ASSERT_EQ(0, end_other(&other, pid));
	ASSERT_TRUE(event_is(nl, NTMEM_EVENT_GONE, 0, 0, 0));
	EXPECT_EQ((__u32)pid, nl_u32(nl, NTMEM_A_EVENT_PID));
}

/* Hears of itself, and nothing of a process of another user that ends. */
static int listen_as_bob(void *data)
{
	struct nl nl;

	become(BOB);
	CHECK(nl_open(&nl));
	CHECK(!subscribe(&nl, ALL_KINDS, 0, 0));
	CHECK(!nt_gate_open(&((struct other *)data)->done));
	CHECK(!nt_gate_wait(&((struct other *)data)->ready));
	CHECK(!touch_a_block(NULL));
	CHECK(event_is(&nl, NTMEM_EVENT_CREATED, 0, 0, 0));
	do {
		CHECK(nl_u32(&nl, NTMEM_A_EVENT_PID) == (__u32)getpid());
	} while (nl_event(&nl));
	return 0;
}

TEST_F(netlink, users_hear_of_their_own)
{
	struct other alice, bob;
	pid_t pid, bob_pid;

	ASSERT_EQ(0, nt_gate_init(&bob.ready));
	ASSERT_EQ(0, nt_gate_init(&bob.done));
	pid = start_other(&alice, ALICE, false);
	ASSERT_LT(0, pid);
	bob_pid = nt_spawn(listen_as_bob, &bob);
	ASSERT_EQ(0, nt_gate_wait(&bob.done));
	EXPECT_EQ(0, end_other(&alice, pid));
	ASSERT_EQ(0, nt_gate_open(&bob.ready));
	EXPECT_EQ(0, nt_reap(bob_pid));
}

static int listen_too_often(void *data)
{
	struct nl *nl = data;
	unsigned int i;

	become(ALICE);
	for (i = 0; i < 8; i++) {
		CHECK(nl_open(&nl[i]));
		CHECK(!subscribe(&nl[i], ALL_KINDS, 0, 0));
	}
	CHECK(nl_open(&nl[8]));
	CHECK(subscribe(&nl[8], ALL_KINDS, 0, 0) == EUSERS);
	/* Who listens already may ask for something else. */
	CHECK(!subscribe(&nl[0], 1, 0, 0));
	close(nl[1].fd);
	CHECK(!subscribe(&nl[8], ALL_KINDS, 0, 0));
	return 0;
}

TEST_F(netlink, a_user_cannot_slow_down_all_by_listening)
{
	struct nl *nl = calloc(9, sizeof(*nl));

	ASSERT_NE(NULL, nl);
	/* Not counted among the user's. */
	ASSERT_EQ(0, subscribe(&self->nl, 1, getpid(), 0));
	EXPECT_EQ(0, nt_in_child(listen_too_often, nl));
	free(nl);
}

struct subordinate {
	struct nt_gate made, mapped;
};

/* As one of the ids of the namespace: all that its maker may have, or none. */
static int listens_as(void *data)
{
	uid_t id = *(uid_t *)data;
	struct nl *nl = calloc(9, sizeof(*nl));
	unsigned int i;

	CHECK(nl && !setresuid(id, id, id));
	for (i = 0; i < 8; i++) {
		CHECK(nl_open(&nl[i]));
		CHECK(subscribe(&nl[i], ALL_KINDS, 0, 0) == (id ? EUSERS : 0));
	}
	if (id)
		return 0;
	for (id = 1; id < 3; id++)
		CHECK(!nt_in_child(listens_as, &id));
	return 0;
}

static int has_subordinate_ids(void *data)
{
	struct subordinate *s = data;
	uid_t id = 0;

	become(ALICE);
	CHECK(!unshare(CLONE_NEWUSER));
	CHECK(!nt_gate_open(&s->made));
	CHECK(!nt_gate_wait(&s->mapped));
	return nt_in_child(listens_as, &id);
}

/* The ids of /etc/subuid are no further users, here as for commit. */
TEST_F(netlink, subordinate_ids_listen_as_their_user)
{
	struct subordinate s;
	char path[64];
	pid_t pid;

	ASSERT_EQ(0, nt_gate_init(&s.made));
	ASSERT_EQ(0, nt_gate_init(&s.mapped));
	pid = nt_spawn(has_subordinate_ids, &s);
	ASSERT_EQ(0, nt_gate_wait(&s.made));
	/* What newuidmap(1) does. */
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	ASSERT_EQ(0, nt_write_file(path, "0 65533 1\n1 70000 100\n"));
	ASSERT_EQ(0, nt_gate_open(&s.mapped));
	ASSERT_EQ(0, nt_reap(pid));
}

TEST_HARNESS_MAIN
