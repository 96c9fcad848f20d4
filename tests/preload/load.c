// SPDX-License-Identifier: MIT
/* Libraries that are loaded, unloaded, and there before anything else. */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>

#include "tap.h"

#define ROUNDS	100

TEST(malloc_is_the_librarys)
{
	Dl_info info;

	EXPECT(dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info));
	EXPECT(strstr(info.dli_fname, "libntmem-malloc.so"));
}

static char *call_plugin(void *plugin, int number)
{
	char *(*call)(int) = (char *(*)(int))dlsym(plugin, "plugin_call");
	char *block = call ? call(number) : NULL;

	EXPECT(block && block[0] == (char)number &&
	       block[999 + number] == (char)number);
	return block;
}

static void *plugin;
static char *blocks[4];

static void *call_in_thread(void *arg)
{
	int number = (char **)arg - blocks;

	blocks[number] = call_plugin(plugin, number);
	return NULL;
}

TEST(libraries_that_come_and_go)
{
	const char *path = beside_program("plugin.so");
	pthread_t threads[4];
	int round, i;

	for (round = 0; round < ROUNDS; round++) {
		plugin = dlopen(path, RTLD_NOW);
		EXPECT(plugin);
		for (i = 0; i < 4; i++)
			EXPECT(!pthread_create(&threads[i], NULL,
					       call_in_thread, &blocks[i]));
		free(call_plugin(plugin, 50));
		for (i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
		EXPECT(!dlclose(plugin));
		for (i = 0; i < 4; i++)
			free(blocks[i]);
	}
}

static int stop;

static void *allocate(void *arg)
{
	int size;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		for (size = 1; size < 5000; size += 13) {
			void *volatile p = malloc(size);

			free(p);
		}
	return NULL;
}

TEST(libraries_come_while_others_allocate)
{
	const char *path = beside_program("plugin.so");
	pthread_t thread;
	int round;

	pthread_create(&thread, NULL, allocate, NULL);
	for (round = 0; round < ROUNDS; round++) {
		plugin = dlopen(path, RTLD_LAZY);
		EXPECT(plugin);
		free(call_plugin(plugin, round));
		EXPECT(!dlclose(plugin));
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

/* ------------------------------------------------ before the allocator's own --- */

static void *ask(void *arg)
{
	EXPECT(mallinfo2().arena);
	return arg;
}

HELPER(early_library)
{
	char **early = dlsym(RTLD_DEFAULT, "early_blocks");
	int *prepared = dlsym(RTLD_DEFAULT, "early_prepared");
	int *parents = dlsym(RTLD_DEFAULT, "early_parents");
	int *children = dlsym(RTLD_DEFAULT, "early_children");
	size_t *bytes = dlsym(RTLD_DEFAULT, "early_bytes");
	pthread_t thread;
	int i, j, status;
	pid_t pid;

	EXPECT(early && prepared && parents && children && bytes);
	pthread_create(&thread, NULL, allocate, NULL);
	for (i = 1; i < 200; i += 2) {
		for (j = 0; j < i * i; j++)
			EXPECT(early[i][j] == (char)i);
		EXPECT(malloc_usable_size(early[i]) >= (size_t)(i * i));
		free(early[i]);
	}
	for (i = 1; i <= 100; i++) {
		pid = fork();
		if (!pid) {
			free(malloc(100));
			_exit(*children != 1 || *bytes < 3000);
		}
		EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
		EXPECT(*prepared == i && *parents == i && *children == 0);
		EXPECT(*bytes >= 3000);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	/* Nothing that the handlers asked keeps others from asking. */
	pthread_create(&thread, NULL, ask, NULL);
	pthread_join(thread, NULL);
}

TEST(library_that_starts_first)
{
	EXPECT(!run_again("early_library", beside_program("early.so")));
}
