/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ntmem: Windows NT's reserve / commit / protect memory model on Linux.
 *
 * The contract between the module, which serves /dev/ntmem, and user space.
 *
 * A process that opens /dev/ntmem gets the *space* of its address space: one
 * per mm, however often it is opened. An fd works only for the mm that opened
 * it; from any other one (after fork or exec, or when passed on) every ioctl
 * fails with EIO. A child made by fork has a space of its own, with the same
 * reservations, copy-on-write, and opens the device again to use it. What works
 * from other processes is the handle that OPEN_SPACE makes.
 *
 * All addresses and sizes are in bytes. Every structure is the same for 32-bit
 * and 64-bit callers. Fields named pad and unknown flag bits must be zero
 * (EINVAL); what is only returned may be anything before. A call that fails
 * changes nothing, except where said.
 *
 * Error numbers, the same in every call, with the NTSTATUS they stand for:
 *
 *   EINVAL         bad argument: zero size, unknown flag, bad protection, a
 *                  range that overflows or leaves user space, bad alignment
 *                                              (STATUS_INVALID_PARAMETER)
 *   ENOTTY         no such ioctl, or no such operation in a batch
 *   EFAULT         the argument structure itself cannot be read or written;
 *                  of a BATCH, a part was done
 *   EIO            the caller's mm is not the one that opened the fd, or is
 *                  that of a child whose fork had no memory for its space
 *   EEXIST         RESERVE at an address: the range is in use
 *                  COMMIT: the range lies in a placeholder
 *                                              (STATUS_CONFLICTING_ADDRESSES)
 *   ENOSPC         RESERVE: no hole is large enough    (STATUS_NO_MEMORY)
 *   ENOENT         the address is in no reservation, or the range is not
 *                  inside one reservation, or, where placeholders are asked
 *                  for, is not what is wanted  (STATUS_MEMORY_NOT_ALLOCATED,
 *                                               STATUS_CONFLICTING_ADDRESSES)
 *   EADDRNOTAVAIL  RELEASE or DECOMMIT with size 0: the address is not in the
 *                  first page of its reservation (STATUS_FREE_VM_NOT_AT_BASE)
 *   ERANGE         RELEASE or DECOMMIT: the range begins inside a reservation
 *                  and leaves it               (STATUS_UNABLE_TO_FREE_VM)
 *                  MAP_VIEW: the view leaves its section
 *                                              (STATUS_INVALID_VIEW_SIZE)
 *   ENODATA        PROTECT or LOCK: a page of the range is not committed
 *                                              (STATUS_NOT_COMMITTED)
 *   ENOMEM         a commit limit is reached, or the kernel has no memory
 *                                              (STATUS_COMMITMENT_LIMIT)
 *   EACCES         LOCK: a page of the range is NOACCESS
 *                  RESERVE, COMMIT, PROTECT with EXECUTE: the process may
 *                  execute nothing new (PR_SET_MDWE), or has sealed the
 *                  mapping (mseal(2))
 *                                              (STATUS_ACCESS_VIOLATION)
 *                  OPEN_SECTION, MAP_VIEW: more than the section or the handle
 *                  allows                      (STATUS_ACCESS_DENIED)
 *   EKEYEXPIRED    LOCK: a page of the range was a guard page; its guard, and
 *                  only its, is now gone       (STATUS_GUARD_PAGE_VIOLATION)
 *   EPERM          RELEASE, DECOMMIT: the reservation is a view
 *                                              (STATUS_UNABLE_TO_DELETE_SECTION)
 *   EBADF          a handle that is none of a section
 *                                              (STATUS_INVALID_HANDLE)
 *   EDQUOT         over RLIMIT_MEMLOCK: LOCK; and whatever has to map, in a
 *                  process that locks all it maps (mlockall(2))
 *                                              (STATUS_WORKING_SET_QUOTA)
 *   ENOLCK         UNLOCK: a page of the range is not locked
 *                                              (STATUS_NOT_LOCKED)
 *   ENXIO          WATCH: the reservation is not watched
 *                                              (STATUS_INVALID_PARAMETER_1)
 *   EBUSY          RESET_UNDO: the content of at least one page is lost;
 *                  SET_GRANULARITY: the space has had a reservation
 *   EPERM          SET_LIMIT: higher than it was, without CAP_SYS_RESOURCE
 *                                              (STATUS_PRIVILEGE_NOT_HELD)
 *   EINTR          a fatal signal arrived; of a BATCH, a part was done
 *   ESRCH          through a handle of OPEN_SPACE: the process has ended or has
 *                  executed another program; of a BATCH, a part was done
 *                                              (STATUS_PROCESS_IS_TERMINATING)
 *   EOPNOTSUPP     known to NT, not to this version of ntmem; through a handle
 *                  of OPEN_SPACE: not about that space
 */
#ifndef _UAPI_LINUX_NTMEM_H
#define _UAPI_LINUX_NTMEM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define NTMEM_API_VERSION	1

/*
 * Protection: exactly one of the base values, which are Windows' own, and
 * possibly one modifier. GUARD, NOCACHE and WRITECOMBINE go neither with each
 * other nor with NOACCESS. The WRITECOPY values are for sections and their views
 * and refused (EINVAL) for private memory.
 *
 * NOCACHE and WRITECOMBINE belong to the reservation: given to RESERVE they
 * are reported for all its committed pages but NOACCESS ones; given later they
 * are checked and have no effect. They do not change how the CPU caches the
 * memory. A page with EXECUTE alone can be read, as on Windows.
 *
 * A guard stops one access of the program, which gets SIGSEGV, and is gone,
 * for this page alone. A system call that meets a guarded page fails with
 * EFAULT, and the guard stays: the kernel's copy routines try again what
 * faulted, so that a guard that went with the first try would be lost unseen.
 */
#define NTMEM_PAGE_NOACCESS		0x001
#define NTMEM_PAGE_READONLY		0x002
#define NTMEM_PAGE_READWRITE		0x004
#define NTMEM_PAGE_WRITECOPY		0x008
#define NTMEM_PAGE_EXECUTE		0x010
#define NTMEM_PAGE_EXECUTE_READ		0x020
#define NTMEM_PAGE_EXECUTE_READWRITE	0x040
#define NTMEM_PAGE_EXECUTE_WRITECOPY	0x080
#define NTMEM_PAGE_GUARD		0x100
#define NTMEM_PAGE_NOCACHE		0x200
#define NTMEM_PAGE_WRITECOMBINE		0x400

/* States that QUERY reports; the first three are Windows' own values. */
#define NTMEM_STATE_COMMIT	0x01000
#define NTMEM_STATE_RESERVE	0x02000
#define NTMEM_STATE_FREE	0x10000
/* A Linux mapping that is not ntmem's: program, stack, mmap(2). */
#define NTMEM_STATE_FOREIGN	0x80000000

/* Types that QUERY reports, Windows' own values. */
#define NTMEM_TYPE_PRIVATE	0x0020000
#define NTMEM_TYPE_MAPPED	0x0040000
#define NTMEM_TYPE_IMAGE	0x1000000

/* ------------------------------------------------------------------------
 * INFO: what this module is, and the state of its accounts. Where the fd or the
 * handle is good for any call (see EIO, ESRCH) it fails for a bad pointer only.
 * The committed and resident counts are exact when nothing is running.
 */
struct ntmem_info {
	__u32 version;		/* NTMEM_API_VERSION */
	__u32 pad;
	__u64 features;		/* NTMEM_FEATURE_* */
	__u64 page_size;
	__u64 granularity;	/* of this space */
	__u64 min_address;	/* lowest address that RESERVE gives */
	__u64 max_address;	/* highest usable address, inclusive */
	__u64 commit_limit;	/* limits: the system, this user, this space; */
	__u64 user_limit;	/* all ones = none */
	__u64 space_limit;
	__u64 committed;	/* bytes charged: system, user, space */
	__u64 user_committed;
	__u64 space_committed;
	__u64 space_reserved;	/* bytes of address space in reservations */
	__u64 resident;		/* bytes of pages in reservations and sections,
				 * system; those of a section as long as it is
				 * there. A space keeps up to 256 KiB more for
				 * reuse
				 */
	__u64 spaces;		/* number of spaces, system */
};

#define NTMEM_FEATURE_BATCH	(1ULL << 0)
#define NTMEM_FEATURE_COW_FORK	(1ULL << 1)
#define NTMEM_FEATURE_RESET	(1ULL << 2)	/* reset pages are reclaimed */
#define NTMEM_FEATURE_WATCH	(1ULL << 3)	/* RESERVE_WATCH and WATCH work */
#define NTMEM_FEATURE_PLACEHOLDER (1ULL << 4)	/* so do those of RESERVE, RELEASE */
#define NTMEM_FEATURE_SECTION	(1ULL << 5)	/* sections and views */
#define NTMEM_FEATURE_REMOTE	(1ULL << 6)	/* OPEN_SPACE works */
#define NTMEM_FEATURE_LIMIT	(1ULL << 7)	/* so does SET_LIMIT */
#define NTMEM_FEATURE_PLAIN	(1ULL << 8)	/* so does PLAIN, in both calls */

/* ------------------------------------------------------------------------
 * RESERVE: takes a range of address space, without memory.
 *
 * @addr: in: wanted address, rounded down to the granularity, or 0 for the
 *	system's choice; out: base of the reservation.
 * @size: in: bytes, not 0. With an address, the reservation ends at
 *	addr + size rounded up to a page; without, size rounds up to pages.
 *	Out: size of the reservation.
 * @prot: NTMEM_PAGE_*, reported as the reservation's AllocationProtect.
 * @flags: NTMEM_RESERVE_*.
 * @min_addr: lowest acceptable base, a multiple of the granularity; 0 = any.
 * @max_addr: highest acceptable last byte, a page multiple minus one, above
 *	min_addr; 0 = any.
 * @align: 0, or a power of two, at least the granularity.
 *	These three need addr == 0.
 *
 * The base, not the end, has the granularity: the rest of the last granule is
 * free, but since bases round down, nothing can be reserved there as long as
 * the granule's first page is taken. Nothing is reserved below 64 KiB. Where
 * no address and no range is given, the place is the system's choice.
 *
 * munmap(2) of a whole reservation releases it. Of a part it fails, as do
 * mprotect(2) and mremap(2). The mapping that reservations were carved from
 * stays, and with it the module's use, until the process ends.
 *
 * A forked child inherits reservations, granularity, contents (copy-on-write)
 * and guards, but no locks. Its commit is charged; where that fails, or memory
 * runs out, every access to the reservation in the child is SIGBUS.
 */
struct ntmem_reserve {
	__u64 addr;
	__u64 size;
	__u32 prot;
	__u32 flags;
	__u64 min_addr;
	__u64 max_addr;
	__u64 align;
};

#define NTMEM_RESERVE_COMMIT	(1U << 0)	/* and commit all of it with prot */
#define NTMEM_RESERVE_TOP_DOWN	(1U << 1)	/* the highest hole */
#define NTMEM_RESERVE_NOFORK	(1U << 2)	/* a forked child does not get it */
#define NTMEM_RESERVE_WATCH	(1U << 3)	/* writes are recorded, see WATCH */
#define NTMEM_RESERVE_PLACEHOLDER (1U << 4)	/* see below */
#define NTMEM_RESERVE_REPLACE	(1U << 5)	/* takes a placeholder's place */
#define NTMEM_RESERVE_PLAIN	(1U << 6)	/* takes a plain mapping's place */

/*
 * A placeholder keeps a range of addresses free for what will take its place:
 * nothing can be committed in it. Splitting, joining and replacing it, and the
 * way back, leave no moment in which anything else could get the addresses.
 *
 * RESERVE with PLACEHOLDER makes one; prot must be NOACCESS, and of the flags
 *	only TOP_DOWN, NOFORK and PLAIN may be given with it.
 * RESERVE with REPLACE makes a reservation of exactly one placeholder, whose
 *	addr and size are given, rounded to pages and not to the granularity;
 *	ENOENT when there is no such one. The limits must be 0, and so must
 *	TOP_DOWN and PLACEHOLDER. It is not for a forked child if either of
 *	both was NOFORK.
 * RELEASE without a flag frees addresses of a placeholder as it does those of a
 *	reservation, also of one that has replaced one.
 * RELEASE with PRESERVE, size not 0:
 *	of a part of a placeholder: splits it. The range becomes a placeholder
 *	of its own, as does what lies in front of it and behind it;
 *	of the whole of a reservation that has replaced one: the content is gone
 *	and a placeholder is there again.
 *	ENOENT for any other range.
 * RELEASE with COALESCE, size not 0: makes one placeholder of two or more that
 *	lie side by side and together are exactly the range; else ENOENT. It
 *	is not for a forked child if one of them was not.
 *
 * RELEASE with PLAIN, size not 0: exactly one placeholder is ntmem's no more; a
 *	plain mapping without access has its addresses, private, anonymous, with
 *	no swap reserved, over which mmap(2) with MAP_FIXED may map a file. A
 *	forked child gets it, also where the placeholder was NOFORK. ENOENT for
 *	any other range.
 * RESERVE with PLACEHOLDER and PLAIN is the way back: a placeholder of exactly
 *	the pages from addr to addr + size takes the place of all mappings
 *	there, which are the process's own business, and whose content is gone.
 *	EEXIST when a part is reserved, ENOENT when a part is not mapped or
 *	is but left over from a reservation, EACCES when a part is sealed. TOP_DOWN
 *	does not go with it, and the limits must be 0. Like munmap(2), it asks
 *	nobody else who uses these addresses. When the answer cannot be told
 *	(EFAULT) a plain mapping without access has them.
 *	Both are EOPNOTSUPP when the space is not the caller's. Where the kernel
 *	has no memory at all the addresses may be free afterwards (ENOMEM).
 *
 * QUERY shows a placeholder as it does a reservation with nothing committed.
 */
#define NTMEM_RELEASE_PRESERVE	(1U << 0)
#define NTMEM_RELEASE_COALESCE	(1U << 1)
#define NTMEM_RELEASE_PLAIN	(1U << 2)

/* ------------------------------------------------------------------------
 * A range of one reservation. addr rounds down, addr + size up, to a page,
 * except in RESET and RESET_UNDO, where addr rounds up and addr + size down,
 * so that neighbours on the same page are safe.
 *
 * COMMIT: makes the pages committed with protection prot and charges those
 *	that were not. Pages that were committed keep their content and get the
 *	new protection. New pages read zero. ENOENT when the range is not
 *	inside one reservation.
 * DECOMMIT: gives pages back; their content is gone and they are reserved
 *	again. Pages that are not committed are passed over. size 0: the whole
 *	reservation, addr in its first page.
 * RELEASE: size 0 frees the whole reservation, addr in its first page. With
 *	a size it frees those pages and splits the reservation; what remains
 *	keeps working: the part in front keeps the base, the part behind
 *	becomes a reservation of its own, based where it begins.
 * LOCK: makes committed, accessible pages resident and marks them locked.
 *	There is no count: one UNLOCK undoes any number of LOCKs. Limited by
 *	RLIMIT_MEMLOCK unless CAP_IPC_LOCK. Of several reasons to refuse, the
 *	first of ENODATA, EACCES, EKEYEXPIRED, EDQUOT is given.
 * UNLOCK: all pages must be locked.
 * RESET: the content of the pages no longer matters: under memory pressure
 *	it may be dropped, and the page then reads zero. The next write to a
 *	page makes it matter again. Uncommitted pages in the range are passed
 *	over. A range that rounds to nothing succeeds. All that addr and size
 *	name, not only what remains, must lie in one reservation.
 * RESET_UNDO: makes the content matter again. EBUSY when the content of one
 *	page or more was lost (those read zero; all pages matter again).
 *
 * @prot is for COMMIT; in the others it must be 0.
 * @flags: RELEASE: NTMEM_RELEASE_PRESERVE, _COALESCE or _PLAIN, see above;
 *	else 0.
 */
struct ntmem_range {
	__u64 addr;
	__u64 size;
	__u32 prot;
	__u32 flags;
};

/* ------------------------------------------------------------------------
 * PROTECT: gives committed pages of one reservation a new protection.
 * old_prot returns the previous protection of the first page.
 */
struct ntmem_protect {
	__u64 addr;
	__u64 size;
	__u32 prot;
	__u32 old_prot;
};

/* ------------------------------------------------------------------------
 * QUERY: the run of pages of equal state and protection that begins at addr
 * (rounded down to a page). Never crosses a reservation.
 *
 * FREE: alloc_base, alloc_prot, type 0; prot NOACCESS; size up to the next
 *	reservation or foreign mapping or the end of user space.
 * RESERVE: prot 0, type PRIVATE. COMMIT: prot with its modifiers, PRIVATE.
 * FOREIGN: alloc_base is the base of the mapping, prot its access, type IMAGE
 *	(executable file), MAPPED (other file or shared) or PRIVATE; size to
 *	the end of the mapping.
 * Above max_address of INFO there is at most a foreign mapping, the stack of a
 * program that runs without randomization; EINVAL elsewhere there.
 *
 * With NTMEM_QUERY_PAGE in flags, size is the page size in a reservation, and
 * marks tells what is no part of a run: of a committed page whether it is locked,
 * and whether it is the section's that a view shows, not the view's own.
 */
struct ntmem_query {
	__u64 addr;		/* in */
	__u32 flags;		/* in: NTMEM_QUERY_* */
	__u32 marks;		/* in: 0; out: NTMEM_MARK_* */
	__u64 base;		/* out: addr rounded down to a page */
	__u64 alloc_base;
	__u64 size;
	__u32 alloc_prot;
	__u32 state;
	__u32 prot;
	__u32 type;
};

#define NTMEM_QUERY_PAGE	(1U << 0)

#define NTMEM_MARK_LOCKED	(1U << 0)
#define NTMEM_MARK_SHARED	(1U << 1)

/* ------------------------------------------------------------------------
 * SET_GRANULARITY: the allocation granularity of this space, a power of two
 * from the page size to 1 GiB, before its first reservation (else EBUSY).
 */
struct ntmem_granularity {
	__u64 granularity;
	__u64 pad;
};

/* ------------------------------------------------------------------------
 * SET_LIMIT: the most that this space may commit; what is set for every space
 * (see INFO) may be less, and then counts. Only CAP_SYS_RESOURCE may set more
 * than was set before (EPERM). What is committed stays so. Children made by fork
 * have the limit, other programs begin without one.
 *
 * @limit: in bytes, rounded down to pages; all ones: no limit.
 */
struct ntmem_limit {
	__u64 limit;
	__u64 pad;
};

/* ------------------------------------------------------------------------
 * BATCH: runs count operations, in order, in one call.
 *
 * Each operation is one of RESERVE, COMMIT, DECOMMIT, RELEASE, PROTECT, QUERY,
 * LOCK, UNLOCK, RESET and RESET_UNDO, named by its NTMEM_NR_*. status gets 0
 * or a negative errno; an operation that was not run keeps the status it came
 * with. The call succeeds when it ran to its end or stop, whatever the single
 * results; done says how many operations were run, the failed one included.
 * What is behind the structure of its operation in raw may be anything, too.
 */
struct ntmem_op {
	__u32 op;
	__s32 status;
	union {
		struct ntmem_reserve reserve;
		struct ntmem_range range;
		struct ntmem_protect protect;
		struct ntmem_query query;
		__u64 raw[8];
	};
};

struct ntmem_batch {
	__u64 ops;		/* address of an array of struct ntmem_op */
	__u32 count;		/* 1 to NTMEM_BATCH_MAX */
	__u32 flags;		/* NTMEM_BATCH_* */
	__u32 done;		/* out */
	__u32 pad;
};

#define NTMEM_BATCH_STOP	(1U << 0)	/* stop at the first failure */
#define NTMEM_BATCH_MAX		65536

/* ------------------------------------------------------------------------
 * LAST_FAULT: why the calling thread's last access was refused, for a handler
 * of SIGSEGV. Reading it forgets it: ENODATA until the next one. Faults inside
 * of system calls are not kept, nor is the fetch of an instruction from a page
 * of data that is present, which the CPU refuses by itself.
 */
struct ntmem_fault {
	__u64 addr;		/* the byte that was accessed */
	__u32 access;		/* NTMEM_ACCESS_* */
	__u32 reason;		/* NTMEM_FAULT_* */
	__u32 prot;		/* of the page, as it was then; 0 = reserved */
	__u32 pad;
};

#define NTMEM_ACCESS_READ	0
#define NTMEM_ACCESS_WRITE	1
#define NTMEM_ACCESS_EXECUTE	8

#define NTMEM_FAULT_FREE	1	/* no reservation */
#define NTMEM_FAULT_RESERVED	2	/* not committed */
#define NTMEM_FAULT_PROTECTION	3	/* committed, access not allowed */
#define NTMEM_FAULT_GUARD	4	/* guard page; the guard is now gone */

/* ------------------------------------------------------------------------
 * WATCH: the pages of a range that have been written to, of a reservation that
 * was made with NTMEM_RESERVE_WATCH. addr rounds down, addr + size up, to a
 * page; ENOENT when the range is not inside one reservation, ENXIO when that is
 * not watched; of several reasons to refuse, the first of EINVAL, ENOENT, ENXIO
 * is given, then ENOMEM or EFAULT. A BATCH has no WATCH.
 *
 * A page is recorded with its first write, the program's or the kernel's for
 * it: read(2), O_DIRECT, io_uring, process_vm_writev(2), or a WATCH whose array
 * lies there. What reads it, and COMMIT, PROTECT, LOCK, RESET and DECOMMIT, leave
 * the record alone; also a page that was given back is told. In the module a
 * page that a device may still be writing to stays recorded, whatever is
 * reset; so does one that is just being faulted in. Pages may be told more
 * often than they were written to, never less. A forked child begins with its
 * parent's records, which it may reset without its parent's notice.
 *
 * @pages: address of an array of @count __u64; the addresses of the recorded
 *	pages, in rising order, are written to it, and no more than those.
 * @count: in: length of the array; out: how many were written. 0 in only with
 *	NTMEM_WATCH_RESET: then all of the range is reset, and @pages must be 0.
 * @flags: NTMEM_WATCH_RESET: what is told is recorded no more, until the next
 *	write. What the array had no room for stays recorded. Between the
 *	look at a page and the reset of its record no write is lost; the whole
 *	range is not looked at in one instant.
 *
 * A call that fails has told and reset nothing, but of a reset without an array
 * a part may have been done. One that fails on its way, for want of memory
 * or of an array that can be written, tells and resets less than there is.
 */
struct ntmem_watch {
	__u64 addr;
	__u64 size;
	__u64 pages;
	__u64 count;
	__u32 flags;
	__u32 pad;
};

#define NTMEM_WATCH_RESET	(1U << 0)

/* ------------------------------------------------------------------------
 * Sections: memory that is no process's own. Any number of processes map views
 * of it and see the same pages. It lives as long as a handle to it, an fd, or a
 * view of it is left; its name as long as a handle. A handle works in any
 * process that has one, by inheritance, SCM_RIGHTS or pidfd_getfd(2); all
 * else is between the process and its own space.
 *
 * Commit is charged once for a section, to the user who made it and to the
 * system, to no process: at once, or, with RESERVE, page by page as a COMMIT in
 * any view asks for it, which all views see. What is committed stays so.
 *
 * CREATE_SECTION makes one, or opens the one that has this name already: then
 *	EXISTED is set in flags and size is what that has, whatever was asked.
 * OPEN_SECTION opens the one that has this name, ENOENT when there is none;
 *	without a name it makes another handle of the handle in fd.
 *
 * @size: CREATE: in bytes, rounded up to pages; OPEN: 0. Out: of the section.
 * @name, @name_len: address of a name and its length in bytes, 1 to
 *	NTMEM_NAME_MAX; any bytes. 0, 0: none. A name is a user's own, in one
 *	IPC namespace.
 * @prot: READONLY, READWRITE, WRITECOPY, EXECUTE_READ, EXECUTE_READWRITE or
 *	EXECUTE_WRITECOPY. CREATE: the most that a view can have, with any
 *	handle. OPEN: that views through this handle can have; EACCES when
 *	it is more than the section, or the handle in fd, allows; 0 for
 *	as much as that allows.
 * @flags: in: CREATE: NTMEM_SECTION_RESERVE; OPEN: 0. Out: what holds of
 *	NTMEM_SECTION_*.
 * @fd: in: OPEN without a name: a handle; else 0. Out: the new one, with
 *	O_CLOEXEC.
 *
 * QUERY_SECTION tells size, prot and flags of the handle in fd; in: these, name
 *	and name_len are 0.
 */
struct ntmem_section {
	__u64 size;
	__u64 name;
	__u32 name_len;
	__u32 prot;
	__u32 flags;
	__s32 fd;
};

#define NTMEM_SECTION_RESERVE	(1U << 0)	/* COMMIT in a view commits */
#define NTMEM_SECTION_EXISTED	(1U << 1)	/* out only */
#define NTMEM_NAME_MAX		1024

/*
 * MAP_VIEW makes a reservation that shows a part of a section.
 *
 * @fd: handle of a section.
 * @prot: as in RESERVE, or WRITECOPY or EXECUTE_WRITECOPY: a page of such
 *	protection that is written to becomes the view's own, is reported as
 *	READWRITE or EXECUTE_READWRITE, and is nobody else's business any
 *	more. EACCES when the handle does not allow it; NOACCESS and WRITECOPY
 *	need no more than READONLY.
 * @offset: in the section, a multiple of the page size.
 * @size: in bytes, rounded up to pages; 0: to the section's end. Out: of the
 *	view.
 * @addr, @min_addr, @max_addr: as in RESERVE; with REPLACE the view takes the
 *	place of exactly one placeholder.
 * @flags: of NTMEM_RESERVE_*: TOP_DOWN, NOFORK, REPLACE.
 *
 * In a view QUERY's type is MAPPED. COMMIT commits pages of a section that has
 * RESERVE, in others it does what PROTECT does. PROTECT allows what is no more
 * than the view was mapped with, EINVAL else; WRITECOPY where it can be read.
 * RESET and RESET_UNDO change nothing. DECOMMIT and RELEASE are EPERM, WATCH is
 * ENXIO. The first WRITECOPY charges the whole view to its process, so that
 * no copy can fail for a limit. munmap(2) of a whole view is UNMAP_VIEW.
 *
 * A forked child has the same views; what a view has copied is copied once
 * more as either side writes to it.
 *
 * UNMAP_VIEW: ends the view that addr lies in, ENOENT when there is none.
 * @flags: NTMEM_RELEASE_PRESERVE: a placeholder takes its place; ENOENT when it
 *	has not replaced one.
 */
struct ntmem_map_view {
	__s32 fd;
	__u32 prot;
	__u64 offset;
	__u64 addr;
	__u64 size;
	__u64 min_addr;
	__u64 max_addr;
	__u32 flags;
	__u32 pad;
};

struct ntmem_unmap_view {
	__u64 addr;
	__u32 flags;
	__u32 pad;
};

/* ------------------------------------------------------------------------
 * OPEN_SPACE: a handle to the caller's space, an fd, through which the ioctls
 * work on that space whoever calls them. Who has the handle has the caller's
 * address space in its hands: it goes by SCM_RIGHTS, by pidfd_getfd(2), where
 * the kernel decides who may, and to every child made by fork, for which it
 * stays its parent's. Being O_CLOEXEC it does not go to another program.
 *
 * Through a handle work INFO, RESERVE, COMMIT, DECOMMIT, RELEASE, PROTECT, QUERY,
 * LOCK, UNLOCK, RESET, RESET_UNDO, BATCH, WATCH, MAP_VIEW and UNMAP_VIEW. All
 * addresses in them are of that space; the array of BATCH, that of WATCH and the
 * fd of MAP_VIEW are the caller's. The process whose space it is pays, within
 * its own limits: commit, RLIMIT_AS, RLIMIT_MEMLOCK, memory cgroup. The others
 * are EOPNOTSUPP.
 *
 * The space ends with exit and with execve(2) of its process, or of the last
 * that shares its memory (CLONE_VM); then all is ESRCH, for good. The handle
 * keeps none of its memory.
 *
 * @fd: out: the handle, with O_CLOEXEC.
 * @flags: 0.
 */
struct ntmem_open_space {
	__s32 fd;
	__u32 flags;
};

/* ------------------------------------------------------------------------ */

#define NTMEM_NR_INFO			0x00
#define NTMEM_NR_RESERVE		0x01
#define NTMEM_NR_COMMIT			0x02
#define NTMEM_NR_DECOMMIT		0x03
#define NTMEM_NR_RELEASE		0x04
#define NTMEM_NR_PROTECT		0x05
#define NTMEM_NR_QUERY			0x06
#define NTMEM_NR_LOCK			0x07
#define NTMEM_NR_UNLOCK			0x08
#define NTMEM_NR_RESET			0x09
#define NTMEM_NR_RESET_UNDO		0x0a
#define NTMEM_NR_SET_GRANULARITY	0x0b
#define NTMEM_NR_BATCH			0x0c
#define NTMEM_NR_LAST_FAULT		0x0d
#define NTMEM_NR_WATCH			0x0e
#define NTMEM_NR_CREATE_SECTION		0x0f
#define NTMEM_NR_OPEN_SECTION		0x10
#define NTMEM_NR_QUERY_SECTION		0x11
#define NTMEM_NR_MAP_VIEW		0x12
#define NTMEM_NR_UNMAP_VIEW		0x13
#define NTMEM_NR_OPEN_SPACE		0x14
#define NTMEM_NR_SET_LIMIT		0x15

#define NTMEM_IOC_MAGIC	0xC4

#define NTMEM_IOC_INFO		_IOR(NTMEM_IOC_MAGIC, NTMEM_NR_INFO, struct ntmem_info)
#define NTMEM_IOC_RESERVE	_IOWR(NTMEM_IOC_MAGIC, NTMEM_NR_RESERVE, struct ntmem_reserve)
#define NTMEM_IOC_COMMIT	_IOW(NTMEM_IOC_MAGIC, NTMEM_NR_COMMIT, struct ntmem_range)
#define NTMEM_IOC_DECOMMIT	_IOW(NTMEM_IOC_MAGIC, NTMEM_NR_DECOMMIT, struct ntmem_range)
#define NTMEM_IOC_RELEASE	_IOW(NTMEM_IOC_MAGIC, NTMEM_NR_RELEASE, struct ntmem_range)
#define NTMEM_IOC_PROTECT	_IOWR(NTMEM_IOC_MAGIC, NTMEM_NR_PROTECT, struct ntmem_protect)
#define NTMEM_IOC_QUERY		_IOWR(NTMEM_IOC_MAGIC, NTMEM_NR_QUERY, struct ntmem_query)
#define NTMEM_IOC_LOCK		_IOW(NTMEM_IOC_MAGIC, NTMEM_NR_LOCK, struct ntmem_range)
#define NTMEM_IOC_UNLOCK	_IOW(NTMEM_IOC_MAGIC, NTMEM_NR_UNLOCK, struct ntmem_range)
#define NTMEM_IOC_RESET		_IOW(NTMEM_IOC_MAGIC, NTMEM_NR_RESET, struct ntmem_range)
#define NTMEM_IOC_RESET_UNDO	_IOW(NTMEM_IOC_MAGIC, NTMEM_NR_RESET_UNDO, struct ntmem_range)
#define NTMEM_IOC_SET_GRANULARITY \
	_IOW(NTMEM_IOC_MAGIC, NTMEM_NR_SET_GRANULARITY, struct ntmem_granularity)
#define NTMEM_IOC_BATCH		_IOWR(NTMEM_IOC_MAGIC, NTMEM_NR_BATCH, struct ntmem_batch)
#define NTMEM_IOC_LAST_FAULT	_IOR(NTMEM_IOC_MAGIC, NTMEM_NR_LAST_FAULT, struct ntmem_fault)
#define NTMEM_IOC_WATCH		_IOWR(NTMEM_IOC_MAGIC, NTMEM_NR_WATCH, struct ntmem_watch)
#define NTMEM_IOC_CREATE_SECTION \
	_IOWR(NTMEM_IOC_MAGIC, NTMEM_NR_CREATE_SECTION, struct ntmem_section)
#define NTMEM_IOC_OPEN_SECTION \
	_IOWR(NTMEM_IOC_MAGIC, NTMEM_NR_OPEN_SECTION, struct ntmem_section)
#define NTMEM_IOC_QUERY_SECTION \
	_IOWR(NTMEM_IOC_MAGIC, NTMEM_NR_QUERY_SECTION, struct ntmem_section)
#define NTMEM_IOC_MAP_VIEW \
	_IOWR(NTMEM_IOC_MAGIC, NTMEM_NR_MAP_VIEW, struct ntmem_map_view)
#define NTMEM_IOC_UNMAP_VIEW \
	_IOW(NTMEM_IOC_MAGIC, NTMEM_NR_UNMAP_VIEW, struct ntmem_unmap_view)
#define NTMEM_IOC_OPEN_SPACE \
	_IOWR(NTMEM_IOC_MAGIC, NTMEM_NR_OPEN_SPACE, struct ntmem_open_space)
#define NTMEM_IOC_SET_LIMIT	_IOW(NTMEM_IOC_MAGIC, NTMEM_NR_SET_LIMIT, struct ntmem_limit)

#endif /* _UAPI_LINUX_NTMEM_H */
