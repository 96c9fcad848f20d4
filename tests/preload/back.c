// SPDX-License-Identifier: MIT
/*
 * Memory goes back by itself: a program that frees nine in ten of its blocks
 * soon holds little more than the pages of those that it kept.
 */
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../clock.h"
#include "tap.h"

#define MIB	((size_t)1 << 20)
#define TOTAL	(192 * MIB)
#define ANYWAY	MIB	/* that heaps keep, however small they are */
#define PATIENCE	5	/* seconds; one is promised, to a quick machine */
#define CLUSTERS	100		/* of neighbours that stay or go together */

enum order { RANDOM, CLUSTERED };

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	EXPECT(p != MAP_FAILED);
	return p;
}

/* Bytes of the pages that blocks touch. */
static size_t pages_of(char **blocks, size_t count, size_t size)
{
	uintptr_t low = UINTPTR_MAX, high = 0, page;
	size_t pages = 0, i;
	char *seen;

	for (i = 0; i < count; i++) {
		uintptr_t p = (uintptr_t)blocks[i];

		low = p < low ? p : low;
		high = p + size > high ? p + size : high;
	}
	low /= 4096;
	high = high / 4096 + 1;
	seen = map(high - low);
	for (i = 0; i < count; i++)
		for (page = (uintptr_t)blocks[i] / 4096;
		     page <= ((uintptr_t)blocks[i] + size - 1) / 4096; page++) {
			pages += !seen[page - low];
			seen[page - low] = 1;
		}
	munmap(seen, high - low);
	return pages * 4096;
}

static void swap(char **a, char **b)
{
	char *other = *a;

	*a = *b;
	*b = other;
}

/* Brings those that are to stay to the front: how many. */
static size_t choose(char **blocks, size_t count, enum order order)
{
	size_t cluster = count / CLUSTERS, kept = 0, i;
	unsigned long state = 1;

	if (order == CLUSTERED) {
		for (i = 0; i < count; i++)
			if (i / cluster % 10 == 5)
				swap(&blocks[kept++], &blocks[i]);
		return kept;
	}
	for (i = 0; i < count; i++) {
		state = state * 6364136223846793005 + 1;
		swap(&blocks[i], &blocks[i + (state >> 33) % (count - i)]);
	}
	return count / 10;
}

static void expect_back(size_t size, enum order order)
{
	size_t count = TOTAL / size, kept, live, most, held, before, i;
	char **blocks = map(count * sizeof(*blocks));
	double end;

	memset(blocks, 0, count * sizeof(*blocks));
	before = resident();
	for (i = 0; i < count; i++) {
		blocks[i] = malloc(size);
		memset(blocks[i], 1, size);
	}
	kept = choose(blocks, count, order);
	live = pages_of(blocks, kept, size);
	most = live + live * 15 / 100 + ANYWAY;
	for (i = kept; i < count; i++)
		free(blocks[i]);
	end = nt_seconds() + PATIENCE;
	do {
		held = resident() - before;
		usleep(1000);
	} while (held > most && nt_seconds() < end);
	printf("# %zu blocks of %zu %s: live pages %zu KiB, held %zu KiB, "
	       "%+.1f %%\n", count, size, order == RANDOM ? "random" :
	       "clustered", live >> 10, held >> 10,
	       100.0 * held / live - 100);
	fflush(stdout);
	EXPECT(held <= most);
}

TEST(random_blocks_of_24)
{
	expect_back(24, RANDOM);
}

TEST(clustered_blocks_of_24)
{
	expect_back(24, CLUSTERED);
}

TEST(random_blocks_of_100)
{
	expect_back(100, RANDOM);
}

TEST(clustered_blocks_of_100)
{
	expect_back(100, CLUSTERED);
}

TEST(random_blocks_of_500)
{
	expect_back(500, RANDOM);
}

TEST(clustered_blocks_of_500)
{
	expect_back(500, CLUSTERED);
}

TEST(random_blocks_of_2000)
{
	expect_back(2000, RANDOM);
}

TEST(clustered_blocks_of_2000)
{
	expect_back(2000, CLUSTERED);
}

TEST(random_blocks_of_9000)
{
	expect_back(9000, RANDOM);
}

TEST(clustered_blocks_of_9000)
{
	expect_back(9000, CLUSTERED);
}

KERNEL_TODO_TEST(random_blocks_of_40000,
		 "a fault fills 64 KiB")
{
	expect_back(40000, RANDOM);
}

KERNEL_TODO_TEST(clustered_blocks_of_40000,
		 "a fault fills 64 KiB")
{
	expect_back(40000, CLUSTERED);
}

KERNEL_TODO_TEST(random_blocks_of_300000,
		 "a fault fills 64 KiB")
{
	expect_back(300000, RANDOM);
}

KERNEL_TODO_TEST(clustered_blocks_of_300000,
		 "a fault fills 64 KiB")
{
	expect_back(300000, CLUSTERED);
}

/* ------------------------------------------------ who gives it back, and when --- */

#define KEPT	64		/* one block in so many, in the middle of others */
#define BLOCK	((size_t)1500)
#define BLOCKS	(48 * MIB / BLOCK)

static void *held_blocks[BLOCKS];

static void *take_blocks(void *arg)
{
	size_t i;

	for (i = 0; i < BLOCKS; i++) {
		held_blocks[i] = malloc(BLOCK);
		memset(held_blocks[i], 1, BLOCK);
	}
	return arg;
}

static void free_blocks(void)
{
	size_t i;

	for (i = 0; i < BLOCKS; i++)
		if (i % KEPT)
			free(held_blocks[i]);
}

static int count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int count = 0;

	EXPECT(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

static void expect_at_most(size_t most, size_t before)
{
	double end = nt_seconds() + PATIENCE;

	while (resident() > most && nt_seconds() < end)
		usleep(1000);
	printf("# %zu KiB of %zu\n", resident() >> 10, before >> 10);
	fflush(stdout);
	EXPECT(resident() <= most);
}

/* Three quarters of it, soon. */
static void expect_less(size_t before)
{
	expect_at_most(before / 4, before);
}

TEST(a_thread_comes_and_goes)
{
	double end = nt_seconds() + 2 * PATIENCE;
	size_t before;

	take_blocks(NULL);
	before = resident();
	EXPECT(count_threads() == 1);
	free_blocks();
	EXPECT(count_threads() == 2);
	expect_less(before);
	while (count_threads() > 1 && nt_seconds() < end)
		usleep(1000);
	EXPECT(count_threads() == 1);
}

static long minor_faults(void)
{
	struct rusage usage;

	EXPECT(!getrusage(RUSAGE_SELF, &usage));
	return usage.ru_minflt;
}

/* What it costs to have all the blocks, and to free them. */
static long faults_of(size_t size, size_t count)
{
	long before = minor_faults();
	size_t i;

	for (i = 0; i < count; i++) {
		held_blocks[i] = malloc(size);
		memset(held_blocks[i], 1, size);
	}
	for (i = 0; i < count; i++)
		free(held_blocks[i]);
	return minor_faults() - before;
}

/* What was freed just now, a tenth of a second ago perhaps, is there. */
static void expect_it_waits(size_t size, size_t count)
{
	long first, again;
	size_t before;

	first = faults_of(size, count);
	before = resident();
	again = faults_of(size, count);
	printf("# %ld faults, then %ld\n", first, again);
	fflush(stdout);
	EXPECT(again <= first / 4);
	/* In a small process what it does first is much beside that. */
	expect_at_most(before - size * count / 2, before);
}

TEST(a_block_of_8M_is_there_again)
{
	expect_it_waits(8 * MIB, 1);
}

TEST(small_blocks_of_14M_are_there_again)
{
	expect_it_waits(1000, 14 * MIB / 1000);
}

/* The thread that is not this one, of two. */
static int policy_of_the_other(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	int policy = -1;

	EXPECT(dir);
	while ((entry = readdir(dir)))
		if (atoi(entry->d_name) && atoi(entry->d_name) != getpid())
			policy = sched_getscheduler(atoi(entry->d_name));
	closedir(dir);
	return policy;
}

TEST(the_thread_is_an_ordinary_one)
{
	struct sched_param lowest = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_FIFO, &lowest))
		SKIP("no real-time policy");
	take_blocks(NULL);
	free_blocks();
	EXPECT(count_threads() == 2);
	EXPECT(policy_of_the_other() == SCHED_OTHER);
}

HELPER(no_thread)
{
	size_t before;

	take_blocks(NULL);
	before = resident();
	free_blocks();
	EXPECT(count_threads() == 1);
	EXPECT(resident() <= before / 4);
}

TEST(no_thread_where_none_is_wanted)
{
	setenv("NTMEM_HEAP_PURGE", "eager", 1);
	EXPECT(!run_again("no_thread", NULL));
}

TEST(memory_goes_back_where_no_thread_can_be_made)
{
	struct rlimit none = { 0, 0 };

	/* Root is not limited. */
	EXPECT(geteuid() || !setresuid(65534, 65534, 65534));
	EXPECT(!setrlimit(RLIMIT_NPROC, &none));
	no_thread();
}

static void *volatile any;

/* What the parent had begun to give back, the child gives back, too. */
TEST(a_child_has_a_thread_of_its_own)
{
	size_t before;
	int status;
	pid_t pid;

	take_blocks(NULL);
	before = resident();
	free_blocks();
	pid = fork();
	if (!pid) {
		EXPECT(count_threads() == 1);
		any = malloc(5 * MIB);
		free(any);
		expect_less(before);
		_exit(0);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && !status);
	expect_less(before);
}

static pthread_barrier_t idle;

static void *take_and_wait(void *arg)
{
	take_blocks(NULL);
	pthread_barrier_wait(&idle);
	pthread_barrier_wait(&idle);
	return arg;
}

TEST(memory_of_a_thread_that_is_idle)
{
	pthread_t thread;
	size_t before;

	pthread_barrier_init(&idle, NULL, 2);
	EXPECT(!pthread_create(&thread, NULL, take_and_wait, NULL));
	pthread_barrier_wait(&idle);
	before = resident();
	free_blocks();
	expect_less(before);
	pthread_barrier_wait(&idle);
	pthread_join(thread, NULL);
}
