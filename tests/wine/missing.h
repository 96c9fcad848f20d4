/* SPDX-License-Identifier: MIT */
/*
 * <windows.h> with what mingw's version of it lacks. Included before all else.
 */
#ifndef WINE_MISSING_H
#define WINE_MISSING_H

#include <windows.h>

#ifndef MEM_RESERVE_PLACEHOLDER
#define MEM_REPLACE_PLACEHOLDER		0x00004000
#define MEM_RESERVE_PLACEHOLDER		0x00040000
#define MEM_COALESCE_PLACEHOLDERS	0x00000001
#define MEM_PRESERVE_PLACEHOLDER	0x00000002
#endif

#endif
