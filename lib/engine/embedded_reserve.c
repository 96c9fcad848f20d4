// SPDX-License-Identifier: MIT
/*
 * The life of a reservation in the embedded engine: RESERVE and RELEASE.
 */
#include <stddef.h>
#include <sys/mman.h>

#include "engine/embedded.h"
#include "engine/prot.h"

struct reservation *reservation_of(struct ntmem_skip_node *node)
{
	return (void *)((char *)node - offsetof(struct reservation, node));
}

struct reservation *reservation_at(uint64_t addr)
{
	struct ntmem_skip_node *node;
	struct reservation *res;

	node = ntmem_skip_floor(&embedded.reservations, addr);
	if (!node)
		return NULL;
	res = reservation_of(node);
	return addr < res_end(res) ? res : NULL;
}

static size_t reservation_size(uint32_t height)
{
	return sizeof(struct reservation) + ntmem_skip_links(height);
}

/* Without the lock one may look whether there are any. */
void count_watched(const struct reservation *res, int n)
{
	if (res->flags & NTMEM_RESERVE_WATCH)
		__atomic_fetch_add(&embedded.watched, n, __ATOMIC_RELAXED);
}

struct reservation *reservation_new(uint32_t prot, uint32_t flags)
{
	uint32_t height = ntmem_skip_height();
	struct reservation *res;

	res = ntmem_pool_alloc(&embedded.pool, reservation_size(height));
	if (!res)
		return NULL;
	res->prot = prot;
	res->flags = flags & RESERVATION_FLAGS;
	res->node.height = height;
	count_watched(res, 1);
	return res;
}

void reservation_free(struct reservation *res)
{
	count_watched(res, -1);
	ntmem_pool_free(&embedded.pool, res,
			reservation_size(res->node.height));
}

/* Takes [start, end) out of the accounts. */
static void uncount(const struct reservation *res, uint64_t start,
		    uint64_t end)
{
	embedded.reserved -= end - start;
	if (!res->segment)
		embedded.committed -= ntmem_runs_count(&res->pages, start, end,
						       RUN_PROT);
	if (embedded.locked)
		embedded.locked -= ntmem_runs_count(&res->pages, start, end,
						    RUN_LOCKED);
}

void reservation_forget(struct reservation *res)
{
	uncount(res, res_base(res), res_end(res));
	view_leave(res);
	ntmem_skip_remove(&embedded.reservations, &res->node);
	ntmem_runs_clear(&res->pages);
	reservation_free(res);
}

/* ------------------------------------------------------------------------ */

static bool limits_valid(const struct ntmem_reserve *r)
{
	if (r->align && (!is_power_of_two(r->align) ||
			 r->align < embedded.granularity))
		return false;
	if (r->min_addr % embedded.granularity || r->min_addr >= USER_END)
		return false;
	return !r->max_addr || ((r->max_addr + 1) % PAGE_BYTES == 0 &&
				r->max_addr > r->min_addr &&
				r->max_addr < USER_END);
}

#define RESERVE_FLAGS	(RESERVATION_FLAGS | NTMEM_RESERVE_COMMIT | \
			 NTMEM_RESERVE_TOP_DOWN)

/* Flags that go neither with a placeholder nor with what replaces one. */
static bool flags_valid(const struct ntmem_reserve *r)
{
	if (r->flags & ~RESERVE_FLAGS)
		return false;
	if (r->flags & NTMEM_RESERVE_PLACEHOLDER)
		return r->prot == NTMEM_PAGE_NOACCESS &&
		       !(r->flags & ~(NTMEM_RESERVE_PLACEHOLDER |
				      NTMEM_RESERVE_TOP_DOWN |
				      NTMEM_RESERVE_NOFORK));
	return !(r->flags & NTMEM_RESERVE_REPLACE) ||
	       !(r->flags & NTMEM_RESERVE_TOP_DOWN);
}

/* Checks a request and rounds it, in place. */
static int normalise(struct ntmem_reserve *r)
{
	bool replace = r->flags & NTMEM_RESERVE_REPLACE;
	uint64_t base;

	if (!flags_valid(r) || !ntmem_prot_valid(r->prot) || !r->size ||
	    !in_user_space(r->addr, r->size))
		return -EINVAL;
	if (!r->addr && !replace) {
		r->size = page_up(r->size);
		return limits_valid(r) ? 0 : -EINVAL;
	}
	if (r->min_addr || r->max_addr || r->align)
		return -EINVAL;
	base = replace ? page_down(r->addr) :
			 r->addr & ~(embedded.granularity - 1);
	r->size = page_up(r->addr + r->size) - base;
	r->addr = base;
	return base >= LOWEST_ADDRESS ? 0 : -EINVAL;
}

static bool range_in_use(uint64_t start, uint64_t end)
{
	struct ntmem_skip_node *next;

	if (reservation_at(start))
		return true;
	next = ntmem_skip_above(&embedded.reservations, start);
	return next && next->key < end;
}

static int map_reservation(const struct reservation *res, uint32_t state,
			   struct ntmem_reserve *r)
{
	uint64_t addr = r->addr;
	int error;

	if (addr && range_in_use(addr, addr + r->size))
		return -EEXIST;
	if (state && !commit_fits(r->size))
		return -ENOMEM;
	if (r->flags & NTMEM_RESERVE_WATCH)
		choose_watch();
	error = watch_faults(res, state);
	if (!error)
		error = place_reservation(r, linux_prot_of(res, state), &addr);
	if (error)
		return error;
	r->addr = addr;
	if ((r->flags & NTMEM_RESERVE_NOFORK) &&
	    madvise((void *)addr, r->size, MADV_DONTFORK))
		error = -errno;
	else if (r->flags & NTMEM_RESERVE_WATCH)
		error = begin_watch(addr, addr + r->size);
	if (error)
		munmap((void *)addr, r->size);
	return error;
}

int reserve_locked(struct ntmem_reserve *r)
{
	uint32_t state = 0;
	struct reservation *res;
	int error = normalise(r);

	if (error)
		return error;
	if (r->flags & NTMEM_RESERVE_COMMIT)
		state = r->prot & ~PROT_CACHE;
	if (r->flags & NTMEM_RESERVE_REPLACE)
		return replace_placeholder(r, state);
	res = reservation_new(r->prot, r->flags);
	if (!res)
		return -ENOMEM;
	error = map_reservation(res, state, r);
	if (error)
		goto free;
	error = ntmem_runs_init(&res->pages, &embedded.pool, r->addr,
				r->addr + r->size, state);
	if (error)
		goto unmap;
	res->node.key = r->addr;
	ntmem_skip_insert(&embedded.reservations, &res->node);
	embedded.reserved += r->size;
	if (state)
		embedded.committed += r->size;
	embedded.used = true;
	return 0;
unmap:
	munmap((void *)(uintptr_t)r->addr, r->size);
free:
	reservation_free(res);
	return error;
}

int embedded_reserve(struct ntmem_reserve *reserve)
{
	struct ntmem_reserve request = *reserve;
	struct ntmem_held held;
	int error;

	ntmem_lock_take(&embedded.lock, &held);
	error = reserve_locked(&request);
	ntmem_lock_give(&embedded.lock, &held);
	if (!error) {
		reserve->addr = request.addr;
		reserve->size = request.size;
	}
	return error;
}

/* ------------------------------------------------------------------------ */

/* Takes [start, end) away; what lies behind becomes the reservation behind. */
static void cut_reservation(struct reservation *res, uint64_t start,
			    uint64_t end, struct reservation *behind)
{
	struct ntmem_runs tail;

	uncount(res, start, end);
	ntmem_runs_extract(&res->pages, start, end, &tail);
	if (start == res_base(res)) {
		/* Nothing is left in front: the reservation moves up. */
		ntmem_skip_remove(&embedded.reservations, &res->node);
		res->node.key = end;
		res->pages = tail;
		ntmem_skip_insert(&embedded.reservations, &res->node);
	} else if (behind) {
		behind->node.key = end;
		behind->pages = tail;
		ntmem_skip_insert(&embedded.reservations, &behind->node);
	}
}

static int release_part(struct reservation *res, uint64_t start, uint64_t end)
{
	struct reservation *behind = NULL;
	int error;

	if (start > res_base(res) && end < res_end(res)) {
		behind = reservation_new(res->prot, res->flags);
		if (!behind)
			return -ENOMEM;
	}
	error = ntmem_runs_isolate(&res->pages, start, end);
	if (error)
		goto free;
	if (munmap((void *)(uintptr_t)start, end - start)) {
		error = -errno;
		ntmem_runs_merge(&res->pages, start, end);
		goto free;
	}
	cut_reservation(res, start, end, behind);
	return 0;
free:
	if (behind)
		reservation_free(behind);
	return error;
}

/* All of it, addresses included. */
int reservation_end(struct reservation *res)
{
	uint64_t start = res_base(res), end = res_end(res);

	if (munmap((void *)(uintptr_t)start, end - start))
		return -errno;
	note_hole(start, end);
	reservation_forget(res);
	return 0;
}

static int release_locked(const struct ntmem_range *range)
{
	struct reservation *res;
	uint64_t start, end;
	int error;

	if (range->flags)
		return release_placeholder(range);
	error = free_range(range, &res, &start, &end);
	if (error)
		return error;
	if (start > res_base(res) || end < res_end(res))
		return release_part(res, start, end);
	return reservation_end(res);
}

int embedded_release(const struct ntmem_range *range)
{
	struct ntmem_held held;
	int error;

	ntmem_lock_take(&embedded.lock, &held);
	error = release_locked(range);
	ntmem_lock_give(&embedded.lock, &held);
	return error;
}
