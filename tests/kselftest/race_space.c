// SPDX-License-Identifier: GPL-2.0
/*
 * What threads and processes share beyond one reservation: spaces, the
 * module, accounts, spare pages, and the pages that pressure takes.
 */
#include "race.h"

#define PAGES	16

FIXTURE(share)
{
	int fd;
	__u64 base;		/* PAGES committed pages, every byte 1 */
	struct racer first, other;
};

FIXTURE_SETUP(share)
{
	self->base = race_block(_metadata, &self->fd, PAGES, RW);
	if (!self->base)
		return;
	memset(nt_ptr(self->base), 1, PAGES * PAGE);
	self->first = (struct racer) {
		.fd = self->fd, .addr = self->base, .size = PAGES * PAGE,
		.prot = RW,
	};
	self->other = self->first;
}

FIXTURE_TEARDOWN(share)
{
	close(self->fd);
}

/* ------------------------------------------------------------------------
 * Memory pressure, which comes as a task that shrinks all caches.
 */
static int squeeze(struct racer *r)
{
	(void)r;
	return nt_write_file("/proc/sys/vm/drop_caches", "2");
}

static const char * const reclaims[] = { "reclaim_found", "reclaim_drop" };

/* The first page that is about to be dropped is written to. */
TEST_F(share, reclaim_against_write)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reclaims); i++) {
		ASSERT_EQ(0, nt_reset(self->fd, self->base, PAGES * PAGE));
		self->first.run = squeeze;
		self->other.run = race_write;
		self->other.value = 9;
		ASSERT_TRUE(race(&self->first, reclaims[i], &self->other));
		ASSERT_EQ(0, self->other.result);
		ASSERT_EQ(9, nt_peek(self->base));
		ASSERT_EQ(0, squeeze(NULL));
		ASSERT_EQ(9, nt_peek(self->base));
		nt_reset_undo(self->fd, self->base, PAGES * PAGE);
	}
}

static int undo(struct racer *r)
{
	return nt_reset_undo(r->fd, r->addr, r->size);
}

/* RESET_UNDO says that content was lost, or it was not. */
TEST_F(share, reclaim_against_undo)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reclaims); i++) {
		memset(nt_ptr(self->base), 1, PAGES * PAGE);
		ASSERT_EQ(0, nt_reset(self->fd, self->base, PAGES * PAGE));
		self->first.run = squeeze;
		self->other.run = undo;
		ASSERT_TRUE(race(&self->first, reclaims[i], &self->other));
		ASSERT_EQ(nt_all(self->base, PAGES * PAGE, 1) ? 0 : EBUSY,
			  self->other.result);
		/* It matters again. */
		memset(nt_ptr(self->base), 2, PAGES * PAGE);
		ASSERT_EQ(0, squeeze(NULL));
		ASSERT_TRUE(nt_all(self->base, PAGES * PAGE, 2));
	}
}

TEST_F(share, reclaim_against_release)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reclaims); i++) {
		__u64 base = nt_block(self->fd, GRAN, RW);

		memset(nt_ptr(base), 1, GRAN);
		ASSERT_EQ(0, nt_reset(self->fd, base, GRAN));
		self->first.run = squeeze;
		self->other.run = race_release;
		self->other.addr = base;
		self->other.size = 0;
		ASSERT_TRUE(race(&self->first, reclaims[i], &self->other));
		ASSERT_EQ(0, self->other.result);
		ASSERT_TRUE(nt_is_free(self->fd, base));
		ASSERT_EQ(-SIGSEGV, nt_peek(base));
	}
	ASSERT_EQ(1, nt_peek(self->base));
}

static int decommit_and_write(struct racer *r)
{
	return race_decommit(r) ?: nt_commit(r->fd, r->addr, r->size, RW) ?:
	       race_write(r);
}

TEST_F(share, reclaim_against_another_life)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reclaims); i++) {
		memset(nt_ptr(self->base), 1, PAGES * PAGE);
		ASSERT_EQ(0, nt_reset(self->fd, self->base, PAGES * PAGE));
		self->first.run = squeeze;
		self->other.run = decommit_and_write;
		self->other.value = 9;
		ASSERT_TRUE(race(&self->first, reclaims[i], &self->other));
		ASSERT_EQ(0, self->other.result);
		ASSERT_EQ(9, nt_peek(self->base));
		ASSERT_TRUE(nt_all(self->base + PAGE, (PAGES - 1) * PAGE, 0));
	}
}

/* A child that shares the pages cannot lose its content, nor its parent's. */
static int keeps(void *data)
{
	const struct racer *r = data;

	CHECK(nt_peek(r->addr) == 1);
	CHECK(!nt_poke(r->addr, 5));
	CHECK(nt_peek(r->addr) == 5);
	return 0;
}

static int fork_and_look(struct racer *r)
{
	return nt_in_child(keeps, r);
}

TEST_F(share, reclaim_against_fork)
{
	__u64 kept = nt_block(self->fd, GRAN, RW);

	memset(nt_ptr(kept), 1, GRAN);
	ASSERT_EQ(0, nt_reset(self->fd, self->base, PAGES * PAGE));
	self->first.run = squeeze;
	self->other.run = fork_and_look;
	self->other.addr = kept;
	ASSERT_TRUE(race(&self->first, "reclaim_drop", &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(1, nt_peek(kept));
}

/* ------------------------------------------------------------------------
 * Accounts.
 */
#define LIMIT	"/sys/module/ntmem/parameters/commit_limit"

/* A commit that nobody has room for must not take room from others. */
TEST_F(share, refused_commit_against_commit)
{
	char old[32], limit[32];
	struct ntmem_info info;
	int error;

	if (!race_may_spin())
		SKIP(return, "needs two CPUs");
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(0, nt_read_file(LIMIT, old, sizeof(old)));
	snprintf(limit, sizeof(limit), "%llu", info.committed + 64 * PAGE);
	ASSERT_EQ(0, nt_write_file(LIMIT, limit));
	self->first.run = race_commit;
	self->first.addr = nt_any(self->fd, GIB, 0);
	self->first.size = GIB;
	self->other.run = race_commit;
	self->other.addr = nt_any(self->fd, GRAN, 0);
	self->other.size = GRAN;
	error = !race(&self->first, "charge_refused", &self->other);
	ASSERT_EQ(0, nt_write_file(LIMIT, old));
	ASSERT_EQ(0, error);
	ASSERT_EQ(ENOMEM, self->first.result);
	ASSERT_EQ(0, self->other.result);
}

/* A commit while the kernel's account is given back is in it afterwards. */
static __u64 committed_as(void)
{
	return nt_kb_line("/proc/meminfo", "Committed_AS:");
}

TEST_F(share, account_against_commit)
{
	__u64 big = nt_block(self->fd, 256 * MIB, RW);
	int stop;

	ASSERT_NE(0ULL, big);
	self->first.addr = nt_any(self->fd, 256 * MIB, 0);
	/* The worker that follows when much is given back. */
	stop = stop_arm("ballast_shrink", 0);
	ASSERT_LE(0, stop);
	ASSERT_EQ(0, nt_decommit(self->fd, big, 256 * MIB));
	ASSERT_LT(0, stop_wait(stop));
	self->other.run = race_commit;
	self->other.addr = big;
	self->other.size = 240 * MIB;
	race_prepare(&self->other, 1);
	ASSERT_TRUE(racer_start(&self->other));
	racer_go(&self->other);
	racer_settle(&self->other);
	stop_go(stop);
	ASSERT_EQ(0, racer_join(&self->other));
	ASSERT_LE(240 * MIB, committed_as());
}

/* ------------------------------------------------------------------------
 * Spaces and the module.
 */
static int opens(struct racer *r)
{
	r->other = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	return r->other < 0 ? errno : 0;
}

/* Two threads that open first get one space. */
FIXTURE(nothing)
{
	struct racer first, other;
};

FIXTURE_SETUP(nothing)
{
	const char *missing = race_missing();

	if (missing)
		SKIP(return, "%s", missing);
	memset(self, 0, sizeof(*self));
}

FIXTURE_TEARDOWN(nothing)
{
	(void)self;
}

TEST_F(nothing, two_opens_make_one_space)
{
	__u64 base;

	self->first.run = opens;
	self->other.run = opens;
	ASSERT_TRUE(race(&self->first, "space_add", &self->other));
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(0, self->other.result);
	base = nt_any(self->first.other, GRAN, 0);
	ASSERT_NE(0ULL, base);
	ASSERT_TRUE(nt_in(self->other.other, base, base, RW));
	ASSERT_EQ(0, nt_commit(self->other.other, base, GRAN, RW));
	ASSERT_EQ(0, nt_poke(base, 1));
}

static int unloads(struct racer *r)
{
	(void)r;
	return ERRNO_OF(syscall(SYS_delete_module, "ntmem", O_NONBLOCK));
}

/* No space, no file: only the call that is on its way keeps the module. */
TEST_F(nothing, unload_against_open)
{
	self->first.run = opens;
	self->other.run = unloads;
	ASSERT_TRUE(race(&self->first, "device_open", &self->other));
	ASSERT_EQ(EAGAIN, self->other.result);
	ASSERT_EQ(0, self->first.result);
	ASSERT_NE(0ULL, nt_any(self->first.other, GRAN, 0));
}

/* The owner of a passed descriptor dies while a call on it is on its way. */
static int owner(void *data)
{
	struct racer *r = data;
	int fd = open("/dev/ntmem", O_RDWR);

	CHECK(fd == r->fd && nt_block(fd, GRAN, RW));
	CHECK(write(r->other, "", 1) == 1);
	pause();
	return 0;
}

TEST_F(nothing, call_against_exit_of_the_owner)
{
	int stop, mine, up[2], pidfd;
	struct ntmem_info info;
	pid_t child;
	char c;

	ASSERT_EQ(0, pipe(up));
	self->first.other = up[1];
	self->first.fd = open("/dev/null", O_RDWR);
	close(self->first.fd);
	child = nt_spawn(owner, &self->first);
	ASSERT_EQ(1, read(up[0], &c, 1));
	pidfd = syscall(SYS_pidfd_open, child, 0);
	self->first.fd = syscall(SYS_pidfd_getfd, pidfd, self->first.fd, 0);
	ASSERT_LE(0, self->first.fd);
	self->first.run = race_query;
	self->first.addr = WANTED;
	stop = race_begin(&self->first, "ioctl_enter");
	ASSERT_LE(0, stop);
	kill(child, SIGKILL);
	ASSERT_EQ(128 + SIGKILL, nt_reap(child));
	stop_go(stop);
	ASSERT_EQ(EIO, racer_join(&self->first));
	mine = open("/dev/ntmem", O_RDWR);
	ASSERT_EQ(0, nt_info(mine, &info));
	ASSERT_EQ(0ULL, info.committed);
	ASSERT_EQ(2ULL, info.spaces);
	close(self->first.fd);
	ASSERT_EQ(0, nt_info(mine, &info));
	ASSERT_EQ(1ULL, info.spaces);
}

/* A thread is in a call when another one executes a program. */
static int executes(struct racer *r)
{
	/* Any program: this one, which says how it is called. */
	dup2(r->other, STDERR_FILENO);
	execl("/proc/self/exe", "race_space", "-h", NULL);
	return errno;
}

static int exec_in_a_call(void *data)
{
	struct racer *r = data;

	r[0].fd = open("/dev/ntmem", O_RDWR);
	r[0].addr = nt_block(r[0].fd, GRAN, RW);
	CHECK(r[0].addr && !nt_poke(r[0].addr, 1));
	r[0].size = GRAN;
	r[0].run = race_decommit;
	r[1].run = executes;
	r[1].other = open("/dev/null", O_WRONLY | O_CLOEXEC);
	race(&r[0], "decommit_zap", &r[1]);
	return 0;
}

TEST_F(nothing, call_against_exec)
{
	struct racer racers[2] = { 0 };
	struct ntmem_info info;
	int mine;

	nt_in_child(exec_in_a_call, racers);
	mine = open("/dev/ntmem", O_RDWR);
	ASSERT_EQ(0, nt_info(mine, &info));
	ASSERT_EQ(0ULL, info.committed);
	ASSERT_EQ(1ULL, info.spaces);
}

TEST_HARNESS_MAIN
