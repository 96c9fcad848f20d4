/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of races share: two threads, of which one is stopped in the
 * window of a race (kmod/test.h) while the other does what must not get in.
 *
 * The other one either waits, which shows as state D, or comes to its end;
 * then the first goes on. A test asserts what both have brought about, and so
 * needs no clock. Threads must not use the harness's macros.
 */
#ifndef RACE_H
#define RACE_H

#include "ntmem_test.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#define STOP	"/sys/kernel/debug/ntmem/stop"

#define RACER_STACK	(64 << 10)

/* What a racer does, with what, and how it went. */
struct racer {
	int (*run)(struct racer *racer);
	int fd;
	__u64 addr;
	__u64 size;
	__u32 prot;
	unsigned char value;
	int other;		/* whatever else it needs */
	int result;
	bool waited;		/* for the one that was stopped */
	struct ntmem_query query;
	pthread_t thread;
	pid_t tid;
	int go, done;		/* eventfd */
};

/* ------------------------------------------------------------------------
 * Stop points.
 */
/* A trap for a thread, 0 for anybody; closing it lets the thread go on. */
static inline int stop_arm(const char *name, pid_t tid)
{
	char text[40];
	int fd = open(STOP, O_RDWR | O_CLOEXEC);
	int len = snprintf(text, sizeof(text), "%s %d", name, tid);

	if (fd >= 0 && write(fd, text, len) == len)
		return fd;
	close(fd);
	return -1;
}

/* Waits until the thread is there; its id. */
static inline pid_t stop_wait(int stop)
{
	char text[16] = "";

	return read(stop, text, sizeof(text) - 1) > 0 ? atoi(text) : -1;
}

static inline void stop_go(int stop)
{
	close(stop);
}

/* ------------------------------------------------------------------------
 * Racers.
 */
static inline void *racer_thread(void *data)
{
	struct racer *racer = data;
	__u64 one = 1;

	racer->tid = syscall(SYS_gettid);
	if (write(racer->done, &one, 8) != 8 || read(racer->go, &one, 8) != 8)
		return NULL;
	racer->result = racer->run(racer);
	one = 1;
	return write(racer->done, &one, 8) == 8 ? racer : NULL;
}

/* A thread that is about to run. */
static inline bool racer_start(struct racer *racer)
{
	pthread_attr_t attr;
	void *stack;
	__u64 one;
	int error;

	racer->waited = false;
	racer->result = -1000;
	/*
	 * Populated: a fault there would wait, too, for who has mmap_lock. So would
	 * munmap(): it stays until the test's process ends.
	 */
	stack = mmap(NULL, RACER_STACK, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (stack == MAP_FAILED)
		return false;
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, stack, RACER_STACK);
	error = pthread_create(&racer->thread, &attr, racer_thread, racer);
	pthread_attr_destroy(&attr);
	return !error && read(racer->done, &one, 8) == 8;
}

static inline void racer_go(struct racer *racer)
{
	__u64 one = 1;

	if (write(racer->go, &one, 8) != 8)
		abort();
}

static inline int racer_join(struct racer *racer)
{
	struct pollfd done = { .fd = racer->done, .events = POLLIN };
	__u64 one;

	pthread_join(racer->thread, NULL);
	if (poll(&done, 1, 0) == 1 && read(racer->done, &one, 8) != 8)
		abort();
	return racer->result;
}

static inline bool racer_is_done(struct racer *racer)
{
	struct pollfd poll_fd = { .fd = racer->done, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

/* The state of a task, as ps shows it. Allocates nothing, faults nothing. */
static inline char task_state(pid_t tid)
{
	char text[512], *end;
	int fd, len;

	snprintf(text, sizeof(text), "/proc/%d/stat", tid);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	close(fd);
	text[len > 0 ? len : 0] = '\0';
	end = strrchr(text, ')');
	return end ? end[2] : '?';
}

/*
 * Until it waits for what a stopped task holds, or is done. A thread that ends
 * may wait as well, to give its stack back: then it is done.
 */
static inline void racer_settle(struct racer *racer)
{
	while (!racer_is_done(racer)) {
		if (task_state(racer->tid) == 'D') {
			racer->waited = !racer_is_done(racer);
			return;
		}
		sched_yield();
	}
}

/* Until it is in the trap; false when it ended without having come by. */
static inline bool racer_caught(struct racer *racer, int stop)
{
	struct pollfd fds[] = {
		{ .fd = stop, .events = POLLIN },
		{ .fd = racer->done, .events = POLLIN },
	};

	while (poll(fds, 2, -1) < 0)
		;
	return fds[0].revents & POLLIN;
}

/* ------------------------------------------------------------------------
 * The referee: a process of its own, which no racer that is stopped with
 * mmap_lock held can make wait. It is there before the space is.
 */
struct referee {
	int ask[2], answer[2];	/* pipes */
	int go[2], done[2];	/* the racers' eventfds */
};

static struct referee referee;

struct race_order {
	char point[24];
	pid_t tid[2];
};

/* 'n' when the first did not come by; 'w' when the second waited; else 'd'. */
static inline char referee_run(const struct race_order *order)
{
	struct racer first = { .go = referee.go[0], .done = referee.done[0] };
	struct racer second = { .tid = order->tid[1], .go = referee.go[1],
				.done = referee.done[1] };
	int stop = stop_arm(order->point, order->tid[0]);
	bool caught;

	racer_go(&first);
	caught = stop >= 0 && racer_caught(&first, stop);
	racer_go(&second);
	if (caught)
		racer_settle(&second);
	close(stop);
	return !caught ? 'n' : second.waited ? 'w' : 'd';
}

static inline void referee_loop(void)
{
	struct race_order order;
	char answer;

	nt_pin(0, 0);
	close(referee.ask[1]);
	while (read(referee.ask[0], &order, sizeof(order)) == sizeof(order)) {
		answer = referee_run(&order);
		if (write(referee.answer[1], &answer, 1) != 1)
			break;
	}
	_exit(0);
}

/* Why these tests cannot run here, or NULL: then all is ready. */
static inline const char *race_missing(void)
{
	int i;

	if (access(STOP, F_OK))
		return "the module has no points to stop at";
	for (i = 0; i < 2; i++) {
		referee.go[i] = eventfd(0, EFD_CLOEXEC);
		referee.done[i] = eventfd(0, EFD_CLOEXEC);
	}
	if (pipe2(referee.ask, O_CLOEXEC) || pipe2(referee.answer, O_CLOEXEC))
		return "no pipes";
	if (!fork())
		referee_loop();
	close(referee.ask[0]);
	return NULL;
}

/* For the set-up of a fixture: opens the device; false skips its tests. */
static inline bool race_open(struct __test_metadata *_metadata, int *fd)
{
	const char *missing = race_missing();

	if (missing)
		SKIP(return false, "%s", missing);
	*fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, *fd);
	return true;
}

/* The same, and commits some pages; 0 skips the tests. */
static inline __u64 race_block(struct __test_metadata *_metadata, int *fd,
			       unsigned int pages, __u32 prot)
{
	__u64 base;

	if (!race_open(_metadata, fd))
		return 0;
	base = nt_block(*fd, pages * PAGE, prot);
	ASSERT_NE(0ULL, base);
	return base;
}

/* ------------------------------------------------------------------------
 * Races.
 */

/* At some points the first cannot sleep, and the second needs another CPU. */
static inline bool race_may_spin(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) > 1;
}

static inline void race_prepare(struct racer *racer, int place)
{
	racer->go = referee.go[place];
	racer->done = referee.done[place];
}

/* First, which is to stop and perhaps to spin there, has a CPU for itself. */
static inline bool race_start_first(struct racer *first)
{
	bool started;

	race_prepare(first, 0);
	nt_pin(0, 1);
	started = racer_start(first);
	nt_pin(0, 0);
	return started;
}

/* Begins a race without a second: the trap in which first is, or -1. */
static inline int race_begin(struct racer *first, const char *point)
{
	int stop;

	if (!race_start_first(first))
		return -1;
	stop = stop_arm(point, first->tid);
	racer_go(first);
	if (stop >= 0 && racer_caught(first, stop))
		return stop;
	fprintf(stderr, "# did not come by %s\n", point);
	close(stop);
	racer_join(first);
	return -1;
}

/*
 * Stops first at the point, runs second until it waits or ends, lets first go
 * on, and waits until both have ended. False when first did not come by.
 */
static inline bool race(struct racer *first, const char *point,
			struct racer *second)
{
	struct race_order order;
	char answer = 'n';

	race_prepare(second, 1);
	if (!race_start_first(first) || !racer_start(second))
		return false;
	snprintf(order.point, sizeof(order.point), "%s", point);
	order.tid[0] = first->tid;
	order.tid[1] = second->tid;
	if (write(referee.ask[1], &order, sizeof(order)) != sizeof(order) ||
	    read(referee.answer[0], &answer, 1) != 1)
		return false;
	racer_join(first);
	racer_join(second);
	second->waited = answer == 'w';
	if (answer == 'n')
		fprintf(stderr, "# did not come by %s\n", point);
	return answer != 'n';
}

/* ------------------------------------------------------------------------
 * What they do.
 */
static inline int race_commit(struct racer *r)
{
	return nt_commit(r->fd, r->addr, r->size, r->prot);
}

static inline int race_decommit(struct racer *r)
{
	return nt_decommit(r->fd, r->addr, r->size);
}

static inline int race_protect(struct racer *r)
{
	return nt_protect(r->fd, r->addr, r->size, r->prot, NULL);
}

static inline int race_reserve(struct racer *r)
{
	return nt_reserve(r->fd, &r->addr, r->size, RW, 0);
}

static inline int race_release(struct racer *r)
{
	return nt_release(r->fd, r->addr, r->size);
}

static inline int race_query(struct racer *r)
{
	return nt_query(r->fd, r->addr, &r->query);
}

static inline int race_munmap(struct racer *r)
{
	return ERRNO_OF(munmap(nt_ptr(r->addr), r->size));
}

static inline int race_read(struct racer *r)
{
	return nt_peek(r->addr);
}

static inline int race_write(struct racer *r)
{
	return nt_poke(r->addr, r->value);
}

#endif /* RACE_H */
