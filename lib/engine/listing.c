// SPDX-License-Identifier: MIT
/*
 * What a directory has. See listing.h.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/listing.h"

struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

int ntmem_listing(int dir, listing_visit visit, void *arg)
{
	char buffer[2048] __attribute__((aligned(8)));
	int result = 0;
	long size, at;

	while ((size = syscall(SYS_getdents64, dir, buffer,
			       sizeof(buffer))) > 0) {
		for (at = 0; at < size && !result;) {
			const struct entry *entry = (void *)(buffer + at);

			result = visit(dir, entry->name, arg);
			at += entry->length;
		}
		if (result)
			return result;
	}
	return size < 0 ? -errno : 0;
}
