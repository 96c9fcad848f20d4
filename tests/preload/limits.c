// SPDX-License-Identifier: MIT
/* Little address space: what has to work with it, and what when it is used up. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include "tap.h"

#define MIB	((size_t)1 << 20)
#define MOST	20000

static void *blocks[MOST];

/* How many blocks of a size there are until there is no memory. */
static int use_up(size_t size)
{
	int count = 0;

	errno = 0;
	while (count < MOST && (blocks[count] = malloc(size))) {
		memset(blocks[count], count, 1);
		count++;
	}
	return count;
}

static void give(int count)
{
	int i;

	for (i = 0; i < count; i++) {
		EXPECT(*(char *)blocks[i] == (char)i);
		free(blocks[i]);
	}
}

static void use_up_and_give(size_t size)
{
	int first = use_up(size), again;

	EXPECT(first > 10 && first < MOST && errno == ENOMEM);
	give(first);
	again = use_up(size);
	EXPECT(again >= first * 9 / 10 && errno == ENOMEM);
	give(again);
}

static void *use_heap(void *arg)
{
	int i;

	for (i = 0; i < 3000; i++) {
		char *volatile p = malloc(i * 5);

		EXPECT(p);
		memset(p, 1, i * 5);
		free(p);
	}
	return arg;
}

HELPER(with_little_address_space)
{
	pthread_t thread;
	void *p;

	use_heap(NULL);
	EXPECT(!pthread_create(&thread, NULL, use_heap, NULL));
	pthread_join(thread, NULL);
	p = malloc(300 * MIB);
	EXPECT(p);
	free(p);
	use_up_and_give(100000);
	use_up_and_give(MIB);
	use_heap(NULL);
}

HELPER(with_large_blocks_alone)
{
	void *p, *larger;

	use_up_and_give(20 * MIB);
	p = calloc(1, 100 * MIB);
	EXPECT(p);
	larger = realloc(p, 200 * MIB);
	EXPECT(larger);
	free(larger);
}

/* What is kept of freed blocks, because they were wanted again, makes way. */
HELPER(with_a_commit_limit)
{
	char *volatile p;
	int i;

	for (i = 0; i < 8; i++) {
		p = malloc(30 * MIB);
		EXPECT(p);
		*p = 1;
		free(p);
	}
	p = malloc(50 * MIB);
	EXPECT(p);
	free(p);
	for (i = 0; i < 8; i++) {
		p = malloc(30 * MIB);
		EXPECT(p);
		free(p);
	}
	EXPECT(use_up(MIB) > 50);
}

TEST(what_is_kept_makes_way)
{
	const char *engine = getenv("NTMEM_ENGINE");

	if (engine && !strcmp(engine, "kernel"))
		SKIP("the limit is the embedded engine's");
	setenv("NTMEM_COMMIT_LIMIT", "64M", 1);
	EXPECT(!run_again("with_a_commit_limit", NULL));
}

/* As ulimit -v 1000000. */
TEST(little_address_space)
{
	struct rlimit limit = { 1000000 * 1024UL, 1000000 * 1024UL };

	EXPECT(!setrlimit(RLIMIT_AS, &limit));
	EXPECT(!run_again("with_little_address_space", NULL));
	EXPECT(!run_again("with_large_blocks_alone", NULL));
}

HELPER(with_large_blocks_after_small_ones)
{
	give(use_up(100000));
	use_up_and_give(20 * MIB);
}

TEST(little_address_space_for_other_sizes)
{
	struct rlimit limit = { 1000000 * 1024UL, 1000000 * 1024UL };

	EXPECT(!setrlimit(RLIMIT_AS, &limit));
	EXPECT(!run_again("with_large_blocks_after_small_ones", NULL));
}

/* A limit that comes when the table is there. */
TEST(address_space_limited_later)
{
	struct rlimit limit = { 0, RLIM_INFINITY };
	size_t pages, now;
	FILE *file;

	use_heap(NULL);
	file = fopen("/proc/self/statm", "r");
	EXPECT(file && fscanf(file, "%zu", &pages) == 1);
	fclose(file);
	now = pages * 4096;
	limit.rlim_cur = now + 300 * MIB;
	EXPECT(!setrlimit(RLIMIT_AS, &limit));
	use_up_and_give(100000);
	use_up_and_give(3 * MIB);
	use_heap(NULL);
}

typedef int (*new_handler)(size_t size);
typedef new_handler (*handler_setter)(new_handler handler);
typedef int (*mode_setter)(int mode);

/* Compilers take malloc for one that calls nobody. */
static void *volatile reserve;
static volatile int questions;

static int give_reserve(size_t size)
{
	EXPECT(size == 500 * MIB);
	free(reserve);
	reserve = NULL;
	return ++questions == 1;
}

HELPER(with_a_new_handler)
{
	handler_setter set_handler =
		(handler_setter)dlsym(RTLD_DEFAULT, "_set_new_handler");
	mode_setter set_mode = (mode_setter)dlsym(RTLD_DEFAULT, "_set_new_mode");
	void *p;

	EXPECT(set_handler && set_mode);
	reserve = malloc(500 * MIB);
	EXPECT(reserve);
	set_handler(give_reserve);
	p = malloc(500 * MIB);
	EXPECT(!p && !questions);
	EXPECT(!set_mode(1));
	p = malloc(500 * MIB);
	EXPECT(p && questions == 1 && !reserve);
	free(p);
}

/* What it is for: the program keeps something that it can do without. */
TEST(a_new_handler_makes_room_for_malloc)
{
	struct rlimit limit = { 1000000 * 1024UL, 1000000 * 1024UL };

	EXPECT(!setrlimit(RLIMIT_AS, &limit));
	EXPECT(!run_again("with_a_new_handler", NULL));
}
