// SPDX-License-Identifier: MIT
/*
 * The heaps of a process as a picture: each is a sheet of cells, and a cell is a page,
 * or several where there are many. Its colour says how full it is. Cells stand in the
 * order of addresses; eight slices fill a row where a cell is a page.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "output.h"
#include "svg.h"
#include "tool.h"

#define COLUMNS		128
#define CELL		7.6
#define CELL_HEIGHT	9.0
#define MARGIN		12.0
#define WIDTH		1000
#define HEAD		72.0
#define TITLE		22.0
#define GAP		12.0
/* A picture has no more cells than about this many in each heap. */
#define CELLS_MAX	16384

/* What several pages side by side have in common: sums over them. */
struct cell {
	uint64_t addr;
	uint64_t pages;
	uint64_t gone;
	uint64_t large;			/* in blocks of many pages */
	double used;			/* pages */
};

static const struct look {
	const char *name;
	const char *fill;
} looks[] = {
	{ "given back", "#ececec" },
	{ "no block in use", "#f2b8b5" },
	{ "up to a quarter", "#fbdc9a" },
	{ "up to a half", "#e9e27c" },
	{ "to three quarters", "#b5d87f" },
	{ "not quite full", "#74bd6e" },
	{ "full", "#2f8f45" },
	{ "large block", "#4a7fc1" },
};

#define LOOKS (sizeof(looks) / sizeof(looks[0]))

static size_t look_of(const struct cell *cell)
{
	uint64_t held = cell->pages - cell->gone;
	double part;

	if (!held)
		return 0;
	if (2 * cell->large > held)
		return 7;
	part = cell->used / (double)held;
	if (part <= 0)
		return 1;
	return part >= 0.999 ? 6 : 1 + (size_t)ceil(part * 4);
}

/* ----------------------------------------------------------- into cells --- */

struct sheet {
	struct cell *cells;
	size_t count;
	uint64_t unit;			/* pages of a cell */
	size_t rows;
};

static int by_address(const void *a, const void *b)
{
	uint64_t one = (*(const struct inventory_area *const *)a)->addr;
	uint64_t other = (*(const struct inventory_area *const *)b)->addr;

	return (one > other) - (one < other);
}

static const struct inventory_area **sorted(const struct heap *heap)
{
	const struct inventory_area **list =
		calloc(heap->count + 1, sizeof(*list));

	if (!list)
		abort();
	for (size_t i = 0; i < heap->count; i++)
		list[i] = &heap->areas[i];
	qsort(list, heap->count, sizeof(*list), by_address);
	return list;
}

/* The cell for the next page: the last one, unless it is full. */
static struct cell *next_cell(struct sheet *sheet, uint64_t addr)
{
	struct cell *cell = sheet->cells + sheet->count;

	if (sheet->count && cell[-1].pages < sheet->unit)
		return cell - 1;
	*cell = (struct cell){ .addr = addr };
	sheet->count++;
	return cell;
}

/* Of a page of a slice, the part that is in use. */
static double page_use(uint8_t fill)
{
	return fill <= INVENTORY_FREE ? 0 : (double)(fill - INVENTORY_FREE) /
					    (INVENTORY_FULL - INVENTORY_FREE);
}

static void add_slice(struct sheet *sheet, const struct inventory_area *area)
{
	struct cell *cell;

	for (size_t page = 0; page < area->size / HEAP_PAGE; page++) {
		cell = next_cell(sheet, area->addr + page * HEAP_PAGE);
		cell->pages++;
		cell->used += page_use(area->fill[page]);
		cell->gone += area->fill[page] == INVENTORY_GONE;
	}
}

/* Cell by cell: there may be very many pages. */
static void add_large(struct sheet *sheet, const struct inventory_area *area)
{
	uint64_t pages = area->committed / HEAP_PAGE, page = 0, count;
	double used = (double)area->used / HEAP_PAGE, part;
	struct cell *cell;

	for (; page < pages; page += count) {
		cell = next_cell(sheet, area->addr + page * HEAP_PAGE);
		count = sheet->unit - cell->pages;
		if (count > pages - page)
			count = pages - page;
		part = fmin(fmax(used - (double)page, 0), (double)count);
		cell->pages += count;
		cell->used += part;
		cell->large += (uint64_t)ceil(part);
	}
}

static uint64_t pages_of(const struct heap *heap)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < heap->count; i++)
		pages += heap_area_memory(&heap->areas[i]) / HEAP_PAGE;
	return pages;
}

static void make_sheet(struct sheet *sheet, const struct heap *heap)
{
	const struct inventory_area **areas = sorted(heap);
	uint64_t pages = pages_of(heap);

	*sheet = (struct sheet){ .unit = 1 };
	while (pages / sheet->unit > CELLS_MAX)
		sheet->unit *= 2;
	sheet->cells = calloc(pages / sheet->unit + 1, sizeof(*sheet->cells));
	if (!sheet->cells)
		abort();
	for (size_t i = 0; i < heap->count; i++) {
		if (areas[i]->kind <= INVENTORY_FIXED)
			add_slice(sheet, areas[i]);
		else
			add_large(sheet, areas[i]);
	}
	sheet->rows = (sheet->count + COLUMNS - 1) / COLUMNS;
	free(areas);
}

/* --------------------------------------------------------------- drawing --- */

/* Cells side by side that look the same, with a text for a pointer over them. */
static void draw_cells(FILE *to, const struct cell *cells, size_t count,
		       double x, double y)
{
	uint64_t pages = 0;
	double used = 0;

	for (size_t i = 0; i < count; i++) {
		pages += cells[i].pages;
		used += cells[i].used;
	}
	fprintf(to, "<g><title>0x%" PRIx64 ": %" PRIu64 " page%s, %.0f%% in use</title>",
		cells->addr, pages, pages == 1 ? "" : "s",
		100 * used / (double)pages);
	svg_rect(to, x, y, (double)count * CELL - 0.8, CELL_HEIGHT - 1,
		 looks[look_of(cells)].fill);
	fputs("</g>\n", to);
}

static void draw_row(FILE *to, const struct cell *cells, size_t count, double y)
{
	size_t first, end;

	for (first = 0; first < count; first = end) {
		for (end = first + 1; end < count; end++)
			if (look_of(&cells[end]) != look_of(&cells[first]))
				break;
		draw_cells(to, cells + first, end - first,
			   MARGIN + (double)first * CELL, y);
	}
}

static void draw_title(FILE *to, const struct heap *heap,
		       const struct sheet *sheet, double y)
{
	char name[TEXT_MAX], text[TEXT_MAX], size[TEXT_MAX], used[TEXT_MAX];

	fprintf(to, "<text x=\"%.0f\" y=\"%.2f\"><tspan font-weight=\"bold\">%s</tspan> %s",
		MARGIN, y + TITLE - 8, heap_name(heap, name),
		heap_flags(heap, text));
	if (!heap->head->locked)
		fprintf(to, ": %s committed, %s in use, %" PRIu64 " block%s, fragmentation %.0f%%",
			size_to_short(heap->sum.committed, size),
			size_to_short(heap->sum.used, used), heap->sum.blocks,
			heap->sum.blocks == 1 ? "" : "s",
			100 * heap_fragmentation(&heap->sum));
	if (sheet->unit > 1)
		fprintf(to, "; a cell is %" PRIu64 " pages", sheet->unit);
	fputs("</text>\n", to);
}

/* Returns where the next one begins. */
static double draw_heap(FILE *to, const struct heap *heap,
			const struct sheet *sheet, double y)
{
	size_t left;

	draw_title(to, heap, sheet, y);
	y += TITLE;
	for (size_t row = 0; row < sheet->rows; row++, y += CELL_HEIGHT) {
		left = sheet->count - row * COLUMNS;
		draw_row(to, sheet->cells + row * COLUMNS,
			 left < COLUMNS ? left : COLUMNS, y);
	}
	return y + GAP;
}

static void draw_head(FILE *to, const struct heap_report *report)
{
	char name[COMM_MAX], a[TEXT_MAX], b[TEXT_MAX];
	double x = MARGIN;

	fprintf(to, "<text x=\"%.0f\" y=\"22\" font-weight=\"bold\">%" PRIu32 " ",
		MARGIN, report->pid);
	svg_escape(to, process_name(report->pid, name));
	fprintf(to, ": %zu heap%s, %s committed, %s in use</text>\n",
		report->count, report->count == 1 ? "" : "s",
		size_to_short(report->total.committed, a),
		size_to_short(report->total.used, b));
	for (size_t i = 0; i < LOOKS; i++) {
		svg_rect(to, x, 38, 12, 12, looks[i].fill);
		fprintf(to, "<text x=\"%.0f\" y=\"48\">%s</text>\n", x + 16,
			looks[i].name);
		x += 30 + 7.3 * (double)strlen(looks[i].name);
	}
}

void heap_draw(FILE *to, const void *what)
{
	const struct heap_report *report = what;
	struct sheet *sheets = calloc(report->count + 1, sizeof(*sheets));
	double y = HEAD, height = HEAD + MARGIN;

	if (!sheets)
		abort();
	for (size_t i = 0; i < report->count; i++) {
		make_sheet(&sheets[i], &report->heaps[i]);
		height += TITLE + GAP + CELL_HEIGHT * (double)sheets[i].rows;
	}
	svg_begin(to, WIDTH, height);
	draw_head(to, report);
	for (size_t i = 0; i < report->count; i++) {
		y = draw_heap(to, &report->heaps[i], &sheets[i], y);
		free(sheets[i].cells);
	}
	svg_end(to);
	free(sheets);
}
