// SPDX-License-Identifier: MIT
/*
 * Random programs, and random changes to programs. Arguments are drawn from
 * what the slots probably hold at that point: their borders, their middle,
 * what lies behind them, slots that were released, and now and then anything.
 */
#include <linux/mman.h>
#include <string.h>

#include "fuzz.h"

#define KIB	1024ULL
#define MIB	(KIB * KIB)
#define GIB	(KIB * MIB)

static u64 state;

void random_seed(u64 seed)
{
	state = seed * 0x9e3779b97f4a7c15ULL + 1;
}

u64 random_u64(void)
{
	u64 x = state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

unsigned int random_below(unsigned int n)
{
	return (random_u64() >> 32) * n >> 32;
}

static bool chance(unsigned int percent)
{
	return random_below(100) < percent;
}

#define PICK(list)	((list)[random_below(sizeof(list) / sizeof((list)[0]))])

/* ------------------------------------------------------------ arguments --- */

/* Sizes that the slots were reserved with; 0: not yet. */
static u64 sizes[SLOTS];
static bool is_view[SLOTS];

/* Sizes of the sections that the handles were made for. */
static u64 section_sizes[HANDLES];

/* Addresses of operations before: most bugs take several on the same page. */
static struct arg recent[8];
static unsigned int recent_count;

static void remember_addresses(const struct op *op)
{
	const char *args = op_kinds[op->code].args;

	for (unsigned int i = 0; args[i]; i++)
		if (args[i] == 'a')
			recent[recent_count++ % 8] = op->arg[i];
}

/* Which argument of an operation is of this kind; MAX_ARGS: none. */
static unsigned int find_arg(const struct op *op, char kind)
{
	const char *args = op_kinds[op->code].args, *at = strchr(args, kind);

	return at ? at - args : MAX_ARGS;
}

/* What a slot or a handle holds once this operation has succeeded. */
static void learn_size(const struct op *op)
{
	const char *args = op_kinds[op->code].args;
	unsigned int size = find_arg(op, 'z'), handle = find_arg(op, 'h');
	u64 slot = op->arg[0].value % SLOTS;

	remember_addresses(op);
	if (*args == 'h' && args[1] == 'z')
		section_sizes[op->arg[0].value % HANDLES] = op->arg[1].value;
	else if (*args == 'h' && args[1] == 'h')
		section_sizes[op->arg[0].value % HANDLES] =
			section_sizes[op->arg[1].value % HANDLES];
	if (*args != 's')
		return;
	sizes[slot] = op->arg[size].value;
	is_view[slot] = handle < MAX_ARGS;
	if (is_view[slot] && !sizes[slot])
		sizes[slot] = section_sizes[op->arg[handle].value % HANDLES];
}

static void learn_sizes(const struct program *program, unsigned int before)
{
	memset(sizes, 0, sizeof(sizes));
	memset(is_view, 0, sizeof(is_view));
	memset(section_sizes, 0, sizeof(section_sizes));
	recent_count = 0;
	for (unsigned int i = 0; i < before; i++)
		learn_size(&program->ops[i]);
}

static unsigned int pick_slot(void)
{
	unsigned int slot = random_below(SLOTS / 2);

	for (unsigned int i = 0; i < SLOTS && !sizes[slot]; i++)
		slot = random_below(SLOTS);
	return slot;
}

static struct arg pick_address(void)
{
	static const u64 wild[] = {
		0, PAGE, 0x10000, 0x50000000, 0x7fffffff0000, 0x7ffffffff000,
		0x800000000000, 1ULL << 63, -PAGE, -1ULL,
	};
	struct arg arg = { 0 };
	unsigned int slot = pick_slot();
	u64 pages = sizes[slot] / PAGE + 1;

	if (recent_count && chance(45))
		return recent[random_below(recent_count < 8 ?
					   recent_count : 8)];
	if (chance(2)) {
		arg.base = FROM_ZERO;
		arg.value = (s64)PICK(wild);
		return arg;
	}
	arg.base = slot + (chance(8) ? FROM_END : FROM_START);
	switch (random_below(8)) {
	case 0:
	case 1:
	case 2:
		break;
	case 3:
	case 4:
		arg.value = random_u64() % pages * PAGE;
		break;
	case 5:
		arg.value = random_u64() % (pages < 16 ? pages : 16) * PAGE;
		break;
	case 6:
		arg.value = random_u64() % pages / 16 * 16 * PAGE;
		break;
	default:
		arg.value = (s64)((u64)PICK(((s64[]){ -1, 1, 15, 16, 17, 511,
						      512, 513 })) * PAGE);
	}
	if (arg.base >= FROM_END)
		arg.value = -arg.value;
	if (chance(8))
		arg.value += random_below(PAGE);
	return arg;
}

static u64 pick_reserve_size(void)
{
	switch (random_below(10)) {
	case 0:
		return PAGE;
	case 1:
		return (1 + random_below(16)) * PAGE;
	case 2:
	case 3:
		return 64 * KIB;
	case 4:
	case 5:
		return (1 + random_below(32)) * 64 * KIB;
	case 6:
		return 2 * MIB + random_below(4) * MIB;
	case 7:
		return (1 + random_below(700)) * PAGE;
	case 8:
		return PICK(((u64[]){ 64 * MIB, 65 * MIB, 300 * MIB, GIB }));
	default:
		return chance(20) ? random_u64() : 1 + random_below(200000);
	}
}

static u64 pick_size(void)
{
	u64 whole = sizes[pick_slot()];

	switch (random_below(10)) {
	case 0:
	case 1:
	case 2:
		return PAGE;
	case 3:
		return (1 + random_below(16)) * PAGE;
	case 4:
		return 64 * KIB;
	case 5:
		return whole;
	case 6:
		return whole / 2;
	case 7:
		return (1 + random_below(600)) * PAGE;
	case 8:
		return 0;
	default:
		if (chance(20))
			return random_u64();
		return chance(50) ? 1 : whole + PAGE;
	}
}

static u64 pick_prot(void)
{
	static const u64 usual[] = {
		NTMEM_PAGE_READWRITE, NTMEM_PAGE_READWRITE,
		NTMEM_PAGE_READWRITE, NTMEM_PAGE_READONLY, NTMEM_PAGE_NOACCESS,
		NTMEM_PAGE_EXECUTE_READ, NTMEM_PAGE_EXECUTE_READWRITE,
		NTMEM_PAGE_EXECUTE, NTMEM_PAGE_READWRITE | NTMEM_PAGE_GUARD,
		NTMEM_PAGE_READONLY | NTMEM_PAGE_GUARD,
	};
	static const u64 more[] = {
		NTMEM_PAGE_READWRITE | NTMEM_PAGE_NOCACHE,
		NTMEM_PAGE_READWRITE | NTMEM_PAGE_WRITECOMBINE,
		NTMEM_PAGE_NOACCESS | NTMEM_PAGE_GUARD, NTMEM_PAGE_WRITECOPY,
		0, 3, 0x800, -1ULL,
	};

	return chance(93) ? PICK(usual) : PICK(more);
}

static u64 pick_view_prot(void)
{
	static const u64 usual[] = {
		NTMEM_PAGE_READWRITE, NTMEM_PAGE_READWRITE,
		NTMEM_PAGE_WRITECOPY, NTMEM_PAGE_WRITECOPY,
		NTMEM_PAGE_READONLY, NTMEM_PAGE_EXECUTE_READWRITE,
		NTMEM_PAGE_EXECUTE_WRITECOPY,
		NTMEM_PAGE_WRITECOPY | NTMEM_PAGE_GUARD,
	};

	return chance(85) ? PICK(usual) : pick_prot();
}

/* Most sections allow most. */
static u64 pick_section_prot(void)
{
	static const u64 usual[] = {
		NTMEM_PAGE_READWRITE, NTMEM_PAGE_READWRITE,
		NTMEM_PAGE_EXECUTE_READWRITE, NTMEM_PAGE_EXECUTE_READWRITE,
		NTMEM_PAGE_READONLY, NTMEM_PAGE_WRITECOPY,
		NTMEM_PAGE_EXECUTE_READ, NTMEM_PAGE_EXECUTE_WRITECOPY, 0,
	};

	return chance(95) ? PICK(usual) : pick_prot();
}

static u64 pick_advice(void)
{
	/* Not those that take memory away from the machine. */
	static const u64 advice[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
		MADV_DONTNEED, MADV_DONTNEED, MADV_FREE, MADV_REMOVE,
		MADV_DONTFORK, MADV_DOFORK, MADV_MERGEABLE, MADV_UNMERGEABLE,
		MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP,
		MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT,
		MADV_POPULATE_READ, MADV_POPULATE_WRITE, 24 /* _DONTNEED_LOCKED */,
		25 /* COLLAPSE */,
	};

	return PICK(advice);
}

static struct arg pick_arg(char kind, bool reserve)
{
	struct arg arg = { 0 };

	switch (kind) {
	case 'a':
		return pick_address();
	case 's':
		arg.value = random_below(chance(80) ? SLOTS / 2 : SLOTS);
		break;
	case 'z':
		arg.value = reserve ? pick_reserve_size() : pick_size();
		break;
	case 'p':
		arg.value = pick_prot();
		break;
	case 'f':
		arg.value = chance(50) ? NTMEM_RESERVE_COMMIT : 0;
		if (chance(10))
			arg.value ^= NTMEM_RESERVE_TOP_DOWN;
		if (chance(10))
			arg.value ^= NTMEM_RESERVE_NOFORK;
		if (chance(25))
			arg.value ^= NTMEM_RESERVE_WATCH;
		if (chance(2))
			arg.value ^= 16;
		break;
	case 'g':
		arg.value = chance(40) ? NTMEM_RESERVE_REPLACE : 0;
		if (chance(10))
			arg.value ^= PICK(((u64[]){ NTMEM_RESERVE_TOP_DOWN,
						    NTMEM_RESERVE_NOFORK,
						    NTMEM_RESERVE_COMMIT }));
		break;
	case 'h':
		arg.value = random_below(chance(70) ? 2 : HANDLES);
		break;
	case 'n':
		arg.value = chance(70) ? 0 : 1 + random_below(3);
		break;
	case 'o':
		arg.value = chance(60) ? 0 : random_below(32) * PAGE;
		if (chance(5))
			arg.value = random_u64() >> random_below(64);
		break;
	case 'm':
		arg.value = pick_advice();
		break;
	case 'c':
		arg.value = 1 + random_below(6);
		break;
	case 'v':
		arg.value = chance(30) ? 0 : 11 + random_below(24);
		break;
	case 'w':
		arg.value = chance(80) ? random_below(32) : random_u64();
		break;
	default:
		arg.value = random_below(8);
	}
	return arg;
}

/* ----------------------------------------------------------- operations --- */

static unsigned int pick_code(void)
{
	unsigned int total = 1, left, i;

	/* The first operation has no weight, and takes what is left over. */
	for (i = 0; i < op_count; i++)
		total += op_kinds[i].weight;
	left = random_below(total);
	for (i = 1; i < op_count; i++) {
		if (left < op_kinds[i].weight)
			return i;
		left -= op_kinds[i].weight;
	}
	return 1;
}

/* Bytes from an address to the end of what its slot was reserved with. */
static u64 room_at(const struct arg *arg)
{
	u64 size = arg->base < FROM_ZERO ? sizes[arg->base % SLOTS] : 0;
	u64 offset = arg->base < FROM_END ? (u64)arg->value :
					    size + (u64)arg->value;

	return offset < size ? size - offset : 0;
}

/* A size that ends in the reservation, if its address does. */
static u64 pick_fitting_size(const struct arg *arg)
{
	u64 pages = room_at(arg) / PAGE;

	switch (random_below(4)) {
	case 0:
		return pages ? pages * PAGE : PAGE;
	case 1:
		return pages ? (1 + random_u64() % pages) * PAGE : PAGE;
	default:
		return PAGE * (1 + (pages > 4 ? random_below(4) : 0));
	}
}

static bool is_in_view(const struct arg *arg)
{
	return arg->base < FROM_ZERO && is_view[arg->base % SLOTS];
}

/* What a section or a view of it is asked for with is mostly what it takes. */
static void fit_section(struct op *op)
{
	const char *args = op_kinds[op->code].args;
	unsigned int prot = find_arg(op, 'p'), size = find_arg(op, 'z');
	unsigned int at = find_arg(op, 'a'), offset = find_arg(op, 'o');

	if (*args == 'h' && prot < MAX_ARGS)
		op->arg[prot].value = pick_section_prot();
	if (offset == MAX_ARGS)
		return;
	op->arg[prot].value = pick_view_prot();
	if (at < MAX_ARGS && chance(60)) {
		op->arg[size].value = room_at(&op->arg[at]);
	} else if (chance(80)) {
		op->arg[size].value = 0;
		if (chance(70))
			op->arg[offset].value = 0;
	}
}

static void pick_args(struct op *op)
{
	const char *args = op_kinds[op->code].args;
	bool reserve = *args == 's' || *args == 'h';

	for (unsigned int i = 0; args[i]; i++) {
		op->arg[i] = pick_arg(args[i], reserve);
		if (i && args[i] == 'z' && args[i - 1] == 'a' && chance(65))
			op->arg[i].value = pick_fitting_size(&op->arg[i - 1]);
		if (args[i] == 'p' && is_in_view(&op->arg[0]) &&
		    *args == 'a' && chance(60))
			op->arg[i].value = pick_view_prot();
	}
	if (find_arg(op, 'h') < MAX_ARGS)
		fit_section(op);
	learn_size(op);
}

static void pick_op(struct op *op, bool threads)
{
	*op = (struct op){ .code = pick_code() };
	op->thread = threads ? random_below(THREADS) : 0;
	if (chance(4))
		op->fail = 1 + random_below(chance(70) ? 4 : 30);
	pick_args(op);
}

/*
 * An operation between two uses of the same page: what was there before, and
 * is it right afterwards?
 */
static unsigned int pick_around(struct op *ops, bool threads)
{
	struct op use = { .arg[1].value = PAGE };

	pick_op(&ops[1], threads);
	if (op_kinds[ops[1].code].args[0] != 'a')
		return 0;
	use.thread = ops[1].thread;
	use.arg[0] = ops[1].arg[0];
	use.code = op_find("fill");
	ops[0] = use;
	use.code = op_find(chance(50) ? "fill" : "touch");
	if (chance(50))
		use.arg[1].value = random_below(8);
	ops[2] = use;
	return 3;
}

static void pick_reserve(struct op *op)
{
	*op = (struct op){ .code = op_find("reserve") };
	pick_args(op);
	/* Mostly something to work with. */
	if (chance(70)) {
		op->arg[2].value = NTMEM_PAGE_READWRITE;
		op->arg[3].value = NTMEM_RESERVE_COMMIT;
	}
}

static void add_op(struct program *program, const char *name)
{
	struct op *op = &program->ops[program->count++];

	*op = (struct op){ .code = op_find(name) };
	pick_args(op);
}

/* A section and views of it, one of them in a placeholder's place. */
static void begin_views(struct program *program)
{
	struct op *op;

	add_op(program, "section");
	op = &program->ops[program->count - 1];
	op->arg[0].value = 0;
	if (chance(70))
		op->arg[1].value = (1 + random_below(64)) * 16 * KIB;
	if (chance(80))
		op->arg[2].value = NTMEM_PAGE_EXECUTE_READWRITE;
	learn_size(op);
	for (unsigned int i = 0; i < 1 + random_below(3); i++) {
		add_op(program, "map-view");
		op = &program->ops[program->count - 1];
		op->arg[1].value = 0;
		if (chance(80))
			op->arg[5].value = 0;
		learn_size(op);
	}
}

/* It is a plain mapping for a while. */
static void plain_and_over(struct program *program, struct arg part, u64 size)
{
	struct op *op;

	add_op(program, "plain");
	op = &program->ops[program->count - 1];
	op->arg[0] = part;
	op->arg[1].value = size;
	if (chance(50))
		add_op(program, "mmap");
	add_op(program, "over");
	op = &program->ops[program->count - 1];
	op->arg[1] = part;
	op->arg[2].value = size;
	learn_size(op);
}

/* A placeholder, and a part of it that something else takes. */
static void begin_placeholder(struct program *program)
{
	u64 size = (1 + random_below(8)) * 64 * KIB;
	struct arg part = { 0 };
	struct op *op;

	add_op(program, "placeholder");
	op = &program->ops[program->count - 1];
	op->arg[0].value = 0;
	op->arg[1].value = size;
	learn_size(op);
	part.value = random_below(size / PAGE / 4) * 4 * PAGE;
	size = (1 + random_below((size - part.value) / PAGE)) * PAGE;
	add_op(program, "preserve");
	op = &program->ops[program->count - 1];
	op->arg[0] = part;
	op->arg[1].value = size;
	if (chance(30))
		plain_and_over(program, part, size);
	add_op(program, chance(50) ? "replace" : "map-view-at");
	op = &program->ops[program->count - 1];
	op->arg[1] = part;
	op->arg[find_arg(op, 'z')].value = size;
	if (find_arg(op, 'g') < MAX_ARGS)
		op->arg[find_arg(op, 'g')].value = NTMEM_RESERVE_REPLACE;
	learn_size(op);
}

void program_generate(struct program *program)
{
	unsigned int n = 4 + random_below(chance(20) ? 36 : 16);
	bool threads = false;

	memset(program, 0, sizeof(*program));
	learn_sizes(program, 0);
	program->single = chance(50);
	if (chance(35))
		begin_views(program);
	if (chance(25))
		begin_placeholder(program);
	for (unsigned int i = 0; i < 1 + random_below(3); i++)
		pick_reserve(&program->ops[program->count++]);
	while (program->count < n) {
		struct op *op = &program->ops[program->count++];

		if (!program->single && chance(12)) {
			*op = (struct op){ .code = 0 };
			op->arg[0] = pick_arg('c', false);
			threads = chance(85);
			continue;
		}
		pick_op(op, threads);
		if (chance(30) && program->count + 2 <= MAX_OPS)
			program->count += (pick_around(op, threads) ?: 1) - 1;
	}
}

/* ------------------------------------------------------------ mutations --- */

static void insert(struct program *program, unsigned int at,
		   const struct op *ops, unsigned int n)
{
	if (n > MAX_OPS - program->count)
		n = MAX_OPS - program->count;
	memmove(program->ops + at + n, program->ops + at,
		(program->count - at) * sizeof(*ops));
	memcpy(program->ops + at, ops, n * sizeof(*ops));
	program->count += n;
}

static void cut(struct program *program, unsigned int at, unsigned int n)
{
	if (n > program->count - at)
		n = program->count - at;
	if (n == program->count)
		n--;
	memmove(program->ops + at, program->ops + at + n,
		(program->count - at - n) * sizeof(program->ops[0]));
	program->count -= n;
}

static void change_arg(struct program *program, unsigned int at)
{
	struct op *op = &program->ops[at];
	const char *args = op_kinds[op->code].args;
	unsigned int i;

	if (!*args)
		return;
	i = random_below(strlen(args));
	if ((args[i] == 'a' || args[i] == 'z') && chance(40)) {
		op->arg[i].value += PICK(((s64[]){ -0x1000, 0x1000, -1, 1,
						   0x10000, -0x10000 }));
		return;
	}
	op->arg[i] = pick_arg(args[i], *args == 's' || *args == 'h');
}

static void splice(struct program *program, const struct program *other)
{
	unsigned int from = random_below(other->count);
	unsigned int n = 1 + random_below(other->count - from);
	struct op ops[MAX_OPS];

	memcpy(ops, other->ops + from, n * sizeof(ops[0]));
	for (unsigned int i = 0; program->single && i < n; i++)
		ops[i].thread = 0;
	insert(program, random_below(program->count + 1), ops, n);
}

static void mutate_once(struct program *program, const struct program *other)
{
	unsigned int at = random_below(program->count);
	struct op op, around[3];

	learn_sizes(program, at);
	switch (random_below(12)) {
	case 0:
	case 1:
		pick_op(&op, !program->single && chance(60));
		insert(program, at, &op, 1);
		break;
	case 2:
		insert(program, at, around,
		       pick_around(around, !program->single && chance(60)));
		break;
	case 3:
		cut(program, at, 1 + random_below(4));
		break;
	case 4:
	case 5:
	case 6:
		change_arg(program, at);
		break;
	case 7:
		if (other)
			splice(program, other);
		break;
	case 8:
		op = program->ops[at];
		insert(program, random_below(program->count + 1), &op, 1);
		break;
	case 9:
		if (!program->single && op_kinds[program->ops[at].code].run)
			program->ops[at].thread = random_below(THREADS);
		break;
	case 10:
		program->ops[at].fail = chance(50) ? 0 : 1 + random_below(12);
		break;
	default:
		program->single ^= chance(20);
		for (unsigned int i = 0; program->single && i < program->count;
		     i++)
			program->ops[i].thread = 0;
		if (!program->single) {
			op = (struct op){ .arg[0].value = 1 + random_below(6) };
			insert(program, at, &op, 1);
		}
	}
}

void program_mutate(struct program *program, const struct program *other)
{
	unsigned int n = 1 + random_below(chance(70) ? 3 : 10);

	while (n--)
		mutate_once(program, other);
}
