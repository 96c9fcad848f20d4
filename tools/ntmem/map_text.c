// SPDX-License-Identifier: MIT
/*
 * A map as text and as JSON.
 */
#include <inttypes.h>
#include <json-c/json.h>

#include "map.h"
#include "output.h"
#include "tool.h"

static const struct {
	uint32_t bit;
	const char *name;
} flags[] = {
	{ NTMEM_RUN_WATCH, "watch" },
	{ NTMEM_RUN_PLACEHOLDER, "placeholder" },
	{ NTMEM_RUN_REPLACED, "replaced" },
	{ NTMEM_RUN_NOFORK, "nofork" },
};

#define FLAGS (sizeof(flags) / sizeof(flags[0]))

static void print_reservation(const struct map_run *run, uint64_t size)
{
	char bytes[TEXT_MAX], prot[TEXT_MAX];

	printf("%s0x%012" PRIx64 " %8s  %s %s%s", colour(COLOUR_BOLD),
	       run->base, number_to_text(size, bytes), type_name(run->type),
	       prot_to_text(run->alloc_prot, prot), colour(COLOUR_NONE));
	for (size_t i = 0; i < FLAGS; i++)
		if (run->flags & flags[i].bit)
			printf(" %s", flags[i].name);
	putchar('\n');
}

static enum colour run_colour(const struct map_run *run)
{
	if (run->state != NTMEM_STATE_COMMIT)
		return COLOUR_DIM;
	if (run->prot & NTMEM_PAGE_GUARD)
		return COLOUR_RED;
	return COLOUR_GREEN;
}

static void print_run(const struct map_run *run)
{
	char bytes[TEXT_MAX], prot[TEXT_MAX];

	printf("  %s0x%012" PRIx64 " %8s  %s", colour(run_colour(run)),
	       run->addr, number_to_text(run->size, bytes),
	       state_name(run->state));
	if (run->state == NTMEM_STATE_COMMIT)
		printf(" %s, %s resident", prot_to_text(run->prot, prot),
		       number_to_text(run->resident, bytes));
	printf("%s\n", colour(COLOUR_NONE));
}

static void print_sum(const struct map_sum *sum, size_t reservations)
{
	const struct {
		const char *name;
		uint64_t bytes;
	} sizes[] = {
		{ "reserved", sum->reserved },
		{ "committed", sum->committed },
		{ "resident", sum->resident },
		{ "guarded", sum->guarded },
		{ "watched", sum->watched },
	};
	char text[TEXT_MAX];

	printf("%zu reservation%s:", reservations,
	       reservations == 1 ? "" : "s");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		printf("%s %s %s", i ? "," : "", sizes[i].name,
		       number_to_text(sizes[i].bytes, text));
	putchar('\n');
}

void map_print(const struct map *map)
{
	struct map_sum sum = map_sum(map, 0, map->count);
	size_t reservations = 0, end;

	for (size_t first = 0; first < map->count; first = end) {
		end = map_reservation_end(map, first);
		print_reservation(&map->runs[first],
				  map_sum(map, first, end).reserved);
		for (size_t i = first; i < end; i++)
			print_run(&map->runs[i]);
		reservations++;
	}
	print_sum(&sum, reservations);
}

static void add_sum(struct json_object *object, const struct map_sum *sum)
{
	json_add_size(object, "reserved", sum->reserved);
	json_add_size(object, "committed", sum->committed);
	json_add_size(object, "resident", sum->resident);
	json_add_size(object, "guarded", sum->guarded);
	json_add_size(object, "watched", sum->watched);
}

static struct json_object *run_to_json(const struct map_run *run)
{
	struct json_object *object = json_object_new_object();
	char prot[TEXT_MAX];

	json_add_size(object, "address", run->addr);
	json_add_size(object, "size", run->size);
	json_add_text(object, "state", state_name(run->state));
	json_object_object_add(object, "prot",
			       run->state != NTMEM_STATE_COMMIT ? NULL :
			       json_object_new_string(prot_to_text(run->prot,
								   prot)));
	json_add_size(object, "resident", run->resident);
	return object;
}

static struct json_object *reservation_to_json(const struct map *map,
					       size_t first, size_t end)
{
	struct json_object *object = json_object_new_object();
	struct json_object *runs = json_object_new_array();
	struct map_sum sum = map_sum(map, first, end);
	const struct map_run *run = &map->runs[first];
	char prot[TEXT_MAX];

	json_add_size(object, "base", run->base);
	json_add_text(object, "type", type_name(run->type));
	json_add_text(object, "prot", prot_to_text(run->alloc_prot, prot));
	for (size_t i = 0; i < FLAGS; i++)
		json_object_object_add(object, flags[i].name,
				       json_object_new_boolean(run->flags &
							       flags[i].bit));
	add_sum(object, &sum);
	for (size_t i = first; i < end; i++)
		json_object_array_add(runs, run_to_json(&map->runs[i]));
	json_object_object_add(object, "runs", runs);
	return object;
}

void map_print_json(const struct map *map)
{
	struct json_object *object = json_object_new_object();
	struct json_object *reservations = json_object_new_array();
	struct json_object *total = json_object_new_object();
	struct map_sum sum = map_sum(map, 0, map->count);
	size_t end;

	for (size_t first = 0; first < map->count; first = end) {
		end = map_reservation_end(map, first);
		json_object_array_add(reservations,
				      reservation_to_json(map, first, end));
	}
	json_add_size(object, "pid", map->pid);
	add_sum(total, &sum);
	json_object_object_add(object, "total", total);
	json_object_object_add(object, "reservations", reservations);
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
	json_object_put(object);
}
