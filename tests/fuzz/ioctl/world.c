// SPDX-License-Identifier: MIT
/*
 * What happens around a program: memory pressure, limits, its cgroup. The
 * server undoes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "world.h"

int world_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return errno;
	error = result_of(write(fd, text, strlen(text)));
	close(fd);
	return error;
}

/* Shrinkers run; the server has asked for silence. */
int world_pressure(const struct op *op)
{
	switch (op->arg[0].value & 7) {
	case 7:
		return world_write("/proc/sys/vm/compact_memory", "1");
	case 6:
		return world_write(WORLD_CGROUP "/memory.reclaim", "1M");
	default:
		return world_write("/proc/sys/vm/drop_caches", "2");
	}
}

static const char *const limits[] = {
	"commit_limit", "user_limit", "space_limit",
};

static int set_limit(unsigned int which, u64 bytes)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), "/sys/module/ntmem/parameters/%s",
		 limits[which]);
	snprintf(text, sizeof(text), "%llu", bytes);
	return world_write(path, text);
}

int world_limit(const struct op *op)
{
	u64 shift = op->arg[1].value & 63;

	return set_limit(op->arg[0].value % 3, shift ? 1ULL << shift : 0);
}

void world_reset_limits(void)
{
	for (unsigned int i = 0; i < 3; i++)
		set_limit(i, 0);
}

/* Never so little that the program cannot even end. */
int world_memcg(const struct op *op)
{
	static const char *const files[] = {
		WORLD_CGROUP "/memory.high", WORLD_CGROUP "/memory.max",
	};
	u64 shift = op->arg[1].value & 63;
	char text[32];

	snprintf(text, sizeof(text), "%llu", 1ULL << (shift < 20 ? 20 : shift));
	return world_write(files[op->arg[0].value & 1], text);
}

void world_reset_cgroup(void)
{
	world_write(WORLD_CGROUP "/memory.high", "max");
	world_write(WORLD_CGROUP "/memory.max", "max");
}
