/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The netlink family from below any library: requests that may be wrong in any
 * way, and what comes back.
 */
#ifndef NTMEM_TEST_NETLINK_H
#define NTMEM_TEST_NETLINK_H

#include "ntmem_test.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/ntmem_netlink.h>

#define NL_ROOM		(64 << 10)
#define NL_ATTRS	32

/**
 * struct nl - a socket of the family
 * @fd: the socket
 * @family: the family's number
 * @seq: of the last request
 * @out: the request that is being made
 * @in: what was received last, and before: an ack leaves the reply alone
 * @half: the last one
 * @left: bytes in it that are not looked at yet
 * @at: where they begin
 * @attr: attributes of the last message, by type
 * @error_text: extended ack of the last refusal, or ""
 * @error_at: offset in the request of the attribute it names, or 0
 */
struct nl {
	int fd;
	__u16 family;
	__u32 seq;
	union {
		struct nlmsghdr out;
		char out_room[512];
	};
	char in[2][NL_ROOM];
	unsigned int half;
	ssize_t left;
	char *at;
	const struct nlattr *attr[NL_ATTRS];
	char error_text[128];
	__u32 error_at;
};

static inline void nl_begin(struct nl *nl, __u16 family, __u8 cmd, __u16 flags)
{
	struct genlmsghdr *head = NLMSG_DATA(&nl->out);

	memset(nl->out_room, 0, sizeof(nl->out_room));
	nl->out.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	nl->out.nlmsg_type = family;
	nl->out.nlmsg_flags = NLM_F_REQUEST | flags;
	nl->out.nlmsg_seq = ++nl->seq;
	head->cmd = cmd;
	head->version = 1;
}

/* Returns the offset of the attribute in the request. */
static inline __u32 nl_put(struct nl *nl, __u16 type, const void *data,
			   size_t size)
{
	__u32 offset = nl->out.nlmsg_len;
	struct nlattr *attr = (void *)(nl->out_room + offset);

	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + size;
	memcpy((char *)attr + NLA_HDRLEN, data, size);
	nl->out.nlmsg_len += NLA_ALIGN(attr->nla_len);
	return offset;
}

static inline __u32 nl_put_u32(struct nl *nl, __u16 type, __u32 value)
{
	return nl_put(nl, type, &value, sizeof(value));
}

static inline __u32 nl_put_u64(struct nl *nl, __u16 type, __u64 value)
{
	return nl_put(nl, type, &value, sizeof(value));
}

static inline int nl_send(struct nl *nl)
{
	ssize_t sent = send(nl->fd, &nl->out, nl->out.nlmsg_len, 0);

	return sent < 0 ? errno : 0;
}

static inline void nl_attrs(const struct nlattr **table, const char *at,
			    ssize_t left)
{
	const struct nlattr *attr;

	memset(table, 0, NL_ATTRS * sizeof(*table));
	while (left >= (ssize_t)NLA_HDRLEN) {
		attr = (const void *)at;
		if (attr->nla_len < NLA_HDRLEN || attr->nla_len > left)
			break;
		if ((attr->nla_type & NLA_TYPE_MASK) < NL_ATTRS)
			table[attr->nla_type & NLA_TYPE_MASK] = attr;
		at += NLA_ALIGN(attr->nla_len);
		left -= NLA_ALIGN(attr->nla_len);
	}
}

static inline void nl_note_error(struct nl *nl, const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = NLMSG_DATA(message);
	const struct nlattr *attr[NL_ATTRS];
	size_t skip = NLMSG_LENGTH(sizeof(*error));

	if (!(message->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(error->msg.nlmsg_len) -
			NLMSG_ALIGN(sizeof(error->msg));
	nl->error_text[0] = 0;
	nl->error_at = 0;
	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	nl_attrs(attr, (const char *)message + skip,
		 (ssize_t)message->nlmsg_len - (ssize_t)skip);
	if (attr[NLMSGERR_ATTR_MSG])
		snprintf(nl->error_text, sizeof(nl->error_text), "%s",
			 (const char *)attr[NLMSGERR_ATTR_MSG] + NLA_HDRLEN);
	if (attr[NLMSGERR_ATTR_OFFS])
		memcpy(&nl->error_at,
		       (const char *)attr[NLMSGERR_ATTR_OFFS] + NLA_HDRLEN, 4);
}

enum nl_got { NL_MESSAGE, NL_END, NL_NOTHING };

/*
 * The next message that is there, its attributes in nl->attr. NL_END: an ack or
 * the end of a dump, with *error its errno.
 */
static inline enum nl_got nl_next(struct nl *nl, int *error)
{
	struct nlmsghdr *message;

again:
	if (!nl->left) {
		nl->half ^= 1;
		nl->at = nl->in[nl->half];
		nl->left = recv(nl->fd, nl->at, NL_ROOM, 0);
		if (nl->left <= 0) {
			*error = nl->left ? errno : ENODATA;
			nl->left = 0;
			return NL_NOTHING;
		}
	}
	message = (void *)nl->at;
	nl->at += NLMSG_ALIGN(message->nlmsg_len);
	nl->left -= NLMSG_ALIGN(message->nlmsg_len);
	/* Of a request before, whose end was not seen; events have 0. */
	if (message->nlmsg_seq && message->nlmsg_seq != nl->seq)
		goto again;
	if (message->nlmsg_type == NLMSG_ERROR ||
	    message->nlmsg_type == NLMSG_DONE) {
		*error = -*(int *)NLMSG_DATA(message);
		if (message->nlmsg_type == NLMSG_ERROR)
			nl_note_error(nl, message);
		return NL_END;
	}
	nl_attrs(nl->attr, (char *)message + NLMSG_LENGTH(GENL_HDRLEN),
		 (ssize_t)message->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN));
	return NL_MESSAGE;
}

static inline __u32 nl_u32(const struct nl *nl, __u16 type)
{
	__u32 value = 0;

	if (nl->attr[type])
		memcpy(&value, (const char *)nl->attr[type] + NLA_HDRLEN, 4);
	return value;
}

static inline __u64 nl_u64(const struct nl *nl, __u16 type)
{
	__u64 value = 0;

	if (nl->attr[type])
		memcpy(&value, (const char *)nl->attr[type] + NLA_HDRLEN, 8);
	return value;
}

/* Sends what was made, and returns the errno of the ack; a reply stays in attr. */
static inline int nl_do(struct nl *nl)
{
	int error;

	nl->out.nlmsg_flags |= NLM_F_ACK;
	error = nl_send(nl);
	if (error)
		return error;
	for (;;)
		switch (nl_next(nl, &error)) {
		case NL_MESSAGE:
			break;
		case NL_END:
		case NL_NOTHING:
			return error;
		}
}

/* The family's number by its name; 0 without one. */
static inline __u16 nl_family(struct nl *nl)
{
	__u16 id = 0;

	nl_begin(nl, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	nl_put(nl, CTRL_ATTR_FAMILY_NAME, NTMEM_FAMILY_NAME,
	       sizeof(NTMEM_FAMILY_NAME));
	if (!nl_do(nl) && nl->attr[CTRL_ATTR_FAMILY_ID])
		memcpy(&id, (const char *)nl->attr[CTRL_ATTR_FAMILY_ID] +
		       NLA_HDRLEN, 2);
	return id;
}

/* False with errno set; the caller closes nl->fd. */
static inline bool nl_open(struct nl *nl)
{
	int on = 1;

	memset(nl, 0, sizeof(*nl));
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (nl->fd < 0)
		return false;
	if (setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)))
		return false;
	nl->family = nl_family(nl);
	return nl->family;
}

/* A request without attributes, or with one. */
static inline int nl_ask(struct nl *nl, __u8 cmd)
{
	nl_begin(nl, nl->family, cmd, 0);
	return nl_do(nl);
}

static inline int nl_ask_u32(struct nl *nl, __u8 cmd, __u16 type, __u32 value)
{
	nl_begin(nl, nl->family, cmd, 0);
	nl_put_u32(nl, type, value);
	return nl_do(nl);
}

/* One more event that has been sent, waiting for none. */
static inline bool nl_event(struct nl *nl)
{
	int error, flags = fcntl(nl->fd, F_GETFL);
	enum nl_got got;

	fcntl(nl->fd, F_SETFL, flags | O_NONBLOCK);
	got = nl_next(nl, &error);
	fcntl(nl->fd, F_SETFL, flags);
	return got == NL_MESSAGE;
}

#endif
