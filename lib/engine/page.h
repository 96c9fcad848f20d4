/* SPDX-License-Identifier: MIT */
/*
 * The size of a page. The heap has one of its own, of the type that it counts in.
 */
#ifndef NTMEM_PAGE_H
#define NTMEM_PAGE_H

#define PAGE_BYTES	4096ULL

#endif
