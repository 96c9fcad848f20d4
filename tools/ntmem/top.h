/* SPDX-License-Identifier: MIT */
/*
 * What "ntmem top" shows: processes, sorted, with rates since it looked before.
 */
#ifndef NTMEM_TOOL_TOP_H
#define NTMEM_TOOL_TOP_H

#include <stdbool.h>
#include <stddef.h>

#include "output.h"
#include "stats.h"

enum top_key {
	TOP_BY_COMMITTED,
	TOP_BY_RESIDENT,
	TOP_BY_RESERVED,
	TOP_BY_PEAK,
	TOP_BY_FAULTS,
	TOP_BY_PID,
	TOP_KEYS,
};

/**
 * struct top_row - a process
 * @stats: what it has
 * @before: what it had when it was looked at before, if is_known
 * @faults: in a second, since then
 * @user: whose
 * @name: of the program
 */
struct top_row {
	struct stats stats;
	struct stats before;
	bool is_known;
	double faults;
	char user[COMM_MAX];
	char name[COMM_MAX];
};

/**
 * struct top_list - all that may be seen, at one time
 * @rows: sorted by key
 * @system: sums
 * @when: CLOCK_MONOTONIC in seconds
 * @seconds: since it was looked before, or 0
 */
struct top_list {
	struct top_row *rows;
	size_t count;
	struct stats system;
	double when;
	double seconds;
	enum top_key key;
	bool reverse;
};

/* The letter and the name of a key. */
extern const struct top_key_name {
	char letter;
	const char *name;
} top_keys[TOP_KEYS];

/*
 * Looks anew. Return: 0 or a negative errno; then the list stays as it was.
 */
int top_list_update(struct netlink *nl, struct top_list *list);

/* By list->key and list->reverse: the largest first, or the smallest pid. */
void top_list_sort(struct top_list *list);

/* Lines of text without colour or end, at most size bytes. Return buf. */
#define TOP_LINE_MAX	160
const char *top_summary(const struct top_list *list, char *buf, size_t size);
const char *top_header(void);
const char *top_line(const struct top_row *row, char *buf, size_t size);

void top_print_json(const struct top_list *list);

#endif
