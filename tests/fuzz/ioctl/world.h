/* SPDX-License-Identifier: MIT */
/* What the server prepares, and undoes, around a program. */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#define WORLD_CGROUP	"/sys/fs/cgroup/fuzz"

int world_write(const char *path, const char *text);
void world_reset_limits(void);
void world_reset_cgroup(void);

#endif
