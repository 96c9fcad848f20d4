// SPDX-License-Identifier: MIT
/*
 * Files as sections see them: handles for them, what may be made of one, and how
 * large it has to be.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/filelimit.h"
#include "engine/section.h"
#include "ntmem/ntmem.h"
#include "virtual/handle.h"
#include "virtual/section.h"

/* Linux knows no right to execute what is open: where it may be mapped so. */
static DWORD rights_of(int fd, int flags)
{
	struct statvfs system;

	switch (flags & O_ACCMODE) {
	case O_WRONLY:
		return FILE_WRITE_DATA;
	case O_RDWR:
	case O_RDONLY:
		break;
	default:
		return 0;
	}
	return FILE_READ_DATA |
	       ((flags & O_ACCMODE) == O_RDWR ? FILE_WRITE_DATA : 0) |
	       (fstatvfs(fd, &system) || system.f_flag & ST_NOEXEC ?
		0 : FILE_EXECUTE);
}

HANDLE ntmem_file_handle_from_fd(int fd)
{
	int saved_errno = errno;
	int flags = fcntl(fd, F_GETFL);
	HANDLE handle = NULL;

	if (flags < 0 || flags & O_PATH)
		SetLastError(ERROR_INVALID_HANDLE);
	else
		handle = handle_make(HANDLE_FILE, fd, rights_of(fd, flags));
	errno = saved_errno;
	return handle;
}

/* That it is to be committed, or later, makes no difference here. */
DWORD section_file_kind(DWORD kind)
{
	switch (kind) {
	case 0:
	case SEC_COMMIT:
	case SEC_RESERVE:
	case SEC_COMMIT | SEC_NOCACHE:
	case SEC_COMMIT | SEC_WRITECOMBINE:
	case SEC_IMAGE:
	case SEC_IMAGE | SEC_NOCACHE:
		break;
	default:
		return ERROR_INVALID_PARAMETER;
	}
	/* No program for Windows is loaded. */
	return kind & SEC_IMAGE ? ERROR_BAD_EXE_FORMAT : ERROR_SUCCESS;
}

static DWORD rights_for(DWORD protect)
{
	DWORD access = FILE_READ_DATA;

	if (protect & PROT_WRITES)
		access |= FILE_WRITE_DATA;
	if (protect & (PROT_EXECUTES | PAGE_EXECUTE_WRITECOPY))
		access |= FILE_EXECUTE;
	return access;
}

DWORD section_file_look(HANDLE file, struct ntmem_file_section *section)
{
	struct stat now;
	DWORD access;

	if (!handle_look(HANDLE_FILE, file, &section->file, &access))
		return ERROR_INVALID_HANDLE;
	if (rights_for(section->prot) & ~access)
		return ERROR_ACCESS_DENIED;
	if (fstat(section->file, &now))
		return ERROR_INVALID_HANDLE;
	if (!S_ISREG(now.st_mode))
		return ERROR_BAD_EXE_FORMAT;
	if (!section->size)
		section->size = (uint64_t)now.st_size;
	if (!section->size)
		return ERROR_FILE_INVALID;
	if (section->size > VIRTUAL_HIGHEST)
		return ERROR_NOT_ENOUGH_MEMORY;
	return section->size > (uint64_t)now.st_size &&
	       !(section->prot & PROT_WRITES) ? ERROR_NOT_ENOUGH_MEMORY :
						ERROR_SUCCESS;
}

/* ------------------------------------------------------------------------
 * Large pages are those that the machine has set aside for hugetlbfs: who can
 * have one needs no privilege, and commits nothing else.
 */
DWORD section_large_file(uint64_t size, int *file)
{
	int saved_errno = errno;
	int fd = section_memfd("ntmem large pages", MFD_HUGETLB | MFD_HUGE_2MB);
	DWORD code = ERROR_SUCCESS;

	if (fd < 0) {
		code = fd == -EMFILE || fd == -ENFILE ?
		       ERROR_TOO_MANY_OPEN_FILES : ERROR_NOT_SUPPORTED;
	} else if (!ntmem_file_fits(size) || ftruncate(fd, (off_t)size) ||
		   fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)) {
		close(fd);
		code = ERROR_NO_SYSTEM_RESOURCES;
	}
	*file = fd;
	errno = saved_errno;
	return code;
}
