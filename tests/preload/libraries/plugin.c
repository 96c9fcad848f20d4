// SPDX-License-Identifier: MIT
/*
 * A library to load and unload. It allocates when that happens, and each thread
 * that calls it has data in it, for which the loader allocates.
 */
#include <stdlib.h>
#include <string.h>

#define COUNT	300

static char *blocks[COUNT];
static __thread char *own;
static __thread char room[5000];

__attribute__((constructor)) static void load(void)
{
	int i;

	for (i = 0; i < COUNT; i++) {
		blocks[i] = malloc(i * 7);
		memset(blocks[i], i, i * 7);
	}
}

__attribute__((destructor)) static void unload(void)
{
	int i;

	for (i = 0; i < COUNT; i++)
		free(blocks[i]);
}

/* Whether all is as it was left; the thread's block is the caller's then. */
char *plugin_call(int number)
{
	int i;

	for (i = 1; i < COUNT; i++)
		if (blocks[i][0] != (char)i || blocks[i][i * 7 - 1] != (char)i)
			return NULL;
	for (i = 0; i < (int)sizeof(room); i++)
		if (room[i])
			return NULL;
	memset(room, number, sizeof(room));
	own = malloc(1000 + number);
	memset(own, number, 1000 + number);
	memset(room, 0, sizeof(room));
	return own;
}
