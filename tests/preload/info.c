// SPDX-License-Identifier: MIT
/* Asking malloc about itself, and telling it to give memory back. */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>

#include "tap.h"

#define MIB	((size_t)1 << 20)

TEST(mallinfo_counts_blocks)
{
	enum { COUNT = 10000, SIZE = 112 };
	static void *blocks[COUNT];
	struct mallinfo2 before = mallinfo2(), during, after;
	int i;

	for (i = 0; i < COUNT; i++)
		blocks[i] = malloc(SIZE);
	during = mallinfo2();
	for (i = 0; i < COUNT; i++)
		free(blocks[i]);
	after = mallinfo2();
	EXPECT(during.uordblks == before.uordblks + COUNT * SIZE);
	EXPECT(after.uordblks == before.uordblks);
	EXPECT(during.arena == during.uordblks + during.fordblks);
	EXPECT(during.arena >= before.uordblks + COUNT * SIZE);
	EXPECT(!during.hblks && !during.hblkhd);
}

TEST(mallinfo_counts_huge_blocks)
{
	struct mallinfo2 before = mallinfo2(), during;
	char *volatile p = malloc(50 * MIB);

	during = mallinfo2();
	EXPECT(during.hblks == before.hblks + 1);
	EXPECT(during.hblkhd >= before.hblkhd + 50 * MIB);
	EXPECT(during.uordblks < before.uordblks + MIB);
	free(p);
	EXPECT(mallinfo2().hblkhd == before.hblkhd);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

TEST(mallinfo_does_not_wrap)
{
	void *volatile p = malloc(5UL << 30);

	if (!p)
		SKIP("no 5 GiB");
	EXPECT(mallinfo().hblkhd == 0x7fffffff);
	free(p);
}

#pragma GCC diagnostic pop

static char *info_text(void)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	EXPECT(malloc_info(0, file) == 0);
	fclose(file);
	return text;
}

TEST(malloc_info_writes_xml)
{
	void *volatile p = malloc(5000), *volatile q = malloc(5000);
	char *text;

	free(p);
	text = info_text();
	EXPECT(!strncmp(text, "<malloc version=\"1\">\n", 21));
	EXPECT(strstr(text, "<heap nr=\"0\">\n<sizes>\n"));
	EXPECT(strstr(text, "  <size from=\"4609\" to=\"5120\" total=\""));
	EXPECT(strstr(text, "<total type=\"rest\" count=\""));
	EXPECT(strstr(text, "<total type=\"mmap\" count=\"0\" size=\"0\"/>\n"));
	EXPECT(strstr(text, "<system type=\"current\" size=\""));
	EXPECT(!strcmp(text + strlen(text) - 10, "</malloc>\n"));
	free(text);
	free(q);
	EXPECT(malloc_info(1, stdout) == EINVAL);
}

TEST(malloc_stats_writes_to_stderr)
{
	char text[4096] = "";
	int ends[2];

	EXPECT(!pipe(ends));
	dup2(ends[1], STDERR_FILENO);
	malloc_stats();
	EXPECT(read(ends[0], text, sizeof(text) - 1) > 0);
	fflush(stderr);
	EXPECT(strstr(text, "Arena 0:\nsystem bytes     = "));
}

TEST(mallopt_says_what_it_takes)
{
	EXPECT(mallopt(M_TRIM_THRESHOLD, 128 * 1024) == 1);
	EXPECT(mallopt(M_MMAP_THRESHOLD, 128 * 1024) == 1);
	EXPECT(mallopt(M_ARENA_MAX, 1) == 1);
	EXPECT(mallopt(M_MXFAST, 64) == 1 && mallopt(M_MXFAST, -1) == 0);
	EXPECT(mallopt(M_PERTURB, 0) == 1 && mallopt(M_PERTURB, 5) == 0);
	EXPECT(mallopt(1000, 1) == 0);
}

TEST(malloc_trim_gives_back)
{
	enum { COUNT = 2000, SIZE = 10000 };
	static char *blocks[COUNT];
	size_t before;
	int i;

	malloc_trim(0);
	before = resident();
	for (i = 0; i < COUNT; i++) {
		blocks[i] = malloc(SIZE);
		memset(blocks[i], 1, SIZE);
	}
	for (i = 0; i < COUNT; i++)
		free(blocks[i]);
	EXPECT(malloc_trim(0) == 1);
	EXPECT(resident() < before + MIB);
	/* Of what the last line has used. */
	malloc_trim(0);
	EXPECT(malloc_trim(0) == 0);
}

static int stop;

static void *allocate(void *arg)
{
	static void *volatile blocks[2][1000];
	unsigned int state = 1, i;
	void *volatile *mine = blocks[!!arg];

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		state = state * 1103515245 + 12345;
		i = (state >> 8) % 1000;
		free(mine[i]);
		mine[i] = malloc((state >> 5) % 3000);
	}
	for (i = 0; i < 1000; i++)
		free(mine[i]);
	return NULL;
}

TEST(asked_while_others_allocate)
{
	pthread_t threads[2];
	int i;

	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, allocate,
			       i ? &stop : NULL);
	for (i = 0; i < 100; i++) {
		struct mallinfo2 info = mallinfo2();

		EXPECT(info.arena == info.uordblks + info.fordblks);
		free(info_text());
		malloc_trim(0);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}
