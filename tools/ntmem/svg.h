/* SPDX-License-Identifier: MIT */
/*
 * Pictures in SVG: what those of all subcommands have in common.
 */
#ifndef NTMEM_TOOL_SVG_H
#define NTMEM_TOOL_SVG_H

#include <stdio.h>

/* A white sheet; everything is drawn between the two. */
void svg_begin(FILE *to, int width, double height);
void svg_end(FILE *to);

void svg_rect(FILE *to, double x, double y, double width, double height,
	      const char *fill);

/* Text, with what XML takes for its own replaced. */
void svg_escape(FILE *to, const char *text);

/*
 * Has it drawn into a file, or with "-" to standard output. Returns TOOL_OK, or
 * TOOL_FAILED after saying why.
 */
int svg_into(const char *who, const char *path,
	     void (*draw)(FILE *to, const void *what), const void *what);

#endif
