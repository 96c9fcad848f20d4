// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading the module, its granularity parameter, and its
 * silence. Needs root, and that no other program uses the module.
 */
#include "netlink.h"
#include "module.h"

static int load(const char *parameters)
{
	int fd = open_module(), error = 0;

	if (fd < 0)
		return errno;
	if (syscall(SYS_finit_module, fd, parameters, 0))
		error = errno;
	close(fd);
	return error;
}

static int open_device(void)
{
	return open("/dev/ntmem", O_RDWR | O_CLOEXEC);
}

FIXTURE(module)
{
	int log;	/* the kernel log, from here on */
};

FIXTURE_SETUP(module)
{
	int module = open_module();

	if (module < 0)
		SKIP(return, "the module's file is not here");
	close(module);
	self->log = nt_log_open();
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, unload());
}

FIXTURE_TEARDOWN(module)
{
	int error = load("");

	EXPECT_TRUE(!error || error == EEXIST);
	close(self->log);
}

TEST_F(module, bad_granularity)
{
	static const char *const bad[] = {
		"granularity=0", "granularity=1", "granularity=2048",
		"granularity=4095", "granularity=4097", "granularity=12288",
		"granularity=65535", "granularity=98304",
		"granularity=2147483648", "granularity=4294967296",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_EQ(EINVAL, load(bad[i])) {
			TH_LOG("%s", bad[i]);
		}
		ASSERT_LT(0, nt_log_lines(self->log, "ntmem", "granularity")) {
			TH_LOG("%s: no message", bad[i]);
		}
		ASSERT_EQ(-1, open_device());
		ASSERT_EQ(ENOENT, errno);
	}
	/* No number at all. */
	ASSERT_EQ(EINVAL, load("granularity=big"));
	ASSERT_EQ(EINVAL, load("granularity=-4096"));
}

/*
 * What uses the memory is a child: a mapping once made may stay with the
 * process, and the module with it.
 */
static int uses_granularity(void *data)
{
	__u64 granularity = *(__u64 *)data, base;
	struct ntmem_info info;
	char text[64];
	int fd = open_device();

	CHECK(fd >= 0);
	CHECK(!nt_info(fd, &info));
	CHECK(info.granularity == granularity);
	base = nt_any(fd, PAGE, 0);
	CHECK(base && !(base % granularity));
	CHECK(!nt_read_file("/sys/module/ntmem/parameters/granularity", text,
			    sizeof(text)));
	CHECK(strtoull(text, NULL, 0) == granularity);
	return 0;
}

TEST_F(module, good_granularity)
{
	char parameter[64];
	__u64 granularity;

	for (granularity = PAGE; granularity <= GIB; granularity *= 2) {
		snprintf(parameter, sizeof(parameter), "granularity=%llu",
			 granularity);
		ASSERT_EQ(0, load(parameter));
		ASSERT_EQ(0, nt_in_child(uses_granularity, &granularity));
		ASSERT_EQ(0, unload());
	}
	granularity = GRAN;
	ASSERT_EQ(0, load(""));
	ASSERT_EQ(0, nt_in_child(uses_granularity, &granularity));
}

struct user {
	bool keep_fd;
	bool reserve;
	struct nt_gate ready;
	struct nt_gate leave;
};

/* Holds an fd, or memory, or both, until told to leave. */
static int user(void *data)
{
	struct user *u = data;
	int fd = open_device();

	CHECK(fd >= 0);
	CHECK(!u->reserve || nt_block(fd, GRAN, RW));
	if (!u->keep_fd)
		close(fd);
	CHECK(!nt_gate_open(&u->ready));
	CHECK(!nt_gate_wait(&u->leave));
	return 0;
}

TEST_F(module, unload_while_in_use)
{
	static const struct { bool keep_fd, reserve, killed; } cases[] = {
		{ true, false, false }, { false, true, false },
		{ true, true, false }, { true, true, true },
		{ false, true, true },
	};
	struct ntmem_info info;
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct user u = {
			.keep_fd = cases[i].keep_fd,
			.reserve = cases[i].reserve,
		};
		int status;
		pid_t pid;

		ASSERT_EQ(0, load(""));
		ASSERT_EQ(0, nt_gate_init(&u.ready));
		ASSERT_EQ(0, nt_gate_init(&u.leave));
		pid = nt_spawn(user, &u);
		ASSERT_EQ(0, nt_gate_wait(&u.ready));
		ASSERT_EQ(EAGAIN, unload());
		if (cases[i].killed)
			kill(pid, SIGKILL);
		else
			ASSERT_EQ(0, nt_gate_open(&u.leave));
		status = nt_reap(pid);
		if (cases[i].killed)
			status -= 128 + SIGKILL;
		ASSERT_EQ(0, status);
		ASSERT_EQ(0, unload()) {
			TH_LOG("case %u", i);
		}
	}
	/* Nothing is left of it. */
	ASSERT_EQ(0, load(""));
	fd = open_device();
	ASSERT_EQ(0, nt_info(fd, &info));
	ASSERT_EQ(0ULL, info.committed);
	ASSERT_EQ(0ULL, info.resident);
	ASSERT_EQ(1ULL, info.spaces);
	close(fd);
}

/* Who listens does not keep it, and hears nothing of the next one. */
TEST_F(module, unload_while_somebody_listens)
{
	struct nl nl, next;
	int fd;

	ASSERT_EQ(0, load(""));
	ASSERT_TRUE(nl_open(&nl));
	ASSERT_EQ(0, nl_ask(&nl, NTMEM_CMD_SUBSCRIBE));
	ASSERT_EQ(0, unload());
	ASSERT_EQ(0, load(""));
	ASSERT_TRUE(nl_open(&next));
	ASSERT_EQ(0, nl_ask(&next, NTMEM_CMD_SUBSCRIBE));
	fd = open_device();
	ASSERT_LE(0, fd);
	EXPECT_TRUE(nl_event(&next));
	EXPECT_FALSE(nl_event(&nl));
	close(fd);
	close(nl.fd);
	close(next.fd);
	ASSERT_EQ(0, unload());
}

static int commits_and_exits(void *data)
{
	int fd = open_device();
	__u64 base = nt_block(fd, MIB, RW);

	(void)data;
	CHECK(base);
	memset(nt_ptr(base), 1, MIB);
	return 0;
}

TEST_F(module, loads_many_times)
{
	int i;

	for (i = 0; i < 30; i++) {
		ASSERT_EQ(0, load("granularity=4096"));
		ASSERT_EQ(EEXIST, load(""));
		ASSERT_EQ(0, nt_in_child(commits_and_exits, NULL));
		ASSERT_EQ(0, unload());
	}
}

/* Every way to be refused. */
static int is_refused(void *data)
{
	unsigned char arg[NT_ARG_MAX] = { 0 };
	int fd = open_device(), nr, i;
	__u64 base = nt_block(fd, GRAN, RW | GUARD);

	(void)data;
	CHECK(base);
	for (nr = 0; nr < 256; nr++) {
		ioctl(fd, _IOWR(NTMEM_IOC_MAGIC, nr, struct ntmem_range), arg);
		ioctl(fd, _IOWR(NTMEM_IOC_MAGIC, nr, struct ntmem_range),
		      NULL);
		ioctl(fd, nr, nr);
	}
	for (i = 0; i < 100; i++) {
		CHECK(nt_commit(fd, base, PAGE, i + 0x80000000) == EINVAL);
		CHECK(nt_commit(fd, base + GRAN, PAGE, RW) == ENOENT);
		CHECK(nt_commit(fd, NONE - i, NONE, RW) == EINVAL);
		CHECK(nt_reserve(fd, &(__u64) { 0 }, TIB, RW,
				 NTMEM_RESERVE_COMMIT) == ENOMEM);
		nt_peek(base + i % 16 * PAGE);
		CHECK(nt_poke(base + GRAN, 1) == -SIGSEGV);
		munmap(nt_ptr(base + PAGE), PAGE);
		mprotect(nt_ptr(base), GRAN, PROT_NONE);
		mremap(nt_ptr(base), PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	}
	return 0;
}

/* Refusals are for the caller, not for the log. */
TEST_F(module, refusals_are_silent)
{
	ASSERT_EQ(0, load(""));
	nt_log_lines(self->log, "", "");
	ASSERT_EQ(0, nt_in_child(is_refused, NULL));
	ASSERT_EQ(0, nt_log_lines(self->log, "", ""));
}

TEST_HARNESS_MAIN
