/* SPDX-License-Identifier: MIT */
/*
 * The beacon: a page by which a process tells others, who may look into it, the
 * numbers of its own descriptors that are for them.
 *
 * Numbers are all that it tells. Who wants a descriptor asks the kernel for it
 * (pidfd_getfd(2)), which decides; who reads the page needs the same right,
 * and must not trust it: whatever comes by such a number is looked at first.
 * Among the descriptors of a process may be those of others that it has opened
 * itself, so that looking for one of the right kind would not do.
 *
 * The page is found by the name of its mapping. It belongs to the address space
 * like the space of ntmem does: exec(2) ends it, and a child does not get it.
 */
#ifndef NTMEM_BEACON_H
#define NTMEM_BEACON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* As other processes read it, of other versions of this library, too. */
struct ntmem_beacon {
	uint64_t magic;			/* NTMEM_BEACON_MAGIC */
	int32_t space;			/* handle of OPEN_SPACE, or -1 */
	int32_t service;		/* socket (virtual/service.h), or -1 */
	uint64_t service_inode;		/* of that socket */
};

#define NTMEM_BEACON_MAGIC	0x0001626d656d746eULL

/*
 * Tell a number, or -1: there is none any more. Without the memory for it
 * nothing is told; the second one, which only one thread may call at a time,
 * says so. The first one is signal safe.
 */
void ntmem_beacon_space(int fd);
bool ntmem_beacon_service(int fd, uint64_t inode);

/*
 * What the process tells whose directory of /proc is open as @proc, and whose
 * number is @pid. Returns 0, or a negative errno: ENOENT when it tells nothing,
 * EPERM or EACCES when this process may not know.
 */
int ntmem_beacon_read(int proc, pid_t pid, struct ntmem_beacon *beacon);

#endif
