/* SPDX-License-Identifier: MIT */
/* The one integer type for addresses and sizes, as the uapi header has it. */
#ifndef DIFFERENTIAL_TYPES_H
#define DIFFERENTIAL_TYPES_H

#include <linux/types.h>

typedef __u64 u64;

#endif
