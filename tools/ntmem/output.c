// SPDX-License-Identifier: MIT
/*
 * Colour, lines of JSON, time, and names of processes and users.
 */
#include <ctype.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "output.h"
#include "tool.h"

static bool wants_colour(void)
{
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (!none || !*none) && term &&
	       strcmp(term, "dumb");
}

const char *colour(enum colour which)
{
	static const char *const texts[] = {
		[COLOUR_NONE] = "\033[0m",
		[COLOUR_BOLD] = "\033[1m",
		[COLOUR_DIM] = "\033[2m",
		[COLOUR_RED] = "\033[31m",
		[COLOUR_GREEN] = "\033[32m",
		[COLOUR_YELLOW] = "\033[33m",
		[COLOUR_BLUE] = "\033[34m",
	};
	static int wanted = -1;

	if (wanted < 0)
		wanted = wants_colour();
	return wanted ? texts[which] : "";
}

int terminal_lines(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		return 0;
	return size.ws_row;
}

void print_json_line(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
	json_object_put(object);
}

void json_add_size(struct json_object *object, const char *name,
		   uint64_t value)
{
	json_object_object_add(object, name, json_object_new_uint64(value));
}

void json_add_text(struct json_object *object, const char *name,
		   const char *text)
{
	json_object_object_add(object, name, json_object_new_string(text));
}

struct json_object *json_with_time(void)
{
	struct json_object *object = json_object_new_object();
	struct timespec now;
	char text[TEXT_MAX];

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(text, sizeof(text), "%lld.%06ld", (long long)now.tv_sec,
		 now.tv_nsec / 1000);
	json_object_object_add(object, "time",
			       json_object_new_double_s(strtod(text, NULL),
							text));
	return object;
}

double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void sleep_until(double seconds)
{
	struct timespec until = {
		.tv_sec = (time_t)seconds,
		.tv_nsec = (long)((seconds - floor(seconds)) * 1e9),
	};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

const char *process_name(uint32_t pid, char *buf)
{
	char path[TEXT_MAX];
	FILE *file;

	strcpy(buf, "-");
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return buf;
	if (fgets(buf, COMM_MAX, file))
		buf[strcspn(buf, "\n")] = '\0';
	fclose(file);
	/* A process chooses its own name, and it may hold anything. */
	for (char *at = buf; *at; at++)
		if (!isascii((unsigned char)*at) || !isprint((unsigned char)*at))
			*at = '?';
	return buf;
}

const char *user_name(uint32_t uid, char *buf)
{
	struct passwd *user = getpwuid(uid);

	if (user)
		snprintf(buf, COMM_MAX, "%s", user->pw_name);
	else
		snprintf(buf, COMM_MAX, "%" PRIu32, uid);
	return buf;
}
