// SPDX-License-Identifier: MIT
/*
 * One study as text, JSON or CSV.
 */
#include <json-c/json.h>

#include "cost.h"

static const char *text_of(const struct cost_study *study, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(study->environment, key, &value))
		return "";
	return json_object_get_string(value);
}

/* ---- text ---- */

static void print_cell(const struct cost_cell *cell,
		       const struct cost_cell *first)
{
	const struct cost_stats *stats = &cell->stats;

	printf("  %-15s", cell->way->name);
	if (cell->error) {
		printf(" %s\n", errno_name(cell->error));
		return;
	}
	printf(" %11.1f %11.1f %11.1f %11.1f %11.1f %6u", stats->median,
	       stats->mean, stats->p10, stats->p90, stats->min, stats->count);
	if (cell != first && !first->error && stats->median > 0 &&
	    stats->mean > 0)
		printf("  %.3f (%.3f)", first->stats.median / stats->median,
		       first->stats.mean / stats->mean);
	putchar('\n');
}

static void print_threads(const struct cost_threads *threads)
{
	puts("threads: lives of 64K in a second, on one and on two threads");
	for (int i = 0; i < 2; i++) {
		printf("  %-15s", threads[i].way->name);
		if (threads[i].error)
			printf(" %s\n", errno_name(threads[i].error));
		else
			printf(" %11.0f %11.0f  two over one %.2f\n",
			       threads[i].one, threads[i].two,
			       threads[i].ratio);
	}
}

void cost_print_text(const struct cost_study *study)
{
	printf("Linux %s, %s engine, %s CPUs (%s)\nmitigations %s\n"
	       "unit: %s; the clock's own cost, %s, is taken off\n",
	       text_of(study, "kernel"), text_of(study, "engine"),
	       text_of(study, "cpus"), text_of(study, "cpu"),
	       text_of(study, "mitigations"), text_of(study, "unit"),
	       text_of(study, "clock_cost"));
	if (study->count)
		printf("\n%17s %11s %11s %11s %11s %11s %6s  %s\n", "",
		       "median", "mean", "p10", "p90", "minimum", "count",
		       "ntmem/this: median (mean)");
	for (size_t i = 0; i < study->count; i++) {
		const struct cost_result *result = &study->results[i];

		printf("%s: %s, per %s\n", result->row->name,
		       result->row->what, result->row->per);
		for (size_t j = 0; j < result->cell_count; j++)
			print_cell(&result->cells[j], &result->cells[0]);
	}
	if (study->threads)
		print_threads(study->threads);
}

/* ---- JSON ---- */

static void add_double(struct json_object *to, const char *key, double value)
{
	char text[64];

	snprintf(text, sizeof(text), "%.2f", value);
	json_object_object_add(to, key, json_object_new_double_s(value, text));
}

static void add_text(struct json_object *to, const char *key,
		     const char *value)
{
	json_object_object_add(to, key, json_object_new_string(value));
}

static struct json_object *cell_json(const struct cost_cell *cell)
{
	struct json_object *to = json_object_new_object();
	const struct cost_stats *stats = &cell->stats;

	add_text(to, "way", cell->way->name);
	add_text(to, "what", cell->way == &cost_linux ? cell->row->beside :
		 cell->way->what);
	if (cell->error) {
		add_text(to, "error", errno_name(cell->error));
		return to;
	}
	json_object_object_add(to, "count",
			       json_object_new_int64(stats->count));
	add_double(to, "median", stats->median);
	add_double(to, "mean", stats->mean);
	add_double(to, "p10", stats->p10);
	add_double(to, "p90", stats->p90);
	add_double(to, "min", stats->min);
	add_double(to, "max", stats->max);
	return to;
}

static struct json_object *row_json(const char *name, const char *what,
				    const char *per, size_t size,
				    struct json_object **ways)
{
	struct json_object *to = json_object_new_object();

	*ways = json_object_new_array();
	add_text(to, "row", name);
	add_text(to, "what", what);
	add_text(to, "per", per);
	json_object_object_add(to, "size", json_object_new_uint64(size));
	json_object_object_add(to, "ways", *ways);
	return to;
}

static struct json_object *threads_json(const struct cost_threads *threads)
{
	struct json_object *ways, *to;

	to = row_json("threads", "lives of 64K in a second, on one and on two "
		      "threads", "second", 64 * COST_KIB, &ways);
	for (int i = 0; i < 2; i++) {
		struct json_object *way = json_object_new_object();

		json_object_array_add(ways, way);
		add_text(way, "way", threads[i].way->name);
		if (threads[i].error) {
			add_text(way, "error", errno_name(threads[i].error));
			continue;
		}
		add_double(way, "one", threads[i].one);
		add_double(way, "two", threads[i].two);
		add_double(way, "ratio", threads[i].ratio);
	}
	return to;
}

void cost_print_json(const struct cost_study *study)
{
	struct json_object *rows = json_object_new_array();

	for (size_t i = 0; i < study->count; i++) {
		const struct cost_result *result = &study->results[i];
		const struct cost_row *row = result->row;
		struct json_object *ways;

		json_object_array_add(rows, row_json(row->name, row->what,
						     row->per, row->size,
						     &ways));
		for (size_t j = 0; j < result->cell_count; j++)
			json_object_array_add(ways,
					      cell_json(&result->cells[j]));
	}
	if (study->threads)
		json_object_array_add(rows, threads_json(study->threads));
	json_object_object_add(study->environment, "rows", rows);
	puts(json_object_to_json_string_ext(study->environment,
					    JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_SPACED |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* ---- CSV ---- */

static void print_threads_csv(const struct cost_study *study,
			      const struct cost_threads *threads,
			      const char *which, double lives)
{
	printf("%s,%s,threads-%s,%lu,%s,second,lives,%u,%.0f,,,,,,%s\n",
	       text_of(study, "kernel"), text_of(study, "engine"), which,
	       64 * COST_KIB, threads->way->name, threads->rounds, lives,
	       threads->error ? errno_name(threads->error) : "");
}

void cost_print_csv(const struct cost_study *study)
{
	puts("kernel,engine,row,size,way,per,unit,count,median,mean,p10,p90,"
	     "min,max,error");
	for (size_t i = 0; i < study->count; i++) {
		const struct cost_result *result = &study->results[i];

		for (size_t j = 0; j < result->cell_count; j++) {
			const struct cost_cell *cell = &result->cells[j];
			const struct cost_stats *stats = &cell->stats;

			printf("%s,%s,%s,%zu,%s,%s,%s,%u,%.2f,%.2f,%.2f,%.2f,"
			       "%.2f,%.2f,%s\n", text_of(study, "kernel"),
			       text_of(study, "engine"), result->row->name,
			       result->row->size, cell->way->name,
			       result->row->per, text_of(study, "unit"),
			       stats->count, stats->median, stats->mean,
			       stats->p10, stats->p90, stats->min, stats->max,
			       cell->error ? errno_name(cell->error) : "");
		}
	}
	for (int i = 0; study->threads && i < 2; i++) {
		const struct cost_threads *threads = &study->threads[i];

		print_threads_csv(study, threads, "one", threads->one);
		print_threads_csv(study, threads, "two", threads->two);
	}
}
