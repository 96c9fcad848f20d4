// SPDX-License-Identifier: MIT
/*
 * Calls with arguments that every engine must refuse: BATCH and
 * SET_GRANULARITY, which the model knows nothing of.
 */
#include <errno.h>

#include "bad.h"

#define POISON32	0xa5a5a5a5U
#define NOT_RUN		77

struct bad_batch {
	uint32_t count;
	uint32_t flags;
	uint32_t pad;
	int want;
};

static const struct bad_batch bad_batches[] = {
	{ 0, 0, 0, -EINVAL },
	{ NTMEM_BATCH_MAX + 1, 0, 0, -EINVAL },
	{ 1, NTMEM_BATCH_STOP << 1, 0, -EINVAL },
	{ 1, 0x80000000, 0, -EINVAL },
	{ 1, 0, 1, -EINVAL },
};

static const struct {
	struct ntmem_granularity g;
	int want;
} bad_granularities[] = {
	{ { 0, 0 }, -EINVAL },
	{ { 3, 0 }, -EINVAL },
	{ { 2048, 0 }, -EINVAL },
	{ { 0x18000, 0 }, -EINVAL },
	{ { 2ULL << 30, 0 }, -EINVAL },
	{ { 65536, 1 }, -EINVAL },
	{ { 65536, 0 }, -EBUSY },
	{ { 4096, 0 }, -EBUSY },
};

#define BAD_BATCHES	(sizeof(bad_batches) / sizeof(bad_batches[0]))
#define BAD_GRANULARITIES \
	(sizeof(bad_granularities) / sizeof(bad_granularities[0]))

static bool bad_batch(struct world *w, const struct bad_batch *bad)
{
	struct ntmem_op op = { .op = NTMEM_NR_QUERY, .status = NOT_RUN };
	struct ntmem_batch batch = {
		.ops = (u64)&op,
		.count = bad->count,
		.flags = bad->flags,
		.done = POISON32,
		.pad = bad->pad,
	};
	int status = w->engine->batch(&batch);

	if (status != bad->want)
		return world_fail(w, "batch of %u, flags %#x, pad %u: %s, should be %s",
				  bad->count, bad->flags, bad->pad,
				  world_errno(status), world_errno(bad->want));
	if (op.status != NOT_RUN || batch.done != POISON32)
		return world_fail(w, "refused batch changed its argument");
	return true;
}

bool bad_arguments(struct world *w, uint32_t which)
{
	size_t n = which % (BAD_BATCHES + BAD_GRANULARITIES);
	const struct ntmem_granularity *g;
	int status, want;

	if (n < BAD_BATCHES)
		return bad_batch(w, &bad_batches[n]);
	g = &bad_granularities[n - BAD_BATCHES].g;
	want = bad_granularities[n - BAD_BATCHES].want;
	/* Whether a fork counts as having had a reservation is not said. */
	if (want == -EBUSY && w->child)
		return true;
	status = w->engine->set_granularity(g);
	if (status == want)
		return true;
	return world_fail(w, "set_granularity %#llx, pad %llu: %s, should be %s",
			  g->granularity, g->pad, world_errno(status),
			  world_errno(want));
}
