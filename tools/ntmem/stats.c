// SPDX-License-Identifier: MIT
/*
 * Asks for statistics, and says what they are called.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "stats.h"

const struct stats_field stats_fields[] = {
	{ "spaces", NTMEM_A_STATS_SPACES, false },
	{ "reserved", NTMEM_A_STATS_RESERVED, false },
	{ "committed", NTMEM_A_STATS_COMMITTED, false },
	{ "resident", NTMEM_A_STATS_RESIDENT, false },
	{ "locked", NTMEM_A_STATS_LOCKED, false },
	{ "faults", NTMEM_A_STATS_FAULTS, true },
	{ "pages", NTMEM_A_STATS_PAGES, true },
	{ "copies", NTMEM_A_STATS_COPIES, true },
	{ "watched", NTMEM_A_STATS_WATCHED, true },
	{ "guards", NTMEM_A_STATS_GUARDS, true },
	{ "refused", NTMEM_A_STATS_REFUSED, true },
	{ "dropped", NTMEM_A_STATS_DROPPED, true },
	{ "limited", NTMEM_A_STATS_LIMITED, true },
};

const size_t stats_nr_fields = sizeof(stats_fields) / sizeof(stats_fields[0]);

static void read_stats(struct nlattr **attrs, struct stats *stats)
{
	stats->id = netlink_u32(attrs, NTMEM_A_STATS_ID);
	stats->pid = netlink_u32(attrs, NTMEM_A_STATS_PID);
	stats->uid = netlink_u32(attrs, NTMEM_A_STATS_UID);
	for (int i = NTMEM_A_STATS_SPACES; i <= NTMEM_A_STATS_MAX; i++)
		stats->of[i] = netlink_u64(attrs, i);
}

static void keep_one(int command, struct nlattr **attrs, void *arg)
{
	(void)command;
	read_stats(attrs, arg);
}

int stats_get(struct netlink *nl, const uint32_t *uid, struct stats *stats)
{
	struct nl_msg *msg = netlink_message(nl, NTMEM_CMD_STATS_GET, false);

	if (uid)
		netlink_put_u32(msg, NTMEM_A_STATS_UID, *uid);
	*stats = (struct stats){ 0 };
	return netlink_exchange(nl, msg, keep_one, stats);
}

int stats_get_process(struct netlink *nl, uint32_t pid, struct stats *stats)
{
	struct nl_msg *msg = netlink_message(nl, NTMEM_CMD_SPACE_GET, false);

	netlink_put_u32(msg, NTMEM_A_STATS_PID, pid);
	*stats = (struct stats){ 0 };
	return netlink_exchange(nl, msg, keep_one, stats);
}

/* A list that grows. */
struct stats_list {
	struct stats *at;
	size_t count;
	size_t room;
};

static void keep_more(int command, struct nlattr **attrs, void *arg)
{
	struct stats_list *list = arg;

	(void)command;
	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 64;
		list->at = reallocarray(list->at, list->room,
					sizeof(*list->at));
		if (!list->at)
			abort();
	}
	list->at[list->count] = (struct stats){ 0 };
	read_stats(attrs, &list->at[list->count++]);
}

int stats_get_all(struct netlink *nl, struct stats **list, size_t *count)
{
	struct stats_list got = { 0 };
	int error;

	error = netlink_exchange(nl, netlink_message(nl, NTMEM_CMD_SPACE_GET,
						     true),
				 keep_more, &got);
	*list = got.at;
	*count = got.count;
	return error;
}

void stats_to_json(struct json_object *object, const struct stats *stats,
		   const struct stats *before)
{
	struct json_object *change = before ? json_object_new_object() : NULL;

	for (size_t i = 0; i < stats_nr_fields; i++) {
		const struct stats_field *field = &stats_fields[i];
		uint64_t value = stats->of[field->attr];

		json_object_object_add(object, field->name,
				       json_object_new_uint64(value));
		if (before && field->counts)
			json_object_object_add(change, field->name,
					       json_object_new_uint64(value - before->of[field->attr]));
	}
	/* Of the system nobody knows it. */
	if (stats->id)
		json_object_object_add(object, "peak",
				       json_object_new_uint64(stats->of[NTMEM_A_STATS_PEAK]));
	json_object_object_add(object, "change", change);
}
