// SPDX-License-Identifier: MIT
/*
 * NTMEM_COMMIT_LIMIT, with the input as its value: taken just when it is a
 * number as C has them, with a suffix or without, that fits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "target.h"

/* False when this must be refused. */
static bool meaning(const char *text, uint64_t *limit)
{
	*limit = UINT64_MAX;
	if (!*text)
		return true;
	if (fuzz_matches("0[xX][0-9a-fA-F]+[KMGTkmgt]?", text))
		return fuzz_number(text + 2, 16, limit);
	if (fuzz_matches("0[0-7]*[KMGTkmgt]?", text))
		return fuzz_number(text, 8, limit);
	if (fuzz_matches("[1-9][0-9]*[KMGTkmgt]?", text))
		return fuzz_number(text, 10, limit);
	return false;
}

static void run(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size);
	const struct ntmem_engine *engine;
	struct ntmem_info info;
	uint64_t limit;
	int error = 1;
	bool good;

	setenv("NTMEM_COMMIT_LIMIT", text, 1);
	engine = ntmem_engine_open_embedded(&error);
	good = meaning(text, &limit);
	fuzz_check(!!engine == good && error == (good ? 0 : -EINVAL),
		   "\"%s\": error %d", text, error);
	if (engine) {
		engine->info(&info);
		fuzz_check(info.space_limit == limit, "\"%s\" is %llu, not %llu",
			   text, (unsigned long long)info.space_limit,
			   (unsigned long long)limit);
	}
	free(text);
}

const struct fuzz_target settings_target = { .name = "settings", .run = run };
