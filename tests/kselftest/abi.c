// SPDX-License-Identifier: GPL-2.0
/*
 * The outside of the ioctls: INFO, sizes and numbers, pointers, padding and
 * flags, what an fd is worth in another mm, and the device as a file.
 */
#include "ntmem_test.h"
#include "abi_layout.h"

/*
 * Every ioctl with an argument that is valid for the fixture's reservation,
 * and that may be carried out in this order.
 */
struct abi_case {
	const char *name;
	unsigned long cmd;
	union {
		struct ntmem_info info;
		struct ntmem_reserve reserve;
		struct ntmem_range range;
		struct ntmem_protect protect;
		struct ntmem_query query;
		struct ntmem_granularity granularity;
		struct ntmem_batch batch;
		struct ntmem_fault fault;
		struct ntmem_watch watch;
		struct ntmem_section section;
		struct ntmem_map_view map_view;
		struct ntmem_unmap_view unmap_view;
		struct ntmem_open_space open_space;
		struct ntmem_limit limit;
		unsigned char raw[NT_ARG_MAX];
	} arg;
};

#define ABI_CASES	22

static struct ntmem_op abi_op;

static void abi_cases(struct abi_case *cases, __u64 base, int section,
		      __u64 view)
{
	struct ntmem_range range = { .addr = base, .size = PAGE };
	struct ntmem_watch watch = {
		.addr = base, .size = PAGE, .flags = NTMEM_WATCH_RESET,
	};
	int i = 0;

#define CASE(nr, field, ...) \
	(cases[i++] = (struct abi_case) { #nr, NTMEM_IOC_##nr, \
					  { .field = __VA_ARGS__ } })
	CASE(INFO, info, { 0 });
	CASE(RESERVE, reserve, { .size = PAGE, .prot = RW });
	CASE(COMMIT, range, { .addr = base, .size = PAGE, .prot = RW });
	CASE(PROTECT, protect, { .addr = base, .size = PAGE, .prot = RW });
	CASE(QUERY, query, { .addr = base });
	CASE(LOCK, range, range);
	CASE(UNLOCK, range, range);
	CASE(RESET, range, range);
	CASE(RESET_UNDO, range, range);
	CASE(DECOMMIT, range, range);
	CASE(BATCH, batch, { .ops = (uintptr_t)&abi_op, .count = 1 });
	CASE(LAST_FAULT, fault, { 0 });
	CASE(WATCH, watch, watch);
	CASE(CREATE_SECTION, section, { .size = PAGE, .prot = RW });
	CASE(OPEN_SECTION, section, { .prot = RW, .fd = section });
	CASE(QUERY_SECTION, section, { .fd = section });
	CASE(MAP_VIEW, map_view, { .fd = section, .prot = RW });
	CASE(UNMAP_VIEW, unmap_view, { .addr = view });
	CASE(OPEN_SPACE, open_space, { 0 });
	CASE(SET_LIMIT, limit, { .limit = NONE });
	CASE(RELEASE, range, { .addr = base });
	CASE(SET_GRANULARITY, granularity, { .granularity = GRAN });
#undef CASE
	abi_op = (struct ntmem_op) {
		.op = NTMEM_NR_QUERY, .status = 1, .query.addr = base,
	};
}

FIXTURE(abi)
{
	int fd;
	__u64 base;
	__u64 view;	/* of a section of a page */
	struct abi_case cases[ABI_CASES];
};

FIXTURE_SETUP(abi)
{
	int section;

	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->base = nt_any(self->fd, GRAN, 0);
	ASSERT_NE(0ULL, self->base);
	ASSERT_EQ(0, nt_commit(self->fd, self->base, PAGE, RW));
	section = nt_section(self->fd, NULL, PAGE, RW, 0);
	self->view = nt_view(self->fd, section, RW);
	ASSERT_NE(0ULL, self->view);
	abi_cases(self->cases, self->base, section, self->view);
}

FIXTURE_TEARDOWN(abi)
{
	close(self->fd);
}

TEST_F(abi, info)
{
	struct ntmem_info info;
	char text[64];

	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(NTMEM_API_VERSION, (int)info.version);
	ASSERT_EQ(0, (int)info.pad);
	ASSERT_EQ(PAGE, info.page_size);
	ASSERT_EQ(0, nt_read_file("/sys/module/ntmem/parameters/granularity",
				  text, sizeof(text)));
	ASSERT_EQ(strtoull(text, NULL, 0), info.granularity);
	ASSERT_LT(0ULL, info.min_address);
	ASSERT_EQ(0ULL, info.min_address % info.granularity);
	ASSERT_EQ(0ULL, (info.max_address + 1) % PAGE);
	ASSERT_LT(1ULL << 46, info.max_address);
	ASSERT_NE(0ULL, info.features & NTMEM_FEATURE_BATCH);
	ASSERT_NE(0ULL, info.features & NTMEM_FEATURE_COW_FORK);
	ASSERT_EQ(GRAN + PAGE, info.space_reserved);
	ASSERT_EQ(PAGE, info.space_committed);
	ASSERT_LE(PAGE, info.user_committed);
	ASSERT_LE(info.user_committed, info.committed);
	ASSERT_LE(1ULL, info.spaces);
	ASSERT_LE(info.committed, info.commit_limit);
}

TEST_F(abi, every_case_is_valid)
{
	int i, expected;

	for (i = 0; i < ABI_CASES; i++) {
		struct abi_case *c = &self->cases[i];

		expected = 0;
		if (c->cmd == NTMEM_IOC_LAST_FAULT)
			expected = ENODATA;
		if (c->cmd == NTMEM_IOC_SET_GRANULARITY)
			expected = EBUSY;
		if (c->cmd == NTMEM_IOC_WATCH)
			expected = ENXIO;
		ASSERT_EQ(expected, nt_call(self->fd, c->cmd, &c->arg)) {
			TH_LOG("%s", c->name);
		}
	}
	ASSERT_EQ(0, abi_op.status);
}

/* An ioctl is its number, its direction and the size of its argument. */
TEST_F(abi, wrong_size_or_direction)
{
	static const int deltas[] = { -8, -4, -1, 1, 4, 8, 64 };
	unsigned char *arg = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i, j, dir, size;
	unsigned long cmd;

	ASSERT_NE(MAP_FAILED, (void *)arg);
	for (i = 0; i < ABI_CASES; i++) {
		struct abi_case *c = &self->cases[i];
		unsigned int nr = _IOC_NR(c->cmd);

		memcpy(arg, &c->arg, sizeof(c->arg));
		for (j = 0; j < ARRAY_SIZE(deltas); j++) {
			size = _IOC_SIZE(c->cmd) + deltas[j];
			cmd = _IOC(_IOC_DIR(c->cmd), NTMEM_IOC_MAGIC, nr, size);
			ASSERT_UNCHANGED(ENOTTY, ERRNO_OF(ioctl(self->fd, cmd,
								arg)));
		}
		for (dir = 0; dir < 4; dir++) {
			if (dir == _IOC_DIR(c->cmd))
				continue;
			cmd = _IOC(dir, NTMEM_IOC_MAGIC, nr,
				   _IOC_SIZE(c->cmd));
			ASSERT_UNCHANGED(ENOTTY, ERRNO_OF(ioctl(self->fd, cmd,
								arg)));
		}
		ASSERT_EQ(0, memcmp(arg, &c->arg, sizeof(c->arg)));
	}
}

TEST_F(abi, unknown_number)
{
	unsigned char arg[NT_ARG_MAX] = { 0 };
	unsigned int nr;
	unsigned long cmd;

	for (nr = NTMEM_NR_OPEN_SPACE + 1; nr < 256; nr++) {
		cmd = _IOWR(NTMEM_IOC_MAGIC, nr, struct ntmem_range);
		ASSERT_EQ(ENOTTY, nt_call(self->fd, cmd, arg));
		cmd = _IO(NTMEM_IOC_MAGIC, nr);
		ASSERT_EQ(ENOTTY, nt_call(self->fd, cmd, arg));
	}
	for (nr = 0; nr <= NTMEM_NR_OPEN_SPACE; nr++) {
		cmd = _IOWR('f', nr, struct ntmem_range);
		ASSERT_EQ(ENOTTY, nt_call(self->fd, cmd, arg));
	}
}

/* None, no access, beyond user space, and only the first half there. */
TEST_F(abi, unreadable_argument)
{
	unsigned char *map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__u64 bad[] = { 0, 8, (uintptr_t)map + PAGE, 1ULL << 63, NONE - 7,
			0x800000000000ULL };
	struct nt_snapshot before;
	struct ntmem_fault fault;
	unsigned int i, j, size;

	ASSERT_NE(MAP_FAILED, (void *)map);
	ASSERT_EQ(0, mprotect(map + PAGE, PAGE, PROT_NONE));
	/* For LAST_FAULT: one to report. */
	ASSERT_EQ(-SIGSEGV, nt_peek(self->base + PAGE));
	for (i = 0; i < ABI_CASES; i++) {
		struct abi_case *c = &self->cases[i];
		unsigned char *half;

		for (j = 0; j < ARRAY_SIZE(bad); j++) {
			nt_snapshot(self->fd, &before);
			ASSERT_EQ(EFAULT, ERRNO_OF(ioctl(self->fd, c->cmd,
							 nt_ptr(bad[j])))) {
				TH_LOG("%s at %#llx", c->name, bad[j]);
			}
			ASSERT_TRUE(nt_same(self->fd, &before));
		}
		size = _IOC_SIZE(c->cmd);
		half = map + PAGE - size + 8;
		memcpy(half, &c->arg, size - 8);
		ASSERT_UNCHANGED(EFAULT, ERRNO_OF(ioctl(self->fd, c->cmd,
							half)));
		/* Half an argument is not looked at. */
		if (_IOC_DIR(c->cmd) & _IOC_WRITE)
			ASSERT_EQ(0, memcmp(half, &c->arg, size - 8));
	}
	ASSERT_EQ(0, nt_last_fault(self->fd, &fault));
	ASSERT_EQ(self->base + PAGE, fault.addr);
}

/* A call that cannot return its results has not been made. */
TEST_F(abi, unwritable_argument)
{
	unsigned char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct nt_snapshot before;
	struct ntmem_fault fault;
	int i;

	ASSERT_NE(MAP_FAILED, (void *)map);
	ASSERT_EQ(-SIGSEGV, nt_peek(self->base + PAGE));
	for (i = 0; i < ABI_CASES; i++) {
		struct abi_case *c = &self->cases[i];

		if (!(_IOC_DIR(c->cmd) & _IOC_READ))
			continue;
		memcpy(map, &c->arg, sizeof(c->arg));
		if (c->cmd == NTMEM_IOC_PROTECT)
			((struct ntmem_protect *)map)->prot = RO;
		ASSERT_EQ(0, mprotect(map, PAGE, PROT_READ));
		nt_snapshot(self->fd, &before);
		ASSERT_EQ(EFAULT, ERRNO_OF(ioctl(self->fd, c->cmd, map))) {
			TH_LOG("%s", c->name);
		}
		ASSERT_TRUE(nt_same(self->fd, &before)) {
			TH_LOG("%s", c->name);
		}
		ASSERT_EQ(0, mprotect(map, PAGE, PROT_READ | PROT_WRITE));
	}
	ASSERT_EQ(0, nt_last_fault(self->fd, &fault));
}

/* Calls of which only COMMIT and UNLOCK (of the locked page) would do much. */
TEST_F(abi, unknown_flags)
{
	static const unsigned long ranges[] = {
		NTMEM_IOC_COMMIT, NTMEM_IOC_DECOMMIT, NTMEM_IOC_RELEASE,
		NTMEM_IOC_LOCK, NTMEM_IOC_UNLOCK, NTMEM_IOC_RESET,
		NTMEM_IOC_RESET_UNDO,
	};
	int bit;

	ASSERT_EQ(0, nt_lock(self->fd, self->base, PAGE));
	for (bit = 0; bit < 32; bit++) {
		__u32 flag = 1U << bit;
		struct ntmem_reserve reserve = {
			.size = PAGE, .prot = RW, .flags = flag,
		};
		struct ntmem_query query = {
			.addr = self->base, .flags = flag,
		};
		struct ntmem_batch batch = {
			.ops = (uintptr_t)&abi_op, .count = 1, .flags = flag,
		};
		unsigned int i;

		if (flag > NTMEM_RESERVE_PLAIN)
			ASSERT_UNCHANGED(EINVAL, nt_call(self->fd,
							 NTMEM_IOC_RESERVE,
							 &reserve));
		if (flag > NTMEM_QUERY_PAGE)
			ASSERT_UNCHANGED(EINVAL, nt_call(self->fd,
							 NTMEM_IOC_QUERY,
							 &query));
		if (flag > NTMEM_BATCH_STOP) {
			ASSERT_UNCHANGED(EINVAL, nt_call(self->fd,
							 NTMEM_IOC_BATCH,
							 &batch));
			ASSERT_EQ(1, abi_op.status);
		}
		for (i = 0; i < ARRAY_SIZE(ranges); i++) {
			struct ntmem_range range = {
				.addr = self->base, .size = PAGE,
				.prot = ranges[i] == NTMEM_IOC_COMMIT ? RW : 0,
				.flags = flag,
			};

			if (ranges[i] == NTMEM_IOC_RELEASE &&
			    flag <= NTMEM_RELEASE_PLAIN)
				continue;
			ASSERT_UNCHANGED(EINVAL, nt_call(self->fd, ranges[i],
							 &range));
			if (ranges[i] == NTMEM_IOC_COMMIT)
				continue;
			range.flags = 0;
			range.prot = flag;
			ASSERT_UNCHANGED(EINVAL, nt_call(self->fd, ranges[i],
							 &range));
		}
	}
	ASSERT_EQ(0, nt_unlock(self->fd, self->base, PAGE));
}

TEST_F(abi, padding)
{
	struct ntmem_query query = { .addr = self->base };
	struct ntmem_batch batch = {
		.ops = (uintptr_t)&abi_op, .count = 1,
	};
	struct ntmem_granularity granularity = { .granularity = GRAN };
	int fd, bit;

	for (bit = 0; bit < 32; bit++) {
		query.marks = 1U << bit;
		ASSERT_UNCHANGED(EINVAL, nt_call(self->fd, NTMEM_IOC_QUERY,
						 &query));
		batch.pad = 1U << bit;
		ASSERT_UNCHANGED(EINVAL, nt_call(self->fd, NTMEM_IOC_BATCH,
						 &batch));
		ASSERT_EQ(1, abi_op.status);
	}
	ASSERT_EQ(0, nt_release(self->fd, self->base, 0));
	fd = self->fd;
	for (bit = 0; bit < 64; bit++) {
		granularity.pad = 1ULL << bit;
		ASSERT_UNCHANGED(EINVAL, nt_call(fd, NTMEM_IOC_SET_GRANULARITY,
						 &granularity));
	}
}

/* All ioctls through an fd of another mm: EIO, and nothing touched. */
static int foreign_mm(void *data)
{
	struct abi_case *cases = ((FIXTURE_DATA(abi) *)data)->cases;
	int fd = ((FIXTURE_DATA(abi) *)data)->fd;
	int i;

	for (i = 0; i < ABI_CASES; i++)
		if (nt_call(fd, cases[i].cmd, &cases[i].arg) != EIO) {
			fprintf(stderr, "# %s: not EIO\n", cases[i].name);
			return 1;
		}
	CHECK(abi_op.status == 1);
	return 0;
}

static int foreign_mm_reopened(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(nt_any(fd, GRAN, 0));
	CHECK(!foreign_mm(data));
	CHECK(!nt_in_child(foreign_mm, data));
	return 0;
}

TEST_F(abi, after_fork)
{
	ASSERT_UNCHANGED(0, nt_in_child(foreign_mm, self));
	ASSERT_UNCHANGED(0, nt_in_child(foreign_mm_reopened, self));
	ASSERT_EQ(0, nt_poke(self->base, 1));
}

static int in_new_program(int fd)
{
	FIXTURE_DATA(abi) data = { .fd = fd };

	abi_cases(data.cases, WANTED, 0, WANTED);
	return foreign_mm(&data) || foreign_mm_reopened(&data);
}

/* This program, run again with the number of an open fd in its environment. */
static void __attribute__((constructor)) after_exec(void)
{
	const char *number = getenv("NTMEM_TEST_FD");

	if (number)
		_exit(in_new_program(atoi(number)));
}

static int exec_self(void *data)
{
	char number[16];

	fcntl(*(int *)data, F_SETFD, 0);
	snprintf(number, sizeof(number), "%d", *(int *)data);
	setenv("NTMEM_TEST_FD", number, 1);
	execl("/proc/self/exe", "abi", NULL);
	return 1;
}

static int reopen_and_exec(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);

	(void)data;
	CHECK(fd >= 0);
	CHECK(nt_block(fd, GRAN, RW));
	return exec_self(&fd);
}

TEST_F(abi, after_exec)
{
	ASSERT_UNCHANGED(0, nt_in_child(exec_self, &self->fd));
	ASSERT_UNCHANGED(0, nt_in_child(reopen_and_exec, NULL));
}

static int open_and_send(void *data)
{
	int sock = *(int *)data, fd = open("/dev/ntmem", O_RDWR);
	char byte;

	CHECK(fd >= 0);
	CHECK(nt_block(fd, GRAN, RW));
	CHECK(!nt_send_fd(sock, fd));
	/* Until the other side has tried: the space is alive. */
	CHECK(read(sock, &byte, 1) == 1);
	return 0;
}

TEST_F(abi, passed_over_a_socket)
{
	FIXTURE_DATA(abi) other = *self;
	int socks[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	pid = nt_spawn(open_and_send, &socks[1]);
	other.fd = nt_receive_fd(socks[0]);
	ASSERT_LE(0, other.fd);
	ASSERT_UNCHANGED(0, foreign_mm(&other));
	ASSERT_EQ(1, write(socks[0], "", 1));
	ASSERT_EQ(0, nt_reap(pid));
	/* And when its mm is gone. */
	ASSERT_UNCHANGED(0, foreign_mm(&other));
}

TEST_F(abi, one_space_however_often_opened)
{
	int fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	struct nt_snapshot one, two;

	ASSERT_LE(0, fd);
	nt_snapshot(self->fd, &one);
	nt_snapshot(fd, &two);
	ASSERT_EQ(0, memcmp(&one, &two, sizeof(one)));
	ASSERT_EQ(0, nt_poke(self->base, 42));
	close(self->fd);
	ASSERT_EQ(42, nt_peek(self->base));
	ASSERT_EQ(0, nt_commit(fd, self->base + PAGE, PAGE, RW));
	close(fd);

	/* With no fd at all the memory still works. */
	ASSERT_EQ(0, nt_poke(self->base + PAGE, 43));
	self->fd = open("/dev/ntmem", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_TRUE(nt_run(self->fd, self->base, 2 * PAGE, COMMITTED, RW));
	ASSERT_EQ(43, nt_peek(self->base + PAGE));
}

TEST_F(abi, other_file_operations)
{
	char byte = 0;

	ASSERT_UNCHANGED(EINVAL, ERRNO_OF(read(self->fd, &byte, 1)));
	ASSERT_UNCHANGED(EINVAL, ERRNO_OF(write(self->fd, &byte, 1)));
	ASSERT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED,
				   self->fd, 0));
	ASSERT_EQ(ENODEV, errno);
}

/* The range errors that all calls on ranges share. */
TEST_F(abi, bad_ranges)
{
	static const struct {
		unsigned long cmd;
		__u32 prot;
	} calls[] = {
		{ NTMEM_IOC_COMMIT, RW }, { NTMEM_IOC_PROTECT, RW },
		{ NTMEM_IOC_DECOMMIT, 0 }, { NTMEM_IOC_RELEASE, 0 },
		{ NTMEM_IOC_LOCK, 0 }, { NTMEM_IOC_UNLOCK, 0 },
		{ NTMEM_IOC_RESET, 0 }, { NTMEM_IOC_RESET_UNDO, 0 },
	};
	struct nt_snapshot before;
	struct ntmem_info info;
	unsigned int i, j;

	ASSERT_EQ(0, nt_info(self->fd, &info));
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		const struct { __u64 addr, size; } ranges[] = {
			{ self->base, NONE },
			{ self->base, NONE - self->base + 1 },
			{ self->base, NONE - self->base },
			{ self->base, 1ULL << 63 },
			{ NONE, 1 },
			{ NONE - PAGE + 1, PAGE },
			{ 1ULL << 63, PAGE },
			{ info.max_address + 1, PAGE },
			{ info.max_address, 2 },
		};

		for (j = 0; j < ARRAY_SIZE(ranges); j++) {
			nt_snapshot(self->fd, &before);
			ASSERT_EQ(EINVAL, nt_range(self->fd, calls[i].cmd,
						   ranges[j].addr,
						   ranges[j].size,
						   calls[i].prot)) {
				TH_LOG("ioctl %#lx, range %u", calls[i].cmd, j);
			}
			ASSERT_TRUE(nt_same(self->fd, &before));
		}
	}
}

TEST_HARNESS_MAIN
