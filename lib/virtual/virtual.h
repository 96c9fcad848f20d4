/* SPDX-License-Identifier: MIT */
/*
 * What the files of this layer share: the way down to the engine, and the
 * arithmetic of addresses.
 */
#ifndef NTMEM_VIRTUAL_H
#define NTMEM_VIRTUAL_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/prot.h"
#include "virtual/status.h"

#define VIRTUAL_PAGE	4096ULL
/* The highest application address, as on 64-bit Windows. */
#define VIRTUAL_HIGHEST	0x7ffffffeffffULL
/* The lowest one. Nothing can be asked for below. */
#define VIRTUAL_LOWEST	0x10000ULL

static inline uint64_t virtual_page(uint64_t addr)
{
	return addr & ~(VIRTUAL_PAGE - 1);
}

/* Is [addr, addr + size) a range of user space, not empty? */
static inline bool virtual_in_user_space(uint64_t addr, uint64_t size)
{
	return size && addr <= VIRTUAL_HIGHEST &&
	       size - 1 <= VIRTUAL_HIGHEST - addr;
}

/*
 * The engine; without one (NTMEM_ENGINE asks for one that cannot work) the
 * last error is set and NULL returned.
 */
static inline const struct ntmem_engine *virtual_engine(void)
{
	const struct ntmem_engine *engine = ntmem_engine();

	if (!engine)
		ntmem_refuse(ERROR_NOT_SUPPORTED);
	return engine;
}

#endif
