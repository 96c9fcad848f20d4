// SPDX-License-Identifier: MIT
/*
 * The table of operations, and programs as text: operations separated by
 * newlines or semicolons, "#" begins a comment, and the first word of all is
 * "single" or "threads". An operation is
 *
 *	[THREAD:]NAME[!N] ARGUMENT...
 *
 * where N makes its N-th allocation fail. Addresses are r3+0x1000 (from the
 * start of slot 3), e3-0x1000 (from its end) or @0x7000. Handles are h0 to h3.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

const struct op_kind op_kinds[] = {
	{ "stage", "c", 0, 0, NULL },
	{ "reserve", "szpf", 60, 0, nt_run },
	{ "reserve-at", "sazpf", 25, 0, nt_run },
	{ "reserve-in", "szavv", 12, 0, nt_run },
	{ "commit", "azp", 90, 0, nt_run },
	{ "decommit", "az", 50, 0, nt_run },
	{ "release", "az", 40, 0, nt_run },
	{ "protect", "azp", 60, 0, nt_run },
	{ "query", "a", 10, 0, nt_run },
	{ "lock", "az", 18, 0, nt_run },
	{ "unlock", "az", 14, 0, nt_run },
	{ "reset", "az", 25, 0, nt_run },
	{ "undo", "az", 15, 0, nt_run },
	{ "watch", "azk", 25, 0, nt_watch },
	{ "placeholder", "szf", 30, 0, nt_run },
	{ "replace", "sazpf", 25, 0, nt_run },
	{ "preserve", "az", 30, 0, nt_run },
	{ "coalesce", "az", 18, 0, nt_run },
	{ "plain", "az", 18, 0, nt_run },
	{ "over", "sazf", 18, 0, nt_run },
	{ "section", "hzpkn", 25, HAS_VIEWS, section_create },
	{ "open-section", "hhpn", 10, HAS_VIEWS, section_open },
	{ "query-section", "h", 3, 0, section_query },
	{ "close", "h", 8, 0, section_close },
	{ "map-view", "shzopg", 40, HAS_VIEWS, section_map },
	{ "map-view-at", "sahzopg", 30, HAS_VIEWS, section_map },
	{ "unmap-view", "ak", 25, 0, section_unmap },
	{ "granularity", "v", 4, 0, nt_run },
	{ "info", "", 2, 0, nt_run },
	{ "last-fault", "", 4, 0, nt_run },
	{ "batch", "ck", 14, 0, nt_batch },
	{ "inside", "a", 8, 0, nt_inside },
	{ "raw", "wwa", 4, 0, nt_raw },
	{ "open", "k", 4, 0, nt_open },
	{ "remote", "k", 16, 0, remote_next },
	{ "touch", "ak", 60, 0, use_touch },
	{ "fill", "az", 70, 0, use_fill },
	{ "check", "az", 30, 0, use_check },
	{ "munmap", "az", 14, 0, mm_range },
	{ "mprotect", "azb", 6, 0, mm_range },
	{ "madvise", "azm", 20, MAY_LOSE_CHILD, mm_range },
	{ "mlock", "azk", 8, 0, mm_range },
	{ "munlock", "az", 5, 0, mm_range },
	{ "msync", "azk", 4, 0, mm_range },
	{ "mincore", "az", 4, 0, mm_range },
	{ "remap-pages", "azk", 3, 0, mm_range },
	{ "mremap", "azzka", 8, 0, mm_mremap },
	{ "mmap", "azkb", 8, 0, mm_mmap },
	{ "mlockall", "k", 3, 0, mm_lockall },
	{ "proc", "k", 8, 0, mm_proc },
	{ "scan", "azk", 5, 0, mm_scan },
	{ "uffd", "azk", 12, 0, mm_uffd },
	{ "copy", "azk", 30, 0, io_copy },
	{ "hold", "azk", 6, 0, io_copy },
	{ "drain", "", 4, 0, io_drain },
	{ "uring", "azk", 8, 0, io_uring },
	{ "futex", "ak", 4, 0, io_futex },
	{ "fork", "ck", 40, 0, process_fork },
	{ "wait", "", 10, 0, process_wait },
	{ "end", "k", 4, 0, process_end },
	{ "ptrace", "ak", 8, 0, process_ptrace },
	{ "pass", "k", 3, 0, process_pass },
	{ "setuid", "", 2, 0, process_setuid },
	{ "pressure", "k", 10, 0, world_pressure },
	{ "limit", "kv", 4, NEEDS_LIMITS | MAY_LOSE_CHILD, world_limit },
	{ "memcg", "kv", 3, NEEDS_CGROUP | MAY_LOSE_CHILD, world_memcg },
};

const unsigned int op_count = sizeof(op_kinds) / sizeof(op_kinds[0]);

static const struct {
	const char *name;
	unsigned int prot;
} prot_names[] = {
	{ "na", NTMEM_PAGE_NOACCESS }, { "r", NTMEM_PAGE_READONLY },
	{ "rw", NTMEM_PAGE_READWRITE }, { "x", NTMEM_PAGE_EXECUTE },
	{ "rx", NTMEM_PAGE_EXECUTE_READ },
	{ "rwx", NTMEM_PAGE_EXECUTE_READWRITE },
	{ "r+g", NTMEM_PAGE_READONLY | NTMEM_PAGE_GUARD },
	{ "rw+g", NTMEM_PAGE_READWRITE | NTMEM_PAGE_GUARD },
	{ "wc", NTMEM_PAGE_WRITECOPY },
	{ "xwc", NTMEM_PAGE_EXECUTE_WRITECOPY },
	{ "wc+g", NTMEM_PAGE_WRITECOPY | NTMEM_PAGE_GUARD },
};

#define PROTS	(sizeof(prot_names) / sizeof(prot_names[0]))

int op_find(const char *name)
{
	for (unsigned int i = 0; i < op_count; i++)
		if (!strcmp(op_kinds[i].name, name))
			return i;
	return -1;
}

/* What of the program needs preparation, or excuses what the oracle sees. */
unsigned int program_effects(const struct program *program)
{
	unsigned int effects = 0;

	for (unsigned int i = 0; i < program->count; i++) {
		const struct op *op = &program->ops[i];
		const struct op_kind *kind = &op_kinds[op->code];

		effects |= kind->effects;
		if (op->fail)
			effects |= MAY_LOSE_CHILD;
		/* Reservations that a child does not get. */
		for (unsigned int k = 0; kind->args[k]; k++)
			if ((kind->args[k] == 'f' || kind->args[k] == 'g') &&
			    op->arg[k].value & NTMEM_RESERVE_NOFORK)
				effects |= MAY_LOSE_CHILD;
	}
	return effects;
}

/* -------------------------------------------------------------- reading --- */

static bool read_prot(const char *word, s64 *value)
{
	for (unsigned int i = 0; i < PROTS; i++) {
		if (!strcmp(word, prot_names[i].name)) {
			*value = prot_names[i].prot;
			return true;
		}
	}
	return false;
}

static bool read_number(const char *word, s64 *value)
{
	bool minus = *word == '-';
	char *end;

	word += minus || *word == '+';
	*value = (s64)strtoull(word, &end, 0);
	if (minus)
		*value = (s64)(0 - (u64)*value);
	return end != word && !*end;
}

static bool read_address(const char *word, struct arg *arg)
{
	unsigned int slot;

	if (*word == '@') {
		arg->base = FROM_ZERO;
		return read_number(word + 1, &arg->value);
	}
	if ((*word != 'r' && *word != 'e') || !isdigit(word[1]))
		return false;
	slot = word[1] - '0';
	if (slot >= SLOTS)
		return false;
	arg->base = slot + (*word == 'e' ? FROM_END : FROM_START);
	arg->value = 0;
	return !word[2] || read_number(word + 2, &arg->value);
}

/* A letter and a number below most. */
static bool read_numbered(const char *word, char letter, int most,
			  struct arg *arg)
{
	arg->value = word[0] == letter && isdigit(word[1]) ? word[1] - '0' :
							     most;
	return arg->value < most;
}

static bool read_arg(char kind, const char *word, struct arg *arg)
{
	switch (kind) {
	case 'a':
		return read_address(word, arg);
	case 's':
		return read_numbered(word, 'r', SLOTS, arg);
	case 'h':
		return read_numbered(word, 'h', HANDLES, arg);
	case 'p':
		return read_prot(word, &arg->value) ||
		       read_number(word, &arg->value);
	default:
		return read_number(word, &arg->value);
	}
}

static bool read_op(struct op *op, char *line)
{
	char *rest = NULL, *word = strtok_r(line, " \t", &rest), *bang;
	const char *args;
	int code;

	*op = (struct op){ 0 };
	if (isdigit(word[0]) && word[1] == ':') {
		op->thread = (word[0] - '0') % THREADS;
		word += 2;
	}
	bang = strchr(word, '!');
	if (bang) {
		*bang = '\0';
		op->fail = strtoul(bang + 1, NULL, 0);
	}
	code = op_find(word);
	if (code < 0)
		return false;
	op->code = code;
	args = op_kinds[code].args;
	for (unsigned int i = 0; args[i]; i++) {
		word = strtok_r(NULL, " \t", &rest);
		if (!word || !read_arg(args[i], word, &op->arg[i]))
			return false;
	}
	return !strtok_r(NULL, " \t", &rest);
}

bool program_read(struct program *program, const char *text)
{
	static char copy[4 * MAX_TEXT];
	char *rest = copy, *line;
	bool first = true;

	*program = (struct program){ 0 };
	snprintf(copy, sizeof(copy), "%s", text);
	while ((line = strsep(&rest, "\n"))) {
		char *op;

		line[strcspn(line, "#")] = '\0';
		while ((op = strsep(&line, ";"))) {
			op += strspn(op, " \t");
			if (!*op)
				continue;
			op[strcspn(op, "\r")] = '\0';
			if (first) {
				op[strcspn(op, " \t")] = '\0';
				program->single = !strcmp(op, "single");
				if (!program->single && strcmp(op, "threads"))
					return false;
				first = false;
				continue;
			}
			if (program->count == MAX_OPS ||
			    !read_op(&program->ops[program->count++], op))
				return false;
		}
	}
	return program->count > 0;
}

/* ------------------------------------------------------------- printing --- */

struct text {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3)))
static void add(struct text *text, const char *format, ...)
{
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(text->at, text->left, format, list);
	va_end(list);
	if (n < 0 || (size_t)n >= text->left)
		n = text->left ? (int)text->left - 1 : 0;
	text->at += n;
	text->left -= n;
}

static void print_prot(struct text *text, s64 value)
{
	for (unsigned int i = 0; i < PROTS; i++) {
		if (prot_names[i].prot == value) {
			add(text, " %s", prot_names[i].name);
			return;
		}
	}
	add(text, " %#llx", value);
}

static void print_arg(struct text *text, char kind, const struct arg *arg)
{
	s64 value = arg->value;

	switch (kind) {
	case 'a':
		if (arg->base >= FROM_ZERO)
			add(text, " @%#llx", value);
		else
			add(text, " %c%u", arg->base < FROM_END ? 'r' : 'e',
			    arg->base % SLOTS);
		if (arg->base < FROM_ZERO && value)
			add(text, "%c%#llx", value < 0 ? '-' : '+',
			    value < 0 ? 0 - (u64)value : (u64)value);
		break;
	case 's':
		add(text, " r%lld", value);
		break;
	case 'h':
		add(text, " h%lld", value);
		break;
	case 'p':
		print_prot(text, value);
		break;
	default:
		add(text, value > -10 && value < 10 ? " %lld" : " %#llx",
		    value);
	}
}

void program_print(const struct program *program, char *text, size_t size)
{
	struct text out = { text, size };

	add(&out, "%s", program->single ? "single" : "threads");
	for (unsigned int i = 0; i < program->count; i++) {
		const struct op *op = &program->ops[i];
		const struct op_kind *kind = &op_kinds[op->code];

		add(&out, "; ");
		if (op->thread)
			add(&out, "%u:", op->thread);
		add(&out, "%s", kind->name);
		if (op->fail)
			add(&out, "!%u", op->fail);
		for (unsigned int k = 0; kind->args[k]; k++)
			print_arg(&out, kind->args[k], &op->arg[k]);
	}
}
