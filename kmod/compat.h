/* SPDX-License-Identifier: GPL-2.0 */
/* Every difference between the kernels that ntmem builds for lives here. */
#ifndef NTMEM_COMPAT_H
#define NTMEM_COMPAT_H

#include <linux/fs.h>
#include <linux/list_lru.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/sched/coredump.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	mmap_assert_write_locked(vma->vm_mm);
	vma->vm_flags |= flags;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
static inline pte_t pte_mkwrite_novma(pte_t pte)
{
	return pte_mkwrite(pte);
}
#endif

/* Has the caller denied itself new executable memory, with PR_SET_MDWE? */
static inline bool ntmem_denies_exec(void)
{
#ifdef MMF_HAS_MDWE
	return test_bit(MMF_HAS_MDWE, &current->mm->flags);
#else
	return false;
#endif
}

static inline int ntmem_notify_change(struct dentry *dentry, struct iattr *attr)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	return notify_change(&init_user_ns, dentry, attr, NULL);
#else
	return notify_change(&nop_mnt_idmap, dentry, attr, NULL);
#endif
}

/*
 * A shrinker of what is on a list by memory cgroup and node, which this makes
 * as well. The core allocates and registers it in two steps since 6.7; before,
 * it may call from the first on, when the list is not there yet.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline unsigned long ntmem_shrinker_idle(struct shrinker *shrinker,
						struct shrink_control *sc)
{
	return SHRINK_EMPTY;
}

static inline struct shrinker *
ntmem_shrinker_register(struct list_lru *lru,
			unsigned long (*count)(struct shrinker *shrinker,
					       struct shrink_control *sc),
			unsigned long (*scan)(struct shrinker *shrinker,
					      struct shrink_control *sc))
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	if (!shrinker)
		return NULL;
	shrinker->flags = SHRINKER_MEMCG_AWARE | SHRINKER_NUMA_AWARE;
	shrinker->count_objects = ntmem_shrinker_idle;
	shrinker->scan_objects = scan;
	shrinker->seeks = DEFAULT_SEEKS;
	if (register_shrinker(shrinker, "ntmem"))
		goto free;
	if (list_lru_init_memcg(lru, shrinker))
		goto unregister;
	/* Who counts sees the list that was just made. */
	smp_store_release(&shrinker->count_objects, count);
	return shrinker;
unregister:
	unregister_shrinker(shrinker);
free:
	kfree(shrinker);
	return NULL;
}
#else
static inline struct shrinker *
ntmem_shrinker_register(struct list_lru *lru,
			unsigned long (*count)(struct shrinker *shrinker,
					       struct shrink_control *sc),
			unsigned long (*scan)(struct shrinker *shrinker,
					      struct shrink_control *sc))
{
	struct shrinker *shrinker;

	shrinker = shrinker_alloc(SHRINKER_MEMCG_AWARE | SHRINKER_NUMA_AWARE,
				  "ntmem");
	if (!shrinker)
		return NULL;
	if (list_lru_init_memcg(lru, shrinker)) {
		shrinker_free(shrinker);
		return NULL;
	}
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->seeks = DEFAULT_SEEKS;
	shrinker_register(shrinker);
	return shrinker;
}
#endif

/* @item is in memory that was allocated for @lru. */
static inline bool ntmem_lru_add(struct list_lru *lru, struct list_head *item)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	return list_lru_add(lru, item);
#else
	return list_lru_add_obj(lru, item);
#endif
}

static inline bool ntmem_lru_del(struct list_lru *lru, struct list_head *item)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	return list_lru_del(lru, item);
#else
	return list_lru_del_obj(lru, item);
#endif
}

static inline void ntmem_shrinker_free(struct shrinker *shrinker)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	unregister_shrinker(shrinker);
	kfree(shrinker);
#else
	shrinker_free(shrinker);
#endif
}

#endif
