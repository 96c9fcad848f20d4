// SPDX-License-Identifier: MIT
/*
 * The language of "ntmem do": the first byte chooses the form of the report,
 * the rest is the script. Steps are parsed; those that are operations of the
 * engine, or ask it something, also run. Those that touch memory or start
 * processes do not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tools/ntmem/do.h"
#include "target.h"

/* LOCK makes pages resident. */
#define COMMIT_LIMIT	(4ULL << 20)

/* In the place of the one in the tool's main.c, which is not linked. */
const struct ntmem_engine *tool_open_engine(const char *name)
{
	int error;

	(void)name;
	return ntmem_engine_open_embedded(&error);
}

static bool runs(const struct do_step *step)
{
	static const char *const more[] = { "info", "lastfault", "batch", "help" };

	if (step->verb->nr >= 0)
		return true;
	if (!strcmp(step->verb->name, "walk"))
		return step->has_target;
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		if (!strcmp(step->verb->name, more[i]))
			return true;
	return false;
}

static void run_script(struct do_source *source, bool json)
{
	struct do_session session = { .json = json, .keep_going = true };
	unsigned long steps = 0;
	struct do_step step;
	int error;

	session.engine = ntmem_engine_open_embedded(&error);
	while (do_next_step(source, &step) > 0) {
		if (runs(&step)) {
			do_run_step(&session, &step);
			steps++;
		}
		do_step_free(&step);
	}
	free(session.names);
	fuzz_count(steps);
}

static void run(const uint8_t *data, size_t size)
{
	struct do_source source = { .line = do_line_from_file };

	if (size < 2)
		return;
	source.file = fmemopen((void *)(data + 1), size - 1, "r");
	if (!source.file)
		abort();
	fuzz_renew_engine(COMMIT_LIMIT);
	run_script(&source, *data & 1);
	fuzz_renew_engine(COMMIT_LIMIT);
	free(source.held);
	fclose(source.file);
}

const struct fuzz_target script_target = {
	.name = "script",
	.open = fuzz_be_quiet,
	.run = run,
};
