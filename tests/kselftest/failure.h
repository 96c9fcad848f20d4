/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Walks through every allocation, and every copy to or from user space, that
 * can fail while the kernel does one thing for a process: the first one fails,
 * the second, and so on, until there is no n-th; in one walk only that, in
 * others also the next allocation, or all that follow. After each failure the
 * result must be what was promised, the space as before, and a second try must
 * work; after the end of the process nothing may be left of it.
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
 * @times: how many allocations in a row
 * @stopped: nothing more is to fail
 * @injected: something was made to fail
 * @over: there will be no second try, or nothing to make it with
 * @ours: what failed is seen to have been an allocation of ours
 * @before: the space before the operation, where @fd is open
 * @mapped: how much was mapped for it
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
	unsigned int times;
	bool stopped;
	bool injected;
	bool over;
	bool ours;
	struct nt_snapshot before;
	__u64 mapped;
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
	bool sparse;	/* costly, and mostly not ours: see stride() */
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

/* The next mapping of ours in /proc/self/maps. */
static inline bool next_mapping(FILE *maps, unsigned long *start,
				unsigned long *end)
{
	char line[256], rights[5];

	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "/ntmem") &&
		    sscanf(line, "%lx-%lx %4s", start, end, rights) == 3 &&
		    rights[3] == 's')
			return true;
	return false;
}

/* How much is mapped, whether it is reserved or not. */
static inline __u64 mapped(void)
{
	unsigned long start, end;
	FILE *maps = fopen("/proc/self/maps", "r");
	__u64 sum = 0;

	CHECK(maps);
	while (next_mapping(maps, &start, &end))
		sum += end - start;
	fclose(maps);
	return sum;
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
	pid_t parent = getpid();

	CHECK(!nt_gate_init(&s->ask));
	s->child = fork();
	CHECK(s->child >= 0);
	if (s->child)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* A parent that has died already sends nothing. */
	if (getppid() != parent)
		_exit(0);
	CHECK(!nt_gate_wait(&s->ask));
	CHECK(holds_all(s));
	_exit(0);
}

static inline void share_end(struct step *s)
{
	int status;

	if (!s->child)
		return;
	CHECK(!nt_gate_open(&s->ask));
	status = nt_reap(s->child);
	if (status)
		fprintf(stderr, "# who shares it: status %d\n", status);
	CHECK(!status);
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
	s->injected = inject_end(s->times);
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
	unsigned long start, end;
	FILE *maps = fopen("/proc/self/maps", "r");

	CHECK(maps);
	while (next_mapping(maps, &start, &end))
		CHECK(!munmap(nt_ptr(start), end - start));
	fclose(maps);
	close(s->fd);
}

static inline void second_try(struct step *s, int (*run)(struct step *s))
{
	int result = run(s);

	if (result != s->is->result)
		fprintf(stderr, "# second try: %d\n", result);
	CHECK(result == s->is->result);
}

static inline void step_done(struct step *s)
{
	if (s->is->done)
		s->is->done(s);
	else if (!s->is->run)
		done_op(s);
}

#define STEP_COMPLETE	2	/* exit status: there was no n-th */

/**
 * struct walk - where a walk is; shared by all its processes
 * @is: its case
 * @times: how many allocations in a row are made to fail
 * @n: which of them is the first, in the next step
 * @now: and in this one
 * @steps: how many there were
 * @used: the most that failed in one step
 */
struct walk {
	const struct _fixture_variant_failure *is;
	unsigned int times;
	unsigned int n;
	unsigned int now;
	unsigned int steps;
	unsigned int used;
};

/* The points of a case that the walk of one failure found to be ours. */
static struct {
	const struct _fixture_variant_failure *is;
	unsigned int first;
	unsigned int last;
} *ours;		/* shared by all tests of a program */

static void __attribute__((constructor)) ours_init(void)
{
	ours = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static inline void ours_note(const struct step *s)
{
	if (s->times != ONE || !s->ours)
		return;
	if (ours->is != s->is) {
		ours->is = s->is;
		ours->first = s->n;
	}
	ours->last = s->n;
}

#define FAR	8

/*
 * From one point to the next. Where most of a long walk is through what the core
 * does before and after, the other walks look there at a few points only.
 */
static inline unsigned int stride(const struct walk *walk)
{
	if (!walk->is->sparse || walk->times == ONE || ours->is != walk->is)
		return 1;
	return walk->n + 2 * FAR < ours->first ||
	       walk->n > ours->last + 3 * FAR ? FAR : 1;
}

/* One step; memory that it does not give back is left to the process's end. */
static inline int step(struct walk *walk, bool gives_back)
{
	const struct _fixture_variant_failure *is = walk->is;
	struct step s = {
		.fd = -1, .file = -1, .is = is, .n = walk->n,
		.times = walk->times,
	};
	int (*run)(struct step *s) = is->run ? is->run : run_op;
	int result;

	walk->now = walk->n;
	walk->n += stride(walk);
	walk->steps++;
	injection_open();
	CHECK(!nt_gate_init(&s.tell));
	nt_catch_faults();
	is->setup(&s);
	if (s.fd >= 0)
		nt_snapshot(s.fd, &s.before);
	s.mapped = mapped();

	if (!is->itself)
		inject(s.n, s.times);
	result = run(&s);
	stop(&s);
	if (result != is->result) {
		step_failed(&s, result);
		if (is->sparse && s.n % FAR)
			s.over = true;
		if (!s.over)
			second_try(&s, run);
	}
	if (!s.over)
		step_done(&s);
	share_end(&s);
	if (s.fd >= 0 && gives_back) {
		release_all(&s);
		forget_space(&s);
	}
	close(s.tell.pipe[0]);
	close(s.tell.pipe[1]);
	close(s.file);
	ours_note(&s);
	if (walk->used < injection.used)
		walk->used = injection.used;
	return s.injected ? 0 : STEP_COMPLETE;
}

/* Steps that one process takes; to make and end one is what costs most. */
#define STEPS	10

static inline int steps(struct walk *walk)
{
	int more, status = 0;

	for (more = walk->is->alone ? 0 : STEPS - 1; !status && more >= 0;
	     more--)
		status = step(walk, more > 0);
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

/* Children that a step left behind die with it. */
static inline int walk_on(struct walk *walk)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(steps(walk));
	status = nt_reap(pid);
	while (wait(NULL) > 0)
		;
	/* Whoever died may have left that to us. */
	injection_times(0);
	if (status == 128 + SIGSEGV && walk->is->may_die)
		return 0;
	return status;
}

static inline void walk(struct __test_metadata *_metadata,
			const struct _test_data_failure *self,
			const struct _fixture_variant_failure *variant,
			unsigned int times)
{
	const __u64 slack = MIB;	/* of this process; a step is more */
	struct walk *walk;
	int status = 0;

	walk = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)walk);
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	*walk = (struct walk) { .is = variant, .times = times, .n = 1 };
	while (status != STEP_COMPLETE) {
		status = walk_on(walk);
		ASSERT_TRUE(!status || status == STEP_COMPLETE) {
			TH_LOG("failure %u: status %d", walk->now, status);
		}
		ASSERT_TRUE(nothing_left(self->fd, &self->start)) {
			TH_LOG("failure %u or before", walk->now);
		}
	}
	/* A worker of the kernel gives it back, when it is its turn. */
	while (nt_kb_line("/proc/meminfo", "Committed_AS:") >
	       self->committed_as + slack)
		sched_yield();
	printf("# %u points, %u failed at most\n", walk->steps - 1, walk->used);
	fflush(stdout);
}

TEST_F_TIMEOUT(failure, of_one, 600)
{
	walk(_metadata, self, variant, ONE);
}

TEST_F_TIMEOUT(failure, of_two, 600)
{
	walk(_metadata, self, variant, TWO);
}

TEST_F_TIMEOUT(failure, of_all, 600)
{
	walk(_metadata, self, variant, ALL);
}

#endif /* FAILURE_H */
