// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints: each operation and each fault is a line of its own, with whose
 * space and what it was about and how it ended. Needs root and tracefs.
 */
#include "remote.h"

#include <sys/uio.h>

#define TRACING		"/sys/kernel/tracing"
#define INSTANCE	TRACING "/instances/ntmem-kselftest"

FIXTURE(trace)
{
	int fd;
	FILE *lines;		/* of the buffer; it is read as it fills */
	__u64 base;
};

FIXTURE_SETUP(trace)
{
	if (access(TRACING "/events/ntmem", F_OK))
		SKIP(return, "no tracefs");
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->base = nt_any(self->fd, MIB, NTMEM_RESERVE_WATCH);
	ASSERT_NE(0ULL, self->base);
	rmdir(INSTANCE);
	ASSERT_EQ(0, mkdir(INSTANCE, 0700));
	ASSERT_EQ(0, nt_write_file(INSTANCE "/events/ntmem/enable", "1"));
	self->lines = fopen(INSTANCE "/trace_pipe", "r");
	ASSERT_NE(NULL, self->lines);
	ASSERT_EQ(0, fcntl(fileno(self->lines), F_SETFL, O_NONBLOCK));
}

FIXTURE_TEARDOWN(trace)
{
	if (self->lines)
		fclose(self->lines);
	rmdir(INSTANCE);
	close(self->fd);
}

/*
 * Is the next line of this process such a one? Of several CPUs' lines all are
 * there when the call that they are about has ended.
 */
static bool line_is(FILE *lines, const char *event, const char *text)
{
	static char line[1024], task[32];

	snprintf(task, sizeof(task), "-%d ", getpid());
	while (fgets(line, sizeof(line), lines))
		if (strstr(line, task))
			break;
	if (!feof(lines) && !ferror(lines) && strstr(line, event) &&
	    strstr(line, text) && strstr(line, " duration="))
		return true;
	fprintf(stderr, "# not %s %s, but: %s\n", event, text,
		feof(lines) || ferror(lines) ? "nothing" : line);
	clearerr(lines);
	return false;
}

/* In the space of that process. */
static bool op_of(FILE *lines, pid_t pid, const char *op, __u64 addr,
		  __u64 size, __u32 prot, int result)
{
	char text[160];

	snprintf(text, sizeof(text),
		 "pid=%d op=%s addr=0x%llx size=0x%llx prot=0x%x flags=0x0 result=%d ",
		 pid, op, addr, size, prot, result);
	return line_is(lines, "ntmem_op:", text);
}

static bool op_is(FILE *lines, const char *op, __u64 addr, __u64 size,
		  __u32 prot, int result)
{
	return op_of(lines, getpid(), op, addr, size, prot, result);
}

static bool fault_of(FILE *lines, pid_t pid, __u64 addr, bool write,
		     const char *reason)
{
	char text[160];

	snprintf(text, sizeof(text), "pid=%d addr=0x%llx write=%d reason=%s ",
		 pid, addr, write, reason);
	return line_is(lines, "ntmem_fault:", text);
}

static bool fault_is(FILE *lines, __u64 addr, bool write, const char *reason)
{
	return fault_of(lines, getpid(), addr, write, reason);
}

TEST_F(trace, operations)
{
	__u64 base = self->base, addr = 0, pages[4], count = 4;
	FILE *lines = self->lines;
	struct ntmem_query query;

	ASSERT_EQ(0, nt_reserve(self->fd, &addr, GRAN, RW, 0));
	EXPECT_TRUE(op_is(lines, "reserve", addr, GRAN, RW, 0));
	ASSERT_EQ(0, nt_commit(self->fd, addr, 2 * PAGE, RW));
	EXPECT_TRUE(op_is(lines, "commit", addr, 2 * PAGE, RW, 0));
	EXPECT_EQ(EINVAL, nt_commit(self->fd, addr, PAGE, 3));
	EXPECT_TRUE(op_is(lines, "commit", addr, PAGE, 3, -EINVAL));
	ASSERT_EQ(0, nt_protect(self->fd, addr, PAGE, RO, NULL));
	EXPECT_TRUE(op_is(lines, "protect", addr, PAGE, RO, 0));
	ASSERT_EQ(0, nt_query(self->fd, addr, &query));
	EXPECT_TRUE(op_is(lines, "query", addr, 0, 0, 0));
	ASSERT_EQ(0, nt_lock(self->fd, addr, PAGE));
	/* It brings the page. */
	EXPECT_TRUE(fault_is(lines, addr, false, "none"));
	EXPECT_TRUE(op_is(lines, "lock", addr, PAGE, 0, 0));
	ASSERT_EQ(0, nt_unlock(self->fd, addr, PAGE));
	EXPECT_TRUE(op_is(lines, "unlock", addr, PAGE, 0, 0));
	ASSERT_EQ(0, nt_reset(self->fd, addr, PAGE));
	EXPECT_TRUE(op_is(lines, "reset", addr, PAGE, 0, 0));
	ASSERT_EQ(0, nt_reset_undo(self->fd, addr, PAGE));
	EXPECT_TRUE(op_is(lines, "reset_undo", addr, PAGE, 0, 0));
	ASSERT_EQ(0, nt_decommit(self->fd, addr, PAGE));
	EXPECT_TRUE(op_is(lines, "decommit", addr, PAGE, 0, 0));
	ASSERT_EQ(0, nt_release(self->fd, addr, 0));
	EXPECT_TRUE(op_is(lines, "release", addr, 0, 0, 0));
	ASSERT_EQ(0, nt_watch(self->fd, base, PAGE, pages, &count, 0));
	EXPECT_TRUE(op_is(lines, "watch", base, PAGE, 0, 0));
}

TEST_F(trace, views)
{
	int section = nt_section(self->fd, NULL, GRAN, RW, 0);
	__u64 addr = 0;

	ASSERT_LE(0, section);
	ASSERT_EQ(0, nt_map(self->fd, section, 0, &addr, PAGE, RW, 0));
	EXPECT_TRUE(op_is(self->lines, "map_view", addr, PAGE, RW, 0));
	ASSERT_EQ(0, nt_poke(addr, 1));
	EXPECT_TRUE(fault_is(self->lines, addr, true, "none"));
	ASSERT_EQ(0, nt_unmap(self->fd, addr, 0));
	EXPECT_TRUE(op_is(self->lines, "unmap_view", addr, 0, 0, 0));
}

TEST_F(trace, operations_of_a_batch)
{
	__u64 base = self->base;
	struct ntmem_op ops[2];
	__u32 done;

	nt_op_range(&ops[0], NTMEM_NR_COMMIT, base, PAGE, RW);
	nt_op_range(&ops[1], NTMEM_NR_PROTECT, base, PAGE, RO);
	ASSERT_EQ(0, nt_batch(self->fd, ops, 2, 0, &done));
	EXPECT_TRUE(op_is(self->lines, "commit", base, PAGE, RW, 0));
	EXPECT_TRUE(op_is(self->lines, "protect", base, PAGE, RO, 0));
}

TEST_F(trace, faults)
{
	__u64 base = self->base;
	FILE *lines = self->lines;

	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
	ASSERT_EQ(0, nt_commit(self->fd, base + PAGE, PAGE, RO));
	ASSERT_EQ(0, nt_commit(self->fd, base + 2 * PAGE, PAGE, RW | GUARD));
	ASSERT_TRUE(op_is(lines, "commit", base, PAGE, RW, 0));
	ASSERT_TRUE(op_is(lines, "commit", base + PAGE, PAGE, RO, 0));
	ASSERT_TRUE(op_is(lines, "commit", base + 2 * PAGE, PAGE, RW | GUARD,
			  0));
	EXPECT_EQ(0, nt_poke(base, 1));
	EXPECT_TRUE(fault_is(lines, base, true, "none"));
	EXPECT_EQ(0, nt_peek(base + PAGE));
	EXPECT_TRUE(fault_is(lines, base + PAGE, false, "none"));
	EXPECT_EQ(-SIGSEGV, nt_poke(base + PAGE, 1));
	EXPECT_TRUE(fault_is(lines, base + PAGE, true, "protection"));
	EXPECT_EQ(-SIGSEGV, nt_peek(base + 2 * PAGE));
	EXPECT_TRUE(fault_is(lines, base + 2 * PAGE, false, "guard"));
	EXPECT_EQ(-SIGSEGV, nt_peek(base + 3 * PAGE));
	EXPECT_TRUE(fault_is(lines, base + 3 * PAGE, false, "reserved"));
}

/* The line is the caller's, what it is about the other's. */
TEST_F(trace, of_another_process)
{
	FILE *lines = self->lines;
	struct target target;
	struct iovec here, there;
	char byte = 1;
	__u64 base;

	ASSERT_TRUE(target_start(&target, NULL));
	base = nt_any(target.handle, GRAN, 0);
	EXPECT_TRUE(op_of(lines, target.pid, "reserve", base, GRAN, RW, 0));
	ASSERT_EQ(0, nt_commit(target.handle, base, PAGE, RW));
	EXPECT_TRUE(op_of(lines, target.pid, "commit", base, PAGE, RW, 0));
	here = (struct iovec) { &byte, 1 };
	there = (struct iovec) { nt_ptr(base), 1 };
	ASSERT_EQ(1, process_vm_writev(target.pid, &here, 1, &there, 1, 0));
	EXPECT_TRUE(fault_of(lines, target.pid, base, true, "none"));
	target_kill(&target);
}

static int touches(void *data)
{
	return nt_peek(*(__u64 *)data);
}

/* A child whose space nobody has looked at yet. */
TEST_F(trace, first_fault_of_a_child)
{
	__u64 base = nt_block(self->fd, GRAN, RW);
	char line[1024], text[80];
	bool found = false;
	pid_t pid;

	ASSERT_NE(0ULL, base);
	pid = nt_spawn(touches, &base);
	ASSERT_EQ(0, nt_reap(pid));
	snprintf(text, sizeof(text), "pid=%d addr=0x%llx write=0", pid, base);
	while (!found && fgets(line, sizeof(line), self->lines))
		found = strstr(line, text);
	EXPECT_TRUE(found);
}

TEST_F(trace, nothing_when_it_is_off)
{
	char line[256];

	ASSERT_EQ(0, nt_write_file(INSTANCE "/events/ntmem/enable", "0"));
	ASSERT_EQ(0, nt_commit(self->fd, self->base, PAGE, RW));
	ASSERT_EQ(0, nt_poke(self->base, 1));
	EXPECT_EQ(NULL, fgets(line, sizeof(line), self->lines));
}

TEST_HARNESS_MAIN
