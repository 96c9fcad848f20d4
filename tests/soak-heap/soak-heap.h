/* SPDX-License-Identifier: MIT */
#ifndef SOAK_HEAP_H
#define SOAK_HEAP_H

#include <stdbool.h>

/* One round of so many seconds; says on stdout what was wrong. */
bool soak_round(unsigned int seconds, unsigned int seed);

#endif
