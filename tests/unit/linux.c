// SPDX-License-Identifier: MIT
/*
 * What the tests need of Linux: accesses whose fault is a signal, children,
 * and which engine runs. See unit.h.
 */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <valgrind/valgrind.h>

#include "../patience.h"
#include "engine/engine.h"
#include "unit.h"

static __thread sigjmp_buf fault_jump;
static __thread volatile sig_atomic_t fault_armed;
static __thread volatile sig_atomic_t fault_count;

int open_again(void)
{
	int error = 0;

	if (on_kernel_engine())
		ntmem_engine_open_kernel(&error);
	else
		ntmem_engine_open_embedded(&error);
	return error;
}

bool limit_commit(uint64_t more)
{
	struct ntmem_info info;
	char limit[32];

	if (ntmem_engine()->info(&info))
		return false;
	snprintf(limit, sizeof(limit), "%lluK",
		 (unsigned long long)(info.space_committed + more) / 1024);
	setenv("NTMEM_COMMIT_LIMIT", limit, 1);
	return !open_again();
}

bool on_kernel_engine(void)
{
	return !strcmp(ntmem_engine()->name, "kernel");
}

bool under_valgrind(void)
{
	return RUNNING_ON_VALGRIND;
}

bool on_debug_kernel(void)
{
	return nt_patience() > 1;
}

/* ------------------------------------------------------------ accesses --- */

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	fault_count++;
	if (fault_armed) {
		fault_armed = 0;
		siglongjmp(fault_jump, 1);
	}
	signal(sig, SIG_DFL);
}

void install_fault_handler(void)
{
	struct sigaction action = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO,
	};

	sigemptyset(&action.sa_mask);
	sigaction(SIGSEGV, &action, NULL);
}

int faults_seen(void)
{
	return fault_count;
}

/*
 * In assembly, so that no sanitizer looks at the address; and valgrind need
 * not report what is meant to fault.
 */
static char read_byte(const void *addr)
{
	char byte;

	VALGRIND_DISABLE_ERROR_REPORTING;
	__asm__ volatile("movb (%1), %0" : "=q"(byte) : "r"(addr) : "memory");
	VALGRIND_ENABLE_ERROR_REPORTING;
	return byte;
}

static void write_byte(void *addr, char byte)
{
	VALGRIND_DISABLE_ERROR_REPORTING;
	__asm__ volatile("movb %1, (%0)" : : "r"(addr), "q"(byte) : "memory");
	VALGRIND_ENABLE_ERROR_REPORTING;
}

static void call_code(const void *addr)
{
	VALGRIND_DISABLE_ERROR_REPORTING;
	__asm__ volatile("sub $128, %%rsp\n\tcall *%0\n\tadd $128, %%rsp"
			 : : "r"(addr) : "memory", "cc");
	VALGRIND_ENABLE_ERROR_REPORTING;
}

char peek(const void *addr)
{
	return read_byte(addr);
}

void poke(void *addr, char value)
{
	write_byte(addr, value);
}

static bool jumped_out(void)
{
	VALGRIND_ENABLE_ERROR_REPORTING;
	return false;
}

bool can_read(const void *addr)
{
	if (sigsetjmp(fault_jump, 1))
		return jumped_out();
	fault_armed = 1;
	read_byte(addr);
	fault_armed = 0;
	return true;
}

bool can_write(void *addr)
{
	if (sigsetjmp(fault_jump, 1))
		return jumped_out();
	fault_armed = 1;
	write_byte(addr, 0x5a);
	fault_armed = 0;
	return true;
}

bool can_execute(const void *addr)
{
	if (sigsetjmp(fault_jump, 1))
		return jumped_out();
	fault_armed = 1;
	call_code(addr);
	fault_armed = 0;
	return true;
}

/* ------------------------------------------------------------ children --- */

/*
 * No assertion in the child: Check allocates memory for each, and a thread that the
 * child does not have may have had a lock of the sanitizer's malloc() just then.
 */
int in_child(void (*function)(void *arg), void *arg)
{
	const struct rlimit no_core = { 0, 0 };
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_CORE, &no_core);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		function(arg);
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}
