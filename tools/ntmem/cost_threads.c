// SPDX-License-Identifier: MIT
/*
 * Two threads on two reservations against one thread: does one wait for the
 * other? Each lives through blocks of 64 KiB: commit, touch one page, decommit.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cost.h"

#define SIZE (64 * COST_KIB)
#define SLOTS 64

struct worker {
	const struct cost_way *way;
	struct cost_area area;
	int cpu;
	int error;
	unsigned long lives;
	pthread_t thread;
};

static atomic_bool stop;
static pthread_barrier_t start;

static void pin_to(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

static int live_once(const struct worker *worker, unsigned long turn)
{
	char *at = worker->area.base + turn % SLOTS * COST_STRIDE * SIZE;
	int error = worker->way->commit(at, SIZE);

	if (error)
		return error;
	*(volatile char *)at = 1;
	return worker->way->decommit(at, SIZE);
}

static void *work(void *data)
{
	struct worker *worker = data;

	pin_to(worker->cpu);
	pthread_barrier_wait(&start);
	while (!atomic_load_explicit(&stop, memory_order_relaxed) &&
	       !worker->error)
		worker->error = live_once(worker, worker->lives++);
	return NULL;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void wait_seconds(unsigned int count)
{
	struct timespec time = { .tv_sec = count };

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

static int begin(struct worker *worker, const struct cost_way *way, int cpu)
{
	memset(worker, 0, sizeof(*worker));
	worker->way = way;
	worker->cpu = cpu;
	worker->area.size = SLOTS * COST_STRIDE * SIZE;
	return way->map(&worker->area);
}

/* Lives in a second of all threads together; negative errno on failure. */
static double run(const struct cost_way *way, unsigned int threads,
		  unsigned int time)
{
	struct worker workers[2];
	double lives = 0, from;
	int error = 0;

	for (unsigned int i = 0; i < threads; i++) {
		error = begin(&workers[i], way, (int)i);
		if (error)
			return error;
	}
	atomic_store(&stop, false);
	pthread_barrier_init(&start, NULL, threads + 1);
	for (unsigned int i = 0; i < threads; i++)
		if (pthread_create(&workers[i].thread, NULL, work,
				   &workers[i]))
			abort();
	pthread_barrier_wait(&start);
	from = seconds();
	wait_seconds(time);
	atomic_store(&stop, true);
	from = seconds() - from;
	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		way->unmap(&workers[i].area);
		lives += (double)workers[i].lives;
		if (workers[i].error)
			error = workers[i].error;
	}
	pthread_barrier_destroy(&start);
	return error ? error : lives / from;
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static double middle(double *values, unsigned int count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

void cost_threads_run(const struct cost_options *options,
		      struct cost_threads results[2])
{
	double one[2][COST_THREAD_ROUNDS], two[2][COST_THREAD_ROUNDS];
	double ratio[2][COST_THREAD_ROUNDS];
	unsigned int rounds = COST_THREAD_ROUNDS;

	memset(results, 0, 2 * sizeof(*results));
	results[0].way = &cost_ntmem;
	results[1].way = &cost_linux;
	if (options->turns && options->turns < rounds)
		rounds = options->turns;
	for (unsigned int round = 0; round < rounds; round++) {
		for (int i = 0; i < 2; i++) {
			const struct cost_way *way = results[i].way;

			if (results[i].error)
				continue;
			if (options->progress)
				fprintf(stderr, "cost: threads %u/%u %s\n",
					round + 1, rounds, way->name);
			one[i][round] = run(way, 1, options->seconds);
			two[i][round] = run(way, 2, options->seconds);
			if (one[i][round] < 0 || two[i][round] < 0)
				results[i].error = (int)(one[i][round] < 0 ?
					one[i][round] : two[i][round]);
			ratio[i][round] = one[i][round] > 0 ?
				two[i][round] / one[i][round] : 0;
		}
	}
	for (int i = 0; i < 2; i++) {
		if (results[i].error)
			continue;
		results[i].rounds = rounds;
		results[i].one = middle(one[i], rounds);
		results[i].two = middle(two[i], rounds);
		results[i].ratio = middle(ratio[i], rounds);
	}
}
