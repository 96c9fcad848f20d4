// SPDX-License-Identifier: MIT
/*
 * The runner: the step of each kind of op, and fork. What an engine answers is
 * compared here; the comparison of whole worlds is in world.c.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../patience.h"
#include "access.h"
#include "bad.h"
#include "pair.h"
#include "run.h"
#include "world.h"

#define POISON32	0xa5a5a5a5U
#define POISON64	0xa5a5a5a5a5a5a5a5ULL
#define NOT_RUN		77


/* A child that waits for its parent to get ahead of it. */
struct late {
	pid_t pid;
	int go;
	uint32_t steps;
};

struct run {
	const struct sequence *seq;
	struct world worlds[2];
	int count;
	bool verbose;
	bool child;
	size_t failed_at;
	struct late late;
	struct pair *pair;		/* with whom it takes turns, or NULL */
};

static bool run_ops(struct run *run, size_t from, size_t to);

/* ------------------------------------------------------------ operations */

/* In memory that children share. */
static unsigned long *operations;

bool run_count_operations(void)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return false;
	operations = page;
	return true;
}

unsigned long run_operations(void)
{
	return operations ? __atomic_load_n(operations, __ATOMIC_RELAXED) : 0;
}

static void count(unsigned long n)
{
	if (operations)
		__atomic_fetch_add(operations, n, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------ single ops */

static int engine_call(const struct ntmem_engine *e, struct ntmem_op *op)
{
	switch (op->op) {
	case NTMEM_NR_RESERVE:
		return e->reserve(&op->reserve);
	case NTMEM_NR_COMMIT:
		return e->commit(&op->range);
	case NTMEM_NR_DECOMMIT:
		return e->decommit(&op->range);
	case NTMEM_NR_RELEASE:
		return e->release(&op->range);
	case NTMEM_NR_PROTECT:
		return e->protect(&op->protect);
	case NTMEM_NR_QUERY:
		return e->query(&op->query);
	case NTMEM_NR_LOCK:
		return e->lock(&op->range);
	case NTMEM_NR_UNLOCK:
		return e->unlock(&op->range);
	case NTMEM_NR_RESET:
		return e->reset(&op->range);
	case NTMEM_NR_RESET_UNDO:
		return e->reset_undo(&op->range);
	default:
		return -ENOTTY;
	}
}

/* The op as the engine gets it: its own addresses, poisoned outputs. */
static struct ntmem_op prepare(const struct world *w, const struct op *op)
{
	struct ntmem_op nt = op->nt;

	switch (nt.op) {
	case NTMEM_NR_RESERVE:
		nt.reserve.addr = world_addr(w, nt.reserve.addr);
		nt.reserve.min_addr = world_addr(w, nt.reserve.min_addr);
		nt.reserve.max_addr = world_addr(w, nt.reserve.max_addr);
		break;
	case NTMEM_NR_PROTECT:
		nt.protect.addr = world_addr(w, nt.protect.addr);
		nt.protect.old_prot = POISON32;
		break;
	case NTMEM_NR_QUERY:
		nt.query.addr = world_addr(w, nt.query.addr);
		nt.query.base = POISON64;
		nt.query.alloc_base = POISON64;
		nt.query.size = POISON64;
		nt.query.alloc_prot = POISON32;
		nt.query.state = POISON32;
		nt.query.prot = POISON32;
		nt.query.type = POISON32;
		break;
	default:
		nt.range.addr = world_addr(w, nt.range.addr);
	}
	return nt;
}

/* A reservation at the system's choice may be anywhere that was allowed. */
static bool adopt_area(struct world *w, const struct op *op,
		       const struct ntmem_reserve *got)
{
	const struct ntmem_reserve *asked = &op->nt.reserve;
	const u64 max = asked->max_addr;
	u64 align = w->model->granularity;

	if (asked->align > align)
		align = asked->align;
	if (got->addr % align)
		return world_fail(w, "reserve: base %#llx not aligned to %#llx",
				  got->addr, align);
	if (got->addr < asked->min_addr ||
	    (max && got->addr + got->size - 1 > max))
		return world_fail(w, "reserve: %#llx outside %#llx..%#llx",
				  got->addr, asked->min_addr, max);
	w->area[op->area] = got->addr;
	if (got->addr - w->window >= w->model->window_size)
		return true;
	w->area[op->area] = 0;
	return model_move_area(w->model, op->area,
			       got->addr - w->window + WINDOW_BASE) ||
	       world_fail(w, "reserve: %#llx is in use", got->addr);
}

static bool compare_reserve(struct world *w, const struct op *op,
			    const struct ntmem_reserve *want,
			    const struct ntmem_reserve *got)
{
	if (got->size != want->size)
		return world_fail(w, "reserve: size %#llx, should be %#llx",
				  got->size, want->size);
	if (!op->nt.reserve.addr && want->addr >= AREA_BASE(1))
		return adopt_area(w, op, got);
	if (got->addr != world_addr(w, want->addr))
		return world_fail(w, "reserve: base %#llx, should be %#llx",
				  got->addr, world_addr(w, want->addr));
	return true;
}

static bool compare_outputs(struct world *w, const struct op *op,
			    const struct ntmem_op *want,
			    const struct ntmem_op *got)
{
	switch (op->nt.op) {
	case NTMEM_NR_RESERVE:
		return compare_reserve(w, op, &want->reserve, &got->reserve);
	case NTMEM_NR_PROTECT:
		if (world_same_prot(got->protect.old_prot,
				    want->protect.old_prot))
			return true;
		return world_fail(w, "protect: old_prot %#x, should be %#x",
				  got->protect.old_prot,
				  want->protect.old_prot);
	case NTMEM_NR_QUERY:
		return world_compare_query(w, &want->query, &got->query);
	default:
		return true;
	}
}

static bool compare(struct world *w, const struct op *op,
		    const struct ntmem_op *sent, const struct ntmem_op *want,
		    const struct ntmem_op *got)
{
	w->result = world_errno(got->status);
	if (!w->same_status(op->nt.op, want->status, got->status))
		return world_fail(w, "%s: result %s, should be %s",
				  op_name(op->nt.op),
				  world_errno(got->status),
				  world_errno(want->status));
	if (!want->status)
		return compare_outputs(w, op, want, got);
	if (memcmp(sent->raw, got->raw, sizeof(sent->raw)))
		return world_fail(w, "%s: failed, but changed its argument",
				  op_name(op->nt.op));
	return true;
}

/* RESET_UNDO alone may find less than the model knows of. */
static bool step_undo(struct world *w, const struct op *op)
{
	const struct ntmem_range *range = &op->nt.range;
	bool may = model_may_be_lost(w->model, range);
	bool must = model_must_be_lost(w->model, range);
	struct ntmem_op want = op->nt, sent = prepare(w, op), got = sent;

	got.status = engine_call(w->engine, &got);
	count(1);
	if (may && got.status == -EBUSY) {
		w->result = "EBUSY";
		model_lose(w->model, range);
		return true;
	}
	want.status = model_apply(w->model, &want, 0);
	if (want.status == UNSPECIFIED)
		return true;
	if (must)
		want.status = -EBUSY;
	return compare(w, op, &sent, &want, &got);
}

static bool known_place(const struct world *w, const struct op *op)
{
	bool access = op->nt.op >= OP_READ && op->nt.op <= OP_EXEC;
	u64 addr = access ? op->addr : op->nt.range.addr;

	return world_addr(w, addr) != 0 || addr == 0;
}

static bool step_op(struct world *w, const struct op *op)
{
	struct ntmem_op want = op->nt, sent, got;

	if (op->nt.op == NTMEM_NR_RESET_UNDO)
		return step_undo(w, op);
	want.status = model_apply(w->model, &want, op->area);
	if (want.status == UNSPECIFIED)
		return true;
	sent = prepare(w, op);
	got = sent;
	got.status = engine_call(w->engine, &got);
	count(1);
	return compare(w, op, &sent, &want, &got);
}

/* ----------------------------------------------------------------- watch */

static bool compare_watch(struct world *w, const struct ntmem_watch *want,
			  const struct ntmem_watch *got, uint32_t room)
{
	const u64 *should = (const u64 *)want->pages;
	const u64 *is = (const u64 *)got->pages;

	if (got->count != want->count)
		return world_fail(w, "watch: %llu pages, should be %llu",
				  got->count, want->count);
	for (uint32_t i = 0; i < room; i++) {
		u64 page = i < want->count ? world_addr(w, should[i]) :
					     POISON64;

		if (is[i] != page)
			return world_fail(w, "watch: page %u is %#llx, should be %#llx",
					  i, is[i], page);
	}
	return true;
}

static bool step_watch(struct world *w, const struct op *op)
{
	u64 *pages = malloc((2 * op->arg + 1) * sizeof(*pages));
	struct ntmem_watch want = {
		.addr = op->nt.range.addr, .size = op->nt.range.size,
		.count = op->arg, .flags = op->nt.range.flags,
		.pages = op->arg ? (u64)pages : 0,
	}, sent = want, got;
	int should, is;
	bool ok = true;

	if (!pages)
		abort();
	should = model_watch(w->model, &want);
	if (should == UNSPECIFIED)
		goto out;
	sent.addr = world_addr(w, sent.addr);
	if (op->arg)
		sent.pages = (u64)(pages + op->arg);
	memset(pages + op->arg, 0xa5, op->arg * sizeof(*pages));
	got = sent;
	is = w->engine->watch(&got);
	count(1);
	w->result = world_errno(is);
	if (is != should)
		ok = world_fail(w, "watch: result %s, should be %s",
				world_errno(is), world_errno(should));
	else if (is)
		ok = !memcmp(&got, &sent, sizeof(got)) ||
		     world_fail(w, "watch: failed, but changed its argument");
	else
		ok = compare_watch(w, &want, &got, op->arg);
out:
	free(pages);
	return ok;
}

/* --------------------------------------------------------------- batches */

/* Where it lies is known only after the call. */
static bool makes_area(const struct op *asked, const struct ntmem_op *op)
{
	return op->op == NTMEM_NR_RESERVE && !op->status &&
	       !asked->nt.reserve.addr && op->reserve.addr >= AREA_BASE(1);
}

/*
 * Asks the model about the block and keeps what it can speak of. Returns how
 * many ops the engine should get; *done how many of them should run.
 */
static uint32_t plan_batch(struct world *w, const struct op *ops, size_t n,
			   uint32_t flags, const struct op **kept,
			   struct ntmem_op *want, uint32_t *done)
{
	bool stopped = false;
	uint32_t count = 0;

	*done = 0;
	for (size_t i = 0; i < n; i++) {
		struct ntmem_op *op = &want[count];

		if (ops[i].nt.op == NTMEM_NR_RESET_UNDO ||
		    ops[i].nt.op > 0xff || !known_place(w, &ops[i]))
			continue;
		*op = ops[i].nt;
		op->status = NOT_RUN;
		if (!stopped) {
			op->status = model_apply(w->model, op, ops[i].area);
			if (op->status == UNSPECIFIED)
				continue;
			++*done;
			stopped = op->status && flags & NTMEM_BATCH_STOP;
		}
		kept[count++] = &ops[i];
		if (makes_area(&ops[i], op))
			break;
	}
	return count;
}

static bool compare_batch(struct world *w, const struct op **kept,
			  const struct ntmem_op *sent,
			  const struct ntmem_op *want,
			  const struct ntmem_op *got, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (want[i].status == NOT_RUN) {
			if (got[i].status == NOT_RUN &&
			    !memcmp(sent[i].raw, got[i].raw,
				    sizeof(sent[i].raw)))
				continue;
			return world_fail(w, "batch: op %u should not run", i);
		}
		if (!compare(w, kept[i], &sent[i], &want[i], &got[i]))
			return false;
	}
	return true;
}

static bool step_batch(struct world *w, const struct op *ops, size_t n,
		       uint32_t flags)
{
	const struct op **kept = calloc(n + 1, sizeof(const struct op *));
	struct ntmem_op *want = calloc(n + 1, sizeof(*want));
	struct ntmem_op *sent = calloc(n + 1, sizeof(*sent));
	struct ntmem_op *got = calloc(n + 1, sizeof(*got));
	struct ntmem_batch batch = { .ops = (u64)got, .flags = flags };
	uint32_t planned, done;
	bool ok = true;
	int status;

	if (!kept || !want || !sent || !got)
		abort();
	planned = plan_batch(w, ops, n, flags, kept, want, &done);
	for (uint32_t i = 0; i < planned; i++) {
		sent[i] = prepare(w, kept[i]);
		sent[i].status = NOT_RUN;
		got[i] = sent[i];
	}
	if (planned) {
		batch.count = planned;
		status = w->engine->batch(&batch);
		count(batch.done);
		if (status)
			ok = world_fail(w, "batch: %s", world_errno(status));
		else if (batch.done != done)
			ok = world_fail(w, "batch: done %u, should be %u",
					batch.done, done);
		ok = ok && compare_batch(w, kept, sent, want, got, planned);
	}
	free(kept);
	free(want);
	free(sent);
	free(got);
	return ok;
}

/* ----------------------------------------------------------------- views */

static bool compare_status(struct world *w, const char *name, int want,
			   int got)
{
	w->result = world_errno(got);
	return got == want || world_fail(w, "%s: result %s, should be %s",
					 name, world_errno(got),
					 world_errno(want));
}

static bool step_map(struct world *w, const struct op *op)
{
	struct ntmem_map_view want = op->view, sent = op->view, got;
	int should, is;

	if (op->arg >= SECTIONS || !world_addr(w, op->view.addr))
		return true;
	should = model_map(w->model, op->arg, &want);
	if (should == UNSPECIFIED)
		return true;
	sent.fd = w->section[op->arg];
	sent.addr = world_addr(w, sent.addr);
	got = sent;
	is = w->engine->map_view(&got);
	count(1);
	if (!compare_status(w, "map", should, is))
		return false;
	if (is)
		return !memcmp(&got, &sent, sizeof(got)) ||
		       world_fail(w, "map: failed, but changed its argument");
	return (got.addr == world_addr(w, want.addr) &&
		got.size == want.size) ||
	       world_fail(w, "map: %#llx, size %#llx, should be %#llx, %#llx",
			  got.addr, got.size, world_addr(w, want.addr),
			  want.size);
}

static bool step_unmap(struct world *w, const struct op *op)
{
	struct ntmem_unmap_view unmap = { op->addr, op->arg, 0 };
	int should;

	if (!world_addr(w, op->addr))
		return true;
	should = model_unmap(w->model, &unmap);
	if (should == UNSPECIFIED)
		return true;
	unmap.addr = world_addr(w, op->addr);
	count(1);
	return compare_status(w, "unmap", should,
			      w->engine->unmap_view(&unmap));
}

/* ---------------------------------------------------------------- access */

/* An access that another part refuses leaves no reason behind. */
static bool compare_fault(struct world *w, const struct access *want,
			  u64 addr)
{
	struct ntmem_fault got;
	int status = w->engine->last_fault(&got);
	bool execute = want->fault.access == NTMEM_ACCESS_EXECUTE;

	if (want->allowed)
		return status == -ENODATA ||
		       world_fail(w, "last_fault: %s after a good access",
				  world_errno(status));
	if (!want->ours)
		return true;
	/* The CPU alone refuses to execute a page that is present. */
	if (execute && status == -ENODATA &&
	    want->fault.reason == NTMEM_FAULT_PROTECTION)
		return true;
	if (status)
		return world_fail(w, "last_fault: %s", world_errno(status));
	if (got.addr != addr || got.access != want->fault.access ||
	    got.reason != want->fault.reason ||
	    !world_same_prot(got.prot, want->fault.prot))
		return world_fail(w, "last_fault: %#llx access %u reason %u prot %#x, should be %#llx %u %u %#x",
				  got.addr, got.access, got.reason, got.prot,
				  addr, want->fault.access, want->fault.reason,
				  want->fault.prot);
	if (w->engine->last_fault(&got) != -ENODATA)
		return world_fail(w, "last_fault: not forgotten by reading");
	return true;
}

/* Zeroes would be run as instructions. */
static bool safe_to_call(struct world *w, const struct op *op)
{
	struct page *page = model_page(w->model, op->addr);

	if (op->nt.op != OP_EXEC || !page || !model_executable(page))
		return true;
	return page->stamp && !page->reset && !page->doubt;
}

static bool step_write(struct world *w, const struct op *op)
{
	u64 addr = world_addr(w, page_down(op->addr));
	int sig = access_fill(addr, op->stamp);

	if (sig)
		return world_fail(w, "poke: filling the page: signal %d", sig);
	model_wrote(w->model, op->addr, op->stamp);
	return true;
}

static bool step_access(struct world *w, const struct op *op)
{
	uint32_t kind = op->nt.op == OP_WRITE ? NTMEM_ACCESS_WRITE :
			op->nt.op == OP_EXEC ? NTMEM_ACCESS_EXECUTE :
			NTMEM_ACCESS_READ;
	u64 addr = world_addr(w, op->addr);
	struct ntmem_fault stale;
	struct access want;
	uint8_t byte = access_byte(op->stamp, op->addr % PAGE);
	int sig;

	if (!safe_to_call(w, op) ||
	    model_access(w->model, op->addr, kind, &want))
		return true;
	w->engine->last_fault(&stale);
	sig = access_touch(addr, kind, byte);
	count(1);
	w->result = sig ? "refused" : "allowed";
	if (want.allowed && sig)
		return world_fail(w, "%s: signal %d, should be allowed",
				  op_name(op->nt.op), sig);
	if (!want.allowed && !sig)
		return world_fail(w, "%s: allowed, should be refused (reason %u)",
				  op_name(op->nt.op), want.fault.reason);
	if (sig && (sig != SIGSEGV || access_fault_addr() != addr))
		return world_fail(w, "%s: signal %d at %#llx, should be SIGSEGV at %#llx",
				  op_name(op->nt.op), sig,
				  access_fault_addr(), addr);
	if (!compare_fault(w, &want, addr))
		return false;
	if (!want.allowed)
		return true;
	return kind == NTMEM_ACCESS_WRITE ? step_write(w, op) :
					    world_check_page(w, op->addr);
}

/* --------------------------------------------------------------- pressure */

/*
 * Memory pressure on demand, where it is the module that drops reset pages;
 * nothing is done without the right to ask for it.
 */
static void drop_caches(const struct world *w)
{
	FILE *drop;

	if (strcmp(w->engine->name, "kernel"))
		return;
	drop = fopen("/proc/sys/vm/drop_caches", "we");
	if (!drop)
		return;
	fputs("4\n", drop);	/* quietly from now on */
	fflush(drop);
	rewind(drop);
	fputs("2\n", drop);
	fclose(drop);
}

/* ------------------------------------------------------------------ fork */

static bool child_verdict(struct run *run, pid_t pid)
{
	int status = 0;

	if (waitpid(pid, &status, 0) != pid)
		return world_fail(&run->worlds[0], "waitpid: %m");
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	if (WIFSIGNALED(status))
		return world_fail(&run->worlds[0], "the child died of signal %d",
				  WTERMSIG(status));
	return world_fail(&run->worlds[0], "the child disagrees (above)");
}

static bool join_late(struct run *run)
{
	struct late late = run->late;

	if (!late.pid)
		return true;
	run->late.pid = 0;
	if (write(late.go, "g", 1) != 1)
		return world_fail(&run->worlds[0], "starting the child: %m");
	close(late.go);
	return child_verdict(run, late.pid);
}

static void child_main(struct run *run, size_t from, size_t to, int go)
{
	bool ok = true;
	char c;

	nt_alarm(60);
	run->late.pid = 0;
	run->child = true;
	for (int i = 0; i < run->count; i++) {
		run->worlds[i].child = true;
		model_fork(run->worlds[i].model);
	}
	if (go >= 0 && read(go, &c, 1) != 1)
		_exit(0);	/* the parent gave up */
	for (int i = 0; ok && i < run->count; i++)
		ok = world_check(&run->worlds[i], true);
	ok = ok && run_ops(run, from, to) && join_late(run);
	for (int i = 0; ok && i < run->count; i++)
		ok = world_check(&run->worlds[i], true);
	fflush(stdout);
	_exit(!ok);
}

/* A child without any is not said to inherit the granularity. */
static bool has_reservations(struct run *run)
{
	struct model *child;
	bool has = true;

	for (int i = 0; i < run->count; i++) {
		child = model_copy(run->worlds[i].model);
		model_fork(child);
		has &= model_reserved(child) != 0;
		model_free(child);
	}
	return has;
}

static bool step_fork(struct run *run, size_t from, size_t to, uint32_t steps)
{
	int go[2] = { -1, -1 };
	pid_t pid;

	if (!has_reservations(run))
		return true;
	if (!join_late(run))
		return false;
	if (steps && pipe(go))
		return world_fail(&run->worlds[0], "pipe: %m");
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return world_fail(&run->worlds[0], "fork: %m");
	if (!pid) {
		if (go[1] >= 0)
			close(go[1]);
		child_main(run, from, to, go[0]);
	}
	if (!steps)
		return child_verdict(run, pid);
	close(go[0]);
	run->late = (struct late){ pid, go[1], steps };
	return true;
}

/* ------------------------------------------------------------------ loop */

static bool step(struct run *run, size_t i, size_t end)
{
	const struct op *op = &run->seq->ops[i];
	bool ok = true;

	for (int k = 0; ok && k < run->count; k++) {
		struct world *w = &run->worlds[k];

		w->result = "-";
		if (op->nt.op == OP_CHECK)
			ok = world_check(w, op->arg);
		else if (op->nt.op == NTMEM_NR_INFO)
			ok = world_check_info(w);
		else if (op->nt.op == OP_PRESSURE)
			drop_caches(w);
		else if (op->nt.op == OP_BAD)
			ok = bad_arguments(w, op->arg);
		else if (op->nt.op == OP_BATCH)
			ok = step_batch(w, op + 1, end - i - 1, op->arg);
		else if (op->nt.op == OP_MAP)
			ok = step_map(w, op);
		else if (op->nt.op == OP_UNMAP)
			ok = step_unmap(w, op);
		else if (!known_place(w, op))
			continue;
		else if (op->nt.op >= OP_READ && op->nt.op <= OP_EXEC)
			ok = step_access(w, op);
		else if (op->nt.op == OP_WATCH)
			ok = step_watch(w, op);
		else if (op->nt.op < NTMEM_NR_SET_GRANULARITY)
			ok = step_op(w, op);
		if (run->verbose)
			printf("#   %s: %s\n", w->engine->name, w->result);
	}
	return ok;
}

static void show(const struct run *run, size_t i)
{
	printf("# %s%zu: ", run->child ? "child " : "", i);
	op_print(stdout, &run->seq->ops[i]);
	putchar('\n');
}

/* Of two that take turns neither has children, who would take none. */
static bool step_in_turn(struct run *run, size_t i, size_t end)
{
	const struct op *op = &run->seq->ops[i];
	bool ok;

	if (!run->pair)
		return op->nt.op == OP_FORK ?
		       step_fork(run, i + 1, end, op->arg) :
		       step(run, i, end);
	pair_await_turn(run->pair);
	ok = op->nt.op == OP_FORK || step(run, i, end);
	pair_pass_turn(run->pair);
	return ok;
}

static bool run_ops(struct run *run, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		const struct op *op = &run->seq->ops[i];
		size_t end = i;
		bool ok;

		if (op->nt.op == OP_BATCH || op->nt.op == OP_FORK)
			end = sequence_block_end(run->seq, i);
		if (run->verbose)
			show(run, i);
		ok = step_in_turn(run, i, end);
		if (ok && run->late.pid && !run->late.steps--)
			ok = join_late(run);
		if (!ok) {
			run->failed_at = end;
			show(run, i);
			return false;
		}
		i = end;
	}
	return true;
}

/* Opened where the sequence's limit is known. */
static const struct ntmem_engine *open_embedded(const struct sequence *seq)
{
	const struct ntmem_engine *engine;
	char limit[32];
	int error;

	snprintf(limit, sizeof(limit), "%llu", seq->commit_limit);
	if (seq->commit_limit)
		setenv("NTMEM_COMMIT_LIMIT", limit, 1);
	engine = ntmem_engine_open_embedded(&error);
	unsetenv("NTMEM_COMMIT_LIMIT");
	return engine;
}

static bool run_open(struct run *run, unsigned int engines)
{
	int error;

	access_init();
	if (engines & RUN_KERNEL &&
	    !world_open(&run->worlds[run->count++],
			ntmem_engine_open_kernel(&error), KERNEL_WINDOW,
			run->seq))
		return false;
	return !(engines & RUN_EMBEDDED) ||
	       world_open(&run->worlds[run->count++],
			  open_embedded(run->seq), EMBEDDED_WINDOW, run->seq);
}

/* All of it in worlds that are open, and whether nothing is left at the end. */
static bool run_all(struct run *run)
{
	bool ok;

	run->failed_at = run->seq->count;
	ok = run_ops(run, 0, run->seq->count) && join_late(run);
	if (run->pair)
		pair_await_turn(run->pair);
	for (int i = 0; ok && i < run->count; i++)
		ok = world_check(&run->worlds[i], true);
	for (int i = 0; ok && i < run->count; i++)
		ok = world_close(&run->worlds[i], run->seq);
	fflush(stdout);
	return ok;
}

bool run_sequence(const struct sequence *seq, unsigned int engines,
		  bool verbose, size_t *failed_at)
{
	struct run run = { .seq = seq, .verbose = verbose };
	bool ok = run_open(&run, engines) && run_all(&run);

	*failed_at = run.failed_at;
	fflush(stdout);
	return ok;
}

bool run_embedded(const struct sequence *seq, run_wrapper *wrap,
		  run_same_status *same_status)
{
	struct run run = { .seq = seq, .count = 1 };
	struct world *w = &run.worlds[0];
	const struct ntmem_engine *engine;

	access_init();
	engine = open_embedded(seq);
	if (engine && wrap)
		engine = wrap(engine);
	if (!world_open(w, engine, EMBEDDED_WINDOW, seq))
		return false;
	if (same_status)
		w->same_status = same_status;
	return run_all(&run);
}

bool run_shared(const struct sequence *seq, const struct ntmem_engine *engine,
		u64 window)
{
	struct run run = { .seq = seq, .count = 1 };

	run.worlds[0].shared = true;
	return world_open(&run.worlds[0], engine, window, seq) &&
	       run_all(&run);
}

bool run_paired(const struct sequence *seq, struct pair *pair)
{
	struct run run = { .seq = seq, .count = 1, .pair = pair };
	bool ok = pair_open_world(pair, &run.worlds[0], seq) && run_all(&run);

	pair_leave(pair);
	return ok;
}

u64 run_charged(void)
{
	struct ntmem_info info = { 0 };
	const struct ntmem_engine *engine;
	int error;

	engine = ntmem_engine_open_kernel(&error);
	if (engine)
		engine->info(&info);
	return info.committed;
}

unsigned int run_available(void)
{
	return RUN_EMBEDDED | (access("/dev/ntmem", R_OK | W_OK) ? 0 :
							RUN_KERNEL);
}
