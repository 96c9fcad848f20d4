// SPDX-License-Identifier: MIT
/*
 * The table of handles. A slot is one word, so that no lock is needed: who
 * finds it free takes it, who closes a handle empties it.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "ntmem/handleapi.h"
#include "ntmem/ntmem.h"
#include "virtual/handle.h"
#include "virtual/section.h"

#define HANDLES		16384
/* Windows' handles are multiples of four, the first not 0. */
#define STEP		4

/* Access in the upper half, the descriptor plus one in the lower; 0 is free. */
static uint64_t handles[HANDLES];
static unsigned int hint;

static uint64_t slot_of(int fd, DWORD access)
{
	return (uint64_t)access << 32 | (uint32_t)(fd + 1);
}

static uint64_t *find(HANDLE handle)
{
	uintptr_t number = (uintptr_t)handle;

	if (!number || number % STEP || number / STEP > HANDLES)
		return NULL;
	return &handles[number / STEP - 1];
}

HANDLE handle_make(int fd, DWORD access)
{
	unsigned int start = __atomic_load_n(&hint, __ATOMIC_RELAXED), i, at;
	uint64_t free;

	for (i = 0; i < HANDLES; i++) {
		at = (start + i) % HANDLES;
		free = 0;
		if (__atomic_compare_exchange_n(&handles[at], &free,
						slot_of(fd, access), 0,
						__ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED)) {
			__atomic_store_n(&hint, at + 1, __ATOMIC_RELAXED);
			return (HANDLE)(uintptr_t)((at + 1) * STEP);
		}
	}
	SetLastError(ERROR_TOO_MANY_OPEN_FILES);
	return NULL;
}

bool handle_look(HANDLE handle, int *fd, DWORD *access)
{
	uint64_t *slot = find(handle);
	uint64_t value = slot ? __atomic_load_n(slot, __ATOMIC_ACQUIRE) : 0;

	if (!value)
		return ntmem_refuse(ERROR_INVALID_HANDLE);
	*fd = (int)(uint32_t)value - 1;
	*access = value >> 32;
	return true;
}

void handle_inherit(int fd, bool inherit)
{
	int saved_errno = errno;

	fcntl(fd, F_SETFD, inherit ? 0 : FD_CLOEXEC);
	errno = saved_errno;
}

BOOL WINAPI CloseHandle(HANDLE hObject)
{
	int saved_errno = errno;
	uint64_t *slot = find(hObject), value;

	if (hObject == GetCurrentProcess())
		return TRUE;
	value = slot ? __atomic_exchange_n(slot, 0, __ATOMIC_ACQ_REL) : 0;
	if (!value)
		return ntmem_refuse(ERROR_INVALID_HANDLE);
	__atomic_store_n(&hint, (unsigned int)(slot - handles),
			 __ATOMIC_RELAXED);
	close((int)(uint32_t)value - 1);
	errno = saved_errno;
	return TRUE;
}

/* ------------------------------------------------------------------------ */

static HANDLE duplicate(HANDLE source, DWORD access, BOOL inherit,
			DWORD options)
{
	DWORD have;
	int fd;

	if (!handle_look(source, &fd, &have))
		return NULL;
	if (options & DUPLICATE_SAME_ACCESS)
		access = have;
	if (access & ~have) {
		SetLastError(ERROR_ACCESS_DENIED);
		return NULL;
	}
	return section_handle(NULL, fd, access, inherit);
}

BOOL WINAPI DuplicateHandle(HANDLE hSourceProcessHandle, HANDLE hSourceHandle,
			    HANDLE hTargetProcessHandle,
			    LPHANDLE lpTargetHandle, DWORD dwDesiredAccess,
			    BOOL bInheritHandle, DWORD dwOptions)
{
	HANDLE made = NULL;

	if (hSourceProcessHandle != GetCurrentProcess() ||
	    hTargetProcessHandle != GetCurrentProcess())
		return ntmem_refuse(ERROR_INVALID_HANDLE);
	if (dwOptions & ~(DWORD)(DUPLICATE_SAME_ACCESS |
				 DUPLICATE_CLOSE_SOURCE))
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	if (lpTargetHandle)
		made = duplicate(hSourceHandle, dwDesiredAccess,
				 bInheritHandle, dwOptions);
	else
		SetLastError(ERROR_INVALID_PARAMETER);
	if (dwOptions & DUPLICATE_CLOSE_SOURCE)
		CloseHandle(hSourceHandle);
	if (!made)
		return FALSE;
	*lpTargetHandle = made;
	return TRUE;
}

int ntmem_handle_to_fd(HANDLE handle)
{
	DWORD access;
	int fd = -1;

	handle_look(handle, &fd, &access);
	return fd;
}

HANDLE ntmem_handle_from_fd(int fd)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct ntmem_section section = { .fd = fd };

	if (!engine || !ntmem_result(engine->query_section(&section)))
		return NULL;
	return handle_make(fd, section_access_of(section.prot));
}
