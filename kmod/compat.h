/* SPDX-License-Identifier: GPL-2.0 */
/* Every difference between the kernels that ntmem builds for lives here. */
#ifndef NTMEM_COMPAT_H
#define NTMEM_COMPAT_H

#include <linux/fs.h>
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
 * A shrinker whose callbacks do not look at it: allocated and registered by
 * the core since 6.7, a static object before.
 */
static inline struct shrinker *
ntmem_shrinker_register(unsigned long (*count)(struct shrinker *shrinker,
					       struct shrink_control *sc),
			unsigned long (*scan)(struct shrinker *shrinker,
					      struct shrink_control *sc))
{
	struct shrinker *shrinker;

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);
	if (!shrinker)
		return NULL;
#else
	shrinker = shrinker_alloc(0, "ntmem");
	if (!shrinker)
		return NULL;
#endif
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->seeks = DEFAULT_SEEKS;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	if (register_shrinker(shrinker, "ntmem")) {
		kfree(shrinker);
		return NULL;
	}
#else
	shrinker_register(shrinker);
#endif
	return shrinker;
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
