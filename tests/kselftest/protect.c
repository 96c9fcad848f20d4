// SPDX-License-Identifier: GPL-2.0
/*
 * PROTECT: its rules, and what each protection lets the CPU do, execution
 * included.
 */
#include "ntmem_test.h"

#define LAST_PID	"/proc/sys/kernel/ns_last_pid"
#define PAGES	16

FIXTURE(protect)
{
	int fd;
	__u64 base;	/* PAGES pages committed READWRITE, as many reserved */
};

FIXTURE_SETUP(protect)
{
	self->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->base = nt_any(self->fd, 2 * PAGES * PAGE, 0);
	ASSERT_NE(0ULL, self->base);
	ASSERT_EQ(0, nt_commit(self->fd, self->base, PAGES * PAGE, RW));
}

FIXTURE_TEARDOWN(protect)
{
	close(self->fd);
}

TEST_F(protect, old_protection_is_that_of_the_first_page)
{
	__u64 base = self->base;
	__u32 old;

	ASSERT_EQ(0, nt_protect(self->fd, base, PAGE, RO, &old));
	ASSERT_EQ(RW, (int)old);
	ASSERT_EQ(0, nt_protect(self->fd, base, PAGE, NOACCESS, &old));
	ASSERT_EQ(RO, (int)old);
	ASSERT_EQ(0, nt_protect(self->fd, base + PAGE, PAGE, RX, &old));
	ASSERT_EQ(RW, (int)old);
	ASSERT_EQ(0, nt_protect(self->fd, base, 3 * PAGE, RW | GUARD, &old));
	ASSERT_EQ(NOACCESS, (int)old);
	ASSERT_EQ(0, nt_protect(self->fd, base + PAGE, 2 * PAGE, RO, &old));
	ASSERT_EQ((int)(RW | GUARD), (int)old);
	ASSERT_TRUE(nt_run(self->fd, base, PAGE, COMMITTED, RW | GUARD));
	ASSERT_TRUE(nt_run(self->fd, base + PAGE, 2 * PAGE, COMMITTED, RO));
}

TEST_F(protect, rounds_outwards)
{
	__u64 base = self->base;

	ASSERT_EQ(0, nt_protect(self->fd, base + 2 * PAGE - 1, 2, RO, NULL));
	ASSERT_TRUE(nt_run(self->fd, base, PAGE, COMMITTED, RW));
	ASSERT_TRUE(nt_run(self->fd, base + PAGE, 2 * PAGE, COMMITTED, RO));
	ASSERT_EQ(0, nt_protect(self->fd, base + 5 * PAGE + 1, PAGE, RO,
				NULL));
	ASSERT_TRUE(nt_run(self->fd, base + 5 * PAGE, 2 * PAGE, COMMITTED,
			   RO));
}

TEST_F(protect, refused)
{
	__u64 base = self->base, end = base + PAGES * PAGE;

	memset(nt_ptr(base), 0x33, PAGES * PAGE);
	/* Reserved pages: all, at the end, one in the middle. */
	ASSERT_UNCHANGED(ENODATA, nt_protect(self->fd, end, PAGE, RO, NULL));
	ASSERT_UNCHANGED(ENODATA, nt_protect(self->fd, base, PAGES * PAGE + 1,
					     RO, NULL));
	ASSERT_EQ(0, nt_decommit(self->fd, base + 7 * PAGE, PAGE));
	ASSERT_UNCHANGED(ENODATA, nt_protect(self->fd, base, PAGES * PAGE, RO,
					     NULL));
	ASSERT_EQ(0, nt_poke(base, 0x33));
	/* Out of the reservation, over its end, from before it. */
	ASSERT_UNCHANGED(ENOENT, nt_protect(self->fd, base + 2 * PAGES * PAGE,
					    PAGE, RO, NULL));
	ASSERT_EQ(0, nt_commit(self->fd, end, PAGES * PAGE, RW));
	ASSERT_UNCHANGED(ENOENT, nt_protect(self->fd, end, PAGES * PAGE + 1,
					    RO, NULL));
	ASSERT_UNCHANGED(ENOENT, nt_protect(self->fd, base - 1, PAGE, RO,
					    NULL));
	ASSERT_UNCHANGED(EINVAL, nt_protect(self->fd, base, 0, RO, NULL));
	ASSERT_EQ(0, nt_poke(base, 0x33));
	ASSERT_TRUE(nt_all(base, 7 * PAGE, 0x33));
}

TEST_F(protect, crossing_reservations)
{
	__u64 a = WANTED, b = a + GRAN;

	ASSERT_EQ(0, nt_reserve(self->fd, &a, GRAN, RW, NTMEM_RESERVE_COMMIT));
	ASSERT_EQ(0, nt_reserve(self->fd, &b, GRAN, RW, NTMEM_RESERVE_COMMIT));
	ASSERT_UNCHANGED(ENOENT, nt_protect(self->fd, b - PAGE, 2 * PAGE, RO,
					    NULL));
	ASSERT_UNCHANGED(ENOENT, nt_protect(self->fd, a, 2 * GRAN, RO, NULL));
	ASSERT_EQ(0, nt_poke(b - PAGE, 1));
	ASSERT_EQ(0, nt_poke(b, 1));
}

static bool prot_valid(__u32 prot)
{
	__u32 base = prot & 0xff, modifiers = prot & ~0xffU;

	if (modifiers & ~(GUARD | NTMEM_PAGE_NOCACHE |
			  NTMEM_PAGE_WRITECOMBINE))
		return false;
	if (!base || (base & (base - 1)) || base == NTMEM_PAGE_WRITECOPY ||
	    base == NTMEM_PAGE_EXECUTE_WRITECOPY)
		return false;
	if (base == NOACCESS && modifiers)
		return false;
	return !(modifiers & (modifiers - 1));
}

TEST_F(protect, every_value)
{
	__u32 prot, old, last = RW;

	for (prot = 0; prot < 0x1000; prot++) {
		/* Given later, the cache modifiers have no effect. */
		__u32 seen = prot & (0xff | GUARD);

		if (!prot_valid(prot)) {
			ASSERT_EQ(EINVAL, nt_protect(self->fd, self->base,
						     PAGE, prot, NULL)) {
				TH_LOG("protection %#x", prot);
			}
			continue;
		}
		ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, prot,
					&old)) {
			TH_LOG("protection %#x", prot);
		}
		ASSERT_EQ(last, old);
		ASSERT_TRUE(nt_run(self->fd, self->base,
				   seen == RW ? PAGES * PAGE : PAGE,
				   COMMITTED, seen));
		last = seen;
	}
	ASSERT_UNCHANGED(EINVAL, nt_protect(self->fd, self->base, PAGE,
					    RW | 0x80000000, NULL));
	ASSERT_UNCHANGED(EINVAL, nt_protect(self->fd, self->base, PAGE,
					    RW | 0x40000000, NULL));
}

/* NOCACHE and WRITECOMBINE are the reservation's. */
TEST_F(protect, cache_modifiers)
{
	static const __u32 modifiers[] = {
		NTMEM_PAGE_NOCACHE, NTMEM_PAGE_WRITECOMBINE,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(modifiers); i++) {
		__u64 base = nt_block(self->fd, GRAN, RW | modifiers[i]);

		ASSERT_NE(0ULL, base);
		ASSERT_TRUE(nt_run(self->fd, base, GRAN, COMMITTED,
				   RW | modifiers[i]));
		ASSERT_EQ(0, nt_poke(base, 1));
		ASSERT_EQ(0, nt_protect(self->fd, base, PAGE, RO, NULL));
		ASSERT_TRUE(nt_run(self->fd, base, PAGE, COMMITTED,
				   RO | modifiers[i]));
		ASSERT_EQ(-SIGSEGV, nt_poke(base, 1));
		ASSERT_EQ(1, nt_peek(base));
		ASSERT_TRUE(nt_in(self->fd, base, base, RW | modifiers[i]));
	}
}

struct matrix_row {
	__u32 prot;
	bool read, write, run;
};

/* Execute without read is not possible for this CPU's page tables alone. */
static const struct matrix_row matrix[] = {
	{ NOACCESS, false, false, false },
	{ RO, true, false, false },
	{ RW, true, true, false },
	{ RX, true, false, true },
	{ RWX, true, true, true },
};

/*
 * The CPU refuses to execute a present page without asking the kernel's fault
 * handlers, so there need not be a reason; if there is one it is right.
 */
static bool execute_fault_was(int fd, __u64 addr, __u32 prot)
{
	struct ntmem_fault f;
	int error = nt_last_fault(fd, &f);

	return error == ENODATA ||
	       (!error && f.addr == addr && f.access == NTMEM_ACCESS_EXECUTE &&
		f.reason == NTMEM_FAULT_PROTECTION && f.prot == prot);
}

static bool matrix_access(int fd, __u64 addr, const struct matrix_row *row,
			  enum nt_access how, bool allowed)
{
	int result = nt_access(addr, how, 0xb8);

	if (!allowed) {
		if (result != -SIGSEGV || nt_fault_addr != nt_ptr(addr))
			return false;
		if (how == NT_RUN)
			return execute_fault_was(fd, addr, row->prot);
		return nt_fault_was(fd, addr, how == NT_READ ?
				    NTMEM_ACCESS_READ : NTMEM_ACCESS_WRITE,
				    NTMEM_FAULT_PROTECTION, row->prot);
	}
	switch (how) {
	case NT_READ:
		return result == 0xb8;
	case NT_RUN:
		return result == 77;
	default:
		return !result;
	}
}

/* Through PROTECT and through COMMIT, on touched pages. */
TEST_F(protect, access_matrix)
{
	unsigned int i, j, how;

	nt_write_code(self->base, 77);
	for (i = 0; i < 2 * ARRAY_SIZE(matrix); i++) {
		for (j = 0; j < ARRAY_SIZE(matrix); j++) {
			const struct matrix_row *row =
				&matrix[(i + j) % ARRAY_SIZE(matrix)];

			ASSERT_EQ(0, i & 1 ?
				  nt_protect(self->fd, self->base, PAGE,
					     row->prot, NULL) :
				  nt_commit(self->fd, self->base, PAGE,
					    row->prot));
			for (how = NT_READ; how <= NT_RUN; how++) {
				bool allowed = how == NT_READ ? row->read :
					how == NT_WRITE ? row->write :
					row->run;

				ASSERT_TRUE(matrix_access(self->fd, self->base,
							  row, how, allowed)) {
					TH_LOG("protection %#x, access %u",
					       row->prot, how);
				}
			}
		}
	}
}

/* The same without a page there yet. */
TEST_F(protect, access_matrix_of_untouched_pages)
{
	struct ntmem_fault forgotten;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(matrix); i++) {
		__u64 addr = nt_block(self->fd, 2 * PAGE, matrix[i].prot);

		ASSERT_NE(0ULL, addr);
		ASSERT_EQ(matrix[i].write ? 0 : -SIGSEGV, nt_poke(addr, 1));
		ASSERT_EQ(matrix[i].read ? 0 : -SIGSEGV, nt_peek(addr + PAGE));
		if (matrix[i].run)
			continue;
		nt_last_fault(self->fd, &forgotten);
		ASSERT_EQ(-SIGSEGV, nt_exec(addr + PAGE));
		ASSERT_TRUE(execute_fault_was(self->fd, addr + PAGE,
					      matrix[i].prot));
	}
}

TEST_F(protect, execute_only_runs)
{
	nt_write_code(self->base, 78);
	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, X, NULL));
	ASSERT_EQ(78, nt_exec(self->base));
	ASSERT_EQ(-SIGSEGV, nt_poke(self->base, 1));
	ASSERT_EQ(78, nt_exec(self->base));
}

/* Reasons besides protection, and that reading one forgets it. */
TEST_F(protect, last_fault)
{
	struct ntmem_fault fault;
	__u64 base = self->base, end = base + 2 * PAGES * PAGE;

	ASSERT_EQ(ENODATA, nt_last_fault(self->fd, &fault));
	ASSERT_EQ(-SIGSEGV, nt_peek(base + PAGES * PAGE + 3));
	ASSERT_TRUE(nt_fault_was(self->fd, base + PAGES * PAGE + 3,
				 NTMEM_ACCESS_READ, NTMEM_FAULT_RESERVED, 0));
	ASSERT_EQ(ENODATA, nt_last_fault(self->fd, &fault));
	ASSERT_EQ(-SIGSEGV, nt_exec(base + PAGES * PAGE));
	ASSERT_TRUE(nt_fault_was(self->fd, base + PAGES * PAGE,
				 NTMEM_ACCESS_EXECUTE, NTMEM_FAULT_RESERVED,
				 0));
	/* The last of two counts. */
	ASSERT_EQ(0, nt_protect(self->fd, base, PAGE, RO, NULL));
	ASSERT_EQ(-SIGSEGV, nt_poke(end - 1, 1));
	ASSERT_EQ(-SIGSEGV, nt_poke(base + 9, 1));
	ASSERT_TRUE(nt_fault_was(self->fd, base + 9, NTMEM_ACCESS_WRITE,
				 NTMEM_FAULT_PROTECTION, RO));
	/* A fault that was served is no refusal. */
	ASSERT_EQ(0, nt_poke(base + 2 * PAGE, 1));
	ASSERT_EQ(ENODATA, nt_last_fault(self->fd, &fault));
	/* Neither is one that a call came upon. */
	ASSERT_EQ(ENODATA, nt_protect(self->fd, end - PAGE, PAGE, RO, NULL));
	ASSERT_EQ(ENODATA, nt_last_fault(self->fd, &fault));
}

struct fault_thread {
	int fd;
	__u64 addr;
	pthread_barrier_t *barrier;
	bool ok;
};

static void *fault_thread(void *data)
{
	struct fault_thread *t = data;
	int i;

	t->ok = true;
	for (i = 0; i < 20; i++) {
		t->ok &= nt_poke(t->addr + i, 1) == -SIGSEGV;
		pthread_barrier_wait(t->barrier);
		t->ok &= nt_fault_was(t->fd, t->addr + i, NTMEM_ACCESS_WRITE,
				      NTMEM_FAULT_PROTECTION, RO);
		pthread_barrier_wait(t->barrier);
	}
	return NULL;
}

TEST_F(protect, last_fault_is_per_thread)
{
	struct fault_thread threads[4];
	pthread_barrier_t barrier;
	pthread_t ids[4];
	int i;

	ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGES * PAGE, RO, NULL));
	pthread_barrier_init(&barrier, NULL, 4);
	for (i = 0; i < 4; i++) {
		threads[i] = (struct fault_thread) {
			self->fd, self->base + i * PAGE, &barrier, false,
		};
		ASSERT_EQ(0, pthread_create(&ids[i], NULL, fault_thread,
					    &threads[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(ids[i], NULL);
		ASSERT_TRUE(threads[i].ok);
	}
}

static void *faults(void *addr)
{
	return (void *)(long)nt_peek((uintptr_t)addr);
}

/* Of threads that end without asking only so many are remembered. */
TEST_F(protect, last_fault_of_many_threads)
{
	__u64 base = self->base + PAGES * PAGE;
	struct ntmem_fault fault;
	pthread_t thread;
	void *result;
	int i;

	ASSERT_EQ(-SIGSEGV, nt_peek(base));
	for (i = 0; i < 1024; i++) {
		ASSERT_EQ(0, pthread_create(&thread, NULL, faults,
					    nt_ptr(base)));
		ASSERT_EQ(0, pthread_join(thread, &result));
		ASSERT_EQ(-SIGSEGV, (long)result);
	}
	ASSERT_EQ(ENODATA, nt_last_fault(self->fd, &fault));
	ASSERT_EQ(-SIGSEGV, nt_peek(base + PAGE));
	ASSERT_EQ(0, nt_last_fault(self->fd, &fault));
	ASSERT_EQ(base + PAGE, fault.addr);
}

struct heir {
	int fd;
	__u64 addr;
	pid_t tid;
	int result;
};

static void *faults_and_ends(void *data)
{
	struct heir *heir = data;

	heir->tid = gettid();
	heir->result = nt_peek(heir->addr);
	return NULL;
}

static void *asks(void *data)
{
	struct heir *heir = data;
	struct ntmem_fault fault;

	heir->tid = gettid();
	heir->result = nt_last_fault(heir->fd, &fault);
	return NULL;
}

/* A thread that gets the number of one that is gone gets nothing else of it. */
TEST_F(protect, last_fault_of_the_thread_before)
{
	struct heir first = {
		.fd = self->fd, .addr = self->base + PAGES * PAGE,
	}, second = first;
	pthread_t thread;
	char number[16];

	if (access(LAST_PID, W_OK))
		SKIP(return, "numbers cannot be chosen");
	ASSERT_EQ(0, pthread_create(&thread, NULL, faults_and_ends, &first));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(-SIGSEGV, first.result);
	/* Until nobody else has come in between. */
	do {
		snprintf(number, sizeof(number), "%d", first.tid - 1);
		ASSERT_EQ(0, nt_write_file(LAST_PID, number));
		ASSERT_EQ(0, pthread_create(&thread, NULL, asks, &second));
		ASSERT_EQ(0, pthread_join(thread, NULL));
	} while (second.tid != first.tid);
	EXPECT_EQ(ENODATA, second.result);
}

TEST_F(protect, write_xor_execute)
{
	int i;

	for (i = 1; i < 300; i++) {
		nt_write_code(self->base, i);
		ASSERT_EQ(-SIGSEGV, nt_exec(self->base));
		ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, RX, NULL));
		ASSERT_EQ(i, nt_exec(self->base));
		ASSERT_EQ(-SIGSEGV, nt_poke(self->base, 0));
		ASSERT_EQ(i, nt_exec(self->base));
		ASSERT_EQ(0, nt_protect(self->fd, self->base, PAGE, RW, NULL));
	}
}

/* Code on every second page; the data between is not executable. */
TEST_F(protect, code_beside_data)
{
	__u64 base = self->base;
	int i;

	for (i = 0; i < PAGES; i++)
		nt_write_code(base + i * PAGE, 1000 + i);
	for (i = 0; i < PAGES; i += 2)
		ASSERT_EQ(0, nt_protect(self->fd, base + i * PAGE, PAGE, RX,
					NULL));
	for (i = 0; i < PAGES; i++) {
		__u64 addr = base + i * PAGE;

		ASSERT_TRUE(nt_run(self->fd, addr, PAGE, COMMITTED,
				   i % 2 ? RW : RX));
		ASSERT_TRUE(nt_in(self->fd, addr, base, RW));
		ASSERT_EQ(i % 2 ? -SIGSEGV : 1000 + i, nt_exec(addr));
		ASSERT_EQ(i % 2 ? 0 : -SIGSEGV, nt_poke(addr, 0xb8));
	}
	/* It is still one reservation, for each call. */
	ASSERT_EQ(0, nt_protect(self->fd, base, PAGES * PAGE, RX, NULL));
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(1000 + i, nt_exec(base + i * PAGE));
	ASSERT_EQ(0, nt_protect(self->fd, base, PAGES * PAGE, RW, NULL));
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(-SIGSEGV, nt_exec(base + i * PAGE));
	ASSERT_EQ(0, nt_protect(self->fd, base + PAGE, PAGE, RWX, NULL));
	ASSERT_EQ(0, nt_decommit(self->fd, base, 0));
	ASSERT_TRUE(nt_run(self->fd, base, 2 * PAGES * PAGE, RESERVED, 0));
	ASSERT_EQ(-SIGSEGV, nt_peek(base + PAGE));
	ASSERT_EQ(0, nt_commit(self->fd, base, 2 * PAGE, RW));
	ASSERT_EQ(0, nt_peek(base + PAGE));
	ASSERT_EQ(-SIGSEGV, nt_exec(base + PAGE));
	ASSERT_EQ(0, nt_release(self->fd, base, 0));
	ASSERT_TRUE(nt_is_free(self->fd, base));
	ASSERT_TRUE(nt_is_free(self->fd, base + 2 * PAGE));
}

/* An executable page in a large reservation, committed as such. */
TEST_F(protect, code_in_a_large_reservation)
{
	__u64 base = nt_any(self->fd, GIB, 0), addr = base + GIB / 2;

	ASSERT_NE(0ULL, base);
	ASSERT_EQ(0, nt_commit(self->fd, addr - PAGE, 3 * PAGE, RW));
	ASSERT_EQ(0, nt_commit(self->fd, addr, PAGE, RWX));
	nt_write_code(addr, 5);
	ASSERT_EQ(5, nt_exec(addr));
	ASSERT_EQ(0, nt_poke(addr - PAGE, 1));
	ASSERT_EQ(0, nt_poke(addr + PAGE, 1));
	ASSERT_EQ(-SIGSEGV, nt_exec(addr - PAGE));
	ASSERT_EQ(0, nt_release(self->fd, addr - PAGE, 3 * PAGE));
	ASSERT_EQ(-SIGSEGV, nt_exec(addr));
	ASSERT_TRUE(nt_run(self->fd, base, GIB / 2 - PAGE, RESERVED, 0));
}

#ifndef SYS_mseal
#define SYS_mseal	462
#endif

/* Newer kernels let a program forbid that a mapping is replaced. */
TEST_F(protect, of_a_sealed_mapping)
{
	__u64 base = WANTED;

	ASSERT_EQ(0, nt_reserve_at(self->fd, base, GRAN));
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
	ASSERT_EQ(0, nt_poke(base, 1));
	if (syscall(SYS_mseal, base, GRAN, 0))
		SKIP(return, "mseal: %s", strerror(errno));
	ASSERT_UNCHANGED(EACCES, nt_protect(self->fd, base, PAGE, RX, NULL));
	ASSERT_UNCHANGED(EACCES, nt_commit(self->fd, base, PAGE, RX));
	ASSERT_UNCHANGED(EPERM, ERRNO_OF(munmap(nt_ptr(base), GRAN)));
	ASSERT_EQ(1, nt_peek(base));
	/* The protection of pages is no matter of the mapping's. */
	ASSERT_EQ(0, nt_protect(self->fd, base, PAGE, RO, NULL));
	ASSERT_EQ(-SIGSEGV, nt_poke(base, 2));
	ASSERT_EQ(0, nt_release(self->fd, base, 0));
	ASSERT_EQ(-SIGSEGV, nt_peek(base));
	ASSERT_UNCHANGED(EACCES, nt_reserve(self->fd, &base, GRAN, RX, 0));
	ASSERT_EQ(0, nt_reserve_at(self->fd, base, GRAN));
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
	ASSERT_EQ(0, nt_peek(base));
	ASSERT_EQ(0, nt_poke(base, 3));
}

/* No mapping is split by data protections. */
TEST_F(protect, one_mapping)
{
	int i;

	for (i = 0; i < PAGES; i += 2)
		ASSERT_EQ(0, nt_protect(self->fd, self->base + i * PAGE, PAGE,
					i % 4 ? RO : NOACCESS, NULL));
	ASSERT_EQ(1, nt_count_vmas(self->base,
				   self->base + 2 * PAGES * PAGE));
}

/* Down and up with the pages present, windows of neighbours included. */
TEST_F(protect, lowering_takes_effect_on_mapped_pages)
{
	__u64 base = self->base;
	int i;

	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, nt_poke(base + i * PAGE, i));
	ASSERT_EQ(0, nt_protect(self->fd, base + 4 * PAGE, 8 * PAGE, RO,
				NULL));
	for (i = 0; i < PAGES; i++) {
		ASSERT_EQ(i, nt_peek(base + i * PAGE));
		ASSERT_EQ(i >= 4 && i < 12 ? -SIGSEGV : 0,
			  nt_poke(base + i * PAGE, i));
	}
	ASSERT_EQ(0, nt_protect(self->fd, base, PAGES * PAGE, NOACCESS,
				NULL));
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(-SIGSEGV, nt_peek(base + i * PAGE));
	ASSERT_EQ(0, nt_protect(self->fd, base, PAGES * PAGE, RW, NULL));
	for (i = 0; i < PAGES; i++) {
		ASSERT_EQ(i, nt_peek(base + i * PAGE));
		ASSERT_EQ(0, nt_poke(base + i * PAGE, i + 1));
	}
}

TEST_HARNESS_MAIN
