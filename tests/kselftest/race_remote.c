// SPDX-License-Identifier: GPL-2.0
/*
 * Calls on another process while that ends, executes a program or forks, while
 * the caller is killed, and while two work on each other: nobody waits for ever,
 * nothing is left, and what was not told of has not happened.
 */
#include "race.h"
#include "remote.h"

#define SIZE	(16 * PAGE)

FIXTURE(race_remote)
{
	int fd;			/* of the test itself */
	struct ntmem_info start;
	struct target target;
	__u64 base;		/* in the target, SIZE committed */
	struct racer first, second;
};

/* A target with a block, and who works on it. */
static bool begin(struct target *target, __u64 *base, struct racer *racer)
{
	if (!target_start(target, NULL))
		return false;
	*base = nt_block(target->handle, SIZE, RW);
	*racer = (struct racer) {
		.fd = target->handle, .addr = *base, .size = PAGE, .prot = RW,
	};
	return *base && !target_poke(target, *base, 7);
}

FIXTURE_SETUP(race_remote)
{
	const char *missing = race_missing();

	if (missing)
		SKIP(return, "%s", missing);
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, nt_info(self->fd, &self->start));
	ASSERT_TRUE(begin(&self->target, &self->base, &self->first));
	self->second = self->first;
}

FIXTURE_TEARDOWN(race_remote)
{
	close(self->fd);
}

/*
 * Until all that a target had is there again; who was last may still be at it. An
 * earlier one may have been when it began, so that there may be less now.
 */
static void wait_for_all(int fd, const struct ntmem_info *start)
{
	struct ntmem_info now;

	do {
		sched_yield();
		CHECK(!nt_info(fd, &now));
	} while (now.committed > start->committed ||
		 now.resident > start->resident);
}

/* The racer at a point, or at one where somebody else is for it: the trap. */
static int stop_call(struct racer *racer, const char *point)
{
	int stop;

	if (strcmp(point, "errand"))
		return race_begin(racer, point);
	if (!race_start_first(racer))
		return -1;
	stop = stop_arm(point, 0);
	racer_go(racer);
	if (stop >= 0 && racer_caught(racer, stop))
		return stop;
	fprintf(stderr, "# did not come by %s\n", point);
	close(stop);
	return -1;
}

static int reserve_at(struct racer *r)
{
	return nt_reserve_at(r->fd, WANTED, MIB);
}

static int reserve_any(struct racer *r)
{
	return nt_any(r->fd, GRAN, 0) ? 0 : ESRCH;
}

static int protect_code(struct racer *r)
{
	return nt_protect(r->fd, r->addr, r->size, RX, NULL);
}

static int lock(struct racer *r)
{
	return nt_lock(r->fd, r->addr, SIZE);
}

static int watch(struct racer *r)
{
	__u64 pages[4], count = 4;

	return nt_watch(r->fd, r->addr, r->size, pages, &count, 0);
}

static int batch(struct racer *r)
{
	struct ntmem_op op;
	int error;

	nt_op_range(&op, NTMEM_NR_DECOMMIT, r->addr, r->size, 0);
	error = nt_batch(r->fd, &op, 1, 0, NULL);
	return error ? error : -op.status;
}

static const struct {
	const char *point;
	int (*run)(struct racer *r);
	int result;		/* when the target is gone, besides ESRCH */
} ends[] = {
	/* What has the mm may come to its end. */
	{ "ioctl_space", race_commit, ESRCH }, { "visit", race_commit, ESRCH },
	{ "visiting", race_commit, 0 }, { "visited", race_commit, 0 },
	{ "visit", reserve_at, ESRCH }, { "visiting", reserve_at, ESRCH },
	{ "errand", reserve_at, 0 }, { "visited", reserve_at, 0 },
	{ "visiting", reserve_any, 0 }, { "visited", reserve_any, 0 },
	{ "visiting", race_decommit, 0 }, { "visiting", race_release, 0 },
	{ "errand", protect_code, 0 }, { "visiting", protect_code, ESRCH },
	{ "visiting", lock, EDQUOT }, { "errand", lock, 0 },
	{ "visit", watch, ESRCH }, { "visiting", watch, ENXIO },
	{ "visit", batch, ESRCH }, { "visiting", batch, 0 },
};

static void call_against_end(struct __test_metadata *_metadata,
			     struct _test_data_race_remote *self, unsigned int i,
			     bool (*end)(const struct target *target))
{
	struct target target;
	struct racer first;
	__u64 base;
	int stop;

	ASSERT_TRUE(begin(&target, &base, &first));
	first.run = ends[i].run;
	stop = stop_call(&first, ends[i].point);
	ASSERT_LE(0, stop);
	/* Nor does it wait for the call. */
	EXPECT_TRUE(end(&target));
	stop_go(stop);
	racer_join(&first);
	EXPECT_TRUE(first.result == ESRCH || first.result == ends[i].result) {
		TH_LOG("%u, at %s: %d", i, ends[i].point, first.result);
	}
	EXPECT_EQ(ESRCH, nt_commit(target.handle, base, PAGE, RW));
	close(target.handle);
	target_kill(&target);
	wait_for_all(self->fd, &self->start);
}

static bool is_killed(const struct target *target)
{
	kill(target->pid, SIGKILL);
	return nt_reap(target->pid) == 128 + SIGKILL;
}

TEST_F(race_remote, calls_against_exit)
{
	struct ntmem_info info;
	unsigned int i;

	ASSERT_TRUE(is_killed(&self->target));
	close(self->target.handle);
	for (i = 0; i < ARRAY_SIZE(ends); i++)
		call_against_end(_metadata, self, i, is_killed);
	/* Nor are their spaces left. */
	do {
		ASSERT_EQ(0, nt_info(self->fd, &info));
	} while (info.spaces > self->start.spaces);
}

TEST_F(race_remote, calls_against_exec)
{
	unsigned int i;

	ASSERT_TRUE(is_killed(&self->target));
	close(self->target.handle);
	for (i = 0; i < ARRAY_SIZE(ends); i++)
		call_against_end(_metadata, self, i, target_exec);
}

/* Who has just been the owner may be about to run with other credentials. */
TEST_F(race_remote, credentials_against_exec)
{
	int stop;

	if (!race_may_spin())
		SKIP(return, "one CPU");
	/* The other CPU is the racer's, which spins. */
	ASSERT_EQ(0, nt_pin(self->target.pid, 0));
	self->first.run = race_commit;
	stop = race_begin(&self->first, "visit_owner");
	ASSERT_LE(0, stop);
	EXPECT_TRUE(target_exec(&self->target));
	stop_go(stop);
	EXPECT_EQ(ESRCH, racer_join(&self->first));
}

/* The handle that the call came by. */
TEST_F(race_remote, call_against_close)
{
	int stop;

	self->first.run = protect_code;
	stop = stop_call(&self->first, "errand");
	ASSERT_LE(0, stop);
	close(self->target.handle);
	ASSERT_TRUE(is_killed(&self->target));
	stop_go(stop);
	racer_join(&self->first);
	wait_for_all(self->fd, &self->start);
}

/* ------------------------------------------------------------------------
 * Killed callers.
 */
struct call {
	int (*run)(struct racer *r);
	struct racer racer;
};

static int calls(void *data)
{
	struct call *call = data;

	nt_pin(0, 1);
	return call->run(&call->racer);
}

static void until_it_waits(pid_t pid)
{
	while (task_state(pid) != 'D')
		sched_yield();
}

static int target_forks(int fd, const struct question *q)
{
	pid_t pid = fork();

	(void)fd;
	if (!pid)
		_exit(nt_peek(q->addr));
	return nt_reap(pid);
}

/* The target in the middle of fork, with its mmap_lock held: the trap. */
static int stop_in_fork(struct target *target, __u64 addr)
{
	const struct question question = { .run = target_forks, .addr = addr };
	int stop = stop_arm("fork_vma", target->pid);

	if (stop < 0 ||
	    write(target->sock, &question, sizeof(question)) !=
	    sizeof(question) || stop_wait(stop) != target->pid)
		return -1;
	return stop;
}

static int fork_end(struct target *target, int stop)
{
	int answer;

	stop_go(stop);
	return read(target->sock, &answer, sizeof(answer)) == sizeof(answer) ?
	       answer : -1000;
}

/* It waits in the kernel thread, for a lock of the target; what it was at stays. */
TEST_F(race_remote, kill_who_waits_for_the_target)
{
	struct call call = { protect_code, self->first };
	struct call next = { race_release, self->first };
	pid_t pid, other;
	int stop;

	next.racer.size = 0;
	stop = stop_in_fork(&self->target, self->base);
	ASSERT_LE(0, stop);
	pid = nt_spawn(calls, &call);
	until_it_waits(pid);
	/* And another, for what that has locked. */
	other = nt_spawn(calls, &next);
	until_it_waits(other);
	kill(other, SIGKILL);
	ASSERT_EQ(128 + SIGKILL, nt_reap(other));
	kill(pid, SIGKILL);
	ASSERT_EQ(128 + SIGKILL, nt_reap(pid));
	ASSERT_EQ(7, fork_end(&self->target, stop));
	ASSERT_TRUE(nt_run(self->target.handle, self->base, SIZE, COMMITTED,
			   RW));
	ASSERT_EQ(7, target_peek(&self->target, self->base));
	ASSERT_EQ(0, target_poke(&self->target, self->base + PAGE, 8));
	ASSERT_EQ(0, nt_protect(self->target.handle, self->base, PAGE, RX,
				NULL));
}

/* The same of all that maps. */
TEST_F(race_remote, kill_who_maps)
{
	static int (*const runs[])(struct racer *r) = {
		reserve_at, race_release, race_reserve, protect_code, lock,
	};
	struct call call = { .racer = self->first };
	unsigned int i;
	pid_t pid;
	int stop;

	for (i = 0; i < ARRAY_SIZE(runs); i++) {
		call.run = runs[i];
		call.racer.addr = runs[i] == race_reserve ? 0 : self->base;
		call.racer.size = runs[i] == race_reserve ? 4 * GIB : PAGE;
		if (runs[i] == race_release) {
			/* What has a mapping of its own. */
			ASSERT_EQ(0, nt_reserve_at(self->target.handle, WANTED,
						   MIB));
			call.racer.addr = WANTED;
			call.racer.size = 0;
		}
		stop = stop_arm("errand", 0);
		pid = nt_spawn(calls, &call);
		ASSERT_LT(0, stop_wait(stop));
		kill(pid, SIGKILL);
		ASSERT_EQ(128 + SIGKILL, nt_reap(pid));
		stop_go(stop);
		/* Done or not: it can be undone, and done again. */
		nt_release(self->target.handle, WANTED, 0);
		ASSERT_EQ(0, nt_reserve_at(self->target.handle, WANTED, MIB));
		ASSERT_EQ(0, nt_release(self->target.handle, WANTED, 0));
		ASSERT_EQ(7, target_peek(&self->target, self->base));
		ASSERT_EQ(0, nt_commit(self->target.handle, self->base, SIZE,
				       RW));
	}
}

/* ------------------------------------------------------------------------
 * Fork of the target.
 */
TEST_F(race_remote, calls_while_the_target_forks)
{
	int stop = stop_in_fork(&self->target, self->base);

	ASSERT_LE(0, stop);
	/* State is changed meanwhile, which the child has as it was. */
	ASSERT_EQ(0, nt_decommit(self->target.handle, self->base, PAGE));
	ASSERT_EQ(0, nt_commit(self->target.handle, self->base, PAGE, RW));
	/* What has to map waits. */
	self->first.run = reserve_at;
	ASSERT_TRUE(race_start_first(&self->first));
	racer_go(&self->first);
	racer_settle(&self->first);
	ASSERT_TRUE(self->first.waited);
	ASSERT_EQ(7, fork_end(&self->target, stop));
	ASSERT_EQ(0, racer_join(&self->first));
	ASSERT_EQ(0, target_peek(&self->target, self->base));
}

TEST_F(race_remote, fork_during_a_call)
{
	static const char *const points[] = { "visiting", "errand" };
	unsigned int i;
	int stop;

	for (i = 0; i < ARRAY_SIZE(points); i++) {
		self->first.run = protect_code;
		stop = stop_call(&self->first, points[i]);
		ASSERT_LE(0, stop);
		ASSERT_EQ(7, target_ask(&self->target, target_forks,
					self->base, 0, 0));
		stop_go(stop);
		ASSERT_EQ(0, racer_join(&self->first));
		ASSERT_EQ(-SIGSEGV, target_poke(&self->target, self->base, 1));
		/* Anew, so that it has to be mapped for code once more. */
		ASSERT_EQ(0, nt_release(self->target.handle, self->base, 0));
		self->base = nt_block(self->target.handle, SIZE, RW);
		self->first.addr = self->base;
		ASSERT_EQ(0, target_poke(&self->target, self->base, 7));
	}
}

/* ------------------------------------------------------------------------
 * Two that work on each other.
 */
static int takes_handle(int fd, const struct question *q)
{
	(void)fd;
	return nt_receive_fd(q->value);
}

/* With the other's handle: many lives there, of its own mapping. */
static int works(int fd, const struct question *q)
{
	__u64 addr = q->addr, base;
	unsigned int i;

	(void)fd;
	for (i = 0; i < q->size; i++) {
		CHECK(!nt_reserve_at(q->value, addr, MIB));
		CHECK(!nt_commit(q->value, addr, GRAN, RX));
		CHECK(!nt_lock(q->value, addr, PAGE));
		CHECK(!nt_release(q->value, addr, 0));
		base = nt_block(q->value, GRAN, RW);
		CHECK(base && !nt_release(q->value, base, 0));
	}
	return 0;
}

struct pair {
	struct target target[2];
	int handle[2];		/* in each, of the other */
	int socks[2];
};

static bool pair_start(struct pair *pair)
{
	int i;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair->socks))
		return false;
	for (i = 0; i < 2; i++)
		if (!target_start(&pair->target[i], NULL))
			return false;
	for (i = 0; i < 2; i++) {
		if (nt_send_fd(pair->socks[0], pair->target[!i].handle))
			return false;
		pair->handle[i] = target_ask(&pair->target[i], takes_handle, 0,
					     0, pair->socks[1]);
	}
	return pair->handle[0] >= 0 && pair->handle[1] >= 0;
}

static void pair_go(struct pair *pair, int i, unsigned int times)
{
	const struct question question = {
		.run = works, .addr = WANTED, .size = times,
		.value = pair->handle[i],
	};

	CHECK(write(pair->target[i].sock, &question, sizeof(question)) ==
	      sizeof(question));
}

static int pair_answer(struct pair *pair, int i)
{
	int answer;

	return read(pair->target[i].sock, &answer, sizeof(answer)) ==
	       sizeof(answer) ? answer : -1000;
}

TEST_F(race_remote, on_each_other)
{
	struct pair pair;
	int stop;

	ASSERT_TRUE(pair_start(&pair));
	/* The one has begun to map in the other: which works on it all the same. */
	stop = stop_arm("errand", 0);
	pair_go(&pair, 0, 1);
	ASSERT_LT(0, stop_wait(stop));
	pair_go(&pair, 1, 1);
	ASSERT_EQ(0, pair_answer(&pair, 1));
	stop_go(stop);
	ASSERT_EQ(0, pair_answer(&pair, 0));
	/* And unhindered. */
	pair_go(&pair, 0, nt_rounds(100));
	pair_go(&pair, 1, nt_rounds(100));
	ASSERT_EQ(0, pair_answer(&pair, 0));
	ASSERT_EQ(0, pair_answer(&pair, 1));
}

/* One of both dies in it, and later the other. */
TEST_F(race_remote, kill_one_of_two)
{
	struct ntmem_info info;
	struct pair pair;
	int i, victim;

	ASSERT_TRUE(is_killed(&self->target));
	close(self->target.handle);
	for (i = 0; i < 10; i++) {
		victim = i % 2;
		ASSERT_TRUE(pair_start(&pair));
		pair_go(&pair, 0, 1000000);
		pair_go(&pair, 1, 1000000);
		/* When it has come some way. */
		while (nt_info(pair.target[victim].handle, &info) ||
		       !info.space_reserved)
			sched_yield();
		ASSERT_TRUE(is_killed(&pair.target[victim]));
		close(pair.target[victim].handle);
		/* That its calls fail ends it. */
		ASSERT_EQ(1, nt_reap(pair.target[!victim].pid));
		close(pair.target[!victim].handle);
		close(pair.socks[0]);
		close(pair.socks[1]);
		wait_for_all(self->fd, &self->start);
	}
}

TEST_HARNESS_MAIN
