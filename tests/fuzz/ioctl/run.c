// SPDX-License-Identifier: MIT
/*
 * Inside of a program's process: its state, its stages and threads, and how
 * one operation is run.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#define STACK_SIZE	(64 << 10)

struct slot slots[SLOTS];
int device = -1;
bool single;
bool child_may_lose;
bool has_views;

__thread struct cursor *cursor;

static struct cursor cursors[THREADS];
static unsigned char stacks[THREADS][STACK_SIZE]
	__attribute__((aligned(4096)));

/* The first thing that goes wrong in a program is what counts. */
void report(const char *format, ...)
{
	va_list list;

	if (atomic_exchange(&shared->failed, 1))
		return;
	va_start(list, format);
	vsnprintf(shared->report, sizeof(shared->report), format, list);
	va_end(list);
	atomic_store(&shared->failed, 2);
}

/* 0, or the errno, of a call that returns -1 when it fails. */
int result_of(long value)
{
	return value == -1 ? errno : 0;
}

u64 arg_address(const struct arg *arg)
{
	if (arg->base >= FROM_ZERO)
		return arg->value;
	if (arg->base >= FROM_END)
		return slots[arg->base - FROM_END].end + arg->value;
	return slots[arg->base].start + arg->value;
}

/* ----------------------------------------------------------- operations --- */

static _Thread_local bool armed;

/* Its own calls allocate, too, and one of them may be the one that fails. */
static int open_fail_nth(void)
{
	int tries, fd = -1;

	for (tries = 0; fd < 0 && tries < 2; tries++)
		fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	return fd;
}

static void write_fail_nth(int fd, unsigned int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(fd, text, length, 0) < 0)
		errno = 0;
	armed = n;
}

/* The n-th allocation that this thread's next calls make fails. */
static void arm_failure(unsigned int n)
{
	int fd = open_fail_nth();

	if (fd < 0)
		return;
	write_fail_nth(fd, n);
	close(fd);
}

unsigned int failure_pause(void)
{
	unsigned int left = 0;
	char text[16] = "";
	int fd;

	if (!armed)
		return 0;
	fd = open_fail_nth();
	if (fd < 0)
		return 0;
	if (pread(fd, text, sizeof(text) - 1, 0) > 0)
		left = strtoul(text, NULL, 10);
	write_fail_nth(fd, 0);
	close(fd);
	return left;
}

void failure_resume(unsigned int left)
{
	if (left)
		arm_failure(left);
}

int op_run(const struct op *op)
{
	int result;

	atomic_fetch_add_explicit(&shared->operations, 1,
				  memory_order_relaxed);
	if (op->fail)
		arm_failure(op->fail);
	result = op_kinds[op->code].run(op);
	if (op->fail)
		arm_failure(0);
	if (result >= 0 && result < MAX_RESULT)
		shared->result[op->code][result] = 1;
	return result;
}

void run_operations(struct cursor *c)
{
	struct cursor *outer = cursor;

	cursor = c;
	while (c->next < c->count) {
		const struct op *op = c->ops[c->next++];
		int result = op_run(op);

		if (single)
			oracle_check(op, result);
		if (atomic_load(&shared->failed))
			break;
	}
	cursor = outer;
}

/* --------------------------------------------------------------- stages --- */

struct stage {
	const struct op *first;
	const struct op *end;
	unsigned int repeat;
	pthread_barrier_t begin;
};

static struct stage stage;

static void run_share(unsigned int thread)
{
	struct cursor *c = &cursors[thread];

	c->count = 0;
	for (const struct op *op = stage.first; op < stage.end; op++)
		if (op->thread == thread)
			c->ops[c->count++] = op;
	for (unsigned int i = 0; i < stage.repeat; i++) {
		c->next = 0;
		run_operations(c);
	}
}

static void *run_thread(void *arg)
{
	cover_thread();
	pthread_barrier_wait(&stage.begin);
	run_share((uintptr_t)arg);
	return NULL;
}

static void run_stage(void)
{
	pthread_t threads[THREADS];
	unsigned int nr = 1;

	for (const struct op *op = stage.first; op < stage.end; op++)
		if (op->thread >= nr)
			nr = op->thread + 1;
	if (nr == 1) {
		run_share(0);
		return;
	}
	pthread_barrier_init(&stage.begin, NULL, nr);
	for (uintptr_t i = 1; i < nr; i++) {
		pthread_attr_t attr;

		pthread_attr_init(&attr);
		pthread_attr_setstack(&attr, stacks[i], STACK_SIZE);
		if (pthread_create(&threads[i], &attr, run_thread, (void *)i))
			_exit(0);
	}
	pthread_barrier_wait(&stage.begin);
	run_share(0);
	for (unsigned int i = 1; i < nr; i++)
		pthread_join(threads[i], NULL);
}

/* A process of a program begins; a forked one may do without the device. */
void process_begin(bool may_open)
{
	if (device >= 0)
		close(device);
	device = may_open ? open("/dev/ntmem", O_RDWR) : -1;
}

void run_program(const struct program *program)
{
	const struct op *end = program->ops + program->count;

	single = program->single;
	child_may_lose = program_effects(program) & MAY_LOSE_CHILD;
	has_views = program_effects(program) & HAS_VIEWS;
	memory_init();
	memory_be_writer(memory_new_writer());
	cover_thread();
	process_begin(true);
	oracle_begin();

	stage.first = program->ops;
	while (stage.first < end) {
		stage.repeat = 1;
		if (!op_kinds[stage.first->code].run) {
			if (!single)
				stage.repeat = stage.first->arg[0].value & 15;
			stage.first++;
		}
		stage.end = stage.first;
		while (stage.end < end && op_kinds[stage.end->code].run)
			stage.end++;
		run_stage();
		stage.first = stage.end;
	}
	oracle_end();
}
