// SPDX-License-Identifier: MIT
/*
 * Processes: fork in its kinds, ends of all sorts, tracers, descriptors that
 * go to others, other users.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

#define STACK_SIZE	(64 << 10)
#define NOBODY		65534

/* The child gets the next operations of its parent's list. */
struct share {
	struct cursor cursor;
	bool open;
	bool own;		/* memory of its own */
	bool killed;		/* does not end by itself */
	unsigned int writer;
};

static void take_operations(struct share *share, unsigned int n)
{
	struct cursor *from = cursor;

	share->cursor.count = 0;
	share->cursor.next = 0;
	while (n-- && from->next < from->count)
		share->cursor.ops[share->cursor.count++] =
			from->ops[from->next++];
}

static void run_child(struct share *share)
{
	cover_thread();
	if (share->own) {
		memory_be_writer(share->writer);
		process_begin(share->open);
		oracle_child();
	}
	run_operations(&share->cursor);
	if (share->own)
		oracle_end();
	if (share->killed)
		kill(getpid(), SIGKILL);
}

static int run_borrowed(void *data)
{
	run_child(data);
	return 0;
}

/* A child in the same memory, while its parent waits, as after vfork(2). */
static int fork_borrowed(struct share *share)
{
	static unsigned char stack[STACK_SIZE] __attribute__((aligned(4096)));
	static atomic_flag busy = ATOMIC_FLAG_INIT;
	struct cursor *mine = cursor;
	pid_t pid;

	if (atomic_flag_test_and_set(&busy))
		return EAGAIN;
	pid = clone(run_borrowed, stack + sizeof(stack),
		    CLONE_VM | CLONE_VFORK | SIGCHLD, share);
	/* Thread-local data is shared, too, and the child may have died. */
	cursor = mine;
	if (pid > 0)
		waitpid(pid, NULL, 0);
	atomic_flag_clear(&busy);
	return pid < 0 ? errno : 0;
}

/*
 * Kind 0-2: go on beside it; 3, 4: wait for it; 5: it kills itself; 6: it has
 * no device of its own; 7: it runs in the same memory.
 */
int process_fork(const struct op *op)
{
	unsigned int kind = op->arg[1].value & 7;
	struct share share = {
		.open = kind != 6, .own = kind != 7, .killed = kind == 5,
	};
	pid_t pid;

	take_operations(&share, op->arg[0].value & 15);
	if (kind == 7)
		return fork_borrowed(&share);
	share.writer = memory_new_writer();
	view_share();
	pid = fork();
	if (!pid) {
		run_child(&share);
		_exit(0);
	}
	if (pid < 0)
		return errno;
	if (kind == 3 || kind == 4)
		waitpid(pid, NULL, 0);
	return 0;
}

int process_wait(const struct op *op)
{
	(void)op;
	return result_of(waitpid(-1, NULL, __WALL));
}

static void die_with_core(void)
{
	const struct rlimit limit = { 8 << 20, 8 << 20 };

	setrlimit(RLIMIT_CORE, &limit);
	signal(SIGABRT, SIG_DFL);
	kill(getpid(), SIGABRT);
}

/* The end of this process, or of another thread's plans. */
int process_end(const struct op *op)
{
	static char *const argv[] = { "ioctl", "--nothing", NULL };

	switch (op->arg[0].value & 7) {
	case 0:
	case 1:
		execv("/proc/self/exe", argv);
		return errno;
	case 2:
		kill(getpid(), SIGKILL);
		break;
	case 3:
		die_with_core();
		break;
	case 4:
		syscall(SYS_exit, 0);
		break;
	default:
		return result_of(sched_yield());
	}
	return 0;
}

/* --------------------------------------------------------------- ptrace --- */

static int attach(pid_t tracee)
{
	int status;

	if (ptrace(PTRACE_SEIZE, tracee, 0, 0))
		return errno;
	if (ptrace(PTRACE_INTERRUPT, tracee, 0, 0))
		return errno;
	return waitpid(tracee, &status, __WALL) == tracee ? 0 : errno;
}

/* A child reads and writes its parent's memory. */
static int trace_parent(u64 addr, u64 stamp, bool poke)
{
	pid_t tracee = syscall(SYS_gettid), pid = fork();
	int status = 0;

	if (!pid) {
		int error = attach(tracee);

		cover_thread();
		errno = 0;
		ptrace(PTRACE_PEEKDATA, tracee, addr, 0);
		if (!error && poke)
			error = result_of(ptrace(PTRACE_POKEDATA, tracee, addr,
						 stamp));
		ptrace(PTRACE_DETACH, tracee, 0, 0);
		_exit(error < 128 ? error : 127);
	}
	if (pid < 0)
		return errno;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status))
		return EIO;
	if (!WEXITSTATUS(status) && poke)
		oracle_wrote_word(addr, stamp);
	return WEXITSTATUS(status);
}

/* The parent reads and writes its child's memory, then lets it go. */
static int trace_child(u64 addr, bool poke)
{
	unsigned int writer = memory_new_writer();
	u64 value = memory_stamp(addr);
	int status, error = 0;
	pid_t pid = fork();

	value = (value & ~0xff00ULL) | writer << 8;
	if (!pid) {
		u64 seen;

		ptrace(PTRACE_TRACEME, 0, 0, 0);
		memory_be_writer(writer);
		kill(getpid(), SIGSTOP);
		if (!memory_touch(addr, ACCESS_READ, &seen)) {
			memory_judge(addr, seen);
			memory_touch(addr, ACCESS_WRITE, &value);
		}
		_exit(0);
	}
	if (pid < 0)
		return errno;
	if (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		if (poke)
			error = result_of(ptrace(PTRACE_POKEDATA, pid, addr,
						 value));
		errno = 0;
		ptrace(PTRACE_PEEKDATA, pid, addr, 0);
		error = error ?: errno;
		ptrace(PTRACE_CONT, pid, 0, 0);
		waitpid(pid, &status, 0);
	}
	oracle_lost(addr);
	return error;
}

int process_ptrace(const struct op *op)
{
	u64 addr = arg_address(&op->arg[0]) & -8ULL;
	unsigned int kind = op->arg[1].value;

	if (kind & 1)
		return trace_parent(addr, memory_stamp(addr), kind & 2);
	return trace_child(addr, kind & 2);
}

/* --------------------------------------------------------- descriptors --- */

static int send_device(int to)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec part = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	*(int *)CMSG_DATA(head) = device;
	return result_of(sendmsg(to, &message, MSG_DONTWAIT));
}

static void use_received(int from)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec part = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *head;
	struct ntmem_info info;

	if (recvmsg(from, &message, 0) != 1)
		return;
	head = CMSG_FIRSTHDR(&message);
	if (head && !ioctl(*(int *)CMSG_DATA(head), NTMEM_IOC_INFO, &info))
		report("another process's descriptor was served");
}

/* The descriptor goes to a child, or stays on its way until all is over. */
int process_pass(const struct op *op)
{
	int pair[2], error;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
		return errno;
	error = send_device(pair[0]);
	if (op->arg[0].value & 1)
		return error;
	pid = error ? -1 : fork();
	if (!pid) {
		use_received(pair[1]);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	close(pair[0]);
	close(pair[1]);
	return error;
}

/* From here on another user pays for what is made anew. */
int process_setuid(const struct op *op)
{
	(void)op;
	view_mix_names();
	/* The system call: only this thread. */
	return result_of(syscall(SYS_setresuid, NOBODY, NOBODY, -1));
}
