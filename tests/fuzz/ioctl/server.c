// SPDX-License-Identifier: MIT
/*
 * Runs a program in a process of its own, ends what is left of it, and looks
 * at what it left behind: the books of the module, and the kernel's log.
 *
 * The program goes to the kernel's log first, at a level that consoles do not
 * show; a panic prints it all the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "world.h"

#define PROGRAM_SECONDS	15
#define KILL_SECONDS	60
#define BOOKS_SECONDS	30

#define OWN_MARK	"fuzz: "
#define SHARED_ADDRESS	0x10000000UL

struct shared *shared;
bool server_hurries;

static int books = -1;		/* a device of the server itself */
static int log_read = -1;
static int log_write = -1;
static u64 runs;

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* ----------------------------------------------------------- kernel log --- */

/* Reports that do not stop the kernel. */
static bool is_report(const char *text)
{
	static const char *const marks[] = {
		"BUG: ", "WARNING: ", "KASAN: ", "KCSAN: ", "UBSAN: ",
		"refcount_t: ", "Bad page ", "Bad rss-counter",
		"corruption", "suspicious RCU usage", "possible circular",
		"possible recursive", "inconsistent lock state",
		"lock held when returning", "unlock balance",
		"blocked for more than", "detected stall", "soft lockup",
		"sleeping function", "scheduling while atomic",
		"suspected memory leaks", "ODEBUG: ",
	};

	if (strstr(text, OWN_MARK))
		return false;
	for (unsigned int i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strstr(text, marks[i]))
			return true;
	return false;
}

static bool log_has_report(char *why, size_t size)
{
	char text[8192];
	ssize_t n;

	for (;;) {
		n = read(log_read, text, sizeof(text) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			return false;
		text[n] = '\0';
		if (!is_report(text))
			continue;
		snprintf(why, size, "kernel: %.*s",
			 (int)strcspn(strchr(text, ';') ?: text, "\n"),
			 (strchr(text, ';') ?: text) + 1);
		return true;
	}
}

static void log_program(const struct program *program)
{
	char text[MAX_TEXT], line[960];

	program_print(program, text, sizeof(text));
	for (size_t at = 0, length = strlen(text); at < length; at += 900) {
		int n = snprintf(line, sizeof(line), "<7>" OWN_MARK "%llu %.900s",
				 runs, text + at);

		if (log_write >= 0 && write(log_write, line, n) < 0)
			return;
	}
}

/* ---------------------------------------------------------------- set up --- */

void server_init(bool leaks)
{
	shared = mmap((void *)SHARED_ADDRESS, sizeof(*shared),
		      PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	books = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	if (shared == MAP_FAILED || books < 0) {
		perror("/dev/ntmem");
		exit(2);
	}
	log_read = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	log_write = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	lseek(log_read, 0, SEEK_END);
	prctl(PR_SET_CHILD_SUBREAPER, 1);

	world_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	mkdir(WORLD_CGROUP, 0700);
	world_write("/proc/sys/kernel/printk", "7");
	/* What is dropped later is not told. */
	world_write("/proc/sys/vm/drop_caches", "4");
	/* A panic prints the whole log, the last program with it. */
	world_write("/proc/sys/kernel/panic_print", "32");
	world_write("/proc/sys/kernel/core_pattern", "/dev/shm/core");
	/* It has a price that only who asks for it is to pay. */
	if (!leaks)
		world_write("/sys/kernel/debug/kmemleak", "off");
	/* fail-nth is for all allocations, and silent. */
	world_write("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	world_write("/sys/kernel/debug/failslab/verbose", "0");
	world_write("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	world_write("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem",
		    "N");
	world_write("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	world_write("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	world_write("/sys/kernel/debug/fail_usercopy/verbose", "0");
}

/* ------------------------------------------------------------- processes --- */

static bool wait_for_child(double until)
{
	const struct timespec little = { .tv_nsec = 50000000 };
	sigset_t set;

	if (seconds() >= until)
		return false;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigtimedwait(&set, NULL, &little);
	return true;
}

/* Ends all that is left of the program; false when something does not end. */
static bool reap_all(pid_t group)
{
	double until = seconds() + KILL_SECONDS;
	pid_t pid;

	for (;;) {
		kill(-group, SIGKILL);
		pid = waitpid(-1, NULL, WNOHANG | __WALL);
		if (pid < 0 && errno == ECHILD)
			return true;
		if (!pid && !wait_for_child(until))
			return false;
	}
}

/* The program's first process ends by itself, or has had its time. */
static bool wait_for_program(pid_t pid)
{
	double until = seconds() + PROGRAM_SECONDS;

	while (!waitpid(pid, NULL, WNOHANG))
		if (!wait_for_child(until))
			return false;
	return true;
}

static bool books_balanced(char *why, size_t size)
{
	double until = seconds() + BOOKS_SECONDS;
	struct ntmem_info info;
	const struct timespec little = { .tv_nsec = 2000000 };

	/* Rings and sockets end after their processes. */
	for (;;) {
		if (ioctl(books, NTMEM_IOC_INFO, &info))
			return false;
		if (!info.committed && !info.resident && info.spaces == 1)
			return true;
		if (seconds() >= until)
			break;
		nanosleep(&little, NULL);
	}
	snprintf(why, size,
		 "all processes ended, but %llu bytes are committed, %llu resident, in %llu other spaces",
		 info.committed, info.resident, info.spaces - 1);
	return false;
}

/* No finding: it waits for itself, or it is just a lot of work. */
static void print_slow(const struct program *program)
{
	char text[MAX_TEXT];

	program_print(program, text, sizeof(text));
	printf("# over %d s: %s\n", PROGRAM_SECONDS, text);
	fflush(stdout);
}

static void be_program(const struct program *program)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (program_effects(program) & NEEDS_CGROUP)
		world_write(WORLD_CGROUP "/cgroup.procs", "0");
	run_program(program);
	_exit(0);
}

static void reset_shared(void)
{
	memset(shared, 0, offsetof(struct shared, result));
	memset(shared->result, 0, op_count * sizeof(shared->result[0]));
	shared->nonce = ++runs;
	shared->sparing = server_hurries && runs % 4;
	cover_reset();
}

enum verdict server_run(const struct program *program, char *why, size_t size)
{
	unsigned int effects = program_effects(program);
	sigset_t set;
	bool ended;
	pid_t pid;

	*why = '\0';
	reset_shared();
	log_program(program);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		be_program(program);
	}
	if (pid < 0)
		return VERDICT_FINE;
	setpgid(pid, pid);
	if (!wait_for_program(pid))
		print_slow(program);
	ended = reap_all(pid);
	if (effects & NEEDS_LIMITS)
		world_reset_limits();
	if (effects & NEEDS_CGROUP)
		world_reset_cgroup();

	if (log_has_report(why, size))
		return VERDICT_KERNEL;
	if (!ended) {
		snprintf(why, size, "processes do not end when killed");
		return VERDICT_STUCK;
	}
	if (atomic_load(&shared->failed)) {
		snprintf(why, size, "%s", shared->report);
		return VERDICT_WRONG;
	}
	return books_balanced(why, size) ? VERDICT_FINE : VERDICT_WRONG;
}

/* Asks kmemleak, where there is one; the first scan only takes stock. */
bool server_leaks(void)
{
	char why[REPORT_SIZE];

	if (world_write("/sys/kernel/debug/kmemleak", "scan"))
		return false;
	world_write("/sys/kernel/debug/kmemleak", "scan");
	return log_has_report(why, sizeof(why));
}
