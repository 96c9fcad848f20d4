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
#include <linux/smp.h>
#include <linux/version.h>
#include <net/genetlink.h>
#include <asm/tlbflush.h>

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

/* Has a process denied itself new executable memory, with PR_SET_MDWE? */
static inline bool ntmem_denies_exec(const struct mm_struct *mm)
{
#ifdef MMF_HAS_MDWE
	return test_bit(MMF_HAS_MDWE, &mm->flags);
#else
	return false;
#endif
}

/* Only with memory cgroups does a mm know a process that has it. */
#define NTMEM_HAS_OWNERS	IS_ENABLED(CONFIG_MEMCG)

/* One of the processes that have the mm, or NULL; RCU is held. */
static inline struct task_struct *ntmem_mm_owner(const struct mm_struct *mm)
{
#ifdef CONFIG_MEMCG
	return rcu_dereference(mm->owner);
#else
	return NULL;
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

/* The attributes of the request that a dump answers. */
static inline struct nlattr **ntmem_dump_attrs(const struct genl_dumpit_info *info)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
	return info->attrs;
#else
	return info->info.attrs;
#endif
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline unsigned long ntmem_shrinker_idle(struct shrinker *shrinker,
						struct shrink_control *sc)
{
	return SHRINK_EMPTY;
}

/* Registered already, as only that gives it a number: it is idle until then. */
static inline struct shrinker *shrinker_alloc(unsigned int flags,
					      const char *name)
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	if (!shrinker)
		return NULL;
	shrinker->flags = flags;
	shrinker->count_objects = ntmem_shrinker_idle;
	shrinker->scan_objects = ntmem_shrinker_idle;
	if (register_shrinker(shrinker, "%s", name)) {
		kfree(shrinker);
		return NULL;
	}
	return shrinker;
}

static inline void shrinker_register(struct shrinker *shrinker)
{
}

static inline void shrinker_free(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(shrinker);
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
static inline bool list_lru_add_obj(struct list_lru *lru,
				    struct list_head *item)
{
	return list_lru_add(lru, item);
}

static inline bool list_lru_del_obj(struct list_lru *lru,
				    struct list_head *item)
{
	return list_lru_del(lru, item);
}
#endif

static inline void ntmem_flush_this_cpu(void *unused)
{
	__flush_tlb_all();
}

/*
 * flush_tlb_mm(), which modules do not have: a CPU that has used the mm before
 * flushes what it has of it when it comes back and sees another generation; one
 * that uses it now is in its mask, and told. The increment is the barrier that
 * switch_mm() wants between the changed PTEs and the look at the mask.
 */
static inline void ntmem_flush_tlb(struct mm_struct *mm)
{
	atomic64_inc_return(&mm->context.tlb_gen);
	on_each_cpu_mask(mm_cpumask(mm), ntmem_flush_this_cpu, NULL, true);
}

#endif
