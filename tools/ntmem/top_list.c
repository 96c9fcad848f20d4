// SPDX-License-Identifier: MIT
/*
 * Processes with what each has: asked for, compared with before, sorted, and as
 * lines.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "tool.h"
#include "top.h"

const struct top_key_name top_keys[TOP_KEYS] = {
	[TOP_BY_COMMITTED] = { 'c', "committed" },
	[TOP_BY_RESIDENT] = { 'r', "resident" },
	[TOP_BY_RESERVED] = { 'v', "reserved" },
	[TOP_BY_PEAK] = { 'k', "peak" },
	[TOP_BY_FAULTS] = { 'f', "faults" },
	[TOP_BY_PID] = { 'p', "pid" },
};

static const struct top_row *find(const struct top_list *list, uint32_t id)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->rows[i].stats.id == id)
			return &list->rows[i];
	return NULL;
}

static void fill_row(struct top_row *row, const struct stats *stats,
		     const struct top_list *old, double seconds)
{
	const struct top_row *before = find(old, stats->id);

	*row = (struct top_row){ .stats = *stats };
	if (before && seconds > 0) {
		row->is_known = true;
		row->before = before->stats;
		row->faults = (double)(stats->of[NTMEM_A_STATS_FAULTS] -
				       row->before.of[NTMEM_A_STATS_FAULTS]) /
			      seconds;
	}
	user_name(stats->uid, row->user);
	process_name(stats->pid, row->name);
}

int top_list_update(struct netlink *nl, struct top_list *list)
{
	double now = now_seconds();
	double seconds = list->when > 0 ? now - list->when : 0;
	struct stats *all = NULL, system;
	struct top_row *rows = NULL;
	size_t count = 0;
	int error;

	error = stats_get(nl, NULL, &system);
	if (!error)
		error = stats_get_all(nl, &all, &count);
	if (error) {
		free(all);
		return error;
	}
	rows = calloc(count ? count : 1, sizeof(*rows));
	if (!rows)
		abort();
	for (size_t i = 0; i < count; i++)
		fill_row(&rows[i], &all[i], list, seconds);
	free(all);
	free(list->rows);
	list->rows = rows;
	list->count = count;
	list->system = system;
	list->seconds = seconds;
	list->when = now;
	top_list_sort(list);
	return 0;
}

static double value_of(const struct top_row *row, enum top_key key)
{
	static const int attrs[TOP_KEYS] = {
		[TOP_BY_COMMITTED] = NTMEM_A_STATS_COMMITTED,
		[TOP_BY_RESIDENT] = NTMEM_A_STATS_RESIDENT,
		[TOP_BY_RESERVED] = NTMEM_A_STATS_RESERVED,
		[TOP_BY_PEAK] = NTMEM_A_STATS_PEAK,
	};

	if (key == TOP_BY_FAULTS)
		return row->faults;
	if (key == TOP_BY_PID)
		return -(double)row->stats.pid;
	return (double)row->stats.of[attrs[key]];
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct top_row *one = a, *other = b;
	const struct top_list *list = arg;
	double difference = value_of(other, list->key) -
			    value_of(one, list->key);

	if (list->reverse)
		difference = -difference;
	if (difference != 0)
		return difference < 0 ? -1 : 1;
	/* Those that are equal stay where they are from one time to the next. */
	return one->stats.pid < other->stats.pid ? -1 :
	       one->stats.pid > other->stats.pid;
}

void top_list_sort(struct top_list *list)
{
	qsort_r(list->rows, list->count, sizeof(*list->rows), compare, list);
}

const char *top_summary(const struct top_list *list, char *buf, size_t size)
{
	const uint64_t *of = list->system.of;
	char reserved[TEXT_MAX], committed[TEXT_MAX], resident[TEXT_MAX];

	snprintf(buf, size, "%" PRIu64 " process%s, %zu shown; reserved %s, committed %s, resident %s; by %s%s",
		 of[NTMEM_A_STATS_SPACES],
		 of[NTMEM_A_STATS_SPACES] == 1 ? "" : "es", list->count,
		 size_to_short(of[NTMEM_A_STATS_RESERVED], reserved),
		 size_to_short(of[NTMEM_A_STATS_COMMITTED], committed),
		 size_to_short(of[NTMEM_A_STATS_RESIDENT], resident),
		 top_keys[list->key].name, list->reverse ? ", reversed" : "");
	return buf;
}

const char *top_header(void)
{
	return "    PID USER      RESERVED COMMITTED   PEAK RESIDENT LOCKED FAULT/S REFUSED COMMAND";
}

const char *top_line(const struct top_row *row, char *buf, size_t size)
{
	const uint64_t *of = row->stats.of;
	char reserved[TEXT_MAX], committed[TEXT_MAX], peak[TEXT_MAX];
	char resident[TEXT_MAX], locked[TEXT_MAX], faults[TEXT_MAX];
	char refused[TEXT_MAX];

	snprintf(buf, size, "%7" PRIu32 " %-9.9s %8s %9s %6s %8s %6s %7s %7s %s",
		 row->stats.pid, row->user,
		 size_to_short(of[NTMEM_A_STATS_RESERVED], reserved),
		 size_to_short(of[NTMEM_A_STATS_COMMITTED], committed),
		 size_to_short(of[NTMEM_A_STATS_PEAK], peak),
		 size_to_short(of[NTMEM_A_STATS_RESIDENT], resident),
		 size_to_short(of[NTMEM_A_STATS_LOCKED], locked),
		 row->is_known ? count_to_short((uint64_t)(row->faults + 0.5),
						faults) : "-",
		 count_to_short(of[NTMEM_A_STATS_REFUSED], refused), row->name);
	return buf;
}

static struct json_object *row_to_json(const struct top_row *row)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "pid",
			       json_object_new_uint64(row->stats.pid));
	json_object_object_add(object, "uid",
			       json_object_new_uint64(row->stats.uid));
	json_object_object_add(object, "user",
			       json_object_new_string(row->user));
	json_object_object_add(object, "command",
			       json_object_new_string(row->name));
	stats_to_json(object, &row->stats,
		      row->is_known ? &row->before : NULL);
	return object;
}

void top_print_json(const struct top_list *list)
{
	struct json_object *object = json_with_time();
	struct json_object *system = json_object_new_object();
	struct json_object *rows = json_object_new_array();

	json_object_object_add(object, "seconds", list->seconds > 0 ?
			       json_object_new_double(list->seconds) : NULL);
	stats_to_json(system, &list->system, NULL);
	json_object_object_add(object, "system", system);
	for (size_t i = 0; i < list->count; i++)
		json_object_array_add(rows, row_to_json(&list->rows[i]));
	json_object_object_add(object, "processes", rows);
	print_json_line(object);
}
