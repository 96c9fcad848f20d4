// SPDX-License-Identifier: MIT
/*
 * The parser of /proc/self/maps, on the text that is the input. Whatever it is
 * given, it comes to an end; lines as the kernel writes them it understands.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/maps.h"
#include "target.h"

#define HEX	"[0-9a-f]{1,15}"
#define LINE	HEX "-" HEX " [r-][w-][x-][ps] " HEX " " HEX ":" HEX \
		" [0-9]{1,15}( .*)?"

/* The way back from PROCMAP_QUERY, which a file in memory does not know. */
static void open_maps(struct ntmem_maps *maps, const uint8_t *data,
		      size_t size)
{
	memset(maps, 0, sizeof(*maps));
	maps->fd = fuzz_file(data, size);
	maps->by_ioctl = true;
}

static void check_line(const char *line, const struct ntmem_mapping *got)
{
	unsigned long long start, end, inode;
	char prot[5];
	int want = 0;

	if (sscanf(line, "%llx-%llx %4s %*x %*x:%*x %llu", &start, &end, prot,
		   &inode) != 4)
		abort();
	want |= prot[0] == 'r' ? PROT_READ : 0;
	want |= prot[1] == 'w' ? PROT_WRITE : 0;
	want |= prot[2] == 'x' ? PROT_EXEC : 0;
	fuzz_check(got->start == start && got->end == end,
		   "%s: range %#llx-%#llx", line,
		   (unsigned long long)got->start,
		   (unsigned long long)got->end);
	fuzz_check(got->prot == want && got->shared == (prot[3] == 's') &&
		   got->file == !!inode, "%s: prot %d, shared %d, file %d",
		   line, got->prot, got->shared, got->file);
}

/* True when there was a next line, as the kernel writes them. */
static bool next_line(char **rest, char **line)
{
	*line = strsep(rest, "\n");
	return *line && fuzz_matches(LINE, *line);
}

/* Line for line, up to the first that is none. */
static void compare(const uint8_t *data, size_t size, char *text)
{
	struct ntmem_mapping mapping;
	struct ntmem_maps maps;
	char *line;

	open_maps(&maps, data, size);
	while (next_line(&text, &line)) {
		fuzz_check(ntmem_maps_next(&maps, 0, &mapping) == 1,
			   "%s: not found", line);
		check_line(line, &mapping);
		if (!mapping.end)	/* not above 0: was passed over */
			break;
	}
	ntmem_maps_close(&maps);
}

/* A pass as the engine makes it. */
static void pass(const uint8_t *data, size_t size)
{
	struct ntmem_mapping mapping;
	struct ntmem_maps maps;
	uint64_t addr = 0;
	size_t found = 0;

	open_maps(&maps, data, size);
	while (ntmem_maps_next(&maps, addr, &mapping) > 0) {
		fuzz_check(mapping.end > addr, "%#llx is not above %#llx",
			   (unsigned long long)mapping.end,
			   (unsigned long long)addr);
		fuzz_check(++found <= size, "no end");
		addr = mapping.end;
	}
	ntmem_maps_close(&maps);
}

static bool ends_above_zero(const char *text)
{
	return !strstr(text, "-0 ") && !strstr(text, "-00");
}

static void run(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size);

	pass(data, size);
	if (strlen(text) == size && ends_above_zero(text))
		compare(data, size, text);
	free(text);
}

const struct fuzz_target maps_target = { .name = "maps", .run = run };
