// SPDX-License-Identifier: MIT
/*
 * How many instructions a malloc and a free take together: a child is
 * single-stepped through n pairs and through 2n, and what the second n took is
 * divided by n. Counted so are the loop, two bytes written, and the calls by way
 * of the PLT: about a dozen. Beside it, how many system calls a pair makes.
 * 64 blocks of the size stay allocated. The count needs no counter of the
 * hardware, and does not depend on what else the machine does.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define ALIVE	64
#define UD2	2UL		/* bytes */

/* Seen by the parent as SIGILL, which no single step looks like. */
#define mark()	__asm__ volatile("ud2" ::: "memory")

static __attribute__((noinline)) void take_and_free(size_t size,
						    unsigned long pairs)
{
	for (unsigned long i = 0; i < pairs; i++) {
		char *block = malloc(size);

		touch(block, size);
		free(block);
	}
}

/* Marks: begin of n, end, begin of 2n, end; once by steps, once by calls. */
static void be_stepped(size_t size, unsigned long pairs)
{
	void *alive[ALIVE];

	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	for (unsigned int i = 0; i < ALIVE; i++)
		alive[i] = take(size);
	take_and_free(size, 4 * pairs);
	for (unsigned int i = 0; i < 2; i++) {
		mark();
		take_and_free(size, pairs);
		mark();
		take_and_free(size, 2 * pairs);
		mark();
	}
	for (unsigned int i = 0; i < ALIVE; i++)
		free(alive[i]);
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

/* Stops until the next mark: steps, or entries to and exits from the kernel. */
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

/* Stops a pair between the next three marks. */
static bool stops_a_pair(int how, pid_t pid, unsigned long pairs, double *stops)
{
	long once, twice;

	if (count_stops(PTRACE_CONT, pid) < 0)
		return false;
	once = count_stops(how, pid);
	twice = once < 0 ? -1 : count_stops(how, pid);
	*stops = (double)(twice - once) / pairs;
	return twice >= 0;
}

int count_steps(size_t size, unsigned long pairs)
{
	bool done = false;
	double steps, calls;
	pid_t pid = fork();
	int status;

	if (!pid)
		be_stepped(size, pairs);
	if (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
		done = stops_a_pair(PTRACE_SINGLESTEP, pid, pairs, &steps) &&
		       stops_a_pair(PTRACE_SYSCALL, pid, pairs, &calls);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (!done) {
		fprintf(stderr, "bench: the child could not be stepped\n");
		return 1;
	}
	printf("{\"size\": %zu, \"pairs\": %lu, \"instructions\": %.1f, \"system_calls\": %.3f}\n",
	       size, pairs, steps, calls > 0 ? calls / 2 : 0);
	return 0;
}
