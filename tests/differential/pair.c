// SPDX-License-Identifier: MIT
/*
 * Two processes on the same sections. See pair.h.
 *
 * Each reads bytes from its pipe: the turn, that the other has left something to be
 * carried out in the memory that both share, or that it is done. Who has not the
 * turn does nothing but that, so that a run repeats itself.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../patience.h"
#include "access.h"
#include "ntmem/handleapi.h"
#include "ntmem/processthreadsapi.h"
#include "pair.h"
#include "run.h"
#include "virtual/service.h"
#include "virtual/target.h"

#define SECONDS		120

#define TURN		't'
#define REQUEST		'r'
#define DONE		'd'

/* An operation for the other one: its number, its argument, what came of it. */
struct request {
	unsigned long number;
	unsigned int size;
	int section;		/* of a view, whose descriptor is each one's own */
	int result;
	union {
		struct ntmem_reserve reserve;
		struct ntmem_range range;
		struct ntmem_protect protect;
		struct ntmem_query query;
		struct ntmem_map_view map;
		struct ntmem_unmap_view unmap;
	} arg;
};

struct pair {
	bool first;
	bool alone;		/* the other one is done */
	bool remote;		/* can it work on our space? */
	unsigned int calls;
	pid_t pids[2];
	int to, from;		/* pipes */
	int socket;		/* by which descriptors go */
	struct section *sections;
	struct request *request;	/* shared */
	struct world *world;
	struct target target;	/* the other one; no handle until it is needed */
	HANDLE process;
};

/* The engine's operations call this process's. */
static struct pair *self;
static struct ntmem_engine engine;
static const struct ntmem_engine *base;

/* ------------------------------------------------------------- operations --- */

static int carry_out(struct pair *pair)
{
	struct request *request = pair->request;
	struct ntmem_map_view *map = &request->arg.map;
	int error, fd = 0;

	if (!pair->process)
		pair->process = OpenProcess(PROCESS_ALL_ACCESS, FALSE,
					    (DWORD)pair->pids[!pair->first]);
	if (!target_take(&pair->target, pair->process, PROCESS_VM_OPERATION))
		return -EPERM;
	if (request->section >= 0) {
		fd = map->fd;
		map->fd = pair->world->section[request->section];
	}
	error = target_call(&pair->target, request->number, &request->arg);
	if (request->section >= 0)
		map->fd = fd;
	target_give(&pair->target);
	return error;
}

static void send_byte(struct pair *pair, char byte)
{
	if (!pair->alone && write(pair->to, &byte, 1) != 1)
		pair->alone = true;
}

/* Serves the other one until it says this. */
static void await_byte(struct pair *pair, char wanted)
{
	char byte = 0;

	while (!pair->alone && byte != wanted) {
		if (read(pair->from, &byte, 1) != 1) {
			pair->alone = true;
		} else if (byte == REQUEST) {
			pair->request->result = carry_out(pair);
			send_byte(pair, DONE);
		}
	}
}

void pair_await_turn(struct pair *pair)
{
	await_byte(pair, TURN);
}

void pair_pass_turn(struct pair *pair)
{
	send_byte(pair, TURN);
}

/* Who goes has had the turn. */
void pair_leave(struct pair *pair)
{
	send_byte(pair, TURN);
	close(pair->to);
	pair->alone = true;
}

/* Every second operation is the other one's to do, as long as it is there. */
static bool ask_other(unsigned long number, void *arg, unsigned int size,
		      int section, int *result)
{
	struct request *request = self->request;

	if (!self->remote || self->alone || ++self->calls % 2)
		return false;
	request->number = number;
	request->size = size;
	request->section = section;
	memcpy(&request->arg, arg, size);
	send_byte(self, REQUEST);
	await_byte(self, DONE);
	if (self->alone)
		return false;
	memcpy(arg, &request->arg, size);
	*result = request->result;
	return true;
}

#define OPERATION(name, NAME, type)					\
static int do_##name(struct ntmem_##type *arg)				\
{									\
	int result;							\
									\
	return ask_other(NTMEM_IOC_##NAME, arg, sizeof(*arg), -1,	\
			 &result) ? result : base->name(arg);		\
}

/* Those that change nothing of their argument must not, there neither. */
#define RANGE_OPERATION(name, NAME)					\
static int do_##name(const struct ntmem_range *range)			\
{									\
	struct ntmem_range arg = *range;				\
	int result;							\
									\
	if (!ask_other(NTMEM_IOC_##NAME, &arg, sizeof(arg), -1,		\
		       &result))					\
		return base->name(range);				\
	return memcmp(&arg, range, sizeof(arg)) ? -EPROTO : result;	\
}

OPERATION(reserve, RESERVE, reserve)
OPERATION(protect, PROTECT, protect)
OPERATION(query, QUERY, query)
RANGE_OPERATION(commit, COMMIT)
RANGE_OPERATION(decommit, DECOMMIT)
RANGE_OPERATION(release, RELEASE)
RANGE_OPERATION(lock, LOCK)
RANGE_OPERATION(unlock, UNLOCK)
RANGE_OPERATION(reset, RESET)
RANGE_OPERATION(reset_undo, RESET_UNDO)

static int do_map_view(struct ntmem_map_view *view)
{
	int i, result;

	for (i = 0; i < SECTIONS; i++)
		if (self->world->section[i] == view->fd)
			break;
	return i < SECTIONS && ask_other(NTMEM_IOC_MAP_VIEW, view,
					 sizeof(*view), i, &result) ?
	       result : base->map_view(view);
}

static int do_unmap_view(const struct ntmem_unmap_view *unmap)
{
	struct ntmem_unmap_view arg = *unmap;
	int result;

	return ask_other(NTMEM_IOC_UNMAP_VIEW, &arg, sizeof(arg), -1,
			 &result) ? result : base->unmap_view(unmap);
}

static const struct ntmem_engine *wrap(const struct ntmem_engine *of)
{
	base = of;
	engine = *of;
	engine.reserve = do_reserve;
	engine.protect = do_protect;
	engine.query = do_query;
	engine.commit = do_commit;
	engine.decommit = do_decommit;
	engine.release = do_release;
	engine.lock = do_lock;
	engine.unlock = do_unlock;
	engine.reset = do_reset;
	engine.reset_undo = do_reset_undo;
	engine.map_view = do_map_view;
	engine.unmap_view = do_unmap_view;
	return &engine;
}

/* ------------------------------------------------------------------ worlds --- */

static bool send_sections(const struct pair *pair, const struct world *w)
{
	int i;

	for (i = 0; i < SECTIONS; i++)
		if (!service_send(pair->socket, "s", 1, w->section[i]))
			return false;
	return true;
}

static bool take_sections(const struct pair *pair, struct world *w)
{
	char byte;
	int i;

	for (i = 0; i < SECTIONS; i++) {
		service_receive(pair->socket, &byte, 1, &w->section[i]);
		if (w->section[i] < 0)
			return false;
		w->engine->adopt_section(w->section[i]);
	}
	return true;
}

static const struct ntmem_engine *open_engine(bool kernel)
{
	const struct ntmem_engine *of;
	int error;

	of = kernel ? ntmem_engine_open_kernel(&error) :
		      ntmem_engine_open_embedded(&error);
	return of ? wrap(of) : NULL;
}

bool pair_open_world(struct pair *pair, struct world *w,
		     const struct sequence *seq)
{
	const struct ntmem_engine *of = open_engine(pair->remote);
	bool ok;

	pair->world = w;
	w->engine = of;
	w->shown = pair->sections;
	w->has_sections = !pair->first;
	if (of && !pair->first && !take_sections(pair, w))
		return world_fail(w, "no sections from the other process");
	/* Until both are there nobody can be asked. */
	self->alone = true;
	ok = world_open(w, of, pair->remote ? KERNEL_WINDOW : EMBEDDED_WINDOW,
			seq);
	self->alone = false;
	if (ok && pair->first && !send_sections(pair, w))
		return world_fail(w, "cannot send the sections");
	return ok;
}

/* ---------------------------------------------------------------- processes --- */

/* The second one gets its turns from the first. */
static int play(struct pair *pair, const struct sequence *seq)
{
	bool ok;

	self = pair;
	nt_alarm(SECONDS);
	signal(SIGPIPE, SIG_IGN);
	access_init();
	ok = run_paired(seq, pair);
	fflush(stdout);
	return !ok;
}

static bool reap(pid_t pid, const char *who)
{
	int status = -1;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFSIGNALED(status))
		printf("# the %s process died of signal %d\n", who,
		       WTERMSIG(status));
	else if (status)
		printf("# the %s process disagrees\n", who);
	return !status;
}

/* Each holds its own ends alone, so that it hears of the other's end. */
static pid_t start(struct pair *pair, const struct sequence *seq, bool first,
		   int pipes[2][2], const int sockets[2])
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	pair->first = first;
	pair->to = pipes[!first][1];
	pair->from = pipes[first][0];
	close(pipes[!first][0]);
	close(pipes[first][1]);
	pair->socket = sockets[first];
	close(sockets[!first]);
	/* Both have to know both numbers. */
	pair->pids[first] = getpid();
	if (write(pair->socket, &pair->pids[first], sizeof(pid)) !=
	    sizeof(pid) ||
	    read(pair->socket, &pair->pids[!first], sizeof(pid)) !=
	    sizeof(pid))
		exit(2);
	exit(play(pair, seq));
}

static void *share(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

static bool run_on(const struct sequence seqs[2], bool kernel)
{
	struct pair pair = { .remote = kernel };
	int pipes[2][2], sockets[2];
	pid_t first, second;
	bool ok;

	pair.sections = share(SECTIONS * sizeof(*pair.sections));
	pair.request = share(sizeof(*pair.request));
	model_fill_sections(pair.sections);
	if (pipe(pipes[0]) || pipe(pipes[1]) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets))
		return false;
	/* The first turn. */
	if (write(pipes[true][1], (char []){ TURN }, 1) != 1)
		return false;
	first = start(&pair, &seqs[0], true, pipes, sockets);
	second = start(&pair, &seqs[1], false, pipes, sockets);
	for (int i = 0; i < 2; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
		close(sockets[i]);
	}
	ok = reap(first, "first");
	ok &= reap(second, "second");
	munmap(pair.sections, SECTIONS * sizeof(*pair.sections));
	munmap(pair.request, sizeof(*pair.request));
	return ok;
}

bool pair_run(const struct sequence seqs[2], unsigned int engines)
{
	bool ok = true;

	if (engines & RUN_KERNEL)
		ok &= run_on(seqs, true);
	if (engines & RUN_EMBEDDED)
		ok &= run_on(seqs, false);
	return ok;
}
