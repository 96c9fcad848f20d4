/* SPDX-License-Identifier: MIT */
/*
 * What the environment asks for. NTMEM_HEAP_CHECK: what mistakes the heap looks
 * for, at a cost; words, with commas between them. NTMEM_HEAP_PURGE: when memory
 * goes back. NTMEM_HEAP_REPORT: 1 allows others to look at heaps. Uses no memory;
 * may be called before main.
 */
#ifndef HEAP_CHECK_H
#define HEAP_CHECK_H

#include <stdbool.h>

bool check_is_wanted(const char *word);
bool check_purge_is(const char *word);
bool check_report_is_allowed(void);

#endif
