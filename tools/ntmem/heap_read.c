// SPDX-License-Identifier: MIT
/*
 * Reading what a process tells of its heaps, and adding it up. None of it is
 * believed: the process may tell whatever it likes.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "heap.h"
#include "tool.h"

#define RECORD		sizeof(union inventory_record)
#define SLICE		(INVENTORY_PAGES * HEAP_PAGE)
#define ADDRESSES	(1ULL << 47)
/* Who has more than that does not learn what is resident: 256 GiB. */
#define LOOK_PAGES	(1ULL << 26)
/* Each costs some kilobytes here, and the other process a line of its report. */
#define MOST_HEAPS	65536

const char *const heap_page_names[PAGE_KINDS] = {
	[PAGE_FULL] = "full", [PAGE_PARTLY] = "partly",
	[PAGE_UNUSED] = "unused", [PAGE_GONE] = "gone",
};

/* ----------------------------------------------------------------- errors --- */

static int refused(uint32_t pid, int status, const char *why)
{
	fprintf(stderr, "ntmem: heap: process %" PRIu32 ": %s\n", pid, why);
	return status;
}

static int explain(uint32_t pid, int error)
{
	switch (error) {
	case ESRCH:
		return refused(pid, TOOL_NO_PROCESS, "no such process");
	case EPERM:
	case EACCES:
		return refused(pid, TOOL_NOT_PERMITTED,
			       "the kernel does not let you look into it");
	case ENOENT:
		return refused(pid, TOOL_NOT_ALLOWED,
			       "it does not allow that: see NTMEM_HEAP_REPORT in ntmem-malloc(7)");
	case EPROTO:
		return refused(pid, TOOL_FAILED,
			       "its libntmem is of another version than this tool");
	case ETIMEDOUT:
		return refused(pid, TOOL_FAILED,
			       "it does not answer; is it stopped?");
	case ENOMEM:
		return refused(pid, TOOL_FAILED,
			       "it has no memory, or too much, for a report");
	case E2BIG:
		return refused(pid, TOOL_FAILED, "it tells of too many heaps");
	case EBADMSG:
		return refused(pid, TOOL_FAILED, "its answer makes no sense");
	default:
		return refused(pid, TOOL_FAILED, strerror(error));
	}
}

/* ------------------------------------------------------------------ sums --- */

static bool is_slice(const struct inventory_area *area)
{
	return area->kind <= INVENTORY_FIXED;
}

static enum heap_page page_of(uint8_t fill)
{
	switch (fill) {
	case INVENTORY_GONE:
		return PAGE_GONE;
	case INVENTORY_FREE:
		return PAGE_UNUSED;
	case INVENTORY_FULL:
		return PAGE_FULL;
	default:
		return PAGE_PARTLY;
	}
}

uint64_t heap_area_memory(const struct inventory_area *area)
{
	return is_slice(area) ? area->size : area->committed;
}

static void add_slice(struct heap_sum *sum, const struct inventory_area *area)
{
	enum heap_page page;

	for (size_t i = 0; i < area->size / HEAP_PAGE; i++) {
		page = page_of(area->fill[i]);
		sum->pages[page]++;
		if (page != PAGE_GONE)
			sum->committed += HEAP_PAGE;
	}
	sum->slices++;
	sum->damaged += area->damaged != 0;
}

static void add_large(struct heap_sum *sum, const struct inventory_area *area)
{
	uint64_t pages = area->committed / HEAP_PAGE;
	uint64_t full = area->used / HEAP_PAGE;
	bool partly = area->used % HEAP_PAGE;

	sum->committed += area->committed;
	sum->pages[PAGE_FULL] += full;
	sum->pages[PAGE_PARTLY] += partly;
	sum->pages[PAGE_UNUSED] += pages - full - partly;
	sum->runs += area->kind == INVENTORY_RUN;
	sum->huge += area->kind == INVENTORY_HUGE;
	sum->guarded += area->kind == INVENTORY_GUARDED;
}

void heap_sum_add(struct heap_sum *sum, const struct inventory_area *area)
{
	sum->reserved += area->size;
	sum->used += area->used;
	sum->blocks += area->busy;
	sum->free += area->free;
	if (is_slice(area))
		add_slice(sum, area);
	else
		add_large(sum, area);
}

double heap_fragmentation(const struct heap_sum *sum)
{
	return sum->committed ?
	       1 - (double)sum->used / (double)sum->committed : 0;
}

void heap_classes(const struct heap *heap,
		  struct heap_sum classes[HEAP_CLASSES])
{
	memset(classes, 0, HEAP_CLASSES * sizeof(*classes));
	for (size_t i = 0; i < heap->count; i++)
		if (is_slice(&heap->areas[i]))
			heap_sum_add(&classes[heap->areas[i].block_size / 16],
				     &heap->areas[i]);
}

/* -------------------------------------------------------------- resident --- */

static bool look_at(int pagemap, const struct inventory_area *area,
		    uint64_t *resident)
{
	uint64_t entries[512], at = area->addr / HEAP_PAGE, pages;
	uint64_t end = at + heap_area_memory(area) / HEAP_PAGE;

	for (; at < end; at += pages) {
		pages = end - at < 512 ? end - at : 512;
		if (pread(pagemap, entries, pages * 8, (off_t)(at * 8)) !=
		    (ssize_t)pages * 8)
			return false;
		for (size_t i = 0; i < pages; i++)
			*resident += (entries[i] >> 63) * HEAP_PAGE;
	}
	return true;
}

static bool look_at_all(int pagemap, struct heap_report *report)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < report->count; i++) {
		struct heap *heap = &report->heaps[i];

		for (size_t j = 0; j < heap->count; j++) {
			pages += heap_area_memory(&heap->areas[j]) / HEAP_PAGE;
			if (pages > LOOK_PAGES ||
			    !look_at(pagemap, &heap->areas[j],
				     &heap->sum.resident))
				return false;
		}
	}
	return true;
}

static void find_resident(struct heap_report *report)
{
	char path[TEXT_MAX];
	int pagemap;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/pagemap", report->pid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (pagemap < 0)
		return;
	report->resident = look_at_all(pagemap, report);
	close(pagemap);
}

/* --------------------------------------------------------------- reading --- */

/* Nothing that is added up or drawn later goes beyond what there can be. */
static bool is_area(const struct inventory_area *area)
{
	if (area->kind >= INVENTORY_AREAS || area->addr % HEAP_PAGE ||
	    area->addr >= ADDRESSES || area->size > ADDRESSES - area->addr ||
	    area->size % HEAP_PAGE || !area->size)
		return false;
	if (is_slice(area))
		return area->size <= SLICE && area->used <= area->size &&
		       area->block_size % 16 == 0 &&
		       area->block_size / 16 < HEAP_CLASSES;
	return area->committed <= area->size && area->used <= area->committed &&
	       area->committed % HEAP_PAGE == 0;
}

static bool is_head(const struct inventory_head *head)
{
	return head->record == INVENTORY_HEAD && head->page == HEAP_PAGE &&
	       memchr(head->engine, '\0', sizeof(head->engine));
}

static bool is_heap(const struct inventory_heap *head)
{
	return head->record == INVENTORY_HEAP &&
	       head->origin < INVENTORY_ORIGINS;
}

/* The areas of a heap, up to the next record of another kind. */
static bool read_areas(struct heap *heap, const union inventory_record *end)
{
	const struct inventory_area *area = heap->areas;

	for (; (const void *)area < (const void *)end &&
	     area->record == INVENTORY_AREA; area++) {
		if (!is_area(area))
			return false;
		heap_sum_add(&heap->sum, area);
		heap->count++;
	}
	if (heap->head->maximum > heap->sum.reserved)
		heap->sum.reserved = heap->head->maximum;
	return true;
}

static struct heap *new_heap(struct heap_report *report)
{
	size_t room = report->count;

	/* Room doubles at each power of two. */
	if (!(room & (room - 1))) {
		report->heaps = reallocarray(report->heaps, room ? 2 * room : 1,
					     sizeof(*report->heaps));
		if (!report->heaps)
			abort();
	}
	report->heaps[room] = (struct heap){ 0 };
	return &report->heaps[report->count++];
}

/* Of a program whose malloc is another one, that heap does not count. */
static bool is_nothing(const struct heap *heap)
{
	return heap->head->origin == INVENTORY_MALLOC && !heap->count &&
	       !heap->head->locked;
}

static int read_heaps(struct heap_report *report)
{
	const union inventory_record *at = report->records + 1;
	const union inventory_record *end = report->records +
					    report->bytes / RECORD - 1;
	struct heap *heap;

	while (at < end) {
		if (report->count == MOST_HEAPS)
			return E2BIG;
		heap = new_heap(report);
		heap->head = &at->heap;
		heap->areas = &at[1].area;
		if (!is_heap(heap->head) || !read_areas(heap, end))
			return EBADMSG;
		at += heap->count + 1;
		report->locked += heap->head->locked != 0;
		if (is_nothing(heap))
			report->count--;
	}
	report->end = &end->end;
	return report->end->record == INVENTORY_END ? 0 : EBADMSG;
}

static void add_sum(struct heap_sum *to, const struct heap_sum *sum)
{
	to->reserved += sum->reserved;
	to->committed += sum->committed;
	to->resident += sum->resident;
	to->used += sum->used;
	to->blocks += sum->blocks;
	to->free += sum->free;
	to->runs += sum->runs;
	to->huge += sum->huge;
	to->guarded += sum->guarded;
	to->slices += sum->slices;
	to->damaged += sum->damaged;
	for (size_t i = 0; i < PAGE_KINDS; i++)
		to->pages[i] += sum->pages[i];
}

static int read_records(struct heap_report *report, int file)
{
	struct stat stat;
	void *records;

	if (fstat(file, &stat) || stat.st_size % (off_t)RECORD ||
	    stat.st_size < 2 * (off_t)RECORD)
		return EBADMSG;
	report->bytes = (size_t)stat.st_size;
	records = mmap(NULL, report->bytes, PROT_READ, MAP_PRIVATE, file, 0);
	if (records == MAP_FAILED)
		return errno;
	report->records = records;
	report->head = &report->records->head;
	return is_head(report->head) ? read_heaps(report) : EBADMSG;
}

int heap_read(struct heap_report *report, uint32_t pid)
{
	int file = inventory_ask((pid_t)pid), error;

	*report = (struct heap_report){ .pid = pid };
	if (file < 0)
		return explain(pid, -file);
	error = read_records(report, file);
	close(file);
	if (error) {
		heap_forget(report);
		return explain(pid, error);
	}
	find_resident(report);
	for (size_t i = 0; i < report->count; i++)
		add_sum(&report->total, &report->heaps[i].sum);
	return TOOL_OK;
}

void heap_forget(struct heap_report *report)
{
	free(report->heaps);
	if (report->records)
		munmap((void *)report->records, report->bytes);
}
