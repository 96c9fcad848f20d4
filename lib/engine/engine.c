// SPDX-License-Identifier: MIT
/*
 * The choice between the two engines.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/env.h"

static const struct ntmem_engine *chosen;
static pthread_once_t chosen_once = PTHREAD_ONCE_INIT;

/*
 * NTMEM_GRANULARITY is for a process as a whole: an engine that has it already, or
 * cannot have it any more, was opened by somebody else. False if it is not had.
 */
static bool has_granularity(const struct ntmem_engine *engine)
{
	struct ntmem_granularity wanted = { 0 };
	uint64_t size = UINT64_MAX;
	struct ntmem_info info;

	if (!ntmem_env_size("NTMEM_GRANULARITY", &size))
		return false;
	wanted.granularity = size;
	return size == UINT64_MAX || !engine->set_granularity(&wanted) ||
	       (!engine->info(&info) &&
		info.granularity == wanted.granularity);
}

static void choose(void)
{
	const char *forced = secure_getenv("NTMEM_ENGINE");
	const struct ntmem_engine *engine = NULL;
	int saved_errno = errno;
	int error;

	if (!forced || !*forced) {
		engine = ntmem_engine_open_kernel(&error);
		if (!engine)
			engine = ntmem_engine_open_embedded(&error);
	} else if (!strcmp(forced, "kernel")) {
		engine = ntmem_engine_open_kernel(&error);
	} else if (!strcmp(forced, "embedded")) {
		engine = ntmem_engine_open_embedded(&error);
	}
	if (engine && !has_granularity(engine))
		engine = NULL;
	__atomic_store_n(&chosen, engine, __ATOMIC_RELEASE);
	errno = saved_errno;
}

const struct ntmem_engine *ntmem_engine(void)
{
	const struct ntmem_engine *engine;

	engine = __atomic_load_n(&chosen, __ATOMIC_ACQUIRE);
	if (engine)
		return engine;
	pthread_once(&chosen_once, choose);
	return __atomic_load_n(&chosen, __ATOMIC_ACQUIRE);
}
