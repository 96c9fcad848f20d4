/* SPDX-License-Identifier: MIT */
/*
 * The types of the Windows API, under the name that some programs include.
 */
#ifndef NTMEM_WINDEF_H
#define NTMEM_WINDEF_H

#include "minwindef.h"

#endif
