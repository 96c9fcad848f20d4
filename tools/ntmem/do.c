// SPDX-License-Identifier: MIT
/*
 * ntmem do: the command line, and the loop over the steps of the script.
 */
#include <errno.h>
#include <getopt.h>
#include <readline/readline.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "do.h"

static int usage(FILE *to, int status)
{
	fputs("usage: ntmem do [OPTION...] [STEP...]\n\n"
	      "Runs the steps in order and shows the result of each. Without\n"
	      "steps they come from FILE, else from standard input; on a\n"
	      "terminal with a prompt. 'ntmem do help' lists the steps.\n\n"
	      "  -e, --engine NAME  kernel or embedded\n"
	      "  -f, --file FILE    read the steps from FILE\n"
	      "  -j, --json         one JSON object for each step, on a line\n"
	      "  -k, --keep-going   go on after a step that failed\n"
	      "  -h, --help         this text\n\n"
	      "Exit status: 0 when all steps succeeded (or failed as they were\n"
	      "expected to), 1 when one did not, 2 for a wrong command line\n"
	      "or script.\n", to);
	return status;
}

/* Steps as they come: what cannot be parsed is only skipped at a prompt. */
static int run_as_read(struct do_session *session, struct do_source *source,
		       bool prompt)
{
	struct do_step step;
	int got;

	while ((got = do_next_step(source, &step)) != 0) {
		bool go_on = prompt;

		if (got > 0) {
			go_on = do_run_step(session, &step) ||
				(prompt && !session->quit);
			do_step_free(&step);
		} else if (!prompt) {
			return TOOL_USAGE;
		}
		/* At a prompt a mistake takes the rest of its line with it. */
		if (got < 0) {
			free(source->held);
			source->held = NULL;
		}
		if (!go_on)
			break;
	}
	return session->failures ? TOOL_FAILED : TOOL_OK;
}

/* The whole script is read first, so that a wrong one does nothing. */
static int run_whole(struct do_session *session, struct do_source *source)
{
	struct do_step *steps = NULL, step;
	size_t count = 0;
	int got;

	while ((got = do_next_step(source, &step)) > 0) {
		steps = reallocarray(steps, count + 1, sizeof(step));
		if (!steps)
			abort();
		steps[count++] = step;
	}
	for (size_t i = 0; got == 0 && i < count; i++)
		if (!do_run_step(session, &steps[i]))
			break;
	for (size_t i = 0; i < count; i++)
		do_step_free(&steps[i]);
	free(steps);
	if (got < 0)
		return TOOL_USAGE;
	return session->failures ? TOOL_FAILED : TOOL_OK;
}

static char *complete_verb(const char *text, int state)
{
	static size_t at;
	size_t count;
	const struct do_verb *verbs = do_verbs(&count);

	if (!state)
		at = 0;
	while (at < count) {
		const char *name = verbs[at++].name;

		if (!strncmp(name, text, strlen(text)))
			return strdup(name);
	}
	return NULL;
}

static int run_script(struct do_session *session, char **texts,
		      const char *path)
{
	struct do_source source = {
		.line = texts ? do_line_from_texts : do_line_from_file,
		.texts = texts,
		.file = stdin,
	};
	bool prompt = !texts && !path && isatty(STDIN_FILENO);
	int status;

	if (path && strcmp(path, "-"))
		source.file = fopen(path, "re");
	if (!source.file) {
		fprintf(stderr, "ntmem: %s: %s\n", path, strerror(errno));
		return TOOL_USAGE;
	}
	if (prompt) {
		source.line = do_line_from_prompt;
		rl_readline_name = "ntmem";
		rl_completion_entry_function = complete_verb;
	}
	if (texts || source.file != stdin)
		status = run_whole(session, &source);
	else
		status = run_as_read(session, &source, prompt);
	free(source.held);
	if (source.file != stdin)
		fclose(source.file);
	return status;
}

int do_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "engine", required_argument, NULL, 'e' },
		{ "file", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "keep-going", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct do_session session = { 0 };
	const char *path = NULL;
	int option, status;

	while ((option = getopt_long(argc, argv, "+e:f:jkh", options,
				     NULL)) >= 0) {
		switch (option) {
		case 'e':
			session.engine_name = optarg;
			break;
		case 'f':
			path = optarg;
			break;
		case 'j':
			session.json = true;
			break;
		case 'k':
			session.keep_going = true;
			break;
		case 'h':
			return usage(stdout, TOOL_OK);
		default:
			return usage(stderr, TOOL_USAGE);
		}
	}
	if (path && optind < argc)
		return usage(stderr, TOOL_USAGE);
	do_catch_faults(&session);
	session.engine = tool_open_engine(session.engine_name);
	if (!session.engine)
		return TOOL_FAILED;
	status = run_script(&session, optind < argc ? argv + optind : NULL,
			    path);
	free(session.names);
	return status;
}
