// SPDX-License-Identifier: MIT
/*
 * ntmem stat: a line of statistics every so often, as vmstat does.
 */
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "stats.h"
#include "tool.h"

/**
 * struct stat_options - what is asked for
 * @pid: of one process, or 0
 * @uid: of a user, if has_uid
 * @count: lines, or 0: without end
 * @interval: seconds between them
 */
struct stat_options {
	uint32_t pid;
	uint32_t uid;
	bool has_uid;
	bool json;
	uint64_t count;
	double interval;
};

/* In the order of stats_fields. */
static const char *const headers[] = {
	"space", "resv", "comm", "resid", "lock", "fault", "pages", "copy",
	"watch", "guard", "refus", "drop", "limit",
};

static int usage(FILE *to, int status)
{
	fputs("usage: ntmem stat [OPTION...] [INTERVAL]\n\n"
	      "Prints a line of statistics every INTERVAL seconds, 1 unless given.\n"
	      "From the sixth column on it counts what has happened: in the first\n"
	      "line in all, in others since the line before.\n\n"
	      "  -n, --count N   end after N lines\n"
	      "  -p, --pid PID   of this process alone\n"
	      "  -u, --uid UID   of all that this user has\n"
	      "  -j, --json      one JSON object for each line\n"
	      "  -h, --help      this text\n\n"
	      "space: processes; resv, comm, resid, lock: bytes that are reserved,\n"
	      "committed, resident, locked; fault: faults served; pages: brought by\n"
	      "them; copy: copied at a write; watch: first writes recorded; guard:\n"
	      "guard pages hit; refus: other accesses refused; drop: reset pages\n"
	      "dropped; limit: commits refused at a limit.\n", to);
	return status;
}

static void print_header(void)
{
	printf("%s", colour(COLOUR_BOLD));
	for (size_t i = 0; i < stats_nr_fields; i++)
		printf("%s%5s", i ? " " : "", headers[i]);
	printf("%s\n", colour(COLOUR_NONE));
}

static void print_line(const struct stats *stats, const struct stats *before)
{
	char text[TEXT_MAX];

	for (size_t i = 0; i < stats_nr_fields; i++) {
		const struct stats_field *field = &stats_fields[i];
		uint64_t value = stats->of[field->attr];

		if (field->counts && before)
			value -= before->of[field->attr];
		printf("%s%5s", i ? " " : "",
		       field->counts || field->attr == NTMEM_A_STATS_SPACES ?
		       count_to_short(value, text) : size_to_short(value, text));
	}
	putchar('\n');
}

static void print_json(const struct stat_options *options,
		       const struct stats *stats, const struct stats *before,
		       double seconds)
{
	struct json_object *object = json_with_time();

	json_object_object_add(object, "seconds", before ?
			       json_object_new_double(seconds) : NULL);
	if (options->pid)
		json_object_object_add(object, "pid",
				       json_object_new_uint64(options->pid));
	if (options->pid || options->has_uid)
		json_object_object_add(object, "uid",
				       json_object_new_uint64(stats->uid));
	stats_to_json(object, stats, before);
	print_json_line(object);
}

static int ask(struct netlink *nl, const struct stat_options *options,
	       struct stats *stats)
{
	if (options->pid)
		return stats_get_process(nl, options->pid, stats);
	return stats_get(nl, options->has_uid ? &options->uid : NULL, stats);
}

/* A new space has taken the place of the old: nothing of it was there before. */
static bool is_same(const struct stats *stats, const struct stats *before)
{
	return stats->id == before->id;
}

static int run(struct netlink *nl, const struct stat_options *options)
{
	double next = now_seconds(), last = next, now;
	int lines = terminal_lines(), error;
	struct stats kept[2] = { 0 };
	uint64_t i;

	for (i = 0; !options->count || i < options->count; i++) {
		const struct stats *before = &kept[(i + 1) % 2];
		struct stats *stats = &kept[i % 2];

		if (i)
			sleep_until(next += options->interval);
		error = ask(nl, options, stats);
		if (error)
			return netlink_failed(nl, "stat", error);
		now = now_seconds();
		if (!i || !is_same(stats, before))
			before = NULL;
		if (options->json) {
			print_json(options, stats, before, now - last);
		} else {
			if (!i || (lines > 2 && !(i % (uint64_t)(lines - 2))))
				print_header();
			print_line(stats, before);
		}
		if (fflush(stdout))
			return TOOL_FAILED;
		last = now;
	}
	return TOOL_OK;
}

/* False if the option is wrong. */
static bool parse(int option, struct stat_options *options)
{
	switch (option) {
	case 'n':
		return text_to_number(optarg, &options->count) &&
		       options->count;
	case 'p':
		return text_to_pid(optarg, &options->pid);
	case 'u':
		options->has_uid = true;
		return text_to_uid(optarg, &options->uid);
	case 'j':
		options->json = true;
		return true;
	}
	return false;
}

int stat_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "count", required_argument, NULL, 'n' },
		{ "pid", required_argument, NULL, 'p' },
		{ "uid", required_argument, NULL, 'u' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct stat_options wanted = { .interval = 1 };
	struct netlink nl;
	int option, status;

	while ((option = getopt_long(argc, argv, "n:p:u:jh", options,
				     NULL)) >= 0) {
		if (option == 'h')
			return usage(stdout, TOOL_OK);
		if (!parse(option, &wanted))
			return tool_wrong_option(option, usage);
	}
	if (optind < argc && !text_to_seconds(argv[optind++], &wanted.interval))
		return tool_wrong("stat", argv[optind - 1],
				  "not a number of seconds");
	if (optind < argc || (wanted.pid && wanted.has_uid))
		return usage(stderr, TOOL_USAGE);
	status = netlink_start(&nl, "stat");
	if (status)
		return status;
	status = run(&nl, &wanted);
	netlink_close(&nl);
	return status;
}
