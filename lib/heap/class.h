/* SPDX-License-Identifier: MIT */
/*
 * Size classes. Multiples of 16 up to 128, then eight to each doubling, up to
 * 32 KiB: a block is at most an eighth larger than was asked for (and 16 bytes).
 *
 * A shard finds what to pop from by an index that costs a shift up to
 * STEP_MAX, where several indexes mean the same class, and is the class above.
 */
#ifndef HEAP_CLASS_H
#define HEAP_CLASS_H

#include <stddef.h>

#define GRAIN		16		/* alignment and least size of blocks */
#define CLASS_MAX	32768		/* bytes of the largest class */
#define CLASSES		72
#define STEP_MAX	1024		/* largest size with an index by steps */
#define STEP_CLASSES	32		/* classes up to STEP_MAX */
#define STEPS		(STEP_MAX / GRAIN + 1)
#define CURRENT		(STEPS + CLASSES - STEP_CLASSES)

static inline unsigned int class_of(size_t size)
{
	unsigned int top;

	if (size <= 128)
		return size ? (size - 1) / GRAIN : 0;
	size--;
	top = 63 - __builtin_clzl(size);
	return 8 * (top - 6) + ((size >> (top - 3)) & 7);
}

static inline size_t class_size(unsigned int class)
{
	if (class < 8)
		return (class + 1) * GRAIN;
	return (size_t)(class % 8 + 9) << (class / 8 + 3);
}

/* Of a size up to CLASS_MAX. */
static inline unsigned int current_of(size_t size)
{
	if (__builtin_expect(size <= STEP_MAX, 1))
		return (size + GRAIN - 1) / GRAIN;
	return STEPS + class_of(size) - STEP_CLASSES;
}

/* The first index that means a class; the last one is current_of its size. */
static inline unsigned int current_first(unsigned int class)
{
	if (!class)
		return 0;
	return current_of(class_size(class - 1)) + 1;
}

#endif
