// SPDX-License-Identifier: MIT
/*
 * ntmem map: what a process has reserved and committed.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "svg.h"
#include "tool.h"

static int usage(FILE *to, int status)
{
	fputs("usage: ntmem map [--json] [--svg FILE] PID\n\n"
	      "Shows the reservations of a process and, in each, the runs of pages\n"
	      "in one state: reserved or committed, with which protection, how much\n"
	      "of it is resident. A process that changes them meanwhile is shown as\n"
	      "it was at each of them.\n\n"
	      "  -s, --svg FILE  draw it into FILE as well; '-': draw it, and no more\n"
	      "  -j, --json      one JSON object\n"
	      "  -h, --help      this text\n", to);
	return status;
}

static void keep_run(int command, struct nlattr **attrs, void *arg)
{
	struct map *map = arg;

	(void)command;
	if (map->count == map->room) {
		map->room = map->room ? 2 * map->room : 256;
		map->runs = reallocarray(map->runs, map->room,
					 sizeof(*map->runs));
		if (!map->runs)
			abort();
	}
	map->runs[map->count++] = (struct map_run){
		.addr = netlink_u64(attrs, NTMEM_A_RUN_ADDR),
		.size = netlink_u64(attrs, NTMEM_A_RUN_SIZE),
		.base = netlink_u64(attrs, NTMEM_A_RUN_BASE),
		.resident = netlink_u64(attrs, NTMEM_A_RUN_RESIDENT),
		.alloc_prot = netlink_u32(attrs, NTMEM_A_RUN_ALLOC_PROT),
		.state = netlink_u32(attrs, NTMEM_A_RUN_STATE),
		.prot = netlink_u32(attrs, NTMEM_A_RUN_PROT),
		.type = netlink_u32(attrs, NTMEM_A_RUN_TYPE),
		.flags = netlink_u32(attrs, NTMEM_A_RUN_FLAGS),
	};
}

static int map_get(struct netlink *nl, struct map *map)
{
	struct nl_msg *msg = netlink_message(nl, NTMEM_CMD_RUN_GET, true);

	netlink_put_u32(msg, NTMEM_A_RUN_PID, map->pid);
	return netlink_exchange(nl, msg, keep_run, map);
}

size_t map_reservation_end(const struct map *map, size_t first)
{
	size_t end = first;

	while (end < map->count && map->runs[end].base == map->runs[first].base)
		end++;
	return end;
}

struct map_sum map_sum(const struct map *map, size_t first, size_t end)
{
	struct map_sum sum = { 0 };

	for (const struct map_run *run = map->runs + first;
	     run < map->runs + end; run++) {
		sum.reserved += run->size;
		sum.resident += run->resident;
		if (run->state == NTMEM_STATE_COMMIT)
			sum.committed += run->size;
		if (run->prot & NTMEM_PAGE_GUARD)
			sum.guarded += run->size;
		if (run->flags & NTMEM_RUN_WATCH)
			sum.watched += run->size;
	}
	return sum;
}

static int show(const struct map *map, bool json, const char *svg)
{
	if (svg && !strcmp(svg, "-"))
		return svg_into("map", svg, map_draw, map);
	if (json)
		map_print_json(map);
	else
		map_print(map);
	return svg ? svg_into("map", svg, map_draw, map) : TOOL_OK;
}

int map_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "svg", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct map map = { 0 };
	const char *svg = NULL;
	bool json = false;
	struct netlink nl;
	int option, error, status;

	while ((option = getopt_long(argc, argv, "s:jh", options, NULL)) >= 0) {
		if (option == 's')
			svg = optarg;
		else if (option == 'j')
			json = true;
		else
			return usage(option == 'h' ? stdout : stderr,
				     option == 'h' ? TOOL_OK : TOOL_USAGE);
	}
	if (optind + 1 != argc)
		return usage(stderr, TOOL_USAGE);
	if (!text_to_pid(argv[optind], &map.pid))
		return tool_wrong("map", argv[optind], "not the number of a process");
	status = netlink_start(&nl, "map");
	if (status)
		return status;
	error = map_get(&nl, &map);
	status = error ? netlink_failed(&nl, "map", error) :
			 show(&map, json, svg);
	free(map.runs);
	netlink_close(&nl);
	return status;
}
