// SPDX-License-Identifier: MIT
/*
 * A map as a picture: a bar for each reservation, in it the runs. All bars begin at
 * the left; their lengths go by the logarithm of the size, since a heap's smallest
 * and its largest reservation may be a million apart. Inside a bar lengths are
 * true. How high a run is filled says how much of it is resident.
 */
#include <inttypes.h>
#include <math.h>

#include "map.h"
#include "output.h"
#include "svg.h"
#include "tool.h"

#define WIDTH		1000
#define MARGIN		10.0
#define LABEL		300.0		/* where bars begin */
#define BAR_MAX		(WIDTH - LABEL - MARGIN)
#define BAR_MIN		60.0
#define BAR_HEIGHT	16.0
#define ROW		22.0
#define HEAD		64.0
#define SMALLEST	4096.0

static const struct look {
	const char *name;
	const char *empty;	/* colour of what is not resident */
	const char *full;
} looks[] = {
	{ "reserved", "#e4e4e4", "#e4e4e4" },
	{ "no access", "#c8c8c8", "#707070" },
	{ "read only", "#cfe0f5", "#3b78c2" },
	{ "writable", "#cdebd0", "#2f9340" },
	{ "executable", "#fbe3bf", "#d98a12" },
	{ "guard", "#f7c9c9", "#c92a2a" },
};

#define LOOKS (sizeof(looks) / sizeof(looks[0]))

#define EXECUTABLE (NTMEM_PAGE_EXECUTE | NTMEM_PAGE_EXECUTE_READ | \
		    NTMEM_PAGE_EXECUTE_READWRITE | \
		    NTMEM_PAGE_EXECUTE_WRITECOPY)

static const struct look *look_of(const struct map_run *run)
{
	if (run->state != NTMEM_STATE_COMMIT)
		return &looks[0];
	if (run->prot & NTMEM_PAGE_GUARD)
		return &looks[5];
	if (run->prot & EXECUTABLE)
		return &looks[4];
	if (run->prot & (NTMEM_PAGE_READWRITE | NTMEM_PAGE_WRITECOPY))
		return &looks[3];
	return &looks[run->prot & NTMEM_PAGE_READONLY ? 2 : 1];
}

/* With a text that a pointer over it shows. */
static void draw_run(FILE *to, const struct map_run *run, double x, double y,
		     double width)
{
	double filled = run->size ? BAR_HEIGHT * (double)run->resident /
				    (double)run->size : 0;
	const struct look *look = look_of(run);
	char size[TEXT_MAX], prot[TEXT_MAX], resident[TEXT_MAX];

	fprintf(to, "<g><title>0x%" PRIx64 " %s %s %s, %s resident</title>\n",
		run->addr, number_to_text(run->size, size),
		state_name(run->state), prot_to_text(run->prot, prot),
		number_to_text(run->resident, resident));
	svg_rect(to, x, y, width, BAR_HEIGHT, look->empty);
	if (filled > 0)
		svg_rect(to, x, y + BAR_HEIGHT - filled, width, filled,
			  look->full);
	fputs("</g>\n", to);
}

static double bar_width(uint64_t size, uint64_t largest)
{
	double range = log2((double)largest / SMALLEST);
	double part = log2((double)size / SMALLEST);

	if (range <= 0 || part <= 0)
		return range > 0 ? BAR_MIN : BAR_MAX;
	return BAR_MIN + (BAR_MAX - BAR_MIN) * part / range;
}

static void draw_reservation(FILE *to, const struct map *map, size_t first,
			     size_t end, double y, uint64_t largest)
{
	const struct map_run *head = &map->runs[first];
	uint64_t size = map_sum(map, first, end).reserved;
	double x = LABEL, all = bar_width(size, largest), width;
	char text[TEXT_MAX];

	fprintf(to, "<text x=\"%.0f\" y=\"%.2f\">0x%" PRIx64 " %s %s%s%s</text>\n",
		MARGIN, y + BAR_HEIGHT - 4, head->base,
		number_to_text(size, text), type_name(head->type),
		head->flags & NTMEM_RUN_WATCH ? " watch" : "",
		head->flags & NTMEM_RUN_PLACEHOLDER ? " placeholder" : "");
	for (size_t i = first; i < end; i++) {
		width = all * (double)map->runs[i].size / (double)size;
		draw_run(to, &map->runs[i], x, y, width);
		x += width;
	}
	fprintf(to, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"none\" stroke=\"#555\" stroke-width=\"0.5\"/>\n",
		LABEL, y, all, BAR_HEIGHT);
}

static void draw_head(FILE *to, const struct map *map)
{
	struct map_sum sum = map_sum(map, 0, map->count);
	char name[COMM_MAX], a[TEXT_MAX], b[TEXT_MAX], c[TEXT_MAX];
	double x = MARGIN;

	fprintf(to, "<text x=\"%.0f\" y=\"20\" font-weight=\"bold\">%" PRIu32 " ",
		MARGIN, map->pid);
	svg_escape(to, process_name(map->pid, name));
	fprintf(to, ": %s reserved, %s committed, %s resident</text>\n",
		number_to_text(sum.reserved, a),
		number_to_text(sum.committed, b),
		number_to_text(sum.resident, c));
	for (size_t i = 0; i < LOOKS; i++, x += 120) {
		svg_rect(to, x, 34, 12, 12, looks[i].empty);
		svg_rect(to, x, 40, 12, 6, looks[i].full);
		fprintf(to, "<text x=\"%.0f\" y=\"45\">%s</text>\n", x + 18,
			looks[i].name);
	}
	fprintf(to, "<text x=\"%.0f\" y=\"45\">filled: resident</text>\n", x);
}

void map_draw(FILE *to, const void *what)
{
	const struct map *map = what;
	size_t rows = 0, end, first;
	uint64_t largest = 0, size;
	double y = HEAD;

	for (first = 0; first < map->count; first = end) {
		end = map_reservation_end(map, first);
		size = map_sum(map, first, end).reserved;
		largest = size > largest ? size : largest;
		rows++;
	}
	svg_begin(to, WIDTH, HEAD + ROW * (double)rows + MARGIN);
	draw_head(to, map);
	for (first = 0; first < map->count; first = end, y += ROW) {
		end = map_reservation_end(map, first);
		draw_reservation(to, map, first, end, y, largest);
	}
	svg_end(to);
}
