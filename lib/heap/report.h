/* SPDX-License-Identifier: MIT */
/*
 * The end of a process whose heap is broken: one message, then abort().
 */
#ifndef HEAP_REPORT_H
#define HEAP_REPORT_H

#include <stddef.h>

struct heap;

/* size 0: not known. Uses no memory of the heap. */
__attribute__((noreturn, cold))
void heap_report(const struct heap *heap, const void *block, size_t size,
		 const char *call, const char *what);

#endif
