// SPDX-License-Identifier: MIT
/*
 * ntmem heap: how the heaps of a process are used.
 */
#include <getopt.h>
#include <string.h>

#include "heap.h"
#include "svg.h"
#include "tool.h"

static int usage(FILE *to, int status)
{
	fputs("usage: ntmem heap [--classes] [--json] [--svg FILE] PID\n\n"
	      "Shows the heaps of a process that allows it, by the environment\n"
	      "(NTMEM_HEAP_REPORT=1) or by ntmem_allow_heap_reports(): what each has\n"
	      "reserved and committed, how much of that is in blocks in use, and how\n"
	      "full its pages are.\n\n"
	      "  -c, --classes   in each heap also the sizes of its blocks\n"
	      "  -s, --svg FILE  draw it into FILE as well; '-': draw it, and no more\n"
	      "  -j, --json      one JSON object\n"
	      "  -h, --help      this text\n", to);
	return status;
}

struct wanted {
	bool classes;
	bool json;
	const char *svg;
};

static int show(const struct heap_report *report, const struct wanted *wanted)
{
	if (wanted->svg && !strcmp(wanted->svg, "-"))
		return svg_into("heap", wanted->svg, heap_draw, report);
	if (wanted->json)
		heap_print_json(report);
	else
		heap_print(report, wanted->classes);
	return wanted->svg ? svg_into("heap", wanted->svg, heap_draw, report) :
			     TOOL_OK;
}

static int show_process(const char *text, const struct wanted *wanted)
{
	struct heap_report report;
	uint32_t pid;
	int status;

	if (!text_to_pid(text, &pid))
		return tool_wrong("heap", text, "not the number of a process");
	status = heap_read(&report, pid);
	if (status)
		return status;
	status = show(&report, wanted);
	heap_forget(&report);
	return status;
}

int heap_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "classes", no_argument, NULL, 'c' },
		{ "svg", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct wanted wanted = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, "cs:jh", options,
				     NULL)) >= 0) {
		if (option == 'c')
			wanted.classes = true;
		else if (option == 's')
			wanted.svg = optarg;
		else if (option == 'j')
			wanted.json = true;
		else
			return usage(option == 'h' ? stdout : stderr,
				     option == 'h' ? TOOL_OK : TOOL_USAGE);
	}
	if (optind + 1 != argc)
		return usage(stderr, TOOL_USAGE);
	return show_process(argv[optind], &wanted);
}
