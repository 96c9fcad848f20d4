/* SPDX-License-Identifier: MIT */
/*
 * What "ntmem heap" has found of a process, and the ways to show it.
 */
#ifndef NTMEM_TOOL_HEAP_H
#define NTMEM_TOOL_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "heap/inventory.h"

#define HEAP_PAGE	4096

/* How full a page is. */
enum heap_page {
	PAGE_FULL,		/* all of it is in blocks in use */
	PAGE_PARTLY,
	PAGE_UNUSED,		/* it has memory, and no block in use */
	PAGE_GONE,		/* its memory was given back */
	PAGE_KINDS,
};

extern const char *const heap_page_names[PAGE_KINDS];

/**
 * struct heap_sum - of some areas
 * @reserved: bytes of addresses, like the next three
 * @committed: of these, of pages that are not gone
 * @resident: of these, are there
 * @used: in blocks in use: those up to 32 KiB count with the size of their class
 * @blocks: in use, with the large ones
 * @free: blocks that are free, or that there is room for
 * @runs: blocks of whole slices
 * @huge: blocks with a reservation each
 * @guarded: blocks with a guard page each
 * @slices: that are areas
 * @damaged: of these, whose lists of free blocks are broken
 */
struct heap_sum {
	uint64_t reserved;
	uint64_t committed;
	uint64_t resident;
	uint64_t used;
	uint64_t blocks;
	uint64_t free;
	uint64_t runs;
	uint64_t huge;
	uint64_t guarded;
	uint64_t slices;
	uint64_t damaged;
	uint64_t pages[PAGE_KINDS];
};

/**
 * struct heap - a heap
 * @areas: in no order
 * @sum: of all of them; of a fixed size, what is reserved is all of that
 */
struct heap {
	const struct inventory_heap *head;
	const struct inventory_area *areas;
	size_t count;
	struct heap_sum sum;
};

/**
 * struct heap_report - a process
 * @heaps: malloc's last, and only if it is of this library
 * @resident: is it known what is resident?
 * @locked: heaps of which nothing is known
 * @total: of the others
 */
struct heap_report {
	uint32_t pid;
	const union inventory_record *records;
	size_t bytes;
	const struct inventory_head *head;
	const struct inventory_end *end;
	struct heap *heaps;
	size_t count;
	bool resident;
	size_t locked;
	struct heap_sum total;
};

/* Returns TOOL_OK, or another status after saying why. */
int heap_read(struct heap_report *report, uint32_t pid);
void heap_forget(struct heap_report *report);

/* Parts of 1 of what is committed that are in no block; 0 of nothing. */
double heap_fragmentation(const struct heap_sum *sum);

void heap_sum_add(struct heap_sum *sum, const struct inventory_area *area);

/*
 * Sums by the size of blocks, by 16: [0] is of slices with blocks of any size. Large
 * blocks are in none.
 */
#define HEAP_CLASSES	(32768 / 16 + 1)
void heap_classes(const struct heap *heap,
		  struct heap_sum classes[HEAP_CLASSES]);

/* Bytes from its beginning that may have memory, in the area's own order. */
uint64_t heap_area_memory(const struct inventory_area *area);

/* "malloc", "process", or its handle. Returns buf. */
const char *heap_name(const struct heap *heap, char *buf);
/* "fixed executable" and the like. Returns buf. */
const char *heap_flags(const struct heap *heap, char *buf);

void heap_print(const struct heap_report *report, bool classes);
void heap_print_json(const struct heap_report *report);

/* A whole SVG document, of a struct heap_report: for svg_into(). */
void heap_draw(FILE *to, const void *what);

#endif
