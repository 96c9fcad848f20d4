/* SPDX-License-Identifier: MIT */
/*
 * What VirtualAlloc and VirtualAlloc2 share.
 */
#ifndef NTMEM_VIRTUAL_ALLOC_H
#define NTMEM_VIRTUAL_ALLOC_H

#include "virtual/target.h"

/* Types that only VirtualAlloc2 knows. */
#define VIRTUAL_PLACEHOLDERS	(MEM_RESERVE_PLACEHOLDER | \
				 MEM_REPLACE_PLACEHOLDER)

/* What a call asks for. The last three are as RESERVE has them; 0 = any. */
struct virtual_alloc {
	uint64_t addr;
	uint64_t size;
	DWORD type;
	DWORD protect;
	uint64_t lowest;
	uint64_t highest;
	uint64_t align;
};

/*
 * Takes extended parameters into @alloc: 0, or the error code. Of all mistakes,
 * the first one counts more than what we lack.
 */
DWORD virtual_take_parameters(struct virtual_alloc *alloc,
			      const MEM_EXTENDED_PARAMETER *parameters,
			      ULONG count);

/* Is it a node of this machine, or none in particular? */
bool virtual_is_node(DWORD node);

/* The checks that come before any look at the address space. */
bool virtual_alloc_valid(const struct virtual_alloc *alloc);

/* Does what is valid. NULL, with the last error set, when it fails. */
void *virtual_alloc(struct target *target, const struct virtual_alloc *alloc);

#endif
