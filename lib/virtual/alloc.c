// SPDX-License-Identifier: MIT
/*
 * VirtualAlloc and VirtualFree.
 */
#include <errno.h>

#include "virtual/virtual.h"

#define ALLOC_TYPES	(MEM_COMMIT | MEM_RESERVE | MEM_RESET | \
			 MEM_RESET_UNDO | MEM_TOP_DOWN | MEM_WRITE_WATCH | \
			 MEM_PHYSICAL | MEM_LARGE_PAGES)
/* Known to NT, and checked as it does, but not had by this version. */
#define MISSING_TYPES	(MEM_PHYSICAL | MEM_LARGE_PAGES)

static bool physical_valid(DWORD type)
{
	return (type & MEM_RESERVE) &&
	       !(type & ~(MEM_RESERVE | MEM_PHYSICAL | MEM_TOP_DOWN));
}

static bool types_valid(DWORD type)
{
	if (type & ~ALLOC_TYPES)
		return false;
	if (type & (MEM_RESET | MEM_RESET_UNDO))
		return type == MEM_RESET || type == MEM_RESET_UNDO;
	if (!(type & (MEM_COMMIT | MEM_RESERVE)))
		return false;
	if ((type & MEM_WRITE_WATCH) && !(type & MEM_RESERVE))
		return false;
	if ((type & MEM_PHYSICAL) && !physical_valid(type))
		return false;
	if (type & MEM_LARGE_PAGES)
		return (type & MEM_COMMIT) && !(type & MEM_WRITE_WATCH);
	return true;
}

/* The checks that come before any look at the address space. */
static bool alloc_valid(uint64_t addr, SIZE_T size, DWORD type, DWORD protect)
{
	if (!types_valid(type) || !ntmem_prot_valid(protect))
		return false;
	if ((type & MEM_PHYSICAL) && protect != PAGE_READWRITE)
		return false;
	if (addr && addr < VIRTUAL_LOWEST)
		return false;
	return virtual_in_user_space(addr, size);
}

static void *reserve(const struct ntmem_engine *engine, uint64_t addr,
		     SIZE_T size, DWORD type, DWORD protect)
{
	struct ntmem_reserve request = {
		.addr = addr, .size = size, .prot = protect,
	};

	if (type & MEM_COMMIT)
		request.flags |= NTMEM_RESERVE_COMMIT;
	if ((type & MEM_TOP_DOWN) && !addr)
		request.flags |= NTMEM_RESERVE_TOP_DOWN;
	if (type & MEM_WRITE_WATCH)
		request.flags |= NTMEM_RESERVE_WATCH;
	if (!ntmem_result(engine->reserve(&request)))
		return NULL;
	return (void *)(uintptr_t)request.addr;
}

static void *change_range(const struct ntmem_engine *engine, uint64_t addr,
			  SIZE_T size, DWORD type, DWORD protect)
{
	struct ntmem_range range = { .addr = addr, .size = size };
	int error;

	if (type & MEM_COMMIT) {
		range.prot = protect;
		error = engine->commit(&range);
	} else if (type & MEM_RESET) {
		error = engine->reset(&range);
	} else {
		error = engine->reset_undo(&range);
	}
	return ntmem_result(error) ? (void *)(uintptr_t)virtual_page(addr) :
				     NULL;
}

LPVOID WINAPI VirtualAlloc(LPVOID lpAddress, SIZE_T dwSize,
			   DWORD flAllocationType, DWORD flProtect)
{
	const struct ntmem_engine *engine = virtual_engine();
	uint64_t addr = (uintptr_t)lpAddress;

	if (!engine)
		return NULL;
	if (!alloc_valid(addr, dwSize, flAllocationType, flProtect)) {
		SetLastError(ERROR_INVALID_PARAMETER);
		return NULL;
	}
	if (flAllocationType & MISSING_TYPES) {
		SetLastError(ERROR_NOT_SUPPORTED);
		return NULL;
	}
	if ((flAllocationType & MEM_RESERVE) ||
	    ((flAllocationType & MEM_COMMIT) && !addr))
		return reserve(engine, addr, dwSize, flAllocationType,
			       flProtect);
	return change_range(engine, addr, dwSize, flAllocationType, flProtect);
}

/* ------------------------------------------------------------------------ */

#define PLACEHOLDER_TYPES	(MEM_COALESCE_PLACEHOLDERS | \
				 MEM_PRESERVE_PLACEHOLDER)

/* 0, or the error code for a bad combination of type and size. */
static DWORD check_free(DWORD type, SIZE_T size)
{
	DWORD placeholder = type & PLACEHOLDER_TYPES;

	type &= ~PLACEHOLDER_TYPES;
	if (placeholder) {
		if (type != MEM_RELEASE || !size ||
		    placeholder == PLACEHOLDER_TYPES)
			return ERROR_INVALID_PARAMETER;
		return ERROR_NOT_SUPPORTED;
	}
	if (type != MEM_RELEASE && type != MEM_DECOMMIT)
		return ERROR_INVALID_PARAMETER;
	if (type == MEM_RELEASE && size)
		return ERROR_INVALID_PARAMETER;
	return ERROR_SUCCESS;
}

/* Views, among which is the program itself, are not freed but unmapped. */
static bool is_view(const struct ntmem_engine *engine, uint64_t addr)
{
	struct ntmem_query query = { .addr = addr };

	return !engine->query(&query) && query.state == NTMEM_STATE_FOREIGN &&
	       query.type != MEM_PRIVATE;
}

BOOL WINAPI VirtualFree(LPVOID lpAddress, SIZE_T dwSize, DWORD dwFreeType)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct ntmem_range range = {
		.addr = (uintptr_t)lpAddress, .size = dwSize,
	};
	DWORD code = check_free(dwFreeType, dwSize);
	int error;

	if (!engine)
		return FALSE;
	if (code)
		return ntmem_refuse(code);
	if (dwFreeType == MEM_RELEASE)
		error = engine->release(&range);
	else
		error = engine->decommit(&range);
	if (error == -ENOENT && is_view(engine, range.addr))
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	return ntmem_result(error);
}
