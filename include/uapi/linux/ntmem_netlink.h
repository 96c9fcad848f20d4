/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ntmem's generic netlink family: settings, statistics, what is reserved where,
 * and events. doc/netlink/ntmem.yaml says what each command takes and gives; this
 * is the same for C.
 *
 * Who may: anybody reads the settings and the statistics of the system. Of
 * processes a user sees those that run as this user and may be dumped, as in
 * /proc, CAP_SYS_ADMIN all; of pid namespaces what the caller's own holds. Both
 * who sends and who opened the socket must be allowed to, where the message has
 * no address.
 * Settings are changed with CAP_SYS_ADMIN, in the initial user namespace.
 * Sizes and addresses are in bytes, times in nanoseconds.
 */
#ifndef _UAPI_LINUX_NTMEM_NETLINK_H
#define _UAPI_LINUX_NTMEM_NETLINK_H

#define NTMEM_FAMILY_NAME	"ntmem"
#define NTMEM_FAMILY_VERSION	1

enum {
	NTMEM_CMD_SETTINGS_GET = 1,
	NTMEM_CMD_SETTINGS_SET,
	NTMEM_CMD_STATS_GET,
	NTMEM_CMD_SPACE_GET,
	NTMEM_CMD_RUN_GET,
	NTMEM_CMD_SUBSCRIBE,
	NTMEM_CMD_EVENT,

	__NTMEM_CMD_MAX,
	NTMEM_CMD_MAX = (__NTMEM_CMD_MAX - 1)
};

/* SETTINGS_GET, SETTINGS_SET */
enum {
	NTMEM_A_SETTINGS_GRANULARITY = 1,	/* u64, of new spaces */
	NTMEM_A_SETTINGS_COMMIT_LIMIT,	/* u64; all ones: none */
	NTMEM_A_SETTINGS_USER_LIMIT,	/* u64 */
	NTMEM_A_SETTINGS_SPACE_LIMIT,	/* u64 */
	NTMEM_A_SETTINGS_FAULT_WINDOW,	/* u32, pages that a fault may bring */

	__NTMEM_A_SETTINGS_MAX,
	NTMEM_A_SETTINGS_MAX = (__NTMEM_A_SETTINGS_MAX - 1)
};

/* STATS_GET, of the system or of all a user has; SPACE_GET, of one process */
enum {
	NTMEM_A_STATS_PAD = 1,
	NTMEM_A_STATS_ID,		/* u32, of a space; never used again soon */
	NTMEM_A_STATS_PID,		/* u32, in the caller's pid namespace */
	NTMEM_A_STATS_UID,		/* u32, in the caller's user namespace */
	NTMEM_A_STATS_SPACES,		/* u64, how many there are */
	NTMEM_A_STATS_RESERVED,		/* u64 */
	NTMEM_A_STATS_COMMITTED,	/* u64 */
	NTMEM_A_STATS_PEAK,		/* u64, most that was ever committed */
	NTMEM_A_STATS_RESIDENT,		/* u64, shared pages counted by each,
					 * those of sections in no process
					 */
	NTMEM_A_STATS_LOCKED,		/* u64 */
	NTMEM_A_STATS_FAULTS,		/* u64, faults that were served */
	NTMEM_A_STATS_PAGES,		/* u64, pages that they brought */
	NTMEM_A_STATS_COPIES,		/* u64, pages copied at a write */
	NTMEM_A_STATS_WATCHED,		/* u64, first writes recorded */
	NTMEM_A_STATS_GUARDS,		/* u64, guard pages hit */
	NTMEM_A_STATS_REFUSED,		/* u64, other accesses refused */
	NTMEM_A_STATS_DROPPED,		/* u64, reset pages that were dropped */
	NTMEM_A_STATS_LIMITED,		/* u64, commits refused at a limit */

	__NTMEM_A_STATS_MAX,
	NTMEM_A_STATS_MAX = (__NTMEM_A_STATS_MAX - 1)
};

/* RUN_GET: the runs of pages in one state, reservation by reservation */
enum {
	NTMEM_A_RUN_PAD = 1,
	NTMEM_A_RUN_PID,		/* u32; without it the caller's own */
	NTMEM_A_RUN_ADDR,		/* u64 */
	NTMEM_A_RUN_SIZE,		/* u64 */
	NTMEM_A_RUN_BASE,		/* u64, of the reservation */
	NTMEM_A_RUN_ALLOC_PROT,		/* u32, NTMEM_PAGE_* */
	NTMEM_A_RUN_STATE,		/* u32, NTMEM_STATE_* */
	NTMEM_A_RUN_PROT,		/* u32 */
	NTMEM_A_RUN_TYPE,		/* u32, NTMEM_TYPE_* */
	NTMEM_A_RUN_RESIDENT,		/* u64 */
	NTMEM_A_RUN_FLAGS,		/* u32, NTMEM_RUN_* */

	__NTMEM_A_RUN_MAX,
	NTMEM_A_RUN_MAX = (__NTMEM_A_RUN_MAX - 1)
};

#define NTMEM_RUN_WATCH		(1U << 0)	/* of the reservation */
#define NTMEM_RUN_PLACEHOLDER	(1U << 1)
#define NTMEM_RUN_REPLACED	(1U << 2)
#define NTMEM_RUN_NOFORK	(1U << 3)

/*
 * SUBSCRIBE: from now on the socket gets events, until it is closed or
 * subscribes to none. EVENT: one.
 */
enum {
	NTMEM_A_EVENT_PAD = 1,
	NTMEM_A_EVENT_KINDS,		/* u32, to subscribe: 1 << NTMEM_EVENT_* */
	NTMEM_A_EVENT_PID,		/* u32; to subscribe: only of this process */
	NTMEM_A_EVENT_RATE,		/* u32, to subscribe: most in a second */
	NTMEM_A_EVENT_KIND,		/* u32, NTMEM_EVENT_* */
	NTMEM_A_EVENT_TID,		/* u32 */
	NTMEM_A_EVENT_TIME,		/* u64, CLOCK_MONOTONIC */
	NTMEM_A_EVENT_DURATION,		/* u64, of operations */
	NTMEM_A_EVENT_ADDR,		/* u64 */
	NTMEM_A_EVENT_SIZE,		/* u64 */
	NTMEM_A_EVENT_PROT,		/* u32 */
	NTMEM_A_EVENT_FLAGS,		/* u32 */
	NTMEM_A_EVENT_RESULT,		/* s32, 0 or a negative errno */
	NTMEM_A_EVENT_LOST,		/* u64, so many were not sent until now */

	__NTMEM_A_EVENT_MAX,
	NTMEM_A_EVENT_MAX = (__NTMEM_A_EVENT_MAX - 1)
};

enum {
	NTMEM_EVENT_RESERVE,
	NTMEM_EVENT_COMMIT,
	NTMEM_EVENT_DECOMMIT,
	NTMEM_EVENT_PROTECT,
	NTMEM_EVENT_RELEASE,
	NTMEM_EVENT_LIMIT,	/* a commit was refused at a limit */
	NTMEM_EVENT_GUARD,	/* an access met a guard page */
	NTMEM_EVENT_DROPPED,	/* reset pages were dropped */
	NTMEM_EVENT_CREATED,	/* a space: seen for the first time */
	NTMEM_EVENT_GONE,	/* a space, with all that it had */

	__NTMEM_EVENT_MAX,
	NTMEM_EVENT_MAX = (__NTMEM_EVENT_MAX - 1)
};

/* Events in a second that a socket gets which asks for no other rate. */
#define NTMEM_EVENT_RATE	10000

#endif
