// SPDX-License-Identifier: MIT
/*
 * The pieces of work that are measured. Each prepares an area, does one turn
 * at a time of which a part is timed, and gives the area back. A range is
 * *fresh* when nothing was committed there before; else ranges are used in
 * turn, at a distance of their own size, so that Linux must split its mappings
 * as it would in a program.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cost.h"

#define SLOTS_MAX 64
#define AREA_MAX (64 * COST_MIB)

static int map(struct cost_cell *cell, size_t size)
{
	int error;

	cell->area.size = size;
	error = cell->way->map(&cell->area);
	if (error)
		cell->area.base = NULL;
	return error;
}

static void unmap(struct cost_cell *cell)
{
	if (cell->area.base)
		cell->way->unmap(&cell->area);
	cell->area.base = NULL;
}

static void nothing(struct cost_cell *cell)
{
	(void)cell;
}

static int no_area(struct cost_cell *cell)
{
	cell->area.base = NULL;
	return 0;
}

/* The first write to each of count pages. */
static void touch(char *at, unsigned int count)
{
	volatile char *page = at;

	for (; count; count--, page += COST_PAGE)
		*page = 1;
}

static int touch_range(const struct cost_way *way, char *at,
		       unsigned int count)
{
	int error = 0;

	if (way->populate && count)
		error = way->populate(at, count * COST_PAGE);
	touch(at, count);
	return error;
}

/* ---- calls ---- */

static int null_once(struct cost_cell *cell, unsigned int turn, int64_t *ticks)
{
	int64_t from = cost_now();
	int error = cell->way->null();

	(void)turn;
	*ticks = cost_since(from);
	return error;
}

const struct cost_work cost_null = { no_area, null_once, nothing };

static int reserve_once(struct cost_cell *cell, unsigned int turn,
			int64_t *ticks)
{
	size_t size = cell->row->size;
	int64_t from = cost_now();
	char *base;
	int error = cell->way->reserve(size, &base);

	(void)turn;
	if (!error)
		error = cell->way->release(base, size);
	*ticks = cost_since(from);
	return error;
}

const struct cost_work cost_reserve = { no_area, reserve_once, nothing };

/* ---- commit ---- */

static int fresh_prepare(struct cost_cell *cell)
{
	return map(cell, cell->row->size * COST_STRIDE * cell->turns);
}

/* Large ranges are given back at once: the commit limit may be small. */
static bool fresh_drops(const struct cost_cell *cell)
{
	return cell->row->size * cell->turns > AREA_MAX;
}

static int fresh_once(struct cost_cell *cell, unsigned int turn,
		      int64_t *ticks)
{
	size_t size = cell->row->size;
	char *at = cell->area.base + size * COST_STRIDE * turn;
	int64_t from = cost_now();
	int error = cell->way->commit(at, size);

	*ticks = cost_since(from);
	if (!error && fresh_drops(cell))
		error = cell->way->decommit(at, size);
	return error;
}

const struct cost_work cost_commit_fresh = {
	fresh_prepare, fresh_once, unmap
};

static int slots_prepare(struct cost_cell *cell)
{
	size_t slots = AREA_MAX / COST_STRIDE / cell->row->size;

	cell->slots = slots > SLOTS_MAX ? SLOTS_MAX :
		      slots ? (unsigned int)slots : 1;
	return map(cell, cell->row->size * COST_STRIDE * cell->slots);
}

static char *slot(const struct cost_cell *cell, unsigned int turn)
{
	return cell->area.base +
	       cell->row->size * COST_STRIDE * (turn % cell->slots);
}

/* The timed part of a life: commit, touch, decommit. */
enum part {
	PART_COMMIT,
	PART_DECOMMIT,
	PART_ALL,
};

static int live(struct cost_cell *cell, unsigned int turn, enum part part,
		int64_t *ticks)
{
	const struct cost_way *way = cell->way;
	size_t size = cell->row->size;
	char *at = slot(cell, turn);
	int64_t from = cost_now();
	int error = way->commit(at, size);

	if (part == PART_COMMIT)
		*ticks = cost_since(from);
	if (!error)
		error = touch_range(way, at, cell->row->touched);
	if (part == PART_DECOMMIT)
		from = cost_now();
	if (!error)
		error = way->decommit(at, size);
	if (part != PART_COMMIT)
		*ticks = cost_since(from);
	return error;
}

static int again_once(struct cost_cell *cell, unsigned int turn,
		      int64_t *ticks)
{
	return live(cell, turn, PART_COMMIT, ticks);
}

static int decommit_once(struct cost_cell *cell, unsigned int turn,
			 int64_t *ticks)
{
	return live(cell, turn, PART_DECOMMIT, ticks);
}

static int life_once(struct cost_cell *cell, unsigned int turn,
		     int64_t *ticks)
{
	return live(cell, turn, PART_ALL, ticks);
}

const struct cost_work cost_commit_again = {
	slots_prepare, again_once, unmap
};

const struct cost_work cost_decommit = {
	slots_prepare, decommit_once, unmap
};

const struct cost_work cost_life = { slots_prepare, life_once, unmap };

static int batch_prepare(struct cost_cell *cell)
{
	return map(cell, cell->row->size * COST_STRIDE * COST_BATCH);
}

static int batch_once(struct cost_cell *cell, unsigned int turn,
		      int64_t *ticks)
{
	char *base = cell->area.base;
	size_t size = cell->row->size;
	int64_t from = cost_now();
	int error = cell->way->commit_many(base, size, COST_BATCH);

	(void)turn;
	*ticks = cost_since(from);
	if (!error)
		error = cell->way->decommit(base,
				size * COST_STRIDE * COST_BATCH);
	return error;
}

const struct cost_work cost_commit_batch = {
	batch_prepare, batch_once, unmap
};

/* ---- protect: a range in the middle of touched memory ---- */

static int protect_prepare(struct cost_cell *cell)
{
	size_t around = 3 * cell->row->size;
	int error = map(cell, around);

	if (!error)
		error = cell->way->commit(cell->area.base, around);
	if (!error)
		touch(cell->area.base, (unsigned int)(around / COST_PAGE));
	return error;
}

static int protect_once(struct cost_cell *cell, unsigned int turn,
			int64_t *ticks)
{
	size_t size = cell->row->size;
	char *at = cell->area.base + size;
	int64_t from = cost_now();
	int error = cell->way->protect(at, size, false);

	(void)turn;
	*ticks = cost_since(from);
	if (!error)
		error = cell->way->protect(at, size, true);
	if (!error)
		touch(at, cell->row->touched);
	return error;
}

static int cycle_once(struct cost_cell *cell, unsigned int turn,
		      int64_t *ticks)
{
	size_t size = cell->row->size;
	char *at = cell->area.base + size;
	int64_t from = cost_now();
	int error = cell->way->protect(at, size, false);

	(void)turn;
	if (!error)
		error = cell->way->protect(at, size, true);
	if (!error)
		touch(at, cell->row->touched);
	*ticks = cost_since(from);
	return error;
}

const struct cost_work cost_protect = {
	protect_prepare, protect_once, unmap
};

const struct cost_work cost_protect_cycle = {
	protect_prepare, cycle_once, unmap
};

/* ---- query: in the middle of row->touched committed ranges of 64 KiB ---- */

#define QUERY_SIZE (64 * COST_KIB)

static int query_prepare(struct cost_cell *cell)
{
	unsigned int count = cell->row->touched;
	int error = map(cell, QUERY_SIZE * COST_STRIDE * count);

	for (unsigned int i = 0; i < count && !error; i++)
		error = cell->way->commit(cell->area.base +
					  QUERY_SIZE * COST_STRIDE * i,
					  QUERY_SIZE);
	return error;
}

static int query_once(struct cost_cell *cell, unsigned int turn,
		      int64_t *ticks)
{
	const char *at = cell->area.base +
		QUERY_SIZE * COST_STRIDE * (cell->row->touched / 2);
	int64_t from = cost_now();
	int error = cell->way->query(at);

	(void)turn;
	*ticks = cost_since(from);
	return error;
}

const struct cost_work cost_query = { query_prepare, query_once, unmap };

/* ---- first touch ---- */

static int touch_prepare(struct cost_cell *cell)
{
	int error = map(cell, cell->row->size);

	return error ? error : cell->way->commit(cell->area.base,
						 cell->row->size);
}

static int touch_once(struct cost_cell *cell, unsigned int turn,
		      int64_t *ticks)
{
	char *at = cell->area.base + cell->row->step * turn;
	int64_t from = cost_now();
	int error = touch_range(cell->way, at, cell->row->touched);

	*ticks = cost_since(from);
	return error;
}

const struct cost_work cost_touch = { touch_prepare, touch_once, unmap };

/*
 * The i-th page without order: since the area has a power of two of pages, an
 * odd factor with an odd term takes each page once.
 */
static size_t shuffled(size_t i, size_t pages)
{
	return (i * 40503 + 9973) % pages * COST_PAGE;
}

static int random_once(struct cost_cell *cell, unsigned int turn,
		       int64_t *ticks)
{
	size_t pages = cell->row->size / COST_PAGE;
	size_t at = (size_t)turn * cell->row->touched;
	volatile char *base = cell->area.base;
	int64_t from = cost_now();

	for (size_t i = at; i < at + cell->row->touched; i++)
		base[shuffled(i, pages)] = 1;
	*ticks = cost_since(from);
	return 0;
}

const struct cost_work cost_touch_random = {
	touch_prepare, random_once, unmap
};

static int batch_touch_prepare(struct cost_cell *cell)
{
	int error = batch_prepare(cell);

	return error ? error : cell->way->commit_many(cell->area.base,
						      cell->row->size,
						      COST_BATCH);
}

const struct cost_work cost_touch_batch = {
	batch_touch_prepare, touch_once, unmap
};

/* ---- watch: some pages are written to, and told ---- */

static uint64_t told[262144];

/* All pages are there, and all are taken for not written. */
static int watch_prepare(struct cost_cell *cell)
{
	size_t size = cell->row->size, count = size / COST_PAGE;
	int error = map(cell, size);

	if (error)
		return error;
	touch(cell->area.base, (unsigned int)count);
	return cell->way->written(&cell->area, told, &count);
}

/* Each turn has pages of its own. */
static int watch_once(struct cost_cell *cell, unsigned int turn,
		      int64_t *ticks)
{
	size_t pages = cell->row->size / COST_PAGE, count = pages;
	size_t at = (size_t)turn * cell->row->touched;
	volatile char *base = cell->area.base;
	int64_t from = cost_now();
	int error;

	for (size_t i = at; i < at + cell->row->touched; i++)
		base[shuffled(i, pages)] = 2;
	error = cell->way->written(&cell->area, told, &count);
	*ticks = cost_since(from);
	if (!error && count != cell->row->touched)
		error = -EILSEQ;
	return error;
}

const struct cost_work cost_watch = { watch_prepare, watch_once, unmap };

/* ---- fork ---- */

static int fork_prepare(struct cost_cell *cell)
{
	size_t size = cell->row->size;
	int error;

	if (!size)
		return no_area(cell);
	error = map(cell, size);
	if (!error)
		error = cell->way->commit(cell->area.base, size);
	if (!error)
		touch(cell->area.base, cell->row->touched);
	return error;
}

/* A child that ends at once, and the wait for it. */
static int fork_and_wait(void)
{
	pid_t child = fork();
	int status = -1;

	if (!child)
		_exit(0);
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -errno;
	return status ? -ECHILD : 0;
}

static int fork_once(struct cost_cell *cell, unsigned int turn,
		     int64_t *ticks)
{
	int64_t from = cost_now();
	int error = fork_and_wait();

	(void)cell;
	(void)turn;
	*ticks = cost_since(from);
	return error;
}

/* What fork puts off for the parent, it pays when it writes again. */
static int fork_write_once(struct cost_cell *cell, unsigned int turn,
			   int64_t *ticks)
{
	int64_t from = cost_now();
	int error = fork_and_wait();

	(void)turn;
	touch(cell->area.base, cell->row->touched);
	*ticks = cost_since(from);
	return error;
}

const struct cost_work cost_fork = { fork_prepare, fork_once, unmap };
const struct cost_work cost_fork_write = {
	fork_prepare, fork_write_once, unmap
};
