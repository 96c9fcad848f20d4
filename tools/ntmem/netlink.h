/* SPDX-License-Identifier: MIT */
/*
 * The generic netlink family of the module, as the subcommands use it: one socket,
 * requests, dumps and events. What each command takes and gives is said in
 * <linux/ntmem_netlink.h> and in doc/netlink/ntmem.yaml.
 *
 * Functions return 0 or a negative errno; netlink_failed() says what was wrong in
 * the kernel's own words. A struct netlink is one thread's at a time.
 */
#ifndef NTMEM_TOOL_NETLINK_H
#define NTMEM_TOOL_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/ntmem_netlink.h>

/* Room for the attributes of any message; what is beyond is not looked at. */
#define NETLINK_ATTRS	32

struct nl_msg;
struct nl_sock;
struct nlattr;

/**
 * struct netlink - a connection
 * @sock: libnl's socket
 * @family: number of the family, which differs from boot to boot
 * @version: of the family
 * @text: what the kernel said of the last failure, or ""
 */
struct netlink {
	struct nl_sock *sock;
	uint16_t family;
	uint8_t version;
	char text[128];
};

/*
 * Gets a message: its command and its attributes by number, NULL where there is
 * none, which are valid until it returns.
 */
typedef void (*netlink_handler)(int command, struct nlattr **attrs, void *arg);

/* -ENOENT: the module is not there. To be closed only if this succeeds. */
int netlink_open(struct netlink *nl);
void netlink_close(struct netlink *nl);

/*
 * A request, to which attributes may be added. Without memory the tool ends, here
 * and wherever it puts a message together.
 */
struct nl_msg *netlink_message(const struct netlink *nl, int command,
			       bool dump);
void netlink_put_u32(struct nl_msg *msg, int attr, uint32_t value);
void netlink_put_u64(struct nl_msg *msg, int attr, uint64_t value);

/* Sends a request, frees it, and waits for all that answers it. */
int netlink_exchange(struct netlink *nl, struct nl_msg *msg,
		     netlink_handler handler, void *arg);

/* Values of attributes; 0 where there is none, or too little of it. */
uint32_t netlink_u32(struct nlattr **attrs, int attr);
uint64_t netlink_u64(struct nlattr **attrs, int attr);

/**
 * struct netlink_filter - which events
 * @kinds: bit mask by NTMEM_EVENT_*
 * @pid: only of this process, or 0
 * @rate: the most in a second, or 0: as the kernel likes
 */
struct netlink_filter {
	uint32_t kinds;
	uint32_t pid;
	uint32_t rate;
};

/* The handler may get events already before this returns. */
int netlink_subscribe(struct netlink *nl, const struct netlink_filter *filter,
		      netlink_handler handler, void *arg);

/* Readable when there are events. */
int netlink_fd(const struct netlink *nl);

/*
 * Handles events that have come; does not wait. -ENOBUFS: the socket had no room
 * for some, which are lost; go on.
 */
int netlink_events(struct netlink *nl, netlink_handler handler, void *arg);

/*
 * Says on stderr what was wrong, as "ntmem: WHO: ...".
 * Return: the exit status for this error, TOOL_*.
 */
int netlink_failed(const struct netlink *nl, const char *who, int error);

/* netlink_open() that says what was wrong: an exit status. */
int netlink_start(struct netlink *nl, const char *who);

#endif
