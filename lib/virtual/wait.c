// SPDX-License-Identifier: MIT
/*
 * WaitForSingleObject: for the end of processes and threads, which are
 * descriptors that can be read then.
 */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "virtual/thread.h"

#define NS_PER_MS	1000000L
#define MS_PER_S	1000

static struct timespec after(DWORD milliseconds)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += milliseconds / MS_PER_S;
	end.tv_nsec += milliseconds % MS_PER_S * NS_PER_MS;
	return end;
}

/* What is left until then, as ppoll(2) takes it. */
static struct timespec until(const struct timespec *end)
{
	struct timespec now;
	int64_t left;

	clock_gettime(CLOCK_MONOTONIC, &now);
	left = (int64_t)(end->tv_sec - now.tv_sec) * MS_PER_S * NS_PER_MS +
	       (end->tv_nsec - now.tv_nsec);
	if (left < 0)
		left = 0;
	return (struct timespec){
		.tv_sec = left / (MS_PER_S * NS_PER_MS),
		.tv_nsec = left % (MS_PER_S * NS_PER_MS),
	};
}

/* Handlers of signals may run meanwhile; waiting goes on. */
static DWORD wait_for(struct pollfd files[2], DWORD milliseconds)
{
	struct timespec end = after(milliseconds), left;
	int ready;

	do {
		left = until(&end);
		ready = ppoll(files, 2,
			      milliseconds == INFINITE ? NULL : &left, NULL);
	} while (ready < 0 && errno == EINTR);
	if (ready < 0) {
		SetLastError(ERROR_NOT_ENOUGH_MEMORY);
		return WAIT_FAILED;
	}
	if ((files[0].revents | files[1].revents) & POLLNVAL) {
		SetLastError(ERROR_INVALID_HANDLE);
		return WAIT_FAILED;
	}
	return ready ? WAIT_OBJECT_0 : WAIT_TIMEOUT;
}

DWORD WINAPI WaitForSingleObject(HANDLE hHandle, DWORD dwMilliseconds)
{
	struct pollfd files[2] = {
		{ .fd = -1, .events = POLLIN }, { .fd = -1, .events = POLLIN },
	};
	const struct handle_more *more;
	int saved_errno = errno;
	enum handle_kind kind;
	DWORD access, result;

	if (hHandle != GetCurrentProcess() && hHandle != GetCurrentThread()) {
		more = handle_look_any(hHandle, &kind, &files[0].fd, &access);
		if (!more)
			return WAIT_FAILED;
		if (kind == HANDLE_SECTION ||
		    !handle_is_whole(more, files[0].fd)) {
			SetLastError(ERROR_INVALID_HANDLE);
			return WAIT_FAILED;
		}
		if (!(access & SYNCHRONIZE)) {
			SetLastError(ERROR_ACCESS_DENIED);
			return WAIT_FAILED;
		}
		/* A thread ends with its process, too. */
		if (kind == HANDLE_THREAD)
			files[1].fd = handle_helper(more);
	}
	result = wait_for(files, dwMilliseconds);
	thread_after_hearing();
	errno = saved_errno;
	return result;
}
