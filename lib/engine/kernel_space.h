/* SPDX-License-Identifier: MIT */
/*
 * The kernel engine's handle to this process's own space, kept for others.
 */
#ifndef NTMEM_KERNEL_SPACE_H
#define NTMEM_KERNEL_SPACE_H

#include <stdbool.h>

/*
 * Opens one with a new descriptor of the device, and has the beacon tell it; what
 * was told before is closed. Where that cannot be, this process is not to be
 * worked on by others, and that is all. Signal safe.
 */
void ntmem_kernel_space_open(int device);

/*
 * In a child after fork: closes its parent's, by which it, whatever it may
 * become, would have its parent's memory in its hands.
 */
void ntmem_kernel_space_close(void);

/* Is it a handle of a space, whosever? Signal safe. */
bool ntmem_is_space(int fd);

#endif
