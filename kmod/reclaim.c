// SPDX-License-Identifier: GPL-2.0
/*
 * Memory pressure: pages whose content was declared not to matter by RESET
 * are dropped, region by region, in the order in which they were reset, of all
 * memory cgroups or of the one that is at its limit. A region that somebody has
 * locked is passed over, but for the one that the task which reclaims has locked
 * for writing itself: it may be the only one that has something to give, and
 * whoever allocates with a region locked expects that reset pages go. Since
 * reclaim runs inside of everybody's allocations, a call looks at a few tables
 * only, and the next goes on from there.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include "compat.h"
#include "event.h"
#include "ntmem.h"
#include "test.h"

/* Regions and tables that one call looks at. */
#define NTMEM_RECLAIM_LOOKS	128

static struct shrinker *ntmem_shrinker;

/*
 * Regions with reset pages, oldest first; each has a reference. A region is on
 * the list of the cgroup that paid for it, when it was reserved.
 */
struct list_lru ntmem_reset_lru;

/* How many they are, and what they estimate together. */
static atomic_long_t ntmem_reset_regions;
static atomic_long_t ntmem_reset_total;

static void ntmem_reset_estimate(struct ntmem_region *region,
				 unsigned long pages)
{
	atomic_long_add(pages - region->reset_pages, &ntmem_reset_total);
	region->reset_pages = pages;
}

/* pages more were reset; the region is locked for writing, or new. */
void ntmem_reclaim_add(struct ntmem_region *region, unsigned long pages)
{
	ntmem_reset_estimate(region, region->reset_pages + pages);
	region->reclaim_next = 0;
	region->reclaim_left = 0;
	refcount_inc(&region->refs);
	if (list_lru_add_obj(&ntmem_reset_lru, &region->reset_node))
		atomic_long_inc(&ntmem_reset_regions);
	else
		refcount_dec(&region->refs);
}

/* None are left, or the region dies; it is locked for writing. */
void ntmem_reclaim_remove(struct ntmem_region *region)
{
	ntmem_reset_estimate(region, 0);
	if (list_lru_del_obj(&ntmem_reset_lru, &region->reset_node)) {
		atomic_long_dec(&ntmem_reset_regions);
		ntmem_region_put(region);
	}
}

/*
 * Drops the reset pages of one block that is the region's own; counts those
 * that have to stay because somebody shares them.
 */
static void ntmem_reclaim_block(struct ntmem_region *region,
				struct ntmem_table *table,
				struct ntmem_block *block, unsigned long index,
				unsigned long *dropped, unsigned long *left)
{
	unsigned long mask = block->resident;
	unsigned int i;
	u8 state;

	for_each_set_bit(i, &mask, NTMEM_BLOCK_PAGES) {
		state = ntmem_state_get(region, index + i);
		if (!(state & NTMEM_S_RESET) || (state & NTMEM_S_LOCKED))
			continue;
		/* Shared after fork, or I/O is under way: it stays. */
		if (atomic_long_read(ntmem_page_shares(block->page[i])) ||
		    folio_maybe_dma_pinned(page_folio(block->page[i]))) {
			(*left)++;
			continue;
		}
		ntmem_stop_point("reclaim_drop");
		ntmem_zap(region, index + i, index + i);
		ntmem_page_put(block->page[i]);
		block->page[i] = NULL;
		block->resident &= ~BIT(i);
		ntmem_state_set_one(table, block, index + i,
				    (state & ~NTMEM_S_RESET) | NTMEM_S_LOST);
		(*dropped)++;
	}
}

/* One table; false when that was enough before its end. */
static bool ntmem_reclaim_table(struct ntmem_region *region,
				struct ntmem_table *table, unsigned long want,
				unsigned long *dropped)
{
	struct ntmem_block *block;
	unsigned int i;

	if (refcount_read(&table->refs) > 1)
		return true;
	for (i = 0; i < table->nr; i++) {
		if (*dropped >= want)
			return false;
		block = table->block[i];
		if (block && refcount_read(&block->refs) == 1)
			ntmem_reclaim_block(region, table, block,
					    ntmem_block_first(table, i),
					    dropped, &region->reclaim_left);
	}
	return true;
}

/* Goes on where the last call ended; region is locked for writing. */
static unsigned long ntmem_reclaim_region(struct ntmem_region *region,
					  unsigned long want,
					  unsigned int *looks)
{
	struct ntmem_table *table;
	unsigned long chunk, dropped = 0;

	xa_for_each_start(&region->tables, chunk, table,
			  region->reclaim_next) {
		region->reclaim_next = chunk;
		if (!*looks ||
		    !ntmem_reclaim_table(region, table, want, &dropped))
			break;
		(*looks)--;
	}
	if (table) {
		ntmem_reset_estimate(region, region->reset_pages > dropped ?
				     region->reset_pages - dropped : 1);
		return dropped;
	}
	ntmem_reset_estimate(region, region->reclaim_left);
	region->reclaim_next = 0;
	region->reclaim_left = 0;
	if (!region->reset_pages)
		ntmem_reclaim_remove(region);
	return dropped;
}

static unsigned long ntmem_reclaim_some(struct ntmem_region *region,
					unsigned long want, unsigned int *looks)
{
	unsigned long dropped = ntmem_reclaim_region(region, want, looks);

	if (dropped) {
		ntmem_count(region->space, NTMEM_COUNT_DROPPED, dropped);
		ntmem_tell(region->space, NTMEM_EVENT_DROPPED, region->start,
			   dropped << PAGE_SHIFT);
	}
	return dropped;
}

static enum lru_status ntmem_reclaim_take(struct list_head *item,
					  struct list_lru_one *list,
					  spinlock_t *lock, void *data)
{
	struct ntmem_region **region = data;

	*region = container_of(item, struct ntmem_region, reset_node);
	refcount_inc(&(*region)->refs);
	return LRU_ROTATE;
}

/* The oldest region on the list, which moves to its end, with a reference. */
static struct ntmem_region *ntmem_reclaim_next(struct shrink_control *sc)
{
	struct ntmem_region *region = NULL;
	unsigned long nr = 1;

	list_lru_walk_one(&ntmem_reset_lru, sc->nid, sc->memcg,
			  ntmem_reclaim_take, &region, &nr);
	return region;
}

/* Locks the region, unless current has it locked and comes from an allocation. */
static unsigned long ntmem_reclaim_try(struct ntmem_region *region,
				       unsigned long want, unsigned int *looks)
{
	bool ours = READ_ONCE(region->writer) == current;
	unsigned long dropped = 0;

	if (!ours && !down_write_trylock(&region->lock))
		return 0;
	if (!region->dying)
		dropped = ntmem_reclaim_some(region, want, looks);
	if (!ours)
		ntmem_region_unlock(region, true);
	return dropped;
}

/* As if the pages were spread evenly: to count them would take too long. */
static unsigned long ntmem_shrinker_count(struct shrinker *shrinker,
					  struct shrink_control *sc)
{
	unsigned long listed = list_lru_shrink_count(&ntmem_reset_lru, sc);
	long all = atomic_long_read(&ntmem_reset_regions);
	long total = atomic_long_read(&ntmem_reset_total);

	if (!listed)
		return SHRINK_EMPTY;
	return mult_frac(max(total, 1L), listed, max_t(long, all, listed));
}

static unsigned long ntmem_shrinker_scan(struct shrinker *shrinker,
					 struct shrink_control *sc)
{
	unsigned long tries = list_lru_shrink_count(&ntmem_reset_lru, sc);
	unsigned int looks = NTMEM_RECLAIM_LOOKS;
	struct ntmem_region *region;
	unsigned long dropped = 0;

	if (!(sc->gfp_mask & __GFP_FS))
		return SHRINK_STOP;
	while (dropped < sc->nr_to_scan && tries--) {
		if (!looks)
			return dropped;
		looks--;
		region = ntmem_reclaim_next(sc);
		if (!region)
			break;
		ntmem_stop_point("reclaim_found");
		dropped += ntmem_reclaim_try(region, sc->nr_to_scan - dropped,
					     &looks);
		ntmem_region_put(region);
	}
	return dropped ?: SHRINK_STOP;
}

int ntmem_reclaim_init(void)
{
	ntmem_shrinker = shrinker_alloc(SHRINKER_MEMCG_AWARE |
					SHRINKER_NUMA_AWARE, "ntmem");
	if (!ntmem_shrinker)
		return -ENOMEM;
	if (list_lru_init_memcg(&ntmem_reset_lru, ntmem_shrinker)) {
		shrinker_free(ntmem_shrinker);
		return -ENOMEM;
	}
	ntmem_shrinker->scan_objects = ntmem_shrinker_scan;
	ntmem_shrinker->seeks = DEFAULT_SEEKS;
	/* Who is asked to count sees the list and the rest. */
	smp_store_release(&ntmem_shrinker->count_objects,
			  ntmem_shrinker_count);
	shrinker_register(ntmem_shrinker);
	return 0;
}

void ntmem_reclaim_exit(void)
{
	shrinker_free(ntmem_shrinker);
	list_lru_destroy(&ntmem_reset_lru);
}
