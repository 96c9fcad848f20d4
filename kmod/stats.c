// SPDX-License-Identifier: GPL-2.0
/*
 * What has happened, in each space and in all: counters by CPU, so that a fault
 * pays two increments; whose a space is; and who may know. All spaces have a number, by
 * which a look at all of them goes on where it was.
 */
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/coredump.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "compat.h"
#include "ntmem.h"
#include "stats.h"
#include "test.h"

static DEFINE_XARRAY_ALLOC1(ntmem_space_ids);
static u32 ntmem_next_id;

/* A sum over spaces would miss those that are just ending, or count them twice. */
DEFINE_PER_CPU(struct ntmem_counts, ntmem_counts_of_all);

static DEFINE_SPINLOCK(ntmem_identify_lock);	/* a space's first pid, uid */

/* ---------------------------------------------------------------- numbers --- */

int ntmem_stats_make(struct ntmem_space *space)
{
	int err;

	space->counts = alloc_percpu_gfp(struct ntmem_counts,
					 GFP_KERNEL_ACCOUNT);
	if (!space->counts)
		return -ENOMEM;
	err = xa_alloc_cyclic(&ntmem_space_ids, &space->id, space, xa_limit_32b,
			      &ntmem_next_id, GFP_KERNEL_ACCOUNT);
	if (err >= 0)
		return 0;
	free_percpu(space->counts);
	return -ENOMEM;
}

void ntmem_stats_free(struct ntmem_space *space)
{
	xa_erase(&ntmem_space_ids, space->id);
	free_percpu(space->counts);
	put_pid(space->pid);
}

/**
 * ntmem_space_after() - the next of all spaces
 * @id: number that is not to come again; 0 to begin
 *
 * Return: the space with the lowest number above, with a reference; NULL where
 * there is none. A space that is there all the time comes once.
 */
struct ntmem_space *ntmem_space_after(u32 id)
{
	unsigned long index = id;
	struct ntmem_space *space;

	/* Under its lock nobody is erased, and so nobody freed. */
	xa_lock(&ntmem_space_ids);
	do {
		space = xa_find_after(&ntmem_space_ids, &index, U32_MAX,
				      XA_PRESENT);
	} while (space && !refcount_inc_not_zero(&space->refs));
	xa_unlock(&ntmem_space_ids);
	return space;
}

/* --------------------------------------------------------------- counters --- */

/* How often that has happened in a space. */
unsigned long ntmem_counted(const struct ntmem_space *space,
			    enum ntmem_count what)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(space->counts, cpu)->nr[what]);
	return sum;
}

/* The pages of a block that are there, from first to last. */
static unsigned int ntmem_block_resident(const struct ntmem_block *block,
					 unsigned long index,
					 unsigned long first,
					 unsigned long last)
{
	u16 mask = READ_ONCE(block->resident);

	if (index < first)
		mask &= U16_MAX << min(first - index, NTMEM_BLOCK_PAGES);
	if (index + NTMEM_BLOCK_MASK > last)
		mask &= index > last ? 0 : BIT(last - index + 1) - 1;
	return hweight16(mask);
}

/* Of a region, which is locked for reading at least, first to last page. */
static unsigned long ntmem_region_resident(struct ntmem_region *region,
					   unsigned long first,
					   unsigned long last)
{
	unsigned long chunk, pages = 0;
	struct ntmem_table *table;
	struct ntmem_block *block;
	unsigned int i;

	xa_for_each_range(&region->tables, chunk, table,
			  (first >> NTMEM_CHUNK_SHIFT) - region->chunk0,
			  (last >> NTMEM_CHUNK_SHIFT) - region->chunk0) {
		for (i = 0; i < table->nr; i++) {
			block = READ_ONCE(table->block[i]);
			if (block)
				pages += ntmem_block_resident(block,
						ntmem_block_first(table, i),
						first, last);
		}
		cond_resched();
	}
	return pages;
}

/* Pages that are locked at once to be counted: others wait for so long. */
#define NTMEM_COUNT_BYTES	(1UL << 30)

/**
 * ntmem_resident() - count the pages that are there
 * @space: of which
 * @addr: first byte
 * @end: byte behind the last
 *
 * What is shared after fork counts for each who has it. What comes or goes
 * meanwhile may be missed or counted. Ends early for a fatal signal.
 *
 * Return: pages.
 */
unsigned long ntmem_resident(struct ntmem_space *space, unsigned long addr,
			     unsigned long end)
{
	unsigned long pages = 0, stop;
	struct ntmem_region *region;

	while (addr < end && !fatal_signal_pending(current)) {
		cond_resched();
		region = ntmem_region_lock(space, addr, false);
		if (region) {
			stop = min(region->end, end);
			if (stop - addr > NTMEM_COUNT_BYTES)
				stop = addr + NTMEM_COUNT_BYTES;
			pages += ntmem_region_resident(region,
						       addr >> PAGE_SHIFT,
						       (stop - 1) >> PAGE_SHIFT);
			ntmem_region_unlock(region, false);
			addr = stop;
			continue;
		}
		region = ntmem_region_next(space, addr, end);
		if (!region)
			break;
		addr = max(addr, region->start);
		ntmem_region_put(region);
	}
	return pages;
}

void ntmem_stats_of(struct ntmem_space *space, struct ntmem_stats *stats)
{
	unsigned int i;

	stats->spaces++;
	stats->reserved += atomic_long_read(&space->reserved);
	stats->committed += atomic_long_read(&space->committed);
	stats->locked += atomic_long_read(&space->locked);
	for (i = 0; i < NTMEM_NR_COUNTS; i++)
		stats->nr[i] += ntmem_counted(space, i);
}

/* What has happened in all spaces, those included that are gone. */
void ntmem_stats_happened(struct ntmem_stats *stats)
{
	const struct ntmem_counts *counts;
	unsigned int i;
	int cpu;

	memset(stats->nr, 0, sizeof(stats->nr));
	for_each_possible_cpu(cpu) {
		counts = per_cpu_ptr(&ntmem_counts_of_all, cpu);
		for (i = 0; i < NTMEM_NR_COUNTS; i++)
			stats->nr[i] += READ_ONCE(counts->nr[i]);
	}
}

/* -------------------------------------------------------------- who it is --- */

static struct pid *ntmem_owner_pid(struct ntmem_space *space, kuid_t *uid)
{
	struct task_struct *owner;
	struct pid *pid = NULL;

	rcu_read_lock();
	owner = ntmem_mm_owner(space->mm);
	if (owner) {
		*uid = task_cred_xxx(owner, euid);
		pid = get_pid(task_tgid(owner));
	}
	rcu_read_unlock();
	return pid;
}

/**
 * ntmem_space_identify() - learn whose a space is
 * @space: any; that of a child has no process yet when fork makes it
 *
 * Return: true for the one caller that was first to know.
 */
bool ntmem_space_identify(struct ntmem_space *space)
{
	struct pid *pid;
	bool first;
	kuid_t uid;

	if (READ_ONCE(space->pid))
		return false;
	pid = ntmem_owner_pid(space, &uid);
	if (!pid)
		return false;
	ntmem_spin_point("space_identify");
	spin_lock(&ntmem_identify_lock);
	first = !space->pid;
	if (first) {
		space->uid = uid;
		/* Pairs with ntmem_space_visible(). */
		smp_store_release(&space->pid, pid);
	}
	spin_unlock(&ntmem_identify_lock);
	if (!first)
		put_pid(pid);
	return first;
}

/*
 * As in /proc: what is one's own, in the same user namespace, unless its addresses
 * are to be kept from who started it.
 */
bool ntmem_mm_visible(const struct mm_struct *mm, kuid_t uid,
		      const struct ntmem_asker *asker)
{
	return asker->all ||
	       (uid_eq(uid, asker->uid) && mm->user_ns == asker->user_ns &&
		__get_dumpable(mm->flags) == SUID_DUMP_USER);
}

bool ntmem_space_visible(struct ntmem_space *space,
			 const struct ntmem_asker *asker)
{
	/* The process before the uid, which is there by then. */
	return smp_load_acquire(&space->pid) &&
	       ntmem_mm_visible(space->mm, space->uid, asker);
}
