// SPDX-License-Identifier: MIT
/*
 * DuplicateHandle: within this process, and from one to another, which makes the
 * new handle, or gives away its old one, itself: see handle_service.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "engine/highfd.h"
#include "virtual/duplicate.h"
#include "virtual/section.h"

#define OPTIONS		(DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE)

/* A second descriptor of the same file, high up; -1 with the last error set. */
static int again(int fd)
{
	int saved_errno = errno;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy >= 0)
		copy = ntmem_highfd(copy);
	else
		SetLastError(ERROR_TOO_MANY_OPEN_FILES);
	errno = saved_errno;
	return copy;
}

/* A thread's helper is needed by each handle, a process's comes by itself. */
static HANDLE duplicate_more(enum handle_kind kind, int fd, DWORD access,
			     const struct handle_more *old)
{
	int helper = kind == HANDLE_THREAD ? handle_helper(old) : -1;
	int copy = again(fd);
	HANDLE made = NULL;

	if (copy >= 0 && helper >= 0) {
		helper = again(helper);
		if (helper < 0) {
			close(copy);
			return NULL;
		}
	}
	if (copy >= 0)
		made = handle_make_kind(kind, copy, access, old->id, helper);
	if (!made && copy >= 0) {
		close(copy);
		if (helper >= 0)
			close(helper);
	}
	return made;
}

HANDLE handle_duplicate(HANDLE source, const struct handle_wish *wish)
{
	const struct handle_more *old;
	DWORD access = wish->access, have;
	enum handle_kind kind;
	HANDLE made;
	int fd;

	if (source == GetCurrentProcess())
		return process_self(wish->same_access ? PROCESS_ALL_ACCESS :
							access,
				    wish->inherit);
	old = handle_look_any(source, &kind, &fd, &have);
	if (!old)
		return NULL;
	if (wish->same_access)
		access = have;
	if (access & ~have) {
		SetLastError(ERROR_ACCESS_DENIED);
		return NULL;
	}
	if (kind == HANDLE_SECTION)
		return section_handle(NULL, fd, access, wish->inherit);
	made = duplicate_more(kind, fd, access, old);
	if (made && wish->inherit && handle_look_kind(made, kind, &fd, &have))
		handle_inherit(fd, true);
	return made;
}

/* ----------------------------------------------------------- two processes --- */

/* The handle, as one of this process. */
static DWORD bring(const struct process *source, HANDLE handle,
		   const struct handle_wish *wish, HANDLE *here)
{
	if (!source->own)
		return handle_take(source, handle, wish, here);
	*here = handle_duplicate(handle, wish);
	return *here ? ERROR_SUCCESS : GetLastError();
}

static DWORD duplicate(const struct process *source, HANDLE handle,
		       const struct process *target, LPHANDLE made,
		       const struct handle_wish *wish)
{
	struct handle_wish passing = *wish;
	HANDLE here;
	DWORD code;

	if (target->own)
		return bring(source, handle, wish, made);
	passing.inherit = false;
	code = bring(source, handle, &passing, &here);
	if (code)
		return code;
	code = handle_put(target, here, wish->inherit, made);
	CloseHandle(here);
	return code;
}

static DWORD close_source(const struct process *source, HANDLE handle)
{
	if (!source->own)
		return handle_close_there(source, handle);
	return CloseHandle(handle) ? ERROR_SUCCESS : GetLastError();
}

BOOL WINAPI DuplicateHandle(HANDLE hSourceProcessHandle, HANDLE hSourceHandle,
			    HANDLE hTargetProcessHandle,
			    LPHANDLE lpTargetHandle, DWORD dwDesiredAccess,
			    BOOL bInheritHandle, DWORD dwOptions)
{
	const struct handle_wish wish = {
		.access = dwDesiredAccess, .inherit = bInheritHandle,
		.same_access = dwOptions & DUPLICATE_SAME_ACCESS,
	};
	struct process source, target;
	DWORD code = ERROR_INVALID_PARAMETER;

	if (!process_look(hSourceProcessHandle, PROCESS_DUP_HANDLE, &source))
		return FALSE;
	if (dwOptions & ~(DWORD)OPTIONS)
		return ntmem_refuse(ERROR_INVALID_PARAMETER);
	/* Without a process to have it, it is only to be closed. */
	if (!hTargetProcessHandle && dwOptions & DUPLICATE_CLOSE_SOURCE) {
		code = close_source(&source, hSourceHandle);
		return code ? ntmem_refuse(code) : TRUE;
	}
	if (!process_look(hTargetProcessHandle, PROCESS_DUP_HANDLE, &target))
		code = GetLastError();
	else if (lpTargetHandle)
		code = duplicate(&source, hSourceHandle, &target,
				 lpTargetHandle, &wish);
	if (dwOptions & DUPLICATE_CLOSE_SOURCE)
		close_source(&source, hSourceHandle);
	return code ? ntmem_refuse(code) : TRUE;
}
