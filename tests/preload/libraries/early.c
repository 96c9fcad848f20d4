// SPDX-License-Identifier: MIT
/*
 * A library whose constructor runs before all others, that of the allocator
 * too: it allocates, and registers fork handlers that do, and ask malloc about
 * itself.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define COUNT	200

void *early_blocks[COUNT];
int early_prepared, early_parents, early_children;
size_t early_bytes;

static void *volatile kept;

static void allocate(int *counter)
{
	void *volatile p = malloc(3000);

	free(kept);
	kept = malloc(77);
	early_bytes = mallinfo2().uordblks;
	free(p);
	++*counter;
}

static void prepare(void)
{
	allocate(&early_prepared);
}

static void parent(void)
{
	allocate(&early_parents);
}

static void child(void)
{
	allocate(&early_children);
}

__attribute__((constructor)) static void start(void)
{
	int i;

	for (i = 0; i < COUNT; i++) {
		early_blocks[i] = malloc(i * i);
		memset(early_blocks[i], i, i * i);
	}
	for (i = 0; i < COUNT; i += 2) {
		free(early_blocks[i]);
		early_blocks[i] = NULL;
	}
	pthread_atfork(prepare, parent, child);
}
