// SPDX-License-Identifier: MIT
/*
 * Work for another process: this program starts itself anew, as a worker that
 * knows nothing but that it allows remote threads. It allocates memory in the
 * worker, puts numbers there, has a thread of the worker add them up, and reads
 * the sum that it has left behind them.
 *
 * remote; exit status 0 when the sum is right; 77 where memory of other processes
 * is out of reach: on the embedded engine.
 */
#include <windows.h>

#include <ntmem.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NUMBERS	1000

struct work {
	uint32_t count;
	uint64_t sum;
	uint32_t numbers[NUMBERS];
};

/* In the worker, at whatever address its program lies. */
static DWORD WINAPI add(LPVOID arg)
{
	struct work *work = arg;
	uint32_t i;

	for (i = 0; i < work->count; i++)
		work->sum += work->numbers[i];
	return work->count;
}

/* Tells where add() is, and is there until its input ends. */
static int be_worker(void)
{
	LPTHREAD_START_ROUTINE start = add;
	char c;

	if (!ntmem_allow_remote_threads())
		return 1;
	if (write(STDOUT_FILENO, &start, sizeof(start)) != sizeof(start))
		return 1;
	return read(STDIN_FILENO, &c, 1) ? 1 : 0;
}

/* Its number, and both pipes; in the worker it does not return. */
static pid_t start_worker(int *to, int *from)
{
	int there[2], back[2];
	pid_t pid;

	if (pipe(there) || pipe(back))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(there[0], STDIN_FILENO);
		dup2(back[1], STDOUT_FILENO);
		close(there[1]);
		execl("/proc/self/exe", "remote", "worker", NULL);
		_exit(1);
	}
	close(there[0]);
	close(back[1]);
	*to = there[1];
	*from = back[0];
	return pid;
}

static int fail(const char *what)
{
	fprintf(stderr, "%s: error %u\n", what, (unsigned int)GetLastError());
	return 1;
}

/* 0 when the worker has added up what it got. */
static int have_added(HANDLE worker, struct work *there,
		      LPTHREAD_START_ROUTINE start)
{
	struct work work = { .count = NUMBERS };
	uint64_t sum = 0;
	HANDLE thread;
	DWORD code;
	int i;

	for (i = 0; i < NUMBERS; i++) {
		work.numbers[i] = (uint32_t)i * 2654435761U;
		sum += work.numbers[i];
	}
	if (!WriteProcessMemory(worker, there, &work, sizeof(work), NULL))
		return fail("WriteProcessMemory");
	thread = CreateRemoteThread(worker, NULL, 0, start, there, 0, NULL);
	if (!thread)
		return fail("CreateRemoteThread");
	if (WaitForSingleObject(thread, INFINITE) != WAIT_OBJECT_0 ||
	    !GetExitCodeThread(thread, &code) || code != NUMBERS)
		return fail("the thread");
	CloseHandle(thread);
	if (!ReadProcessMemory(worker, there, &work, sizeof(work), NULL))
		return fail("ReadProcessMemory");
	printf("%u numbers make %llu\n", (unsigned int)code,
	       (unsigned long long)work.sum);
	return work.sum == sum ? 0 : 1;
}

int main(int argc, char **argv)
{
	LPTHREAD_START_ROUTINE start;
	int to, from, status = 1;
	struct work *there;
	HANDLE worker;
	pid_t pid;

	if (argc > 1 && !strcmp(argv[1], "worker"))
		return be_worker();
	pid = start_worker(&to, &from);
	if (pid < 0 || read(from, &start, sizeof(start)) != sizeof(start))
		return fail("the worker");
	worker = OpenProcess(PROCESS_ALL_ACCESS, FALSE, (DWORD)pid);
	if (!worker)
		return fail("OpenProcess");
	there = VirtualAllocEx(worker, NULL, sizeof(*there), MEM_COMMIT,
			       PAGE_READWRITE);
	if (there) {
		status = have_added(worker, there, start);
		VirtualFreeEx(worker, there, 0, MEM_RELEASE);
	} else if (GetLastError() == ERROR_NOT_SUPPORTED) {
		puts("this engine has no memory of other processes");
		status = 77;
	} else {
		fail("VirtualAllocEx");
	}
	close(to);
	if (WaitForSingleObject(worker, INFINITE) != WAIT_OBJECT_0)
		status = fail("the end of the worker");
	CloseHandle(worker);
	waitpid(pid, NULL, 0);
	return status;
}
