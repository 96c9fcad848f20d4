// SPDX-License-Identifier: MIT
/*
 * Sections in the embedded engine: CREATE, OPEN and QUERY_SECTION, and sections
 * of files, which the kernel engine has from here, too.
 *
 * What a section is and who may do what with it stands in its file, see
 * section.h; here is what the process keeps of it. A section that is committed
 * at once is charged to the process that makes it, as long as that has a handle
 * or a view of it; one that is committed later to those that commit its pages.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "engine/embedded.h"
#include "engine/segment.h"

int embedded_take_name(uint64_t text, uint32_t len, struct section_name *name)
{
	*name = (struct section_name){
		.text = (const char *)(uintptr_t)text, .len = len,
	};
	if (!text && !len)
		return 0;
	if (!len || len > NTMEM_NAME_MAX)
		return -EINVAL;
	return text ? 0 : -EFAULT;
}

int embedded_tell_section(struct ntmem_section *section, int fd)
{
	struct section_handle handle;
	int error = section_look(fd, &handle);

	if (error)
		return error;
	section->size = handle.shape.size;
	section->prot = handle.prot;
	section->flags &= NTMEM_SECTION_EXISTED;
	section->flags |= handle.shape.flags;
	return 0;
}

/* The process has another handle of it, and is charged if that is asked. */
static int count_handle(int fd, uint64_t charge)
{
	struct section_handle handle;
	struct ntmem_held held;
	struct segment *segment;
	int error = section_look(fd, &handle);

	if (error)
		return error;
	if (handle.shape.kind == SECTION_FILE && handle.named)
		return file_section_join(fd, &handle);
	ntmem_lock_take(&embedded.lock, &held);
	if (charge && !commit_fits(charge))
		error = -ENOMEM;
	if (!error)
		error = segment_of(&handle, &segment);
	if (!error) {
		segment->handles++;
		segment_charge(segment, charge);
	}
	ntmem_lock_give(&embedded.lock, &held);
	return error;
}

/* ------------------------------------------------------------------ close --- */

static bool forget_handle(int fd, const struct section_handle *handle)
{
	struct segment *segment;
	struct ntmem_held held;
	bool last = true;

	ntmem_lock_take(&embedded.lock, &held);
	segment = segment_find(handle->dev, handle->ino);
	if (segment && segment->handles) {
		last = !--segment->handles;
		segment_put(segment);
	}
	close(fd);
	ntmem_lock_give(&embedded.lock, &held);
	return last;
}

bool embedded_close_section(int fd)
{
	struct section_handle handle;
	char text[NTMEM_NAME_MAX];
	struct section_name name = { .text = text };

	if (section_look(fd, &handle))
		return false;
	if (handle.named)
		name.len = section_read_name(fd, text);
	if (forget_handle(fd, &handle) && name.len)
		section_name_forget(&name);
	return true;
}

/* Without memory to say so, the charge goes with the handles that are known. */
void embedded_adopt_section(int fd)
{
	int saved_errno = errno;

	count_handle(fd, 0);
	errno = saved_errno;
}

/* ----------------------------------------------------------------- create --- */

static uint64_t charge_of(const struct section_shape *shape)
{
	bool later = shape->flags & NTMEM_SECTION_RESERVE;

	return shape->kind == SECTION_PAGES && !later ? shape->size : 0;
}

/* A handle with these rights, 0 for as many as the one in fd has. */
static int open_again(int fd, uint32_t prot)
{
	struct section_handle of;
	int error = section_look(fd, &of);

	if (error)
		return error;
	if (!section_allows(of.prot, prot))
		return -EACCES;
	return section_again(fd, &of, prot ? prot : of.prot);
}

int embedded_open_found(int dir, const struct section_name *name,
			uint32_t prot, bool file)
{
	int found = section_name_find(dir, name), fd = -ENOENT, error;

	if (found < 0)
		return found;
	if (!file || embedded_is_file_section(found))
		fd = open_again(found, prot);
	close(found);
	error = fd < 0 ? fd : count_handle(fd, 0);
	if (error && fd >= 0)
		close(fd);
	return error ? error : fd;
}

/* What is made, but cannot be charged, is not made. */
static int make_named(int dir, const struct section_shape *shape,
		      const struct section_name *name)
{
	int fd = section_make_named(dir, shape, name);
	int error = fd < 0 ? fd : count_handle(fd, charge_of(shape));

	if (error && fd >= 0) {
		close(fd);
		section_name_remove(dir, name);
	}
	return error ? error : fd;
}

static int create_named(const struct section_shape *shape,
			const struct section_name *name, bool *existed)
{
	int dir = section_names_begin(), fd;

	if (dir < 0)
		return dir;
	fd = embedded_open_found(dir, name, 0, false);
	*existed = fd >= 0;
	if (fd == -ENOENT)
		fd = make_named(dir, shape, name);
	section_names_end(dir);
	return fd;
}

static int create_unnamed(const struct section_shape *shape)
{
	int fd = section_make(shape);
	int error = fd < 0 ? fd : count_handle(fd, charge_of(shape));

	if (error && fd >= 0)
		close(fd);
	return error ? error : fd;
}

int embedded_create_section(struct ntmem_section *section)
{
	struct section_shape shape = {
		.size = page_up(section->size), .prot = section->prot,
		.flags = section->flags, .kind = SECTION_PAGES,
	};
	int saved_errno = errno, fd;
	struct section_name name;
	bool existed = false;

	if (section->flags & ~NTMEM_SECTION_RESERVE || section->fd ||
	    !section_prot_valid(section->prot) || !section->size ||
	    section->size - 1 >= USER_END)
		return -EINVAL;
	fd = embedded_take_name(section->name, section->name_len, &name);
	if (fd)
		return fd;
	fd = name.len ? create_named(&shape, &name, &existed) :
			create_unnamed(&shape);
	errno = saved_errno;
	if (fd < 0)
		return fd;
	if (existed)
		section->flags |= NTMEM_SECTION_EXISTED;
	embedded_tell_section(section, fd);
	section->fd = fd;
	return 0;
}

/* ------------------------------------------------------------------- open --- */

static int open_named(const struct section_name *name, uint32_t prot)
{
	int dir = section_names_begin(), fd;

	if (dir < 0)
		return dir;
	fd = embedded_open_found(dir, name, prot, false);
	section_names_end(dir);
	return fd;
}

static int open_handle(int of, uint32_t prot)
{
	int fd = open_again(of, prot);
	int error = fd < 0 ? fd : count_handle(fd, 0);

	if (error && fd >= 0)
		close(fd);
	return error ? error : fd;
}

int embedded_open_section(struct ntmem_section *section)
{
	int saved_errno = errno, fd, error;
	struct section_name name;

	if (section->flags || section->size ||
	    (section->prot && !section_prot_valid(section->prot)))
		return -EINVAL;
	error = embedded_take_name(section->name, section->name_len, &name);
	if (!error && name.len && section->fd)
		error = -EINVAL;
	if (error)
		return error;
	fd = name.len ? open_named(&name, section->prot) :
			open_handle(section->fd, section->prot);
	errno = saved_errno;
	if (fd < 0)
		return fd;
	embedded_tell_section(section, fd);
	section->fd = fd;
	return 0;
}

int embedded_query_section(struct ntmem_section *section)
{
	int saved_errno = errno, error;

	if (section->size || section->name || section->name_len ||
	    section->prot || section->flags)
		return -EINVAL;
	error = embedded_tell_section(section, section->fd);
	errno = saved_errno;
	return error;
}
