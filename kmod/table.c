// SPDX-License-Identifier: GPL-2.0
/*
 * Tables and blocks, which hold the state and the pages of a region: made,
 * found, shared by fork and by a cut, unshared again, trimmed, destroyed.
 */
#include <linux/sched.h>
#include "compat.h"
#include "ntmem.h"
#include "test.h"

static struct kmem_cache *ntmem_block_cache;

/* The state of a page whose chunk has no table. */
u8 ntmem_run_load(struct ntmem_region *region, unsigned long index)
{
	void *entry;

	if (mtree_empty(&region->runs))
		return 0;
	entry = mtree_load(&region->runs, index >> NTMEM_CHUNK_SHIFT);
	return entry ? xa_to_value(entry) : 0;
}

/*
 * Who has a region locked for reading keeps reclaim from its pages, and gets
 * what is easily had; who has it locked for writing gives them up meanwhile.
 */
static gfp_t ntmem_table_gfp(bool write)
{
	gfp_t easy = __GFP_NORETRY | __GFP_NOWARN;

	return write ? GFP_KERNEL_ACCOUNT :
		       (GFP_KERNEL_ACCOUNT | easy) & ~__GFP_DIRECT_RECLAIM;
}

static struct ntmem_block *ntmem_block_alloc(bool write)
{
	struct ntmem_block *block;

	block = kmem_cache_zalloc(ntmem_block_cache, ntmem_table_gfp(write));
	if (block)
		refcount_set(&block->refs, 1);
	return block;
}

void ntmem_block_put(struct ntmem_block *block)
{
	unsigned long resident;
	unsigned int i;

	if (!block || !refcount_dec_and_test(&block->refs))
		return;
	resident = block->resident;
	for_each_set_bit(i, &resident, NTMEM_BLOCK_PAGES)
		ntmem_page_put(block->page[i]);
	kmem_cache_free(ntmem_block_cache, block);
}

/* A copy that shares the pages. */
static struct ntmem_block *ntmem_block_clone(const struct ntmem_block *from)
{
	struct ntmem_block *block = ntmem_block_alloc(true);
	unsigned long resident = from->resident;
	unsigned int i;

	if (!block)
		return NULL;
	block->window = from->window;
	block->resident = from->resident;
	block->written = from->written;
	memcpy(block->state, from->state, sizeof(block->state));
	for_each_set_bit(i, &resident, NTMEM_BLOCK_PAGES) {
		block->page[i] = from->page[i];
		get_page(block->page[i]);
		atomic_long_inc(ntmem_page_shares(block->page[i]));
	}
	return block;
}

static struct ntmem_table *ntmem_table_alloc(unsigned long chunk,
					     unsigned int first,
					     unsigned int nr, bool write)
{
	struct ntmem_table *table;

	table = kzalloc(struct_size(table, block, nr), ntmem_table_gfp(write));
	if (!table)
		return NULL;
	refcount_set(&table->refs, 1);
	table->chunk = chunk;
	table->first = first;
	table->nr = nr;
	return table;
}

/* A table and all the blocks that it may come to have. */
static long ntmem_table_bytes(const struct ntmem_table *table)
{
	return struct_size(table, block, table->nr) +
	       table->nr * sizeof(struct ntmem_block);
}

static void ntmem_table_put(struct ntmem_table *table)
{
	unsigned int i;

	if (!table || !refcount_dec_and_test(&table->refs))
		return;
	for (i = 0; i < table->nr; i++)
		ntmem_block_put(table->block[i]);
	kfree(table);
}

/* A copy that shares the blocks. */
static struct ntmem_table *ntmem_table_clone(const struct ntmem_table *from)
{
	struct ntmem_table *table;
	unsigned int i;

	table = ntmem_table_alloc(from->chunk, from->first, from->nr, true);
	if (!table)
		return NULL;
	table->used = from->used;
	memcpy(table->state, from->state, sizeof(table->state));
	for (i = 0; i < from->nr; i++) {
		table->block[i] = from->block[i];
		if (table->block[i])
			refcount_inc(&table->block[i]->refs);
	}
	return table;
}

/**
 * ntmem_table_get() - find or make the table of a page
 * @region: locked
 * @index: page
 * @write: how it is locked
 *
 * Two that make it at once, both with the lock held for reading, agree on the
 * one that was stored first: until then no state was written to either.
 *
 * Return: the table, NULL without memory; where the lock is held for reading,
 * whoever takes it for writing may have more luck.
 */
struct ntmem_table *ntmem_table_get(struct ntmem_region *region,
				    unsigned long index, bool write)
{
	unsigned long lo = index & ~(NTMEM_CHUNK_PAGES - 1);
	unsigned long hi = index | (NTMEM_CHUNK_PAGES - 1);
	struct ntmem_table *table, *old;
	unsigned int first, last;

	table = ntmem_table_find(region, index);
	if (table)
		return table;

	first = ntmem_block_nr(max(lo, ntmem_first(region)));
	last = ntmem_block_nr(min(hi, ntmem_last(region)));
	table = ntmem_table_alloc(index >> NTMEM_CHUNK_SHIFT, first,
				  last - first + 1, write);
	if (!table)
		return NULL;
	memset(table->state, ntmem_run_load(region, index),
	       sizeof(table->state));
	ntmem_stop_point("table_store");
	old = xa_cmpxchg(&region->tables,
			 (index >> NTMEM_CHUNK_SHIFT) - region->chunk0, NULL,
			 table, ntmem_table_gfp(write));
	if (!old) {
		ntmem_note_memory(region->space, ntmem_table_bytes(table));
		return table;
	}
	kfree(table);
	return xa_is_err(old) ? NULL : old;
}

/* Likewise, the block of a page of a table. */
struct ntmem_block *ntmem_block_get(struct ntmem_table *table,
				    unsigned long index, bool write)
{
	struct ntmem_block **slot;
	struct ntmem_block *block, *old;

	slot = &table->block[ntmem_block_nr(index) - table->first];
	/* Pairs with the cmpxchg below: the block is all there. */
	block = smp_load_acquire(slot);
	if (block)
		return block;
	block = ntmem_block_alloc(write);
	if (!block)
		return NULL;
	WRITE_ONCE(table->used, true);
	ntmem_stop_point("block_store");
	old = cmpxchg(slot, NULL, block);
	if (!old)
		return block;
	kmem_cache_free(ntmem_block_cache, block);
	return old;
}

/* Makes the table of a page, if it has one, the region's own. */
struct ntmem_table *ntmem_unshare_table(struct ntmem_region *region,
					unsigned long index)
{
	struct ntmem_table *table = ntmem_table_find(region, index);
	struct ntmem_table *own;

	if (!table || refcount_read(&table->refs) == 1)
		return table;
	own = ntmem_table_clone(table);
	if (!own)
		return ERR_PTR(-ENOMEM);
	/* Stores over an entry need no memory. */
	xa_store(&region->tables,
		 (index >> NTMEM_CHUNK_SHIFT) - region->chunk0, own,
		 GFP_KERNEL_ACCOUNT);
	region->recent = NULL;
	ntmem_table_put(table);
	return own;
}

int ntmem_unshare_block(struct ntmem_table *table, unsigned long index)
{
	unsigned int i = ntmem_block_nr(index) - table->first;
	struct ntmem_block *block = table->block[i];
	struct ntmem_block *own;

	if (!block || refcount_read(&block->refs) == 1)
		return 0;
	own = ntmem_block_clone(block);
	if (!own)
		return -ENOMEM;
	table->block[i] = own;
	ntmem_block_put(block);
	return 0;
}

/**
 * ntmem_unshare() - make the table and block of a page the region's own
 * @region: locked for writing
 * @index: page
 *
 * A reference count of one that is ours cannot grow behind our back: only
 * who holds a reference can give one away, and that takes our lock. One that
 * is seen above one may fall to one meanwhile; the copy is then superfluous
 * but right.
 */
int ntmem_unshare(struct ntmem_region *region, unsigned long index)
{
	struct ntmem_table *table = ntmem_unshare_table(region, index);

	if (IS_ERR(table))
		return PTR_ERR(table);
	return table ? ntmem_unshare_block(table, index) : 0;
}

/* -------------------------------------------------------- whole regions --- */

static int ntmem_runs_clone(struct ntmem_region *to, struct ntmem_region *from,
			    unsigned long lo, unsigned long hi)
{
	MA_STATE(mas, &from->runs, lo, lo);
	unsigned long first, last;
	void *entry;
	int err;

	while (lo <= hi) {
		mas_set(&mas, lo);
		rcu_read_lock();
		entry = mas_find(&mas, hi);
		first = max(mas.index, lo);
		last = min(mas.last, hi);
		rcu_read_unlock();
		if (!entry)
			break;
		err = mtree_store_range(&to->runs, first, last, entry,
					GFP_KERNEL_ACCOUNT);
		if (err)
			return err;
		lo = last + 1;
		cond_resched();
	}
	return 0;
}

/**
 * ntmem_state_clone() - share the state and pages of another region
 * @to: new, of the same range or a part of it, not yet published
 * @from: locked for writing
 *
 * Takes time by the number of tables, not of pages. Both must take reference
 * counts seriously from now on.
 */
int ntmem_state_clone(struct ntmem_region *to, struct ntmem_region *from)
{
	unsigned long lo = ntmem_first(to) >> NTMEM_CHUNK_SHIFT;
	unsigned long hi = ntmem_last(to) >> NTMEM_CHUNK_SHIFT;
	unsigned long i = lo - from->chunk0;
	struct ntmem_table *table;
	int err;

	to->cow = true;
	from->cow = true;
	if (!mtree_empty(&from->runs)) {
		err = ntmem_runs_clone(to, from, lo, hi);
		if (err)
			return err;
	}
	xa_for_each_range(&from->tables, i, table, i, hi - from->chunk0) {
		refcount_inc(&table->refs);
		err = xa_err(xa_store(&to->tables,
				      i + from->chunk0 - to->chunk0, table,
				      GFP_KERNEL_ACCOUNT));
		if (err) {
			refcount_dec(&table->refs);
			return err;
		}
		ntmem_note_memory(to->space, ntmem_table_bytes(table));
		cond_resched();
	}
	return 0;
}

/* Forgets the pages and blocks of an own table outside [lo, hi]. */
static void ntmem_trim_table(struct ntmem_table *table, unsigned long lo,
			     unsigned long hi)
{
	unsigned long index, page, mask;
	struct ntmem_block *block;
	unsigned int i, k;

	for (i = 0; i < table->nr; i++) {
		block = table->block[i];
		index = ntmem_block_first(table, i);
		if (!block || (index >= lo && index + NTMEM_BLOCK_MASK <= hi))
			continue;
		if (index + NTMEM_BLOCK_MASK < lo || index > hi) {
			table->block[i] = NULL;
			table->state[table->first + i] = 0;
			ntmem_block_put(block);
			continue;
		}
		mask = block->resident;
		for_each_set_bit(k, &mask, NTMEM_BLOCK_PAGES) {
			page = index + k;
			if (page >= lo && page <= hi)
				continue;
			block->resident &= ~BIT(k);
			ntmem_page_put(block->page[k]);
			block->page[k] = NULL;
		}
	}
}

/**
 * ntmem_state_trim() - let go of everything outside the region's range
 * @region: just cloned or just cut; locked for writing or not yet published;
 *	the tables and blocks at both its ends are its own
 */
int ntmem_state_trim(struct ntmem_region *region)
{
	unsigned long lo = ntmem_first(region), hi = ntmem_last(region);
	struct ntmem_table *table;
	unsigned long chunk, i;
	int err;

	err = ntmem_unshare(region, lo);
	if (!err)
		err = ntmem_unshare(region, hi);
	if (err)
		return err;
	region->recent = NULL;
	xa_for_each(&region->tables, i, table) {
		chunk = i + region->chunk0;
		if (chunk < lo >> NTMEM_CHUNK_SHIFT ||
		    chunk > hi >> NTMEM_CHUNK_SHIFT) {
			xa_erase(&region->tables, i);
			ntmem_note_memory(region->space,
					  -ntmem_table_bytes(table));
			ntmem_table_put(table);
		} else if (chunk == lo >> NTMEM_CHUNK_SHIFT ||
			   chunk == hi >> NTMEM_CHUNK_SHIFT) {
			ntmem_trim_table(table, lo, hi);
		}
		cond_resched();
	}
	return 0;
}

/* The end of a region's state and of what it holds. */
void ntmem_state_destroy(struct ntmem_region *region)
{
	struct ntmem_table *table;
	unsigned long i;

	region->recent = NULL;
	xa_for_each(&region->tables, i, table) {
		ntmem_note_memory(region->space, -ntmem_table_bytes(table));
		ntmem_table_put(table);
		cond_resched();
	}
	xa_destroy(&region->tables);
	mtree_destroy(&region->runs);
}

int ntmem_table_init(void)
{
	ntmem_block_cache = KMEM_CACHE(ntmem_block, SLAB_ACCOUNT);
	return ntmem_block_cache ? 0 : -ENOMEM;
}

void ntmem_table_exit(void)
{
	kmem_cache_destroy(ntmem_block_cache);
}
