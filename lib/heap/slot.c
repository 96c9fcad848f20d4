// SPDX-License-Identifier: MIT
/*
 * Address space for guarded blocks. See slot.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "heap/meta.h"
#include "heap/slot.h"
#include "heap/types.h"

#define CHUNK		((size_t)1 << 30)
#define CHUNK_LEAST	((size_t)1 << 24)	/* where space is short */
#define MAPPINGS	65530			/* of a process, by default */

/* Address space that slots are cut from; never given back. */
struct chunk {
	char *base;
	size_t size;
	struct chunk *next;
};

static struct {
	struct chunk *chunks;		/* atomic */
	char *fresh, *end;		/* what no slot has had yet */
} slots;

static char *map(void *at, size_t size, int flags)
{
	int saved_errno = errno;
	void *p = mmap(at, size, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags,
		       -1, 0);

	errno = saved_errno;
	return p == MAP_FAILED ? NULL : p;
}

static bool new_chunk(void)
{
	struct chunk *chunk = meta_alloc(sizeof(*chunk));

	if (!chunk)
		return false;
	for (chunk->size = CHUNK; chunk->size >= CHUNK_LEAST;
	     chunk->size /= 4) {
		chunk->base = map(NULL, chunk->size, 0);
		if (chunk->base)
			break;
	}
	if (!chunk->base) {
		meta_free(chunk, sizeof(*chunk));
		return false;
	}
	slots.fresh = chunk->base + PAGE_BYTES;
	slots.end = chunk->base + chunk->size;
	chunk->next = slots.chunks;
	__atomic_store_n(&slots.chunks, chunk, __ATOMIC_RELEASE);
	return true;
}

char *slot_make(size_t pages)
{
	size_t size = (pages + 1) * PAGE_BYTES;
	char *base;

	if (pages > SLOT_PAGES) {
		base = map(NULL, size + PAGE_BYTES, 0);
		return base ? base + PAGE_BYTES : NULL;
	}
	if ((size_t)(slots.end - slots.fresh) < size && !new_chunk())
		return NULL;
	base = slots.fresh;
	slots.fresh += size;
	return base;
}

void slot_unmake(char *base, size_t pages)
{
	int saved_errno = errno;

	munmap(base - PAGE_BYTES, (pages + 2) * PAGE_BYTES);
	errno = saved_errno;
}

bool slot_open(char *start, size_t size, bool executable)
{
	int prot = PROT_READ | PROT_WRITE | (executable ? PROT_EXEC : 0);
	int saved_errno = errno;
	bool opened = !mprotect(start, size, prot);

	errno = saved_errno;
	return opened;
}

bool slot_close(char *start, size_t size)
{
	return map(start, size, MAP_FIXED);
}

bool slot_is_known(const void *p)
{
	struct chunk *chunk = __atomic_load_n(&slots.chunks, __ATOMIC_ACQUIRE);

	for (; chunk; chunk = chunk->next)
		if ((uintptr_t)p - (uintptr_t)chunk->base < chunk->size)
			return true;
	return false;
}

/* The other third is the program's. */
size_t slot_limit(void)
{
	int saved_errno = errno, fd, i;
	size_t mappings = 0;
	char text[24];
	ssize_t length = -1;

	fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		length = read(fd, text, sizeof(text));
		close(fd);
	}
	for (i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++)
		mappings = mappings * 10 + (text[i] - '0');
	errno = saved_errno;
	return (mappings ? mappings : MAPPINGS) / 3;
}
