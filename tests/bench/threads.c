// SPDX-License-Identifier: MIT
/* Equal threads that begin together. */
#include <pthread.h>

#include "bench.h"

struct team {
	pthread_barrier_t ready;
	void (*work)(struct worker *worker);
};

struct member {
	struct worker worker;
	struct team *team;
	pthread_t thread;
};

static void *run_member(void *arg)
{
	struct member *member = arg;

	pthread_barrier_wait(&member->team->ready);
	member->team->work(&member->worker);
	return NULL;
}

void bench_parallel(struct bench *bench, unsigned int threads,
		    void (*work)(struct worker *worker), void *shared)
{
	struct member *members = bench_array(threads, sizeof(*members));
	struct team team = { .work = work };
	unsigned long operations = 0;

	pthread_barrier_init(&team.ready, NULL, threads + 1);
	for (unsigned int i = 0; i < threads; i++) {
		members[i].team = &team;
		members[i].worker = (struct worker){
			.bench = bench, .nr = i, .shared = shared,
		};
		if (pthread_create(&members[i].thread, NULL, run_member,
				   &members[i]))
			abort();
	}
	/* The clock first: who leaves the barrier last may be this thread. */
	bench_begin(bench);
	pthread_barrier_wait(&team.ready);
	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(members[i].thread, NULL);
		operations += members[i].worker.operations;
	}
	bench_end(bench, operations);
	pthread_barrier_destroy(&team.ready);
}
