// SPDX-License-Identifier: GPL-2.0
/*
 * Who listens, who looks at all spaces, and who changes or ends meanwhile: an
 * event goes to who listens when it is sent, and a look finds what is there.
 */
#include "netlink.h"
#include "race.h"

#define KIND(name)	(1U << NTMEM_EVENT_##name)
#define USER		65533

FIXTURE(race_netlink)
{
	int fd;
	struct nl nl;
	__u64 base;		/* a block of one page, reserved GRAN */
	struct racer first, second;
};

FIXTURE_SETUP(race_netlink)
{
	self->base = race_block(_metadata, &self->fd, 1, RW);
	if (!self->base)
		return;
	ASSERT_TRUE(nl_open(&self->nl));
	self->first = (struct racer) {
		.run = race_commit, .fd = self->fd, .addr = self->base,
		.size = PAGE, .prot = RW,
	};
	self->second = self->first;
}

FIXTURE_TEARDOWN(race_netlink)
{
	close(self->nl.fd);
	close(self->fd);
}

/* The socket of the racers. */
static struct nl *racing;

static int subscribe(struct nl *nl, __u32 kinds)
{
	nl_begin(nl, nl->family, NTMEM_CMD_SUBSCRIBE, 0);
	nl_put_u32(nl, NTMEM_A_EVENT_KINDS, kinds);
	return nl_do(nl);
}

/* ------------------------------------------------------------------------
 * Listeners.
 */
static int listen_no_longer(struct racer *r)
{
	(void)r;
	return subscribe(racing, 0);
}

static int listen_for_others(struct racer *r)
{
	(void)r;
	return subscribe(racing, KIND(DECOMMIT));
}

static int close_socket(struct racer *r)
{
	(void)r;
	return ERRNO_OF(close(racing->fd));
}

/* Stops an event on its way to a socket that then is to have no more of them. */
static void event_against(struct __test_metadata *_metadata,
			  struct _test_data_race_netlink *self,
			  int (*change)(struct racer *r))
{
	if (!race_may_spin())
		SKIP(return, "one CPU");
	racing = &self->nl;
	ASSERT_EQ(0, subscribe(racing, KIND(COMMIT)));
	self->second.run = change;
	ASSERT_TRUE(race(&self->first, "event_send", &self->second));
	EXPECT_EQ(0, self->first.result);
	EXPECT_EQ(0, self->second.result);
	EXPECT_TRUE(self->second.waited);
}

/* It came before the answer did; after that none does. */
TEST_F(race_netlink, event_against_unsubscription)
{
	event_against(_metadata, self, listen_no_longer);
	EXPECT_EQ((__u32)NTMEM_EVENT_COMMIT,
		  nl_u32(&self->nl, NTMEM_A_EVENT_KIND));
	EXPECT_EQ(0, nt_commit(self->fd, self->base, PAGE, RW));
	EXPECT_FALSE(nl_event(&self->nl));
}

TEST_F(race_netlink, event_against_another_subscription)
{
	event_against(_metadata, self, listen_for_others);
	EXPECT_EQ((__u32)NTMEM_EVENT_COMMIT,
		  nl_u32(&self->nl, NTMEM_A_EVENT_KIND));
	EXPECT_EQ(0, nt_commit(self->fd, self->base, PAGE, RW));
	EXPECT_FALSE(nl_event(&self->nl));
	EXPECT_EQ(0, nt_decommit(self->fd, self->base, PAGE));
	EXPECT_TRUE(nl_event(&self->nl));
}

TEST_F(race_netlink, event_against_close)
{
	event_against(_metadata, self, close_socket);
	EXPECT_EQ(0, nt_commit(self->fd, self->base, PAGE, RW));
}

static int send_subscription(struct nl *nl, __u32 kinds)
{
	nl_begin(nl, nl->family, NTMEM_CMD_SUBSCRIBE, 0);
	nl_put_u32(nl, NTMEM_A_EVENT_KINDS, kinds);
	return nl_send(nl);
}

static int begin_to_listen(struct racer *r)
{
	(void)r;
	return send_subscription(racing, KIND(COMMIT));
}

/* By the same socket, with a message of its own. */
static int end_to_listen(struct racer *r)
{
	static struct nl again;

	(void)r;
	again.fd = racing->fd;
	again.family = racing->family;
	return send_subscription(&again, 0);
}

/* Two threads share a socket; the one ends what the other has only begun. */
TEST_F(race_netlink, unsubscription_inside_a_subscription)
{
	racing = &self->nl;
	self->first.run = begin_to_listen;
	self->second.run = end_to_listen;
	ASSERT_TRUE(race(&self->first, "subscribed", &self->second));
	EXPECT_EQ(0, self->first.result);
	EXPECT_EQ(0, self->second.result);
	EXPECT_EQ(0, nt_commit(self->fd, self->base, PAGE, RW));
	EXPECT_FALSE(nl_event(&self->nl));
}

/* The port of the socket that is being closed, and who has it next. */
static __u32 port;
static struct nl heir;

static int take_the_port(struct racer *r)
{
	struct sockaddr_nl addr = {
		.nl_family = AF_NETLINK, .nl_pid = port,
	};

	heir.family = racing->family;
	heir.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (heir.fd < 0 ||
	    bind(heir.fd, (struct sockaddr *)&addr, sizeof(addr)))
		return errno;
	/* Nothing by the filter of who had it before. */
	if (race_commit(r) || nl_event(&heir))
		return -1;
	return subscribe(&heir, KIND(DECOMMIT));
}

/* A port is free before what its socket has subscribed to ends. */
TEST_F(race_netlink, close_against_who_takes_the_port)
{
	struct sockaddr_nl addr = { 0 };
	socklen_t size = sizeof(addr);

	racing = &self->nl;
	ASSERT_EQ(0, getsockname(racing->fd, (struct sockaddr *)&addr, &size));
	port = addr.nl_pid;
	ASSERT_EQ(0, subscribe(racing, KIND(COMMIT)));
	self->first.run = close_socket;
	self->second.run = take_the_port;
	ASSERT_TRUE(race(&self->first, "socket_closed", &self->second));
	EXPECT_EQ(0, self->first.result);
	EXPECT_EQ(0, self->second.result);
	EXPECT_FALSE(self->second.waited);
	EXPECT_EQ(0, nt_commit(self->fd, self->base, PAGE, RW));
	EXPECT_FALSE(nl_event(&heir));
	EXPECT_EQ(0, nt_decommit(self->fd, self->base, PAGE));
	EXPECT_TRUE(nl_event(&heir));
	close(heir.fd);
}

/* In a child of fork, whose space nobody has looked at. */
static int tells_once(void *data)
{
	struct racer first = *(struct racer *)data, second;
	unsigned int created = 0, commits = 0;
	struct nl nl;

	first.fd = open("/dev/ntmem", O_RDWR);
	second = first;
	CHECK(first.fd >= 0 && nl_open(&nl));
	CHECK(!subscribe(&nl, KIND(CREATED) | KIND(COMMIT)));
	CHECK(race(&first, "space_identify", &second));
	CHECK(!first.result && !second.result && !second.waited);
	while (nl_event(&nl)) {
		CHECK(nl_u32(&nl, NTMEM_A_EVENT_PID) == (__u32)getpid());
		if (nl_u32(&nl, NTMEM_A_EVENT_KIND) == NTMEM_EVENT_CREATED)
			created++;
		else
			commits++;
	}
	CHECK(created == 1 && commits == 2);
	return 0;
}

/* Two have something to tell of a space that is not known yet. */
TEST_F(race_netlink, a_space_is_new_once)
{
	if (!race_may_spin())
		SKIP(return, "one CPU");
	EXPECT_EQ(0, nt_in_child(tells_once, &self->first));
}

static __u32 own_uid(struct nl *nl)
{
	return nl_ask(nl, NTMEM_CMD_SPACE_GET) ? 0 :
	       nl_u32(nl, NTMEM_A_STATS_UID);
}

/* The owner of the memory changes its user while a thread looks who that is. */
static int keeps_its_user(void *data)
{
	struct racer first = *(struct racer *)data;
	struct nl nl;
	int stop;

	first.fd = open("/dev/ntmem", O_RDWR);
	CHECK(first.fd >= 0 && nl_open(&nl));
	CHECK(!subscribe(&nl, KIND(COMMIT)));
	stop = race_begin(&first, "space_identify");
	CHECK(stop >= 0);
	/* This thread alone. */
	CHECK(!syscall(SYS_setresuid, -1, USER, -1));
	CHECK(own_uid(&nl) == USER);
	stop_go(stop);
	CHECK(!racer_join(&first));
	CHECK(own_uid(&nl) == USER);
	return 0;
}

/* Whoever is first says whose a space is. */
TEST_F(race_netlink, a_space_keeps_its_user)
{
	if (!race_may_spin())
		SKIP(return, "one CPU");
	EXPECT_EQ(0, nt_in_child(keeps_its_user, &self->first));
}

/* ------------------------------------------------------------------------
 * Dumps and sums.
 */
static int has_space(void *gate)
{
	int fd = open("/dev/ntmem", O_RDWR);
	__u64 base = fd < 0 ? 0 : nt_block(fd, PAGE, RW);

	CHECK(base && !nt_poke(base, 1));
	CHECK(!nt_gate_open(gate));
	pause();
	return 0;
}

/* How many of all spaces are that process's, or -errno. */
static int spaces_of(struct nl *nl, pid_t pid)
{
	int count = 0, error;
	enum nl_got got;

	nl_begin(nl, nl->family, NTMEM_CMD_SPACE_GET, NLM_F_DUMP);
	error = nl_send(nl);
	if (error)
		return -error;
	while ((got = nl_next(nl, &error)) == NL_MESSAGE)
		count += nl_u32(nl, NTMEM_A_STATS_PID) == (__u32)pid;
	return got == NL_END && !error ? count : -error;
}

static __u64 all_pages(struct nl *nl)
{
	return nl_ask(nl, NTMEM_CMD_STATS_GET) ? 0 :
	       nl_u64(nl, NTMEM_A_STATS_PAGES);
}

/* Its last reference is gone, and it is among all spaces still. */
TEST_F(race_netlink, dump_against_the_end_of_a_space)
{
	struct nt_gate gate;
	__u64 pages;
	pid_t pid;
	int stop;

	ASSERT_EQ(0, nt_gate_init(&gate));
	pid = nt_spawn(has_space, &gate);
	ASSERT_EQ(0, nt_gate_wait(&gate));
	ASSERT_EQ(1, spaces_of(&self->nl, pid));
	pages = all_pages(&self->nl);
	ASSERT_LT(0ULL, pages);
	stop = stop_arm("space_free", 0);
	kill(pid, SIGKILL);
	ASSERT_LT(0, stop_wait(stop));
	EXPECT_EQ(0, spaces_of(&self->nl, pid));
	EXPECT_EQ(1, spaces_of(&self->nl, getpid()));
	/* What it has done it has done. */
	EXPECT_EQ(pages, all_pages(&self->nl));
	stop_go(stop);
	EXPECT_EQ(128 + SIGKILL, nt_reap(pid));
	EXPECT_EQ(pages, all_pages(&self->nl));
}

static int look_at_process(struct racer *r)
{
	return nl_ask_u32(racing, NTMEM_CMD_SPACE_GET, NTMEM_A_STATS_PID,
			  r->other);
}

static int kill_process(struct racer *r)
{
	struct ntmem_info info;

	kill(r->other, SIGKILL);
	if (nt_reap(r->other) != 128 + SIGKILL || nt_info(r->fd, &info))
		return -1;
	r->size = info.committed;
	return 0;
}

/* Who looks at a process keeps none of its memory. */
TEST_F(race_netlink, look_against_the_end_of_a_process)
{
	struct ntmem_info before;
	struct nt_gate gate;
	pid_t pid;

	ASSERT_EQ(0, nt_info(self->fd, &before));
	ASSERT_EQ(0, nt_gate_init(&gate));
	pid = nt_spawn(has_space, &gate);
	ASSERT_EQ(0, nt_gate_wait(&gate));
	racing = &self->nl;
	self->first.run = look_at_process;
	self->second.run = kill_process;
	self->first.other = pid;
	self->second.other = pid;
	ASSERT_TRUE(race(&self->first, "process_found", &self->second));
	EXPECT_FALSE(self->second.waited);
	EXPECT_EQ(0, self->second.result);
	EXPECT_EQ(before.committed, self->second.size);
	/* Its space may be there for who asked in time. */
	EXPECT_TRUE(!self->first.result || self->first.result == ESRCH);
}

/* Own runs below and above an address; the result is an errno. */
static int dump_runs(struct racer *r)
{
	int error;

	nl_begin(racing, racing->family, NTMEM_CMD_RUN_GET, NLM_F_DUMP);
	error = nl_send(racing);
	if (error)
		return error;
	r->size = 0;
	r->other = 0;
	while (nl_next(racing, &error) == NL_MESSAGE) {
		if (nl_u64(racing, NTMEM_A_RUN_BASE) == r->addr)
			r->size++;
		else
			r->other++;
	}
	return error;
}

/* The first that it finds is gone when it comes to look at it. */
TEST_F(race_netlink, dump_against_release)
{
	__u64 lowest = self->base, addr;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		addr = nt_any(self->fd, GRAN, 0);
		ASSERT_NE(0ULL, addr);
		if (addr < lowest)
			lowest = addr;
	}
	racing = &self->nl;
	self->first.run = dump_runs;
	self->first.addr = lowest;
	self->second.run = race_release;
	self->second.addr = lowest;
	self->second.size = 0;
	ASSERT_TRUE(race(&self->first, "run_found", &self->second));
	EXPECT_FALSE(self->second.waited);
	EXPECT_EQ(0, self->second.result);
	EXPECT_EQ(0, self->first.result);
	EXPECT_EQ(0ULL, self->first.size);
	EXPECT_EQ(2, self->first.other);
}

TEST_HARNESS_MAIN
