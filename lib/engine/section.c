// SPDX-License-Identifier: MIT
/*
 * The files that sections are, without names. See section.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "engine/filelimit.h"
#include "engine/page.h"
#include "engine/prot.h"
#include "engine/section.h"

#define SIZE_END	0x7fffffff0000ULL
#define BITS		8
#define MAGIC		0x6e6f69746365736eULL	/* "nsection" */
#define SEALS		(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Linux 6.3, and headers as old. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	0x0008U
#endif

/* The last page of a section's file. */
struct section_header {
	uint64_t magic;
	struct section_shape shape;
	uint32_t name_len;
	char name[NTMEM_NAME_MAX];
	struct section_source source;
};

/* ------------------------------------------------------------- protection --- */

#define MAY_READ	1
#define MAY_WRITE	2
#define MAY_EXECUTE	4

/* What a protection lets its holder do, or asks for; WRITECOPY is to read. */
static unsigned int rights(uint32_t prot)
{
	switch (prot & PROT_BASE) {
	case NTMEM_PAGE_READONLY:
	case NTMEM_PAGE_WRITECOPY:
		return MAY_READ;
	case NTMEM_PAGE_READWRITE:
		return MAY_READ | MAY_WRITE;
	case NTMEM_PAGE_EXECUTE:
	case NTMEM_PAGE_EXECUTE_READ:
	case NTMEM_PAGE_EXECUTE_WRITECOPY:
		return MAY_READ | MAY_EXECUTE;
	case NTMEM_PAGE_EXECUTE_READWRITE:
		return MAY_READ | MAY_WRITE | MAY_EXECUTE;
	default:
		return 0;
	}
}

bool section_allows(uint32_t max, uint32_t prot)
{
	return !(rights(prot) & ~rights(max));
}

bool section_prot_valid(uint32_t prot)
{
	switch (prot) {
	case NTMEM_PAGE_READONLY:
	case NTMEM_PAGE_READWRITE:
	case NTMEM_PAGE_WRITECOPY:
	case NTMEM_PAGE_EXECUTE_READ:
	case NTMEM_PAGE_EXECUTE_READWRITE:
	case NTMEM_PAGE_EXECUTE_WRITECOPY:
		return true;
	default:
		return false;
	}
}

bool section_writes(uint32_t prot)
{
	return rights(prot) & MAY_WRITE;
}

/* ----------------------------------------------------------------- layout --- */

static uint64_t page_up(uint64_t bytes)
{
	return (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

uint64_t section_bits_start(const struct section_shape *shape)
{
	return shape->kind == SECTION_PAGES ? shape->size : 0;
}

uint64_t section_bits_size(const struct section_shape *shape)
{
	if (!(shape->flags & NTMEM_SECTION_RESERVE))
		return 0;
	return page_up((shape->size / PAGE_BYTES + BITS - 1) / BITS);
}

static uint64_t file_size(const struct section_shape *shape)
{
	return section_bits_start(shape) + section_bits_size(shape) +
	       PAGE_BYTES;
}

static bool shape_valid(const struct section_shape *shape)
{
	if (!shape->size || shape->size > SIZE_END ||
	    !section_prot_valid(shape->prot))
		return false;
	if (shape->kind == SECTION_FILE && section_is_large(shape))
		return shape->flags == SECTION_LARGE_PAGES &&
		       !(shape->size % LARGE_PAGE_BYTES);
	if (shape->kind == SECTION_FILE)
		return !shape->flags;
	return shape->kind == SECTION_PAGES && !(shape->size % PAGE_BYTES) &&
	       !(shape->flags & ~NTMEM_SECTION_RESERVE);
}

/* --------------------------------------------------------------- handles --- */

/*
 * Is it a file that nobody can cut short under our mapping? The first question is
 * one that no file system of a stranger's gets to answer.
 */
static bool is_safe(int fd, struct stat *now, bool *named)
{
	int seals = fcntl(fd, F_GET_SEALS);
	int flags = fcntl(fd, F_GETFL);
	struct statfs system;

	if (seals < 0 || flags < 0 || (flags & O_ACCMODE) == O_WRONLY)
		return false;
	if (fstat(fd, now) || !S_ISREG(now->st_mode))
		return false;
	/* Huge pages are another file system. */
	if (fstatfs(fd, &system) || system.f_type != TMPFS_MAGIC)
		return false;
	*named = (seals & SEALS) != SEALS;
	return !*named || (now->st_uid == geteuid() &&
			   !(now->st_mode & (0077)));
}

/*
 * Of a description whose position somebody has moved, it is what the section has.
 * What may be written Linux sees to.
 */
static uint32_t handle_prot(int fd, const struct section_handle *handle)
{
	uint32_t max = handle->shape.prot;
	off_t position = lseek(fd, 0, SEEK_CUR);

	if (position > 0 && section_prot_valid((uint32_t)position) &&
	    section_allows(max, (uint32_t)position))
		max = (uint32_t)position;
	if (handle->writable || handle->shape.kind != SECTION_PAGES)
		return max;
	if (max == NTMEM_PAGE_READWRITE)
		return NTMEM_PAGE_READONLY;
	return max == NTMEM_PAGE_EXECUTE_READWRITE ? NTMEM_PAGE_EXECUTE_READ :
						     max;
}

static int read_header(int fd, uint64_t size, struct section_header *header)
{
	ssize_t got;

	if (size < PAGE_BYTES || size % PAGE_BYTES)
		return -EBADF;
	got = pread(fd, header, sizeof(*header), (off_t)(size - PAGE_BYTES));
	if (got != sizeof(*header) || header->magic != MAGIC ||
	    !shape_valid(&header->shape) || file_size(&header->shape) != size ||
	    header->name_len > NTMEM_NAME_MAX)
		return -EBADF;
	return 0;
}

int section_look(int fd, struct section_handle *handle)
{
	struct section_header header;
	struct stat now;

	memset(handle, 0, sizeof(*handle));
	if (!is_safe(fd, &now, &handle->named) ||
	    read_header(fd, now.st_size, &header))
		return -EBADF;
	handle->shape = header.shape;
	handle->writable = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR;
	handle->prot = handle_prot(fd, handle);
	handle->dev = now.st_dev;
	handle->ino = now.st_ino;
	return 0;
}

/* The length; 0 without one. */
uint32_t section_read_name(int fd, char text[NTMEM_NAME_MAX])
{
	struct section_header header;
	struct stat now;

	if (fstat(fd, &now) || read_header(fd, now.st_size, &header))
		return 0;
	memcpy(text, header.name, header.name_len);
	return header.name_len;
}

bool section_has_name(int fd, const struct section_name *name)
{
	char text[NTMEM_NAME_MAX];

	return section_read_name(fd, text) == name->len &&
	       !memcmp(text, name->text, name->len);
}

int section_read_source(int fd, struct section_source *source)
{
	struct section_header header;
	struct stat now;

	if (fstat(fd, &now) || read_header(fd, now.st_size, &header))
		return -EBADF;
	*source = header.source;
	return 0;
}

/* The handle itself may be one to read. */
void section_tell_source(int fd, const struct section_source *source)
{
	int again = section_reopen(fd, true);
	struct stat now;

	if (again < 0)
		return;
	if (!fstat(again, &now))
		pwrite(again, source, sizeof(*source),
		       (off_t)(now.st_size - PAGE_BYTES +
			       offsetof(struct section_header, source)));
	close(again);
}

void section_put_number(char *to, unsigned int number)
{
	char digits[10], *digit = digits;

	do {
		*digit++ = "0123456789"[number % 10];
		number /= 10;
	} while (number);
	while (digit > digits)
		*to++ = *--digit;
	*to = '\0';
}

int section_reopen(int fd, bool writable)
{
	char path[sizeof("/proc/self/fd/") + 10] = "/proc/self/fd/";
	int again;

	section_put_number(path + strlen(path), (unsigned int)fd);
	again = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	/* Without /proc there is no way. */
	return again >= 0 ? again : errno == ENOENT ? -EOPNOTSUPP : -errno;
}

/* The lock that says that the name has a handle, and the position. */
static int make_handle(int fd, uint32_t prot)
{
	if (!flock(fd, LOCK_SH | LOCK_NB) && lseek(fd, prot, SEEK_SET) >= 0)
		return fd;
	close(fd);
	return -ENOMEM;
}

/*
 * Who is not its owner may not open it for writing, and has to share the
 * description, which says the same.
 */
int section_again(int fd, const struct section_handle *of, uint32_t prot)
{
	int again = section_reopen(fd, section_writes(prot));

	if (again >= 0)
		return make_handle(again, prot);
	if (again != -EACCES || prot != of->prot)
		return again;
	again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return again < 0 ? -errno : again;
}

/* ---------------------------------------------------------------- making --- */

int section_fill(int fd, const struct section_shape *shape,
		 const struct section_name *name)
{
	struct section_header header;
	uint64_t size = file_size(shape);

	/* Nothing of our stack is for others. */
	memset(&header, 0, sizeof(header));
	header.magic = MAGIC;
	header.shape = *shape;
	if (name->len) {
		header.name_len = name->len;
		memcpy(header.name, name->text, name->len);
	}
	if (!ntmem_file_fits(size) || ftruncate(fd, (off_t)size) ||
	    pwrite(fd, &header, sizeof(header), (off_t)(size - PAGE_BYTES)) !=
	    sizeof(header))
		return -ENOMEM;
	return 0;
}

int section_memfd(const char *name, unsigned int flags)
{
	int fd = memfd_create(name, flags | MFD_CLOEXEC | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, flags | MFD_CLOEXEC |
				  MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

/*
 * Others may open it for reading only, who have a descriptor. Where nobody may
 * write, no descriptor that can is left.
 */
int section_make(const struct section_shape *shape)
{
	const struct section_name none = { 0 };
	int fd = section_memfd("ntmem section", 0), error, again;

	if (fd < 0)
		return fd;
	error = section_fill(fd, shape, &none);
	if (!error && (fchmod(fd, 0644) || fcntl(fd, F_ADD_SEALS, SEALS)))
		error = -errno;
	if (!error && section_writes(shape->prot))
		return make_handle(fd, shape->prot);
	again = error ? error : section_reopen(fd, false);
	close(fd);
	return again < 0 ? again : make_handle(again, shape->prot);
}
