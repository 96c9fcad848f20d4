// SPDX-License-Identifier: MIT
/*
 * ntmem cost: the command line.
 */
#include <getopt.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cost.h"

enum output {
	OUTPUT_TEXT,
	OUTPUT_JSON,
	OUTPUT_CSV,
};

struct command_line {
	struct cost_options options;
	enum output output;
	bool list;
	bool table;
};

static int usage(FILE *to, int status)
{
	fputs("usage: ntmem cost [OPTION...]\n"
	      "       ntmem cost --table STUDY.json...\n\n"
	      "Measures what memory operations cost, beside Linux doing the\n"
	      "same in the same run. Each operation is timed singly.\n\n"
	      "  -e, --engine NAME    kernel or embedded\n"
	      "  -r, --rows PATTERN   only rows like this, e.g. 'life/*';\n"
	      "                       may be given more than once\n"
	      "  -l, --list           list the rows\n"
	      "  -n, --turns N        at most N in a round of each row\n"
	      "                       (also --reps)\n"
	      "  -u, --unit UNIT      auto, instructions (in a guest under\n"
	      "                       qemu -icount shift=0) or ns\n"
	      "      --instructions   --unit instructions\n"
	      "  -t, --threads        two threads beside one instead of rows\n"
	      "  -s, --seconds N      how long each part of it takes [1]\n"
	      "  -j, --json           write JSON\n"
	      "  -c, --csv            write CSV\n"
	      "  -p, --progress       say on stderr what is being measured,\n"
	      "                       even if it is not a terminal\n"
	      "  -q, --quiet          never say so\n"
	      "      --table          one table of the studies in JSON files,\n"
	      "                       and whether the goals are met\n"
	      "  -h, --help           this text\n", to);
	return status;
}

static void list_rows(const struct cost_options *options)
{
	for (size_t i = 0; i < cost_row_count; i++) {
		const struct cost_row *row = &cost_rows[i];

		if (!cost_row_chosen(options, row->name))
			continue;
		printf("%-24s %s:", row->name, row->what);
		for (size_t j = 0; j < COST_WAYS_MAX && row->ways[j]; j++)
			printf(" %s", row->ways[j]->name);
		putchar('\n');
	}
	if (cost_row_chosen(options, "threads"))
		puts("threads                  with --threads: ntmem linux");
}

static bool any_row(const struct cost_options *options)
{
	for (size_t i = 0; i < cost_row_count; i++)
		if (cost_row_chosen(options, cost_rows[i].name))
			return true;
	return false;
}

static bool read_count(const char *text, unsigned int *count)
{
	uint64_t value;

	if (!text_to_number(text, &value) || !value || value > 100000)
		return false;
	*count = (unsigned int)value;
	return true;
}

static bool read_unit(const char *text, enum cost_unit *unit)
{
	if (!strcmp(text, "auto"))
		*unit = COST_AUTO;
	else if (!strcmp(text, "instructions"))
		*unit = COST_INSTRUCTIONS;
	else if (!strcmp(text, "ns"))
		*unit = COST_NS;
	else
		return false;
	return true;
}

static void add_pattern(struct cost_options *options, const char *pattern)
{
	options->patterns = reallocarray(options->patterns,
					 options->pattern_count + 1,
					 sizeof(*options->patterns));
	if (!options->patterns)
		abort();
	options->patterns[options->pattern_count++] = pattern;
}

static bool set_option(struct command_line *line, int option,
		       const char *value)
{
	struct cost_options *options = &line->options;

	switch (option) {
	case 'e':
		options->engine = value;
		return true;
	case 'r':
		add_pattern(options, value);
		return true;
	case 'l':
		line->list = true;
		return true;
	case 'n':
		return read_count(value, &options->turns);
	case 'u':
		return read_unit(value, &options->unit);
	case 'i':
		options->unit = COST_INSTRUCTIONS;
		return true;
	case 't':
		options->threads = true;
		return true;
	case 's':
		return read_count(value, &options->seconds);
	case 'j':
		line->output = OUTPUT_JSON;
		return true;
	case 'c':
		line->output = OUTPUT_CSV;
		return true;
	case 'p':
		options->progress = true;
		return true;
	case 'q':
		options->progress = false;
		return true;
	case 'T':
		line->table = true;
		return true;
	}
	return false;
}

static bool any_error(const struct cost_study *study)
{
	/* That Linux lacks a way is no failure; that ntmem fails is. */
	for (size_t i = 0; i < study->count; i++)
		if (study->results[i].cells[0].error)
			return true;
	return study->threads && study->threads[0].error;
}

static int measure(const struct command_line *line)
{
	struct cost_threads threads[2];
	struct cost_study study = { 0 };
	struct cost_result *results = NULL;
	const struct ntmem_engine *engine;
	int status;

	cost_settle(line->options.threads);
	engine = tool_open_engine(line->options.engine);
	if (!engine)
		return TOOL_FAILED;
	cost_ways_use(engine);
	cost_clock_start(line->options.unit);
	if (line->options.threads) {
		cost_threads_run(&line->options, threads);
		study.threads = threads;
	} else if (!any_row(&line->options)) {
		fputs("ntmem: no row is like that; see --list\n", stderr);
		return TOOL_USAGE;
	} else {
		study.count = cost_run(&line->options, &results);
		study.results = results;
	}
	study.environment = cost_environment(engine);
	if (line->output == OUTPUT_JSON)
		cost_print_json(&study);
	else if (line->output == OUTPUT_CSV)
		cost_print_csv(&study);
	else
		cost_print_text(&study);
	status = any_error(&study) ? TOOL_FAILED : TOOL_OK;
	json_object_put(study.environment);
	free(results);
	return status;
}

static int run(const struct command_line *line, int argc, char **argv)
{
	if (line->table) {
		if (optind == argc)
			return usage(stderr, TOOL_USAGE);
		return cost_table(argv + optind, (size_t)(argc - optind));
	}
	if (optind != argc)
		return usage(stderr, TOOL_USAGE);
	if (line->list) {
		list_rows(&line->options);
		return TOOL_OK;
	}
	return measure(line);
}

int cost_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "engine", required_argument, NULL, 'e' },
		{ "rows", required_argument, NULL, 'r' },
		{ "list", no_argument, NULL, 'l' },
		{ "turns", required_argument, NULL, 'n' },
		{ "reps", required_argument, NULL, 'n' },
		{ "unit", required_argument, NULL, 'u' },
		{ "instructions", no_argument, NULL, 'i' },
		{ "threads", no_argument, NULL, 't' },
		{ "seconds", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "csv", no_argument, NULL, 'c' },
		{ "progress", no_argument, NULL, 'p' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "table", no_argument, NULL, 'T' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct command_line line = { .options.seconds = 1 };
	int option, status;

	line.options.progress = isatty(STDERR_FILENO);
	while ((option = getopt_long(argc, argv, "e:r:ln:u:its:jcpqh", options,
				     NULL)) >= 0) {
		if (option == 'h')
			return usage(stdout, TOOL_OK);
		if (!set_option(&line, option, optarg))
			return usage(stderr, TOOL_USAGE);
	}
	status = run(&line, argc, argv);
	free(line.options.patterns);
	return status;
}
