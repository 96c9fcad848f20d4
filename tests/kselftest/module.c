// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading the module, its granularity parameter, and its
 * silence. Needs root, and that no other program uses the module.
 */
#include "ntmem_test.h"

#include <sys/utsname.h>

/* Where the module may be; the first is the guest's. */
static int open_module(void)
{
	char path[256];
	struct utsname name;
	int fd = open("/lib/modules/ntmem.ko", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 || uname(&name))
		return fd;
	snprintf(path, sizeof(path), "/lib/modules/%s/extra/ntmem.ko",
		 name.release);
	return open(path, O_RDONLY | O_CLOEXEC);
}

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

static int unload(void)
{
	return syscall(SYS_delete_module, "ntmem", O_NONBLOCK) ? errno : 0;
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
	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, self->log);
	lseek(self->log, 0, SEEK_END);
	ASSERT_EQ(0, unload());
}

FIXTURE_TEARDOWN(module)
{
	int error = load("");

	EXPECT_TRUE(!error || error == EEXIST);
	close(self->log);
}

/* The lines since the last call that hold both words. */
static int log_lines(int log, const char *one, const char *two)
{
	char line[2048];
	int count = 0;
	ssize_t n;

	for (;;) {
		n = read(log, line, sizeof(line) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			return count;
		line[n] = '\0';
		if (strstr(line, one) && strstr(line, two))
			count++;
	}
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
		ASSERT_LT(0, log_lines(self->log, "ntmem", "granularity")) {
			TH_LOG("%s: no message", bad[i]);
		}
		ASSERT_EQ(-1, open_device());
		ASSERT_EQ(ENOENT, errno);
	}
	/* No number at all. */
	ASSERT_EQ(EINVAL, load("granularity=big"));
	ASSERT_EQ(EINVAL, load("granularity=-4096"));
}

TEST_F(module, good_granularity)
{
	char parameter[64], text[64];
	struct ntmem_info info;
	__u64 granularity, base;
	int fd;

	for (granularity = PAGE; granularity <= GIB; granularity *= 2) {
		snprintf(parameter, sizeof(parameter), "granularity=%llu",
			 granularity);
		ASSERT_EQ(0, load(parameter));
		fd = open_device();
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, nt_info(fd, &info));
		ASSERT_EQ(granularity, info.granularity);
		base = nt_any(fd, PAGE, 0);
		ASSERT_NE(0ULL, base);
		ASSERT_EQ(0ULL, base % granularity);
		ASSERT_EQ(0, nt_release(fd, base, 0));
		ASSERT_EQ(0, nt_read_file(
			"/sys/module/ntmem/parameters/granularity", text,
			sizeof(text)));
		ASSERT_EQ(granularity, strtoull(text, NULL, 0));
		close(fd);
		ASSERT_EQ(0, unload());
	}
	ASSERT_EQ(0, load(""));
	fd = open_device();
	ASSERT_EQ(0, nt_info(fd, &info));
	ASSERT_EQ(GRAN, info.granularity);
	close(fd);
}

/* An open fd, a reservation without one, a process with either. */
static int holds_a_reservation(void *data)
{
	struct nt_gate *gates = data;
	int fd = open_device();

	CHECK(nt_block(fd, GRAN, RW));
	close(fd);
	CHECK(!nt_gate_open(&gates[0]));
	CHECK(!nt_gate_wait(&gates[1]));
	return 0;
}

TEST_F(module, unload_while_in_use)
{
	struct nt_gate gates[2];
	struct ntmem_info info;
	__u64 base;
	pid_t pid;
	int fd;

	ASSERT_EQ(0, load(""));
	fd = open_device();
	ASSERT_LE(0, fd);
	ASSERT_EQ(EAGAIN, unload());
	base = nt_block(fd, GRAN, RW);
	ASSERT_EQ(0, nt_poke(base, 1));
	close(fd);
	ASSERT_EQ(EAGAIN, unload());
	ASSERT_EQ(1, nt_peek(base));
	ASSERT_EQ(0, munmap(nt_ptr(base), GRAN));
	ASSERT_EQ(0, unload());

	/* Another process, also when it is killed. */
	ASSERT_EQ(0, load(""));
	ASSERT_EQ(0, nt_gate_init(&gates[0]));
	ASSERT_EQ(0, nt_gate_init(&gates[1]));
	pid = nt_spawn(holds_a_reservation, gates);
	ASSERT_EQ(0, nt_gate_wait(&gates[0]));
	ASSERT_EQ(EAGAIN, unload());
	ASSERT_EQ(0, nt_gate_open(&gates[1]));
	ASSERT_EQ(0, nt_reap(pid));
	ASSERT_EQ(0, unload());
	ASSERT_EQ(0, load(""));
	pid = nt_spawn(holds_a_reservation, gates);
	ASSERT_EQ(0, nt_gate_wait(&gates[0]));
	ASSERT_EQ(EAGAIN, unload());
	kill(pid, SIGKILL);
	ASSERT_EQ(128 + SIGKILL, nt_reap(pid));
	ASSERT_EQ(0, unload());

	/* Nothing is left of it. */
	ASSERT_EQ(0, load(""));
	fd = open_device();
	ASSERT_EQ(0, nt_info(fd, &info));
	ASSERT_EQ(0ULL, info.committed);
	ASSERT_EQ(0ULL, info.resident);
	ASSERT_EQ(1ULL, info.spaces);
	close(fd);
}

static int commits_and_exits(void *data)
{
	int fd = open_device();

	(void)data;
	CHECK(nt_block(fd, MIB, RW));
	return 0;
}

TEST_F(module, loads_many_times)
{
	__u64 base;
	int i, fd;

	for (i = 0; i < 30; i++) {
		ASSERT_EQ(0, load("granularity=4096"));
		ASSERT_EQ(EEXIST, load(""));
		fd = open_device();
		ASSERT_LE(0, fd);
		base = nt_block(fd, MIB, RW);
		ASSERT_NE(0ULL, base);
		memset(nt_ptr(base), 1, MIB);
		ASSERT_EQ(0, nt_in_child(commits_and_exits, NULL));
		ASSERT_EQ(0, nt_release(fd, base, 0));
		close(fd);
		ASSERT_EQ(0, unload());
	}
}

/* Refusals are for the caller, not for the log. */
TEST_F(module, refusals_are_silent)
{
	unsigned char arg[NT_ARG_MAX] = { 0 };
	int fd, nr, i;
	__u64 base;

	ASSERT_EQ(0, load(""));
	log_lines(self->log, "", "");
	fd = open_device();
	base = nt_block(fd, GRAN, RW | GUARD);
	ASSERT_NE(0ULL, base);
	for (nr = 0; nr < 256; nr++) {
		ioctl(fd, _IOWR(NTMEM_IOC_MAGIC, nr, struct ntmem_range), arg);
		ioctl(fd, _IOWR(NTMEM_IOC_MAGIC, nr, struct ntmem_range),
		      NULL);
		ioctl(fd, nr, nr);
	}
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(EINVAL, nt_commit(fd, base, PAGE, i + 0x80000000));
		ASSERT_EQ(ENOENT, nt_commit(fd, base + GRAN, PAGE, RW));
		ASSERT_EQ(EINVAL, nt_commit(fd, NONE - i, NONE, RW));
		ASSERT_EQ(ENOMEM, nt_reserve(fd, &(__u64) { 0 }, TIB, RW,
					     NTMEM_RESERVE_COMMIT));
		nt_peek(base + i % 16 * PAGE);
		nt_poke(base + GRAN, 1);
		munmap(nt_ptr(base + PAGE), PAGE);
		mprotect(nt_ptr(base), GRAN, PROT_NONE);
		mremap(nt_ptr(base), PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	}
	ASSERT_EQ(0, nt_release(fd, base, 0));
	close(fd);
	ASSERT_EQ(0, unload());
	ASSERT_EQ(0, log_lines(self->log, "", ""));
}

TEST_HARNESS_MAIN
