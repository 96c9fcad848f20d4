// SPDX-License-Identifier: MIT
/*
 * ntmem set: shows the settings of the module, and changes them.
 */
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "settings.h"
#include "tool.h"

static const struct setting {
	const char *name;
	int attr;
	bool limit;		/* may be "none" */
} names[] = {
	{ "granularity", NTMEM_A_SETTINGS_GRANULARITY, false },
	{ "commit_limit", NTMEM_A_SETTINGS_COMMIT_LIMIT, true },
	{ "user_limit", NTMEM_A_SETTINGS_USER_LIMIT, true },
	{ "space_limit", NTMEM_A_SETTINGS_SPACE_LIMIT, true },
	{ "fault_window", NTMEM_A_SETTINGS_FAULT_WINDOW, false },
};

#define NAMES (sizeof(names) / sizeof(names[0]))

static bool is_narrow(int attr)
{
	return attr == NTMEM_A_SETTINGS_FAULT_WINDOW;
}

static void keep_settings(int command, struct nlattr **attrs, void *arg)
{
	struct settings *settings = arg;

	(void)command;
	for (int i = 1; i <= NTMEM_A_SETTINGS_MAX; i++)
		settings->of[i] = is_narrow(i) ? netlink_u32(attrs, i) :
						 netlink_u64(attrs, i);
}

int settings_get(struct netlink *nl, struct settings *settings)
{
	*settings = (struct settings){ 0 };
	return netlink_exchange(nl, netlink_message(nl, NTMEM_CMD_SETTINGS_GET,
						    false),
				keep_settings, settings);
}

void settings_print(FILE *to, const struct settings *settings)
{
	char text[TEXT_MAX];

	for (size_t i = 0; i < NAMES; i++) {
		uint64_t value = settings->of[names[i].attr];

		fprintf(to, "%-16s %s\n", names[i].name,
			names[i].limit && value == UINT64_MAX ? "none" :
			number_to_text(value, text));
	}
}

struct json_object *settings_to_json(const struct settings *settings)
{
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < NAMES; i++) {
		uint64_t value = settings->of[names[i].attr];
		bool none = names[i].limit && value == UINT64_MAX;

		json_object_object_add(object, names[i].name,
				       none ? NULL :
				       json_object_new_uint64(value));
	}
	return object;
}

static int usage(FILE *to, int status)
{
	fputs("usage: ntmem set [--json] [NAME=VALUE...]\n\n"
	      "Shows the settings of the module, after having changed those that\n"
	      "are named: all of them, or none where one is wrong. That is for\n"
	      "CAP_SYS_ADMIN.\n\n"
	      "  granularity=SIZE   of new processes, a power of two, 4K to 1G\n"
	      "  commit_limit=SIZE  what all may commit together, or none\n"
	      "  user_limit=SIZE    what one user may, or none\n"
	      "  space_limit=SIZE   what one process may, or none\n"
	      "  fault_window=N     pages that one fault may bring, 1 to 16\n\n"
	      "  -j, --json  one JSON object\n"
	      "  -h, --help  this text\n\n"
	      "Sizes are bytes, or have K, M, G or T behind them.\n", to);
	return status;
}

static const struct setting *setting_named(const char *text, size_t len)
{
	for (size_t i = 0; i < NAMES; i++)
		if (strlen(names[i].name) == len &&
		    !strncmp(names[i].name, text, len))
			return &names[i];
	return NULL;
}

static bool wrong(const char *text, const char *why)
{
	tool_wrong("set", text, why);
	return false;
}

/* NAME=VALUE; says what is wrong with it. given: which were there before. */
static bool parse(const char *text, struct settings *settings, uint32_t *given)
{
	size_t len = strcspn(text, "=");
	const struct setting *setting = setting_named(text, len);
	uint64_t *value;

	if (!setting)
		return wrong(text, "no setting has this name");
	if (!text[len])
		return wrong(text, "has no =VALUE");
	if (*given & 1U << setting->attr)
		return wrong(text, "is there twice");
	*given |= 1U << setting->attr;
	value = &settings->of[setting->attr];
	if (setting->limit && !strcmp(text + len + 1, "none")) {
		*value = UINT64_MAX;
		return true;
	}
	if (!text_to_number(text + len + 1, value))
		return wrong(text, setting->limit ? "neither a size nor none" :
						    "not a size");
	if (is_narrow(setting->attr) && *value > UINT32_MAX)
		return wrong(text, "too large");
	return true;
}

static int change(struct netlink *nl, const struct settings *settings,
		  uint32_t given)
{
	struct nl_msg *msg = netlink_message(nl, NTMEM_CMD_SETTINGS_SET, false);

	for (int i = 1; i <= NTMEM_A_SETTINGS_MAX; i++) {
		if (!(given & 1U << i))
			continue;
		if (is_narrow(i))
			netlink_put_u32(msg, i, (uint32_t)settings->of[i]);
		else
			netlink_put_u64(msg, i, settings->of[i]);
	}
	return netlink_exchange(nl, msg, NULL, NULL);
}

static int change_and_show(const struct settings *wanted, uint32_t given,
			   bool json)
{
	struct settings settings;
	struct json_object *object;
	struct netlink nl;
	int error, status = netlink_start(&nl, "set");

	if (status)
		return status;
	error = given ? change(&nl, wanted, given) : 0;
	if (!error)
		error = settings_get(&nl, &settings);
	if (error) {
		status = netlink_failed(&nl, "set", error);
	} else if (json) {
		object = settings_to_json(&settings);
		puts(json_object_to_json_string_ext(object,
						    JSON_C_TO_STRING_PRETTY));
		json_object_put(object);
	} else {
		settings_print(stdout, &settings);
	}
	netlink_close(&nl);
	return status;
}

int set_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct settings wanted = { 0 };
	uint32_t given = 0;
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "jh", options, NULL)) >= 0) {
		if (option == 'j')
			json = true;
		else
			return usage(option == 'h' ? stdout : stderr,
				     option == 'h' ? TOOL_OK : TOOL_USAGE);
	}
	for (; optind < argc; optind++)
		if (!parse(argv[optind], &wanted, &given))
			return TOOL_USAGE;
	return change_and_show(&wanted, given, json);
}
