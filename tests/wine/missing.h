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

#ifndef MEM_EXTENDED_PARAMETER_EC_CODE
#define MEM_EXTENDED_PARAMETER_SOFT_FAULT_PAGES	0x00000020
#define MEM_EXTENDED_PARAMETER_EC_CODE		0x00000040
#define MemExtendedParameterImageMachine	6
#endif

#ifndef HEAP_OPTIMIZE_RESOURCES_CURRENT_VERSION
#define HEAP_OPTIMIZE_RESOURCES_CURRENT_VERSION	1
#define HeapOptimizeResources	((HEAP_INFORMATION_CLASS)3)

typedef struct {
	DWORD Version;
	DWORD Flags;
} HEAP_OPTIMIZE_RESOURCES_INFORMATION;
#endif

/* oleaut32 has it. */
void WINAPI SetOaNoCache(void);

/* ntdll has these, but no header. */
#define HEAP_SETTABLE_USER_VALUE	0x00000100
#define HEAP_SETTABLE_USER_FLAG1	0x00000200

#include <malloc.h>
size_t __cdecl _aligned_msize(void *block, size_t alignment, size_t offset);

/* mingw's <new.h> is one for C++. */
typedef int (__cdecl *_PNH)(size_t size);
_PNH __cdecl _set_new_handler(_PNH handler);
_PNH __cdecl _query_new_handler(void);
int __cdecl _set_new_mode(int mode);
int __cdecl _query_new_mode(void);

BOOLEAN NTAPI RtlSetUserValueHeap(PVOID heap, ULONG flags, PVOID block,
				  PVOID value);
BOOLEAN NTAPI RtlGetUserInfoHeap(PVOID heap, ULONG flags, PVOID block,
				 PVOID *value, PULONG user_flags);

#endif
