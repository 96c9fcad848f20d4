// SPDX-License-Identifier: MIT
/*
 * Pictures in SVG. See svg.h.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "svg.h"
#include "tool.h"

void svg_begin(FILE *to, int width, double height)
{
	fprintf(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" font-family=\"monospace\" font-size=\"12\">\n",
		width, height);
	fputs("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n", to);
}

void svg_end(FILE *to)
{
	fputs("</svg>\n", to);
}

void svg_rect(FILE *to, double x, double y, double width, double height,
	      const char *fill)
{
	fprintf(to, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"/>\n",
		x, y, width, height, fill);
}

void svg_escape(FILE *to, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			fputs("&amp;", to);
		else if (*text == '<')
			fputs("&lt;", to);
		else if (*text == '>')
			fputs("&gt;", to);
		else
			putc(*text, to);
	}
}

int svg_into(const char *who, const char *path,
	     void (*draw)(FILE *to, const void *what), const void *what)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "we") : stdout;
	bool failed;

	if (file) {
		draw(file, what);
		failed = ferror(file);
		if (file != stdout)
			failed |= fclose(file) != 0;
		if (!failed)
			return TOOL_OK;
	}
	fprintf(stderr, "ntmem: %s: %s: %s\n", who, path, strerror(errno));
	return TOOL_FAILED;
}
