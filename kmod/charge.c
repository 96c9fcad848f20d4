// SPDX-License-Identifier: GPL-2.0
/*
 * Commit is a promise, and this is who counts the promises: the system, each
 * user and each space, in pages, each exactly. The first touch of a page is
 * not charged here; its memory is, to the memory cgroup.
 *
 * The total also appears in the kernel's own Committed_AS, and is held
 * against it under vm.overcommit_memory=2, through an unlinked shmem file
 * whose size is kept at the total or above it, in large steps: the functions
 * that account directly are not exported. A worker resizes it, since the
 * caller's RLIMIT_FSIZE must not matter, under the caller's credentials,
 * since those decide about the reserve of the administrator.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/lockdep.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>
#include <linux/workqueue.h>
#include "compat.h"
#include "ntmem.h"
#include "test.h"

#define NTMEM_BALLAST_STEP	((64UL << 20) >> PAGE_SHIFT)

unsigned long ntmem_commit_limit;	/* pages, like the next two */
unsigned long ntmem_user_limit = ULONG_MAX;
unsigned long ntmem_space_limit = ULONG_MAX;

static atomic_long_t ntmem_total ____cacheline_aligned_in_smp;

static DEFINE_MUTEX(ntmem_users_lock);
static LIST_HEAD(ntmem_users);

/* The file, its size, and the lock of both. */
static DEFINE_MUTEX(ntmem_ballast_lock);
static struct file *ntmem_ballast;
static unsigned long ntmem_ballast_pages;
static struct lock_class_key ntmem_ballast_key;

static void ntmem_ballast_shrink(struct work_struct *work);
static DECLARE_WORK(ntmem_ballast_work, ntmem_ballast_shrink);

/* ------------------------------------------------------------- charging --- */

static bool ntmem_try_add(atomic_long_t *counter, unsigned long pages,
			  unsigned long limit)
{
	long now = atomic_long_read(counter);

	/* Never above the limit: others must not be refused for our sake. */
	do {
		if (unlikely(now + pages > limit)) {
			ntmem_spin_point("charge_refused");
			return false;
		}
	} while (!atomic_long_try_cmpxchg(counter, &now, now + pages));
	return true;
}

static __always_inline int ntmem_charge_up(struct ntmem_user *user,
					   unsigned long pages)
{
	unsigned long total;

	if (!ntmem_try_add(&user->committed, pages,
			   READ_ONCE(ntmem_user_limit)))
		return -ENOMEM;
	if (!ntmem_try_add(&ntmem_total, pages,
			   READ_ONCE(ntmem_commit_limit))) {
		atomic_long_sub(pages, &user->committed);
		return -ENOMEM;
	}
	total = atomic_long_read(&ntmem_total);
	if (unlikely(total > READ_ONCE(ntmem_ballast_pages))) {
		ntmem_uncharge_user(user, pages);
		return -EAGAIN;
	}
	return 0;
}

/* ntmem_charge() of what belongs to no space. */
int ntmem_charge_user(struct ntmem_user *user, unsigned long pages)
{
	return pages ? ntmem_charge_up(user, pages) : 0;
}

/* A charge was refused at a limit, to a call on that space: -ENOMEM. */
int ntmem_limited(struct ntmem_space *space)
{
	ntmem_count(space, NTMEM_COUNT_LIMITED, 1);
	WRITE_ONCE(space->limited, current);
	return -ENOMEM;
}

/**
 * ntmem_charge() - charge pages to a space, its user and the system
 * @space: who commits
 * @pages: how many
 *
 * Never sleeps.
 *
 * Return: 0; -ENOMEM over a limit; -EAGAIN when the kernel's own account has
 * to grow first: call ntmem_charge_more(), without spinlocks, and try again.
 */
int ntmem_charge(struct ntmem_space *space, unsigned long pages)
{
	int err;

	if (!pages)
		return 0;
	if (!ntmem_try_add(&space->committed, pages,
			   ntmem_space_limit_of(space)))
		return ntmem_limited(space);
	err = ntmem_charge_up(space->user, pages);
	if (unlikely(err)) {
		atomic_long_sub(pages, &space->committed);
		return err == -ENOMEM ? ntmem_limited(space) : err;
	}
	return 0;
}

/* A limit of its own, besides that of every space. */
int ntmem_set_limit(struct ntmem_space *space, const struct ntmem_limit *arg)
{
	unsigned long limit = arg->limit == U64_MAX ? ULONG_MAX :
			      arg->limit >> PAGE_SHIFT;
	unsigned long old = READ_ONCE(space->limit);

	if (arg->pad)
		return -EINVAL;
	/* Nobody raises what another thread has lowered meanwhile. */
	do {
		if (limit > old && !capable(CAP_SYS_RESOURCE))
			return -EPERM;
	} while (!try_cmpxchg(&space->limit, &old, limit));
	return 0;
}

/* The most that was ever charged, in pages. */
unsigned long ntmem_peak(const struct ntmem_space *space)
{
	return max_t(unsigned long, READ_ONCE(space->peak),
		     atomic_long_read(&space->committed));
}

void ntmem_uncharge(struct ntmem_space *space, unsigned long pages)
{
	unsigned long before;

	if (!pages)
		return;
	/* Where it goes down there was a peak: who only commits pays nothing. */
	before = atomic_long_fetch_sub(pages, &space->committed);
	if (unlikely(before > READ_ONCE(space->peak)))
		WRITE_ONCE(space->peak, before);
	ntmem_uncharge_user(space->user, pages);
}

void ntmem_uncharge_user(struct ntmem_user *user, unsigned long pages)
{
	unsigned long total;

	if (!pages)
		return;
	atomic_long_sub(pages, &user->committed);
	total = atomic_long_sub_return(pages, &ntmem_total);
	if (unlikely(READ_ONCE(ntmem_ballast_pages) >
		     total + 2 * NTMEM_BALLAST_STEP))
		schedule_work(&ntmem_ballast_work);
}

/* A space is gone: the last one leaves nothing in the kernel's account. */
void ntmem_charge_idle(void)
{
	if (!ntmem_charged())
		schedule_work(&ntmem_ballast_work);
}

/* Pages charged in the whole system. */
unsigned long ntmem_charged(void)
{
	return atomic_long_read(&ntmem_total);
}

/* -------------------------------------------------------------- ballast --- */

static int ntmem_ballast_resize(unsigned long pages)
{
	struct inode *inode = file_inode(ntmem_ballast);
	struct iattr attr = {
		.ia_valid = ATTR_SIZE,
		.ia_size = (loff_t)pages << PAGE_SHIFT,
	};
	int err;

	inode_lock(inode);
	err = ntmem_notify_change(ntmem_ballast->f_path.dentry, &attr);
	inode_unlock(inode);
	if (!err)
		WRITE_ONCE(ntmem_ballast_pages, pages);
	return err;
}

struct ntmem_growth {
	struct work_struct work;
	const struct cred *cred;
	unsigned long pages;
	int err;
};

/*
 * Raises the ballast above the total plus the growth: by a whole step or,
 * where that is refused, by what is needed.
 */
static void ntmem_ballast_grow(struct work_struct *work)
{
	struct ntmem_growth *growth =
		container_of(work, struct ntmem_growth, work);
	const struct cred *old = override_creds(growth->cred);
	unsigned long need;

	mutex_lock(&ntmem_ballast_lock);
	need = atomic_long_read(&ntmem_total) + growth->pages;
	if (need > ntmem_ballast_pages) {
		growth->err = ntmem_ballast_resize(need + NTMEM_BALLAST_STEP);
		if (growth->err)
			growth->err = ntmem_ballast_resize(need);
	}
	mutex_unlock(&ntmem_ballast_lock);
	revert_creds(old);
}

static void ntmem_ballast_shrink(struct work_struct *work)
{
	unsigned long total, keep;

	mutex_lock(&ntmem_ballast_lock);
	total = atomic_long_read(&ntmem_total);
	keep = total ? total + NTMEM_BALLAST_STEP : 0;
	if (keep < ntmem_ballast_pages) {
		ntmem_stop_point("ballast_shrink");
		/* Who charges now sees the new size, or is seen by us. */
		WRITE_ONCE(ntmem_ballast_pages, keep);
		/* Pairs with the cmpxchg of ntmem_try_add(), a full barrier. */
		smp_mb();
		total = atomic_long_read(&ntmem_total);
		ntmem_ballast_resize(max(keep, total));
	}
	mutex_unlock(&ntmem_ballast_lock);
}

/**
 * ntmem_charge_more() - make room in the kernel's account
 * @pages: what is about to be charged
 *
 * Return: 0, -ENOMEM, or -EINTR for a fatal signal.
 */
int ntmem_charge_more(unsigned long pages)
{
	struct ntmem_growth growth = {
		.cred = current_cred(), .pages = pages,
	};

	/* Others may charge what there is now room for, time after time. */
	if (fatal_signal_pending(current))
		return -EINTR;
	INIT_WORK_ONSTACK(&growth.work, ntmem_ballast_grow);
	queue_work(system_unbound_wq, &growth.work);
	flush_work(&growth.work);
	destroy_work_on_stack(&growth.work);
	return growth.err ? -ENOMEM : 0;
}

/* ntmem_charge() without a lock held that the growth of the account needs. */
int ntmem_charge_wait(struct ntmem_space *space, unsigned long pages)
{
	int err;

	while ((err = ntmem_charge(space, pages)) == -EAGAIN) {
		err = ntmem_charge_more(pages);
		if (err)
			break;
	}
	return err;
}

/* ---------------------------------------------------------------- users --- */

/*
 * Who pays for what the caller commits. The ids that a user may use inside of
 * namespaces of its own (/etc/subuid) would be so many accounts: the maker of
 * the outermost such namespace pays. Ids in a namespace that root made are as
 * different as root made them.
 */
kuid_t ntmem_payer(void)
{
	const struct user_namespace *ns = current_user_ns();
	kuid_t uid = current_uid();

	for (; ns != &init_user_ns; ns = ns->parent)
		if (!uid_eq(ns->owner, GLOBAL_ROOT_UID))
			uid = ns->owner;
	return uid;
}

static struct ntmem_user *ntmem_user_find(kuid_t uid)
{
	struct ntmem_user *user;

	list_for_each_entry(user, &ntmem_users, node) {
		if (uid_eq(user->uid, uid)) {
			refcount_inc(&user->refs);
			return user;
		}
	}
	return NULL;
}

/*
 * The account of the caller, made at first use. Nobody has to wait for the
 * memory of another's: that may take long in a full cgroup.
 */
struct ntmem_user *ntmem_user_get(void)
{
	struct ntmem_user *user, *new = NULL;
	kuid_t uid = ntmem_payer();

	for (;;) {
		mutex_lock(&ntmem_users_lock);
		user = ntmem_user_find(uid);
		if (!user && new) {
			list_add(&new->node, &ntmem_users);
			swap(user, new);
		}
		mutex_unlock(&ntmem_users_lock);
		if (user)
			break;
		new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
		if (!new)
			return NULL;
		new->uid = uid;
		refcount_set(&new->refs, 1);
	}
	kfree(new);
	return user;
}

void ntmem_user_put(struct ntmem_user *user)
{
	if (!refcount_dec_and_mutex_lock(&user->refs, &ntmem_users_lock))
		return;
	list_del(&user->node);
	mutex_unlock(&ntmem_users_lock);
	WARN_ON_ONCE(atomic_long_read(&user->committed));
	kfree(user);
}

/* --------------------------------------------------------------- limits --- */

/* Half of the memory, what a limit of 0 means for the system. */
static unsigned long ntmem_default_limit(void)
{
	return totalram_pages() / 2;
}

/*
 * A limit in bytes, with K, M or G if wished; 0 is the default: half of the
 * memory for the system, none for a user or a space.
 */
static int ntmem_limit_set(const char *text, const struct kernel_param *kp)
{
	unsigned long *limit = kp->arg;
	unsigned long pages;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return -EINVAL;
	pages = memparse(text, &end) >> PAGE_SHIFT;
	if (*skip_spaces(end))
		return -EINVAL;
	if (!pages)
		pages = limit == &ntmem_commit_limit ? ntmem_default_limit() :
						       ULONG_MAX;
	WRITE_ONCE(*limit, pages);
	return 0;
}

static int ntmem_limit_get(char *buffer, const struct kernel_param *kp)
{
	unsigned long pages = READ_ONCE(*(unsigned long *)kp->arg);

	return sysfs_emit(buffer, "%lu\n",
			  pages > ULONG_MAX >> PAGE_SHIFT ?
			  0 : pages << PAGE_SHIFT);
}

static const struct kernel_param_ops ntmem_limit_ops = {
	.set = ntmem_limit_set,
	.get = ntmem_limit_get,
};

module_param_cb(commit_limit, &ntmem_limit_ops, &ntmem_commit_limit, 0644);
MODULE_PARM_DESC(commit_limit,
		 "bytes that all may commit together (0: half of RAM)");
module_param_cb(user_limit, &ntmem_limit_ops, &ntmem_user_limit, 0644);
MODULE_PARM_DESC(user_limit, "bytes that one user may commit (0: no limit)");
module_param_cb(space_limit, &ntmem_limit_ops, &ntmem_space_limit, 0644);
MODULE_PARM_DESC(space_limit,
		 "bytes that one process may commit (0: no limit)");

int ntmem_charge_init(void)
{
	if (!ntmem_commit_limit)
		ntmem_commit_limit = ntmem_default_limit();
	ntmem_ballast = shmem_file_setup("ntmem commit", 0, 0);
	/* Without memory for the inode shmem finds no space left on a device. */
	if (IS_ERR(ntmem_ballast))
		return -ENOMEM;
	/* Nobody writes to this file, and so faults with its lock held. */
	lockdep_set_class(&file_inode(ntmem_ballast)->i_rwsem,
			  &ntmem_ballast_key);
	return 0;
}

void ntmem_charge_exit(void)
{
	cancel_work_sync(&ntmem_ballast_work);
	fput(ntmem_ballast);
	WARN_ON(ntmem_charged());
}
