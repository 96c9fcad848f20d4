// SPDX-License-Identifier: MIT
/*
 * The ntmem tool: finds the subcommand and hands the command line to it.
 */
#include <stdio.h>
#include <string.h>

#include "tool.h"

static const struct command {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "cost", cost_main, "measure what memory operations cost" },
	{ "do", do_main, "run operations, from a script or by hand" },
	{ "heap", heap_main, "show how the heaps of a process are used" },
	{ "info", info_main, "show the engine, its limits and accounts" },
	{ "map", map_main, "show what a process has reserved and committed" },
	{ "run", run_main, "run a program with the heap, or with limits" },
	{ "set", set_main, "show or change the settings of the module" },
	{ "stat", stat_main, "show statistics, again and again" },
	{ "top", top_main, "show the processes that use it, live" },
	{ "trace", trace_main, "show events as they happen" },
};

char **tool_arguments;

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *to)
{
	fputs("usage: ntmem COMMAND [OPTION...] [ARGUMENT...]\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-6s %s\n", commands[i].name, commands[i].help);
	fputs("\nntmem COMMAND --help says more about one. ntmem --version\n"
	      "shows the version. NTMEM_ENGINE=kernel|embedded in the\n"
	      "environment chooses the engine.\n", to);
}

/* What is written to a full disk, or to nobody, is a failure, too. */
static int finish(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fputs("ntmem: the output could not be written\n", stderr);
	return status ? status : TOOL_FAILED;
}

const struct ntmem_engine *tool_open_engine(const char *name)
{
	const struct ntmem_engine *engine;
	int error = 0;

	if (!name) {
		engine = ntmem_engine();
		if (!engine)
			fputs("ntmem: no engine can work here as NTMEM_ENGINE, "
			      "NTMEM_GRANULARITY and the like ask for\n",
			      stderr);
		return engine;
	}
	if (!strcmp(name, "kernel")) {
		engine = ntmem_engine_open_kernel(&error);
	} else if (!strcmp(name, "embedded")) {
		engine = ntmem_engine_open_embedded(&error);
	} else {
		fprintf(stderr, "ntmem: no engine is called '%s'\n", name);
		return NULL;
	}
	if (!engine)
		fprintf(stderr, "ntmem: %s engine: %s (%s)\n", name,
			strerror(-error), errno_name(error));
	return engine;
}

int main(int argc, char **argv)
{
	tool_arguments = argv;
	if (argc < 2) {
		usage(stderr);
		return TOOL_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		usage(stdout);
		return TOOL_OK;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("ntmem " TOOL_VERSION);
		return TOOL_OK;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return finish(commands[i].main(argc - 1, argv + 1));
	fprintf(stderr, "ntmem: no command is called '%s'\n", argv[1]);
	usage(stderr);
	return TOOL_USAGE;
}
