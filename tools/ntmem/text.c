// SPDX-License-Identifier: MIT
/*
 * Numbers, protections, states and errors as people write and read them.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool.h"

struct name {
	const char *text;
	uint32_t value;
};

/* Short names first: they are the ones that are written. */
static const struct name prot_names[] = {
	{ "none", NTMEM_PAGE_NOACCESS },
	{ "r", NTMEM_PAGE_READONLY },
	{ "rw", NTMEM_PAGE_READWRITE },
	{ "writecopy", NTMEM_PAGE_WRITECOPY },
	{ "x", NTMEM_PAGE_EXECUTE },
	{ "rx", NTMEM_PAGE_EXECUTE_READ },
	{ "rwx", NTMEM_PAGE_EXECUTE_READWRITE },
	{ "xwritecopy", NTMEM_PAGE_EXECUTE_WRITECOPY },
	{ "guard", NTMEM_PAGE_GUARD },
	{ "nocache", NTMEM_PAGE_NOCACHE },
	{ "wc", NTMEM_PAGE_WRITECOMBINE },
	{ "PAGE_NOACCESS", NTMEM_PAGE_NOACCESS },
	{ "PAGE_READONLY", NTMEM_PAGE_READONLY },
	{ "PAGE_READWRITE", NTMEM_PAGE_READWRITE },
	{ "PAGE_WRITECOPY", NTMEM_PAGE_WRITECOPY },
	{ "PAGE_EXECUTE", NTMEM_PAGE_EXECUTE },
	{ "PAGE_EXECUTE_READ", NTMEM_PAGE_EXECUTE_READ },
	{ "PAGE_EXECUTE_READWRITE", NTMEM_PAGE_EXECUTE_READWRITE },
	{ "PAGE_EXECUTE_WRITECOPY", NTMEM_PAGE_EXECUTE_WRITECOPY },
	{ "PAGE_GUARD", NTMEM_PAGE_GUARD },
	{ "PAGE_NOCACHE", NTMEM_PAGE_NOCACHE },
	{ "PAGE_WRITECOMBINE", NTMEM_PAGE_WRITECOMBINE },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool text_to_number(const char *text, uint64_t *value)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	char *end;
	uint64_t number;
	unsigned int shift = 0;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	number = strtoull(text, &end, text[1] == 'x' ? 16 : 10);
	if (errno || (text[1] == 'x' && end == text + 1))
		return false;
	if (*end) {
		suffix = strchr(suffixes, toupper((unsigned char)*end));
		if (!suffix || end[1])
			return false;
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
	}
	if (number > UINT64_MAX >> shift)
		return false;
	*value = number << shift;
	return true;
}

const char *number_to_text(uint64_t value, char *buf)
{
	static const char suffixes[] = " KMGT";
	int i = 0;

	while (value && !(value & 1023) && i < 4) {
		value >>= 10;
		i++;
	}
	snprintf(buf, TEXT_MAX, i ? "%" PRIu64 "%c" : "%" PRIu64, value,
		 suffixes[i]);
	return buf;
}

/* Divided by base until three digits are enough, with one after the point below 10. */
static const char *to_short(uint64_t value, unsigned int base,
			    const char *suffixes, char *buf)
{
	double scaled = (double)value;
	int i = 0;

	while (scaled >= 999.5 && suffixes[i + 1]) {
		scaled /= base;
		i++;
	}
	if (!i)
		snprintf(buf, TEXT_MAX, "%" PRIu64, value);
	else if (scaled < 9.95)
		snprintf(buf, TEXT_MAX, "%.1f%c", scaled, suffixes[i]);
	else
		snprintf(buf, TEXT_MAX, "%.0f%c", scaled, suffixes[i]);
	return buf;
}

const char *size_to_short(uint64_t value, char *buf)
{
	return to_short(value, 1024, " KMGTPE", buf);
}

const char *count_to_short(uint64_t value, char *buf)
{
	return to_short(value, 1000, " kMGTPE", buf);
}

bool text_to_pid(const char *text, uint32_t *pid)
{
	uint64_t number;

	if (!text_to_number(text, &number) || !number || number > INT32_MAX)
		return false;
	*pid = (uint32_t)number;
	return true;
}

bool text_to_uid(const char *text, uint32_t *uid)
{
	uint64_t number;

	if (!text_to_number(text, &number) || number >= UINT32_MAX)
		return false;
	*uid = (uint32_t)number;
	return true;
}

bool text_to_seconds(const char *text, double *seconds)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*seconds = strtod(text, &end);
	return !*end && *seconds > 0 && *seconds <= 365 * 86400.0;
}

static bool prot_part(const char *text, size_t len, uint32_t *prot)
{
	char part[TEXT_MAX];
	uint64_t number;

	if (!len || len >= sizeof(part))
		return false;
	memcpy(part, text, len);
	part[len] = '\0';
	for (size_t i = 0; i < COUNT(prot_names); i++) {
		if (!strcasecmp(part, prot_names[i].text)) {
			*prot |= prot_names[i].value;
			return true;
		}
	}
	if (!text_to_number(part, &number) || number > UINT32_MAX)
		return false;
	*prot |= (uint32_t)number;
	return true;
}

bool text_to_prot(const char *text, uint32_t *prot)
{
	*prot = 0;
	for (;;) {
		size_t len = strcspn(text, "+|");

		if (!prot_part(text, len, prot))
			return false;
		text += len;
		if (!*text)
			return true;
		text++;
	}
}

const char *prot_to_text(uint32_t prot, char *buf)
{
	const char *plus = "";
	char *to = buf;

	strcpy(buf, "-");
	for (size_t i = 0; i < COUNT(prot_names) && prot; i++) {
		if (!(prot & prot_names[i].value))
			continue;
		to += sprintf(to, "%s%s", plus, prot_names[i].text);
		prot &= ~prot_names[i].value;
		plus = "+";
	}
	if (prot)
		sprintf(to, "%s0x%" PRIx32, plus, prot);
	return buf;
}

const char *state_name(uint32_t state)
{
	switch (state) {
	case NTMEM_STATE_COMMIT:
		return "commit";
	case NTMEM_STATE_RESERVE:
		return "reserve";
	case NTMEM_STATE_FREE:
		return "free";
	case NTMEM_STATE_FOREIGN:
		return "foreign";
	}
	return "unknown";
}

const char *type_name(uint32_t type)
{
	switch (type) {
	case 0:
		return "none";
	case NTMEM_TYPE_PRIVATE:
		return "private";
	case NTMEM_TYPE_MAPPED:
		return "mapped";
	case NTMEM_TYPE_IMAGE:
		return "image";
	}
	return "unknown";
}

const char *errno_name(int error)
{
	const char *name = strerrorname_np(error < 0 ? -error : error);

	return name ? name : "unknown error";
}

int errno_from_name(const char *name)
{
	for (int error = 1; error < 256; error++) {
		const char *known = strerrorname_np(error);

		if (known && !strcasecmp(known, name))
			return error;
	}
	return 0;
}

int tool_wrong(const char *who, const char *text, const char *why)
{
	fprintf(stderr, "ntmem: %s: '%s': %s\n", who, text, why);
	return TOOL_USAGE;
}

int tool_wrong_option(int option, int (*usage)(FILE *to, int status))
{
	if (option != '?' && optarg)
		fprintf(stderr, "ntmem: '%s' is not understood after -%c\n",
			optarg, option);
	return usage(stderr, TOOL_USAGE);
}
