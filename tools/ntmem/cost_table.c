// SPDX-License-Identifier: MIT
/*
 * One table of several studies, in Markdown: a column group for each kernel, a
 * line for each row and each of Linux's ways to do it.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "cost.h"

#define STUDIES_MAX 16
#define LABEL_MAX 80

struct study {
	struct json_object *json;
	char label[LABEL_MAX];
};

struct table {
	struct study studies[STUDIES_MAX];
	size_t count;
};

static const char *text_in(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!object || !json_object_object_get_ex(object, key, &value))
		return "";
	return json_object_get_string(value);
}

static struct json_object *list_in(struct json_object *object,
				   const char *key)
{
	struct json_object *value;

	if (!object || !json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_array))
		return NULL;
	return value;
}

/* The member of a list whose key has this text. */
static struct json_object *find_in(struct json_object *list, const char *key,
				   const char *text)
{
	size_t count = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *member = json_object_array_get_idx(list, i);

		if (!strcmp(text_in(member, key), text))
			return member;
	}
	return NULL;
}

bool cost_figure(struct json_object *study, const char *row, const char *way,
		 const char *key, double *value)
{
	struct json_object *found, *figure;

	found = find_in(list_in(study, "rows"), "row", row);
	found = find_in(list_in(found, "ways"), "way", way);
	if (!found || !json_object_object_get_ex(found, key, &figure))
		return false;
	*value = json_object_get_double(figure);
	return true;
}

/* ---- reading ---- */

/* "6.1", or the whole release where it does not begin like that. */
static void make_label(struct study *study)
{
	const char *release = text_in(study->json, "kernel");
	const char *engine = text_in(study->json, "engine");
	int major, minor;

	if (sscanf(release, "%d.%d", &major, &minor) == 2)
		snprintf(study->label, LABEL_MAX, "%d.%d", major, minor);
	else
		snprintf(study->label, LABEL_MAX, "%.40s", release);
	if (strcmp(engine, "kernel"))
		snprintf(study->label + strlen(study->label),
			 LABEL_MAX - strlen(study->label), " %.20s", engine);
}

/* A study of threads is measured apart, and in nanoseconds. */
static bool only_threads(struct json_object *study)
{
	struct json_object *rows = list_in(study, "rows");

	return json_object_array_length(rows) == 1 &&
	       find_in(rows, "row", "threads");
}

/* Adds the rows of a second study of the same kernel to the first. */
static void merge(struct study *into, struct json_object *from)
{
	struct json_object *rows, *more;

	if (only_threads(into->json)) {
		struct json_object *threads = into->json;

		into->json = from;
		from = threads;
	}
	rows = list_in(into->json, "rows");
	more = list_in(from, "rows");

	for (size_t i = 0; i < json_object_array_length(more); i++) {
		struct json_object *row = json_object_array_get_idx(more, i);

		if (!find_in(rows, "row", text_in(row, "row")))
			json_object_array_add(rows, json_object_get(row));
	}
	json_object_put(from);
}

static bool load(struct table *table, const char *path)
{
	struct study *study = &table->studies[table->count];

	study->json = json_object_from_file(path);
	if (!study->json || !list_in(study->json, "rows")) {
		fprintf(stderr, "ntmem: %s: not a study in JSON\n", path);
		json_object_put(study->json);
		return false;
	}
	make_label(study);
	for (size_t i = 0; i < table->count; i++) {
		if (!strcmp(table->studies[i].label, study->label)) {
			merge(&table->studies[i], study->json);
			return true;
		}
	}
	table->count++;
	return true;
}

/* ---- writing ---- */

/* "12,345", and one digit after the point below a hundred. Returns buf. */
static const char *figure(double value, char *buf)
{
	char plain[TEXT_MAX], *to = buf;
	size_t len;

	if (value < 99.95) {
		snprintf(buf, TEXT_MAX, "%.1f", value);
		return buf;
	}
	snprintf(plain, sizeof(plain), "%.0f", value);
	len = strlen(plain);
	for (size_t i = 0; i < len && to < buf + TEXT_MAX - 2; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = plain[i];
	}
	*to = '\0';
	return buf;
}

static bool medians(struct json_object *study, const char *row,
		    const char *way, double *median, double *mean)
{
	return cost_figure(study, row, way, "median", median) &&
	       cost_figure(study, row, way, "mean", mean);
}

static void print_pair(bool known, double median, double mean)
{
	char first[TEXT_MAX], second[TEXT_MAX];

	if (known)
		printf(" %s (%s) |", figure(median, first),
		       figure(mean, second));
	else
		fputs(" |", stdout);
}

static void print_line(const struct table *table, struct json_object *row,
		       struct json_object *way, bool first)
{
	const char *name = text_in(row, "row"), *per = text_in(row, "per");

	printf("| %s%s%s | %s |", first ? text_in(row, "what") : "",
	       first && strcmp(per, "call") ? ", a " : "",
	       first && strcmp(per, "call") ? per : "", text_in(way, "what"));
	for (size_t i = 0; i < table->count; i++) {
		struct json_object *study = table->studies[i].json;
		double ours[2], theirs[2];
		bool have, other;

		have = medians(study, name, "ntmem", &ours[0], &ours[1]);
		other = medians(study, name, text_in(way, "way"), &theirs[0],
				&theirs[1]);
		print_pair(have && first, ours[0], ours[1]);
		print_pair(other, theirs[0], theirs[1]);
		if (have && other && theirs[0] > 0 && theirs[1] > 0)
			printf(" %.2f (%.2f) |", ours[0] / theirs[0],
			       ours[1] / theirs[1]);
		else
			fputs(" |", stdout);
	}
	putchar('\n');
}

static void print_row(const struct table *table, struct json_object *row)
{
	struct json_object *ways = list_in(row, "ways");
	size_t count = ways ? json_object_array_length(ways) : 0;
	bool first = true;

	for (size_t i = 0; i < count; i++) {
		struct json_object *way = json_object_array_get_idx(ways, i);

		if (!strcmp(text_in(way, "way"), "ntmem"))
			continue;
		print_line(table, row, way, first);
		first = false;
	}
}

/* Every row that is in study number at and in none before. */
static void print_rows(const struct table *table, size_t at)
{
	struct json_object *rows = list_in(table->studies[at].json, "rows");

	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		const char *name = text_in(row, "row");
		bool seen = !strcmp(name, "threads");

		for (size_t j = 0; j < at; j++)
			if (find_in(list_in(table->studies[j].json, "rows"),
				    "row", name))
				seen = true;
		if (!seen)
			print_row(table, row);
	}
}

static void print_head(const struct table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		struct json_object *study = table->studies[i].json;

		printf("%s: Linux %s, %s engine, %s CPUs, mitigations %s\n",
		       table->studies[i].label, text_in(study, "kernel"),
		       text_in(study, "engine"), text_in(study, "cpus"),
		       text_in(study, "mitigations"));
	}
	printf("\nIn %s, median and (mean) of single operations; ratio of "
	       "ntmem to Linux.\n\n| | Linux by |",
	       text_in(table->studies[0].json, "unit"));
	for (size_t i = 0; i < table->count; i++)
		printf(" %s: ntmem | Linux | ratio |",
		       table->studies[i].label);
	fputs("\n|---|---|", stdout);
	for (size_t i = 0; i < table->count; i++)
		fputs("--:|--:|--:|", stdout);
	putchar('\n');
}

static void print_threads(const struct table *table)
{
	static const char *const ways[] = { "ntmem", "linux" };

	for (size_t i = 0; i < table->count; i++) {
		for (size_t j = 0; j < 2; j++) {
			double one, two, ratio;
			char first[TEXT_MAX], second[TEXT_MAX];
			struct json_object *study = table->studies[i].json;

			if (!cost_figure(study, "threads", ways[j], "one",
					 &one) ||
			    !cost_figure(study, "threads", ways[j], "two",
					 &two) ||
			    !cost_figure(study, "threads", ways[j], "ratio",
					 &ratio))
				continue;
			printf("\n%s: %s, lives of 64K in a second: one thread "
			       "%s, two threads %s: %.2f\n",
			       table->studies[i].label, ways[j],
			       figure(one, first), figure(two, second),
			       ratio);
		}
	}
}

static void print_bars(const struct table *table)
{
	struct json_object *studies[STUDIES_MAX];
	unsigned int missed;

	fputs("\nGoals, against Linux in the same run:\n\n| | goal |", stdout);
	for (size_t i = 0; i < table->count; i++) {
		studies[i] = table->studies[i].json;
		printf(" %s |", table->studies[i].label);
	}
	fputs("\n|---|---|", stdout);
	for (size_t i = 0; i < table->count; i++)
		fputs("--:|", stdout);
	putchar('\n');
	missed = cost_bars(studies, table->count);
	printf("\n%u missed\n", missed);
}

int cost_table(char **paths, size_t count)
{
	struct table table = { .count = 0 };
	int status = TOOL_OK;

	for (size_t i = 0; i < count && table.count < STUDIES_MAX; i++)
		if (!load(&table, paths[i]))
			status = TOOL_FAILED;
	if (!table.count)
		return TOOL_FAILED;
	print_head(&table);
	for (size_t i = 0; i < table.count; i++)
		print_rows(&table, i);
	print_threads(&table);
	print_bars(&table);
	for (size_t i = 0; i < table.count; i++)
		json_object_put(table.studies[i].json);
	return status;
}
