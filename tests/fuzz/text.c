// SPDX-License-Identifier: MIT
/*
 * Numbers, protections and names of errors as the tools read and write them:
 * reading knows exactly what it is meant to, and what is written can be read
 * again. The first byte says which of them the rest is.
 */
#include <stdlib.h>
#include <string.h>

#include "../../tools/ntmem/tool.h"
#include "target.h"

static void write_number(uint64_t number)
{
	char *text = malloc(TEXT_MAX);
	uint64_t again;

	number_to_text(number, text);
	fuzz_check(text_to_number(text, &again) && again == number,
		   "%llu is written as %s", (unsigned long long)number, text);
	free(text);
}

static void read_number(const char *text)
{
	uint64_t want = 0, got = 0;
	bool good = false;

	if (fuzz_matches("0x[0-9a-fA-F]+[KMGTkmgt]?", text))
		good = fuzz_number(text + 2, 16, &want);
	else if (fuzz_matches("[0-9]+[KMGTkmgt]?", text))
		good = fuzz_number(text, 10, &want);
	fuzz_check(text_to_number(text, &got) == good && got == want,
		   "\"%s\" is %llu, not %llu", text, (unsigned long long)got,
		   (unsigned long long)want);
	if (good)
		write_number(got);
}

static void write_prot(uint32_t prot)
{
	char *text = malloc(TEXT_MAX);
	uint32_t again;

	prot_to_text(prot, text);
	fuzz_check(!prot || (text_to_prot(text, &again) && again == prot),
		   "%#x is written as %s", prot, text);
	free(text);
}

static void read_prot(const char *text)
{
	uint32_t prot;

	if (text_to_prot(text, &prot))
		write_prot(prot);
}

static void read_errno(const char *text)
{
	int error = errno_from_name(text);

	fuzz_check(!error || !strcasecmp(errno_name(error), text),
		   "\"%s\" is %s", text, errno_name(error));
}

static void run(const uint8_t *data, size_t size)
{
	uint64_t raw = 0;
	char *text;

	if (!size)
		return;
	text = fuzz_string(data + 1, size - 1);
	memcpy(&raw, data + 1, size - 1 < sizeof(raw) ? size - 1 : sizeof(raw));
	switch (*data % 5) {
	case 0:
		read_number(text);
		break;
	case 1:
		read_prot(text);
		break;
	case 2:
		read_errno(text);
		break;
	case 3:
		write_number(raw);
		break;
	default:
		write_prot((uint32_t)raw);
	}
	free(text);
}

const struct fuzz_target text_target = { .name = "text", .run = run };
