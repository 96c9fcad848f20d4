/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What tests read in /proc. */
#ifndef NTMEM_PROC_H
#define NTMEM_PROC_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number in the line that begins with name; 0 without one. */
static inline unsigned long long nt_number_line(const char *path,
						const char *name)
{
	FILE *file = fopen(path, "r");
	char line[256];
	unsigned long long number = 0;

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)))
			continue;
		number = strtoull(line + strlen(name), NULL, 10);
		break;
	}
	fclose(file);
	return number;
}

/* From a file of "Name:   number kB" lines, in bytes. */
static inline unsigned long long nt_kb_line(const char *path,
					    const char *name)
{
	return nt_number_line(path, name) * 1024;
}

/* The mapping of this process that an address lies in. */
static inline bool nt_mapping(unsigned long long addr,
			      unsigned long long *start,
			      unsigned long long *end)
{
	FILE *file = fopen("/proc/self/maps", "r");
	char line[512];
	bool found = false;

	*start = 0;
	*end = 0;
	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%llx-%llx", start, end) == 2 &&
			*start <= addr && addr < *end;
	if (file)
		fclose(file);
	return found;
}

#endif /* NTMEM_PROC_H */
