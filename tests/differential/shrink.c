// SPDX-License-Identifier: MIT
/*
 * Delta debugging: run with a part left out; keep it out when it still fails.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../patience.h"
#include "run.h"
#include "shrink.h"

#define SECONDS_PER_RUN	240
#define SECONDS_IN_ALL	60

static void child_main(const struct sequence *seq, unsigned int engines,
		       enum loudness loudness, int report)
{
	size_t failed_at = 0;
	bool ok;

	nt_alarm(SECONDS_PER_RUN);
	if (loudness == RUN_SILENT && !freopen("/dev/null", "w", stdout))
		_exit(2);
	ok = run_sequence(seq, engines, loudness == RUN_VERBOSE, &failed_at);
	if (write(report, &failed_at, sizeof(failed_at)) < 0)
		_exit(2);
	_exit(!ok);
}

/* In a child, since a process that has used an engine has a space. */
static u64 charged(unsigned int engines)
{
	u64 bytes = 0;
	int fds[2];
	pid_t pid;

	if (!(engines & RUN_KERNEL) || pipe(fds))
		return 0;
	pid = fork();
	if (!pid) {
		bytes = run_charged();
		_exit(write(fds[1], &bytes, sizeof(bytes)) < 0);
	}
	close(fds[1]);
	if (read(fds[0], &bytes, sizeof(bytes)) != sizeof(bytes))
		bytes = 0;
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return bytes;
}

/*
 * What a process had charged comes back when it ends, though perhaps a moment
 * after it was waited for. (Nobody else is expected to use the module.)
 */
static bool charges_return(unsigned int engines, u64 before,
			   enum loudness loudness)
{
	u64 now = charged(engines);

	for (int i = 0; now != before && i < 50; i++)
		now = charged(engines);
	if (now == before)
		return true;
	if (loudness != RUN_SILENT)
		printf("# kernel engine: %#llx bytes stay charged after exit, %#llx before\n",
		       now, before);
	return false;
}

static bool run_in_child(const struct sequence *seq, unsigned int engines,
			 enum loudness loudness, size_t *failed_at)
{
	int fds[2], status = 0;
	pid_t pid;

	*failed_at = seq->count;
	fflush(stdout);
	if (pipe(fds))
		return false;
	pid = fork();
	if (!pid)
		child_main(seq, engines, loudness, fds[1]);
	close(fds[1]);
	if (pid < 0 || read(fds[0], failed_at, sizeof(*failed_at)) < 0)
		*failed_at = seq->count;
	close(fds[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFSIGNALED(status) && loudness != RUN_SILENT)
		printf("# the run died of signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

bool shrink_run(const struct sequence *seq, unsigned int engines,
		enum loudness loudness, size_t *failed_at)
{
	u64 before = charged(engines);
	bool ok;

	fflush(stdout);
	ok = run_in_child(seq, engines, loudness, failed_at);
	return charges_return(engines, before, loudness) && ok;
}

static void without(struct sequence *to, const struct sequence *from,
		    size_t first, size_t count)
{
	*to = *from;
	to->ops = NULL;
	to->count = to->room = 0;
	for (size_t i = 0; i < from->count; i++) {
		if (i < first || i >= first + count)
			sequence_add(to, &from->ops[i]);
	}
}

/* True when the failure is still there; @seq is then the shorter one. */
static bool try_without(struct sequence *seq, unsigned int engines,
			size_t first, size_t count)
{
	struct sequence shorter;
	size_t failed_at;

	without(&shorter, seq, first, count);
	if (shrink_run(&shorter, engines, RUN_SILENT, &failed_at)) {
		sequence_free(&shorter);
		return false;
	}
	sequence_free(seq);
	*seq = shorter;
	return true;
}

void shrink(struct sequence *seq, unsigned int engines, size_t failed_at)
{
	time_t end = time(NULL) + SECONDS_IN_ALL;
	size_t chunk;
	bool progress = true;

	if (failed_at + 1 < seq->count)
		try_without(seq, engines, failed_at + 1, seq->count);
	chunk = (seq->count + 1) / 2;
	while (chunk && (progress || chunk > 1)) {
		progress = false;
		for (size_t i = seq->count; i > 0;) {
			i = i > chunk ? i - chunk : 0;
			if (time(NULL) > end)
				return;
			progress |= try_without(seq, engines, i, chunk);
		}
		if (chunk > 1)
			chunk = (chunk + 1) / 2;
	}
}
