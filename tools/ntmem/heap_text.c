// SPDX-License-Identifier: MIT
/*
 * The heaps of a process as text and as JSON.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "heap.h"
#include "ntmem/winnt.h"
#include "output.h"
#include "tool.h"

static const struct {
	uint32_t bit;
	const char *name;
} flags[] = {
	{ HEAP_CREATE_ENABLE_EXECUTE, "executable" },
	{ HEAP_NO_SERIALIZE, "no_serialize" },
	{ HEAP_GENERATE_EXCEPTIONS, "exceptions" },
};

#define FLAGS (sizeof(flags) / sizeof(flags[0]))

static const char *const origins[INVENTORY_ORIGINS] = {
	[INVENTORY_CREATED] = "created",
	[INVENTORY_PROCESS] = "process",
	[INVENTORY_MALLOC] = "malloc",
};

const char *heap_name(const struct heap *heap, char *buf)
{
	if (heap->head->origin == INVENTORY_CREATED)
		snprintf(buf, TEXT_MAX, "0x%" PRIx64, heap->head->handle);
	else
		snprintf(buf, TEXT_MAX, "%s", origins[heap->head->origin]);
	return buf;
}

const char *heap_flags(const struct heap *heap, char *buf)
{
	snprintf(buf, TEXT_MAX, "%s", heap->head->maximum ? "fixed" : "grows");
	for (size_t i = 0; i < FLAGS; i++)
		if (heap->head->flags & flags[i].bit)
			snprintf(buf + strlen(buf), TEXT_MAX - strlen(buf),
				 " %s", flags[i].name);
	if (heap->head->locked)
		snprintf(buf + strlen(buf), TEXT_MAX - strlen(buf), " locked");
	return buf;
}

/* ------------------------------------------------------------------ text --- */

static void print_size(uint64_t size)
{
	char text[TEXT_MAX];

	printf(" %6s", size_to_short(size, text));
}

static void print_count(uint64_t count)
{
	char text[TEXT_MAX];

	printf(" %6s", count_to_short(count, text));
}

static void print_sum(const struct heap_report *report,
		      const struct heap_sum *sum)
{
	print_size(sum->reserved);
	print_size(sum->committed);
	if (report->resident)
		print_size(sum->resident);
	else
		printf(" %6s", "-");
	print_size(sum->used);
	printf(" %4.0f%%", 100 * heap_fragmentation(sum));
	print_count(sum->blocks);
	print_count(sum->runs + sum->guarded);
	print_count(sum->huge);
	for (size_t i = 0; i < PAGE_KINDS; i++)
		print_count(sum->pages[i]);
}

static void print_titles(void)
{
	printf("%s%-16s %6s %6s %6s %6s %5s %6s %6s %6s", colour(COLOUR_BOLD),
	       "HEAP", "RESV", "COMM", "RESID", "USED", "FRAG", "BLOCKS",
	       "LARGE", "HUGE");
	for (size_t i = 0; i < PAGE_KINDS; i++)
		printf(" %6s", heap_page_names[i]);
	printf("  FLAGS%s\n", colour(COLOUR_NONE));
}

/* Of what is the same for all sizes of blocks there is no column. */
static void print_class(size_t size, const struct heap_sum *sum)
{
	char text[TEXT_MAX] = "any size";

	if (size)
		snprintf(text, sizeof(text), "%zu bytes", size);
	printf("%s  %14s        ", colour(COLOUR_DIM), text);
	print_size(sum->committed);
	printf(" %6s", "");
	print_size(sum->used);
	printf(" %4.0f%%", 100 * heap_fragmentation(sum));
	print_count(sum->blocks);
	printf(" %13s", "");
	for (size_t i = 0; i < PAGE_KINDS; i++)
		print_count(sum->pages[i]);
	printf("  %" PRIu64 " free%s\n", sum->free, colour(COLOUR_NONE));
}

static void print_classes(const struct heap *heap)
{
	static struct heap_sum classes[HEAP_CLASSES];

	heap_classes(heap, classes);
	for (size_t i = 0; i < HEAP_CLASSES; i++)
		if (classes[i].slices)
			print_class(16 * i, &classes[i]);
}

static void print_heap(const struct heap_report *report,
		       const struct heap *heap)
{
	char text[TEXT_MAX];

	printf("%-16s", heap_name(heap, text));
	if (heap->head->locked)
		printf(" %*s", 13 * 7 - 3, "");
	else
		print_sum(report, &heap->sum);
	printf("  %s", heap_flags(heap, text));
	if (heap->sum.damaged)
		printf(" %sdamaged%s", colour(COLOUR_RED),
		       colour(COLOUR_NONE));
	putchar('\n');
}

static void print_rest(const struct heap_report *report)
{
	char arenas[TEXT_MAX], warm[TEXT_MAX];

	printf("%s reserved for slices, %s of that kept warm and in no heap\n",
	       size_to_short(report->end->arenas, arenas),
	       size_to_short(report->end->warm, warm));
	if (report->locked)
		printf("%zu locked, of which nothing is known\n",
		       report->locked);
}

void heap_print(const struct heap_report *report, bool classes)
{
	print_titles();
	for (size_t i = 0; i < report->count; i++) {
		print_heap(report, &report->heaps[i]);
		if (classes)
			print_classes(&report->heaps[i]);
	}
	printf("%-16s", "all");
	print_sum(report, &report->total);
	putchar('\n');
	print_rest(report);
}

/* ------------------------------------------------------------------ JSON --- */

static struct json_object *pages_to_json(const struct heap_sum *sum)
{
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < PAGE_KINDS; i++)
		json_add_size(object, heap_page_names[i], sum->pages[i]);
	return object;
}

/* What there is of heaps and of classes. */
static void add_common(struct json_object *object, const struct heap_sum *sum)
{
	json_add_size(object, "committed", sum->committed);
	json_add_size(object, "used", sum->used);
	json_object_object_add(object, "fragmentation",
			       json_object_new_double(heap_fragmentation(sum)));
	json_add_size(object, "blocks", sum->blocks);
	json_add_size(object, "free", sum->free);
	json_object_object_add(object, "pages", pages_to_json(sum));
}

static void add_sum(struct json_object *object,
		    const struct heap_report *report,
		    const struct heap_sum *sum)
{
	json_add_size(object, "reserved", sum->reserved);
	json_object_object_add(object, "resident", report->resident ?
			       json_object_new_uint64(sum->resident) : NULL);
	add_common(object, sum);
	json_add_size(object, "runs", sum->runs);
	json_add_size(object, "huge", sum->huge);
	json_add_size(object, "guarded", sum->guarded);
	json_add_size(object, "damaged", sum->damaged);
}

static struct json_object *class_to_json(size_t size,
					 const struct heap_sum *sum)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "size",
			       size ? json_object_new_uint64(size) : NULL);
	json_add_size(object, "slices", sum->slices);
	add_common(object, sum);
	return object;
}

static struct json_object *classes_to_json(const struct heap *heap)
{
	static struct heap_sum classes[HEAP_CLASSES];
	struct json_object *list = json_object_new_array();

	heap_classes(heap, classes);
	for (size_t i = 0; i < HEAP_CLASSES; i++)
		if (classes[i].slices)
			json_object_array_add(list, class_to_json(16 * i,
								  &classes[i]));
	return list;
}

static void add_flags(struct json_object *object, const struct heap *heap)
{
	const struct inventory_heap *head = heap->head;

	for (size_t i = 0; i < FLAGS; i++)
		json_object_object_add(object, flags[i].name,
				       json_object_new_boolean(head->flags &
							       flags[i].bit));
	json_object_object_add(object, "locked",
			       json_object_new_boolean(head->locked));
}

static struct json_object *heap_to_json(const struct heap_report *report,
					const struct heap *heap)
{
	struct json_object *object = json_object_new_object();

	json_add_size(object, "handle", heap->head->handle);
	json_add_text(object, "origin", origins[heap->head->origin]);
	json_object_object_add(object, "maximum", heap->head->maximum ?
			       json_object_new_uint64(heap->head->maximum) :
			       NULL);
	add_flags(object, heap);
	json_add_size(object, "shards", heap->head->shards);
	add_sum(object, report, &heap->sum);
	json_object_object_add(object, "classes", classes_to_json(heap));
	return object;
}

static struct json_object *arenas_to_json(const struct inventory_end *end)
{
	struct json_object *object = json_object_new_object();

	json_add_size(object, "reserved", end->arenas);
	json_add_size(object, "used", end->in_use);
	json_add_size(object, "warm", end->warm);
	return object;
}

void heap_print_json(const struct heap_report *report)
{
	struct json_object *object = json_object_new_object();
	struct json_object *heaps = json_object_new_array();
	struct json_object *total = json_object_new_object();
	char name[COMM_MAX];

	for (size_t i = 0; i < report->count; i++)
		json_object_array_add(heaps, heap_to_json(report,
							  &report->heaps[i]));
	json_add_size(object, "pid", report->pid);
	json_add_text(object, "command", process_name(report->pid, name));
	json_add_text(object, "engine", report->head->engine);
	add_sum(total, report, &report->total);
	json_object_object_add(object, "total", total);
	json_object_object_add(object, "arenas", arenas_to_json(report->end));
	json_object_object_add(object, "heaps", heaps);
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
	json_object_put(object);
}
