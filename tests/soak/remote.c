// SPDX-License-Identifier: MIT
/*
 * A stranger: a process that works on the memory of another, in blocks of its
 * own that the other does not know, while that does its own work, forks, and is
 * killed. Calls may be refused for want of memory, and the other may end; what
 * was written there is there when it is read.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "soak.h"

#define BLOCKS		6
#define MOST_PAGES	64

struct there {
	u64 base;		/* 0: none */
	unsigned int pages;
	bool committed, readonly;
	u64 stamp[MOST_PAGES];	/* what a page shows; 0 as long as it is new */
};

struct stranger {
	struct dice dice;
	int space;
	pid_t pid;
	u64 stamps;
	struct there blocks[BLOCKS];
};

/* True when it was done. Does not come back when the other has ended. */
static bool call(const struct stranger *me, unsigned long cmd, void *arg)
{
	if (!ioctl(me->space, cmd, arg)) {
		atomic_fetch_add(&tally->remote, 1);
		return true;
	}
	if (errno == ESRCH)
		_exit(0);
	if (errno != ENOMEM)
		wrong("from outside, call %#lx: errno %d", cmd, errno);
	return false;
}

static bool range_call(const struct stranger *me, unsigned long cmd,
		       const struct there *block, __u32 prot)
{
	struct ntmem_range range = {
		.addr = block->base, .size = block->pages * PAGE, .prot = prot,
	};

	if (cmd == NTMEM_IOC_RELEASE)
		range.size = 0;
	return call(me, cmd, &range);
}

static void reserve(struct stranger *me, struct there *block)
{
	struct ntmem_reserve arg = { .prot = NTMEM_PAGE_READWRITE };

	memset(block, 0, sizeof(*block));
	block->pages = 1 + dice_below(&me->dice, MOST_PAGES);
	arg.size = block->pages * PAGE;
	if (call(me, NTMEM_IOC_RESERVE, &arg))
		block->base = arg.addr;
}

static void commit(struct stranger *me, struct there *block)
{
	if (!range_call(me, NTMEM_IOC_COMMIT, block, NTMEM_PAGE_READWRITE))
		return;
	block->committed = true;
	block->readonly = false;
}

static void decommit(struct stranger *me, struct there *block)
{
	if (!range_call(me, NTMEM_IOC_DECOMMIT, block, 0))
		return;
	block->committed = false;
	memset(block->stamp, 0, sizeof(block->stamp));
}

static void protect(struct stranger *me, struct there *block)
{
	struct ntmem_protect arg = {
		.addr = block->base, .size = block->pages * PAGE,
		.prot = block->readonly ? NTMEM_PAGE_READWRITE :
					  NTMEM_PAGE_READONLY,
	};

	if (block->committed && call(me, NTMEM_IOC_PROTECT, &arg))
		block->readonly = !block->readonly;
}

/* One word of a page; false when there was no memory for the page. */
static bool transfer(const struct stranger *me, const struct there *block,
		     unsigned int page, u64 *value, bool write)
{
	struct iovec here = { value, sizeof(*value) };
	struct iovec there = {
		(void *)(uintptr_t)(block->base + page * PAGE), sizeof(*value),
	};
	ssize_t done = write ? process_vm_writev(me->pid, &here, 1, &there, 1, 0) :
			       process_vm_readv(me->pid, &here, 1, &there, 1, 0);

	if (done < 0 && errno == ESRCH)
		_exit(0);
	if (done < 0 && errno != EFAULT && errno != ENOMEM)
		wrong("from outside, %s: errno %d", write ? "writing" :
		      "reading", errno);
	return done == sizeof(*value);
}

static void use(struct stranger *me, struct there *block)
{
	unsigned int page = dice_below(&me->dice, block->pages);
	u64 value = ++me->stamps;

	if (!block->committed)
		return;
	if (!block->readonly && transfer(me, block, page, &value, true))
		block->stamp[page] = value;
	if (transfer(me, block, page, &value, false) &&
	    value != block->stamp[page])
		wrong("from outside, page %#llx shows %#llx, should show %#llx",
		      block->base + page * PAGE, value, block->stamp[page]);
}

static void release(struct stranger *me, struct there *block)
{
	if (range_call(me, NTMEM_IOC_RELEASE, block, 0))
		block->base = 0;
}

static void step(struct stranger *me)
{
	struct there *block = &me->blocks[dice_below(&me->dice, BLOCKS)];
	unsigned int what = dice_below(&me->dice, 100);

	if (!block->base)
		reserve(me, block);
	else if (what < 50)
		use(me, block);
	else if (what < 70)
		commit(me, block);
	else if (what < 80)
		decommit(me, block);
	else if (what < 93)
		protect(me, block);
	else
		release(me, block);
}

/* Works until it is killed, or the other has ended. */
void stranger_run(int space, pid_t pid, u64 seed)
{
	struct stranger me = { .dice.state = seed, .space = space, .pid = pid };

	while (!atomic_load(&tally->wrong))
		step(&me);
	_exit(1);
}
