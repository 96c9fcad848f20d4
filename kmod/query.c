// SPDX-License-Identifier: GPL-2.0
/*
 * QUERY and INFO: what user space may know. QUERY of a reservation takes no
 * lock but the region's, for reading; only outside of reservations does it
 * look at the VMAs, under mmap_lock.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include "compat.h"
#include "ntmem.h"
#include "test.h"

/* The run of pages from index on that look alike, or one page; its last one. */
static unsigned long ntmem_query_run(struct ntmem_region *region,
				     unsigned long index, u32 flags, u8 *state)
{
	if (!(flags & NTMEM_QUERY_PAGE))
		return region->segment ?
		       ntmem_view_run(region, index, state) :
		       ntmem_state_run(region, index, state);
	*state = ntmem_state_get(region, index);
	if (region->segment)
		*state = ntmem_view_state(region, index, *state);
	return index;
}

static u32 ntmem_query_marks(struct ntmem_region *region, unsigned long index,
			     u8 state)
{
	u32 marks = state & NTMEM_S_LOCKED ? NTMEM_MARK_LOCKED : 0;

	if (state && region->segment && !ntmem_view_is_own(region, index))
		marks |= NTMEM_MARK_SHARED;
	return marks;
}

/* What lies at query->base; the region is locked. */
void ntmem_query_region(struct ntmem_region *region, struct ntmem_query *query)
{
	unsigned long index = query->base >> PAGE_SHIFT, last;
	u8 state;

	last = ntmem_query_run(region, index, query->flags, &state);
	if (query->flags & NTMEM_QUERY_PAGE)
		query->marks = ntmem_query_marks(region, index, state);
	query->alloc_base = region->start;
	query->size = ((last + 1) << PAGE_SHIFT) - query->base;
	query->alloc_prot = region->alloc_prot;
	query->state = state ? NTMEM_STATE_COMMIT : NTMEM_STATE_RESERVE;
	query->prot = state ? ntmem_state_to_prot(region, state) : 0;
	query->type = region->segment ? NTMEM_TYPE_MAPPED :
					NTMEM_TYPE_PRIVATE;
}

static u32 ntmem_foreign_prot(const struct vm_area_struct *vma)
{
	static const u32 prot[8] = {
		NTMEM_PAGE_NOACCESS, NTMEM_PAGE_READONLY,
		NTMEM_PAGE_READWRITE, NTMEM_PAGE_READWRITE,
		NTMEM_PAGE_EXECUTE, NTMEM_PAGE_EXECUTE_READ,
		NTMEM_PAGE_EXECUTE_READWRITE, NTMEM_PAGE_EXECUTE_READWRITE,
	};

	return prot[vma->vm_flags & (VM_READ | VM_WRITE | VM_EXEC)];
}

static void ntmem_query_foreign(const struct vm_area_struct *vma,
				struct ntmem_query *query, unsigned long top)
{
	if (query->base > top)
		top = vma->vm_end - 1;
	query->alloc_base = vma->vm_start;
	query->size = min(vma->vm_end - 1, top) + 1 - query->base;
	query->state = NTMEM_STATE_FOREIGN;
	query->prot = ntmem_foreign_prot(vma);
	query->alloc_prot = query->prot;
	if (vma->vm_file && vma->vm_flags & VM_EXEC)
		query->type = NTMEM_TYPE_IMAGE;
	else if (vma->vm_file || vma->vm_flags & VM_SHARED)
		query->type = NTMEM_TYPE_MAPPED;
	else
		query->type = NTMEM_TYPE_PRIVATE;
}

/* First byte behind addr of a reservation, or behind top. */
static unsigned long ntmem_next_region(struct ntmem_space *space,
				       unsigned long addr, unsigned long top)
{
	struct ntmem_region *region;
	unsigned long next;

	if (addr > top)
		return ULONG_MAX;
	region = ntmem_region_next(space, addr, top + 1);
	if (!region)
		return top + 1;
	next = max(region->start, addr);
	ntmem_region_put(region);
	return next;
}

/*
 * An address in no reservation: free, or somebody else's mapping; -EAGAIN when
 * it has just been reserved.
 */
static int ntmem_query_outside(struct ntmem_space *space,
			       struct ntmem_query *query, unsigned long top)
{
	unsigned long addr = query->base;
	unsigned long next = ntmem_next_region(space, addr, top);
	struct mm_struct *mm = space->mm;
	struct vm_area_struct *vma;
	int err = 0;

	if (next == addr)
		return -EAGAIN;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	for (vma = find_vma(mm, addr); vma; vma = find_vma(mm, vma->vm_end)) {
		if (vma->vm_start >= next || !ntmem_is_ours(space, vma))
			break;
		cond_resched();
	}
	if (vma && vma->vm_start <= addr) {
		ntmem_query_foreign(vma, query, top);
	} else if (addr > top) {
		err = -EINVAL;
	} else {
		if (vma && vma->vm_start < next)
			next = vma->vm_start;
		query->alloc_base = 0;
		query->alloc_prot = 0;
		query->size = next - addr;
		query->state = NTMEM_STATE_FREE;
		query->prot = NTMEM_PAGE_NOACCESS;
		query->type = 0;
	}
	mmap_read_unlock(mm);
	return err;
}

int ntmem_query(struct ntmem_space *space, struct ntmem_query *query)
{
	struct ntmem_region *region;
	int err;

	if (query->flags & ~NTMEM_QUERY_PAGE || query->marks)
		return -EINVAL;
	query->base = query->addr & PAGE_MASK;
	do {
		region = ntmem_region_lock(space, query->base, false);
		if (likely(region)) {
			ntmem_query_region(region, query);
			ntmem_region_unlock(region, false);
			return 0;
		}
		ntmem_stop_point("query_outside");
		err = ntmem_query_outside(space, query, space->top);
	} while (err == -EAGAIN);
	return err;
}

static u64 ntmem_counter_bytes(const atomic_long_t *counter)
{
	return (u64)atomic_long_read(counter) << PAGE_SHIFT;
}

void ntmem_info(struct ntmem_space *space, struct ntmem_info *info)
{
	*info = (struct ntmem_info){
		.version = NTMEM_API_VERSION,
		.features = NTMEM_FEATURE_BATCH | NTMEM_FEATURE_COW_FORK |
			    NTMEM_FEATURE_RESET | NTMEM_FEATURE_WATCH |
			    NTMEM_FEATURE_PLACEHOLDER | NTMEM_FEATURE_SECTION |
			    NTMEM_FEATURE_LIMIT |
			    NTMEM_FEATURE_PLAIN |
			    (NTMEM_HAS_OWNERS ? NTMEM_FEATURE_REMOTE : 0),
		.page_size = PAGE_SIZE,
		.granularity = READ_ONCE(space->granularity),
		.min_address = max(NTMEM_MIN_ADDRESS,
				   READ_ONCE(space->granularity)),
		.max_address = space->top,
		.commit_limit = ntmem_bytes(READ_ONCE(ntmem_commit_limit)),
		.user_limit = ntmem_bytes(READ_ONCE(ntmem_user_limit)),
		.space_limit = ntmem_bytes(ntmem_space_limit_of(space)),
		.committed = (u64)ntmem_charged() << PAGE_SHIFT,
		.user_committed = ntmem_counter_bytes(&space->user->committed),
		.space_committed = ntmem_counter_bytes(&space->committed),
		.space_reserved = ntmem_counter_bytes(&space->reserved),
		.resident = (u64)ntmem_pages_resident() << PAGE_SHIFT,
		.spaces = ntmem_space_count(),
	};
}
