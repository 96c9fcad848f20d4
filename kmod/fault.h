/* SPDX-License-Identifier: GPL-2.0 */
/* What a fault in private memory and one in a view have in common. */
#ifndef NTMEM_FAULT_H
#define NTMEM_FAULT_H

#include "ntmem.h"

/* A fault that has to begin again, with a page or the lock held for writing. */
#define NTMEM_FAULT_AGAIN	((__force vm_fault_t)0)

/**
 * struct ntmem_try - one attempt at a fault
 * @vmf: what the core wants
 * @region: the locked region of the address
 * @write: it is locked for writing
 * @index: the page
 * @state: its state
 * @block: its block, once known
 * @first: first page of the block that has the same state and VMA
 * @last: last one
 * @reason: NTMEM_FAULT_*, when refused
 * @wait: no page is easily had: wait for one, without the lock
 * @page: this one then, cleared
 */
struct ntmem_try {
	struct vm_fault *vmf;
	struct ntmem_region *region;
	bool write;
	unsigned long index;
	u8 state;
	struct ntmem_block *block;
	unsigned long first;
	unsigned long last;
	u32 reason;
	bool wait;
	struct page *page;
};

static inline bool ntmem_is_write(const struct vm_fault *vmf)
{
	return vmf->flags & (FAULT_FLAG_WRITE | FAULT_FLAG_MKWRITE);
}

static inline pte_t *ntmem_pte(const struct vm_fault *vmf, unsigned long index)
{
	return pte_offset_kernel(vmf->pmd, index << PAGE_SHIFT);
}

void ntmem_clear_marker(const struct vm_fault *vmf, unsigned long index);
pte_t ntmem_upgraded(const struct ntmem_try *try, pte_t pte,
		     struct page *page, bool write, bool target);
unsigned int ntmem_take_pages(struct ntmem_try *try, struct page **pages,
			      unsigned int nr);
u32 ntmem_refusal(const struct ntmem_try *try);
vm_fault_t ntmem_refuse(struct ntmem_try *try);

/* view.c */
bool ntmem_view_attempt(struct ntmem_try *try, vm_fault_t *ret);

#endif
