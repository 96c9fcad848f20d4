// SPDX-License-Identifier: MIT
/*
 * How many system calls a malloc and a free make, as a tracer of a child sees
 * them. Not while single-stepping: that is so slow that what an allocator does
 * after some time, it would do at each call.
 */
#include <signal.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define UD2	2UL		/* bytes */

/* Seen by the parent as SIGILL, which no system call looks like. */
#define mark()	__asm__ volatile("ud2" ::: "memory")

/* Marks: begin of n pairs, end and begin of 2n, end. */
static void be_traced(size_t size, unsigned long pairs)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	mark();
	take_and_free(size, pairs);
	mark();
	take_and_free(size, 2 * pairs);
	mark();
	_exit(0);
}

/* Resumes the child until it stops again; false at its end or at a fault. */
static bool resume(int how, pid_t pid, int *signal)
{
	int status;

	if (ptrace(how, pid, NULL, NULL) || waitpid(pid, &status, 0) != pid ||
	    !WIFSTOPPED(status))
		return false;
	*signal = WSTOPSIG(status);
	return *signal == SIGTRAP || *signal == (SIGTRAP | 0x80) ||
	       *signal == SIGILL;
}

/* Past the mark, whose signal the child does not get to see. */
static bool pass_mark(pid_t pid)
{
	struct user_regs_struct registers;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &registers))
		return false;
	registers.rip += UD2;
	return !ptrace(PTRACE_SETREGS, pid, NULL, &registers);
}

/* Stops until the next mark: entries to and exits from the kernel. */
static long count_stops(int how, pid_t pid)
{
	long stops = 0;
	int signal;

	for (;;) {
		if (!resume(how, pid, &signal))
			return -1;
		if (signal == SIGILL)
			break;
		stops++;
	}
	return pass_mark(pid) ? stops : -1;
}

double count_calls(size_t size, unsigned long pairs)
{
	pid_t pid = fork();
	long once = -1, twice = -1;
	int status;

	if (!pid)
		be_traced(size, pairs);
	if (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) &&
	    count_stops(PTRACE_CONT, pid) >= 0) {
		once = count_stops(PTRACE_SYSCALL, pid);
		twice = once < 0 ? -1 : count_stops(PTRACE_SYSCALL, pid);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (twice < 0)
		return -1;
	return twice > once ? (twice - once) / 2.0 / pairs : 0;
}
