// SPDX-License-Identifier: MIT
/*
 * Accesses that survive SIGSEGV and SIGBUS, and the stamps that all writers
 * write: each word says for which page, by which process and in which order it
 * was written, and is at the same time a ret instruction. So a word that is
 * read is zero, or right, or proof of a page that showed the wrong content.
 */
#include <setjmp.h>
#include <signal.h>
#include <sys/auxv.h>

#include "fuzz.h"

#define RET		0xc3

static __thread sigjmp_buf landing;
static __thread volatile sig_atomic_t armed;

static unsigned int writer;
static u64 lineage;		/* writers whose stamps may be seen here */
static atomic_uint generation;
static bool trust_nothing;

static void on_signal(int sig)
{
	if (!armed) {
		signal(sig, SIG_DFL);
		return;
	}
	armed = 0;
	siglongjmp(landing, sig);
}

void memory_init(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP };
	struct sigaction action = {
		.sa_handler = on_signal, .sa_flags = SA_NODEFER,
	};

	for (unsigned int i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* One word: 0, or the signal that it drew. A jump needs a ret to come back. */
int memory_touch(u64 addr, enum access how, u64 *value)
{
	volatile u64 *word = (volatile u64 *)(addr & ~7ULL);
	int sig = sigsetjmp(landing, 0);

	if (sig)
		return sig;
	armed = 1;
	switch (how) {
	case ACCESS_READ:
		*value = *word;
		break;
	case ACCESS_WRITE:
		*word = *value;
		break;
	case ACCESS_RUN:
		*value = *word;
		if ((*value & 0xff) == RET)
			((void (*)(void))word)();
	}
	armed = 0;
	return 0;
}

/* --------------------------------------------------------------- stamps --- */

/* Processes of a program are counted up to the bits of a word. */
unsigned int memory_new_writer(void)
{
	return atomic_fetch_add(&shared->writers, 1) % 64;
}

void memory_be_writer(unsigned int nr)
{
	writer = nr;
	lineage |= 1ULL << nr;
}

/* Threads cannot know what the others map: all their pages are alike. */
static bool is_loose(void)
{
	return has_views && !single;
}

static u64 page_mark(u64 addr)
{
	u64 page = is_loose() ? 0 : addr / PAGE;
	u64 x = (page + shared->nonce) * 0x9e3779b97f4a7c15ULL;

	return x >> 32 << 32;
}

/* Would a write to this page of a view go to the view's own copy? */
static bool writes_own(const struct view *view, u64 addr)
{
	struct ntmem_query q;

	if (!view->copies || !oracle_query(addr & -PAGE, &q))
		return false;
	return view_shows(view, &q) == SHOWS_OWN ||
	       q.prot & (NTMEM_PAGE_WRITECOPY | NTMEM_PAGE_EXECUTE_WRITECOPY);
}

/* What is written there now says whose it is; see memory_judge(). */
static u64 mark_to_write(u64 addr)
{
	const struct view *view = view_at(addr);

	return page_mark(view && !writes_own(view, addr) ?
			 view_home(view, addr) : addr);
}

u64 memory_stamp(u64 addr)
{
	unsigned int nr = atomic_fetch_add(&generation, 1);

	return mark_to_write(addr) | (u64)(nr & 0xffff) << 16 | writer << 8 |
	       RET;
}

/* What is to be written to [addr, addr + size), all of one generation. */
void memory_fill_buffer(u64 *buffer, u64 addr, u64 size)
{
	u64 rest = memory_stamp(addr) & 0xffffffff, word = 0;
	uint8_t *to = (uint8_t *)buffer;

	for (u64 i = 0; i < size; i++) {
		if (!i || !((addr + i) % PAGE))
			word = mark_to_write(addr + i) | rest;
		to[i] = word >> ((addr + i) % 8 * 8);
	}
}

/* Something else was written, and could not be taken back. */
void memory_trust_nothing(void)
{
	trust_nothing = true;
}

bool memory_is_trusted(void)
{
	return !trust_nothing;
}

/*
 * Between the program with its data, which is all at low addresses, and what
 * the kernel put at the top: that is where tests happen.
 */
bool memory_is_tested(u64 addr)
{
	u64 vdso = getauxval(AT_SYSINFO_EHDR);

	return addr >= 0x40000000 && addr < (vdso & -(1ULL << 20)) - (1 << 20);
}

/* Is it safe to map something else there? */
bool memory_is_expendable(u64 addr, u64 size)
{
	return addr + size >= addr && memory_is_tested(addr) &&
	       memory_is_tested(addr + size);
}

/* A section's page, or a copy that was made of it; whoever wrote it. */
static bool is_of_section(const struct view *view, u64 addr, u64 value)
{
	return value >> 32 << 32 == page_mark(view_home(view, addr)) &&
	       (value & 0xff) == RET;
}

/* Could the program have written this word there? */
void memory_judge(u64 addr, u64 value)
{
	unsigned int from = value >> 8 & 0xff;
	const struct view *view;

	if (!value || trust_nothing || !memory_is_tested(addr))
		return;
	view = view_at(addr);
	if (view && is_of_section(view, addr, value))
		return;
	if (value >> 32 << 32 != page_mark(addr) || (value & 0xff) != RET ||
	    (view && !view->copies))
		report("%#llx shows %#llx, which was never written there",
		       addr, value);
	else if (!is_loose() && (from >= 64 || !(lineage & 1ULL << from)))
		report("%#llx shows %#llx, written by process %u, seen by %u",
		       addr, value, from, writer);
}
