// SPDX-License-Identifier: MIT
/*
 * Sections of files, on either engine: plain mappings of the file, which the
 * embedded engine keeps as it does its own views.
 *
 * The section's own file, see section.h, holds no pages, only what it is; the
 * file that has them is known to the process that made the section, and to its
 * children. Another process that is given the handle cannot map it, unless the
 * section has a name: then it is found, see section_source.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/embedded.h"
#include "engine/filelimit.h"
#include "engine/segment.h"

/*
 * The process has a handle more, of a section whose segment takes the file over;
 * or it is closed. -1: the segment has one, or -EAGAIN.
 */
static int enter(const struct section_handle *handle, int file, bool writable,
		 struct segment **entered)
{
	struct segment *segment;
	int error = segment_of(handle, &segment);

	if (error) {
		if (file >= 0)
			close(file);
		return error;
	}
	if (file >= 0)
		error = segment_take_file(segment, file, writable);
	else if (segment_fd(segment) < 0)
		error = -EAGAIN;
	if (!error)
		segment->handles++;
	segment_put(segment);
	*entered = segment;
	return error;
}

/* Of one with a name, others are told where to find the file. */
static int enter_section(int section, const struct section_handle *handle,
			 int file, bool writable)
{
	struct section_source source = { .pid = getpid() };
	struct segment *segment;
	struct ntmem_held held;
	int error;

	ntmem_lock_take(&embedded.lock, &held);
	error = enter(handle, file, writable, &segment);
	if (!error) {
		source.dev = segment->file.dev;
		source.ino = segment->file.ino;
		source.fd = segment->file.fd;
	}
	ntmem_lock_give(&embedded.lock, &held);
	if (!error && handle->named)
		section_tell_source(section, &source);
	return error;
}

static bool has_file(const struct section_handle *handle)
{
	struct segment *segment;
	struct ntmem_held held;
	bool has;

	ntmem_lock_take(&embedded.lock, &held);
	segment = segment_find(handle->dev, handle->ino);
	has = segment && segment_fd(segment) >= 0;
	ntmem_lock_give(&embedded.lock, &held);
	return has;
}

static int open_source(int section, bool writable)
{
	struct section_source source;
	int error = section_read_source(section, &source);

	return error ? error : section_source_open(&source, writable);
}

/* Another thread may give the file up when we have just seen it. */
int file_section_join(int section, const struct section_handle *handle)
{
	bool writable = section_writes(handle->shape.prot);
	int error, file;

	do {
		file = -1;
		if (!has_file(handle)) {
			file = open_source(section, writable);
			if (file < 0)
				return file;
		}
		error = enter_section(section, handle, file, writable);
	} while (error == -EAGAIN);
	return error;
}

/* ----------------------------------------------------------------- create --- */

/* The handle of a section that was just made becomes one that can be mapped. */
static int give_file(int section, int file)
{
	bool writable = (fcntl(file, F_GETFL) & O_ACCMODE) == O_RDWR;
	struct section_handle handle;
	int error = section_look(section, &handle), own;

	if (error)
		return error;
	own = fcntl(file, F_DUPFD_CLOEXEC, 0);
	return own < 0 ? -errno :
			 enter_section(section, &handle, own, writable);
}

static bool is_long_enough(int file, uint64_t size)
{
	struct stat now;

	return !fstat(file, &now) && (uint64_t)now.st_size >= size;
}

/*
 * Where the file system can, in a way that never makes it shorter. Elsewhere what
 * another process makes longer within these two calls is cut off: Linux has no
 * other that makes a file longer and keeps what is in it.
 */
static bool extend(int file, uint64_t size)
{
	if (!fallocate(file, 0, (off_t)size - 1, 1))
		return true;
	return errno == EOPNOTSUPP && (is_long_enough(file, size) ||
				       !ftruncate(file, (off_t)size));
}

/* What may be written to becomes as long as its section; large pages are there. */
static int make_long_enough(const struct section_shape *shape, int file)
{
	/* A fault cannot fail. */
	if (section_is_large(shape))
		return fallocate(file, 0, 0, (off_t)shape->size) ? -ENOBUFS : 0;
	if (!section_writes(shape->prot) || is_long_enough(file, shape->size))
		return 0;
	return ntmem_file_fits(shape->size) && extend(file, shape->size) ?
	       0 : -EFBIG;
}

static int make(const struct section_shape *shape, int file)
{
	int section = section_make(shape);
	int error = section < 0 ? section : make_long_enough(shape, file);

	if (!error)
		error = give_file(section, file);
	if (error && section >= 0)
		close(section);
	return error ? error : section;
}

/* Once it is there, others may have a view of it. */
static int make_named(int dir, const struct section_shape *shape,
		      const struct section_name *name, int file)
{
	int error = make_long_enough(shape, file);
	int section = error ? error : section_make_named(dir, shape, name);

	error = section < 0 ? section : give_file(section, file);

	if (error && section >= 0) {
		close(section);
		section_name_remove(dir, name);
	}
	return error ? error : section;
}

static int check(const struct ntmem_file_section *section,
		 struct section_name *name)
{
	struct stat now;

	if (!section_prot_valid(section->prot) || !section->size ||
	    section->size > USER_END || section->flags & ~SECTION_LARGE_PAGES)
		return -EINVAL;
	if (section->flags && section->size % LARGE_PAGE_BYTES)
		return -EINVAL;
	if (fstat(section->file, &now))
		return -EBADF;
	if (!S_ISREG(now.st_mode))
		return -EINVAL;
	return embedded_take_name(section->name, section->name_len, name);
}

/* The one that has the name, whatever it is of, or a new one. */
static int make_or_find(struct ntmem_file_section *section,
			const struct section_shape *shape,
			const struct section_name *name,
			int (*find)(const struct section_name *name, int dir))
{
	int dir = section_names_begin(), fd;

	if (dir < 0)
		return dir;
	fd = find(name, dir);
	if (fd >= 0)
		section->flags |= NTMEM_SECTION_EXISTED;
	if (fd == -ENOENT)
		fd = make_named(dir, shape, name, section->file);
	section_names_end(dir);
	return fd;
}

int file_section_create(struct ntmem_file_section *section,
			int (*find)(const struct section_name *name, int dir))
{
	const struct section_shape shape = {
		.size = section->size, .prot = section->prot,
		.flags = section->flags, .kind = SECTION_FILE,
	};
	int saved_errno = errno, fd;
	struct section_name name;

	fd = check(section, &name);
	if (!fd)
		fd = name.len ? make_or_find(section, &shape, &name, find) :
				make(&shape, section->file);
	errno = saved_errno;
	if (fd < 0)
		return fd;
	section->fd = fd;
	return 0;
}

static int find_any(const struct section_name *name, int dir)
{
	return embedded_open_found(dir, name, 0, false);
}

int embedded_create_file_section(struct ntmem_file_section *section)
{
	return file_section_create(section, find_any);
}

bool embedded_is_file_section(int fd)
{
	int saved_errno = errno;
	struct section_handle handle;
	bool is = !section_look(fd, &handle) &&
		  handle.shape.kind == SECTION_FILE;

	errno = saved_errno;
	return is;
}

/* Or what else is this engine's, beside the module. */
bool embedded_has_view(uint64_t addr)
{
	struct ntmem_held held;
	bool has;

	ntmem_lock_take(&embedded.lock, &held);
	has = reservation_at(addr);
	ntmem_lock_give(&embedded.lock, &held);
	return has;
}

/* ------------------------------------------------------------------ flush --- */

/* A range of a file, by a descriptor of its own. */
struct file_range {
	int fd;
	off_t start;
	off_t size;
};

static int find_range(const struct ntmem_range *range,
		      struct file_range *found)
{
	struct reservation *res = reservation_at(range->addr);
	uint64_t start = page_down(range->addr), end;

	if (!res || !res->segment)
		return -ENOENT;
	end = range->size ? range->addr + range->size : res_end(res);
	if (end < range->addr || end > res_end(res))
		return -ENOENT;
	found->fd = -1;
	if (res->segment->shape.kind != SECTION_FILE)
		return 0;
	found->fd = fcntl(segment_fd(res->segment), F_DUPFD_CLOEXEC, 0);
	found->start = (off_t)(res->offset + start - res_base(res));
	found->size = (off_t)(end - start);
	return found->fd < 0 ? -EBADF : 0;
}

/* It begins to write, and does not wait for the end. */
int embedded_flush_view(const struct ntmem_range *range)
{
	struct file_range found = { .fd = -1 };
	struct ntmem_held held;
	int saved_errno = errno, error;

	ntmem_lock_take(&embedded.lock, &held);
	error = find_range(range, &found);
	ntmem_lock_give(&embedded.lock, &held);
	if (error || found.fd < 0)
		return error;
	/* What has no blocks to write to says that it does not know the call. */
	if (sync_file_range(found.fd, found.start, found.size,
			    SYNC_FILE_RANGE_WRITE) &&
	    (errno == EIO || errno == ENOSPC))
		error = -EIO;
	close(found.fd);
	errno = saved_errno;
	return error;
}
