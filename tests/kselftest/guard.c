// SPDX-License-Identifier: GPL-2.0
/*
 * Guard pages: once, one page, by the CPU or by the kernel, and not by others.
 */
#include "ntmem_test.h"

#include <sys/uio.h>

#define PAGES	16

FIXTURE(guard)
{
	int fd;
	__u64 base;	/* PAGES pages committed READWRITE|GUARD */
};

FIXTURE_SETUP(guard)
{
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->base = nt_block(self->fd, PAGES * PAGE, RW | GUARD);
	ASSERT_NE(0ULL, self->base);
}

FIXTURE_TEARDOWN(guard)
{
	close(self->fd);
}

/* Which pages still have their guard, as bits. */
static unsigned int guards(int fd, __u64 base)
{
	struct ntmem_query q;
	unsigned int i, bits = 0;

	for (i = 0; i < PAGES; i++)
		if (!nt_query(fd, base + i * PAGE, &q) &&
		    q.state == COMMITTED && (q.prot & GUARD))
			bits |= 1U << i;
	return bits;
}

#define ALL	((1U << PAGES) - 1)

TEST_F(guard, once_for_each_kind_of_access)
{
	static const __u32 access[] = {
		[NT_READ] = NTMEM_ACCESS_READ,
		[NT_WRITE] = NTMEM_ACCESS_WRITE,
		[NT_RUN] = NTMEM_ACCESS_EXECUTE,
	};
	__u64 addr = self->base + 5 * PAGE + 10;
	unsigned int how;

	for (how = NT_READ; how <= NT_RUN; how++) {
		ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGES * PAGE,
					RWX, NULL));
		nt_write_code(addr, 3);
		ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGES * PAGE,
					RWX | GUARD, NULL));
		ASSERT_EQ(ALL, guards(self->fd, self->base));
		ASSERT_EQ(-SIGSEGV, nt_access(addr, how, 0xb8));
		ASSERT_EQ(nt_ptr(addr), nt_fault_addr);
		ASSERT_TRUE(nt_fault_was(self->fd, addr, access[how],
					 NTMEM_FAULT_GUARD, RWX | GUARD));
		/* Its guard, and only its, is gone; it works now. */
		ASSERT_EQ(ALL & ~(1U << 5), guards(self->fd, self->base));
		ASSERT_TRUE(nt_run(self->fd, self->base + 5 * PAGE, PAGE,
				   COMMITTED, RWX));
		ASSERT_EQ(0xb8, nt_peek(addr));
		ASSERT_EQ(3, nt_exec(addr));
		ASSERT_EQ(0, nt_poke(addr, 0xb8));
		ASSERT_EQ(ALL & ~(1U << 5), guards(self->fd, self->base));
	}
}

/* After the guard the protection rules. */
TEST_F(guard, then_the_protection)
{
	__u64 a = self->base, b = a + PAGE;

	ASSERT_EQ(0, nt_protect(self->fd, a, 2 * PAGE, RO | GUARD, NULL));
	ASSERT_EQ(-SIGSEGV, nt_poke(a, 1));
	ASSERT_TRUE(nt_fault_was(self->fd, a, NTMEM_ACCESS_WRITE,
				 NTMEM_FAULT_GUARD, RO | GUARD));
	ASSERT_EQ(-SIGSEGV, nt_poke(a, 1));
	ASSERT_TRUE(nt_fault_was(self->fd, a, NTMEM_ACCESS_WRITE,
				 NTMEM_FAULT_PROTECTION, RO));
	ASSERT_EQ(0, nt_peek(a));
	ASSERT_EQ(-SIGSEGV, nt_peek(b));
	ASSERT_EQ(0, nt_peek(b));
}

TEST_F(guard, every_page_has_its_own)
{
	unsigned int i, left = ALL;

	for (i = 0; i < PAGES; i += 3) {
		ASSERT_EQ(-SIGSEGV, nt_poke(self->base + i * PAGE, 1));
		left &= ~(1U << i);
		ASSERT_EQ(left, guards(self->fd, self->base));
		ASSERT_EQ(0, nt_poke(self->base + i * PAGE, i));
	}
	for (i = 0; i < PAGES; i++) {
		ASSERT_EQ(i % 3 ? -SIGSEGV : (int)i,
			  nt_peek(self->base + i * PAGE));
	}
	ASSERT_EQ(0U, guards(self->fd, self->base));
	ASSERT_TRUE(nt_run(self->fd, self->base, PAGES * PAGE, COMMITTED,
			   RW));
	/* AllocationProtect still says it. */
	ASSERT_TRUE(nt_in(self->fd, self->base, self->base, RW | GUARD));
}

/* Sequential accesses next to a guard must not map or consume it. */
TEST_F(guard, windows_stop_at_it)
{
	unsigned int i;

	ASSERT_EQ(0, nt_protect(self->fd, self->base, 8 * PAGE, RW, NULL));
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, nt_poke(self->base + i * PAGE, 1));
	ASSERT_EQ(ALL & ~0xffU, guards(self->fd, self->base));
	ASSERT_EQ(-SIGSEGV, nt_peek(self->base + 8 * PAGE));
	ASSERT_EQ(ALL & ~0x1ffU, guards(self->fd, self->base));
}

TEST_F(guard, set_on_pages_with_content)
{
	__u64 base = self->base;

	ASSERT_EQ(0, nt_protect(self->fd, base, 4 * PAGE, RW, NULL));
	memset(nt_ptr(base), 0x44, 4 * PAGE);
	ASSERT_EQ(0, nt_protect(self->fd, base + PAGE, PAGE, RW | GUARD,
				NULL));
	ASSERT_EQ(0x44, nt_peek(base));
	ASSERT_EQ(-SIGSEGV, nt_peek(base + PAGE));
	ASSERT_TRUE(nt_all(base, 4 * PAGE, 0x44));
	/* By COMMIT over committed pages as well, and taken off unspent. */
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW | GUARD));
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
	ASSERT_EQ(0x44, nt_peek(base));
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RO | GUARD));
	ASSERT_EQ(-SIGSEGV, nt_peek(base));
	ASSERT_EQ(0x44, nt_peek(base));
	/* Set again, it works again. */
	ASSERT_EQ(0, nt_protect(self->fd, base, PAGE, RW | GUARD, NULL));
	ASSERT_EQ(-SIGSEGV, nt_peek(base));
	ASSERT_EQ(0x44, nt_peek(base));
}

TEST_F(guard, decommit_takes_it_along)
{
	ASSERT_EQ(0, nt_decommit(self->fd, self->base, 0));
	ASSERT_EQ(0, nt_commit(self->fd, self->base, PAGES * PAGE, RW));
	ASSERT_EQ(0U, guards(self->fd, self->base));
	ASSERT_EQ(0, nt_poke(self->base, 1));
}

/*
 * A system call that comes upon one fails, and leaves it to be hit by the
 * program: the kernel's copying tries again, byte by byte, what has faulted,
 * and must not get through the second time.
 */
TEST_F(guard, system_calls)
{
	int pipes[2], zero = open("/dev/zero", O_RDONLY);
	__u64 base = self->base;
	char data[2] = { 1, 2 };

	ASSERT_LE(0, zero);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(2, write(pipes[1], data, 2));
	ASSERT_UNCHANGED(EFAULT, ERRNO_OF(ioctl(pipes[0], FIONREAD,
						nt_ptr(base))));
	ASSERT_UNCHANGED(EFAULT, ERRNO_OF(read(pipes[0], nt_ptr(base), 2)));
	ASSERT_UNCHANGED(EFAULT, ERRNO_OF(read(zero, nt_ptr(base), 8)));
	ASSERT_UNCHANGED(EFAULT, ERRNO_OF(write(pipes[1], nt_ptr(base),
						PAGE)));
	ASSERT_UNCHANGED(EFAULT, ERRNO_OF(open(nt_ptr(base), O_RDONLY)));
	ASSERT_EQ(ALL, guards(self->fd, base));
	ASSERT_EQ(-SIGSEGV, nt_peek(base));
	ASSERT_TRUE(nt_fault_was(self->fd, base, NTMEM_ACCESS_READ,
				 NTMEM_FAULT_GUARD, RW | GUARD));
	ASSERT_EQ(8, read(zero, nt_ptr(base), 8));
	ASSERT_EQ(ENOENT, ERRNO_OF(open(nt_ptr(base), O_RDONLY)));
	ASSERT_EQ(ALL & ~1U, guards(self->fd, base));
}

/* LOCK uses the guard up as an access would, and says so. */
TEST_F(guard, lock)
{
	__u64 base = self->base;

	ASSERT_EQ(EKEYEXPIRED, nt_lock(self->fd, base + PAGE, PAGE));
	ASSERT_EQ(ALL & ~2U, guards(self->fd, base));
	ASSERT_EQ(0, nt_lock(self->fd, base + PAGE, PAGE));
	ASSERT_EQ(0, nt_unlock(self->fd, base + PAGE, PAGE));
	/* One page for each call. */
	ASSERT_EQ(EKEYEXPIRED, nt_lock(self->fd, base, 3 * PAGE));
	ASSERT_EQ(ALL & ~3U, guards(self->fd, base));
	ASSERT_EQ(ENOLCK, nt_unlock(self->fd, base, PAGE));
	ASSERT_EQ(EKEYEXPIRED, nt_lock(self->fd, base, 3 * PAGE));
	ASSERT_EQ(ALL & ~7U, guards(self->fd, base));
	ASSERT_EQ(0, nt_lock(self->fd, base, 3 * PAGE));
}

/* Calls that only look or that change states do not touch it. */
TEST_F(guard, other_calls_do_not_use_it_up)
{
	__u64 base = self->base;

	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW | GUARD));
	ASSERT_EQ(0, nt_reset(self->fd, base, PAGES * PAGE));
	ASSERT_EQ(0, nt_reset_undo(self->fd, base, PAGES * PAGE));
	ASSERT_EQ(0, nt_protect(self->fd, base, PAGE, RO | GUARD, NULL));
	ASSERT_EQ(ENOLCK, nt_unlock(self->fd, base, PAGE));
	ASSERT_EQ(0, nt_decommit(self->fd, base + PAGE, PAGE));
	ASSERT_EQ(ALL & ~2U, guards(self->fd, base));
}

/* Another process that reads finds nothing, and uses up nothing. */
static int read_parent(void *data)
{
	__u64 addr = *(__u64 *)data;
	char byte;
	struct iovec local = { &byte, 1 };
	struct iovec remote = { nt_ptr(addr), 1 };
	char path[64];
	int mem;

	CHECK(process_vm_readv(getppid(), &local, 1, &remote, 1, 0) == -1);
	CHECK(errno == EFAULT);
	snprintf(path, sizeof(path), "/proc/%d/mem", getppid());
	mem = open(path, O_RDWR);
	CHECK(mem >= 0);
	CHECK(pread(mem, &byte, 1, addr) == -1);
	CHECK(errno == EIO);
	CHECK(pwrite(mem, &byte, 1, addr) == -1);
	CHECK(errno == EIO);
	return 0;
}

TEST_F(guard, other_processes)
{
	ASSERT_UNCHANGED(0, nt_in_child(read_parent, &self->base));
	ASSERT_EQ(ALL, guards(self->fd, self->base));
	ASSERT_EQ(-SIGSEGV, nt_peek(self->base));
	ASSERT_EQ(0, nt_peek(self->base));
}

/* Of many threads that touch it at once exactly one is told. */
struct guard_thread {
	__u64 base;
	pthread_barrier_t *barrier;
	int hits;
};

static void *guard_thread(void *data)
{
	struct guard_thread *t = data;
	int i;

	for (i = 0; i < PAGES; i++) {
		pthread_barrier_wait(t->barrier);
		if (nt_poke(t->base + i * PAGE, 1) == -SIGSEGV)
			t->hits++;
	}
	return NULL;
}

TEST_F(guard, one_of_many_threads)
{
	struct guard_thread threads[4];
	pthread_barrier_t barrier;
	pthread_t ids[4];
	int i, round, hits;

	for (round = 0; round < 10; round++) {
		pthread_barrier_init(&barrier, NULL, 4);
		for (i = 0; i < 4; i++) {
			threads[i] = (struct guard_thread) {
				self->base, &barrier, 0,
			};
			ASSERT_EQ(0, pthread_create(&ids[i], NULL,
						    guard_thread,
						    &threads[i]));
		}
		for (hits = 0, i = 0; i < 4; i++) {
			pthread_join(ids[i], NULL);
			hits += threads[i].hits;
		}
		ASSERT_EQ(PAGES, hits);
		ASSERT_EQ(0U, guards(self->fd, self->base));
		ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGES * PAGE,
					RW | GUARD, NULL));
	}
}

TEST_HARNESS_MAIN
