// SPDX-License-Identifier: MIT
/*
 * Processes: opened, looked at, ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/highfd.h"
#include "ntmem/processthreadsapi.h"
#include "virtual/process.h"

/* For these whoever sees the process is good enough; TERMINATE is by signal. */
#define HARMLESS	(SYNCHRONIZE | STANDARD_RIGHTS_REQUIRED | \
			 PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_TERMINATE)

/* The signal of an exit status that has one. */
#define BY_SIGNAL	128

HANDLE WINAPI GetCurrentProcess(VOID)
{
	return (HANDLE)(LONG_PTR)-1;
}

DWORD WINAPI GetCurrentProcessId(VOID)
{
	return getpid();
}

/* ----------------------------------------------------------------- look --- */

bool process_has_number(int pidfd)
{
	return !pidfd_send_signal(pidfd, 0, NULL, 0) || errno == EPERM;
}

bool process_has_ended(int pidfd)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };

	return poll(&ended, 1, 0) == 1;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int process_await(struct pollfd *files, nfds_t count, int deadline_ms)
{
	int64_t end = now_ms() + deadline_ms, left = deadline_ms;
	int ready;

	do {
		ready = poll(files, count, (int)left);
		if (deadline_ms >= 0)
			left = end - now_ms();
		if (deadline_ms >= 0 && left < 0)
			left = 0;
	} while (ready < 0 && errno == EINTR);
	return ready;
}

bool process_look(HANDLE handle, DWORD rights, struct process *process)
{
	int saved_errno = errno;
	DWORD access;

	*process = (struct process){
		.pidfd = -1, .pid = getpid(), .own = true,
	};
	if (handle == GetCurrentProcess())
		return true;
	process->turn = handle_turn(handle);
	process->more = handle_look_kind(handle, HANDLE_PROCESS,
					 &process->pidfd, &access);
	if (!process->more)
		return false;
	if (access & PROCESS_QUERY_INFORMATION)
		access |= PROCESS_QUERY_LIMITED_INFORMATION;
	if (rights & ~access)
		return ntmem_refuse(ERROR_ACCESS_DENIED);
	/* A child may have got the number of one that its parent knew. */
	process->own = process->more->id == process->pid &&
		       process_has_number(process->pidfd);
	process->pid = process->more->id;
	errno = saved_errno;
	return true;
}

int process_number(int pidfd)
{
	char text[512], path[48];
	const char *line;
	ssize_t len;
	int fd, number;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -EACCES : -errno;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[len > 0 ? len : 0] = '\0';
	line = strstr(text, "\nPid:");
	number = line ? atoi(line + sizeof("\nPid:") - 1) : 0;
	if (number < 0)
		return -ESRCH;
	return number ? number : -EACCES;
}

int process_open_proc(int pidfd)
{
	int number = process_number(pidfd), proc;
	char path[32];

	if (number < 0)
		return number;
	snprintf(path, sizeof(path), "/proc/%d", number);
	proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	/* Had it not been alive, this might be somebody else's directory. */
	if (!process_has_number(pidfd)) {
		close(proc);
		return -ESRCH;
	}
	return proc;
}

/* ----------------------------------------------------------------- open --- */

/*
 * Might we attach to it by ptrace(2)? The kernel looks at that before it finds
 * that there is no such descriptor, or no descriptors any more.
 */
static bool may_attach(int pidfd)
{
	return pidfd_getfd(pidfd, INT_MAX, 0) >= 0 || errno == EBADF ||
	       errno == ESRCH;
}

/* Does the kernel allow what a handle with these rights will do? */
static DWORD check_access(int pidfd, DWORD access)
{
	if ((access & PROCESS_TERMINATE) &&
	    pidfd_send_signal(pidfd, 0, NULL, 0) && errno != ESRCH)
		return ERROR_ACCESS_DENIED;
	if ((access & ~(DWORD)HARMLESS) && !may_attach(pidfd))
		return ERROR_ACCESS_DENIED;
	return process_has_number(pidfd) ? ERROR_SUCCESS :
					   ERROR_INVALID_PARAMETER;
}

static DWORD open_error(void)
{
	switch (errno) {
	case EMFILE:
	case ENFILE:
		return ERROR_TOO_MANY_OPEN_FILES;
	case ENOMEM:
		return ERROR_NOT_ENOUGH_MEMORY;
	case ENOSYS:
		return ERROR_NOT_SUPPORTED;
	default:
		/* There is none, or it is a thread's number. */
		return ERROR_INVALID_PARAMETER;
	}
}

static HANDLE open_process(pid_t pid, DWORD access, bool inherit)
{
	int fd = pidfd_open(pid, 0);
	HANDLE handle = NULL;
	DWORD code;

	if (fd < 0) {
		SetLastError(open_error());
		return NULL;
	}
	fd = ntmem_highfd(fd);
	code = check_access(fd, access);
	if (code)
		SetLastError(code);
	else
		handle = handle_make_kind(HANDLE_PROCESS, fd, access, pid, -1);
	if (!handle)
		close(fd);
	else if (inherit)
		handle_inherit(fd, true);
	return handle;
}

HANDLE WINAPI OpenProcess(DWORD dwDesiredAccess, BOOL bInheritHandle,
			  DWORD dwProcessId)
{
	int saved_errno = errno;
	HANDLE handle;

	if (dwDesiredAccess & ~(DWORD)PROCESS_ALL_ACCESS) {
		SetLastError(ERROR_NOT_SUPPORTED);
		return NULL;
	}
	if (!dwProcessId || dwProcessId > INT_MAX) {
		SetLastError(ERROR_INVALID_PARAMETER);
		return NULL;
	}
	handle = open_process((pid_t)dwProcessId, dwDesiredAccess,
			      bInheritHandle);
	errno = saved_errno;
	return handle;
}

HANDLE process_self(DWORD access, bool inherit)
{
	return OpenProcess(access, inherit, GetCurrentProcessId());
}

DWORD WINAPI GetProcessId(HANDLE Process)
{
	struct process process;

	if (!process_look(Process, PROCESS_QUERY_LIMITED_INFORMATION,
			  &process))
		return 0;
	return process.pid;
}

/* ------------------------------------------------------------------ end --- */

/* An exit status as wait(2) has it. */
static DWORD code_of(int status)
{
	return WIFSIGNALED(status) ? BY_SIGNAL + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

/* Of a child, which stays to be waited for. */
static bool child_status(int pidfd, DWORD *code)
{
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG | WNOWAIT) ||
	    !info.si_pid)
		return false;
	*code = info.si_code == CLD_EXITED ? (DWORD)info.si_status :
					     BY_SIGNAL + (DWORD)info.si_status;
	return true;
}

/*
 * Of any process that has not been waited for: the last of the numbers behind its
 * name. It is zero for those, too, who may not know.
 */
static bool any_status(int pidfd, DWORD *code)
{
	int proc = process_open_proc(pidfd), fd, i;
	char text[2048], *at;
	ssize_t len;

	if (proc < 0)
		return false;
	fd = openat(proc, "stat", O_RDONLY | O_CLOEXEC);
	close(proc);
	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[len > 0 ? len : 0] = '\0';
	at = strrchr(text, ')');
	/* The state is the third field, the status the 52nd. */
	for (i = 2; at && i < 52; i++)
		at = strchr(at + 1, ' ');
	if (!at || !may_attach(pidfd))
		return false;
	*code = code_of(atoi(at));
	return true;
}

BOOL WINAPI GetExitCodeProcess(HANDLE hProcess, LPDWORD lpExitCode)
{
	int saved_errno = errno;
	struct process process;
	DWORD code = STILL_ACTIVE;
	bool known = true;

	if (!process_look(hProcess, PROCESS_QUERY_LIMITED_INFORMATION,
			  &process))
		return FALSE;
	if (!lpExitCode)
		return ntmem_refuse(ERROR_NOACCESS);
	if (!process.own && process_has_ended(process.pidfd))
		known = child_status(process.pidfd, &code) ||
			any_status(process.pidfd, &code);
	errno = saved_errno;
	if (!known)
		return ntmem_refuse(ERROR_NOT_SUPPORTED);
	*lpExitCode = code;
	return TRUE;
}

BOOL WINAPI TerminateProcess(HANDLE hProcess, UINT uExitCode)
{
	int saved_errno = errno;
	struct process process;
	bool done;

	if (!process_look(hProcess, PROCESS_TERMINATE, &process))
		return FALSE;
	if (process.own)
		_exit((int)uExitCode);
	done = !process_has_ended(process.pidfd) &&
	       !pidfd_send_signal(process.pidfd, SIGKILL, NULL, 0);
	errno = saved_errno;
	return done ? TRUE : ntmem_refuse(ERROR_ACCESS_DENIED);
}
