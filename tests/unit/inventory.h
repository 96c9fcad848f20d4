/* SPDX-License-Identifier: MIT */
/*
 * Reading inventories of heaps, and holding them against what they promise.
 */
#ifndef UNIT_INVENTORY_H
#define UNIT_INVENTORY_H

#include "heap/inventory.h"
#include "unit.h"

struct inventory {
	const union inventory_record *records;
	size_t count;
};

/* Sums over the areas of a heap. */
struct stock {
	const struct inventory_heap *head;	/* NULL: it is not there */
	unsigned int areas;
	unsigned int blocks;
	unsigned int kinds[INVENTORY_AREAS];	/* areas of each */
	size_t used;
	size_t committed;
};

/* Takes over the descriptor. Everything in it is looked at. */
struct inventory inventory_open(int file);
void inventory_close(struct inventory *inventory);

struct stock inventory_of(const struct inventory *inventory, HANDLE heap);
/* The area that an address lies in; without one the test has failed. */
const struct inventory_area *inventory_at(const struct inventory *inventory,
					  const void *addr);
unsigned int inventory_heaps(const struct inventory *inventory);

#endif
