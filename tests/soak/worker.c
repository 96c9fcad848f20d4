// SPDX-License-Identifier: MIT
/*
 * A worker: threads that each reserve, commit, write, protect, reset, decommit
 * and release blocks of their own, map and unmap views of sections that all
 * share, fork now and then, and know what each page has to hold, as far as
 * nobody else writes there. A call may be refused for want of memory; nothing
 * else may.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker.h"

#define MOST_THREADS	4

static struct thread threads[MOST_THREADS];
int device;

/* A call that may be refused for want of memory. */
int call_device(unsigned long cmd, void *arg, const char *what)
{
	int error = ioctl(device, cmd, arg) ? errno : 0;

	atomic_fetch_add_explicit(&tally->operations, 1, memory_order_relaxed);
	if (error == ENOMEM)
		atomic_fetch_add_explicit(&tally->refused, 1,
					  memory_order_relaxed);
	else if (error)
		wrong("%s: errno %d", what, error);
	return error;
}

int range_call(unsigned long cmd, u64 addr, u64 size, __u32 prot, __u32 flags)
{
	struct ntmem_range range = {
		.addr = addr, .size = size, .prot = prot, .flags = flags,
	};
	int error = ioctl(device, cmd, &range) ? errno : 0;

	atomic_fetch_add_explicit(&tally->operations, 1, memory_order_relaxed);
	if (error == ENOMEM)
		atomic_fetch_add_explicit(&tally->refused, 1,
					  memory_order_relaxed);
	else if (error && error != EBUSY)
		wrong("call %#lx of %#llx + %#llx: errno %d", cmd, addr, size,
		      error);
	return error;
}

/* ---------------------------------------------------------------- pages --- */

u64 address(const struct block *block, unsigned int page)
{
	return block->base + page * PAGE;
}

static volatile u64 *word(const struct block *block, unsigned int page)
{
	return (volatile u64 *)(uintptr_t)address(block, page) +
	       (block->first + page) % 512;
}

static void verify(const struct block *block, unsigned int i)
{
	const struct page *page = &block->page[i];
	u64 seen;

	if (page->state == RESERVED)
		return;
	seen = *word(block, i);
	if (block->view && !page->own) {
		if (!view_shows(block, i, seen))
			wrong("page %u of section %u shows %#llx",
			      block->first + i, block->section, seen);
		return;
	}
	if (seen == page->stamp || (page->reset && !seen))
		return;
	wrong("page %#llx shows %#llx, should show %#llx%s", address(block, i),
	      seen, page->stamp, page->reset ? " or 0" : "");
}

static void write_page(struct thread *thread, struct block *block,
		       unsigned int i)
{
	struct page *page = &block->page[i];

	if (page->state != WRITABLE && page->state != COPYING)
		return;
	if (block->view && page->state == WRITABLE && !page->own) {
		*word(block, i) = view_stamp(block, i, ++thread->stamps);
		return;
	}
	page->own = block->view;
	page->stamp = ++thread->stamps ^ address(block, i) << 16;
	*word(block, i) = page->stamp;
	page->reset = false;
	page->written = true;
}

/* A random part of the block. */
unsigned int part(struct thread *thread, const struct block *block,
		  unsigned int *first)
{
	*first = dice_below(&thread->dice, block->pages);
	return 1 + dice_below(&thread->dice, block->pages - *first);
}

/* ----------------------------------------------------------- operations --- */

static void begin(struct thread *thread, struct block *block)
{
	static const struct {
		__u32 flags;
		unsigned int percent;
	} kinds[] = { { 0, 50 }, { NTMEM_RESERVE_COMMIT, 30 },
		      { NTMEM_RESERVE_WATCH, 10 },
		      { NTMEM_RESERVE_TOP_DOWN, 10 } };
	unsigned int i = 0, left = dice_below(&thread->dice, 100);
	struct ntmem_reserve reserve = { .prot = NTMEM_PAGE_READWRITE };

	while (left >= kinds[i].percent)
		left -= kinds[i++].percent;
	memset(block, 0, sizeof(*block));
	block->pages = 1 + dice_below(&thread->dice, MOST_PAGES);
	reserve.size = block->pages * PAGE;
	reserve.flags = kinds[i].flags;
	if (kinds[i].flags != NTMEM_RESERVE_TOP_DOWN &&
	    !dice_below(&thread->dice, 5)) {
		if (!frame_begin(thread, block))
			return;
		reserve.addr = block->base;
		reserve.flags |= NTMEM_RESERVE_REPLACE;
	}
	if (call_device(NTMEM_IOC_RESERVE, &reserve, "reserve")) {
		if (block->frame)
			frame_release(block);
		block->base = 0;
		return;
	}
	block->base = reserve.addr;
	block->watched = reserve.flags & NTMEM_RESERVE_WATCH;
	for (i = 0; i < block->pages; i++)
		block->page[i].state = reserve.flags & NTMEM_RESERVE_COMMIT ?
				       WRITABLE : RESERVED;
}

static void commit(struct thread *thread, struct block *block)
{
	unsigned int first, n = part(thread, block, &first);

	if (range_call(NTMEM_IOC_COMMIT, address(block, first), n * PAGE,
		       NTMEM_PAGE_READWRITE, 0))
		return;
	for (; n--; first++)
		block->page[first].state = WRITABLE;
}

static void decommit(struct thread *thread, struct block *block)
{
	unsigned int first, n = part(thread, block, &first);

	if (range_call(NTMEM_IOC_DECOMMIT, address(block, first), n * PAGE, 0,
		       0))
		return;
	for (; n--; first++)
		block->page[first] = (struct page) {
			.written = block->page[first].written,
			.told = block->page[first].told,
		};
}

static void protect(struct thread *thread, struct block *block)
{
	unsigned int first, n = part(thread, block, &first), i;
	bool writable = dice_below(&thread->dice, 2);
	struct ntmem_protect arg = {
		.addr = address(block, first), .size = n * PAGE,
		.prot = writable ? NTMEM_PAGE_READWRITE : NTMEM_PAGE_READONLY,
	};
	bool all = true;
	int error;

	for (i = first; i < first + n; i++)
		all &= block->page[i].state != RESERVED;
	error = ioctl(device, NTMEM_IOC_PROTECT, &arg) ? errno : 0;
	/* A child that got no memory has nothing committed any more. */
	if (error == ENODATA && thread->is_child)
		return;
	if (error != ENOMEM && error != (all ? 0 : ENODATA))
		wrong("protect: errno %d", error);
	for (i = first; !error && i < first + n; i++)
		block->page[i].state = writable ? WRITABLE : READONLY;
}

/* Whether what was reset is still there; so the undo must know it, too. */
static void undo(struct block *block, unsigned int first, unsigned int n)
{
	int error = range_call(NTMEM_IOC_RESET_UNDO, address(block, first),
			       n * PAGE, 0, 0);

	if (error == EBUSY)
		atomic_fetch_add(&tally->lost, 1);
	if (error && error != EBUSY)
		return;
	for (; n--; first++) {
		struct page *page = &block->page[first];

		if (!page->reset)
			continue;
		page->reset = false;
		if (error && page->state != RESERVED && !*word(block, first))
			page->stamp = 0;
	}
}

static void reset(struct thread *thread, struct block *block)
{
	unsigned int first, n = part(thread, block, &first), i;

	if (range_call(NTMEM_IOC_RESET, address(block, first), n * PAGE, 0,
		       0) || block->view)
		return;
	for (i = first; i < first + n; i++)
		block->page[i].reset = block->page[i].state != RESERVED;
}

static bool is_recorded(const struct block *block, unsigned int page)
{
	u64 told;
	struct ntmem_watch arg = {
		.addr = address(block, page), .size = PAGE,
		.pages = (uintptr_t)&told, .count = 1,
	};

	return !ioctl(device, NTMEM_IOC_WATCH, &arg) && arg.count;
}

/* All that was written is told, if there was memory for it, and nothing else. */
static void watch(struct thread *thread, struct block *block)
{
	static __thread u64 told[MOST_PAGES];
	unsigned int first, n = part(thread, block, &first), i;
	struct ntmem_watch arg = {
		.addr = address(block, first), .size = n * PAGE,
		.pages = (uintptr_t)told, .count = MOST_PAGES,
		.flags = NTMEM_WATCH_RESET,
	};
	u64 next = 0;
	int error = ioctl(device, NTMEM_IOC_WATCH, &arg) ? errno : 0;

	if (error == ENOMEM || thread->is_child)
		return;
	if (error != (block->watched ? 0 : ENXIO))
		wrong("watch: errno %d", error);
	for (i = first; !error && i < first + n; i++) {
		bool is_told = next < arg.count &&
			       told[next] == address(block, i);

		if (!is_told && block->page[i].written && is_recorded(block, i))
			return;
		/* Whoever had a reference, a relative's fault: once more. */
		if (is_told && block->page[i].told)
			block->page[i].written = true;
		if (is_told != block->page[i].written)
			wrong("page %#llx was %swritten to, and is %stold",
			      address(block, i), is_told ? "not " : "",
			      is_told ? "" : "not ");
		block->page[i].written = false;
		block->page[i].told |= is_told;
		next += is_told;
	}
}

static void undo_some(struct thread *thread, struct block *block)
{
	unsigned int first, n = part(thread, block, &first);

	undo(block, first, n);
}

static void use(struct thread *thread, struct block *block)
{
	unsigned int first, n = part(thread, block, &first);

	for (; n--; first++) {
		if (dice_below(&thread->dice, 3))
			verify(block, first);
		else
			write_page(thread, block, first);
	}
}

static void release(struct block *block)
{
	if (frame_end(block))
		block->base = 0;
}

/* The last pages go, the others stay. */
static void release_tail(struct thread *thread, struct block *block)
{
	unsigned int keep = 1 + dice_below(&thread->dice, block->pages);

	if (keep >= block->pages || block->frame)
		return;
	if (!range_call(NTMEM_IOC_RELEASE, address(block, keep),
			(block->pages - keep) * PAGE, 0, 0))
		block->pages = keep;
}

static void step(struct thread *thread);

/* The child sees what its parent had, and what it writes only itself sees. */
static void fork_child(struct thread *thread)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		thread->is_child = true;
		close(device);
		device = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
		if (device < 0)
			_exit(0);
		for (unsigned int i = 0; i < 20; i++)
			step(thread);
		_exit(0);
	}
	if (pid < 0)
		return;
	atomic_fetch_add(&tally->forks, 1);
	for (unsigned int i = 0; i < 5; i++)
		step(thread);
	if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status)) {
		if (WTERMSIG(status) == SIGBUS)
			atomic_fetch_add(&tally->dead, 1);
		else if (WTERMSIG(status) != SIGKILL)
			wrong("a child died of signal %d", WTERMSIG(status));
	}
}

/* True when it was one of those that a view has its own way for. */
static bool step_in_view(struct thread *thread, struct block *block,
			 unsigned int what)
{
	if (!block->view || what < 30)
		return false;
	if (what < 55)
		view_commit(thread, block);
	else if (what < 60)
		view_refuse(thread, block);
	else if (what < 78)
		view_protect(thread, block);
	else if (what >= 91 && what < 96)
		release(block);
	else
		return false;
	return true;
}

static void step(struct thread *thread)
{
	struct block *block = &thread->blocks[dice_below(&thread->dice,
							 BLOCKS)];
	unsigned int what = dice_below(&thread->dice, 100);

	if (!block->base && dice_below(&thread->dice, 4))
		begin(thread, block);
	else if (!block->base)
		view_begin(thread, block);
	else if (step_in_view(thread, block, what))
		return;
	else if (what < 30)
		use(thread, block);
	else if (what < 55)
		commit(thread, block);
	else if (what < 68)
		decommit(thread, block);
	else if (what < 78)
		protect(thread, block);
	else if (what < 84)
		reset(thread, block);
	else if (what < 88)
		undo_some(thread, block);
	else if (what < 91)
		watch(thread, block);
	else if (what < 94)
		release_tail(thread, block);
	else if (what < 98)
		release(block);
	else if (!thread->is_child)
		fork_child(thread);
}

static void *run_thread(void *arg)
{
	while (!atomic_load(&tally->wrong))
		step(arg);
	return NULL;
}

/* A process of the same group that works on this one from outside. */
static void start_stranger(u64 seed)
{
	struct ntmem_open_space arg = { 0 };
	pid_t pid = getpid();
	int space;

	space = ioctl(device, NTMEM_IOC_OPEN_SPACE, &arg) ? -1 : arg.fd;
	if (space < 0 && errno != ENOMEM)
		wrong("OPEN_SPACE: errno %d", errno);
	if (space >= 0 && !fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(device);
		stranger_run(space, pid, seed);
	}
	close(space);
}

/* Works until it is killed. */
void worker_run(u64 seed, unsigned int count)
{
	pthread_t id;

	device = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	if (device < 0)
		_exit(0);
	start_stranger(seed + MOST_THREADS);
	for (unsigned int i = 0; i < MOST_THREADS; i++)
		threads[i].dice.state = seed + i;
	for (unsigned int i = 1; i < count && i < MOST_THREADS; i++)
		if (pthread_create(&id, NULL, run_thread, &threads[i]))
			break;
	run_thread(&threads[0]);
	_exit(1);
}
