/* SPDX-License-Identifier: MIT */
/*
 * What the protection values of <linux/ntmem.h> mean.
 */
#ifndef NTMEM_PROT_H
#define NTMEM_PROT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#include <linux/ntmem.h>

#define PROT_BASE	0xffu
#define PROT_WRITES	(NTMEM_PAGE_READWRITE | NTMEM_PAGE_EXECUTE_READWRITE)
#define PROT_EXECUTES	(NTMEM_PAGE_EXECUTE | NTMEM_PAGE_EXECUTE_READ | \
			 NTMEM_PAGE_EXECUTE_READWRITE)
/* Of views: what is written to becomes their own. */
#define PROT_COPIES	(NTMEM_PAGE_WRITECOPY | NTMEM_PAGE_EXECUTE_WRITECOPY)
/* Properties of a reservation, not of a page. */
#define PROT_CACHE	(NTMEM_PAGE_NOCACHE | NTMEM_PAGE_WRITECOMBINE)

/* May private memory have this protection? */
static inline bool ntmem_prot_valid(uint32_t prot)
{
	uint32_t base = prot & PROT_BASE;
	uint32_t modifiers = prot & ~PROT_BASE;

	if (!base || (base & (base - 1)))
		return false;
	if (base & PROT_COPIES)
		return false;
	if (modifiers & ~(NTMEM_PAGE_GUARD | PROT_CACHE))
		return false;
	if (modifiers && base == NTMEM_PAGE_NOACCESS)
		return false;
	return !(modifiers & (modifiers - 1));
}

/* May a view have this protection? */
static inline bool ntmem_view_prot_valid(uint32_t prot)
{
	switch (prot & PROT_BASE) {
	case NTMEM_PAGE_WRITECOPY:
	case NTMEM_PAGE_EXECUTE_WRITECOPY:
		/* As what can be read, in all else. */
		return ntmem_prot_valid((prot & ~PROT_BASE) |
					NTMEM_PAGE_READONLY);
	default:
		return ntmem_prot_valid(prot);
	}
}

/* May a page of this protection, 0 for a reserved one, be so accessed? */
static inline bool ntmem_prot_allows(uint32_t prot, uint32_t access)
{
	if (!prot || (prot & (NTMEM_PAGE_NOACCESS | NTMEM_PAGE_GUARD)))
		return false;
	if (access == NTMEM_ACCESS_WRITE)
		return prot & (PROT_WRITES | PROT_COPIES);
	if (access == NTMEM_ACCESS_EXECUTE)
		return prot & (PROT_EXECUTES | NTMEM_PAGE_EXECUTE_WRITECOPY);
	return true;
}

/* As mmap and mprotect say it. What can be executed can be read, as on NT. */
static inline int ntmem_prot_to_linux(uint32_t prot)
{
	int linux_prot = PROT_NONE;

	if (ntmem_prot_allows(prot, NTMEM_ACCESS_READ))
		linux_prot |= PROT_READ;
	if (ntmem_prot_allows(prot, NTMEM_ACCESS_WRITE))
		linux_prot |= PROT_WRITE;
	if (ntmem_prot_allows(prot, NTMEM_ACCESS_EXECUTE))
		linux_prot |= PROT_EXEC;
	return linux_prot;
}

static inline uint32_t ntmem_prot_from_linux(int linux_prot)
{
	bool write = linux_prot & PROT_WRITE;

	if (linux_prot & PROT_EXEC) {
		if (write)
			return NTMEM_PAGE_EXECUTE_READWRITE;
		return linux_prot & PROT_READ ? NTMEM_PAGE_EXECUTE_READ :
						NTMEM_PAGE_EXECUTE;
	}
	if (write)
		return NTMEM_PAGE_READWRITE;
	return linux_prot & PROT_READ ? NTMEM_PAGE_READONLY :
					NTMEM_PAGE_NOACCESS;
}

#endif
