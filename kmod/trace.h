/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ntmem

#if !defined(NTMEM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define NTMEM_TRACE_H

#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/tracepoint.h>
#include "ntmem.h"

#define ntmem_show_op(op)					\
	__print_symbolic(op,					\
			 { NTMEM_NR_RESERVE, "reserve" },	\
			 { NTMEM_NR_COMMIT, "commit" },		\
			 { NTMEM_NR_DECOMMIT, "decommit" },	\
			 { NTMEM_NR_RELEASE, "release" },	\
			 { NTMEM_NR_PROTECT, "protect" },	\
			 { NTMEM_NR_QUERY, "query" },		\
			 { NTMEM_NR_LOCK, "lock" },		\
			 { NTMEM_NR_UNLOCK, "unlock" },		\
			 { NTMEM_NR_RESET, "reset" },		\
			 { NTMEM_NR_RESET_UNDO, "reset_undo" },	\
			 { NTMEM_NR_WATCH, "watch" },		\
			 { NTMEM_NR_MAP_VIEW, "map_view" },	\
			 { NTMEM_NR_UNMAP_VIEW, "unmap_view" })

#define ntmem_show_reason(reason)				\
	__print_symbolic(reason,				\
			 { 0, "none" },				\
			 { NTMEM_FAULT_FREE, "free" },		\
			 { NTMEM_FAULT_RESERVED, "reserved" },	\
			 { NTMEM_FAULT_PROTECTION, "protection" }, \
			 { NTMEM_FAULT_GUARD, "guard" })

/*
 * An operation has ended: through an ioctl, or as one of a batch. pid is the
 * process whose space it was about, 0 where that is not known.
 */
TRACE_EVENT(ntmem_op,
	TP_PROTO(const struct ntmem_space *space, unsigned int op,
		 const struct ntmem_range *range, int result, u64 duration),
	TP_ARGS(space, op, range, result, duration),
	TP_STRUCT__entry(
		__field(u64, addr)
		__field(u64, size)
		__field(u64, duration)
		__field(u32, op)
		__field(u32, prot)
		__field(u32, flags)
		__field(int, result)
		__field(pid_t, pid)
	),
	TP_fast_assign(
		__entry->addr = range->addr;
		__entry->size = range->size;
		__entry->duration = duration;
		__entry->op = op;
		__entry->prot = range->prot;
		__entry->flags = range->flags;
		__entry->result = result;
		__entry->pid = pid_nr(READ_ONCE(space->pid));
	),
	TP_printk("pid=%d op=%s addr=0x%llx size=0x%llx prot=0x%x flags=0x%x result=%d duration=%llu",
		  __entry->pid, ntmem_show_op(__entry->op), __entry->addr,
		  __entry->size, __entry->prot, __entry->flags, __entry->result,
		  __entry->duration)
);

/* A fault was served, refused for a reason, or brought nothing, as ret says. */
TRACE_EVENT(ntmem_fault,
	TP_PROTO(const struct ntmem_space *space, const struct vm_fault *vmf,
		 u32 reason, vm_fault_t ret, u64 duration),
	TP_ARGS(space, vmf, reason, ret, duration),
	TP_STRUCT__entry(
		__field(u64, addr)
		__field(u64, duration)
		__field(u32, reason)
		__field(u32, ret)
		__field(pid_t, pid)
		__field(bool, write)
	),
	TP_fast_assign(
		__entry->addr = vmf->address;
		__entry->duration = duration;
		__entry->reason = reason;
		__entry->ret = (__force u32)ret;
		__entry->pid = pid_nr(READ_ONCE(space->pid));
		__entry->write = vmf->flags & (FAULT_FLAG_WRITE |
					       FAULT_FLAG_MKWRITE);
	),
	TP_printk("pid=%d addr=0x%llx write=%d reason=%s ret=0x%x duration=%llu",
		  __entry->pid, __entry->addr, __entry->write,
		  ntmem_show_reason(__entry->reason), __entry->ret,
		  __entry->duration)
);

#endif

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
