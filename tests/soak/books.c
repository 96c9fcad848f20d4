// SPDX-License-Identifier: MIT
/*
 * The module comes and goes; and what the system's books say meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../proc.h"
#include "soak.h"

#define MODULE		"/lib/modules/ntmem.ko"
#define TRIES		300

static void breathe(void)
{
	const struct timespec little = { .tv_nsec = 100000000 };

	nanosleep(&little, NULL);
}

int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		error = errno;
	close(fd);
	return error;
}

bool module_load(const char *parameters)
{
	int fd = open(MODULE, O_RDONLY | O_CLOEXEC);
	bool loaded;

	if (fd < 0)
		return false;
	loaded = !syscall(SYS_finit_module, fd, parameters, 0);
	close(fd);
	return loaded;
}

/* What a process left may take a moment: rings and sockets end later. */
bool module_unload(void)
{
	for (unsigned int i = 0; i < TRIES; i++) {
		if (!syscall(SYS_delete_module, "ntmem", O_NONBLOCK))
			return true;
		if (errno != EAGAIN && errno != EBUSY)
			return errno == ENOENT;
		breathe();
	}
	return false;
}

/* Nobody uses it: are all its counters back to nothing? */
bool module_is_idle(char *why, unsigned int size)
{
	struct ntmem_info info = { 0 };
	int fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	bool idle = false;

	if (fd < 0) {
		snprintf(why, size, "the device does not open");
		return false;
	}
	for (unsigned int i = 0; i < TRIES && !idle; i++) {
		if (i)
			breathe();
		idle = !ioctl(fd, NTMEM_IOC_INFO, &info) && !info.committed &&
		       !info.user_committed && !info.resident &&
		       info.spaces == 1;
	}
	close(fd);
	if (!idle)
		snprintf(why, size,
			 "%llu bytes committed (%llu of the user), %llu resident, %llu spaces",
			 info.committed, info.user_committed, info.resident,
			 info.spaces);
	return idle;
}

void books_read(struct books *books)
{
	books->committed_as = nt_kb_line("/proc/meminfo", "Committed_AS:");
	books->free = nt_kb_line("/proc/meminfo", "MemFree:");
}

/* Objects in slab caches of the module's own, which all have its name. */
unsigned long slab_objects(void)
{
	FILE *file = fopen("/proc/slabinfo", "r");
	unsigned long active, total = 0;
	char line[512], name[64];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%63s %lu", name, &active) == 2 &&
		    !strncmp(name, "ntmem", 5))
			total += active;
	if (file)
		fclose(file);
	return total;
}
