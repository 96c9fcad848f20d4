// SPDX-License-Identifier: MIT
/*
 * The file that a section with a name shows, as another process finds it: among
 * the descriptors of a process that has it open, /proc/PID/fd, since it may
 * have no path, or another one by now. Whoever has a handle has it open. Where
 * the last one that was told of has closed it, all processes are looked at.
 *
 * Linux looks whether we may look into that process, and whether we may open the
 * file so, as for any file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/listing.h"
#include "engine/section.h"

/* What is looked for, and how it is to be opened. */
struct search {
	const struct section_source *source;
	bool writable;
};

static bool is_source(const struct stat *now, const struct section_source *source)
{
	return now->st_dev == source->dev && now->st_ino == source->ino &&
	       S_ISREG(now->st_mode);
}

/* What is there must not be opened before it is known to be the file. */
static int open_same(int dir, const char *path, const struct search *search)
{
	int at = openat(dir, path, O_PATH | O_CLOEXEC), fd = -ENOENT;
	struct stat now;

	if (at < 0)
		return -errno;
	if (!fstat(at, &now) && is_source(&now, search->source))
		fd = section_reopen(at, search->writable);
	close(at);
	return fd;
}

/* A descriptor is one more than it is, since 0 is to go on. */
static int look_at_descriptor(int dir, const char *name, void *arg)
{
	const struct search *search = arg;
	struct stat now;
	int fd;

	if (fstatat(dir, name, &now, 0) || !is_source(&now, search->source))
		return 0;
	fd = open_same(dir, name, search);
	return fd == -ENOENT ? 0 : fd < 0 ? fd : fd + 1;
}

static int look_at_process(int proc, const char *name, void *arg)
{
	char path[16];
	int dir, found;

	if (*name < '0' || *name > '9' || strlen(name) > 10)
		return 0;
	snprintf(path, sizeof(path), "%s/fd", name);
	dir = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Without descriptors of our own we see nothing of others'. */
	if (dir < 0)
		return errno == EMFILE || errno == ENFILE ? -errno : 0;
	found = ntmem_listing(dir, look_at_descriptor, arg);
	close(dir);
	/* One that ends has none to be listed. */
	return found == -ENOENT ? 0 : found;
}

static int look_at_all(struct search *search)
{
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), found;

	if (proc < 0)
		return errno == EMFILE || errno == ENFILE ? -errno :
							    -EOPNOTSUPP;
	found = ntmem_listing(proc, look_at_process, search);
	close(proc);
	return found > 0 ? found - 1 : found ? found : -EOPNOTSUPP;
}

int section_source_open(const struct section_source *source, bool writable)
{
	struct search search = { .source = source, .writable = writable };
	char path[48];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)source->pid,
		 (int)source->fd);
	fd = open_same(AT_FDCWD, path, &search);
	return fd >= 0 || fd == -EMFILE || fd == -ENFILE ? fd :
							   look_at_all(&search);
}
