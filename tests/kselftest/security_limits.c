// SPDX-License-Identifier: GPL-2.0
/*
 * Limits, and what a hostile process can do to escape them or to use up the
 * machine: forks, threads, namespaces, failing calls, handles of the dead,
 * and the kernel's memory. The lines of doc/threat-model.md that begin with
 * "security_limits".
 *
 * Needs root, to set limits and to become others.
 */
#include "ntmem_test.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define ALICE	65533
#define BOB	65532
#define DEVICE	"/dev/ntmem"
#define PARAM(name)	"/sys/module/ntmem/parameters/" name
#define CGROUP	"/sys/fs/cgroup/ntmem-security-test"

FIXTURE(limits)
{
	int fd;
	struct ntmem_info start;
	char user_limit[64];
	char space_limit[64];
	/* Shared with children. */
	int *shared;
};

FIXTURE_SETUP(limits)
{
	ASSERT_EQ(0, chmod(DEVICE, 0666));
	self->fd = open(DEVICE, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, nt_read_file(PARAM("user_limit"), self->user_limit,
				  sizeof(self->user_limit)));
	ASSERT_EQ(0, nt_read_file(PARAM("space_limit"), self->space_limit,
				  sizeof(self->space_limit)));
	ASSERT_EQ(0, nt_info(self->fd, &self->start));
	self->shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->shared);
}

FIXTURE_TEARDOWN(limits)
{
	EXPECT_EQ(0, nt_write_file(PARAM("user_limit"), self->user_limit));
	EXPECT_EQ(0, nt_write_file(PARAM("space_limit"), self->space_limit));
	close(self->fd);
}

static void become(uid_t uid)
{
	CHECK(!setresgid(uid, uid, uid));
	CHECK(!setresuid(uid, uid, uid));
	CHECK(!prctl(PR_SET_DUMPABLE, 1));
}

/* Commits page by page until refused: how much it was. */
static __u64 takes_all(int fd, __u64 most)
{
	__u64 base = nt_any(fd, most, 0), size = 0;

	CHECK(base);
	while (size < most && !nt_commit(fd, base + size, PAGE, RW))
		size += PAGE;
	return size;
}

/* ------------------------------------------------------------------------
 * One user's limit.
 */
#define LIMIT	(256 * PAGE)

struct taker {
	int fd;
	__u64 taken;
};

static void *taker(void *data)
{
	struct taker *t = data;

	t->taken = takes_all(t->fd, 2 * LIMIT);
	return NULL;
}

static int forks_for_more(void *data)
{
	int fd = open(DEVICE, O_RDWR);
	struct ntmem_info info;

	CHECK(fd >= 0);
	CHECK(!takes_all(fd, 2 * LIMIT));
	CHECK(!nt_info(fd, &info));
	CHECK(info.user_committed == LIMIT);
	if (data)
		return nt_in_child(forks_for_more, NULL);
	return 0;
}

static int unshares_for_more(void *data)
{
	CHECK(!unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS |
		       CLONE_NEWIPC));
	return nt_in_child(forks_for_more, data);
}

/* By threads, by processes, by a namespace of every kind: no page more. */
static int wants_more(void *data)
{
	struct taker takers[4];
	pthread_t threads[4];
	__u64 taken = 0;
	int i, fd;

	become(ALICE);
	fd = open(DEVICE, O_RDWR);
	CHECK(fd >= 0);
	for (i = 0; i < 4; i++) {
		takers[i].fd = fd;
		CHECK(!pthread_create(&threads[i], NULL, taker, &takers[i]));
	}
	for (i = 0; i < 4; i++) {
		CHECK(!pthread_join(threads[i], NULL));
		taken += takers[i].taken;
	}
	CHECK(taken == LIMIT);
	CHECK(!nt_in_child(forks_for_more, data));
	CHECK(!nt_in_child(unshares_for_more, data));
	return 0;
}

TEST_F(limits, of_a_user)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", LIMIT);
	ASSERT_EQ(0, nt_write_file(PARAM("user_limit"), text));
	ASSERT_EQ(0, nt_in_child(wants_more, self));
}

/*
 * The ids that a user may use inside of namespaces of its own
 * (/etc/subuid) are no users of their own.
 */
struct subordinate {
	struct nt_gate made;
	struct nt_gate mapped;
	struct nt_gate leave;
};

static int takes_as_another_id(void *data)
{
	uid_t id = *(uid_t *)data;
	int fd;

	CHECK(!setresuid(id, id, id));
	fd = open(DEVICE, O_RDWR);
	CHECK(fd >= 0);
	return takes_all(fd, 2 * LIMIT) ? 1 : 0;
}

static int takes_and_holds(void *data)
{
	struct subordinate *s = data;
	int fd = open(DEVICE, O_RDWR);

	CHECK(takes_all(fd, 2 * LIMIT) == LIMIT);
	CHECK(!nt_gate_open(&s->made));
	CHECK(!nt_gate_wait(&s->leave));
	return 0;
}

static int has_subordinate_ids(void *data)
{
	struct subordinate *s = data;
	uid_t ids[] = { 0, 1, 2 };
	unsigned int i;
	pid_t pid;

	become(ALICE);
	CHECK(!unshare(CLONE_NEWUSER));
	CHECK(!nt_gate_open(&s->made));
	CHECK(!nt_gate_wait(&s->mapped));
	pid = nt_spawn(takes_and_holds, s);
	CHECK(!nt_gate_wait(&s->made));
	for (i = 0; i < ARRAY_SIZE(ids); i++)
		CHECK(!nt_in_child(takes_as_another_id, &ids[i]));
	CHECK(!nt_gate_open(&s->leave));
	CHECK(!nt_reap(pid));
	return 0;
}

/* Runs it under a user's limit, and maps the ids of its own namespace. */
static int in_namespace(int (*run)(void *data), const char *map)
{
	struct subordinate s;
	char text[64];
	pid_t pid;

	snprintf(text, sizeof(text), "%llu", LIMIT);
	CHECK(!nt_write_file(PARAM("user_limit"), text));
	CHECK(!nt_gate_init(&s.made));
	CHECK(!nt_gate_init(&s.mapped));
	CHECK(!nt_gate_init(&s.leave));
	pid = nt_spawn(run, &s);
	CHECK(!nt_gate_wait(&s.made));
	/* What newuidmap(1) does. */
	snprintf(text, sizeof(text), "/proc/%d/uid_map", pid);
	CHECK(!nt_write_file(text, map));
	CHECK(!nt_gate_open(&s.mapped));
	return nt_reap(pid);
}

TEST_F(limits, of_a_user_with_subordinate_ids)
{
	ASSERT_EQ(0, in_namespace(has_subordinate_ids,
				  "0 65533 1\n1 70000 100\n"));
}

/* But those of a container that root made are: its map is root's word. */
static int is_a_container(void *data)
{
	struct subordinate *s = data;
	uid_t ids[] = { 1, 2 };
	unsigned int i;

	CHECK(!unshare(CLONE_NEWUSER));
	CHECK(!nt_gate_open(&s->made));
	CHECK(!nt_gate_wait(&s->mapped));
	for (i = 0; i < ARRAY_SIZE(ids); i++)
		CHECK(nt_in_child(takes_as_another_id, &ids[i]) == 1);
	return 0;
}

TEST_F(limits, of_the_users_of_a_container)
{
	ASSERT_EQ(0, in_namespace(is_a_container, "0 70000 100\n"));
}

/* ------------------------------------------------------------------------
 * A process's limit, for all that share its memory.
 */
static int shares_the_mm(void *data)
{
	struct taker *t = data;

	t->taken = takes_all(t->fd, 2 * LIMIT);
	return 0;
}

TEST_F(limits, of_a_process)
{
	static long stack[8192];
	struct taker takers[2] = { { .fd = self->fd }, { .fd = self->fd } };
	pthread_t thread;
	char text[32];
	pid_t pid;

	snprintf(text, sizeof(text), "%llu", LIMIT);
	ASSERT_EQ(0, nt_write_file(PARAM("space_limit"), text));
	ASSERT_EQ(0, pthread_create(&thread, NULL, taker, &takers[0]));
	pid = clone(shares_the_mm, stack + ARRAY_SIZE(stack),
		    CLONE_VM | SIGCHLD, &takers[1]);
	ASSERT_EQ(0, nt_reap(pid));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(LIMIT, takers[0].taken + takers[1].taken);
	/* A device opened twice is the same space. */
	ASSERT_EQ(0ULL, takes_all(open(DEVICE, O_RDWR), LIMIT));
}

/* RLIMIT_MEMLOCK, too, is one for all threads. */
static int locks_with_threads(void *data)
{
	struct rlimit limit = { 8 * PAGE, 8 * PAGE };
	__u64 base;
	int fd, i;

	(void)data;
	CHECK(!setrlimit(RLIMIT_MEMLOCK, &limit));
	become(ALICE);
	fd = open(DEVICE, O_RDWR);
	base = nt_block(fd, GRAN, RW);
	CHECK(base);
	for (i = 0; i < 8; i++)
		CHECK(!nt_lock(fd, base + i * PAGE, PAGE));
	CHECK(nt_lock(open(DEVICE, O_RDWR), base + 8 * PAGE, PAGE) == EDQUOT);
	return 0;
}

TEST_F(limits, of_locked_pages)
{
	ASSERT_EQ(0, nt_in_child(locks_with_threads, NULL));
}

/* RLIMIT_AS sees reservations, by the mappings that they are carved from. */
static int has_little_address_space(void *data)
{
	struct rlimit limit = { 384 * MIB, 768 * MIB };
	__u64 sum = 0;
	int fd = open(DEVICE, O_RDWR);

	(void)data;
	CHECK(!setrlimit(RLIMIT_AS, &limit));
	CHECK(!nt_any(fd, GIB, 0));
	while (nt_any(fd, 16 * MIB, 0))
		sum += 16 * MIB;
	CHECK(sum);
	CHECK(sum <= limit.rlim_cur);
	return 0;
}

TEST_F(limits, of_address_space)
{
	ASSERT_EQ(0, nt_in_child(has_little_address_space, NULL));
}

/* RLIMIT_MEMLOCK again, when all is locked that will be mapped. */
static int locks_what_it_will_map(void *data)
{
	struct rlimit limit = { 8 * PAGE, 8 * PAGE };
	int fd = open(DEVICE, O_RDWR);
	__u64 base = nt_block(fd, GRAN, RW), addr = 0;

	(void)data;
	CHECK(base);
	CHECK(!setrlimit(RLIMIT_MEMLOCK, &limit));
	become(ALICE);
	CHECK(!mlockall(MCL_FUTURE));
	CHECK(nt_reserve(fd, &addr, GIB, RW, 0) == EDQUOT);
	CHECK(nt_reserve_at(fd, WANTED, GRAN) == EDQUOT);
	/* What may execute is mapped anew. */
	CHECK(nt_reserve(fd, &addr, GRAN, RX, 0) == EDQUOT);
	CHECK(nt_commit(fd, base, PAGE, RX) == EDQUOT);
	CHECK(nt_protect(fd, base, PAGE, RX, NULL) == EDQUOT);
	CHECK(!nt_poke(base, 1));
	/* There is room in what is mapped. */
	CHECK(nt_any(fd, GRAN, 0));
	return 0;
}

TEST_F(limits, of_what_will_be_mapped)
{
	ASSERT_EQ(0, nt_in_child(locks_what_it_will_map, NULL));
}

/* Where the administrator lets nobody map anything. */
static int reserves_too_low(void *data)
{
	struct ntmem_reserve r = {
		.size = GRAN, .prot = RW, .min_addr = GRAN,
		.max_addr = 2 * GRAN - 1,
	};
	int fd = open(DEVICE, O_RDWR);

	(void)data;
	become(ALICE);
	CHECK(nt_reserve_at(fd, GRAN, GRAN) == EINVAL);
	CHECK(nt_call(fd, NTMEM_IOC_RESERVE, &r) == EINVAL);
	CHECK(!nt_reserve_at(fd, MIB, GRAN));
	return 0;
}

TEST_F(limits, of_the_lowest_address)
{
	const char *file = "/proc/sys/vm/mmap_min_addr";
	char old[64];

	ASSERT_EQ(0, nt_read_file(file, old, sizeof(old)));
	ASSERT_EQ(0, nt_write_file(file, "1048576"));
	EXPECT_EQ(0, nt_in_child(reserves_too_low, NULL));
	ASSERT_EQ(0, nt_write_file(file, old));
}

/* ------------------------------------------------------------------------
 * Others' share.
 */
static int fails_all_the_time(void *data)
{
	int *stop = data, fd = open(DEVICE, O_RDWR);
	__u64 base;

	become(ALICE);
	base = nt_any(fd, 32 * TIB, 0);
	CHECK(base);
	while (!__atomic_load_n(stop, __ATOMIC_ACQUIRE))
		CHECK(nt_commit(fd, base, 32 * TIB, RW) == ENOMEM);
	return 0;
}

/* What a call asks for in vain it takes from nobody, not for a moment. */
TEST_F(limits, failing_calls_take_nothing)
{
	__u64 base = nt_any(self->fd, GRAN, 0);
	unsigned int i, refused = 0;
	pid_t pids[2];

	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
	for (i = 0; i < 2; i++)
		pids[i] = nt_spawn(fails_all_the_time, self->shared);
	for (i = 0; i < 30000; i++) {
		refused += nt_commit(self->fd, base, GRAN, RW) != 0;
		EXPECT_EQ(0, nt_decommit(self->fd, base, GRAN));
	}
	__atomic_store_n(self->shared, 1, __ATOMIC_RELEASE);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, nt_reap(pids[i]));
	ASSERT_EQ(0, refused);
}

/* ------------------------------------------------------------------------
 * Memory: all of it is charged to the cgroup of who uses it.
 */
static __u64 cgroup_value(const char *file)
{
	char path[128], text[64];

	snprintf(path, sizeof(path), CGROUP "/%s", file);
	if (nt_read_file(path, text, sizeof(text)))
		return NONE;
	return strtoull(text, NULL, 10);
}

static int cgroup_make(const char *max)
{
	int error;

	error = nt_write_file("/sys/fs/cgroup/cgroup.subtree_control",
			      "+memory");
	if (error)
		return error;
	rmdir(CGROUP);
	if (mkdir(CGROUP, 0755))
		return errno;
	return nt_write_file(CGROUP "/memory.max", max);
}

static void cgroup_join(void)
{
	/* Should the test run out of time, so does what it began. */
	CHECK(!prctl(PR_SET_PDEATHSIG, SIGKILL));
	CHECK(!nt_write_file(CGROUP "/cgroup.procs", "0"));
}

/* Not there in kernels without memory cgroups. */
static bool is_missing(int error)
{
	return error == ENOENT || error == EINVAL;
}

static int touches_too_much(void *data)
{
	int fd = open(DEVICE, O_RDWR);
	__u64 base = nt_block(fd, 32 * MIB, RW);

	(void)data;
	CHECK(base);
	cgroup_join();
	memset(nt_ptr(base), 1, 32 * MIB);
	return 0;
}

static int reserves_too_much(void *data)
{
	int fd = open(DEVICE, O_RDWR), i;

	(void)data;
	cgroup_join();
	for (i = 0; i < 4000000; i++)
		if (!nt_any(fd, PAGE, 0))
			return 3;
	return 0;
}

static int commits_too_sparsely(void *data)
{
	int fd = open(DEVICE, O_RDWR);
	__u64 base = nt_any(fd, 8 * TIB, 0), at;
	int error = 0;

	(void)data;
	CHECK(base);
	cgroup_join();
	for (at = 0; at < 8 * TIB && !error; at += 2 * MIB) {
		error = nt_commit(fd, base + at, PAGE, RW);
		nt_decommit(fd, base + at, PAGE);
	}
	return error ? 3 : 0;
}

/*
 * Who takes more than its cgroup has is killed, or refused; the next one finds
 * all of it again, and the module's books are as they were.
 */
TEST_F_TIMEOUT(limits, of_a_cgroup, 100)
{
	int (*const hogs[])(void *) = {
		touches_too_much, reserves_too_much, commits_too_sparsely,
	};
	struct ntmem_info info;
	unsigned int i;
	int status;

	status = cgroup_make("8M");
	if (is_missing(status))
		SKIP(return, "no memory controller");
	ASSERT_EQ(0, status);
	for (i = 0; i < ARRAY_SIZE(hogs); i++) {
		status = nt_in_child(hogs[i], NULL);
		EXPECT_TRUE(status == 128 + SIGKILL || status == 3) {
			TH_LOG("hog %u: status %d", i, status);
		}
		EXPECT_EQ(0, nt_info(self->fd, &info));
		EXPECT_EQ(0, memcmp(&info, &self->start, sizeof(info)));
	}
	ASSERT_EQ(0, rmdir(CGROUP));
}

/* Never needs more than a few pages at a time. */
static int resets_what_it_wrote(void *data)
{
	int fd = open(DEVICE, O_RDWR);
	__u64 base, at;

	(void)data;
	/* It is who reserves that has pages to give. */
	cgroup_join();
	base = nt_block(fd, 32 * MIB, RW);
	CHECK(base);
	for (at = 0; at < 32 * MIB; at += MIB) {
		memset(nt_ptr(base + at), 1, MIB);
		CHECK(!nt_reset(fd, base + at, MIB));
	}
	CHECK(nt_reset_undo(fd, base, 32 * MIB) == EBUSY);
	return 0;
}

#define RESET_PART	(7 * MIB)

/* A reservation whose first pages were reset, in a cgroup that they fill. */
static __u64 fill_cgroup(int fd)
{
	__u64 base;

	cgroup_join();
	base = nt_any(fd, 16 * GIB, 0);
	if (!base || nt_commit(fd, base, RESET_PART, RW))
		return 0;
	memset(nt_ptr(base), 1, RESET_PART);
	return nt_reset(fd, base, RESET_PART) ? 0 : base;
}

/* Tables, one after the other. */
static int commits_sparsely(void *data)
{
	int fd = open(DEVICE, O_RDWR);
	__u64 base = fill_cgroup(fd), at;

	(void)data;
	CHECK(base);
	for (at = 8 * MIB; at < 8 * GIB; at += 2 * MIB)
		CHECK(!nt_commit(fd, base + at, PAGE, RW));
	CHECK(nt_reset_undo(fd, base, RESET_PART) == EBUSY);
	return 0;
}

/* And faults, which need pages, too. */
static int touches_sparsely(void *data)
{
	int fd = open(DEVICE, O_RDWR);
	__u64 base = fill_cgroup(fd), at;

	(void)data;
	CHECK(base);
	CHECK(!nt_commit(fd, base + 8 * MIB, 384 * MIB, RW));
	for (at = 8 * MIB; at < 384 * MIB; at += 2 * MIB)
		CHECK(!nt_poke(base + at, 2));
	CHECK(nt_reset_undo(fd, base, RESET_PART) == EBUSY);
	return 0;
}

/*
 * Whether something was lost RESET_UNDO says of the moment when the pages are
 * the program's again: tables that a child shares have to be made own before,
 * and what that takes is had by losing some.
 */
static int takes_back_what_goes(void *data)
{
	const __u64 tables = 8 * MIB, end = 4 * GIB;
	int fd = open(DEVICE, O_RDWR), error;
	__u64 base, at, size = 0;
	pid_t child;

	(void)data;
	cgroup_join();
	base = nt_any(fd, end, 0);
	CHECK(base);
	for (at = tables; at < end; at += 2 * MIB)
		CHECK(!nt_commit(fd, base + at, PAGE, RW));
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	/* A little is left, for the stack and the like. */
	while (size < tables && cgroup_value("memory.current") < 7900 * 1024) {
		CHECK(!nt_commit(fd, base + size, GRAN, RW));
		memset(nt_ptr(base + size), 1, GRAN);
		size += GRAN;
	}
	CHECK(!nt_reset(fd, base, size));
	error = nt_reset_undo(fd, base, end);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	CHECK(error == EBUSY);
	return 0;
}

/*
 * From now on the cgroup has a little left. What a CPU keeps of it for later
 * counts as used: the lower limit has it given back, on other CPUs some time
 * after this; so the caller has run on one CPU since he joined.
 */
static int cgroup_close(void)
{
	char max[32];

	if (nt_write_file(CGROUP "/memory.high", "0") ||
	    nt_write_file(CGROUP "/memory.high", "max"))
		return -1;
	snprintf(max, sizeof(max), "%llu",
		 cgroup_value("memory.current") + 4 * PAGE);
	return nt_write_file(CGROUP "/memory.max", max);
}

#define SHARED_PART	(96 * MIB)

/*
 * The same with LOCK, which finds all of a range there, and makes the tables of
 * its first part own: what goes meanwhile has to come back. What follows the
 * range was reset too, so that there is something else to give for it.
 */
static int locks_what_goes(void *data)
{
	const __u64 size = SHARED_PART + MIB, all = SHARED_PART + 4 * MIB;
	int fd = open(DEVICE, O_RDWR), error;
	__u64 base, at, before;
	pid_t child;

	(void)data;
	CHECK(!nt_pin(0, 0));
	cgroup_join();
	base = nt_block(fd, all, RW);
	CHECK(base);
	memset(nt_ptr(base), 1, SHARED_PART);
	/* No block of pages has one state, so that each is made own, too. */
	for (at = 0; at < SHARED_PART; at += GRAN)
		CHECK(!nt_protect(fd, base + at, PAGE, RO, NULL));
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	memset(nt_ptr(base + SHARED_PART), 1, all - SHARED_PART);
	CHECK(!cgroup_close());
	CHECK(!nt_reset(fd, base + SHARED_PART, all - SHARED_PART));
	error = nt_lock(fd, base, size);
	before = nt_resident(fd);
	for (at = 0; at < size; at += PAGE)
		nt_peek(base + at);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	CHECK(!error);
	CHECK(nt_resident(fd) == before);
	CHECK(!nt_all(base + SHARED_PART, MIB, 1));
	return 0;
}

/*
 * What was reset goes before anybody is killed, in the cgroup that is full and
 * nowhere else.
 */
TEST_F_TIMEOUT(limits, reset_pages_of_a_cgroup, 100)
{
	__u64 base = nt_block(self->fd, MIB, RW);
	int error = cgroup_make("8M");

	if (is_missing(error))
		SKIP(return, "no memory controller");
	ASSERT_EQ(0, error);
	ASSERT_NE(0ULL, base);
	memset(nt_ptr(base), 1, MIB);
	ASSERT_EQ(0, nt_reset(self->fd, base, MIB));
	EXPECT_EQ(0, nt_in_child(resets_what_it_wrote, NULL));
	EXPECT_EQ(0, nt_reset_undo(self->fd, base, MIB));
	EXPECT_TRUE(nt_all(base, MIB, 1));
	ASSERT_EQ(0, rmdir(CGROUP));
}

/*
 * Who needs memory for a region that alone has some to give gets it, though it
 * has the region locked meanwhile.
 */
TEST_F_TIMEOUT(limits, reset_pages_of_a_region_that_grows, 100)
{
	int error = cgroup_make("8M");

	if (is_missing(error))
		SKIP(return, "no memory controller");
	ASSERT_EQ(0, error);
	EXPECT_EQ(0, nt_in_child(commits_sparsely, NULL));
	EXPECT_EQ(0, nt_in_child(touches_sparsely, NULL));
	EXPECT_EQ(0, nt_in_child(takes_back_what_goes, NULL));
	ASSERT_EQ(0, rmdir(CGROUP));
}

/* In a cgroup of which nobody before has something that comes back late. */
TEST_F_TIMEOUT(limits, reset_pages_that_are_locked, 100)
{
	int error = cgroup_make("max");

	if (is_missing(error))
		SKIP(return, "no memory controller");
	ASSERT_EQ(0, error);
	EXPECT_EQ(0, nt_in_child(locks_what_goes, NULL));
	ASSERT_EQ(0, rmdir(CGROUP));
}

static __u64 page_tables(void)
{
	return nt_kb_line("/proc/self/status", "VmPTE:");
}

/*
 * Without a cgroup it is the OOM killer that has to find the hog: what the
 * module keeps for a process counts with the process's page tables.
 */
TEST_F_TIMEOUT(limits, the_oom_killer_sees_it, 100)
{
	__u64 before = page_tables(), base, at, with;
	unsigned int i;

	for (i = 0; i < 2000; i++)
		ASSERT_NE(0ULL, nt_any(self->fd, GRAN, 0));
	ASSERT_LE(before + 2000 * 128, page_tables());
	before = page_tables();
	base = nt_any(self->fd, 2 * GIB, 0);
	for (at = 0; at < 2 * GIB; at += 2 * MIB)
		ASSERT_EQ(0, nt_commit(self->fd, base + at, PAGE, RW));
	with = page_tables();
	ASSERT_LE(before + 1024 * 512, with);
	/* It stays until the reservation goes. */
	ASSERT_EQ(0, nt_decommit(self->fd, base, 0));
	ASSERT_EQ(with, page_tables());
	ASSERT_EQ(0, nt_release(self->fd, base, 0));
	ASSERT_GE(before, page_tables());
}

/* ------------------------------------------------------------------------
 * Handles of processes that are no more.
 */
static int leaves_spare_pages(void *data)
{
	int fd = open(DEVICE, O_RDWR), i;
	__u64 base;

	(void)data;
	if (fd < 0)
		return 1;
	base = nt_any(fd, GRAN * 8, 0);
	for (i = 0; i < 8; i++) {
		if (nt_commit(fd, base + i * GRAN, GRAN, RW))
			return 2;
		memset(nt_ptr(base + i * GRAN), 1, GRAN);
	}
	for (i = 0; i < 8; i++)
		if (nt_decommit(fd, base + i * GRAN, GRAN))
			return 3;
	return 0;
}

#define DEAD	64

/* The table of files is shared, so that the handles outlive their owners. */
static int collects_handles(void *data)
{
	static long stack[8192];
	__u64 before, after;
	pid_t pid;
	int i;

	(void)data;
	cgroup_join();
	before = cgroup_value("memory.current");
	for (i = 0; i < DEAD; i++) {
		pid = clone(leaves_spare_pages, stack + ARRAY_SIZE(stack),
			    CLONE_FILES | SIGCHLD, NULL);
		CHECK(!nt_reap(pid));
	}
	after = cgroup_value("memory.current");
	CHECK(after < before + DEAD * 16 * PAGE);
	return 0;
}

TEST_F(limits, handles_of_the_dead)
{
	int error = cgroup_make("max");

	if (is_missing(error))
		SKIP(return, "no memory controller");
	ASSERT_EQ(0, error);
	EXPECT_EQ(0, nt_in_child(collects_handles, NULL));
	ASSERT_EQ(0, rmdir(CGROUP));
}

/* A process that others look into pays, not they. */
struct debugger {
	__u64 base;
	pid_t pid;
	struct nt_gate ready;
	struct nt_gate leave;
};

static int is_looked_into(void *data)
{
	struct debugger *d = data;

	CHECK(!nt_gate_open(&d->ready));
	CHECK(!nt_gate_wait(&d->leave));
	return 0;
}

static int looks_into(void *data)
{
	static char bytes[16 * MIB];
	struct debugger *d = data;
	struct iovec local = { bytes, sizeof(bytes) };
	struct iovec remote = { nt_ptr(d->base), sizeof(bytes) };
	__u64 before;

	memset(bytes, 1, sizeof(bytes));
	cgroup_join();
	before = cgroup_value("memory.current");
	CHECK(process_vm_writev(d->pid, &local, 1, &remote, 1, 0) ==
	      (ssize_t)sizeof(bytes));
	CHECK(cgroup_value("memory.current") < before + 2 * MIB);
	return 0;
}

TEST_F(limits, a_debugger_does_not_pay)
{
	int error = cgroup_make("max");
	struct debugger d;

	if (is_missing(error))
		SKIP(return, "no memory controller");
	ASSERT_EQ(0, error);
	d.base = nt_block(self->fd, 16 * MIB, RW);
	ASSERT_NE(0ULL, d.base);
	ASSERT_EQ(0, nt_gate_init(&d.ready));
	ASSERT_EQ(0, nt_gate_init(&d.leave));
	d.pid = nt_spawn(is_looked_into, &d);
	ASSERT_EQ(0, nt_gate_wait(&d.ready));
	EXPECT_EQ(0, nt_in_child(looks_into, &d));
	ASSERT_EQ(0, nt_gate_open(&d.leave));
	ASSERT_EQ(0, nt_reap(d.pid));
	ASSERT_EQ(0, rmdir(CGROUP));
}

TEST_HARNESS_MAIN
