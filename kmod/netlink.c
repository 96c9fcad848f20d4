// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: what it takes and gives, and to whom. The spec is
 * doc/netlink/ntmem.yaml, the numbers are in <linux/ntmem_netlink.h>.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/notifier.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/user_namespace.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include "compat.h"
#include "event.h"
#include "ntmem.h"
#include "stats.h"
#include "test.h"

static struct genl_family ntmem_family;

/*
 * May whoever opened a socket see what its sender may? A program with more rights
 * than its user can be made to write to what it takes for its stdout. One that
 * gives an address knows what it writes to; netlink_capable() has it so, too.
 */
static bool ntmem_opener_may(const struct sk_buff *skb)
{
	const struct file *file = NETLINK_CB(skb).sk->sk_socket->file;

	return NETLINK_CB(skb).flags & NETLINK_SKB_DST ||
	       (uid_eq(file->f_cred->euid, current_euid()) &&
		file->f_cred->user_ns == current_user_ns()) ||
	       file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN);
}

static struct ntmem_asker ntmem_asker(const struct sk_buff *skb)
{
	return (struct ntmem_asker){
		.uid = ntmem_opener_may(skb) ? current_euid() : INVALID_UID,
		.user_ns = current_user_ns(),
		.all = netlink_capable(skb, CAP_SYS_ADMIN),
	};
}

/* A reply with its header, for one command. */
static struct sk_buff *ntmem_reply_new(struct genl_info *info, void **head)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL_ACCOUNT);

	if (!skb)
		return NULL;
	*head = genlmsg_put_reply(skb, info, &ntmem_family, 0,
				  info->genlhdr->cmd);
	return skb;
}

/* A fresh message of NLMSG_GOODSIZE has room for all that one holds. */
static int ntmem_reply(struct sk_buff *skb, struct genl_info *info, void *head,
		       int err)
{
	if (WARN_ON_ONCE(err)) {
		nlmsg_free(skb);
		return err;
	}
	genlmsg_end(skb, head);
	return genlmsg_reply(skb, info);
}

/* --------------------------------------------------------------- settings --- */

static const struct nla_policy
ntmem_settings_policy[NTMEM_A_SETTINGS_MAX + 1] = {
	[NTMEM_A_SETTINGS_GRANULARITY] = { .type = NLA_U64 },
	[NTMEM_A_SETTINGS_COMMIT_LIMIT] = { .type = NLA_U64 },
	[NTMEM_A_SETTINGS_USER_LIMIT] = { .type = NLA_U64 },
	[NTMEM_A_SETTINGS_SPACE_LIMIT] = { .type = NLA_U64 },
	[NTMEM_A_SETTINGS_FAULT_WINDOW] =
		NLA_POLICY_RANGE(NLA_U32, 1, NTMEM_BLOCK_PAGES),
};

static const struct {
	int attr;
	unsigned long *limit;
} ntmem_limits[] = {
	{ NTMEM_A_SETTINGS_COMMIT_LIMIT, &ntmem_commit_limit },
	{ NTMEM_A_SETTINGS_USER_LIMIT, &ntmem_user_limit },
	{ NTMEM_A_SETTINGS_SPACE_LIMIT, &ntmem_space_limit },
};

static int ntmem_settings_put(struct sk_buff *skb)
{
	unsigned int i;

	if (nla_put_u64_64bit(skb, NTMEM_A_SETTINGS_GRANULARITY,
			      READ_ONCE(ntmem_granularity), 0) ||
	    nla_put_u32(skb, NTMEM_A_SETTINGS_FAULT_WINDOW,
			READ_ONCE(ntmem_fault_window)))
		return -EMSGSIZE;
	for (i = 0; i < ARRAY_SIZE(ntmem_limits); i++)
		if (nla_put_u64_64bit(skb, ntmem_limits[i].attr,
				      ntmem_bytes(READ_ONCE(*ntmem_limits[i].limit)),
				      0))
			return -EMSGSIZE;
	return 0;
}

static int ntmem_settings_get(struct sk_buff *request, struct genl_info *info)
{
	struct sk_buff *skb;
	void *head;

	skb = ntmem_reply_new(info, &head);
	if (!skb)
		return -ENOMEM;
	return ntmem_reply(skb, info, head, ntmem_settings_put(skb));
}

/* Everything is looked at before anything is changed. */
static int ntmem_settings_set(struct sk_buff *request, struct genl_info *info)
{
	struct nlattr *granularity = info->attrs[NTMEM_A_SETTINGS_GRANULARITY];
	struct nlattr *window = info->attrs[NTMEM_A_SETTINGS_FAULT_WINDOW];
	struct nlattr *attr;
	unsigned int i;

	if (!netlink_capable(request, CAP_SYS_ADMIN)) {
		NL_SET_ERR_MSG(info->extack, "settings are CAP_SYS_ADMIN's");
		return -EPERM;
	}
	if (granularity && !ntmem_granularity_valid(nla_get_u64(granularity))) {
		NL_SET_ERR_MSG_ATTR(info->extack, granularity,
				    "not a power of two from a page to 1 GiB");
		return -EINVAL;
	}
	if (granularity)
		WRITE_ONCE(ntmem_granularity, nla_get_u64(granularity));
	if (window)
		WRITE_ONCE(ntmem_fault_window, nla_get_u32(window));
	for (i = 0; i < ARRAY_SIZE(ntmem_limits); i++) {
		attr = info->attrs[ntmem_limits[i].attr];
		if (!attr)
			continue;
		WRITE_ONCE(*ntmem_limits[i].limit,
			   nla_get_u64(attr) == U64_MAX ?
			   ULONG_MAX : nla_get_u64(attr) >> PAGE_SHIFT);
	}
	return 0;
}

/* ------------------------------------------------------------- statistics --- */

static const struct nla_policy ntmem_stats_policy[NTMEM_A_STATS_UID + 1] = {
	[NTMEM_A_STATS_UID] = { .type = NLA_U32 },
};

static const u8 ntmem_count_attr[NTMEM_NR_COUNTS] = {
	[NTMEM_COUNT_FAULTS] = NTMEM_A_STATS_FAULTS,
	[NTMEM_COUNT_PAGES] = NTMEM_A_STATS_PAGES,
	[NTMEM_COUNT_COPIES] = NTMEM_A_STATS_COPIES,
	[NTMEM_COUNT_WATCHED] = NTMEM_A_STATS_WATCHED,
	[NTMEM_COUNT_GUARDS] = NTMEM_A_STATS_GUARDS,
	[NTMEM_COUNT_REFUSED] = NTMEM_A_STATS_REFUSED,
	[NTMEM_COUNT_DROPPED] = NTMEM_A_STATS_DROPPED,
	[NTMEM_COUNT_LIMITED] = NTMEM_A_STATS_LIMITED,
};

static int ntmem_stats_put(struct sk_buff *skb, const struct ntmem_stats *stats)
{
	const struct {
		int attr;
		unsigned long pages;
	} sizes[] = {
		{ NTMEM_A_STATS_RESERVED, stats->reserved },
		{ NTMEM_A_STATS_COMMITTED, stats->committed },
		{ NTMEM_A_STATS_RESIDENT, stats->resident },
		{ NTMEM_A_STATS_LOCKED, stats->locked },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		if (nla_put_u64_64bit(skb, sizes[i].attr,
				      ntmem_bytes(sizes[i].pages),
				      NTMEM_A_STATS_PAD))
			return -EMSGSIZE;
	for (i = 0; i < NTMEM_NR_COUNTS; i++)
		if (nla_put_u64_64bit(skb, ntmem_count_attr[i], stats->nr[i],
				      NTMEM_A_STATS_PAD))
			return -EMSGSIZE;
	return nla_put_u64_64bit(skb, NTMEM_A_STATS_SPACES, stats->spaces,
				 NTMEM_A_STATS_PAD);
}

/* Of the spaces of a user that the asker may see; INVALID_UID: of all spaces. */
static int ntmem_stats_sum(const struct ntmem_asker *asker, kuid_t uid,
			   struct ntmem_stats *stats)
{
	struct ntmem_space *space;
	u32 id = 0;

	while ((space = ntmem_space_after(id))) {
		id = space->id;
		ntmem_space_seen(space);
		if (!uid_valid(uid)) {
			ntmem_stats_of(space, stats);
		} else if (ntmem_space_visible(space, asker) &&
			   uid_eq(space->uid, uid)) {
			ntmem_stats_of(space, stats);
			stats->resident += ntmem_resident(space, 0, ULONG_MAX);
		}
		ntmem_space_put(space);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	if (!uid_valid(uid)) {
		ntmem_stats_happened(stats);
		stats->resident = ntmem_pages_resident();
	}
	return 0;
}

static int ntmem_stats_get(struct sk_buff *request, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[NTMEM_A_STATS_UID];
	struct ntmem_asker asker = ntmem_asker(request);
	struct ntmem_stats stats = { 0 };
	struct sk_buff *skb;
	void *head;
	kuid_t uid = INVALID_UID;
	int err;

	if (attr) {
		uid = make_kuid(current_user_ns(), nla_get_u32(attr));
		if (!uid_valid(uid)) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr, "no such user");
			return -EINVAL;
		}
		if (!asker.all && !uid_eq(uid, asker.uid)) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr,
					    "another user's");
			return -EPERM;
		}
	}
	err = ntmem_stats_sum(&asker, uid, &stats);
	if (err)
		return err;
	skb = ntmem_reply_new(info, &head);
	if (!skb)
		return -ENOMEM;
	err = ntmem_stats_put(skb, &stats);
	if (!err && attr)
		err = nla_put_u32(skb, NTMEM_A_STATS_UID, nla_get_u32(attr));
	return ntmem_reply(skb, info, head, err);
}

/* ----------------------------------------------------------------- spaces --- */

static const struct nla_policy ntmem_space_policy[NTMEM_A_STATS_PID + 1] = {
	[NTMEM_A_STATS_PID] = { .type = NLA_U32 },
};

static int ntmem_space_put_attrs(struct sk_buff *skb, struct ntmem_space *space)
{
	u32 pid = pid_nr_ns(space->pid, task_active_pid_ns(current));
	struct ntmem_stats stats = { 0 };

	ntmem_stats_of(space, &stats);
	stats.resident = ntmem_resident(space, 0, ULONG_MAX);
	if (nla_put_u32(skb, NTMEM_A_STATS_ID, space->id) ||
	    nla_put_u32(skb, NTMEM_A_STATS_PID, pid) ||
	    nla_put_u32(skb, NTMEM_A_STATS_UID,
			from_kuid_munged(current_user_ns(), space->uid)) ||
	    nla_put_u64_64bit(skb, NTMEM_A_STATS_PEAK,
			      ntmem_bytes(ntmem_peak(space)),
			      NTMEM_A_STATS_PAD))
		return -EMSGSIZE;
	return ntmem_stats_put(skb, &stats);
}

/* What the asker's pid namespace has no number for he does not see. */
static bool ntmem_space_shown(struct ntmem_space *space,
			      const struct ntmem_asker *asker)
{
	ntmem_space_seen(space);
	return ntmem_space_visible(space, asker) &&
	       pid_nr_ns(space->pid, task_active_pid_ns(current));
}

/*
 * A process as it was found. The reference to its mm keeps none of its memory:
 * whoever ends that takes its time, and all of generic netlink would have to wait.
 */
struct ntmem_process {
	struct mm_struct *mm;
	struct pid *pid;
	kuid_t uid;
};

/* False where there is none, or one of the kernel's. */
static bool ntmem_process_find(u32 nr, struct ntmem_process *process)
{
	struct mm_struct *mm = NULL;
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(find_vpid(nr), PIDTYPE_TGID);
	if (task) {
		task_lock(task);
		mm = task->flags & PF_KTHREAD ? NULL : task->mm;
		if (mm) {
			mmgrab(mm);
			process->mm = mm;
			process->pid = get_pid(task_tgid(task));
			process->uid = task_euid(task);
		}
		task_unlock(task);
	}
	rcu_read_unlock();
	return mm;
}

static void ntmem_process_put(struct ntmem_process *process)
{
	put_pid(process->pid);
	mmdrop(process->mm);
}

/*
 * A process that may use ntmem one day, with a reference, or NULL. One that the
 * caller may not see is as one that is not there.
 */
static struct pid *ntmem_process_by_pid(u32 nr, const struct ntmem_asker *asker)
{
	struct ntmem_process process;
	struct pid *pid = NULL;

	if (!ntmem_process_find(nr, &process))
		return NULL;
	if (ntmem_mm_visible(process.mm, process.uid, asker))
		pid = get_pid(process.pid);
	ntmem_process_put(&process);
	return pid;
}

static struct ntmem_space *ntmem_space_of(u32 nr)
{
	struct ntmem_process process;
	struct ntmem_space *space;

	if (!ntmem_process_find(nr, &process))
		return NULL;
	ntmem_stop_point("process_found");
	space = ntmem_space_find(process.mm);
	ntmem_process_put(&process);
	return space;
}

/*
 * The space of a process, or of the caller's without a number, with a reference.
 * A process that the caller may not see is as one that is not there.
 */
static struct ntmem_space *ntmem_space_by_pid(const struct nlattr *attr,
					      const struct ntmem_asker *asker,
					      struct netlink_ext_ack *extack)
{
	struct ntmem_space *space;

	space = attr ? ntmem_space_of(nla_get_u32(attr)) :
		       ntmem_space_find(current->mm);
	/* Anybody may see his own, but not show it to just anybody. */
	if (space && (attr || !uid_valid(asker->uid)) &&
	    !ntmem_space_shown(space, asker)) {
		ntmem_space_put(space);
		space = NULL;
	}
	if (space)
		return space;
	if (attr)
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "no such process with ntmem, or another user's");
	else
		NL_SET_ERR_MSG(extack, "the caller has no ntmem");
	return ERR_PTR(-ESRCH);
}

static int ntmem_space_get_one(struct sk_buff *request, struct genl_info *info)
{
	struct ntmem_asker asker = ntmem_asker(request);
	struct ntmem_space *space;
	struct sk_buff *skb;
	void *head;
	int err;

	space = ntmem_space_by_pid(info->attrs[NTMEM_A_STATS_PID], &asker,
				   info->extack);
	if (IS_ERR(space))
		return PTR_ERR(space);
	skb = ntmem_reply_new(info, &head);
	if (!skb) {
		ntmem_space_put(space);
		return -ENOMEM;
	}
	ntmem_space_seen(space);
	err = ntmem_space_put_attrs(skb, space);
	ntmem_space_put(space);
	return ntmem_reply(skb, info, head, err);
}

/* What a dump of spaces goes on with; the asker's namespace is held. */
struct ntmem_space_dump {
	struct ntmem_asker asker;
	u32 id;
};

static int ntmem_space_start(struct netlink_callback *cb)
{
	const struct genl_dumpit_info *info = genl_dumpit_info(cb);
	const struct nlattr *pid = ntmem_dump_attrs(info)[NTMEM_A_STATS_PID];
	struct ntmem_space_dump *dump = (void *)cb->ctx;

	BUILD_BUG_ON(sizeof(*dump) > sizeof(cb->ctx));
	if (pid) {
		NL_SET_ERR_MSG_ATTR(cb->extack, pid, "a dump is of all");
		return -EINVAL;
	}
	dump->asker = ntmem_asker(cb->skb);
	get_user_ns(dump->asker.user_ns);
	dump->id = 0;
	return 0;
}

static int ntmem_space_done(struct netlink_callback *cb)
{
	struct ntmem_space_dump *dump = (void *)cb->ctx;

	put_user_ns(dump->asker.user_ns);
	return 0;
}

static int ntmem_space_dump_one(struct sk_buff *skb,
				struct netlink_callback *cb,
				struct ntmem_space *space)
{
	void *head = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
				 cb->nlh->nlmsg_seq, &ntmem_family, NLM_F_MULTI,
				 NTMEM_CMD_SPACE_GET);

	if (!head)
		return -EMSGSIZE;
	if (ntmem_space_put_attrs(skb, space)) {
		genlmsg_cancel(skb, head);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, head);
	return 0;
}

static int ntmem_space_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct ntmem_space_dump *dump = (void *)cb->ctx;
	struct ntmem_space *space;
	int err = 0;
	u32 id;

	while (!err && (space = ntmem_space_after(dump->id))) {
		id = space->id;
		if (ntmem_space_shown(space, &dump->asker))
			err = ntmem_space_dump_one(skb, cb, space);
		ntmem_space_put(space);
		if (!err)
			dump->id = id;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return skb->len;
}

/* ------------------------------------------------------------------- runs --- */

static const struct nla_policy ntmem_run_policy[NTMEM_A_RUN_MAX + 1] = {
	[NTMEM_A_RUN_PID] = { .type = NLA_U32 },
};

/* What a dump of runs goes on with; the space has a reference. */
struct ntmem_run_dump {
	struct ntmem_space *space;
	unsigned long addr;
};

static int ntmem_run_start(struct netlink_callback *cb)
{
	const struct genl_dumpit_info *info = genl_dumpit_info(cb);
	struct ntmem_run_dump *dump = (void *)cb->ctx;
	struct ntmem_asker asker = ntmem_asker(cb->skb);
	struct ntmem_space *space;

	BUILD_BUG_ON(sizeof(*dump) > sizeof(cb->ctx));
	space = ntmem_space_by_pid(ntmem_dump_attrs(info)[NTMEM_A_RUN_PID],
				   &asker, cb->extack);
	if (IS_ERR(space))
		return PTR_ERR(space);
	dump->space = space;
	dump->addr = 0;
	return 0;
}

static int ntmem_run_done(struct netlink_callback *cb)
{
	struct ntmem_run_dump *dump = (void *)cb->ctx;

	ntmem_space_put(dump->space);
	return 0;
}

/* One run, as it was when its region was locked; its pages a moment later. */
struct ntmem_run {
	struct ntmem_query query;
	unsigned long resident;
	u32 flags;
};

static u32 ntmem_run_flags(const struct ntmem_region *region)
{
	return (region->watch ? NTMEM_RUN_WATCH : 0) |
	       (region->placeholder ? NTMEM_RUN_PLACEHOLDER : 0) |
	       (region->replaced ? NTMEM_RUN_REPLACED : 0) |
	       (region->nofork ? NTMEM_RUN_NOFORK : 0);
}

/* The run at addr or the next one above it; false where there is none. */
static bool ntmem_run_at(struct ntmem_space *space, unsigned long addr,
			 struct ntmem_run *run)
{
	struct ntmem_region *region;

	while (!(region = ntmem_region_lock(space, addr, false))) {
		region = ntmem_region_next(space, addr, ULONG_MAX);
		if (!region)
			return false;
		addr = max(addr, region->start);
		ntmem_region_put(region);
		ntmem_stop_point("run_found");
		if (fatal_signal_pending(current))
			return false;
	}
	run->query = (struct ntmem_query){ .base = addr };
	ntmem_query_region(region, &run->query);
	run->flags = ntmem_run_flags(region);
	ntmem_region_unlock(region, false);
	run->resident = ntmem_resident(space, addr, addr + run->query.size);
	return true;
}

static int ntmem_run_put(struct sk_buff *skb, const struct ntmem_run *run)
{
	const struct ntmem_query *query = &run->query;

	if (nla_put_u64_64bit(skb, NTMEM_A_RUN_ADDR, query->base,
			      NTMEM_A_RUN_PAD) ||
	    nla_put_u64_64bit(skb, NTMEM_A_RUN_SIZE, query->size,
			      NTMEM_A_RUN_PAD) ||
	    nla_put_u64_64bit(skb, NTMEM_A_RUN_BASE, query->alloc_base,
			      NTMEM_A_RUN_PAD) ||
	    nla_put_u64_64bit(skb, NTMEM_A_RUN_RESIDENT,
			      ntmem_bytes(run->resident), NTMEM_A_RUN_PAD) ||
	    nla_put_u32(skb, NTMEM_A_RUN_ALLOC_PROT, query->alloc_prot) ||
	    nla_put_u32(skb, NTMEM_A_RUN_STATE, query->state) ||
	    nla_put_u32(skb, NTMEM_A_RUN_PROT, query->prot) ||
	    nla_put_u32(skb, NTMEM_A_RUN_TYPE, query->type) ||
	    nla_put_u32(skb, NTMEM_A_RUN_FLAGS, run->flags))
		return -EMSGSIZE;
	return 0;
}

static int ntmem_run_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct ntmem_run_dump *dump = (void *)cb->ctx;
	struct ntmem_run run;
	void *head;

	while (ntmem_run_at(dump->space, dump->addr, &run)) {
		head = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
				   cb->nlh->nlmsg_seq, &ntmem_family,
				   NLM_F_MULTI, NTMEM_CMD_RUN_GET);
		if (!head)
			break;
		if (ntmem_run_put(skb, &run)) {
			genlmsg_cancel(skb, head);
			break;
		}
		genlmsg_end(skb, head);
		dump->addr = run.query.base + run.query.size;
		cond_resched();
	}
	return fatal_signal_pending(current) ? -EINTR : skb->len;
}

/* ----------------------------------------------------------------- events --- */

static const struct nla_policy ntmem_event_policy[NTMEM_A_EVENT_MAX + 1] = {
	[NTMEM_A_EVENT_KINDS] =
		NLA_POLICY_MASK(NLA_U32, BIT(__NTMEM_EVENT_MAX) - 1),
	[NTMEM_A_EVENT_PID] = { .type = NLA_U32 },
	[NTMEM_A_EVENT_RATE] = NLA_POLICY_MIN(NLA_U32, 1),
};

struct sk_buff *ntmem_event_message(const struct ntmem_event *event, u32 portid,
				    u32 pid, u32 tid, u64 lost)
{
	struct sk_buff *skb;
	void *head;

	/* One from the reserves, which reclaim may use, no socket would take. */
	skb = nlmsg_new(512, GFP_NOWAIT | __GFP_NOWARN | __GFP_NOMEMALLOC);
	if (!skb)
		return NULL;
	head = genlmsg_put(skb, portid, 0, &ntmem_family, 0, NTMEM_CMD_EVENT);
	if (!head ||
	    nla_put_u64_64bit(skb, NTMEM_A_EVENT_TIME, ktime_get_ns(),
			      NTMEM_A_EVENT_PAD) ||
	    nla_put_u64_64bit(skb, NTMEM_A_EVENT_DURATION, event->duration,
			      NTMEM_A_EVENT_PAD) ||
	    nla_put_u64_64bit(skb, NTMEM_A_EVENT_ADDR, event->addr,
			      NTMEM_A_EVENT_PAD) ||
	    nla_put_u64_64bit(skb, NTMEM_A_EVENT_SIZE, event->size,
			      NTMEM_A_EVENT_PAD) ||
	    nla_put_u64_64bit(skb, NTMEM_A_EVENT_LOST, lost,
			      NTMEM_A_EVENT_PAD) ||
	    nla_put_u32(skb, NTMEM_A_EVENT_KIND, event->kind) ||
	    nla_put_u32(skb, NTMEM_A_EVENT_PID, pid) ||
	    nla_put_u32(skb, NTMEM_A_EVENT_TID, tid) ||
	    nla_put_u32(skb, NTMEM_A_EVENT_PROT, event->prot) ||
	    nla_put_u32(skb, NTMEM_A_EVENT_FLAGS, event->flags) ||
	    nla_put_s32(skb, NTMEM_A_EVENT_RESULT, event->result)) {
		nlmsg_free(skb);
		return NULL;
	}
	genlmsg_end(skb, head);
	return skb;
}

static int ntmem_subscribe_cmd(struct sk_buff *request, struct genl_info *info)
{
	struct nlattr *kinds = info->attrs[NTMEM_A_EVENT_KINDS];
	struct nlattr *pid = info->attrs[NTMEM_A_EVENT_PID];
	struct nlattr *rate = info->attrs[NTMEM_A_EVENT_RATE];
	struct ntmem_event_filter filter = {
		.sk = NETLINK_CB(request).sk, .portid = info->snd_portid,
		.pid_ns = task_active_pid_ns(current),
		.asker = ntmem_asker(request), .payer = ntmem_payer(),
		.kinds = kinds ? nla_get_u32(kinds) :
				 BIT(__NTMEM_EVENT_MAX) - 1,
		.rate = rate ? nla_get_u32(rate) : NTMEM_EVENT_RATE,
	};
	int err;

	if (!filter.kinds) {
		ntmem_unsubscribe(filter.sk);
		return 0;
	}
	if (pid) {
		filter.pid = ntmem_process_by_pid(nla_get_u32(pid),
						  &filter.asker);
		if (!filter.pid) {
			NL_SET_ERR_MSG_ATTR(info->extack, pid,
					    "no such process, or another user's");
			return -ESRCH;
		}
	}
	err = ntmem_subscribe(&filter);
	if (err == -EUSERS)
		NL_SET_ERR_MSG(info->extack, "too many listen already");
	put_pid(filter.pid);
	return err;
}

/* A socket that is closed listens no longer. */
static int ntmem_netlink_notify(struct notifier_block *block,
				unsigned long state, void *data)
{
	const struct netlink_notify *notify = data;

	if (state == NETLINK_URELEASE && notify->protocol == NETLINK_GENERIC)
		ntmem_socket_closed(notify->net, notify->portid);
	return NOTIFY_DONE;
}

static struct notifier_block ntmem_netlink_notifier = {
	.notifier_call = ntmem_netlink_notify,
};

/* ----------------------------------------------------------------- family --- */

static const struct genl_ops ntmem_genl_ops[] = {
	{
		.cmd = NTMEM_CMD_SETTINGS_GET,
		.doit = ntmem_settings_get,
	}, {
		.cmd = NTMEM_CMD_SETTINGS_SET,
		.policy = ntmem_settings_policy,
		.maxattr = NTMEM_A_SETTINGS_MAX,
		.doit = ntmem_settings_set,
	}, {
		.cmd = NTMEM_CMD_STATS_GET,
		.policy = ntmem_stats_policy,
		.maxattr = NTMEM_A_STATS_UID,
		.doit = ntmem_stats_get,
	}, {
		.cmd = NTMEM_CMD_SPACE_GET,
		.policy = ntmem_space_policy,
		.maxattr = NTMEM_A_STATS_PID,
		.doit = ntmem_space_get_one,
		.start = ntmem_space_start,
		.dumpit = ntmem_space_dump,
		.done = ntmem_space_done,
	}, {
		.cmd = NTMEM_CMD_RUN_GET,
		.policy = ntmem_run_policy,
		.maxattr = NTMEM_A_RUN_PID,
		.start = ntmem_run_start,
		.dumpit = ntmem_run_dump,
		.done = ntmem_run_done,
	}, {
		.cmd = NTMEM_CMD_SUBSCRIBE,
		.policy = ntmem_event_policy,
		.maxattr = NTMEM_A_EVENT_RATE,
		.doit = ntmem_subscribe_cmd,
	},
};

static struct genl_family ntmem_family __ro_after_init = {
	.name = NTMEM_FAMILY_NAME,
	.version = NTMEM_FAMILY_VERSION,
	.module = THIS_MODULE,
	.netnsok = true,
	.parallel_ops = true,
	.ops = ntmem_genl_ops,
	.n_ops = ARRAY_SIZE(ntmem_genl_ops),
};

int ntmem_netlink_init(void)
{
	int err = netlink_register_notifier(&ntmem_netlink_notifier);

	if (err)
		return err;
	err = genl_register_family(&ntmem_family);
	if (err)
		netlink_unregister_notifier(&ntmem_netlink_notifier);
	return err;
}

void ntmem_netlink_exit(void)
{
	genl_unregister_family(&ntmem_family);
	netlink_unregister_notifier(&ntmem_netlink_notifier);
	ntmem_event_exit();
}
