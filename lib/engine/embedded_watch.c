// SPDX-License-Identifier: MIT
/*
 * WATCH in the embedded engine: telling which pages are recorded.
 *
 * In rising order, from the runs and from the tracker, as many pages at a time
 * as there is room for here. When they are to be reset, the tracker does so as
 * it finds them; the runs forget them when the caller has them.
 */
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "engine/embedded.h"
#include "engine/tracker.h"

#define TOLD	128

/* Recorded pages of [start, at), the next ones to be told. */
struct telling {
	struct reservation *res;
	uint64_t start;
	uint64_t at;
	uint64_t end;		/* of what the caller asks for */
	bool reset;
	unsigned int room;	/* in the caller's array, or here */
	unsigned int count;
	uint64_t pages[TOLD];
};

/* As far as there is room. */
static void add_pages(struct telling *t, uint64_t start, uint64_t end)
{
	for (; start < end && t->count < t->room; start += PAGE_BYTES)
		t->pages[t->count++] = start;
	t->at = start;
}

static int add_recorded(struct telling *t, uint64_t end)
{
	uint64_t start = t->at;

	add_pages(t, start, end);
	if (!t->reset || !is_tracked(t->res))
		return 0;
	return reset_tracked(t->res, start, t->at);
}

static int add_tracked(struct telling *t, uint64_t end)
{
	struct ntmem_scan found = {
		.start = t->at, .end = end, .pages = t->room - t->count,
		.reset = t->reset,
	};
	unsigned int i;
	int error;

	t->at = end;
	if (!is_tracked(t->res))
		return 0;
	error = scan_tracked(t->res, &found);
	if (error)
		return error;
	for (i = 0; i < found.count; i++)
		add_pages(t, found.written[i].start, found.written[i].end);
	t->at = found.start;
	return 0;
}

static int find_pages(struct telling *t)
{
	int error = 0;

	t->start = t->at;
	t->count = 0;
	while (t->at < t->end && t->count < t->room && !error) {
		struct ntmem_skip_node *run = ntmem_runs_at(&t->res->pages,
							    t->at);
		uint64_t end = ntmem_run_end(&t->res->pages, run);

		if (end > t->end)
			end = t->end;
		error = run->value & RUN_WRITTEN ? add_recorded(t, end) :
						   add_tracked(t, end);
	}
	return error;
}

/*
 * To where the caller says, which may be nowhere: a system call finds out. Then
 * it is written as the program writes, for those who look at that; or only so,
 * where the call is forbidden.
 */
static int tell(const struct telling *t, uint64_t array)
{
	size_t size = t->count * sizeof(t->pages[0]);
	struct iovec from = { (void *)t->pages, size };
	struct iovec to = { (void *)array, size };
	long done;

	if (!size)
		return 0;
	open_for_kernel(array, size);
	done = syscall(SYS_process_vm_writev, getpid(), &from, 1, &to, 1, 0);
	if (done != (long)size && (done >= 0 || errno == EFAULT))
		return -EFAULT;
	memcpy((void *)array, t->pages, size);
	return 0;
}

static void undo_reset(const struct telling *t)
{
	unsigned int i;

	for (i = 0; t->reset && i < t->count; i++)
		record_written(t->res, t->pages[i], t->pages[i] + PAGE_BYTES);
}

static int forget_all(struct reservation *res, uint64_t start, uint64_t end)
{
	int error = forget_written(res, start, end);

	return error || !is_tracked(res) ? error : reset_tracked(res, start, end);
}

/* When something was told, what goes wrong then is no failure. */
static int tell_all(struct telling *t, const struct ntmem_watch *watch,
		    uint64_t *told)
{
	int error = 0;

	*told = 0;
	while (t->at < t->end && *told < watch->count && !error) {
		uint64_t room = watch->count - *told;

		t->room = room < TOLD ? (unsigned int)room : TOLD;
		error = find_pages(t);
		if (!error)
			error = tell(t, watch->pages + *told * sizeof(*told));
		if (error) {
			undo_reset(t);
			break;
		}
		*told += t->count;
		if (t->reset)
			error = forget_written(t->res, t->start, t->at);
	}
	return *told ? 0 : error;
}

static int watch_locked(const struct ntmem_watch *watch, uint64_t *told)
{
	struct telling t = { .reset = watch->flags & NTMEM_WATCH_RESET };
	int error;

	if (watch->pad || watch->flags & ~NTMEM_WATCH_RESET ||
	    (!watch->count && (!t.reset || watch->pages)))
		return -EINVAL;
	error = range_in_one(watch->addr, watch->size, &t.res, &t.at, &t.end);
	if (error)
		return error;
	if (!is_watched(t.res))
		return -ENXIO;
	error = watch_faults(t.res, 0);
	if (error)
		return error;
	if (!watch->count)
		return forget_all(t.res, t.at, t.end);
	return tell_all(&t, watch, told);
}

int embedded_watch(struct ntmem_watch *watch)
{
	struct ntmem_held held;
	uint64_t told = 0;
	int error;

	ntmem_lock_take(&embedded.lock, &held);
	error = watch_locked(watch, &told);
	ntmem_lock_give(&embedded.lock, &held);
	if (!error)
		watch->count = told;
	return error;
}
