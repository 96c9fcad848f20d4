/* SPDX-License-Identifier: MIT */
/*
 * Whose memory a call is about: this process's, or another one's, whose space
 * is then worked on by a handle that it holds ready (see engine/beacon.h).
 *
 * What is below here looks the same for both: what the engine does in this
 * process, or another's space by the same ioctl.
 */
#ifndef NTMEM_TARGET_H
#define NTMEM_TARGET_H

#include <errno.h>

#include "virtual/process.h"

struct target {
	const struct ntmem_engine *engine;
	struct process process;
	int space;		/* taken out of the process's handle; -1: none */
};

/* This process. */
static inline struct target target_own(const struct ntmem_engine *engine)
{
	return (struct target){
		.engine = engine, .process = { .pidfd = -1, .own = true },
		.space = -1,
	};
}

/*
 * The process of a handle with these rights; false, with the last error set,
 * when there is none, or no engine. What was taken is to be given back.
 */
bool target_take(struct target *target, HANDLE process, DWORD rights);
void target_give(struct target *target);

/*
 * An operation in another process; of engine->remote's errors EOPNOTSUPP also
 * when that process, or this one, has no space of ntmem.
 */
int target_call(struct target *target, unsigned long request, void *arg);

/* QUERY, which has an answer for every process. */
int target_query(struct target *target, struct ntmem_query *query);

#define TARGET_OPERATION(name, NAME, type)				\
static inline int target_##name(struct target *target,			\
				struct ntmem_##type *arg)		\
{									\
	return target->process.own ? target->engine->name(arg) :	\
	       target_call(target, NTMEM_IOC_##NAME, arg);		\
}

TARGET_OPERATION(info, INFO, info)
TARGET_OPERATION(reserve, RESERVE, reserve)
TARGET_OPERATION(commit, COMMIT, range)
TARGET_OPERATION(decommit, DECOMMIT, range)
TARGET_OPERATION(release, RELEASE, range)
TARGET_OPERATION(protect, PROTECT, protect)
TARGET_OPERATION(lock, LOCK, range)
TARGET_OPERATION(unlock, UNLOCK, range)
TARGET_OPERATION(reset, RESET, range)
TARGET_OPERATION(reset_undo, RESET_UNDO, range)
TARGET_OPERATION(map_view, MAP_VIEW, map_view)
TARGET_OPERATION(unmap_view, UNMAP_VIEW, unmap_view)

#endif
