// SPDX-License-Identifier: GPL-2.0
/*
 * Other processes: the handle to a space, and what a call through it needs to
 * be as good as one of the space's own process.
 *
 * Such a call is a *visit*. It holds the target's mm, so that neither exit nor
 * exec takes it apart, and acts under the credentials and in the memory cgroup
 * of the target, since that could have made the call itself and pays for it.
 * What is held stays held for one operation, never over a copy from or to the
 * caller's memory, which can take as long as the caller likes: so a handle keeps
 * nobody's memory.
 *
 * Nearly everything works on any mm. What the core does to the current one only,
 * vm_mmap() above all, a kernel thread does that takes on the target's mm and
 * limits. It is one thread for one call: its limits are its own, whoever waits
 * for a lock of a hostile target keeps nobody else waiting, and who is killed
 * kills it, too.
 */
#include <linux/anon_inodes.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/resource.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/uaccess.h>
#include "compat.h"
#include "ntmem.h"
#include "test.h"

/* ---------------------------------------------------------------- target --- */

/*
 * The credentials of a process with this mm, with a reference; NULL: none. Who
 * executes another program leaves the mm first and then gets others: a process
 * that is still the owner had these with this mm.
 */
static const struct cred *ntmem_owner_cred(struct mm_struct *mm)
{
	const struct cred *cred = NULL;
	struct task_struct *owner;

	rcu_read_lock();
	while ((owner = ntmem_mm_owner(mm))) {
		ntmem_spin_point("visit_owner");
		cred = get_task_cred(owner);
		if (likely(ntmem_mm_owner(mm) == owner))
			break;
		put_cred(cred);
		cred = NULL;
	}
	rcu_read_unlock();
	return cred;
}

/**
 * ntmem_rlimit() - a limit of the process whose mm it is
 * @mm: whose
 * @which: RLIMIT_*
 *
 * Of a process that is just ending it is 0.
 */
unsigned long ntmem_rlimit(struct mm_struct *mm, unsigned int which)
{
	struct task_struct *owner;
	unsigned long limit;

	if (likely(mm == current->mm))
		return rlimit(which);
	rcu_read_lock();
	owner = ntmem_mm_owner(mm);
	limit = owner ? task_rlimit(owner, which) : 0;
	rcu_read_unlock();
	return limit;
}

/* ---------------------------------------------------------------- visits --- */

/**
 * ntmem_visit_slow() - begin to work on the space of another process
 * @visit: for ntmem_visit_end()
 * @space: the caller has a reference
 *
 * Return: 0; -ESRCH when the process is gone.
 */
int ntmem_visit_slow(struct ntmem_visit *visit, struct ntmem_space *space)
{
	struct mm_struct *mm = space->mm;

	ntmem_stop_point("visit");
	if (!mmget_not_zero(mm))
		return -ESRCH;
	visit->cred = ntmem_owner_cred(mm);
	if (!visit->cred) {
		mmput_async(mm);
		return -ESRCH;
	}
	visit->mm = mm;
	visit->old_cred = override_creds(visit->cred);
	visit->memcg = ntmem_charge_owner(mm, &visit->old_memcg);
	ntmem_stop_point("visiting");
	return 0;
}

/* No lock is held. The end of a mm may wait for what its process has left. */
void ntmem_visit_leave(struct ntmem_visit *visit)
{
	ntmem_stop_point("visited");
	ntmem_charge_owner_end(visit->memcg, visit->old_memcg);
	revert_creds(visit->old_cred);
	put_cred(visit->cred);
	mmput_async(visit->mm);
}

/* ---------------------------------------------------------------- inside --- */

/**
 * struct ntmem_errand - what a kernel thread does in the mm of a space
 * @space: which
 * @run: what to do
 * @data: with what
 * @cred: as whom
 * @killed: the caller is; set before the signal is sent
 * @err: what came of it
 * @done: it is over
 *
 * On the caller's stack, who waits for the end in any case.
 */
struct ntmem_errand {
	struct ntmem_space *space;
	int (*run)(void *data);
	void *data;
	const struct cred *cred;
	bool killed;
	int err;
	struct completion done;
};

/* What the core compares with the limits of who calls, or takes from him. */
static int ntmem_take_limits(struct mm_struct *mm)
{
	static const unsigned int limits[] = {
		RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK,
	};
	struct task_struct *owner;
	unsigned int i;

	rcu_read_lock();
	owner = ntmem_mm_owner(mm);
	for (i = 0; owner && i < ARRAY_SIZE(limits); i++)
		current->signal->rlim[limits[i]].rlim_cur =
			task_rlimit(owner, limits[i]);
	if (owner)
		current->personality = READ_ONCE(owner->personality);
	rcu_read_unlock();
	return owner ? 0 : -ESRCH;
}

static int ntmem_errand_thread(void *data)
{
	struct ntmem_errand *errand = data;
	const struct cred *old_cred = override_creds(errand->cred);
	struct mm_struct *mm = errand->space->mm;
	struct mem_cgroup *memcg, *old_memcg = NULL;

	allow_kernel_signal(SIGKILL);
	memcg = ntmem_charge_owner(mm, &old_memcg);
	kthread_use_mm(mm);
	errand->err = ntmem_take_limits(mm);
	ntmem_stop_point("errand");
	/* Pairs with the siglock around the signal, which we would not see. */
	if (READ_ONCE(errand->killed))
		errand->err = -EINTR;
	if (!errand->err)
		errand->err = errand->run(errand->data);
	kthread_unuse_mm(mm);
	ntmem_charge_owner_end(memcg, old_memcg);
	revert_creds(old_cred);
	kthread_complete_and_exit(&errand->done, 0);
}

/* The locks that the thread waits for it gives up when it is killed. */
static void ntmem_errand_wait(struct ntmem_errand *errand,
			      struct task_struct *thread)
{
	if (!wait_for_completion_killable(&errand->done))
		return;
	WRITE_ONCE(errand->killed, true);
	send_sig(SIGKILL, thread, 1);
	wait_for_completion(&errand->done);
}

/**
 * ntmem_run_inside() - do what can only be done to the current mm
 * @space: in whose mm; of another process only in a visit
 * @run: what; must not take what the caller has locked
 * @data: with what
 *
 * Return: what @run does; else -EINTR, -ENOMEM or -ESRCH, and it did not run.
 */
int ntmem_run_inside(struct ntmem_space *space, int (*run)(void *data),
		     void *data)
{
	struct ntmem_errand errand = {
		.space = space, .run = run, .data = data,
		.cred = current_cred(),
	};
	struct task_struct *thread;

	if (likely(space->mm == current->mm))
		return run(data);
	init_completion(&errand.done);
	thread = kthread_create(ntmem_errand_thread, &errand, "ntmem/%d",
				task_pid_nr(current));
	if (IS_ERR(thread))
		return PTR_ERR(thread) == -EINTR ? -EINTR : -ENOMEM;
	get_task_struct(thread);
	wake_up_process(thread);
	ntmem_errand_wait(&errand, thread);
	put_task_struct(thread);
	return errand.err;
}

/* --------------------------------------------------------------- handles --- */

static long ntmem_space_ioctl(struct file *file, unsigned int cmd,
			      unsigned long uarg)
{
	return ntmem_ioctl_space(file->private_data, cmd, (void __user *)uarg);
}

static int ntmem_space_release(struct inode *inode, struct file *file)
{
	ntmem_space_put(file->private_data);
	return 0;
}

static const struct file_operations ntmem_space_fops = {
	.owner = THIS_MODULE,
	.release = ntmem_space_release,
	.unlocked_ioctl = ntmem_space_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct file *ntmem_space_file(struct ntmem_space *space)
{
	struct file *file;

	ntmem_space_get(space);
	file = anon_inode_getfile("[ntmem-space]", &ntmem_space_fops, space,
				  O_RDWR);
	if (IS_ERR(file))
		ntmem_space_put(space);
	return file;
}

/**
 * ntmem_ioctl_open_space() - OPEN_SPACE
 * @space: the caller's
 * @user: argument
 *
 * A handle that the caller could not be told of is none.
 */
long ntmem_ioctl_open_space(struct ntmem_space *space,
			    struct ntmem_open_space __user *user)
{
	struct ntmem_open_space open;
	struct file *file;
	int fd;

	if (copy_from_user(&open, user, sizeof(open)))
		return -EFAULT;
	if (open.flags)
		return -EINVAL;
	if (!NTMEM_HAS_OWNERS)
		return -EOPNOTSUPP;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = ntmem_space_file(space);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	open.fd = fd;
	if (copy_to_user(user, &open, sizeof(open))) {
		put_unused_fd(fd);
		fput(file);
		return -EFAULT;
	}
	fd_install(fd, file);
	return 0;
}
