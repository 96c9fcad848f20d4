/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A walk through every allocation, and every copy to or from user space, that
 * can fail while the kernel does one thing for a process: the first one fails,
 * the second, and so on, until there is no n-th. After each failure the result
 * must be what was promised, the space as before, and a second try must work;
 * after the end of the process nothing may be left of it.
 *
 * Each step of a walk is a process of its own: what is a first time for it is
 * one. A process takes several of them where that makes no difference.
 *
 * A case is a variant of the fixture; FAILURE_MAIN ends a file of cases.
 */
#ifndef FAILURE_H
#define FAILURE_H

#include "failure_inject.h"

#include <sched.h>

/* Memory that must have kept its content, and a forked child that checks. */
struct span {
	__u64 addr;
	__u64 size;
	unsigned char value;
};

/**
 * struct step - one step of a walk
 * @fd: of the space, or -1
 * @base: of the reservation that the case is about
 * @file: what else the case needs open
 * @n: which allocation or copy is to fail
 * @nth: fail-nth of this thread
 * @stopped: nothing more is to fail
 * @injected: something was made to fail
 * @before: the space before the operation, where @fd is open
 * @span: what must stay in memory
 * @spans: how many
 * @child: a process that shares the memory, or 0
 * @ask: tells it to look and leave
 * @tell: for the case's own use
 */
struct step {
	int fd;
	__u64 base;
	int file;
	unsigned int n;
	int nth;
	bool stopped;
	bool injected;
	struct nt_snapshot before;
	struct span span[8];
	int spans;
	pid_t child;
	struct nt_gate ask;
	struct nt_gate tell;
	const struct _fixture_variant_failure *is;
};

/*
 * A case. @run does the thing and returns 0, an errno or a negative signal;
 * without it @op is done at @base. @done says what @result means; @failed what
 * is true after any other result, if not that nothing has changed.
 */
FIXTURE_VARIANT(failure)
{
	void (*setup)(struct step *s);
	struct ntmem_op op;
	int (*run)(struct step *s);
	void (*done)(struct step *s);
	void (*failed)(struct step *s, int error);
	int result;	/* without a failure */
	int also;	/* with one, besides ENOMEM and EFAULT */
	bool alone;	/* one process for each step */
	bool itself;	/* @run injects, in a child, and sets @injected */
	bool may_die;	/* of SIGSEGV: the frame of a signal is user memory */
};

#define CASE(name)	FIXTURE_VARIANT_ADD(failure, name)

/* ------------------------------------------------------------------------
 * What cases are made of.
 */

static inline void opened(struct step *s)
{
	s->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	CHECK(s->fd >= 0);
}

/* The reservation that the case is about, which begins with a page table. */
static inline void reserving(struct step *s, __u64 size, __u32 prot,
			     __u32 flags)
{
	struct ntmem_reserve r = {
		.size = size, .prot = prot, .flags = flags, .align = 2 * MIB,
	};

	opened(s);
	CHECK(!nt_call(s->fd, NTMEM_IOC_RESERVE, &r));
	s->base = r.addr;
}

/* Writes value all over the range, and remembers it. */
static inline void fill(struct step *s, __u64 addr, __u64 size,
			unsigned char value)
{
	memset(nt_ptr(addr), value, size);
	s->span[s->spans++] = (struct span) { addr, size, value };
}

/* First and last byte of every page. */
static inline bool holds(__u64 addr, __u64 size, unsigned char value)
{
	volatile unsigned char *p = nt_ptr(addr);
	volatile __u64 i = 0;
	int sig = sigsetjmp(nt_escape, 1);

	nt_armed = !sig;
	while (!sig && i < size && p[i] == value && p[i + PAGE - 1] == value)
		i += PAGE;
	nt_armed = 0;
	if (!sig && i >= size)
		return true;
	fprintf(stderr, "# %#llx: signal %d, or not all %d\n", addr + i, sig,
		value);
	return false;
}

static inline bool holds_all(const struct step *s)
{
	int i;

	for (i = 0; i < s->spans; i++)
		if (!holds(s->span[i].addr, s->span[i].size, s->span[i].value))
			return false;
	return true;
}

/* A child that shares the memory from now on, and must see it as it is now. */
static inline void share(struct step *s)
{
	CHECK(!nt_gate_init(&s->ask));
	s->child = fork();
	CHECK(s->child >= 0);
	if (s->child)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CHECK(!nt_gate_wait(&s->ask));
	CHECK(holds_all(s));
	_exit(0);
}

static inline void share_end(struct step *s)
{
	if (!s->child)
		return;
	CHECK(!nt_gate_open(&s->ask));
	CHECK(!nt_reap(s->child));
	s->child = 0;
}

/* What may be done with a page of this protection, and what not. */
static inline bool usable(__u64 addr, __u32 prot)
{
	if (prot & GUARD) {
		if (nt_peek(addr) != -SIGSEGV)
			return false;
		prot &= ~GUARD;
	}
	switch (prot) {
	case NOACCESS:
		return nt_peek(addr) == -SIGSEGV;
	case RO:
		return nt_peek(addr) >= 0 && nt_poke(addr, 1) == -SIGSEGV;
	case RW:
		return !nt_poke(addr, 7) && nt_peek(addr) == 7;
	case RWX:
		if (nt_poke(addr, 7))
			return false;
		nt_write_code(addr, 42);
		return nt_exec(addr) == 42;
	default:
		return nt_peek(addr) >= 0;
	}
}

/* Is the range, or what QUERY says of its beginning, what the call made it? */
static inline bool became(const struct step *s, __u32 nr, __u64 addr,
			  __u64 size, __u32 prot)
{
	__u64 end = addr + size;
	struct ntmem_query q;

	for (; addr < end; addr = q.base + q.size) {
		if (nt_query(s->fd, addr, &q))
			return false;
		if (nr == NTMEM_NR_DECOMMIT && q.state != RESERVED)
			return false;
		if (nr == NTMEM_NR_RELEASE && q.state != FREE)
			return false;
		if ((nr == NTMEM_NR_COMMIT || nr == NTMEM_NR_PROTECT) &&
		    (q.state != COMMITTED || q.prot != prot))
			return false;
	}
	return true;
}

static const unsigned long ioctls[] = {
	[NTMEM_NR_RESERVE] = NTMEM_IOC_RESERVE,
	[NTMEM_NR_COMMIT] = NTMEM_IOC_COMMIT,
	[NTMEM_NR_DECOMMIT] = NTMEM_IOC_DECOMMIT,
	[NTMEM_NR_RELEASE] = NTMEM_IOC_RELEASE,
	[NTMEM_NR_PROTECT] = NTMEM_IOC_PROTECT,
	[NTMEM_NR_QUERY] = NTMEM_IOC_QUERY,
	[NTMEM_NR_LOCK] = NTMEM_IOC_LOCK,
	[NTMEM_NR_UNLOCK] = NTMEM_IOC_UNLOCK,
	[NTMEM_NR_RESET] = NTMEM_IOC_RESET,
	[NTMEM_NR_RESET_UNDO] = NTMEM_IOC_RESET_UNDO,
};

/* The case's operation; all that take an address have it at the same place. */
static inline int run_op(struct step *s)
{
	struct ntmem_op op = s->is->op;

	if (op.op != NTMEM_NR_RESERVE)
		op.raw[0] += s->base;
	if (ioctl(s->fd, ioctls[op.op], op.raw))
		return errno;
	if (op.op == NTMEM_NR_RESERVE)
		s->base = op.reserve.addr;
	return 0;
}

static inline void done_op(struct step *s)
{
	const struct ntmem_op *op = &s->is->op;
	__u64 addr = s->base + op->range.addr;
	__u64 size = op->range.size ? op->range.size : PAGE;

	CHECK(became(s, op->op, addr, size, op->range.prot));
	switch (op->op) {
	case NTMEM_NR_COMMIT:
	case NTMEM_NR_PROTECT:
		CHECK(usable(addr, op->range.prot));
		if (size > PAGE)
			CHECK(usable(addr + size - PAGE, op->range.prot));
		break;
	case NTMEM_NR_DECOMMIT:
	case NTMEM_NR_RELEASE:
		CHECK(nt_peek(addr) == -SIGSEGV);
		CHECK(nt_peek(addr + size - 1) == -SIGSEGV);
		break;
	}
}

/* ------------------------------------------------------------------------
 * The walk.
 */

/* What is left of all reservations, each as a whole; and nothing remains. */
static inline void release_all(struct step *s)
{
	struct ntmem_info info;
	struct ntmem_query q;
	__u64 addr;

	CHECK(!nt_info(s->fd, &info));
	for (addr = 0; addr <= info.max_address; addr = q.base + q.size) {
		CHECK(!nt_query(s->fd, addr, &q));
		if (q.state == COMMITTED || q.state == RESERVED)
			CHECK(!nt_release(s->fd, q.alloc_base, 0));
	}
	CHECK(!nt_info(s->fd, &info));
	CHECK(!info.space_committed);
	CHECK(!info.space_reserved);
}

/* What counted is over; for a case that goes on after that. */
static inline void stop(struct step *s)
{
	if (s->stopped)
		return;
	s->injected = inject_end(s->nth);
	s->stopped = true;
}

static inline void unchanged(struct step *s)
{
	if (s->fd >= 0)
		CHECK(nt_same(s->fd, &s->before));
	CHECK(holds_all(s));
}

static inline void step_failed(struct step *s, int result)
{
	CHECK(s->injected);
	CHECK(result > 0);
	if (result != ENOMEM && result != EFAULT && result != s->is->also)
		fprintf(stderr, "# result %d: %s\n", result, strerror(result));
	CHECK(result == ENOMEM || result == EFAULT || result == s->is->also);
	if (s->is->failed)
		s->is->failed(s, result);
	else
		unchanged(s);
}

/* The space itself goes with its last mapping and its last descriptor. */
static inline void forget_space(struct step *s)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char line[256], rights[5];

	CHECK(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (strstr(line, "/ntmem") && sscanf(line, "%lx-%lx %4s",
						     &start, &end,
						     rights) == 3 &&
		    rights[3] == 's')
			CHECK(!munmap(nt_ptr(start), end - start));
	}
	fclose(maps);
	close(s->fd);
}

#define STEP_COMPLETE	2	/* exit status: there was no n-th */

/* One step; memory that it does not give back is left to the process's end. */
static inline int step(const struct _fixture_variant_failure *is,
		       unsigned int n, bool gives_back)
{
	struct step s = { .fd = -1, .file = -1, .is = is, .n = n };
	int (*run)(struct step *s) = is->run ? is->run : run_op;
	int result;

	s.nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	CHECK(s.nth >= 0);
	CHECK(!nt_gate_init(&s.tell));
	nt_catch_faults();
	is->setup(&s);
	if (s.fd >= 0)
		nt_snapshot(s.fd, &s.before);

	if (!is->itself)
		inject(s.nth, n);
	result = run(&s);
	stop(&s);
	if (result != is->result) {
		step_failed(&s, result);
		result = run(&s);
		if (result != is->result)
			fprintf(stderr, "# second try: %d\n", result);
		CHECK(result == is->result);
	}
	if (is->done)
		is->done(&s);
	else if (!is->run)
		done_op(&s);
	share_end(&s);
	if (s.fd >= 0 && gives_back) {
		release_all(&s);
		forget_space(&s);
	}
	close(s.tell.pipe[0]);
	close(s.tell.pipe[1]);
	close(s.file);
	close(s.nth);
	return s.injected ? 0 : STEP_COMPLETE;
}

/* Steps that one process takes; to make and end one is what costs most. */
#define STEPS	10

static inline int steps(const struct _fixture_variant_failure *is,
			volatile unsigned int *n)
{
	int more, status = 0;

	for (more = is->alone ? 0 : STEPS - 1; !status && more >= 0; more--)
		status = step(is, (*n)++, more > 0);
	return status;
}

FIXTURE(failure)
{
	int fd;
	__u64 committed_as;
	struct ntmem_info start;
};

FIXTURE_SETUP(failure)
{
	(void)variant;
	injection_begin(_metadata);
	self->committed_as = nt_kb_line("/proc/meminfo", "Committed_AS:");
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, nt_info(self->fd, &self->start));
	ASSERT_EQ(0ULL, self->start.committed);
}

FIXTURE_TEARDOWN(failure)
{
	close(self->fd);
}

static inline bool nothing_left(int fd, const struct ntmem_info *start)
{
	struct ntmem_info now;

	if (!nt_info(fd, &now) && !memcmp(&now, start, sizeof(now)))
		return true;
	fprintf(stderr, "# left: committed %lld, of the user %lld, resident %lld, spaces %lld\n",
		now.committed - start->committed,
		now.user_committed - start->user_committed,
		now.resident - start->resident, now.spaces - start->spaces);
	return false;
}

TEST_F_TIMEOUT(failure, walk, 600)
{
	const __u64 slack = MIB;	/* of this process; a step is more */
	volatile unsigned int *n;
	int status = 0;
	pid_t pid;

	n = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)n);
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	*n = 1;
	while (status != STEP_COMPLETE) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(steps(variant, n));
		status = nt_reap(pid);
		/* Children that it left behind die with it. */
		while (wait(NULL) > 0)
			;
		if (status == 128 + SIGSEGV && variant->may_die)
			status = 0;
		ASSERT_TRUE(!status || status == STEP_COMPLETE) {
			TH_LOG("failure %u: status %d", *n - 1, status);
		}
		ASSERT_TRUE(nothing_left(self->fd, &self->start)) {
			TH_LOG("failure %u or before", *n - 1);
		}
	}
	/* A worker of the kernel gives it back, when it is its turn. */
	while (nt_kb_line("/proc/meminfo", "Committed_AS:") >
	       self->committed_as + slack)
		sched_yield();
	printf("# %u points\n", *n - 2);
	fflush(stdout);
}

#endif /* FAILURE_H */
