// SPDX-License-Identifier: MIT
/* fork, vfork and exec of processes whose other threads allocate meanwhile. */
#include <malloc.h>
#include <pthread.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "tap.h"

#define THREADS	3
#define BLOCKS	500
#define ROUNDS	60

/* Blocks of all threads; those of the main thread do not change. */
static struct part {
	void *blocks[BLOCKS];
	int busy;			/* atomic: the thread has begun */
} parts[THREADS + 1];

static int stop;

static size_t size_of(int i)
{
	return 1 + i * 61 % 2500 + (i % 100 == 99 ? 150000 : 0);
}

static void *allocate(void *arg)
{
	struct part *part = arg;
	unsigned int state = 1, i;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		void *old;

		state = state * 1103515245 + 12345;
		i = (state >> 8) % BLOCKS;
		/* A child must never see a block that is just being freed. */
		old = __atomic_exchange_n(&part->blocks[i], NULL,
					  __ATOMIC_SEQ_CST);
		free(old);
		__atomic_store_n(&part->blocks[i], malloc(size_of(i)),
				 __ATOMIC_SEQ_CST);
		__atomic_store_n(&part->busy, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static pthread_t threads[THREADS];

static void start_threads(void)
{
	int i;

	for (i = 0; i < BLOCKS; i++) {
		parts[THREADS].blocks[i] = malloc(size_of(i));
		fill(parts[THREADS].blocks[i], size_of(i), i);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_create(&threads[i], NULL, allocate, &parts[i]);
		while (!__atomic_load_n(&parts[i].busy, __ATOMIC_ACQUIRE))
			sched_yield();
	}
}

static void stop_threads(void)
{
	int i;

	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void use_heap(void)
{
	void *blocks[100];
	int i;

	for (i = 0; i < 100; i++) {
		blocks[i] = malloc(i * i * 3);
		memset(blocks[i], i, i * i * 3);
	}
	for (i = 0; i < 100; i++)
		free(blocks[i]);
}

static void *use_heap_in_thread(void *arg)
{
	use_heap();
	return arg;
}

static void free_parents_blocks(int round)
{
	int part, i;

	for (part = 0; part <= THREADS; part++)
		for (i = round % 3; i < BLOCKS; i += 3) {
			void *p = parts[part].blocks[i];

			EXPECT(part < THREADS || is_filled(p, size_of(i), i));
			free(p);
			p = malloc(size_of(i));
			fill(p, size_of(i), i);
			parts[part].blocks[i] = p;
		}
}

static void be_child(int round)
{
	pthread_t thread;

	use_heap();
	free_parents_blocks(round);
	if (round % 5 == 0) {
		EXPECT(!pthread_create(&thread, NULL, use_heap_in_thread,
				       NULL));
		free_parents_blocks(round + 1);
		pthread_join(thread, NULL);
	}
	if (round % 50 == 0)
		EXPECT(mallinfo2().uordblks > 0);
	_exit(0);
}

static void expect_child(pid_t pid)
{
	int status;

	EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid);
	EXPECT(status == 0);
}

static void fork_often(void)
{
	pid_t pid;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		pid = fork();
		if (!pid)
			be_child(round);
		use_heap();
		expect_child(pid);
	}
}

TEST(fork_while_others_allocate)
{
	start_threads();
	fork_often();
	stop_threads();
}

/* Blocks that want memory of the system each time. */
static void *allocate_large(void *arg)
{
	struct part *part = arg;
	char *p, *larger;
	int i;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < 4; i++) {
			p = malloc((size_t)(9 + i) << 20);
			p[i << 20] = 1;
			larger = realloc(p, (size_t)(20 + i) << 20);
			EXPECT(larger);
			free(larger);
		}
		__atomic_store_n(&part->busy, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void use_large_blocks(void)
{
	char *p = malloc(12 << 20);

	EXPECT(p);
	p[0] = 1;
	free(p);
	use_heap();
}

/* Whoever forks and they want the same locks, in whatever order it takes them. */
TEST(fork_while_others_want_memory)
{
	pid_t pid;
	int i;

	for (i = 0; i < THREADS; i++) {
		pthread_create(&threads[i], NULL, allocate_large, &parts[i]);
		while (!__atomic_load_n(&parts[i].busy, __ATOMIC_ACQUIRE))
			sched_yield();
	}
	for (i = 0; i < 150; i++) {
		pid = fork();
		if (!pid) {
			use_large_blocks();
			_exit(0);
		}
		expect_child(pid);
	}
	stop_threads();
}

static void *look_and_trim(void *arg)
{
	struct part *part = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		EXPECT(mallinfo2().arena);
		malloc_trim(0);
		__atomic_store_n(&part->busy, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void want_slices(void)
{
	void *blocks[64];
	int i;

	for (i = 0; i < 64; i++) {
		blocks[i] = malloc(64 << 10);
		EXPECT(blocks[i]);
		memset(blocks[i], i, 64 << 10);
	}
	EXPECT(mallinfo2().arena);
	for (i = 0; i < 64; i++)
		free(blocks[i]);
}

/* What is in no heap is looked at and given back meanwhile. */
TEST(fork_while_memory_goes_back)
{
	pid_t pid;
	int i;

	for (i = 0; i < THREADS; i++) {
		pthread_create(&threads[i], NULL, look_and_trim, &parts[i]);
		while (!__atomic_load_n(&parts[i].busy, __ATOMIC_ACQUIRE))
			sched_yield();
	}
	for (i = 0; i < 150; i++) {
		pid = fork();
		if (!pid) {
			want_slices();
			_exit(0);
		}
		want_slices();
		expect_child(pid);
	}
	stop_threads();
}

static void *fork_in_thread(void *arg)
{
	pid_t pid;
	int round;

	for (round = 0; round < 25; round++) {
		pid = fork();
		if (!pid)
			be_child(round);
		use_heap();
		expect_child(pid);
	}
	return arg;
}

TEST(threads_fork_at_once)
{
	pthread_t forking[2];
	int i;

	start_threads();
	for (i = 0; i < 2; i++)
		pthread_create(&forking[i], NULL, fork_in_thread, NULL);
	for (i = 0; i < 2; i++)
		pthread_join(forking[i], NULL);
	stop_threads();
}

TEST(children_fork)
{
	pid_t pid;
	int depth;

	start_threads();
	for (depth = 0; depth < 30; depth++) {
		pid = fork();
		if (pid) {
			expect_child(pid);
			if (depth)
				_exit(0);
			break;
		}
		free_parents_blocks(depth);
		use_heap();
		if (depth == 29)
			_exit(0);
	}
	stop_threads();
}

/* -------------------------------------------------------- others' handlers --- */

static int prepared, in_parent, in_child;
static void *volatile kept;

static void handle(int *count)
{
	use_heap();
	free(kept);
	kept = malloc(99);
	++*count;
}

static void prepare(void)
{
	handle(&prepared);
}

static void parent(void)
{
	handle(&in_parent);
}

static void child(void)
{
	handle(&in_child);
}

TEST(fork_handlers_allocate)
{
	pid_t pid;
	int round;

	EXPECT(!pthread_atfork(prepare, parent, child));
	start_threads();
	for (round = 0; round < ROUNDS; round++) {
		pid = fork();
		if (!pid) {
			EXPECT(in_child == 1);
			be_child(round);
		}
		expect_child(pid);
	}
	EXPECT(prepared == ROUNDS && in_parent == ROUNDS && !in_child);
	stop_threads();
}

/* ------------------------------------------------------------- other ways --- */

HELPER(only_exit)
{
	use_heap();
}

TEST(vfork_and_exec)
{
	char *argv[] = { program_path, "only_exit", NULL };
	pid_t pid;
	int round;

	start_threads();
	for (round = 0; round < 20; round++) {
		pid = vfork();
		if (!pid) {
			execv(program_path, argv);
			_exit(1);
		}
		expect_child(pid);
		EXPECT(!posix_spawn(&pid, program_path, NULL, NULL, argv,
				    environ));
		expect_child(pid);
		EXPECT(!system(":"));
	}
	stop_threads();
	free_parents_blocks(0);
}
