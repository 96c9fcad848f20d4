// SPDX-License-Identifier: MIT
/* Threads that come and go, and what they leave to others. */
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>

#include "tap.h"

#define MIB	((size_t)1 << 20)
#define BLOCKS	200

/* Small stacks beside each other can get a huge page, which would be counted. */
static void have_no_huge_pages(void)
{
	EXPECT(!prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
}

static pthread_t start(void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	EXPECT(!pthread_create(&thread, &attr, run, arg));
	pthread_attr_destroy(&attr);
	return thread;
}

static size_t size_of(int i)
{
	return 1 + i * 37 % 3000 + (i % 50 == 49 ? 200000 : 0);
}

static void *make_blocks(void *arg)
{
	void **blocks = arg;
	int i;

	for (i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(size_of(i));
		fill(blocks[i], size_of(i), i);
	}
	return NULL;
}

static void *free_blocks(void *arg)
{
	void **blocks = arg;
	int i;

	for (i = 0; i < BLOCKS; i++) {
		EXPECT(is_filled(blocks[i], size_of(i), i));
		free(blocks[i]);
	}
	return NULL;
}

TEST(threads_leave_blocks)
{
	static void *blocks[40][BLOCKS];
	size_t before = resident();
	int round, i;

	have_no_huge_pages();
	for (round = 0; round < 8; round++) {
		for (i = 0; i < 40; i++)
			pthread_join(start(make_blocks, blocks[i]), NULL);
		for (i = 0; i < 40; i++) {
			if (i % 2)
				free_blocks(blocks[i]);
			else
				pthread_join(start(free_blocks, blocks[i]),
					     NULL);
		}
	}
	/* What is not given back by itself is not lost, either. */
	malloc_trim(0);
	printf("# resident %zu KiB, %zu before\n", resident() >> 10,
	       before >> 10);
	fflush(stdout);
	EXPECT(resident() < before + 4 * MIB);
}

struct making {
	void *blocks[BLOCKS];
	int done;			/* atomic */
};

static void *make_and_end(void *arg)
{
	struct making *making = arg;

	make_blocks(making->blocks);
	__atomic_store_n(&making->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void *take_when_done(void *arg)
{
	struct making *making = arg;

	while (!__atomic_load_n(&making->done, __ATOMIC_ACQUIRE))
		sched_yield();
	return free_blocks(making->blocks);
}

TEST(blocks_freed_while_their_thread_ends)
{
	static struct making makings[2];
	pthread_t maker, taker;
	int round;

	for (round = 0; round < 200; round++) {
		struct making *making = &makings[round % 2];

		making->done = 0;
		maker = start(make_and_end, making);
		taker = start(take_when_done, making);
		pthread_join(taker, NULL);
		pthread_join(maker, NULL);
	}
}

/* A block at a time, from a thread that ends after a few. */
struct handover {
	void *block;			/* atomic */
	int from;
};

static void *hand_over(void *arg)
{
	struct handover *over = arg;
	void *none;
	int i;

	for (i = over->from; i < over->from + 20; i++) {
		void *p = malloc(size_of(i % BLOCKS));

		fill(p, 1, i);
		do
			none = NULL;
		while (!__atomic_compare_exchange_n(&over->block, &none, p, 0,
						    __ATOMIC_RELEASE,
						    __ATOMIC_RELAXED));
	}
	return NULL;
}

static void *take_over(void *arg)
{
	struct handover *over = arg;
	int count = 0;
	void *p;

	while (count < 200 * 20) {
		p = __atomic_exchange_n(&over->block, NULL, __ATOMIC_ACQUIRE);
		if (!p) {
			sched_yield();
			continue;
		}
		EXPECT(is_filled(p, 1, count));
		free(p);
		count++;
	}
	return NULL;
}

TEST(blocks_of_short_lived_threads)
{
	struct handover over = { NULL, 0 };
	pthread_t taker = start(take_over, &over);
	int i;

	for (i = 0; i < 200; i++) {
		pthread_join(start(hand_over, &over), NULL);
		over.from += 20;
	}
	pthread_join(taker, NULL);
}

static void *allocate_a_little(void *arg)
{
	void *blocks[BLOCKS];

	make_blocks(blocks);
	free_blocks(blocks);
	return arg;
}

TEST(a_thousand_threads_leave_no_memory)
{
	size_t before = 0;
	int i;

	have_no_huge_pages();
	for (i = 0; i < 1000; i++) {
		pthread_join(start(allocate_a_little, NULL), NULL);
		if (i == 100)
			before = resident();
	}
	EXPECT(resident() < before + 2 * MIB);
}

/* -------------------------------------------------- data of ending threads --- */

#define KEYS	8

static pthread_key_t keys[KEYS];
static int destroyed;

/* Comes again as often as POSIX promises; then the block is not lost. */
static void destroy(void *arg)
{
	char *block = arg;
	int rounds = block[0] - 1, i;
	void *more[50];

	for (i = 0; i < 50; i++) {
		more[i] = malloc(i * 100);
		memset(more[i], 1, i * 100);
	}
	for (i = 0; i < 50; i++)
		free(more[i]);
	free(block);
	__atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
	if (!rounds)
		return;
	block = malloc(500);
	block[0] = rounds;
	pthread_setspecific(keys[(unsigned char)block[0] % KEYS], block);
}

static void *use_keys(void *arg)
{
	int i;

	for (i = 0; i < KEYS; i++) {
		char *block = malloc(2000);

		block[0] = 1;
		pthread_setspecific(keys[i], block);
	}
	pthread_setspecific(keys[3], NULL);
	((char *)pthread_getspecific(keys[5]))[0] = 3;
	return arg;
}

TEST(destructors_allocate_and_free)
{
	int i;

	for (i = 0; i < KEYS; i++)
		EXPECT(!pthread_key_create(&keys[i], destroy));
	for (i = 0; i < 300; i++)
		pthread_join(start(use_keys, NULL), NULL);
	EXPECT(destroyed == 300 * (KEYS - 1 + 2));
	EXPECT(resident() < 100 * MIB);
}

/* The first thing that a thread ever does is free, or allocate at its end. */
static void *only_set(void *arg)
{
	pthread_setspecific(keys[0], arg);
	return NULL;
}

TEST(destructors_alone_allocate)
{
	int i;

	EXPECT(!pthread_key_create(&keys[0], destroy));
	for (i = 0; i < 300; i++) {
		char *block = malloc(100);

		block[0] = 1;
		pthread_join(start(only_set, block), NULL);
	}
	EXPECT(destroyed == 300);
}
