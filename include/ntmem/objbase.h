/* SPDX-License-Identifier: MIT */
/*
 * The task allocator, under the name that most programs include.
 */
#ifndef NTMEM_OBJBASE_H
#define NTMEM_OBJBASE_H

#include "combaseapi.h"

#endif
