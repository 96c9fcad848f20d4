/* SPDX-License-Identifier: MIT */
/*
 * In which order the parts of the library register their handlers of fork, as
 * priorities of constructors: without them the order in which a linker finds the
 * parts in the archive would decide. What is registered last takes its locks first,
 * and its callers hold them when they come to those above.
 */
#ifndef NTMEM_FORKORDER_H
#define NTMEM_FORKORDER_H

#define FORK_ORDER_ENGINE	101
#define FORK_ORDER_HEAP		102
#define FORK_ORDER_EXCEPTION	103

#endif
