/* SPDX-License-Identifier: MIT */
/*
 * Slots: address space for guarded blocks (guarded.h). A slot is some pages,
 * with a page behind them, and one before, that nobody can ever touch. At
 * first nobody can touch its pages either: they are opened as a block needs
 * them, and closed when it is freed.
 *
 * The mappings are plain ones of Linux's. The caller sees to it that calls
 * do not meet, but for slot_is_known().
 */
#ifndef HEAP_SLOT_H
#define HEAP_SLOT_H

#include <stdbool.h>
#include <stddef.h>

/* Slots of up to so many pages are never given back, but used again. */
#define SLOT_PAGES	64

/* Address space for so many pages, none of them open; NULL without. */
char *slot_make(size_t pages);

/* Of more than SLOT_PAGES pages. */
void slot_unmake(char *base, size_t pages);

/* Whole pages of a slot. False without memory, or with too many mappings. */
bool slot_open(char *start, size_t size, bool executable);

/* False when they stay open, and keep their content. */
bool slot_close(char *start, size_t size);

/* Does p lie in a slot of up to SLOT_PAGES pages? */
bool slot_is_known(const void *p);

/* How many slots may be open: each costs two mappings, and those are few. */
size_t slot_limit(void);

#endif
