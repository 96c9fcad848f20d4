// SPDX-License-Identifier: GPL-2.0
/*
 * The state of a region's pages: reading and changing it. Nothing here looks
 * at a VMA or a page table or wakes anybody.
 *
 * A page is described at the coarsest level that tells the truth: by its
 * block, when the block's state is NTMEM_S_MIXED; else by the table's state of
 * the block; and where there is no table by the run in region->runs, of which
 * the absence means reserved. So a range costs memory by what was done in it
 * and not by its length.
 */
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include "compat.h"
#include "ntmem.h"
#include "test.h"

/* More chunks than this are committed as a run, not table by table. */
#define NTMEM_BIG_CHUNKS	8

static u16 ntmem_mask(unsigned int lo, unsigned int hi)
{
	return GENMASK(hi, lo);
}

/* What of the block at index lies inside [first, last]. */
struct ntmem_part {
	unsigned int lo, hi;
};

static struct ntmem_part ntmem_part(unsigned long index, unsigned long last)
{
	struct ntmem_part part = {
		.lo = index & NTMEM_BLOCK_MASK,
		.hi = last - index >= NTMEM_BLOCK_MASK -
				      (index & NTMEM_BLOCK_MASK) ?
		      NTMEM_BLOCK_MASK : last & NTMEM_BLOCK_MASK,
	};

	return part;
}

/* Does [lo, hi] cover all that the region has of the block at index? */
static bool ntmem_covers_block(const struct ntmem_region *region,
			       unsigned long index, struct ntmem_part part)
{
	unsigned long block = index & ~NTMEM_BLOCK_MASK;

	return (!part.lo || block + part.lo == ntmem_first(region)) &&
	       (part.hi == NTMEM_BLOCK_MASK ||
		block + part.hi == ntmem_last(region));
}

/* Does [first, last] cover all that the region has of the chunk at index? */
static bool ntmem_covers_chunk(const struct ntmem_region *region,
			       unsigned long index, unsigned long first,
			       unsigned long last)
{
	unsigned long lo = index & ~(NTMEM_CHUNK_PAGES - 1);
	unsigned long hi = index | (NTMEM_CHUNK_PAGES - 1);

	return max(lo, ntmem_first(region)) >= first &&
	       min(hi, ntmem_last(region)) <= last;
}

/*
 * Is [index, last] a whole chunk of which all blocks have one state, and that
 * for all their pages?
 */
static bool ntmem_chunk_uniform(const struct ntmem_table *table,
				unsigned long index, unsigned long last)
{
	const u64 *state = (const u64 *)table->state;

	return last - index == NTMEM_CHUNK_PAGES - 1 &&
	       table->state[0] != NTMEM_S_MIXED &&
	       state[0] == table->state[0] * 0x0101010101010101ULL &&
	       state[0] == state[1] && state[0] == state[2] &&
	       state[0] == state[3];
}

/*
 * The stretch without tables that begins at index, which has none: returns
 * its last page, at most last, and its state.
 */
static unsigned long ntmem_bare(struct ntmem_region *region,
				unsigned long index, unsigned long last,
				u8 *state)
{
	MA_STATE(mas, &region->runs, index >> NTMEM_CHUNK_SHIFT,
		 index >> NTMEM_CHUNK_SHIFT);
	unsigned long chunk = index >> NTMEM_CHUNK_SHIFT;
	unsigned long end = last >> NTMEM_CHUNK_SHIFT;
	unsigned long next = chunk - region->chunk0 + 1;
	void *entry;

	if (end > chunk &&
	    xa_find(&region->tables, &next, end - region->chunk0, XA_PRESENT))
		end = next + region->chunk0 - 1;

	*state = 0;
	if (!mtree_empty(&region->runs)) {
		rcu_read_lock();
		entry = mas_walk(&mas);
		end = min(end, mas.last);
		rcu_read_unlock();
		if (entry)
			*state = xa_to_value(entry);
	}
	return min(last, (end << NTMEM_CHUNK_SHIFT) | (NTMEM_CHUNK_PAGES - 1));
}

/* ------------------------------------------------------------- reading --- */

/* The state of one page. */
u8 ntmem_state_get(struct ntmem_region *region, unsigned long index)
{
	struct ntmem_table *table = ntmem_table_find(region, index);
	unsigned int nr = ntmem_block_nr(index);
	u8 state;

	if (!table)
		return ntmem_run_load(region, index);
	/* Pairs with the release in ntmem_block_mix(). */
	state = smp_load_acquire(&table->state[nr]);
	if (state == NTMEM_S_MIXED)
		state = READ_ONCE(table->block[nr - table->first]
				  ->state[index & NTMEM_BLOCK_MASK]);
	return state;
}

/*
 * Pages of a table from index on whose protection is want: returns the last
 * one, at most last. index itself is one.
 */
static unsigned long ntmem_table_run(const struct ntmem_table *table,
				     unsigned long index, unsigned long last,
				     u8 want)
{
	const u64 ones = 0x0101010101010101ULL;
	unsigned long block = index & ~NTMEM_BLOCK_MASK;
	unsigned int i = index & NTMEM_BLOCK_MASK;
	const struct ntmem_block *b;
	unsigned int nr;
	u8 state;

	for (; block <= last; block += NTMEM_BLOCK_PAGES, i = 0) {
		nr = ntmem_block_nr(block);
		/* NTMEM_S_MIXED, masked, is like no state. */
		while (!(nr % 8) && block + 8 * NTMEM_BLOCK_PAGES <= last + 1 &&
		       (*(const u64 *)&table->state[nr] &
			(NTMEM_S_PROT * ones)) == want * ones) {
			block += 8 * NTMEM_BLOCK_PAGES;
			if (block > last)
				return last;
			nr += 8;
			i = 0;
		}
		state = READ_ONCE(table->state[nr]);
		if (state == NTMEM_S_MIXED) {
			b = table->block[nr - table->first];
			for (; i < NTMEM_BLOCK_PAGES; i++)
				if ((READ_ONCE(b->state[i]) & NTMEM_S_PROT) !=
				    want)
					return min(last, block + i - 1);
		} else if ((state & NTMEM_S_PROT) != want) {
			return block - 1;
		}
	}
	return last;
}

/**
 * ntmem_state_run() - the run of pages that QUERY reports
 * @region: locked at least for reading
 * @index: first page
 * @state: its state
 *
 * Return: the last page of @region in a row with @index whose protection is
 * the same; at least @index, whose state may be another by now: a COMMIT needs
 * the lock for reading only.
 */
unsigned long ntmem_state_run(struct ntmem_region *region, unsigned long index,
			      u8 *state)
{
	unsigned long chunk_end, end, last = ntmem_last(region);
	const unsigned long first = index;
	struct ntmem_table *table;
	u8 want, here;

	*state = ntmem_state_get(region, index);
	want = *state & NTMEM_S_PROT;
	ntmem_stop_point("query_run");
	for (;; index = end + 1) {
		table = ntmem_table_find(region, index);
		if (table) {
			chunk_end = min(last, index | (NTMEM_CHUNK_PAGES - 1));
			end = ntmem_table_run(table, index, chunk_end, want);
			if (end != chunk_end)
				return max(first, end);
		} else {
			end = ntmem_bare(region, index, last, &here);
			if ((here & NTMEM_S_PROT) != want)
				return max(first, index - 1);
		}
		/* Who is killed will not see the answer. */
		if (end == last || fatal_signal_pending(current))
			return end;
		cond_resched();
	}
}

static void ntmem_scan_note(struct ntmem_scan *scan, u8 state, unsigned long nr)
{
	scan->access |= BIT(state & NTMEM_S_ACCESS);
	scan->flags |= state & ~NTMEM_S_ACCESS;
	if (state)
		scan->committed += nr;
	if (state & NTMEM_S_LOCKED)
		scan->locked += nr;
}

static void ntmem_scan_resident(struct ntmem_scan *scan, unsigned long block,
				u16 resident)
{
	if (!scan->resident)
		scan->first_resident = block + __ffs(resident);
	scan->last_resident = block + __fls(resident);
	scan->resident += hweight16(resident);
}

static void ntmem_scan_table(const struct ntmem_table *table,
			     unsigned long index, unsigned long last,
			     struct ntmem_scan *scan)
{
	bool uniform = ntmem_chunk_uniform(table, index, last);
	const struct ntmem_block *block;
	struct ntmem_part part;
	unsigned int i, nr;
	u16 resident;
	u8 state;

	if (uniform) {
		ntmem_scan_note(scan, table->state[0], NTMEM_CHUNK_PAGES);
		if (!table->used)
			return;
	}
	for (; index <= last; index = (index | NTMEM_BLOCK_MASK) + 1) {
		part = ntmem_part(index, last);
		nr = ntmem_block_nr(index);
		state = table->state[nr];
		block = table->block[nr - table->first];
		if (uniform)
			;
		else if (state != NTMEM_S_MIXED)
			ntmem_scan_note(scan, state, part.hi - part.lo + 1);
		else
			for (i = part.lo; i <= part.hi; i++)
				ntmem_scan_note(scan, block->state[i], 1);
		if (!block)
			continue;
		resident = block->resident & ntmem_mask(part.lo, part.hi);
		if (resident)
			ntmem_scan_resident(scan, index & ~NTMEM_BLOCK_MASK,
					    resident);
	}
}

/**
 * ntmem_state_scan() - sum up what is in a range
 * @region: locked for writing, or for reading and state_lock held
 * @first: first page
 * @last: last page, in the region
 * @scan: what was found
 *
 * Sleeps only when the range is big.
 */
void ntmem_state_scan(struct ntmem_region *region, unsigned long first,
		      unsigned long last, struct ntmem_scan *scan)
{
	bool big = ntmem_state_is_big(region, first, last);
	struct ntmem_table *table;
	unsigned long end;
	u8 state;

	memset(scan, 0, sizeof(*scan));
	for (; first <= last; first = end + 1) {
		if (big)
			cond_resched();
		table = ntmem_table_find(region, first);
		if (table) {
			end = min(last, first | (NTMEM_CHUNK_PAGES - 1));
			ntmem_scan_table(table, first, end, scan);
		} else {
			end = ntmem_bare(region, first, last, &state);
			ntmem_scan_note(scan, state, end - first + 1);
		}
	}
}

/* ------------------------------------------------------------ changing --- */

/* May the whole chunks of this range without tables become a run? */
bool ntmem_state_is_big(struct ntmem_region *region, unsigned long first,
			unsigned long last)
{
	return (last >> NTMEM_CHUNK_SHIFT) - (first >> NTMEM_CHUNK_SHIFT) >=
	       NTMEM_BIG_CHUNKS;
}

/*
 * A block that is shared is let go of when all of its pages are; but not what
 * it has recorded of a watched region.
 */
static bool ntmem_has_records(const struct ntmem_region *region,
			      const struct ntmem_table *table,
			      unsigned long index)
{
	const struct ntmem_block *block;

	if (!region->watch)
		return false;
	block = table->block[ntmem_block_nr(index) - table->first];
	return block && block->written;
}

/*
 * Gives [first, last] of one chunk what a change of state needs: a table, own
 * blocks where a part of a block or a mixed one is changed, or one that has
 * records.
 */
static int ntmem_prepare_chunk(struct ntmem_region *region,
			       unsigned long first, unsigned long last,
			       bool write)
{
	struct ntmem_table *table;
	struct ntmem_part part;
	bool partial;
	int err;

	table = ntmem_table_get(region, first, write);
	if (!table)
		return -ENOMEM;
	if (write && region->cow) {
		table = ntmem_unshare_table(region, first);
		if (IS_ERR(table))
			return PTR_ERR(table);
	}
	if (last - first == NTMEM_CHUNK_PAGES - 1 && !region->cow)
		return 0;
	for (; first <= last; first = (first | NTMEM_BLOCK_MASK) + 1) {
		part = ntmem_part(first, last);
		partial = !ntmem_covers_block(region, first, part);
		if (partial && !ntmem_block_get(table, first, write))
			return -ENOMEM;
		if (!write || !region->cow)
			continue;
		if (partial ||
		    table->state[ntmem_block_nr(first)] == NTMEM_S_MIXED ||
		    ntmem_has_records(region, table, first)) {
			err = ntmem_unshare_block(table, first);
			if (err)
				return err;
		}
	}
	return 0;
}

/**
 * ntmem_state_prepare() - allocate all that a change of state will need
 * @region: locked for writing, or for reading if it has no shared tables and
 *	the range is not big
 * @first: first page
 * @last: last page
 * @write: how it is locked
 *
 * Changes no state, but that reclaim may meanwhile have dropped what was reset.
 * A big range gets no tables where whole chunks have none;
 * ntmem_state_store_runs() then stores their state.
 */
int ntmem_state_prepare(struct ntmem_region *region, unsigned long first,
			unsigned long last, bool write)
{
	bool big = ntmem_state_is_big(region, first, last);
	unsigned long end;
	u8 state;
	int err;

	for (; first <= last; first = end + 1) {
		end = min(last, first | (NTMEM_CHUNK_PAGES - 1));
		if (big && !ntmem_table_find(region, first) &&
		    ntmem_covers_chunk(region, first, first, last)) {
			end = ntmem_bare(region, first, last, &state);
			if (end == last &&
			    !ntmem_covers_chunk(region, end, first, last))
				end = (end & ~(NTMEM_CHUNK_PAGES - 1)) - 1;
			continue;
		}
		err = ntmem_prepare_chunk(region, first, end, write);
		if (err)
			return err;
		if (big && fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/**
 * ntmem_state_store_runs() - set the state of a big range's bare chunks
 * @region: locked for writing
 * @first: first page
 * @last: last page
 * @state: new state of all pages, without flags
 *
 * The one part of a change that can fail after ntmem_state_prepare(); so it
 * comes before the others.
 */
int ntmem_state_store_runs(struct ntmem_region *region, unsigned long first,
			   unsigned long last, u8 state)
{
	unsigned long lo = first >> NTMEM_CHUNK_SHIFT;
	unsigned long hi = last >> NTMEM_CHUNK_SHIFT;

	if (!ntmem_state_is_big(region, first, last))
		return 0;
	if (!ntmem_covers_chunk(region, first, first, last))
		lo++;
	if (!ntmem_covers_chunk(region, last, first, last))
		hi--;
	return mtree_store_range(&region->runs, lo, hi,
				 state ? xa_mk_value(state) : NULL,
				 GFP_KERNEL_ACCOUNT);
}

/* From now on the pages' own states rule; they start as the block's. */
static void ntmem_block_mix(struct ntmem_table *table,
			    struct ntmem_block *block, unsigned int nr)
{
	if (table->state[nr] == NTMEM_S_MIXED)
		return;
	memset(block->state, table->state[nr], sizeof(block->state));
	/* Pairs with the acquire in ntmem_state_get(). */
	smp_store_release(&table->state[nr], NTMEM_S_MIXED);
}

/* The state of one page; region->state_lock is held. */
void ntmem_state_set_one(struct ntmem_table *table, struct ntmem_block *block,
			 unsigned long index, u8 state)
{
	ntmem_block_mix(table, block, ntmem_block_nr(index));
	WRITE_ONCE(block->state[index & NTMEM_BLOCK_MASK], state);
}

static void ntmem_set_part(struct ntmem_region *region,
			   struct ntmem_table *table, unsigned long index,
			   struct ntmem_part part,
			   const struct ntmem_change *change)
{
	unsigned int i, nr = ntmem_block_nr(index);
	struct ntmem_block *block = table->block[nr - table->first];
	bool whole = ntmem_covers_block(region, index, part);
	u8 state = table->state[nr];

	if (whole && state != NTMEM_S_MIXED) {
		WRITE_ONCE(table->state[nr], ntmem_changed(change, state));
		return;
	}
	if (whole && change->all && !change->keep) {
		WRITE_ONCE(table->state[nr], change->set);
		return;
	}
	if (state != NTMEM_S_MIXED && ntmem_changed(change, state) == state)
		return;
	ntmem_block_mix(table, block, nr);
	for (i = part.lo; i <= part.hi; i++)
		WRITE_ONCE(block->state[i],
			   ntmem_changed(change, block->state[i]));
	state = block->state[part.lo];
	if (whole && !memchr_inv(block->state + part.lo, state,
				 part.hi - part.lo + 1))
		WRITE_ONCE(table->state[nr], state);
}

/**
 * ntmem_state_set() - change the state of the pages in a range
 * @region: prepared; locked for writing, or for reading and state_lock held
 * @first: first page
 * @last: last page
 * @change: what to do to each
 *
 * Leaves out what has no table. Cannot fail. Sleeps only when the range is big.
 */
void ntmem_state_set(struct ntmem_region *region, unsigned long first,
		     unsigned long last, const struct ntmem_change *change)
{
	bool big = ntmem_state_is_big(region, first, last);
	struct ntmem_table *table;
	unsigned long end;
	u8 state;

	for (; first <= last; first = end + 1) {
		if (big)
			cond_resched();
		table = ntmem_table_find(region, first);
		if (!table) {
			end = ntmem_bare(region, first, last, &state);
			continue;
		}
		end = min(last, first | (NTMEM_CHUNK_PAGES - 1));
		if (ntmem_chunk_uniform(table, first, end)) {
			memset(table->state,
			       ntmem_changed(change, table->state[0]),
			       sizeof(table->state));
			continue;
		}
		for (; first <= end; first = (first | NTMEM_BLOCK_MASK) + 1)
			ntmem_set_part(region, table, first,
				       ntmem_part(first, end), change);
	}
}

/**
 * ntmem_state_prepare_flags() - allocate what a change of flags will need
 * @region: locked for writing, or not yet published
 * @first: first page
 * @last: last page
 * @everywhere: make tables where there are none
 *
 * Only tables hold flags: to set one everywhere makes tables, to clear it
 * passes over what has none. As for the rest like ntmem_state_prepare().
 */
int ntmem_state_prepare_flags(struct ntmem_region *region, unsigned long first,
			      unsigned long last, bool everywhere)
{
	unsigned long index, end;
	int err;

	/* By the chunk, so that no part of it counts as big. */
	for (index = first; index <= last; index = end + 1) {
		end = min(last, index | (NTMEM_CHUNK_PAGES - 1));
		if (!everywhere && !ntmem_table_find(region, index))
			continue;
		err = ntmem_state_prepare(region, index, end, true);
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		if (err)
			return err;
	}
	return 0;
}

/* Changes flags where there are tables; the region is locked likewise. */
int ntmem_state_flag(struct ntmem_region *region, unsigned long first,
		     unsigned long last, const struct ntmem_change *change)
{
	int err = ntmem_state_prepare_flags(region, first, last, false);

	if (!err)
		ntmem_state_set(region, first, last, change);
	return err;
}

/*
 * At the end of a life of a block: if every page was used, the next life
 * begins with all of them in one fault; but every few lives that has to be
 * proved again, so that a block that is used sparsely now is found out.
 */
static void ntmem_block_learn(struct ntmem_block *block, bool full)
{
	if (full && ++block->lives % 16)
		block->window = NTMEM_BLOCK_PAGES;
	else
		block->window = 0;
}

static void ntmem_drop_part(struct ntmem_region *region,
			    struct ntmem_table *table, unsigned long index,
			    struct ntmem_part part)
{
	unsigned int i = ntmem_block_nr(index) - table->first;
	struct ntmem_block *block = table->block[i];
	unsigned long mask;

	if (!block || !block->resident)
		return;
	if (refcount_read(&block->refs) > 1) {
		/* Wholly covered, and nothing recorded: else unshared. */
		table->block[i] = NULL;
		ntmem_block_put(block);
		return;
	}
	mask = block->resident & ntmem_mask(part.lo, part.hi);
	block->resident &= ~mask;
	ntmem_block_learn(block, mask == ntmem_mask(0, NTMEM_BLOCK_MASK));
	for_each_set_bit(i, &mask, NTMEM_BLOCK_PAGES) {
		ntmem_page_put(block->page[i]);
		block->page[i] = NULL;
	}
}

/**
 * ntmem_state_commit() - commit what a heap commits: some blocks of one chunk
 * @region: locked for reading, and state_lock held; nothing is shared
 * @first: first page
 * @last: last page
 * @state: new state, without flags
 *
 * The short way of a scan, a charge and a change of state, for whole blocks
 * that are reserved.
 *
 * Return: 0; what ntmem_charge() says; 1 when this is no such range.
 */
int ntmem_state_commit(struct ntmem_region *region, unsigned long first,
		       unsigned long last, u8 state)
{
	unsigned int lo = ntmem_block_nr(first), hi = ntmem_block_nr(last), nr;
	struct ntmem_table *table;
	int err;

	if ((first & NTMEM_BLOCK_MASK) || (~last & NTMEM_BLOCK_MASK) ||
	    (first ^ last) >> NTMEM_CHUNK_SHIFT)
		return 1;
	table = ntmem_table_find(region, first);
	if (!table)
		return 1;
	for (nr = lo; nr <= hi; nr++)
		if (table->state[nr])
			return 1;
	err = ntmem_charge(region->space, last - first + 1);
	if (err)
		return err;
	for (nr = lo; nr <= hi; nr++)
		WRITE_ONCE(table->state[nr], state);
	region->committed += last - first + 1;
	return 0;
}

/**
 * ntmem_state_protect() - change the protection of some blocks of one chunk
 * @region: locked for writing; nothing is shared
 * @first: first page
 * @last: last page
 * @state: new state, without flags
 * @old: the state of the first page before
 * @scan: what was there
 *
 * The short way of a scan and a change of state, for whole blocks that are
 * committed and each of one state.
 *
 * Return: false when this is no such range, and nothing was changed.
 */
bool ntmem_state_protect(struct ntmem_region *region, unsigned long first,
			 unsigned long last, u8 state, u8 *old,
			 struct ntmem_scan *scan)
{
	unsigned int lo = ntmem_block_nr(first), hi = ntmem_block_nr(last), nr;
	unsigned long index = first;
	struct ntmem_table *table;
	struct ntmem_block *block;

	if ((first & NTMEM_BLOCK_MASK) || (~last & NTMEM_BLOCK_MASK) ||
	    (first ^ last) >> NTMEM_CHUNK_SHIFT)
		return false;
	table = ntmem_table_find(region, first);
	if (!table)
		return false;
	scan->access = 0;
	scan->resident = 0;
	for (nr = lo; nr <= hi; nr++, index += NTMEM_BLOCK_PAGES) {
		if (!table->state[nr] || table->state[nr] & ~NTMEM_S_ACCESS)
			return false;
		scan->access |= BIT(table->state[nr]);
		block = table->block[nr - table->first];
		if (block && block->resident)
			ntmem_scan_resident(scan, index, block->resident);
	}
	*old = table->state[lo];
	for (nr = lo; nr <= hi; nr++)
		WRITE_ONCE(table->state[nr], state);
	return true;
}

/**
 * ntmem_state_decommit() - take back what is in a part of one block
 * @region: locked for writing; nothing is shared
 * @first: first page
 * @last: last page
 * @scan: what was there
 * @pages: the pages that were there, @scan->resident of them; the caller has
 *	their references
 *
 * The short way of a scan, a change of state and a drop.
 *
 * Return: false when this is no whole block of one state.
 */
bool ntmem_state_decommit(struct ntmem_region *region, unsigned long first,
			  unsigned long last, struct ntmem_scan *scan,
			  struct page **pages)
{
	unsigned int i, nr = ntmem_block_nr(first);
	struct ntmem_table *table;
	struct ntmem_block *block;
	unsigned long mask;
	u8 state;

	if ((first & NTMEM_BLOCK_MASK) || last - first != NTMEM_BLOCK_MASK)
		return false;
	table = ntmem_table_find(region, first);
	if (!table)
		return false;
	state = table->state[nr];
	if (state & ~NTMEM_S_ACCESS)
		return false;
	memset(scan, 0, sizeof(*scan));
	if (!state)
		return true;
	scan->committed = NTMEM_BLOCK_PAGES;
	block = table->block[nr - table->first];
	if (block && block->resident) {
		mask = block->resident;
		ntmem_scan_resident(scan, first, mask);
		block->resident = 0;
		ntmem_block_learn(block, mask == U16_MAX);
		for_each_set_bit(i, &mask, NTMEM_BLOCK_PAGES) {
			*pages++ = block->page[i];
			block->page[i] = NULL;
		}
	}
	WRITE_ONCE(table->state[nr], 0);
	return true;
}

/**
 * ntmem_state_drop() - forget the pages in a range
 * @region: prepared and locked for writing
 * @first: first page
 * @last: last page
 */
void ntmem_state_drop(struct ntmem_region *region, unsigned long first,
		      unsigned long last)
{
	struct ntmem_table *table;
	unsigned long end;
	u8 state;

	for (; first <= last; first = end + 1) {
		table = ntmem_table_find(region, first);
		if (!table) {
			end = ntmem_bare(region, first, last, &state);
			continue;
		}
		end = min(last, first | (NTMEM_CHUNK_PAGES - 1));
		if (!table->used)
			continue;
		for (; first <= end; first = (first | NTMEM_BLOCK_MASK) + 1)
			ntmem_drop_part(region, table, first,
					ntmem_part(first, end));
		cond_resched();
	}
}
