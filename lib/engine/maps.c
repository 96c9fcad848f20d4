// SPDX-License-Identifier: MIT
/*
 * The kernel's list of mappings: by PROCMAP_QUERY where the kernel has it
 * (6.11), else from the text of /proc/self/maps. See maps.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/maps.h"

/* From <linux/fs.h> of 6.11; the headers that we build with may be older. */
struct procmap {
	uint64_t size;
	uint64_t query_flags;
	uint64_t query_addr;
	uint64_t vma_start;
	uint64_t vma_end;
	uint64_t vma_flags;
	uint64_t vma_page_size;
	uint64_t vma_offset;
	uint64_t inode;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint32_t vma_name_size;
	uint32_t build_id_size;
	uint64_t vma_name_addr;
	uint64_t build_id_addr;
};

#define PROCMAP_IOCTL		_IOWR('f', 17, struct procmap)
#define PROCMAP_READABLE	0x01
#define PROCMAP_WRITABLE	0x02
#define PROCMAP_EXECUTABLE	0x04
#define PROCMAP_SHARED		0x08
#define PROCMAP_OR_NEXT		0x10

static int opened(struct ntmem_maps *maps, int fd)
{
	if (fd < 0)
		return -errno;
	maps->fd = fd;
	maps->by_ioctl = true;
	maps->error = 0;
	maps->pos = 0;
	maps->len = 0;
	return 0;
}

int ntmem_maps_open(struct ntmem_maps *maps)
{
	return opened(maps, open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
}

int ntmem_maps_open_of(struct ntmem_maps *maps, int proc)
{
	return opened(maps, openat(proc, "maps", O_RDONLY | O_CLOEXEC));
}

void ntmem_maps_close(struct ntmem_maps *maps)
{
	close(maps->fd);
}

static int next_by_ioctl(struct ntmem_maps *maps, uint64_t addr,
			 struct ntmem_mapping *mapping)
{
	struct procmap query;

	memset(&query, 0, sizeof(query));
	query.size = sizeof(query);
	query.query_flags = PROCMAP_OR_NEXT;
	query.query_addr = addr;
	if (ioctl(maps->fd, PROCMAP_IOCTL, &query))
		return errno == ENOENT ? 0 : -errno;
	mapping->start = query.vma_start;
	mapping->end = query.vma_end;
	mapping->prot = 0;
	if (query.vma_flags & PROCMAP_READABLE)
		mapping->prot |= PROT_READ;
	if (query.vma_flags & PROCMAP_WRITABLE)
		mapping->prot |= PROT_WRITE;
	if (query.vma_flags & PROCMAP_EXECUTABLE)
		mapping->prot |= PROT_EXEC;
	mapping->shared = query.vma_flags & PROCMAP_SHARED;
	mapping->file = query.inode;
	return 1;
}

/* The next character of the text; 0 at its end. */
static char next_char(struct ntmem_maps *maps)
{
	if (maps->pos == maps->len) {
		ssize_t len;

		do {
			len = read(maps->fd, maps->text, sizeof(maps->text));
		} while (len < 0 && errno == EINTR);
		if (len < 0)
			maps->error = -errno;
		if (len <= 0)
			return 0;
		maps->pos = 0;
		maps->len = len;
	}
	return maps->text[maps->pos++];
}

/* A number, with the character that ends it, which is consumed. */
static char next_number(struct ntmem_maps *maps, unsigned int base,
			uint64_t *number)
{
	*number = 0;
	for (;;) {
		char c = next_char(maps);
		unsigned int digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10;
		else
			return c;
		*number = *number * base + digit;
	}
}

/* What is left of a line, without the blanks in front of it. */
static void next_name(struct ntmem_maps *maps, char c)
{
	unsigned int len = 0;

	while (c == ' ')
		c = next_char(maps);
	for (; c && c != '\n'; c = next_char(maps))
		if (len < sizeof(maps->name) - 1)
			maps->name[len++] = c;
	maps->name[len] = '\0';
}

/* One line: "start-end rwxp offset major:minor inode   name". */
static int next_line(struct ntmem_maps *maps, struct ntmem_mapping *mapping)
{
	uint64_t ignored, inode;
	char c;

	if (next_number(maps, 16, &mapping->start) != '-')
		return 0;
	next_number(maps, 16, &mapping->end);
	mapping->prot = 0;
	if (next_char(maps) == 'r')
		mapping->prot |= PROT_READ;
	if (next_char(maps) == 'w')
		mapping->prot |= PROT_WRITE;
	if (next_char(maps) == 'x')
		mapping->prot |= PROT_EXEC;
	mapping->shared = next_char(maps) == 's';
	next_char(maps);
	next_number(maps, 16, &ignored);
	next_number(maps, 16, &ignored);
	next_number(maps, 16, &ignored);
	c = next_number(maps, 10, &inode);
	mapping->file = inode;
	next_name(maps, c);
	return 1;
}

int ntmem_maps_next(struct ntmem_maps *maps, uint64_t addr,
		    struct ntmem_mapping *mapping)
{
	int found;

	if (maps->by_ioctl) {
		found = next_by_ioctl(maps, addr, mapping);
		if (found >= 0)
			return found;
		maps->by_ioctl = false;
	}
	do {
		found = next_line(maps, mapping);
	} while (found && mapping->end <= addr);
	return maps->error ? maps->error : found;
}

int ntmem_maps_find(struct ntmem_maps *maps, const char *name,
		    struct ntmem_mapping *mapping)
{
	maps->by_ioctl = false;
	while (next_line(maps, mapping))
		if (!strcmp(maps->name, name))
			return 1;
	return maps->error;
}
