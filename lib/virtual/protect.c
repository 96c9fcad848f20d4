// SPDX-License-Identifier: MIT
/*
 * VirtualProtect, VirtualQuery, VirtualLock and VirtualUnlock, also of other
 * processes: what looks at pages that are there, or changes how they may be used.
 */
#include <errno.h>

#include "ntmem/ntmem.h"
#include "virtual/target.h"

static bool protect_valid(DWORD protect, const DWORD *old)
{
	/* What only views can have the engine refuses elsewhere. */
	if (!ntmem_view_prot_valid(protect))
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	return old ? true : ntmem_refuse(ERROR_NOACCESS);
}

static BOOL virtual_protect(struct target *target,
			    struct ntmem_protect *protect, DWORD *old)
{
	if (!ntmem_result(target_protect(target, protect)))
		return FALSE;
	*old = protect->old_prot;
	return TRUE;
}

BOOL WINAPI VirtualProtect(LPVOID lpAddress, SIZE_T dwSize, DWORD flNewProtect,
			   PDWORD lpflOldProtect)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct ntmem_protect protect = {
		.addr = (uintptr_t)lpAddress, .size = dwSize,
		.prot = flNewProtect,
	};
	struct target own = target_own(engine);

	if (!engine || !protect_valid(flNewProtect, lpflOldProtect))
		return FALSE;
	return virtual_protect(&own, &protect, lpflOldProtect);
}

BOOL WINAPI VirtualProtectEx(HANDLE hProcess, LPVOID lpAddress, SIZE_T dwSize,
			     DWORD flNewProtect, PDWORD lpflOldProtect)
{
	struct ntmem_protect protect = {
		.addr = (uintptr_t)lpAddress, .size = dwSize,
		.prot = flNewProtect,
	};
	struct target target;
	BOOL done;

	if (!protect_valid(flNewProtect, lpflOldProtect) ||
	    !target_take(&target, hProcess, PROCESS_VM_OPERATION))
		return FALSE;
	done = virtual_protect(&target, &protect, lpflOldProtect);
	target_give(&target);
	return done;
}

/* Windows knows no foreign memory: it is committed, by somebody. */
static DWORD state_of(const struct ntmem_query *query)
{
	return query->state == NTMEM_STATE_FOREIGN ? MEM_COMMIT : query->state;
}

static bool query_valid(const void *addr, const void *buffer, SIZE_T length)
{
	if ((uintptr_t)addr > VIRTUAL_HIGHEST)
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	if (length < sizeof(MEMORY_BASIC_INFORMATION))
		return ntmem_refuse(ERROR_BAD_LENGTH);
	return buffer ? true : ntmem_refuse(ERROR_NOACCESS);
}

static SIZE_T virtual_query(struct target *target, const void *addr,
			    MEMORY_BASIC_INFORMATION *info)
{
	struct ntmem_query query = { .addr = (uintptr_t)addr };

	if (!ntmem_result(target_query(target, &query)))
		return 0;
	*info = (MEMORY_BASIC_INFORMATION){
		.BaseAddress = (void *)(uintptr_t)query.base,
		.AllocationBase = (void *)(uintptr_t)query.alloc_base,
		.AllocationProtect = query.alloc_prot,
		.RegionSize = query.size,
		.State = state_of(&query),
		.Protect = query.prot,
		.Type = query.type,
	};
	return sizeof(*info);
}

SIZE_T WINAPI VirtualQuery(LPCVOID lpAddress,
			   PMEMORY_BASIC_INFORMATION lpBuffer, SIZE_T dwLength)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct target own = target_own(engine);

	if (!engine || !query_valid(lpAddress, lpBuffer, dwLength))
		return 0;
	return virtual_query(&own, lpAddress, lpBuffer);
}

SIZE_T WINAPI VirtualQueryEx(HANDLE hProcess, LPCVOID lpAddress,
			     PMEMORY_BASIC_INFORMATION lpBuffer,
			     SIZE_T dwLength)
{
	struct target target;
	SIZE_T filled;

	if (!query_valid(lpAddress, lpBuffer, dwLength) ||
	    !target_take(&target, hProcess, PROCESS_QUERY_INFORMATION))
		return 0;
	filled = virtual_query(&target, lpAddress, lpBuffer);
	target_give(&target);
	return filled;
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

BOOL ntmem_virtual_lock_ex(HANDLE process, LPVOID addr, SIZE_T size)
{
	struct ntmem_range range = { .addr = (uintptr_t)addr, .size = size };
	struct target target;
	BOOL done;

	if (!target_take(&target, process, PROCESS_VM_OPERATION))
		return FALSE;
	done = lock_result(target_lock(&target, &range), -EACCES);
	target_give(&target);
	return done;
}

BOOL ntmem_virtual_unlock_ex(HANDLE process, LPVOID addr, SIZE_T size)
{
	struct ntmem_range range = { .addr = (uintptr_t)addr, .size = size };
	struct target target;
	BOOL done;

	if (!target_take(&target, process, PROCESS_VM_OPERATION))
		return FALSE;
	done = lock_result(target_unlock(&target, &range), -ENOLCK);
	target_give(&target);
	return done;
}
