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
	{ "info", info_main, "show the engine, its limits and accounts" },
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

const struct ntmem_engine *tool_open_engine(const char *name)
{
	const struct ntmem_engine *engine;
	int error = 0;

	if (!name) {
		engine = ntmem_engine();
		if (!engine)
			fputs("ntmem: the engine that NTMEM_ENGINE names "
			      "cannot work here\n", stderr);
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
			return commands[i].main(argc - 1, argv + 1);
	fprintf(stderr, "ntmem: no command is called '%s'\n", argv[1]);
	usage(stderr);
	return TOOL_USAGE;
}
