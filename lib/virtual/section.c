// SPDX-License-Identifier: MIT
/*
 * Sections: made, named, opened.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine/highfd.h"
#include "ntmem/winbase.h"
#include "virtual/alloc.h"
#include "virtual/handle.h"
#include "virtual/section.h"

#define PAGE_BITS	0xffu
#define SEC_BITS	(SEC_FILE | SEC_IMAGE | SEC_PROTECTED_IMAGE | \
			 SEC_RESERVE | SEC_COMMIT | SEC_NOCACHE | \
			 SEC_WRITECOMBINE | SEC_LARGE_PAGES)
#define MAP_EXECUTES	(SECTION_MAP_EXECUTE | SECTION_MAP_EXECUTE_EXPLICIT)

/* ---------------------------------------------------------------- names --- */

/* UTF-16 makes three bytes of one unit at most; four of two. */
struct name {
	char text[3 * MAX_PATH + 1];
};

/* The character at *text, which moves behind it; -1 for half of one. */
static int32_t next_character(LPCWSTR *text)
{
	uint32_t unit = *(*text)++, low;

	if (unit < 0xd800 || unit > 0xdfff)
		return unit;
	low = **text;
	if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff)
		return -1;
	(*text)++;
	return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

static char *put_utf8(char *to, uint32_t character)
{
	if (character < 0x80) {
		*to++ = character;
		return to;
	}
	if (character < 0x800) {
		*to++ = 0xc0 | character >> 6;
	} else {
		if (character < 0x10000) {
			*to++ = 0xe0 | character >> 12;
		} else {
			*to++ = 0xf0 | character >> 18;
			*to++ = 0x80 | (character >> 12 & 0x3f);
		}
		*to++ = 0x80 | (character >> 6 & 0x3f);
	}
	*to++ = 0x80 | (character & 0x3f);
	return to;
}

static DWORD name_from_wide(struct name *name, LPCWSTR text)
{
	char *to = name->text;
	size_t length = 0;
	int32_t character;

	while (text[length])
		if (++length > MAX_PATH)
			return ERROR_FILENAME_EXCED_RANGE;
	while (*text) {
		character = next_character(&text);
		if (character < 0)
			return ERROR_NO_UNICODE_TRANSLATION;
		to = put_utf8(to, character);
	}
	*to = '\0';
	return ERROR_SUCCESS;
}

static DWORD name_from_bytes(struct name *name, LPCSTR text)
{
	size_t length = strnlen(text, sizeof(name->text));

	if (length > MAX_PATH)
		return ERROR_FILENAME_EXCED_RANGE;
	memcpy(name->text, text, length + 1);
	return ERROR_SUCCESS;
}

/*
 * Takes away the name space that is everybody's anyway. All names are a
 * user's own; there are no others to put them in.
 */
static DWORD name_check(struct name *name)
{
	static const char local[] = "Local\\", global[] = "Global\\";
	const char *rest = name->text;

	if (!strncmp(rest, local, sizeof(local) - 1)) {
		rest += sizeof(local) - 1;
		memmove(name->text, rest, strlen(rest) + 1);
		rest = name->text;
	} else if (!strncmp(rest, global, sizeof(global) - 1)) {
		rest += sizeof(global) - 1;
	}
	return strchr(rest, '\\') ? ERROR_PATH_NOT_FOUND : ERROR_SUCCESS;
}

/* --------------------------------------------------------------- rights --- */

DWORD section_access_of(DWORD protect)
{
	DWORD access = SECTION_ALL_ACCESS & ~(DWORD)(SECTION_MAP_WRITE |
						     SECTION_MAP_EXECUTE);

	if (protect & PROT_WRITES)
		access |= SECTION_MAP_WRITE;
	if (protect & (PROT_EXECUTES | PAGE_EXECUTE_WRITECOPY))
		access |= SECTION_MAP_EXECUTE | SECTION_MAP_EXECUTE_EXPLICIT;
	return access;
}

/*
 * The most that views through such a handle can have: less than all, where the
 * handle is to be given away. 0 is all that the section has.
 */
static DWORD protect_of(DWORD access)
{
	bool write = access & SECTION_MAP_WRITE;
	bool execute = access & MAP_EXECUTES;

	if (write && execute)
		return 0;
	if (write)
		return PAGE_READWRITE;
	return execute ? PAGE_EXECUTE_READ : PAGE_READONLY;
}

static HANDLE opened(int made, DWORD access, bool inherit)
{
	int fd = ntmem_highfd(made);
	HANDLE handle = handle_make(HANDLE_SECTION, fd, access);

	if (!handle)
		virtual_engine()->close_section(fd);
	else if (inherit)
		handle_inherit(fd, true);
	return handle;
}

static DWORD open_error(int error)
{
	switch (error) {
	case -ENOENT:
		return ERROR_FILE_NOT_FOUND;
	case -EEXIST:
		return ERROR_INVALID_HANDLE;
	case -EACCES:
		return ERROR_ACCESS_DENIED;
	case -EMFILE:
	case -ENFILE:
		return ERROR_TOO_MANY_OPEN_FILES;
	case -ETIMEDOUT:
		return ERROR_TIMEOUT;
	case -EFBIG:
		return ERROR_DISK_FULL;
	case -ENOBUFS:
		return ERROR_NO_SYSTEM_RESOURCES;
	default:
		return ntmem_win32_of(ntmem_status_of(error));
	}
}

HANDLE section_handle(const char *name, int fd, DWORD access, bool inherit)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct ntmem_section section = {
		.name = (uintptr_t)name, .name_len = name ? strlen(name) : 0,
		.prot = protect_of(access), .fd = name ? 0 : fd,
	};
	int error;

	if (!engine)
		return NULL;
	error = engine->open_section(&section);
	/* Of a section that has less, a handle may have rights to more. */
	if (error == -EACCES) {
		section.prot = PAGE_READONLY;
		error = engine->open_section(&section);
	}
	if (error) {
		SetLastError(open_error(error));
		return NULL;
	}
	return opened(section.fd, access, inherit);
}

/* --------------------------------------------------------------- create --- */

static bool protect_valid(DWORD protect)
{
	switch (protect) {
	case PAGE_READONLY:
	case PAGE_READWRITE:
	case PAGE_WRITECOPY:
	case PAGE_EXECUTE_READ:
	case PAGE_EXECUTE_READWRITE:
	case PAGE_EXECUTE_WRITECOPY:
		return true;
	default:
		return false;
	}
}

/* Of a section without a file: 0, or the error code. */
static DWORD check_kind(DWORD kind, uint64_t size)
{
	if (kind & (SEC_IMAGE | SEC_PROTECTED_IMAGE))
		return kind & (SEC_RESERVE | SEC_COMMIT) ?
		       ERROR_INVALID_PARAMETER : ERROR_BAD_EXE_FORMAT;
	switch (kind) {
	case 0:
	case SEC_RESERVE:
	case SEC_COMMIT:
	case SEC_COMMIT | SEC_NOCACHE:
	case SEC_COMMIT | SEC_WRITECOMBINE:
		break;
	case SEC_COMMIT | SEC_LARGE_PAGES:
		if (size % LARGE_PAGE_BYTES)
			return ERROR_INVALID_PARAMETER;
		break;
	default:
		return ERROR_INVALID_PARAMETER;
	}
	if (!size)
		return ERROR_INVALID_PARAMETER;
	if (size <= VIRTUAL_HIGHEST)
		return ERROR_SUCCESS;
	return kind & SEC_RESERVE ? ERROR_NOT_ENOUGH_MEMORY :
				    ERROR_COMMITMENT_LIMIT;
}

/* What CreateFileMapping and its kin are asked for. */
struct request {
	HANDLE file;
	const SECURITY_ATTRIBUTES *attributes;
	DWORD protect;
	DWORD kind;
	uint64_t size;
	DWORD access;
};

static DWORD check_request(const struct request *request)
{
	if (!protect_valid(request->protect) || request->kind & ~SEC_BITS)
		return ERROR_INVALID_PARAMETER;
	if (request->attributes && request->attributes->lpSecurityDescriptor)
		return ERROR_NOT_SUPPORTED;
	if (!request->file)
		return ERROR_INVALID_HANDLE;
	if (request->file != INVALID_HANDLE_VALUE)
		return section_file_kind(request->kind);
	return check_kind(request->kind, request->size);
}

/* The handle of what was made; its descriptor has no more rights than it. */
static HANDLE made(int fd, const struct request *request)
{
	bool inherit = request->attributes &&
		       request->attributes->bInheritHandle;
	DWORD maps = SECTION_MAP_READ | SECTION_MAP_WRITE | MAP_EXECUTES;
	HANDLE handle;

	if (!(section_access_of(request->protect) & maps & ~request->access))
		return opened(fd, request->access, inherit);
	handle = section_handle(NULL, fd, request->access, inherit);
	virtual_engine()->close_section(fd);
	return handle;
}

static HANDLE create(const struct request *request, const char *name)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct ntmem_section section = {
		.size = request->size, .name = (uintptr_t)name,
		.name_len = name ? strlen(name) : 0, .prot = request->protect,
		.flags = request->kind & SEC_RESERVE ? NTMEM_SECTION_RESERVE :
						       0,
	};
	HANDLE handle;
	int error;

	if (!engine)
		return NULL;
	error = engine->create_section(&section);
	if (error) {
		SetLastError(open_error(error));
		return NULL;
	}
	handle = made(section.fd, request);
	if (handle)
		SetLastError(section.flags & NTMEM_SECTION_EXISTED ?
			     ERROR_ALREADY_EXISTS : ERROR_SUCCESS);
	return handle;
}

static HANDLE create_on_file(const struct request *request,
			     struct ntmem_file_section *section)
{
	int error = virtual_engine()->create_file_section(section);
	HANDLE handle;

	if (error) {
		SetLastError(open_error(error));
		return NULL;
	}
	handle = made(section->fd, request);
	if (handle)
		SetLastError(section->flags & NTMEM_SECTION_EXISTED ?
			     ERROR_ALREADY_EXISTS : ERROR_SUCCESS);
	return handle;
}

static HANDLE create_of_file(const struct request *request, const char *name)
{
	struct ntmem_file_section section = {
		.size = request->size, .name = (uintptr_t)name,
		.name_len = name ? strlen(name) : 0, .prot = request->protect,
	};
	DWORD code;

	if (!virtual_engine())
		return NULL;
	code = section_file_look(request->file, &section);
	if (!code)
		return create_on_file(request, &section);
	SetLastError(code);
	return NULL;
}

static HANDLE create_large(const struct request *request, const char *name)
{
	struct ntmem_file_section section = {
		.size = request->size, .name = (uintptr_t)name,
		.name_len = name ? strlen(name) : 0, .prot = request->protect,
		.flags = SECTION_LARGE_PAGES,
	};
	HANDLE handle;
	DWORD code;

	if (!virtual_engine())
		return NULL;
	code = section_large_file(section.size, &section.file);
	if (code) {
		SetLastError(code);
		return NULL;
	}
	handle = create_on_file(request, &section);
	close(section.file);
	return handle;
}

/* An empty name is none. */
static HANDLE create_named(const struct request *request, struct name *name,
			   DWORD code)
{
	int saved_errno = errno;
	const char *text = NULL;
	HANDLE handle;

	if (!code)
		code = check_request(request);
	if (!code && name)
		code = name_check(name);
	if (code) {
		SetLastError(code);
		return NULL;
	}
	if (name && *name->text)
		text = name->text;
	if (request->file != INVALID_HANDLE_VALUE)
		handle = create_of_file(request, text);
	else if (request->kind & SEC_LARGE_PAGES)
		handle = create_large(request, text);
	else
		handle = create(request, text);
	errno = saved_errno;
	return handle;
}

static struct request request_of(HANDLE file, LPSECURITY_ATTRIBUTES attributes,
				 DWORD protect, DWORD high, DWORD low)
{
	return (struct request){
		.file = file, .attributes = attributes,
		.protect = protect & PAGE_BITS, .kind = protect & ~PAGE_BITS,
		.size = (uint64_t)high << 32 | low,
		.access = SECTION_ALL_ACCESS | SECTION_MAP_EXECUTE_EXPLICIT,
	};
}

HANDLE WINAPI CreateFileMappingW(HANDLE hFile,
				 LPSECURITY_ATTRIBUTES lpFileMappingAttributes,
				 DWORD flProtect, DWORD dwMaximumSizeHigh,
				 DWORD dwMaximumSizeLow, LPCWSTR lpName)
{
	struct request request = request_of(hFile, lpFileMappingAttributes,
					    flProtect, dwMaximumSizeHigh,
					    dwMaximumSizeLow);
	struct name name;

	return create_named(&request, lpName ? &name : NULL,
			    lpName ? name_from_wide(&name, lpName) : 0);
}

HANDLE WINAPI CreateFileMappingA(HANDLE hFile,
				 LPSECURITY_ATTRIBUTES lpFileMappingAttributes,
				 DWORD flProtect, DWORD dwMaximumSizeHigh,
				 DWORD dwMaximumSizeLow, LPCSTR lpName)
{
	struct request request = request_of(hFile, lpFileMappingAttributes,
					    flProtect, dwMaximumSizeHigh,
					    dwMaximumSizeLow);
	struct name name;

	return create_named(&request, lpName ? &name : NULL,
			    lpName ? name_from_bytes(&name, lpName) : 0);
}

HANDLE WINAPI CreateFileMapping2(HANDLE File,
				 SECURITY_ATTRIBUTES *SecurityAttributes,
				 ULONG DesiredAccess, ULONG PageProtection,
				 ULONG AllocationAttributes,
				 ULONG64 MaximumSize, PCWSTR Name,
				 MEM_EXTENDED_PARAMETER *ExtendedParameters,
				 ULONG ParameterCount)
{
	struct request request = {
		.file = File, .attributes = SecurityAttributes,
		.protect = PageProtection, .kind = AllocationAttributes,
		.size = MaximumSize, .access = DesiredAccess,
	};
	struct virtual_alloc none = { 0 };
	struct name name;
	DWORD code = virtual_take_parameters(&none, ExtendedParameters,
					     ParameterCount);

	/* A section has no address. */
	if (none.lowest || none.highest || none.align)
		code = ERROR_INVALID_PARAMETER;
	if (!code && Name)
		code = name_from_wide(&name, Name);
	return create_named(&request, Name ? &name : NULL, code);
}

/* ----------------------------------------------------------------- open --- */

static HANDLE open_named(DWORD access, BOOL inherit, struct name *name,
			 DWORD code)
{
	if (!code)
		code = name_check(name);
	if (!code && !*name->text)
		code = ERROR_INVALID_PARAMETER;
	if (code) {
		SetLastError(code);
		return NULL;
	}
	return section_handle(name->text, 0, access, inherit);
}

HANDLE WINAPI OpenFileMappingW(DWORD dwDesiredAccess, BOOL bInheritHandle,
			       LPCWSTR lpName)
{
	struct name name;
	DWORD code = lpName ? name_from_wide(&name, lpName) :
			      ERROR_INVALID_PARAMETER;

	return open_named(dwDesiredAccess, bInheritHandle, &name, code);
}

HANDLE WINAPI OpenFileMappingA(DWORD dwDesiredAccess, BOOL bInheritHandle,
			       LPCSTR lpName)
{
	struct name name;
	DWORD code = lpName ? name_from_bytes(&name, lpName) :
			      ERROR_INVALID_PARAMETER;

	return open_named(dwDesiredAccess, bInheritHandle, &name, code);
}
