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

#include "engine/engine.h"

#define TOOL_VERSION "0.1.0"

/* Exit statuses of every subcommand. */
enum tool_status {
	TOOL_OK = 0,
	TOOL_FAILED = 1,	/* a step, a row or a bar failed */
	TOOL_USAGE = 2,		/* the command line or script is wrong */
};

/* The whole command line, for who must start the tool again. */
extern char **tool_arguments;

int info_main(int argc, char **argv);
int cost_main(int argc, char **argv);
int do_main(int argc, char **argv);

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
