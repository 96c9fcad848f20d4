/* SPDX-License-Identifier: MIT */
/*
 * ntmem do: a script is a sequence of steps; each is parsed into a do_step,
 * run, and reported. This header holds what these three share.
 */
#ifndef NTMEM_TOOL_DO_H
#define NTMEM_TOOL_DO_H

#include <stdio.h>

#include "tool.h"

struct json_object;
struct do_session;
struct do_result;
struct do_step;

#define DO_WORDS_MAX 64
#define DO_NAME_MAX 32

/* One statement, split into words that live as long as the statement. */
struct do_words {
	char *word[DO_WORDS_MAX];
	int count;
	char *text;		/* the statement with single blanks */
};

/* Where statements come from: an array of texts, a file or a prompt. */
struct do_source {
	char *(*line)(struct do_source *source);	/* malloc'd, or NULL */
	char **texts;
	FILE *file;
	bool continued;		/* inside a block: for the prompt */
	char *held;		/* the line that is being read */
	char *next;		/* the place in it */
};

enum do_block {
	DO_PLAIN,
	DO_BATCH,	/* the body is up to '}', or in quoted words */
	DO_FORK,	/* the body is up to 'end' */
	DO_END,		/* ends a body */
};

struct do_verb {
	const char *name;
	/*
	 * One letter for each argument: t target (NAME or ADDRESS), o offset,
	 * s size, p protection, v value, w width in bytes, n new name. Those
	 * after '?' may be left out, '*' leaves the rest to parse().
	 */
	const char *args;
	const char *usage;
	enum do_block block;
	int nr;		/* NTMEM_NR_* of a step that a batch can hold, or -1 */
	void (*run)(struct do_session *session, const struct do_step *step,
		    struct do_result *result);
	const char *help;
};

enum do_expect_kind {
	DO_EXPECT_SUCCESS,
	DO_EXPECT_ERRNO,
	DO_EXPECT_SIGNAL,
	DO_EXPECT_REASON,	/* of a fault, NTMEM_FAULT_* */
	DO_EXPECT_VALUE,
	DO_EXPECT_STATE,	/* of a query, with or without a protection */
};

struct do_expect {
	enum do_expect_kind kind;
	uint64_t value;
	uint32_t prot;		/* DO_EXPECT_STATE; 0 = any */
	char *word;
};

struct do_step {
	const struct do_verb *verb;
	char *text;
	struct do_expect expect;
	char name[DO_NAME_MAX];	/* of the target; empty: value is its address */
	uint64_t address;
	uint64_t offset;
	uint64_t size;
	uint64_t value;
	unsigned int width;
	uint32_t prot;
	bool has_target;
	bool stop;			/* batch: stop at the first failure */
	struct ntmem_reserve wish;	/* reserve */
	struct do_step *body;
	size_t body_count;
};

/* A fault that a step met. */
struct do_fault {
	int signal;		/* 0 = none */
	uint64_t address;
	bool explained;		/* the engine gave the reason below */
	struct ntmem_fault why;
};

struct do_result {
	int error;		/* negative errno of the engine, or 0 */
	bool failed;		/* for a reason that text says */
	struct do_fault fault;
	bool has_value;
	uint64_t value;
	bool has_state;
	struct ntmem_query state;
	FILE *text;		/* details for people, which go to words ... */
	char *words;
	size_t words_size;
	struct json_object *json;	/* ... and for programs */
};

struct do_name {
	char name[DO_NAME_MAX];
	uint64_t base;
	uint64_t size;
};

struct do_session {
	const char *engine_name;	/* as the user gave it, or NULL */
	const struct ntmem_engine *engine;
	bool json;
	bool keep_going;
	bool quit;		/* a step asked for the end */
	struct do_name *names;
	size_t name_count;
	unsigned int failures;
};

/* do_lex.c: 1 = a statement, 0 = the end, -1 = an error, said on stderr. */
int do_next_words(struct do_source *source, struct do_words *words);
void do_words_free(struct do_words *words);
char *do_line_from_texts(struct do_source *source);
char *do_line_from_file(struct do_source *source);
char *do_line_from_prompt(struct do_source *source);

/* do_parse.c: results as do_next_words(). */
int do_next_step(struct do_source *source, struct do_step *step);
void do_step_free(struct do_step *step);
const struct do_verb *do_verbs(size_t *count);

/* do_expect.c */
bool do_expect_parse(const char *word, struct do_expect *expect);
bool do_expect_met(const struct do_expect *expect,
		   const struct do_result *result);
const char *do_signal_name(int signal);
const char *do_reason_name(uint32_t reason);
const char *do_access_name(uint32_t access);

/* do_run.c: false when the step failed and the script must stop. */
bool do_run_step(struct do_session *session, const struct do_step *step);
bool do_resolve(struct do_session *session, const struct do_step *step,
		uint64_t *address, struct do_result *result);
void do_define(struct do_session *session, const char *name, uint64_t base,
	       uint64_t size);
void do_forget(struct do_session *session, const char *name);
const struct do_name *do_find(const struct do_session *session,
			      const char *name);
void do_fail(struct do_result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* do_engine.c, do_memory.c, do_block.c: the run functions of the verbs. */
typedef void do_run_fn(struct do_session *session, const struct do_step *step,
		       struct do_result *result);
do_run_fn do_engine_call, do_info, do_granularity, do_walk, do_last_fault,
	do_watch, do_rewatch;
do_run_fn do_peek, do_poke, do_fill, do_dump, do_exec;
do_run_fn do_batch, do_fork, do_help, do_quit;

bool do_build_op(struct do_session *session, const struct do_step *step,
		 struct ntmem_op *op, struct do_result *result);
void do_op_done(struct do_session *session, const struct do_step *step,
		const struct ntmem_op *op, struct do_result *result);

/* do_report.c */
void do_result_begin(struct do_result *result);
void do_report(struct do_session *session, const struct do_step *step,
	       struct do_result *result, bool passed);

/* do_memory.c: before the engine opens, whose own handler must come first. */
void do_catch_faults(struct do_session *session);

#endif
