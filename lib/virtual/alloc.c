// SPDX-License-Identifier: MIT
/*
 * VirtualAlloc and VirtualFree, also in other processes, and what VirtualAlloc2
 * has of them.
 */
#include <errno.h>

#include "virtual/alloc.h"

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

/* Those of VirtualAlloc2. */
static bool placeholder_valid(const struct virtual_alloc *alloc)
{
	if (!(alloc->type & MEM_RESERVE_PLACEHOLDER))
		return alloc->type & MEM_RESERVE;
	return (alloc->type & ~MEM_TOP_DOWN) ==
	       (MEM_RESERVE | MEM_RESERVE_PLACEHOLDER) &&
	       alloc->protect == PAGE_NOACCESS;
}

static bool types_valid(DWORD type)
{
	if (type & ~(ALLOC_TYPES | VIRTUAL_PLACEHOLDERS))
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

/* COMMIT may be in a view; the engine refuses elsewhere what only they have. */
static bool prot_valid(const struct virtual_alloc *alloc)
{
	if (alloc->type == MEM_COMMIT && alloc->addr)
		return ntmem_view_prot_valid(alloc->protect);
	return ntmem_prot_valid(alloc->protect);
}

bool virtual_alloc_valid(const struct virtual_alloc *alloc)
{
	if (!types_valid(alloc->type) || !prot_valid(alloc))
		return false;
	if ((alloc->type & VIRTUAL_PLACEHOLDERS) && !placeholder_valid(alloc))
		return false;
	if ((alloc->type & MEM_PHYSICAL) && alloc->protect != PAGE_READWRITE)
		return false;
	if (alloc->addr && alloc->addr < VIRTUAL_LOWEST)
		return false;
	return virtual_in_user_space(alloc->addr, alloc->size);
}

static uint32_t reserve_flags(DWORD type, bool placed)
{
	static const struct {
		DWORD type;
		uint32_t flag;
	} flags[] = {
		{ MEM_COMMIT, NTMEM_RESERVE_COMMIT },
		{ MEM_WRITE_WATCH, NTMEM_RESERVE_WATCH },
		{ MEM_RESERVE_PLACEHOLDER, NTMEM_RESERVE_PLACEHOLDER },
		{ MEM_REPLACE_PLACEHOLDER, NTMEM_RESERVE_REPLACE },
	};
	uint32_t value = 0;
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (type & flags[i].type)
			value |= flags[i].flag;
	if ((type & MEM_TOP_DOWN) && !placed)
		value |= NTMEM_RESERVE_TOP_DOWN;
	return value;
}

static void *reserve(struct target *target, const struct virtual_alloc *alloc)
{
	struct ntmem_reserve request = {
		.addr = alloc->addr, .size = alloc->size,
		.prot = alloc->protect,
		.flags = reserve_flags(alloc->type, alloc->addr),
		.min_addr = alloc->lowest, .max_addr = alloc->highest,
		.align = alloc->align,
	};

	if (!ntmem_result(target_reserve(target, &request)))
		return NULL;
	return (void *)(uintptr_t)request.addr;
}

static void *change_range(struct target *target,
			  const struct virtual_alloc *alloc)
{
	struct ntmem_range range = { .addr = alloc->addr, .size = alloc->size };
	int error;

	if (alloc->type & MEM_COMMIT) {
		range.prot = alloc->protect;
		error = target_commit(target, &range);
	} else if (alloc->type & MEM_RESET) {
		error = target_reset(target, &range);
	} else {
		error = target_reset_undo(target, &range);
	}
	return ntmem_result(error) ?
	       (void *)(uintptr_t)virtual_page(alloc->addr) : NULL;
}

void *virtual_alloc(struct target *target, const struct virtual_alloc *alloc)
{
	if (alloc->type & MISSING_TYPES) {
		SetLastError(ERROR_NOT_SUPPORTED);
		return NULL;
	}
	if ((alloc->type & MEM_RESERVE) ||
	    ((alloc->type & MEM_COMMIT) && !alloc->addr))
		return reserve(target, alloc);
	return change_range(target, alloc);
}

/* What VirtualAlloc has, and not VirtualAlloc2 alone. */
static bool plain_valid(const struct virtual_alloc *alloc)
{
	if (!(alloc->type & VIRTUAL_PLACEHOLDERS) && virtual_alloc_valid(alloc))
		return true;
	return ntmem_refuse(ERROR_INVALID_PARAMETER);
}

LPVOID WINAPI VirtualAlloc(LPVOID lpAddress, SIZE_T dwSize,
			   DWORD flAllocationType, DWORD flProtect)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct virtual_alloc alloc = {
		.addr = (uintptr_t)lpAddress, .size = dwSize,
		.type = flAllocationType, .protect = flProtect,
	};
	struct target own = target_own(engine);

	return engine && plain_valid(&alloc) ? virtual_alloc(&own, &alloc) :
					       NULL;
}

LPVOID WINAPI VirtualAllocEx(HANDLE hProcess, LPVOID lpAddress, SIZE_T dwSize,
			     DWORD flAllocationType, DWORD flProtect)
{
	struct virtual_alloc alloc = {
		.addr = (uintptr_t)lpAddress, .size = dwSize,
		.type = flAllocationType, .protect = flProtect,
	};
	struct target target;
	void *base;

	if (!plain_valid(&alloc) ||
	    !target_take(&target, hProcess, PROCESS_VM_OPERATION))
		return NULL;
	base = virtual_alloc(&target, &alloc);
	target_give(&target);
	return base;
}

LPVOID WINAPI VirtualAllocExNuma(HANDLE hProcess, LPVOID lpAddress,
				 SIZE_T dwSize, DWORD flAllocationType,
				 DWORD flProtect, DWORD nndPreferred)
{
	if (!virtual_is_node(nndPreferred)) {
		SetLastError(ERROR_INVALID_PARAMETER);
		return NULL;
	}
	return VirtualAllocEx(hProcess, lpAddress, dwSize, flAllocationType,
			      flProtect);
}

/* ------------------------------------------------------------------------ */

/* Is it a type that there is, and one that takes such a size? */
static bool free_valid(DWORD type, SIZE_T size)
{
	switch (type) {
	case MEM_RELEASE:
		return !size;
	case MEM_DECOMMIT:
	case MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER:
	case MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS:
		return true;
	default:
		return false;
	}
}

/* Views, among which is the program itself, are not freed but unmapped. */
static bool is_view(struct target *target, uint64_t addr)
{
	struct ntmem_query query = { .addr = addr };

	return !target_query(target, &query) &&
	       query.state == NTMEM_STATE_FOREIGN && query.type != MEM_PRIVATE;
}

static BOOL virtual_free(struct target *target, struct ntmem_range *range,
			 DWORD type)
{
	int error;

	if (type & MEM_PRESERVE_PLACEHOLDER)
		range->flags = NTMEM_RELEASE_PRESERVE;
	else if (type & MEM_COALESCE_PLACEHOLDERS)
		range->flags = NTMEM_RELEASE_COALESCE;
	if (type == MEM_DECOMMIT)
		error = target_decommit(target, range);
	else
		error = target_release(target, range);
	if (error == -ENOENT && is_view(target, range->addr))
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	return ntmem_result(error);
}

BOOL WINAPI VirtualFree(LPVOID lpAddress, SIZE_T dwSize, DWORD dwFreeType)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct ntmem_range range = {
		.addr = (uintptr_t)lpAddress, .size = dwSize,
	};
	struct target own = target_own(engine);

	if (!engine)
		return FALSE;
	if (!free_valid(dwFreeType, dwSize))
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	return virtual_free(&own, &range, dwFreeType);
}

BOOL WINAPI VirtualFreeEx(HANDLE hProcess, LPVOID lpAddress, SIZE_T dwSize,
			  DWORD dwFreeType)
{
	struct ntmem_range range = {
		.addr = (uintptr_t)lpAddress, .size = dwSize,
	};
	struct target target;
	BOOL done;

	if (!free_valid(dwFreeType, dwSize))
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	if (!target_take(&target, hProcess, PROCESS_VM_OPERATION))
		return FALSE;
	done = virtual_free(&target, &range, dwFreeType);
	target_give(&target);
	return done;
}
