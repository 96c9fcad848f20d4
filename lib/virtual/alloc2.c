// SPDX-License-Identifier: MIT
/*
 * VirtualAlloc2 and VirtualAlloc2FromApp: the extended parameters.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "virtual/alloc.h"

#define EXECUTES	(PAGE_EXECUTE | PAGE_EXECUTE_READ | \
			 PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY)
#define ATTRIBUTES	(MEM_EXTENDED_PARAMETER_GRAPHICS | \
			 MEM_EXTENDED_PARAMETER_NONPAGED | \
			 MEM_EXTENDED_PARAMETER_ZERO_PAGES_OPTIONAL | \
			 MEM_EXTENDED_PARAMETER_NONPAGED_LARGE | \
			 MEM_EXTENDED_PARAMETER_NONPAGED_HUGE | \
			 MEM_EXTENDED_PARAMETER_SOFT_FAULT_PAGES | \
			 MEM_EXTENDED_PARAMETER_EC_CODE | \
			 MEM_EXTENDED_PARAMETER_IMAGE_NO_HPAT)
/* Those that only allow the system something. */
#define ALLOWANCES	(MEM_EXTENDED_PARAMETER_ZERO_PAGES_OPTIONAL | \
			 MEM_EXTENDED_PARAMETER_SOFT_FAULT_PAGES)

/* 0, or the error code. The engine checks the values. */
static DWORD take_requirements(struct virtual_alloc *alloc,
			       const MEM_ADDRESS_REQUIREMENTS *requirements)
{
	if (!requirements)
		return ERROR_NOACCESS;
	alloc->lowest = (uintptr_t)requirements->LowestStartingAddress;
	alloc->highest = (uintptr_t)requirements->HighestEndingAddress;
	alloc->align = requirements->Alignment;
	return ERROR_SUCCESS;
}

/* Linux counts its nodes from 0, and always has that one. */
bool virtual_is_node(DWORD node)
{
	int saved_errno = errno;
	char path[64];
	bool found;

	if (!node || node == NUMA_NO_PREFERRED_NODE)
		return true;
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u", node);
	found = !access(path, F_OK);
	errno = saved_errno;
	return found;
}

static DWORD check_attributes(DWORD64 flags)
{
	if (flags & ~(DWORD64)ATTRIBUTES)
		return ERROR_INVALID_PARAMETER;
	return flags & ~(DWORD64)ALLOWANCES ? ERROR_NOT_SUPPORTED :
					      ERROR_SUCCESS;
}

static DWORD take_parameter(struct virtual_alloc *alloc,
			    const MEM_EXTENDED_PARAMETER *parameter)
{
	switch (parameter->Type) {
	case MemExtendedParameterAddressRequirements:
		return take_requirements(alloc, parameter->Pointer);
	case MemExtendedParameterNumaNode:
		return virtual_is_node(parameter->ULong) ?
		       ERROR_SUCCESS : ERROR_INVALID_PARAMETER;
	case MemExtendedParameterAttributeFlags:
		return check_attributes(parameter->ULong64);
	/* There are no partitions, no physical pages, no images here. */
	default:
		return ERROR_NOT_SUPPORTED;
	}
}

DWORD virtual_take_parameters(struct virtual_alloc *alloc,
			      const MEM_EXTENDED_PARAMETER *parameters,
			      ULONG count)
{
	DWORD code, missing = ERROR_SUCCESS;
	unsigned int seen = 0, bit;

	if (count && !parameters)
		return ERROR_INVALID_PARAMETER;
	for (; count; parameters++, count--) {
		if (parameters->Type == MemExtendedParameterInvalidType ||
		    parameters->Type >= MemExtendedParameterMax)
			return ERROR_INVALID_PARAMETER;
		bit = 1u << parameters->Type;
		if (seen & bit)
			return ERROR_INVALID_PARAMETER;
		seen |= bit;
		code = take_parameter(alloc, parameters);
		if (code == ERROR_NOT_SUPPORTED)
			missing = code;
		else if (code)
			return code;
	}
	return missing;
}

/*
 * Is the base, where there is one, as this function wants it? That it has no
 * requirements beside it, and that there is one to replace, is the engine's to
 * see.
 */
static bool base_valid(struct target *target, const struct virtual_alloc *alloc)
{
	struct ntmem_info info = { .granularity = 64 * 1024 };
	uint64_t align = VIRTUAL_PAGE;

	if (!alloc->addr || !(alloc->type & MEM_RESERVE))
		return true;
	if (!(alloc->type & MEM_REPLACE_PLACEHOLDER)) {
		target_info(target, &info);
		align = info.granularity;
	}
	return !(alloc->addr % align) && !(alloc->size % VIRTUAL_PAGE);
}

/* The checks that need no look at the process; 0, or the error code. */
static DWORD check(const struct virtual_alloc *alloc, DWORD code)
{
	bool limited = alloc->lowest || alloc->highest || alloc->align;

	if (code && code != ERROR_NOT_SUPPORTED)
		return code;
	if (!virtual_alloc_valid(alloc) ||
	    (limited && !(alloc->type & MEM_RESERVE)))
		return ERROR_INVALID_PARAMETER;
	return code;
}

static void *alloc_with(HANDLE process, struct virtual_alloc *alloc,
			const MEM_EXTENDED_PARAMETER *parameters, ULONG count)
{
	struct target target;
	void *base = NULL;
	DWORD code;

	if (!virtual_engine())
		return NULL;
	code = check(alloc,
		     virtual_take_parameters(alloc, parameters, count));
	if (code && code != ERROR_NOT_SUPPORTED) {
		SetLastError(code);
		return NULL;
	}
	if (!target_take(&target, process ? process : GetCurrentProcess(),
			 PROCESS_VM_OPERATION))
		return NULL;
	if (!base_valid(&target, alloc))
		code = ERROR_INVALID_PARAMETER;
	if (code)
		SetLastError(code);
	else
		base = virtual_alloc(&target, alloc);
	target_give(&target);
	return base;
}

PVOID WINAPI VirtualAlloc2(HANDLE Process, PVOID BaseAddress, SIZE_T Size,
			   ULONG AllocationType, ULONG PageProtection,
			   MEM_EXTENDED_PARAMETER *ExtendedParameters,
			   ULONG ParameterCount)
{
	struct virtual_alloc alloc = {
		.addr = (uintptr_t)BaseAddress, .size = Size,
		.type = AllocationType, .protect = PageProtection,
	};

	return alloc_with(Process, &alloc, ExtendedParameters, ParameterCount);
}

PVOID WINAPI VirtualAlloc2FromApp(HANDLE Process, PVOID BaseAddress,
				  SIZE_T Size, ULONG AllocationType,
				  ULONG PageProtection,
				  MEM_EXTENDED_PARAMETER *ExtendedParameters,
				  ULONG ParameterCount)
{
	struct virtual_alloc alloc = {
		.addr = (uintptr_t)BaseAddress, .size = Size,
		.type = AllocationType, .protect = PageProtection,
	};

	if (PageProtection & EXECUTES) {
		SetLastError(ERROR_INVALID_PARAMETER);
		return NULL;
	}
	return alloc_with(Process, &alloc, ExtendedParameters, ParameterCount);
}
