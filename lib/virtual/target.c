// SPDX-License-Identifier: MIT
/*
 * Whose memory a call is about. See target.h.
 */
#include <sys/pidfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "engine/beacon.h"
#include "engine/foreign.h"
#include "engine/highfd.h"
#include "engine/kernel_space.h"
#include "virtual/target.h"

bool target_take(struct target *target, HANDLE process, DWORD rights)
{
	const struct ntmem_engine *engine = virtual_engine();

	*target = target_own(engine);
	if (!engine || !process_look(process, rights, &target->process))
		return false;
	if (!target->process.own)
		target->space = handle_helper_take(target->process.more,
						   target->process.turn);
	return true;
}

static void drop_space(struct target *target)
{
	if (target->space >= 0)
		close(target->space);
	target->space = -1;
}

/*
 * Another call with the same handle may have fetched one meanwhile, or have closed
 * the handle.
 */
void target_give(struct target *target)
{
	if (target->space < 0)
		return;
	if (handle_helper_give(target->process.more, target->process.turn,
			       target->space))
		target->space = -1;
	drop_space(target);
}

/* 0 or a negative errno. A bare number may be anything's: look at what came. */
static int fetch_space(struct target *target, int proc)
{
	struct ntmem_beacon beacon;
	int error = ntmem_beacon_read(proc, target->process.pid, &beacon), fd;

	if (error)
		return error;
	if (beacon.space < 0)
		return -ENOENT;
	fd = pidfd_getfd(target->process.pidfd, beacon.space, 0);
	if (fd < 0)
		return errno == EBADF ? -ENOENT : -errno;
	if (!ntmem_is_space(fd)) {
		close(fd);
		return -ENOENT;
	}
	target->space = ntmem_highfd(fd);
	return 0;
}

/*
 * One whose end has begun has no memory, nor anything to tell, well before it is
 * seen to have ended.
 */
static bool has_memory(const struct process *process)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { NULL, 1 };

	return !process_has_ended(process->pidfd) &&
	       (process_vm_readv(process->pid, &here, 1, &there, 1, 0) >= 0 ||
		errno != ESRCH);
}

/* The kernel's refusals and the end of the process are one to Windows. */
static int find_space(struct target *target)
{
	int proc = process_open_proc(target->process.pidfd), error = proc;

	if (proc >= 0) {
		error = fetch_space(target, proc);
		close(proc);
	}
	if (error == -ENOENT && has_memory(&target->process))
		return -EOPNOTSUPP;
	return error && error != -EMFILE && error != -ENFILE ? -ESRCH : error;
}

/*
 * A space that has ended may be that of the program which the process ran
 * before: if it has another one, and that has a space, this is what is meant.
 */
static int call(struct target *target, unsigned long request, void *arg)
{
	int error = -ESRCH;

	if (target->space >= 0)
		error = target->engine->remote(target->space, request, arg);
	if (error != -ESRCH)
		return error;
	drop_space(target);
	error = find_space(target);
	return error ? error :
		       target->engine->remote(target->space, request, arg);
}

int target_call(struct target *target, unsigned long request, void *arg)
{
	int saved_errno = errno;
	int error = call(target, request, arg);

	errno = saved_errno;
	return error;
}

/* From the list of the process's mappings, where nothing is ntmem's. */
static int query_mappings(struct target *target, struct ntmem_query *query)
{
	int proc = process_open_proc(target->process.pidfd), error;
	struct ntmem_maps maps;

	if (proc < 0)
		return proc;
	error = ntmem_maps_open_of(&maps, proc);
	close(proc);
	if (error)
		return error;
	query->base = virtual_page(query->addr);
	error = ntmem_foreign_query(&maps, query, 0, FOREIGN_END);
	ntmem_maps_close(&maps);
	return error;
}

int target_query(struct target *target, struct ntmem_query *query)
{
	int saved_errno = errno, error;

	if (target->process.own)
		return target->engine->query(query);
	error = target_call(target, NTMEM_IOC_QUERY, query);
	if (error == -EOPNOTSUPP) {
		error = query_mappings(target, query);
		if (error == -ENOENT || error == -EACCES || error == -EPERM ||
		    !has_memory(&target->process))
			error = -ESRCH;
	}
	errno = saved_errno;
	return error;
}
