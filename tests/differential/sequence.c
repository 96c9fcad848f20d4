// SPDX-License-Identifier: MIT
/*
 * Sequences as lists, and their text form: printing and reading.
 *
 * Places are written as a name and an offset: "w" is the window, "a3" the
 * reservation that the system placed as number 3, "0" the address space.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "sequence.h"

static const struct {
	const char *name;
	uint32_t op;
} names[] = {
	{ "reserve", NTMEM_NR_RESERVE },
	{ "commit", NTMEM_NR_COMMIT },
	{ "decommit", NTMEM_NR_DECOMMIT },
	{ "release", NTMEM_NR_RELEASE },
	{ "protect", NTMEM_NR_PROTECT },
	{ "query", NTMEM_NR_QUERY },
	{ "lock", NTMEM_NR_LOCK },
	{ "unlock", NTMEM_NR_UNLOCK },
	{ "reset", NTMEM_NR_RESET },
	{ "undo", NTMEM_NR_RESET_UNDO },
	{ "info", NTMEM_NR_INFO },
	{ "peek", OP_READ },
	{ "poke", OP_WRITE },
	{ "exec", OP_EXEC },
	{ "batch", OP_BATCH },
	{ "fork", OP_FORK },
	{ "end", OP_END },
	{ "check", OP_CHECK },
	{ "bad", OP_BAD },
	{ "#pressure", OP_PRESSURE },
	{ "#watch", OP_WATCH },
	{ "#map", OP_MAP },
	{ "#unmap", OP_UNMAP },
};

#define NAMES (sizeof(names) / sizeof(names[0]))

static const struct {
	const char *name;
	uint32_t prot;
} prots[] = {
	{ "none", NTMEM_PAGE_NOACCESS },
	{ "r", NTMEM_PAGE_READONLY },
	{ "rw", NTMEM_PAGE_READWRITE },
	{ "x", NTMEM_PAGE_EXECUTE },
	{ "rx", NTMEM_PAGE_EXECUTE_READ },
	{ "rwx", NTMEM_PAGE_EXECUTE_READWRITE },
	{ "copy", NTMEM_PAGE_WRITECOPY },
	{ "xcopy", NTMEM_PAGE_EXECUTE_WRITECOPY },
};

#define PROTS (sizeof(prots) / sizeof(prots[0]))

static const struct {
	const char *name;
	uint32_t prot;
} modifiers[] = {
	{ "+guard", NTMEM_PAGE_GUARD },
	{ "+nocache", NTMEM_PAGE_NOCACHE },
	{ "+wc", NTMEM_PAGE_WRITECOMBINE },
};

/* A RELEASE is called by what its flags have it do. */
static const struct {
	const char *name;
	uint32_t flags;
} releases[] = {
	{ "preserve", NTMEM_RELEASE_PRESERVE },
	{ "coalesce", NTMEM_RELEASE_COALESCE },
};

#define RELEASES (sizeof(releases) / sizeof(releases[0]))

static const struct {
	const char *name;
	uint32_t flag;
} wishes[] = {
	{ "topdown", NTMEM_RESERVE_TOP_DOWN },
	{ "commit", NTMEM_RESERVE_COMMIT },
	{ "nofork", NTMEM_RESERVE_NOFORK },
	{ "watch", NTMEM_RESERVE_WATCH },
	{ "placeholder", NTMEM_RESERVE_PLACEHOLDER },
	{ "replace", NTMEM_RESERVE_REPLACE },
};

#define WISHES (sizeof(wishes) / sizeof(wishes[0]))

const char *op_name(uint32_t op)
{
	for (size_t i = 0; i < NAMES; i++) {
		if (names[i].op == op)
			return names[i].name;
	}
	return "?";
}

u64 window_size(u64 granularity)
{
	u64 size = granularity * 64;

	if (size < (2ULL << 20))
		size = 2ULL << 20;
	return size > (32ULL << 20) ? 32ULL << 20 : size;
}

void sequence_add(struct sequence *seq, const struct op *op)
{
	if (seq->count == seq->room) {
		seq->room = seq->room ? seq->room * 2 : 256;
		seq->ops = realloc(seq->ops, seq->room * sizeof(*seq->ops));
		if (!seq->ops)
			abort();
	}
	seq->ops[seq->count++] = *op;
}

void sequence_free(struct sequence *seq)
{
	free(seq->ops);
	memset(seq, 0, sizeof(*seq));
}

size_t sequence_block_end(const struct sequence *seq, size_t i)
{
	int depth = 0;

	for (; i < seq->count; i++) {
		uint32_t op = seq->ops[i].nt.op;

		if (op == OP_BATCH || op == OP_FORK)
			depth++;
		else if (op == OP_END && --depth == 0)
			return i;
	}
	return seq->count;
}

/* -------------------------------------------------------------- printing */

static void print_place(FILE *out, u64 addr)
{
	if (addr - WINDOW_BASE < (1ULL << 30)) {
		fprintf(out, " w 0x%llx", (addr - WINDOW_BASE));
		return;
	}
	for (int i = 1; i < AREAS; i++) {
		if (addr - AREA_BASE(i) < AREA_STRIDE) {
			fprintf(out, " a%d 0x%llx", i,
				(addr - AREA_BASE(i)));
			return;
		}
	}
	fprintf(out, " 0 0x%llx", addr);
}

static void print_prot(FILE *out, uint32_t prot)
{
	for (size_t i = 0; i < PROTS; i++) {
		if ((prot & 0xff) != prots[i].prot || prot & ~0x7ffU)
			continue;
		fprintf(out, " %s", prots[i].name);
		for (size_t k = 0; k < 3; k++) {
			if (prot & modifiers[k].prot)
				fputs(modifiers[k].name, out);
		}
		return;
	}
	fprintf(out, " 0x%x", prot);
}

static void print_flags(FILE *out, uint32_t flags)
{
	if (flags)
		fprintf(out, " flags 0x%x", flags);
}

static void print_reserve(FILE *out, const struct op *op)
{
	const struct ntmem_reserve *r = &op->nt.reserve;
	uint32_t flags = r->flags;

	fprintf(out, " %c%d 0x%llx", op->area ? 'a' : 'r', op->area,
		r->size);
	if (r->addr)
		fprintf(out, " at 0x%llx", r->addr);
	for (size_t i = 0; i < WISHES; i++) {
		if (flags & wishes[i].flag)
			fprintf(out, " %s", wishes[i].name);
		flags &= ~wishes[i].flag;
	}
	fputs(" prot", out);
	print_prot(out, r->prot);
	if (r->min_addr)
		fprintf(out, " min 0x%llx", r->min_addr);
	if (r->max_addr)
		fprintf(out, " max 0x%llx", r->max_addr);
	if (r->align)
		fprintf(out, " align 0x%llx", r->align);
	print_flags(out, flags);
}

static void print_map(FILE *out, const struct op *op)
{
	const struct ntmem_map_view *v = &op->view;

	fprintf(out, " %u", op->arg);
	print_place(out, v->addr);
	fprintf(out, " 0x%llx 0x%llx", v->offset, v->size);
	print_prot(out, v->prot);
	print_flags(out, v->flags);
}

static const char *name_of(const struct ntmem_op *nt)
{
	for (size_t i = 0; i < RELEASES && nt->op == NTMEM_NR_RELEASE; i++) {
		if (releases[i].flags == nt->range.flags)
			return releases[i].name;
	}
	return op_name(nt->op);
}

static void print_range(FILE *out, const struct ntmem_op *nt)
{
	print_place(out, nt->range.addr);
	fprintf(out, " 0x%llx", nt->range.size);
	if (nt->op == NTMEM_NR_COMMIT || nt->range.prot)
		print_prot(out, nt->range.prot);
	if (name_of(nt) == op_name(nt->op))
		print_flags(out, nt->range.flags);
}

void op_print(FILE *out, const struct op *op)
{
	const struct ntmem_op *nt = &op->nt;

	fputs(name_of(nt), out);
	switch (nt->op) {
	case NTMEM_NR_RESERVE:
		print_reserve(out, op);
		break;
	case NTMEM_NR_PROTECT:
		print_place(out, nt->protect.addr);
		fprintf(out, " 0x%llx", nt->protect.size);
		print_prot(out, nt->protect.prot);
		break;
	case NTMEM_NR_QUERY:
		print_place(out, nt->query.addr);
		print_flags(out, nt->query.flags);
		if (nt->query.marks)
			fprintf(out, " pad 0x%x", nt->query.marks);
		break;
	case OP_WRITE:
		print_place(out, op->addr);
		fprintf(out, " 0x%llx", op->stamp);
		break;
	case OP_READ:
	case OP_EXEC:
		print_place(out, op->addr);
		break;
	case OP_BATCH:
		fputs(op->arg & NTMEM_BATCH_STOP ? " stop" : "", out);
		break;
	case OP_FORK:
		if (op->arg)
			fprintf(out, " late %u", op->arg);
		break;
	case OP_BAD:
		fprintf(out, " %u", op->arg);
		break;
	case OP_WATCH:
		fprintf(out, " %u", op->arg);
		print_range(out, nt);
		break;
	case OP_MAP:
		print_map(out, op);
		break;
	case OP_UNMAP:
		print_place(out, op->addr);
		print_flags(out, op->arg);
		break;
	case OP_END:
	case OP_CHECK:
	case OP_PRESSURE:
	case NTMEM_NR_INFO:
		break;
	default:
		print_range(out, nt);
	}
}

void sequence_print(FILE *out, const struct sequence *seq)
{
	fprintf(out, "granularity 0x%llx\n", seq->granularity);
	if (seq->foreign_size)
		fprintf(out, "#foreign 0x%llx 0x%llx\n",
			seq->foreign, (long long)seq->foreign_size);
	if (seq->commit_limit)
		fprintf(out, "#limit 0x%llx\n", seq->commit_limit);
	fprintf(out, "reserve w 0x%llx at 0x%llx\nrelease w\n",
		window_size(seq->granularity),
		WINDOW_BASE);
	for (size_t i = 0; i < seq->count; i++) {
		op_print(out, &seq->ops[i]);
		fputc('\n', out);
	}
}

/* --------------------------------------------------------------- reading */

/* The words of one line that are still to be read. */
struct words {
	char *rest;
	bool bad;
};

static char *word(struct words *w)
{
	return strtok_r(NULL, " \t\n", &w->rest);
}

static u64 number(struct words *w)
{
	char *s = word(w), *end;
	u64 value;

	if (!s) {
		w->bad = true;
		return 0;
	}
	value = strtoull(s, &end, 0);
	switch (toupper((unsigned char)*end)) {
	case 'G':
		value <<= 10;
		/* fall through */
	case 'M':
		value <<= 10;
		/* fall through */
	case 'K':
		value <<= 10;
		end++;
	}
	w->bad |= *end != '\0' || end == s;
	return value;
}

static u64 name_base(struct words *w)
{
	char *s = word(w);

	if (s && s[0] == 'w')
		return WINDOW_BASE;
	if (s && s[0] == 'a' && atoi(s + 1) > 0 && atoi(s + 1) < AREAS)
		return AREA_BASE(atoi(s + 1));
	w->bad |= !s || strcmp(s, "0");
	return 0;
}

static u64 read_place(struct words *w)
{
	u64 base = name_base(w);

	return base + number(w);
}

static uint32_t parse_prot(struct words *w, const char *s)
{
	uint32_t prot = 0;
	size_t n = strcspn(s, "+");
	char *end;

	for (size_t i = 0; i < PROTS; i++) {
		if (strlen(prots[i].name) == n && !strncmp(s, prots[i].name, n))
			prot = prots[i].prot;
	}
	if (!prot) {
		prot = strtoul(s, &end, 0);
		w->bad |= *end != '\0';
		return prot;
	}
	for (size_t i = 0; i < 3; i++) {
		if (strstr(s + n, modifiers[i].name))
			prot |= modifiers[i].prot;
	}
	return prot;
}

static uint32_t flag_of_wish(const char *s)
{
	for (size_t i = 0; i < WISHES; i++) {
		if (!strcmp(wishes[i].name, s))
			return wishes[i].flag;
	}
	return 0;
}

static void read_reserve(struct words *w, struct op *op)
{
	struct ntmem_reserve *r = &op->nt.reserve;
	char *s = word(w);

	if (s && s[0] == 'a')
		op->area = atoi(s + 1);
	r->size = number(w);
	r->prot = NTMEM_PAGE_READWRITE;
	while ((s = word(w))) {
		if (flag_of_wish(s))
			r->flags |= flag_of_wish(s);
		else if (!strcmp(s, "at"))
			r->addr = number(w);
		else if (!strcmp(s, "min"))
			r->min_addr = number(w);
		else if (!strcmp(s, "max"))
			r->max_addr = number(w);
		else if (!strcmp(s, "align"))
			r->align = number(w);
		else if (!strcmp(s, "flags"))
			r->flags |= number(w);
		else if (!strcmp(s, "prot") && (s = word(w)))
			r->prot = parse_prot(w, s);
		else
			w->bad = true;
	}
}

static void read_range(struct words *w, struct ntmem_op *nt)
{
	char *s;

	nt->range.addr = read_place(w);
	nt->range.size = number(w);
	while ((s = word(w))) {
		if (!strcmp(s, "flags"))
			nt->range.flags = number(w);
		else
			nt->range.prot = parse_prot(w, s);
	}
}

static void read_query(struct words *w, struct ntmem_op *nt)
{
	char *s;

	nt->query.addr = read_place(w);
	while ((s = word(w))) {
		if (!strcmp(s, "pad"))
			nt->query.marks = number(w);
		else
			nt->query.flags = number(w);
	}
}

static void read_protect(struct words *w, struct ntmem_op *nt)
{
	char *s;

	nt->protect.addr = read_place(w);
	nt->protect.size = number(w);
	s = word(w);
	if (s)
		nt->protect.prot = parse_prot(w, s);
}

static void read_map(struct words *w, struct op *op)
{
	struct ntmem_map_view *v = &op->view;
	char *s;

	op->arg = number(w);
	v->addr = read_place(w);
	v->offset = number(w);
	v->size = number(w);
	while ((s = word(w))) {
		if (!strcmp(s, "flags"))
			v->flags = number(w);
		else
			v->prot = parse_prot(w, s);
	}
}

static void read_operands(struct words *w, struct op *op)
{
	char *s;

	switch (op->nt.op) {
	case NTMEM_NR_RESERVE:
		read_reserve(w, op);
		break;
	case NTMEM_NR_PROTECT:
		read_protect(w, &op->nt);
		break;
	case NTMEM_NR_QUERY:
		read_query(w, &op->nt);
		break;
	case OP_WRITE:
		op->addr = read_place(w);
		op->stamp = number(w);
		break;
	case OP_READ:
	case OP_EXEC:
		op->addr = read_place(w);
		break;
	case OP_BATCH:
		s = word(w);
		op->arg = s && !strcmp(s, "stop") ? NTMEM_BATCH_STOP : 0;
		break;
	case OP_FORK:
		op->arg = word(w) ? number(w) : 0;
		break;
	case OP_BAD:
		op->arg = number(w);
		break;
	case OP_WATCH:
		op->arg = number(w);
		read_range(w, &op->nt);
		break;
	case OP_MAP:
		read_map(w, op);
		break;
	case OP_UNMAP:
		op->addr = read_place(w);
		op->arg = word(w) ? number(w) : 0;
		break;
	case OP_END:
	case OP_CHECK:
	case OP_PRESSURE:
	case NTMEM_NR_INFO:
		break;
	default:
		read_range(w, &op->nt);
	}
}

/* Lines about the round as a whole; true when it was one. */
static bool read_setting(struct sequence *seq, struct words *w, const char *s,
			 const char *line)
{
	if (!strcmp(s, "granularity")) {
		seq->granularity = number(w);
	} else if (!strcmp(s, "#foreign")) {
		seq->foreign = number(w);
		seq->foreign_size = number(w);
	} else if (!strcmp(s, "#limit")) {
		seq->commit_limit = number(w);
	} else {
		return (s[0] == '#' && strcmp(s, "#pressure") &&
			strcmp(s, "#watch") && strcmp(s, "#map") &&
			strcmp(s, "#unmap")) ||
		       !strncmp(line, "reserve w ", 10) ||
		       !strcmp(line, "release w\n");
	}
	return true;
}

static bool find_op(const char *name, uint32_t *op, uint32_t *flags)
{
	*flags = 0;
	for (size_t i = 0; i < NAMES; i++) {
		*op = names[i].op;
		if (!strcmp(names[i].name, name))
			return true;
	}
	*op = NTMEM_NR_RELEASE;
	for (size_t i = 0; i < RELEASES; i++) {
		*flags = releases[i].flags;
		if (!strcmp(releases[i].name, name))
			return true;
	}
	return false;
}

static bool read_line(struct sequence *seq, char *line)
{
	struct words w = { 0 };
	struct op op = { 0 };
	uint32_t flags;
	char copy[256];
	char *s;

	snprintf(copy, sizeof(copy), "%s", line);
	s = strtok_r(line, " \t\n", &w.rest);
	if (!s || read_setting(seq, &w, s, copy))
		return !w.bad;
	if (!find_op(s, &op.nt.op, &flags))
		return false;
	read_operands(&w, &op);
	if (flags)
		op.nt.range.flags = flags;
	sequence_add(seq, &op);
	return !w.bad;
}

bool sequence_parse(struct sequence *seq, FILE *in, const char *name)
{
	char line[256];
	int n = 0;

	memset(seq, 0, sizeof(*seq));
	seq->granularity = 65536;
	while (fgets(line, sizeof(line), in)) {
		n++;
		if (read_line(seq, line))
			continue;
		fprintf(stderr, "%s:%d: not understood\n", name, n);
		return false;
	}
	return true;
}

bool sequence_read(struct sequence *seq, const char *path)
{
	FILE *in = fopen(path, "re");
	bool ok;

	if (!in) {
		memset(seq, 0, sizeof(*seq));
		perror(path);
		return false;
	}
	ok = sequence_parse(seq, in, path);
	fclose(in);
	return ok;
}
