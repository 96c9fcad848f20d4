// SPDX-License-Identifier: MIT
/*
 * Views of sections: mapped, unmapped, flushed.
 */
#include <errno.h>

#include "virtual/alloc.h"
#include "virtual/handle.h"

#define VIEW_TYPES	(MEM_REPLACE_PLACEHOLDER | MEM_RESERVE | \
			 MEM_TOP_DOWN | MEM_LARGE_PAGES)

/* What a view is asked to be. */
struct view {
	HANDLE section;
	DWORD protect;
	DWORD type;
	uint64_t offset;
	uint64_t addr;
	uint64_t size;
	uint64_t lowest;
	uint64_t highest;
};

/* The rights that a handle must have for a view of this protection. */
static DWORD rights_for(DWORD protect)
{
	switch (protect & PROT_BASE) {
	case PAGE_READWRITE:
		return SECTION_MAP_WRITE;
	case PAGE_EXECUTE_READWRITE:
		return SECTION_MAP_WRITE | SECTION_MAP_EXECUTE;
	case PAGE_EXECUTE:
	case PAGE_EXECUTE_READ:
	case PAGE_EXECUTE_WRITECOPY:
		return SECTION_MAP_READ | SECTION_MAP_EXECUTE;
	default:
		return SECTION_MAP_READ;
	}
}

/* FILE_MAP_EXECUTE is a right of another name. */
static bool has_rights(DWORD access, DWORD wanted)
{
	if (access & SECTION_MAP_EXECUTE_EXPLICIT)
		access |= SECTION_MAP_EXECUTE;
	return !(wanted & ~access);
}

static DWORD map_error(int error)
{
	switch (error) {
	case -EACCES:
		/* The handle would allow it: it is the section that does not. */
		return ERROR_INVALID_PARAMETER;
	case -ERANGE:
		return ERROR_ACCESS_DENIED;
	default:
		return ntmem_win32_of(ntmem_status_of(error));
	}
}

/* Offset and address, which have the granularity, but in a placeholder. */
static bool is_aligned(struct target *target, const struct view *view)
{
	struct ntmem_info info = { .granularity = 64 * 1024 };
	uint64_t align = VIRTUAL_PAGE;

	if (!(view->type & MEM_REPLACE_PLACEHOLDER)) {
		target_info(target, &info);
		align = info.granularity;
	}
	return !(view->offset % align) && !(view->addr % align);
}

static DWORD check_view(struct target *target, const struct view *view, int *fd)
{
	DWORD access;

	if (!handle_look(HANDLE_SECTION, view->section, fd, &access))
		return ERROR_INVALID_HANDLE;
	if (!ntmem_view_prot_valid(view->protect))
		return ERROR_INVALID_PARAMETER;
	if (!is_aligned(target, view))
		return ERROR_MAPPED_ALIGNMENT;
	if (view->addr && (view->addr < VIRTUAL_LOWEST ||
			   !virtual_in_user_space(view->addr,
						  view->size | 1)))
		return ERROR_INVALID_PARAMETER;
	return has_rights(access, rights_for(view->protect)) ?
	       ERROR_SUCCESS : ERROR_ACCESS_DENIED;
}

static bool is_large(int fd)
{
	struct ntmem_section section = { .fd = fd };

	return !virtual_engine()->query_section(&section) &&
	       section.flags & SECTION_LARGE_PAGES;
}

/* That of a section of large pages says nothing against smaller ones. */
static DWORD check_large(const struct view *view, int fd)
{
	if (!(view->type & MEM_LARGE_PAGES))
		return ERROR_SUCCESS;
	return is_large(fd) ? ERROR_SUCCESS : ERROR_INVALID_PARAMETER;
}

static DWORD large_error(const struct view *view, int fd, DWORD code)
{
	return code == ERROR_INVALID_PARAMETER && is_large(fd) &&
	       (view->offset | view->addr) % LARGE_PAGE_BYTES ?
	       ERROR_MAPPED_ALIGNMENT : code;
}

static void *map_in(struct target *target, const struct view *view)
{
	struct ntmem_map_view request = {
		.prot = view->protect, .offset = view->offset,
		.addr = view->addr, .size = view->size,
		.min_addr = view->lowest, .max_addr = view->highest,
	};
	DWORD code = check_view(target, view, &request.fd);
	int error;

	if (view->type & MEM_REPLACE_PLACEHOLDER)
		request.flags = NTMEM_RESERVE_REPLACE;
	else if (view->type & MEM_TOP_DOWN && !view->addr)
		request.flags = NTMEM_RESERVE_TOP_DOWN;
	if (!code)
		code = check_large(view, request.fd);
	if (!code) {
		error = target_map_view(target, &request);
		if (error)
			code = large_error(view, request.fd, map_error(error));
	}
	if (code) {
		SetLastError(code);
		return NULL;
	}
	return (void *)(uintptr_t)request.addr;
}

static void *map(HANDLE process, const struct view *view)
{
	struct target target;
	void *base;

	if (!target_take(&target, process, PROCESS_VM_OPERATION))
		return NULL;
	base = map_in(&target, view);
	target_give(&target);
	return base;
}

/* The protection of a view by the rights that it is asked for with. */
static DWORD protect_of(DWORD access)
{
	bool execute = access & FILE_MAP_EXECUTE;

	if (access & FILE_MAP_WRITE)
		return execute ? PAGE_EXECUTE_READWRITE : PAGE_READWRITE;
	if (access & FILE_MAP_READ)
		return execute ? PAGE_EXECUTE_READ : PAGE_READONLY;
	if (access & FILE_MAP_COPY)
		return execute ? PAGE_EXECUTE_WRITECOPY : PAGE_WRITECOPY;
	return PAGE_NOACCESS;
}

LPVOID WINAPI MapViewOfFileEx(HANDLE hFileMappingObject, DWORD dwDesiredAccess,
			      DWORD dwFileOffsetHigh, DWORD dwFileOffsetLow,
			      SIZE_T dwNumberOfBytesToMap,
			      LPVOID lpBaseAddress)
{
	const struct view view = {
		.section = hFileMappingObject,
		.protect = protect_of(dwDesiredAccess),
		.type = dwDesiredAccess & FILE_MAP_LARGE_PAGES ?
			MEM_LARGE_PAGES : 0,
		.offset = (uint64_t)dwFileOffsetHigh << 32 | dwFileOffsetLow,
		.addr = (uintptr_t)lpBaseAddress, .size = dwNumberOfBytesToMap,
	};

	return map(GetCurrentProcess(), &view);
}

LPVOID WINAPI MapViewOfFile(HANDLE hFileMappingObject, DWORD dwDesiredAccess,
			    DWORD dwFileOffsetHigh, DWORD dwFileOffsetLow,
			    SIZE_T dwNumberOfBytesToMap)
{
	return MapViewOfFileEx(hFileMappingObject, dwDesiredAccess,
			       dwFileOffsetHigh, dwFileOffsetLow,
			       dwNumberOfBytesToMap, NULL);
}

static DWORD check_types(DWORD type, const struct virtual_alloc *limits)
{
	/* There is nothing to reserve around what lives in the page file. */
	if (type & ~(DWORD)VIEW_TYPES || type & MEM_RESERVE || limits->align)
		return ERROR_INVALID_PARAMETER;
	if (type & MEM_REPLACE_PLACEHOLDER && !limits->addr)
		return ERROR_INVALID_PARAMETER;
	if (limits->addr && (limits->lowest || limits->highest))
		return ERROR_INVALID_PARAMETER;
	return ERROR_SUCCESS;
}

PVOID WINAPI MapViewOfFile3(HANDLE FileMapping, HANDLE Process,
			    PVOID BaseAddress, ULONG64 Offset, SIZE_T ViewSize,
			    ULONG AllocationType, ULONG PageProtection,
			    MEM_EXTENDED_PARAMETER *ExtendedParameters,
			    ULONG ParameterCount)
{
	struct virtual_alloc limits = { .addr = (uintptr_t)BaseAddress };
	struct view view = {
		.section = FileMapping, .protect = PageProtection,
		.type = AllocationType, .offset = Offset,
		.addr = (uintptr_t)BaseAddress, .size = ViewSize,
	};
	DWORD code = virtual_take_parameters(&limits, ExtendedParameters,
					     ParameterCount);

	if (!code)
		code = check_types(AllocationType, &limits);
	if (code) {
		SetLastError(code);
		return NULL;
	}
	view.lowest = limits.lowest;
	view.highest = limits.highest;
	return map(Process ? Process : GetCurrentProcess(), &view);
}

PVOID WINAPI MapViewOfFileNuma2(HANDLE FileMappingHandle, HANDLE ProcessHandle,
				ULONG64 Offset, PVOID BaseAddress,
				SIZE_T ViewSize, ULONG AllocationType,
				ULONG PageProtection, ULONG PreferredNode)
{
	if (!virtual_is_node(PreferredNode)) {
		SetLastError(ERROR_INVALID_PARAMETER);
		return NULL;
	}
	return MapViewOfFile3(FileMappingHandle, ProcessHandle, BaseAddress,
			      Offset, ViewSize, AllocationType, PageProtection,
			      NULL, 0);
}

/* ------------------------------------------------------------------------ */

#define UNMAP_FLAGS	(MEM_UNMAP_WITH_TRANSIENT_BOOST | \
			 MEM_PRESERVE_PLACEHOLDER)

static BOOL unmap(HANDLE process, const void *addr, ULONG flags)
{
	struct ntmem_unmap_view request = { .addr = (uintptr_t)addr };
	struct target target;
	BOOL done;

	if (!target_take(&target, process, PROCESS_VM_OPERATION))
		return FALSE;
	if (flags & MEM_PRESERVE_PLACEHOLDER)
		request.flags = NTMEM_RELEASE_PRESERVE;
	done = flags & ~(ULONG)UNMAP_FLAGS ?
	       ntmem_refuse(ERROR_INVALID_PARAMETER) :
	       ntmem_result(target_unmap_view(&target, &request));
	target_give(&target);
	return done;
}

BOOL WINAPI UnmapViewOfFileEx(PVOID BaseAddress, ULONG UnmapFlags)
{
	return unmap(GetCurrentProcess(), BaseAddress, UnmapFlags);
}

BOOL WINAPI UnmapViewOfFile(LPCVOID lpBaseAddress)
{
	return unmap(GetCurrentProcess(), lpBaseAddress, 0);
}

BOOL WINAPI UnmapViewOfFile2(HANDLE Process, PVOID BaseAddress,
			     ULONG UnmapFlags)
{
	return unmap(Process, BaseAddress, UnmapFlags);
}

BOOL WINAPI FlushViewOfFile(LPCVOID lpBaseAddress, SIZE_T dwNumberOfBytesToFlush)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct ntmem_range range = {
		.addr = (uintptr_t)lpBaseAddress,
		.size = dwNumberOfBytesToFlush,
	};

	if (!engine)
		return FALSE;
	if (range.addr > VIRTUAL_HIGHEST)
		return ntmem_refuse(ERROR_INVALID_ADDRESS);
	return ntmem_result(engine->flush_view(&range));
}
