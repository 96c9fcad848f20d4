// SPDX-License-Identifier: MIT
/*
 * DiscardVirtualMemory and PrefetchVirtualMemory: what a program lets the
 * system know about its pages.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "virtual/process.h"

/* 0, or the error code why pages from addr to end cannot be discarded. */
static DWORD check_discard(const struct ntmem_engine *engine, uint64_t addr,
			   uint64_t end)
{
	struct ntmem_query query = { 0 };
	uint64_t base = 0;
	int error;

	for (query.addr = addr; query.addr < end;
	     query.addr = query.base + query.size) {
		error = engine->query(&query);
		if (error)
			return ntmem_win32_of(ntmem_status_of(error));
		if (query.state != NTMEM_STATE_COMMIT ||
		    (base && query.alloc_base != base))
			return ERROR_INVALID_ADDRESS;
		if ((query.prot & ~PROT_CACHE) != NTMEM_PAGE_READWRITE)
			return ERROR_INVALID_PARAMETER;
		base = query.alloc_base;
	}
	return ERROR_SUCCESS;
}

DWORD WINAPI DiscardVirtualMemory(PVOID VirtualAddress, SIZE_T Size)
{
	const struct ntmem_engine *engine = ntmem_engine();
	struct ntmem_range range = {
		.addr = (uintptr_t)VirtualAddress, .size = Size,
	};
	DWORD code;

	if (!engine)
		return ERROR_NOT_SUPPORTED;
	if (range.addr % VIRTUAL_PAGE || range.size % VIRTUAL_PAGE ||
	    !virtual_in_user_space(range.addr, range.size))
		return ERROR_INVALID_PARAMETER;
	code = check_discard(engine, range.addr, range.addr + range.size);
	if (code)
		return code;
	return ntmem_win32_of(ntmem_status_of(engine->reset(&range)));
}

/*
 * Only a hint, so that its failure does not matter; and one that reads in what
 * was swapped out, but does not make untouched pages resident.
 */
static void prefetch(const struct process *process,
		     const WIN32_MEMORY_RANGE_ENTRY *entry)
{
	uint64_t addr = (uintptr_t)entry->VirtualAddress;
	uint64_t start = virtual_page(addr);
	int saved_errno = errno;
	struct iovec range;

	if (!virtual_in_user_space(addr, entry->NumberOfBytes))
		return;
	range.iov_base = (void *)(uintptr_t)start;
	range.iov_len = addr + entry->NumberOfBytes - start;
	if (process->own)
		madvise(range.iov_base, range.iov_len, MADV_WILLNEED);
	else
		process_madvise(process->pidfd, &range, 1, MADV_WILLNEED, 0);
	errno = saved_errno;
}

BOOL WINAPI PrefetchVirtualMemory(HANDLE hProcess, ULONG_PTR NumberOfEntries,
				  PWIN32_MEMORY_RANGE_ENTRY VirtualAddresses,
				  ULONG Flags)
{
	struct process process;
	ULONG_PTR i;

	if (Flags || !NumberOfEntries)
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	if (!VirtualAddresses)
		return ntmem_refuse(ERROR_NOACCESS);
	for (i = 0; i < NumberOfEntries; i++)
		if (!VirtualAddresses[i].NumberOfBytes)
			return ntmem_refuse(ERROR_INVALID_PARAMETER);
	if (!process_look(hProcess, 0, &process))
		return FALSE;
	for (i = 0; i < NumberOfEntries; i++)
		prefetch(&process, &VirtualAddresses[i]);
	return TRUE;
}
