// SPDX-License-Identifier: GPL-2.0
/*
 * Test builds only: the points of test.h, and the file in debugfs by which a
 * test stops a task there.
 *
 * Each open file of ntmem/stop is a trap for one task. Writing the name of a
 * point and a thread id arms it, 0 for whoever comes first; reading waits
 * until the task is in it, which poll(2) tells, and gives its id. Closing the
 * file lets the task go on.
 */
#ifdef NTMEM_TEST
#include <linux/debugfs.h>
#include <linux/ktime.h>
#include <linux/mmdebug.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/wait.h>
#include "ntmem.h"
#include "test.h"

/* Bounds for a task that nobody can kill, or that spins. */
#define NTMEM_STOP_EXITING	(10 * HZ)
#define NTMEM_STOP_SPINNING	(5 * NSEC_PER_SEC)

enum ntmem_trap_state {
	NTMEM_TRAP_IDLE,
	NTMEM_TRAP_ARMED,
	NTMEM_TRAP_SPRUNG,
};

/**
 * struct ntmem_trap - an open file
 * @node: in ntmem_traps
 * @refs: the file, and the task in it
 * @state: where it is; guarded by ntmem_traps_lock, like the next two
 * @name: of the point
 * @thread: for whom, or who came
 * @queue: the task in it, and who waits for it to come
 */
struct ntmem_trap {
	struct list_head node;
	refcount_t refs;
	enum ntmem_trap_state state;
	char name[24];
	pid_t thread;
	wait_queue_head_t queue;
};

static DEFINE_SPINLOCK(ntmem_traps_lock);
static LIST_HEAD(ntmem_traps);
static struct dentry *ntmem_test_folder;

static void ntmem_trap_put(struct ntmem_trap *trap)
{
	if (refcount_dec_and_test(&trap->refs))
		kfree(trap);
}

static bool ntmem_trap_is(struct ntmem_trap *trap, enum ntmem_trap_state state)
{
	return READ_ONCE(trap->state) == state;
}

/* Who comes by is caught: the trap, with a reference, or NULL. */
static struct ntmem_trap *ntmem_trap_spring(const char *name)
{
	pid_t thread = task_pid_nr(current);
	struct ntmem_trap *trap, *found = NULL;

	if (list_empty(&ntmem_traps))
		return NULL;
	spin_lock(&ntmem_traps_lock);
	list_for_each_entry(trap, &ntmem_traps, node) {
		if (trap->state != NTMEM_TRAP_ARMED ||
		    strcmp(trap->name, name) ||
		    (trap->thread && trap->thread != thread))
			continue;
		trap->thread = thread;
		WRITE_ONCE(trap->state, NTMEM_TRAP_SPRUNG);
		refcount_inc(&trap->refs);
		wake_up_all(&trap->queue);
		found = trap;
		break;
	}
	spin_unlock(&ntmem_traps_lock);
	return found;
}

static void ntmem_trap_spin(struct ntmem_trap *trap)
{
	u64 end = ktime_get_ns() + NTMEM_STOP_SPINNING;

	while (ntmem_trap_is(trap, NTMEM_TRAP_SPRUNG) && ktime_get_ns() < end)
		cpu_relax();
}

/* A task stays in the trap that is set for it here. */
void ntmem_stop_task(const char *name, bool spin)
{
	/* Asked before anybody knows that it is here, and may kill it. */
	bool dying = fatal_signal_pending(current);
	struct ntmem_trap *trap = ntmem_trap_spring(name);

	if (!trap)
		return;
	if (spin)
		ntmem_trap_spin(trap);
	else if (dying)
		wait_event_timeout(trap->queue,
				   !ntmem_trap_is(trap, NTMEM_TRAP_SPRUNG),
				   NTMEM_STOP_EXITING);
	else
		wait_event_killable(trap->queue,
				    !ntmem_trap_is(trap, NTMEM_TRAP_SPRUNG));
	ntmem_trap_put(trap);
}

/*
 * With CONFIG_DEBUG_VM, 6.1's vm_flags_set() calls this when it is about to stop
 * the machine, and modules cannot.
 */
#if defined(CONFIG_DEBUG_VM) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
void dump_mm(const struct mm_struct *mm)
{
	pr_emerg("an assertion about an address space failed\n");
}
#endif

/* ---------------------------------------------------------------- debugfs --- */

static int ntmem_trap_open(struct inode *inode, struct file *file)
{
	struct ntmem_trap *trap = kzalloc(sizeof(*trap), GFP_KERNEL);

	if (!trap)
		return -ENOMEM;
	refcount_set(&trap->refs, 1);
	init_waitqueue_head(&trap->queue);
	spin_lock(&ntmem_traps_lock);
	list_add_tail(&trap->node, &ntmem_traps);
	spin_unlock(&ntmem_traps_lock);
	file->private_data = trap;
	return stream_open(inode, file);
}

static int ntmem_trap_release(struct inode *inode, struct file *file)
{
	struct ntmem_trap *trap = file->private_data;

	spin_lock(&ntmem_traps_lock);
	list_del(&trap->node);
	WRITE_ONCE(trap->state, NTMEM_TRAP_IDLE);
	wake_up_all(&trap->queue);
	spin_unlock(&ntmem_traps_lock);
	ntmem_trap_put(trap);
	return 0;
}

static ssize_t ntmem_trap_write(struct file *file, const char __user *user,
				size_t size, loff_t *pos)
{
	struct ntmem_trap *trap = file->private_data;
	char text[40] = "", name[sizeof(trap->name)];
	int thread;

	if (size >= sizeof(text) || copy_from_user(text, user, size) ||
	    sscanf(text, "%23s %d", name, &thread) != 2 || thread < 0)
		return -EINVAL;
	spin_lock(&ntmem_traps_lock);
	if (trap->state == NTMEM_TRAP_IDLE) {
		strscpy(trap->name, name, sizeof(trap->name));
		trap->thread = thread;
		WRITE_ONCE(trap->state, NTMEM_TRAP_ARMED);
	}
	spin_unlock(&ntmem_traps_lock);
	return size;
}

static ssize_t ntmem_trap_read(struct file *file, char __user *user,
			       size_t size, loff_t *pos)
{
	struct ntmem_trap *trap = file->private_data;
	char text[16];
	int err;

	err = wait_event_interruptible(trap->queue,
				       !ntmem_trap_is(trap, NTMEM_TRAP_ARMED));
	if (err)
		return err;
	snprintf(text, sizeof(text), "%d\n", READ_ONCE(trap->thread));
	size = min(size, strlen(text));
	return copy_to_user(user, text, size) ? -EFAULT : size;
}

static __poll_t ntmem_trap_poll(struct file *file, poll_table *wait)
{
	struct ntmem_trap *trap = file->private_data;

	poll_wait(file, &trap->queue, wait);
	return ntmem_trap_is(trap, NTMEM_TRAP_SPRUNG) ? EPOLLIN : 0;
}

static const struct file_operations ntmem_trap_fops = {
	.owner = THIS_MODULE,
	.open = ntmem_trap_open,
	.release = ntmem_trap_release,
	.read = ntmem_trap_read,
	.write = ntmem_trap_write,
	.poll = ntmem_trap_poll,
};

int ntmem_test_init(void)
{
	ntmem_test_folder = debugfs_create_dir("ntmem", NULL);
	debugfs_create_file("stop", 0600, ntmem_test_folder, NULL,
			    &ntmem_trap_fops);
	return 0;
}

void ntmem_test_exit(void)
{
	debugfs_remove(ntmem_test_folder);
}
#endif
