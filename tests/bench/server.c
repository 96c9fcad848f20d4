// SPDX-License-Identifier: MIT
/*
 * A server: each thread has a table of blocks, of which it replaces some at
 * random, and after a while hands the table to a new thread and ends. So most
 * blocks are freed by another thread than took them, and the threads of old
 * blocks are gone.
 */
#include <pthread.h>
#include <semaphore.h>

#include "workloads.h"

#define SLOTS		1000
#define SUCCESSORS	100
#define REPLACEMENTS	70000UL		/* by each thread */

struct desk {
	void *slots[SLOTS];
	struct dice dice;
	unsigned int successors;
	unsigned long replacements;
	sem_t *closed;
};

static void open_desk(struct desk *desk);

static void *serve(void *arg)
{
	struct desk *desk = arg;

	for (unsigned long i = 0; i < desk->replacements; i++) {
		void **slot = &desk->slots[dice_below(&desk->dice, SLOTS)];

		free(*slot);
		*slot = take(dice_between(&desk->dice, 16, 600));
	}
	if (desk->successors--)
		open_desk(desk);
	else
		sem_post(desk->closed);
	return NULL;
}

static void open_desk(struct desk *desk)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, serve, desk))
		abort();
	pthread_detach(thread);
}

static void run(struct bench *bench)
{
	struct desk *desks = bench_array(bench->threads, sizeof(*desks));
	unsigned long each = bench_count(bench, REPLACEMENTS);
	sem_t closed;

	sem_init(&closed, 0, 0);
	for (unsigned int i = 0; i < bench->threads; i++) {
		desks[i].dice = dice_of(bench, i);
		desks[i].successors = SUCCESSORS;
		desks[i].replacements = each;
		desks[i].closed = &closed;
	}
	bench_begin(bench);
	for (unsigned int i = 0; i < bench->threads; i++)
		open_desk(&desks[i]);
	for (unsigned int i = 0; i < bench->threads; i++)
		while (sem_wait(&closed))
			;
	bench_end(bench, (SUCCESSORS + 1UL) * each * bench->threads);
}

const struct workload server = {
	"server", "threads hand their blocks to the next and end", run,
};
