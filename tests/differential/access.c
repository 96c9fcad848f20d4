// SPDX-License-Identifier: MIT
/*
 * The fault-catching accessors.
 *
 * A page filled from a stamp begins with a ret instruction, so that every
 * written page can also be called.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/ntmem.h>

#include "access.h"

#define WORDS	512
#define RET	0xc3

static __thread sigjmp_buf landing;
static __thread volatile sig_atomic_t armed;
static __thread volatile u64 fault_addr;

static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP };

#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

static struct sigaction before[SIGNALS];

/* Not one of ours: whoever reports such things gets it when we return. */
static void give_back(int sig)
{
	for (unsigned int i = 0; i < SIGNALS; i++) {
		if (signals[i] == sig)
			sigaction(sig, &before[i], NULL);
	}
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (!armed) {
		give_back(sig);
		return;
	}
	armed = 0;
	fault_addr = (u64)info->si_addr;
	siglongjmp(landing, sig);
}

void access_init(void)
{
	struct sigaction action = {
		.sa_sigaction = on_signal,
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};
	static bool done;

	if (done)
		return;
	done = true;
	sigemptyset(&action.sa_mask);
	for (unsigned int i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &action, &before[i]);
}

u64 access_fault_addr(void)
{
	return fault_addr;
}

static u64 pattern(u64 stamp, u64 word)
{
	u64 x = stamp * 0x9e3779b97f4a7c15ULL + word * 0xbf58476d1ce4e5b9ULL;

	if (!stamp)
		return 0;
	x ^= x >> 29;
	return word ? x : (x & ~0xffULL) | RET;
}

uint8_t access_byte(u64 stamp, u64 offset)
{
	return pattern(stamp, offset / 8) >> (offset % 8 * 8);
}

__attribute__((noinline)) static void touch(u64 addr, uint32_t kind,
					    uint8_t value)
{
	volatile uint8_t *byte = (volatile uint8_t *)addr;

	if (kind == NTMEM_ACCESS_WRITE)
		*byte = value;
	else if (kind == NTMEM_ACCESS_EXECUTE)
		((void (*)(void))addr)();
	else
		(void)*byte;
}

int access_touch(u64 addr, uint32_t kind, uint8_t value)
{
	int sig = sigsetjmp(landing, 1);

	if (sig)
		return sig;
	armed = 1;
	touch(addr, kind, value);
	armed = 0;
	return 0;
}

__attribute__((noinline)) static void fill(u64 addr, u64 stamp)
{
	volatile u64 *page = (volatile u64 *)addr;

	for (u64 i = 0; i < WORDS; i++)
		page[i] = pattern(stamp, i);
}

int access_fill(u64 addr, u64 stamp)
{
	int sig = sigsetjmp(landing, 1);

	if (sig)
		return sig;
	armed = 1;
	fill(addr, stamp);
	armed = 0;
	return 0;
}

__attribute__((noinline)) static u64 differing(u64 addr, u64 stamp)
{
	const volatile u64 *page = (const volatile u64 *)addr;
	u64 wrong = 0;

	for (u64 i = 0; i < WORDS; i++)
		wrong |= page[i] ^ pattern(stamp, i);
	return wrong;
}

int access_holds(u64 addr, u64 stamp, bool *holds)
{
	int sig = sigsetjmp(landing, 1);

	if (sig)
		return sig;
	armed = 1;
	*holds = !differing(addr, stamp);
	armed = 0;
	return 0;
}
