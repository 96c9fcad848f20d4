// SPDX-License-Identifier: GPL-2.0
/*
 * Events: who listens, and what each gets. A socket has subscribed with a filter
 * of its own, since who may know of a process is another question for each; so
 * events go to each socket by itself, and no multicast group has them all.
 *
 * Listeners are read under RCU by whoever has something to tell, in faults and
 * in reclaim too: nothing sleeps there, and what cannot be sent is counted.
 */
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include "event.h"
#include "ntmem.h"
#include "test.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* Each costs everybody time who does anything. */
#define NTMEM_LISTENERS		64	/* of users without CAP_SYS_ADMIN */
#define NTMEM_LISTENERS_EACH	8	/* of one of them */

/**
 * struct ntmem_listener - a socket that gets events
 * @node: on the list of all
 * @filter: which; with references to its socket, namespaces and pid
 * @lock: guards the next three
 * @second: the second, in jiffies / HZ, that is counted
 * @sent: events in it
 * @lost: events that were not sent, since it subscribed
 */
struct ntmem_listener {
	struct list_head node;
	struct ntmem_event_filter filter;
	spinlock_t lock;	/* second, sent, lost */
	unsigned long second;
	u32 sent;
	u64 lost;
};

static LIST_HEAD(ntmem_listeners);
static DEFINE_MUTEX(ntmem_listeners_lock);	/* changes of the list */

/* Changes the code of all CPUs; a user who comes and goes does not each time. */
DEFINE_STATIC_KEY_DEFERRED_FALSE(ntmem_listening, HZ);

/* ---------------------------------------------------------------- sending --- */

/* May one more be sent in this second? If not, it is lost. */
static bool ntmem_listener_admits(struct ntmem_listener *listener, u64 *lost)
{
	unsigned long second = jiffies / HZ;
	bool admits;

	spin_lock(&listener->lock);
	if (listener->second != second) {
		listener->second = second;
		listener->sent = 0;
	}
	admits = listener->sent < listener->filter.rate;
	if (admits)
		listener->sent++;
	else
		listener->lost++;
	*lost = listener->lost;
	spin_unlock(&listener->lock);
	return admits;
}

static void ntmem_listener_lost(struct ntmem_listener *listener)
{
	spin_lock(&listener->lock);
	listener->lost++;
	spin_unlock(&listener->lock);
}

static void ntmem_listener_send(struct ntmem_listener *listener,
				struct ntmem_space *space,
				const struct ntmem_event *event)
{
	const struct ntmem_event_filter *filter = &listener->filter;
	u32 pid = pid_nr_ns(space->pid, filter->pid_ns), tid = 0;
	struct sk_buff *message;
	u64 lost;

	/* Its port may be another's by now, who did not ask for this. */
	if (!pid || sock_flag(filter->sk, SOCK_DEAD) ||
	    !ntmem_space_visible(space, &filter->asker))
		return;
	ntmem_spin_point("event_send");
	if (!ntmem_listener_admits(listener, &lost))
		return;
	if (current->mm == space->mm)
		tid = task_pid_nr_ns(current, filter->pid_ns);
	message = ntmem_event_message(event, filter->portid, pid, tid, lost);
	if (!message || genlmsg_unicast(sock_net(filter->sk), message,
					filter->portid))
		ntmem_listener_lost(listener);
}

void ntmem_event_send(struct ntmem_space *space,
		      const struct ntmem_event *event)
{
	struct ntmem_listener *listener;

	ntmem_space_seen(space);
	if (!READ_ONCE(space->pid))
		return;
	rcu_read_lock();
	list_for_each_entry_rcu(listener, &ntmem_listeners, node) {
		if (!(listener->filter.kinds & BIT(event->kind)) ||
		    (listener->filter.pid && listener->filter.pid != space->pid))
			continue;
		ntmem_listener_send(listener, space, event);
	}
	rcu_read_unlock();
}

/* Whoever looks first at a new space makes it known. */
void ntmem_space_seen(struct ntmem_space *space)
{
	if (ntmem_space_identify(space))
		ntmem_tell(space, NTMEM_EVENT_CREATED, 0, 0);
}

/* By NTMEM_NR_*; one more than the event, 0 where there is none. */
static const u8 ntmem_event_of[] = {
	[NTMEM_NR_RESERVE] = NTMEM_EVENT_RESERVE + 1,
	[NTMEM_NR_COMMIT] = NTMEM_EVENT_COMMIT + 1,
	[NTMEM_NR_DECOMMIT] = NTMEM_EVENT_DECOMMIT + 1,
	[NTMEM_NR_RELEASE] = NTMEM_EVENT_RELEASE + 1,
	[NTMEM_NR_PROTECT] = NTMEM_EVENT_PROTECT + 1,
	[NTMEM_NR_MAP_VIEW] = NTMEM_EVENT_RESERVE + 1,
	[NTMEM_NR_UNMAP_VIEW] = NTMEM_EVENT_RELEASE + 1,
};

void ntmem_tell_op(struct ntmem_space *space, unsigned int nr,
		   const struct ntmem_range *range, int result, u64 start)
{
	struct ntmem_event event = {
		.addr = range->addr, .size = range->size, .prot = range->prot,
		.flags = range->flags, .result = result,
		.duration = ktime_get_ns() - start,
	};

	ntmem_space_seen(space);
	trace_ntmem_op(space, nr, range, result, event.duration);
	if (!static_branch_unlikely(&ntmem_listening.key))
		return;
	if (nr < ARRAY_SIZE(ntmem_event_of) && ntmem_event_of[nr]) {
		event.kind = ntmem_event_of[nr] - 1;
		ntmem_event_send(space, &event);
	}
	if (result == -ENOMEM && READ_ONCE(space->limited) == current) {
		event.kind = NTMEM_EVENT_LIMIT;
		ntmem_event_send(space, &event);
	}
}

void ntmem_trace_fault_slow(const struct vm_fault *vmf, u32 reason,
			    vm_fault_t ret, u64 start)
{
	struct ntmem_space *space = vmf->vma->vm_private_data;

	ntmem_space_seen(space);
	trace_ntmem_fault(space, vmf, reason, ret,
			  start ? ktime_get_ns() - start : 0);
}

/* -------------------------------------------------------------- listeners --- */

static void ntmem_listener_free(struct ntmem_listener *listener)
{
	sock_put(listener->filter.sk);
	put_pid_ns(listener->filter.pid_ns);
	put_pid(listener->filter.pid);
	put_user_ns(listener->filter.asker.user_ns);
	kfree(listener);
}

static struct ntmem_listener *ntmem_listener_find(const struct sock *sk)
{
	struct ntmem_listener *listener;

	list_for_each_entry(listener, &ntmem_listeners, node)
		if (listener->filter.sk == sk)
			return listener;
	return NULL;
}

/* Of a socket that is closed, and had that port; another may have it by now. */
static struct ntmem_listener *ntmem_listener_find_closed(const struct net *net,
							 u32 portid)
{
	struct ntmem_listener *listener;

	list_for_each_entry(listener, &ntmem_listeners, node)
		if (listener->filter.portid == portid &&
		    net_eq(sock_net(listener->filter.sk), net) &&
		    sock_flag(listener->filter.sk, SOCK_DEAD))
			return listener;
	return NULL;
}

/* Are there so many already that others would suffer? */
static bool ntmem_listeners_full(kuid_t payer)
{
	unsigned int all = 0, own = 0;
	struct ntmem_listener *listener;

	list_for_each_entry(listener, &ntmem_listeners, node) {
		if (listener->filter.asker.all)
			continue;
		all++;
		own += uid_eq(listener->filter.payer, payer);
	}
	return all >= NTMEM_LISTENERS || own >= NTMEM_LISTENERS_EACH;
}

static struct ntmem_listener *
ntmem_listener_make(const struct ntmem_event_filter *filter)
{
	struct ntmem_listener *listener;

	listener = kzalloc(sizeof(*listener), GFP_KERNEL_ACCOUNT);
	if (!listener)
		return NULL;
	spin_lock_init(&listener->lock);
	listener->filter = *filter;
	sock_hold(filter->sk);
	get_pid_ns(filter->pid_ns);
	get_pid(filter->pid);
	get_user_ns(filter->asker.user_ns);
	return listener;
}

/**
 * ntmem_subscribe() - send events to a socket
 * @filter: which; takes the place of what the socket asked for before
 *
 * Return: 0, -ENOMEM, or -EUSERS where too many listen already.
 */
int ntmem_subscribe(const struct ntmem_event_filter *filter)
{
	struct ntmem_listener *listener = ntmem_listener_make(filter), *old;
	int err = 0;

	if (!listener)
		return -ENOMEM;
	/* Before anybody can find the listener, and take this away again. */
	static_branch_inc(&ntmem_listening.key);
	mutex_lock(&ntmem_listeners_lock);
	old = ntmem_listener_find(filter->sk);
	if (old)
		list_replace_rcu(&old->node, &listener->node);
	else if (!filter->asker.all &&
		 ntmem_listeners_full(filter->payer))
		err = -EUSERS;
	else
		list_add_tail_rcu(&listener->node, &ntmem_listeners);
	mutex_unlock(&ntmem_listeners_lock);
	ntmem_stop_point("subscribed");
	if (err)
		old = listener;
	if (!old)
		return 0;
	static_branch_slow_dec_deferred(&ntmem_listening);
	if (!err)
		synchronize_rcu();
	ntmem_listener_free(old);
	return err;
}

/* Of one that is off the list, or NULL. */
static void ntmem_listener_end(struct ntmem_listener *listener)
{
	if (!listener)
		return;
	static_branch_slow_dec_deferred(&ntmem_listening);
	synchronize_rcu();
	ntmem_listener_free(listener);
}

/* A socket listens no longer, if it did. */
void ntmem_unsubscribe(const struct sock *sk)
{
	struct ntmem_listener *listener;

	mutex_lock(&ntmem_listeners_lock);
	listener = ntmem_listener_find(sk);
	if (listener)
		list_del_rcu(&listener->node);
	mutex_unlock(&ntmem_listeners_lock);
	ntmem_listener_end(listener);
}

/* Nor does one that is gone, of which there is no more than this. */
void ntmem_socket_closed(const struct net *net, u32 portid)
{
	struct ntmem_listener *listener;

	/* Called for every socket that ends; this one has nobody to race with. */
	if (list_empty(&ntmem_listeners))
		return;
	ntmem_stop_point("socket_closed");
	mutex_lock(&ntmem_listeners_lock);
	listener = ntmem_listener_find_closed(net, portid);
	if (listener)
		list_del_rcu(&listener->node);
	mutex_unlock(&ntmem_listeners_lock);
	ntmem_listener_end(listener);
}

/* Nobody can subscribe any more, and no space is left. */
void ntmem_event_exit(void)
{
	struct ntmem_listener *listener, *next;

	list_for_each_entry_safe(listener, next, &ntmem_listeners, node) {
		list_del(&listener->node);
		static_branch_slow_dec_deferred(&ntmem_listening);
		ntmem_listener_free(listener);
	}
	static_key_deferred_flush(&ntmem_listening);
}
