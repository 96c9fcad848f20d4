// SPDX-License-Identifier: GPL-2.0
/*
 * Handles of OPEN_SPACE: every call on the space of another process, what is
 * refused, who pays, whose limits hold, who gets a handle, and what becomes of
 * it when its process ends or becomes another program.
 *
 * Needs root, to become others.
 */
#include "remote.h"

#include <sched.h>

#define ALICE	65533
#define BOB	65532
#define DEVICE	"/dev/ntmem"
#define PARAM(name)	"/sys/module/ntmem/parameters/" name
#define CGROUP	"/sys/fs/cgroup/ntmem-remote-test"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open	434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd	438
#endif

FIXTURE(remote)
{
	int fd;			/* of the test itself */
	struct ntmem_info start;
	struct target target;
	int handle;
};

FIXTURE_SETUP(remote)
{
	ASSERT_EQ(0, chmod(DEVICE, 0666));
	ASSERT_TRUE(target_start(&self->target, NULL));
	self->handle = self->target.handle;
	self->fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	/* The targets of the test before may still be ending. */
	do {
		sched_yield();
		ASSERT_EQ(0, nt_info(self->fd, &self->start));
	} while (self->start.committed || self->start.resident ||
		 self->start.spaces != 2);
}

FIXTURE_TEARDOWN(remote)
{
	close(self->fd);
}

static void become(uid_t uid)
{
	CHECK(!setresgid(uid, uid, uid));
	CHECK(!setresuid(uid, uid, uid));
	CHECK(!prctl(PR_SET_DUMPABLE, 1));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void becomes_alice(void)
{
	become(ALICE);
}

/* ------------------------------------------------------------------------
 * The handle itself.
 */
static int open_files(void)
{
	char path[64];
	int fd, count = 0;

	for (fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		count += !access(path, F_OK) || fcntl(fd, F_GETFD) >= 0;
	}
	return count;
}

TEST_F(remote, is_a_file)
{
	char path[64], text[64] = "";
	struct ntmem_info info;
	int handle = nt_open_space(self->fd);

	ASSERT_LE(0, handle);
	ASSERT_EQ(FD_CLOEXEC, fcntl(handle, F_GETFD));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", handle);
	ASSERT_LT(0, readlink(path, text, sizeof(text) - 1));
	ASSERT_EQ(0, strcmp(text, "anon_inode:[ntmem-space]"));
	ASSERT_EQ(-1, read(handle, text, 1));
	ASSERT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, handle,
				   0));
	ASSERT_EQ(-1, open(path, O_RDWR));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_NE(0ULL, info.features & NTMEM_FEATURE_REMOTE);
	close(handle);
}

/* One that its maker was not told of is not there. */
TEST_F(remote, is_refused)
{
	struct rlimit limit, none = { 0, 0 };
	struct ntmem_open_space o;
	int bit, files = open_files();
	void *ro = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);

	for (bit = 0; bit < 32; bit++) {
		o = (struct ntmem_open_space) { .fd = 3, .flags = 1U << bit };
		ASSERT_EQ(EINVAL, nt_call(self->fd, NTMEM_IOC_OPEN_SPACE, &o));
	}
	ASSERT_EQ(EFAULT, ERRNO_OF(ioctl(self->fd, NTMEM_IOC_OPEN_SPACE, ro)));
	ASSERT_EQ(EFAULT, ERRNO_OF(ioctl(self->fd, NTMEM_IOC_OPEN_SPACE,
					 NULL)));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none.rlim_max = limit.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	ASSERT_EQ(-EMFILE, nt_open_space(self->fd));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	ASSERT_EQ(files, open_files());
}

/* What is about a thread, or about no space, says so; and changes nothing. */
TEST_F(remote, calls_that_are_not_for_it)
{
	struct ntmem_section s = { .size = PAGE, .prot = RW };
	struct ntmem_limit limit = { .limit = PAGE };
	struct ntmem_fault fault;
	int mine = nt_open_space(self->fd);
	int handles[] = { self->handle, mine };
	__u64 wanted = WANTED;
	unsigned int i, nr;

	for (i = 0; i < ARRAY_SIZE(handles); i++) {
		ASSERT_EQ(EOPNOTSUPP, nt_last_fault(handles[i], &fault));
		ASSERT_EQ(EOPNOTSUPP, nt_set_granularity(handles[i], GRAN));
		ASSERT_EQ(EOPNOTSUPP, nt_call(handles[i], NTMEM_IOC_SET_LIMIT,
					      &limit));
		ASSERT_EQ(EOPNOTSUPP, nt_call(handles[i],
					      NTMEM_IOC_CREATE_SECTION, &s));
		ASSERT_EQ(EOPNOTSUPP, nt_call(handles[i],
					      NTMEM_IOC_OPEN_SECTION, &s));
		ASSERT_EQ(EOPNOTSUPP, nt_call(handles[i],
					      NTMEM_IOC_QUERY_SECTION, &s));
		ASSERT_EQ(-EOPNOTSUPP, nt_open_space(handles[i]));
		for (nr = NTMEM_NR_OPEN_SPACE + 1; nr < 256; nr++)
			ASSERT_EQ(ENOTTY, nt_call(handles[i],
						  _IO(NTMEM_IOC_MAGIC, nr),
						  &s));
		ASSERT_EQ(ENOTTY, nt_call(handles[i],
					  _IO(NTMEM_IOC_MAGIC, NTMEM_NR_COMMIT),
					  &s));
	}
	/* Nor what replaces mappings that are not ntmem's, of another process. */
	ASSERT_EQ(EOPNOTSUPP, nt_release_as(self->handle, WANTED, PAGE,
					    NTMEM_RELEASE_PLAIN));
	ASSERT_EQ(EOPNOTSUPP, nt_reserve(self->handle, &wanted, PAGE, NOACCESS,
					 NTMEM_RESERVE_PLACEHOLDER |
					 NTMEM_RESERVE_PLAIN));
}

/* ------------------------------------------------------------------------
 * Every call, on another process, and never on the caller.
 */
TEST_F(remote, life_of_a_reservation)
{
	struct nt_snapshot mine;
	struct ntmem_info info;
	__u32 old;
	__u64 base;

	nt_snapshot(self->fd, &mine);
	base = nt_any(self->handle, MIB, 0);
	ASSERT_NE(0ULL, base);
	ASSERT_TRUE(nt_run(self->handle, base, MIB, RESERVED, 0));
	ASSERT_EQ(-SIGSEGV, target_peek(&self->target, base));
	ASSERT_EQ(0, nt_commit(self->handle, base, GRAN, RW));
	ASSERT_EQ(0, target_peek(&self->target, base));
	ASSERT_EQ(0, target_poke(&self->target, base, 7));
	ASSERT_EQ(0, nt_protect(self->handle, base, PAGE, RO, &old));
	ASSERT_EQ(RW, old);
	ASSERT_EQ(-SIGSEGV, target_poke(&self->target, base, 8));
	ASSERT_EQ(7, target_peek(&self->target, base));
	ASSERT_EQ(0, target_poke(&self->target, base + PAGE, 8));
	ASSERT_EQ(0, nt_info(self->handle, &info));
	ASSERT_EQ(MIB, info.space_reserved);
	ASSERT_EQ(GRAN, info.space_committed);
	ASSERT_EQ(-SIGSEGV, nt_peek(base));
	ASSERT_TRUE(nt_same(self->fd, &mine));
	ASSERT_EQ(0, nt_decommit(self->handle, base, GRAN));
	ASSERT_EQ(-SIGSEGV, target_peek(&self->target, base));
	ASSERT_EQ(0, nt_commit(self->handle, base, GRAN, RW));
	ASSERT_EQ(0, target_peek(&self->target, base + PAGE));
	ASSERT_EQ(0, nt_release(self->handle, base + PAGE, PAGE));
	ASSERT_TRUE(nt_is_free(self->handle, base + PAGE));
	ASSERT_EQ(0, nt_release(self->handle, base, 0));
	ASSERT_EQ(0, nt_release(self->handle, base + 2 * PAGE, 0));
	ASSERT_EQ(-SIGSEGV, target_peek(&self->target, base));
	ASSERT_EQ(0, nt_info(self->handle, &info));
	ASSERT_EQ(0ULL, info.space_reserved);
	ASSERT_EQ(0ULL, info.space_committed);
}

static int target_maps(int fd, const struct question *q)
{
	(void)fd;
	return mmap(nt_ptr(q->addr), q->size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	       MAP_FAILED ? errno : 0;
}

static int target_unmaps(int fd, const struct question *q)
{
	(void)fd;
	return munmap(nt_ptr(q->addr), q->size) ? errno : 0;
}

static int target_vmas(int fd, const struct question *q)
{
	(void)fd;
	return nt_count_vmas(q->addr, q->addr + q->size);
}

/* What is in the way is what the target has there, not what the caller has. */
TEST_F(remote, at_a_wanted_address)
{
	unsigned char *mine = mmap(nt_ptr(WANTED), MIB, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				   0);

	ASSERT_EQ((void *)mine, nt_ptr(WANTED));
	memset(mine, 3, MIB);
	ASSERT_EQ(0, nt_reserve_at(self->handle, WANTED, MIB));
	ASSERT_EQ(1, target_ask(&self->target, target_vmas, WANTED, MIB, 0));
	ASSERT_EQ(0, nt_commit(self->handle, WANTED, PAGE, RW));
	ASSERT_EQ(0, target_poke(&self->target, WANTED, 7));
	ASSERT_TRUE(nt_all(WANTED, MIB, 3));
	ASSERT_EQ(EEXIST, nt_reserve_at(self->handle, WANTED, MIB));
	ASSERT_EQ(0, nt_release(self->handle, WANTED, 0));
	ASSERT_EQ(0, target_ask(&self->target, target_vmas, WANTED, MIB, 0));
	ASSERT_TRUE(nt_all(WANTED, MIB, 3));
	ASSERT_EQ(0, target_ask(&self->target, target_maps, WANTED, PAGE, 0));
	ASSERT_EQ(EEXIST, nt_reserve_at(self->handle, WANTED, MIB));
	ASSERT_EQ(0, target_ask(&self->target, target_unmaps, WANTED, PAGE,
				0));
	ASSERT_EQ(0, nt_reserve_at(self->handle, WANTED, MIB));
}

/* Mappings of their own: too large for an arena, and where code may run. */
TEST_F(remote, mappings_of_their_own)
{
	__u64 large = nt_any(self->handle, 4 * GIB, 0);
	__u64 code = 0;

	ASSERT_NE(0ULL, large);
	ASSERT_EQ(0, nt_reserve(self->handle, &code, MIB, RWX,
				NTMEM_RESERVE_COMMIT));
	ASSERT_EQ(1, target_ask(&self->target, target_vmas, code, MIB, 0));
	ASSERT_EQ(0, nt_release(self->handle, code, 0));
	ASSERT_EQ(0, nt_release(self->handle, large, 0));
	ASSERT_EQ(0, target_ask(&self->target, target_vmas, code, MIB, 0));
	ASSERT_EQ(0, target_ask(&self->target, target_vmas, large, MIB, 0));
}

static int target_writes_code(int fd, const struct question *q)
{
	(void)fd;
	nt_write_code(q->addr, q->value);
	return 0;
}

static int target_runs(int fd, const struct question *q)
{
	(void)fd;
	return nt_exec(q->addr);
}

TEST_F(remote, code)
{
	__u64 base = nt_block(self->handle, MIB, RW);

	ASSERT_NE(0ULL, base);
	ASSERT_EQ(0, target_ask(&self->target, target_writes_code, base, 0,
				42));
	ASSERT_EQ(-SIGSEGV, target_ask(&self->target, target_runs, base, 0,
				       0));
	ASSERT_EQ(0, nt_protect(self->handle, base, PAGE, RX, NULL));
	ASSERT_EQ(42, target_ask(&self->target, target_runs, base, 0, 0));
	ASSERT_EQ(-SIGSEGV, target_poke(&self->target, base, 1));
	ASSERT_EQ(0, nt_commit(self->handle, base, MIB, RW));
	ASSERT_EQ(-SIGSEGV, target_ask(&self->target, target_runs, base, 0,
				       0));
}

static int target_resident(int fd, const struct question *q)
{
	unsigned char vec[16];
	int i, sum = 0;

	(void)fd;
	if (mincore(nt_ptr(q->addr), q->size, vec))
		return -errno;
	for (i = 0; i < (int)(q->size / PAGE); i++)
		sum += vec[i] & 1;
	return sum;
}

TEST_F(remote, lock_and_reset)
{
	__u64 base = nt_block(self->handle, GRAN, RW);
	struct ntmem_info info;

	ASSERT_EQ(0, nt_lock(self->handle, base, 4 * PAGE));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_LE(4 * PAGE, info.resident - self->start.resident);
	ASSERT_EQ(4, target_ask(&self->target, target_resident, base, 4 * PAGE,
				0));
	ASSERT_EQ(ENOLCK, nt_unlock(self->handle, base, 5 * PAGE));
	ASSERT_EQ(0, nt_unlock(self->handle, base, 4 * PAGE));
	ASSERT_EQ(0, target_poke(&self->target, base, 1));
	ASSERT_EQ(0, nt_reset(self->handle, base, PAGE));
	ASSERT_EQ(0, nt_reset_undo(self->handle, base, PAGE));
	ASSERT_EQ(1, target_peek(&self->target, base));
	ASSERT_EQ(0, nt_protect(self->handle, base, PAGE, RW | GUARD, NULL));
	ASSERT_EQ(EKEYEXPIRED, nt_lock(self->handle, base, PAGE));
	ASSERT_EQ(0, nt_lock(self->handle, base, PAGE));
	ASSERT_EQ(0, nt_protect(self->handle, base, PAGE, NOACCESS, NULL));
	ASSERT_EQ(EACCES, nt_lock(self->handle, base, PAGE));
}

TEST_F(remote, watch)
{
	__u64 base = nt_any(self->handle, GRAN, NTMEM_RESERVE_WATCH |
			    NTMEM_RESERVE_COMMIT);
	__u64 *ro = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	__u64 pages[16], count = 16;

	ASSERT_EQ(0, target_poke(&self->target, base + 2 * PAGE, 1));
	/* The array is the caller's; what could not be told stays recorded. */
	ASSERT_EQ(EFAULT, nt_watch(self->handle, base, GRAN, ro, &count,
				   NTMEM_WATCH_RESET));
	count = 16;
	ASSERT_EQ(0, nt_watch(self->handle, base, GRAN, pages, &count,
			      NTMEM_WATCH_RESET));
	ASSERT_EQ(1ULL, count);
	ASSERT_EQ(base + 2 * PAGE, pages[0]);
	ASSERT_EQ(0, target_poke(&self->target, base + 3 * PAGE, 1));
	ASSERT_EQ(0, target_poke(&self->target, base + 2 * PAGE, 1));
	count = 16;
	ASSERT_EQ(0, nt_watch(self->handle, base, GRAN, pages, &count, 0));
	ASSERT_EQ(2ULL, count);
	count = 0;
	ASSERT_EQ(0, nt_watch(self->handle, base, GRAN, NULL, &count,
			      NTMEM_WATCH_RESET));
	count = 16;
	ASSERT_EQ(0, nt_watch(self->handle, base, GRAN, pages, &count, 0));
	ASSERT_EQ(0ULL, count);
}

TEST_F(remote, batch)
{
	__u64 base = nt_any(self->handle, MIB, 0);
	struct ntmem_op ops[4];
	__u32 done;

	nt_op_range(&ops[0], NTMEM_NR_COMMIT, base, GRAN, RW);
	nt_op_range(&ops[1], NTMEM_NR_COMMIT, base + 2 * MIB, GRAN, RW);
	ops[2] = (struct ntmem_op) {
		.op = NTMEM_NR_RESERVE,
		.reserve = { .addr = WANTED, .size = GRAN, .prot = RW },
	};
	ops[3] = (struct ntmem_op) { .op = NTMEM_NR_QUERY, .query.addr = base };
	ASSERT_EQ(0, nt_batch(self->handle, ops, 4, 0, &done));
	ASSERT_EQ(4, (int)done);
	ASSERT_EQ(0, ops[0].status);
	ASSERT_EQ(-ENOENT, ops[1].status);
	ASSERT_EQ(0, ops[2].status);
	ASSERT_EQ(GRAN, ops[3].query.size);
	ASSERT_EQ(0, target_poke(&self->target, base, 1));
	ASSERT_EQ(1, target_ask(&self->target, target_vmas, WANTED, GRAN, 0));
}

TEST_F(remote, views_of_the_callers_section)
{
	int section = nt_section(self->fd, NULL, GRAN, RW, 0);
	__u64 mine = nt_view(self->fd, section, RW);
	__u64 theirs = nt_view(self->handle, section, RW);

	ASSERT_NE(0ULL, theirs);
	ASSERT_EQ(0, nt_poke(mine, 7));
	ASSERT_EQ(7, target_peek(&self->target, theirs));
	ASSERT_EQ(0, target_poke(&self->target, theirs + 1, 8));
	ASSERT_EQ(8, nt_peek(mine + 1));
	close(section);
	ASSERT_EQ(0, nt_protect(self->handle, theirs, PAGE, RO, NULL));
	ASSERT_EQ(-SIGSEGV, target_poke(&self->target, theirs, 1));
	ASSERT_EQ(0, nt_unmap(self->handle, theirs + PAGE, 0));
	ASSERT_EQ(-SIGSEGV, target_peek(&self->target, theirs));
	ASSERT_EQ(EBADF, nt_map(self->handle, section, 0, &theirs, 0, RW, 0));
	ASSERT_EQ(7, nt_peek(mine));
}

TEST_F(remote, placeholders)
{
	int section = nt_section(self->fd, NULL, GRAN, RW, 0);
	__u64 base = 0, at;

	ASSERT_EQ(0, nt_reserve(self->handle, &base, 4 * GRAN, NOACCESS,
				NTMEM_RESERVE_PLACEHOLDER));
	ASSERT_EQ(0, nt_release_as(self->handle, base, GRAN,
				   NTMEM_RELEASE_PRESERVE));
	ASSERT_TRUE(nt_is_placeholder(self->handle, base, GRAN));
	at = base;
	ASSERT_EQ(0, nt_map(self->handle, section, 0, &at, GRAN, RW,
			    NTMEM_RESERVE_REPLACE));
	ASSERT_EQ(0, target_poke(&self->target, base, 1));
	ASSERT_EQ(0, nt_unmap(self->handle, base, NTMEM_RELEASE_PRESERVE));
	ASSERT_EQ(0, nt_release_as(self->handle, base, 4 * GRAN,
				   NTMEM_RELEASE_COALESCE));
	at = base;
	ASSERT_EQ(0, nt_reserve(self->handle, &at, 4 * GRAN, RWX,
				NTMEM_RESERVE_REPLACE | NTMEM_RESERVE_COMMIT));
	ASSERT_EQ(0, target_poke(&self->target, base, 1));
	ASSERT_EQ(0, nt_release(self->handle, base, 0));
}

static int target_query_hash(int fd, const struct question *q)
{
	struct nt_snapshot s;

	(void)q;
	nt_snapshot(fd, &s);
	return s.hash & 0x7fffffff;
}

/* Both ways of asking see the same, foreign mappings included. */
TEST_F(remote, query_is_the_same)
{
	struct ntmem_info info;
	struct ntmem_query q;
	struct nt_snapshot s;
	__u64 addr, foreign = 0;

	ASSERT_NE(0ULL, nt_block(self->handle, GRAN, RO));
	nt_snapshot(self->handle, &s);
	ASSERT_EQ((int)(s.hash & 0x7fffffff),
		  target_ask(&self->target, target_query_hash, 0, 0, 0));
	ASSERT_EQ(0, nt_info(self->handle, &info));
	for (addr = 0; addr < info.max_address; addr = q.base + q.size) {
		ASSERT_EQ(0, nt_query(self->handle, addr, &q));
		foreign += q.state == NTMEM_STATE_FOREIGN;
	}
	ASSERT_LT(3ULL, foreign);
}

TEST_F(remote, refused_calls_change_nothing)
{
	__u64 base = nt_block(self->handle, GRAN, RW);
	struct ntmem_reserve r = { .size = GRAN, .prot = RW };
	struct ntmem_protect p = { .addr = base, .size = PAGE, .prot = RO };
	void *ro = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct nt_snapshot before;
	struct ntmem_query q;

	nt_snapshot(self->handle, &before);
	ASSERT_EQ(ENOENT, nt_commit(self->handle, base + GRAN, PAGE, RW));
	ASSERT_EQ(ERANGE, nt_release(self->handle, base, 2 * GRAN));
	ASSERT_EQ(EINVAL, nt_protect(self->handle, base, PAGE, 0, NULL));
	ASSERT_EQ(EINVAL, nt_commit(self->handle, base, PAGE, RW | RO));
	ASSERT_EQ(EINVAL, nt_query(self->handle, NONE, &q));
	ASSERT_EQ(ENOENT, nt_unmap(self->handle, base, 0));
	/* A place that cannot be told is none. */
	memcpy(ro, &r, sizeof(r));
	ASSERT_EQ(0, mprotect(ro, PAGE, PROT_READ));
	ASSERT_EQ(EFAULT, ERRNO_OF(ioctl(self->handle, NTMEM_IOC_RESERVE,
					 ro)));
	ASSERT_EQ(0, mprotect(ro, PAGE, PROT_READ | PROT_WRITE));
	memcpy(ro, &p, sizeof(p));
	ASSERT_EQ(0, mprotect(ro, PAGE, PROT_READ));
	ASSERT_EQ(EFAULT, ERRNO_OF(ioctl(self->handle, NTMEM_IOC_PROTECT,
					 ro)));
	ASSERT_TRUE(nt_same(self->handle, &before));
}

/* On itself, as through the device. */
TEST_F(remote, on_oneself)
{
	int mine = nt_open_space(self->fd);
	__u64 base = nt_block(mine, GRAN, RW), code = 0;

	ASSERT_NE(0ULL, base);
	ASSERT_EQ(0, nt_poke(base, 7));
	ASSERT_EQ(0, nt_lock(mine, base, GRAN));
	ASSERT_EQ(0, nt_reserve_at(mine, WANTED, GRAN));
	ASSERT_EQ(0, nt_reserve(mine, &code, GRAN, RWX, NTMEM_RESERVE_COMMIT));
	ASSERT_EQ(0, nt_protect(mine, base, PAGE, RX, NULL));
	ASSERT_EQ(0, nt_release(mine, code, 0));
	ASSERT_EQ(0, nt_release(mine, WANTED, 0));
	ASSERT_EQ(7, nt_peek(base));
}

/* ------------------------------------------------------------------------
 * The end of the process, or of its program.
 */
static bool is_dead(int handle, int section, __u64 base)
{
	struct ntmem_op op = { .op = NTMEM_NR_QUERY, .status = 1 };
	__u64 any = 0, pages[2], count = 2;
	struct ntmem_info info;
	struct ntmem_query q;

	return nt_info(handle, &info) == ESRCH &&
	       nt_reserve(handle, &any, PAGE, RW, 0) == ESRCH &&
	       nt_reserve_at(handle, WANTED, GIB) == ESRCH &&
	       nt_commit(handle, base, PAGE, RW) == ESRCH &&
	       nt_decommit(handle, base, PAGE) == ESRCH &&
	       nt_release(handle, base, 0) == ESRCH &&
	       nt_protect(handle, base, PAGE, RO, NULL) == ESRCH &&
	       nt_query(handle, base, &q) == ESRCH &&
	       nt_lock(handle, base, PAGE) == ESRCH &&
	       nt_unlock(handle, base, PAGE) == ESRCH &&
	       nt_reset(handle, base, PAGE) == ESRCH &&
	       nt_reset_undo(handle, base, PAGE) == ESRCH &&
	       nt_watch(handle, base, PAGE, pages, &count, 0) == ESRCH &&
	       nt_batch(handle, &op, 1, 0, NULL) == ESRCH && op.status == 1 &&
	       nt_map(handle, section, 0, &any, 0, RW, 0) == ESRCH &&
	       nt_unmap(handle, base, 0) == ESRCH;
}

/* All but the space itself is there again. */
static bool all_back(int fd, const struct ntmem_info *start)
{
	struct ntmem_info now;

	return !nt_info(fd, &now) && now.committed == start->committed &&
	       now.resident == start->resident && now.spaces == start->spaces;
}

TEST_F(remote, of_the_dead)
{
	int section = nt_section(self->fd, NULL, GRAN, RW, 0);
	__u64 base = nt_block(self->handle, 4 * MIB, RW);
	struct ntmem_info info;

	ASSERT_EQ(0, nt_info(self->fd, &self->start));
	self->start.committed -= 4 * MIB;
	ASSERT_EQ(0, nt_lock(self->handle, base, MIB));
	ASSERT_EQ(128 + SIGKILL, target_kill(&self->target));
	ASSERT_TRUE(is_dead(self->handle, section, base));
	ASSERT_TRUE(all_back(self->fd, &self->start));
	close(self->handle);
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(self->start.spaces - 1, info.spaces);
}

TEST_F(remote, of_another_program)
{
	int section = nt_section(self->fd, NULL, GRAN, RW, 0);
	__u64 base = nt_block(self->handle, MIB, RW);
	struct nt_snapshot before;

	ASSERT_EQ(0, nt_info(self->fd, &self->start));
	self->start.committed -= MIB;
	ASSERT_EQ(0, target_poke(&self->target, base, 1));
	ASSERT_TRUE(target_exec(&self->target));
	nt_snapshot(self->fd, &before);
	ASSERT_TRUE(is_dead(self->handle, section, WANTED));
	self->start.spaces++;
	ASSERT_TRUE(all_back(self->fd, &self->start));
	ASSERT_EQ(128 + SIGKILL, target_kill(&self->target));
	ASSERT_TRUE(is_dead(self->handle, section, WANTED));
	ASSERT_TRUE(nt_same(self->fd, &before));
}

TEST_F(remote, of_one_that_is_stopped)
{
	__u64 base, code = 0;
	int status;

	ASSERT_EQ(0, kill(self->target.pid, SIGSTOP));
	ASSERT_EQ(self->target.pid, waitpid(self->target.pid, &status,
					    WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	base = nt_block(self->handle, GRAN, RW);
	ASSERT_NE(0ULL, base);
	ASSERT_EQ(0, nt_reserve_at(self->handle, WANTED, GRAN));
	ASSERT_EQ(0, nt_reserve(self->handle, &code, GRAN, RWX,
				NTMEM_RESERVE_COMMIT));
	ASSERT_EQ(0, nt_lock(self->handle, base, GRAN));
	ASSERT_EQ(0, nt_protect(self->handle, base, PAGE, RX, NULL));
	ASSERT_EQ(0, nt_release(self->handle, code, 0));
	ASSERT_EQ(0, kill(self->target.pid, SIGCONT));
	ASSERT_EQ(0, target_poke(&self->target, base + PAGE, 1));
	ASSERT_EQ(-SIGSEGV, target_poke(&self->target, base, 1));
}

/* ------------------------------------------------------------------------
 * Who pays, and whose limits hold.
 */
TEST_F(remote, charges_the_target)
{
	struct ntmem_info mine, theirs;
	struct target alice;
	__u64 base;

	ASSERT_TRUE(target_start(&alice, becomes_alice));
	base = nt_block(alice.handle, MIB, RW);
	ASSERT_NE(0ULL, base);
	ASSERT_EQ(0, nt_info(self->fd, &mine));
	ASSERT_EQ(0, nt_info(alice.handle, &theirs));
	ASSERT_EQ(MIB, theirs.space_committed);
	ASSERT_EQ(MIB, theirs.user_committed);
	ASSERT_EQ(0ULL, mine.space_committed);
	ASSERT_EQ(self->start.user_committed, mine.user_committed);
	ASSERT_EQ(self->start.committed + MIB, mine.committed);
}

TEST_F(remote, commit_limits_of_the_target)
{
	char limit[64];
	__u64 base = nt_any(self->handle, 2 * MIB, 0);
	struct nt_snapshot before;

	ASSERT_EQ(0, nt_read_file(PARAM("space_limit"), limit, sizeof(limit)));
	/* The caller's own account is at its limit. */
	ASSERT_NE(0ULL, nt_block(self->fd, MIB, RW));
	ASSERT_EQ(0, nt_write_file(PARAM("space_limit"), "1M"));
	ASSERT_EQ(0, nt_commit(self->handle, base, MIB, RW));
	nt_snapshot(self->handle, &before);
	ASSERT_EQ(ENOMEM, nt_commit(self->handle, base + MIB, PAGE, RW));
	ASSERT_EQ(0ULL, nt_block(self->handle, GRAN, RW));
	ASSERT_TRUE(nt_same(self->handle, &before));
	ASSERT_EQ(0, nt_write_file(PARAM("space_limit"), limit));
	ASSERT_EQ(0, nt_commit(self->handle, base + MIB, PAGE, RW));
}

static void has_little_address_space(void)
{
	struct rlimit limit = { 64 * MIB, 64 * MIB };

	CHECK(!setrlimit(RLIMIT_AS, &limit));
}

static int has_none_but_reserves(void *data)
{
	struct rlimit limit = { 4 * MIB, 4 * MIB };
	int handle = *(int *)data;

	CHECK(!setrlimit(RLIMIT_AS, &limit));
	CHECK(nt_reserve_at(handle, WANTED, GIB) == 0);
	CHECK(nt_any(handle, 4 * GIB, 0));
	return 0;
}

TEST_F(remote, address_space_of_the_target)
{
	struct target little;

	ASSERT_TRUE(target_start(&little, has_little_address_space));
	ASSERT_EQ(ENOMEM, nt_reserve_at(little.handle, WANTED, GIB));
	ASSERT_EQ(0, target_ask(&little, target_vmas, WANTED, GIB, 0));
	ASSERT_EQ(0ULL, nt_any(little.handle, GIB, 0));
	ASSERT_EQ(0, nt_reserve_at(little.handle, WANTED, 8 * MIB));
	/* Not the caller's. */
	ASSERT_EQ(0, nt_in_child(has_none_but_reserves, &self->handle));
}

static void locks_little(void)
{
	struct rlimit limit = { 2 * PAGE, 2 * PAGE };

	CHECK(!setrlimit(RLIMIT_MEMLOCK, &limit));
	become(ALICE);
}

static int locks_as_bob(void *data)
{
	const struct target *target = data;
	struct rlimit limit = { 0, 0 };
	__u64 base;

	CHECK(!setrlimit(RLIMIT_MEMLOCK, &limit));
	become(BOB);
	base = nt_block(target->handle, GRAN, RW);
	CHECK(base);
	CHECK(!nt_lock(target->handle, base, GRAN));
	return 0;
}

/* CAP_IPC_LOCK of the caller is not the target's, nor the other way round. */
TEST_F(remote, locks_of_the_target)
{
	struct target little;
	__u64 base;

	ASSERT_TRUE(target_start(&little, locks_little));
	base = nt_block(little.handle, GRAN, RW);
	ASSERT_EQ(EDQUOT, nt_lock(little.handle, base, 3 * PAGE));
	ASSERT_EQ(0, nt_lock(little.handle, base, 2 * PAGE));
	ASSERT_EQ(EDQUOT, nt_lock(little.handle, base + 2 * PAGE, PAGE));
	ASSERT_EQ(0, nt_in_child(locks_as_bob, &self->target));
}

/* What root may map lower, its target may not. */
TEST_F(remote, lowest_address_of_the_target)
{
	const char *file = "/proc/sys/vm/mmap_min_addr";
	struct target alice;
	char before[32];

	ASSERT_EQ(0, nt_read_file(file, before, sizeof(before)));
	ASSERT_EQ(0, nt_write_file(file, "1048576"));
	ASSERT_TRUE(target_start(&alice, becomes_alice));
	EXPECT_EQ(EINVAL, nt_reserve_at(alice.handle, 0x20000, GRAN));
	EXPECT_EQ(0, nt_reserve_at(alice.handle, 0x200000, GRAN));
	EXPECT_EQ(0, nt_reserve_at(self->handle, 0x20000, GRAN));
	ASSERT_EQ(0, nt_write_file(file, before));
}

static void denies_code(void)
{
#ifndef PR_SET_MDWE
#define PR_SET_MDWE	65
#endif
	prctl(PR_SET_MDWE, 1L, 0L, 0L, 0L);
}

static int target_denies_code(int fd, const struct question *q)
{
	(void)fd;
	(void)q;
	return prctl(66 /* PR_GET_MDWE */, 0L, 0L, 0L, 0L);
}

TEST_F(remote, code_that_the_target_denies_itself)
{
	struct target target;
	__u64 base;

	ASSERT_TRUE(target_start(&target, denies_code));
	if (target_ask(&target, target_denies_code, 0, 0, 0) != 1)
		SKIP(return, "the kernel has no PR_SET_MDWE");
	base = nt_block(target.handle, GRAN, RW);
	ASSERT_EQ(EACCES, nt_protect(target.handle, base, PAGE, RX, NULL));
	ASSERT_EQ(EACCES, nt_commit(target.handle, base, PAGE, RX));
	ASSERT_EQ(0ULL, nt_block(target.handle, GRAN, RX));
	ASSERT_EQ(0, target_poke(&target, base, 1));
}

static void joins_cgroup(void)
{
	CHECK(!nt_write_file(CGROUP "/cgroup.procs", "0"));
}

static __u64 cgroup_memory(void)
{
	char text[64];

	return nt_read_file(CGROUP "/memory.current", text, sizeof(text)) ?
	       NONE : strtoull(text, NULL, 10);
}

/* Pages, tables and mappings are charged where the target's are. */
TEST_F(remote, cgroup_of_the_target)
{
	struct target target;
	__u64 base, before;
	int i;

	if (nt_write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory"))
		SKIP(return, "no memory controller");
	rmdir(CGROUP);
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
	ASSERT_TRUE(target_start(&target, joins_cgroup));
	base = nt_block(target.handle, 16 * MIB, RW);
	ASSERT_NE(0ULL, base);
	before = cgroup_memory();
	ASSERT_EQ(0, nt_lock(target.handle, base, 16 * MIB));
	/* The kernel charges a little ahead. */
	EXPECT_LE(before + 15 * MIB, cgroup_memory());
	/* A table with a block of its own for every 2 MiB. */
	base = nt_any(target.handle, 8 * GIB, 0);
	before = cgroup_memory();
	for (i = 0; i < 4096; i++)
		ASSERT_EQ(0, nt_commit(target.handle, base + i * 2 * MIB, PAGE,
				       RW));
	EXPECT_LE(before + 4096 * 256, cgroup_memory());
	/* To kill in vain would never end: the target is not to blame. */
	ASSERT_EQ(128 + SIGKILL, target_kill(&target));
	ASSERT_EQ(0, rmdir(CGROUP));
}

/* ------------------------------------------------------------------------
 * Who has a handle, and what that is worth.
 */
static int uses_as_bob(void *data)
{
	const struct target *target = data;
	__u64 base;

	become(BOB);
	base = nt_block(target->handle, GRAN, RW);
	CHECK(base);
	CHECK(!target_poke(target, base, 7));
	CHECK(!nt_reserve_at(target->handle, WANTED, GRAN));
	CHECK(!nt_release(target->handle, base, 0));
	return 0;
}

/* By inheritance or over a socket: whoever has it. */
TEST_F(remote, in_the_hands_of_another_user)
{
	struct ntmem_info info;

	ASSERT_EQ(0, nt_in_child(uses_as_bob, &self->target));
	ASSERT_EQ(0, nt_info(self->handle, &info));
	ASSERT_EQ(GRAN, info.space_reserved);
}

static int target_child_uses_it(void *data)
{
	int *fds = data;
	struct ntmem_info info;

	/* The device is its parent's, and worth nothing; the handle is, too. */
	CHECK(nt_info(fds[0], &info) == EIO);
	CHECK(nt_reserve_at(fds[1], WANTED, GRAN) == 0);
	CHECK(nt_commit(fds[1], WANTED, PAGE, RW) == 0);
	CHECK(nt_peek(WANTED) == -SIGSEGV);
	return 0;
}

static int target_forks(int fd, const struct question *q)
{
	int fds[] = { fd, nt_open_space(fd) };

	(void)q;
	return nt_in_child(target_child_uses_it, fds);
}

TEST_F(remote, a_forked_child_has_its_parents)
{
	ASSERT_EQ(0, target_ask(&self->target, target_forks, 0, 0, 0));
	ASSERT_EQ(0, target_poke(&self->target, WANTED, 1));
	ASSERT_EQ(1, target_peek(&self->target, WANTED));
}

/* What pidfd_getfd(2) gives of a target's handle: 0 when it works, or errno. */
static int fetch(int pidfd, int number)
{
	int fd = syscall(SYS_pidfd_getfd, pidfd, number, 0);
	struct ntmem_info info;

	if (fd < 0)
		return errno;
	CHECK(!nt_info(fd, &info));
	CHECK(!nt_reserve_at(fd, WANTED, GRAN));
	CHECK(!nt_release(fd, WANTED, 0));
	close(fd);
	return 0;
}

struct fetcher {
	int pidfd;
	int number;
	uid_t uid;
	bool namespaces;
};

static int fetches_inside(void *data)
{
	struct fetcher *f = data;

	return fetch(f->pidfd, f->number);
}

static int fetches(void *data)
{
	struct fetcher *f = data;

	become(f->uid);
	if (!f->namespaces)
		return fetch(f->pidfd, f->number);
	CHECK(!unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS));
	return nt_in_child(fetches_inside, f);
}

/* The number of a handle in the target that nobody was sent. */
static int target_makes_handle(int fd, const struct question *q)
{
	(void)q;
	return nt_open_space(fd);
}

static int target_hides(int fd, const struct question *q)
{
	(void)fd;
	(void)q;
	return prctl(PR_SET_DUMPABLE, 0);
}

TEST_F(remote, fetched_by_pidfd_getfd)
{
	struct target alice;
	struct fetcher f;

	ASSERT_TRUE(target_start(&alice, becomes_alice));
	f = (struct fetcher) {
		.pidfd = syscall(SYS_pidfd_open, alice.pid, 0),
		.number = target_ask(&alice, target_makes_handle, 0, 0, 0),
	};
	ASSERT_LE(0, f.pidfd);
	ASSERT_LT(0, f.number);
	ASSERT_EQ(0, nt_in_child(fetches, &f));
	f.uid = ALICE;
	ASSERT_EQ(0, nt_in_child(fetches, &f));
	f.namespaces = true;
	ASSERT_EQ(EPERM, nt_in_child(fetches, &f));
	f.namespaces = false;
	f.uid = BOB;
	ASSERT_EQ(EPERM, nt_in_child(fetches, &f));
	ASSERT_EQ(0, target_ask(&alice, target_hides, 0, 0, 0));
	f.uid = ALICE;
	ASSERT_EQ(EPERM, nt_in_child(fetches, &f));
	target_kill(&alice);
	f.uid = 0;
	ASSERT_EQ(ESRCH, nt_in_child(fetches, &f));
}

/* The root of a namespace, and whoever lies within it. */
static void in_namespaces(void)
{
	become(ALICE);
	CHECK(!unshare(CLONE_NEWUSER | CLONE_NEWNS));
}

TEST_F(remote, of_a_target_in_a_namespace)
{
	struct target inner;
	struct fetcher f;

	ASSERT_TRUE(target_start(&inner, in_namespaces));
	f = (struct fetcher) {
		.pidfd = syscall(SYS_pidfd_open, inner.pid, 0), .uid = BOB,
		.number = target_ask(&inner, target_makes_handle, 0, 0, 0),
	};
	ASSERT_EQ(EPERM, nt_in_child(fetches, &f));
	f.uid = 0;
	ASSERT_EQ(0, nt_in_child(fetches, &f));
	ASSERT_EQ(0, nt_reserve_at(inner.handle, WANTED, GRAN));
}

TEST_HARNESS_MAIN
