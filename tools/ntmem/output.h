/* SPDX-License-Identifier: MIT */
/*
 * What the subcommands that watch processes share: colour, JSON, time.
 */
#ifndef NTMEM_TOOL_OUTPUT_H
#define NTMEM_TOOL_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;

enum colour {
	COLOUR_NONE,
	COLOUR_BOLD,
	COLOUR_DIM,
	COLOUR_RED,
	COLOUR_GREEN,
	COLOUR_YELLOW,
	COLOUR_BLUE,
};

/*
 * Begins or, with COLOUR_NONE, ends a colour: a text for printf, empty where
 * standard output is no terminal, or NO_COLOR or TERM=dumb says that nobody wants
 * it.
 */
const char *colour(enum colour which);

/* Lines of the terminal that standard output is, or 0 if it is none. */
int terminal_lines(void);

/* One object on a line of its own; frees it. */
void print_json_line(struct json_object *object);

void json_add_size(struct json_object *object, const char *name,
		   uint64_t value);
void json_add_text(struct json_object *object, const char *name,
		   const char *text);

/* A new object with the time of day, "time", in seconds. */
struct json_object *json_with_time(void);

/* CLOCK_MONOTONIC, in seconds. */
double now_seconds(void);

/* Until a point of that clock; a signal ends it early. */
void sleep_until(double seconds);

/* The name of a process, with '?' for what no terminal should get; "-" for none. */
#define COMM_MAX	32
const char *process_name(uint32_t pid, char *buf);

/* The name of a user, or the number. */
const char *user_name(uint32_t uid, char *buf);

#endif
