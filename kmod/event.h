/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events, for who listens by netlink, and tracepoints. Where nobody does either,
 * what is asked here is a jump that is not taken.
 */
#ifndef NTMEM_EVENT_H
#define NTMEM_EVENT_H

#include <linux/jump_label_ratelimit.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint-defs.h>
#include "ntmem.h"
#include "stats.h"
#include <uapi/linux/ntmem_netlink.h>

extern struct static_key_false_deferred ntmem_listening;
DECLARE_TRACEPOINT(ntmem_op);
DECLARE_TRACEPOINT(ntmem_fault);

/**
 * struct ntmem_event - something that has happened
 * @kind: NTMEM_EVENT_*
 * @addr: where, in bytes, or 0
 * @size: how much, or 0
 * @prot: protection that was asked for
 * @flags: flags likewise
 * @result: 0 or a negative errno
 * @duration: in ns, of an operation
 */
struct ntmem_event {
	u32 kind;
	u64 addr;
	u64 size;
	u32 prot;
	u32 flags;
	int result;
	u64 duration;
};

/* Does anybody want to know of operations? */
static __always_inline bool ntmem_is_observed(void)
{
	return static_branch_unlikely(&ntmem_listening.key) ||
	       tracepoint_enabled(ntmem_op);
}

void ntmem_event_send(struct ntmem_space *space,
		      const struct ntmem_event *event);

/* Something without more to it. Never sleeps; any lock may be held. */
static __always_inline void ntmem_tell(struct ntmem_space *space, u32 kind,
				       unsigned long addr, unsigned long size)
{
	if (static_branch_unlikely(&ntmem_listening.key))
		ntmem_event_send(space, &(struct ntmem_event){
			.kind = kind, .addr = addr, .size = size,
		});
}

/*
 * An operation begins that is to be told: its start, in ns. Of two threads that are
 * refused at a limit at the same time only the last one is told so.
 */
static inline u64 ntmem_tell_begin(struct ntmem_space *space)
{
	cmpxchg(&space->limited, current, NULL);
	return ktime_get_ns();
}

/* An operation that began at start has ended. */
void ntmem_tell_op(struct ntmem_space *space, unsigned int nr,
		   const struct ntmem_range *range, int result, u64 start);

/* A fault's start, for who traces faults. */
static __always_inline u64 ntmem_trace_begin(void)
{
	return tracepoint_enabled(ntmem_fault) ? ktime_get_ns() : 0;
}

void ntmem_trace_fault_slow(const struct vm_fault *vmf, u32 reason,
			    vm_fault_t ret, u64 start);

static __always_inline void ntmem_trace_fault(const struct vm_fault *vmf,
					      u32 reason, vm_fault_t ret,
					      u64 start)
{
	if (tracepoint_enabled(ntmem_fault))
		ntmem_trace_fault_slow(vmf, reason, ret, start);
}

/**
 * struct ntmem_event_filter - which events a socket asks for
 * @sk: the socket; a listener holds it, and with it its network namespace
 * @portid: its address there, which may be another's once it is closed
 * @pid_ns: where its pids are looked up
 * @pid: only of this process, or NULL
 * @asker: whose events it may have; holds no reference itself
 * @payer: who is charged with one listener more
 * @kinds: bit mask by NTMEM_EVENT_*
 * @rate: the most in a second
 */
struct ntmem_event_filter {
	struct sock *sk;
	u32 portid;
	struct pid_namespace *pid_ns;
	struct pid *pid;
	struct ntmem_asker asker;
	kuid_t payer;
	u32 kinds;
	u32 rate;
};

void ntmem_space_seen(struct ntmem_space *space);
int ntmem_subscribe(const struct ntmem_event_filter *filter);
void ntmem_unsubscribe(const struct sock *sk);
void ntmem_socket_closed(const struct net *net, u32 portid);
void ntmem_event_exit(void);

/* netlink.c */
struct sk_buff *ntmem_event_message(const struct ntmem_event *event, u32 portid,
				    u32 pid, u32 tid, u64 lost);

#endif
