/* SPDX-License-Identifier: MIT */
/*
 * Touching memory that may refuse it, and the patterns that pages are filled
 * with.
 */
#ifndef DIFFERENTIAL_ACCESS_H
#define DIFFERENTIAL_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "types.h"

/*
 * Installs the handler that turns faults into results, once. Called before an
 * engine is opened, so that an engine's own handler stands in front of it.
 */
void access_init(void);

/* One access (NTMEM_ACCESS_*) to one byte: 0, or the signal it raised. */
int access_touch(u64 addr, uint32_t kind, uint8_t value);

/* The address that came with the last signal. */
u64 access_fault_addr(void);

/* What a page filled from @stamp holds as its byte at @offset. */
uint8_t access_byte(u64 stamp, u64 offset);

/* Fills the page at @addr; 0, or the signal. */
int access_fill(u64 addr, u64 stamp);

/* Compares the page at @addr; 0, or the signal. Stamp 0 means zeroes. */
int access_holds(u64 addr, u64 stamp, bool *holds);

#endif
