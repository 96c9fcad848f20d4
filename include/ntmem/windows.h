/* SPDX-License-Identifier: MIT */
/*
 * The umbrella header: everything that this library offers of the Windows
 * API. For C and C++; see the headers below for the functions.
 */
#ifndef NTMEM_WINDOWS_H
#define NTMEM_WINDOWS_H

#include "windef.h"
#include "winbase.h"
#ifndef WIN32_LEAN_AND_MEAN
#include "ole2.h"
#endif

#endif
