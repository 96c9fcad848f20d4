// SPDX-License-Identifier: MIT
/*
 * ntmem top: the processes that use the module, live on a terminal, or as lines.
 */
#include <curses.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"
#include "top.h"

#define KEYS_LINE	"c r v k f p: sort, i: turn round, space: look, q: quit"
#define CTRL_L		('L' & 0x1f)

/**
 * struct top_options - what is asked for
 * @count: times to look, or 0: without end
 * @delay: seconds between them
 */
struct top_options {
	enum top_key key;
	bool reverse;
	bool batch;
	bool json;
	uint64_t count;
	double delay;
};

static int usage(FILE *to, int status)
{
	fputs("usage: ntmem top [OPTION...]\n\n"
	      "Shows the processes that use the module and may be seen.\n\n"
	      "  -s, --sort KEY       by committed (the default), resident,\n"
	      "                       reserved, peak, faults or pid\n"
	      "  -r, --reverse        the other way round\n"
	      "  -d, --delay SECONDS  look again after so long, 2 unless given\n"
	      "  -n, --count N        end after N times\n"
	      "  -b, --batch          print lines; needs no terminal\n"
	      "  -j, --json           one JSON object each time\n"
	      "  -h, --help           this text\n\n"
	      "Keys: c, r, v, k, f and p sort by committed, resident, reserved,\n"
	      "peak, faults and pid; i turns that round; space looks at once,\n"
	      "Ctrl-L draws all of the screen; q ends.\n", to);
	return status;
}

/* ------------------------------------------------------------------ lines --- */

static void print_lines(const struct top_list *list)
{
	char line[TOP_LINE_MAX];

	puts(top_summary(list, line, sizeof(line)));
	puts(top_header());
	for (size_t i = 0; i < list->count; i++)
		puts(top_line(&list->rows[i], line, sizeof(line)));
}

static int run_batch(struct netlink *nl, struct top_list *list,
		     const struct top_options *options)
{
	double next = now_seconds();
	uint64_t i;
	int error;

	for (i = 0; !options->count || i < options->count; i++) {
		if (i)
			sleep_until(next += options->delay);
		error = top_list_update(nl, list);
		if (error)
			return netlink_failed(nl, "top", error);
		if (options->json) {
			top_print_json(list);
		} else {
			if (i)
				putchar('\n');
			print_lines(list);
		}
		if (fflush(stdout))
			return TOOL_FAILED;
	}
	return TOOL_OK;
}

/* ----------------------------------------------------------------- screen --- */

static void draw(const struct top_list *list)
{
	char line[TOP_LINE_MAX];

	erase();
	mvaddnstr(0, 0, top_summary(list, line, sizeof(line)), COLS);
	attron(A_REVERSE);
	mvhline(1, 0, ' ', COLS);
	mvaddnstr(1, 0, top_header(), COLS);
	attroff(A_REVERSE);
	for (size_t i = 0; i < list->count && (int)i + 3 < LINES; i++)
		mvaddnstr((int)i + 2, 0,
			  top_line(&list->rows[i], line, sizeof(line)), COLS);
	mvaddnstr(LINES - 1, 0, KEYS_LINE, COLS);
	refresh();
}

/* False if it asks for the end; *look: to look at once. */
static bool handle_key(struct top_list *list, int key, bool *look)
{
	if (key == 'q')
		return false;
	if (key == ' ')
		*look = true;
	if (key == CTRL_L)
		clearok(curscr, TRUE);
	if (key == 'i')
		list->reverse = !list->reverse;
	for (int i = 0; i < TOP_KEYS; i++)
		if (key == top_keys[i].letter)
			list->key = (enum top_key)i;
	top_list_sort(list);
	return true;
}

/* Draws and handles keys until it is time to look; false at the end. */
static bool wait_for_keys(struct top_list *list, double until)
{
	bool look = false;

	while (!look) {
		double left = until - now_seconds();
		int key;

		draw(list);
		if (left <= 0)
			return true;
		timeout((int)(left * 1000) + 1);
		key = getch();
		if (key != ERR && !handle_key(list, key, &look))
			return false;
	}
	return true;
}

static int run_screen(struct netlink *nl, struct top_list *list,
		      const struct top_options *options)
{
	uint64_t i;
	int error = 0;

	initscr();
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	for (i = 0; !options->count || i < options->count; i++) {
		error = top_list_update(nl, list);
		if (error || !wait_for_keys(list, list->when + options->delay))
			break;
	}
	endwin();
	return error ? netlink_failed(nl, "top", error) : TOOL_OK;
}

/* ------------------------------------------------------------ command line --- */

static bool parse_key(const char *text, enum top_key *key)
{
	for (int i = 0; i < TOP_KEYS; i++) {
		if (strcmp(text, top_keys[i].name))
			continue;
		*key = (enum top_key)i;
		return true;
	}
	return false;
}

/* False if the option is wrong. */
static bool parse(int option, struct top_options *options)
{
	switch (option) {
	case 's':
		return parse_key(optarg, &options->key);
	case 'r':
		options->reverse = true;
		return true;
	case 'd':
		return text_to_seconds(optarg, &options->delay);
	case 'n':
		return text_to_number(optarg, &options->count) &&
		       options->count;
	case 'b':
		options->batch = true;
		return true;
	case 'j':
		options->json = true;
		options->batch = true;
		return true;
	}
	return false;
}

static int run(const struct top_options *options)
{
	struct top_list list = {
		.key = options->key, .reverse = options->reverse,
	};
	struct netlink nl;
	int status;

	if (!options->batch && (!isatty(STDOUT_FILENO) ||
				!isatty(STDIN_FILENO) || !getenv("TERM"))) {
		fputs("ntmem: top: standard input and output are no terminal; --batch needs none\n",
		      stderr);
		return TOOL_USAGE;
	}
	status = netlink_start(&nl, "top");
	if (status)
		return status;
	status = options->batch ? run_batch(&nl, &list, options) :
				  run_screen(&nl, &list, options);
	free(list.rows);
	netlink_close(&nl);
	return status;
}

int top_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "sort", required_argument, NULL, 's' },
		{ "reverse", no_argument, NULL, 'r' },
		{ "delay", required_argument, NULL, 'd' },
		{ "count", required_argument, NULL, 'n' },
		{ "batch", no_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct top_options wanted = { .delay = 2 };
	int option;

	setlocale(LC_CTYPE, "");
	while ((option = getopt_long(argc, argv, "s:rd:n:bjh", options,
				     NULL)) >= 0) {
		if (option == 'h')
			return usage(stdout, TOOL_OK);
		if (!parse(option, &wanted))
			return tool_wrong_option(option, usage);
	}
	if (optind < argc)
		return usage(stderr, TOOL_USAGE);
	return run(&wanted);
}
