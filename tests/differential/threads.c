// SPDX-License-Identifier: MIT
/*
 * Sequences side by side: each thread has its window and its model, and what
 * the others do must not show there. What goes wrong here and not alone is a
 * race, so that nothing is left out of a sequence to shorten it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../patience.h"
#include "access.h"
#include "run.h"
#include "threads.h"

#define SECONDS		240
#define WINDOW_STRIDE	(1ULL << 32)

struct part {
	const struct sequence *seq;
	const struct ntmem_engine *engine;
	u64 window;
	pthread_t thread;
	bool ok;
};

static void *run_part(void *arg)
{
	struct part *part = arg;

	part->ok = run_shared(part->seq, part->engine, part->window);
	return NULL;
}

/* Where nobody has anything any more, nothing is charged. */
static bool is_empty(const struct ntmem_engine *engine)
{
	struct ntmem_info info;

	if (!engine->info(&info) && !info.space_reserved &&
	    !info.space_committed)
		return true;
	printf("# %s engine: %#llx bytes reserved, %#llx committed at the end\n",
	       engine->name, info.space_reserved, info.space_committed);
	return false;
}

/* The threads of one engine. */
struct team {
	const struct ntmem_engine *engine;
	u64 window;
	unsigned int count;
	struct part parts[THREADS_MAX];
};

static bool start(struct team *team, const struct sequence *seqs,
		  unsigned int count)
{
	struct ntmem_granularity granularity = { seqs->granularity, 0 };

	if (!team->engine || team->engine->set_granularity(&granularity)) {
		printf("# an engine does not open\n");
		return false;
	}
	for (; team->count < count; team->count++) {
		struct part *part = &team->parts[team->count];

		part->seq = &seqs[team->count];
		part->engine = team->engine;
		part->window = team->window + team->count * WINDOW_STRIDE;
		if (pthread_create(&part->thread, NULL, run_part, part))
			return false;
	}
	return true;
}

static bool finish(struct team *team)
{
	bool ok = true;

	for (unsigned int i = 0; i < team->count; i++) {
		pthread_join(team->parts[i].thread, NULL);
		ok &= team->parts[i].ok;
	}
	return ok && is_empty(team->engine);
}

static bool run_teams(const struct sequence *seqs, unsigned int count,
		      unsigned int engines)
{
	struct team kernel = { .window = KERNEL_WINDOW };
	struct team embedded = { .window = EMBEDDED_WINDOW };
	bool ok = true;
	int error;

	access_init();
	if (engines & RUN_KERNEL) {
		kernel.engine = ntmem_engine_open_kernel(&error);
		ok &= start(&kernel, seqs, count);
	}
	if (engines & RUN_EMBEDDED) {
		embedded.engine = ntmem_engine_open_embedded(&error);
		ok &= start(&embedded, seqs, count);
	}
	if (kernel.count)
		ok &= finish(&kernel);
	if (embedded.count)
		ok &= finish(&embedded);
	fflush(stdout);
	return ok;
}

bool threads_run(const struct sequence *seqs, unsigned int count,
		 unsigned int engines)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		nt_alarm(SECONDS);
		exit(!run_teams(seqs, count, engines));
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("# the run died of signal %d\n", WTERMSIG(status));
	return !status;
}
