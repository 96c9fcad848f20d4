// SPDX-License-Identifier: MIT
/*
 * Placeholders in the embedded engine: what splits and joins them, what takes
 * their place, and the way back.
 *
 * All of it happens on the mapping that is there, since who maps anew gives the
 * addresses to others for a moment, or for good when the mapping fails. A
 * placeholder has no content and no access, so that only the books know that it
 * is one, and those change last.
 */
#include <sys/mman.h>

#include "engine/embedded.h"
#include "engine/prot.h"
#include "engine/tracker.h"

static void *pointer(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

static bool is_whole(const struct reservation *res, uint64_t start,
		     uint64_t end)
{
	return start == res_base(res) && end == res_end(res);
}

/* ----------------------------------------------------- not for children --- */

static void let_fork(const struct reservation *res)
{
	if (!(res->flags & NTMEM_RESERVE_NOFORK))
		madvise(pointer(res_base(res)), res_end(res) - res_base(res),
			MADV_DOFORK);
}

/* Of whole reservations, or of none. */
static int keep_from_children(uint64_t start, uint64_t end)
{
	uint64_t at;
	int error;

	if (!madvise(pointer(start), end - start, MADV_DONTFORK))
		return 0;
	error = -errno;
	for (at = start; at < end; at = res_end(reservation_at(at)))
		let_fork(reservation_at(at));
	return error;
}

/* ------------------------------------------------- splitting and joining --- */

/* Has a placeholder end at a page of it. The rest is one of its own. */
static int cut_placeholder(struct reservation *res, uint64_t at)
{
	struct reservation *rest;
	uint64_t end = res_end(res);

	if (at == res_base(res) || at == end)
		return 0;
	rest = reservation_new(res->prot, res->flags);
	if (!rest)
		return -ENOMEM;
	if (ntmem_runs_init(&rest->pages, &embedded.pool, at, end, 0)) {
		reservation_free(rest);
		return -ENOMEM;
	}
	rest->node.key = at;
	res->pages.end = at;
	ntmem_skip_insert(&embedded.reservations, &rest->node);
	return 0;
}

/* Has a placeholder end where one of those behind it does. */
static void join_placeholders(struct reservation *res, uint64_t end)
{
	embedded.reserved += end - res_end(res);
	while (res_end(res) < end) {
		struct reservation *next = reservation_at(res_end(res));

		res->pages.end = res_end(next);
		reservation_forget(next);
	}
}

static int split_placeholder(struct reservation *res, uint64_t start,
			     uint64_t end)
{
	uint64_t old_end = res_end(res);
	int error = cut_placeholder(res, end);

	if (error)
		return error;
	error = cut_placeholder(res, start);
	if (error)
		join_placeholders(res, old_end);
	return error;
}

/*
 * Is [start, end) just two placeholders or more, side by side? Their flags are
 * gathered.
 */
static bool are_placeholders(uint64_t start, uint64_t end, uint32_t *flags)
{
	unsigned int count = 0;
	uint64_t at = start;

	*flags = 0;
	while (at < end) {
		struct reservation *res = reservation_at(at);

		if (!res || !is_placeholder(res) || res_base(res) != at)
			return false;
		*flags |= res->flags;
		at = res_end(res);
		count++;
	}
	return at == end && count > 1;
}

static int coalesce(uint64_t start, uint64_t end)
{
	struct reservation *res;
	uint32_t flags;
	int error = 0;

	if (!are_placeholders(start, end, &flags))
		return -ENOENT;
	if (flags & NTMEM_RESERVE_NOFORK)
		error = keep_from_children(start, end);
	if (error)
		return error;
	res = reservation_at(start);
	res->flags = flags;
	join_placeholders(res, end);
	return 0;
}

/* ---------------------------------------------- those of another engine --- */

static struct reservation *new_placeholder(uint64_t start, uint64_t end)
{
	struct reservation *res = reservation_new(NTMEM_PAGE_NOACCESS,
						  NTMEM_RESERVE_PLACEHOLDER);

	if (!res)
		return NULL;
	if (ntmem_runs_init(&res->pages, &embedded.pool, start, end, 0)) {
		reservation_free(res);
		return NULL;
	}
	res->node.key = start;
	return res;
}

/* Exactly [start, end) becomes ours, until placeholder_return(). */
static int borrow(uint64_t start, uint64_t end)
{
	struct reservation *res = new_placeholder(start, end);
	int error;

	if (!res)
		return -ENOMEM;
	error = embedded.source->take(start, end - start);
	if (error) {
		ntmem_runs_clear(&res->pages);
		reservation_free(res);
		return error;
	}
	ntmem_skip_insert(&embedded.reservations, &res->node);
	embedded.reserved += end - start;
	return 0;
}

/* What we have there, a view perhaps, ends; or stays what it is. */
int placeholder_return(struct reservation *res)
{
	uint64_t start = res_base(res);
	int error = embedded.source->give(start, res_end(res) - start,
					  res->flags & NTMEM_RESERVE_NOFORK);

	if (!error)
		reservation_forget(res);
	return error;
}

/* --------------------------------------------- what replaces one, and back --- */

/*
 * Gives a placeholder's mapping the access that the pages of the reservation
 * that is to be there have, and has Linux do for it what its flags ask for.
 */
static int prepare(struct reservation *res, uint32_t state, bool nofork)
{
	uint64_t start = res_base(res), end = res_end(res);
	int error = watch_faults(res, state);

	if (!error && state)
		error = change_access(res, start, end, state);
	if (error)
		return error;
	if (nofork)
		error = keep_from_children(start, end);
	if (!error && is_watched(res)) {
		error = begin_watch(start, end);
		if (error && nofork)
			let_fork(res);
	}
	/* The runs still say that there is none. */
	if (error)
		reapply(res, start, end);
	return error;
}

/*
 * As it was: nothing has been committed there, nor mapped. One that cannot go
 * back where it is from stays ours, and must be found.
 */
void placeholder_again(struct reservation *res, uint32_t flags)
{
	res->flags = flags;
	let_fork(res);
	if (embedded.source && placeholder_return(res))
		__atomic_fetch_add(&embedded.views, 1, __ATOMIC_RELAXED);
}

int replace_placeholder(const struct ntmem_reserve *r, uint32_t state)
{
	uint64_t end = r->addr + r->size;
	struct reservation *res;
	uint32_t old, nofork;
	int error;

	if (embedded.source && !reservation_at(r->addr)) {
		error = borrow(r->addr, end);
		if (error)
			return error;
	}
	res = reservation_at(r->addr);
	if (!res || !is_placeholder(res) || !is_whole(res, r->addr, end))
		return -ENOENT;
	if (state && !commit_fits(r->size))
		return -ENOMEM;
	if (r->flags & NTMEM_RESERVE_WATCH)
		choose_watch();
	old = res->flags;
	nofork = r->flags & ~old & NTMEM_RESERVE_NOFORK;
	res->flags = NTMEM_RESERVE_REPLACE | (old & NTMEM_RESERVE_NOFORK) |
		     (r->flags & NTMEM_RESERVE_WATCH);
	error = prepare(res, state, nofork);
	if (error) {
		placeholder_again(res, old);
		return error;
	}
	res->flags |= nofork;
	res->prot = r->prot;
	count_watched(res, 1);
	ntmem_runs_store(&res->pages, r->addr, end, state);
	if (state)
		embedded.committed += r->size;
	return 0;
}

/* The content goes, with all that was said of pages. */
static int give_back(struct reservation *res)
{
	uint64_t start = res_base(res), end = res_end(res);
	int error = decommit_pages(res, start, end);

	if (error)
		return error;
	if (is_tracked(res))
		ntmem_tracker_remove(start, end);
	count_watched(res, -1);
	ntmem_runs_store(&res->pages, start, end, 0);
	res->prot = NTMEM_PAGE_NOACCESS;
	res->flags = NTMEM_RESERVE_PLACEHOLDER |
		     (res->flags & NTMEM_RESERVE_NOFORK);
	return 0;
}

/* Of a part of a placeholder, or of the whole of what has replaced one. */
static int preserve(uint64_t start, uint64_t end)
{
	struct reservation *res = reservation_at(start);

	if (!res)
		return -ENOENT;
	if (res->segment)
		return -EPERM;
	if (end > res_end(res))
		return -ENOENT;
	if (is_whole(res, start, end))
		return res->flags & NTMEM_RESERVE_REPLACE ? give_back(res) :
							    -ENOENT;
	return is_placeholder(res) ? split_placeholder(res, start, end) :
				     -ENOENT;
}

/* A RELEASE with flags. */
int release_placeholder(const struct ntmem_range *range)
{
	uint64_t start = page_down(range->addr);
	uint64_t end = page_up(range->addr + range->size);

	if (range->prot || !range->size ||
	    !in_user_space(range->addr, range->size))
		return -EINVAL;
	if (range->flags == NTMEM_RELEASE_PRESERVE)
		return preserve(start, end);
	if (range->flags == NTMEM_RELEASE_COALESCE)
		return coalesce(start, end);
	return -EINVAL;
}
