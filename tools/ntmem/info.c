// SPDX-License-Identifier: MIT
/*
 * ntmem info: what the engine is, the state of its accounts, and what netlink has.
 */
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "info.h"
#include "settings.h"
#include "stats.h"

/**
 * struct told - what netlink tells of the whole system
 * @version: of the family; 0: there is none
 */
struct told {
	unsigned int version;
	struct settings settings;
	struct stats stats;
};

/* False, with a message, where there is a family that does not answer. */
static bool ask(struct told *told)
{
	struct netlink nl;
	int error = netlink_open(&nl);

	*told = (struct told){ 0 };
	if (error)
		return true;
	told->version = nl.version;
	error = settings_get(&nl, &told->settings);
	if (!error)
		error = stats_get(&nl, NULL, &told->stats);
	if (error)
		netlink_failed(&nl, "info", error);
	netlink_close(&nl);
	return !error;
}

static void print_told(const struct told *told)
{
	char text[TEXT_MAX];

	if (!told->version) {
		printf("\n%-16s none\n", "netlink");
		return;
	}
	printf("\n%-16s %s, version %u\n", "netlink", NTMEM_FAMILY_NAME,
	       told->version);
	settings_print(stdout, &told->settings);
	for (size_t i = 0; i < stats_nr_fields; i++) {
		const struct stats_field *field = &stats_fields[i];
		uint64_t value = told->stats.of[field->attr];

		if (field->counts || field->attr == NTMEM_A_STATS_SPACES)
			printf("%-16s %" PRIu64 "\n", field->name, value);
		else
			printf("%-16s %s\n", field->name,
			       number_to_text(value, text));
	}
}

static struct json_object *told_to_json(const struct told *told)
{
	struct json_object *object, *stats;

	if (!told->version)
		return NULL;
	object = json_object_new_object();
	stats = json_object_new_object();
	json_object_object_add(object, "version",
			       json_object_new_uint64(told->version));
	json_object_object_add(object, "settings",
			       settings_to_json(&told->settings));
	stats_to_json(stats, &told->stats, NULL);
	json_object_object_add(object, "stats", stats);
	return object;
}

static void print_json(const struct ntmem_engine *engine,
		       const struct ntmem_info *info, const struct told *told)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "engine",
			       json_object_new_string(engine->name));
	info_to_json(object, info);
	json_object_object_add(object, "netlink", told_to_json(told));
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
	json_object_put(object);
}

static int usage(FILE *to, int status)
{
	fputs("usage: ntmem info [--engine kernel|embedded] [--json]\n\n"
	      "Shows the engine that a program would have here, its limits and\n"
	      "accounts, and below what netlink tells of the module: settings and\n"
	      "statistics of the system. See 'ntmem set' and 'ntmem stat'.\n", to);
	return status;
}

int info_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "engine", required_argument, NULL, 'e' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	const struct ntmem_engine *engine;
	struct ntmem_info info = { 0 };
	const char *name = NULL;
	struct told told;
	bool json = false;
	int option, error;

	while ((option = getopt_long(argc, argv, "e:jh", options, NULL)) >= 0) {
		if (option == 'e')
			name = optarg;
		else if (option == 'j')
			json = true;
		else
			return usage(option == 'h' ? stdout : stderr,
				     option == 'h' ? TOOL_OK : TOOL_USAGE);
	}
	if (optind != argc)
		return usage(stderr, TOOL_USAGE);
	engine = tool_open_engine(name);
	if (!engine)
		return TOOL_FAILED;
	error = engine->info(&info);
	if (error) {
		fprintf(stderr, "ntmem: info: %s\n", errno_name(error));
		return TOOL_FAILED;
	}
	if (!ask(&told))
		return TOOL_FAILED;
	if (json) {
		print_json(engine, &info, &told);
	} else {
		printf("%-16s %s\n", "engine", engine->name);
		info_print(stdout, &info);
		print_told(&told);
	}
	return TOOL_OK;
}
