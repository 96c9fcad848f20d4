/* SPDX-License-Identifier: MIT */
/*
 * The ioctl fuzzer: what its parts share.
 *
 * A *program* is a list of typed operations on the memory of one process:
 * ioctls of /dev/ntmem, accesses, system calls on the same memory, forks. It is
 * cut into stages; in a stage up to three threads run their operations at the
 * same time. The *server* runs each program in a process of its own and looks
 * at what it covered and left behind.
 *
 * Everything that must survive a program that unmaps what it likes lies in the
 * static program's data, or in struct shared at a fixed low address.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/ntmem.h>
#include <linux/types.h>

typedef __u64 u64;
typedef __s64 s64;

#define PAGE		4096ULL
#define MAX_OPS		48
#define MAX_ARGS	7
#define MAX_TEXT	4096
#define SLOTS		8
#define HANDLES		4
#define THREADS		3
#define MAX_RESULT	160
#define MOST_ARGUMENT	128	/* bytes, of an ioctl */

/* Where an address argument counts from. */
#define FROM_START	0		/* + slot: its first byte */
#define FROM_END	SLOTS		/* + slot: the byte behind it */
#define FROM_ZERO	(2 * SLOTS)

struct arg {
	s64 value;
	uint8_t base;			/* of an address */
};

struct op {
	uint8_t code;
	uint8_t thread;
	uint8_t fail;			/* the n-th allocation fails; 0: none */
	struct arg arg[MAX_ARGS];
};

struct program {
	bool single;			/* one thread, everything is checked */
	unsigned int count;
	struct op ops[MAX_OPS];
};

/* ------------------------------------------------------------ operations --- */

/* What an operation may do to the judgement of the oracle. */
#define MAY_LOSE_CHILD	1	/* a child's memory may be dead or absent */
#define NEEDS_CGROUP	2
#define NEEDS_LIMITS	4	/* limits are to be reset */
#define HAS_VIEWS	8	/* one page may be seen at several addresses */

/*
 * args: a letter each. s slot, a address, z size, p protection, f flags of
 * RESERVE, g flags of MAP_VIEW, h handle of a section, o offset in one, n name,
 * m advice, k kind (0-7), c count of operations, v power of two, b access bits,
 * w anything.
 */
struct op_kind {
	const char *name;
	const char *args;
	unsigned int weight;
	unsigned int effects;
	int (*run)(const struct op *op);
};

extern const struct op_kind op_kinds[];
extern const unsigned int op_count;

int op_find(const char *name);
bool program_read(struct program *program, const char *text);
void program_print(const struct program *program, char *text, size_t size);
unsigned int program_effects(const struct program *program);

/* ------------------------------------------------------------- generate --- */

u64 random_u64(void);
unsigned int random_below(unsigned int n);
void random_seed(u64 seed);
void program_generate(struct program *program);
void program_mutate(struct program *program, const struct program *other);

/* ------------------------------------------------- inside of a program --- */

struct slot {
	u64 start;
	u64 end;
};

extern struct slot slots[SLOTS];
extern int device;		/* of this process, or -1 */
extern bool single;
extern bool child_may_lose;
extern bool has_views;		/* somewhere in the program */

/* Of the running thread: the operations that follow the current one. */
struct cursor {
	const struct op *ops[MAX_OPS];
	unsigned int count;
	unsigned int next;
};

extern __thread struct cursor *cursor;

u64 arg_address(const struct arg *arg);
void run_program(const struct program *program);
void run_operations(struct cursor *c);
int op_run(const struct op *op);

/* No allocation fails in between: what is still to come, which resume takes. */
unsigned int failure_pause(void);
void failure_resume(unsigned int left);

int result_of(long value);
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));
void process_begin(bool may_open);

/* memory.c: accesses that survive, and what they write */
enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_RUN };
void memory_init(void);
int memory_touch(u64 addr, enum access how, u64 *value);
u64 memory_stamp(u64 addr);
void memory_fill_buffer(u64 *buffer, u64 addr, u64 size);
void memory_judge(u64 addr, u64 value);
unsigned int memory_new_writer(void);
void memory_be_writer(unsigned int writer);
void memory_trust_nothing(void);
bool memory_is_trusted(void);
bool memory_is_tested(u64 addr);
bool memory_is_expendable(u64 addr, u64 size);

/* oracle.c */
enum expected { EXPECT_ANYTHING, EXPECT_SUCCESS, EXPECT_SIGNAL };
enum expected oracle_expects(u64 addr, enum access how);
void oracle_begin(void);
void oracle_child(void);
void oracle_wrote(u64 addr, u64 tried, u64 done, const u64 *buffer);
void oracle_wrote_word(u64 addr, u64 value);
void oracle_lost(u64 addr);
void oracle_dropped(u64 addr, u64 size, bool released);
void oracle_watched(const struct ntmem_watch *watch, const u64 *pages,
		    u64 room);
void oracle_reset(u64 addr, u64 size);
void oracle_undone(u64 addr, u64 size, bool lost);
void oracle_resync(void);
bool oracle_query(u64 addr, struct ntmem_query *q);
void oracle_forget(void);
void oracle_check(const struct op *op, int result);
void oracle_end(void);

/* section.c: views, of a process with one thread */
struct view {
	u64 start;
	u64 end;		/* 0: none */
	u64 home;		/* of its first page */
	bool copies;		/* what is written, or did once */
};

enum shown { SHOWS_OWN, SHOWS_SECTION, SHOWS_EITHER };

struct view *view_at(u64 addr);
u64 view_home(const struct view *view, u64 addr);
bool view_is_home(u64 addr);
bool view_is_certain(const struct view *view);
enum shown view_shows(const struct view *view, const struct ntmem_query *q);
void view_share(void);
bool view_is_shared(void);
void view_mix_names(void);
void view_protected(u64 addr, __u32 prot);
void view_resync(void);

/* ---------------------------------------------------------------- server --- */

#define COVERS		4
#define COVER_WORDS	(8 << 10)
#define REPORT_SIZE	512

/* Between the server and the processes of a program; all zero before a run. */
struct shared {
	atomic_uint writers;
	atomic_uint covers;
	atomic_uint sections;		/* without a name */
	atomic_uint operations;
	atomic_int failed;
	u64 nonce;
	bool sparing;			/* check not each operation */
	char report[REPORT_SIZE];
	uint8_t result[128][MAX_RESULT];
};

extern struct shared *shared;

enum verdict {
	VERDICT_FINE,
	VERDICT_WRONG,		/* the oracle, or the books */
	VERDICT_KERNEL,		/* the kernel log holds a report */
	VERDICT_STUCK,		/* processes that cannot be killed */
};

extern bool server_hurries;	/* be content with fewer checks */
void server_init(bool leaks);
enum verdict server_run(const struct program *program, char *why, size_t size);
bool server_leaks(void);

/* cover.c */
extern unsigned int cover_pcs;
extern unsigned int cover_edges;
bool cover_init(void);
void cover_reset(void);
void cover_thread(void);
unsigned int cover_collect(void);
u64 cover_pause(void);
void cover_resume(u64 paused);

/* corpus.c */
extern unsigned int corpus_count;
void corpus_add(const struct program *program);
const struct program *corpus_pick(void);
int corpus_read_file(const char *path, struct program *program);
int corpus_each(const char *folder,
		void (*use)(const char *path, const struct program *program));

/* The calls, by the files that have them. */
int nt_run(const struct op *op);
int nt_batch(const struct op *op);
int nt_inside(const struct op *op);
int nt_watch(const struct op *op);
int nt_raw(const struct op *op);
int nt_open(const struct op *op);

/* remote.c: calls through a handle of another process */
int remote_call(unsigned long cmd, void *arg, bool *ours);
int remote_next(const struct op *op);
int section_create(const struct op *op);
int section_open(const struct op *op);
int section_query(const struct op *op);
int section_close(const struct op *op);
int section_map(const struct op *op);
int section_unmap(const struct op *op);
int use_touch(const struct op *op);
int use_fill(const struct op *op);
int use_check(const struct op *op);
int mm_range(const struct op *op);
int mm_mremap(const struct op *op);
int mm_mmap(const struct op *op);
int mm_lockall(const struct op *op);
int mm_proc(const struct op *op);
int mm_scan(const struct op *op);
int mm_uffd(const struct op *op);
int io_copy(const struct op *op);
int io_drain(const struct op *op);
int io_uring(const struct op *op);
int io_futex(const struct op *op);
int process_fork(const struct op *op);
int process_wait(const struct op *op);
int process_end(const struct op *op);
int process_ptrace(const struct op *op);
int process_pass(const struct op *op);
int process_setuid(const struct op *op);
int world_pressure(const struct op *op);
int world_limit(const struct op *op);
int world_memcg(const struct op *op);

#endif
