// SPDX-License-Identifier: MIT
/*
 * struct ntmem_info as text and as JSON.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "info.h"

static const struct info_field fields[] = {
	{ "version", offsetof(struct ntmem_info, version), INFO_VERSION },
	{ "features", offsetof(struct ntmem_info, features), INFO_BITS },
	{ "page_size", offsetof(struct ntmem_info, page_size), INFO_SIZE },
	{ "granularity", offsetof(struct ntmem_info, granularity), INFO_SIZE },
	{ "min_address", offsetof(struct ntmem_info, min_address), INFO_BITS },
	{ "max_address", offsetof(struct ntmem_info, max_address), INFO_BITS },
	{ "commit_limit", offsetof(struct ntmem_info, commit_limit),
	  INFO_SIZE },
	{ "user_limit", offsetof(struct ntmem_info, user_limit), INFO_SIZE },
	{ "space_limit", offsetof(struct ntmem_info, space_limit), INFO_SIZE },
	{ "committed", offsetof(struct ntmem_info, committed), INFO_SIZE },
	{ "user_committed", offsetof(struct ntmem_info, user_committed),
	  INFO_SIZE },
	{ "space_committed", offsetof(struct ntmem_info, space_committed),
	  INFO_SIZE },
	{ "space_reserved", offsetof(struct ntmem_info, space_reserved),
	  INFO_SIZE },
	{ "resident", offsetof(struct ntmem_info, resident), INFO_SIZE },
	{ "spaces", offsetof(struct ntmem_info, spaces), INFO_COUNT },
};

static uint64_t field_value(const struct info_field *field,
			    const struct ntmem_info *info)
{
	const char *at = (const char *)info + field->offset;
	uint64_t wide;
	uint32_t narrow;

	if (field->kind == INFO_VERSION) {
		memcpy(&narrow, at, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, at, sizeof(wide));
	return wide;
}

static void print_field(FILE *to, const struct info_field *field,
			uint64_t value)
{
	char text[TEXT_MAX];

	fprintf(to, "%-16s ", field->name);
	if (field->kind == INFO_BITS)
		fprintf(to, "0x%" PRIx64 "\n", value);
	else if (field->kind != INFO_SIZE)
		fprintf(to, "%" PRIu64 "\n", value);
	else if (value == UINT64_MAX)
		fputs("none\n", to);
	else
		fprintf(to, "%s\n", number_to_text(value, text));
}

void info_print(FILE *to, const struct ntmem_info *info)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		print_field(to, &fields[i], field_value(&fields[i], info));
}

void info_to_json(struct json_object *object, const struct ntmem_info *info)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		uint64_t value = field_value(&fields[i], info);

		/* All ones is a limit that does not exist: null. */
		json_object_object_add(object, fields[i].name,
				       value == UINT64_MAX ? NULL :
				       json_object_new_uint64(value));
	}
}
