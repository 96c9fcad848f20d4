// SPDX-License-Identifier: MIT
/*
 * ntmem run: starts a program with the heap in malloc's place, or with a limit or
 * a granularity of its own. All of it is said by the environment, so it is the
 * program's children's, too.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

#define LIBRARY		"libntmem-malloc.so"
#define SLICE		(64 * 1024)	/* the heap's smallest granularity */

/**
 * struct run_options - what is asked for
 * @engine: a name, or NULL
 * @library: path of what to preload, if preload; NULL: to be found
 * @limit: bytes, if has_limit
 * @granularity: bytes, or 0
 */
struct run_options {
	const char *engine;
	const char *library;
	bool preload;
	bool has_limit;
	uint64_t limit;
	uint64_t granularity;
};

static int usage(FILE *to, int status)
{
	fputs("usage: ntmem run [OPTION...] COMMAND [ARGUMENT...]\n\n"
	      "Runs a program, and whatever it starts, with\n\n"
	      "  -p, --preload[=FILE]      malloc and new from " LIBRARY "\n"
	      "  -l, --limit SIZE          at most so much committed, each process;\n"
	      "                            for the embedded engine only\n"
	      "  -g, --granularity SIZE    reservations that begin at multiples of\n"
	      "                            SIZE, a power of two, 4K to 1G\n"
	      "  -e, --engine NAME         kernel or embedded\n"
	      "  -h, --help                this text\n\n"
	      "Programs that use neither libntmem nor --preload notice nothing.\n\n"
	      "Exit status: the program's; 125 when it was not even tried, 126 when\n"
	      "it cannot be run, 127 when there is none.\n", to);
	return status;
}

static int usage_of_run(FILE *to, int status)
{
	return usage(to, status == TOOL_USAGE ? RUN_FAILED : status);
}

static int refuse(const char *why)
{
	fprintf(stderr, "ntmem: run: %s\n", why);
	return RUN_FAILED;
}

/* The engine that the program would choose, "" if none can work. */
static const char *engine_of(const struct run_options *options)
{
	const struct ntmem_engine *engine = tool_open_engine(options->engine);

	return engine ? engine->name : "";
}

/* Beside the program: where it was built, or installed. */
static char *find_library(void)
{
	static const char *const folders[] = {
		"../lib", "../lib/x86_64-linux-gnu", "../lib64",
	};
	char self[4096], *slash, *path = NULL;
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len <= 0)
		return NULL;
	self[len] = '\0';
	slash = strrchr(self, '/');
	*slash = '\0';
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (asprintf(&path, "%s/%s/" LIBRARY, self, folders[i]) < 0)
			abort();
		if (!access(path, R_OK))
			return path;
		free(path);
	}
	fprintf(stderr, "ntmem: run: no " LIBRARY " beside %s, where it was built or installed; --preload=FILE names it\n",
		self);
	return NULL;
}

/* Before what is preloaded already. False, with a message, if it cannot be. */
static bool set_preload(const struct run_options *options)
{
	const char *before = getenv("LD_PRELOAD");
	char *library, *value;

	if (options->library)
		library = realpath(options->library, NULL);
	else
		library = find_library();
	if (!library) {
		if (options->library)
			fprintf(stderr, "ntmem: run: %s: %s\n",
				options->library, strerror(errno));
		return false;
	}
	/* The loader takes both for the end of a name. */
	if (strpbrk(library, " :")) {
		fprintf(stderr, "ntmem: run: %s: LD_PRELOAD cannot name what has a space or a colon in its path\n",
			library);
		free(library);
		return false;
	}
	if (asprintf(&value, "%s%s%s", library, before && *before ? ":" : "",
		     before ? before : "") < 0)
		abort();
	setenv("LD_PRELOAD", value, 1);
	free(value);
	free(library);
	return true;
}

static void set_size(const char *name, uint64_t size)
{
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "%" PRIu64, size);
	setenv(name, text, 1);
}

/* Looks at everything before the environment is changed. */
static int check(const struct run_options *options)
{
	if (options->granularity &&
	    (options->granularity & (options->granularity - 1) ||
	     options->granularity < 4096 || options->granularity > 1 << 30))
		return refuse("--granularity: not a power of two from 4K to 1G");
	if (options->granularity && options->preload &&
	    options->granularity < SLICE)
		return refuse("--granularity: the heap of --preload needs at least 64K");
	if (options->engine && !*engine_of(options))
		return RUN_FAILED;
	return TOOL_OK;
}

static int prepare(const struct run_options *options)
{
	int status = check(options);

	if (status)
		return status;
	if (options->preload && !set_preload(options))
		return RUN_FAILED;
	if (options->engine)
		setenv("NTMEM_ENGINE", options->engine, 1);
	if (options->has_limit)
		set_size("NTMEM_COMMIT_LIMIT", options->limit);
	if (options->granularity)
		set_size("NTMEM_GRANULARITY", options->granularity);
	return TOOL_OK;
}

/* False if the option is wrong. */
static bool parse(int option, struct run_options *options)
{
	switch (option) {
	case 'e':
		options->engine = optarg;
		return true;
	case 'p':
		options->preload = true;
		options->library = optarg;
		return true;
	case 'l':
		options->has_limit = true;
		return text_to_number(optarg, &options->limit);
	case 'g':
		return text_to_number(optarg, &options->granularity) &&
		       options->granularity;
	}
	return false;
}

int run_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "preload", optional_argument, NULL, 'p' },
		{ "limit", required_argument, NULL, 'l' },
		{ "granularity", required_argument, NULL, 'g' },
		{ "engine", required_argument, NULL, 'e' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct run_options wanted = { 0 };
	int option, status;

	while ((option = getopt_long(argc, argv, "+p::l:g:e:h", options,
				     NULL)) >= 0) {
		if (option == 'h')
			return usage(stdout, TOOL_OK);
		if (!parse(option, &wanted))
			return tool_wrong_option(option, usage_of_run);
	}
	if (optind == argc)
		return usage_of_run(stderr, TOOL_USAGE);
	status = prepare(&wanted);
	if (status)
		return status;
	execvp(argv[optind], argv + optind);
	fprintf(stderr, "ntmem: run: %s: %s\n", argv[optind], strerror(errno));
	return errno == ENOENT ? RUN_NOT_FOUND : RUN_CANNOT_RUN;
}
