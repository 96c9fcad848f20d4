// SPDX-License-Identifier: MIT
/*
 * What programs do with memory: read, write, run.
 */
#include "fuzz.h"

#define MOST_PAGES	64

static u64 pages_of(u64 addr, u64 size)
{
	u64 pages = (addr % PAGE + size + PAGE - 1) / PAGE;

	return pages > MOST_PAGES ? MOST_PAGES : pages;
}

static int touch_word(u64 addr, enum access how)
{
	u64 value = how == ACCESS_WRITE ? memory_stamp(addr) : 0;
	enum expected expected;
	int sig;

	addr &= ~7ULL;
	expected = oracle_expects(addr, how);
	sig = memory_touch(addr, how, &value);
	if (expected != EXPECT_ANYTHING &&
	    !sig != (expected == EXPECT_SUCCESS))
		report("%s %#llx ended with signal %d",
		       how == ACCESS_WRITE ? "writing" : "reading", addr, sig);
	if (sig)
		return sig;
	if (how == ACCESS_WRITE)
		oracle_wrote_word(addr, value);
	else
		memory_judge(addr, value);
	return 0;
}

/* The first word of a page, or the last. */
int use_touch(const struct op *op)
{
	u64 addr = arg_address(&op->arg[0]);
	unsigned int kind = op->arg[1].value & 7;

	if (kind & 4)
		addr = (addr & -PAGE) + (kind & 1 ? PAGE - 8 : 0);
	return touch_word(addr, (kind & 3) % 3);
}

/* First and last word of each page. */
int use_fill(const struct op *op)
{
	u64 addr = arg_address(&op->arg[0]);
	u64 pages = pages_of(addr, op->arg[1].value);
	int worst = 0, sig;

	addr &= -PAGE;
	for (u64 i = 0; i < pages; i++) {
		sig = touch_word(addr + i * PAGE, ACCESS_WRITE);
		sig = sig ?: touch_word(addr + i * PAGE + PAGE - 8,
					ACCESS_WRITE);
		if (sig)
			worst = sig;
	}
	return worst;
}

int use_check(const struct op *op)
{
	u64 addr = arg_address(&op->arg[0]);
	u64 pages = pages_of(addr, op->arg[1].value);
	int worst = 0, sig;

	addr &= -PAGE;
	for (u64 i = 0; i < pages; i++) {
		sig = touch_word(addr + i * PAGE + i % 512 * 8, ACCESS_READ);
		if (sig)
			worst = sig;
	}
	return worst;
}
