// SPDX-License-Identifier: MIT
/*
 * The embedded engine: its table, its accounts, and what fork does to it.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/embedded.h"
#include "engine/env.h"
#include "engine/forkorder.h"
#include "engine/segment.h"
#include "engine/segv.h"

struct embedded embedded = {
	.lock = NTMEM_LOCK_INIT,
	.granularity = 64 * 1024,
	.limit = UINT64_MAX,
};

/* Held over fork by the forking thread; the child inherits both. */
static struct ntmem_held fork_held;

static int embedded_info(struct ntmem_info *info)
{
	struct ntmem_held held;

	memset(info, 0, sizeof(*info));
	info->version = NTMEM_API_VERSION;
	info->features = NTMEM_FEATURE_BATCH | NTMEM_FEATURE_COW_FORK |
			 NTMEM_FEATURE_WATCH | NTMEM_FEATURE_PLACEHOLDER |
			 NTMEM_FEATURE_SECTION;
	info->page_size = PAGE_BYTES;
	info->min_address = LOWEST_ADDRESS;
	info->max_address = USER_END - 1;
	info->commit_limit = UINT64_MAX;
	info->user_limit = UINT64_MAX;
	info->spaces = 1;
	ntmem_lock_take(&embedded.lock, &held);
	info->granularity = embedded.granularity;
	info->space_limit = embedded.limit;
	info->committed = embedded.committed;
	info->user_committed = embedded.committed;
	info->space_committed = embedded.committed - embedded.sections;
	info->space_reserved = embedded.reserved;
	ntmem_lock_give(&embedded.lock, &held);
	if (info->min_address < info->granularity)
		info->min_address = info->granularity;
	return 0;
}

int embedded_set_granularity(const struct ntmem_granularity *arg)
{
	struct ntmem_held held;
	int error = 0;

	if (arg->pad || !is_power_of_two(arg->granularity) ||
	    arg->granularity < PAGE_BYTES ||
	    arg->granularity > MAX_GRANULARITY)
		return -EINVAL;
	ntmem_lock_take(&embedded.lock, &held);
	if (embedded.used)
		error = -EBUSY;
	else
		embedded.granularity = arg->granularity;
	ntmem_lock_give(&embedded.lock, &held);
	return error;
}

static void before_fork(void)
{
	struct ntmem_held held;

	section_before_fork();
	ntmem_lock_take(&embedded.lock, &held);
	fork_held = held;
	watch_before_fork();
	ntmem_segv_before_fork();
}

static void after_fork_in_parent(void)
{
	struct ntmem_held held = fork_held;

	ntmem_segv_after_fork();
	ntmem_lock_give(&embedded.lock, &held);
	section_after_fork();
}

/* Memory locks are not inherited, nor are reservations that asked not to. */
static void after_fork_in_child(void)
{
	struct ntmem_held held = fork_held;
	struct ntmem_skip_node *node, *next;

	ntmem_segv_after_fork();
	for (node = ntmem_skip_first(&embedded.reservations); node;
	     node = next) {
		struct reservation *res = reservation_of(node);

		next = node->next[0];
		if (res->flags & NTMEM_RESERVE_NOFORK)
			reservation_forget(res);
		else if (embedded.locked)
			ntmem_runs_change(&res->pages, res_base(res),
					  res_end(res), RUN_LOCKED, 0);
	}
	embedded.locked = 0;
	segment_leave_charges();
	watch_after_fork();
	ntmem_lock_give(&embedded.lock, &held);
	section_after_fork();
}

/*
 * Registered when the library is loaded, before those that use it register
 * theirs: so the lock is taken after their handlers have run, and they may
 * still call the library.
 */
__attribute__((constructor(FORK_ORDER_ENGINE)))
static void register_fork_handlers(void)
{
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static void close_section(int fd)
{
	if (!embedded_close_section(fd))
		close(fd);
}

/* Nobody but the process itself can do what this engine does. */
static int no_remote(int space, unsigned long request, void *arg)
{
	(void)space;
	(void)request;
	(void)arg;
	return -EOPNOTSUPP;
}

static const struct ntmem_engine embedded_engine = {
	.name = "embedded",
	.info = embedded_info,
	.reserve = embedded_reserve,
	.commit = embedded_commit,
	.decommit = embedded_decommit,
	.release = embedded_release,
	.protect = embedded_protect,
	.query = embedded_query,
	.lock = embedded_lock_pages,
	.unlock = embedded_unlock_pages,
	.reset = embedded_reset,
	.reset_undo = embedded_reset_undo,
	.set_granularity = embedded_set_granularity,
	.batch = embedded_batch,
	.last_fault = embedded_last_fault,
	.watch = embedded_watch,
	.create_section = embedded_create_section,
	.open_section = embedded_open_section,
	.query_section = embedded_query_section,
	.create_file_section = embedded_create_file_section,
	.flush_view = embedded_flush_view,
	.adopt_section = embedded_adopt_section,
	.close_section = close_section,
	.map_view = embedded_map_view,
	.unmap_view = embedded_unmap_view,
	.remote = no_remote,
	.drop = embedded_drop,
};

const struct ntmem_engine *ntmem_engine_open_embedded(int *error)
{
	const char *watch = secure_getenv("NTMEM_WATCH");
	uint64_t limit = UINT64_MAX;
	struct ntmem_held held;
	bool good;

	ntmem_lock_take(&embedded.lock, &held);
	good = ntmem_env_size("NTMEM_COMMIT_LIMIT", &limit);
	if (watch && *watch) {
		good &= !strcmp(watch, "protect");
		embedded.watch_mode = WATCH_BY_PROTECTION;
	}
	if (good) {
		embedded.limit = limit;
		embedded.source = NULL;
	}
	ntmem_lock_give(&embedded.lock, &held);
	*error = good ? 0 : -EINVAL;
	return good ? &embedded_engine : NULL;
}
