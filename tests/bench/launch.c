// SPDX-License-Identifier: MIT
/*
 * Starts a whole program with an allocator preloaded, and tells how long it
 * took and how much it held. Whoever starts a program counts in its ru_maxrss,
 * as what it was before exec(); so it is started from a process as small as
 * this, and not from the script.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static void become(const char *preload, char **command)
{
	int nothing = open("/dev/null", O_WRONLY);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* Our output is for what we tell. */
	if (nothing < 0 || dup2(nothing, STDOUT_FILENO) < 0)
		_exit(126);
	if (preload)
		setenv("LD_PRELOAD", preload, 1);
	execvp(command[0], command);
	fprintf(stderr, "bench: %s: %s\n", command[0], strerror(errno));
	_exit(127);
}

static double cpu_seconds(const struct rusage *usage)
{
	return usage->ru_utime.tv_sec + usage->ru_stime.tv_sec +
	       (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

int launch(const char *preload, char **command)
{
	double began = seconds_now();
	struct rusage usage;
	int status;
	pid_t pid;

	/* A Ctrl-C is for the program; what it held is still told. */
	signal(SIGINT, SIG_IGN);
	pid = fork();
	if (pid < 0)
		abort();
	if (!pid) {
		signal(SIGINT, SIG_DFL);
		become(preload, command);
	}
	while (wait4(pid, &status, 0, &usage) < 0)
		if (errno != EINTR)
			abort();
	printf("{\"seconds\": %.6f, \"cpu_seconds\": %.6f, \"peak_kib\": %ld, \"status\": %d}\n",
	       seconds_now() - began, cpu_seconds(&usage), usage.ru_maxrss,
	       WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status));
	return 0;
}
