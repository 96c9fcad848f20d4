// SPDX-License-Identifier: MIT
/*
 * Runs every input of the corpus once, in TAP: one test for each target, in a
 * child of its own.
 *
 * replay [TARGET [FILE...]]: all targets, one of them, or single inputs of it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target.h"

#define CORPUS	"tests/fuzz/corpus"
/* One target's corpus takes a fraction of this, sanitizers or not. */
#define SECONDS	300

/* What the child does; it can still be read when the child has died. */
struct progress {
	unsigned int inputs;
	char path[PATH_MAX];
};

static struct progress *progress;

static void replay_file(const struct fuzz_target *target, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	uint8_t *data;

	snprintf(progress->path, sizeof(progress->path), "%s", path);
	if (fd < 0 || fstat(fd, &stat)) {
		fuzz_check(false, "%s: %m", path);
		return;
	}
	/* Of just this size, so that sanitizers see who reads on. */
	data = malloc(stat.st_size);
	if (read(fd, data, stat.st_size) != stat.st_size)
		abort();
	close(fd);
	target->run(data, stat.st_size);
	free(data);
	progress->inputs++;
}

static void replay_corpus(const struct fuzz_target *target)
{
	char path[PATH_MAX];
	struct dirent **names;
	int n;

	snprintf(path, sizeof(path), CORPUS "/%s", target->name);
	n = scandir(path, &names, NULL, alphasort);
	fuzz_check(n > 2, "%s: no inputs", path);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), CORPUS "/%s/%s", target->name,
			 names[i]->d_name);
		if (*names[i]->d_name != '.')
			replay_file(target, path);
		free(names[i]);
	}
	free(names);
}

static void child(const struct fuzz_target *target, char **files)
{
	alarm(SECONDS);
	if (target->open)
		target->open();
	while (files && *files)
		replay_file(target, *files++);
	if (!files)
		replay_corpus(target);
	exit(0);
}

static bool replay(const struct fuzz_target *target, char **files, int test)
{
	int status = -1;
	pid_t pid;

	memset(progress, 0, sizeof(*progress));
	fflush(NULL);
	pid = fork();
	if (!pid)
		child(target, files);
	if (pid > 0)
		waitpid(pid, &status, 0);
	printf("%s %d - %s: %u inputs\n", status ? "not ok" : "ok", test,
	       target->name, progress->inputs);
	if (status)
		printf("# status %#x after %s\n", status, progress->path);
	return !status;
}

int main(int argc, char **argv)
{
	const struct fuzz_target *only = argc > 1 ? fuzz_find(argv[1]) : NULL;
	bool ok = true;
	int tests = 0;

	if (argc > 1 && !only) {
		fprintf(stderr, "replay: no target \"%s\"\n", argv[1]);
		return 2;
	}
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (progress == MAP_FAILED)
		return 2;
	printf("TAP version 13\n");
	for (size_t i = 0; fuzz_targets[i]; i++)
		if (!only || only == fuzz_targets[i])
			ok &= replay(fuzz_targets[i],
				     argc > 2 ? argv + 2 : NULL, ++tests);
	printf("1..%d\n", tests);
	return !ok;
}
