// SPDX-License-Identifier: MIT
/*
 * VirtualProtect, VirtualQuery, VirtualLock and VirtualUnlock: what looks at
 * pages that are there, or changes how they may be used.
 */
#include <errno.h>

#include "virtual/virtual.h"

BOOL WINAPI VirtualProtect(LPVOID lpAddress, SIZE_T dwSize, DWORD flNewProtect,
			   PDWORD lpflOldProtect)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct ntmem_protect protect = {
		.addr = (uintptr_t)lpAddress, .size = dwSize,
		.prot = flNewProtect,
	};

	if (!engine)
		return FALSE;
	/* What only views can have the engine refuses elsewhere. */
	if (!ntmem_view_prot_valid(flNewProtect))
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	if (!lpflOldProtect)
		return ntmem_refuse(ERROR_NOACCESS);
	if (!ntmem_result(engine->protect(&protect)))
		return FALSE;
	*lpflOldProtect = protect.old_prot;
	return TRUE;
}

/* Windows knows no foreign memory: it is committed, by somebody. */
static DWORD state_of(const struct ntmem_query *query)
{
	return query->state == NTMEM_STATE_FOREIGN ? MEM_COMMIT : query->state;
}

SIZE_T WINAPI VirtualQuery(LPCVOID lpAddress,
			   PMEMORY_BASIC_INFORMATION lpBuffer, SIZE_T dwLength)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct ntmem_query query = { .addr = (uintptr_t)lpAddress };

	if (!engine)
		return 0;
	if (query.addr > VIRTUAL_HIGHEST)
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	if (dwLength < sizeof(*lpBuffer))
		return ntmem_refuse(ERROR_BAD_LENGTH);
	if (!lpBuffer)
		return ntmem_refuse(ERROR_NOACCESS);
	if (!ntmem_result(engine->query(&query)))
		return 0;
	*lpBuffer = (MEMORY_BASIC_INFORMATION){
		.BaseAddress = (void *)(uintptr_t)query.base,
		.AllocationBase = (void *)(uintptr_t)query.alloc_base,
		.AllocationProtect = query.alloc_prot,
		.RegionSize = query.size,
		.State = state_of(&query),
		.Protect = query.prot,
		.Type = query.type,
	};
	return sizeof(*lpBuffer);
}

/*
 * NT touches the pages to lock, so that those not committed are an access
 * violation; and what was never committed is not locked either.
 */
static BOOL lock_result(int error, int not_committed)
{
	if (error == -ENODATA || error == -ENOENT)
		error = not_committed;
	return ntmem_result(error);
}

BOOL WINAPI VirtualLock(LPVOID lpAddress, SIZE_T dwSize)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct ntmem_range range = {
		.addr = (uintptr_t)lpAddress, .size = dwSize,
	};

	return engine ? lock_result(engine->lock(&range), -EACCES) : FALSE;
}

BOOL WINAPI VirtualUnlock(LPVOID lpAddress, SIZE_T dwSize)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct ntmem_range range = {
		.addr = (uintptr_t)lpAddress, .size = dwSize,
	};

	return engine ? lock_result(engine->unlock(&range), -ENOLCK) : FALSE;
}
