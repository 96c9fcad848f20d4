// SPDX-License-Identifier: MIT
/*
 * The ioctls of /dev/ntmem, single and in batches, with arguments that lie in
 * ordinary memory or in the memory they are about.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fuzz.h"

#define SHIFT(value)	(1ULL << ((value) & 63))

struct call {
	unsigned long cmd;
	u64 addr;
	u64 size;
	union {
		struct ntmem_reserve reserve;
		struct ntmem_range range;
		struct ntmem_protect protect;
		struct ntmem_query query;
		struct ntmem_granularity granularity;
		struct ntmem_info info;
		struct ntmem_fault fault;
	} arg;
};

/* Where the argument of this thread's next call is to lie, or 0. */
static __thread u64 inside;

static unsigned long command_of(const char *name)
{
	static const struct {
		const char *name;
		unsigned long cmd;
	} commands[] = {
		{ "commit", NTMEM_IOC_COMMIT },
		{ "decommit", NTMEM_IOC_DECOMMIT },
		{ "release", NTMEM_IOC_RELEASE },
		{ "preserve", NTMEM_IOC_RELEASE },
		{ "coalesce", NTMEM_IOC_RELEASE },
		{ "plain", NTMEM_IOC_RELEASE },
		{ "lock", NTMEM_IOC_LOCK }, { "unlock", NTMEM_IOC_UNLOCK },
		{ "reset", NTMEM_IOC_RESET },
		{ "undo", NTMEM_IOC_RESET_UNDO },
		{ "protect", NTMEM_IOC_PROTECT },
		{ "query", NTMEM_IOC_QUERY }, { "info", NTMEM_IOC_INFO },
		{ "last-fault", NTMEM_IOC_LAST_FAULT },
		{ "granularity", NTMEM_IOC_SET_GRANULARITY },
	};

	for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]);
	     i++)
		if (!strcmp(commands[i].name, name))
			return commands[i].cmd;
	return NTMEM_IOC_RESERVE;
}

static void make_reserve(const char *name, const struct op *op,
			 struct ntmem_reserve *reserve)
{
	const struct arg *arg = op->arg;

	if (!strcmp(name, "over")) {
		reserve->addr = arg_address(&arg[1]);
		reserve->size = arg[2].value;
		reserve->prot = NTMEM_PAGE_NOACCESS;
		reserve->flags = NTMEM_RESERVE_PLACEHOLDER |
				 NTMEM_RESERVE_PLAIN |
				 (arg[3].value & NTMEM_RESERVE_NOFORK);
		return;
	}
	if (!strcmp(name, "reserve-at") || !strcmp(name, "replace")) {
		reserve->addr = arg_address(&arg[1]);
		reserve->size = arg[2].value;
		reserve->prot = arg[3].value;
		reserve->flags = arg[4].value;
		if (!strcmp(name, "replace"))
			reserve->flags |= NTMEM_RESERVE_REPLACE;
		return;
	}
	reserve->size = arg[1].value;
	if (!strcmp(name, "placeholder")) {
		reserve->prot = NTMEM_PAGE_NOACCESS;
		reserve->flags = arg[2].value | NTMEM_RESERVE_PLACEHOLDER;
		return;
	}
	reserve->prot = NTMEM_PAGE_READWRITE;
	if (!strcmp(name, "reserve")) {
		reserve->prot = arg[2].value;
		reserve->flags = arg[3].value;
		return;
	}
	if (arg[3].value) {
		reserve->min_addr = arg_address(&arg[2]) & -SHIFT(16);
		reserve->max_addr = reserve->min_addr + SHIFT(arg[3].value) - 1;
	}
	if (arg[4].value)
		reserve->align = SHIFT(arg[4].value);
}

static void make_call(const struct op *op, struct call *call)
{
	const char *name = op_kinds[op->code].name;

	memset(call, 0, sizeof(*call));
	call->cmd = command_of(name);
	if (op_kinds[op->code].args[0] == 'a') {
		call->addr = arg_address(&op->arg[0]);
		call->size = op->arg[1].value;
		call->arg.range.addr = call->addr;
		call->arg.range.size = call->size;
	}
	switch (call->cmd) {
	case NTMEM_IOC_RESERVE:
		make_reserve(name, op, &call->arg.reserve);
		break;
	case NTMEM_IOC_COMMIT:
	case NTMEM_IOC_PROTECT:
		call->arg.range.prot = op->arg[2].value;
		break;
	case NTMEM_IOC_RELEASE:
		if (!strcmp(name, "preserve"))
			call->arg.range.flags = NTMEM_RELEASE_PRESERVE;
		else if (!strcmp(name, "coalesce"))
			call->arg.range.flags = NTMEM_RELEASE_COALESCE;
		else if (!strcmp(name, "plain"))
			call->arg.range.flags = NTMEM_RELEASE_PLAIN;
		break;
	case NTMEM_IOC_QUERY:
		call->arg.query = (struct ntmem_query){ .addr = call->addr };
		break;
	case NTMEM_IOC_SET_GRANULARITY:
		call->arg.granularity.granularity = SHIFT(op->arg[0].value);
	}
}

/* What is promised of views; RESET and RESET_UNDO change nothing in them. */
static void note_in_view(const struct op *op, const struct call *call,
			 int error)
{
	if (error)
		return;
	if (call->cmd == NTMEM_IOC_DECOMMIT || call->cmd == NTMEM_IOC_RELEASE)
		report("%s in the view at %#llx was not refused",
		       op_kinds[op->code].name, view_at(call->addr)->start);
	else if (call->cmd == NTMEM_IOC_COMMIT ||
		 call->cmd == NTMEM_IOC_PROTECT)
		view_protected(call->addr, call->arg.range.prot);
}

/* What the call did, for the slots and for the oracle. */
static void note_call(const struct op *op, const struct call *call, int error)
{
	struct slot *slot = &slots[op->arg[0].value % SLOTS];

	if (view_at(call->addr)) {
		note_in_view(op, call, error);
		return;
	}
	if (call->cmd == NTMEM_IOC_RESET && !error)
		oracle_reset(call->addr, call->size);
	else if (call->cmd == NTMEM_IOC_RESET_UNDO &&
		 (!error || error == EBUSY))
		oracle_undone(call->addr, call->size, error);
	if (error)
		return;
	switch (call->cmd) {
	case NTMEM_IOC_RESERVE:
		slot->start = call->arg.reserve.addr;
		slot->end = slot->start + call->arg.reserve.size;
		if (call->arg.reserve.flags & NTMEM_RESERVE_PLAIN)
			oracle_resync();
		break;
	case NTMEM_IOC_DECOMMIT:
	case NTMEM_IOC_RELEASE:
		if (call->size)
			oracle_dropped(call->addr, call->size,
				       call->cmd == NTMEM_IOC_RELEASE);
		else
			oracle_resync();
	}
}

/* Lets the argument lie in the tested memory itself, where that works. */
static int call_inside(u64 addr, struct call *call)
{
	u64 words[16] = { 0 };
	size_t size = _IOC_SIZE(call->cmd);
	unsigned int n = (size + 7) / 8, i;
	int error = EFAULT;

	/* Writing it there may use up a guard. */
	oracle_forget();
	memcpy(words, &call->arg, size);
	for (i = 0; i < n; i++)
		if (memory_touch(addr + 8 * i, ACCESS_WRITE, &words[i]))
			break;
	if (i == n)
		error = result_of(ioctl(device, call->cmd, addr));
	n = i;
	for (i = 0; i < n; i++) {
		u64 stamp = memory_stamp(addr + 8 * i);

		if (memory_touch(addr + 8 * i, ACCESS_READ, &words[i]) ||
		    memory_touch(addr + 8 * i, ACCESS_WRITE, &stamp))
			memory_trust_nothing();
		else
			oracle_wrote_word(addr + 8 * i, stamp);
	}
	memcpy(&call->arg, words, size);
	return error;
}

/* It takes what others have mapped away, as mmap(2) with MAP_FIXED does. */
static bool is_over(const struct call *call)
{
	return call->cmd == NTMEM_IOC_RESERVE &&
	       call->arg.reserve.flags & NTMEM_RESERVE_PLAIN;
}

int nt_run(const struct op *op)
{
	struct call call;
	u64 where = inside;
	bool ours = true;
	int error;

	make_call(op, &call);
	if (is_over(&call) &&
	    !memory_is_expendable(call.arg.reserve.addr & -PAGE,
				  call.arg.reserve.size))
		return EINVAL;
	/* LOCK brings what it locks. */
	if (call.cmd == NTMEM_IOC_LOCK && call.size > 4 << 20)
		call.arg.range.addr = 1;
	inside = 0;
	if (where)
		error = call_inside(where, &call);
	else
		error = remote_call(call.cmd, &call.arg, &ours);
	if (ours)
		note_call(op, &call, error);
	return error;
}

/* Only where nobody reads it meanwhile: what is there then are no stamps. */
int nt_inside(const struct op *op)
{
	u64 addr = arg_address(&op->arg[0]) & ~7ULL;

	if (single && !(view_is_shared() &&
			(view_at(addr) || view_at(addr + MOST_ARGUMENT))))
		inside = addr;
	return 0;
}

/* What is told rises, inside the range, and is not more than there is room. */
static void check_told(const struct ntmem_watch *watch, const u64 *pages,
		       u64 room)
{
	u64 least = watch->addr & -PAGE;

	if (watch->count > room)
		report("watch told %llu pages, of room for %llu", watch->count,
		       room);
	for (u64 i = 0; i < watch->count && i < room; i++) {
		if (pages[i] % PAGE || pages[i] < least ||
		    pages[i] - least >= watch->size + PAGE)
			report("watch of %#llx told %#llx", watch->addr,
			       pages[i]);
		least = pages[i] + PAGE;
	}
}

/* Some pages, many, or a reset of all. */
int nt_watch(const struct op *op)
{
	static __thread u64 pages[600];
	static const u64 rooms[] = { 600, 1, 7, 0 };
	u64 how = op->arg[2].value, room = rooms[(how >> 1) % 4];
	struct ntmem_watch watch = {
		.addr = arg_address(&op->arg[0]), .size = op->arg[1].value,
		.pages = room ? (uintptr_t)pages : 0, .count = room,
		.flags = how & 1 ? NTMEM_WATCH_RESET : 0,
	};
	int error = result_of(ioctl(device, NTMEM_IOC_WATCH, &watch));

	if (!error && view_at(watch.addr))
		report("a view was watched, at %#llx", watch.addr);
	if (!error) {
		check_told(&watch, pages, room);
		oracle_watched(&watch, pages, room);
	}
	return error;
}

static bool fits_batch(const struct op *op)
{
	const struct op_kind *kind = &op_kinds[op->code];

	return kind->run == nt_run && strcmp(kind->name, "info") &&
	       strcmp(kind->name, "last-fault") &&
	       strcmp(kind->name, "granularity");
}

/* The next operations of this thread, as far as a batch may have them. */
int nt_batch(const struct op *op)
{
	struct ntmem_op ops[8] = { 0 };
	const struct op *from[8];
	struct call calls[8];
	struct ntmem_batch batch = {
		.ops = (uintptr_t)ops,
		.flags = op->arg[1].value & 1 ? NTMEM_BATCH_STOP : 0,
	};
	unsigned int count = 0;
	int error;

	while (count < (op->arg[0].value & 7) &&
	       cursor->next < cursor->count &&
	       fits_batch(cursor->ops[cursor->next])) {
		const struct op *next = cursor->ops[cursor->next++];

		from[count] = next;
		make_call(next, &calls[count]);
		ops[count].op = _IOC_NR(calls[count].cmd);
		ops[count].status = 1;
		memcpy(ops[count].raw, &calls[count].arg,
		       _IOC_SIZE(calls[count].cmd));
		count++;
	}
	batch.count = count;
	error = result_of(ioctl(device, NTMEM_IOC_BATCH, &batch));
	for (unsigned int i = 0; i < count; i++) {
		if (ops[i].status > 0)
			continue;
		memcpy(&calls[i].arg, ops[i].raw, sizeof(ops[i].raw));
		note_call(from[i], &calls[i], -ops[i].status);
		if (-ops[i].status < MAX_RESULT)
			shared->result[from[i]->code][-ops[i].status] = 1;
	}
	return error;
}

/*
 * Any number and size, with an argument wherever it may lie: all zeros, or
 * what programs write, which is no valid argument. Nothing is written back.
 */
int nt_raw(const struct op *op)
{
	static const u64 nothing[512];
	u64 addr = single ? (uintptr_t)nothing : arg_address(&op->arg[2]);
	u64 what = op->arg[1].value;

	return result_of(ioctl(device, _IOC(what & _IOC_WRITE, NTMEM_IOC_MAGIC,
					    op->arg[0].value & 0xff,
					    (what >> 2) * 8 & 0xfff), addr));
}

/* Another descriptor of the same space, or of what it is by now. */
int nt_open(const struct op *op)
{
	int fd = open("/dev/ntmem", O_RDWR);

	if (fd < 0)
		return errno;
	if (device < 0) {
		device = fd;
		return 0;
	}
	if (!(op->arg[0].value & 1))
		dup2(fd, device);
	close(fd);
	return 0;
}
