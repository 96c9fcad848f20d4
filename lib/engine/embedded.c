// SPDX-License-Identifier: MIT
/*
 * The embedded engine: its table, its accounts, and what fork does to it.
 */
#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/embedded.h"
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
			 NTMEM_FEATURE_WATCH | NTMEM_FEATURE_PLACEHOLDER;
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
	info->space_committed = embedded.committed;
	info->space_reserved = embedded.reserved;
	ntmem_lock_give(&embedded.lock, &held);
	if (info->min_address < info->granularity)
		info->min_address = info->granularity;
	return 0;
}

static int embedded_set_granularity(const struct ntmem_granularity *arg)
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
	watch_after_fork();
	ntmem_lock_give(&embedded.lock, &held);
}

/*
 * Registered when the library is loaded, before those that use it register
 * theirs: so the lock is taken after their handlers have run, and they may
 * still call the library.
 */
__attribute__((constructor)) static void register_fork_handlers(void)
{
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* Not there yet: what several processes share. */
static int no_section(struct ntmem_section *section)
{
	(void)section;
	return -EOPNOTSUPP;
}

static int no_view(struct ntmem_map_view *view)
{
	(void)view;
	return -EOPNOTSUPP;
}

/* There is none to unmap. */
static int no_view_to_unmap(const struct ntmem_unmap_view *unmap)
{
	(void)unmap;
	return -ENOENT;
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
	.create_section = no_section,
	.open_section = no_section,
	.query_section = no_section,
	.map_view = no_view,
	.unmap_view = no_view_to_unmap,
	.drop = embedded_drop,
};

/* NTMEM_COMMIT_LIMIT: bytes, or with a suffix K, M, G or T. False if bad. */
static bool parse_limit(const char *text, uint64_t *limit)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	char *rest;
	uint64_t value;
	unsigned int shift = 0;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoull(text, &rest, 0);
	if (errno)
		return false;
	if (*rest) {
		suffix = strchr(suffixes, toupper((unsigned char)*rest));
		if (!suffix || rest[1])
			return false;
		shift = 10 * (suffix - suffixes + 1);
	}
	if (value > UINT64_MAX >> shift)
		return false;
	*limit = value << shift;
	return true;
}

const struct ntmem_engine *ntmem_engine_open_embedded(int *error)
{
	const char *text = getenv("NTMEM_COMMIT_LIMIT");
	const char *watch = getenv("NTMEM_WATCH");
	uint64_t limit = UINT64_MAX;
	struct ntmem_held held;
	bool good = true;

	ntmem_lock_take(&embedded.lock, &held);
	if (text && *text)
		good = parse_limit(text, &limit);
	if (watch && *watch) {
		good &= !strcmp(watch, "protect");
		embedded.watch_mode = WATCH_BY_PROTECTION;
	}
	if (good)
		embedded.limit = limit;
	ntmem_lock_give(&embedded.lock, &held);
	*error = good ? 0 : -EINVAL;
	return good ? &embedded_engine : NULL;
}
