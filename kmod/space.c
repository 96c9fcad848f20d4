// SPDX-License-Identifier: GPL-2.0
/*
 * Spaces: one per mm, found or made when the device is opened or a fork
 * brings VMAs; and the VMA operations, by which a space learns what the core
 * does to its mappings.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "compat.h"
#include "event.h"
#include "ntmem.h"
#include "test.h"

#define NTMEM_MAGIC	0x6d656d74	/* of the pseudo file system */
#define NTMEM_HASH_BITS	8

static struct vfsmount *ntmem_mount;

/* All spaces by mm, and the lock of both. */
static DEFINE_MUTEX(ntmem_spaces_lock);
static struct hlist_head ntmem_spaces[1 << NTMEM_HASH_BITS];
static atomic_long_t ntmem_nr_spaces;

unsigned long ntmem_space_count(void)
{
	return atomic_long_read(&ntmem_nr_spaces);
}

/* -------------------------------------------------- what the core does --- */

/*
 * A VMA comes into being as a copy: by fork, in another mm; or by a split or
 * mremap, in ours.
 */
static void ntmem_vma_open(struct vm_area_struct *vma)
{
	struct ntmem_space *space = vma->vm_private_data;

	if (!space)
		return;
	if (vma->vm_mm != space->mm)
		ntmem_fork_vma(vma);
	else
		ntmem_space_get(space);
}

static bool ntmem_is_remap(const struct ntmem_space *space,
			   const struct vm_area_struct *vma)
{
	return READ_ONCE(space->remap_task) == current &&
	       vma->vm_start >= space->remap_start &&
	       vma->vm_end <= space->remap_end;
}

static void ntmem_vma_close(struct vm_area_struct *vma)
{
	struct ntmem_space *space = vma->vm_private_data;

	if (!space)
		return;
	if (!ntmem_is_remap(space, vma))
		ntmem_regions_unmapped(space, vma->vm_start, vma->vm_end);
	/* A handle may keep the space for long after its process. */
	if (mtree_empty(&space->regions))
		ntmem_spare_free(space);
	if (!atomic_read(&vma->vm_mm->mm_users))
		ntmem_reasons_free(space);
	ntmem_space_put(space);
}

/* User space may unmap reservations, but tear none. */
static int ntmem_vma_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	struct ntmem_space *space = vma->vm_private_data;
	struct ntmem_region *region;
	int err = 0;

	if (!space)
		return 0;
	rcu_read_lock();
	region = mtree_load(&space->regions, addr);
	if (region && region->start < addr)
		err = -EINVAL;
	rcu_read_unlock();
	return err;
}

static int ntmem_vma_mremap(struct vm_area_struct *vma)
{
	return -EINVAL;
}

static int ntmem_vma_mprotect(struct vm_area_struct *vma, unsigned long start,
			      unsigned long end, unsigned long flags)
{
	return -EACCES;
}

/*
 * Nothing to map around a fault that ->fault would not do better; but that it
 * is there tells kernels with per-VMA locks that faults need no mmap_lock.
 */
static vm_fault_t ntmem_vma_map_pages(struct vm_fault *vmf, pgoff_t start,
				      pgoff_t end)
{
	return 0;
}

const struct vm_operations_struct ntmem_vm_ops = {
	.open = ntmem_vma_open,
	.close = ntmem_vma_close,
	.may_split = ntmem_vma_may_split,
	.mremap = ntmem_vma_mremap,
	.mprotect = ntmem_vma_mprotect,
	.fault = ntmem_fault,
	.map_pages = ntmem_vma_map_pages,
	.page_mkwrite = ntmem_page_mkwrite,
};

/*
 * Only ntmem itself maps the file: no descriptor of it exists, and what
 * remap_file_pages(2) asks for, another offset above all, is refused. The VMA is
 * one of ordinary pages that nobody may grow or copy at fork. VM_SEQ_READ spares
 * the core from noting accesses to pages that no reclaim ever ages.
 */
static int ntmem_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ntmem_space *space = ntmem_space_find(current->mm);

	if (!space)
		return -EIO;
	if (READ_ONCE(space->map_task) != current) {
		ntmem_space_put(space);
		return -EINVAL;
	}
	vm_flags_set(vma, VM_MIXEDMAP | VM_DONTEXPAND | VM_WIPEONFORK |
			  VM_SEQ_READ | (space->map_nofork ? VM_DONTCOPY : 0));
	vma->vm_ops = &ntmem_vm_ops;
	vma->vm_private_data = space;
	return 0;
}

static const struct file_operations ntmem_file_fops = {
	.owner = THIS_MODULE,
	.mmap = ntmem_file_mmap,
	.fsync = noop_fsync,
};

/* For an address_space of one's own. */
struct inode *ntmem_inode_make(void)
{
	return alloc_anon_inode(ntmem_mount->mnt_sb);
}

/*
 * The pseudo file of a new space. Link count 0 makes core dumps take what it
 * maps for the anonymous memory that it is.
 */
static struct file *ntmem_file_make(void)
{
	struct inode *inode;
	struct file *file;

	if (!try_module_get(THIS_MODULE))
		return ERR_PTR(-ENODEV);
	inode = ntmem_inode_make();
	if (IS_ERR(inode)) {
		module_put(THIS_MODULE);
		return ERR_CAST(inode);
	}
	clear_nlink(inode);
	file = alloc_file_pseudo(inode, ntmem_mount, "ntmem", O_RDWR,
				 &ntmem_file_fops);
	if (IS_ERR(file)) {
		iput(inode);
		module_put(THIS_MODULE);
	}
	return file;
}

/* ----------------------------------------------------------------- spaces --- */

static struct hlist_head *ntmem_bucket(const struct mm_struct *mm)
{
	return &ntmem_spaces[hash_ptr(mm, NTMEM_HASH_BITS)];
}

static struct ntmem_space *ntmem_space_find_locked(const struct mm_struct *mm)
{
	struct ntmem_space *space;

	hlist_for_each_entry(space, ntmem_bucket(mm), node)
		if (space->mm == mm && refcount_inc_not_zero(&space->refs))
			return space;
	return NULL;
}

/* The space of an mm, with a reference, or NULL. */
struct ntmem_space *ntmem_space_find(struct mm_struct *mm)
{
	struct ntmem_space *space;

	mutex_lock(&ntmem_spaces_lock);
	space = ntmem_space_find_locked(mm);
	mutex_unlock(&ntmem_spaces_lock);
	return space;
}

/**
 * ntmem_space_make() - a new space, to be found by its mm
 * @mm: whose
 * @file: what its VMAs map; taken over when this succeeds
 *
 * Return: the space, with one reference; NULL without memory.
 */
struct ntmem_space *ntmem_space_make(struct mm_struct *mm, struct file *file)
{
	struct ntmem_space *space;

	space = kzalloc(sizeof(*space), GFP_KERNEL_ACCOUNT);
	if (!space)
		return NULL;
	space->user = ntmem_user_get();
	if (!space->user)
		goto free;
	mmgrab(mm);
	space->mm = mm;
	space->file = file;
	refcount_set(&space->refs, 1);
	mt_init_flags(&space->regions, MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU);
	mutex_init(&space->map_lock);
	mutex_init(&space->arena_lock);
	INIT_LIST_HEAD(&space->arenas);
	spin_lock_init(&space->reason_lock);
	INIT_LIST_HEAD(&space->reasons);
	spin_lock_init(&space->spare_lock);
	space->top = ntmem_top(mm);
	space->granularity = READ_ONCE(ntmem_granularity);
	space->limit = ULONG_MAX;
	/* From here on it can be found. */
	if (ntmem_stats_make(space))
		goto drop;
	atomic_long_inc(&ntmem_nr_spaces);
	return space;

drop:
	mmdrop(mm);
	ntmem_user_put(space->user);
free:
	kfree(space);
	return NULL;
}

/* Makes a space findable. */
void ntmem_space_publish(struct ntmem_space *space)
{
	mutex_lock(&ntmem_spaces_lock);
	hlist_add_head(&space->node, ntmem_bucket(space->mm));
	mutex_unlock(&ntmem_spaces_lock);
}

/*
 * The space of the caller, with a reference. The memory of a new one is not
 * waited for with the lock held, which is everybody's.
 */
struct ntmem_space *ntmem_space_open(void)
{
	struct ntmem_space *space, *new;
	struct file *file;

	if (!current->mm)
		return ERR_PTR(-EINVAL);
	space = ntmem_space_find(current->mm);
	if (space)
		return space;
	file = ntmem_file_make();
	if (IS_ERR(file))
		return ERR_CAST(file);
	new = ntmem_space_make(current->mm, file);
	if (!new) {
		fput(file);
		return ERR_PTR(-ENOMEM);
	}
	ntmem_stop_point("space_add");
	mutex_lock(&ntmem_spaces_lock);
	space = ntmem_space_find_locked(current->mm);
	if (!space)
		hlist_add_head(&new->node, ntmem_bucket(new->mm));
	mutex_unlock(&ntmem_spaces_lock);
	if (!space) {
		ntmem_space_seen(new);
		return new;
	}
	/* Another thread was faster. */
	ntmem_space_put(new);
	return space;
}

static void ntmem_space_free(struct ntmem_space *space)
{
	ntmem_stop_point("space_free");
	ntmem_tell(space, NTMEM_EVENT_GONE, 0, 0);
	WARN_ON_ONCE(!mtree_empty(&space->regions));
	WARN_ON_ONCE(atomic_long_read(&space->committed));
	mtree_destroy(&space->regions);
	ntmem_arenas_free(space);
	ntmem_reasons_free(space);
	ntmem_spare_free(space);
	ntmem_stats_free(space);
	ntmem_user_put(space->user);
	fput(space->file);
	mmdrop(space->mm);
	kfree(space);
	atomic_long_dec(&ntmem_nr_spaces);
	ntmem_charge_idle();
}

void ntmem_space_put(struct ntmem_space *space)
{
	if (!refcount_dec_and_mutex_lock(&space->refs, &ntmem_spaces_lock))
		return;
	hlist_del_init(&space->node);
	mutex_unlock(&ntmem_spaces_lock);
	ntmem_space_free(space);
}

/* ------------------------------------------------------------------- init --- */

static int ntmem_init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, NTMEM_MAGIC) ? 0 : -ENOMEM;
}

/* Without an owner: our own mount must not keep the module from unloading. */
static struct file_system_type ntmem_fs_type = {
	.name = "ntmem",
	.init_fs_context = ntmem_init_fs_context,
	.kill_sb = kill_anon_super,
};

int ntmem_space_init(void)
{
	ntmem_mount = kern_mount(&ntmem_fs_type);
	return PTR_ERR_OR_ZERO(ntmem_mount);
}

void ntmem_space_exit(void)
{
	kern_unmount(ntmem_mount);
}
