/* SPDX-License-Identifier: MIT */
/*
 * NTMEM_HEAP_CHECK in the environment: what mistakes the heap looks for, at a
 * cost. Words, with commas between them.
 */
#ifndef HEAP_CHECK_H
#define HEAP_CHECK_H

#include <stdbool.h>

/* Is the word there? Uses no memory; may be called before main. */
bool check_is_wanted(const char *word);

#endif
