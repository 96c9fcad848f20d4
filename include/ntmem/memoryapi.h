/* SPDX-License-Identifier: MIT */
/*
 * Virtual memory: reserve, commit, protect, query, lock.
 *
 * All sizes are in bytes. Every function may be called from any thread;
 * VirtualQuery also from signal and exception handlers. On failure the last
 * error is set and nothing has changed, except where said.
 *
 * Errors that several share: ERROR_INVALID_PARAMETER (87) for a zero size, an
 * unknown flag, a bad protection, or a range that leaves user space;
 * ERROR_INVALID_ADDRESS (487) for a range that is not inside one reservation;
 * ERROR_COMMITMENT_LIMIT (1455) when a commit limit or memory is exhausted;
 * ERROR_NOT_SUPPORTED (50) for what this version does not have.
 */
#ifndef NTMEM_MEMORYAPI_H
#define NTMEM_MEMORYAPI_H

#include "minwindef.h"
#include "minwinbase.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct _WIN32_MEMORY_RANGE_ENTRY {
	PVOID VirtualAddress;
	SIZE_T NumberOfBytes;
} WIN32_MEMORY_RANGE_ENTRY, *PWIN32_MEMORY_RANGE_ENTRY;

/*
 * VirtualAlloc - reserve address space, commit memory, or reset its content
 * @lpAddress: NULL for the system's choice. MEM_RESERVE rounds it down to the
 *	allocation granularity, MEM_COMMIT to a page; the end, lpAddress +
 *	dwSize, rounds up to a page. MEM_RESET and MEM_RESET_UNDO round inwards.
 * @dwSize: not 0
 * @flAllocationType: MEM_RESERVE and MEM_COMMIT, alone or together, with
 *	MEM_TOP_DOWN; or MEM_RESET or MEM_RESET_UNDO alone. MEM_COMMIT of NULL
 *	reserves too. MEM_WRITE_WATCH, with MEM_RESERVE, has writes recorded:
 *	see GetWriteWatch.
 * @flProtect: PAGE_*; without effect, but checked, for the resets
 *
 * Committing committed pages keeps their content and gives them the new
 * protection. New pages read zero, and so do pages that were decommitted.
 *
 * Returns the base of the reservation or of the pages, NULL on failure:
 * ERROR_INVALID_ADDRESS also when the range to reserve is in use,
 * ERROR_NOT_ENOUGH_MEMORY (8) when no hole is large enough, ERROR_BUSY (170)
 * when MEM_RESET_UNDO finds content lost. MEM_PHYSICAL and MEM_LARGE_PAGES:
 * ERROR_NOT_SUPPORTED. Placeholders are VirtualAlloc2's: here their flags are
 * ERROR_INVALID_PARAMETER. Microsoft's page: "VirtualAlloc function
 * (memoryapi.h)".
 */
WINBASEAPI LPVOID WINAPI VirtualAlloc(LPVOID lpAddress, SIZE_T dwSize,
				      DWORD flAllocationType, DWORD flProtect);

/*
 * VirtualAllocEx - VirtualAlloc in another process
 * @hProcess: handle (PROCESS_VM_OPERATION), or GetCurrentProcess()
 * All else as for VirtualAlloc, with that process's addresses and limits.
 *
 * Also this process's commit limits do not matter, and where the memory is short,
 * it is that process's memory cgroup that pays.
 *
 * In this and all functions that take a handle of another process:
 * ERROR_INVALID_HANDLE for what is none, ERROR_ACCESS_DENIED without the right
 * that is named in brackets, when the process has ended, or when the kernel does
 * not let this process attach to it any more; ERROR_NOT_SUPPORTED unless both
 * processes use the kernel engine, which the other one does from its first call
 * of this library on, and a child of fork(2) from its own first one. A process
 * that executes another program stays the same process, and its memory is that of
 * the new program. Microsoft's page: "VirtualAllocEx function (memoryapi.h)".
 */
WINBASEAPI LPVOID WINAPI VirtualAllocEx(HANDLE hProcess, LPVOID lpAddress,
					SIZE_T dwSize, DWORD flAllocationType,
					DWORD flProtect);

/*
 * VirtualAllocExNuma - the same, with a node of memory preferred
 * @nndPreferred: one of this machine, or NUMA_NO_PREFERRED_NODE; checked, and
 *	without effect
 *
 * Microsoft's page: "VirtualAllocExNuma function (memoryapi.h)".
 */
WINBASEAPI LPVOID WINAPI
VirtualAllocExNuma(HANDLE hProcess, LPVOID lpAddress, SIZE_T dwSize,
		   DWORD flAllocationType, DWORD flProtect,
		   DWORD nndPreferred);

/*
 * VirtualAlloc2 - VirtualAlloc that can be asked for more
 * @Process: as for VirtualAllocEx, or NULL for this process
 * @BaseAddress: as for VirtualAlloc, but to reserve it must be a multiple of
 *	the allocation granularity; of a page with MEM_REPLACE_PLACEHOLDER
 * @Size: not 0; to reserve at an address, a multiple of the page size
 * @AllocationType: as for VirtualAlloc; or MEM_RESERVE with one of
 *	MEM_RESERVE_PLACEHOLDER, at most with MEM_TOP_DOWN: makes a
 *	placeholder, a range of addresses in which nothing can be committed;
 *	MEM_REPLACE_PLACEHOLDER, possibly with MEM_COMMIT and MEM_WRITE_WATCH:
 *	reserves what is exactly one placeholder, in its place. No other thread
 *	can get the addresses meanwhile. VirtualFree splits and joins
 *	placeholders, and makes one again of what has replaced it.
 * @PageProtection: PAGE_*; of a placeholder PAGE_NOACCESS
 * @ExtendedParameters, @ParameterCount: an array, each type at most once; may
 *	be NULL when there are none. MemExtendedParameterAddressRequirements,
 *	only with MEM_RESERVE and without a BaseAddress, limits where the
 *	system may put it; all zero is no requirement.
 *	MemExtendedParameterNumaNode, a node of this machine or
 *	NUMA_NO_PREFERRED_NODE, is checked and has no effect, nor have the
 *	attribute flags ..._ZERO_PAGES_OPTIONAL and ..._SOFT_FAULT_PAGES.
 *
 * VirtualQuery shows a placeholder as it does a reservation with nothing
 * committed. Returns as VirtualAlloc; ERROR_INVALID_PARAMETER also for bad
 * extended parameters, ERROR_NOACCESS for requirements at NULL,
 * ERROR_INVALID_ADDRESS when what is to be replaced is not exactly one
 * placeholder, or what is to be committed is one, ERROR_NOT_ENOUGH_MEMORY (8)
 * when nothing fits. Other extended parameters and flags: ERROR_NOT_SUPPORTED.
 * In another process also as VirtualAllocEx. Microsoft's page: "VirtualAlloc2
 * function (memoryapi.h)".
 */
WINBASEAPI PVOID WINAPI
VirtualAlloc2(HANDLE Process, PVOID BaseAddress, SIZE_T Size,
	      ULONG AllocationType, ULONG PageProtection,
	      MEM_EXTENDED_PARAMETER *ExtendedParameters,
	      ULONG ParameterCount);

/*
 * VirtualAlloc2FromApp - VirtualAlloc2 without memory that can be executed
 *
 * ERROR_INVALID_PARAMETER for PAGE_EXECUTE and its like, else as VirtualAlloc2.
 * Microsoft's page: "VirtualAlloc2FromApp function (memoryapi.h)".
 */
WINBASEAPI PVOID WINAPI
VirtualAlloc2FromApp(HANDLE Process, PVOID BaseAddress, SIZE_T Size,
		     ULONG AllocationType, ULONG PageProtection,
		     MEM_EXTENDED_PARAMETER *ExtendedParameters,
		     ULONG ParameterCount);

/*
 * VirtualFree - decommit pages, or release a reservation
 * @lpAddress: MEM_RELEASE: in the first page of the reservation
 * @dwSize: MEM_RELEASE: 0. Otherwise the range, rounded outwards to pages;
 *	0 with MEM_DECOMMIT for the whole reservation, with lpAddress in its
 *	first page.
 * @dwFreeType: MEM_DECOMMIT or MEM_RELEASE; or MEM_RELEASE with one of
 *	MEM_PRESERVE_PLACEHOLDER: a part of a placeholder becomes one of its
 *	own, as does what lies in front of it and behind it; or a whole
 *	reservation that has replaced a placeholder loses its content and is one
 *	again;
 *	MEM_COALESCE_PLACEHOLDERS: two placeholders or more, side by side, that
 *	together are exactly the range, become one.
 *
 * Decommitting reserved pages does nothing. What has replaced a placeholder may
 * be released as any reservation, and then nothing remains.
 * ERROR_INVALID_PARAMETER when the range leaves the reservation that it begins
 * in, or begins in a mapping of a file or of shared memory;
 * ERROR_INVALID_ADDRESS when lpAddress is elsewhere outside reservations, or
 * not in the first page, and when there is nothing to preserve, or to
 * coalesce, that is just the range. Microsoft's page: "VirtualFree function
 * (memoryapi.h)".
 */
WINBASEAPI BOOL WINAPI VirtualFree(LPVOID lpAddress, SIZE_T dwSize,
				   DWORD dwFreeType);

/*
 * VirtualFreeEx - VirtualFree in another process
 * @hProcess: handle (PROCESS_VM_OPERATION)
 *
 * Errors as VirtualFree and VirtualAllocEx. Microsoft's page: "VirtualFreeEx
 * function (memoryapi.h)".
 */
WINBASEAPI BOOL WINAPI VirtualFreeEx(HANDLE hProcess, LPVOID lpAddress,
				     SIZE_T dwSize, DWORD dwFreeType);

/*
 * VirtualProtect - change the protection of committed pages
 * @lpAddress, @dwSize: the range, rounded outwards to pages; all of it must
 *	be committed and in one reservation (ERROR_INVALID_ADDRESS)
 * @flNewProtect: PAGE_*
 * @lpflOldProtect: gets the old protection of the first page; NULL:
 *	ERROR_NOACCESS
 *
 * Microsoft's page: "VirtualProtect function (memoryapi.h)".
 */
WINBASEAPI BOOL WINAPI VirtualProtect(LPVOID lpAddress, SIZE_T dwSize,
				      DWORD flNewProtect,
				      PDWORD lpflOldProtect);

/*
 * VirtualProtectEx - VirtualProtect in another process
 * @hProcess: handle (PROCESS_VM_OPERATION)
 *
 * Errors as VirtualProtect and VirtualAllocEx. Microsoft's page:
 * "VirtualProtectEx function (memoryapi.h)".
 */
WINBASEAPI BOOL WINAPI VirtualProtectEx(HANDLE hProcess, LPVOID lpAddress,
					SIZE_T dwSize, DWORD flNewProtect,
					PDWORD lpflOldProtect);

/*
 * VirtualQuery - the run of equal pages that begins at an address
 * @lpAddress: any address in user space; rounds down to a page
 * @lpBuffer: filled
 * @dwLength: at least sizeof(MEMORY_BASIC_INFORMATION), else ERROR_BAD_LENGTH
 *
 * A Linux mapping that is not this library's, such as the program or a stack,
 * shows as MEM_COMMIT; its Type is MEM_IMAGE for an executable file, else
 * MEM_MAPPED for a file or shared memory, else MEM_PRIVATE.
 *
 * Returns the bytes filled, 0 on failure: ERROR_INVALID_PARAMETER above user
 * space, ERROR_NOACCESS for a NULL lpBuffer. Microsoft's page: "VirtualQuery
 * function (memoryapi.h)".
 */
WINBASEAPI SIZE_T WINAPI VirtualQuery(LPCVOID lpAddress,
				      PMEMORY_BASIC_INFORMATION lpBuffer,
				      SIZE_T dwLength);

/*
 * VirtualQueryEx - VirtualQuery of another process
 * @hProcess: handle (PROCESS_QUERY_INFORMATION)
 *
 * Works for every process and on both engines. Where one of the processes is not
 * on the kernel engine, what the other one's library has reserved shows as
 * what it is to Linux, mappings.
 *
 * Errors as VirtualQuery and VirtualAllocEx, but for ERROR_NOT_SUPPORTED.
 * Microsoft's page: "VirtualQueryEx function (memoryapi.h)".
 */
WINBASEAPI SIZE_T WINAPI VirtualQueryEx(HANDLE hProcess, LPCVOID lpAddress,
					PMEMORY_BASIC_INFORMATION lpBuffer,
					SIZE_T dwLength);

/*
 * ReadProcessMemory - copy from another process's memory
 * @hProcess: handle (PROCESS_VM_READ), also GetCurrentProcess()
 * @lpBaseAddress: in that process, any mapping of it
 * @lpBuffer, @nSize: where to, and how many bytes; 0 is fine
 * @lpNumberOfBytesRead: gets how many; may be NULL
 *
 * FALSE on failure: ERROR_PARTIAL_COPY (299) when a page there cannot be read,
 * and the count is what lies in front of it, in the own process 0;
 * ERROR_NOACCESS when lpBuffer cannot be written to. Handles: see
 * VirtualAllocEx. Works for every process and on both engines; may be called
 * from any thread. Microsoft's page: "ReadProcessMemory function
 * (memoryapi.h)".
 */
WINBASEAPI BOOL WINAPI ReadProcessMemory(HANDLE hProcess,
					 LPCVOID lpBaseAddress,
					 LPVOID lpBuffer, SIZE_T nSize,
					 SIZE_T *lpNumberOfBytesRead);

/*
 * WriteProcessMemory - copy into another process's memory
 * @hProcess: handle (PROCESS_VM_WRITE and PROCESS_VM_OPERATION), also
 *	GetCurrentProcess()
 * @lpBaseAddress: in that process
 * @lpBuffer, @nSize: where from, and how many bytes; 0 is fine
 * @lpNumberOfBytesWritten: gets how many; may be NULL
 *
 * A range of PAGE_EXECUTE or PAGE_EXECUTE_READ is written to nevertheless, and
 * then has its protection again. Where something else than memory of the kernel
 * engine is so protected, the process gets a copy of the page for itself.
 *
 * FALSE on failure: ERROR_NOACCESS (998) when the first page cannot be written
 * to, and the count stays as it is; ERROR_PARTIAL_COPY (299) when a later one
 * cannot, with the count of what lies in front of it, and when lpBuffer cannot
 * be read, with a count of 0. Handles: see VirtualAllocEx. Works for every process
 * and on both engines; may be called from any thread. Microsoft's page:
 * "WriteProcessMemory function (memoryapi.h)".
 */
WINBASEAPI BOOL WINAPI WriteProcessMemory(HANDLE hProcess,
					  LPVOID lpBaseAddress,
					  LPCVOID lpBuffer, SIZE_T nSize,
					  SIZE_T *lpNumberOfBytesWritten);

/*
 * VirtualLock - make pages resident and keep them so
 * @lpAddress, @dwSize: the range, rounded outwards to pages
 *
 * Locks do not count: one VirtualUnlock undoes any number. The limit is
 * RLIMIT_MEMLOCK (ERROR_WORKING_SET_QUOTA). ERROR_NOACCESS for pages that are
 * not committed, are PAGE_NOACCESS, or do not lie in one reservation; a guard
 * page gives STATUS_GUARD_PAGE_VIOLATION and is one no longer. Microsoft's
 * page: "VirtualLock function (memoryapi.h)".
 */
WINBASEAPI BOOL WINAPI VirtualLock(LPVOID lpAddress, SIZE_T dwSize);

/*
 * VirtualUnlock - undo VirtualLock
 * @lpAddress, @dwSize: the range, rounded outwards to pages; all of it must
 *	be locked (ERROR_NOT_LOCKED)
 *
 * Microsoft's page: "VirtualUnlock function (memoryapi.h)".
 */
WINBASEAPI BOOL WINAPI VirtualUnlock(LPVOID lpAddress, SIZE_T dwSize);

/*
 * DiscardVirtualMemory - let the system drop the content of pages
 * @VirtualAddress, @Size: multiples of the page size, not 0; committed pages
 *	of one reservation with PAGE_READWRITE
 *
 * The content is undefined until it is written. Returns ERROR_SUCCESS or an
 * error code, and does not set the last error: ERROR_INVALID_PARAMETER for bad
 * alignment or another protection, ERROR_INVALID_ADDRESS for pages that are
 * not committed. Microsoft's page: "DiscardVirtualMemory function
 * (memoryapi.h)".
 */
WINBASEAPI DWORD WINAPI DiscardVirtualMemory(PVOID VirtualAddress,
					     SIZE_T Size);

/*
 * PrefetchVirtualMemory - hint that ranges will be needed
 * @hProcess: any handle of a process; of another one the kernel wants
 *	CAP_SYS_NICE, without which nothing happens
 * @NumberOfEntries: not 0
 * @VirtualAddresses: the ranges; any addresses, no range of 0 bytes
 * @Flags: 0
 *
 * ERROR_NOACCESS for a NULL array, ERROR_INVALID_HANDLE for what is no handle.
 * Microsoft's page: "PrefetchVirtualMemory function (memoryapi.h)".
 */
WINBASEAPI BOOL WINAPI
PrefetchVirtualMemory(HANDLE hProcess, ULONG_PTR NumberOfEntries,
		      PWIN32_MEMORY_RANGE_ENTRY VirtualAddresses, ULONG Flags);

/*
 * GetWriteWatch - the pages of a range that were written to
 * @dwFlags: 0, or WRITE_WATCH_FLAG_RESET: what is returned counts as written
 *	no more, until the next write
 * @lpBaseAddress, @dwRegionSize: the range, rounded outwards to pages, inside
 *	one reservation that was made with MEM_WRITE_WATCH
 * @lpAddresses: gets the addresses of the pages, in rising order
 * @lpdwCount: in: how many the array has room for, not 0; out: how many there
 *	are in it. Pages beyond keep their record.
 * @lpdwGranularity: gets the size of a page, 4096
 *
 * A page counts as written from its first write on, by the program or by the
 * system for it; VirtualAlloc, VirtualProtect and VirtualFree do not change
 * that, so that a page that was decommitted may be told. While other threads
 * write, no write is lost between two calls. On the embedded engine before
 * Linux 6.7, and wherever it may not use userfaultfd(2), a system call that is
 * the first to write to a page fails with EFAULT; and on that engine what a
 * device writes to a page after a reset is not told, where the call that had it
 * do so (O_DIRECT, io_uring) began before.
 *
 * Returns 0, or (UINT)-1: ERROR_INVALID_PARAMETER also for a range that is not
 * watched and for a count of 0, ERROR_NOACCESS for a pointer that is NULL, or
 * an array that cannot be written. Microsoft's page: "GetWriteWatch function
 * (memoryapi.h)".
 */
WINBASEAPI UINT WINAPI GetWriteWatch(DWORD dwFlags, PVOID lpBaseAddress,
				     SIZE_T dwRegionSize, PVOID *lpAddresses,
				     ULONG_PTR *lpdwCount,
				     LPDWORD lpdwGranularity);

/*
 * ResetWriteWatch - count no page of a range as written, until the next write
 * @lpBaseAddress, @dwRegionSize: the range, as for GetWriteWatch
 *
 * A write beside this call may be forgotten; GetWriteWatch with
 * WRITE_WATCH_FLAG_RESET loses none. Returns 0, or (UINT)-1:
 * ERROR_INVALID_PARAMETER also for a range that is not watched. Microsoft's
 * page: "ResetWriteWatch function (memoryapi.h)".
 */
WINBASEAPI UINT WINAPI ResetWriteWatch(LPVOID lpBaseAddress,
				       SIZE_T dwRegionSize);

#define FILE_MAP_COPY			SECTION_QUERY
#define FILE_MAP_WRITE			SECTION_MAP_WRITE
#define FILE_MAP_READ			SECTION_MAP_READ
#define FILE_MAP_ALL_ACCESS		SECTION_ALL_ACCESS
#define FILE_MAP_EXECUTE		SECTION_MAP_EXECUTE_EXPLICIT
#define FILE_MAP_LARGE_PAGES		0x20000000

/*
 * CreateFileMappingW - make a section, memory for views in any process
 * @hFile: INVALID_HANDLE_VALUE for memory, or a file: what
 *	ntmem_file_handle_from_fd() (ntmem.h) made of an open descriptor
 * @lpFileMappingAttributes: NULL, or whether exec(2) keeps the handle
 * @flProtect: PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY or one of the three
 *	with EXECUTE: the most that a view can have; and SEC_COMMIT (the
 *	default), or SEC_RESERVE: VirtualAlloc with MEM_COMMIT in any view
 *	commits pages for all. SEC_NOCACHE and SEC_WRITECOMBINE are taken and
 *	have no effect. SEC_COMMIT | SEC_LARGE_PAGES: see below
 * @dwMaximumSizeHigh, @dwMaximumSizeLow: bytes, not 0; rounds up to pages. Of a
 *	file 0 is all it has, and the size stays as it is, to the byte; more
 *	than that makes the file longer, where the section may be written
 * @lpName: NULL, or up to MAX_PATH characters, of which upper and lower case
 *	differ. A name is this user's own; "Local\" in front of it is no part
 *	of it, and any other '\' but in "Global\" is ERROR_PATH_NOT_FOUND. It
 *	goes with the section's last handle.
 *
 * Commit is charged once, to the user, until the last handle and view are
 * gone. The last error is ERROR_ALREADY_EXISTS (183) when the name had a
 * section, which is then opened as it is, else ERROR_SUCCESS.
 *
 * Returns a handle, NULL on failure: ERROR_COMMITMENT_LIMIT,
 * ERROR_NOT_ENOUGH_MEMORY for more SEC_RESERVE than there are addresses,
 * ERROR_FILENAME_EXCED_RANGE.
 *
 * With a file: it must be open for reading, for writing too if the section is to
 * be written, and on a file system that is not noexec if it is to be executed
 * (ERROR_ACCESS_DENIED). ERROR_FILE_INVALID for size 0 of an empty one,
 * ERROR_NOT_ENOUGH_MEMORY for more than it has and may become, ERROR_DISK_FULL
 * when it cannot become as long, ERROR_BAD_EXE_FORMAT for what is no regular
 * file, and for SEC_IMAGE. SEC_COMMIT and SEC_RESERVE make no
 * difference. Nobody keeps others from making the file shorter: what is behind its
 * end then is SIGBUS. Without a name only this process and its children can map
 * views. With one all of this user's processes can that open it: they get the file
 * by /proc from one that has a handle, which they must be allowed to look into, and
 * open it anew: ERROR_ACCESS_DENIED where it may not be opened so,
 * ERROR_NOT_SUPPORTED where it is not found. ERROR_INVALID_HANDLE (6) when the name is
 * that of something that this engine has not made.
 *
 * With SEC_LARGE_PAGES the size is a multiple of GetLargePageMinimum(), and the
 * pages are of those that the machine has set aside (/proc/sys/vm/nr_hugepages):
 * ERROR_NO_SYSTEM_RESOURCES (1450) when too few are left, ERROR_NOT_SUPPORTED
 * where Linux has none. No privilege is needed, and no commit is charged. As a
 * section of a file it can be mapped by this process and its children, and with
 * a name by the user's others. Views lie at, begin at and are multiples of a large
 * page, FILE_MAP_LARGE_PAGES or not; they cannot be WRITECOPY, and VirtualProtect
 * in them is ERROR_INVALID_ADDRESS.
 *
 * On the embedded engine the commit charge is that of this process, until it has
 * no handle and no view of the section any more; pages committed later are
 * charged to who commits them. Names, of sections of files on either engine, are
 * files in a directory in /dev/shm that is this user's; ERROR_NOT_SUPPORTED where
 * there cannot be one.
 * Microsoft's page: "CreateFileMappingW function (memoryapi.h)".
 */
WINBASEAPI HANDLE WINAPI
CreateFileMappingW(HANDLE hFile, LPSECURITY_ATTRIBUTES lpFileMappingAttributes,
		   DWORD flProtect, DWORD dwMaximumSizeHigh,
		   DWORD dwMaximumSizeLow, LPCWSTR lpName);

/*
 * CreateFileMapping2 - the same, with the handle's rights and more parameters
 * @File, @SecurityAttributes, @Name: as in CreateFileMappingW
 * @DesiredAccess: SECTION_* rights of the handle
 * @PageProtection, @AllocationAttributes: PAGE_* and SEC_*
 * @MaximumSize: in bytes, not 0
 * @ExtendedParameters, @ParameterCount: as in VirtualAlloc2, without address
 *	requirements
 *
 * Microsoft's page: "CreateFileMapping2 function (memoryapi.h)".
 */
WINBASEAPI HANDLE WINAPI
CreateFileMapping2(HANDLE File, SECURITY_ATTRIBUTES *SecurityAttributes,
		   ULONG DesiredAccess, ULONG PageProtection,
		   ULONG AllocationAttributes, ULONG64 MaximumSize, PCWSTR Name,
		   MEM_EXTENDED_PARAMETER *ExtendedParameters,
		   ULONG ParameterCount);

/*
 * OpenFileMappingW - a handle of the section that has a name
 * @dwDesiredAccess: FILE_MAP_*: what views through the handle may be
 * @bInheritHandle: exec(2) keeps the handle
 * @lpName: as in CreateFileMappingW
 *
 * Returns a handle, NULL on failure: ERROR_FILE_NOT_FOUND (2); of a section of a
 * file ERROR_ACCESS_DENIED and ERROR_NOT_SUPPORTED as above. Microsoft's page:
 * "OpenFileMappingW function (memoryapi.h)".
 */
WINBASEAPI HANDLE WINAPI OpenFileMappingW(DWORD dwDesiredAccess,
					  BOOL bInheritHandle, LPCWSTR lpName);

/*
 * MapViewOfFile - map a view of a section
 * @hFileMappingObject: handle, with the rights that dwDesiredAccess needs
 * @dwDesiredAccess: FILE_MAP_WRITE (reads as well), FILE_MAP_READ, or
 *	FILE_MAP_COPY alone: a page that is written to becomes the view's own;
 *	0 is a view without access. With FILE_MAP_EXECUTE it may execute, too.
 *	FILE_MAP_LARGE_PAGES: ERROR_INVALID_PARAMETER for a section of small ones
 * @dwFileOffsetHigh, @dwFileOffsetLow: multiple of the allocation granularity
 * @dwNumberOfBytesToMap: rounds up to a page; 0 for all up to the end
 *
 * Pages can be given less with VirtualProtect, and PAGE_WRITECOPY where they can
 * be read. VirtualQuery says MEM_MAPPED, and PAGE_READWRITE of a page that was
 * copied. A view that may copy is charged in full to its process.
 *
 * Returns the base, NULL on failure: ERROR_ACCESS_DENIED when the handle has
 * not the rights, and when the view leaves the section; ERROR_MAPPED_ALIGNMENT
 * (1132); ERROR_NOT_ENOUGH_MEMORY when no hole is large enough. Microsoft's
 * page: "MapViewOfFile function (memoryapi.h)".
 */
WINBASEAPI LPVOID WINAPI MapViewOfFile(HANDLE hFileMappingObject,
				       DWORD dwDesiredAccess,
				       DWORD dwFileOffsetHigh,
				       DWORD dwFileOffsetLow,
				       SIZE_T dwNumberOfBytesToMap);

/*
 * MapViewOfFileEx - the same, at an address
 * @lpBaseAddress: multiple of the allocation granularity; NULL for the
 *	system's choice
 *
 * ERROR_INVALID_ADDRESS when something is there. Microsoft's page:
 * "MapViewOfFileEx function (memoryapi.h)".
 */
WINBASEAPI LPVOID WINAPI MapViewOfFileEx(HANDLE hFileMappingObject,
					 DWORD dwDesiredAccess,
					 DWORD dwFileOffsetHigh,
					 DWORD dwFileOffsetLow,
					 SIZE_T dwNumberOfBytesToMap,
					 LPVOID lpBaseAddress);

/*
 * MapViewOfFile3 - map a view, also in the place of a placeholder
 * @FileMapping: handle of a section
 * @Process: handle (PROCESS_VM_OPERATION), or NULL for this process
 * @BaseAddress: NULL, or as in MapViewOfFileEx; with MEM_REPLACE_PLACEHOLDER
 *	the base of one
 * @Offset: multiple of the allocation granularity; in a placeholder, of a page
 * @ViewSize: as in MapViewOfFile; with MEM_REPLACE_PLACEHOLDER exactly that of
 *	the placeholder (ERROR_INVALID_ADDRESS)
 * @AllocationType: 0, MEM_TOP_DOWN or MEM_REPLACE_PLACEHOLDER
 * @PageProtection: PAGE_*, no more than the section's
 * @ExtendedParameters, @ParameterCount: as in VirtualAlloc2; an Alignment is
 *	ERROR_INVALID_PARAMETER
 *
 * Microsoft's page: "MapViewOfFile3 function (memoryapi.h)".
 */
WINBASEAPI PVOID WINAPI MapViewOfFile3(HANDLE FileMapping, HANDLE Process,
				       PVOID BaseAddress, ULONG64 Offset,
				       SIZE_T ViewSize, ULONG AllocationType,
				       ULONG PageProtection,
				       MEM_EXTENDED_PARAMETER *ExtendedParameters,
				       ULONG ParameterCount);

/*
 * MapViewOfFileNuma2, MapViewOfFile2 - the same, with less to say
 * @PreferredNode: as for VirtualAllocExNuma
 *
 * Microsoft's pages: "MapViewOfFileNuma2 function", "MapViewOfFile2 function
 * (memoryapi.h)".
 */
WINBASEAPI PVOID WINAPI
MapViewOfFileNuma2(HANDLE FileMappingHandle, HANDLE ProcessHandle,
		   ULONG64 Offset, PVOID BaseAddress, SIZE_T ViewSize,
		   ULONG AllocationType, ULONG PageProtection,
		   ULONG PreferredNode);

static inline PVOID MapViewOfFile2(HANDLE FileMappingHandle,
				   HANDLE ProcessHandle, ULONG64 Offset,
				   PVOID BaseAddress, SIZE_T ViewSize,
				   ULONG AllocationType, ULONG PageProtection)
{
	return MapViewOfFileNuma2(FileMappingHandle, ProcessHandle, Offset,
				  BaseAddress, ViewSize, AllocationType,
				  PageProtection, (ULONG)-1);
}

/*
 * UnmapViewOfFile - end a view
 * @lpBaseAddress: any address in it
 *
 * What a view has copied is gone. ERROR_INVALID_ADDRESS when there is no view.
 * Microsoft's page: "UnmapViewOfFile function (memoryapi.h)".
 */
WINBASEAPI BOOL WINAPI UnmapViewOfFile(LPCVOID lpBaseAddress);

/*
 * UnmapViewOfFileEx, UnmapViewOfFile2 - the same, with flags
 * @BaseAddress: any address in it
 * @UnmapFlags: MEM_PRESERVE_PLACEHOLDER: there is a placeholder again, as the
 *	view had replaced one (else ERROR_INVALID_ADDRESS);
 *	MEM_UNMAP_WITH_TRANSIENT_BOOST: no effect
 * @Process: handle (PROCESS_VM_OPERATION)
 *
 * Microsoft's pages: "UnmapViewOfFileEx function", "UnmapViewOfFile2 function
 * (memoryapi.h)".
 */
WINBASEAPI BOOL WINAPI UnmapViewOfFileEx(PVOID BaseAddress, ULONG UnmapFlags);
WINBASEAPI BOOL WINAPI UnmapViewOfFile2(HANDLE Process, PVOID BaseAddress,
					ULONG UnmapFlags);

/*
 * FlushViewOfFile - write a view to its file
 * @lpBaseAddress, @dwNumberOfBytesToFlush: a range of a view
 *
 * A size of 0 is up to the view's end. What was changed of a file is begun to be
 * written, and not waited for: fsync(2) does that. Where there is no file, all
 * there is to do is done. ERROR_INVALID_ADDRESS for what is not in one view,
 * ERROR_GEN_FAILURE when writing failed. Microsoft's page: "FlushViewOfFile function
 * (memoryapi.h)".
 */
WINBASEAPI BOOL WINAPI FlushViewOfFile(LPCVOID lpBaseAddress,
				       SIZE_T dwNumberOfBytesToFlush);

#ifdef UNICODE
#define CreateFileMapping	CreateFileMappingW
#define OpenFileMapping		OpenFileMappingW
#endif

/*
 * GetLargePageMinimum - size of a large page
 *
 * Returns 2 MiB, or 0 where Linux has no such pages (hugetlbfs). They are for
 * sections; VirtualAlloc with MEM_LARGE_PAGES is ERROR_NOT_SUPPORTED yet. May be
 * called from any thread. Microsoft's page: "GetLargePageMinimum function
 * (memoryapi.h)".
 */
WINBASEAPI SIZE_T WINAPI GetLargePageMinimum(VOID);

#ifdef __cplusplus
}
#endif

#endif
