// SPDX-License-Identifier: GPL-2.0
/*
 * Threads of one process at work on one space: different reservations, the
 * same one, the same pages; and what a call promises once it has returned.
 *
 * Threads must not use the harness's macros; they count what went wrong.
 */
#include "ntmem_test.h"

#include <sched.h>

#define THREADS	4
#define PAGES	16

struct worker {
	void *(*run)(void *worker);
	int fd;
	unsigned int number;
	__u64 base;
	__u64 size;
	int *stop;
	pthread_barrier_t *barrier;
	long wrong;
	long done;
};

static bool stopped(const struct worker *w)
{
	return __atomic_load_n(w->stop, __ATOMIC_ACQUIRE);
}

static void stop(struct worker *w)
{
	__atomic_store_n(w->stop, 1, __ATOMIC_RELEASE);
}

/* Runs all workers, in threads; the sum of what went wrong. */
static long run(struct worker *workers, unsigned int count)
{
	pthread_barrier_t barrier;
	pthread_t threads[16];
	unsigned int i;
	long wrong = 0;
	int stop = 0;

	pthread_barrier_init(&barrier, NULL, count);
	for (i = 0; i < count; i++) {
		workers[i].number = i;
		workers[i].stop = &stop;
		workers[i].barrier = &barrier;
		workers[i].wrong = 0;
		workers[i].done = 0;
		if (pthread_create(&threads[i], NULL, workers[i].run,
				   &workers[i]))
			return -1;
	}
	for (i = 0; i < count; i++) {
		pthread_join(threads[i], NULL);
		if (workers[i].wrong)
			fprintf(stderr, "# thread %u: %ld wrong, %ld done\n",
				i, workers[i].wrong, workers[i].done);
		wrong += workers[i].wrong;
	}
	return wrong;
}

/* Do the accounts agree with what QUERY shows? */
static bool consistent(int fd)
{
	struct ntmem_info info;
	struct ntmem_query q;
	__u64 addr, reserved = 0, committed = 0;

	if (nt_info(fd, &info))
		return false;
	for (addr = 0; addr <= info.max_address; addr = q.base + q.size) {
		if (nt_query(fd, addr, &q))
			return false;
		if (q.state == COMMITTED)
			committed += q.size;
		if (q.state == COMMITTED || q.state == RESERVED)
			reserved += q.size;
	}
	if (committed == info.space_committed && reserved ==
	    info.space_reserved)
		return true;
	fprintf(stderr, "# committed %#llx, by query %#llx; reserved %#llx, by query %#llx\n",
		info.space_committed, committed, info.space_reserved,
		reserved);
	return false;
}

/* ------------------------------------------------------------------------
 * Each thread its own pages.
 */
static void *lives(void *data)
{
	struct worker *w = data;
	unsigned int i;

	pthread_barrier_wait(w->barrier);
	for (i = 0; i < nt_rounds(100); i++) {
		unsigned char value = i + w->number + 1;

		w->wrong += nt_commit(w->fd, w->base, w->size, RW) != 0;
		w->wrong += !nt_all(w->base, w->size, 0);
		memset(nt_ptr(w->base), value, w->size);
		w->wrong += nt_protect(w->fd, w->base, PAGE, RO, NULL) != 0;
		w->wrong += !nt_all(w->base, w->size, value);
		w->wrong += nt_decommit(w->fd, w->base, w->size) != 0;
		w->done++;
	}
	return NULL;
}

TEST_F_TIMEOUT(space, different_reservations, 120)
{
	struct worker workers[THREADS];
	int i;

	for (i = 0; i < THREADS; i++) {
		workers[i].run = lives;
		workers[i].fd = self->fd;
		workers[i].size = PAGES * PAGE;
		workers[i].base = nt_any(self->fd, PAGES * PAGE, 0);
		ASSERT_NE(0ULL, workers[i].base);
	}
	ASSERT_EQ(0L, run(workers, THREADS));
	ASSERT_TRUE(consistent(self->fd));
}

TEST_F_TIMEOUT(space, parts_of_one_reservation, 120)
{
	__u64 base = nt_any(self->fd, THREADS * 3 * PAGE, 0);
	struct worker workers[THREADS];
	int i;

	ASSERT_NE(0ULL, base);
	for (i = 0; i < THREADS; i++) {
		workers[i].run = lives;
		workers[i].fd = self->fd;
		workers[i].size = 3 * PAGE;
		workers[i].base = base + i * 3 * PAGE;
	}
	ASSERT_EQ(0L, run(workers, THREADS));
	ASSERT_TRUE(nt_run(self->fd, base, THREADS * 3 * PAGE, RESERVED, 0));
	ASSERT_TRUE(consistent(self->fd));
}

/* Whole lives, reservation included. */
static void *reserves(void *data)
{
	struct worker *w = data;
	unsigned int i;

	pthread_barrier_wait(w->barrier);
	for (i = 0; i < nt_rounds(100); i++) {
		__u64 size = (1 + (i + w->number) % 20) * PAGE;
		__u64 base = nt_block(w->fd, size, RW);

		if (!base) {
			w->wrong++;
			continue;
		}
		w->wrong += !nt_all(base, size, 0);
		memset(nt_ptr(base), w->number + 1, size);
		sched_yield();
		w->wrong += !nt_all(base, size, w->number + 1);
		w->wrong += !nt_run(w->fd, base, size, COMMITTED, RW);
		w->wrong += nt_release(w->fd, base, 0) != 0;
	}
	return NULL;
}

TEST_F_TIMEOUT(space, reserve_and_release, 120)
{
	struct worker workers[THREADS];
	struct ntmem_info info;
	int i;

	for (i = 0; i < THREADS; i++) {
		workers[i].run = reserves;
		workers[i].fd = self->fd;
	}
	ASSERT_EQ(0L, run(workers, THREADS));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(0ULL, info.space_reserved);
	ASSERT_EQ(0ULL, info.space_committed);
}

/* ------------------------------------------------------------------------
 * All threads on the same pages: nobody knows the outcome, but it is one.
 */
static void *scrambles(void *data)
{
	struct worker *w = data;
	unsigned int seed = 17 * w->number + 1, i;

	pthread_barrier_wait(w->barrier);
	for (i = 0; i < nt_rounds(600); i++) {
		__u64 addr = w->base + rand_r(&seed) % PAGES * PAGE;
		__u64 size = (1 + rand_r(&seed) % 4) * PAGE;
		int value;

		if (addr + size > w->base + w->size)
			size = w->base + w->size - addr;
		switch (rand_r(&seed) % 6) {
		case 0:
		case 1:
			w->wrong += nt_commit(w->fd, addr, size,
					      i % 5 ? RW : RO) != 0;
			break;
		case 2:
			w->wrong += nt_decommit(w->fd, addr, size) != 0;
			break;
		case 3:
			value = nt_protect(w->fd, addr, size, RW, NULL);
			w->wrong += value && value != ENODATA;
			break;
		case 4:
			value = nt_poke(addr + w->number, w->number + 1);
			w->wrong += value && value != -SIGSEGV;
			break;
		default:
			/* Only its own thread writes this byte. */
			value = nt_peek(addr + w->number);
			w->wrong += value && value != -SIGSEGV &&
				    value != (int)w->number + 1;
			break;
		}
	}
	return NULL;
}

TEST_F_TIMEOUT(space, the_same_pages, 120)
{
	__u64 base = nt_any(self->fd, PAGES * PAGE, 0);
	struct worker workers[THREADS];
	int i, j;

	for (i = 0; i < THREADS; i++) {
		workers[i].run = scrambles;
		workers[i].fd = self->fd;
		workers[i].base = base;
		workers[i].size = PAGES * PAGE;
	}
	ASSERT_EQ(0L, run(workers, THREADS));
	ASSERT_TRUE(consistent(self->fd));
	/* The accesses agree with the states in the end. */
	for (i = 0; i < PAGES; i++) {
		struct ntmem_query q;

		ASSERT_EQ(0, nt_query(self->fd, base + i * PAGE, &q));
		j = nt_poke(base + i * PAGE + 100, 1);
		ASSERT_EQ(q.prot == RW ? 0 : -SIGSEGV, j);
	}
	ASSERT_EQ(0, nt_release(self->fd, base, 0));
	ASSERT_TRUE(consistent(self->fd));
}

/* ------------------------------------------------------------------------
 * Once PROTECT(READONLY) has returned no write succeeds until the next
 * PROTECT(READWRITE), with a reader that keeps the page mapped.
 */
static void *writes(void *data)
{
	struct worker *w = data;
	volatile unsigned long *word;
	unsigned long count = 0;
	int i = 0;

	nt_catch_faults();
	pthread_barrier_wait(w->barrier);
	while (!stopped(w)) {
		i = (i + 1) % (w->size / PAGE);
		word = nt_ptr(w->base + i * PAGE + 8 * w->number);
		if (sigsetjmp(nt_escape, 1)) {
			nt_armed = 0;
			continue;
		}
		nt_armed = 1;
		*word = ++count;
		nt_armed = 0;
		w->done++;
	}
	return NULL;
}

static void *reads(void *data)
{
	struct worker *w = data;
	int i;

	pthread_barrier_wait(w->barrier);
	while (!stopped(w)) {
		for (i = 0; i < (int)(w->size / PAGE); i++)
			w->wrong += nt_peek(w->base + i * PAGE + 100) != 0;
		w->done++;
	}
	return NULL;
}

static void *toggles(void *data)
{
	struct worker *w = data;
	unsigned char *first = malloc(w->size);
	unsigned int i;

	pthread_barrier_wait(w->barrier);
	w->wrong += !first;
	for (i = 0; first && i < nt_rounds(200); i++) {
		w->wrong += nt_protect(w->fd, w->base, w->size, RO, NULL) != 0;
		memcpy(first, nt_ptr(w->base), w->size);
		sched_yield();
		w->wrong += memcmp(first, nt_ptr(w->base), w->size) != 0;
		w->wrong += nt_poke(w->base, 1) != -SIGSEGV;
		w->wrong += memcmp(first, nt_ptr(w->base), w->size) != 0;
		w->wrong += nt_protect(w->fd, w->base, w->size, RW, NULL) != 0;
		sched_yield();
	}
	stop(w);
	free(first);
	return NULL;
}

TEST_F_TIMEOUT(space, protect_against_writes, 120)
{
	__u64 base = nt_block(self->fd, 3 * PAGE, RW);
	struct worker workers[] = {
		{ .run = toggles }, { .run = writes }, { .run = writes }, { .run = reads },
	};
	int i;

	ASSERT_NE(0ULL, base);
	for (i = 0; i < 4; i++) {
		workers[i].fd = self->fd;
		workers[i].base = base;
		workers[i].size = 3 * PAGE;
	}
	ASSERT_EQ(0L, run(workers, 4));
}

/* Once DECOMMIT has returned no access succeeds until the next COMMIT. */
static void *decommits(void *data)
{
	struct worker *w = data;
	__u64 page;
	unsigned int i;

	pthread_barrier_wait(w->barrier);
	for (i = 0; i < nt_rounds(100); i++) {
		w->wrong += nt_decommit(w->fd, w->base, w->size) != 0;
		for (page = 0; page < w->size; page += PAGE)
			w->wrong += nt_peek(w->base + page) != -SIGSEGV;
		w->wrong += nt_commit(w->fd, w->base, w->size, RW) != 0;
		/* Whoever wrote since, this byte nobody writes. */
		for (page = 0; page < w->size; page += PAGE)
			w->wrong += nt_peek(w->base + page + 200) != 0;
	}
	stop(w);
	return NULL;
}

TEST_F_TIMEOUT(space, decommit_against_touch, 120)
{
	__u64 base = nt_block(self->fd, 4 * PAGE, RW);
	struct ntmem_info before, after;
	struct worker workers[] = {
		{ .run = decommits }, { .run = writes }, { .run = writes },
	};
	int i;

	ASSERT_NE(0ULL, base);
	ASSERT_EQ(0, nt_info(self->fd, &before));
	for (i = 0; i < 3; i++) {
		workers[i].fd = self->fd;
		workers[i].base = base;
		workers[i].size = 4 * PAGE;
	}
	ASSERT_EQ(0L, run(workers, 3));
	ASSERT_EQ(0, nt_decommit(self->fd, base, 0));
	ASSERT_EQ(0, nt_info(self->fd, &after));
	ASSERT_EQ(before.resident, after.resident);
	ASSERT_TRUE(consistent(self->fd));
}

/* ------------------------------------------------------------------------
 * RELEASE against everything else that names the address.
 */
static void *releases(void *data)
{
	struct worker *w = data;
	unsigned int i;

	pthread_barrier_wait(w->barrier);
	for (i = 0; i < nt_rounds(200); i++) {
		__u64 base = w->base;

		w->wrong += nt_reserve(w->fd, &base, w->size, RW, i % 2 ?
				       NTMEM_RESERVE_COMMIT : 0) != 0;
		w->wrong += nt_release(w->fd, w->base, 0) != 0;
	}
	stop(w);
	return NULL;
}

static void *queries(void *data)
{
	struct worker *w = data;
	struct ntmem_query q;

	pthread_barrier_wait(w->barrier);
	while (!stopped(w)) {
		w->wrong += nt_query(w->fd, w->base, &q) != 0;
		if (q.state == FREE)
			w->wrong += q.alloc_base || q.prot != NOACCESS;
		else
			w->wrong += (q.state != COMMITTED &&
				     q.state != RESERVED) ||
				    q.size > w->size ||
				    q.alloc_base != w->base ||
				    q.alloc_prot != RW ||
				    q.prot != (q.state == COMMITTED ? RW : 0);
		w->done++;
	}
	return NULL;
}

static bool either(int error, int a, int b)
{
	return !error || error == a || error == b;
}

static void *interferes(void *data)
{
	struct worker *w = data;
	int value;

	pthread_barrier_wait(w->barrier);
	while (!stopped(w)) {
		w->wrong += !either(nt_commit(w->fd, w->base + PAGE, PAGE, RW),
				    ENOENT, 0);
		value = nt_poke(w->base + PAGE, 3);
		w->wrong += value && value != -SIGSEGV;
		w->wrong += !either(nt_protect(w->fd, w->base + PAGE, PAGE, RW,
					       NULL), ENOENT, ENODATA);
		w->wrong += !either(nt_decommit(w->fd, w->base + PAGE, PAGE),
				    ENOENT, 0);
		w->done++;
	}
	return NULL;
}

TEST_F_TIMEOUT(space, release_against_the_rest, 120)
{
	struct worker workers[] = {
		{ .run = releases }, { .run = queries }, { .run = interferes },
	};
	struct ntmem_info info;
	int i;

	for (i = 0; i < 3; i++) {
		workers[i].fd = self->fd;
		workers[i].base = WANTED;
		workers[i].size = 4 * PAGE;
	}
	ASSERT_EQ(0L, run(workers, 3));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(0ULL, info.space_reserved);
	ASSERT_EQ(0ULL, info.space_committed);
}

/* One of many wins an address. */
static void *races_for_it(void *data)
{
	struct worker *w = data;
	int i, error;

	for (i = 0; i < 100; i++) {
		pthread_barrier_wait(w->barrier);
		error = nt_reserve_at(w->fd, WANTED, GRAN);
		w->wrong += error && error != EEXIST;
		w->done += !error;
		pthread_barrier_wait(w->barrier);
		if (!error)
			w->wrong += nt_release(w->fd, WANTED, 0) != 0;
	}
	return NULL;
}

TEST_F_TIMEOUT(space, race_for_an_address, 120)
{
	struct worker workers[THREADS];
	long won = 0;
	int i;

	for (i = 0; i < THREADS; i++) {
		workers[i].run = races_for_it;
		workers[i].fd = self->fd;
	}
	ASSERT_EQ(0L, run(workers, THREADS));
	for (i = 0; i < THREADS; i++)
		won += workers[i].done;
	ASSERT_EQ(100L, won);
}

/* ------------------------------------------------------------------------
 * Code that is changed under a thread that runs it.
 */
static void *runs(void *data)
{
	struct worker *w = data;

	pthread_barrier_wait(w->barrier);
	while (!stopped(w)) {
		int value = nt_exec(w->base);

		w->wrong += value != 21 && value != -SIGSEGV;
		w->done += value == 21;
		w->wrong += nt_peek(w->base + PAGE) != 8;
	}
	return NULL;
}

static void *toggles_execute(void *data)
{
	struct worker *w = data;
	unsigned int i;

	pthread_barrier_wait(w->barrier);
	for (i = 0; i < nt_rounds(100); i++) {
		w->wrong += nt_protect(w->fd, w->base, PAGE, RW, NULL) != 0;
		w->wrong += nt_poke(w->base, 0xb8) != 0;
		w->wrong += nt_protect(w->fd, w->base, PAGE, RX, NULL) != 0;
		w->wrong += nt_exec(w->base) != 21;
	}
	stop(w);
	return NULL;
}

TEST_F_TIMEOUT(space, execute_toggled, 120)
{
	__u64 base = nt_block(self->fd, 3 * PAGE, RW);
	struct worker workers[] = {
		{ .run = toggles_execute }, { .run = runs }, { .run = runs },
	};
	int i;

	nt_write_code(base, 21);
	ASSERT_EQ(0, nt_poke(base + PAGE, 8));
	for (i = 0; i < 3; i++) {
		workers[i].fd = self->fd;
		workers[i].base = base;
		workers[i].size = PAGE;
	}
	ASSERT_EQ(0L, run(workers, 3));
	ASSERT_TRUE(consistent(self->fd));
}

/* ------------------------------------------------------------------------
 * The device and fork under load.
 */
static void *opens(void *data)
{
	struct worker *w = data;
	struct ntmem_info info;
	int i;

	pthread_barrier_wait(w->barrier);
	for (i = 0; i < 30; i++) {
		int fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);

		w->wrong += fd < 0 || nt_info(fd, &info) ||
			    info.space_reserved != GRAN;
		close(fd);
	}
	return NULL;
}

TEST_F_TIMEOUT(space, many_open_it, 120)
{
	struct ntmem_info before, after;
	struct worker workers[16];
	int i;

	ASSERT_EQ(0, nt_reserve_at(self->fd, WANTED, GRAN));
	ASSERT_EQ(0, nt_info(self->fd, &before));
	for (i = 0; i < 16; i++)
		workers[i].run = opens;
	ASSERT_EQ(0L, run(workers, 16));
	ASSERT_EQ(0, nt_info(self->fd, &after));
	ASSERT_EQ(before.spaces, after.spaces);
}

/* The first open of a process, by many threads at once: one space. */
static void *opens_first(void *data)
{
	struct worker *w = data;
	struct ntmem_info info;

	pthread_barrier_wait(w->barrier);
	w->fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	w->wrong += w->fd < 0;
	pthread_barrier_wait(w->barrier);
	if (!w->number)
		w->wrong += nt_reserve_at(w->fd, WANTED, GRAN) != 0;
	pthread_barrier_wait(w->barrier);
	w->wrong += nt_info(w->fd, &info) || info.space_reserved != GRAN;
	return NULL;
}

static int first_opens(void *data)
{
	struct worker workers[8];
	int i;

	(void)data;
	for (i = 0; i < 8; i++)
		workers[i].run = opens_first;
	CHECK(!run(workers, 8));
	return 0;
}

TEST_F_TIMEOUT(space, one_space_for_all_threads, 120)
{
	int i;

	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, nt_in_child(first_opens, NULL));
}

static int consistent_child(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR);

	(void)data;
	CHECK(fd >= 0);
	CHECK(consistent(fd));
	return 0;
}

static void *forks(void *data)
{
	struct worker *w = data;
	int i;

	pthread_barrier_wait(w->barrier);
	for (i = 0; i < 10; i++)
		w->wrong += nt_in_child(consistent_child, NULL) != 0;
	return NULL;
}

TEST_F_TIMEOUT(space, fork_under_load, 120)
{
	struct worker workers[] = {
		{ .run = forks }, { .run = lives }, { .run = lives }, { .run = reserves },
	};
	int i;

	for (i = 0; i < 4; i++) {
		workers[i].fd = self->fd;
		workers[i].size = PAGES * PAGE;
		workers[i].base = nt_any(self->fd, PAGES * PAGE, 0);
		ASSERT_NE(0ULL, workers[i].base);
	}
	ASSERT_EQ(0L, run(workers, 4));
	ASSERT_TRUE(consistent(self->fd));
}

/* ------------------------------------------------------------------------
 * The last reservation goes, and comes back, while others look for the next
 * one from an address on, as QUERY does where nothing is reserved.
 */
static void *comes_and_goes(void *data)
{
	struct worker *w = data;
	unsigned int i;

	pthread_barrier_wait(w->barrier);
	for (i = 0; i < nt_rounds(nt_rounds(20000)); i++) {
		w->wrong += nt_reserve_at(w->fd, WANTED, GRAN) != 0;
		w->wrong += nt_release(w->fd, WANTED, 0) != 0;
	}
	stop(w);
	return NULL;
}

static void *looks_for_the_next(void *data)
{
	struct worker *w = data;
	struct ntmem_query q;

	pthread_barrier_wait(w->barrier);
	for (; !stopped(w); w->done++)
		w->wrong += nt_query(w->fd, WANTED - GRAN, &q) != 0 ||
			    q.state != FREE;
	return NULL;
}

TEST_F_TIMEOUT(space, the_last_one_goes, 120)
{
	struct worker workers[] = {
		{ .run = comes_and_goes }, { .run = looks_for_the_next },
	};
	int i;

	for (i = 0; i < 2; i++)
		workers[i].fd = self->fd;
	ASSERT_EQ(0L, run(workers, 2));
}

TEST_HARNESS_MAIN
