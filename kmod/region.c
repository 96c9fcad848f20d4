// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a reservation: made, found and locked, split, killed.
 *
 * The space's tree is read under RCU, but for ntmem_region_next(). A region
 * that is found there is locked by a trylock inside the RCU section and then
 * looked at once more; who has to wait for the lock takes a reference first.
 * Whoever unlocks does so inside an RCU section too, so that the lock is not
 * freed under the unlocking.
 */
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include "compat.h"
#include "ntmem.h"
#include "test.h"

static struct kmem_cache *ntmem_region_cache;

/* A region without a place; the caller has the one reference. */
struct ntmem_region *ntmem_region_alloc(struct ntmem_space *space, gfp_t gfp)
{
	struct ntmem_region *region;

	region = kmem_cache_alloc_lru(ntmem_region_cache, &ntmem_reset_lru,
				      gfp | __GFP_ZERO);
	if (!region)
		return NULL;
	region->space = space;
	refcount_set(&region->refs, 1);
	init_rwsem(&region->lock);
	spin_lock_init(&region->state_lock);
	xa_init_flags(&region->tables, XA_FLAGS_ACCOUNT);
	mt_init(&region->runs);
	INIT_LIST_HEAD(&region->reset_node);
	region->seq_next = ULONG_MAX;
	return region;
}

/**
 * ntmem_region_like() - a region with the properties of another one
 * @space: the space of the new one
 * @region: the other one, which is locked or cannot change
 * @start: first byte of the new one
 * @end: byte behind its last
 * @gfp: how to ask for memory
 *
 * Return: the region, with nothing in it; NULL without memory.
 */
struct ntmem_region *ntmem_region_like(struct ntmem_space *space,
				       const struct ntmem_region *region,
				       unsigned long start, unsigned long end,
				       gfp_t gfp)
{
	struct ntmem_region *like = ntmem_region_alloc(space, gfp);

	if (!like)
		return NULL;
	like->start = start;
	like->end = end;
	like->chunk0 = ntmem_first(like) >> NTMEM_CHUNK_SHIFT;
	like->alloc_prot = region->alloc_prot;
	like->nofork = region->nofork;
	like->watch = region->watch;
	like->placeholder = region->placeholder;
	like->replaced = region->replaced;
	like->exec = region->exec;
	like->dead = region->dead;
	return like;
}

static void ntmem_region_free(struct rcu_head *rcu)
{
	kmem_cache_free(ntmem_region_cache,
			container_of(rcu, struct ntmem_region, rcu));
}

void ntmem_region_put(struct ntmem_region *region)
{
	if (refcount_dec_and_test(&region->refs))
		call_rcu(&region->rcu, ntmem_region_free);
}

/* Held for writing, the lock has a holder that reclaim knows: see @writer. */
static bool ntmem_region_trylock(struct ntmem_region *region, bool write)
{
	if (!write)
		return down_read_trylock(&region->lock);
	if (!down_write_trylock(&region->lock))
		return false;
	WRITE_ONCE(region->writer, current);
	return true;
}

static void ntmem_region_wait(struct ntmem_region *region, bool write)
{
	if (!write) {
		down_read(&region->lock);
		return;
	}
	down_write(&region->lock);
	WRITE_ONCE(region->writer, current);
}

void ntmem_region_unlock(struct ntmem_region *region, bool write)
{
	rcu_read_lock();
	if (write) {
		WRITE_ONCE(region->writer, NULL);
		up_write(&region->lock);
	} else {
		up_read(&region->lock);
	}
	rcu_read_unlock();
}

/* Is a region that has just been locked still what the tree said? */
static bool ntmem_region_holds(const struct ntmem_region *region,
			       unsigned long addr)
{
	return !READ_ONCE(region->dying) &&
	       addr - READ_ONCE(region->start) <
	       READ_ONCE(region->end) - READ_ONCE(region->start);
}

/*
 * Where an address's region was found last. Only who has the region locked
 * enters it, so that who kills it, having locked it for writing, takes it out
 * for good, before it waits for the readers of RCU.
 */
static struct ntmem_region **ntmem_recent(struct ntmem_space *space,
					  unsigned long addr)
{
	return &space->recent[(addr >> 16) % NTMEM_RECENT];
}

static void ntmem_forget_recent(struct ntmem_region *region)
{
	struct ntmem_region **recent = region->space->recent;
	unsigned int i;

	for (i = 0; i < NTMEM_RECENT; i++)
		if (READ_ONCE(recent[i]) == region)
			cmpxchg(&recent[i], region, NULL);
}

/**
 * ntmem_region_lock() - find and lock the reservation of an address
 * @space: in which
 * @addr: any byte of it
 * @write: for writing or for reading
 *
 * Return: the locked region, which ntmem_region_unlock() unlocks; NULL when
 * there is none.
 */
struct ntmem_region *ntmem_region_lock(struct ntmem_space *space,
				       unsigned long addr, bool write)
{
	struct ntmem_region **recent = ntmem_recent(space, addr);
	struct ntmem_region *region;

	rcu_read_lock();
	/* Pairs with the release below: the region is all there. */
	region = smp_load_acquire(recent);
	ntmem_spin_point("recent_found");
	if (likely(region && ntmem_region_holds(region, addr)) &&
	    likely(ntmem_region_trylock(region, write))) {
		if (likely(ntmem_region_holds(region, addr))) {
			rcu_read_unlock();
			return region;
		}
		ntmem_region_unlock(region, write);
	}
	rcu_read_unlock();

	for (;;) {
		rcu_read_lock();
		region = mtree_load(&space->regions, addr);
		if (!region) {
			rcu_read_unlock();
			return NULL;
		}
		ntmem_spin_point("region_found");
		if (likely(ntmem_region_trylock(region, write))) {
			if (likely(ntmem_region_holds(region, addr))) {
				ntmem_spin_point("recent_enter");
				/* Pairs with the acquire above. */
				smp_store_release(recent, region);
				rcu_read_unlock();
				return region;
			}
			ntmem_region_unlock(region, write);
			rcu_read_unlock();
		} else if (refcount_inc_not_zero(&region->refs)) {
			rcu_read_unlock();
			ntmem_region_wait(region, write);
			if (ntmem_region_holds(region, addr)) {
				ntmem_region_put(region);
				return region;
			}
			ntmem_region_unlock(region, write);
			ntmem_region_put(region);
		} else {
			rcu_read_unlock();
		}
		/* Released, or cut, while we looked: the tree knows more. */
		cond_resched();
	}
}

/* The accounts of a region that has come into its space's tree. */
static void ntmem_region_entered(struct ntmem_region *region)
{
	atomic_long_add((region->end - region->start) >> PAGE_SHIFT,
			&region->space->reserved);
	ntmem_note_memory(region->space, sizeof(*region));
}

/**
 * ntmem_region_publish() - put a region into its space's tree
 * @region: new, with @start and @end
 *
 * Return: 0, and the tree has a reference; -EEXIST when a part of the range is
 * taken; -ENOMEM.
 */
int ntmem_region_publish(struct ntmem_region *region)
{
	struct ntmem_space *space = region->space;
	int err;

	refcount_inc(&region->refs);
	err = mtree_insert_range(&space->regions, region->start,
				 region->end - 1, region, GFP_KERNEL_ACCOUNT);
	if (err) {
		refcount_dec(&region->refs);
		return err;
	}
	ntmem_region_entered(region);
	return 0;
}

/* What the end of a region gives back; it is locked for writing. */
static void ntmem_region_finish(struct ntmem_region *region)
{
	struct ntmem_space *space = region->space;

	ntmem_forget_recent(region);
	ntmem_uncharge(space, region->committed);
	atomic_long_sub(region->locked, &space->locked);
	atomic_long_sub((region->end - region->start) >> PAGE_SHIFT,
			&space->reserved);
	region->committed = 0;
	region->locked = 0;
	ntmem_reclaim_remove(region);
	ntmem_state_destroy(region);
	if (region->segment)
		ntmem_segment_put(region->segment);
	ntmem_note_memory(space, -(long)sizeof(*region));
}

/*
 * The rest of the end of a region that is locked for writing and in no tree
 * any more.
 */
static void ntmem_region_close(struct ntmem_region *region, bool zap)
{
	region->dying = true;
	if (zap && (region->segment || !xa_empty(&region->tables)))
		ntmem_zap(region, ntmem_first(region), ntmem_last(region));
	ntmem_region_finish(region);
}

/**
 * ntmem_region_kill() - the end of a published region
 * @region: the caller has a reference or knows otherwise that it stays
 * @zap: its pages may still be in page tables
 *
 * Harmless on one that is dead already.
 */
void ntmem_region_kill(struct ntmem_region *region, bool zap)
{
	struct ntmem_space *space = region->space;

	down_write(&region->lock);
	if (region->dying) {
		ntmem_region_unlock(region, true);
		return;
	}
	region->dying = true;
	/* To erase can take memory, too, and must not fail. */
	mtree_store_range(&space->regions, region->start, region->end - 1,
			  NULL, GFP_KERNEL | __GFP_NOFAIL);
	ntmem_region_close(region, zap);
	ntmem_region_unlock(region, true);
	ntmem_region_put(region);
}

/**
 * ntmem_region_end() - the end of a region that others have taken the place of
 * @region: the caller has a reference
 *
 * Return: false when somebody killed it first, and took what it covered out of
 * the tree.
 */
bool ntmem_region_end(struct ntmem_region *region)
{
	bool alive;

	down_write(&region->lock);
	alive = !region->dying;
	if (alive)
		ntmem_region_close(region, true);
	ntmem_region_unlock(region, true);
	if (alive)
		ntmem_region_put(region);
	return alive;
}

/**
 * ntmem_region_supersede() - put a region in the place of another one
 * @old: published, locked for writing, not dying
 * @region: new, of the same range
 * @gfp: how the tree may ask for memory
 *
 * At no time is the place free. What @old held is gone. One of both is a
 * placeholder, so that nobody finds the new one's page where an old one is
 * still mapped. map_lock is held.
 *
 * Return: 0, and the tree has a reference to @region; -ENOMEM.
 */
int ntmem_region_supersede(struct ntmem_region *old,
			   struct ntmem_region *region, gfp_t gfp)
{
	struct ntmem_space *space = region->space;
	int err;

	lockdep_assert_held_write(&old->lock);
	refcount_inc(&region->refs);
	err = mtree_store_range(&space->regions, region->start,
				region->end - 1, region, gfp);
	if (err) {
		refcount_dec(&region->refs);
		return err;
	}
	ntmem_region_entered(region);
	ntmem_stop_point("superseded");
	ntmem_region_close(old, true);
	ntmem_region_put(old);
	return 0;
}

/**
 * ntmem_region_next() - the lowest region of a range
 * @space: in which
 * @start: first byte
 * @end: byte behind the last
 *
 * Under the tree's lock and not under RCU, where 6.1's mas_find() follows a
 * pointer to nowhere when the tree loses its last entry beneath it.
 *
 * Return: the region, with a reference, or NULL; what comes or goes meanwhile
 * may be missed or found.
 */
struct ntmem_region *ntmem_region_next(struct ntmem_space *space,
				       unsigned long start, unsigned long end)
{
	MA_STATE(mas, &space->regions, start, start);
	struct ntmem_region *region;

	mtree_lock(&space->regions);
	region = mas_find(&mas, end - 1);
	if (region)
		refcount_inc(&region->refs);
	mtree_unlock(&space->regions);
	return region;
}

/* User space unmapped [start, end): the reservations there are released. */
void ntmem_regions_unmapped(struct ntmem_space *space, unsigned long start,
			    unsigned long end)
{
	struct ntmem_region *region;

	ntmem_arenas_lost(space, start, end);
	/*
	 * From the start each time: a part behind may be cut off one while we
	 * wait for its lock. What was killed is not found again.
	 */
	while ((region = ntmem_region_next(space, start, end))) {
		ntmem_stop_point("unmap_found");
		/* A reservation with two VMAs may still be in the other's. */
		ntmem_region_kill(region, true);
		ntmem_region_put(region);
		cond_resched();
	}
}

/* -------------------------------------------------------------- release --- */

/*
 * The region behind a hole that is about to be cut into a locked one; shares
 * all that lies there with it, until that is trimmed.
 */
static struct ntmem_region *ntmem_region_tail(struct ntmem_region *region,
					      unsigned long start)
{
	struct ntmem_region *tail = ntmem_region_like(region->space, region,
						      start, region->end,
						      GFP_KERNEL_ACCOUNT);
	struct ntmem_scan scan;

	if (!tail)
		return NULL;
	if (ntmem_state_clone(tail, region) || ntmem_state_trim(tail)) {
		ntmem_state_destroy(tail);
		ntmem_region_put(tail);
		return NULL;
	}
	ntmem_state_scan(tail, ntmem_first(tail), ntmem_last(tail), &scan);
	tail->committed = scan.committed;
	tail->locked = scan.locked;
	return tail;
}

/*
 * Takes [start, end) out of the tree, and what is behind it over to tail.
 * Fails before it has changed anything, or not at all.
 */
static int ntmem_region_cut_tree(struct ntmem_region *region,
				 struct ntmem_region *tail,
				 unsigned long start, unsigned long end)
{
	struct maple_tree *tree = &region->space->regions;
	int err;

	if (tail) {
		err = mtree_store_range(tree, end, tail->end - 1, tail,
					GFP_KERNEL_ACCOUNT);
		if (err)
			return err;
		mtree_store_range(tree, start, end - 1, NULL,
				  GFP_KERNEL | __GFP_NOFAIL);
		return 0;
	}
	return mtree_store_range(tree, start, end - 1, NULL,
				 GFP_KERNEL_ACCOUNT);
}

/*
 * Releases the pages [start, end) of a locked region, not all of it. The
 * part behind them moves to a region of its own; the part in front stays; if
 * there is none, the region dies.
 */
static int ntmem_region_cut(struct ntmem_region *region, unsigned long start,
			    unsigned long end)
{
	struct ntmem_space *space = region->space;
	unsigned long reset = region->reset_pages;
	struct ntmem_region *tail = NULL;
	struct ntmem_scan gone;
	int err;

	err = ntmem_state_prepare(region, start >> PAGE_SHIFT,
				  (end - 1) >> PAGE_SHIFT, true);
	if (err)
		return err;
	if (end < region->end) {
		tail = ntmem_region_tail(region, end);
		if (!tail)
			return -ENOMEM;
		/* Found by others in the tree, it makes them wait. */
		down_write_nested(&tail->lock, SINGLE_DEPTH_NESTING);
	}
	/* What the trimming below would have to do, and must not fail in. */
	ntmem_stop_point("release_cut");
	err = ntmem_unshare(region, ntmem_first(region));
	if (!err && start > region->start)
		err = ntmem_unshare(region, (start - 1) >> PAGE_SHIFT);
	err = err ?: ntmem_region_cut_tree(region, tail, start, end);
	if (err)
		goto undo;

	ntmem_state_scan(region, start >> PAGE_SHIFT, (end - 1) >> PAGE_SHIFT,
			 &gone);
	ntmem_stop_point("cut_zap");
	if (gone.resident)
		ntmem_zap(region, gone.first_resident, gone.last_resident);
	region->committed -= tail ? tail->committed : 0;
	region->locked -= tail ? tail->locked : 0;
	atomic_long_sub((end - start) >> PAGE_SHIFT, &space->reserved);
	if (start > region->start) {
		ntmem_uncharge(space, gone.committed);
		atomic_long_sub(gone.locked, &space->locked);
		region->committed -= gone.committed;
		region->locked -= gone.locked;
		region->end = start;
		ntmem_state_trim(region);
	} else {
		region->dying = true;
		region->end = region->start;
		ntmem_region_finish(region);
		ntmem_region_put(region);
	}
	if (tail) {
		if (reset)
			ntmem_reclaim_add(tail, reset);
		ntmem_note_memory(space, sizeof(*tail));
		ntmem_region_unlock(tail, true);
	}
	return 0;

undo:
	if (tail) {
		up_write(&tail->lock);
		ntmem_state_destroy(tail);
		ntmem_region_put(tail);
	}
	return err;
}

/**
 * ntmem_region_release() - RELEASE, or UNMAP_VIEW
 * @space: in which; its map_lock is held
 * @addr: first byte, rounded down to a page
 * @size: in bytes; 0 for the whole reservation
 * @view: it has to be a view; else it must not be one
 */
int ntmem_region_release(struct ntmem_space *space, unsigned long addr,
			 unsigned long size, bool view)
{
	unsigned long start, end;
	struct ntmem_region *region;
	bool exec, whole;
	int err = 0;

	lockdep_assert_held(&space->map_lock);
	region = ntmem_region_lock(space, addr, true);
	if (!region)
		return -ENOENT;
	start = size ? addr : region->start;
	end = size ? addr + size : region->end;
	if (view != !!region->segment)
		err = view ? -ENOENT : -EPERM;
	else if (!size && addr != region->start)
		err = -EADDRNOTAVAIL;
	else if (end > region->end)
		err = -ERANGE;
	refcount_inc(&region->refs);
	exec = region->exec;
	whole = start == region->start && end == region->end;
	if (!err && !whole)
		err = ntmem_region_cut(region, start, end);
	ntmem_region_unlock(region, true);
	ntmem_stop_point("release_kill");
	if (!err && whole)
		ntmem_region_kill(region, true);
	ntmem_region_put(region);
	ntmem_stop_point("unplace");
	if (!err)
		ntmem_unplace(space, start, end, exec);
	return err;
}

int ntmem_region_init(void)
{
	ntmem_region_cache = KMEM_CACHE(ntmem_region, SLAB_ACCOUNT);
	return ntmem_region_cache ? 0 : -ENOMEM;
}

void ntmem_region_exit(void)
{
	/* Frees that wait for readers: of regions, and of the spaces' trees. */
	rcu_barrier();
	kmem_cache_destroy(ntmem_region_cache);
}
