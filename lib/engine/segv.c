// SPDX-License-Identifier: MIT
/*
 * The SIGSEGV handler and its chain. See segv.h.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/ntmem.h>

#include "engine/lock.h"
#include "engine/segv.h"

#if !defined(__x86_64__)
#error "ntmem runs on x86-64"
#endif

/* The page-fault error code that x86 leaves in the signal's context. */
#define TRAP_PAGE_FAULT	14
#define FAULT_WRITE	0x02
#define FAULT_FETCH	0x10

/*
 * The actions over which ours went, each with an entry point of its own: entry
 * n passes on to action n. A program that installs its handler over entry 0
 * finds that one as the old action. It may call it, and it may put it back:
 * then its own handler, by then perhaps under entry 1, is out of the chain
 * again. Slots are only ever added, before their entry is installed, so that
 * handlers read them without the lock.
 */
#define CHAIN_MAX	8

typedef void (*entry_point)(int sig, siginfo_t *info, void *context);

static const entry_point entries[CHAIN_MAX];

static struct {
	struct ntmem_lock lock;
	struct sigaction action[CHAIN_MAX];
	int count;
} chain = { .lock = NTMEM_LOCK_INIT };

static ntmem_segv_hook hooks[NTMEM_SEGV_STAGES];

/*
 * The signal that this thread is passing on. An entry that is called with the
 * same context by a handler below is deeper in the stack; a new signal at the
 * same place, after a handler jumped out, is not.
 */
struct chain_call {
	const void *context;
	uintptr_t frame;
};

static __thread struct chain_call chain_call
	__attribute__((tls_model("initial-exec")));

void ntmem_segv_set_hook(enum ntmem_segv_stage stage, ntmem_segv_hook hook)
{
	__atomic_store_n(&hooks[stage], hook, __ATOMIC_RELEASE);
}

static bool same_handler(const struct sigaction *a, const struct sigaction *b)
{
	return a->sa_flags == b->sa_flags && a->sa_sigaction == b->sa_sigaction;
}

static bool is_ours(const struct sigaction *action)
{
	int i;

	for (i = 0; i < CHAIN_MAX; i++)
		if ((action->sa_flags & SA_SIGINFO) &&
		    action->sa_sigaction == entries[i])
			return true;
	return false;
}

/* The slot for an action: the one it had before, or a new one. */
static int slot_for(const struct sigaction *action)
{
	int slot;

	for (slot = 0; slot < chain.count; slot++)
		if (same_handler(&chain.action[slot], action))
			return slot;
	/* More handlers than slots: the newest one displaces the last. */
	if (slot == CHAIN_MAX)
		slot--;
	chain.action[slot] = *action;
	__atomic_store_n(&chain.count, slot + 1, __ATOMIC_RELEASE);
	return slot;
}

static int install_locked(void)
{
	struct sigaction ours = {
		/* A handler may fault in its turn, as it may on Windows. */
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
	};
	struct sigaction now;

	if (sigaction(SIGSEGV, NULL, &now))
		return -errno;
	if (is_ours(&now))
		return 0;
	ours.sa_sigaction = entries[slot_for(&now)];
	sigemptyset(&ours.sa_mask);
	return sigaction(SIGSEGV, &ours, NULL) ? -errno : 0;
}

int ntmem_segv_install(void)
{
	struct ntmem_held held;
	int error;

	ntmem_lock_take(&chain.lock, &held);
	error = install_locked();
	ntmem_lock_give(&chain.lock, &held);
	return error;
}

static struct ntmem_held fork_held;

void ntmem_segv_before_fork(void)
{
	struct ntmem_held held;

	ntmem_lock_take(&chain.lock, &held);
	fork_held = held;
}

void ntmem_segv_after_fork(void)
{
	struct ntmem_held held = fork_held;

	ntmem_lock_give(&chain.lock, &held);
}

static void describe(struct ntmem_segv *fault, siginfo_t *info,
		     ucontext_t *context)
{
	uint64_t code = context->uc_mcontext.gregs[REG_ERR];

	fault->info = info;
	fault->context = context;
	fault->mapped = info->si_code == SEGV_MAPERR ||
			info->si_code == SEGV_ACCERR;
	fault->addr = fault->mapped ? (uintptr_t)info->si_addr : UINT64_MAX;
	fault->access = NTMEM_ACCESS_READ;
	if (context->uc_mcontext.gregs[REG_TRAPNO] != TRAP_PAGE_FAULT)
		return;
	if (code & FAULT_FETCH)
		fault->access = NTMEM_ACCESS_EXECUTE;
	else if (code & FAULT_WRITE)
		fault->access = NTMEM_ACCESS_WRITE;
}

static bool run_hooks(siginfo_t *info, void *context)
{
	struct ntmem_segv fault;
	int stage;

	describe(&fault, info, context);
	for (stage = 0; stage < NTMEM_SEGV_STAGES; stage++) {
		ntmem_segv_hook hook = __atomic_load_n(&hooks[stage],
						       __ATOMIC_ACQUIRE);

		if (hook && hook(&fault))
			return true;
	}
	return false;
}

/*
 * Lets the signal do what it does by default. It is sent again, blocked, and
 * arrives when the handler has returned to the faulting instruction, so that a
 * core dump shows that one. (Just returning would not do: the instruction that
 * hit a guard page succeeds the second time.)
 */
static void die_by_default(siginfo_t *info)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t mask;

	sigaction(SIGSEGV, &action, NULL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGSEGV);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGSEGV,
		info);
}

/* Calls the program's handler the way the kernel would have. */
static void call_program(const struct sigaction *action, siginfo_t *info,
			 void *context)
{
	sigset_t mask = action->sa_mask;

	if (!(action->sa_flags & SA_NODEFER))
		sigaddset(&mask, SIGSEGV);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	if (action->sa_flags & SA_SIGINFO)
		action->sa_sigaction(SIGSEGV, info, context);
	else
		action->sa_handler(SIGSEGV);
}

static void pass_on(struct sigaction *action, siginfo_t *info, void *context)
{
	bool handler = action->sa_flags & SA_SIGINFO ||
		       (action->sa_handler != SIG_DFL &&
			action->sa_handler != SIG_IGN);
	struct sigaction call = *action;

	/* As the kernel does, a fault is not ignored; a sent signal may be. */
	if (!handler) {
		if (call.sa_handler != SIG_IGN || info->si_code > 0)
			die_by_default(info);
		return;
	}
	if (call.sa_flags & SA_RESETHAND) {
		action->sa_flags = 0;
		action->sa_handler = SIG_DFL;
	}
	call_program(&call, info, context);
}

/* Who sees the count sees the slot, whichever thread filled it. */
static struct sigaction *action_under(int slot)
{
	__atomic_load_n(&chain.count, __ATOMIC_ACQUIRE);
	return &chain.action[slot];
}

static void on_sigsegv(int slot, siginfo_t *info, void *context)
{
	struct chain_call outer = chain_call;
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	bool nested = outer.context == context && frame < outer.frame;
	int saved_errno = errno;

	if (nested || info->si_code <= 0 || !run_hooks(info, context)) {
		chain_call.context = context;
		if (!nested)
			chain_call.frame = frame;
		pass_on(action_under(slot), info, context);
		chain_call = outer;
	}
	errno = saved_errno;
}

#define ENTRY(n)							\
static void entry_##n(int sig, siginfo_t *info, void *context)		\
{									\
	(void)sig;							\
	on_sigsegv(n, info, context);					\
}

ENTRY(0)
ENTRY(1)
ENTRY(2)
ENTRY(3)
ENTRY(4)
ENTRY(5)
ENTRY(6)
ENTRY(7)

static const entry_point entries[CHAIN_MAX] = {
	entry_0, entry_1, entry_2, entry_3,
	entry_4, entry_5, entry_6, entry_7,
};
