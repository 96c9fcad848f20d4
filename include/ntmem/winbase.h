/* SPDX-License-Identifier: MIT */
/*
 * The functions of the Windows API: the headers that declare them, and the
 * old-style ones that have no header of their own.
 */
#ifndef NTMEM_WINBASE_H
#define NTMEM_WINBASE_H

#include "minwindef.h"
#include "winerror.h"
#include "errhandlingapi.h"
#include "handleapi.h"
#include "heapapi.h"
#include "memoryapi.h"
#include "minwinbase.h"
#include "processthreadsapi.h"
#include "synchapi.h"
#include "sysinfoapi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define INVALID_HANDLE_VALUE	((HANDLE)(LONG_PTR)-1)
#define NUMA_NO_PREFERRED_NODE	((DWORD)-1)

/* GlobalMemoryStatus: as MEMORYSTATUSEX, in bytes, without dwLength's check. */
typedef struct _MEMORYSTATUS {
	DWORD dwLength;
	DWORD dwMemoryLoad;		/* percent of physical memory in use */
	SIZE_T dwTotalPhys;
	SIZE_T dwAvailPhys;
	SIZE_T dwTotalPageFile;
	SIZE_T dwAvailPageFile;
	SIZE_T dwTotalVirtual;
	SIZE_T dwAvailVirtual;
} MEMORYSTATUS, *LPMEMORYSTATUS;

/*
 * GlobalMemoryStatus - the older form of GlobalMemoryStatusEx
 * @lpBuffer: filled whole; dwLength is set, not checked
 *
 * Physical sizes are at most SIZE_MAX / 2. Safe from any thread. Microsoft's
 * page: "GlobalMemoryStatus function (winbase.h)".
 */
WINBASEAPI VOID WINAPI GlobalMemoryStatus(LPMEMORYSTATUS lpBuffer);

/* ------------------------------------------------------------------------
 * Global and local memory
 *
 * Both are blocks of the process heap, and one and the same but for details:
 * a handle of one may be given to the functions of the other. A *fixed* object
 * is a block, and its handle the block's address. The handle of a *moveable*
 * one stays the same while its block moves, or is gone (*discarded*); its
 * address is known while it is locked. There are at most 65,536 moveable
 * objects at a time.
 *
 * Sizes are in bytes. The functions may be called from any thread, not from a
 * signal handler. What has no meaning here (GMEM_NOCOMPACT, GMEM_NODISCARD,
 * GMEM_NOT_BANKED, GMEM_NOTIFY) is accepted.
 *
 * They know a handle that is none, or was freed: ERROR_INVALID_HANDLE (6). An
 * address that is no block's is ERROR_NOACCESS (998) where it is said so.
 */
#define GMEM_FIXED		0x0000
#define GMEM_MOVEABLE		0x0002
#define GMEM_NOCOMPACT		0x0010
#define GMEM_NODISCARD		0x0020
#define GMEM_ZEROINIT		0x0040
#define GMEM_MODIFY		0x0080
#define GMEM_DISCARDABLE	0x0100
#define GMEM_NOT_BANKED		0x1000
#define GMEM_SHARE		0x2000
#define GMEM_DDESHARE		0x2000
#define GMEM_NOTIFY		0x4000
#define GMEM_LOWER		GMEM_NOT_BANKED
#define GMEM_VALID_FLAGS	0x7F72
#define GMEM_INVALID_HANDLE	0x8000
#define GMEM_DISCARDED		0x4000
#define GMEM_LOCKCOUNT		0x00FF
#define GHND			(GMEM_MOVEABLE | GMEM_ZEROINIT)
#define GPTR			(GMEM_FIXED | GMEM_ZEROINIT)
#define GlobalDiscard(hMem)	GlobalReAlloc((hMem), 0, GMEM_MOVEABLE)
#define GlobalLRUNewest(hMem)	((HANDLE)(hMem))
#define GlobalLRUOldest(hMem)	((HANDLE)(hMem))

/*
 * GlobalAlloc - a new object
 * @uFlags: GMEM_FIXED or GMEM_MOVEABLE, with GMEM_ZEROINIT (else the content is
 *	undefined), GMEM_DISCARDABLE and GMEM_DDESHARE (kept for GlobalFlags)
 * @dwBytes: 0: a fixed object of one byte; a moveable one that is discarded
 *
 * Returns its handle; NULL with ERROR_NOT_ENOUGH_MEMORY (8) when there is no
 * memory or no handle left. Microsoft's page: "GlobalAlloc function
 * (winbase.h)".
 */
WINBASEAPI HGLOBAL WINAPI GlobalAlloc(UINT uFlags, SIZE_T dwBytes);

/*
 * GlobalReAlloc - change the size of an object, or what it is
 * @hMem: its handle
 * @dwBytes: the new size. 0 with GMEM_MOVEABLE discards a moveable object that
 *	is not locked.
 * @uFlags: GMEM_ZEROINIT clears what is beyond the old size. GMEM_MOVEABLE
 *	allows a fixed object, or a locked one, to move. GMEM_MODIFY leaves the
 *	size alone, makes a fixed object moveable (with GMEM_MOVEABLE) or a
 *	moveable one discardable (with GMEM_DISCARDABLE).
 *
 * Returns the handle, a new one for a fixed object that moved or became
 * moveable. NULL on failure, and the object is as it was: ERROR_NOT_ENOUGH_
 * MEMORY, also when it must not move; ERROR_INVALID_PARAMETER (87) for what
 * cannot be discarded; ERROR_NOACCESS. Microsoft's page: "GlobalReAlloc
 * function (winbase.h)".
 */
WINBASEAPI HGLOBAL WINAPI GlobalReAlloc(HGLOBAL hMem, SIZE_T dwBytes,
					UINT uFlags);

/*
 * GlobalFree - free an object, locked or not
 * @hMem: its handle; NULL does nothing
 *
 * Returns NULL; on failure (also ERROR_NOACCESS) hMem. Microsoft's page:
 * "GlobalFree function (winbase.h)".
 */
WINBASEAPI HGLOBAL WINAPI GlobalFree(HGLOBAL hMem);

/*
 * GlobalLock - lock an object; its address
 * @hMem: its handle
 *
 * Locks count, up to 255; a fixed object needs none. NULL with ERROR_DISCARDED
 * (157) for a discarded one, ERROR_INVALID_HANDLE for what is none.
 * Microsoft's page: "GlobalLock function (winbase.h)".
 */
WINBASEAPI LPVOID WINAPI GlobalLock(HGLOBAL hMem);

/*
 * GlobalUnlock - undo one GlobalLock
 * @hMem: its handle
 *
 * TRUE while the object is still locked, and for a fixed one. FALSE with
 * NO_ERROR when it is not locked any more, with ERROR_NOT_LOCKED (158) when it
 * was not. TRUE, but with ERROR_INVALID_HANDLE, for a handle that is none, as
 * Windows has it. Microsoft's page: "GlobalUnlock function (winbase.h)".
 */
WINBASEAPI BOOL WINAPI GlobalUnlock(HGLOBAL hMem);

/*
 * GlobalSize - the size of an object, as it was asked for
 * @hMem: its handle
 *
 * 0 for a discarded one, and on failure (ERROR_INVALID_HANDLE). Microsoft's
 * page: "GlobalSize function (winbase.h)".
 */
WINBASEAPI SIZE_T WINAPI GlobalSize(HGLOBAL hMem);

/*
 * GlobalFlags - what a moveable object is
 * @hMem: its handle
 *
 * Returns the lock count in GMEM_LOCKCOUNT, with GMEM_DISCARDABLE,
 * GMEM_DISCARDED and GMEM_DDESHARE; 0 for a fixed object; on failure
 * GMEM_INVALID_HANDLE (ERROR_INVALID_HANDLE). Microsoft's page: "GlobalFlags
 * function (winbase.h)".
 */
WINBASEAPI UINT WINAPI GlobalFlags(HGLOBAL hMem);

/*
 * GlobalHandle - the handle of the object at an address
 * @pMem: as GlobalLock returned it; or any block of the process heap, which is
 *	a fixed object
 *
 * NULL on failure: ERROR_INVALID_HANDLE, ERROR_INVALID_PARAMETER for NULL.
 * Microsoft's page: "GlobalHandle function (winbase.h)".
 */
WINBASEAPI HGLOBAL WINAPI GlobalHandle(LPCVOID pMem);

/*
 * LocalAlloc - a new object
 * @uFlags: as GlobalAlloc; of LMEM_DISCARDABLE any bit
 * @uBytes: 0: a fixed object of size 0; a moveable one that is discarded
 *
 * Microsoft's page: "LocalAlloc function (winbase.h)".
 */
WINBASEAPI HLOCAL WINAPI LocalAlloc(UINT uFlags, SIZE_T uBytes);

/*
 * LocalReAlloc - change the size of an object, or what it is
 * @hMem, @uBytes, @uFlags: as GlobalReAlloc, but a fixed object stays fixed
 *
 * Microsoft's page: "LocalReAlloc function (winbase.h)".
 */
WINBASEAPI HLOCAL WINAPI LocalReAlloc(HLOCAL hMem, SIZE_T uBytes, UINT uFlags);

/*
 * LocalFree - free an object, as GlobalFree
 *
 * Microsoft's page: "LocalFree function (winbase.h)".
 */
WINBASEAPI HLOCAL WINAPI LocalFree(HLOCAL hMem);

/*
 * LocalLock - lock an object; its address, as GlobalLock
 *
 * For an address that is no block's the last error stays as it was.
 * Microsoft's page: "LocalLock function (winbase.h)".
 */
WINBASEAPI LPVOID WINAPI LocalLock(HLOCAL hMem);

/*
 * LocalUnlock - undo one LocalLock, as GlobalUnlock
 *
 * But FALSE with ERROR_NOT_LOCKED for a fixed object, and FALSE for a handle
 * that is none. Microsoft's page: "LocalUnlock function (winbase.h)".
 */
WINBASEAPI BOOL WINAPI LocalUnlock(HLOCAL hMem);

/*
 * LocalSize - the size of an object, as GlobalSize
 *
 * Microsoft's page: "LocalSize function (winbase.h)".
 */
WINBASEAPI SIZE_T WINAPI LocalSize(HLOCAL hMem);

/*
 * LocalFlags - what a moveable object is, as GlobalFlags
 *
 * LMEM_DISCARDABLE is told with all of its bits. ERROR_NOACCESS for an address
 * that is no block's. Microsoft's page: "LocalFlags function (winbase.h)".
 */
WINBASEAPI UINT WINAPI LocalFlags(HLOCAL hMem);

/*
 * LocalHandle - the handle of the object at an address, as GlobalHandle
 *
 * Microsoft's page: "LocalHandle function (winbase.h)".
 */
WINBASEAPI HLOCAL WINAPI LocalHandle(LPCVOID pMem);

/*
 * CreateFileMappingA, OpenFileMappingA - as those with W, in memoryapi.h
 * @lpName: bytes, of which UTF-8 are the same name as in the other two
 *
 * Microsoft's pages: "CreateFileMappingA function", "OpenFileMappingA function
 * (winbase.h)".
 */
WINBASEAPI HANDLE WINAPI
CreateFileMappingA(HANDLE hFile, LPSECURITY_ATTRIBUTES lpFileMappingAttributes,
		   DWORD flProtect, DWORD dwMaximumSizeHigh,
		   DWORD dwMaximumSizeLow, LPCSTR lpName);
WINBASEAPI HANDLE WINAPI OpenFileMappingA(DWORD dwDesiredAccess,
					  BOOL bInheritHandle, LPCSTR lpName);

#ifndef UNICODE
#define CreateFileMapping	CreateFileMappingA
#define OpenFileMapping		OpenFileMappingA
#endif

/* ------------------------------------------------------------------------
 * What is left of 16-bit Windows. Microsoft's pages call these obsolete, and
 * they are no more than other names: nothing can be moved, discarded, wired
 * or shrunk by them.
 */
#define LockSegment(w)		GlobalFix((HANDLE)(w))
#define UnlockSegment(w)	GlobalUnfix((HANDLE)(w))

/*
 * GlobalCompact - give free memory of the process heap back
 * @dwMinFree: means nothing
 *
 * Returns what HeapCompact does: the size of the largest committed free block,
 * or 0 with NO_ERROR.
 */
WINBASEAPI SIZE_T WINAPI GlobalCompact(DWORD dwMinFree);

/*
 * GlobalFix - GlobalLock without an answer
 * @hMem: an object's handle; INVALID_HANDLE_VALUE, which meant the data segment
 *	of the program, does nothing
 */
WINBASEAPI VOID WINAPI GlobalFix(HGLOBAL hMem);

/*
 * GlobalUnfix - GlobalUnlock without an answer
 * @hMem: as above
 */
WINBASEAPI VOID WINAPI GlobalUnfix(HGLOBAL hMem);

/*
 * GlobalWire - GlobalLock
 * @hMem: an object's handle
 */
WINBASEAPI LPVOID WINAPI GlobalWire(HGLOBAL hMem);

/*
 * GlobalUnWire - GlobalUnlock
 * @hMem: an object's handle
 */
WINBASEAPI BOOL WINAPI GlobalUnWire(HGLOBAL hMem);

/*
 * LocalCompact - GlobalCompact
 * @uMinFree: means nothing
 */
WINBASEAPI SIZE_T WINAPI LocalCompact(UINT uMinFree);

/*
 * LocalShrink - GlobalCompact
 * @hMem: means nothing, nor need it be a handle
 * @cbNewSize: means nothing
 */
WINBASEAPI SIZE_T WINAPI LocalShrink(HLOCAL hMem, UINT cbNewSize);


#ifdef __cplusplus
}
#endif

#endif
