// SPDX-License-Identifier: GPL-2.0
/*
 * What one process can learn of another's memory, and ways around the
 * module's rules: system calls that know nothing of them. The lines of
 * doc/threat-model.md that begin with "security_memory".
 */
#include "ntmem_test.h"

#include <sys/auxv.h>
#include <sys/ptrace.h>

#define SECRET	0x5e
#define PAGES	64

FIXTURE(memory)
{
	int fd;
	__u64 base;
};

FIXTURE_SETUP(memory)
{
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->base = nt_block(self->fd, PAGES * PAGE, RW);
	ASSERT_NE(0ULL, self->base);
	memset(nt_ptr(self->base), SECRET, PAGES * PAGE);
}

FIXTURE_TEARDOWN(memory)
{
	close(self->fd);
}

/* ------------------------------------------------------------------------
 * Pages that were given back.
 */
static int leaves_secrets(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);
	__u64 base = nt_block(fd, 16 * MIB, RW);

	(void)data;
	CHECK(base);
	memset(nt_ptr(base), SECRET, 16 * MIB);
	/* Some of them through the spare pages of the space. */
	CHECK(!nt_decommit(fd, base, GRAN));
	CHECK(!nt_decommit(fd, base + MIB, MIB));
	return 0;
}

static int finds_none(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);
	__u64 base = nt_block(fd, 32 * MIB, RW);

	(void)data;
	CHECK(base);
	CHECK(nt_all(base, 32 * MIB, 0));
	return 0;
}

/* Of the last process with this memory, the next one sees nothing. */
TEST_F_TIMEOUT(memory, pages_of_a_dead_process, 100)
{
	ASSERT_EQ(0, nt_in_child(leaves_secrets, NULL));
	ASSERT_EQ(0, nt_in_child(finds_none, NULL));
}

/* In every way that pages are taken back and brought again. */
TEST_F_TIMEOUT(memory, pages_given_back, 100)
{
	static const __u64 sizes[] = { 1, 3, 15, 16, 17, 32, PAGES };
	unsigned int seed = 5, i, round;
	__u64 first, size, at;

	for (round = 0; round < nt_rounds(400); round++) {
		size = sizes[rand_r(&seed) % ARRAY_SIZE(sizes)];
		first = rand_r(&seed) % (PAGES - size + 1);
		if (round % 2)
			first &= ~15ULL;
		at = self->base + first * PAGE;
		switch (rand_r(&seed) % 3) {
		case 0:
			ASSERT_EQ(0, nt_decommit(self->fd, at, size * PAGE));
			break;
		case 1:
			ASSERT_EQ(0, nt_decommit(self->fd, at, size * PAGE));
			ASSERT_EQ(0, nt_commit(self->fd, at, size * PAGE,
					       RO));
			break;
		case 2:
			ASSERT_EQ(0, nt_release(self->fd, self->base, 0));
			self->base = nt_block(self->fd, PAGES * PAGE, RW);
			ASSERT_NE(0ULL, self->base);
			first = 0;
			size = PAGES;
			break;
		}
		at = self->base + first * PAGE;
		ASSERT_EQ(0, nt_commit(self->fd, at, size * PAGE, RW));
		/* Half of them are read first, half are written. */
		for (i = 0; i < size; i++) {
			if (rand_r(&seed) % 2)
				ASSERT_EQ(0, nt_poke(at + i * PAGE, 0));
			ASSERT_TRUE(nt_all(at + i * PAGE, PAGE, 0)) {
				TH_LOG("round %u, page %u", round, i);
			}
		}
		memset(nt_ptr(at), SECRET, size * PAGE);
	}
}

/* A pipe holds a page that its owner gives back and the module uses again. */
TEST_F(memory, pages_in_a_pipe)
{
	struct iovec iov = { nt_ptr(self->base), 16 * PAGE };
	static char out[16 * PAGE];
	int pipes[2], i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, pipe(pipes));
		ASSERT_EQ((ssize_t)iov.iov_len, vmsplice(pipes[1], &iov, 1,
							 0));
		ASSERT_EQ(0, nt_decommit(self->fd, self->base, 16 * PAGE));
		ASSERT_EQ(0, nt_commit(self->fd, self->base, 16 * PAGE, RW));
		ASSERT_TRUE(nt_all(self->base, 16 * PAGE, 0));
		memset(nt_ptr(self->base), i, 16 * PAGE);
		ASSERT_EQ((ssize_t)sizeof(out), read(pipes[0], out,
						     sizeof(out)));
		ASSERT_TRUE(nt_all((uintptr_t)out, sizeof(out),
				   i ? i - 1 : SECRET));
		close(pipes[0]);
		close(pipes[1]);
	}
}

/* ------------------------------------------------------------------------
 * Outputs: no byte of them is left as the kernel's stack had it.
 */
TEST_F(memory, every_byte_of_an_output_is_defined)
{
	struct ntmem_info info[2];
	struct ntmem_query query[2];
	struct ntmem_fault fault[2];
	struct ntmem_op ops[2];
	unsigned char *raw;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		/* What the stack holds is another each time. */
		nt_query(self->fd, self->base + i * GIB, &query[i]);
		ASSERT_EQ(0, nt_info(self->fd, &info[i]));
		memset(&fault[i], i ? 0x11 : 0xee, sizeof(fault[i]));
		ASSERT_EQ(-SIGSEGV, nt_peek(self->base + PAGES * PAGE));
		ASSERT_EQ(0, ioctl(self->fd, NTMEM_IOC_LAST_FAULT,
				   &fault[i]));
		memset(&query[i], i ? 0x11 : 0xee, sizeof(query[i]));
		query[i].addr = self->base;
		query[i].flags = 0;
		query[i].marks = 0;
		ASSERT_EQ(0, ioctl(self->fd, NTMEM_IOC_QUERY, &query[i]));
	}
	ASSERT_EQ(0, memcmp(&info[0], &info[1], sizeof(info[0])));
	ASSERT_EQ(0, memcmp(&fault[0], &fault[1], sizeof(fault[0])));
	ASSERT_EQ(0, memcmp(&query[0], &query[1], sizeof(query[0])));

	/* Of a batch: what the operation does not use comes back. */
	memset(ops, 0x77, sizeof(ops));
	nt_op_range(&ops[0], NTMEM_NR_COMMIT, self->base, PAGE, RW);
	memset(ops[0].raw + 3, 0x77, sizeof(ops[0].raw) - 24);
	ASSERT_EQ(0, nt_batch(self->fd, ops, 1, 0, NULL));
	ASSERT_EQ(0, ops[0].status);
	raw = (unsigned char *)(ops[0].raw + 3);
	for (i = 0; i < sizeof(ops[0].raw) - 24; i++)
		ASSERT_EQ(0x77, raw[i]);
	raw = (unsigned char *)&ops[1];
	for (i = 0; i < sizeof(ops[1]); i++)
		ASSERT_EQ(0x77, raw[i]);
}

/* Above user space there is nothing to ask for. */
TEST_F(memory, kernel_addresses_are_no_addresses)
{
	static const __u64 addrs[] = {
		1ULL << 47, 0x800000000000ULL, 0xffff800000000000ULL,
		0xffffffff81000000ULL, 0xffffffffff600000ULL, NONE - PAGE + 1,
		NONE,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(addrs); i++) {
		struct ntmem_query q;
		__u64 addr = addrs[i];

		ASSERT_UNCHANGED(EINVAL, nt_query(self->fd, addr, &q));
		ASSERT_UNCHANGED(EINVAL, nt_commit(self->fd, addr, PAGE, RW));
		ASSERT_UNCHANGED(EINVAL, nt_protect(self->fd, addr, PAGE, RW,
						    NULL));
		ASSERT_UNCHANGED(EINVAL, nt_decommit(self->fd, addr, PAGE));
		ASSERT_UNCHANGED(EINVAL, nt_release(self->fd, addr, PAGE));
		ASSERT_UNCHANGED(EINVAL, nt_lock(self->fd, addr, PAGE));
		ASSERT_UNCHANGED(EINVAL, nt_reset(self->fd, addr, PAGE));
		ASSERT_UNCHANGED(EINVAL, nt_reserve_at(self->fd, addr, PAGE));
	}
}

/* ------------------------------------------------------------------------
 * Calls that could give a mapping of the module's file another shape.
 */

/*
 * remap_file_pages(2) maps a file that is mapped already, at any offset. If
 * it could with ours, what DECOMMIT and PROTECT take away would stay in the
 * page table, beyond every limit, and so would pages shared after fork.
 */
TEST_F(memory, remap_file_pages)
{
	__u64 far = self->base + 16 * GIB, size = 128 * MIB, base;
	struct ntmem_query q;

	/* One that has a mapping of its own. */
	base = nt_any(self->fd, size, 0);
	ASSERT_NE(0ULL, base);
	ASSERT_EQ(1, nt_count_vmas(base, base + size));
	/* Of a part: which errno is the core's. */
	ASSERT_UNCHANGED(-1L, syscall(SYS_remap_file_pages, base, PAGE, 0,
				      base / PAGE + 1, 0));
	syscall(SYS_remap_file_pages, base, size, 0, far / PAGE, 0);
	if (nt_query(self->fd, base, &q) || q.state != RESERVED)
		ASSERT_EQ(0, nt_reserve_at(self->fd, base, size));
	ASSERT_EQ(0, nt_commit(self->fd, base, GRAN, RW));
	ASSERT_EQ(0, nt_poke(base, 1));
	ASSERT_EQ(0, nt_protect(self->fd, base, PAGE, RO, NULL));
	EXPECT_EQ(-SIGSEGV, nt_poke(base, 2));
	ASSERT_EQ(0, nt_decommit(self->fd, base, GRAN));
	EXPECT_EQ(-SIGSEGV, nt_peek(base));
}

/* And at the right offset: as munmap, what is there is released. */
TEST_F(memory, remap_file_pages_in_place)
{
	__u64 size = 128 * MIB, base = nt_block(self->fd, size, RW);
	struct ntmem_query q;

	ASSERT_NE(0ULL, base);
	ASSERT_EQ(0, nt_poke(base, 1));
	syscall(SYS_remap_file_pages, base, size, 0, base / PAGE, 0);
	ASSERT_EQ(0, nt_query(self->fd, base, &q));
	ASSERT_NE(COMMITTED, q.state);
	ASSERT_EQ(-SIGSEGV, nt_peek(base));
	ASSERT_EQ(0, nt_reserve_at(self->fd, base, size));
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
	ASSERT_EQ(0, nt_peek(base));
	ASSERT_EQ(0, nt_decommit(self->fd, base, PAGE));
	ASSERT_EQ(-SIGSEGV, nt_peek(base));
}

/* A second view of the same pages by mremap(2) of a size of 0. */
TEST_F(memory, no_second_view)
{
	__u64 size = PAGES * PAGE;
	char path[64];

	ASSERT_UNCHANGED(EFAULT, mremap(nt_ptr(self->base), 0, size,
					MREMAP_MAYMOVE) == MAP_FAILED ?
			 errno : 0);
	ASSERT_UNCHANGED(EINVAL, mremap(nt_ptr(self->base), size, size,
					MREMAP_MAYMOVE | MREMAP_DONTUNMAP) ==
			 MAP_FAILED ? errno : 0);
	/* Nor by the file, which root sees in /proc but cannot open. */
	snprintf(path, sizeof(path), "/proc/self/map_files/%llx-%llx",
		 self->base & ~(256 * MIB - 1),
		 (self->base & ~(256 * MIB - 1)) + 256 * MIB);
	ASSERT_EQ(-1, open(path, O_RDWR));
	ASSERT_TRUE(errno == ENXIO || errno == ENOENT) {
		TH_LOG("%s", strerror(errno));
	}
}

/* ------------------------------------------------------------------------
 * Execution.
 */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE			65
#define PR_MDWE_REFUSE_EXEC_GAIN	1
#endif

static int gains_execution(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);
	__u64 before = nt_block(fd, GRAN, RWX), after = nt_block(fd, GRAN, RW);
	__u64 any = 0;

	(void)data;
	CHECK(before && after);
	nt_write_code(before, 7);
	CHECK(!nt_protect(fd, before, PAGE, RX, NULL));
	CHECK(nt_exec(before) == 7);
	CHECK(!prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0));
	/* What could be executed still can. */
	CHECK(nt_exec(before) == 7);
	CHECK(!nt_protect(fd, before, PAGE, RW, NULL));
	nt_write_code(before, 8);
	nt_write_code(after, 8);
	CHECK(nt_protect(fd, before, PAGE, RX, NULL) == EACCES);
	CHECK(nt_protect(fd, before, PAGE, RWX, NULL) == EACCES);
	CHECK(nt_commit(fd, before, PAGE, X) == EACCES);
	CHECK(nt_protect(fd, after, PAGE, RX, NULL) == EACCES);
	CHECK(nt_commit(fd, after, PAGE, RX) == EACCES);
	CHECK(nt_reserve(fd, &any, GRAN, RWX, 0) == EACCES);
	CHECK(nt_exec(before) == -SIGSEGV);
	CHECK(nt_exec(after) == -SIGSEGV);
	CHECK(!nt_commit(fd, after, PAGE, RO));
	return 0;
}

/* "Memory-deny-write-execute" holds for this memory as for any other. */
TEST_F(memory, deny_write_execute)
{
	if (prctl(PR_SET_MDWE, 0, 0, 0, 0) && errno == EINVAL)
		SKIP(return, "this kernel has no PR_SET_MDWE");
	ASSERT_EQ(0, nt_in_child(gains_execution, NULL));
}

TEST_HARNESS_MAIN
