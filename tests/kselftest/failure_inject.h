/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Makes the n-th allocation or copy of a thread's next system calls and faults
 * fail. It needs a kernel with fault injection (/proc/PID/fail-nth), and root.
 *
 * FAILURE_MAIN ends a file of tests that need it.
 */
#ifndef FAILURE_INJECT_H
#define FAILURE_INJECT_H

#include "ntmem_test.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"

/* Nothing fails but by fail-nth; then everything may. */
static inline void injection_begin(struct __test_metadata *_metadata)
{
	static const char *const settings[] = {
		"failslab/ignore-gfp-wait", "fail_page_alloc/ignore-gfp-wait",
		"fail_page_alloc/ignore-gfp-highmem",
		"fail_page_alloc/min-order", "failslab/verbose",
		"fail_page_alloc/verbose", "fail_usercopy/verbose",
	};
	char path[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s",
			 settings[i]);
		ASSERT_EQ(0, nt_write_file(path, "0")) {
			TH_LOG("%s", path);
		}
	}
}

static inline void inject(int nth, unsigned int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", n);

	CHECK(pwrite(nth, text, length, 0) == length);
}

/*
 * Was it used up, so that something failed? Reading and writing the file copies,
 * which counts, too: if only one was left, it is this read that fails.
 */
static inline bool inject_end(int nth)
{
	char text[16] = { 0 };
	unsigned int left = 1;

	if (pread(nth, text, sizeof(text) - 1, 0) > 0)
		left = strtoul(text, NULL, 10);
	while (pwrite(nth, "0", 1, 0) != 1)
		;
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
