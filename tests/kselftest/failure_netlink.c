// SPDX-License-Identifier: GPL-2.0
/*
 * The netlink family with each allocation and copy failing in turn. A socket
 * whose answer could not be sent says ENOBUFS, as all of netlink does; an event
 * that could not is lost, and counted.
 */
#include "failure_space.h"
#include "netlink.h"

static struct nl nl;

static void connected(struct step *s)
{
	mixed(s);
	CHECK(nl_open(&nl));
}

/* What the socket still has to say is of no interest. */
static void anew(struct step *s, int error)
{
	(void)error;
	stop(s);
	close(nl.fd);
	CHECK(nl_open(&nl));
	unchanged(s);
}

static int get_settings(struct step *s)
{
	(void)s;
	return nl_ask(&nl, NTMEM_CMD_SETTINGS_GET);
}

static int get_stats(struct step *s)
{
	(void)s;
	return nl_ask(&nl, NTMEM_CMD_STATS_GET);
}

static int get_space(struct step *s)
{
	(void)s;
	return nl_ask_u32(&nl, NTMEM_CMD_SPACE_GET, NTMEM_A_STATS_PID,
			  getpid());
}

static int dumped;

static int dump(__u8 cmd)
{
	int error;

	dumped = 0;
	nl_begin(&nl, nl.family, cmd, NLM_F_DUMP);
	error = nl_send(&nl);
	if (error)
		return error;
	while (nl_next(&nl, &error) == NL_MESSAGE)
		dumped++;
	return error;
}

static int dump_spaces(struct step *s)
{
	(void)s;
	return dump(NTMEM_CMD_SPACE_GET);
}

static int dump_runs(struct step *s)
{
	(void)s;
	return dump(NTMEM_CMD_RUN_GET);
}

static void all_spaces(struct step *s)
{
	struct ntmem_info info;

	stop(s);
	CHECK(!nt_info(s->fd, &info));
	CHECK(dumped == (int)info.spaces);
}

static void all_runs(struct step *s)
{
	stop(s);
	CHECK(dumped == (int)s->before.runs);
}

static int subscribe(struct step *s)
{
	(void)s;
	return nl_ask_u32(&nl, NTMEM_CMD_SUBSCRIBE, NTMEM_A_EVENT_PID,
			  getpid());
}

/* Who was not told that it listens may do so, until it says it again. */
static void listens(struct step *s)
{
	stop(s);
	CHECK(!nt_protect(s->fd, s->base + 5 * GRAN, PAGE, RW, NULL));
	CHECK(nl_event(&nl));
	CHECK(nl_u32(&nl, NTMEM_A_EVENT_KIND) == NTMEM_EVENT_PROTECT);
}

static void listening(struct step *s)
{
	connected(s);
	CHECK(!subscribe(s));
}

static int make_event(struct step *s)
{
	return nt_protect(s->fd, s->base + 5 * GRAN, PAGE, RW, NULL);
}

/* One of them: the event, or one that it is missing. */
static void told_or_counted(struct step *s)
{
	int events = 0;

	stop(s);
	CHECK(!make_event(s));
	while (nl_event(&nl))
		events++;
	CHECK(events + (int)nl_u64(&nl, NTMEM_A_EVENT_LOST) == 2);
}

#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP		CGROUPS "/ntmem-failure"
#define RESET_AT	(16 * GRAN)
#define RESET_PAGES	16

/* A cgroup of its own, whose reclaim has these pages to drop and no others. */
static void resetting(struct step *s)
{
	nt_write_file(CGROUPS "/cgroup.subtree_control", "+memory");
	CHECK(!mkdir(CGROUP, 0755) || errno == EEXIST);
	CHECK(!nt_write_file(CGROUP "/cgroup.procs", "0"));
	connected(s);
	CHECK(!nl_ask_u32(&nl, NTMEM_CMD_SUBSCRIBE, NTMEM_A_EVENT_KINDS,
			  1 << NTMEM_EVENT_DROPPED |
			  1 << NTMEM_EVENT_PROTECT));
	CHECK(!nt_commit(s->fd, s->base + RESET_AT, RESET_PAGES * PAGE, RW));
	memset(nt_ptr(s->base + RESET_AT), 1, RESET_PAGES * PAGE);
	CHECK(!nt_reset(s->fd, s->base + RESET_AT, RESET_PAGES * PAGE));
	s->file = open(CGROUP "/memory.reclaim", O_WRONLY | O_CLOEXEC);
	CHECK(s->file >= 0);
}

/* Asks for more than there is, and in the own name: where memory is reserved. */
static int reclaim(struct step *s)
{
	return write(s->file, "1M", 2) == 2 || errno == EAGAIN ? 0 : errno;
}

static void reclaimed(struct step *s, int error)
{
	(void)error;
	stop(s);
}

/* What was dropped was told, or that something was not. */
static void dropped_or_counted(struct step *s)
{
	__u64 bytes = 0;

	stop(s);
	CHECK(nt_reset_undo(s->fd, s->base + RESET_AT, RESET_PAGES * PAGE) ==
	      EBUSY);
	CHECK(!make_event(s));
	while (nl_event(&nl))
		if (nl_u32(&nl, NTMEM_A_EVENT_KIND) == NTMEM_EVENT_DROPPED)
			bytes += nl_u64(&nl, NTMEM_A_EVENT_SIZE);
	CHECK(nl_u32(&nl, NTMEM_A_EVENT_KIND) == NTMEM_EVENT_PROTECT);
	CHECK(bytes == RESET_PAGES * PAGE ||
	      nl_u64(&nl, NTMEM_A_EVENT_LOST));
}

CASE(settings) {
	.setup = connected, .run = get_settings, .failed = anew,
	.also = ENOBUFS,
};

CASE(stats) {
	.setup = connected, .run = get_stats, .failed = anew, .also = ENOBUFS,
};

CASE(space) {
	.setup = connected, .run = get_space, .failed = anew, .also = ENOBUFS,
};

CASE(spaces) {
	.setup = connected, .run = dump_spaces, .done = all_spaces,
	.failed = anew, .also = ENOBUFS, .alone = true,
};

CASE(runs) {
	.setup = connected, .run = dump_runs, .done = all_runs,
	.failed = anew, .also = ENOBUFS, .alone = true,
};

CASE(subscribe) {
	.setup = connected, .run = subscribe, .done = listens, .failed = anew,
	.also = ENOBUFS, .alone = true,
};

CASE(event) {
	.setup = listening, .run = make_event, .done = told_or_counted,
	.alone = true,
};

CASE(event_of_reclaim) {
	.setup = resetting, .run = reclaim, .failed = reclaimed,
	.done = dropped_or_counted, .alone = true,
};

FAILURE_MAIN
