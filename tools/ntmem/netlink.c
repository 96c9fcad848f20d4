// SPDX-License-Identifier: MIT
/*
 * The connection to the module's generic netlink family, through libnl.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink.h"
#include "tool.h"

/* Events that come while the tool writes. The kernel doubles and bounds it. */
#define EVENT_BUFFER	(4 << 20)
#define EVENTS_AT_ONCE	64

/**
 * struct exchange - a request that waits for its answer
 * @nl: where
 * @handler: gets the messages
 * @arg: is for it
 * @waits: the end has not come yet
 * @error: 0 or a negative errno, that came as the end
 */
struct exchange {
	struct netlink *nl;
	netlink_handler handler;
	void *arg;
	bool waits;
	int error;
};

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *head = nlmsg_hdr(msg);
	struct nlattr *attrs[NETLINK_ATTRS + 1];
	struct exchange *exchange = arg;

	if (!genlmsg_valid_hdr(head, 0) ||
	    genlmsg_parse(head, 0, attrs, NETLINK_ATTRS, NULL))
		return NL_SKIP;
	if (exchange->handler)
		exchange->handler(genlmsg_hdr(head)->cmd, attrs,
				  exchange->arg);
	return NL_OK;
}

static int on_end(struct nl_msg *msg, void *arg)
{
	struct exchange *exchange = arg;

	(void)msg;
	exchange->waits = false;
	return NL_STOP;
}

/*
 * The kernel's text follows what it repeats of the request: all of it, unless it
 * says that it has left the payload out.
 */
static void keep_text(struct netlink *nl, const struct nlmsgerr *error)
{
	const struct nlmsghdr *head =
		(const void *)((const char *)error - NLMSG_HDRLEN);
	struct nlattr *attrs[NLMSGERR_ATTR_MAX + 1];
	size_t length = sizeof(*error);

	if (!(head->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(head->nlmsg_flags & NLM_F_CAPPED))
		length += error->msg.nlmsg_len - NLMSG_HDRLEN;
	length = NLMSG_ALIGN(length);
	if (head->nlmsg_len < NLMSG_HDRLEN + length ||
	    nla_parse(attrs, NLMSGERR_ATTR_MAX,
		      (struct nlattr *)((char *)error + length),
		      (int)(head->nlmsg_len - NLMSG_HDRLEN - length), NULL) ||
	    !attrs[NLMSGERR_ATTR_MSG])
		return;
	nla_strlcpy(nl->text, attrs[NLMSGERR_ATTR_MSG], sizeof(nl->text));
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *arg)
{
	struct exchange *exchange = arg;

	(void)from;
	keep_text(exchange->nl, error);
	exchange->error = error->error;
	exchange->waits = false;
	return NL_STOP;
}

/* What libnl says of its own calls, as far as it makes a difference here. */
static int errno_of(int nl_error)
{
	switch (-nl_error) {
	case NLE_AGAIN:
		return -EAGAIN;
	case NLE_INTR:
		return -EINTR;
	case NLE_NOMEM:			/* ENOBUFS, too */
		return -ENOBUFS;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	case NLE_AF_NOSUPPORT:
	case NLE_PROTO_MISMATCH:
		return -EPROTONOSUPPORT;
	}
	return -EIO;
}

/* Events answer no request, and may come before the answer to one. */
static int on_sequence(struct nl_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return NL_OK;
}

static struct nl_cb *callbacks(struct exchange *exchange)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);

	if (!cb)
		abort();
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, exchange);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_end, exchange);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_end, exchange);
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, exchange);
	nl_cb_set(cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, on_sequence, NULL);
	return cb;
}

int netlink_exchange(struct netlink *nl, struct nl_msg *msg,
		     netlink_handler handler, void *arg)
{
	struct exchange exchange = {
		.nl = nl, .handler = handler, .arg = arg, .waits = true,
	};
	struct nl_cb *cb = callbacks(&exchange);
	int error;

	nl->text[0] = '\0';
	error = nl_send_auto(nl->sock, msg);
	nlmsg_free(msg);
	while (error >= 0 && exchange.waits)
		error = nl_recvmsgs(nl->sock, cb);
	nl_cb_put(cb);
	if (!exchange.waits)
		return exchange.error;
	return errno_of(error);
}

static struct nl_msg *message(uint16_t family, int command, int version,
			      int flags)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (!msg || !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0,
				 NLM_F_REQUEST | flags, command, version))
		abort();
	return msg;
}

struct nl_msg *netlink_message(const struct netlink *nl, int command, bool dump)
{
	return message(nl->family, command, NTMEM_FAMILY_VERSION,
		       dump ? NLM_F_DUMP : NLM_F_ACK);
}

void netlink_put_u32(struct nl_msg *msg, int attr, uint32_t value)
{
	if (nla_put_u32(msg, attr, value))
		abort();
}

void netlink_put_u64(struct nl_msg *msg, int attr, uint64_t value)
{
	if (nla_put_u64(msg, attr, value))
		abort();
}

static bool has(struct nlattr **attrs, int attr, size_t size)
{
	return attrs[attr] && nla_len(attrs[attr]) >= (int)size;
}

uint32_t netlink_u32(struct nlattr **attrs, int attr)
{
	return has(attrs, attr, sizeof(uint32_t)) ? nla_get_u32(attrs[attr]) : 0;
}

uint64_t netlink_u64(struct nlattr **attrs, int attr)
{
	return has(attrs, attr, sizeof(uint64_t)) ? nla_get_u64(attrs[attr]) : 0;
}

static void keep_family(int command, struct nlattr **attrs, void *arg)
{
	struct netlink *nl = arg;

	(void)command;
	if (has(attrs, CTRL_ATTR_FAMILY_ID, sizeof(uint16_t)))
		nl->family = nla_get_u16(attrs[CTRL_ATTR_FAMILY_ID]);
	nl->version = (uint8_t)netlink_u32(attrs, CTRL_ATTR_VERSION);
}

/* libnl's own way to the number of a family knows nothing of its version. */
static int resolve(struct netlink *nl)
{
	struct nl_msg *msg = message(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1,
				     NLM_F_ACK);
	int error;

	if (nla_put_string(msg, CTRL_ATTR_FAMILY_NAME, NTMEM_FAMILY_NAME))
		abort();
	error = netlink_exchange(nl, msg, keep_family, nl);
	return !error && !nl->family ? -ENOENT : error;
}

int netlink_open(struct netlink *nl)
{
	int error, yes = 1;

	*nl = (struct netlink){ .sock = nl_socket_alloc() };
	if (!nl->sock)
		abort();
	error = genl_connect(nl->sock);
	if (error) {
		error = errno_of(error);
	} else {
		/* Without it there is no text, and all else works. */
		setsockopt(nl_socket_get_fd(nl->sock), SOL_NETLINK,
			   NETLINK_EXT_ACK, &yes, sizeof(yes));
		error = resolve(nl);
	}
	if (error)
		nl_socket_free(nl->sock);
	return error;
}

void netlink_close(struct netlink *nl)
{
	nl_socket_free(nl->sock);
}

int netlink_fd(const struct netlink *nl)
{
	return nl_socket_get_fd(nl->sock);
}

/* More than net.core.rmem_max lets everybody have is for who may. */
static void enlarge_buffer(const struct netlink *nl)
{
	int size = EVENT_BUFFER;

	if (setsockopt(netlink_fd(nl), SOL_SOCKET, SO_RCVBUFFORCE, &size,
		       sizeof(size)))
		setsockopt(netlink_fd(nl), SOL_SOCKET, SO_RCVBUF, &size,
			   sizeof(size));
}

int netlink_subscribe(struct netlink *nl, const struct netlink_filter *filter,
		      netlink_handler handler, void *arg)
{
	struct nl_msg *msg = netlink_message(nl, NTMEM_CMD_SUBSCRIBE, false);
	int error;

	netlink_put_u32(msg, NTMEM_A_EVENT_KINDS, filter->kinds);
	if (filter->pid)
		netlink_put_u32(msg, NTMEM_A_EVENT_PID, filter->pid);
	if (filter->rate)
		netlink_put_u32(msg, NTMEM_A_EVENT_RATE, filter->rate);
	enlarge_buffer(nl);
	error = netlink_exchange(nl, msg, handler, arg);
	if (!error && nl_socket_set_nonblocking(nl->sock))
		error = -EIO;
	return error;
}

int netlink_events(struct netlink *nl, netlink_handler handler, void *arg)
{
	struct exchange exchange = {
		.nl = nl, .handler = handler, .arg = arg,
	};
	struct nl_cb *cb = callbacks(&exchange);
	int error = 0;

	/* There may always be more: the caller has other things to look at. */
	for (int i = 0; i < EVENTS_AT_ONCE && error >= 0; i++)
		error = nl_recvmsgs(nl->sock, cb);
	nl_cb_put(cb);
	error = error < 0 ? errno_of(error) : 0;
	return error == -EAGAIN || error == -EINTR ? 0 : error;
}

static int status_of(int error)
{
	switch (error) {
	case -ENOENT:
	case -EPROTONOSUPPORT:
		return TOOL_NO_MODULE;
	case -ESRCH:
		return TOOL_NO_PROCESS;
	case -EPERM:
	case -EACCES:
		return TOOL_NOT_PERMITTED;
	}
	return TOOL_FAILED;
}

/* Where the kernel says no more than a number, as 6.1 does of dumps. */
static const char *text_of(int error)
{
	if (error == -ESRCH)
		return "no such process with ntmem, or another user's";
	return strerror(-error);
}

int netlink_failed(const struct netlink *nl, const char *who, int error)
{
	int status = status_of(error);

	if (status == TOOL_NO_MODULE)
		fprintf(stderr, "ntmem: %s: the kernel has no netlink family '%s': is the module loaded?\n",
			who, NTMEM_FAMILY_NAME);
	else
		fprintf(stderr, "ntmem: %s: %s (%s)\n", who,
			nl->text[0] ? nl->text : text_of(error),
			errno_name(error));
	return status;
}

int netlink_start(struct netlink *nl, const char *who)
{
	int error = netlink_open(nl);

	return error ? netlink_failed(nl, who, error) : TOOL_OK;
}
