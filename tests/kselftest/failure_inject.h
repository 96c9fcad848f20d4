/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Makes the n-th allocation or copy of a thread's next system calls and faults
 * fail, and, if wished, allocations that follow. It needs a kernel with
 * fault injection (/proc/PID/fail-nth, failslab, fail_page_alloc), and root.
 *
 * FAILURE_MAIN ends a file of tests that need it.
 */
#ifndef FAILURE_INJECT_H
#define FAILURE_INJECT_H

#include "ntmem_test.h"

#include <sys/rseq.h>

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define FAULT_FOLDER	"/sys/kernel/debug/"

/*
 * How many allocations fail in a row, of each of the two allocators: the core
 * may try again with other flags, and cleaning up may need memory, too. No call
 * tries as often as ALL; but a fault does, until there is memory.
 */
#define ONE	1
#define TWO	2
#define ALL	500

/* What says how much fails, and for whom; and how much did fail. */
static struct {
	int nth;		/* fail-nth of this thread */
	int fails;		/* make-it-fail: the rest may fail for it */
	int times[2];		/* how many more failslab, fail_page_alloc let fail */
	unsigned int used;	/* of these, the last time */
} injection = { -1, -1, { -1, -1 }, 0 };

static inline void injection_reopen(int *fd, const char *path)
{
	close(*fd);
	*fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(*fd >= 0);
}

/* For a thread that is to inject. */
static inline void injection_open(void)
{
	injection_reopen(&injection.nth, FAIL_NTH);
	injection_reopen(&injection.fails, "/proc/self/make-it-fail");
	/* These can be read once. */
	injection_reopen(&injection.times[0], FAULT_FOLDER "failslab/times");
	injection_reopen(&injection.times[1],
			 FAULT_FOLDER "fail_page_alloc/times");
}

/* The kernel's notes in a thread's memory would fail, too, and kill it. */
static inline void forget_rseq(void)
{
	char *area = (char *)__builtin_thread_pointer() + __rseq_offset;

	if (__rseq_size)
		syscall(SYS_rseq, area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
}

/* Nothing fails but by what follows; then everything may. */
static inline void injection_begin(struct __test_metadata *_metadata)
{
	static const char *const settings[][2] = {
		{ "failslab/ignore-gfp-wait", "0" },
		{ "fail_page_alloc/ignore-gfp-wait", "0" },
		{ "fail_page_alloc/ignore-gfp-highmem", "0" },
		{ "fail_page_alloc/min-order", "0" },
		{ "failslab/verbose", "0" }, { "fail_page_alloc/verbose", "0" },
		{ "fail_usercopy/verbose", "0" },
		{ "failslab/task-filter", "1" },
		{ "fail_page_alloc/task-filter", "1" },
		{ "failslab/space", "0" }, { "fail_page_alloc/space", "0" },
		{ "failslab/times", "0" }, { "fail_page_alloc/times", "0" },
		{ "failslab/probability", "100" },
		{ "fail_page_alloc/probability", "100" },
	};
	char path[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		snprintf(path, sizeof(path), FAULT_FOLDER "%s", settings[i][0]);
		ASSERT_EQ(0, nt_write_file(path, settings[i][1])) {
			TH_LOG("%s", path);
		}
	}
	forget_rseq();
	injection_open();
}

/* Neither this nor what follows needs memory. */
static inline void injection_write(int fd, unsigned int value)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", value);

	CHECK(write(fd, text, length) == length);
}

static inline void injection_times(unsigned int times)
{
	injection_write(injection.times[0], times);
	injection_write(injection.times[1], times);
}

/* Of times, how many failed, of whichever there were more. */
static inline unsigned int injection_used(unsigned int times)
{
	unsigned int used = 0;
	char text[16];
	int i;

	for (i = 0; i < 2; i++) {
		memset(text, 0, sizeof(text));
		CHECK(read(injection.times[i], text, sizeof(text) - 1) > 0);
		if (used < times - strtoul(text, NULL, 10))
			used = times - strtoul(text, NULL, 10);
	}
	return used;
}

/*
 * The n-th fails from now on, and all of this thread's allocations that follow
 * until so many have. The counting begins with the last system call here.
 */
static inline void inject(unsigned int n, unsigned int times)
{
	if (n && times > 1) {
		injection_write(injection.fails, 1);
		injection_times(times);
	}
	injection_write(injection.nth, n);
}

/*
 * Was it used up, so that something failed? Reading and writing the file copies,
 * which counts, too: if only one was left, it is this read that fails.
 */
static inline bool inject_end(unsigned int times)
{
	char text[16] = { 0 };
	unsigned int left = 1;

	if (pread(injection.nth, text, sizeof(text) - 1, 0) > 0)
		left = strtoul(text, NULL, 10);
	while (write(injection.nth, "0", 1) != 1)
		;
	if (times > 1) {
		injection.used = injection_used(times);
		injection_times(0);
		injection_write(injection.fails, 0);
	}
	return !left;
}

/* One result, not one for each case, where nothing can be made to fail. */
static inline int failure_main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "exit"))
		return 0;
	if (access(FAIL_NTH, F_OK)) {
		printf("TAP version 13\n1..0 # SKIP no fault injection\n");
		return KSFT_SKIP;
	}
	return test_harness_run(argc, argv);
}

#define FAILURE_MAIN							\
int main(int argc, char **argv)						\
{									\
	exit(failure_main(argc, argv));					\
}

#endif /* FAILURE_INJECT_H */
