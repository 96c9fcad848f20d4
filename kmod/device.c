// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/ntmem: the module's life, its parameters, and the ioctls down to the
 * call that does the work. Arguments are copied in and out here and nowhere
 * else.
 */
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include "compat.h"
#include "event.h"
#include "ntmem.h"
#include "test.h"

unsigned long ntmem_granularity = 64UL << 10;

#define NTMEM_GRANULARITY_MAX	(1UL << 30)

/* A granularity that makes sense: a power of two from a page to 1 GiB. */
bool ntmem_granularity_valid(u64 granularity)
{
	return granularity >= PAGE_SIZE &&
	       granularity <= NTMEM_GRANULARITY_MAX &&
	       is_power_of_2(granularity);
}

static int ntmem_granularity_set(const char *text,
				 const struct kernel_param *kp)
{
	unsigned long granularity;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return -EINVAL;
	granularity = memparse(text, &end);
	if (*skip_spaces(end) || !ntmem_granularity_valid(granularity)) {
		pr_err("granularity must be a power of two from %lu to %lu, not %s\n",
		       PAGE_SIZE, NTMEM_GRANULARITY_MAX, text);
		return -EINVAL;
	}
	ntmem_granularity = granularity;
	return 0;
}

static const struct kernel_param_ops ntmem_granularity_ops = {
	.set = ntmem_granularity_set,
	.get = param_get_ulong,
};

module_param_cb(granularity, &ntmem_granularity_ops, &ntmem_granularity, 0444);
MODULE_PARM_DESC(granularity,
		 "allocation granularity in bytes, a power of two (64K)");

/* ------------------------------------------------------------ protection --- */

const u8 ntmem_rights[8] = {
	[NTMEM_S_READONLY] = NTMEM_R_READ,
	[NTMEM_S_READWRITE] = NTMEM_R_READ | NTMEM_R_WRITE,
	/* The hardware knows no execution without reading. */
	[NTMEM_S_EXECUTE] = NTMEM_R_READ | NTMEM_R_EXEC,
	[NTMEM_S_EXECUTE_READ] = NTMEM_R_READ | NTMEM_R_EXEC,
	[NTMEM_S_EXECUTE_READWRITE] = NTMEM_R_READ | NTMEM_R_WRITE |
				      NTMEM_R_EXEC,
};

u8 ntmem_stale[8] __ro_after_init;
u8 ntmem_stale_more[8] __ro_after_init;

static const u32 ntmem_base_prot[8] = {
	[NTMEM_S_NOACCESS] = NTMEM_PAGE_NOACCESS,
	[NTMEM_S_READONLY] = NTMEM_PAGE_READONLY,
	[NTMEM_S_READWRITE] = NTMEM_PAGE_READWRITE,
	[NTMEM_S_EXECUTE] = NTMEM_PAGE_EXECUTE,
	[NTMEM_S_EXECUTE_READ] = NTMEM_PAGE_EXECUTE_READ,
	[NTMEM_S_EXECUTE_READWRITE] = NTMEM_PAGE_EXECUTE_READWRITE,
};

/* The same of pages with NTMEM_S_COPY. */
static const u32 ntmem_copy_prot[8] = {
	[NTMEM_S_READONLY] = NTMEM_PAGE_WRITECOPY,
	[NTMEM_S_EXECUTE_READ] = NTMEM_PAGE_EXECUTE_WRITECOPY,
};

#define NTMEM_PROT_ALLOCATION	(NTMEM_PAGE_NOCACHE | NTMEM_PAGE_WRITECOMBINE)
#define NTMEM_PROT_MODIFIERS	(NTMEM_PAGE_GUARD | NTMEM_PROT_ALLOCATION)

/*
 * Checks a protection and makes a page state of it: 0, or 1 when it is not
 * valid. What belongs to the allocation is not in the state.
 */
unsigned int ntmem_prot_to_state(u32 prot, u8 *state)
{
	u32 base = prot & ~NTMEM_PROT_MODIFIERS;
	u32 modifiers = prot & NTMEM_PROT_MODIFIERS;
	unsigned int i;

	if (likely(prot == NTMEM_PAGE_READWRITE)) {
		*state = NTMEM_S_READWRITE;
		return 0;
	}
	if (unlikely(modifiers) &&
	    (base == NTMEM_PAGE_NOACCESS || !is_power_of_2(modifiers)))
		return 1;
	for (i = NTMEM_S_NOACCESS; i <= NTMEM_S_EXECUTE_READWRITE; i++) {
		if (ntmem_base_prot[i] == base)
			*state = i;
		else if (base && ntmem_copy_prot[i] == base)
			*state = i | NTMEM_S_COPY;
		else
			continue;
		if (prot & NTMEM_PAGE_GUARD)
			*state |= NTMEM_S_GUARD;
		return 0;
	}
	return 1;
}

static int ntmem_prot_init(void)
{
	unsigned int new, old;
	u8 lost;

	for (new = 0; new < ARRAY_SIZE(ntmem_stale); new++) {
		for (old = 0; old < ARRAY_SIZE(ntmem_rights); old++) {
			lost = ntmem_rights[old] & ~ntmem_rights[new];
			/* Execution that is gained is not asked for. */
			if (ntmem_rights[old])
				lost |= ntmem_rights[new] & NTMEM_R_EXEC &
					~ntmem_rights[old];
			if (lost)
				ntmem_stale[new] |= BIT(old);
			if (lost & ~NTMEM_R_WRITE)
				ntmem_stale_more[new] |= BIT(old);
		}
	}
	return 0;
}

/* The protection of a committed page, as QUERY and PROTECT report it. */
u32 ntmem_state_to_prot(const struct ntmem_region *region, u8 state)
{
	u32 prot = state & NTMEM_S_COPY ?
		   ntmem_copy_prot[state & NTMEM_S_ACCESS] :
		   ntmem_base_prot[state & NTMEM_S_ACCESS];

	if (state & NTMEM_S_GUARD)
		prot |= NTMEM_PAGE_GUARD;
	if (prot != NTMEM_PAGE_NOACCESS)
		prot |= region->alloc_prot & NTMEM_PROT_ALLOCATION;
	return prot;
}

/* ---------------------------------------------------------------- ioctls --- */

union ntmem_arg {
	struct ntmem_info info;
	struct ntmem_reserve reserve;
	struct ntmem_range range;
	struct ntmem_protect protect;
	struct ntmem_query query;
	struct ntmem_granularity granularity;
	struct ntmem_limit limit;
	struct ntmem_batch batch;
	struct ntmem_fault fault;
	struct ntmem_map_view map_view;
	struct ntmem_unmap_view unmap_view;
};

/* The operations that a batch may hold, too; by NTMEM_NR_*. */
static int ntmem_do_op(struct ntmem_space *space, unsigned int nr,
		       union ntmem_arg *arg)
{
	switch (nr) {
	case NTMEM_NR_RESERVE:
		return ntmem_reserve(space, &arg->reserve);
	case NTMEM_NR_COMMIT:
		return ntmem_commit(space, &arg->range);
	case NTMEM_NR_DECOMMIT:
		return ntmem_decommit(space, &arg->range);
	case NTMEM_NR_RELEASE:
		return ntmem_release(space, &arg->range);
	case NTMEM_NR_PROTECT:
		return ntmem_protect(space, &arg->protect);
	case NTMEM_NR_QUERY:
		return ntmem_query(space, &arg->query);
	case NTMEM_NR_LOCK:
		return ntmem_lock(space, &arg->range);
	case NTMEM_NR_UNLOCK:
		return ntmem_unlock(space, &arg->range);
	case NTMEM_NR_RESET:
		return ntmem_reset(space, &arg->range);
	case NTMEM_NR_RESET_UNDO:
		return ntmem_reset_undo(space, &arg->range);
	default:
		return -ENOTTY;
	}
}

/* What an operation is about, for who watches. */
static struct ntmem_range ntmem_op_range(unsigned int nr,
					 const union ntmem_arg *arg)
{
	switch (nr) {
	case NTMEM_NR_RESERVE:
		return (struct ntmem_range){
			.addr = arg->reserve.addr, .size = arg->reserve.size,
			.prot = arg->reserve.prot, .flags = arg->reserve.flags,
		};
	case NTMEM_NR_PROTECT:
		return (struct ntmem_range){
			.addr = arg->protect.addr, .size = arg->protect.size,
			.prot = arg->protect.prot,
		};
	case NTMEM_NR_QUERY:
		return (struct ntmem_range){
			.addr = arg->query.addr,
		};
	case NTMEM_NR_MAP_VIEW:
		return (struct ntmem_range){
			.addr = arg->map_view.addr, .size = arg->map_view.size,
			.prot = arg->map_view.prot,
			.flags = arg->map_view.flags,
		};
	case NTMEM_NR_UNMAP_VIEW:
		return (struct ntmem_range){ .addr = arg->unmap_view.addr };
	default:
		return arg->range;
	}
}

/* For who watches; nobody else pays more than the look whether somebody does. */
static noinline int ntmem_watched_op(struct ntmem_space *space, unsigned int nr,
				     union ntmem_arg *arg,
				     int (*run)(struct ntmem_space *space,
						unsigned int nr,
						union ntmem_arg *arg))
{
	u64 start = ntmem_tell_begin(space);
	int err = run(space, nr, arg);
	struct ntmem_range range = ntmem_op_range(nr, arg);

	ntmem_tell_op(space, nr, &range, err, start);
	return err;
}

static int ntmem_run_op(struct ntmem_space *space, unsigned int nr,
			union ntmem_arg *arg)
{
	if (unlikely(ntmem_is_observed()))
		return ntmem_watched_op(space, nr, arg, ntmem_do_op);
	return ntmem_do_op(space, nr, arg);
}

static int ntmem_do_view(struct ntmem_space *space, unsigned int nr,
			 union ntmem_arg *arg)
{
	return nr == NTMEM_NR_MAP_VIEW ?
	       ntmem_map_view(space, &arg->map_view) :
	       ntmem_unmap_view(space, &arg->unmap_view);
}

static int ntmem_run_view(struct ntmem_space *space, unsigned int nr,
			  union ntmem_arg *arg)
{
	if (unlikely(ntmem_is_observed()))
		return ntmem_watched_op(space, nr, arg, ntmem_do_view);
	return ntmem_do_view(space, nr, arg);
}

/* Nobody will know of what was done: as if it had not happened. */
static void ntmem_untold(struct ntmem_space *space, unsigned int nr,
			 const union ntmem_arg *arg)
{
	struct ntmem_visit visit;

	if (ntmem_visit_begin(&visit, space))
		return;
	if (nr == NTMEM_NR_RESERVE)
		ntmem_reserve_undo(space, arg->reserve.addr, arg->reserve.size,
				   arg->reserve.flags, false);
	else if (nr == NTMEM_NR_MAP_VIEW)
		ntmem_reserve_undo(space, arg->map_view.addr,
				   arg->map_view.size, arg->map_view.flags,
				   true);
	ntmem_visit_end(&visit);
}

/* One operation of a batch; whatever it results in is in its status. */
static int ntmem_batch_one(struct ntmem_space *space,
			   struct ntmem_op __user *uop, int *status)
{
	struct ntmem_visit visit;
	union ntmem_arg arg;
	struct ntmem_op op;
	int err;

	if (copy_from_user(&op, uop, sizeof(op)))
		return -EFAULT;
	BUILD_BUG_ON(sizeof(arg.query) > sizeof(op.raw));
	memcpy(&arg, op.raw, sizeof(op.raw));
	err = ntmem_visit_begin(&visit, space);
	if (err)
		return err;
	*status = ntmem_run_op(space, op.op, &arg);
	ntmem_visit_end(&visit);
	if (!*status) {
		memcpy(op.raw, &arg, sizeof(op.raw));
		if (copy_to_user(uop->raw, op.raw, sizeof(op.raw)))
			err = -EFAULT;
	}
	err = err ?: put_user(*status, &uop->status);
	if (err && !*status)
		ntmem_untold(space, op.op, &arg);
	return err;
}

static int ntmem_batch(struct ntmem_space *space, struct ntmem_batch *batch)
{
	struct ntmem_op __user *uops = u64_to_user_ptr(batch->ops);
	int err, status;

	if (!batch->count || batch->count > NTMEM_BATCH_MAX ||
	    batch->flags & ~NTMEM_BATCH_STOP || batch->pad)
		return -EINVAL;
	batch->done = 0;
	while (batch->done < batch->count) {
		if (fatal_signal_pending(current))
			return -EINTR;
		err = ntmem_batch_one(space, uops + batch->done, &status);
		if (err)
			return err;
		batch->done++;
		if (status && batch->flags & NTMEM_BATCH_STOP)
			break;
		cond_resched();
	}
	return 0;
}

static int ntmem_run_one(struct ntmem_space *space, unsigned int nr,
			 union ntmem_arg *arg)
{
	switch (nr) {
	case NTMEM_NR_INFO:
		ntmem_info(space, &arg->info);
		return 0;
	case NTMEM_NR_SET_GRANULARITY:
		return ntmem_set_granularity(space, &arg->granularity);
	case NTMEM_NR_SET_LIMIT:
		return ntmem_set_limit(space, &arg->limit);
	case NTMEM_NR_LAST_FAULT:
		return ntmem_reason_tell(space, &arg->fault);
	case NTMEM_NR_MAP_VIEW:
	case NTMEM_NR_UNMAP_VIEW:
		return ntmem_run_view(space, nr, arg);
	default:
		return ntmem_run_op(space, nr, arg);
	}
}

static int ntmem_run(struct ntmem_space *space, unsigned int nr,
		     union ntmem_arg *arg)
{
	struct ntmem_visit visit;
	int err;

	/* One visit for each operation. */
	if (nr == NTMEM_NR_BATCH)
		return ntmem_batch(space, &arg->batch);
	err = ntmem_visit_begin(&visit, space);
	if (err)
		return err;
	err = ntmem_run_one(space, nr, arg);
	ntmem_visit_end(&visit);
	return err;
}

/* The ioctls by number; one that is not here is ENOTTY. */
static const unsigned int ntmem_ioctls[] = {
	[NTMEM_NR_INFO] = NTMEM_IOC_INFO,
	[NTMEM_NR_RESERVE] = NTMEM_IOC_RESERVE,
	[NTMEM_NR_COMMIT] = NTMEM_IOC_COMMIT,
	[NTMEM_NR_DECOMMIT] = NTMEM_IOC_DECOMMIT,
	[NTMEM_NR_RELEASE] = NTMEM_IOC_RELEASE,
	[NTMEM_NR_PROTECT] = NTMEM_IOC_PROTECT,
	[NTMEM_NR_QUERY] = NTMEM_IOC_QUERY,
	[NTMEM_NR_LOCK] = NTMEM_IOC_LOCK,
	[NTMEM_NR_UNLOCK] = NTMEM_IOC_UNLOCK,
	[NTMEM_NR_RESET] = NTMEM_IOC_RESET,
	[NTMEM_NR_RESET_UNDO] = NTMEM_IOC_RESET_UNDO,
	[NTMEM_NR_SET_GRANULARITY] = NTMEM_IOC_SET_GRANULARITY,
	[NTMEM_NR_BATCH] = NTMEM_IOC_BATCH,
	[NTMEM_NR_LAST_FAULT] = NTMEM_IOC_LAST_FAULT,
	[NTMEM_NR_MAP_VIEW] = NTMEM_IOC_MAP_VIEW,
	[NTMEM_NR_UNMAP_VIEW] = NTMEM_IOC_UNMAP_VIEW,
	[NTMEM_NR_SET_LIMIT] = NTMEM_IOC_SET_LIMIT,
};

static noinline long ntmem_ioctl_any(struct ntmem_space *space,
				     unsigned int cmd, void __user *user)
{
	unsigned int nr = _IOC_NR(cmd);
	union ntmem_arg arg;
	int err;

	if (nr >= ARRAY_SIZE(ntmem_ioctls))
		return -ENOTTY;
	nr = array_index_nospec(nr, ARRAY_SIZE(ntmem_ioctls));
	if (ntmem_ioctls[nr] != cmd)
		return -ENOTTY;
	if ((cmd & IOC_IN) && copy_from_user(&arg, user, _IOC_SIZE(cmd)))
		return -EFAULT;
	err = ntmem_run(space, nr, &arg);
	if (err || !(cmd & IOC_OUT))
		return err;
	if (copy_to_user(user, &arg, _IOC_SIZE(cmd))) {
		ntmem_untold(space, nr, &arg);
		return -EFAULT;
	}
	if (nr == NTMEM_NR_LAST_FAULT)
		ntmem_reason_forget(space);
	return 0;
}

static noinline long ntmem_watched_range(struct ntmem_space *space,
					 unsigned int nr,
					 const struct ntmem_range *range)
{
	union ntmem_arg arg = { .range = *range };

	return ntmem_watched_op(space, nr, &arg, ntmem_do_op);
}

static long ntmem_ioctl_range(struct ntmem_space *space, unsigned int cmd,
			      struct ntmem_range __user *user)
{
	struct ntmem_range range;

	if (!user_read_access_begin(user, sizeof(*user)))
		return -EFAULT;
	unsafe_get_user(range.addr, &user->addr, fault);
	unsafe_get_user(range.size, &user->size, fault);
	unsafe_get_user(range.prot, &user->prot, fault);
	unsafe_get_user(range.flags, &user->flags, fault);
	user_read_access_end();
	if (unlikely(ntmem_is_observed()))
		return ntmem_watched_range(space, _IOC_NR(cmd), &range);
	if (cmd == NTMEM_IOC_COMMIT)
		return ntmem_commit(space, &range);
	return ntmem_decommit(space, &range);

fault:
	user_read_access_end();
	return -EFAULT;
}

/* Of another process's space. */
static int ntmem_protect_there(struct ntmem_space *space,
			       struct ntmem_protect *protect)
{
	struct ntmem_visit visit;
	int err = ntmem_visit_begin(&visit, space);

	if (err)
		return err;
	err = ntmem_protect(space, protect);
	ntmem_visit_end(&visit);
	return err;
}

static noinline int
ntmem_watched_protect(struct ntmem_space *space, struct ntmem_protect *protect,
		      int (*run)(struct ntmem_space *space,
				 struct ntmem_protect *protect))
{
	u64 start = ntmem_tell_begin(space);
	int err = run(space, protect);
	struct ntmem_range range = {
		.addr = protect->addr, .size = protect->size,
		.prot = protect->prot,
	};

	ntmem_tell_op(space, NTMEM_NR_PROTECT, &range, err, start);
	return err;
}

static __always_inline long
ntmem_ioctl_protect(struct ntmem_space *space, struct ntmem_protect __user *user,
		    int (*run)(struct ntmem_space *space,
			       struct ntmem_protect *protect))
{
	struct ntmem_protect protect;
	int err;

	if (copy_from_user(&protect, user, sizeof(protect)))
		return -EFAULT;
	/* Found unwritable before it is too late: what was there goes back. */
	if (put_user(protect.old_prot, &user->old_prot))
		return -EFAULT;
	if (unlikely(ntmem_is_observed()))
		err = ntmem_watched_protect(space, &protect, run);
	else
		err = run(space, &protect);
	return err ?: put_user(protect.old_prot, &user->old_prot);
}

static noinline int ntmem_watched_query(struct ntmem_space *space,
					struct ntmem_query *query)
{
	union ntmem_arg arg = { .query = *query };
	int err = ntmem_watched_op(space, NTMEM_NR_QUERY, &arg, ntmem_do_op);

	*query = arg.query;
	return err;
}

static long ntmem_ioctl_query(struct ntmem_space *space,
			      struct ntmem_query __user *user)
{
	struct ntmem_query query;
	int err;

	if (copy_from_user(&query, user, sizeof(query)))
		return -EFAULT;
	if (unlikely(ntmem_is_observed()))
		err = ntmem_watched_query(space, &query);
	else
		err = ntmem_query(space, &query);
	if (!err && copy_to_user(user, &query, sizeof(query)))
		return -EFAULT;
	return err;
}

static noinline int ntmem_watched_watch(struct ntmem_space *space,
					struct ntmem_watch *watch)
{
	u64 start = ntmem_tell_begin(space);
	int err = ntmem_watch(space, watch);
	struct ntmem_range range = {
		.addr = watch->addr, .size = watch->size,
		.flags = watch->flags,
	};

	ntmem_tell_op(space, NTMEM_NR_WATCH, &range, err, start);
	return err;
}

static long ntmem_ioctl_watch(struct ntmem_space *space,
			      struct ntmem_watch __user *user)
{
	struct ntmem_watch watch;
	int err;

	if (copy_from_user(&watch, user, sizeof(watch)))
		return -EFAULT;
	/* What is reset must be told: found unwritable before. */
	if (put_user(watch.count, &user->count))
		return -EFAULT;
	if (unlikely(ntmem_is_observed()))
		err = ntmem_watched_watch(space, &watch);
	else
		err = ntmem_watch(space, &watch);
	return err ?: put_user(watch.count, &user->count);
}

static noinline long ntmem_ioctl_rare(struct ntmem_space *space,
				      unsigned int cmd, void __user *user)
{
	switch (cmd) {
	case NTMEM_IOC_CREATE_SECTION:
	case NTMEM_IOC_OPEN_SECTION:
	case NTMEM_IOC_QUERY_SECTION:
		return ntmem_ioctl_section(space, cmd, user);
	case NTMEM_IOC_OPEN_SPACE:
		return ntmem_ioctl_open_space(space, user);
	default:
		return ntmem_ioctl_any(space, cmd, user);
	}
}

/* Those that programs call most go the short way. */
long ntmem_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	struct ntmem_space *space = file->private_data;
	void __user *user = (void __user *)uarg;

	ntmem_stop_point("ioctl_enter");
	if (unlikely(space->mm != current->mm || space->dead))
		return -EIO;
	switch (cmd) {
	case NTMEM_IOC_COMMIT:
	case NTMEM_IOC_DECOMMIT:
		return ntmem_ioctl_range(space, cmd, user);
	case NTMEM_IOC_PROTECT:
		return ntmem_ioctl_protect(space, user, ntmem_protect);
	case NTMEM_IOC_QUERY:
		return ntmem_ioctl_query(space, user);
	case NTMEM_IOC_WATCH:
		return ntmem_ioctl_watch(space, user);
	default:
		return ntmem_ioctl_rare(space, cmd, user);
	}
}

/**
 * ntmem_ioctl_space() - an ioctl on a handle of OPEN_SPACE
 * @space: whose handle it is; mostly not the caller's
 * @cmd: which
 * @user: argument, in the caller's memory
 *
 * What is about the calling thread, or about no space, is nothing for a handle;
 * nor are the granularity, which the process itself may have taken as given, and
 * its limit.
 */
long ntmem_ioctl_space(struct ntmem_space *space, unsigned int cmd,
		       void __user *user)
{
	ntmem_stop_point("ioctl_space");
	if (unlikely(space->dead))
		return -EIO;
	switch (cmd) {
	case NTMEM_IOC_SET_GRANULARITY:
	case NTMEM_IOC_SET_LIMIT:
	case NTMEM_IOC_LAST_FAULT:
	case NTMEM_IOC_CREATE_SECTION:
	case NTMEM_IOC_OPEN_SECTION:
	case NTMEM_IOC_QUERY_SECTION:
	case NTMEM_IOC_OPEN_SPACE:
		return -EOPNOTSUPP;
	case NTMEM_IOC_PROTECT:
		return ntmem_ioctl_protect(space, user, ntmem_protect_there);
	case NTMEM_IOC_WATCH:
		return ntmem_ioctl_watch(space, user);
	default:
		return ntmem_ioctl_any(space, cmd, user);
	}
}

/* ---------------------------------------------------------------- device --- */

static int ntmem_device_open(struct inode *inode, struct file *file)
{
	struct ntmem_space *space;

	ntmem_stop_point("device_open");
	space = ntmem_space_open();
	if (IS_ERR(space))
		return PTR_ERR(space);
	file->private_data = space;
	return nonseekable_open(inode, file);
}

static int ntmem_device_release(struct inode *inode, struct file *file)
{
	ntmem_space_put(file->private_data);
	return 0;
}

static const struct file_operations ntmem_device_fops = {
	.owner = THIS_MODULE,
	.open = ntmem_device_open,
	.release = ntmem_device_release,
	.unlocked_ioctl = ntmem_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice ntmem_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ntmem",
	.fops = &ntmem_device_fops,
	/* Opening grants nothing but memory of one's own, within limits. */
	.mode = 0666,
};

static void ntmem_nothing(void)
{
}

/* In the order of the layers; undone in reverse. */
static const struct {
	int (*init)(void);
	void (*exit)(void);
} ntmem_parts[] = {
	{ ntmem_prot_init, ntmem_nothing },
	{ ntmem_page_init, ntmem_page_exit },
	{ ntmem_fault_init, ntmem_nothing },
	{ ntmem_table_init, ntmem_table_exit },
	{ ntmem_region_init, ntmem_region_exit },
	{ ntmem_charge_init, ntmem_charge_exit },
	{ ntmem_reclaim_init, ntmem_reclaim_exit },
	{ ntmem_space_init, ntmem_space_exit },
	{ ntmem_netlink_init, ntmem_netlink_exit },
	{ ntmem_test_init, ntmem_test_exit },
};

static void ntmem_parts_exit(int nr)
{
	while (nr--)
		ntmem_parts[nr].exit();
}

static int __init ntmem_init(void)
{
	int i, err;

	for (i = 0; i < ARRAY_SIZE(ntmem_parts); i++) {
		err = ntmem_parts[i].init();
		if (err)
			goto undo;
	}
	err = misc_register(&ntmem_device);
	if (!err)
		return 0;
undo:
	ntmem_parts_exit(i);
	return err;
}

static void __exit ntmem_exit(void)
{
	misc_deregister(&ntmem_device);
	ntmem_parts_exit(ARRAY_SIZE(ntmem_parts));
}

module_init(ntmem_init);
module_exit(ntmem_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Windows NT's reserve / commit / protect memory model");
