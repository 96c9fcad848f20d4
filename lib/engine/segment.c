// SPDX-License-Identifier: MIT
/*
 * Sections as this process has them. See segment.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "engine/embedded.h"
#include "engine/highfd.h"
#include "engine/segment.h"

#define WORD_BITS	64
#define LOOK_WORDS	128

static struct segment *segments;

struct segment *segment_find(dev_t dev, ino_t ino)
{
	struct segment *segment = segments;

	while (segment && (segment->dev != dev || segment->ino != ino))
		segment = segment->next;
	return segment;
}

static bool is_like(const struct segment *segment,
		    const struct section_handle *handle)
{
	return !memcmp(&segment->shape, &handle->shape, sizeof(handle->shape));
}

int segment_of(const struct section_handle *handle, struct segment **found)
{
	struct segment *segment = segment_find(handle->dev, handle->ino);

	*found = segment;
	if (segment)
		return is_like(segment, handle) ? 0 : -EBADF;
	segment = ntmem_pool_alloc(&embedded.pool, sizeof(*segment));
	if (!segment)
		return -ENOMEM;
	segment->dev = handle->dev;
	segment->ino = handle->ino;
	segment->shape = handle->shape;
	segment->file.fd = -1;
	segment->next = segments;
	segments = segment;
	*found = segment;
	return 0;
}

void segment_put(struct segment *segment)
{
	struct segment **link = &segments;

	if (segment->handles || segment->views)
		return;
	embedded.sections -= segment->charged;
	embedded.committed -= segment->charged;
	if (segment->bits)
		munmap(segment->bits, section_bits_size(&segment->shape));
	if (segment_fd(segment) >= 0)
		close(segment->file.fd);
	while (*link != segment)
		link = &(*link)->next;
	*link = segment->next;
	ntmem_pool_free(&embedded.pool, segment, sizeof(*segment));
}

/* ------------------------------------------------------------- its file --- */

int segment_fd(const struct segment *segment)
{
	const struct segment_file *file = &segment->file;
	struct stat now;

	if (file->fd < 0 || fstat(file->fd, &now) || now.st_dev != file->dev ||
	    now.st_ino != file->ino)
		return -EBADF;
	return file->fd;
}

int segment_take_file(struct segment *segment, int fd, bool writable)
{
	struct stat now;

	fd = ntmem_highfd(fd);
	if (fstat(fd, &now)) {
		close(fd);
		return -EBADF;
	}
	if (segment_fd(segment) >= 0)
		close(segment->file.fd);
	segment->file = (struct segment_file){ fd, now.st_dev, now.st_ino };
	segment->writable = writable;
	return 0;
}

/*
 * A description of its own, since a handle's keeps the name. Whoever may write to
 * the file commits also through a handle that may not. Who may not open it again
 * was given it by another user, without a name.
 */
static int open_pages(int fd, const struct section_handle *handle,
		      bool *writable)
{
	bool bits = handle->shape.flags & NTMEM_SECTION_RESERVE;
	int own;

	*writable = handle->writable || bits;
	own = section_reopen(fd, *writable);
	if (own != -EACCES || !*writable)
		return own;
	*writable = handle->writable;
	if (!*writable)
		return section_reopen(fd, false);
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return own < 0 ? -errno : own;
}

int segment_open(struct segment *segment, int fd,
		 const struct section_handle *handle)
{
	bool writable;
	int own;

	if (segment_fd(segment) >= 0 &&
	    (segment->writable || !handle->writable ||
	     segment->shape.kind == SECTION_FILE))
		return 0;
	if (segment->shape.kind == SECTION_FILE)
		return segment->file.fd < 0 ? -EOPNOTSUPP : -EBADF;
	own = open_pages(fd, handle, &writable);
	return own < 0 ? own : segment_take_file(segment, own, writable);
}

/* ---------------------------------------------------------------- commit --- */

void segment_charge(struct segment *segment, uint64_t bytes)
{
	segment->charged += bytes;
	embedded.sections += bytes;
	embedded.committed += bytes;
}

/* The words of bits that pages from first on are in; how many, or -errno. */
static int read_bits(const struct segment *segment, uint64_t first,
		     uint64_t words[LOOK_WORDS])
{
	uint64_t start = section_bits_start(&segment->shape);
	uint64_t size = section_bits_size(&segment->shape);
	uint64_t at = first / WORD_BITS * sizeof(*words);
	uint64_t want = LOOK_WORDS * sizeof(*words);
	int fd = segment_fd(segment);
	ssize_t got;

	if (fd < 0)
		return fd;
	if (want > size - at)
		want = size - at;
	got = pread(fd, words, want, (off_t)(start + at));
	return got == (ssize_t)want ? (int)(want / sizeof(*words)) : -EIO;
}

/* The first page of [page, end) that is, or is not, committed; else end. */
static int find_bit(const struct segment *segment, uint64_t *page,
		    uint64_t end, bool committed)
{
	uint64_t words[LOOK_WORDS], word, base;
	int i, count;

	while (*page < end) {
		base = *page / WORD_BITS * WORD_BITS;
		count = read_bits(segment, *page, words);
		if (count < 0)
			return count;
		for (i = 0; i < count && base < end; i++, base += WORD_BITS) {
			word = committed ? words[i] : ~words[i];
			if (base < *page)
				word &= ~0ULL << (*page - base);
			if (!word)
				continue;
			base += (unsigned int)__builtin_ctzll(word);
			*page = base < end ? base : end;
			return 0;
		}
		*page = base < end ? base : end;
	}
	return 0;
}

int segment_committed(const struct segment *segment, uint64_t *first,
		      uint64_t *last, uint64_t end)
{
	int error = find_bit(segment, first, end, true);

	if (error < 0)
		return error;
	if (*first == end)
		return 0;
	*last = *first + 1;
	error = find_bit(segment, last, end, false);
	return error < 0 ? error : 1;
}

int segment_missing(const struct segment *segment, uint64_t first,
		    uint64_t end, uint64_t *bytes)
{
	uint64_t pages = end - first, last;
	int found;

	while ((found = segment_committed(segment, &first, &last, end)) > 0) {
		pages -= last - first;
		first = last;
	}
	*bytes = pages * PAGE_BYTES;
	return found;
}

static int map_bits(struct segment *segment)
{
	uint64_t size = section_bits_size(&segment->shape);
	int fd = segment_fd(segment);
	void *bits;

	if (segment->bits)
		return 0;
	if (fd < 0)
		return fd;
	if (!segment->writable)
		return -EACCES;
	bits = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    (off_t)section_bits_start(&segment->shape));
	if (bits == MAP_FAILED)
		return -ENOMEM;
	segment->bits = bits;
	return 0;
}

/* The bits' own pages have to be there, since a fault cannot fail. */
int segment_prepare(struct segment *segment, uint64_t first, uint64_t end)
{
	uint64_t start = section_bits_start(&segment->shape);
	uint64_t from = first / 8, to = (end + 7) / 8;
	int error = map_bits(segment);

	if (error)
		return error;
	return fallocate(segment_fd(segment), FALLOC_FL_KEEP_SIZE,
			 (off_t)(start + from), (off_t)(to - from)) ? -ENOMEM :
								      0;
}

/* Another process may commit some of them at the same time. */
void segment_commit(struct segment *segment, uint64_t first, uint64_t end)
{
	uint64_t at, next, mask, old, fresh = 0;

	for (at = first; at < end; at = next) {
		next = (at / WORD_BITS + 1) * WORD_BITS;
		mask = ~0ULL << at % WORD_BITS;
		if (next > end) {
			next = end;
			mask &= ~(~0ULL << end % WORD_BITS);
		}
		old = __atomic_fetch_or(&segment->bits[at / WORD_BITS], mask,
					__ATOMIC_ACQ_REL);
		fresh += (unsigned int)__builtin_popcountll(mask & ~old);
	}
	segment_charge(segment, fresh * PAGE_BYTES);
}

void segment_leave_charges(void)
{
	struct segment *segment;

	for (segment = segments; segment; segment = segment->next) {
		embedded.sections -= segment->charged;
		embedded.committed -= segment->charged;
		segment->charged = 0;
	}
}
