// SPDX-License-Identifier: MIT
/*
 * The sequence format of the differential test: what it reads, it prints in a
 * form that means the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../differential/sequence.h"
#include "target.h"

static bool parse(struct sequence *seq, char *text, size_t size)
{
	FILE *in = size ? fmemopen(text, size, "r") : NULL;
	bool ok;

	if (!in)
		return false;
	ok = sequence_parse(seq, in, "input");
	fclose(in);
	if (!ok)
		sequence_free(seq);
	return ok;
}

static char *print(const struct sequence *seq, size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	if (!out)
		abort();
	sequence_print(out, seq);
	fclose(out);
	return text;
}

static void again(char *text, size_t size)
{
	struct sequence seq;
	char *second;
	size_t length;

	fuzz_check(parse(&seq, text, size), "not read again:\n%s", text);
	second = print(&seq, &length);
	fuzz_check(size == length && !memcmp(text, second, size),
		   "printed:\n%s\nand then:\n%s", text, second);
	sequence_free(&seq);
	free(second);
}

static void run(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size), *printed;
	struct sequence seq;
	size_t length;

	if (parse(&seq, text, strlen(text))) {
		for (size_t i = 0; i < seq.count; i++)
			fuzz_check(sequence_block_end(&seq, i) <= seq.count,
				   "a block ends behind the last step");
		printed = print(&seq, &length);
		again(printed, length);
		sequence_free(&seq);
		free(printed);
	}
	free(text);
}

const struct fuzz_target sequence_target = {
	.name = "sequence",
	.open = fuzz_be_quiet,
	.run = run,
};
