/* SPDX-License-Identifier: MIT */
/*
 * Failures on order: the n-th engine operation, system call or allocation of
 * the library's own that a call makes does not happen. The linker brings them
 * here (its --wrap, see mk/fuzz.mk), the engine's operations by way of the
 * functions that open an engine.
 */
#ifndef INJECT_H
#define INJECT_H

#include <stdbool.h>
#include <stdint.h>

enum inject_kind {
	INJECT_OPERATION,	/* of the engine's table */
	INJECT_ALLOCATION,	/* of the pool, of what the heap has for itself */
	INJECT_SYSTEM_CALL,	/* that gives, takes or changes something */
};

/* From now on the n-th of this kind, from 1, fails with this errno. */
void inject(enum inject_kind kind, unsigned int n, int error);

/* The same, and then all like it: allocations, calls of the same function. */
void inject_from(enum inject_kind kind, unsigned int n, int error);

/* Either of them. */
typedef void (*inject_order)(enum inject_kind kind, unsigned int n, int error);

/* Ends that. True when there was an n-th one. */
bool inject_end(void);

/* Was it one that gives memory back? What it was to give back stays then. */
bool inject_hit_unmap(void);

/* Calls a function, once, before the next mmap() that maps over something. */
void inject_before_mapping(void (*function)(void));

/* The same, before a file is made longer. */
void inject_before_extending(void (*function)(void));

/* The same, before the next PROTECT; RELEASE, by whichever thread; operation in
 * another process's space.
 */
void inject_before_protect(void (*function)(void));
void inject_before_release(void (*function)(void));
void inject_before_remote(void (*function)(void));

/* Bytes that the library has from its pools, for heaps, as address space. */
int64_t inject_pool_bytes(void);
int64_t inject_meta_bytes(void);
int64_t inject_mapped_bytes(void);

/*
 * From now on, or no more: drop decommits, which the kernel engine's does
 * anyway. What was dropped has no memory then until it is committed again.
 */
void inject_decommits(bool on);

#endif
