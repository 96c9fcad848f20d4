/* SPDX-License-Identifier: MIT */
/*
 * What the subcommands of the ntmem tool share: their entry points, exit
 * statuses, and the reading and writing of sizes, protections and error names.
 */
#ifndef NTMEM_TOOL_H
#define NTMEM_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/engine.h"

#define TOOL_VERSION "0.1.0"

/* Exit statuses of every subcommand. */
enum tool_status {
	TOOL_OK = 0,
	TOOL_FAILED = 1,	/* a step, a row or a bar failed */
	TOOL_USAGE = 2,		/* the command line or script is wrong */
	TOOL_NO_MODULE = 3,	/* the kernel has no netlink family of ntmem */
	TOOL_NO_PROCESS = 4,	/* no such process, or it may not be seen */
	TOOL_NOT_PERMITTED = 5,
	TOOL_NOT_ALLOWED = 6,	/* by the process that was asked */
};

/* Of "ntmem run", as env(1) has them; else the command's own. */
enum run_status {
	RUN_FAILED = 125,
	RUN_CANNOT_RUN = 126,
	RUN_NOT_FOUND = 127,
};

/* The whole command line, for who must start the tool again. */
extern char **tool_arguments;

int info_main(int argc, char **argv);
int cost_main(int argc, char **argv);
int do_main(int argc, char **argv);
int heap_main(int argc, char **argv);
int map_main(int argc, char **argv);
int run_main(int argc, char **argv);
int set_main(int argc, char **argv);
int stat_main(int argc, char **argv);
int top_main(int argc, char **argv);
int trace_main(int argc, char **argv);

/* "ntmem: WHO: 'TEXT': WHY" on stderr. Returns TOOL_USAGE. */
int tool_wrong(const char *who, const char *text, const char *why);

/*
 * After getopt_long(): the option's argument is wrong, or '?', of which it has
 * spoken. usage() prints how the subcommand is called. Returns TOOL_USAGE.
 */
int tool_wrong_option(int option, int (*usage)(FILE *to, int status));

/* Large enough for every text that the functions below write. */
#define TEXT_MAX 80

/*
 * Reads a number: decimal or 0x hexadecimal, then one of K, M, G, T or none.
 * False when text is anything else or the value does not fit.
 */
bool text_to_number(const char *text, uint64_t *value);

/* "64K", "1M", or plain bytes where no suffix is exact. Returns buf. */
const char *number_to_text(uint64_t value, char *buf);

/*
 * For columns: at most 5 characters, rounded. Sizes by 1024 ("1.5M"), counts by
 * 1000 ("12k"). Return buf.
 */
const char *size_to_short(uint64_t value, char *buf);
const char *count_to_short(uint64_t value, char *buf);

/* As text_to_number(), of a process or user; false for what none can have. */
bool text_to_pid(const char *text, uint32_t *pid);
bool text_to_uid(const char *text, uint32_t *uid);

/* A positive number of seconds, with a fraction; at most a year. */
bool text_to_seconds(const char *text, double *seconds);

/*
 * Reads a protection: none, r, rw, x, rx, rwx, a Windows name or a number,
 * joined by '+' or '|' with guard, nocache, wc or their Windows names. The
 * result is not checked for sense: that is the engine's to do.
 */
bool text_to_prot(const char *text, uint32_t *prot);

/* "rw+guard"; "-" for 0. Returns buf. */
const char *prot_to_text(uint32_t prot, char *buf);

const char *state_name(uint32_t state);
const char *type_name(uint32_t type);

/* "EINVAL", of a positive or negative errno; "0" for none. */
const char *errno_name(int error);

/* The positive errno with this name, or 0. */
int errno_from_name(const char *name);

/*
 * The engine called "kernel" or "embedded", or the process's own for NULL.
 * Says on stderr why there is none.
 */
const struct ntmem_engine *tool_open_engine(const char *name);

#endif
